//! Forged tokens in great number: the budget holds, nobody fails, and everyone else goes on.

use std::time::{Duration, Instant};

use coalmine_cli::pin::{Claims, PrivateKey, mint};
use coalmine_integration::client::Request;
use coalmine_integration::load::{Load, Report};

use crate::setting::{PATIENCE, Setting, end_without_failures, shop, user, variant};

/// How many verifications a worker does in a second: few, so that a slow machine sends more than that.
const BUDGET: u64 = 10;

/// Envoy's workers.
const WORKERS: u64 = 2;

/// How long each flood lasts.
const FLOOD: Duration = Duration::from_secs(5);

/// Connections of a flood, each of which sends as fast as it is answered.
const ATTACKERS: usize = 8;

/// A request brings so many tokens, all that are looked at.
const TOKENS: u64 = 4;

fn claims(subject: &str) -> Claims {
    Claims {
        canaries: vec!["shop".to_owned()],
        variant: "canary".to_owned(),
        subject: subject.to_owned(),
        expires: 4_102_444_800,
        not_before: None,
    }
}

/// Requests of a flood, and the latencies of everyone else meanwhile.
struct Flooded {
    requests: u64,
    elapsed: Duration,
    others: Report,
}

/// Sends `junk` in the pin's header as fast as it goes, with other users beside it.
fn flood(setting: &Setting, junk: &'static str, pinned: &str) -> Flooded {
    let begun = Instant::now();
    let attack = Load::start(
        setting.stand.ingress,
        ATTACKERS,
        Duration::ZERO,
        move |_| (0..TOKENS).fold(shop(), |request, _| request.header("x-pin", junk)),
    );
    let pinned = pinned.to_owned();
    let others = Load::start(
        setting.stand.ingress,
        2,
        Duration::from_millis(2),
        move |number| match number % 2 {
            0 => user(usize::try_from(number).unwrap()),
            _ => shop().header("x-pin", pinned.clone()),
        },
    );
    std::thread::sleep(FLOOD);
    let others = end_without_failures(others);
    let attack = end_without_failures(attack);
    Flooded {
        requests: u64::try_from(attack.samples.len()).unwrap(),
        elapsed: begun.elapsed(),
        others,
    }
}

/// The middle and the 99th of 100 latencies.
fn latencies(report: &Report) -> [Duration; 2] {
    let samples = report.samples.iter();
    let mut all: Vec<Duration> = samples.map(|one| one.answered - one.sent).collect();
    all.sort_unstable();
    [all[all.len() / 2], all[all.len() * 99 / 100]]
}

#[test]
fn forged_tokens_cost_no_more_than_their_budget() {
    let key = PrivateKey::from_seed(&[1; 32]);
    let setting = Setting::of(&format!(
        "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: shop}}
spec:
  hosts: [shop]
  variants: {{stable: {{}}, canary: {{}}}}
  default: stable
  pins:
    header: x-pin
    signed: {{keys: {{one: {}}}, required: true, verificationsPerSecond: {BUDGET}}}
",
        key.public()
    ));
    // A valid token that every worker knows before the flood begins.
    let good = mint(&key, "one", &claims("alice"));
    let pin = |token: &str| -> Request { shop().header("x-pin", token) };
    let answers = setting.client().send_on_each(16, &pin(&good)).unwrap();
    assert!(answers.iter().all(|answer| variant(answer) == "canary"));

    // As many bytes, of which none looks like a token.
    let forged = mint(&PrivateKey::from_seed(&[2; 32]), "one", &claims("mallory"));
    let forged: &'static str = Box::leak(forged.into_boxed_str());
    let harmless: &'static str = Box::leak("x".repeat(forged.len()).into_boxed_str());
    let quiet = flood(&setting, harmless, &good);
    assert!(setting.stand.refusals().unwrap().is_empty());
    let attacked = flood(&setting, forged, &good);

    // Of each four tokens of a request some may be verified, the others are over the budget.
    let refusals = setting.stand.refusals().unwrap();
    let of = |cause: &str| {
        let key = ("shop".to_owned(), cause.to_owned());
        refusals.get(&key).copied().unwrap_or_default()
    };
    let (verified, over) = (of("signature"), of("budget"));
    let seconds = attacked.elapsed.as_secs_f64();
    let tokens = attacked.requests * TOKENS;
    let [[quiet_half, quiet_most], [half, most]] =
        [&quiet, &attacked].map(|one| latencies(&one.others));
    println!(
        "{tokens} forged tokens in {seconds:.1} s ({:.0} a second) in {} requests: a signature was verified for {verified}, the budget was over for {over}; \
         others: half within {half:?}, 99 % within {most:?}; beside {} harmless requests half within {quiet_half:?}, 99 % within {quiet_most:?}",
        tokens as f64 / seconds,
        attacked.requests,
        quiet.requests,
    );
    // One budget at the beginning, and one each second.
    let most_verified = (seconds.ceil() as u64 + 1) * BUDGET * WORKERS;
    assert!(
        (1..=most_verified).contains(&verified),
        "{verified} of {most_verified}"
    );
    assert!(over > verified, "{over}");
    assert!(
        over + verified >= attacked.requests,
        "{over} and {verified} of {}",
        attacked.requests
    );
    // Who was verified before needs no budget, and who is not pinned none at all.
    for sample in &attacked.others.samples {
        let by = if sample.number % 2 == 0 {
            "shop/stable"
        } else {
            "shop/canary"
        };
        assert!(sample.is_by(by), "{sample:?} and not {by}");
    }
    // Wide, for a machine that does something else as well.
    let bound = quiet_half * 3 + Duration::from_millis(10);
    assert!(half < bound, "{half:?}, and {quiet_half:?} without");
    // After the flood there is budget again.
    std::thread::sleep(Duration::from_millis(1500));
    let late = mint(&key, "one", &claims("bob"));
    let answer = setting.client().send(&pin(&late)).unwrap();
    assert_eq!(variant(&answer), "canary");
    assert!(attacked.elapsed < PATIENCE);
    setting.end_without_problems();
}
