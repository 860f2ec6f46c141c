//! The state machine: tables of what follows from what, and every order of events up to a depth.

mod invariants;
mod kept;
mod model;
mod setting;
mod table;
mod wanting;
