//! `coalmine render istio`

use crate::run::{coalmine, coalmine_with, command, data_folder, run};
use insta::assert_snapshot;
use std::fs;
use std::path::Path;

const MODULE: &str = "--module oci://r.example.com/coalmine@sha256:\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn objects_as_one_stream_or_as_files() {
    let ran = coalmine(&format!("render istio sound.yaml {MODULE}"));
    assert_snapshot!(ran);

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let written = coalmine(&format!(
        "render istio sound.yaml {MODULE} -o {}",
        out.display()
    ));
    assert_eq!(
        (written.code, written.stdout.as_str()),
        (0, ""),
        "{written}"
    );
    let mut names: Vec<String> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "destinationrule.bookinfo.coalmine-reviews.yaml",
        "virtualservice.bookinfo.coalmine-reviews.yaml",
        "wasmplugin.istio-system.coalmine.yaml",
    ];
    assert_eq!(names, expected);
    let texts: Vec<String> = names
        .iter()
        .map(|name| fs::read_to_string(out.join(name)).unwrap())
        .collect();
    assert_eq!(texts.join("---\n"), ran.stdout);
    let again = coalmine(&format!(
        "render istio sound.yaml {MODULE} -o {}",
        out.display()
    ));
    assert_eq!(again.stderr.matches("unchanged:").count(), 3, "{again}");
}

