//! What keeps a control plane from being asked, or from answering, in words: what happened, and what
//! leads further. Pure.

use super::cluster::Silent;
use super::proxies::named;

/// Where istiod serves metrics, and what it says of itself.
pub(super) const PORT: u16 = 15014;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// One may not list the pods of control planes.
    MayNotList,
    /// They could not be listed, in the API server's words.
    NotListed(String),
    /// There are none.
    NoPods,
    /// One may not forward a port to the pod.
    MayNotForward,
    /// No port can be forwarded to it, in the API server's words.
    NotForwarded(String),
    /// It was reached, and went away before it had answered.
    Broken(String),
    /// Nothing answers at the address.
    Unreachable(String),
    /// It takes longer than this many seconds.
    Late(u64),
    /// It answers only whom it knows.
    Denied {
        /// The status of its answer.
        status: u16,
        /// Whether it was asked through its pod.
        forwarded: bool,
    },
    /// It answers with another status than 200, and says this.
    Status(u16, String),
    /// It answers with something else than JSON.
    NotJson(String),
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// The nonces that were sent to proxies and taken by them, and what they refused.
    Synced,
    /// The labels of proxies, and which extensions they ask for.
    Connected,
    /// The configs that there are for one proxy.
    Configs,
}

/// A question that a control plane did not answer, though it answered others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unanswered {
    pub(super) page: Page,
    /// The proxies that were asked for, where it is a question for each.
    pub(super) proxies: Vec<String>,
    /// How many were not asked for after that.
    pub(super) given_up: usize,
    pub(super) trouble: Trouble,
}

impl Trouble {
    /// Whether there was no answer of any kind.
    pub(super) fn is_silence(&self) -> bool {
        !matches!(self, Self::Status(..) | Self::NotJson(_))
    }

    /// Whether no other question would be answered either.
    pub(super) fn holds_for_every_question(&self) -> bool {
        self.is_silence() && !matches!(self, Self::Broken(_) | Self::Late(_))
    }

    /// What happened, in words that follow the name of a control plane, if it is about one.
    pub(super) fn why(&self, namespace: &str) -> String {
        match self {
            Self::MayNotList => {
                format!("you may not list pods in {namespace}, where istiod is")
            }
            Self::NotListed(error) => format!("the pods of istiod could not be listed: {error}"),
            Self::NoPods => format!("no pod with the label app=istiod runs in {namespace}"),
            Self::MayNotForward => format!(
                "cannot be asked: you may not forward a port to it (pods/portforward in {namespace})"
            ),
            Self::NotForwarded(error) => {
                format!("cannot be asked, since no port can be forwarded to it: {error}")
            }
            Self::Broken(error) => format!("went away before it had answered: {error}"),
            Self::Unreachable(error) => format!("cannot be reached: {error}"),
            Self::Late(seconds) => format!("did not answer within {seconds} s"),
            Self::Denied { status, .. } => format!(
                "does not let you ask ({status}): it answers only on its own machine, or to the token of an account of its namespace"
            ),
            Self::Status(status, said) if said.is_empty() => {
                format!("answers with status {status}")
            }
            Self::Status(status, said) => format!("answers with status {status}: {said}"),
            Self::NotJson(error) => format!("answers with something else than JSON: {error}"),
        }
    }

