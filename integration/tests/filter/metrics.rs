//! `coalmine_decisions`, as Prometheus reads it.

use coalmine_integration::client::Request;
use coalmine_integration::decisions::{Counts, Decided};

use crate::setting::{Setting, shop};

const CANARIES: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary}
  rules:
    - {name: staff, when: {header: {name: x-group, exact: staff}}, route: canary}
    - {name: nobody, when: {header: {name: x-group, exact: beta}}, shares: {canary: 0%}}
  shares: {canary: 100%}
  unit: [{header: x-user-id}]
---
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: prices}
spec:
  hosts: [prices]
  variants: {old: {}, new: {}}
  default: old
";

/// So many that it would take a wonder for a worker to get none of them.
const CONNECTIONS: usize = 24;

#[test]
fn every_decision_is_counted_once_whichever_worker_made_it() {
    let setting = Setting::of(CANARIES);
    let client = setting.client();
    let shop_with = |name: &str, value: &str| shop().header(name, value);
    let other = |host: &str| Request::get("/").header("host", host);
    let series = [
        (
            shop_with("x-canary", "never"),
            1,
            "web/shop",
            "stable",
            "never",
        ),
        (
            shop_with("x-canary", "canary"),
            2,
            "web/shop",
            "canary",
            "pin",
        ),
        (
            shop_with("x-group", "staff"),
            3,
            "web/shop",
            "canary",
            "rule:staff",
        ),
        (
            shop_with("x-group", "beta"),
            4,
            "web/shop",
            "stable",
            "rule:nobody",
        ),
        (
            shop_with("x-user-id", "u"),
            5,
            "web/shop",
            "canary",
            "share",
        ),
        (shop(), 6, "web/shop", "stable", "no-unit"),
        (other("prices"), 7, "prices", "old", "default"),
    ];
    let mut expected = Counts::new();
    for (request, times, canary, variant, reason) in series {
        for _ in 0..times {
            let answers = client.send_on_each(CONNECTIONS, &request).unwrap();
            assert!(answers.iter().all(|answer| answer.status == 200));
        }
        let count = u64::try_from(times * CONNECTIONS).unwrap();
        expected.insert(Decided::new(canary, variant, reason), count);
    }
    // What no canary governs is not counted.
    assert_eq!(client.send(&other("elsewhere")).unwrap().status, 404);
    assert_eq!(setting.stand.decisions().unwrap(), expected);

    let admin = setting.stand.envoy.admin();
    let page = admin.prometheus().unwrap();
    for line in [
        "# TYPE coalmine_decisions counter",
        r#"coalmine_decisions{canary="web/shop",variant="canary",reason="pin"} 48"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    setting.assert_both_workers();
    setting.end_without_problems();
}
