//! The command at work, and canaries to give it.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coalmine_integration::client::Request;
use coalmine_integration::command::coalmine;
use coalmine_integration::upstream::Upstream;
use coalmine_integration::{envoy_binary, workspace};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything may take that happens by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The command at work, with its files and what it says.
pub(crate) struct Run {
    pub child: Child,
    said: Arc<Mutex<String>>,
    /// Where its own temporary folder is.
    pub temporary: TempDir,
}

impl Run {
    pub(crate) fn start(files: &Path) -> Self {
        let module = workspace::module_path();
        let words = ["envoy", "run"].map(OsString::from).into_iter();
        let more = [files.into(), "--module".into(), module.into()];
        Self::of(&words.chain(more).collect::<Vec<_>>(), Path::new("."))
    }

    /// Runs the command with these arguments in a folder, with the Envoy of the tests on free ports.
    pub(crate) fn of(arguments: &[OsString], folder: &Path) -> Self {
        let envoy = envoy_binary::ensure(&envoy_binary::wanted(), &|_| ()).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let mut child = Command::new(coalmine().unwrap())
            .args(arguments)
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .arg("--envoy")
            .arg(envoy)
            .current_dir(folder)
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (lines, heard) = (child.stderr.take().unwrap(), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let mut heard = heard.lock().unwrap();
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        Self {
            child,
            said,
            temporary,
        }
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said this, `times` times in all.
    pub(crate) fn hears(&self, text: &str, times: usize) {
        let begun = Instant::now();
        while self.said().matches(text).count() < times {
            assert!(
                begun.elapsed() < PATIENCE,
                "not {text:?} in\n{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn ingress(&self) -> SocketAddr {
        self.hears("Ctrl-C ends it", 1);
        let said = self.said();
        let (_, rest) = said.split_once("listens on http://").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    /// The process that runs with the command's temporary folder among its arguments.
    pub(crate) fn envoy(&self) -> Option<u32> {
        let folder = self.temporary.path().display().to_string();
        fs::read_dir("/proc").unwrap().find_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            (line.contains(&folder) && line.contains("--admin-address-path")).then_some(pid)
        })
    }

    /// Sends it a signal and waits for its end.
    pub(crate) fn end(&mut self, signal: Signal) -> ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        self.child.wait().unwrap()
    }

    pub(crate) fn assert_nothing_is_left(&self) {
        let begun = Instant::now();
        let left = || fs::read_dir(self.temporary.path()).unwrap().count();
        while self.envoy().is_some() || left() > 0 {
            assert!(
                begun.elapsed() < PATIENCE,
                "{:?}, {} files",
                self.envoy(),
                left()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Where a test has failed before its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A canary with two upstreams of its own.
pub(crate) struct Service {
    name: &'static str,
    upstreams: [Upstream; 2],
}

impl Service {
    pub(crate) fn new(name: &'static str) -> Self {
        let start = |variant: &str| Upstream::start(&format!("{name}/{variant}")).unwrap();
        Self {
            name,
            upstreams: [start("stable"), start("canary")],
        }
    }

    pub(crate) fn canary(&self, share: &str) -> String {
        let [stable, canary] = self.upstreams.each_ref().map(Upstream::address);
        let name = self.name;
        format!(
            "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: {name}}}
spec:
  hosts: [{name}]
  variants: {{stable: {{endpoints: [\"{stable}\"]}}, canary: {{endpoints: [\"{canary}\"]}}}}
  default: stable
  shares: {{canary: {share}}}
  unit: [{{header: x-user-id}}]
"
        )
    }
}

pub(crate) fn user(host: &str, number: u64) -> Request {
    let id = format!("user-{}", number % 200);
    Request::get("/")
        .header("host", host)
        .header("x-user-id", id)
}
