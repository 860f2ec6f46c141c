//! The workflow of `delivery/github`, and what becomes of versions under it.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::actions::{Contexts, Done, Runner, entries, text, yaml};
use crate::expression::holds;
use crate::setting::{Setting, delivered};

/// The workflow, and who runs it.
struct Workflow<'s> {
    runner: Runner<'s>,
    workflow: Value,
}

/// What became of each job that was not left out.
type Jobs = BTreeMap<String, Done>;

impl<'s> Workflow<'s> {
    fn new(setting: &'s Setting) -> Self {
        let workflow = yaml(&delivered("github/rollout.yml"));
        let mut environment = BTreeMap::new();
        for (name, value) in entries(&workflow["env"]) {
            environment.insert(name, text(&value));
        }
        // That of the setting is elsewhere than people's.
        let there = environment.insert("COALMINE_PROMETHEUS".to_owned(), setting.prometheus());
        assert!(there.is_some());
        Self {
            runner: Runner {
                job: &setting.job,
                environment,
                actor: "ada",
            },
            workflow,
        }
    }

    fn job(&self, name: &str) -> &Value {
        &self.workflow["jobs"][name]
    }

    /// Reviewers say yes to every job in an environment.
    fn run(&self, event: &str, what: Option<&str>) -> Jobs {
        assert!(self.workflow["on"].get(event).is_some(), "{event}");
        let mut done = Jobs::new();
        let mut contexts = json!({
            "github": {"event_name": event},
            "inputs": {"what": what},
            "needs": {},
        });
        while let Some((name, job)) = self.next(&done, &contexts) {
            let job_done = self.runner.steps(&job["steps"], &contexts);
            let inside = Contexts(json!({ "steps": job_done.steps }));
            contexts["needs"][&name] = json!({ "outputs": inside.outputs(&job["outputs"]) });
            done.insert(name, job_done);
        }
        done
    }

    /// A job that has not run, whose needs have succeeded, and whose condition holds.
    fn next(&self, done: &Jobs, contexts: &Value) -> Option<(String, Value)> {
        let here = Contexts(contexts.clone());
        entries(&self.workflow["jobs"])
            .into_iter()
            .find(|(name, job)| {
                let needed = job["needs"].as_str();
                let met =
                    needed.is_none_or(|needed| done.get(needed).is_some_and(|job| job.success));
                let condition = job["if"].as_str().unwrap();
                !done.contains_key(name) && met && holds(condition, &|word| here.worth(word))
            })
    }
}

fn names(jobs: &Jobs) -> Vec<&str> {
    jobs.keys().map(String::as_str).collect()
}

fn outcome(job: &Done) -> &Value {
    &job.steps["coalmine"]["outputs"]["outcome"]
}

#[test]
fn a_good_version_is_promoted_when_it_is_approved() {
    let setting = Setting::of_failing(5);
    let workflow = Workflow::new(&setting);
    // Whoever watches begins nothing.
    let watch = workflow.run("schedule", None);
    assert_eq!(names(&watch), ["step"]);
    assert_eq!((watch["step"].success, watch["step"].ran), (true, 2));
    assert_eq!(setting.cluster.share(), "0%");

    let jobs = workflow.run("push", None);
    assert_eq!(names(&jobs), ["approve", "walk"]);
    let walk = &jobs["walk"];
    assert_eq!(outcome(walk), "awaiting-approval");
    assert_eq!(walk.steps["coalmine"]["outputs"]["awaits"], "50%");
    assert_eq!(walk.steps["coalmine"]["outputs"]["share"], "20%");
    assert_eq!(walk.steps["coalmine"]["outputs"]["exit-code"], "4");
    let waits =
        "::notice title=Coalmine::awaiting-approval at 20%25: waiting: waits for an approval";
    assert!(walk.log.contains(waits), "{}", walk.log);
    let approve = &jobs["approve"];
    assert!(approve.success, "{}", approve.log);
    assert!(
        approve
            .log
            .contains("::notice title=Coalmine::promoted at 100%25"),
        "{}",
        approve.log
    );
    assert_eq!(workflow.job("approve")["environment"], "production");
    assert_eq!(setting.cluster.share(), "100%");
    let summary = workflow.runner.summary();
    for told in [
        "# Rollout of canary in bookinfo/reviews",
        "ada has approved 50%",
        "| promoted | 100% |",
    ] {
        assert!(summary.contains(told), "{told}: {summary}");
    }

    // Run again, because the runner died: nothing is said twice, and nothing begins.
    let again = workflow.run("push", None);
    assert_eq!(
        (names(&again), outcome(&again["walk"])),
        (vec!["walk"], &"promoted".into())
    );
    let approve = workflow
        .runner
        .steps(&workflow.job("approve")["steps"], &json!({}));
    assert!(approve.success, "{}", approve.log);
    assert!(
        approve.log.contains("there was nothing to approve"),
        "{}",
        approve.log
    );
    let watch = workflow.run("schedule", None);
    assert_eq!((watch["step"].success, watch["step"].ran), (true, 2));
}

