//! Putting the files of a component set where the rules say.

use vssim_model::trace::{Placement, Restored, What};

use super::rules::{Decision, Placed, Range, When};
use crate::backup_store::StoredFile;
use crate::plan::ActorId;
use crate::storage::{StorageError, WriteReport};
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
        for (from, to, length) in pieces(file, placed.ranges.as_deref()) {
            let mut buffer = vec![0_u8; usize::try_from(length).unwrap_or(0)];
            read_stored(file, from, &mut buffer);
            let mut report = WriteReport::default();
            let done = self.storage.write_file(id, entry, to, &buffer, &mut report);
            self.written(volume, &mut report, step);
            done?;
            written += length;
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

/// What is written, in pieces: where it begins in the file that was backed up, where in the file that is written, how much.
fn pieces(file: &StoredFile, ranges: Option<&[Range]>) -> Vec<(u64, u64, u64)> {
    let mut all = Vec::new();
    let mut cut = |from: u64, to: u64, length: u64| {
        let mut done = 0;
        while done < length {
            let piece = PIECE.min(length - done);
            all.push((from + done, to + done, piece));
            done += piece;
        }
    };
    match ranges {
        Some(ranges) => {
            for range in ranges {
                let length = range.length.min(file.size.saturating_sub(range.from));
                cut(range.from, range.to, length);
            }
        }
        None => {
            for (offset, bytes) in &file.parts {
                cut(*offset, *offset, bytes.len());
            }
        }
    }
    all
}

/// Reads what was backed up of a file; what was not reads as zeros.
fn read_stored(file: &StoredFile, offset: u64, into: &mut [u8]) {
    let end = offset + into.len() as u64;
    for (start, bytes) in &file.parts {
        let (low, high) = ((*start).max(offset), (*start + bytes.len()).min(end));
        if low < high {
            let range = usize::try_from(low - offset).unwrap_or(0)..usize::try_from(high - offset).unwrap_or(0);
            if let Some(part) = into.get_mut(range) {
                bytes.read(low - *start, part);
            }
        }
    }
}
