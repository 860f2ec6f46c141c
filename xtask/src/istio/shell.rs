//! A shell that knows where everything of the mesh is.

use std::env;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use coalmine_integration::command;

use super::keeper::Name;

/// `cargo xtask istio shell`
#[derive(Args)]
pub(super) struct Shell {
    #[command(flatten)]
    name: Name,
    /// A command to run instead, such as `kubectl get wasmplugins -A`; its exit code is that of this
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Shell {
    pub(super) fn run(self) -> Result<ExitCode> {
        let Some(state) = self.name.state()? else {
            bail!("no mesh is up: {}", self.name.command("up"));
        };
        let coalmine = command::coalmine()?;
        let mut folders = state.programs;
        folders.extend(coalmine.parent().map(std::path::Path::to_owned));
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let path = env::join_paths(folders)?;
        let (program, arguments) = match self.command.split_first() {
            Some((program, arguments)) => (program.clone(), arguments.to_vec()),
            None => (
                env::var("SHELL").unwrap_or_else(|_| "sh".to_owned()),
                Vec::new(),
            ),
        };
        let mut shell = Command::new("env");
        // By way of `env`, which looks for the program on the new PATH, not on ours.
        shell.arg(&program).args(arguments).env("PATH", path);
        for (name, value, meaning) in &state.variables {
            shell.env(name, value);
            if self.command.is_empty() {
                eprintln!("{name}={value}  # {meaning}");
            }
        }
        let status = shell
            .status()
            .with_context(|| format!("cannot start {program}"))?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
    }
}
