//! Documents to canaries: everything that one plugin decides by.

use super::Canary;
use super::fields::Field;
use super::reader::{LIST_FIELDS, Reader, Settings, Taken};
use super::too_large;
use crate::diagnostic::{Diagnostic, Place, Severity, any_error};
use crate::node::{Node, outline};

/// What the plugin's config says in `kind`.
pub const PLUGIN_KIND: &str = "Plugin";

/// Everything that one plugin decides by.
#[derive(Clone, Debug, PartialEq)]
pub struct Canaries {
    /// The request header that carries a decision to the route.
    pub variant_header: String,
    /// Whether the proxy stands at the edge: decisions that came from outside are taken away.
    pub edge: bool,
    /// The canaries, in the order read.
    pub canaries: Vec<Canary>,
}

impl Default for Canaries {
    fn default() -> Self {
        Self::of(Settings::default(), Vec::new())
    }
}

/// Reads documents, each with the number of its source, and checks them one by one and against each
/// other. What could be read is returned beside the problems; use it only if none is an error.
pub fn read<'n>(
    documents: impl IntoIterator<Item = (usize, &'n Node)>,
) -> (Canaries, Vec<Diagnostic>) {
    let documents: Vec<(usize, &Node)> = documents.into_iter().collect();
    let mut canaries = Vec::new();
    let (settings, found) = read_trees(&documents, &mut canaries);
    (Canaries::of(settings, canaries), found)
}

/// Reads what the plugin is configured with; no bytes at all are a plugin without canaries.
///
/// # Errors
/// Every problem, if one of them is an error.
pub fn read_json(bytes: &[u8]) -> Result<Canaries, Vec<Diagnostic>> {
    let mut canaries = Vec::new();
    let settings = read_json_into(bytes, &mut canaries)?;
    Ok(Canaries::of(settings, canaries))
}

/// The same, with the canaries handed on one by one: a tree has ten times the bytes of its text, and the
/// memory of a module never shrinks. So of a config as it is rendered there is never more than that of one
/// canary; a canary alone, and a list that is no plugin's, are read as a whole.
///
/// # Errors
/// As [`read_json`]; use nothing of what was taken then.
pub(crate) fn read_json_into(
    bytes: &[u8],
    taken: &mut dyn Taken,
) -> Result<Settings, Vec<Diagnostic>> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Settings::default());
    }
    if let Some(diagnostic) = too_large(bytes.len()) {
        return Err(vec![diagnostic]);
    }
    let read = read_items(bytes, taken).map_err(|error| vec![not_json(&error)])?;
    let (settings, found) = read;
    if any_error(&found) {
        return Err(found);
    }
    Ok(settings)
}

/// Reads a list of canaries item by item, and whatever else there is as a whole.
fn read_items(
    bytes: &[u8],
    taken: &mut dyn Taken,
) -> serde_json::Result<(Settings, Vec<Diagnostic>)> {
    let mut count = 0usize;
    let mut counted = |_, _: &Node| count = count.saturating_add(1);
    let root = outline(bytes, &LIST_FIELDS, &mut counted)?;
    let field = Field::root(&root);
    let mut reader = Reader::new(taken);
    reader.settings(0, &field);
    let Some(list) = reader.list(0, &field) else {
        drop(reader);
        drop(root);
        let node = serde_json::from_slice(bytes)?;
        return Ok(read_trees(&[(0, &node)], taken));
    };
    // No canary has so few bytes: a list of other things makes no room.
    reader.expect(count.min(bytes.len() / 128));
    let mut item = |index, node: &Node| reader.item(0, list, index, node);
    outline(bytes, &[list], &mut item)?;
    Ok(reader.end())
}

fn read_trees(documents: &[(usize, &Node)], taken: &mut dyn Taken) -> (Settings, Vec<Diagnostic>) {
    let mut reader = Reader::new(taken);
    // The header first: whether a pin or rule may look at a header depends on it, wherever it stands.
    for (source, node) in documents {
        reader.settings(*source, &Field::root(node));
    }
    for (source, node) in documents {
        reader.document(*source, &Field::root(node));
    }
    reader.end()
}

fn not_json(error: &serde_json::Error) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: "not-json",
        place: Place::default(),
        first: None,
        message: format!("the plugin's config is not JSON: {error}"),
        help: None,
    }
}

// === impl Canaries ===

impl Canaries {
    fn of(settings: Settings, canaries: Vec<Canary>) -> Self {
        Self {
            variant_header: settings.variant_header,
            edge: settings.edge,
            canaries,
        }
    }
}

// === impl Canary ===

impl Canary {
    /// `namespace/name`, or the name alone: its label in metrics and its default salt.
    pub fn full_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// What its users are drawn by: another revision of a rollout draws others.
    pub fn salt(&self) -> String {
        self.salt_of(self.revision())
    }

    /// What the users of a revision are drawn by.
    pub fn salt_of(&self, revision: Option<&str>) -> String {
        let base = self.spec.salt.clone().unwrap_or_else(|| self.full_name());
        match revision {
            Some(revision) => format!("{base}@{revision}"),
            None => base,
        }
    }

    /// What of it is rolled out, if there is a word for it.
    pub fn revision(&self) -> Option<&str> {
        self.spec.rollout.as_ref()?.revision.as_deref()
    }
}
