//! Configs replaced in a running Envoy: good ones, refused ones, and what traffic notices.

use std::collections::BTreeSet;
use std::fs;

use coalmine::bucket::Share;
use coalmine::config::{Canaries, Canary};
use coalmine_integration::discovery::Verdict;
use coalmine_manifests::envoy::{self as target, Form, Options};
use coalmine_manifests::kubernetes::Origin;

use crate::setting::{
    PATIENCE, Setting, USUAL, diagnose, end_without_failures, in_canary, read, traffic,
};

/// The memory of a process that is in RAM, in KiB.
pub(crate) fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.unwrap().split_whitespace().nth(1);
    words.unwrap().parse().unwrap()
}

/// Changes shares, rules, pins and names, another mix each time.
fn vary(canaries: &mut Canaries, number: u32) {
    let spec = &mut canaries.canaries[0].spec;
    let share = Share::from_millionths(number * 9_973 % 1_000_001).unwrap();
    spec.shares = vec![("canary".to_owned(), share)];
    spec.pins.header = (!number.is_multiple_of(3)).then(|| format!("x-canary-{}", number % 7));
    spec.pins.cookie = number.is_multiple_of(4).then(|| "canary".to_owned());
    let rule = diagnose(USUAL).0.canaries[0].spec.rules[0].clone();
    spec.rules = (0..number % 20)
        .map(|copy| {
            let mut rule = rule.clone();
            rule.name = format!("staff-{copy}");
            if let coalmine::config::Condition::Header(named) = &mut rule.when {
                named.name = format!("x-group-{copy}");
            }
            rule
        })
        .collect();
    spec.salt = number.is_multiple_of(10).then(|| format!("salt-{number}"));
}

/// A file that names its sources reaches the filter, and an edited comment in them is no change.
#[test]
fn sources_are_named_and_their_bytes_alone_reload_nothing() {
    let file = |canaries: &Canaries, options: &Options, hash: &str| {
        let origin = Origin {
            file: "canary.yaml".to_owned(),
            hash: hash.to_owned(),
        };
        let names = canaries.canaries.iter().map(Canary::full_name);
        let provenance = names.map(|name| (name, origin.clone())).collect();
        target::plugin_resource(canaries, &provenance, options).unwrap()
    };
    for form in [Form::Static, Form::Xds] {
        let mut setting = Setting::with(read(USUAL), |options| options.form = form, |_, _| ());
        let counted = |setting: &Setting, name: &str| {
            let name = format!("extension_config_discovery.http_filter.coalmine.{name}");
            let counter = setting.stand.envoy.admin().counter(&name).unwrap();
            counter.unwrap_or_default()
        };
        let put = |setting: &Setting, hash: &str| {
            let file = file(&setting.canaries, setting.stand.options(), hash);
            assert!(file.contents.contains(hash) && file.contents.contains("canary.yaml"));
            let verdict = setting.stand.replace(&file).unwrap();
            assert!(matches!(verdict, Verdict::Applied { .. }), "{verdict:?}");
        };
        setting.change_share("0%");
        let client = setting.client();
        assert!(in_canary(&client, 50).is_empty());
        for canary in &mut setting.canaries.canaries {
            canary.spec.shares = vec![("canary".to_owned(), Share::parse("100%").unwrap())];
        }
        let before = counted(&setting, "config_reload");
        put(&setting, "sha256:1");
        assert!(!in_canary(&client, 50).is_empty());
        assert_eq!(counted(&setting, "config_reload"), before + 1);
        put(&setting, "sha256:2");
        assert_eq!(counted(&setting, "config_reload"), before + 1, "{form:?}");
        setting.end_without_problems();
    }
}

#[test]
fn a_hundred_changes_lose_no_request_and_no_memory() {
    let mut setting = Setting::of(USUAL);
    let (pid, load) = (setting.stand.envoy.pid(), traffic(&setting.stand));
    let machines = |setting: &Setting| {
        let active = setting.stand.envoy.admin().stats().unwrap();
        active["wasm.envoy.wasm.runtime.v8.active"]
    };
    let mut early = (0, 0);
    for number in 0..100 {
        setting.change(|canaries| vary(canaries, number));
        load.wait_for(20, PATIENCE).unwrap();
        if number == 20 {
            early = (resident(pid), machines(&setting));
        }
    }
    let late = (resident(pid), machines(&setting));
    let report = end_without_failures(load);
    eprintln!(
        "{} requests; {} MiB and {} VMs after 20 changes, {} MiB and {} VMs after 100",
        report.samples.len(),
        early.0 / 1024,
        early.1,
        late.0 / 1024,
        late.1
    );
    assert!(report.samples.len() >= 1_900);
    assert!(report.served_by("shop/canary") > 0 && report.served_by("shop/stable") > 0);
    assert_eq!(early.1, late.1, "virtual machines");
    assert!(late.0 < early.0 + 8 * 1024, "KiB: {early:?} {late:?}");
    setting.end_without_problems();
}

