//! `coalmine status`: how canaries are in a cluster.
//!
//! | file | what |
//! |---|---|
//! | [`cluster`] | what was read of a cluster |
//! | `question` | of which canaries |
//! | [`mod@judge`] | what is said of it: pure |
//! | `proxies` | which proxies have which plugin |
//! | `lacks` | what is said of what was not read or told |
//! | [`code`] | the names of what is found |
//! | [`report`] | what is said, for programs |
//! | [`mod@text`] | the same for people |
//! | `read` | lists objects over the API server |
//! | `istiod` | asks control planes about proxies |
//! | `way` | the ways to a control plane |
//! | `trouble` | what keeps one from answering, in words |

pub mod cluster;
pub mod code;
mod istiod;
pub mod judge;
mod lacks;
mod proxies;
mod question;
mod read;
pub mod report;
pub mod text;
mod trouble;
mod way;

pub use judge::judge;
pub use question::Question;

use crate::api_server::ClusterArgs;
use crate::args::{Format, after_help, url};
use crate::outcome::{Failure, NO, Outcome};
use crate::progress;
use crate::request::wall_clock;
use clap::Args;
use cluster::Cluster;
use coalmine_manifests::check::survey::namespaces_of_pods;
use kube::Client;
use way::Way;

const EXAMPLES: &str = "\
Examples:
  coalmine status                             every canary of the cluster that kubectl would ask
  coalmine status reviews -n bookinfo
  coalmine status --context production --root-namespace mesh-system
  kubectl -n istio-system port-forward deploy/istiod 15014 &
  coalmine status --istiod http://127.0.0.1:15014
  coalmine status -o json | jq -r '.findings[] | \"\\(.severity) \\(.about): \\(.message)\"'";

/// `coalmine status`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct StatusArgs {
    /// One canary, by its name or as NAMESPACE/NAME [default: all]
    #[arg(value_name = "CANARY")]
    pub canary: Option<String>,
    /// The canaries of one namespace [default: of all]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The namespace whose plugins are for the whole mesh, where istiod is as well
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system")]
    pub root_namespace: String,
    /// Where istiod answers /debug/, may be repeated [default: a port is forwarded to each of its pods]
    #[arg(long, value_name = "URL", value_parser = |text: &str| url(text, "http://127.0.0.1:15014"))]
    pub istiod: Vec<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// Reads the cluster and says how its canaries are. Something that is wrong is an outcome, with exit
/// code 1.
///
/// # Errors
/// The kubeconfig is unusable, or the API server cannot be reached.
pub fn status(args: &StatusArgs) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::cannot(format!("cannot wait for the network: {error}")))?;
    let question = Question {
        canary: args.canary.clone(),
        namespace: args.namespace.clone(),
        root_namespace: args.root_namespace.clone(),
    };
    let cluster = runtime.block_on(cluster(args, &question))?;
    let status = judge(&cluster, &question, wall_clock());
    Ok(Outcome {
        data: args.output.print(&status, || text::text(&status))?,
        code: if status.ok { 0 } else { NO },
        ..Outcome::default()
    })
}

async fn cluster(args: &StatusArgs, question: &Question) -> Result<Cluster, Failure> {
    let spinner = progress::spinner("reading the cluster");
    let client = args.cluster.connect().await?;
    let mut near: Vec<String> = args.namespace.clone().into_iter().collect();
    if !near.contains(&args.root_namespace) {
        near.push(args.root_namespace.clone());
    }
    let mut cluster = read::objects(&client, &near).await?;
    let namespaces = namespaces_of_pods(&question.survey(&cluster));
    read::pods(&client, &namespaces, &mut cluster).await?;
    ask_istiods(args, &client, &mut cluster, &|doing| {
        spinner.set_message(doing.to_owned());
    })
    .await;
    spinner.finish_and_clear();
    Ok(cluster)
}

async fn ask_istiods(
    args: &StatusArgs,
    client: &Client,
    cluster: &mut Cluster,
    progress: &dyn Fn(&str),
) {
    let namespace = &args.root_namespace;
    let ways = match args.istiod.as_slice() {
        [] => way::pods(client, namespace).await,
        urls => Ok(urls.iter().cloned().map(Way::Url).collect()),
    };
    let mut troubles = Vec::new();
    let ways = ways.unwrap_or_else(|trouble| {
        troubles.push((None, trouble));
        Vec::new()
    });
    for way in ways {
        let name = way.name();
        match istiod::ask(&way, progress).await {
            Ok((plane, unanswered)) => {
                let told = unanswered.iter().map(|one| one.told(&name, namespace));
                cluster.silent.extend(told);
                cluster.control_planes.push(plane);
            }
            Err(trouble) => troubles.push((Some(name), trouble)),
        }
    }
    let some = !cluster.control_planes.is_empty();
    let silent = trouble::silences(&troubles, some, namespace);
    cluster.silent.extend(silent);
}
