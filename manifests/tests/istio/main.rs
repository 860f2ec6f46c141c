//! What the `istio` target makes of canaries, and what Istio's own definitions say of it.

#[path = "../examples/mod.rs"]
mod examples;
mod refused;
#[path = "../schemas/mod.rs"]
mod schemas;

use coalmine::config::Canaries;
use coalmine_manifests::istio::{
    self, Extension, FailStrategy, Kind, Module, Options, Phase, Placement, PullPolicy, Routes,
    TargetRef,
};
use coalmine_manifests::kubernetes::{Provenance, documents};
use coalmine_manifests::{Error, File};
use examples::Example;
use schemas::Schemas;
use serde_json::{Value, json};

/// A canary of `bookinfo` with these variants, and more in its spec.
fn canary(hosts: &str, variants: &str, more: &str) -> Canaries {
    examples::read(&text(hosts, variants, more))
}

fn text(hosts: &str, variants: &str, more: &str) -> String {
    format!(
        "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: reviews, namespace: bookinfo}}
spec:
  hosts: {hosts}
  variants: {variants}
  default: stable
  {more}\n"
    )
}

const LABELS: &str = "{stable: {labels: {version: v1}}, canary: {labels: {version: v2}}}";

fn extension() -> Extension {
    let digest = "0123456789abcdef".repeat(4);
    let url = format!("oci://registry.example.com/coalmine@sha256:{digest}");
    Extension::new(Module::new(&url, None).unwrap())
}

fn render(canaries: &Canaries, options: &Options) -> Result<Vec<File>, Error> {
    istio::render(canaries, &Provenance::default(), options)
}

fn routes(canaries: &Canaries, gateways: &[&str]) -> Vec<Value> {
    let gateways = gateways.iter().map(|&name| name.to_owned()).collect();
    let options = Options {
        extension: None,
        routes: Some(Routes { gateways }),
    };
    objects(&render(canaries, &options).unwrap())
}

fn objects(files: &[File]) -> Vec<Value> {
    let parse = |file: &File| serde_saphyr::from_str(&file.contents).unwrap();
    files.iter().map(parse).collect()
}

fn of_kind<'o>(objects: &'o [Value], kind: &str) -> Vec<&'o Value> {
    objects
        .iter()
        .filter(|object| object["kind"] == kind)
        .collect()
}

/// Every option of the plugin, each set at least once.
fn extensions() -> Vec<Extension> {
    let selector = [("app".to_owned(), "shop".to_owned())];
    let targets = ["Gateway/a", "GatewayClass/b", "Service/c", "ServiceEntry/d"];
    let targets = targets.map(|text| TargetRef::parse(text).unwrap());
    let sum = "0123456789abcdef".repeat(4);
    let sets = [
        extension(),
        Extension {
            placement: Placement::Selector(selector.into_iter().collect()),
            fail_strategy: FailStrategy::Reload,
            pull_secret: Some("registry".to_owned()),
            pull_policy: Some(PullPolicy::IfNotPresent),
            phase: Some(Phase::Stats),
            priority: Some(i32::MIN),
            ..extension()
        },
        Extension {
            placement: Placement::Targets(targets.to_vec()),
            namespace: "bookinfo".to_owned(),
            module: Module::new("https://example.com/coalmine.wasm", Some(&sum)).unwrap(),
            fail_strategy: FailStrategy::Close,
            pull_policy: Some(PullPolicy::Always),
            phase: Some(Phase::Authn),
            priority: Some(10),
            ..extension()
        },
        Extension {
            module: Module::new("localhost:5000/coalmine:latest", None).unwrap(),
            phase: Some(Phase::Authz),
            ..extension()
        },
        Extension {
            module: Module::new("file:///var/lib/coalmine.wasm", None).unwrap(),
            ..extension()
        },
    ];
    let newer = |extension: &Extension| Extension {
        kind: Kind::TrafficExtension,
        ..extension.clone()
    };
    let newer: Vec<Extension> = sets.iter().map(newer).collect();
    sets.into_iter().chain(newer).collect()
}

#[test]
fn istio_takes_every_example_with_every_option() {
    let schemas = Schemas::read("istio");
    let mut checked = 0;
    let mut check = |example: &Example, options: &Options| {
        let files = istio::render(&example.canaries, &example.provenance, options).unwrap();
        let problems = schemas.problems(&documents(&files));
        assert!(
            problems.is_empty(),
            "{}: {problems:#?}\n{options:?}",
            example.name
        );
        checked += files.len();
    };
    let all_gateways = ["mesh", "bookinfo/ingress", "ingress"].map(str::to_owned);
    for example in examples::all() {
        for extension in extensions() {
            let options = Options {
                extension: Some(extension),
                routes: None,
            };
            check(&example, &options);
        }
        let example = example.in_a_cluster();
        for count in 0..=all_gateways.len() {
            let gateways = all_gateways.iter().take(count).cloned().collect();
            let options = Options {
                extension: None,
                routes: Some(Routes { gateways }),
            };
            check(&example, &options);
        }
    }
    let services = "{stable: {service: reviews-v1}, canary: {service: 'reviews-v2.other.svc:80'}}";
    for example in [
        text("[reviews]", services, ""),
        text(
            "[reviews, '*.example.com']",
            LABELS,
            "service: reviews:9080",
        ),
    ] {
        let gateways = all_gateways.to_vec();
        let options = Options {
            extension: Some(extension()),
            routes: Some(Routes { gateways }),
        };
        check(&Example::new("services", example), &options);
    }
    assert!(checked > 200, "only {checked} were tried");
}

