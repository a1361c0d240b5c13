use proptest::prelude::*;

use super::super::sample::{
    self, SIZE, SampleStore, VOLUME, copy_entry, extension, forwarder, live, overlay, plain, saved, store_at,
    store_entry, store_of, write, write_store,
};
use super::*;
use crate::disk_format::{BLOCK, CatalogEntry, Descriptor, DescriptorFlags};

/// The byte at each of these offsets of a view.
fn bytes_at(image: &[u8], copy: usize, rule: NeverCopied, offsets: &[u64]) -> Vec<u8> {
    let copies = Copies::open(&image, None).unwrap();
    let view = copies.view(copy, rule).unwrap();
    let byte = |offset: &u64| {
        let mut byte = [0];
        view.read_at(*offset, &mut byte).unwrap();
        byte[0]
    };
    offsets.iter().map(byte).collect()
}

fn block_bytes(image: &[u8], copy: usize, blocks: &[u64]) -> Vec<u8> {
    let offsets: Vec<u64> = blocks.iter().map(|block| block * BLOCK + 77).collect();
    bytes_at(image, copy, NeverCopied::Live, &offsets)
}

fn with_flags(descriptor: Descriptor, flags: u32) -> Descriptor {
    Descriptor { flags: DescriptorFlags(flags), ..descriptor }
}

fn error_of(image: &[u8], copy: usize) -> ImageError {
    let copies = Copies::open(&image, None).unwrap();
    copies.view(copy, NeverCopied::Live).err().unwrap()
}

#[test]
fn copies_are_listed_oldest_first_with_what_their_stores_say() {
    let mut entries: Vec<CatalogEntry> = [1, 0].map(|store| CatalogEntry::Copy(copy_entry(store))).to_vec();
    entries.extend([0, 1].map(|store| CatalogEntry::Store(store_entry(store, false))));
    let mut image = sample::bare(&entries, VOLUME, VOLUME);
    write_store(&mut image, 0, &store_of(vec![plain(0, 7, 0)]));
    write_store(&mut image, 1, &SampleStore::default());
    let device = &image[..];
    let copies = Copies::open(&device, None).unwrap();
    let ids: Vec<_> = copies.list().iter().map(|copy| copy.id().unwrap().0).collect();
    assert_eq!(ids, [0x5000, 0x5001]);
    let copy = &copies.list()[0];
    assert_eq!((copy.blocks(), copy.allocated(), copy.context()), (Some(1), Some(sample::STORE), Some(9)));
    assert_eq!((copy.set().unwrap().0, copy.attributes(), copy.volume_size()), (0x6000, Some(0x0002_0009), SIZE));
    assert_eq!(copies.missing(), None);
}

#[test]
fn a_copy_shows_its_own_blocks_then_those_of_newer_copies_then_the_live_volume() {
    let image = sample::volume(&[store_of(vec![plain(0, 7, 0)]), store_of(vec![plain(1, 7, 0), plain(1, 8, 1)])]);
    assert_eq!(block_bytes(&image, 0, &[7, 8, 9]), [saved(0, 0), saved(1, 1), live(9)]);
    assert_eq!(block_bytes(&image, 1, &[7, 8, 9]), [saved(1, 0), saved(1, 1), live(9)]);
}

#[test]
fn other_flags_make_a_plain_copy_and_unused_descriptors_do_not_count() {
    let list =
        vec![with_flags(plain(0, 7, 0), 0x88), with_flags(plain(0, 8, 1), 0x04), with_flags(plain(0, 9, 2), 0x86)];
    let image = sample::volume(&[store_of(list)]);
    assert_eq!(block_bytes(&image, 0, &[7, 8, 9]), [saved(0, 0), live(8), live(9)]);
}

#[test]
fn of_two_plain_descriptors_of_a_block_the_later_one_counts() {
    let image = sample::volume(&[store_of(vec![plain(0, 7, 0), plain(0, 7, 1)])]);
    assert_eq!(block_bytes(&image, 0, &[7]), [saved(0, 1)]);
}

