//! `coalmine render gateway-api`: routes for a gateway or a mesh.

use super::istio::{name, without_namespace};
use super::{IntoArgs, Written, objects, refused};
use crate::args::{Files, after_help};
use crate::input;
use crate::outcome::{Failure, Outcome};
use crate::place;
use clap::Args;
use coalmine_manifests::gateway_api::{self, Gateway, MOST_PARENTS, Options};
use coalmine_manifests::into::Api;

const EXAMPLES: &str = "\
Each variant needs a Service of its own in the canary: `service: reviews-v2:9080`.

Examples:
  coalmine render gateway-api shop.yaml --gateway infra/public > routes.yaml
  coalmine render gateway-api shop.yaml --gateway infra/public:https --gateway internal -o out/
  coalmine render gateway-api shop.yaml                           in a mesh, attached to the Service
  coalmine render gateway-api shop.yaml --grpc

  Into routes that are there already, and out of them again:
  coalmine render gateway-api shop.yaml --into their-shop.yaml --in-place
  coalmine render gateway-api --out-of their-shop.yaml --in-place

  Routes decide nothing: the filter has to run in front of them. In Istio:
  coalmine render istio shop.yaml --only plugin --module $MODULE -o out/";

/// `coalmine render gateway-api`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
#[command(mut_arg("files", |files| files.required(false).required_unless_present("out_of")))]
#[command(mut_arg("output", |output| output.conflicts_with_all(["into", "out_of"])))]
pub struct GatewayApiArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// Where the objects go.
    #[command(flatten)]
    pub written: Written,
    /// The gateway that has the routes, and maybe one of its listeners; may be repeated
    /// [default: none, and the canary's Service has them, as a mesh wants it]
    #[arg(long, value_name = "[NAMESPACE/]NAME[:LISTENER]", value_parser = gateway)]
    #[arg(conflicts_with_all = ["into", "out_of"])]
    pub gateway: Vec<Gateway>,
    /// Make a GRPCRoute instead of an HTTPRoute
    #[arg(long, conflicts_with_all = ["into", "out_of"])]
    pub grpc: bool,
    /// Manifests that are there already.
    #[command(flatten)]
    pub there: IntoArgs,
}

pub(super) fn render(args: &GatewayApiArgs) -> Result<Outcome, Failure> {
    if let Some(done) = args.there.run(&args.files, Api::Gateway) {
        return done;
    }
    let mut gateways: Vec<Gateway> = Vec::new();
    for gateway in &args.gateway {
        if !gateways.contains(gateway) {
            gateways.push(gateway.clone());
        }
    }
    // Of one gateway either all listeners are named or none, or the API refuses the route.
    let mixed = gateways.iter().find(|one| {
        let same =
            |other: &&Gateway| (&other.namespace, &other.name) == (&one.namespace, &one.name);
        one.section.is_none() && gateways.iter().filter(same).count() > 1
    });
    if let Some(mixed) = mixed {
        return Err(Failure::refused(format!(
            "the gateway {} is named as a whole and by a listener: keep one of them",
            mixed.name
        )));
    }
    if gateways.len() > MOST_PARENTS {
        return Err(Failure::refused(format!(
            "a route is attached to {MOST_PARENTS} gateways at most, and these are {}: leave some out",
            gateways.len()
        )));
    }
    let options = Options {
        gateways,
        grpc: args.grpc,
    };
    let input = input::sound(&args.files)?;
    let provenance = place::provenance(&input.sources);
    let files = gateway_api::render(&input.canaries, &provenance, &options)
        .map_err(|error| refused(&error, &input))?;
    let talk = without_namespace(&input);
    objects(&files, &args.written, input.warnings + &talk)
}

/// `infra/public:https`
fn gateway(text: &str) -> Result<Gateway, String> {
    let (path, section) = match text.split_once(':') {
        Some((path, section)) => (path, Some(section)),
        None => (text, None),
    };
    let (namespace, gateway) = match path.split_once('/') {
        Some((namespace, gateway)) => (Some(namespace), gateway),
        None => (None, path),
    };
    Ok(Gateway {
        namespace: namespace.map(name).transpose()?,
        name: name(gateway)?,
        section: section.map(name).transpose()?,
    })
}
