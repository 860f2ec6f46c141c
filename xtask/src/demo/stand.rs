//! Two versions of a service, an Envoy in front of them, and its config.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use coalmine::config::Canaries;
use coalmine::yaml::{self, Source};
use coalmine_integration::client::{Client, Request, Response};
use coalmine_integration::discovery::Verdict;
use coalmine_integration::envoy::Launch;
use coalmine_integration::upstream::Upstream;
use coalmine_integration::{stand, workspace};
use coalmine_manifests::envoy as target;
use coalmine_manifests::kubernetes::Provenance;

/// The canary that is shown.
const CANARY: &str = include_str!("canary.yaml");

/// Everything that is up. It ends when dropped.
pub(super) struct Stand {
    pub(super) address: SocketAddr,
    stand: stand::Stand,
    client: Client,
    canaries: Canaries,
    folder: PathBuf,
    _upstreams: [Upstream; 2],
}

impl Stand {
    pub(super) fn start(binary: &Path) -> Result<Self> {
        let upstreams = [Upstream::start("stable")?, Upstream::start("canary")?];
        let canaries = canaries(&upstreams)?;
        let folder = workspace::target_dir().join("demo");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let options = stand::options(&folder);
        let files = target::render(&canaries, &Provenance::default(), &options)?;
        let stand = stand::Stand::start(Launch::new(binary), &files, options)?;
        Ok(Self {
            address: stand.ingress,
            client: stand.client(),
            stand,
            canaries,
            folder,
            _upstreams: upstreams,
        })
    }

    /// The canaries with another share.
    pub(super) fn with_share(&self, share: &str) -> Result<Canaries> {
        let share = coalmine::bucket::Share::parse(share)
            .map_err(|wrong| anyhow::anyhow!("the share {share} {wrong}"))?;
        let mut canaries = self.canaries.clone();
        for canary in &mut canaries.canaries {
            canary.spec.shares = vec![("canary".to_owned(), share)];
        }
        Ok(canaries)
    }

    /// Replaces the one file that Envoy watches.
    pub(super) fn apply(&self, canaries: &Canaries) -> Result<Verdict> {
        self.stand.apply(canaries)
    }

    /// Replaces it by one with any text as the plugin's config.
    pub(super) fn apply_text(&self, plugin_config: &str) -> Result<Verdict> {
        self.stand.apply_text(plugin_config)
    }

    /// Sends requests, each of which has to be answered by one of the two versions.
    pub(super) fn send(&self, requests: Vec<Request>) -> Result<Vec<Response>> {
        let answers = self.client.send_all(requests, 16)?;
        if let Some(answer) = answers.iter().find(|answer| answer.served_by().is_empty()) {
            bail!(
                "a request was not served: {} {}",
                answer.status,
                answer.text()
            );
        }
        Ok(answers)
    }

    /// Stays up until the process is ended.
    pub(super) fn keep(&self) -> Result<()> {
        let (address, folder) = (self.address, self.folder.display());
        let canary = self.folder.join("canary.yaml");
        fs::write(&canary, yaml_with_endpoints(&self._upstreams)?)?;
        // What is in force is what the file says.
        self.apply(&self.canaries)?;
        println!(
            "\nEnvoy listens on http://{address}, its admin interface is http://{admin}; the share is 5%.\n\
             It governs the host `reviews`. A tester, a user in the canary, one who is not, the counts:\n\
             \n  curl -s -H 'host: reviews' -H 'x-canary: canary' {address}\
             \n  curl -s -H 'host: reviews' -H 'x-user-id: mary' {address}\
             \n  curl -s -H 'host: reviews' -H 'x-user-id: alice' {address}\
             \n  curl -s {admin}/stats/prometheus | grep ^coalmine_decisions\
             \n\nTo change the share, edit {canary} and run\
             \n\n  cargo run -p coalmine-cli -- render envoy {canary} -o {folder} \\\
             \n    --folder {folder} --module {module} --listen 127.0.0.1:0 --admin 127.0.0.1:0\
             \n\nCtrl-C ends it all.",
            admin = self.stand.envoy.admin().address(),
            canary = canary.display(),
            module = self.stand.options().module,
        );
        loop {
            std::thread::park();
        }
    }
}

/// The canary's file with the addresses of the upstreams.
fn yaml_with_endpoints(upstreams: &[Upstream; 2]) -> Result<String> {
    let mut text = CANARY.to_owned();
    for upstream in upstreams {
        let line = format!("{}: {{endpoints: [\"127.0.0.1:1\"]}}", upstream.name());
        let with = line.replace("127.0.0.1:1", &upstream.address().to_string());
        if !text.contains(&line) {
            bail!("the demo's canary has no variant `{}`", upstream.name());
        }
        text = text.replace(&line, &with);
    }
    Ok(text)
}

fn canaries(upstreams: &[Upstream; 2]) -> Result<Canaries> {
    let sources = [Source {
        name: "canary.yaml".to_owned(),
        text: yaml_with_endpoints(upstreams)?,
    }];
    let (canaries, problems) = yaml::read(&sources);
    match problems.first() {
        None => Ok(canaries),
        Some(problem) => Err(anyhow::anyhow!(yaml::draw(problem, &sources, false)))
            .context("the demo's own canary is wrong"),
    }
}
