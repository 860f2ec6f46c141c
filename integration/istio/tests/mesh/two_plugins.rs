//! Two plugins of ours in one proxy: one of the mesh, one of a namespace.

use coalmine_integration::client::Request;
use coalmine_integration::decisions::{self, Counts, Decided, since};
use coalmine_istio::ports;
use coalmine_istio::proxy::Proxy;
use coalmine_istio::workload::Workload;

use crate::scene::{self, CANARY, STABLE, Scene};
use crate::setting;

const NAMESPACE: &str = "two-plugins";

/// A plugin of the root namespace for the proxies of this scene.
fn of_the_mesh(canary: &str, options: &[&str]) -> String {
    let selector = format!("scene={NAMESPACE}");
    let here = ["--plugin-name", "two-plugins", "--selector", &selector];
    setting::rendered(canary, &[&here[..], options].concat())
}

/// What was decided for a request, by both plugins together.
fn decided(proxy: &Proxy, port: u16, request: &Request) -> Counts {
    let before = decisions::counts(&proxy.admin).unwrap();
    setting::client(port).send(request).unwrap();
    since(&before, &decisions::counts(&proxy.admin).unwrap())
}

#[test]
fn plugins_share_a_proxy_if_they_share_no_host() {
    let scene = Scene::new(setting::shared(), NAMESPACE);
    let kubectl = &scene.mesh.cluster.kubectl;
    let port = ports::free().unwrap();
    let pay = Workload::start(NAMESPACE, "pay", port, &["v1", "v2"]).unwrap();
    kubectl.apply(&pay.objects()).unwrap();
    let sidecar = scene.sidecar();
    let shop = scene.canary("100%");
    let canary_of_pay = shop
        .replace("shop", "pay")
        .replace(&scene.inside.to_string(), &port.to_string());
    kubectl.apply(&of_the_mesh(&canary_of_pay, &[])).unwrap();
    kubectl
        .apply(&scene.rendered(&shop, setting::module(), &[]))
        .unwrap();

    // Other hosts: neither touches what the other decides, and each request is counted once.
    let to_pay = Request::get("/")
        .header("host", format!("pay.{NAMESPACE}.svc.cluster.local"))
        .header("x-user-id", "alice");
    setting::wait_for(&setting::client(port), &to_pay, "pay/v2");
    scene.wait_for(scene.inside, CANARY);
    let once = |canary: &str| [(Decided::new(canary, "canary", "share"), 1)].into();
    let alice = scene.of("alice");
    assert_eq!(
        decided(&sidecar, scene.inside, &alice),
        once("two-plugins/shop")
    );
    assert_eq!(decided(&sidecar, port, &to_pay), once("two-plugins/pay"));

    // The same host in both: the one of the mesh is the last in the chain, and has the last word.
    for (of_mesh, version) in [("0%", STABLE), ("100%", CANARY)] {
        let plugin = of_the_mesh(&scene.canary(of_mesh), &["--only", "plugin"]);
        kubectl.apply(&plugin).unwrap();
        scene.wait_for(scene.inside, version);
    }
    kubectl.apply(&scene.plugin("0%", &[])).unwrap();
    scene::wait_for_plugin(&scene, scene.inside);
    let twice = decided(&sidecar, scene.inside, &scene.tester());
    let pinned = Decided::new("two-plugins/shop", "canary", "pin");
    assert_eq!(twice, [(pinned, 2)].into());
    agreement_tells(&scene);
    assert_eq!(sidecar.problems(), Vec::<String>::new());
}

/// `coalmine validate --against` finds both in what the cluster has.
fn agreement_tells(scene: &Scene<'_>) {
    let kubectl = &scene.mesh.cluster.kubectl;
    let kinds = "wasmplugins,virtualservices,destinationrules";
    let here = ["get", kinds, "--namespace", NAMESPACE, "-o", "yaml"];
    let root = ["get", "wasmplugin", "two-plugins", "-o", "yaml"];
    let root = [&root[..], &["--namespace", "istio-system"]].concat();
    let cluster = [&here[..], &root]
        .map(|get| kubectl.run(get, "").unwrap())
        .join("---\n");
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), cluster).unwrap();
    let path = file.path().to_str().unwrap();
    let ran = setting::attempt(&["validate", "-", "--against", path], &scene.canary("0%"));
    let ran = ran.unwrap();
    let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    assert!(said.contains("[two-plugins]"), "{said}");
}