/// A checker that refuses nothing would say the same of what is sound.
#[test]
fn sidecars_gateways_and_waypoints() {
    let canaries = canary("[reviews]", LABELS, "");
    let check = |placement: Placement, expected: Value| {
        for kind in [Kind::WasmPlugin, Kind::TrafficExtension] {
            let extension = Extension {
                kind,
                placement: placement.clone(),
                ..extension()
            };
            let options = Options {
                extension: Some(extension),
                routes: None,
            };
            let objects = objects(&render(&canaries, &options).unwrap());
            assert_eq!(objects.len(), 1);
            let spec = &objects[0]["spec"];
            let parts = json!([spec["match"], spec["selector"], spec["targetRefs"]]);
            assert_eq!(parts, expected);
            let wasm = match kind {
                Kind::WasmPlugin => spec,
                Kind::TrafficExtension => &spec["wasm"],
            };
            assert_eq!(wasm["failStrategy"], "FAIL_OPEN");
            let read = coalmine::config::read_json(wasm["pluginConfig"].to_string().as_bytes());
            assert_eq!(read.unwrap().canaries[0].full_name(), "bookinfo/reviews");
        }
    };
    check(Placement::All, json!([[{"mode": "CLIENT"}], null, null]));
    let labels = [("app".to_owned(), "shop".to_owned())];
    check(
        Placement::Selector(labels.into_iter().collect()),
        json!([[{"mode": "CLIENT"}], {"matchLabels": {"app": "shop"}}, null]),
    );
    // No mode: a waypoint's listeners are inbound ones.
    let group = "gateway.networking.k8s.io";
    check(
        Placement::Targets(vec![TargetRef::parse("Gateway/waypoint").unwrap()]),
        json!([null, null, [{"group": group, "kind": "Gateway", "name": "waypoint"}]]),
    );
}

#[test]
fn the_plugins_config_is_what_plain_envoy_gets() {
    for Example { name, canaries, .. } in examples::all() {
        let options = Options {
            extension: Some(extension()),
            routes: None,
        };
        let objects = objects(&render(&canaries, &options).unwrap());
        let text = coalmine::config::plugin_json(&canaries).unwrap();
        let plain: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(objects[0]["spec"]["pluginConfig"], plain, "{name}");
    }
}

#[test]
fn targets() {
    let check = |text: &str, good: bool| assert_eq!(TargetRef::parse(text).is_ok(), good, "{text}");
    check("Gateway/a", true);
    check("ServiceEntry/a", true);
    for bad in [
        "",
        "Gateway",
        "Gateway/",
        "gateway/a",
        "Pod/a",
        "Service/a/b",
    ] {
        check(bad, false);
    }
}

#[test]
fn the_variant_header_chooses_and_the_default_is_last() {
    let three = "{red: {labels: {v: r}}, stable: {labels: {v: s}}, blue: {labels: {v: b}}}";
    let mut canaries = canary("[reviews, reviews.bookinfo, Shop.example.com.]", three, "");
    canaries.variant_header = "x-which".to_owned();
    let objects = routes(&canaries, &[]);
    let full = "reviews.bookinfo.svc.cluster.local";
    let to = |subset: &str| json!([{"destination": {"host": full, "subset": subset}}]);
    let by = |variant: &str| json!([{"headers": {"x-which": {"exact": variant}}}]);
    let expected = json!({
        "hosts": [full, "shop.example.com"],
        "http": [
            {"name": "red", "match": by("red"), "route": to("red")},
            {"name": "blue", "match": by("blue"), "route": to("blue")},
            {"name": "stable", "route": to("stable")},
        ],
    });
    assert_eq!(of_kind(&objects, "VirtualService")[0]["spec"], expected);
    let expected = json!({
        "host": full,
        "subsets": [
            {"name": "red", "labels": {"v": "r"}},
            {"name": "stable", "labels": {"v": "s"}},
            {"name": "blue", "labels": {"v": "b"}},
        ],
    });
    assert_eq!(of_kind(&objects, "DestinationRule")[0]["spec"], expected);
}

