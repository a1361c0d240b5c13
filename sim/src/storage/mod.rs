//! Disks, volumes, files and shadow copies, as plain values.
//!
//! ```text
//!   application ──► gate ──► file table ──► blocks of the volume ──► (before the first write after a commit) ──► diff area
//!                    │                                                                                            of the
//!                    └── waits while writes are held                                                              newest copy
//!
//!   reading copy k:   its overlay ──► diff(k) ──► diff(k+1) ──► … ──► the live volume
//! ```
//!
//! Nothing here knows a queue or an actor, and the time only as a number that files carry: [`Storage`] is a value with verbs, cheap to clone, and hashed by digests.
//! Happy path: [`Storage::add_disk`], [`Storage::add_volume`], [`Storage::create_file`], [`Storage::submit`]; then
//! [`Storage::prepare_snapshot`], [`Storage::hold`], [`Storage::commit_snapshot`], [`Storage::release`];
//! [`Storage::view`] reads the copy and [`Storage::compare`] holds it against the full copy taken at the same instant.
//! Failures are [`StorageError`]s and change nothing. A diff area that cannot grow costs the volume its oldest copies
//! first; the write itself always lands ([`WriteReport`] says which copies were lost and why).
//!
//! | module | what it holds |
//! |---|---|
//! | [`words`] | sparse arrays of numbers and bits |
//! | [`block_store`] | the bytes |
//! | [`bytes`] | bytes of files that are kept as they were |
//! | [`path`] | paths inside a volume |
//! | [`file_table`] | files, clusters |
//! | [`gate`] | the write gate of flush and hold |
//! | [`diff_area`] | where old blocks go, as a trait; the naive implementation |
//! | [`store_area`] | the same as Windows lays it out |
//! | `catalog` | which copies a volume has, on its disk |
//! | [`journal`] | what was written, in order, for power cuts |
//! | [`volume`] | disks, extents, volumes |
//! | [`io`] | reading and writing files, with first copies |
//! | [`snapshot`] | prepare, commit, write to and read shadow copies |
//! | `revert` | a volume gets the content of a shadow copy back |
//! | `deletion` | delete them, whichever of a volume's copies it is |
//! | [`load`] | the bytes of an image come in |
//! | [`attach`] | shadow copies that lie on the volumes are found, and what a power cut interrupted is ended |
//! | [`shortage`] | full diff areas, lost volumes: which copies go, and why |
//! | [`power_cut`] | a power cut at every point of a journal, and what becomes of the shadow copies |
//! | [`mod@reference`] | the naive full copy and the comparison |

pub mod attach;
pub mod block_store;
pub mod bytes;
mod catalog;
mod deletion;
pub mod diff_area;
pub mod error;
pub mod file_table;
pub mod gate;
mod host;
pub mod io;
pub mod journal;
pub mod load;
pub mod path;
pub mod power_cut;
pub mod reference;
mod revert;
pub mod shortage;
pub mod snapshot;
pub mod store_area;
pub mod volume;
pub mod words;

#[cfg(test)]
mod shortage_tests;
#[cfg(test)]
mod tests;

pub use attach::{Attached, Interrupted};
pub use block_store::{BLOCK_BYTES, BLOCK_SIZE, Block, BlockStore};
pub use bytes::Bytes;
pub use error::StorageError;
pub use file_table::{CLUSTER, File, FileId, FileTable};
pub use gate::{FileWrite, Gate, Passage};
pub use io::{FirstCopy, WriteReport};
pub use journal::{DiskEvent, Journal, Mark};
pub use reference::{BlockVerdict, Comparison};
pub use shortage::{AreaEvent, AreaFault, Dismounted};
pub use snapshot::{Commit, Snapshot, SnapshotView};
pub use store_area::StoreArea;
pub use volume::{AreaSettings, Disk, DiskExtent, MountPoint, Volume, VolumeSpec};

use std::sync::Arc;

use vssim_model::ids::{SnapshotId, VolumeId};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::unhashed::Unhashed;

use host::Devices;

/// All disks and volumes of a machine.
#[derive(Clone, Debug, Hash)]
pub struct Storage {
    disks: Vec<Disk>,
    volumes: Vec<Volume>,
    references: bool,
    layout: Layout,
    machine: Unhashed<Arc<str>>,
    /// What files that are written from now on get for the time of their last write (FILETIME).
    now: Unhashed<u64>,
    journal: Unhashed<Option<Box<Journal>>>,
}

