//! Disks and volumes: a volume is made of extents on disks, so that two volumes can share a disk and one can span two.
//!
//! The bytes are kept per volume; the extents say which part of which disk they stand for. They may not overlap and lie inside their
//! disk, else the volume is refused. What is asked of a volume by its users (`IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS`, the GUID
//! name, the mount point) is answered here.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use vssim_model::ids::{Guid, SnapshotId, VolumeId};

use crate::disk_format::{BootSector, ReadAt, ReadError, SECTOR};

use super::block_store::{BLOCK_BYTES, BlockStore, MAX_BLOCKS};
use super::catalog::Catalog;
use super::diff_area::DiffArea;
use super::file_table::FileTable;
use super::gate::Gate;
use super::path;
use super::snapshot::Snapshot;
use super::words::Bitmap;
use super::{Storage, StorageError};

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disk {
    /// What it is called in a scenario.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// A part of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DiskExtent {
    /// The number of the disk.
    pub disk: u32,
    /// Where it starts on the disk.
    pub offset: u64,
    /// How long it is.
    pub length: u64,
}

/// Where a volume is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MountPoint {
    /// At a drive letter, in upper case.
    Letter(char),
    /// In a folder, with its trailing backslash.
    Folder(String),
}

/// What a new volume shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Its id.
    pub id: VolumeId,
    /// Where it is mounted, if anywhere.
    pub mount: Option<MountPoint>,
    /// Its parts, in order. Together they are a multiple of 16 KiB.
    pub extents: Vec<DiskExtent>,
    /// How many blocks share a page of memory, 1 to 64 (see [`BlockStore::new`]).
    pub blocks_a_page: u32,
}

/// Where and how large the diff area of a volume's shadow copies is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaSettings {
    /// The volume on which it lies.
    pub host: VolumeId,
    /// What each copy gets when it is prepared.
    pub initial: u64,
    /// By how much it grows.
    pub step: u64,
    /// What all copies of the volume may have together; `None` is unbounded.
    pub maximum: Option<u64>,
}

/// The same in blocks, with the host as its place among the volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Area {
    pub(super) host: usize,
    pub(super) initial: u64,
    pub(super) step: u64,
    pub(super) maximum: u64,
    /// What the copies of the volume have together.
    pub(super) allocated: u64,
    /// Whether it was told that the copies are at risk, since the area last grew as it should.
    pub(super) at_risk: bool,
}

/// The blocks that were written since somebody last asked.
#[derive(Clone, Debug)]
pub(super) struct Touched {
    seen: Bitmap,
    list: Vec<u64>,
}

impl Touched {
    pub(super) fn note(&mut self, block: u64) {
        if self.seen.put(block, true) {
            self.list.push(block);
        }
    }

    fn take(&mut self, into: &mut Vec<u64>) {
        into.clear();
        std::mem::swap(into, &mut self.list);
        for &block in into.iter() {
            self.seen.put(block, false);
        }
    }
}

/// A volume.
#[derive(Clone, Debug)]
pub struct Volume {
    id: VolumeId,
    /// The id by which the structures on the volume name it; another one than `id` when an image brought it.
    pub(super) vss_id: Guid,
    /// Its size in bytes; the last block may reach beyond it when an image was loaded.
    pub(super) length: u64,
    mount: Option<MountPoint>,
    extents: Vec<DiskExtent>,
    pub(super) store: BlockStore,
    pub(super) files: FileTable,
    pub(super) gate: Gate,
    pub(super) area: Area,
    /// The blocks whose old content some copy still needs and which were not saved yet.
    pub(super) pending: Bitmap,
    pub(super) prepared: Vec<(SnapshotId, Box<dyn DiffArea>)>,
    /// Oldest first.
    pub(super) snapshots: Vec<Arc<Snapshot>>,
    pub(super) catalog: Catalog,
    /// Whether a file system said which clusters are used.
    pub(super) files_known: bool,
    pub(super) touched: Touched,
    /// A planted fault: old blocks are not saved.
    pub(super) forgetful: bool,
    /// A planted fault: VSS cannot write to the volume.
    pub(super) failing: bool,
    /// A planted fault: the diff area of the volume does not grow in time.
    pub(super) slow: bool,
}

/// Without ids, which are random, and without the list of touched blocks, which nobody observes.
impl Hash for Volume {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.mount.hash(state);
        self.extents.hash(state);
        self.store.hash(state);
        self.files.hash(state);
        self.gate.hash(state);
        self.area.hash(state);
        self.pending.hash(state);
        state.write_usize(self.prepared.len());
        for (_, area) in &self.prepared {
            state.write_u64(area.digest());
        }
        self.snapshots.hash(state);
        state.write_u8(u8::from(self.failing) | u8::from(self.slow) << 1);
    }
}

