//! What the commands of a rollout share.

use super::prometheus::Prometheus;
use super::store::{Store, default_state};
use super::target::Target;
use crate::args::{Files, Format, after_help};
use crate::input;
use crate::outcome::Failure;
use clap::Args;
use coalmine::config::Canary;
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
    /// Where it is kept what the rollout is doing [default: NAME.rollout.json beside the canary's file]
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}

/// Which rollout, and the proxies' config.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Which rollout.
    #[command(flatten)]
    pub of: StateArgs,
    /// The config that proxies read: xds/coalmine.json of `render envoy`, or that of `render plugin`
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// A file to which every decision is appended, a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}

/// `coalmine rollout approve` and the like
#[derive(Debug, Args)]
#[command(after_help = after_help("\
Examples:
  coalmine rollout approve reviews.yaml --config run/xds/coalmine.json --by ada
  coalmine rollout abort reviews.yaml --config run/xds/coalmine.json --journal reviews.jsonl

It asks nobody: neither Prometheus nor the network."))]
pub struct AskArgs {
    /// Which rollout, and the proxies' config.
    #[command(flatten)]
    pub config: ConfigArgs,
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
    /// Which rollout, and the proxies' config.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Where Prometheus answers, like http://127.0.0.1:9090
    #[arg(long, value_name = "URL", env = "COALMINE_PROMETHEUS", hide_env_values = true, value_parser = url)]
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

fn url(text: &str) -> Result<String, &'static str> {
    match text.starts_with("http://") || text.starts_with("https://") {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err("an address begins with http:// or https://, like http://127.0.0.1:9090"),
    }
}

/// A rollout with all that is needed to drive it.
pub(super) struct Drive {
    pub(super) plan: Plan,
    pub(super) store: Store,
    pub(super) target: Target,
    /// Who is at it, where a person is.
    pub(super) by: String,
    /// Not where a person says something: that must work without.
    pub(super) prometheus: Option<Prometheus>,
}

impl StateArgs {
    /// The plan, and where its state is.
    ///
    /// Without a revision in arguments it is that of the rollout there is, if `of_state`: what people
    /// say is about that one.
    pub(super) fn read(&self, of_state: bool) -> Result<(Plan, Store), Failure> {
        let input = input::sound(&self.files)?;
        let canary = chosen(&input.canaries.canaries, self.canary.as_deref())?;
        let path = self.state.clone();
        let path = path.unwrap_or_else(|| default_state(&self.files.files, &canary.name));
        let store = Store::new(path);
        let mut revision = self.revision.clone();
        if of_state {
            let there = store.load(&canary.full_name())?.run;
            let there = there.and_then(|run| run.revision);
            if let (Some(wanted), Some(there)) = (&revision, &there)
                && wanted != there
            {
                return Err(Failure::refused(format!(
                    "revision {there} is rolled out, not {wanted}"
                )));
            }
            revision = revision.or(there);
        }
        let plan = Plan::of(canary, revision.as_deref()).ok_or_else(|| {
            Failure::refused(format!(
                "canary {} has no rollout: write `rollout: {{steps: [{{share: 1%, for: 10m}}]}}` into its spec",
                canary.full_name()
            ))
        })?;
        Ok((plan, store))
    }
}

impl ConfigArgs {
    fn read(
        &self,
        by: String,
        prometheus: Option<Prometheus>,
        of_state: bool,
    ) -> Result<Drive, Failure> {
        let (plan, store) = self.of.read(of_state)?;
        Ok(Drive {
            plan,
            store: store.with_journal(self.journal.clone()),
            target: Target::new(self.config.clone()),
            by,
            prometheus,
        })
    }
}

impl AskArgs {
    /// `retry` alone is about another revision than the one in the state.
    pub(super) fn read(&self, retry: bool) -> Result<Drive, Failure> {
        let by = self.by.clone().or_else(|| std::env::var("USER").ok());
        self.config.read(
            by.unwrap_or_else(|| "somebody".to_owned()),
            None,
            !retry || self.config.of.revision.is_none(),
        )
    }
}

impl DriveArgs {
    /// The plan as it is now.
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        self.config.of.read(false).map(|(plan, _)| plan)
    }

    pub(super) fn read(&self) -> Result<Drive, Failure> {
        let prometheus = Prometheus::new(&self.prometheus, &self.headers)?;
        self.config
            .read("coalmine".to_owned(), Some(prometheus), false)
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
