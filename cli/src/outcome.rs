//! What a command says, and exit codes.

use crate::args::Format;
use crate::input::{self, Unread, counted};
use crate::report::{Found, Report};
use coalmine::diagnostic::Diagnostic;
use coalmine::yaml::Source;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// All is well, and the answer to what was asked is no.
pub const NO: i32 = 1;

/// What was given is refused: the config, a manifest, the arguments.
pub const REFUSED: i32 = 2;

/// The outside world failed: a file, the network, another program.
pub const CANNOT: i32 = 3;

/// What a command has to say.
#[derive(Debug, Default)]
pub struct Outcome {
    /// For standard output: data.
    pub data: String,
    /// For standard error: talk.
    pub talk: String,
    /// The exit code.
    pub code: i32,
}

/// Why a command stopped: the same for people and for programs.
#[derive(Debug)]
pub struct Failure {
    /// For standard error: what happened and what to do.
    pub message: String,
    /// The same for programs.
    pub found: Vec<Found>,
    /// [`REFUSED`] or [`CANNOT`].
    pub code: i32,
}

impl Failure {
    /// The outside world failed. The message begins in lower case and says what to do next.
    pub fn cannot(message: impl Into<String>) -> Self {
        Self::about(Found::nowhere("cannot", message, None), CANNOT)
    }

    /// What was given is refused. The message begins in lower case and says what to do next.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::about(Found::nowhere("refused", message, None), REFUSED)
    }

    /// Diagnostics are refused, drawn over their sources.
    pub fn diagnosed(found: &[Diagnostic], sources: &[Source]) -> Self {
        Self {
            message: input::drawn(found, sources),
            found: found
                .iter()
                .map(|diagnostic| Found::new(diagnostic, sources))
                .collect(),
            code: REFUSED,
        }
    }

    /// Files cannot be read, and this was found in the others: whoever mends one file wants to know of
    /// the next.
    pub fn unread(unread: Vec<Unread>, found: &[Diagnostic], sources: &[Source]) -> Self {
        let unread: Vec<Self> = unread.into_iter().map(Self::from).collect();
        let mut all = Self::diagnosed(found, sources);
        let messages: Vec<&str> = unread.iter().map(|one| one.message.as_str()).collect();
        all.message = input::drawings(found, sources) + &messages.join("\n");
        all.code = unread.iter().map(|one| one.code).fold(all.code, i32::max);
        all.found
            .extend(unread.into_iter().flat_map(|one| one.found));
        if all.found.len() > 1 {
            all.message.push_str("\n\n");
            all.message.push_str(&counted(all.found.len(), "problem"));
        }
        all
    }

    /// One problem that cannot be drawn over a source.
    pub fn about(found: Found, code: i32) -> Self {
        let help = found.help.as_ref().map(|help| format!("; {help}"));
        Self {
            message: format!("error: {}{}", found.message, help.unwrap_or_default()),
            found: vec![found],
            code,
        }
    }

    /// What a command prints in this format when it stops.
    fn outcome(self, format: Format) -> Outcome {
        let report = Report {
            ok: false,
            diagnostics: &self.found,
        };
        let data = format.print(&report, String::new).unwrap_or_default();
        let talk = match format {
            Format::Table => format!("{}\n", self.message),
            Format::Json | Format::Yaml => String::new(),
        };
        Outcome {
            data,
            talk,
            code: self.code,
        }
    }
}

/// Prints what there is to say and gives the exit code.
pub(crate) fn tell(done: Result<Outcome, Failure>, format: Format) -> ExitCode {
    let outcome = done.unwrap_or_else(|failure| failure.outcome(format));
    // Nobody is left to be told if standard error is closed.
    let _ = anstream::stderr().write_all(outcome.talk.as_bytes());
    match print(&outcome.data) {
        Ok(()) => code(outcome.code),
        // Whoever read it has seen enough, like `head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => code(outcome.code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: cannot write the output: {error}");
            code(CANNOT)
        }
    }
}

fn print(data: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(data.as_bytes())?;
    stdout.flush()
}

pub(crate) fn code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(3))
}
