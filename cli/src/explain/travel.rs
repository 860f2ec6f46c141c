//! Decisions that travel: what was inherited, or why not, and what the next hop is told.

use super::words;
use coalmine::baggage::{self, BaggageEdit, Dropped};
use coalmine::config::{Callers, Canaries, Canary};
use coalmine::policy::Heard;
use coalmine::{Decision, Policy, Request};
use serde::Serialize;

/// What earlier hops decided, as far as it was looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inherited {
    /// Why nothing is inherited here whatever the request brings: `edge` or `nobody`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<&'static str>,
    /// The canaries that were looked for in the baggage, up to the first that gives something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<Ancestor>,
}

/// A canary that may have decided earlier.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ancestor {
    /// Its full name.
    pub canary: String,
    /// The key of its member.
    pub member: String,
    /// What was found: `variant`, `unmapped`, `nothing`, `malformed` or `contradiction`.
    pub heard: &'static str,
    /// The variant that the member names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The variant that it gives here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gives: Option<String>,
}

/// What becomes of the `baggage` header.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Baggage {
    /// `keep`, `replace` or `remove`.
    pub edit: &'static str,
    /// The whole header as the next hop gets it, if it is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The member with the decision, if it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Why it does not go on: `full` or `malformed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<&'static str>,
    /// Whether this is the edge, where all members in our name are taken out.
    pub edge: bool,
}

impl Inherited {
    /// What there is to say before the request was looked at; `None` for a canary that inherits
    /// nothing.
    pub(super) fn of(canary: &Canary, canaries: &Canaries) -> Option<Self> {
        let inherit = canary.spec.inherit.as_ref()?;
        let closed = match inherit.from {
            Callers::Nobody => Some("nobody"),
            Callers::Mesh => canaries.edge.then_some("edge"),
        };
        Some(Self {
            closed,
            canaries: Vec::new(),
        })
    }

    /// `names` are those of the variants here, in the order of their numbers.
    pub(super) fn add(&mut self, canary: &str, heard: Heard<'_>, names: &[String]) {
        let lossy = |value| Some(String::from_utf8_lossy(value).into_owned());
        let (word, says, gives) = match heard {
            Heard::Nothing => ("nothing", None, None),
            Heard::Malformed => ("malformed", None, None),
            Heard::Contradiction => ("contradiction", None, None),
            Heard::Unmapped(value) => ("unmapped", lossy(value), None),
            Heard::Variant(value, variant) => {
                let ours = names.get(variant.index()).cloned();
                ("variant", lossy(value), ours)
            }
        };
        self.canaries.push(Ancestor {
            canary: canary.to_owned(),
            member: baggage::key(canary),
            heard: word,
            says,
            gives,
        });
    }

    /// In words, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        match self.closed {
            Some("edge") => {
                return vec!["nothing: at the edge, baggage came from outside".to_owned()];
            }
            Some(_) => return vec!["nothing: the canary says `from: nobody`".to_owned()],
            None => {}
        }
        let line = |ancestor: &Ancestor| {
            let Ancestor { canary, member, .. } = ancestor;
            let says = ancestor.says.as_deref().map(words::value);
            let says = says.unwrap_or_default();
            let found = match (ancestor.heard, &ancestor.gives) {
                ("variant", Some(gives)) => format!("{member} says {says}, which gives {gives}"),
                ("unmapped", _) => format!("{member} says {says}, which gives nothing here"),
                ("malformed", _) => format!("{member} is not well-formed, so it gives nothing"),
                ("contradiction", _) => {
                    format!("{member} says one thing and another, so it gives nothing")
                }
                _ => format!("no {member} in the baggage"),
            };
            format!("{canary}: {found}")
        };
        self.canaries.iter().map(line).collect()
    }
}

impl Baggage {
    /// `None` if neither the canary nor an edge has anything to do with it.
    pub(super) fn of(
        policy: &Policy,
        request: &impl Request,
        decision: Option<&Decision<'_>>,
    ) -> Option<Self> {
        let onward = policy.send_on(request, decision)?;
        let (edit, value) = match &onward.edit {
            BaggageEdit::Keep => ("keep", None),
            BaggageEdit::Remove => ("remove", None),
            BaggageEdit::Replace(line) => {
                let line = String::from_utf8_lossy(line).into_owned();
                ("replace", Some(line))
            }
        };
        let member = decision.filter(|_| onward.dropped.is_none());
        let member = member.and_then(|decision| {
            let key = decision.canary.member_key()?;
            Some(format!("{key}={}", decision.variant_name()))
        });
        Some(Self {
            edit,
            value,
            member,
            dropped: onward.dropped.map(Dropped::name),
            edge: policy.edge(),
        })
    }

    /// In words, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let first = match (self.dropped, &self.member, self.edit) {
            (Some("full"), ..) => {
                "the decision does not go on: with it there would be more than 64 members or 8192 bytes"
                    .to_owned()
            }
            (Some(_), ..) => {
                "the decision does not go on: what the request brought is not well-formed".to_owned()
            }
            (_, Some(member), "keep") => format!("{member} is there already and goes on"),
            (_, Some(member), _) => format!("{member} goes on to the next hop"),
            (_, None, "keep") => return lines,
            (_, None, _) => "members in the name of coalmine are taken out at the edge".to_owned(),
        };
        lines.push(first);
        match (&self.value, self.edit) {
            (Some(value), _) => lines.push(format!("baggage: {}", words::harmless(value))),
            (None, "remove") => lines.push("nothing is left in it, so it is removed".to_owned()),
            (None, _) => {}
        }
        lines
    }
}
