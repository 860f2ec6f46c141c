//! One canary's document: its envelope and metadata.

use super::fields::{Field, nearest_or_all};
use super::names::label;
use super::read_spec::read_spec;
use super::report::Report;
use super::{API_VERSION, CANARY_KIND, Canary, PLUGIN_KIND};
use crate::node::Value;

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

/// Reports another API's object, in which nothing is a mistake.
pub(super) fn is_canary(field: &Field<'_>, report: &mut Report<'_>) -> bool {
    let Some(kind) = other_kind(field) else {
        return true;
    };
    report.error(
        field.key_place(),
        "not-a-canary",
        format_args!("this is a `{kind}`, not a canary"),
        "give manifests behind `coalmine validate CANARIES --against`",
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

pub(super) fn read_canary(
    field: &Field<'_>,
    report: &mut Report<'_>,
    variant_header: &str,
) -> Option<Canary> {
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
pub(super) fn envelope(field: &Field<'_>, report: &mut Report<'_>, version: &str, kind: &str) {
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
                format_args!("`{text}` is no `{name}` that is known here"),
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
