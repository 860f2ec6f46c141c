//! Control planes that do not answer, or not everything: what is said, what leads further, and what is
//! shown all the same.

use super::proxies::{PLUGIN_CONFIG, RESOURCE};
use crate::run::{coalmine, command, run};
use crate::server::{Answer, nobody, serve};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a server says to a path with its query: a status and a body, and with the status 0 it hangs up;
/// none for 404.
type Answers = dyn Fn(&str) -> Option<(u16, String)> + Send + Sync;

/// The address of a server that says so.
fn url(answers: Arc<Answers>) -> String {
    let address = serve(move |asked| match answers(&asked.target) {
        Some((0, _)) => Answer::HangUp,
        Some((status, body)) => Answer::json(status, body),
        None => Answer::json(
            404,
            json!({"kind": "Status", "status": "Failure", "message": "not found", "code": 404}),
        ),
    });
    format!("http://{address}")
}

/// The API server's answers: a plugin, and what is said of istiod's pods and of forwarded ports.
fn cluster(pods: (u16, Value), forwarded: u16) -> Arc<Answers> {
    let config: Value = serde_json::from_str(&PLUGIN_CONFIG.replace("SHARE", "5%")).unwrap();
    let plugins = json!({"kind": "List", "metadata": {}, "items": [{
        "kind": "WasmPlugin",
        "metadata": {"name": "coalmine", "namespace": "istio-system"},
        "spec": {"pluginName": "coalmine", "pluginConfig": config},
    }]});
    let refusal = |code: u16| json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "not so", "code": code});
    let (status, pods) = (
        pods.0,
        if pods.0 == 200 {
            pods.1
        } else {
            refusal(pods.0)
        },
    );
    Arc::new(move |path| {
        if path.contains("/portforward") {
            return Some((forwarded, refusal(forwarded).to_string()));
        }
        let (path, _) = path.split_once('?')?;
        match path {
            "/apis/extensions.istio.io/v1alpha1/wasmplugins" => Some((200, plugins.to_string())),
            "/api/v1/namespaces/istio-system/pods" => Some((status, pods.to_string())),
            _ => None,
        }
    })
}

fn pods(names: &[&str]) -> (u16, Value) {
    let pods = names.iter().map(|name| {
        json!({"metadata": {"name": name, "namespace": "istio-system"}, "spec": {"containers": []}})
    });
    let pods: Vec<Value> = pods.collect();
    let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods});
    (200, list)
}

/// A control plane of these proxies, all of which have the plugin.
fn istiod(proxies: &'static [&'static str]) -> impl Fn(&str) -> Option<(u16, String)> {
    move |path| {
        let answer = match path.split_once("?proxyID=") {
            None if path == "/debug/syncz" => proxies
                .iter()
                .map(|id| {
                    json!({"proxy": id, "proxy_type": "sidecar", "extensionconfig_sent": "7", "extensionconfig_acked": "7"})
                })
                .collect(),
            None if path == "/debug/adsz" => {
                let clients = proxies.iter().map(|id| {
                    let kind = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
                    json!({"connectionId": format!("{id}-1"), "watches": {kind: [RESOURCE]}})
                });
                json!({"clients": clients.collect::<Vec<_>>()})
            }
            None => return None,
            Some(_) => json!({"configs": [{"config": {
                "name": "istio-system.coalmine~istio-translated-wasmplugin",
                "configuration": {"value": PLUGIN_CONFIG.replace("SHARE", "5%")},
            }}]}),
        };
        Some((200, answer.to_string()))
    }
}

/// Writes one for an API server, and says where.
fn kubeconfig(folder: &Path, server: &str) -> PathBuf {
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    });
    let path = folder.join("kubeconfig");
    std::fs::write(&path, text.to_string()).unwrap();
    path
}