#[test]
fn an_overlay_covers_its_sectors_whatever_comes_before_or_after() {
    for list in [
        vec![overlay(0, 7, 0, 0b110), plain(0, 7, 1)],
        vec![plain(0, 7, 1), overlay(0, 7, 0, 0b110)],
        vec![plain(0, 7, 2), overlay(0, 7, 0, 0b10), plain(0, 7, 1), extension(0, 7, 5, 0b100)],
    ] {
        let image = sample::volume(&[store_of(list)]);
        let offsets = [0, 511, 512, 1535, 1536].map(|by| 7 * BLOCK + by);
        let found = bytes_at(&image, 0, NeverCopied::Live, &offsets);
        assert_eq!(found, [saved(0, 1), saved(0, 1), saved(0, 0), saved(0, 0), saved(0, 1)]);
    }
}

#[test]
fn an_overlay_is_seen_in_its_own_copy_alone() {
    let newer = store_of(vec![overlay(1, 7, 0, 1), overlay(1, 8, 1, u32::MAX), plain(1, 8, 2)]);
    let image = sample::volume(&[store_of(vec![]), newer]);
    let offsets = [7 * BLOCK, 7 * BLOCK + 512, 8 * BLOCK];
    assert_eq!(bytes_at(&image, 1, NeverCopied::Live, &offsets), [saved(1, 0), live(7), saved(1, 1)]);
    assert_eq!(bytes_at(&image, 0, NeverCopied::Live, &offsets), [live(7), live(7), saved(1, 2)]);
}

#[test]
fn a_forwarder_leads_to_a_block_of_the_next_newer_copy() {
    let image = sample::volume(&[store_of(vec![forwarder(7, 9)]), store_of(vec![plain(1, 9, 0), forwarder(10, 11)])]);
    assert_eq!(block_bytes(&image, 0, &[7, 9, 10]), [saved(1, 0), saved(1, 0), live(11)]);
    assert_eq!(block_bytes(&image, 1, &[7, 9, 10]), [live(7), saved(1, 0), live(11)]);
}

#[test]
fn forwarders_of_two_copies_follow_each_other() {
    // The newer copy swaps 9 and 10; the older one finds its block 7 at what was 9 then.
    let image = sample::volume(&[store_of(vec![forwarder(7, 9)]), store_of(vec![forwarder(9, 10)])]);
    assert_eq!(block_bytes(&image, 0, &[7, 9]), [live(10), live(10)]);
}

#[test]
fn what_is_saved_of_a_forwarders_target_is_the_forwarded_block() {
    let image = sample::volume(&[store_of(vec![forwarder(7, 9), plain(0, 9, 0)])]);
    assert_eq!(block_bytes(&image, 0, &[7, 9]), [saved(0, 0), live(9)]);
    // The target moved on: the forwarder of 9 becomes one of 7.
    let image = sample::volume(&[store_of(vec![forwarder(7, 9), forwarder(9, 12), plain(0, 12, 1)])]);
    assert_eq!(block_bytes(&image, 0, &[7, 9, 12]), [saved(0, 1), live(9), live(12)]);
}

#[test]
fn a_forwarder_back_to_its_block_is_ignored() {
    let image = sample::volume(&[store_of(vec![forwarder(7, 9), forwarder(9, 7)])]);
    assert_eq!(block_bytes(&image, 0, &[7, 9]), [live(9), live(9)]);
    let image = sample::volume(&[store_of(vec![forwarder(7, 7)])]);
    assert_eq!(block_bytes(&image, 0, &[7]), [live(7)]);
}

#[test]
fn never_copied_blocks_are_zeros_where_both_bitmaps_are_set_in_the_newest_copy() {
    let list = vec![plain(1, 20, 0), forwarder(7, 22), overlay(1, 23, 1, 1)];
    let free_before = Some(vec![20, 21, 22, 23, 24]);
    let newer = SampleStore { descriptors: list, free: vec![20, 21, 22, 23, 25], free_before };
    let older = SampleStore { free: vec![21], ..SampleStore::default() };
    let image = sample::volume(&[older, newer]);
    let offsets = [20, 21, 22, 23, 24, 25].map(|block| block * BLOCK + 600);
    let zeros = [saved(1, 0), 0, live(22), 0, live(24), live(25)];
    assert_eq!(bytes_at(&image, 1, NeverCopied::Zeros, &offsets), zeros);
    let now = [saved(1, 0), live(21), live(22), live(23), live(24), live(25)];
    assert_eq!(bytes_at(&image, 1, NeverCopied::Live, &offsets), now);
    assert_eq!(bytes_at(&image, 0, NeverCopied::Zeros, &offsets), now);
    assert_eq!(bytes_at(&image, 1, NeverCopied::Zeros, &[23 * BLOCK]), [saved(1, 1)]);
}

