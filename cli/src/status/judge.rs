//! From what was read of a cluster to what is said of it: pure, with the time as an argument.

use super::cluster::{Cluster, Unread, Why};
use super::proxies;
use super::report::{CanaryStatus, Finding, Next, PluginStatus, Severity, Status, VariantStatus};
use coalmine::bucket::Share;
use coalmine::config::{Canaries, Canary};
use coalmine::diagnostic::{self, Diagnostic};
use coalmine::policy::Policy;
use coalmine::{Node, Timestamp, Value};
use coalmine_manifests::check::survey::{Backend, Carrier, Scope, Survey, Surveyed, survey};
use std::collections::BTreeMap;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// One canary, by its name or as `namespace/name`; all if not said.
    pub canary: Option<String>,
    /// The canaries of one namespace.
    pub namespace: Option<String>,
    /// The namespace whose plugins are for the whole mesh.
    pub root_namespace: String,
}

impl Question {
    fn asks_for(&self, canary: &Canary) -> bool {
        let name = self.canary.as_ref();
        let named = name.is_none_or(|name| *name == canary.name || *name == canary.full_name());
        let namespace = self.namespace.as_ref();
        named && namespace.is_none_or(|one| canary.namespace.as_ref() == Some(one))
    }

    /// What the cluster has of it.
    pub fn survey(&self, cluster: &Cluster) -> Survey {
        survey(
            cluster.objects.iter().enumerate(),
            &Scope {
                root_namespace: &self.root_namespace,
                wanted: &|canary| self.asks_for(canary),
                read: &|kind| cluster.has_all(kind),
            },
        )
    }
}

/// What there is to say.
pub fn judge(cluster: &Cluster, question: &Question, now: Timestamp) -> Status {
    let survey = question.survey(cluster);
    let mut findings: Vec<Finding> = Vec::new();
    for diagnostic in &survey.found {
        findings.push(of_diagnostic(diagnostic, &cluster.objects));
    }
    findings.extend(survey.missing.iter().map(|problem| Finding {
        severity: Severity::Error,
        code: problem.code,
        about: format!("canary {}", problem.canary),
        path: String::new(),
        message: problem.message.clone(),
        help: Some(match problem.code {
            "no-routes" => "`coalmine render istio` makes them: apply what it prints".to_owned(),
            _ => problem.help.clone(),
        }),
    }));
    let mut canaries: Vec<CanaryStatus> = Vec::new();
    for one in &survey.canaries {
        let plugin = survey.carriers.get(one.carrier).map(Carrier::title);
        let shown = canary(one, now, &mut findings);
        match canaries.iter_mut().find(|known| known.name == shown.name) {
            Some(known) => known.plugins.extend(plugin),
            None => canaries.push(CanaryStatus {
                plugins: plugin.into_iter().collect(),
                ..shown
            }),
        }
    }
    let refused = survey.carriers.iter().any(|one| one.canaries.is_none());
    if canaries.is_empty() && !refused {
        findings.push(none_of_these(cluster, question, &survey));
    }
    let with_plugins = proxies::of(cluster, &survey.carriers, &question.root_namespace);
    proxies::judge(cluster, &with_plugins, &mut findings);
    findings.extend(cluster.unread.iter().filter_map(of_unread));
    findings.extend(cluster.silent.as_ref().map(|silent| Finding {
        severity: Severity::Note,
        code: "no-control-plane",
        about: String::new(),
        path: String::new(),
        message: silent.message.clone(),
        help: Some(silent.help.clone()),
    }));
    // Two plugins with one canary have the same routes.
    findings.sort();
    findings.dedup();
    let plugins = survey.carriers.iter().map(|carrier| {
        let title = carrier.title();
        let mut states = BTreeMap::new();
        for one in with_plugins.iter().filter(|one| one.plugin == title) {
            *states.entry(one.state).or_default() += 1;
        }
        PluginStatus {
            canaries: carrier.canaries.as_ref().map(|all| all.canaries.len()),
            module: carrier.url.clone(),
            digest: carrier.digest.clone(),
            sources: carrier.sources.iter().cloned().collect(),
            proxies: states,
            name: title,
        }
    });
    Status {
        ok: !findings.iter().any(|one| one.severity == Severity::Error),
        at: now.to_string(),
        canaries,
        plugins: plugins.collect(),
        proxies: (!cluster.control_planes.is_empty()).then_some(with_plugins),
        findings,
    }
}

