//! `coalmine validate`

use crate::run::{coalmine, coalmine_with, command, data_folder, run};
use insta::assert_snapshot;
use serde_json::Value;

#[test]
fn ten_mistakes_are_ten_messages_with_line_and_column() {
    let ran = coalmine("validate ten-mistakes.yaml");
    let errors = ran.stderr.lines().filter(|line| line.starts_with("error["));
    assert_eq!((ran.code, errors.count()), (2, 10));
    assert_snapshot!(ran);

    let ran = coalmine("validate ten-mistakes.yaml -o json");
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""));
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let found = report["diagnostics"].as_array().unwrap();
    assert_eq!(found.len(), 10);
    let file = std::fs::read_to_string(data_folder().join("ten-mistakes.yaml")).unwrap();
    for diagnostic in found {
        let line = diagnostic["line"].as_u64().unwrap();
        let source = file.lines().nth(line as usize - 1);
        assert_eq!(diagnostic["source"].as_str(), source);
        assert!(diagnostic["column"].as_u64().unwrap() > 0);
    }
    assert_snapshot!("ten_mistakes_json", ran.stdout);
}

#[test]
fn sound_files() {
    let check = |arguments: &str, stdin: &str, said: &str| {
        let ran = coalmine_with(arguments, stdin);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (0, said, ""),
            "{arguments}"
        );
    };
    let sound = std::fs::read_to_string(data_folder().join("sound.yaml")).unwrap();
    check(
        "validate sound.yaml",
        "",
        "ok: 1 canary, 1 host, in 1 file\n",
    );
    check("validate -", &sound, "ok: 1 canary, 1 host, in 1 file\n");
    // Named twice, it is one file.
    check(
        "validate sound.yaml ./sound.yaml",
        "",
        "ok: 1 canary, 1 host, in 1 file\n",
    );
    check(
        "validate ../../../examples",
        "",
        "ok: 23 canaries, 25 hosts, in 20 files\n",
    );
    // JSON is YAML.
    let json = coalmine("render plugin sound.yaml").stdout;
    check("validate -", &json, "ok: 1 canary, 1 host, in 1 file\n");
}

#[test]
fn unsound_input() {
    let check = |name: &str, arguments: &str, stdin: &str, code: i32| {
        let ran = coalmine_with(arguments, stdin);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{name}");
        assert_snapshot!(name, ran.stderr);
        // Programs are told the same, in the shape that they know.
        let ran = coalmine_with(&format!("{arguments} -o json"), stdin);
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{name}");
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["ok"], false, "{name}");
        assert_snapshot!(format!("{name}_json"), ran.stdout);
    };
    check("missing_file", "validate missing.yaml", "", 3);
    check("folder_without_yaml", "validate ../commands", "", 2);
    check("empty", "validate -", "", 2);
    check("no_map", "validate -", "hello", 2);
    check("not_yaml", "validate -", "kind: Canary\nspec: [\n", 2);
    check("tab", "validate -", "kind: Canary\nspec:\n\thosts: []\n", 2);
    check("twice", "validate sound.yaml no-endpoints.yaml", "", 2);
}

#[test]
fn a_warning_is_shown_and_stops_nothing() {
    let ran = coalmine("validate nobody-drawn.yaml");
    assert_snapshot!(ran);
    let warning = ran.stderr;
    assert!(warning.starts_with("warning[nobody-drawn]: "), "{warning}");

    let ran = coalmine("validate nobody-drawn.yaml -o json");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], true);
    let found = report["diagnostics"].as_array().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["severity"], "warning");
    assert_eq!(found[0]["code"], "nobody-drawn");

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display();
    for (arguments, to_stdout) in [
        ("explain nobody-drawn.yaml".to_owned(), true),
        ("explain nobody-drawn.yaml -o json".to_owned(), true),
        ("render plugin nobody-drawn.yaml".to_owned(), true),
        (format!("render plugin nobody-drawn.yaml -o {out}"), false),
        (format!("render envoy nobody-drawn.yaml -o {out}"), false),
    ] {
        let ran = coalmine(&arguments);
        assert_eq!(ran.code, 0, "{arguments}: {ran}");
        assert!(ran.stderr.starts_with(&warning), "{arguments}: {ran}");
        assert_eq!(ran.stdout.is_empty(), !to_stdout, "{arguments}: {ran}");
    }

    // Beside an error it is drawn as well, and the files are refused.
    let ran = coalmine("validate nobody-drawn.yaml sound.yaml");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains(warning.trim()), "{ran}");
    assert!(ran.stderr.contains("error[repeated-canary]"), "{ran}");
    assert!(ran.stderr.ends_with("\n2 problems in 2 files\n"), "{ran}");
}

#[test]
fn bytes_that_are_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin.yaml");
    std::fs::write(&path, b"kind: Canary # caf\xe9\n").unwrap();
    let ran = run(command().arg("validate").arg(&path), "");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("is not UTF-8 (at byte 18)"), "{ran}");
    let ran = run(command().args(["validate", "-o", "json"]).arg(&path), "");
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""));
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let found = &report["diagnostics"][0];
    assert_eq!(found["code"], "not-utf8");
    assert_eq!(found["severity"], "error");
    assert_eq!(found["file"].as_str(), path.to_str());
}

