//! What is measured: each scenario is an Envoy of its own and a request with its answer.

use std::path::Path;

use super::bootstrap::{bootstrap, disabled, lua, route_on, wasm};
use super::weight::MANY_CANARIES;
use super::{policies, request, tokens};

/// The policy in Lua.
const LUA: &str = include_str!("policy.lua");

/// What every other number is compared with, where the request has nothing in it for us.
pub(super) const NO_FILTER: &str = "no-filter";

/// The same with what else a request brings along, which Envoy reads without a filter too.
const NO_FILTER_WORD: &str = "no-filter-word";
const NO_FILTER_TOKEN: &str = "no-filter-token";
const NO_FILTER_BAGGAGE: &str = "no-filter-baggage";

/// What users would run instead.
pub(super) const LUA_STABLE: &str = "lua-stable";

/// What the budget is about.
pub(super) const POLICY_STABLE: &str = "policy-stable";

/// As [`POLICY_STABLE`], for a request that the canary gets.
pub(super) const POLICY_CANARY: &str = "policy-canary";

/// As [`POLICY_STABLE`], with responses counted by arm.
pub(super) const EVIDENCE_STABLE: &str = "evidence-stable";

/// As [`POLICY_CANARY`], with its responses counted.
pub(super) const EVIDENCE_CANARY: &str = "evidence-canary";

/// As [`LUA_STABLE`], for a request that the canary gets.
pub(super) const LUA_CANARY: &str = "lua-canary";

/// As many rules as somebody may have, most of which cannot be found by a value.
pub(super) const MANY_RULES: &str = "rules-200";

/// A request whose host no canary governs.
pub(super) const OUT_OF_SCOPE: &str = "out-of-scope";

/// A filter that is not asked, which should cost nothing.
pub(super) const DISABLED: &str = "out-of-scope-disabled";

/// A signed pin that the worker has verified before.
pub(super) const KNOWN_TOKEN: &str = "pin-token-known";

/// A pin without a signature, which one with a signature is held against.
pub(super) const WORD_PIN: &str = "pin-word";

/// The pin that is a word.
const WORD: &str = "canary";

/// The decision of an earlier hop, and something else.
const BAGGAGE: &str = "tenant=acme,coalmine.bench.front=v2";

/// One measurement.
pub(super) struct Scenario {
    /// Its name on the command line and in the JSON.
    pub(super) id: String,
    /// What it is, for people.
    pub(super) title: String,
    /// The same request without a filter: the scenario that this one is compared with.
    pub(super) base: &'static str,
    /// The Envoy.
    pub(super) bootstrap: String,
    /// Whose request is measured.
    pub(super) user: User,
    /// What it has in `baggage`, if anything.
    pub(super) baggage: Option<&'static str>,
    /// What the pin's header says, one request after the other; none is sent if it is empty.
    pub(super) pins: Vec<String>,
    /// The body of every answer.
    pub(super) expected: &'static str,
    /// Users and their answers that show, before anything is measured, that the config is at work.
    pub(super) probes: Vec<(String, &'static str)>,
}

/// Whose request is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// Always the same user.
    Ordinary,
    /// The first user who gets the expected answer.
    Drawn,
}

/// All scenarios, in the order of the table.
pub(super) fn all(module: &Path) -> Vec<Scenario> {
    let coalmine = |config: String| bootstrap(Some(wasm(module, &config)), Vec::new());
    let mut all = no_filter();
    all.push(ordinary(
        "empty",
        "coalmine, no canaries",
        coalmine(policies::empty()),
    ));
    all.push(ordinary(
        OUT_OF_SCOPE,
        "coalmine, a canary for another host",
        coalmine(policies::real("another.example.com")),
    ));
    let another = wasm(module, &policies::real("another.example.com"));
    all.push(ordinary(
        DISABLED,
        "coalmine, disabled but for the hosts of canaries",
        bootstrap(Some(disabled(another)), Vec::new()),
    ));
    let real = coalmine(policies::real(request::HOST));
    let title = "coalmine, the real policy";
    all.extend(drawn([POLICY_STABLE, POLICY_CANARY], title, &real));
    let evidence = coalmine(policies::real_with_evidence());
    let ids = [EVIDENCE_STABLE, EVIDENCE_CANARY];
    let title = "coalmine, the real policy with evidence";
    all.extend(drawn(ids, title, &evidence));
    let guarded = coalmine(policies::guarded(false));
    let ids = ["guard-stable", "guard-canary"];
    all.extend(drawn(ids, "coalmine, with a guard", &guarded));
    let shared = coalmine(policies::guarded(true));
    let ids = ["guard-shared-stable", "guard-shared-canary"];
    all.extend(drawn(ids, "coalmine, with a shared guard", &shared));
    let script = bootstrap(Some(lua(LUA)), Vec::new());
    let title = "Lua, the real policy";
    all.extend(drawn([LUA_STABLE, LUA_CANARY], title, &script));
    for count in [1, 100, 1000] {
        let routes = (0..count).map(|number| {
            let user = request::pinned_user(number);
            route_on(request::USER, &user)
        });
        all.push(pinned(
            format!("routes-{count}"),
            format!("Envoy's routes, {count} pinned"),
            bootstrap(None, routes.collect()),
            count,
        ));
    }
    for count in [1, 100, 1000] {
        all.push(pinned(
            format!("pins-{count}"),
            format!("coalmine, {count} pinned by a rule"),
            coalmine(policies::pins_in_one_rule(count)),
            count,
        ));
    }
    for count in [100, 1000] {
        all.push(pinned(
            format!("pin-rules-{count}"),
            format!("coalmine, {count} pinned by {count} rules"),
            coalmine(policies::pins_in_rules(count)),
            count,
        ));
    }
    all.push(Scenario {
        probes: vec![(request::pinned_user(0), "canary")],
        ..ordinary(
            MANY_RULES,
            "coalmine, 200 rules of four kinds",
            coalmine(policies::mixed_rules(200)),
        )
    });
    all.extend(travelling(&coalmine));
    let many = coalmine(policies::many_canaries(MANY_CANARIES));
    let ids = ["canaries-500-stable", "canaries-500-canary"];
    all.extend(drawn(ids, "coalmine, 500 canaries", &many));
    all.extend(signed(&coalmine));
    all
}

