//! Rollouts through real repositories, with a bare one as their remote.

use super::notify::Receiver;
use crate::docs::{blocks, root};
use crate::run::{Ran, command, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The canary of the page, whose number is to change and nothing else.
fn page() -> String {
    fs::read_to_string(root().join("docs/rollout-git.md")).unwrap()
}

fn canary() -> String {
    blocks(&page(), "yaml")[0].to_owned()
}

const FILE: &str = "canaries/reviews.yaml";

/// A repository with a canary, and its remote.
struct Repositories {
    folder: TempDir,
}

impl Repositories {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let all = Self { folder };
        all.git_in(".", "init --quiet --bare --initial-branch main remote.git");
        all.git_in(".", "clone --quiet remote.git ours");
        let there = all.ours();
        fs::create_dir(there.join("canaries")).unwrap();
        fs::write(there.join(FILE), canary()).unwrap();
        fs::write(there.join(".gitignore"), "*.rollout.json*\n").unwrap();
        all.git("switch --quiet --create main");
        all.git("add .");
        all.git("commit --quiet -m 'Add a canary'");
        all.git("push --quiet origin main");
        all
    }

    fn ours(&self) -> PathBuf {
        self.folder.path().join("ours")
    }

    fn remote(&self) -> PathBuf {
        self.folder.path().join("remote.git")
    }

    fn git(&self, arguments: &str) -> String {
        self.git_in("ours", arguments)
    }

    fn git_in(&self, folder: &str, arguments: &str) -> String {
        let mut git = Command::new("git");
        git.args(shlex::split(arguments).unwrap())
            .current_dir(self.folder.path().join(folder));
        let ran = run(alone(&mut git), "");
        assert_eq!(ran.code, 0, "git {arguments}: {ran}");
        ran.stdout
    }

    /// `coalmine rollout` with these words, and `--git`.
    fn rollout(&self, words: &str) -> Ran {
        let (word, options) = words.split_once(' ').unwrap_or((words, ""));
        let mut coalmine = command();
        coalmine
            .args(["rollout", word, FILE, "--git", FILE])
            .args(shlex::split(options).unwrap())
            // Nobody has to be there for a first step, nor for what people say.
            .env("COALMINE_PROMETHEUS", "http://127.0.0.1:9")
            .current_dir(self.ours());
        run(alone(&mut coalmine), "")
    }

    /// It came to this, and said these words.
    fn check(&self, words: &str, code: i32, said: &str) {
        let ran = self.rollout(words);
        assert_eq!(ran.code, code, "{words}: {ran}");
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(all.contains(said), "{words}: {ran}");
    }

    /// What the line with the share says in a commit.
    fn share(&self, folder: &str, commit: &str) -> String {
        let text = self.git_in(folder, &format!("show {commit}:{FILE}"));
        let (before, rest) = text.split_once("shares: {canary: ").unwrap();
        let (share, after) = rest.split_once('}').unwrap();
        // All else is as it was.
        assert_eq!(format!("{before}shares: {{canary: 0%}}{after}"), canary());
        share.to_owned()
    }

    fn ours_has(&self, share: &str) {
        assert_eq!(self.share("ours", "HEAD"), share);
        let there = fs::read_to_string(self.ours().join(FILE)).unwrap();
        assert_eq!(there, self.git(&format!("show HEAD:{FILE}")));
    }

    fn remote_has(&self, share: &str) {
        assert_eq!(self.share("remote.git", "main"), share);
    }

    /// Somebody else pushes another file.
    fn others_push(&self, name: &str) {
        self.git_in(".", &format!("clone --quiet remote.git {name}"));
        fs::write(self.folder.path().join(name).join(name), name).unwrap();
        self.git_in(name, &format!("add {name}"));
        self.git_in(name, &format!("commit --quiet -m 'Add {name}'"));
        self.git_in(name, "push --quiet origin main");
    }
}

/// With nothing of whoever runs the tests.
fn alone(command: &mut Command) -> &mut Command {
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "Ada")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "ada@example.com")))
}

