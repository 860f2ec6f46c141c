//! The description of a `Canary`, field by field.

use super::condition::{condition, rules};
use super::evidence::evidence;
use super::guard::guard;
use super::rollout::rollout;
use super::signed::signed;
use super::travel::{inherit, propagate};
use super::types::{Kind, Pairs, Schema};
use coalmine::config::{API_VERSION, CANARY_KIND, NEVER, OF_KUBERNETES};
use coalmine::policy::MAX_VARIANTS;

/// `at` and `shape` stand beside the variants in a ramp, and `never` is a pin that opts out.
const NO_VARIANTS: &[&str] = &[NEVER, "at", "shape"];

/// A name that can be a DNS label.
pub(super) const LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

/// A whole file, or one of its documents.
pub(super) fn file() -> Schema {
    Schema {
        dialect: Some("https://json-schema.org/draft/2020-12/schema"),
        title: Some("Canary"),
        definitions: Pairs(vec![("condition", condition())]),
        ..Schema::fields(vec![
            (
                "apiVersion",
                Schema::words(&[API_VERSION]).about("The version of this file's format."),
            ),
            (
                "kind",
                Schema::words(&[CANARY_KIND]).about("What this file describes."),
            ),
            ("metadata", metadata()),
            ("spec", spec()),
            (
                "status",
                Schema::default().about("Kubernetes' business; it means nothing here."),
            ),
        ])
        .needs(&["apiVersion", "kind", "metadata", "spec"])
        .about("Who sees which version of one service.")
        .rule(
            "self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",
            "metadata.name is at most 63 of a-z, 0-9 and '-'",
        )
    }
}

/// What Kubernetes adds is there, so that what `kubectl get -o yaml` prints is a sound file.
fn metadata() -> Schema {
    let label = || Schema::pattern(LABEL);
    let mut fields = vec![
        (
            "name",
            label().about("Labels the metrics, and is part of the default salt."),
        ),
        (
            "namespace",
            label().about("Short names of hosts expand in it, as they do in Kubernetes."),
        ),
    ];
    fields.extend(OF_KUBERNETES.iter().map(|name| {
        let anything = Schema::default();
        (
            *name,
            anything.about("Kubernetes' business; it means nothing here."),
        )
    }));
    Schema::fields(fields)
        .needs(&["name"])
        .about("Which canary this is.")
}

fn spec() -> Schema {
    let fields = vec![
        ("hosts", hosts()),
        (
            "service",
            service().about("The service whose versions the variants are, if it is not the first host."),
        ),
        (
            "protocol",
            Schema::words(&["http", "http2", "grpc"]).usually("http").about(
                "What the endpoints of its variants speak, for plain Envoy: HTTP/1.1, HTTP/2 without TLS, or gRPC over that.",
            ),
        ),
        ("variants", variants()),
        (
            "default",
            variant_name().about("The variant for everyone who is not drawn, pinned or ruled elsewhere."),
        ),
        ("pins", pins()),
        ("rules", rules()),
        (
            "shares",
            shares().about("How much of the line each variant gets; the rest is the default's."),
        ),
        ("unit", unit()),
        (
            "whenNoUnit",
            Schema::words(&["default", "random", "issue-cookie", "source-address"])
                .usually("default")
                .about(
                    "What happens to a request without a unit: the default variant, a new draw each time, \
                     a cookie with a random unit, or the client's address as the unit.",
                ),
        ),
        ("issueCookie", issue_cookie()),
        (
            "salt",
            Schema::filled()
                .about("Another salt draws other users. If it is not there: `namespace/name`."),
        ),
        ("ramp", ramp()),
        ("evidence", evidence()),
        ("propagate", propagate()),
        ("inherit", inherit()),
        ("guard", guard()),
        ("rollout", rollout()),
    ];
    across(Schema::fields(fields).needs(&["hosts", "variants", "default"]))
        .about("What the canary says.")
}

