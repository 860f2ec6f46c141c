//! Routes of the Gateway API in Istio: at a gateway, and for a mesh.

use std::fs;

use anyhow::ensure;
use coalmine_integration::client::{Client, Request};
use coalmine_integration::decisions;
use coalmine_integration::service::eventually;
use coalmine_istio::mesh::Mesh;
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Proxy, Role};
use coalmine_istio::workload::Workload;
use serde_json::{Value, json};

use crate::setting::{self, PATIENCE};
use crate::users::Users;

/// Where the services and their routes are.
const SHOP: &str = "shop-api";

/// Where services call each other.
const INSIDE: &str = "inside-api";

/// Where the gateway is.
const INFRA: &str = "infra-api";

/// A canary whose versions are services of their own, as the Gateway API wants it.
fn canary(namespace: &str, name: &str, host: &str, port: u16) -> String {
    format!(
        "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: {name}, namespace: {namespace}}}
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
fn services(mesh: &Mesh, namespace: &str, port: u16, names: &[&str]) -> Vec<Workload> {
    let start = |name: &&str| {
        let workload = Workload::start(namespace, name, port, &["only"]).unwrap();
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
fn accepted(mesh: &Mesh, namespace: &str, kind: &str, name: &str) {
    eventually(&format!("istiod's word on {kind} {name}"), PATIENCE, || {
        let route = mesh
            .cluster
            .kubectl
            .get(&[kind, name, "--namespace", namespace])?;
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

/// What istiod is told of canaries at the gateway: a plugin for that gateway, and nobody else.
const AT_GATEWAY: [&str; 6] = [
    "--only",
    "plugin",
    "--target-ref",
    "Gateway/public",
    "--plugin-namespace",
    INFRA,
];

/// A route that somebody has, with a service for each thing that it does.
fn route(port: u16) -> String {
    format!(
        "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: own, namespace: {SHOP}}}
spec:
  parentRefs: [{{name: public, namespace: {INFRA}}}]
  hostnames: [own.example.org]
  rules:
  # Whoever debugs sees what the shop does.
  - matches:
    - path: {{type: PathPrefix, value: /cart}}
      queryParams: [{{name: debug, value: '1'}}]
    backendRefs: [{{name: debugger, port: {port}}}]
  - name: cart
    matches:
    - path: {{type: PathPrefix, value: /cart}}
    - path: {{type: Exact, value: /checkout}}
    timeouts: {{request: 5s}}
    backendRefs:
    - name: shop
      port: {port}
  - backendRefs: [{{name: pages, port: {port}}}]
"
    )
}

#[test]
fn routes_of_the_gateway_api_lead_to_what_explain_says() {
    let mesh = setting::shared();
    let kubectl = &mesh.cluster.kubectl;
    mesh.namespace(SHOP).unwrap();
    mesh.namespace(INFRA).unwrap();
    let [inside, edge] = ports::some().unwrap();
    let names = ["shop", "shop-v1", "shop-v2", "debugger", "pages"];
    let _services = services(mesh, SHOP, inside, &names);

    let router = gateway(mesh, edge);
    let [web, rpc, own] = [("web", ""), ("rpc", "--grpc"), ("own", "")].map(|(name, kind)| {
        (
            canary(SHOP, name, &format!("{name}.example.org"), inside),
            kind,
        )
    });
    let all = [&*web.0, &*rpc.0, &*own.0].join("---");
    kubectl
        .apply(&setting::rendered(&all, &AT_GATEWAY))
        .unwrap();
    let parent = format!("{INFRA}/public");
    for (canary, kind) in [&web, &rpc] {
        let gateway = ["--gateway", &parent, kind];
        let options = gateway.iter().filter(|option| !option.is_empty());
        kubectl
            .apply(&rendered(canary, &options.copied().collect::<Vec<_>>()))
            .unwrap();
    }
    accepted(mesh, SHOP, "httproute", "coalmine-web");
    accepted(mesh, SHOP, "grpcroute", "coalmine-rpc");
    let (client, canaries) = (setting::client(edge), setting::read(&all));
    let at = |host, path| Users {
        client: &client,
        canaries: &canaries,
        host,
        path,
    };
    for host in ["web.example.org", "rpc.example.org"] {
        let users = at(host, "/cart");
        let pinned = users.request().header("x-canary", "canary");
        setting::wait_for(&client, &pinned, &server("canary"));
        users.get_what_explain_says(server);
    }

    // A route that is there already, with the canary's twins in it.
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    fs::write(path, route(inside)).unwrap();
    rendered(&own.0, &["--into", path, "-i"]);
    kubectl.apply(&fs::read_to_string(path).unwrap()).unwrap();
    accepted(mesh, SHOP, "httproute", "own");
    let as_it_was = |variant: &str| match variant {
        "canary" => server(variant),
        _ => "shop/only".to_owned(),
    };
    for path in ["/cart", "/cart/7", "/checkout"] {
        let users = at("own.example.org", path);
        let pinned = users.request().header("x-canary", "canary");
        setting::wait_for(&client, &pinned, &server("canary"));
        users.get_what_explain_says(as_it_was);
    }
    for (path, service) in [
        ("/cart?debug=1", "debugger"),
        ("/checkout/now", "pages"),
        ("/", "pages"),
    ] {
        let service = format!("{service}/only");
        at("own.example.org", path).get_what_explain_says(|_| service.clone());
    }
    setting::coalmine(&["render", "gateway-api", "--out-of", path, "-i"], "").unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), route(inside));
    kubectl.apply(&route(inside)).unwrap();
    let pinned = at("own.example.org", "/cart")
        .request()
        .header("x-canary", "canary");
    setting::wait_for(&client, &pinned, "shop/only");

    assert_eq!(router.problems(), Vec::<String>::new());
    let listeners = router.admin.get("/listeners").unwrap();
    assert!(
        listeners.contains(&format!("::127.0.0.1:{edge}")),
        "{listeners}"
    );
    let elsewhere = listeners.lines().filter(|line| line.contains("::0.0.0.0:"));
    assert_eq!(elsewhere.count(), 0, "{listeners}");
    decides_once_by(mesh, &router, &client, &all);
}

/// One of the two plugins is enough: one for every proxy of a namespace is for gateways of the
/// Gateway API as well, and beside one by target each request would be decided twice.
fn decides_once_by(mesh: &Mesh, router: &Proxy, client: &Client, all: &str) {
    let kubectl = &mesh.cluster.kubectl;
    let request = Request::get("/").header("host", "web.example.org");
    let decided = |times: u64| {
        eventually(&format!("{times} decisions"), PATIENCE, || {
            let before = decisions::counts(&router.admin)?;
            let answers = client.send_on_each(8, &request)?;
            ensure!(
                answers
                    .iter()
                    .all(|answer| answer.served_by() == "shop-v1/only")
            );
            let counted = decisions::since(&before, &decisions::counts(&router.admin)?);
            ensure!(counted.values().sum::<u64>() == 8 * times, "{counted:?}");
            Ok(())
        })
        .unwrap();
    };
    decided(1);
    let by_target = setting::rendered(all, &AT_GATEWAY);
    let for_everybody = setting::rendered(all, &["--only", "plugin", "--plugin-namespace", INFRA]);
    kubectl.apply(&for_everybody).unwrap();
    decided(2);
    kubectl.delete(&by_target).unwrap();
    decided(1);
}

#[test]
fn a_route_of_the_mesh_leads_to_what_explain_says() {
    let mesh = setting::shared();
    let kubectl = &mesh.cluster.kubectl;
    mesh.namespace(INSIDE).unwrap();
    let port = ports::free().unwrap();
    let _services = services(mesh, INSIDE, port, &["shop", "shop-v1", "shop-v2"]);
    let sidecar = Launch::new(Role::Sidecar, INSIDE, "client")
        .start(mesh)
        .unwrap();
    let text = canary(INSIDE, "shop", "shop", port);
    let plugin = ["--only", "plugin", "--plugin-namespace", INSIDE];
    kubectl.apply(&setting::rendered(&text, &plugin)).unwrap();
    kubectl.apply(&rendered(&text, &[])).unwrap();
    accepted(mesh, INSIDE, "httproute", "coalmine-shop");
    let (client, canaries) = (setting::client(port), setting::read(&text));
    let users = Users {
        client: &client,
        canaries: &canaries,
        host: "shop",
        path: "/",
    };
    let pinned = users.request().header("x-canary", "canary");
    setting::wait_for(&client, &pinned, &server("canary"));
    users.get_what_explain_says(server);
    assert_eq!(sidecar.problems(), Vec::<String>::new());
}
