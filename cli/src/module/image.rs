//! The OCI image around a module, byte for byte: the same module always gives the same digest.
//!
//! The form is the "compat" variant of the Wasm image specification, the one that Istio's agent,
//! `docker`, `crane` and `oras` all take: the last layer is a gzipped tar with `plugin.wasm` in it, and
//! the config that of an ordinary image. An image with the module itself as its only layer is refused
//! by the agent (`pkg/wasm/imagefetcher.go` of Istio: it wants two layers then).

use flate2::Compression;
use flate2::write::GzEncoder;
use oci_client::config::{Architecture, ConfigFile, Os, Rootfs};
use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_LAYER_GZIP_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor,
    OciImageManifest,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// The name that Istio's agent looks for in the layer.
const FILE: &str = "plugin.wasm";

/// An image: three pieces of bytes, and what the registry will call them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The gzipped tar with the module.
    pub layer: Blob,
    /// The image's config.
    pub config: Blob,
    /// The manifest, which names the other two. Its digest is the image's.
    pub manifest: Blob,
}

/// Bytes and their name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// `sha256:` and their hash.
    pub digest: String,
    /// What they are.
    pub media_type: &'static str,
}

impl Blob {
    fn new(bytes: Vec<u8>, media_type: &'static str) -> Self {
        Self {
            digest: sha256(&bytes),
            bytes,
            media_type,
        }
    }

    fn descriptor(&self) -> OciDescriptor {
        OciDescriptor {
            media_type: self.media_type.to_owned(),
            digest: self.digest.clone(),
            size: i64::try_from(self.bytes.len()).unwrap_or(i64::MAX),
            ..OciDescriptor::default()
        }
    }
}

impl Image {
    /// The image of a module; its version goes into an annotation.
    ///
    /// # Errors
    /// None that bytes in memory can cause.
    pub fn of(module: &[u8], version: Option<&str>) -> io::Result<Self> {
        let tar = tar(module)?;
        let layer = Blob::new(gzip(&tar)?, IMAGE_LAYER_GZIP_MEDIA_TYPE);
        let config = ConfigFile {
            architecture: Architecture::Wasm,
            os: Os::from("wasi"),
            rootfs: Rootfs {
                diff_ids: vec![sha256(&tar)],
                ..Rootfs::default()
            },
            ..ConfigFile::default()
        };
        let config = Blob::new(serde_json::to_vec(&config)?, IMAGE_CONFIG_MEDIA_TYPE);
        let annotation = |name: &str, value: &str| {
            (format!("org.opencontainers.image.{name}"), value.to_owned())
        };
        let mut annotations = BTreeMap::from([annotation("title", "coalmine")]);
        annotations.extend(version.map(|version| annotation("version", version)));
        // The name under which `oras pull` saves it.
        let layer_annotations = BTreeMap::from([annotation("title", "plugin.tar.gz")]);
        let manifest = OciImageManifest {
            schema_version: 2,
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            config: config.descriptor(),
            layers: vec![OciDescriptor {
                annotations: Some(layer_annotations),
                ..layer.descriptor()
            }],
            annotations: Some(annotations),
            ..OciImageManifest::default()
        };
        let manifest = Blob::new(serde_json::to_vec(&manifest)?, OCI_IMAGE_MEDIA_TYPE);
        Ok(Self {
            layer,
            config,
            manifest,
        })
    }
}

/// An archive with the module alone, of nobody and of no time.
fn tar(module: &[u8]) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(module.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, FILE, module)?;
    archive.into_inner()
}

/// `sha256:` and 64 hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Bytes as gzip, without a time or a name: the same bytes always give the same.
pub(super) fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use serde_json::Value;
    use std::io::Read;

    /// What Istio's agent does with a manifest and its last layer.
    fn as_the_agent(image: &Image) -> Vec<u8> {
        let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
        assert_eq!(manifest["mediaType"], OCI_IMAGE_MEDIA_TYPE);
        let layer = manifest["layers"].as_array().unwrap().last().unwrap();
        assert_eq!(
            layer["mediaType"],
            "application/vnd.oci.image.layer.v1.tar+gzip"
        );
        assert_eq!(layer["digest"], sha256(&image.layer.bytes).as_str());
        let mut archive = tar::Archive::new(GzDecoder::new(image.layer.bytes.as_slice()));
        let mut files = archive.entries().unwrap().map(Result::unwrap);
        let mut file = files
            .find(|file| file.path().unwrap().file_name().unwrap() == "plugin.wasm")
            .unwrap();
        let mut module = Vec::new();
        file.read_to_end(&mut module).unwrap();
        module
    }

    #[test]
    fn the_same_module_is_the_same_image() {
        let check = |module: &[u8]| {
            let image = Image::of(module, Some("1.2.3")).unwrap();
            assert_eq!(as_the_agent(&image), module);
            assert_eq!(Image::of(module, Some("1.2.3")).unwrap(), image);
            image.manifest.digest
        };
        let digests = [check(b""), check(b"\0asm"), check(&[7; 100_000])];
        assert_ne!(digests[0], digests[1]);
        assert_ne!(digests[1], digests[2]);
    }

    #[test]
    fn the_config_names_the_layer_as_it_is_unpacked() {
        let image = Image::of(b"\0asm", None).unwrap();
        let config: Value = serde_json::from_slice(&image.config.bytes).unwrap();
        let mut tar = Vec::new();
        GzDecoder::new(image.layer.bytes.as_slice())
            .read_to_end(&mut tar)
            .unwrap();
        assert_eq!(config["rootfs"]["type"], "layers");
        assert_eq!(
            config["rootfs"]["diff_ids"],
            Value::from(vec![sha256(&tar)])
        );
        assert_eq!(config.get("created"), None);
        let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
        assert_eq!(manifest["config"]["digest"], image.config.digest.as_str());
        assert_eq!(
            manifest["config"]["mediaType"],
            "application/vnd.oci.image.config.v1+json"
        );
    }
}
