//! What is counted of the filter's counters, and of people's, whatever happens to proxies meanwhile.

use crate::{plan, read, vector};
use coalmine::Timestamp;
use coalmine_rollout::plan::Plan;
use coalmine_rollout::reading::{Answer, parse, questions};
use proptest::prelude::*;

fn counted() -> Plan {
    plan("evidence: {slowerThan: [250ms]}", "")
}

/// `pod arm slice class value`, a line each; with `slow` or `decisions` in the class' place, or a
/// value that is no number.
fn answer(lines: &str) -> Answer {
    let series = lines
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [pod, arm, slice, class, value] = words.as_slice() else {
                panic!("{line}");
            };
            let (name, more) = match *class {
                "slow" => (
                    "coalmine_slow_responses",
                    serde_json::json!({"bound": "250"}),
                ),
                "decisions" => (
                    "coalmine_decisions",
                    serde_json::json!({"variant": arm, "reason": "share"}),
                ),
                class => (
                    "coalmine_responses",
                    serde_json::json!({"class": class.to_lowercase()}),
                ),
            };
            let mut metric = serde_json::json!({
                "__name__": name, "instance": pod, "job": "envoy", "canary": "web/shop",
            });
            let labels = metric.as_object_mut().unwrap();
            labels.extend(more.as_object().unwrap().clone());
            if *class != "decisions" {
                labels.insert("arm".to_owned(), (*arm).into());
                // A class in capitals is served by the default, as where a guard holds the variant back.
                let served = if *class == class.to_uppercase() && *arm == "canary" {
                    "stable"
                } else {
                    arm
                };
                labels.insert("served".to_owned(), served.into());
                labels.insert("slice".to_owned(), (*slice).into());
            }
            (metric, (*value).to_owned())
        });
    vector(series.collect())
}

