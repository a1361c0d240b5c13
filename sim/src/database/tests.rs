//! Databases cut off at every instant, held against a naive model.

use proptest::prelude::*;
use vssim_model::ids::{Guid, SnapshotId, VolumeId};
use vssim_model::trace::Consistency;

use super::*;
use crate::storage::{BLOCK_BYTES, DiskExtent, FileId, FileWrite, Passage, Storage, VolumeSpec, WriteReport};

const SMALL: DatabaseSpec = DatabaseSpec { pages: 5, log_records: 16, updates: 3, circular: true };

/// The two files, and a naive account of what is in flight.
#[derive(Clone)]
struct Disk {
    log: Vec<u8>,
    pages: Vec<u8>,
}

impl Disk {
    fn new(database: &Database) -> Disk {
        let zeros = |file| vec![0; database.file_size(file) as usize];
        Disk { log: zeros(DatabaseFile::Log), pages: zeros(DatabaseFile::Pages) }
    }

    fn land(&mut self, write: &DatabaseWrite) {
        let file = match write.file {
            DatabaseFile::Log => &mut self.log,
            DatabaseFile::Pages => &mut self.pages,
        };
        file[write.offset as usize..write.offset as usize + write.bytes.len()].copy_from_slice(&write.bytes);
    }

    fn find(&self) -> Consistency {
        classify(&self.log, &self.pages).state
    }
}

/// A cheap stream of numbers for tests.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (0_u64..).map(move |at| xxhash_rust::xxh3::xxh3_64_with_seed(&at.to_le_bytes(), seed))
}

fn step(database: &mut Database, disk: &mut Disk, random: u64) -> bool {
    let write = database.next_write(random);
    if let Some(write) = &write {
        disk.land(write);
    }
    write.is_some()
}

#[test]
fn files_never_written_are_clean() {
    let database = Database::new(SMALL).unwrap();
    assert_eq!(Disk::new(&database).find(), Consistency::Clean);
}

#[test]
fn a_quiet_database_is_clean_and_writes_nothing() {
    let mut database = Database::new(SMALL).unwrap();
    let mut disk = Disk::new(&database);
    let mut numbers = numbers(1);
    for random in numbers.by_ref().take(57) {
        assert!(step(&mut database, &mut disk, random));
    }
    database.quiesce();
    let mut writes = 0;
    while !database.is_quiet() {
        assert!(step(&mut database, &mut disk, numbers.next().unwrap()));
        writes += 1;
    }
    assert!(writes > 0);
    assert_eq!(database.next_write(3), None);
    assert_eq!(disk.find(), Consistency::Clean);
    database.truncate_log();
    assert_eq!(database.next_write(3), None);
    database.resume();
    assert!(step(&mut database, &mut disk, 4));
    assert_eq!(disk.find(), Consistency::Clean);
}

#[test]
fn without_circular_logging_the_log_fills_up_until_it_is_truncated() {
    let mut database = Database::new(DatabaseSpec { circular: false, ..SMALL }).unwrap();
    let mut disk = Disk::new(&database);
    let mut numbers = numbers(2);
    for _ in 0..3 {
        while step(&mut database, &mut disk, numbers.next().unwrap()) {
            assert_ne!(disk.find(), Consistency::Corrupt);
        }
        assert!(database.is_log_full());
        assert_eq!(disk.find(), Consistency::Clean);
        database.quiesce();
        while step(&mut database, &mut disk, numbers.next().unwrap()) {}
        assert!(database.is_quiet());
        database.resume();
        database.truncate_log();
        assert!(!database.is_log_full());
    }
}

#[test]
fn a_page_newer_than_the_log_is_corrupt() {
    let mut database = Database::new(SMALL).unwrap();
    let mut disk = Disk::new(&database);
    let mut kept = disk.clone();
    for random in numbers(3) {
        let write = database.next_write(random).unwrap();
        if write.file == DatabaseFile::Pages {
            kept.land(&write);
            break;
        }
        disk.land(&write);
    }
    let finding = classify(&kept.log, &kept.pages);
    assert_eq!(finding.state, Consistency::Corrupt);
    assert!(finding.detail.contains("log is empty"), "{}", finding.detail);
}

#[test]
fn a_page_beyond_the_end_of_the_log_is_named_with_both_lsns() {
    let mut database = Database::new(SMALL).unwrap();
    let mut disk = Disk::new(&database);
    step(&mut database, &mut disk, 1);
    disk.pages[..PAGE].copy_from_slice(&encode_page(0, 7, 9));
    let finding = classify(&disk.log, &disk.pages);
    assert_eq!(finding.state, Consistency::Corrupt);
    assert_eq!(finding.detail, "page 0 has LSN 7, newer than the log's end at LSN 1");
}

