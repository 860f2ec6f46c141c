//! Two VirtualServices for one host in the mesh, of which Istio takes one; and routes of ours for a
//! host that no plugin governs.
//!
//! At gateways Istio joins the routes of a host, so those are not looked at.

use super::super::findings::Findings;
use super::super::name::{canonical, covers};
use super::super::object::Object;
use super::{Survey, known_names};
use crate::istio::{MESH, NAME};
use coalmine::config::Canary;

/// A VirtualService that holds in the mesh.
struct Routed<'o, 'n> {
    object: &'o Object<'n>,
    hosts: Vec<String>,
    in_mesh: bool,
    /// Whether it is seen from some namespaces only.
    exported: bool,
}

pub(super) fn check(survey: &Survey, objects: &[Object<'_>], findings: &mut Findings) {
    let routed: Vec<Routed<'_, '_>> = objects.iter().filter_map(Routed::of).collect();
    let shown = survey.canaries.iter().map(|one| &one.canary);
    let shown: Vec<String> = shown.flat_map(known_names).collect();
    let in_mesh: Vec<&Routed<'_, '_>> = routed.iter().filter(|one| one.in_mesh).collect();
    for (number, second) in in_mesh.iter().enumerate() {
        for first in &in_mesh[..number] {
            let mut both = second
                .hosts
                .iter()
                .filter(|host| first.hosts.contains(host));
            let Some(host) = both.find(|host| shown.contains(host)) else {
                continue;
            };
            let (one, other) = (first.object.title(), second.object.title());
            let message = format!(
                "{one} and {other} are both for `{host}` in the mesh: Istio takes one of them"
            );
            let help =
                "keep one: `coalmine render istio --into` puts a canary's routes into the other";
            let at = second.object.spec().and_then(|spec| spec.get("hosts"));
            let at = at.as_ref().unwrap_or(&second.object.field);
            match first.exported || second.exported {
                true => findings.warning(at, "two-virtual-services", message, help),
                false => findings.error(at, "two-virtual-services", message, help),
            }
            findings.beside(&first.object.field);
        }
    }
}

/// Routes of ours for hosts that none of these canaries governs.
pub(super) fn strays(all: &[Canary], objects: &[Object<'_>], findings: &mut Findings) {
    let routed = objects.iter().filter_map(Routed::of);
    let governed: Vec<String> = all.iter().flat_map(known_names).collect();
    let ours = routed.filter(|one| one.object.is_made_by(NAME));
    for one in ours {
        let mut hosts = one.hosts.iter();
        if !hosts.any(|host| governed.iter().any(|known| covers(host, known))) {
            findings.warning(
                &one.object.field,
                "stray-routes",
                format!(
                    "{} has routes of a canary for {}, which no plugin carries: everybody gets the default",
                    one.object.title(),
                    one.hosts.join(", ")
                ),
                "apply the plugin with that canary, or take the routes away",
            );
        }
    }
}

impl<'o, 'n> Routed<'o, 'n> {
    fn of(object: &'o Object<'n>) -> Option<Self> {
        if object.kind != "VirtualService" {
            return None;
        }
        let spec = object.spec()?;
        let texts = |path: &str| -> Vec<&'n str> {
            let items = spec.items_at(path).into_iter();
            items.filter_map(|item| item.text()).collect()
        };
        let gateways = texts("gateways");
        let exported = texts("exportTo");
        Some(Self {
            object,
            hosts: texts("hosts")
                .into_iter()
                .map(|host| canonical(host, object.namespace))
                .collect(),
            in_mesh: gateways.is_empty() || gateways.contains(&MESH),
            exported: !exported.is_empty() && !exported.contains(&"*"),
        })
    }
}
