//! Which shadow copies go when a diff area finds no room, in which order, and why.

use vssim_model::context::SnapshotContext;

use super::tests::{C, D, STORE, area, content, file, machine, snapshot, take};
use super::*;

/// C with a file of six blocks and two copies; their area is on D and grows block by block.
fn two_copies(maximum: Option<u64>) -> (Storage, FileId, [SnapshotId; 2]) {
    let mut storage = machine(32);
    area(&mut storage, D, STORE, 1, maximum);
    let id = file(&mut storage, "a", &[1; 6 * BLOCK_SIZE]);
    let copies = [take(&mut storage, 1), take(&mut storage, 2)];
    (storage, id, copies)
}

/// Leaves so many blocks of D free.
fn fill(storage: &mut Storage, left: u64) {
    let free = storage.volume(D).unwrap().files().free_clusters();
    storage.create_file(D, "fill", (free - left * 4) * CLUSTER).unwrap();
}

fn write(storage: &mut Storage, id: FileId, offset: u64, bytes: &[u8]) -> WriteReport {
    let mut report = WriteReport::default();
    storage.write_file(C, id, offset, bytes, &mut report).unwrap();
    report
}

#[test]
fn at_the_limit_the_oldest_goes_without_warning_and_the_last_with_one() {
    let (mut storage, id, [old, young]) = two_copies(Some(2 * STORE));
    // The oldest copy saves in place of its second bitmap; the younger one has no such block.
    let report = write(&mut storage, id, 0, &[2; 5 * BLOCK_SIZE]);
    assert_eq!(report.events, [AreaEvent::OldestDeleted(old)]);
    assert_eq!((report.lost, content(storage.view(young).unwrap(), "a")), (vec![old], vec![1; 6 * BLOCK_SIZE]));
    let report = write(&mut storage, id, 5 * BLOCK_BYTES, &[2; BLOCK_SIZE]);
    let fault = AreaFault::Limit;
    assert_eq!(report.events, [AreaEvent::AtRisk(fault), AreaEvent::Aborted { fault, copies: vec![young] }]);
    let mut live = [0];
    storage.read_file(C, id, 5 * BLOCK_BYTES, &mut live).unwrap();
    assert_eq!(live, [2], "the write lands");
}

#[test]
fn on_a_full_volume_the_warning_comes_first_and_once() {
    let (mut storage, id, [old, young]) = two_copies(None);
    fill(&mut storage, 0);
    let report = write(&mut storage, id, 0, &[2; BLOCK_SIZE]);
    let fault = AreaFault::NoSpace;
    assert_eq!(report.events, [AreaEvent::AtRisk(fault), AreaEvent::OldestDeleted(old)]);
    let report = write(&mut storage, id, BLOCK_BYTES, &[2; 5 * BLOCK_SIZE]);
    // What the oldest copy gave back was room again, so that the area grew; when that is used up, it is told anew.
    assert_eq!(report.events, [AreaEvent::AtRisk(fault), AreaEvent::Aborted { fault, copies: vec![young] }]);
}

#[test]
fn growth_that_comes_too_late_costs_every_copy_at_once() {
    let (mut storage, id, [old, young]) = two_copies(None);
    storage.set_slow_growth(C, true).unwrap();
    let report = write(&mut storage, id, 0, &[2; BLOCK_SIZE]);
    let fault = AreaFault::TooSlow;
    assert_eq!(report.events, [AreaEvent::Aborted { fault, copies: vec![old, young] }]);
    assert_eq!(storage.volume(C).unwrap().snapshot_count(), 0);
}

#[test]
fn a_failed_write_to_the_host_costs_every_copy_and_prevents_the_next() {
    let (mut storage, id, [old, young]) = two_copies(None);
    storage.set_failing(D, true).unwrap();
    let fault = AreaFault::IoFailure;
    let report = write(&mut storage, id, 0, &[2; BLOCK_SIZE]);
    assert_eq!(report.events, [AreaEvent::Aborted { fault, copies: vec![old, young] }]);
    assert_eq!(storage.prepare_snapshot(C, snapshot(3)), Err(StorageError::AreaFull(fault)));
    storage.set_failing(D, false).unwrap();
    assert_eq!(storage.prepare_snapshot(C, snapshot(3)), Ok(()));
}

#[test]
fn a_new_copy_takes_the_place_of_the_oldest_below_a_maximum() {
    let (mut storage, _, [old, young]) = two_copies(Some(2 * STORE + 2));
    let mut report = WriteReport::default();
    storage.prepare_in_place_of_oldest(C, snapshot(3), &mut report).unwrap();
    assert_eq!(report.events, [AreaEvent::OldestDeleted(old)]);
    storage.view(young).unwrap();
}

#[test]
fn a_new_copy_that_never_fits_below_the_maximum_costs_none() {
    let mut storage = machine(32);
    area(&mut storage, D, STORE, 1, None);
    let copy = take(&mut storage, 1);
    area(&mut storage, D, STORE, 1, Some(STORE - 1));
    let mut report = WriteReport::default();
    let prepared = storage.prepare_in_place_of_oldest(C, snapshot(2), &mut report);
    assert_eq!((prepared, report), (Err(StorageError::AreaFull(AreaFault::Limit)), WriteReport::default()));
    storage.view(copy).unwrap();
}

#[test]
fn a_new_copy_on_a_full_volume_costs_none() {
    let (mut storage, _, copies) = two_copies(None);
    fill(&mut storage, 2);
    let mut report = WriteReport::default();
    let prepared = storage.prepare_in_place_of_oldest(C, snapshot(3), &mut report);
    assert_eq!((prepared, report), (Err(StorageError::AreaFull(AreaFault::NoSpace)), WriteReport::default()));
    assert_eq!(storage.snapshots(C).unwrap().map(Snapshot::id).collect::<Vec<_>>(), copies);
}

#[test]
fn a_dismounted_volume_takes_the_copies_whose_area_it_held_and_its_own() {
    let (mut storage, id, copies) = two_copies(None);
    storage.prepare_snapshot(C, snapshot(3)).unwrap();
    storage.prepare_snapshot(D, snapshot(4)).unwrap();
    storage.commit_snapshot(snapshot(4), 0).unwrap();
    let of_c = Dismounted { volume: C, held_area: true, copies: vec![copies[0], copies[1], snapshot(3)] };
    let of_d = Dismounted { volume: D, held_area: true, copies: vec![snapshot(4)] };
    assert_eq!(storage.dismount(D).unwrap(), [of_c, of_d]);
    assert_eq!(storage.volume(C).unwrap().area_allocated(), 0);
    assert_eq!(write(&mut storage, id, 0, &[2; BLOCK_SIZE]), WriteReport::default());
    take(&mut storage, 5);
    // Its own area lies elsewhere.
    let gone = Dismounted { volume: C, held_area: false, copies: vec![snapshot(5)] };
    assert_eq!(storage.dismount(C).unwrap(), [gone]);
}

#[test]
fn client_accessible_copies_are_told_apart() {
    let mut storage = machine(32);
    area(&mut storage, D, STORE, 1, None);
    for (number, context) in [SnapshotContext::ClientAccessible, SnapshotContext::Backup].into_iter().enumerate() {
        let (id, context) = (snapshot(number as u128), context.bits());
        storage.prepare_snapshot(C, id).unwrap();
        storage.commit_snapshot(id, Commit { context, attributes: context, ..Commit::default() }).unwrap();
    }
    assert_eq!(storage.client_accessible(C).unwrap().collect::<Vec<_>>(), [snapshot(0)]);
}
