//! `docs/rollout.md`, whose status is that of a rollout half on its way.

use crate::pages::check_page_with;
use coalmine::Timestamp;
use coalmine::yaml::{self, Source};
use coalmine_rollout::config::InForce;
use coalmine_rollout::evidence::{SLICES, Tally};
use coalmine_rollout::machine::{Command, Event, Reading, State, step};
use coalmine_rollout::plan::Plan;
use std::fs;
use std::path::Path;

/// A rollout, and the time.
struct Walk {
    plan: Plan,
    state: State,
    now: Timestamp,
}

impl Walk {
    /// Of the file of the page, from this time on.
    fn new(folder: &Path, begin: &str) -> Self {
        let source = Source {
            name: "checkout.yaml".to_owned(),
            text: fs::read_to_string(folder.join("checkout.yaml")).unwrap(),
        };
        let (canaries, _) = yaml::read(&[source]);
        let plan = Plan::of(&canaries.canaries[0], None).unwrap();
        let mut walk = Self {
            state: State::new(plan.canary.clone()),
            plan,
            now: Timestamp::parse(begin).unwrap(),
        };
        walk.event(Event::Tick);
        walk
    }

    /// What is wanted is in force at once.
    fn event(&mut self, event: Event) {
        let (state, commands) = step(&self.plan, self.state.clone(), self.now, event);
        self.state = state;
        for command in commands {
            if let Command::Apply(InForce { share, salt }) = command {
                self.event(Event::InForce(InForce { share, salt }));
            }
        }
    }

    /// Half a minute in which so many requests came to each slice, of which few failed or were slow.
    fn read(&mut self, number: u64, requests: u64) {
        self.now = Timestamp::from_unix_millis(self.now.unix_millis() + 30_000);
        let lots = |arm: u64, of: u64| -> [u64; SLICES] {
            std::array::from_fn(|slice| mixed(number * 64 + slice as u64 * 4 + arm * 2) % of)
        };
        let arm = |arm| {
            lots(arm, 60).map(|lot| Tally {
                requests: requests + lot % 3,
                bad: u64::from(lot < 2),
            })
        };
        let slow = [2, 3].map(|arm| lots(arm, 25).map(|lot| u64::from(lot == 0)));
        self.event(Event::Read(Box::new(Reading {
            from: Some(self.now),
            until: Some(self.now),
            sampled: Some(self.now),
            canary: arm(0),
            control: arm(1),
            slower: [(500, slow)].into(),
            ..Reading::default()
        })));
    }
}

/// As good as chance: SplitMix64's finish (Steele, Lea, Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn rolling_out() {
    check_page_with("rollout.md", &["checkout.yaml"], &[0, 4], |folder| {
        let mut walk = Walk::new(folder, "2026-11-26T09:00:02Z");
        let mut number = 0;
        while walk.state.run.as_ref().unwrap().share.to_string() == "1%" {
            number += 1;
            walk.read(number, 4);
        }
        for number in number + 1..number + 10 {
            walk.read(number, 18);
        }
        let state = walk.state.write().unwrap();
        fs::write(folder.join("checkout.rollout.json"), state).unwrap();
    });
}
