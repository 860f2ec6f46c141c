//! A service with two versions behind Envoy, users who come all the time, and a rollout.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use coalmine::config::Canaries;
use coalmine::yaml::{self, Source};
use coalmine_integration::behaviour::{BEHAVE_OF, Behaviour};
use coalmine_integration::client::Request;
use coalmine_integration::command::coalmine;
use coalmine_integration::envoy::Launch;
use coalmine_integration::envoy_binary;
use coalmine_integration::load::{Load, Outcome, Report};
use coalmine_integration::prometheus::Prometheus;
use coalmine_integration::stand::{self, Stand};
use coalmine_integration::upstream::Upstream;
use coalmine_manifests::envoy as target;
use coalmine_manifests::kubernetes::Provenance;
use serde_json::Value;
use tempfile::TempDir;

static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    envoy_binary::ensure(&envoy_binary::wanted(), &|step| eprintln!("{step}")).unwrap()
});

/// How many users there are: the low numbers come far more often than the high ones.
const USERS: u64 = 2_000;

/// Steps of a few seconds, which people would give minutes.
const CANARY: &str = "\
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  unit: [{header: x-user-id}]
  evidence: {slowerThan: [50ms]}
  rollout:
    steps:
      - {share: 10%, for: 2s, minRequests: 200}
      - {share: 30%, for: 2s, minRequests: 500}
      - {share: 50%, for: 2s, minRequests: 1000}
    analysis: {every: 500ms, delay: 500ms}
";

/// What a version does, of a thousand requests so many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Version {
    /// They fail.
    pub(crate) errors: u64,
    /// They come later than any bound.
    pub(crate) slow: u64,
}

impl Version {
    fn does(self, lot: u64) -> Behaviour {
        if lot < self.errors {
            Behaviour::Status(503)
        } else if lot < self.errors + self.slow {
            Behaviour::Slow(Duration::from_millis(80))
        } else {
            Behaviour::Well
        }
    }
}

/// Everything; the order of the fields is the order of their end.
pub(crate) struct Setting {
    pub(crate) prometheus: Option<Prometheus>,
    pub(crate) stand: Stand,
    _upstreams: Vec<Upstream>,
    folder: TempDir,
}

impl Setting {
    pub(crate) fn new() -> Self {
        Self::of(CANARY)
    }

    /// Who tells somebody after two seconds that it is held.
    pub(crate) fn impatient() -> Self {
        Self::of(&CANARY.replace("every: 500ms,", "every: 500ms, alertAfter: 2s,"))
    }

    /// Who looks at what Envoy counts anyway, and at nothing else. The endpoints in its file are others than
    /// those that Envoy has.
    pub(crate) fn by_envoy() -> Self {
        let variants =
            "{stable: {endpoints: ['127.0.0.1:1']}, canary: {endpoints: ['127.0.0.1:2']}}";
        let canary = CANARY.replace("{stable: {}, canary: {}}", variants);
        let canary = canary.replace("  evidence: {slowerThan: [50ms]}\n", "");
        Self::of(&canary.replace("delay: 500ms", "delay: 500ms, queries: [{from: envoy}]"))
    }

    /// Whose steps take long enough to be killed in.
    pub(crate) fn slow() -> Self {
        Self::of(&CANARY.replace("for: 2s", "for: 7s"))
    }

