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

/// An HTTPRoute, whose variants are Services: put in twice, changed, and taken out again.
#[test]
fn rules_of_the_gateway_api() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yaml");
    let canary = |name: &str| data_folder().join(name).display().to_string();
    let text = fs::read_to_string(data_folder().join("gateway-routes.yaml")).unwrap();
    fs::write(&path, &text).unwrap();
    let check = |arguments: &str, code: i32, said: &str| {
        let ran = coalmine(&format!(
            "render gateway-api {arguments} {}",
            path.display()
        ));
        assert_eq!(ran.code, code, "{arguments}: {ran}");
        assert!(ran.to_string().contains(said), "{arguments}: {ran}");
        fs::read_to_string(&path).unwrap()
    };
    let shop = canary("shop.yaml");
    assert_eq!(
        check(
            &format!("{shop} --check --into"),
            1,
            "+    name: main-canary"
        ),
        text
    );
    let once = check(&format!("{shop} -i --into"), 0, "replaced ");
    assert_snapshot!(once);
    assert_eq!(check(&format!("{shop} -i --into"), 0, "unchanged: "), once);
    assert_eq!(
        check(&format!("{shop} --check --into"), 0, "exit code 0"),
        once
    );
    assert_eq!(check("-i --out-of", 0, "replaced "), text);
    assert_eq!(check("-i --out-of", 0, "unchanged: "), text);
    // Subsets are not of this API, and neither are VirtualServices.
    let sound = canary("sound.yaml");
    assert_eq!(
        check(&format!("{sound} -i --into"), 2, "no rule here reaches"),
        text
    );
    fs::write(&path, routes()).unwrap();
    assert_eq!(
        check(&format!("{shop} -i --into"), 2, "there is no HTTPRoute"),
        routes()
    );
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
    for target in ["istio", "gateway-api"] {
        let arguments = format!("render {target} sound.yaml --into good.yaml -o out");
        check(&arguments, "cannot be used with");
    }
}

#[test]
fn the_page() {
    check_page("into.md", &["reviews.yaml", "routes.yaml"], &[1, 0, 0, 0]);
}
