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

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use vssim_model::context::Attributes;
use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId, VolumeId};

use xxhash_rust::xxh3::xxh3_128;

use crate::disk_format::{CatalogEntry, CopyEntry, SECTOR, StoreInformation};

use super::block_store::{BLOCK_BYTES, Block, BlockStore, ZEROS, pieces};
use super::catalog::store_id;
use super::diff_area::{AreaFull, Commitment, DiffArea, PlainDiffArea};
use super::file_table::{FileId, FileTable};
use super::host::{Devices, Host, Place};
use super::io::read_runs;
use super::journal::Mark;
use super::shortage::AreaFault;
use super::store_area::StoreArea;
use super::volume::Area;
use super::words::Bitmap;
use super::{Layout, Storage, StorageError, Volume};

/// What is known of a shadow copy at its commit and stands in its store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// When (FILETIME). The copies of a volume have times that increase, so an equal or smaller one becomes the next.
    pub created: u64,
    /// The set.
    pub set: SnapshotSetId,
    /// The `VSS_CTX_*` value.
    pub context: u32,
    /// `VSS_VOLSNAP_ATTR_*`.
    pub attributes: u32,
}

/// A commit of which nothing but the time is known.
impl From<u64> for Commit {
    fn from(created: u64) -> Commit {
        Commit { created, ..Commit::default() }
    }
}

/// The flags of a catalog entry in every image that Windows made.
const COPY_FLAGS: u64 = 0x40;

/// What the store of a copy says while the copy is written between PreFinalCommitSnapshots and PostFinalCommitSnapshots.
pub(super) const UNFINISHED: u32 = Attributes::DELAYED_POSTSNAPSHOT.0;

const SECTOR_SIZE: usize = SECTOR as usize;

/// Where the catalogs name a copy, as offsets: on its own volume, and on the host of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entries {
    pub(super) copy: u64,
    pub(super) store: u64,
}