#[test]
fn a_log_pieced_together_from_two_lives_is_corrupt() {
    let log = |seed| {
        let (database, writes) = writes(SMALL, seed, 40);
        (database, writes.into_iter().filter(|write| write.file == DatabaseFile::Log).take(6).collect::<Vec<_>>())
    };
    let ((database, one), (_, other)) = (log(1), log(2));
    let mut disk = Disk::new(&database);
    for write in one.iter().chain([&other[1]]) {
        disk.land(write);
    }
    let finding = classify(&disk.log, &disk.pages);
    assert_eq!(finding.state, Consistency::Corrupt);
    assert!(finding.detail.contains("does not follow"), "{}", finding.detail);
}

#[test]
fn a_torn_page_or_record_is_corrupt() {
    let mut database = Database::new(SMALL).unwrap();
    let mut disk = Disk::new(&database);
    for random in numbers(4).take(40) {
        step(&mut database, &mut disk, random);
    }
    let page = disk.pages.iter().position(|&byte| byte != 0).unwrap();
    for (log, at) in [(false, page + 2_000), (true, 100)] {
        let mut torn = disk.clone();
        let bytes = if log { &mut torn.log } else { &mut torn.pages };
        bytes[at] ^= 1;
        assert_eq!(torn.find(), Consistency::Corrupt);
    }
}

#[test]
fn impossible_databases_are_refused() {
    assert_eq!(Database::new(DatabaseSpec { pages: 0, ..SMALL }), Err(BadDatabase::Pages(0)));
    assert_eq!(Database::new(DatabaseSpec { pages: 49, ..SMALL }), Err(BadDatabase::Pages(49)));
    assert_eq!(Database::new(DatabaseSpec { updates: 65, ..SMALL }), Err(BadDatabase::Updates(65)));
    assert_eq!(Database::new(DatabaseSpec { log_records: 6, ..SMALL }), Err(BadDatabase::LogTooSmall(7)));
    assert!(Database::new(DatabaseSpec { log_records: 7, ..SMALL }).is_ok());
}

/// A database whose log and pages lie on two volumes of a machine.
struct Machine {
    storage: Storage,
    database: Database,
    files: [FileId; 2],
    numbers: Box<dyn Iterator<Item = u64>>,
}

const VOLUMES: [VolumeId; 2] = [VolumeId(Guid(1)), VolumeId(Guid(2))];
const COPIES: [SnapshotId; 2] = [SnapshotId(Guid(1)), SnapshotId(Guid(2))];

impl Machine {
    fn new(seed: u64) -> Machine {
        let mut storage = Storage::new();
        let database = Database::new(SMALL).unwrap();
        storage.add_disk("disk0", 32 * BLOCK_BYTES).unwrap();
        let files = [(0, DatabaseFile::Log), (1, DatabaseFile::Pages)].map(|(at, file)| {
            let extent = DiskExtent { disk: 0, offset: at as u64 * 16 * BLOCK_BYTES, length: 16 * BLOCK_BYTES };
            let spec = VolumeSpec { id: VOLUMES[at], mount: None, extents: vec![extent], blocks_a_page: 1 };
            storage.add_volume(spec).unwrap();
            storage.create_file(VOLUMES[at], "db", database.file_size(file)).unwrap()
        });
        Machine { storage, database, files, numbers: Box::new(numbers(seed)) }
    }

    fn work(&mut self, writes: usize) {
        for _ in 0..writes {
            let Some(write) = self.database.next_write(self.numbers.next().unwrap()) else { return };
            let at = usize::from(write.file == DatabaseFile::Pages);
            let write = FileWrite { tag: 0, file: self.files[at], offset: write.offset, bytes: write.bytes };
            let passage = self.storage.submit(VOLUMES[at], write, &mut WriteReport::default()).unwrap();
            // An application waits for its write before it makes the next one.
            if passage == Passage::Wait {
                return;
            }
        }
    }

    /// Takes both copies with some writes between the two commits; gives what the copies show.
    fn copy(&mut self, between: usize) -> Consistency {
        for at in [0, 1] {
            self.storage.prepare_snapshot(VOLUMES[at], COPIES[at]).unwrap();
            self.storage.hold(VOLUMES[at]).unwrap();
        }
        self.storage.commit_snapshot(COPIES[0], 0).unwrap();
        self.work(between);
        self.storage.commit_snapshot(COPIES[1], 0).unwrap();
        for at in [0, 1] {
            for write in self.storage.release(VOLUMES[at]).unwrap() {
                self.storage.submit(VOLUMES[at], write, &mut WriteReport::default()).unwrap();
            }
        }
        self.work(50);
        let [log, pages] = [0, 1].map(|at| {
            let view = self.storage.view(COPIES[at]).unwrap();
            let file = view.files().find("DB").unwrap();
            let mut bytes = vec![0; view.files().file(file).unwrap().size() as usize];
            view.read_file(file, 0, &mut bytes).unwrap();
            assert_eq!(self.storage.compare(COPIES[at]).unwrap().unwrap().different, 0);
            bytes
        });
        classify(&log, &pages).state
    }
}

