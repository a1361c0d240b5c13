//! Shadow copies: prepare, commit, write to, read, delete.
//!
//! ```text
//!  prepare_snapshot ──► commit_snapshot ──► set_writable(true) ──► write_to_snapshot … ──► set_writable(false) ──► delete_snapshot
//!   (gets its area)      (the instant)       PreFinalCommit        auto-recovery (ARC-002)  PostFinalCommit
//! ```
//!
//! At the commit the copy keeps a clone of the file table and the blocks that files own. From then on `pending` of the volume says
//! which blocks have to be saved before they change: those owned at the commit, and those an older copy still reads from the live
//! volume. Only the newest copy's area saves blocks; an older copy reads through the newer ones:
//! its overlay, its own area, the next newer area, and so on to the live volume.
//!
//! Deleting a copy in the middle hands to the next older one the saved blocks which that one reads through it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use vssim_model::ids::{SnapshotId, VolumeId};

use super::block_store::{BLOCK_BYTES, Block, BlockStore, ZEROS, pieces};
use super::diff_area::{DiffArea, PlainDiffArea};
use super::file_table::{FileId, FileTable};
use super::host::{Host, Place};
use super::io::read_runs;
use super::volume::Area;
use super::words::Bitmap;
use super::{Storage, StorageError, Volume};

/// A committed shadow copy of one volume.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) id: SnapshotId,
    created: u64,
    writable: bool,
    pub(super) files: FileTable,
    /// The blocks a file owned at the commit.
    pub(super) owned: Bitmap,
    /// The blocks VSS had for itself at the commit.
    pub(super) vss: Bitmap,
    pub(super) area: Box<dyn DiffArea>,
    /// What was pending when the next newer copy was committed; empty in the newest copy.
    pub(super) pending: Bitmap,
    pub(super) reference: Option<BlockStore>,
}

/// Without its id, which is random, and without its time.
impl Hash for Snapshot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(u8::from(self.writable));
        self.files.hash(state);
        self.owned.hash(state);
        self.vss.hash(state);
        state.write_u64(self.area.digest());
        self.pending.hash(state);
        self.reference.hash(state);
    }
}

impl Snapshot {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// When it was made, as the caller of [`Storage::commit_snapshot`] counts.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.created
    }

    /// Whether it can be written.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// How many blocks a file owned at the commit.
    #[must_use]
    pub fn owned_blocks(&self) -> u64 {
        self.owned.ones()
    }

    /// Its diff area.
    #[must_use]
    pub fn area(&self) -> &dyn DiffArea {
        self.area.as_ref()
    }
}

/// The view of one shadow copy.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotView<'a> {
    pub(super) volumes: &'a [Volume],
    pub(super) volume: usize,
    pub(super) at: usize,
}

impl<'a> SnapshotView<'a> {
    /// The copy.
    #[must_use]
    pub fn snapshot(&self) -> &'a Snapshot {
        &self.volumes[self.volume].snapshots[self.at]
    }

    /// The volume it is a copy of, as that is now.
    #[must_use]
    pub fn volume(&self) -> &'a Volume {
        &self.volumes[self.volume]
    }

    /// The files as they were at the commit, and as they were changed in the copy since.
    #[must_use]
    pub fn files(&self) -> &'a FileTable {
        &self.snapshot().files
    }

    /// One block; `None` beyond the end.
    #[must_use]
    pub fn block(&self, block: u64) -> Option<&'a Block> {
        let place = self.place(block);
        self.volumes[place.volume].store.block(place.block)
    }

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When they do not all lie inside the volume.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), StorageError> {
        self.volumes[self.volume].store.check(offset, into.len())?;
        let mut rest = into;
        for piece in pieces(offset, rest.len()) {
            let (Some(block), Some((now, later))) = (self.block(piece.block), rest.split_at_mut_checked(piece.length))
            else {
                break;
            };
            now.copy_from_slice(&block[piece.start..piece.start + piece.length]);
            rest = later;
        }
        Ok(())
    }

    /// Reads from a file of the copy; gives how many bytes there were before its end.
    ///
    /// # Errors
    /// When the copy has no such file.
    pub fn read_file(&self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let file = self.files().file(file).ok_or(StorageError::NoSuchFile)?;
        read_runs(file, offset, into, |offset, into| self.read(offset, into))
    }

    /// Where the block's content lies.
    fn place(&self, block: u64) -> Place {
        let volume = &self.volumes[self.volume];
        let own = self.snapshot().area.lookup_overlay(block);
        let saved = || volume.snapshots[self.at..].iter().find_map(|copy| copy.area.lookup(block));
        match own.or_else(saved) {
            Some(block) => Place { volume: volume.area.host, block },
            None => Place { volume: self.volume, block },
        }
    }
}

