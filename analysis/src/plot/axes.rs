//! The ends and marks of both axes.

use super::Lines;
use coalmine::Timestamp;

/// What the plot shows, in both directions.
pub(super) struct Axes {
    /// The first and the last time, in milliseconds.
    pub(super) from: i64,
    pub(super) to: i64,
    /// The largest share that has room, 0 to 1.
    pub(super) top: f64,
}

impl Axes {
    /// Room for every line.
    pub(super) fn of(lines: &Lines) -> Self {
        let times = || lines.points.iter().map(|(at, _)| at.unix_millis());
        let shares = lines.points.iter().flat_map(|(_, values)| values);
        let largest = shares.copied().fold(0.0, f64::max);
        Self {
            from: times().next().unwrap_or(0),
            to: times().next_back().unwrap_or(0),
            top: nice(largest),
        }
    }

    /// Where a time stands, 0 to 1.
    pub(super) fn x(&self, at: Timestamp) -> f64 {
        let whole = self.to as f64 - self.from as f64;
        if whole <= 0.0 {
            return 0.0;
        }
        ((at.unix_millis() as f64 - self.from as f64) / whole).clamp(0.0, 1.0)
    }

    /// Where a share stands, 0 to 1.
    pub(super) fn y(&self, share: f64) -> f64 {
        (share / self.top).clamp(0.0, 1.0)
    }

    /// The time at a place, 0 to 1.
    pub(super) fn time(&self, x: f64) -> Timestamp {
        let moved = (self.to as f64 - self.from as f64) * x;
        Timestamp::from_unix_millis(self.from.saturating_add(moved as i64))
    }

    /// A time as its axis shows it: to the second, with the date where more than a day is shown.
    pub(super) fn label(&self, at: Timestamp) -> String {
        const DAY: i64 = 86_400_000;
        let text = at.to_string();
        let (date, time) = text.split_once('T').unwrap_or((&text, ""));
        let short = time.get(..5).unwrap_or(time);
        if self.to.saturating_sub(self.from) > 7 * DAY {
            date.to_owned()
        } else {
            format!("{} {short}", date.get(5..).unwrap_or(date))
        }
    }
}

/// The next of 1, 2, 5 and 10 times a power of ten, and all there is at most.
fn nice(share: f64) -> f64 {
    if share <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(share.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let fitting = steps.into_iter().find(|step| *step >= share * 0.9999);
    fitting.unwrap_or(1.0).min(1.0)
}

/// A share as a percentage without needless zeros.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number() {
        for (share, top) in [
            (0.0, 1.0),
            (0.013, 0.02),
            (0.05, 0.05),
            (0.3, 0.5),
            (0.6, 1.0),
            (1.0, 1.0),
        ] {
            assert!((nice(share) - top).abs() < 1e-9, "{share}: {}", nice(share));
        }
        assert_eq!(percent(0.5), "50%");
        assert_eq!(percent(0.000_125), "0.0125%");
        assert_eq!(percent(1.0), "100%");
    }
}
