//! `coalmine envoy run`, as a developer uses it: files edited while requests flow.

mod changes;
mod end;
mod page;
mod setting;
mod start;
