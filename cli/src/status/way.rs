//! The ways to a control plane: an address, or a port that is forwarded to its pod through the API
//! server.

use super::trouble::{PORT, Trouble};
use crate::api_server::chain;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// How long it may take to answer; it makes the configs of a proxy anew when it is asked.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// How much is repeated of what it says when it refuses.
const MOST_SAID: usize = 200;

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
/// Why there is none.
pub(super) async fn pods<'c>(client: &'c Client, namespace: &str) -> Result<Vec<Way<'c>>, Trouble> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let running = ListParams::default()
        .labels("app=istiod")
        .fields("status.phase=Running");
    let pods = api.list(&running).await.map_err(|error| match &error {
        kube::Error::Api(status) if status.code == 403 => Trouble::MayNotList,
        error => Trouble::NotListed(said(error)),
    })?;
    let names = pods.items.into_iter().filter_map(|pod| pod.metadata.name);
    let ways: Vec<Way<'_>> = names
        .map(|name| Way::Pod(client, namespace.to_owned(), name))
        .collect();
    match ways.is_empty() {
        true => Err(Trouble::NoPods),
        false => Ok(ways),
    }
}

impl Way<'_> {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Url(url) => url.clone(),
            Self::Pod(_, _, name) => name.clone(),
        }
    }

    /// What it answers, if that is JSON.
    pub(super) async fn json<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
    ) -> Result<T, Trouble> {
        let asked = async {
            match self {
                Self::Url(url) => of_url(url, path).await,
                Self::Pod(client, namespace, name) => of_pod(client, namespace, name, path).await,
            }
        };
        let (status, body) = timeout(ANSWERS_WITHIN, asked)
            .await
            .map_err(|_| Trouble::Late(ANSWERS_WITHIN.as_secs()))??;
        match status {
            200 => {
                serde_json::from_slice(&body).map_err(|error| Trouble::NotJson(error.to_string()))
            }
            401 | 403 => Err(Trouble::Denied {
                status,
                forwarded: matches!(self, Self::Pod(..)),
            }),
            status => {
                let said = String::from_utf8_lossy(&body);
                let said = said.trim().lines().next().unwrap_or_default();
                let said = said.chars().take(MOST_SAID).collect();
                Err(Trouble::Status(status, said))
            }
        }
    }
}

/// What the API server says, or why it could not.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => chain(error),
    }
}

async fn of_url(url: &str, path: &str) -> Result<(u16, Bytes), Trouble> {
    // The address is said already, and would make what is the same for all proxies differ.
    let failed = |error: reqwest::Error| match error.is_connect() {
        true => Trouble::Unreachable(chain(&error.without_url())),
        false => Trouble::Broken(chain(&error.without_url())),
    };
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
) -> Result<(u16, Bytes), Trouble> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut forwarder = api
        .portforward(pod, &[PORT])
        .await
        .map_err(|error| match &error {
            kube::Error::Api(status) if status.code == 403 => Trouble::MayNotForward,
            error => Trouble::NotForwarded(said(error)),
        })?;
    let broken = |error: &dyn std::error::Error| Trouble::Broken(chain(error));
    let stream = forwarder
        .take_stream(PORT)
        .ok_or_else(|| Trouble::Broken("the port was not forwarded".to_owned()))?;
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
