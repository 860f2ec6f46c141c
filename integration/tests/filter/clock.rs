//! A proxy whose clock is put forth and back: what goes by it follows, and no request fails.
//!
//! `docs/failure-modes.md` tells it to users.

use coalmine_cli::pin::{Claims, PrivateKey, mint};
use coalmine_integration::clock::Clock;
use coalmine_integration::envoy::Launch;

use crate::setting::{
    BINARY, PATIENCE, Setting, end_without_failures, in_canary, read, traffic, user, variant,
};

const DAY: i64 = 24 * 3600;

/// From nobody to everyone on one day in 2200, and a guard, whose times are lengths.
const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-pin, signed: {keys: {ops: KEY}}}
  ramp: [{at: 2200-01-01T00:00:00Z, canary: 0%}, {at: 2200-01-02T00:00:00Z, canary: 100%, shape: step}]
  unit: [{header: x-user-id}]
  guard: {minRequests: 5}
";

/// Seconds from now until a moment.
fn until(moment: i64) -> i64 {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    moment - i64::try_from(now.as_secs()).unwrap()
}

#[test]
fn a_clock_that_is_put_forth_and_back_moves_what_goes_by_it_and_fails_nobody() {
    let key = PrivateKey::generate().unwrap();
    let text = CANARY.replace("KEY", &key.public().to_string());
    let clock = Clock::new().unwrap();
    let launch = Launch::new(&*BINARY).under(clock.wrapper());
    let setting = Setting::launch(launch, read(&text), |_| (), |_, _| ()).unwrap();
    let client = setting.client();
    let load = traffic(&setting.stand);
    /// The last second of the year 2199.
    const TURN: i64 = 7_258_118_399;
    let token = mint(
        &key,
        "ops",
        &Claims {
            canaries: vec!["shop".to_owned()],
            variant: "canary".to_owned(),
            subject: "ada".to_owned(),
            expires: TURN,
            not_before: None,
        },
    );
    let check = |offset: i64, drawn: usize, pinned: &str| {
        clock.put(offset).unwrap();
        load.wait_for(50, PATIENCE).unwrap();
        assert_eq!(in_canary(&client, 100).len(), drawn, "{offset}");
        let answer = client
            .send(&user(1).header("x-pin", token.as_str()))
            .unwrap();
        let refusals = setting.stand.refusals().unwrap();
        assert_eq!(variant(&answer), pinned, "{offset}: {refusals:?}");
    };
    check(0, 0, "canary");
    // After the ramp everyone is drawn, and the pin has ended.
    check(until(TURN) + 3 * DAY, 100, "canary");
    check(0, 0, "canary");
    check(-DAY, 0, "canary");
    check(until(TURN) + 3600, 0, "stable");
    check(until(TURN) - 3600, 0, "canary");
    // As after a loss of power, when every pin that has ever ended would be good again.
    check(until(DAY), 0, "stable");
    check(0, 0, "canary");
    end_without_failures(load);
    setting.end_without_problems();
}
