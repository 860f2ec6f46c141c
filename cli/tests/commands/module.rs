//! `coalmine module`, as far as it needs neither a built module nor a registry; `integration/` has
//! the rest.

use crate::run::{Ran, command, run};
use insta::assert_snapshot;
use std::fs;

/// Runs it in a folder with a few files that are no good modules.
fn module(arguments: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("empty.wasm", b"\0asm\x01\0\0\0");
    write("script.wasm", b"#!/bin/sh\n");
    // A type, an import of a function that only a browser has, and an export of it.
    let browser = [
        &b"\0asm\x01\0\0\0"[..],
        b"\x01\x04\x01\x60\0\0",
        b"\x02\x09\x01\x02js\x02go\0\0",
        b"\x07\x07\x01\x03run\0\0",
    ];
    write("browser.wasm", &browser.concat());
    let mut command = command();
    command.arg("module").args(shlex::split(arguments).unwrap());
    run(command.current_dir(folder.path()), "")
}

#[test]
fn a_command_without_a_module_says_how_to_get_one() {
    for arguments in ["extract", "inspect", "push localhost:1/coalmine:1"] {
        let ran = module(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran}");
        assert!(ran.stderr.contains("carries no module"), "{ran}");
        assert!(ran.stderr.contains("`cargo xtask dist`"), "{ran}");
    }
}

#[test]
fn what_envoy_cannot_load() {
    assert_snapshot!("no_module_at_all", module("inspect script.wasm"));
    assert_snapshot!("nothing_in_it", module("inspect empty.wasm"));
    assert_snapshot!("for_a_browser", module("inspect browser.wasm"));
    assert_snapshot!("for_a_browser_json", module("inspect browser.wasm -o json"));
    assert_snapshot!("not_there", module("inspect none.wasm"));
    let ran = module("push localhost:1/coalmine:1 --module browser.wasm");
    assert_snapshot!("not_pushed", ran);
}