#[test]
fn a_bad_version_is_rolled_back_and_fails_the_job() {
    let setting = Setting::of_failing(400);
    let workflow = Workflow::new(&setting);
    let jobs = workflow.run("push", None);
    assert_eq!(names(&jobs), ["walk"]);
    let walk = &jobs["walk"];
    assert!(!walk.success);
    assert_eq!(outcome(walk), "rolled-back");
    assert_eq!(walk.steps["coalmine"]["outputs"]["phase"], "rolled-back");
    assert_eq!(walk.steps["coalmine"]["outputs"]["exit-code"], "1");
    let error = "::error title=Coalmine::rolled-back at 0%25: rolled-back: ";
    assert!(walk.log.contains(error), "{}", walk.log);
    assert_eq!(setting.cluster.share(), "0%");
    let summary = workflow.runner.summary();
    assert!(summary.contains("| rolled-back | 0% |"), "{summary}");
    // Every five minutes nobody is told again of what has failed once.
    let watch = workflow.run("schedule", None);
    assert_eq!((watch["step"].success, watch["step"].ran), (true, 2));
    let abort = workflow.run("workflow_dispatch", Some("abort"));
    assert_eq!(names(&abort), ["abort"]);
    assert!(abort["abort"].success, "{}", abort["abort"].log);
    assert!(abort["abort"].log.contains("there was nothing to abort"));
}

/// A runner that dies leaves it where it is; turns go on, and people stop it or let it go on.
#[test]
fn what_a_runner_dies_over_goes_on_by_turns() {
    let setting = Setting::of_failing(5);
    let workflow = Workflow::new(&setting);
    setting.job.dies_when(setting.cluster.has("20%"));
    let jobs = workflow.run("push", None);
    assert_eq!(names(&jobs), ["walk"]);
    assert!(!jobs["walk"].success);
    assert_eq!(outcome(&jobs["walk"]), "");
    assert_eq!(setting.cluster.share(), "20%");
    let turn = || {
        std::thread::sleep(std::time::Duration::from_millis(600));
        let watch = workflow.run("schedule", None);
        assert_eq!((watch["step"].success, watch["step"].ran), (true, 3));
        watch["step"].log.clone()
    };
    let waits = (0..20).any(|_| turn().contains("::notice title=Coalmine::awaiting-approval"));
    assert!(waits);
    let approved = workflow.run("workflow_dispatch", Some("approve"));
    assert_eq!(names(&approved), ["approve-later"]);
    assert!(approved["approve-later"].success);
    assert_eq!(workflow.job("approve-later")["environment"], "production");
    assert_eq!(setting.cluster.share(), "50%");
    turn();
    let abort = workflow.run("workflow_dispatch", Some("abort"));
    assert!(abort["abort"].success, "{}", abort["abort"].log);
    assert_eq!(setting.cluster.share(), "0%");
    assert!(workflow.runner.summary().contains("aborted by ada"));
}

/// The reviewers of an older push release its gate when a newer one waits for its own; and turns, which read the
/// newest file, begin nothing of it.
#[test]
fn a_gate_is_for_its_own_revision() {
    let setting = Setting::of_failing(5);
    let workflow = Workflow::new(&setting);
    let run = |name: &str, commit: &str| {
        setting.job.checkout(commit);
        let steps = &workflow.job(name)["steps"];
        workflow.runner.steps(steps, &json!({}))
    };
    let there = || {
        let now = run("step", "v3").steps["now"].take();
        now["outputs"]["revision"].clone()
    };
    assert_eq!(outcome(&run("walk", "v2")), "awaiting-approval");
    assert_eq!((there(), there()), ("v2".into(), "v2".into()));
    assert_eq!(outcome(&run("walk", "v3")), "awaiting-approval");
    assert_eq!(there(), "v3");

    let old = run("approve", "v2");
    assert_eq!((old.success, old.ran), (false, 2));
    for said in [
        "revision v3 is rolled out, not v2",
        "::error title=Coalmine::approve refused while v3 is there, see the log of this step",
    ] {
        assert!(old.log.contains(said), "{said}: {}", old.log);
    }
    assert_eq!(setting.cluster.share(), "20%");
    assert!(run("approve", "v3").success);
    assert_eq!(
        (there(), setting.cluster.share()),
        ("v3".into(), "100%".into())
    );

    // The gate waits for as long as it takes, so no push may wait for it.
    assert_eq!(workflow.job("approve").get("concurrency"), None);
    assert_eq!(
        workflow.job("walk")["concurrency"]["cancel-in-progress"],
        true
    );
}

/// On the machine with the proxy, where the state is a file that no checkout takes away.
#[test]
fn it_acts_through_a_file_as_well() {
    let setting = Setting::of_failing(5);
    let runner = Workflow::new(&setting).runner;
    let kept = |name: &str| setting.job.kept().join(name).display().to_string();
    let step = |command: &str| {
        let steps = json!([{"id": "coalmine", "uses": "./.github/actions/coalmine", "with": {
            "command": command,
            "files": "canaries/reviews.yaml",
            "config": kept("envoy/xds/coalmine.json"),
            "state": kept("reviews.json"),
            "journal": kept("reviews.jsonl"),
        }}]);
        let done = runner.steps(&steps, &json!({}));
        outcome(&done).as_str().unwrap().to_owned()
    };
    let outcomes = ["status", "run", "status", "approve", "run", "status"].map(step);
    let waits = "awaiting-approval";
    assert_eq!(
        outcomes,
        ["underway", waits, waits, "heard", "promoted", "promoted"]
    );
    let journal = fs::read_to_string(kept("reviews.jsonl")).unwrap();
    assert!(journal.contains("ada has approved 50%"), "{journal}");
    let left = fs::read_dir(setting.job.repository().join("canaries")).unwrap();
    assert_eq!(left.count(), 1);
}
