//! What is said of a cluster: what `coalmine render` makes and what a cluster has beside it, each
//! mistake by itself. A real control plane is asked in `integration/istio`.

use crate::run::{coalmine, coalmine_with, command, run};
use coalmine::{Node, Timestamp, yaml};
use coalmine_cli::status::cluster::{
    Cluster, Config, ControlPlane, Proxy, Refused, Silent, Unread, Why,
};
use coalmine_cli::status::report::{Severity, State, Status};
use coalmine_cli::status::{Question, judge};

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  variants:
    stable: {labels: {version: v1}}
    canary: {labels: {version: v2}}
  default: stable
  pins: {header: x-canary}
  shares: {canary: 5%}
  ramp: [{at: 2026-12-01T09:00:00Z, canary: 10%}, {at: 2026-12-02T09:00:00Z, canary: 0%}]
  unit: [{header: x-user-id}]
";

/// What Kubernetes has of the service: a version by pods, and one by a WorkloadEntry.
const SERVICE: &str = "
kind: Service
metadata: {name: reviews, namespace: bookinfo}
spec: {selector: {app: reviews}}
---
kind: Pod
metadata: {name: reviews-v1-a, namespace: bookinfo, labels: {app: reviews, version: v1}}
status: {conditions: [{type: Ready, status: 'True'}]}
---
kind: Pod
metadata: {name: reviews-v1-b, namespace: bookinfo, labels: {app: reviews, version: v1}}
status: {conditions: [{type: Ready, status: 'False'}]}
---
kind: WorkloadEntry
metadata: {name: reviews-v2, namespace: bookinfo}
spec: {address: 10.0.0.2, labels: {app: reviews, version: v2}}
---
";

const NOW: &str = "2026-11-26T12:00:00Z";

/// What `coalmine render istio` makes of it.
fn rendered(options: &str) -> String {
    let digest = "0".repeat(64);
    let module = format!("--module oci://registry.example.com/coalmine@sha256:{digest}");
    let ran = coalmine_with(&format!("render istio - {module} {options}"), CANARY);
    assert_eq!(ran.code, 0, "{ran}");
    format!("{SERVICE}{}", ran.stdout)
}

fn cluster(objects: &str) -> Cluster {
    Cluster {
        objects: yaml::parse(objects, 0).unwrap_or_else(|found| panic!("{found}\n{objects}")),
        ..Cluster::default()
    }
}

fn everything() -> Question {
    Question {
        canary: None,
        namespace: None,
        root_namespace: "istio-system".to_owned(),
    }
}

fn judged(cluster: &Cluster, question: &Question, at: &str) -> Status {
    judge(cluster, question, Timestamp::parse(at).unwrap())
}

/// The findings as `error code: what it is about`.
fn told(status: &Status) -> Vec<String> {
    let findings = status.findings.iter();
    findings
        .map(|one| {
            let severity = match one.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            format!("{severity} {}: {}", one.code, one.about)
        })
        .collect()
}

/// What is told of the objects when each of these texts in them is another.
fn check(edits: &[(&str, &str)], expected: &[&str]) {
    let mut objects = rendered("");
    for (from, to) in edits {
        assert!(objects.contains(from), "{from} is not in\n{objects}");
        objects = objects.replace(from, to);
    }
    let status = judged(&cluster(&objects), &everything(), NOW);
    assert_eq!(told(&status), expected, "{edits:?}\n{:#?}", status.findings);
    let wrong = expected.iter().any(|one| one.starts_with("error"));
    assert_eq!(status.ok, !wrong, "{edits:?}");
    for finding in &status.findings {
        let helps = finding.help.is_some() || finding.code == "bad-share";
        assert!(helps, "{finding:?} does not say what to do");
    }
}

const SERVICES: &str = "VirtualService bookinfo/coalmine-reviews";
const PLUGIN: &str = "WasmPlugin istio-system/coalmine";

