//! Everything at once, for as long as one likes: hostile requests, users, configs that are taken and refused,
//! and a look at memory and log all the while.
//!
//! `COALMINE_SOAK` is how many seconds it lasts; `cargo xtask soak` runs it long, and keeps its report.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use coalmine::bucket::Share;
use coalmine::config::{Canaries, plugin_json};
use coalmine::{Policy, Timestamp};
use coalmine_analysis::plot::{Lines, svg};
use coalmine_integration::client::Request;
use coalmine_integration::discovery::Verdict;
use coalmine_integration::load::Load;
use coalmine_integration::workspace;

use crate::changes::resident;
use crate::hostile::{Asked, REST, SHOP, check, number, seed, start, without_filter};
use crate::random::{Random, hostile};
use crate::setting::{Setting, end_without_failures, shop};

/// How long it lasts if nobody says.
const SECONDS: u64 = 20;

/// Shares by turns: each config that is in force is one of these.
const SHARES: [&str; 3] = ["10%", "25%", "40%"];

/// Every so many changes one is refused.
const REFUSED_EVERY: u64 = 5;

/// How much more memory Envoy may have at the end than after a quarter of the time, in KiB.
const GROWTH: u64 = 16 * 1024;

/// And for each config that it took in between, in KiB: until a VM ends, Envoy keeps a callback with a
/// key for each configuration that the VM has had, on each worker and on the main thread
/// (`getOrCreateThreadLocalPlugin` in the source of its host). That comes to some 600 bytes.
const KEPT_OF_A_CONFIG: u64 = 1;

/// One look at Envoy.
struct Look {
    at: Duration,
    /// In KiB.
    resident: u64,
    /// Configs taken so far.
    applied: u64,
    /// Virtual machines of WebAssembly.
    machines: u64,
    /// In bytes.
    log: u64,
}

/// What is counted on the way.
#[derive(Default)]
struct Counts {
    hostile: AtomicU64,
    applied: AtomicU64,
    refused: AtomicU64,
}

fn look(setting: &Setting, begun: Instant, counts: &Counts) -> Look {
    let stats = setting.stand.envoy.admin().stats().unwrap();
    Look {
        at: begun.elapsed(),
        resident: resident(setting.stand.envoy.pid()),
        applied: counts.applied.load(Ordering::Relaxed),
        machines: stats["wasm.envoy.wasm.runtime.v8.active"],
        log: setting.stand.envoy.log_length(),
    }
}

/// The canaries with another share each.
fn with_share(canaries: &Canaries, share: &str) -> Canaries {
    let mut canaries = canaries.clone();
    for canary in &mut canaries.canaries {
        for (_, of_variant) in &mut canary.spec.shares {
            *of_variant = Share::parse(share).unwrap();
        }
    }
    canaries
}

/// Sends hostile requests until it is told to stop. Each is decided as natively under one of the configs that
/// may be in force; what became of them comes back.
fn hostilities(
    (ours, plain): (&Setting, &Setting),
    policies: &[Policy],
    seed: u64,
    (stop, sent): (&AtomicBool, &AtomicU64),
) -> BTreeMap<String, u64> {
    let mut random = Random::new(seed);
    let (client, plain_client) = (ours.client(), plain.client());
    let mut outcomes = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let batch: Vec<Asked> = (0..500).map(|_| hostile(&mut random)).collect();
        let answers = client.send_all(batch.iter().map(Asked::request).collect(), 8);
        let answers = answers.unwrap_or_else(|error| panic!("COALMINE_SEED={seed}: {error:#}"));
        for (asked, answer) in batch.iter().zip(&answers) {
            let plain = |request: &Request| plain_client.send(request).unwrap();
            let under = policies
                .iter()
                .map(|policy| check(policy, asked, answer, plain));
            let under: Vec<_> = under.collect();
            let outcome = under.iter().find_map(|outcome| outcome.as_ref().ok());
            let outcome =
                outcome.unwrap_or_else(|| panic!("COALMINE_SEED={seed}: {under:?}\n{asked}"));
            *outcomes.entry(outcome.clone()).or_default() += 1;
        }
        sent.fetch_add(500, Ordering::Relaxed);
    }
    outcomes
}