impl Storage {
    /// Makes the diff area of a shadow copy to come (EndPrepareSnapshots).
    ///
    /// # Errors
    /// When there is no such volume, the id is known, or the area cannot have its initial size.
    pub fn prepare_snapshot(&mut self, volume: VolumeId, id: SnapshotId) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        let prepared = |volume: &Volume| volume.prepared.iter().any(|(other, _)| *other == id);
        if self.volumes.iter().any(prepared) || self.snapshot_at(id).is_ok() {
            return Err(StorageError::Duplicate(format!("the shadow copy {id}")));
        }
        let blocks = self.volumes[at].blocks();
        let mut host = Host::new(&mut self.volumes, at, None);
        let Area { initial, step, .. } = host.area;
        let made = PlainDiffArea::new(blocks, initial, step, &mut host);
        self.volumes[at].area = host.area;
        let area = made.map_err(|_| StorageError::AreaFull)?;
        self.volumes[at].prepared.push((id, Box::new(area)));
        Ok(())
    }

    /// Gives up a shadow copy that was prepared and not committed.
    ///
    /// # Errors
    /// When no such copy is prepared.
    pub fn abort_snapshot(&mut self, id: SnapshotId) -> Result<(), StorageError> {
        let (at, mut area) = self.take_prepared(id)?;
        let mut host = Host::new(&mut self.volumes, at, None);
        area.clear(&mut host);
        self.volumes[at].area = host.area;
        Ok(())
    }

    /// The commit instant: from now on the copy shows the volume as it is at this moment. `created` is kept for the caller.
    ///
    /// # Errors
    /// When no such copy is prepared.
    pub fn commit_snapshot(&mut self, id: SnapshotId, created: u64) -> Result<(), StorageError> {
        let (at, area) = self.take_prepared(id)?;
        let references = self.references;
        let volume = &mut self.volumes[at];
        if let Some(newest) = volume.snapshots.last_mut() {
            Arc::make_mut(newest).pending = volume.pending.clone();
        }
        let owned = volume.files.owned_blocks();
        volume.pending.add(&owned);
        volume.snapshots.push(Arc::new(Snapshot {
            id,
            created,
            writable: false,
            files: volume.files.clone(),
            owned,
            vss: volume.files.vss_blocks().clone(),
            area,
            pending: Bitmap::new(volume.store.blocks()),
            reference: references.then(|| volume.store.clone()),
        }));
        Ok(())
    }

    /// Opens the copy for writing (PreFinalCommitSnapshots) or closes it again (PostFinalCommitSnapshots) (ARC-002).
    ///
    /// # Errors
    /// When there is no such copy.
    pub fn set_writable(&mut self, id: SnapshotId, writable: bool) -> Result<(), StorageError> {
        let (at, copy) = self.snapshot_at(id)?;
        Arc::make_mut(&mut self.volumes[at].snapshots[copy]).writable = writable;
        Ok(())
    }

    /// Writes into the copy itself, while it is writable. The live volume and older copies do not see it; the reference does.
    ///
    /// # Errors
    /// When there is no such copy, it is read-only, the bytes are not inside the volume, or the diff area is full; what came before
    /// the block that found no room stays written, in the copy and in its reference alike.
    pub fn write_to_snapshot(&mut self, id: SnapshotId, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let (at, copy) = self.writable(id)?;
        self.volumes[at].store.check(offset, bytes.len())?;
        let mut rest = bytes;
        for piece in pieces(offset, bytes.len()) {
            let Some((now, later)) = rest.split_at_checked(piece.length) else { break };
            let place = self.overlay(at, copy, piece.block)?;
            let start = piece.start as u64;
            let host = self.volumes[at].area.host;
            self.volumes[host].store.write(place * BLOCK_BYTES + start, now)?;
            let volume = &mut self.volumes[at];
            volume.touched.note(piece.block);
            if let Some(reference) = &mut Arc::make_mut(&mut volume.snapshots[copy]).reference {
                reference.write(piece.block * BLOCK_BYTES + start, now)?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Writes into a file of the copy, while it is writable; the file grows when the bytes reach beyond its end.
    ///
    /// # Errors
    /// As [`Storage::write_to_snapshot`]; also when the copy has no such file or no free clusters.
    pub fn write_snapshot_file(
        &mut self,
        id: SnapshotId,
        file: FileId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StorageError> {
        let (at, copy) = self.writable(id)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(bytes.len() as u64).ok_or(StorageError::NoSpace)?;
        let entry = self.volumes[at].snapshots[copy].files.file(file).ok_or(StorageError::NoSuchFile)?;
        let valid = entry.valid();
        if end > entry.size() {
            Arc::make_mut(&mut self.volumes[at].snapshots[copy]).files.set_size(file, end)?;
        }
        // What lies between the valid length and the write is made zero first.
        let mut gap = valid;
        while gap < offset {
            let length = (offset - gap).min(BLOCK_BYTES);
            self.write_snapshot_runs(id, file, gap, &ZEROS[..length as usize])?;
            gap += length;
        }
        self.write_snapshot_runs(id, file, offset, bytes)?;
        Arc::make_mut(&mut self.volumes[at].snapshots[copy]).files.note_written(file, end)
    }

    /// Removes a file from the copy, while it is writable. Its blocks stay saved and compared: they were owned at the commit.
    ///
    /// # Errors
    /// When there is no such copy or file, or the copy is read-only.
    pub fn delete_snapshot_file(&mut self, id: SnapshotId, file: FileId) -> Result<(), StorageError> {
        let (at, copy) = self.writable(id)?;
        Arc::make_mut(&mut self.volumes[at].snapshots[copy]).files.delete(file)
    }

    /// Deletes a shadow copy, whichever of its volume's copies it is.
    ///
    /// # Errors
    /// When there is no such copy.
    pub fn delete_snapshot(&mut self, id: SnapshotId) -> Result<(), StorageError> {
        let (at, copy) = self.snapshot_at(id)?;
        self.remove_snapshot(at, copy);
        Ok(())
    }

    /// The view of a committed copy.
    ///
    /// # Errors
    /// When there is no such copy.
    pub fn view(&self, id: SnapshotId) -> Result<SnapshotView<'_>, StorageError> {
        let (volume, at) = self.snapshot_at(id)?;
        Ok(SnapshotView { volumes: &self.volumes, volume, at })
    }

    pub(super) fn remove_snapshot(&mut self, at: usize, copy: usize) {
        let volume = &mut self.volumes[at];
        let mut gone = volume.snapshots.remove(copy);
        let gone = Arc::make_mut(&mut gone);
        if let Some(older) = copy.checked_sub(1).and_then(|older| volume.snapshots.get_mut(older)) {
            let older = Arc::make_mut(older);
            let moving: Vec<u64> =
                gone.area.saved().map(|(block, _)| block).filter(|&block| older.pending.get(block)).collect();
            for block in moving {
                if let Some(place) = gone.area.take(block) {
                    older.area.adopt(block, place);
                    older.pending.put(block, false);
                    volume.touched.note(block);
                }
            }
        }
        if copy == volume.snapshots.len() {
            let none = Bitmap::new(volume.store.blocks());
            let older = copy.checked_sub(1).and_then(|older| volume.snapshots.get_mut(older));
            volume.pending = match older {
                Some(older) => std::mem::replace(&mut Arc::make_mut(older).pending, none),
                None => none,
            };
        } else {
            forget_needs(volume, copy);
        }
        let mut host = Host::new(&mut self.volumes, at, None);
        gone.area.clear(&mut host);
        self.volumes[at].area = host.area;
    }

    fn write_snapshot_runs(
        &mut self,
        id: SnapshotId,
        file: FileId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StorageError> {
        let mut done = 0_u64;
        let length = bytes.len() as u64;
        while done < length {
            let (at, copy) = self.writable(id)?;
            let entry = self.volumes[at].snapshots[copy].files.file(file).ok_or(StorageError::NoSuchFile)?;
            let Some(run) = entry.runs(offset + done, length - done).next() else { return Err(StorageError::NoSpace) };
            self.write_to_snapshot(id, run.offset, &bytes[done as usize..(done + run.length) as usize])?;
            done += run.length;
        }
        Ok(())
    }

    /// The place of the copy's own content of a block, made when there is none.
    fn overlay(&mut self, at: usize, copy: usize, block: u64) -> Result<u64, StorageError> {
        let source = SnapshotView { volumes: &self.volumes, volume: at, at: copy }.place(block);
        let mut snapshot = self.volumes[at].snapshots.remove(copy);
        let mut host = Host::new(&mut self.volumes, at, Some(source));
        let place = Arc::make_mut(&mut snapshot).area.save_overlay(block, &mut host);
        let area = host.area;
        self.volumes[at].area = area;
        self.volumes[at].snapshots.insert(copy, snapshot);
        place.map_err(|_| StorageError::AreaFull)
    }

    fn writable(&self, id: SnapshotId) -> Result<(usize, usize), StorageError> {
        let (at, copy) = self.snapshot_at(id)?;
        if self.volumes[at].snapshots[copy].writable { Ok((at, copy)) } else { Err(StorageError::ReadOnly(id)) }
    }

    fn take_prepared(&mut self, id: SnapshotId) -> Result<(usize, Box<dyn DiffArea>), StorageError> {
        for (at, volume) in self.volumes.iter_mut().enumerate() {
            if let Some(found) = volume.prepared.iter().position(|(other, _)| *other == id) {
                return Ok((at, volume.prepared.remove(found).1));
            }
        }
        Err(StorageError::NotPrepared(id))
    }
}

/// After the copy before `from` is gone, the newer ones need not save any more what it alone needed.
fn forget_needs(volume: &mut Volume, from: usize) {
    let newest = volume.snapshots.len() - 1;
    for at in from..=newest {
        let mut needed = volume.snapshots[at].owned.clone();
        if let Some(older) = at.checked_sub(1) {
            needed.add(&volume.snapshots[older].pending);
        }
        if at == newest {
            volume.pending.keep(&needed);
        } else {
            Arc::make_mut(&mut volume.snapshots[at]).pending.keep(&needed);
        }
    }
}
