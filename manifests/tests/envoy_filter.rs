//! What the `istio-envoyfilter` target makes of canaries, and what Istio's own definitions say of it.

mod examples;
mod schemas;

use coalmine::config::Canaries;
use coalmine_manifests::envoy::FailurePolicy;
use coalmine_manifests::envoy_filter::{self, Code, Options};
use coalmine_manifests::istio::Module;
use coalmine_manifests::kubernetes::{Provenance, documents};
use coalmine_manifests::{Error, File};
use schemas::Schemas;
use serde_json::{Value, json};

const LABELS: &str = "{stable: {labels: {version: v1}}, canary: {labels: {version: v2}}}";

fn canary(metadata: &str, hosts: &str, variants: &str, more: &str) -> Canaries {
    examples::read(&format!(
        "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {metadata}
spec:
  hosts: {hosts}
  variants: {variants}
  default: stable
  {more}\n"
    ))
}

fn reviews(hosts: &str, variants: &str, more: &str) -> Canaries {
    canary(
        "{name: reviews, namespace: bookinfo}",
        hosts,
        variants,
        more,
    )
}

fn code(url: &str, sha256: Option<&str>) -> Result<Code, &'static str> {
    Code::new(&Module::new(url, sha256).unwrap())
}

fn local() -> Options {
    Options::new(code("file:///lib/coalmine.wasm", None).unwrap())
}

fn with_routes() -> Options {
    Options {
        routes: true,
        ..local()
    }
}

fn render(canaries: &Canaries, options: &Options) -> Result<Vec<File>, Error> {
    envoy_filter::render(canaries, &Provenance::default(), options)
}

fn objects(files: &[File]) -> Vec<Value> {
    let parse = |file: &File| serde_saphyr::from_str(&file.contents).unwrap();
    files.iter().map(parse).collect()
}

/// What is patched into what, of the object with this name.
fn patches(objects: &[Value], name: &str) -> Vec<Value> {
    let object = objects
        .iter()
        .find(|object| object["metadata"]["name"] == name);
    let patches = object.unwrap()["spec"]["configPatches"].as_array();
    patches.unwrap().clone()
}

#[test]
fn istio_takes_every_example_with_every_option() {
    let schemas = Schemas::read("istio");
    let sum = "0123456789abcdef".repeat(4);
    let oci = format!("oci://r.example.com/coalmine@sha256:{sum}");
    let selector = [("app".to_owned(), "shop".to_owned())];
    let sets = [
        local(),
        with_routes(),
        Options {
            code: code(&oci, None).unwrap(),
            failure_policy: FailurePolicy::Open,
            selector: selector.into_iter().collect(),
            ..with_routes()
        },
        Options {
            code: code("https://example.com/coalmine.wasm", Some(&sum)).unwrap(),
            failure_policy: FailurePolicy::Closed,
            name: "other".to_owned(),
            namespace: "shop".to_owned(),
            only_governed_hosts: true,
            ..local()
        },
    ];
    let mut checked = 0;
    for example in examples::all() {
        let example = example.in_a_cluster();
        let (name, provenance) = (&example.name, &example.provenance);
        let mut hosts = example
            .canaries
            .canaries
            .iter()
            .flat_map(|one| &one.spec.hosts);
        let wildcard = hosts.any(|host| host.contains('*'));
        for options in &sets {
            if options.only_governed_hosts && wildcard {
                continue;
            }
            let files = envoy_filter::render(&example.canaries, provenance, options).unwrap();
            let problems = schemas.problems(&documents(&files));
            assert!(problems.is_empty(), "{name}: {problems:#?}\n{options:?}");
            checked += files.len();
        }
    }
    assert!(checked > 80, "only {checked} were tried");
}

/// A checker that refuses nothing would say the same of what is sound.
#[test]
fn what_istio_refuses_is_found() {
    let schemas = Schemas::read("istio");
    let canaries = reviews("[reviews]", LABELS, "service: reviews:9080");
    let sound = objects(&render(&canaries, &with_routes()).unwrap());
    let object = |name: &str| {
        let mut found = sound
            .iter()
            .filter(|object| object["kind"] == "EnvoyFilter");
        found
            .find(|object| object["metadata"]["name"] == name)
            .unwrap()
    };
    let check = |path: &str, value: Value, needed: &str| {
        let mut object = object("coalmine").clone();
        let (parent, name) = path.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[name] = value;
        let problems = schemas.problems(&object.to_string());
        let found = problems.iter().any(|problem| problem.contains(needed));
        assert!(found, "{path}: {needed} is not among {problems:#?}");
    };
    let first = "/spec/configPatches/0";
    check(
        &format!("{first}/applyTo"),
        json!("FILTER"),
        "is not one of",
    );
    check(
        &format!("{first}/patch/operation"),
        json!("INSERT"),
        "is not one of",
    );
    check(
        &format!("{first}/patch/value"),
        json!("text"),
        "not of type \"object\"",
    );
    check(
        &format!("{first}/match/vhost"),
        json!({}),
        "'vhost' was unexpected",
    );
    check(
        &format!("{first}/match/waypoint"),
        json!({}),
        "only support waypointMatch",
    );
    check(
        &format!("{first}/match/cluster"),
        json!({}),
        "more than one",
    );
    check(
        "/spec/workloadSelector",
        json!({"labels": {"a": "*"}}),
        "wildcard is not supported",
    );
    check("/spec/selector", json!({}), "'selector' was unexpected");
}

