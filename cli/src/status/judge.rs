//! From what was read of a cluster to what is said of it: pure, with the time as an argument.

use super::cluster::Cluster;
use super::code::Code;
use super::lacks::{none_of_these, of_silent, of_unread};
use super::proxies;
use super::question::Question;
use super::report::{CanaryStatus, Finding, Next, PluginStatus, Severity, Status, VariantStatus};
use coalmine::bucket::Share;
use coalmine::config::{Canaries, Canary};
use coalmine::diagnostic::{self, Diagnostic};
use coalmine::policy::Policy;
use coalmine::{Node, Timestamp, Value};
use coalmine_manifests::check::survey::{Backend, Carrier, Surveyed};
use std::collections::BTreeMap;

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
        proxies: Vec::new(),
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
    findings.extend(cluster.silent.iter().map(of_silent));
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
            Code::SameDestination,
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
            Code::NoService,
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
            Code::NoEndpoints,
            format!("variant `{name}` has a share of {share} and no endpoint: nothing of `{service}`{labels} is ready"),
            "bring that version up, or take its share back: who is sent there gets a 503",
        ));
    }
}

fn about_canary(
    canary: &Canary,
    severity: Severity,
    code: Code,
    message: String,
    help: &str,
) -> Finding {
    Finding {
        severity,
        code: code.name(),
        about: format!("canary {}", canary.full_name()),
        path: String::new(),
        proxies: Vec::new(),
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
        proxies: Vec::new(),
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
