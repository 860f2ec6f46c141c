//! What a worker's VM holds: its configurations, and the streams that something is kept of.
//!
//! Most requests leave nothing here: who they belong to is known from their creation, which comes
//! right before their headers. The host calls nothing here from within a call of ours but the
//! allocator; were it to, what it asks is not done rather than the VM lost.

use crate::plugin::Plugin;
use crate::stream::Stream;
use core::cell::RefCell;
use hashbrown::HashTable;
use std::rc::Rc;

/// The VM of one worker. Contexts are numbered by the host, and no number is used twice at a time.
pub(crate) struct Worker {
    /// The configurations by the numbers of their contexts. There are one or two: the last one, and
    /// while it is replaced the one before.
    roots: RefCell<Vec<(u32, Option<Rc<Plugin>>)>>,
    /// Streams whose request has not come yet, and the configuration of each.
    created: RefCell<Vec<(u32, u32)>>,
    /// Streams whose response is awaited.
    kept: RefCell<HashTable<(u32, Stream)>>,
}

thread_local! {
    /// This VM's.
    pub(crate) static WORKER: Worker = const {
        Worker {
            roots: RefCell::new(Vec::new()),
            created: RefCell::new(Vec::new()),
            kept: RefCell::new(HashTable::new()),
        }
    };
}

impl Worker {
    /// A context for a configuration, which has none yet.
    pub(crate) fn add_root(&self, root: u32) {
        if let Ok(mut roots) = self.roots.try_borrow_mut() {
            roots.push((root, None));
        }
    }

    /// Puts a configuration in force; `None` has nothing to do.
    pub(crate) fn configure(&self, root: u32, plugin: Option<Rc<Plugin>>) {
        let Ok(mut roots) = self.roots.try_borrow_mut() else {
            return;
        };
        if let Some((_, known)) = roots.iter_mut().find(|(known, _)| *known == root) {
            let before = core::mem::replace(known, plugin);
            drop(roots);
            // Its guards may have something to say.
            drop(before);
        }
    }

    /// Whether a context is that of a configuration.
    pub(crate) fn is_root(&self, context: u32) -> bool {
        let roots = self.roots.try_borrow();
        roots.is_ok_and(|roots| roots.iter().any(|(root, _)| *root == context))
    }

    /// A configuration is gone.
    pub(crate) fn remove_root(&self, root: u32) {
        let Ok(mut roots) = self.roots.try_borrow_mut() else {
            return;
        };
        if let Some(index) = roots.iter().position(|(known, _)| *known == root) {
            let gone = roots.swap_remove(index);
            drop(roots);
            drop(gone);
        }
    }

    /// A stream of a configuration begins.
    pub(crate) fn create(&self, stream: u32, root: u32) {
        if let Ok(mut created) = self.created.try_borrow_mut() {
            created.push((stream, root));
        }
    }

    /// The configuration that a stream began under, asked for once. `None` if it has nothing to do.
    pub(crate) fn begin<T>(&self, stream: u32, act: impl FnOnce(&Rc<Plugin>) -> T) -> Option<T> {
        let root = self.forget(stream)?;
        let roots = self.roots.try_borrow().ok()?;
        let (_, plugin) = roots.iter().find(|(known, _)| *known == root)?;
        plugin.as_ref().map(act)
    }

    /// Keeps something of a stream until its response has ended.
    pub(crate) fn keep(&self, context: u32, stream: Stream) {
        let Ok(mut kept) = self.kept.try_borrow_mut() else {
            return;
        };
        kept.insert_unique(hash(context), (context, stream), |(known, _)| hash(*known));
    }

    /// Does something with what is kept of a stream, if anything is.
    pub(crate) fn with(&self, context: u32, act: impl FnOnce(&mut Stream)) {
        let Ok(mut kept) = self.kept.try_borrow_mut() else {
            return;
        };
        if kept.is_empty() {
            return;
        }
        let found = kept.find_mut(hash(context), |(known, _)| *known == context);
        if let Some((_, stream)) = found {
            act(stream);
        }
    }

    /// A stream is gone; what was kept of it.
    pub(crate) fn end(&self, context: u32) -> Option<Stream> {
        self.forget(context);
        let mut kept = self.kept.try_borrow_mut().ok()?;
        if kept.is_empty() {
            return None;
        }
        let entry = kept.find_entry(hash(context), |(known, _)| *known == context);
        entry.ok().map(|entry| entry.remove().0.1)
    }

    fn forget(&self, stream: u32) -> Option<u32> {
        let mut created = self.created.try_borrow_mut().ok()?;
        let index = created.iter().rposition(|(known, _)| *known == stream)?;
        Some(created.swap_remove(index).1)
    }
}

/// Contexts are numbered one by one; the table wants its bits from both ends of a hash.
fn hash(context: u32) -> u64 {
    u64::from(context).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
