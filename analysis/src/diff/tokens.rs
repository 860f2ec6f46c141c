//! Whose tokens count otherwise. They are told by names and not by examples: nobody can make up a token
//! that another's key has signed.

use super::report::Tokens;
use super::scope::{Scope, Side};
use coalmine::config::{PublicKey, Revoked, SignedPins};
use std::collections::BTreeSet;

/// Keys and subjects whose tokens counted on one side alone.
pub(super) fn changes(scope: &Scope<'_>) -> Vec<Tokens> {
    let [old, new] = [scope.old, scope.new].map(|side| side.and_then(trusted));
    let mut changes = Vec::new();
    let keys = |side: &Option<Trusted>| side.as_ref().map(Trusted::keys).unwrap_or_default();
    let (before, after) = (keys(&old), keys(&new));
    let mut keys = |keys: Vec<&TrustedKey>, count: bool| {
        changes.extend(keys.into_iter().map(|key| Tokens {
            key: Some(key.id.clone()),
            subject: None,
            count,
        }));
    };
    keys(before.difference(&after).collect(), false);
    keys(after.difference(&before).collect(), true);
    // Who is revoked where no token counts anyway has nothing to lose.
    if let (Some(old), Some(new)) = (&old, &new) {
        let subjects = |side: &Trusted| -> BTreeSet<String> {
            side.revoked.subjects.iter().cloned().collect()
        };
        let (before, after) = (subjects(old), subjects(new));
        let mut subjects = |subjects: Vec<&String>, count: bool| {
            changes.extend(subjects.into_iter().map(|subject| Tokens {
                key: None,
                subject: Some(subject.clone()),
                count,
            }));
        };
        subjects(after.difference(&before).collect(), false);
        subjects(before.difference(&after).collect(), true);
    }
    changes
}

/// What makes a token count on one side.
struct Trusted {
    /// The canary's full name, which tokens are for.
    audience: String,
    keys: Vec<(String, PublicKey)>,
    revoked: Revoked,
}

/// Equal if the same tokens are signed with it, for the same canary.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct TrustedKey {
    id: String,
    key: String,
    audience: String,
}

impl Trusted {
    fn keys(&self) -> BTreeSet<TrustedKey> {
        let sound = self
            .keys
            .iter()
            .filter(|(id, _)| !self.revoked.keys.contains(id));
        let keys = sound.map(|(id, key)| TrustedKey {
            id: id.clone(),
            key: key.to_string(),
            audience: self.audience.clone(),
        });
        keys.collect()
    }
}

fn trusted(side: Side<'_>) -> Option<Trusted> {
    let SignedPins { keys, revoked, .. } = side.config.spec.pins.signed.clone()?;
    Some(Trusted {
        audience: side.config.full_name(),
        keys,
        revoked,
    })
}
