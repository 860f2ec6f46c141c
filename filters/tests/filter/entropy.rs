//! The pool of draws.

use coalmine_filter::entropy::Entropy;
use std::cell::Cell;

thread_local! {
    static ASKED: Cell<u8> = const { Cell::new(0) };
}

fn asked() -> u8 {
    ASKED.set(ASKED.get() + 1);
    ASKED.get()
}

#[test]
fn one_call_brings_many_draws() {
    let entropy = Entropy::new(|bytes| {
        let first = asked() * 100;
        for (index, draw) in bytes.chunks_mut(16).enumerate() {
            draw.fill(first + index as u8);
        }
        Ok(())
    });
    assert_eq!(ASKED.get(), 0, "nothing is fetched before it is needed");
    let mut draws: Vec<u128> = (0..32).map(|_| entropy.draw().unwrap()).collect();
    assert_eq!(ASKED.get(), 2);
    draws.sort_unstable();
    draws.dedup();
    assert_eq!(draws.len(), 32, "no draw is given twice");
}

#[test]
fn a_source_that_refuses_is_not_asked_again() {
    let entropy = Entropy::new(|_| {
        asked();
        Err(getrandom::Error::UNSUPPORTED)
    });
    assert_eq!([entropy.draw(), entropy.draw()], [None, None]);
    assert_eq!(ASKED.get(), 1);
}