impl Volume {
    /// The same volume as a machine has it that has just started: nothing of what lies on it is known yet.
    pub(super) fn blank(&self) -> Volume {
        let blocks = self.store.blocks();
        Volume {
            id: self.id,
            vss_id: self.vss_id,
            length: self.length,
            mount: self.mount.clone(),
            extents: self.extents.clone(),
            store: self.store.clone(),
            files: FileTable::new(blocks),
            gate: Gate::default(),
            area: Area { allocated: 0, ..self.area },
            pending: Bitmap::new(blocks),
            prepared: Vec::new(),
            snapshots: Vec::new(),
            catalog: Catalog::default(),
            files_known: false,
            touched: Touched { seen: Bitmap::new(blocks), list: Vec::new() },
            forgetful: false,
            failing: false,
            slow: false,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> VolumeId {
        self.id
    }

    /// Where it is mounted.
    #[must_use]
    pub fn mount(&self) -> Option<&MountPoint> {
        self.mount.as_ref()
    }

    /// The parts of disks it is made of (`VOLUME_DISK_EXTENTS`).
    #[must_use]
    pub fn disk_extents(&self) -> &[DiskExtent] {
        &self.extents
    }

    /// Its size in blocks of 16 KiB.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.store.blocks()
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.length
    }

    /// Its bytes as they are now.
    #[must_use]
    pub fn store(&self) -> &BlockStore {
        &self.store
    }

    /// Its files as they are now.
    #[must_use]
    pub fn files(&self) -> &FileTable {
        &self.files
    }

    /// Its write gate.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Whether no write of volsnap to it succeeds.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing
    }

    /// How many shadow copies it has.
    #[must_use]
    pub fn snapshot_count(&self) -> usize {
        self.snapshots.len()
    }

    /// The shadow copies that are prepared and neither committed nor given up.
    pub fn prepared(&self) -> impl Iterator<Item = SnapshotId> + '_ {
        self.prepared.iter().map(|(id, _)| *id)
    }

    /// How many bytes the diff areas of its copies take on their host.
    #[must_use]
    pub fn area_allocated(&self) -> u64 {
        self.area.allocated * BLOCK_BYTES
    }

    /// How many bytes of them hold something.
    #[must_use]
    pub fn area_used(&self) -> u64 {
        self.snapshots.iter().map(|copy| copy.area.used()).sum::<u64>() * BLOCK_BYTES
    }

    /// The most its diff areas may take together; `None` is unbounded.
    #[must_use]
    pub fn area_maximum(&self) -> Option<u64> {
        (self.area.maximum != u64::MAX).then(|| self.area.maximum.saturating_mul(BLOCK_BYTES))
    }
}

/// Its bytes as they are now: what an image of the volume holds.
impl ReadAt for Volume {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        ReadError::check(offset, into.len() as u64, self.length)?;
        self.store.read_at(offset, into)
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        let (from, to) = self.store.next_data(offset)?;
        let to = to.min(self.length);
        (from < to).then_some((from, to))
    }
}

impl Storage {
    /// Adds a disk and gives its number.
    ///
    /// # Errors
    /// When a disk of that name exists.
    pub fn add_disk(&mut self, name: &str, size: u64) -> Result<u32, StorageError> {
        if self.disks.iter().any(|disk| disk.name == name) {
            return Err(StorageError::Duplicate(format!("the disk `{name}`")));
        }
        let number = u32::try_from(self.disks.len()).map_err(|_| StorageError::NoSpace)?;
        self.disks.push(Disk { name: name.to_owned(), size });
        Ok(number)
    }

    /// Adds an empty volume. Its diff area lies on itself, unbounded, and grows by a 256th of the volume, until
    /// [`Storage::set_area`] says otherwise.
    ///
    /// # Errors
    /// When its id or mount point is another volume's, its size is not a multiple of 16 KiB between 16 KiB and 1 TiB, or one of its
    /// extents overlaps another one or leaves its disk.
    pub fn add_volume(&mut self, spec: VolumeSpec) -> Result<(), StorageError> {
        if self.volumes.iter().any(|volume| volume.id == spec.id) {
            return Err(StorageError::Duplicate(format!("the volume {}", spec.id)));
        }
        if let Some(mount) = &spec.mount
            && self.volumes.iter().any(|volume| volume.mount.as_ref().is_some_and(|other| same_mount(other, mount)))
        {
            return Err(StorageError::Duplicate(format!("a volume mounted at {mount:?}")));
        }
        let mut size = 0_u64;
        for (at, extent) in spec.extents.iter().enumerate() {
            self.check_extent(spec.id, extent, &spec.extents[..at])?;
            size = size.saturating_add(extent.length);
        }
        let blocks = size / BLOCK_BYTES;
        if size == 0 || !size.is_multiple_of(BLOCK_BYTES) || blocks > MAX_BLOCKS {
            return Err(StorageError::BadSize(size));
        }
        let store = BlockStore::new(blocks, spec.blocks_a_page).ok_or(StorageError::BadSize(size))?;
        let step = (blocks / 256).max(1);
        self.volumes.push(Volume {
            id: spec.id,
            vss_id: spec.id.0,
            length: size,
            mount: spec.mount,
            extents: spec.extents,
            store,
            files: FileTable::new(blocks),
            gate: Gate::default(),
            area: Area {
                host: self.volumes.len(),
                initial: step,
                step,
                maximum: u64::MAX,
                allocated: 0,
                at_risk: false,
            },
            pending: Bitmap::new(blocks),
            prepared: Vec::new(),
            snapshots: Vec::new(),
            catalog: Catalog::default(),
            files_known: false,
            touched: Touched { seen: Bitmap::new(blocks), list: Vec::new() },
            forgetful: false,
            failing: false,
            slow: false,
        });
        self.format(self.volumes.len() - 1);
        Ok(())
    }

