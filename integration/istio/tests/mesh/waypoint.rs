//! A plugin for waypoints, by each of the three things that it can be attached to. Requests come as
//! HBONE from a gateway that Istio makes go through the waypoint.
//!
//! Envoy as it is released lacks what Istio's build of it adds for telemetry between waypoints: the
//! discovery of workloads, which is turned off, two filters, which are taken out, and a kind of filter
//! state, in whose place Istio gives proxies before 1.29.2 another.

use std::net::Ipv4Addr;

use coalmine_integration::client::Client;
use coalmine_istio::kubectl::Kubectl;
use coalmine_istio::ports;
use coalmine_istio::proxy::{self, Launch, Proxy, Role};
use coalmine_istio::workload::{Workload, gateway};
use serde_json::{Value, json};

use crate::setting;
use crate::shop::shop;
use crate::users::Users;

const NAMESPACE: &str = "ambient";

/// The label of workloads by which Istio knows whose proxy they are.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

const HOST: &str = "shop.ambient.svc.cluster.local";

fn canary() -> String {
    shop(NAMESPACE, "30%", &[])
}

fn server(variant: &str) -> String {
    match variant {
        "canary" => "shop/v2",
        _ => "shop/v1",
    }
    .to_owned()
}

/// The waypoint: a Gateway for which Istio makes no deployment, its Service, and the workload behind
/// it, which is a proxy at that address.
fn waypoint(address: Ipv4Addr) -> Value {
    let of_waypoints = json!({"gateway.istio.io/managed": "istio.io-mesh-controller"});
    let mut labels = of_waypoints.clone();
    labels["app"] = "waypoint".into();
    labels[GATEWAY_NAME] = "waypoint".into();
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "waypoint", "namespace": NAMESPACE},
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "addresses": [{"type": "Hostname", "value": "waypoint"}],
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    });
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "waypoint", "namespace": NAMESPACE, "labels": of_waypoints},
        "spec": {
            "ports": [{"name": "hbone", "port": 15008}],
            "selector": {"app": "waypoint"},
        },
    });
    let workload = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "WorkloadEntry",
        "metadata": {"name": "waypoint", "namespace": NAMESPACE},
        "spec": {
            "address": address,
            "labels": labels,
            "serviceAccount": "waypoint",
        },
    });
    list(&[gateway, service, workload, fit(address)])
}

/// What lets this Envoy be a waypoint, on loopback.
fn fit(address: Ipv4Addr) -> Value {
    let without = |filter: &str| {
        let manager = json!({
            "name": "envoy.filters.network.http_connection_manager",
            "subFilter": {"name": filter},
        });
        json!({
            "applyTo": "HTTP_FILTER",
            "match": {
                "context": "SIDECAR_INBOUND",
                "listener": {"filterChain": {"filter": manager}},
            },
            "patch": {"operation": "REMOVE"},
        })
    };
    let bind = json!({
        "applyTo": "LISTENER",
        "match": {"context": "SIDECAR_INBOUND", "listener": {"name": "connect_terminate"}},
        "patch": {
            "operation": "MERGE",
            "value": {"address": {"socket_address": {"address": address}}},
        },
    });
    json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "fit", "namespace": NAMESPACE},
        "spec": {
            "targetRefs": [{
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "name": "waypoint",
            }],
            "configPatches": [
                without("waypoint_downstream_peer_metadata"),
                without("waypoint_upstream_peer_metadata"),
                bind,
            ],
        },
    })
}

/// The route of a gateway that knows of no canary to a service.
fn from_the_edge(service: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": format!("edge-{service}"), "namespace": NAMESPACE},
        "spec": {
            "hosts": [service],
            "gateways": ["edge"],
            "http": [{"route": [{"destination": {"host": service}}]}],
        },
    })
}

/// Starts a service, and has its requests go through the waypoint, those from gateways too.
fn service(kubectl: &Kubectl, name: &str, port: u16, versions: &[&str]) -> Workload {
    let workload = Workload::start(NAMESPACE, name, port, versions).unwrap();
    kubectl.apply(&workload.objects()).unwrap();
    let through_the_waypoint = [
        "istio.io/use-waypoint=waypoint",
        "istio.io/ingress-use-waypoint=true",
    ];
    let label = ["label", "service", name, "--namespace", NAMESPACE];
    kubectl
        .run(&[&label[..], &through_the_waypoint].concat(), "")
        .unwrap();
    workload
}

/// All that istiod has told a proxy.
fn told(proxy: &Proxy) -> String {
    proxy.admin.get("/config_dump?include_eds").unwrap()
}

fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