#[test]
fn the_filter_stands_before_the_router_and_has_its_own_machine() {
    for (name, canaries) in examples::all().into_iter().map(|e| (e.name, e.canaries)) {
        let objects = objects(&render(&canaries, &local()).unwrap());
        assert_eq!(objects.len(), 1);
        let patches = patches(&objects, "coalmine");
        let contexts = [0, 1].map(|index: usize| &patches[index]["match"]["context"]);
        assert_eq!(contexts, ["SIDECAR_OUTBOUND", "GATEWAY"]);
        for patch in &patches[..2] {
            let filter = &patch["match"]["listener"]["filterChain"]["filter"];
            assert_eq!(filter["subFilter"]["name"], "envoy.filters.http.router");
            assert_eq!(patch["patch"]["operation"], "INSERT_BEFORE");
            // The extension is found by the filter's name.
            assert_eq!(
                patch["patch"]["value"]["name"],
                patches[2]["patch"]["value"]["name"]
            );
        }
        let plugin = &patches[2]["patch"]["value"]["typed_config"]["config"];
        assert_eq!(plugin["failure_policy"], "FAIL_RELOAD");
        assert_eq!(plugin["vm_config"]["vm_id"], "coalmine");
        let code = json!({"local": {"filename": "/lib/coalmine.wasm"}});
        assert_eq!(plugin["vm_config"]["code"], code);
        let text = coalmine::config::plugin_json(&canaries).unwrap();
        let plain: Value = serde_json::from_str(&text).unwrap();
        // As text: a structure would reach the filter as protobuf.
        let carried = &plugin["configuration"];
        let type_url = "type.googleapis.com/google.protobuf.StringValue";
        assert_eq!(carried["@type"], type_url, "{name}");
        let carried: Value = serde_json::from_str(carried["value"].as_str().unwrap()).unwrap();
        assert_eq!(carried, plain, "{name}");
    }
}

#[test]
fn what_is_fetched_has_a_checksum() {
    let sum = "0123456789abcdef".repeat(4);
    let oci = format!("oci://r/coalmine@sha256:{sum}");
    let check = |url: &str, sha256: Option<&str>, good: bool| {
        let code = code(url, sha256);
        assert_eq!(code.is_ok(), good, "{url}");
        if let Ok(Code::Remote { uri, sha256 }) = code {
            assert_eq!((uri.as_str(), sha256.as_str()), (url, sum.as_str()));
        }
    };
    check(&oci, None, true);
    check("https://a/b", Some(&sum), true);
    check("file:///a", None, true);
    check("https://a/b", None, false);
    check("oci://r/coalmine:1", None, false);
}

#[test]
fn routes_go_to_istios_clusters() {
    // The object's patches: operation, context, virtual host, what the variant header is, cluster.
    let check = |canaries: &Canaries, expected: Value| {
        let objects = objects(&render(canaries, &with_routes()).unwrap());
        let patches = patches(&objects, "coalmine.bookinfo.reviews");
        let told = patches.iter().map(|patch| {
            let vhost = &patch["match"]["routeConfiguration"]["vhost"];
            let value = &patch["patch"]["value"];
            assert_eq!(patch["applyTo"], "HTTP_ROUTE");
            json!([
                patch["patch"]["operation"],
                patch["match"]["context"],
                vhost,
                value["match"]["headers"][0]["string_match"]["exact"],
                value["route"]["cluster"],
            ])
        });
        assert_eq!(told.collect::<Value>(), expected);
    };
    let full = "reviews.bookinfo.svc.cluster.local";
    let in_mesh = format!("{full}:9080");
    let default = json!({"name": in_mesh, "route": {"name": "default"}});
    let (sidecar, gateway) = ("SIDECAR_OUTBOUND", "GATEWAY");
    let (canary_in, stable_in) = (
        format!("outbound|9080|canary|{full}"),
        format!("outbound|9080|stable|{full}"),
    );
    check(
        &reviews("[reviews]", LABELS, "service: reviews:9080"),
        json!([
            ["MERGE", sidecar, default, null, stable_in],
            ["INSERT_FIRST", sidecar, {"name": in_mesh}, "canary", canary_in],
            ["INSERT_FIRST", gateway, {"domainName": full}, "canary", canary_in],
        ]),
    );
    let services = "{canary: {service: reviews-v2}, stable: {service: 'reviews-v1.other.svc:80'}}";
    let own = "outbound|9080||reviews-v2.bookinfo.svc.cluster.local";
    check(
        &reviews("['reviews:9080']", services, ""),
        json!([
            ["INSERT_FIRST", sidecar, {"name": in_mesh}, "canary", own],
            ["INSERT_FIRST", gateway, {"domainName": full}, "canary", own],
            ["MERGE", sidecar, default, null, "outbound|80||reviews-v1.other.svc.cluster.local"],
        ]),
    );
    let many = reviews("[a.example.com, '[::1]']", LABELS, "service: reviews:9080");
    let objects = objects(&render(&many, &with_routes()).unwrap());
    let hosts: Vec<Value> = patches(&objects, "coalmine.bookinfo.reviews")
        .iter()
        .map(|patch| patch["match"]["routeConfiguration"]["vhost"].clone())
        .filter(|vhost| vhost.get("route").is_none())
        .collect();
    let expected = json!([
        {"name": "a.example.com:9080"},
        {"domainName": "a.example.com"},
        {"name": "[::1]:9080"},
        {"domainName": "[::1]"},
    ]);
    assert_eq!(Value::from(hosts), expected);
    assert_eq!(
        objects
            .iter()
            .filter(|object| object["kind"] == "DestinationRule")
            .count(),
        1
    );
}

