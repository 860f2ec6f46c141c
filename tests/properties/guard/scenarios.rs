//! What a guard does, told step by step.

use super::script::{check, impatient, usual};
use super::{limits, words};
use coalmine::guard::{Guard, Limits, Outcome, Ticket};

#[test]
fn it_opens_beyond_the_rate_and_with_enough_requests() {
    check(
        usual(),
        &["0 fail*19", "0 fail -> opened 20/20", "1 held*9"],
    );
    check(usual(), &["0 good*16 fail*4", "1 fail -> opened 5/21"]);
    // Exactly the rate is not beyond it.
    check(usual(), &["0 good*80 fail*20", "0 fail -> opened 21/101"]);
    check(
        limits(10_000, 1, "0%"),
        &["0 good*99", "1 fail -> opened 1/100"],
    );
    check(limits(10_000, 1, "0%"), &["0 fail -> opened 1/1"]);
}

#[test]
fn what_is_older_than_the_window_does_not_count() {
    check(usual(), &["0 fail*19", "10000 fail"]);
    check(usual(), &["0 fail*19", "9999 fail -> opened 20/20"]);
    // Slot by slot: what failed in the first second is gone, what failed in the next is not.
    check(
        usual(),
        &[
            "0 fail*9",
            "1000 fail*10",
            "10999 fail*9",
            "10999 fail -> opened 20/20",
        ],
    );
    check(
        usual(),
        &[
            "0 fail*9",
            "1000 fail*10",
            "11000 fail*19",
            "11000 fail -> opened 20/20",
        ],
    );
    // After a long silence nothing is left.
    check(
        usual(),
        &[
            "0 fail*19",
            "1000000 fail*19",
            "1000000 good -> opened 19/20",
        ],
    );
}

#[test]
fn a_response_counts_where_its_request_began_as_long_as_that_is_there() {
    check(
        usual(),
        &["0 send*19", "9000 +fail*19", "9999 fail -> opened 20/20"],
    );
    check(usual(), &["0 send*19", "9000 +fail*19", "10000 fail"]);
    // Time-outs after 15 s count when they come.
    check(
        usual(),
        &["0 send*20", "15000 +fail*19", "15001 +fail -> opened 20/20"],
    );
}

#[test]
fn a_response_that_begins_late_has_failed() {
    check(impatient(), &["0 send*20", "1000 +good*20", "9000 good"]);
    check(
        impatient(),
        &["500 send*20", "1501 +good*19", "1501 +good -> opened 20/20"],
    );
    // Its end does not matter, only its beginning.
    check(
        impatient(),
        &["0 good*19 send head", "5000 +good", "5000 good"],
    );
    check(
        impatient(),
        &[
            "0 fail*3 good*16 send",
            "1001 head",
            "1001 +good",
            "1002 fail -> opened 5/21",
        ],
    );
    check(usual(), &["0 send*20", "9000 +good*20"]);
}

#[test]
fn requests_that_hang_count_while_they_hang() {
    // They began in the first second, so one second after its end they are late.
    check(
        impatient(),
        &["0 send*20", "1999 send", "2000 held -> opened 20/20"],
    );
    check(
        impatient(),
        &["0 send*5 good*15", "2000 held -> opened 5/20"],
    );
    check(impatient(), &["0 send*4 good*16", "2000 good"]);
    // Clients that lose patience do not hide it, unless they lose it sooner.
    check(
        impatient(),
        &["0 send*20", "1001 +gone*19", "1001 +gone -> opened 20/20"],
    );
    check(impatient(), &["0 send*20", "1000 +gone*20", "2000 good"]);
    check(usual(), &["0 send*20", "9999 good", "20000 +gone*20 good"]);
}

#[test]
fn a_stream_counts_from_its_beginning_and_can_fail_in_the_middle() {
    check(usual(), &["0 send*20 head +gone", "0 fail*4", "1 good"]);
    // 96 streams that go on, and four that failed at once.
    let mut guard = Guard::new(usual());
    let streams: Vec<Ticket> = (0..96)
        .map(|_| {
            let mut ticket = guard.admit(0).0.unwrap();
            assert_eq!(guard.respond(&mut ticket, 1), None);
            ticket
        })
        .collect();
    let fail = |guard: &mut Guard, now| {
        let ticket = guard.admit(now).0.unwrap();
        guard.finish(ticket, Outcome::Failed, now).map(words)
    };
    for _ in 0..24 {
        assert_eq!(fail(&mut guard, 2), None);
    }
    assert_eq!(fail(&mut guard, 2).as_deref(), Some("opened 25/121"));
    drop(streams);
    // Reset in the middle: what was good is not any more.
    check(
        limits(10_000, 2, "50%"),
        &["0 good send head", "1 +fail", "2 fail -> opened 2/3"],
    );
    // So it is when the slot has gone in which it counted.
    check(
        limits(10_000, 2, "50%"),
        &["0 send head", "30000 +fail", "30001 fail -> opened 2/2"],
    );
    check(
        limits(10_000, 2, "50%"),
        &[
            "0 send",
            "15000 head",
            "15001 +fail",
            "15002 fail -> opened 2/2",
        ],
    );
}

