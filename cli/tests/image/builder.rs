//! Small volumes with shadow copies, laid out as Windows does it.

use vssim_model::ids::Guid;
use vssim_sim::disk_format::{
    BLOCK, BlockHeader, BootSector, CatalogEntry, CopyEntry, Descriptor, Range, RecordType, StoreEntry,
    VOLUME_HEADER_OFFSET, VolumeHeader,
};
use vssim_sim::fixture::store_information;

/// The size of a volume: 256 blocks, most of them zeros.
pub(crate) const SIZE: u64 = 4 << 20;
/// The size of a store.
const STORE: u64 = 16 * BLOCK;
const CATALOG: u64 = 32 * BLOCK;
/// The volume of most tests.
pub(crate) const VOLUME: Guid = Guid(0x1111_0000_0000_11eb_90f4_0800_2776_8df7);
/// Another one.
pub(crate) const OTHER: Guid = Guid(0x2222_0000_0000_11eb_90f4_0800_2776_8df7);

/// A copy: which block it saved, and what was in it.
#[derive(Clone, Copy)]
pub(crate) struct Saved {
    /// The store's number, which says where it lies and what it is called.
    pub(crate) store: u64,
    pub(crate) block: u64,
    pub(crate) was: u8,
}

fn store_at(store: u64) -> u64 {
    (128 + store * 16) * BLOCK
}

fn store_id(store: u64) -> Guid {
    Guid(VOLUME.0 + (u128::from(store + 1) << 96))
}

/// The GUID of the shadow copy of a store.
pub(crate) fn snapshot_id(store: u64) -> Guid {
    store_information(store).snapshot
}

pub(crate) fn put(bytes: &mut [u8], at: u64, what: &[u8]) {
    let at = usize::try_from(at).unwrap();
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// A volume whose copies lie on itself, oldest first.
pub(crate) fn volume(copies: &[Saved]) -> Vec<u8> {
    let entries: Vec<CatalogEntry> = copies.iter().flat_map(|copy| [copy_entry(copy), store_entry(copy)]).collect();
    let mut bytes = bare(VOLUME, VOLUME, &entries);
    for copy in copies {
        put_store(&mut bytes, copy);
    }
    bytes
}

/// A volume with these copies on another one, and that one.
pub(crate) fn redirected(copies: &[Saved]) -> (Vec<u8>, Vec<u8>) {
    let here: Vec<CatalogEntry> = copies.iter().map(copy_entry).collect();
    let there: Vec<CatalogEntry> = copies.iter().map(store_entry).collect();
    let mut area = bare(OTHER, OTHER, &there);
    for copy in copies {
        put_store(&mut area, copy);
    }
    (bare(VOLUME, OTHER, &here), area)
}

/// What a copy shows: the live volume, with what it and newer copies saved.
pub(crate) fn view(live: &[u8], newer_too: &[Saved]) -> Vec<u8> {
    let mut bytes = live.to_vec();
    for copy in newer_too.iter().rev() {
        put(&mut bytes, copy.block * BLOCK, &[copy.was; BLOCK as usize]);
    }
    bytes
}

fn copy_entry(copy: &Saved) -> CatalogEntry {
    let created = 132_598_898_405_147_567 + copy.store * 600_000_000;
    CatalogEntry::Copy(CopyEntry {
        volume_size: SIZE,
        store: store_id(copy.store),
        sequence: copy.store + 1,
        flags: 0x40,
        created,
    })
}

fn store_entry(copy: &Saved) -> CatalogEntry {
    let at = store_at(copy.store);
    CatalogEntry::Store(StoreEntry {
        descriptors: at + BLOCK,
        store: store_id(copy.store),
        header: at,
        ranges: at + 2 * BLOCK,
        bitmap: at + 3 * BLOCK,
        file_reference: 0x1_0000_0000_0025 + copy.store,
        allocated: STORE,
        previous_bitmap: 0,
        unknown: 0,
    })
}

fn bare(id: Guid, diff_area: Guid, entries: &[CatalogEntry]) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(SIZE).unwrap()];
    for block in 16..24 {
        put(&mut bytes, block * BLOCK, &[b'L'; BLOCK as usize]);
    }
    let boot = BootSector::of(SIZE, 0x1234).encode();
    put(&mut bytes, 0, &boot);
    put(&mut bytes, SIZE - 512, &boot);
    let flags = if id == diff_area { 0 } else { VolumeHeader::REDIRECTED };
    let header = VolumeHeader { version: 1, catalog: CATALOG, maximum: 1 << 20, volume: id, diff_area, flags };
    put(&mut bytes, VOLUME_HEADER_OFFSET, &header.encode());
    for block in 0..4 {
        let at = CATALOG + block * BLOCK;
        let next = if block < 3 { at + BLOCK } else { 0 };
        let header = BlockHeader { next, ..BlockHeader::new(RecordType::Catalog, block * BLOCK, at) };
        put(&mut bytes, at, &header.encode());
    }
    let entries: Vec<u8> = entries.iter().flat_map(CatalogEntry::encode).collect();
    put(&mut bytes, CATALOG + BlockHeader::SIZE as u64, &entries);
    bytes
}

fn put_store(bytes: &mut [u8], copy: &Saved) {
    let at = store_at(copy.store);
    let information = store_information(copy.store).encode();
    let relative = 4 * BLOCK;
    let descriptor =
        Descriptor { original: copy.block * BLOCK, relative, place: at + relative, ..Descriptor::default() };
    let range = Range { start: at + 3 * BLOCK, relative: 3 * BLOCK, size: STORE - 3 * BLOCK };
    // Nobody has a use of the store's own blocks.
    let mut bitmap = vec![0; usize::try_from(SIZE / BLOCK / 8).unwrap()];
    for block in at / BLOCK..(at + STORE) / BLOCK {
        bitmap[usize::try_from(block / 8).unwrap()] |= 1 << (block % 8);
    }
    let blocks = [
        (RecordType::Store, information.clone()),
        (RecordType::Descriptors, descriptor.encode().to_vec()),
        (RecordType::Ranges, range.encode().to_vec()),
        (RecordType::Bitmap, bitmap),
    ];
    for (number, (record, what)) in (0..).zip(blocks) {
        let mut header = BlockHeader::new(record, number * BLOCK, at + number * BLOCK);
        header.information = if record == RecordType::Store { information.len() as u64 } else { 0 };
        put(bytes, at + number * BLOCK, &header.encode());
        put(bytes, at + number * BLOCK + BlockHeader::SIZE as u64, &what);
    }
    put(bytes, at + relative, &[copy.was; BLOCK as usize]);
}

/// A disk with a master boot record and these volumes, the first at 1 MiB, one MiB between them.
pub(crate) fn disk(volumes: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    put(&mut bytes, 510, &[0x55, 0xaa]);
    for (number, volume) in volumes.iter().enumerate() {
        let sector = |size: usize| u32::try_from(size / 512).unwrap().to_le_bytes();
        let entry = 446 + number as u64 * 16;
        put(&mut bytes, entry + 4, &[7]);
        let start = bytes.len();
        put(&mut bytes, entry + 8, &sector(start));
        put(&mut bytes, entry + 12, &sector(volume.len()));
        bytes.extend_from_slice(volume);
        bytes.resize(bytes.len() + (1 << 20), 0);
    }
    bytes
}
