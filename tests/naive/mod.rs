//! The decision a second time, written from the pages in `docs/`: plain, slow, and without a line of
//! `src/policy`, `src/decide.rs` or `src/bucket.rs`, so that whoever errs in one of the two is found
//! out. [`check`] holds both against each other.
//!
//! | file | what | its page |
//! |---|---|---|
//! | here | the order of precedence, hosts, units | `docs/config.md` |
//! | `seen` | headers, cookies and parameters of a request | `docs/config.md` |
//! | `condition` | what a rule asks for | `docs/config.md` |
//! | `line` | shares at a time, who owns what, arms | `docs/bucketing.md` |
//! | `token` | signed pins | `docs/signed-pins.md` |
//! | `members` | baggage | `docs/propagation.md` |
//! | `check` | both decisions, compared | |

mod check;
mod condition;
pub(crate) mod line;
pub(crate) mod members;
mod seen;
mod token;

pub(crate) use check::{Asked, check};

use coalmine::config::{Callers, Canaries, Canary, Outcome, UnitSource, WhenNoUnit};
use seen::Seen;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// So many tokens of a request are looked at.
const TOKENS: usize = 4;

/// What comes out for a request of a host that a canary governs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The full name of the canary.
    pub(crate) canary: String,
    /// The variant that serves.
    pub(crate) variant: String,
    /// As in metrics.
    pub(crate) reason: String,
    /// `keep`, `replace` or `remove`.
    pub(crate) edit: &'static str,
    /// The unit that is handed out.
    pub(crate) issued: Option<String>,
    /// The arm and the slice that its response is counted in.
    pub(crate) arm: Option<(String, u8)>,
    /// Whether a pin was refused; not said where `never` settles it.
    pub(crate) refused: Option<bool>,
}

/// A variant, a reason, and what was drawn on the way.
struct Chosen {
    variant: String,
    reason: String,
    issued: Option<String>,
    arm: Option<(String, u8)>,
}

impl Chosen {
    fn given(variant: &str, reason: &str) -> Self {
        Self {
            variant: variant.to_owned(),
            reason: reason.to_owned(),
            issued: None,
            arm: None,
        }
    }
}

/// The order of `docs/config.md`, step by step.
fn decide(canaries: &Canaries, asked: &Asked) -> Option<Answer> {
    let seen = Seen::of(asked)?;
    let canary = governing(canaries, &seen)?;
    let spec = &canary.spec;
    let (pin, refused) = pinned(canary, &seen, asked.now);
    let inherited = || inherited(canaries, canary, &seen);
    let mut chosen = match pin.as_deref() {
        Some("never") => Chosen::given(&spec.default, "never"),
        Some(variant) => Chosen::given(variant, "pin"),
        None => match inherited() {
            Some(variant) => Chosen::given(&variant, "inherited"),
            None => by_rules_and_shares(canary, &seen, asked),
        },
    };
    if let Some(guard) = &spec.guard {
        let guarded = guard.variant.as_ref().unwrap_or(&chosen.variant) == &chosen.variant;
        let serves = chosen.variant == spec.default || chosen.reason == "pin";
        if guarded && !serves && asked.held.contains(&chosen.variant) {
            chosen.variant.clone_from(&spec.default);
            chosen.reason = "guard".to_owned();
        }
    }
    let header = seen.headers(&canaries.variant_header);
    let is_default = chosen.variant == spec.default;
    let edit = match header.as_slice() {
        [] if is_default => "keep",
        _ if is_default => "remove",
        [one] if *one == chosen.variant.as_bytes() => "keep",
        _ => "replace",
    };
    Some(Answer {
        canary: full_name(canary),
        edit,
        refused: (pin.as_deref() != Some("never")).then_some(refused),
        variant: chosen.variant,
        reason: chosen.reason,
        issued: chosen.issued,
        arm: chosen.arm,
    })
}

