//! How long the host knows the question by which it is asked how a response ended.

use crate::evidence::{CONFIG, counted, ok, user, vm};
use crate::host::Vm;

/// An expression of Envoy's is made known once for a configuration, if at all, and forgotten with it.
#[test]
fn a_question_lasts_as_long_as_its_configuration() {
    let mut vm = vm(false);
    let (user, _) = user(0..200_000);
    let mut check = |headers: &[(&str, &str)], made, known| {
        for _ in 0..3 {
            counted(&mut vm, headers, ok(), 12);
        }
        let found = vm.host(|host| (host.expressions_made, host.expressions.len()));
        assert_eq!(found, (made, known), "{headers:?}");
        vm.host(|host| host.expressions_made = 0);
        let again = CONFIG.replace("EVIDENCE", "{}");
        assert!(vm.configure(again));
        assert!(vm.host(|host| host.expressions.is_empty()));
    };
    check(&[], 0, 0);
    check(&[("x-user-id", &user)], 1, 1);
    check(&[("x-user-id", &user)], 1, 1);
}

/// A plugin that ends forgets it, or the last of its streams does.
#[test]
fn a_question_is_forgotten_with_the_last_that_may_ask_it() {
    let mut vm = vm(false);
    let (user, _) = user(0..200_000);
    let headers: [(&[u8], &[u8]); 2] = [(b":authority", b"shop"), (b"x-user-id", user.as_bytes())];
    vm.host(|host| host.response = ok());
    let begun = |vm: &mut Vm, root| {
        let stream = vm.begin(root);
        vm.decide(stream, &headers);
        vm.respond(stream);
        stream
    };
    let known = |vm: &Vm| vm.host(|host| host.expressions.len());
    for outlived in [false, true] {
        let root = vm.add(&CONFIG.replace("EVIDENCE", "{}"));
        let asked = begun(&mut vm, root);
        vm.end(asked);
        assert_eq!(known(&vm), 1);
        let last = outlived.then(|| begun(&mut vm, root));
        vm.end(root);
        assert_eq!(known(&vm), usize::from(outlived));
        if let Some(last) = last {
            assert!(
                vm.end(last)
                    .iter()
                    .any(|effect| effect.contains("class=.=ok"))
            );
        }
        assert_eq!(known(&vm), 0);
    }
}
