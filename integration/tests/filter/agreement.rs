//! `explain` and the filter in Envoy never disagree: 2,000 random policies, many in one config,
//! which replaces the one before in the running Envoy.

use std::collections::BTreeMap;

use coalmine::config::{Canaries, WhenNoUnit};
use coalmine::{Policy, Timestamp};
use coalmine_cli::explain::explain_compiled;
use coalmine_cli::request::RequestArgs;
use coalmine_integration::client::{Request, Response};
use coalmine_integration::decisions::{Counts, Decided, since};
use coalmine_integration::discovery::Verdict;
use coalmine_integration::envoy::Launch;
use coalmine_integration::stand::{self, Stand};
use coalmine_integration::upstream::Upstream;
use coalmine_manifests::envoy as target;
use coalmine_manifests::kubernetes::Provenance;

use crate::examples::now;
use crate::policies::Random;
use crate::setting::{BINARY, VARIANT_HEADER};

const CONFIGS: usize = 20;
const POLICIES_IN_ONE: usize = 100;
const REQUESTS: usize = 3;

#[test]
fn explain_and_envoy_agree() {
    let mut random = Random::new(7);
    let upstream = Upstream::start("all").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut canaries = random.canaries(POLICIES_IN_ONE);
    for canary in &mut canaries.canaries {
        // Whatever was decided goes to one upstream, which tells what it got.
        for (_, variant) in &mut canary.spec.variants {
            variant.endpoints = vec![upstream.address().to_string()];
        }
    }
    let mut options = stand::options(folder.path());
    // So that a request may say which client it is from.
    options.trusted_hops = 1;
    let files = target::render(&canaries, &Provenance::default(), &options).unwrap();
    let stand = Stand::start(Launch::new(&*BINARY), &files, options).unwrap();
    let mut compared: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..CONFIGS {
        let canaries = random.canaries(POLICIES_IN_ONE);
        let verdict = stand.apply(&canaries).unwrap();
        assert!(matches!(verdict, Verdict::Applied { .. }), "{verdict:?}");
        one_config(&mut random, &stand, &canaries, &mut compared);
    }
    let requests: usize = compared.values().sum();
    let policies = CONFIGS * POLICIES_IN_ONE;
    println!("{policies} policies and {requests} requests on Envoy: {compared:?}");
    for reason in [
        "default",
        "inherited",
        "never",
        "no-unit",
        "pin",
        "random",
        "rule",
        "share",
        "untouched",
    ] {
        assert!(compared.contains_key(reason), "{reason} was not tried");
    }
    let problems = stand.envoy.problems();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

fn one_config(
    random: &mut Random,
    stand: &Stand,
    canaries: &Canaries,
    compared: &mut BTreeMap<String, usize>,
) {
    let policy = Policy::compile(canaries);
    let mut asked = Vec::new();
    for canary in &canaries.canaries {
        for _ in 0..REQUESTS {
            asked.push((canary, as_envoy_hands_it_on(random.request(canary))));
        }
    }
    let before = stand.decisions().unwrap();
    let requests = asked.iter().map(|(_, asked)| request(asked)).collect();
    let responses = stand.client().send_all(requests, 8).unwrap();
    let counted = since(&before, &stand.decisions().unwrap());
    let mut told = Counts::new();
    for ((canary, asked), response) in asked.into_iter().zip(&responses) {
        let asked = RequestArgs {
            at: Some(Timestamp::from_unix_millis(now())),
            draw: Some(issued(response).unwrap_or(1)),
            ..asked
        };
        let explanation = explain_compiled(canaries, &policy, &asked).unwrap();
        let Some(said) = explanation.decision else {
            // The rendered routes know the hosts of the canaries alone.
            assert_eq!(response.status, 404, "{asked:?}");
            *compared.entry("untouched".to_owned()).or_default() += 1;
            continue;
        };
        let sent_on = sent_on(response);
        let sent_on = sent_on.as_deref().unwrap_or(&canary.spec.default);
        // Nobody can repeat a draw that is not kept.
        let anew = explanation.draw.is_some() && canary.spec.when_no_unit == WhenNoUnit::Random;
        if !anew {
            assert_eq!(sent_on, said.variant, "{canary:?}\n{asked:?}");
        }
        let decided = Decided::new(&canary.full_name(), sent_on, &said.reason);
        *told.entry(decided).or_default() += 1;
        let kind = said.reason.split(':').next().unwrap().to_owned();
        *compared.entry(kind).or_default() += 1;
    }
    assert_eq!(counted, told);
}

/// Envoy joins the lines of a few headers of its own with commas, so each of those comes once.
fn as_envoy_hands_it_on(mut asked: RequestArgs) -> RequestArgs {
    let mut seen = false;
    asked
        .headers
        .retain(|(name, _)| name != "user-agent" || !std::mem::replace(&mut seen, true));
    asked
}

fn request(asked: &RequestArgs) -> Request {
    let host = asked.host.as_deref().unwrap();
    let mut request = Request::new(&asked.method, &asked.path).header("host", host);
    for (name, value) in asked.header_list(host) {
        if !name.starts_with(':') {
            request = request.header(name, value);
        }
    }
    let address = asked.source_address.as_deref().unwrap();
    let address = address.split(':').next().unwrap();
    request.header("x-forwarded-for", address)
}

/// The variant that the upstream was told; none for the default.
fn sent_on(response: &Response) -> Option<String> {
    let headers = response.received().unwrap().headers;
    let mut values = headers
        .into_iter()
        .filter(|(name, _)| name == VARIANT_HEADER);
    let value = values.next()?.1;
    assert!(values.next().is_none(), "the variant header came twice");
    Some(String::from_utf8(value.0).unwrap())
}

/// The unit that a response hands out.
fn issued(response: &Response) -> Option<u128> {
    let cookie = response.headers.get("set-cookie")?.to_str().unwrap();
    let unit = cookie.split(['=', ';']).nth(1).unwrap();
    Some(u128::from_str_radix(unit, 16).unwrap())
}
