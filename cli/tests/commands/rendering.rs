//! `coalmine render`

use crate::run::{Ran, coalmine, command, data_folder, run};
use insta::assert_snapshot;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn render(folder: &Path, more: &[&str]) -> Ran {
    let mut command = command();
    command
        .args(["render", "envoy", "sound.yaml", "-o"])
        .arg(folder)
        .args(more)
        .current_dir(data_folder());
    run(&mut command, "")
}

#[test]
fn the_plugins_config() {
    let ran = coalmine("render plugin sound.yaml");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let read = coalmine::config::read_json(ran.stdout.as_bytes()).unwrap();
    assert_eq!(read.canaries.len(), 1);
    assert_eq!(read.canaries[0].full_name(), "bookinfo/reviews");
    // Where things run is Envoy's business.
    assert!(!ran.stdout.contains("endpoints"));
}

#[test]
fn envoys_files() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("deep/run");
    let ran = render(&out, &[]);
    let shown = ran
        .to_string()
        .replace(folder.path().to_str().unwrap(), "TMP");
    assert_snapshot!(shown);
    let bootstrap = fs::read_to_string(out.join("envoy.yaml")).unwrap();
    let module = format!("{}/coalmine.wasm", out.display());
    let watched = fs::read_to_string(out.join("xds/coalmine.json")).unwrap();
    assert!(watched.contains(&module));
    assert!(bootstrap.contains(&format!("path: {}/xds/coalmine.json", out.display())));
    // Envoy often runs as another user.
    let mode = fs::metadata(out.join("envoy.yaml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    // Nothing is left of the files that were renamed.
    assert_eq!(fs::read_dir(out.join("xds")).unwrap().count(), 1);
}

#[test]
fn only_what_differs_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let inode =
        |name: &str| std::os::unix::fs::MetadataExt::ino(&fs::metadata(out.join(name)).unwrap());
    let module = [
        "--module",
        "/lib/coalmine.wasm",
        "--folder",
        "/etc/coalmine/",
    ];
    assert_eq!(render(out, &module).code, 0);
    let names = ["envoy.yaml", "xds/coalmine.json"];
    let before = names.map(inode);
    let again = render(out, &module);
    assert_eq!(again.stderr.matches("unchanged:").count(), 2, "{again}");
    assert_eq!(names.map(inode), before);

    // A share is changed in the watched file alone, which a running Envoy takes over.
    let sound = fs::read_to_string(data_folder().join("sound.yaml")).unwrap();
    let mut command = command();
    command
        .args(["render", "envoy", "-", "-o"])
        .arg(out)
        .args(module);
    let changed = run(&mut command, &sound.replace("canary: 5%", "canary: 6%"));
    assert!(
        changed.stderr.contains("unchanged:") && changed.stderr.contains("replaced"),
        "{changed}"
    );
    assert_eq!(inode("envoy.yaml"), before[0]);
    assert_ne!(inode("xds/coalmine.json"), before[1]);

    let restarted = render(out, &[&module[..], &["--listen", "127.0.0.1:0"]].concat());
    assert!(restarted.stderr.contains("restart it"), "{restarted}");
    let bootstrap = fs::read_to_string(out.join("envoy.yaml")).unwrap();
    assert!(bootstrap.contains("path: /etc/coalmine/xds/coalmine.json"));
}

#[test]
fn what_envoy_lacks_is_drawn_where_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command();
    command
        .args(["render", "envoy", "sound.yaml", "no-endpoints.yaml", "-o"])
        .arg(folder.path())
        .current_dir(data_folder());
    // The same canary twice is found first.
    assert_eq!(run(&mut command, "").code, 2);
    let ran = coalmine("render envoy no-endpoints.yaml -o /nowhere");
    assert_snapshot!(ran);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let ran = render(&file, &[]);
    assert_eq!(ran.code, 3, "{ran}");
    assert!(ran.stderr.starts_with("error: cannot write "), "{ran}");
}

