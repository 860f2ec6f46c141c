//! Every example: validated, rendered, explained, and its promises kept.

use crate::run::{command, run};
use coalmine_cli::example::promises;
use coalmine_cli::explain::explain_request;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    paths.sort();
    paths
}

#[test]
fn examples_are_sound() {
    let paths = examples();
    assert!(paths.len() >= 8, "{paths:?}");
    let folder = tempfile::tempdir().unwrap();
    for path in &paths {
        let name = path.display();
        let first = |arguments: &[&str]| {
            let ran = run(command().args(arguments).arg(path), "");
            assert_eq!(ran.code, 0, "{name}: {arguments:?}: {ran}");
            assert!(!ran.stdout.is_empty(), "{name}");
        };
        first(&["validate"]);
        first(&["render", "plugin"]);
        let out = folder.path().join(path.file_stem().unwrap());
        let mut command = command();
        command.args(["render", "envoy", "-o"]).arg(&out).arg(path);
        let ran = run(&mut command, "");
        assert_eq!(ran.code, 0, "{name}: {ran}");
        assert!(out.join("envoy.yaml").exists());
        let text = fs::read_to_string(path).unwrap();
        assert!(text.starts_with("# "), "{name} does not say its idea");
    }
}

#[test]
fn promises_are_kept() {
    let mut reasons = BTreeSet::new();
    for path in examples() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let sources = [coalmine::yaml::Source {
            name: name.clone(),
            text,
        }];
        let (canaries, found) = coalmine::yaml::read(&sources);
        assert!(found.is_empty(), "{name}: {found:?}");
        let promises = promises(&sources[0].text).unwrap();
        let mut outcomes = BTreeSet::new();
        for promise in promises {
            let explanation = explain_request(&canaries, &promise.request)
                .unwrap_or_else(|failure| panic!("{name}:{}: {}", promise.line, failure.message));
            let decided = explanation
                .decision
                .map(|decision| (decision.variant, decision.reason));
            let promised = promise
                .decision
                .map(|promised| (promised.variant, promised.reason));
            assert_eq!(decided, promised, "{name}:{}", promise.line);
            if let Some((variant, reason)) = decided {
                reasons.insert(reason.split(':').next().unwrap().to_owned());
                outcomes.insert(variant);
            }
        }
        assert!(outcomes.len() > 1, "{name} promises one variant alone");
    }
    let all = [
        "default",
        "inherited",
        "never",
        "no-unit",
        "pin",
        "random",
        "rule",
        "share",
    ];
    assert_eq!(reasons, all.map(str::to_owned).into());
}

#[test]
fn promises_that_cannot_be_read() {
    let check = |text: &str, needed: &str| {
        let error = promises(text).unwrap_err();
        assert!(error.contains(needed), "{text}: {error}");
    };
    check("# explain: --host x", "line 1: write `# explain:");
    check("\n# explain: --host 'x => a b", "line 2: a quote");
    check("# explain: => stable", "`VARIANT REASON`");
    check("# explain: --hots x => stable pin", "--host");
    assert_eq!(promises("# a comment\nkind: Canary").unwrap(), []);
}
