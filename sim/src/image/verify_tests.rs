use proptest::prelude::*;

use super::super::sample::{
    self, CATALOG, SIZE, SampleStore, VOLUME, copy_entry, extension, forwarder, overlay, plain, store_at, store_entry,
    store_of, write, write_store,
};
use super::*;
use crate::disk_format::{CatalogEntry, Descriptor, DescriptorFlags};
use crate::fixture::store_information;
use crate::image::{Copies, NeverCopied, read_partitions};

/// Two copies, as Windows would leave them.
fn good() -> Vec<u8> {
    let own = |store: u64| store_at(store) / BLOCK..store_at(store + 1) / BLOCK;
    let older =
        vec![plain(0, 7, 0), overlay(0, 8, 1, 0xf), extension(0, 8, 1, 0xf0), forwarder(9, 10), plain(0, 11, 2)];
    let free: Vec<u64> = own(0).chain(own(1)).collect();
    let mut before = free.clone();
    before.extend([7, 9, 11]);
    let newer = vec![plain(1, 12, 0), Descriptor { flags: DescriptorFlags(0x88), ..plain(1, 7, 1) }];
    sample::volume(&[
        SampleStore { descriptors: older, free: free.clone(), free_before: None },
        SampleStore { descriptors: newer, free, free_before: Some(before) },
    ])
}

fn found(image: &[u8]) -> Vec<(u64, &'static str, &'static str, Severity)> {
    let findings = verify(&image, None);
    assert_eq!(findings.area, []);
    findings.volume.iter().map(|one| (one.offset, one.structure, one.field, one.severity)).collect()
}

/// One change makes one finding.
fn one(at: u64, bytes: &[u8], expected: (u64, &'static str, &'static str, Severity)) {
    let mut image = good();
    write(&mut image, at, bytes);
    assert_eq!(found(&image), [expected], "{at:#x}");
}

#[test]
fn nothing_is_found_where_everything_is_as_windows_writes_it() {
    assert_eq!(verify(&&good()[..], None), Findings::default());
}

#[test]
fn the_boot_sector_and_its_backup_are_compared() {
    const BOOT: &str = "boot sector";
    const BACKUP: &str = "backup of the boot sector";
    one(SIZE - 512, &[0; 16], (SIZE - 512, BACKUP, "sector", Severity::Wrong));
    one(SIZE - 512 + 80, &[1], (SIZE - 512, BACKUP, "sector", Severity::Unusual));
    let mut image = good();
    write(&mut image, 64, &[0]);
    write(&mut image, SIZE - 512 + 64, &[0]);
    assert_eq!(found(&image), [(64, BOOT, "clusters a file record", Severity::Unusual)]);
    let mut image = good();
    write(&mut image, 3, b"FAT32   ");
    assert_eq!(found(&image), [(3, BOOT, "file system name", Severity::Wrong)]);
    let longer: Vec<u8> = good().into_iter().chain([0; 512]).collect();
    assert!(found(&longer).contains(&(40, BOOT, "sectors", Severity::Unusual)));
    let shorter = &good()[..SIZE as usize - 512];
    assert!(found(shorter).contains(&(40, BOOT, "sectors", Severity::Wrong)));
}

#[test]
fn every_field_of_the_volume_header_is_looked_at() {
    const NAME: &str = "volume header";
    const AT: u64 = VOLUME_HEADER_OFFSET;
    one(AT + 16, &[3], (AT + 16, NAME, "version", Severity::Wrong));
    one(AT + 16, &[2], (AT + 16, NAME, "version", Severity::Unusual));
    one(AT + 24, &[1], (AT + 24, NAME, "own offset", Severity::Wrong));
    one(AT + 32, &[1], (AT + 32, NAME, "offset at 32", Severity::Unusual));
    one(AT + 41, &[1], (AT + 41, NAME, "reserved bytes", Severity::Unusual));
    one(AT + 300, &[1], (AT + 300, NAME, "reserved bytes", Severity::Unusual));
    one(AT + 80, &[1], (AT + 80, NAME, "diff area", Severity::Wrong));
    one(AT + 96, &[2], (AT + 96, NAME, "flags", Severity::Unusual));
    one(AT + 96, &[1], (AT + 80, NAME, "diff area", Severity::Wrong));
    one(AT + 20, &[9], (AT + 20, NAME, "structure", Severity::Wrong));
}