#[test]
fn after_the_cool_down_probes_decide() {
    let opened = ["0 fail*19", "0 fail -> opened 20/20", "59999 held"];
    let then = |rest: &[&str]| check(usual(), &[&opened, rest].concat());
    // One of five may fail.
    then(&["60000 good*4 -> half-opened, closed 0/4", "60001 good*100"]);
    then(&["60000 fail good*4 -> half-opened, closed 1/5"]);
    then(&[
        "60000 fail*2 -> half-opened, reopened 2/2",
        "119999 held",
        "120000 good -> half-opened",
    ]);
    then(&[
        "60000 good*3 fail*2 -> half-opened, reopened 2/5",
        "60001 held",
    ]);
    // No more than five, until they are answered.
    then(&[
        "60000 send*5 held*9 -> half-opened",
        "60001 +good*3 held",
        "60002 +good -> closed 0/4",
        "60003 good",
        // The fifth belongs to what was before.
        "60004 +fail",
        "60005 fail*18",
        "60005 good -> opened 18/20",
    ]);
    // After closing it begins anew.
    then(&[
        "60000 good*4 -> half-opened, closed 0/4",
        "60001 fail*19",
        "60002 fail -> opened 20/20",
    ]);
}

#[test]
fn probes_without_an_answer_do_not_wedge_it() {
    let opened = ["0 fail*19", "0 fail -> opened 20/20"];
    let then = |limits, rest: &[&str]| check(limits, &[&opened, rest].concat());
    then(
        usual(),
        &[
            "60000 send*5 -> half-opened",
            "120000 held",
            "120001 good*4 -> closed 0/4",
        ],
    );
    // Nor do clients that go away; each takes its place along.
    then(
        usual(),
        &[
            "60000 gone*5 -> half-opened",
            "60001 held",
            "120001 gone*5",
            "180002 good*4 -> closed 0/4",
        ],
    );
    // Answers to probes of the last round count no more.
    then(
        usual(),
        &[
            "60000 send*5 -> half-opened",
            "120001 send",
            "120002 +fail*5 good*3",
            "120003 good -> closed 0/4",
        ],
    );
    // Probes that hang are late by themselves.
    then(
        impatient(),
        &[
            "60000 send*5 -> half-opened",
            "61000 held",
            "61001 held -> reopened 5/5",
        ],
    );
    then(
        impatient(),
        &[
            "60000 good*3 send*2 -> half-opened",
            "61001 held -> reopened 2/5",
        ],
    );
    // Streams that go on show as much as ones that have ended.
    then(
        usual(),
        &[
            "60000 send head send -> half-opened",
            "60000 good*2",
            "60000 send",
            "120001 send",
        ],
    );
}

#[test]
fn probes_that_stream_close_it_when_the_round_ends() {
    let mut guard = Guard::new(usual());
    for _ in 0..20 {
        let ticket = guard.admit(0).0.unwrap();
        guard.finish(ticket, Outcome::Failed, 0);
    }
    for _ in 0..5 {
        let mut ticket = guard.admit(60_000).0.unwrap();
        assert_eq!(guard.respond(&mut ticket, 60_000), None);
    }
    assert!(guard.admit(120_000).0.is_none());
    let (ticket, change) = guard.admit(120_001);
    assert!(ticket.is_some());
    assert_eq!(change.map(words).as_deref(), Some("closed 0/5"));
}

#[test]
fn requests_from_before_it_opened_count_for_nothing_after() {
    check(
        usual(),
        &[
            "0 send*30",
            "1 fail*19",
            "2 fail -> opened 20/20",
            "60002 send -> half-opened",
            "60003 +fail*9 +good*9 +gone*9 head +fail head +fail head +fail",
            "60004 good*3",
            "60005 good -> closed 0/4",
        ],
    );
}

#[test]
fn a_clock_that_jumps_neither_opens_nor_wedges_it() {
    // Back: time goes on from where it was.
    check(
        usual(),
        &[
            "1000000 fail*3",
            "0 good*100",
            "9999 good",
            "10000 good*100",
        ],
    );
    check(usual(), &["1000000 fail*19", "0 fail -> opened 20/20"]);
    check(
        usual(),
        &[
            "1000000 fail*19",
            "1000000 fail -> opened 20/20",
            "0 held",
            "59999 held",
            "60000 good*4 -> half-opened, closed 0/4",
        ],
    );
    check(
        impatient(),
        &["1000000 send*20", "0 good*9", "1000 +good*20"],
    );
    // Forward, and as far as there is.
    check(
        usual(),
        &["0 fail*19", "18446744073709551615 fail*3 good*97"],
    );
    check(
        usual(),
        &[
            "0 fail*19",
            "0 fail -> opened 20/20",
            "18446744073709551615 good*4 -> half-opened, closed 0/4",
        ],
    );
    check(usual(), &["0 send*30", "18446744073709551615 +good*30"]);
}

#[test]
fn it_follows_another_for_as_long_as_that_is_open() {
    check(
        usual(),
        &[
            "0 good*9 follow -> followed",
            "1 follow",
            "9999 held",
            "10000 good*3 -> half-opened",
            "10001 follow -> followed",
            "20000 held",
            "20001 good*4 -> half-opened, closed 0/4",
        ],
    );
    // Never longer than its own cool-down.
    let short = Limits {
        cool_down: 2000,
        ..usual()
    };
    check(
        short,
        &[
            "0 follow -> followed",
            "1999 held",
            "2000 good -> half-opened",
        ],
    );
}
