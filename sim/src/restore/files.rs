//! Putting the files of a component set where the rules say.

use std::collections::BTreeMap;

use vssim_model::trace::{Placement, Restored, What};

use super::rules::{Decision, Placed, Range, When};
use crate::backup_store::StoredFile;
use crate::plan::ActorId;
use crate::storage::{Bytes, StorageError, WriteReport};
use crate::world::{Step, World};

/// How much is written at once.
const PIECE: u64 = 64 * 1024;

impl World {
    /// Carries a decision out. Gives how many files came where they belong, and the first failure.
    pub(super) fn put_files(
        &mut self,
        who: ActorId,
        object: u32,
        files: &[&StoredFile],
        decision: &Decision,
        step: &mut Step<'_>,
    ) -> (usize, Option<StorageError>) {
        let (mut good, mut failure) = (0, None);
        for placed in &decision.files {
            let Some(file) = files.get(placed.file) else { continue };
            let (how, target) = match placed.when {
                When::Now => (Placement::Written, placed.to.clone()),
                When::AtReboot => (Placement::Staged, self.staging_place(&placed.to)),
            };
            match self.put_file(&target, file, placed, step) {
                Ok(bytes) => {
                    good += 1;
                    if how == Placement::Staged {
                        self.move_at_start(target, placed.to.clone(), file.path.clone());
                    }
                    let (path, to) = (file.path.clone(), placed.to.clone());
                    let record = Restored::File { object, path, to, bytes, how };
                    self.record(step, who, || What::Restore(record));
                }
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        (good, failure)
    }

    fn put_file(
        &mut self,
        target: &str,
        file: &StoredFile,
        placed: &Placed,
        step: &mut Step<'_>,
    ) -> Result<u64, StorageError> {
        let (volume, path) = self.place_of(target).ok_or(StorageError::NoSuchFile)?;
        let id = self.volume_id(volume);
        let there = self.storage.volume(id)?.files().find(path);
        // Ranges go into a file that is there; a file that is backed up whole takes its place.
        if placed.when == When::AtReboot && !file.whole {
            self.copy_of_target(volume, path, &placed.to)?;
        }
        let there = there.or_else(|| self.storage.volume(id).ok()?.files().find(path));
        let entry = match there {
            Some(entry) => entry,
            None => self.storage.create_file(id, path, if placed.ranges.is_none() { file.size } else { 0 })?,
        };
        if placed.ranges.is_none() && file.whole {
            self.storage.set_file_size(id, entry, file.size)?;
        }
        let mut written = 0;
        for (to, buffer) in pieces(file, placed.ranges.as_deref()) {
            let mut report = WriteReport::default();
            let done = self.storage.write_file(id, entry, to, &buffer, &mut report);
            self.written(volume, &mut report, step);
            done?;
            written += buffer.len() as u64;
        }
        Ok(written)
    }

    /// A staged part of a file is put into a copy of what is there now.
    fn copy_of_target(&mut self, volume: u16, staged: &str, target: &str) -> Result<(), StorageError> {
        let (_, target) = self.place_of(target).ok_or(StorageError::NoSuchFile)?;
        let id = self.volume_id(volume);
        let files = self.storage.volume(id)?.files();
        let Some((old, size)) = files.find(target).and_then(|old| Some((old, files.file(old)?.size()))) else {
            return Ok(());
        };
        let copy = self.storage.create_file(id, staged, size)?;
        let mut offset = 0;
        while offset < size {
            let mut buffer = vec![0_u8; usize::try_from(PIECE.min(size - offset)).unwrap_or(0)];
            self.storage.read_file(id, old, offset, &mut buffer)?;
            self.storage.write_file(id, copy, offset, &buffer, &mut WriteReport::default())?;
            offset += buffer.len() as u64;
        }
        Ok(())
    }
}

/// A piece that is written: where it begins in what is read, where in the file that is written, how much.
type Piece = (u64, u64, u64);

/// Cuts a part into pieces.
fn cut(from: u64, to: u64, length: u64) -> impl Iterator<Item = Piece> {
    let starts = std::iter::successors(Some(0_u64), |done| done.checked_add(PIECE));
    starts
        .take_while(move |done| *done < length)
        .map(move |done| (from.saturating_add(done), to.saturating_add(done), PIECE.min(length - done)))
}

/// The bytes of a piece; what is not there reads as zeros.
fn bytes_of(length: u64, read: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut buffer = vec![0_u8; usize::try_from(length).unwrap_or(0)];
    read(&mut buffer);
    buffer
}

/// What is written of a file, piece by piece: where to, and the bytes.
fn pieces<'a>(file: &'a StoredFile, ranges: Option<&'a [Range]>) -> Box<dyn Iterator<Item = (u64, Vec<u8>)> + 'a> {
    match ranges {
        Some(ranges) => {
            let stored = Stored::of(file);
            let pieces = ranges
                .iter()
                .flat_map(|range| cut(range.from, range.to, range.length.min(file.size.saturating_sub(range.from))));
            Box::new(pieces.map(move |(from, to, length)| (to, bytes_of(length, |into| stored.read(from, into)))))
        }
        None => Box::new(file.parts.iter().flat_map(|(offset, bytes)| {
            cut(0, *offset, bytes.len()).map(move |(from, to, length)| {
                let read = |into: &mut [u8]| {
                    bytes.read(from, into);
                };
                (to, bytes_of(length, read))
            })
        })),
    }
}

/// What was backed up of a file, by offset. The parts may overlap and stand in any order (docs/choices.md, C-22); the last one counts.
struct Stored<'a> {
    /// Stretches that do not overlap: from where to where, the bytes they are of, and where those begin.
    stretches: BTreeMap<u64, (u64, &'a Bytes, u64)>,
}

impl<'a> Stored<'a> {
    fn of(file: &'a StoredFile) -> Stored<'a> {
        let mut stretches: BTreeMap<u64, (u64, &Bytes, u64)> = BTreeMap::new();
        for (start, bytes) in file.parts.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            let (start, end) = (*start, start.saturating_add(bytes.len()));
            // What began before keeps what is before, and what is behind.
            if let Some((&at, &(until, earlier, origin))) = stretches.range(..start).next_back()
                && until > start
            {
                stretches.insert(at, (start, earlier, origin));
                if until > end {
                    stretches.insert(end, (until, earlier, origin));
                }
            }
            while let Some((&at, &(until, earlier, origin))) = stretches.range(start..end).next() {
                stretches.remove(&at);
                if until > end {
                    stretches.insert(end, (until, earlier, origin));
                }
            }
            stretches.insert(start, (end, bytes, start));
        }
        Stored { stretches }
    }

    /// Reads from an offset on into zeros; what was not backed up stays zeros.
    fn read(&self, offset: u64, into: &mut [u8]) {
        let end = offset.saturating_add(into.len() as u64);
        let first = self.stretches.range(..=offset).next_back().map_or(offset, |(at, _)| *at);
        for (&at, &(until, bytes, origin)) in self.stretches.range(first..end) {
            let (low, high) = (at.max(offset), until.min(end));
            if low < high {
                let range = usize::try_from(low - offset).unwrap_or(0)..usize::try_from(high - offset).unwrap_or(0);
                if let Some(part) = into.get_mut(range) {
                    bytes.read(low - origin, part);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(parts: Vec<(u64, Bytes)>) -> StoredFile {
        let (path, size) = ("C:\\a".to_owned(), 1 << 44);
        StoredFile { path, read_from: None, live: false, size, modified: 0, parts, whole: false }
    }

    fn of(bytes: &[u8]) -> Bytes {
        Bytes::from(bytes.to_vec())
    }

    #[test]
    fn parts_that_overlap_in_any_order_are_read_as_they_were_kept() {
        let file = file(vec![(4, of(b"ABCDEFGH")), (0, of(b"abcdef")), (6, of(b"xy")), (40, of(b"")), (20, of(b"z"))]);
        let all = [Range { from: 0, to: 100, length: 22 }, Range { from: 7, to: 0, length: 2 }];
        let written: Vec<(u64, Vec<u8>)> = pieces(&file, Some(&all)).collect();
        assert_eq!(written, [(100, b"abcdefxyEFGH\0\0\0\0\0\0\0\0z\0".to_vec()), (0, b"yE".to_vec())]);
        let written: Vec<u64> = pieces(&file, None).map(|(to, _)| to).collect();
        assert_eq!(written, [4, 0, 6, 20]);
    }

    #[test]
    fn a_part_within_a_part_leaves_both_ends() {
        let file = file(vec![(0, of(b"0123456789")), (3, of(b"abc")), (4, of(b"X"))]);
        let all = [Range { from: 0, to: 0, length: 10 }];
        assert_eq!(pieces(&file, Some(&all)).next(), Some((0, b"012aXc6789".to_vec())));
    }

    #[test]
    fn a_huge_part_is_not_cut_before_it_is_written() {
        let file = file(vec![(0, Bytes::zeros(1 << 44))]);
        assert_eq!(pieces(&file, None).next().map(|(to, bytes)| (to, bytes.len() as u64)), Some((0, PIECE)));
        let all = [Range { from: 5, to: 9, length: u64::MAX }];
        assert_eq!(pieces(&file, Some(&all)).nth(1).map(|(to, _)| to), Some(9 + PIECE));
    }
}
