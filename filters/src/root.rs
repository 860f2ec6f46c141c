//! One configuration: read it, refuse it, or put it in force.
//!
//! Envoy calls it for each plugin configuration once per worker, and once on a VM that it throws
//! away, so it depends on nothing but its bytes.

use crate::host::Host;
use crate::plugin::Plugin;
use crate::worker::WORKER;
use coalmine::Policy;
use coalmine::diagnostic::{Diagnostic, Severity};
use log::Level;
use proxy_wasm::traits::{Context, RootContext};
use std::rc::Rc;

/// The context of a plugin configuration. What it has put in force stands in [`WORKER`], where
/// requests find it; without a configuration it has no canaries.
pub(crate) struct Root(u32);

impl Root {
    pub(crate) fn new(context: u32) -> Self {
        Self(context)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // At the end of a thread it may be gone already.
        let _ = WORKER.try_with(|worker| worker.remove_root(self.0));
    }
}

impl Context for Root {}

impl RootContext for Root {
    /// False refuses: Envoy keeps the configuration that it has, and so does this context.
    fn on_configure(&mut self, size: usize) -> bool {
        // Only our callbacks tell the worker of a context; with the SDK's the first request would panic.
        if !WORKER.with(|worker| worker.is_root(self.0)) {
            log::error!(
                "this module is as it was linked: `cargo xtask module` makes the one for Envoy"
            );
            return false;
        }
        let host = Host::default();
        let Some(policy) = read(&host, size) else {
            return false;
        };
        match policy.canaries().len() {
            1 => log::info!("1 canary is in force"),
            number => log::info!("{number} canaries are in force"),
        }
        // An edge has something to do without canaries, too.
        let idle = policy.canaries().is_empty() && !policy.edge();
        let plugin = (!idle).then(|| Rc::new(Plugin::new(policy, host)));
        WORKER.with(|worker| worker.configure(self.0, plugin));
        true
    }
}

/// The policy of the configuration; the log tells why there is none.
fn read(host: &Host, size: usize) -> Option<Policy> {
    let given = match size {
        0 => None,
        size => Some(host.plugin_configuration(size)?),
    };
    match Policy::read_json(given.as_deref().unwrap_or_default()) {
        Ok(policy) => Some(policy),
        Err(found) => {
            for diagnostic in &found {
                log::log!(level(diagnostic), "{diagnostic}");
            }
            None
        }
    }
}

fn level(diagnostic: &Diagnostic) -> Level {
    match diagnostic.severity {
        Severity::Warning => Level::Warn,
        Severity::Error => Level::Error,
    }
}
