//! YAML text to a tree with places, and diagnostics drawn over the text.
//!
//! The only file that knows the YAML library.

use crate::config::{self, Canaries};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::node::{Key, Node, Span, Spans, Value, ValueVisitor};
use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};
use core::fmt;
use core::ops::Range;
use serde::de::{Deserialize, Deserializer};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Location, Options, Spanned};

/// How many values the aliases (`*name`) of a text may stand for all together, and how many may be
/// kept for them: some 30 MB. Whatever else a text makes is in proportion to its length.
const ALIASED: usize = 250_000;

/// How many bytes the texts behind aliases may have.
const ALIASED_BYTES: usize = 64 << 20;

/// A file as it was read, for messages that point into it.
#[derive(Clone, Debug)]
pub struct Source {
    /// What to call it: a path, or `<stdin>`.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// Reads sources and checks them one by one and against each other; the diagnostics count sources
/// as `sources` does. What could be read is returned beside the problems; use it only if none is an
/// error.
pub fn read(sources: &[Source]) -> (Canaries, Vec<Diagnostic>) {
    let mut documents = Vec::new();
    let mut found = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        match parse(&source.text, number) {
            Ok(nodes) => documents.extend(nodes.into_iter().map(|node| (number, node))),
            Err(diagnostic) => found.push(*diagnostic),
        }
    }
    let documents = documents.iter().map(|(number, node)| (*number, node));
    let (canaries, more) = config::read(documents);
    found.extend(more);
    found.sort_by_key(|diagnostic| {
        let span = diagnostic.place.span;
        (diagnostic.place.source, span.map(|span| span.start))
    });
    (canaries, found)
}

/// Every document of a YAML (or JSON) text, as trees.
///
/// # Errors
/// The first place where the text is not YAML; `source` is put into its place.
pub fn parse(text: &str, source: usize) -> Result<Vec<Node>, Box<Diagnostic>> {
    serde_saphyr::from_multiple_with_options::<Located>(text, options(text.len()))
        .map(|documents| documents.into_iter().map(Node::from).collect())
        .map_err(|error| {
            let (message, help) = in_words(&error);
            Box::new(Diagnostic {
                severity: Severity::Error,
                code: "not-yaml",
                place: Place {
                    source,
                    path: String::new(),
                    span: error.location().and_then(|location| {
                        span(&location).or_else(|| character(text, &location))
                    }),
                },
                first: None,
                message: format!("this is not YAML: {message}"),
                help: help.map(str::to_owned),
            })
        })
}

/// How a text of this many bytes is read: it may be as long as it wants, and only what multiplies
/// its length is bounded.
fn options(length: usize) -> Options {
    // A byte begins four values at most: `[?,?]` are mappings, each of an empty key and value.
    let values = length.saturating_mul(4).saturating_add(ALIASED);
    serde_saphyr::options! {
        // Repeated keys are reported with every other problem of the file, not instead of them.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `no` and `on` are ordinary words for a group or a cookie.
        strict_booleans: true,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: ALIASED,
        },
        budget: serde_saphyr::budget! {
            max_documents: length,
            max_nodes: values,
            max_events: values.saturating_mul(2),
            max_total_scalar_bytes: length.saturating_add(ALIASED_BYTES),
            max_aliases: length,
            max_anchors: length,
            max_merge_keys: length,
            // Many aliases of one anchor are fine while they stand for little.
            enforce_alias_anchor_ratio: false,
        },
    }
}

/// The library's words, where plainer ones do not say more, and what to do.
fn in_words(error: &Error) -> (String, Option<&'static str>) {
    const FEWER: &str =
        "write what stands behind `&name` once more instead of `*name`, or in fewer places";
    let message = match innermost(error) {
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Depth { .. } => "it is nested too deep".to_owned(),
            BudgetBreach::RecordedAnchorEvents { .. }
            | BudgetBreach::RecordedAnchorBytes { .. } => {
                let kept = "its anchors (`&name`) hold more than can be kept for aliases";
                return (
                    kept.to_owned(),
                    Some("give names to smaller parts, or to none"),
                );
            }
            BudgetBreach::ScalarBytes { .. } => {
                return (aliased(format_args!("{ALIASED_BYTES} bytes")), Some(FEWER));
            }
            // The other limits are out of reach for a text without aliases.
            _ => return (aliased(format_args!("{ALIASED} values")), Some(FEWER)),
        },
        Error::AliasReplayLimitExceeded { .. } => {
            return (aliased(format_args!("{ALIASED} values")), Some(FEWER));
        }
        _ => {
            let line = first_line(error);
            match line.starts_with("recursion limit") {
                true => "it is nested too deep".to_owned(),
                false => line,
            }
        }
    };
    let tab = message.contains(" tab");
    (message, tab.then_some("indent with spaces"))
}

