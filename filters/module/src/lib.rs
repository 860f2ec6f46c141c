//! The WebAssembly module: an entry point and the entropy of its host around `coalmine_filter`.
//!
//! It stands apart because cargo leaves link-time optimisation out of a package that is an rlib as
//! well, and because `getrandom` wants its backend defined once, in the module and in no library.

#![expect(
    missing_docs,
    reason = "the SDK's macro exports `_initialize` without any"
)]

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod entropy;

use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    // The filter logs by its own host call; what this brings is the SDK's hook that puts a panic
    // into Envoy's log.
    proxy_wasm::set_log_level(LogLevel::Warn);
    coalmine_filter::register();
}}
