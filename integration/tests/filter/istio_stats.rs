//! Labels where the bootstrap is Istio's: by `extraStatTags`, and by rules of Prometheus.
//!
//! The bootstraps here have the part of Istio's that makes names and labels of metrics
//! (`stats_config` of tools/packaging/common/envoy_bootstrap.json in istio/istio 1.31, filled as its
//! pkg/bootstrap does for a sidecar without annotations).

use std::time::Duration;

use coalmine_integration::behaviour::Behaviour;
use coalmine_integration::prometheus::Prometheus;
use coalmine_manifests::envoy as target;
use coalmine_manifests::prometheus::{istio_stat_tags, relabelling};
use serde_json::{Value, json};

use crate::arms::{Drawing, Ledger};
use crate::evidence::{LEAVES_AFTER, SHOP, Way, edit, go, unit};
use crate::prometheus::assert_read;
use crate::setting::{Setting, read};

const DRAWING: Drawing<'_> = Drawing {
    canary: "web/shop",
    share: 300_000,
    rest: false,
};

/// What Istio's own tags are: by name, the regex, in the order in which it lists them.
const BEFORE: [(&str, &str); 9] = [
    ("cluster_name", r"^cluster(\.(.+);)"),
    (
        "http_conn_manager_prefix",
        r"^http\.(((?:[_.[:digit:]\w]*|[_\[\]aAbBcCdDeEfF[:digit:]\w\:]*));\.)",
    ),
    ("thread_name", r"^server(\.(.+))\.watchdog"),
    ("tcp_prefix", r"^tcp\.((.*?)\.)\w+?$"),
    ("response_code", r"_rq(_(\d{3}))$"),
    ("response_code_class", r"_rq(_(\dxx))$"),
    (
        "http_conn_manager_listener_prefix",
        r"^listener(?=\.).*?\.http\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)",
    ),
    (
        "listener_address",
        r"^listener\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)",
    ),
    (
        "mongo_prefix",
        r"^mongo\.(.+?)\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$",
    ),
];

/// Those behind `extraStatTags`.
const BEHIND: [(&str, &str); 7] = [
    ("cache", r"(cache\.(.+?)\.)"),
    ("component", r"(component\.(.+?)\.)"),
    ("tag", r"(tag\.(.+?);\.)"),
    ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
    ("authz_enforce_result", r"rbac(\.(allowed|denied))"),
    ("authz_dry_run_action", r"(\.istio_dry_run_(allow|deny)_)"),
    ("authz_dry_run_result", r"(\.shadow_(allowed|denied))"),
];

/// `stats_config` as Istio's agent writes it for a proxy with these `extraStatTags`.
fn stats_config(extra: &[&str]) -> Value {
    let tag = |(name, regex): (&str, &str)| json!({"tag_name": name, "regex": regex});
    let extra = extra.iter().map(|name| {
        let regex = format!(r"({name}=\.=(.*?);\.;)");
        tag((name, &regex))
    });
    let tags: Vec<Value> = BEFORE
        .map(tag)
        .into_iter()
        .chain(extra)
        .chain(BEHIND.map(tag))
        .collect();
    let prefixes = [
        "reporter=",
        "cluster_manager",
        "listener_manager",
        "server",
        "cluster.xds-grpc",
        "wasm",
        "component",
        "istio",
    ];
    let suffixes = [
        "rbac.allowed",
        "rbac.denied",
        "shadow_allowed",
        "shadow_denied",
    ];
    let patterns = prefixes.map(|prefix| json!({"prefix": prefix})).into_iter();
    let patterns = patterns.chain(suffixes.map(|suffix| json!({"suffix": suffix})));
    let regex = json!({"safe_regex": {"regex": r"vhost\..*\.route\..*"}});
    let patterns: Vec<Value> = patterns.chain([regex]).collect();
    json!({
        "use_all_default_tags": false,
        "stats_tags": tags,
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
    })
}

/// Slower than the bound of [`start`].
const SLOW: Behaviour = Behaviour::Slow(Duration::from_millis(1500));

