//! Which of the matches of a route is the most specific (Gateway API, HTTPRouteRule and GRPCRouteRule,
//! on precedence): by the path, then whether it asks for a method, then by the number of headers and
//! of query parameters; among equals the first.

use super::super::value::Value;
use std::collections::BTreeSet;

/// One match of a rule.
struct Match<'v> {
    rule: usize,
    value: Option<&'v Value>,
    /// Method, headers, query parameters; more is more specific.
    counts: (bool, usize, usize),
}

/// The rules that twins of others would overtake: they come before one of `twinned` for some
/// request, and would not come before its twin.
pub(super) fn overtaken(rules: &[Value], twinned: BTreeSet<usize>) -> BTreeSet<usize> {
    let all: Vec<Match<'_>> = rules
        .iter()
        .enumerate()
        .flat_map(|(index, rule)| matches(index, rule))
        .collect();
    let mut twins = twinned.clone();
    loop {
        let overtakes = |first: &Match<'_>| {
            let others = all.iter().filter(|other| twins.contains(&other.rule));
            others.into_iter().any(|other| {
                may_meet(first, other) && first.before(other, 0) && !first.before(other, 1)
            })
        };
        let more: Vec<usize> = all
            .iter()
            .filter(|one| !twins.contains(&one.rule) && overtakes(one))
            .map(|one| one.rule)
            .collect();
        if more.is_empty() {
            return twins.difference(&twinned).copied().collect();
        }
        twins.extend(more);
    }
}

fn matches(index: usize, rule: &Value) -> Vec<Match<'_>> {
    let list = rule.items("matches");
    let one = |value: Option<&'_ Value>| -> (bool, usize, usize) {
        let count = |key| value.map_or(0, |value| value.items(key).len());
        let method = value.is_some_and(|value| value.str_at(&["method"]).is_some());
        (method, count("headers"), count("queryParams"))
    };
    if list.is_empty() {
        return vec![Match {
            rule: index,
            value: None,
            counts: one(None),
        }];
    }
    list.iter()
        .map(|value| Match {
            rule: index,
            value: Some(value),
            counts: one(Some(value)),
        })
        .collect()
}

impl Match<'_> {
    /// Whether it comes before another one, with so many more headers there, of the same path.
    fn before(&self, other: &Self, more: usize) -> bool {
        let (method, headers, queries) = other.counts;
        let theirs = (method, headers + more, queries);
        self.counts > theirs || self.counts == theirs && self.rule < other.rule
    }

    /// The kind of its path and the path, without the slash at its end, which means nothing in a
    /// prefix; in a GRPCRoute service and method.
    fn path(&self) -> (&str, &str, &str) {
        let get = |keys: &[&str]| self.value.and_then(|value| value.str_at(keys));
        let grpc = get(&["method", "service"]).is_some() || get(&["method", "method"]).is_some();
        if grpc {
            let kind = get(&["method", "type"]).unwrap_or("Exact");
            let part = |key| get(&["method", key]).unwrap_or_default();
            return (kind, part("service"), part("method"));
        }
        let kind = get(&["path", "type"]).unwrap_or("PathPrefix");
        let path = get(&["path", "value"]).unwrap_or("/");
        (kind, path.trim_end_matches('/'), "")
    }
}

/// Whether one request may meet both, and neither path is the more specific. Where that cannot be
/// told, as of regular expressions, whose rank is left to implementations, it may.
fn may_meet(one: &Match<'_>, other: &Match<'_>) -> bool {
    let (path, others) = (one.path(), other.path());
    let regex = path.0 == "RegularExpression" || others.0 == "RegularExpression";
    let method = |of: &Match<'_>| {
        of.value
            .and_then(|value| value.str_at(&["method"]))
            .map(str::to_owned)
    };
    let apart = matches!((method(one), method(other)), (Some(one), Some(other)) if one != other);
    (regex || path == others) && !apart
}
