//! Who moves from an old policy to a new one.
//!
//! | file | what |
//! |---|---|
//! | `report` | what is found, and how it is written for programs |
//! | `scope` | which canary governs which host, before and after |
//! | `users` | the part of all users that changes version, by arithmetic on the line |
//! | `flows` | two lines over each other |
//! | `times` | the times at which the most may move, for ramps |
//! | `place` | where the conditions of a canary look, and the values that they tell apart |
//! | `strings` | strings that match a regex |
//! | `solve` | requests made from the conditions of both policies |
//! | `judged` | what both policies decide about a request |
//! | `requests` | requests that are decided differently, each verified |
//! | `unit` | short units whose position lies where it is wanted |
//! | `tokens` | whose signed pins count otherwise |
//! | `made` | a request that was made up, as `coalmine explain` takes it |

mod flows;
mod judged;
mod made;
mod place;
mod report;
mod requests;
mod scope;
mod solve;
mod strings;
mod times;
mod tokens;
mod unit;
mod users;

pub use flows::Part;
pub use made::Example;
pub use report::{CanaryDiff, Change, Decided, Diff, Flow, Kind, Retarget, Tokens, Users};

use coalmine::config::Canaries;
use coalmine::{Policy, Timestamp};
use scope::Scope;

/// Compares two policies. `at` are the times that matter; with none, the time at which the most
/// users move, of all there are.
pub fn diff(old: &Canaries, new: &Canaries, at: &[Timestamp]) -> Diff {
    let policies = (Policy::compile(old), Policy::compile(new));
    let scopes = scope::scopes((old, &policies.0), (new, &policies.1));
    let mut canaries: Vec<CanaryDiff> = scopes.iter().map(|scope| of_scope(scope, at)).collect();
    canaries.sort_by(|one, other| (&one.new, &one.old).cmp(&(&other.new, &other.old)));
    Diff::new(canaries, scopes.len())
}

fn of_scope(scope: &Scope<'_>, at: &[Timestamp]) -> CanaryDiff {
    let users = users::users(scope, at);
    let found = requests::changes(scope, &times::telling(scope, at, &users));
    CanaryDiff {
        old: scope.old.map(|side| side.config.full_name()),
        new: scope.new.map(|side| side.config.full_name()),
        hosts: scope.hosts.clone(),
        moved: users::most(&users),
        users,
        changes: found.changes,
        retargeted: scope.retargeted(),
        tokens: tokens::changes(scope),
        tried: found.tried,
        exhaustive: found.exhaustive,
    }
}
