//! The guard, on an upstream that fails in all ways and recovers. `docs/guard.md` has the numbers that
//! are printed here: `cargo test -p coalmine-integration --test filter guard -- --nocapture`.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use coalmine_integration::behaviour::Behaviour;
use coalmine_integration::load::{Load, Outcome, Sample};
use coalmine_integration::series::{self, Samples};

use crate::setting::{PATIENCE, Setting, in_canary, read, shop, user, variant};

/// A fifth of the users is in the canary.
const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary}
  shares: {canary: 20%}
  unit: [{header: x-user-id}]
";

const USUAL: &str = "{minRequests: 10, maxLatency: 300ms, window: 5s, coolDown: 2s, probes: 3}";

/// What takes so long a user sees as an error.
const TOO_LONG: Duration = Duration::from_millis(1500);

/// How many requests are sent while the canary is broken.
const REQUESTS: u64 = 1500;

fn setting(workers: u32, guard: Option<&str>) -> Setting {
    let guard = guard.map_or_else(String::new, |guard| format!("  guard: {guard}\n"));
    Setting::with_workers(workers, read(&format!("{CANARY}{guard}")))
}

fn traffic(setting: &Setting, connections: usize) -> Load {
    Load::start(
        setting.stand.ingress,
        connections,
        Duration::from_millis(5),
        |number| user(usize::try_from(number % 5000).unwrap()),
    )
}

fn metrics(setting: &Setting) -> Samples {
    series::read(setting.stand.envoy.admin(), "coalmine_guard").unwrap()
}

fn changes(setting: &Setting, state: &str) -> f64 {
    let labels = [("canary", "shop"), ("variant", "canary"), ("state", state)];
    series::sum(&metrics(setting), "coalmine_guard_changes", &labels)
}

