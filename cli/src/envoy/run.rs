//! The loop: a file changes, Envoy follows.

use super::admin::{Admin, Verdict};
use super::process::{ADMIN_ADDRESS, Process};
use super::watch::Watch;
use super::{binary, port, words};
use crate::args::{Files, after_help, socket};
use crate::input::{self, Input, counted};
use crate::module;
use crate::outcome::{Failure, Outcome};
use crate::render::refused;
use crate::replace::replace;
use clap::Args;
use coalmine::config::Canaries;
use coalmine_manifests::File;
use coalmine_manifests::envoy::{self, BOOTSTRAP, Form, Options, Step};
use coalmine_manifests::kubernetes::Provenance;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  coalmine envoy run -f reviews.yaml
  coalmine envoy run -f canaries/ --listen 127.0.0.1:8080 --module target/coalmine.wasm
  coalmine envoy run -f reviews.yaml -- --log-level info --component-log-level wasm:debug

  Edit the files while it runs: Envoy follows, new canaries too, and a change with a mistake in it
  is reported and changes nothing. Ctrl-C ends it.";

/// How long Envoy may take to start.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Between two looks at a start.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// `coalmine envoy run`
#[derive(Debug, Args)]
#[command(after_help = after_help(EXAMPLES))]
pub struct RunArgs {
    /// Canaries in YAML or JSON; a folder means every *.yaml and *.yml in it. Each variant needs
    /// `endpoints`
    #[arg(value_name = "FILE|FOLDER", required_unless_present = "files")]
    pub named: Vec<PathBuf>,
    /// More of them, or all; may be repeated
    #[arg(short, long = "file", value_name = "FILE|FOLDER", num_args = 1..)]
    pub files: Vec<PathBuf>,
    /// Where to take requests; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:10000", value_parser = socket)]
    pub listen: SocketAddr,
    /// Where to serve Envoy's admin interface; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9901", value_parser = socket)]
    pub admin: SocketAddr,
    /// The Envoy to run [default: $COALMINE_ENVOY, else envoy on PATH]
    #[arg(long, value_name = "PATH")]
    pub envoy: Option<PathBuf>,
    /// The filter's module [default: the module that this command carries]
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,
    /// More arguments for Envoy
    #[arg(last = true, value_name = "ENVOY ARGUMENTS")]
    pub more: Vec<String>,
}

impl RunArgs {
    /// The canaries' files and folders, however they were given.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.named.iter().chain(&self.files).map(PathBuf::as_path)
    }
}

