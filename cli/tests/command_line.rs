//! The program as a user starts it: exit codes, files, errors.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn vssim(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vssim")).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_full_backup_goes_as_expected() {
    let folder = folder();
    let out = vssim(folder.path(), &["run", "full-backup"]);
    let shown = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{shown}\n{}", text(&out.stderr));
    for word in ["COMMIT INSTANT", "writes held", "VSS_WS_WAITING_FOR_THAW", "Writer name: ", "upheld"] {
        assert!(shown.contains(word), "{word} is missing in\n{shown}");
    }
}

#[test]
fn one_seed_gives_the_same_trace_and_another_one_the_same_verdict() {
    let folder = folder();
    for (seed, file) in [("7", "a"), ("7", "b"), ("8", "c")] {
        let out = vssim(folder.path(), &["run", "full-backup", "--seed", seed, "--trace", file]);
        assert_eq!(out.status.code(), Some(0));
    }
    let read = |file: &str| fs::read(folder.path().join(file)).unwrap();
    assert_eq!(read("a"), read("b"));
    assert_ne!(read("a"), read("c"));
    let verdict = |file: &str| text(&vssim(folder.path(), &["check", file, "--brief"]).stdout);
    let lines = |file: &str| verdict(file).lines().next().map(str::to_owned);
    assert_eq!(lines("a"), lines("c"));
}

#[test]
fn a_trace_is_judged_later_as_after_the_run() {
    let folder = folder();
    let run = vssim(folder.path(), &["run", "full-backup", "--trace", "t", "--format", "json"]);
    let check = vssim(folder.path(), &["check", "t", "--format", "json"]);
    assert_eq!((run.status.code(), check.status.code()), (Some(0), Some(0)));
    let verdicts = |out: &Output| {
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        json["verdicts"].clone()
    };
    assert!(verdicts(&run).is_array() || verdicts(&run).is_object());
    assert_eq!(verdicts(&run), verdicts(&check));
}

