//! What a part of a document says, however it was written.

use std::collections::BTreeMap;

/// What a node says, without aliases and merge keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

/// A plain value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Whether it is a text to every reader; otherwise a number, a truth value, a time or null.
    pub(super) is_text: bool,
}

// === impl Scalar ===

impl Scalar {
    /// A scalar as it was written: `plain` without quotes and tag.
    pub(super) fn written(text: &str, plain: bool) -> Self {
        Self {
            text: text.to_owned(),
            is_text: !plain || !may_be_no_text(text),
        }
    }

    /// The scalar on one line, in flow and block alike.
    fn flow(&self) -> String {
        if !self.is_text || is_safe(&self.text) {
            return self.text.clone();
        }
        quoted(&self.text)
    }
}

/// A text in double quotes: YAML 1.2 takes JSON's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether some reader, of YAML 1.1 or 1.2, would take it for something else than a text.
fn may_be_no_text(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan",
    ];
    let number = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    number || WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// Whether it is the same text without quotes, wherever it stands.
fn is_safe(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    !may_be_no_text(text)
        && text.bytes().all(inner)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

// === impl Value ===

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Scalar(Scalar {
            text: text.into(),
            is_text: true,
        })
    }

    pub(super) fn number(number: u64) -> Self {
        Self::Scalar(Scalar {
            text: number.to_string(),
            is_text: false,
        })
    }

    pub(super) fn null() -> Self {
        Self::Scalar(Scalar {
            text: "~".to_owned(),
            is_text: false,
        })
    }

    pub(super) fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.map(|(key, value)| (key.to_owned(), value)).into())
    }

    pub(super) fn is_null(&self) -> bool {
        let Self::Scalar(Scalar { text, is_text }) = self else {
            return false;
        };
        !is_text && (text.is_empty() || text == "~" || text.eq_ignore_ascii_case("null"))
    }

    /// The entry of a map; null counts as none.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(key).filter(|value| !value.is_null()),
            _ => None,
        }
    }

    /// Follows keys down.
    pub(super) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// A text, or whatever else stands on one line.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Scalar(scalar) if !self.is_null() => Some(&scalar.text),
            _ => None,
        }
    }

    /// The text at the end of these keys.
    pub(super) fn str_at(&self, keys: &[&str]) -> Option<&str> {
        self.at(keys)?.as_str()
    }

    /// The items of the list with this key.
    pub(super) fn items(&self, key: &str) -> &[Self] {
        match self.get(key) {
            Some(Self::List(items)) => items,
            _ => &[],
        }
    }

    /// The value of an entry of a map, to be changed.
    pub(super) fn entry_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(map) => map.get_mut(key),
            _ => None,
        }
    }

    /// An item of a list, to be changed.
    pub(super) fn item_mut(&mut self, index: usize) -> Option<&mut Self> {
        match self {
            Self::List(items) => items.get_mut(index),
            _ => None,
        }
    }

    /// The entries of a map.
    pub(super) fn into_entries(self) -> BTreeMap<String, Self> {
        match self {
            Self::Map(map) => map,
            _ => BTreeMap::new(),
        }
    }

    /// In flow style, on one line.
    pub(super) fn flow(&self) -> String {
        let join = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Scalar(scalar) => scalar.flow(),
            Self::List(items) => format!("[{}]", join(items.iter().map(Self::flow).collect())),
            Self::Map(map) => {
                let entry =
                    |(key, value): (&String, &Self)| format!("{}: {}", name(key), value.flow());
                format!("{{{}}}", join(named_first(map).map(entry).collect()))
            }
        }
    }

    /// In block style, as lines of which the first stands without indentation.
    pub(super) fn block(&self) -> Vec<String> {
        let indented = |line: String| format!("  {line}");
        match self {
            Self::List(items) if !items.is_empty() => items
                .iter()
                .flat_map(|item| {
                    let lines = item.block().into_iter().enumerate();
                    lines.map(|(index, line)| match index {
                        0 => format!("- {line}"),
                        _ => indented(line),
                    })
                })
                .collect(),
            Self::Map(map) if !map.is_empty() => named_first(map)
                .flat_map(|(key, value)| value.block_entry(key))
                .collect(),
            _ => vec![self.flow()],
        }
    }

    /// The lines of an entry of a map, in block style.
    pub(super) fn block_entry(&self, key: &str) -> Vec<String> {
        let simple = match self {
            Self::Scalar(_) => true,
            Self::List(items) => items.is_empty(),
            Self::Map(map) => map.is_empty(),
        };
        if simple {
            return vec![format!("{}: {}", name(key), self.flow())];
        }
        let mut lines = vec![format!("{}:", name(key))];
        lines.extend(self.block().into_iter().map(|line| format!("  {line}")));
        lines
    }
}

/// The entries of a map as people write them: what it is called comes first.
fn named_first(map: &BTreeMap<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let (first, others): (Vec<_>, Vec<_>) = map.iter().partition(|(key, _)| *key == "name");
    first.into_iter().chain(others)
}

/// A key: a text like any other.
fn name(key: &str) -> String {
    Value::text(key).flow()
}
