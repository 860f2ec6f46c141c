//! A proxy of the mesh: Istio's agent with its Envoy, as a sidecar, a gateway or a waypoint.
//!
//! A sidecar takes what its application sends at `127.0.0.1:<port of the service>`: that is
//! Istio's interception mode `NONE`, which needs no rules of a firewall. So two sidecars of one
//! mesh must not see services with the same port.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use coalmine_integration::admin::Admin;
use coalmine_integration::client::{Client, Request};
use serde_json::{Value, json};

use crate::mesh::Mesh;
use crate::ports;
use coalmine_integration::service::Service;

/// Where the agent keeps the modules that it has fetched; Istio has no option for it. In a cluster
/// each agent has a file system of its own. Agents that share the folder write the same files, and
/// an Envoy may read one that another's agent has half written.
const FETCHED_MODULES: &str = "/var/lib/istio/data";

/// Gives what follows a folder of its own at [`FETCHED_MODULES`], in its own mount namespace.
const OWN_FOLDER: &str = r#"
place=$1 folder=$2; shift 2
mkdir -p "$place" 2>/dev/null || { mount -t tmpfs none /var/lib && mkdir -p "$place"; } || exit
mount --bind "$folder" "$place" && exec "$@""#;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// What a proxy stands in front of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One application.
    Sidecar,
    /// The mesh's edge.
    Router,
    /// The services that use it, in ambient mode.
    Waypoint,
}

/// What a proxy is started with.
#[derive(Debug, Clone)]
pub struct Launch {
    role: Role,
    name: String,
    namespace: String,
    labels: Value,
    address: Option<Ipv4Addr>,
    proxy_config: Value,
    environment: Vec<(String, String)>,
}

impl Launch {
    /// A proxy of a workload with this name, in a namespace that is there: its labels are `app` and
    /// `namespace`.
    #[must_use]
    pub fn new(role: Role, namespace: &str, name: &str) -> Self {
        Self {
            role,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            labels: json!({"app": name, "namespace": namespace}),
            address: None,
            proxy_config: json!({}),
            environment: Vec::new(),
        }
    }

    /// One more label of its workload, for selectors.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels[name] = value.into();
        self
    }

    /// Its address, for a workload that has to be known before the proxy runs.
    #[must_use]
    pub fn at(mut self, address: Ipv4Addr) -> Self {
        self.address = Some(address);
        self
    }

    /// One more setting of its `ProxyConfig`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: Value) -> Self {
        self.proxy_config[name] = value;
        self
    }

    /// One more variable of the agent's environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it, and waits until it is ready: with certificates and with config from istiod.
    ///
    /// # Errors
    /// It does not get ready; the message has the end of its log.
    pub fn start(&self, mesh: &Mesh) -> Result<Proxy> {
        let Self {
            role,
            name,
            namespace,
            ..
        } = self;
        let [admin, status, envoy_status, metrics] = ports::some()?;
        let address = self.address.map_or_else(address, Ok)?;
        let id = format!("{namespace}.{name}");
        let folder = mesh.folder.join("proxies").join(&id);
        fs::create_dir_all(folder.join("etc/istio/proxy"))?;
        let secrets = folder.join("var/run/secrets");
        fs::create_dir_all(secrets.join("istio"))?;
        fs::create_dir_all(secrets.join("tokens"))?;
        // A socket of the run before would make the agent think that others bring certificates.
        let _ = fs::remove_dir_all(secrets.join("workload-spiffe-uds"));
        fs::write(secrets.join("istio/root-cert.pem"), &mesh.root_certificate)?;
        fs::write(secrets.join("tokens/istio-token"), self.token(mesh)?)?;

        let discovery = mesh.istiod.discovery_address();
        let mut config = json!({
            "discoveryAddress": discovery,
            "binaryPath": mesh.programs.envoy,
            "configPath": "./etc/istio/proxy",
            "proxyBootstrapTemplatePath": template(mesh)?,
            "concurrency": 2,
            "proxyAdminPort": admin,
            "statusPort": status,
        });
        for (setting, value) in self.proxy_config.as_object().into_iter().flatten() {
            config[setting] = value.clone();
        }
        let modules = folder.join("modules");
        fs::create_dir_all(&modules)?;
        let mut command = Command::new("unshare");
        command
            .arg("--mount")
            .args((!rustix::process::geteuid().is_root()).then_some("--map-root-user"))
            .args(["sh", "-c", OWN_FOLDER, "sh", FETCHED_MODULES])
            .arg(&modules)
            .arg(&mesh.programs.pilot_agent)
            .arg("proxy")
            .arg(match role {
                Role::Sidecar => "sidecar",
                Role::Router => "router",
                Role::Waypoint => "waypoint",
            })
            .args(["--domain", &format!("{namespace}.svc.cluster.local")])
            .arg("--meshConfig")
            .arg(mesh.folder.join("istiod/mesh.yaml"))
            .current_dir(&folder)
            .env("POD_NAME", name)
            .env("POD_NAMESPACE", namespace)
            .env("SERVICE_ACCOUNT", name)
            .env("INSTANCE_IP", address.to_string())
            .env("ISTIO_METAJSON_LABELS", self.labels.to_string())
            .env("ISTIO_META_CLUSTER_ID", "Kubernetes")
            .env("ISTIO_META_INTERCEPTION_MODE", "NONE")
            .env("ISTIO_META_WORKLOAD_NAME", name)
            .env("PILOT_CERT_PROVIDER", "istiod")
            .env("CA_ADDR", &discovery)
            .env("CA_SNI", "istiod.istio-system.svc")
            .env("XDS_SNI", "istiod.istio-system.svc")
            .env("ISTIOD_SAN", "istiod.istio-system.svc")
            .env("ENVOY_STATUS_PORT", envoy_status.to_string())
            .env("ENVOY_PROMETHEUS_PORT", metrics.to_string())
            .env("PROXY_CONFIG", config.to_string());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let log = mesh.logs.join(format!("proxy-{id}.log"));
        let mut service = Service::start(&format!("the proxy {id}"), &mut command, &log)?;
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let client = Client::new(local(status));
        let ready = Request::get("/healthz/ready");
        service.wait_until(READY_WITHIN, || {
            client.send(&ready).is_ok_and(|answer| answer.status == 200)
        })?;
        Ok(Proxy {
            id: format!("{name}.{namespace}"),
            admin: Admin::new(local(admin)),
            status: local(status),
            modules,
            service,
        })
    }

    /// A token of its service account, which has to be there, for istiod's certificate authority.
    fn token(&self, mesh: &Mesh) -> Result<String> {
        let account = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": self.name, "namespace": self.namespace},
        });
        let kubectl = &mesh.cluster.kubectl;
        kubectl.apply(&account.to_string())?;
        let arguments = ["create", "token", &self.name, "--audience", "istio-ca"];
        let namespace = ["--namespace", &self.namespace];
        let token = kubectl.run(&[&arguments[..], &namespace[..]].concat(), "")?;
        Ok(token.trim().to_owned())
    }
}

