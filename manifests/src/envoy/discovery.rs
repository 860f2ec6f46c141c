//! Files of discovery: what Envoy reads again whenever they are replaced.

use super::{CDS, FILTER, LDS, LISTENER, RDS, ROUTES};
use crate::{Error, File};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A config behind the type URL that tells Envoy what it is.
#[derive(Clone, Serialize)]
pub(crate) struct Typed<T> {
    #[serde(rename = "@type")]
    type_url: String,
    #[serde(flatten)]
    config: T,
}

/// `envoy.service.discovery.v3.DiscoveryResponse`, the form of every such file.
#[derive(Serialize)]
struct DiscoveryResponse<T> {
    version_info: String,
    resources: Vec<Typed<T>>,
}

/// `envoy.service.discovery.v3.Resource`, which may stand around any resource: Envoy takes it off and
/// never looks at `metadata`.
#[derive(Serialize)]
struct Resource<T> {
    name: &'static str,
    metadata: Metadata,
    resource: Typed<T>,
}

/// `envoy.config.core.v3.Metadata`.
#[derive(Serialize)]
struct Metadata {
    filter_metadata: BTreeMap<&'static str, BTreeMap<String, String>>,
}

impl<T> Typed<T> {
    /// `name` is the full name of Envoy's message.
    pub(crate) fn new(name: &str, config: T) -> Self {
        Self {
            type_url: format!("type.googleapis.com/{name}"),
            config,
        }
    }
}

/// A file with resources. `version_info` is a hash of all the rest, so that Envoy's `version_text`
/// tells which file is in force.
pub(super) fn file<T: Serialize>(name: &str, resources: Vec<Typed<T>>) -> Result<File, Error> {
    let (version, resources) = versioned(resources)?;
    write(name, version, resources)
}

/// A file with one resource, called `resource`, and what there is to say of it to people. That is no
/// part of the version: Envoy has nothing to do when nothing else has changed.
pub(super) fn annotated<T: Serialize>(
    name: &str,
    resource: &'static str,
    config: Typed<T>,
    annotations: BTreeMap<String, String>,
) -> Result<File, Error> {
    if annotations.is_empty() {
        return file(name, vec![config]);
    }
    let (version, bare) = versioned(vec![config])?;
    let around = |config| {
        let around = Resource {
            name: resource,
            metadata: Metadata {
                filter_metadata: BTreeMap::from([(FILTER, annotations.clone())]),
            },
            resource: config,
        };
        Typed::new("envoy.service.discovery.v3.Resource", around)
    };
    write(name, version, bare.into_iter().map(around).collect())
}

/// The version of resources, and they again.
fn versioned<T: Serialize>(resources: Vec<Typed<T>>) -> Result<(String, Vec<Typed<T>>), Error> {
    let response = DiscoveryResponse {
        version_info: String::new(),
        resources,
    };
    let hash = xxhash_rust::xxh3::xxh3_64(&serde_json::to_vec(&response)?);
    Ok((format!("{hash:016x}"), response.resources))
}

fn write<T: Serialize>(
    name: &str,
    version_info: String,
    resources: Vec<Typed<T>>,
) -> Result<File, Error> {
    let response = DiscoveryResponse {
        version_info,
        resources,
    };
    let mut contents = serde_json::to_string_pretty(&response)?;
    contents.push('\n');
    Ok(File {
        name: name.to_owned(),
        contents,
    })
}

/// What Envoy's metrics of its subscription to one of our files begin with: `version_text` behind it
/// is the [`version`] that is in force.
pub fn subscription(file: &str) -> String {
    match file {
        CDS => "cluster_manager.cds".to_owned(),
        LDS => "listener_manager.lds".to_owned(),
        RDS => format!("http.{LISTENER}.rds.{ROUTES}"),
        _ => format!("extension_config_discovery.http_filter.{FILTER}"),
    }
}

/// The `version_info` of a file of discovery; none, if it is no such file.
pub fn version(file: &File) -> Option<String> {
    #[derive(Deserialize)]
    struct Versioned {
        version_info: String,
    }
    let read: Versioned = serde_json::from_str(&file.contents).ok()?;
    Some(read.version_info)
}
