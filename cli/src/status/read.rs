//! Reads a cluster over its API server: lists, and nothing else. What may not be listed is told, and
//! the rest is read all the same.

use super::cluster::{Cluster, Unread, Why};
use crate::api_server::chain;
use crate::outcome::Failure;
use coalmine::{Node, Value};
use kube::Client;
use std::collections::BTreeSet;

/// How many objects come in one answer.
const PAGE: usize = 500;

/// Where a kind is found.
struct Kind {
    kind: &'static str,
    /// The path of its API, up to the namespace.
    api: &'static str,
    /// Its plural.
    plural: &'static str,
}

/// Everything but pods, which are read of some namespaces only.
const KINDS: [Kind; 10] = [
    extension("WasmPlugin", "wasmplugins"),
    extension("TrafficExtension", "trafficextensions"),
    Kind {
        kind: "EnvoyFilter",
        api: "/apis/networking.istio.io/v1alpha3",
        plural: "envoyfilters",
    },
    networking("VirtualService", "virtualservices"),
    networking("DestinationRule", "destinationrules"),
    networking("ServiceEntry", "serviceentries"),
    networking("WorkloadEntry", "workloadentries"),
    gateway("HTTPRoute", "httproutes"),
    gateway("GRPCRoute", "grpcroutes"),
    core("Service", "services"),
];

const PODS: Kind = core("Pod", "pods");

const fn extension(kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        kind,
        api: "/apis/extensions.istio.io/v1alpha1",
        plural,
    }
}

const fn networking(kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        kind,
        api: "/apis/networking.istio.io/v1",
        plural,
    }
}

const fn gateway(kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        kind,
        api: "/apis/gateway.networking.k8s.io/v1",
        plural,
    }
}

const fn core(kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        kind,
        api: "/api/v1",
        plural,
    }
}

/// Every object that canaries are about, but pods. Where one may not list all namespaces, those given
/// are tried.
///
/// # Errors
/// The API server cannot be reached, or takes nobody's word for who this is.
pub(super) async fn objects(client: &Client, near: &[String]) -> Result<Cluster, Failure> {
    let mut cluster = Cluster::default();
    for kind in &KINDS {
        list(client, kind, near, &mut cluster).await?;
    }
    Ok(cluster)
}

/// The pods of some namespaces.
///
/// # Errors
/// The API server cannot be reached any more.
pub(super) async fn pods(
    client: &Client,
    namespaces: &BTreeSet<String>,
    cluster: &mut Cluster,
) -> Result<(), Failure> {
    let mut refused = None;
    let mut read = Vec::new();
    for namespace in namespaces {
        match pages(client, &PODS, Some(namespace)).await {
            Ok(found) => {
                cluster.objects.extend(found);
                read.push(namespace.clone());
            }
            // What failed weighs more than what is forbidden.
            Err(error) => match (why(error)?, &refused) {
                (_, Some(Why::Failed { .. })) => {}
                (why, _) => refused = Some(why),
            },
        }
    }
    if let Some(why) = refused {
        cluster.unread.push(unread(&PODS, with_places(why, read)));
    }
    Ok(())
}

async fn list(
    client: &Client,
    kind: &Kind,
    near: &[String],
    cluster: &mut Cluster,
) -> Result<(), Failure> {
    let refused = match pages(client, kind, None).await {
        Ok(found) => {
            cluster.objects.extend(found);
            return Ok(());
        }
        Err(error) => why(error)?,
    };
    let (mut read, mut failed) = (Vec::new(), None);
    if matches!(refused, Why::Forbidden { .. }) {
        if is_absent(client, kind).await {
            cluster.unread.push(unread(kind, Why::Absent));
            return Ok(());
        }
        for namespace in near {
            match pages(client, kind, Some(namespace)).await {
                Ok(found) => {
                    cluster.objects.extend(found);
                    read.push(namespace.clone());
                }
                Err(error) => match why(error)? {
                    why @ Why::Failed { .. } => failed = Some(why),
                    Why::Forbidden { .. } | Why::Absent => {}
                },
            }
        }
    }
    let why = with_places(failed.unwrap_or(refused), read);
    cluster.unread.push(unread(kind, why));
    Ok(())
}

