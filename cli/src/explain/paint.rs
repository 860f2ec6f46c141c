//! Colours, on terminals only.

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};
use std::io;

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    /// As standard output and `NO_COLOR`, `CLICOLOR` and the like want it.
    pub(crate) fn for_stdout() -> Self {
        Self(AutoStream::choice(&io::stdout()) != ColorChoice::Never)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.0 && !text.trim().is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// What leads the eye only.
    pub(super) fn faint(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// What was asked for.
    pub(crate) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What should not be.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    /// `yes` or `no`.
    pub(super) fn verdict(self, yes: bool) -> String {
        match yes {
            true => self.with(AnsiColor::Green.on_default(), "yes"),
            false => self.with(AnsiColor::Yellow.on_default(), "no"),
        }
    }
}
