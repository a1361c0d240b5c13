//! Every kind of mistake is reported at its place, with what was expected.
//!
//! Each case is the same small scenario with one part replaced.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use vssim_scenarios::{ErrorKind, Errors, Files, Scenario, Staged, stage};
use vssim_sim::plan::ImageSource;

const GOOD: &str = r"format: 1
name: small
title: A small backup
release: server-2019
machine:
  name: HOST
  disks:
    - {name: Disk0, size: 4 MiB}
  volumes:
    - name: 'C:'
      size: 1 MiB
      files:
        - file: {path: 'C:\boot.ini', size: 4 KiB}
    - name: 'D:'
      size: 2 MiB
      diff_area: {volume: 'D:', maximum: 256 KiB}
  applications:
    - name: Orders
      database:
        log: {path: 'D:\orders.log', size: 64 KiB}
        pages: {path: 'D:\orders.db', count: 16}
        transaction_every: 5ms..40ms
  providers:
    - name: System provider
      kind: system
      callbacks:
        CommitSnapshots: {takes: 50ms, returns: S_OK}
  writers:
    - name: Orders Writer
      class: '{6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c}'
      level: back-end
      application: Orders
      metadata:
        inline:
          components:
            - {type: database, name: Orders}
      handlers:
        Freeze: {takes: 10ms}
requesters:
  - name: Backup
    script:
      - backup: {volumes: ['C:', 'D:']}
expect:
  outcome: succeeded
  writers:
    - {writer: Orders Writer, state: VSS_WS_STABLE}
";

