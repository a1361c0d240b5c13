//! Whole histories of a machine's storage, held against naive full copies.

use std::sync::Arc;

use proptest::prelude::*;
use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId, VolumeId};

use super::*;
use crate::disk_format::ReadAt;
use crate::image::{Copies, Severity, verify};

pub(super) mod histories;

pub(super) const C: VolumeId = VolumeId(Guid(0xc));
pub(super) const D: VolumeId = VolumeId(Guid(0xd));

pub(super) fn snapshot(number: u128) -> SnapshotId {
    SnapshotId(Guid(number))
}

/// What VSS has on a volume of its own: the first and the last block, and one for the catalog once there is one.
const SYSTEM: u64 = 2;
const CATALOG: u64 = 1;
/// What a store takes before it saves a block: header, two lists, two bitmaps; the oldest copy saves in place of the second bitmap.
pub(super) const STORE: u64 = 5;

/// Two volumes on one disk: C of `blocks` blocks, D of 64.
pub(super) fn machine(blocks: u64) -> Storage {
    let mut storage = Storage::new();
    let disk = storage.add_disk("disk0", (blocks + 64) * BLOCK_BYTES).unwrap();
    let volume = |id, letter, offset, blocks: u64| VolumeSpec {
        id,
        mount: Some(MountPoint::Letter(letter)),
        extents: vec![DiskExtent { disk, offset, length: blocks * BLOCK_BYTES }],
        blocks_a_page: 2,
    };
    storage.add_volume(volume(C, 'C', 0, blocks)).unwrap();
    storage.add_volume(volume(D, 'D', blocks * BLOCK_BYTES, 64)).unwrap();
    storage
}

pub(super) fn area(storage: &mut Storage, host: VolumeId, initial: u64, step: u64, maximum: Option<u64>) {
    let bytes = |blocks: u64| blocks * BLOCK_BYTES;
    let settings = AreaSettings { host, initial: bytes(initial), step: bytes(step), maximum: maximum.map(bytes) };
    storage.set_area(C, settings).unwrap();
}

pub(super) fn take(storage: &mut Storage, number: u128) -> SnapshotId {
    storage.prepare_snapshot(C, snapshot(number)).unwrap();
    storage.commit_snapshot(snapshot(number), 0).unwrap();
    snapshot(number)
}

pub(super) fn file(storage: &mut Storage, path: &str, bytes: &[u8]) -> FileId {
    let file = storage.create_file(C, path, 0).unwrap();
    storage.write_file(C, file, 0, bytes, &mut WriteReport::default()).unwrap();
    file
}

pub(super) fn content(view: SnapshotView<'_>, path: &str) -> Vec<u8> {
    let id = view.files().find(path).unwrap();
    let mut bytes = vec![0; view.files().file(id).unwrap().size() as usize];
    view.read_file(id, 0, &mut bytes).unwrap();
    bytes
}

#[test]
fn the_copy_shows_the_bytes_of_the_commit_and_each_block_is_saved_once() {
    let mut storage = machine(32);
    let id = file(&mut storage, "a.txt", &[1; 40_000]);
    let copy = take(&mut storage, 1);
    let mut report = WriteReport::default();
    storage.write_file(C, id, 0, &[2; 40_000], &mut report).unwrap();
    let saved: Vec<u64> = report.first_copies.iter().map(|first| first.block).collect();
    assert_eq!(saved, [1, 2, 3]);
    report.clear();
    storage.write_file(C, id, 0, &[3; 40_000], &mut report).unwrap();
    assert_eq!(report, WriteReport::default());
    assert_eq!(content(storage.view(copy).unwrap(), r"\A.TXT"), [1; 40_000]);
    let found = storage.compare(copy).unwrap().unwrap();
    let vss = SYSTEM + CATALOG + STORE;
    let expected = (3, vss, 32 - 3 - vss, 0);
    assert_eq!((found.compared, found.excluded_vss, found.excluded_free, found.different), expected);
}

#[test]
fn a_block_that_was_forgotten_is_found_by_the_comparison() {
    let mut storage = machine(32);
    let id = file(&mut storage, "a.txt", &[1; 40_000]);
    let copy = take(&mut storage, 1);
    storage.volumes[0].pending.put(2, false);
    storage.write_file(C, id, 0, &[2; 40_000], &mut WriteReport::default()).unwrap();
    let found = storage.compare(copy).unwrap().unwrap();
    assert_eq!((found.compared, found.different, found.first_different), (3, 1, Some(2)));
    let verdicts = [1, 2, 3, 4, 32].map(|block| storage.compare_block(copy, block).unwrap());
    let (equal, different) = (Some(BlockVerdict::Equal), Some(BlockVerdict::Different));
    assert_eq!(verdicts, [equal, different, equal, Some(BlockVerdict::ExcludedVss), None]);
}

