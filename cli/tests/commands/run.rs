//! Runs the command.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What came out.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The whole of it, for a snapshot.
impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit code {}\n--- standard output\n{}--- standard error\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// Runs `coalmine` with arguments as in a shell, in the folder with the test's data.
pub(crate) fn coalmine(arguments: &str) -> Ran {
    coalmine_with(arguments, "")
}

/// The same with something on standard input.
pub(crate) fn coalmine_with(arguments: &str, stdin: &str) -> Ran {
    let arguments = shlex::split(arguments).unwrap();
    run(command().args(arguments).current_dir(data_folder()), stdin)
}

/// What a terminal or its user may have set.
const VARIABLES: [&str; 6] = [
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "COALMINE_NOTIFY",
    "COALMINE_PROMETHEUS",
];

/// The command, without what this terminal says about colours and width, or where to ask and whom to tell.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coalmine"));
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
}

pub(crate) fn data_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"))
}

pub(crate) fn run(command: &mut Command, stdin: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
