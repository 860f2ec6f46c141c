//! Documents to canaries: the envelope, and what canaries must agree on among themselves.

use super::ancestors::check_ancestors;
use super::fields::{Field, Fields, Report, nearest_or_all};
use super::names::{header_name, label, name_in_list};
use super::read_spec::read_spec;
use super::too_large;
use super::{API_VERSION, CANARY_KIND, Canary, VARIANT_HEADER};
use crate::diagnostic::{Diagnostic, Place, Severity, any_error};
use crate::node::{Node, Value};
use crate::policy::{MAX_SLOTS, host_names, reads_too_much};
use std::collections::BTreeMap;

/// What the plugin's config says in `kind`.
pub const PLUGIN_KIND: &str = "Plugin";

/// Lists as Kubernetes gives them out, with their `apiVersion`: `kubectl get canaries -o yaml` prints
/// the first, the API server itself the second.
const LISTS: [(&str, &str); 2] = [("List", "v1"), ("CanaryList", API_VERSION)];

/// The fields of a plugin's config, and of a list of Kubernetes.
const PLUGIN: &[&str] = &["apiVersion", "kind", "variantHeader", "edge", "canaries"];
const LIST: &[&str] = &["apiVersion", "kind", "metadata", "items"];

/// What an API server and controllers write into `metadata` (kubernetes.io, "ObjectMeta"), labels and
/// annotations: they are Kubernetes' business, mean nothing here and do no harm.
pub const OF_KUBERNETES: &[&str] = &[
    "labels",
    "annotations",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "ownerReferences",
    "finalizers",
    "selfLink",
];

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
        Self {
            variant_header: VARIANT_HEADER.to_owned(),
            edge: false,
            canaries: Vec::new(),
        }
    }
}

/// Where a name was claimed first.
struct Claim {
    canary: String,
    place: Place,
}

/// Reads documents, each with the number of its source, and checks them one by one and against each
/// other. What could be read is returned beside the problems; use it only if none is an error.
pub fn read<'n>(
    documents: impl IntoIterator<Item = (usize, &'n Node)>,
) -> (Canaries, Vec<Diagnostic>) {
    let mut canaries = Canaries::default();
    let mut found = Vec::new();
    let documents: Vec<(usize, Field<'n>)> = documents
        .into_iter()
        .map(|(source, node)| (source, Field::root(node)))
        .collect();
    // The header first: whether a pin or rule may look at a header depends on it, wherever it stands.
    let mut header = None;
    for (source, root) in &documents {
        let mut report = Report {
            source: *source,
            found: &mut found,
        };
        claim_variant_header(root, &mut header, &mut report);
        canaries.edge |= is_edge(root, &mut report);
    }
    if let Some((name, _)) = header {
        canaries.variant_header = name;
    }
    let mut hosts = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut places = Vec::new();
    for (source, root) in &documents {
        let mut report = Report {
            source: *source,
            found: &mut found,
        };
        for field in canary_documents(root, &mut report) {
            let Some(canary) = read_canary(&field, &mut report, &canaries.variant_header) else {
                continue;
            };
            if reads_too_much(&canary) {
                report.error(
                    field.key_place(),
                    "reads-too-much",
                    format!(
                        "it reads more than {MAX_SLOTS} different headers, cookies and query parameters"
                    ),
                    "let rules look at fewer of them".to_owned(),
                );
            }
            #[cfg(feature = "rollout")]
            super::rollout::check_queries(&field, &canary, &mut report);
            claim_name(&field, &canary, &mut names, &mut report);
            claim_hosts(&field, &canary, &mut hosts, &mut report);
            canaries.canaries.push(canary);
            places.push((*source, field));
        }
    }
    check_ancestors(&canaries.canaries, &places, &mut found);
    (canaries, found)
}

/// The variant header of a plugin's config; two that differ are reported.
fn claim_variant_header(
    root: &Field<'_>,
    header: &mut Option<(String, Place)>,
    report: &mut Report<'_>,
) {
    let field = of_kind(root, PLUGIN_KIND).and_then(|fields| fields.get("variantHeader"));
    let Some(field) = field else {
        return;
    };
    let Some(name) = header_name(&field, report) else {
        return;
    };
    match header {
        Some((first, place)) if *first != name => report.clash(
            field.value_place(),
            place,
            "two-variant-headers",
            format!("there is one variant header for all, and `{first}` was named before"),
            "name the same header in both",
        ),
        Some(_) => {}
        None => {
            let (path, span) = field.value_place();
            let place = Place {
                source: report.source,
                path: path.to_owned(),
                span,
            };
            *header = Some((name, place));
        }
    }
}

/// Whether a plugin's config says that its proxy stands at the edge.
fn is_edge(root: &Field<'_>, report: &mut Report<'_>) -> bool {
    of_kind(root, PLUGIN_KIND)
        .and_then(|fields| fields.get("edge")?.boolean(report))
        .unwrap_or_default()
}

/// The fields of a document, if it is of this kind.
fn of_kind<'n>(root: &Field<'n>, kind: &str) -> Option<Fields<'n>> {
    let fields = root.peek()?;
    let said = fields.get("kind")?;
    (said.node.value == Value::String(kind.to_owned())).then_some(fields)
}

