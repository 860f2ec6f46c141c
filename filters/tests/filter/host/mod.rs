//! The host: Envoy's part of the ABI. Each thread, and so each test, has its own.

pub(crate) mod allocator;
mod calls;
mod unused;

pub(crate) use calls::wire;
use proxy_wasm::types::{Action, LogLevel};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Name and value.
pub(crate) type Header<'h> = (&'h [u8], &'h [u8]);

/// What the host knows, what it was told, and how it misbehaves.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) configuration: Vec<u8>,
    pub(crate) request: Vec<(Vec<u8>, Vec<u8>)>,
    /// Given instead of the request's headers.
    pub(crate) raw_request: Option<Vec<u8>>,
    pub(crate) source_address: Vec<u8>,
    pub(crate) response: Response,
    pub(crate) nanoseconds: u64,
    /// How often the filter asked for the time of the steady clock.
    pub(crate) looks_at_the_clock: usize,
    pub(crate) debug: bool,
    /// What plugins share.
    pub(crate) shared: BTreeMap<String, Vec<u8>>,
    /// The numbers of the expressions that are known.
    pub(crate) expressions: BTreeSet<u32>,
    pub(crate) expressions_made: u32,
    /// The call or foreign function of this name fails with this status.
    pub(crate) failing: Option<(&'static str, u32)>,
    /// The names of the metrics, by their number. They last as long as the memory of the filter, which
    /// here is the thread's.
    pub(crate) metrics: Vec<String>,
    /// What the filter did, in words.
    pub(crate) effects: Vec<String>,
    pub(crate) log: Vec<(LogLevel, String)>,
}

/// What the host knows of a response.
#[derive(Clone, Default)]
pub(crate) struct Response {
    /// Its status, 0 if none was begun.
    pub(crate) code: u64,
    pub(crate) flags: u64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) trailers: Vec<(String, String)>,
    /// From its headers to the end of the stream.
    pub(crate) lasts: Duration,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// What is exported for Envoy: by the SDK what comes once, and by the filter what the module has
/// under the same name without `coalmine_`.
mod exports {
    use super::Action;

    unsafe extern "C" {
        pub(super) safe fn coalmine_malloc(size: usize) -> *mut u8;
        pub(super) safe fn coalmine_proxy_on_context_create(context: u32, parent: u32);
        pub(super) safe fn proxy_on_context_create(context: u32, parent: u32);
        pub(super) safe fn proxy_on_vm_start(context: u32, size: usize) -> bool;
        pub(super) safe fn proxy_on_configure(context: u32, size: usize) -> bool;
        pub(super) safe fn coalmine_proxy_on_request_headers(
            context: u32,
            number: usize,
            end_of_stream: bool,
        ) -> Action;
        pub(super) safe fn coalmine_proxy_on_response_headers(
            context: u32,
            number: usize,
            end_of_stream: bool,
        ) -> Action;
        pub(super) safe fn coalmine_proxy_on_response_trailers(
            context: u32,
            number: usize,
        ) -> Action;
        pub(super) safe fn coalmine_proxy_on_delete(context: u32);
    }
}

const ROOT: u32 = 1;

/// A VM with the filter in it, as Envoy brings it up.
pub(crate) struct Vm {
    last_context: u32,
}

impl Vm {
    /// A VM whose plugin is not configured yet.
    pub(crate) fn start() -> Self {
        STATE.with_borrow_mut(|host| {
            let metrics = std::mem::take(&mut host.metrics);
            *host = State {
                metrics,
                ..State::default()
            };
        });
        coalmine_filter::register();
        exports::coalmine_proxy_on_context_create(ROOT, 0);
        assert!(exports::proxy_on_vm_start(ROOT, 0));
        Self { last_context: ROOT }
    }

    /// A VM of the module as the linker leaves it: the SDK's callbacks are called, and not the filter's.
    pub(crate) fn unfinished() -> Self {
        STATE.take();
        coalmine_filter::register();
        exports::proxy_on_context_create(ROOT, 0);
        assert!(exports::proxy_on_vm_start(ROOT, 0));
        Self { last_context: ROOT }
    }

    /// A VM with a configuration that must be good.
    pub(crate) fn configured(configuration: &str) -> Self {
        let vm = Self::start();
        assert!(vm.configure(configuration), "{:?}", vm.log());
        vm.log();
        vm
    }

    /// Another plugin in the same VM, with a configuration that must be good; its context.
    pub(crate) fn add(&mut self, configuration: &str) -> u32 {
        let root = self.next();
        self.host(|host| host.configuration = configuration.as_bytes().to_vec());
        exports::coalmine_proxy_on_context_create(root, 0);
        assert!(exports::proxy_on_configure(root, configuration.len()));
        root
    }

