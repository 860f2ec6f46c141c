//! What is shown, scene by scene.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use coalmine::bucket::Bucket;
use coalmine_integration::client::Request;
use coalmine_integration::discovery::Verdict;
use coalmine_integration::load::Load;

use super::stand::Stand;
use super::table::Table;
use crate::step::Step;

/// How many users are drawn.
const USERS: u32 = 10_000;

/// How many requests each of the plain scenes sends.
const REQUESTS: usize = 200;

/// The salt of the canary: its `namespace/name`, as it names none.
const SALT: &[u8] = b"bookinfo/reviews";

pub(super) fn play(stand: &Stand, table: &mut Table, step: &Step) -> Result<()> {
    step.say("pins and rules");
    pins_and_rules(stand, table)?;

    step.say("10,000 users at 5 %");
    let at_5 = in_canary(stand)?;
    share_row(table, &format!("{USERS} users by x-user-id"), 5, &at_5);
    let again = in_canary(stand)?;
    let moved = at_5.symmetric_difference(&again).count();
    table.row(
        "the same users again",
        "nobody moves",
        format!("{moved} moved"),
        moved == 0,
    );

    // From here on requests run all the time, and none of them may fail.
    let watched = user_between(0.05, 0.20).context("no user falls between 5 % and 20 %")?;
    let load = Load::start(stand.address, 4, Duration::from_millis(2), move |_| {
        user(watched)
    });
    load.wait_for(200, Duration::from_secs(10))?;

    step.say("5 % to 20 % under traffic");
    let before = load.now();
    let verdict = stand.apply(&stand.with_share("20%")?)?;
    let Verdict::Applied { .. } = verdict else {
        bail!("Envoy refused the new share: {verdict:?}");
    };
    load.wait_for(400, Duration::from_secs(10))?;
    let at_20 = in_canary(stand)?;
    share_row(table, "share raised to 20% (one new file)", 20, &at_20);
    let left = at_5.difference(&at_20).count();
    table.row(
        "who was in the canary at 5%",
        "nobody leaves",
        format!("{left} left, {} joined", at_20.difference(&at_5).count()),
        left == 0,
    );

    step.say("a broken config");
    let verdict = stand.apply_text(r#"{"kind":"Plugin","canaries":[{"spec":{"shares":5}}]}"#)?;
    let after_broken = in_canary(stand)?;
    let (refused, text) = match verdict {
        Verdict::Refused { after, .. } => (true, format!("in {} ms", millis(after))),
        Verdict::Applied { .. } => (false, "taken".to_owned()),
    };
    let moved = at_20.symmetric_difference(&after_broken).count();
    table.row(
        "a broken config",
        "refused, nobody moves",
        format!("{text}, {moved} moved"),
        refused && moved == 0,
    );

    step.say("20 % to 0 %");
    stand.apply(&stand.with_share("0%")?)?;
    let at_0 = in_canary(stand)?;
    share_row(table, "share down to 0%", 0, &at_0);

    let report = load.stop();
    let followed = report
        .samples
        .iter()
        .find(|sample| sample.sent > before && sample.is_by("canary"))
        .context("traffic never followed the share of 20 %")?;
    let followed = followed.answered.saturating_sub(before);
    table.row(
        "until traffic followed the file",
        "under 1 s",
        format!("{} ms", millis(followed)),
        followed < Duration::from_secs(1),
    );
    let failures: usize = report.failures().values().sum();
    table.row(
        "requests during all these changes",
        "none fails",
        format!("{failures} of {} failed", report.samples.len()),
        failures == 0,
    );
    Ok(())
}

fn pins_and_rules(stand: &Stand, table: &mut Table) -> Result<()> {
    type Headers<'h> = &'h [(&'h str, &'h str)];
    const NO: Headers<'_> = &[];
    const PIN: Headers<'_> = &[("x-canary", "canary")];
    const STAFF: Headers<'_> = &[("x-user-group", "staff")];
    const STAFF_NEVER: Headers<'_> = &[("x-user-group", "staff"), ("x-canary", "never")];
    const FORGED: Headers<'_> = &[("x-coalmine-variant", "canary")];
    let scenes = [
        ("plain", NO, "stable"),
        ("x-canary: canary", PIN, "canary"),
        ("x-user-group: staff (a rule)", STAFF, "canary"),
        (
            "x-user-group: staff, x-canary: never",
            STAFF_NEVER,
            "stable",
        ),
        ("x-coalmine-variant: canary (forged)", FORGED, "stable"),
    ];
    for (what, headers, expected) in scenes {
        let request = headers.iter().fold(request(), |request, (name, value)| {
            request.header(*name, *value)
        });
        let answers = stand.send(vec![request; REQUESTS])?;
        let so = answers
            .iter()
            .filter(|answer| answer.served_by() == expected)
            .count();
        table.row(
            what,
            format!("{expected}, always"),
            format!("{so} of {REQUESTS}"),
            so == REQUESTS,
        );
    }
    Ok(())
}

fn request() -> Request {
    Request::get("/reviews/1").header("host", "reviews")
}

fn user(number: u32) -> Request {
    request().header("x-user-id", format!("user-{number}"))
}

/// The users that the canary serves.
fn in_canary(stand: &Stand) -> Result<BTreeSet<u32>> {
    let answers = stand.send((0..USERS).map(user).collect())?;
    let by_canary = (0..USERS)
        .zip(answers)
        .filter(|(_, answer)| answer.served_by() == "canary")
        .map(|(number, _)| number);
    Ok(by_canary.collect())
}

/// A user whose place on the line, computed here, is between two others.
fn user_between(low: f64, high: f64) -> Option<u32> {
    (0..USERS).find(|number| {
        let bucket = Bucket::of(SALT, format!("user-{number}").as_bytes());
        let place = f64::from(bucket.position().millionths()) / 1e6;
        (low..high).contains(&place)
    })
}

/// How many users landed in the canary, against what was asked: within four standard deviations of
/// a fair draw.
fn share_row(table: &mut Table, what: &str, percent: u32, drawn: &BTreeSet<u32>) {
    let share = f64::from(percent) / 100.0;
    let expected = f64::from(USERS) * share;
    let deviation = (expected * (1.0 - share)).sqrt();
    let count = drawn.len();
    let off = (count as f64 - expected).abs();
    table.row(
        what,
        format!("{percent}%: {expected:.0} ± {:.0}", 4.0 * deviation),
        format!("{:.2}%: {count}", count as f64 / f64::from(USERS) * 100.0),
        off <= 4.0 * deviation,
    );
}

fn millis(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1000.0)
}
