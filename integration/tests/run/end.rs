//! How it ends, and what is left then.

use std::fs;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process};

use crate::setting::{Run, Service};

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