#[test]
fn every_field_of_the_catalog_is_looked_at() {
    const SECOND: u64 = CATALOG + BLOCK;
    one(SECOND + 16, &[2], (SECOND + 16, "catalog", "version", Severity::Wrong));
    one(SECOND + 24, &[1], (SECOND + 24, "catalog", "relative offset", Severity::Wrong));
    one(SECOND + 32, &[1], (SECOND + 32, "catalog", "own offset", Severity::Wrong));
    one(SECOND + 48, &[1], (SECOND + 48, "catalog", "size of information", Severity::Unusual));
    one(SECOND + 60, &[1], (SECOND + 60, "catalog", "reserved bytes", Severity::Unusual));
    one(SECOND + 40, &[0; 8], (CATALOG, "catalog", "number of blocks", Severity::Unusual));
    const COPY: &str = "catalog entry of type 2";
    let at = CATALOG + 128 + 256;
    one(at + 8, &[0, 2], (at + 8, COPY, "volume size", Severity::Wrong));
    one(at + 32, &[1], (at + 32, COPY, "sequence", Severity::Unusual));
    one(at + 40, &[1], (at + 40, COPY, "flags", Severity::Unusual));
    one(at + 60, &[1], (at + 60, COPY, "reserved bytes", Severity::Unusual));
    const STORE: &str = "catalog entry of type 3";
    let store = at + 128;
    one(store + 56, &[0; 8], (store + 56, STORE, "file reference", Severity::Unusual));
    one(store + 80, &[2], (store + 80, STORE, "field 80", Severity::Unusual));
    one(store + 90, &[1], (store + 90, STORE, "reserved bytes", Severity::Unusual));
    one(store + 48, &[0; 8], (store + 48, STORE, "bitmap", Severity::Unusual));
    one(store + 65, &[1], (store_at(1), STORE, "allocated", Severity::Unusual));
    let mut image = good();
    write(&mut image, store + 8, &SIZE.to_le_bytes());
    let both = [
        (store + 8, STORE, "descriptor list", Severity::Unusual),
        (SIZE, "descriptor list", "structure", Severity::Wrong),
    ];
    assert_eq!(found(&image), both);
    let unused = CATALOG + 128 + 4 * 128;
    one(
        unused,
        &[1, 0, 0, 0, 0, 0, 0, 0, 1],
        (unused + 8, "unused catalog entry", "reserved bytes", Severity::Unusual),
    );
}

#[test]
fn entries_have_to_fit_together() {
    const COPY: &str = "catalog entry of type 2";
    let at = CATALOG + 128;
    let changed = |at: u64, bytes: &[u8]| {
        let mut image = good();
        write(&mut image, at, bytes);
        found(&image)
    };
    // The times of the copies change places.
    let mut image = good();
    for (number, other) in [(0, 1), (1, 0)] {
        write(&mut image, at + 256 * number + 48, &copy_entry(other).created.to_le_bytes());
    }
    assert_eq!(found(&image), [(at + 256 + 48, COPY, "time", Severity::Wrong)]);
    assert!(changed(at + 48, &[0; 8]).contains(&(at + 48, COPY, "time", Severity::Unusual)));
    let gone = changed(at + 128, &[1]);
    assert!(gone.contains(&(at, COPY, "store", Severity::Wrong)), "{gone:?}");
    let second = crate::disk_format::guid_to_bytes(store_entry(0, false).store);
    let same = changed(at + 256 + 16, &second);
    assert!(same.contains(&(at + 256 + 16, COPY, "store", Severity::Wrong)), "{same:?}");
    let twice = changed(at + 3 * 128 + 16, &second);
    assert!(twice.contains(&(at + 3 * 128 + 16, "catalog entry of type 3", "store", Severity::Wrong)), "{twice:?}");
    let gap = changed(at, &[0; 128]);
    assert!(gap.contains(&(at, "catalog", "slots", Severity::Unusual)), "{gap:?}");
}

