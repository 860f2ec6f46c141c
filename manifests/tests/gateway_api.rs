//! What the `gateway-api` target makes of canaries, held against the API's own definitions.

mod examples;
mod schemas;

use coalmine::config::{Canaries, Service};
use coalmine::yaml::{self, Source};
use coalmine_manifests::gateway_api::{Gateway, Options, render};
use coalmine_manifests::kubernetes::{Provenance, documents};
use coalmine_manifests::{Error, Problem};
use schemas::Schemas;
use serde_json::{Value, json};

fn canaries(hosts: &str, more: &str, stable: &str, canary: &str) -> Canaries {
    let text = format!(
        "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: reviews, namespace: bookinfo}}
spec:
  hosts: {hosts}{more}
  variants: {{stable: {{{stable}}}, canary: {{{canary}}}}}
  default: stable\n"
    );
    read(text)
}

fn read(text: String) -> Canaries {
    let name = "test.yaml".to_owned();
    let (canaries, found) = yaml::read(&[Source { name, text }]);
    assert!(found.is_empty(), "{found:?}");
    canaries
}

fn gateway(namespace: Option<&str>, name: &str, section: Option<&str>) -> Gateway {
    Gateway {
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        section: section.map(str::to_owned),
    }
}

/// The route, which the API accepts, as it is to be.
fn route(canaries: &Canaries, gateways: &[Gateway], grpc: bool) -> Value {
    let gateways = gateways.to_vec();
    let options = Options { gateways, grpc };
    let files = render(canaries, &Provenance::default(), &options).unwrap();
    let text = documents(&files);
    let problems = Schemas::read("gateway-api").problems(&text);
    assert!(problems.is_empty(), "{problems:?}\n{text}");
    serde_saphyr::from_str(&text).unwrap()
}

