//! Ramps by the proxy's own clock.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use coalmine::Timestamp;
use coalmine::bucket::Share;
use coalmine::config::{RampPoint, Shape};

use crate::setting::{Setting, assert_share, in_canary};

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  shares: {canary: 2%}
  unit: [{header: x-user-id}]
";

const USERS: usize = 1_000;
const HOUR: i64 = 3_600_000;

/// A point so many milliseconds from now.
fn point(from_now: i64, shape: Shape, share: &str) -> RampPoint {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    RampPoint {
        at: Timestamp::from_unix_millis(now + from_now),
        shape,
        shares: vec![("canary".to_owned(), Share::parse(share).unwrap())],
    }
}

#[test]
fn a_ramp_goes_by_the_clock_of_envoy() {
    let mut setting = Setting::of(CANARY);
    let client = setting.client();
    let mut check = |points: &[(i64, Shape, &str)], share: f64| {
        let ramp = points
            .iter()
            .map(|&(at, shape, share)| point(at, shape, share));
        setting.change(|canaries| canaries.canaries[0].spec.ramp = ramp.collect());
        assert_share(in_canary(&client, USERS).len(), USERS, share);
    };
    let (step, linear) = (Shape::Step, Shape::Linear);
    check(&[(HOUR, step, "50%")], 0.02);
    check(&[(-HOUR, step, "50%"), (HOUR, step, "90%")], 0.5);
    check(&[(-HOUR, step, "10%"), (HOUR, linear, "50%")], 0.3);
    check(&[(-3 * HOUR, step, "0%"), (HOUR, linear, "100%")], 0.75);
    check(&[(-2 * HOUR, step, "10%"), (-HOUR, linear, "100%")], 1.0);
    check(&[(-2 * HOUR, step, "90%"), (-HOUR, linear, "0%")], 0.0);
    setting.end_without_problems();
}

#[test]
fn users_join_while_a_ramp_rises_and_no_config_changes() {
    let mut setting = Setting::of(CANARY);
    let client = setting.client();
    // From 0 % to 100 % in four seconds.
    let ramp = vec![
        point(-500, Shape::Step, "0%"),
        point(3_500, Shape::Linear, "100%"),
    ];
    setting.change(|canaries| canaries.canaries[0].spec.ramp = ramp);
    let mut before = in_canary(&client, 500);
    let mut rose = 0;
    while before.len() < 500 {
        thread::sleep(Duration::from_millis(200));
        let now = in_canary(&client, 500);
        assert!(
            before.iter().all(|user| now.binary_search(user).is_ok()),
            "somebody left while the ramp rose"
        );
        rose += usize::from(now.len() > before.len());
        before = now;
    }
    assert!(rose >= 2, "it rose {rose} times only");
    setting.end_without_problems();
}
