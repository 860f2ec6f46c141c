//! A public key that may verify.

use crate::config::PublicKey;
use ed25519_dalek::{Signature, VerifyingKey};

/// A public key that may verify: a point of the curve in its one encoding, and not of small order.
/// With a key of small order anybody could sign. It is decompressed, which saves every verification
/// a square root.
#[derive(Clone, Debug)]
pub struct Key(VerifyingKey);

impl Key {
    /// The key of these bytes; `None` if it may not verify.
    pub fn new(key: &PublicKey) -> Option<Self> {
        let point = VerifyingKey::from_bytes(&key.0).ok()?;
        // RFC 8032, section 5.1.3, wants the encoding to be the only one; the crate takes others.
        let canonical = point.to_edwards().compress().0 == key.0;
        (canonical && !point.is_weak()).then_some(Self(point))
    }

    /// Whether this key signed the message: strictly, so a signature cannot be changed into another
    /// valid one, and no point of small order is in it.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}
