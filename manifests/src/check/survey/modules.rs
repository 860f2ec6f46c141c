//! Whether the modules of plugins are pinned, and whether all plugins have the same.

use super::super::findings::Findings;
use super::super::module;
use super::super::plugin::Plugin;

/// Where a plugin's module is.
pub(super) fn url<'n>(plugin: &Plugin<'n>) -> Option<&'n str> {
    plugin.url.as_ref()?.text()
}

/// The digest that pins it, without `sha256:`.
pub(super) fn digest<'n>(plugin: &Plugin<'n>) -> Option<&'n str> {
    let (_, pinned) = module::pinned(plugin).into_iter().next()?;
    Some(pinned.strip_prefix("sha256:").unwrap_or(pinned))
}

pub(super) fn check(plugins: &[Plugin<'_>], findings: &mut Findings) {
    for plugin in plugins {
        module::unpinned(plugin, findings);
    }
    let told: Vec<(&Plugin<'_>, &str)> = plugins
        .iter()
        .filter_map(|plugin| Some((plugin, digest(plugin).or_else(|| url(plugin))?)))
        .collect();
    for (number, (plugin, said)) in told.iter().enumerate() {
        let comparable = |other: &&(&Plugin<'_>, &str)| {
            // An image and the file in it have digests of their own.
            scheme(other.0) == scheme(plugin)
                && digest(other.0).is_some() == digest(plugin).is_some()
        };
        let first = told[..number].iter().find(comparable);
        if let Some((first, _)) = first.filter(|(_, other)| other != said) {
            let at = plugin.url.as_ref().unwrap_or(&plugin.at);
            findings.warning(
                at,
                "two-modules",
                format!(
                    "{} and {} have different modules",
                    first.object.title(),
                    plugin.object.title()
                ),
                "render both with the digest that `coalmine module push` prints, unless one is tried before the other",
            );
            findings.beside(first.url.as_ref().unwrap_or(&first.at));
        }
    }
}

fn scheme<'n>(plugin: &Plugin<'n>) -> &'n str {
    let url = url(plugin).unwrap_or_default();
    url.split_once("://").map_or("oci", |(scheme, _)| scheme)
}
