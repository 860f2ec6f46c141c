//! Routes of the Gateway API in Istio: at a gateway, and for a mesh.

use anyhow::ensure;
use coalmine_istio::mesh::Mesh;
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Proxy, Role};
use coalmine_istio::service::eventually;
use coalmine_istio::workload::Workload;
use serde_json::{Value, json};

use crate::setting::{self, PATIENCE};
use crate::users::Users;

/// Where the services and their routes are.
const SHOP: &str = "shop-api";

/// Where the gateway is.
const INFRA: &str = "infra-api";

/// A canary whose versions are services of their own, as the Gateway API wants it.
fn canary(name: &str, host: &str, port: u16) -> String {
    format!(
        "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: {name}, namespace: {SHOP}}}
spec:
  hosts: [{host}]
  service: shop:{port}
  variants:
    stable: {{service: 'shop-v1:{port}'}}
    canary: {{service: 'shop-v2:{port}'}}
  default: stable
  pins: {{header: x-canary, cookie: canary}}
  shares: {{canary: 30%}}
  unit: [{{header: x-user-id}}]
"
    )
}

/// How the server of a variant calls itself.
fn server(variant: &str) -> String {
    match variant {
        "canary" => "shop-v2/only",
        _ => "shop-v1/only",
    }
    .to_owned()
}

/// A service for each version, and the one that both stand for.
fn services(mesh: &Mesh, port: u16, names: &[&str]) -> Vec<Workload> {
    let start = |name: &&str| {
        let workload = Workload::start(SHOP, name, port, &["only"]).unwrap();
        mesh.cluster.kubectl.apply(&workload.objects()).unwrap();
        workload
    };
    names.iter().map(start).collect()
}

/// A gateway that Istio makes no deployment for, since it names a service that is there, and the
/// proxy behind that service: on loopback, where Istio would bind every address.
fn gateway(mesh: &Mesh, port: u16) -> Proxy {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "public", "namespace": INFRA},
        "spec": {
            "ports": [{"name": "http", "port": port, "targetPort": port}],
            "selector": {"app": "public"},
        },
    });
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "public", "namespace": INFRA},
        "spec": {
            "gatewayClassName": "istio",
            "addresses": [{"type": "Hostname", "value": "public"}],
            "listeners": [{
                "name": "http",
                "port": port,
                "protocol": "HTTP",
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }],
        },
    });
    let loopback = json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "loopback", "namespace": INFRA},
        "spec": {"configPatches": [{
            "applyTo": "LISTENER",
            "match": {"context": "GATEWAY"},
            "patch": {
                "operation": "MERGE",
                "value": {"address": {"socket_address": {"address": "127.0.0.1"}}},
            },
        }]},
    });
    let objects =
        json!({"apiVersion": "v1", "kind": "List", "items": [service, gateway, loopback]});
    mesh.cluster.kubectl.apply(&objects.to_string()).unwrap();
    Launch::new(Role::Router, INFRA, "public")
        // Deployments that Istio makes have it; without it a plugin by target finds no proxy.
        .label("gateway.networking.k8s.io/gateway-name", "public")
        .start(mesh)
        .unwrap()
}

/// Waits until istiod says of each parent of a route that it takes the route.
fn accepted(mesh: &Mesh, kind: &str, name: &str) {
    eventually(&format!("istiod's word on {kind} {name}"), PATIENCE, || {
        let route = mesh
            .cluster
            .kubectl
            .get(&[kind, name, "--namespace", SHOP])?;
        let parents = route["status"]["parents"].as_array();
        let conditions: Vec<&Value> = parents
            .into_iter()
            .flatten()
            .flat_map(|parent| parent["conditions"].as_array())
            .flatten()
            .collect();
        let said = |kind: &str| {
            let mut of_kind = conditions.iter().filter(|one| one["type"] == *kind);
            of_kind.next().is_some_and(|one| one["status"] == "True")
        };
        ensure!(said("Accepted") && said("ResolvedRefs"), "{route}");
        Ok(())
    })
    .unwrap();
}

fn rendered(canary: &str, options: &[&str]) -> String {
    let arguments = [&["render", "gateway-api", "-"], options].concat();
    setting::coalmine(&arguments, canary).unwrap()
}

#[test]
fn routes_of_the_gateway_api_lead_to_what_explain_says() {
    let mesh = setting::shared();
    let kubectl = &mesh.cluster.kubectl;
    mesh.namespace(SHOP).unwrap();
    mesh.namespace(INFRA).unwrap();
    let [inside, edge] = ports::some().unwrap();
    let names = ["shop", "shop-v1", "shop-v2"];
    let _services = services(mesh, inside, &names);

    let router = gateway(mesh, edge);
    let at_gateway = canary("shop", "shop.example.org", inside);
    kubectl
        .apply(&setting::rendered(
            &at_gateway,
            &[
                "--only",
                "plugin",
                "--target-ref",
                "Gateway/public",
                "--plugin-namespace",
                INFRA,
            ],
        ))
        .unwrap();
    let parent = format!("{INFRA}/public");
    kubectl
        .apply(&rendered(&at_gateway, &["--gateway", &parent]))
        .unwrap();
    accepted(mesh, "httproute", "coalmine-shop");
    let (client, canaries) = (setting::client(edge), setting::read(&at_gateway));
    let users = Users {
        client: &client,
        canaries: &canaries,
        host: "shop.example.org",
        path: "/cart",
    };
    let pinned = users.request().header("x-canary", "canary");
    setting::wait_for(&client, &pinned, &server("canary"));
    users.get_what_explain_says(server);
    assert_eq!(router.problems(), Vec::<String>::new());
}
