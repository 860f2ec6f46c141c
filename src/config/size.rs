//! How large a plugin's config may be.
//!
//! Every worker of a proxy reads the whole of it before it goes on with its requests, some 100 ms for each
//! megabyte, so what is far too large is refused before it is
//! looked at: by its length, which costs nothing, and by whoever renders it.

use crate::diagnostic::{Diagnostic, Place, Severity};

/// The most bytes that a plugin's config may have: more than 10,000 usual canaries, and more than
/// Kubernetes takes as one object.
pub const MAX_PLUGIN_BYTES: usize = 4 << 20;

/// Why a config of so many bytes is refused, if it is.
pub fn too_large(bytes: usize) -> Option<Diagnostic> {
    (bytes > MAX_PLUGIN_BYTES).then(|| Diagnostic {
        severity: Severity::Error,
        code: "config-too-large",
        place: Place::default(),
        first: None,
        message: format!(
            "the plugin's config has {bytes} bytes, and requests would wait while it is read: at most \
             {MAX_PLUGIN_BYTES} are taken"
        ),
        help: Some("give a proxy only the canaries of the services that it calls".to_owned()),
    })
}
