//! A service with two versions behind Envoy, a Prometheus that reads what Envoy counts, the plugin in a cluster,
//! and the folder in which a job finds the repository.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use coalmine::config::Canaries;
use coalmine::yaml::{self, Source};
use coalmine_integration::behaviour::{BEHAVE_OF, Behaviour};
use coalmine_integration::client::Request;
use coalmine_integration::command::coalmine;
use coalmine_integration::envoy::Launch;
use coalmine_integration::envoy_binary;
use coalmine_integration::guardian::Ward;
use coalmine_integration::load::Load;
use coalmine_integration::prometheus::Prometheus;
use coalmine_integration::stand::{self, Stand};
use coalmine_integration::upstream::Upstream;
use coalmine_integration::workspace;
use coalmine_manifests::envoy as target;
use coalmine_manifests::kubernetes::Provenance;
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::Cluster;

/// What a command may take: a walk takes some seconds.
const LONGEST: Duration = Duration::from_secs(300);

static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    envoy_binary::ensure(&envoy_binary::wanted(), &|step| eprintln!("{step}")).unwrap()
});

/// The canary that the worked examples name, with steps of a second, which people would give minutes.
pub(crate) const CANARY: &str = "\
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  service: reviews:9080
  variants:
    stable: {labels: {version: v1}}
    canary: {labels: {version: v2}}
  default: stable
  unit: [{header: x-user-id}]
  evidence: {}
  rollout:
    revision: v2
    steps:
      - {share: 20%, for: 1s, minRequests: 100}
      - {share: 50%, for: 1s, minRequests: 100, approve: true}
    analysis: {every: 500ms, delay: 500ms}
";

/// What became of a job's step.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Whether a runner dies now.
type Dies = Box<dyn Fn() -> bool>;

/// What a job of a CD tool finds: a repository, programs, and a folder for what the runner keeps.
pub(crate) struct Job {
    folder: TempDir,
    dies: RefCell<Option<Dies>>,
}

impl Job {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["repository/canaries", "bin", "home"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let canary = folder.path().join("repository/canaries/reviews.yaml");
        fs::write(canary, CANARY).unwrap();
        Self {
            folder,
            dies: RefCell::new(None),
        }
    }

    /// Checks another commit out, whose canary has this revision.
    pub(crate) fn checkout(&self, revision: &str) {
        let canary = self.repository().join("canaries/reviews.yaml");
        let text = CANARY.replace("revision: v2", &format!("revision: {revision}"));
        fs::write(canary, text).unwrap();
    }

    /// From now on `coalmine` is this script.
    pub(crate) fn replace_coalmine(&self, script: &str) {
        let file = self.kept().join("bin/coalmine");
        let _ = fs::remove_file(&file);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    }

    /// The next command dies with its runner, and all that it has started, as soon as this is so.
    pub(crate) fn dies_when(&self, is_so: impl Fn() -> bool + 'static) {
        *self.dies.borrow_mut() = Some(Box::new(is_so));
    }

    /// A folder for what the runner keeps; `bin` in it comes first in the path.
    pub(crate) fn kept(&self) -> &Path {
        self.folder.path()
    }

    /// The repository as it is checked out.
    pub(crate) fn repository(&self) -> PathBuf {
        self.kept().join("repository")
    }

