//! `delivery/` as CD tools run it: the files are read as the tool reads them, and their steps run as they are
//! written, against a real Envoy with the filter and a real Prometheus.
//!
//! | file | what |
//! |---|---|
//! | `setting` | a service that is rolled out, users who ask it, and what a job finds |
//! | `cluster` | an API server with the plugin, whose config Envoy gets |
//! | `expression` | conditions, as far as the files have them |
//! | `actions` | a runner of GitHub Actions |
//! | `pipeline` | a runner of Spinnaker's pipelines |
//! | `github`, `gitlab`, `spinnaker` | what becomes of versions under each, and a runner of GitLab's jobs |
//! | `arguments` | what the inputs of the action for GitHub become |
//! | `page` | what `docs/delivery.md` says of them |
//! | `shape` | the files against the schemas that the tools' makers publish |

mod actions;
mod arguments;
mod cluster;
mod expression;
mod github;
mod gitlab;
mod page;
mod pipeline;
#[path = "../../../tests/server/mod.rs"]
mod server;
mod setting;
mod shape;
mod spinnaker;
