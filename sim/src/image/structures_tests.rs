use super::super::sample::{self, CATALOG, plain, store_at, store_entry, store_of, write};
use super::*;
use crate::fixture::store_information;

fn sample() -> Vec<u8> {
    let newer =
        sample::SampleStore { descriptors: vec![plain(1, 9, 0)], free: vec![20, 21], free_before: Some(vec![20, 140]) };
    sample::volume(&[store_of(vec![plain(0, 7, 0), plain(0, 8, 1)]), newer])
}

fn refused(bytes: &[u8], store: u64) -> (u64, &'static str) {
    let error = read_store(&bytes, &store_entry(store, store == 1)).unwrap_err();
    assert!(!error.why.is_empty() && error.to_string().contains(&format!("{:#x}", error.offset)), "{error}");
    (error.offset, error.structure)
}

#[test]
fn a_volume_gives_its_catalog_with_every_place() {
    let bytes = sample();
    let volume = read_volume(&&bytes[..]).unwrap();
    assert_eq!(volume.boot.as_ref().unwrap().volume_size(), sample::SIZE);
    assert_eq!(volume.header.unwrap().volume, sample::VOLUME);
    assert_eq!(volume.copies().map(|(_, copy)| copy.sequence).collect::<Vec<_>>(), [1, 2]);
    let offsets: Vec<u64> = volume.stores().map(|(slot, _)| slot.offset).collect();
    assert_eq!(offsets, [CATALOG + 128 + 128, CATALOG + 128 + 3 * 128]);
    let blocks: Vec<u64> = volume.catalog.blocks.iter().map(|block| block.offset).collect();
    assert_eq!(blocks, [0, 1, 2, 3].map(|block| CATALOG + block * BLOCK));
    assert_eq!((volume.catalog.first_free(), volume.catalog.capacity()), (4, 508));
    assert_eq!(volume.catalog.offset_of(127), Some(CATALOG + BLOCK + 128));
    assert_eq!(volume.catalog.offset_of(508), None);
}

#[test]
fn a_store_gives_its_lists_and_bitmaps() {
    let bytes = sample();
    let store = read_store(&&bytes[..], &store_entry(1, true)).unwrap();
    assert_eq!(store.information, store_information(1));
    let slot = store.descriptors.slots[0];
    assert_eq!((slot.index, slot.offset, slot.value), (0, store_at(1) + BLOCK + 128, plain(1, 9, 0)));
    assert_eq!((store.descriptors.first_free(), store.descriptors.end(), store.descriptors.capacity()), (1, 1, 508));
    let (current, previous) = (store.bitmap.as_ref().unwrap(), store.previous_bitmap.as_ref().unwrap());
    assert_eq!([19, 20, 21, 22].map(|block| current.is_set(block)), [false, true, true, false]);
    assert_eq!((previous.next_set(0), previous.next_set(21), previous.next_set(141)), (Some(20), Some(140), None));
    assert!(!current.is_set(1 << 40));
    assert_eq!(store.place_of(plain(1, 9, 0).relative), Some(plain(1, 9, 0).place));
    assert_eq!((store.place_of(0), store.place_of(u64::MAX)), (None, None));
}

