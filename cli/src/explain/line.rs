//! The line, drawn to scale.

use super::trace::Territory;
use coalmine::bucket::POSITIONS;

/// How many characters the line is long.
const CELLS: u32 = 64;

/// Marks parts of the line, in their order.
const MARKS: [char; 4] = ['#', '=', '+', '%'];

/// The mark of the part with this number.
pub(super) fn mark(part: usize) -> char {
    MARKS.get(part % MARKS.len()).copied().unwrap_or('#')
}

/// Two lines: the line with each part marked, and below it where the position is.
///
/// A part that is smaller than a character still gets one, and the character over the position is
/// that of its owner.
pub(super) fn draw(parts: &[Territory], position: Option<u32>) -> [String; 2] {
    let mut cells: Vec<char> = (0..CELLS)
        .map(|cell| {
            let (start, end) = (start_of(cell), start_of(cell + 1));
            mark_of(parts, |part| {
                part.start < end && part.end > start && part.start < part.end
            })
        })
        .collect();
    let pointer = position.map(|position| {
        let cell = cell_of(position);
        cells[cell] = mark_of(parts, |part| (part.start..part.end).contains(&position));
        format!(" {}^", " ".repeat(cell))
    });
    let line: String = cells.into_iter().collect();
    [format!("|{line}|"), pointer.unwrap_or_default()]
}

fn mark_of(parts: &[Territory], owns: impl Fn(&Territory) -> bool) -> char {
    parts.iter().position(owns).map_or('.', mark)
}

fn start_of(cell: u32) -> u32 {
    cell * (POSITIONS / CELLS)
}

fn cell_of(position: u32) -> usize {
    (position / (POSITIONS / CELLS)).min(CELLS - 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_to_scale() {
        let check = |parts: &[(u32, u32)], position, line: &str, pointer: &str| {
            let parts: Vec<Territory> = parts
                .iter()
                .map(|&(start, end)| Territory {
                    variant: String::new(),
                    share: String::new(),
                    start,
                    end,
                })
                .collect();
            let dots = 64 - line.chars().filter(|cell| *cell != '~').count();
            let line = line.replace('~', &".".repeat(dots));
            assert_eq!(
                draw(&parts, position),
                [format!("|{line}|"), pointer.to_owned()]
            );
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
    }
}
