//! Whether a plugin's module is the one that is meant.

use super::findings::Findings;
use super::plugin::Plugin;

/// The digests of a module, as `sha256:` and 64 digits of hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the image that carries it, if that is known: what `oci://...@sha256:` pins.
    pub image: Option<String>,
    /// Of its bytes: what `sha256` is compared with for a module that comes by http.
    pub file: String,
}

pub(super) fn check(plugin: &Plugin<'_>, digests: &Digests, findings: &mut Findings) {
    let url = plugin
        .url
        .as_ref()
        .and_then(|url| url.text())
        .unwrap_or_default();
    let by_file = ["http://", "https://", "file://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    let wanted = match by_file {
        true => Some(&digests.file),
        false => digests.image.as_ref(),
    };
    let pinned = url
        .rsplit_once('@')
        .filter(|_| !by_file)
        .map(|(_, digest)| digest);
    let sum = plugin.sha256.as_ref().and_then(|sum| sum.text());
    let Some(wanted) = wanted else {
        return;
    };
    let given = [(&plugin.url, pinned), (&plugin.sha256, sum)];
    let mut any = false;
    for (field, digest) in given {
        let (Some(field), Some(digest)) = (field, digest) else {
            continue;
        };
        any = true;
        let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
        let expected = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        if !digest.eq_ignore_ascii_case(expected) {
            findings.error(
                field,
                "other-module",
                format!(
                    "{} runs another module: its digest is {digest}, and that of the module is {expected}",
                    plugin.object.title()
                ),
                "push the module and render anew with the digest that `coalmine module push` prints",
            );
        }
    }
    if let Some(field) = plugin
        .url
        .as_ref()
        .filter(|_| !any && !url.starts_with("file://"))
    {
        findings.warning(
            field,
            "unpinned-module",
            "nothing says which module this is: another may come under the same address",
            "pin it by its digest, as `oci://...@sha256:...`",
        );
    }
}
