//! The state machine: tables of what follows from what, and every order of events up to a depth.

mod evidence;
mod invariants;
mod kept;
mod model;
mod setting;
mod table;
mod wanting;
mod words;
