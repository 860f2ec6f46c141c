//! The floor under `coalmine simulate`: five million decisions a second on one core.
//!
//! `cargo test --release -p coalmine-analysis --test speed`, a stage of `cargo xtask test`.

mod real;

use coalmine_analysis::simulate::speed;
use std::time::Instant;

const FLOOR: f64 = 5_000_000.0;

/// Each round is 65,536 decisions, some 10 ms, and the best of many counts: a machine that does
/// other things as well needs one undisturbed round in ten seconds, and code that is too slow has
/// none.
#[test]
#[cfg_attr(debug_assertions, ignore = "speed is measured with --release")]
fn five_million_decisions_a_second() {
    let (canary, policy) = real::policy();
    let headers = real::made();
    let run = real::run(&headers, 0);
    let start = Instant::now();
    let clock = || start.elapsed().as_secs_f64();
    let mut best = 0f64;
    while best < FLOOR && clock() < 10.0 {
        best = best.max(speed(&policy, &canary, &run, 0.1, clock).best);
    }
    assert!(best >= FLOOR, "{best:.0} decisions a second");
}
