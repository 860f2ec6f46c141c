//! The plugin's config inside the file that brings it, taken out and put in again.

use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

/// As much of `envoy.service.discovery.v3.DiscoveryResponse` as leads to the config.
#[derive(Deserialize)]
struct Response {
    version_info: String,
    resources: [Around; 1],
}

/// The resource, or what stands around it with where it comes from.
#[derive(Deserialize)]
#[serde(untagged)]
enum Around {
    Annotated { resource: Extension },
    Bare(Extension),
}

#[derive(Deserialize)]
struct Extension {
    typed_config: Filter,
}

#[derive(Deserialize)]
struct Filter {
    config: Plugin,
}

#[derive(Deserialize)]
struct Plugin {
    configuration: Text,
}

#[derive(Deserialize)]
struct Text {
    value: String,
}

/// The plugin's config in a file of [`plugin_resource`](super::plugin_resource), as text.
///
/// # Errors
/// It is no such file, in words that follow its name.
pub fn plugin_config(file: &str) -> Result<String, String> {
    read(file).map(|(_, config)| config)
}

/// The same file with another config; every other byte stays, but for the version.
///
/// # Errors
/// It is no such file, in words that follow its name.
pub fn with_plugin_config(file: &str, config: &str) -> Result<String, String> {
    let (version, old) = read(file)?;
    if old == config {
        return Ok(file.to_owned());
    }
    let quoted = |text: &str| serde_json::to_string(text).map_err(|error| error.to_string());
    let edited = replaced_once(file, &quoted(&old)?, &quoted(config)?)?;
    let unversioned = replaced_once(&edited, &quoted(&version)?, "\"\"")?;
    let version = format!("\"{:016x}\"", xxh3_64(unversioned.as_bytes()));
    replaced_once(
        &unversioned,
        "\"version_info\": \"\"",
        &format!("\"version_info\": {version}"),
    )
}

fn read(file: &str) -> Result<(String, String), String> {
    let response: Response = serde_json::from_str(file).map_err(|error| {
        format!("is not the file that `coalmine render envoy` writes for the filter: {error}")
    })?;
    let [Around::Annotated { resource } | Around::Bare(resource)] = response.resources;
    Ok((
        response.version_info,
        resource.typed_config.config.configuration.value,
    ))
}

fn replaced_once(text: &str, old: &str, new: &str) -> Result<String, String> {
    match text.matches(old).count() {
        1 => Ok(text.replacen(old, new, 1)),
        _ => Err("was edited by hand in a way that is not understood: render it again".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::{Options, filter_resource, plugin_resource, version};
    use crate::kubernetes::Provenance;
    use crate::{File, envoy};
    use coalmine::config::Canaries;

    fn check(file: File) {
        let config = plugin_config(&file.contents).unwrap();
        let same = with_plugin_config(&file.contents, &config).unwrap();
        assert_eq!(same, file.contents);
        let other = with_plugin_config(&file.contents, "{\"a\": \"\\\"\"}").unwrap();
        assert_eq!(plugin_config(&other).unwrap(), "{\"a\": \"\\\"\"}");
        let named = |contents: &str| File {
            name: envoy::PLUGIN.to_owned(),
            contents: contents.to_owned(),
        };
        let versions = [&file.contents, &other].map(|text| version(&named(text)).unwrap());
        assert_ne!(versions[0], versions[1]);
        let third = with_plugin_config(&other, "{}").unwrap();
        let again = with_plugin_config(&third, "{\"a\": \"\\\"\"}").unwrap();
        assert_eq!(again, other);
    }

    #[test]
    fn what_is_put_in_comes_out() {
        let options = Options::default();
        check(filter_resource("{\"kind\":\"Plugin\"}", &options).unwrap());
        let provenance = Provenance::default();
        check(plugin_resource(&Canaries::default(), &provenance, &options).unwrap());
    }

    #[test]
    fn other_files_are_refused() {
        for text in ["", "{}", "{\"version_info\":\"\",\"resources\":[]}"] {
            let error = plugin_config(text).unwrap_err();
            assert!(error.starts_with("is not the file that"), "{error}");
        }
    }
}
