//! What is shown on a terminal while something takes long; elsewhere nothing is.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Says what is being done until it is cleared.
pub(crate) fn spinner(doing: impl Into<String>) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(doing.into());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

/// On standard error, and only on a terminal.
pub(crate) fn bar(all: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {per_sec}  {eta} left");
    let bar = ProgressBar::new(all);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
