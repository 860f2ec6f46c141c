//! `coalmine render istio`: what an Istio mesh is configured with.

use super::{IntoArgs, Written, objects, refused};
use crate::args::{Files, after_help};
use crate::input::{self, Input};
use crate::outcome::{Failure, Outcome};
use crate::place;
use clap::{Args, ValueEnum};
use coalmine_manifests::into::Api;
use coalmine_manifests::istio::{
    self, Extension, FailStrategy, Kind, MESH, Module, NAME, Options, Phase, Placement, PullPolicy,
    Routes, TargetRef, Version,
};
use coalmine_manifests::kubernetes::{is_label, is_name};
use std::fmt::Write;

const EXAMPLES: &str = "\
MODULE is the address of the module with its digest, as pushing it to a registry prints it.

Examples:
  coalmine render istio canaries/ --module $MODULE
  coalmine render istio canaries/ --module oci://registry.example.com/coalmine:0.1.0 -o out/
  coalmine render istio reviews.yaml --only routes > routes.yaml
  coalmine render istio reviews.yaml --only routes --gateway bookinfo/ingress --gateway mesh

  Into routes that are there already, and out of them again:
  coalmine render istio canaries/ --into their-routes.yaml
  coalmine render istio canaries/ --into their-routes.yaml --in-place
  coalmine render istio canaries/ --into their-routes.yaml --check
  coalmine render istio --out-of their-routes.yaml --in-place

  For waypoints a plugin of its own, beside the one for sidecars and gateways:
  coalmine render istio canaries/ --module $MODULE --target-ref GatewayClass/istio-waypoint";

/// `coalmine render istio`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
#[command(mut_arg("files", |files| files.required(false).required_unless_present("out_of")))]
#[command(mut_arg("output", |output| output.conflicts_with_all(["into", "out_of"])))]
pub struct IstioArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// Where the objects go.
    #[command(flatten)]
    pub written: Written,
    /// Make only the plugin, or only the routes and subsets
    #[arg(long, value_enum, conflicts_with_all = ["into", "out_of"])]
    pub only: Option<Part>,
    /// The oldest Istio that it is for
    #[arg(long, value_name = "VERSION", default_value_t = Version::OLDEST)]
    pub istio: Version,
    /// How the plugin is made.
    #[command(flatten)]
    pub plugin: ExtensionArgs,
    /// Where the routes hold: NAMESPACE/NAME of a gateway, or mesh for every sidecar; may be repeated
    /// [default: mesh]
    #[arg(long, value_name = "GATEWAY", value_parser = gateway, help_heading = "Routes")]
    #[arg(conflicts_with_all = ["into", "out_of"])]
    pub gateway: Vec<String>,
    /// Manifests that are there already.
    #[command(flatten)]
    pub there: IntoArgs,
}

