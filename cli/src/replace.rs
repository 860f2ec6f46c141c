//! A file replaced by an atomic rename: whoever reads it sees all of the old or all of the new.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::Path;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// There was none.
    New,
    /// There was another.
    Changed,
    /// There was the same, and it was not touched: nobody who watches it is woken.
    Same,
}

impl Replaced {
    /// What was done, as a command says it in front of the path.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "wrote",
            Self::Changed => "replaced",
            Self::Same => "unchanged:",
        }
    }
}

/// Writes `contents` beside `path` and renames it there. Folders that are missing are made. A link
/// goes on being one: what it leads to is replaced. What is no file, like `/dev/null` or a pipe, is
/// written to.
///
/// # Errors
/// The file system refuses; what was at `path` is as it was.
pub fn replace(path: &Path, contents: impl AsRef<[u8]>) -> io::Result<Replaced> {
    let contents = contents.as_ref();
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(contents)?;
        return Ok(Replaced::New);
    }
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let replaced = match fs::read(path) {
        Ok(there) if there == contents => return Ok(Replaced::Same),
        Ok(_) => Replaced::Changed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Replaced::New,
        Err(error) => return Err(error),
    };
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".coalmine-")
        .tempfile_in(folder)?;
    file.write_all(contents)?;
    file.as_file().set_permissions(permissions(path))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(replaced)
}

/// Those of the file that is replaced. A new file may be read by all: Envoy often runs as another
/// user, and there is no secret in it.
fn permissions(path: &Path) -> Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).map_or_else(
        |_| Permissions::from_mode(0o644),
        |there| there.permissions(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;
    use std::thread;

    #[test]
    fn links_and_pipes_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink("file", &link).unwrap();
        assert_eq!(replace(&link, "new").unwrap(), Replaced::Changed);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");

        let pipe = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        replace(&pipe, "read").unwrap();
        assert_eq!(reader.join().unwrap(), "read");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    }
}
