//! The private key: from a file or the environment, never printed.

use crate::outcome::Failure;
use coalmine::config::PublicKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{Signer, SigningKey};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The environment variable that holds a private key, in the form of the file.
pub(super) const VARIABLE: &str = "COALMINE_PIN_KEY";

/// A private key is some 120 bytes; what is much longer is another file.
const MOST_BYTES: u64 = 16 * 1024;

/// A private key for Ed25519. It is wiped from memory when dropped, and shown nowhere.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// A new one from the machine's entropy.
    ///
    /// # Errors
    /// The machine gives none.
    pub fn generate() -> Result<Self, Failure> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| Failure::cannot(format!("no entropy for a key: {error}")))?;
        Ok(Self::from_seed(&seed))
    }

    /// The key of a seed (RFC 8032, section 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The key in a file, or in the environment if no file is named.
    ///
    /// # Errors
    /// There is none, it is none, or others can read the file.
    pub fn load(file: Option<&Path>) -> Result<Self, Failure> {
        if let Some(file) = file {
            return Self::read(file);
        }
        match std::env::var(VARIABLE) {
            Ok(pem) => Self::parse(&pem, VARIABLE),
            Err(_) => Err(Failure::refused(format!(
                "there is no private key; name its file with --key, or put it into {VARIABLE}"
            ))),
        }
    }

    /// The key in a file that nobody else can read.
    ///
    /// # Errors
    /// As for [`PrivateKey::load`].
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let cannot = |error| {
            Failure::cannot(format!(
                "cannot read {name}: {error}; `coalmine pin keygen --key {name}` makes a key there"
            ))
        };
        let file = fs::File::open(path).map_err(cannot)?;
        let mode = file.metadata().map_err(cannot)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Failure::refused(format!(
                "others can read the private key {name} (mode {mode:04o}); run `chmod 600 {name}`, or make a new key if somebody may have"
            )));
        }
        let mut pem = String::new();
        file.take(MOST_BYTES)
            .read_to_string(&mut pem)
            .map_err(cannot)?;
        Self::parse(&pem, &name.to_string())
    }

    fn parse(pem: &str, from: &str) -> Result<Self, Failure> {
        // What is wrong with it is not told: it might tell something of the key.
        let key = SigningKey::from_pkcs8_pem(pem.trim()).map_err(|_| {
            Failure::refused(format!(
                "{from} is no private key for Ed25519 in PKCS#8 PEM; `coalmine pin keygen` or `openssl genpkey -algorithm ed25519` makes one"
            ))
        })?;
        Ok(Self(key))
    }

    /// Writes it to a new file that nobody else can read; false if a file is there already, which is
    /// left alone.
    ///
    /// # Errors
    /// The file system refuses.
    pub(super) fn write_new(&self, path: &Path) -> Result<bool, Failure> {
        let cannot = |error| Failure::cannot(format!("cannot write {}: {error}", path.display()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(cannot(error)),
        };
        // Without the public half: of the two forms (RFC 5958) many programs read this one alone.
        let pair = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        let pem = pair
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|error| Failure::cannot(format!("cannot write the key as PEM: {error}")))?;
        file.write_all(pem.as_bytes()).map_err(cannot)?;
        file.sync_all().map_err(cannot)?;
        Ok(true)
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public())
    }
}
