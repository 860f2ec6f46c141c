//! The arguments, with the help that people read.

use crate::request::RequestArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use coalmine_manifests::envoy::FailurePolicy;
use std::net::SocketAddr;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something could not be done: a file could not be read or written
  2  the config or the arguments are refused";

const VALIDATE_EXAMPLES: &str = "\
Examples:
  coalmine validate reviews.yaml
  coalmine validate canaries/                 every *.yaml and *.yml in the folder, against each other
  cat reviews.yaml | coalmine validate -
  coalmine validate canaries/ -o json | jq -r '.diagnostics[] | \"\\(.file):\\(.line) \\(.message)\"'";

const ENVOY_EXAMPLES: &str = "\
Examples:
  coalmine render envoy reviews.yaml -o run/
  envoy -c run/envoy.yaml

  To change a share, edit reviews.yaml and run the same command again: only files that differ are
  replaced, and Envoy takes a new run/xds/coalmine.json over while it runs.";

const PLUGIN_EXAMPLES: &str = "\
Examples:
  coalmine render plugin canaries/
  coalmine render plugin canaries/ -o out/     writes out/plugin.json";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  coalmine explain reviews.yaml --header 'x-user-id: alice'
  coalmine explain canaries/ --host reviews --cookie canary=never
  coalmine explain reviews.yaml --at 2026-11-24T10:30:00Z --header 'x-user-id: alice'
  coalmine explain reviews.yaml --draw 8000000000000000 -o json";

/// Canary routing inside Envoy: check canaries, make manifests of them, explain decisions
///
/// One file says who sees which version of a service. A WebAssembly filter in Envoy decides by it
/// for each request; this command runs the same code.
#[derive(Debug, Parser)]
#[command(name = "coalmine", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find every mistake in canaries, each with its place and what to write instead
    #[command(after_help = [VALIDATE_EXAMPLES, "\n\n", EXIT_CODES].concat())]
    Validate(ValidateArgs),
    /// Make what a proxy is configured with
    #[command(after_help = EXIT_CODES)]
    Render(RenderArgs),
    /// Say which variant a request gets, and why, step by step
    #[command(after_help = [EXPLAIN_EXAMPLES, "\n\n", EXIT_CODES].concat())]
    Explain(ExplainArgs),
}

/// Where canaries are read from.
#[derive(Debug, Args)]
pub struct Files {
    /// Canaries in YAML or JSON; a folder means every *.yaml and *.yml in it, and - standard input
    #[arg(required = true, value_name = "FILE|FOLDER")]
    pub files: Vec<PathBuf>,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// `coalmine validate`
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// `coalmine render`
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// What to make.
    #[command(subcommand)]
    pub target: Target,
}

/// What to make.
#[derive(Debug, Subcommand)]
pub enum Target {
    /// For a plain Envoy: a bootstrap with routes and clusters, and the watched file that changes shares
    #[command(after_help = [ENVOY_EXAMPLES, "\n\n", EXIT_CODES].concat())]
    Envoy(EnvoyArgs),
    /// The config of the filter alone, as JSON
    #[command(after_help = [PLUGIN_EXAMPLES, "\n\n", EXIT_CODES].concat())]
    Plugin(PluginArgs),
}

/// `coalmine render plugin`
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// The folder to write plugin.json to; standard output if not given
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// `coalmine render envoy`
#[derive(Debug, Args)]
pub struct EnvoyArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// The folder to write to; what is there already and the same is not touched
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// The same folder as Envoy will see it, if that is another place, like a mount
    #[arg(long, value_name = "PATH")]
    pub folder: Option<String>,
    /// The filter's module as Envoy will see it [default: coalmine.wasm in the folder]
    #[arg(long, value_name = "PATH")]
    pub module: Option<String>,
    /// Where to take requests; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:10000")]
    pub listen: SocketAddr,
    /// Where to serve Envoy's admin interface
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9901")]
    pub admin: SocketAddr,
    /// Serve no admin interface
    #[arg(long, conflicts_with = "admin")]
    pub no_admin: bool,
    /// What happens to requests when a worker's filter has died
    #[arg(long, value_enum, default_value_t)]
    pub failure_policy: OnFailure,
    /// Proxies in front of Envoy whose x-forwarded-for is to be believed
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub trusted_hops: u32,
    /// The most that a request's headers may measure [default: Envoy's, 60]
    #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(u32).range(1..=8192))]
    pub max_request_headers: Option<u32>,
    /// node.id in the bootstrap
    #[arg(long, value_name = "ID", default_value = "coalmine")]
    pub node_id: String,
    /// node.cluster in the bootstrap
    #[arg(long, value_name = "NAME", default_value = "coalmine")]
    pub node_cluster: String,
}

/// What happens to requests when a worker's filter has died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// They go on without it, to the default variant
    #[default]
    Open,
    /// They fail with 503 for about a second, until it is started again
    Reload,
    /// They fail with 503 until there is another config
    Closed,
}

impl From<OnFailure> for FailurePolicy {
    fn from(policy: OnFailure) -> Self {
        match policy {
            OnFailure::Open => Self::Open,
            OnFailure::Reload => Self::Reload,
            OnFailure::Closed => Self::Closed,
        }
    }
}

/// `coalmine explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// The request.
    #[command(flatten)]
    pub request: RequestArgs,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}
