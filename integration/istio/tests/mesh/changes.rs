//! What users do to a mesh that serves: shares that move, another kind of object, another module,
//! and the end of it all. Requests go on meanwhile, and none of them fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use coalmine_integration::client::{Client, Request};
use coalmine_integration::load::Load;
use coalmine_integration::service::eventually;
use coalmine_integration::workspace;
use coalmine_istio::proxy::Proxy;

use crate::scene::{self, CANARY, STABLE, Scene};
use crate::setting::{self, PATIENCE};

/// How long a raised share may take: ten times what it takes on two cores that do nothing else (0.4 s),
/// since other tests run beside this one.
const AT_MOST: Duration = Duration::from_secs(4);

const CHANGES: u64 = 100;

#[test]
fn a_share_reaches_traffic_within_four_seconds() {
    let scene = Scene::new(setting::shared(), "raised");
    let _sidecar = scene.sidecar();
    scene.apply("0%");
    scene::wait_for_plugin(&scene, scene.inside);
    let alice = scene.of("alice");
    let pause = Duration::from_millis(2);
    let load = Load::start(scene::local(scene.inside), 8, pause, move |_| alice.clone());
    load.wait_for(100, PATIENCE).unwrap();
    let plugin = scene.plugin("100%", &[]);
    let applied = load.now();
    scene.mesh.cluster.kubectl.apply(&plugin).unwrap();
    let returned = load.now();
    scene.wait_for(scene.inside, CANARY);
    let report = scene::none_failed(load, 200);
    let by = |version| {
        let samples = report.samples.iter();
        samples.filter(move |sample| sample.is_by(version))
    };
    let first = by(CANARY).next().unwrap().sent;
    let last = by(STABLE).next_back().unwrap().sent;
    eprintln!(
        "a share raised: kubectl apply took {:?}; the first request followed after {:?}, all after {:?}",
        returned.saturating_sub(applied),
        first.saturating_sub(applied),
        last.saturating_sub(applied)
    );
    assert!(first > applied && first.max(last) < applied + AT_MOST);
}

#[test]
fn a_hundred_changes_fail_no_request() {
    let scene = Scene::new(setting::shared(), "hundred");
    let proxies = [scene.sidecar(), scene.gateway()];
    scene.apply("0%");
    let ports = [scene.inside, scene.edge];
    for port in ports {
        scene::wait_for_plugin(&scene, port);
    }
    let before = proxies.each_ref().map(|proxy| scene::taken(proxy).unwrap());
    let loads = ports.map(|port| scene::load(&scene, port));
    let begun = Instant::now();
    for change in 1..=CHANGES {
        // Never the share that is there already.
        let share = format!("{}%", change * 37 % 101);
        let plugin = scene.plugin(&share, &[]);
        scene.mesh.cluster.kubectl.apply(&plugin).unwrap();
        // Istiod would make one push of several changes.
        eventually("the change in both proxies", PATIENCE, || {
            for (proxy, before) in proxies.iter().zip(before) {
                let now = scene::taken(proxy)?;
                ensure!(now >= before + change, "{now} of {before} and {change}");
            }
            Ok(())
        })
        .unwrap();
    }
    let took = begun.elapsed();
    let mut sent = 0;
    for (load, proxy) in loads.into_iter().zip(&proxies) {
        let report = scene::none_failed(load, 1000);
        sent += report.samples.len();
        assert!(report.served_by(CANARY) > 100 && report.served_by(STABLE) > 100);
        assert_eq!(scene::refused(proxy).unwrap(), 0);
        assert_eq!(proxy.problems(), Vec::<String>::new());
    }
    eprintln!("{CHANGES} changes in {took:?}: none of {sent} requests failed");
}

/// The new one comes before the old one goes: both decide the same, so together they do as each
/// alone, and nobody is without a plugin in between.
#[test]
fn one_kind_of_plugin_takes_the_place_of_the_other() {
    let scene = Scene::new(setting::shared(), "kinds");
    let sidecar = scene.sidecar();
    let kubectl = &scene.mesh.cluster.kubectl;
    let wasm_plugin = scene.plugin("30%", &[]);
    let traffic_extension = scene.plugin("30%", &["--istio", "1.30", "--traffic-extension"]);
    scene.apply("30%");
    scene::wait_for_plugin(&scene, scene.inside);
    let users = |what: &str| scene::versions(&scene, scene.inside, what);
    let at_first = users("a WasmPlugin");

    let load = scene::load(&scene, scene.inside);
    let names = [
        "kinds.coalmine",
        "kinds.coalmine~istio-translated-wasmplugin",
    ];
    for (new, old, name) in [
        (&traffic_extension, &wasm_plugin, names[0]),
        (&wasm_plugin, &traffic_extension, names[1]),
    ] {
        kubectl.apply(new).unwrap();
        wait_for_plugins(&sidecar, &names);
        assert_eq!(users("both"), at_first);
        kubectl.delete(old).unwrap();
        wait_for_plugins(&sidecar, &[name]);
        assert_eq!(users("the other"), at_first);
    }
    scene::testers_stayed(&scene::none_failed(load, 200));
    assert_eq!(sidecar.problems(), Vec::<String>::new());
}

