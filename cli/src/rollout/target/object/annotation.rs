//! A state as the value of an annotation.
//!
//! All annotations of an object together may have [`OF_OBJECT`] bytes, and what `kubectl apply` keeps
//! there of the object's last text counts as well, as do the states of other canaries in the same plugin.
//! So a state is compressed, which makes a third of it or less, takes no more than a part of what is
//! left, and forgets what it can do without sooner than that: a test measures it. It is no ConfigMap
//! because two objects cannot be written at once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use coalmine_rollout::machine::State;
use coalmine_rollout::machine::history::History;
use coalmine_rollout::machine::state::Evidence;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};

/// How many bytes all annotations of an object may have, names included.
const OF_OBJECT: usize = 256 * 1024;

/// How many of them a state takes at most where it can forget something.
const ROOM: usize = 24 * 1024;

/// A plot of so many points is still one.
const FEW_POINTS: usize = 60;

/// More than a state can be; what claims to be more is none.
const MOST: u64 = 16 * 1024 * 1024;

/// What names of annotations may be as long as, behind the `/`.
const LONGEST: usize = 63;

/// Where the state of a canary is. A canary's full name has a `/`, which a name of an annotation has
/// not; `_` is in no name of Kubernetes, so no two canaries share one.
pub(super) fn name(canary: &str) -> String {
    let name = format!("rollout-{}", canary.replace('/', "_"));
    if name.len() <= LONGEST {
        return format!("coalmine.dev/{name}");
    }
    let digest = Sha256::digest(canary);
    let digest: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let kept: String = name.chars().take(LONGEST - 17).collect();
    format!("coalmine.dev/{kept}_{digest}")
}

/// How many bytes a state may take beside annotations that have so many together: a quarter of what is
/// left, so that others find some room as well.
pub(super) fn room(others: usize) -> usize {
    (OF_OBJECT.saturating_sub(others) / 4).min(ROOM)
}

/// The value for a state. What has no room is left out: first every second point of its plots, then
/// the older half of its journal, and so on; the counts of a rollout that has ended last.
pub(super) fn written(state: &State, room: usize) -> io::Result<String> {
    let mut shorter = state.clone();
    loop {
        let value = compressed(&shorter)?;
        if value.len() <= room || !shorten(&mut shorter) {
            return Ok(value);
        }
    }
}

/// Whether there was something to leave out.
fn shorten(state: &mut State) -> bool {
    let points = state.run.as_mut().map(|run| &mut run.history.points);
    if let Some(points) = points.filter(|points| points.len() > FEW_POINTS) {
        let mut number = 0_usize;
        points.retain(|_| {
            number = number.wrapping_add(1);
            number % 2 == 1
        });
        return true;
    }
    let entries = state.journal.len();
    if entries > 1 {
        state.journal.drain(..entries / 2);
        return true;
    }
    // Nothing is concluded any more from what was counted, and a rollback must not fail for it.
    match &mut state.run {
        Some(run) if !run.phase.is_open() && run.evidence != Evidence::default() => {
            run.evidence = Evidence::default();
            run.history = History::default();
            true
        }
        _ => false,
    }
}

fn compressed(state: &State) -> io::Result<String> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(state.write()?.as_bytes())?;
    Ok(STANDARD.encode(gzip.finish()?))
}

