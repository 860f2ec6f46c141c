//! Rules in order, where the first that matches wins.
//!
//! A rule that can match only when some value equals one of a few constants is found by that value
//! in a hash table, and one that needs a text in a value by that text, where several do ([`needles`]);
//! the others are tried in turn, and passed over without a look at their condition
//! when a value they need is not in the request. So a thousand rules by exact value cost what one
//! costs, and as many by prefix hardly more. The index proposes, the condition decides: both ways give the same answer, which a
//! property test holds them to.
//!
//! [`needles`]: super::needles

use super::VariantId;
use super::condition::{Condition, Tell};
use super::keys::{Key, Needle, Place};
use super::line::FixedShares;
use super::needles::{Found, Frequency, Needles};
use super::reads::{Slot, Values};
use super::table::Table;
use crate::Request;

/// With fewer texts than this in one place each is looked for by itself.
const FEW: usize = 6;

/// How often pieces are in the texts of a place.
type Frequencies = (Place, Frequency);

/// The rules of a canary.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    /// Rules by a value that they need, in their order.
    indexed: Vec<(Slot, Table<Vec<usize>>)>,
    /// Rules by a text that they need.
    needles: Vec<(Place, Needles)>,
    /// The other rules, in their order.
    scanned: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Box<str>,
    pub(super) condition: Condition,
    pub(super) outcome: RuleOutcome,
    needs: u64,
}

/// What a rule gives.
#[derive(Debug)]
pub(crate) enum RuleOutcome {
    Variant(VariantId),
    Shares(FixedShares),
}

impl Rule {
    pub(super) fn new(name: &str, condition: Condition, outcome: RuleOutcome) -> Self {
        Self {
            name: name.into(),
            needs: condition.needs(),
            condition,
            outcome,
        }
    }

    fn matches<R: Request>(&self, values: &Values<'_, R>) -> bool {
        self.needs & !values.present() == 0 && self.condition.matches(values)
    }
}

impl Rules {
    /// Rules in their order, each with what it can be found by.
    pub(super) fn of(all: Vec<(Rule, Key<'_>)>) -> Self {
        let mut rules = Self::default();
        let frequencies = frequencies(&all);
        for (number, (rule, key)) in all.into_iter().enumerate() {
            rules.rules.push(rule);
            let found = match key {
                Key::Values(slot, values) => rules.index(number, slot, &values),
                Key::Needles(texts) => rules.index_by_text(number, &texts, &frequencies),
                Key::Nothing => false,
            };
            if !found {
                rules.scanned.push(number);
            }
        }
        rules.settle();
        rules
    }

    fn index(&mut self, rule: usize, slot: Slot, values: &[&[u8]]) -> bool {
        let Some(table) = entry(&mut self.indexed, slot) else {
            return false;
        };
        for value in values {
            if let Some(rules) = table.entry(value, Vec::new) {
                rules.push(rule);
            }
        }
        true
    }

    /// By the rarest of its texts. False if it has to be tried.
    fn index_by_text(&mut self, rule: usize, texts: &[Needle<'_>], all: &[Frequencies]) -> bool {
        let keys = texts.iter().filter_map(|needle| {
            let (_, frequency) = all.iter().find(|(place, _)| *place == needle.place)?;
            Some((needle, frequency.rarest(needle.text)?))
        });
        let rarest = keys.min_by_key(|(_, (_, often))| *often);
        rarest.is_some_and(|(needle, (piece, _))| {
            entry(&mut self.needles, needle.place)
                .is_some_and(|needles| needles.add(rule, piece, needle.reach))
        })
    }

    /// Gives back the room that no more rules need.
    fn settle(&mut self) {
        self.rules.shrink_to_fit();
        self.scanned.shrink_to_fit();
        self.indexed.shrink_to_fit();
        for (_, table) in &mut self.indexed {
            table.settle();
            table.values_mut().for_each(Vec::shrink_to_fit);
        }
        self.needles.shrink_to_fit();
        self.needles
            .iter_mut()
            .for_each(|(_, needles)| needles.settle());
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(crate) fn name(&self, rule: usize) -> &str {
        self.rules.get(rule).map_or("", |rule| &rule.name)
    }

    #[inline]
    pub(crate) fn outcome(&self, rule: usize) -> Option<&RuleOutcome> {
        self.rules.get(rule).map(|rule| &rule.outcome)
    }

    /// Tells what each condition of a rule finds, see [`Condition::observe`].
    pub(crate) fn observe<R: Request>(
        &self,
        rule: usize,
        values: &Values<'_, R>,
        tell: &mut Tell<'_>,
    ) {
        if let Some(rule) = self.rules.get(rule) {
            rule.condition.observe(values, tell);
        }
    }

    /// The first rule that matches.
    pub(crate) fn first_match<R: Request>(&self, values: &Values<'_, R>) -> Option<usize> {
        let mut best = usize::MAX;
        for (slot, table) in &self.indexed {
            values.any(*slot, |value| {
                if let Some(proposed) = table.get(value) {
                    best = best.min(self.first_of(proposed, best, values));
                }
                false
            });
        }
        for (place, needles) in &self.needles {
            let mut found = Found::default();
            let mut look = |value| {
                needles.look(value, &mut found);
                false
            };
            match place {
                Place::Slot(slot) => values.any(*slot, look),
                Place::Path => look(values.path),
                Place::Host => look(values.host.as_bytes()),
            };
            for proposed in needles.proposed(&found) {
                best = best.min(self.first_of(proposed, best, values));
            }
        }
        best = best.min(self.first_of(&self.scanned, best, values));
        (best != usize::MAX).then_some(best)
    }

    /// The first of `numbers` below `limit` whose rule matches; `usize::MAX` if none does.
    fn first_of<R: Request>(
        &self,
        numbers: &[usize],
        limit: usize,
        values: &Values<'_, R>,
    ) -> usize {
        numbers
            .iter()
            .take_while(|&&number| number < limit)
            .find(|&&number| {
                self.rules
                    .get(number)
                    .is_some_and(|rule| rule.matches(values))
            })
            .map_or(usize::MAX, |&number| number)
    }
}

/// What there is for a key, made if there is nothing yet; always `Some`.
fn entry<K: PartialEq, T: Default>(all: &mut Vec<(K, T)>, key: K) -> Option<&mut T> {
    let known = all.iter().position(|(known, _)| *known == key);
    let place = known.unwrap_or(all.len());
    if known.is_none() {
        all.push((key, T::default()));
    }
    all.get_mut(place).map(|(_, value)| value)
}

/// How often pieces are in the texts of the places where there are enough of them.
fn frequencies(all: &[(Rule, Key<'_>)]) -> Vec<Frequencies> {
    let needles = || {
        let needles = all.iter().map(|(_, key)| match key {
            Key::Needles(needles) => needles.as_slice(),
            Key::Values(..) | Key::Nothing => &[],
        });
        needles.flatten()
    };
    let mut texts: Vec<(Place, usize)> = Vec::new();
    for needle in needles() {
        if let Some(texts) = entry(&mut texts, needle.place) {
            *texts = texts.saturating_add(1);
        }
    }
    let enough = texts.iter().filter(|(_, texts)| *texts >= FEW);
    let mut found: Vec<Frequencies> = enough
        .map(|(place, _)| (*place, Frequency::default()))
        .collect();
    for needle in needles() {
        let of_place = found.iter_mut().find(|(place, _)| *place == needle.place);
        if let Some((_, frequency)) = of_place {
            frequency.count(needle.text);
        }
    }
    found
}
