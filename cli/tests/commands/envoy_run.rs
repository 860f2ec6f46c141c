//! What `coalmine envoy run` says of its arguments, before there is an Envoy; `integration/` has the rest.

use crate::run::coalmine;

#[test]
fn files_are_taken_with_and_without_the_option() {
    let check = |arguments: &str, code: i32, parts: &[&str]| {
        let ran = coalmine(&format!("envoy run {arguments}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran}");
        let read = ran.stderr.matches("cannot read").count();
        let expected = parts.iter().filter(|part| part.starts_with("cannot read"));
        assert_eq!(read, expected.count(), "{ran}");
        for part in parts {
            assert!(ran.stderr.contains(part), "{part}: {ran}");
        }
    };
    let (one, two) = ("cannot read one.yaml", "cannot read two.yaml");
    check("one.yaml", 3, &[one]);
    check("-f one.yaml", 3, &[one]);
    check("one.yaml two.yaml --listen 127.0.0.1:0", 3, &[one, two]);
    check("-f one.yaml -f two.yaml", 3, &[one, two]);
    check("one.yaml -f two.yaml -- -l info", 3, &[one, two]);
    check("", 2, &["<FILE|FOLDER>..."]);
    // What is behind two dashes is Envoy's.
    check("-- one.yaml", 2, &["<FILE|FOLDER>..."]);
    check("-", 2, &["standard input cannot be watched"]);
    check("-f -", 2, &["standard input cannot be watched"]);
}
