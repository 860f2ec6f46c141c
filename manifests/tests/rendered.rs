//! `manifests/rendered/`: what every example becomes, checked in so that a change can be read.
//!
//! `UPDATE=1 cargo test -p coalmine-manifests` writes it anew; without it the test compares.

mod examples;

use coalmine::config::plugin_json;
use coalmine::{Node, yaml};
use coalmine_manifests::envoy::{self, Form};
use coalmine_manifests::envoy_filter::{self, Code};
use coalmine_manifests::gateway_api;
use coalmine_manifests::istio::{self, Extension, Kind, Module, Placement, Routes, TargetRef};
use coalmine_manifests::{Error, File, check};
use examples::Example;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What to do with files that are made.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Write,
    Check,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, by its path from there.
fn files_below(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    files
}

/// A target: the name of its folder, and what it makes.
type Target = (&'static str, fn(&Example) -> Result<Vec<File>, Error>);

const TARGETS: &[Target] = &[
    ("envoy", |example| envoy(example, Form::Static)),
    ("envoy-xds", |example| envoy(example, Form::Xds)),
    ("istio", |example| istio(example, Extension::new(module()))),
    ("istio-traffic-extension", traffic_extension),
    ("istio-waypoint", waypoint),
    ("gateway-api", |example| gateway_api(example, false)),
    ("gateway-api-grpc", |example| gateway_api(example, true)),
    ("istio-envoyfilter", envoy_filter),
    (
        "istio-envoyfilter-governed",
        envoy_filter_for_governed_hosts,
    ),
    ("istio-envoyfilter-remote", envoy_filter_with_remote_code),
    ("istio-envoyfilter-routes", envoy_filter_with_routes),
    ("plugin", plugin),
];

/// The digest of a module that is nowhere.
const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn envoy(example: &Example, form: Form) -> Result<Vec<File>, Error> {
    let options = envoy::Options {
        form,
        ..envoy::Options::default()
    };
    envoy::render(&example.canaries, &example.provenance, &options)
}

/// The address of a module.
fn address() -> String {
    format!("oci://registry.example.com/coalmine@sha256:{DIGEST}")
}

fn module() -> Module {
    Module::new(&address(), None).unwrap()
}

fn istio(example: &Example, extension: Extension) -> Result<Vec<File>, Error> {
    let options = istio::Options {
        extension: Some(extension),
        routes: Some(Routes::default()),
    };
    istio::render(&example.canaries, &example.provenance, &options)
}

fn traffic_extension(example: &Example) -> Result<Vec<File>, Error> {
    let extension = Extension {
        kind: Kind::TrafficExtension,
        ..Extension::new(module())
    };
    istio(example, extension)
}

fn waypoint(example: &Example) -> Result<Vec<File>, Error> {
    let waypoint = TargetRef::parse("Gateway/waypoint").unwrap();
    let extension = Extension {
        namespace: "bookinfo".to_owned(),
        placement: Placement::Targets(vec![waypoint]),
        ..Extension::new(module())
    };
    istio(example, extension)
}

fn plugin(example: &Example) -> Result<Vec<File>, Error> {
    let contents = plugin_json(&example.canaries).map_err(Error::Json)?;
    Ok(vec![File {
        name: "plugin.json".to_owned(),
        contents,
    }])
}

/// Routes of a gateway; an example without services has none.
fn gateway_api(example: &Example, grpc: bool) -> Result<Vec<File>, Error> {
    let canaries = example.canaries.canaries.iter();
    let mut variants = canaries.flat_map(|canary| &canary.spec.variants);
    if variants.any(|(_, variant)| variant.service.is_none()) {
        return Ok(Vec::new());
    }
    let public = gateway_api::Gateway {
        namespace: Some("infra".to_owned()),
        name: "public".to_owned(),
        section: None,
    };
    let options = gateway_api::Options {
        gateways: vec![public],
        grpc,
    };
    gateway_api::render(&example.canaries, &example.provenance, &options)
}

fn local() -> Code {
    Code::Local("/var/lib/coalmine/coalmine.wasm".to_owned())
}

fn envoy_filter(example: &Example) -> Result<Vec<File>, Error> {
    let options = envoy_filter::Options::new(local());
    envoy_filter::render(&example.canaries, &example.provenance, &options)
}

fn envoy_filter_with_remote_code(example: &Example) -> Result<Vec<File>, Error> {
    let code = Code::Remote {
        uri: address(),
        sha256: DIGEST.to_owned(),
    };
    let options = envoy_filter::Options::new(code);
    envoy_filter::render(&example.canaries, &example.provenance, &options)
}

fn envoy_filter_for_governed_hosts(example: &Example) -> Result<Vec<File>, Error> {
    let mut hosts = example.canaries.canaries.iter();
    if example.canaries.edge || hosts.any(|one| one.spec.hosts.iter().any(|it| it.contains('*'))) {
        return Ok(Vec::new());
    }
    let options = envoy_filter::Options {
        only_governed_hosts: true,
        ..envoy_filter::Options::new(local())
    };
    envoy_filter::render(&example.canaries, &example.provenance, &options)
}

fn envoy_filter_with_routes(example: &Example) -> Result<Vec<File>, Error> {
    let example = example.in_a_cluster();
    let options = envoy_filter::Options {
        routes: true,
        ..envoy_filter::Options::new(local())
    };
    envoy_filter::render(&example.canaries, &example.provenance, &options)
}

fn rendered() -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    for example in examples::all() {
        for (target, render) in TARGETS {
            let folder = PathBuf::from(target).join(&example.name);
            for file in render(&example).unwrap() {
                files.insert(folder.join(file.name), file.contents);
            }
        }
    }
    files
}

