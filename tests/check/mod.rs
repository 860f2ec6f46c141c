//! Runs a decision table against [`coalmine::decide()`].

use crate::request::{Fixed, Sent};
use crate::tables::format::{Case, Expected, Table};
use coalmine::config::read_json;
use coalmine::{Decision, HeaderEdit, Policy, Timestamp, decide};

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
            (decided != case.expected).then(|| {
                format!(
                    "{}, {}: {decided:?} instead of {:?}",
                    table.name, case.name, case.expected
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn decide_case(policy: &Policy, case: &Case) -> Option<Expected> {
    let chosen = case.source.is_some() || case.now.is_some() || case.draw.is_some();
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
    let moment = Fixed {
        now: Timestamp::parse(now).unwrap_or_else(|| panic!("{}: {now}", case.name)),
        draw: case.draw.unwrap_or_default(),
    };
    decide(policy, &request, &moment).map(|decision| shown(&decision))
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
