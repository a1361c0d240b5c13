//! Histories whose power is cut at every point, and defects that this must find.

use proptest::prelude::*;

use super::super::journal::Mark;
use super::super::tests::{C, D, History, STORE, area, file, machine, snapshot, step, take};
use super::super::{BLOCK_BYTES, BLOCK_SIZE, Storage, WriteReport};
use super::*;

/// Does something with a journal, then cuts the power everywhere.
fn cut(mut storage: Storage, settings: Settings, what: impl FnOnce(&mut Storage)) -> (Report, Journal, Storage) {
    let start = storage.clone();
    storage.keep_journal();
    what(&mut storage);
    let journal = storage.journal().unwrap().clone();
    (enumerate(&start, &journal, &settings, &mut |_, _| {}), journal, start)
}

fn told(report: &Report) -> String {
    let wrong: Vec<String> = report.wrong.iter().map(ToString::to_string).collect();
    format!("{report:#?}\n{}", wrong.join("\n"))
}

/// Nothing wrong; gives the report for more to be asked of it.
fn right(storage: Storage, what: impl FnOnce(&mut Storage)) -> Report {
    let (report, _, _) = cut(storage, Settings::default(), what);
    println!("{}", told(&report));
    assert_eq!(report.wrong, [], "{}", told(&report));
    assert!(report.images > 0);
    report
}

fn overwrite(storage: &mut Storage, path: &str, from: u64, byte: u8, blocks: u64) {
    let id = storage.volume(C).unwrap().files().find(path).unwrap();
    let bytes: Vec<u8> = (0..blocks as usize * BLOCK_SIZE).map(|at| byte.wrapping_add((at / 512) as u8)).collect();
    storage.write_file(C, id, from * BLOCK_BYTES, &bytes, &mut WriteReport::default()).unwrap();
}

fn numbered(blocks: usize) -> Vec<u8> {
    (0..blocks * BLOCK_SIZE).map(|at| (at / 512) as u8 | 1).collect()
}

#[test]
fn a_first_copy_and_writes_over_it() {
    let mut storage = machine(40);
    file(&mut storage, "a", &numbered(6));
    let report = right(storage, |storage| {
        take(storage, 1);
        overwrite(storage, "a", 0, 7, 3);
        overwrite(storage, "a", 1, 9, 3);
    });
    assert!(report.gone[&Rule::Creation] > 0 && report.intact > 0);
}

#[test]
fn stacked_copies_of_which_the_middle_and_the_oldest_are_deleted() {
    let mut storage = machine(60);
    area(&mut storage, C, 7, 2, None);
    file(&mut storage, "a", &numbered(8));
    let report = right(storage, |storage| {
        for number in 1..=3 {
            take(storage, number);
            overwrite(storage, "a", number as u64, number as u8 * 20, 3);
        }
        storage.delete_snapshot(snapshot(2)).unwrap();
        overwrite(storage, "a", 0, 99, 2);
        storage.delete_snapshot(snapshot(1)).unwrap();
        overwrite(storage, "a", 6, 111, 2);
    });
    assert!(report.gone[&Rule::Deletion] > 0 && report.recovery_images > 0);
}

#[test]
fn a_copy_that_its_writers_change() {
    let mut storage = machine(40);
    file(&mut storage, "a", &numbered(6));
    let report = right(storage, |storage| {
        take(storage, 1);
        overwrite(storage, "a", 0, 50, 1);
        let id = take(storage, 2);
        storage.set_writable(id, true).unwrap();
        let found = storage.volume(C).unwrap().files().find("a").unwrap();
        storage.write_snapshot_file(id, found, 700, &[9; 3_000]).unwrap();
        storage.write_snapshot_file(id, found, 100, &[8; 5_000]).unwrap();
        overwrite(storage, "a", 0, 60, 2);
        storage.write_snapshot_file(id, found, 9_000, &[7; 20_000]).unwrap();
        storage.set_writable(id, false).unwrap();
        overwrite(storage, "a", 1, 70, 2);
    });
    assert!(report.gone[&Rule::AutoRecovery] > 0);
}

#[test]
fn a_diff_area_on_another_volume() {
    let mut storage = machine(32);
    area(&mut storage, D, 6, 2, None);
    file(&mut storage, "a", &numbered(6));
    right(storage, |storage| {
        take(storage, 1);
        overwrite(storage, "a", 0, 7, 2);
        take(storage, 2);
        overwrite(storage, "a", 1, 9, 3);
        storage.delete_snapshot(snapshot(2)).unwrap();
        overwrite(storage, "a", 4, 20, 2);
        take(storage, 3);
        storage.delete_snapshot(snapshot(1)).unwrap();
    });
}