#[test]
fn without_references_there_is_nothing_to_compare() {
    let mut storage = machine(32);
    storage.keep_references(false);
    let copy = take(&mut storage, 1);
    assert_eq!(storage.compare(copy), Ok(None));
    assert!(storage.compare(snapshot(9)).is_err());
}

#[test]
fn a_block_that_was_free_at_the_commit_is_not_saved() {
    let mut storage = machine(32);
    let copy = take(&mut storage, 1);
    let id = storage.create_file(C, "new", 0).unwrap();
    let mut report = WriteReport::default();
    storage.write_file(C, id, 0, &[1; 100], &mut report).unwrap();
    assert!(report.first_copies.is_empty());
    assert_eq!(storage.view(copy).unwrap().files().find("new"), None);
}

#[test]
fn a_block_only_an_older_copy_needs_is_saved_for_it() {
    let mut storage = machine(32);
    let id = file(&mut storage, "a", &[1; 16_384]);
    let old = take(&mut storage, 1);
    storage.delete_file(C, id).unwrap();
    let young = take(&mut storage, 2);
    let id = storage.create_file(C, "b", 16_384).unwrap();
    let mut report = WriteReport::default();
    storage.write_file(C, id, 0, &[2; 16_384], &mut report).unwrap();
    assert_eq!(report.first_copies, [FirstCopy { snapshot: young, block: 1 }]);
    assert_eq!(content(storage.view(old).unwrap(), "a"), [1; 16_384]);
    storage.delete_snapshot(young).unwrap();
    assert_eq!(content(storage.view(old).unwrap(), "a"), [1; 16_384]);
}

#[test]
fn a_block_only_a_deleted_copy_needed_is_not_saved() {
    let mut storage = machine(32);
    let id = file(&mut storage, "a", &[1; 16_384]);
    let old = take(&mut storage, 1);
    storage.delete_file(C, id).unwrap();
    take(&mut storage, 2);
    storage.delete_snapshot(old).unwrap();
    let id = storage.create_file(C, "b", 16_384).unwrap();
    let mut report = WriteReport::default();
    storage.write_file(C, id, 0, &[2; 16_384], &mut report).unwrap();
    assert!(report.first_copies.is_empty());
}

#[test]
fn deleting_a_copy_in_the_middle_keeps_what_an_older_one_reads_from_the_live_volume() {
    let mut storage = machine(32);
    let id = file(&mut storage, "a", &[1; 16_384]);
    let old = take(&mut storage, 1);
    storage.delete_file(C, id).unwrap();
    let middle = take(&mut storage, 2);
    take(&mut storage, 3);
    storage.delete_snapshot(middle).unwrap();
    file(&mut storage, "b", &[2; 16_384]);
    assert_eq!(content(storage.view(old).unwrap(), "a"), [1; 16_384]);
}

#[test]
fn equal_machines_hash_alike_whatever_ids_their_copies_have() {
    let hash = |storage: &Storage| {
        let mut state = xxhash_rust::xxh3::Xxh3::new();
        std::hash::Hash::hash(storage, &mut state);
        state.digest()
    };
    let run = |number| {
        let mut storage = machine(32);
        let id = file(&mut storage, "a", &[1; 40_000]);
        take(&mut storage, number);
        storage.write_file(C, id, 0, &[2; 20_000], &mut WriteReport::default()).unwrap();
        storage
    };
    let (one, mut two) = (run(1), run(2));
    assert_eq!(hash(&one), hash(&two));
    let copy = two.clone();
    two.hold(C).unwrap();
    assert_ne!(hash(&one), hash(&two));
    assert_eq!(hash(&one), hash(&copy));
}

#[test]
fn twenty_thousand_small_files_are_made_and_found() {
    let mut storage = machine(6_000);
    for number in 0..20_000 {
        storage.create_file(C, &format!(r"Windows\System32\f{number:05}.dll"), 100).unwrap();
    }
    let table = storage.volume(C).unwrap().files();
    assert_eq!(table.len(), 20_000);
    assert_eq!(table.owned_blocks().ones(), 5_000);
    assert_eq!(table.list(r"WINDOWS\system32", false).count(), 20_000);
    assert_eq!(table.list("windows", false).count(), 0);
    assert_eq!(table.list("", true).count(), 20_000);
    let (_, first) = table.list("\\Windows\\System32\\", false).next().unwrap();
    assert_eq!(first.path(), r"Windows\System32\f00000.dll");
}

