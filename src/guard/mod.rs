//! The circuit breaker for a variant that fails.
//!
//! While it is **closed** the variant serves, and its responses are counted over a sliding window.
//! When too many of them have failed it **opens**: the variant serves nobody for the cool-down.
//! Then it is **half-open**: a few requests, the probes, are let through, and their answers close it
//! or open it for another cool-down.
//!
//! The best of what is around: the rate over a window of time, the least number of requests and slow
//! responses that count as failed are resilience4j's and Polly's; that an answer counts only in the
//! state its request began in is gobreaker's generation; that half-open has an end of its own, so
//! that probes without an answer cannot wedge it, took resilience4j some bug reports. What none of
//! them has: requests that hang count while they hang, and a stream counts when it begins.
//!
//! Times are milliseconds of a clock that should not jump. If it goes back, time goes on from where
//! it was; if it leaps, the window is empty and the cool-down over sooner, and requests that are
//! under way count as slow.
//!
//! | file | what |
//! |---|---|
//! | `breaker` | the guard of one variant, and the requests that it let through |
//! | `state` | the states and what leads from one to another |
//! | `limits` | when it opens, and for how long |
//! | `clock` | time that never goes back |
//! | `window` | what was answered over the last while |
//! | `round` | one try of a variant with probes |

mod breaker;
mod clock;
mod limits;
mod round;
mod state;
mod window;

pub use breaker::{Guard, Outcome, Ticket};
pub use limits::{Counts, Limits};
pub use state::{Change, State};
