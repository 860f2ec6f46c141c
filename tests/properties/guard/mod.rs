//! The guard: scenarios, a naive model beside it, and every order of events up to a depth.

mod every_order;
mod model;
mod random;
mod scenarios;
mod script;
mod uploads;

use coalmine::bucket::Share;
use coalmine::guard::{Change, Limits};

/// Limits by the text of the rate.
fn limits(window: u32, min_requests: u32, rate: &str) -> Limits {
    Limits {
        window,
        min_requests,
        max_error_rate: Share::parse(rate).unwrap(),
        max_latency: None,
        cool_down: 60_000,
        probes: 5,
    }
}

/// A change in words: `opened 12/40`.
fn words(change: Change) -> String {
    match change {
        Change::Opened(counts) => format!("opened {}/{}", counts.failed, counts.all),
        Change::Reopened(counts) => format!("reopened {}/{}", counts.failed, counts.all),
        Change::Followed => "followed".to_owned(),
        Change::HalfOpened => "half-opened".to_owned(),
        Change::Closed(counts) => format!("closed {}/{}", counts.failed, counts.all),
    }
}
