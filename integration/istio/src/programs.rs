//! The programs of a mesh: built or fetched once, and kept under `target/`.

use std::path::PathBuf;

use anyhow::Result;
use coalmine_integration::envoy_binary;

use crate::compile::Module;
use crate::release::{KUBERNETES, Release};

/// Where everything is that a mesh is started from.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Which Istio.
    pub release: &'static Release,
    /// `kube-apiserver`
    pub kube_apiserver: PathBuf,
    /// `kubectl`
    pub kubectl: PathBuf,
    /// `pilot-discovery`, which is istiod
    pub pilot_discovery: PathBuf,
    /// `pilot-agent`
    pub pilot_agent: PathBuf,
    /// `istioctl`
    pub istioctl: PathBuf,
    /// `envoy`
    pub envoy: PathBuf,
    /// The source of Istio: CRDs, the agent's bootstrap template, samples.
    pub istio_source: PathBuf,
    /// The source of the Gateway API, with its CRDs.
    pub gateway_api_source: PathBuf,
}

impl Programs {
    /// All of them, built where they are missing: that takes about eight minutes once on two
    /// cores. `envoy` is a version or a path; `progress` hears a line now and then.
    ///
    /// # Errors
    /// No Go, no Python, or no way to the modules; the message says what to do.
    pub fn ensure(release: &'static Release, envoy: &str, progress: &dyn Fn(&str)) -> Result<Self> {
        let kubernetes = kubernetes();
        let istio = istio(release);
        let kube = kubernetes.ensure(progress)?;
        let bin = istio.ensure(progress)?;
        Ok(Self {
            release,
            kube_apiserver: kube.join("kube-apiserver"),
            kubectl: kube.join("kubectl"),
            pilot_discovery: bin.join("pilot-discovery"),
            pilot_agent: bin.join("pilot-agent"),
            istioctl: bin.join("istioctl"),
            envoy: envoy_binary::ensure(envoy, progress)?,
            istio_source: istio.source_of("istio.io/istio", progress)?,
            gateway_api_source: istio.source_of("sigs.k8s.io/gateway-api", progress)?,
        })
    }
}

fn kubernetes() -> Module {
    let mut numbers = KUBERNETES.split('.');
    let mut number = || numbers.next().unwrap_or_default().to_owned();
    Module {
        name: "kubernetes".to_owned(),
        // Clients read the server's version, and a build from a module has none.
        variables: vec![
            (
                "k8s.io/component-base/version.gitVersion",
                format!("v{KUBERNETES}"),
            ),
            ("k8s.io/component-base/version.gitMajor", number()),
            ("k8s.io/component-base/version.gitMinor", number()),
        ],
    }
}

fn istio(release: &Release) -> Module {
    Module {
        name: release.module.to_owned(),
        variables: vec![(
            "istio.io/istio/pkg/version.buildVersion",
            release.line.to_owned(),
        )],
    }
}
