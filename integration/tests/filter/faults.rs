//! What is on disk is wrong, or too much, and how many workers there are: no request fails by it.
//!
//! `docs/failure-modes.md` tells it to users.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coalmine::config::{MAX_PLUGIN_BYTES, plugin_json};
use coalmine_integration::discovery::Verdict;
use coalmine_integration::load::Load;
use coalmine_integration::swap;
use coalmine_manifests::envoy::{self as target, PLUGIN};
use coalmine_manifests::kubernetes::Provenance;

use crate::setting::{
    PATIENCE, Setting, USUAL, end_without_failures, in_canary, read, shop, traffic, variant,
};

/// The file that Envoy watches.
fn watched(setting: &Setting) -> PathBuf {
    Path::new(&setting.stand.options().folder).join(PLUGIN)
}

/// Who writes the file in place, and is cut off in the middle, changes nothing; nor does half a file that
/// is renamed to it. The next whole one is in force.
#[test]
fn a_file_that_is_half_written_changes_nothing() {
    let mut setting = Setting::of(USUAL);
    let client = setting.client();
    let load = traffic(&setting.stand);
    let in_force = in_canary(&client, 200);
    let path = watched(&setting);
    let whole = fs::read(&path).unwrap();
    let half = &whole[..whole.len() / 2];

    fs::write(&path, half).unwrap();
    load.wait_for(100, PATIENCE).unwrap();
    assert_eq!(in_canary(&client, 200), in_force, "written in place");
    for part in [&b""[..], half, &whole[..whole.len() - 1], b"\0\0\0\0"] {
        swap::replace(&path, part).unwrap();
        load.wait_for(100, PATIENCE).unwrap();
        assert_eq!(in_canary(&client, 200), in_force, "{} bytes", part.len());
    }
    fs::remove_file(&path).unwrap();
    load.wait_for(100, PATIENCE).unwrap();
    assert_eq!(in_canary(&client, 200), in_force, "removed");

    setting.change_share("100%");
    assert_eq!(in_canary(&client, 200).len(), 200);
    end_without_failures(load);
    setting.stand.envoy.stop().unwrap();
}

/// A module with damage is refused where it is no module any more, and what is in force stays.
#[test]
fn a_module_that_is_cut_short_changes_nothing() {
    let setting = Setting::of(USUAL);
    let client = setting.client();
    let load = traffic(&setting.stand);
    let in_force = in_canary(&client, 200);
    let module = fs::read(&setting.stand.options().module).unwrap();
    for part in [1, 2, 3, 9] {
        let cut = module.len() * part / 10;
        let mut options = setting.stand.options().clone();
        options.module = format!("{}/cut-{part}.wasm", options.folder);
        fs::write(&options.module, &module[..cut]).unwrap();
        let provenance = Provenance::default();
        let file = target::plugin_resource(&setting.canaries, &provenance, &options).unwrap();
        let verdict = setting.stand.replace(&file).unwrap();
        assert!(
            matches!(verdict, Verdict::Refused { .. }),
            "{cut}: {verdict:?}"
        );
        assert_eq!(in_canary(&client, 200), in_force, "{cut}");
    }
    end_without_failures(load);
    setting.stand.envoy.stop().unwrap();
}

/// A config with as many bytes of canaries that are right.
fn large(setting: &Setting, bytes: usize) -> String {
    let mut canaries = setting.canaries.clone();
    let one = canaries.canaries[0].clone();
    let size = plugin_json(&canaries).unwrap().len();
    for number in 1..bytes.div_ceil(size) {
        let mut canary = one.clone();
        canary.name = format!("shop-{number}");
        canary.spec.hosts = vec![format!("shop-{number}.example.com")];
        canaries.canaries.push(canary);
    }
    plugin_json(&canaries).unwrap()
}

/// What would keep requests waiting for seconds is refused by its length; what is as large as may be is
/// taken, and requests go on.
#[test]
fn a_config_of_50_megabytes_is_refused_before_it_is_read() {
    let setting = Setting::of(USUAL);
    let client = setting.client();
    let load = traffic(&setting.stand);
    let in_force = in_canary(&client, 200);
    let slowest = |from: Duration, load: Load| {
        let report = end_without_failures(load);
        let during = report
            .samples
            .iter()
            .filter(|sample| sample.answered >= from);
        during
            .map(|sample| sample.answered - sample.sent)
            .max()
            .unwrap()
    };

    let text = large(&setting, 57_000_000);
    assert!(text.len() > 50_000_000);
    let from = load.now();
    let Verdict::Refused { problems, .. } = setting.stand.apply_text(&text).unwrap() else {
        panic!("taken");
    };
    let said = format!("the plugin's config has {} bytes", text.len());
    assert!(
        problems.iter().any(|problem| problem.contains(&said)),
        "{problems:?}"
    );
    assert_eq!(in_canary(&client, 200), in_force);
    let waited = slowest(from, load);
    eprintln!("50 MB: refused, the slowest request took {waited:?}");
    assert!(waited < Duration::from_secs(2), "{waited:?}");

    let load = traffic(&setting.stand);
    let text = large(&setting, MAX_PLUGIN_BYTES);
    assert!(text.len() > MAX_PLUGIN_BYTES * 8 / 10, "{}", text.len());
    let from = load.now();
    let verdict = setting.stand.apply_text(&text).unwrap();
    assert!(matches!(verdict, Verdict::Applied { .. }), "{verdict:?}");
    assert_eq!(in_canary(&client, 200), in_force);
    let waited = slowest(from, load);
    eprintln!(
        "{} bytes: taken, the slowest request took {waited:?}",
        text.len()
    );
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    setting.stand.envoy.stop().unwrap();
}

/// However many workers there are, they decide alike, and every decision is counted once.
#[test]
fn any_number_of_workers_decides_alike() {
    let mut drawn = Vec::new();
    for workers in 1..=8 {
        let setting = Setting::with_workers(workers, read(USUAL));
        let client = setting.client();
        let in_force = in_canary(&client, 300);
        let on_each = client.send_on_each(32, &shop().header("x-canary", "canary"));
        let on_each = on_each.unwrap();
        assert!(on_each.iter().all(|answer| variant(answer) == "canary"));
        let counted: u64 = setting.stand.decisions().unwrap().values().sum();
        assert_eq!(counted, 300 + 32, "{workers} workers");
        drawn.push(in_force);
        setting.end_without_problems();
    }
    assert!(drawn.iter().all(|one| *one == drawn[0] && !one.is_empty()));
}
