//! What is said of proxies, from what their control planes say.

use super::{NOW, cluster, everything, judged, rendered, told};
use coalmine::Node;
use coalmine_cli::status::cluster::{Config, ControlPlane, Proxy, Refused, Silent};
use coalmine_cli::status::report::State;

/// A config as a control plane sends it: keys in the order of the alphabet.
fn sent(share: &str) -> Node {
    serde_json::from_str(&format!(
        r#"{{"apiVersion": "coalmine.dev/v1alpha1", "canaries": [{{
            "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
            "metadata": {{"name": "reviews", "namespace": "bookinfo"}},
            "spec": {{"default": "stable", "hosts": ["reviews"], "pins": {{"header": "x-canary"}},
                "ramp": [{{"at": "2026-12-01T09:00:00Z", "canary": "10%"}}, {{"at": "2026-12-02T09:00:00Z", "canary": "0%"}}],
                "shares": {{"canary": "{share}"}}, "unit": [{{"header": "x-user-id"}}],
                "variants": {{"canary": {{}}, "stable": {{}}}}, "whenNoUnit": "default"}}
        }}], "kind": "Plugin"}}"#
    ))
    .unwrap()
}

const RESOURCE: &str =
    "extensions.istio.io/trafficextension/istio-system.coalmine~istio-translated-wasmplugin";

fn proxy() -> Proxy {
    Proxy {
        id: "client.bookinfo".to_owned(),
        role: "sidecar".to_owned(),
        asked: Some(vec![RESOURCE.to_owned()]),
        sent: "7".to_owned(),
        acked: "7".to_owned(),
        configs: Some(vec![Config {
            name: "istio-system.coalmine~istio-translated-wasmplugin".to_owned(),
            config: Some(sent("5%")),
        }]),
        ..Proxy::default()
    }
}

#[test]
fn what_proxies_have() {
    let check = |edit: &dyn Fn(&mut Proxy), state: Option<State>, expected: &[&str]| {
        let mut one = proxy();
        edit(&mut one);
        let mut cluster = cluster(&rendered(""));
        cluster.control_planes.push(ControlPlane {
            name: "istiod-1".to_owned(),
            proxies: vec![one],
        });
        let status = judged(&cluster, &everything(), NOW);
        let states: Vec<State> = status
            .proxies
            .iter()
            .flatten()
            .map(|one| one.state)
            .collect();
        assert_eq!(states, state.into_iter().collect::<Vec<_>>());
        let expected: Vec<String> = expected
            .iter()
            .map(|one| format!("{one}: proxy client.bookinfo"))
            .collect();
        assert_eq!(told(&status), expected);
    };
    check(&|_| {}, Some(State::Synced), &[]);
    check(&|one| one.configs = None, Some(State::Acknowledged), &[]);
    check(&|one| one.asked = None, Some(State::Synced), &[]);
    check(
        &|one| {
            for config in one.configs.iter_mut().flatten() {
                config.config = Some(sent("6%"));
            }
        },
        Some(State::Outdated),
        &["warning proxy-outdated"],
    );
    check(
        &|one| one.acked = "6".to_owned(),
        Some(State::Stale),
        &["warning proxy-stale"],
    );
    check(
        &|one| (one.sent, one.acked) = Default::default(),
        Some(State::NotSent),
        &["warning proxy-not-sent"],
    );
    let refuses = |what: &str| Refused {
        what: what.to_owned(),
        message: "no".to_owned(),
    };
    check(
        &|one| one.refused.push(refuses("TypedExtensionConfig")),
        Some(State::Refused),
        &["error proxy-refused"],
    );
    check(
        &|one| one.refused.push(refuses("RouteConfiguration")),
        Some(State::Synced),
        &["warning proxy-refused-other"],
    );
    check(
        &|one| one.asked = Some(Vec::new()),
        Some(State::Absent),
        &["note proxy-without"],
    );
    // Where istiod tells neither what is asked for nor what there is, labels decide.
    let unknown = |one: &mut Proxy| (one.asked, one.configs) = (None, None);
    check(&unknown, Some(State::Acknowledged), &[]);
    check(
        &|one| {
            unknown(one);
            one.role = "ztunnel".to_owned();
        },
        None,
        &[],
    );
    // It is for sidecars and gateways of the whole mesh.
    check(
        &|one| (one.asked, one.role) = (Some(Vec::new()), "waypoint".to_owned()),
        None,
        &[],
    );
}

#[test]
fn a_control_plane_that_says_nothing() {
    let mut cluster = cluster(&rendered(""));
    cluster.silent = Some(Silent {
        message: "it is away".to_owned(),
        help: "start it".to_owned(),
    });
    let status = judged(&cluster, &everything(), NOW);
    assert_eq!(told(&status), ["note no-control-plane: "]);
    assert!(status.ok && status.proxies.is_none());
}