fn problems(canaries: &Canaries, gateways: &[Gateway]) -> Vec<Problem> {
    let options = Options {
        gateways: gateways.to_vec(),
        grpc: false,
    };
    match render(canaries, &Provenance::default(), &options) {
        Err(Error::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

const STABLE: &str = "service: 'reviews-v1:9080'";
const CANARY: &str = "service: 'reviews-v2.next.svc:9081'";

#[test]
fn routes_ask_for_the_variant_header_and_end_with_the_default() {
    let canaries = canaries("[reviews]", "", STABLE, CANARY);
    for (grpc, kind) in [(false, "HTTPRoute"), (true, "GRPCRoute")] {
        let route = route(&canaries, &[], grpc);
        assert_eq!(route["kind"], kind);
        assert_eq!(
            route["spec"]["rules"],
            json!([
                {
                    "matches": [{"headers": [{"type": "Exact", "name": "x-coalmine-variant", "value": "canary"}]}],
                    "backendRefs": [{"namespace": "next", "name": "reviews-v2", "port": 9081}],
                },
                {"backendRefs": [{"name": "reviews-v1", "port": 9080}]},
            ])
        );
    }
}

#[test]
fn in_a_mesh_the_service_is_the_parent() {
    let check = |hosts: &str, more: &str, parent: Value| {
        let route = route(&canaries(hosts, more, STABLE, CANARY), &[], false);
        assert_eq!(
            route["spec"]["parentRefs"],
            json!([parent]),
            "{hosts} {more}"
        );
        assert_eq!(route["spec"].get("hostnames"), None);
    };
    let service = json!({"group": "", "kind": "Service", "name": "reviews"});
    check("[reviews]", "", service.clone());
    check("[reviews.bookinfo.svc.cluster.local]", "", service.clone());
    check(
        "['*.example.com', '10.0.0.1', api.example.com, reviews]",
        "",
        service,
    );
    let said = "\n  service: reviews.shop:9080";
    let service = json!({"group": "", "kind": "Service", "namespace": "shop", "name": "reviews", "port": 9080});
    check("[a.example.com]", said, service);
}

#[test]
fn at_gateways_hosts_are_hostnames() {
    let gateways = [
        gateway(Some("infra"), "public", Some("https")),
        gateway(None, "internal", None),
    ];
    let check = |hosts: &str, hostnames: Option<Value>| {
        let route = route(&canaries(hosts, "", STABLE, CANARY), &gateways, false);
        assert_eq!(
            route["spec"].get("hostnames"),
            hostnames.as_ref(),
            "{hosts}"
        );
        assert_eq!(
            route["spec"]["parentRefs"],
            json!([{"namespace": "infra", "name": "public", "sectionName": "https"}, {"name": "internal"}])
        );
    };
    check(
        "[Shop.example.com:443, shop.example.com.]",
        Some(json!(["shop.example.com"])),
    );
    check(
        "['*.example.com', reviews]",
        Some(json!(["*.example.com", "reviews"])),
    );
    check("['*']", None);
}

#[test]
fn what_the_api_cannot_say_is_said_all_at_once() {
    let found = |canaries: &Canaries, gateways: &[Gateway]| -> Vec<(&'static str, String)> {
        problems(canaries, gateways)
            .into_iter()
            .map(|problem| (problem.code, problem.path))
            .collect()
    };
    let at = [gateway(None, "public", None)];
    let check = |canaries: Canaries, gateways: &[Gateway], expected: &[(&'static str, &str)]| {
        let expected: Vec<(&str, String)> = expected
            .iter()
            .map(|(code, path)| (*code, (*path).to_owned()))
            .collect();
        assert_eq!(found(&canaries, gateways), expected);
    };
    check(
        canaries(
            "['10.0.0.1', a_b, '::1']",
            "",
            "labels: {a: b}",
            "service: reviews-v2",
        ),
        &at,
        &[
            ("bad-host", "spec.hosts[0]"),
            ("bad-host", "spec.hosts[1]"),
            ("bad-host", "spec.hosts[2]"),
            ("no-port", "spec.variants.canary.service"),
            ("no-service", "spec.variants.stable"),
        ],
    );
    check(
        canaries(
            "['*', api.example.com]",
            "",
            STABLE,
            "service: 'api.example.com:443'",
        ),
        &[],
        &[
            ("no-service", "spec.hosts"),
            ("no-service", "spec.variants.canary.service"),
        ],
    );
    let hosts: Vec<String> = (0..17).map(|n| format!("h{n}.example.com")).collect();
    check(
        canaries(&format!("[{}]", hosts.join(", ")), "", STABLE, CANARY),
        &at,
        &[("too-many-hosts", "spec.hosts")],
    );
    let variants: Vec<String> = (0..17)
        .map(|n| format!("v{n}: {{service: 's{n}:80', max: 1%}}"))
        .collect();
    let text = format!(
        "apiVersion: coalmine.dev/v1alpha1\nkind: Canary\nmetadata: {{name: a}}\nspec:\n  hosts: [a]\n  \
         variants: {{{}}}\n  default: v0\n",
        variants.join(", ")
    );
    check(read(text), &at, &[("too-many-variants", "spec.variants")]);
}

/// Every example whose hosts a gateway can have, once each variant has a service of its own.
#[test]
fn every_example_with_services_is_accepted() {
    let schemas = Schemas::read("gateway-api");
    let mut accepted = 0;
    for mut example in examples::all() {
        for canary in &mut example.canaries.canaries {
            for (number, (_, variant)) in canary.spec.variants.iter_mut().enumerate() {
                variant.service = Service::parse(&format!("of-its-own-{number}:9080"));
            }
        }
        let public = gateway(Some("infra"), "public", Some("https"));
        for (gateways, grpc) in [
            (vec![], false),
            (vec![], true),
            (vec![public.clone()], false),
            (vec![public], true),
        ] {
            let options = Options { gateways, grpc };
            match render(&example.canaries, &example.provenance, &options) {
                Ok(files) => {
                    let text = documents(&files);
                    let problems = schemas.problems(&text);
                    assert!(
                        problems.is_empty(),
                        "{}: {problems:?}\n{text}",
                        example.name
                    );
                    accepted += 1;
                }
                // A host of another shape belongs into a mesh, or to a gateway, alone.
                Err(Error::Problems(problems)) => {
                    let hosts = problems.iter().all(|problem| problem.path.contains("host"));
                    assert!(hosts, "{}: {problems:?}", example.name);
                }
                Err(other) => panic!("{}: {other}", example.name),
            }
        }
    }
    assert!(accepted >= 34, "only {accepted} were accepted");
}

/// The definitions refuse what is wrong, so accepting means something.
#[test]
fn the_definitions_refuse_what_is_wrong() {
    let route = route(
        &canaries("[a.example.com]", "", STABLE, CANARY),
        &[gateway(None, "public", None)],
        false,
    );
    let schemas = Schemas::read("gateway-api");
    let check = |pointer: &str, value: Value, needed: &str| {
        let mut route = route.clone();
        *route.pointer_mut(pointer).unwrap() = value;
        let problems = schemas.problems(&route.to_string()).join("\n");
        assert!(problems.contains(needed), "{pointer}: {problems}");
    };
    check("/spec/hostnames/0", json!("10_0"), "hostnames");
    check("/spec/rules/0/backendRefs/0/name", json!(""), "name");
    check("/spec/rules/0/backendRefs/0", json!({"name": "a"}), "port");
    check(
        "/spec/parentRefs/0",
        json!({"name": "a", "listener": "b"}),
        "listener",
    );
    check(
        "/spec/rules/0/matches/0/headers/0/type",
        json!("Prefix"),
        "Prefix",
    );
}
