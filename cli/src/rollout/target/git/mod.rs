//! The source file in a Git repository: the share in its text is what a rollout changes, in a commit
//! or a patch, and whatever renders and applies the file does the rest.
//!
//! A commit that is to be pushed is marked before it is made, by a reference to what the remote has. As
//! long as the mark is there what the remote has is what is in force, so a push that failed, or a
//! process that died before it, is made up for by the next turn.
//!
//! | file | what |
//! |---|---|
//! | `program` | runs `git` |
//! | `message` | what a commit says |
//! | `push` | to the remote, and over what others have pushed |

mod message;
mod program;
mod push;

use super::{Shared, Written};
use crate::outcome::Failure;
use crate::replace::replace;
use crate::rollout::UNDERWAY;
use coalmine::bucket::Share;
use coalmine::diagnostic::any_error;
use coalmine::yaml::{self, Source};
use coalmine_manifests::into::with_share;
use coalmine_rollout::config::InForce;
use coalmine_rollout::machine::State;
use coalmine_rollout::plan::Plan;
use message::Message;
use program::Git;
use push::Remote;
use similar::TextDiff;
use std::fs;
use std::path::{Path, PathBuf};

/// What happens with a change.
pub(in crate::rollout) enum Way {
    /// It is committed, and pushed if there is a remote.
    Commit {
        /// Its name.
        push: Option<String>,
    },
    /// It is written as a patch, for somebody else to apply.
    Patch(PathBuf),
}

/// A file in a repository.
pub(in crate::rollout) struct Repository {
    file: PathBuf,
    /// Its name in its folder, as Git takes it.
    name: String,
    git: Git,
    way: Way,
    /// Whether nothing is begun with a file that draws by another salt: its revision is not committed.
    strict: bool,
}

impl Repository {
    /// The repository that a file is in. What people say is about the rollout that there is, whatever
    /// the file says by now, so then it is not `strict`.
    pub(in crate::rollout) fn of(file: &Path, way: Way, strict: bool) -> Result<Self, Failure> {
        let file = fs::canonicalize(file).map_err(|error| {
            Failure::cannot(format!(
                "cannot read {}: {error}; name the file of the canary with --git",
                file.display()
            ))
        })?;
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(Failure::refused(format!("{} is no file", file.display())));
        };
        let name = format!("./{}", name.to_string_lossy());
        let git = Git::new(folder)?;
        if let Way::Commit { push: Some(remote) } = &way {
            git.run(&["remote", "get-url", remote]).map_err(|said| {
                Failure::refused(format!("--git-push {remote} names no remote: {said}"))
            })?;
        }
        Ok(Self {
            file,
            name,
            git,
            way,
            strict,
        })
    }

    /// The file's text in a commit.
    fn text_in(&self, commit: &str) -> Result<String, Failure> {
        let object = format!("{commit}:{}", self.name);
        self.git.run(&["show", &object]).map_err(|said| {
            Failure::refused(format!(
                "{} is in no commit: {said}; commit it first",
                self.file.display()
            ))
        })
    }

    /// What the file says in this text of it.
    fn says(&self, text: String, plan: &Plan) -> Result<InForce, Failure> {
        let name = self.file.display().to_string();
        let source = Source { name, text };
        let (canaries, found) = yaml::read(std::slice::from_ref(&source));
        if any_error(&found) {
            return Err(Failure::diagnosed(&found, &[source]));
        }
        let mut all = canaries.canaries.iter();
        let canary = all.find(|canary| canary.full_name() == plan.canary);
        let canary = canary.ok_or_else(|| {
            Failure::refused(format!(
                "canary {} is not in {} as it was committed; name the file that has it with --git",
                plan.canary, source.name
            ))
        })?;
        let mut shares = canary.spec.shares.iter();
        let share = shares.find(|(name, _)| *name == plan.variant);
        Ok(InForce {
            share: share.map_or(Share::NONE, |(_, share)| *share),
            salt: canary.salt(),
        })
    }

    /// The revision is in the file, and nobody but people writes it there.
    fn draws_otherwise(&self, salt: &str, plan: &Plan) -> Failure {
        Failure::refused(format!(
            "{} as it was committed draws by {salt}, and this rollout by {}; commit the revision, or begin again with the one that is committed",
            self.file.display(),
            plan.salt
        ))
    }

    fn with_share(&self, text: &str, plan: &Plan, share: Share) -> Result<String, Failure> {
        with_share(text, &plan.canary, &plan.variant, share).map_err(|found| {
            let name = self.file.display().to_string();
            let text = text.to_owned();
            Failure::diagnosed(&[*found], &[Source { name, text }])
        })
    }

    fn remote<'r>(&'r self, plan: &Plan, push: &'r str) -> Result<Remote<'r>, Failure> {
        Remote::new(&self.git, push, &plan.canary)
    }

    /// Commits the text, unless it is there already.
    fn commit(&self, head: &str, edited: &str, message: &Message) -> Result<(), Failure> {
        replace(&self.file, edited).map_err(|error| {
            Failure::cannot(format!("cannot write {}: {error}", self.file.display()))
        })?;
        if edited == head {
            return Ok(());
        }
        let arguments = ["commit", "--quiet", "--file", "-", "--", &self.name];
        let committed = self.git.run_with(&arguments, &message.text());
        committed.map(drop).map_err(|said| {
            Failure::cannot(format!(
                "{} is changed and not committed: {said}",
                self.file.display()
            ))
        })
    }

    /// Writes a patch that `git apply` and `git am` take.
    fn patch(
        &self,
        path: &Path,
        [head, edited]: [&str; 2],
        message: &Message,
    ) -> Result<Failure, Failure> {
        let git = |arguments: &[&str]| {
            let ran = self.git.run(arguments);
            ran.map_err(|said| Failure::cannot(format!("git fails: {said}")))
        };
        let author = git(&["var", "GIT_AUTHOR_IDENT"])?;
        let prefix = git(&["rev-parse", "--show-prefix"])?;
        let name = self.name.trim_start_matches("./");
        let name = format!("{}{name}", prefix.trim_end());
        let diff = TextDiff::from_lines(head, edited)
            .unified_diff()
            .header(&format!("a/{name}"), &format!("b/{name}"))
            .to_string();
        let text = format!(
            "{}---\n\ndiff --git a/{name} b/{name}\n{diff}",
            message.mail(&author)
        );
        replace(path, text).map_err(|error| {
            Failure::cannot(format!("cannot write {}: {error}", path.display()))
        })?;
        Ok(Failure {
            message: format!(
                "wrote {}: it is in force when it is committed, as with `git am`",
                path.display()
            ),
            found: Vec::new(),
            code: UNDERWAY,
        })
    }
}

