//! The configs in `examples/`: what their comments promise holds in Envoy.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use coalmine::Timestamp;
use coalmine::config::Canaries;
use coalmine_cli::example::{self, Promise};
use coalmine_integration::client::Request;
use coalmine_integration::decisions::{Decided, since};
use coalmine_integration::workspace;
use coalmine_manifests::envoy::{BOOTSTRAP, CDS, Form, LDS, PLUGIN, RDS};

use crate::setting::{self, Setting};

#[test]
fn every_example_keeps_its_promises() {
    keep_promises(Form::Static);
}

#[test]
fn every_example_keeps_its_promises_in_watched_files() {
    keep_promises(Form::Xds);
}

/// Envoy itself finds nothing to say against what is rendered, as it is checked in.
#[test]
fn every_rendered_example_passes_envoys_own_validation() {
    let rendered = workspace::root().join("manifests/rendered");
    let mut validated = 0;
    for target in ["envoy", "envoy-xds"] {
        for example in fs::read_dir(rendered.join(target)).unwrap() {
            let example = example.unwrap().path();
            let folder = tempfile::tempdir().unwrap();
            for name in [BOOTSTRAP, CDS, LDS, RDS, PLUGIN] {
                let Ok(text) = fs::read_to_string(example.join(name)) else {
                    assert!(target == "envoy" && name != BOOTSTRAP && name != PLUGIN);
                    continue;
                };
                // The paths are those of a machine that is configured.
                let module = workspace::module_path();
                let text = text.replace("/etc/coalmine/coalmine.wasm", module.to_str().unwrap());
                let text = text.replace("/etc/coalmine", folder.path().to_str().unwrap());
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let output = Command::new(&*setting::BINARY)
                .args(["--mode", "validate", "-c"])
                .arg(folder.path().join(BOOTSTRAP))
                .output()
                .unwrap();
            let log = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {log}", example.display());
            validated += 1;
        }
    }
    assert!(validated >= 24, "{validated}");
}

fn keep_promises(form: Form) {
    let folder = fs::read_dir(workspace::root().join("examples")).unwrap();
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let promises = example::promises(&text).unwrap();
        assert!(!promises.is_empty(), "{}: no promises", path.display());
        // A proxy in front may say who the client is, so that promises about addresses can be sent.
        let mut setting = Setting::with(
            setting::read(&text),
            |options| {
                options.trusted_hops = 1;
                options.form = form;
            },
            |_, _| (),
        );
        for promise in &promises {
            let problem = broken(&mut setting, promise);
            if let Some(problem) = problem {
                panic!("{}:{}: {problem}", path.display(), promise.line);
            }
        }
        setting.end_without_problems();
    }
}

/// What came out otherwise than promised, if anything.
fn broken(setting: &mut Setting, promise: &Promise) -> Option<String> {
    let Some(at) = promise.request.at else {
        return broken_now(setting, promise);
    };
    // The promise is about another time: move the ramps instead, so that this time is now. A
    // promise may be about the last second before a point, so the answer has to come within it.
    let written = setting.canaries.clone();
    for _ in 0..20 {
        let start = Instant::now();
        setting.change(|canaries| shift_ramps(canaries, at, now()));
        let problem = broken_now(setting, promise);
        let in_time = start.elapsed() < Duration::from_millis(900);
        setting.canaries = written.clone();
        if in_time {
            return problem;
        }
    }
    Some("this machine is too slow to ask within a second".to_owned())
}

pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

fn shift_ramps(canaries: &mut Canaries, from: Timestamp, to: i64) {
    for canary in &mut canaries.canaries {
        for point in &mut canary.spec.ramp {
            let moved = point.at.unix_millis() - from.unix_millis() + to;
            point.at = Timestamp::from_unix_millis(moved);
        }
    }
}

pub(crate) fn broken_now(setting: &Setting, promise: &Promise) -> Option<String> {
    let asked = &promise.request;
    let host = asked.host_among(&setting.canaries).unwrap();
    let mut request = Request::new(&asked.method, &asked.path).header("host", &*host);
    for (name, value) in asked.header_list(&host) {
        if !name.starts_with(':') {
            request = request.header(name, value);
        }
    }
    if let Some(address) = &asked.source_address {
        request = request.header("x-forwarded-for", ip(address).to_string());
    }
    if asked.tls {
        request = request.header("x-forwarded-proto", "https");
    }
    let before = setting.stand.decisions().unwrap();
    let response = setting.client().send(&request).unwrap();
    let counted = since(&before, &setting.stand.decisions().unwrap());
    let Some(promised) = &promise.decision else {
        // The rendered routes know the hosts of the canaries alone.
        let untouched = response.status == 404 && counted.is_empty();
        return (!untouched).then(|| format!("{} and {counted:?}", response.status));
    };
    if response.status != 200 {
        return Some(format!("{} {}", response.status, response.text()));
    }
    let (canary, served) = response.served_by().rsplit_once('/').unwrap();
    // Nobody can choose the draw of a real proxy: the reason holds, the variant is drawn.
    let variant = match asked.draw {
        Some(_) => served,
        None => &promised.variant,
    };
    let expected = [(Decided::new(canary, variant, &promised.reason), 1)].into();
    let kept = served == variant && counted == expected;
    (!kept).then(|| format!("{served} and {counted:?} instead of {promised:?}"))
}

/// An address without its port.
fn ip(address: &str) -> IpAddr {
    let with_port = address.parse().map(|address: SocketAddr| address.ip());
    with_port.unwrap_or_else(|_| address.parse().unwrap())
}
