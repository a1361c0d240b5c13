//! Reads volumes with shadow copies, made by Windows or by the simulator, through [`ReadAt`](crate::disk_format::ReadAt).
//!
//! ```text
//!  volume ──► read_volume ──► VolumeStructures: boot sector, volume header, catalog
//!                               └─ each CatalogEntry::Store ──► read_store ──► StoreStructures: header, descriptors, ranges, bitmaps
//! ```
//!
//! The happy path: [`read_volume`] gives the catalog, [`read_store`] follows one of its entries of type 3.
//!
//! Failures: whatever does not lie inside the volume, is not aligned, belongs to two lists or begins with another identifier or
//! type is an [`ImageError`] with the offset from the start of the volume. Values that a reader need not trust are handed on as they are.
//! Nothing is allocated for a count that was not read from the device block by block, and no block is read for two lists.

pub mod container;
mod partition;
#[cfg(test)]
pub(crate) mod sample;
mod structures;
mod table;
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
