//! What SciPy says of the same counts: `make.py` beside `scipy.json` makes them.

use coalmine_rollout::evidence::{Arms, Mixture, SLICES, Sequential, Settings, Tally};
use serde_json::{Value, from_str, from_value};

const SETTINGS: Settings = Settings {
    alpha: 0.01,
    tolerance: 0.1,
};

fn vectors(of: &str) -> Vec<Value> {
    let all: Value = from_str(include_str!("scipy.json")).unwrap();
    all[of].as_array().unwrap().clone()
}

fn tally((requests, bad): (u64, u64)) -> Tally {
    Tally { requests, bad }
}

/// The p-value of the first look is that of a randomization test.
#[test]
fn permutations() {
    let arm = |value: &Value| {
        let slices: [(u64, u64); SLICES] = from_value(value.clone()).unwrap();
        slices.map(tally)
    };
    for vector in vectors("permutations") {
        let now = Arms {
            canary: arm(&vector["canary"]),
            control: arm(&vector["control"]),
        };
        let p = Sequential::default().look(&SETTINGS, &now, None).p;
        let scipy = vector["p"].as_f64().unwrap();
        // Both draw at random: 65,536 here, 200,000 there.
        let scatter = (scipy * (1.0 - scipy) * (1.0 / 65_536.0 + 1.0 / 200_000.0)).sqrt();
        assert!((p - scipy).abs() < 4.0 * scatter + 2e-5, "{p} and {scipy}");
    }
}

#[test]
fn mixtures() {
    for vector in vectors("mixtures") {
        let windows: Vec<[(u64, u64); 2]> = from_value(vector["windows"].clone()).unwrap();
        let effect = vector["effect"].as_f64().unwrap();
        let mut test = Mixture::default();
        let (mut canary, mut control) = (Tally::default(), Tally::default());
        let mut p = 1.0;
        for [one, other] in windows {
            for (all, (requests, bad)) in [(&mut canary, one), (&mut control, other)] {
                all.requests += requests;
                all.bad += bad;
            }
            p = test.look(&SETTINGS, canary, control, effect).p;
        }
        // Every window speaks against the canary, so the process is never higher than at the end.
        let value = vector["value"].as_f64().unwrap();
        assert!((p * value - 1.0).abs() < 1e-9, "{} and {value}", 1.0 / p);
    }
}
