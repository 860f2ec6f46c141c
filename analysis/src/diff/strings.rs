//! Strings that match a regex.

use regex_syntax::hir::{Class, Hir, HirKind};

/// At most this many strings are made of a regex.
const MOST: usize = 12;

/// Some strings that match the whole of a regex: each alternative, and repetitions as short as they
/// may be and one longer. None if it cannot be read.
pub(super) fn matching(regex: &str) -> Vec<String> {
    let parsed = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .nest_limit(50)
        .build()
        .parse(regex);
    let made = parsed.map(|hir| of(&hir)).unwrap_or_default();
    let texts = made.into_iter().map(String::from_utf8);
    texts.filter_map(Result::ok).collect()
}

fn of(hir: &Hir) -> Vec<Vec<u8>> {
    let mut made = match hir.kind() {
        // What looks around is left to whoever tries the string.
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => vec![literal.0.to_vec()],
        HirKind::Class(class) => letters(class),
        HirKind::Capture(group) => of(&group.sub),
        HirKind::Alternation(parts) => parts.iter().flat_map(of).collect(),
        HirKind::Concat(parts) => parts.iter().fold(vec![Vec::new()], |made, part| {
            let part = of(part);
            joined(&made, &part)
        }),
        HirKind::Repetition(repeated) => {
            let once = of(&repeated.sub);
            let least = repeated.min.min(1_000);
            let mut made = vec![Vec::new()];
            for _ in 0..least {
                made = joined(&made, &once);
            }
            if repeated.max.is_none_or(|max| max > least) {
                let longer = joined(&made, &once);
                made.extend(longer);
            }
            made
        }
    };
    made.truncate(MOST);
    made
}

fn joined(fronts: &[Vec<u8>], backs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let pairs = fronts.iter().flat_map(|front| {
        let both = |back: &Vec<u8>| [front.as_slice(), back].concat();
        backs.iter().map(both)
    });
    pairs.take(MOST).collect()
}

/// Two bytes of a class, letters and digits first.
fn letters(class: &Class) -> Vec<Vec<u8>> {
    let holds = |byte: u8| match class {
        Class::Bytes(class) => class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&byte)),
        Class::Unicode(class) => class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&char::from(byte))),
    };
    let usual = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z');
    let others = (b'!'..=b'~').chain([b' ']);
    let found = usual.chain(others).filter(|byte| holds(*byte));
    found.take(2).map(|byte| vec![byte]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_lite::Regex;

    #[test]
    fn every_string_matches() {
        for regex in [
            r"2\.[0-9]+\.[0-9]+",
            "a|b|cd",
            "(?:foo|bar)-[a-c]{2,3}",
            "",
            ".*",
            "x?y*z+",
            r"\d{3}-\w+",
            "[^a-z]x",
            r"^anchored$",
            "(?i)case",
            "a{1000}",
        ] {
            let made = matching(regex);
            assert!(!made.is_empty(), "{regex}");
            let whole = Regex::new(&format!("^(?:{regex})$")).unwrap();
            for text in made {
                assert!(whole.is_match(&text), "{regex}: {text:?}");
            }
        }
        assert!(matching("(").is_empty());
        assert_eq!(matching("a|b|cd"), ["a", "b", "cd"]);
    }
}
