//! `coalmine render envoy`: what a plain Envoy is configured with.

use super::refused;
use crate::args::{Files, after_help, parsed, socket, within};
use crate::input;
use crate::module;
use crate::outcome::{Failure, Outcome};
use crate::place;
use crate::progress;
use crate::replace::{Replaced, replace};
use clap::{Args, ValueEnum};
use coalmine_manifests::File;
use coalmine_manifests::envoy::{self, FailurePolicy, Form, Options, Step};
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, mem, thread};

const EXAMPLES: &str = "\
Examples:
  coalmine render envoy reviews.yaml -o run/
  envoy -c run/envoy.yaml

  coalmine render envoy reviews.yaml -o run/ --xds

  To change a share, edit reviews.yaml and run the same command again: only files that differ are
  replaced, and Envoy takes a new run/xds/coalmine.json over while it runs. With --xds it takes
  everything over while it runs, new canaries as well, but for the bootstrap itself.";

/// By then Envoy has acted on a file and knows the addresses of new clusters, if their names resolve.
const SETTLED: Duration = Duration::from_secs(1);

/// `coalmine render envoy`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct EnvoyArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// The folder to write to; what is there already and the same is not touched
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// The proxy stands at the edge: take out of baggage what says to come from us, and inherit nothing
    #[arg(long)]
    pub edge: bool,
    /// Put listener, routes and clusters into watched files too, so that no change needs a restart
    #[arg(long)]
    pub xds: bool,
    /// The same folder as Envoy will see it, if that is another place, like a mount
    #[arg(long, value_name = "PATH")]
    pub folder: Option<String>,
    /// The filter's module as Envoy will see it [default: coalmine.wasm in the folder]
    #[arg(long, value_name = "PATH")]
    pub module: Option<String>,
    /// Where to take requests; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:10000", value_parser = socket)]
    pub listen: SocketAddr,
    /// Where to serve Envoy's admin interface
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9901", value_parser = socket)]
    pub admin: SocketAddr,
    /// Serve no admin interface
    #[arg(long, conflicts_with = "admin")]
    pub no_admin: bool,
    /// What happens to requests when a worker's filter has died
    #[arg(long, value_enum, default_value_t)]
    pub failure_policy: OnFailure,
    /// Proxies in front of Envoy whose x-forwarded-for is to be believed
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = |text: &str| parsed::<u32>(text, "a whole number, like 1"))]
    pub trusted_hops: u32,
    /// The most that a request's headers may measure [default: Envoy's, 60]
    #[arg(long, value_name = "KIB", value_parser = |text: &str| within::<u32>(text, &(1..=8192)))]
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

pub(super) fn render(args: &EnvoyArgs) -> Result<Outcome, Failure> {
    if args.output.as_os_str() == "-" {
        return Err(Failure::refused(
            "Envoy's config is several files, which standard output cannot hold: name a folder with -o",
        ));
    }
    let mut input = input::sound(&args.files)?;
    input.canaries.edge |= args.edge;
    let options = options(args)?;
    let provenance = place::provenance(&input.sources);
    let files = envoy::render(&input.canaries, &provenance, &options)
        .map_err(|error| refused(&error, &input))?;
    let steps =
        envoy::change(&present(&args.output), &files).map_err(|error| refused(&error, &input))?;
    let (mut talk, bootstrap) = take(&args.output, &steps)?;
    let here = args.folder.is_none();
    if here && !Path::new(&options.module).exists() {
        let _ = writeln!(
            talk,
            "note: there is no {} yet; {}: copy it there, or say where it is with --module",
            options.module,
            module::ADVICE
        );
    }
    match bootstrap {
        Some(Replaced::Changed) => {
            talk.push_str("note: Envoy reads its bootstrap only when it starts, so restart it\n");
        }
        Some(Replaced::New) => {
            let _ = writeln!(
                talk,
                "start it: envoy -c {}/{}",
                options.folder,
                envoy::BOOTSTRAP
            );
        }
        _ => {}
    }
    Ok(Outcome {
        talk: input.warnings + &talk,
        ..Outcome::default()
    })
}

/// The files of an earlier run; what cannot be read is not of ours.
fn present(folder: &Path) -> Vec<File> {
    let read = |name: &str| {
        let contents = fs::read_to_string(folder.join(name)).ok()?;
        Some(File {
            name: name.to_owned(),
            contents,
        })
    };
    read(envoy::CDS).into_iter().collect()
}

/// Takes the steps; gives what was done, in words, and what became of the bootstrap.
fn take(folder: &Path, steps: &[Step]) -> Result<(String, Option<Replaced>), Failure> {
    let mut talk = String::new();
    let mut bootstrap = None;
    // A wait is for what was written before it.
    let mut unsettled = false;
    for step in steps {
        let Step::Write(file) = step else {
            if mem::take(&mut unsettled) {
                let waiting = progress::spinner("waiting until Envoy has the new clusters");
                thread::sleep(SETTLED);
                waiting.finish_and_clear();
            }
            continue;
        };
        let path = folder.join(&file.name);
        let replaced = replace(&path, &file.contents).map_err(|error| {
            Failure::cannot(format!("cannot write {}: {error}", path.display()))
        })?;
        unsettled |= replaced != Replaced::Same;
        if file.name == envoy::BOOTSTRAP {
            bootstrap = Some(replaced);
        }
        let _ = writeln!(talk, "{} {}", replaced.word(), path.display());
    }
    Ok((talk, bootstrap))
}

fn options(args: &EnvoyArgs) -> Result<Options, Failure> {
    let folder = match &args.folder {
        Some(folder) => folder.trim_end_matches('/').to_owned(),
        None => absolute(&args.output)?,
    };
    Ok(Options {
        form: if args.xds { Form::Xds } else { Form::Static },
        listen: args.listen,
        admin: (!args.no_admin).then_some(args.admin),
        module: match &args.module {
            Some(module) if args.folder.is_none() => absolute(Path::new(module))?,
            Some(module) => module.clone(),
            None => format!("{folder}/coalmine.wasm"),
        },
        folder,
        failure_policy: args.failure_policy.into(),
        node_id: args.node_id.clone(),
        node_cluster: args.node_cluster.clone(),
        trusted_hops: args.trusted_hops,
        max_request_headers_kib: args.max_request_headers,
    })
}

/// A path that is right wherever Envoy is started.
fn absolute(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path).map_err(|error| {
        Failure::cannot(format!("cannot tell where {} is: {error}", path.display()))
    })?;
    // Without `.` and a slash at the end, which it keeps.
    let absolute: PathBuf = absolute.components().collect();
    absolute.into_os_string().into_string().map_err(|path| {
        Failure::refused(format!(
            "{} is not UTF-8, which Envoy's config has to be",
            path.display()
        ))
    })
}
