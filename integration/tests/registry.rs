//! `coalmine module push` to a real registry, and what comes back from it.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use coalmine_integration::client::{Client, Request, Response};
use coalmine_integration::command::coalmine;
use coalmine_integration::registry::{PASSWORD, Registry, USER};
use coalmine_integration::workspace;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

/// What a client of Istio's agent says that it takes.
const ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json,\
    application/vnd.oci.image.manifest.v1+json,application/vnd.oci.image.index.v1+json";

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the command with a Docker config folder of its own.
fn run(docker: &Path, arguments: &[&str], stdin: &str) -> Ran {
    let path = std::env::var("PATH").unwrap();
    let mut child = Command::new(coalmine().unwrap())
        .args(arguments)
        .env("DOCKER_CONFIG", docker)
        .env("PATH", format!("{}:{path}", docker.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn push(docker: &Path, reference: &str, more: &[&str], stdin: &str) -> Ran {
    let module = workspace::module_path();
    let mut arguments = vec![
        "module",
        "push",
        reference,
        "--module",
        module.to_str().unwrap(),
    ];
    arguments.extend(more);
    run(docker, &arguments, stdin)
}

fn get(registry: &Registry, path: &str, authorization: Option<&str>) -> Response {
    let mut request = Request::get(path).header("accept", ACCEPT);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    Client::new(registry.address()).send(&request).unwrap()
}

/// The module in the image of this digest, taken out as Istio's agent does it: a manifest with its
/// own type, and in the last layer, a gzipped tar, `plugin.wasm`.
fn pulled(registry: &Registry, digest: &str, authorization: Option<&str>) -> Vec<u8> {
    let get = |path: String| get(registry, &path, authorization);
    let answer = get(format!("/v2/team/coalmine/manifests/{digest}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let oci = "application/vnd.oci.image.manifest.v1+json";
    assert_eq!(answer.headers["content-type"], oci);
    assert_eq!(answer.headers["docker-content-digest"], digest);
    let manifest: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (&manifest["mediaType"], &manifest["schemaVersion"]),
        (&oci.into(), &2.into())
    );
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap();
        let answer = get(format!("/v2/team/coalmine/blobs/{digest}"));
        assert_eq!(answer.status, 200, "{digest}");
        assert_eq!(descriptor["size"], answer.body.len());
        answer.body
    };
    let layer = manifest["layers"].as_array().unwrap().last().unwrap();
    assert_eq!(
        layer["mediaType"],
        "application/vnd.oci.image.layer.v1.tar+gzip"
    );
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.oci.image.config.v1+json"
    );
    let config: Value = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 1);
    let layer = blob(layer);
    let mut archive = tar::Archive::new(GzDecoder::new(layer.as_ref()));
    let mut entries = archive.entries().unwrap();
    let mut file = entries.next().unwrap().unwrap();
    assert_eq!(file.path().unwrap().to_str(), Some("plugin.wasm"));
    let mut module = Vec::new();
    file.read_to_end(&mut module).unwrap();
    module
}

#[test]
fn what_is_pushed_comes_back_by_its_digest() {
    let registry = Registry::start().unwrap();
    let address = registry.address();
    let docker = tempfile::tempdir().unwrap();
    let module = fs::read(workspace::module_path()).unwrap();
    let repository = format!("{address}/team/coalmine");

    let ran = push(
        docker.path(),
        &format!("{repository}:1.0"),
        &["--tag", "next"],
        "",
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("with the tags 1.0, next"),
        "{}",
        ran.stderr
    );
    let url = ran.stdout.strip_suffix('\n').unwrap().to_owned();
    let digest = url.strip_prefix(&format!("oci://{repository}@")).unwrap();
    assert_eq!(pulled(&registry, digest, None), module);
    for tag in ["1.0", "next"] {
        let answer = get(
            &registry,
            &format!("/v2/team/coalmine/manifests/{tag}"),
            None,
        );
        assert_eq!(answer.headers["docker-content-digest"], digest, "{tag}");
    }

    // Again, in other words: the same digest.
    let ran = push(
        docker.path(),
        &format!("oci://{repository}"),
        &["-o", "json"],
        "",
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let pushed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&pushed["url"], &pushed["tags"]),
        (&json!(url), &json!(["latest"]))
    );
    assert_eq!(pushed["module"]["size"], module.len());
    assert_eq!(pushed["module"]["version"], env!("CARGO_PKG_VERSION"));

    // Another module is another image, and nothing that Envoy cannot load is pushed.
    let other = docker.path().join("other.wasm");
    let with_section = [&module[..], b"\0\x06\x04nameX"].concat();
    fs::write(&other, with_section).unwrap();
    let path = other.to_str().unwrap();
    let ran = run(
        docker.path(),
        &["module", "push", &repository, "--module", path],
        "",
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_ne!(ran.stdout.trim_end(), url);
    fs::write(&other, b"\0asm\x01\0\0\0").unwrap();
    let ran = run(
        docker.path(),
        &["module", "push", &repository, "--module", path],
        "",
    );
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("Envoy cannot load"), "{}", ran.stderr);
}