#[test]
fn a_diff_area_can_lie_on_another_volume() {
    let mut storage = machine(32);
    area(&mut storage, D, 4, 2, None);
    let id = file(&mut storage, "a", &[1; 100_000]);
    let copy = take(&mut storage, 1);
    storage.write_file(C, id, 0, &[2; 100_000], &mut WriteReport::default()).unwrap();
    let vss = |storage: &Storage, id| storage.volume(id).unwrap().files().vss_blocks().ones();
    // The catalog of D has a block before all others for the stores of other volumes.
    let kept = SYSTEM + 2 * CATALOG;
    assert_eq!(vss(&storage, C), SYSTEM + CATALOG);
    assert_eq!(vss(&storage, D), kept + STORE + 6);
    assert_eq!(storage.volume(C).unwrap().area_used(), 7 * BLOCK_BYTES);
    assert_eq!(content(storage.view(copy).unwrap(), "a"), [1; 100_000]);
    let moved = AreaSettings { host: C, initial: 0, step: 0, maximum: None };
    assert_eq!(storage.set_area(C, moved), Err(StorageError::AreaInUse));
    storage.delete_snapshot(copy).unwrap();
    assert_eq!(vss(&storage, D), kept);
    assert_eq!(storage.volume(C).unwrap().area_allocated(), 0);
}

#[test]
fn a_full_diff_area_costs_the_oldest_copy_first_and_the_write_lands() {
    let mut storage = machine(32);
    area(&mut storage, D, STORE + 1, 1, Some(2 * (STORE + 1)));
    let id = file(&mut storage, "a", &[1; 10 * BLOCK_SIZE]);
    let (old, young) = (take(&mut storage, 1), take(&mut storage, 2));
    let mut report = WriteReport::default();
    storage.write_file(C, id, 0, &[2; 2 * BLOCK_SIZE], &mut report).unwrap();
    assert_eq!(report.lost, [old]);
    assert_eq!(content(storage.view(young).unwrap(), "a"), [1; 10 * BLOCK_SIZE]);
    report.clear();
    storage.write_file(C, id, 0, &[3; 10 * BLOCK_SIZE], &mut report).unwrap();
    assert_eq!(report.lost, [young]);
    let mut live = [0];
    storage.read_file(C, id, 10 * BLOCK_BYTES - 1, &mut live).unwrap();
    assert_eq!(live, [3]);
    assert_eq!(storage.volume(C).unwrap().area_allocated(), 0);
}

#[test]
fn a_copy_whose_area_finds_no_room_is_not_prepared() {
    let mut storage = machine(32);
    area(&mut storage, D, 3, 1, Some(2));
    assert_eq!(storage.prepare_snapshot(C, snapshot(1)), Err(StorageError::AreaFull(AreaFault::Limit)));
    assert_eq!(storage.volume(D).unwrap().files().vss_blocks().ones(), SYSTEM + 2 * CATALOG);
    assert_eq!(storage.commit_snapshot(snapshot(1), 0), Err(StorageError::NotPrepared(snapshot(1))));
}

#[test]
fn an_aborted_copy_leaves_nothing() {
    let mut storage = machine(32);
    storage.prepare_snapshot(C, snapshot(1)).unwrap();
    assert_eq!(storage.volume(C).unwrap().prepared().collect::<Vec<_>>(), [snapshot(1)]);
    storage.abort_snapshot(snapshot(1)).unwrap();
    assert_eq!(storage.volume(C).unwrap().prepared().count(), 0);
    assert_eq!(storage.volume(C).unwrap().files().vss_blocks().ones(), SYSTEM + CATALOG);
    assert!(storage.view(snapshot(1)).is_err());
}

#[test]
fn what_a_writer_changes_in_the_copy_is_seen_in_that_copy_alone() {
    let mut storage = machine(32);
    let id = file(&mut storage, "db", &[1; 20_000]);
    let (old, young) = (take(&mut storage, 1), take(&mut storage, 2));
    assert_eq!(storage.write_snapshot_file(young, id, 0, &[9]), Err(StorageError::ReadOnly(young)));
    storage.set_writable(young, true).unwrap();
    storage.write_snapshot_file(young, id, 10, &[9; 30_000]).unwrap();
    storage.set_writable(young, false).unwrap();
    storage.write_file(C, id, 0, &[5; 20_000], &mut WriteReport::default()).unwrap();
    let mut expected = vec![1; 10];
    expected.extend([9; 30_000]);
    assert_eq!(content(storage.view(young).unwrap(), "db"), expected);
    assert_eq!(content(storage.view(old).unwrap(), "db"), [1; 20_000]);
    assert_eq!(storage.compare(young).unwrap().unwrap().different, 0);
    assert_eq!(storage.compare(old).unwrap().unwrap().different, 0);
}

