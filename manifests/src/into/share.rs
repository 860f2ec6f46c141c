//! Another share of one variant in a text of canaries: the number changes, and nothing else does.

use super::document::{Entry, Kind, Node, Text, line_start};
use super::value::Value;
use super::{Found, place};
use coalmine::bucket::Share;
use coalmine::diagnostic::Diagnostic;
use std::collections::BTreeMap;
use std::ops::Range;

/// The text with another share of a variant of a canary, which is named in full. Where the share is
/// written, the number alone is replaced; where it is not, it is inserted into `shares`, or with
/// `shares` before `rollout`. A share of nobody is not inserted: it is nobody's already.
///
/// # Errors
/// The text is no YAML, the canary is not in it, or its share is written in a way that a change would
/// reach more than it, as by an alias.
pub fn with_share(
    text: &str,
    canary: &str,
    variant: &str,
    share: Share,
) -> Result<String, Box<Diagnostic>> {
    edited(text, canary, variant, share).map_err(|Found(diagnostic)| diagnostic)
}

fn edited(text: &str, canary: &str, variant: &str, share: Share) -> Result<String, Found> {
    let read = Text::read(0, text)?;
    let values: Result<Vec<_>, _> = read.roots.iter().map(|root| read.value(root)).collect();
    let mut values = values?;
    let index = values.iter().position(|value| is(value, canary));
    let (Some(index), Some(root)) = (index, index.and_then(|index| read.roots.get(index))) else {
        return Err(refused(
            text,
            0..0,
            format!("canary {canary} is not in this file"),
            "name the file that has it",
        ));
    };
    let Some(Change { range, new }) = change(&read, root, variant, share)? else {
        return Ok(text.to_owned());
    };
    let written = format!("{}{new}{}", &text[..range.start], &text[range.end..]);
    // What is meant is known as a value, so what was written is read again and held against it.
    let unsound = || {
        refused(
            text,
            range.clone(),
            "the share cannot be changed here without changing something else".to_owned(),
            "write `shares: {NAME: 5%}` into the spec of the canary, without anchors and merge keys",
        )
    };
    let again = Text::read(0, &written).map_err(|_| unsound())?;
    let found: Result<Vec<_>, _> = again.roots.iter().map(|root| again.value(root)).collect();
    let mut found = found.map_err(|_| unsound())?;
    let back = found.get(index).and_then(|root| {
        let share = root.str_at(&["spec", "shares", variant])?;
        Some(share.to_owned())
    });
    for values in [&mut values, &mut found] {
        let spec = values
            .get_mut(index)
            .and_then(|root| root.entry_mut("spec"));
        spec.and_then(|spec| set(spec, variant, share))
            .ok_or_else(unsound)?;
    }
    match back == Some(share.to_string()) && found == values {
        true => Ok(written),
        false => Err(unsound()),
    }
}

/// A part of the text, and what takes its place.
struct Change {
    range: Range<usize>,
    new: String,
}

/// What has to be done; nothing where nobody has it and nobody shall.
fn change(
    text: &Text<'_>,
    root: &Node,
    variant: &str,
    share: Share,
) -> Result<Option<Change>, Found> {
    let spec = root.entry("spec").map(|entry| &entry.value);
    let shares = spec.and_then(|spec| spec.entry("shares"));
    let written = shares.and_then(|shares| shares.value.entry(variant));
    if let Some(entry) = written {
        return match &entry.value.kind {
            Kind::Scalar(_) => Ok(Some(replaced(text.text, entry, share))),
            _ => Err(refused(
                text.text,
                entry.value.range.clone(),
                "this is no share that could be changed".to_owned(),
                "write a percentage here, like `5%`",
            )),
        };
    }
    if share == Share::NONE {
        return Ok(None);
    }
    let beside = shares.map(|shares| &shares.value.kind);
    let inserted = match (beside, spec) {
        (Some(Kind::Map { entries, flow }), _) => match entries.first() {
            Some(first) => Some(before(text, first, *flow, variant, &share.to_string())),
            // `{}`
            None => shares.map(|shares| Change {
                range: shares.value.range.clone(),
                new: map(text, &shares.key_range, variant, share),
            }),
        },
        (None, Some(spec)) => match &spec.kind {
            Kind::Map { flow, .. } => spec.entry("rollout").map(|rollout| {
                let value = map(text, &rollout.key_range, variant, share);
                before(text, rollout, *flow, "shares", &value)
            }),
            _ => None,
        },
        _ => None,
    };
    let at = shares.map_or(0..0, |shares| shares.key_range.clone());
    inserted.map(Some).ok_or_else(|| {
        refused(
            text.text,
            at,
            "there is no place here for a share".to_owned(),
            "write `shares: {NAME: 0%}` into the spec of the canary",
        )
    })
}