#[test]
fn a_full_area_that_loses_its_oldest_copies() {
    let mut storage = machine(40);
    area(&mut storage, C, STORE + 1, 1, Some(2 * (STORE + 2)));
    file(&mut storage, "a", &numbered(10));
    let report = right(storage, |storage| {
        take(storage, 1);
        overwrite(storage, "a", 0, 7, 1);
        take(storage, 2);
        overwrite(storage, "a", 1, 9, 9);
    });
    assert!(report.gone[&Rule::Deletion] > 0);
}

/// Several histories at once, so that every kind of write and flush comes up.
fn much(redirected: bool) -> (Storage, fn(&mut Storage)) {
    let mut storage = machine(60);
    area(&mut storage, if redirected { D } else { C }, 7, 2, None);
    file(&mut storage, "a", &numbered(8));
    (storage, |storage| {
        for number in 1..=3 {
            let id = take(storage, number);
            storage.set_writable(id, true).unwrap();
            let found = storage.volume(C).unwrap().files().find("a").unwrap();
            storage.write_snapshot_file(id, found, 700, &[9; 3_000]).unwrap();
            storage.write_snapshot_file(id, found, 100, &[8; 5_000]).unwrap();
            storage.set_writable(id, false).unwrap();
            overwrite(storage, "a", number as u64, number as u8 * 20, 3);
        }
        storage.delete_snapshot(snapshot(2)).unwrap();
        overwrite(storage, "a", 0, 99, 2);
        storage.delete_snapshot(snapshot(1)).unwrap();
        take(storage, 4);
        overwrite(storage, "a", 0, 111, 8);
    })
}

fn length(event: Option<&DiskEvent>) -> Option<usize> {
    match event? {
        DiskEvent::Write { bytes, .. } => Some(bytes.len()),
        _ => None,
    }
}

#[test]
fn explore() {
    for redirected in [false, true] {
        let (storage, what) = much(redirected);
        let settings = Settings { goes_on: 0, recoveries: 0, ..Settings::default() };
        let (report, journal, start) = cut(storage, settings, what);
        assert_eq!(report.wrong, [], "{}", told(&report));
        let events: Vec<DiskEvent> = journal.events().to_vec();
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, event) in events.iter().enumerate() {
            if let DiskEvent::Flush { volume } = event {
                let before = events[..at].iter().rev().find(|e| !matches!(e, DiskEvent::Mark(_)));
                let after = events[at + 1..].iter().find(|e| !matches!(e, DiskEvent::Mark(_)));
                groups
                    .entry(format!("volume {volume}: {:?} | {:?}", length(before), length(after)))
                    .or_default()
                    .push(at);
            }
        }
        for (name, at) in groups {
            let kept =
                events.iter().enumerate().filter(|(index, _)| !at.contains(index)).map(|(_, e)| e.clone()).collect();
            let report = enumerate(&start, &Journal::of(kept), &settings, &mut |_, _| {});
            println!(
                "{redirected} {name}: {} dropped: {}",
                at.len(),
                report.wrong.first().map_or("NOT CAUGHT".to_owned(), |w| w.to_string())
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_power_cut_in_a_random_history_makes_a_copy_wrong(
        before in proptest::collection::vec(step(), 0..12),
        steps in proptest::collection::vec(step(), 1..16),
        on_itself in any::<bool>(),
        maximum in proptest::option::of(STORE..60),
        seed in any::<u64>(),
    ) {
        let mut history = History::new(if on_itself { C } else { D }, maximum);
        for step in &before {
            history.apply(step);
        }
        // The copies that are there when the journal begins are closed.
        let ids: Vec<_> = history.storage.volumes().iter().flat_map(|v| v.snapshots.iter().map(|copy| copy.id())).collect();
        for id in ids {
            history.storage.set_writable(id, false).unwrap();
        }
        let start = history.storage.clone();
        history.storage.keep_journal();
        for step in &steps {
            history.apply(step);
        }
        let journal = history.storage.journal().unwrap().clone();
        let settings = Settings { seed, samples: 6, points: 400, goes_on: 8, recoveries: 6, sectors: 6 };
        let report = enumerate(&start, &journal, &settings, &mut |_, _| {});
        prop_assert!(report.wrong.is_empty(), "{}", told(&report));
    }
}
