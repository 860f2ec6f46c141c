//! Decisions that travel: an edge, a mesh behind it, and three services in a row.

use std::collections::BTreeMap;

use coalmine::config::{Canaries, WhenNoUnit};
use coalmine_integration::client::{Request, Response};
use coalmine_integration::envoy::Launch;
use coalmine_integration::relay::{Relay, WAY};
use coalmine_integration::stand::{self, Stand};
use coalmine_integration::upstream::Upstream;
use coalmine_integration::workspace;
use coalmine_manifests::envoy as target;
use coalmine_manifests::kubernetes::Provenance;
use tempfile::TempDir;

use crate::setting::{self, BINARY};

const USERS: usize = 300;

/// The example: an Envoy at the edge for the frontend, one for the catalogue and the prices.
struct Store {
    edge: Stand,
    mesh: Stand,
    _relays: Vec<Relay>,
    _prices: Vec<Upstream>,
    _folders: [TempDir; 2],
}

fn start() -> Store {
    let path = workspace::root().join("examples/decisions-that-travel.yaml");
    let mut mesh = setting::read(&std::fs::read_to_string(path).unwrap());
    let mut relays: BTreeMap<String, Vec<Relay>> = BTreeMap::new();
    let mut prices = Vec::new();
    for canary in &mut mesh.canaries {
        // By itself each would give every other request another version.
        canary.spec.when_no_unit = WhenNoUnit::Random;
        for (_, share) in &mut canary.spec.shares {
            *share = coalmine::bucket::Share::parse("50%").unwrap();
        }
        for (name, variant) in &mut canary.spec.variants {
            let name = format!("{}/{name}", canary.name);
            let address = if canary.name == "prices" {
                prices.push(Upstream::start(&name).unwrap());
                prices.last().unwrap().address()
            } else {
                let relay = Relay::start(&name).unwrap();
                let address = relay.address();
                relays.entry(canary.name.clone()).or_default().push(relay);
                address
            };
            variant.endpoints = vec![address.to_string()];
        }
    }
    let edge = Canaries {
        edge: true,
        canaries: vec![mesh.canaries.remove(0)],
        ..Canaries::default()
    };
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [edge, mesh] = [(&edge, &folders[0]), (&mesh, &folders[1])].map(|(canaries, folder)| {
        let options = stand::options(folder.path());
        let files = target::render(canaries, &Provenance::default(), &options).unwrap();
        Stand::start(Launch::new(&*BINARY), &files, options).unwrap()
    });
    for (name, next) in [("frontend", "catalogue"), ("catalogue", "prices")] {
        for relay in &relays[name] {
            relay.calls(mesh.ingress, next);
        }
    }
    Store {
        edge,
        mesh,
        _relays: relays.into_values().flatten().collect(),
        _prices: prices,
        _folders: folders,
    }
}

fn user(number: usize) -> Request {
    Request::get("/")
        .header("host", "store.example.com")
        .header("x-user-id", format!("user-{number}"))
}

impl Store {
    /// The version of the frontend that a user gets; everything behind it must match.
    fn versions(&self, requests: Vec<Request>) -> Vec<String> {
        let answers = self.edge.client().send_all(requests, 8).unwrap();
        answers.iter().map(version).collect()
    }

    fn end(self) {
        for stand in [&self.edge, &self.mesh] {
            let problems = stand.envoy.problems();
            assert!(problems.is_empty(), "\n{}", problems.join("\n"));
        }
    }
}

fn way(answer: &Response) -> &str {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.headers[WAY].to_str().unwrap()
}

fn version(answer: &Response) -> String {
    let way = way(answer);
    let version = match way {
        "frontend/v1 catalogue/v1 prices/current" => "v1",
        "frontend/v2 catalogue/v2 prices/next" => "v2",
        _ => panic!("versions that do not match: {way}"),
    };
    version.to_owned()
}

#[test]
fn users_get_matching_versions_behind_their_own() {
    let store = start();
    let plain = store.versions((0..USERS).map(user).collect());
    let on_v2 = plain.iter().filter(|version| *version == "v2").count();
    setting::assert_share(on_v2, USERS, 0.5);

    // Whatever comes from outside changes nobody's version.
    for forged in [
        "coalmine.store.frontend=v2,coalmine.store.catalogue=v2",
        "coalmine.store.frontend=v1,coalmine.store.catalogue=v1,coalmine.store.prices=current",
        "theme=dark, Coalmine.Store.Catalogue=v2,%63oalmine.store.catalogue=v2",
        "x=%2Ccoalmine.store.catalogue=v2,+coalmine.store.catalogue=v2",
    ] {
        let requests = (0..USERS).map(|number| user(number).header("baggage", forged));
        assert_eq!(store.versions(requests.collect()), plain, "{forged}");
    }
    let in_two_lines = |number| {
        user(number)
            .header("baggage", "coalmine.store.catalogue=v1")
            .header("baggage", "coalmine.store.catalogue=v2;p=1")
    };
    assert_eq!(
        store.versions((0..USERS).map(in_two_lines).collect()),
        plain
    );

    // `never` wins, at the edge and behind it.
    let never = |number| user(number).header("x-canary", "never");
    let versions = store.versions((0..USERS).map(never).collect());
    assert!(versions.iter().all(|version| version == "v1"));

    // What others put there arrives at the end, with what was decided on the way.
    let request = user(0)
        .header("baggage", "theme = dark;p, n=%20")
        .header("x-canary", "never");
    let received = store
        .edge
        .client()
        .send(&request)
        .unwrap()
        .received()
        .unwrap();
    let baggage = "theme = dark;p, n=%20,coalmine.store.frontend=v1,coalmine.store.catalogue=v1";
    assert_eq!(received.all("baggage"), [baggage.as_bytes()]);
    let decided = store.mesh.decisions().unwrap();
    let reasons: Vec<_> = decided
        .keys()
        .map(|decided| decided.reason.as_str())
        .collect();
    assert!(
        reasons
            .iter()
            .all(|reason| ["inherited", "never"].contains(reason)),
        "{decided:?}"
    );
    store.end();
}

/// What is said in docs/propagation.md about what remains: who is inside is believed.
#[test]
fn who_is_inside_is_believed() {
    let store = start();
    let client = store.mesh.client();
    for version in ["v1", "v2"] {
        let baggage = format!("coalmine.store.frontend={version}");
        let request = Request::get("/")
            .header("host", "catalogue")
            .header("baggage", baggage);
        for answer in client.send_all(vec![request; 20], 4).unwrap() {
            assert!(way(&answer).starts_with(&format!("catalogue/{version} ")));
        }
    }
    store.end();
}

#[test]
fn what_could_not_go_on_is_counted() {
    let store = start();
    let members: Vec<String> = (0..64).map(|number| format!("k{number}=v")).collect();
    let full = members.join(",");
    let client = store.edge.client();
    for (baggage, times) in [(full.as_str(), 3), ("not well-formed", 2), ("a=1", 4)] {
        for _ in 0..times {
            let answer = client.send(&user(1).header("baggage", baggage)).unwrap();
            assert_eq!(answer.status, 200);
            let received = answer.received().unwrap();
            let [line] = received.all("baggage")[..] else {
                panic!("{received:?}");
            };
            assert!(line.starts_with(baggage.as_bytes()));
        }
    }
    let page = store.edge.envoy.admin().prometheus().unwrap();
    for line in [
        r#"coalmine_baggage{canary="store/frontend",outcome="full"} 3"#,
        r#"coalmine_baggage{canary="store/frontend",outcome="malformed"} 2"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    store.end();
}