/// The number in place of another, in the same quotes.
fn replaced(text: &str, entry: &Entry, share: Share) -> Change {
    let range = entry.value.range.clone();
    let written = &text[range.clone()];
    let new = match written.chars().next() {
        Some(quote @ ('"' | '\'')) => format!("{quote}{share}{quote}"),
        Some(_) => share.to_string(),
        None => format!(" {share}"),
    };
    Change { range, new }
}

/// An entry in front of another one of the same map.
fn before(text: &Text<'_>, next: &Entry, flow: bool, key: &str, value: &str) -> Change {
    let at = next.key_range.start;
    let key = quoted_as(text.text, &next.key_range, key);
    let between = match flow {
        true => ", ".to_owned(),
        false => {
            let indentation = &text.text[line_start(text.text, at)..at];
            let blanks = " ".repeat(indentation.chars().count());
            format!("{}{blanks}", text.line_break())
        }
    };
    Change {
        range: at..at,
        new: format!("{key}: {value}{between}"),
    }
}

/// `{canary: 5%}`
fn map(text: &Text<'_>, like: &Range<usize>, variant: &str, share: Share) -> String {
    let key = quoted_as(text.text, like, variant);
    let share = quoted_as(text.text, like, &share.to_string());
    format!("{{{key}: {share}}}")
}

/// In double quotes where another word is in them: it may be JSON.
fn quoted_as(text: &str, like: &Range<usize>, word: &str) -> String {
    match text[like.clone()].starts_with('"') {
        true => format!("\"{word}\""),
        false => word.to_owned(),
    }
}

/// Whether a document is the canary of this full name.
fn is(document: &Value, canary: &str) -> bool {
    let name = document.str_at(&["metadata", "name"]).unwrap_or_default();
    let full = match document.str_at(&["metadata", "namespace"]) {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    };
    document.str_at(&["kind"]) == Some("Canary") && full == canary
}

/// Sets the share in the value of a spec, as a text, in quotes or not.
fn set(spec: &mut Value, variant: &str, share: Share) -> Option<()> {
    let Value::Map(spec) = spec else { return None };
    let shares = spec
        .entry("shares".to_owned())
        .or_insert_with(|| Value::Map(BTreeMap::new()));
    let Value::Map(shares) = shares else {
        return None;
    };
    shares.insert(variant.to_owned(), Value::text(share.to_string()));
    Some(())
}

