//! The structures of a volume as they lie there: lists with the offsets of their blocks and entries.

use std::collections::BTreeMap;

use super::ImageError;
use crate::disk_format::descriptor::BITS_A_BLOCK;
use crate::disk_format::{
    BLOCK, BadStructure, BlockHeader, BootSector, CatalogEntry, CopyEntry, Descriptor, IDENTIFIER, Range, ReadAt,
    RecordType, StoreEntry, StoreInformation, VOLUME_HEADER_OFFSET, VolumeHeader, guid_at,
};

/// A block of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListBlock {
    /// Where it lies.
    pub offset: u64,
    /// What it says of itself.
    pub header: BlockHeader,
}

/// A slot of a list that holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot<T> {
    /// Its number, counted from the start of the list.
    pub index: u64,
    /// Where it lies.
    pub offset: u64,
    /// What it holds.
    pub value: T,
}

/// What the slots of a list hold.
pub trait ListEntry: Copy {
    /// The type of the list's blocks.
    const RECORD: RecordType;
    /// The bytes of a slot.
    const BYTES: u64;
    /// The slots of a block.
    const A_BLOCK: u64;

    /// Reads a slot; `None` when it was never used.
    ///
    /// # Errors
    /// When the slot cannot mean anything.
    fn read(bytes: &[u8]) -> Result<Option<Self>, BadStructure>;
}

impl ListEntry for CatalogEntry {
    const RECORD: RecordType = RecordType::Catalog;
    const BYTES: u64 = CatalogEntry::SIZE as u64;
    const A_BLOCK: u64 = CatalogEntry::A_BLOCK;

    fn read(bytes: &[u8]) -> Result<Option<CatalogEntry>, BadStructure> {
        CatalogEntry::decode(bytes).map(|entry| (entry != CatalogEntry::Empty).then_some(entry))
    }
}

impl ListEntry for Descriptor {
    const RECORD: RecordType = RecordType::Descriptors;
    const BYTES: u64 = Descriptor::SIZE as u64;
    const A_BLOCK: u64 = Descriptor::A_BLOCK;

    fn read(bytes: &[u8]) -> Result<Option<Descriptor>, BadStructure> {
        let descriptor = Descriptor::decode(bytes);
        Ok((!descriptor.is_empty()).then_some(descriptor))
    }
}

impl ListEntry for Range {
    const RECORD: RecordType = RecordType::Ranges;
    const BYTES: u64 = Range::SIZE as u64;
    const A_BLOCK: u64 = Range::A_BLOCK;

    fn read(bytes: &[u8]) -> Result<Option<Range>, BadStructure> {
        let range = Range::decode(bytes);
        Ok((range != Range::default()).then_some(range))
    }
}

/// A chain of blocks with slots: the catalog, a descriptor list, a range list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T> {
    /// All blocks, in the order of the chain.
    pub blocks: Vec<ListBlock>,
    /// The slots that hold something, in order. Slots that were never used may lie between them.
    pub slots: Vec<Slot<T>>,
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { blocks: Vec::new(), slots: Vec::new() }
    }
}

impl<T: ListEntry> List<T> {
    /// How many slots the blocks have.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.blocks.len() as u64 * T::A_BLOCK
    }

    /// Where a slot lies, used or not; `None` behind the last block.
    #[must_use]
    pub fn offset_of(&self, index: u64) -> Option<u64> {
        let block = self.blocks.get(usize::try_from(index / T::A_BLOCK).ok()?)?;
        Some(block.offset + BlockHeader::SIZE as u64 + index % T::A_BLOCK * T::BYTES)
    }

    /// The first slot that was never used; [`capacity`](List::capacity) when there is none.
    #[must_use]
    pub fn first_free(&self) -> u64 {
        self.gaps().next().map_or(self.capacity(), |gap| gap.start)
    }

    /// The slot behind the last one in use.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.slots.last().map_or(0, |slot| slot.index + 1)
    }

    /// The slots that were never used, as ranges in order.
    pub fn gaps(&self) -> impl Iterator<Item = std::ops::Range<u64>> {
        let starts = std::iter::once(0).chain(self.slots.iter().map(|slot| slot.index + 1));
        let ends = self.slots.iter().map(|slot| slot.index).chain(std::iter::once(self.capacity()));
        starts.zip(ends).filter(|(start, end)| start < end).map(|(start, end)| start..end)
    }

    /// What the slots hold, in order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().map(|slot| &slot.value)
    }
}