/// The error without what the library puts around it: the text, and where an alias stands.
fn innermost(mut error: &Error) -> &Error {
    while let Error::AliasError { error: inner, .. } | Error::WithSnippet { error: inner, .. } =
        error
    {
        error = inner;
    }
    error
}

fn aliased(limit: fmt::Arguments<'_>) -> String {
    format!("its aliases (`*name`) stand for more than {limit}")
}

/// The error without the library's own drawing of the source, and without the place, which is drawn.
fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let placed = line
        .split_once(" at line ")
        .filter(|_| error.location().is_some());
    placed.map_or(line, |(message, _)| message).to_owned()
}

/// The character at a place that the library knows by line and column alone; at the end of the text
/// it is the last one.
fn character(text: &str, location: &Location) -> Option<Span> {
    let line = usize::try_from(location.line()).ok()?;
    let column = usize::try_from(location.column()).ok()?;
    let lines = text.split_inclusive('\n').take(line.checked_sub(1)?);
    let before: usize = lines.map(str::len).sum();
    let after = text.get(before..).unwrap_or_default();
    let mut characters = after.char_indices().skip(column.saturating_sub(1));
    let (start, length) = match characters.next() {
        Some((offset, character)) => (before.saturating_add(offset), character.len_utf8()),
        None => (text.len(), 0),
    };
    Some(Span {
        start,
        end: start.saturating_add(length),
        line,
        column,
    })
}

/// Draws a diagnostic over its source, as compilers do: place, line, mark, help.
pub fn draw(diagnostic: &Diagnostic, sources: &[Source], colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code);
    let mut group = annotate_snippets::Group::with_title(title);
    let source = sources.get(diagnostic.place.source);
    let first = diagnostic.first.as_ref();
    // The first of two that clash is drawn above the second if both are in one file, else below.
    let (here, elsewhere): (Vec<_>, Vec<_>) = first
        .into_iter()
        .partition(|first| first.source == diagnostic.place.source);
    let mark = source.and_then(|source| mark(source, &diagnostic.place));
    if let (Some(source), Some(mark)) = (source, mark) {
        let primary = AnnotationKind::Primary
            .span(mark)
            .label(diagnostic.place.path.as_str());
        group = group.element(
            snippet(source)
                .annotation(primary)
                .annotations(here.into_iter().filter_map(|first| context(source, first))),
        );
    } else if let Some(source) = source {
        group = group.element(annotate_snippets::Origin::path(source.name.as_str()));
    }
    for first in elsewhere {
        if let Some(source) = sources.get(first.source)
            && let Some(context) = context(source, first)
        {
            group = group.element(snippet(source).annotation(context));
        }
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.render(&[group])
}

fn snippet(source: &Source) -> Snippet<'_, Annotation<'_>> {
    Snippet::source(source.text.as_str()).path(source.name.as_str())
}

/// What to underline.
fn mark(source: &Source, place: &Place) -> Option<Range<usize>> {
    let span = place.span?;
    let end = span
        .end
        .clamp(span.start, source.text.len().max(span.start));
    Some(span.start.min(end)..end)
}

/// The first of two that clash.
fn context<'s>(source: &'s Source, first: &Place) -> Option<Annotation<'s>> {
    let mark = mark(source, first)?;
    Some(AnnotationKind::Context.span(mark).label("the first"))
}

/// A node on its way from YAML.
struct Located(Node);

/// A key on its way from YAML.
struct LocatedKey(Key);

/// YAML's half of [`Spans`].
struct YamlSpans;

impl Spans for YamlSpans {
    type Node<'de> = Located;
    type Key<'de> = LocatedKey;
}

/// A value whose place is known from outside.
struct Bare(Value);

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(ValueVisitor::<YamlSpans>::new())
            .map(Self)
    }
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Bare>::deserialize(deserializer)?;
        Ok(Self(Node {
            span: span(&spanned.referenced),
            value: spanned.value.0,
        }))
    }
}

impl<'de> Deserialize<'de> for LocatedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self(Key {
            span: span(&spanned.referenced),
            name: spanned.value,
        }))
    }
}

impl From<Located> for Node {
    fn from(located: Located) -> Self {
        located.0
    }
}

impl From<LocatedKey> for Key {
    fn from(located: LocatedKey) -> Self {
        located.0
    }
}

fn span(location: &Location) -> Option<Span> {
    if *location == Location::UNKNOWN {
        return None;
    }
    let number = |number: u64| usize::try_from(number).ok();
    let start = number(location.span().byte_offset()?)?;
    let length = number(location.span().byte_len().unwrap_or(0))?;
    Some(Span {
        start,
        end: start.saturating_add(length),
        line: number(location.line())?,
        column: number(location.column())?,
    })
}