/// Waits until these are the plugins in a proxy, by the names that Istio gives them there.
fn wait_for_plugins(proxy: &Proxy, names: &[&str]) {
    eventually(&format!("the plugins {names:?}"), PATIENCE, || {
        let there = scene::plugins(proxy)?;
        ensure!(there.iter().eq(names), "{there:?}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_module_is_replaced_and_brought_back() {
    let scene = Scene::new(setting::shared(), "upgrade");
    let sidecar = scene.sidecar();
    scene.apply("30%");
    scene::wait_for_plugin(&scene, scene.inside);
    let users = |what: &str| scene::versions(&scene, scene.inside, what);
    let at_first = users("the old module");
    let folder = tempfile::tempdir().unwrap();
    let newer = setting::push(&newer_module(folder.path()), "coalmine:newer").unwrap();
    assert_ne!(newer, setting::module());

    let load = scene::load(&scene, scene.inside);
    for module in [&newer, setting::module(), &newer] {
        let objects = scene.rendered(&scene.canary("30%"), module, &[]);
        let begun = Instant::now();
        scene.mesh.cluster.kubectl.apply(&objects).unwrap();
        let (_, digest) = module.split_once("@sha256:").unwrap();
        let file = format!("{digest}.wasm");
        eventually("the module of the digest", PATIENCE, || {
            let dump = scene::ecds(&sidecar)?.to_string();
            ensure!(dump.contains(&file), "{dump}");
            Ok(())
        })
        .unwrap();
        eprintln!("another module: after {:?}", begun.elapsed());
        assert_eq!(users("another module"), at_first);
    }
    scene::testers_stayed(&scene::none_failed(load, 200));
    assert_eq!(sidecar.problems(), Vec::<String>::new());
}

/// The module with one more section that says nothing: other bytes, as another release has.
fn newer_module(folder: &Path) -> PathBuf {
    let mut bytes = fs::read(workspace::module_path()).unwrap();
    bytes.extend_from_slice(b"\0\x06\x05newer");
    let path = folder.join("newer.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn nothing_stays_behind_when_it_is_removed() {
    let scene = Scene::new(setting::shared(), "removed");
    let sidecar = scene.sidecar();
    scene.apply("100%");
    scene.wait_for(scene.inside, CANARY);
    let kubectl = &scene.mesh.cluster.kubectl;
    let load = scene::load(&scene, scene.inside);
    let istiod = Client::new(scene.mesh.istiod.http());
    let known = || {
        let page = istiod.send(&Request::get("/debug/configz")).unwrap();
        let all: Vec<serde_json::Value> = serde_json::from_slice(&page.body).unwrap();
        let of_ours = |one: &&serde_json::Value| {
            let metadata = &one["metadata"];
            let name = metadata["name"].as_str().unwrap_or_default();
            metadata["namespace"] == scene.namespace && name.starts_with("coalmine")
        };
        all.iter().filter(of_ours).count()
    };
    assert!(known() >= 3, "{}", known());

    // The plugin alone: with the routes still there, everyone gets the default.
    kubectl.delete(&scene.plugin("100%", &[])).unwrap();
    scene.wait_for(scene.inside, STABLE);
    let client = setting::client(scene.inside);
    let tester = client.send(&scene.tester()).unwrap();
    assert_eq!(tester.served_by(), STABLE);
    let told = tester.received().unwrap();
    assert!(told.all("x-coalmine-variant").is_empty(), "{told:?}");
    wait_for_plugins(&sidecar, &[]);

    // Routes before the subsets that they lead to.
    let ours = ["coalmine-shop", "--namespace", scene.namespace];
    kubectl
        .run(&[&["delete", "virtualservice"], &ours[..]].concat(), "")
        .unwrap();
    eventually("no routes of ours", PATIENCE, || {
        let dump = sidecar
            .admin
            .get("/config_dump?resource=dynamic_route_configs")?;
        ensure!(!dump.contains("x-coalmine-variant"), "{dump}");
        Ok(())
    })
    .unwrap();
    kubectl
        .run(&[&["delete", "destinationrule"], &ours[..]].concat(), "")
        .unwrap();
    eventually("no subsets of ours", PATIENCE, || {
        let clusters = sidecar.admin.get("/clusters")?;
        ensure!(!clusters.contains("|canary|"), "{clusters}");
        Ok(())
    })
    .unwrap();
    scene::none_failed(load, 100);
    assert_eq!(known(), 0);

    // Nothing tells versions apart any more, and nobody looks at the header.
    let requests = vec![scene.of("alice").header("x-coalmine-variant", "canary"); 40];
    let answers = client.send_all(requests, 8).unwrap();
    let by = |version: &str| {
        let answers = answers.iter();
        answers
            .filter(|answer| answer.served_by() == version)
            .count()
    };
    assert!(
        by(STABLE) > 0 && by(CANARY) > 0,
        "{} {}",
        by(STABLE),
        by(CANARY)
    );
}
