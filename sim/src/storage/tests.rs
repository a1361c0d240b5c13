//! Whole histories of a machine's storage, held against naive full copies.

use std::sync::Arc;

use proptest::prelude::*;
use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId, VolumeId};

use super::*;
use crate::disk_format::ReadAt;
use crate::image::{Copies, Severity, verify};

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

#[derive(Clone, Debug)]
pub(super) enum Step {
    Create(u8, u32),
    Write { file: u8, offset: u32, length: u32, byte: u8 },
    Resize(u8, u32),
    Delete(u8),
    Take,
    WriteCopy { copy: u8, file: u8, offset: u32, length: u32, byte: u8 },
    DeleteFromCopy { copy: u8, file: u8 },
    Drop(u8),
    TakeOther,
    WriteOther { offset: u32, byte: u8 },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let (file, byte) = (0_u8..6, 1_u8..);
    prop_oneof![
        3 => (file.clone(), 0_u32..60_000).prop_map(|(file, size)| Step::Create(file, size)),
        8 => (file.clone(), 0_u32..60_000, 1_u32..40_000, byte.clone())
            .prop_map(|(file, offset, length, byte)| Step::Write { file, offset, length, byte }),
        1 => (file.clone(), 0_u32..90_000).prop_map(|(file, size)| Step::Resize(file, size)),
        2 => file.clone().prop_map(Step::Delete),
        5 => Just(Step::Take),
        2 => (any::<u8>(), file.clone(), 0_u32..60_000, 1_u32..40_000, byte.clone())
            .prop_map(|(copy, file, offset, length, byte)| Step::WriteCopy { copy, file, offset, length, byte }),
        1 => (any::<u8>(), file).prop_map(|(copy, file)| Step::DeleteFromCopy { copy, file }),
        2 => any::<u8>().prop_map(Step::Drop),
        1 => Just(Step::TakeOther),
        2 => (0_u32..200_000, byte).prop_map(|(offset, byte)| Step::WriteOther { offset, byte }),
    ]
}

/// A history beside which every file of every copy is kept as plain bytes.
pub(super) struct History {
    pub(super) storage: Storage,
    copies: Vec<(SnapshotId, Vec<Option<Vec<u8>>>)>,
    live: Vec<Option<Vec<u8>>>,
    next: u128,
    report: WriteReport,
    other: FileId,
}

impl History {
    pub(super) fn new(host: VolumeId, maximum: Option<u64>) -> History {
        let mut storage = machine(40);
        area(&mut storage, host, 1, 2, maximum);
        let other = storage.create_file(D, "other", 240_000).unwrap();
        let report = WriteReport::default();
        History { storage, copies: Vec::new(), live: vec![None; 6], next: 1, report, other }
    }

    fn name(file: u8) -> String {
        format!(r"folder\file{file}")
    }

    fn find(&self, file: u8) -> Option<FileId> {
        self.storage.volume(C).unwrap().files().find(&History::name(file))
    }

    fn take(&mut self, volume: VolumeId) -> Option<SnapshotId> {
        let id = snapshot(self.next);
        self.next += 1;
        self.storage.prepare_snapshot(volume, id).ok()?;
        self.storage.commit_snapshot(id, 0).unwrap();
        Some(id)
    }

