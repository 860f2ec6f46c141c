//! Ports that nobody uses, for programs that have to be told one.
//!
//! They lie below the range that the kernel takes for outgoing connections, or one of those might
//! get a port between our look and the program's start.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

const FIRST: u16 = 18_000;
const LAST: u16 = 31_999;

/// Where this process looks next: processes begin at different places.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of 127.0.0.1 that is free now, and that this process has not been given before.
///
/// # Errors
/// None is free.
pub fn free() -> Result<u16> {
    let span = LAST - FIRST + 1;
    let begin = u16::try_from(u32::from(span) * (std::process::id() % 97) / 97)?;
    let candidate = || {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        FIRST + (begin + step % span) % span
    };
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(candidate)
        .take(usize::from(span))
        .find(free)
        .with_context(|| format!("every port from {FIRST} to {LAST} is in use"))
}

/// As many different ones as are wanted.
///
/// # Errors
/// As [`free`].
pub fn some<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut ports = [0; COUNT];
    for port in &mut ports {
        *port = free()?;
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In one test, since another would hold ports that this one has been given.
    #[test]
    fn ports_are_free_and_different_and_those_in_use_are_passed_over() {
        let taken = some::<40>().unwrap();
        let mut free_still = 0;
        for (index, port) in taken.iter().enumerate() {
            assert!((FIRST..=LAST).contains(port), "{port}");
            assert!(!taken[..index].contains(port), "{port} twice");
            free_still += usize::from(TcpListener::bind(("127.0.0.1", *port)).is_ok());
        }
        // Another test of this machine may have found one of them as free as we did.
        assert!(free_still >= 35, "{free_still} of {taken:?}");
        // Those that come next, of which others may hold some.
        let next = free().unwrap();
        let following = (next + 1..next + 20).filter(|port| *port <= LAST);
        let held: Vec<TcpListener> = following
            .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
            .collect();
        let given: Vec<u16> = (0..20).map(|_| free().unwrap()).collect();
        for one in held {
            let port = one.local_addr().unwrap().port();
            assert!(!given.contains(&port), "{port} of {given:?}");
        }
    }
}
