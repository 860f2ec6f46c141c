//! A service with two versions in a namespace of its own, and proxies that route to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use coalmine_integration::client::{Request, Response};
use coalmine_integration::load::{Load, Outcome, Report};
use coalmine_integration::service::eventually;
use coalmine_istio::mesh::Mesh;
use coalmine_istio::ports;
use coalmine_istio::proxy::{Launch, Proxy, Role};
use coalmine_istio::workload::{Workload, gateway};
use serde_json::{Value, json};

use crate::setting::{self, PATIENCE};
use crate::shop::shop;

/// Who answers, as the servers call themselves.
pub(crate) const STABLE: &str = "shop/v1";
pub(crate) const CANARY: &str = "shop/v2";

/// What Envoy counts of plugins, which Istio leaves out of its metrics unless asked.
const PLUGIN_STATS: &str = "extension_config_discovery";

/// How many users [`versions`] asks for.
pub(crate) const USERS: usize = 300;

/// Of a load, one request in so many is a tester's.
const TESTER_EVERY: u64 = 4;

/// A namespace with the service `shop`.
pub(crate) struct Scene<'m> {
    pub(crate) mesh: &'m Mesh,
    pub(crate) namespace: &'static str,
    /// Where a sidecar takes requests.
    pub(crate) inside: u16,
    /// Where a gateway takes requests.
    pub(crate) edge: u16,
    _workload: Workload,
}

impl<'m> Scene<'m> {
    /// Makes the namespace, the service, and a gateway's config.
    pub(crate) fn new(mesh: &'m Mesh, namespace: &'static str) -> Self {
        mesh.namespace(namespace).unwrap();
        let [inside, edge] = ports::some().unwrap();
        let workload = Workload::start(namespace, "shop", inside, &["v1", "v2"]).unwrap();
        let kubectl = &mesh.cluster.kubectl;
        kubectl.apply(&workload.objects()).unwrap();
        let gateway = gateway(namespace, "edge", edge);
        kubectl.apply(&gateway.to_string()).unwrap();
        Self {
            mesh,
            namespace,
            inside,
            edge,
            _workload: workload,
        }
    }

    /// Starts a client's sidecar.
    pub(crate) fn sidecar(&self) -> Proxy {
        self.proxy(Role::Sidecar, "client")
    }

    /// Starts a gateway.
    pub(crate) fn gateway(&self) -> Proxy {
        self.proxy(Role::Router, "edge")
    }

    fn proxy(&self, role: Role, name: &str) -> Proxy {
        Launch::new(role, self.namespace, name)
            .label("scene", self.namespace)
            .setting(
                "proxyStatsMatcher",
                json!({"inclusionPrefixes": [PLUGIN_STATS]}),
            )
            .start(self.mesh)
            .unwrap()
    }

    /// The canary at a share.
    pub(crate) fn canary(&self, share: &str) -> String {
        let service = format!("service: shop:{}", self.inside);
        shop(self.namespace, share, &[&service])
    }

    /// What `coalmine render istio` makes of canaries for this namespace alone, in the mesh and at
    /// its gateway. A later `--module` takes the place of the one before it.
    pub(crate) fn rendered(&self, canaries: &str, module: &str, options: &[&str]) -> String {
        let gateway = format!("{}/edge", self.namespace);
        let here = [
            "render",
            "istio",
            "-",
            "--plugin-namespace",
            self.namespace,
            "--gateway",
            "mesh",
            "--gateway",
            &gateway,
            "--module",
            module,
        ];
        setting::coalmine(&[&here[..], options].concat(), canaries).unwrap()
    }

    /// The plugin alone, with the module of the tests.
    pub(crate) fn plugin(&self, share: &str, options: &[&str]) -> String {
        let only = [&["--only", "plugin"], options].concat();
        self.rendered(&self.canary(share), setting::module(), &only)
    }

    /// Applies the canary at a share, with the module of the tests.
    pub(crate) fn apply(&self, share: &str) {
        let objects = self.rendered(&self.canary(share), setting::module(), &[]);
        self.mesh.cluster.kubectl.apply(&objects).unwrap();
    }

    /// A request for the service, by the name that sidecars and gateways know.
    pub(crate) fn request(&self) -> Request {
        let host = format!("shop.{}.svc.cluster.local", self.namespace);
        Request::get("/").header("host", host)
    }

    /// The same, from somebody who is drawn.
    pub(crate) fn of(&self, user: &str) -> Request {
        self.request().header("x-user-id", user)
    }

    /// The same, from a tester who wants the canary.
    pub(crate) fn tester(&self) -> Request {
        self.request().header("x-canary", "canary")
    }

    /// Waits until this version answers a user everywhere at a port.
    pub(crate) fn wait_for(&self, port: u16, version: &str) -> Duration {
        setting::wait_for(&setting::client(port), &self.of("alice"), version)
    }
}

/// How often a proxy's Envoy has taken a config of a plugin, as a count and no more: Envoy keeps it
/// for as long as a listener uses the plugin.
pub(crate) fn taken(proxy: &Proxy) -> Result<u64> {
    counted(proxy, "update_success")
}