#[test]
fn a_step_is_a_commit_of_one_number() {
    let all = Repositories::new();
    // What others are at stays theirs.
    fs::write(all.ours().join("staged"), "").unwrap();
    all.git("add staged");
    all.check("step --git-push origin", 4, "stepped: step 1 of 3: 1%");
    all.ours_has("1%");
    all.remote_has("1%");
    assert_eq!(all.git("diff --cached --name-only"), "staged\n");
    assert_eq!(all.git("diff --name-only HEAD~ HEAD"), format!("{FILE}\n"));
    let message = all.git("log -1 --format=%B");
    for needed in [
        "Give 1% of bookinfo/reviews to canary\n\nstepped: step 1 of 3: 1%\n",
        "\nRollout-Decision: 2 at 20",
        "\nRollout-Revision: v2\n",
    ] {
        assert!(message.contains(needed), "{message}");
    }
    // It is in force, so there is nothing to do.
    all.check("step --git-push origin", 4, "holding");
    assert_eq!(all.git("rev-list --count HEAD"), "2\n");
    all.check("abort --by ada", 0, "aborted by ada");
    all.ours_has("0%");
    all.remote_has("1%");
    assert!(
        all.git("log -1 --format=%B")
            .contains("\nRollout-Decided-By: ada\n")
    );
}

#[test]
fn a_rollback_needs_no_remote() {
    let all = Repositories::new();
    all.check("step --git-push origin", 4, "step 1 of 3");
    let away = all.folder.path().join("away.git");
    fs::rename(all.remote(), &away).unwrap();
    all.check(
        "promote --git-push origin",
        3,
        "committed, and not pushed: ",
    );
    all.ours_has("100%");
    // Not in force yet, and said each time.
    let ran = all.rollout("step --git-push origin -o json");
    assert_eq!(ran.code, 3, "{ran}");
    assert!(ran.stderr.contains("the next turn tries it again"), "{ran}");
    let status: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(status["since"], serde_json::Value::Null);
    // Nobody is told of what is not so yet.
    let receiver = Receiver::new();
    let notify = format!("--notify http://127.0.0.1:{}", receiver.port);
    all.check(
        &format!("abort --git-push origin --by ada {notify}"),
        3,
        "committed, and not pushed: ",
    );
    assert_eq!(receiver.kinds(), [""; 0]);
    all.ours_has("0%");
    assert_eq!(all.git("rev-list --count HEAD"), "4\n");

    fs::rename(&away, all.remote()).unwrap();
    all.remote_has("1%");
    all.others_push("theirs");
    all.check(&format!("step --git-push origin {notify}"), 1, "aborted");
    assert_eq!(receiver.kinds(), ["aborted"]);
    all.remote_has("0%");
    all.ours_has("0%");
    let names = all.git_in("remote.git", "ls-tree --name-only main");
    assert!(names.contains("theirs"), "{names}");
    assert_eq!(all.git("for-each-ref refs/coalmine"), "");
    assert_eq!(all.git("status --short"), "");
}

/// Whoever was killed between a file and its commit is made up for; what people have changed is theirs.
#[test]
fn changes_that_are_not_committed() {
    let all = Repositories::new();
    let file = all.ours().join(FILE);
    let left_behind = canary().replace("canary: 0%", "canary: 37%");
    fs::write(&file, &left_behind).unwrap();
    all.check("step", 4, "step 1 of 3");
    all.ours_has("1%");
    let theirs = format!("{}# More.\n", fs::read_to_string(&file).unwrap());
    fs::write(&file, &theirs).unwrap();
    all.check("abort --by ada", 3, "has changes that are not committed");
    assert_eq!(fs::read_to_string(&file).unwrap(), theirs);
    assert_eq!(all.git("rev-list --count HEAD"), "2\n");
    all.git(&format!("restore {FILE}"));
    all.check("step", 1, "aborted");
    all.ours_has("0%");
}