/// Requests and failed ones of slice 3, of the variant and of the control cohort, and slow ones.
fn check(before: &str, now: &str, expected: [u64; 6]) {
    let sampled = || {
        parse(br#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"1.5"]}]}}"#)
    };
    let reading = read(
        &counted(),
        &[sampled(), answer(before)],
        &[sampled(), answer(now)],
    );
    assert_eq!(reading.sampled, Some(Timestamp::from_unix_millis(1500)));
    let [canary, control] = [reading.canary[3], reading.control[3]];
    let slow = reading.slower.get(&250).copied().unwrap_or_default();
    let found = [
        canary.requests,
        canary.bad,
        slow[0][3],
        control.requests,
        control.bad,
        slow[1][3],
    ];
    assert_eq!(found, expected, "{before}\nto\n{now}");
    assert!(reading.silent.is_empty());
}

#[test]
fn counts_are_differences() {
    let before = "a canary 3 ok 10\na canary 3 5xx 2\na control 3 ok 20\na canary 3 slow 4";
    check(before, before, [0; 6]);
    let now = "a canary 3 ok 15\na canary 3 5xx 3\na control 3 ok 21\na canary 3 slow 5";
    check(before, now, [6, 1, 1, 1, 0, 0]);
    // Two proxies, and the classes that are failures.
    check(
        "a canary 3 reset 1\nb canary 3 reset 5\nb control 3 cancelled 1\na canary 3 4xx 1",
        "a canary 3 reset 2\nb canary 3 reset 7\nb control 3 cancelled 4\na canary 3 4xx 3",
        [5, 3, 0, 3, 0, 0],
    );
}

#[test]
fn a_series_of_a_known_proxy_begins_at_nothing() {
    check(
        "a canary 3 ok 10",
        "a canary 3 ok 10\na canary 3 5xx 1",
        [1, 1, 0, 0, 0, 0],
    );
    check(
        "a stable 0 decisions 5",
        "a control 3 5xx 2",
        [0, 0, 0, 2, 2, 0],
    );
}

#[test]
fn a_new_proxy_is_counted_from_the_next_reading_on() {
    check(
        "a canary 3 ok 10",
        "a canary 3 ok 10\nb canary 3 5xx 900",
        [0; 6],
    );
    check("", "b canary 3 5xx 900", [0; 6]);
    check(
        "b canary 3 5xx 900",
        "b canary 3 5xx 901",
        [1, 1, 0, 0, 0, 0],
    );
}

#[test]
fn a_counter_that_fell_was_reset() {
    check("a canary 3 ok 1000", "a canary 3 ok 7", [7, 0, 0, 0, 0, 0]);
}

/// Whoever a guard sends to the default stays in the arm, and says nothing of the variant itself.
#[test]
fn who_is_diverted_is_counted_apart() {
    let reading = read(
        &counted(),
        &[
            answer(""),
            answer("a canary 3 ok 1\na canary 3 OK 1\na canary 3 5xx 1"),
        ],
        &[
            answer(""),
            answer("a canary 3 ok 4\na canary 3 OK 8\na canary 3 5xx 2"),
        ],
    );
    assert_eq!((reading.canary[3].requests, reading.canary[3].bad), (11, 1));
    assert_eq!(
        (
            reading.served.requests,
            reading.served.bad,
            reading.diverted
        ),
        (4, 1, 7)
    );
}

#[test]
fn a_proxy_that_is_gone_counts_no_more() {
    check(
        "a canary 3 ok 10\nb canary 3 ok 5",
        "b canary 3 ok 6",
        [1, 0, 0, 0, 0, 0],
    );
}

#[test]
fn what_is_no_count_counts_nothing() {
    check(
        "a canary 3 ok 1",
        "a canary 3 ok NaN\na control 3 ok +Inf\na control 3 5xx -4",
        [0; 6],
    );
    check(
        "a canary 3 ok NaN\na canary 3 4xx 1",
        "a canary 3 ok 9\na canary 3 4xx 1",
        [9, 0, 0, 0, 0, 0],
    );
    // Arms, slices and bounds that nobody has.
    check(
        "a rest 3 ok 1\na canary 16 ok 1\na canary x ok 1",
        "a rest 3 ok 9\na canary 16 ok 9\na canary x ok 9",
        [0; 6],
    );
}

#[test]
fn questions_are_about_the_canary_and_the_queries() {
    let query =
        "{name: carts, canary: {bad: lost_a, total: all_a}, control: {bad: lost_b, total: all_b}}";
    let plan = plan("evidence: {}", query);
    let questions = questions(&plan);
    assert_eq!(
        questions[0],
        r#"timestamp(coalmine_decisions{canary="web/shop"})"#
    );
    assert_eq!(questions[2..], ["lost_a", "all_a", "lost_b", "all_b"]);
    assert_eq!(
        questions[1],
        r#"last_over_time({__name__=~"coalmine_decisions|coalmine_responses|coalmine_slow_responses",canary="web/shop"}[15m])"#
    );
}

#[test]
fn queries_come_to_one_number_that_grows() {
    let query = "{name: carts, canary: {bad: a, total: b}, control: {bad: c, total: d}}";
    let plan = plan("", query);
    let scalar = |value: &str| {
        let page = format!(
            r#"{{"status":"success","data":{{"resultType":"scalar","result":[0,"{value}"]}}}}"#
        );
        parse(page.as_bytes())
    };
    let none = || parse(br#"{"status":"success","data":{"resultType":"vector","result":[]}}"#);
    let before = [scalar("1"), scalar("10"), none(), scalar("50")];
    // One that was not there before, and one that fell: a proxy less.
    let now = [scalar("3"), scalar("30"), scalar("1000000"), scalar("40")];
    let reading = read(&plan, &before, &now);
    let [canary, control] = reading.queries["carts"];
    assert_eq!(
        [canary.bad, canary.requests, control.bad, control.requests],
        [2, 20, 0, 0]
    );
    let silent = |now: [Answer; 4], why: &str| {
        let reading = read(&plan, &before, &now);
        assert!(reading.queries.is_empty());
        assert!(
            reading.silent["carts"].contains(why),
            "{:?}",
            reading.silent
        );
    };
    let broken =
        r#"{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}"#;
    silent(
        [
            scalar("3"),
            parse(broken.as_bytes()),
            scalar("1"),
            scalar("9"),
        ],
        "unexpected end",
    );
    silent(
        [scalar("NaN"), scalar("3"), scalar("1"), scalar("9")],
        "no count",
    );
    let two = answer("a canary 3 ok 1\nb canary 3 ok 1");
    silent(
        [two, scalar("3"), scalar("1"), scalar("9")],
        "put sum(...) around it",
    );
}

#[test]
fn what_is_no_answer_is_told() {
    let refused = |page: &str, why: &str| {
        let error = parse(page.as_bytes()).unwrap_err();
        assert!(error.contains(why), "{error}");
    };
    refused("<html>", "this is no answer of Prometheus");
    refused("{\"status\":\"error\"}", "it does not say why");
    refused("{\"status\":\"success\"}", "has no data");
    refused(
        r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        "gives a range",
    );
    refused(
        r#"{"status":"success","data":{"resultType":"string","result":[0,"a"]}}"#,
        "gives a text",
    );
}

proptest! {
    /// Whatever is counted, never more is than the counters have.
    #[test]
    fn never_more_than_there_is(before in 0_u64..1_000_000, now in 0_u64..1_000_000) {
        let line = |value: u64| answer(&format!("a canary 3 5xx {value}"));
        let reading = read(&counted(), &[answer(""), line(before)], &[answer(""), line(now)]);
        prop_assert!(reading.canary[3].requests <= now);
        prop_assert_eq!(reading.canary[3].bad, reading.canary[3].requests);
    }

    /// No page reaches a panic.
    #[test]
    fn no_page_panics(page in ".{0,200}") {
        let _ = parse(page.as_bytes());
    }
}
