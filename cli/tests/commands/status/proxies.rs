//! What is said of proxies, from what their control planes say.

use super::{CANARY, NOW, cluster, everything, judged, rendered, told};
use crate::run::coalmine_with;
use coalmine::Node;
use coalmine_cli::status::cluster::{Config, ControlPlane, Nonces, Proxy, Refused, Silent};
use coalmine_cli::status::report::State;
use coalmine_cli::status::text::text;

/// A config as a control plane sends it: keys in the order of the alphabet.
pub(super) const PLUGIN_CONFIG: &str = r#"{"apiVersion": "coalmine.dev/v1alpha1", "canaries": [{
    "apiVersion": "coalmine.dev/v1alpha1", "kind": "Canary",
    "metadata": {"name": "reviews", "namespace": "bookinfo"},
    "spec": {"default": "stable", "hosts": ["reviews"], "pins": {"header": "x-canary"},
        "ramp": [{"at": "2026-12-01T09:00:00Z", "canary": "10%"}, {"at": "2026-12-02T09:00:00Z", "canary": "0%"}],
        "shares": {"canary": "SHARE"}, "unit": [{"header": "x-user-id"}],
        "variants": {"canary": {}, "stable": {}}, "whenNoUnit": "default"}
}], "kind": "Plugin"}"#;

fn sent(share: &str) -> Node {
    serde_json::from_str(&PLUGIN_CONFIG.replace("SHARE", share)).unwrap()
}

pub(super) const RESOURCE: &str =
    "extensions.istio.io/trafficextension/istio-system.coalmine~istio-translated-wasmplugin";

fn nonces(sent: &str, acked: &str) -> Option<Nonces> {
    Some(Nonces {
        sent: sent.to_owned(),
        acked: acked.to_owned(),
    })
}

