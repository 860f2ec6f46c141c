//! What is refused and what is warned of: each with its place, which `§` marks in the text, and with
//! nothing inserted.

use crate::fixtures::{root, sound};
use coalmine::diagnostic::Diagnostic;
use coalmine_manifests::into::{Api, insert, remove};
use std::collections::BTreeSet;
use std::fs;

/// A text with a canary, and what is said of them.
struct Case {
    code: &'static str,
    /// A piece of the message or of the advice.
    says: &'static str,
    api: Api,
    canary: String,
    text: String,
}

const CANARY: &str = "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews, reviews.example.com]
  variants: {stable: {labels: {version: v1}}, canary: {labels: {version: v2}}}
  default: stable
  pins: {header: x-canary}
";

const OTHER: &str = "---
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: ratings, namespace: bookinfo}
spec:
  hosts: [ratings]
  variants: {stable: {labels: {version: v1}}, next: {labels: {version: v2}}}
  default: stable
  pins: {header: x-canary}
";

const SUBSETS: &str = "
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: bookinfo}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
";

const ROUTE: &str = "  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
";

fn virtual_service(spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews, namespace: bookinfo}}
spec:
{spec}"
    )
}

fn destination_rule(spec: &str) -> String {
    let routes = virtual_service(ROUTE);
    format!(
        "{routes}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews, namespace: bookinfo}}
{spec}"
    )
}

fn http_route(rules: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: reviews, namespace: bookinfo}}
spec:
  hostnames: [reviews.example.com]
  {rules}"
    )
}

fn istio(code: &'static str, says: &'static str, text: impl Into<String>) -> Case {
    let (canary, text) = (CANARY.to_owned(), text.into());
    Case {
        code,
        says,
        api: Api::Istio,
        canary,
        text,
    }
}

fn gateway(code: &'static str, says: &'static str, text: impl Into<String>) -> Case {
    let canary = CANARY
        .replace(
            "{version: v1}}",
            "{version: v1}, service: \"reviews:9080\"}",
        )
        .replace(
            "{version: v2}}",
            "{version: v2}, service: \"reviews-v2:9080\"}",
        );
    Case {
        api: Api::Gateway,
        canary,
        ..istio(code, says, text)
    }
}

