//! The help teaches: what there is, examples, exit codes.

use crate::run::coalmine;
use insta::assert_snapshot;

#[test]
fn every_command_explains_itself() {
    for command in [
        "",
        "validate",
        "render",
        "render envoy",
        "render plugin",
        "explain",
    ] {
        let ran = coalmine(&format!("{command} --help"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command}");
        assert!(ran.stdout.contains("Exit codes:"), "{command}");
        let name = format!("help {command}").trim().replace(' ', "_");
        assert_snapshot!(name, ran.stdout);
    }
}

#[test]
fn refused_arguments() {
    let check = |arguments: &str, needed: &str| {
        let ran = coalmine(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments}");
        assert!(ran.stderr.contains(needed), "{arguments}: {}", ran.stderr);
    };
    check("", "Usage: coalmine <COMMAND>");
    check("validat x.yaml", "'validate'");
    check("validate", "<FILE|FOLDER>");
    check("render envoy sound.yaml", "--output <FOLDER>");
    check("explain sound.yaml --header nothing", "'x-user-id: alice'");
    check("explain sound.yaml --header ': x'", "it has no name");
    check("explain sound.yaml --header 'host: x'", "--host");
    check("explain sound.yaml --cookie nothing", "session=abc");
    check("explain sound.yaml --at noon", "RFC 3339");
    check("explain sound.yaml --draw xyz", "hexadecimal");
    check(
        "explain sound.yaml -o yaml",
        "[possible values: text, json]",
    );
}
