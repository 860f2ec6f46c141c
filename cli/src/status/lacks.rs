//! What is said where objects could not be read, where control planes did not tell, and where no canary
//! is as asked for.

use super::cluster::{Cluster, Silent, Unread, Why};
use super::code::Code;
use super::question::Question;
use super::report::{Finding, Severity};
use coalmine_manifests::check::survey::Survey;

/// Objects that could not be read; nothing where there are none of their kind.
pub(super) fn of_unread(unread: &Unread) -> Option<Finding> {
    let Unread {
        kind,
        resource,
        why,
    } = unread;
    let (code, message, help) = match why {
        Why::Absent => return None,
        Why::Forbidden { but_in } => (
            Code::Forbidden,
            match but_in.as_slice() {
                [] => {
                    format!("you may not list {resource}, so what is said here lacks every {kind}")
                }
                namespaces => format!(
                    "you may list {resource} only in {}, so what is said here lacks every other {kind}",
                    namespaces.join(" and ")
                ),
            },
            format!("ask for the right to list {resource}"),
        ),
        Why::Failed { error, but_in } => (
            Code::Unread,
            match but_in.as_slice() {
                [] => format!(
                    "{resource} could not be read, so what is said here lacks every {kind}: {error}"
                ),
                namespaces => format!(
                    "{resource} could be read only in {}, so what is said here lacks every other {kind}: {error}",
                    namespaces.join(" and ")
                ),
            },
            "ask again; if it stays, look into the API server".to_owned(),
        ),
    };
    Some(Finding::of_cluster(Severity::Note, code, message, help))
}

/// What control planes did not tell.
pub(super) fn of_silent(silent: &Silent) -> Finding {
    let code = match silent.partly {
        true => Code::Unanswered,
        false => Code::NoControlPlane,
    };
    let (message, help) = (silent.message.clone(), silent.help.clone());
    Finding::of_cluster(Severity::Note, code, message, help)
}

/// The answer where no canary is as asked for.
pub(super) fn none_of_these(cluster: &Cluster, question: &Question, survey: &Survey) -> Finding {
    let Question {
        canary, namespace, ..
    } = question;
    let kinds = ["WasmPlugin", "TrafficExtension", "EnvoyFilter"];
    let plugin = match kinds.iter().all(|kind| cluster.has_all(kind)) {
        true => "no plugin",
        false => "no plugin that could be read",
    };
    let wanted = match (canary, namespace) {
        (None, None) => format!("{plugin} of this cluster carries a canary"),
        (Some(canary), None) => format!("{plugin} of this cluster carries a canary `{canary}`"),
        (None, Some(namespace)) => format!("{plugin} carries a canary of namespace {namespace}"),
        (Some(canary), Some(namespace)) => {
            format!("{plugin} carries a canary `{canary}` of namespace {namespace}")
        }
    };
    let absent = |kind: &str| {
        let mut unread = cluster.unread.iter();
        unread.any(|one| one.kind == kind && one.why == Why::Absent)
    };
    let help = match survey.known.as_slice() {
        [] if !kinds.iter().all(|kind| cluster.has_all(kind)) => {
            "not all plugins could be read: what you may not list is told below".to_owned()
        }
        [] if kinds.iter().all(|kind| absent(kind)) => {
            "Istio's kinds are not in this cluster: is it the right one? --context chooses another"
                .to_owned()
        }
        [] => {
            "`coalmine render istio` makes a plugin; `--context` chooses another cluster".to_owned()
        }
        known => format!("there are {}", known.join(", ")),
    };
    Finding::of_cluster(Severity::Error, Code::NoCanary, wanted, help)
}