/// How often it has refused one.
pub(crate) fn refused(proxy: &Proxy) -> Result<u64> {
    counted(proxy, "update_rejected")
}

/// How often the config that it has taken was another one than before.
pub(crate) fn reloaded(proxy: &Proxy) -> Result<u64> {
    counted(proxy, "config_reload")
}

fn counted(proxy: &Proxy, what: &str) -> Result<u64> {
    let page = proxy
        .admin
        .get(&format!("/stats?filter=^{PLUGIN_STATS}.*{what}$"))?;
    let values = page.lines().filter_map(|line| line.rsplit_once(": "));
    let values: Result<Vec<u64>, _> = values.map(|(_, value)| value.parse()).collect();
    Ok(values?.iter().sum())
}

/// Waits until a log has these words behind a place in it, and gives the line.
pub(crate) fn logged(proxy: &Proxy, place: usize, words: &str) -> String {
    eventually(&format!("{words} in the proxy's log"), PATIENCE, || {
        let log = proxy.log();
        let line = log[place..].lines().find(|line| line.contains(words));
        line.map(str::to_owned)
            .with_context(|| log[place..].to_owned())
    })
    .unwrap()
}

/// Waits until every worker answers with this status, and gives one of the answers.
pub(crate) fn wait_for_status(port: u16, request: &Request, status: u16) -> Response {
    let client = setting::client(port);
    eventually(&format!("status {status}"), PATIENCE, || {
        let answers = client.send_on_each(16, request)?;
        for answer in &answers {
            let text = answer.text();
            ensure!(answer.status == status, "{} {text}", answer.status);
        }
        answers.into_iter().next().context("no answer")
    })
    .unwrap()
}

/// Requests of many users and of a tester, until stopped, a few hundred a second.
pub(crate) fn load(scene: &Scene<'_>, port: u16) -> Load {
    let (of, tester) = (scene.request(), scene.tester());
    Load::start(
        local(port),
        4,
        Duration::from_millis(8),
        move |number| match number % TESTER_EVERY {
            0 => tester.clone(),
            _ => of
                .clone()
                .header("x-user-id", format!("user-{}", number % 1000)),
        },
    )
}

/// Ends a load of which nothing may have failed, and which was one.
pub(crate) fn none_failed(load: Load, at_least: usize) -> Report {
    let report = load.stop();
    assert!(report.samples.len() >= at_least, "{}", report.samples.len());
    let none: BTreeMap<&Outcome, usize> = BTreeMap::new();
    assert_eq!(report.failures(), none);
    report
}

/// Waits until the plugin decides at a port, whatever the share.
pub(crate) fn wait_for_plugin(scene: &Scene<'_>, port: u16) {
    setting::wait_for(&setting::client(port), &scene.tester(), CANARY);
}

/// The user of a number.
pub(crate) fn user(number: usize) -> String {
    format!("user-{number}")
}

/// Which of [`USERS`] users gets the canary; everyone gets an answer.
pub(crate) fn versions(scene: &Scene<'_>, port: u16, what: &str) -> BTreeSet<usize> {
    let requests = (0..USERS).map(|number| scene.of(&user(number)));
    let answers = setting::client(port)
        .send_all(requests.collect(), 8)
        .unwrap();
    let mut drawn = BTreeSet::new();
    for (user, answer) in answers.iter().enumerate() {
        let by = answer.served_by();
        assert!(
            [STABLE, CANARY].contains(&by),
            "{what}: {} {by}",
            answer.status
        );
        if by == CANARY {
            drawn.insert(user);
        }
    }
    drawn
}

/// A port of this machine.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// What Envoy shows of the configs of plugins: also of one that it has refused.
pub(crate) fn ecds(proxy: &Proxy) -> Result<Value> {
    let dump = proxy.admin.get("/config_dump?resource=ecds_filters")?;
    let mut dump: Value = serde_json::from_str(&dump)?;
    Ok(dump["configs"].take())
}

/// The plugins of a proxy's listeners, by the names that Istio gives them there. A listener that was
/// replaced is there for 45 seconds more, while its connections are drained.
pub(crate) fn plugins(proxy: &Proxy) -> Result<BTreeSet<String>> {
    let dump = proxy.admin.get("/config_dump?resource=dynamic_listeners")?;
    let dump: Value = serde_json::from_str(&dump)?;
    let listeners = dump["configs"].as_array().into_iter().flatten();
    let active: String = listeners
        .map(|listener| listener["active_state"].to_string())
        .collect();
    let names = active
        .split(r#""extensions.istio.io/trafficextension/"#)
        .skip(1);
    Ok(names
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect())
}

/// Testers were in the canary all the time.
pub(crate) fn testers_stayed(report: &Report) {
    let testers: Vec<_> = report
        .samples
        .iter()
        .filter(|sample| sample.number % TESTER_EVERY == 0)
        .collect();
    assert!(testers.len() > 50, "{}", testers.len());
    for sample in testers {
        assert!(sample.is_by(CANARY), "{sample:?}");
    }
}