/// Every change but one of the bootstrap reaches a running Envoy, clusters before what names them.
#[test]
fn watched_files_are_replaced_in_an_order_that_loses_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let sound = fs::read_to_string(data_folder().join("sound.yaml")).unwrap();
    let other = "---
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: other}
spec:
  hosts: [other]
  variants: {one: {endpoints: [\"127.0.0.1:1\"]}, two: {endpoints: [\"127.0.0.1:2\"]}}
  default: one
";
    let check = |text: &str, expected: &[&str]| {
        let mut command = command();
        command.args(["render", "envoy", "-", "--xds", "--module", "/m.wasm", "-o"]);
        let ran = run(command.arg(out), text);
        assert_eq!(ran.code, 0, "{ran}");
        let written = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with("wrote") || line.starts_with("replaced"));
        let written: Vec<&str> = written
            .map(|line| line.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(written, expected, "{ran}");
        assert!(!ran.stderr.contains("restart"), "{ran}");
    };
    let all = [
        "envoy.yaml",
        "cds.json",
        "lds.json",
        "rds.json",
        "coalmine.json",
    ];
    check(&sound, &all);
    check(&sound, &[]);
    check(
        &sound.replace("canary: 5%", "canary: 6%"),
        &["coalmine.json"],
    );
    let both = format!("{sound}{other}");
    check(&both, &["cds.json", "rds.json", "coalmine.json"]);
    // Going, the clusters stay until nothing names them: at first they are as they were.
    check(&sound, &["rds.json", "coalmine.json", "cds.json"]);
    let cds = fs::read_to_string(out.join("xds/cds.json")).unwrap();
    assert!(!cds.contains("other"));
}

/// Of a canary that is gone nothing comes back by `kubectl apply -f`.
#[test]
fn what_an_earlier_render_left() {
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |arguments: &str| {
        let arguments = shlex::split(arguments).unwrap();
        run(command().args(arguments).current_dir(folder.path()), "")
    };
    let canary = |name: &str| {
        format!(
            "apiVersion: coalmine.dev/v1alpha1\nkind: Canary\nmetadata: {{name: {name}, namespace: n}}\n\
             spec:\n  hosts: [{name}]\n  variants: {{a: {{labels: {{v: a}}}}, b: {{labels: {{v: b}}}}}}\n  \
             default: a\n"
        )
    };
    let both = canary("one") + "---\n" + &canary("two");
    fs::write(folder.path().join("canaries.yaml"), both).unwrap();
    let render = "render istio canaries.yaml --only routes -o out";
    assert_eq!(in_folder(render).code, 0);
    let out = folder.path().join("out");
    let names = || {
        let entries = fs::read_dir(&out).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let all = names();
    assert_eq!(all.len(), 4, "{all:?}");
    // Somebody else's, be it in the same file with one of ours, are left alone.
    let ours = fs::read_to_string(out.join("virtualservice.n.coalmine-two.yaml")).unwrap();
    fs::write(
        out.join("theirs.yaml"),
        "kind: Service\nmetadata: {name: s}\n",
    )
    .unwrap();
    fs::write(out.join("mixed.yaml"), ours + "---\nkind: Service\n").unwrap();
    fs::write(folder.path().join("canaries.yaml"), canary("one")).unwrap();

    let warned = in_folder(render);
    assert_eq!((warned.code, names().len()), (0, 6), "{warned}");
    assert_eq!(warned.stderr.matches("warning: ").count(), 2, "{warned}");
    for kind in ["destinationrule", "virtualservice"] {
        let stale = format!("warning: out/{kind}.n.coalmine-two.yaml is of an earlier render");
        assert!(warned.stderr.contains(&stale), "{warned}");
    }
    let pruned = in_folder(&format!("{render} --prune"));
    assert_eq!(pruned.stderr.matches("removed out/").count(), 2, "{pruned}");
    let left = [
        "destinationrule.n.coalmine-one.yaml",
        "mixed.yaml",
        "theirs.yaml",
        "virtualservice.n.coalmine-one.yaml",
    ];
    assert_eq!(names(), left);
    let refused = in_folder("render istio canaries.yaml --only routes --prune");
    assert_eq!(refused.code, 2, "{refused}");
}

/// `-` is standard output, and no file of that name comes to be.
#[test]
fn to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        data_folder().join("sound.yaml"),
        folder.path().join("c.yaml"),
    )
    .unwrap();
    let check = |arguments: &str, code: i32, needed: &str| {
        let arguments = shlex::split(arguments).unwrap();
        let ran = run(command().args(arguments).current_dir(folder.path()), "");
        assert_eq!(ran.code, code, "{ran}");
        let text = if code == 0 { &ran.stdout } else { &ran.stderr };
        assert!(text.contains(needed), "{ran}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{needed}");
    };
    check("schema -o -", 0, "$schema");
    check("render plugin c.yaml -o -", 0, "\"kind\":\"Plugin\"");
    check(
        "render istio c.yaml --only routes -o -",
        0,
        "kind: VirtualService",
    );
    check("render envoy c.yaml -o -", 2, "name a folder");
    check("simulate c.yaml --units 10 --svg -", 2, "name a file");
}

/// The same file makes the same objects, however it is named.
#[test]
fn a_source_is_called_by_its_name_alone() {
    let path = data_folder().join("sound.yaml");
    let by = |name: &str| coalmine(&format!("render istio {name} --only routes")).stdout;
    let plain = by("sound.yaml");
    assert!(plain.contains("coalmine.dev/source: sound.yaml"), "{plain}");
    assert_eq!(by("./sound.yaml"), plain);
    assert_eq!(by(path.to_str().unwrap()), plain);
}

/// What the filter would refuse because of its size is rendered for nobody.
#[test]
fn what_is_too_large_for_proxies_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let values: String = (0..300_000).map(|n| format!("user-{n:010},")).collect();
    let text = format!(
        "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: shop, namespace: shop}}
spec:
  hosts: [shop]
  variants:
    stable: {{endpoints: ['127.0.0.1:1'], labels: {{version: v1}}}}
    canary: {{endpoints: ['127.0.0.1:2'], labels: {{version: v2}}}}
  default: stable
  rules: [{{name: staff, when: {{header: {{name: x-user-id, in: [{values}]}}}}, route: canary}}]
"
    );
    fs::write(folder.path().join("shop.yaml"), text).unwrap();
    for target in [
        "plugin",
        "envoy -o run",
        "istio --module oci://registry.example.com/coalmine@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "istio-envoyfilter --module /var/lib/coalmine.wasm",
    ] {
        let words = format!("render {target} shop.yaml");
        let words = shlex::split(&words).unwrap();
        let ran = run(command().args(words).current_dir(folder.path()), "");
        assert_eq!(ran.code, 2, "{target}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("at most 4194304 are taken"),
            "{target}: {}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains("give a proxy only the canaries"),
            "{}",
            ran.stderr
        );
    }
}

/// Where nothing more can be written, what is in force stays so, and nothing is left lying about.
#[test]
fn a_disk_that_is_full_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    assert_eq!(render(&out, &[]).code, 0);
    let files = || {
        let mut files = Vec::new();
        let mut folders = vec![out.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push((fs::read(&path).unwrap(), path)),
                }
            }
        }
        files.sort();
        files
    };
    let before = files();
    assert!(before.len() > 1);
    let text = fs::read_to_string(data_folder().join("sound.yaml")).unwrap();
    let changed = text.replace("5%", "6%");
    assert_ne!(changed, text);
    fs::write(folder.path().join("sound.yaml"), changed).unwrap();
    // A limit of no bytes, which a process that ignores the signal meets as an error of the write.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" render envoy sound.yaml -o out";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_coalmine")]);
    let ran = run(shell.current_dir(folder.path()), "");
    assert_eq!(ran.code, 3, "{ran}");
    assert!(ran.stderr.contains("cannot write"), "{ran}");
    assert_eq!(files(), before);
}