/// The options of the plugin.
#[derive(Debug, Args)]
#[command(next_help_heading = "Plugin")]
pub struct ExtensionArgs {
    /// The filter's module: oci://REGISTRY/REPOSITORY@sha256:DIGEST, or https://, http://, file://
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["into", "out_of"])]
    pub module: Option<String>,
    /// The checksum of the module's bytes, for https:// and http://
    #[arg(long, value_name = "HEX", requires = "module")]
    pub sha256: Option<String>,
    /// Make a TrafficExtension (Istio 1.30 and newer) instead of a WasmPlugin
    #[arg(long)]
    pub traffic_extension: bool,
    /// The proxy stands at the edge: take out of baggage what says to come from us, and inherit nothing
    #[arg(long, conflicts_with_all = ["into", "out_of"])]
    pub edge: bool,
    /// What happens to requests when the filter cannot run
    #[arg(long, value_enum, default_value_t)]
    pub fail_strategy: OnFailure,
    /// Only workloads with this label, in the whole mesh if the plugin is in the root namespace; may be
    /// repeated
    #[arg(long, value_name = "LABEL=VALUE", value_parser = label, conflicts_with = "target_ref")]
    pub selector: Vec<(String, String)>,
    /// Waypoints and gateways of the Gateway API: Gateway/NAME, GatewayClass/NAME, Service/NAME or
    /// ServiceEntry/NAME; may be repeated
    #[arg(long, value_name = "KIND/NAME", value_parser = TargetRef::parse)]
    pub target_ref: Vec<TargetRef>,
    /// The mesh's root namespace: a plugin in it is for the whole mesh
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system", value_parser = name)]
    pub root_namespace: String,
    /// The plugin's namespace [default: the root namespace]
    #[arg(long, value_name = "NAMESPACE", value_parser = name)]
    pub plugin_namespace: Option<String>,
    /// The plugin's name [default: coalmine, or coalmine-TARGET for the first target]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub plugin_name: Option<String>,
    /// The secret with the registry's credentials, in the plugin's namespace
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub image_pull_secret: Option<String>,
    /// When the module is fetched again [default: Istio's, for a digest if it is not there]
    #[arg(long, value_enum)]
    pub image_pull_policy: Option<Pull>,
    /// Its place among Istio's filters [default: behind authorization]
    #[arg(long, value_enum)]
    pub phase: Option<In>,
    /// Its place among plugins of the same phase: the higher is the earlier
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub priority: Option<i32>,
}

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The WasmPlugin or TrafficExtension
    Plugin,
    /// VirtualServices and DestinationRules
    Routes,
}

/// What happens to requests when the filter cannot run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// They go on without it, to the default variant
    #[default]
    Open,
    /// They fail until it is started again, or, if the module could not be fetched, all of them
    Reload,
    /// They fail, all of them if the module could not be fetched
    Close,
}

/// When the module is fetched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pull {
    /// When it is not there
    IfNotPresent,
    /// Whenever the plugin changes
    Always,
}

/// A place among Istio's filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum In {
    /// Before authentication
    Authn,
    /// Behind authentication, before authorization
    Authz,
    /// Behind authorization, before metrics
    Stats,
}

pub(super) fn render(args: &IstioArgs) -> Result<Outcome, Failure> {
    if let Some(done) = args.there.run(&args.files, Api::Istio) {
        return done;
    }
    let options = Options {
        extension: match args.only {
            Some(Part::Routes) => None,
            _ => Some(extension(&args.plugin, args.istio)?),
        },
        routes: (args.only != Some(Part::Plugin)).then(|| Routes {
            gateways: match args.gateway.as_slice() {
                // What Istio takes if nothing is said.
                [only] if only == MESH => Vec::new(),
                gateways => gateways.to_vec(),
            },
        }),
    };
    let mut input = input::sound(&args.files)?;
    input.canaries.edge |= args.plugin.edge;
    let provenance = place::provenance(&input.sources);
    let files = istio::render(&input.canaries, &provenance, &options)
        .map_err(|error| refused(&error, &input))?;
    let mut talk = String::new();
    if let Some(advice) = options
        .extension
        .and_then(|plugin| plugin.module.unpinned())
    {
        let _ = writeln!(talk, "warning: {advice}");
    }
    if options.routes.is_some() {
        talk.push_str(&without_namespace(&input));
    }
    objects(&files, &args.written, input.warnings + &talk)
}

fn extension(args: &ExtensionArgs, istio: Version) -> Result<Extension, Failure> {
    let Some(module) = &args.module else {
        return Err(Failure::refused(
            "the plugin needs to know where the module is: give \
             --module oci://REGISTRY/REPOSITORY@sha256:DIGEST, or make --only routes",
        ));
    };
    let module = Module::new(module, args.sha256.as_deref())
        .map_err(|error| Failure::refused(error.to_string()))?;
    let kind = match args.traffic_extension {
        true if istio < Version::TRAFFIC_EXTENSION => {
            return Err(Failure::refused(format!(
                "Istio {istio} has no TrafficExtension: give --istio {} if all of yours are at least \
                 that new, or leave --traffic-extension out, since a WasmPlugin does the same",
                Version::TRAFFIC_EXTENSION
            )));
        }
        true => Kind::TrafficExtension,
        false => Kind::WasmPlugin,
    };
    Ok(Extension {
        kind,
        name: match (&args.plugin_name, args.target_ref.first()) {
            (Some(name), _) => name.clone(),
            // It stands beside the one for sidecars, and must not take its place.
            (None, Some(target)) => format!("{NAME}-{}", target.name),
            (None, None) => NAME.to_owned(),
        },
        namespace: namespace(args)?,
        placement: placement(args),
        module,
        fail_strategy: args.fail_strategy.into(),
        pull_secret: args.image_pull_secret.clone(),
        pull_policy: args.image_pull_policy.map(PullPolicy::from),
        phase: args.phase.map(Phase::from),
        priority: args.priority,
    })
}

