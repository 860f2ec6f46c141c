//! The path from a file of canaries to a request: every step of it, with the canaries and the
//! requests of the other integration tests.

use std::fs;

use anyhow::{Result, ensure};
use coalmine::config::{Canaries, Service};
use coalmine_cli::example::{self, Promise};
use coalmine_integration::client::{Client, Request};
use coalmine_integration::decisions::{self, Decided, since};
use coalmine_integration::service::eventually;
use coalmine_integration::workspace;
use coalmine_istio::mesh::{Mesh, Options};
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Proxy, Role};
use coalmine_istio::workload::{Workload, gateway};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::setting::{self, PATIENCE, module};

/// Where everything is here.
const NAMESPACE: &str = "web";

/// What the labels of our metrics need in the mesh's config.
const STAT_TAGS: [&str; 3] = ["canary", "variant", "reason"];

#[test]
fn what_explain_says_happens_at_the_gateway_and_in_the_sidecar() {
    let text = fs::read_to_string(workspace::root().join("integration/tests/requests/mesh.yaml"));
    let text = text.unwrap();
    let canaries = for_a_mesh(setting::read(&text));
    let promises = example::promises(&text).unwrap();
    assert!(promises.len() >= 110, "{}", promises.len());

    let options = Options {
        mesh_config: Some(json!({"defaultConfig": {"extraStatTags": STAT_TAGS}})),
        ..Options::default()
    };
    let mesh = setting::mesh("path", &options);
    let kubectl = &mesh.cluster.kubectl;
    mesh.namespace(NAMESPACE).unwrap();
    let [inside, edge] = ports::some().unwrap();
    let workloads = workloads(&canaries, inside);
    for workload in &workloads {
        kubectl.apply(&workload.objects()).unwrap();
    }
    kubectl
        .apply(&gateway(NAMESPACE, "edge", edge).to_string())
        .unwrap();
    kubectl
        .apply(&hosts_from_outside(inside).to_string())
        .unwrap();
    let sidecar = Launch::new(Role::Sidecar, NAMESPACE, "client")
        .start(&mesh)
        .unwrap();
    // The table says where requests come from, so the gateway believes one proxy in front of it.
    let router = Launch::new(Role::Router, NAMESPACE, "edge")
        .setting("gatewayTopology", json!({"numTrustedProxies": 1}))
        .start(&mesh)
        .unwrap();

    let gateways = ["--gateway", "mesh", "--gateway", "web/edge"];
    let objects = setting::rendered(&documents(&canaries), &gateways);
    found_sound_by_istioctl(&mesh, &objects);
    kubectl.apply(&objects).unwrap();
    acceptance_means_something(&mesh);

    for (proxy, port, place) in [
        (&sidecar, inside, Place::Sidecar),
        (&router, edge, Place::Gateway),
    ] {
        runs_the_very_module(proxy);
        is_in_step(&mesh, proxy);
        let client = setting::client(port);
        let pinned = Request::get("/")
            .header("host", FULL)
            .header("x-canary", "canary");
        setting::wait_for(&client, &pinned, "shop/canary");
        let mut broken = Vec::new();
        for promise in &promises {
            let problem = kept(proxy, &client, place, &canaries, promise).err();
            broken.extend(problem.map(|what| format!("line {}: {what:#}", promise.line)));
        }
        assert!(broken.is_empty(), "{place:?}:\n{}", broken.join("\n"));
        assert_eq!(proxy.problems(), Vec::<String>::new());
    }
}

/// The host of the first canary, in full.
const FULL: &str = "shop.web.svc.cluster.local";

/// Adds what a mesh needs to know: where the canaries are, and by which label versions differ.
fn for_a_mesh(mut canaries: Canaries) -> Canaries {
    for canary in &mut canaries.canaries {
        canary.namespace = Some(NAMESPACE.to_owned());
        if canary.spec.hosts.iter().any(|host| host.contains('.')) {
            // A host from outside of the cluster is no service: its versions are those of one.
            canary.spec.service = Service::parse(&canary.name);
        }
        for (name, variant) in &mut canary.spec.variants {
            variant.labels = vec![("version".to_owned(), name.clone())];
        }
    }
    canaries
}

