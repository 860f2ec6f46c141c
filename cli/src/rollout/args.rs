//! What the commands of a rollout share.

use super::journal::Journal;
use super::notify::{Notify, NotifyArgs};
use super::prometheus::Prometheus;
use super::store::{Store, default_state};
use super::target::{ConfigFile, ObjectArgs, Repository, Target, Way};
use crate::args::{Files, Format, after_help, url};
use crate::input;
use crate::outcome::Failure;
use clap::{ArgGroup, Args};
use coalmine::config::Canary;
use coalmine_rollout::machine::{Ask, State};
use coalmine_rollout::plan::Plan;
use std::path::PathBuf;

/// Which rollout.
#[derive(Debug, Args)]
pub struct StateArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// Which canary, by its name or as NAMESPACE/NAME [default: the only one that has a rollout]
    #[arg(long, value_name = "CANARY")]
    pub canary: Option<String>,
    /// What is rolled out, like a tag or a commit: another one begins from the first step
    /// [default: revision in the file]
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
    /// Where it is kept what the rollout is doing, if not in an object
    /// [default: NAME.rollout.json beside the canary's file]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["wasm_plugin", "traffic_extension"])]
    pub state: Option<PathBuf>,
}

/// Which rollout, and where its state is.
#[derive(Debug, Args)]
pub struct KeptArgs {
    /// Which rollout.
    #[command(flatten)]
    pub of: StateArgs,
    /// The object that it acts through, if it does.
    #[command(flatten)]
    pub object: ObjectArgs,
    /// What else the other commands take, and this one has no use for.
    #[command(flatten)]
    pub unasked: Unasked,
}

/// Where a rollout acts and what it writes, for commands that do neither: all commands of a rollout take the
/// same words, so that a job says them once.
#[derive(Debug, Args)]
pub struct Unasked {
    /// As the others.
    #[arg(long, hide = true)]
    config: Option<PathBuf>,
    /// As the others.
    #[arg(long, hide = true)]
    git: Option<PathBuf>,
    /// As the others.
    #[arg(long, hide = true)]
    git_push: Option<String>,
    /// As the others.
    #[arg(long, hide = true)]
    patch: Option<PathBuf>,
    /// As the others.
    #[arg(long, hide = true)]
    journal: Option<PathBuf>,
    /// As the others.
    #[arg(long, hide = true)]
    notify: Vec<String>,
}

/// Which rollout, and where it acts.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target")
    .args(["config", "wasm_plugin", "traffic_extension", "git"])
    .required(true))]
pub struct TargetArgs {
    /// Which rollout.
    #[command(flatten)]
    pub of: StateArgs,
    /// The config that proxies read: xds/coalmine.json of `render envoy`, or that of `render plugin`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The object that it acts through.
    #[command(flatten)]
    pub object: ObjectArgs,
    /// The canary's file in a Git repository: the share is changed in it, and committed
    #[arg(long, value_name = "FILE", conflicts_with = "revision")]
    pub git: Option<PathBuf>,
    /// Push commits to this remote, to the branch that is checked out
    #[arg(long, value_name = "REMOTE", requires = "git")]
    pub git_push: Option<String>,
    /// Write a patch instead of a commit; what it says is in force when somebody has committed it
    #[arg(
        long,
        value_name = "FILE",
        requires = "git",
        conflicts_with = "git_push"
    )]
    pub patch: Option<PathBuf>,
    /// A file to which every decision is appended, a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Who is told.
    #[command(flatten)]
    pub notify: NotifyArgs,
}

/// `coalmine rollout approve` and the like
#[derive(Debug, Args)]
#[command(after_help = after_help("\
Examples:
  coalmine rollout approve reviews.yaml --config run/xds/coalmine.json --by ada
  coalmine rollout abort reviews.yaml --config run/xds/coalmine.json --journal reviews.jsonl
  coalmine rollout abort reviews.yaml --wasm-plugin istio-system/coalmine

It does not ask Prometheus, and with --config and --git it needs no network."))]
pub struct AskArgs {
    /// Which rollout, and where it acts.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Who says so, for the journal [default: $USER]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What to drive, and with what.
#[derive(Debug, Args)]
pub struct DriveArgs {
    /// Which rollout, and where it acts.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Where Prometheus answers, like http://127.0.0.1:9090
    #[arg(long, value_name = "URL", env = "COALMINE_PROMETHEUS", hide_env_values = true, value_parser = |text: &str| url(text, "http://127.0.0.1:9090"))]
    pub prometheus: String,
    /// A header for Prometheus, like 'authorization: Bearer ...'; may be repeated
    #[arg(
        long = "prometheus-header",
        value_name = "NAME: VALUE",
        env = "COALMINE_PROMETHEUS_HEADER",
        hide_env_values = true
    )]
    pub headers: Vec<String>,
}

/// A rollout with all that is needed to drive it.
pub(super) struct Drive {
    pub(super) plan: Plan,
    pub(super) target: Target,
    pub(super) journal: Journal,
    pub(super) notify: Notify,
    /// Who is at it, where a person is.
    pub(super) by: String,
    /// Not where a person says something: that must work without.
    pub(super) prometheus: Option<Prometheus>,
}

impl StateArgs {
    fn canary(&self) -> Result<Canary, Failure> {
        let input = input::sound(&self.files)?;
        chosen(&input.canaries.canaries, self.canary.as_deref()).cloned()
    }

    /// The file of its state, where it is in one.
    fn store(&self, canary: &Canary) -> Store {
        let path = self.state.clone();
        Store::new(path.unwrap_or_else(|| default_state(&self.files.files, &canary.name)))
    }

