//! Where the mesh takes the filter's module from.

use core::fmt;

/// An address of the module, in a form that Istio takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    url: String,
    sha256: Option<String>,
}

/// Why a text is no address of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleError(String);

/// Why an address without digest and checksum is refused where one is needed.
pub(crate) const MODULE_IS_UNPINNED: &str = "Envoy wants a checksum for a module that is fetched: write \
    oci://REGISTRY/REPOSITORY@sha256:DIGEST, or give --sha256 for https:// and http://";

/// The schemes that Istio knows, of which the first is meant if there is none.
const SCHEMES: [&str; 4] = ["oci", "http", "https", "file"];

// === impl Module ===

impl Module {
    /// Reads an address, and the checksum of the module's bytes for one that begins with `http`.
    ///
    /// # Errors
    /// It is no address, its digest is none, or the checksum would be about something else.
    pub fn new(url: &str, sha256: Option<&str>) -> Result<Self, ModuleError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("oci", url));
        if !SCHEMES.contains(&scheme) {
            return Err(ModuleError(format!(
                "`{scheme}` is no scheme that Istio fetches by: write oci://, https://, http:// or file://"
            )));
        }
        if scheme == "oci" && rest.starts_with(['/', '.']) {
            let path = rest.trim_start_matches('.');
            return Err(ModuleError(format!(
                "`{url}` names no registry: write oci://REGISTRY/REPOSITORY@sha256:DIGEST, or, if it is \
                 a file in every proxy's container, file://{path} with its whole path"
            )));
        }
        let visible = |byte: u8| byte.is_ascii_graphic();
        if rest.is_empty()
            || !rest.bytes().all(visible)
            || (scheme != "file" && !rest.contains('/'))
        {
            return Err(ModuleError(format!(
                "`{url}` is not the address of a module: write oci://REGISTRY/REPOSITORY@sha256:DIGEST"
            )));
        }
        if scheme.starts_with("http") && rest.starts_with('/') {
            return Err(ModuleError(format!(
                "`{url}` has no host: write {scheme}://HOST/coalmine.wasm"
            )));
        }
        if scheme == "file" && !rest.starts_with('/') {
            return Err(ModuleError(format!(
                "`{url}` is no file: write its whole path, like file:///var/lib/coalmine.wasm"
            )));
        }
        if let ("oci", Some((_, digest))) = (scheme, rest.split_once('@')) {
            let digest = digest.strip_prefix("sha256:");
            if !digest.is_some_and(is_sha256) {
                return Err(ModuleError(format!(
                    "what stands behind the @ of `{url}` is not `sha256:` and 64 digits of 0-9 and a-f"
                )));
            }
        }
        match sha256 {
            Some(sum) if !is_sha256(sum) => Err(ModuleError(format!(
                "the checksum `{sum}` is not 64 digits of 0-9 and a-f: `sha256sum coalmine.wasm` prints it"
            ))),
            Some(_) if !scheme.starts_with("http") => Err(ModuleError(
                "a checksum is for http:// and https://: an image has its digest in the address, \
                 like oci://REGISTRY/REPOSITORY@sha256:DIGEST, and a file is read by Envoy unchecked"
                    .to_owned(),
            )),
            _ => Ok(Self {
                url: format!("{scheme}://{rest}"),
                sha256: sha256.map(str::to_owned),
            }),
        }
    }

    /// The address, with its scheme.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The checksum of the module's bytes.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The digest of the image that the address names.
    pub fn digest(&self) -> Option<&str> {
        let (_, digest) = self.url.split_once("@sha256:")?;
        self.url.starts_with("oci://").then_some(digest)
    }

    /// What to do about an address that may be another module tomorrow.
    pub fn unpinned(&self) -> Option<String> {
        let url = &self.url;
        if url.starts_with("oci://") && !url.contains('@') {
            let image = url.strip_prefix("oci://").unwrap_or(url);
            return Some(format!(
                "{url} has no digest, so another module may stand behind it tomorrow, and proxies \
                 may differ: write its digest behind it (`coalmine module push` and \
                 `oras resolve {image}` print it)"
            ));
        }
        if url.starts_with("http") && self.sha256.is_none() {
            return Some(format!(
                "{url} has no checksum, so whatever stands there is loaded: give it with --sha256 \
                 (`sha256sum coalmine.wasm` prints it)"
            ));
        }
        None
    }
}

fn is_sha256(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 64 && text.bytes().all(hex)
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ModuleError {}

#[cfg(test)]
mod tests {
    use super::Module;

    #[test]
    fn addresses() {
        let sum = "0123456789abcdef".repeat(4);
        let digest = format!("r.example.com/a/b@sha256:{sum}");
        // The address, its checksum; what it becomes or a word of why not; whether it is pinned.
        let check = |url: &str,
                     sha256: Option<&str>,
                     expected: Result<&str, &str>,
                     pinned: bool| match (Module::new(url, sha256), expected) {
            (Ok(module), Ok(expected)) => {
                assert_eq!(module.url(), expected);
                assert_eq!(module.sha256(), sha256);
                assert_eq!(module.unpinned().is_none(), pinned, "{url}");
            }
            (Err(error), Err(word)) => {
                assert!(error.to_string().contains(word), "{url}: {error}");
            }
            (got, expected) => panic!("{url}: {got:?} for {expected:?}"),
        };
        let oci = format!("oci://{digest}");
        check(&oci, None, Ok(&oci), true);
        check(&digest, None, Ok(&oci), true);
        let tag = "oci://localhost:5000/coalmine:1.0";
        check(tag, None, Ok(tag), false);
        check("localhost:5000/coalmine:1.0", None, Ok(tag), false);
        check("https://a/b.wasm", Some(&sum), Ok("https://a/b.wasm"), true);
        check("http://a/b.wasm", None, Ok("http://a/b.wasm"), false);
        check("file:///a/b.wasm", None, Ok("file:///a/b.wasm"), true);
        check("ftp://a/b", None, Err("`ftp`"), true);
        check("", None, Err("not the address"), true);
        check("oci://", None, Err("not the address"), true);
        let file = "/var/lib/coalmine.wasm";
        check(file, None, Err("file:///var/lib/coalmine.wasm"), true);
        check("oci:///a/b", None, Err("no registry"), true);
        check("./a.wasm", None, Err("file:///a.wasm"), true);
        check("https:///a", None, Err("no host"), true);
        check("file://a/b", None, Err("whole path"), true);
        check("oci://a/b c", None, Err("not the address"), true);
        check("coalmine", None, Err("not the address"), true);
        check("a/b@sha256:12", None, Err("behind the @"), true);
        check("a/b@md5:12", None, Err("behind the @"), true);
        check("https://a/b", Some("12"), Err("64 digits"), true);
        check(&oci, Some(&sum), Err("for http://"), true);
        check("file:///a", Some(&sum), Err("for http://"), true);
    }
}
