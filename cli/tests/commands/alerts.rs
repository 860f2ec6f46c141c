//! `coalmine render alerts` and `render grafana`: what a canary can need, and commands that can be run.

use crate::run::{command, run};
use coalmine::yaml::{Source, read};
use coalmine_manifests::monitoring::{Rule, rules};

const CANARY: &str = "\
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  hosts: [shop]
  variants:
    stable: {endpoints: ['127.0.0.1:9081']}
    canary: {endpoints: ['127.0.0.1:9082']}
    third: {endpoints: ['127.0.0.1:9083']}
  default: stable
  unit: [{header: x-user-id}]
";

fn rules_of(text: &str) -> Vec<Rule> {
    let source = Source {
        name: "shop.yaml".to_owned(),
        text: text.to_owned(),
    };
    let (canaries, found) = read(&[source]);
    assert_eq!(canaries.canaries.len(), 1, "{found:?}");
    rules(&canaries.canaries[0])
}

/// What is recorded, and the alerts, with the variant that each is about.
fn told(rules: &[Rule]) -> Vec<String> {
    let one = |rule: &Rule| match (&rule.record, rule.alert, rule.labels.get("variant")) {
        (Some(record), ..) => record.split(':').nth(1).unwrap().to_owned(),
        (None, Some(alert), Some(variant)) => format!("{alert} {variant}"),
        (None, alert, _) => alert.unwrap().to_owned(),
    };
    rules.iter().map(one).collect()
}

#[test]
fn a_canary_gets_what_it_can_need() {
    let check = |more: &str, expected: &[&str]| {
        let told = told(&rules_of(&format!("{CANARY}{more}")));
        assert_eq!(told.first().map(String::as_str), Some("coalmine_decisions"));
        assert_eq!(&told[1..], expected, "{more}");
    };
    check("", &[]);
    check("  shares: {canary: 0%}", &[]);
    check(
        "  shares: {canary: 1%, third: 0%}",
        &["CoalmineNobodyDrawn canary"],
    );
    check(
        "  shares: {canary: 1%, third: 1%}",
        &["CoalmineNobodyDrawn canary", "CoalmineNobodyDrawn third"],
    );
    check(
        "  ramp: [{at: 2026-11-24T09:00:00Z, canary: 0%}, {at: 2026-11-25T09:00:00Z, third: 1%}]",
        &["CoalmineNobodyDrawn third"],
    );
    check(
        "  rollout: {variant: canary, steps: [{share: 10%, for: 2m, minRequests: 200}]}\n  evidence: {}",
        &[
            "coalmine_responses",
            "coalmine_responses",
            "CoalmineVariantFails",
            "CoalmineNobodyDrawn canary",
        ],
    );
    check(
        "  evidence: {slowerThan: [1s]}",
        &[
            "coalmine_responses",
            "coalmine_responses",
            "coalmine_slow_responses",
            "CoalmineVariantFails",
        ],
    );
    check("  guard: {}", &["CoalmineGuardOpen"]);
    check("  pins: {header: x-canary}", &[]);
    check(
        "  pins: {header: x-canary, signed: {keys: {a: MD8gVGIw8XA6caOw3k6COBiN-zQ3HpfTLY950PY8YMw}}}",
        &["CoalminePinRefusals"],
    );
}

/// What stands between backticks and begins with our name.
fn commands(rule: &Rule) -> Vec<String> {
    let texts = rule.annotations.values();
    let quoted = texts.flat_map(|text| text.split('`').skip(1).step_by(2));
    let ours = quoted.filter(|command| command.starts_with("coalmine "));
    ours.map(str::to_owned).collect()
}

/// Files and clusters are not there, but the command line says what it has to.
#[test]
fn what_alerts_say_can_be_typed() {
    let evidence = "  shares: {canary: 1%}\n  guard: {}\n  evidence: {}\n";
    let pins = "  pins: {header: x-canary, signed: {keys: {a: MD8gVGIw8XA6caOw3k6COBiN-zQ3HpfTLY950PY8YMw}}}\n";
    let rollout =
        "  rollout: {variant: canary, steps: [{share: 10%, for: 2m, minRequests: 200}]}\n";
    let mut all = rules_of(&format!("{CANARY}{evidence}{pins}"));
    all.extend(rules_of(&format!("{CANARY}  evidence: {{}}\n{rollout}")));
    let folder = tempfile::tempdir().unwrap();
    let mut typed = 0;
    for rule in all.iter().filter(|rule| rule.alert.is_some()) {
        let commands = commands(rule);
        assert!(!commands.is_empty(), "{rule:?}");
        for line in commands {
            let mut words = shlex::split(&line).unwrap();
            words.remove(0);
            let mut command = command();
            command
                .args(words)
                .current_dir(folder.path())
                .env("KUBECONFIG", folder.path().join("none"));
            let ran = run(&mut command, "");
            let refused = ran.stderr.contains("Usage:") || ran.stderr.contains("--help");
            assert!(ran.code > 1 && !refused, "{line}: {ran}");
            typed += 1;
        }
    }
    assert_eq!(typed, 6);
}
