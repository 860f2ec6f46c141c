//! What `coalmine status` shows to whom: accounts of few rights, and the way to istiod's pod.

use coalmine_integration::workspace;
use coalmine_istio::mesh::Mesh;
use serde_json::{Value, json};

use crate::kubelet::Kubelet;
use crate::status::{Asked, NAMESPACE};

/// An account that may list plugins and routes, and some kinds in one namespace; and one that may nothing.
pub(crate) fn rights_decide_what_is_shown(mesh: &Mesh) {
    let kubectl = &mesh.cluster.kubectl;
    kubectl.apply(&rights().to_string()).unwrap();
    let mut asked = Asked::of(mesh);
    asked.kubeconfig = kubeconfig_of(mesh, "watcher");
    asked.more = vec!["--namespace".to_owned(), NAMESPACE.to_owned()];
    let status = asked.finds(0, &[]);
    let shown = &status["canaries"][0];
    assert_eq!(shown["name"], "bookinfo/reviews");
    assert_eq!(shown["variants"][1]["labels"], json!({"version": "v2"}));
    assert_eq!(shown["variants"][1]["endpoints"], Value::Null);
    assert_eq!(status["proxies"], Value::Null);
    let findings = status["findings"].as_array().into_iter().flatten();
    let messages: Vec<&str> = findings.filter_map(|one| one["message"].as_str()).collect();
    let told = |needed: &str| messages.iter().any(|message| message.contains(needed));
    for needed in [
        "you may not list envoyfilters.networking.istio.io, so",
        "you may not list workloadentries.networking.istio.io, so",
        "you may list destinationrules.networking.istio.io only in bookinfo, so",
        "you may list services only in bookinfo, so",
        "you may not list pods, so",
        "you may not list pods in istio-system, where istiod is",
    ] {
        assert!(told(needed), "{needed}: {messages:#?}");
    }
    // The cluster has no kinds of the Gateway API, which is nobody's fault.
    assert!(!told("httproutes"), "{messages:#?}");

    asked.kubeconfig = kubeconfig_of(mesh, "nobody");
    asked.finds(1, &["no-canary"]);
    asked.kubeconfig = kubeconfig_with(mesh, "no such token");
    let (code, text) = asked.text("table");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("the API server does not know you"), "{text}");
}

fn rights() -> Value {
    let rule = |group: &str, kinds: &[&str]| json!({"apiGroups": [group], "resources": kinds, "verbs": ["list"]});
    let watcher = json!({"name": "watcher", "namespace": NAMESPACE});
    let account = |name: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": NAMESPACE},
        })
    };
    let rbac = |kind: &str, more: Value| {
        let mut object = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": watcher.clone(),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            object[name] = value.clone();
        }
        object
    };
    let binding = |kind: &str| {
        json!({
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "watcher"},
            "subjects": [{"kind": "ServiceAccount", "name": "watcher", "namespace": NAMESPACE}],
        })
    };
    let everywhere = [
        rule("extensions.istio.io", &["wasmplugins", "trafficextensions"]),
        rule("networking.istio.io", &["virtualservices"]),
    ];
    let here = [
        rule("", &["services"]),
        rule("networking.istio.io", &["destinationrules"]),
    ];
    json!({"apiVersion": "v1", "kind": "List", "items": [
        account("watcher"),
        account("nobody"),
        rbac("ClusterRole", json!({"rules": everywhere})),
        rbac("ClusterRoleBinding", binding("ClusterRole")),
        rbac("Role", json!({"rules": here})),
        rbac("RoleBinding", binding("Role")),
    ]})
}

fn kubeconfig_of(mesh: &Mesh, account: &str) -> String {
    let arguments = ["create", "token", account, "--namespace", NAMESPACE];
    let token = mesh.cluster.kubectl.run(&arguments, "").unwrap();
    kubeconfig_with(mesh, token.trim())
}

/// The administrator's kubeconfig with another token.
fn kubeconfig_with(mesh: &Mesh, token: &str) -> String {
    let text = std::fs::read_to_string(mesh.cluster.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["users"][0]["user"]["token"] = json!(token);
    let path = mesh.folder.join("kubeconfig-of-another");
    std::fs::write(&path, config.to_string()).unwrap();
    path.display().to_string()
}

/// The way that is taken where nobody says where istiod is: to its pod, through the API server.
pub(crate) fn over_a_forwarded_port(mesh: &Mesh) {
    let kubectl = &mesh.cluster.kubectl;
    let kubelet = Kubelet::start(15014, mesh.istiod.monitoring()).unwrap();
    kubelet
        .run_pod(kubectl, "istio-system", "istiod-0")
        .unwrap();
    let mut asked = Asked::of(mesh);
    asked.more.clear();
    let status = asked.finds(0, &[]);
    assert_eq!(status["proxies"][0]["state"], "synced", "{status:#}");
    assert_eq!(status["proxies"][0]["controlPlane"], "istiod-0");
    asked.kubeconfig = with_the_rights_on_the_page(mesh);
    let status = asked.finds(0, &[]);
    assert_eq!(status["proxies"][0]["state"], "synced", "{status:#}");
    assert_eq!(status["findings"], json!([]), "{status:#}");
    // Who may list pods, but not forward a port, is told so.
    let place = json!({"name": "lists-pods", "namespace": "istio-system"});
    let view = json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": place.clone(),
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": place,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "lists-pods"},
            "subjects": [{"kind": "ServiceAccount", "name": "watcher", "namespace": NAMESPACE}],
        },
    ]});
    kubectl.apply(&view.to_string()).unwrap();
    asked.kubeconfig = kubeconfig_of(mesh, "watcher");
    let (_, text) = asked.text("json");
    assert!(text.contains("you may not forward a port to it"), "{text}");
    let pod = [
        "delete",
        "pod",
        "istiod-0",
        "--namespace",
        "istio-system",
        "--force",
        "--grace-period",
        "0",
    ];
    kubectl.run(&pod, "").unwrap();
}

/// An account that has what `docs/status.md` says it needs, and nothing else.
fn with_the_rights_on_the_page(mesh: &Mesh) -> String {
    let kubectl = &mesh.cluster.kubectl;
    let page = std::fs::read_to_string(workspace::root().join("docs/status.md")).unwrap();
    let roles = page
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    kubectl.apply(roles).unwrap();
    let binding = |kind: &str, of: &str, namespace: Option<&str>| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": "reader", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": of, "name": "coalmine-status"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": NAMESPACE}],
        })
    };
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "reader", "namespace": NAMESPACE},
    });
    for object in [
        account,
        binding("ClusterRoleBinding", "ClusterRole", None),
        binding("RoleBinding", "Role", Some("istio-system")),
    ] {
        kubectl.apply(&object.to_string()).unwrap();
    }
    kubeconfig_of(mesh, "reader")
}
