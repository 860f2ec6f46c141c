//! `coalmine render istio --into` and `--out-of`

use crate::pages::check_page;
use crate::run::{coalmine, coalmine_with, command, data_folder, run};
use insta::assert_snapshot;
use std::fs;
use std::os::unix::fs::symlink;

fn routes() -> String {
    fs::read_to_string(data_folder().join("routes.yaml")).unwrap()
}

#[test]
fn printed() {
    let ran = coalmine("render istio sound.yaml --into routes.yaml");
    assert_snapshot!(ran);
    let piped = coalmine_with("render istio sound.yaml --into -", &routes());
    assert_eq!((piped.code, &piped.stdout), (0, &ran.stdout), "{piped}");
    for canaries in ["", "sound.yaml"] {
        let back = coalmine_with(&format!("render istio {canaries} --out-of -"), &ran.stdout);
        assert_eq!((back.code, back.stdout), (0, routes()), "{}", back.stderr);
    }
}

#[test]
fn several_files_are_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    let text = routes();
    let (routes, rule) = text.split_once("---\n").unwrap();
    fs::write(folder.path().join("a.yaml"), rule.trim_end()).unwrap();
    fs::write(folder.path().join("b.yaml"), routes).unwrap();
    let ran = coalmine(&format!(
        "render istio sound.yaml --into {}",
        folder.path().display()
    ));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran}");
    let back = coalmine_with("render istio --out-of -", &ran.stdout);
    assert_eq!(back.stdout, format!("{rule}---\n{routes}"));
}

#[test]
fn in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.yaml");
    let link = folder.path().join("link.yaml");
    fs::write(&path, routes()).unwrap();
    symlink("theirs.yaml", &link).unwrap();
    let check = |arguments: &str, code: i32, said: &str| {
        let arguments = format!("render istio sound.yaml {arguments}");
        let ran = coalmine(&format!("{arguments} {}", link.display()));
        assert_eq!(ran.code, code, "{arguments}: {ran}");
        assert!(ran.to_string().contains(said), "{arguments}: {ran}");
    };
    check("--check --into", 1, "+    - match:");
    assert_eq!(fs::read_to_string(&path).unwrap(), routes());
    check("-i --into", 0, "replaced ");
    check("--check --into", 0, "exit code 0");
    check("-i --into", 0, "unchanged: ");
    check("--check --out-of", 1, "-    - match:");
    check("-i --out-of", 0, "replaced ");
    assert_eq!(fs::read_to_string(&path).unwrap(), routes());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

/// Nothing is written if one of several files is refused.
#[test]
fn refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("good.yaml", &routes());
    let flow = "kind: VirtualService\napiVersion: networking.istio.io/v1\nmetadata: {name: a, namespace: bookinfo}\n\
                spec:\n  hosts: [reviews]\n  http: [{route: [{destination: {host: reviews, subset: v1}}]}]\n";
    write("flow.yaml", flow);
    write(
        "template.yaml",
        "kind: VirtualService\nspec:\n  {{- if .Values.canary }}\n  hosts: []\n  {{- end }}\n",
    );
    write(
        "bare.yaml",
        &fs::read_to_string(data_folder().join("sound.yaml"))
            .unwrap()
            .replace("labels: {version: v2}, ", ""),
    );
    fs::copy(
        data_folder().join("sound.yaml"),
        folder.path().join("sound.yaml"),
    )
    .unwrap();
    let ran = |arguments: &str| {
        let arguments = shlex::split(arguments).unwrap();
        run(command().args(arguments).current_dir(folder.path()), "")
    };
    assert_snapshot!(ran(
        "render istio sound.yaml -i --into good.yaml --into flow.yaml"
    ));
    assert_snapshot!(ran("render istio sound.yaml -i --into template.yaml"));
    assert_snapshot!(ran("render istio bare.yaml -i --into good.yaml"));
    let untouched = fs::read_to_string(folder.path().join("good.yaml")).unwrap();
    assert_eq!(untouched, routes());
    let check = |arguments: &str, needed: &str| {
        let ran = ran(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments}");
        assert!(ran.stderr.contains(needed), "{arguments}: {ran}");
    };
    check("render istio - --into -", "both come by standard input");
    check(
        "render istio sound.yaml -i --into -",
        "leave --in-place out",
    );
    check("render istio sound.yaml --check", "name them with --into");
    check("render istio --into good.yaml", "<FILE|FOLDER>");
    check(
        "render istio sound.yaml --into good.yaml -o out",
        "cannot be used with",
    );
}

#[test]
fn the_page() {
    check_page("into.md", &["reviews.yaml", "routes.yaml"], &[1, 0, 0, 0]);
}
