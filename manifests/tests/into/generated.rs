//! Routes of any kind, in any layout that people write: what is inserted into them routes as it
//! should, and can be taken out again.

use crate::fixtures::{canaries, fixtures};
use crate::outcomes::{FULL, check, requests};
use crate::routing::Request;
use coalmine_manifests::into::{Api, insert, remove};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn string_match() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(&["/", "/a", "/api", "/api/", "/plain"])
            .prop_map(|prefix| json!({"prefix": prefix})),
        select(&["/a", "/api", "/ratings/1"]).prop_map(|exact| json!({"exact": exact})),
        select(&["/[a-z]+", "/api(/.*)?", ".*"]).prop_map(|regex| json!({"regex": regex})),
    ]
}

/// A map with some of these entries.
fn some_of(entries: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let all: Vec<_> = entries
        .into_iter()
        .map(|(key, value)| {
            prop::option::weighted(0.4, value)
                .prop_map(move |value| value.map(|value| (key, value)))
        })
        .collect();
    all.prop_map(|entries| {
        Value::Object(
            entries
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    })
    .boxed()
}

fn one_of(values: Vec<Value>) -> BoxedStrategy<Value> {
    select(values).boxed()
}

fn http_match() -> BoxedStrategy<Value> {
    some_of(vec![
        ("uri", string_match().boxed()),
        (
            "method",
            one_of(vec![json!({"exact": "GET"}), json!({"regex": "GET|HEAD"})]),
        ),
        ("authority", one_of(vec![json!({"prefix": "reviews."})])),
        (
            "headers",
            one_of(vec![
                json!({}),
                json!({"x-a": {"exact": "1"}}),
                json!({"end-user": {}, "x-a": {"prefix": "b"}}),
            ]),
        ),
        (
            "withoutHeaders",
            one_of(vec![
                json!({"x-internal": {}}),
                json!({"x-a": {"exact": "b"}}),
            ]),
        ),
        (
            "queryParams",
            one_of(vec![json!({"debug": {"exact": "1"}})]),
        ),
        ("sourceLabels", one_of(vec![json!({"app": "productpage"})])),
        (
            "gateways",
            one_of(vec![json!(["mesh"]), json!(["public", "mesh"])]),
        ),
        ("port", one_of(vec![json!(80), json!(9080)])),
    ])
}

fn http_route() -> impl Strategy<Value = Value> {
    let destination = prop_oneof![
        Just(json!({"host": "reviews"})),
        Just(json!({"host": "reviews", "subset": "v1"})),
        Just(json!({"host": FULL, "subset": "v3", "port": {"number": 9080}})),
        Just(json!({"host": "ratings"})),
        Just(json!({"host": "reviews.other.svc.cluster.local", "subset": "v1"})),
    ];
    let headers = one_of(vec![json!({"request": {"set": {"x-b": "c: d # e"}}})]);
    let entry = (destination, 0..4_u64, prop::option::weighted(0.3, headers));
    let route = prop::collection::vec(entry, 1..4).prop_map(|entries| {
        let one = |(destination, weight, headers): (Value, u64, Option<Value>)| {
            let mut entry = json!({"destination": destination, "weight": weight * 10 + 10});
            if let Some(headers) = headers {
                entry["headers"] = headers;
            }
            entry
        };
        json!({"route": entries.into_iter().map(one).collect::<Vec<_>>()})
    });
    let to = prop_oneof![
        8 => route,
        1 => Just(json!({"redirect": {"uri": "/new"}})),
        1 => Just(json!({"directResponse": {"status": 204}})),
    ];
    let options = some_of(vec![
        (
            "match",
            prop::collection::vec(http_match(), 0..3)
                .prop_map(Value::from)
                .boxed(),
        ),
        (
            "name",
            one_of(vec![json!("one"), json!("one-canary"), json!("two")]),
        ),
        ("timeout", one_of(vec![json!("1s")])),
        (
            "retries",
            one_of(vec![json!({"attempts": 2, "retryOn": "5xx"})]),
        ),
        (
            "fault",
            one_of(vec![
                json!({"abort": {"httpStatus": 418, "percentage": {"value": 1.5}}}),
            ]),
        ),
        (
            "mirror",
            one_of(vec![json!({"host": "reviews", "subset": "v3"})]),
        ),
        (
            "corsPolicy",
            one_of(vec![json!({"allowOrigins": [{"exact": "*"}]})]),
        ),
    ]);
    (options, to).prop_map(|(mut route, to)| {
        let map = route.as_object_mut().unwrap();
        map.extend(to.as_object().unwrap().clone());
        route
    })
}

/// A list of routes as text, each in block or flow style, with what people put between them.
fn written(head: &str, items: &[(Value, u8)]) -> String {
    let mut text = head.to_owned();
    for (item, style) in items {
        text.push_str(
            [
                "",
                "\n",
                "  # about the next\n",
                "\n    # out of place\n\n  # the next\n",
            ][usize::from(style / 4 % 4)],
        );
        if style % 4 == 0 {
            text.push_str(&format!("  - {item}  # on one line\n"));
            continue;
        }
        let block = coalmine_manifests::to_yaml(item).unwrap();
        for (index, line) in block.lines().enumerate() {
            let start = if index == 0 { "  - " } else { "    " };
            text.push_str(&format!("{start}{line}\n"));
        }
    }
    match items.len() % 3 {
        0 => text.replace('\n', "\r\n"),
        1 => text.trim_end().to_owned(),
        _ => text,
    }
}

/// All that is promised, for one text.
fn promises(text: &str, canary: &'static str, gateway: bool, requests: &[Request]) {
    let api = if gateway { Api::Gateway } else { Api::Istio };
    let canaries = canaries(canary);
    let inserted = match insert(&[text], &canaries, api) {
        Ok(inserted) => inserted.texts.concat(),
        Err(refused) => {
            let known = ["nothing-reaches", "too-many-rules"];
            assert!(
                refused.found.iter().all(|one| known.contains(&one.code)),
                "{refused:#?}\n{text}"
            );
            return;
        }
    };
    let again = insert(&[&inserted], &canaries, api).unwrap();
    assert_eq!(again.texts.concat(), inserted);
    assert_eq!(remove(&[&inserted], None).unwrap().concat(), text);
    check("generated", text, &inserted, &canaries, requests);
}

const VIRTUAL_SERVICE: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  gateways: [mesh, public]
  http:
";

const HTTP_ROUTE: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews, namespace: bookinfo}
spec:
  parentRefs: [{name: public}]
  rules:
