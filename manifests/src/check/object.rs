//! The objects in manifests, those of lists too.

use super::field::Field;
use crate::kubernetes::MANAGED_BY;
use coalmine::Node;
use std::collections::BTreeSet;

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Object<'n> {
    pub(super) kind: &'n str,
    pub(super) name: &'n str,
    pub(super) namespace: Option<&'n str>,
    pub(super) field: Field<'n>,
}

/// Every object of these documents; what was given twice is there once.
pub(super) fn objects<'n>(
    documents: impl IntoIterator<Item = (usize, &'n Node)>,
) -> Vec<Object<'n>> {
    let mut objects: Vec<Object<'n>> = Vec::new();
    let mut seen = BTreeSet::new();
    for (source, node) in documents {
        add(Field::root(source, node), &mut objects, &mut seen);
    }
    objects
}

/// Kind, name and namespace of objects.
type Names<'n> = BTreeSet<(&'n str, &'n str, Option<&'n str>)>;

fn add<'n>(field: Field<'n>, objects: &mut Vec<Object<'n>>, seen: &mut Names<'n>) {
    let Some(kind) = field.text_at("kind") else {
        return;
    };
    // `List`, and `VirtualServiceList` as the API server gives it.
    if kind.ends_with("List") && field.get("items").is_some() {
        for item in field.items_at("items") {
            add(item, objects, seen);
        }
        return;
    }
    let object = Object {
        kind,
        name: field.text_at("metadata.name").unwrap_or_default(),
        namespace: field.text_at("metadata.namespace"),
        field,
    };
    if seen.insert((kind, object.name, object.namespace)) {
        objects.push(object);
    }
}

impl<'n> Object<'n> {
    /// Whether it is the one of this kind and name.
    pub(super) fn is(&self, kind: &str, name: &str, namespace: Option<&str>) -> bool {
        self.kind == kind && self.name == name && self.namespace == namespace
    }

    /// `VirtualService bookinfo/reviews`.
    pub(super) fn title(&self) -> String {
        match self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    /// Whether its label says that this made it.
    pub(super) fn is_made_by(&self, maker: &str) -> bool {
        let labels = self.field.at("metadata.labels");
        let label = labels.and_then(|labels| labels.get(MANAGED_BY.0));
        label.and_then(|label| label.text()) == Some(maker)
    }

    /// What it says.
    pub(super) fn spec(&self) -> Option<Field<'n>> {
        self.field.get("spec")
    }
}