/// What fields must agree on: JSON Schema cannot say it, CEL can.
fn across(spec: Schema) -> Schema {
    spec.rule(
        "self.default in self.variants",
        "default must be one of the variants",
    )
    .rule(
        "!has(self.shares) || self.shares.all(name, name in self.variants && name != self.default)",
        "shares are of variants beside the default, which gets the rest",
    )
    .rule(
        "!has(self.rules) || self.rules.all(rule, !has(rule.route) || rule.route in self.variants)",
        "the route of a rule must be one of the variants",
    )
    .rule(
        "!has(self.rules) || self.rules.all(rule, !has(rule.shares) || \
         rule.shares.all(name, name in self.variants && name != self.default))",
        "the shares of a rule are of variants beside the default, which gets the rest",
    )
    .rule(
        "!has(self.ramp) || self.ramp.all(point, point.all(name, name == 'at' || name == 'shape' || \
         (name in self.variants && name != self.default)))",
        "a point of a ramp has at, shape, and the shares of variants beside the default",
    )
    .rule(
        "!has(self.guard) || !has(self.guard.variant) || \
         (self.guard.variant in self.variants && self.guard.variant != self.default)",
        "guard.variant is one of the variants beside the default",
    )
    .rule(
        "!has(self.rollout) || !has(self.ramp)",
        "a ramp moves shares by the clock, and a rollout by evidence: only one can",
    )
    .rule(
        "!has(self.rollout) || has(self.evidence) || \
         (has(self.rollout.analysis) && has(self.rollout.analysis.queries) && \
         self.rollout.analysis.queries.size() > 0)",
        "a rollout needs evidence: {} beside it, or queries under analysis",
    )
    .rule(
        "!has(self.rollout) || (has(self.rollout.variant) \
         ? self.rollout.variant in self.variants && self.rollout.variant != self.default \
         : self.variants.size() == 2)",
        "rollout.variant is one of the variants beside the default",
    )
    .rule(
        "self.variants.size() < 4 || \
         self.variants.all(name, name == self.default || has(self.variants[name].max))",
        "with three or more variants beside the default each of them needs its max",
    )
    .rule(
        "!has(self.issueCookie) || (has(self.whenNoUnit) && self.whenNoUnit == 'issue-cookie')",
        "issueCookie means nothing without whenNoUnit: issue-cookie",
    )
    .rule(
        "!has(self.evidence) || !('control' in self.variants || 'rest' in self.variants)",
        "where responses are counted no variant can be called control or rest, as arms are",
    )
    .rule(
        "!has(self.rules) || \
         self.rules.all(rule, self.rules.exists_one(other, other.name == rule.name))",
        "no two rules can have one name",
    )
}

fn hosts() -> Schema {
    let host = Schema::pattern(
        r"^(\*|(\*\.)?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?(:[0-9]+)?|[0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\](:[0-9]+)?)$",
    )
    .like(&["reviews", "shop.example.com", "*.example.com"]);
    Schema::filled_list(host.most(320))
        .most(256)
        .about("The hosts that it governs, as clients send them; each has one canary.")
}

/// `reviews:9080`, in lower case, and no address in figures.
fn service() -> Schema {
    Schema::pattern(
        r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:[0-9]+)?$",
    )
    .most(320)
    .like(&["reviews", "reviews.bookinfo", "reviews:9080"])
}

fn variants() -> Schema {
    let variant = Schema::fields(vec![
        (
            "labels",
            Schema::map(Schema::text()).about("The labels of its workloads: the subset in Istio."),
        ),
        (
            "service",
            service().about("A service of its own, with its port: a backend in the Gateway API."),
        ),
        (
            "endpoints",
            Schema::list(
                Schema::pattern(r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]+$")
                    .like(&["127.0.0.1:8080"]),
            )
            .about("Addresses as `host:port`: the cluster in plain Envoy."),
        ),
        (
            "max",
            share().about(
                "The most that it may ever get. Needed where three or more variants stand beside the default.",
            ),
        ),
    ]);
    Schema {
        property_names: Some(Box::new(Schema::pattern(LABEL).but_not(Schema {
            words: NO_VARIANTS,
            ..Schema::default()
        }))),
        min_properties: Some(2),
        max_properties: u32::try_from(MAX_VARIANTS).ok(),
        ..Schema::map(variant)
    }
    .rule(
        "self.all(name, name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$') && \
         name != 'never' && name != 'at' && name != 'shape')",
        "the name of a variant is at most 63 of a-z, 0-9 and '-', and not never, at or shape",
    )
    .about("The versions that can serve, by name, the default among them.")
}

