//! `tests/bad/`: files with a mistake each, whose first lines say what is to be said of them.

use crate::run::{command, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// A line `# expect: CODE LINE:COLUMN MESSAGE`.
#[derive(Debug)]
struct Expected {
    file: String,
    code: String,
    place: String,
    message: String,
}

fn expected(path: &Path) -> Vec<Expected> {
    if path.is_dir() {
        return entries(path)
            .iter()
            .flat_map(|path| expected(path))
            .collect();
    }
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("# expect: "));
    lines
        .map(|line| {
            let mut parts = line.splitn(3, ' ').map(str::to_owned);
            Expected {
                file: path.display().to_string(),
                code: parts.next().unwrap(),
                place: parts.next().unwrap(),
                message: parts.next().unwrap(),
            }
        })
        .collect()
}

#[test]
fn bad_files_are_told_what_is_wrong() {
    let mut checked = 0;
    for path in entries(&root().join("tests/bad")) {
        let name = path.display();
        let expected = expected(&path);
        assert!(!expected.is_empty(), "{name} expects nothing");
        let validate = |more: &[&str]| run(command().arg("validate").arg(&path).args(more), "");

        let ran = validate(&[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{name}: {ran}");
        for Expected {
            file,
            code,
            place,
            message,
        } in &expected
        {
            for drawn in [format!("[{code}]: {message}"), format!("{file}:{place}")] {
                assert!(
                    ran.stderr.contains(&drawn),
                    "{name}: {drawn}\n{}",
                    ran.stderr
                );
            }
        }
        let count = if expected.len() == 1 {
            "1 problem in ".to_owned()
        } else {
            format!("{} problems in ", expected.len())
        };
        assert!(ran.stderr.contains(&count), "{name}: {ran}");

        let ran = validate(&["-o", "json"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{name}: {ran}");
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let found = report["diagnostics"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{name}: {ran}");
        for (found, expected) in found.iter().zip(&expected) {
            let place = format!("{}:{}", found["line"], found["column"]);
            assert_eq!(found["file"], expected.file, "{name}");
            assert_eq!(
                (&found["code"], &place),
                (&expected.code.as_str().into(), &expected.place),
                "{name}"
            );
            assert!(
                found["message"]
                    .as_str()
                    .unwrap()
                    .contains(&expected.message),
                "{name}: {found}"
            );
        }
        checked += 1;
    }
    assert!(checked >= 60, "{checked}");
}

/// Every code that the reader can say is said of a bad file.
#[test]
fn every_code_has_a_bad_file() {
    let mut codes = BTreeSet::new();
    let mut sources = Vec::new();
    for path in entries(&root().join("src/config")) {
        match path.is_dir() {
            true => sources.extend(entries(&path)),
            false => sources.push(path),
        }
    }
    sources.push(root().join("src/yaml.rs"));
    for path in sources {
        let text = fs::read_to_string(path).unwrap();
        // The code is the first word in quotes that has only small letters and `-`, right behind a comma.
        for call in ["report.error(", "report.warning(", "report.clash("] {
            codes.extend(text.split(call).skip(1).filter_map(code_of));
        }
        codes.extend(
            text.split("code: \"")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
    }
    assert!(codes.len() > 30, "{codes:?}");
    // What is not JSON is refused with this in the filter alone: the command reads JSON as YAML. How large
    // a config becomes is known to who renders it; rendering.rs has one.
    assert!(codes.remove("not-json") && codes.remove("config-too-large"));
    let mut said = BTreeSet::new();
    for path in entries(&root().join("tests/bad")) {
        said.extend(expected(&path).into_iter().map(|expected| expected.code));
    }
    let unsaid: Vec<&String> = codes.difference(&said).collect();
    assert!(unsaid.is_empty(), "no bad file has {unsaid:?}");
}

/// The second argument of a call, or the third, if it is a code.
fn code_of(call: &str) -> Option<String> {
    let mut depth = 0;
    for (at, byte) in call.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'"' if depth == 0 => {
                let word = call[at + 1..].split('"').next()?;
                let good =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                return word.bytes().all(good).then(|| word.to_owned());
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

/// What `kubectl get canaries -o yaml` prints is read as it is, and nothing more is passed over.
#[test]
fn lists_of_kubernetes() {
    let object = |more: &str| {
        format!(
            "apiVersion: coalmine.dev/v1alpha1
  kind: Canary
  metadata:
    annotations: {{kubectl.kubernetes.io/last-applied-configuration: '{{}}'}}
    creationTimestamp: \"2026-11-24T09:00:00Z\"
    generation: 1
    managedFields: [{{manager: kubectl, operation: Update}}]
    finalizers: [example.com/kept]
    ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: a, uid: a1}}]
    name: reviews
    namespace: bookinfo
    resourceVersion: \"1042\"
    uid: 0f1e2d3c-0000-4000-8000-000000000000{more}
  spec:
    hosts: [reviews]
    variants: {{stable: {{}}, canary: {{}}}}
    default: stable
  status: {{observed: 1}}\n"
        )
    };
    let list = |head: &str, more: &str| {
        format!(
            "{head}\nmetadata: {{resourceVersion: ''}}\nitems:\n- {}",
            object(more)
        )
    };
    let check = |text: &str, code: i32, said: &str| {
        let ran = run(command().args(["validate", "-"]), text);
        assert_eq!(ran.code, code, "{text}{ran}");
        assert!(ran.to_string().contains(said), "{text}{ran}");
    };
    let ok = "ok: 1 canary, 1 host";
    check(&list("apiVersion: v1\nkind: List", ""), 0, ok);
    check(
        &list("apiVersion: coalmine.dev/v1alpha1\nkind: CanaryList", ""),
        0,
        ok,
    );
    check(&object("").replace("\n  ", "\n"), 0, ok);
    check(
        &list("apiVersion: v1\nkind: List", "\n    uidd: x"),
        2,
        "unknown field `uidd`",
    );
    check(
        &list("apiVersion: v2\nkind: List", ""),
        2,
        "`v2` is no `apiVersion`",
    );
    check(
        &list("apiVersion: v1\nkind: List\nstatus: {}", ""),
        2,
        "unknown field `status`",
    );
    check(
        "apiVersion: v1\nkind: List\nitems: []\n",
        2,
        "there is no canary",
    );
    check(
        "apiVersion: v1\nkind: List\nitems: {}\n",
        2,
        "this is a map, not a list",
    );
    // A problem of a target is found in it as well.
    let ran = run(
        command().args(["render", "envoy", "-o", "/nowhere", "-"]),
        &list("apiVersion: v1\nkind: List", ""),
    );
    assert!(
        ran.stderr.contains("<stdin>:20:") && ran.stderr.contains("no-endpoints"),
        "{ran}"
    );
}
