//! The line, drawn to scale.

use super::explanation::Territory;
use coalmine::bucket::POSITIONS;

/// How many characters the line is long where there is room, which makes them 15,625 positions each.
const MOST_CELLS: usize = 64;

/// How many it has at least, however narrow the terminal is.
const FEWEST_CELLS: usize = 20;

/// Marks parts of the line, in their order.
const MARKS: [char; 4] = ['#', '=', '+', '%'];

/// The mark of the part with this number.
pub(super) fn mark(part: usize) -> char {
    MARKS.get(part % MARKS.len()).copied().unwrap_or('#')
}

/// Two lines: the line with each part marked, and below it where the position is.
///
/// A part that is smaller than a character still gets one, and the character over the position is
/// that of its owner. `room` is how many characters there are from the line's first on.
pub(super) fn draw(parts: &[Territory], position: Option<u32>, room: Option<usize>) -> [String; 2] {
    // Without the two at its ends.
    let fitting = room.map_or(MOST_CELLS, |room| room.saturating_sub(2));
    let number = fitting.clamp(FEWEST_CELLS, MOST_CELLS) as u32;
    let mut cells: Vec<char> = (0..number)
        .map(|cell| {
            let (start, end) = (start_of(cell, number), start_of(cell + 1, number));
            mark_of(parts, |part| {
                part.start < end && part.end > start && part.start < part.end
            })
        })
        .collect();
    let pointer = position.map(|position| {
        let cell = cell_of(position, number);
        cells[cell] = mark_of(parts, |part| (part.start..part.end).contains(&position));
        format!(" {}^", " ".repeat(cell))
    });
    let line: String = cells.into_iter().collect();
    [format!("|{line}|"), pointer.unwrap_or_default()]
}

fn mark_of(parts: &[Territory], owns: impl Fn(&Territory) -> bool) -> char {
    parts.iter().position(owns).map_or('.', mark)
}

/// The first position of a cell, of so many.
fn start_of(cell: u32, cells: u32) -> u32 {
    (cell * POSITIONS).div_ceil(cells)
}

/// The cell that a position is in, of so many.
fn cell_of(position: u32, cells: u32) -> usize {
    (position * cells / POSITIONS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_to_scale() {
        let check_in =
            |room, cells: usize, parts: &[(u32, u32)], position, line: &str, pointer: &str| {
                let parts: Vec<Territory> = parts
                    .iter()
                    .map(|&(start, end)| Territory {
                        variant: String::new(),
                        share: String::new(),
                        start,
                        end,
                        owns_unit_from: None,
                    })
                    .collect();
                let dots = cells - line.chars().filter(|cell| *cell != '~').count();
                let line = line.replace('~', &".".repeat(dots));
                assert_eq!(
                    draw(&parts, position, room),
                    [format!("|{line}|"), pointer.to_owned()]
                );
            };
        let check = |parts: &[(u32, u32)], position, line: &str, pointer: &str| {
            check_in(None, 64, parts, position, line, pointer);
        };
        let end = " ".repeat(64) + "^";
        check(&[], None, "~", "");
        check(&[(0, 0)], Some(0), "~", " ^");
        check(&[(0, 1)], None, "#~", "");
        // Less than a character: the position beside it is not its.
        check(&[(0, 1)], Some(1), "~", " ^");
        check(&[(0, 50_000)], Some(999_999), "####~", &end);
        check(
            &[(0, 15_625), (968_750, 1_000_000)],
            Some(999_999),
            "#~==",
            &end,
        );
        check(&[(0, 1_000_000)], Some(15_625), &"#".repeat(64), "  ^");
        // As much as there is room for, but not less than 20 and not more than 64.
        let last = [(999_999, 1_000_000)];
        for (room, cells) in [(0, 20), (22, 20), (23, 21), (62, 60), (66, 64), (200, 64)] {
            let pointer = " ".repeat(cells) + "^";
            check_in(Some(room), cells, &last, Some(999_999), "~#", &pointer);
            check_in(Some(room), cells, &[(0, 1)], Some(0), "#~", " ^");
        }
        // 1/30 of the line is no whole number of positions.
        check_in(Some(32), 30, &[(0, 33_334)], Some(33_333), "#~", " ^");
        check_in(Some(32), 30, &[(0, 33_335)], Some(33_334), "##~", "  ^");
    }
}
