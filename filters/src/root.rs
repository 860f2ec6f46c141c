//! One configuration: read it, refuse it, or put it in force.
//!
//! Envoy calls it for each plugin configuration once per worker, and once on a VM that it throws
//! away, so it depends on nothing but its bytes.

use crate::host::Host;
use crate::plugin::Plugin;
use crate::stream::Stream;
use coalmine::config::{Canaries, read_json};
use coalmine::diagnostic::{Diagnostic, Severity};
use log::Level;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use std::rc::Rc;

/// The context of a plugin configuration; without one it has no canaries.
#[derive(Default)]
pub(crate) struct Root {
    plugin: Option<Rc<Plugin>>,
}

impl Context for Root {}

impl RootContext for Root {
    /// False refuses: Envoy keeps the configuration that it has, and so does this context.
    fn on_configure(&mut self, size: usize) -> bool {
        let host = Host::default();
        let Some(canaries) = read(&host, size) else {
            return false;
        };
        match canaries.canaries.len() {
            1 => log::info!("1 canary is in force"),
            number => log::info!("{number} canaries are in force"),
        }
        // An edge has something to do without canaries, too.
        let idle = canaries.canaries.is_empty() && !canaries.edge;
        self.plugin = (!idle).then(|| Rc::new(Plugin::new(&canaries, host)));
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.plugin.clone(), context_id)))
    }
}

/// The canaries of the configuration; the log tells why there are none.
fn read(host: &Host, size: usize) -> Option<Canaries> {
    let bytes = match size {
        0 => Box::default(),
        size => host.plugin_configuration(size)?,
    };
    match read_json(&bytes) {
        Ok(canaries) => Some(canaries),
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
