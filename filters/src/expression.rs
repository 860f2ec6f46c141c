//! An expression of Envoy's language (CEL), which the host evaluates by its foreign functions.
//!
//! Not all hosts have the language; one without it is no failure, and nothing is logged here. Whoever allows
//! the module calls one by one (`capability_restriction_config`) allows `proxy_call_foreign_function`, too,
//! or Envoy logs each configuration's first try.

use crate::given::Given;
use crate::host::{OK, Status};
use core::ptr::null_mut;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        // Null, or a place for what comes back.
        data: Option<&mut *mut u8>,
        size: Option<&mut usize>,
    ) -> Status;
}

/// One that the host knows for the configuration that was current when it was created, by its number.
#[derive(Debug)]
pub(crate) struct Expression(u32);

impl Expression {
    /// Makes an expression known; `None` where the host has no such language.
    pub(crate) fn create(text: &str) -> Option<Self> {
        let (mut data, mut size) = (null_mut(), 0);
        if call(
            "expr_create",
            text.as_bytes(),
            Some(&mut data),
            Some(&mut size),
        ) != OK
        {
            return None;
        }
        // SAFETY: the host got `data` from our allocation export for just this size; it wrote all of
        // it, keeps no pointer to it, and hands it to this call alone.
        let bytes = unsafe { Given::from_raw(data, size) };
        Some(Self(u32::from_le_bytes(*bytes.first_chunk()?)))
    }

    /// The size of what it gives for the current stream, in bytes. What it gives is not asked for, so
    /// that the host allocates nothing here. `None` where it gives nothing.
    pub(crate) fn size(&self) -> Option<usize> {
        let mut size = 0;
        let argument = self.0.to_le_bytes();
        let status = call("expr_evaluate", &argument, None, Some(&mut size));
        (status == OK).then_some(size)
    }

    /// Lets the host forget it. To be called while a context of its configuration is current.
    pub(crate) fn delete(self) {
        // What the host says to it changes nothing.
        let _ = call("expr_delete", &self.0.to_le_bytes(), None, None);
    }
}

/// Calls a foreign function. Where there is no place for `data`, the host keeps it.
fn call(
    name: &str,
    argument: &[u8],
    data: Option<&mut *mut u8>,
    size: Option<&mut usize>,
) -> Status {
    // SAFETY: the host reads `name` and `argument`, which live through the call, and writes a pointer
    // and a number to the places that are there.
    unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            argument.as_ptr(),
            argument.len(),
            data,
            size,
        )
    }
}
