//! Conditions as the files of `delivery/` have them: `a == 'b' && c != 'd' || always()`, words between spaces.

use serde_json::Value;

/// Whether a condition holds, by what each of its words is worth. As in the tools, what stands behind a `||` or
/// `&&` that decides already is not looked at.
pub(crate) fn holds(condition: &str, worth: &dyn Fn(&str) -> Value) -> bool {
    condition
        .split("||")
        .any(|part| part.split("&&").all(|part| compared(part, worth)))
}

fn compared(condition: &str, worth: &dyn Fn(&str) -> Value) -> bool {
    let words: Vec<&str> = condition.split_whitespace().collect();
    let value = |word: &str| match word.strip_prefix('\'') {
        Some(rest) => rest.strip_suffix('\'').unwrap().into(),
        None if word == "null" => Value::Null,
        None => worth(word),
    };
    match words.as_slice() {
        [one] => value(one) == true,
        [left, "==", right] => value(left) == value(right),
        [left, "!=", right] => value(left) != value(right),
        other => panic!("{other:?} is no condition of delivery/"),
    }
}

/// A text in which each `${{ word }}` is replaced by what it is worth, and nothing by nothing.
pub(crate) fn filled(text: &str, worth: &dyn Fn(&str) -> Value) -> String {
    let mut parts = text.split("${{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (word, rest) = part.split_once("}}").unwrap();
        match worth(word.trim()) {
            Value::String(value) => filled.push_str(&value),
            Value::Null => {}
            other => filled.push_str(&other.to_string()),
        }
        filled.push_str(rest);
    }
    filled
}

#[test]
fn conditions_and_texts() {
    let worth = |word: &str| match word {
        "a.b" => Value::from("x"),
        "always()" => true.into(),
        "nothing" => Value::Null,
        other => panic!("{other}"),
    };
    let check = |condition: &str, expected: bool| {
        assert_eq!(holds(condition, &worth), expected, "{condition}");
    };
    check("a.b == 'x'", true);
    check("a.b != 'x' || always()", true);
    check("a.b == 'x' && nothing != null", false);
    check("a.b == 'y' && not.there == 'z'", false);
    check("a.b == 'x' || not.there == 'z'", true);
    assert_eq!(
        filled("<${{ a.b }}${{ nothing }}> $x", &worth),
        "<x> $x".to_owned()
    );
}
