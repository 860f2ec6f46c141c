//! What is found, and how it is written for programs.

use super::flows::Part;
use super::made::Example;
use coalmine::Timestamp;
use serde::Serialize;

/// Everything that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// The largest part of the users of a canary that changes version.
    pub moved: Part,
    /// How many pairs of canaries were compared.
    pub compared: usize,
    /// Those in which something changes.
    pub canaries: Vec<CanaryDiff>,
    /// Whether every kind of request that the conditions tell apart was tried.
    pub exhaustive: bool,
}

/// What changes for the hosts of a canary.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryDiff {
    /// The canary that governed them; none if it is added.
    pub old: Option<String>,
    /// The canary that governs them now; none if it is removed.
    pub new: Option<String>,
    /// The hosts; one stands for all that `*` catches.
    pub hosts: Vec<String>,
    /// The part of the users that changes version: the most, where it depends on what they bring.
    pub moved: Part,
    /// Who is drawn otherwise.
    pub users: Vec<Users>,
    /// What pins and rules decide otherwise.
    pub changes: Vec<Change>,
    /// Variants of the same name that lead to another version.
    pub retargeted: Vec<Retarget>,
    /// Whose tokens count otherwise: an example of one cannot be made up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Tokens>,
    /// How many requests were tried in search of pins and rules.
    pub tried: usize,
    /// Whether that was every kind of request that the conditions tell apart.
    pub exhaustive: bool,
}

/// Users who are drawn otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Users {
    /// What they bring for a unit.
    pub brings: Vec<String>,
    /// When, if it depends on the time.
    pub at: Option<Timestamp>,
    /// The part of them that changes version.
    pub moved: Part,
    /// Whether it is so, or what is expected of two hashes that do not know of each other.
    pub exact: bool,
    /// From where to where.
    pub flows: Vec<Flow>,
}

/// Users who change from one variant to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flow {
    /// The variant they had.
    pub from: String,
    /// The variant they get.
    pub to: String,
    /// Their part.
    pub part: Part,
    /// One of them, if one was found.
    pub example: Option<Example>,
}

/// Which step of the order changed its mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A pin decides on one side.
    Pins,
    /// An earlier hop decides on one side, and no pin.
    Inherited,
    /// A rule decides on one side, and nothing before it.
    Rules,
}

/// Requests that pins, earlier hops or rules decide otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Which step.
    pub kind: Kind,
    /// What was decided.
    pub old: Decided,
    /// What is decided now.
    pub new: Decided,
    /// The part of such requests that it is about; none if it is all of them.
    pub part: Option<Part>,
    /// The shortest that was found, which both policies were asked about.
    pub example: Example,
}

/// A variant and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Decided {
    /// The variant.
    pub variant: String,
    /// The reason as in metrics, or `untouched`.
    pub reason: String,
}

/// A variant that keeps its name and leads elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retarget {
    /// The variant.
    pub variant: String,
    /// What it was, as in the file.
    pub from: serde_json::Value,
    /// What it is.
    pub to: serde_json::Value,
}

/// Tokens of one key or one subject that count on one side alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// The id of the key that signed them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whom they are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whether they count now, and did not; else they did, and no longer do.
    pub count: bool,
}

impl CanaryDiff {
    /// Whether anybody may see another version.
    pub fn moves(&self) -> bool {
        !(self.users.is_empty()
            && self.changes.is_empty()
            && self.retargeted.is_empty()
            && self.tokens.is_empty())
    }
}

impl Diff {
    pub(super) fn new(canaries: Vec<CanaryDiff>, compared: usize) -> Self {
        Self {
            moved: canaries
                .iter()
                .map(|canary| canary.moved)
                .max()
                .unwrap_or_default(),
            exhaustive: canaries.iter().all(|canary| canary.exhaustive),
            compared,
            canaries: canaries.into_iter().filter(CanaryDiff::moves).collect(),
        }
    }

    /// Whether nobody sees another version.
    pub fn is_empty(&self) -> bool {
        self.canaries.is_empty()
    }
}
