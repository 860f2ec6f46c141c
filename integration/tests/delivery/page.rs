//! `docs/delivery.md`: what it says to copy lands where the files look for each other, and the jobs are those that
//! there are.

use std::collections::BTreeSet;
use std::fs;

use coalmine_integration::workspace;
use serde_json::Value;

use crate::actions::{BASH, yaml};
use crate::gitlab;
use crate::setting::{Job, delivered};

#[test]
fn the_page_is_true() {
    let page = fs::read_to_string(workspace::root().join("docs/delivery.md")).unwrap();
    let job = Job::new();
    let here = workspace::root().display().to_string();
    let environment = [("COALMINE".to_owned(), here)].into();
    let blocks = page.split("```console\n").skip(1);
    let mut ran = 0;
    for line in blocks.flat_map(|block| block.split("```").next().unwrap().lines()) {
        let command = line.strip_prefix("$ ").unwrap();
        let done = job.script(&BASH, command, &job.repository(), &environment);
        assert_eq!(done.code, 0, "{command}: {done:?}");
        ran += 1;
    }
    assert_eq!(ran, 6);
    let there = |path: &str| {
        let path = job.repository().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };

    let workflow = yaml(&there(".github/workflows/rollout.yml"));
    let used: BTreeSet<String> = workflow["jobs"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|job| job["steps"].as_array().unwrap())
        .filter_map(|step| step["uses"].as_str()?.strip_prefix("./").map(str::to_owned))
        .collect();
    assert_eq!(used, [".github/actions/coalmine".to_owned()].into());
    there(".github/actions/coalmine/action.yml");
    let included = yaml(&there(".gitlab-ci.yml"))["include"][0]["local"].take();
    there(included.as_str().unwrap());

    let section = |name: &str| {
        let (_, rest) = page.split_once(&format!("\n## {name}\n")).unwrap();
        rest.split("\n## ").next().unwrap().to_owned()
    };
    let check = |name: &str, jobs: &Value| {
        let section = section(name);
        for job in jobs.as_object().unwrap().keys() {
            let told = job.starts_with('.') || section.contains(&format!("| `{job}` |"));
            assert!(told, "{name}: {job}");
        }
    };
    check("GitHub Actions", &workflow["jobs"]);
    check("GitLab", &gitlab::template().1);
    let section = section("Spinnaker");
    for file in ["rollout.json", "judge.json"] {
        assert!(section.contains(&format!("delivery/spinnaker/{file}")));
    }
    let pipeline: Value = serde_json::from_str(&delivered("spinnaker/rollout.json")).unwrap();
    for stage in pipeline["stages"].as_array().unwrap() {
        let name = stage["name"].as_str().unwrap();
        assert!(
            name == "Promoted" || section.contains(&format!("`{name}`")),
            "{name}"
        );
    }
}
