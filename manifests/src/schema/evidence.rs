//! The description of `evidence`.

use super::guard::length;
use super::types::Schema;
use coalmine::config::MAX_BOUNDS;

/// The most characters of a bound: its unit, its digits and some zeros before them.
const LONGEST: u32 = 16;

/// What is counted of the responses.
pub(super) fn evidence() -> Schema {
    Schema::fields(vec![
        (
            "rest",
            Schema::flag().about("Also those of the default beside the control cohort."),
        ),
        ("slowerThan", bounds()),
    ])
    .about("Counts the responses of whoever was drawn, by arm; `{}` is enough.")
}

fn bounds() -> Schema {
    let mut bounds = Schema::filled_list(length().most(LONGEST))
        .rule(
            "self.all(bound, duration(bound) <= duration('1h'))",
            "a bound is an hour at most",
        )
        .rule(
            "(self.size() < 2 || duration(self[0]) < duration(self[1])) && \
             (self.size() < 3 || duration(self[1]) < duration(self[2])) && \
             (self.size() < 4 || duration(self[2]) < duration(self[3]))",
            "each bound is longer than the one before it",
        );
    bounds.max_items = u32::try_from(MAX_BOUNDS).ok();
    bounds.about(
        "Counts by slice those that take longer than these times: the shortest first, an hour at most.",
    )
}
