//! Two configs, and what is said of them.

use coalmine::config::{Canaries, read_json};
use coalmine_analysis::diff::{Diff, diff};
use serde_json::{Value, json};

/// A plugin's config of canaries whose specs have what is usual unless they say otherwise.
pub(crate) fn canaries(specs: &[(&str, Value)]) -> Canaries {
    readable(specs).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The same, where a spec may be refused.
pub(crate) fn readable(specs: &[(&str, Value)]) -> Result<Canaries, String> {
    let canaries = specs.iter().map(|(name, spec)| {
        let mut spec = spec.clone();
        let usual = json!({
            "hosts": [name],
            "variants": {"stable": {}, "canary": {}},
            "default": "stable",
            "unit": [{"header": "x-user-id"}],
        });
        for (name, value) in usual.as_object().unwrap() {
            let spec = spec.as_object_mut().unwrap();
            spec.entry(name.clone()).or_insert(value.clone());
        }
        json!({"apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
            "metadata": {"name": name}, "spec": spec})
    });
    let plugin = json!({"apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin",
        "canaries": canaries.collect::<Vec<_>>()});
    read_json(plugin.to_string().as_bytes()).map_err(|problems| format!("{problems:?}"))
}

pub(crate) fn shop(spec: Value) -> Canaries {
    canaries(&[("shop", spec)])
}

pub(crate) fn between(old: Value, new: Value) -> Diff {
    diff(&shop(old), &shop(new), &[])
}

/// Everything that is said, in lines.
pub(crate) fn said(diff: &Diff) -> Vec<String> {
    let mut lines = Vec::new();
    for canary in &diff.canaries {
        for users in &canary.users {
            let about = if users.exact { "exactly" } else { "expected" };
            let brings = users.brings.join(", ");
            lines.push(format!("{} {about} of {brings}", users.moved));
            for flow in &users.flows {
                assert!(flow.example.is_some(), "{flow:?}");
                lines.push(format!("{} -> {} {}", flow.from, flow.to, flow.part));
            }
        }
        for change in &canary.changes {
            let (old, new) = (&change.old, &change.new);
            let part = change
                .part
                .map(|part| format!(" {part}"))
                .unwrap_or_default();
            lines.push(format!(
                "{} {} -> {} {}{part}",
                old.reason, old.variant, new.reason, new.variant
            ));
        }
        for retarget in &canary.retargeted {
            lines.push(format!("{} leads elsewhere", retarget.variant));
        }
        for tokens in &canary.tokens {
            let whose = tokens.key.iter().chain(&tokens.subject);
            let whose: Vec<&str> = whose.map(String::as_str).collect();
            lines.push(format!(
                "tokens of {} count: {}",
                whose.join(" "),
                tokens.count
            ));
        }
    }
    lines
}

pub(crate) fn check(old: Value, new: Value, expected: &[&str]) -> Diff {
    let diff = between(old, new);
    assert_eq!(said(&diff), expected);
    diff
}
