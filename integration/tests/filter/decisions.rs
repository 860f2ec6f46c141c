//! The decision tables: what is decided in `tests/tables` is decided in Envoy.

use std::collections::BTreeMap;
use std::time::Duration;

use coalmine::config::{Canaries, read_json};
use coalmine_integration::decisions::{Counts, Decided, since};
use coalmine_integration::raw;
use coalmine_integration::refusals::{self, Refusals};
use coalmine_manifests::File;
use coalmine_manifests::envoy::{self as target, Options};

use crate::setting::{self, Setting, VARIANT_HEADER};
use crate::tables::{
    self,
    format::{Case, Table},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Answers what no canary of a table governs; the filter does not know it.
const ELSEWHERE: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: elsewhere}
spec: {hosts: ['*'], variants: {untouched: {}, none: {}}, default: untouched, shares: {none: 1%}}
";

#[test]
fn every_case_that_can_be_sent_is_decided_as_the_tables_say() {
    let mut wrong = Vec::new();
    for table in tables::all() {
        check(&table, &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn check(table: &Table, wrong: &mut Vec<String>) {
    let canaries = read_json(table.config.as_bytes()).unwrap();
    let setting = start(&canaries, &table.config);
    let mut before = (Counts::new(), Refusals::new());
    let sendable = table.cases.iter().filter(|case| case.pure.is_none());
    for case in sendable {
        let problem = decided_otherwise(&setting, case, &mut before);
        wrong.extend(problem.map(|what| format!("{}, {}: {what}", table.name, case.name)));
    }
    setting.end_without_problems();
}

/// Envoy with the very config of a table, and upstreams for its variants.
fn start(canaries: &Canaries, config: &str) -> Setting {
    let mut routed = canaries.clone();
    routed.canaries.extend(setting::read(ELSEWHERE).canaries);
    let with_config = |files: &mut Vec<File>, options: &Options| {
        let plugin = files.iter_mut().find(|file| file.name == target::PLUGIN);
        *plugin.unwrap() = target::filter_resource(config, options).unwrap();
    };
    Setting::with(routed, |_| (), with_config)
}

/// Sends a case, and says what came out otherwise, if anything.
fn decided_otherwise(
    setting: &Setting,
    case: &Case,
    before: &mut (Counts, Refusals),
) -> Option<String> {
    assert!(
        case.source.is_none() && case.now.is_none() && case.draw.is_none() && case.held.is_empty(),
        "{}: nobody can choose that here, so it needs `pure`",
        case.name
    );
    let answer = raw::send(setting.stand.ingress, &as_http(case), PATIENCE).unwrap();
    let response = answer.parse().unwrap();
    if response.status != 200 {
        return Some(format!("{} {}", response.status, response.text()));
    }
    let now = setting.stand.decisions().unwrap();
    let refusals = setting.stand.refusals().unwrap();
    let counted = since(&before.0, &now);
    let last = std::mem::replace(before, (now, refusals));
    let received = response.received().unwrap();
    let header = received.all(VARIANT_HEADER);
    let baggage = received.all("baggage");
    if baggage != case.baggage.lines {
        let expected = &case.baggage.lines;
        return Some(format!("baggage {baggage:?} instead of {expected:?}"));
    }
    let (canary, variant) = response.served_by().rsplit_once('/').unwrap();
    let Some(expected) = &case.expected else {
        let sent: Vec<&[u8]> = case
            .headers
            .iter()
            .filter(|(name, _)| name == VARIANT_HEADER.as_bytes())
            .map(|(_, value)| value.as_slice())
            .collect();
        let untouched = canary == "elsewhere" && header == sent && counted.is_empty();
        return (!untouched).then(|| format!("touched: {canary} {header:?} {counted:?}"));
    };
    // The variant is the default of its canary if, and only if, the header is absent.
    let default = setting
        .canaries
        .canaries
        .iter()
        .find(|one| one.full_name() == canary)
        .map(|canary| canary.spec.default.as_str())?;
    let saying: &[&[u8]] = match expected.variant.as_bytes() {
        variant if variant == default.as_bytes() => &[],
        variant => &[variant],
    };
    let refused = refusals::since(&last.1, &before.1, canary);
    // Each cause counts once for a request, however many of its pins it is the cause of.
    let as_told: BTreeMap<String, u64> = expected
        .refused
        .iter()
        .map(|cause| (cause.clone(), 1))
        .collect();
    let expected_count =
        Counts::from([(Decided::new(canary, &expected.variant, &expected.reason), 1)]);
    let as_expected = variant == expected.variant
        && header == saying
        && counted == expected_count
        && refused == as_told
        && expected.issued.is_none()
        && !response.headers.contains_key("set-cookie");
    (!as_expected).then(|| {
        format!(
            "{canary}/{variant} with {header:?}, counted {counted:?} and {refused:?}, {:?} instead of {expected:?}",
            response.headers.get("set-cookie")
        )
    })
}

/// The bytes of a case, in HTTP/1.1.
fn as_http(case: &Case) -> Vec<u8> {
    let host = case.host.as_deref().unwrap_or_default();
    let mut bytes = [
        &*case.method,
        b" ",
        &case.path,
        b" HTTP/1.1\r\nhost: ",
        host,
    ]
    .concat();
    for (name, value) in &case.headers {
        bytes.extend([b"\r\n", name.as_slice(), b": ", value].concat());
    }
    bytes.extend(b"\r\n\r\n");
    bytes
}