#[test]
fn every_field_of_a_store_is_looked_at() {
    let at = store_at(1);
    const HEADER: &str = "store header";
    const INFORMATION: &str = "store information";
    one(at + 16, &[2], (at + 16, HEADER, "version", Severity::Wrong));
    one(at + 24, &[1], (at + 24, HEADER, "relative offset", Severity::Wrong));
    one(at + 33, &[1], (at + 32, HEADER, "own offset", Severity::Wrong));
    one(at + 40, &[1], (at + 40, HEADER, "next block", Severity::Unusual));
    one(at + 48, &[90], (at + 48, HEADER, "size of information", Severity::Wrong));
    one(at + 70, &[1], (at + 70, HEADER, "reserved bytes", Severity::Unusual));
    one(at + 128 + 16, &[0; 16], (at + 128 + 16, INFORMATION, "shadow copy", Severity::Wrong));
    one(at + 128 + 32, &[0; 16], (at + 128 + 32, INFORMATION, "set", Severity::Wrong));
    one(at + 128 + 52, &[2], (at + 128 + 52, INFORMATION, "field 52", Severity::Unusual));
    one(at + 128 + 56, &[0], (at + 128 + 56, INFORMATION, "attributes", Severity::Unusual));
    one(at + 128 + 60, &[1], (at + 128 + 60, INFORMATION, "reserved bytes", Severity::Unusual));
    one(at + 500, &[1], (at + 500, INFORMATION, "reserved bytes", Severity::Unusual));
    for (block, name) in (1..).zip(["descriptor list", "range list", "bitmap", "bitmap"]) {
        let own = at + block * BLOCK;
        one(own + 16, &[2], (own + 16, name, "version", Severity::Wrong));
        one(own + 25, &[1], (own + 24, name, "relative offset", Severity::Wrong));
        one(own + 33, &[1], (own + 32, name, "own offset", Severity::Wrong));
        one(own + 48, &[1], (own + 48, name, "size of information", Severity::Unusual));
        one(own + 100, &[1], (own + 100, name, "reserved bytes", Severity::Unusual));
    }
    one(at + 3 * BLOCK - 1, &[1], (at + 3 * BLOCK - 1, "range list", "reserved bytes", Severity::Unusual));
    let shadow_copy = store_information(0).snapshot;
    let twice = crate::disk_format::guid_to_bytes(shadow_copy);
    let again = [store_at(0), at].map(|store| (store + 128 + 16, INFORMATION, "shadow copy", Severity::Wrong));
    let mut image = good();
    write(&mut image, at + 128 + 16, &twice);
    let found = found(&image);
    assert!(found.len() == 1 && again.contains(&found[0]), "{found:?}");
}

#[test]
fn bitmaps_have_the_bits_that_windows_sets() {
    let at = store_at(1) + 3 * BLOCK;
    const NAME: &str = "bitmap";
    one(at + 128 + SIZE / BLOCK / 8, &[1], (at, NAME, "bits behind the volume", Severity::Unusual));
    one(at + 128 + store_at(1) / BLOCK / 8 + 2, &[0], (at, NAME, "the store's own blocks", Severity::Unusual));
    one(at + BLOCK + 128 + 4, &[0x10], (at + BLOCK, NAME, "previous bitmap", Severity::Unusual));
    let slot = store_at(1) + BLOCK + 128;
    one(at + 128 + 1, &[0x10], (slot, "descriptor", "original offset", Severity::Unusual));
    one(at + 40, &(at + 6 * BLOCK).to_le_bytes(), (at + 40, NAME, "next block", Severity::Unusual));
}

/// A store with these descriptors; what is found in descriptors, by slot.
fn in_descriptors(descriptors: &[Descriptor]) -> Vec<(u64, &'static str, Severity)> {
    let image = sample::volume(&[store_of(descriptors.to_vec())]);
    let first = store_at(0) + BLOCK + 128;
    let findings = verify(&&image[..], None);
    let of = |one: &&Finding| one.structure == "descriptor" || one.structure == "saved block";
    findings.volume.iter().filter(of).map(|one| (one.offset.wrapping_sub(first), one.field, one.severity)).collect()
}

