//! Which Istio, which Kubernetes, and the Envoy that belongs to it.
//!
//! Istio publishes no release tags as Go modules, so each is a commit of its main branch.

use anyhow::{Result, bail};
use coalmine_integration::envoy_binary;

/// The environment variable that chooses the line of Istio.
pub const VARIABLE: &str = "COALMINE_ISTIO";

/// Kubernetes' version, which `integration/istio/go/kubernetes` pins.
pub const KUBERNETES: &str = "1.37.2";

/// One line of Istio.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// What it is called here: its minor version, and when in that line it was.
    pub line: &'static str,
    /// The folder with its go.mod, in `integration/istio/go`.
    pub module: &'static str,
    /// The Envoy that its agents are made for, as `envoy_binary` takes it.
    pub envoy: &'static str,
    /// Tests that do not hold on it, and are left out.
    pub leaves_out: &'static [&'static str],
}

/// Every line that the tests can run on; the last is the default.
pub const RELEASES: [Release; 2] = [
    // Days after 1.30 was branched off.
    Release {
        line: "1.31-early",
        module: "istio-1.31-early",
        envoy: "1.38",
        // The proxies of these two got no listener that a released Envoy takes.
        leaves_out: &["gateway_api::routes_of_the_gateway_api", "waypoint::"],
    },
    // The last before 1.31 was branched off.
    Release {
        line: "1.31",
        module: "istio-1.31",
        envoy: "1.39",
        leaves_out: &[],
    },
];

/// The line that [`VARIABLE`] asks for, else the newest.
///
/// # Errors
/// No such line.
pub fn wanted() -> Result<&'static Release> {
    let [.., newest] = &RELEASES;
    match std::env::var(VARIABLE) {
        Ok(asked) if !asked.is_empty() => of_line(&asked),
        _ => Ok(newest),
    }
}

impl Release {
    /// The Envoy that it is tried with: what `COALMINE_ENVOY` asks for, else its own.
    #[must_use]
    pub fn wanted_envoy(&self) -> String {
        envoy_binary::asked().unwrap_or_else(|| self.envoy.to_owned())
    }
}

/// The release of a minor version.
///
/// # Errors
/// No such line.
pub fn of_line(asked: &str) -> Result<&'static Release> {
    let found = RELEASES.iter().find(|release| release.line == asked);
    let Some(release) = found else {
        let known: Vec<&str> = RELEASES.iter().map(|release| release.line).collect();
        bail!(
            "no Istio {asked} here; {VARIABLE} takes one of {}",
            known.join(", ")
        );
    };
    Ok(release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_or_the_error_names_those_that_are() {
        for release in &RELEASES {
            assert_eq!(of_line(release.line).unwrap(), release);
        }
        let problem = of_line("1.2").unwrap_err().to_string();
        assert!(
            problem.contains("1.2") && problem.contains("1.31"),
            "{problem}"
        );
    }
}
