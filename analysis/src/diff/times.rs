//! The times at which the most may move, for ramps.

use super::report::Users;
use super::scope::{Scope, Side};
use coalmine::Timestamp;

/// Whether the time matters at all.
pub(super) fn matter(scope: &Scope<'_>) -> bool {
    scope.sides().any(|side| !side.config.spec.ramp.is_empty())
}

/// The times among which that is with the most users on the move: `at`, if some are given.
///
/// Between two points of the ramps all ends of parts move on straight lines, and so does what is
/// under two lines laid over each other, but where an end passes an end. So the most is at a point,
/// just before one, or where two ends meet. For two hashes that know nothing of each other it is a
/// parabola, whose vertex is tried as well.
pub(super) fn candidates(scope: &Scope<'_>, at: &[Timestamp]) -> Vec<Timestamp> {
    if !matter(scope) {
        // Any will do.
        return vec![Timestamp::from_unix_millis(0)];
    }
    if !at.is_empty() {
        return at.to_vec();
    }
    let points = scope.sides().flat_map(|side| &side.config.spec.ramp);
    let mut points: Vec<i64> = points.map(|point| point.at.unix_millis()).collect();
    points.sort_unstable();
    points.dedup();
    let mut times: Vec<i64> = points.iter().map(|point| point.saturating_sub(1)).collect();
    for pair in points.windows(2) {
        let (start, end) = (pair[0], pair[1].saturating_sub(1));
        for place in meetings(scope, start, end) {
            let millis = start as f64 + place * (end as f64 - start as f64);
            let millis = (millis.floor() as i64).clamp(start, end);
            times.extend([millis, millis.saturating_add(1).min(end)]);
        }
    }
    times.sort_unstable();
    times.dedup();
    // The points themselves first: of times with as many on the move, they are known to people.
    let others = times.iter().filter(|time| !points.contains(time));
    let all = points.iter().chain(others);
    all.copied().map(Timestamp::from_unix_millis).collect()
}

/// Where between two times an end of an old part meets that of a new one, 0 to 1; and the vertex.
fn meetings(scope: &Scope<'_>, start: i64, end: i64) -> Vec<f64> {
    let ends = |side: Option<Side<'_>>, at: i64| -> Vec<f64> {
        let at = Timestamp::from_unix_millis(at);
        let parts = side.into_iter().flat_map(|side| side.canary.parts(at));
        let both = parts.flat_map(|part| [part.start, part.start + part.share.millionths()]);
        both.map(f64::from).collect()
    };
    let old = ends(scope.old, start).into_iter().zip(ends(scope.old, end));
    let new: Vec<(f64, f64)> = ends(scope.new, start)
        .into_iter()
        .zip(ends(scope.new, end))
        .collect();
    let mut places = Vec::new();
    let (mut slopes, mut first) = (0.0, 0.0);
    for (old_start, old_end) in old {
        for (new_start, new_end) in &new {
            let (before, after) = (old_start - new_start, old_end - new_end);
            if before * after < 0.0 {
                places.push(before / (before - after));
            }
        }
        slopes += old_end - old_start;
        first += old_start;
    }
    // With one variant on each side: p + q - 2pq, a parabola in time.
    let slope: f64 = new.iter().map(|(start, end)| end - start).sum();
    let second: f64 = new.iter().map(|(start, _)| start).sum();
    if slopes * slope != 0.0 {
        let million = 1e6;
        let vertex = (million * (slopes + slope) - 2.0 * (slopes * second + slope * first))
            / (4.0 * slopes * slope);
        if (0.0..=1.0).contains(&vertex) {
            places.push(vertex);
        }
    }
    places
}

/// The times at which pins and rules are asked about: those that are given, else where the most
/// users move, and where the most of the line is given away on either side.
pub(super) fn telling(scope: &Scope<'_>, at: &[Timestamp], users: &[Users]) -> Vec<Timestamp> {
    let all = candidates(scope, at);
    if !at.is_empty() || !matter(scope) {
        return all;
    }
    let mut times: Vec<Timestamp> = users.iter().filter_map(|users| users.at).collect();
    for side in scope.sides() {
        let given = |at: &Timestamp| -> u32 {
            let parts = side.canary.parts(*at);
            parts.map(|part| part.share.millionths()).sum()
        };
        times.extend(all.iter().copied().max_by_key(given));
    }
    times.sort_unstable();
    times.dedup();
    times
}
