//! What one canary after another is read by: what they agree on, and what becomes of each.

use super::ancestors::{Listed, check_ancestors, listed};
use super::claims::{Claims, Whose};
use super::fields::{Field, Fields};
use super::names::{header_name, name_in_list};
use super::read_canary::{envelope, is_canary, read_canary};
use super::report::Report;
use super::{API_VERSION, Canary, PLUGIN_KIND, VARIANT_HEADER};
use crate::diagnostic::{Diagnostic, Place};
use crate::node::{Node, Value};
use crate::policy::{MAX_SLOTS, reads_too_much};

/// The kinds of documents that list canaries, their `apiVersion`, and the field of the list: a plugin's
/// config, and lists as Kubernetes gives them out. `kubectl get canaries -o yaml` prints the first of
/// those, the API server itself the second.
const LISTS: [(&str, &str, &str); 3] = [
    (PLUGIN_KIND, API_VERSION, "canaries"),
    ("List", "v1", "items"),
    ("CanaryList", API_VERSION, "items"),
];

/// Where lists of canaries are.
pub(super) const LIST_FIELDS: [&str; 2] = ["canaries", "items"];

/// The fields of a plugin's config, and of a list of Kubernetes.
const PLUGIN: &[&str] = &["apiVersion", "kind", "variantHeader", "edge", "canaries"];
const LIST: &[&str] = &["apiVersion", "kind", "metadata", "items"];

/// What holds for all canaries of a plugin.
pub(crate) struct Settings {
    /// The request header that carries a decision to the route.
    pub(crate) variant_header: String,
    /// Whether the proxy stands at the edge.
    pub(crate) edge: bool,
}

/// What becomes of the canaries that were read, one by one.
pub(crate) trait Taken {
    /// Makes room for so many.
    fn expect(&mut self, count: usize);
    /// The next one.
    fn take(&mut self, canary: Canary, edge: bool);
}

/// Reads canaries and checks them against each other.
pub(super) struct Reader<'t> {
    settings: Settings,
    /// Where the variant header was named.
    header: Option<Place>,
    found: Vec<Diagnostic>,
    claims: Claims,
    /// What canaries inherit.
    listed: Vec<Listed>,
    taken: &'t mut dyn Taken,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            variant_header: VARIANT_HEADER.to_owned(),
            edge: false,
        }
    }
}

// === impl Reader ===

impl<'t> Reader<'t> {
    pub(super) fn new(taken: &'t mut dyn Taken) -> Self {
        Self {
            settings: Settings::default(),
            header: None,
            found: Vec::new(),
            claims: Claims::default(),
            listed: Vec::new(),
            taken,
        }
    }

    /// Makes room for so many canaries.
    pub(super) fn expect(&mut self, count: usize) {
        self.taken.expect(count);
        self.claims.expect(count);
    }

    /// Reads what a document says of all canaries. Every document's comes before the first canary.
    pub(super) fn settings(&mut self, source: usize, root: &Field<'_>) {
        let Some(fields) = of_kind(root, PLUGIN_KIND) else {
            return;
        };
        self.claim_variant_header(source, &fields);
        let mut report = report(source, &mut self.found);
        let edge = fields
            .get("edge")
            .and_then(|field| field.boolean(&mut report));
        self.settings.edge |= edge.unwrap_or_default();
    }

    /// The variant header of a plugin's config; two that differ are reported.
    fn claim_variant_header(&mut self, source: usize, fields: &Fields<'_>) {
        let mut report = report(source, &mut self.found);
        let Some(field) = fields.get("variantHeader") else {
            return;
        };
        let Some(name) = header_name(&field, &mut report) else {
            return;
        };
        let known = &self.settings.variant_header;
        match &self.header {
            Some(place) if *known != name => report.clash(
                field.value_place(),
                place,
                "two-variant-headers",
                format_args!("there is one variant header for all, and `{known}` was named before"),
                "name the same header in both",
            ),
            Some(_) => {}
            None => {
                let (path, span) = field.value_place();
                self.header = Some(Place {
                    source,
                    path: path.to_owned(),
                    span,
                });
                self.settings.variant_header = name;
            }
        }
    }

    /// The field in which a document lists canaries, once it was told what else is wrong with the
    /// document; `None` if it is no such document.
    pub(super) fn list(&mut self, source: usize, root: &Field<'_>) -> Option<&'static str> {
        let mut lists = LISTS.into_iter();
        let (kind, version, list) = lists.find(|(kind, ..)| of_kind(root, kind).is_some())?;
        let mut report = report(source, &mut self.found);
        envelope(root, &mut report, version, kind);
        let known = if kind == PLUGIN_KIND { PLUGIN } else { LIST };
        if let Some(fields) = root.fields(&mut report, known)
            && let Some(field) = fields.get(list)
        {
            field.list(&mut report);
        }
        Some(list)
    }

    /// Reads a document: a canary, or a list of them.
    pub(super) fn document(&mut self, source: usize, root: &Field<'_>) {
        let Some(list) = self.list(source, root) else {
            if is_canary(root, &mut report(source, &mut self.found)) {
                self.canary(source, None, root);
            }
            return;
        };
        let field = root.peek().and_then(|fields| fields.get(list));
        if let Some(Value::List(nodes)) = field.map(|field| &field.node.value) {
            for (index, node) in nodes.iter().enumerate() {
                self.item(source, list, index, node);
            }
        }
    }

    /// Reads an item of a document's list.
    pub(super) fn item(&mut self, source: usize, list: &'static str, index: usize, node: &Node) {
        let mut field = Field::item(list, index, node);
        if !is_canary(&field, &mut report(source, &mut self.found)) {
            return;
        }
        if let Some(name) = name_in_list(&field) {
            field.path.push_str(&name);
        }
        self.canary(source, Some((list, index)), &field);
    }

    fn canary(&mut self, source: usize, item: Option<(&'static str, usize)>, field: &Field<'_>) {
        let mut report = report(source, &mut self.found);
        let Some(canary) = read_canary(field, &mut report, &self.settings.variant_header) else {
            return;
        };
        if reads_too_much(&canary) {
            report.error(
                field.key_place(),
                "reads-too-much",
                format_args!(
                    "it reads more than {MAX_SLOTS} different headers, cookies and query parameters"
                ),
                "let rules look at fewer of them",
            );
        }
        #[cfg(feature = "rollout")]
        super::rollout::check_queries(field, &canary, &mut report);
        let whose = Whose::new(&canary, source, item);
        let number = self.claims.claim(whose, field, &canary, &mut report);
        self.listed.extend(listed(&canary, number, field));
        self.taken.take(canary, self.settings.edge);
    }

    /// What holds for all, and every problem.
    pub(super) fn end(mut self) -> (Settings, Vec<Diagnostic>) {
        check_ancestors(&self.claims, &self.listed, &mut self.found);
        (self.settings, self.found)
    }
}

impl Taken for Vec<Canary> {
    fn expect(&mut self, count: usize) {
        self.reserve_exact(count);
    }

    fn take(&mut self, canary: Canary, _edge: bool) {
        self.push(canary);
    }
}

/// The fields of a document, if it is of this kind.
fn of_kind<'n>(root: &Field<'n>, kind: &str) -> Option<Fields<'n>> {
    let fields = root.peek()?;
    let said = fields.get("kind")?;
    matches!(&said.node.value, Value::String(text) if text == kind).then_some(fields)
}

fn report(source: usize, found: &mut Vec<Diagnostic>) -> Report<'_> {
    Report { source, found }
}