";

fn rule() -> impl Strategy<Value = Value> {
    let path = |kind: &'static str, paths: Vec<&'static str>| {
        select(paths)
            .prop_map(move |path| json!({"type": kind, "value": path}))
            .boxed()
    };
    let one = some_of(vec![
        (
            "path",
            prop_oneof![
                path("PathPrefix", vec!["/", "/a", "/api", "/api/v2"]),
                path("Exact", vec!["/a", "/api"]),
            ]
            .boxed(),
        ),
        ("method", one_of(vec![json!("GET"), json!("POST")])),
        (
            "headers",
            one_of(vec![
                json!([{"name": "x-a", "value": "1"}]),
                json!([{"name": "x-tenant", "value": "a"}]),
                json!([{"name": "x-a", "value": "1"}, {"name": "x-tenant", "value": "a"}]),
            ]),
        ),
        (
            "queryParams",
            one_of(vec![json!([{"name": "debug", "value": "1"}])]),
        ),
    ]);
    let backend = one_of(vec![
        json!({"name": "reviews", "port": 9080}),
        json!({"name": "reviews", "port": 9080, "weight": 3}),
        json!({"name": "ratings", "port": 80}),
        json!({"name": "reviews", "namespace": "other", "port": 9080}),
    ]);
    let parts = (
        prop::collection::vec(one, 0..3),
        prop::collection::vec(backend, 0..3),
        prop::option::of(select(&["main", "main-canary", "else"])),
    );
    parts.prop_map(|(matches, backends, name)| {
        let mut rule = json!({"matches": matches, "backendRefs": backends});
        if let Some(name) = name {
            rule["name"] = json!(name);
        }
        rule
    })
}

/// Pieces of YAML that change what is around them.
const PIECES: &[&str] = &[
    "",
    " ",
    "\n",
    "\t",
    "\r\n",
    "&a ",
    "*a",
    "&a",
    "<<: *a\n",
    "- ",
    "-",
    "? ",
    ": ",
    ":",
    "|\n",
    "|+\n",
    ">-\n",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    ", ",
    "#",
    " # c",
    "!!str ",
    "'",
    "\"",
    "---\n",
    "...\n",
    "~",
    "é",
    "\u{feff}",
    "%YAML 1.2\n",
    "# coalmine: begin bookinfo/reviews\n",
    "# coalmine: end bookinfo/reviews\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn virtual_services_of_any_kind(
        items in prop::collection::vec((http_route(), any::<u8>()), 1..6),
        canary in select(&["reviews", "three", "services"]),
        requests in prop::collection::vec(requests(), 30),
    ) {
        promises(&written(VIRTUAL_SERVICE, &items), canary, false, &requests);
    }

    #[test]
    fn http_routes_of_any_kind(
        items in prop::collection::vec((rule(), any::<u8>()), 1..6),
        requests in prop::collection::vec(requests(), 30),
    ) {
        promises(&written(HTTP_ROUTE, &items), "services", true, &requests);
    }

    /// Whatever a text is, it is refused or changed, and then given back.
    #[test]
    fn mangled_texts(
        number in any::<prop::sample::Index>(),
        splices in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, select(PIECES)), 1..4),
    ) {
        let all = fixtures();
        let fixture = &all[number.index(all.len())];
        let mut text = fixture.text.clone();
        for (at, length, piece) in splices {
            let at = (0..=at.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let end = text[at..].char_indices().nth(length).map_or(text.len(), |(end, _)| at + end);
            text.replace_range(at..end, piece);
        }
        if let Ok(inserted) = insert(&[&text], &canaries(fixture.canary), fixture.api) {
            let left = remove(&[&text], Some(&["bookinfo/reviews"])).unwrap();
            let back = remove(&[&inserted.texts[0]], None).unwrap();
            prop_assert_eq!(left, back);
        }
    }
}
