//! What control planes say of proxies, from their debug interface.
//!
//! istiod answers `/debug/` on its monitoring port to whoever comes from its own machine, and asks all
//! others for a token that it can review. The API server's proxy for services takes tokens off the
//! requests that it hands on, so that way is shut; a forwarded port ends inside the pod, and is open.
//! That is how `istioctl` asks, too. Each istiod knows the proxies that are connected to it, so all of
//! them are asked.
//!
//! | asked | what it says |
//! |---|---|
//! | `/debug/syncz` | of each proxy the nonces that were sent and taken, and what it refused |
//! | `/debug/adsz` | of each proxy its labels and the names of the extensions that it asks for |
//! | `/debug/ecdsz?proxyID=` | the extensions that there are for one proxy, with their configs |

use super::cluster::{Config, ControlPlane, Proxy, Refused};
use super::read::chain;
use coalmine::Node;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// Where istiod serves metrics, and what it says of itself.
const PORT: u16 = 15014;

/// How long it may take to answer; it makes the configs of a proxy anew when it is asked.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// How many proxies are asked for their configs; of the others it is only known what they took.
const MOST_CONFIGS: usize = 500;

/// The type of what carries an extension.
const EXTENSION: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/// Where to ask.
pub(super) enum Way<'c> {
    /// At an address.
    Url(String),
    /// In a pod of a namespace, through the API server.
    Pod(&'c Client, String, String),
}

/// The pods of all istiods, one way each.
///
/// # Errors
/// Why there is none, and what to do.
pub(super) async fn pods<'c>(
    client: &'c Client,
    namespace: &str,
) -> Result<Vec<Way<'c>>, (String, String)> {
    let by_hand = format!(
        "forward a port with `kubectl -n {namespace} port-forward deploy/istiod {PORT}`, and give --istiod http://127.0.0.1:{PORT}"
    );
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let running = ListParams::default()
        .labels("app=istiod")
        .fields("status.phase=Running");
    let pods = api.list(&running).await.map_err(|error| match &error {
        kube::Error::Api(status) if status.code == 403 => (
            format!("proxies are not shown: you may not list pods in {namespace}, where istiod is"),
            format!(
                "ask for the rights to list pods and to create pods/portforward there, or {by_hand}"
            ),
        ),
        error => (
            format!(
                "proxies are not shown: the pods of istiod could not be listed: {}",
                chain(error)
            ),
            by_hand.clone(),
        ),
    })?;
    let names = pods.items.into_iter().filter_map(|pod| pod.metadata.name);
    let ways: Vec<Way<'_>> = names
        .map(|name| Way::Pod(client, namespace.to_owned(), name))
        .collect();
    match ways.is_empty() {
        true => Err((
            format!("proxies are not shown: no pod with the label app=istiod runs in {namespace}"),
            "say where istiod is with --istiod URL, or its namespace with --root-namespace"
                .to_owned(),
        )),
        false => Ok(ways),
    }
}

#[derive(Deserialize)]
struct Synced {
    #[serde(default)]
    proxy: String,
    #[serde(default)]
    proxy_type: String,
    #[serde(default)]
    istio_version: String,
    #[serde(default)]
    extensionconfig_sent: String,
    #[serde(default)]
    extensionconfig_acked: String,
    #[serde(default)]
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(default)]
    last_error: String,
}

#[derive(Default, Deserialize)]
struct Connected {
    #[serde(default)]
    clients: Vec<Connection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    #[serde(default)]
    connection_id: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    watches: BTreeMap<String, Option<Vec<String>>>,
}

impl Connection {
    /// The proxy of a connection like `name.namespace-7`.
    fn proxy(&self) -> &str {
        let id = self.connection_id.rsplit_once('-');
        id.map_or("", |(proxy, _)| proxy)
    }
}

/// What one control plane says.
///
/// # Errors
/// It does not answer, in words that follow its name.
pub(super) async fn ask(way: &Way<'_>, progress: &dyn Fn(&str)) -> Result<ControlPlane, String> {
    let name = way.name();
    progress(&format!("asking {name}"));
    let synced: Vec<Synced> = way.json("/debug/syncz").await?;
    let connected: Option<Connected> = way.json("/debug/adsz").await.ok();
    let mut proxies = assembled(synced, connected);
    let asking = |proxy: &&mut Proxy| {
        let asked = proxy.asked.as_ref();
        asked.is_none_or(|names| !names.is_empty())
    };
    let wanted: Vec<&mut Proxy> = proxies
        .iter_mut()
        .filter(asking)
        .take(MOST_CONFIGS)
        .collect();
    let all = wanted.len();
    for (number, proxy) in wanted.into_iter().enumerate() {
        progress(&format!("asking {name}: proxy {} of {all}", number + 1));
        let path = format!("/debug/ecdsz?proxyID={}", proxy.id);
        // One that fails once would fail for each of them, and take its time for it.
        let Ok(dump) = way.json::<Value>(&path).await else {
            break;
        };
        proxy.configs = Some(configs(&dump));
    }
    Ok(ControlPlane { name, proxies })
}

