//! Why something cannot be rendered.

use coalmine::diagnostic::Diagnostic;
use core::fmt;

/// Why a target cannot be rendered.
#[derive(Debug)]
pub enum Error {
    /// The canaries lack what the target needs: every such problem at once.
    Problems(Vec<Problem>),
    /// The filter would refuse the plugin's config because of its size.
    TooLarge(Box<Diagnostic>),
    /// The JSON could not be written; no config that was read without an error causes this.
    Json(serde_json::Error),
    /// The YAML could not be written; no config that was read without an error causes this.
    Yaml(serde_saphyr::ser_error::Error),
}

/// What a canary lacks for a target, although it is a good canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The canary, as `namespace/name`.
    pub canary: String,
    /// The field, like `spec.variants.canary`, as diagnostics write it.
    pub path: String,
    /// A short stable name of the kind of problem.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            canary,
            path,
            message,
            help,
            ..
        } = self;
        write!(f, "{canary}: {path}: {message} ({help})")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problems(problems) => {
                for (index, problem) in problems.iter().enumerate() {
                    let break_ = if index == 0 { "" } else { "\n" };
                    write!(f, "{break_}{problem}")?;
                }
                Ok(())
            }
            Self::TooLarge(diagnostic) => write!(f, "{diagnostic}"),
            Self::Json(error) => write!(f, "cannot write JSON: {error}"),
            Self::Yaml(error) => write!(f, "cannot write YAML: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<serde_saphyr::ser_error::Error> for Error {
    fn from(error: serde_saphyr::ser_error::Error) -> Self {
        Self::Yaml(error)
    }
}
