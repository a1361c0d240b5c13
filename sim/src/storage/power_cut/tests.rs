//! Histories whose power is cut at every point, and defects that this must find.

use proptest::prelude::*;

use super::super::tests::histories::{History, step};
use super::super::tests::{C, D, STORE, area, file, machine, snapshot, take};
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

#[test]
fn a_deletion_is_ended_before_a_copy_that_is_open_for_its_writers_is_given_up() {
    let mut storage = machine(40);
    take(&mut storage, 1);
    file(&mut storage, "a", &numbered(2));
    take(&mut storage, 2);
    take(&mut storage, 3);
    right(storage, |storage| {
        storage.set_writable(snapshot(2), true).unwrap();
        overwrite(storage, "a", 0, 9, 2);
        storage.delete_snapshot(snapshot(3)).unwrap();
    });
}

/// A machine on which every kind of write and flush comes up.
fn much(redirected: bool) -> (Storage, fn(&mut Storage)) {
    let mut storage = machine(60);
    area(&mut storage, if redirected { D } else { C }, 7, 2, None);
    file(&mut storage, "a", &numbered(8));
    let what = |storage: &mut Storage| {
        for number in 1..=3 {
            let id = take(storage, number);
            storage.set_writable(id, true).unwrap();
            let found = storage.volume(C).unwrap().files().find("a").unwrap();
            storage.write_snapshot_file(id, found, 700, &[9; 3_000]).unwrap();
            storage.set_writable(id, false).unwrap();
            overwrite(storage, "a", number as u64, number as u8 * 20, 3);
        }
        storage.delete_snapshot(snapshot(2)).unwrap();
        overwrite(storage, "a", 0, 99, 2);
        storage.delete_snapshot(snapshot(1)).unwrap();
        take(storage, 4);
        overwrite(storage, "a", 0, 111, 8);
    };
    (storage, what)
}

/// What a disk is asked to do, as far as it tells the kinds of writes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A whole block: an old block that is saved, or a fresh structure.
    Block,
    /// What an application writes, several blocks at once.
    Live,
    Descriptor,
    /// Two entries of a catalog.
    Pair,
    /// One entry.
    Entry,
    Header,
    Flush,
    Other,
}

fn kind(event: &DiskEvent) -> Kind {
    match event {
        DiskEvent::Flush { .. } => Kind::Flush,
        DiskEvent::Write { bytes, .. } => match bytes.len() {
            BLOCK_SIZE => Kind::Block,
            length if length > BLOCK_SIZE => Kind::Live,
            32 => Kind::Descriptor,
            256 => Kind::Pair,
            128 => Kind::Entry,
            512 => Kind::Header,
            _ => Kind::Other,
        },
        DiskEvent::Mark(_) => Kind::Other,
    }
}

/// The events without the flushes between these two kinds of writes; gives how many there were.
fn without_flush(events: &[DiskEvent], before: Kind, after: Kind) -> (Vec<DiskEvent>, usize) {
    let drawn = |events: &[DiskEvent]| {
        kind(&events[1]) == Kind::Flush && kind(&events[0]) == before && kind(&events[2]) == after
    };
    let dropped: Vec<usize> = (0..events.len() - 2).filter(|&at| drawn(&events[at..at + 3])).map(|at| at + 1).collect();
    let kept = events.iter().enumerate().filter(|(at, _)| !dropped.contains(at)).map(|(_, event)| event.clone());
    (kept.collect(), dropped.len())
}

/// The events with every write of kind `early` (and the flush behind it) moved before the write and flush that precede it.
fn moved_forward(events: &[DiskEvent], late: Kind, early: Kind) -> (Vec<DiskEvent>, usize) {
    let mut events = events.to_vec();
    let mut count = 0;
    for at in 0..events.len().saturating_sub(3) {
        let kinds: Vec<Kind> = events[at..at + 4].iter().map(kind).collect();
        let is_write = matches!(events[at + 2], DiskEvent::Write { .. });
        if kinds[0] == late && kinds[1] == Kind::Flush && is_write && kinds[3] == Kind::Flush && kinds[2] == early {
            events[at..at + 4].rotate_left(2);
            count += 1;
        }
    }
    (events, count)
}

/// A planted defect: another order of the same writes.
type Plant = fn(&[DiskEvent]) -> (Vec<DiskEvent>, usize);

const PLANTS: &[(&str, Plant)] = &[
    ("no flush between the old block and its descriptor", |events| {
        without_flush(events, Kind::Block, Kind::Descriptor)
    }),
    ("the new block before the descriptor", |events| {
        // The application's write follows the flush of the descriptor: it goes before it.
        let mut events = events.to_vec();
        let mut count = 0;
        for at in 0..events.len() - 2 {
            if events[at..at + 3].iter().map(kind).eq([Kind::Descriptor, Kind::Flush, Kind::Live]) {
                events[at..at + 3].rotate_right(1);
                count += 1;
            }
        }
        (events, count)
    }),
    ("no flush between the descriptor and the new block", |events| without_flush(events, Kind::Descriptor, Kind::Live)),
    ("the entry before the header of the store", |events| moved_forward(events, Kind::Block, Kind::Pair)),
    ("no flush between the header of the store and the entry", |events| without_flush(events, Kind::Block, Kind::Pair)),
    ("no flush after the entry", |events| {
        let (events, one) = without_flush(events, Kind::Pair, Kind::Other);
        let (events, two) = without_flush(&events, Kind::Pair, Kind::Block);
        (events, one + two)
    }),
    ("no flush between the catalog and the header of the volume", |events| {
        without_flush(events, Kind::Block, Kind::Header)
    }),
    ("no flush at all", |events| {
        let kept: Vec<DiskEvent> = events.iter().filter(|event| kind(event) != Kind::Flush).cloned().collect();
        let count = events.len() - kept.len();
        (kept, count)
    }),
];

