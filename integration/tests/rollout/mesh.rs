//! Rollouts that are judged by `istio_requests_total`.
//!
//! Istio's own filter is in no Envoy that can be had here, so what a Prometheus reads is made here too:
//! in the shape, and with all of the labels, that Istio documents (istio.io, "Istio Standard Metrics").
//! Everything behind that is real.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use coalmine::config::plugin_json;
use coalmine_integration::command::coalmine;
use coalmine_integration::prometheus::Prometheus;
use serde_json::Value;
use tempfile::TempDir;

use crate::anyway::counts;
use crate::server::{Answer, serve};
use crate::setting::{Ran, read};

/// How long something may take that a reading shows.
const PATIENCE: Duration = Duration::from_secs(60);

const CANARY: &str = "\
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  hosts: [shop]
  service: shop:80
  variants: {stable: {labels: {version: v1}}, canary: {labels: {version: v2}}}
  default: stable
  unit: [{header: x-user-id}]
  rollout:
    steps:
      - {share: 10%, for: 2s, minRequests: 200}
      - {share: 50%, for: 2s, minRequests: 500}
    analysis: {every: 500ms, delay: 500ms, queries: [{from: istio}]}
";

/// Requests a second that a series counts.
struct Counted {
    reporter: &'static str,
    service: &'static str,
    version: &'static str,
    revision: &'static str,
    code: u16,
    flags: &'static str,
    rate: u64,
}

/// What a sidecar and the proxies behind it tell of a service whose canary fails so often in 1,000.
fn counted(failing: u64) -> Vec<Counted> {
    let shop = "shop.web.svc.cluster.local";
    let of = |version: &'static str, code: u16, rate: u64| Counted {
        reporter: "source",
        service: shop,
        version,
        revision: version,
        code,
        flags: "-",
        rate,
    };
    vec![
        of("v1", 200, 1_960),
        of("v1", 503, 40),
        of("v2", 200, 500 - failing / 2),
        of("v2", 503, failing / 4),
        // Nobody answered: it is of no version, and of a revision.
        Counted {
            version: "unknown",
            revision: "v2",
            flags: "UF",
            ..of("v2", 503, failing / 4)
        },
        // The same requests at their other end, where those are not seen. Both must not be added up.
        Counted {
            reporter: "destination",
            ..of("v2", 200, 500)
        },
        Counted {
            reporter: "destination",
            ..of("v1", 200, 2_000)
        },
        // Versions of another service have the same names.
        Counted {
            service: "ratings.web.svc.cluster.local",
            ..of("v2", 500, 700)
        },
        Counted {
            service: "shop.other.svc.cluster.local",
            ..of("v1", 500, 700)
        },
    ]
}

impl Counted {
    /// A line of Prometheus' text format.
    fn line(&self, count: u64) -> String {
        let Self {
            reporter,
            service,
            version,
            revision,
            code,
            flags,
            ..
        } = self;
        let name = service.split('.').next().unwrap_or_default();
        let workload = match *version {
            "unknown" => "unknown".to_owned(),
            version => format!("{name}-{version}"),
        };
        let labels = [
            ("reporter", *reporter),
            ("source_workload", "frontend"),
            ("source_workload_namespace", "web"),
            (
                "source_principal",
                "spiffe://cluster.local/ns/web/sa/frontend",
            ),
            ("source_app", "frontend"),
            ("source_version", "v7"),
            ("source_cluster", "Kubernetes"),
            ("source_canonical_service", "frontend"),
            ("source_canonical_revision", "v7"),
            ("destination_workload", &workload),
            ("destination_workload_namespace", "web"),
            ("destination_principal", "unknown"),
            ("destination_app", name),
            ("destination_version", version),
            ("destination_service", service),
            ("destination_service_name", name),
            ("destination_service_namespace", "web"),
            ("destination_cluster", "Kubernetes"),
            ("destination_canonical_service", name),
            ("destination_canonical_revision", revision),
            ("request_protocol", "http"),
            ("response_code", &code.to_string()),
            ("grpc_response_status", ""),
            ("response_flags", flags),
            ("connection_security_policy", "unknown"),
        ];
        let labels = labels.map(|(name, value)| format!("{name}=\"{value}\""));
        format!("istio_requests_total{{{}}} {count}\n", labels.join(","))
    }
}

