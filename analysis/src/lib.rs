//! What a policy does to many requests, and what changes from one policy to the next. Pure.
//!
//! | module | what |
//! |---|---|
//! | [`simulate`] | synthetic users or an access log through the filter's own `decide` |
//! | [`diff`] | who moves from an old policy to a new one, with requests found by solving |
//! | [`interval`] | how far a share that was seen may be from the one that was asked |
//! | [`log`] | lines of an access log to requests |
//! | [`plot`] | shares over time, for a terminal and as SVG |
//! | [`sequence`] | numbers that look random and are the same every time |

#![forbid(unsafe_code)]

pub mod diff;
pub mod interval;
pub mod log;
pub mod plot;
pub mod sequence;
pub mod simulate;
