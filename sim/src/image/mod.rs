//! Reads disks and volumes with shadow copies, made by Windows or by the simulator. It does no I/O of its own: everything comes through
//! [`ReadAt`](crate::disk_format::ReadAt).
//!
//! ```text
//!  device ──► read_partitions ──► Part::new(device, offset, size) = a volume           (a bare volume is its own partition)
//!  volume ──► Copies::open ─────► list(): id, set, store, time, attributes, sizes      oldest first
//!    and the volume with              └─ view(n, rule) ──► View: the bytes of copy n, a ReadAt with holes
//!    the diff area, if another
//!  volume ──► verify ───────────► Findings: every field against the format
//!
//!  underneath:  read_volume ──► VolumeStructures: boot sector, volume header, catalog with the place of each slot
//!               read_store ───► StoreStructures: header, information, descriptors, ranges, bitmaps, with the places of blocks and slots
//! ```
//!
//! The happy path:
//!
//! ```
//! use vssim_sim::disk_format::{ReadAt, device::Part};
//! use vssim_sim::image::{Copies, ImageError, NeverCopied, Severity, read_partitions, verify};
//!
//! fn first_bytes(device: &dyn ReadAt) -> Result<Vec<[u8; 512]>, ImageError> {
//!     let mut found = Vec::new();
//!     for partition in read_partitions(device)?.list {
//!         let volume = Part::new(device, partition.offset, partition.size);
//!         assert_eq!(verify(&volume, None).count(Severity::Wrong), 0);
//!         let copies = Copies::open(&volume, None)?;
//!         for (number, copy) in copies.list().iter().enumerate() {
//!             println!("{:?} of {}", copy.id(), copy.created());
//!             let view = copies.view(number, NeverCopied::Live)?;
//!             let mut bytes = [0; 512];
//!             if view.read_at(0, &mut bytes).is_ok() {
//!                 found.push(bytes);
//!             }
//!         }
//!     }
//!     Ok(found)
//! }
//! # assert!(first_bytes(&&[0; 4096][..]).is_err());
//! ```
//!
//! Where a diff area lies on another volume, [`Copies::missing`] names that volume; [`Partition::volume`] tells which one is it.
//!
//! Failures: whatever does not lie inside the volume, is not aligned, belongs to two lists or begins with another identifier or
//! type is an [`ImageError`] with the offset from the start of what was being read. A store that cannot be read is an error of its copy and of
//! older ones, not of the volume. Values that a reader need not trust are handed on as they are; [`verify`] judges them. Nothing is
//! allocated for a count that was not read from the device block by block, and no block is read for two lists, so time and memory
//! are bounded by the blocks that are there.

pub mod container;
mod partition;
#[cfg(test)]
pub(crate) mod sample;
mod structures;
pub(crate) mod table;
mod verify;
mod view;

use std::fmt;

use crate::disk_format::{BadStructure, ReadAt, ReadError};

pub use partition::{Partition, PartitionType, Partitions, Scheme, read_partitions};
pub use structures::{
    Bitmap, List, ListBlock, ListEntry, Places, Reader, Slot, StoreStructures, VolumeStructures, read_store,
    read_volume,
};
pub use verify::{Finding, Findings, MOST_FINDINGS, Severity, verify};
pub use view::{Copies, NeverCopied, ShadowCopy, View};

/// A volume or a structure of it that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageError {
    /// Where, in bytes from the start of the device that was being read.
    pub offset: u64,
    /// What was being read.
    pub structure: &'static str,
    /// Why it cannot be read.
    pub why: String,
}

impl ImageError {
    /// `structure` at `offset` cannot be read.
    #[must_use]
    pub fn new(offset: u64, structure: &'static str, why: impl Into<String>) -> ImageError {
        ImageError { offset, structure, why: why.into() }
    }

    /// A field of the structure at `start` is wrong.
    pub(crate) fn field(start: u64, structure: &'static str, bad: &BadStructure) -> ImageError {
        ImageError::new(start.saturating_add(bad.at), structure, bad.to_string())
    }

    /// The device could not be read.
    pub(crate) fn unread(structure: &'static str, error: &ReadError) -> ImageError {
        ImageError::new(error.offset, structure, error.to_string())
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {:#x}: {}", self.structure, self.offset, self.why)
    }
}

impl std::error::Error for ImageError {}

/// Reads exactly these bytes, for `structure`.
fn read_exactly(device: &dyn ReadAt, at: u64, into: &mut [u8], structure: &'static str) -> Result<(), ImageError> {
    device.read_at(at, into).map_err(|error| ImageError::unread(structure, &error))
}
