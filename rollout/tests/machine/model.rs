//! Every order of events up to a depth, with two that drive one rollout, either of which may die
//! between any two of its instructions: each state that can be reached is looked at once.
//!
//! A turn is load, step, write, apply. With a lock (a file's) nobody else has a turn meanwhile, but
//! its holder may die between writing and applying. With compare-and-swap (Kubernetes') turns
//! overlap, one write of two loses, and what is written is what is applied.

use crate::invariants::check_step;
use crate::setting::{BEGIN, plan, plan_of, share};
use coalmine::Timestamp;
use coalmine::bucket::Share;
use coalmine_rollout::config::InForce;
use coalmine_rollout::evidence::Tally;
use coalmine_rollout::machine::{Ask, Command, Event, Phase, Reading, State, step};
use coalmine_rollout::plan::Plan;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// A rollout by a query, whose test is quick: two steps, of which the second waits for an approval,
/// and a freeze.
fn plans() -> [Plan; 2] {
    let rollout = "steps: [{share: 10%, for: 1m}, {share: 50%, for: 1m, approve: true}], \
        freeze: [{from: '09:04', to: '09:06'}], \
        analysis: {queries: [{name: carts, canary: {bad: a, total: b}, control: {bad: c, total: d}}]}";
    ["v1", "v2"].map(|revision| plan_of("", rollout, Some(revision)))
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Happening {
    Tick,
    Good,
    Harm,
    Nothing,
    Unreadable,
    Asked(u8),
}

const ASKS: [Ask; 6] = [
    Ask::Approve,
    Ask::Pause,
    Ask::Resume,
    Ask::Promote,
    Ask::Abort,
    Ask::Retry,
];

/// All there is: what is stored, what proxies have, the time, and what two drivers hold.
#[derive(Clone, Debug)]
struct World {
    plan: usize,
    now: Timestamp,
    stored: (u64, State),
    in_force: InForce,
    /// What a driver has loaded, under compare-and-swap.
    loaded: [Option<(u64, State)>; 2],
}

impl World {
    fn new(plans: &[Plan; 2]) -> Self {
        Self {
            plan: 0,
            now: Timestamp::parse(BEGIN).unwrap(),
            stored: (0, State::new(plans[0].canary.clone())),
            in_force: InForce {
                share: Share::NONE,
                salt: "bookinfo/reviews".to_owned(),
            },
            loaded: [None, None],
        }
    }

    /// Two worlds with one key go on alike: only times relative to now matter, and the journal not.
    fn key(&self) -> String {
        let bare = |(version, state): &(u64, State)| {
            let mut state = state.clone();
            state.journal.clear();
            state.next_entry = 0;
            (*version == self.stored.0, state.write().unwrap())
        };
        let loaded = [0, 1].map(|driver| self.loaded[driver].as_ref().map(bare));
        format!(
            "{} {} {:?} {:?} {loaded:?}",
            self.plan,
            self.now,
            bare(&self.stored).1,
            self.in_force
        )
    }

    fn event(&self, happening: Happening) -> Event {
        let tally = |requests, bad| Tally { requests, bad };
        let read = |canary, control| {
            Event::Read(Box::new(Reading {
                from: Some(self.now),
                until: Some(self.now),
                sampled: Some(self.now),
                queries: BTreeMap::from([("carts".to_owned(), [canary, control])]),
                ..Reading::default()
            }))
        };
        match happening {
            Happening::Tick => Event::Tick,
            Happening::Good => read(tally(200, 1), tally(200, 1)),
            Happening::Harm => read(tally(200, 150), tally(200, 0)),
            Happening::Nothing => read(tally(0, 0), tally(0, 0)),
            Happening::Unreadable => Event::NotRead("away".to_owned()),
            Happening::Asked(ask) => Event::Asked {
                ask: ASKS[usize::from(ask)],
                by: "ada".to_owned(),
            },
        }
    }

    /// Loads, finds what is in force, and lets something happen; what is written and applied then.
    fn turn(&self, plan: &Plan, state: State, happening: Happening) -> (State, Option<InForce>) {
        let mut wanted = None;
        let mut state = state;
        for event in [Event::InForce(self.in_force.clone()), self.event(happening)] {
            let before = state.clone();
            let commands;
            (state, commands) = step(plan, state, self.now, event.clone());
            check_step(plan, &before, &state, &event, self.now);
            for command in commands {
                if let Command::Apply(apply) = command {
                    wanted = Some(apply);
                }
            }
        }
        (state, wanted)
    }

    /// What is in force may be all that the next step has waited for.
    fn apply(&mut self, plan: &Plan, mut wanted: Option<InForce>) {
        let mut rounds = 0;
        while let Some(apply) = wanted.take() {
            self.in_force = apply;
            let event = Event::InForce(self.in_force.clone());
            let (state, commands) = step(plan, self.stored.1.clone(), self.now, event);
            self.stored = (self.stored.0 + 1, state);
            wanted = commands
                .into_iter()
                .rev()
                .find_map(|command| match command {
                    Command::Apply(apply) => Some(apply),
                    Command::Record(_) => None,
                });
            rounds += 1;
            assert!(rounds < 4, "{self:?}");
        }
    }
}

/// What shall be in force is: less only where somebody has lowered it, and that holds the rollout.
fn check_in_force(plan: &Plan, world: &World, happening: Happening) {
    let Some(run) = &world.stored.1.run else {
        return;
    };
    // Whoever drives what lost its place changes nothing.
    if run.phase == Phase::Promoted || run.salt != plan.salt {
        return;
    }
    assert!(
        world.in_force.share <= run.share,
        "{happening:?}: {world:?}"
    );
    assert!(
        world.in_force.share == run.share || run.paused.is_some(),
        "{happening:?}: {world:?}"
    );
}

/// With events that are fair it ends: time passes, evidence is good, and people say yes.
fn check_ends(plans: &[Plan; 2], world: &World) {
    let mut world = world.clone();
    world.loaded = [None, None];
    for _ in 0..24 {
        // Whoever drives a revision that another took the place of has no say.
        let salt = world.stored.1.run.as_ref().map(|run| run.salt.clone());
        let plan = plans.iter().find(|plan| Some(&plan.salt) == salt.as_ref());
        let plan = plan.unwrap_or(&plans[world.plan]);
        for happening in [Happening::Asked(2), Happening::Asked(0), Happening::Good] {
            let (state, wanted) = world.turn(plan, world.stored.1.clone(), happening);
            world.stored = (world.stored.0 + 1, state);
            world.apply(plan, wanted);
        }
        let run = world.stored.1.run.as_ref().unwrap();
        if !run.phase.is_open() {
            // And what shall be in force is.
            if run.phase != Phase::Promoted {
                assert_eq!(world.in_force.share, run.share);
            }
            return;
        }
        world.now = Timestamp::from_unix_millis(world.now.unix_millis() + 60_000);
    }
    panic!("it does not end: {world:#?}");
}

/// `COALMINE_DEPTH` looks further, or less far.
fn depth(usual: usize) -> usize {
    let asked = std::env::var("COALMINE_DEPTH").ok();
    asked.map_or(usual, |depth| {
        depth.parse().expect("COALMINE_DEPTH is a number")
    })
}

/// Looks at everything that can be reached in so many moves.
fn explore(depth: usize, moves: impl Fn(&[Plan; 2], &World) -> Vec<World>) -> usize {
    let plans = plans();
    let mut seen = HashSet::new();
    let mut next = VecDeque::from([(0, World::new(&plans))]);
    while let Some((at, world)) = next.pop_front() {
        if !seen.insert(world.key()) {
            continue;
        }
        check_ends(&plans, &world);
        if at < depth {
            next.extend(
                moves(&plans, &world)
                    .into_iter()
                    .map(|world| (at + 1, world)),
            );
        }
    }
    seen.len()
}

fn happenings() -> impl Iterator<Item = Happening> {
    let asks = (0..ASKS.len()).map(|ask| Happening::Asked(ask as u8));
    [
        Happening::Tick,
        Happening::Good,
        Happening::Harm,
        Happening::Nothing,
        Happening::Unreadable,
    ]
    .into_iter()
    .chain(asks)
}

/// Time passes, somebody meddles, another revision comes.
fn around(world: &World) -> Vec<World> {
    let mut later = world.clone();
    later.now = Timestamp::from_unix_millis(later.now.unix_millis() + 60_000);
    let mut raised = world.clone();
    raised.in_force.share = share(90);
    let mut lowered = world.clone();
    lowered.in_force.share = Share::NONE;
    let mut other = world.clone();
    other.plan = 1 - other.plan;
    vec![later, raised, lowered, other]
}

#[test]
fn every_order_of_events_under_a_lock() {
    let looked = explore(depth(5), |plans, world| {
        let plan = &plans[world.plan];
        let mut worlds = around(world);
        for happening in happenings() {
            let (state, wanted) = world.turn(plan, world.stored.1.clone(), happening);
            // Killed before it writes: nothing has happened. Killed before it applies:
            let mut killed = world.clone();
            killed.stored = (world.stored.0 + 1, state);
            let mut done = killed.clone();
            done.apply(plan, wanted);
            check_in_force(plan, &done, happening);
            worlds.extend([killed, done]);
        }
        worlds
    });
    eprintln!("{looked} states");
    assert!(looked > 1_000, "{looked}");
}

#[test]
fn every_order_of_events_with_compare_and_swap() {
    let looked = explore(depth(5), |plans, world| {
        let plan = &plans[world.plan];
        let mut worlds = around(world);
        for driver in 0..2 {
            let Some((version, state)) = &world.loaded[driver] else {
                let mut loaded = world.clone();
                loaded.loaded[driver] = Some(world.stored.clone());
                worlds.push(loaded);
                continue;
            };
            for happening in happenings() {
                let (state, wanted) = world.turn(plan, state.clone(), happening);
                let mut written = world.clone();
                written.loaded[driver] = None;
                // One of two loses, and nothing that it wanted is done.
                if *version == world.stored.0 {
                    written.stored = (version + 1, state);
                    written.apply(plan, wanted);
                    check_in_force(plan, &written, happening);
                }
                worlds.push(written);
            }
        }
        worlds
    });
    eprintln!("{looked} states");
    assert!(looked > 1_000, "{looked}");
}

/// The checks can fail: a machine that forgets to wait is found out.
#[test]
#[should_panic(expected = "it is in force")]
fn the_checks_see_a_step_too_many() {
    let plan = plan("steps: [{share: 10%, for: 1m}, {share: 50%, for: 1m}]");
    let now = Timestamp::parse(BEGIN).unwrap();
    let (before, _) = step(&plan, State::new(plan.canary.clone()), now, Event::Tick);
    let mut after = before.clone();
    let run = after.run.as_mut().unwrap();
    run.phase = Phase::Walking(1);
    run.share = share(50);
    check_step(&plan, &before, &after, &Event::Tick, now);
}
