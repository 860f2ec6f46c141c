//! `coalmine pin`: keys that nobody else can read, and tokens that the filter takes.

use crate::run::{Ran, command, run};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The private key of RFC 8037, appendix A.1, in PKCS#8.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

/// Its public half, appendix A.2.
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// A folder with that key and canaries that know it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("ops.pem");
    fs::write(&key, KEY).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let canary = |name: &str, namespace: &str, signed: &str| {
        let text = format!(
            "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: [{name}.{namespace}]
  variants: {{stable: {{}}, canary: {{}}}}
  default: stable
  pins: {{header: x-pin{signed}}}
"
        );
        fs::write(folder.path().join(format!("{namespace}-{name}.yaml")), text).unwrap();
    };
    let signed = format!(", signed: {{keys: {{ops: {PUBLIC}}}, revoked: {{subjects: [mallory]}}}}");
    canary("reviews", "web", &signed);
    canary("cart", "web", &signed);
    canary("cart", "eu", &signed);
    canary("plain", "web", "");
    folder
}

/// Runs `coalmine pin` in the folder.
fn pin(folder: &Path, arguments: &str) -> Ran {
    let arguments = shlex::split(arguments).unwrap();
    run(command().arg("pin").args(arguments).current_dir(folder), "")
}

const MINT: &str = "mint --key ops.pem --kid ops --variant canary --for alice";

#[test]
fn what_is_minted_is_valid() {
    let folder = folder();
    let check = |arguments: &str, verified: &str| {
        let minted = pin(folder.path(), arguments);
        assert_eq!(minted.code, 0, "{minted}");
        assert!(
            !minted.to_string().contains("nWGx"),
            "the private key was printed"
        );
        let ran = run(
            command()
                .args(["pin", "verify", ".", "-"])
                .current_dir(folder.path()),
            &minted.stdout,
        );
        assert_eq!(ran.code, i32::from(verified.contains("refused")), "{ran}");
        assert!(ran.stdout.starts_with(verified), "{ran}");
    };
    check(
        &format!("{MINT} --canary web/reviews"),
        "web/reviews: valid, pins canary for \"alice\" until ",
    );
    check(
        &format!("{MINT} --canary reviews --against ."),
        "web/reviews: valid",
    );
    check(
        &format!("{MINT} --canary web/cart --canary eu/cart --against ."),
        "eu/cart: valid",
    );
    check(
        "mint --key ops.pem --kid ops --variant never --for bob --canary eu/cart",
        "eu/cart: valid, pins never",
    );
    // Without --against anything is signed, and the filter refuses it.
    check(
        "mint --key ops.pem --kid ops --variant canary --for mallory --canary web/cart",
        "web/cart: refused (revoked)",
    );
    check(
        "mint --key ops.pem --kid ops --variant beta --for alice --canary web/cart",
        "web/cart: refused (variant)",
    );
    check(
        "mint --key ops.pem --kid old --variant canary --for alice --canary web/cart",
        "web/cart: refused (unknown-key)",
    );
    check(
        &format!("{MINT} --canary cart"),
        "eu/cart: refused (audience): it is for another canary: \"cart\"\n",
    );
    check(
        &format!("{MINT} --canary cart --canary 'web/a\u{1b}b'"),
        "eu/cart: refused (audience): it is for another canary: \"cart\", \"web/a\\u{1b}b\"\n",
    );
    check(
        &format!("{MINT} --canary web/cart --not-before 2020-01-01T00:00:00Z --ttl 1s"),
        "web/cart: refused (expired)",
    );
    check(
        &format!("{MINT} --canary web/cart --not-before 2999-01-01T00:00:00Z"),
        "web/cart: refused (not-yet-valid)",
    );
}

#[test]
fn what_would_be_refused_is_not_minted() {
    let folder = folder();
    let check = |arguments: &str, code: i32, needed: &str| {
        let ran = pin(folder.path(), arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (code, ""),
            "{arguments}: {ran}"
        );
        assert!(ran.stderr.contains(needed), "{arguments}: {ran}");
    };
    let against = |more: &str| format!("{MINT} --against . {more}");
    check(
        &against("--canary carts"),
        2,
        "there is no canary carts; there is ",
    );
    check(
        &against("--canary cart"),
        2,
        "cart may be eu/cart or web/cart; write it with its namespace",
    );
    check(
        &against("--canary plain"),
        2,
        "web/plain takes pins at their word",
    );
    check(
        "mint --key ops.pem --kid ops --variant beta --for a --against . --canary reviews",
        2,
        "it has stable, canary, and never",
    );
    check(
        "mint --key ops.pem --kid new --variant canary --for a --against . --canary reviews",
        2,
        &format!("write `new: {PUBLIC}`"),
    );
    check(
        "mint --key ops.pem --kid ops --variant canary --for mallory --against . --canary reviews",
        2,
        "has revoked",
    );
    let made = pin(folder.path(), "keygen --key other.pem --kid ops");
    assert_eq!(made.code, 0, "{made}");
    check(
        "mint --key other.pem --kid ops --variant canary --for a --against . --canary reviews",
        2,
        "has another key of the id ops",
    );
    check(
        &format!("{MINT} --canary {}", "x".repeat(900)),
        2,
        "and the filter takes 1024",
    );
    check(&format!("{MINT} --canary reviews --ttl 8"), 2, "like 8h");
    check(&format!("{MINT} --canary reviews --ttl 0s"), 2, "like 8h");
    check(
        "mint --key none.pem --kid ops --variant canary --for a --canary reviews",
        3,
        "coalmine pin keygen --key none.pem",
    );
    check(
        "mint --kid ops --variant canary --for a --canary reviews",
        2,
        "COALMINE_PIN_KEY",
    );
    check(
        "mint --key web-cart.yaml --kid ops --variant canary --for a --canary reviews",
        2,
        "chmod 600",
    );
    check(
        "verify web-plain.yaml x",
        2,
        "no canary here has signed pins",
    );
    check("inspect x", 2, "it is no token");
}

