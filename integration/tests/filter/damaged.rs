//! Configs damaged on their way: Envoy takes or refuses each as the same reader does natively, and
//! traffic notices neither.

use std::collections::BTreeSet;

use coalmine::config::{plugin_json, read_json};
use coalmine_integration::discovery::Verdict;

use crate::random::Random;
use crate::setting::{PATIENCE, Setting, USUAL, end_without_failures, in_canary, traffic};

const CONFIGS: usize = 200;

/// What is put in: half of it means something to JSON or to the config.
const PIECES: [&str; 16] = [
    "{", "}", "[", "]", "\"", ",", ":", "\\", "null", "-1", "1e999", "\u{0}", "é", "\u{202e}",
    "regex", "%",
];

/// A text with one damage or some.
fn damaged(good: &str, random: &mut Random) -> String {
    let mut bytes = good.as_bytes().to_vec();
    let more = if random.one_in(4) { random.below(3) } else { 0 };
    for _ in 0..=more {
        let place = random.below(bytes.len());
        match random.below(16) {
            0 => bytes.truncate(place.max(1)),
            1 | 2 => {
                let piece = random.among(&PIECES).bytes();
                bytes.splice(place..place, piece);
            }
            3 => {
                let end = bytes.len().min(place + 1 + random.below(30));
                bytes.extend_from_within(place..end);
            }
            4 if bytes.len() > 1 => {
                bytes.remove(place);
            }
            5 => bytes[place] ^= 1 << random.below(7),
            // A letter or digit for its neighbour, after which much is well-formed still.
            _ if bytes[place].is_ascii_alphanumeric() => bytes[place] ^= 1,
            _ => bytes[place] = b' ',
        }
    }
    // The damaged text travels in a file that is JSON itself, and so is UTF-8.
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn damaged_configs_are_refused_as_natively_and_no_request_fails() {
    let mut setting = Setting::of(USUAL);
    let client = setting.client();
    let load = traffic(&setting.stand);
    let good = plugin_json(&setting.canaries).unwrap();
    // Envoy does not look at a file twice.
    let mut seen = BTreeSet::from([good.clone()]);
    let mut random = Random::new(1);
    let mut applied = 0;
    while seen.len() <= CONFIGS {
        let text = damaged(&good, &mut random);
        if !seen.insert(text.clone()) {
            continue;
        }
        let expected = read_json(text.as_bytes());
        let verdict = setting.stand.apply_text(&text).unwrap();
        let was_applied = matches!(verdict, Verdict::Applied { .. });
        assert_eq!(
            was_applied,
            expected.is_ok(),
            "{verdict:?}, natively {expected:?}\n{text}"
        );
        applied += usize::from(was_applied);
    }
    let refused = CONFIGS - applied;
    eprintln!("{applied} applied, {refused} refused");
    assert!(applied >= 5 && refused >= 100, "{applied} {refused}");

    load.wait_for(20, PATIENCE).unwrap();
    setting.change_share("100%");
    assert_eq!(in_canary(&client, 100).len(), 100);
    setting.change_share("0%");
    assert_eq!(in_canary(&client, 100).len(), 0);
    end_without_failures(load);
    setting.stand.envoy.stop().unwrap();
}