#[test]
fn a_refused_config_says_what_the_command_says_and_changes_nothing() {
    let setting = Setting::of(USUAL);
    let client = setting.client();
    let load = traffic(&setting.stand);
    let in_force = in_canary(&client, 200);
    let check = |plugin_config: &str, messages: &[String]| {
        let verdict = setting.stand.apply_text(plugin_config).unwrap();
        let Verdict::Refused { problems, .. } = verdict else {
            panic!("{verdict:?} for {plugin_config}");
        };
        for message in messages {
            let logged = |problem: &String| problem.lines().any(|line| line.ends_with(message));
            assert!(problems.iter().any(logged), "{message}\n{problems:#?}");
        }
        assert_eq!(in_canary(&client, 200), in_force, "{plugin_config}");
    };
    // A mistake in the file of the canary, and what `coalmine validate` says about it.
    let check_mistake = |right: &str, wrong: &str| {
        assert!(USUAL.contains(right), "{right}");
        let text = USUAL.replace(right, wrong);
        let (_, found) = diagnose(&text);
        assert!(!found.is_empty(), "{wrong} is no mistake");
        let as_json: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let messages: Vec<String> = found.iter().map(ToString::to_string).collect();
        check(&as_json.to_string(), &messages);
    };
    check_mistake("shares: {canary: 5%}", "shares: {canary: 105%}");
    check_mistake("shares: {canary: 5%}", "share: {canary: 5%}");
    check_mistake("default: stable", "default: stabel");
    check_mistake("in: [staff]", "regex: '('");
    check_mistake("in: [staff]", "regex: '(a{1000}){1000}'");
    check_mistake("route: canary", "route: canary, shares: {canary: 1%}");
    check_mistake("hosts: [shop]", "hosts: [shop, 'two words']");
    check_mistake("whenNoUnit: issue-cookie", "whenNoUnit: nothing");
    check_mistake(
        "shares: {canary: 5%}",
        "shares: {canary: 5%}
  ramp: [{at: 2026-11-24T12:00:00Z, canary: 1%}, {at: 2026-11-24T09:00:00Z, canary: 2%}]",
    );
    // Several at once.
    check_mistake(
        "shares: {canary: 5%}",
        "shares: {canary: 5, cannary: 1%}\n  salz: a",
    );
    // What no file of a canary can be.
    let not_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_err();
    for text in ["{", "canary", "\u{0}", "{\"kind\": \"Plugin\"}}"] {
        check(
            text,
            &[format!(
                "the plugin's config is not JSON: {}",
                not_json(text)
            )],
        );
    }
    check("[]", &[]);
    check(r#"{"kind": "Plugin", "canaries": 5}"#, &[]);
    end_without_failures(load);

    let verdict = setting.stand.apply(&setting.canaries).unwrap();
    assert!(matches!(verdict, Verdict::Applied { .. }), "{verdict:?}");
    assert_eq!(in_canary(&client, 200), in_force);
    setting.stand.envoy.stop().unwrap();
}

#[test]
fn a_share_that_grows_keeps_everyone_and_one_that_shrinks_lets_nobody_in() {
    let mut setting = Setting::of(USUAL);
    let client = setting.client();
    let load = traffic(&setting.stand);
    let mut drawn = |share: &str| -> BTreeSet<usize> {
        setting.change_share(share);
        in_canary(&client, 500).into_iter().collect()
    };
    let growing = ["0%", "1%", "5%", "20%", "50%", "75%", "99%", "100%"];
    let sets: Vec<_> = growing.iter().map(|share| drawn(share)).collect();
    for (pair, share) in sets.windows(2).zip(&growing[1..]) {
        assert!(pair[0].is_subset(&pair[1]), "somebody left at {share}");
    }
    for (set, share) in sets.iter().zip(growing).rev() {
        assert_eq!(*set, drawn(share), "the way back at {share}");
    }
    assert_eq!((sets[0].len(), sets[7].len()), (0, 500));
    end_without_failures(load);
    setting.end_without_problems();
}