/// Whoever mends one file is told of the others in the same run.
#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let data = |name: &str| std::fs::read_to_string(data_folder().join(name)).unwrap();
    std::fs::write(file("a.yaml"), b"kind: Canary # caf\xe9\n").unwrap();
    std::fs::write(file("b.yaml"), data("sound.yaml").replace("5%", "105%")).unwrap();
    std::fs::write(file("c.yaml"), b"\xff").unwrap();
    std::fs::write(
        file("sound.yaml"),
        data("sound.yaml")
            .replace("name: ", "name: x")
            .replace("[reviews]", "[other]"),
    )
    .unwrap();
    let check = |arguments: &[&str], code: i32, codes: &[&str]| {
        let told = |more: &[&str]| {
            let mut command = command();
            command
                .current_dir(folder.path())
                .args(arguments)
                .args(more);
            run(&mut command, "")
        };
        let ran = told(&[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran}");
        let last = format!("\n\n{} problems\n", codes.len());
        assert!(ran.stderr.ends_with(&last), "{ran}");
        if arguments[0] == "validate" {
            let ran = told(&["-o", "json"]);
            let report: Value = serde_json::from_str(&ran.stdout).unwrap();
            let found = report["diagnostics"].as_array().unwrap();
            let found: Vec<&str> = found
                .iter()
                .filter_map(|one| one["code"].as_str())
                .collect();
            assert_eq!(found, codes, "{ran}");
        }
        ran.stderr
    };
    let unread = ["not-utf8", "not-utf8"];
    let all = ["bad-share", "not-utf8", "not-utf8"];
    let said = check(&["validate", "."], 2, &all);
    for part in [
        "./b.yaml:",
        "error: ./a.yaml is not UTF-8",
        "error: ./c.yaml is",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Where something cannot be read at all, the exit code says so.
    let missing = [&all[..], &["unreadable"]].concat();
    check(&["validate", ".", "none.yaml"], 3, &missing);
    check(&["render", "plugin", ".", "none.yaml"], 3, &missing);
    check(&["validate", "sound.yaml", "--against", "."], 2, &unread);
    std::fs::write(file("broken.json"), "{").unwrap();
    let broken = ["not-yaml", "not-utf8", "not-utf8"];
    let said = check(&["validate", "sound.yaml", "--against", "."], 2, &broken);
    assert!(said.contains("broken.json:1:"), "{said}");
}

#[test]
fn colour_only_where_it_is_wanted() {
    let check = |variables: &[(&str, &str)], coloured: bool| {
        let mut command = command();
        command
            .args(["validate", "ten-mistakes.yaml"])
            .current_dir(data_folder())
            .envs(variables.iter().copied());
        let ran = run(&mut command, "");
        assert_eq!(ran.stderr.contains('\x1b'), coloured, "{variables:?}");
    };
    check(&[], false);
    check(&[("CLICOLOR_FORCE", "1")], true);
    check(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = command()
        .args(["validate", "ten-mistakes.yaml", "-o", "json"])
        .current_dir(data_folder())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Manifests beside canaries, and the exit code as the answer.
#[test]
fn manifests_are_held_against_canaries() {
    let check = |name: &str, arguments: &str, stdin: &str, code: i32| {
        let ran = coalmine_with(&format!("validate against/canary.yaml {arguments}"), stdin);
        assert_eq!(ran.code, code, "{name}: {ran}");
        assert_snapshot!(name, ran);
    };
    check("against_good", "--against against/manifests", "", 0);
    check("against_other", "--against against/other.yaml", "", 1);
    check(
        "against_other_json",
        "--against against/other.yaml -o json",
        "",
        1,
    );
    check("against_nothing", "--against -", "", 2);
    check("against_no_yaml", "--against -", "a: [", 2);
    check("against_missing_file", "--against nowhere.yaml", "", 3);
    let ran = coalmine("validate ten-mistakes.yaml --against against/manifests");
    assert_eq!(ran.code, 2, "the canaries come first: {ran}");
    let ran = coalmine("validate against/canary.yaml against/manifests");
    assert_snapshot!("manifests_among_canaries", ran);
}

/// Beside a plugin that pins another module: by its image, and by its bytes where it comes by http.
#[test]
fn the_module_is_the_one_that_is_pinned() {
    use sha2::{Digest, Sha256};
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("coalmine.wasm");
    std::fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
    let image = coalmine_cli::module::Image::of(b"\0asm\x01\0\0\0", None).unwrap();
    let sum: String = Sha256::digest(b"\0asm\x01\0\0\0")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let read = |name: &str| {
        std::fs::read_to_string(data_folder().join("against/manifests").join(name)).unwrap()
    };
    let (routes, plugin) = (read("routes.yaml"), read("plugin.yaml"));
    let module = module.display().to_string();
    let check = |url: &str, told: &[&str]| {
        let plugin = plugin.replace("oci://registry.example.com/coalmine@sha256:aa", url);
        let ran = coalmine_with(
            &format!("validate against/canary.yaml --against - --module {module}"),
            &format!("{routes}---\n{plugin}"),
        );
        assert_eq!(ran.code, i32::from(!told.is_empty()), "{url}: {ran}");
        assert_eq!(
            ran.stderr.contains("other-module"),
            !told.is_empty(),
            "{url}: {ran}"
        );
        for part in told {
            assert!(ran.stderr.contains(part), "{part}: {ran}");
        }
    };
    let digest = &image.manifest.digest;
    check(
        &format!("oci://registry.example.com/coalmine@{digest}"),
        &[],
    );
    check(
        "oci://registry.example.com/coalmine@sha256:aa",
        &[
            "it pins the image with the digest sha256:aa, and",
            &format!("the image that `coalmine module push` makes of {module} has {digest}"),
        ],
    );
    check(&format!("https://example.com/c.wasm\n  sha256: {sum}"), &[]);
    check(
        "https://example.com/c.wasm\n  sha256: aa",
        &[
            "it pins the file with the digest sha256:aa, and",
            &format!("the file of {module} has sha256:{sum}"),
        ],
    );
}
