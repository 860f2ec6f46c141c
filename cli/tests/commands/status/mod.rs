//! What is said of a cluster: what `coalmine render` makes and what a cluster has beside it, each
//! mistake by itself. A real control plane is asked in `integration/istio`.

mod asked;
mod beside;
mod codes;
mod proxies;

use crate::run::coalmine_with;
use coalmine::{Timestamp, yaml};
use coalmine_cli::status::cluster::{Cluster, Unread, Why};
use coalmine_cli::status::report::{Severity, Status};
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
    let status = judge(cluster, question, Timestamp::parse(at).unwrap());
    for finding in &status.findings {
        codes::is_on_a_page(finding);
    }
    status
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
    let failed = Why::Failed {
        error: "busy".to_owned(),
        but_in: Vec::new(),
    };
    check("Pod", failed, &[], &["note unread: "]);
    check("GRPCRoute", Why::Absent, &[], &[]);
    check(
        "VirtualService",
        Why::Absent,
        &routes,
        &["error no-routes: canary bookinfo/reviews"],
    );
}

/// What is lacking where some namespaces were read.
#[test]
fn what_could_be_read_somewhere() {
    let check = |why: Why, expected: &str| {
        let mut cluster = cluster(&rendered(""));
        cluster.unread.push(Unread {
            kind: "Pod".to_owned(),
            resource: "pods".to_owned(),
            why,
        });
        let status = judged(&cluster, &everything(), NOW);
        assert_eq!(status.findings[0].message, expected);
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let failed = |but_in: &[&str]| Why::Failed {
        error: "busy".to_owned(),
        but_in: names(but_in),
    };
    let forbidden = |but_in: &[&str]| Why::Forbidden {
        but_in: names(but_in),
    };
    check(
        failed(&[]),
        "pods could not be read, so what is said here lacks every Pod: busy",
    );
    check(
        failed(&["a", "b"]),
        "pods could be read only in a and b, so what is said here lacks every other Pod: busy",
    );
    check(
        forbidden(&[]),
        "you may not list pods, so what is said here lacks every Pod",
    );
    check(
        forbidden(&["a"]),
        "you may list pods only in a, so what is said here lacks every other Pod",
    );
}
