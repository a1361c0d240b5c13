//! The volume header, and the header that begins every structure block.

use vssim_model::ids::Guid;

use super::{
    BadStructure, IDENTIFIER, VOLUME_HEADER_OFFSET, check_identifier, guid_at, guid_to_bytes, put, u32_at, u64_at,
};

/// What a structure block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    /// The volume header at 0x1e00.
    VolumeHeader = 1,
    /// Catalog entries.
    Catalog = 2,
    /// Descriptors of saved blocks.
    Descriptors = 3,
    /// A store's header, with its information.
    Store = 4,
    /// The ranges of a store.
    Ranges = 5,
    /// A bitmap.
    Bitmap = 6,
}

impl RecordType {
    /// Its name, for messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RecordType::VolumeHeader => "volume header",
            RecordType::Catalog => "catalog",
            RecordType::Descriptors => "descriptor list",
            RecordType::Store => "store header",
            RecordType::Ranges => "range list",
            RecordType::Bitmap => "bitmap",
        }
    }
}

/// The volume header: where the catalog is and where the diff area lies.
///
/// ```text
///  0 identifier   16 version   20 type 1   24 0x1e00   32 0x1e00   40 0   48 catalog   56 maximum   64 volume   80 diff area   96 flags
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeHeader {
    /// 1 in every image that Windows made; 2 is described for Windows 8.
    pub version: u32,
    /// Where the first catalog block lies; 0 for none.
    pub catalog: u64,
    /// The most bytes that the diff area of this volume may take; 0 is unbounded.
    pub maximum: u64,
    /// The volume.
    pub volume: Guid,
    /// The volume on which its diff area lies.
    pub diff_area: Guid,
    /// Bit 0: the diff area lies on another volume.
    pub flags: u32,
}

impl VolumeHeader {
    /// The bytes of the header that mean something; the sector is filled up with zeros.
    pub const SIZE: usize = 100;
    /// The bit of `flags` for a diff area on another volume.
    pub const REDIRECTED: u32 = 1;

    /// The sector.
    #[must_use]
    pub fn encode(&self) -> [u8; 512] {
        let mut bytes = [0; 512];
        put(&mut bytes, 0, &guid_to_bytes(IDENTIFIER));
        put(&mut bytes, 16, &self.version.to_le_bytes());
        put(&mut bytes, 20, &(RecordType::VolumeHeader as u32).to_le_bytes());
        put(&mut bytes, 24, &VOLUME_HEADER_OFFSET.to_le_bytes());
        put(&mut bytes, 32, &VOLUME_HEADER_OFFSET.to_le_bytes());
        put(&mut bytes, 48, &self.catalog.to_le_bytes());
        put(&mut bytes, 56, &self.maximum.to_le_bytes());
        put(&mut bytes, 64, &guid_to_bytes(self.volume));
        put(&mut bytes, 80, &guid_to_bytes(self.diff_area));
        put(&mut bytes, 96, &self.flags.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// When the identifier or the type is another one.
    pub fn decode(bytes: &[u8]) -> Result<VolumeHeader, BadStructure> {
        check_identifier(bytes)?;
        check_type(bytes, RecordType::VolumeHeader)?;
        Ok(VolumeHeader {
            version: u32_at(bytes, 16),
            catalog: u64_at(bytes, 48),
            maximum: u64_at(bytes, 56),
            volume: guid_at(bytes, 64),
            diff_area: guid_at(bytes, 80),
            flags: u32_at(bytes, 96),
        })
    }

    /// Whether the diff area lies on another volume.
    #[must_use]
    pub fn is_redirected(&self) -> bool {
        self.flags & VolumeHeader::REDIRECTED != 0
    }
}

/// The 128 bytes that begin a block of the catalog or of a store.
///
/// ```text
///  0 identifier   16 version   20 type   24 relative offset   32 own offset   40 next block   48 size of the information   56 zeros
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// 1.
    pub version: u32,
    /// What the block holds.
    pub record: RecordType,
    /// From the start of the catalog or of the store to this block.
    pub relative: u64,
    /// From the start of the volume to this block.
    pub current: u64,
    /// Where the next block of the list lies; 0 for none.
    pub next: u64,
    /// The size of what follows a store header; 0 in every other block.
    pub information: u64,
}

impl BlockHeader {
    /// Its size.
    pub const SIZE: usize = 128;
    /// Where `relative` lies in it.
    pub const RELATIVE_AT: u64 = 24;
    /// Where `next` lies in it.
    pub const NEXT_AT: u64 = 40;

    /// A header of a block that ends its list.
    #[must_use]
    pub fn new(record: RecordType, relative: u64, current: u64) -> BlockHeader {
        BlockHeader { version: 1, record, relative, current, next: 0, information: 0 }
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; BlockHeader::SIZE] {
        let mut bytes = [0; BlockHeader::SIZE];
        put(&mut bytes, 0, &guid_to_bytes(IDENTIFIER));
        put(&mut bytes, 16, &self.version.to_le_bytes());
        put(&mut bytes, 20, &(self.record as u32).to_le_bytes());
        put(&mut bytes, 24, &self.relative.to_le_bytes());
        put(&mut bytes, 32, &self.current.to_le_bytes());
        put(&mut bytes, 40, &self.next.to_le_bytes());
        put(&mut bytes, 48, &self.information.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// When the identifier is another one, or the type is not `record`.
    pub fn decode(bytes: &[u8], record: RecordType) -> Result<BlockHeader, BadStructure> {
        check_identifier(bytes)?;
        check_type(bytes, record)?;
        Ok(BlockHeader {
            version: u32_at(bytes, 16),
            record,
            relative: u64_at(bytes, 24),
            current: u64_at(bytes, 32),
            next: u64_at(bytes, 40),
            information: u64_at(bytes, 48),
        })
    }
}

fn check_type(bytes: &[u8], expected: RecordType) -> Result<(), BadStructure> {
    let found = u32_at(bytes, 20);
    if found == expected as u32 {
        return Ok(());
    }
    let expected = format!("{} ({})", expected as u32, expected.name());
    Err(BadStructure::new(20, "record type", expected, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_as_written() {
        let header = VolumeHeader {
            version: 1,
            catalog: 0x4_0000,
            maximum: 7,
            volume: Guid(1),
            diff_area: Guid(2),
            flags: VolumeHeader::REDIRECTED,
        };
        assert_eq!(VolumeHeader::decode(&header.encode()), Ok(header));
        let block =
            BlockHeader { next: 0xc000, information: 68, ..BlockHeader::new(RecordType::Store, 0x4000, 0x8000) };
        assert_eq!(BlockHeader::decode(&block.encode(), RecordType::Store), Ok(block));
    }

    #[test]
    fn another_identifier_or_type_is_refused_with_its_place() {
        let bytes = BlockHeader::new(RecordType::Ranges, 0, 0).encode();
        let refused = BlockHeader::decode(&bytes, RecordType::Bitmap).unwrap_err();
        assert_eq!((refused.at, refused.field, refused.expected.as_str()), (20, "record type", "6 (bitmap)"));
        assert_eq!(VolumeHeader::decode(&[]).unwrap_err().at, 0);
    }
}
