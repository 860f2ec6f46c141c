//! The `Canary` file as a schema: for editors, and for a Kubernetes API server.
//!
//! | file | what |
//! |---|---|
//! | `canary` | the description of every field, made once |
//! | `condition` | what may stand in `when` |
//! | `evidence` | `evidence` |
//! | `guard` | `guard` |
//! | `travel` | `propagate` and `inherit` |
//! | `signed` | `pins.signed` |
//! | `types` | what a description is made of; written out, it is JSON Schema |
//! | `crd` | the same description as Kubernetes takes it |
//!
//! The reader of `coalmine::config` is what decides. A schema is never stricter: what it refuses, the
//! reader refuses. What it cannot say, like a rule that is never reached, the reader alone finds.
//! Tests hold both against each other.

mod canary;
mod condition;
mod crd;
mod evidence;
mod guard;
mod rollout;
mod signed;
mod travel;
mod types;

use crate::{Error, to_yaml};

/// The JSON Schema of a `Canary` (draft 2020-12), as text.
///
/// # Errors
/// None: it is made of texts and numbers.
pub fn json_schema() -> Result<String, Error> {
    let mut text = serde_json::to_string_pretty(&canary::file())?;
    text.push('\n');
    Ok(text)
}

/// The CustomResourceDefinition of a `Canary` (`apiextensions.k8s.io/v1`), as YAML.
///
/// # Errors
/// None: it is made of texts and numbers.
pub fn crd() -> Result<String, Error> {
    Ok(to_yaml(&crd::definition(&canary::file()))?)
}
