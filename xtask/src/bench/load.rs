//! `cargo xtask load`: throughput and latency of a saturated Envoy, with no filter, Lua and us by turns.
//!
//! Clocks on a shared machine scatter, so nothing absolute is told: in each round every Envoy is loaded once,
//! in an order that changes, and is compared with the one without a filter in the same round. What is told is the
//! median of those ratios, and how far they lie apart.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use coalmine_integration::client::Client;
use coalmine_integration::envoy::{Envoy, Launch};
use coalmine_integration::workspace;

use super::bootstrap::LISTENER;
use super::scenarios::{self, Scenario};
use super::{callgrind, request};
use crate::setup::Need;
use crate::step::Step;
use crate::{envoy, module};

/// What is loaded; the first is what the others are compared with.
const SCENARIOS: [&str; 7] = [
    scenarios::NO_FILTER,
    scenarios::POLICY_STABLE,
    scenarios::POLICY_CANARY,
    scenarios::EVIDENCE_CANARY,
    scenarios::LUA_STABLE,
    scenarios::LUA_CANARY,
    "routes-100",
];

/// What wrk says at its end, in a form of ours; its own leaves out the 99.9th percentile.
const SCRIPT: &str = r#"
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("coalmine %f %f %f %f %d\n",
    summary.requests / (summary.duration / 1e6),
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"#;

/// Load an Envoy until it can no more, with no filter, Lua and Coalmine by turns, and compare
///
/// wrk sends over 16 connections as fast as it is answered by an Envoy with one worker. Each round loads each
/// Envoy once. Ratios are to the Envoy without a filter in the same round: the median over all rounds, with the
/// smallest and the largest. Other work on the machine makes them lie further apart.
#[derive(Args)]
pub(crate) struct Load {
    /// How many rounds
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// How long each Envoy is loaded in a round
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    seconds: u32,
    #[command(flatten)]
    envoy: envoy::Choice,
}

/// An Envoy that is ready to be loaded.
struct Loaded {
    title: String,
    envoy: Envoy,
    url: String,
    headers: Vec<String>,
}

/// What wrk measured: requests a second, and microseconds that half, 99 % and 99.9 % of requests took at most.
type Measures = [f64; 4];

const MEASURES: [&str; 4] = ["requests a second", "p50", "p99", "p99.9"];

impl Load {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let wanted = self.envoy.wanted();
        let step = Step::begin("loading Envoys by turns");
        Need::Wrk.ensure(&wanted, &step)?;
        module::build(&step)?;
        let binary = envoy::ensure(&wanted)?;
        let all = scenarios::all(&workspace::module_path());
        let loaded: Vec<Loaded> = SCENARIOS
            .iter()
            .map(|id| {
                let scenario = all.iter().find(|scenario| scenario.id == *id);
                Loaded::start(
                    &binary,
                    scenario.with_context(|| format!("no scenario {id}"))?,
                )
            })
            .collect::<Result<_>>()?;
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("done.lua");
        fs::write(&script, SCRIPT)?;

        let mut measured: BTreeMap<usize, Vec<Measures>> = BTreeMap::new();
        // One round for nothing: V8 and LuaJIT have compiled by then.
        for round in 0..=self.rounds {
            step.say(&format!("round {round} of {}", self.rounds));
            for turn in 0..loaded.len() {
                let number = (round + turn) % loaded.len();
                let measures = loaded[number].load(self.seconds, &script)?;
                if round > 0 {
                    measured.entry(number).or_default().push(measures);
                }
            }
        }
        for loaded in loaded.iter().rev() {
            let problems = loaded.envoy.problems();
            ensure!(
                problems.is_empty(),
                "{} complains: {problems:#?}",
                loaded.title
            );
        }
        step.end("done");
        print!("{}", table(&loaded, &measured, self.rounds));
        Ok(ExitCode::SUCCESS)
    }
}

impl Loaded {
    fn start(binary: &Path, scenario: &Scenario) -> Result<Self> {
        let envoy = Launch::new(binary)
            .config_text(scenario.bootstrap.as_str())
            .concurrency(1)
            .log_level("warning")
            .start()?;
        let address = envoy.admin().listener(LISTENER)?;
        let user = callgrind::chosen_user(scenario, &Client::new(address))?;
        let headers = request::headers(&user);
        Ok(Self {
            title: scenario.title.clone(),
            envoy,
            url: format!("http://{address}{}", request::PATH),
            headers: headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect(),
        })
    }

    fn load(&self, seconds: u32, script: &Path) -> Result<Measures> {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t", "1", "-c", "16", "-d", &format!("{seconds}s"), "-s"]);
        wrk.arg(script);
        for header in &self.headers {
            wrk.args(["-H", header]);
        }
        let output = wrk.arg(&self.url).output().context("cannot run wrk")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let measures = measures(&said);
        measures.with_context(|| format!("{}: wrk says\n{said}", self.title))
    }
}

/// What the script wrote.
fn measures(said: &str) -> Result<Measures> {
    let line = said.lines().find_map(|line| line.strip_prefix("coalmine "));
    let numbers: Vec<f64> = line
        .context("nothing in our form")?
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, p50, p99, p999, errors] = numbers[..] else {
        bail!("other numbers");
    };
    ensure!(errors == 0.0, "{errors} requests failed");
    ensure!(requests > 0.0 && p50 > 0.0, "nothing was measured");
    Ok([requests, p50, p99, p999])
}

/// The smallest, the median and the largest ratio to the first Envoy in the same round.
fn ratios(of: &[Measures], first: &[Measures], measure: usize) -> [f64; 3] {
    let pairs = of.iter().zip(first);
    let mut ratios: Vec<f64> = pairs
        .map(|(one, other)| one[measure] / other[measure])
        .collect();
    ratios.sort_by(f64::total_cmp);
    [
        ratios[0],
        ratios[ratios.len() / 2],
        ratios[ratios.len() - 1],
    ]
}

fn table(loaded: &[Loaded], measured: &BTreeMap<usize, Vec<Measures>>, rounds: usize) -> String {
    let mut text = format!(
        "\nRatios to no filter: median over {rounds} rounds (smallest to largest)\n\n| | {} |\n|---|---|---|---|---|\n",
        MEASURES.join(" | ")
    );
    let first = &measured[&0];
    for (number, of) in measured {
        let cells: Vec<String> = (0..MEASURES.len())
            .map(|measure| {
                let [least, median, most] = ratios(of, first, measure);
                format!("{median:.2} ({least:.2} to {most:.2})")
            })
            .collect();
        text.push_str(&format!(
            "| {} | {} |\n",
            loaded[*number].title,
            cells.join(" | ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read_and_failures_are_no_measure() {
        let check = |said: &str, expected: Option<Measures>| {
            assert_eq!(measures(said).ok(), expected, "{said}");
        };
        check(
            "Running 3s test\ncoalmine 12000.5 1200 2500 9000 0\n",
            Some([12_000.5, 1200.0, 2500.0, 9000.0]),
        );
        check("coalmine 12000.5 1200 2500 9000 3\n", None);
        check("coalmine 0 0 0 0 0\n", None);
        check("coalmine 1 2\n", None);
        check("Running 3s test\n", None);
    }

    #[test]
    fn a_ratio_is_within_its_round() {
        let rounds = |numbers: [f64; 3]| numbers.map(|number| [number; 4]);
        let of = ratios(&rounds([1.0, 20.0, 300.0]), &rounds([2.0, 10.0, 100.0]), 0);
        assert_eq!(of, [0.5, 2.0, 3.0]);
    }
}
