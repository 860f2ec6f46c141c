//! `coalmine module`: the filter's WebAssembly module, as proxies need it.
//!
//! | file | what |
//! |---|---|
//! | `carried` | the module inside this command, or one in a file |
//! | `extract` | writes it to a file |
//! | `inspect` | tells what is in a module |
//! | `inspection` | what is in a module, and whether Envoy can load it |
//! | `host` | what Envoy has for a module |
//! | `image` | the OCI image around a module, byte for byte |
//! | `push` | brings the image to a registry |
//! | `credentials` | who we are to a registry |

mod carried;
mod credentials;
mod extract;
mod host;
mod image;
mod inspect;
mod inspection;
mod push;

pub use carried::carried;
pub(crate) use carried::{ADVICE, load};
pub use extract::ExtractArgs;
pub use image::Image;
pub use inspect::InspectArgs;
pub(crate) use inspection::usable;
pub use inspection::{Inspection, Memory, inspect};
pub use push::PushArgs;

use crate::args::{Format, after_help};
use crate::outcome::{Failure, Outcome};
use clap::{Args, Subcommand};
use coalmine_manifests::check::Digests;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  coalmine module inspect
  coalmine module push registry.example.com/coalmine:0.1.0
  coalmine module extract -o coalmine.wasm";

/// `coalmine module`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct ModuleArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with a module.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Write the module that this command carries to a file
    Extract(ExtractArgs),
    /// Say what is in a module, and whether Envoy can load it
    Inspect(InspectArgs),
    /// Push a module to a registry, as an image that Istio takes, and print its digest
    Push(PushArgs),
}

impl ModuleArgs {
    /// How it prints.
    pub fn format(&self) -> Format {
        match &self.action {
            Action::Extract(_) => Format::Table,
            Action::Inspect(args) => args.output,
            Action::Push(args) => args.output,
        }
    }
}

/// Does it.
///
/// # Errors
/// There is no module, a file or a registry fails, or the module is refused.
pub fn module(args: &ModuleArgs) -> Result<Outcome, Failure> {
    match &args.action {
        Action::Extract(args) => extract::extract(args),
        Action::Inspect(args) => inspect::run(args),
        Action::Push(args) => push::push(args),
    }
}

/// What plugins pin this module by: the digest of the image that `push` makes of it, and of its bytes.
///
/// # Errors
/// The file cannot be read, or there is none and the command carries no module.
pub(crate) fn digests(file: Option<&Path>) -> Result<Digests, Failure> {
    let module = carried::load(file)?;
    let version = inspect(&module.bytes).ok().and_then(|found| found.version);
    let image = Image::of(&module.bytes, version.as_deref())
        .map_err(|error| Failure::cannot(format!("cannot make an image: {error}")))?;
    Ok(Digests {
        image: Some(image.manifest.digest),
        file: image::sha256(&module.bytes),
        module: module.source,
    })
}
