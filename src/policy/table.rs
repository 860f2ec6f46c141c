//! A hash table from byte strings that come from the config.
//!
//! The keys are ours and only the look-ups are the client's, so a fixed hash is safe: nobody can
//! make chains grow. (`std`'s map would hash with SipHash, several times the cost.)

use crate::bytes;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// A map from byte strings to `T`.
#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: HashTable<(Box<[u8]>, T)>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            entries: HashTable::new(),
        }
    }
}

impl<T> Table<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&T> {
        self.entries
            .find(xxh3_64(key), |(known, _)| bytes::equal(known, key))
            .map(|(_, value)| value)
    }

    /// The value of `key`, made by `default` if it is not there yet.
    pub(crate) fn entry(&mut self, key: &[u8], default: impl FnOnce() -> T) -> &mut T {
        let entry = self.entries.entry(
            xxh3_64(key),
            |(known, _)| known.as_ref() == key,
            |(known, _)| xxh3_64(known),
        );
        let entry = entry.or_insert_with(|| (Box::from(key), default()));
        &mut entry.into_mut().1
    }
}
