//! What is kept between turns.

use coalmine_rollout::machine::State;

#[test]
fn states_of_others_are_refused() {
    let refused = |text: &str, why: &str| {
        let error = State::read(text).unwrap_err();
        assert!(error.contains(why), "{error}");
    };
    refused("", "is not the state of a rollout");
    refused(
        "{\"version\":2}",
        "is of version 2, and this is for version 1",
    );
    refused("{\"version\":1}", "is damaged");
}

/// Addresses that nobody uses any more make room, and nothing that was sent is sent again.
#[test]
fn a_state_knows_what_an_address_was_sent() {
    let mut state = State::new("shop");
    assert_eq!(state.notified("old"), None);
    state.notify("old", 3);
    state.notify("old", 2);
    assert_eq!(state.notified("old"), Some(3));
    for number in 0..20 {
        state.notify(&format!("address {number}"), 4);
    }
    assert_eq!(state.notified("old"), None);
    assert_eq!(state.notified("address 19"), Some(4));
    let read = State::read(&state.write().unwrap()).unwrap();
    assert_eq!(read, state);
    assert_eq!(state.notified.len(), 8);
}
