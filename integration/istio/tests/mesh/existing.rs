//! Canaries on top of routes that people have: Bookinfo's, from the source of Istio itself.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use coalmine::config::Canaries;
use coalmine_cli::request::RequestArgs;
use coalmine_integration::client::{Client, Request};
use coalmine_integration::service::eventually;
use coalmine_istio::kubectl::Kubectl;
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Role};
use coalmine_istio::workload::Workload;

use crate::setting::{self, PATIENCE};

const INSIDE: &str = "reviews-existing";
const EDGE: &str = "productpage-existing";

/// So many users that one in ten of those without the canary is surely met.
const USERS: u32 = 400;

/// A canary of a fourth version, which no sample knows.
fn canary(namespace: &str, host: &str, service: &str) -> String {
    format!(
        "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: {service}, namespace: {namespace}}}
spec:
  hosts: ['{host}']
  service: {service}
  variants:
    stable: {{labels: {{version: v1}}}}
    canary: {{labels: {{version: v4}}}}
  default: stable
  pins: {{header: x-canary, cookie: canary}}
  shares: {{canary: 30%}}
  unit: [{{header: x-user-id}}]
"
    )
}

/// A file of the samples, as the checkout of Istio has it.
fn sample(name: &str) -> String {
    let folder = &setting::shared().programs.istio_source;
    fs::read_to_string(folder.join("samples/bookinfo/networking").join(name)).unwrap()
}

