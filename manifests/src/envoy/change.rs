//! The order in which files are replaced under a running Envoy, so that no request fails.

use super::discovery::{Typed, file};
use super::{BOOTSTRAP, CDS, LDS, PLUGIN, RDS};
use crate::{Error, File};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// One step of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write this file, by a rename.
    Write(File),
    /// Wait until Envoy has what was written: its metrics say so, or a second does.
    Settle,
}

/// The steps from the files that are there to those that were rendered.
///
/// A route must not name a cluster that Envoy does not have, and the filter must not decide for a
/// variant that has no route. So clusters come first, then listener and routes, the plugin's config
/// last; and a cluster that goes away stays until nothing names it any more. Each of Envoy's
/// subscriptions acts for itself, so the renames alone do not keep that order: [`Step::Settle`] does.
///
/// # Errors
/// None that rendered files can cause.
pub fn change(before: &[File], after: &[File]) -> Result<Vec<Step>, Error> {
    let find = |files: &[File], name: &str| files.iter().find(|file| file.name == name).cloned();
    let (old, new) = (clusters(find(before, CDS)), clusters(find(after, CDS)));
    let names = |clusters: &[Value]| clusters.iter().map(name).collect::<BTreeSet<_>>();
    let (old_names, new_names) = (names(&old), names(&new));
    let gone = |cluster: &Value| !new_names.contains(&name(cluster));
    let known = new.iter().all(|cluster| old.contains(cluster));
    let leaving: Vec<Value> = old.into_iter().filter(gone).collect();

    let mut steps: Vec<Step> = find(after, BOOTSTRAP)
        .map(Step::Write)
        .into_iter()
        .collect();
    let last = match find(after, CDS) {
        Some(cds) if leaving.is_empty() => {
            steps.push(Step::Write(cds));
            None
        }
        Some(cds) if known => Some(cds),
        Some(cds) => {
            let both = new.into_iter().chain(leaving).filter_map(typed).collect();
            steps.push(Step::Write(file(CDS, both)?));
            Some(cds)
        }
        None => None,
    };
    if !old_names.is_empty() && !new_names.is_subset(&old_names) {
        steps.push(Step::Settle);
    }
    let rest = [LDS, RDS, PLUGIN].into_iter();
    steps.extend(rest.filter_map(|name| find(after, name)).map(Step::Write));
    if let Some(cds) = last {
        steps.extend([Step::Settle, Step::Write(cds)]);
    }
    Ok(steps)
}

/// The clusters in a file; none in one that is not ours.
fn clusters(cds: Option<File>) -> Vec<Value> {
    #[derive(Deserialize)]
    struct Response {
        resources: Vec<Value>,
    }
    let read = |file: File| serde_json::from_str::<Response>(&file.contents).ok();
    cds.and_then(read)
        .map_or_else(Vec::new, |read| read.resources)
}

fn name(cluster: &Value) -> String {
    cluster["name"].as_str().unwrap_or_default().to_owned()
}

/// A resource that was read, to be written again.
fn typed(resource: Value) -> Option<Typed<Map<String, Value>>> {
    let Value::Object(mut fields) = resource else {
        return None;
    };
    let type_url = fields.remove("@type")?;
    let (_, name) = type_url.as_str()?.split_once('/')?;
    Some(Typed::new(name, fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A rendered folder in short: the clusters and a text for all else.
    fn folder(clusters: &[&str], rest: &str) -> Vec<File> {
        let of_name = |name: &&str| {
            let fields = json!({"name": name, "type": "STATIC"});
            let Value::Object(fields) = fields else {
                unreachable!()
            };
            Typed::new("envoy.config.cluster.v3.Cluster", fields)
        };
        let text = |name: &str| File {
            name: name.to_owned(),
            contents: rest.to_owned(),
        };
        let cds = file(CDS, clusters.iter().map(of_name).collect()).unwrap();
        vec![text(BOOTSTRAP), cds, text(LDS), text(RDS), text(PLUGIN)]
    }

    /// `cds:a,b` for a file with clusters, the name of any other file, `settle`.
    fn shown(steps: &[Step]) -> String {
        let show = |step: &Step| match step {
            Step::Settle => "settle".to_owned(),
            Step::Write(file) if file.name == CDS => {
                let names: Vec<String> = clusters(Some(file.clone())).iter().map(name).collect();
                format!("cds:{}", names.join(","))
            }
            Step::Write(file) => {
                let name = file.name.rsplit('/').next().unwrap();
                name.split('.').next().unwrap().to_owned()
            }
        };
        steps.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn clusters_come_first_and_go_last() {
        let check = |before: &[File], after: &[&str], expected: &str| {
            let after = folder(after, "new");
            let steps = change(before, &after).unwrap();
            assert_eq!(shown(&steps), expected);
            // What is there in the end is what was rendered.
            for file in after {
                let same = |step: &&Step| matches!(step, Step::Write(one) if one.name == file.name);
                assert_eq!(steps.iter().rfind(same), Some(&Step::Write(file.clone())));
            }
        };
        let there = folder(&["a", "b"], "old");
        check(&[], &["a"], "envoy cds:a lds rds coalmine");
        check(&there, &["a", "b"], "envoy cds:a,b lds rds coalmine");
        check(
            &there,
            &["a", "b", "c"],
            "envoy cds:a,b,c settle lds rds coalmine",
        );
        check(&there, &["a"], "envoy lds rds coalmine settle cds:a");
        check(
            &there,
            &["c"],
            "envoy cds:c,a,b settle lds rds coalmine settle cds:c",
        );
        // A file that somebody else has put there.
        for contents in ["", "{", "[]", r#"{"resources": 5}"#] {
            let other = [File {
                name: CDS.to_owned(),
                contents: contents.to_owned(),
            }];
            check(&other, &["a"], "envoy cds:a lds rds coalmine");
        }
    }

    #[test]
    fn the_static_form_has_no_clusters_to_wait_for() {
        let files = |name: &str| File {
            name: name.to_owned(),
            contents: String::new(),
        };
        let after = [files(BOOTSTRAP), files(PLUGIN)];
        let steps = change(&folder(&["a"], ""), &after).unwrap();
        assert_eq!(shown(&steps), "envoy coalmine");
    }
}