#[test]
fn each_mistake_by_itself() {
    let of = |what: &str, about: &str| format!("{what}: {about}");
    let canary = "canary bookinfo/reviews";
    check(&[], &[]);
    check(
        &[("          exact: canary", "          exact: other")],
        &[
            &of("error no-route-for-variant", SERVICES),
            &of("warning unknown-variant", SERVICES),
        ],
    );
    check(
        &[(
            "  - name: canary\n    labels",
            "  - name: kanary\n    labels",
        )],
        &[&of("error missing-subset", SERVICES)],
    );
    check(
        &[("kind: DestinationRule", "kind: Elsewhere")],
        &[of("error missing-subset", SERVICES).as_str(); 2],
    );
    check(
        &[("kind: VirtualService", "kind: Elsewhere")],
        &[&of("error no-routes", canary)],
    );
    check(
        &[(
            "    labels:\n      version: v2\n",
            "    labels:\n      version: v1\n",
        )],
        &[&of("error same-destination", canary)],
    );
    check(
        &[(
            "    labels:\n      version: v2\n",
            "    labels:\n      version: v3\n",
        )],
        &[&of("error no-endpoints", canary)],
    );
    // Nobody is drawn there, but a pin may lead there.
    check(
        &[
            (
                "    labels:\n      version: v2\n",
                "    labels:\n      version: v3\n",
            ),
            ("canary: 5%", "canary: 0%"),
        ],
        &[&of("warning no-endpoints", canary)],
    );
    check(
        &[("kind: Service\n", "kind: Elsewhere\n")],
        &[&of("error no-service", canary)],
    );
    check(
        &[("canary: 5%", "canary: 105%")],
        &[&of("error bad-share", PLUGIN)],
    );
    check(
        &[("  failStrategy: FAIL_OPEN\n", "")],
        &[&of("warning denies-all", PLUGIN)],
    );
    check(
        &[("coalmine@sha256:", "coalmine:v1 #")],
        &[&of("warning unpinned-module", PLUGIN)],
    );
    check(
        &[(
            "  name: coalmine\n  namespace: istio-system\n",
            "  name: coalmine\n  namespace: bookinfo\n",
        )],
        &[],
    );
}

/// Plugin and routes of another file, or of another version of the file.
#[test]
fn sources() {
    let source = "    coalmine.dev/source: <stdin>\n";
    let plugin = rendered("--only plugin");
    let routes = rendered("--only routes");
    let check = |routes: &str, expected: &str| {
        let objects = format!("{plugin}---\n{routes}");
        let status = judged(&cluster(&objects), &everything(), NOW);
        let subsets = format!(
            "warning other-source: {}",
            SERVICES.replace("VirtualService", "DestinationRule")
        );
        let services = format!("warning other-source: {SERVICES}");
        assert_eq!(told(&status), [subsets, services]);
        assert!(status.ok);
        assert!(
            status.findings[0].message.contains(expected),
            "{:?}",
            status.findings
        );
    };
    let routes = routes.strip_prefix(SERVICE).unwrap();
    check(
        &routes.replace(source, "    coalmine.dev/source: other.yaml\n"),
        "was made from other.yaml, and ",
    );
    check(
        &routes.replace("source-hash: sha256:", "source-hash: sha256:0"),
        "another version of <stdin>",
    );
}