#[test]
fn the_copy_of_a_quiet_database_is_clean() {
    for seed in 0..50 {
        let mut machine = Machine::new(seed);
        machine.work(60 + seed as usize);
        machine.database.quiesce();
        machine.work(100);
        assert!(machine.database.is_quiet());
        assert_eq!(machine.copy(20), Consistency::Clean);
    }
}

#[test]
fn the_copy_of_a_busy_database_whose_writes_are_held_is_never_corrupt() {
    let mut crashed = 0;
    for seed in 0..100 {
        let mut machine = Machine::new(seed);
        machine.work(60 + seed as usize);
        let state = machine.copy(20);
        assert_ne!(state, Consistency::Corrupt);
        crashed += usize::from(state == Consistency::CrashConsistent);
    }
    assert!(crashed > 80, "{crashed}");
}

#[test]
fn the_copy_of_a_busy_database_through_a_broken_gate_is_corrupt() {
    for seed in 0..100 {
        let mut machine = Machine::new(seed);
        machine.work(60 + seed as usize);
        for volume in VOLUMES {
            machine.storage.set_gate_broken(volume, true).unwrap();
        }
        assert_eq!(machine.copy(20), Consistency::Corrupt, "seed {seed}");
    }
}

fn spec() -> impl Strategy<Value = DatabaseSpec> {
    (1_u32..8, 1_u32..5, 0_u32..20).prop_map(|(pages, updates, more)| DatabaseSpec {
        pages,
        log_records: updates + 4 + more,
        updates,
        circular: true,
    })
}

/// The writes of a run, in order.
fn writes(spec: DatabaseSpec, seed: u64, count: usize) -> (Database, Vec<DatabaseWrite>) {
    let mut database = Database::new(spec).unwrap();
    let list = numbers(seed).take(count).map_while(|random| database.next_write(random)).collect();
    (database, list)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_prefix_of_the_writes_is_corrupt_and_each_is_told_right(spec in spec(), seed: u64) {
        let mut database = Database::new(spec).unwrap();
        let mut disk = Disk::new(&database);
        for random in numbers(seed).take(120) {
            prop_assert!(step(&mut database, &mut disk, random));
            let expected = if database.is_settled() { Consistency::Clean } else { Consistency::CrashConsistent };
            let finding = classify(&disk.log, &disk.pages);
            prop_assert_eq!(finding.state, expected, "{}", finding.detail);
        }
    }

    #[test]
    fn pages_of_a_later_instant_are_corrupt_when_the_log_does_not_commit_one(
        spec in spec(), seed: u64, cut in 0_usize..100, later in 0_usize..40,
    ) {
        let (database, writes) = writes(spec, seed, cut + later);
        let mut disk = Disk::new(&database);
        let (mut committed, mut newest_page) = (0_u64, 0_u64);
        for (at, write) in writes.iter().enumerate() {
            let lsn = u64::from_le_bytes(write.bytes[if write.file == DatabaseFile::Log { 8..16 } else { 16..24 }].try_into().unwrap());
            match write.file {
                DatabaseFile::Log if at >= cut => continue,
                DatabaseFile::Log if write.bytes[24] == 3 => committed = lsn,
                DatabaseFile::Log => {}
                DatabaseFile::Pages => newest_page = newest_page.max(lsn),
            }
            disk.land(write);
        }
        prop_assert_eq!(disk.find() == Consistency::Corrupt, newest_page > committed);
    }

    #[test]
    fn a_log_of_a_later_instant_is_corrupt_when_a_page_it_takes_for_written_is_not(
        spec in spec(), seed: u64, cut in 0_usize..100, later in 0_usize..40,
    ) {
        let (database, writes) = writes(spec, seed, cut + later);
        let mut disk = Disk::new(&database);
        // The naive account: a page write that a later checkpoint takes for done and that is not there is lost.
        let (mut missing, mut lost) = (false, false);
        for (at, write) in writes.iter().enumerate() {
            let is_page = write.file == DatabaseFile::Pages;
            if is_page && at >= cut {
                missing = true;
                continue;
            }
            lost |= missing && !is_page && write.bytes[24] == 4;
            disk.land(write);
        }
        prop_assert_eq!(disk.find() == Consistency::Corrupt, lost);
    }

    #[test]
    fn any_bytes_are_told_something(
        log in proptest::collection::vec(any::<u8>(), 0..2_000),
        pages in proptest::collection::vec(any::<u8>(), 0..9_000),
        seed: u64, flip in 0_usize..20_480, file: bool,
    ) {
        prop_assert!(!classify(&log, &pages).detail.is_empty());
        let (database, writes) = writes(SMALL, seed, 80);
        let mut disk = Disk::new(&database);
        for write in &writes {
            disk.land(write);
        }
        let bytes = if file { &mut disk.log } else { &mut disk.pages };
        let length = bytes.len();
        bytes[flip % length] ^= 0x10;
        disk.find();
    }
}
