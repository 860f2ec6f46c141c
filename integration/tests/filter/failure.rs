//! What happens to requests when the filter cannot run, under each failure policy.
//!
//! `docs/envoy.md` tells it to users.

use std::path::Path;

use coalmine_integration::client::Request;
use coalmine_integration::discovery::Verdict;
use coalmine_integration::{stand, workspace};
use coalmine_manifests::File;
use coalmine_manifests::envoy::{self as target, FailurePolicy, Options};
use coalmine_manifests::kubernetes::Provenance;

use crate::setting::{Setting, read, shop, variant};

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary}
";

/// A config that the filter refuses.
const REFUSED: &str = r#"{"kind": "Plugin", "canaries": 5}"#;

const POLICIES: [FailurePolicy; 3] = [
    FailurePolicy::Open,
    FailurePolicy::Reload,
    FailurePolicy::Closed,
];

/// The watched file in a list of rendered ones.
fn watched(files: &mut [File]) -> &mut File {
    let mut files = files.iter_mut();
    files.find(|file| file.name == target::PLUGIN).unwrap()
}

/// Who serves a plain request, one that is pinned, and one with a forged decision, whichever worker
/// gets them.
fn served(setting: &Setting) -> [String; 3] {
    let client = setting.client();
    let requests = [
        shop(),
        shop().header("x-canary", "canary"),
        shop().header("x-coalmine-variant", "canary"),
    ];
    requests.map(|request: Request| {
        let answers = client.send_on_each(8, &request).unwrap();
        let served: Vec<&str> = answers.iter().map(variant).collect();
        assert!(
            served.windows(2).all(|pair| pair[0] == pair[1]),
            "{served:?}"
        );
        served[0].to_owned()
    })
}

const DECIDED: [&str; 3] = ["stable", "canary", "stable"];
/// Nobody looks at pins, and what a client writes into the variant header is believed.
const NOT_DECIDED: [&str; 3] = ["stable", "stable", "canary"];

#[test]
fn a_first_config_that_is_refused_is_a_filter_without_canaries() {
    for policy in POLICIES {
        let setting = Setting::with(
            read(CANARY),
            |options| options.failure_policy = policy,
            |files, options| *watched(files) = target::filter_resource(REFUSED, options).unwrap(),
        );
        let problems = setting.stand.envoy.problems().join("\n");
        for words in [
            "wasm log coalmine: canaries: this is a number, not a list",
            "Filesystem config update rejected",
        ] {
            assert!(problems.contains(words), "no {words:?} in\n{problems}");
        }
        assert_eq!(served(&setting), NOT_DECIDED, "{policy:?}");
        // The next good one takes effect without a restart.
        let verdict = setting.stand.apply(&setting.canaries).unwrap();
        assert!(matches!(verdict, Verdict::Applied { .. }), "{verdict:?}");
        assert_eq!(served(&setting), DECIDED, "{policy:?}");
        setting.stand.envoy.stop().unwrap();
    }
}

/// A module in the folder of the options, or, if its path is absolute, where it is.
fn in_folder(options: &Options, module: &str) -> String {
    Path::new(&options.folder)
        .join(module)
        .display()
        .to_string()
}

/// The module as it was before `cargo xtask module` finished it.
fn linked() -> String {
    let path = workspace::linked_module_path();
    assert!(path.is_file(), "run `cargo xtask module`");
    path.display().to_string()
}

#[test]
fn without_a_good_module_envoy_does_not_start() {
    let check = |module: &str, policy: FailurePolicy, expected: &str| {
        let started = Setting::try_with(
            read(CANARY),
            |options| {
                options.failure_policy = policy;
                options.module = in_folder(options, module);
            },
            |files, _| {
                files.push(File {
                    name: "truncated.wasm".to_owned(),
                    contents: "\0asm\u{1}\0".to_owned(),
                });
            },
        );
        let problem = format!("{:#}", started.err().expect("no start"));
        assert!(problem.contains(expected), "{policy:?}: {problem}");
        assert!(problem.contains("ended before it was ready"), "{problem}");
    };
    for policy in POLICIES {
        check("none.wasm", policy, "Invalid path");
        check(
            "truncated.wasm",
            policy,
            "Unable to create Wasm plugin coalmine",
        );
        check(&linked(), policy, "this module is as it was linked");
    }
}