/// A proxy that has counted for a long time, and goes on; it takes so long to tell.
fn proxy(counted: Vec<Counted>, slow: Duration) -> SocketAddr {
    let begun = Instant::now();
    serve(move |_| {
        let millis = 3_600_000 + u64::try_from(begun.elapsed().as_millis()).unwrap();
        let mut body = "# TYPE istio_requests_total counter\n".to_owned();
        for series in &counted {
            write!(body, "{}", series.line(series.rate * millis / 1000)).unwrap();
        }
        thread::sleep(slow);
        Answer::Page {
            status: 200,
            content_type: "text/plain; version=0.0.4",
            body,
        }
    })
}

/// A rollout that asks a Prometheus which reads such proxies.
struct Mesh {
    folder: TempDir,
    prometheus: Prometheus,
}

impl Mesh {
    fn new(canary: &str, prometheus: Prometheus) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("shop.yaml", canary);
        write("plugin.json", &plugin_json(&read(canary)).unwrap());
        Self { folder, prometheus }
    }

    fn rollout(&self, words: &[&str]) -> Ran {
        let mut command = Command::new(coalmine().unwrap());
        command.arg("rollout").args(words);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        Ran::of(command.output().unwrap())
    }

    /// Takes turns, with these words besides.
    fn drive(&self, word: &str, more: &[&str]) -> Ran {
        let url = format!("http://{}", self.prometheus.address());
        let target = ["--config", "plugin.json", "--prometheus", &url];
        self.rollout(&[&[word, "shop.yaml"], &target[..], more].concat())
    }

    /// Takes turns until something is said of why it is held.
    fn until_it_holds(&self, why: &str) {
        let begun = Instant::now();
        for turn in 0.. {
            let ran = self.drive("step", &[]);
            if ran.stdout.contains(why) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{ran:?}");
            // Not in step with scrapes.
            thread::sleep(Duration::from_millis(200 + 37 * turn % 250));
        }
    }
}

/// A whole rollout: what it came to, the journal, and the counts at its end.
fn walk(failing: u64) -> (Ran, Vec<Value>, [[u64; 2]; 2]) {
    let proxy = proxy(counted(failing), Duration::ZERO);
    let mesh = Mesh::new(CANARY, Prometheus::start(proxy).unwrap());
    let ran = mesh.drive("run", &["--journal", "journal.jsonl", "--timeout", "90"]);
    eprintln!("{}", ran.stderr);
    let journal = fs::read_to_string(mesh.folder.path().join("journal.jsonl")).unwrap();
    let journal = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let status = mesh.rollout(&["status", "shop.yaml", "-o", "json"]);
    (ran, journal.collect(), counts(&status.stdout, "istio"))
}

#[test]
fn a_good_version_is_promoted() {
    let (ran, _, [canary, control]) = walk(20);
    assert_eq!(ran.code, 0, "{ran:?}");
    let rate = |[requests, bad]: [u64; 2]| bad as f64 / requests as f64;
    // Of both reporters, and of all services, it would be less, and more.
    assert!((0.015..0.025).contains(&rate(canary)), "{canary:?}");
    assert!((0.018..0.022).contains(&rate(control)), "{control:?}");
    let times = control[0] as f64 / canary[0] as f64;
    assert!((3.9..4.2).contains(&times), "{times}");
}

/// Four times the errors of the other, half of which are of no version that Istio knows.
#[test]
fn a_version_that_fails_is_rolled_back() {
    let (ran, journal, [canary, _]) = walk(80);
    assert_eq!(ran.code, 1, "{ran:?}");
    let last = journal.last().unwrap();
    assert_eq!(last["kind"], "rolled-back", "{last}");
    assert!(
        last["message"].as_str().unwrap().starts_with("istio: "),
        "{last}"
    );
    let rate = canary[1] as f64 / canary[0] as f64;
    assert!((0.07..0.09).contains(&rate), "{canary:?}");
}

/// Scrapes that take longer than the plan believes: what they bring is in no reading, and it is said.
#[test]
fn scrapes_that_come_late_are_noticed() {
    let proxy = proxy(counted(20), Duration::from_millis(150));
    let canary = CANARY.replace("delay: 500ms", "delay: 10ms");
    let canary = canary.replace("for: 2s", "for: 1h");
    let mesh = Mesh::new(&canary, Prometheus::start(proxy).unwrap());
    mesh.until_it_holds("Prometheus has what was counted more than 10ms after the fact");
}

#[test]
fn a_proxy_that_two_jobs_read_is_noticed() {
    let proxy = proxy(counted(20), Duration::ZERO);
    let mesh = Mesh::new(CANARY, Prometheus::start_twice(proxy).unwrap());
    mesh.until_it_holds(&format!("Prometheus reads {proxy} twice"));
}
