//! A plan and a rollout that is walked by hand.

use coalmine::Timestamp;
use coalmine::bucket::Share;
use coalmine::yaml::{self, Source};
use coalmine_rollout::config::InForce;
use coalmine_rollout::evidence::{SLICES, Tally};
use coalmine_rollout::journal::Kind;
use coalmine_rollout::machine::{Ask, Command, Event, Phase, Reading, Run, State, step};
use coalmine_rollout::plan::Plan;

/// When everything begins: a Thursday.
pub(crate) const BEGIN: &str = "2026-11-26T09:00:00Z";

/// A rollout of two steps, a minute each, with 100 requests.
pub(crate) const TWO_STEPS: &str = "steps: [{share: 10%, for: 1m}, {share: 50%, for: 1m}]";

/// The plan of a canary whose `rollout` has these fields.
pub(crate) fn plan(rollout: &str) -> Plan {
    plan_of("evidence: {}", rollout, None)
}

pub(crate) fn plan_of(beside: &str, rollout: &str, revision: Option<&str>) -> Plan {
    let text = format!(
        "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: reviews, namespace: bookinfo}}
spec:
  hosts: [reviews]
  variants: {{stable: {{}}, canary: {{}}}}
  default: stable
  unit: [{{header: x-user-id}}]
  {beside}
  rollout: {{{rollout}}}
"
    );
    let source = Source {
        name: "canary.yaml".to_owned(),
        text,
    };
    let (canaries, found) = yaml::read(std::slice::from_ref(&source));
    assert!(found.is_empty(), "{found:?}");
    Plan::of(&canaries.canaries[0], revision).unwrap()
}

pub(crate) fn share(percent: u32) -> Share {
    Share::from_millionths(percent * 10_000).unwrap()
}

/// So many requests in each slice of both arms, and how many of them failed.
pub(crate) fn reading(until: Timestamp, requests: u64, bad: [u64; 2]) -> Event {
    let arm = |bad| [Tally { requests, bad }; SLICES];
    Event::Read(Box::new(Reading {
        from: Some(until),
        until: Some(until),
        sampled: Some(until),
        canary: arm(bad[0]),
        control: arm(bad[1]),
        served: Tally {
            requests: requests * SLICES as u64,
            bad: bad[0] * SLICES as u64,
        },
        ..Reading::default()
    }))
}

/// A rollout, the proxies' config, and the time.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) plan: Plan,
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) in_force: InForce,
    pub(crate) kinds: Vec<Kind>,
}

impl Walk {
    pub(crate) fn new(plan: Plan) -> Self {
        let in_force = InForce {
            share: Share::NONE,
            salt: "bookinfo/reviews".to_owned(),
        };
        let mut walk = Self {
            state: State::new(plan.canary.clone()),
            plan,
            now: Timestamp::parse(BEGIN).unwrap(),
            in_force,
            kinds: Vec::new(),
        };
        walk.event(Event::Tick);
        walk
    }

    /// Does what an event asks for, as whoever drives the machine does, through JSON.
    pub(crate) fn event(&mut self, event: Event) {
        let state = State::read(&self.state.write().unwrap()).unwrap();
        assert_eq!(state, self.state);
        let (state, commands) = step(&self.plan, state, self.now, event);
        self.state = state;
        let mut applied = false;
        for command in commands {
            match command {
                Command::Apply(wanted) => {
                    self.in_force = wanted;
                    applied = true;
                }
                Command::Record(entry) => self.kinds.push(entry.kind),
            }
        }
        if applied {
            self.event(Event::InForce(self.in_force.clone()));
        }
    }

    pub(crate) fn ask(&mut self, ask: Ask) {
        self.event(Event::Asked {
            ask,
            by: "ada".to_owned(),
        });
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.now = Timestamp::from_unix_millis(self.now.unix_millis() + seconds * 1000);
    }

    /// Time passes, and so many requests of each slice come with it, all of them good.
    pub(crate) fn good(&mut self, seconds: i64, requests: u64) {
        self.read(seconds, requests, [0, 0]);
    }

    pub(crate) fn read(&mut self, seconds: i64, requests: u64, bad: [u64; 2]) {
        self.wait(seconds);
        self.event(Event::Tick);
        self.event(reading(self.now, requests, bad));
    }

    pub(crate) fn run(&self) -> &Run {
        self.state.run.as_ref().unwrap()
    }

    pub(crate) fn check(&self, phase: Phase, percent: u32) {
        assert_eq!(self.run().phase, phase, "{:#?}", self.run().holding);
        assert_eq!(self.in_force.share, share(percent));
        assert_eq!(self.run().share, share(percent));
    }

    /// What is said of why it does not go on.
    pub(crate) fn holds(&self, why: &str) {
        let holding = self.run().holding.join("; ");
        assert!(holding.contains(why), "{holding}");
    }
}