/// Requests without a filter, which everything else is compared with.
fn no_filter() -> Vec<Scenario> {
    let scenario = |id, title| Scenario {
        base: id,
        ..ordinary(id, title, bootstrap(None, Vec::new()))
    };
    vec![
        scenario(NO_FILTER, "no filter"),
        Scenario {
            pins: vec![WORD.to_owned()],
            ..scenario(NO_FILTER_WORD, "no filter, a pin that is a word")
        },
        Scenario {
            pins: tokens::valid(1),
            ..scenario(NO_FILTER_TOKEN, "no filter, a signed pin")
        },
        Scenario {
            baggage: Some(BAGGAGE),
            ..scenario(NO_FILTER_BAGGAGE, "no filter, baggage")
        },
    ]
}

/// The real policy, whose decisions go on, or come from an earlier hop, or stand at the edge.
fn travelling(coalmine: &impl Fn(String) -> String) -> Vec<Scenario> {
    let title = |what: &str| format!("coalmine, the real policy, {what}");
    vec![
        ordinary(
            "propagate",
            &title("its decision goes on: stable"),
            coalmine(policies::propagating()),
        ),
        Scenario {
            base: NO_FILTER_BAGGAGE,
            baggage: Some(BAGGAGE),
            expected: "canary",
            ..ordinary(
                "inherit",
                &title("inherited: canary"),
                coalmine(policies::inheriting()),
            )
        },
        ordinary(
            "inherit-nothing",
            &title("nothing to inherit: stable"),
            coalmine(policies::inheriting()),
        ),
        ordinary(
            "edge",
            &title("at the edge, no baggage: stable"),
            coalmine(policies::at_the_edge()),
        ),
    ]
}

fn ordinary(id: &str, title: &str, bootstrap: String) -> Scenario {
    Scenario {
        id: id.to_owned(),
        title: title.to_owned(),
        base: NO_FILTER,
        bootstrap,
        user: User::Ordinary,
        baggage: None,
        pins: Vec::new(),
        expected: "stable",
        probes: Vec::new(),
    }
}

/// Pins with and without a signature. More tokens than the filter keeps are new to it each time.
fn signed(coalmine: &impl Fn(String) -> String) -> Vec<Scenario> {
    let scenario = |id: &str, title: &str, config: String, pins: &[String], expected| Scenario {
        base: if pins == [WORD] {
            NO_FILTER_WORD
        } else {
            NO_FILTER_TOKEN
        },
        pins: pins.to_vec(),
        expected,
        ..ordinary(id, title, coalmine(config))
    };
    let plenty = policies::signed(1_000_000);
    let word = [WORD.to_owned()];
    let plain = policies::real(request::HOST);
    vec![
        scenario(
            WORD_PIN,
            "coalmine, a pin that is a word",
            plain,
            &word,
            "canary",
        ),
        scenario(
            "pin-word-refused",
            "coalmine, a word where a signature is required",
            plenty.clone(),
            &word,
            "stable",
        ),
        scenario(
            KNOWN_TOKEN,
            "coalmine, a signed pin that was verified before",
            plenty.clone(),
            &tokens::valid(1),
            "canary",
        ),
        scenario(
            "pin-token-new",
            "coalmine, a signed pin that is new each time",
            plenty,
            &tokens::valid(200),
            "canary",
        ),
        scenario(
            "pin-token-forged",
            "coalmine, a forged pin over the budget",
            policies::signed(1),
            &tokens::forged(),
            "stable",
        ),
    ]
}

/// Two scenarios with one config: a user who stays, and one who is drawn.
fn drawn(ids: [&str; 2], title: &str, bootstrap: &str) -> [Scenario; 2] {
    let [stable, canary] = ids;
    [(stable, "stable"), (canary, "canary")].map(|(id, expected)| Scenario {
        id: id.to_owned(),
        title: format!("{title}: {expected}"),
        base: NO_FILTER,
        bootstrap: bootstrap.to_owned(),
        user: User::Drawn,
        baggage: None,
        pins: Vec::new(),
        expected,
        probes: Vec::new(),
    })
}

/// A user who is not pinned, among so many who are: the first and the last show that they are.
fn pinned(id: String, title: String, bootstrap: String, count: usize) -> Scenario {
    let probe = |number| (request::pinned_user(number), "canary");
    Scenario {
        probes: vec![probe(0), probe(count - 1)],
        ..ordinary(&id, &title, bootstrap)
    }
}
