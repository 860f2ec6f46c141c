//! Decisions a second of `coalmine simulate`, the making of each request included: the code that
//! the command runs. `cargo bench -p coalmine-analysis`; `tests/speed.rs` holds the floor.
#![allow(missing_docs, reason = "criterion's macros make public items")]

#[path = "../tests/real/mod.rs"]
mod real;

use coalmine_analysis::simulate::simulate;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const UNITS: u64 = 100_000;

criterion_group!(benches, real_policy);
criterion_main!(benches);

fn real_policy(criterion: &mut Criterion) {
    let (canary, policy) = real::policy();
    let mut group = criterion.benchmark_group("simulate");
    group
        .throughput(Throughput::Elements(UNITS))
        .sample_size(20);
    for (name, headers) in [("made", real::made()), ("browser", real::browser())] {
        let run = real::run(&headers, UNITS);
        group.bench_function(name, |bencher| {
            bencher.iter(|| simulate(black_box(&policy), &canary, &run, |_| {}));
        });
    }
    group.finish();
}
