//! What a command says, and exit codes.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// Something could not be done: a file could not be read or written.
pub const CANNOT: i32 = 1;

/// What was given is refused: the config or the arguments.
pub const REFUSED: i32 = 2;

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

/// Why a command stopped.
#[derive(Debug)]
pub struct Failure {
    /// For standard error: what happened and what to do.
    pub message: String,
    /// [`CANNOT`] or [`REFUSED`].
    pub code: i32,
}

impl Failure {
    /// Something could not be done.
    pub fn cannot(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: CANNOT,
        }
    }

    /// What was given is refused.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: REFUSED,
        }
    }
}

/// Prints what there is to say and gives the exit code.
pub(crate) fn tell(done: Result<Outcome, Failure>) -> ExitCode {
    let outcome = done.unwrap_or_else(|failure| Outcome {
        talk: format!("{}\n", failure.message),
        code: failure.code,
        ..Outcome::default()
    });
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
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