#[test]
fn every_field_of_a_descriptor_is_looked_at() {
    const WRONG: Severity = Severity::Wrong;
    let good = plain(0, 7, 0);
    let flags = |flags| DescriptorFlags(flags);
    assert_eq!(in_descriptors(&[good]), []);
    assert_eq!(in_descriptors(&[Descriptor { original: 5, ..good }]), [(0, "original offset", WRONG)]);
    assert_eq!(in_descriptors(&[Descriptor { original: SIZE, ..good }]), [(0, "original offset", WRONG)]);
    let elsewhere = Descriptor { place: good.place + BLOCK, ..good };
    assert_eq!(in_descriptors(&[elsewhere]), [(16, "place", WRONG)]);
    assert_eq!(in_descriptors(&[Descriptor { place: SIZE, ..good }]), [(16, "place", WRONG)]);
    assert_eq!(in_descriptors(&[Descriptor { relative: 1 << 40, ..good }]), [(8, "relative offset", WRONG)]);
    assert_eq!(in_descriptors(&[Descriptor { flags: flags(0x10), ..good }]), [(24, "flags", Severity::Unusual)]);
    assert_eq!(in_descriptors(&[Descriptor { flags: flags(3), ..good }])[0], (24, "flags", WRONG));
    assert_eq!(in_descriptors(&[Descriptor { bitmap: 1, ..good }]), [(28, "bitmap", Severity::Unusual)]);
    assert_eq!(in_descriptors(&[overlay(0, 7, 0, 0)]), [(28, "bitmap", Severity::Unusual)]);
    assert_eq!(in_descriptors(&[Descriptor { place: 1, ..forwarder(7, 8) }]), [(16, "place of a forwarder", WRONG)]);
    assert_eq!(in_descriptors(&[Descriptor { relative: 9, ..forwarder(7, 8) }]), [(8, "target of a forwarder", WRONG)]);
    assert_eq!(in_descriptors(&[extension(0, 7, 0, 1)]), [(8, "relative offset", WRONG)]);
    assert_eq!(in_descriptors(&[overlay(0, 7, 0, 1), extension(0, 7, 1, 2)]), [(32 + 16, "place", WRONG)]);
    assert_eq!(in_descriptors(&[overlay(0, 7, 0, 1), overlay(0, 7, 1, 2)]), [(32 + 8, "relative offset", WRONG)]);
    let shared = in_descriptors(&[good, plain(0, 8, 0)]);
    assert_eq!(shared, [(good.place - store_at(0) - BLOCK - 128, "place", WRONG)]);
}

#[test]
fn ranges_are_held_against_each_other_and_the_rest_of_the_volume() {
    let at = store_at(1) + 2 * BLOCK + 128;
    let changed = |by: u64, value: u64| {
        let mut image = good();
        write(&mut image, at + by, &value.to_le_bytes());
        found(&image).into_iter().filter(|one| one.1.contains("range") && one.3 == Severity::Wrong).collect::<Vec<_>>()
    };
    assert!(changed(0, 5).contains(&(at, "range", "start", Severity::Wrong)));
    assert!(changed(8, 0x1_0000).contains(&(at + 8, "range", "relative offset", Severity::Wrong)));
    assert!(changed(16, 0).contains(&(at + 16, "range", "size", Severity::Wrong)));
    assert!(changed(16, u64::MAX).contains(&(at + 16, "range", "size", Severity::Wrong)));
    let shared = "range of a store";
    assert!(changed(0, store_at(0) + 4 * BLOCK).contains(&(store_at(0) + 4 * BLOCK, shared, "place", Severity::Wrong)));
    let catalog = changed(0, CATALOG - 20 * BLOCK);
    assert!(
        catalog.is_empty() && {
            let mut image = good();
            write(&mut image, at, &(CATALOG - 20 * BLOCK).to_le_bytes());
            found(&image).contains(&(CATALOG, "catalog", "place", Severity::Wrong))
        }
    );
}

