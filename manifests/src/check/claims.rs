//! Whether two plugins are on one workload: both would decide, one after the other.

use super::field::Field;
use super::findings::Findings;
use super::plugin::Plugin;

/// Which workloads a plugin is on.
#[derive(Debug)]
struct Scope<'n> {
    /// None for the whole mesh.
    namespace: Option<&'n str>,
    labels: Vec<(&'n str, &'n str)>,
    /// Kind and name; if there are any, the labels do not count.
    targets: Vec<(&'n str, &'n str)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Overlap {
    Never,
    /// If a workload has the labels of both.
    Maybe,
    Surely,
}

pub(super) fn check(plugins: &[Plugin<'_>], root_namespace: &str, findings: &mut Findings) {
    let scopes: Vec<Scope<'_>> = plugins
        .iter()
        .map(|one| Scope::of(one, root_namespace))
        .collect();
    for (number, (second, scope)) in plugins.iter().zip(&scopes).enumerate() {
        for (first, other) in plugins.iter().zip(&scopes).take(number) {
            let (one, two) = (first.object.title(), second.object.title());
            let help = "a request must be decided once: join their canaries in one plugin, or select other workloads";
            match scope.overlap(other) {
                Overlap::Never => continue,
                Overlap::Surely => findings.error(
                    &second.at,
                    "two-plugins",
                    format!("{one} and {two} are on the same workloads"),
                    help,
                ),
                Overlap::Maybe => findings.warning(
                    &second.at,
                    "two-plugins",
                    format!("{one} and {two} are both on workloads that have the labels of both"),
                    help,
                ),
            }
            findings.beside(&first.at);
        }
    }
}

impl<'n> Scope<'n> {
    fn of(plugin: &Plugin<'n>, root_namespace: &str) -> Self {
        let spec = plugin.object.spec();
        let at = |path: &str| spec.as_ref().and_then(|spec| spec.at(path));
        let labels = at("selector.matchLabels").or_else(|| at("workloadSelector.labels"));
        let targets = at("targetRefs")
            .map(|refs| refs.items())
            .unwrap_or_default();
        let target = |one: Field<'n>| Some((one.text_at("kind")?, one.text_at("name")?));
        Self {
            namespace: plugin
                .object
                .namespace
                .filter(|namespace| *namespace != root_namespace),
            labels: labels.map(|labels| labels.texts()).unwrap_or_default(),
            targets: targets
                .into_iter()
                .chain(at("targetRef"))
                .filter_map(target)
                .collect(),
        }
    }

    fn overlap(&self, other: &Self) -> Overlap {
        let one_namespace = match (self.namespace, other.namespace) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        if !one_namespace {
            return Overlap::Never;
        }
        if !self.targets.is_empty() || !other.targets.is_empty() {
            // A waypoint ignores selectors, and what has targets is on no sidecar.
            let shared = self
                .targets
                .iter()
                .any(|target| other.targets.contains(target));
            return if shared {
                Overlap::Surely
            } else {
                Overlap::Never
            };
        }
        let clash = |(key, value): &(&str, &str)| {
            let mut theirs = other.labels.iter();
            theirs.any(|(other_key, other)| key == other_key && value != other)
        };
        if self.labels.iter().any(clash) {
            return Overlap::Never;
        }
        let within =
            |one: &Self, two: &Self| one.labels.iter().all(|label| two.labels.contains(label));
        if within(self, other) || within(other, self) {
            Overlap::Surely
        } else {
            Overlap::Maybe
        }
    }
}
