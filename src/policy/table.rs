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
    places: Places,
    values: Vec<T>,
}

/// The place of each key's value, apart from the values: so there is one hash table in the module, and
/// not one for each type of value.
#[derive(Debug, Default)]
struct Places(HashTable<(Box<[u8]>, usize)>);

impl Places {
    #[inline]
    fn get(&self, key: &[u8]) -> Option<usize> {
        self.0
            .find(xxh3_64(key), |(known, _)| bytes::equal(known, key))
            .map(|(_, place)| *place)
    }

    /// The place of `key`, which is `next` if it had none.
    fn entry(&mut self, key: &[u8], next: usize) -> usize {
        let entry = self.0.entry(
            xxh3_64(key),
            |(known, _)| bytes::equal(known, key),
            |(known, _)| xxh3_64(known),
        );
        entry.or_insert_with(|| (Box::from(key), next)).get().1
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            places: Places::default(),
            values: Vec::new(),
        }
    }
}

impl Table<()> {
    /// Adds a key; false if it was there.
    pub(crate) fn add(&mut self, key: &[u8]) -> bool {
        let before = self.values.len();
        self.entry(key, || ());
        before != self.values.len()
    }
}

impl<T> Table<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<&T> {
        self.values.get(self.places.get(key)?)
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The place of a key, which [`Table::at`] takes.
    #[inline]
    pub(crate) fn place(&self, key: &[u8]) -> Option<usize> {
        self.places.get(key)
    }

    /// The value at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&T> {
        self.values.get(place)
    }

    /// Gives back the room that no more values need.
    pub(crate) fn settle(&mut self) {
        self.values.shrink_to_fit();
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.values.iter_mut()
    }

    /// The value of `key`, made by `default` if it is not there yet; always `Some`.
    pub(crate) fn entry(&mut self, key: &[u8], default: impl FnOnce() -> T) -> Option<&mut T> {
        let place = self.places.entry(key, self.values.len());
        if place == self.values.len() {
            self.values.push(default());
        }
        self.values.get_mut(place)
    }
}
