//! Both decisions about one request, compared.

use super::seen::Seen;
use super::{Answer, condition, decide, governing};
use coalmine::config::{Canaries, plugin_json};
use coalmine::policy::CanaryPolicy;
use coalmine::{Decision, HeaderEdit, Moment, Policy, Reason, Request, Timestamp, VariantId};

/// A request, and the moment in which it comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Names in lower case, and values, pseudo-headers among them.
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The client's address.
    pub(crate) source: Option<Vec<u8>>,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    /// 128 random bits.
    pub(crate) draw: u128,
    /// The variants that their guards hold back.
    pub(crate) held: Vec<String>,
}

impl Request for Asked {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.source.clone()
    }
}

impl Moment for Asked {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.now)
    }

    fn draw(&self) -> u128 {
        self.draw
    }

    fn admits(&self, canary: &CanaryPolicy, variant: VariantId) -> bool {
        let name = canary.variant_name(variant);
        !self.held.iter().any(|held| held == name)
    }
}

/// Decides both ways; `policy` is that of `canaries`. What both say, `None` if nobody governs the
/// host.
///
/// # Panics
/// They differ.
pub(crate) fn check(canaries: &Canaries, policy: &Policy, asked: &Asked) -> Option<Answer> {
    let decision = coalmine::decide(policy, asked, asked);
    let decided = decision.map(|decision| answer(&decision));
    let open = || {
        let seen = Seen::of(asked)?;
        let canary = governing(canaries, &seen)?;
        Some(condition::may_run_out(canary, &seen))
    };
    if open() != Some(true) {
        let naive = decide(canaries, asked);
        assert!(
            decided == naive,
            "decided {decided:#?}\nnaively {naive:#?}\n{}\n{}",
            plugin_json(canaries).unwrap(),
            shown(asked),
        );
    }
    decided
}

fn answer(decision: &Decision<'_>) -> Answer {
    Answer {
        canary: decision.canary.name().to_owned(),
        variant: decision.variant_name().to_owned(),
        reason: decision.reason_name().to_string(),
        edit: match decision.edit {
            HeaderEdit::Keep => "keep",
            HeaderEdit::Replace => "replace",
            HeaderEdit::Remove => "remove",
        },
        issued: decision.issued.map(|unit| unit.as_str().to_owned()),
        arm: decision
            .drawn
            .map(|drawn| (drawn.arm.name(decision.canary).to_owned(), drawn.slice)),
        refused: (decision.reason != Reason::Never).then(|| !decision.refused.is_empty()),
    }
}

fn shown(asked: &Asked) -> String {
    let headers = asked.headers.iter();
    let headers: Vec<String> = headers
        .map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii()))
        .collect();
    let Asked {
        source,
        now,
        draw,
        held,
        ..
    } = asked;
    format!(
        "{}\n{source:?}, {now}, {draw:x}, held {held:?}",
        headers.join("\n")
    )
}
