//! Canaries with an upstream for each variant, and an Envoy in front of them.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use coalmine::bucket::Share;
use coalmine::config::Canaries;
use coalmine::diagnostic::{Diagnostic, any_error};
use coalmine::yaml::{self, Source};
use coalmine_integration::client::{Client, Request, Response};
use coalmine_integration::discovery::Verdict;
use coalmine_integration::envoy::Launch;
use coalmine_integration::envoy_binary;
use coalmine_integration::load::{Load, Report};
use coalmine_integration::stand::{self, Stand};
use coalmine_integration::upstream::Upstream;
use coalmine_manifests::File;
use coalmine_manifests::envoy::{self as target, Options};
use coalmine_manifests::kubernetes::Provenance;
use tempfile::TempDir;

/// The header that carries a decision.
pub(crate) const VARIANT_HEADER: &str = "x-coalmine-variant";

/// How long anything may take that happens by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A canary with a little of everything.
pub(crate) const USUAL: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  pins: {header: x-canary}
  rules:
    - {name: staff, when: {header: {name: x-group, in: [staff]}}, route: canary}
  shares: {canary: 5%}
  unit: [{header: x-user-id}]
  whenNoUnit: issue-cookie
";

pub(crate) static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    envoy_binary::ensure(&envoy_binary::wanted(), &|step| eprintln!("{step}")).unwrap()
});

/// An Envoy that routes by canaries; the order of the fields is the order of their end.
pub(crate) struct Setting {
    pub stand: Stand,
    /// With the addresses of the upstreams.
    pub canaries: Canaries,
    pub upstreams: Vec<Upstream>,
    _folder: TempDir,
}

impl Setting {
    /// Canaries in YAML, in front of which everything is as the companion renders it.
    pub(crate) fn of(canaries: &str) -> Self {
        Self::with(read(canaries), |_| (), |_, _| ())
    }

    /// With other options, and files changed after they were rendered.
    pub(crate) fn with(
        canaries: Canaries,
        choose: impl FnOnce(&mut Options),
        change: impl FnOnce(&mut Vec<File>, &Options),
    ) -> Self {
        Self::try_with(canaries, choose, change).unwrap()
    }

    /// As [`Setting::with`], where Envoy may refuse to start.
    pub(crate) fn try_with(
        canaries: Canaries,
        choose: impl FnOnce(&mut Options),
        change: impl FnOnce(&mut Vec<File>, &Options),
    ) -> anyhow::Result<Self> {
        Self::launch(Launch::new(&*BINARY), canaries, choose, change)
    }

    /// With so many workers.
    pub(crate) fn with_workers(workers: u32, canaries: Canaries) -> Self {
        let launch = Launch::new(&*BINARY).concurrency(workers);
        Self::launch(launch, canaries, |_| (), |_, _| ()).unwrap()
    }

    /// Started in another way.
    pub(crate) fn launch(
        launch: Launch,
        mut canaries: Canaries,
        choose: impl FnOnce(&mut Options),
        change: impl FnOnce(&mut Vec<File>, &Options),
    ) -> anyhow::Result<Self> {
        let upstreams = stand::upstreams(&mut canaries).unwrap();
        Self::before(launch, canaries, upstreams, choose, change)
    }

    /// In front of endpoints that the canaries name.
    pub(crate) fn of_endpoints(canaries: Canaries) -> Self {
        let launch = Launch::new(&*BINARY);
        Self::before(launch, canaries, Vec::new(), |_| (), |_, _| ()).unwrap()
    }

    fn before(
        launch: Launch,
        canaries: Canaries,
        upstreams: Vec<Upstream>,
        choose: impl FnOnce(&mut Options),
        change: impl FnOnce(&mut Vec<File>, &Options),
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut options = stand::options(folder.path());
        choose(&mut options);
        let mut files = target::render(&canaries, &Provenance::default(), &options).unwrap();
        change(&mut files, &options);
        Ok(Self {
            stand: Stand::start(launch, &files, options)?,
            canaries,
            upstreams,
            _folder: folder,
        })
    }

    /// The upstream of a variant, the first that there is.
    pub(crate) fn upstream(&self, variant: &str) -> &Upstream {
        let of_variant = |upstream: &&Upstream| {
            let (_, name) = upstream.name().rsplit_once('/').unwrap();
            name == variant
        };
        self.upstreams.iter().find(of_variant).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        self.stand.client()
    }

