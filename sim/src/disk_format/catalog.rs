//! Catalog entries, 128 bytes each, 127 after the header of a catalog block.
//!
//! A shadow copy has two: type 2 says what it is, type 3 where its store lies. The two name the same store. Where the diff area lies
//! on another volume, type 2 stays in the catalog of the protected volume and type 3 stands in that of the other one.

use vssim_model::ids::Guid;

use super::{BLOCK, BadStructure, BlockHeader, guid_at, guid_to_bytes, put, u64_at};

/// A catalog entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogEntry {
    /// Zeros: never used.
    Empty,
    /// Type 1: not used any more.
    Unused,
    /// Type 2.
    Copy(CopyEntry),
    /// Type 3.
    Store(StoreEntry),
}

/// Type 2: a shadow copy of this volume.
///
/// ```text
///  0 type 2   8 size of the volume   16 store   32 sequence   40 flags   48 created   56 zeros
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyEntry {
    /// The size of the volume in bytes.
    pub volume_size: u64,
    /// The store; the GUID of its file's name.
    pub store: Guid,
    /// Counts the shadow copies of the volume.
    pub sequence: u64,
    /// 0x40 in every image that Windows made; 0x440 is described for Windows 8.
    pub flags: u64,
    /// When the copy was made (FILETIME).
    pub created: u64,
}

/// Type 3: a store on this volume.
///
/// ```text
///  0 type 3   8 descriptor list   16 store   32 header   40 range list   48 bitmap   56 file reference   64 allocated
///  72 previous bitmap   80 unknown   88 zeros
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreEntry {
    /// Where the first block of descriptors lies.
    pub descriptors: u64,
    /// The store; the GUID of its file's name.
    pub store: Guid,
    /// Where the store's header lies.
    pub header: u64,
    /// Where the first block of ranges lies.
    pub ranges: u64,
    /// Where the first block of the bitmap lies; 0 for none.
    pub bitmap: u64,
    /// The NTFS file reference of the store's file.
    pub file_reference: u64,
    /// How many bytes the store has.
    pub allocated: u64,
    /// Where the first block of the previous bitmap lies; 0 for none.
    pub previous_bitmap: u64,
    /// Not known.
    pub unknown: u64,
}

impl CatalogEntry {
    /// Its size.
    pub const SIZE: usize = 128;
    /// How many stand in a block.
    pub const A_BLOCK: u64 = (BLOCK - BlockHeader::SIZE as u64) / CatalogEntry::SIZE as u64;

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; CatalogEntry::SIZE] {
        let mut bytes = [0; CatalogEntry::SIZE];
        let mut numbers = |fields: &[(usize, u64)]| {
            for (at, value) in fields {
                put(&mut bytes, *at, &value.to_le_bytes());
            }
        };
        match self {
            CatalogEntry::Empty => {}
            CatalogEntry::Unused => numbers(&[(0, 1)]),
            CatalogEntry::Copy(copy) => {
                numbers(&[(0, 2), (8, copy.volume_size), (32, copy.sequence), (40, copy.flags), (48, copy.created)]);
                put(&mut bytes, 16, &guid_to_bytes(copy.store));
            }
            CatalogEntry::Store(store) => {
                numbers(&[
                    (0, 3),
                    (8, store.descriptors),
                    (32, store.header),
                    (40, store.ranges),
                    (48, store.bitmap),
                    (56, store.file_reference),
                    (64, store.allocated),
                    (72, store.previous_bitmap),
                    (80, store.unknown),
                ]);
                put(&mut bytes, 16, &guid_to_bytes(store.store));
            }
        }
        bytes
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// When the type is none of the four.
    pub fn decode(bytes: &[u8]) -> Result<CatalogEntry, BadStructure> {
        let number = |at| u64_at(bytes, at);
        Ok(match number(0) {
            0 => CatalogEntry::Empty,
            1 => CatalogEntry::Unused,
            2 => CatalogEntry::Copy(CopyEntry {
                volume_size: number(8),
                store: guid_at(bytes, 16),
                sequence: number(32),
                flags: number(40),
                created: number(48),
            }),
            3 => CatalogEntry::Store(StoreEntry {
                descriptors: number(8),
                store: guid_at(bytes, 16),
                header: number(32),
                ranges: number(40),
                bitmap: number(48),
                file_reference: number(56),
                allocated: number(64),
                previous_bitmap: number(72),
                unknown: number(80),
            }),
            other => return Err(BadStructure::new(0, "catalog entry type", "0, 1, 2 or 3", other)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_read_back_as_written() {
        let copy = CopyEntry { volume_size: 1, store: Guid(2), sequence: 3, flags: 0x40, created: 5 };
        let store = StoreEntry {
            descriptors: 1,
            store: Guid(2),
            header: 3,
            ranges: 4,
            bitmap: 5,
            file_reference: 6,
            allocated: 7,
            previous_bitmap: 8,
            unknown: 9,
        };
        let entries = [CatalogEntry::Empty, CatalogEntry::Unused, CatalogEntry::Copy(copy), CatalogEntry::Store(store)];
        for entry in entries {
            assert_eq!(CatalogEntry::decode(&entry.encode()), Ok(entry));
        }
        assert_eq!(CatalogEntry::A_BLOCK, 127);
        assert!(CatalogEntry::decode(&[9]).is_err());
    }
}
