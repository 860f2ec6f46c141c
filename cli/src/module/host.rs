//! What Envoy has for a module: the functions that it may import.
//!
//! From proxy-wasm-cpp-host, the host in Envoy: `include/proxy-wasm/exports.h` has the names, and
//! `WasmBase::registerCallbacks` says which ABI has which. An import without one is a failed link.

/// The versions of the ABI that Envoy speaks, as modules declare them by an export.
pub(super) const ABI_VERSIONS: [(&str, &str); 3] = [
    ("proxy_abi_version_0_2_1", "0.2.1"),
    ("proxy_abi_version_0_2_0", "0.2.0"),
    ("proxy_abi_version_0_1_0", "0.1.0"),
];

/// `env.proxy_*`, whatever the ABI.
const ALWAYS: [&str; 36] = [
    "add_header_map_value",
    "call_foreign_function",
    "define_metric",
    "dequeue_shared_queue",
    "done",
    "enqueue_shared_queue",
    "get_buffer_bytes",
    "get_buffer_status",
    "get_current_time_nanoseconds",
    "get_header_map_pairs",
    "get_header_map_size",
    "get_header_map_value",
    "get_metric",
    "get_property",
    "get_shared_data",
    "get_status",
    "grpc_call",
    "grpc_cancel",
    "grpc_close",
    "grpc_send",
    "grpc_stream",
    "http_call",
    "increment_metric",
    "log",
    "record_metric",
    "register_shared_queue",
    "remove_header_map_value",
    "replace_header_map_value",
    "resolve_shared_queue",
    "send_local_response",
    "set_buffer_bytes",
    "set_effective_context",
    "set_header_map_pairs",
    "set_property",
    "set_shared_data",
    "set_tick_period_milliseconds",
];

/// What the host registers for every module beside the ABI, for code of Emscripten's.
const EMSCRIPTEN: [&str; 2] = ["pthread_equal", "emscripten_notify_memory_growth"];

/// The WASI functions that all supported Envoys have; newer ones have more.
const WASI: [&str; 14] = [
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_close",
    "fd_fdstat_get",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_read",
    "fd_seek",
    "fd_write",
    "proc_exit",
    "random_get",
];

/// Whether Envoy has this function for a module of this ABI.
pub(super) fn has(abi: Option<&str>, module: &str, name: &str) -> bool {
    match module {
        "env" => match name.strip_prefix("proxy_") {
            Some(name) => ALWAYS.contains(&name) || of_abi(abi).contains(&name),
            None => EMSCRIPTEN.contains(&name),
        },
        "wasi_snapshot_preview1" | "wasi_unstable" => WASI.contains(&name),
        _ => false,
    }
}

fn of_abi(abi: Option<&str>) -> &'static [&'static str] {
    match abi {
        Some("0.1.0") => &[
            "get_configuration",
            "continue_request",
            "continue_response",
            "clear_route_cache",
        ],
        Some("0.2.0") => &["continue_stream", "close_stream"],
        // Without an ABI nothing loads anyway; the newest is what was meant.
        _ => &["continue_stream", "close_stream", "get_log_level"],
    }
}
