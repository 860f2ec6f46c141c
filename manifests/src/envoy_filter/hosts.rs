//! The filter for the hosts that canaries govern, and for no others: it is there disabled, and their
//! virtual hosts enable it. What is not governed costs nothing then.

use super::filter::WASM;
use super::routes::{RouteConfigurationMatch, domain};
use super::{ConfigPatch, Context, Match, Object, Options, Patch, PatchValue};
use crate::envoy::Typed;
use crate::istio::route_hosts;
use crate::{Error, Problem};
use coalmine::config::Canaries;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is put into a virtual host.
#[derive(Serialize)]
pub(super) struct VirtualHost<'c> {
    typed_per_filter_config: BTreeMap<&'c str, Typed<FilterConfig>>,
}

/// Enables a filter. Envoy wants a config for that, and Istio one of a type that it knows, but the filter
/// has none for a virtual host: one that is optional is passed over, and without a warning if its type is
/// the filter's.
#[derive(Serialize)]
struct FilterConfig {
    is_optional: bool,
    config: Typed<Empty>,
}

#[derive(Serialize)]
struct Empty {}

/// # Errors
/// [`Error::Problems`] if a host is a wildcard: virtual hosts are asked for by name, and those of hosts
/// that it covers have other names.
pub(super) fn patches<'c>(
    canaries: &Canaries,
    options: &'c Options,
) -> Result<Vec<ConfigPatch<'c>>, Error> {
    let mut patches = Vec::new();
    let mut problems = Vec::new();
    for canary in &canaries.canaries {
        for host in route_hosts(canary) {
            if host.starts_with('*') {
                problems.push(Problem {
                    canary: canary.full_name(),
                    path: "spec.hosts".to_owned(),
                    code: "host-is-a-wildcard",
                    message: format!(
                        "the filter is enabled for virtual hosts by their names, and `{host}` is \
                         many of them"
                    ),
                    help: "write the hosts one by one, or leave out `--only-governed-hosts`"
                        .to_owned(),
                });
                continue;
            }
            let contexts = [Context::SidecarOutbound, Context::Gateway];
            patches.extend(contexts.map(|context| enable(context, domain(host.clone()), options)));
        }
    }
    if problems.is_empty() {
        Ok(patches)
    } else {
        Err(Error::Problems(problems))
    }
}

fn enable(context: Context, host: String, options: &Options) -> ConfigPatch<'_> {
    let config = FilterConfig {
        is_optional: true,
        config: Typed::new(WASM, Empty {}),
    };
    let enabled = Typed::new("envoy.config.route.v3.FilterConfig", config);
    ConfigPatch {
        apply_to: "VIRTUAL_HOST",
        matches: Some(Match {
            context,
            object: Object::RouteConfiguration(RouteConfigurationMatch::of_domain(host)),
        }),
        patch: Patch {
            operation: "MERGE",
            value: PatchValue::VirtualHost(VirtualHost {
                typed_per_filter_config: BTreeMap::from([(options.name.as_str(), enabled)]),
            }),
        },
    }
}
