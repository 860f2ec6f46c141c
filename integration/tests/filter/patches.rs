//! What EnvoyFilters put into Envoy's config, which to Kubernetes is free-form: Envoy itself reads it.

use coalmine_integration::client::Request;
use coalmine_integration::workspace;
use coalmine_manifests::envoy as target;
use coalmine_manifests::envoy_filter::{self, Code};
use coalmine_manifests::istio::Module;
use coalmine_manifests::kubernetes::Provenance;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::evidence::edit;
use crate::hostile::manager_of;
use crate::setting::{self, Setting, USUAL, read, variant};

/// The patches of every EnvoyFilter in a folder: what they apply to, the operation and the value.
fn patches(folder: &Path) -> Vec<(String, String, Value)> {
    let mut patches = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let object: Value = serde_saphyr::from_str(&text).unwrap();
        if object["kind"] != "EnvoyFilter" {
            continue;
        }
        for patch in object["spec"]["configPatches"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let inner = &patch["patch"];
            patches.push((
                text(&patch["applyTo"]),
                text(&inner["operation"]),
                inner["value"].clone(),
            ));
        }
    }
    patches
}

/// A bootstrap that has them all where Istio would put them.
fn bootstrap(patches: &[(String, String, Value)]) -> Value {
    let values = |target: &str| -> Vec<Value> {
        let of_target = patches.iter().filter(|(applied, ..)| applied == target);
        of_target.map(|(.., value)| value.clone()).collect()
    };
    let filters = values("HTTP_FILTER");
    let extensions = values("EXTENSION_CONFIG");
    assert!(!filters.is_empty() && !extensions.is_empty());
    for discovered in &filters {
        assert!(discovered["config_discovery"].is_object());
        let name = &discovered["name"];
        assert!(
            extensions
                .iter()
                .any(|extension| extension["name"] == *name)
        );
    }
    let mut routes = Vec::new();
    for (applied, operation, value) in patches {
        match (applied.as_str(), operation.as_str()) {
            ("HTTP_ROUTE", "INSERT_FIRST") => routes.push(value.clone()),
            // As Istio's own route, with what is merged into it.
            ("HTTP_ROUTE", "MERGE") => routes.push(json!({
                "name": "default", "match": {"prefix": "/"}, "route": value["route"],
            })),
            ("HTTP_FILTER" | "EXTENSION_CONFIG", _) => {}
            other => panic!("no test knows what is done by {other:?}"),
        }
    }
    assert!(!routes.is_empty());
    let mut clusters = vec![cluster("ads")];
    for route in &routes {
        let name = route["route"]["cluster"].as_str().unwrap();
        if !clusters.iter().any(|cluster| cluster["name"] == name) {
            clusters.push(cluster(name));
        }
    }
    // One listener has the filter as it is discovered, the other as what is discovered then.
    let listeners: Vec<Value> = [filters, extensions]
        .into_iter()
        .enumerate()
        .map(|(number, filters)| listener(number, filters, &routes))
        .collect();
    json!({
        "node": {"id": "test", "cluster": "test"},
        "dynamic_resources": {"ads_config": {
            "api_type": "GRPC", "transport_api_version": "V3",
            "grpc_services": [{"envoy_grpc": {"cluster_name": "ads"}}],
        }},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    })
}

fn cluster(name: &str) -> Value {
    json!({"name": name, "type": "STATIC", "connect_timeout": "1s"})
}

fn listener(number: usize, mut filters: Vec<Value>, routes: &[Value]) -> Value {
    const NETWORK: &str = "type.googleapis.com/envoy.extensions.filters.network";
    const HTTP: &str = "type.googleapis.com/envoy.extensions.filters.http";
    // That of sidecars and that of gateways are the same, and one listener has one of a name.
    filters.dedup();
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": format!("{HTTP}.router.v3.Router")},
    }));
    json!({
        "name": format!("listener-{number}"),
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 10_000 + number}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": format!("{NETWORK}.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "test",
                "http_filters": filters,
                "route_config": {
                    "validate_clusters": true,
                    "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
                },
            },
        }]}],
    })
}

