//! Bytes to a config and back.

use coalmine::Policy;
use coalmine::config::{Canaries, plugin_json, read_json};
use coalmine::diagnostic::Severity;
use coalmine::yaml::{self, Source};

/// Reads a file as the filter and as the command do. Whatever is read without an error compiles, is
/// written, and read again as the same.
pub fn config(data: &[u8]) {
    match (read_json(data), Policy::read_json(data)) {
        (Ok(canaries), Ok(policy)) => {
            let compiled = Policy::compile(&canaries);
            assert_eq!(format!("{policy:?}"), format!("{compiled:?}"));
            check_written(&canaries);
        }
        (Err(found), Err(compiled)) => {
            assert!(!found.is_empty(), "refused without a word");
            assert_eq!(found, compiled);
        }
        (read, compiled) => panic!("{read:?} is not {compiled:?}"),
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let sources = [Source {
        name: "canary.yaml".to_owned(),
        text: text.to_owned(),
    }];
    let (canaries, found) = yaml::read(&sources);
    for diagnostic in &found {
        let drawn = yaml::draw(diagnostic, &sources, false);
        assert!(drawn.contains(diagnostic.code), "{drawn}");
    }
    if found.iter().all(|one| one.severity != Severity::Error) {
        check_written(&canaries);
    }
}

fn check_written(canaries: &Canaries) {
    Policy::compile(canaries);
    let written = plugin_json(canaries).unwrap();
    let read = match read_json(written.as_bytes()) {
        Ok(read) => read,
        Err(found) => panic!("{written}\n{found:#?}"),
    };
    assert_eq!(plugin_json(&read).unwrap(), written);
}
