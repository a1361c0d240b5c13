//! Small volumes with shadow copies for the tests, built in memory by the codecs, laid out as Windows does it.

use vssim_model::ids::Guid;

use crate::disk_format::{
    BLOCK, BlockHeader, BootSector, CatalogEntry, CopyEntry, Descriptor, DescriptorFlags, Range, RecordType,
    StoreEntry, VOLUME_HEADER_OFFSET, VolumeHeader,
};
use crate::fixture::store_information;

/// The size of the volume.
pub(crate) const SIZE: u64 = 4 << 20;
/// Where the catalog lies.
pub(crate) const CATALOG: u64 = 0x8_0000;
/// The size of a store.
pub(crate) const STORE: u64 = 32 * BLOCK;
/// Where the first place of a store lies in it, behind both bitmaps.
pub(crate) const FIRST_PLACE: u64 = 5 * BLOCK;
/// The name of the volume.
pub(crate) const VOLUME: Guid = Guid(0x1111_0000_0000_11eb_90f4_0800_2776_8df7);

/// Where store number `store` lies.
pub(crate) fn store_at(store: u64) -> u64 {
    0x20_0000 + store * STORE
}

/// The GUID of store number `store`.
pub(crate) fn store_id(store: u64) -> Guid {
    Guid(VOLUME.0 + ((store as u128 + 1) << 96))
}

/// The byte that fills block `block` in the live volume.
pub(crate) fn live(block: u64) -> u8 {
    0x20 + (block % 64) as u8
}

/// The byte that fills place number `place` of store `store`.
pub(crate) fn saved(store: u64, place: u64) -> u8 {
    0x80 + (store * 27 + place) as u8
}

/// A plain descriptor: block number `block` is saved at place number `place` of store `store`.
pub(crate) fn plain(store: u64, block: u64, place: u64) -> Descriptor {
    let relative = FIRST_PLACE + place * BLOCK;
    Descriptor { original: block * BLOCK, relative, place: store_at(store) + relative, ..Descriptor::default() }
}

/// An overlay of the sectors in `bitmap`.
pub(crate) fn overlay(store: u64, block: u64, place: u64, bitmap: u32) -> Descriptor {
    Descriptor { flags: DescriptorFlags(DescriptorFlags::OVERLAY), bitmap, ..plain(store, block, place) }
}

/// An extension of the overlay of `block`.
pub(crate) fn extension(store: u64, block: u64, place: u64, bitmap: u32) -> Descriptor {
    Descriptor { relative: 1, ..overlay(store, block, place, bitmap) }
}

/// A forwarder: what was in block number `block` lies in block number `to` of the next newer copy.
pub(crate) fn forwarder(block: u64, to: u64) -> Descriptor {
    let flags = DescriptorFlags(DescriptorFlags::FORWARDER);
    Descriptor { original: block * BLOCK, relative: to * BLOCK, flags, ..Descriptor::default() }
}

/// A copy with its store.
#[derive(Clone, Debug, Default)]
pub(crate) struct SampleStore {
    pub(crate) descriptors: Vec<Descriptor>,
    /// The blocks that were not in use.
    pub(crate) free: Vec<u64>,
    /// The blocks that are set in the previous bitmap, where there is one.
    pub(crate) free_before: Option<Vec<u64>>,
}

/// A store that saved `descriptors`.
pub(crate) fn store_of(descriptors: Vec<Descriptor>) -> SampleStore {
    SampleStore { descriptors, ..SampleStore::default() }
}

/// The entry of type 2 of store number `store`.
pub(crate) fn copy_entry(store: u64) -> CopyEntry {
    let created = 0x01d7_15fe_dd0c_03af + store * 600_000_000;
    CopyEntry { volume_size: SIZE, store: store_id(store), sequence: store + 1, flags: 0x40, created }
}

/// The entry of type 3 of store number `store`.
pub(crate) fn store_entry(store: u64, previous: bool) -> StoreEntry {
    let at = store_at(store);
    StoreEntry {
        descriptors: at + BLOCK,
        store: store_id(store),
        header: at,
        ranges: at + 2 * BLOCK,
        bitmap: at + 3 * BLOCK,
        file_reference: 0x1_0000_0000_0025 + store,
        allocated: 0,
        previous_bitmap: if previous { at + 4 * BLOCK } else { 0 },
        unknown: u64::from(previous),
    }
}