/// Replaces the config until it is told to stop, and leaves the first in force.
fn changes(setting: &Setting, configs: &[String], stop: &AtomicBool, counts: &Counts) {
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let turn = usize::try_from(number).unwrap() % configs.len();
        if number.is_multiple_of(REFUSED_EVERY) {
            // Another each time, or Envoy would not ask again.
            let text = configs[turn].replace("\"default\"", &format!("\"default-{number}\""));
            let verdict = setting.stand.apply_text(&text).unwrap();
            assert!(matches!(verdict, Verdict::Refused { .. }), "{verdict:?}");
            counts.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let verdict = setting.stand.apply_text(&configs[turn]).unwrap();
        assert!(matches!(verdict, Verdict::Applied { .. }), "{verdict:?}");
        counts.applied.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn everything_at_once_fails_nobody_and_grows_nothing() {
    let lasts = Duration::from_secs(number("COALMINE_SOAK").unwrap_or(SECONDS));
    let seed = seed();
    let both = format!("{SHOP}---{REST}");
    let ours = start(&both, |_, _| ());
    let plain = start(&both, |files, _| without_filter(files));
    let all: Vec<Canaries> = SHARES.map(|share| with_share(&ours.canaries, share)).into();
    let policies: Vec<Policy> = all.iter().map(Policy::compile).collect();
    let configs: Vec<String> = all.iter().map(|one| plugin_json(one).unwrap()).collect();
    ours.stand.apply_text(&configs[0]).unwrap();

    let users = Load::start(ours.stand.ingress, 2, Duration::from_millis(10), |number| {
        let user = shop().header("x-user-id", format!("user-{}", number % 1000));
        match number % 3 {
            0 => user.header("x-canary", "canary"),
            1 => user.header("x-coalmine-variant", "next"),
            _ => user,
        }
    });
    let (counts, stop, calm) = (
        Counts::default(),
        AtomicBool::new(false),
        AtomicBool::new(false),
    );
    let begun = Instant::now();
    let mut looks = vec![look(&ours, begun, &counts)];
    let mut logged_in_calm = 0;
    let outcomes = thread::scope(|scope| {
        let (ours, plain, counts, stop) = (&ours, &plain, &counts, &stop);
        let hostile =
            scope.spawn(|| hostilities((ours, plain), &policies, seed, (stop, &counts.hostile)));
        // In the first eighth nothing changes: whatever is logged then, requests have caused.
        let mut changer = None;
        while begun.elapsed() < lasts && !hostile.is_finished() {
            thread::sleep((lasts / 200).clamp(Duration::from_millis(100), Duration::from_secs(5)));
            looks.push(look(ours, begun, counts));
            if changer.is_none() && begun.elapsed() > lasts / 8 {
                logged_in_calm = looks.last().unwrap().log - looks[0].log;
                changer = Some(scope.spawn(|| changes(ours, &configs, &calm, counts)));
            }
        }
        calm.store(true, Ordering::Relaxed);
        if let Some(changer) = changer {
            changer.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        hostile.join().unwrap()
    });
    looks.push(look(&ours, begun, &counts));
    let users = end_without_failures(users);

    let report = told(
        &looks,
        &counts,
        &outcomes,
        users.samples.len(),
        logged_in_calm,
    );
    let folder = workspace::target_dir().join("soak");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("memory.svg"), memory(&looks)).unwrap();
    fs::write(folder.join("report.md"), &report).unwrap();
    eprintln!("{report}");

    assert_eq!(logged_in_calm, 0, "bytes logged while only requests came");
    assert_eq!(looks[0].machines, looks[looks.len() - 1].machines);
    let middle = |part: &[Look], of: fn(&Look) -> u64| {
        let mut values: Vec<u64> = part.iter().map(of).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let quarter = looks.len() / 4;
    let (early, late) = (&looks[quarter..2 * quarter], &looks[3 * quarter..]);
    let [grown, taken] = [|look: &Look| look.resident, |look: &Look| look.applied]
        .map(|of| middle(late, of).saturating_sub(middle(early, of)));
    let most = GROWTH + taken * KEPT_OF_A_CONFIG;
    assert!(grown < most, "{grown} KiB more after {taken} configs");
    ours.stand.envoy.stop().unwrap();
}

/// The report as Markdown.
fn told(
    looks: &[Look],
    counts: &Counts,
    outcomes: &BTreeMap<String, u64>,
    users: usize,
    logged_in_calm: u64,
) -> String {
    let (first, last) = (&looks[0], &looks[looks.len() - 1]);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let changes = count(&counts.applied) + count(&counts.refused);
    let logged = (last.log - first.log)
        .checked_div(changes)
        .unwrap_or_default();
    let mut text = "# Soak\n\n| what | |\n|---|---|\n".to_owned();
    let mut row = |what: &str, value: String| {
        let _ = writeln!(text, "| {what} | {value} |");
    };
    row("seconds", last.at.as_secs().to_string());
    row(
        "hostile requests, each decided as natively",
        count(&counts.hostile).to_string(),
    );
    row("requests of users, none of which failed", users.to_string());
    row("configs taken", count(&counts.applied).to_string());
    row("configs refused", count(&counts.refused).to_string());
    let largest = looks
        .iter()
        .map(|look| look.resident)
        .max()
        .unwrap_or_default();
    row(
        "memory of Envoy, MiB: at first, at most, at last",
        format!(
            "{}, {}, {}",
            first.resident / 1024,
            largest / 1024,
            last.resident / 1024
        ),
    );
    row(
        "virtual machines, at first and at last",
        format!("{}, {}", first.machines, last.machines),
    );
    row(
        "bytes logged while only requests came",
        logged_in_calm.to_string(),
    );
    row("bytes logged for each change", logged.to_string());
    text.push_str("\n| what became of hostile requests | |\n|---|---|\n");
    for (outcome, count) in outcomes {
        let _ = writeln!(text, "| {outcome} | {count} |");
    }
    text.push_str("\n![Memory](memory.svg)\n");
    text
}

/// Memory over time as a plot.
fn memory(looks: &[Look]) -> String {
    let largest = looks.iter().map(|look| look.resident).max().unwrap_or(1);
    let point = |look: &Look| {
        let at = i64::try_from(look.at.as_millis()).unwrap_or(i64::MAX);
        let part = look.resident as f64 / largest as f64;
        (Timestamp::from_unix_millis(at), vec![part])
    };
    svg(&Lines {
        title: "Memory of Envoy".to_owned(),
        measure: format!("part of {} MiB", largest / 1024),
        note: "time since the beginning".to_owned(),
        names: vec!["resident".to_owned()],
        points: looks.iter().map(point).collect(),
    })
}
