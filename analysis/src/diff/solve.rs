//! Requests made from the conditions of both policies.
//!
//! A decision depends on a request only by which tests its values pass. So the values of each place
//! fall into kinds (`place`), and if all kinds of all places together are few enough, every request
//! that matters is tried. If not, each condition is solved for itself, for pairs of rules of both
//! sides, and against the rules before it; that is a bounded search which may miss something, and
//! says so.

use super::made::Example;
use super::place::{Place, Site};
use super::scope::Scope;
use coalmine::baggage;
use coalmine::config::{Condition, NEVER, Named, Test};
use std::collections::BTreeSet;

/// Every combination is tried if there are at most so many.
const EVERY: usize = 20_000;

/// Solving stops at so many requests.
const SOLVED: usize = 20_000;

/// A condition is taken apart into at most so many ways to fulfil it.
const WAYS: usize = 48;

/// What is to be tried.
pub(super) struct Tries {
    pub(super) examples: Vec<Example>,
    pub(super) exhaustive: bool,
}

/// A condition over numbered places and tests.
enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    Test(usize, usize),
}

/// A test that must pass or fail: place, test, which.
type Literal = (usize, usize, bool);

/// A kind of value for each place.
type Kinds = Vec<usize>;

struct Solver {
    sites: Vec<Site>,
    rules: [Vec<Tree>; 2],
}

/// The requests that both policies are asked about, the shortest first.
pub(super) fn tries(scope: &Scope<'_>) -> Tries {
    let mut solver = Solver::new(scope);
    for site in &mut solver.sites {
        site.classify(&scope.hosts);
    }
    let known = solver
        .sites
        .iter()
        .all(|site| site.exhaustive && site.place.can_be_filled());
    let product = solver.sites.iter().try_fold(1usize, |product, site| {
        let product = product.checked_mul(site.classes.len())?;
        (product <= EVERY).then_some(product)
    });
    let kinds = match product {
        Some(_) => solver.every(),
        None => solver.solved(),
    };
    let host = scope.hosts.first().cloned().unwrap_or_default();
    let mut examples: Vec<Example> = kinds
        .iter()
        .map(|kinds| solver.example(kinds, &host))
        .collect();
    examples.sort_by_cached_key(Example::size);
    Tries {
        examples,
        exhaustive: known && product.is_some(),
    }
}

