//! The host calls that the filter makes.

use super::allocator::{in_guest, in_host};
use super::{Response, STATE, State, exports};
use proxy_wasm::types::LogLevel;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const INTERNAL_FAILURE: u32 = 10;

const REQUEST: u32 = 0;
const RESPONSE: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;

/// Does what the call `name` does, unless it is to fail.
fn answer(name: &str, act: impl FnOnce(&mut State) -> u32) -> u32 {
    in_host(|| {
        STATE.with_borrow_mut(|host| match host.failing {
            Some((failing, status)) if failing == name => status,
            _ => act(host),
        })
    })
}

unsafe fn bytes<'b>(data: *const u8, size: usize) -> &'b [u8] {
    // SAFETY: the guest promises `size` bytes at `data`.
    unsafe { std::slice::from_raw_parts(data, size) }
}

unsafe fn text(data: *const u8, size: usize) -> String {
    // SAFETY: as the caller promised.
    String::from_utf8(unsafe { bytes(data, size) }.to_vec()).unwrap()
}

/// Gives bytes to the guest as Envoy does: in memory that the guest allocates.
unsafe fn give(bytes: &[u8], data: *mut *mut u8, size: *mut usize) -> u32 {
    let place = match bytes.len() {
        0 => std::ptr::null_mut(),
        length => in_guest(|| exports::coalmine_malloc(length)),
    };
    // SAFETY: `place` has room for them, and the guest gave two places to write to.
    unsafe {
        if !place.is_null() {
            place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        data.write(place);
        size.write(bytes.len());
    }
    OK
}

/// The wire form of headers.
pub(crate) fn wire<T: AsRef<[u8]>>(headers: &[(T, T)]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let mut wire = u32::try_from(headers.len()).unwrap().to_le_bytes().to_vec();
    for (name, value) in headers {
        wire.extend([length(name.as_ref()), length(value.as_ref())].concat());
    }
    for (name, value) in headers {
        wire.extend([name.as_ref(), b"\0", value.as_ref(), b"\0"].concat());
    }
    wire
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_log(level: LogLevel, data: *const u8, size: usize) -> u32 {
    // SAFETY: the guest's promise; likewise below.
    let message = in_host(|| unsafe { text(data, size) });
    answer("proxy_log", |host| {
        host.log.push((level, message));
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_log_level(level: *mut u32) -> u32 {
    answer("proxy_get_log_level", |host| {
        let known = if host.debug {
            LogLevel::Debug
        } else {
            LogLevel::Info
        };
        // SAFETY: as above.
        unsafe { level.write(known as u32) };
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32 {
    answer("proxy_get_current_time_nanoseconds", |host| {
        // SAFETY: as above.
        unsafe { time.write(host.nanoseconds) };
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_buffer_bytes(
    buffer: u32,
    start: usize,
    max_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    const PLUGIN_CONFIGURATION: u32 = 7;
    answer("proxy_get_buffer_bytes", |host| {
        assert_eq!(buffer, PLUGIN_CONFIGURATION);
        // SAFETY: as above.
        unsafe { give(&host.configuration[start..start + max_size], data, size) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_header_map_pairs(
    map: u32,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    answer("proxy_get_header_map_pairs", |host| {
        assert_eq!(map, REQUEST);
        let given = host
            .raw_request
            .clone()
            .unwrap_or_else(|| wire(&host.request));
        // SAFETY: as above.
        unsafe { give(&given, data, size) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_add_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    answer("proxy_add_header_map_value", |host| {
        assert_eq!(map, RESPONSE, "to a request nothing is ever added");
        // SAFETY: as above.
        let (name, value) = unsafe { (text(name, name_size), text(value, value_size)) };
        host.effects.push(format!("add {name}: {value}"));
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_replace_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    answer("proxy_replace_header_map_value", |host| {
        assert_eq!(map, REQUEST);
        // SAFETY: as above.
        let (name, value) = unsafe { (text(name, name_size), bytes(value, value_size)) };
        host.request.retain(|(known, _)| *known != name.as_bytes());
        host.request.push((name.clone().into(), value.to_vec()));
        let value = String::from_utf8_lossy(value);
        host.effects.push(format!("replace {name}: {value}"));
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_remove_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
) -> u32 {
    answer("proxy_remove_header_map_value", |host| {
        assert_eq!(map, REQUEST);
        // SAFETY: as above.
        let name = unsafe { text(name, name_size) };
        host.request.retain(|(known, _)| *known != name.as_bytes());
        host.effects.push(format!("remove {name}"));
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_property(
    path: *const u8,
    path_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    answer("proxy_get_property", |host| {
        // SAFETY: as above.
        let value = match unsafe { bytes(path, path_size) } {
            b"source\0address" => host.source_address.clone(),
            b"response\0code" => host.response.code.to_le_bytes().to_vec(),
            b"response\0flags" => host.response.flags.to_le_bytes().to_vec(),
            _ => return NOT_FOUND,
        };
        // SAFETY: as above.
        unsafe { give(&value, data, size) }
    })
}

/// Envoy's foreign functions for expressions. There is one question that the filter asks, and its
/// answer is what Envoy makes of it, which tests/filter of the integration holds it to.
#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_call_foreign_function(
    name: *const u8,
    name_size: usize,
    argument: *const u8,
    argument_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    // SAFETY: as above.
    let (name, argument) = unsafe { (bytes(name, name_size), bytes(argument, argument_size)) };
    let name = str::from_utf8(name).unwrap();
    answer(name, |host| {
        if name == "expr_create" {
            let number = host.expressions_made.wrapping_add(1);
            host.expressions_made = number;
            host.expressions.insert(number);
            // SAFETY: as above.
            return unsafe { give(&number.to_le_bytes(), data, size) };
        }
        let number = u32::from_le_bytes(argument.try_into().unwrap());
        match name {
            "expr_evaluate" => {
                assert!(host.expressions.contains(&number), "{number}");
                assert!(data.is_null(), "what comes back is dear");
                let Some(length) = length_of_the_ending(&host.response) else {
                    return INTERNAL_FAILURE;
                };
                // SAFETY: as above.
                unsafe { size.write(length) };
                OK
            }
            "expr_delete" => {
                assert!(host.expressions.remove(&number), "{number}");
                OK
            }
            other => panic!("the filter called {other}"),
        }
    })
}

/// `None`: a response without a status has no such field.
fn length_of_the_ending(response: &Response) -> Option<usize> {
    let class = match response.code {
        0 => return None,
        1..200 => 3,
        200..400 => 0,
        400..500 => 1,
        500.. => 2,
    };
    Some(match (class, response.flags) {
        (3, 0) => 0,
        (3, _) => 3,
        (class, 0) => class,
        (class, _) => class + 4,
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    answer("proxy_get_header_map_value", |host| {
        let headers = match map {
            RESPONSE => &host.response.headers,
            RESPONSE_TRAILERS => &host.response.trailers,
            other => panic!("values of map {other} are not asked for"),
        };
        // SAFETY: as above.
        let name = unsafe { text(name, name_size) };
        match headers.iter().find(|(known, _)| *known == name) {
            // SAFETY: as above.
            Some((_, value)) => unsafe { give(value.as_bytes(), data, size) },
            None => NOT_FOUND,
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_define_metric(
    kind: u32,
    name: *const u8,
    name_size: usize,
    id: *mut u32,
) -> u32 {
    const COUNTER: u32 = 0;
    const GAUGE: u32 = 1;
    const HISTOGRAM: u32 = 2;
    answer("proxy_define_metric", |host| {
        assert!([COUNTER, GAUGE, HISTOGRAM].contains(&kind), "{kind}");
        // SAFETY: as above.
        unsafe { id.write(u32::try_from(host.metrics.len()).unwrap()) };
        // SAFETY: as above.
        host.metrics.push(unsafe { text(name, name_size) });
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_increment_metric(id: u32, offset: i64) -> u32 {
    answer("proxy_increment_metric", |host| {
        let name = &host.metrics[usize::try_from(id).unwrap()];
        // The one gauge there is; to a counter nothing but one is added.
        let effect = if name.ends_with("_open") {
            format!("add {offset} {name}")
        } else {
            assert_eq!(offset, 1, "{name}");
            format!("count {name}")
        };
        host.effects.push(effect);
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_record_metric(id: u32, value: u64) -> u32 {
    answer("proxy_record_metric", |host| {
        let name = &host.metrics[usize::try_from(id).unwrap()];
        host.effects.push(format!("record {value} {name}"));
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_time_get(clock: u32, _precision: u64, time: *mut u64) -> u32 {
    const MONOTONIC: u32 = 1;
    answer("clock_time_get", |host| {
        assert_eq!(clock, MONOTONIC);
        host.looks_at_the_clock += 1;
        // SAFETY: as above.
        unsafe { time.write(host.nanoseconds) };
        OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_shared_data(
    key: *const u8,
    key_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
    version: *mut u32,
) -> u32 {
    answer("proxy_get_shared_data", |host| {
        // SAFETY: as above.
        let key = unsafe { text(key, key_size) };
        host.effects.push(format!("look {key}"));
        match host.shared.get(&key) {
            None => NOT_FOUND,
            Some(value) => {
                // SAFETY: as above.
                unsafe { version.write(1) };
                // SAFETY: as above.
                unsafe { give(value, data, size) }
            }
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_shared_data(
    key: *const u8,
    key_size: usize,
    data: *const u8,
    size: usize,
    version: u32,
) -> u32 {
    answer("proxy_set_shared_data", |host| {
        assert_eq!(version, 0, "whatever was there is replaced");
        // SAFETY: as above.
        let (key, value) = unsafe { (text(key, key_size), bytes(data, size).to_vec()) };
        host.shared.insert(key, value);
        OK
    })
}