/// The state of a value.
///
/// # Errors
/// It is none; in words that follow the name of the annotation.
pub(super) fn read(value: &str) -> Result<State, String> {
    let bytes = STANDARD
        .decode(value.trim())
        .map_err(|error| format!("is damaged: {error}"))?;
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice())
        .take(MOST)
        .read_to_string(&mut text)
        .map_err(|error| format!("is damaged: {error}"))?;
    State::read(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coalmine::Timestamp;
    use coalmine::bucket::Share;
    use coalmine::yaml::{self, Source};
    use coalmine_rollout::config::InForce;
    use coalmine_rollout::evidence::{SLICES, Tally};
    use coalmine_rollout::journal::{Entry, Finding, Kind};
    use coalmine_rollout::machine::{Event, Phase, Reading, step};
    use coalmine_rollout::plan::Plan;

    #[test]
    fn a_canary_has_an_annotation_of_its_own() {
        let check = |canary: &str, expected: &str| assert_eq!(name(canary), expected);
        check("reviews", "coalmine.dev/rollout-reviews");
        check("bookinfo/reviews", "coalmine.dev/rollout-bookinfo_reviews");
        let long = |last: &str| name(&format!("{}/{}{last}", "n".repeat(30), "c".repeat(40)));
        let of_name = |annotation: &str| annotation.split_once('/').unwrap().1.len();
        assert_eq!(of_name(&long("a")), LONGEST);
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for value in ["", "%", "eyJ9", "H4sIAAAA"] {
            assert!(read(value).unwrap_err().starts_with("is "), "{value}");
        }
    }

    /// A rollout with as many checks as the filter counts for.
    const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  variants: {stable: {}, canary: {}}
  default: stable
  unit: [{header: x-user-id}]
  evidence: {slowerThan: [100ms, 250ms, 500ms, 1s]}
  rollout:
    steps: [{share: 10%, for: 1d}]
    analysis: {every: 1s, falseRollback: FALSE, limit: {window: 1h}}
";

    /// Numbers that are as hard to compress as real ones.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self, below: u64) -> u64 {
            let product = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = product.wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % below
        }

        fn arm(&mut self) -> [Tally; SLICES] {
            [(); SLICES].map(|()| Tally {
                requests: 900_000 + self.next(100_000),
                bad: 1_000 + self.next(1_000),
            })
        }
    }

    /// A state after so many readings, with a journal of so many rollbacks.
    fn state(false_rollback: &str, readings: u64, entries: u64) -> State {
        let name = "canary.yaml".to_owned();
        let text = CANARY.replace("FALSE", false_rollback);
        let (canaries, _) = yaml::read(&[Source { name, text }]);
        let plan = Plan::of(&canaries.canaries[0], None).unwrap();
        let mut numbers = Numbers(7);
        let mut state = State::new("bookinfo/reviews");
        let moment = |reading: u64| {
            let gone = i64::try_from(reading).unwrap() * 37_000;
            Timestamp::from_unix_millis(1_795_000_000_000 + gone)
        };
        let share = plan.steps[0].share;
        for reading in 0..readings {
            let (from, now) = (moment(reading), moment(reading + 1));
            let salt = plan.salt.clone();
            (state, _) = step(&plan, state, from, Event::InForce(InForce { share, salt }));
            // The same in both arms, from other users: nothing that ends it.
            let canary = numbers.arm();
            let mut control = canary;
            control.reverse();
            let mut slow = || [(); SLICES].map(|()| 500 + numbers.next(500));
            let slower = [100, 250, 500, 1000].map(|bound| {
                let canary = slow();
                let mut control = canary;
                control.reverse();
                (bound, [canary, control])
            });
            let event = Event::Read(Box::new(Reading {
                from: Some(from),
                until: Some(now),
                sampled: Some(now),
                canary,
                control,
                slower: slower.into(),
                ..Reading::default()
            }));
            (state, _) = step(&plan, state, now, event);
        }
        for number in 1..=entries {
            let mut pair = || [numbers.next(9_000_000), numbers.next(90_000)];
            let finding = |check: &str, canary, control| Finding {
                check: check.to_owned(),
                canary,
                control,
                look: None,
            };
            let findings = ["errors", "slower than 250ms", "limit"];
            let findings = findings.map(|check| finding(check, pair(), pair()));
            state.journal.push(Entry {
                number,
                canary: state.canary.clone(),
                at: Timestamp::from_unix_millis(1_795_000_000_000 + 61_007 * number as i64),
                kind: Kind::RolledBack,
                revision: Some(format!("v2.{number}")),
                share: Share::NONE,
                message: format!("{findings:?}"),
                by: None,
                findings: findings.into(),
            });
        }
        state
    }

    /// A state that is written in this room, and how much of it comes back.
    fn check(state: &State, room: usize, points: usize, entries: usize) {
        let value = written(state, room).unwrap();
        let (whole, text) = (compressed(state).unwrap(), state.write().unwrap());
        eprintln!(
            "{} bytes, compressed {}, written {}",
            text.len(),
            whole.len(),
            value.len()
        );
        assert!(value.len() <= room, "{}", value.len());
        let mut back = read(&value).unwrap();
        assert!(back.journal.len() >= entries, "{}", back.journal.len());
        assert!(state.journal.ends_with(&back.journal));
        back.journal.clone_from(&state.journal);
        let (Some(run), Some(all)) = (&mut back.run, &state.run) else {
            return assert!(back == *state);
        };
        let kept = run.history.points.len();
        assert!(kept >= points, "{kept}");
        run.history = all.history.clone();
        if room >= 4096 {
            return assert!(back == *state);
        }
        run.evidence = all.evidence.clone();
        assert!(back == *state && !all.phase.is_open());
    }

    #[test]
    fn a_state_fits_whatever_has_happened() {
        assert_eq!(
            [room(0), room(250 * 1024), room(OF_OBJECT + 1)],
            [ROOM, 1536, 0]
        );
        // What it begins with, and what it usually is.
        check(&state("1%", 0, 3), 1024, 0, 3);
        check(&state("1%", 20, 3), 8 * 1024, 15, 3);
        // As many readings as are plotted, with as many decisions as are kept.
        check(&state("1%", 240, 100), ROOM, FEW_POINTS / 2, 25);
        check(&state("1%", 20, 10_000), ROOM, 15, 50);
        // A test that was allowed to be wrong in every tenth rollout.
        check(&state("10%", 240, 100), 48 * 1024, FEW_POINTS / 2, 10);
        // One that has ended, where others have left no room.
        let mut ended = state("10%", 20, 100);
        let run = ended.run.as_mut().unwrap();
        run.phase = Phase::RolledBack;
        check(&ended, 2048, 0, 1);
    }
}
