//! Block descriptors (which block is saved where), the ranges of a store, and the size of its bitmaps.

use std::fmt;

use super::{BLOCK, BlockHeader, put, u32_at, u64_at};

/// The flags of a descriptor. Bits above 7 were never seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DescriptorFlags(pub u32);

impl DescriptorFlags {
    /// The content lies at another block of the next newer copy (or of the live volume): the relative offset names it.
    pub const FORWARDER: u32 = 0x01;
    /// Sectors of the copy itself: the bitmap names those that count.
    pub const OVERLAY: u32 = 0x02;
    /// The descriptor does not count.
    pub const NOT_USED: u32 = 0x04;

    /// Whether it is a forwarder.
    #[must_use]
    pub fn is_forwarder(self) -> bool {
        self.0 & DescriptorFlags::FORWARDER != 0
    }

    /// Whether it is an overlay.
    #[must_use]
    pub fn is_overlay(self) -> bool {
        self.0 & DescriptorFlags::OVERLAY != 0
    }

    /// Whether it does not count.
    #[must_use]
    pub fn is_unused(self) -> bool {
        self.0 & DescriptorFlags::NOT_USED != 0
    }
}

impl fmt::Display for DescriptorFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A descriptor: the old content of the block at `original` lies at `place`.
///
/// ```text
///  0 original offset   8 relative offset   16 offset of the saved block   24 flags   28 bitmap of 512-byte sectors
/// ```
///
/// All zeros is a slot that was never used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// The block of the protected volume.
    pub original: u64,
    /// From the start of the store to the saved block; in a forwarder the block where the content lies; in an overlay that extends
    /// another one, 1.
    pub relative: u64,
    /// Where the saved block lies on the volume of the store; 0 in a forwarder.
    pub place: u64,
    /// What it means.
    pub flags: DescriptorFlags,
    /// In an overlay, a bit for each 512-byte sector that counts, the first sector lowest.
    pub bitmap: u32,
}

impl Descriptor {
    /// Its size. Sixteen lie in a sector, and none lies in two.
    pub const SIZE: usize = 32;
    /// How many stand in a block.
    pub const A_BLOCK: u64 = (BLOCK - BlockHeader::SIZE as u64) / Descriptor::SIZE as u64;

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Descriptor::SIZE] {
        let mut bytes = [0; Descriptor::SIZE];
        put(&mut bytes, 0, &self.original.to_le_bytes());
        put(&mut bytes, 8, &self.relative.to_le_bytes());
        put(&mut bytes, 16, &self.place.to_le_bytes());
        put(&mut bytes, 24, &self.flags.0.to_le_bytes());
        put(&mut bytes, 28, &self.bitmap.to_le_bytes());
        bytes
    }

    /// Reads a descriptor. Every 32 bytes are one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Descriptor {
        Descriptor {
            original: u64_at(bytes, 0),
            relative: u64_at(bytes, 8),
            place: u64_at(bytes, 16),
            flags: DescriptorFlags(u32_at(bytes, 24)),
            bitmap: u32_at(bytes, 28),
        }
    }

    /// Whether the slot was never used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Descriptor::default()
    }
}

/// A part of a store: `size` bytes at `start` of the volume are those at `relative` of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Where it starts on the volume.
    pub start: u64,
    /// Where it starts in the store.
    pub relative: u64,
    /// How many bytes it has.
    pub size: u64,
}

impl Range {
    /// Its size as an entry. An entry may lie in two sectors, never a number of it.
    pub const SIZE: usize = 24;
    /// How many stand in a block.
    pub const A_BLOCK: u64 = (BLOCK - BlockHeader::SIZE as u64) / Range::SIZE as u64;
    /// Where `size` lies in it.
    pub const SIZE_AT: usize = 16;

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Range::SIZE] {
        let mut bytes = [0; Range::SIZE];
        put(&mut bytes, 0, &self.start.to_le_bytes());
        put(&mut bytes, 8, &self.relative.to_le_bytes());
        put(&mut bytes, 16, &self.size.to_le_bytes());
        bytes
    }

    /// Reads a range. Every 24 bytes are one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Range {
        Range { start: u64_at(bytes, 0), relative: u64_at(bytes, 8), size: u64_at(bytes, 16) }
    }
}

/// How many bits of a bitmap stand in a block: one for each block of the volume, the first one lowest in the first byte. A bit that is
/// set means *not in use*.
pub const BITS_A_BLOCK: u64 = (BLOCK - BlockHeader::SIZE as u64) * 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_and_ranges_read_back_as_written() {
        let overlay = DescriptorFlags(DescriptorFlags::OVERLAY);
        let descriptor = Descriptor { original: 1, relative: 2, place: 3, flags: overlay, bitmap: 5 };
        assert_eq!(Descriptor::decode(&descriptor.encode()), descriptor);
        let range = Range { start: 1, relative: 2, size: 3 };
        assert_eq!(Range::decode(&range.encode()), range);
        assert_eq!((Descriptor::A_BLOCK, Range::A_BLOCK, BITS_A_BLOCK), (508, 677, 130_048));
    }
}
