//! An Envoy that is drained, and one from which another takes over: nobody notices.
//!
//! `docs/failure-modes.md` tells it to users.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process;
use std::time::Duration;

use anyhow::bail;
use coalmine_integration::envoy::Launch;
use coalmine_integration::service::eventually;
use coalmine_manifests::envoy::BOOTSTRAP;

use crate::setting::{
    BINARY, PATIENCE, Setting, USUAL, end_without_failures, in_canary, read, traffic,
};

/// A place that nobody listens at. Envoy numbers that take over from each other must listen at the same.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// An Envoy that another can take over from.
fn first(base_id: u32) -> Setting {
    let launch = Launch::new(&*BINARY).hot_restart(base_id, 0);
    let place = free();
    Setting::launch(
        launch,
        read(USUAL),
        |options| options.listen = place,
        |_, _| (),
    )
    .unwrap()
}

#[test]
fn another_envoy_takes_over_and_no_request_fails() {
    let base_id = process::id();
    let setting = first(base_id);
    let client = setting.client();
    let in_force = in_canary(&client, 300);
    let load = traffic(&setting.stand);

    let bootstrap = Path::new(&setting.stand.options().folder).join(BOOTSTRAP);
    let launch = Launch::new(&*BINARY).hot_restart(base_id, 1);
    let second = launch.config_file(bootstrap).start().unwrap();
    eventually(
        "the first Envoy ends",
        Duration::from_secs(20),
        || match setting.stand.envoy.admin().is_ready() {
            Ok(_) => bail!("it answers"),
            Err(_) => Ok(()),
        },
    )
    .unwrap();
    load.wait_for(100, PATIENCE).unwrap();
    let report = end_without_failures(load);
    assert!(report.served_by("shop/canary") > 0 && report.served_by("shop/stable") > 0);
    assert_eq!(in_canary(&client, 300), in_force);
    let problems = second.problems();
    assert!(problems.is_empty(), "{problems:?}");
    second.stop().unwrap();
}

#[test]
fn an_envoy_that_is_drained_answers_until_its_end() {
    let setting = first(process::id().wrapping_add(100_000));
    let client = setting.client();
    let in_force = in_canary(&client, 300);
    let load = traffic(&setting.stand);
    let admin = setting.stand.envoy.admin();
    admin.post("/healthcheck/fail").unwrap();
    admin.post("/drain_listeners?graceful&skip_exit").unwrap();
    load.wait_for(200, PATIENCE).unwrap();
    assert_eq!(in_canary(&client, 300), in_force);
    end_without_failures(load);
    setting.end_without_problems();
}