#[test]
fn nothing_lands_between_hold_and_release_and_the_order_is_kept() {
    let mut storage = machine(32);
    let id = file(&mut storage, "a", &[0; 10]);
    let mut report = WriteReport::default();
    let write = |tag: u64| FileWrite { tag, file: id, offset: 0, bytes: Arc::from([tag as u8; 4]) };
    storage.hold(C).unwrap();
    assert_eq!(storage.hold(C), Err(StorageError::Held));
    let digest = storage.volume(C).unwrap().store().digest();
    for tag in 1..=3 {
        assert_eq!(storage.submit(C, write(tag), &mut report), Ok(Passage::Wait));
    }
    assert_eq!(storage.write_file(C, id, 0, &[1], &mut report), Err(StorageError::Held));
    assert_eq!(storage.create_file(C, "b", 1), Err(StorageError::Held));
    assert_eq!(storage.volume(C).unwrap().store().digest(), digest);
    let released = storage.release(C).unwrap();
    assert_eq!(released.iter().map(|write| write.tag).collect::<Vec<_>>(), [1, 2, 3]);
    for write in released {
        assert_eq!(storage.submit(C, write, &mut report), Ok(Passage::Open));
    }
    assert!(!report.leaked);
    assert_eq!(storage.release(C), Err(StorageError::NotHeld));
    let mut bytes = [0; 4];
    storage.read_file(C, id, 0, &mut bytes).unwrap();
    assert_eq!(bytes, [3; 4]);
}

#[test]
fn a_broken_gate_lets_writes_through_and_says_so() {
    let mut storage = machine(32);
    let id = file(&mut storage, "a", &[0; 10]);
    storage.set_gate_broken(C, true).unwrap();
    storage.hold(C).unwrap();
    let mut report = WriteReport::default();
    let write = FileWrite { tag: 1, file: id, offset: 0, bytes: Arc::from([7; 4]) };
    assert_eq!(storage.submit(C, write, &mut report), Ok(Passage::Leak));
    assert!(report.leaked);
}

#[test]
fn volumes_cannot_overlap_or_leave_their_disk() {
    let mut storage = machine(32);
    let spec = |id, disk, offset, length| VolumeSpec {
        id: VolumeId(Guid(id)),
        mount: None,
        extents: vec![DiskExtent { disk, offset, length }],
        blocks_a_page: 1,
    };
    assert_eq!(storage.add_volume(spec(5, 7, 0, BLOCK_BYTES)), Err(StorageError::NoSuchDisk(7)));
    let taken = storage.add_volume(spec(5, 0, 31 * BLOCK_BYTES, BLOCK_BYTES));
    assert_eq!(taken, Err(StorageError::ExtentTaken { disk: 0, by: C }));
    let outside = storage.add_volume(spec(5, 0, 96 * BLOCK_BYTES, BLOCK_BYTES));
    assert!(matches!(outside, Err(StorageError::ExtentOutsideDisk { .. })));
    assert!(matches!(storage.add_volume(spec(0xc, 0, 0, 1)), Err(StorageError::Duplicate(_))));
    storage.add_disk("disk1", 100_000).unwrap();
    assert_eq!(storage.add_volume(spec(5, 1, 0, 20_000)), Err(StorageError::BadSize(20_000)));
    assert_eq!(storage.add_volume(spec(5, 1, 0, 0)), Err(StorageError::BadSize(0)));
    assert_eq!(storage.add_volume(spec(5, 1, 0, BLOCK_BYTES)), Ok(()));
    assert_eq!(storage.volumes()[2].disk_extents(), [DiskExtent { disk: 1, offset: 0, length: BLOCK_BYTES }]);
}

#[test]
fn vss_own_blocks_take_no_raw_writes() {
    let mut storage = machine(32);
    take(&mut storage, 1);
    let mut report = WriteReport::default();
    assert_eq!(storage.write_raw(C, 5, &[1], &mut report), Err(StorageError::VssOwned(0)));
    assert_eq!(storage.write_raw(C, BLOCK_BYTES, &[1], &mut report), Err(StorageError::VssOwned(1)));
    assert_eq!(storage.write_raw(C, 20 * BLOCK_BYTES, &[1], &mut report), Ok(()));
    assert!(storage.write_raw(C, 32 * BLOCK_BYTES, &[1], &mut report).is_err());
}

