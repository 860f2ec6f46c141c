//! Canaries made in a test, without a file.

use coalmine::bucket::Share;
use coalmine::config::{Canaries, Canary, Pins, Protocol, Spec, UnitSource, Variant, WhenNoUnit};

/// A canary for the host `shop` with these variants beside `stable`, that draws by `x-user-id`.
pub(crate) fn canary(variants: &[(&str, Option<u32>)]) -> Canary {
    let default = ("stable".to_owned(), Variant::default());
    let drawn = variants.iter().map(|(name, max)| {
        let max = max.map(share);
        let variant = Variant {
            max,
            ..Variant::default()
        };
        ((*name).to_owned(), variant)
    });
    Canary {
        name: "shop".to_owned(),
        namespace: None,
        spec: Spec {
            hosts: vec!["shop".to_owned()],
            service: None,
            protocol: Protocol::default(),
            variants: [default].into_iter().chain(drawn).collect(),
            default: "stable".to_owned(),
            pins: Pins::default(),
            rules: Vec::new(),
            shares: Vec::new(),
            unit: vec![UnitSource::Header("x-user-id".to_owned())],
            when_no_unit: WhenNoUnit::Default,
            issue_cookie: None,
            salt: None,
            ramp: Vec::new(),
            propagate: None,
            inherit: None,
            guard: None,
            evidence: None,
            rollout: None,
        },
    }
}

pub(crate) fn share(millionths: u32) -> Share {
    Share::from_millionths(millionths).expect("at most a million")
}

pub(crate) fn alone(canary: Canary) -> Canaries {
    Canaries {
        canaries: vec![canary],
        ..Canaries::default()
    }
}
