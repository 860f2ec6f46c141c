//! From the output of test runners to numbers.
//!
//! Libtest and wasm-bindgen-test-runner end each binary with the same line:
//! `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s`.

use std::fmt;
use std::ops::AddAssign;

use crate::step::tail;

/// How many passed, failed and were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Tally {
    /// A single check.
    pub(crate) fn one(passed: bool) -> Self {
        Self {
            passed: u64::from(passed),
            failed: u64::from(!passed),
            ignored: 0,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 {
            write!(f, ", {} ignored", self.ignored)?;
        }
        Ok(())
    }
}

/// The sum over all result lines of a run. A run that failed without a failed test (it did not
/// compile, a process was killed) counts as one failure.
pub(super) fn of_run(output: &str, success: bool) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines() {
        if let Some(result) = result_line(line) {
            tally += result;
        }
    }
    if !success && tally.failed == 0 {
        tally.failed = 1;
    }
    tally
}

/// A result line, which may stand behind output of a test that did not end its line.
fn result_line(line: &str) -> Option<Tally> {
    let (_, rest) = line.split_once("test result: ")?;
    let rest = rest
        .strip_prefix("ok. ")
        .or_else(|| rest.strip_prefix("FAILED. "))?;
    let mut tally = Tally::default();
    let (mut passed, mut failed) = (false, false);
    for part in rest.split(';') {
        let Some((count, what)) = part.trim().split_once(' ') else {
            continue;
        };
        let Ok(count) = count.parse() else { continue };
        match what {
            "passed" => (tally.passed, passed) = (count, true),
            "failed" => (tally.failed, failed) = (count, true),
            "ignored" => tally.ignored = count,
            _ => {}
        }
    }
    (passed && failed).then_some(tally)
}

/// What a person wants to see of a run that failed: what the failed tests said, else its end.
pub(super) fn excerpt(output: &str) -> String {
    const LINES: usize = 120;
    let mut lines = Vec::new();
    let mut inside = false;
    for line in output.lines() {
        inside |= line == "failures:";
        if inside {
            lines.push(line);
        }
        inside &= result_line(line).is_none();
    }
    if lines.is_empty() {
        return tail(output, LINES / 2);
    }
    tail(&lines.join("\n"), LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted() {
        let check = |output: &str, success, (passed, failed, ignored)| {
            let expected = Tally {
                passed,
                failed,
                ignored,
            };
            assert_eq!(of_run(output, success), expected, "{output}");
        };
        let ok = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; \
                  finished in 0.00s\n";
        let failed = "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered \
                      out; finished in 1.20s\n";
        let node = "test result: ok. 4 passed; 0 failed; 0 ignored; 0 filtered out; finished in \
                    0.05s\n";
        check(ok, true, (3, 0, 1));
        check(&format!("{ok}noise\n{node}{ok}"), true, (10, 0, 2));
        check(&format!("{ok}{failed}"), false, (10, 2, 1));
        check(&format!("no newline here{ok}"), true, (3, 0, 1));
        check(
            "error[E0583]: file not found for module `x`\n",
            false,
            (0, 1, 0),
        );
        check(&format!("{ok}signal: 11, SIGSEGV\n"), false, (3, 1, 1));
        check("", true, (0, 0, 0));
        check("test result: as expected\n", true, (0, 0, 0));
        check("test result: ok. many passed; 0 failed\n", true, (0, 0, 0));
        check("test a::result ... ok\n", true, (0, 0, 0));
    }

    #[test]
    fn the_excerpt_is_what_failed() {
        let check = |output: &str, expected: &str| assert_eq!(excerpt(output), expected);
        let failed = "test result: FAILED. 1 passed; 1 failed; 0 ignored";
        check(
            &format!("test a ... ok\n\nfailures:\n\nleft: 1\n\n{failed}\n\nrunning 0 tests\n"),
            &format!("failures:\n\nleft: 1\n\n{failed}"),
        );
        check("error: it does not compile\n", "error: it does not compile");
    }
}
