//! One request and its response.

use crate::moment::Moment;
use crate::onward;
use crate::pairs::Pairs;
use crate::plugin::Plugin;
use crate::watched::Watched;
use coalmine::{Decision, HeaderEdit};
use coalmine_filter_decision::{Arrived, decide};
use std::rc::Rc;

/// What is kept of a request until its response has ended.
pub(crate) struct Stream {
    plugin: Rc<Plugin>,
    /// The cookie for a client that was issued a unit, until the response takes it along.
    set_cookie: Option<String>,
    /// Where the response is watched.
    watched: Option<Watched>,
}

impl Stream {
    /// The headers of the response have come.
    pub(crate) fn headers(&mut self) {
        if let Some(cookie) = self.set_cookie.take() {
            self.plugin.host.add_response_header("set-cookie", &cookie);
        }
        if let Some(watched) = &mut self.watched {
            watched.headers(&self.plugin);
        }
    }

    /// The trailers of the response have come.
    pub(crate) fn trailers(&mut self) {
        if let Some(watched) = &mut self.watched {
            watched.trailers(&self.plugin.host);
        }
    }

    /// Envoy deletes the stream, and still tells how the response ended.
    pub(crate) fn end(self) {
        if let Some(watched) = &self.watched {
            watched.end(&self.plugin);
        }
    }
}

/// Decides a request and acts on it. Gives what has to be kept until the response has ended, which
/// is nothing for most requests.
pub(crate) fn route(plugin: &Rc<Plugin>, context_id: u32, whole: bool) -> Option<Stream> {
    let host = &plugin.host;
    let bytes = host.request_headers()?;
    let request = Arrived {
        headers: Pairs::parse(&bytes)?,
        address: &|| host.source_address().map(|given| given.to_vec()),
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
    let set_cookie = decision
        .canary
        .unit_cookie()
        .zip(decision.issued.as_ref())
        .map(|(cookie, unit)| cookie.set_cookie(unit, over_tls(&request.headers)));
    let watched = Watched::of(&decision, done.is_some(), &request.headers, &moment);
    if set_cookie.is_none() && watched.is_none() {
        return None;
    }
    Some(Stream {
        plugin: Rc::clone(plugin),
        set_cookie,
        watched,
    })
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