#[test]
fn a_ready_scenario_can_be_printed_changed_and_run() {
    let folder = folder();
    let listed = text(&vssim(folder.path(), &["list"]).stdout);
    assert!(listed.lines().any(|line| line.starts_with("  full-backup ")), "{listed}");
    let shown = vssim(folder.path(), &["list", "--show", "full-backup"]).stdout;
    fs::write(folder.path().join("mine.yaml"), shown).unwrap();
    let out = vssim(folder.path(), &["run", "mine.yaml", "--junit", "report.xml"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(fs::read_to_string(folder.path().join("report.xml")).unwrap().contains("<testsuite"));
}

#[test]
fn what_rests_on_a_requirement_is_told() {
    let folder = folder();
    let told = |id: &str| text(&vssim(folder.path(), &["rules", id]).stdout);
    let of_a_rule = told("BKP-ORD-001");
    assert!(of_a_rule.contains("Rules that rest on it\n  initialize-before-anything-else: "), "{of_a_rule}");
    assert!(of_a_rule.contains("State tables that rest on it (`vssim graph`)\n  requester\n"), "{of_a_rule}");
    let shown = told("RST-LOC-001");
    assert!(shown.contains("Scenarios that show it\n") || shown.contains("No scenario exercises it\n"), "{shown}");
}

#[test]
fn scenarios_are_listed_by_subject() {
    let folder = folder();
    let of_restores = text(&vssim(folder.path(), &["list", "restore"]).stdout);
    assert!(of_restores.starts_with("restore: which files come back, and to where\n\n  "), "{of_restores}");
    assert!(of_restores.contains("at-reboot ") && !of_restores.contains("full-backup "), "{of_restores}");
    let lessons = text(&vssim(folder.path(), &["list"]).stdout);
    assert!(!lessons.contains("freeze-by-level"), "{lessons}");
    assert!(text(&vssim(folder.path(), &["list", "--broken"]).stdout).contains("\n\nbroken: "));
}

#[test]
fn an_expectation_that_is_not_met_gives_exit_code_1() {
    let folder = folder();
    let shown = text(&vssim(folder.path(), &["list", "--show", "full-backup"]).stdout);
    let wrong = shown.replace("outcome: succeeded", "outcome: failed");
    assert_ne!(shown, wrong);
    fs::write(folder.path().join("wrong.yaml"), wrong).unwrap();
    assert_eq!(vssim(folder.path(), &["run", "wrong.yaml"]).status.code(), Some(1));
}

#[test]
fn bad_input_gives_exit_code_2_and_says_where_and_what() {
    let folder = folder();
    fs::write(folder.path().join("bad.yaml"), "format: 1\nname: x\nrelese: server-2022\n").unwrap();
    fs::write(folder.path().join("bad.trace"), "{\"format\":9}\n").unwrap();
    for (arguments, words) in [
        (&["run", "ful-backup"][..], &["ful-backup", "did you mean `full-backup`"][..]),
        (&["run", "bad.yaml"], &["bad.yaml:3:1", "relese", "release"]),
        (&["check", "bad.trace"], &["bad.trace:1:"]),
        (&["check", "none.trace"], &["none.trace"]),
        (&["graph", "writr"], &["writer"]),
        (&["rules", "freeze-by-levl"], &["freeze-by-level"]),
        (&["rules", "RST-MHT-012"], &["RST-MTH-012"]),
        (&["list", "restor"], &["did you mean `restore`", "complaints, contexts"]),
        (&["search", "--defect", "lock_kep"], &["lock_kept"]),
        (&["run", "full-backup", "--trace", "no/such/folder/t"], &["no/such/folder/t"]),
    ] {
        let out = vssim(folder.path(), arguments);
        let told = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{arguments:?}: {told}");
        for word in words {
            assert!(told.contains(word), "{arguments:?}: `{word}` is missing in\n{told}");
        }
        assert!(!told.contains("panicked"), "{told}");
    }
    assert_eq!(vssim(folder.path(), &["fly"]).status.code(), Some(2));
}

#[test]
fn nothing_is_left_half_written() {
    let folder = folder();
    fs::write(folder.path().join("t"), "before").unwrap();
    assert_eq!(vssim(folder.path(), &["run", "full-backup", "--trace", "t"]).status.code(), Some(0));
    let names: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["t"]);
    assert!(fs::read_to_string(folder.path().join("t")).unwrap().starts_with("{\"format\":1"));
}

#[test]
fn state_machines_print_as_dot_mermaid_and_matrix() {
    let folder = folder();
    for table in ["writer", "provider", "requester", "snapshot"] {
        for (format, word) in [("dot", "digraph"), ("mermaid", "flowchart"), ("matrix", "|")] {
            let out = vssim(folder.path(), &["graph", table, "--format", format]);
            assert_eq!(out.status.code(), Some(0));
            assert!(text(&out.stdout).contains(word), "{table} {format}");
        }
    }
}

#[test]
fn a_search_prints_a_path_that_replays() {
    let folder = folder();
    let out = vssim(folder.path(), &["search", "--defect", "lock_kept", "--no-vetoes"]);
    assert_eq!(out.status.code(), Some(1));
    let told = text(&out.stdout);
    let path = told.split("--replay ").nth(1).unwrap().trim().to_owned();
    let replayed = vssim(folder.path(), &["search", "--defect", "lock_kept", "--no-vetoes", "--replay", &path]);
    assert_eq!(replayed.status.code(), Some(1));
    assert!(text(&replayed.stdout).contains("nothing-left-behind"));
    let clean = vssim(folder.path(), &["search", "--no-vetoes"]);
    assert_eq!(clean.status.code(), Some(0));
    assert!(text(&clean.stdout).contains("every invariant holds"));
}

#[test]
fn many_rules_without_an_occasion_are_counted_and_named_on_request() {
    let folder = folder();
    let told = |arguments: &[&str]| text(&vssim(folder.path(), arguments).stdout);
    let (short, long) = (told(&["run", "restore"]), told(&["run", "restore", "--verbose"]));
    assert!(short.contains(" rules; --verbose names them"), "{short}");
    assert!(!short.contains("freeze-by-level"));
    assert!(long.contains("· freeze-by-level: "));
}

/// What the README shows is what the program prints, line for line and in this order.
#[test]
fn the_readme_shows_what_the_program_prints() {
    let folder = folder();
    let printed = text(&vssim(folder.path(), &["run", "full-backup"]).stdout);
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let shown = readme.split("## A first look").nth(1).unwrap().split("```").nth(1).unwrap();
    let mut lines = printed.lines();
    for line in shown.lines().filter(|line| !line.trim().is_empty() && line.trim() != "⋮") {
        assert!(lines.any(|printed| printed == line), "not printed, or not in this order:\n{line}");
    }
}

#[test]
fn no_power_cut_in_the_ready_scenarios_makes_a_shadow_copy_wrong() {
    let folder = folder();
    let out = vssim(folder.path(), &["power-cut", "--seed", "3"]);
    let shown = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{shown}\n{}", text(&out.stderr));
    assert_eq!(shown.lines().filter(|line| line.trim() == "wrong: 0").count(), 6, "{shown}");
    // Every rule by which a copy may be gone has its occasion, but for the last: there is room enough.
    for word in ["intact", "not yet created", "deleted", "open for its writers"] {
        assert!(shown.contains(word), "{word} is missing in\n{shown}");
    }
    assert_eq!(text(&out.stderr), "", "progress is for terminals");
}

#[test]
fn a_power_cut_that_makes_a_shadow_copy_wrong_is_named_and_fails() {
    let folder = folder();
    let ready = text(&vssim(folder.path(), &["list", "--show", "power-cut-full-backup"]).stdout);
    let faulty = ready.replace("\nrequesters:", "  kernel:\n    faults:\n      lost_blocks: ['D:']\n\nrequesters:");
    assert_ne!(faulty, ready);
    fs::write(folder.path().join("faulty.yaml"), faulty).unwrap();
    let out = vssim(folder.path(), &["power-cut", "faulty.yaml"]);
    let shown = text(&out.stdout);
    assert_eq!(out.status.code(), Some(1), "{shown}\n{}", text(&out.stderr));
    for word in ["power cut after event ", "block ", " is wrong in shadow copy "] {
        assert!(shown.contains(word), "{word} is missing in\n{shown}");
    }
    assert_eq!(vssim(folder.path(), &["power-cut", "power-cut-grwth"]).status.code(), Some(2));
}

#[test]
fn a_document_is_checked_and_its_faults_are_told_with_their_place() {
    let folder = folder();
    let good = r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2">
<IDENTIFICATION writerId="a6ad56c2-b509-4e6c-bb19-49d8f43532f0" instanceId="e795e5ac-50b0-4127-ab18-6b09138b6669" friendlyName="W" usage="USER_DATA" dataSource="OTHER"/>
<RESTORE_METHOD method="CUSTOM" writerRestore="never" rebootRequired="no"/>
<BACKUP_LOCATIONS><FILE_GROUP componentName="A" restoreMetadata="no" notifyOnBackupComplete="no" selectable="no"><FILE_LIST path="C:\A" filespec="*"/></FILE_GROUP></BACKUP_LOCATIONS>
</WRITER_METADATA>"#;
    let backup = r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata" version="1.2" backupType="full"/>"#;
    let checked = |text: &str| {
        fs::write(folder.path().join("d.xml"), text).unwrap();
        let out = vssim(folder.path(), &["check", "d.xml"]);
        (out.status.code(), text_of(&out))
    };
    assert_eq!(checked(good), (Some(0), "d.xml: a Writer Metadata Document without faults: 1 components\n".to_owned()));
    let (code, shown) = checked(backup);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("a Backup Components Document without faults"), "{shown}");
    let (code, shown) = checked(&good.replace("USER_DATA", "USERDATA"));
    assert_eq!(code, Some(2));
    assert!(
        shown.starts_with("error: d.xml:2:139: `USERDATA` is no value of `usage`; did you mean `USER_DATA`?"),
        "{shown}"
    );
    let (code, shown) = checked(&good.replace("USER_DATA", "UNDEFINED"));
    assert_eq!((code, shown.contains("must    the usage is VSS_UT_UNDEFINED")), (Some(1), true), "{shown}");
    let (code, shown) = checked("<HTML/>");
    assert_eq!((code, shown.contains("the document is `HTML`")), (Some(2), true), "{shown}");
}

