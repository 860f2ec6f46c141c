//! Where a rollout is driven: a service behind a sidecar, a Prometheus that reads what the sidecar counts, a
//! plugin with the canary, and accounts that may change it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use coalmine_integration::behaviour::BEHAVE_OF;
use coalmine_integration::load::Load;
use coalmine_integration::prometheus::Prometheus;
use coalmine_integration::{command, workspace};
use coalmine_istio::mesh::Mesh;
use coalmine_istio::proxy::Proxy;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scene::{self, Scene};
use crate::setting;

/// Steps of a second, which people would give minutes.
const ROLLOUT: &str = "
  evidence: {}
  rollout:
    revision: v2
    steps:
      - {share: 20%, for: 1s, minRequests: 100}
      - {share: 50%, for: 1s, minRequests: 100}
    analysis: {every: 500ms, delay: 500ms}
";

/// A canary of another team in the same plugin.
const OTHER: &str = "
---
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: ratings, namespace: NAMESPACE}
spec:
  hosts: [ratings]
  variants: {stable: {labels: {version: v1}}, canary: {labels: {version: v2}}}
  default: stable
  shares: {canary: 3%}
  unit: [{header: x-user-id}]
";

/// A service behind a sidecar whose metrics a Prometheus reads, with a canary that is to be rolled out.
pub(crate) struct Stage {
    pub(crate) scene: Scene<'static>,
    pub(crate) sidecar: Proxy,
    prometheus: Prometheus,
    pub(crate) folder: TempDir,
    kind: &'static str,
}

impl Stage {
    pub(crate) fn new(namespace: &'static str, kind: &'static str, options: &[&str]) -> Self {
        let scene = Scene::new(setting::shared(), namespace);
        let sidecar = scene.sidecar();
        // It takes five seconds to its first scrape.
        let prometheus = Prometheus::start(sidecar.status).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let canary = format!("{}{ROLLOUT}", scene.canary("0%"));
        std::fs::write(folder.path().join("shop.yaml"), &canary).unwrap();
        let objects = format!("{canary}{}", OTHER.replace("NAMESPACE", namespace));
        let objects = scene.rendered(&objects, setting::module(), options);
        scene.mesh.cluster.kubectl.apply(&objects).unwrap();
        scene::wait_for_plugin(&scene, scene.inside);
        Self {
            scene,
            sidecar,
            prometheus,
            folder,
            kind,
        }
    }

    pub(crate) fn mesh(&self) -> &'static Mesh {
        self.scene.mesh
    }

    /// The plugin as the API server has it.
    pub(crate) fn plugin(&self) -> Value {
        let kubectl = &self.mesh().cluster.kubectl;
        let object = [self.kind, "coalmine", "--show-managed-fields"];
        let place = ["--namespace", self.scene.namespace];
        kubectl.get(&[&object[..], &place[..]].concat()).unwrap()
    }

    /// The plugin's config, as the filter gets it.
    pub(crate) fn config(&self) -> Value {
        let mut plugin = self.plugin();
        match self.kind {
            "wasmplugin" => plugin["spec"]["pluginConfig"].take(),
            _ => plugin["spec"]["wasm"]["pluginConfig"].take(),
        }
    }

    pub(crate) fn share(&self) -> Value {
        self.config()["canaries"][0]["spec"]["shares"]["canary"].clone()
    }

    /// Users who come all the time, while so many of a thousand requests to the canary fail.
    pub(crate) fn load(&self, failing: u64) -> Load {
        let request = self.scene.request();
        let pause = Duration::from_millis(8);
        Load::start(scene::local(self.scene.inside), 4, pause, move |number| {
            let user = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let does = match user % 1000 < failing {
                true => "v2 status 503",
                false => "v2 well",
            };
            let user = format!("user-{}", user % 2_000);
            request
                .clone()
                .header("x-user-id", user)
                .header(BEHAVE_OF, does)
        })
    }

    /// `coalmine rollout` with these words, as somebody with this kubeconfig.
    pub(crate) fn command(&self, words: &[&str], kubeconfig: &Path) -> Command {
        let mut command = Command::new(command::coalmine().unwrap());
        command
            .arg("rollout")
            .args(words.first())
            .arg("shop.yaml")
            .args(words.get(1..).unwrap_or_default())
            .arg(match self.kind {
                "wasmplugin" => "--wasm-plugin",
                _ => "--traffic-extension",
            })
            .arg(format!("{}/coalmine", self.scene.namespace))
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .env(
                "COALMINE_PROMETHEUS",
                format!("http://{}", self.prometheus.address()),
            )
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn rollout(&self, words: &[&str]) -> (i32, String) {
        self.rollout_as(words, &self.mesh().cluster.kubeconfig())
    }

    /// Five of them at the same time.
    pub(crate) fn at_once(&self, words: &[&str]) -> Vec<(i32, String)> {
        thread::scope(|scope| {
            let all = [(); 5].map(|()| scope.spawn(|| self.rollout(words)));
            all.map(|one| one.join().unwrap()).into()
        })
    }

    pub(crate) fn rollout_as(&self, words: &[&str], kubeconfig: &Path) -> (i32, String) {
        let output = self.command(words, kubeconfig).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        (output.status.code().unwrap_or(-1), text)
    }

    /// One that goes on by itself.
    pub(crate) fn run(&self) -> Child {
        let words = ["run", "--timeout", "60", "--journal", "journal.jsonl"];
        let mut command = self.command(&words, &self.mesh().cluster.kubeconfig());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("journal.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// The kubeconfig of an account with a token of its own.
pub(crate) fn kubeconfig_of(stage: &Stage, account: &str) -> PathBuf {
    let mesh = stage.mesh();
    let kubectl = &mesh.cluster.kubectl;
    let place = ["--namespace", stage.scene.namespace];
    let create = ["create", "serviceaccount", account];
    kubectl
        .run(&[&create[..], &place[..]].concat(), "")
        .unwrap();
    let create = ["create", "token", account];
    let token = kubectl
        .run(&[&create[..], &place[..]].concat(), "")
        .unwrap();
    let text = std::fs::read_to_string(mesh.cluster.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["users"][0]["user"]["token"] = json!(token.trim());
    let path = stage.folder.path().join(format!("kubeconfig-of-{account}"));
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// An account that has what `docs/rollout-kubernetes.md` says it needs.
pub(crate) fn with_the_rights_on_the_page(stage: &Stage) -> PathBuf {
    let page = workspace::root().join("docs/rollout-kubernetes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut blocks = page.split("```yaml\n").skip(1);
    let role = blocks.find(|block| block.contains("kind: Role")).unwrap();
    let role = role.split("```").next().unwrap();
    let namespace = stage.scene.namespace;
    let kubectl = &stage.mesh().cluster.kubectl;
    kubectl
        .apply(&role.replace("istio-system", namespace))
        .unwrap();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "driver", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "coalmine-rollout"},
        "subjects": [{"kind": "ServiceAccount", "name": "driver", "namespace": namespace}],
    });
    kubectl.apply(&binding.to_string()).unwrap();
    kubeconfig_of(stage, "driver")
}
