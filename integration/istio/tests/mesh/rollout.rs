//! Rollouts through the API server and istiod: the share in a plugin's config is changed, real
//! sidecars follow, and what they count decides.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use coalmine_integration::load::Outcome;
use coalmine_integration::service::eventually;
use coalmine_integration::workspace;
use serde_json::{Value, json};

use crate::page::{self, Shell, Step};
use crate::rollout_stage::{Stage, kubeconfig_of, with_the_rights_on_the_page};
use crate::scene::{self, CANARY, STABLE};
use crate::setting::{self, PATIENCE};

/// Two that drive it at once, and one of them is killed again and again.
#[test]
fn a_good_version_is_promoted_whoever_drives() {
    let stage = Stage::new("promoted", "wasmplugin", &[]);
    let before = stage.plugin();
    let reloaded = scene::reloaded(&stage.sidecar).unwrap();
    let load = stage.load(0);
    let begun = Instant::now();
    let mut steady = stage.run();
    for kill in 1..=4 {
        let mut other = stage.run();
        thread::sleep(Duration::from_millis(300 * kill));
        other.kill().unwrap();
        assert_eq!(
            other.wait().unwrap().code(),
            None,
            "it was too late to kill it"
        );
    }
    let mut other = stage.run();
    for run in [&mut steady, &mut other] {
        assert_eq!(run.wait().unwrap().code(), Some(0));
    }
    eprintln!("promoted after {:?}", begun.elapsed());
    assert_eq!(stage.share(), "100%");
    stage.scene.wait_for(stage.scene.inside, CANARY);
    load.wait_for(200, PATIENCE).unwrap();
    scene::none_failed(load, 1_000);

    assert_decided(
        &stage.journal(),
        &["began", "stepped", "stepped", "promoted"],
    );

    // What was written beside shares has changed nothing in the proxy.
    let reloaded = scene::reloaded(&stage.sidecar).unwrap() - reloaded;
    assert_eq!(reloaded, 3, "shares that the proxy has taken");
    let mut after = stage.plugin();
    let version = |plugin: &Value| {
        let version = plugin["metadata"]["resourceVersion"].as_str().unwrap();
        version.parse::<u64>().unwrap()
    };
    assert!(version(&after) > version(&before));
    assert_only_ours_has_changed(before, &mut after);

    let (code, status) = stage.rollout(&["status", "-o", "json"]);
    assert_eq!(code, 0, "{status}");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["phase"], "promoted");
    let requests = |arm: &str| status["evidence"]["errors"][arm][0].as_u64().unwrap();
    assert!(
        requests("canary") >= 200 && requests("control") >= 200,
        "{status:#}"
    );
    assert_eq!(status["evidence"]["errors"]["canary"][1], 0);
}

/// Each decision once, in one order.
fn assert_decided(journal: &[Value], expected: &[&str]) {
    let numbers = journal.iter().filter_map(|one| one["number"].as_u64());
    assert!(numbers.eq(1..=expected.len() as u64), "{journal:#?}");
    let kinds = journal.iter().filter_map(|one| one["kind"].as_str());
    assert!(kinds.eq(expected.iter().copied()), "{journal:#?}");
}

/// Two in five of its requests fail. Who drives it has the rights that the page names, and no others.
#[test]
fn a_version_that_fails_is_rolled_back() {
    let options = ["--istio", "1.30", "--traffic-extension"];
    let stage = Stage::new("rolledback", "trafficextension", &options);
    let kubeconfig = with_the_rights_on_the_page(&stage);
    let (code, text) = stage.rollout_as(&["status"], &kubeconfig_of(&stage, "nobody"));
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("you may not get TrafficExtension rolledback/coalmine"),
        "{text}"
    );
    let pushed = scene::taken(&stage.sidecar).unwrap();
    let load = stage.load(400);
    let begun = Instant::now();
    let (code, text) = stage.rollout_as(&["run", "--timeout", "60"], &kubeconfig);
    eprintln!("rolled back after {:?}\n{text}", begun.elapsed());
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("rolled-back: "), "{text}");
    assert_eq!(stage.share(), "0%");
    // Each share was told once, up and down.
    eventually("both shares in the proxy", PATIENCE, || {
        let told = scene::taken(&stage.sidecar)? - pushed;
        ensure!(told == 2, "{told}");
        Ok(())
    })
    .unwrap();
    load.wait_for(100, PATIENCE).unwrap();
    let report = load.stop();
    let late = &report.samples[report.samples.len() - 50..];
    assert!(late.iter().all(|sample| sample.is_by(STABLE)));
    let failed = report.failures();
    assert!(
        failed
            .keys()
            .all(|outcome| **outcome == Outcome::Status(503)),
        "{failed:?}"
    );

    // It is remembered, whoever asks.
    let (code, text) = stage.rollout_as(&["step"], &kubeconfig);
    assert_eq!(code, 1, "{text}");
    assert_eq!(stage.share(), "0%");
    // The states that were written meanwhile were not.
    assert_eq!(scene::taken(&stage.sidecar).unwrap() - pushed, 2);
    let (code, text) = stage.rollout_as(&["report"], &kubeconfig);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("| rolled-back | 0% |"), "{text}");
}

