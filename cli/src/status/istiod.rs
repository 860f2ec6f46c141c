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

use super::cluster::{Config, ControlPlane, Nonces, Proxy, Refused};
use super::trouble::{Page, Trouble, Unanswered};
use super::way::Way;
use coalmine::Node;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How many proxies are asked for their configs; of the others it is only known what they took.
const MOST_CONFIGS: usize = 500;

/// After how many questions in a row without any answer no more proxies are asked for.
const MOST_SILENT: usize = 3;

/// The type of what carries an extension.
const EXTENSION: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

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

    /// What is known of a proxy from its connection alone.
    fn alone(&self) -> Proxy {
        let asked = self.watches.get(EXTENSION);
        Proxy {
            id: self.proxy().to_owned(),
            labels: self.labels.clone(),
            asked: Some(asked.cloned().flatten().unwrap_or_default()),
            ..Proxy::default()
        }
    }
}

/// What one control plane says, and which questions it did not answer.
///
/// # Errors
/// It tells of no proxy.
pub(super) async fn ask(
    way: &Way<'_>,
    progress: &dyn Fn(&str),
) -> Result<(ControlPlane, Vec<Unanswered>), Trouble> {
    let name = way.name();
    progress(&format!("asking {name}"));
    let mut unanswered = Vec::new();
    let mut lacks = |page, trouble| {
        unanswered.push(Unanswered {
            page,
            proxies: Vec::new(),
            given_up: 0,
            trouble,
        });
    };
    let synced = way.json::<Vec<Synced>>("/debug/syncz").await;
    if let Err(trouble) = &synced
        && trouble.holds_for_every_question()
    {
        return Err(trouble.clone());
    }
    let connected = way.json::<Connected>("/debug/adsz").await;
    let mut proxies = match (synced, connected) {
        (Ok(synced), connected) => {
            let connected = connected.map_err(|trouble| lacks(Page::Connected, trouble));
            assembled(synced, connected.ok())
        }
        (Err(trouble), Ok(connected)) => {
            lacks(Page::Synced, trouble);
            connected.clients.iter().map(Connection::alone).collect()
        }
        (Err(trouble), Err(_)) => return Err(trouble),
    };
    unanswered.extend(ask_for_configs(way, &mut proxies, progress).await);
    Ok((ControlPlane { name, proxies }, unanswered))
}

/// Asks for the configs of each proxy. One that cannot be had keeps none of the others back, unless
/// there is no answer of any kind several times in a row: each such takes its time.
async fn ask_for_configs(
    way: &Way<'_>,
    proxies: &mut [Proxy],
    progress: &dyn Fn(&str),
) -> Vec<Unanswered> {
    let name = way.name();
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
    let mut unanswered: Vec<Unanswered> = Vec::new();
    let mut silent = 0;
    for (number, proxy) in wanted.into_iter().enumerate() {
        progress(&format!("asking {name}: proxy {} of {all}", number + 1));
        let path = format!("/debug/ecdsz?proxyID={}", proxy.id);
        let trouble = match way.json::<Value>(&path).await {
            Ok(dump) => {
                proxy.configs = Some(configs(&dump));
                silent = 0;
                continue;
            }
            Err(trouble) => trouble,
        };
        silent = if trouble.is_silence() { silent + 1 } else { 0 };
        let given_up = match silent {
            MOST_SILENT => all - number - 1,
            _ => 0,
        };
        match unanswered.iter_mut().find(|one| one.trouble == trouble) {
            Some(same) => {
                same.proxies.push(proxy.id.clone());
                same.given_up = given_up;
            }
            None => unanswered.push(Unanswered {
                page: Page::Configs,
                proxies: vec![proxy.id.clone()],
                given_up,
                trouble,
            }),
        }
        if silent == MOST_SILENT {
            break;
        }
    }
    unanswered
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
            role: one.proxy_type,
            version: one.istio_version,
            nonces: Some(Nonces {
                sent: one.extensionconfig_sent,
                acked: one.extensionconfig_acked,
            }),
            refused: refused
                .map(|(kind, resource)| Refused {
                    what: kind.rsplit('.').next().unwrap_or_default().to_owned(),
                    message: resource.last_error,
                })
                .collect(),
            id: one.proxy,
            ..known.map(Connection::alone).unwrap_or_default()
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
