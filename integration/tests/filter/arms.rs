//! Whom responses are to be counted with, by the published formula written down as plainly as may
//! be: nothing of the filter's own code is in it.

use coalmine_integration::series::{Samples, Series};
use xxhash_rust::xxh3::xxh3_64;

/// A canary of one variant beside the default.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawing<'c> {
    /// Its name in metrics, which is its salt as well.
    pub canary: &'c str,
    /// The share of the variant `canary`, in millionths.
    pub share: u64,
    /// Whether the rest is counted.
    pub rest: bool,
}

/// What is to be counted.
#[derive(Debug, Default)]
pub(crate) struct Ledger(pub Samples);

impl Drawing<'_> {
    /// The arm, the variant that serves it, and the slice of a unit.
    pub(crate) fn place(&self, unit: &str) -> (&'static str, &'static str, u64) {
        let hash = xxh3_64(format!("{}\u{1f}{unit}", self.canary).as_bytes());
        let position = ((u128::from(hash) * 1_000_000) >> 64) as u64;
        let (arm, served) = match position {
            position if position < self.share => ("canary", "canary"),
            position if position >= 1_000_000 - self.share => ("control", "stable"),
            _ => ("rest", "stable"),
        };
        (arm, served, hash % 16)
    }
}

impl Ledger {
    /// A response to somebody who was drawn; one that has not begun has no latency.
    pub(crate) fn drawn(&mut self, drawing: Drawing<'_>, unit: &str, class: &str, begun: bool) {
        let (arm, served, slice) = drawing.place(unit);
        if arm == "rest" && !drawing.rest {
            return;
        }
        let row = [("canary", drawing.canary), ("arm", arm), ("served", served)];
        let slice = slice.to_string();
        let cell = [("slice", &*slice), ("class", class)];
        self.add("coalmine_responses", &[&row[..], &cell].concat());
        if begun {
            self.add("coalmine_latency_milliseconds_count", &row);
        }
    }

    /// A response to somebody who was drawn that took longer than these bounds, in milliseconds.
    pub(crate) fn slow(&mut self, drawing: Drawing<'_>, unit: &str, exceeded: &[&str]) {
        let (arm, served, slice) = drawing.place(unit);
        if arm == "rest" && !drawing.rest {
            return;
        }
        let slice = slice.to_string();
        for bound in exceeded {
            let labels = [
                ("canary", drawing.canary),
                ("arm", arm),
                ("served", served),
                ("slice", &slice),
                ("bound", bound),
            ];
            self.add("coalmine_slow_responses", &labels);
        }
    }

    /// A response to somebody who came to a variant without a draw.
    pub(crate) fn chosen(&mut self, canary: &str, variant: &str, choice: &str, class: &str) {
        let labels = [
            ("canary", canary),
            ("variant", variant),
            ("choice", choice),
            ("class", class),
        ];
        self.add("coalmine_chosen_responses", &labels);
    }

    /// What gRPC says of a response to somebody who was drawn.
    pub(crate) fn grpc(&mut self, drawing: Drawing<'_>, unit: &str, status: u8) {
        let (arm, served, _) = drawing.place(unit);
        if arm == "rest" && !drawing.rest {
            return;
        }
        let labels = [
            ("canary", drawing.canary),
            ("arm", arm),
            ("served", served),
            ("grpc_status", &status.to_string()),
        ];
        self.add("coalmine_grpc_responses", &labels);
    }

    fn add(&mut self, name: &str, labels: &[(&str, &str)]) {
        *self.0.entry(Series::new(name, labels)).or_default() += 1.0;
    }
}
