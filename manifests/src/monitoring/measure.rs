//! What is asked of Prometheus.

use coalmine::arm::Arm;
use coalmine::metrics::Metric;
use coalmine::response::Class;

/// Something that can be seen of canaries over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Requests a second, by variant and reason.
    Decisions,
    /// Responses to the drawn a second, by arm.
    Responses,
    /// The part of them that failed, 0 to 1.
    Failed,
    /// The part of them that was slower than a bound, 0 to 1; nothing where none was yet.
    Slow,
    /// The time in milliseconds within which this part of them came.
    Latency(f64),
    /// The workers that hold a variant back, or try it.
    GuardOpen,
    /// Changes of guards a second, by state.
    GuardChanges,
    /// Requests with a pin that was refused a second, by cause.
    PinRefusals,
}

// === impl Measure ===

impl Measure {
    /// What is measured, if not by the names of its labels alone.
    fn operation(self) -> &'static str {
        match self {
            Self::Failed => "failed_ratio",
            Self::Slow => "ratio",
            Self::Latency(_) => "quantile",
            Self::GuardOpen => "sum",
            _ => "rate",
        }
    }

    /// What it is made of.
    pub fn metric(self) -> Metric {
        match self {
            Self::Decisions => Metric::Decisions,
            Self::Responses | Self::Failed => Metric::Responses,
            Self::Slow => Metric::SlowResponses,
            Self::Latency(_) => Metric::Latency,
            Self::GuardOpen => Metric::GuardOpen,
            Self::GuardChanges => Metric::GuardChanges,
            Self::PinRefusals => Metric::PinRefusals,
        }
    }

    /// The labels of its series: each is one of its metric's.
    pub fn by(self) -> &'static [&'static str] {
        match self {
            Self::Decisions => &["canary", "variant", "reason"],
            Self::Responses | Self::Failed | Self::Latency(_) => &["canary", "arm"],
            Self::Slow => &["canary", "arm", "bound"],
            Self::GuardOpen => &["canary", "variant"],
            Self::GuardChanges => &["canary", "variant", "state"],
            Self::PinRefusals => &["canary", "cause"],
        }
    }

    /// The series that a recording rule makes of it, as Prometheus' authors name such:
    /// `level:metric:operation`.
    pub fn recorded(self, window: &str) -> String {
        let (level, metric) = (self.by().join("_"), self.metric().name());
        format!("{level}:{metric}:{}{window}", self.operation())
    }

    /// The query in PromQL: of the series that `of` selects, like `canary="reviews"`, over a window
    /// like `5m`.
    pub fn query(self, of: &str, window: &str) -> String {
        let name = self.metric().name();
        let by = self.by().join(", ");
        let rate = format!("sum by ({by}) (rate({name}{{{of}}}[{window}]))");
        match self {
            Self::Decisions | Self::Responses | Self::GuardChanges | Self::PinRefusals => rate,
            Self::Failed => {
                let failed = format!("{of},class=~\"{}\"", failed_classes());
                let failed = format!("sum by ({by}) (rate({name}{{{failed}}}[{window}]))");
                // An arm in which nothing failed yet has no series that says so.
                format!("({failed} or 0 * {rate}) / {rate}")
            }
            Self::Slow => {
                let all = Self::Responses.query(of, window);
                let arm = Self::Responses.by().join(", ");
                format!("{rate} / on ({arm}) group_left () {all}")
            }
            Self::Latency(part) => format!(
                "histogram_quantile({part}, sum by ({by}, le) (rate({name}_bucket{{{of}}}[{window}])))"
            ),
            Self::GuardOpen => format!("sum by ({by}) ({name}{{{of}}})"),
        }
    }
}

/// The classes of responses that are a version's failures, as a regex.
fn failed_classes() -> String {
    let failed = Class::ALL.into_iter().filter(|class| class.failed());
    failed.map(Class::name).collect::<Vec<_>>().join("|")
}

/// The arms that are no variant's, as a regex.
pub(super) fn arms_of_default() -> String {
    format!("{}|{}", Arm::CONTROL, Arm::REST)
}

/// The canary of this name alone.
pub(super) fn only(canary: &str) -> String {
    let canary = canary.replace('\\', "\\\\").replace('"', "\\\"");
    format!("canary=\"{canary}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Measure; 8] = [
        Measure::Decisions,
        Measure::Responses,
        Measure::Failed,
        Measure::Slow,
        Measure::Latency(0.5),
        Measure::GuardOpen,
        Measure::GuardChanges,
        Measure::PinRefusals,
    ];

    #[test]
    fn labels_are_those_of_the_metric() {
        for measure in ALL {
            let labels = measure.metric().labels();
            let strange = measure.by().iter().find(|label| !labels.contains(label));
            assert_eq!(strange, None, "{measure:?}");
        }
    }

    #[test]
    fn no_two_are_recorded_as_one() {
        let mut names = ALL.map(|measure| measure.recorded("5m")).to_vec();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn queries() {
        let check = |measure: Measure, expected: &str| {
            assert_eq!(measure.query(&only("a/b"), "5m"), expected);
        };
        check(
            Measure::Decisions,
            r#"sum by (canary, variant, reason) (rate(coalmine_decisions{canary="a/b"}[5m]))"#,
        );
        check(
            Measure::Failed,
            r#"(sum by (canary, arm) (rate(coalmine_responses{canary="a/b",class=~"5xx|reset"}[5m])) or 0 * sum by (canary, arm) (rate(coalmine_responses{canary="a/b"}[5m]))) / sum by (canary, arm) (rate(coalmine_responses{canary="a/b"}[5m]))"#,
        );
        check(
            Measure::Latency(0.99),
            r#"histogram_quantile(0.99, sum by (canary, arm, le) (rate(coalmine_latency_milliseconds_bucket{canary="a/b"}[5m])))"#,
        );
        check(
            Measure::GuardOpen,
            r#"sum by (canary, variant) (coalmine_guard_open{canary="a/b"})"#,
        );
    }
}