pub(super) fn run(args: &RunArgs) -> Result<Outcome, Failure> {
    if args.paths().any(|file| file == Path::new("-")) {
        return Err(Failure::refused(
            "standard input cannot be watched for changes: name a file or a folder",
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::cannot(format!("cannot wait for signals and files: {error}")))?;
    runtime.block_on(follow(args))
}

/// A running Envoy with what it was given.
struct Running {
    process: Process,
    admin: Admin,
    options: Options,
    canaries: Canaries,
    files: Vec<File>,
    /// The last change, if it was not taken: other files of the folder change too, and nobody wants to
    /// be told again.
    not_taken: Option<NotTaken>,
    /// Where its files are; removed when this is dropped.
    folder: TempDir,
}

/// A change that did not come into force.
#[derive(PartialEq)]
enum NotTaken {
    /// The canaries are refused, in these words.
    Unsound(String),
    /// Envoy refuses these files.
    Refused(Vec<File>),
}

async fn follow(args: &RunArgs) -> Result<Outcome, Failure> {
    let unheard = |error| Failure::cannot(format!("cannot wait for signals: {error}"));
    let mut interrupted = signal(SignalKind::interrupt()).map_err(unheard)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(unheard)?;
    // Before the files are read, so that no change falls between.
    let mut watch = Watch::of(args.paths())?;
    let mut running = tokio::select! {
        started = start(args) => started?,
        _ = interrupted.recv() => return Ok(Outcome::default()),
        _ = terminated.recv() => return Ok(Outcome::default()),
    };
    loop {
        tokio::select! {
            // Whoever wants an end gets it, however often files change.
            biased;
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
            ended = running.process.ended() => return Err(ended),
            () = watch.changed() => running.reload(args).await,
        }
    }
    running.process.stop().await;
    say("ended");
    Ok(Outcome::default())
}

fn say(line: &str) {
    anstream::eprintln!("{line}");
}

fn read(args: &RunArgs) -> Result<Input, Failure> {
    let files = Files {
        files: args.paths().map(Path::to_owned).collect(),
    };
    input::sound(&files)
}

/// Envoy's files. They do not say what they were made of: nobody sees them, and a comment is no change.
fn rendered(input: &Input, options: &Options) -> Result<Vec<File>, Failure> {
    let nobody_asks = Provenance::default();
    envoy::render(&input.canaries, &nobody_asks, options).map_err(|error| refused(&error, input))
}

async fn start(args: &RunArgs) -> Result<Running, Failure> {
    let input = read(args)?;
    let binary = binary::find(args.envoy.as_deref())?;
    let module = module::load(args.module.as_deref())?;
    module::usable(&module)?;
    port::free(&[("--listen", args.listen), ("--admin", args.admin)])?;
    let unwritten = |error: std::io::Error| {
        Failure::cannot(format!(
            "cannot write Envoy's files: {error}; is the disk full?"
        ))
    };
    let folder = tempfile::Builder::new()
        .prefix("coalmine-envoy-")
        .tempdir()
        .map_err(unwritten)?;
    let path = |name: &str| folder.path().join(name);
    fs::write(path("coalmine.wasm"), &module.bytes).map_err(unwritten)?;
    let options = Options {
        form: Form::Xds,
        listen: args.listen,
        admin: Some(args.admin),
        folder: folder.path().display().to_string(),
        module: path("coalmine.wasm").display().to_string(),
        ..Options::default()
    };
    let files = rendered(&input, &options)?;
    for file in &files {
        replace(&path(&file.name), &file.contents).map_err(unwritten)?;
    }
    if !input.warnings.is_empty() {
        say(input.warnings.trim_end());
    }
    let mut process = Process::start(&binary, folder.path(), &args.more)?;
    let admin = tokio::select! {
        admin = ready(folder.path()) => admin,
        ended = process.ended() => return Err(ended),
    };
    let Some((admin, listener)) = admin else {
        let failure = process.not_ready(READY_WITHIN);
        process.stop().await;
        return Err(failure);
    };
    let count = counted(input.canaries.canaries.len(), "canary");
    say(&format!(
        "Envoy listens on http://{listener} with {count}, admin http://{}",
        admin.address
    ));
    say(&format!(
        "its log is {}; Ctrl-C ends it",
        path("log").display()
    ));
    if let Some(request) = words::first_request(&input.canaries, listener) {
        say(&format!("try: {request}"));
    }
    Ok(Running {
        process,
        admin,
        options,
        canaries: input.canaries,
        files,
        not_taken: None,
        folder,
    })
}

/// Waits until Envoy takes requests, and finds out where.
async fn ready(folder: &Path) -> Option<(Admin, SocketAddr)> {
    let begun = Instant::now();
    while begun.elapsed() < READY_WITHIN {
        let address = fs::read_to_string(folder.join(ADMIN_ADDRESS)).unwrap_or_default();
        if let Ok(address) = address.trim().parse()
            && let Ok(admin) = Admin::new(address)
            && admin.is_ready().await
            && let Some(listener) = admin.listener().await
        {
            return Some((admin, listener));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    None
}

impl Running {
    /// Reads the files again and puts them in force; says what happened.
    async fn reload(&mut self, args: &RunArgs) {
        let rendered = read(args).and_then(|input| {
            let files = rendered(&input, &self.options)?;
            Ok((input, files))
        });
        let (input, files) = match rendered {
            Ok(rendered) => rendered,
            Err(failure) => {
                let unsound = Some(NotTaken::Unsound(failure.message.clone()));
                if self.not_taken == unsound {
                    return;
                }
                self.not_taken = unsound;
                say(&failure.message);
                return say("nothing changed: the last good canaries go on");
            }
        };
        let not_taken = self.not_taken.take();
        if files == self.files {
            if not_taken.is_some() {
                say("sound again, and as it was");
            }
            return;
        }
        let refused = Some(NotTaken::Refused(files.clone()));
        if not_taken == refused {
            self.not_taken = not_taken;
            return;
        }
        if !input.warnings.is_empty() {
            say(input.warnings.trim_end());
        }
        let place = self.process.log_length();
        match self.put_in_force(&files).await {
            Ok(Verdict::Taken) => {
                for line in words::changes(&self.canaries, &input.canaries) {
                    say(&line);
                }
                self.canaries = input.canaries;
                self.files = files;
            }
            Ok(Verdict::Refused) => {
                self.not_taken = refused;
                say("error: Envoy refuses the change and goes on with what it had; it says");
                for line in self.process.problems_since(place) {
                    say(&format!("  {line}"));
                }
                self.go_back(&files).await;
            }
            Ok(Verdict::Silent) => say("error: Envoy has not said yet whether it takes the change"),
            Err(error) => say(&format!("error: cannot write Envoy's files: {error}")),
        }
    }

    /// Writes the files in the order that loses no request, and waits where it says so.
    async fn put_in_force(&self, files: &[File]) -> std::io::Result<Verdict> {
        let before = self.admin.stats().await;
        let steps = envoy::change(&self.files, files).map_err(std::io::Error::other)?;
        let mut written = Vec::new();
        for step in steps {
            match step {
                Step::Write(file) if file.name == BOOTSTRAP => {}
                Step::Write(file) => {
                    replace(&self.folder.path().join(&file.name), &file.contents)?;
                    written.retain(|other: &File| other.name != file.name);
                    written.push(file);
                }
                Step::Settle => match self.admin.settled(&written, &before).await {
                    Verdict::Taken => {}
                    other => return Ok(other),
                },
            }
        }
        Ok(self.admin.settled(&written, &before).await)
    }

    /// Takes a half of a change back: what one file says is of no use without the others.
    async fn go_back(&self, refused: &[File]) {
        // Backwards: what decides goes first, and clusters last.
        for file in self.files.iter().rev() {
            if !refused.contains(file) {
                // What cannot be written now is written with the next change.
                let _ = replace(&self.folder.path().join(&file.name), &file.contents);
            }
        }
    }
}