fn canary(one: &Surveyed, now: Timestamp, findings: &mut Vec<Finding>) -> CanaryStatus {
    let canary = &one.canary;
    let shares = shares(canary, now);
    let mut variants: Vec<VariantStatus> = one
        .backends
        .iter()
        .map(|backend| VariantStatus {
            name: backend.variant.clone(),
            default: backend.variant == canary.spec.default,
            share: shares[&backend.variant].to_string(),
            service: backend.service.clone(),
            labels: backend.labels.iter().cloned().collect(),
            endpoints: backend.endpoints,
        })
        .collect();
    variants.sort_by_key(|variant| !variant.default);
    for backend in &one.backends {
        of_backend(canary, backend, shares[&backend.variant], findings);
    }
    let default = one
        .backends
        .iter()
        .find(|backend| backend.variant == canary.spec.default);
    let same = |backend: &&Backend| {
        default.is_some_and(|default| {
            backend.variant != default.variant
                && backend.service.is_some()
                && !backend.labels.is_empty()
                && (&backend.service, &backend.labels) == (&default.service, &default.labels)
        })
    };
    for backend in one.backends.iter().filter(same) {
        findings.push(about_canary(
            canary,
            Severity::Error,
            "same-destination",
            format!(
                "variant `{}` and the default `{}` go to the same endpoints, with the labels {}",
                backend.variant,
                canary.spec.default,
                pairs(&backend.labels)
            ),
            "give the subsets of the DestinationRule different labels",
        ));
    }
    CanaryStatus {
        name: canary.full_name(),
        hosts: canary.spec.hosts.clone(),
        plugins: Vec::new(),
        routes: one.routes.clone(),
        variants,
        next: next(canary, now),
        rules: canary.spec.rules.len(),
    }
}

/// What of the line each variant has now; what is over is the default's.
fn shares(canary: &Canary, now: Timestamp) -> BTreeMap<String, Share> {
    let alone = Canaries {
        canaries: vec![canary.clone()],
        ..Canaries::default()
    };
    let policy = Policy::compile(&alone);
    let mut shares: BTreeMap<String, Share> = canary
        .spec
        .variants
        .iter()
        .map(|(name, _)| (name.clone(), Share::NONE))
        .collect();
    let mut rest = Share::ALL.millionths();
    for compiled in policy.canaries() {
        for part in compiled.parts(now) {
            rest = rest.saturating_sub(part.share.millionths());
            shares.insert(compiled.variant_name(part.variant).to_owned(), part.share);
        }
    }
    let rest = Share::from_millionths(rest).unwrap_or_default();
    shares.insert(canary.spec.default.clone(), rest);
    shares
}

fn next(canary: &Canary, now: Timestamp) -> Option<Next> {
    let points = canary.spec.ramp.iter();
    let point = points
        .filter(|point| point.at > now)
        .min_by_key(|point| point.at)?;
    let shares = point.shares.iter();
    Some(Next {
        at: point.at.to_string(),
        shares: shares
            .map(|(name, share)| (name.clone(), share.to_string()))
            .collect(),
    })
}

fn of_backend(canary: &Canary, backend: &Backend, share: Share, findings: &mut Vec<Finding>) {
    let name = &backend.variant;
    let Some(service) = &backend.service else {
        return;
    };
    if backend.there == Some(false) {
        findings.push(about_canary(
            canary,
            Severity::Error,
            "no-service",
            format!("there is no Service and no ServiceEntry `{service}`, where its requests go"),
            "apply the service, or mend its name in the canary and render anew",
        ));
    } else if backend.endpoints == Some(0) {
        let labels = match backend.labels.as_slice() {
            [] => String::new(),
            labels => format!(" with the labels {}", pairs(labels)),
        };
        // Without a share only pins and rules lead there.
        let severity = match share == Share::NONE {
            true => Severity::Warning,
            false => Severity::Error,
        };
        findings.push(about_canary(
            canary,
            severity,
            "no-endpoints",
            format!("variant `{name}` has a share of {share} and no endpoint: nothing of `{service}`{labels} is ready"),
            "bring that version up, or take its share back: who is sent there gets a 503",
        ));
    }
}

fn about_canary(
    canary: &Canary,
    severity: Severity,
    code: &'static str,
    message: String,
    help: &str,
) -> Finding {
    Finding {
        severity,
        code,
        about: format!("canary {}", canary.full_name()),
        path: String::new(),
        message,
        help: Some(help.to_owned()),
    }
}

