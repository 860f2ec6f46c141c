//! Every input of every corpus, without libFuzzer.

use coalmine_fuzz::TARGETS;
use std::panic::catch_unwind;
use std::path::Path;
use std::{fs, io};

#[test]
fn every_input_is_harmless() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for (name, target) in TARGETS {
        let inputs = fs::read_dir(folder.join("corpus").join(name)).unwrap();
        let mut inputs: Vec<_> = inputs.collect::<io::Result<_>>().unwrap();
        inputs.sort_by_key(fs::DirEntry::path);
        assert!(inputs.len() > 5, "{name}: {} inputs", inputs.len());
        for input in &inputs {
            let data = fs::read(input.path()).unwrap();
            if catch_unwind(|| target(&data)).is_err() {
                wrong.push(input.path());
            }
        }
        println!("{name}: {} inputs", inputs.len());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A target without a corpus, or a program, would not be run by anybody.
#[test]
fn every_target_is_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |folder: &Path| {
        let files = fs::read_dir(folder).unwrap();
        let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let known = TARGETS.map(|(name, _)| name);
    assert_eq!(names(&folder.join("targets")), known);
    assert_eq!(names(&folder.join("corpus")), known);
}
