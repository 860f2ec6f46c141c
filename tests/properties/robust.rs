//! No input makes the reader or the decision panic.

use coalmine::config::read_json;
use coalmine::{Policy, decide};

use crate::request::{Fixed, Sent};
use crate::sequence::{CONFIG, Sequence};

/// How many inputs: `COALMINE_FUZZ`, else a million when built with optimizations.
fn inputs() -> u64 {
    match std::env::var("COALMINE_FUZZ") {
        Ok(count) => count.parse().expect("COALMINE_FUZZ is a number"),
        Err(_) if cfg!(debug_assertions) => 20_000,
        Err(_) => 1_000_000,
    }
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut sequence = Sequence::new(1);
    let (mut good, mut bad) = (0u32, 0u32);
    for _ in 0..inputs() {
        match read_json(&sequence.config_like()) {
            Ok(canaries) => {
                let _ = Policy::compile(&canaries);
                good += 1;
            }
            Err(found) => {
                assert!(!found.is_empty(), "refused without a word");
                bad += 1;
            }
        }
    }
    assert!(
        good > 0 && bad > 0,
        "{good} good, {bad} bad: one side was not tried"
    );
}

#[test]
fn no_headers_make_the_decision_panic() {
    let canaries = read_json(CONFIG.as_bytes()).expect("the config is good");
    let policy = Policy::compile(&canaries);
    let mut sequence = Sequence::new(2);
    let mut decided = 0u64;
    for _ in 0..inputs() {
        let request = Sent {
            headers: sequence.headers(),
            source: Some(sequence.bytes(40)),
        };
        let moment = Fixed {
            draw: sequence.next().into(),
            ..Fixed::default()
        };
        if let Some(decision) = decide(&policy, &request, &moment) {
            assert!(decision.counter() < policy.counters());
            decided += 1;
        }
    }
    assert!(decided > 0, "nothing was in scope");
}
