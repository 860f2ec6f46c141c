//! What Envoy calls for each request, and for the memory of what it gives back.
//!
//! The SDK exports these callbacks as well, and finds a boxed context for each of them in a hash map,
//! which nearly no request needs. So these stand beside them as `coalmine_` and the ABI's name, which
//! they take when the module is made (`xtask/src/module/shrink.rs`). What comes once, the
//! context of a configuration and the configuration itself, goes to the SDK. A module in which they
//! have not taken them knows no context of a configuration, and `root` refuses each there.

use crate::given;
use crate::stream::{self, Stream};
use crate::worker::WORKER;
use proxy_wasm::types::Action;

unsafe extern "C" {
    // SAFETY: the SDK defines them, over a dispatcher of this thread; they take numbers only.
    safe fn proxy_on_context_create(context: u32, parent: u32);
    safe fn proxy_on_delete(context: u32);
}

/// Memory that the host writes to what it gives back.
#[unsafe(no_mangle)]
extern "C" fn coalmine_malloc(size: usize) -> *mut u8 {
    given::allocate(size)
}

/// A context begins: a stream of a configuration, or, without a parent, a configuration.
#[unsafe(no_mangle)]
extern "C" fn coalmine_proxy_on_context_create(context: u32, parent: u32) {
    if parent == 0 {
        WORKER.with(|worker| worker.add_root(context));
        proxy_on_context_create(context, parent);
    } else {
        WORKER.with(|worker| worker.create(context, parent));
    }
}

/// The headers of a request have come.
#[unsafe(no_mangle)]
extern "C" fn coalmine_proxy_on_request_headers(
    context: u32,
    _headers: usize,
    end_of_stream: bool,
) -> Action {
    WORKER.with(|worker| {
        let kept = worker.begin(context, |plugin| {
            stream::route(plugin, context, end_of_stream)
        });
        if let Some(stream) = kept.flatten() {
            worker.keep(context, stream);
        }
    });
    Action::Continue
}

/// The headers of a response have come. Envoy also calls it for replies of its own, so the first
/// answer carries the cookie whoever gave it.
#[unsafe(no_mangle)]
extern "C" fn coalmine_proxy_on_response_headers(
    context: u32,
    _headers: usize,
    _end_of_stream: bool,
) -> Action {
    WORKER.with(|worker| worker.with(context, Stream::headers));
    Action::Continue
}

/// The trailers of a response have come, where it has some, as gRPC's have.
#[unsafe(no_mangle)]
extern "C" fn coalmine_proxy_on_response_trailers(context: u32, _trailers: usize) -> Action {
    WORKER.with(|worker| worker.with(context, Stream::trailers));
    Action::Continue
}

/// A context is gone.
#[unsafe(no_mangle)]
extern "C" fn coalmine_proxy_on_delete(context: u32) {
    WORKER.with(|worker| {
        if let Some(stream) = worker.end(context) {
            stream.end();
        } else if worker.is_root(context) {
            proxy_on_delete(context);
        }
    });
}
