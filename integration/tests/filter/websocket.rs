//! WebSockets: decided at the upgrade, and counted once when they end.

use std::thread;
use std::time::Duration;

use coalmine_integration::series;

use crate::counted::{CHOSEN, Counts, RESPONSES, add, assert_counts, counts};
use crate::setting::{Setting, read};
use crate::sockets::{REFUSED, Socket, Version};

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary}
  shares: {canary: 100%}
  unit: [{header: x-user-id}]
  evidence: {}
";

/// The two versions of the shop, and an Envoy in front of them.
struct Sockets {
    setting: Setting,
    canary: Version,
    _stable: Version,
}

impl Sockets {
    fn start() -> Self {
        let (stable, canary) = (Version::start("stable"), Version::start("canary"));
        let mut canaries = read(CANARY);
        for (name, variant) in &mut canaries.canaries[0].spec.variants {
            let version = if name == "canary" { &canary } else { &stable };
            variant.endpoints = vec![version.address.to_string()];
        }
        Self {
            setting: Setting::of_endpoints(canaries),
            canary,
            _stable: stable,
        }
    }

    fn open(&self, headers: &[(&'static str, &str)]) -> Socket {
        Socket::open(self.setting.stand.ingress, "/", headers).unwrap()
    }
}

const USER: [(&str, &str); 1] = [("x-user-id", "user-1")];

#[test]
fn a_socket_stays_where_it_was_decided_and_a_new_one_does_not() {
    let mut sockets = Sockets::start();
    let mut open = sockets.open(&USER);
    let mut pinned = sockets.open(&[("x-canary", "canary")]);
    let mut opted_out = sockets.open(&[("x-canary", "never"), USER[0]]);
    let everywhere = |open: &mut [(&mut Socket, &str)], text: &str| {
        for (socket, expected) in open {
            assert_eq!(&socket.version(text), expected);
        }
    };
    let mut all = [
        (&mut open, "canary"),
        (&mut pinned, "canary"),
        (&mut opted_out, "stable"),
    ];
    everywhere(&mut all, "before");
    sockets.setting.change_share("0%");
    everywhere(&mut all, "after");
    let mut new = sockets.open(&USER);
    assert_eq!(new.version("new"), "stable");
    // Longer than the 15 s that Envoy gives an answer if it is not told otherwise.
    thread::sleep(Duration::from_secs(16));
    everywhere(&mut all, "much later");

    // An open socket is not counted yet; each is once, when it ends, whatever was said on it.
    let stand = &sockets.setting.stand;
    let (mut responses, mut chosen) = (Counts::new(), Counts::new());
    assert_eq!(counts(stand, RESPONSES), responses);
    assert_eq!(counts(stand, CHOSEN), chosen);
    open.close();
    add(&mut responses, "canary", "ok");
    assert_counts(stand, RESPONSES, &responses);
    pinned.close();
    add(&mut chosen, "canary", "ok");
    opted_out.close();
    // Without shares nobody is drawn, and nothing of them is evidence.
    new.close();
    assert_counts(stand, CHOSEN, &chosen);
    assert_counts(stand, RESPONSES, &responses);
    // What took time is the handshake, not the life of the socket.
    let latency = || {
        let samples = series::read(stand.envoy.admin(), "coalmine_latency").unwrap();
        let of = |what: &str| {
            let name = format!("coalmine_latency_milliseconds_{what}");
            series::sum(&samples, &name, &[("arm", "canary")])
        };
        (of("count"), of("sum"))
    };
    let flushed = (0..300).any(|_| {
        thread::sleep(Duration::from_millis(50));
        latency().0 > 0.0
    });
    assert!(flushed);
    let (count, sum) = latency();
    assert!(count == 1.0 && sum < 2_000.0, "{count} {sum}");
    sockets.setting.end_without_problems();
}

#[test]
fn every_end_of_a_socket_is_counted_in_its_class() {
    let sockets = Sockets::start();
    let stand = &sockets.setting.stand;
    let mut responses = Counts::new();
    // The version says no.
    let refused = Socket::open(stand.ingress, REFUSED, &USER);
    assert_eq!(refused.err(), Some(403));
    add(&mut responses, "canary", "4xx");
    // An opened socket has had its answer. The client is gone without a word.
    let mut left = sockets.open(&USER);
    assert_eq!(left.version("hello"), "canary");
    drop(left);
    add(&mut responses, "canary", "ok");
    assert_counts(stand, RESPONSES, &responses);
    // The version is gone, and then nobody listens.
    let mut broken = sockets.open(&USER);
    assert_eq!(broken.version("hello"), "canary");
    drop(sockets.canary);
    assert!(broken.is_broken());
    add(&mut responses, "canary", "ok");
    let nobody = Socket::open(stand.ingress, "/", &USER);
    assert_eq!(nobody.err(), Some(503));
    add(&mut responses, "canary", "reset");
    assert_counts(stand, RESPONSES, &responses);
    sockets.setting.end_without_problems();
}
