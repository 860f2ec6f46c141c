//! A shell's line to words.

/// The words of one command; what follows `|`, `>`, `;` or `&&` is another program's.
///
/// # Errors
/// A quote is not closed, or the line is for Windows' `cmd`.
pub(in crate::explain) fn split(text: &str) -> Result<Vec<String>, String> {
    if text.contains("^\"") {
        return Err(
            "this line is for Windows' cmd; let the browser \"copy as cURL (bash)\"".into(),
        );
    }
    let plain = without_ansi_quotes(text).ok_or(NOT_CLOSED)?;
    let words = shlex::split(&plain).ok_or(NOT_CLOSED)?;
    let ends = |word: &String| {
        let digits = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let redirects = digits.starts_with('>') || digits.starts_with('<');
        redirects || matches!(word.as_str(), "|" | "||" | "&&" | "&" | ";")
    };
    Ok(words.into_iter().take_while(|word| !ends(word)).collect())
}

const NOT_CLOSED: &str = "a quote is not closed; paste the whole line";

/// The line with each `$'...'`, in which bash reads escapes, as an ordinary quoted word; `None` if a
/// quote is not closed.
fn without_ansi_quotes(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                let value = ansi_quoted(&mut rest)?;
                // In single quotes only a quote is special.
                plain.push_str(&format!("'{}'", value.replace('\'', "'\"'\"'")));
            }
            '\\' => {
                // Before a line break it joins two lines, also where Windows ends them.
                rest.next_if_eq(&'\r');
                match rest.next() {
                    Some('\n') => {}
                    escaped => plain.extend([c].into_iter().chain(escaped)),
                }
            }
            '\'' | '"' => {
                plain.push(c);
                quoted(c, &mut rest, &mut plain)?;
            }
            _ => plain.push(c),
        }
    }
    Some(plain)
}

/// Copies what is in quotes, and the quote that ends it.
fn quoted(quote: char, rest: &mut impl Iterator<Item = char>, plain: &mut String) -> Option<()> {
    loop {
        let c = rest.next()?;
        plain.push(c);
        match c {
            '\\' if quote == '"' => plain.push(rest.next()?),
            _ if c == quote => return Some(()),
            _ => {}
        }
    }
}

/// What is in `$'...'` behind its first quote (bash's manual, "ANSI-C Quoting").
fn ansi_quoted(rest: &mut std::iter::Peekable<impl Iterator<Item = char>>) -> Option<String> {
    let mut value = String::new();
    loop {
        match rest.next()? {
            '\'' => return Some(value),
            '\\' => match rest.next()? {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                'a' => value.push('\u{7}'),
                'b' => value.push('\u{8}'),
                'e' | 'E' => value.push('\u{1b}'),
                'f' => value.push('\u{c}'),
                'v' => value.push('\u{b}'),
                'x' => value.push(code(rest, 16, 2)?),
                'u' => value.push(code(rest, 16, 4)?),
                'U' => value.push(code(rest, 16, 8)?),
                c => value.push(c),
            },
            c => value.push(c),
        }
    }
}

/// A character by its number, of at most so many digits.
fn code(
    rest: &mut std::iter::Peekable<impl Iterator<Item = char>>,
    radix: u32,
    most: usize,
) -> Option<char> {
    let mut digits = String::new();
    while digits.len() < most
        && let Some(digit) = rest.next_if(|c| c.is_digit(radix))
    {
        digits.push(digit);
    }
    char::from_u32(u32::from_str_radix(&digits, radix).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_bash() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(split(text).unwrap(), expected, "{text}");
        };
        check(
            "curl  -H 'a: b' \"c d\" e\\ f",
            &["curl", "-H", "a: b", "c d", "e f"],
        );
        check("curl \\\n  -s \\\n  x", &["curl", "-s", "x"]);
        check(r"curl $'a\'b\u00e9\x21\n' x", &["curl", "a'bé!\n", "x"]);
        check(r"curl '$' $x '$'\''a' y", &["curl", "$", "$x", "$'a", "y"]);
        check(r#"curl "\"$'a" z"#, &["curl", "\"$'a", "z"]);
        check("curl x 2>/dev/null | jq .", &["curl", "x"]);
        check("curl x && curl y", &["curl", "x"]);
        for open in [
            "curl 'a",
            "curl \"a",
            "curl $'a",
            r"curl $'a\'",
            r"curl $'\u{}'",
        ] {
            assert!(split(open).is_err(), "{open}");
        }
        assert!(split("curl ^\"http://x^\"").unwrap_err().contains("bash"));
    }
}