fn assembled(synced: Vec<Synced>, connected: Option<Connected>) -> Vec<Proxy> {
    let proxies = synced.into_iter().map(|one| {
        let known = connected.as_ref().and_then(|all| {
            let mut clients = all.clients.iter();
            clients.find(|client| client.proxy() == one.proxy)
        });
        let refused = one.resources.into_iter();
        let refused = refused.filter(|(_, resource)| !resource.last_error.is_empty());
        Proxy {
            id: one.proxy,
            role: one.proxy_type,
            version: one.istio_version,
            labels: known.map(|known| known.labels.clone()).unwrap_or_default(),
            asked: known.map(|known| {
                let asked = known.watches.get(EXTENSION);
                asked.cloned().flatten().unwrap_or_default()
            }),
            sent: one.extensionconfig_sent,
            acked: one.extensionconfig_acked,
            refused: refused
                .map(|(kind, resource)| Refused {
                    what: kind.rsplit('.').next().unwrap_or_default().to_owned(),
                    message: resource.last_error,
                })
                .collect(),
            configs: None,
        }
    });
    proxies.collect()
}

/// The plugins in a dump: each is an `envoy.extensions.filters.http.wasm.v3.Wasm`.
fn configs(dump: &Value) -> Vec<Config> {
    let all = dump["configs"].as_array().into_iter().flatten();
    all.filter_map(|one| {
        let plugin = &one["config"];
        let text = plugin["configuration"]["value"].as_str();
        Some(Config {
            name: plugin["name"].as_str()?.to_owned(),
            config: text.and_then(|text| serde_json::from_str::<Node>(text).ok()),
        })
    })
    .collect()
}

impl Way<'_> {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Url(url) => url.clone(),
            Self::Pod(_, _, name) => name.clone(),
        }
    }

    async fn json<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, String> {
        let asked = async {
            match self {
                Self::Url(url) => of_url(url, path).await,
                Self::Pod(client, namespace, name) => of_pod(client, namespace, name, path).await,
            }
        };
        let (status, body) = timeout(ANSWERS_WITHIN, asked)
            .await
            .map_err(|_| format!("did not answer within {} s", ANSWERS_WITHIN.as_secs()))??;
        match status {
            200 => serde_json::from_slice(&body)
                .map_err(|error| format!("answers {path} with something else than JSON: {error}")),
            401 | 403 => Err(format!(
                "does not let you ask ({status}): it answers only on its own machine, or to the token of an account of its namespace"
            )),
            404 => Err(format!(
                "has no {path}: was it started with ENABLE_DEBUG_ON_HTTP=false?"
            )),
            status => Err(format!("answers {path} with status {status}")),
        }
    }
}

async fn of_url(url: &str, path: &str) -> Result<(u16, Bytes), String> {
    let failed = |error: reqwest::Error| format!("cannot be reached: {}", chain(&error));
    let url = format!("{}{path}", url.trim_end_matches('/'));
    // It is on this machine or in a cluster: nobody's proxy leads there.
    let client = reqwest::Client::builder().no_proxy().build();
    let answer = client.map_err(failed)?.get(url).send().await;
    let answer = answer.map_err(failed)?;
    let status = answer.status().as_u16();
    Ok((status, answer.bytes().await.map_err(failed)?))
}

async fn of_pod(
    client: &Client,
    namespace: &str,
    pod: &str,
    path: &str,
) -> Result<(u16, Bytes), String> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut forwarder = api.portforward(pod, &[PORT]).await.map_err(|error| match &error {
        kube::Error::Api(status) if status.code == 403 => {
            format!("cannot be asked: you may not forward a port to it (pods/portforward in {namespace})")
        }
        error => format!("cannot be asked, since no port can be forwarded to it: {}", chain(error)),
    })?;
    let broken = |error: &dyn std::error::Error| {
        format!("did not answer over a forwarded port: {}", chain(error))
    };
    let stream = forwarder
        .take_stream(PORT)
        .ok_or_else(|| "has no forwarded port".to_owned())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let request = hyper::Request::get(path)
        .header("host", "localhost")
        .body(Empty::<Bytes>::new())
        .map_err(|error| broken(&error))?;
    // It does the work while the answer is waited for, and ends with the sender.
    tokio::spawn(connection);
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| broken(&error))?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await;
    Ok((status, body.map_err(|error| broken(&error))?.to_bytes()))
}
