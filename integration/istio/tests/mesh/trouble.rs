//! What users see when a config or a module is not what it should be: the answers, what the agent
//! and Envoy write, what istiod knows, and what brings it back. `docs/istio.md` says the same.

use std::fs;

use anyhow::ensure;
use coalmine_integration::client::{Client, Request};
use coalmine_integration::registry::Registry;
use coalmine_integration::service::eventually;
use coalmine_integration::workspace;
use coalmine_istio::ports;
use coalmine_istio::proxy::Proxy;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::scene::{self, CANARY, STABLE, Scene};
use crate::setting::{self, PATIENCE};

/// A share over 100 %, by hand, in the plugin of the cluster.
const BY_HAND: &str = r#"[{
    "op": "replace", "path": "/spec/pluginConfig/canaries/0/spec/shares/canary", "value": "190%"
}]"#;

const OVER: &str = "the share `190%` is over 100%";

#[test]
fn a_config_that_the_filter_refuses() {
    let scene = Scene::new(setting::shared(), "refused");
    let sidecar = scene.sidecar();
    scene.apply("30%");
    scene::wait_for_plugin(&scene, scene.inside);
    let kubectl = &scene.mesh.cluster.kubectl;
    let users = |what: &str| scene::versions(&scene, scene.inside, what);
    let at_first = users("the good config");
    let load = scene::load(&scene, scene.inside);

    // Who writes it in a file of canaries gets no further.
    for arguments in [
        &["validate", "-"][..],
        &["render", "istio", "-", "--only", "routes"],
    ] {
        let ran = setting::attempt(arguments, &scene.canary("190%")).unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        let out = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.code() == Some(2), "{said}{out}");
        assert!(format!("{said}{out}").contains(OVER), "{said}{out}");
    }
    // The API server and the webhook take it: to them it is any struct.
    let patch = [
        "patch",
        "wasmplugin",
        "coalmine",
        "--type=json",
        "-p",
        BY_HAND,
    ];
    let patch = [&patch[..], &["--namespace", scene.namespace]].concat();
    kubectl.run(&patch, "").unwrap();
    eventually("the refusal", PATIENCE, || {
        ensure!(scene::refused(&sidecar)? > 0, "none");
        Ok(())
    })
    .unwrap();
    let place = format!(
        "canaries[0] ({}/shop).spec.shares.canary: {OVER}",
        scene.namespace
    );
    scene::logged(&sidecar, 0, &format!("wasm log coalmine: {place}"));
    scene::logged(&sidecar, 0, "rejected: Unable to create Wasm plugin");
    assert_eq!(users("the refused config"), at_first);
    let cluster = in_the_cluster(&scene);
    assert!(
        cluster.contains("190%") && cluster.contains(OVER),
        "{cluster}"
    );
    istiod_knows(&scene, &sidecar);

    // Envoy shows the refused one as if it were in force.
    let dump = scene::ecds(&sidecar).unwrap().to_string();
    assert!(dump.contains("190%"), "{dump}");
    // A proxy that starts now has no last good one: not even a default.
    let gateway = scene.gateway();
    scene::logged(&gateway, 0, "rejected: Unable to create Wasm plugin");
    let answer = scene::wait_for_status(scene.edge, &scene.request(), 500);
    assert_eq!(answer.text(), "");
    // Its access log says why: no filter config found.
    scene::logged(&gateway, 0, "HTTP/1.1\" 500 NFCF");
    scene::logged(&gateway, 0, &format!("wasm log coalmine: {place}"));

    scene.apply("30%");
    scene::wait_for_plugin(&scene, scene.edge);
    assert_eq!(users("the good config again"), at_first);
    scene::testers_stayed(&scene::none_failed(load, 100));
}

/// What `coalmine validate` says about what is in the cluster.
fn in_the_cluster(scene: &Scene<'_>) -> String {
    let kinds = "wasmplugins,virtualservices,destinationrules";
    let get = ["get", kinds, "--namespace", scene.namespace, "-o", "yaml"];
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    fs::write(
        file.path(),
        scene.mesh.cluster.kubectl.run(&get, "").unwrap(),
    )
    .unwrap();
    let path = file.path().to_str().unwrap();
    let ran = setting::attempt(&["validate", "-", "--against", path], &scene.canary("30%"));
    let ran = ran.unwrap();
    assert_eq!(ran.status.code(), Some(1));
    String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned()
}

/// istiod has it in its log, its metrics and its state of the proxy.
fn istiod_knows(scene: &Scene<'_>, proxy: &Proxy) {
    let log = scene.mesh.istiod.log();
    let refusal = format!("ADS:ECDS: ACK ERROR {}", proxy.id);
    assert!(log.contains(&refusal), "{log}");
    let monitoring = Client::new(scene.mesh.istiod.monitoring());
    let metrics = monitoring.send(&Request::get("/metrics")).unwrap().text();
    let rejects = r#"pilot_total_xds_rejects{type="ecds"} "#;
    assert!(metrics.contains(rejects), "{metrics}");
    let istiod = Client::new(scene.mesh.istiod.http());
    let page = istiod.send(&Request::get("/debug/syncz")).unwrap();
    let all: Vec<Value> = serde_json::from_slice(&page.body).unwrap();
    let one = all.iter().find(|one| one["proxy"] == *proxy.id).unwrap();
    assert_ne!(
        one["extensionconfig_sent"], one["extensionconfig_acked"],
        "{one}"
    );
}