    /// The plan: that of the rollout there is, if one is given. `by_file` is whether the revision in the
    /// file is meant as well as one in arguments: neither may be another than what is there.
    fn plan(&self, canary: &Canary, there: Option<State>, by_file: bool) -> Result<Plan, Failure> {
        let mut canary = canary.clone();
        let mut revision = self.revision.clone();
        if let (Some(rollout), Some(run)) =
            (&mut canary.spec.rollout, there.and_then(|state| state.run))
        {
            let of_file = rollout.revision.as_ref().filter(|_| by_file);
            if let Some(meant) = revision.as_ref().or(of_file)
                && run.revision.as_ref() != Some(meant)
            {
                return Err(another(meant, run.revision.as_deref()));
            }
            // The file may name a newer one.
            rollout.revision = run.revision;
            revision = None;
        }
        Plan::of(&canary, revision.as_deref()).ok_or_else(|| {
            Failure::refused(format!(
                "canary {} has no rollout: write `rollout: {{steps: [{{share: 1%, for: 10m}}]}}` into its spec",
                canary.full_name()
            ))
        })
    }
}

/// Another revision is there than the one that is meant.
fn another(meant: &str, there: Option<&str>) -> Failure {
    Failure::refused(match there {
        Some(there) => format!(
            "revision {there} is rolled out, not {meant}: if it is meant, name it with --revision, or by a file that has it"
        ),
        None => format!(
            "what is rolled out has no revision, so it is not {meant}: if it is meant, take a file without one"
        ),
    })
}

impl KeptArgs {
    /// The plan, and the state.
    pub(super) fn read(&self) -> Result<(Plan, State), Failure> {
        let canary = self.of.canary()?;
        let state = match self.object.connect()? {
            Some(object) => object.state(&canary.full_name())?,
            None => self.of.store(&canary).load(&canary.full_name())?,
        };
        let plan = self.of.plan(&canary, Some(state.clone()), false)?;
        Ok((plan, state))
    }
}

impl TargetArgs {
    fn read(
        &self,
        by: String,
        prometheus: Option<Prometheus>,
        of_state: bool,
        by_file: bool,
    ) -> Result<Drive, Failure> {
        let canary = self.of.canary()?;
        let target = self.target(self.of.store(&canary), of_state)?;
        let there = of_state.then(|| target.state(&canary.full_name()));
        Ok(Drive {
            plan: self.of.plan(&canary, there.transpose()?, by_file)?,
            target,
            journal: Journal::new(self.journal.clone())?,
            notify: self.notify.read()?,
            by,
            prometheus,
        })
    }

    fn target(&self, store: Store, of_state: bool) -> Result<Target, Failure> {
        if let Some(object) = self.object.connect()? {
            return Ok(Target::Together(object));
        }
        if let Some(file) = &self.git {
            let way = match &self.patch {
                Some(patch) => Way::Patch(patch.clone()),
                None => Way::Commit {
                    push: self.git_push.clone(),
                },
            };
            let repository = Repository::of(file, way, !of_state)?;
            return Ok(Target::Apart(store, Box::new(repository)));
        }
        let config = self.config.clone().ok_or_else(|| {
            Failure::refused(
                "say where the rollout acts: with --config, --wasm-plugin, --traffic-extension or --git",
            )
        })?;
        Ok(Target::Apart(store, Box::new(ConfigFile::new(config))))
    }
}

impl AskArgs {
    /// What takes a rollout on is meant for the revision that whoever says it has seen: a gate may have
    /// waited for days on an old checkout. What stops it works from every checkout, and `retry` alone is about
    /// another revision than the one in the state.
    pub(super) fn read(&self, ask: Ask) -> Result<Drive, Failure> {
        let by = self.by.clone().or_else(|| std::env::var("USER").ok());
        self.target.read(
            by.unwrap_or_else(|| "somebody".to_owned()),
            None,
            ask != Ask::Retry || self.target.of.revision.is_none(),
            matches!(ask, Ask::Approve | Ask::Resume | Ask::Promote),
        )
    }
}

impl DriveArgs {
    /// The plan as it is now.
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let of = &self.target.of;
        of.plan(&of.canary()?, None, false)
    }

    pub(super) fn read(&self) -> Result<Drive, Failure> {
        let prometheus = Prometheus::new(&self.prometheus, &self.headers)?;
        self.target
            .read("coalmine".to_owned(), Some(prometheus), false, false)
    }
}

/// The canary that is named, or the only one with a rollout.
///
/// # Errors
/// There is none, or there are several.
pub(super) fn chosen<'c>(
    canaries: &'c [Canary],
    name: Option<&str>,
) -> Result<&'c Canary, Failure> {
    let named = |canary: &&Canary| match name {
        Some(name) => canary.name == name || canary.full_name() == name,
        None => canary.spec.rollout.is_some(),
    };
    let found: Vec<&Canary> = canaries.iter().filter(named).collect();
    let names = |canaries: &[&Canary]| {
        let names = canaries.iter().map(|canary| canary.full_name());
        names.collect::<Vec<_>>().join(", ")
    };
    match (found.as_slice(), name) {
        ([canary], _) => Ok(canary),
        ([], Some(name)) => Err(Failure::refused(format!(
            "there is no canary {name}: there is {}",
            names(&canaries.iter().collect::<Vec<_>>())
        ))),
        ([], None) => Err(Failure::refused(
            "no canary has a rollout: write `rollout: {steps: [{share: 1%, for: 10m}]}` into its spec",
        )),
        (several, _) => Err(Failure::refused(format!(
            "there are several: name one of {} with --canary",
            names(several)
        ))),
    }
}