/// A service with several ports: only the one that is named is governed, wherever requests of the
/// mesh say it; a gateway has ports of its own.
#[test]
fn ports() {
    let check = |gateways: &[&str], scopes: Value| {
        let canaries = canary("[reviews]", LABELS, "service: reviews:9080");
        let objects = routes(&canaries, gateways);
        let http = &of_kind(&objects, "VirtualService")[0]["spec"]["http"];
        assert_eq!(http[1]["match"], scopes, "{gateways:?}");
        let with_header = |scope: &Value| {
            let mut scope = scope.clone();
            scope["headers"] = json!({"x-coalmine-variant": {"exact": "canary"}});
            scope
        };
        let headers: Vec<Value> = match &scopes {
            Value::Array(scopes) => scopes.iter().map(with_header).collect(),
            _ => vec![with_header(&json!({}))],
        };
        assert_eq!(http[0]["match"], Value::from(headers), "{gateways:?}");
        for route in http.as_array().unwrap() {
            assert_eq!(route["route"][0]["destination"]["port"]["number"], 9080);
        }
    };
    check(&[], json!([{"port": 9080}]));
    check(&["mesh"], json!([{"port": 9080}]));
    check(&["a/b"], Value::Null);
    check(
        &["mesh", "a/b"],
        json!([{"port": 9080, "gateways": ["mesh"]}, {"gateways": ["a/b"]}]),
    );
}

#[test]
fn services_of_their_own_need_no_subset() {
    let variants = "{stable: {labels: {v: s}}, canary: {labels: {v: c}, service: 'reviews-v2:80'}}";
    let objects = routes(&canary("[reviews]", variants, ""), &[]);
    let http = &of_kind(&objects, "VirtualService")[0]["spec"]["http"];
    let own = json!({"host": "reviews-v2.bookinfo.svc.cluster.local", "port": {"number": 80}});
    assert_eq!(http[0]["route"][0]["destination"], own);
    let subsets = &of_kind(&objects, "DestinationRule")[0]["spec"]["subsets"];
    assert_eq!(*subsets, json!([{"name": "stable", "labels": {"v": "s"}}]));
    let variants = "{stable: {service: reviews-v1}, canary: {service: reviews-v2}}";
    let objects = routes(&canary("[reviews]", variants, ""), &[]);
    assert!(of_kind(&objects, "DestinationRule").is_empty());
}

#[test]
fn hosts() {
    let check = |hosts: &str, expected: &[&str]| {
        let objects = routes(&canary(hosts, LABELS, "service: s"), &["a/b"]);
        let spec = &of_kind(&objects, "VirtualService")[0]["spec"];
        assert_eq!(spec["hosts"], Value::from(expected), "{hosts}");
    };
    check("[a:80, A.bookinfo.svc]", &["a.bookinfo.svc.cluster.local"]);
    check("['[2001:DB8::1]', 10.0.0.1]", &["2001:db8::1", "10.0.0.1"]);
    // Istio refuses hosts that cover each other.
    check("[a.b.c, '*.b.c', x.y.b.c, b.c]", &["*.b.c", "b.c"]);
    check("[a.b.c, '*.c', '*.b.c']", &["*.c"]);
    check("[a.b.c, '*', x]", &["*"]);
}

#[test]
fn what_istio_has_to_be_told() {
    let check = |canaries: &Canaries, gateways: &[&str], expected: &[(&str, &str)]| {
        let gateways = gateways.iter().map(|&name| name.to_owned()).collect();
        let options = Options {
            extension: None,
            routes: Some(Routes { gateways }),
        };
        let Err(Error::Problems(problems)) = render(canaries, &options) else {
            panic!("{expected:?} are not found");
        };
        let found: Vec<(&str, &str)> = problems
            .iter()
            .map(|problem| (problem.code, problem.path.as_str()))
            .collect();
        assert_eq!(found, expected);
        assert!(
            problems
                .iter()
                .all(|problem| problem.canary == "bookinfo/reviews")
        );
    };
    let bare = "{stable: {}, canary: {labels: {'a b': c, d: 'e f'}}}";
    check(
        &canary("['*', a_b]", bare, ""),
        &[],
        &[
            ("any-host", "spec.hosts[0]"),
            ("bad-host", "spec.hosts[1]"),
            ("no-service", "spec.hosts"),
            ("no-labels", "spec.variants.stable"),
            ("bad-label", "spec.variants.canary.labels"),
            ("bad-label", "spec.variants.canary.labels"),
        ],
    );
    check(
        &canary("['*']", LABELS, "service: a"),
        &["a/b", "mesh"],
        &[("any-host", "spec.hosts[0]")],
    );
}

#[test]
fn a_value_that_looks_like_something_else_stays_text() {
    let variants =
        "{stable: {labels: {version: '1'}}, canary: {labels: {version: '1e3', on: 'yes'}}}";
    let canaries = canary("[reviews]", variants, "");
    let options = Options {
        extension: Some(extension()),
        routes: Some(Routes::default()),
    };
    let stream = documents(&render(&canaries, &options).unwrap());
    assert_eq!(Schemas::read("istio").problems(&stream), [""; 0]);
    // In YAML 1.1 as well, which Kubernetes reads.
    for quoted in ["version: \"1\"", "version: \"1e3\"", "\"on\": \"yes\""] {
        assert!(stream.contains(quoted), "{quoted} is not in {stream}");
    }
}