/// With a namespace in front, if there is one.
fn full_name(canary: &Canary) -> String {
    let namespace = canary.namespace.iter();
    let parts: Vec<&str> = namespace
        .chain([&canary.name])
        .map(|part| &**part)
        .collect();
    parts.join("/")
}

/// The canary that names the host, else the one whose wildcard says the most of it.
fn governing<'c>(canaries: &'c Canaries, seen: &Seen) -> Option<&'c Canary> {
    let mut best: Option<(usize, &Canary)> = None;
    for canary in &canaries.canaries {
        for host in &canary.spec.hosts {
            for name in names(host, canary.namespace.as_deref()) {
                let fits = match name.strip_prefix('*') {
                    Some(end) => {
                        let longer = seen.host.len() > end.len() || end.is_empty();
                        longer && seen.host.ends_with(end.as_bytes())
                    }
                    None => seen.host_is_whole && seen.host == name.as_bytes(),
                };
                // A name without a star beats each with one, and more of a name beats less.
                let weight = if name.starts_with('*') {
                    name.len()
                } else {
                    usize::MAX
                };
                if fits && best.is_none_or(|(known, _)| weight > known) {
                    best = Some((weight, canary));
                }
            }
        }
    }
    best.map(|(_, canary)| canary)
}

/// What a host of a config stands for.
fn names(host: &str, namespace: Option<&str>) -> Vec<String> {
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        return vec![format!("[{}]", host.to_lowercase())];
    }
    let name = String::from_utf8(seen::host(host.as_bytes())).unwrap();
    let mut names = vec![name.clone()];
    if let Some(namespace) = namespace.filter(|_| !name.contains(['.', '*', '['])) {
        names.push(format!("{name}.{namespace}"));
        names.push(format!("{name}.{namespace}.svc"));
        names.push(format!("{name}.{namespace}.svc.cluster.local"));
    }
    names
}

/// What is pinned, `never` or a variant, and whether a pin was refused.
fn pinned(canary: &Canary, seen: &Seen, now: i64) -> (Option<String>, bool) {
    let pins = &canary.spec.pins;
    let mut sent = Vec::new();
    sent.extend(pins.header.iter().flat_map(|name| seen.headers(name)));
    sent.extend(pins.cookie.iter().flat_map(|name| seen.cookies(name)));
    sent.extend(pins.query.iter().flat_map(|name| seen.parameters(name)));
    let (mut words, mut refused, mut tokens) = (Vec::new(), false, 0);
    for sent in sent {
        let word = sent.trim_ascii();
        let known = known_word(canary, word);
        let Some(signed) = &pins.signed else {
            words.extend(known);
            continue;
        };
        if word.contains(&b'.') {
            tokens += 1;
            let claimed = token::claimed(signed, &full_name(canary), word, now);
            let claimed = claimed.and_then(|word| known_word(canary, word.as_bytes()));
            refused |= claimed.is_none() || tokens > TOKENS;
            words.extend(claimed.filter(|_| tokens <= TOKENS));
        } else if signed.required && known.as_ref().is_some_and(|word| word != "never") {
            refused = true;
        } else {
            words.extend(known);
        }
    }
    let never = words.iter().position(|word| word == "never");
    (words.into_iter().nth(never.unwrap_or(0)), refused)
}

fn known_word(canary: &Canary, word: &[u8]) -> Option<String> {
    let variants = canary.spec.variants.iter().map(|(name, _)| name.as_str());
    let mut known = variants.chain(["never"]);
    let word = known.find(|known| known.as_bytes() == word)?;
    Some(word.to_owned())
}

/// What the first canary of the list gives that says something.
fn inherited(canaries: &Canaries, canary: &Canary, seen: &Seen) -> Option<String> {
    let inherit = canary.spec.inherit.as_ref()?;
    if canaries.edge || inherit.from == Callers::Nobody {
        return None;
    }
    let lines = seen.headers("baggage");
    inherit.canaries.iter().find_map(|heritage| {
        let key = format!("coalmine.{}", heritage.canary.replace('/', "."));
        let said = members::said(&lines, key.as_bytes())?;
        let mut variants = heritage.variants.iter();
        let (_, ours) = variants.find(|(theirs, _)| theirs.as_bytes() == said)?;
        Some(ours.clone())
    })
}

