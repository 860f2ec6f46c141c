//! Canaries into manifests that people have: each fixture with each canary, held against what is
//! checked in, against itself, and against an interpreter of routing that knows nothing of twins.

mod fixtures;
mod outcomes;
mod routing;
#[path = "../schemas/mod.rs"]
mod schemas;

use coalmine_manifests::into::Api;
use coalmine_manifests::into::{insert, remove};
use fixtures::{Fixture, canaries, fixtures};
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

/// Which fixtures are accepted by Istio's definitions before are accepted after; most are.
#[test]
fn results_stay_valid() {
    let schemas = schemas::Schemas::read("istio");
    let mut valid = 0;
    for fixture in fixtures().iter().filter(|one| one.api == Api::Istio) {
        let problems = |text: &str| -> Vec<String> {
            let known = ["VirtualService", "DestinationRule"].map(Some);
            let all = outcomes::documents(text).into_iter();
            let ours = all.filter(|one| known.contains(&one["kind"].as_str()));
            let texts = ours.map(|one| one.to_string());
            texts.flat_map(|text| schemas.problems(&text)).collect()
        };
        if problems(&fixture.text).is_empty() {
            let after = problems(&fixture.inserted());
            assert!(after.is_empty(), "{}: {after:?}", fixture.name);
            valid += 1;
        }
    }
    assert!(valid >= 33, "only {valid} fixtures were valid before");
}
