//! Processes by their number and by when they began, from `/proc`: a number comes again, both together
//! do not.

use std::collections::HashMap;
use std::fs;

use serde::{Deserialize, Serialize};

/// A process that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it began, in ticks since the machine did.
    pub started: u64,
    /// The name of its program, of which the system keeps 15 bytes.
    pub name: String,
}

/// What the system says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    process: Process,
    parent: i32,
    /// Whether it has ended, and only waits to be collected.
    ended: bool,
}

impl Process {
    /// The process of this number, if there is one that has not ended.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let stat = stat(pid)?;
        (!stat.ended).then_some(stat.process)
    }

    /// Whether it has not ended yet.
    #[must_use]
    pub fn is_there(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.started == self.started)
    }
}

/// What a process has started, and what those have, as far as their parents still live.
#[must_use]
pub fn started_by(pid: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let number = entry.file_name().to_string_lossy().parse().ok();
        if let Some(stat) = number.and_then(stat).filter(|stat| !stat.ended) {
            children.entry(stat.parent).or_default().push(stat.process);
        }
    }
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            parents.push(child.pid);
            found.push(child);
        }
    }
    found
}

fn stat(pid: i32) -> Option<Stat> {
    parsed(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `7 (name) S 1 ...`: the name may have blanks and parentheses, and nothing behind it does.
fn parsed(line: &str) -> Option<Stat> {
    let (front, rest) = line.rsplit_once(')')?;
    let (pid, name) = front.split_once(" (")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Stat {
        process: Process {
            pid: pid.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
            name: name.to_owned(),
        },
        parent: fields.get(1)?.parse().ok()?,
        ended: matches!(*fields.first()?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use anyhow::ensure;
    use coalmine_integration::service::eventually;

    #[test]
    fn what_the_system_says_is_read() {
        let rest = "1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
        let check = |line: String, expected: Option<(i32, &str, bool)>| {
            let stat = parsed(&line);
            let found = stat.as_ref().map(|stat| {
                assert_eq!((stat.parent, stat.process.started), (1, 4711));
                (stat.process.pid, stat.process.name.as_str(), stat.ended)
            });
            assert_eq!(found, expected, "{line}");
        };
        check(format!("7 (envoy) S {rest}"), Some((7, "envoy", false)));
        check(
            format!("7 (a) (b) c) Z {rest}"),
            Some((7, "a) (b) c", true)),
        );
        check("7 (envoy) S 1".to_owned(), None);
        check(String::new(), None);
    }

    #[test]
    fn children_and_theirs_are_found_until_they_end() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 600 & wait"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = i32::try_from(shell.id()).unwrap();
        let within = Duration::from_secs(5);
        let sleep = eventually("a grandchild", within, || {
            let ours = started_by(i32::try_from(std::process::id())?);
            ensure!(ours.iter().any(|one| one.pid == pid));
            let mut found = started_by(pid);
            ensure!(found.len() == 1 && found[0].name == "sleep", "{found:?}");
            Ok(found.remove(0))
        })
        .unwrap();
        assert!(sleep.is_there());
        let other = Process {
            started: sleep.started + 1,
            ..sleep.clone()
        };
        assert!(!other.is_there());
        let end = |pid| {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        };
        end(sleep.pid);
        eventually("its end", within, || {
            ensure!(!sleep.is_there());
            Ok(())
        })
        .unwrap();
        // Nobody has collected it yet.
        let seen = Process::of(pid);
        shell.wait().unwrap();
        assert!(seen.is_none_or(|seen| !seen.is_there()));
    }
}
