//! Backup sets of small machines, from documents made with the setters.

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_model::documents::{
    BackupState, ComponentSpec, ComponentType, FileSpec, FileSpecBackupType as Mask, SourceType, UsageType,
};
use vssim_model::ids::{Guid, WriterClassId};

use super::*;
use crate::backup_store::{StoredBackup, StoredComponent};

const INSTANCE: WriterInstanceId = WriterInstanceId(Guid(0x11));
const CLASS: WriterClassId = WriterClassId(Guid(0x22));
const OLD: u64 = 100;
const NEW: u64 = 300;
const BETWEEN: u64 = 200;

fn named(path: &str, name: &str) -> ComponentName {
    ComponentName { instance: INSTANCE, writer: CLASS, logical_path: path.to_owned(), name: name.to_owned() }
}

/// A machine with one volume, whose shadow copy has the same files, and one writer.
struct Machine {
    files: FileTable,
    copied: bool,
    metadata: WriterMetadata,
    document: BackupComponents,
    store: BackupStore,
    ranges: BTreeMap<FileId, Vec<u8>>,
}

impl Machine {
    fn new(schema: u32, backup_type: BackupType, sets: &[FileSpec], paths: &[(&str, u64)]) -> Machine {
        let mut files = FileTable::new(64);
        for (path, time) in paths {
            let file = files.create(path, 10).unwrap();
            files.touch(file, *time);
        }
        let mut builder =
            WriterMetadata::build(CLASS, INSTANCE, "Writer", UsageType::UserData, SourceType::Other).unwrap();
        builder.set_backup_schema(BackupSchema(schema));
        builder.add_component(&ComponentSpec::new(ComponentType::FileGroup, "", "Data")).unwrap();
        for set in sets {
            builder.add_files_to_file_group("", "Data", set).unwrap();
        }
        builder.add_exclude_files(&FileSpec::new(r"C:\data", "*.tmp")).unwrap();
        let mut document = BackupComponents::new();
        document.set_backup_state(BackupState {
            select_components: true,
            bootable_system_state: false,
            backup_type,
            partial_file_support: true,
        });
        document.add_component(&named("", "Data"), ComponentType::FileGroup, BackupSchema(schema)).unwrap();
        Machine {
            files,
            copied: true,
            metadata: builder.finish(),
            document,
            store: BackupStore::default(),
            ranges: BTreeMap::new(),
        }
    }

    fn earlier(&mut self, backup_type: BackupType, taken: u64) {
        let stored = StoredComponent { backup_type, succeeded: Some(true), stamp: None, files: Vec::new() };
        self.store.put(StoredBackup {
            name: taken.to_string(),
            backup_type,
            taken,
            backup_components: Arc::from("saved"),
            writer_metadata: Vec::new(),
            components: BTreeMap::from([(named("", "Data"), stored)]),
        });
    }

    fn select(&self) -> Selection {
        let copy = self.copied.then_some(&self.files);
        select(&Given {
            document: &self.document,
            metadata: &[(INSTANCE, &self.metadata)],
            variables: &Variables::default(),
            volumes: &[VolumeFiles { name: "C:", live: Some(&self.files), copy }],
            not_to_backup: &[],
            store: &self.store,
            read: &|_, _, file| self.ranges.get(&file).cloned(),
        })
    }

    /// The paths, with `~` behind those that are read from the live volume and ranges where there are any.
    fn selected(&self) -> Vec<String> {
        let items = self.select().components.into_iter().flat_map(|chosen| chosen.items);
        let shown = items.map(|item| {
            let live = if item.source == Source::Live { "~" } else { "" };
            let ranges = match item.what {
                What::Whole => String::new(),
                What::Ranges(all) => all.iter().map(|part| format!(" {}:{}", part.offset, part.length)).collect(),
            };
            format!("{}{live}{ranges}", item.path)
        });
        shown.collect()
    }
}

fn set(spec: &str) -> FileSpec {
    FileSpec::new(r"C:\data", spec)
}

fn masked(spec: &str, mask: Mask) -> FileSpec {
    FileSpec { backup_type: mask, ..set(spec) }
}

const FILES: [(&str, u64); 4] = [(r"data\a.db", OLD), (r"data\b.db", NEW), (r"data\c.tmp", NEW), (r"other\d.db", NEW)];

#[test]
fn a_full_backup_takes_the_file_sets_less_what_is_excluded() {
    let machine = Machine::new(0, BackupType::Full, &[set("*")], &FILES);
    assert_eq!(machine.selected(), [r"C:\data\a.db", r"C:\data\b.db"]);
}