/// How diff areas are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// As Windows does it, with boot sector, volume header, catalog and stores on the volume.
    #[default]
    Windows,
    /// Saved blocks alone, with tables beside them: what the other one is compared with.
    Plain,
}

impl Default for Storage {
    fn default() -> Storage {
        Storage::new()
    }
}

impl Storage {
    /// No disks, no volumes; a reference copy is kept at every commit.
    #[must_use]
    pub fn new() -> Storage {
        Storage {
            disks: Vec::new(),
            volumes: Vec::new(),
            references: true,
            layout: Layout::Windows,
            machine: Unhashed("VSSIM".into()),
            now: Unhashed(0),
            journal: Unhashed(None),
        }
    }

    /// How the diff areas of the copies that follow are laid out.
    pub fn set_layout(&mut self, layout: Layout) {
        self.layout = layout;
    }

    /// The name of the machine, which the shadow copies that follow carry.
    pub fn set_machine(&mut self, name: &str) {
        self.machine = Unhashed(name.into());
    }

    /// Says what time it is (FILETIME): files that are written from now on carry it. It is no part of a state's identity, as no absolute
    /// time is.
    pub fn set_time(&mut self, now: u64) {
        self.now = Unhashed(now);
    }

    /// Keeps a [`Journal`] of everything written from now on. It holds every byte, so it is for small machines.
    pub fn keep_journal(&mut self) {
        self.journal = Unhashed(Some(Box::default()));
    }

    /// The journal, when one is kept.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.journal.as_deref()
    }

    /// Whether the commits that follow keep a reference copy. Without one a shadow copy cannot be compared, and the first write to a page
    /// after the commit is cheaper.
    pub fn keep_references(&mut self, keep: bool) {
        self.references = keep;
    }

    /// The disks, by number.
    #[must_use]
    pub fn disks(&self) -> &[Disk] {
        &self.disks
    }

    /// The volumes, in the order in which they were added.
    #[must_use]
    pub fn volumes(&self) -> &[Volume] {
        &self.volumes
    }

    /// The volume of that id.
    ///
    /// # Errors
    /// When there is none.
    pub fn volume(&self, id: VolumeId) -> Result<&Volume, StorageError> {
        self.volumes.iter().find(|volume| volume.id() == id).ok_or(StorageError::NoSuchVolume(id))
    }

    /// The committed shadow copies of a volume, oldest first.
    ///
    /// # Errors
    /// When there is no such volume.
    pub fn snapshots(&self, id: VolumeId) -> Result<impl Iterator<Item = &Snapshot> + '_, StorageError> {
        Ok(self.volume(id)?.snapshots.iter().map(AsRef::as_ref))
    }

    /// The same machine as it has just started: nothing of what lies on its volumes is known yet.
    fn blank(&self) -> Storage {
        Storage {
            disks: self.disks.clone(),
            volumes: self.volumes.iter().map(Volume::blank).collect(),
            references: false,
            layout: self.layout,
            machine: self.machine.clone(),
            now: self.now,
            journal: Unhashed(None),
        }
    }

    /// A number made of the ids of all shadow copies; zero when there are none.
    pub(crate) fn digest_of_ids(&self) -> u64 {
        let copies = self.volumes.iter().flat_map(|volume| &volume.snapshots);
        copies.fold(0, |digest, copy| xxh3_64_with_seed(&copy.id.0.0.to_le_bytes(), digest))
    }

    fn devices(&mut self) -> Devices<'_> {
        Devices::new(&mut self.volumes, &mut self.journal.0)
    }

    fn volume_at(&self, id: VolumeId) -> Result<usize, StorageError> {
        self.volumes.iter().position(|volume| volume.id() == id).ok_or(StorageError::NoSuchVolume(id))
    }

    /// The volume and the place among its copies of a committed shadow copy.
    fn snapshot_at(&self, id: SnapshotId) -> Result<(usize, usize), StorageError> {
        self.volumes
            .iter()
            .enumerate()
            .find_map(|(at, volume)| volume.snapshots.iter().position(|copy| copy.id == id).map(|copy| (at, copy)))
            .ok_or(StorageError::NoSuchSnapshot(id))
    }
}
