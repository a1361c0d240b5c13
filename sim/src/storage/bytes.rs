//! Bytes of a file as they were at one moment: references to the pages that hold them, so that keeping a file costs no copy of it.
//!
//! ```text
//!  a file:   [ run ][ run ]              pieces:  (at, page, start, length) …
//!  blocks:   ▒▒▒▒  ▒▒▒▒                  what no piece covers reads as zeros
//! ```
//!
//! A page that is written to later is copied first, as for every clone of a [`BlockStore`].

use std::fmt;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::block_store::{BlockStore, Page, pieces};
use super::file_table::{File, FileId};
use super::snapshot::SnapshotView;
use super::{BLOCK_SIZE, Storage, StorageError};
use vssim_model::ids::VolumeId;

/// Bytes in a row that never change. A clone shares everything.
#[derive(Clone, Default)]
pub struct Bytes {
    length: u64,
    pieces: Arc<[Piece]>,
}

/// Some of them, in one place of the memory.
#[derive(Clone)]
struct Piece {
    at: u64,
    start: usize,
    length: usize,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Page(Arc<Page>),
    Own(Arc<[u8]>),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        let all = match &self.source {
            Source::Page(page) => page.bytes(),
            Source::Own(bytes) => bytes,
        };
        all.get(self.start..self.start + self.length).unwrap_or_default()
    }

    fn end(&self) -> u64 {
        self.at + self.length as u64
    }
}

impl Bytes {
    /// So many zeros.
    #[must_use]
    pub fn zeros(length: u64) -> Bytes {
        Bytes { length, pieces: Arc::default() }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// What is not known to be zeros, as offsets and bytes, in order.
    pub fn pieces(&self) -> impl Iterator<Item = (u64, &[u8])> + '_ {
        self.pieces.iter().map(|piece| (piece.at, piece.bytes()))
    }

    /// Fills `into` with the bytes from `offset` on; gives how many there were before the end.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let length = self.length.saturating_sub(offset).min(into.len() as u64) as usize;
        let Some(into) = into.get_mut(..length) else { return 0 };
        into.fill(0);
        let end = offset.saturating_add(length as u64);
        let first = self.pieces.partition_point(|piece| piece.end() <= offset);
        for piece in self.pieces.iter().skip(first).take_while(|piece| piece.at < end) {
            let (from, to) = (piece.at.max(offset), piece.end().min(end));
            let part = piece.bytes().get((from - piece.at) as usize..(to - piece.at) as usize);
            let place = into.get_mut((from - offset) as usize..(to - offset) as usize);
            if let (Some(place), Some(part)) = (place, part) {
                place.copy_from_slice(part);
            }
        }
        length
    }

    /// All bytes, in memory of their own. For what is known to be small.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.length).unwrap_or(0)];
        self.read(0, &mut bytes);
        bytes
    }

    /// A number that two states have in common only when these bytes are the same. It is made of the hashes that are kept with the
    /// blocks, so no byte is read.
    #[must_use]
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = Xxh3::with_seed(self.length);
        for piece in self.pieces.iter() {
            hasher.update(&piece.at.to_le_bytes());
            hasher.update(&(piece.length as u64).to_le_bytes());
            match &piece.source {
                Source::Page(page) => {
                    hasher.update(&((piece.start % BLOCK_SIZE) as u64).to_le_bytes());
                    let blocks = piece.start / BLOCK_SIZE..(piece.start + piece.length).div_ceil(BLOCK_SIZE);
                    for hash in page.hashes().get(blocks).unwrap_or_default() {
                        hasher.update(&hash.to_le_bytes());
                    }
                }
                Source::Own(_) => hasher.update(piece.bytes()),
            }
        }
        hasher.digest()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        let length = bytes.len();
        if length == 0 {
            return Bytes::default();
        }
        let piece = Piece { at: 0, start: 0, length, source: Source::Own(bytes.into()) };
        Bytes { length: length as u64, pieces: Arc::from([piece]) }
    }
}

/// The same bytes, wherever they lie.
impl PartialEq for Bytes {
    fn eq(&self, other: &Bytes) -> bool {
        const AT_ONCE: usize = 16 * 1024;
        if self.length != other.length {
            return false;
        }
        let (mut one, mut two) = (vec![0; AT_ONCE], vec![0; AT_ONCE]);
        let mut offset = 0;
        loop {
            let read = self.read(offset, &mut one);
            other.read(offset, &mut two);
            if one.get(..read) != two.get(..read) {
                return false;
            }
            if read < AT_ONCE {
                return true;
            }
            offset += read as u64;
        }
    }
}

impl Eq for Bytes {}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}

/// Pieces being put together.
#[derive(Default)]
pub(super) struct Sharing(Vec<Piece>);

impl Sharing {
    /// A part of a page that belongs at `at`.
    pub(super) fn page(&mut self, at: u64, page: &Arc<Page>, start: usize, length: usize) {
        if let Some(last) = self.0.last_mut()
            && let Source::Page(before) = &last.source
            && Arc::ptr_eq(before, page)
            && last.end() == at
            && last.start + last.length == start
        {
            last.length += length;
            return;
        }
        self.0.push(Piece { at, start, length, source: Source::Page(Arc::clone(page)) });
    }

