//! Rules in order, where the first that matches wins.
//!
//! A rule that can match only when some value equals one of a few constants is found by that value
//! in a hash table; the others are tried in turn, and passed over without a look at their condition
//! when a value they need is not in the request. So a thousand rules by exact value cost what one
//! costs. The index proposes, the condition decides: both ways give the same answer, which a
//! property test holds them to.

use super::VariantId;
use super::condition::{Condition, Tell};
use super::line::FixedShares;
use super::reads::{Slot, Values};
use super::table::Table;
use crate::Request;

/// The rules of a canary.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    /// Rules by a value that they need, in their order.
    indexed: Vec<(Slot, Table<Vec<usize>>)>,
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
    /// Adds the next rule; `keys` are the constants of one slot of which it needs one, if there are
    /// such.
    pub(super) fn push(&mut self, rule: Rule, keys: Option<(Slot, Vec<&[u8]>)>) {
        let number = self.rules.len();
        self.rules.push(rule);
        let Some((slot, keys)) = keys else {
            self.scanned.push(number);
            return;
        };
        let known = self.indexed.iter().position(|(known, _)| *known == slot);
        if known.is_none() {
            self.indexed.push((slot, Table::default()));
        }
        let index = known.unwrap_or(self.indexed.len().saturating_sub(1));
        if let Some((_, table)) = self.indexed.get_mut(index) {
            for key in keys {
                if let Some(numbers) = table.entry(key, Vec::new) {
                    numbers.push(number);
                }
            }
        }
    }

    /// Gives back the room that no more rules need.
    pub(super) fn settle(&mut self) {
        self.rules.shrink_to_fit();
        self.scanned.shrink_to_fit();
        self.indexed.shrink_to_fit();
        for (_, table) in &mut self.indexed {
            table.settle();
            table.values_mut().for_each(Vec::shrink_to_fit);
        }
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
