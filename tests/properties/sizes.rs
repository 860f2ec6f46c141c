//! How much may be written in one text: as much as one wants, but for what aliases multiply.

use coalmine::yaml::{self, Source};

fn canary(number: usize) -> String {
    format!(
        "apiVersion: coalmine.dev/v1alpha1\nkind: Canary\nmetadata: {{name: c{number}}}\nspec:\n  \
         hosts: [h{number}]\n  variants: {{stable: {{}}, canary: {{}}}}\n  default: stable\n"
    )
}

#[test]
fn many_canaries_in_one_text() {
    const CANARIES: usize = 1_100;
    let documents: Vec<String> = (0..CANARIES).map(canary).collect();
    let source = Source {
        name: "all.yaml".to_owned(),
        text: documents.join("---\n"),
    };
    let (canaries, found) = yaml::read(&[source]);
    assert!(found.is_empty(), "{:?}", found.first());
    assert_eq!(canaries.canaries.len(), CANARIES);
}

#[test]
fn long_texts() {
    let check = |what: &str, text: String| {
        let parsed = yaml::parse(&text, 0);
        assert!(parsed.is_ok(), "{what}: {:?}", parsed.err());
    };
    check("values", "- {name: a, in: [b, c, d]}\n".repeat(40_000));
    // The most values that a byte can begin.
    check("values of one byte", format!("[{}]", "?,".repeat(90_000)));
    let aliases = "- *a\n".repeat(55_000);
    check("aliases of one anchor", format!("- &a x\n{aliases}"));
    check("documents", "a: b\n---\n".repeat(2_000));
}

#[test]
fn what_is_bounded_is_named() {
    let check = |what: &str, text: String, needed: &str| {
        let error = yaml::parse(&text, 0).unwrap_err();
        assert!(error.message.contains(needed), "{what}: {}", error.message);
    };
    let list = |of: &str, times: usize| vec![of; times].join(", ");
    let thousand = format!("- &a [{}]\n", list("x", 1_000));
    let aliases = "- *a\n".repeat(300);
    check(
        "values behind aliases",
        format!("{thousand}{aliases}"),
        "aliases (`*name`) stand for more than 250000 values",
    );
    let long = format!("- &a \"{}\\n\"\n", "x".repeat(1 << 20));
    check(
        "text behind aliases",
        format!("{long}{}", "- *a\n".repeat(70)),
        "aliases (`*name`) stand for more than 67108864 bytes",
    );
    let anchors: String = (0..12).map(|depth| format!("&a{depth} [")).collect();
    let many = list("x", 90_000);
    check(
        "values kept for anchors",
        format!("{anchors}{many}{}", "]".repeat(12)),
        "anchors (`&name`) hold more than can be kept",
    );
}
