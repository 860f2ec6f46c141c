//! `coalmine render`: what a proxy is configured with.
//!
//! | file | target |
//! |---|---|
//! | `envoy` | a plain Envoy |
//! | `envoy_filter` | an Istio mesh without its plugins |
//! | `istio` | an Istio mesh |
//! | `gateway_api` | a gateway or mesh with the Gateway API |
//! | `into` | manifests that people have, of Istio and of the Gateway API |
//! | `prometheus` | labels of metrics where the bootstrap is a mesh's |
//! | `alerts` | recording rules and alerts for Prometheus |
//! | `grafana` | a dashboard |
//! | `plugin` | the config of the filter alone |
//!
//! `stale` finds what an earlier render left in a folder.

mod alerts;
mod envoy;
mod envoy_filter;
mod gateway_api;
mod grafana;
mod into;
mod istio;
mod plugin;
mod prometheus;
mod stale;

pub use alerts::AlertsArgs;
pub use envoy::{EnvoyArgs, OnFailure};
pub use envoy_filter::EnvoyFilterArgs;
pub use gateway_api::GatewayApiArgs;
pub use grafana::GrafanaArgs;
pub use into::IntoArgs;
pub use istio::{ExtensionArgs, IstioArgs};
pub use plugin::PluginArgs;
pub use prometheus::PrometheusArgs;

use crate::args::after_help;
use crate::input::Input;
use crate::outcome::{Failure, Outcome};
use crate::place::placed;
use crate::replace::{Replaced, replace};
use clap::{Args, Subcommand};
use coalmine_manifests::{Error, File, kubernetes};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::slice;

const EXAMPLES: &str = "\
Examples:
  coalmine render istio canaries/ --module $MODULE -o out/
  coalmine render envoy reviews.yaml -o run/
  coalmine render plugin reviews.yaml

  Each target has more, with --help behind it.";

/// `coalmine render`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct RenderArgs {
    /// What to make.
    #[command(subcommand)]
    pub target: Target,
}

/// What to make.
#[derive(Debug, Subcommand)]
pub enum Target {
    /// For a plain Envoy: a bootstrap with routes and clusters, and the watched file that changes shares
    Envoy(EnvoyArgs),
    /// For an Istio mesh: a WasmPlugin, and a VirtualService and DestinationRule for each canary
    Istio(IstioArgs),
    /// For a gateway or mesh with the Gateway API: an HTTPRoute or GRPCRoute for each canary
    GatewayApi(GatewayApiArgs),
    /// For an Istio mesh where no WasmPlugin is wanted: EnvoyFilters
    #[command(name = "istio-envoyfilter")]
    IstioEnvoyFilter(EnvoyFilterArgs),
    /// For a Prometheus: rules that make the labels of the metrics where the proxies do not
    Prometheus(PrometheusArgs),
    /// For a Prometheus: recording rules, and alerts that say what to do next
    Alerts(AlertsArgs),
    /// For a Grafana: a dashboard of all canaries
    Grafana(GrafanaArgs),
    /// The config of the filter alone, as JSON
    Plugin(PluginArgs),
}

/// Renders a target.
///
/// # Errors
/// A file cannot be read or written, or the canaries are refused.
pub fn render(args: &RenderArgs) -> Result<Outcome, Failure> {
    match &args.target {
        Target::Prometheus(args) => prometheus::render(args),
        Target::Alerts(args) => alerts::render(args),
        Target::Grafana(args) => grafana::render(args),
        Target::Plugin(args) => plugin::render(args),
        Target::Envoy(args) => envoy::render(args),
        Target::Istio(args) => istio::render(args),
        Target::GatewayApi(args) => gateway_api::render(args),
        Target::IstioEnvoyFilter(args) => envoy_filter::render(args),
    }
}

/// Writes files below `folder`, and says what it did.
fn write(folder: &Path, files: &[File]) -> Result<(String, Vec<Replaced>), Failure> {
    let mut talk = String::new();
    let mut all = Vec::new();
    for file in files {
        let path = folder.join(&file.name);
        let replaced = replace(&path, &file.contents).map_err(|error| {
            Failure::cannot(format!("cannot write {}: {error}", path.display()))
        })?;
        let _ = writeln!(talk, "{} {}", replaced.word(), path.display());
        all.push(replaced);
    }
    Ok((talk, all))
}

/// Where objects for Kubernetes go.
#[derive(Debug, Args)]
pub struct Written {
    /// The folder to write to, one object a file; standard output if not given, or -
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Remove from the folder what an earlier render made and this one did not
    #[arg(long, requires = "output")]
    pub prune: bool,
}

/// The folder that is meant, none for standard output.
fn folder(output: Option<&Path>) -> Option<&Path> {
    output.filter(|folder| folder.as_os_str() != "-")
}

/// Objects for Kubernetes: written below a folder, one a file, or printed as one stream.
fn objects(files: &[File], written: &Written, mut talk: String) -> Result<Outcome, Failure> {
    let mut data = String::new();
    match folder(written.output.as_deref()) {
        Some(folder) => {
            talk.push_str(&write(folder, files)?.0);
            talk.push_str(&stale::told(folder, files, written)?);
        }
        None => data = kubernetes::documents(files),
    }
    Ok(Outcome {
        data,
        talk,
        ..Outcome::default()
    })
}

/// Why a target cannot be rendered, drawn where it is missing.
pub(crate) fn refused(error: &Error, input: &Input) -> Failure {
    match error {
        Error::Problems(problems) => {
            let found: Vec<_> = problems
                .iter()
                .map(|problem| placed(problem, &input.sources))
                .collect();
            Failure::diagnosed(&found, &input.sources)
        }
        Error::TooLarge(diagnostic) => {
            Failure::diagnosed(slice::from_ref(&**diagnostic), &input.sources)
        }
        other => Failure::cannot(format!("{other}")),
    }
}
