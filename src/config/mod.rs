//! The config as people write it: the types behind `kind: Canary`.
//!
//! [`read`] makes them from a tree and finds every problem at once; `serde` writes them back as the
//! JSON that the filter reads. They say what was written, not how to decide by it: that is
//! [`crate::policy`].

mod amount;
mod ancestors;
mod claims;
mod context;
mod evidence;
mod fields;
mod guard;
mod implies;
mod names;
mod protocol;
mod read;
mod read_canary;
mod read_rule;
mod read_shares;
mod read_spec;
mod read_unit;
mod reader;
mod report;
mod rollout;
mod service;
mod signed;
mod size;
mod travel;
mod write;

pub use amount::parse_seconds;
pub use evidence::{Evidence, MAX_BOUNDS};
pub use guard::Guard;
pub use protocol::Protocol;
pub(crate) use read::read_json_into;
pub use read::{Canaries, PLUGIN_KIND, read, read_json};
pub use read_canary::OF_KUBERNETES;
pub(crate) use reader::Taken;
pub use rollout::{
    Analysis, Freeze, Limit, Origin, Proxies, Query, Ratio, Reporter, Rollout, Selector, Step,
    TimeOfWeek, Untold,
};
pub use service::{Service, full_name};
pub use signed::{PublicKey, Revoked, SignedPins, VERIFICATIONS_PER_SECOND};
pub use size::{MAX_PLUGIN_BYTES, too_large};
pub use travel::{Callers, Heritage, Inherit, Propagate};
pub use write::{Plugin, plugin_json};

use crate::Timestamp;
use crate::bucket::Share;
use serde::Serialize;

/// What every file says in `apiVersion`.
pub const API_VERSION: &str = "coalmine.dev/v1alpha1";

/// What a file with a canary says in `kind`.
pub const CANARY_KIND: &str = "Canary";

/// The request header that carries a decision to the route, unless the plugin config names another.
pub const VARIANT_HEADER: &str = "x-coalmine-variant";

/// The cookie that carries a unit issued by the filter, unless the canary names another. It is a
/// name of its own, because issuing under an application's session name would overwrite sessions.
pub const UNIT_COOKIE: &str = "coalmine-unit";

/// The pin that keeps a request off every canary.
pub const NEVER: &str = "never";

/// One rollout of one service.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "write::Document")]
pub struct Canary {
    /// Its name: the label of its metrics and part of its default salt.
    pub name: String,
    /// Its namespace, in which short host names expand.
    pub namespace: Option<String>,
    /// What it says.
    pub spec: Spec,
}

/// What a canary says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// The hosts it governs, as written; `*` and `*.example.com` catch what no other name does.
    pub hosts: Vec<String>,
    /// The service whose versions the variants are, where that is not the first host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// What the endpoints of its variants speak.
    #[serde(skip_serializing_if = "Protocol::is_usual")]
    pub protocol: Protocol,
    /// The versions that can serve, as written, the default among them.
    #[serde(serialize_with = "write::as_map")]
    pub variants: Vec<(String, Variant)>,
    /// The variant for whoever is not drawn, pinned or ruled elsewhere.
    pub default: String,
    /// Where a request may say which variant it wants.
    #[serde(skip_serializing_if = "Pins::is_empty")]
    pub pins: Pins,
    /// Conditions that decide before the shares; the first that matches wins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// The share of each variant; the rest of the line is the default's.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "write::as_map"
    )]
    pub shares: Shares,
    /// Where to look for the unit; the first that is present and not empty counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unit: Vec<UnitSource>,
    /// What happens to a request that has no unit.
    pub when_no_unit: WhenNoUnit,
    /// How an issued cookie looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue_cookie: Option<IssueCookie>,
    /// What draws the users: another salt draws others. The default is `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// Shares as a function of time; before its first point `shares` holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ramp: Vec<RampPoint>,
    /// How its decisions go on to the next hop; not at all if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagate: Option<Propagate>,
    /// Which decisions of earlier hops hold here; none if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inherit: Option<Inherit>,
    /// When a variant that fails is taken out of service; never if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// What is counted of the responses; nothing if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// How a variant walks from its first share to everyone; by nobody if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
}