    fn of(canary: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("shop.yaml"), canary).unwrap();
        let mut canaries = read(canary);
        let upstreams = stand::upstreams(&mut canaries).unwrap();
        let options = stand::options(folder.path());
        let files = target::render(&canaries, &Provenance::default(), &options).unwrap();
        let stand = Stand::start(Launch::new(&*BINARY), &files, options).unwrap();
        let prometheus = Prometheus::start(stand.envoy.admin().address()).unwrap();
        Self {
            prometheus: Some(prometheus),
            stand,
            _upstreams: upstreams,
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Users who come all the time, about 1,600 times a second, while a version does this.
    pub(crate) fn load(&self, stable: Version, canary: Version) -> Load {
        let pause = Duration::from_millis(9);
        Load::start(self.stand.ingress, 16, pause, move |number| {
            let lot = mixed(number) % 1000;
            Request::get("/")
                .header("host", "shop")
                .header("x-user-id", user(number))
                .header(BEHAVE_OF, format!("stable {}", stable.does(lot).asked()))
                .header(BEHAVE_OF, format!("canary {}", canary.does(lot).asked()))
        })
    }

    /// `coalmine rollout` with these words, up to its end.
    pub(crate) fn rollout(&self, words: &[&str]) -> Ran {
        let output = self.command(words).output().unwrap();
        Ran::of(output)
    }

    /// The command, in the folder with the canary.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(coalmine().unwrap());
        command
            .arg("rollout")
            .args(words.first())
            .arg("shop.yaml")
            .args(words.get(1..).unwrap_or_default())
            .current_dir(self.folder())
            .stdin(Stdio::null());
        let (reads, drives) = (["status", "report"], ["run", "step"]);
        let word = words.first().copied().unwrap_or_default();
        if !reads.contains(&word) {
            command.args([
                "--config",
                "xds/coalmine.json",
                "--journal",
                "journal.jsonl",
            ]);
        }
        if drives.contains(&word) {
            command.arg("--prometheus").arg(self.prometheus_url());
        }
        command
    }

    fn prometheus_url(&self) -> String {
        let address = self.prometheus.as_ref().map(Prometheus::address);
        // Nobody listens there.
        address.map_or_else(
            || "http://127.0.0.1:9".to_owned(),
            |address| format!("http://{address}"),
        )
    }

    /// The share that Envoy is configured with.
    pub(crate) fn share(&self) -> String {
        let file = fs::read_to_string(self.folder().join("xds/coalmine.json")).unwrap();
        let config = target::plugin_config(&file).unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        let share = &config["canaries"][0]["spec"]["shares"]["canary"];
        share.as_str().unwrap_or("0%").to_owned()
    }

    /// Every decision in the journal.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder().join("journal.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Their kinds.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let kind = |entry: &Value| entry["kind"].as_str().unwrap().to_owned();
        self.journal().iter().map(kind).collect()
    }
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

pub(crate) fn read(text: &str) -> Canaries {
    let source = Source {
        name: "shop.yaml".to_owned(),
        text: text.to_owned(),
    };
    let (canaries, found) = yaml::read(std::slice::from_ref(&source));
    assert!(found.is_empty(), "{found:?}");
    canaries
}

/// The user of a request: number 1 comes as often as 2 and 3 together, or 4 to 7.
fn user(number: u64) -> String {
    let drawn = mixed(number ^ 0x5eed);
    let part = (drawn >> 11) as f64 / (1_u64 << 53) as f64;
    // Log-uniform: how often user u comes falls as 1/u, as Zipf found of words.
    let user = (USERS as f64).powf(part) as u64;
    format!("user-{user}")
}

/// SplitMix64's finish (Steele, Lea, Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// While the share grows nobody leaves the canary: for each user all that was served by stable comes
/// before all that was served by the canary, but for what was under way meanwhile.
pub(crate) fn assert_nobody_left(report: &Report) {
    let mut last_on_canary = BTreeMap::new();
    for sample in &report.samples {
        let user = user(sample.number);
        match &sample.outcome {
            Outcome::Served(by) if by == "web/shop/canary" => {
                last_on_canary.entry(user).or_insert(sample.answered);
            }
            Outcome::Served(_) => {
                let left = last_on_canary
                    .get(&user)
                    .is_some_and(|since| sample.sent > *since);
                assert!(!left, "{user} was on the canary and left: {sample:?}");
            }
            _ => {}
        }
    }
    assert!(last_on_canary.len() > 100, "{}", last_on_canary.len());
}
