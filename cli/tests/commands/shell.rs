//! `coalmine completions` and `coalmine man`

use crate::run::{coalmine, command, run};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

/// bash itself loads the script and completes with it.
#[test]
fn bash_completes() {
    let script = coalmine("completions bash");
    assert_eq!((script.code, script.stderr.as_str()), (0, ""));
    let check = |words: &str, needed: &str| {
        let count = words.split(' ').count();
        let asked = format!(
            "COMP_WORDS=({words}); COMP_CWORD={}; _coalmine coalmine \"${{COMP_WORDS[-1]}}\" \
             \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            count - 1
        );
        let mut shell = Command::new("bash");
        shell.args(["--norc", "-s"]);
        let ran = run(&mut shell, &format!("{}\n{asked}\n", script.stdout));
        assert!(
            ran.stdout.lines().any(|line| line == needed),
            "{words}: {ran}"
        );
    };
    check("coalmine val", "validate");
    check("coalmine render en", "envoy");
    check("coalmine explain --hea", "--header");
    check("coalmine validate -o js", "json");
}

#[test]
fn other_shells() {
    for (shell, mark) in [
        ("zsh", "#compdef coalmine"),
        ("fish", "complete -c coalmine"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ran = coalmine(&format!("completions {shell}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell}");
        assert!(ran.stdout.contains(mark), "{shell}: {ran}");
    }
}

/// A page for each command, with its examples and exit codes, that `man` can print where it is there.
#[test]
fn manual_pages() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(command().args(["man", "-o"]).arg(folder.path()), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran}");
    let names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for needed in [
        "coalmine.1",
        "coalmine-validate.1",
        "coalmine-render-envoy.1",
    ] {
        assert!(names.iter().any(|name| name == needed), "{names:?}");
    }
    for name in &names {
        let page = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page.contains("Exit codes:"), "{name}");
        assert!(page.contains(".TH "), "{name}");
        printed(name, &page);
    }
    assert_eq!(coalmine("man").stdout, {
        fs::read_to_string(folder.path().join("coalmine.1")).unwrap()
    });
}

/// groff takes the page without a warning.
fn printed(name: &str, page: &str) {
    let groff = Command::new("groff")
        .args(["-man", "-Tascii", "-ww", "-z"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut groff) = groff else {
        eprintln!("{name}: not tried, because groff is not installed");
        return;
    };
    groff
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = groff.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{name}: {said}");
}
