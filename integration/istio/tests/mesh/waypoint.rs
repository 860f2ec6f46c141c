//! A plugin for waypoints, by each of the three things that it can be attached to. Requests come as
//! HBONE from a gateway that Istio makes go through the waypoint.
//!
//! Envoy as it is released lacks what Istio's build of it adds for telemetry between waypoints: the
//! discovery of workloads, which is turned off, two filters, which are taken out, and a kind of filter
//! state, in whose place Istio gives proxies before 1.29.2 another.

use std::net::Ipv4Addr;

use coalmine_istio::ports;
use coalmine_istio::proxy::{self, Launch, Role};
use coalmine_istio::workload::{Workload, gateway};
use serde_json::{Value, json};

use crate::setting;
use crate::users::Users;

const NAMESPACE: &str = "ambient";

/// The label of workloads by which Istio knows whose proxy they are.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

const HOST: &str = "shop.ambient.svc.cluster.local";

const SHOP: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop, namespace: ambient}
spec:
  hosts: [shop]
  variants:
    stable: {labels: {version: v1}}
    canary: {labels: {version: v2}}
  default: stable
  pins: {header: x-canary}
  shares: {canary: 30%}
  unit: [{header: x-user-id}]
";

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

/// The routes of a gateway that knows of no canary.
fn edge() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "edge", "namespace": NAMESPACE},
        "spec": {
            "hosts": ["shop"],
            "gateways": ["edge"],
            "http": [{"route": [{"destination": {"host": "shop"}}]}],
        },
    })
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
    let workload = Workload::start(NAMESPACE, "shop", inside, &["v1", "v2"]).unwrap();
    kubectl.apply(&workload.objects()).unwrap();
    let through_the_waypoint = [
        "istio.io/use-waypoint=waypoint",
        "istio.io/ingress-use-waypoint=true",
    ];
    let label = ["label", "service", "shop", "--namespace", NAMESPACE];
    kubectl
        .run(&[&label[..], &through_the_waypoint].concat(), "")
        .unwrap();
    let address = proxy::address().unwrap();
    kubectl.apply(&waypoint(address).to_string()).unwrap();
    let entrance = list(&[gateway(NAMESPACE, "edge", outside), edge()]);
    kubectl.apply(&entrance.to_string()).unwrap();
    kubectl
        .apply(&setting::rendered(SHOP, &["--only", "routes"]))
        .unwrap();
    let waypoint = Launch::new(Role::Waypoint, NAMESPACE, "waypoint")
        .at(address)
        .label(GATEWAY_NAME, "waypoint")
        .environment("ISTIO_META_ISTIO_VERSION", "1.29.1")
        .start(mesh)
        .unwrap();
    let _edge = Launch::new(Role::Router, NAMESPACE, "edge")
        .start(mesh)
        .unwrap();

    let (client, canaries) = (setting::client(outside), setting::read(SHOP));
    let users = Users {
        client: &client,
        canaries: &canaries,
        host: HOST,
        path: "/",
    };
    let pinned = users.request().header("x-canary", "canary");
    setting::wait_for(&client, &pinned, &server("stable"));
    let here = ["--plugin-namespace", NAMESPACE];
    for (target, place) in [
        ("Service/shop", &here[..]),
        ("Gateway/waypoint", &here[..]),
        ("GatewayClass/istio-waypoint", &[]),
    ] {
        let options = [&["--only", "plugin", "--target-ref", target], place].concat();
        let plugin = setting::rendered(SHOP, &options);
        kubectl.apply(&plugin).unwrap();
        setting::wait_for(&client, &pinned, &server("canary"));
        users.get_what_explain_says(server);
        kubectl.delete(&plugin).unwrap();
        setting::wait_for(&client, &pinned, &server("stable"));
    }
    assert_eq!(waypoint.problems(), Vec::<String>::new());
}
