//! One run: which canary each manifest is about, and what is wrong.

use super::document::Text;
use super::manifest::{Manifest, Step};
use super::plan::Plan;
use super::reach::{Governs, Target};
use super::{Api, Found, marker};
use super::{destination_rule, gateway, virtual_service};
use crate::Problem;
use coalmine::config::Canaries;
use coalmine::diagnostic::{Diagnostic, Severity};

/// One run: all texts, all canaries.
pub(super) struct Task<'t> {
    pub(super) texts: &'t [Text<'t>],
    pub(super) targets: Vec<Target<'t>>,
    /// The header that carries the decision, in lower case.
    pub(super) header: String,
    api: Api,
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) problems: Vec<Problem>,
}

// === impl Task ===

impl<'t> Task<'t> {
    pub(super) fn new(texts: &'t [Text<'t>], canaries: &'t Canaries, api: Api) -> Self {
        Self {
            texts,
            targets: canaries.canaries.iter().filter_map(Target::new).collect(),
            header: canaries.variant_header.to_ascii_lowercase(),
            api,
            errors: Vec::new(),
            warnings: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// What to insert into each text; it counts only if there is no error and no problem then.
    pub(super) fn plans(&mut self) -> Vec<Plan> {
        let mut plans = Vec::new();
        let mut manifests = Vec::new();
        let group = match self.api {
            Api::Istio => "networking.istio.io",
            Api::Gateway => "gateway.networking.k8s.io",
        };
        for text in self.texts {
            match Plan::new(text).and_then(|plan| Ok((plan, Manifest::all(text, group)?))) {
                Ok((plan, found)) => {
                    plans.push(plan);
                    manifests.extend(found);
                }
                Err(found) => self.errors.push(*found.0),
            }
        }
        if plans.len() < self.texts.len() {
            return plans;
        }
        let done = match self.api {
            Api::Istio => destination_rule::subsets(self, &manifests, &mut plans)
                .and_then(|subsets| virtual_service::twins(self, &manifests, &subsets, &mut plans)),
            Api::Gateway => gateway::twins(self, &manifests, &mut plans),
        };
        if let Err(found) = done {
            self.errors.push(*found.0);
        }
        plans
    }

    /// An error in a manifest.
    pub(super) fn error(
        &self,
        manifest: &Manifest<'_>,
        path: &[Step<'_>],
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Found {
        let (range, name) = manifest.field(path);
        let place = self.texts[manifest.text].place(&range, &name);
        Found::new(place, code, message, help)
    }

    pub(super) fn warn(&mut self, found: Found) {
        let mut diagnostic = *found.0;
        diagnostic.severity = Severity::Warning;
        self.warnings.push(diagnostic);
    }

    /// The one canary that a manifest with these hosts is about, of those (`reached`) whose service
    /// its routes reach. A decision is made by the canary that governs the host, so what another one
    /// would make of the header is not to be routed by.
    pub(super) fn about(
        &mut self,
        manifest: &Manifest<'_>,
        hosts: Option<&[&str]>,
        hosts_field: &[Step<'_>],
        reached: &[usize],
    ) -> Result<Option<Target<'t>>, Found> {
        let governs = |target: &Target<'_>| match hosts {
            None => Governs::Pattern,
            Some(hosts) => hosts
                .iter()
                .map(|host| target.governs(host, manifest.namespace()))
                .max()
                .unwrap_or(Governs::None),
        };
        let all: Vec<(usize, Governs)> = self.targets.iter().map(governs).enumerate().collect();
        let governing = |index: &usize| all[*index].1 != Governs::None;
        let nobody = !(0..all.len()).any(|index| governing(&index));
        let mut about: Vec<usize> = reached.to_vec();
        if !nobody {
            about.retain(governing);
        }
        let Some(first) = about.first().copied() else {
            return Ok(None);
        };
        let clash = about.get(1).copied().or_else(|| {
            let named = |(index, how): &&(usize, Governs)| *index != first && *how == Governs::Name;
            all.iter().find(named).map(|(index, _)| *index)
        });
        let name = |index: usize| self.targets[index].name.clone();
        if let Some(second) = clash {
            let message = format!(
                "this is about two canaries, {} and {}, and the header `{}` says a variant, not of which canary",
                name(first),
                name(second),
                self.header
            );
            let help = "give each canary's hosts a manifest of their own";
            return Err(self.error(manifest, hosts_field, "two-canaries", message, help));
        }
        let range = &manifest.node.range;
        let blocks = marker::blocks(&self.texts[manifest.text])?;
        if let Some(other) = blocks
            .iter()
            .find(|block| range.contains(&block.lines.start))
        {
            let text = &self.texts[manifest.text];
            let place = text.place(&(other.lines.start..other.lines.start), "");
            return Err(Found::new(
                place,
                "two-canaries",
                format!(
                    "this carries what was inserted for the canary {}",
                    other.canary
                ),
                format!(
                    "take that out with --out-of before {} is put in, or give each its own manifest",
                    name(first)
                ),
            ));
        }
        if nobody {
            let named: Vec<String> = hosts
                .unwrap_or_default()
                .iter()
                .map(|host| format!("`{host}`"))
                .collect();
            let warning = self.error(
                manifest,
                hosts_field,
                "host-not-governed",
                format!(
                    "{} governs none of these hosts, so no request to them will carry a decision",
                    name(first)
                ),
                format!("add {} to spec.hosts of the canary", named.join(" or ")),
            );
            self.warn(warning);
        }
        Ok(Some(self.targets[first].clone()))
    }
}
