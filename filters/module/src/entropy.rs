//! Where `getrandom` gets its bytes: proxy-wasm has no call for them, but Envoy offers WASI's
//! `random_get` to every module, whatever its target.

/// The most that Envoy gives at once.
const AT_ONCE: usize = 64 * 1024;

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    /// Fills a buffer; 0 is success.
    fn random_get(buffer: *mut u8, size: usize) -> u32;
}

/// The backend that `getrandom` looks for under this name (`getrandom_backend="custom"`).
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(
    destination: *mut u8,
    size: usize,
) -> Result<(), getrandom::Error> {
    // SAFETY: getrandom gives a destination that is writable for `size` bytes, which it does not
    // read before; writing a byte to each makes them a slice of bytes.
    let destination = unsafe {
        destination.write_bytes(0, size);
        core::slice::from_raw_parts_mut(destination, size)
    };
    for part in destination.chunks_mut(AT_ONCE) {
        // SAFETY: the host writes `part.len()` bytes to `part`.
        if unsafe { random_get(part.as_mut_ptr(), part.len()) } != 0 {
            return Err(getrandom::Error::UNEXPECTED);
        }
    }
    Ok(())
}
