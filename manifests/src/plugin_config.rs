//! The plugin's config as text, of a size that the filter takes.

use crate::Error;
use coalmine::config::{Canaries, Plugin, plugin_json, too_large};

/// In one line.
///
/// # Errors
/// It is larger than the filter takes.
pub fn compact(canaries: &Canaries) -> Result<String, Error> {
    taken(plugin_json(canaries)?)
}

/// In lines, for who reads manifests.
///
/// # Errors
/// As [`compact`].
pub fn pretty(canaries: &Canaries) -> Result<String, Error> {
    taken(serde_json::to_string_pretty(&Plugin::from(canaries))?)
}

/// As an object, which becomes [`compact`] again on its way to the filter.
///
/// # Errors
/// As [`compact`].
pub fn object(canaries: &Canaries) -> Result<Plugin<'_>, Error> {
    compact(canaries)?;
    Ok(Plugin::from(canaries))
}

fn taken(text: String) -> Result<String, Error> {
    match too_large(text.len()) {
        Some(diagnostic) => Err(Error::TooLarge(Box::new(diagnostic))),
        None => Ok(text),
    }
}
