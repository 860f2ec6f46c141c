//! Long random lives of a guard, beside the model.

use super::model::{Event, Model, Phase};
use coalmine::bucket::Share;
use coalmine::guard::{Change, Guard, Limits, Outcome, State, Ticket};
use proptest::prelude::*;

/// Lives events through in the guard and in the model, which must agree after each.
pub(super) fn check(limits: Limits, events: &[Event]) {
    let mut guard = Guard::new(limits);
    let mut model = Model::new(limits);
    let mut tickets: Vec<Option<Ticket>> = Vec::new();
    let mut now = 0;
    for (step, event) in events.iter().enumerate() {
        if let Event::Pass(time) = event {
            now += time;
        }
        let here = || format!("step {step}, {event:?}, at {now} by {limits:?} in {events:?}");
        let number = |number: usize| (!tickets.is_empty()).then(|| number % tickets.len());
        match *event {
            Event::Pass(_) => {}
            Event::Admit => {
                let (ticket, change) = guard.admit(now);
                let expected = model.admit(now);
                assert_eq!((ticket.is_some(), change), expected, "{}", here());
                tickets.push(ticket);
            }
            Event::Respond(request) => {
                let Some(number) = number(request) else {
                    continue;
                };
                let Some(ticket) = &mut tickets[number] else {
                    continue;
                };
                let change = guard.respond(ticket, now);
                assert_eq!(change, model.respond(number, now), "{}", here());
            }
            Event::Finish(request, outcome) => {
                let Some(number) = number(request) else {
                    continue;
                };
                let Some(ticket) = tickets[number].take() else {
                    continue;
                };
                let change = guard.finish(ticket, outcome, now);
                assert_eq!(change, model.finish(number, outcome, now), "{}", here());
            }
        }
        let expected = match model.phase {
            Phase::Closed => State::Closed,
            Phase::Open(_) => State::Open,
            Phase::HalfOpen(_) => State::HalfOpen,
        };
        assert_eq!(guard.state(), expected, "{}", here());
    }
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let rates = prop_oneof![Just(0), Just(200_000), Just(500_000), 0..=999_999u32];
    let latency = proptest::option::of(1..300u32);
    (1..1000u32, 1..8u32, rates, latency, 1..500u32, 1..6u32).prop_map(
        |(window, min_requests, rate, max_latency, cool_down, probes)| Limits {
            window,
            min_requests,
            max_error_rate: Share::from_millionths(rate).unwrap(),
            max_latency,
            cool_down,
            probes,
        },
    )
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Good),
        3 => Just(Outcome::Failed),
        1 => Just(Outcome::Unknown),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let recent = 0..64usize;
    prop_oneof![
        4 => Just(Event::Admit),
        1 => recent.clone().prop_map(Event::Respond),
        4 => (recent, any_outcome()).prop_map(|(number, outcome)| Event::Finish(number, outcome)),
        2 => (0..40u64).prop_map(Event::Pass),
        1 => (0..600u64).prop_map(Event::Pass),
    ]
}

/// At the end of a round one probe has ended well, which is enough, and a stream goes on.
#[test]
fn streams_are_not_counted_where_the_rest_is_enough() {
    let limits = Limits {
        window: 1,
        min_requests: 1,
        max_error_rate: Share::from_millionths(666_667).unwrap(),
        max_latency: None,
        cool_down: 78,
        probes: 2,
    };
    let events = [
        Event::Admit,
        Event::Finish(0, Outcome::Failed),
        Event::Pass(78),
        Event::Admit,
        Event::Admit,
        Event::Respond(2),
        Event::Pass(79),
        Event::Finish(1, Outcome::Good),
    ];
    check(limits, &events);
}

proptest! {
    #[test]
    fn the_guard_does_what_the_model_does(
        limits in any_limits(),
        events in proptest::collection::vec(any_event(), 0..200),
    ) {
        check(limits, &events);
    }

    /// Whatever the clock does, answers that are good do not open it, and it recovers.
    #[test]
    fn no_clock_opens_or_wedges_it(
        limits in any_limits(),
        times in proptest::collection::vec(prop_oneof![0..1u64 << 50, 0..10_000u64], 1..200),
        broken in 0..200usize,
    ) {
        let limits = Limits { max_latency: None, ..limits };
        let mut guard = Guard::new(limits);
        for (number, now) in times.iter().enumerate() {
            if number < broken {
                prop_assert_eq!(ask(&mut guard, *now, Outcome::Good), (None, None));
            } else {
                ask(&mut guard, *now, Outcome::Failed);
            }
        }
        // From wherever the clock is it goes on, and all is well: the window empties, the cool-down
        // ends, a round that is under way ends, and the next one closes it.
        let mut now = times.last().copied().unwrap_or_default();
        for _ in 0..3 {
            ask(&mut guard, now, Outcome::Unknown);
            now += u64::from(limits.cool_down) + 2 * u64::from(limits.window) + 20;
        }
        for _ in 0..=limits.probes {
            ask(&mut guard, now, Outcome::Good);
        }
        prop_assert_eq!(guard.state(), State::Closed);
    }
}

/// A request that ends at once, if it is let through.
fn ask(guard: &mut Guard, now: u64, outcome: Outcome) -> (Option<Change>, Option<Change>) {
    let (ticket, change) = guard.admit(now);
    let ended = ticket.and_then(|ticket| guard.finish(ticket, outcome, now));
    (change, ended)
}
