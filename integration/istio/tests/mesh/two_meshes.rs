//! Two clusters with the same config: a user has the same version in both, and nobody told them of
//! each other.

use std::collections::BTreeSet;

use coalmine_cli::request::RequestArgs;
use coalmine_integration::client::{Client, Request};
use coalmine_istio::mesh::{Mesh, Options};
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Proxy, Role};
use coalmine_istio::workload::Workload;

use crate::setting;
use crate::shop::shop;

const NAMESPACE: &str = "clusters";

const USERS: u32 = 1000;

/// A cluster's side of the service.
struct Side<'a> {
    mesh: &'a Mesh,
    client: Client,
    _workload: Workload,
    _proxy: Proxy,
}

impl<'a> Side<'a> {
    fn new(mesh: &'a Mesh) -> Self {
        mesh.namespace(NAMESPACE).unwrap();
        let port = ports::free().unwrap();
        let workload = Workload::start(NAMESPACE, "shop", port, &["v1", "v2"]).unwrap();
        mesh.cluster.kubectl.apply(&workload.objects()).unwrap();
        Self {
            mesh,
            client: setting::client(port),
            _workload: workload,
            _proxy: Launch::new(Role::Sidecar, NAMESPACE, "client")
                .start(mesh)
                .unwrap(),
        }
    }

    /// Applies the canary, and waits until it is in force: `newcomer` is a user who is only then
    /// in the canary.
    fn apply(&self, share: &str, options: &[&str], newcomer: &str) {
        let options = [&["--plugin-namespace", NAMESPACE], options].concat();
        let objects = setting::rendered(&shop(NAMESPACE, share, &[]), &options);
        self.mesh.cluster.kubectl.apply(&objects).unwrap();
        setting::wait_for(&self.client, &of_user(newcomer), "shop/v2");
    }

    fn in_the_canary(&self) -> BTreeSet<u32> {
        let requests = (0..USERS)
            .map(|user| of_user(&format!("user-{user}")))
            .collect();
        let answers = self.client.send_all(requests, 8).unwrap();
        let users = (0..USERS).zip(answers);
        let drawn = users.filter(|(_, answer)| answer.served_by() == "shop/v2");
        drawn.map(|(user, _)| user).collect()
    }
}

fn of_user(user: &str) -> Request {
    Request::get("/")
        .header("host", "shop")
        .header("x-user-id", user)
}

/// Whom the formula puts into the canary at a share.
fn drawn_at(share: &str) -> BTreeSet<u32> {
    let canaries = setting::read(&shop(NAMESPACE, share, &[]));
    let drawn = |user: &u32| {
        let asked = RequestArgs {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: vec![("x-user-id".to_owned(), format!("user-{user}"))],
            ..RequestArgs::default()
        };
        setting::explained(&canaries, &asked).0 == "canary"
    };
    (0..USERS).filter(drawn).collect()
}

#[test]
fn a_user_has_the_same_version_in_two_clusters_that_know_nothing_of_each_other() {
    let [ten, thirty] = ["10%", "30%"].map(drawn_at);
    assert!(ten.len() > 50 && thirty.len() > 200 && ten.is_subset(&thirty));
    let newcomer = |users: &BTreeSet<u32>| format!("user-{}", users.first().unwrap());
    let only_at_thirty = thirty.difference(&ten).copied().collect();

    let second = setting::mesh("second", &Options::default());
    let (here, there) = (Side::new(setting::shared()), Side::new(&second));
    here.apply("10%", &[], &newcomer(&ten));
    there.apply(
        "10%",
        &["--istio", "1.30", "--traffic-extension"],
        &newcomer(&ten),
    );
    assert_eq!(here.in_the_canary(), ten);
    assert_eq!(there.in_the_canary(), ten);

    // A share that grows in one cluster first takes nobody out of the canary in either.
    here.apply("30%", &[], &newcomer(&only_at_thirty));
    assert_eq!(here.in_the_canary(), thirty);
    assert_eq!(there.in_the_canary(), ten);
}
