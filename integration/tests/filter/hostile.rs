//! Random requests that no well-behaved client sends: not one fails because of the filter, and each
//! is decided as the same code decides it natively.
//!
//! `COALMINE_HOSTILE` is the number of requests, `COALMINE_SEED` repeats a run.

use std::collections::BTreeMap;
use std::env;
use std::fmt::{self, Display, Formatter};
use std::time::{SystemTime, UNIX_EPOCH};

use coalmine::{Moment, Policy, Timestamp, decide};
use coalmine_integration::client::{Request, Response};
use coalmine_manifests::File;
use coalmine_manifests::envoy::{self as target, Options};
use serde_json::Value;

use crate::random::{HOSTS, Random, VARIANTS, hostile};
use crate::setting::{Setting, VARIANT_HEADER, read, shop, variant};

/// How many requests are sent if nobody says.
const REQUESTS: usize = 20_000;

/// So many are kept in memory at once.
const BATCH: usize = 2_000;

/// The first looks at all kinds of places; nothing in it is as in the second, so that a request
/// that the filter and Envoy's virtual hosts take for different canaries' comes out wrong.
pub(crate) const SHOP: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: ['*.example.com', shop]
  variants: {stable: {}, canary: {}, next: {}}
  default: stable
  pins: {header: x-canary, cookie: canary, query: canary}
  rules:
    - {name: group, when: {header: {name: x-group, in: [staff, beta]}}, route: canary}
    - {name: bytes, when: {header: {name: x-group, regex: '[a-z]+-[0-9]{2,5}'}}, route: next}
    - {name: plan, when: {cookie: {name: plan, contains: pro}}, shares: {canary: 30%, next: 30%}}
    - {name: host, when: {host: {suffix: .beta.example.com}}, route: next}
    - name: mixed
      when:
        all:
          - any: [{path: {prefix: /beta/}}, {method: {in: [PUT, PATCH]}}]
          - not: {query: {name: debug, present: true}}
      route: canary
  shares: {canary: 25%, next: 25%}
  unit: [{header: x-user-id}, {cookie: session}, {query: user}]
";

pub(crate) const REST: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: rest}
spec:
  hosts: ['*']
  variants: {old: {}, canary: {}, blue: {}}
  default: old
  pins: {header: x-noise, cookie: theme, query: debug}
  rules:
    - {name: host, when: {host: {suffix: .beta}}, route: blue}
  shares: {canary: 40%, blue: 40%}
  unit: [{header: x-user-id}]
";

/// A request as it is sent and as the filter is to see it.
pub(crate) struct Asked {
    pub method: &'static str,
    pub path: String,
    pub host: Vec<u8>,
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

impl coalmine::Request for Asked {
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let pseudo: [(&[u8], &[u8]); 3] = [
            (b":authority", &self.host),
            (b":path", self.path.as_bytes()),
            (b":method", self.method.as_bytes()),
        ];
        let headers = self.headers.iter();
        pseudo
            .into_iter()
            // A proxy takes the blanks round a value away.
            .chain(headers.map(|(name, value)| (name.as_bytes(), value.trim_ascii())))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        None
    }
}

impl Asked {
    pub(crate) fn request(&self) -> Request {
        let request = Request::new(self.method, &*self.path).header("host", &*self.host);
        let headers = self.headers.iter();
        headers.fold(request, |request, (name, value)| {
            request.header(*name, &**value)
        })
    }
}

impl Display for Asked {
    fn fmt(&self, text: &mut Formatter<'_>) -> fmt::Result {
        let host = self.host.escape_ascii();
        write!(text, "{} {} of {host}", self.method, self.path)?;
        for (name, value) in &self.headers {
            let start = value.get(..200).unwrap_or(value).escape_ascii();
            write!(text, "\n{name}: {start} ({} bytes)", value.len())?;
        }
        Ok(())
    }
}

