//! The host's calls that can fail, and what each failure means to whoever reads the log.

/// A call that can fail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Configuration,
    RequestHeaders,
    ReplaceHeader,
    RemoveHeader,
    ReplaceBaggage,
    RemoveBaggage,
    AddHeader,
    SourceAddress,
    Time,
    SteadyTime,
    Random,
    DefineMetric,
    IncrementMetric,
    RecordMetric,
    ResponseProperty,
    ResponseHeader,
    GetShared,
    SetShared,
}

impl Call {
    /// Its name in the ABI, and what its failure means to the user.
    pub(crate) fn meaning(self) -> (&'static str, &'static str) {
        match self {
            Self::Configuration => (
                "proxy_get_buffer_bytes",
                "the configuration cannot be read and is refused",
            ),
            Self::RequestHeaders => (
                "proxy_get_header_map_pairs",
                "requests pass without a decision",
            ),
            Self::ReplaceHeader => (
                "proxy_replace_header_map_value",
                "requests go to the default variant and are not counted",
            ),
            Self::RemoveHeader => (
                "proxy_remove_header_map_value",
                "requests keep the variant header that the client sent",
            ),
            Self::ReplaceBaggage => (
                "proxy_replace_header_map_value",
                "requests lose their baggage, and decisions do not travel",
            ),
            Self::RemoveBaggage => (
                "proxy_remove_header_map_value",
                "requests keep decisions in their baggage that are not ours",
            ),
            Self::AddHeader => (
                "proxy_add_header_map_value",
                "clients without a unit get no cookie",
            ),
            Self::SourceAddress => (
                "proxy_get_property",
                "requests are decided without the client's address",
            ),
            Self::Time => (
                "proxy_get_current_time_nanoseconds",
                "ramps count as not begun",
            ),
            Self::SteadyTime => (
                "clock_time_get",
                "guards are closed, and latencies are not recorded",
            ),
            Self::Random => (
                "random_get",
                "units come from the time and the number of the stream, which can be guessed",
            ),
            Self::DefineMetric => ("proxy_define_metric", "something is not counted"),
            Self::IncrementMetric => ("proxy_increment_metric", "something is not counted"),
            Self::RecordMetric => ("proxy_record_metric", "latencies are not recorded"),
            Self::ResponseProperty => (
                "proxy_get_property",
                "responses count as ones that never came",
            ),
            Self::ResponseHeader => (
                "proxy_get_header_map_value",
                "what gRPC says of responses is not counted",
            ),
            Self::GetShared => (
                "proxy_get_shared_data",
                "guards do not know what other workers have found",
            ),
            Self::SetShared => (
                "proxy_set_shared_data",
                "other workers do not know what guards have found",
            ),
        }
    }

    pub(crate) fn bit(self) -> u32 {
        1u32.wrapping_shl(self as u32)
    }
}