fn documents(canaries: &Canaries) -> String {
    let canaries = canaries.canaries.iter();
    let documents: Vec<String> = canaries
        .map(|canary| serde_json::to_string(canary).unwrap())
        .collect();
    documents.join("\n---\n")
}

/// A service for each canary, with a version for each variant.
fn workloads(canaries: &Canaries, port: u16) -> Vec<Workload> {
    let start = |canary: &coalmine::config::Canary| {
        let versions: Vec<&str> = canary
            .spec
            .variants
            .iter()
            .map(|(name, _)| &**name)
            .collect();
        Workload::start(NAMESPACE, &canary.name, port, &versions).unwrap()
    };
    canaries.canaries.iter().map(start).collect()
}

/// Sidecars have routes for hosts that are services in Istio's eyes, at the ports of those.
fn hosts_from_outside(port: u16) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "apps", "namespace": NAMESPACE},
        "spec": {
            "hosts": ["*.apps.example.com", "special.apps.example.com"],
            "ports": [{"number": port, "name": "http", "protocol": "HTTP"}],
            "resolution": "NONE",
        },
    })
}

/// `istioctl` has nothing to say against what we make, neither object by object nor all together.
fn found_sound_by_istioctl(mesh: &Mesh, objects: &str) {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    fs::write(file.path(), objects).unwrap();
    let path = file.path().to_str().unwrap();
    let istioctl = mesh.istioctl();
    let said = |arguments: &[&str]| {
        let output = istioctl.attempt(arguments, "").unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let validated = said(&["validate", "-f", path]);
    assert!(validated.contains("is valid"), "{validated}");
    let said = said(&["analyze", "--use-kube=false", path]);
    // What our objects refer to is in the cluster, not in the file.
    let about_us = said
        .lines()
        .filter(|line| !line.contains("Referenced gateway not found"));
    let complaints: Vec<&str> = about_us
        .filter(|line| line.contains("Error [") || line.contains("Warning ["))
        .collect();
    assert!(complaints.is_empty(), "{said}");
}

/// The API server and istiod do refuse: a field of a wrong type, a rule in CEL, and what only
/// istiod's webhook knows.
fn acceptance_means_something(mesh: &Mesh) {
    let check = |kind: &str, version: &str, spec: Value, expected: &str| {
        let object = json!({
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": "refused", "namespace": NAMESPACE},
            "spec": spec,
        });
        let said = mesh.cluster.kubectl.refusal(&object.to_string()).unwrap();
        assert!(said.contains(expected), "{spec}: {said}");
    };
    let plugin = |field: &str, value: Value| json!({"url": "oci://example.com/x", field: value});
    let extensions = "extensions.istio.io/v1alpha1";
    check(
        "WasmPlugin",
        extensions,
        plugin("priority", json!("high")),
        "must be of type integer",
    );
    let reference = json!([{"kind": "Service", "name": "shop"}]);
    let mut both = plugin("targetRefs", reference);
    both["selector"] = json!({"matchLabels": {"app": "shop"}});
    check(
        "WasmPlugin",
        extensions,
        both,
        "only one of targetRefs or selector can be set",
    );
    let networking = "networking.istio.io/v1";
    let no_routes = json!({"hosts": ["shop"]});
    check(
        "VirtualService",
        networking,
        no_routes,
        "validation.istio.io",
    );
}

/// The agent has fetched the image by its digest, and what Envoy runs is the module itself.
fn runs_the_very_module(proxy: &Proxy) {
    let file = eventually("the plugin in Envoy", PATIENCE, || {
        let dump: Value = serde_json::from_str(&proxy.admin.get("/config_dump?include_eds")?)?;
        let text = dump.to_string();
        let file = text.split(r#""local":{"filename":""#).nth(1);
        let file = file.and_then(|rest| rest.split('"').next().map(str::to_owned));
        file.ok_or_else(|| anyhow::anyhow!("no module from a file in {text}"))
    });
    let fetched = fs::read(proxy.module_file(&file.unwrap())).unwrap();
    let built = fs::read(workspace::module_path()).unwrap();
    assert_eq!(Sha256::digest(fetched), Sha256::digest(built));
    let digest = module().split_once("@sha256:").unwrap().1;
    assert_eq!(digest.len(), 64, "{digest}");
}

/// istiod knows that the proxy has taken all that it has sent, the plugin too.
fn is_in_step(mesh: &Mesh, proxy: &Proxy) {
    let istiod = Client::new(mesh.istiod.http());
    eventually("istiod in step with the proxy", PATIENCE, || {
        let page = istiod.send(&Request::get("/debug/syncz"))?;
        let all: Vec<Value> = serde_json::from_slice(&page.body)?;
        let one = all.iter().find(|one| one["proxy"] == *proxy.id);
        let one = one.ok_or_else(|| anyhow::anyhow!("no {} in {}", proxy.id, page.text()))?;
        let of_the_plugin = ("extensionconfig_sent", "extensionconfig_acked");
        for (sent, acked) in [("listener_sent", "listener_acked"), of_the_plugin] {
            ensure!(
                one[sent].is_string() && one[sent] == one[acked],
                "{sent}: {one}"
            );
        }
        Ok(())
    })
    .unwrap();
}

/// Where a request enters the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Sidecar,
    Gateway,
}

/// Whether a promise holds here.
fn kept(
    proxy: &Proxy,
    client: &Client,
    place: Place,
    canaries: &Canaries,
    promise: &Promise,
) -> Result<()> {
    let asked = &promise.request;
    let host = asked
        .host_among(canaries)
        .map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
    let sent_host = host_here(place, &host);
    let mut request = Request::new(&asked.method, &asked.path).header("host", &*sent_host);
    for (name, value) in asked.header_list(&host) {
        if !name.starts_with(':') {
            request = request.header(name, value);
        }
    }
    if let Some(address) = &asked.source_address {
        request = request.header("x-forwarded-for", address.as_str());
    }
    let before = decisions::counts(&proxy.admin)?;
    let answer = client.send(&request)?;
    let counted = since(&before, &decisions::counts(&proxy.admin)?);
    let Some(promised) = &promise.decision else {
        let untouched = answer.served_by().is_empty() && counted.is_empty();
        ensure!(untouched, "{host}: {} {counted:?}", answer.status);
        return Ok(());
    };
    ensure!(
        answer.status == 200,
        "{host}: {} {}",
        answer.status,
        answer.text()
    );
    let (service, served) = answer.served_by().rsplit_once('/').unwrap_or_default();
    let canary = format!("{NAMESPACE}/{service}");
    let expected = [(
        Decided::new(&canary, &promised.variant, &promised.reason),
        1,
    )]
    .into();
    ensure!(
        served == promised.variant && counted == expected,
        "{host}: {served} and {counted:?} instead of {promised:?}"
    );
    Ok(())
}

/// The host as Istio has a route for it: sidecars know no short name with a dot behind it, and
/// gateways no name with one, and services of Kubernetes by their full names alone.
fn host_here(place: Place, host: &str) -> String {
    if place == Place::Sidecar {
        let short = !host.trim_end_matches('.').contains('.');
        return if short {
            host.trim_end_matches('.')
        } else {
            host
        }
        .to_owned();
    }
    let (name, port) = host
        .split_once(':')
        .map_or((host, None), |(name, port)| (name, Some(port)));
    let name = name.trim_end_matches('.');
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let of_the_cluster = ["", "web", "web.svc", "web.svc.cluster.local"].contains(&rest);
    match port {
        _ if of_the_cluster => format!("{first}.{NAMESPACE}.svc.cluster.local"),
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    }
}
