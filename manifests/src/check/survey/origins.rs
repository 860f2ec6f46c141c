//! Whether plugin and routes were made from the same file: `coalmine render` notes its name and hash.

use super::super::findings::Findings;
use super::super::name::{canonical, covers};
use super::super::object::Object;
use super::Survey;
use crate::istio::NAME;
use crate::kubernetes::{SOURCE, SOURCE_HASH};

/// The kinds that bring routes and subsets of one canary.
const ROUTES: [&str; 4] = [
    "VirtualService",
    "DestinationRule",
    "HTTPRoute",
    "GRPCRoute",
];

/// The files that an object was made from, with their hashes.
pub(super) fn of<'n>(object: &Object<'n>) -> Vec<(&'n str, &'n str)> {
    let annotations = object.field.at("metadata.annotations");
    let list = |name: &str| -> Vec<&'n str> {
        let said = annotations
            .as_ref()
            .and_then(|annotations| annotations.get(name)?.text());
        said.map(|said| said.split(", ").collect())
            .unwrap_or_default()
    };
    list(SOURCE).into_iter().zip(list(SOURCE_HASH)).collect()
}

pub(super) fn check(survey: &Survey, objects: &[Object<'_>], findings: &mut Findings) {
    let ours = objects
        .iter()
        .filter(|object| ROUTES.contains(&object.kind) && object.is_made_by(NAME));
    for object in ours {
        let carriers = survey
            .canaries
            .iter()
            .filter(|one| is_of(object, &super::known_names(&one.canary)))
            .filter_map(|one| survey.carriers.get(one.carrier));
        for carrier in carriers {
            for (file, hash) in of(object) {
                let same_file = |known: &&(String, String)| known.0 == file;
                let mut known = carrier.sources.iter().filter(same_file).peekable();
                if carrier.sources.is_empty() || known.any(|(_, known)| known == hash) {
                    continue;
                }
                let message = match carrier.sources.iter().any(|(known, _)| known == file) {
                    true => format!(
                        "{} was made from another version of {file} than {}",
                        object.title(),
                        carrier.title()
                    ),
                    false => format!(
                        "{} was made from {file}, and {} from {}",
                        object.title(),
                        carrier.title(),
                        names(&carrier.sources)
                    ),
                };
                findings.warning(
                    &object.field,
                    "other-source",
                    message,
                    "render both anew from the same files, and apply them",
                );
            }
        }
    }
}

fn names(sources: &[(String, String)]) -> String {
    let names: Vec<&str> = sources.iter().map(|(name, _)| name.as_str()).collect();
    names.join(", ")
}

/// Whether an object routes, or has the subsets of, one of these hosts.
fn is_of(object: &Object<'_>, hosts: &[String]) -> bool {
    let Some(spec) = object.spec() else {
        return false;
    };
    let mut named: Vec<String> = Vec::new();
    for list in ["hosts", "hostnames"] {
        let items = spec.items_at(list).into_iter();
        named.extend(items.filter_map(|item| Some(canonical(item.text()?, object.namespace))));
    }
    named.extend(
        spec.text_at("host")
            .map(|host| canonical(host, object.namespace)),
    );
    for parent in spec.items_at("parentRefs") {
        if parent.text_at("kind") == Some("Service") {
            let namespace = parent.text_at("namespace").or(object.namespace);
            named.extend(
                parent
                    .text_at("name")
                    .map(|name| canonical(name, namespace)),
            );
        }
    }
    named
        .iter()
        .any(|named| hosts.iter().any(|host| covers(named, host)))
}