/// Somebody applies the file again in the midst of it.
#[test]
fn a_share_that_others_put_there_is_told() {
    let stage = Stage::new("drifted", "wasmplugin", &[]);
    // Five begin it at once; whoever was outrun has decided again, and found that it has begun.
    for (code, text) in stage.at_once(&["step", "--journal", "journal.jsonl"]) {
        assert_eq!(code, 4, "{text}");
    }
    assert_eq!(stage.share(), "20%");
    assert_decided(&stage.journal(), &["began", "stepped"]);
    // Of five that say the same at once one has said it.
    for word in ["pause", "resume"].repeat(3) {
        let said = stage.at_once(&[word]);
        let mut codes: Vec<i32> = said.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 1, 1, 1], "{word}: {said:#?}");
    }
    let stale = json!([
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"},
        {"op": "add", "path": "/metadata/annotations/stale", "value": "yes"},
    ]);
    let patch = [
        "patch",
        "wasmplugin",
        "coalmine",
        "--namespace",
        "drifted",
        "--type",
        "json",
    ];
    let kubectl = &stage.mesh().cluster.kubectl;
    let refused = kubectl.attempt(&[&patch[..], &["-p", &stale.to_string()]].concat(), "");
    let said = String::from_utf8(refused.unwrap().stderr).unwrap();
    assert!(said.contains("the object has been modified"), "{said}");

    let rendered = std::fs::read_to_string(stage.folder.path().join("shop.yaml")).unwrap();
    let rendered = stage.scene.rendered(&rendered, setting::module(), &[]);
    kubectl.apply(&rendered).unwrap();
    assert_eq!(stage.share(), "0%");
    let (code, text) = stage.rollout(&["step"]);
    assert_eq!((code, stage.share()), (4, json!("0%")), "{text}");
    assert!(
        text.contains("somebody has lowered it, so it is paused"),
        "{text}"
    );
    let (code, text) = stage.rollout(&["resume", "--by", "ada"]);
    assert_eq!((code, stage.share()), (0, json!("20%")), "{text}");

    // Server-side apply sees whose the share is.
    let file = stage.folder.path().join("rendered.yaml");
    std::fs::write(&file, &rendered).unwrap();
    let apply = ["apply", "--server-side", "-f", file.to_str().unwrap()];
    let output = kubectl.attempt(&apply, "").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("conflict with \"coalmine-rollout\""),
        "{said}"
    );
    assert!(said.contains(".spec.pluginConfig.canaries"), "{said}");
    assert_eq!(stage.share(), "20%");

    // A plugin without the canary is another one's.
    let (code, text) = stage.rollout(&["abort", "--by", "ada"]);
    assert_eq!((code, stage.share()), (0, json!("0%")), "{text}");
    let other = stage
        .scene
        .canary("0%")
        .replace("name: shop", "name: shoes");
    let objects = stage
        .scene
        .rendered(&other, setting::module(), &["--only", "plugin"]);
    kubectl.apply(&objects).unwrap();
    let (code, text) = stage.rollout(&["step"]);
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains("which has drifted/shoes: render it first"),
        "{text}"
    );
    let arguments = ["delete", "wasmplugin", "coalmine", "--namespace", "drifted"];
    kubectl.run(&arguments, "").unwrap();
    let (code, text) = stage.rollout(&["step"]);
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("there is no WasmPlugin drifted/coalmine"),
        "{text}"
    );
}

/// The commands of `docs/rollout-kubernetes.md`, as they are written.
#[test]
fn the_page_is_true() {
    let page = workspace::root().join("docs/rollout-kubernetes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mesh = setting::shared();
    let page = page
        .replace("istio-system", "rolledout")
        .replace("bookinfo", "rolledout")
        .replace("reviews:9080", "reviews:80")
        .replace(
            "--module $MODULE",
            "--module $MODULE --plugin-namespace rolledout",
        );
    mesh.namespace("rolledout").unwrap();
    let mut shell = Shell::new(mesh, &setting::registry().to_string());
    let mut set =
        |name: &str, value: &str| shell.variables.insert(name.to_owned(), value.to_owned());
    set("MODULE", setting::module());
    // Nobody has to be there for what the page asks for.
    set("COALMINE_PROMETHEUS", "http://127.0.0.1:9");
    let canary = page.split("```yaml\n").nth(1).unwrap();
    let canary = canary.split("```").next().unwrap();
    std::fs::write(shell.folder.path().join("reviews.yaml"), canary).unwrap();
    let mut codes = Vec::new();
    for Step { command, prints } in page::steps(&page) {
        let output = shell.output(&command).unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(prints.is_empty() || out == prints, "{command}: {out}");
        codes.push(output.status.code().unwrap());
    }
    assert_eq!(codes, [0, 4, 4, 0, 0, 0, 0, 0]);
}

/// What an object was before is what it is now, but for the share, the salt and the annotation.
fn assert_only_ours_has_changed(before: Value, after: &mut Value) {
    let metadata = &mut after["metadata"];
    let annotations = metadata["annotations"].as_object_mut().unwrap();
    let state = annotations
        .remove("coalmine.dev/rollout-promoted_shop")
        .unwrap();
    eprintln!("{} bytes of state", state.as_str().unwrap().len());
    assert!(state.as_str().unwrap().len() < 8_192);
    let managers = metadata["managedFields"].as_array().unwrap();
    let named = |manager: &Value| manager["manager"].as_str().unwrap().to_owned();
    let names: Vec<String> = managers.iter().map(named).collect();
    assert!(
        names.iter().any(|name| name == "coalmine-rollout"),
        "{names:?}"
    );
    let ours = managers
        .iter()
        .find(|one| one["manager"] == "coalmine-rollout");
    eprintln!("ours: {}", ours.unwrap()["fieldsV1"]);
    for field in ["resourceVersion", "generation", "managedFields"] {
        metadata[field] = before["metadata"][field].clone();
    }
    let spec = &mut after["spec"]["pluginConfig"]["canaries"][0]["spec"];
    assert_eq!(spec["salt"], "promoted/shop@v2");
    let was = &before["spec"]["pluginConfig"]["canaries"][0]["spec"];
    spec["salt"] = was["salt"].clone();
    spec["shares"] = was["shares"].clone();
    assert_eq!(*after, before);
}
