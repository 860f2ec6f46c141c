//! The state machine of a rollout.

use crate::bytes::Bytes;
use crate::invariants::check_step;
use coalmine::Timestamp;
use coalmine::bucket::Share;
use coalmine::diagnostic::Severity;
use coalmine::yaml::{self, Source};
use coalmine_rollout::config::InForce;
use coalmine_rollout::evidence::{SLICES, Tally};
use coalmine_rollout::machine::{Ask, Command, Event, Reading, State, step};
use coalmine_rollout::plan::Plan;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// By a query and by what the filter counts, of two revisions each.
static PLANS: LazyLock<[Plan; 4]> = LazyLock::new(|| {
    let by_query = "rollout: {steps: [{share: 10%, for: 1m}, {share: 50%, for: 2m, approve: true}], \
        freeze: [{from: '09:04', to: '09:06'}], analysis: {queries: [{name: carts, \
        canary: {bad: a, total: b}, control: {bad: c, total: d}}]}}";
    let counted = "evidence: {slowerThan: [250ms]}\n  rollout: {steps: [{share: 5%, for: 30s, \
        minRequests: 50}, {share: 20%, for: 1m}, {share: 60%, for: 1m}]}";
    [
        (by_query, "v1"),
        (by_query, "v2"),
        (counted, "v1"),
        (counted, "v2"),
    ]
    .map(|(rest, revision)| plan(rest, revision))
});

fn plan(rest: &str, revision: &str) -> Plan {
    let text = format!(
        "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: reviews}}
spec:
  hosts: [reviews]
  variants: {{stable: {{}}, canary: {{}}}}
  default: stable
  unit: [{{header: x-user-id}}]
  {rest}
"
    );
    let name = "canary.yaml".to_owned();
    let (canaries, found) = yaml::read(&[Source { name, text }]);
    let errors = found.iter().filter(|one| one.severity == Severity::Error);
    assert_eq!(errors.count(), 0, "{found:?}");
    Plan::of(&canaries.canaries[0], Some(revision)).unwrap()
}

/// A text that begins with a brace is the state of a rollout, which goes on from there; any other
/// input is events. Whatever is commanded is done, or not.
pub fn rollout(data: &[u8]) {
    if data.first() == Some(&b'{') {
        if let Ok(text) = std::str::from_utf8(data) {
            check_state(text);
        }
        return;
    }
    let mut bytes = Bytes::new(data);
    // Seldom by what the filter counts: its tests deal cells many thousand times.
    let both = if bytes.byte() % 4 == 3 { 2 } else { 0 };
    let plans = &PLANS[both..both + 2];
    // A Thursday.
    let mut now = 1_795_683_600_000_i64;
    let mut state = State::new(plans[0].canary.clone());
    let mut in_force = InForce {
        share: Share::NONE,
        salt: "reviews".to_owned(),
    };
    let mut plan = &plans[0];
    while !bytes.is_empty() {
        let event = match bytes.byte() % 16 {
            0 => {
                now += i64::from(bytes.word()) - i64::from(bytes.short());
                Event::Tick
            }
            1..=3 => {
                now += i64::from(bytes.short());
                Event::InForce(in_force.clone())
            }
            4 => {
                plan = &plans[usize::from(bytes.byte() % 2)];
                Event::Tick
            }
            5 => {
                let millionths = u32::from(bytes.byte()) * 3_900;
                in_force.share = Share::from_millionths(millionths).unwrap();
                Event::InForce(in_force.clone())
            }
            6 => Event::NotRead("away".to_owned()),
            7 | 8 => {
                let asks = [
                    Ask::Approve,
                    Ask::Pause,
                    Ask::Resume,
                    Ask::Promote,
                    Ask::Abort,
                    Ask::Retry,
                ];
                Event::Asked {
                    ask: asks[usize::from(bytes.byte()) % asks.len()],
                    by: "ada".to_owned(),
                }
            }
            _ => {
                now += i64::from(bytes.short());
                Event::Read(Box::new(reading(&mut bytes, now)))
            }
        };
        let at = Timestamp::from_unix_millis(now);
        let before = state.clone();
        let (after, commands) = step(plan, state, at, event.clone());
        check_step(plan, &before, &after, &event, at);
        check_written(&after);
        state = after;
        // Whoever does what is commanded may die before it.
        let dies = bytes.byte() % 8 == 1;
        for command in commands {
            if let Command::Apply(wanted) = command
                && !dies
            {
                in_force = wanted;
            }
        }
    }
}

/// What was counted up to now, evenly or not, few or very many.
fn reading(bytes: &mut Bytes<'_>, now: i64) -> Reading {
    let until = now - i64::from(bytes.short());
    let from = until - i64::from(bytes.short());
    let at = |millis| Some(Timestamp::from_unix_millis(millis));
    let mut tally = || match bytes.byte() {
        255 => Tally {
            requests: bytes.long(),
            bad: bytes.long(),
        },
        requests => Tally {
            requests: u64::from(requests) * 4,
            bad: u64::from(bytes.byte()),
        },
    };
    let (canary, control) = (tally(), tally());
    let (one, other) = (tally(), tally());
    let mut arms = [[canary; SLICES], [control; SLICES]];
    let odd = bytes.byte();
    arms[usize::from(odd % 2)][usize::from(odd) % SLICES] = one;
    let bit = |mask: u8| odd & mask != 0;
    Reading {
        from: at(from).filter(|_| !bit(0x20)),
        until: at(until),
        sampled: at(until).filter(|_| !bit(0x40)),
        served: one,
        diverted: u64::from(odd >> 7),
        canary: arms[0],
        control: arms[1],
        slower: BTreeMap::from([(250, [[other.bad; SLICES], [one.bad; SLICES]])]),
        queries: BTreeMap::from([("carts".to_owned(), [one, other])]),
        ..Reading::default()
    }
}

fn check_written(state: &State) {
    let written = state.write().unwrap();
    let read = State::read(&written).unwrap_or_else(|why| panic!("it {why}: {written}"));
    assert_eq!(&read, state);
}

/// A state that somebody has edited, or that a disk has damaged.
fn check_state(text: &str) {
    let Ok(state) = State::read(text) else {
        return;
    };
    check_written(&state);
    let at = Timestamp::from_unix_millis(1_795_683_600_000);
    for plan in PLANS.iter() {
        let mut state = state.clone();
        for event in [
            Event::Tick,
            Event::InForce(InForce {
                share: Share::NONE,
                salt: plan.salt.clone(),
            }),
            Event::Read(Box::new(reading(
                &mut Bytes::new(text.as_bytes()),
                at.unix_millis(),
            ))),
            Event::Asked {
                ask: Ask::Retry,
                by: "ada".to_owned(),
            },
        ] {
            (state, _) = step(plan, state, at, event);
            check_written(&state);
        }
    }
}