fn validate(bootstrap: &Value) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("envoy.json");
    let text = bootstrap.to_string();
    // The path is that of a proxy's container.
    let module = workspace::module_path();
    let text = text.replace("/var/lib/coalmine/coalmine.wasm", module.to_str().unwrap());
    fs::write(&path, text).unwrap();
    let output = Command::new(&*setting::BINARY)
        .args(["--mode", "validate", "-c"])
        .arg(&path)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), log)
}

#[test]
fn patches_of_every_example_pass_envoys_own_validation() {
    let rendered = workspace::root().join("manifests/rendered/istio-envoyfilter-routes");
    let mut validated = 0;
    for example in fs::read_dir(rendered).unwrap() {
        let example = example.unwrap().path();
        let (sound, log) = validate(&bootstrap(&patches(&example)));
        assert!(sound, "{}: {log}", example.display());
        validated += 1;
    }
    assert!(validated >= 12, "{validated}");
}

/// Envoy does look at what the patches say.
#[test]
fn a_patch_with_a_mistake_does_not_pass() {
    let check = |mistake: &str, instead: &str| {
        let example = "manifests/rendered/istio-envoyfilter-routes/ramp";
        let sound = bootstrap(&patches(&workspace::root().join(example))).to_string();
        assert!(sound.contains(mistake), "{mistake}");
        let bad = serde_json::from_str(&sound.replace(mistake, instead)).unwrap();
        let (passed, log) = validate(&bad);
        assert!(!passed, "{instead}: {log}");
    };
    check("\"retry_on\"", "\"retry_no\"");
    check("\"vm_config\"", "\"vm_konfig\"");
    check("\"type_urls\"", "\"type_url\"");
    check("\"config_source\"", "\"config_sauce\"");
}

/// With the filter disabled but for the virtual hosts that are patched, as Istio patches them: those that have
/// the very domain of the patch.
#[test]
fn the_filter_is_enabled_where_a_virtual_host_has_the_very_domain() {
    let check = |domains: &[&str], expected: &str, counted: u64| {
        let canaries = read(&USUAL.replace("[shop]", "[shop.example.com]"));
        let code = Code::new(&Module::new("file:///coalmine.wasm", None).unwrap()).unwrap();
        let options = envoy_filter::Options {
            only_governed_hosts: true,
            ..envoy_filter::Options::new(code)
        };
        let files = envoy_filter::render(&canaries, &Provenance::default(), &options).unwrap();
        let object: Value = serde_saphyr::from_str(&files[0].contents).unwrap();
        let patches = object["spec"]["configPatches"].as_array().unwrap();
        let at_gateways = |kind: &'static str| {
            let of_kind = patches.iter().filter(move |patch| patch["applyTo"] == kind);
            of_kind.filter(|patch| patch["match"]["context"] == "GATEWAY")
        };
        let change = |bootstrap: &mut Value| {
            let manager = manager_of(&mut bootstrap["static_resources"]["listeners"][0]);
            for patch in at_gateways("HTTP_FILTER") {
                manager["http_filters"][0]["disabled"] =
                    patch["patch"]["value"]["disabled"].clone();
            }
            let host = &mut manager["route_config"]["virtual_hosts"][0];
            host["domains"] = json!(domains);
            for patch in at_gateways("VIRTUAL_HOST") {
                let domain = &patch["match"]["routeConfiguration"]["vhost"]["domainName"];
                if domains.iter().any(|has| domain == has) {
                    let value = patch["patch"]["value"].as_object().unwrap();
                    host.as_object_mut().unwrap().extend(value.clone());
                }
            }
        };
        let setting = Setting::with(
            canaries,
            |_| (),
            |files, _| edit(files, target::BOOTSTRAP, change),
        );
        let request = Request::get("/").header("host", "shop.example.com");
        let answer = setting.client().send(&request.header("x-canary", "canary"));
        assert_eq!(variant(&answer.unwrap()), expected, "{domains:?}");
        let decisions = setting.stand.decisions().unwrap();
        assert_eq!(decisions.values().sum::<u64>(), counted, "{domains:?}");
        setting.end_without_problems();
    };
    check(&["shop.example.com"], "canary", 1);
    check(&["a.example.com", "shop.example.com", "*"], "canary", 1);
    // A gateway whose VirtualService has a wildcard.
    check(&["*.example.com"], "stable", 0);
    check(&["*"], "stable", 0);
}
