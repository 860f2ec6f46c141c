//! `coalmine status` against a real control plane: all well, each thing that is wrong by itself, rights
//! that are missing, and proxies that have the plugin, refuse it, or have not got it.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use coalmine_integration::service::eventually;
use coalmine_integration::workspace;
use coalmine_istio::mesh::{Mesh, Options};
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Role};
use coalmine_istio::workload::Workload;
use serde_json::{Value, json};

use crate::setting::{self, PATIENCE};
use crate::status_rights::{over_a_forwarded_port, rights_decide_what_is_shown};

pub(crate) const NAMESPACE: &str = "bookinfo";

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  variants:
    stable: {labels: {version: v1}}
    canary: {labels: {version: v2}}
  default: stable
  pins: {header: x-canary}
  shares: {canary: 5%}
  unit: [{header: x-user-id}]
";

/// How a mesh is asked.
pub(crate) struct Asked<'m> {
    mesh: &'m Mesh,
    pub(crate) kubeconfig: String,
    pub(crate) more: Vec<String>,
}

impl<'m> Asked<'m> {
    pub(crate) fn of(mesh: &'m Mesh) -> Self {
        Self {
            mesh,
            kubeconfig: mesh.cluster.kubeconfig().display().to_string(),
            more: vec![
                "--istiod".to_owned(),
                format!("http://{}", mesh.istiod.monitoring()),
            ],
        }
    }

    /// The exit code and what is printed.
    pub(crate) fn text(&self, format: &str) -> (Option<i32>, String) {
        let mut arguments = vec!["status", "--kubeconfig", &self.kubeconfig, "-o", format];
        arguments.extend(self.more.iter().map(String::as_str));
        let output = setting::attempt(&arguments, "").unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text + &complaint)
    }

    fn status(&self) -> Result<(Option<i32>, Value)> {
        let (code, text) = self.text("json");
        Ok((code, serde_json::from_str(&text)?))
    }

    /// Waits until exactly these findings are told, notes left out, and gives the report.
    pub(crate) fn finds(&self, code: i32, expected: &[&str]) -> Value {
        eventually(&format!("findings {expected:?}"), PATIENCE, || {
            let (exit, status) = self.status()?;
            let findings = status["findings"].as_array().into_iter().flatten();
            let told = findings.filter(|one| one["severity"] != "note");
            let told: BTreeSet<&str> = told.filter_map(|one| one["code"].as_str()).collect();
            let wanted: BTreeSet<&str> = expected.iter().copied().collect();
            ensure!(told == wanted && exit == Some(code), "{exit:?} {status:#}");
            Ok(status)
        })
        .unwrap()
    }

    /// What is wrong while these objects are as given; then they are as they were.
    fn while_there(&self, changed: &Value, code: i32, expected: &[&str]) -> Value {
        let kubectl = &self.mesh.cluster.kubectl;
        kubectl.apply(&changed.to_string()).unwrap();
        self.finds(code, expected)
    }
}

/// One of the objects that `coalmine render istio` makes.
fn object(rendered: &str, kind: &str) -> Value {
    let documents = rendered.split("---\n");
    let text = documents
        .into_iter()
        .find(|text| text.contains(&format!("kind: {kind}\n")))
        .unwrap();
    let node = coalmine::yaml::parse(text, 0).unwrap().remove(0);
    as_json(&node)
}

fn as_json(node: &coalmine::Node) -> Value {
    use coalmine::Value as Of;
    match &node.value {
        Of::Null => Value::Null,
        Of::Bool(flag) => json!(flag),
        Of::Number(text) => serde_json::from_str(text).unwrap(),
        Of::String(text) => json!(text),
        Of::List(nodes) => nodes.iter().map(as_json).collect(),
        Of::Map(entries) => entries
            .iter()
            .map(|(key, node)| (key.name.clone(), as_json(node)))
            .collect(),
    }
}