/// The name of a variant where one is referred to.
pub(super) fn variant_name() -> Schema {
    Schema::text().most(63)
}

/// A name of a header or cookie: a token of RFC 9110, section 5.6.2.
pub(super) fn token() -> Schema {
    Schema::pattern(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
}

/// A header that may decide. To a proxy `host` is none.
pub(super) fn deciding_header() -> Schema {
    token().but_not(Schema {
        pattern: Some("^[Hh][Oo][Ss][Tt]$"),
        ..Schema::default()
    })
}

fn pins() -> Schema {
    Schema::fields(vec![
        (
            "header",
            deciding_header().about("The name of a header, like `x-canary`."),
        ),
        ("cookie", token().about("The name of a cookie.")),
        (
            "query",
            Schema::filled().about("The name of a query parameter."),
        ),
        ("signed", signed()),
    ])
    .about("Where a request may say which variant it wants, or `never` to opt out of all.")
}

/// A percentage with at most four decimals.
pub(super) fn share() -> Schema {
    Schema::pattern(r"^\s*0*(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)\s*%\s*$")
        .like(&["5%", "0.0001%"])
}

/// Shares by variant.
pub(super) fn shares() -> Schema {
    Schema::map(share()).most(64)
}

fn unit() -> Schema {
    let source = Schema::fields(vec![
        ("header", deciding_header().about("A header.")),
        ("cookie", token().about("A cookie.")),
        ("query", Schema::filled().about("A query parameter.")),
    ])
    .one_of(&["header", "cookie", "query"]);
    Schema::list(source).about(
        "What is kept together, like a user's id: where to look for it. The first that is present counts.",
    )
}

fn issue_cookie() -> Schema {
    let attribute = || Schema::pattern(r"^[!-+\--:<-~]+$");
    Schema::fields(vec![
        ("name", token().usually("coalmine-unit").about("Its name.")),
        (
            "path",
            Schema::pattern(r"^/[!-+\--:<-~]*$")
                .usually("/")
                .about("`Path`."),
        ),
        (
            "domain",
            attribute().about("`Domain`. If it is not there: the host alone."),
        ),
        (
            "maxAge",
            Schema::pattern("^0*[1-9][0-9]*[smhd]$")
                .usually("180d")
                .about("`Max-Age`: a number and s, m, h or d."),
        ),
        (
            "sameSite",
            Schema::words(&["Lax", "Strict", "None"])
                .usually("Lax")
                .about("`SameSite`; browsers want `secure: true` with `None`."),
        ),
        (
            "secure",
            Schema::flag().about("`Secure`. If it is not there: for requests that came over TLS."),
        ),
        (
            "httpOnly",
            Schema::flag().usually_set().about("`HttpOnly`."),
        ),
    ])
    .about("How the cookie looks that `whenNoUnit: issue-cookie` hands out.")
}

fn ramp() -> Schema {
    let time = Schema::pattern(
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    )
    .like(&["2026-11-24T09:00:00Z"])
    .about("When: RFC 3339 with an offset.");
    let shape = Schema::words(&["step", "linear"])
        .usually("step")
        .about("How the shares come here from the point before: at once, or on a line.");
    let mut point = Schema::fields(vec![("at", time), ("shape", shape)]).needs(&["at"]);
    point.additional_properties = Schema::map(share()).additional_properties;
    point.kind = Some(Kind::Object);
    Schema::list(point.most(66))
        .most(64)
        .rule(
            "self.size() == 0 || !('shape' in self[0]) || self[0]['shape'] != 'linear'",
            "the first point of a ramp has no point before it to draw a line from",
        )
        .about("Shares as a function of time, in the order of time; `shares` holds before its first point.")
}