/// Whether the cluster does not have the kind: who may not list it is told only that. What there is to
/// list is open to all.
async fn is_absent(client: &Client, kind: &Kind) -> bool {
    let Ok(request) = http_request(kind.api) else {
        return false;
    };
    match client.request_text(request).await {
        Ok(text) => {
            let known: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let mut known = known["resources"].as_array().into_iter().flatten();
            !known.any(|one| one["name"] == kind.plural)
        }
        Err(kube::Error::Api(status)) => status.code == 404,
        Err(_) => false,
    }
}

fn with_places(why: Why, read: Vec<String>) -> Why {
    match why {
        Why::Forbidden { .. } => Why::Forbidden { but_in: read },
        Why::Failed { error, .. } => Why::Failed {
            error,
            but_in: read,
        },
        Why::Absent => Why::Absent,
    }
}

fn unread(kind: &Kind, why: Why) -> Unread {
    let group = kind
        .api
        .strip_prefix("/apis/")
        .and_then(|api| api.split('/').next());
    Unread {
        kind: kind.kind.to_owned(),
        resource: match group {
            Some(group) => format!("{}.{group}", kind.plural),
            None => kind.plural.to_owned(),
        },
        why,
    }
}

/// Why one list failed; an API server that fails every one ends it all.
fn why(error: kube::Error) -> Result<Why, Failure> {
    match error {
        kube::Error::Api(status) => match status.code {
            401 => Err(Failure::cannot(format!(
                "the API server does not know you: {}; log in anew, or choose another context with --context",
                status.message
            ))),
            403 => Ok(Why::Forbidden { but_in: Vec::new() }),
            404 => Ok(Why::Absent),
            _ => Ok(failed(status.message.clone())),
        },
        kube::Error::SerdeError(error) => Ok(failed(error.to_string())),
        other => Err(Failure::cannot(format!(
            "cannot reach the API server: {}; choose another with --kubeconfig or --context",
            chain(&other)
        ))),
    }
}

fn failed(error: String) -> Why {
    Why::Failed {
        error,
        but_in: Vec::new(),
    }
}

/// All pages of a list.
async fn pages(
    client: &Client,
    kind: &Kind,
    namespace: Option<&str>,
) -> Result<Vec<Node>, kube::Error> {
    let place = match namespace {
        Some(namespace) => format!("{}/namespaces/{namespace}/{}", kind.api, kind.plural),
        None => format!("{}/{}", kind.api, kind.plural),
    };
    let mut objects = Vec::new();
    let mut next = String::new();
    loop {
        // What the server gives to go on with is base64 for URLs.
        let path = format!("{place}?limit={PAGE}&continue={next}");
        let request = http_request(&path)?;
        let text = client.request_text(request).await?;
        let list: Node = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
        let (items, more) = taken_apart(list);
        objects.extend(items.into_iter().map(|item| named(item, kind.kind)));
        match more {
            Some(more) => next = more,
            None => return Ok(objects),
        }
    }
}

fn http_request(path: &str) -> Result<hyper::Request<Vec<u8>>, kube::Error> {
    hyper::Request::get(path)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)
}

/// The items of a list, and what asks for more of them.
fn taken_apart(list: Node) -> (Vec<Node>, Option<String>) {
    let mut items = Vec::new();
    let mut next = None;
    let Value::Map(entries) = list.value else {
        return (items, next);
    };
    for (key, node) in entries {
        match (key.name.as_str(), node.value) {
            ("items", Value::List(found)) => items = found,
            ("metadata", Value::Map(entries)) => {
                let mut entries = entries.into_iter();
                next = entries.find_map(|(key, node)| match (key.name.as_str(), node.value) {
                    ("continue", Value::String(text)) if !text.is_empty() => Some(text),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    (items, next)
}

/// An item with its kind: lists of Kubernetes' own kinds leave it out.
fn named(item: Node, kind: &str) -> Node {
    let Value::Map(mut entries) = item.value else {
        return item;
    };
    if !entries.iter().any(|(key, _)| key.name == "kind") {
        let kind = Node {
            span: None,
            value: Value::String(kind.to_owned()),
        };
        entries.push(("kind".to_owned().into(), kind));
    }
    Node {
        value: Value::Map(entries),
        ..item
    }
}
