//! Canaries into manifests that people have: each fixture with each canary, held against what is
//! checked in, against itself, and against an interpreter of routing that knows nothing of twins.

mod fixtures;
mod generated;
mod outcomes;
mod refusals;
mod routing;
#[path = "../schemas/mod.rs"]
mod schemas;

use coalmine_manifests::into::Api;
use coalmine_manifests::into::{insert, remove};
use fixtures::{Fixture, canaries, fixtures};
use serde_json::Value;
use std::fs;

/// `UPDATE=1 cargo test -p coalmine-manifests --test into` writes what is inserted anew.
#[test]
fn fixtures_become_what_is_checked_in() {
    let update = std::env::var_os("UPDATE").is_some();
    let all = fixtures();
    assert!(all.len() >= 40, "only {} fixtures", all.len());
    for fixture in all {
        let Fixture {
            name, text, golden, ..
        } = &fixture;
        let inserted = fixture.inserted();
        if update {
            fs::create_dir_all(golden.parent().unwrap()).unwrap();
            fs::write(golden, &inserted).unwrap();
        }
        let advice =
            "read the difference, then: UPDATE=1 cargo test -p coalmine-manifests --test into";
        let there = fs::read_to_string(golden).unwrap_or_default();
        assert_eq!(inserted, there, "{name}: {advice}");
        assert_ne!(inserted, *text, "{name}");
    }
}

#[test]
fn inserting_twice_changes_nothing() {
    for fixture in fixtures() {
        let once = fixture.inserted();
        assert_eq!(fixture.insert(&once), once, "{}", fixture.name);
    }
}

#[test]
fn removing_gives_back_every_byte() {
    for fixture in fixtures() {
        let inserted = fixture.inserted();
        for canaries in [None, Some(&["bookinfo/reviews"][..])] {
            let back = remove(&[&inserted], canaries).unwrap();
            assert_eq!(back, [fixture.text.as_str()], "{}", fixture.name);
        }
        let other = remove(&[&inserted], Some(&["bookinfo/ratings"])).unwrap();
        assert_eq!(other, [inserted], "{}: another canary's", fixture.name);
    }
}

#[test]
fn a_changed_canary_takes_the_place_of_the_old() {
    for fixture in fixtures().iter().filter(|one| one.canary == "three") {
        let before = insert(&[&fixture.text], &canaries("reviews"), fixture.api).unwrap();
        let after = fixture.insert(&before.texts[0]);
        assert_eq!(after, fixture.inserted(), "{}", fixture.name);
    }
}

/// Every fixture is accepted by the definitions of its API, and so is what becomes of it. What is of
/// other kinds is not looked at: it is there to be left alone.
#[test]
fn results_are_valid() {
    let istio = (Api::Istio, "istio", ["VirtualService", "DestinationRule"]);
    let gateway = (Api::Gateway, "gateway-api", ["HTTPRoute", "GRPCRoute"]);
    for (api, folder, kinds) in [istio, gateway] {
        let schemas = schemas::Schemas::read(folder);
        let known = |one: &Value| {
            one["kind"]
                .as_str()
                .is_some_and(|kind| kinds.contains(&kind))
        };
        for fixture in fixtures().iter().filter(|one| one.api == api) {
            for (when, text) in [("before", &fixture.text), ("after", &fixture.inserted())] {
                let manifests = outcomes::documents(text).into_iter().filter(known);
                let manifests: Vec<Value> = manifests.map(of_one_version).collect();
                assert!(!manifests.is_empty(), "{}", fixture.name);
                for manifest in manifests {
                    let found = schemas.problems(&manifest.to_string());
                    assert!(found.is_empty(), "{} {when}: {found:#?}", fixture.name);
                }
            }
        }
    }
}

/// Istio serves one schema under three versions, of which one is among the definitions.
fn of_one_version(mut manifest: Value) -> Value {
    let version = manifest["apiVersion"].as_str().unwrap();
    if let Some(group) = version
        .strip_suffix("/v1alpha3")
        .or(version.strip_suffix("/v1beta1"))
    {
        manifest["apiVersion"] = format!("{group}/v1").into();
    }
    manifest
}
