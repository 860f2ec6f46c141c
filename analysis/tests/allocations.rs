//! A synthetic request costs no allocation: ten times the units allocate as often as one time.

mod real;

use coalmine_analysis::simulate::simulate;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came; counting in a thread-local without
// a destructor allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(place, layout) }
    }
}

#[test]
fn more_units_cost_no_more_allocations() {
    let (canary, policy) = real::policy();
    for headers in [real::made(), real::browser()] {
        let counted = [1_000, 10_000].map(|units| {
            let before = ALLOCATIONS.get();
            simulate(&policy, &canary, &real::run(&headers, units), |_| {});
            ALLOCATIONS.get() - before
        });
        assert!(counted[0] > 0, "nothing is counted");
        assert_eq!(counted[0], counted[1]);
    }
}
