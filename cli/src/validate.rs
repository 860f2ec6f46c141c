//! `coalmine validate`: every mistake, with its place and what to write instead; and whether the
//! manifests of a cluster agree with the canaries.

use crate::args::{Files, Format, after_help};
use crate::input::{self, Texts, counted};
use crate::module;
use crate::outcome::{Failure, NO, Outcome, REFUSED};
use crate::place;
use crate::report::Found;
use clap::Args;
use coalmine::config::Canaries;
use coalmine::diagnostic::{Diagnostic, Severity, any_error};
use coalmine::yaml::{self, Source};
use coalmine_manifests::check::{self, Digests, Options};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  coalmine validate reviews.yaml
  coalmine validate canaries/                 every *.yaml and *.yml in the folder, against each other
  cat reviews.yaml | coalmine validate -
  coalmine validate canaries/ --against manifests/      and that these manifests agree with them
  coalmine validate canaries/ --against cluster.yaml    and those of a cluster, as kubectl prints them:
      kubectl get virtualservices,destinationrules,wasmplugins -A -o yaml
  coalmine validate canaries/ -o json | jq -r '.diagnostics[] | \"\\(.file):\\(.line) \\(.message)\"'";

/// `coalmine validate`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct ValidateArgs {
    /// Where canaries are read from.
    #[command(flatten)]
    pub files: Files,
    /// Manifests that have to agree with the canaries: files, folders, or - for standard input, in
    /// YAML or JSON, as `kubectl get -o yaml` prints them
    #[arg(long, value_name = "FILE|FOLDER", num_args = 1..)]
    pub against: Vec<PathBuf>,
    /// The namespace whose plugins are for the whole mesh
    #[arg(
        long,
        value_name = "NAMESPACE",
        requires = "against",
        default_value = "istio-system"
    )]
    pub root_namespace: String,
    /// The module that plugins have to run: its digest is compared with what they pin [default: the
    /// module that this command carries, if it carries one]
    #[arg(long, value_name = "FILE", requires = "against")]
    pub module: Option<PathBuf>,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// What it prints for programs.
#[derive(Serialize)]
struct Report {
    ok: bool,
    canaries: usize,
    hosts: usize,
    /// How many objects the manifests have.
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<usize>,
    diagnostics: Vec<Found>,
}

/// Checks canaries one by one and against each other, and manifests against them.
///
/// # Errors
/// A file cannot be read. Mistakes in canaries are an outcome, with exit code 2, and so are manifests
/// that do not agree, with exit code 1.
pub fn validate(args: &ValidateArgs) -> Result<Outcome, Failure> {
    let mut checked = check(&args.files)?;
    if !args.against.is_empty() && checked.code == 0 {
        against(args, &mut checked)?;
    }
    Ok(match args.output {
        Format::Table => text(&checked),
        format => Outcome {
            data: format.print(&report(&checked), String::new)?,
            code: checked.code,
            ..Outcome::default()
        },
    })
}

/// What was read, and what was found in it.
struct Checked {
    sources: Vec<Source>,
    canaries: Canaries,
    found: Vec<Diagnostic>,
    code: i32,
    /// How many of the sources have canaries.
    files: usize,
    /// How many objects the manifests have, if there are some.
    objects: Option<usize>,
}

impl Checked {
    /// The hosts as written.
    fn hosts(&self) -> usize {
        let hosts = |canary: &coalmine::config::Canary| canary.spec.hosts.len();
        self.canaries.canaries.iter().map(hosts).sum()
    }
}

fn check(files: &Files) -> Result<Checked, Failure> {
    let (sources, canaries, found) = input::parsed(files)?;
    let sound = !any_error(&found);
    if sound {
        input::some_canary(&canaries)?;
    }
    Ok(Checked {
        files: sources.len(),
        sources,
        canaries,
        found,
        code: if sound { 0 } else { REFUSED },
        objects: None,
    })
}

/// Checks the manifests, whose sources follow those of the canaries.
fn against(args: &ValidateArgs, checked: &mut Checked) -> Result<(), Failure> {
    let first = checked.sources.len();
    let Texts { sources, unread } = input::read_manifests(&args.against);
    checked.sources.extend(sources);
    let mut documents = Vec::new();
    let mut unreadable = Vec::new();
    for (number, source) in checked.sources.iter().enumerate().skip(first) {
        match yaml::parse(&source.text, number) {
            Ok(nodes) => documents.extend(nodes.into_iter().map(|node| (number, node))),
            Err(diagnostic) => unreadable.push(*diagnostic),
        }
    }
    let broken = !unreadable.is_empty();
    checked.found.extend(unreadable);
    if !unread.is_empty() {
        let found = &checked.found;
        return Err(Failure::unread(unread, found, &checked.sources));
    }
    if broken {
        checked.code = REFUSED;
        return Ok(());
    }
    let options = Options {
        root_namespace: args.root_namespace.clone(),
        module: digests(args)?,
    };
    let nodes = documents.iter().map(|(number, node)| (*number, node));
    let result = check::check(&checked.canaries, nodes, &options);
    if result.objects == 0 {
        return Err(Failure::refused(
            "there is no manifest in what was given with --against; one has a `kind`",
        ));
    }
    let missing = result.missing.iter();
    let missing: Vec<Diagnostic> = missing
        .map(|problem| Diagnostic {
            message: format!("{}: {}", problem.canary, problem.message),
            ..place::placed(problem, &checked.sources[..first])
        })
        .collect();
    checked.objects = Some(result.objects);
    checked.code = match any_error(&result.found) || any_error(&missing) {
        true => NO,
        false => 0,
    };
    checked.found.extend(missing);
    checked.found.extend(result.found);
    Ok(())
}

/// What plugins have to pin: a command that carries a module is for that one.
fn digests(args: &ValidateArgs) -> Result<Option<Digests>, Failure> {
    let wanted = args.module.is_some() || module::carried().is_some();
    wanted
        .then(|| module::digests(args.module.as_deref()))
        .transpose()
}

fn text(checked: &Checked) -> Outcome {
    let mut outcome = Outcome {
        talk: input::drawn(&checked.found, &checked.sources),
        code: checked.code,
        ..Outcome::default()
    };
    if checked.code != 0 {
        outcome.talk.push('\n');
        return outcome;
    }
    let warning = |found: &&Diagnostic| found.severity == Severity::Warning;
    // Nothing else is found where all is well.
    let warnings = match checked.found.iter().filter(warning).count() {
        0 => String::new(),
        warnings => format!(", {}", counted(warnings, "warning")),
    };
    let agree = match checked.objects {
        Some(objects) => format!(
            ", and {} that agree with them",
            counted(objects, "manifest")
        ),
        None => String::new(),
    };
    outcome.data = format!(
        "ok: {}, {}, in {}{agree}{warnings}\n",
        counted(checked.canaries.canaries.len(), "canary"),
        counted(checked.hosts(), "host"),
        counted(checked.files, "file"),
    );
    outcome
}

fn report(checked: &Checked) -> Report {
    let diagnostics = checked.found.iter();
    Report {
        ok: checked.code == 0,
        canaries: checked.canaries.canaries.len(),
        hosts: checked.hosts(),
        objects: checked.objects,
        diagnostics: diagnostics
            .map(|diagnostic| Found::new(diagnostic, &checked.sources))
            .collect(),
    }
}