fn text_of(out: &Output) -> String {
    text(&out.stdout) + &text(&out.stderr)
}

#[test]
fn what_is_expected_of_several_requesters_is_told_apart_by_their_names() {
    let folder = folder();
    let out = vssim(folder.path(), &["run", "backups-at-once", "--junit", "junit.xml"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let junit = fs::read_to_string(folder.path().join("junit.xml")).unwrap();
    for name in ["\"Slow: BackupComplete answers S_OK\"", "\"Quick: BackupComplete answers S_OK\""] {
        assert_eq!(junit.matches(name).count(), 1, "{name} in\n{junit}");
    }
}

#[test]
fn two_backups_at_once_are_told_apart_and_express_writers_are_listed() {
    let folder = folder();
    for (scenario, words) in [
        ("backups-at-once", "Freeze for Quick → TRUE"),
        ("backups-at-once", "for Quick: VSS_WS_STABLE → VSS_WS_WAITING_FOR_FREEZE"),
        ("backups-at-once", "   For Quick, over at 300.000 s: [12] Failed, Retryable error\n"),
        ("express-writer-backed-up", "AddComponent(Print Settings\\Settings)"),
        ("express-writer-backed-up", "Writer name: 'Print Settings'"),
    ] {
        let shown = text(&vssim(folder.path(), &["run", scenario]).stdout);
        assert!(shown.contains(words), "{words} is missing in\n{shown}");
    }
    // It was unregistered, and registered again in its next version: another instance.
    let shown = text(&vssim(folder.path(), &["run", "express-writer-unregistered"]).stdout);
    assert_eq!(shown.matches("Writer name: 'Print Settings'").count(), 1, "{shown}");
}
