//! What a rollout refuses, and says what to do instead.

use super::folder::{AWAY, CANARY, Folder};

#[test]
fn what_cannot_be_is_told_with_what_to_do() {
    let folder = Folder::new();
    folder.write("plain.yaml", &CANARY.replace("  rollout:", "  # rollout:"));
    let other = CANARY
        .replace("name: shop", "name: carts")
        .replace("[shop]", "[carts]");
    folder.write("other.yaml", &other);
    folder.write("broken.json", "{}");
    folder.write("state.json", "{\"version\":7}");
    folder.check(
        "plan plain.yaml",
        2,
        "no canary has a rollout: write `rollout:",
    );
    folder.check(
        "plan plain.yaml --canary shop",
        2,
        "canary shop has no rollout",
    );
    folder.check(
        "plan plain.yaml --canary cart",
        2,
        "there is no canary cart: there is shop",
    );
    folder.check(
        "plan shop.yaml other.yaml",
        2,
        "name one of shop, carts with --canary",
    );
    folder.check(
        "plan shop.yaml --requests-per-minute 0",
        2,
        "without requests a rollout holds",
    );
    folder.check(
        "step shop.yaml --config nowhere.json --prometheus http://127.0.0.1:9",
        3,
        "make it with `coalmine render envoy`",
    );
    folder.check(
        "step shop.yaml --config broken.json --prometheus http://127.0.0.1:9",
        2,
        "broken.json",
    );
    folder.check(
        "step other.yaml --config plugin.json --prometheus http://127.0.0.1:9",
        2,
        "canary carts is not in the config",
    );
    folder.check(
        "status shop.yaml --state state.json",
        2,
        "is of version 7, and this is for version 1",
    );
    folder.check("step shop.yaml --config plugin.json", 2, "--prometheus");
    folder.check(
        "step shop.yaml --config plugin.json --prometheus localhost:9090",
        2,
        "begins with http://",
    );
    folder.check(
        "step shop.yaml --config plugin.json --prometheus http://:9090",
        2,
        "the address of --prometheus is none; write it like http://127.0.0.1:9090",
    );
    folder.check(
        "plan shop.yaml",
        0,
        "assumed   1000 requests a minute: say how many there are with --requests-per-minute",
    );
    folder.check(
        "plan shop.yaml --requests-per-minute 1200 -o json",
        0,
        "\"requestsPerMinute\": 1200.0",
    );
    folder.check(
        &format!("step shop.yaml --config plugin.json --journal /dev/null {AWAY}"),
        2,
        "a journal is a file, and /dev/null is none",
    );
    folder.check("status shop.yaml", 4, "phase     none");
    folder.check("report shop.yaml", 0, "It has not begun.");
}

/// An old success is not taken for a new one.
#[test]
fn what_was_promoted_before_says_so() {
    let folder = Folder::new();
    let step = format!("step shop.yaml --config plugin.json {AWAY}");
    folder.check(&step, 4, "waiting");
    folder.check("promote shop.yaml --config plugin.json", 0, "promoted");
    folder.check(&step, 0, "it has ended before");
    let config = folder.read("plugin.json").replace("100%", "0%");
    folder.write("plugin.json", &config);
    folder.check(&step, 2, "name what is new with --revision");
}

/// The config that proxies read may be of an older file.
#[test]
fn a_config_of_another_file_is_refused() {
    let folder = Folder::new();
    folder.write(
        "shop.yaml",
        &CANARY.replace("evidence: {}", "evidence: {slowerThan: [1s]}"),
    );
    folder.check(
        &format!("step shop.yaml --config plugin.json {AWAY}"),
        2,
        "has other bounds for slow responses in the config that proxies read than in its file: render it again",
    );
}
