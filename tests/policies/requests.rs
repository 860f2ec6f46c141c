//! Requests that have something to do with a canary.

use super::{HEADERS, METHODS, PATHS, QUERIES, Random, VALUES};
use coalmine::config::Canary;
use coalmine_cli::pin::{Claims, PrivateKey, mint};
use coalmine_cli::request::RequestArgs;

impl Random {
    /// A request to one of these canaries, or, seldom, to none of them.
    pub(crate) fn request(&mut self, canary: &Canary) -> RequestArgs {
        let mut words: Vec<&str> = canary
            .spec
            .variants
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        words.extend(["never", "other", ""]);
        let mut headers = Vec::new();
        for _ in 0..self.below(5) {
            let name = self.pick(&HEADERS);
            let value = match name.as_str() {
                "x-user-id" => format!("user-{}", self.below(10_000)),
                _ => self.pick(&VALUES),
            };
            headers.push((name, value));
        }
        if self.one_in(6) {
            headers.push(("x-pin".to_owned(), self.pin(canary, &words)));
        }
        if self.one_in(4) {
            headers.push(("x-coalmine-variant".to_owned(), self.pick(&words)));
        }
        for _ in 0..self.below(5).saturating_sub(2) {
            headers.push(("baggage".to_owned(), self.baggage().trim().to_owned()));
        }
        let mut cookies = Vec::new();
        for _ in 0..self.below(3) {
            let name = self.pick(&["s", "plan", "u", "coalmine-unit"]);
            cookies.push(format!("{name}={}", self.pick(&VALUES)));
        }
        if self.one_in(6) {
            cookies.push(format!("pin={}", self.pin(canary, &words)));
        }
        let mut path = self.pick(&PATHS);
        for number in 0..self.below(3) {
            path.push(if number == 0 { '?' } else { '&' });
            let pin = self.one_in(4);
            let name = if pin {
                "pin".to_owned()
            } else {
                self.pick(&QUERIES)
            };
            let value = if pin {
                self.pin(canary, &words)
            } else {
                self.pick(&VALUES[..6])
            };
            path.push_str(&format!("{name}={value}"));
        }
        let host = match self.one_in(30) {
            true => "elsewhere".to_owned(),
            false => self.host_of(canary),
        };
        RequestArgs {
            host: Some(host),
            method: self.pick(&METHODS),
            path,
            headers,
            // Half of them in one line.
            cookies: match self.one_in(2) && !cookies.is_empty() {
                true => vec![cookies.join("; ")],
                false => cookies,
            },
            source_address: Some(format!("10.0.0.{}:1234", self.below(200))),
            ..RequestArgs::default()
        }
    }

    /// One of a canary's hosts; one that only a wildcard names begins with something.
    fn host_of(&mut self, canary: &Canary) -> String {
        let hosts = &canary.spec.hosts;
        let host = &hosts[self.below(hosts.len())];
        match host.strip_prefix('*') {
            Some(end) => self.pick(&["a", "b.c"]) + end,
            None => host.clone(),
        }
    }

    /// What a pin says: a word, or, where pins are signed, a token, good or bad in some way.
    fn pin(&mut self, canary: &Canary, words: &[&str]) -> String {
        if canary.spec.pins.signed.is_none() || self.one_in(2) {
            return self.pick(words);
        }
        const AGES: i64 = 4_102_444_800;
        let claims = Claims {
            canaries: vec![match self.one_in(8) {
                true => "another".to_owned(),
                false => canary.full_name(),
            }],
            variant: self.pick(words),
            subject: self.pick(&["alice", "alice", "alice", "mallory"]),
            expires: if self.one_in(8) { 1 } else { AGES },
            not_before: self.one_in(8).then_some(AGES),
        };
        let kid = self.pick(&["one", "one", "one", "one", "old", "new"]);
        let seed = if self.one_in(8) { 2 } else { 1 };
        let token = mint(&PrivateKey::from_seed(&[seed; 32]), &kid, &claims);
        match self.below(12) {
            0 => format!("{token}A"),
            1 => token.replacen('.', "..", 1),
            // {"alg":"none","kid":"one"}
            2 => match token.split_once('.') {
                Some((_, rest)) => format!("eyJhbGciOiJub25lIiwia2lkIjoib25lIn0.{rest}"),
                None => token,
            },
            _ => token,
        }
    }

    /// A line of baggage: members of canaries, members of others, and what is no member at all.
    fn baggage(&mut self) -> String {
        let keys = [
            "coalmine.up",
            "coalmine.ns.front",
            "coalmine.c0",
            "coalmine.ns.c0",
            "coalmine.other",
        ];
        let odd = [
            "user=alice",
            " trace = 1;p=2 ",
            "",
            "a b",
            "%63oalmine.up=canary",
            "x=\"y\"",
        ];
        let mut elements = Vec::new();
        for _ in 0..1 + self.below(4) {
            elements.push(match self.one_in(3) {
                true => self.pick(&odd),
                false => {
                    let key = self.pick(&keys);
                    format!("{key}={}", self.pick(&["stable", "canary", "a", "x", ""]))
                }
            });
        }
        elements.join(",")
    }
}