fn refused() -> Vec<Case> {
    let reaching = "  - matches:\n    - path: {type: PathPrefix, value: /x}\n    backendRefs: [{name: reviews, port: 9080}]\n";
    let matching = format!(
        "  - matches: [{}]\n    backendRefs: [{{name: reviews, port: 9080}}]\n",
        vec!["{method: GET}"; 65].join(", ")
    );
    let headers: String = (0..16)
        .map(|number| format!("        - {{name: x-{number}, value: a}}\n"))
        .collect();
    let laughs: String = (1..8)
        .map(|level| {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            format!("a{level}: &a{level} [{list}]\n")
        })
        .collect();
    vec![
        // Texts that cannot be read, or not be changed.
        istio("not-yaml", "kubectl apply", "kind: §[VirtualService\n"),
        istio("not-yaml", "with blanks", "spec:\n\t§hosts: [reviews]\n"),
        istio("not-yaml", "helm template", "spec:\n  {{§- if .Values.canary }}\n  hosts: []\n  {{- end }}\n"),
        istio("template", "helm template", virtual_service("  hosts: [\"§{{ .Values.host }}\"]\n  http: []\n")),
        istio("too-deep", "deeper", format!("a: {}§[]{}", "[".repeat(64), "]".repeat(64))),
        istio("too-large", "aliases of aliases", format!("§a0: &a0 [x]\n{laughs}")),
        istio("repeated-field", "`hosts` is there twice", virtual_service("  hosts: [a]\n  §hosts: [b]\n")),
        istio("not-a-key", "a word", virtual_service("  §[a, b]: c\n")),
        istio("unpaired-marker", "does not end", virtual_service(&ROUTE.replace("  - route", "  §# coalmine: begin bookinfo/reviews\n  - route"))),
        istio("unpaired-marker", "did not begin", virtual_service(&ROUTE.replace("  - route", "  §# coalmine: end bookinfo/reviews\n  - route"))),
        istio("unpaired-marker", "does not end", virtual_service(&ROUTE.replace("  - route", "  §# coalmine: begin a/b\n  # coalmine: begin a/c\n  # coalmine: end a/c\n  # coalmine: end a/b\n  - route"))),
        istio("flow-style", "`http` is written in brackets", virtual_service("  hosts: [reviews]\n  §http: [{route: [{destination: {host: reviews, subset: v1}}]}]\n")),
        istio("flow-style", "block list", virtual_service("  x: &routes\n  - route:\n    - destination: {host: reviews, subset: v1}\n  hosts: [reviews]\n  §http: *routes\n")),
        istio("flow-style", "`subsets` is written in brackets", destination_rule("spec:\n  host: reviews\n  §subsets: [{name: v1, labels: {version: v1}}]\n")),
        istio("flow-style", "`spec` is written in brackets", destination_rule("§spec: {host: reviews}\n")),
        istio("flow-style", "by an alias", destination_rule("x: &spec\n  subsets:\n  - {name: v1, labels: {version: v1}}\n§spec:\n  <<: *spec\n  host: reviews\n")),
        istio("json", "yq", "{\"apiVersion\": \"networking.istio.io/v1\", \"kind\": \"VirtualService\", \"metadata\": {\"name\": \"reviews\", \"namespace\": \"bookinfo\"}, \"spec\": {\"hosts\": [\"reviews\"], §\"http\": [{\"route\": [{\"destination\": {\"host\": \"reviews\", \"subset\": \"v1\"}}]}]}}"),
        istio("unusual-layout", "merge key", virtual_service("  hosts: [reviews]\n").replace("spec:", "x: &x\n  http:\n  - route:\n    - destination: {host: reviews, subset: v1}\n§spec:\n  <<: *x")),
        istio("unusual-layout", "plain block list", virtual_service(&ROUTE.replace("  http:\n  -", "  ? http\n  : §-").replace("    - d", "      - d"))),
        istio("unusual-layout", "plain block list", destination_rule("spec:\n  ? §host\n  : reviews\n")),
        istio("cannot-insert", "read back", virtual_service("  hosts: [reviews]\n  http:\n§  - route:\n    - destination: {host: reviews}\n    timeout: |+\n      1s\n\n\n  - route: []\n")),
        // Texts that say what cannot be served.
        istio("nothing-reaches", "no VirtualService", "§kind: Service\napiVersion: v1\n"),
        istio("nothing-reaches", "no http route here reaches", virtual_service(&ROUTE.replace("host: reviews", "host: details").replace("http", "§http"))),
        istio("nothing-reaches", "tcp and tls", virtual_service(&ROUTE.replace("http", "tcp")).replace("spec", "§spec")),
        istio("delegated", "`reviews-routes`", virtual_service("  hosts: [reviews]\n  http:\n  - §delegate: {name: reviews-routes}\n")),
        istio("looks-at-variant-header", "take the route out", virtual_service("  hosts: [reviews]\n  http:\n  - match:\n    - headers:\n        §X-Coalmine-Variant: {exact: canary}\n    route:\n    - destination: {host: reviews, subset: v2}\n")),
        istio("looks-at-variant-header", "inserted", virtual_service("  hosts: [reviews]\n  http:\n  - match:\n    - withoutHeaders: {§x-coalmine-variant: {}}\n    route:\n    - destination: {host: reviews, subset: v1}\n")),
        Case {
            canary: format!("{CANARY}{OTHER}"),
            ..istio("two-canaries", "bookinfo/reviews and bookinfo/ratings", virtual_service(&ROUTE.replace("hosts: [reviews]", "§hosts: [reviews, ratings]")))
        },
        istio("two-canaries", "--out-of", virtual_service(&ROUTE.replace("  - route", "§  # coalmine: begin bookinfo/ratings\n  # coalmine: end bookinfo/ratings\n  - route"))),
        istio("other-labels", "labels: {version: v2}", destination_rule("spec:\n  host: reviews\n  subsets:\n  - name: §canary\n    labels: {version: v3}\n")),
        gateway("nothing-reaches", "no HTTPRoute", "§kind: Service\napiVersion: v1\n"),
        gateway("nothing-reaches", "no rule here reaches", http_route("§rules:\n  - backendRefs: [{name: details, port: 9080}]\n")),
        gateway("flow-style", "`rules`", http_route("§rules: [{backendRefs: [{name: reviews, port: 9080}]}]\n")),
        gateway("looks-at-variant-header", "comments", http_route("rules:\n  - matches:\n    - headers: [{name: §x-coalmine-variant, value: canary}]\n    backendRefs: [{name: reviews, port: 9080}]\n")),
        gateway("too-many-headers", "16 headers", http_route(&format!("rules:\n  - matches:\n      - §headers:\n{headers}    backendRefs: [{{name: reviews, port: 9080}}]\n"))),
        gateway("too-many-rules", "9 rules and would have 18", http_route(&format!("§rules:\n{}", reaching.repeat(9)))),
        gateway("too-many-rules", "65 matches and would have 130", http_route(&format!("§rules:\n{matching}"))),
    ]
}

