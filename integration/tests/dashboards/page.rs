//! `docs/dashboards.md`: its commands, as they stand there.

use std::fs;
use std::path::Path;
use std::process::Command;

use coalmine_integration::command::coalmine;

fn block<'t>(page: &'t str, language: &str) -> &'t str {
    let fence = format!("```{language}\n");
    let (_, rest) = page.split_once(&fence).unwrap();
    rest.split("```").next().unwrap()
}

#[test]
fn the_pages_commands_run() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dashboards.md");
    let page = fs::read_to_string(page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("reviews.yaml"), block(&page, "yaml")).unwrap();
    let program = coalmine().unwrap();
    let ours = program.parent().unwrap().display().to_string();
    let path = format!("{ours}:{}", std::env::var("PATH").unwrap());
    let ran = Command::new("sh")
        .args(["-e", "-c", block(&page, "sh")])
        .current_dir(folder.path())
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{ran:?}");
    assert!(said.contains("SUCCESS: 7 rules found"), "{said}");
    let dashboard = fs::read(folder.path().join("coalmine.dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_slice(&dashboard).unwrap();
    assert_eq!(dashboard["title"], "Coalmine");
}