/// What the case shows, the kind, what is replaced, by what.
const CASES: &[(&str, ErrorKind, &str, &str)] = &[
    ("unclosed_quote", ErrorKind::NotYaml, "name: HOST", "name: 'HOST"),
    ("tab_as_indentation", ErrorKind::NotYaml, "  name: HOST", "\tname: HOST"),
    ("merge_key", ErrorKind::NotYaml, "  name: HOST", "  <<: {name: HOST}"),
    ("tag", ErrorKind::NotYaml, "  outcome: succeeded", "  outcome: !made-up succeeded"),
    ("unknown_anchor", ErrorKind::NotYaml, "name: HOST", "name: *host"),
    ("second_document", ErrorKind::NotYaml, "expect:\n  outcome: succeeded", "---\nformat: 1"),
    ("too_deep", ErrorKind::TooLarge, "name: HOST", "name: [[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]"),
    ("unknown_key", ErrorKind::UnknownKey, "level: back-end", "levle: back-end"),
    ("unknown_event", ErrorKind::UnknownKey, "Freeze: {takes: 10ms}", "Frieze: {takes: 10ms}"),
    (
        "missing_key",
        ErrorKind::MissingKey,
        "      metadata:\n        inline:\n          components:\n            - {type: database, name: Orders}\n",
        "",
    ),
    ("missing_key_of_an_empty_step", ErrorKind::MissingKey, "backup: {volumes: ['C:', 'D:']}", "AddComponent: {}"),
    ("missing_key_at_the_top", ErrorKind::MissingKey, "release: server-2019\n", ""),
    ("duplicate_key", ErrorKind::DuplicateKey, "level: back-end", "level: back-end\n      level: system"),
    ("list_for_mapping", ErrorKind::WrongShape, "{takes: 50ms, returns: S_OK}", "[50ms]"),
    (
        "mapping_for_list",
        ErrorKind::WrongShape,
        "    - {writer: Orders Writer, state: VSS_WS_STABLE}",
        "    Orders Writer: VSS_WS_STABLE",
    ),
    (
        "text_for_flag",
        ErrorKind::WrongShape,
        "{type: database, name: Orders}",
        "{type: database, name: Orders, selectable: maybe}",
    ),
    ("list_for_scalar", ErrorKind::WrongShape, "count: 16", "count: [16]"),
    ("step_that_is_a_list", ErrorKind::WrongShape, "- backup: {volumes: ['C:', 'D:']}", "- [backup]"),
    (
        "two_steps_in_one",
        ErrorKind::WrongShape,
        "- backup: {volumes: ['C:', 'D:']}",
        "- StartSnapshotSet: {}\n        DoSnapshotSet: {}",
    ),
    ("number_as_name", ErrorKind::NotQuoted, "name: HOST", "name: 1"),
    ("no_as_name", ErrorKind::NotQuoted, "application: Orders", "application: no"),
    ("nothing_as_name", ErrorKind::NotQuoted, "name: HOST", "name:"),
    ("unquoted_drive_letter", ErrorKind::NotQuoted, "{volume: 'D:', maximum", "{volume: {D: }, maximum"),
    ("unquoted_drive_in_a_list", ErrorKind::NotQuoted, "['C:', 'D:']", "[C:, 'D:']"),
    ("time_without_unit", ErrorKind::WrongUnit, "takes: 10ms", "takes: 10"),
    ("time_with_a_wrong_unit", ErrorKind::WrongUnit, "takes: 10ms", "takes: 10 sec"),
    ("size_without_unit", ErrorKind::WrongUnit, "size: 1 MiB", "size: 1048576"),
    ("size_with_a_wrong_unit", ErrorKind::WrongUnit, "size: 1 MiB", "size: 1 MB"),
    ("time_for_a_size", ErrorKind::WrongUnit, "maximum: 256 KiB", "maximum: 256ms"),
    ("unknown_step", ErrorKind::UnknownWord, "- backup: {volumes: ['C:', 'D:']}", "- StartSnapshotSett: {}"),
    ("unknown_level", ErrorKind::UnknownWord, "level: back-end", "level: backend"),
    (
        "unknown_method",
        ErrorKind::UnknownWord,
        "  outcome: succeeded",
        "  hresults: [{call: DoSnapShotSet, hresult: S_OK}]",
    ),
    (
        "unknown_requirement",
        ErrorKind::UnknownWord,
        "state: VSS_WS_STABLE}",
        "state: VSS_WS_STABLE, shows: [WRT-EVT-001, WRT-EVNT-002]}",
    ),
    ("unknown_misbehaviour", ErrorKind::UnknownWord, "      level: back-end", "      misbehaviours: [does_not_freze]"),
    (
        "unknown_callback",
        ErrorKind::UnknownWord,
        "      kind: system",
        "      kind: system\n      misbehaviours: [{crashes_in: CommitSnapshot}]",
    ),
    ("release_is_a_year", ErrorKind::UnknownRelease, "release: server-2019", "release: 2022"),
    ("release_misspelt", ErrorKind::UnknownRelease, "release: server-2019", "release: sever-2019"),
    ("unknown_code", ErrorKind::NotAnHResult, "returns: S_OK", "returns: VSS_E_PROVIDER_VETTO"),
    ("code_beyond_32_bits", ErrorKind::NotAnHResult, "returns: S_OK", "returns: 0x180042306"),
    ("half_a_guid", ErrorKind::NotAGuid, "'{6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c}'", "'{6f2a1b3c-0d4e}'"),
    ("slashes_in_a_path", ErrorKind::NotAPath, r"'C:\boot.ini'", "'C:/boot.ini'"),
    ("backslash_after_a_volume", ErrorKind::NotAPath, "volumes: ['C:', 'D:']", r"volumes: ['C:\', 'D:']"),
    ("format_of_the_future", ErrorKind::WrongFormat, "format: 1", "format: 2"),
    ("range_backwards", ErrorKind::OutOfRange, "5ms..40ms", "40ms..5ms"),
    ("time_too_long", ErrorKind::OutOfRange, "takes: 10ms", "takes: 48h"),
    ("count_too_large", ErrorKind::OutOfRange, "count: 16", "count: 16000000"),
    ("name_with_capitals", ErrorKind::OutOfRange, "name: small", "name: Small Backup"),
    ("unknown_writer", ErrorKind::UnknownName, "{writer: Orders Writer,", "{writer: Order Writer,"),
    ("unknown_volume", ErrorKind::UnknownName, "volumes: ['C:', 'D:']", "volumes: ['C:', 'E:']"),
    ("unknown_application", ErrorKind::UnknownName, "application: Orders", "application: Order"),
    ("unknown_disk", ErrorKind::UnknownName, "size: 1 MiB", "disk: Disk1\n      size: 1 MiB"),
    (
        "unknown_component",
        ErrorKind::UnknownName,
        "{volumes: ['C:', 'D:']}",
        "{volumes: ['D:'], components: [{writer: Orders Writer, name: Order}]}",
    ),
    (
        "unknown_operation",
        ErrorKind::UnknownName,
        "- backup: {volumes: ['C:', 'D:']}",
        "- DoSnapshotSet: {wait: false, as: creation}\n      - Wait: {operation: creatoin}",
    ),
    ("diff_area_on_an_unknown_volume", ErrorKind::UnknownName, "{volume: 'D:', maximum", "{volume: 'F:', maximum"),
    ("maximum_too_small_for_one_copy", ErrorKind::ImpossibleSize, "maximum: 256 KiB", "maximum: 80 KiB"),
    (
        "maximum_below_the_least_size",
        ErrorKind::ImpossibleSize,
        "  applications:",
        "  registry: {MinDiffAreaFileSize: 300}\n  applications:",
    ),
    (
        "initial_size_where_windows_decides",
        ErrorKind::Contradiction,
        "      diff_area: {volume: 'D:', maximum: 256 KiB}\n",
        "      diff_area: {volume: 'D:', initial: 80 KiB}\n  registry: {MinDiffAreaFileSize: 320}\n",
    ),
    (
        "no_client_accessible_copies_at_all",
        ErrorKind::OutOfRange,
        "  applications:",
        "  registry: {MaxShadowCopies: 0}\n  applications:",
    ),
    (
        "incident_on_an_unknown_volume",
        ErrorKind::UnknownName,
        "  applications:",
        "  incidents: [{dismount: {at: 1s, volume: 'F:'}}]\n  applications:",
    ),
    ("script_that_never_runs", ErrorKind::OutOfRange, "  - name: Backup\n", "  - name: Backup\n    repeat: 0\n"),
    ("volume_given_twice", ErrorKind::DuplicateName, "- name: 'D:'", "- name: 'c:'"),
    (
        "component_given_twice",
        ErrorKind::DuplicateName,
        "- {type: database, name: Orders}",
        "- {type: database, name: Orders}\n            - {name: orders}",
    ),
    ("file_given_twice", ErrorKind::DuplicateName, "pages: {path: 'D:\\orders.db'", "pages: {path: 'D:\\ORDERS.LOG'"),
    (
        "disk_without_bytes",
        ErrorKind::ImpossibleSize,
        "{name: Disk0, size: 4 MiB}",
        "{name: Disk0, size: 4 MiB}\n    - {name: Disk1, size: 0 B}",
    ),
    ("volume_beyond_its_disk", ErrorKind::ImpossibleSize, "size: 2 MiB", "size: 3088 KiB"),
    ("volume_without_whole_blocks", ErrorKind::ImpossibleSize, "size: 2 MiB", "size: 100 B"),
    ("larger_than_anything", ErrorKind::ImpossibleSize, "size: 4 MiB", "size: 17 TiB"),
    ("file_beyond_its_volume", ErrorKind::ImpossibleSize, "size: 4 KiB", "size: 2 MiB"),
    (
        "extents_overlap",
        ErrorKind::Overlap,
        "      size: 2 MiB",
        "      extents: [{disk: Disk0, offset: 512 KiB, length: 1 MiB}]",
    ),
    ("file_outside_of_its_volume", ErrorKind::OutsideVolume, r"'C:\boot.ini'", r"'D:\boot.ini'"),
    ("database_on_no_volume", ErrorKind::OutsideVolume, r"'D:\orders.log'", r"'E:\orders.log'"),
    (
        "size_and_extents",
        ErrorKind::Contradiction,
        "      size: 2 MiB",
        "      size: 2 MiB\n      extents: [{disk: Disk0, offset: 1 MiB, length: 1 MiB}]",
    ),
    (
        "retries_without_abort",
        ErrorKind::Contradiction,
        "{volumes: ['C:', 'D:']}",
        "{volumes: ['C:'], on_failure: continue, retries: 2}",
    ),
    (
        "forbidden_account_with_a_step_that_needs_privileges",
        ErrorKind::Contradiction,
        "    script:\n",
        "    account: 'SHOP\\guest'\n    script:\n      - privileges: backup\n",
    ),
    (
        "two_system_providers",
        ErrorKind::Contradiction,
        "    - name: System provider",
        "    - {name: Another, kind: system}\n    - name: System provider",
    ),
    (
        "document_that_is_not_there",
        ErrorKind::UnreadableFile,
        "        inline:\n          components:\n            - {type: database, name: Orders}\n",
        "        file: missing.xml\n",
    ),
    (
        "document_that_is_none",
        ErrorKind::BadDocument,
        "        inline:\n          components:\n            - {type: database, name: Orders}\n",
        "        file: wrong.xml\n",
    ),
    (
        "recursive_database",
        ErrorKind::BadDocument,
        "{type: database, name: Orders}",
        "{type: database, name: Orders, files: [{path: 'D:\\', spec: '*', recursive: true}]}",
    ),
    ("database_of_too_many_pages", ErrorKind::OutOfRange, "count: 16", "count: 49"),
    ("log_too_small", ErrorKind::OutOfRange, "size: 64 KiB", "size: 1 KiB"),
    (
        "no_room_for_whole_clusters",
        ErrorKind::ImpossibleSize,
        "- file: {path: 'C:\\boot.ini', size: 4 KiB}",
        "- tree: {path: 'C:\\t', count: 300, size: 1 B}",
    ),
    ("image_that_is_not_there", ErrorKind::UnreadableFile, "size: 2 MiB", "image: missing.qcow2"),
    ("image_without_a_name", ErrorKind::OutOfRange, "size: 2 MiB", "image: ''"),
    ("number_as_an_image", ErrorKind::NotQuoted, "size: 2 MiB", "image: 5"),
    ("unknown_key_of_an_image", ErrorKind::UnknownKey, "size: 2 MiB", "image: {fil: odd.raw}"),
    ("partition_zero", ErrorKind::OutOfRange, "size: 2 MiB", "image: {file: odd.raw, partition: 0}"),
    ("image_of_another_size", ErrorKind::ImpossibleSize, "size: 2 MiB", "size: 2 MiB\n      image: odd.raw"),
    ("image_beyond_its_disk", ErrorKind::ImpossibleSize, "size: 2 MiB", "image: large.vhdx"),
    (
        "file_beyond_its_image",
        ErrorKind::ImpossibleSize,
        "      size: 1 MiB\n      files:\n        - file: {path: 'C:\\boot.ini', size: 4 KiB}",
        "      image: odd.raw\n      files:\n        - file: {path: 'C:\\boot.ini', size: 2 MiB}",
    ),
];