fn warned() -> Vec<Case> {
    vec![
        istio(
            "every-version",
            "subset of `stable`",
            virtual_service(
                "  hosts: [reviews]\n  http:\n  - route:\n    - destination: {host: §reviews}",
            ) + SUBSETS,
        ),
        istio(
            "no-destination-rule",
            "answers 503",
            virtual_service(&ROUTE.replace("hosts", "§hosts")),
        ),
        istio(
            "host-not-governed",
            "`shop.example.com` to spec.hosts",
            virtual_service(&ROUTE.replace("hosts: [reviews]", "§hosts: [shop.example.com]"))
                + SUBSETS,
        ),
        istio(
            "delegated",
            "`more`",
            virtual_service(&ROUTE.replace(
                "http:",
                "http:\n  - match: [{uri: {prefix: /more}}]\n    §delegate: {name: more}",
            )) + SUBSETS,
        ),
    ]
}

/// A block scalar that gives way to a variant's subset.
#[test]
fn block_scalars_give_way() {
    for end in ["|", "|+", ">-"] {
        let subset = format!("subset: {end}\n          v1\n\n        port: {{number: 9080}}");
        let flow = "{host: reviews, subset: v1}";
        let block = format!("\n        host: reviews\n        {subset}");
        let text = virtual_service(&ROUTE.replace(&format!(" {flow}"), &block));
        let inserted = insert(&[&text], &sound(CANARY), Api::Istio)
            .unwrap_or_else(|refused| panic!("{refused:#?}\n{text}"));
        let twin = "        subset: canary\n\n        port: {number: 9080}\n";
        assert!(inserted.texts[0].contains(twin), "{}", inserted.texts[0]);
    }
}

/// A text without the mark, and the mark's line and column, from 1.
fn marked(text: &str) -> (String, usize, usize) {
    let (before, after) = text.split_once('§').unwrap();
    assert!(!after.contains('§'), "{text}");
    let line = before.rsplit('\n').next().unwrap();
    let (line, column) = (before.matches('\n').count() + 1, line.chars().count() + 1);
    (format!("{before}{after}"), line, column)
}

/// What is said otherwise than the case has it; `source` is the number of its text.
fn differs(case: &Case, found: &[Diagnostic], source: usize) -> Option<String> {
    let (text, line, column) = marked(&case.text);
    let alike = |found: &Diagnostic| {
        let span = found.place.span.unwrap();
        let place = (found.place.source, span.line, span.column);
        let said = format!("{} {}", found.message, found.help.clone().unwrap());
        found.code == case.code && place == (source, line, column) && said.contains(case.says)
    };
    let as_expected = found.len() == 1 && alike(&found[0]);
    let (code, says) = (case.code, case.says);
    (!as_expected).then(|| {
        format!("{text}\nexpected {code} at {line}:{column} with {says:?}, found {found:#?}")
    })
}

