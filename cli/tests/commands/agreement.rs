//! `explain` and `simulate` say the same of a line of an access log.

use crate::run::{coalmine_with, data_folder};
use serde_json::Value;
use std::fs;

/// The variant and the reason, or the host that nobody governs, or that it is no request.
fn explained(line: &str, map: &str) -> Option<(String, String)> {
    let ran = coalmine_with(
        &format!("explain sound.yaml --access-log - --draw 1 -o json {map}"),
        line,
    );
    if ran.code == 2 {
        return None;
    }
    let lines: Value = serde_json::from_str(&ran.stdout).unwrap();
    let decision = &lines[0]["decision"];
    let text = |value: &Value| value.as_str().unwrap_or("untouched").to_owned();
    Some((text(&decision["variant"]), text(&decision["reason"])))
}

fn simulated(line: &str, map: &str) -> Option<(String, String)> {
    let ran = coalmine_with(&format!("simulate sound.yaml --log - -o json {map}"), line);
    if ran.code == 2 {
        return None;
    }
    let simulated: Value = serde_json::from_str(&ran.stdout).unwrap();
    let outcomes = simulated["canaries"][0]["outcomes"].as_array().unwrap();
    let text = |name: &str| {
        let one = outcomes
            .first()
            .map(|outcome| outcome[name].as_str().unwrap());
        one.unwrap_or("untouched").to_owned()
    };
    Some((text("variant"), text("reason")))
}

#[test]
fn of_lines_of_many_shapes() {
    let sound = fs::read_to_string(data_folder().join("sound.yaml")).unwrap();
    assert!(sound.contains("x-user-id") && sound.contains("x-canary"));
    let check = |line: &str, map: &str, reason: Option<&str>| {
        // Standard input is JSON if it begins with a brace.
        let (one, other) = (explained(line, map), simulated(line, map));
        assert_eq!(one, other, "explain and simulate: {line} {map}");
        let found = one.as_ref().map(|(_, reason)| reason.as_str());
        assert_eq!(found, reason, "{line} {map}");
    };
    let at = r#""start_time":"2026-11-24T10:30:00Z""#;
    for user in [
        r#""x-user-id":"user-3""#,
        r#""X_User_Id":"user-3""#,
        r#""req_x_user_id":"user-3""#,
        r#""request_header_x_user_id":"user-3""#,
        r#""headers":{"x-user-id":"user-3"}"#,
        r#""request_headers":{"X-User-Id":"user-3"}"#,
        r#""request":{"headers":{"X-User-Id":["user-3"]}}"#,
        r#""x-user-id":["user-3","user-4"]"#,
        r#""request_headers":{"cookie":"session=1"}"#,
        r#""cookie":["theme=dark","session=1"]"#,
        r#""x-user-id":3"#,
    ] {
        let line = format!(r#"{{"authority":"reviews",{at},{user}}}"#);
        check(&line, "", Some("share"));
    }
    let user = r#""authority":"reviews","x-user-id":"user-3""#;
    for (when, reason) in [
        (r#""ts":1764000000"#, Some("share")),
        (r#""ts":"1764000000500""#, Some("share")),
        (r#""time":"[2026-11-24T10:30:00Z]""#, Some("share")),
        (r#""ts":-5"#, None),
        (r#""ts":1e14"#, None),
        (r#""start_time":"noon""#, None),
    ] {
        check(&format!("{{{user},{when}}}"), "", reason);
    }
    for (rest, map, reason) in [
        (r#""who":"user-3""#, "--map WHO=header:x-user-id", "share"),
        (r#""u-id":"user-3""#, "--map u_id=header:x-user-id", "share"),
        (r#""a":{"b":"never"}"#, "--map a.b=query:canary", "never"),
        (r#""zz":"never""#, "--map ZZ=cookie:canary", "never"),
        (r#""x-canary":"never","x-user-id":"user-3""#, "", "never"),
        (r#""x-canary":"-","x-user-id":"user-3""#, "", "share"),
        (
            r#""x-coalmine-variant":"canary","x_user_id":"u""#,
            "",
            "share",
        ),
    ] {
        let line = format!(r#"{{"authority":"reviews",{at},{rest}}}"#);
        check(&line, map, Some(reason));
    }
    // Without a host it is for the only canary, and for another host nobody decides.
    let line = format!(r#"{{"x-user-id":"user-3",{at}}}"#);
    check(&line, "", Some("share"));
    let line = format!(r#"{{"authority":"elsewhere","x-user-id":"user-3",{at}}}"#);
    check(&line, "", Some("untouched"));
    check(&line, "--host reviews", Some("untouched"));
    let line = r#"{"authority":"reviews","x-user-id":"user-3"}"#;
    check(line, "--at 2026-11-24T10:30:00Z", Some("share"));
    check(r#"{"status":200}"#, "", None);
    check("{", "", None);
}