#[test]
fn masks_say_in_which_types_files_take_part_and_from_where() {
    let mask = Mask(Mask::FULL_BACKUP_REQUIRED.0 | Mask::INCREMENTAL_SNAPSHOT_REQUIRED.0);
    let sets = [masked("a.db", mask), masked("b.db", Mask::ALL_BACKUP_REQUIRED)];
    let selected = |kind| Machine::new(0x1b, kind, &sets, &FILES).selected();
    assert_eq!(selected(BackupType::Full), [r"C:\data\a.db~", r"C:\data\b.db~"]);
    assert_eq!(selected(BackupType::Other), [r"C:\data\a.db~", r"C:\data\b.db~"]);
    assert_eq!(selected(BackupType::Incremental), [r"C:\data\b.db~"]);
    // Log backups take log files alone.
    assert_eq!(selected(BackupType::Log), [""; 0]);
}

#[test]
fn of_two_sets_with_a_file_the_stricter_one_counts() {
    let sets = [masked("a.db", Mask(0)), masked("*.db", Mask(Mask::FULL_BACKUP_REQUIRED.0)), set("A.*")];
    let machine = Machine::new(0, BackupType::Full, &sets, &FILES);
    assert_eq!(machine.selected(), [r"C:\data\a.db", r"C:\data\b.db~"]);
}

#[test]
fn without_the_schema_an_incremental_backup_is_a_full_one() {
    let machine = |schema| {
        let mut machine = Machine::new(schema, BackupType::Incremental, &[set("*")], &FILES);
        machine.earlier(BackupType::Full, BETWEEN);
        let name = named("", "Data");
        machine.document.add_differenced_files_by_last_modify_time(&name, r"C:\data", "*", false, 0).unwrap();
        let selection = machine.select();
        (selection.components[0].backup_type, machine.selected().len())
    };
    assert_eq!(machine(0x42), (BackupType::Incremental, 1));
    assert_eq!(machine(0x41), (BackupType::Full, 2));
    // Without VSS_BS_LAST_MODIFY the differenced entry means nothing, and the masks decide.
    assert_eq!(machine(BackupSchema::INCREMENTAL.0), (BackupType::Incremental, 2));
}

#[test]
fn a_log_is_kept_after_backups_that_later_ones_do_not_build_on() {
    use BackupType::{Copy, Differential, Full, Incremental, Log, Other};
    let kept =
        |schema| [Full, Incremental, Differential, Log, Copy, Other].map(|kind| keeps_log(kind, BackupSchema(schema)));
    assert_eq!(kept(BackupSchema::DIFFERENTIAL.0), [false, false, true, false, true, true]);
    assert_eq!(
        kept(0),
        [false, false, false, false, true, true],
        "a full backup to a writer that does not know the type"
    );
}

