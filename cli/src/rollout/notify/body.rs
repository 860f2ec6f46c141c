//! A decision as what is posted: a CloudEvent 1.0 in structured mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>), or a
//! message as Slack's incoming webhooks take it, and those of Mattermost, Rocket.Chat, Google Chat, and
//! Discord with `/slack`.

use coalmine_rollout::journal::{Entry, Kind, rate};
use serde::Serialize;
use std::fmt::Write;

/// What a receiver understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// CloudEvents 1.0.
    CloudEvent,
    /// `{"text": "..."}`.
    Slack,
}

/// Attributes are ordered as the specification has them.
#[derive(Serialize)]
struct CloudEvent<'e> {
    specversion: &'static str,
    /// With `source` the same for a decision, however often it is sent.
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'e str>,
    time: String,
    datacontenttype: &'static str,
    data: &'e Entry,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

impl Form {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::CloudEvent => "application/cloudevents+json; charset=utf-8",
            Self::Slack => "application/json; charset=utf-8",
        }
    }

    pub(super) fn body(self, entry: &Entry) -> String {
        let body = match self {
            Self::CloudEvent => serde_json::to_string(&event(entry)),
            Self::Slack => serde_json::to_string(&Message { text: text(entry) }),
        };
        // Strings and numbers: there is nothing that JSON cannot say.
        body.unwrap_or_default()
    }
}

fn event(entry: &Entry) -> CloudEvent<'_> {
    CloudEvent {
        specversion: "1.0",
        // Where a state was lost, numbers begin again.
        id: format!("{}-{}", entry.number, entry.at.unix_millis()),
        source: format!("/coalmine/rollouts/{}", entry.canary),
        kind: format!("dev.coalmine.rollout.{}", entry.kind.name()),
        subject: entry.revision.as_deref().filter(|name| !name.is_empty()),
        time: entry.at.to_string(),
        datacontenttype: "application/json",
        data: entry,
    }
}

/// A message for a chat: what, why, and the numbers.
fn text(entry: &Entry) -> String {
    let mut text = format!("{}*{}*", sign(entry.kind), escaped(&entry.canary));
    let mut say = |words: std::fmt::Arguments<'_>| {
        let _ = text.write_fmt(words);
    };
    if let Some(revision) = &entry.revision {
        say(format_args!(" {}", escaped(revision)));
    }
    let (kind, message) = (entry.kind.name(), escaped(&entry.message));
    say(format_args!(" {kind}: {message}"));
    if let Some(by) = &entry.by {
        say(format_args!(" (by {})", escaped(by)));
    }
    say(format_args!("\nshare now: {}", entry.share));
    for finding in &entry.findings {
        let (canary, control) = (rate(finding.canary), rate(finding.control));
        let check = escaped(&finding.check);
        say(format_args!("\n{check}: {canary}, control {control}"));
    }
    text
}

/// What can be seen from afar. In Unicode, since only Slack reads names of emoji.
fn sign(kind: Kind) -> &'static str {
    match kind {
        Kind::Promoted => "\u{2705} ",
        Kind::RolledBack | Kind::Aborted | Kind::Refused => "\u{1f534} ",
        Kind::Waiting | Kind::Alerted | Kind::Drifted => "\u{26a0}\u{fe0f} ",
        Kind::Began
        | Kind::Stepped
        | Kind::Approved
        | Kind::Paused
        | Kind::Resumed
        | Kind::Superseded
        | Kind::Retried
        | Kind::Replanned => "",
    }
}

/// The three characters by which a message would become more than text.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use coalmine::Timestamp;
    use coalmine::bucket::Share;
    use coalmine_rollout::journal::Finding;
    use serde_json::{Value, json};

    fn entry(kind: Kind) -> Entry {
        Entry {
            canary: "bookinfo/reviews".to_owned(),
            number: 7,
            at: Timestamp::from_unix_millis(1_795_000_000_250),
            kind,
            revision: Some("v2.<!channel>".to_owned()),
            share: Share::NONE,
            message: "errors & more".to_owned(),
            by: None,
            findings: vec![Finding {
                check: "slower than 250ms".to_owned(),
                canary: [1000, 41],
                control: [900, 0],
                look: None,
            }],
        }
    }

    #[test]
    fn a_message_says_what_and_why_and_calls_nobody() {
        let check = |entry: &Entry, expected: &str| {
            let body: Value = serde_json::from_str(&Form::Slack.body(entry)).unwrap();
            assert_eq!(body, json!({ "text": expected }));
        };
        check(
            &entry(Kind::RolledBack),
            "\u{1f534} *bookinfo/reviews* v2.&lt;!channel&gt; rolled-back: errors &amp; more\n\
             share now: 0%\n\
             slower than 250ms: 4.10% of 1000, control 0.00% of 900",
        );
        let aborted = Entry {
            by: Some("ada".to_owned()),
            revision: None,
            findings: Vec::new(),
            ..entry(Kind::Aborted)
        };
        check(
            &aborted,
            "\u{1f534} *bookinfo/reviews* aborted: errors &amp; more (by ada)\nshare now: 0%",
        );
    }

    /// As the specification's own schema has it, and with the journal's entry as its data.
    #[test]
    fn an_event_is_one_by_the_specification() {
        let schema = include_str!("../../../tests/data/cloudevents.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let check = |entry: &Entry, subject: Option<&str>| {
            let event: Value = serde_json::from_str(&Form::CloudEvent.body(entry)).unwrap();
            let wrong: Vec<String> = validator
                .iter_errors(&event)
                .map(|e| e.to_string())
                .collect();
            assert!(wrong.is_empty(), "{wrong:?}: {event}");
            assert_eq!(event["specversion"], "1.0");
            assert_eq!(event["type"], "dev.coalmine.rollout.rolled-back");
            assert_eq!(event["source"], "/coalmine/rollouts/bookinfo/reviews");
            assert_eq!(event["id"], "7-1795000000250");
            assert_eq!(event.get("subject").and_then(Value::as_str), subject);
            let data: Entry = serde_json::from_value(event["data"].clone()).unwrap();
            assert_eq!(data, *entry);
            let mut broken = event.clone();
            broken["time"] = json!("yesterday");
            assert!(!validator.is_valid(&broken));
        };
        let whole = entry(Kind::RolledBack);
        check(&whole, Some("v2.<!channel>"));
        // An attribute may not be empty.
        for revision in [None, Some(String::new())] {
            let entry = Entry {
                revision,
                ..whole.clone()
            };
            check(&entry, None);
        }
    }
}