/// Those that only two volumes can have.
const REDIRECTED: &[(&str, Plant)] = &[
    ("the copy's entry before that of its store", |events| moved_forward(events, Kind::Entry, Kind::Pair)),
    ("no flush between the entry of the store and that of the copy", |events| {
        without_flush(events, Kind::Entry, Kind::Pair)
    }),
    ("no flush between the two entries that are taken out", |events| without_flush(events, Kind::Entry, Kind::Entry)),
];

#[test]
fn every_planted_defect_is_found() {
    for redirected in [false, true] {
        let (storage, what) = much(redirected);
        let settings = Settings { goes_on: 0, recoveries: 0, ..Settings::default() };
        let (report, journal, start) = cut(storage, settings, what);
        assert_eq!(report.wrong, [], "{}", told(&report));
        let more = if redirected { REDIRECTED } else { &[] };
        for (name, plant) in PLANTS.iter().chain(more) {
            let (events, count) = plant(journal.events());
            // With two volumes a pair is one entry and an empty one, and lies on the volume without the store.
            let here = !redirected || !name.contains("header of the store");
            assert!(count > 0 || !here, "{name} was not planted, redirected: {redirected}");
            if count > 0 {
                let report = enumerate(&start, &Journal::of(events), &settings, &mut |_, _| {});
                println!("{name}: {}", report.wrong.first().map(ToString::to_string).unwrap_or_default());
                assert!(!report.wrong.is_empty(), "{name}: planted {count} times, not found; redirected: {redirected}");
            }
        }
    }
}

#[test]
fn a_header_never_leads_to_a_volume_that_has_none() {
    let mut storage = machine(32);
    area(&mut storage, D, 6, 2, None);
    let (report, _, _) = cut(storage, Settings { goes_on: 1, ..Settings::default() }, |storage| {
        storage.prepare_snapshot(C, snapshot(1)).unwrap();
    });
    assert_eq!(report.wrong, [], "{}", told(&report));
    // Nor does one that is written when the association moves.
    let storage = machine(32);
    let (report, _, _) = cut(storage, Settings { goes_on: 1, ..Settings::default() }, |storage| {
        take(storage, 1);
        storage.delete_snapshot(snapshot(1)).unwrap();
        area(storage, D, 6, 2, None);
        take(storage, 2);
    });
    assert_eq!(report.wrong, [], "{}", told(&report));
}

/// A volume whose free blocks lie one by one, and a file in each block between them.
fn fragmented(files: u64) -> Storage {
    let mut storage = machine(2 * files + 40);
    for number in 0..2 * files {
        file(&mut storage, &format!("f{number}"), &[(number % 251) as u8 + 1; BLOCK_SIZE]);
    }
    for number in (1..2 * files).step_by(2) {
        let id = storage.volume(C).unwrap().files().find(&format!("f{number}")).unwrap();
        storage.delete_file(C, id).unwrap();
    }
    storage
}

fn write_over(storage: &mut Storage, files: std::ops::Range<u64>) {
    for number in files {
        let id = storage.volume(C).unwrap().files().find(&format!("f{}", 2 * number)).unwrap();
        storage.write_file(C, id, 0, &[0xee; BLOCK_SIZE], &mut WriteReport::default()).unwrap();
    }
}

#[test]
fn lists_that_grow_by_a_block() {
    // 508 descriptors and 677 ranges fill a block of their lists.
    let mut storage = fragmented(720);
    area(&mut storage, C, 7, 1, None);
    take(&mut storage, 1);
    write_over(&mut storage, 0..502);
    let settings = Settings { recoveries: 1, samples: 4, goes_on: 100, ..Settings::default() };
    let (report, journal, _) = cut(storage.clone(), settings, |storage| write_over(storage, 502..512));
    assert_eq!(report.wrong, [], "{}", told(&report));
    let links = |journal: &Journal| {
        journal.events().iter().filter(|event| matches!(event, DiskEvent::Write { bytes, offset, .. } if bytes.len() == 8 && offset % BLOCK_BYTES == 40)).count()
    };
    assert_eq!(links(&journal), 1, "the list of descriptors has grown");
    write_over(&mut storage, 502..668);
    let (report, journal, _) = cut(storage.clone(), settings, |storage| write_over(storage, 668..680));
    assert_eq!(report.wrong, [], "{}", told(&report));
    assert_eq!(links(&journal), 1, "the list of ranges has grown");
}

#[test]
fn lists_that_grow_while_a_copy_in_the_middle_is_deleted() {
    let mut storage = fragmented(600);
    area(&mut storage, C, 7, 1, None);
    take(&mut storage, 1);
    write_over(&mut storage, 0..500);
    take(&mut storage, 2);
    write_over(&mut storage, 500..520);
    take(&mut storage, 3);
    let settings = Settings { recoveries: 1, samples: 4, goes_on: 100, ..Settings::default() };
    let (report, _, _) = cut(storage, settings, |storage| drop(storage.delete_snapshot(snapshot(2)).unwrap()));
    assert_eq!(report.wrong, [], "{}", told(&report));
    assert!(report.gone[&Rule::Deletion] > 0 && report.recovery_images > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]
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