    /// Gives a new volume its boot sector, and keeps files out of its first and last block: VSS writes to the first one, and the backup
    /// of the boot sector lies in the last one.
    fn format(&mut self, at: usize) {
        let volume = &mut self.volumes[at];
        let (size, last) = (volume.size(), volume.blocks() - 1);
        let boot = BootSector::of(size, volume.id.0.0 as u64).encode();
        volume.files.claim_block(0);
        volume.files.claim_block(last);
        let mut devices = self.devices();
        devices.write_structure(at, 0, &boot);
        devices.write_structure(at, size - SECTOR, &boot);
        devices.flush(at);
    }

    /// Says where the diff area of a volume lies and how large it may be. Sizes are rounded up to blocks, the maximum down.
    ///
    /// # Errors
    /// When one of the volumes does not exist, or the area would move while the volume has shadow copies.
    pub fn set_area(&mut self, volume: VolumeId, settings: AreaSettings) -> Result<(), StorageError> {
        let host = self.volume_at(settings.host)?;
        let at = self.volume_at(volume)?;
        let volume = &mut self.volumes[at];
        if host != volume.area.host && !(volume.snapshots.is_empty() && volume.prepared.is_empty()) {
            return Err(StorageError::AreaInUse);
        }
        volume.area = Area {
            host,
            initial: settings.initial.div_ceil(BLOCK_BYTES),
            step: settings.step.div_ceil(BLOCK_BYTES).max(1),
            maximum: settings.maximum.map_or(u64::MAX, |bytes| bytes / BLOCK_BYTES),
            allocated: volume.area.allocated,
            at_risk: false,
        };
        let exists = volume.catalog.exists();
        let mut devices = self.devices();
        // Otherwise the next preparation writes it.
        if exists && devices.host_has_a_header(at) {
            devices.write_volume_header(at);
            devices.flush(at);
        }
        Ok(())
    }

    /// Where the diff area of a volume lies and how large it may be.
    ///
    /// # Errors
    /// When there is no such volume.
    pub fn area(&self, volume: VolumeId) -> Result<AreaSettings, StorageError> {
        let volume = self.volume(volume)?;
        Ok(AreaSettings {
            host: self.volumes[volume.area.host].id,
            initial: volume.area.initial * BLOCK_BYTES,
            step: volume.area.step * BLOCK_BYTES,
            maximum: volume.area_maximum(),
        })
    }

    /// Fills `into` with the blocks of the volume that changed, live or in the view of one of its copies, since this was last asked.
    /// The list is handed over and back, so asking takes no memory.
    ///
    /// # Errors
    /// When there is no such volume.
    pub fn take_touched(&mut self, volume: VolumeId, into: &mut Vec<u64>) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        self.volumes[at].touched.take(into);
        Ok(())
    }

    fn check_extent(&self, id: VolumeId, extent: &DiskExtent, before: &[DiskExtent]) -> Result<(), StorageError> {
        let disk = self.disks.get(extent.disk as usize).ok_or(StorageError::NoSuchDisk(extent.disk))?;
        let end = extent.offset.saturating_add(extent.length);
        if end > disk.size {
            return Err(StorageError::ExtentOutsideDisk { disk: extent.disk, end, size: disk.size });
        }
        let others = self.volumes.iter().flat_map(|volume| volume.extents.iter().map(|other| (volume.id, other)));
        let own = before.iter().map(|other| (id, other));
        match others.chain(own).find(|(_, other)| overlap(extent, other)) {
            Some((by, _)) => Err(StorageError::ExtentTaken { disk: extent.disk, by }),
            None => Ok(()),
        }
    }
}

fn overlap(one: &DiskExtent, other: &DiskExtent) -> bool {
    one.disk == other.disk
        && one.offset < other.offset.saturating_add(other.length)
        && other.offset < one.offset.saturating_add(one.length)
}

fn same_mount(one: &MountPoint, other: &MountPoint) -> bool {
    match (one, other) {
        (MountPoint::Letter(one), MountPoint::Letter(other)) => one.eq_ignore_ascii_case(other),
        (MountPoint::Folder(one), MountPoint::Folder(other)) => path::fold(one) == path::fold(other),
        _ => false,
    }
}
