//! The API server of a cluster, as a kubeconfig or the pod that this runs in names it.

use crate::http;
use crate::outcome::Failure;
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::PathBuf;
use std::time::Duration;

/// How long the API server may take to connect and to answer.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// Which cluster.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// The kubeconfig [default: that of $KUBECONFIG, of ~/.kube/config, or of the pod that this runs in]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "CONTEXT")]
    pub context: Option<String>,
}

impl ClusterArgs {
    /// The API server that a kubeconfig names, or that this pod belongs to.
    ///
    /// # Errors
    /// There is no kubeconfig, or it is refused.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        http::provide_tls();
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = match &self.kubeconfig {
            Some(path) => {
                let read = Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
                Config::from_custom_kubeconfig(read, &options)
                    .await
                    .map_err(|error| unusable(&error))
            }
            None => match self.context {
                Some(_) => Config::from_kubeconfig(&options)
                    .await
                    .map_err(|error| unusable(&error)),
                None => Config::infer().await.map_err(|error| unusable(&error)),
            },
        };
        let mut config = config?;
        config.connect_timeout = Some(CONNECTS_WITHIN);
        config.read_timeout = Some(ANSWERS_WITHIN);
        Client::try_from(config).map_err(|error| unusable(&error))
    }
}

fn unusable(error: &dyn std::error::Error) -> Failure {
    Failure::cannot(format!(
        "cannot use the kubeconfig: {}; name another with --kubeconfig, or one of its contexts with --context",
        chain(error)
    ))
}

/// An error with its causes, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}
