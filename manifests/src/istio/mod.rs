//! Istio: the filter as a plugin of the mesh, and routes to each variant.
//!
//! | object | what | one for |
//! |---|---|---|
//! | `WasmPlugin`, or `TrafficExtension` from Istio 1.30 on | the filter with its config | all canaries |
//! | `VirtualService` | a route for each variant, by the variant header | each canary |
//! | `DestinationRule` | a subset for each variant, by its labels | each canary |
//!
//! The filter decides and writes the variant header; Envoy then matches the routes again.
//!
//! # When something fails
//! With [`FailStrategy::Open`] a module that cannot be fetched lets all traffic through to the
//! default variant; with the others, and with what Istio does if nothing is said, it denies all.

mod extension;
mod hosts;
mod module;
mod routes;
mod told;
mod version;

pub use extension::{Extension, FailStrategy, Kind, Phase, Placement, PullPolicy, TargetRef};
pub use module::{Module, ModuleError};
pub use routes::{MESH, Routes};
pub use version::Version;

pub(crate) use hosts::{full_name, route_hosts};
pub(crate) use module::MODULE_IS_UNPINNED;
pub(crate) use routes::subsets;
pub(crate) use told::{service_is_told, variants_are_told};

use crate::kubernetes::Provenance;
use crate::{Error, File};
use coalmine::config::{Canaries, Canary};

/// What every object of ours is called, or begins with.
pub const NAME: &str = "coalmine";

/// What to make, with what the canaries do not say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The plugin, if it is to be made.
    pub extension: Option<Extension>,
    /// The routes, if they are to be made.
    pub routes: Option<Routes>,
}

/// Everything that Istio needs for these canaries, one object a file, by the files' names.
///
/// # Errors
/// [`Error::Problems`] if a variant is told from the others by nothing that Istio knows, or a host
/// can be in no route of Istio's.
pub fn render(
    canaries: &Canaries,
    provenance: &Provenance,
    options: &Options,
) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    if let Some(extension) = &options.extension {
        files.push(extension::extension(canaries, provenance, extension)?);
    }
    if let Some(routes) = &options.routes {
        files.extend(routes::routes(canaries, provenance, routes)?);
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

/// `coalmine-` and the canary's name: what people call their own objects after a service stays theirs.
fn object_name(canary: &Canary) -> String {
    format!("{NAME}-{}", canary.name)
}