#[test]
fn a_diff_area_does_not_grow_into_a_free_block_that_is_being_written_raw() {
    let mut storage = machine(32);
    area(&mut storage, C, 0, 1, None);
    let first = file(&mut storage, "a", &[1; BLOCK_SIZE]);
    storage.prepare_snapshot(C, snapshot(1)).unwrap();
    file(&mut storage, "b", &[1; BLOCK_SIZE]);
    storage.commit_snapshot(snapshot(1), 0).unwrap();
    // This takes the only place that the store has left.
    storage.write_file(C, first, 0, &[2; BLOCK_SIZE], &mut WriteReport::default()).unwrap();
    let b = 1 + CATALOG + STORE + 1;
    let bytes = vec![3; 2 * BLOCK_SIZE];
    let written = storage.write_raw(C, b * BLOCK_BYTES, &bytes, &mut WriteReport::default());
    assert_eq!(written, Ok(()));
    assert_eq!(content(storage.view(snapshot(1)).unwrap(), "b"), [1; BLOCK_SIZE]);
    assert_eq!(storage.compare(snapshot(1)).unwrap().unwrap().different, 0);
}

/// What is wrong in the structures of C, and in those of D where its diff area lies there.
fn wrong(storage: &Storage) -> Vec<String> {
    let [c, d] = storage.volumes() else { panic!("two volumes") };
    let found = verify(c.store(), Some(d.store()));
    let all = found.volume.iter().chain(&found.area).filter(|finding| finding.severity == Severity::Wrong);
    all.map(ToString::to_string).collect()
}

/// Takes a copy of a set that has an id, as every set of the service has.
fn take_in_set(storage: &mut Storage, volume: VolumeId, number: u128) -> SnapshotId {
    storage.prepare_snapshot(volume, snapshot(number)).unwrap();
    let commit = Commit { set: SnapshotSetId(Guid(5)), ..Commit::default() };
    storage.commit_snapshot(snapshot(number), commit).unwrap();
    snapshot(number)
}

#[test]
fn the_blocks_of_a_catalog_are_numbered_in_the_order_of_their_chain() {
    let mut storage = machine(32);
    take_in_set(&mut storage, D, 7);
    area(&mut storage, D, 0, 1, None);
    take_in_set(&mut storage, C, 1);
    assert_eq!(wrong(&storage), Vec::<String>::new());
}

#[test]
fn a_store_that_does_not_begin_in_one_piece_names_all_its_blocks_in_its_ranges() {
    for apart in [false, true] {
        let mut storage = machine(40);
        area(&mut storage, C, 0, 1, None);
        let files: Vec<FileId> = (0..30).map(|name| file(&mut storage, &format!("{name}"), &[1; BLOCK_SIZE])).collect();
        if apart {
            let rest = storage.volume(C).unwrap().files().free_clusters();
            storage.create_file(C, "rest", rest * CLUSTER).unwrap();
            for file in files.iter().skip(1).step_by(2) {
                storage.delete_file(C, *file).unwrap();
            }
        }
        let copy = take_in_set(&mut storage, C, 1);
        storage.write_file(C, files[0], 0, &[2; BLOCK_SIZE], &mut WriteReport::default()).unwrap();
        let copies = Copies::open(storage.volumes()[0].store(), None).unwrap();
        let store = copies.list()[0].store.as_ref().unwrap();
        assert_eq!(store.place_of(0), apart.then_some(store.entry.header));
        assert_eq!(wrong(&storage), Vec::<String>::new());
        assert_eq!(content(storage.view(copy).unwrap(), "0"), [1; BLOCK_SIZE]);
    }
}

#[test]
fn gaps_and_old_bytes_read_as_zeros() {
    let mut storage = machine(32);
    let id = file(&mut storage, "old", &[7; 50_000]);
    storage.delete_file(C, id).unwrap();
    let id = storage.create_file(C, "new", 30_000).unwrap();
    storage.write_file(C, id, 20_000, &[1; 5], &mut WriteReport::default()).unwrap();
    let mut bytes = vec![9; 40_000];
    assert_eq!(storage.read_file(C, id, 0, &mut bytes), Ok(30_000));
    let mut expected = vec![0; 30_000];
    expected[20_000..20_005].fill(1);
    assert_eq!(bytes[..30_000], expected);
}
