//! What the docs say of it.

use std::ffi::OsString;
use std::fs;

use coalmine_integration::client::Client;
use coalmine_integration::workspace;
use rustix::process::Signal;

use crate::setting::{Run, Service, user};

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