impl Solver {
    fn new(scope: &Scope<'_>) -> Self {
        let mut sites = Vec::new();
        let mut words: Vec<String> = vec![NEVER.to_owned()];
        for side in scope.sides() {
            let names = side.config.spec.variants.iter();
            words.extend(names.map(|(name, _)| name.clone()));
        }
        words.sort();
        words.dedup();
        for side in scope.sides() {
            let pins = &side.config.spec.pins;
            let places = [
                pins.header.clone().map(Place::Header),
                pins.cookie.clone().map(Place::Cookie),
                pins.query.clone().map(Place::Query),
            ];
            for place in places.into_iter().flatten() {
                let site = site(&mut sites, place);
                for word in &words {
                    sites[site].test(&Test::Exact(word.clone()));
                }
            }
        }
        for side in scope.sides() {
            for (key, theirs) in inherited(side) {
                let site = site(&mut sites, Place::Member(key));
                sites[site].test(&Test::Exact(theirs.to_owned()));
            }
        }
        if scope.hosts.len() > 1 {
            site(&mut sites, Place::Host);
        }
        let mut trees = |side: Option<super::scope::Side<'_>>| {
            let rules = side.into_iter().flat_map(|side| &side.config.spec.rules);
            rules.map(|rule| tree(&rule.when, &mut sites)).collect()
        };
        let rules = [trees(scope.old), trees(scope.new)];
        Self { sites, rules }
    }

    fn every(&self) -> Vec<Kinds> {
        let mut all = vec![Kinds::new()];
        for site in &self.sites {
            let longer = all.iter().flat_map(|kinds| {
                (0..site.classes.len()).map(move |class| [kinds.as_slice(), &[class]].concat())
            });
            all = longer.collect();
        }
        all
    }

    fn solved(&self) -> Vec<Kinds> {
        let mut found = BTreeSet::new();
        let neutral = vec![0; self.sites.len()];
        self.with_neighbours(&neutral, &mut found);
        // Which of two members counts may differ, whatever else there is.
        for (site, known) in self.sites.iter().enumerate() {
            let classes = match known.place {
                Place::Member(_) => 1..known.classes.len(),
                _ => 0..0,
            };
            for class in classes {
                let mut said = neutral.clone();
                said[site] = class;
                self.with_neighbours(&said, &mut found);
            }
        }
        let [old, new] = &self.rules;
        let both = [(old, new), (new, old)];
        let mut bases = Vec::new();
        for (own, _) in both {
            for (number, rule) in own.iter().enumerate() {
                for way in self.ways(rule, true) {
                    bases.extend(self.past_earlier(&way, &own[..number]));
                }
            }
        }
        for base in bases {
            self.with_neighbours(&base, &mut found);
        }
        // Both rules at once, which differs if they stand in another order on the other side.
        for one in old {
            let ways = self.ways(one, true);
            for other in new {
                for other in self.ways(other, true).into_iter().take(4) {
                    for way in ways.iter().take(4) {
                        if found.len() >= SOLVED {
                            return found.into_iter().collect();
                        }
                        let both = [way.as_slice(), &other].concat();
                        found.extend(self.fulfilling(&both));
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    /// The request, and those that differ from it in one place.
    fn with_neighbours(&self, kinds: &Kinds, found: &mut BTreeSet<Kinds>) {
        found.insert(kinds.clone());
        for (site, known) in self.sites.iter().enumerate() {
            for class in 0..known.classes.len() {
                if found.len() >= SOLVED {
                    return;
                }
                let mut other = kinds.clone();
                other[site] = class;
                found.insert(other);
            }
        }
    }

    /// A way to fulfil a rule, and the same with what keeps the rules before it from matching.
    fn past_earlier(&self, way: &[Literal], earlier: &[Tree]) -> Vec<Kinds> {
        let mut way = way.to_vec();
        let mut found = Vec::new();
        for _ in 0..16 {
            let Some(kinds) = self.fulfilling(&way) else {
                return found;
            };
            let first = earlier.iter().find(|rule| self.holds(rule, &kinds));
            found.push(kinds);
            let Some(first) = first else {
                return found;
            };
            let ways = self.ways(first, false).into_iter();
            let longer = ways
                .map(|without| [way.as_slice(), &without].concat())
                .find(|longer| self.fulfilling(longer).is_some());
            match longer {
                Some(longer) => way = longer,
                None => return found,
            }
        }
        found
    }

    /// The shortest values that pass and fail what they must.
    fn fulfilling(&self, way: &[Literal]) -> Option<Kinds> {
        let mut kinds = vec![0; self.sites.len()];
        for (number, site) in self.sites.iter().enumerate() {
            let mut own = way.iter().filter(|(place, ..)| *place == number).peekable();
            if own.peek().is_none() {
                continue;
            }
            let own: Vec<&Literal> = own.collect();
            let fits =
                |passes: &[bool]| own.iter().all(|(_, test, wanted)| passes[*test] == *wanted);
            let mut classes = site.classes.iter();
            kinds[number] = classes.position(|class| fits(&class.passes))?;
        }
        Some(kinds)
    }

    fn holds(&self, tree: &Tree, kinds: &Kinds) -> bool {
        match tree {
            Tree::All(parts) => parts.iter().all(|part| self.holds(part, kinds)),
            Tree::Any(parts) => parts.iter().any(|part| self.holds(part, kinds)),
            Tree::Not(part) => !self.holds(part, kinds),
            Tree::Test(site, test) => {
                let class = self.sites[*site].classes.get(kinds[*site]);
                class.is_some_and(|class| class.passes[*test])
            }
        }
    }

    /// Ways to fulfil a condition, or to fail it.
    fn ways(&self, tree: &Tree, wanted: bool) -> Vec<Vec<Literal>> {
        let mut ways = match (tree, wanted) {
            (Tree::Test(site, test), _) => vec![vec![(*site, *test, wanted)]],
            (Tree::Not(part), _) => self.ways(part, !wanted),
            (Tree::Any(parts), true) | (Tree::All(parts), false) => {
                let ways = parts.iter().flat_map(|part| self.ways(part, wanted));
                ways.take(WAYS).collect()
            }
            (Tree::All(parts), true) | (Tree::Any(parts), false) => {
                parts.iter().fold(vec![Vec::new()], |ways, part| {
                    let more = self.ways(part, wanted);
                    let pairs = ways.iter().flat_map(|way: &Vec<Literal>| {
                        more.iter().map(move |more| [way.as_slice(), more].concat())
                    });
                    let possible = pairs.filter(|way| self.fulfilling(way).is_some());
                    possible.take(WAYS).collect()
                })
            }
        };
        ways.truncate(WAYS);
        ways
    }

    fn example(&self, kinds: &Kinds, host: &str) -> Example {
        let mut example = Example {
            host: host.to_owned(),
            ..Example::default()
        };
        for (site, class) in self.sites.iter().zip(kinds) {
            if let Some(class) = site
                .classes
                .get(*class)
                .filter(|_| site.place.can_be_filled())
            {
                site.place.fill(&class.values, &mut example);
            }
        }
        example
    }
}

/// The members of the baggage that decide on a side: their keys, and what they may say.
fn inherited(side: super::scope::Side<'_>) -> impl Iterator<Item = (String, &str)> {
    let inherit = side
        .config
        .spec
        .inherit
        .as_ref()
        .filter(|_| side.inherits());
    let canaries = inherit.map_or(&[][..], |inherit| &inherit.canaries);
    canaries.iter().flat_map(|ancestor| {
        let key = baggage::key(&ancestor.canary);
        let theirs = ancestor.variants.iter();
        theirs.map(move |(theirs, _)| (key.clone(), theirs.as_str()))
    })
}

/// The number of a place.
fn site(sites: &mut Vec<Site>, place: Place) -> usize {
    if let Some(known) = sites.iter().position(|site| site.place == place) {
        return known;
    }
    sites.push(Site::new(place));
    sites.len() - 1
}

fn tree(condition: &Condition, sites: &mut Vec<Site>) -> Tree {
    let mut test = |place, test: &Test| {
        let number = site(sites, place);
        Tree::Test(number, sites[number].test(test))
    };
    let named = |named: &Named| named.name.clone();
    match condition {
        Condition::All(parts) => Tree::All(parts.iter().map(|part| tree(part, sites)).collect()),
        Condition::Any(parts) => Tree::Any(parts.iter().map(|part| tree(part, sites)).collect()),
        Condition::Not(part) => Tree::Not(Box::new(tree(part, sites))),
        Condition::Header(of) => test(Place::Header(named(of)), &of.test),
        Condition::Cookie(of) => test(Place::Cookie(named(of)), &of.test),
        Condition::Query(of) => test(Place::Query(named(of)), &of.test),
        Condition::Path(of) => test(Place::Path, of),
        Condition::Method(of) => test(Place::Method, of),
        Condition::Host(of) => test(Place::Host, of),
    }
}
