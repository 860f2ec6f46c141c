//! Rules, alerts and dashboard: as `promtool` judges them, and as a real Prometheus answers them that
//! reads a real Envoy.

mod asked;
mod page;
mod rules;

use coalmine::config::Canaries;
use coalmine::yaml::{self, Source};

/// A canary that can need every rule there is.
const CANARY: &str = "\
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  pins:
    header: x-canary
    signed:
      keys: {ops-2026: MD8gVGIw8XA6caOw3k6COBiN-zQ3HpfTLY950PY8YMw}
      required: true
  shares: {canary: 30%}
  unit: [{header: x-user-id}]
  guard: {minRequests: 50, maxErrorRate: 50%}
  evidence: {slowerThan: [50ms]}
";

fn read(text: &str) -> Canaries {
    let source = Source {
        name: "shop.yaml".to_owned(),
        text: text.to_owned(),
    };
    let (canaries, found) = yaml::read(&[source]);
    assert!(found.is_empty(), "{found:?}");
    canaries
}
