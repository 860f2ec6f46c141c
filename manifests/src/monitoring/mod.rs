//! What people watch canaries with: rules and alerts for Prometheus, a dashboard for Grafana.
//!
//! | where | what |
//! |---|---|
//! | `measure` | what is asked of Prometheus, made of the names in [`coalmine::metrics`] |
//! | [`alerts`] | recording rules and alerts, for the canaries of some files |
//! | [`grafana`] | one dashboard, for all canaries |
//!
//! Rules and dashboard ask the same [`Measure`]s, so that an alert and the plot beside it agree.

mod alerts;
mod grafana;
mod measure;

pub use alerts::{Rule, alerts, rules};
pub use grafana::grafana;
pub use measure::Measure;
