//! Names and hosts, of which each is one canary's.

use super::Canary;
use super::fields::{Field, join};
use super::report::Report;
use crate::diagnostic::Place;
use crate::node::{Span, Value};
use crate::policy::{MAX_VARIANTS, Table, host_names};

/// What was claimed, and by whom. There is something of it for every canary, so it has no more than what
/// the place of a claim can be made of again, and what those have to know that inherit from a canary.
#[derive(Default)]
pub(super) struct Claims {
    claimants: Vec<Whose>,
    /// Who has a name, by its number.
    names: Table<usize>,
    /// Who has a host, and which of its hosts it is.
    hosts: Table<(usize, usize)>,
}

/// A canary that was read.
pub(super) struct Whose {
    name: Box<str>,
    source: usize,
    /// The list that it is an item of, and its number there.
    item: Option<(&'static str, usize)>,
    /// Where its name and its hosts are, if that is known.
    spans: Option<Box<Spans>>,
    /// Whether its decisions go on to the next hop.
    travels: bool,
    /// Its variants; `None` where they are too many, which is refused.
    variants: Option<Box<[Box<str>]>>,
}

struct Spans {
    name: Option<Span>,
    hosts: Vec<Option<Span>>,
}

// === impl Claims ===

impl Claims {
    /// Makes room for so many canaries.
    pub(super) fn expect(&mut self, count: usize) {
        self.claimants.reserve_exact(count);
    }

    /// Who claimed as this number, if anybody did.
    pub(super) fn claimant(&self, number: usize) -> Option<&Whose> {
        self.claimants.get(number)
    }

    /// Who has this name.
    pub(super) fn named(&self, name: &str) -> Option<&Whose> {
        self.claimant(*self.names.get(name.as_bytes())?)
    }

    /// Claims a canary's name and hosts; what others have is reported. Its number comes back.
    pub(super) fn claim(
        &mut self,
        mut whose: Whose,
        field: &Field<'_>,
        canary: &Canary,
        report: &mut Report<'_>,
    ) -> usize {
        let number = self.claimants.len();
        let fields = field.peek();
        let name = fields
            .as_ref()
            .and_then(|fields| fields.get("metadata")?.peek()?.get("name"));
        let hosts = fields
            .and_then(|fields| fields.get("spec")?.peek()?.get("hosts"))
            .map(|hosts| hosts.items())
            .unwrap_or_default();
        if field.node.span.is_some() {
            whose.spans = Some(Box::new(Spans {
                name: name.as_ref().and_then(|name| name.node.span),
                hosts: hosts.iter().map(|host| host.value_place().1).collect(),
            }));
        }
        let first = self.names.entry(whose.name.as_bytes(), || number).copied();
        if let (Some(first), Some(name)) = (first.and_then(|first| self.claimants.get(first)), name)
        {
            report.clash(
                (&name.path, name.node.span),
                &first.place_of_name(),
                "repeated-canary",
                format_args!("there are two canaries `{}`", first.name),
                "give one of them another name or namespace",
            );
        }
        for (index, host) in hosts.iter().enumerate() {
            let Value::String(text) = &host.node.value else {
                continue;
            };
            for name in host_names(text, canary.namespace.as_deref()) {
                let first = self.hosts.entry(name.as_bytes(), || (number, index));
                let Some((first, its)) = first.copied() else {
                    continue;
                };
                if let Some(first) = self.claimants.get(first)
                    && first.name != whose.name
                {
                    report.clash(
                        host.value_place(),
                        &first.place_of_host(its),
                        "host-conflict",
                        format_args!(
                            "host `{name}` is claimed by two canaries, `{}` and `{}`",
                            first.name, whose.name
                        ),
                        "a host has one canary: join them, or write a longer name in one",
                    );
                    break;
                }
            }
        }
        self.claimants.push(whose);
        number
    }
}

// === impl Whose ===

impl Whose {
    /// Of a canary in a source: the document itself, or an item of its list.
    pub(super) fn new(canary: &Canary, source: usize, item: Option<(&'static str, usize)>) -> Self {
        let variants = &canary.spec.variants;
        Self {
            name: canary.full_name().into(),
            source,
            item,
            spans: None,
            travels: canary.spec.propagate.is_some_and(|how| how.baggage),
            variants: (variants.len() <= MAX_VARIANTS).then(|| {
                let names = variants.iter().map(|(name, _)| name.as_str().into());
                names.collect()
            }),
        }
    }

    /// The source it was read from.
    pub(super) fn source(&self) -> usize {
        self.source
    }

    /// Whether its decisions go on to the next hop.
    pub(super) fn travels(&self) -> bool {
        self.travels
    }

    /// The names of its variants, if they are not too many.
    pub(super) fn variants(&self) -> Option<Vec<&str>> {
        let variants = self.variants.as_ref()?;
        Some(variants.iter().map(|name| &**name).collect())
    }

    fn place_of_name(&self) -> Place {
        let spans = self.spans.as_ref();
        self.place("metadata.name", spans.and_then(|spans| spans.name))
    }

    fn place_of_host(&self, host: usize) -> Place {
        let span = self.spans.as_ref().and_then(|spans| spans.hosts.get(host));
        self.place(&format!("spec.hosts[{host}]"), span.copied().flatten())
    }

    /// The place of something in it.
    pub(super) fn place(&self, path: &str, span: Option<Span>) -> Place {
        // As `Reader::item` names it: a canary that was read has a name.
        let path = match self.item {
            Some((list, index)) => join(&format!("{list}[{index}] ({})", self.name), path),
            None => path.to_owned(),
        };
        Place {
            source: self.source,
            path,
            span,
        }
    }
}
