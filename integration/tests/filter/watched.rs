//! Canaries, variants and endpoints that come and go while Envoy runs and requests flow.

use std::time::Duration;

use coalmine::config::Canaries;
use coalmine_integration::client::Request;
use coalmine_integration::load::Load;
use coalmine_integration::stand;
use coalmine_integration::upstream::Upstream;
use coalmine_manifests::envoy::Form;

use crate::setting::{PATIENCE, Setting, USUAL, end_without_failures, read, user, variant};

/// Another service of the same Envoy.
const OTHER: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: prices}
spec:
  hosts: [prices]
  variants: {old: {}, new: {}}
  default: old
  pins: {header: x-canary}
";

/// [`USUAL`] with a third variant.
fn third(canaries: &Canaries) -> Canaries {
    let text = USUAL
        .replace("canary: {}}", "canary: {}, third: {max: 40%}}")
        .replace("shares: {canary: 5%}", "shares: {canary: 5%, third: 40%}")
        .replace("stable: {}, canary: {}", "stable: {}, canary: {max: 50%}");
    let mut canaries_with = read(&text);
    for (name, old) in &canaries.canaries[0].spec.variants {
        let variants = &mut canaries_with.canaries[0].spec.variants;
        let same = variants.iter_mut().find(|(other, _)| other == name);
        same.unwrap().1.endpoints = old.endpoints.clone();
    }
    canaries_with
}

#[test]
fn canaries_and_variants_come_and_go_without_a_restart_or_a_failed_request() {
    let setting = Setting::with(read(USUAL), |options| options.form = Form::Xds, |_, _| ());
    let stand = &setting.stand;
    let client = setting.client();
    // Users and testers, so that each variant that there is has requests all the time.
    let load = Load::start(stand.ingress, 4, Duration::from_millis(1), |number| {
        let request = user(usize::try_from(number % 500).unwrap());
        match number % 4 {
            0 => request.header("x-canary", "canary"),
            1 => request.header("x-canary", "third"),
            _ => request,
        }
    });
    load.wait_for(100, PATIENCE).unwrap();

    let mut other = read(OTHER);
    let _others = stand::upstreams(&mut other).unwrap();
    let alone = &setting.canaries;
    let mut with_third = third(alone);
    let spec = &mut with_third.canaries[0].spec;
    let third_upstream = Upstream::start("shop/third").unwrap();
    let last = spec.variants.iter_mut().find(|(name, _)| name == "third");
    last.unwrap().1.endpoints = vec![third_upstream.address().to_string()];
    let mut everything = with_third.clone();
    everything.canaries.extend(other.canaries.clone());

    let prices = |pin: &str| {
        Request::get("/")
            .header("host", "prices")
            .header("x-canary", pin)
    };
    let pinned = user(1).header("x-canary", "third");
    let mut moved = alone.clone();
    for round in 0..10 {
        let status = client.send(&prices("new")).unwrap().status;
        assert_eq!(status, 404, "round {round}: nobody has heard of it");
        assert_ne!(variant(&client.send(&pinned).unwrap()), "third");

        stand.change(&everything).unwrap();
        for (pin, expected) in [("new", "prices/new"), ("old", "prices/old")] {
            let answer = client.send(&prices(pin)).unwrap();
            assert_eq!(answer.served_by(), expected, "round {round}");
        }
        assert_eq!(variant(&client.send(&pinned).unwrap()), "third");
        load.wait_for(50, PATIENCE).unwrap();

        // The same variant somewhere else.
        let elsewhere = stand::upstreams(&mut moved).unwrap();
        stand.change(&moved).unwrap();
        load.wait_for(50, PATIENCE).unwrap();
        assert!(elsewhere.iter().all(|upstream| upstream.requests() > 0));
        stand.change(alone).unwrap();
        load.wait_for(50, PATIENCE).unwrap();
    }
    let report = end_without_failures(load);
    eprintln!("{} requests", report.samples.len());
    assert!(report.served_by("shop/third") > 0);
    setting.end_without_problems();
}
