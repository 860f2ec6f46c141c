//! What becomes of a configuration.

use crate::host::Vm;
use crate::requests::{canary, count, reviews};
use coalmine::config::read_json;
use coalmine::diagnostic::Severity;
use proxy_wasm::types::LogLevel::{self, Error, Info, Warn};

const PINNED: [(&[u8], &[u8]); 1] = [(b"x-canary", b"canary")];

fn good() -> String {
    canary(r#""pins": {"header": "x-canary"}"#)
}

/// Two mistakes that do not hide each other.
fn broken() -> String {
    canary(r#""pins": {"heder": "x-canary"}, "shares": {"canary": "150%"}"#)
}

fn said(level: LogLevel, text: &str) -> (LogLevel, String) {
    (level, text.to_owned())
}

#[test]
fn a_good_one_is_put_in_force() {
    let check = |configuration: &str, expected: &str| {
        let vm = Vm::start();
        assert!(vm.configure(configuration));
        assert_eq!(vm.log(), [said(Info, expected)]);
    };
    check(&good(), "1 canary is in force");
    check("", "0 canaries are in force");
    check("  \n", "0 canaries are in force");
    let plugin = r#"{"apiVersion": "coalmine.dev/v1alpha1", "kind": "Plugin", "canaries": []}"#;
    check(plugin, "0 canaries are in force");
}

#[test]
fn a_module_that_was_not_finished_refuses_every_one() {
    let vm = Vm::unfinished();
    for configuration in [&*good(), "", &broken()] {
        assert!(!vm.configure(configuration));
        let expected =
            "this module is as it was linked: `cargo xtask module` makes the one for Envoy";
        assert_eq!(vm.log(), [said(Error, expected)]);
    }
}

#[test]
fn a_broken_one_is_refused_in_the_words_of_the_command_line() {
    let check = |configuration: &[u8], at_least: usize| {
        let vm = Vm::start();
        assert!(!vm.configure(configuration));
        let found = read_json(configuration).unwrap_err();
        let expected: Vec<_> = found
            .iter()
            .map(|one| match one.severity {
                Severity::Error => said(Error, &one.to_string()),
                Severity::Warning => said(Warn, &one.to_string()),
            })
            .collect();
        assert!(expected.len() >= at_least, "{expected:?}");
        assert_eq!(vm.log(), expected);
    };
    check(broken().as_bytes(), 2);
    check(b"{", 1);
    check(b"[]", 1);
    check(b"\xff\xfe", 1);
}

#[test]
fn the_last_good_one_goes_on_serving() {
    let mut vm = Vm::configured(&good());
    let before = vm.request(&reviews(&PINNED));
    assert_eq!(before.last(), Some(&count("canary", "pin")));
    assert!(!vm.configure(broken()));
    assert_eq!(vm.request(&reviews(&PINNED)), before);
    assert!(vm.configure(""));
    assert_eq!(
        vm.request(&reviews(&PINNED)),
        [""; 0],
        "a good one without canaries does replace it"
    );
}

#[test]
fn a_plugin_without_configuration_touches_nothing() {
    let mut vm = Vm::start();
    assert_eq!(vm.request(&reviews(&PINNED)), [""; 0]);
    assert_eq!(vm.log(), []);
}