/// `version=v1,track=canary`
fn pairs(labels: &[(String, String)]) -> String {
    let pairs = labels.iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(",")
}

fn of_diagnostic(diagnostic: &Diagnostic, objects: &[Node]) -> Finding {
    let title = |number: usize| objects.get(number).map(title).unwrap_or_default();
    let mut message = diagnostic.message.clone();
    if let Some(first) = &diagnostic.first {
        let of = match first.source == diagnostic.place.source {
            true => String::new(),
            false => format!(" of {}", title(first.source)),
        };
        if !first.path.is_empty() {
            message = format!("{message}; the first is {}{of}", first.path);
        }
    }
    Finding {
        severity: match diagnostic.severity {
            diagnostic::Severity::Error => Severity::Error,
            diagnostic::Severity::Warning => Severity::Warning,
        },
        code: diagnostic.code,
        about: title(diagnostic.place.source),
        path: diagnostic.place.path.clone(),
        message,
        help: diagnostic.help.clone(),
    }
}

/// `VirtualService bookinfo/reviews`
fn title(object: &Node) -> String {
    let text = |node: Option<&Node>| match node.map(|node| &node.value) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let metadata = entry(object, "metadata");
    let part = |name| text(metadata.and_then(|metadata| entry(metadata, name)));
    let (kind, namespace) = (text(entry(object, "kind")), part("namespace"));
    match namespace.as_str() {
        "" => format!("{kind} {}", part("name")),
        namespace => format!("{kind} {namespace}/{}", part("name")),
    }
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let mut entries = entries.iter();
    entries.find_map(|(key, node)| (key.name == name).then_some(node))
}

fn of_unread(unread: &Unread) -> Option<Finding> {
    let Unread {
        kind,
        resource,
        why,
    } = unread;
    let (code, message, help) = match why {
        Why::Absent => return None,
        Why::Forbidden { but_in } => (
            "forbidden",
            match but_in.as_slice() {
                [] => {
                    format!("you may not list {resource}, so what is said here lacks every {kind}")
                }
                namespaces => format!(
                    "you may list {resource} only in {}, so what is said here lacks every other {kind}",
                    namespaces.join(" and ")
                ),
            },
            format!("ask for the right to list {resource}"),
        ),
        Why::Failed(error) => (
            "unread",
            format!(
                "{resource} could not be read, so what is said here lacks every {kind}: {error}"
            ),
            "ask again; if it stays, look into the API server".to_owned(),
        ),
    };
    Some(Finding {
        severity: Severity::Note,
        code,
        about: String::new(),
        path: String::new(),
        message,
        help: Some(help),
    })
}

/// The answer where no canary is as asked for.
fn none_of_these(cluster: &Cluster, question: &Question, survey: &Survey) -> Finding {
    let Question {
        canary, namespace, ..
    } = question;
    let kinds = ["WasmPlugin", "TrafficExtension", "EnvoyFilter"];
    let plugin = match kinds.iter().all(|kind| cluster.has_all(kind)) {
        true => "no plugin",
        false => "no plugin that could be read",
    };
    let wanted = match (canary, namespace) {
        (None, None) => format!("{plugin} of this cluster carries a canary"),
        (Some(canary), None) => format!("{plugin} of this cluster carries a canary `{canary}`"),
        (None, Some(namespace)) => format!("{plugin} carries a canary of namespace {namespace}"),
        (Some(canary), Some(namespace)) => {
            format!("{plugin} carries a canary `{canary}` of namespace {namespace}")
        }
    };
    let absent = |kind: &str| {
        let mut unread = cluster.unread.iter();
        unread.any(|one| one.kind == kind && one.why == Why::Absent)
    };
    let help = match survey.known.as_slice() {
        [] if !kinds.iter().all(|kind| cluster.has_all(kind)) => {
            "not all plugins could be read: what you may not list is told below".to_owned()
        }
        [] if kinds.iter().all(|kind| absent(kind)) => {
            "Istio's kinds are not in this cluster: is it the right one? --context chooses another"
                .to_owned()
        }
        [] => {
            "`coalmine render istio` makes a plugin; `--context` chooses another cluster".to_owned()
        }
        known => format!("there are {}", known.join(", ")),
    };
    Finding {
        severity: Severity::Error,
        code: "no-canary",
        about: String::new(),
        path: String::new(),
        message: wanted,
        help: Some(help),
    }
}
