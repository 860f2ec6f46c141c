//! A YAML text as trees that know where every part of them was written.
//!
//! The trees of the config forget how something was written, which is what matters here: block or
//! flow style, anchors, aliases, and comments with their places.

use super::value::{Scalar, Value};
use super::{Found, place};
use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle, options};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// How deep a document may nest: manifests do not come near, and a stack has an end.
const MAX_DEPTH: usize = 64;

/// How many values the aliases of one text may stand for.
const MAX_VALUES: usize = 1_000_000;

/// A text and what is in it.
pub(super) struct Text<'t> {
    /// Which of the texts it is, from 0.
    pub(super) source: usize,
    pub(super) text: &'t str,
    /// The roots of its documents.
    pub(super) roots: Vec<Node>,
    /// Where its comments stand, without their line breaks.
    pub(super) comments: Vec<Range<usize>>,
    /// What anchors stand for, by their number.
    anchors: BTreeMap<usize, Node>,
}

/// A part of a document.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it stands, without its anchor and tag; a block ends where the last thing in it does.
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
    pub(super) anchor: Option<Anchor>,
}

/// Where an anchor was written.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) number: usize,
    pub(super) range: Range<usize>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    List { items: Vec<Node>, flow: bool },
    Map { entries: Vec<Entry>, flow: bool },
    Alias(usize),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_range: Range<usize>,
    pub(super) value: Node,
}

impl<'t> Text<'t> {
    /// Reads a text.
    pub(super) fn read(source: usize, text: &'t str) -> Result<Self, Found> {
        let mut reader = Reader {
            source,
            text,
            parser: Parser::new_from_str_with_options(text, options! {emit_anchor_events: true}),
            comments: Vec::new(),
            anchors: BTreeMap::new(),
        };
        let mut roots = Vec::new();
        while let Some((event, span)) = reader.next()? {
            if event.is_node() {
                roots.push(reader.node(event, span, 0)?);
            }
        }
        let (comments, anchors) = (reader.comments, reader.anchors);
        Ok(Self {
            source,
            text,
            roots,
            comments,
            anchors,
        })
    }

    /// What an alias stands for; any other node stands for itself.
    pub(super) fn target<'n>(&'n self, node: &'n Node) -> &'n Node {
        match node.kind {
            Kind::Alias(number) => self.anchors.get(&number).unwrap_or(node),
            _ => node,
        }
    }

    /// The node without aliases and merge keys, as whoever reads the manifest sees it.
    pub(super) fn value(&self, node: &Node) -> Result<Value, Found> {
        let mut left = MAX_VALUES;
        self.resolve(node, &mut left).ok_or_else(|| {
            Found::new(
                self.place(&node.range, ""),
                "too-large",
                "the aliases in it stand for more than can be written out",
                "write it without so many aliases of aliases",
            )
        })
    }

    fn resolve(&self, node: &Node, left: &mut usize) -> Option<Value> {
        *left = left.checked_sub(1)?;
        let node = self.target(node);
        Some(match &node.kind {
            Kind::Scalar(scalar) => Value::Scalar(scalar.clone()),
            // An anchor that is not known was refused when the text was read.
            Kind::Alias(_) => Value::null(),
            Kind::List { items, .. } => {
                let items = items.iter().map(|item| self.resolve(item, left));
                Value::List(items.collect::<Option<_>>()?)
            }
            Kind::Map { entries, .. } => {
                let mut map = BTreeMap::new();
                for entry in entries.iter().filter(|entry| entry.key != MERGE) {
                    map.insert(entry.key.clone(), self.resolve(&entry.value, left)?);
                }
                for entry in entries.iter().filter(|entry| entry.key == MERGE) {
                    let merged = match self.resolve(&entry.value, left)? {
                        Value::List(list) => list,
                        one => vec![one],
                    };
                    for (key, value) in merged.into_iter().flat_map(Value::into_entries) {
                        map.entry(key).or_insert(value);
                    }
                }
                Value::Map(map)
            }
        })
    }

    /// The place of a part of the text.
    pub(super) fn place(&self, range: &Range<usize>, path: &str) -> coalmine::diagnostic::Place {
        place(self.source, self.text, range.clone(), path)
    }

    /// What ends its lines.
    pub(super) fn line_break(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }
}

/// The key that takes entries over from other maps (YAML 1.1; Kubernetes' parsers keep to it).
pub(super) const MERGE: &str = "<<";

/// Where the line with this byte begins.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |before| before + 1)
}

/// Where the line with this byte ends, without its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |next| at + next);
    end - usize::from(end > at && text[..end].ends_with('\r'))
}

/// Where the line after the one with this byte begins, or the text ends.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    text[at..]
        .find('\n')
        .map_or(text.len(), |next| at + next + 1)
}

impl Node {
    /// The entry of a map with this key, as it was written.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        let Kind::Map { entries, .. } = &self.kind else {
            return None;
        };
        entries.iter().find(|entry| entry.key == key)
    }

    /// This node and all that are in it.
    pub(super) fn each<'n>(&'n self, visit: &mut impl FnMut(&'n Self)) {
        visit(self);
        match &self.kind {
            Kind::List { items, .. } => items.iter().for_each(|item| item.each(visit)),
            Kind::Map { entries, .. } => entries.iter().for_each(|entry| entry.value.each(visit)),
            Kind::Scalar(_) | Kind::Alias(_) => {}
        }
    }
}

struct Reader<'t> {
    source: usize,
    text: &'t str,
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    comments: Vec<Range<usize>>,
    anchors: BTreeMap<usize, Node>,
}