#[test]
fn a_waypoint_decides_by_a_plugin_for_it_its_class_or_the_service() {
    let mesh = setting::shared();
    let kubectl = &mesh.cluster.kubectl;
    mesh.namespace(NAMESPACE).unwrap();
    let [inside, outside] = ports::some().unwrap();
    let shop = canary();
    let _shop = service(kubectl, "shop", inside, &["v1", "v2"]);
    let _cart =
        ["cart", "cart-v1", "cart-v2"].map(|name| service(kubectl, name, inside, &["only"]));
    let address = proxy::address().unwrap();
    kubectl.apply(&waypoint(address).to_string()).unwrap();
    let gateway = gateway(NAMESPACE, "edge", outside);
    let entrance = list(&[gateway, from_the_edge("shop"), from_the_edge("cart")]);
    kubectl.apply(&entrance.to_string()).unwrap();
    kubectl
        .apply(&setting::rendered(&shop, &["--only", "routes"]))
        .unwrap();
    // By a label and not by a target, it is for sidecars and gateways, whatever the label says.
    let label = format!("{GATEWAY_NAME}=waypoint");
    let here = ["--plugin-namespace", NAMESPACE];
    let by_label = [&["--only", "plugin", "--selector", &label], &here[..]].concat();
    kubectl.apply(&setting::rendered(&shop, &by_label)).unwrap();
    let waypoint = Launch::new(Role::Waypoint, NAMESPACE, "waypoint")
        .at(address)
        .label(GATEWAY_NAME, "waypoint")
        .environment("ISTIO_META_ISTIO_VERSION", "1.29.1")
        .start(mesh)
        .unwrap();
    let edge = Launch::new(Role::Router, NAMESPACE, "edge")
        .start(mesh)
        .unwrap();

    let (client, canaries) = (setting::client(outside), setting::read(&shop));
    let users = Users {
        client: &client,
        canaries: &canaries,
        host: HOST,
        path: "/",
    };
    let pinned = users.request().header("x-canary", "canary");
    setting::wait_for(&client, &pinned, &server("stable"));
    for (target, place, name) in [
        ("Service/shop", &here[..], "ambient.coalmine-shop"),
        ("Gateway/waypoint", &here[..], "ambient.coalmine-waypoint"),
        (
            "GatewayClass/istio-waypoint",
            &[],
            "istio-system.coalmine-istio-waypoint",
        ),
    ] {
        let options = [&["--only", "plugin", "--target-ref", target], place].concat();
        let plugin = setting::rendered(&shop, &options);
        kubectl.apply(&plugin).unwrap();
        setting::wait_for(&client, &pinned, &server("canary"));
        users.get_what_explain_says(server);
        let config = told(&waypoint);
        assert!(config.contains(&format!("/{name}~")), "{config}");
        assert!(!config.contains("/ambient.coalmine~"), "{config}");
        kubectl.delete(&plugin).unwrap();
        setting::wait_for(&client, &pinned, &server("stable"));
    }
    a_route_of_the_gateway_api(kubectl, &client, inside);

    assert!(!told(&edge).contains("coalmine.dev/v1alpha1"));
    assert_eq!(waypoint.problems(), Vec::<String>::new());
    let listeners = waypoint.admin.get("/listeners").unwrap();
    assert!(
        listeners.contains(&format!("::{address}:15008")),
        "{listeners}"
    );
    assert!(!listeners.contains("::0.0.0.0:"), "{listeners}");
}

/// The same with an HTTPRoute and a service for each version.
fn a_route_of_the_gateway_api(kubectl: &Kubectl, client: &Client, port: u16) {
    let text = canary()
        .replace("shop", "cart")
        .replace(
            "labels: {version: v1}",
            &format!("service: 'cart-v1:{port}'"),
        )
        .replace(
            "labels: {version: v2}",
            &format!("service: 'cart-v2:{port}'"),
        )
        .replace("spec:", &format!("spec:\n  service: cart:{port}"));
    let plugin = ["--only", "plugin", "--target-ref", "Service/cart"];
    let plugin = [&plugin[..], &["--plugin-namespace", NAMESPACE]].concat();
    kubectl.apply(&setting::rendered(&text, &plugin)).unwrap();
    let route = setting::coalmine(&["render", "gateway-api", "-"], &text).unwrap();
    kubectl.apply(&route).unwrap();
    let canaries = setting::read(&text);
    let users = Users {
        client,
        canaries: &canaries,
        host: "cart.ambient.svc.cluster.local",
        path: "/",
    };
    let server = |variant: &str| match variant {
        "canary" => "cart-v2/only".to_owned(),
        _ => "cart-v1/only".to_owned(),
    };
    let pinned = users.request().header("x-canary", "canary");
    setting::wait_for(client, &pinned, &server("canary"));
    users.get_what_explain_says(server);
}
