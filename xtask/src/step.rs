//! One step of work that the person at the terminal can watch, and commands run inside it.
//!
//! Everything goes to stderr: a spinner with the latest line of output on a terminal, else one
//! plain line when a step begins, one now and then, and one when it ends.

use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// How often a step that takes long shows a line where there is no terminal.
const NOW_AND_THEN: Duration = Duration::from_secs(20);

/// A step under way.
pub(crate) struct Step {
    title: String,
    begun: Instant,
    /// When a line was last shown.
    shown: Mutex<Instant>,
    spinner: Option<ProgressBar>,
}

impl Step {
    /// Begins a step and shows its title.
    pub(crate) fn begin(title: impl Into<String>) -> Self {
        let title = title.into();
        let spinner = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] {wide_msg}");
            let spinner = ProgressBar::new_spinner()
                .with_prefix(title.clone())
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        if spinner.is_none() {
            eprintln!("{title} ...");
        }
        let begun = Instant::now();
        Self {
            title,
            begun,
            shown: Mutex::new(begun),
            spinner,
        }
    }

    /// Shows what is going on now: each line on a terminal, else one now and then, so that whoever
    /// reads a log sees that something moves.
    pub(crate) fn say(&self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        if let Some(spinner) = &self.spinner {
            spinner.set_message(line.to_owned());
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(|lock| lock.into_inner());
        if shown.elapsed() >= NOW_AND_THEN {
            *shown = Instant::now();
            let seconds = self.begun.elapsed().as_secs();
            eprintln!("{}, after {seconds} s: {line}", self.title);
        }
    }

    /// Writes a line that stays.
    pub(crate) fn note(&self, line: &str) {
        match &self.spinner {
            Some(spinner) => spinner.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Ends the step with its outcome.
    pub(crate) fn end(self, outcome: &str) {
        let seconds = self.begun.elapsed().as_secs_f64();
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
        eprintln!("{}: {outcome} ({seconds:.1} s)", self.title);
    }

    /// Runs a command to its end and collects what it writes to stdout and stderr.
    ///
    /// # Errors
    /// The command does not start. That it fails is no error here: see [`Finished`].
    pub(crate) fn run(&self, command: &mut Command) -> Result<Finished> {
        let name = shown(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{name}`"))?;
        let output = Mutex::new(String::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| self.collect(stdout, &output));
            scope.spawn(|| self.collect(stderr, &output));
        });
        let status = child.wait()?;
        let output = output.into_inner().unwrap_or_else(|lock| lock.into_inner());
        Ok(Finished {
            name,
            success: status.success(),
            output,
        })
    }

    fn collect(&self, stream: Option<impl Read>, output: &Mutex<String>) {
        let Some(stream) = stream else { return };
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line);
            self.say(&line);
            let mut output = output.lock().unwrap_or_else(|lock| lock.into_inner());
            output.push_str(&line);
            output.push('\n');
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// A command that has ended.
pub(crate) struct Finished {
    name: String,
    /// Whether it exited with 0.
    pub(crate) success: bool,
    /// Its stdout and stderr, line by line as they came.
    pub(crate) output: String,
}

impl Finished {
    /// The output of a command that had to succeed.
    ///
    /// # Errors
    /// It failed; the message carries the end of its output.
    pub(crate) fn required(self) -> Result<String> {
        if !self.success {
            bail!("`{}` failed:\n{}", self.name, tail(&self.output, 40));
        }
        Ok(self.output)
    }
}

/// The last `count` lines.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The command line as a person would type it.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(std::ffi::OsStr::to_string_lossy));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_is_the_end() {
        let check = |text: &str, count, expected: &str| {
            assert_eq!(tail(text, count), expected, "{text:?}, {count}");
        };
        check("a\nb\nc\n", 2, "b\nc");
        check("a\nb", 5, "a\nb");
        check("", 5, "");
        check("a", 0, "");
    }

    #[test]
    fn a_command_gives_both_streams_and_its_end() {
        let step = Step::begin("a test of steps");
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo complaint >&2; exit 3"]);
        let finished = step.run(&mut command).unwrap();
        assert!(!finished.success);
        assert!(finished.output.contains("out\n"));
        assert!(finished.output.contains("complaint\n"));
        let problem = finished.required().unwrap_err().to_string();
        assert!(problem.contains("exit 3"), "{problem}");
    }
}
