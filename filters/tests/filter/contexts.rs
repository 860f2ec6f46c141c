//! Which configuration a stream has, where a VM has several of both: two plugins share one, and so do
//! a configuration and the one that replaces it while old streams last.

use crate::host::{Header, Vm};
use crate::requests::{canary, count, reviews};

/// A canary whose rule sends everybody to this variant, and counts every response.
fn all_to(variant: &str) -> String {
    canary(&format!(
        r#""rules": [{{"name": "all", "when": {{"path": {{"prefix": "/"}}}}, "route": "{variant}"}}],
           "evidence": {{"rest": true}}"#
    ))
}

fn request() -> Vec<Header<'static>> {
    reviews(&[])
}

const CANARY: &str = "replace x-coalmine-variant: canary";

fn chosen() -> Vec<String> {
    vec![CANARY.to_owned(), count("canary", "rule:all")]
}

fn kept() -> Vec<String> {
    vec![count("stable", "rule:all")]
}

fn counts_a_response(effects: &[String]) -> bool {
    effects
        .iter()
        .any(|effect| effect.contains("coalmine_chosen_responses"))
}

#[test]
fn each_stream_has_the_configuration_that_it_was_created_under() {
    let mut vm = Vm::configured(&all_to("stable"));
    let (first, second) = (vm.root(), vm.add(&all_to("canary")));
    let streams = [first, second, second, first].map(|root| vm.begin(root));
    // Not in the order of their creation.
    for (index, expected) in [(2, chosen()), (0, kept()), (3, kept()), (1, chosen())] {
        assert_eq!(vm.decide(streams[index], &request()), expected, "{index}");
    }
    for stream in streams {
        vm.end(stream);
    }
    vm.end(second);
    let stream = vm.begin(first);
    assert_eq!(vm.decide(stream, &request()), kept());
    vm.end(stream);
}

#[test]
fn what_is_kept_of_streams_is_told_apart() {
    let mut vm = Vm::configured(&all_to("canary"));
    vm.host(|host| host.response.code = 200);
    let streams: Vec<u32> = (0..100).map(|_| vm.begin(vm.root())).collect();
    for stream in &streams {
        vm.decide(*stream, &request());
    }
    // Each is counted once, in whatever order they end; some have headers before, some have none.
    for (index, stream) in streams.iter().enumerate().rev() {
        if index % 3 == 0 {
            assert_eq!(vm.respond(*stream), Vec::<String>::new());
        }
        assert!(counts_a_response(&vm.end(*stream)), "{index}");
        assert_eq!(vm.end(*stream), Vec::<String>::new(), "{index} again");
    }
}

#[test]
fn a_stream_ends_under_the_configuration_that_it_began_under() {
    let mut vm = Vm::configured("");
    vm.host(|host| host.response.code = 200);
    let plugin = vm.add(&all_to("canary"));
    let (asked, silent) = (vm.begin(plugin), vm.begin(plugin));
    vm.decide(asked, &request());
    // The host ends a plugin after its streams, but nothing here rests on it.
    vm.end(plugin);
    assert!(counts_a_response(&vm.end(asked)));
    assert_eq!(vm.decide(silent, &request()), Vec::<String>::new());
    assert_eq!(vm.end(silent), Vec::<String>::new());
}

#[test]
fn streams_without_a_request_and_contexts_that_nobody_knows_do_no_harm() {
    let mut vm = Vm::configured(&all_to("canary"));
    for _ in 0..3 {
        let stream = vm.begin(vm.root());
        assert_eq!(vm.respond(stream), Vec::<String>::new());
        assert_eq!(vm.end(stream), Vec::<String>::new());
    }
    for unknown in [0, 77, u32::MAX] {
        assert_eq!(vm.decide(unknown, &request()), Vec::<String>::new());
        assert_eq!(vm.respond(unknown), Vec::<String>::new());
        assert_eq!(vm.end(unknown), Vec::<String>::new());
    }
    let stream = vm.begin(vm.root());
    assert_eq!(vm.decide(stream, &request()), chosen());
}
