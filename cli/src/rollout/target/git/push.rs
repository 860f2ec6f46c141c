//! Pushes what was committed, over what others have pushed meanwhile.

use super::program::Git;
use crate::outcome::Failure;

/// How often others may be faster.
const ATTEMPTS: usize = 3;

/// The branch of a remote that is pushed to: the one that is checked out.
pub(super) struct Remote<'g> {
    git: &'g Git,
    name: &'g str,
    branch: String,
    /// The reference to what the remote has, as long as it lacks something.
    mark: String,
}

impl<'g> Remote<'g> {
    pub(super) fn new(git: &'g Git, name: &'g str, canary: &str) -> Result<Self, Failure> {
        let branch = git.run(&["symbolic-ref", "--quiet", "--short", "HEAD"]);
        let branch = branch.map_err(|_| {
            Failure::refused(
                "no branch is checked out, so there is none to push to; check one out with `git switch`",
            )
        })?;
        let branch = branch.trim().to_owned();
        let mark = format!("refs/coalmine/{name}/{branch}/{}", canary.replace('/', "_"));
        Ok(Self {
            git,
            name,
            branch,
            mark,
        })
    }

    /// The commit that the remote has, if it lacks something.
    pub(super) fn has(&self) -> Option<String> {
        let found = self
            .git
            .run(&["rev-parse", "--verify", "--quiet", &self.mark]);
        found.ok().map(|commit| commit.trim().to_owned())
    }

    /// From here on the remote lacks something.
    pub(super) fn mark(&self) -> Result<(), Failure> {
        if self.has().is_some() {
            return Ok(());
        }
        self.git
            .run(&["update-ref", &self.mark, "HEAD"])
            .map(drop)
            .map_err(|said| Failure::cannot(format!("cannot write to the repository: {said}")))
    }

    /// Pushes; why not, if it cannot be done now.
    ///
    /// # Errors
    /// The repository itself fails.
    pub(super) fn push(&self) -> Result<Result<(), String>, Failure> {
        let target = format!("HEAD:refs/heads/{}", self.branch);
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            match self.git.run(&["push", "--quiet", self.name, &target]) {
                Ok(_) => {
                    let unmarked = self.git.run(&["update-ref", "-d", &self.mark]);
                    return unmarked.map(|_| Ok(())).map_err(|said| {
                        Failure::cannot(format!("cannot write to the repository: {said}"))
                    });
                }
                Err(why) => said = why,
            }
            // It is away, or somebody has pushed something else, or it does not want this.
            if let Err(why) = self.git.run(&["fetch", "--quiet", self.name, &self.branch]) {
                return Ok(Err(why));
            }
            let known = ["merge-base", "--is-ancestor", "FETCH_HEAD", "HEAD"];
            if self.git.run(&known).is_ok() {
                return Ok(Err(said));
            }
            if let Err(why) = self
                .git
                .run(&["rebase", "--quiet", "--autostash", "FETCH_HEAD"])
            {
                // There is nothing to end if it did not begin.
                let _ = self.git.run(&["rebase", "--abort"]);
                return Ok(Err(format!(
                    "{} has other commits, and these cannot be put on top of them: {why}; do it by hand",
                    self.name
                )));
            }
        }
        Ok(Err(said))
    }
}