fn proxy() -> Proxy {
    Proxy {
        id: "client.bookinfo".to_owned(),
        role: "sidecar".to_owned(),
        asked: Some(vec![RESOURCE.to_owned()]),
        nonces: nonces("7", "7"),
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
        &|one| one.nonces = nonces("7", "6"),
        Some(State::Stale),
        &["warning proxy-stale"],
    );
    check(
        &|one| one.nonces = nonces("", ""),
        Some(State::NotSent),
        &["warning proxy-not-sent"],
    );
    check(&|one| one.nonces = None, Some(State::Unknown), &[]);
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

/// The same of the other kinds of plugins: what their resources are called, and whose they can be.
#[test]
fn what_proxies_have_of_other_kinds() {
    let extension = "extensions.istio.io/trafficextension/istio-system.coalmine";
    let filter = |options: &str| {
        let canary = CANARY.replace(
            "hosts: [reviews]",
            "hosts: [reviews]\n  service: reviews:9080",
        );
        let command = format!("render istio-envoyfilter - --module /coalmine.wasm {options}");
        let ran = coalmine_with(&command, &canary);
        assert_eq!(ran.code, 0, "{ran}");
        ran.stdout
    };
    let traffic_extension = rendered("--istio 1.30 --traffic-extension");
    let check = |objects: &str, resource: &str, edit: &dyn Fn(&mut Proxy), expected: &[State]| {
        let mut one = proxy();
        one.asked = Some(vec![resource.to_owned()]);
        for config in one.configs.iter_mut().flatten() {
            config.name = resource.rsplit('/').next().unwrap().to_owned();
        }
        edit(&mut one);
        let mut cluster = cluster(objects);
        cluster.control_planes.push(plane("istiod-1", vec![one]));
        let status = judged(&cluster, &everything(), NOW);
        let found = status.proxies.iter().flatten().map(|one| one.state);
        assert_eq!(found.collect::<Vec<_>>(), expected, "{resource}");
    };
    let same: &dyn Fn(&mut Proxy) = &|_| {};
    check(&traffic_extension, extension, same, &[State::Synced]);
    let other = "extensions.istio.io/trafficextension/shop.coalmine";
    check(&traffic_extension, other, same, &[State::Absent]);
    check(&traffic_extension, RESOURCE, same, &[State::Absent]);
    check(&rendered(""), extension, same, &[State::Synced]);
    check(
        &traffic_extension,
        extension,
        &|one| one.nonces = nonces("7", "6"),
        &[State::Stale],
    );
    let (mesh, here, there) = (
        filter(""),
        filter("--namespace bookinfo"),
        filter("--namespace shop"),
    );
    check(&mesh, "coalmine", same, &[State::Synced]);
    check(&mesh, "other", same, &[State::Absent]);
    check(
        &mesh,
        "coalmine",
        &|one| one.nonces = nonces("", ""),
        &[State::NotSent],
    );
    check(&here, "coalmine", same, &[State::Synced]);
    // It bears the same name, and is another's.
    check(&there, "coalmine", same, &[]);
    let both = format!("{here}---\n{}", there.replace("canary: 5%", "canary: 6%"));
    check(&both, "coalmine", same, &[State::Synced]);
    let labelled = filter("--namespace bookinfo --selector app=shop");
    check(&labelled, "coalmine", same, &[]);
    let with_label: &dyn Fn(&mut Proxy) = &|one| {
        one.labels.insert("app".to_owned(), "shop".to_owned());
    };
    check(&labelled, "coalmine", with_label, &[State::Synced]);
    check(
        &labelled,
        "coalmine",
        &|one| one.asked = None,
        &[State::Synced],
    );
}

fn plane(name: &str, proxies: Vec<Proxy>) -> ControlPlane {
    ControlPlane {
        name: name.to_owned(),
        proxies,
    }
}

/// Many proxies, in two control planes: each is shown, and what is the same of them is said once.
#[test]
fn many_proxies() {
    let numbered = |from: usize, to: usize, edit: &dyn Fn(&mut Proxy)| -> Vec<Proxy> {
        let numbers = from..to;
        let proxies = numbers.map(|number| {
            let mut one = proxy();
            one.id = format!("p{number:02}.bookinfo");
            edit(&mut one);
            one
        });
        proxies.collect()
    };
    let refused = |one: &mut Proxy| {
        one.refused.push(Refused {
            what: "TypedExtensionConfig".to_owned(),
            message: "no".to_owned(),
        });
    };
    let outdated = |one: &mut Proxy| {
        for config in one.configs.iter_mut().flatten() {
            config.config = Some(sent("6%"));
        }
    };
    let mut cluster = cluster(&rendered(""));
    let mut first = numbered(0, 20, &|_| {});
    first.extend(numbered(20, 25, &|one| one.nonces = nonces("7", "6")));
    first.extend(numbered(25, 27, &|one| one.nonces = nonces("", "")));
    first.extend(numbered(27, 28, &outdated));
    let mut second = numbered(28, 30, &outdated);
    second.extend(numbered(30, 33, &refused));
    // It moved over, and one of the two has not seen it leave.
    second.extend(numbered(24, 25, &|one| one.nonces = nonces("7", "6")));
    cluster.control_planes = vec![plane("istiod-1", first), plane("istiod-2", second)];
    let status = judged(&cluster, &everything(), NOW);
    assert_eq!(
        told(&status),
        [
            "error proxy-refused: 3 proxies: p30.bookinfo, p31.bookinfo, p32.bookinfo",
            "warning proxy-not-sent: 2 proxies: p25.bookinfo, p26.bookinfo",
            "warning proxy-outdated: 2 proxies: p28.bookinfo, p29.bookinfo",
            "warning proxy-outdated: proxy p27.bookinfo",
            "warning proxy-stale: 5 proxies: p20.bookinfo, p21.bookinfo, p22.bookinfo and 2 more",
        ]
    );
    let stale = status.findings.last().unwrap();
    let names: Vec<String> = (20..25)
        .map(|number| format!("p{number}.bookinfo"))
        .collect();
    assert_eq!(stale.proxies, names);
    let counts: Vec<(State, usize)> = status.plugins[0].proxies.clone().into_iter().collect();
    assert_eq!(
        counts,
        [
            (State::Synced, 20),
            (State::Outdated, 3),
            (State::Stale, 6),
            (State::NotSent, 2),
            (State::Refused, 3),
        ]
    );
    let planes: Vec<&str> = ["p19.bookinfo", "p28.bookinfo"]
        .iter()
        .filter_map(|id| {
            let mut all = status.proxies.iter().flatten();
            all.find(|one| one.proxy == *id)
                .map(|one| one.control_plane.as_str())
        })
        .collect();
    assert_eq!(planes, ["istiod-1", "istiod-2"]);
    // A person sees twenty, the worst first.
    let text = text(&status);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("  p") && line.contains(".bookinfo"))
        .collect();
    assert_eq!(lines.len(), 20, "{text}");
    assert!(
        lines[0].ends_with("refused") && lines[19].ends_with("synced"),
        "{text}"
    );
    assert!(text.contains("and 14 more: -o json has all"), "{text}");
}

#[test]
fn a_control_plane_that_says_nothing() {
    let mut cluster = cluster(&rendered(""));
    for partly in [false, true] {
        cluster.silent.push(Silent {
            partly,
            message: "it is away".to_owned(),
            help: "start it".to_owned(),
        });
    }
    let status = judged(&cluster, &everything(), NOW);
    assert_eq!(
        told(&status),
        ["note no-control-plane: ", "note unanswered: "]
    );
    assert!(status.ok && status.proxies.is_none());
}
