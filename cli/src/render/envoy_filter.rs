//! `coalmine render istio-envoyfilter`: an Istio mesh without its plugins.

use super::envoy::OnFailure;
use super::istio::{label, name, without_namespace};
use super::{Written, objects, refused};
use crate::args::{Files, after_help};
use crate::input;
use crate::outcome::{Failure, Outcome};
use crate::place;
use clap::Args;
use coalmine_manifests::envoy_filter::{self, Code, Options};
use coalmine_manifests::istio::{Module, NAME};

const EXAMPLES: &str = "\
MODULE is the address of the module with its digest, as pushing it to a registry prints it.

Examples:
  coalmine render istio-envoyfilter canaries/ --module /var/lib/coalmine/coalmine.wasm
  coalmine render istio-envoyfilter canaries/ --module $MODULE --failure-policy open -o out/

  Where nobody may touch VirtualServices, with the routes as patches too:
  coalmine render istio-envoyfilter reviews.yaml --module /lib/coalmine.wasm --routes";

/// `coalmine render istio-envoyfilter`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct EnvoyFilterArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// Where the objects go.
    #[command(flatten)]
    pub written: Written,
    /// The filter's module: a path that every proxy has, or oci://REGISTRY/REPOSITORY@sha256:DIGEST,
    /// https://, http://, which the agent beside the proxy fetches
    #[arg(long, value_name = "PATH|ADDRESS")]
    pub module: String,
    /// The checksum of the module's bytes, for https:// and http://
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// What happens to requests when a worker's filter has died; if the module cannot be fetched, all
    /// but open refuse every request
    #[arg(long, value_enum, default_value_t = OnFailure::Reload)]
    pub failure_policy: OnFailure,
    /// The proxy stands at the edge: take out of baggage what says to come from us, and inherit nothing
    #[arg(long)]
    pub edge: bool,
    /// Make the routes and subsets as well, with no VirtualService; a canary's service needs its port
    #[arg(long)]
    pub routes: bool,
    /// Let the filter work for the hosts that canaries govern alone; others then cost nothing
    #[arg(long, conflicts_with = "edge")]
    pub only_governed_hosts: bool,
    /// The EnvoyFilters' namespace; in the mesh's root namespace they are for the whole mesh
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system", value_parser = name)]
    pub namespace: String,
    /// The name of the EnvoyFilter with the filter, and of the filter in Envoy
    #[arg(long, value_name = "NAME", default_value = NAME, value_parser = name)]
    pub name: String,
    /// Only workloads with this label; may be repeated
    #[arg(long, value_name = "LABEL=VALUE", value_parser = label)]
    pub selector: Vec<(String, String)>,
}

pub(super) fn render(args: &EnvoyFilterArgs) -> Result<Outcome, Failure> {
    let address = match args.module.starts_with('/') {
        true => format!("file://{}", args.module),
        false => args.module.clone(),
    };
    let module = Module::new(&address, args.sha256.as_deref())
        .map_err(|error| Failure::refused(error.to_string()))?;
    let options = Options {
        name: args.name.clone(),
        namespace: args.namespace.clone(),
        selector: args.selector.iter().cloned().collect(),
        failure_policy: args.failure_policy.into(),
        routes: args.routes,
        only_governed_hosts: args.only_governed_hosts,
        ..Options::new(Code::new(&module).map_err(Failure::refused)?)
    };
    let mut input = input::sound(&args.files)?;
    input.canaries.edge |= args.edge;
    if args.only_governed_hosts && input.canaries.edge {
        return Err(Failure::refused(
            "an edge takes decisions out of the baggage of every request, whatever its host: leave out \
             --only-governed-hosts",
        ));
    }
    let provenance = place::provenance(&input.sources);
    let files = envoy_filter::render(&input.canaries, &provenance, &options)
        .map_err(|error| refused(&error, &input))?;
    let mut talk = String::new();
    if matches!(options.code, Code::Remote { .. }) && args.failure_policy != OnFailure::Open {
        talk.push_str(
            "warning: if a proxy cannot fetch the module, it refuses every request; with \
             --failure-policy open it lets them through\n",
        );
    }
    if options.routes {
        talk.push_str(&without_namespace(&input));
    }
    objects(&files, &args.written, input.warnings + &talk)
}