    pub(super) fn apply(&mut self, step: &Step) {
        match *step {
            Step::Create(file, size) => {
                if self.storage.create_file(C, &History::name(file), u64::from(size)).is_ok() {
                    assert!(self.live[file as usize].replace(vec![0; size as usize]).is_none());
                }
            }
            Step::Write { file, offset, length, byte } => {
                let Some(id) = self.find(file) else { return };
                let bytes = vec![byte; length as usize];
                if self.storage.write_file(C, id, u64::from(offset), &bytes, &mut self.report).is_ok() {
                    put(self.live[file as usize].as_mut().unwrap(), offset, &bytes);
                }
            }
            Step::Resize(file, size) => {
                let Some(id) = self.find(file) else { return };
                if self.storage.set_file_size(C, id, u64::from(size)).is_ok() {
                    self.live[file as usize].as_mut().unwrap().resize(size as usize, 0);
                }
            }
            Step::Delete(file) => {
                let Some(id) = self.find(file) else { return };
                self.storage.delete_file(C, id).unwrap();
                self.live[file as usize] = None;
            }
            Step::Take => {
                if let Some(id) = self.take(C) {
                    self.copies.push((id, self.live.clone()));
                }
            }
            Step::TakeOther => drop(self.take(D)),
            Step::WriteOther { offset, byte } => {
                let bytes = [byte; 30_000];
                self.storage.write_file(D, self.other, u64::from(offset), &bytes, &mut self.report).unwrap();
            }
            Step::WriteCopy { copy, file, offset, length, byte } => self.write_copy(copy, file, offset, length, byte),
            Step::DeleteFromCopy { copy, file } => {
                let Some((id, files)) = pick(&mut self.copies, copy) else { return };
                self.storage.set_writable(*id, true).unwrap();
                let Some(found) = self.storage.view(*id).unwrap().files().find(&History::name(file)) else { return };
                self.storage.delete_snapshot_file(*id, found).unwrap();
                files[file as usize] = None;
            }
            Step::Drop(copy) => {
                let Some((id, _)) = pick(&mut self.copies, copy) else { return };
                let id = *id;
                let lost = self.storage.delete_snapshot(id).unwrap();
                self.copies.retain(|(other, _)| *other != id && !lost.contains(other));
            }
        }
        let lost = std::mem::take(&mut self.report.lost);
        self.copies.retain(|(id, _)| !lost.contains(id));
    }

    fn write_copy(&mut self, copy: u8, file: u8, offset: u32, length: u32, byte: u8) {
        let Some((id, files)) = pick(&mut self.copies, copy) else { return };
        let id = *id;
        self.storage.set_writable(id, true).unwrap();
        let Some(found) = self.storage.view(id).unwrap().files().find(&History::name(file)) else { return };
        let bytes = vec![byte; length as usize];
        match self.storage.write_snapshot_file(id, found, u64::from(offset), &bytes) {
            Ok(()) => put(files[file as usize].as_mut().unwrap(), offset, &bytes),
            // The part that found room is written; the copy still equals its reference, but the naive file does not know it.
            Err(StorageError::AreaFull(_)) => {
                let lost = self.storage.delete_snapshot(id).unwrap();
                self.copies.retain(|(other, _)| *other != id && !lost.contains(other));
            }
            Err(why) => assert_eq!(why, StorageError::NoSpace),
        }
    }

