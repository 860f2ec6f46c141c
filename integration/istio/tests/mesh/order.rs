//! The order in which objects come and go. Istio sends a proxy its subsets and its routes one after
//! the other, and a route to a subset that is not there answers 503: so subsets come first and go
//! last.

use std::time::Duration;

use anyhow::ensure;
use coalmine_integration::load::{Load, Outcome, Report};
use coalmine_integration::service::eventually;
use coalmine_istio::kubectl::Kubectl;
use coalmine_istio::proxy::Proxy;

use crate::scene::{self, CANARY, STABLE, Scene};
use crate::setting::{self, PATIENCE};

/// How often everything comes and goes.
const ROUNDS: usize = 2;

/// How often it does so all at once until a request has met the moment in between.
const ROUNDS_AT_ONCE: usize = 20;

/// The objects of a canary, by what they are.
struct Objects {
    all: String,
    subsets: String,
    routes: String,
    plugin: String,
}

impl Objects {
    fn of(scene: &Scene<'_>, canary: &str) -> Self {
        let all = scene.rendered(canary, setting::module(), &[]);
        let of_kind = |kind: &str| {
            let line = format!("kind: {kind}\n");
            let one = all.split("---\n").find(|one| one.contains(&line));
            one.unwrap().to_owned()
        };
        Self {
            subsets: of_kind("DestinationRule"),
            routes: of_kind("VirtualService"),
            plugin: of_kind("WasmPlugin"),
            all,
        }
    }
}

#[test]
fn no_request_fails_where_subsets_come_first_and_go_last() {
    let mesh = setting::shared();
    let scene = Scene::new(mesh, "order");
    let (sidecar, _gateway) = (scene.sidecar(), scene.gateway());
    let kubectl = &mesh.cluster.kubectl;
    let two = scene.canary("100%");
    let three = two
        .replace(
            "  default:",
            "    third: {labels: {version: v1}}\n  default:",
        )
        .replace("{canary: 100%}", "{third: 100%}");
    let two = Objects::of(&scene, &two);
    let three = Objects::of(&scene, &three);

    for _ in 0..ROUNDS {
        // Until now it was a service without routes, and any version answered.
        let load = load(&scene);
        kubectl.apply(&two.subsets).unwrap();
        wait_for_subset(&sidecar, "canary", true);
        kubectl.apply(&two.all).unwrap();
        scene.wait_for(scene.inside, CANARY);

        kubectl.apply(&three.subsets).unwrap();
        wait_for_subset(&sidecar, "third", true);
        kubectl.apply(&three.all).unwrap();
        scene.wait_for(scene.inside, STABLE);

        kubectl.apply(&two.plugin).unwrap();
        kubectl.apply(&two.routes).unwrap();
        scene.wait_for(scene.inside, CANARY);
        wait_for_route(&sidecar, "third", false);
        kubectl.apply(&two.subsets).unwrap();
        wait_for_subset(&sidecar, "third", false);

        kubectl.delete(&two.plugin).unwrap();
        kubectl.delete(&two.routes).unwrap();
        wait_for_route(&sidecar, "canary", false);
        kubectl.delete(&two.subsets).unwrap();
        wait_for_subset(&sidecar, "canary", false);
        scene::none_failed(load, 200);
    }
    // A gateway has no other way to the service than these routes.
    scene::wait_for_status(scene.edge, &scene.tester(), 404);
    all_at_once_some_fail(&scene, &sidecar, kubectl, &two);
}

/// The same without any order: a request in the moment between two messages of istiod gets 503, and
/// the proxy's access log says that there is no cluster.
fn all_at_once_some_fail(scene: &Scene<'_>, sidecar: &Proxy, kubectl: &Kubectl, objects: &Objects) {
    let (mut rounds, mut failed, mut sent) = (0, 0, 0);
    while failed == 0 && rounds < ROUNDS_AT_ONCE {
        let load = load(scene);
        kubectl.apply(&objects.all).unwrap();
        scene.wait_for(scene.inside, CANARY);
        kubectl.delete(&objects.all).unwrap();
        wait_for_subset(sidecar, "canary", false);
        wait_for_route(sidecar, "canary", false);
        let report = load.stop();
        failed += unavailable(&report);
        sent += report.samples.len();
        rounds += 1;
    }
    eprintln!("all at once, {rounds} times: {failed} of {sent} requests got 503");
    assert!(failed > 0);
    scene::logged(sidecar, 0, "503 NC cluster_not_found");
}

/// How many got 503; nothing else went wrong.
fn unavailable(report: &Report) -> usize {
    let failures = report.failures();
    let other = failures
        .keys()
        .filter(|outcome| !matches!(outcome, Outcome::Status(503)));
    assert_eq!(other.count(), 0, "{failures:?}");
    failures.values().sum()
}

/// So dense that a moment is met.
fn load(scene: &Scene<'_>) -> Load {
    let (request, pause) = (scene.of("alice"), Duration::from_millis(1));
    let load = Load::start(scene::local(scene.inside), 4, pause, move |_| {
        request.clone()
    });
    load.wait_for(50, PATIENCE).unwrap();
    load
}

/// Waits until a proxy has a subset, or has it no more.
fn wait_for_subset(proxy: &Proxy, subset: &str, there: bool) {
    let name = format!("|{subset}|shop.");
    wait_for_words(proxy, "/clusters", &name, there);
}

/// Waits until a proxy has a route to a subset, or has it no more.
fn wait_for_route(proxy: &Proxy, subset: &str, there: bool) {
    let name = format!("|{subset}|shop.");
    let routes = "/config_dump?resource=dynamic_route_configs";
    wait_for_words(proxy, routes, &name, there);
}

fn wait_for_words(proxy: &Proxy, page: &str, words: &str, there: bool) {
    eventually(&format!("{words} at {page}: {there}"), PATIENCE, || {
        let text = proxy.admin.get(page)?;
        ensure!(text.contains(words) == there, "{text}");
        Ok(())
    })
    .unwrap();
}
