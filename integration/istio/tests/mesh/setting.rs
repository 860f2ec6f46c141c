//! What every test on Istio begins with: a mesh, the module in a registry, and the command.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use coalmine::config::Canaries;
use coalmine::diagnostic::any_error;
use coalmine::yaml::{self, Source};
use coalmine_cli::explain::explain_request;
use coalmine_cli::request::RequestArgs;
use coalmine_integration::client::{Client, Request};
use coalmine_integration::registry::Registry;
use coalmine_integration::service::eventually;
use coalmine_integration::{command, workspace};
use coalmine_istio::mesh::{Mesh, Options};
use coalmine_istio::programs::Programs;
use coalmine_istio::release;
use coalmine_manifests::prometheus::istio_stat_tags;
use serde_json::json;

/// How long a change may take to arrive on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A registry with the module, for the tests of this process.
static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::start().unwrap());

/// Starts a mesh of this name; what takes long says so.
pub(crate) fn mesh(name: &str, options: &Options) -> Mesh {
    let begun = Instant::now();
    let say = |line: &str| eprintln!("{:5.1} s  {name}: {line}", begun.elapsed().as_secs_f64());
    let release = release::wanted().unwrap();
    let programs = Programs::ensure(release, &release.wanted_envoy(), &say).unwrap();
    let mesh = Mesh::start(programs, name, options, &say).unwrap();
    say("it stands");
    mesh
}

/// A mesh for all tests that keep to namespaces of their own. Its proxies make labels of metrics,
/// and it knows waypoints.
pub(crate) fn shared() -> &'static Mesh {
    static SHARED: LazyLock<Mesh> = LazyLock::new(|| {
        let mesh_config = json!({"defaultConfig": {"extraStatTags": istio_stat_tags()}});
        let options = Options {
            gateway_api: true,
            mesh_config: Some(mesh_config),
            // Sidecars and gateways are as they are without it.
            environment: vec![("PILOT_ENABLE_AMBIENT", "true")],
        };
        mesh("shared", &options)
    });
    &SHARED
}

/// Where the module is, with its digest: `coalmine module push` has pushed it.
pub(crate) fn module() -> &'static str {
    static PUSHED: OnceLock<String> = OnceLock::new();
    PUSHED.get_or_init(|| push(&workspace::module_path(), "coalmine:test").unwrap())
}

/// Where the registry of these tests is.
pub(crate) fn registry() -> SocketAddr {
    REGISTRY.address()
}

/// Pushes a module to the registry of these tests, and gives its address with the digest.
pub(crate) fn push(module: &Path, name: &str) -> Result<String> {
    let reference = format!("{}/{name}", registry());
    let module = module.display().to_string();
    let out = coalmine(&["module", "push", &reference, "--module", &module], "")?;
    Ok(out.trim().to_owned())
}

/// The canaries of a YAML text.
pub(crate) fn read(text: &str) -> Canaries {
    let sources = [Source {
        name: "canary.yaml".to_owned(),
        text: text.to_owned(),
    }];
    let (canaries, found) = yaml::read(&sources);
    assert!(!any_error(&found), "{found:#?}");
    canaries
}

/// What the command says about a request: the variant, and why.
pub(crate) fn explained(canaries: &Canaries, request: &RequestArgs) -> (String, String) {
    let decision = explain_request(canaries, request)
        .unwrap()
        .decision
        .unwrap();
    (decision.variant, decision.reason)
}

/// Runs `coalmine` with this on its standard input, and gives its standard output.
pub(crate) fn coalmine(arguments: &[&str], input: &str) -> Result<String> {
    let output = attempt(arguments, input)?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("coalmine {} failed:\n{complaint}{out}", arguments.join(" "));
    }
    Ok(out)
}

/// Runs `coalmine`, whatever comes of it.
pub(crate) fn attempt(arguments: &[&str], input: &str) -> Result<Output> {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| command::coalmine().unwrap());
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), input)?;
    Command::new(&*PROGRAM)
        .args(arguments)
        .stdin(file.reopen()?)
        .output()
        .context("cannot start coalmine")
}

/// What `coalmine render istio` makes of canaries, with the module of these tests.
pub(crate) fn rendered(canaries: &str, options: &[&str]) -> String {
    let arguments = ["render", "istio", "-", "--module", module()];
    coalmine(&[&arguments[..], options].concat(), canaries).unwrap()
}

/// The requests that go through one listener of a proxy.
pub(crate) fn client(port: u16) -> Client {
    Client::new(SocketAddr::from(([127, 0, 0, 1], port)))
}

/// So many that all workers of a proxy are met, and that two versions without a route that tells
/// them apart do not pass for one.
const CONNECTIONS: usize = 16;

/// Waits until a request is answered by this version, whichever worker of the proxy it meets.
pub(crate) fn wait_for(client: &Client, request: &Request, version: &str) -> Duration {
    let begun = Instant::now();
    eventually(&format!("answers of {version}"), PATIENCE, || {
        for answer in client.send_on_each(CONNECTIONS, request)? {
            let (status, name) = (answer.status, answer.served_by());
            ensure!(
                status == 200 && name == version,
                "{status} {name} {}",
                answer.text()
            );
        }
        Ok(())
    })
    .unwrap();
    begun.elapsed()
}