    fn own(&mut self, at: u64, bytes: &[u8]) {
        self.0.push(Piece { at, start: 0, length: bytes.len(), source: Source::Own(bytes.into()) });
    }

    fn finish(self, length: u64) -> Bytes {
        Bytes { length, pieces: self.0.into() }
    }
}

/// A part of a file, through `share`, which is told where in the result and where on the volume.
fn of_file(file: &File, offset: u64, length: u64, mut share: impl FnMut(u64, u64, u64)) -> u64 {
    let length = file.size().saturating_sub(offset).min(length);
    let valid = file.valid().saturating_sub(offset).min(length);
    let mut at = 0;
    for run in file.runs(offset, valid) {
        share(at, run.offset, run.length);
        at += run.length;
    }
    length
}

impl SnapshotView<'_> {
    /// Keeps a part of a file of the copy as it is now, as far as the file reaches.
    ///
    /// # Errors
    /// When the copy has no such file.
    pub fn share_file(&self, file: FileId, offset: u64, length: u64) -> Result<Bytes, StorageError> {
        let file = self.files().file(file).ok_or(StorageError::NoSuchFile)?;
        let mut sharing = Sharing::default();
        let length = of_file(file, offset, length, |at, from, length| {
            let mut at = at;
            for piece in pieces(from, length as usize) {
                if let Some(composed) = self.snapshot().composed.get(&piece.block) {
                    sharing.own(at, composed.get(piece.start..piece.start + piece.length).unwrap_or_default());
                } else {
                    let place = self.place(piece.block);
                    if let Some(volume) = self.volumes.get(place.volume) {
                        volume.store.share(place.block, piece.start, piece.length, at, &mut sharing);
                    }
                }
                at += piece.length as u64;
            }
        });
        Ok(sharing.finish(length))
    }
}

impl Storage {
    /// Keeps a part of a file of the live volume as it is now, as far as the file reaches.
    ///
    /// # Errors
    /// When there is no such volume or file.
    pub fn share_file(&self, volume: VolumeId, file: FileId, offset: u64, length: u64) -> Result<Bytes, StorageError> {
        let volume = self.volume(volume)?;
        let file = volume.files.file(file).ok_or(StorageError::NoSuchFile)?;
        let mut sharing = Sharing::default();
        let length = of_file(file, offset, length, |at, from, length| {
            let mut at = at;
            for piece in pieces(from, length as usize) {
                volume.store.share(piece.block, piece.start, piece.length, at, &mut sharing);
                at += piece.length as u64;
            }
        });
        Ok(sharing.finish(length))
    }
}

impl BlockStore {
    /// Adds a reference to a part of a block; to nothing when the block is all zeros.
    fn share(&self, block: u64, start: usize, length: usize, at: u64, into: &mut Sharing) {
        if let Some((page, first)) = self.page_of(block) {
            into.page(at, page, first + start, length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::{C, machine};
    use crate::storage::{BLOCK_BYTES, WriteReport};

    #[test]
    fn what_is_kept_stays_when_the_file_is_written_over() {
        let (mut storage, volume) = (machine(32), C);
        let file = storage.create_file(volume, "a", 5 * BLOCK_BYTES).unwrap();
        let mut report = WriteReport::default();
        let bytes: Vec<u8> = (0..3 * BLOCK_BYTES as usize + 77).map(|n| (n * 7 / 3) as u8).collect();
        storage.write_file(volume, file, 100, &bytes, &mut report).unwrap();
        let kept = storage.share_file(volume, file, 50, u64::MAX).unwrap();
        storage.write_file(volume, file, 0, &vec![1; 5 * BLOCK_BYTES as usize], &mut report).unwrap();
        let mut wanted = vec![0; 5 * BLOCK_BYTES as usize - 50];
        wanted[50..50 + bytes.len()].copy_from_slice(&bytes);
        assert!(kept.to_vec() == wanted && kept == Bytes::from(wanted));
        let again = storage.share_file(volume, file, 50, u64::MAX).unwrap();
        assert!(again != kept && again.digest() != kept.digest());
        let mut few = [9; 4];
        assert_eq!((kept.read(kept.len() - 3, &mut few), few), (3, [0, 0, 0, 9]));
        assert_eq!(kept.read(kept.len() + 1, &mut few), 0);
    }

    #[test]
    fn a_file_that_was_never_written_takes_no_memory() {
        let (mut storage, volume) = (machine(32), C);
        let file = storage.create_file(volume, "a", 7 * BLOCK_BYTES).unwrap();
        let kept = storage.share_file(volume, file, 0, u64::MAX).unwrap();
        assert_eq!((kept.len(), kept.pieces().count()), (7 * BLOCK_BYTES, 0));
        assert!(kept == Bytes::zeros(7 * BLOCK_BYTES) && Bytes::default().is_empty());
    }
}
