//! A runner of GitLab, as far as `delivery/gitlab` needs one, and what becomes of versions under it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use crate::actions::yaml;
use crate::expression::holds;
use crate::server::{Answer, serve};
use crate::setting::{Ran, Setting, delivered};

/// How the runner begins a script: in a shell without `pipefail` it does without.
const BEGIN: &str =
    "if set -o | grep pipefail > /dev/null; then set -o pipefail; fi\nset -o errexit\n";

const TOKEN: &str = "glpat-of-the-project";

/// The template's header, and the jobs of the example's pipeline: those of the template with the example's inputs.
pub(crate) fn template() -> (Value, Value) {
    let text = delivered("gitlab/rollout.gitlab-ci.yml");
    let (header, jobs) = text.split_once("\n---\n").unwrap();
    let header = yaml(header);
    let example = yaml(&delivered("gitlab/example.gitlab-ci.yml"));
    let include = &example["include"][0];
    assert_eq!(include["local"], "ci/rollout.gitlab-ci.yml");
    let given = include["inputs"].as_object().unwrap();
    let declared = header["spec"]["inputs"].as_object().unwrap();
    assert!(given.keys().all(|name| declared.contains_key(name)));
    let inputs: Vec<(String, String)> = declared
        .iter()
        .map(|(name, input)| {
            let value = given.get(name).or(input.get("default"));
            let value = value.unwrap_or_else(|| panic!("{name} is required"));
            (
                format!("$[[ inputs.{name} ]]"),
                value.as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let jobs = interpolated(yaml(jobs), &inputs);
    (header, jobs)
}

/// As GitLab does, in what was read: names and values of a document that is YAML without its inputs.
fn interpolated(value: Value, inputs: &[(String, String)]) -> Value {
    let filled = |text: String| {
        let text = inputs
            .iter()
            .fold(text, |text, (name, value)| text.replace(name, value));
        assert!(!text.contains("$[["), "{text}");
        text
    };
    match value {
        Value::String(text) => filled(text).into(),
        Value::Array(values) => values
            .into_iter()
            .map(|value| interpolated(value, inputs))
            .collect(),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(name, value)| (filled(name), interpolated(value, inputs)))
            .collect(),
        value => value,
    }
}

/// A job with what it extends; what is its own goes before.
pub(crate) fn extended(jobs: &Value, name: &str) -> Map<String, Value> {
    let own = jobs[name].as_object().unwrap_or_else(|| panic!("{name}"));
    let mut all = match own.get("extends") {
        Some(base) => extended(jobs, base.as_str().unwrap()),
        None => Map::new(),
    };
    all.extend(own.clone());
    all
}

/// GitLab's API, as far as notes go: merge request 17 is what the commit came from.
struct Notes {
    address: SocketAddr,
    notes: Arc<Mutex<Vec<(String, String)>>>,
}

impl Notes {
    fn start() -> Self {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&notes);
        let address = serve(move |asked| {
            if asked.header("private-token") != TOKEN {
                return Answer::json(401, json!({"message": "401 Unauthorized"}));
            }
            match (asked.method.as_str(), asked.path()) {
                ("GET", "/api/v4/projects/7/repository/commits/abc/merge_requests") => {
                    Answer::json(
                        200,
                        json!([{"id": 901, "iid": 17, "project_id": 7, "title": "v2"}]),
                    )
                }
                ("POST", path) if path.ends_with("/notes") => {
                    let body = asked.body.strip_prefix("body=").unwrap();
                    let note = (path.to_owned(), decoded(body));
                    kept.lock().unwrap().push(note);
                    Answer::json(201, json!({"id": 1}))
                }
                _ => Answer::json(404, json!({"message": "404 Not Found"})),
            }
        });
        Self { address, notes }
    }

    /// The last note, which is of this merge request.
    fn last(&self, of: u32) -> String {
        let notes = self.notes.lock().unwrap();
        let (path, note) = notes.last().unwrap();
        assert_eq!(
            *path,
            format!("/api/v4/projects/7/merge_requests/{of}/notes")
        );
        note.clone()
    }
}

/// A value of `application/x-www-form-urlencoded`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// What a job came to.
#[derive(Debug, PartialEq)]
enum Came {
    Passed,
    /// It failed in a way that is allowed.
    Warned,
    Failed,
}

struct Pipeline<'s> {
    setting: &'s Setting,
    jobs: Value,
    variables: BTreeMap<String, String>,
    shell: &'static str,
}

