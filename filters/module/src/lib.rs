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

proxy_wasm::main! {{
    // No input is known to reach a panic; if one does, Envoy's log says where.
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    coalmine_filter::register();
}}

/// Smaller by 34 KB than the standard library's allocator, and no slower.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
