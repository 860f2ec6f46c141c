//! A file replaced by an atomic rename.
//!
//! Envoy's file-based xDS acts on a moved-to event in the watched folder, and a reader sees either
//! the old file or the new one, never half of it.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Replaces (or makes) the file at `path` by one that holds `content`.
///
/// # Errors
/// The folder does not exist or cannot be written.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // A rename is atomic only inside one file system, so the new file starts in the same folder.
    let write = || -> std::io::Result<()> {
        let mut file = NamedTempFile::with_prefix_in(".", folder)?;
        file.write_all(content.as_ref())?;
        // Temporary files are private to their owner; a config is for the proxy's user as well.
        file.as_file()
            .set_permissions(Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("cannot replace {}", path.display()))
}