/// A volume with these copies, oldest first.
pub(crate) fn volume(stores: &[SampleStore]) -> Vec<u8> {
    let mut entries = Vec::new();
    for (number, store) in (0..).zip(stores) {
        entries.push(CatalogEntry::Copy(copy_entry(number)));
        entries.push(CatalogEntry::Store(store_entry(number, store.free_before.is_some())));
    }
    let mut bytes = bare(&entries, VOLUME, VOLUME);
    for (number, store) in (0..).zip(stores) {
        write_store(&mut bytes, number, store);
    }
    bytes
}

/// A volume with a catalog and no store.
pub(crate) fn bare(entries: &[CatalogEntry], id: Guid, diff_area: Guid) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..SIZE / BLOCK).flat_map(|block| [live(block); BLOCK as usize]).collect();
    bytes[..0x2000].fill(0);
    let boot = BootSector::of(SIZE, 0x1234).encode();
    write(&mut bytes, 0, &boot);
    write(&mut bytes, SIZE - 512, &boot);
    let flags = if id == diff_area { 0 } else { VolumeHeader::REDIRECTED };
    let header = VolumeHeader { version: 1, catalog: CATALOG, maximum: 0, volume: id, diff_area, flags };
    write(&mut bytes, VOLUME_HEADER_OFFSET, &header.encode());
    for block in 0..4 {
        let at = CATALOG + block * BLOCK;
        let next = if block < 3 { at + BLOCK } else { 0 };
        let header = BlockHeader { next, ..BlockHeader::new(RecordType::Catalog, block * BLOCK, at) };
        let slots: Vec<u8> =
            if block == 0 { entries.iter().flat_map(CatalogEntry::encode).collect() } else { Vec::new() };
        write_block(&mut bytes, at, header, &slots);
    }
    bytes
}

/// Writes store number `number`.
pub(crate) fn write_store(bytes: &mut [u8], number: u64, store: &SampleStore) {
    let at = store_at(number);
    let header = |record, block: u64| BlockHeader::new(record, block * BLOCK, at + block * BLOCK);
    let information = store_information(number).encode();
    let first = BlockHeader { information: information.len() as u64, ..header(RecordType::Store, 0) };
    write_block(bytes, at, first, &information);
    let slots: Vec<u8> = store.descriptors.iter().flat_map(Descriptor::encode).collect();
    write_block(bytes, at + BLOCK, header(RecordType::Descriptors, 1), &slots);
    let range = Range { start: at + 3 * BLOCK, relative: 3 * BLOCK, size: STORE - 3 * BLOCK };
    write_block(bytes, at + 2 * BLOCK, header(RecordType::Ranges, 2), &range.encode());
    write_block(bytes, at + 3 * BLOCK, header(RecordType::Bitmap, 3), &bitmap_of(&store.free));
    if let Some(before) = &store.free_before {
        write_block(bytes, at + 4 * BLOCK, header(RecordType::Bitmap, 4), &bitmap_of(before));
    }
    for place in 0..(STORE - FIRST_PLACE) / BLOCK {
        write(bytes, at + FIRST_PLACE + place * BLOCK, &[saved(number, place); BLOCK as usize]);
    }
}

fn bitmap_of(blocks: &[u64]) -> Vec<u8> {
    let mut bits = vec![0; BLOCK as usize - BlockHeader::SIZE];
    for block in blocks {
        bits[(block / 8) as usize] |= 1 << (block % 8);
    }
    bits
}

/// Writes a block of a list, zeros behind what it holds.
pub(crate) fn write_block(bytes: &mut [u8], at: u64, header: BlockHeader, slots: &[u8]) {
    write(bytes, at, &[0; BLOCK as usize]);
    write(bytes, at, &header.encode());
    write(bytes, at + BlockHeader::SIZE as u64, slots);
}

/// Writes `what` at `at`.
pub(crate) fn write(bytes: &mut [u8], at: u64, what: &[u8]) {
    bytes[at as usize..][..what.len()].copy_from_slice(what);
}