#[test]
fn a_time_of_the_writer_is_the_only_basis_and_zero_leaves_it_to_the_records() {
    let selected = |time| {
        let mut machine = Machine::new(0x42, BackupType::Incremental, &[set("*")], &FILES);
        machine.earlier(BackupType::Full, OLD + 1);
        let name = named("", "Data");
        machine.document.add_differenced_files_by_last_modify_time(&name, r"C:\DATA\", "*.db", false, time).unwrap();
        machine.selected()
    };
    assert_eq!(selected(OLD - 1), [r"C:\data\a.db", r"C:\data\b.db"]);
    // Modified after the time, not at it (page of AddDifferencedFilesByLastModifyTime).
    assert_eq!(selected(OLD), [r"C:\data\b.db"]);
    assert_eq!(selected(NEW), [""; 0]);
    assert_eq!(selected(0), [r"C:\data\b.db"]);
}

#[test]
fn the_base_of_a_differential_backup_is_the_last_full_one_and_of_an_incremental_one_also_that() {
    let selected = |kind, history: &[(BackupType, u64)]| {
        let mut machine = Machine::new(0x43, kind, &[set("*")], &FILES);
        for (kind, taken) in history {
            machine.earlier(*kind, *taken);
        }
        let name = named("", "Data");
        machine.document.add_differenced_files_by_last_modify_time(&name, r"C:\data", "*", false, 0).unwrap();
        machine.selected().len()
    };
    let history = [(BackupType::Full, OLD + 1), (BackupType::Incremental, NEW + 1)];
    assert_eq!(selected(BackupType::Incremental, &history), 0);
    assert_eq!(selected(BackupType::Differential, &history), 1);
    // No copy, log or differential backup is a base; without one every file counts as changed.
    let others = [(BackupType::Full, OLD + 1), (BackupType::Copy, NEW + 1), (BackupType::Differential, NEW + 2)];
    assert_eq!(selected(BackupType::Incremental, &others), 1);
    assert_eq!(selected(BackupType::Differential, &[]), 2);
    // At the very moment of the base: rather once too often.
    assert_eq!(selected(BackupType::Differential, &[(BackupType::Full, OLD)]), 2);
}

#[test]
fn incremental_and_differential_are_not_mixed_where_the_writer_forbids_it() {
    let kind = |requested, earlier: &[BackupType]| {
        let mut machine = Machine::new(0x7, requested, &[set("*")], &FILES);
        for (at, kind) in earlier.iter().enumerate() {
            machine.earlier(*kind, at as u64 + 1);
        }
        machine.select().components[0].backup_type
    };
    use BackupType::{Differential, Full, Incremental};
    assert_eq!(kind(Differential, &[Full, Incremental]), Full);
    assert_eq!(kind(Incremental, &[Full, Differential]), Full);
    assert_eq!(kind(Incremental, &[Full, Incremental]), Incremental);
    assert_eq!(kind(Differential, &[Full, Incremental, Full]), Differential);
}

#[test]
fn differenced_files_may_be_in_no_component_but_are_never_excluded_ones() {
    let mut machine = Machine::new(0x42, BackupType::Incremental, &[masked("*", Mask(0))], &FILES);
    let name = named("", "Data");
    machine.document.add_differenced_files_by_last_modify_time(&name, r"C:\other", "*", true, 1).unwrap();
    machine.document.add_differenced_files_by_last_modify_time(&name, r"C:\data", "c.*", false, 1).unwrap();
    assert_eq!(machine.selected(), [r"C:\other\d.db"]);
}

#[test]
fn a_partial_file_is_copied_in_ranges_whatever_its_mask_says() {
    let mut machine = Machine::new(0, BackupType::Full, &[masked("a.db", Mask(0)), set("b.db")], &FILES);
    let name = named("", "Data");
    machine.document.add_partial_file(&name, r"C:\data", "A.DB", "0:5,7:0x2", None).unwrap();
    machine.document.add_partial_file(&name, r"C:\other\", "d.db", "1:1", None).unwrap();
    assert_eq!(machine.selected(), [r"C:\data\a.db~ 0:5 7:2", r"C:\data\b.db", r"C:\other\d.db 1:1"]);
    assert_eq!(machine.select().problems, []);
}

#[test]
fn a_partial_file_in_no_component_needs_a_shadow_copy_of_its_volume() {
    let mut machine = Machine::new(0, BackupType::Full, &[masked("a.db", Mask(0))], &FILES);
    machine.copied = false;
    let name = named("", "Data");
    machine.document.add_partial_file(&name, r"C:\data", "a.db", "0:5", None).unwrap();
    machine.document.add_partial_file(&name, r"C:\other", "d.db", "1:1", None).unwrap();
    assert_eq!(machine.selected(), [r"C:\data\a.db~ 0:5"]);
    let problems = machine.select().problems;
    assert_eq!((problems.len(), problems[0].path.as_str()), (1, r"C:\other\d.db"));
    assert_eq!(problems[0].kind, ProblemKind::NoShadowCopy);
}

#[test]
fn a_file_that_is_partial_and_differenced_follows_the_differenced_entry() {
    let mut machine = Machine::new(0x42, BackupType::Incremental, &[set("*")], &FILES);
    let name = named("", "Data");
    for file in ["a.db", "b.db"] {
        machine.document.add_partial_file(&name, r"C:\data", file, "0:5", None).unwrap();
    }
    machine.document.add_differenced_files_by_last_modify_time(&name, r"C:\data", "*", false, BETWEEN).unwrap();
    assert_eq!(machine.selected(), [r"C:\data\b.db"]);
    let problems = machine.select().problems;
    assert!(problems.iter().all(|problem| problem.kind == ProblemKind::PartialAndDifferenced));
    assert_eq!((problems.len(), problems[0].kind.loses_data()), (2, false));
}

#[test]
fn a_ranges_file_comes_along_and_a_bad_one_leaves_the_file_out() {
    let mut machine = Machine::new(0, BackupType::Full, &[set("a.db")], &FILES);
    let name = named("", "Data");
    machine.document.add_partial_file(&name, r"C:\data", "a.db", r"File=C:\other\d.db", None).unwrap();
    let problem = |machine: &Machine| machine.select().problems[0].kind;
    assert_eq!((machine.selected().len(), problem(&machine)), (0, ProblemKind::NotThere));
    let file = machine.files.find(r"other\d.db").unwrap();
    machine.ranges.insert(file, vec![1; 9]);
    assert_eq!((machine.selected().len(), problem(&machine)), (0, ProblemKind::Ranges(BadRanges::TooMany)));
    machine.ranges.insert(file, [1_u64, 3, 4].iter().flat_map(|word| word.to_le_bytes()).collect());
    assert_eq!(machine.selected(), [r"C:\data\a.db 3:4", r"C:\other\d.db"]);
}

#[test]
fn without_partial_file_support_a_partial_file_is_copied_whole() {
    let mut machine = Machine::new(0, BackupType::Full, &[masked("a.db", Mask(0))], &FILES);
    machine.document.add_partial_file(&named("", "Data"), r"C:\data", "a.db", "0:5", None).unwrap();
    let state = machine.document.backup_state().unwrap();
    machine.document.set_backup_state(BackupState { partial_file_support: false, ..state });
    assert_eq!(machine.selected(), [r"C:\data\a.db~"]);
}

#[test]
fn what_has_to_come_from_a_shadow_copy_is_told_when_there_is_none() {
    let sets = [set("*.db"), masked("a.*", Mask(Mask::FULL_BACKUP_REQUIRED.0)), set("nothing.here")];
    let mut machine = Machine::new(0, BackupType::Full, &sets, &FILES);
    machine.copied = false;
    assert_eq!(machine.selected(), [r"C:\data\a.db~"]);
    let problems = machine.select().problems;
    assert_eq!((problems.len(), problems[0].path.as_str()), (2, r"C:\data\*.db"));
    assert_eq!((problems[0].kind, problems[1].kind), (ProblemKind::NoShadowCopy, ProblemKind::NotThere));
}

#[test]
fn a_file_that_a_set_names_has_to_be_there() {
    let incremental = masked("rarely.db", Mask(Mask::INCREMENTAL_BACKUP_REQUIRED.0));
    let sets = [set("*.nothing"), set("a.db"), set("missing.db"), set("missing.tmp"), incremental];
    let machine = Machine::new(0, BackupType::Full, &sets, &FILES);
    let problems = machine.select().problems;
    assert_eq!((problems.len(), problems[0].path.as_str()), (1, r"C:\data\missing.db"));
    assert!(problems[0].kind == ProblemKind::NotThere && problems[0].kind.loses_data());
}

#[test]
fn a_file_named_where_no_volume_is_has_to_be_there_too() {
    let nowhere = |spec| FileSpec::new(r"E:\data", spec);
    let unknown = |spec| FileSpec::new(r"%NoSuchVariable%\data", spec);
    let elsewhere = |folder: &str| FileSpec { alternate_path: Some(folder.to_owned()), ..set("b.db") };
    let incremental =
        FileSpec { backup_type: Mask(Mask::INCREMENTAL_BACKUP_REQUIRED.0), ..FileSpec::new(r"F:\data", "a.db") };
    let told = |sets: &[FileSpec]| {
        let problems = Machine::new(0, BackupType::Full, sets, &FILES).select().problems;
        assert!(problems.iter().all(|problem| problem.kind == ProblemKind::NotThere));
        problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>()
    };
    assert_eq!(told(&[nowhere("a.db"), nowhere("*.db")]), [r"E:\data\a.db"]);
    assert_eq!(told(&[unknown("a.db"), unknown("*.db")]), [r"%NoSuchVariable%\data\a.db"]);
    assert_eq!(told(&[elsewhere(r"E:\data")]), [r"C:\data\b.db"]);
    assert_eq!(told(&[elsewhere(r"%NoSuchVariable%")]), [r"C:\data\b.db"]);
    assert_eq!(told(&[set("a.db"), incremental]), [""; 0], "no full backup wants it");
}

#[test]
fn an_alternate_path_is_read_and_the_original_one_restored() {
    let alternate = FileSpec { alternate_path: Some(r"C:\other".to_owned()), ..set("*.db") };
    let mut machine = Machine::new(0, BackupType::Full, &[alternate], &FILES);
    let item = |machine: &Machine| machine.select().components.remove(0).items.remove(0);
    let found = item(&machine);
    assert_eq!((found.path.as_str(), found.read_from.as_deref()), (r"C:\data\d.db", Some(r"C:\other\d.db")));
    // INC-032: an entry names the original path, and is read from the alternate one too.
    machine.document.add_partial_file(&named("", "Data"), r"C:\data", "d.db", "0:5", None).unwrap();
    let found = item(&machine);
    assert_eq!(found.what, What::Ranges(vec![Range { offset: 0, length: 5 }]));
    assert_eq!(found.read_from.as_deref(), Some(r"C:\other\d.db"));
}