/// The plugin's namespace, in which Istio looks for what it is attached to.
fn namespace(args: &ExtensionArgs) -> Result<String, Failure> {
    let ExtensionArgs {
        root_namespace: root,
        plugin_namespace: said,
        ..
    } = args;
    if args.target_ref.len() > TargetRef::MOST {
        return Err(Failure::refused(format!(
            "a plugin is attached to {} things at most: make a second one with another --plugin-name",
            TargetRef::MOST
        )));
    }
    for TargetRef { kind, name, .. } in &args.target_ref {
        let refusal = match (*kind, said) {
            ("GatewayClass", Some(said)) if said != root => format!(
                "for {kind}/{name} the plugin has to be in the root namespace, {root}, and not in {said}: \
                 leave --plugin-namespace out"
            ),
            ("GatewayClass", _) | (_, Some(_)) => continue,
            (_, None) => format!(
                "{kind}/{name} is looked for in the plugin's namespace: say which with --plugin-namespace"
            ),
        };
        return Err(Failure::refused(refusal));
    }
    Ok(said.as_ref().unwrap_or(root).clone())
}

fn placement(args: &ExtensionArgs) -> Placement {
    if !args.target_ref.is_empty() {
        return Placement::Targets(args.target_ref.clone());
    }
    if !args.selector.is_empty() {
        return Placement::Selector(args.selector.iter().cloned().collect());
    }
    Placement::All
}

/// Canaries whose objects go wherever `kubectl` is at home.
pub(super) fn without_namespace(input: &Input) -> String {
    let canaries = input.canaries.canaries.iter();
    let names: Vec<&str> = canaries
        .filter(|canary| canary.namespace.is_none())
        .map(|canary| canary.name.as_str())
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        "note: without `namespace` in its metadata a canary's objects go where kubectl's context is: {}\n",
        names.join(", ")
    )
}

/// A gateway as a VirtualService names it.
fn gateway(text: &str) -> Result<String, String> {
    let mut parts = text.split('/');
    let good = parts.by_ref().take(2).all(is_name) && parts.next().is_none();
    good.then(|| text.to_owned())
        .ok_or_else(|| "write NAMESPACE/NAME, or mesh for every sidecar".to_owned())
}

/// A label to select by.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_label(name, value) => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write LABEL=VALUE, like app=reviews".to_owned()),
    }
}

/// The name of an object.
pub(super) fn name(text: &str) -> Result<String, String> {
    is_name(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "write a name of a-z, 0-9, `-` and `.`".to_owned())
}

impl From<OnFailure> for FailStrategy {
    fn from(strategy: OnFailure) -> Self {
        match strategy {
            OnFailure::Open => Self::Open,
            OnFailure::Reload => Self::Reload,
            OnFailure::Close => Self::Close,
        }
    }
}

impl From<Pull> for PullPolicy {
    fn from(pull: Pull) -> Self {
        match pull {
            Pull::IfNotPresent => Self::IfNotPresent,
            Pull::Always => Self::Always,
        }
    }
}

impl From<In> for Phase {
    fn from(phase: In) -> Self {
        match phase {
            In::Authn => Self::Authn,
            In::Authz => Self::Authz,
            In::Stats => Self::Stats,
        }
    }
}
