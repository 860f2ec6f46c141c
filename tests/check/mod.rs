//! Runs a decision table against [`coalmine::decide()`].

use crate::request::{Fixed, Sent};
use crate::tables::format::{Baggage, Case, Expected, Table};
use coalmine::baggage::{BaggageEdit, Dropped};
use coalmine::config::read_json;
use coalmine::policy::CanaryPolicy;
use coalmine::{Decision, HeaderEdit, Moment, Policy, Timestamp, VariantId, decide};

/// Decides every case of a table.
///
/// # Panics
/// With every case that came out otherwise.
pub(crate) fn check(table: &Table) {
    let canaries = read_json(table.config.as_bytes())
        .unwrap_or_else(|found| panic!("{}: {found:#?}", table.name));
    let policy = Policy::compile(&canaries);
    let wrong: Vec<String> = table
        .cases
        .iter()
        .filter_map(|case| {
            let decided = decide_case(&policy, case);
            let expected = (case.expected.clone(), case.baggage.clone());
            (decided != expected).then(|| {
                format!(
                    "{}, {}: {decided:?} instead of {expected:?}",
                    table.name, case.name
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A moment in which guards hold these variants back.
struct HoldingBack<'c> {
    fixed: Fixed,
    held: &'c [String],
}

impl Moment for HoldingBack<'_> {
    fn now(&self) -> Timestamp {
        self.fixed.now()
    }

    fn draw(&self) -> u128 {
        self.fixed.draw()
    }

    fn admits(&self, canary: &CanaryPolicy, variant: VariantId) -> bool {
        let name = canary.variant_name(variant);
        assert!(
            variant != canary.default_variant(),
            "asked about the default"
        );
        !self.held.iter().any(|held| held == name)
    }
}

fn decide_case(policy: &Policy, case: &Case) -> (Option<Expected>, Baggage) {
    let chosen =
        case.source.is_some() || case.now.is_some() || case.draw.is_some() || !case.held.is_empty();
    let unsendable = chosen || case.host.is_none();
    assert!(
        case.pure.is_some() || !unsendable,
        "{}: no proxy can be asked this, so it needs `pure`",
        case.name
    );
    let request = Sent {
        source: case.source.clone(),
        ..Sent::new(
            &case.method,
            case.host.as_deref(),
            &case.path,
            &case.headers,
        )
    };
    let now = case.now.as_deref().unwrap_or("2026-11-23T00:00:00Z");
    let moment = HoldingBack {
        fixed: Fixed {
            now: Timestamp::parse(now).unwrap_or_else(|| panic!("{}: {now}", case.name)),
            draw: case.draw.unwrap_or_default(),
        },
        held: &case.held,
    };
    let decision = decide(policy, &request, &moment);
    let sent = case.headers.iter().filter(|(name, _)| name == b"baggage");
    let sent = sent.map(|(_, value)| value.clone());
    let onward = policy.send_on(&request, decision.as_ref());
    let baggage = Baggage {
        lines: match onward.as_ref().map(|onward| &onward.edit) {
            None | Some(BaggageEdit::Keep) => sent.collect(),
            Some(BaggageEdit::Replace(line)) => vec![line.clone()],
            Some(BaggageEdit::Remove) => Vec::new(),
        },
        dropped: onward
            .and_then(|onward| onward.dropped)
            .map(|why| Dropped::name(why).to_owned()),
    };
    (decision.map(|decision| shown(&decision)), baggage)
}

fn shown(decision: &Decision<'_>) -> Expected {
    Expected {
        variant: decision.variant_name().to_owned(),
        reason: decision.reason_name().to_string(),
        edit: match decision.edit {
            HeaderEdit::Keep => "keep",
            HeaderEdit::Replace => "replace",
            HeaderEdit::Remove => "remove",
        }
        .to_owned(),
        issued: decision.issued.map(|unit| unit.as_str().to_owned()),
        refused: decision
            .refused
            .iter()
            .map(|cause| cause.word().to_owned())
            .collect(),
    }
}