fn refused(text: &str, range: Range<usize>, message: String, help: &'static str) -> Found {
    Found::new(place(0, text, range, ""), "cannot-insert", message, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Share {
        Share::parse(text).unwrap()
    }

    /// A canary whose spec ends so.
    fn canary(spec: &str) -> String {
        format!("# Ours.\nkind: Canary\nmetadata: {{name: reviews, namespace: bookinfo}}\n{spec}")
    }

    fn check(before: &str, to: &str, after: &str) {
        let before = canary(before);
        let written = with_share(&before, "bookinfo/reviews", "canary", share(to)).unwrap();
        assert_eq!(written, canary(after));
        // What is there already is not written anew, and the way back is the same.
        let again = with_share(&written, "bookinfo/reviews", "canary", share(to)).unwrap();
        assert_eq!(again, written);
    }

    #[test]
    fn only_the_number_changes() {
        for (before, after) in [
            ("shares: {canary: 5%}", "shares: {canary: 12.5%}"),
            (
                "shares: {blue: 1%, canary:   5 %}  # for now",
                "shares: {blue: 1%, canary:   12.5%}  # for now",
            ),
            ("shares: {canary: \"5%\"}", "shares: {canary: \"12.5%\"}"),
            ("shares: {canary: '5%'}", "shares: {canary: '12.5%'}"),
            (
                "shares:\n    # Nobody yet.\n    canary: 0%   # soon\n    blue: 1%",
                "shares:\n    # Nobody yet.\n    canary: 12.5%   # soon\n    blue: 1%",
            ),
            ("shares: {\"canary\": 5%}", "shares: {\"canary\": 12.5%}"),
            (
                "shares:\r\n    canary: 5%\r",
                "shares:\r\n    canary: 12.5%\r",
            ),
            ("shares: {canary: }", "shares: {canary: 12.5% }"),
        ] {
            let spec = |shares| format!("spec:\n  {shares}\n  default: stable  # they say\n");
            check(&spec(before), "12.5%", &spec(after));
        }
    }

    #[test]
    fn a_share_that_is_not_written_is_inserted() {
        check(
            "spec:\n  default: stable\n  # Slowly.\n  rollout: {steps: []}\n",
            "1%",
            "spec:\n  default: stable\n  # Slowly.\n  shares: {canary: 1%}\n  rollout: {steps: []}\n",
        );
        check(
            "spec: {default: stable, rollout: {steps: []}}\n",
            "1%",
            "spec: {default: stable, shares: {canary: 1%}, rollout: {steps: []}}\n",
        );
        check(
            "spec:\n  shares: {blue: 1%}\n",
            "1%",
            "spec:\n  shares: {canary: 1%, blue: 1%}\n",
        );
        check(
            "spec:\n  shares:\n      blue: 1%\n",
            "1%",
            "spec:\n  shares:\n      canary: 1%\n      blue: 1%\n",
        );
        check(
            "spec: {shares: {}}\n",
            "1%",
            "spec: {shares: {canary: 1%}}\n",
        );
        // Nobody has it already.
        let none = "spec:\n  rollout: {steps: []}\n";
        check(none, "0%", none);
        let json = |shares: &str| {
            format!(
                "{{\"kind\": \"Canary\", \"metadata\": {{\"name\": \"a\"}}, \"spec\": {{{shares}\"rollout\": {{}}}}}}"
            )
        };
        let written = with_share(&json(""), "a", "canary", share("1%")).unwrap();
        assert_eq!(written, json("\"shares\": {\"canary\": \"1%\"}, "));
    }

    #[test]
    fn the_canary_is_the_one_that_is_named() {
        let other = "kind: Canary\nmetadata: {name: reviews}\nspec: {shares: {canary: 1%}}\n---\n";
        let text = format!("{other}{}", canary("spec: {shares: {canary: 5%}}\n"));
        let written = with_share(&text, "bookinfo/reviews", "canary", share("9%")).unwrap();
        assert_eq!(written, text.replace("5%", "9%"));
        let written = with_share(&text, "reviews", "canary", share("9%")).unwrap();
        assert_eq!(written, text.replace("1%", "9%"));
    }

    #[test]
    fn what_would_reach_more_is_refused() {
        let check = |spec: &str, message: &str| {
            let text = canary(spec);
            let found = with_share(&text, "bookinfo/reviews", "canary", share("9%")).unwrap_err();
            assert!(found.message.contains(message), "{spec}: {}", found.message);
        };
        let more = "without changing something else";
        check(
            "spec: {shares: {blue: &few 5%, canary: *few}}\n",
            "no share",
        );
        check("spec: {shares: {canary: &few 5%, blue: *few}}\n", more);
        check(
            "spec: {shares: &few {canary: 5%}, rules: [{shares: *few}]}\n",
            more,
        );
        check("spec: {shares: {canary: [5%]}}\n", "no share");
        check("spec: {default: stable}\n", "no place here");
        check("spec: [\n", "not YAML");
        let elsewhere = with_share(&canary("spec: {}\n"), "ratings", "canary", share("9%"));
        assert!(elsewhere.unwrap_err().message.contains("not in this file"));
    }
}