#[test]
fn a_module_that_cannot_be_fetched() {
    let scene = Scene::new(setting::shared(), "unfetched");
    let sidecar = scene.sidecar();
    let kubectl = &scene.mesh.cluster.kubectl;
    let registry = Registry::start().unwrap();
    let file = workspace::module_path();
    let reference = format!("{}/coalmine:here", registry.address());
    let push = [
        "module",
        "push",
        &reference,
        "--module",
        file.to_str().unwrap(),
    ];
    let module = setting::coalmine(&push, "").unwrap().trim().to_owned();
    let (image, digest) = module.split_once("@sha256:").unwrap();
    let apply = |module: &str, options: &[&str]| {
        let place = sidecar.log().len();
        kubectl
            .apply(&scene.rendered(&scene.canary("100%"), module, options))
            .unwrap();
        place
    };
    let forged = scene.of("alice").header("x-coalmine-variant", "canary");
    let client = setting::client(scene.inside);

    let nobody = ports::free().unwrap();
    let away = module.replace(
        &registry.address().to_string(),
        &format!("127.0.0.1:{nobody}"),
    );
    for strategy in ["close", "open", "reload"] {
        let place = apply(&away, &["--fail-strategy", strategy]);
        let filter = if strategy == "open" {
            "applying allow RBAC filter"
        } else {
            "applying deny RBAC filter"
        };
        // A line of the strategy before may come late.
        let line = scene::logged(&sidecar, place, filter);
        let error = "error in converting the wasm config to local";
        assert!(
            line.contains(error) && line.contains("connection refused"),
            "{line}"
        );
        if strategy == "open" {
            setting::wait_for(&client, &scene.tester(), STABLE);
            // Nobody is there who would take it off.
            setting::wait_for(&client, &forged, CANARY);
        } else {
            let denied = scene::wait_for_status(scene.inside, &scene.tester(), 403);
            assert_eq!(denied.text(), "RBAC: access denied");
        }
    }
    scene::logged(&sidecar, 0, "403 - rbac_access_denied_matched_policy[none]");
    let wrong = format!("{image}@sha256:{}", "0".repeat(64));
    let place = apply(&wrong, &[]);
    scene::logged(&sidecar, place, "MANIFEST_UNKNOWN");
    setting::wait_for(&client, &scene.tester(), STABLE);

    let layer = layer(&registry, digest);
    let sum = Sha256::digest(fs::read(&file).unwrap());
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    let place = apply(&layer, &["--sha256", &"0".repeat(64)]);
    let line = scene::logged(&sidecar, place, "which does not match");
    assert!(
        line.contains(&format!("has checksum {sum}, which does not match: 000")),
        "{line}"
    );
    setting::wait_for(&client, &scene.tester(), STABLE);
    apply(&layer, &["--sha256", &sum]);
    scene.wait_for(scene.inside, CANARY);

    let agent = Client::new(sidecar.status);
    let metrics = agent
        .send(&Request::get("/stats/prometheus"))
        .unwrap()
        .text();
    for result in ["manifest_failure", "checksum_mismatched", "success"] {
        let count = format!(r#"istio_agent_wasm_remote_fetch_count{{result="{result}"}} "#);
        assert!(metrics.contains(&count), "{count} is not in {metrics}");
    }
    apply(&module, &[]);
    eventually("the image", PATIENCE, || {
        ensure!(
            scene::ecds(&sidecar)?
                .to_string()
                .contains(&format!("{digest}.wasm"))
        );
        Ok(())
    })
    .unwrap();
    scene.wait_for(scene.inside, CANARY);
    // From here on what the proxy has is what there is.
    drop(registry);
    kubectl
        .apply(&scene.rendered(&scene.canary("0%"), &module, &[]))
        .unwrap();
    scene.wait_for(scene.inside, STABLE);
    setting::wait_for(&client, &scene.tester(), CANARY);
    // One that starts now has nothing.
    let gateway = scene.gateway();
    scene::logged(&gateway, 0, "applying allow RBAC filter");
    setting::wait_for(&setting::client(scene.edge), &scene.tester(), STABLE);
    // A module that nobody has takes the place of one that runs.
    apply(&wrong, &[]);
    setting::wait_for(&client, &scene.tester(), STABLE);
}

/// Where a registry gives the layer of an image by plain HTTP: agents unpack it.
fn layer(registry: &Registry, digest: &str) -> String {
    let client = Client::new(registry.address());
    let accept = "application/vnd.oci.image.manifest.v1+json";
    let manifest = Request::get(format!("/v2/coalmine/manifests/sha256:{digest}"));
    let manifest = client.send(&manifest.header("accept", accept)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest.body).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let layer = layers.last().unwrap()["digest"].as_str().unwrap();
    format!("http://{}/v2/coalmine/blobs/{layer}", registry.address())
}

#[test]
fn a_registry_that_comes_back() {
    let scene = Scene::new(setting::shared(), "comes-back");
    let sidecar = scene.sidecar();
    let kubectl = &scene.mesh.cluster.kubectl;
    let registry = Registry::start().unwrap();
    let (_, digest) = setting::module().split_once("@").unwrap();
    let module = format!("oci://{}/coalmine@{digest}", registry.address());
    kubectl
        .apply(&scene.rendered(&scene.canary("100%"), &module, &[]))
        .unwrap();
    scene::logged(&sidecar, 0, "applying allow RBAC filter");
    let file = workspace::module_path();
    let reference = format!("{}/coalmine:here", registry.address());
    let push = [
        "module",
        "push",
        &reference,
        "--module",
        file.to_str().unwrap(),
    ];
    setting::coalmine(&push, "").unwrap();
    // Agents do not ask again by themselves.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let client = setting::client(scene.inside);
    setting::wait_for(&client, &scene.tester(), STABLE);
    let annotate = [
        "annotate",
        "wasmplugin",
        "coalmine",
        "fetch-again=1",
        "--namespace",
    ];
    kubectl
        .run(&[&annotate[..], &[scene.namespace]].concat(), "")
        .unwrap();
    scene.wait_for(scene.inside, CANARY);
}
