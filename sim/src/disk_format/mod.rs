//! The on-disk format of shadow copies (Windows Vista and later): the structures, byte by byte, without I/O.
//!
//! ```text
//!  volume
//!  ├─ 0x0000  NTFS boot sector                         ├─ last sector: its backup
//!  ├─ 0x1e00  VolumeHeader ──► catalog block ──► catalog block …        (16 KiB each, 128-byte header, 127 entries)
//!  │                             ├─ CatalogEntry::Copy   (type 2): the shadow copy's size, time, number
//!  │                             └─ CatalogEntry::Store  (type 3): where its store lies
//!  └─ store: header block ─ descriptor list … ─ range list … ─ bitmap … ─ previous bitmap … ─ saved blocks
//!            (type 4)        (type 3)            (type 5)       (type 6)
//! ```
//!
//! Numbers are little endian, offsets are bytes from the start of the volume unless a field says *relative*, times are FILETIMEs, GUIDs
//! lie in Windows' mixed byte order. There are no checksums. Decoding takes any bytes: a field that has to be right before the rest makes
//! sense is an error ([`BadStructure`], with the place inside the structure), every other value is handed on as it is, and it is
//! for a caller to judge it. Source: libyal/libvshadow, "Volume Shadow Snapshot (VSS) format", and measurements of images that
//! Windows made.

pub mod boot;
pub mod catalog;
pub mod descriptor;
pub mod device;
pub mod header;
pub mod store;

use std::fmt;

use vssim_model::ids::Guid;

pub use boot::BootSector;
pub use catalog::{CatalogEntry, CopyEntry, StoreEntry};
pub use descriptor::{Descriptor, DescriptorFlags, Range};
pub use device::{ReadAt, ReadError};
pub use header::{BlockHeader, RecordType, VolumeHeader};
pub use store::StoreInformation;

/// The size of every structure block and of every saved block.
pub const BLOCK: u64 = 0x4000;

/// The size of a sector: what a disk writes whole or not at all.
pub const SECTOR: u64 = 512;

/// Where the volume header lies.
pub const VOLUME_HEADER_OFFSET: u64 = 0x1e00;

/// The GUID that begins every structure.
pub const IDENTIFIER: Guid = Guid(0x3808_876b_c176_4e48_b7ae_0404_6e6c_c752);

/// A structure that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadStructure {
    /// Where the field lies, in bytes from the start of the structure.
    pub at: u64,
    /// What the field is.
    pub field: &'static str,
    /// What it should hold.
    pub expected: String,
    /// What it holds.
    pub found: String,
}

impl BadStructure {
    /// A field that holds `found` and should hold `expected`.
    #[must_use]
    pub fn new(at: u64, field: &'static str, expected: impl fmt::Display, found: impl fmt::Display) -> BadStructure {
        BadStructure { at, field, expected: expected.to_string(), found: found.to_string() }
    }
}

impl fmt::Display for BadStructure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.expected, self.found)
    }
}

impl std::error::Error for BadStructure {}

/// The bytes of a GUID as Windows stores it: the first three groups little endian, the rest as written.
#[must_use]
pub fn guid_to_bytes(guid: Guid) -> [u8; 16] {
    let mut bytes = guid.0.to_be_bytes();
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes
}

/// The GUID in the 16 bytes at `at`; bytes beyond the end count as zeros.
#[must_use]
pub fn guid_at(bytes: &[u8], at: usize) -> Guid {
    let mut taken: [u8; 16] = array_at(bytes, at);
    taken[..4].reverse();
    taken[4..6].reverse();
    taken[6..8].reverse();
    Guid(u128::from_be_bytes(taken))
}

/// The number in the 2 bytes at `at`; bytes beyond the end count as zeros.
#[must_use]
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

/// The number in the 4 bytes at `at`; bytes beyond the end count as zeros.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

/// The number in the 8 bytes at `at`; bytes beyond the end count as zeros.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut taken = [0; N];
    let there = bytes.get(at..).unwrap_or_default();
    let length = there.len().min(N);
    taken[..length].copy_from_slice(&there[..length]);
    taken
}

/// Puts `value` at `at`. The caller's buffer is an array of the structure's size.
fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// Checks the GUID that begins a structure.
fn check_identifier(bytes: &[u8]) -> Result<(), BadStructure> {
    match guid_at(bytes, 0) {
        IDENTIFIER => Ok(()),
        other => Err(BadStructure::new(0, "identifier", IDENTIFIER, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_lies_in_windows_byte_order() {
        let bytes = guid_to_bytes(IDENTIFIER);
        assert_eq!(bytes[..8], [0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e]);
        assert_eq!(guid_at(&bytes, 0), IDENTIFIER);
    }

    #[test]
    fn what_lies_beyond_the_end_counts_as_zeros() {
        assert_eq!((u16_at(&[1], 0), u32_at(&[1], 7), u64_at(&[], 0)), (1, 0, 0));
    }
}