/// Every option once: a part of what comes out.
#[test]
fn options() {
    let check = |more: &str, parts: &[&str], none: &[&str]| {
        let ran = coalmine(&format!("render istio sound.yaml {MODULE} {more}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{more}: {ran}");
        for part in parts {
            assert!(ran.stdout.contains(part), "{more}: {part} is not in {ran}");
        }
        for part in none {
            assert!(!ran.stdout.contains(part), "{more}: {part} is in {ran}");
        }
    };
    check(
        "",
        &["FAIL_OPEN", "mode: CLIENT", "namespace: istio-system"],
        &["gateways"],
    );
    check(
        "--only plugin",
        &["WasmPlugin"],
        &["VirtualService", "DestinationRule"],
    );
    check(
        "--only routes",
        &["VirtualService", "DestinationRule"],
        &["WasmPlugin"],
    );
    check(
        "--istio 1.30 --traffic-extension",
        &["kind: TrafficExtension"],
        &["WasmPlugin"],
    );
    check(
        "--istio v1.31.2 --traffic-extension",
        &["kind: TrafficExtension"],
        &[],
    );
    check("--istio 1.31", &["kind: WasmPlugin"], &[]);
    check(
        "--fail-strategy reload",
        &["failStrategy: FAIL_RELOAD"],
        &[],
    );
    check("--fail-strategy close", &["failStrategy: FAIL_CLOSE"], &[]);
    check(
        "--selector app=a --selector b=c",
        &["matchLabels:\n      app: a\n      b: c\n"],
        &[],
    );
    check(
        "--plugin-namespace shop",
        &["namespace: shop"],
        &["istio-system"],
    );
    check(
        "--root-namespace root",
        &["namespace: root"],
        &["istio-system"],
    );
    check("--plugin-name other", &["name: other\n"], &[]);
    check("--image-pull-secret s", &["imagePullSecret: s\n"], &[]);
    check(
        "--image-pull-policy always",
        &["imagePullPolicy: Always"],
        &[],
    );
    check(
        "--image-pull-policy if-not-present",
        &["imagePullPolicy: IfNotPresent"],
        &[],
    );
    check(
        "--phase authn --priority -3",
        &["phase: AUTHN", "priority: -3"],
        &[],
    );
    check(
        "--gateway a/b --gateway mesh",
        &["gateways:\n  - a/b\n  - mesh\n"],
        &[],
    );
    check("--gateway mesh", &[], &["gateways"]);
    check(
        "--target-ref GatewayClass/istio-waypoint",
        &[
            "kind: GatewayClass\n    name: istio-waypoint",
            "name: coalmine-istio-waypoint",
        ],
        &["mode:"],
    );
    check(
        "--target-ref Gateway/a --target-ref Service/b --plugin-namespace shop",
        &[
            "name: coalmine-a\n  namespace: shop",
            "kind: Service\n    name: b",
        ],
        &[],
    );
}

#[test]
fn modules() {
    let check = |module: &str, code: i32, said: &str| {
        let ran = coalmine(&format!("render istio sound.yaml {module}"));
        assert_eq!(ran.code, code, "{ran}");
        assert!(
            ran.stderr.contains(said),
            "{module}: {said} is not in {ran}"
        );
        assert_eq!(ran.stdout.is_empty(), code != 0, "{module}: {ran}");
    };
    check(
        "--module oci://r/coalmine:1",
        0,
        "warning: oci://r/coalmine:1 has no digest",
    );
    check("--module https://r/coalmine.wasm", 0, "--sha256");
    let sum = "0123456789abcdef".repeat(4);
    check(&format!("--module https://r/c.wasm --sha256 {sum}"), 0, "");
    check(
        "",
        2,
        "give --module oci://REGISTRY/REPOSITORY@sha256:DIGEST, or make --only routes",
    );
    check("--only plugin", 2, "--module");
    check("--module r/c@sha256:12", 2, "64 digits");
    check(
        "--module ftp://r/c",
        2,
        "oci://, https://, http:// or file://",
    );
    check("--module r/c:1 --sha256 12", 2, "64 digits");
    check(&format!("--sha256 {sum}"), 2, "--module <ADDRESS>");
}

#[test]
fn refused() {
    let check = |more: &str, said: &str| {
        let ran = coalmine(&format!("render istio sound.yaml {MODULE} {more}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{more}: {ran}");
        assert!(ran.stderr.contains(said), "{more}: {said} is not in {ran}");
    };
    check(
        "--traffic-extension",
        "Istio 1.29 has no TrafficExtension: give --istio 1.30",
    );
    check(
        "--traffic-extension --istio 1.28",
        "Istio 1.28 has no TrafficExtension",
    );
    check("--istio new", "a version like 1.30");
    check("--selector app", "LABEL=VALUE");
    check("--selector app=a*", "LABEL=VALUE");
    check(
        "--selector a=b --target-ref Gateway/a",
        "cannot be used with",
    );
    check("--target-ref Pod/a", "Gateway/NAME");
    check(
        "--target-ref Gateway/a",
        "say which with --plugin-namespace",
    );
    check(
        "--target-ref GatewayClass/a --plugin-namespace shop",
        "has to be in the root namespace, istio-system, and not in shop",
    );
    let many: String = (0..17)
        .map(|number| format!("--target-ref Gateway/g{number} "))
        .collect();
    check(
        &format!("{many} --plugin-namespace shop"),
        "16 things at most",
    );
    check("--gateway a/b/c", "NAMESPACE/NAME, or mesh");
    check("--plugin-name Coalmine", "a name of a-z");
    check("--priority 3000000000", "3000000000");
}

#[test]
fn what_istio_lacks_is_drawn_where_it_is_missing() {
    let sound = fs::read_to_string(data_folder().join("sound.yaml")).unwrap();
    let bare = sound.replace("labels: {version: v2}, ", "");
    assert_ne!(bare, sound);
    assert_snapshot!(coalmine_with("render istio - --only routes", &bare));
    let anywhere = sound.replace("namespace: bookinfo", "labels: {}");
    let ran = coalmine_with("render istio - --only routes", &anywhere);
    let note = "note: without `namespace` in its metadata a canary's objects go where kubectl's \
        context is: reviews\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (0, note));
}

/// The commands of the pages, over the canary of each page.
#[test]
fn the_pages_commands_run() {
    let check = |page: &str, expected: usize| {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let text = fs::read_to_string(docs.join(page)).unwrap();
        let block = |rest: &str| rest.split("```").next().unwrap().to_owned();
        let canary = text.split("```yaml\n").nth(1).map(block).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("reviews.yaml"), canary).unwrap();
        let lines = text.split("```console\n").skip(1).map(block);
        let lines: Vec<String> = lines
            .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
            .filter_map(|line| Some(line.strip_prefix("$ coalmine ")?.to_owned()))
            .collect();
        for line in &lines {
            let line = line.replace("--module $MODULE", MODULE);
            let line = line.replace("--module $FORMER", MODULE);
            let mut command = command();
            command.args(shlex::split(&line).unwrap());
            let ran = run(command.current_dir(folder.path()), "");
            assert_eq!(
                (ran.code, ran.stdout.is_empty()),
                (0, line.contains("-o out/")),
                "{line}: {ran}"
            );
        }
        assert_eq!(lines.len(), expected, "{page}");
        assert!(fs::read_dir(folder.path().join("out")).unwrap().count() > 0);
    };
    check("istio.md", 11);
    check("istio-envoyfilter.md", 3);
}
