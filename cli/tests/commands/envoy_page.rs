//! The commands of `docs/envoy.md` and `docs/module.md` that need no Envoy and no registry: they
//! run. Those that do run in `integration/`.

use crate::run::{Ran, command, data_folder, run};
use std::fs;
use std::path::Path;

/// Runs the lines of the page's `console` blocks that begin like this, in a folder with a canary.
fn run_all(page: &str, begins: &str, expected: usize, check: impl Fn(&Path, &Ran)) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(page);
    let text = fs::read_to_string(page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("canary.yaml");
    fs::copy(data_folder().join("sound.yaml"), canary).unwrap();
    let mut tried = 0;
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for line in block
            .lines()
            .filter_map(|line| line.strip_prefix("$ coalmine "))
        {
            if !line.starts_with(begins) {
                continue;
            }
            let mut command = command();
            command.args(shlex::split(line).unwrap());
            let ran = run(command.current_dir(folder.path()), "");
            assert_eq!(ran.code, 0, "{line}: {ran}");
            check(folder.path(), &ran);
            tried += 1;
        }
    }
    assert_eq!(tried, expected);
}

#[test]
fn rendering_runs() {
    run_all("envoy.md", "render ", 2, |folder, ran| {
        let watched = ran.stderr.contains("xds/lds.json");
        for name in ["envoy.yaml", "xds/coalmine.json"] {
            assert!(folder.join("out").join(name).is_file(), "{name}");
        }
        for name in ["xds/cds.json", "xds/lds.json", "xds/rds.json"] {
            assert_eq!(folder.join("out").join(name).is_file(), watched, "{name}");
        }
    });
}
