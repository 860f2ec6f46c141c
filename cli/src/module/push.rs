//! `coalmine module push`: a module to a registry, as an image.

use super::carried::load;
use super::credentials::{self, Credentials};
use super::image::Image;
use super::inspection::usable;
use crate::args::{Format, after_help};
use crate::http;
use crate::outcome::{Failure, Outcome};
use crate::progress;
use clap::Args;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::{Client, Reference, RegistryOperation};
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde::Serialize;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  coalmine module push registry.example.com/team/coalmine:1.0
  coalmine module push localhost:5000/coalmine --module target/coalmine.wasm --tag next
  echo \"$TOKEN\" | coalmine module push ghcr.io/me/coalmine:1.0 --username me --password-stdin

  Standard output is one line, oci://REGISTRY/REPOSITORY@sha256:..., which is what
  `coalmine render istio --module` takes. The same module always has the same digest.";

/// How long a registry may take to answer at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How long it may be silent.
const SILENT_FOR: Duration = Duration::from_secs(60);

/// `coalmine module push`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct PushArgs {
    /// Where to: REGISTRY/REPOSITORY:TAG, with or without oci:// in front; the tag is latest if
    /// there is none
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// The module's file [default: the module that this command carries]
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,
    /// One more tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Speak http instead of https, which is the way to localhost in any case
    #[arg(long)]
    pub plain_http: bool,
    /// Who we are [default: what `docker login` has stored]
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What was pushed, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pushed {
    /// `oci://registry/repository@sha256:...`
    url: String,
    registry: String,
    repository: String,
    tags: Vec<String>,
    /// The manifest's.
    digest: String,
    module: PushedModule,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PushedModule {
    version: Option<String>,
    digest: String,
    size: usize,
}

pub(super) fn push(args: &PushArgs) -> Result<Outcome, Failure> {
    let targets = targets(&args.reference, &args.tags)?;
    let first = targets
        .first()
        .ok_or_else(|| bad(&args.reference, "it is empty"))?;
    let (registry, repository) = (first.registry().to_owned(), first.repository().to_owned());
    let module = load(args.module.as_deref())?;
    let found = usable(&module)?;
    let image = Image::of(&module.bytes, found.version.as_deref())
        .map_err(|error| Failure::cannot(format!("cannot make the image: {error}")))?;
    let credentials = match &args.username {
        Some(username) => credentials::typed(username)?,
        None => credentials::stored(&registry)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::cannot(format!("cannot begin to speak http: {error}")))?;
    let shown = progress::spinner(format!("pushing to {registry}"));
    let done = runtime.block_on(send(&image, &targets, &credentials, args.plain_http));
    shown.finish_and_clear();
    done.map_err(|error| failure(&error, first, &credentials))?;

    let digest = image.manifest.digest;
    let pushed = Pushed {
        url: format!("oci://{registry}/{repository}@{digest}"),
        tags: targets
            .iter()
            .filter_map(Reference::tag)
            .map(str::to_owned)
            .collect(),
        registry,
        repository,
        digest,
        module: PushedModule {
            version: found.version,
            digest: found.digest,
            size: found.size,
        },
    };
    let talk = format!(
        "pushed {} ({} bytes) with the tag{} {}\n",
        module.source,
        pushed.module.size,
        if pushed.tags.len() == 1 { "" } else { "s" },
        pushed.tags.join(", ")
    );
    Ok(Outcome {
        data: args.output.print(&pushed, || format!("{}\n", pushed.url))?,
        talk,
        ..Outcome::default()
    })
}

/// The reference once for each tag.
fn targets(reference: &str, tags: &[String]) -> Result<Vec<Reference>, Failure> {
    let plain = reference.strip_prefix("oci://").unwrap_or(reference);
    if plain.contains("://") {
        return Err(bad(reference, "only oci:// may stand in front of it"));
    }
    let (registry, path) = plain.split_once('/').unwrap_or_default();
    // Without one it would be Docker Hub, which nobody means who pushes.
    if !registry.contains(['.', ':']) && registry != "localhost" {
        return Err(bad(reference, "it names no registry"));
    }
    let repository = path.split([':', '@']).next().unwrap_or_default();
    if repository.contains(|c: char| c.is_ascii_uppercase()) {
        return Err(bad(reference, "a repository has no upper case"));
    }
    let parsed: Reference = plain
        .parse()
        .map_err(|error: oci_client::ParseError| bad(reference, &error.to_string()))?;
    if parsed.digest().is_some() {
        return Err(bad(
            reference,
            "a digest is what a push gives; leave it out",
        ));
    }
    let mut targets = vec![parsed.clone()];
    for tag in tags {
        let (registry, repository) = (parsed.registry(), parsed.repository());
        let tagged: Reference = format!("{registry}/{repository}:{tag}")
            .parse()
            .ok()
            .filter(|tagged: &Reference| tagged.tag() == Some(tag) && tagged.digest().is_none())
            .ok_or_else(|| {
                Failure::refused(format!(
                    "`{tag}` is no tag: write up to 128 letters, digits, `_`, `.` and `-`"
                ))
            })?;
        if !targets.contains(&tagged) {
            targets.push(tagged);
        }
    }
    Ok(targets)
}

fn bad(reference: &str, why: &str) -> Failure {
    Failure::refused(format!(
        "`{reference}` is no place to push to: {why}; write REGISTRY/REPOSITORY:TAG, like \
         registry.example.com/team/coalmine:1.0"
    ))
}

async fn send(
    image: &Image,
    targets: &[Reference],
    credentials: &Credentials,
    plain_http: bool,
) -> Result<(), OciDistributionError> {
    http::provide_tls();
    let Some(first) = targets.first() else {
        return Ok(());
    };
    let client = Client::try_from(ClientConfig {
        protocol: if plain_http || is_loopback(first.registry()) {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        use_monolithic_push: true,
        connect_timeout: Some(CONNECT_WITHIN),
        read_timeout: Some(SILENT_FOR),
        ..ClientConfig::default()
    })?;
    client
        .auth(first, &credentials.auth, RegistryOperation::Push)
        .await?;
    for blob in [&image.layer, &image.config] {
        client
            .push_blob(first, blob.bytes.clone(), &blob.digest)
            .await?;
    }
    for target in targets {
        let media_type = HeaderValue::from_static(image.manifest.media_type);
        client
            .push_manifest_raw(target, image.manifest.bytes.clone(), media_type)
            .await?;
    }
    Ok(())
}

/// Whether a registry is this machine's, which nobody has a certificate for.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn failure(error: &OciDistributionError, target: &Reference, credentials: &Credentials) -> Failure {
    let registry = target.registry();
    if is_unauthorized(error) {
        return Failure::cannot(format!(
            "{registry} does not let us push to {} with {}: `docker login {registry}` stores \
             others, or give --username and --password-stdin",
            target.repository(),
            credentials.source
        ));
    }
    match error {
        OciDistributionError::RequestError(request) if request.status().is_none() => {
            Failure::cannot(format!(
                "cannot reach {registry}: {}; check the name, and say --plain-http if it speaks \
                 no https",
                cause(request)
            ))
        }
        other => Failure::cannot(format!("{registry} did not take the module: {other}")),
    }
}

fn is_unauthorized(error: &OciDistributionError) -> bool {
    let refused = |status: u16| status == 401 || status == 403;
    match error {
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_) => true,
        OciDistributionError::ServerError { code, .. } => refused(*code),
        OciDistributionError::RequestError(request) => request
            .status()
            .as_ref()
            .map(StatusCode::as_u16)
            .is_some_and(refused),
        OciDistributionError::RegistryError { envelope, .. } => {
            let denied = [OciErrorCode::Unauthorized, OciErrorCode::Denied];
            envelope
                .errors
                .iter()
                .any(|error| denied.contains(&error.code))
        }
        _ => false,
    }
}