#[test]
fn a_key_is_made_once_and_kept_from_others() {
    let folder = folder();
    let path = folder.path().join("new.pem");
    let first = pin(folder.path(), "keygen --key new.pem --kid ops-2026");
    assert_eq!(first.code, 0, "{first}");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(
        first.stdout.starts_with("keys: {\"ops-2026\": \""),
        "{first}"
    );
    let pem = fs::read_to_string(&path).unwrap();
    let again = pin(folder.path(), "keygen --key new.pem --kid ops-2026");
    assert_eq!(first.stdout, again.stdout);
    assert_eq!(fs::read_to_string(&path).unwrap(), pem);
    let known = pin(folder.path(), "keygen --key ops.pem --kid ops -o json");
    let known: Value = serde_json::from_str(&known.stdout).unwrap();
    assert_eq!(
        (&known["publicKey"], &known["new"]),
        (&PUBLIC.into(), &false.into())
    );
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let refused = pin(folder.path(), "keygen --key new.pem --kid ops-2026");
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (2, ""),
            "{refused}"
        );
        assert!(
            refused.stderr.contains("run `chmod 600 new.pem`"),
            "{refused}"
        );
    }
    // In the environment a key is as good as in a file, and a wrong one is not shown.
    let mint = |key: &str| {
        let arguments =
            "pin mint --kid ops --variant canary --for alice --canary web/reviews --against .";
        let arguments = shlex::split(arguments).unwrap();
        run(
            command()
                .args(arguments)
                .env("COALMINE_PIN_KEY", key)
                .current_dir(folder.path()),
            "",
        )
    };
    assert_eq!(mint(KEY).code, 0);
    let refused = mint(&KEY.replace("MC4C", "MC4D"));
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (2, ""),
        "{refused}"
    );
    assert!(
        refused
            .stderr
            .contains("COALMINE_PIN_KEY is no private key"),
        "{refused}"
    );
    assert!(!refused.stderr.contains("A7rAMcrn"), "{refused}");
}

/// The signature of RFC 8032 is the only one there is, so one key makes one token of one text.
#[test]
fn a_token_says_what_was_asked_for() {
    let folder = folder();
    let arguments =
        format!("{MINT} --canary web/reviews --not-before 2026-11-25T00:00:00Z --ttl 90m -o json");
    let minted = pin(folder.path(), &arguments);
    assert_eq!(minted.stdout, pin(folder.path(), &arguments).stdout);
    let minted: Value = serde_json::from_str(&minted.stdout).unwrap();
    assert_eq!(minted["expires"], "2026-11-25T01:30:00Z");
    let token = minted["token"].as_str().unwrap();
    let said = pin(folder.path(), &format!("inspect {token} -o json"));
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    let expected = serde_json::json!({
        "header": {"alg": "EdDSA", "kid": "ops", "typ": "JWT"},
        "claims": {"aud": "web/reviews", "variant": "canary", "sub": "alice", "exp": 1_795_570_200, "nbf": 1_795_564_800},
        "expires": "2026-11-25T01:30:00Z",
        "notBefore": "2026-11-25T00:00:00Z",
    });
    assert_eq!(said, expected);
    let verdict = pin(
        folder.path(),
        &format!("verify web-reviews.yaml {token} --at 2026-11-25T01:31:00Z -o json"),
    );
    assert_eq!(verdict.code, 1, "{verdict}");
    let verdict: Value = serde_json::from_str(&verdict.stdout).unwrap();
    assert_eq!(verdict["ok"], false);
    assert_eq!(verdict["canaries"][0]["refused"], "expired");
}

/// An explanation shows what a token says, and not the token: whoever has it can use it.
#[test]
fn explanations_do_not_give_a_token_away() {
    let folder = folder();
    let minted = pin(
        folder.path(),
        &format!("{MINT} --canary web/reviews --ttl 1h"),
    );
    let token = minted.stdout.trim();
    let signature = token.rsplit_once('.').unwrap().1;
    let text = fs::read_to_string(folder.path().join("web-reviews.yaml")).unwrap();
    let text = text.replace("header: x-pin", "header: x-pin, query: pin");
    fs::write(folder.path().join("both.yaml"), text).unwrap();
    for format in ["table", "json"] {
        for (name, value) in [
            ("--header", format!("x-pin: {token}")),
            ("--path", format!("/?pin={token}")),
        ] {
            let explained = run(
                command()
                    .args(["explain", "both.yaml", name, &value, "-o", format])
                    .current_dir(folder.path()),
                "",
            );
            assert_eq!(explained.code, 0, "{explained}");
            assert!(!explained.stdout.contains(signature), "{explained}");
            assert!(explained.stdout.contains("alice"), "{explained}");
        }
    }
}
