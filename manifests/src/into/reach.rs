//! Which canary a manifest is about: hosts and services by their names.

use coalmine::config::{Canary, Service, Variant};
use coalmine::policy::host_names;

/// The end of the full name of a service of a cluster.
const CLUSTER: &str = ".svc.cluster.local";

/// A canary, and the service that it is about.
#[derive(Clone, Debug)]
pub(super) struct Target<'c> {
    pub(super) canary: &'c Canary,
    /// As markers and messages call it.
    pub(super) name: String,
    pub(super) service: Service,
}

/// How a canary and the hosts of a manifest go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Governs {
    /// It has none of them.
    None,
    /// A wildcard of one covers a name of the other.
    Pattern,
    /// It has one of them by its name.
    Name,
}

impl<'c> Target<'c> {
    /// The canary, if it has a service.
    pub(super) fn new(canary: &'c Canary) -> Option<Self> {
        Some(Self {
            canary,
            name: canary.full_name(),
            service: canary.service()?,
        })
    }

    /// Its variants but the default, in the order written.
    pub(super) fn variants(&self) -> impl Iterator<Item = (&'c str, &'c Variant)> + use<'c> {
        let spec = &self.canary.spec;
        let others = spec
            .variants
            .iter()
            .filter(|(name, _)| *name != spec.default);
        others.map(|(name, variant)| (name.as_str(), variant))
    }

    /// Whether a host, written in this namespace, is its service. Istio completes names without a
    /// dot in the namespace of the manifest and takes any other as it is; a namespace that is not
    /// said is whichever the manifest is applied to.
    pub(super) fn is_service(&self, host: &str, namespace: Option<&str>) -> bool {
        let host = host.to_ascii_lowercase();
        let own = &self.service.host;
        let mine = |full: &str| full == *own || full.strip_suffix(CLUSTER) == Some(own);
        let Some(own_namespace) = self.canary.namespace.as_deref() else {
            return match (host.contains('.'), own.contains('.'), namespace) {
                (true, true, _) => mine(&host),
                (false, false, _) => host == *own,
                (true, false, _) => in_cluster(&host).is_some_and(|(name, _)| name == own),
                (false, true, Some(namespace)) => mine(&full(&host, namespace)),
                (false, true, None) => in_cluster(own).is_some_and(|(name, _)| name == host),
            };
        };
        let host = match host.contains('.') {
            true => host,
            false => full(&host, namespace.unwrap_or(own_namespace)),
        };
        match own.contains('.') {
            true => mine(&host),
            false => host == full(own, own_namespace),
        }
    }

    /// Another service of the canary, as a host in place of `there`, which is its own service.
    pub(super) fn host_like(
        &self,
        service: &Service,
        there: &str,
        namespace: Option<&str>,
    ) -> String {
        let host = &service.host;
        if host.contains('.') {
            // `reviews.bookinfo` is short for a service of the cluster, which Istio does not know.
            return match host.split('.').count() {
                2 if in_cluster(&format!("{host}{CLUSTER}")).is_some()
                    && there.ends_with(CLUSTER) =>
                {
                    format!("{host}{CLUSTER}")
                }
                _ => host.clone(),
            };
        }
        match (there.split_once('.'), self.canary.namespace.as_deref()) {
            (Some(_), Some(own)) => full(host, own),
            (Some((_, rest)), None) => format!("{host}.{rest}"),
            (None, Some(own)) if namespace.is_some_and(|other| other != own) => full(host, own),
            (None, _) => host.clone(),
        }
    }

    /// The port of another service of the canary in place of one that is said. A port that is not
    /// the one that the canary names has no counterpart that is known, and stays.
    pub(super) fn port(&self, service: &Service, said: Option<&str>) -> Option<u16> {
        let port = service.port?;
        let own = self.service.port.map(|own| own.to_string());
        match (said, own) {
            (Some(said), Some(own)) if said != own => None,
            _ => Some(port),
        }
    }

    /// How it goes together with a host of a manifest in this namespace.
    pub(super) fn governs(&self, host: &str, namespace: Option<&str>) -> Governs {
        let own = self.canary.namespace.as_deref();
        let host = host.to_ascii_lowercase();
        let asked = match namespace.or(own) {
            Some(namespace) if !host.contains(['.', '*']) => full(&host, namespace),
            _ => host,
        };
        let hosts = self.canary.spec.hosts.iter();
        let names = hosts.flat_map(|host| host_names(host, own));
        let governs = names.map(|name| {
            if name == asked {
                Governs::Name
            } else if covers(&name, &asked) || covers(&asked, &name) {
                Governs::Pattern
            } else {
                Governs::None
            }
        });
        governs.max().unwrap_or(Governs::None)
    }
}

fn full(name: &str, namespace: &str) -> String {
    format!("{name}.{namespace}{CLUSTER}")
}

/// Name and namespace of a full name of a service of the cluster.
fn in_cluster(host: &str) -> Option<(&str, &str)> {
    let (name, namespace) = host.strip_suffix(CLUSTER)?.split_once('.')?;
    (!namespace.contains('.')).then_some((name, namespace))
}

/// Whether a wildcard covers a host.
fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => host.len() > end.len() && host.ends_with(end),
        None => false,
    }
}
