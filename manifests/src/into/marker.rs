//! The comments between which stands what was inserted, so that it can be taken out again.

use super::Found;
use super::document::{Text, line_start, next_line};
use std::ops::Range;

const BEGIN: &str = "# coalmine: begin ";
const END: &str = "# coalmine: end ";

/// A text without what was inserted.
pub(super) struct Stripped {
    pub(super) text: String,
    /// What was taken out, by its place in the text as it was.
    pub(super) cuts: Vec<Range<usize>>,
}

/// Whole lines between the comments of a canary, these included.
pub(super) struct Block {
    pub(super) canary: String,
    pub(super) lines: Range<usize>,
}

/// Lines of a canary between their comments; none has a line break.
pub(super) fn enclosed(canary: &str, indent: &str, lines: &[String], break_: &str) -> String {
    let mut text = format!(
        "{indent}{BEGIN}{canary} (made by `coalmine render --into`, taken away by `--out-of`){break_}"
    );
    for line in lines {
        text.push_str(line);
        text.push_str(break_);
    }
    text.push_str(&format!("{indent}{END}{canary}{break_}"));
    text
}

/// What was inserted into a text, in its order.
pub(super) fn blocks(text: &Text<'_>) -> Result<Vec<Block>, Found> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, usize, Range<usize>)> = None;
    for range in &text.comments {
        let start = line_start(text.text, range.start);
        let alone = text.text[start..range.start].trim_start().is_empty();
        let comment = text.text[range.clone()].trim_end();
        let name = |prefix: &str| {
            let rest = comment.strip_prefix(prefix).filter(|_| alone)?;
            rest.split_ascii_whitespace().next().map(str::to_owned)
        };
        if let Some(canary) = name(BEGIN) {
            if let Some((_, _, first)) = open {
                return Err(unpaired(text, &first, "this begins and does not end"));
            }
            open = Some((canary, start, range.clone()));
        } else if let Some(canary) = name(END) {
            match open.take() {
                Some((begun, start, _)) if begun == canary => blocks.push(Block {
                    canary,
                    lines: start..next_line(text.text, range.end),
                }),
                _ => return Err(unpaired(text, range, "this ends what did not begin")),
            }
        }
    }
    match open {
        Some((_, _, first)) => Err(unpaired(text, &first, "this begins and does not end")),
        None => Ok(blocks),
    }
}

fn unpaired(text: &Text<'_>, range: &Range<usize>, message: &str) -> Found {
    let help = "what was inserted stands between a comment that begins it and one that ends it; \
                put the other back, or take out by hand what is left";
    Found::new(text.place(range, ""), "unpaired-marker", message, help)
}

/// The text without what was inserted for these canaries; `None` means for any.
pub(super) fn strip(text: &Text<'_>, canaries: Option<&[&str]>) -> Result<Stripped, Found> {
    let named = |block: &Block| canaries.is_none_or(|all| all.contains(&block.canary.as_str()));
    let cuts: Vec<Range<usize>> = blocks(text)?
        .into_iter()
        .filter(named)
        .map(|block| block.lines)
        .collect();
    let mut left = String::with_capacity(text.text.len());
    let mut at = 0;
    for cut in &cuts {
        left.push_str(&text.text[at..cut.start]);
        at = cut.end;
    }
    left.push_str(&text.text[at..]);
    Ok(Stripped { text: left, cuts })
}

impl Stripped {
    /// Where a byte of the stripped text stands in the text as it was.
    pub(super) fn before(&self, mut at: usize) -> usize {
        for cut in &self.cuts {
            if cut.start <= at {
                at += cut.len();
            }
        }
        at
    }
}