/// A bit for each block of a volume; a bit that is set means *not in use*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    /// Its blocks, in the order of the chain.
    pub blocks: Vec<ListBlock>,
    /// Where the block lies that the chain goes on with and that the volume has no need of.
    pub goes_on: Option<u64>,
    bytes: Vec<u8>,
}

impl Bitmap {
    /// How many bits its blocks have.
    #[must_use]
    pub fn bits(&self) -> u64 {
        self.bytes.len() as u64 * 8
    }

    /// Whether the bit of the volume's block number `block` is set. Behind the end no bit is.
    #[must_use]
    pub fn is_set(&self, block: u64) -> bool {
        let byte = usize::try_from(block / 8).ok().and_then(|at| self.bytes.get(at));
        byte.is_some_and(|byte| byte >> (block % 8) & 1 == 1)
    }

    /// The bits, eight in a byte, the first one lowest.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first block from `block` on whose bit is set.
    #[must_use]
    pub fn next_set(&self, block: u64) -> Option<u64> {
        Bitmap::next(&self.bytes, block, true)
    }

    /// The first bit from `from` on that is `set`.
    pub(super) fn next(bytes: &[u8], from: u64, set: bool) -> Option<u64> {
        let flip = if set { 0 } else { 0xff };
        let first = usize::try_from(from / 8).ok()?;
        let head = (bytes.get(first)? ^ flip) & (0xff << (from % 8));
        if head != 0 {
            return Some(first as u64 * 8 + u64::from(head.trailing_zeros()));
        }
        let found = bytes.iter().skip(first + 1).position(|byte| byte ^ flip != 0)?;
        let at = first + 1 + found;
        Some(at as u64 * 8 + u64::from((bytes[at] ^ flip).trailing_zeros()))
    }
}

/// What a volume says of its shadow copies, without their stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeStructures {
    /// The size of the device.
    pub size: u64,
    /// The boot sector, or what keeps it from being one of NTFS. Nothing else depends on it.
    pub boot: Result<BootSector, BadStructure>,
    /// The volume header; `None` where no shadow copies were ever kept.
    pub header: Option<VolumeHeader>,
    /// The catalog; without a block when there is none.
    pub catalog: List<CatalogEntry>,
}

impl VolumeStructures {
    /// The shadow copies of this volume, as the catalog has them.
    pub fn copies(&self) -> impl Iterator<Item = (Slot<CatalogEntry>, CopyEntry)> {
        self.catalog.slots.iter().filter_map(|slot| match slot.value {
            CatalogEntry::Copy(copy) => Some((*slot, copy)),
            _ => None,
        })
    }

    /// The stores on this volume, as the catalog has them; some may belong to another volume.
    pub fn stores(&self) -> impl Iterator<Item = (Slot<CatalogEntry>, StoreEntry)> {
        self.catalog.slots.iter().filter_map(|slot| match slot.value {
            CatalogEntry::Store(store) => Some((*slot, store)),
            _ => None,
        })
    }
}

/// A store with everything but the saved blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStructures {
    /// The entry that it was read from.
    pub entry: StoreEntry,
    /// The header of its first block, which lies at `entry.header`.
    pub header: BlockHeader,
    /// What it says of its shadow copy.
    pub information: StoreInformation,
    /// Which block is saved where.
    pub descriptors: List<Descriptor>,
    /// Where its parts lie.
    pub ranges: List<Range>,
    /// The blocks that were not in use when the copy was made.
    pub bitmap: Option<Bitmap>,
    /// The blocks that the copy before had no need of at that time.
    pub previous_bitmap: Option<Bitmap>,
}

impl StoreStructures {
    /// Where the block at `relative` of the store lies on the volume, by the ranges; `None` when no range has it. Windows leaves the
    /// first three blocks (header, descriptor list, range list) out of the ranges. For many questions ask [`places`](Self::places).
    #[must_use]
    pub fn place_of(&self, relative: u64) -> Option<u64> {
        self.places().of(relative)
    }

