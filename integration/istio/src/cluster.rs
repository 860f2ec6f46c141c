//! etcd and Kubernetes' API server: all of a cluster that a control plane needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;

use crate::kubectl::Kubectl;
use crate::ports;
use crate::programs::Programs;
use coalmine_integration::service::Service;

/// The program of etcd, and the package on Debian.
pub const ETCD: (&str, &str) = ("etcd", "etcd-server");

/// How long a start may take on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// Who may do everything, on this machine.
const TOKEN: &str = "for-one-process-alone";

/// A running cluster without nodes.
#[derive(Debug)]
pub struct Cluster {
    /// `kubectl`, as its administrator.
    pub kubectl: Kubectl,
    // In this order: the server ends before what it stores in.
    _api_server: Service,
    _etcd: Service,
}

impl Cluster {
    /// Starts both below a folder, with logs in another.
    ///
    /// # Errors
    /// etcd is not installed, or one of them does not get ready.
    pub fn start(programs: &Programs, folder: &Path, logs: &Path) -> Result<Self> {
        let [clients, peers, port] = ports::some()?;
        let etcd_url = format!("http://127.0.0.1:{clients}");
        let etcd = start_etcd(&etcd_url, peers, folder, logs)?;

        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let path = |name: &str| folder.join(name);
        fs::write(path("accounts.pem"), key.serialize_pem())?;
        fs::write(path("accounts.pub"), key.public_key_pem())?;
        fs::write(
            path("tokens.csv"),
            format!("{TOKEN},admin,admin,system:masters\n"),
        )?;
        let mut api_server = Service::start(
            "kube-apiserver",
            Command::new(&programs.kube_apiserver)
                .args([
                    "--bind-address",
                    "127.0.0.1",
                    "--authorization-mode",
                    "RBAC",
                ])
                .args([
                    "--secure-port",
                    &port.to_string(),
                    "--etcd-servers",
                    &etcd_url,
                ])
                .args(["--service-account-issuer", "https://kubernetes.default.svc"])
                .args(["--service-cluster-ip-range", "10.96.0.0/16"])
                // Nobody fills accounts with what this plugin demands of pods.
                .args(["--disable-admission-plugins", "ServiceAccount"])
                // A server alone has no others to be told of.
                .args(["--endpoint-reconciler-type", "none"])
                .arg("--cert-dir")
                .arg(path("certificates"))
                .arg("--service-account-key-file")
                .arg(path("accounts.pub"))
                .arg("--service-account-signing-key-file")
                .arg(path("accounts.pem"))
                .arg("--token-auth-file")
                .arg(path("tokens.csv")),
            &logs.join("kube-apiserver.log"),
        )?;
        let kubeconfig = path("kubeconfig");
        fs::write(
            &kubeconfig,
            config(port, &path("certificates/apiserver.crt")),
        )?;
        let kubectl = Kubectl::new(&programs.kubectl, &kubeconfig);
        api_server.wait_until(READY_WITHIN, || {
            kubectl.run(&["get", "--raw", "/readyz"], "").is_ok()
        })?;
        Ok(Self {
            kubectl,
            _api_server: api_server,
            _etcd: etcd,
        })
    }

    /// The kubeconfig of its administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.kubectl.kubeconfig().to_owned()
    }
}

fn start_etcd(url: &str, peers: u16, folder: &Path, logs: &Path) -> Result<Service> {
    let (program, package) = ETCD;
    let peers = format!("http://127.0.0.1:{peers}");
    let mut etcd = Service::start(
        "etcd",
        Command::new(program)
            .args([
                "--name",
                "one",
                "--listen-client-urls",
                url,
                "--advertise-client-urls",
                url,
            ])
            .args([
                "--listen-peer-urls",
                &peers,
                "--initial-advertise-peer-urls",
                &peers,
            ])
            .args(["--initial-cluster", &format!("one={peers}")])
            // Nothing of it outlives this process.
            .arg("--unsafe-no-fsync")
            .arg("--data-dir")
            .arg(folder.join("etcd")),
        &logs.join("etcd.log"),
    )
    .with_context(|| format!("on Debian: apt-get install {package}"))?;
    let address = url.trim_start_matches("http://").to_owned();
    etcd.wait_until(READY_WITHIN, || {
        std::net::TcpStream::connect(&address).is_ok()
    })?;
    Ok(etcd)
}

/// A kubeconfig; the server's certificate is its own authority. JSON is YAML too.
fn config(port: u16, authority: &Path) -> String {
    let name = "coalmine";
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": authority,
        }}],
        "users": [{"name": name, "user": {"token": TOKEN}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    })
    .to_string()
}