impl<'s> Pipeline<'s> {
    fn new(setting: &'s Setting, notes: &Notes, source: &str, shell: &'static str) -> Self {
        let api = format!("http://{}/api/v4", notes.address);
        let variables = [
            ("CI_API_V4_URL", api.as_str()),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_COMMIT_SHA", "abc"),
            ("CI_DEFAULT_BRANCH", "main"),
            ("CI_MERGE_REQUEST_IID", "18"),
            ("CI_PIPELINE_SOURCE", source),
            ("CI_PROJECT_ID", "7"),
            ("GITLAB_TOKEN", TOKEN),
            ("GITLAB_USER_LOGIN", "ada"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            setting,
            jobs: template().1,
            variables: variables.into(),
            shell,
        }
    }

    /// The jobs that its rules take into the pipeline, each with when it runs.
    fn taken(&self) -> Vec<(String, String)> {
        let names = self.jobs.as_object().unwrap().keys();
        let visible = names.filter(|name| !name.starts_with('.'));
        let taken = visible.filter_map(|name| {
            let job = extended(&self.jobs, name);
            let rule = job["rules"].as_array().unwrap().iter().find(|rule| {
                if let Some(changes) = rule.get("changes") {
                    assert_eq!(*changes, json!(["canaries/reviews.yaml"]));
                }
                let condition = rule["if"].as_str().unwrap().replace('"', "'");
                holds(&condition, &|word| {
                    self.variables[word.strip_prefix('$').unwrap()]
                        .as_str()
                        .into()
                })
            })?;
            let when = rule
                .get("when")
                .map_or("on_success", |when| when.as_str().unwrap());
            Some((name.clone(), when.to_owned()))
        });
        taken.collect()
    }

    /// Runs a job to its end, with what jobs before it have left for it.
    fn run(&mut self, name: &str) -> (Came, Ran) {
        assert!(
            self.taken().iter().any(|(taken, _)| taken == name),
            "{name}"
        );
        let job = extended(&self.jobs, name);
        let mut environment = self.variables.clone();
        for (name, value) in job["variables"].as_object().unwrap() {
            environment.insert(name.clone(), value.as_str().unwrap().to_owned());
        }
        environment.insert("COALMINE_PROMETHEUS".to_owned(), self.setting.prometheus());
        let script = |name: &str| {
            let lines = job.get(name)?.as_array().unwrap().iter();
            let lines: Vec<&str> = lines.map(|line| line.as_str().unwrap()).collect();
            Some(BEGIN.to_owned() + &lines.join("\n"))
        };
        let repository = self.setting.job.repository();
        let run = |script: &str| {
            let job = &self.setting.job;
            job.script(&[self.shell], script, &repository, &environment)
        };
        let ran = run(&script("script").unwrap());
        if let Some(after) = script("after_script") {
            assert_eq!(run(&after).code, 0);
        }
        let allowed = job
            .get("allow_failure")
            .map(|allowed| &allowed["exit_codes"]);
        let came = match ran.code {
            0 => Came::Passed,
            code if allowed == Some(&code.into()) => Came::Warned,
            _ => Came::Failed,
        };
        let artifacts = job.get("artifacts").cloned().unwrap_or_default();
        for path in artifacts["paths"].as_array().into_iter().flatten() {
            assert!(repository.join(path.as_str().unwrap()).is_file(), "{path}");
        }
        if let Some(dotenv) = artifacts["reports"]["dotenv"].as_str() {
            for line in fs::read_to_string(repository.join(dotenv)).unwrap().lines() {
                let (name, value) = line.split_once('=').unwrap();
                assert!(!value.contains(' '), "{line}");
                self.variables.insert(name.to_owned(), value.to_owned());
            }
        }
        (came, ran)
    }
}

#[test]
fn a_good_version_is_promoted_when_it_is_approved() {
    let setting = Setting::of_failing(5);
    let notes = Notes::start();
    let mut request = Pipeline::new(&setting, &notes, "merge_request_event", "bash");
    assert_eq!(
        request.taken(),
        [("plan reviews".to_owned(), "on_success".to_owned())]
    );
    assert_eq!(request.run("plan reviews").0, Came::Passed);
    let note = notes.last(18);
    assert!(
        note.contains(
            "~~~\nrollout   canary of bookinfo/reviews\nchecks    errors, limit\nstep 1    20%"
        ),
        "{note}"
    );

    let mut pipeline = Pipeline::new(&setting, &notes, "push", "bash");
    let taken = [
        ("abort reviews", "manual"),
        ("approve reviews", "manual"),
        ("rollout reviews", "on_success"),
    ];
    assert_eq!(
        pipeline.taken(),
        taken.map(|(name, when)| (name.to_owned(), when.to_owned()))
    );
    assert_eq!(pipeline.run("rollout reviews").0, Came::Warned);
    assert_eq!(pipeline.variables["ROLLOUT_AWAITS"], "50%");
    assert_eq!(setting.cluster.share(), "20%");
    assert!(
        notes
            .last(17)
            .contains("waits for an approval before it has 50%")
    );
    // Meanwhile the schedule watches.
    let mut schedule = Pipeline::new(&setting, &notes, "schedule", "bash");
    assert_eq!(
        schedule.taken(),
        [("step reviews".to_owned(), "on_success".to_owned())]
    );
    assert_eq!(schedule.run("step reviews").0, Came::Warned);

    let (came, ran) = pipeline.run("approve reviews");
    assert_eq!(came, Came::Passed, "{ran:?}");
    assert_eq!(pipeline.variables["ROLLOUT_PHASE"], "promoted");
    assert_eq!(setting.cluster.share(), "100%");
    let note = notes.last(17);
    assert!(
        note.contains("| promoted | 100% |") && note.contains("ada has approved 50%"),
        "{note}"
    );
    // Run again, because the runner died.
    assert_eq!(pipeline.run("approve reviews").0, Came::Passed);
    assert_eq!(schedule.run("step reviews").0, Came::Passed);
    // Whoever may, takes it back; nothing begins by itself then.
    assert_eq!(pipeline.run("abort reviews").0, Came::Passed);
    assert_eq!(setting.cluster.share(), "0%");
    assert_eq!(schedule.run("step reviews").0, Came::Passed);
}

/// In a shell that is no bash, and without a token for notes.
#[test]
fn a_bad_version_is_rolled_back_and_fails_the_pipeline() {
    let setting = Setting::of_failing(400);
    let notes = Notes::start();
    let mut schedule = Pipeline::new(&setting, &notes, "schedule", "sh");
    assert_eq!(schedule.run("step reviews").0, Came::Passed);
    let mut pipeline = Pipeline::new(&setting, &notes, "push", "sh");
    let (came, ran) = pipeline.run("rollout reviews");
    assert_eq!((came, ran.code), (Came::Failed, 1));
    assert_eq!(pipeline.variables["ROLLOUT_PHASE"], "rolled-back");
    assert_eq!(setting.cluster.share(), "0%");
    assert!(notes.last(17).contains("| rolled-back | 0% |"));
    assert_eq!(schedule.run("step reviews").0, Came::Passed);
    assert_eq!(pipeline.run("abort reviews").0, Came::Passed);

    let before = notes.notes.lock().unwrap().len();
    let mut request = Pipeline::new(&setting, &notes, "merge_request_event", "sh");
    request.variables.remove("GITLAB_TOKEN");
    let (came, ran) = request.run("plan reviews");
    assert_eq!(came, Came::Passed);
    assert!(
        ran.stdout.contains("no note: there is no GITLAB_TOKEN"),
        "{ran:?}"
    );
    assert_eq!(notes.notes.lock().unwrap().len(), before);
}

/// A manual job waits as long as it takes: it is for the commit of its pipeline.
#[test]
fn a_gate_is_for_its_own_revision() {
    let setting = Setting::of_failing(5);
    let notes = Notes::start();
    let mut pipelines = ["v2", "v3"].map(|commit| {
        setting.job.checkout(commit);
        let mut pipeline = Pipeline::new(&setting, &notes, "push", "sh");
        assert_eq!(pipeline.run("rollout reviews").0, Came::Warned);
        assert_eq!(pipeline.variables["ROLLOUT_AWAITS"], "50%");
        (commit, pipeline)
    });
    for (commit, pipeline) in &mut pipelines {
        setting.job.checkout(commit);
        let (came, ran) = pipeline.run("approve reviews");
        let (expected, says, share) = match *commit {
            "v2" => (Came::Failed, "revision v3 is rolled out, not v2", "20%"),
            _ => (Came::Passed, "has approved 50%", "100%"),
        };
        assert_eq!(came, expected, "{commit}");
        assert!(
            ran.stderr.contains(says) || ran.stdout.contains(says),
            "{ran:?}"
        );
        assert_eq!(setting.cluster.share(), share);
    }
}