#[test]
fn what_a_remote_does_not_want_is_told() {
    let all = Repositories::new();
    let hook = all.remote().join("hooks/pre-receive");
    fs::write(&hook, "#!/bin/sh\necho no shares on fridays >&2; exit 1\n").unwrap();
    let executable = Command::new("chmod").arg("+x").arg(&hook).status();
    assert!(executable.unwrap().success());
    all.check("step --git-push origin", 3, "no shares on fridays");
    fs::remove_file(hook).unwrap();
    all.check("step --git-push origin", 4, "step 1 of 3");
    all.remote_has("1%");

    // Others have changed the same line.
    all.git_in(".", "clone --quiet remote.git theirs");
    let file = all.folder.path().join("theirs").join(FILE);
    fs::write(&file, canary().replace("canary: 0%", "canary: 2%")).unwrap();
    all.git_in("theirs", "commit --quiet --all -m 'Give it 2%'");
    all.git_in("theirs", "push --quiet origin main");
    all.check(
        "abort --git-push origin --by ada",
        3,
        "cannot be put on top of them",
    );
    all.ours_has("0%");
    assert_eq!(all.git("branch --show-current"), "main\n");
    all.remote_has("2%");
    all.git("pull --quiet --rebase --strategy-option theirs origin main");
    all.check("step --git-push origin", 1, "aborted");
    all.remote_has("0%");
}

#[test]
fn a_patch_leaves_the_repository_alone() {
    let all = Repositories::new();
    let step = "step --patch rollout.patch";
    all.check(
        step,
        4,
        "wrote rollout.patch: it is in force when it is committed",
    );
    all.check(step, 4, "wrote rollout.patch");
    all.ours_has("0%");
    assert_eq!(all.git("rev-list --count HEAD"), "1\n");
    all.git("apply --check rollout.patch");
    all.git("am --quiet rollout.patch");
    all.ours_has("1%");
    let message = all.git("log -1 --format='%an %s%n%b'");
    assert!(
        message.starts_with("Ada Give 1% of bookinfo/reviews to canary\n"),
        "{message}"
    );
    assert!(message.contains("Rollout-Revision: v2"), "{message}");
    let ran = all.rollout(step);
    assert_eq!((ran.code, ran.stderr.as_str()), (4, ""), "{ran}");
    assert!(ran.stdout.contains("1% since"), "{ran}");
}

#[test]
fn what_cannot_be_is_refused() {
    let all = Repositories::new();
    all.check(
        "step --git-push nowhere",
        2,
        "--git-push nowhere names no remote",
    );
    all.check("step --revision v3", 2, "cannot be used with");
    all.check("step --patch p --git-push origin", 2, "cannot be used with");
    all.check("step --config x", 2, "cannot be used with");
    // A revision that nobody has committed is nobody's to roll out.
    let file = all.ours().join(FILE);
    fs::write(&file, canary().replace("revision: v2", "revision: v3")).unwrap();
    all.check(
        "step",
        2,
        "draws by bookinfo/reviews@v2, and this rollout by bookinfo/reviews@v3",
    );
    all.git("restore .");
    all.git("switch --quiet --detach");
    all.check("step --git-push origin", 2, "no branch is checked out");
    all.git("switch --quiet main");
    all.git(&format!("rm --quiet --cached {FILE}"));
    all.git("commit --quiet -m 'Take it out'");
    all.check("step", 2, "is in no commit");
    fs::remove_dir_all(all.ours().join(".git")).unwrap();
    all.check("step", 2, "not a git repository");
}

/// The commands of the page, as they are written.
#[test]
fn the_page_is_true() {
    let all = Repositories::new();
    let page = page();
    let lines = blocks(&page, "console").join("");
    let mut codes = Vec::new();
    let program = Path::new(env!("CARGO_BIN_EXE_coalmine"))
        .display()
        .to_string();
    for line in lines.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                &line.replace("coalmine rollout", &format!("{program} rollout")),
            ])
            .env("COALMINE_PROMETHEUS", "http://127.0.0.1:9")
            .current_dir(all.ours());
        codes.push(run(alone(&mut shell), "").code);
    }
    assert_eq!(codes, [4, 0, 4, 0, 4, 0, 4]);
    all.ours_has("1%");
}