/// The innermost error: the outer ones say only that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_places_to_push_to() {
        let check = |reference: &str, tags: &[&str], expected: Result<&[&str], &str>| {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            match (targets(reference, &tags), expected) {
                (Ok(targets), Ok(expected)) => {
                    let whole: Vec<String> = targets.iter().map(Reference::whole).collect();
                    assert_eq!(whole, expected, "{reference}");
                }
                (Err(failure), Err(part)) => {
                    assert!(failure.message.contains(part), "{}", failure.message);
                    assert_eq!(failure.code, crate::outcome::REFUSED);
                }
                (found, _) => panic!("{reference}: {found:?}"),
            }
        };
        check("r.io/a:1", &[], Ok(&["r.io/a:1"]));
        check("oci://r.io/a/b:1", &[], Ok(&["r.io/a/b:1"]));
        check("localhost:5000/a", &[], Ok(&["localhost:5000/a:latest"]));
        check(
            "localhost/a:1",
            &["1", "2"],
            Ok(&["localhost/a:1", "localhost/a:2"]),
        );
        let digest = format!("r.io/a@sha256:{}", "0".repeat(64));
        check(&digest, &[], Err("a digest is what a push gives"));
        check("a:1", &[], Err("names no registry"));
        check("team/a:1", &[], Err("names no registry"));
        check("", &[], Err("names no registry"));
        check("https://r.io/a", &[], Err("only oci://"));
        check("r.io/A:1", &[], Err("no upper case"));
        check("r.io/a:b c", &[], Err("REGISTRY/REPOSITORY:TAG"));
        check("r.io/a:1", &["b c"], Err("`b c` is no tag"));
        check("r.io/a:1", &["x@sha256:0"], Err("is no tag"));
        check("r.io/a:1", &[""], Err("is no tag"));
    }

    #[test]
    fn loopback_needs_no_certificate() {
        let check = |registry: &str, expected: bool| {
            assert_eq!(is_loopback(registry), expected, "{registry}");
        };
        check("localhost", true);
        check("localhost:5000", true);
        check("127.0.0.1:5000", true);
        check("[::1]:5000", true);
        check("localhost.example.com", false);
        check("10.0.0.1:5000", false);
        check("registry.example.com", false);
    }
}