/// Reads what the plugin is configured with; no bytes at all are a plugin without canaries.
///
/// # Errors
/// Every problem, if one of them is an error.
pub fn read_json(bytes: &[u8]) -> Result<Canaries, Vec<Diagnostic>> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Canaries::default());
    }
    if let Some(diagnostic) = too_large(bytes.len()) {
        return Err(vec![diagnostic]);
    }
    let node: Node = serde_json::from_slice(bytes).map_err(|error| {
        vec![Diagnostic {
            severity: Severity::Error,
            code: "not-json",
            place: Place::default(),
            first: None,
            message: format!("the plugin's config is not JSON: {error}"),
            help: None,
        }]
    })?;
    let (canaries, found) = read([(0, &node)]);
    if any_error(&found) {
        return Err(found);
    }
    Ok(canaries)
}

/// The canaries of a document: itself, or the list in a plugin's config or of Kubernetes.
fn canary_documents<'n>(root: &Field<'n>, report: &mut Report<'_>) -> Vec<Field<'n>> {
    let (known, canaries) = if of_kind(root, PLUGIN_KIND).is_some() {
        envelope(root, report, API_VERSION, PLUGIN_KIND);
        (PLUGIN, "canaries")
    } else if let Some((kind, version)) = LISTS
        .into_iter()
        .find(|(kind, _)| of_kind(root, kind).is_some())
    {
        envelope(root, report, version, kind);
        (LIST, "items")
    } else {
        return if is_canary(root, report) {
            vec![root.clone()]
        } else {
            Vec::new()
        };
    };
    let listed = root
        .fields(report, known)
        .and_then(|fields| fields.get(canaries)?.list(report));
    let mut listed = listed.unwrap_or_default();
    listed.retain(|field| is_canary(field, report));
    for field in &mut listed {
        if let Some(name) = name_in_list(field) {
            field.path.push_str(&name);
        }
    }
    listed
}

/// Reports another API's object, in which nothing is a mistake.
fn is_canary(field: &Field<'_>, report: &mut Report<'_>) -> bool {
    let Some(kind) = other_kind(field) else {
        return true;
    };
    report.error(
        field.key_place(),
        "not-a-canary",
        format!("this is a `{kind}`, not a canary"),
        "give manifests behind `coalmine validate CANARIES --against`".to_owned(),
    );
    false
}

/// The kind of a document that is another API's object.
fn other_kind<'n>(root: &Field<'n>) -> Option<&'n str> {
    let fields = root.peek()?;
    let text = |name| match &fields.get(name)?.node.value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    let (version, kind) = (text("apiVersion")?, text("kind")?);
    // A slip in the one is told as such if the other is right.
    let ours = version.starts_with("coalmine") || [CANARY_KIND, PLUGIN_KIND].contains(&kind);
    (!ours).then_some(kind)
}

