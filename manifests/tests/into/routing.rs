//! Routing by VirtualServices and HTTPRoutes, as their documentation has it, written without a look
//! at how twins are made: it knows nothing of the header that they ask for.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A request, and where it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) method: String,
    pub(crate) authority: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) gateway: String,
    pub(crate) port: u64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) namespace: String,
}

/// What becomes of a request: the route without what it asks for.
pub(crate) type Outcome = Option<Value>;

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// The first http route of a VirtualService that matches.
pub(crate) fn virtual_service(manifest: &Value, request: &Request) -> Outcome {
    let spec = &manifest["spec"];
    let found = list(spec, "http").iter().find(|route| {
        let matches = list(route, "match");
        let any = matches.iter().any(|one| asks(one, spec, request));
        matches.is_empty() && bound(spec, spec, request) || any
    });
    found.map(|route| without(route, &["match", "name"]))
}

/// Whether the gateway is among those that are said here, or else of the whole.
fn bound(one: &Value, spec: &Value, request: &Request) -> bool {
    let own = list(one, "gateways");
    let said = if own.is_empty() {
        list(spec, "gateways")
    } else {
        own
    };
    said.is_empty() && request.gateway == "mesh"
        || said.iter().any(|name| name == request.gateway.as_str())
}

fn asks(one: &Value, spec: &Value, request: &Request) -> bool {
    let of = |map: &BTreeMap<String, String>, key: &str| {
        entries(&one[key]).iter().all(|(name, test)| {
            map.get(name)
                .is_some_and(|value| passes(test, value, false))
        })
    };
    let without = entries(&one["withoutHeaders"]).iter().all(|(name, test)| {
        let value = request.headers.get(name);
        !value.is_some_and(|value| passes(test, value, false))
    });
    let ignore_case = one["ignoreUriCase"] == true;
    let labels = entries(&one["sourceLabels"]);
    bound(one, spec, request)
        && passes(&one["uri"], &request.path, ignore_case)
        && passes(&one["method"], &request.method, false)
        && passes(&one["authority"], &request.authority, false)
        && of(&request.headers, "headers")
        && of(&request.query, "queryParams")
        && without
        && labels.iter().all(|(name, value)| {
            request
                .labels
                .get(name)
                .is_some_and(|there| value == there.as_str())
        })
        && one["sourceNamespace"]
            .as_str()
            .is_none_or(|namespace| namespace == request.namespace)
        && one["port"].as_u64().is_none_or(|port| port == request.port)
}

/// A StringMatch; an empty one asks for presence only.
fn passes(test: &Value, value: &str, ignore_case: bool) -> bool {
    let case = |text: &str| match ignore_case {
        true => text.to_lowercase(),
        false => text.to_owned(),
    };
    let says = |key: &str, how: &dyn Fn(&str) -> bool| test[key].as_str().is_none_or(how);
    says("exact", &|exact| case(exact) == case(value))
        && says("prefix", &|prefix| case(value).starts_with(&case(prefix)))
        && says("regex", &|regex| whole(regex, value))
}

fn whole(regex: &str, value: &str) -> bool {
    regex_lite::Regex::new(&format!("^(?:{regex})$"))
        .unwrap()
        .is_match(value)
}

fn without(value: &Value, keys: &[&str]) -> Value {
    let mut map = entries(value);
    map.retain(|key, _| !keys.contains(&key.as_str()));
    Value::Object(map)
}

/// The rule with the most specific match of an HTTPRoute or GRPCRoute.
pub(crate) fn gateway_route(manifest: &Value, request: &Request) -> Outcome {
    let grpc = manifest["kind"] == "GRPCRoute";
    let mut best: Option<(Rank, &Value)> = None;
    for rule in list(&manifest["spec"], "rules") {
        let any = [Value::Object(Map::new())];
        let matches = match list(rule, "matches") {
            [] => &any[..],
            matches => matches,
        };
        for one in matches {
            let rank = if grpc {
                grpc_rank(one, request)
            } else {
                http_rank(one, request)
            };
            if let Some(rank) = rank
                && best.as_ref().is_none_or(|(best, _)| rank > *best)
            {
                best = Some((rank, rule));
            }
        }
    }
    best.map(|(_, rule)| without(rule, &["matches", "name"]))
}

/// Exact before prefix, longer path, method, headers, query parameters.
type Rank = (u8, usize, usize, usize, usize);

fn http_rank(one: &Value, request: &Request) -> Option<Rank> {
    let path = one["path"]["value"].as_str().unwrap_or("/");
    let kind = one["path"]["type"].as_str().unwrap_or("PathPrefix");
    let prefix = path.trim_end_matches('/');
    let (meets, exact) = match kind {
        "Exact" => (request.path == path, 2),
        "PathPrefix" => {
            let rest = request.path.strip_prefix(prefix);
            (
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
                1,
            )
        }
        _ => (whole(path, &request.path), 1),
    };
    let method = one["method"].as_str();
    let headers = named(one, "headers", &request.headers)?;
    let queries = named(one, "queryParams", &request.query)?;
    let good = meets && method.is_none_or(|method| method == request.method);
    let length = if kind == "PathPrefix" {
        prefix.len()
    } else {
        path.len()
    };
    good.then_some((
        exact,
        length,
        usize::from(method.is_some()),
        headers,
        queries,
    ))
}

fn grpc_rank(one: &Value, request: &Request) -> Option<Rank> {
    let mut parts = request.path.trim_start_matches('/').split('/');
    let (service, method) = (parts.next()?, parts.next()?);
    let said = |key: &str| one["method"][key].as_str();
    let headers = named(one, "headers", &request.headers)?;
    let good = said("service").is_none_or(|one| one == service)
        && said("method").is_none_or(|one| one == method);
    let length = |key| said(key).map_or(0, str::len);
    good.then_some((0, length("service"), length("method"), headers, 0))
}

/// How many are asked for, if all of them are met.
fn named(one: &Value, key: &str, there: &BTreeMap<String, String>) -> Option<usize> {
    let all = list(one, key);
    let met = |asked: &Value| {
        let value = there.get(asked["name"].as_str().unwrap());
        value.is_some_and(|value| match asked["type"].as_str() {
            Some("RegularExpression") => whole(asked["value"].as_str().unwrap(), value),
            _ => asked["value"] == value.as_str(),
        })
    };
    all.iter().all(met).then_some(all.len())
}