    /// What leads further; never what was just seen to fail.
    pub(super) fn help(&self, namespace: &str) -> String {
        const LISTS: &str = r#"{apiGroups: [""], resources: [pods], verbs: [list]}"#;
        const FORWARDS: &str =
            r#"{apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}"#;
        let forward = format!("`kubectl -n {namespace} port-forward deploy/istiod {PORT}`");
        let here = format!("--istiod http://127.0.0.1:{PORT}");
        let somebody = format!(
            "or let somebody who may run {forward} on this machine, and give {here} meanwhile"
        );
        match self {
            Self::MayNotList => format!(
                "ask for a Role in {namespace} with the rules {LISTS} and {FORWARDS}; {somebody}"
            ),
            Self::MayNotForward => {
                format!("ask for a Role in {namespace} with the rule {FORWARDS}; {somebody}")
            }
            Self::NotListed(_) => {
                "ask again; if it stays, look into the API server, or say with --istiod URL where istiod answers"
                    .to_owned()
            }
            Self::NoPods => {
                "`kubectl get pods -A -l app=istiod` shows where they are: give that namespace with --root-namespace; where istiod is outside this cluster, say with --istiod URL where it answers"
                    .to_owned()
            }
            Self::NotForwarded(_) => format!(
                "`kubectl -n {namespace} get pods -l app=istiod` says whether it is ready; if it is, something before the API server or between it and the node lets no connection be upgraded: take a kubeconfig with a way around that"
            ),
            Self::Unreachable(_) => format!(
                "see that it is istiod's port {PORT}, and that the way there is open: while {forward} runs, it is {here}; without --istiod a port is forwarded to each istiod"
            ),
            Self::Denied {
                forwarded: false, ..
            } => format!(
                "a forwarded port ends inside its pod, where it answers: leave --istiod out, or run {forward} and give {here}"
            ),
            Self::Denied { .. } | Self::Broken(_) => format!(
                "look into its log (`kubectl -n {namespace} logs deploy/istiod`), and whether something else than istiod has port {PORT} of its pod"
            ),
            Self::Late(_) => format!(
                "it may be busy: ask again; if it stays, look into its log (`kubectl -n {namespace} logs deploy/istiod`)"
            ),
            Self::Status(404, _) => format!(
                "see that it is istiod's port {PORT}; if it is, istiod was started with ENABLE_DEBUG_ON_HTTP=false, and tells nobody"
            ),
            Self::Status(..) | Self::NotJson(_) => format!(
                "see that it is istiod's port {PORT}; if it is, look into its log (`kubectl -n {namespace} logs deploy/istiod`)"
            ),
        }
    }
}

/// What is said of control planes that were not asked, or did not answer at all, each by its name if it
/// has one; `some` others did.
pub(super) fn silences(
    troubles: &[(Option<String>, Trouble)],
    some: bool,
    namespace: &str,
) -> Vec<Silent> {
    let proxies = match some {
        true => "some proxies are not shown",
        false => "proxies are not shown",
    };
    let mut kinds: Vec<&Trouble> = Vec::new();
    for (_, trouble) in troubles {
        if !kinds.contains(&trouble) {
            kinds.push(trouble);
        }
    }
    let silent = kinds.into_iter().map(|kind| {
        let same = troubles.iter().filter(|(_, trouble)| trouble == kind);
        let names: Vec<&str> = same.filter_map(|(name, _)| name.as_deref()).collect();
        let why = kind.why(namespace);
        Silent {
            partly: false,
            message: match names.is_empty() {
                true => format!("{proxies}: {why}"),
                false => format!("{proxies}: istiod at {} {why}", names.join(", ")),
            },
            help: kind.help(namespace),
        }
    });
    silent.collect()
}

impl Unanswered {
    /// What is said of it.
    pub(super) fn told(&self, name: &str, namespace: &str) -> Silent {
        let (missing, consequence) = match self.page {
            Page::Synced => (
                "what its proxies took and refused (/debug/syncz)".to_owned(),
                "so their state is unknown",
            ),
            Page::Connected => (
                "the labels of its proxies, and which extensions they ask for (/debug/adsz)"
                    .to_owned(),
                "so proxies without a plugin that is for their labels are not shown",
            ),
            Page::Configs => (
                format!(
                    "which configs it has for {} (/debug/ecdsz)",
                    named(&self.proxies)
                ),
                "so they are acknowledged at best",
            ),
        };
        let given_up = match self.given_up {
            0 => String::new(),
            more => format!("; {more} more were not asked for after that"),
        };
        let why = self.trouble.why(namespace);
        let help = match (self.page, &self.trouble) {
            (Page::Configs, Trouble::Status(..)) => {
                "ask again: a proxy that has left meanwhile is asked for no more; if it stays, look into istiod's log"
                    .to_owned()
            }
            _ => self.trouble.help(namespace),
        };
        Silent {
            partly: true,
            message: format!(
                "istiod at {name} did not say {missing}, {consequence}: it {why}{given_up}"
            ),
            help,
        }
    }
}