/// [`SHOP`] with a bound, in an Envoy with Istio's names of metrics.
fn start(extra: &[&str]) -> Setting {
    Setting::with(
        read(&SHOP.replace("evidence: {}", "evidence: {slowerThan: [1s]}")),
        |_| (),
        |files, _| {
            edit(files, target::BOOTSTRAP, |bootstrap| {
                bootstrap["stats_config"] = stats_config(extra);
            });
        },
    )
}

/// Requests that are counted in every metric.
fn send(setting: &Setting) -> Ledger {
    let mut ledger = Ledger::default();
    for (way, class, begun, grpc) in [
        (Way::Waits(Behaviour::Well), "ok", true, None),
        (Way::Waits(Behaviour::Status(404)), "4xx", true, None),
        (Way::Waits(Behaviour::Status(503)), "5xx", true, None),
        (Way::Waits(Behaviour::Reset), "reset", true, None),
        (
            Way::Leaves(Behaviour::Hang, LEAVES_AFTER),
            "cancelled",
            false,
            None,
        ),
        (Way::Waits(SLOW), "ok", true, None),
        (Way::Waits(Behaviour::Grpc(13)), "5xx", true, Some(13)),
    ] {
        let mut all = Vec::new();
        for user in 0..32 {
            ledger.drawn(DRAWING, &unit(user), class, begun);
            if matches!(way, Way::Waits(SLOW)) {
                ledger.slow(DRAWING, &unit(user), &["1000"]);
            }
            if let Some(status) = grpc {
                ledger.grpc(DRAWING, &unit(user), status);
            }
            all.push(vec![("x-user-id", unit(user))]);
        }
        for (name, value, choice) in [("x-canary", "canary", "pin"), ("x-group", "staff", "rule")] {
            ledger.chosen(DRAWING.canary, "canary", choice, class);
            all.push(vec![(name, value.to_owned())]);
        }
        all.push(vec![("x-group", "bot".to_owned())]);
        if grpc.is_some() {
            let kind = ("content-type", "application/grpc".to_owned());
            all.iter_mut()
                .for_each(|headers| headers.push(kind.clone()));
        }
        go(setting, way, "shop", &all);
    }
    ledger
}

#[test]
fn extra_stat_tags_of_istio_make_the_labels() {
    let setting = start(&istio_stat_tags());
    let prometheus = Prometheus::start(setting.stand.envoy.admin().address()).unwrap();
    let ledger = send(&setting);
    assert_read(&prometheus, &ledger);
    assert_decisions(&prometheus);
    setting.end_without_problems();
}

/// What comes of a decision has its labels, with names as they were written.
fn assert_decisions(prometheus: &Prometheus) {
    for (reason, variant) in [
        ("share", "canary"),
        ("share", "stable"),
        ("pin", "canary"),
        ("rule:staff", "canary"),
        ("rule:no-crawlers", "stable"),
    ] {
        let query = format!(
            r#"coalmine_decisions{{canary="web/shop",variant="{variant}",reason="{reason}"}}"#
        );
        assert_eq!(prometheus.query(&query).unwrap().len(), 1, "{query}");
    }
}

/// Where nobody names the labels, they come in the name of the metric, and rules bring them back.
#[test]
fn rules_of_prometheus_make_the_labels_too() {
    let setting = start(&[]);
    let admin = setting.stand.envoy.admin();
    let rules = relabelling(&setting.canaries).unwrap();
    let mut rules: Value = serde_saphyr::from_str(&rules).unwrap();
    let prometheus =
        Prometheus::start_with(admin.address(), &rules["metric_relabel_configs"].take()).unwrap();
    let ledger = send(&setting);
    assert_read(&prometheus, &ledger);
    assert_decisions(&prometheus);
    let page = admin.prometheus().unwrap();
    let name = "canary___web_shop___arm___canary___served___canary___coalmine_latency_milliseconds_count{} ";
    assert!(page.lines().any(|line| line.starts_with(name)), "{page}");
    setting.end_without_problems();
}
