//! A whole mesh: a cluster with Istio's kinds, istiod, and what proxies need to join.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use coalmine_integration::workspace;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::istiod::{Istiod, NAMESPACE};
use crate::kubectl::Kubectl;
use crate::programs::Programs;
use coalmine_integration::service::eventually;

const ESTABLISHED_WITHIN: Duration = Duration::from_secs(60);

/// What a mesh is made of, beyond what each has.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether it has the kinds of the Gateway API.
    pub gateway_api: bool,
    /// More of the mesh config, by its fields.
    pub mesh_config: Option<Value>,
    /// More of istiod's environment, by which Istio's features are turned on and off.
    pub environment: Vec<(&'static str, &'static str)>,
}

/// A running mesh; all of it ends when it is dropped.
#[derive(Debug)]
pub struct Mesh {
    /// What it was started from.
    pub programs: Programs,
    /// Where its processes keep their files.
    pub folder: PathBuf,
    /// Where all logs are; they stay when the mesh is gone.
    pub logs: PathBuf,
    /// The root of its certificates, as PEM.
    pub root_certificate: String,
    /// The control plane.
    pub istiod: Istiod,
    /// The API server.
    pub cluster: Cluster,
    /// Held as long as the folder is in use.
    _lock: File,
}

impl Mesh {
    /// Starts a mesh, with its files in `target/istio/<name>/`, which no other may use.
    ///
    /// # Errors
    /// Something does not get ready; the message has the end of its log.
    pub fn start(
        programs: Programs,
        name: &str,
        options: &Options,
        progress: &dyn Fn(&str),
    ) -> Result<Self> {
        let place = workspace::target_dir().join("istio").join(name);
        let lock = lock(&place)?;
        if place.exists() {
            fs::remove_dir_all(&place)
                .with_context(|| format!("cannot empty {}", place.display()))?;
        }
        let (folder, logs) = (place.join("data"), place.join("logs"));
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(&logs)?;
        progress("starting etcd and the API server");
        let cluster = Cluster::start(&programs, &folder, &logs)?;
        let kubectl = &cluster.kubectl;
        progress("applying Istio's kinds");
        let mut kinds = vec![
            programs
                .istio_source
                .join("manifests/charts/base/files/crd-all.gen.yaml"),
        ];
        if options.gateway_api {
            kinds.push(programs.gateway_api_source.join("config/crd/standard"));
        }
        create_kinds(kubectl, &kinds)?;
        kubectl.apply(&base().to_string())?;
        progress("starting istiod");
        let istiod = Istiod::start(&programs, kubectl, options, &folder, &logs)?;
        let root_certificate = istiod.root_certificate(kubectl)?;
        Ok(Self {
            programs,
            folder,
            logs,
            root_certificate,
            istiod,
            cluster,
            _lock: lock,
        })
    }

    /// `istioctl` against this mesh.
    #[must_use]
    pub fn istioctl(&self) -> Kubectl {
        Kubectl::new(&self.programs.istioctl, self.cluster.kubeconfig())
    }

    /// Makes a namespace.
    ///
    /// # Errors
    /// It is there already.
    pub fn namespace(&self, name: &str) -> Result<()> {
        let kubectl = &self.cluster.kubectl;
        kubectl.run(&["create", "namespace", name], "").map(drop)
    }
}

/// The root namespace, and a limit to what sidecars see: their own namespace. Each opens the ports
/// of the services that it sees on the same address, this machine's.
fn base() -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Sidecar",
            "metadata": {"name": "default", "namespace": NAMESPACE},
            "spec": {"egress": [{"hosts": ["./*"]}]},
        },
    ]})
}

impl Options {
    /// The mesh config, with what every mesh here has.
    pub(crate) fn mesh_config(&self) -> Value {
        let mut config = json!({
            "rootNamespace": NAMESPACE,
            "enablePrometheusMerge": false,
            // Into the log of each proxy.
            "accessLogFile": "/dev/stdout",
        });
        let more = self.mesh_config.as_ref().and_then(Value::as_object);
        for (field, value) in more.into_iter().flatten() {
            config[field] = value.clone();
        }
        config
    }
}

/// Takes a mesh's folder for this process alone, until the file is closed.
fn lock(place: &Path) -> Result<File> {
    let path = place.with_added_extension("lock");
    fs::create_dir_all(place.parent().context("a folder for meshes")?)?;
    let file = File::create(&path)?;
    file.try_lock().with_context(|| {
        format!(
            "another run has a mesh of this name; wait for its end ({})",
            path.display()
        )
    })?;
    Ok(file)
}

/// Creates definitions: for `kubectl apply` they are too long to be kept in an annotation.
fn create_kinds(kubectl: &Kubectl, paths: &[PathBuf]) -> Result<()> {
    // The server reads them strictly in any case; asking it for its schemas first takes a second.
    let mut create = vec!["create", "--validate=false"];
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    create.extend(paths.iter().flat_map(|path| ["-f", path]));
    kubectl.run(&create, "")?;
    let wait = [
        "wait",
        "--for",
        "condition=Established",
        "--timeout",
        "60s",
        "crd",
        "--all",
    ];
    eventually("Istio's kinds", ESTABLISHED_WITHIN, || {
        kubectl.run(&wait, "").map(drop)
    })
}