#[test]
fn without_a_previous_bitmap_the_current_one_decides() {
    let image = sample::volume(&[SampleStore { free: vec![20], ..SampleStore::default() }]);
    assert_eq!(bytes_at(&image, 0, NeverCopied::Zeros, &[20 * BLOCK, 21 * BLOCK]), [0, live(21)]);
}

#[test]
fn runs_that_follow_each_other_in_the_source_are_one_read() {
    let list = (0..4).map(|place| plain(0, 30 + place, place)).collect();
    let image = sample::volume(&[store_of(list)]);
    let device = &image[..];
    let view = Copies::open(&device, None).unwrap().view(0, NeverCopied::Live).unwrap();
    assert_eq!(view.runs(), 3);
    assert_eq!(view.is_live(0), (true, 30 * BLOCK));
    assert_eq!(view.is_live(31 * BLOCK), (false, 34 * BLOCK));
    assert_eq!(view.is_live(SIZE), (false, SIZE));
}

#[test]
fn holes_of_the_sources_are_holes_of_the_view() {
    struct Holes<'a>(&'a [u8]);
    impl ReadAt for Holes<'_> {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
            self.0.read_at(offset, into)
        }
        fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
            let block = (offset / BLOCK..self.size() / BLOCK)
                .find(|block| self.0[(block * BLOCK) as usize..][..BLOCK as usize].iter().any(|byte| *byte != 0))?;
            Some((offset.max(block * BLOCK), (block + 1) * BLOCK))
        }
    }
    let store = SampleStore { descriptors: vec![plain(0, 40, 0), plain(0, 41, 1)], free: vec![45], free_before: None };
    let mut image = sample::volume(&[store]);
    write(&mut image, 40 * BLOCK, &[0; 3 * BLOCK as usize]);
    write(&mut image, plain(0, 41, 1).place, &[0; BLOCK as usize]);
    let device = Holes(&image);
    let view = Copies::open(&device, None).unwrap().view(0, NeverCopied::Zeros).unwrap();
    assert_eq!(view.next_data(39 * BLOCK + 5), Some((39 * BLOCK + 5, 40 * BLOCK)));
    assert_eq!(view.next_data(40 * BLOCK), Some((40 * BLOCK, 41 * BLOCK)));
    assert_eq!(view.next_data(41 * BLOCK), Some((43 * BLOCK, 44 * BLOCK)));
    assert_eq!(view.next_data(45 * BLOCK), Some((46 * BLOCK, 47 * BLOCK)));
    assert_eq!(view.next_data(SIZE), None);
}

#[test]
fn descriptors_that_lead_outside_are_refused_at_their_slot() {
    let slot = store_at(0) + BLOCK + 128 + 32;
    let at = |by: u64, descriptor: Descriptor| {
        let image = sample::volume(&[store_of(vec![plain(0, 3, 0), descriptor])]);
        let error = error_of(&image, 0);
        assert_eq!((error.offset, error.structure), (slot + by, "descriptor"), "{error}");
    };
    at(0, Descriptor { original: 7, ..plain(0, 7, 0) });
    at(0, Descriptor { original: SIZE, ..plain(0, 7, 0) });
    at(0, Descriptor { original: 1 << 63, ..plain(0, 7, 0) });
    at(16, Descriptor { place: SIZE - 512, ..plain(0, 7, 0) });
    at(16, Descriptor { place: u64::MAX, ..plain(0, 7, 0) });
    at(8, Descriptor { relative: SIZE, ..forwarder(7, 0) });
    at(8, Descriptor { relative: 513, ..forwarder(7, 0) });
    at(24, with_flags(plain(0, 7, 0), 3));
    let unused = with_flags(Descriptor { original: 7, ..plain(0, 7, 0) }, 4);
    assert_eq!(block_bytes(&sample::volume(&[store_of(vec![unused])]), 0, &[7]), [live(7)]);
}