/// A committed shadow copy of one volume.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) id: SnapshotId,
    pub(super) commit: Commit,
    pub(super) information: StoreInformation,
    /// `None` when the layout has no catalog.
    pub(super) entries: Option<Entries>,
    pub(super) writable: bool,
    /// Blocks of a copy that was found on a disk whose content is put together from several places.
    pub(super) composed: Arc<BTreeMap<u64, Box<Block>>>,
    pub(super) files: FileTable,
    /// Whether these are its files; those of a copy that was found on a disk are not known by name.
    pub(super) files_known: bool,
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

    /// When it was made (FILETIME).
    #[must_use]
    pub fn created(&self) -> u64 {
        self.commit.created
    }

    /// What was known of it at its commit.
    #[must_use]
    pub fn commit(&self) -> Commit {
        self.commit
    }

    /// The machine on which it was made, and the machine whose VSS made it.
    #[must_use]
    pub fn machines(&self) -> [&str; 2] {
        [&self.information.operating_machine, &self.information.service_machine]
    }

    /// The files as they were at the commit, and as they were changed in the copy since.
    pub(crate) fn file_table(&self) -> &FileTable {
        &self.files
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

    /// The blocks that a file owned at the commit.
    #[must_use]
    pub fn owned(&self) -> &Bitmap {
        &self.owned
    }

    /// The naive full copy of the commit, with what was written into the copy since; `None` when none was kept.
    #[must_use]
    pub fn reference(&self) -> Option<&BlockStore> {
        self.reference.as_ref()
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
        if let Some(composed) = self.snapshot().composed.get(&block) {
            return Some(composed);
        }
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
    pub(super) fn place(&self, block: u64) -> Place {
        match self.snapshot().area.lookup_overlay(block) {
            Some(block) => Place { volume: self.volumes[self.volume].area.host, block },
            None => self.place_below(block),
        }
    }

    /// Where the content lies that the block has without what was written into the copy itself.
    pub(super) fn place_below(&self, block: u64) -> Place {
        let volume = &self.volumes[self.volume];
        let host = volume.area.host;
        let mut block = block;
        for copy in &volume.snapshots[self.at..] {
            if let Some(block) = copy.area.lookup(block) {
                return Place { volume: host, block };
            }
            block = copy.area.forward(block).unwrap_or(block);
        }
        Place { volume: self.volume, block }
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
        let (blocks, layout) = (self.volumes[at].blocks(), self.layout);
        if let Some(fault) = self.area_broken(at) {
            return Err(StorageError::AreaFull(fault));
        }
        let mut devices = self.devices();
        if layout == Layout::Windows {
            devices.make_catalog_room(at).map_err(|_| StorageError::AreaFull(AreaFault::NoSpace))?;
        }
        let mut host = Host::new(&mut devices, at, None);
        let Area { initial, step, .. } = host.area;
        let made: Result<Box<dyn DiffArea>, AreaFull> = match layout {
            Layout::Windows => StoreArea::new(blocks, initial, step, &mut host).map(|area| Box::new(area) as _),
            Layout::Plain => PlainDiffArea::new(blocks, initial, step, &mut host).map(|area| Box::new(area) as _),
        };
        let fault = host.short.unwrap_or(AreaFault::NoSpace);
        host.done(at);
        let area = made.map_err(|_| StorageError::AreaFull(fault))?;
        self.volumes[at].prepared.push((id, area));
        Ok(())
    }

    /// Gives up a shadow copy that was prepared and not committed.
    ///
    /// # Errors
    /// When no such copy is prepared.
    pub fn abort_snapshot(&mut self, id: SnapshotId) -> Result<(), StorageError> {
        let (at, mut area) = self.take_prepared(id)?;
        let mut devices = self.devices();
        let mut host = Host::new(&mut devices, at, None);
        area.clear(&mut host);
        host.done(at);
        Ok(())
    }

    /// The commit instant: from now on the copy shows the volume as it is at this moment. A time alone (FILETIME) will do for a commit.
    ///
    /// # Errors
    /// When no such copy is prepared.
    pub fn commit_snapshot(&mut self, id: SnapshotId, commit: impl Into<Commit>) -> Result<(), StorageError> {
        let (at, mut area) = self.take_prepared(id)?;
        let mut commit = commit.into();
        let volume = &mut self.volumes[at];
        if let Some(newest) = volume.snapshots.last_mut() {
            commit.created = commit.created.max(newest.commit.created.saturating_add(1));
            Arc::make_mut(newest).pending = volume.pending.clone();
        }
        let mut older = (!volume.snapshots.is_empty()).then(|| volume.pending.clone());
        let owned = volume.files.owned_blocks();
        // The boot sector and its backup are the file system's, although VSS saves neither: a copy shows them.
        let mut in_use = owned.clone();
        for bitmap in [Some(&mut in_use), older.as_mut()].into_iter().flatten() {
            bitmap.put(0, true);
            bitmap.put(owned.len() - 1, true);
        }
        let information = information(id, &commit, &self.machine);
        let mut devices = self.devices();
        devices.flush(at);
        devices.mark(|_| Some(Mark::Begun(id)));
        let mut host = Host::new(&mut devices, at, None);
        let commitment = Commitment { information: &information, in_use: &in_use, needed: older.as_ref() };
        area.commit(&commitment, &mut host);
        host.done(at);
        let entries = devices.enter(at, id, &commit, area.as_ref());
        let references = self.references;
        let volume = &mut self.volumes[at];
        volume.pending.add(&owned);
        volume.snapshots.push(Arc::new(Snapshot {
            id,
            commit,
            information,
            entries,
            writable: false,
            composed: Arc::default(),
            files: volume.files.clone(),
            files_known: true,
            owned,
            vss: volume.files.vss_blocks().clone(),
            area,
            pending: Bitmap::new(volume.store.blocks()),
            reference: references.then(|| volume.store.clone()),
        }));
        let newest = volume.snapshots.len() - 1;
        self.devices().mark_copy(at, newest, Mark::Kept);
        Ok(())
    }

    /// Opens the copy for writing (PreFinalCommitSnapshots) or closes it again (PostFinalCommitSnapshots) (ARC-002).
    ///
    /// # Errors
    /// When there is no such copy.
    pub fn set_writable(&mut self, id: SnapshotId, writable: bool) -> Result<(), StorageError> {
        let (at, copy) = self.snapshot_at(id)?;
        if writable {
            self.devices().mark(|_| Some(Mark::Opened(id)));
        }
        let mut snapshot = Arc::clone(&self.volumes[at].snapshots[copy]);
        let changed = Arc::make_mut(&mut snapshot);
        changed.writable = writable;
        // On the disk it says that the copy is not finished, so that a power cut in the middle gives it up.
        let mut information = changed.information.clone();
        if writable {
            information.attributes |= UNFINISHED;
        }
        let mut devices = self.devices();
        let mut host = Host::new(&mut devices, at, None);
        changed.area.describe_copy(&information, &mut host);
        host.done(at);
        self.volumes[at].snapshots[copy] = snapshot;
        if !writable {
            self.devices().mark_copy(at, copy, Mark::Closed);
        }
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
            self.overlay(at, copy, piece.block, piece.start, now)?;
            let volume = &mut self.volumes[at];
            volume.touched.note(piece.block);
            if let Some(reference) = &mut Arc::make_mut(&mut volume.snapshots[copy]).reference {
                reference.write(piece.block * BLOCK_BYTES + piece.start as u64, now)?;
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
        let now = *self.now;
        let files = &mut Arc::make_mut(&mut self.volumes[at].snapshots[copy]).files;
        files.touch(file, now);
        files.note_written(file, end)
    }

    /// Removes a file from the copy, while it is writable. Its blocks stay saved and compared: they were owned at the commit.
    ///
    /// # Errors
    /// When there is no such copy or file, or the copy is read-only.
    pub fn delete_snapshot_file(&mut self, id: SnapshotId, file: FileId) -> Result<(), StorageError> {
        let (at, copy) = self.writable(id)?;
        Arc::make_mut(&mut self.volumes[at].snapshots[copy]).files.delete(file)
    }

    /// The view of a committed copy.
    ///
    /// # Errors
    /// When there is no such copy.
    pub fn view(&self, id: SnapshotId) -> Result<SnapshotView<'_>, StorageError> {
        let (volume, at) = self.snapshot_at(id)?;
        Ok(SnapshotView { volumes: &self.volumes, volume, at })
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

    /// Writes a part of a block into the copy itself.
    fn overlay(&mut self, at: usize, copy: usize, block: u64, start: usize, bytes: &[u8]) -> Result<(), StorageError> {
        if let Some(fault) = self.area_broken(at) {
            return Err(StorageError::AreaFull(fault));
        }
        let source = SnapshotView { volumes: &self.volumes, volume: at, at: copy }.place(block);
        let mut snapshot = self.volumes[at].snapshots.remove(copy);
        let composed = Arc::make_mut(&mut Arc::make_mut(&mut snapshot).composed).remove(&block);
        let mut devices = Devices::new(&mut self.volumes, &mut self.journal.0);
        if let (Some(whole), Some(place)) = (composed, snapshot.area.lookup_overlay(block)) {
            // The sectors that did not count get what the copy shows there; then the place has the whole block.
            devices.write_content(Place { volume: devices.volumes[at].area.host, block: place }, 0, &whole[..]);
        }
        let mut host = Host::new(&mut devices, at, Some(source)).growing(at).filling(start, bytes);
        let (first, end) = (start / SECTOR_SIZE, (start + bytes.len()).div_ceil(SECTOR_SIZE));
        let sectors = (first..end).fold(0, |sectors, sector| sectors | 1 << sector);
        let saved = Arc::make_mut(&mut snapshot).area.save_overlay(block, sectors, &mut host);
        let fault = host.short.unwrap_or(AreaFault::NoSpace);
        host.done(at);
        self.volumes[at].snapshots.insert(copy, snapshot);
        saved.map_err(|_| StorageError::AreaFull(fault))
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

/// What the header of a store says of its copy.
fn information(id: SnapshotId, commit: &Commit, machine: &str) -> StoreInformation {
    StoreInformation {
        unknown: machine_id(machine),
        snapshot: id.0,
        set: commit.set.0,
        context: commit.context,
        one: 1,
        attributes: commit.attributes,
        operating_machine: machine.to_owned(),
        service_machine: machine.to_owned(),
    }
}

/// The GUID that begins the information of every store of a machine: random in Windows (version 4), here made of the machine's name.
fn machine_id(machine: &str) -> Guid {
    let hash = xxh3_128(machine.as_bytes());
    Guid((hash & !(0xf << 76) & !(0x3 << 62)) | 0x4 << 76 | 0x2 << 62)
}

impl Devices<'_> {
    /// Names a copy in the catalogs. When this is durable, the copy exists.
    fn enter(&mut self, at: usize, id: SnapshotId, commit: &Commit, area: &dyn DiffArea) -> Option<Entries> {
        let store = area.entry(store_id(id.0))?;
        let copy = CopyEntry {
            volume_size: self.volumes[at].size(),
            store: store.store,
            sequence: self.volumes[at].catalog.next_sequence(),
            flags: COPY_FLAGS,
            created: commit.created,
        };
        let (copy, store) = (CatalogEntry::Copy(copy), CatalogEntry::Store(store));
        let host = self.volumes[at].area.host;
        if host == at {
            let copy = self.add_pair(at, &copy, &store)?;
            return Some(Entries { copy, store: copy + CatalogEntry::SIZE as u64 });
        }
        // The store first: a copy without its store would be there and could not be read.
        let store = self.add_foreign(host, &store)?;
        let copy = self.add_pair(at, &copy, &CatalogEntry::Empty)?;
        Some(Entries { copy, store })
    }
}
