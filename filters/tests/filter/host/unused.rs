//! The host calls that the SDK declares and the filter never makes. They have to be there to link;
//! to be called is a defect of the filter, and ends the test run.

macro_rules! never {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> u32 {
            panic!(concat!("the filter called ", stringify!($name)))
        }
    )*};
}

never! {
    proxy_set_tick_period_milliseconds
    proxy_set_buffer_bytes
    proxy_set_header_map_pairs
    proxy_set_property
    proxy_register_shared_queue
    proxy_resolve_shared_queue
    proxy_dequeue_shared_queue
    proxy_enqueue_shared_queue
    proxy_continue_stream
    proxy_close_stream
    proxy_send_local_response
    proxy_http_call
    proxy_grpc_call
    proxy_grpc_stream
    proxy_grpc_send
    proxy_grpc_cancel
    proxy_grpc_close
    proxy_get_status
    proxy_set_effective_context
    proxy_done
    proxy_get_metric
}