/// What is printed for programs.
fn status(api_server: &Arc<Answers>, istiods: &[String]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(folder.path(), &url(Arc::clone(api_server)));
    let mut asking = command();
    asking.args(["status", "-o", "json", "--kubeconfig"]);
    asking.arg(&kubeconfig);
    asking.args(istiods.iter().flat_map(|url| ["--istiod", url]));
    let ran = run(&mut asking, "");
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

/// What is said of control planes: code, message and help.
fn silences(status: &Value) -> Vec<[&str; 3]> {
    let findings = status["findings"].as_array().into_iter().flatten();
    findings
        .map(|one| ["code", "message", "help"].map(|part| one[part].as_str().unwrap_or_default()))
        .filter(|[code, ..]| ["no-control-plane", "unanswered"].contains(code))
        .collect()
}

fn states(status: &Value) -> Vec<String> {
    let proxies = status["proxies"].as_array().into_iter().flatten();
    proxies
        .map(|one| {
            let part = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", part("proxy"), part("state"))
        })
        .collect()
}

/// Each question that one istiod does not answer, by itself.
#[test]
fn one_question_keeps_no_other_back() {
    let check = |paths: &[&'static str],
                 answer: Option<(u16, &'static str)>,
                 expected: &[&str],
                 needed: &[&str]| {
        let (good, broken) = (istiod(&["a.x", "b.x", "c.x", "d.x", "e.x"]), paths.to_vec());
        let answers: Arc<Answers> = Arc::new(move |path: &str| {
            let breaks = broken.iter().any(|one| path.ends_with(one));
            match (breaks, answer) {
                (false, _) => good(path),
                (true, Some((status, body))) => Some((status, body.to_owned())),
                // No answer at all.
                (true, None) => Some((0, String::new())),
            }
        });
        let status = status(&cluster(pods(&[]), 500), &[url(answers)]);
        assert_eq!(states(&status), expected, "{paths:?}");
        let silences = silences(&status);
        assert_eq!(
            silences.len(),
            usize::from(!needed.is_empty()),
            "{silences:?}"
        );
        for [_, message, _] in &silences {
            for needed in needed {
                assert!(message.contains(needed), "{needed}: {message}");
            }
        }
    };
    let all = |state: &str| ["a.x", "b.x", "c.x", "d.x", "e.x"].map(|id| format!("{id} {state}"));
    let check = |paths: &[&'static str], answer, expected: [String; 5], needed: &[&str]| {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(paths, answer, &expected, needed);
    };
    let busy = Some((500, "busy\n"));
    check(&[], None, all("synced"), &[]);
    check(
        &["adsz"],
        busy,
        all("synced"),
        &["/debug/adsz", "500: busy"],
    );
    check(
        &["adsz"],
        Some((200, "<html>")),
        all("synced"),
        &["/debug/adsz", "JSON"],
    );
    check(
        &["syncz"],
        busy,
        all("unknown"),
        &["/debug/syncz", "500: busy"],
    );
    let but = |unknown: &[usize]| {
        let mut states = all("synced");
        for index in unknown {
            states[*index] = states[*index].replace("synced", "acknowledged");
        }
        states
    };
    check(
        &["=b.x"],
        Some((404, "not connected")),
        but(&[1]),
        &["proxy b.x (/debug/ecdsz)", "404: not connected"],
    );
    check(
        &["=a.x", "=c.x", "=d.x", "=e.x"],
        busy,
        but(&[0, 2, 3, 4]),
        &["4 proxies: a.x, c.x, d.x and 1 more (/debug/ecdsz)"],
    );
    // Each without any answer may take its time: after three in a row no more are asked for.
    check(
        &["=a.x", "=b.x", "=d.x"],
        None,
        but(&[0, 1, 3]),
        &["3 proxies: a.x, b.x, d.x (/debug/ecdsz)"],
    );
    check(
        &["=a.x", "=b.x", "=c.x"],
        None,
        but(&[0, 1, 2, 3, 4]),
        &[
            "3 proxies: a.x, b.x, c.x (/debug/ecdsz)",
            "2 more were not asked for",
        ],
    );
}

/// Several control planes, of which some do not answer.
#[test]
fn others_are_shown_all_the_same() {
    let api_server = cluster(pods(&[]), 500);
    let one = url(Arc::new(istiod(&["a.x"])));
    let other = url(Arc::new(istiod(&["b.x"])));
    let (first, second) = (nobody(), nobody());
    let both = status(&api_server, &[one.clone(), other]);
    assert_eq!(states(&both), ["a.x synced", "b.x synced"]);
    assert_eq!(silences(&both), [[""; 3]; 0]);
    let part = status(&api_server, &[first.clone(), one, second.clone()]);
    assert_eq!(states(&part), ["a.x synced"]);
    let said = silences(&part);
    assert_eq!(said.len(), 1, "{said:?}");
    let named =
        format!("some proxies are not shown: istiod at {first}, {second} cannot be reached");
    assert!(said[0][1].starts_with(&named), "{}", said[0][1]);
}

/// What is said where no control plane answers leads further, and never to what was just seen to fail.
#[test]
fn help_leads_somewhere() {
    let check = |pods: (u16, Value), forwarded: u16, istiod: Option<String>, needed: [&str; 3]| {
        let urls: Vec<String> = istiod.into_iter().collect();
        let status = status(&cluster(pods, forwarded), &urls);
        assert_eq!(status["proxies"], Value::Null);
        let [[code, message, help]] = silences(&status)[..] else {
            panic!("{status:#}");
        };
        assert_eq!(code, "no-control-plane");
        let [said, does, does_not] = needed;
        assert!(message.contains(said), "{said}: {message}");
        assert!(help.contains(does), "{does}: {help}");
        assert!(does_not.is_empty() || !help.contains(does_not), "{help}");
    };
    let forward = "port-forward deploy/istiod 15014";
    let rule = r#"{apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}"#;
    let none = || (200, pods(&[]).1);
    check(
        (403, Value::Null),
        500,
        None,
        ["you may not list pods in istio-system", rule, ""],
    );
    check(
        (500, Value::Null),
        500,
        None,
        ["could not be listed: not so", "--istiod URL", forward],
    );
    check(
        none(),
        500,
        None,
        [
            "no pod with the label app=istiod",
            "--root-namespace",
            forward,
        ],
    );
    let two = || pods(&["istiod-0", "istiod-1"]);
    let both = "istiod at istiod-0, istiod-1 cannot be asked";
    check(two(), 403, None, ["you may not forward a port", rule, ""]);
    check(
        two(),
        403,
        None,
        [both, "let somebody who may run `kubectl", ""],
    );
    check(two(), 500, None, [both, "get pods -l app=istiod", forward]);
    check(
        none(),
        500,
        Some(nobody()),
        ["cannot be reached", forward, ""],
    );
    let answers = |status: u16, body: &'static str| {
        Some(url(Arc::new(move |_: &str| {
            Some((status, body.to_owned()))
        })))
    };
    check(
        none(),
        500,
        answers(403, "{}"),
        ["does not let you ask (403)", "leave --istiod out", ""],
    );
    check(
        none(),
        500,
        answers(404, "{}"),
        ["status 404", "ENABLE_DEBUG_ON_HTTP=false", forward],
    );
    check(
        none(),
        500,
        answers(200, "<html>"),
        ["something else than JSON", "istiod's port 15014", forward],
    );
}

/// What cannot be asked at all.
#[test]
fn no_cluster() {
    let check = |arguments: &str, code: i32, needed: &str| {
        let ran = coalmine(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran}");
        assert!(ran.stderr.contains(needed), "{ran}");
    };
    check(
        "status --kubeconfig nowhere.yaml",
        3,
        "cannot use the kubeconfig: ",
    );
    check(
        "status --istiod 127.0.0.1:15014",
        2,
        "http://127.0.0.1:15014",
    );
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(folder.path(), &nobody());
    let mut asking = command();
    asking.arg("status").arg("--kubeconfig").arg(&kubeconfig);
    let ran = run(&mut asking, "");
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{ran}");
    assert!(
        ran.stderr.contains("cannot reach the API server: "),
        "{ran}"
    );
    let mut asking = command();
    asking
        .arg("status")
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .args(["--context", "other"]);
    let ran = run(&mut asking, "");
    assert_eq!(ran.code, 3, "{ran}");
    assert!(
        ran.stderr.contains("other") && ran.stderr.contains("--context"),
        "{ran}"
    );
}
