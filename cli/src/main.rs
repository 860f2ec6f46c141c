//! The command `coalmine`; everything is in the library, so that tests can use its parts.

use std::process::ExitCode;

fn main() -> ExitCode {
    coalmine_cli::run(std::env::args_os())
}