/// What stands beside the objects of a canary.
#[test]
fn rivals() {
    let good = rendered("");
    let theirs = "
---
kind: VirtualService
metadata: {name: theirs, namespace: bookinfo}
spec:
  hosts: [reviews.bookinfo.svc.cluster.local]
  http:
    - match: [{headers: {x-coalmine-variant: {exact: canary}}}]
      route: [{destination: {host: reviews, subset: canary}}]
    - route: [{destination: {host: reviews, subset: stable}}]
";
    let two = "two-virtual-services: VirtualService bookinfo/theirs";
    let check = |beside: &str, expected: &[&str]| {
        let status = judged(&cluster(&format!("{good}{beside}")), &everything(), NOW);
        assert_eq!(told(&status), expected, "{beside}");
    };
    check(theirs, &[&format!("error {two}")]);
    let exported = theirs.replace("  http:", "  exportTo: [.]\n  http:");
    check(&exported, &[&format!("warning {two}")]);
    let at_a_gateway = theirs.replace("  http:", "  gateways: [edge]\n  http:");
    check(&at_a_gateway, &[]);
    let elsewhere = theirs.replace("reviews.bookinfo.svc", "ratings.bookinfo.svc");
    check(&elsewhere, &[]);
    let second = format!(
        "\n---\n{}",
        rendered("--only plugin --plugin-namespace bookinfo")
            .strip_prefix(SERVICE)
            .unwrap()
    );
    let twice = "error two-plugins: WasmPlugin bookinfo/coalmine";
    check(&second, &[twice]);
    let other_module = second.replace("sha256:0000", "sha256:1111");
    check(
        &other_module,
        &[twice, "warning two-modules: WasmPlugin bookinfo/coalmine"],
    );
    let other_config = second.replace("canary: 5%", "canary: 6%");
    check(
        &other_config,
        &["error other-config: canary bookinfo/reviews", twice],
    );
    // Routes of ours for what no plugin carries.
    let lost = good
        .split("---\n")
        .find(|document| document.contains("kind: VirtualService"))
        .unwrap()
        .replace("reviews", "lost");
    check(
        &format!("\n---\n{lost}"),
        &["warning stray-routes: VirtualService bookinfo/coalmine-lost"],
    );
}

/// The same of a plugin by its other kinds, and of routes of the Gateway API.
#[test]
fn other_kinds() {
    let check = |objects: &str, plugin: &str| {
        let status = judged(&cluster(objects), &everything(), NOW);
        assert_eq!(told(&status), [""; 0], "{objects}");
        assert_eq!(status.canaries[0].plugins, [plugin]);
    };
    check(
        &rendered("--istio 1.30 --traffic-extension"),
        "TrafficExtension istio-system/coalmine",
    );
    let canary = CANARY.replace(
        "hosts: [reviews]",
        "hosts: [reviews]\n  service: reviews:9080",
    );
    let ran = coalmine_with(
        "render istio-envoyfilter - --module /coalmine.wasm --routes",
        &canary,
    );
    if ran.code == 0 {
        check(
            &format!("{SERVICE}{}", ran.stdout),
            "EnvoyFilter istio-system/coalmine",
        );
    } else {
        panic!("{ran}");
    }
}

#[test]
fn variants_and_ramps() {
    let objects = cluster(&rendered(""));
    let check = |at: &str, stable: &str, canary: &str, next: Option<&str>| {
        let status = judged(&objects, &everything(), at);
        let one = &status.canaries[0];
        let shares: Vec<(&str, &str)> = one
            .variants
            .iter()
            .map(|variant| (variant.name.as_str(), variant.share.as_str()))
            .collect();
        assert_eq!(shares, [("stable", stable), ("canary", canary)], "{at}");
        assert_eq!(one.next.as_ref().map(|next| next.at.as_str()), next, "{at}");
        let endpoints: Vec<Option<usize>> = one.variants.iter().map(|one| one.endpoints).collect();
        assert_eq!(endpoints, [Some(1), Some(1)]);
    };
    check(NOW, "95%", "5%", Some("2026-12-01T09:00:00Z"));
    check(
        "2026-12-01T12:00:00Z",
        "90%",
        "10%",
        Some("2026-12-02T09:00:00Z"),
    );
    check("2026-12-03T12:00:00Z", "100%", "0%", None);
}

