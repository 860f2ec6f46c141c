//! `coalmine render istio-envoyfilter`: the filter without Istio's plugins.

use anyhow::ensure;
use coalmine_integration::client::Request;
use coalmine_integration::service::eventually;
use coalmine_integration::workspace;
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Proxy, Role};
use coalmine_istio::workload::{Workload, gateway};
use serde_json::json;

use crate::setting::{self, PATIENCE, coalmine, module};

const NAMESPACE: &str = "patched";

fn shop(share: &str, port: u16) -> String {
    format!(
        "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: shop, namespace: {NAMESPACE}}}
spec:
  hosts: [shop]
  service: shop:{port}
  variants:
    stable: {{labels: {{version: v1}}}}
    canary: {{labels: {{version: v2}}}}
  default: stable
  pins: {{header: x-canary}}
  shares: {{canary: {share}}}
  unit: [{{header: x-user-id}}]
"
    )
}

/// Whether Envoy's config has anything of ours, in listeners, routes, clusters or extensions.
fn names_us(proxy: &Proxy) -> anyhow::Result<bool> {
    let dump = proxy.admin.get("/config_dump")?;
    Ok(dump.contains("coalmine.dev") || dump.contains("x-coalmine-variant"))
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

    let file = workspace::module_path().display().to_string();
    for address in [file.as_str(), module()] {
        let render = |share: &str| {
            let arguments = [
                "render",
                "istio-envoyfilter",
                "-",
                "--routes",
                "--module",
                address,
            ];
            let namespace = ["--namespace", NAMESPACE];
            coalmine(&[&arguments[..], &namespace].concat(), &shop(share, inside)).unwrap()
        };
        let objects = render("0%");
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
        kubectl.apply(&render("100%")).unwrap();
        for (_, client, host) in &places {
            let alice = Request::get("/")
                .header("host", *host)
                .header("x-user-id", "alice");
            setting::wait_for(client, &alice, "shop/v2");
        }
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
