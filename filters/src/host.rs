//! The host's calls, none of which can panic.
//!
//! The SDK's own wrappers panic on a status that they do not expect and copy every header into two
//! strings; a panic would end the worker's VM with all its requests. So the filter declares the
//! calls itself. Whatever the host answers has a defined outcome, and the first failure of each
//! call is logged, once for each configuration.

use crate::call::Call;
use crate::given::Given;
use coalmine::baggage;
use core::cell::Cell;
use core::ptr::null_mut;
use proxy_wasm::types::{BufferType, MapType, MetricType};

/// What the host's calls return; 0 is success. Not the SDK's `Status`, an enum: a host's number
/// that is not one of its variants would be undefined behaviour.
pub(crate) type Status = u32;

pub(crate) const OK: Status = 0;

/// There is no such header or property.
const NOT_FOUND: Status = 1;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> Status;
    fn proxy_get_buffer_bytes(
        buffer: BufferType,
        start: usize,
        max_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> Status;
    fn proxy_get_header_map_pairs(map: MapType, data: *mut *mut u8, size: *mut usize) -> Status;
    fn proxy_get_header_map_value(
        map: MapType,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> Status;
    fn proxy_add_header_map_value(
        map: MapType,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    fn proxy_replace_header_map_value(
        map: MapType,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    fn proxy_remove_header_map_value(map: MapType, name: *const u8, name_size: usize) -> Status;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> Status;
    fn proxy_define_metric(
        kind: MetricType,
        name: *const u8,
        name_size: usize,
        id: *mut u32,
    ) -> Status;
    fn proxy_increment_metric(id: u32, offset: i64) -> Status;
    fn proxy_record_metric(id: u32, value: u64) -> Status;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> Status;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        data: *const u8,
        size: usize,
        version: u32,
    ) -> Status;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    /// WASI's, which Envoy offers to every module: the ABI's own clock is the wall's.
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> Status;
}

/// The host, and which of its calls have failed.
#[derive(Debug, Default)]
pub(crate) struct Host {
    reported: Cell<u32>,
}

impl Host {
    /// Logs a failure, the first time that the call fails.
    #[cold]
    pub(crate) fn report(&self, call: Call, status: Option<Status>) {
        if self.reported.get() & call.bit() != 0 {
            return;
        }
        self.reported.set(self.reported.get() | call.bit());
        let (name, consequence) = call.meaning();
        let status = status.map_or_else(String::new, |status| format!(" with status {status}"));
        let level = match call {
            Call::Configuration => log::Level::Error,
            _ => log::Level::Warn,
        };
        log::log!(
            level,
            "{name} failed{status}: {consequence} (this is said once)"
        );
    }

    fn done(&self, call: Call, status: Status) -> bool {
        if status != OK {
            self.report(call, Some(status));
        }
        status == OK
    }

    /// Nanoseconds since 1970.
    pub(crate) fn nanoseconds(&self) -> Option<u64> {
        let mut time = 0;
        // SAFETY: the host writes one number to `time`.
        let status = unsafe { proxy_get_current_time_nanoseconds(&mut time) };
        self.done(Call::Time, status).then_some(time)
    }

    /// Nanoseconds of a clock that nobody sets, the same in all workers.
    pub(crate) fn steady_nanoseconds(&self) -> Option<u64> {
        const MONOTONIC: u32 = 1;
        let mut time = 0;
        // SAFETY: the host writes one number to `time`.
        let status = unsafe { clock_time_get(MONOTONIC, 1, &mut time) };
        self.done(Call::SteadyTime, status).then_some(time)
    }

    /// The configuration of the plugin, `size` bytes.
    pub(crate) fn plugin_configuration(&self, size: usize) -> Option<Given> {
        self.returned(Call::Configuration, |data, returned| {
            // SAFETY: the host writes a pointer and a size; `returned` says to where.
            unsafe {
                proxy_get_buffer_bytes(BufferType::PluginConfiguration, 0, size, data, returned)
            }
        })
    }

    /// All headers of the request, in the form that [`crate::pairs`] reads.
    pub(crate) fn request_headers(&self) -> Option<Given> {
        self.returned(Call::RequestHeaders, |data, size| {
            // SAFETY: as above.
            unsafe { proxy_get_header_map_pairs(MapType::HttpRequestHeaders, data, size) }
        })
    }

    /// The address of the client, with its port.
    pub(crate) fn source_address(&self) -> Option<Given> {
        const PATH: &[u8] = b"source\0address";
        self.returned(Call::SourceAddress, |data, size| {
            // SAFETY: the host reads a constant, and the rest is as above.
            unsafe { proxy_get_property(PATH.as_ptr(), PATH.len(), data, size) }
        })
    }

    /// What a call gives back in memory of the guest's.
    fn returned(
        &self,
        call: Call,
        ask: impl FnOnce(*mut *mut u8, *mut usize) -> Status,
    ) -> Option<Given> {
        let (mut data, mut size) = (null_mut(), 0);
        let status = ask(&mut data, &mut size);
        if !self.done(call, status) {
            return None;
        }
        // SAFETY: the host got `data` from our allocation export for just this size; it wrote all of
        // it, keeps no pointer to it, and hands it to this call alone.
        Some(unsafe { Given::from_raw(data, size) })
    }

    /// Sets a header of the request to this one value, and so makes Envoy choose its route again.
    pub(crate) fn replace_request_header(&self, name: &str, value: &str) -> bool {
        self.replace(Call::ReplaceHeader, name, value.as_bytes())
    }

    /// Removes every value of a header of the request.
    pub(crate) fn remove_request_header(&self, name: &str) -> bool {
        self.remove(Call::RemoveHeader, name)
    }

    /// Sets `baggage` to this one line.
    pub(crate) fn replace_baggage(&self, line: &[u8]) -> bool {
        self.replace(Call::ReplaceBaggage, baggage::HEADER, line)
    }

    /// Removes every line of `baggage`.
    pub(crate) fn remove_baggage(&self) -> bool {
        self.remove(Call::RemoveBaggage, baggage::HEADER)
    }

    fn replace(&self, call: Call, name: &str, value: &[u8]) -> bool {
        // SAFETY: the host reads `name` and `value`, which live through the call, and copies them.
        let status = unsafe {
            proxy_replace_header_map_value(
                MapType::HttpRequestHeaders,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        };
        self.done(call, status)
    }

    fn remove(&self, call: Call, name: &str) -> bool {
        // SAFETY: as above.
        let status = unsafe {
            proxy_remove_header_map_value(MapType::HttpRequestHeaders, name.as_ptr(), name.len())
        };
        self.done(call, status)
    }

    /// Adds a header to the response, beside others of its name.
    pub(crate) fn add_response_header(&self, name: &str, value: &str) -> bool {
        // SAFETY: as above.
        let status = unsafe {
            proxy_add_header_map_value(
                MapType::HttpResponseHeaders,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        };
        self.done(Call::AddHeader, status)
    }

    /// Makes a metric known; its number.
    pub(crate) fn define_metric(&self, kind: MetricType, name: &str) -> Option<u32> {
        let mut id = 0;
        // SAFETY: the host reads `name`, which lives through the call, and writes one number to `id`.
        let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &mut id) };
        self.done(Call::DefineMetric, status).then_some(id)
    }

    /// Adds one to a counter.
    pub(crate) fn increment(&self, id: u32) {
        self.add(id, 1);
    }

    /// Adds to a gauge.
    pub(crate) fn add(&self, id: u32, offset: i64) {
        // SAFETY: nothing but numbers passes.
        let status = unsafe { proxy_increment_metric(id, offset) };
        self.done(Call::IncrementMetric, status);
    }

    /// Puts a value into a histogram.
    pub(crate) fn record(&self, id: u32, value: u64) {
        // SAFETY: nothing but numbers passes.
        let status = unsafe { proxy_record_metric(id, value) };
        self.done(Call::RecordMetric, status);
    }

    /// The status of the response; `None` if none was begun.
    pub(crate) fn response_code(&self) -> Option<u64> {
        self.response_number(b"response\0code")
    }

    /// Envoy's flags of the response (`ResponseFlags`, a bit each).
    pub(crate) fn response_flags(&self) -> Option<u64> {
        self.response_number(b"response\0flags")
    }

    /// A property that is a number: 8 bytes, little-endian.
    fn response_number(&self, path: &[u8]) -> Option<u64> {
        let bytes = self.found(Call::ResponseProperty, |data, size| {
            // SAFETY: the host reads a constant, and the rest is as above.
            unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) }
        })?;
        Some(u64::from_le_bytes(*bytes.first_chunk()?))
    }

    /// A header of the response.
    pub(crate) fn response_header(&self, name: &str) -> Option<Given> {
        self.response_value(MapType::HttpResponseHeaders, name)
    }

    /// A trailer of the response.
    pub(crate) fn response_trailer(&self, name: &str) -> Option<Given> {
        self.response_value(MapType::HttpResponseTrailers, name)
    }

    fn response_value(&self, map: MapType, name: &str) -> Option<Given> {
        self.found(Call::ResponseHeader, |data, size| {
            // SAFETY: the host reads `name`, which lives through the call; the rest is as above.
            unsafe { proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size) }
        })
    }

    /// A number that a plugin of this proxy has shared under a key.
    pub(crate) fn shared_number(&self, key: &str) -> Option<u64> {
        let bytes = self.found(Call::GetShared, |data, size| {
            let mut version = 0;
            // SAFETY: the host reads `key`, which lives through the call, and writes one number to
            // `version`; the rest is as above.
            unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut version) }
        })?;
        Some(u64::from_le_bytes(*bytes.first_chunk()?))
    }

    /// Shares a number with all plugins of this proxy, whatever was there.
    pub(crate) fn share_number(&self, key: &str, number: u64) {
        const ANY_VERSION: u32 = 0;
        let bytes = number.to_le_bytes();
        // SAFETY: the host reads `key` and `bytes`, which live through the call, and copies them.
        let status = unsafe {
            proxy_set_shared_data(
                key.as_ptr(),
                key.len(),
                bytes.as_ptr(),
                bytes.len(),
                ANY_VERSION,
            )
        };
        self.done(Call::SetShared, status);
    }

    /// As [`Host::returned`], where it is nothing unusual that there is nothing.
    fn found(
        &self,
        call: Call,
        ask: impl FnOnce(*mut *mut u8, *mut usize) -> Status,
    ) -> Option<Given> {
        let mut missing = false;
        let bytes = self.returned(call, |data, size| match ask(data, size) {
            NOT_FOUND => {
                missing = true;
                OK
            }
            status => status,
        });
        bytes.filter(|_| !missing)
    }
}