#[test]
fn a_damaged_store_hides_its_copy_and_older_ones_only() {
    let mut image = sample::volume(&[store_of(vec![]), store_of(vec![]), store_of(vec![])]);
    write(&mut image, store_at(1), &[0]);
    let device = &image[..];
    let copies = Copies::open(&device, None).unwrap();
    assert_eq!(copies.list().iter().map(|copy| copy.store.is_ok()).collect::<Vec<_>>(), [true, false, true]);
    let offsets: Vec<_> =
        (0..3).map(|copy| copies.view(copy, NeverCopied::Live).err().map(|error| error.offset)).collect();
    assert_eq!(offsets, [Some(store_at(1)), Some(store_at(1)), None]);
    assert_eq!(copies.view(3, NeverCopied::Live).err().unwrap().structure, "catalog");
}

#[test]
fn a_copy_whose_store_is_nowhere_says_so() {
    let image = sample::bare(&[CatalogEntry::Copy(copy_entry(0))], VOLUME, VOLUME);
    let error = error_of(&image, 0);
    assert!(error.why.contains(&copy_entry(0).store.to_string()), "{error}");
}

#[test]
fn a_volume_size_that_no_volume_has_is_not_followed() {
    for size in [0, u64::MAX, SIZE + 512] {
        let entries = [
            CatalogEntry::Copy(crate::disk_format::CopyEntry { volume_size: size, ..copy_entry(0) }),
            CatalogEntry::Store(store_entry(0, false)),
        ];
        let mut image = sample::bare(&entries, VOLUME, VOLUME);
        write_store(&mut image, 0, &store_of(vec![]));
        let device = &image[..];
        let copies = Copies::open(&device, None).unwrap();
        assert_eq!(copies.list()[0].volume_size(), size);
        assert_eq!(copies.view(0, NeverCopied::Live).unwrap().size(), SIZE);
    }
}

/// A protected volume with two copies, and the volume that has their stores beside one of its own.
fn redirected() -> (Vec<u8>, Vec<u8>) {
    let host_id = Guid(VOLUME.0 + 7);
    let copies = [0, 1].map(|store| CatalogEntry::Copy(copy_entry(store)));
    let protected = sample::bare(&copies, VOLUME, host_id);
    let mut entries = vec![CatalogEntry::Copy(copy_entry(2)), CatalogEntry::Store(store_entry(2, false))];
    entries.extend([1, 0].map(|store| CatalogEntry::Store(store_entry(store, false))));
    let mut host = sample::bare(&entries, host_id, host_id);
    write_store(&mut host, 0, &store_of(vec![plain(0, 7, 0)]));
    write_store(&mut host, 1, &store_of(vec![plain(1, 8, 0), overlay(1, 9, 1, 1)]));
    write_store(&mut host, 2, &store_of(vec![plain(2, 10, 0)]));
    (protected, host)
}

#[test]
fn stores_on_another_volume_belong_to_their_copies_by_id() {
    let (protected, host) = redirected();
    let (volume, area) = (&protected[..], &host[..]);
    let copies = Copies::open(&volume, Some(&area)).unwrap();
    assert_eq!(copies.list().iter().map(|copy| copy.id().unwrap().0).collect::<Vec<_>>(), [0x5000, 0x5001]);
    let mut bytes = vec![0; 5 * BLOCK as usize];
    copies.view(0, NeverCopied::Live).unwrap().read_at(6 * BLOCK, &mut bytes).unwrap();
    let found: Vec<u8> = bytes.chunks(BLOCK as usize).map(|block| block[0]).collect();
    assert_eq!(found, [live(6), saved(0, 0), saved(1, 0), live(9), live(10)]);
    let own = Copies::open(&area, None).unwrap();
    assert_eq!(own.list().iter().map(|copy| copy.id().unwrap().0).collect::<Vec<_>>(), [0x5002]);
}

#[test]
fn a_missing_or_wrong_volume_with_the_diff_area_is_named() {
    let (protected, _) = redirected();
    let wanted = Guid(VOLUME.0 + 7);
    let volume = &protected[..];
    let copies = Copies::open(&volume, None).unwrap();
    assert_eq!((copies.missing(), copies.list().len()), (Some(wanted), 2));
    let error = copies.view(0, NeverCopied::Live).err().unwrap();
    assert!(error.why.contains(&wanted.to_string()), "{error}");
    let refused = Copies::open(&volume, Some(&volume)).err().unwrap();
    assert!(refused.why.contains(&wanted.to_string()) && refused.why.contains(&VOLUME.to_string()), "{refused}");
    let empty = vec![0; SIZE as usize];
    let refused = Copies::open(&volume, Some(&&empty[..])).err().unwrap();
    assert!(refused.why.contains("no volume header"), "{refused}");
}

