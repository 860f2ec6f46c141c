//! Random policies and requests that have something to do with each other, for the tests that hold
//! `explain`, `simulate` and the filter against each other, natively and on Envoy.

mod requests;

use coalmine::Timestamp;
use coalmine::bucket::{POSITIONS, Share};
use coalmine::config::{
    Callers, Canaries, Canary, Condition, Evidence, Guard, Heritage, Inherit, IssueCookie, Named,
    Outcome, Pins, Propagate, Protocol, RampPoint, Revoked, Rule, Shape, Shares, SignedPins, Spec,
    Test, UnitSource, Variant, WhenNoUnit, plugin_json, read_json,
};
use coalmine_analysis::sequence::Sequence;
use coalmine_cli::pin::PrivateKey;

/// When native requests come: between the points of the ramps.
pub(crate) const NOW: i64 = 1_800_000_000_000;

/// What headers, cookies and parameters say.
const VALUES: [&str; 9] = [
    "a", "b", "canary", "never", "staff", "ab-12", "x y", "", "bot/2",
];

const HEADERS: [&str; 4] = ["x-a", "x-b", "user-agent", "x-user-id"];
const COOKIES: [&str; 3] = ["s", "plan", "pin"];
/// Canaries that may have decided earlier, none of which is among those that are made.
const ANCESTORS: [&str; 3] = ["up", "ns/front", "other"];
const QUERIES: [&str; 3] = ["q", "pin", "v"];
const PATHS: [&str; 4] = ["/", "/beta/x", "/api/v1", "/a"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
/// Hosts of the first canaries, of which a condition may ask.
const HOSTS: [&str; 4] = ["h0", "h1.other", "a.w0", "elsewhere"];
const REGEXES: [&str; 4] = ["[a-c]+", r"ab-\d+", ".*", "bot.*|staff"];

/// What is random.
pub(crate) struct Random(Sequence);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Sequence::new(seed))
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_number() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick(&mut self, choices: &[&str]) -> String {
        choices[self.below(choices.len())].to_owned()
    }

    /// Canaries that the reader takes, for hosts of their own: `h0`, `h1` and so on.
    pub(crate) fn canaries(&mut self, count: usize) -> Canaries {
        let mut canaries = Canaries::default();
        for number in 0..count {
            // Now and then there is something that the reader refuses, such as two equal rules.
            let canary = loop {
                let alone = Canaries {
                    canaries: vec![self.canary(number)],
                    ..Canaries::default()
                };
                let json = plugin_json(&alone).unwrap();
                if let Ok(read) = read_json(json.as_bytes()) {
                    assert_eq!(read, alone, "{json}");
                    break alone.canaries.into_iter().next().unwrap();
                }
            };
            canaries.canaries.push(canary);
        }
        canaries
    }

    fn canary(&mut self, number: usize) -> Canary {
        let all = ["stable", "canary", "a", "b", "green"];
        let first = self.below(all.len());
        let names: Vec<&str> = (0..2 + self.below(3))
            .map(|at| all[(first + at) % all.len()])
            .collect();
        let drawn = names.len() - 1;
        let max = (drawn > 2).then(|| Share::from_millionths(POSITIONS / drawn as u32).unwrap());
        let default = names[self.below(names.len())];
        let variants = names.iter().map(|name| {
            let max = max.filter(|_| *name != default);
            let variant = Variant {
                max,
                ..Variant::default()
            };
            ((*name).to_owned(), variant)
        });
        let when_no_unit = match self.below(6) {
            0 => WhenNoUnit::Random,
            1 | 2 => WhenNoUnit::IssueCookie,
            3 => WhenNoUnit::SourceAddress,
            _ => WhenNoUnit::Default,
        };
        let issues = when_no_unit == WhenNoUnit::IssueCookie && self.one_in(2);
        let pins = Pins {
            header: self.one_in(2).then(|| "x-pin".to_owned()),
            cookie: self.one_in(2).then(|| "pin".to_owned()),
            query: self.one_in(2).then(|| "pin".to_owned()),
            signed: None,
        };
        let pins = match pins != Pins::default() && self.one_in(3) {
            true => Pins {
                signed: Some(self.signers()),
                ..pins
            },
            false => pins,
        };
        let drawn: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| *name != default)
            .collect();
        let mut rules: Vec<Rule> = (0..self.below(5))
            .map(|rule| self.rule(rule, &names, &drawn))
            .collect();
        if self.one_in(4) {
            // So many in one place that an index finds them.
            for number in rules.len()..rules.len() + 8 + self.below(8) {
                let when = self.condition_by_text();
                rules.push(Rule {
                    when,
                    ..self.rule(number, &names, &drawn)
                });
            }
        }
        let mut unit: Vec<UnitSource> = (0..self.below(4)).map(|_| self.unit_source()).collect();
        let mut seen = Vec::new();
        unit.retain(|source| {
            !seen.contains(source) && {
                seen.push(source.clone());
                true
            }
        });
        // The same for every policy of a number, so that a proxy's routes are for all of them.
        let hosts = ["h#", "h#.other", "*.w#"].map(|host| host.replace('#', &number.to_string()));
        Canary {
            name: format!("c{number}"),
            namespace: self.one_in(2).then(|| "ns".to_owned()),
            spec: Spec {
                hosts: hosts.into(),
                service: None,
                protocol: Protocol::default(),
                variants: variants.collect(),
                default: default.to_owned(),
                pins,
                rules,
                shares: self.shares(&drawn),
                unit,
                when_no_unit,
                issue_cookie: issues.then(|| IssueCookie {
                    name: Some("u".to_owned()),
                    ..IssueCookie::default()
                }),
                salt: self
                    .one_in(3)
                    .then(|| format!("salt-{}", self.below(1_000))),
                ramp: self.ramp(&drawn),
                propagate: self.propagate(),
                inherit: self.inherit(&names),
                guard: self.guard(&drawn),
                evidence: self.one_in(3).then(|| Evidence {
                    rest: self.one_in(2),
                    slower_than: [1, 250, 1_000, 3_600_000][self.below(5)..].to_vec(),
                }),
                rollout: None,
            },
        }
    }

    /// One that opens for nobody: what it counts needs more requests than a policy gets, and no other
    /// worker is asked.
    fn guard(&mut self, drawn: &[&str]) -> Option<Guard> {
        self.one_in(3).then(|| Guard {
            variant: self.one_in(2).then(|| self.pick(drawn)),
            min_requests: 1_000_000,
            ..Guard::default()
        })
    }

    fn signers(&mut self) -> SignedPins {
        let key = PrivateKey::from_seed(&[1; 32]).public();
        SignedPins {
            keys: vec![("one".to_owned(), key), ("old".to_owned(), key)],
            required: self.one_in(2),
            revoked: Revoked {
                subjects: vec!["mallory".to_owned()],
                keys: vec!["old".to_owned()],
            },
            // More than a test sends: an explanation has no budget.
            verifications_per_second: Some(1_000_000),
        }
    }

    /// Shares that have room beside each other, and each within its `max`.
    fn shares(&mut self, drawn: &[&str]) -> Shares {
        let room = POSITIONS as usize / drawn.len();
        let mut shares = Vec::new();
        for name in drawn {
            if !self.one_in(4) {
                let millionths = u32::try_from(self.below(room + 1)).unwrap();
                shares.push((
                    (*name).to_owned(),
                    Share::from_millionths(millionths).unwrap(),
                ));
            }
        }
        shares
    }

    /// Points in the past and the far future, so that no share moves while a test runs.
    fn ramp(&mut self, drawn: &[&str]) -> Vec<RampPoint> {
        const YEAR: i64 = 365 * 24 * 3600 * 1000;
        if !self.one_in(3) {
            return Vec::new();
        }
        let times = [NOW - 30 * YEAR, NOW - 20 * YEAR, NOW + 60 * YEAR];
        let mut points = Vec::new();
        for at in times {
            let shares = self.shares(drawn);
            if !shares.is_empty() {
                points.push(RampPoint {
                    at: Timestamp::from_unix_millis(at),
                    shape: match self.one_in(2) && !points.is_empty() {
                        true => Shape::Linear,
                        false => Shape::Step,
                    },
                    shares,
                });
            }
        }
        points
    }

    fn unit_source(&mut self) -> UnitSource {
        match self.below(3) {
            0 => UnitSource::Header(self.pick(&["x-user-id", "x-a"])),
            1 => UnitSource::Cookie(self.pick(&COOKIES)),
            _ => UnitSource::Query(self.pick(&QUERIES)),
        }
    }

    fn rule(&mut self, number: usize, names: &[&str], drawn: &[&str]) -> Rule {
        let shares = self.shares(drawn);
        Rule {
            name: format!("r{number}"),
            when: self.condition(3),
            outcome: match shares.is_empty() || self.one_in(2) {
                true => Outcome::Route(self.pick(names)),
                false => Outcome::Shares(shares),
            },
        }
    }

    fn condition(&mut self, depth: usize) -> Condition {
        let parts = |random: &mut Self| {
            (0..1 + random.below(3))
                .map(|_| random.condition(depth - 1))
                .collect()
        };
        match self.below(if depth == 0 { 7 } else { 10 }) {
            0 | 1 => Condition::Header(self.named(&HEADERS)),
            2 => Condition::Cookie(self.named(&COOKIES)),
            3 => Condition::Query(self.named(&QUERIES)),
            4 => Condition::Path(match self.below(5) {
                0 => Test::Prefix(self.pick(&PATHS)),
                1 => Test::Suffix(self.pick(&["x", "v1", "/a"])),
                2 => Test::Contains(self.pick(&["eta", "/", "v"])),
                3 => Test::Regex(self.pick(&["/[a-z]+", "/(api|beta)/.*"])),
                _ => Test::Exact(self.pick(&PATHS)),
            }),
            5 => Condition::Method(match self.below(3) {
                0 => Test::Exact(self.pick(&METHODS)),
                1 => Test::Prefix("P".to_owned()),
                _ => Test::In(vec![self.pick(&METHODS)]),
            }),
            6 => Condition::Host(match self.below(4) {
                0 => Test::Exact(self.pick(&HOSTS)),
                1 => Test::Prefix("h".to_owned()),
                2 => Test::Suffix(self.pick(&["0", ".other", ".w1"])),
                _ => Test::In(vec![self.pick(&HOSTS), self.pick(&HOSTS)]),
            }),
            7 => Condition::All(parts(self)),
            8 => Condition::Any(parts(self)),
            _ => Condition::Not(Box::new(self.condition(depth - 1))),
        }
    }

    /// One that needs a text in a header or the path, and perhaps something else.
    fn condition_by_text(&mut self) -> Condition {
        let long = |text: &&&str| text.len() >= 4;
        let values: Vec<&str> = VALUES.iter().filter(long).copied().collect();
        let test = |random: &mut Self, texts: &[&str]| match random.below(4) {
            0 => Test::Prefix(random.pick(texts)),
            1 => Test::Suffix(random.pick(texts)),
            2 => Test::Contains(random.pick(texts)),
            _ => Test::Regex(format!("{}.*", random.pick(texts))),
        };
        let name = self.pick(&["x-a", "x-a", "x-b"]);
        let header = Condition::Header(Named {
            name,
            test: test(self, &values),
        });
        let path = Condition::Path(test(self, &["/beta/x", "/api/v1", "/api", "beta"]));
        match self.below(5) {
            0 => Condition::All(vec![header, path]),
            1 => Condition::Any(vec![header, path]),
            2 => path,
            3 => Condition::All(vec![header, self.condition(1)]),
            _ => header,
        }
    }

    fn named(&mut self, names: &[&str]) -> Named {
        let filled = |random: &mut Self| random.pick(&VALUES[..7]);
        let test = match self.below(8) {
            0 | 1 => Test::Exact(self.pick(&VALUES)),
            2 => Test::In((0..1 + self.below(3)).map(|_| self.pick(&VALUES)).collect()),
            3 => Test::Prefix(filled(self)),
            4 => Test::Suffix(filled(self)),
            5 => Test::Contains(filled(self)),
            6 => Test::Regex(self.pick(&REGEXES)),
            _ => Test::Present(self.one_in(2)),
        };
        let name = self.pick(names);
        Named { name, test }
    }

    fn propagate(&mut self) -> Option<Propagate> {
        self.one_in(3).then(|| Propagate {
            baggage: !self.one_in(4),
        })
    }

    fn inherit(&mut self, names: &[&str]) -> Option<Inherit> {
        if !self.one_in(3) {
            return None;
        }
        let mut canaries: Vec<Heritage> = Vec::new();
        for _ in 0..1 + self.below(3) {
            let canary = self.pick(&ANCESTORS);
            if canaries.iter().any(|known| known.canary == canary) {
                continue;
            }
            let theirs = ["stable", "canary", "a"];
            let first = self.below(theirs.len());
            let variants = (0..1 + self.below(2)).map(|number| {
                let theirs = theirs[(first + number) % theirs.len()];
                (theirs.to_owned(), self.pick(names))
            });
            let variants = variants.collect();
            canaries.push(Heritage { canary, variants });
        }
        let from = match self.one_in(6) {
            true => Callers::Nobody,
            false => Callers::Mesh,
        };
        Some(Inherit { from, canaries })
    }
}
