//! Whether a plugin's module is the one that is meant.

use super::field::Field;
use super::findings::Findings;
use super::plugin::Plugin;

/// The digests of a module, as `sha256:` and 64 digits of hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Which module it is, for people: the path of its file, or words.
    pub module: String,
    /// Of the image that carries it, if that is known: what `oci://...@sha256:` pins.
    pub image: Option<String>,
    /// Of its bytes: what `sha256` is compared with for a module that comes by http.
    pub file: String,
}

/// The digests that a plugin pins its module by, each with its place: that of the address first.
pub(super) fn pinned<'p, 'n>(plugin: &'p Plugin<'n>) -> Vec<(&'p Field<'n>, &'n str)> {
    let of_address = plugin.url.as_ref().and_then(|field| {
        let (_, digest) = field.text()?.rsplit_once('@')?;
        (!comes_as_file(plugin)).then_some((field, digest))
    });
    let sum = plugin.sha256.as_ref();
    let sum = sum.and_then(|field| Some((field, field.text()?)));
    of_address.into_iter().chain(sum).collect()
}

/// Says so if nothing pins a plugin's module.
pub(super) fn unpinned(plugin: &Plugin<'_>, findings: &mut Findings) {
    let local = address(plugin).starts_with("file://");
    if let Some(field) = plugin.url.as_ref().filter(|_| !local)
        && pinned(plugin).is_empty()
    {
        findings.warning(
            field,
            "unpinned-module",
            "nothing says which module this is: another may come under the same address",
            "pin it by its digest, as `oci://...@sha256:...`",
        );
    }
}

pub(super) fn check(plugin: &Plugin<'_>, digests: &Digests, findings: &mut Findings) {
    let module = &digests.module;
    let (wanted, kind, ours, help) = match comes_as_file(plugin) {
        true => (
            Some(&digests.file),
            "file",
            format!("the file of {module}"),
            "put that file at the address and render anew with its digest, as `coalmine module inspect` prints it",
        ),
        false => (
            digests.image.as_ref(),
            "image",
            format!("the image that `coalmine module push` makes of {module}"),
            "push the module and render anew with the digest that `coalmine module push` prints",
        ),
    };
    let Some(wanted) = wanted else {
        return;
    };
    for (field, digest) in pinned(plugin) {
        let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
        let expected = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        if !digest.eq_ignore_ascii_case(expected) {
            findings.error(
                field,
                "other-module",
                format!(
                    "{} runs another module: it pins the {kind} with the digest sha256:{digest}, and {ours} has \
                     sha256:{expected}",
                    plugin.object.title()
                ),
                help,
            );
        }
    }
    unpinned(plugin, findings);
}

fn address<'n>(plugin: &Plugin<'n>) -> &'n str {
    let url = plugin.url.as_ref().and_then(|url| url.text());
    url.unwrap_or_default()
}

/// Whether it is fetched as the file itself, and not as an image around it.
fn comes_as_file(plugin: &Plugin<'_>) -> bool {
    ["http://", "https://", "file://"]
        .iter()
        .any(|scheme| address(plugin).starts_with(scheme))
}