#[test]
fn a_module_that_is_bad_later_changes_nothing() {
    for policy in POLICIES {
        let setting = Setting::with(
            read(CANARY),
            |options| options.failure_policy = policy,
            |_, _| (),
        );
        for module in ["none.wasm", "envoy.yaml", &linked()] {
            let mut options = setting.stand.options().clone();
            options.module = in_folder(&options, module);
            let file = target::plugin_resource(&setting.canaries, &Provenance::default(), &options)
                .unwrap();
            let verdict = setting.stand.replace(&file).unwrap();
            assert!(
                matches!(verdict, Verdict::Refused { .. }),
                "{module}: {verdict:?}"
            );
            assert_eq!(served(&setting), DECIDED, "{policy:?} {module}");
        }
        setting.stand.envoy.stop().unwrap();
    }
}

/// A module that traps at every request, as a defect of ours would: its four functions, of the types
/// `()`, `(i32) -> i32`, `(i32, i32)` and `(i32, i32, i32) -> i32`, do nothing, give the address 16,
/// do nothing, and hit `unreachable`.
fn module_that_traps() -> String {
    let section = |id: char, items: &[String]| {
        let content = format!("{}{}", sized(items.len()), items.concat());
        format!("{id}{}{content}", sized(content.len()))
    };
    let export =
        |name: &str, kind: char, index: char| format!("{}{name}{kind}{index}", sized(name.len()));
    let body = |code: &str| format!("{}\0{code}\u{b}", sized(code.len() + 2));
    [
        "\0asm\u{1}\0\0\0".to_owned(),
        section(
            '\u{1}',
            &[
                "`\0\0",
                "`\u{1}\u{7f}\u{1}\u{7f}",
                "`\u{2}\u{7f}\u{7f}\0",
                "`\u{3}\u{7f}\u{7f}\u{7f}\u{1}\u{7f}",
            ]
            .map(str::to_owned),
        ),
        section(
            '\u{3}',
            &["\0", "\u{1}", "\u{2}", "\u{3}"].map(str::to_owned),
        ),
        section('\u{5}', &["\0\u{1}".to_owned()]),
        section(
            '\u{7}',
            &[
                export("memory", '\u{2}', '\0'),
                export("proxy_abi_version_0_2_1", '\0', '\0'),
                export("proxy_on_memory_allocate", '\0', '\u{1}'),
                export("proxy_on_context_create", '\0', '\u{2}'),
                export("proxy_on_request_headers", '\0', '\u{3}'),
            ],
        ),
        section('\n', &["", "A\u{10}", "", "\0"].map(body)),
    ]
    .concat()
}

/// A length under 128, which is one byte in WebAssembly.
fn sized(length: usize) -> char {
    char::from(u8::try_from(length).unwrap())
}

#[test]
fn after_a_trap_requests_pass_or_fail_as_the_policy_says_until_another_module_comes() {
    let check = |policy: FailurePolicy, first: u16, then: u16| {
        let setting = Setting::with(
            read(CANARY),
            |options| {
                options.failure_policy = policy;
                options.module = format!("{}/traps.wasm", options.folder);
            },
            |files, _| {
                files.push(File {
                    name: "traps.wasm".to_owned(),
                    contents: module_that_traps(),
                });
            },
        );
        // One connection is one worker.
        let client = setting.client();
        let statuses: Vec<u16> = (0..5)
            .map(|_| client.send(&shop()).unwrap().status.as_u16())
            .collect();
        assert_eq!(statuses, [first, then, then, then, then], "{policy:?}");

        let mut options = setting.stand.options().clone();
        options.module = stand::options("".as_ref()).module;
        let file =
            target::plugin_resource(&setting.canaries, &Provenance::default(), &options).unwrap();
        let verdict = setting.stand.replace(&file).unwrap();
        assert!(matches!(verdict, Verdict::Applied { .. }), "{verdict:?}");
        assert_eq!(served(&setting), DECIDED, "{policy:?}");
        setting.stand.envoy.stop().unwrap();
    };
    check(FailurePolicy::Open, 503, 200);
    check(FailurePolicy::Reload, 503, 503);
    check(FailurePolicy::Closed, 503, 503);
}
