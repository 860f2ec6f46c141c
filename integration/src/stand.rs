//! An Envoy with what the companion rendered for canaries, as a user would run it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use coalmine::config::Canaries;
use coalmine_manifests::File;
use coalmine_manifests::envoy::{
    self as target, BOOTSTRAP, CDS, FILTER, LISTENER, Options, PLUGIN, Step,
};
use coalmine_manifests::kubernetes::Provenance;

use crate::client::{Client, Request};
use crate::decisions::{self, Counts};
use crate::discovery::{self, Verdict};
use crate::envoy::{Envoy, Launch};
use crate::refusals::{self, Refusals};
use crate::swap;
use crate::upstream::Upstream;
use crate::workspace;

/// How long Envoy may take to say what it thinks of a config.
const PATIENCE: Duration = Duration::from_secs(20);

/// So many connections that each worker has some of them.
const CONNECTIONS: usize = 16;

/// An Envoy and the folder that it reads; it ends when dropped, the folder stays.
#[derive(Debug)]
pub struct Stand {
    /// The Envoy.
    pub envoy: Envoy,
    /// Where it takes requests.
    pub ingress: SocketAddr,
    options: Options,
    settling: Client,
}

/// Options for an Envoy on free ports of 127.0.0.1, with its files in `folder` and the module of
/// this workspace.
#[must_use]
pub fn options(folder: &Path) -> Options {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    Options {
        listen: loopback,
        admin: Some(loopback),
        folder: folder.display().to_string(),
        module: workspace::module_path().display().to_string(),
        ..Options::default()
    }
}

/// Starts an upstream for each variant of each canary and makes it the variant's endpoint. Its
/// name is the canary's and the variant's: `bookinfo/reviews/stable`.
///
/// # Errors
/// No port is free.
pub fn upstreams(canaries: &mut Canaries) -> Result<Vec<Upstream>> {
    let mut upstreams = Vec::new();
    for canary in &mut canaries.canaries {
        let canary_name = canary.full_name();
        for (name, variant) in &mut canary.spec.variants {
            let upstream = Upstream::start(&format!("{canary_name}/{name}"))?;
            variant.endpoints = vec![upstream.address().to_string()];
            upstreams.push(upstream);
        }
    }
    Ok(upstreams)
}

impl Stand {
    /// Writes rendered files to the folder that the options name, and starts Envoy with them.
    ///
    /// # Errors
    /// The module has not been built, the folder cannot be written, or Envoy does not start.
    pub fn start(launch: Launch, files: &[File], options: Options) -> Result<Self> {
        let module = workspace::module_path();
        if !module.is_file() {
            bail!(
                "{} is not there: run `cargo xtask module`",
                module.display()
            );
        }
        let folder = PathBuf::from(&options.folder);
        for file in files {
            let path = folder.join(&file.name);
            fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            fs::write(&path, &file.contents)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let envoy = launch.config_file(folder.join(BOOTSTRAP)).start()?;
        let ingress = envoy.admin().listener(LISTENER)?;
        Ok(Self {
            envoy,
            ingress,
            options,
            settling: Client::new(ingress),
        })
    }

    /// What it was rendered with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A client of this Envoy with connections of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.ingress)
    }

    /// Replaces the one watched file: other canaries are in force for every request sent after it.
    ///
    /// # Errors
    /// Envoy does not take the file within 20 s.
    pub fn apply(&self, canaries: &Canaries) -> Result<Verdict> {
        self.replace(&target::plugin_resource(
            canaries,
            &Provenance::default(),
            &self.options,
        )?)
    }

    /// Replaces it by one with any text as the plugin's config.
    ///
    /// # Errors
    /// As [`Stand::apply`].
    pub fn apply_text(&self, plugin_config: &str) -> Result<Verdict> {
        self.replace(&target::filter_resource(plugin_config, &self.options)?)
    }

    /// Replaces it by any file.
    ///
    /// # Errors
    /// As [`Stand::apply`].
    pub fn replace(&self, file: &File) -> Result<Verdict> {
        let path = Path::new(&self.options.folder).join(PLUGIN);
        let verdict = discovery::replace(&self.envoy, FILTER, &path, &file.contents, PATIENCE)?;
        // The workers follow one after another: who has answered a request since has followed.
        let nobody = Request::get("/").header("host", "settling.invalid");
        self.settling.send_on_each(CONNECTIONS, &nobody)?;
        Ok(verdict)
    }

    /// Replaces every watched file of the xds form, in the order that loses no request, and waits
    /// until Envoy has all of them: other hosts, variants and endpoints are in force then.
    ///
    /// # Errors
    /// Envoy refuses one of the files, or does not take it within 20 s.
    pub fn change(&self, canaries: &Canaries) -> Result<()> {
        let folder = Path::new(&self.options.folder);
        let before = File {
            name: CDS.to_owned(),
            contents: fs::read_to_string(folder.join(CDS))?,
        };
        let rendered = target::render(canaries, &Provenance::default(), &self.options)?;
        let mut written = Vec::new();
        for step in target::change(&[before], &rendered)? {
            match step {
                Step::Write(file) if file.name == BOOTSTRAP => {}
                Step::Write(file) => {
                    swap::replace(&folder.join(&file.name), &file.contents)?;
                    written.push(file);
                }
                Step::Settle => self.settle(&written)?,
            }
        }
        self.settle(&written)
    }

    /// Waits until Envoy has the files and no cluster is warming.
    fn settle(&self, files: &[File]) -> Result<()> {
        let expected: BTreeMap<String, Option<String>> = files
            .iter()
            .map(|file| {
                let name = target::subscription(&file.name);
                (format!("{name}.version_text"), target::version(file))
            })
            .collect();
        let begun = Instant::now();
        loop {
            let stats = self
                .envoy
                .admin()
                .matching("version_text|rejected|warming")?;
            let is = |(name, version): (&String, &Option<String>)| {
                stats.get(name).and_then(|value| value.as_str()) == version.as_deref()
            };
            let warming = stats.get("cluster_manager.warming_clusters");
            if expected.iter().all(is) && warming.is_some_and(|number| *number == 0) {
                break;
            }
            if begun.elapsed() > PATIENCE {
                let log = self.envoy.problems().join("\n");
                bail!("Envoy did not take {expected:?}, but has {stats:?}\n{log}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let nobody = Request::get("/").header("host", "settling.invalid");
        self.settling.send_on_each(CONNECTIONS, &nobody)?;
        Ok(())
    }

    /// What the filter has counted.
    ///
    /// # Errors
    /// Envoy is gone.
    pub fn decisions(&self) -> Result<Counts> {
        decisions::counts(self.envoy.admin())
    }

    /// On how many requests it has refused a pin.
    ///
    /// # Errors
    /// Envoy is gone.
    pub fn refusals(&self) -> Result<Refusals> {
        refusals::counts(self.envoy.admin())
    }
}