/// In how many workers the canary is held back.
fn open(setting: &Setting) -> f64 {
    series::sum(
        &metrics(setting),
        "coalmine_guard_open",
        &[("variant", "canary")],
    )
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn lines(setting: &Setting, of: &str) -> Vec<String> {
    let log = setting.stand.envoy.log();
    let lines = log
        .lines()
        .filter_map(|line| Some(line.split_once("guard of ")?.1));
    lines
        .filter(|line| line.contains(of))
        .map(str::to_owned)
        .collect()
}

/// Whether a user saw an error.
fn is_error(sample: &Sample) -> bool {
    let served = matches!(sample.outcome, Outcome::Served(_));
    !served || sample.answered.saturating_sub(sample.sent) > TOO_LONG
}

/// What was seen while the canary was broken.
struct Seen {
    requests: usize,
    errors: usize,
    /// Requests that the canary got until the first worker held it back.
    until_open: Option<u64>,
}

/// Breaks the canary under traffic, then mends it and waits until it serves again everywhere.
fn break_and_mend(setting: &Setting, workers: u32, how: Behaviour) -> Seen {
    let canary = setting.upstream("canary");
    let load = traffic(setting, 16);
    load.wait_for(200, PATIENCE).unwrap();
    let guarded = setting.canaries.canaries[0].spec.guard.is_some();
    let (start, before) = (load.now(), canary.requests());
    canary.behave(how);
    let until_open = guarded.then(|| {
        wait_until("it opens", || open(setting) > 0.0);
        canary.requests() - before
    });
    let sent = Instant::now();
    load.wait_for(REQUESTS, PATIENCE * 4).unwrap();
    let end = load.now();
    canary.behave(Behaviour::Well);
    if guarded {
        wait_until("it recovers in all workers", || open(setting) == 0.0);
        assert!(changes(setting, "half-open") >= 1.0);
        assert!(changes(setting, "closed") >= 1.0);
        assert!(changes(setting, "open") >= 1.0);
    }
    let report = load.stop().between(start, end);
    let errors = report
        .samples
        .iter()
        .filter(|sample| is_error(sample))
        .count();
    let requests = report.samples.len();
    eprintln!(
        "{how:?}, {workers} workers, guard {guarded}: {requests} requests in {:?}, {errors} errors, \
         {until_open:?} requests of the canary until it was seen to be open",
        sent.elapsed(),
    );
    for line in lines(setting, "out of service") {
        eprintln!("    {line}");
    }
    Seen {
        requests,
        errors,
        until_open,
    }
}

#[test]
fn a_guard_spares_users_a_variant_that_fails() {
    let check = |how: Behaviour| {
        let without = break_and_mend(&setting(1, None), 1, how);
        // A fifth of the users, for as long as nobody does anything about it.
        assert!(without.errors * 8 > without.requests, "{how:?}");
        let guarded = setting(1, Some(USUAL));
        let with = break_and_mend(&guarded, 1, how);
        let rate = |seen: &Seen| seen.errors as f64 / seen.requests as f64;
        assert!(rate(&with) < rate(&without) / 2.0, "{how:?}");
        // Ten have to fail; others are under way before anybody sees that it is open.
        let until_open = with.until_open.unwrap();
        assert!((5..150).contains(&until_open), "{how:?}: {until_open}");
        let opened = lines(&guarded, "responses failed in 5s, more than 20%");
        assert!(!opened.is_empty(), "{how:?}");
        assert!(
            opened[0].starts_with("shop: canary out of service for 2s: "),
            "{opened:?}"
        );
    };
    check(Behaviour::Status(503));
    check(Behaviour::Reset);
    check(Behaviour::Break);
}

/// Envoy gives a response 15 s; the guard need not wait for that.
#[test]
fn a_variant_that_hangs_is_noticed_before_its_time_outs() {
    let setting = setting(1, Some(&USUAL.replace("coolDown: 2s", "coolDown: 60s")));
    let client = setting.client();
    let drawn = in_canary(&client, 100);
    let canary = setting.upstream("canary");
    canary.behave(Behaviour::Hang);
    let broken = Instant::now();
    let mut hanging = Vec::new();
    while open(&setting) == 0.0 {
        assert!(broken.elapsed() < Duration::from_secs(14));
        // Each by itself: one that waits for its answer would ask for nothing more.
        let mut stream = TcpStream::connect(setting.stand.ingress).unwrap();
        let number = drawn[hanging.len() % drawn.len()];
        let head = format!("GET / HTTP/1.1\r\nhost: shop\r\nx-user-id: user-{number}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        hanging.push(stream);
        std::thread::sleep(Duration::from_millis(10));
    }
    let (noticed, hung) = (broken.elapsed(), hanging.len());
    eprintln!("hang: noticed after {noticed:?} and {hung} requests");
    for number in drawn {
        let answer = client.send(&user(number)).unwrap();
        assert_eq!(variant(&answer), "stable", "nobody else hangs");
    }
}

#[test]
fn workers_find_it_out_each_for_itself_or_tell_each_other() {
    for shared in [false, true] {
        let guard = USUAL.replace('}', &format!(", shared: {shared}}}"));
        let guard = guard.replace("coolDown: 2s", "coolDown: 4s");
        let setting = setting(2, Some(&guard));
        let canary = setting.upstream("canary");
        let load = traffic(&setting, 16);
        load.wait_for(200, PATIENCE).unwrap();
        canary.behave(Behaviour::Status(503));
        wait_until("both are open", || open(&setting) == 2.0);
        let found = lines(&setting, "responses failed");
        let followed = lines(&setting, "another worker found it failing");
        eprintln!("shared {shared}: {found:?} {followed:?}");
        if !shared {
            assert!(followed.is_empty(), "{followed:?}");
            assert_eq!(found.len(), 2, "{found:?}");
        }
        canary.behave(Behaviour::Well);
        wait_until("both recover", || open(&setting) == 0.0);
        drop(load.stop());
    }
}

/// One worker alone sees enough; the other is told.
#[test]
fn a_worker_that_sees_little_is_told() {
    let guard = "{minRequests: 10, coolDown: 60s, shared: true}";
    let setting = setting(2, Some(guard));
    setting.upstream("canary").behave(Behaviour::Status(503));
    let load = traffic(&setting, 1);
    wait_until("one is open", || open(&setting) > 0.0);
    drop(load.stop());
    assert_eq!(open(&setting), 1.0, "one connection meets one worker");
    let load = traffic(&setting, 32);
    wait_until("both are open", || open(&setting) == 2.0);
    drop(load.stop());
    assert_eq!(lines(&setting, "another worker found it failing").len(), 1);
}

#[test]
fn a_pin_gets_through_and_a_new_share_leaves_it_open() {
    let mut setting = setting(2, Some("{minRequests: 10, coolDown: 60s}"));
    setting.upstream("canary").behave(Behaviour::Status(503));
    let pinned = shop().header("x-canary", "canary");
    // A tester's errors are none of the guard's business.
    for response in setting.client().send_on_each(64, &pinned).unwrap() {
        assert_eq!(response.status, 503);
    }
    assert_eq!(open(&setting), 0.0);
    let load = traffic(&setting, 16);
    wait_until("both are open", || open(&setting) == 2.0);
    for response in setting.client().send_on_each(16, &pinned).unwrap() {
        assert_eq!(
            (response.status.as_u16(), response.served_by()),
            (503, "shop/canary")
        );
    }
    let before = setting.upstream("canary").requests();
    setting.change_share("30%");
    load.wait_for(500, PATIENCE).unwrap();
    drop(load.stop());
    assert_eq!(
        setting.upstream("canary").requests(),
        before,
        "nobody but pins"
    );
    assert_eq!(open(&setting), 2.0);
    // Without a guard nobody is held back, and the gauge does not say so.
    setting.change(|canaries| canaries.canaries[0].spec.guard = None);
    let client = setting.client();
    let answers = client.send_all((0..200).map(user).collect(), 16).unwrap();
    assert!(answers.iter().any(|answer| answer.status == 503));
    wait_until("the guards are gone", || open(&setting) == 0.0);
}
