//! The page `docs/istio.md`, from its first command to its last, on a mesh of its own.
//!
//! A block `console` has commands behind `$ `, and below a command what it prints, if the page
//! promises it. Where the mesh has workloads without pods, `kubectl exec ... -- curl ...` is done by
//! a program of that name which asks the client's sidecar.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Result, bail, ensure};
use coalmine_integration::service::eventually;
use coalmine_integration::{command, workspace};
use coalmine_istio::mesh::{Mesh, Options};
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Role};
use coalmine_istio::workload::Workload;

use crate::setting::{self, PATIENCE};

const NAMESPACE: &str = "bookinfo";

/// The port of the service, as the page has it.
const PORT: &str = "9080";

/// A request of `curl -s [-H HEADER]... HOST:PORT`; prints which version answered, as its pod's name
/// would begin.
const CURL: &str = r#"
import sys, urllib.request
words = sys.argv[1:]
headers = [words[i + 1] for i, word in enumerate(words) if word == "-H"]
host, port = words[-1].split(":")
request = urllib.request.Request("http://127.0.0.1:" + port, headers={"host": host})
for header in headers:
    request.add_header(*header.split(": ", 1))
answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)
print(answer.headers["x-served-by"].replace("/", "-"))
"#;

/// A command of the page, and what it prints if the page says so.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) prints: String,
}

pub(crate) fn steps(page: &str) -> Vec<Step> {
    let blocks = page.split("```console\n").skip(1);
    let lines = blocks.flat_map(|rest| rest.split("```").next().unwrap_or_default().lines());
    let mut steps: Vec<Step> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                prints: String::new(),
            }),
            (None, Some(step)) => {
                step.prints.push_str(line);
                step.prints.push('\n');
            }
            (None, None) => panic!("{line} stands before any command"),
        }
    }
    steps
}

/// A program in a folder that is searched first.
fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// Where commands run, and with which variables.
pub(crate) struct Shell {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) variables: BTreeMap<String, String>,
}

impl Shell {
    pub(crate) fn new(mesh: &Mesh, registry: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join(".bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("curl.py"), CURL).unwrap();
        let kubectl = mesh.programs.kubectl.display();
        let exec = format!(
            r#"if [ "$1" = exec ]; then
while [ "$1" != curl ]; do shift; done; shift; exec python3 {}/curl.py "$@"; fi
exec {kubectl} "$@""#,
            bin.display()
        );
        program(&bin, "kubectl", &exec);
        program(
            &bin,
            "istioctl",
            &format!(r#"exec {} "$@""#, mesh.programs.istioctl.display()),
        );
        // A command that carries no module is told where it is. The next release has other bytes.
        let newer = bin.join("newer.wasm");
        let mut bytes = fs::read(workspace::module_path()).unwrap();
        bytes.extend_from_slice(b"\0\x06\x05newer");
        fs::write(&newer, bytes).unwrap();
        let coalmine = command::coalmine().unwrap();
        let push = format!(
            r#"case "$*" in
"module push "*:0.1.0) set -- "$@" --module {} ;;
"module push "*) set -- "$@" --module {} ;;
esac
exec {} "$@""#,
            workspace::module_path().display(),
            newer.display(),
            coalmine.display()
        );
        program(&bin, "coalmine", &push);
        let path = format!("{}:{}", bin.display(), env::var("PATH").unwrap());
        let kubeconfig = mesh.cluster.kubeconfig().display().to_string();
        let variables = [
            ("PATH", path),
            ("KUBECONFIG", kubeconfig),
            ("REGISTRY", registry.to_owned()),
        ];
        Self {
            folder,
            variables: variables
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
        }
    }

    /// What becomes of a line, whatever that is.
    pub(crate) fn output(&self, script: &str) -> Result<Output> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script])
            .current_dir(self.folder.path())
            .envs(&self.variables);
        Ok(shell.output()?)
    }

    fn run(&mut self, line: &str) -> Result<String> {
        let exported = line
            .strip_prefix("export ")
            .and_then(|rest| rest.split_once('='));
        let script = match exported {
            Some((name, _)) => format!("set -e; {line}; printf %s \"${name}\""),
            None => line.to_owned(),
        };
        let output = self.output(&script)?;
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("{line}: {out}{}", String::from_utf8_lossy(&output.stderr));
        }
        if let Some((name, _)) = exported {
            self.variables.insert(name.to_owned(), out.clone());
        }
        Ok(out)
    }
}

#[test]
fn the_page_is_true_from_its_first_command_to_its_last() {
    let page = fs::read_to_string(workspace::root().join("docs/istio.md")).unwrap();
    let port = ports::free().unwrap();
    let page = page.replace(PORT, &port.to_string());
    let mesh = setting::mesh("page", &Options::default());
    mesh.namespace(NAMESPACE).unwrap();
    let workload = Workload::start(NAMESPACE, "reviews", port, &["v1", "v2"]).unwrap();
    mesh.cluster.kubectl.apply(&workload.objects()).unwrap();
    let _sidecar = Launch::new(Role::Sidecar, NAMESPACE, "client")
        .start(&mesh)
        .unwrap();

    let mut shell = Shell::new(&mesh, &setting::registry().to_string());
    let canary = page.split("```yaml\n").nth(1).unwrap();
    let canary = canary.split("```").next().unwrap();
    fs::write(shell.folder.path().join("reviews.yaml"), canary).unwrap();
    let steps = steps(&page);
    let asked = steps.iter().filter(|step| !step.prints.is_empty()).count();
    assert!(steps.len() >= 15 && asked >= 3, "{steps:?}");
    for Step { command, prints } in &steps {
        if prints.is_empty() {
            let out = shell.run(command).unwrap();
            // The last of the page asks what is left.
            assert!(
                !command.starts_with("kubectl get ") || out.is_empty(),
                "{out}"
            );
            continue;
        }
        // What was applied a moment ago is on its way.
        eventually(command, PATIENCE, || {
            // More than once, or a service without a plugin would do it by chance.
            for _ in 0..5 {
                let out = shell.run(command)?;
                ensure!(&out == prints, "{out} instead of {prints}");
            }
            Ok(())
        })
        .unwrap();
    }
    let [former, newer] = ["FORMER", "MODULE"].map(|name| &shell.variables[name]);
    assert_ne!(former, newer);
}