/// The canaries need neither time nor draw.
struct Never;

impl Moment for Never {
    fn now(&self) -> Timestamp {
        unreachable!("there is no ramp")
    }

    fn draw(&self) -> u128 {
        unreachable!("nobody is drawn without a unit")
    }
}

pub(crate) fn start(canaries: &str, change: impl FnOnce(&mut Vec<File>, &Options)) -> Setting {
    let room = |options: &mut Options| options.max_request_headers_kib = Some(512);
    Setting::with(read(canaries), room, change)
}

/// The same Envoy but for the filter.
pub(crate) fn without_filter(files: &mut [File]) {
    let bootstrap = files.iter_mut().find(|file| file.name == target::BOOTSTRAP);
    let bootstrap = &mut bootstrap.unwrap().contents;
    let mut tree: Value = serde_saphyr::from_str(bootstrap).unwrap();
    without_filter_of(&mut tree["static_resources"]["listeners"][0]);
    *bootstrap = tree.to_string();
}

/// What takes the requests of a listener.
pub(crate) fn manager_of(listener: &mut Value) -> &mut Value {
    &mut listener["filter_chains"][0]["filters"][0]["typed_config"]
}

/// Takes the filter out of a listener.
pub(crate) fn without_filter_of(listener: &mut Value) {
    let manager = manager_of(listener);
    let filters = manager["http_filters"].as_array_mut().unwrap();
    assert_eq!(filters.remove(0)["name"], target::FILTER);
}

/// What Envoy tells of its virtual machines: how many there are, and what has failed in them.
pub(crate) fn machines(setting: &Setting) -> BTreeMap<String, u64> {
    let mut stats = setting.stand.envoy.admin().stats().unwrap();
    stats.retain(|name, _| name.contains("wasm") && !name.contains("wasmcustom"));
    stats
}

pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

pub(crate) fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    number("COALMINE_SEED").unwrap_or(now.as_secs())
}

#[test]
fn hostile_requests_are_decided_and_harm_nobody() {
    let requests = number("COALMINE_HOSTILE").map_or(REQUESTS, |n| usize::try_from(n).unwrap());
    let seed = seed();
    eprintln!("{requests} hostile requests; to repeat them: COALMINE_SEED={seed}");
    let mut random = Random::new(seed);
    let both = format!("{SHOP}---{REST}");
    let ours = start(&both, |_, _| ());
    let plain = start(&both, |files, _| without_filter(files));
    let policy = Policy::compile(&ours.canaries);
    let (client, plain_client) = (ours.client(), plain.client());
    let before = machines(&ours);
    assert!(
        before["wasm.envoy.wasm.runtime.v8.active"] > 0,
        "{before:?}"
    );

    let mut outcomes = BTreeMap::<String, usize>::new();
    let mut sent = 0;
    while sent < requests {
        let size = BATCH.min(requests - sent);
        let batch: Vec<Asked> = (0..size).map(|_| hostile(&mut random)).collect();
        let answers = client.send_all(batch.iter().map(Asked::request).collect(), 16);
        let answers = answers.unwrap_or_else(|error| panic!("COALMINE_SEED={seed}: {error:#}"));
        for (number, (asked, answer)) in batch.iter().zip(&answers).enumerate() {
            let outcome = check(&policy, asked, answer, |request| {
                plain_client.send(request).unwrap()
            });
            let outcome = outcome.unwrap_or_else(|problem| {
                let request = sent + number;
                panic!("COALMINE_SEED={seed}, request {request}: {problem}\n{asked}")
            });
            *outcomes.entry(outcome).or_default() += 1;
        }
        sent += size;
    }
    eprintln!("{outcomes:?}");
    let variants = [
        ["shop/stable", "shop/canary", "shop/next"],
        ["rest/old", "rest/canary", "rest/blue"],
    ];
    for (variants, tenths) in variants.iter().zip([6, 1]) {
        let served: usize = variants.iter().map(|variant| outcomes[*variant]).sum();
        assert!(
            served * 10 > requests * tenths,
            "too few requests get as far as the filter: {outcomes:?}"
        );
    }

    // The very machines from before still decide.
    assert_eq!(machines(&ours), before);
    for (pin, expected) in [("canary", "canary"), ("next", "next"), ("never", "stable")] {
        let pinned = shop().header("x-canary", pin);
        for answer in client.send_on_each(16, &pinned).unwrap() {
            assert_eq!(variant(&answer), expected);
        }
    }
    ours.end_without_problems();
}