#[test]
fn one_canary_or_none() {
    let objects = cluster(&rendered(""));
    let check = |canary: Option<&str>, namespace: Option<&str>, expected: &[&str], help: &str| {
        let question = Question {
            canary: canary.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            ..everything()
        };
        let status = judged(&objects, &question, NOW);
        let names: Vec<&str> = status
            .canaries
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, expected);
        let said: Vec<&str> = status
            .findings
            .iter()
            .filter_map(|one| one.help.as_deref())
            .collect();
        assert_eq!(said.first().copied().unwrap_or_default(), help);
    };
    let all = ["bookinfo/reviews"];
    let known = "there are bookinfo/reviews";
    check(Some("reviews"), None, &all, "");
    check(Some("bookinfo/reviews"), None, &all, "");
    check(Some("reviews"), Some("bookinfo"), &all, "");
    check(Some("ratings"), None, &[], known);
    check(None, Some("shop"), &[], known);
    let empty = judged(&Cluster::default(), &everything(), NOW);
    assert_eq!(
        (told(&empty), empty.ok),
        (vec!["error no-canary: ".to_owned()], false)
    );
}

/// What could not be read is told, and nothing is missed in it.
#[test]
fn what_could_not_be_read() {
    let check = |kind: &str, why: Why, edits: &[(&str, &str)], expected: &[&str]| {
        let mut objects = rendered("");
        for (from, to) in edits {
            objects = objects.replace(from, to);
        }
        let mut cluster = cluster(&objects);
        cluster.unread.push(Unread {
            kind: kind.to_owned(),
            resource: kind.to_ascii_lowercase(),
            why,
        });
        let status = judged(&cluster, &everything(), NOW);
        assert_eq!(told(&status), expected, "{kind}");
    };
    let forbidden = || Why::Forbidden { but_in: Vec::new() };
    let rule = [("kind: DestinationRule", "kind: Elsewhere")];
    let routes = [("kind: VirtualService", "kind: Elsewhere")];
    let service = [("kind: Service\n", "kind: Elsewhere\n")];
    check("DestinationRule", forbidden(), &rule, &["note forbidden: "]);
    check(
        "VirtualService",
        forbidden(),
        &routes,
        &["note forbidden: "],
    );
    check("ServiceEntry", forbidden(), &service, &["note forbidden: "]);
    check(
        "Pod",
        Why::Failed("busy".to_owned()),
        &[],
        &["note unread: "],
    );
    check("GRPCRoute", Why::Absent, &[], &[]);
    check(
        "VirtualService",
        Why::Absent,
        &routes,
        &["error no-routes: canary bookinfo/reviews"],
    );
}

/// A config as a control plane sends it: keys in the order of the alphabet.
fn sent(share: &str) -> Node {
    serde_json::from_str(&format!(
        r#"{{"apiVersion": "coalmine.dev/v1alpha1", "canaries": [{{
            "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
            "metadata": {{"name": "reviews", "namespace": "bookinfo"}},
            "spec": {{"default": "stable", "hosts": ["reviews"], "pins": {{"header": "x-canary"}},
                "ramp": [{{"at": "2026-12-01T09:00:00Z", "canary": "10%"}}, {{"at": "2026-12-02T09:00:00Z", "canary": "0%"}}],
                "shares": {{"canary": "{share}"}}, "unit": [{{"header": "x-user-id"}}],
                "variants": {{"canary": {{}}, "stable": {{}}}}, "whenNoUnit": "default"}}
        }}], "kind": "Plugin"}}"#
    ))
    .unwrap()
}

const RESOURCE: &str =
    "extensions.istio.io/trafficextension/istio-system.coalmine~istio-translated-wasmplugin";

fn proxy() -> Proxy {
    Proxy {
        id: "client.bookinfo".to_owned(),
        role: "sidecar".to_owned(),
        asked: Some(vec![RESOURCE.to_owned()]),
        sent: "7".to_owned(),
        acked: "7".to_owned(),
        configs: Some(vec![Config {
            name: "istio-system.coalmine~istio-translated-wasmplugin".to_owned(),
            config: Some(sent("5%")),
        }]),
        ..Proxy::default()
    }
}