/// Shares by variant, in the order written.
pub type Shares = Vec<(String, Share)>;

/// A version that can serve.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Variant {
    /// Workload labels: the subset in Istio.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "write::as_map"
    )]
    pub labels: Vec<(String, String)>,
    /// A service of its own: a backend in the Gateway API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// `host:port` addresses: the cluster in plain Envoy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// The territory it owns on the line, needed from three non-default variants on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Share>,
}

/// Where a request may say which variant it wants.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pins {
    /// The name of a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The name of a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// The name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Whose signatures make a pin valid; without it a pin is taken at its word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedPins>,
}

/// A condition and what it gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// Its name: the reason `rule:<name>`.
    pub name: String,
    /// What the request must be like.
    pub when: Condition,
    /// What it gets then.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What a rule gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// A variant.
    Route(String),
    /// Shares of its own.
    #[serde(serialize_with = "write::as_map")]
    Shares(Shares),
}

/// What a request must be like.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// Every one of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// A header; of a repeated header one value is enough.
    Header(Named),
    /// A cookie.
    Cookie(Named),
    /// A query parameter, as sent, not percent-decoded.
    Query(Named),
    /// The path without the query.
    Path(Test),
    /// The method.
    Method(Test),
    /// The host, in lower case, without port and trailing dot.
    Host(Test),
}

/// A test on a named part of the request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Named {
    /// The name of the header, cookie or parameter.
    pub name: String,
    /// The test.
    #[serde(flatten)]
    pub test: Test,
}

/// A test on a value, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Test {
    /// Equal.
    Exact(String),
    /// Starts so.
    Prefix(String),
    /// Ends so.
    Suffix(String),
    /// Has it somewhere.
    Contains(String),
    /// One of these.
    In(Vec<String>),
    /// The whole value matches; values that are not UTF-8 never do.
    Regex(String),
    /// There at all (`true`) or absent (`false`).
    Present(bool),
}

/// Where to look for the unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum UnitSource {
    /// A header.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A query parameter.
    Query(String),
}

/// What happens to a request that has no unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenNoUnit {
    /// The default variant.
    #[default]
    Default,
    /// Drawn anew each time.
    Random,
    /// Drawn once: the response sets a cookie with a random unit.
    IssueCookie,
    /// The client's address is the unit.
    SourceAddress,
}

/// How an issued cookie looks; what is not said is right for most sites.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueCookie {
    /// Its name; [`UNIT_COOKIE`] if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `Path`; `/` if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `Domain`; the host alone if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// `Max-Age` in seconds, written like `180d`, which it is if not said.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "write::seconds"
    )]
    pub max_age: Option<u32>,
    /// `SameSite`; `Lax` if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_site: Option<SameSite>,
    /// `Secure`; for requests that came over TLS if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure: Option<bool>,
    /// `HttpOnly`; set if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_only: Option<bool>,
}

/// `SameSite` of a cookie (RFC 6265bis).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SameSite {
    /// Sent along when a user follows a link here.
    Lax,
    /// Sent only from the site itself.
    Strict,
    /// Sent always; browsers want `Secure` with it.
    None,
}

/// The shares from a point in time on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RampPoint {
    /// When.
    pub at: Timestamp,
    /// How the shares come here from the point before.
    #[serde(skip_serializing_if = "Shape::is_step")]
    pub shape: Shape,
    /// The shares; a variant that is not named keeps what it had.
    #[serde(flatten, serialize_with = "write::as_map")]
    pub shares: Shares,
}

/// How shares come from one point of a ramp to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// At once, when its time has come.
    #[default]
    Step,
    /// On a straight line from the point before.
    Linear,
}

impl Pins {
    /// Whether no pin is read.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Shape {
    fn is_step(&self) -> bool {
        *self == Self::Step
    }
}