    /// Runs a script in a folder, with these words in front of the script's file.
    pub(crate) fn script(
        &self,
        shell: &[&str],
        script: &str,
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Ran {
        let file = self.kept().join("script");
        fs::write(&file, script).unwrap();
        let words = [shell, &[file.to_str().unwrap()]].concat();
        self.run(&words, folder, environment)
    }

    /// Runs a command in a folder, with nothing in its environment but what the runner gives it.
    pub(crate) fn run(
        &self,
        words: &[&str],
        folder: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Ran {
        let path = std::env::var("PATH").unwrap();
        let kept = |name: &str| self.kept().join(name);
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir(folder)
            .env_clear()
            .env("PATH", format!("{}:{path}", kept("bin").display()))
            .env("HOME", kept("home"))
            .env("KUBECONFIG", kept("home/kubeconfig"))
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(File::create(kept("stdout")).unwrap())
            .stderr(File::create(kept("stderr")).unwrap());
        let mut ward = Ward::start(&mut command, None).unwrap();
        let dies = self.dies.take();
        let began = Instant::now();
        let code = loop {
            match ward.child().try_wait().unwrap() {
                Some(status) => break status.code(),
                None if dies.as_ref().is_some_and(|dies| dies()) => break None,
                None if began.elapsed() > LONGEST => {
                    let said = ["stdout", "stderr"].map(|name| fs::read_to_string(kept(name)));
                    panic!("{words:?} has not ended in {LONGEST:?}, and said {said:?}");
                }
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        drop(ward);
        let ran = Ran {
            code: code.unwrap_or(-1),
            stdout: fs::read_to_string(kept("stdout")).unwrap(),
            stderr: fs::read_to_string(kept("stderr")).unwrap(),
        };
        eprintln!("{}{}ended with {}", ran.stdout, ran.stderr, ran.code);
        ran
    }
}

/// Everything; the order of the fields is the order of their end.
pub(crate) struct Setting {
    load: Option<Load>,
    prometheus: Prometheus,
    pub(crate) cluster: Cluster,
    _stand: Stand,
    _upstreams: Vec<Upstream>,
    pub(crate) job: Job,
}

impl Setting {
    /// Where so many of a thousand of the canary's requests fail, and 5 of the others.
    pub(crate) fn of_failing(canary: u64) -> Self {
        let job = Job::new();
        let path = |name: &str| job.kept().join(name);
        symlink(coalmine().unwrap(), path("bin/coalmine")).unwrap();
        let mut canaries = read(CANARY);
        let upstreams = stand::upstreams(&mut canaries).unwrap();
        let options = stand::options(&path("envoy"));
        fs::create_dir(path("envoy")).unwrap();
        let files = target::render(&canaries, &Provenance::default(), &options).unwrap();
        let stand = Stand::start(Launch::new(&*BINARY), &files, options).unwrap();
        let prometheus = Prometheus::start(stand.envoy.admin().address()).unwrap();
        let cluster = Cluster::start(plugin(), path("envoy/xds/coalmine.json"));
        cluster.kubeconfig(&path("home/kubeconfig"));
        let load = load(&stand, canary);
        Self {
            load: Some(load),
            prometheus,
            cluster,
            _stand: stand,
            _upstreams: upstreams,
            job,
        }
    }

    pub(crate) fn prometheus(&self) -> String {
        format!("http://{}", self.prometheus.address())
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        drop(self.load.take().map(Load::stop));
    }
}

/// A file of `delivery/`.
pub(crate) fn delivered(name: &str) -> String {
    let path = workspace::root().join("delivery").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn read(text: &str) -> Canaries {
    let source = Source {
        name: "reviews.yaml".to_owned(),
        text: text.to_owned(),
    };
    let (canaries, found) = yaml::read(std::slice::from_ref(&source));
    assert!(found.is_empty(), "{found:?}");
    canaries
}

/// The plugin that somebody has applied before the first rollout.
fn plugin() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reviews.yaml");
    fs::write(&file, CANARY).unwrap();
    let module = format!(
        "oci://registry.example.com/coalmine@sha256:{}",
        "0".repeat(64)
    );
    let output = Command::new(coalmine().unwrap())
        .args(["render", "istio", "--module", &module])
        .arg(&file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut objects = text.split("\n---\n").map(|object| {
        serde_saphyr::from_str::<Value>(object).unwrap_or_else(|error| panic!("{error}: {object}"))
    });
    let plugin = objects.find(|object| object["kind"] == "WasmPlugin");
    plugin.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Users who come all the time.
fn load(stand: &Stand, canary: u64) -> Load {
    let pause = Duration::from_millis(9);
    Load::start(stand.ingress, 8, pause, move |number| {
        let drawn = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let does = |failing: u64| match drawn % 1000 < failing {
            true => Behaviour::Status(503).asked(),
            false => Behaviour::Well.asked(),
        };
        Request::get("/")
            .header("host", "reviews")
            .header("x-user-id", format!("user-{}", (drawn >> 12) % 2_000))
            .header(BEHAVE_OF, format!("stable {}", does(5)))
            .header(BEHAVE_OF, format!("canary {}", does(canary)))
    })
}
