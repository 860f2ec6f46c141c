//! Whether a plugin carries these canaries, and what differs.

use super::findings::Findings;
use super::plugin::{Config, Plugin};
use coalmine::config::{Canaries, Canary, plugin_json, read};
use coalmine::diagnostic::any_error;
use serde_json::Value;

/// How many differences of one canary are told.
const DIFFERENCES_SHOWN: usize = 5;

pub(super) fn check(canaries: &Canaries, plugins: &[Plugin<'_>], findings: &mut Findings) {
    if plugins.is_empty() {
        for canary in &canaries.canaries {
            findings.missing(
                canary,
                "no-plugin",
                "no plugin of these manifests carries this canary".to_owned(),
                "`coalmine render` makes one; or give the manifests that have it as well",
            );
        }
        return;
    }
    let mut carried = Vec::new();
    let mut unread = false;
    for plugin in plugins {
        let Some(config) = &plugin.config else {
            no_config(plugin, findings);
            continue;
        };
        match read_config(config, findings) {
            Some(found) => {
                compare(canaries, &found, plugin, config, findings);
                carried.extend(found.canaries.iter().map(Canary::full_name));
            }
            None => unread = true,
        }
    }
    let lacking = |canary: &&Canary| !unread && !carried.contains(&canary.full_name());
    for canary in canaries.canaries.iter().filter(lacking) {
        let titles: Vec<String> = plugins.iter().map(|plugin| plugin.object.title()).collect();
        findings.missing(
            canary,
            "not-carried",
            format!("this canary is not in {}", titles.join(" or ")),
            "render the plugin anew from all its canaries, and apply it",
        );
    }
}

pub(super) fn no_config(plugin: &Plugin<'_>, findings: &mut Findings) {
    findings.error(
        &plugin.at,
        "no-config",
        format!(
            "{} has no config, so its filter does nothing",
            plugin.object.title()
        ),
        "render it anew with `coalmine render`",
    );
}

/// What the filter would read; its own words if it refuses it.
pub(super) fn read_config(config: &Config<'_>, findings: &mut Findings) -> Option<Canaries> {
    let place = config.at.place();
    if let Some(Err(error)) = &config.text {
        findings.error(
            &config.at,
            "not-json",
            format!("the plugin's config is not JSON: {error}"),
            "render it anew with `coalmine render`",
        );
        return None;
    }
    let (canaries, mut found) = read([(place.source, config.node()?)]);
    for diagnostic in &mut found {
        let inner = [Some(&mut diagnostic.place), diagnostic.first.as_mut()];
        for inner in inner.into_iter().flatten() {
            // In a text nothing has a place of its own.
            inner.span = inner.span.or(place.span);
            inner.path = match inner.path.as_str() {
                "" => place.path.clone(),
                path => format!("{}.{path}", place.path),
            };
        }
    }
    let refused = any_error(&found);
    findings.extend(found);
    (!refused).then_some(canaries)
}

fn compare(
    wanted: &Canaries,
    found: &Canaries,
    plugin: &Plugin<'_>,
    config: &Config<'_>,
    findings: &mut Findings,
) {
    let title = plugin.object.title();
    if wanted.variant_header != found.variant_header {
        findings.error(
            &config.at,
            "other-header",
            format!(
                "{title} writes the header `{}`, and these canaries say `{}`",
                found.variant_header, wanted.variant_header
            ),
            "render the plugin and the routes anew, and apply both",
        );
    }
    let listed = config.at.items_at("canaries");
    for (number, canary) in found.canaries.iter().enumerate() {
        let at = listed.get(number).unwrap_or(&config.at);
        let name = canary.full_name();
        let mut all = wanted.canaries.iter();
        let Some(wanted) = all.find(|wanted| wanted.full_name() == name) else {
            findings.error(
                at,
                "unknown-canary",
                format!("{title} carries canary `{name}`, which is not among those given"),
                "give every file of this plugin, or render it anew without that canary",
            );
            continue;
        };
        let differences = differences(&lean(canary), &lean(wanted));
        if differences.is_empty() {
            continue;
        }
        let mut shown: Vec<String> = differences
            .iter()
            .take(DIFFERENCES_SHOWN)
            .cloned()
            .collect();
        match differences.len().saturating_sub(DIFFERENCES_SHOWN) {
            0 => {}
            more => shown.push(format!("and {more} more")),
        }
        findings.error(
            at,
            "other-config",
            format!("{title} carries another `{name}`: {}", shown.join("; ")),
            "on the left is what the manifest has, on the right what the canary says; render it anew and apply it",
        );
    }
}

/// A canary as the filter gets it.
fn lean(canary: &Canary) -> Value {
    let alone = Canaries {
        canaries: vec![canary.clone()],
        ..Canaries::default()
    };
    let value: Option<Value> = plugin_json(&alone)
        .ok()
        .and_then(|json| serde_json::from_str(&json).ok());
    value
        .and_then(|mut value| Some(value.get_mut("canaries")?.get_mut(0)?.take()))
        .unwrap_or_default()
}

/// What changes from one value to the other: `spec.shares.canary 5% -> 10%`.
fn differences(from: &Value, to: &Value) -> Vec<String> {
    let mut found = Vec::new();
    differ("", Some(from), Some(to), &mut found);
    found
}

fn differ(path: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<String>) {
    let join = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match (from, to) {
        (Some(from), Some(to)) if from == to => {}
        (Some(Value::Object(from)), Some(Value::Object(to))) => {
            for (name, value) in from {
                differ(&join(name), Some(value), to.get(name), found);
            }
            for (name, value) in to.iter().filter(|(name, _)| !from.contains_key(*name)) {
                differ(&join(name), None, Some(value), found);
            }
        }
        (Some(Value::Array(from)), Some(Value::Array(to))) => {
            for number in 0..from.len().max(to.len()) {
                let path = format!("{path}[{number}]");
                differ(&path, from.get(number), to.get(number), found);
            }
        }
        (from, to) => {
            let said = |value: Option<&Value>| match value {
                None => "nothing".to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            };
            found.push(format!("{path} {} -> {}", said(from), said(to)));
        }
    }
}
