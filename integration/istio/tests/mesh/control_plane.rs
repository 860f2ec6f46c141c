//! What goes on without istiod: every decision, and a ramp. What does not: changes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use coalmine::Timestamp;
use coalmine::config::Canaries;
use coalmine_cli::request::RequestArgs;
use coalmine_integration::service::eventually;
use coalmine_istio::mesh::Options;

use crate::scene::{self, CANARY, STABLE, Scene, USERS};
use crate::setting::{self, PATIENCE};

/// How long the ramp goes on, in milliseconds.
const RAMP: i64 = 8_000;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Whom the ramp has in the canary at a time.
fn drawn_at(canaries: &Canaries, millis: i64) -> BTreeSet<usize> {
    let drawn = |user: &usize| {
        let asked = RequestArgs {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: vec![("x-user-id".to_owned(), scene::user(*user))],
            at: Some(Timestamp::from_unix_millis(millis)),
            ..RequestArgs::default()
        };
        setting::explained(canaries, &asked).0 == "canary"
    };
    (0..USERS).filter(drawn).collect()
}

#[test]
fn decisions_and_a_ramp_go_on_without_istiod() {
    let mesh = setting::mesh("alone", &Options::default());
    let scene = Scene::new(&mesh, "alone");
    let _proxies = [scene.sidecar(), scene.gateway()];
    let ports = [scene.inside, scene.edge];
    scene.apply("30%");
    for port in ports {
        scene::wait_for_plugin(&scene, port);
    }
    let loads = ports.map(|port| scene::load(&scene, port));
    let users = |what: &str| ports.map(|port| scene::versions(&scene, port, what));
    let at_first = users("with istiod");

    mesh.istiod.kill();
    let refusal = mesh
        .cluster
        .kubectl
        .refusal(&scene.plugin("100%", &[]))
        .unwrap();
    assert!(refusal.contains("failed calling webhook"), "{refusal}");
    assert_eq!(users("without istiod"), at_first);
    mesh.istiod.restart().unwrap();
    let begun = Instant::now();
    let apply = |objects: &str| {
        eventually("kubectl apply", PATIENCE, || {
            mesh.cluster.kubectl.apply(objects)
        })
        .unwrap();
    };
    apply(&scene.plugin("100%", &[]));
    // Somebody who was not in the canary before.
    let newcomer = (0..USERS).find(|user| !at_first[0].contains(user));
    let newcomer = scene.of(&scene::user(newcomer.unwrap()));
    for port in ports {
        setting::wait_for(&setting::client(port), &newcomer, CANARY);
    }
    eprintln!("a change {:?} after istiod was back", begun.elapsed());

    let begin = now() + 3_000;
    let at = Timestamp::from_unix_millis;
    let ramp = format!(
        "  ramp:\n    - {{at: {}, canary: 0%}}\n    - {{at: {}, canary: 100%, shape: linear}}\n",
        at(begin),
        at(begin + RAMP)
    );
    let ramp = scene.canary("0%") + &ramp;
    let canaries = setting::read(&ramp);
    apply(&scene.rendered(&ramp, setting::module(), &["--only", "plugin"]));
    // Somebody whose turn is late tells that the ramp has taken the place of 100 %.
    let late = (0..USERS).find(|user| !drawn_at(&canaries, begin + RAMP / 2).contains(user));
    let late = scene.of(&scene::user(late.unwrap()));
    for port in ports {
        setting::wait_for(&setting::client(port), &late, STABLE);
    }
    mesh.istiod.kill();
    let mut sizes = Vec::new();
    while now() < begin + RAMP {
        for port in ports {
            // A proxy counts in whole milliseconds as well.
            let earliest = drawn_at(&canaries, now() - 1);
            let drawn = scene::versions(&scene, port, "without istiod, on the ramp");
            let latest = drawn_at(&canaries, now() + 1);
            let missing: Vec<_> = earliest.difference(&drawn).collect();
            let early: Vec<_> = drawn.difference(&latest).collect();
            assert!(
                missing.is_empty() && early.is_empty(),
                "{} ms on the ramp, of {} the users {missing:?} were not in the canary yet, {early:?} too early",
                now() - begin,
                drawn.len()
            );
            sizes.push(drawn.len());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    eprintln!("of {USERS} users in the canary, on a ramp without istiod: {sizes:?}");
    let on_the_way = sizes.iter().filter(|size| (20..USERS - 20).contains(size));
    assert!(on_the_way.count() >= 4, "{sizes:?}");
    assert_eq!(users("at the end").map(|all| all.len()), [USERS; 2]);
    for load in loads {
        scene::testers_stayed(&scene::none_failed(load, 500));
    }
}