impl<'t> Reader<'t> {
    /// The next event that is no comment.
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Found> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Ok((Event::Comment(..), span))) => self.comments.push(bytes(&span)),
                Some(Ok(event)) => return Ok(Some(event)),
                Some(Err(error)) => {
                    let at = error.marker().byte_offset().unwrap_or(0);
                    let message = format!("this is not YAML: {}", error.info());
                    return Err(self.refused(at..at, "not-yaml", &message));
                }
            }
        }
    }

    fn refused(&self, range: Range<usize>, code: &'static str, message: &str) -> Found {
        let help = if self.text.contains("{{") {
            "it looks like a template: fill it in first, as with `helm template`, and give what comes of it"
        } else if self.text[line_start(self.text, range.start)..]
            .trim_start_matches(' ')
            .starts_with('\t')
        {
            "indent it with blanks"
        } else {
            "write it so that `kubectl apply` takes it"
        };
        let place = place(self.source, self.text, range, "");
        Found::new(place, code, message, help)
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Found> {
        let start = bytes(&span);
        if depth > MAX_DEPTH {
            return Err(self.refused(
                start,
                "too-deep",
                "this nests deeper than any manifest does",
            ));
        }
        let number = event.anchor_id();
        // It comes before what is in the node.
        let anchor = match number {
            Some(number) => self.next()?.map(|(_, span)| Anchor {
                number,
                range: bytes(&span),
            }),
            None => None,
        };
        let (kind, range) = match event {
            Event::Scalar(text, style, _, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let range = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        let text = self.text[start.clone()].trim_end_matches([' ', '\t']);
                        self.block_scalar(start.start)..start.start + text.len()
                    }
                    _ => start,
                };
                (Kind::Scalar(Scalar::written(&text, plain)), range)
            }
            Event::Alias(number) => (Kind::Alias(number), start),
            Event::SequenceStart(style, ..) => self.list(style, start, depth)?,
            Event::MappingStart(style, ..) => self.map(style, start, depth)?,
            _ => return Err(self.refused(start, "not-yaml", "this is no YAML that is known here")),
        };
        let node = Node {
            range,
            kind,
            anchor,
        };
        if let Some(number) = number {
            self.anchors.insert(number, node.clone());
        }
        Ok(node)
    }

    fn list(
        &mut self,
        style: StructureStyle,
        start: Range<usize>,
        depth: usize,
    ) -> Result<(Kind, Range<usize>), Found> {
        let flow = style == StructureStyle::Flow;
        let mut items = Vec::new();
        let mut end = start.end;
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                end = if flow { bytes(&span).end } else { end };
                break;
            }
            let item = self.node(event, span, depth + 1)?;
            end = end.max(item.range.end);
            items.push(item);
        }
        let start = match (flow, items.first()) {
            (false, Some(first)) => self.first_dash(start.start, first.range.start),
            _ => start.start,
        };
        Ok((Kind::List { items, flow }, start..end))
    }

    /// Where a block scalar begins: with the `|` or `>` at the end of a line above what it says, of
    /// which the parser gives the place.
    fn block_scalar(&self, said: usize) -> usize {
        let end = self.text[..said].trim_end().len();
        let line = line_start(self.text, end);
        let header = |(at, _): &(usize, &str)| {
            let rest = self.text[line + at + 1..end].trim_start_matches(['+', '-']);
            let rest = rest.trim_start_matches(|next: char| next.is_ascii_digit());
            let rest = rest.trim_start_matches(['+', '-']).trim_start();
            rest.is_empty() || rest.starts_with('#')
        };
        let mut all = self.text[line..end].match_indices(['|', '>']);
        all.find(header).map_or(said, |(at, _)| line + at)
    }

    /// Where the first dash of a block list stands. The parser says so of an indented list; of one
    /// that is as far to the left as its key it gives the place behind the dash.
    fn first_dash(&self, said: usize, first: usize) -> usize {
        let mut there = self.text[said..].chars();
        let dash = there.next() == Some('-') && there.next().is_none_or(char::is_whitespace);
        if dash && first > said {
            return said;
        }
        let before = self.text[line_start(self.text, said)..said].trim_end();
        match before.strip_suffix('-') {
            Some(blank) => line_start(self.text, said) + blank.len(),
            None => said,
        }
    }

    fn map(
        &mut self,
        style: StructureStyle,
        start: Range<usize>,
        depth: usize,
    ) -> Result<(Kind, Range<usize>), Found> {
        let flow = style == StructureStyle::Flow;
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        let mut end = start.end;
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                end = if flow { bytes(&span).end } else { end };
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            let Kind::Scalar(Scalar { text: name, .. }) = key.kind else {
                let message = "a key of a manifest is a word, and this is none";
                return Err(self.refused(key.range, "not-a-key", message));
            };
            if !seen.insert(name.clone()) && name != MERGE {
                let message = format!("`{name}` is there twice");
                return Err(self.refused(key.range, "repeated-field", &message));
            }
            let Some((event, span)) = self.next()? else {
                break;
            };
            let mut value = self.node(event, span, depth + 1)?;
            if value.range.is_empty() && value.anchor.is_none() {
                // Of a value that is not there the parser gives the place of the colon.
                let behind = self.text[key.range.end..].find(':');
                let at = behind.map_or(key.range.end, |colon| key.range.end + colon + 1);
                value.range = at..at;
            }
            end = end.max(value.range.end);
            entries.push(Entry {
                key: name,
                key_range: key.range,
                value,
            });
        }
        Ok((Kind::Map { entries, flow }, start.start..end))
    }
}

/// Texts are read from memory, so every offset is known.
fn bytes(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or_default()
}
