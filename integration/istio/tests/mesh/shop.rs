//! The canary of most tests: `shop`, of which there are two versions.

/// At a share like `30%` in a namespace, with more lines of its spec.
pub(crate) fn shop(namespace: &str, share: &str, more: &[&str]) -> String {
    let mut text = format!(
        "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: shop, namespace: {namespace}}}
spec:
  hosts: [shop]
  variants:
    stable: {{labels: {{version: v1}}}}
    canary: {{labels: {{version: v2}}}}
  default: stable
  pins: {{header: x-canary}}
  shares: {{canary: {share}}}
  unit: [{{header: x-user-id}}]
"
    );
    for line in more {
        text += &format!("  {line}\n");
    }
    text
}