#[test]
fn examples_are_rendered_as_checked_in() {
    let mode = match std::env::var_os("UPDATE") {
        Some(_) => Mode::Write,
        None => Mode::Check,
    };
    let folder = root().join("rendered");
    let made = rendered();
    if mode == Mode::Write {
        let _ = fs::remove_dir_all(&folder);
        for (name, contents) in &made {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
    }
    let advice = "read the difference, then: UPDATE=1 cargo test -p coalmine-manifests";
    let there = files_below(&folder);
    let names = |files: &BTreeMap<PathBuf, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&there), "{advice}");
    for (name, contents) in &made {
        assert_eq!(contents, &there[name], "{}: {advice}", name.display());
    }
}

/// What is made for a mesh agrees with the canaries that it was made of.
#[test]
fn what_is_rendered_agrees() {
    let mut tried = 0;
    for example in examples::all() {
        for (target, render) in TARGETS {
            let files = render(&example).unwrap();
            if files.is_empty() {
                // An example without services is nothing for the Gateway API.
                continue;
            }
            let nodes: Vec<Node> = files
                .iter()
                .flat_map(|file| yaml::parse(&file.contents, 0).unwrap())
                .collect();
            let nodes = nodes.iter().map(|node| (0, node));
            let canaries = match *target {
                "istio-envoyfilter-routes" => example.in_a_cluster().canaries,
                _ => example.canaries.clone(),
            };
            let result = check::check(&canaries, nodes, &check::Options::default());
            if target.starts_with("envoy") || *target == "plugin" {
                // Those are no manifests, and are not taken for some; the filter's config has a kind,
                // but is no plugin of a mesh.
                let kinds = usize::from(*target == "plugin");
                let seen = (result.objects, result.plugins);
                assert_eq!(seen, (kinds, 0), "{target}/{}", example.name);
                continue;
            }
            let found = &result.found;
            assert!(found.is_empty(), "{target}/{}: {found:#?}", example.name);
            // Routes may come without a plugin, which is then somebody else's.
            let mut missing = result.missing.iter();
            let missing = missing.find(|one| match one.code {
                "no-plugin" => result.plugins > 0,
                // Nor does an EnvoyFilter with the filter have routes; those in one are not looked for.
                "no-routes" => !target.starts_with("istio-envoyfilter"),
                _ => true,
            });
            assert_eq!(missing, None, "{target}/{}", example.name);
            tried += 1;
        }
    }
    assert!(tried > 0);
}
