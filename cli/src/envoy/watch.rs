//! Which files changed.

use crate::outcome::Failure;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// An editor replaces a file in several steps, and people save several files at once.
const QUIET_FOR: Duration = Duration::from_millis(100);

/// Watches the folders of files: who watches a file itself loses it when it is replaced.
pub(super) struct Watch {
    /// Dropped, it watches no more.
    _watcher: RecommendedWatcher,
    changes: UnboundedReceiver<()>,
}

impl Watch {
    /// Begins to watch files and folders.
    ///
    /// # Errors
    /// The system cannot watch a folder.
    pub(super) fn of<'p>(paths: impl Iterator<Item = &'p Path>) -> Result<Self, Failure> {
        let (sender, changes) = unbounded_channel();
        let heard = move |event: notify::Result<notify::Event>| {
            // To be read is no change; an error may hide one.
            let read = event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_)));
            if !read {
                // Nobody is left to hear it at the end.
                let _ = sender.send(());
            }
        };
        let failed = |error: notify::Error| {
            Failure::cannot(format!("cannot watch the files for changes: {error}"))
        };
        let mut watcher = notify::recommended_watcher(heard).map_err(failed)?;
        let folders: BTreeSet<&Path> = paths.map(folder_of).collect();
        for folder in folders {
            watcher
                .watch(folder, RecursiveMode::NonRecursive)
                .map_err(failed)?;
        }
        Ok(Self {
            _watcher: watcher,
            changes,
        })
    }

    /// Waits until something has changed and nothing has for a moment since.
    pub(super) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // Nothing is watched any more, so nothing will ever change.
            return std::future::pending().await;
        }
        while tokio::time::timeout(QUIET_FOR, self.changes.recv())
            .await
            .is_ok()
        {}
    }
}

fn folder_of(path: &Path) -> &Path {
    if path.is_dir() {
        return path;
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