    /// Changes the canaries and puts them in force.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Canaries)) {
        change(&mut self.canaries);
        let verdict = self.stand.apply(&self.canaries).unwrap();
        assert!(matches!(verdict, Verdict::Applied { .. }), "{verdict:?}");
    }

    /// Gives `canary`, in each canary that has it, another share.
    pub(crate) fn change_share(&mut self, share: &str) {
        let share = Share::parse(share).unwrap();
        self.change(|canaries| {
            for canary in &mut canaries.canaries {
                canary.spec.shares = vec![("canary".to_owned(), share)];
            }
        });
    }

    /// That each worker has had connections, so that what is counted is counted in several places.
    pub(crate) fn assert_both_workers(&self) {
        let stats = self.stand.envoy.admin().stats().unwrap();
        for worker in ["worker_0", "worker_1"] {
            let connections = format!(".{worker}.downstream_cx_total");
            let took_some = |(name, count): (&String, &u64)| {
                name.starts_with("listener.127.0.0.1") && name.ends_with(&connections) && *count > 0
            };
            assert!(stats.iter().any(took_some), "{worker}");
        }
    }

    /// Ends Envoy, which must have had nothing to complain about.
    pub(crate) fn end_without_problems(self) {
        let problems = self.stand.envoy.problems();
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
        self.stand.envoy.stop().unwrap();
    }
}

/// The canaries of a YAML text that is right.
pub(crate) fn read(text: &str) -> Canaries {
    match diagnose(text) {
        (canaries, found) if !any_error(&found) => canaries,
        (_, found) => panic!("{found:#?}\n{text}"),
    }
}

/// The canaries of a YAML text, and what is wrong with it.
pub(crate) fn diagnose(text: &str) -> (Canaries, Vec<Diagnostic>) {
    let sources = [Source {
        name: "canary.yaml".to_owned(),
        text: text.to_owned(),
    }];
    yaml::read(&sources)
}

/// The variant whose upstream answered.
///
/// # Panics
/// None did.
pub(crate) fn variant(response: &Response) -> &str {
    assert_eq!(response.status, 200, "{}", response.text());
    let (_, variant) = response.served_by().rsplit_once('/').unwrap();
    variant
}

/// A request of the shop with a user in `x-user-id`.
pub(crate) fn user(number: usize) -> Request {
    shop().header("x-user-id", format!("user-{number}"))
}

/// A request of the shop.
pub(crate) fn shop() -> Request {
    Request::get("/").header("host", "shop")
}

/// The numbers of those among so many users whom `canary` serves.
pub(crate) fn in_canary(client: &Client, users: usize) -> Vec<usize> {
    let answers = client.send_all((0..users).map(user).collect(), 8).unwrap();
    let of_canary = |&number: &usize| variant(&answers[number]) == "canary";
    (0..users).filter(of_canary).collect()
}

/// Whether a count among `all` fits a share, within four standard deviations of a fair draw.
pub(crate) fn assert_share(count: usize, all: usize, share: f64) {
    let (count, all) = (count as f64, all as f64);
    let deviation = (all * share * (1.0 - share)).sqrt();
    let off = (count - all * share).abs();
    assert!(off <= 4.0 * deviation, "{count} of {all} at {share}");
}

/// Requests of [`USUAL`] of all kinds over a few connections.
pub(crate) fn traffic(stand: &Stand) -> Load {
    let load = Load::start(stand.ingress, 4, Duration::from_millis(1), |number| {
        let request = user(usize::try_from(number % 500).unwrap());
        match number % 5 {
            0 => request.header("x-canary", "canary"),
            1 => request.header("x-group", "staff"),
            2 => request.header("x-coalmine-variant", "canary"),
            3 => Request::get("/").header("host", "shop"),
            _ => request,
        }
    });
    load.wait_for(100, PATIENCE).unwrap();
    load
}

/// Ends traffic of which not one request may have failed.
pub(crate) fn end_without_failures(load: Load) -> Report {
    let report = load.stop();
    assert!(report.failures().is_empty(), "{:?}", report.failures());
    report
}
