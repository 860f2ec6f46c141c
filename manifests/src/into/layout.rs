//! How lines are laid out around the nodes of a text.

use super::Found;
use super::document::{Node, Text, line_start, next_line};
use std::ops::Range;

/// Where the items of a block list stand: each by the bytes from the start of its first line to the
/// end of its last.
pub(super) fn item_lines(
    text: &Text<'_>,
    list: &Node,
    items: &[Node],
    index: usize,
) -> Result<Range<usize>, Found> {
    let dash = dash(text, list, items, index)?;
    let start = line_start(text.text, dash);
    if !text.text[start..dash].bytes().all(|byte| byte == b' ') {
        return Err(unusual(text, &(dash..dash)));
    }
    let end = super::document::line_end(text.text, text.end_of(&items[index]));
    Ok(start..end)
}

/// Where the dash of an item stands.
pub(super) fn dash(
    text: &Text<'_>,
    list: &Node,
    items: &[Node],
    index: usize,
) -> Result<usize, Found> {
    let mut at = match index.checked_sub(1) {
        None => list.range.start,
        Some(before) => text.end_of(&items[before]),
    };
    // Between two items stand blanks, comments, and the dash.
    loop {
        let rest = &text.text[at..];
        at += rest.len() - rest.trim_start().len();
        match text.text[at..].bytes().next() {
            Some(b'#') => at = next_line(text.text, at),
            Some(b'-') => return Ok(at),
            _ => return Err(unusual(text, &items[index].range)),
        }
    }
}

/// Where lines are put that come before this line: above the comments that belong to it, which are
/// those that stand as far to the right, with nothing between.
pub(super) fn above(text: &str, line: usize, not_before: usize) -> usize {
    let indent = |line: usize| text[line..].len() - text[line..].trim_start_matches(' ').len();
    let own = indent(line);
    let mut at = line;
    while at > not_before {
        let before = line_start(text, at - 1);
        let is_comment = text[before + indent(before)..].starts_with('#');
        if before < not_before || !is_comment || indent(before) != own {
            break;
        }
        at = before;
    }
    at
}

/// A layout of the YAML that is not worth the risk.
pub(super) fn unusual(text: &Text<'_>, range: &Range<usize>) -> Found {
    Found::new(
        text.place(range, ""),
        "unusual-layout",
        "this is laid out in a way in which nothing can be put in front of it safely",
        "write it as a plain block list, each item on lines of its own that begin with `- `",
    )
}

impl Text<'_> {
    /// Where what a node says ends, without line breaks behind it.
    pub(super) fn end_of(&self, node: &Node) -> usize {
        let range = &node.range;
        let text = &self.text[range.clone()];
        range.start + text.trim_end().len()
    }

    /// A line break and the blanks that lead to the column of this byte.
    pub(super) fn break_before(&self, at: usize) -> String {
        let start = line_start(self.text, at);
        let column = self.text[start..at].chars().count();
        format!("{}{}", self.line_break(), " ".repeat(column))
    }
}