#[test]
fn what_a_cluster_has_and_what_is_wrong_with_it() {
    let mut mesh = setting::mesh("status", &Options::default());
    let kubectl = &mesh.cluster.kubectl;
    mesh.namespace(NAMESPACE).unwrap();
    let [port] = ports::some().unwrap();
    let reviews = Workload::start(NAMESPACE, "reviews", port, &["v1", "v2"]).unwrap();
    kubectl.apply(&reviews.objects()).unwrap();
    let proxy = Launch::new(Role::Sidecar, NAMESPACE, "client")
        .start(&mesh)
        .unwrap();
    let asked = Asked::of(&mesh);

    let nothing = asked.finds(1, &["no-canary"]);
    assert_eq!(nothing["canaries"], json!([]));

    let good = setting::rendered(CANARY, &[]);
    kubectl.apply(&good).unwrap();
    let status = asked.finds(0, &[]);
    let reviews_status = &status["canaries"][0];
    assert_eq!(reviews_status["name"], "bookinfo/reviews");
    let shares = |number: usize, part: &str| reviews_status["variants"][number][part].clone();
    assert_eq!(
        (shares(0, "share"), shares(1, "share")),
        (json!("95%"), json!("5%"))
    );
    assert_eq!(
        (shares(0, "endpoints"), shares(1, "endpoints")),
        (json!(1), json!(1))
    );
    let synced = eventually("a proxy in step", PATIENCE, || {
        let (code, status) = asked.status()?;
        ensure!(status["proxies"][0]["state"] == "synced", "{status:#}");
        ensure!(code == Some(0), "{status:#}");
        Ok(status)
    })
    .unwrap();
    assert_eq!(synced["proxies"][0]["proxy"], "client.bookinfo");
    assert_eq!(synced["plugins"][0]["proxies"], json!({"synced": 1}));
    is_on_the_page(&asked.text("table").1);

    // Each by itself; what is right is applied again before the next.
    let routes = object(&good, "VirtualService");
    let subsets = object(&good, "DestinationRule");
    let plugin = object(&good, "WasmPlugin");
    let edited = |object: &Value, edit: &dyn Fn(&mut Value)| {
        let mut edited = object.clone();
        edit(&mut edited);
        edited
    };
    let check = |changed: Value, code: i32, expected: &[&str]| {
        let status = asked.while_there(&changed, code, expected);
        let name = changed["metadata"]["name"].as_str().unwrap();
        if !name.starts_with("coalmine") {
            kubectl.delete(&changed.to_string()).unwrap();
        }
        kubectl.apply(&good).unwrap();
        asked.finds(0, &[]);
        status
    };
    let no_route = edited(&routes, &|object| {
        object["spec"]["http"].as_array_mut().unwrap().remove(0);
    });
    check(no_route, 1, &["no-route-for-variant"]);
    let no_subset = edited(&subsets, &|object| {
        object["spec"]["subsets"].as_array_mut().unwrap().remove(1);
    });
    kubectl.apply(&no_subset.to_string()).unwrap();
    asked.finds(1, &["missing-subset"]);
    let text = asked.text("table").1;
    is_on_the_page(&text[text.find("error[").unwrap()..]);
    check(no_subset, 1, &["missing-subset"]);
    let same_labels = edited(&subsets, &|object| {
        object["spec"]["subsets"][1]["labels"]["version"] = json!("v1");
    });
    check(same_labels, 1, &["same-destination"]);
    let nothing_behind = edited(&subsets, &|object| {
        object["spec"]["subsets"][1]["labels"]["version"] = json!("v3");
    });
    check(nothing_behind, 1, &["no-endpoints"]);
    let other_source = edited(&routes, &|object| {
        object["metadata"]["annotations"]["coalmine.dev/source-hash"] = json!("sha256:00");
    });
    check(other_source, 0, &["other-source"]);
    let unpinned = edited(&plugin, &|object| {
        object["spec"]["url"] = json!(format!("oci://{}/coalmine:test", setting::registry()));
    });
    check(unpinned, 0, &["unpinned-module"]);
    let refused = edited(&plugin, &|object| {
        object["spec"]["pluginConfig"]["canaries"][0]["spec"]["shares"]["canary"] = json!("105%");
    });
    let status = check(refused, 1, &["bad-share", "proxy-refused"]);
    assert_eq!(status["proxies"][0]["state"], "refused");
    let rival = edited(&routes, &|object| {
        object["metadata"] = json!({"name": "theirs", "namespace": NAMESPACE});
    });
    check(rival, 1, &["two-virtual-services"]);
    // With FAIL_OPEN the agent puts a filter that does nothing in the place of a module that it cannot
    // fetch, and takes the config: its control plane knows no more.
    let not_there = edited(&plugin, &|object| {
        let url = format!(
            "oci://{}/coalmine@sha256:{}",
            setting::registry(),
            "0".repeat(64)
        );
        object["spec"]["url"] = json!(url);
    });
    kubectl.apply(&not_there.to_string()).unwrap();
    eventually("the state of a proxy without the module", PATIENCE, || {
        let (_, status) = asked.status()?;
        let digest = status["plugins"][0]["digest"].as_str().unwrap_or_default();
        ensure!(
            digest.starts_with("000") && status["proxies"][0]["state"] == "synced",
            "{status:#}"
        );
        Ok(())
    })
    .unwrap();
    kubectl.apply(&good).unwrap();
    asked.finds(0, &[]);

    rights_decide_what_is_shown(&mesh);
    over_a_forwarded_port(&mesh);
    let text = asked.text("table");
    assert_eq!(text.0, Some(0), "{}", text.1);
    assert!(text.1.ends_with("\nok\n"), "{}", text.1);
    drop(proxy);
    eventually("no proxy", PATIENCE, || {
        let (_, status) = asked.status()?;
        ensure!(status["proxies"] == json!([]), "{status:#}");
        Ok(())
    })
    .unwrap();
    without_istiod(&mut mesh);
}

/// `docs/status.md` shows it, but for the digest of the module, and with the file in the place of
/// standard input.
fn is_on_the_page(text: &str) {
    const DIGEST: &str = "module sha256:";
    let digest = |text: &str| -> String {
        let mut parts = text.split(DIGEST);
        let first = parts.next().unwrap_or_default().to_owned();
        let rest = parts.map(|part| format!("{DIGEST}{}", part.get(12..).unwrap_or_default()));
        first + &rest.collect::<String>()
    };
    let page = std::fs::read_to_string(workspace::root().join("docs/status.md")).unwrap();
    let shown = text.replace("<stdin>", "reviews.yaml");
    assert!(
        digest(&page).contains(&format!("```text\n{}```", digest(&shown))),
        "not on the page:\n{shown}"
    );
}

/// The cluster without its control plane: all else is shown, and one line says so.
fn without_istiod(mesh: &mut Mesh) {
    mesh.istiod.kill();
    let mut asked = Asked::of(mesh);
    let (code, status) = asked.status().unwrap();
    assert_eq!((code, &status["proxies"]), (Some(0), &Value::Null));
    assert_eq!(status["canaries"][0]["name"], "bookinfo/reviews");
    let said = |status: &Value| {
        assert_eq!(status["findings"][0]["code"], "no-control-plane");
        status["findings"][0]["message"].to_string()
    };
    let message = said(&status);
    assert!(message.contains("cannot be reached: "), "{message}");
    asked.more.clear();
    let (code, status) = asked.status().unwrap();
    assert_eq!(code, Some(0));
    let message = said(&status);
    assert!(
        message.contains("no pod with the label app=istiod runs in istio-system"),
        "{message}"
    );
}