#[test]
fn a_host_is_of_the_canary_whose_virtual_host_it_meets() {
    let check_all = |canaries: &str| {
        let ours = start(canaries, |_, _| ());
        let plain = start(canaries, |files, _| without_filter(files));
        let policy = Policy::compile(&ours.canaries);
        let (client, plain_client) = (ours.client(), plain.client());
        let mut outcomes = BTreeMap::<String, usize>::new();
        for host in HOSTS {
            for forged in VARIANTS {
                let asked = Asked {
                    method: "GET",
                    path: "/".to_owned(),
                    host: host.to_vec(),
                    headers: vec![(VARIANT_HEADER, forged.to_vec())],
                };
                let answer = client.send(&asked.request()).unwrap();
                let outcome = check(&policy, &asked, &answer, |request| {
                    plain_client.send(request).unwrap()
                });
                let outcome = outcome.unwrap_or_else(|problem| panic!("{problem}\n{asked}"));
                *outcomes.entry(outcome).or_default() += 1;
            }
        }
        ours.end_without_problems();
        outcomes
    };
    // Without units and pins everyone gets the default, whatever the client forged.
    let both = check_all(&format!("{SHOP}---{REST}"));
    assert!(
        both["shop/stable"] > 100 && both["rest/old"] > 50,
        "{both:?}"
    );
    // With nobody to govern the rest, Envoy must have no route for it: a forged header would lead.
    let one = check_all(SHOP);
    assert_eq!(one["shop/stable"], both["shop/stable"]);
    assert_eq!(one["of no canary"], both["rest/old"] + both["rest/blue"]);
}

/// What became of a request, or what is wrong about that.
pub(crate) fn check(
    policy: &Policy,
    asked: &Asked,
    answer: &Response,
    plain: impl FnOnce(&Request) -> Response,
) -> Result<String, String> {
    let decision = decide(policy, asked, &Never);
    let served = answer.served_by();
    if served.is_empty() {
        // Not from an upstream: then Envoy itself must have refused it.
        let without = plain(&asked.request()).status;
        return match (answer.status.as_u16(), &decision) {
            (status, _) if without != status => {
                Err(format!("{status} with the filter, {without} without"))
            }
            (404, None) => Ok("of no canary".to_owned()),
            (404, Some(decision)) => Err(format!(
                "of {}, but it meets no virtual host",
                decision.canary.name()
            )),
            (status, _) => Ok(format!("refused by Envoy itself: {status}")),
        };
    }
    let decision = decision.ok_or_else(|| format!("of no canary, but served by {served}"))?;
    let (canary, variant) = (decision.canary, decision.variant_name());
    let received = answer.received().map_err(|error| format!("{error:#}"))?;
    let header = received.all(VARIANT_HEADER);
    let expected: &[&[u8]] = match decision.variant {
        variant if variant == canary.default_variant() => &[],
        _ => &[variant.as_bytes()],
    };
    let wanted = format!("{}/{variant}", canary.name());
    if answer.status != 200 || served != wanted || header != expected {
        let header: Vec<_> = header.iter().map(|value| value.escape_ascii()).collect();
        return Err(format!(
            "{} by {served} with {header:?}, not by {wanted} ({})",
            answer.status,
            decision.reason_name()
        ));
    }
    Ok(wanted)
}
