//! The journal on disk: every decision, a line of JSON each.

use crate::outcome::Failure;
use coalmine_rollout::machine::State;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// So much of a journal is read at once, from its end: a year of decisions stays where it is.
const BLOCK: u64 = 64 * 1024;

/// The file, if somebody wants one.
pub(super) struct Journal {
    path: Option<PathBuf>,
}

impl Journal {
    /// In a file, since the journal says how far it goes: a pipe cannot.
    pub(super) fn new(path: Option<PathBuf>) -> Result<Self, Failure> {
        let is_none = |path: &&PathBuf| fs::metadata(path).is_ok_and(|there| !there.is_file());
        match path.as_ref().filter(is_none) {
            None => Ok(Self { path }),
            Some(path) => Err(Failure::refused(format!(
                "a journal is a file, and {} is none: name a file with --journal",
                path.display()
            ))),
        }
    }

    /// The number of the next entry of a canary: where a state was lost the journal says which there are.
    pub(super) fn next(&self, canary: &str) -> u64 {
        let file = self.path.as_ref().map(File::open);
        let last = file
            .and_then(Result::ok)
            .and_then(|mut file| last_number(&mut file, canary, BLOCK).ok());
        last.unwrap_or_default().saturating_add(1)
    }

    /// Appends what it lacks of the state's, so that nobody's death loses an entry. Two that write one
    /// journal wait for each other.
    pub(super) fn append(&self, state: &State) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let cannot =
            |error: io::Error| Failure::cannot(format!("cannot write {}: {error}", path.display()));
        let mut options = OpenOptions::new();
        let file = options.create(true).read(true).append(true).open(path);
        let mut file = file.map_err(cannot)?;
        // A file system without locks has one that writes, or lines twice.
        let _ = file.lock();
        let last = last_number(&mut file, &state.canary, BLOCK).map_err(cannot)?;
        let mut lines = String::new();
        // One that a death has cut in two is ended.
        if !ends_a_line(&mut file).map_err(cannot)? {
            lines.push('\n');
        }
        for entry in state.journal.iter().filter(|entry| entry.number > last) {
            let line = serde_json::to_string(entry);
            lines += &line.map_err(|error| cannot(error.into()))?;
            lines.push('\n');
        }
        file.write_all(lines.as_bytes()).map_err(cannot)
    }
}

/// Whether nothing stands behind the last line.
fn ends_a_line(journal: &mut (impl Read + Seek)) -> io::Result<bool> {
    if journal.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    let mut last = [0];
    journal.seek(SeekFrom::End(-1))?;
    journal.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The number of the last whole entry of a canary, looked for from the end, a block at a time.
fn last_number(journal: &mut (impl Read + Seek), canary: &str, block: u64) -> io::Result<u64> {
    let mut from = journal.seek(SeekFrom::End(0))?;
    // What was read of a line that begins in an earlier block.
    let mut tail = Vec::new();
    while from > 0 {
        let length = block.min(from);
        from -= length;
        journal.seek(SeekFrom::Start(from))?;
        let mut read = Vec::new();
        journal.take(length).read_to_end(&mut read)?;
        read.append(&mut tail);
        let mut lines = read.split(|byte| *byte == b'\n');
        // The first of them is whole where the journal begins.
        let first = lines.next().unwrap_or_default();
        if let Some(number) = lines.rev().find_map(|line| number(line, canary)) {
            return Ok(number);
        }
        tail = first.to_vec();
    }
    Ok(number(&tail, canary).unwrap_or_default())
}

/// The number of an entry, if it is one of this canary.
fn number(line: &[u8], canary: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    let its = value.get("canary")?.as_str()? == canary;
    its.then(|| value.get("number")?.as_u64())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Whatever the blocks are, the last whole entry is found.
    #[test]
    fn the_last_entry_is_found_in_blocks_of_any_size() {
        let entry = |canary: &str, number: u64| {
            format!("{{\"canary\":\"{canary}\",\"number\":{number},\"message\":\"größer\"}}\n")
        };
        let check = |journal: &str, expected: u64| {
            for block in 1..=journal.len() as u64 + 1 {
                let mut journal = Cursor::new(journal);
                let found = last_number(&mut journal, "shop", block).unwrap();
                assert_eq!(found, expected, "in blocks of {block}");
            }
        };
        check("", 0);
        check("\n", 0);
        check(&entry("shop", 7), 7);
        let others = entry("cart", 9) + &entry("web/shop", 3);
        check(&others, 0);
        let whole = [entry("shop", 1), entry("shop", 2), others].concat();
        check(&whole, 2);
        // A death has cut it, in the middle of a letter perhaps.
        check(&(whole.clone() + "{\"canary\":\"shop\",\"number\":3,"), 2);
        check(&(whole + "no JSON\n" + &entry("shop", 4)), 4);
        check(entry("shop", 5).trim_end(), 5);
    }

    /// What stands far in front is not read.
    #[test]
    fn what_is_behind_the_last_entry_is_enough() {
        /// Bytes that must not be read below a line.
        struct Guarded(Cursor<Vec<u8>>, u64);

        impl Read for Guarded {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                assert!(self.0.position() >= self.1, "read at {}", self.0.position());
                self.0.read(into)
            }
        }

        impl Seek for Guarded {
            fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                self.0.seek(to)
            }
        }

        let line = "{\"canary\":\"shop\",\"number\":1}\n";
        let journal = line.repeat(100_000);
        let end = journal.len() as u64;
        let mut guarded = Guarded(Cursor::new(journal.into_bytes()), end - BLOCK);
        assert_eq!(last_number(&mut guarded, "shop", BLOCK).unwrap(), 1);
        assert!(ends_a_line(&mut guarded).unwrap());
    }
}