impl Shared for Repository {
    fn found(&self, plan: &Plan) -> Result<InForce, Failure> {
        let waiting = match &self.way {
            Way::Commit { push: Some(push) } => self.remote(plan, push)?.has(),
            _ => None,
        };
        let text = self.text_in(waiting.as_deref().unwrap_or("HEAD"))?;
        let found = self.says(text, plan)?;
        match self.strict && found.salt != plan.salt {
            true => Err(self.draws_otherwise(&found.salt, plan)),
            false => Ok(found),
        }
    }

    fn apply(&self, plan: &Plan, wanted: &InForce, state: &State) -> Result<Written, Failure> {
        let head = self.text_in("HEAD")?;
        let salt = self.says(head.clone(), plan)?.salt;
        // Nobody is drawn by a salt that gives nothing.
        if salt != wanted.salt && wanted.share != Share::NONE {
            return Err(self.draws_otherwise(&salt, plan));
        }
        let edited = self.with_share(&head, plan, wanted.share)?;
        let message = Message::of(plan, wanted, state);
        let push = match &self.way {
            Way::Commit { push } => push,
            Way::Patch(path) => {
                return self
                    .patch(path, [&head, &edited], &message)
                    .map(Written::Pending);
            }
        };
        let there = fs::read_to_string(&self.file).map_err(|error| {
            Failure::cannot(format!("cannot read {}: {error}", self.file.display()))
        })?;
        // Whoever died before a commit has left another share there, and that is no change of others.
        if there != head && self.with_share(&there, plan, wanted.share)? != edited {
            return Err(Failure::cannot(format!(
                "{} has changes that are not committed; commit them, or undo them with `git restore`",
                self.file.display()
            )));
        }
        let Some(push) = push else {
            self.commit(&head, &edited, &message)?;
            return Ok(Written::Done);
        };
        let remote = self.remote(plan, push)?;
        remote.mark()?;
        self.commit(&head, &edited, &message)?;
        Ok(match remote.push()? {
            Ok(()) => Written::Done,
            Err(why) => Written::Pending(Failure::cannot(format!(
                "committed, and not pushed: {why}; the next turn tries it again"
            ))),
        })
    }
}
