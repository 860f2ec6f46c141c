//! Clients that are slow to send take no version out of service.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use coalmine_integration::series;

use crate::setting::{Setting, in_canary, read, user, variant};

const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  shares: {canary: 50%}
  unit: [{header: x-user-id}]
  guard: {minRequests: 5, maxLatency: 100ms, window: 10s}
";

#[test]
fn a_stalled_upload_opens_no_guard() {
    let setting = Setting::with_workers(1, read(CANARY));
    let client = setting.client();
    let drawn = in_canary(&client, 20);
    let stalled: Vec<TcpStream> = (0..40)
        .map(|number| {
            let user = drawn[number % drawn.len()];
            let mut stream = TcpStream::connect(setting.stand.ingress).unwrap();
            let head = format!(
                "POST / HTTP/1.1\r\nhost: shop\r\nx-user-id: user-{user}\r\ncontent-length: 10\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    // Longer than `maxLatency` and a slot of the window.
    std::thread::sleep(Duration::from_millis(1500));
    let answer = client.send(&user(drawn[0])).unwrap();
    assert_eq!(variant(&answer), "canary");
    drop(stalled);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(in_canary(&client, 20), drawn, "nobody is held back");
    let admin = setting.stand.envoy.admin();
    let changes = series::read(admin, "coalmine_guard_changes").unwrap();
    assert_eq!(series::sum(&changes, "coalmine_guard_changes", &[]), 0.0);
}