/// One document, and that is wrong; two images.
struct Wrong;

impl Files for Wrong {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "wrong.xml" => Ok(b"<WRITER_METADATA\n  version='1.2'><WRONG/></WRITER_METADATA>".to_vec()),
            _ => Err("there is no such file".to_owned()),
        }
    }

    fn image_size(&self, image: &ImageSource) -> Result<u64, String> {
        match image.file.as_str() {
            "odd.raw" => Ok((1 << 20) + 512),
            "large.vhdx" => Ok(4 << 20),
            _ => Err("there is no such file".to_owned()),
        }
    }
}

/// Reads and stages.
fn staged(text: &str) -> Result<Staged, Errors> {
    Scenario::parse("small.yaml", text).and_then(|scenario| stage(&scenario, &Wrong))
}

#[test]
fn the_scenario_that_the_cases_spoil_is_good() {
    staged(GOOD).unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn every_mistake_is_reported_at_its_place() {
    let (mut shown, mut wrong) = (String::new(), String::new());
    for (name, kind, from, to) in CASES {
        assert!(GOOD.contains(from), "{name}: nothing to replace");
        let text = GOOD.replacen(from, to, 1);
        let Err(errors) = staged(&text) else {
            writeln!(wrong, "{name}: no error").unwrap();
            continue;
        };
        if errors.0.iter().all(|error| error.kind() != *kind) {
            writeln!(wrong, "{name}: not {kind:?}\n{errors}").unwrap();
        }
        if errors.0.iter().any(|error| error.line() == 0 || error.column() == 0) {
            writeln!(wrong, "{name}: no place\n{errors}").unwrap();
        }
        writeln!(shown, "## {name}\n\n{errors}").unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
    insta::assert_snapshot!(shown);
}

/// VER-008, VER-011, VER-014.
#[test]
fn what_the_release_does_not_know_is_told_with_the_first_that_does() {
    let of = |release: &str, from: &str, to: &str| {
        let text = GOOD.replacen("release: server-2019", &format!("release: {release}"), 1).replacen(from, to, 1);
        let errors = Scenario::parse("small.yaml", &text).err().map(|errors| errors.0).unwrap_or_default();
        errors.into_iter().map(|error| format!("{}: {}", error.line(), error.problem.expected)).collect::<Vec<_>>()
    };
    let inline = |release: &str, more: &str| of(release, "        inline:\n", &format!("        inline:\n{more}"));
    let component = |release: &str, more: &str| of(release, "name: Orders}", &format!("name: Orders, {more}}}"));
    let first = |line: u32, release: &str| vec![format!("{line}: {release}, which knows it first, or a later release")];
    let (server_2003, vista) = ("Windows Server 2003", "Windows Vista");
    let copy = "          schema: [copy]\n";
    assert_eq!(inline("windows-xp", copy), first(35, server_2003));
    assert_eq!(inline("server-2003", copy), [""; 0]);
    let newer = "          schema: [rollforward-restore]\n";
    assert_eq!(inline("windows-xp", newer), first(35, vista));
    assert_eq!(inline("server-2003", newer), first(35, vista));
    assert_eq!(inline("windows-vista", newer), [""; 0]);
    let files = "          exclude_from_snapshot: [{path: 'D:\\Cache', spec: '*'}]\n";
    assert_eq!(inline("server-2003", files), first(35, vista));
    assert_eq!(inline("server-2008", files), [""; 0]);

    let flag = "flags: [VSS_CF_NOT_SYSTEM_STATE]";
    assert_eq!(component("windows-xp", flag), first(36, vista));
    assert_eq!(component("server-2003", flag), first(36, vista));
    assert_eq!(component("windows-vista", flag), [""; 0]);
    assert_eq!(component("windows-xp", "flags: [VSS_CF_BACKUP_RECOVERY]"), first(36, server_2003));
    let remote = r"dependencies: [{writer: Orders Writer, logical_path: '\\SERVER2', name: Settings}]";
    assert_eq!(component("windows-xp", remote), first(36, server_2003));
    assert_eq!(component("server-2003", remote), [""; 0]);
}

#[test]
fn a_volume_without_a_size_is_as_large_as_its_image_and_the_next_one_lies_behind_it() {
    let text = GOOD.replacen("      size: 1 MiB\n", "      image: {file: odd.raw, partition: 2}\n", 1);
    let plan = staged(&text).unwrap_or_else(|errors| panic!("{errors}")).plan;
    let whole = (1 << 20) + (16 << 10);
    assert_eq!(plan.volumes[0].extents, [(0, 0, whole)]);
    assert_eq!(plan.volumes[1].extents, [(0, whole, 2 << 20)]);
    let source = ImageSource { file: "odd.raw".to_owned(), partition: Some(2) };
    assert_eq!((plan.volumes[0].image.as_ref(), plan.volumes[1].image.as_ref()), (Some(&source), None));
    let (of_image, written) = (&plan.volumes[0], &plan.volumes[1]);
    assert_eq!((of_image.diff_area_given, written.diff_area_given), (false, true));
    // Nobody is there to open the image.
    let told = vssim_sim::run::run(&Arc::new(plan), 1).unwrap_err().to_string();
    assert_eq!(told, "volume C:, image odd.raw: no images can be read here");
}

#[test]
fn every_kind_of_mistake_has_a_case() {
    let covered: BTreeSet<ErrorKind> = CASES.iter().map(|case| case.1).collect();
    let missing: Vec<_> = ErrorKind::ALL.iter().filter(|kind| !covered.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn one_reading_shows_all_mistakes_of_names_and_sizes() {
    let text = GOOD
        .replacen("application: Orders", "application: Order", 1)
        .replacen("size: 4 KiB", "size: 2 MiB", 1)
        .replacen("['C:', 'D:']", "['C:', 'E:']", 1)
        .replacen("{writer: Orders Writer,", "{writer: Order Writer,", 1);
    let errors = Scenario::parse("small.yaml", &text).unwrap_err();
    assert_eq!(errors.0.len(), 4, "{errors}");
    assert!(errors.0.windows(2).all(|pair| pair[0].line() < pair[1].line()));
}

#[test]
fn one_reading_shows_all_mistakes_of_scalars() {
    let text = GOOD.replacen("takes: 10ms", "takes: 10", 1).replacen("size: 1 MiB", "size: 1 MB", 1).replacen(
        "release: server-2019",
        "release: 2019",
        1,
    );
    let errors = Scenario::parse("small.yaml", &text).unwrap_err();
    assert_eq!(errors.0.len(), 3, "{errors}");
}

#[test]
fn a_byte_order_mark_shifts_no_column() {
    let text = format!("\u{feff}{}", GOOD.replacen("format: 1", "format: 2", 1));
    let errors = Scenario::parse("small.yaml", &text).unwrap_err();
    assert_eq!((errors.0[0].line(), errors.0[0].column()), (1, 9));
}

#[test]
fn a_mistake_behind_an_alias_is_shown_where_it_is_used() {
    let text = GOOD.replacen("name: HOST", "name: &x 'Order'", 1).replacen("application: Orders", "application: *x", 1);
    let errors = Scenario::parse("small.yaml", &text).unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
    let line = text.lines().position(|line| line.contains("*x")).unwrap() + 1;
    assert_eq!(errors.0[0].line() as usize, line);
}

#[test]
fn a_call_that_must_fail_may_name_what_does_not_exist() {
    let step = |expect: &str| {
        GOOD.replacen(
            "- backup: {volumes: ['C:', 'D:']}",
            &format!(r"- AddToSnapshotSet: {{volume: 'X:\'{expect}}}"),
            1,
        )
    };
    assert!(Scenario::parse("small.yaml", &step("")).is_err());
    assert!(Scenario::parse("small.yaml", &step(", expect: VSS_E_OBJECT_NOT_FOUND")).is_ok());
}
