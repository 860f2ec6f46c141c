//! The system's allocator, counting what the filter takes and gives back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What the guest did on this thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// How often it allocated.
    pub(crate) allocations: u64,
    /// Bytes taken, less bytes given back.
    pub(crate) bytes: i64,
    /// The most that `bytes` has been.
    pub(crate) most: i64,
}

thread_local! {
    static GUEST: Cell<bool> = const { Cell::new(false) };
    static LEDGER: Cell<Ledger> = const { Cell::new(Ledger { allocations: 0, bytes: 0, most: 0 }) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came; counting in thread-locals without
// destructors allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as i64);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(0, -(layout.size() as i64));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(place, layout) }
    }
}

fn note(allocations: u64, bytes: i64) {
    if GUEST.get() {
        let mut ledger = LEDGER.get();
        ledger.allocations += allocations;
        ledger.bytes += bytes;
        ledger.most = ledger.most.max(ledger.bytes);
        LEDGER.set(ledger);
    }
}

/// Runs what the guest does.
pub(crate) fn in_guest<T>(run: impl FnOnce() -> T) -> T {
    as_guest(true, run)
}

/// Runs what the host does for the guest.
pub(crate) fn in_host<T>(run: impl FnOnce() -> T) -> T {
    as_guest(false, run)
}

fn as_guest<T>(guest: bool, run: impl FnOnce() -> T) -> T {
    let before = GUEST.replace(guest);
    let result = run();
    GUEST.set(before);
    result
}

/// What was counted so far.
pub(crate) fn ledger() -> Ledger {
    LEDGER.get()
}
