//! Where a rollout acts, and where its state is.
//!
//! | file | what |
//! |---|---|
//! | `file` | the config that proxies read, on disk |
//! | `git` | the source file in a repository |
//! | `object` | an object of Kubernetes that has both the config and the state |
//!
//! A turn begins with what is `Seen`, and writes through its hold. Nobody else writes in between:
//! a file has a lock, and an object is written only as long as it is what was read.

mod file;
mod git;
mod object;

pub(super) use file::ConfigFile;
pub(super) use git::{Repository, Way};
pub(super) use object::Object;
pub use object::ObjectArgs;

use super::store::{Lock, Store};
use crate::outcome::Failure;
use coalmine::bucket::Share;
use coalmine_rollout::config::InForce;
use coalmine_rollout::machine::State;
use coalmine_rollout::plan::Plan;

/// Where a rollout acts.
pub(super) enum Target {
    /// The state is in a file, and the share elsewhere.
    Apart(Store, Box<dyn Shared>),
    /// Both are in one object.
    Together(Object),
}

/// What has the share without the state.
pub(super) trait Shared {
    /// What is in force.
    fn found(&self, plan: &Plan) -> Result<InForce, Failure>;

    /// Puts something else in force, because of what `state` says.
    fn apply(&self, plan: &Plan, wanted: &InForce, state: &State) -> Result<Written, Failure>;
}

/// What a turn begins with, as it was read together.
pub(super) struct Seen<'t> {
    pub(super) state: State,
    pub(super) found: InForce,
    pub(super) hold: Box<dyn Hold + 't>,
}

/// The right to write, as long as nobody else does.
pub(super) trait Hold {
    /// Writes the state, and puts in force what is wanted.
    fn write(&mut self, state: &State, wanted: Option<&InForce>) -> Result<Written, Failure>;
}

/// What became of what was to be written.
pub(super) enum Written {
    /// All is done.
    Done,
    /// The state is written. What it wants is not in force yet, and a later turn will see to it; this
    /// is why.
    Pending(Failure),
    /// Nothing is written: somebody else was faster, and has perhaps decided otherwise.
    Outrun,
}

impl Target {
    /// The state alone, for whoever only asks.
    pub(super) fn state(&self, canary: &str) -> Result<State, Failure> {
        match self {
            Self::Apart(store, _) => store.load(canary),
            Self::Together(object) => object.state(canary),
        }
    }

    /// Where the state is, for people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Apart(store, _) => store.path().display().to_string(),
            Self::Together(object) => object.name(),
        }
    }

    /// Reads everything that a turn begins with, once nobody else has one.
    pub(super) fn seen<'t>(&'t self, plan: &'t Plan) -> Result<Seen<'t>, Failure> {
        match self {
            Self::Apart(store, shared) => {
                let lock = store.lock()?;
                let (state, found) = (store.load(&plan.canary)?, shared.found(plan)?);
                let hold = Locked {
                    plan,
                    store,
                    shared: &**shared,
                    lock,
                    share: found.share,
                };
                let hold = Box::new(hold);
                Ok(Seen { state, found, hold })
            }
            Self::Together(object) => object.seen(plan),
        }
    }
}

/// A file of state under its lock, with what has the share.
struct Locked<'t> {
    plan: &'t Plan,
    store: &'t Store,
    shared: &'t dyn Shared,
    lock: Lock,
    /// What is in force.
    share: Share,
}

impl Hold for Locked<'_> {
    fn write(&mut self, state: &State, wanted: Option<&InForce>) -> Result<Written, Failure> {
        let saved = self.store.save(&self.lock, state);
        let Some(wanted) = wanted else {
            return saved.map(|()| Written::Done);
        };
        // A disk that is full must not keep a bad variant where it is.
        if wanted.share >= self.share {
            saved?;
            return self.apply(wanted, state);
        }
        let applied = self.apply(wanted, state);
        saved.and(applied)
    }
}

impl Locked<'_> {
    fn apply(&mut self, wanted: &InForce, state: &State) -> Result<Written, Failure> {
        match self.shared.apply(self.plan, wanted, state) {
            Ok(Written::Done) => {
                self.share = wanted.share;
                Ok(Written::Done)
            }
            Ok(written) => Ok(written),
            Err(failure) => Ok(Written::Pending(failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::fs;

    /// What keeps what it is given.
    struct Kept(RefCell<Vec<Share>>);

    impl Shared for &Kept {
        fn found(&self, _: &Plan) -> Result<InForce, Failure> {
            Err(Failure::cannot("it is not asked"))
        }

        fn apply(&self, _: &Plan, wanted: &InForce, _: &State) -> Result<Written, Failure> {
            self.0.borrow_mut().push(wanted.share);
            Ok(Written::Done)
        }
    }

    /// Where the state cannot be written no share grows, and one still goes down.
    #[test]
    fn a_disk_that_is_full_keeps_no_bad_variant_where_it_is() {
        let text = "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  unit: [{header: x-user-id}]
  evidence: {}
  rollout: {steps: [{share: 10%, for: 1m}]}
";
        let source = coalmine::yaml::Source {
            name: "shop.yaml".to_owned(),
            text: text.to_owned(),
        };
        let (canaries, found) = coalmine::yaml::read(&[source]);
        assert!(found.is_empty(), "{found:?}");
        let plan = Plan::of(&canaries.canaries[0], None).unwrap();
        let share = |percent: u32| Share::from_millionths(percent * 10_000).unwrap();
        let check = |percent: u32, applied: &[Share]| {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("place");
            fs::create_dir(&place).unwrap();
            let store = Store::new(place.join("state.json"));
            let lock = store.lock().unwrap();
            // Nothing can be written below a file.
            fs::remove_dir_all(&place).unwrap();
            fs::write(&place, "").unwrap();
            let kept = Kept(RefCell::default());
            let mut hold = Locked {
                plan: &plan,
                store: &store,
                shared: &&kept,
                lock,
                share: share(10),
            };
            let wanted = InForce {
                share: share(percent),
                salt: "shop".to_owned(),
            };
            assert!(hold.write(&State::new("shop"), Some(&wanted)).is_err());
            assert_eq!(*kept.0.borrow(), applied);
        };
        check(50, &[]);
        check(0, &[share(0)]);
    }
}