    /// The first plugin's context.
    pub(crate) fn root(&self) -> u32 {
        ROOT
    }

    /// A stream of a plugin begins; its context.
    pub(crate) fn begin(&mut self, root: u32) -> u32 {
        let stream = self.next();
        exports::coalmine_proxy_on_context_create(stream, root);
        stream
    }

    /// The headers of a stream's request come. Gives what the filter did, in words.
    pub(crate) fn decide(&self, stream: u32, headers: &[Header<'_>]) -> Vec<String> {
        self.host(|host| host.request = owned(headers));
        let action = exports::coalmine_proxy_on_request_headers(stream, headers.len(), true);
        assert_eq!(action, Action::Continue);
        self.host(|host| std::mem::take(&mut host.effects))
    }

    /// The headers of a response come, and later, or instead, the stream's end.
    pub(crate) fn respond(&self, stream: u32) -> Vec<String> {
        let action = exports::coalmine_proxy_on_response_headers(stream, 0, true);
        assert_eq!(action, Action::Continue);
        self.host(|host| std::mem::take(&mut host.effects))
    }

    /// A context ends, a stream's or a plugin's.
    pub(crate) fn end(&self, context: u32) -> Vec<String> {
        exports::coalmine_proxy_on_delete(context);
        self.host(|host| std::mem::take(&mut host.effects))
    }

    fn next(&mut self) -> u32 {
        self.last_context += 1;
        self.last_context
    }

    /// Whether the plugin takes a configuration.
    pub(crate) fn configure(&self, configuration: impl AsRef<[u8]>) -> bool {
        let configuration = configuration.as_ref();
        self.host(|host| host.configuration = configuration.to_vec());
        allocator::in_guest(|| exports::proxy_on_configure(ROOT, configuration.len()))
    }

    /// Sets up the host.
    pub(crate) fn host<T>(&self, set: impl FnOnce(&mut State) -> T) -> T {
        STATE.with_borrow_mut(set)
    }

    /// What was logged since the last look.
    pub(crate) fn log(&self) -> Vec<(LogLevel, String)> {
        self.host(|host| std::mem::take(&mut host.log))
    }

    /// Sends a request through and a response back. Gives what the filter did, in words.
    pub(crate) fn request(&mut self, headers: &[Header<'_>]) -> Vec<String> {
        self.exchange(headers, Response::default(), Duration::ZERO)
    }

    /// The same with what the host says of the response, whose headers come after this time; a
    /// response without a status has none.
    pub(crate) fn exchange(
        &mut self,
        headers: &[Header<'_>],
        response: Response,
        after: Duration,
    ) -> Vec<String> {
        self.host(|host| {
            host.request = owned(headers);
            host.response = response;
            host.effects.clear();
        });
        let (begun, trailers, lasts) = self.host(|host| {
            // Its own answers have headers as well, and where nothing was said of it there are some.
            let begun = host.response.code != 0 || host.response.flags == 0;
            (begun, host.response.trailers.len(), host.response.lasts)
        });
        let context = self.next();
        let actions = allocator::in_guest(|| {
            exports::coalmine_proxy_on_context_create(context, ROOT);
            let request = exports::coalmine_proxy_on_request_headers(context, headers.len(), true);
            let mut actions = [request, Action::Continue, Action::Continue];
            self.pass(after);
            if begun {
                actions[1] = exports::coalmine_proxy_on_response_headers(context, 0, trailers == 0);
            }
            if trailers > 0 {
                actions[2] = exports::coalmine_proxy_on_response_trailers(context, trailers);
            }
            self.pass(lasts);
            exports::coalmine_proxy_on_delete(context);
            actions
        });
        assert_eq!(actions, [Action::Continue; 3], "nothing is ever held up");
        self.host(|host| std::mem::take(&mut host.effects))
    }

    /// Lets time pass.
    fn pass(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap();
        self.host(|host| host.nanoseconds += nanoseconds);
    }

    /// The headers of the last request, as the upstream got them.
    pub(crate) fn sent_on(&self, name: &[u8]) -> Vec<Vec<u8>> {
        self.host(|host| {
            let values = host.request.iter().filter(|(known, _)| known == name);
            values.map(|(_, value)| value.clone()).collect()
        })
    }
}

fn owned(headers: &[Header<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let owned = |(name, value): &Header<'_>| (name.to_vec(), value.to_vec());
    headers.iter().map(owned).collect()
}

impl Drop for Vm {
    fn drop(&mut self) {
        exports::coalmine_proxy_on_delete(ROOT);
    }
}
