//! A canary with a rollout in a folder, and the command run there.

use crate::run::{Ran, command, run};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub(super) const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {endpoints: ['127.0.0.1:1']}, canary: {endpoints: ['127.0.0.1:2']}}
  default: stable
  unit: [{header: x-user-id}]
  evidence: {}
  rollout: {steps: [{share: 10%, for: 1m, approve: true}, {share: 50%, for: 1m}]}
";

/// A Prometheus that is none: nobody answers there.
pub(super) const AWAY: &str = "--prometheus http://127.0.0.1:9";

/// A folder with a canary and the config that proxies read, in either of its forms.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self::of(CANARY)
    }

    /// With a canary of one's own, of the same name.
    pub(super) fn of(canary: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("shop.yaml", canary);
        let ran = folder.run("render envoy shop.yaml -o run");
        assert_eq!(ran.code, 0, "{ran}");
        let ran = folder.run("render plugin shop.yaml");
        assert_eq!(ran.code, 0, "{ran}");
        folder.write("plugin.json", &ran.stdout);
        folder
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub(super) fn run(&self, words: &str) -> Ran {
        let words = shlex::split(words).unwrap();
        run(command().args(words).current_dir(self.path()), "")
    }

    pub(super) fn check(&self, words: &str, code: i32, says: &str) {
        let ran = self.run(&format!("rollout {words}"));
        assert_eq!(ran.code, code, "{words}: {ran}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(says), "{words}: {ran}");
    }
}
