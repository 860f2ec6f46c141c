//! An API server that has one WasmPlugin and compares versions as a real one does. It stands for istiod as well:
//! whatever the plugin's config is, Envoy gets it. A real API server with a real istiod is what
//! `integration/istio` rolls out through.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use coalmine_integration::swap;
use coalmine_manifests::envoy::{plugin_config, with_plugin_config};
use serde_json::{Value, json};

use crate::server::{Answer, Asked, serve};

pub(crate) const PLUGIN: &str =
    "/apis/extensions.istio.io/v1alpha1/namespaces/istio-system/wasmplugins/coalmine";

pub(crate) struct Cluster {
    address: SocketAddr,
    object: Arc<Mutex<Value>>,
}

impl Cluster {
    /// With a plugin as `coalmine render istio` makes it, and the file in which Envoy looks for its config.
    pub(crate) fn start(mut plugin: Value, envoy: PathBuf) -> Self {
        plugin["metadata"]["resourceVersion"] = "1".into();
        let object = Arc::new(Mutex::new(plugin));
        let kept = Arc::clone(&object);
        let address = serve(move |asked| {
            let (status, body) = answer(&mut kept.lock().unwrap(), asked, &envoy);
            Answer::json(status, body)
        });
        Self { address, object }
    }

    /// Writes a kubeconfig for it.
    pub(crate) fn kubeconfig(&self, path: &Path) {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "runner"}}],
            "clusters": [{"name": "here", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "runner", "user": {}}],
        });
        fs::write(path, config.to_string()).unwrap();
    }

    /// The share that the plugin gives to the canary.
    pub(crate) fn share(&self) -> String {
        share(&self.object.lock().unwrap())
    }

    /// Whether it gives this share to it, whenever it is asked.
    pub(crate) fn has(&self, wanted: &'static str) -> impl Fn() -> bool + use<> {
        let object = Arc::clone(&self.object);
        move || share(&object.lock().unwrap()) == wanted
    }
}

fn share(object: &Value) -> String {
    let share = &object["spec"]["pluginConfig"]["canaries"][0]["spec"]["shares"]["canary"];
    share.as_str().unwrap_or("0%").to_owned()
}

fn answer(object: &mut Value, asked: &Asked, envoy: &Path) -> (u16, Value) {
    let status = |code: u16, message: &str| {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "code": code, "message": message, "reason": "",
        });
        (code, status)
    };
    if asked.path() != PLUGIN {
        return status(404, "there is one plugin");
    }
    match asked.method.as_str() {
        "GET" => (200, object.clone()),
        "PATCH" => {
            assert_eq!(asked.header("content-type"), "application/json-patch+json");
            let mut changed = object.clone();
            let patch: Vec<Value> = serde_json::from_str(&asked.body).unwrap();
            for operation in &patch {
                apply(&mut changed, operation);
            }
            if changed["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
                return status(409, "the object has been modified");
            }
            let version = changed["metadata"]["resourceVersion"].as_str().unwrap();
            let next = version.parse::<u64>().unwrap() + 1;
            changed["metadata"]["resourceVersion"] = next.to_string().into();
            *object = changed;
            push(&object["spec"]["pluginConfig"], envoy);
            (200, object.clone())
        }
        _ => status(405, "a rollout gets and patches"),
    }
}

/// What istiod does.
fn push(config: &Value, envoy: &Path) {
    let file = fs::read_to_string(envoy).unwrap();
    let there: Value = serde_json::from_str(&plugin_config(&file).unwrap()).unwrap();
    if there != *config {
        let file = with_plugin_config(&file, &config.to_string()).unwrap();
        swap::replace(envoy, file).unwrap();
    }
}

/// An operation of RFC 6902, of those that a rollout uses.
fn apply(document: &mut Value, operation: &Value) {
    let pointer = operation["path"].as_str().unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    let parent = document.pointer_mut(parent).unwrap();
    match operation["op"].as_str().unwrap() {
        "add" | "replace" => match parent {
            Value::Array(list) => list[name.parse::<usize>().unwrap()] = operation["value"].clone(),
            parent => parent[name] = operation["value"].clone(),
        },
        "remove" => {
            parent.as_object_mut().unwrap().remove(&name).unwrap();
        }
        other => panic!("{other} is no operation of a rollout"),
    }
}
