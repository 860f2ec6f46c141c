//! Who we are to a registry: what `docker login` has stored, or what the arguments say.

use crate::outcome::Failure;
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use oci_client::secrets::RegistryAuth;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

/// Under this name `docker login` stores what it knows of Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Credentials and where they are from, for messages.
pub(super) struct Credentials {
    pub(super) auth: RegistryAuth,
    pub(super) source: String,
}

/// A user's, with the password from standard input.
///
/// # Errors
/// There is none.
pub(super) fn typed(username: &str) -> Result<Credentials, Failure> {
    let mut password = String::new();
    io::stdin()
        .lock()
        .read_line(&mut password)
        .map_err(|error| Failure::cannot(format!("cannot read the password: {error}")))?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::refused(
            "there is no password on standard input: pipe it in, as in \
             `coalmine module push ... --password-stdin < password.txt`",
        ));
    }
    Ok(Credentials {
        auth: RegistryAuth::Basic(username.to_owned(), password.to_owned()),
        source: format!("the name {username} and the password from standard input"),
    })
}

/// Those of the Docker config; nobody's, if it has none for the registry.
///
/// # Errors
/// The config is there and cannot be read, or its credential helper fails.
pub(super) fn stored(registry: &str) -> Result<Credentials, Failure> {
    let nobody = || Credentials {
        auth: RegistryAuth::Anonymous,
        source: "no credentials".to_owned(),
    };
    let Some(path) = config_path() else {
        return Ok(nobody());
    };
    let config = match File::open(&path) {
        Ok(config) => config,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(nobody()),
        Err(error) => return Err(unusable(&path, &error.to_string())),
    };
    let key = match registry {
        "docker.io" | "index.docker.io" => DOCKER_HUB,
        other => other,
    };
    let source = format!("the credentials in {}", path.display());
    match get_credential_from_reader(BufReader::new(config), key) {
        Ok(DockerCredential::UsernamePassword(name, password)) => Ok(Credentials {
            auth: RegistryAuth::Basic(name, password),
            source,
        }),
        Ok(DockerCredential::IdentityToken(_)) => Err(Failure::refused(format!(
            "{} has an identity token for {registry}, which cannot be used here: \
             give --username and --password-stdin",
            path.display()
        ))),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(nobody()),
        // A helper says in this way that it has nothing for this registry.
        Err(CredentialRetrievalError::HelperFailure { stdout, .. })
            if stdout.contains("credentials not found") =>
        {
            Ok(nobody())
        }
        Err(error) => Err(unusable(&path, error.to_string().trim_end())),
    }
}

fn config_path() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".docker")))?;
    Some(folder.join("config.json"))
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::cannot(format!(
        "cannot take credentials from {}: {why}; repair it, or give --username and --password-stdin",
        path.display()
    ))
}
