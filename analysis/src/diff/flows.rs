//! Two lines over each other.

use coalmine::bucket::POSITIONS;
use coalmine::policy::{self, CanaryPolicy};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A part of all users, in units of 10^-12: a millionth of a millionth, so that the product of two
/// shares is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part(u64);

/// Stretches of the line with their owners, from its start to its end without a gap.
pub(super) type Owners = Vec<(u32, u32, String)>;

/// Who goes where: the part, and where those lie on the old and on the new line.
pub(super) struct Stream {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) part: Part,
    pub(super) stretches: Vec<Stretch>,
}

/// A stretch of the old line and one of the new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) old: (u32, u32),
    pub(super) new: (u32, u32),
}

impl Part {
    /// All users.
    pub const ALL: Self = Self(1_000_000_000_000);

    /// So many positions of the line.
    pub fn of_positions(positions: u32) -> Self {
        Self(u64::from(positions) * 1_000_000)
    }

    /// The share, 0 to 1.
    pub fn share(self) -> f64 {
        self.0 as f64 / 1e12
    }

    fn product(one: u32, other: u32) -> Self {
        Self(u64::from(one) * u64::from(other))
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl fmt::Display for Part {
    /// As a percentage, with all its digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PERCENT: u64 = 10_000_000_000;
        let decimals = format!("{:010}", self.0 % PERCENT);
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{}%", self.0 / PERCENT),
            decimals => write!(f, "{}.{decimals}%", self.0 / PERCENT),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.share())
    }
}

/// Who owns what, by the parts of the variants beside the default.
pub(super) fn owners(canary: &CanaryPolicy, parts: &[policy::Part]) -> Owners {
    let mut cuts = vec![0, POSITIONS];
    for part in parts {
        cuts.push(part.start.min(POSITIONS));
        cuts.push(
            part.start
                .saturating_add(part.share.millionths())
                .min(POSITIONS),
        );
    }
    cuts.sort_unstable();
    cuts.dedup();
    let stretches = cuts.windows(2).map(|cut| {
        let (start, end) = (cut[0], cut[1]);
        // The first that has it, as in the decision.
        let owner = parts.iter().find(|part| {
            let end = part.start.saturating_add(part.share.millionths());
            (part.start..end).contains(&start)
        });
        let owner = owner.map_or(canary.default_variant(), |part| part.variant);
        (start, end, canary.variant_name(owner).to_owned())
    });
    stretches.collect()
}

/// Everyone has one variant.
pub(super) fn one_owner(variant: &str) -> Owners {
    vec![(0, POSITIONS, variant.to_owned())]
}

/// Who goes from one variant to another, by the names of both. With the `same` position on both
/// lines they are laid over each other; else the positions know nothing of each other.
pub(super) fn streams(old: &Owners, new: &Owners, same: bool) -> Vec<Stream> {
    let mut streams: BTreeMap<(&str, &str), Stream> = BTreeMap::new();
    for (old_start, old_end, from) in old {
        for (new_start, new_end, to) in new {
            if from == to {
                continue;
            }
            let (part, stretch) = if same {
                let start = *old_start.max(new_start);
                let end = *old_end.min(new_end);
                let stretch = Stretch {
                    old: (start, end),
                    new: (start, end),
                };
                (Part::of_positions(end.saturating_sub(start)), stretch)
            } else {
                let stretch = Stretch {
                    old: (*old_start, *old_end),
                    new: (*new_start, *new_end),
                };
                (
                    Part::product(old_end - old_start, new_end - new_start),
                    stretch,
                )
            };
            if part == Part::default() {
                continue;
            }
            let stream = streams.entry((from, to)).or_insert_with(|| Stream {
                from: from.clone(),
                to: to.clone(),
                part: Part::default(),
                stretches: Vec::new(),
            });
            stream.part = stream.part.plus(part);
            stream.stretches.push(stretch);
        }
    }
    let mut streams: Vec<Stream> = streams.into_values().collect();
    streams.sort_by_key(|stream| std::cmp::Reverse(stream.part));
    streams
}

/// All that move.
pub(super) fn sum(streams: &[Stream]) -> Part {
    let parts = streams.iter().map(|stream| stream.part);
    parts.fold(Part::default(), Part::plus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_over_each_other() {
        let line = |cuts: &[(u32, &str)]| {
            let mut start = 0;
            let stretches = cuts.iter().map(|(end, owner)| {
                let from = std::mem::replace(&mut start, *end);
                (from, *end, (*owner).to_owned())
            });
            stretches.collect::<Owners>()
        };
        let check = |old: &[(u32, &str)], new: &[(u32, &str)], same, expected: &[&str]| {
            let streams = streams(&line(old), &line(new), same);
            let said: Vec<String> = streams
                .iter()
                .map(|stream| format!("{} {} {}", stream.from, stream.to, stream.part))
                .collect();
            assert_eq!(said, expected);
        };
        const END: u32 = POSITIONS;
        let five = [(50_000, "c"), (END, "s")];
        let twenty = [(200_000, "c"), (END, "s")];
        check(&five, &five, true, &[]);
        check(&five, &twenty, true, &["s c 15%"]);
        check(&twenty, &five, true, &["c s 15%"]);
        // Another salt: 5 % leave with 80 %, and 95 % join with 20 %.
        check(&five, &twenty, false, &["s c 19%", "c s 4%"]);
        check(
            &[(1, "c"), (END, "s")],
            &[(1, "c"), (END, "s")],
            false,
            &["c s 0.0000999999%", "s c 0.0000999999%"],
        );
        check(&[(END, "s")], &twenty, false, &["s c 20%"]);
    }
}