#[test]
fn what_proxies_have() {
    let check = |edit: &dyn Fn(&mut Proxy), state: Option<State>, expected: &[&str]| {
        let mut one = proxy();
        edit(&mut one);
        let mut cluster = cluster(&rendered(""));
        cluster.control_planes.push(ControlPlane {
            name: "istiod-1".to_owned(),
            proxies: vec![one],
        });
        let status = judged(&cluster, &everything(), NOW);
        let states: Vec<State> = status
            .proxies
            .iter()
            .flatten()
            .map(|one| one.state)
            .collect();
        assert_eq!(states, state.into_iter().collect::<Vec<_>>());
        let expected: Vec<String> = expected
            .iter()
            .map(|one| format!("{one}: proxy client.bookinfo"))
            .collect();
        assert_eq!(told(&status), expected);
    };
    check(&|_| {}, Some(State::Synced), &[]);
    check(&|one| one.configs = None, Some(State::Acknowledged), &[]);
    check(&|one| one.asked = None, Some(State::Synced), &[]);
    check(
        &|one| {
            for config in one.configs.iter_mut().flatten() {
                config.config = Some(sent("6%"));
            }
        },
        Some(State::Outdated),
        &["warning proxy-outdated"],
    );
    check(
        &|one| one.acked = "6".to_owned(),
        Some(State::Stale),
        &["warning proxy-stale"],
    );
    check(
        &|one| (one.sent, one.acked) = Default::default(),
        Some(State::NotSent),
        &["warning proxy-not-sent"],
    );
    let refuses = |what: &str| Refused {
        what: what.to_owned(),
        message: "no".to_owned(),
    };
    check(
        &|one| one.refused.push(refuses("TypedExtensionConfig")),
        Some(State::Refused),
        &["error proxy-refused"],
    );
    check(
        &|one| one.refused.push(refuses("RouteConfiguration")),
        Some(State::Synced),
        &["warning proxy-refused-other"],
    );
    check(
        &|one| one.asked = Some(Vec::new()),
        Some(State::Absent),
        &["note proxy-without"],
    );
    // It is for sidecars and gateways of the whole mesh.
    check(
        &|one| (one.asked, one.role) = (Some(Vec::new()), "waypoint".to_owned()),
        None,
        &[],
    );
}

#[test]
fn a_control_plane_that_says_nothing() {
    let mut cluster = cluster(&rendered(""));
    cluster.silent = Some(Silent {
        message: "it is away".to_owned(),
        help: "start it".to_owned(),
    });
    let status = judged(&cluster, &everything(), NOW);
    assert_eq!(told(&status), ["note no-control-plane: "]);
    assert!(status.ok && status.proxies.is_none());
}

/// What cannot be asked at all.
#[test]
fn no_cluster() {
    let check = |arguments: &str, code: i32, needed: &str| {
        let ran = coalmine(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran}");
        assert!(ran.stderr.contains(needed), "{ran}");
    };
    check(
        "status --kubeconfig nowhere.yaml",
        3,
        "cannot use the kubeconfig: ",
    );
    check(
        "status --istiod 127.0.0.1:15014",
        2,
        "http://127.0.0.1:15014",
    );
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    // Nobody listens at a port of a listener that is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c,
        clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}],
        contexts: [{{name: c, context: {{cluster: c, user: u}}}}], users: [{{name: u, user: {{}}}}]}}"
    );
    std::fs::write(&kubeconfig, text).unwrap();
    let mut asking = command();
    asking.arg("status").arg("--kubeconfig").arg(&kubeconfig);
    let ran = run(&mut asking, "");
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{ran}");
    assert!(
        ran.stderr.contains("cannot reach the API server: "),
        "{ran}"
    );
    let mut asking = command();
    asking
        .arg("status")
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .args(["--context", "other"]);
    let ran = run(&mut asking, "");
    assert_eq!(ran.code, 3, "{ran}");
    assert!(
        ran.stderr.contains("other") && ran.stderr.contains("--context"),
        "{ran}"
    );
}
