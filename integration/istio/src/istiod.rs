//! istiod, with the validation webhook that a cluster's API server asks.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use base64ct::{Base64, Encoding};
use coalmine_integration::client::{Client, Request};
use serde_json::{Value, json};

use crate::kubectl::Kubectl;
use crate::mesh::Options;
use crate::ports;
use crate::programs::Programs;
use coalmine_integration::service::{Service, eventually};

/// Its namespace, which is the mesh's root namespace.
pub const NAMESPACE: &str = "istio-system";

const READY_WITHIN: Duration = Duration::from_secs(90);

/// A control plane: started, and startable again where it was.
#[derive(Debug)]
pub struct Istiod {
    programs: Programs,
    kubeconfig: PathBuf,
    folder: PathBuf,
    log: PathBuf,
    ports: Ports,
    environment: Vec<(&'static str, &'static str)>,
    running: Mutex<Option<Service>>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    http: u16,
    https: u16,
    grpc: u16,
    secure_grpc: u16,
    monitoring: u16,
}

impl Istiod {
    /// Starts it with the mesh config of these options, and has the API server ask its webhook.
    ///
    /// # Errors
    /// It does not get ready, or writes no root certificate.
    pub fn start(
        programs: &Programs,
        kubectl: &Kubectl,
        options: &Options,
        folder: &Path,
        logs: &Path,
    ) -> Result<Self> {
        let [http, https, grpc, secure_grpc, monitoring] = ports::some()?;
        let folder = folder.join("istiod");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("mesh.yaml"), options.mesh_config().to_string())?;
        let istiod = Self {
            programs: programs.clone(),
            kubeconfig: kubectl.kubeconfig().to_owned(),
            folder,
            log: logs.join("istiod.log"),
            ports: Ports {
                http,
                https,
                grpc,
                secure_grpc,
                monitoring,
            },
            environment: options.environment.clone(),
            running: Mutex::default(),
        };
        istiod.restart()?;
        let root = istiod.root_certificate(kubectl)?;
        kubectl.apply(&istiod.webhook(&root).to_string())?;
        Ok(istiod)
    }

    /// Starts it again at the same addresses, after [`Istiod::kill`] or while it runs.
    ///
    /// # Errors
    /// It does not get ready.
    pub fn restart(&self) -> Result<()> {
        self.kill();
        let Ports {
            http,
            https,
            grpc,
            secure_grpc,
            monitoring,
        } = self.ports;
        let address = |port: u16| format!("127.0.0.1:{port}");
        let mut service = Service::start(
            "istiod",
            Command::new(&self.programs.pilot_discovery)
                .args([
                    "discovery",
                    "--registries",
                    "Kubernetes",
                    "--networksConfig",
                    "/dev/null",
                ])
                .args(["--httpAddr", &address(http), "--httpsAddr", &address(https)])
                .args([
                    "--grpcAddr",
                    &address(grpc),
                    "--secureGRPCAddr",
                    &address(secure_grpc),
                ])
                .args([
                    "--monitoringAddr",
                    &address(monitoring),
                    "--ctrlz_port",
                    "0",
                ])
                .arg("--kubeconfig")
                .arg(&self.kubeconfig)
                .arg("--meshConfig")
                .arg(self.folder.join("mesh.yaml"))
                .current_dir(&self.folder)
                .env("POD_NAMESPACE", NAMESPACE)
                .env("POD_NAME", "istiod")
                // A name on its certificate under which the API server finds it without DNS.
                .env("ISTIOD_CUSTOM_HOST", "localhost")
                // The configurations of both are ours: it would wait for those of its chart.
                .env("VALIDATION_WEBHOOK_CONFIG_NAME", "")
                .env("INJECTION_WEBHOOK_CONFIG_NAME", "")
                // Filters that only Istio's own build of Envoy has.
                .env("PILOT_ENABLE_ALPN_FILTER", "false")
                .env("PILOT_ENABLE_METADATA_EXCHANGE", "false")
                .env("PILOT_ENABLE_TELEMETRY_LABEL", "false")
                .envs(self.environment.iter().copied()),
            &self.log,
        )?;
        let client = Client::new(self.http());
        let ready = || {
            client
                .send(&Request::get("/ready"))
                .is_ok_and(|answer| answer.status == 200)
        };
        service.wait_until(READY_WITHIN, ready)?;
        *self.running() = Some(service);
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Option<Service>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it at once, as a node that dies does.
    pub fn kill(&self) {
        *self.running() = None;
    }

    /// Where proxies connect, by the name on its certificate.
    #[must_use]
    pub fn discovery_address(&self) -> String {
        format!("localhost:{}", self.ports.secure_grpc)
    }

    /// Where it answers in plain HTTP, `/debug/` included.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.http))
    }

    /// Where it shows its metrics.
    #[must_use]
    pub fn monitoring(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.monitoring))
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The root of the mesh's certificates, as PEM: istiod leaves it in every namespace.
    ///
    /// # Errors
    /// It does not in time.
    pub fn root_certificate(&self, kubectl: &Kubectl) -> Result<String> {
        let name = ["configmap", "istio-ca-root-cert", "--namespace", NAMESPACE];
        eventually("istiod's root certificate", READY_WITHIN, || {
            let map = kubectl.get(&name)?;
            let root = map["data"]["root-cert.pem"].as_str();
            root.map(str::to_owned).context("no root-cert.pem in it")
        })
    }

    /// The validation of all of Istio's kinds, as Istio's chart has it, at our address.
    fn webhook(&self, root: &str) -> Value {
        let groups = ["security", "networking", "telemetry", "extensions"];
        let groups = groups.map(|group| format!("{group}.istio.io"));
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "istio-validator"},
            "webhooks": [{
                "name": "validation.istio.io",
                "clientConfig": {
                    "url": format!("https://localhost:{}/validate", self.ports.https),
                    "caBundle": Base64::encode_string(root.as_bytes()),
                },
                "rules": [{
                    "operations": ["CREATE", "UPDATE"],
                    "apiGroups": groups,
                    "apiVersions": ["*"],
                    "resources": ["*"],
                }],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }],
        })
    }
}