#[test]
fn findings_are_counted_out_at_some_number() {
    let list: Vec<Descriptor> = (0..508)
        .map(|_| Descriptor { original: 5, place: 7, flags: DescriptorFlags(0x50), ..plain(0, 7, 0) })
        .collect();
    let image = sample::volume(&[store_of(list)]);
    let findings = verify(&&image[..], None).volume;
    assert_eq!(findings.len(), MOST_FINDINGS + 1);
    assert!(findings.last().unwrap().to_string().contains("left out"));
}

#[test]
fn a_volume_with_the_stores_of_another_one_is_held_against_the_format_too() {
    let host_id = Guid(VOLUME.0 + 7);
    let protected =
        sample::bare(&[CatalogEntry::Copy(copy_entry(0)), CatalogEntry::Copy(copy_entry(1))], VOLUME, host_id);
    let mut host = sample::bare(&[CatalogEntry::Store(store_entry(0, false))], host_id, host_id);
    write_store(&mut host, 0, &store_of(vec![plain(0, 7, 0), Descriptor { original: SIZE, ..plain(0, 7, 1) }]));
    let findings = verify(&&protected[..], Some(&&host[..]));
    assert_eq!(findings.volume, []);
    let fields: Vec<_> = findings.area.iter().map(|one| (one.structure, one.field)).collect();
    assert_eq!(fields, [("descriptor", "original offset"), ("catalog entry of type 2", "store")]);
    assert_eq!((findings.count(Severity::Wrong), findings.count(Severity::Unusual)), (2, 0));
    assert_eq!(verify(&&protected[..], None), Findings::default());
    let wrong = verify(&&protected[..], Some(&&protected[..]));
    assert!(wrong.area.iter().any(|one| one.field == "volume"), "{wrong:?}");
}

/// Everything that reads, on whatever bytes.
fn read_all(image: &[u8]) {
    let _ = read_partitions(&image).map(|found| format!("{found:?}"));
    let findings = verify(&image, Some(&image));
    for finding in findings.volume.iter().chain(&findings.area) {
        assert!(!finding.to_string().is_empty());
    }
    let area: Option<&dyn ReadAt> = None;
    for area in [area, Some(&image)] {
        let Ok(copies) = Copies::open(&image, area) else {
            continue;
        };
        for copy in 0..copies.list().len().min(4) {
            for rule in [NeverCopied::Live, NeverCopied::Zeros] {
                let Ok(view) = copies.view(copy, rule) else {
                    continue;
                };
                let mut bytes = vec![0; usize::try_from(view.size()).unwrap()];
                let _ = view.read_at(0, &mut bytes);
                let mut at = 0;
                while let Some((start, end)) = view.next_data(at) {
                    assert!(at <= start && start < end && end <= view.size());
                    at = end;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_damage_makes_a_reader_panic(damage in proptest::collection::vec((0..13_usize, 0..512_u64, any::<u8>()), 1..6)) {
        let mut image = good();
        let entries = CATALOG + 128;
        let places = [
            0, VOLUME_HEADER_OFFSET, CATALOG, entries, entries + 256, store_at(0), store_at(0) + BLOCK,
            store_at(0) + 2 * BLOCK, store_at(1), store_at(1) + BLOCK, store_at(1) + 2 * BLOCK, store_at(1) + 3 * BLOCK, CATALOG + BLOCK,
        ];
        for (place, by, byte) in damage {
            write(&mut image, places[place] + by, &[byte]);
        }
        read_all(&image);
    }

    #[test]
    fn no_bytes_at_all_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40_000)) {
        read_all(&bytes);
    }

    #[test]
    fn no_descriptor_makes_a_reader_panic(
        list in proptest::collection::vec(
            (0..300_u64, 0..300_u64, 0..300_u64, 0..12_u32, any::<u32>(), 0..8_u64),
            0..40,
        )
    ) {
        let list = list.into_iter().map(|(original, relative, place, flags, bitmap, odd)| Descriptor {
            original: original * BLOCK + u64::from(odd == 0),
            relative: if odd == 1 { 1 } else { relative * BLOCK },
            place: place * BLOCK + 512 * u64::from(odd == 2),
            flags: DescriptorFlags(flags),
            bitmap,
        });
        read_all(&sample::volume(&[store_of(list.collect()), SampleStore { free: vec![1, 9], ..SampleStore::default() }]));
    }
}
