//! `coalmine render istio-envoyfilter`: the filter without Istio's plugins.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use coalmine_integration::client::Request;
use coalmine_integration::service::eventually;
use coalmine_integration::workspace;
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Proxy, Role};
use coalmine_istio::workload::{Workload, gateway};
use serde_json::{Value, json};

use crate::setting::{self, PATIENCE, coalmine, module};
use crate::shop::shop;

const NAMESPACE: &str = "patched";

/// Whether Envoy's config has anything of ours, in listeners, routes, clusters or extensions.
fn names_us(proxy: &Proxy) -> anyhow::Result<bool> {
    let dump = proxy.admin.get("/config_dump")?;
    Ok(dump.contains("coalmine.dev") || dump.contains("x-coalmine-variant"))
}

/// The listeners of a proxy with the version and the time at which each became what it is, and how often
/// any was added, replaced or removed. What is drained is not among them, and there is none of it.
#[derive(Debug, PartialEq, Eq)]
struct Listeners {
    since: BTreeMap<String, (String, String)>,
    changes: BTreeMap<&'static str, u64>,
}

impl Listeners {
    /// Waits until no listener is drained any more.
    fn of(proxy: &Proxy) -> Self {
        eventually("no listener that is drained", PATIENCE, || {
            let stats = proxy.admin.stats()?;
            let stat = |name: &str| {
                let value = stats.get(&format!("listener_manager.{name}"));
                value.copied().with_context(|| name.to_owned())
            };
            let draining = stat("total_listeners_draining")?;
            ensure!(draining == 0, "{} drains {draining}", proxy.id);
            let names = ["listener_added", "listener_modified", "listener_removed"];
            let changes: anyhow::Result<BTreeMap<&str, u64>> = names
                .into_iter()
                .map(|name| Ok((name, stat(name)?)))
                .collect();
            let dump = proxy.admin.get("/config_dump?resource=dynamic_listeners")?;
            let dump: Value = serde_json::from_str(&dump)?;
            let listeners = dump["configs"].as_array().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let since = listeners.map(|one| {
                let active = &one["active_state"];
                let version = text(&active["version_info"]);
                (text(&one["name"]), (version, text(&active["last_updated"])))
            });
            Ok(Self {
                since: since.collect(),
                changes: changes?,
            })
        })
        .unwrap()
    }

    /// How many of the others' are there as they were, and how many are not.
    fn kept_from(&self, before: &Self) -> (usize, usize) {
        let all = before.since.iter();
        let kept = all.filter(|(name, since)| self.since.get(*name) == Some(*since));
        let kept = kept.count();
        (kept, before.since.len() - kept)
    }
}

/// The virtual hosts of a proxy that enable the filter, by name.
fn at_work(proxy: &Proxy) -> anyhow::Result<Vec<String>> {
    let dump = proxy
        .admin
        .get("/config_dump?resource=dynamic_route_configs")?;
    let dump: Value = serde_json::from_str(&dump)?;
    let configs = dump["configs"].as_array().into_iter().flatten();
    let hosts = configs
        .filter_map(|config| config["route_config"]["virtual_hosts"].as_array())
        .flatten();
    let enabling = hosts.filter(|host| host["typed_per_filter_config"].get("coalmine").is_some());
    Ok(enabling
        .map(|host| host["name"].as_str().unwrap_or_default().to_owned())
        .collect())
}

#[test]
fn a_canary_by_patches_alone() {
    let mesh = setting::shared();
    let kubectl = &mesh.cluster.kubectl;
    mesh.namespace(NAMESPACE).unwrap();
    let [inside, edge] = ports::some().unwrap();
    let workload = Workload::start(NAMESPACE, "shop", inside, &["v1", "v2"]).unwrap();
    kubectl.apply(&workload.objects()).unwrap();
    // At a gateway there is no host without a VirtualService, which sends the rest to the default.
    kubectl.apply(&at_the_gateway(edge)).unwrap();
    // A filter that is taken out lives on in the connections that it had, until they are drained.
    let start = |role, name| {
        let launch = Launch::new(role, NAMESPACE, name).setting("drainDuration", json!("1s"));
        launch.start(mesh).unwrap()
    };
    let (sidecar, router) = (start(Role::Sidecar, "client"), start(Role::Router, "edge"));

    let service = format!("service: shop:{inside}");
    let file = workspace::module_path().display().to_string();
    for (address, governed) in [(file.as_str(), false), (module(), true)] {
        let render = |share: &str| {
            let arguments = [
                "render",
                "istio-envoyfilter",
                "-",
                "--routes",
                "--module",
                address,
            ];
            let mut more = vec!["--namespace", NAMESPACE];
            if governed {
                more.push("--only-governed-hosts");
            }
            let canary = shop(NAMESPACE, share, &[&service]);
            coalmine(&[&arguments[..], &more].concat(), &canary).unwrap()
        };
        let objects = render("0%");
        let without = [&sidecar, &router].map(Listeners::of);
        kubectl.apply(&objects).unwrap();
        let places = [
            (&sidecar, setting::client(inside), "shop"),
            (
                &router,
                setting::client(edge),
                "shop.patched.svc.cluster.local",
            ),
        ];
        for (_, client, host) in &places {
            let request = Request::get("/").header("host", *host);
            let pinned = request.clone().header("x-canary", "canary");
            setting::wait_for(client, &pinned, "shop/v2");
            setting::wait_for(
                client,
                &request.clone().header("x-user-id", "alice"),
                "shop/v1",
            );
            setting::wait_for(
                client,
                &request.header("x-coalmine-variant", "canary"),
                "shop/v1",
            );
        }
        for proxy in [&sidecar, &router] {
            let at_work = at_work(proxy).unwrap();
            let elsewhere = at_work
                .iter()
                .any(|host| !host.starts_with("shop.patched.svc"));
            assert_eq!(at_work.is_empty(), !governed, "{at_work:?}");
            assert!(!elsewhere, "{at_work:?}");
        }
        let before = [&sidecar, &router].map(Listeners::of);
        // The filter itself does replace the listeners that it is in, and those alone.
        for (before, without) in before.iter().zip(&without) {
            let (_, replaced) = before.kept_from(without);
            assert!(replaced > 0, "{before:#?} {without:#?}");
            assert!(before.changes["listener_modified"] > without.changes["listener_modified"]);
        }
        kubectl.apply(&render("100%")).unwrap();
        for (_, client, host) in &places {
            let alice = Request::get("/")
                .header("host", *host)
                .header("x-user-id", "alice");
            setting::wait_for(client, &alice, "shop/v2");
        }
        // Another config does not.
        assert_eq!([&sidecar, &router].map(Listeners::of), before);
        kubectl.delete(&objects).unwrap();
        for (proxy, ..) in &places {
            eventually("nothing of us in Envoy", PATIENCE, || {
                ensure!(!names_us(proxy)?, "{} has something", proxy.id);
                Ok(())
            })
            .unwrap();
            assert_eq!(proxy.problems(), Vec::<String>::new());
        }
    }
}

fn at_the_gateway(port: u16) -> String {
    let gateway = gateway(NAMESPACE, "edge", port);
    let routes = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "shop", "namespace": NAMESPACE},
        "spec": {
            "hosts": ["shop"],
            "gateways": ["edge"],
            "http": [{"route": [{"destination": {"host": "shop", "subset": "stable"}}]}],
        },
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [gateway, routes]}).to_string()
}