#[test]
fn slots_that_were_never_used_leave_gaps() {
    let mut bytes = sample();
    let list = store_at(0) + BLOCK + 128;
    write(&mut bytes, list, &[0; 32]);
    write(&mut bytes, list + 5 * 32, &plain(0, 3, 3).encode());
    let store = read_store(&&bytes[..], &store_entry(0, false)).unwrap();
    assert_eq!(store.descriptors.slots.iter().map(|slot| slot.index).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(store.descriptors.gaps().collect::<Vec<_>>(), [0..1, 2..5, 6..508]);
    assert_eq!((store.descriptors.first_free(), store.descriptors.end()), (0, 6));
}

#[test]
fn a_full_list_has_its_first_free_slot_behind_the_last_block() {
    let descriptors = (0..508).map(|block| plain(0, block % 200, block % 20)).collect();
    let bytes = sample::volume(&[store_of(descriptors)]);
    let store = read_store(&&bytes[..], &store_entry(0, false)).unwrap();
    assert_eq!(
        (store.descriptors.first_free(), store.descriptors.end(), store.descriptors.gaps().count()),
        (508, 508, 0)
    );
}

#[test]
fn a_volume_that_never_had_copies_is_no_error() {
    let mut bytes = sample();
    write(&mut bytes, VOLUME_HEADER_OFFSET, &[0; 16]);
    let volume = read_volume(&&bytes[..]).unwrap();
    assert_eq!((volume.header, volume.catalog.blocks.len()), (None, 0));
    let small = read_volume(&&bytes[..0x1e00]).unwrap();
    assert_eq!(small.header, None);
    assert_eq!(read_volume(&&bytes[..100]).unwrap_err().structure, "volume");
}

#[test]
fn a_volume_without_a_catalog_has_no_copies() {
    let mut bytes = sample();
    write(&mut bytes, VOLUME_HEADER_OFFSET + 48, &[0; 8]);
    let volume = read_volume(&&bytes[..]).unwrap();
    assert!(volume.header.is_some());
    assert_eq!((volume.copies().count(), volume.catalog.first_free()), (0, 0));
}

#[test]
fn a_volume_without_ntfs_still_gives_its_copies() {
    let mut bytes = sample();
    write(&mut bytes, 0, &[0; 512]);
    let volume = read_volume(&&bytes[..]).unwrap();
    assert_eq!(volume.boot.unwrap_err().field, "file system name");
    assert_eq!(volume.catalog.slots.len(), 4);
}

#[test]
fn another_type_of_volume_header_is_refused() {
    let mut bytes = sample();
    write(&mut bytes, VOLUME_HEADER_OFFSET + 20, &[9]);
    assert_eq!(read_volume(&&bytes[..]).unwrap_err().offset, VOLUME_HEADER_OFFSET + 20);
}

#[test]
fn a_catalog_in_a_wrong_place_is_refused() {
    for place in [CATALOG + 512, sample::SIZE, sample::SIZE - 512, u64::MAX - 0x3fff, 1 << 63] {
        let mut bytes = sample();
        write(&mut bytes, VOLUME_HEADER_OFFSET + 48, &place.to_le_bytes());
        let error = read_volume(&&bytes[..]).unwrap_err();
        assert_eq!((error.offset, error.structure), (place, "catalog"));
    }
}

#[test]
fn a_loop_in_the_catalog_is_refused() {
    let mut bytes = sample();
    write(&mut bytes, CATALOG + 3 * BLOCK + 40, &(CATALOG + BLOCK).to_le_bytes());
    let error = read_volume(&&bytes[..]).unwrap_err();
    assert_eq!(error.offset, CATALOG + BLOCK);
    assert!(error.why.contains("loop"), "{error}");
}

#[test]
fn an_unknown_catalog_entry_is_refused_at_its_slot() {
    let mut bytes = sample();
    write(&mut bytes, CATALOG + BLOCK + 128 + 2 * 128, &[7]);
    let error = read_volume(&&bytes[..]).unwrap_err();
    assert_eq!((error.offset, error.structure), (CATALOG + BLOCK + 384, "catalog"));
}

#[test]
fn every_block_of_a_store_is_looked_at() {
    let at = store_at(1);
    let names = ["store header", "descriptor list", "range list", "bitmap", "bitmap"];
    for (block, name) in (0..).zip(names) {
        let mut bytes = sample();
        write(&mut bytes, at + block * BLOCK, &[0]);
        assert_eq!(refused(&bytes, 1), (at + block * BLOCK, name));
        let mut bytes = sample();
        write(&mut bytes, at + block * BLOCK + 20, &[9]);
        assert_eq!(refused(&bytes, 1), (at + block * BLOCK + 20, name));
    }
    for (block, name) in (1..).zip(&names[1..]) {
        let mut bytes = sample();
        let own = at + block * BLOCK;
        write(&mut bytes, own + 40, &own.to_le_bytes());
        assert_eq!(refused(&bytes, 1), (own, *name));
    }
}

#[test]
fn information_that_does_not_fit_is_refused() {
    let mut bytes = sample();
    write(&mut bytes, store_at(1) + 48, &0x4000_u64.to_le_bytes());
    assert_eq!(refused(&bytes, 1), (store_at(1) + 48, "store information"));
    let mut bytes = sample();
    write(&mut bytes, store_at(1) + 48, &70_u64.to_le_bytes());
    assert_eq!(refused(&bytes, 1), (store_at(1) + 128 + 64, "store information"));
}

#[test]
fn two_stores_cannot_share_a_block() {
    let bytes = sample();
    let device = &bytes[..];
    let mut reader = Reader::new(&device);
    reader.store(&store_entry(0, false), None).unwrap();
    let sharing = StoreEntry { ranges: store_entry(0, false).ranges, ..store_entry(1, false) };
    let error = reader.store(&sharing, None).unwrap_err();
    assert_eq!((error.offset, error.structure), (store_at(0) + 2 * BLOCK, "range list"));
}

#[test]
fn a_bitmap_is_read_no_further_than_the_volume_needs() {
    let mut bytes = sample();
    let entry = StoreEntry { previous_bitmap: 0, ..store_entry(1, true) };
    write(&mut bytes, entry.bitmap + 40, &(entry.bitmap + BLOCK).to_le_bytes());
    let device = &bytes[..];
    let long = read_store(&device, &entry).unwrap().bitmap.unwrap();
    assert_eq!((long.blocks.len(), long.bits(), long.goes_on), (2, 2 * BITS_A_BLOCK, None));
    let short = Reader::new(&device).store(&entry, Some(sample::SIZE)).unwrap().bitmap.unwrap();
    assert_eq!((short.blocks.len(), short.goes_on), (1, Some(entry.bitmap + BLOCK)));
    let needs_two = Reader::new(&device).store(&entry, Some((BITS_A_BLOCK + 1) * BLOCK)).unwrap().bitmap.unwrap();
    assert_eq!(needs_two.blocks.len(), 2);
}