    /// The ranges, sorted for look-ups.
    #[must_use]
    pub fn places(&self) -> Places {
        let mut ranges: Vec<Range> = self.ranges.values().copied().collect();
        ranges.sort_by_key(|range| range.relative);
        Places(ranges)
    }
}

/// Where the parts of a store lie.
#[derive(Clone, Debug, Default)]
pub struct Places(Vec<Range>);

impl Places {
    /// Where the block at `relative` of the store lies on the volume; `None` when no range has it.
    #[must_use]
    pub fn of(&self, relative: u64) -> Option<u64> {
        let end = relative.checked_add(BLOCK)?;
        let behind = self.0.partition_point(|range| range.relative <= relative);
        let range = self.0.get(behind.checked_sub(1)?)?;
        let holds = range.relative.checked_add(range.size).is_some_and(|last| end <= last);
        range.start.checked_add(relative - range.relative).filter(|_| holds)
    }
}

/// Reads the structures of one device. It remembers every block that it read: a block stands in one list, once.
pub struct Reader<'a> {
    device: &'a dyn ReadAt,
    seen: BTreeMap<u64, &'static str>,
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// A reader of `device`.
    #[must_use]
    pub fn new(device: &'a dyn ReadAt) -> Reader<'a> {
        Reader { device, seen: BTreeMap::new(), buffer: vec![0; BLOCK as usize] }
    }

    /// Reads boot sector, volume header and catalog.
    ///
    /// # Errors
    /// When there is a volume header and something of what it leads to cannot be read.
    pub fn volume(&mut self) -> Result<VolumeStructures, ImageError> {
        let size = self.device.size();
        let mut sector = [0; 512];
        if size < sector.len() as u64 {
            return Err(ImageError::new(0, "volume", format!("{size} bytes are no volume")));
        }
        self.device.read_at(0, &mut sector).map_err(|error| ImageError::unread("boot sector", &error))?;
        let boot = BootSector::decode(&sector);
        let mut volume = VolumeStructures { size, boot, header: None, catalog: List::default() };
        if size < VOLUME_HEADER_OFFSET + sector.len() as u64 {
            return Ok(volume);
        }
        let unread = |error| ImageError::unread("volume header", &error);
        self.device.read_at(VOLUME_HEADER_OFFSET, &mut sector).map_err(unread)?;
        if guid_at(&sector, 0) != IDENTIFIER {
            return Ok(volume);
        }
        let bad = |bad| ImageError::field(VOLUME_HEADER_OFFSET, "volume header", &bad);
        let header = VolumeHeader::decode(&sector).map_err(bad)?;
        volume.header = Some(header);
        if header.catalog != 0 {
            volume.catalog = self.list(header.catalog)?;
        }
        Ok(volume)
    }

    /// Reads a store. A bitmap is read as far as a volume of `volume_size` bytes needs it.
    ///
    /// # Errors
    /// When something of it cannot be read, or a block of it was read before.
    pub fn store(&mut self, entry: &StoreEntry, volume_size: Option<u64>) -> Result<StoreStructures, ImageError> {
        let header = self.block(entry.header, RecordType::Store)?;
        let information = self.information(entry.header, &header)?;
        Ok(StoreStructures {
            entry: *entry,
            header,
            information,
            descriptors: self.list(entry.descriptors)?,
            ranges: self.list(entry.ranges)?,
            bitmap: self.bitmap(entry.bitmap, volume_size)?,
            previous_bitmap: self.bitmap(entry.previous_bitmap, volume_size)?,
        })
    }

    /// Reads the information from the header block, which is in the buffer.
    fn information(&self, start: u64, header: &BlockHeader) -> Result<StoreInformation, ImageError> {
        const NAME: &str = "store information";
        let maximum = StoreInformation::MAXIMUM;
        let length = usize::try_from(header.information).ok().filter(|length| *length <= maximum);
        let Some(length) = length else {
            let why = format!("its size is {}; a block has room for {maximum} bytes", header.information);
            return Err(ImageError::new(start + 48, NAME, why));
        };
        let bytes = &self.buffer[BlockHeader::SIZE..][..length];
        StoreInformation::decode(bytes).map_err(|bad| ImageError::field(start + BlockHeader::SIZE as u64, NAME, &bad))
    }

    /// Reads a chain of slots that starts at `first`.
    fn list<T: ListEntry>(&mut self, first: u64) -> Result<List<T>, ImageError> {
        let mut list = List::default();
        let mut offset = first;
        loop {
            let header = self.block(offset, T::RECORD)?;
            let before = list.capacity();
            list.blocks.push(ListBlock { offset, header });
            let slots = self.buffer[BlockHeader::SIZE..].chunks_exact(T::BYTES as usize);
            for ((bytes, index), at) in slots.zip(before..before + T::A_BLOCK).zip(0_u64..) {
                let offset = offset + BlockHeader::SIZE as u64 + at * T::BYTES;
                let value = T::read(bytes).map_err(|bad| ImageError::field(offset, T::RECORD.name(), &bad))?;
                list.slots.extend(value.map(|value| Slot { index, offset, value }));
            }
            if header.next == 0 {
                return Ok(list);
            }
            offset = header.next;
        }
    }

    /// Reads a bitmap that starts at `first`; 0 is none.
    fn bitmap(&mut self, first: u64, volume_size: Option<u64>) -> Result<Option<Bitmap>, ImageError> {
        if first == 0 {
            return Ok(None);
        }
        let needed = volume_size.map(|size| size.div_ceil(BLOCK).div_ceil(BITS_A_BLOCK).max(1));
        let mut bitmap = Bitmap { blocks: Vec::new(), goes_on: None, bytes: Vec::new() };
        let mut offset = first;
        loop {
            let header = self.block(offset, RecordType::Bitmap)?;
            bitmap.blocks.push(ListBlock { offset, header });
            bitmap.bytes.extend_from_slice(&self.buffer[BlockHeader::SIZE..]);
            if header.next == 0 {
                return Ok(Some(bitmap));
            }
            if needed.is_some_and(|needed| bitmap.blocks.len() as u64 >= needed) {
                bitmap.goes_on = Some(header.next);
                return Ok(Some(bitmap));
            }
            offset = header.next;
        }
    }

    /// Reads a block into the buffer, after it was found to be one of the device, and one that was not read before.
    fn block(&mut self, offset: u64, record: RecordType) -> Result<BlockHeader, ImageError> {
        let name = record.name();
        let refuse = |why| Err(ImageError::new(offset, name, why));
        let size = self.device.size();
        if !offset.is_multiple_of(BLOCK) {
            return refuse(format!("a block starts at a multiple of {BLOCK:#x}"));
        }
        if offset.checked_add(BLOCK).is_none_or(|end| end > size) {
            return refuse(format!("the block does not lie inside the volume of {size:#x} bytes"));
        }
        if offset == 0 {
            return refuse("the block of the boot sector and the volume header is named as its place".to_owned());
        }
        if let Some(before) = self.seen.insert(offset, name) {
            return refuse(format!(
                "the block was already read as a part of a {before}: a loop, or two lists that share it"
            ));
        }
        self.device.read_at(offset, &mut self.buffer).map_err(|error| ImageError::unread(name, &error))?;
        BlockHeader::decode(&self.buffer, record).map_err(|bad| ImageError::field(offset, name, &bad))
    }
}

/// Reads boot sector, volume header and catalog of a volume.
///
/// # Errors
/// When there is a volume header and something of what it leads to cannot be read.
pub fn read_volume(device: &dyn ReadAt) -> Result<VolumeStructures, ImageError> {
    Reader::new(device).volume()
}

/// Reads the store that a catalog entry leads to. To read several stores use one [`Reader`]: it finds blocks that two of them share.
///
/// # Errors
/// When something of it cannot be read.
pub fn read_store(device: &dyn ReadAt, entry: &StoreEntry) -> Result<StoreStructures, ImageError> {
    Reader::new(device).store(entry, None)
}

#[cfg(test)]
#[path = "structures_tests.rs"]
mod tests;
