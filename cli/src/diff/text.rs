//! The report for people, with lines to paste.

use super::{DiffArgs, is_standard_input};
use crate::input::counted;
use coalmine_analysis::diff::{CanaryDiff, Change, Diff, Example, Kind, Users};
use shlex::Quoter;

/// How many hosts are shown.
const HOSTS: usize = 3;

pub(super) fn text(args: &DiffArgs, diff: &Diff, objections: &[String]) -> String {
    let mut page = Page {
        text: String::new(),
        file: {
            let new = is_standard_input(&args.new);
            let file = if new { &args.old } else { &args.new };
            file.display().to_string()
        },
    };
    for canary in &diff.canaries {
        page.canary(canary);
    }
    page.text.push_str(&verdict(args, diff, objections));
    page.text
}

fn verdict(args: &DiffArgs, diff: &Diff, objections: &[String]) -> String {
    let mut text = if diff.is_empty() {
        format!(
            "nobody moves ({} compared)\n",
            counted(diff.compared, "canary")
        )
    } else if objections.is_empty() {
        format!(
            "ok: {} of the users of a canary move at most, and {} may\n",
            diff.moved, args.max_moved
        )
    } else {
        format!("no: {}\n", objections.join("; "))
    };
    if !diff.exhaustive {
        text.push_str(
            "the search for pins and rules was bounded: another request may be decided otherwise too\n",
        );
    }
    text
}

struct Page {
    text: String,
    /// The file that lines to paste name.
    file: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn canary(&mut self, canary: &CanaryDiff) {
        let name = match (&canary.old, &canary.new) {
            (Some(old), Some(new)) if old == new => old.clone(),
            (Some(old), Some(new)) => format!("{old}, now {new}"),
            (Some(old), None) => format!("{old}, removed"),
            (None, Some(new)) => format!("{new}, added"),
            (None, None) => String::new(),
        };
        let mut hosts = canary.hosts.iter().take(HOSTS).cloned().collect::<Vec<_>>();
        if canary.hosts.len() > HOSTS {
            hosts.push(format!("{} more", canary.hosts.len() - HOSTS));
        }
        self.line(&format!("canary {name} ({})", hosts.join(", ")));
        for users in &canary.users {
            self.users(users);
        }
        for change in &canary.changes {
            self.change(change);
        }
        for retarget in &canary.retargeted {
            self.line(&format!(
                "  variant {} leads elsewhere: {}, now {}",
                retarget.variant, retarget.from, retarget.to
            ));
        }
        for tokens in &canary.tokens {
            let whose = match (&tokens.key, &tokens.subject) {
                (Some(key), _) => format!("signed with the key {key}"),
                (None, subject) => format!("of {}", subject.as_deref().unwrap_or_default()),
            };
            let count = if tokens.count { "now" } else { "no longer" };
            self.line(&format!("  pins: tokens {whose} count {count}"));
        }
        self.line("");
    }

    fn users(&mut self, users: &Users) {
        let exact = if users.exact {
            "exactly"
        } else {
            "as expected of another draw"
        };
        let at = users.at.map(|at| format!(" at {at}")).unwrap_or_default();
        let brings = users.brings.join(", or ");
        self.line(&format!(
            "  users with {brings}: {} change version{at}, {exact}",
            users.moved
        ));
        for flow in &users.flows {
            self.line(&format!(
                "    {} from {} to {}",
                flow.part, flow.from, flow.to
            ));
            match &flow.example {
                Some(example) => self.example(example),
                None => self.line("      no such user was found among the ids that were tried"),
            }
        }
    }

    fn change(&mut self, change: &Change) {
        let kind = match change.kind {
            Kind::Pins => "pins",
            Kind::Inherited => "inherited",
            Kind::Rules => "rules",
        };
        let part = change
            .part
            .map(|part| format!(", for {part} of such requests"))
            .unwrap_or_default();
        self.line(&format!(
            "  {kind}: {} ({}), now {} ({}){part}",
            change.old.variant, change.old.reason, change.new.variant, change.new.reason
        ));
        self.example(&change.example);
    }

    fn example(&mut self, example: &Example) {
        let mut words = vec![
            "coalmine".to_owned(),
            "explain".to_owned(),
            self.file.clone(),
            "--host".to_owned(),
            example.host.clone(),
        ];
        for (name, value) in example.lines() {
            words.extend([name.to_owned(), value]);
        }
        // Nothing in it has a NUL byte, which alone cannot be quoted.
        let quoter = Quoter::new().allow_nul(true);
        let quoted = quoter
            .join(words.iter().map(String::as_str))
            .unwrap_or_default();
        self.line(&format!("      {quoted}"));
    }
}
