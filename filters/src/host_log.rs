//! Envoy's log behind the `log` facade.
//!
//! The SDK's own logger panics if the host does not take a line; this one has nowhere to say so.

use crate::host::{OK, Status};
use log::{Level, LevelFilter, Metadata, Record};
use proxy_wasm::types::LogLevel;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: LogLevel, message: *const u8, message_size: usize) -> Status;
    fn proxy_get_log_level(level: *mut u32) -> Status;
}

struct HostLog;

/// Sends what is logged to Envoy, which keeps what its own level asks for. Once it is installed,
/// installing it again changes nothing.
pub(crate) fn install() {
    let _ = log::set_logger(&HostLog);
    log::set_max_level(LevelFilter::Debug);
}

/// Whether Envoy's log for Wasm is at debug or below.
pub(crate) fn at_debug() -> bool {
    let mut level = LogLevel::Info as u32;
    // SAFETY: the host writes one number to `level`.
    let status = unsafe { proxy_get_log_level(&mut level) };
    status == OK && level <= LogLevel::Debug as u32
}

impl log::Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            Level::Error => LogLevel::Error,
            Level::Warn => LogLevel::Warn,
            Level::Info => LogLevel::Info,
            Level::Debug => LogLevel::Debug,
            Level::Trace => LogLevel::Trace,
        };
        let message = record.args().to_string();
        // SAFETY: the host reads `message`, which lives through the call.
        let _ = unsafe { proxy_log(level, message.as_ptr(), message.len()) };
    }

    fn flush(&self) {}
}