/// A running proxy; it ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    /// `name.namespace`, as istiod and `istioctl` call it.
    pub id: String,
    /// The admin interface of its Envoy.
    pub admin: Admin,
    /// Where the agent shows the metrics of itself and of its Envoy.
    pub status: SocketAddr,
    modules: PathBuf,
    service: Service,
}

impl Proxy {
    /// What the agent and its Envoy have written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.service.log()
    }

    /// The file of a module that Envoy was told to load, from here: the agent and its Envoy see the
    /// folder of fetched modules under another name.
    #[must_use]
    pub fn module_file(&self, told: &str) -> PathBuf {
        let inside = told
            .trim_start_matches(FETCHED_MODULES)
            .trim_start_matches('/');
        self.modules.join(inside)
    }

    /// Ends it at once.
    pub fn kill(self) {
        drop(self.service);
    }

    /// Lines of the log that tell of trouble: of Envoy or of the agent.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let trouble = |line: &&str| {
            let words = [
                "\terror\t",
                "\tcritical\t",
                "[critical]",
                "Caught ",
                "panicked",
            ];
            words.iter().any(|word| line.contains(word))
        };
        self.log()
            .lines()
            .filter(trouble)
            .map(str::to_owned)
            .collect()
    }
}

/// An address of this machine that no other proxy has: istiod tells proxies from workloads by it.
///
/// # Errors
/// There are no more.
pub fn address() -> Result<Ipv4Addr> {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [high, low] = number.to_be_bytes();
    if number == 0 {
        bail!("no address is left for one more proxy");
    }
    Ok(Ipv4Addr::new(127, 1, high, low))
}

/// The template of Envoy's bootstrap, with all of its listeners on loopback, and for waypoints without
/// an extension that only Istio's own build of Envoy has.
fn template(mesh: &Mesh) -> Result<PathBuf> {
    let path = mesh.folder.join("envoy_bootstrap.json");
    if !path.is_file() {
        let source = "tools/packaging/common/envoy_bootstrap.json";
        let text = fs::read_to_string(mesh.programs.istio_source.join(source))
            .with_context(|| format!("Istio's source has no {source}"))?;
        let mut ours = text;
        for (theirs, instead) in [
            ("{{ .wildcard }}", "{{ .localhost }}"),
            ("{{- if .metadata_discovery }}", "{{- if false }}"),
        ] {
            ensure!(
                ours.contains(theirs),
                "{source} of Istio has no {theirs} any more"
            );
            ours = ours.replace(theirs, instead);
        }
        fs::write(&path, ours)?;
    }
    Ok(path)
}
