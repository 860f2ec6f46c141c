//! A table of requests through one Envoy: it does what `coalmine explain` says, in both forms.

use std::fs;

use coalmine::config::Canaries;
use coalmine_cli::example::{self, Promise, Promised};
use coalmine_cli::explain::explain_request;
use coalmine_cli::request::RequestArgs;
use coalmine_integration::workspace;
use coalmine_manifests::envoy::Form;

use crate::examples::broken_now;
use crate::setting::{self, Setting};

/// Canaries with the requests that were written by hand.
fn mesh() -> String {
    let path = workspace::root().join("integration/tests/requests/mesh.yaml");
    fs::read_to_string(path).unwrap()
}

/// What the command says about a request.
fn explained(canaries: &Canaries, request: &RequestArgs) -> Option<Promised> {
    let explanation = explain_request(canaries, request).unwrap();
    explanation.decision.map(|decision| Promised {
        variant: decision.variant,
        reason: decision.reason,
    })
}

/// Hosts, units and all else that a request may bring, each with each: users and addresses fall on
/// the line where the formula says, which nobody writes by hand.
fn combined(canaries: &Canaries) -> Vec<Promise> {
    let hosts = [
        "half",
        "everyone",
        "shop.web.svc",
        "colours",
        "a.apps.example.com",
    ];
    let headers = [
        None,
        Some(("x-coalmine-variant", "b")),
        Some(("x-group", "staff")),
        Some(("x-plan", "gold")),
    ];
    let mut requests = Vec::new();
    for host in hosts {
        for header in headers {
            for user in 0..8 {
                let mut request = RequestArgs {
                    host: Some(host.to_owned()),
                    method: "GET".to_owned(),
                    path: format!("/{}", ["", "beta/x", "api/y?preview=1"][user % 3]),
                    // Every request comes from somewhere; without this it would be this machine.
                    source_address: Some(format!("198.51.100.{user}")),
                    ..RequestArgs::default()
                };
                let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                request.headers.extend(header.map(own));
                match user % 4 {
                    0 => {}
                    1 => request.cookies.push(format!("session=session-{user}")),
                    _ => {
                        let id = ("x-user-id".to_owned(), format!("user-{user}"));
                        request.headers.push(id);
                    }
                }
                requests.push(request);
            }
        }
    }
    let numbered = requests.into_iter().enumerate();
    let promise = |(line, request)| Promise {
        line,
        decision: explained(canaries, &request),
        request,
    };
    numbered.map(promise).collect()
}

fn check(form: Form) {
    let text = mesh();
    let canaries = setting::read(&text);
    let by_hand = example::promises(&text).unwrap();
    let combined = combined(&canaries);
    assert!(by_hand.len() >= 110, "{}", by_hand.len());
    assert!(by_hand.len() + combined.len() >= 200);
    let of_both_halves = |variant: &str| {
        let mut served = combined.iter().filter_map(|one| one.decision.as_ref());
        served.any(|decision| decision.variant == variant && decision.reason == "share")
    };
    assert!(of_both_halves("a") && of_both_halves("b"));

    let setting = Setting::with(
        canaries,
        |options| {
            options.trusted_hops = 1;
            options.form = form;
        },
        |_, _| (),
    );
    let mut problems = Vec::new();
    for promise in &by_hand {
        let said = explained(&setting.canaries, &promise.request);
        if said != promise.decision {
            problems.push(format!("line {}: explain says {said:?}", promise.line));
        }
    }
    for promise in by_hand.iter().chain(&combined) {
        if let Some(problem) = broken_now(&setting, promise) {
            problems.push(format!("{:?}: {problem}", promise.request));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    setting.end_without_problems();
}

#[test]
fn envoy_does_what_explain_says() {
    check(Form::Static);
}

#[test]
fn envoy_does_what_explain_says_in_watched_files() {
    check(Form::Xds);
}
