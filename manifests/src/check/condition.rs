//! What a route matches, and whether one match covers another.

use super::field::Field;
use coalmine::{Node, Value};

/// The path, where its case does not count: another criterion than the path as it is, and neither is
/// known to imply the other.
const URI_IN_ANY_CASE: &str = "uri in any case";

/// Where Istio has the headers that a request may not have.
const WITHOUT: &str = "withoutHeaders";

/// What one match of a route asks of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Match {
    /// What it asks of the variant header.
    pub(super) variant: VariantMatch,
    /// Everything else, in the form `uri prefix "/a"`.
    rest: Vec<Criterion>,
}

/// What a match asks of the variant header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum VariantMatch {
    /// Nothing.
    #[default]
    Nothing,
    /// This very value.
    Exact(String),
    /// That it is there, or has some form.
    Other,
    /// That it is absent.
    Absent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Criterion {
    /// What of the request: `uri`, `headers.x-user`.
    of: String,
    /// `exact`, `prefix` or another test; empty for values that are compared as they are.
    test: String,
    value: String,
}

impl Match {
    /// Whether every request of `other` fulfils this as well.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let variant = self.variant == VariantMatch::Nothing || self.variant == other.variant;
        let implied = |wanted: &Criterion| other.rest.iter().any(|given| given.implies(wanted));
        variant && self.rest.iter().all(implied)
    }

    /// Whether a request of this variant may fulfil it.
    pub(super) fn may_have(&self, wanted: &str) -> bool {
        match &self.variant {
            VariantMatch::Nothing | VariantMatch::Other => true,
            VariantMatch::Exact(value) => value == wanted,
            VariantMatch::Absent => false,
        }
    }

    /// Whether a request without the variant header may fulfil it.
    pub(super) fn may_lack(&self) -> bool {
        matches!(self.variant, VariantMatch::Nothing | VariantMatch::Absent)
    }

    /// The same without what it asks of the variant header.
    pub(super) fn without_variant(&self) -> Self {
        Self {
            variant: VariantMatch::Nothing,
            rest: self.rest.clone(),
        }
    }

    /// What both ask, for a route that hands on to others.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = other.clone();
        if both.variant == VariantMatch::Nothing {
            both.variant = self.variant.clone();
        }
        both.rest.extend(self.rest.iter().cloned());
        both
    }

    fn ask(&mut self, of: String, test: &str, value: String) {
        // Every path begins so.
        let of_path = of == "uri" || of == URI_IN_ANY_CASE;
        let trivial =
            of_path && matches!((test, value.as_str()), ("prefix", "/") | ("regex", ".*"));
        if !trivial {
            let test = test.to_owned();
            self.rest.push(Criterion { of, test, value });
        }
    }
}

impl Criterion {
    fn implies(&self, wanted: &Self) -> bool {
        let within = |narrow: &Self, wide: &Self| {
            matches!(narrow.test.as_str(), "exact" | "prefix")
                && wide.test == "prefix"
                && narrow.value.starts_with(&wide.value)
        };
        // Who may not have a prefix may not have what begins with it, and not the other way round.
        let longer = match self.of.starts_with(WITHOUT) {
            true => within(wanted, self),
            false => within(self, wanted),
        };
        self.of == wanted.of && (self == wanted || longer)
    }
}

/// An `HTTPMatchRequest` of Istio.
pub(super) fn of_istio(field: &Field<'_>, variant_header: &str) -> Match {
    let mut matched = Match::default();
    let any_case = field.get("ignoreUriCase");
    let any_case = any_case.is_some_and(|field| field.node.value == Value::Bool(true));
    for (name, value) in field.entries() {
        match name {
            // They ask for nothing.
            "name" | "statPrefix" | "ignoreUriCase" => {}
            "uri" if any_case => string_match(URI_IN_ANY_CASE.to_owned(), &value, &mut matched),
            "headers" | WITHOUT | "queryParams" => {
                for (part, test) in value.entries() {
                    let of_variant = part.eq_ignore_ascii_case(variant_header);
                    match (name, of_variant) {
                        ("headers", true) => {
                            let exact = test.text_at("exact");
                            matched.variant = exact.map_or(VariantMatch::Other, |exact| {
                                VariantMatch::Exact(exact.to_owned())
                            });
                        }
                        (WITHOUT, true) => matched.variant = VariantMatch::Absent,
                        _ => {
                            let of = format!("{name}.{}", part.to_ascii_lowercase());
                            string_match(of, &test, &mut matched);
                        }
                    }
                }
            }
            _ => string_match(name.to_owned(), &value, &mut matched),
        }
    }
    matched
}

fn string_match(of: String, field: &Field<'_>, matched: &mut Match) {
    match field.texts().as_slice() {
        [(test, value)] => matched.ask(of, test, (*value).to_owned()),
        _ => matched.ask(of, "", said(field.node)),
    }
}

/// An `HTTPRouteMatch` or `GRPCRouteMatch` of the Gateway API.
pub(super) fn of_gateway(field: &Field<'_>, variant_header: &str) -> Match {
    let mut matched = Match::default();
    for (name, value) in field.entries() {
        match name {
            "headers" | "queryParams" => {
                for item in value.items() {
                    let part = item.text_at("name").unwrap_or_default();
                    let exact = item.text_at("type").is_none_or(|kind| kind == "Exact");
                    let wanted = item.text_at("value").unwrap_or_default().to_owned();
                    if name == "headers" && part.eq_ignore_ascii_case(variant_header) {
                        matched.variant = match exact {
                            true => VariantMatch::Exact(wanted),
                            false => VariantMatch::Other,
                        };
                    } else {
                        let of = format!("{name}.{}", part.to_ascii_lowercase());
                        matched.ask(of, if exact { "exact" } else { "regex" }, wanted);
                    }
                }
            }
            "path" => {
                let test = match value.text_at("type") {
                    Some("Exact") => "exact",
                    Some("RegularExpression") => "regex",
                    _ => "prefix",
                };
                let wanted = value.text_at("value").unwrap_or("/").to_owned();
                matched.ask("uri".to_owned(), test, wanted);
            }
            _ => matched.ask(name.to_owned(), "", said(value.node)),
        }
    }
    matched
}

/// A value in one line, the same for the same value.
fn said(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(text) | Value::String(text) => format!("{text:?}"),
        Value::List(nodes) => {
            let items: Vec<String> = nodes.iter().map(said).collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(entries) => {
            let mut entries: Vec<String> = entries
                .iter()
                .map(|(key, node)| format!("{:?}:{}", key.name, said(node)))
                .collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
    }
}