/// Reads a sector as the public description says, store by store.
fn described(lists: &[Vec<Descriptor>], copy: usize, active: bool, offset: u64) -> (bool, u64) {
    let Some(list) = lists.get(copy) else {
        return (false, offset);
    };
    let mut block_list: Vec<(Descriptor, Option<Descriptor>)> = Vec::new();
    let mut reverse: Vec<Descriptor> = Vec::new();
    for new in list {
        let mut new = *new;
        if new.flags.is_unused() {
            continue;
        }
        if !new.flags.is_overlay() {
            if let Some(at) = reverse.iter().position(|forwarder| forwarder.relative == new.original) {
                new.original = reverse.remove(at).original;
            }
            if new.flags.is_forwarder() && new.original == new.relative {
                continue;
            }
        }
        let existing = block_list.iter_mut().find(|(there, _)| there.original == new.original);
        match existing {
            None => block_list.push((new, None)),
            Some((there, over)) if new.flags.is_overlay() => {
                if there.flags.is_overlay() {
                    there.bitmap |= new.bitmap;
                } else if let Some(over) = over {
                    over.bitmap |= new.bitmap;
                } else {
                    *over = Some(new);
                }
            }
            Some((there, over)) => {
                if there.flags.is_overlay() {
                    *over = Some(*there);
                }
                *there = new;
            }
        }
        if new.flags.is_forwarder() {
            reverse.retain(|forwarder| forwarder.relative != new.relative);
            reverse.push(new);
        }
    }
    let (block, within) = (offset / BLOCK * BLOCK, offset % BLOCK);
    let Some((there, over)) = block_list.iter().find(|(there, _)| there.original == block) else {
        return described(lists, copy + 1, false, offset);
    };
    let above = if there.flags.is_overlay() { Some(*there) } else { *over };
    if let Some(above) = above.filter(|above| active && above.bitmap >> (within / 512) & 1 == 1) {
        return (true, above.place + within);
    }
    if there.flags.is_overlay() {
        return described(lists, copy + 1, false, offset);
    }
    if there.flags.is_forwarder() {
        return described(lists, copy + 1, false, there.relative + within);
    }
    (true, there.place + within)
}

fn descriptors(store: u64) -> impl Strategy<Value = Vec<Descriptor>> {
    let one =
        (8_u64..16, 8_u64..16, 0_u64..27, any::<u32>(), 0..8_u32).prop_map(move |(block, to, place, bits, kind)| {
            match kind {
                0..=2 => plain(store, block, place),
                3 | 4 => forwarder(block, to),
                5 => overlay(store, block, place, bits),
                6 => extension(store, block, place, bits),
                _ => with_flags(plain(store, block, place), 4),
            }
        });
    proptest::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn every_history_reads_as_the_description_says(a in descriptors(0), b in descriptors(1), c in descriptors(2)) {
        let lists = [a, b, c];
        let mut image = sample::volume(&lists.clone().map(store_of));
        // Every sector that can be read begins with its own offset.
        for offset in (8 * BLOCK..16 * BLOCK).chain(store_at(0)..store_at(3)).step_by(512) {
            let block = (offset % sample::STORE) / BLOCK;
            if offset < 16 * BLOCK || block >= 5 {
                write(&mut image, offset + 8, &offset.to_le_bytes());
            }
        }
        let device = &image[..];
        let copies = Copies::open(&device, None).unwrap();
        for copy in 0..3 {
            let view = copies.view(copy, NeverCopied::Live).unwrap();
            let mut bytes = vec![0; 8 * BLOCK as usize];
            view.read_at(8 * BLOCK, &mut bytes).unwrap();
            for (sector, offset) in bytes.chunks(512).zip((8 * BLOCK..).step_by(512)) {
                let found = crate::disk_format::u64_at(sector, 8);
                prop_assert_eq!(found, described(&lists, copy, true, offset).1, "copy {} offset {:#x}", copy, offset);
            }
        }
    }
}