fn read_canary(field: &Field<'_>, report: &mut Report<'_>, variant_header: &str) -> Option<Canary> {
    // What a controller writes into `status` is not what people ask for.
    let known = ["apiVersion", "kind", "metadata", "spec"];
    let fields = field.fields_beside(report, &known, &["status"])?;
    envelope(field, report, API_VERSION, CANARY_KIND);
    let metadata = fields
        .required(report, "metadata", "write `metadata: {name: reviews}`")
        .and_then(|field| read_metadata(&field, report));
    let spec = fields
        .required(
            report,
            "spec",
            "write `spec:` with `hosts`, `variants`, `default`, ...",
        )
        .and_then(|field| read_spec(&field, report, variant_header));
    let (name, namespace) = metadata?;
    Some(Canary {
        name,
        namespace,
        spec: spec?,
    })
}

/// Checks `apiVersion` and `kind`.
fn envelope(field: &Field<'_>, report: &mut Report<'_>, version: &str, kind: &str) {
    let Some(fields) = field.peek() else {
        return;
    };
    for (name, wanted) in [("apiVersion", version), ("kind", kind)] {
        let help = format!("write `{name}: {wanted}`");
        if let Some(field) = fields.required(report, name, &help)
            && let Some(text) = field.text(report)
            && text != wanted
        {
            report.error(
                field.value_place(),
                "unknown-kind",
                format!("`{text}` is no `{name}` that is known here"),
                nearest_or_all(text, &[wanted]),
            );
        }
    }
}

fn read_metadata(field: &Field<'_>, report: &mut Report<'_>) -> Option<(String, Option<String>)> {
    let fields = field.fields_beside(report, &["name", "namespace"], OF_KUBERNETES)?;
    let name = fields
        .required(report, "name", "write `name: reviews`")
        .and_then(|field| label(&field, report));
    let namespace = fields
        .get("namespace")
        .map(|field| label(&field, report).ok_or(()))
        .transpose();
    Some((name?, namespace.ok()?))
}

fn claim_name(
    field: &Field<'_>,
    canary: &Canary,
    names: &mut BTreeMap<String, Claim>,
    report: &mut Report<'_>,
) {
    let full = canary.full_name();
    let place = field
        .peek()
        .and_then(|fields| fields.get("metadata")?.peek()?.get("name"))
        .map(|name| (name.path.clone(), name.node.span))
        .unwrap_or_default();
    if let Some(first) = names.get(&full) {
        report.clash(
            (&place.0, place.1),
            &first.place,
            "repeated-canary",
            format!("there are two canaries `{full}`"),
            "give one of them another name or namespace",
        );
    } else {
        let place = Place {
            source: report.source,
            path: place.0,
            span: place.1,
        };
        names.insert(
            full.clone(),
            Claim {
                canary: full,
                place,
            },
        );
    }
}

fn claim_hosts(
    field: &Field<'_>,
    canary: &Canary,
    hosts: &mut BTreeMap<String, Claim>,
    report: &mut Report<'_>,
) {
    let listed = field
        .peek()
        .and_then(|fields| fields.get("spec")?.peek()?.get("hosts"))
        .map(|hosts| hosts.items())
        .unwrap_or_default();
    let full = canary.full_name();
    for host in listed {
        let Value::String(text) = &host.node.value else {
            continue;
        };
        for name in host_names(text, canary.namespace.as_deref()) {
            match hosts.get(&name) {
                Some(first) if first.canary != full => {
                    report.clash(
                        host.value_place(),
                        &first.place,
                        "host-conflict",
                        format!(
                            "host `{name}` is claimed by two canaries, `{}` and `{full}`",
                            first.canary
                        ),
                        "a host has one canary: join them, or write a longer name in one",
                    );
                    break;
                }
                Some(_) => {}
                None => {
                    let (path, span) = host.value_place();
                    let place = Place {
                        source: report.source,
                        path: path.to_owned(),
                        span,
                    };
                    let canary = full.clone();
                    hosts.insert(name, Claim { canary, place });
                }
            }
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
