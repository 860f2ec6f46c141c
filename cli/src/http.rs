//! What all that speaks HTTP shares.

/// Chooses who does the cryptography of TLS, which a client asks for when it is made.
pub(crate) fn provide_tls() {
    // A second call finds the first one's, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
