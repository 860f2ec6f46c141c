//! One request and its response.

use crate::host::Host;
use crate::moment::Moment;
use crate::onward;
use crate::pairs::Pairs;
use crate::plugin::Plugin;
use crate::watched::Watched;
use coalmine::{Decision, HeaderEdit, decide};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// The context of a request: small, because every request makes one.
pub(crate) struct Stream {
    plugin: Option<Rc<Plugin>>,
    context_id: u32,
    /// The cookie for a client that was issued a unit, until the response takes it along.
    set_cookie: Option<String>,
    /// What is kept of the request where its response is watched.
    watched: Option<Box<Watched>>,
}

/// The headers of a request, and the host for what is not in them.
struct Request<'s> {
    headers: Pairs<'s>,
    host: &'s Host,
}

impl coalmine::Request for Request<'_> {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter()
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.host.source_address().map(Vec::from)
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        if let Some(plugin) = &self.plugin {
            (self.set_cookie, self.watched) =
                route(plugin, self.context_id, end_of_stream).unwrap_or_default();
        }
        Action::Continue
    }

    /// Envoy also calls it for replies of its own, so the first answer carries the cookie whoever
    /// gave it.
    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if let (Some(plugin), Some(cookie)) = (&self.plugin, self.set_cookie.take()) {
            plugin.host.add_response_header("set-cookie", &cookie);
        }
        if let (Some(plugin), Some(watched)) = (&self.plugin, &mut self.watched) {
            watched.headers(plugin);
        }
        Action::Continue
    }

    /// Called for responses that have trailers, as gRPC's have.
    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        if let (Some(plugin), Some(watched)) = (&self.plugin, &mut self.watched) {
            watched.trailers(&plugin.host);
        }
        Action::Continue
    }
}

impl Stream {
    pub(crate) fn new(plugin: Option<Rc<Plugin>>, context_id: u32) -> Self {
        Self {
            plugin,
            context_id,
            set_cookie: None,
            watched: None,
        }
    }
}

/// The SDK drops a context when Envoy deletes it, within Envoy's call and so within the stream.
impl Drop for Stream {
    fn drop(&mut self) {
        if let (Some(plugin), Some(watched)) = (&self.plugin, &self.watched) {
            watched.end(plugin);
        }
    }
}

/// Decides a request and acts on it. Gives the value of `set-cookie` if a unit was issued, and what
/// is to be kept if its response is watched; `None` if nothing was decided.
fn route(
    plugin: &Plugin,
    context_id: u32,
    whole: bool,
) -> Option<(Option<String>, Option<Box<Watched>>)> {
    let host = &plugin.host;
    let bytes = host.request_headers()?;
    let request = Request {
        headers: Pairs::parse(&bytes)?,
        host,
    };
    let moment = Moment::new(plugin, context_id, whole);
    let Some(decision) = decide(&plugin.policy, &request, &moment) else {
        onward::send_on(plugin, &request, None);
        return None;
    };
    // What could not be done is not counted as done, and does not travel.
    let done = apply(plugin, &decision).then_some(&decision);
    if let Some(done) = done {
        plugin.counters.count(host, done);
    }
    if !decision.refused.is_empty() {
        plugin.counters.count_refusals(host, &decision);
    }
    onward::send_on(plugin, &request, done);
    if plugin.debug {
        log(&decision);
    }
    let cookie = decision
        .canary
        .unit_cookie()
        .zip(decision.issued.as_ref())
        .map(|(cookie, unit)| cookie.set_cookie(unit, over_tls(&request.headers)));
    let watched = Watched::of(&decision, done.is_some(), &request.headers, &moment);
    Some((cookie, watched))
}

/// Makes the variant header say what was decided; false if the host would not.
fn apply(plugin: &Plugin, decision: &Decision<'_>) -> bool {
    let (host, header) = (&plugin.host, plugin.policy.variant_header());
    match decision.edit {
        HeaderEdit::Keep => true,
        HeaderEdit::Remove => host.remove_request_header(header),
        HeaderEdit::Replace => {
            let replaced = host.replace_request_header(header, decision.variant_name());
            if !replaced {
                // Rather the default than what the client sent.
                host.remove_request_header(header);
            }
            replaced
        }
    }
}

/// Whether the client speaks TLS, to Envoy or to a proxy in front of it.
fn over_tls(headers: &Pairs<'_>) -> bool {
    let first = |wanted: &[u8]| {
        let mut values = headers.iter().filter(|(name, _)| *name == wanted);
        values.next().map(|(_, value)| value)
    };
    [first(b":scheme"), first(b"x-forwarded-proto")]
        .into_iter()
        .flatten()
        .any(|scheme| scheme.eq_ignore_ascii_case(b"https"))
}

#[cold]
fn log(decision: &Decision<'_>) {
    let (canary, variant) = (decision.canary.name(), decision.variant_name());
    log::debug!("{canary}: {variant} ({})", decision.reason_name());
    for cause in decision.refused.iter() {
        log::debug!("{canary}: a pin was refused ({})", cause.word());
    }
}
