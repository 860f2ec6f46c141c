//! What the host's calls give back, and the memory that it comes in.
//!
//! The host allocates in the guest, and nearly always for the headers of one request, which are gone
//! before the next ones come. So there is one place for them that nobody has to find or free; what
//! does not fit there, or comes while it is taken, comes from the heap.
//!
//! So nothing that the SDK has for values that come back may be called: it would free them as a `Vec`,
//! and the one place is none. `host.rs` calls the host itself, and takes them as [`Given`].

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::ptr::{NonNull, slice_from_raw_parts, slice_from_raw_parts_mut};

/// Room for the headers of nearly every request.
const ROOM: usize = 4096;

/// The one place.
struct Place {
    bytes: UnsafeCell<[MaybeUninit<u8>; ROOM]>,
    taken: Cell<bool>,
}

thread_local! {
    static PLACE: Place = const {
        Place {
            bytes: UnsafeCell::new([MaybeUninit::uninit(); ROOM]),
            taken: Cell::new(false),
        }
    };
}

/// Bytes that the host has given.
#[derive(Debug)]
pub(crate) struct Given {
    data: NonNull<u8>,
    size: usize,
}

/// Memory of this size, which a [`Given`] gives back.
pub(crate) fn allocate(size: usize) -> *mut u8 {
    PLACE.with(|place| {
        if size <= ROOM && !place.taken.replace(true) {
            return place.bytes.get().cast();
        }
        Box::into_raw(Box::<[u8]>::new_uninit_slice(size)).cast()
    })
}

// === impl Given ===

impl Given {
    /// What the host has written; nothing where there is no memory.
    ///
    /// # Safety
    /// `data` is null, or it came from [`allocate`] for just this size, all of it was written, and
    /// nobody else has it.
    pub(crate) unsafe fn from_raw(data: *mut u8, size: usize) -> Self {
        match NonNull::new(data) {
            Some(data) => Self { data, size },
            None => Self {
                data: NonNull::dangling(),
                size: 0,
            },
        }
    }
}

impl Deref for Given {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let slice = slice_from_raw_parts(self.data.as_ptr().cast_const(), self.size);
        // SAFETY: as `from_raw` was promised; the memory is ours until we are dropped.
        unsafe { &*slice }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let given_back = PLACE.try_with(|place| {
            let is_it = place.bytes.get().cast() == self.data.as_ptr();
            if is_it {
                place.taken.set(false);
            }
            is_it
        });
        if given_back == Ok(false) {
            let slice = slice_from_raw_parts_mut(self.data.as_ptr(), self.size);
            // SAFETY: what is not at the place `allocate` took from the heap, as a boxed slice of this
            // size; nothing at all is a boxed slice of no bytes.
            drop(unsafe { Box::from_raw(slice) });
        }
    }
}