#[test]
fn refusals_have_a_place_and_insert_nothing() {
    let mut wrong = Vec::new();
    for case in refused() {
        let (text, ..) = marked(&case.text);
        let canaries = sound(&case.canary);
        let Err(refused) = insert(&[&text], &canaries, case.api) else {
            wrong.push(format!("{text}\nis not refused with {}", case.code));
            continue;
        };
        assert!(refused.problems.is_empty(), "{refused:#?}");
        wrong.extend(differs(&case, &refused.found, 0));
        // A text that is fine gets nothing either if the one beside it is refused.
        if !["nothing-reaches", "delegated"].contains(&case.code) {
            let fine = match case.api {
                Api::Istio => virtual_service(ROUTE),
                Api::Gateway => {
                    http_route("rules:\n  - backendRefs: [{name: reviews, port: 9080}]\n")
                }
            };
            match insert(&[&fine, &text], &canaries, case.api) {
                Err(refused) => wrong.extend(differs(&case, &refused.found, 1)),
                Ok(_) => wrong.push(format!("{text}\nbeside another is not refused")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn warnings_have_a_place_and_hinder_nothing() {
    for case in warned() {
        let (text, ..) = marked(&case.text);
        let inserted = insert(&[&text], &sound(&case.canary), case.api).unwrap();
        assert_eq!(differs(&case, &inserted.warnings, 0), None);
        assert_ne!(inserted.texts[0], text);
        // What is inserted above a place moves it.
        let again = insert(&[&inserted.texts[0]], &sound(&case.canary), case.api).unwrap();
        let (before, after) = (inserted.warnings, again.warnings);
        let line = |found: &[Diagnostic]| found[0].place.span.unwrap().line;
        let lines: Vec<&str> = inserted.texts[0].lines().collect();
        let old: Vec<&str> = text.lines().collect();
        assert_eq!(lines[line(&after) - 1], old[line(&before) - 1]);
    }
}

/// What a canary lacks is said of the canary.
#[test]
fn canaries_that_cannot_be_routed_to() {
    let check = |api, text: &str, code: &str, says: &str| {
        let canary = CANARY.replace("{labels: {version: v2}}", "{}");
        let refused = insert(&[text], &sound(&canary), api).unwrap_err();
        assert!(refused.found.is_empty(), "{refused:#?}");
        let [problem] = &refused.problems[..] else {
            panic!("{refused:#?}");
        };
        assert_eq!(
            (problem.code, problem.canary.as_str()),
            (code, "bookinfo/reviews")
        );
        assert_eq!(problem.path, "spec.variants.canary");
        assert!(format!("{} {}", problem.message, problem.help).contains(says));
    };
    check(
        Api::Istio,
        &virtual_service(ROUTE),
        "no-labels",
        "add `labels",
    );
    let route = http_route("rules:\n  - backendRefs: [{name: reviews, port: 9080}]\n");
    check(Api::Gateway, &route, "no-service", "add `service");
}

#[test]
fn what_cannot_be_read_is_not_taken_out_of() {
    for case in refused() {
        let (text, ..) = marked(&case.text);
        if let Err(refused) = remove(&[&text], None) {
            assert_eq!(differs(&case, &refused.found, 0), None);
        }
    }
}

/// Templates of other kinds, like the texts of alerts, are nobody's business.
#[test]
fn braces_elsewhere_are_left_alone() {
    let alert = "---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  summary: \"{{ $labels.pod }}\"\n";
    let text = virtual_service(ROUTE) + alert;
    let inserted = insert(&[&text], &sound(CANARY), Api::Istio).unwrap();
    assert!(inserted.texts[0].ends_with(alert), "{inserted:#?}");
}

/// Every code that the sources know has its case, and its line in the documentation.
#[test]
fn every_code_is_tried_and_explained() {
    let mut tried: BTreeSet<String> = refused()
        .iter()
        .chain(&warned())
        .map(|case| case.code.to_owned())
        .collect();
    tried.extend(["no-labels", "no-service"].map(str::to_owned));
    let page = fs::read_to_string(root().join("../../../docs/into.md")).unwrap();
    let (_, chapter) = page.split_once("## What is refused").unwrap();
    let code = regex_lite::Regex::new("`([a-z]+(-[a-z]+)*)`").unwrap();
    let mut explained = BTreeSet::new();
    for line in chapter.lines() {
        // Of a row only the first column.
        let names = match line.strip_prefix('|') {
            Some(row) => row.split('|').next().unwrap(),
            None => line,
        };
        explained.extend(code.captures_iter(names).map(|found| found[1].to_owned()));
    }
    assert_eq!(tried, explained);
    let sources = root().join("../../src/into");
    let mut files = vec![];
    for folder in [sources.clone(), sources.join("gateway")] {
        files.extend(
            fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path()),
        );
    }
    let quoted = regex_lite::Regex::new("\"([a-z]+(-[a-z]+)+)\"").unwrap();
    let mut known = BTreeSet::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let text = fs::read_to_string(file).unwrap();
        known.extend(quoted.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    assert!(known.len() > 15, "{known:?}");
    let missing: Vec<&String> = known.difference(&tried).collect();
    assert!(missing.is_empty(), "no case has {missing:?}");
}
