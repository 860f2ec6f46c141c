//! The library that [`coalmine_integration::clock`] preloads into a program: its time of day is off by as
//! many seconds as a file says, and lengths are measured as always.
//!
//! An example for cargo, so that it is checked like everything else; nothing runs it. It is called before
//! the program's allocator is ready, and by it, so it allocates nothing.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

/// `struct timespec`
#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// `struct timeval`
#[repr(C)]
pub struct Timeval {
    seconds: i64,
    microseconds: i64,
}

unsafe extern "C" {
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn mmap(
        at: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: c_long,
    ) -> *mut c_void;
    fn syscall(number: c_long, ...) -> c_long;
}

#[cfg(target_arch = "x86_64")]
const CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const CLOCK_GETTIME: c_long = 113;

/// `CLOCK_REALTIME` and `CLOCK_REALTIME_COARSE`
const TIMES_OF_DAY: [c_int; 2] = [0, 5];

/// The eight bytes of the file.
static OFFSET: AtomicPtr<AtomicI64> = AtomicPtr::new(ptr::null_mut());

/// What stands for no file.
static RIGHT: AtomicI64 = AtomicI64::new(0);

fn offset() -> i64 {
    let mut place = OFFSET.load(Ordering::Acquire);
    if place.is_null() {
        place = mapped().unwrap_or_else(|| (&raw const RIGHT).cast_mut());
        OFFSET.store(place, Ordering::Release);
    }
    // SAFETY: it is `RIGHT`, or a page that stays mapped until the process ends.
    unsafe { (*place).load(Ordering::Relaxed) }
}

/// The file that the environment names, in memory; two threads may map it at once, to no harm.
fn mapped() -> Option<*mut AtomicI64> {
    const READ_ONLY: c_int = 0;
    const READ: c_int = 1;
    const SHARED: c_int = 1;
    // SAFETY: texts end with 0, and results are looked at before they are used.
    unsafe {
        let path = getenv(c"COALMINE_CLOCK".as_ptr());
        if path.is_null() {
            return None;
        }
        let file = open(path, READ_ONLY);
        if file < 0 {
            return None;
        }
        let page = mmap(ptr::null_mut(), 8, READ, SHARED, file, 0);
        // MAP_FAILED
        (page as isize != -1).then_some(page.cast())
    }
}

/// `clock_gettime(2)`
///
/// # Safety
/// `out` is a `struct timespec`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, out: *mut Timespec) -> c_int {
    // SAFETY: the kernel writes where the caller says.
    let result = unsafe { syscall(CLOCK_GETTIME, c_long::from(clock), out) };
    if result == 0 && TIMES_OF_DAY.contains(&clock) {
        // SAFETY: the kernel has written it.
        unsafe { (*out).seconds += offset() };
    }
    -c_int::from(result != 0)
}

/// `gettimeofday(2)`
///
/// # Safety
/// `out` is a `struct timeval`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(out: *mut Timeval, _: *mut c_void) -> c_int {
    let mut now = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: both are what they have to be.
    unsafe {
        let result = clock_gettime(0, &raw mut now);
        out.write(Timeval {
            seconds: now.seconds,
            microseconds: now.nanoseconds / 1000,
        });
        result
    }
}

/// `time(2)`
///
/// # Safety
/// `out` is null or has room for a `time_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(out: *mut i64) -> i64 {
    let mut now = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: as the caller promises.
    unsafe {
        clock_gettime(0, &raw mut now);
        if !out.is_null() {
            out.write(now.seconds);
        }
    }
    now.seconds
}
