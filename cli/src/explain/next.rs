//! When the ramp gives a request another variant.
//!
//! The decision itself is asked at other times. Between two points of a ramp every share only grows
//! or only shrinks, so whoever leaves a variant does not come back before the next point: halving
//! the time between finds the very millisecond.

use super::explanation::Change;
use coalmine::config::Canary;
use coalmine::{Decision, Moment, Policy, Reason, Request, Timestamp, VariantId, decide};

/// The next change from the moment on; `None` if there is none, or if the request is drawn anew each
/// time.
pub(super) fn change(
    policy: &Policy,
    canary: &Canary,
    request: &impl Request,
    moment: &impl Moment,
    decision: &Decision<'_>,
) -> Option<Change> {
    // A request without a unit may come to be drawn by a share that begins later.
    if !matches!(decision.reason, Reason::Share | Reason::Default) {
        return None;
    }
    let at = |time: i64| {
        let moment = At {
            now: Timestamp::from_unix_millis(time),
            moment,
        };
        let then = decide(policy, request, &moment)?;
        // A unit that would only be issued then is not this request's.
        let known = then.issued.is_some() == decision.issued.is_some();
        (known && then.reason != Reason::Random).then_some(then)
    };
    let variant_at = |time: i64| -> Option<VariantId> { Some(at(time)?.variant) };
    let mut from = moment.now().unix_millis();
    for point in &canary.spec.ramp {
        let to = point.at.unix_millis();
        if to <= from {
            continue;
        }
        if variant_at(to)? != decision.variant {
            let (mut still, mut changed) = (from, to);
            while let Some(between) = middle(still, changed) {
                if variant_at(between)? == decision.variant {
                    still = between;
                } else {
                    changed = between;
                }
            }
            return Some(Change {
                at: Timestamp::from_unix_millis(changed),
                variant: at(changed)?.variant_name().to_owned(),
            });
        }
        from = to;
    }
    None
}

/// A time between two; `None` if there is none.
fn middle(from: i64, to: i64) -> Option<i64> {
    let between = from.checked_add(to.checked_sub(from)? / 2)?;
    (between > from).then_some(between)
}

/// Another time with all else as it was.
struct At<'m, M> {
    now: Timestamp,
    moment: &'m M,
}

impl<M: Moment> Moment for At<'_, M> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn draw(&self) -> u128 {
        self.moment.draw()
    }
}
