//! gRPC: pins and units in metadata, and what calls are counted as that end in all the ways there are.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use coalmine_integration::runtime;
use futures_util::future::join_all;
use tonic::Code;

use crate::calls::{Answer, Caller, Method, Script, Version};
use crate::counted::{CHOSEN, Counts, GRPC, RESPONSES, add, assert_counts, counts};
use crate::setting::{Setting, read};

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  protocol: grpc
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary}
  shares: {canary: 50%}
  unit: [{header: x-user-id}]
  evidence: {}
";

/// The two versions of the shop, and an Envoy in front of them.
struct Calls {
    setting: Setting,
    caller: Caller,
    versions: [(&'static str, Option<Version>); 2],
}

impl Calls {
    fn start() -> Self {
        let versions = ["stable", "canary"].map(|name| (name, Version::start(name)));
        let mut canaries = read(CANARY);
        for (name, variant) in &mut canaries.canaries[0].spec.variants {
            let of_name = versions.iter().find(|(version, _)| version == name);
            variant.endpoints = vec![of_name.unwrap().1.address.to_string()];
        }
        let setting = Setting::of_endpoints(canaries);
        Self {
            caller: Caller::new(setting.stand.ingress),
            setting,
            versions: versions.map(|(name, version)| (name, Some(version))),
        }
    }

    /// A user of each arm, as an ordinary call finds them, and those calls as they are counted.
    fn users(&self) -> ([(String, &'static str); 2], Counts, Counts) {
        let (mut responses, mut statuses) = (Counts::new(), Counts::new());
        let mut of_arm = [("canary", "canary"), ("control", "stable")].map(|(arm, version)| {
            let mut users = (0..).map(|number| format!("user-{number}"));
            let user = users.find(|user| {
                let metadata = [("x-user-id", user.as_str())];
                let answer = self.caller.call(Method::Unary, &metadata, OK);
                let found = only(&answer);
                let other = if arm == "canary" { "control" } else { "canary" };
                let arm = if found == version { arm } else { other };
                add(&mut responses, arm, "ok");
                add(&mut statuses, arm, 0);
                found == version
            });
            (user.unwrap(), arm)
        });
        of_arm.sort();
        (of_arm, responses, statuses)
    }
}

const OK: Script = Script {
    messages: 1,
    pause: Duration::ZERO,
    end: Some(Code::Ok),
};

/// The only message of a good answer: the name of the version.
fn only(answer: &Answer) -> &str {
    let [message] = answer.messages.as_slice() else {
        panic!("{answer:?}");
    };
    assert_eq!(answer.code, Code::Ok, "{answer:?}");
    message
}

#[test]
fn metadata_pins_and_is_a_unit() {
    let calls = Calls::start();
    let mut chosen = Counts::new();
    let check = |metadata: &[(&'static str, &str)], expected: &str| {
        for method in [Method::Unary, Method::Stream] {
            let answer = calls.caller.call(method, metadata, OK);
            assert_eq!(only(&answer), expected, "{metadata:?}");
        }
    };
    for user in 0..8 {
        let user = format!("user-{user}");
        check(&[("x-canary", "canary"), ("x-user-id", &user)], "canary");
        for _ in 0..2 {
            add(&mut chosen, "canary", "ok");
        }
        check(&[("x-canary", "never"), ("x-user-id", &user)], "stable");
        check(&[("x-canary", "stable"), ("x-user-id", &user)], "stable");
    }
    // A pin that fails is the version's failure all the same, and nobody's evidence.
    let pinned = [("x-canary", "canary")];
    let fails = Script::new(0, Code::Internal);
    let answer = calls.caller.call(Method::Unary, &pinned, fails);
    assert_eq!(
        (answer.code, answer.message.as_str()),
        (Code::Internal, "canary")
    );
    add(&mut chosen, "canary", "5xx");
    // What a client writes into the variant header counts for nothing, in metadata as elsewhere.
    check(&[("x-coalmine-variant", "canary")], "stable");
    assert_counts(&calls.setting.stand, CHOSEN, &chosen);
    assert_eq!(counts(&calls.setting.stand, RESPONSES), Counts::new());

    // Many users on one connection at once, again and again: each is decided by itself.
    let users: Vec<String> = (0..100).map(|user| format!("user-{user}")).collect();
    let ask_all = || {
        let calls = users.iter().map(|user| async {
            let metadata = [("x-user-id", user.as_str())];
            let answer = calls.caller.called(Method::Unary, &metadata, OK).await;
            only(&answer).to_owned()
        });
        runtime::block_on(join_all(calls))
    };
    let first = ask_all();
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 2);
    for _ in 0..4 {
        assert_eq!(ask_all(), first);
    }
    let (mut responses, mut statuses) = (Counts::new(), Counts::new());
    for version in first.iter().cycle().take(500) {
        let arm = if version == "canary" {
            "canary"
        } else {
            "control"
        };
        add(&mut responses, arm, "ok");
        add(&mut statuses, arm, 0);
    }
    assert_counts(&calls.setting.stand, RESPONSES, &responses);
    assert_counts(&calls.setting.stand, GRPC, &statuses);
    calls.setting.end_without_problems();
}

#[test]
fn every_end_of_a_call_is_counted_in_its_class() {
    let mut calls = Calls::start();
    let (users, mut responses, mut statuses) = calls.users();
    let ends = [
        (Method::Unary, Script::new(1, Code::Ok), "ok"),
        (Method::Stream, Script::new(3, Code::Ok), "ok"),
        (Method::Stream, Script::new(0, Code::Ok), "ok"),
        // Nothing but trailers.
        (Method::Unary, Script::new(0, Code::NotFound), "4xx"),
        (
            Method::Unary,
            Script::new(0, Code::ResourceExhausted),
            "4xx",
        ),
        (Method::Unary, Script::new(0, Code::Cancelled), "4xx"),
        (Method::Unary, Script::new(0, Code::Unknown), "5xx"),
        (Method::Unary, Script::new(0, Code::DeadlineExceeded), "5xx"),
        (Method::Unary, Script::new(0, Code::Internal), "5xx"),
        (Method::Unary, Script::new(0, Code::Unavailable), "5xx"),
        // Trailers behind messages, which only then say that it failed.
        (Method::Stream, Script::new(3, Code::Aborted), "4xx"),
        (Method::Stream, Script::new(3, Code::DataLoss), "5xx"),
        (Method::Stream, Script::new(1, Code::Internal), "5xx"),
        (Method::Unknown, Script::new(0, Code::Unimplemented), "5xx"),
    ];
    for (method, script, class) in ends {
        for (user, arm) in &users {
            let metadata = [("x-user-id", user.as_str())];
            let answer = calls.caller.call(method, &metadata, script);
            let code = script.end.unwrap();
            assert_eq!(answer.code, code, "{answer:?}");
            assert_eq!(answer.messages.len(), script.messages as usize);
            add(&mut responses, arm, class);
            add(&mut statuses, arm, i32::from(code));
        }
    }
    let stand = &calls.setting.stand;
    let users = users
        .each_ref()
        .map(|(user, arm)| ([("x-user-id", user.as_str())], *arm));
    // The client's deadline passes before there are headers, and it leaves in the middle of a stream.
    let impatient = Caller::impatient(stand.ingress, Duration::from_millis(100));
    for (metadata, arm) in &users {
        let answer = impatient.call(Method::Unary, metadata, Script::endless(0));
        assert_eq!(answer.messages.len(), 0, "{answer:?}");
        add(&mut responses, arm, "cancelled");
        let (messages, stream) = calls.caller.begin(metadata, Script::endless(2));
        assert_eq!(messages.len(), 2);
        drop(stream);
        add(&mut responses, arm, "cancelled");
    }
    assert_counts(stand, RESPONSES, &responses);
    assert_counts(stand, GRPC, &statuses);

    // The version is gone in the middle of a stream; then nobody listens, and Envoy says UNAVAILABLE.
    for (metadata, arm) in &users {
        let (messages, mut stream) = calls.caller.begin(metadata, Script::endless(2));
        assert_eq!(messages.len(), 2);
        let of_arm = |version: &str| messages.iter().all(|message| message == version);
        let gone = calls.versions.iter_mut().find(|(name, _)| of_arm(name));
        drop(gone.unwrap().1.take());
        let end = runtime::block_on(stream.message());
        assert!(end.is_err(), "{end:?}");
        add(&mut responses, arm, "reset");
        let answer = calls.caller.call(Method::Unary, metadata, OK);
        assert_eq!(answer.code, Code::Unavailable, "{answer:?}");
        add(&mut responses, arm, "reset");
        add(&mut statuses, arm, i32::from(Code::Unavailable));
    }
    assert_counts(stand, RESPONSES, &responses);
    assert_counts(stand, GRPC, &statuses);
    calls.setting.end_without_problems();
}

#[test]
fn a_stream_lasts_longer_than_envoys_usual_limit() {
    let calls = Calls::start();
    // Envoy gives an answer 15 s if it is not told otherwise.
    let script = Script {
        messages: 5,
        pause: Duration::from_secs(4),
        end: Some(Code::Ok),
    };
    let begun = Instant::now();
    let user = [("x-user-id", "user-1")];
    let answer = calls.caller.call(Method::Stream, &user, script);
    assert_eq!((answer.messages.len(), answer.code), (5, Code::Ok));
    assert!(begun.elapsed() > Duration::from_secs(15));
    calls.setting.end_without_problems();
}
