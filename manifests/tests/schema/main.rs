//! The schema and the CustomResourceDefinition, which are made of one description.
//!
//! `UPDATE=1 cargo test -p coalmine-manifests` writes what is checked in anew.

mod canaries;
mod changes;
mod crd;
mod file;
#[path = "../schemas/mod.rs"]
mod schemas;