#[test]
fn governed_hosts_alone_enable_the_filter() {
    let options = Options {
        only_governed_hosts: true,
        ..local()
    };
    let check = |hosts: &str, expected: Result<&[&str], &[&str]>| {
        let rendered = render(&reviews(hosts, LABELS, ""), &options);
        let files = match (rendered, expected) {
            (Ok(files), Ok(_)) => files,
            (Err(Error::Problems(found)), Err(expected)) => {
                let found: Vec<&str> = found.iter().map(|problem| problem.code).collect();
                return assert_eq!(found, expected, "{hosts}");
            }
            (rendered, _) => panic!("{hosts}: {rendered:?}"),
        };
        let patches = patches(&objects(&files), "coalmine");
        let of = |kind| patches.iter().filter(move |patch| patch["applyTo"] == kind);
        let disabled: Vec<&Value> = of("HTTP_FILTER")
            .map(|patch| &patch["patch"]["value"]["disabled"])
            .collect();
        assert_eq!(disabled, [&json!(true), &json!(true)]);
        let mut enabled = Vec::new();
        for context in ["SIDECAR_OUTBOUND", "GATEWAY"] {
            let hosts = of("VIRTUAL_HOST").filter(|patch| patch["match"]["context"] == context);
            let hosts = hosts.map(|patch| {
                let filter = &patch["patch"]["value"]["typed_per_filter_config"]["coalmine"];
                let expected = json!({
                    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                    "is_optional": true,
                    "config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                    },
                });
                assert_eq!(*filter, expected);
                let host = &patch["match"]["routeConfiguration"]["vhost"]["domainName"];
                host.as_str().unwrap().to_owned()
            });
            enabled.push(hosts.collect::<Vec<String>>());
        }
        assert_eq!(enabled[0], expected.unwrap_or_default(), "{hosts}");
        assert_eq!(enabled[0], enabled[1], "{hosts}");
    };
    check(
        "[reviews, 'shop.example.com:8080', '::1']",
        Ok(&[
            "reviews.bookinfo.svc.cluster.local",
            "shop.example.com",
            "[::1]",
        ]),
    );
    check("['*.example.com', a]", Err(&["host-is-a-wildcard"]));
    check("['*']", Err(&["host-is-a-wildcard"]));
}

#[test]
fn what_a_clusters_name_needs() {
    let check = |canaries: &Canaries, expected: &[(&str, &str)]| {
        let Err(Error::Problems(problems)) = render(canaries, &with_routes()) else {
            panic!("{expected:?} are not found");
        };
        let found: Vec<(&str, &str)> = problems
            .iter()
            .map(|problem| (problem.code, problem.path.as_str()))
            .collect();
        assert_eq!(found, expected);
    };
    check(
        &reviews("[reviews]", LABELS, ""),
        &[("no-port", "spec.hosts")],
    );
    check(
        &reviews("[a]", LABELS, "service: b"),
        &[("no-port", "spec.service")],
    );
    check(
        &reviews("['*']", LABELS, ""),
        &[("no-service", "spec.hosts")],
    );
    check(
        &canary("{name: a}", "['a:80']", LABELS, ""),
        &[("no-namespace", "metadata")],
    );
    let own = "{stable: {service: b}, canary: {}}";
    check(
        &canary("{name: a}", "['a.example.com:80']", own, ""),
        &[
            ("no-labels", "spec.variants.canary"),
            ("no-namespace", "metadata"),
        ],
    );
}