/// Manifests of somebody in a folder, and the canary that is put into them.
struct Files {
    folder: tempfile::TempDir,
    namespace: &'static str,
    /// Names with what they hold without a canary.
    originals: Vec<(&'static str, String)>,
}

impl Files {
    fn new(namespace: &'static str, canary: &str, originals: Vec<(&'static str, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("canary.yaml"), canary).unwrap();
        for (name, text) in &originals {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self {
            folder,
            namespace,
            originals,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// `coalmine render istio [CANARY] --into|--out-of FILE... -i`, and what it warns of.
    fn render(&self, canary: Option<&str>, way: &str) -> String {
        let canary = canary.map(|name| self.path(name));
        let paths: Vec<String> = self
            .originals
            .iter()
            .map(|(name, _)| self.path(name))
            .collect();
        let mut arguments = vec!["render", "istio"];
        arguments.extend(canary.as_deref());
        for path in &paths {
            arguments.extend([way, path]);
        }
        arguments.push("-i");
        let output = setting::attempt(&arguments, "").unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    fn apply(&self, kubectl: &Kubectl) {
        for (name, _) in &self.originals {
            let path = self.path(name);
            let apply = ["apply", "--namespace", self.namespace, "-f", &path];
            kubectl.run(&apply, "").unwrap();
        }
    }

    fn assert_as_before(&self) {
        for (name, original) in &self.originals {
            assert_eq!(
                &fs::read_to_string(self.path(name)).unwrap(),
                original,
                "{name}"
            );
        }
    }
}

/// Requests as users send them, with who has to answer.
struct Asked<'a> {
    client: &'a Client,
    canaries: &'a Canaries,
    host: &'a str,
    path: &'a str,
    service: &'a str,
}

impl Asked<'_> {
    fn request(&self) -> Request {
        Request::get(self.path).header("host", self.host)
    }

    /// Pins and shares come before all that the samples say, which holds for everybody else:
    /// `versions` are those that a sample gives to people without a header, `jason` what it gives
    /// to one whose name is that.
    fn go_to_the_canary_or_where_they_went(&self, versions: &[&str], jason: Option<&str>) {
        let canary = format!("{}/v4", self.service);
        for (name, value) in [("x-canary", "canary"), ("cookie", "canary=canary")] {
            let pinned = self.request().header(name, value);
            setting::wait_for(self.client, &pinned, &canary);
            setting::wait_for(self.client, &pinned.header("end-user", "jason"), &canary);
        }
        let mut met = BTreeSet::new();
        for user in 0..USERS {
            let id = ("x-user-id".to_owned(), format!("user-{user}"));
            let asked = RequestArgs {
                host: Some(self.host.to_owned()),
                method: "GET".to_owned(),
                path: self.path.to_owned(),
                headers: vec![id.clone()],
                ..RequestArgs::default()
            };
            let (variant, _) = setting::explained(self.canaries, &asked);
            let request = self.request().header(id.0, id.1);
            let answer = self.client.send(&request).unwrap();
            assert_eq!(
                (variant == "canary"),
                (answer.served_by() == canary),
                "{user}"
            );
            if variant == "stable" {
                met.insert(answer.served_by().to_owned());
            }
        }
        let expected = versions
            .iter()
            .map(|version| format!("{}/{version}", self.service));
        assert_eq!(met, expected.collect());
        if let Some(version) = jason {
            let jason = self.request().header("end-user", "jason");
            setting::wait_for(self.client, &jason, &format!("{}/{version}", self.service));
        }
    }

    /// The same requests once nothing of the canary is left in the routes.
    fn go_where_they_went(&self, versions: &[&str]) {
        let of_the_sample = || -> Result<()> {
            for _ in 0..30 {
                let answer = self
                    .client
                    .send(&self.request().header("x-canary", "canary"))?;
                let version = answer.served_by().rsplit('/').next().unwrap_or_default();
                ensure!(versions.contains(&version), "{}", answer.served_by());
            }
            Ok(())
        };
        eventually("nobody at the canary", PATIENCE, of_the_sample).unwrap();
    }
}

#[test]
fn a_canary_on_top_of_bookinfos_reviews() {
    let mesh = setting::shared();
    let kubectl = &mesh.cluster.kubectl;
    mesh.namespace(INSIDE).unwrap();
    let port = ports::free().unwrap();
    let all = ["v1", "v2", "v3", "v4"];
    let workload = Workload::start(INSIDE, "reviews", port, &all).unwrap();
    kubectl.apply(&workload.objects()).unwrap();
    let _sidecar = Launch::new(Role::Sidecar, INSIDE, "productpage")
        .start(mesh)
        .unwrap();
    let text = canary(INSIDE, "reviews", "reviews");
    let plugin = ["--only", "plugin", "--plugin-namespace", INSIDE];
    kubectl.apply(&setting::rendered(&text, &plugin)).unwrap();
    let (client, canaries) = (setting::client(port), setting::read(&text));
    let asked = Asked {
        client: &client,
        canaries: &canaries,
        host: "reviews",
        path: "/",
        service: "reviews",
    };
    let check = |routes: &'static str, rules: &'static str, versions: &[&str], jason| {
        let originals = vec![(routes, sample(routes)), (rules, sample(rules))];
        let files = Files::new(INSIDE, &text, originals);
        files.render(Some("canary.yaml"), "--into");
        for (name, _) in &files.originals {
            mesh.istioctl()
                .run(&["validate", "-f", &files.path(name)], "")
                .unwrap();
        }
        files.apply(kubectl);
        eprintln!("{routes} with {rules}");
        asked.go_to_the_canary_or_where_they_went(versions, jason);
        files.render(None, "--out-of");
        files.assert_as_before();
        files.apply(kubectl);
        asked.go_where_they_went(versions);
    };
    let rules = "destination-rule-reviews.yaml";
    check(
        "virtual-service-reviews-test-v2.yaml",
        rules,
        &["v1"],
        Some("v2"),
    );
    check(
        "virtual-service-reviews-jason-v2-v3.yaml",
        rules,
        &["v3"],
        Some("v2"),
    );
    check(
        "virtual-service-reviews-90-10.yaml",
        rules,
        &["v1", "v2"],
        None,
    );
    check(
        "virtual-service-reviews-80-20.yaml",
        rules,
        &["v1", "v2"],
        None,
    );
    check(
        "virtual-service-reviews-50-v3.yaml",
        rules,
        &["v1", "v3"],
        None,
    );
    check(
        "virtual-service-reviews-v2-v3.yaml",
        rules,
        &["v2", "v3"],
        None,
    );
    check("virtual-service-reviews-v3.yaml", rules, &["v3"], None);
    // The others' rule, of the same name, is replaced by it; routes of all services are in one file.
    check(
        "virtual-service-all-v1.yaml",
        "destination-rule-all.yaml",
        &["v1"],
        None,
    );
}

#[test]
fn a_canary_behind_bookinfos_gateway() {
    let mesh = setting::shared();
    let kubectl = &mesh.cluster.kubectl;
    mesh.namespace(EDGE).unwrap();
    // The sample's routes name the port.
    let workload = Workload::start(EDGE, "productpage", 9080, &["v1", "v4"]).unwrap();
    kubectl.apply(&workload.objects()).unwrap();
    let _gateway = Launch::new(Role::Router, EDGE, "ingressgateway")
        .label("istio", "ingressgateway")
        .start(mesh)
        .unwrap();
    let text = canary(EDGE, "*", "productpage");
    let plugin = ["--only", "plugin", "--plugin-namespace", EDGE];
    kubectl.apply(&setting::rendered(&text, &plugin)).unwrap();

    // On a port of this machine, and on loopback alone.
    let port = ports::free().unwrap();
    let gateway = sample("bookinfo-gateway.yaml");
    let (listener, bound) = (
        "  - port:\n      number: 8080",
        "  - bind: 127.0.0.1\n    port:\n      number: ",
    );
    assert!(gateway.contains(listener), "{gateway}");
    let gateway = gateway.replace(listener, &format!("{bound}{port}"));
    let rules = sample("destination-rule-all.yaml");
    // The sample's route leads to every version, the canary's as well. A warning says so, and what
    // it advises is done here.
    let (route, subset) = (
        "host: productpage\n        port:",
        "host: productpage\n        subset: v1\n        port:",
    );
    assert!(gateway.contains(route), "{gateway}");
    let files = |gateway: String| {
        let rules = ("destination-rule-all.yaml", rules.clone());
        Files::new(EDGE, &text, vec![("bookinfo-gateway.yaml", gateway), rules])
    };
    let warned = files(gateway.clone()).render(Some("canary.yaml"), "--into");
    assert!(warned.contains("[every-version]"), "{warned}");
    let files = files(gateway.replace(route, subset));
    files.render(Some("canary.yaml"), "--into");
    files.apply(kubectl);
    let (client, canaries) = (setting::client(port), setting::read(&text));
    let asked = Asked {
        client: &client,
        canaries: &canaries,
        host: "shop.example.com",
        path: "/productpage",
        service: "productpage",
    };
    asked.go_to_the_canary_or_where_they_went(&["v1"], None);
    // What the sample has no route for has none now.
    let elsewhere = Request::get("/elsewhere").header("host", "shop.example.com");
    assert_eq!(client.send(&elsewhere).unwrap().status, 404);
    files.render(None, "--out-of");
    files.assert_as_before();
}