    fn check(&self) {
        for volume in self.storage.volumes() {
            for copy in self.storage.snapshots(volume.id()).unwrap() {
                let found = self.storage.compare(copy.id()).unwrap().unwrap();
                assert_eq!(found.different, 0, "{found:?}");
                assert_eq!(found.compared + found.excluded_vss + found.excluded_free, volume.blocks());
                // The other way round: every block left out is provably VSS's own or free in the table of the commit.
                for block in (0..volume.blocks()).filter(|&block| !copy.owned.get(block)) {
                    let expected =
                        if copy.vss.get(block) { BlockVerdict::ExcludedVss } else { BlockVerdict::ExcludedFree };
                    assert_eq!(self.storage.compare_block(copy.id(), block), Ok(Some(expected)));
                }
            }
        }
        let names: Vec<SnapshotId> = self.storage.snapshots(C).unwrap().map(Snapshot::id).collect();
        assert_eq!(names, self.copies.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        for (id, files) in &self.copies {
            let view = self.storage.view(*id).unwrap();
            for (file, bytes) in files.iter().enumerate() {
                match bytes {
                    Some(bytes) => {
                        assert!(content(view, &History::name(file as u8)) == *bytes, "copy {id} file {file}");
                    }
                    None => assert_eq!(view.files().find(&History::name(file as u8)), None),
                }
            }
        }
    }
}

fn pick<T>(list: &mut [T], at: u8) -> Option<&mut T> {
    let length = list.len().max(1);
    list.get_mut(usize::from(at) % length)
}

fn put(bytes: &mut Vec<u8>, offset: u32, new: &[u8]) {
    let end = offset as usize + new.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[offset as usize..end].copy_from_slice(new);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_copy_of_a_random_history_equals_its_full_copy(
        steps in proptest::collection::vec(step(), 1..50),
        on_itself in any::<bool>(),
        plain in any::<bool>(),
        maximum in proptest::option::of(STORE..60),
    ) {
        let mut history = History::new(if on_itself { C } else { D }, maximum);
        // The naive diff area has to give the same copies.
        history.storage.set_layout(if plain { Layout::Plain } else { Layout::Windows });
        let mut touched = Vec::new();
        for step in steps {
            let before = history.storage.clone();
            history.apply(&step);
            history.check();
            history.storage.take_touched(C, &mut touched).unwrap();
            // A block nobody touched shows in every surviving copy what it showed before.
            for copy in history.storage.snapshots(C).unwrap() {
                let (now, Ok(then)) = (history.storage.view(copy.id()).unwrap(), before.view(copy.id())) else { continue };
                for block in (0..40).filter(|block| copy.owned.get(*block) && !touched.contains(block)) {
                    let same = now.block(block) == then.block(block);
                    prop_assert!(same, "block {block}");
                }
            }
        }
        while let Some((id, _)) = history.copies.first() {
            let lost = history.storage.delete_snapshot(*id).unwrap();
            history.copies.remove(0);
            history.copies.retain(|(id, _)| !lost.contains(id));
        }
        prop_assert_eq!(history.storage.volume(C).unwrap().area_allocated(), 0);
    }
}

/// A machine whose volumes have the bytes of another one's, and the shadow copies that lie there.
fn attached(storage: &Storage, maximum: Option<u64>) -> (Storage, Attached) {
    let mut found = machine(40);
    let host = storage.area(C).unwrap().host;
    area(&mut found, host, 1, 2, maximum);
    for volume in storage.volumes() {
        found.load(volume.id(), volume, None).unwrap();
    }
    let attached = found.attach().unwrap();
    (found, attached)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn copies_are_found_again_on_their_disks_and_live_on(
        steps in proptest::collection::vec(step(), 1..50),
        later in proptest::collection::vec((0..40 * BLOCK_BYTES, 1..60_000_usize, any::<u8>()), 0..12),
        deleted in any::<u8>(),
        on_itself in any::<bool>(),
        maximum in proptest::option::of(STORE..60),
    ) {
        let mut history = History::new(if on_itself { C } else { D }, maximum);
        for step in steps {
            history.apply(&step);
        }
        let storage = &mut history.storage;
        let ids: Vec<SnapshotId> = storage.volumes().iter().flat_map(|volume| volume.snapshots.iter().map(|copy| copy.id())).collect();
        for id in &ids {
            storage.set_writable(*id, false).unwrap();
        }
        let (mut found, what) = attached(storage, maximum);
        prop_assert_eq!(&what.given_up, &[]);
        prop_assert_eq!(&what.copies, &ids);
        let same = |found: &Storage| {
            for volume in found.volumes() {
                for copy in found.snapshots(volume.id()).unwrap() {
                    let (now, then) = (found.view(copy.id()).unwrap(), storage.view(copy.id()).unwrap());
                    assert_eq!(copy.commit(), then.snapshot().commit());
                    for block in then.snapshot().owned.iter() {
                        assert!(now.block(block) == then.block(block), "block {block} of {}", copy.id());
                    }
                    assert_eq!(found.compare(copy.id()).unwrap().unwrap().different, 0);
                }
            }
        };
        same(&found);
        let mut report = WriteReport::default();
        for (offset, length, byte) in later {
            let length = length.min((40 * BLOCK_BYTES - offset) as usize);
            let _ = found.write_raw(C, offset, &vec![byte; length], &mut report);
            same(&found);
        }
        if let Some(copy) = ids.get(usize::from(deleted) % ids.len().max(1)) && found.view(*copy).is_ok() {
            found.delete_snapshot(*copy).unwrap();
            same(&found);
        }
        for id in &ids {
            if found.view(*id).is_ok() {
                found.delete_snapshot(*id).unwrap();
            }
        }
        prop_assert_eq!(found.volume(C).unwrap().area_allocated(), 0);
    }
}

/// The bytes of a volume.
fn bytes_of(volume: &Volume) -> Vec<u8> {
    let mut bytes = vec![0; volume.size() as usize];
    volume.store().read(0, &mut bytes).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn structures_from_strangers_are_refused_or_lived_with(
        steps in proptest::collection::vec(step(), 5..40),
        damage in proptest::collection::vec((any::<u16>(), 0..40_u64, 0..BLOCK_SIZE as u64, any::<u8>(), any::<bool>()), 1..6),
        on_itself in any::<bool>(),
    ) {
        let host = if on_itself { C } else { D };
        let mut history = History::new(host, None);
        for step in steps {
            history.apply(&step);
        }
        let mut found = machine(40);
        area(&mut found, host, 1, 2, None);
        for volume in history.storage.volumes() {
            let mut bytes = bytes_of(volume);
            // Mostly into the structures: a number replaced by another one that stands there, or a byte changed.
            let vss: Vec<u64> = volume.files().vss_blocks().iter().collect();
            for &(pick, block, at, byte, copy) in &damage {
                let block = vss.get(usize::from(pick) % vss.len().max(1)).copied().unwrap_or(block);
                let at = (block * BLOCK_BYTES + if copy { at % 1024 / 8 * 8 } else { at }) as usize;
                if copy && at + 16 <= bytes.len() {
                    bytes.copy_within(at + 8..at + 16, at);
                } else {
                    bytes[at] ^= byte;
                }
            }
            found.load(volume.id(), &&bytes[..], None).unwrap();
        }
        if found.attach().is_ok() {
            let mut report = WriteReport::default();
            for block in 0..40 {
                let _ = found.write_raw(C, block * BLOCK_BYTES + 100, &[7; 20_000], &mut report);
            }
            let ids: Vec<SnapshotId> = found.volumes().iter().flat_map(|volume| volume.snapshots.iter().map(|copy| copy.id())).collect();
            for id in ids {
                let mut into = [0; 100];
                if let Ok(view) = found.view(id) {
                    view.read(0, &mut into).unwrap();
                    found.delete_snapshot(id).unwrap();
                }
            }
            let _ = found.prepare_snapshot(C, snapshot(1_000));
        }
    }
}

#[test]
fn a_block_that_lies_elsewhere_by_a_forwarder_outlives_writes_to_both() {
    use crate::image::{Copies, NeverCopied, sample};
    let (from, to) = (10, 40);
    let bytes = sample::volume(&[sample::store_of(vec![sample::forwarder(from, to)])]);
    let mut storage = Storage::new();
    let disk = storage.add_disk("disk0", sample::SIZE).unwrap();
    let extents = vec![DiskExtent { disk, offset: 0, length: sample::SIZE }];
    storage.add_volume(VolumeSpec { id: C, mount: None, extents, blocks_a_page: 2 }).unwrap();
    storage.load(C, &&bytes[..], None).unwrap();
    let copy = storage.attach_foreign().unwrap().copies[0];
    let expected = [sample::live(to); BLOCK_SIZE];
    let shown = |storage: &Storage| storage.view(copy).unwrap().block(from).unwrap() == &expected;
    assert!(shown(&storage));
    for block in [from, to] {
        storage.write_raw(C, block * BLOCK_BYTES, &[1; BLOCK_SIZE], &mut WriteReport::default()).unwrap();
        assert!(shown(&storage), "after a write to block {block}");
    }
    let volume = storage.volume(C).unwrap();
    let view = Copies::open(volume, None).unwrap().view(0, NeverCopied::Live).unwrap();
    let mut read = vec![0; BLOCK_SIZE];
    view.read_at(from * BLOCK_BYTES, &mut read).unwrap();
    assert!(read == expected, "on the disk too");
}