fn by_rules_and_shares(canary: &Canary, seen: &Seen, asked: &Asked) -> Chosen {
    let spec = &canary.spec;
    let mut rules = spec.rules.iter();
    let rule = rules.find(|rule| condition::holds(&rule.when, seen));
    let by_rule = rule.map(|rule| format!("rule:{}", rule.name));
    let shares: BTreeMap<String, u32> = match rule.map(|rule| &rule.outcome) {
        Some(Outcome::Route(variant)) => {
            return Chosen::given(variant, &by_rule.unwrap_or_default());
        }
        Some(Outcome::Shares(shares)) => shares
            .iter()
            .map(|(name, share)| (name.clone(), share.millionths()))
            .collect(),
        None => line::shares_at(spec, asked.now),
    };
    let parts = line::parts(spec, &shares);
    if parts.iter().all(|part| part.length == 0) {
        let reason = by_rule.as_deref().unwrap_or("default");
        return Chosen::given(&spec.default, reason);
    }
    let salt = salt(canary);
    let of_unit = |unit: &[u8]| xxh3_64(&[salt.as_bytes(), b"\x1f", unit].concat());
    let (hash, reason, issued) = match unit(canary, seen) {
        Some(unit) => (Some(of_unit(&unit)), "share", None),
        None => match spec.when_no_unit {
            WhenNoUnit::Default => (None, "no-unit", None),
            WhenNoUnit::Random => (Some(asked.draw as u64), "random", None),
            WhenNoUnit::IssueCookie => {
                let unit = format!("{:032x}", asked.draw);
                (Some(of_unit(unit.as_bytes())), "share", Some(unit))
            }
            WhenNoUnit::SourceAddress => match seen::address(asked.source.as_deref()) {
                Some(unit) => (Some(of_unit(unit)), "share", None),
                None => (None, "no-unit", None),
            },
        },
    };
    let owner = hash.and_then(|hash| line::owner(&parts, line::position(hash)));
    let counted = spec.evidence.is_some() && rule.is_none();
    Chosen {
        variant: owner.clone().unwrap_or_else(|| spec.default.clone()),
        reason: by_rule.unwrap_or_else(|| reason.to_owned()),
        issued,
        arm: hash
            .filter(|_| counted)
            .map(|hash| line::arm(&parts, &salt, hash, owner)),
    }
}

/// The canary's salt, else its full name; a revision stands behind it.
fn salt(canary: &Canary) -> String {
    let salt = canary.spec.salt.clone();
    let salt = salt.unwrap_or_else(|| full_name(canary));
    let rollout = canary.spec.rollout.as_ref();
    match rollout.and_then(|rollout| rollout.revision.as_ref()) {
        Some(revision) => format!("{salt}@{revision}"),
        None => salt,
    }
}

/// The first value that is not empty, source by source; what was issued before comes last.
fn unit(canary: &Canary, seen: &Seen) -> Option<Vec<u8>> {
    let spec = &canary.spec;
    let mut found = Vec::new();
    for source in &spec.unit {
        found.extend(match source {
            UnitSource::Header(name) => seen.headers(name),
            UnitSource::Cookie(name) => seen.cookies(name),
            UnitSource::Query(name) => seen.parameters(name),
        });
    }
    if spec.when_no_unit == WhenNoUnit::IssueCookie {
        let cookie = spec.issue_cookie.as_ref();
        let name = cookie.and_then(|cookie| cookie.name.as_deref());
        found.extend(seen.cookies(name.unwrap_or("coalmine-unit")));
    }
    found.into_iter().find(|unit| !unit.is_empty())
}
