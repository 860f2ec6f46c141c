//! What all that speaks HTTP shares.

use std::error::Error;

/// Chooses who does the cryptography of TLS, which a client asks for when it is made.
pub(crate) fn provide_tls() {
    // A second call finds the first one's, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The innermost reason, which names the host and what it did.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
