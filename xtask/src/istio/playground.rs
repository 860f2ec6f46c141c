//! What `up` starts: a mesh to try things by hand.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use coalmine_integration::registry::Registry;
use coalmine_integration::{command, workspace};
use coalmine_istio::mesh::{Mesh, Options};
use coalmine_istio::ports;
use coalmine_istio::processes::Process;
use coalmine_istio::programs::Programs;
use coalmine_istio::proxy::{Launch, Proxy, Role};
use coalmine_istio::workload::{Workload, gateway};
use coalmine_manifests::prometheus::istio_stat_tags;
use serde_json::json;

use super::keeper::State;

/// The namespace of the service.
const NAMESPACE: &str = "bookinfo";

/// The service, and its port, as in `docs/istio.md`.
const SERVICE: &str = "reviews";
const PORT: u16 = 9080;

/// A mesh with a service of two versions, a gateway and a sidecar, and a registry with the module.
pub(super) struct Playground {
    // Proxies end before the mesh that they belong to.
    sidecar: Proxy,
    _gateway: Proxy,
    mesh: Mesh,
    _workload: Workload,
    registry: Registry,
    module: String,
    inside: u16,
    edge: u16,
}

impl Playground {
    /// Starts all of it as the mesh `name`; the sidecar listens at the port that docs/istio.md has, if
    /// that is wanted and free.
    pub(super) fn start(
        programs: Programs,
        name: &str,
        as_on_the_page: bool,
        progress: &dyn Fn(&str),
    ) -> Result<Self> {
        let options = Options {
            gateway_api: true,
            mesh_config: Some(json!({"defaultConfig": {"extraStatTags": istio_stat_tags()}})),
            ..Options::default()
        };
        let mesh = Mesh::start(programs, name, &options, progress)?;
        progress("pushing the module to a registry");
        let registry = Registry::start()?;
        let module = push(&registry)?;
        progress("starting a service, a gateway and a sidecar");
        mesh.namespace(NAMESPACE)?;
        let inside = match as_on_the_page && TcpListener::bind(("127.0.0.1", PORT)).is_ok() {
            true => PORT,
            false => ports::free()?,
        };
        let edge = ports::free()?;
        let workload = Workload::start(NAMESPACE, SERVICE, inside, &["v1", "v2"])?;
        mesh.cluster.kubectl.apply(&workload.objects())?;
        mesh.cluster
            .kubectl
            .apply(&gateway(NAMESPACE, "edge", edge).to_string())?;
        Ok(Self {
            sidecar: Launch::new(Role::Sidecar, NAMESPACE, "client").start(&mesh)?,
            _gateway: Launch::new(Role::Router, NAMESPACE, "edge").start(&mesh)?,
            mesh,
            _workload: workload,
            registry,
            module,
            inside,
            edge,
        })
    }

    /// What others need to know.
    pub(super) fn state(&self, keeper: Process, started: Vec<Process>) -> State {
        let kubeconfig = self.mesh.cluster.kubeconfig();
        let programs = [&self.mesh.programs.kubectl, &self.mesh.programs.istioctl];
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port)).to_string();
        let variable =
            |name: &str, value: String, meaning: &str| (name.to_owned(), value, meaning.to_owned());
        State {
            keeper,
            started,
            programs: programs
                .into_iter()
                .filter_map(|program| program.parent().map(Path::to_owned))
                .collect(),
            logs: self.mesh.logs.clone(),
            variables: vec![
                variable(
                    "KUBECONFIG",
                    kubeconfig.display().to_string(),
                    "the cluster's administrator",
                ),
                variable(
                    "REGISTRY",
                    self.registry.address().to_string(),
                    "a registry, for `coalmine module push $REGISTRY/coalmine:0.1.0 --module target/coalmine.wasm`",
                ),
                variable(
                    "MODULE",
                    self.module.clone(),
                    "the filter's module, for `coalmine render istio --module`",
                ),
                variable(
                    "SIDECAR",
                    local(self.inside),
                    "the sidecar of bookinfo's client: curl -H 'host: reviews' $SIDECAR",
                ),
                variable(
                    "GATEWAY",
                    local(self.edge),
                    "bookinfo/edge; it has routes to what a VirtualService names",
                ),
                variable(
                    "ISTIOD",
                    format!("http://{}", self.mesh.istiod.http()),
                    "istiod, with its pages below /debug",
                ),
                variable(
                    "ENVOY_ADMIN",
                    self.sidecar.admin.address().to_string(),
                    "the sidecar's Envoy",
                ),
            ],
            kubeconfig,
        }
    }
}

fn push(registry: &Registry) -> Result<String> {
    let output = Command::new(command::coalmine()?)
        .args([
            "module",
            "push",
            &format!("{}/coalmine:up", registry.address()),
        ])
        .arg("--module")
        .arg(workspace::module_path())
        .output()
        .context("cannot start coalmine")?;
    if !output.status.success() {
        bail!(
            "the module was not pushed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