#[test]
fn a_registry_is_told_who_we_are() {
    let registry = Registry::start_with_password().unwrap();
    let address = registry.address().to_string();
    let reference = format!("{address}/team/coalmine:1.0");
    let docker = tempfile::tempdir().unwrap();
    let config = docker.path().join("config.json");
    let module = fs::read(workspace::module_path()).unwrap();
    // `coalmine:canary` in base64, as `docker login` stores it.
    let basic = "Y29hbG1pbmU6Y2FuYXJ5";
    let authorization = format!("Basic {basic}");
    let accepted = |ran: Ran| {
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let (_, digest) = ran.stdout.trim_end().split_once('@').unwrap();
        assert_eq!(pulled(&registry, digest, Some(&authorization)), module);
    };
    let refused = |ran: Ran, code: i32, part: &str| {
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (code, ""),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
        assert!(!ran.stderr.contains(PASSWORD) && !ran.stderr.contains(basic));
    };

    refused(
        push(docker.path(), &reference, &[], ""),
        3,
        "with no credentials: `docker login",
    );
    let typed = ["--username", USER, "--password-stdin"];
    accepted(push(
        docker.path(),
        &reference,
        &typed,
        &format!("{PASSWORD}\n"),
    ));
    let wrong = "the name coalmine and the password from standard input";
    refused(push(docker.path(), &reference, &typed, "wrong\n"), 3, wrong);
    refused(
        push(docker.path(), &reference, &typed, ""),
        2,
        "no password on standard input",
    );
    let alone = ["--username", USER];
    refused(
        push(docker.path(), &reference, &alone, ""),
        2,
        "--password-stdin",
    );

    let store = |value: Value| fs::write(&config, value.to_string()).unwrap();
    store(json!({"auths": {&address: {"auth": basic}}}));
    accepted(push(docker.path(), &reference, &[], ""));
    store(json!({"auths": {&address: {"auth": "Y29hbG1pbmU6d3Jvbmc="}}}));
    refused(
        push(docker.path(), &reference, &[], ""),
        3,
        "with the credentials in",
    );
    store(json!({"auths": {"other.example.com": {"auth": basic}}}));
    refused(
        push(docker.path(), &reference, &[], ""),
        3,
        "with no credentials",
    );
    store(json!({"auths": {&address: {"identitytoken": "abc", "auth": basic}}}));
    refused(
        push(docker.path(), &reference, &[], ""),
        2,
        "identity token",
    );
    fs::write(&config, "{").unwrap();
    refused(
        push(docker.path(), &reference, &[], ""),
        3,
        "cannot take credentials from",
    );

    // A credential helper is a program on PATH.
    let helper = docker.path().join("docker-credential-test");
    // Written by another process: a program that this one had open could be busy for a moment. It
    // reads what it is asked first, as real ones do: who asks would else find its ear closed.
    let answer = |script: &str| {
        let written = Command::new("sh")
            .args([
                "-c",
                r#"printf '#!/bin/sh\ncat > /dev/null\n%s\n' "$1" > "$2" && chmod +x "$2""#,
                "sh",
                script,
            ])
            .arg(&helper)
            .status()
            .unwrap();
        assert!(written.success());
    };
    store(json!({"credHelpers": {&address: "test"}}));
    answer(&format!(
        r#"echo '{{"Username": "{USER}", "Secret": "{PASSWORD}"}}'"#
    ));
    accepted(push(docker.path(), &reference, &[], ""));
    answer("echo 'credentials not found in native keychain'; exit 1");
    refused(
        push(docker.path(), &reference, &[], ""),
        3,
        "with no credentials",
    );
    answer("echo 'the keychain is locked' >&2; exit 1");
    refused(
        push(docker.path(), &reference, &[], ""),
        3,
        "the keychain is locked",
    );
}

#[test]
fn places_that_are_none_are_named() {
    let docker = tempfile::tempdir().unwrap();
    let check = |reference: &str, more: &[&str], code: i32, part: &str| {
        let ran = push(docker.path(), reference, more, "");
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (code, ""),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    };
    check("team/coalmine", &[], 2, "names no registry");
    check("registry.example.com/Team", &[], 2, "no upper case");
    // Nobody listens on port 1, and no name ends in .invalid.
    check("127.0.0.1:1/coalmine", &[], 3, "cannot reach 127.0.0.1:1");
    check(
        "registry.invalid/coalmine",
        &[],
        3,
        "cannot reach registry.invalid",
    );
    // Somebody who is no registry.
    let upstream = coalmine_integration::upstream::Upstream::start("web").unwrap();
    let web = format!("{}/coalmine", upstream.address());
    check(&web, &[], 3, "did not take the module");
    // For programs the problem is JSON, on standard output.
    let ran = push(docker.path(), "127.0.0.1:1/coalmine", &["-o", "json"], "");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &report["ok"]), (3, &json!(false)));
}

/// The commands of the page, with this registry in place of the one in it.
#[test]
fn the_commands_of_the_page_run() {
    let page = fs::read_to_string(workspace::root().join("docs/module.md")).unwrap();
    let registry = Registry::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut codes = Vec::new();
    for block in page.split("```console\n").skip(1) {
        let lines = block.split("```").next().unwrap().lines();
        for line in lines.filter_map(|line| line.strip_prefix("$ coalmine ")) {
            let line = line.replace("registry.example.com", &registry.address().to_string());
            let ran = Command::new(coalmine().unwrap())
                .args(line.split(' '))
                .current_dir(folder.path())
                .env("DOCKER_CONFIG", folder.path())
                .output()
                .unwrap();
            codes.push((line.clone(), ran.status.code().unwrap()));
            if line.starts_with("module extract") {
                // The command of this test carries none; a released one does.
                fs::copy(
                    workspace::module_path(),
                    folder.path().join("coalmine.wasm"),
                )
                .unwrap();
            }
        }
    }
    let codes: Vec<i32> = codes.into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [2, 0, 0]);
}
