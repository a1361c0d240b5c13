//! Backups that one run of the program saves and another one loads.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn vssim(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vssim")).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs, and expects this exit code; both outputs as one text.
#[track_caller]
fn shown(folder: &Path, arguments: &[&str], code: i32) -> String {
    let out = vssim(folder, arguments);
    let told = format!("{}{}", text(&out.stdout), text(&out.stderr));
    assert_eq!(out.status.code(), Some(code), "{arguments:?}\n{told}");
    assert!(!told.contains("panicked"), "{told}");
    told
}

/// A folder with what `vssim run backup` saves, as `monday`.
fn monday() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    shown(folder.path(), &["run", "backup", "--save", "monday", "--brief"], 0);
    folder
}

/// All files below a folder, by name.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            all.insert(path, bytes);
        }
    }
    all
}

/// What is in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Changes the manifest, and gives what loading it then says.
#[track_caller]
fn told_of(from: &str, to: &str) -> String {
    let folder = monday();
    let path = folder.path().join("monday/store.json");
    let manifest = fs::read_to_string(&path).unwrap();
    assert!(manifest.contains(from), "{from}");
    fs::write(&path, manifest.replacen(from, to, 1)).unwrap();
    shown(folder.path(), &["run", "restore", "--load", "monday"], 2)
}

/// Whether all bytes of a file lie on the image of a volume, in one piece; files begin with a cluster.
fn lies_on(image: &[u8], bytes: &[u8]) -> bool {
    (0..image.len()).step_by(4096).any(|at| image.get(at..).unwrap().starts_with(bytes))
}

#[test]
fn files_come_back_from_a_saved_store_byte_for_byte() {
    let folder = monday();
    shown(folder.path(), &["run", "restore", "--load", "monday", "--seed", "9", "--image", "d.img"], 0);
    let image = fs::read(folder.path().join("d.img")).unwrap();
    let stored = files(&folder.path().join("monday"));
    let stored = stored.iter().filter(|(path, _)| path.extension().unwrap() == "bin");
    let sizes: Vec<(usize, bool)> = stored.map(|(_, bytes)| (bytes.len() >> 10, lies_on(&image, bytes))).collect();
    // Of the full backup customers.db; order book and journal as the incremental one has them.
    assert_eq!(sizes, [(100, true), (200, false), (300, false), (200, true), (320, true)]);
}

#[test]
fn a_restored_machine_backs_up_the_same_bytes_again() {
    let folder = monday();
    let scenario = shown(folder.path(), &["list", "--show", "restore"], 0);
    // The machine of the lesson, which makes a backup of what it restored.
    let again = scenario.replace(
        "requesters:\n",
        "requesters:\n  - name: Again\n    starts_at: 1h\n    script: [{backup: {volumes: ['D:']}}]\n",
    );
    assert_ne!(scenario, again);
    fs::write(folder.path().join("again.yaml"), again).unwrap();
    shown(folder.path(), &["run", "again.yaml", "--load", "monday", "--save", "tuesday"], 0);
    let bytes = |backup: &str| {
        let all = files(&folder.path().join(backup).join("files"));
        let mut all: Vec<Vec<u8>> = all.into_values().collect();
        all.sort();
        all
    };
    let (full, incremental) = (bytes("monday/backup-0001"), bytes("monday/backup-0002"));
    // customers.db is in the full backup alone, order book and journal are the newer ones.
    let customers = full.iter().find(|bytes| bytes.len() == 100 * 1024).unwrap();
    let mut wanted = [incremental, vec![customers.clone()]].concat();
    wanted.sort();
    assert!(bytes("tuesday/backup-0003") == wanted);
}

#[test]
fn a_store_that_is_loaded_and_saved_is_the_same_one() {
    let folder = monday();
    shown(folder.path(), &["run", "restore", "--load", "monday", "--save", "tuesday"], 0);
    let bytes = |name: &str| files(&folder.path().join(name)).into_values().collect::<Vec<_>>();
    assert!(bytes("monday") == bytes("tuesday"));
    // Into its own place too.
    let before = bytes("monday");
    let refused = shown(folder.path(), &["run", "restore", "--load", "monday", "--save", "monday"], 2);
    assert!(refused.contains("monday exists already\n  --force replaces it"), "{refused}");
    shown(folder.path(), &["run", "restore", "--load", "monday", "--save", "monday", "--force"], 0);
    assert!(bytes("monday") == before);
    assert_eq!(names(folder.path()), ["monday", "tuesday"]);
}

/// A backup of a machine whose express writer's metadata have a fault, so that nothing of it can be added.
const FAULTY: &str = r#"format: 1
name: faulty
title: Faulty
teaches: Express metadata with a fault.
release: server-2022
machine:
  name: SERVER1
  disks: [{name: Disk0, size: 8 MiB}]
  volumes: [{name: 'D:', size: 8 MiB, files: [{file: {path: 'D:\Index\a', size: 20 KiB, seed: 1}}]}]
  writers:
    - {name: One, metadata: {inline: {restore: {method: restore-if-can-replace}, components: [{name: Index, selectable: true, files: [{path: 'D:\Index', spec: '*'}]}]}}}
requesters:
  - name: Express
    script:
      - call: {method: CreateVssExpressWriter, as: e}
      - call: {method: IVssExpressWriter::LoadMetadata, on: $e, with: {metadata: '<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2"><IDENTIFICATION writerId="6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c" instanceId="c3cf83ea-ac51-4011-8736-44d4bc0a2eda" friendlyName="Old" usage="SYSTEM_SERVICE" dataSource="OTHER" majorVersion="1" minorVersion="0"/><RESTORE_METHOD method="RESTORE_IF_CAN_BE_REPLACED" writerRestore="never" rebootRequired="no"/><BACKUP_LOCATIONS><FILE_GROUP componentName="Settings" restoreMetadata="no" notifyOnBackupComplete="no" selectable="perhaps" selectableForRestore="yes" componentFlags="0"/></BACKUP_LOCATIONS></WRITER_METADATA>'}}
      - call: {method: IVssExpressWriter::Register, on: $e, expect: S_OK}
  - {name: Backup, starts_at: 10s, script: [{backup: {volumes: ['D:']}}]}
expect: {}
"#;

#[test]
fn a_document_with_a_fault_inside_is_saved_and_loaded_as_it_was_gathered() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("faulty.yaml"), FAULTY).unwrap();
    shown(folder.path(), &["run", "faulty.yaml", "--save", "monday"], 0);
    shown(folder.path(), &["run", "faulty.yaml", "--load", "monday", "--save", "tuesday"], 0);
    let first = files(&folder.path().join("monday/backup-0001")).into_values().collect::<Vec<_>>();
    assert!(first.iter().any(|bytes| String::from_utf8_lossy(bytes).contains("perhaps")));
    assert!(first == files(&folder.path().join("tuesday/backup-0001")).into_values().collect::<Vec<_>>());
}

#[test]
fn what_could_not_be_loaded_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = shown(folder.path(), &["list", "--show", "backup"], 0);
    let scenario = scenario.split("\nexpect:").next().unwrap();
    for (length, code) in [(32_767, 0), (32_768, 2)] {
        let stamp = format!("text: {}}}", "g".repeat(length));
        let changed = scenario.replacen("text: generation}", &stamp, 1);
        assert_ne!(changed, scenario);
        fs::write(folder.path().join("stamp.yaml"), format!("{changed}\nexpect: {{}}\n")).unwrap();
        let told = shown(folder.path(), &["run", "stamp.yaml", "--save", &format!("{length}"), "--brief"], code);
        let why = ": a text is longer than 32767 bytes";
        let refused = told.contains("error: 32768 cannot be loaded again: store.json:") && told.contains(why);
        assert_eq!(refused, code == 2, "{told}");
    }
    shown(folder.path(), &["run", "backup", "--load", "32767", "--brief"], 0);
    assert_eq!(names(folder.path()), ["32767", "stamp.yaml"]);
}

#[test]
fn what_the_registry_keeps_out_is_not_restored_either() {
    let folder = monday();
    let scenario = shown(folder.path(), &["list", "--show", "restore"], 0);
    let registry =
        "machine:\n  registry: {FilesNotToBackup: {Journals: ['\\Orders\\*.log'], Orders Writer: ['D:\\Orders\\*']}}\n";
    let (start, _) = scenario.split_once("\nexpect:").unwrap();
    let expect =
        "expect:\n  files: [{path: 'D:\\Orders\\orders.db', seed: 5}]\n  no_files: ['D:\\Orders\\journal.log']\n";
    let text = format!("{}\n{expect}", start.replacen("machine:\n", registry, 1));
    fs::write(folder.path().join("kept-out.yaml"), text).unwrap();
    shown(folder.path(), &["run", "kept-out.yaml", "--load", "monday"], 0);
    // The journal was there to be restored.
    let told = shown(folder.path(), &["run", "restore", "--load", "monday"], 0);
    assert!(told.contains(r"D:\Orders\journal.log"), "{told}");
}

#[test]
fn an_expectation_of_a_file_that_is_not_met_says_what_was_found() {
    let folder = monday();
    let scenario = shown(folder.path(), &["list", "--show", "restore"], 0);
    for (from, to, why) in [
        ("size: 320 KiB, seed: 5", "size: 321 KiB, seed: 5", "it has 327680 B, expected 328704 B"),
        ("size: 320 KiB, seed: 5", "size: 320 KiB, seed: 6", "byte 0 is not the expected one"),
        ("length: 1000 B, seed: 6", "length: 999 B, seed: 6", "byte 66535 is not the expected one"),
        (r"no_files: ['D:\Orders\session.tmp']", r"no_files: ['D:\Orders\orders.db']", "it is there, with 327680 B"),
        (r"- {path: 'D:\Orders\customers.db', size", r"- {path: 'D:\Orders\nobody.db', size", "there is no such file"),
    ] {
        assert!(scenario.contains(from), "{from}");
        fs::write(folder.path().join("wrong.yaml"), scenario.replacen(from, to, 1)).unwrap();
        let told = shown(folder.path(), &["run", "wrong.yaml", "--load", "monday"], 1);
        assert!(told.contains(why), "{why}\n{told}");
    }
}

#[test]
fn a_store_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = shown(folder.path(), &["run", "restore", "--load", "monday"], 2);
    assert_eq!(told, "error: there is no folder monday\n  `vssim run backup --save monday` makes a store\n");
    fs::write(folder.path().join("monday"), "no folder").unwrap();
    let told = shown(folder.path(), &["run", "restore", "--load", "monday"], 2);
    assert!(told.contains("error: monday/store.json: cannot be read: "), "{told}");
}

#[test]
fn nothing_but_a_store_is_written_over() {
    let folder = monday();
    let before = files(folder.path());
    let told = shown(folder.path(), &["run", "backup", "--save", "monday"], 2);
    assert!(told.contains("error: monday exists already\n  --force replaces it"), "{told}");
    assert!(files(folder.path()) == before);
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir(folder.path().join("thesis")).unwrap();
    fs::write(folder.path().join("thesis/thesis.txt"), "years of work").unwrap();
    for (name, why) in [("empty", "store.json cannot be read"), ("thesis", "store.json cannot be read")] {
        for force in [&["--force"][..], &[]] {
            let arguments = [&["run", "backup", "--save", name], force].concat();
            let told = shown(folder.path(), &arguments, 2);
            assert!(
                told.contains(&format!("error: {name} exists already and is no store of backups: {why}")),
                "{told}"
            );
        }
    }
    assert_eq!(fs::read_to_string(folder.path().join("thesis/thesis.txt")).unwrap(), "years of work");
    // Nothing ran before it was refused.
    assert!(!told.contains("COMMIT INSTANT"), "{told}");
}

#[test]
fn each_missing_file_of_a_store_is_named() {
    let folder = monday();
    let store = folder.path().join("monday");
    for (path, bytes) in files(&store) {
        fs::remove_file(&path).unwrap();
        let told = shown(folder.path(), &["run", "restore", "--load", "monday"], 2);
        let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
        assert!(told.contains(&format!("error: {name}: cannot be read: ")), "{told}");
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn each_damaged_file_of_a_store_is_named_and_nothing_of_it_restored() {
    let folder = monday();
    let store = folder.path().join("monday");
    for (path, bytes) in files(&store).into_iter().filter(|(path, _)| !path.ends_with("store.json")) {
        let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for (damaged, why) in [(damaged, "it is damaged: its SHA-256"), (bytes[1..].to_vec(), "it ")] {
            fs::write(&path, damaged).unwrap();
            let told = shown(folder.path(), &["run", "restore", "--load", "monday", "--trace", "t"], 2);
            assert!(told.contains(&format!("error: {name}: {why}")), "{told}");
            assert!(!folder.path().join("t").exists());
        }
        fs::write(&path, bytes).unwrap();
    }
    shown(folder.path(), &["run", "restore", "--load", "monday"], 0);
}

#[test]
fn no_name_in_a_store_leads_outside() {
    let name = r"D:\\Orders\\customers.db";
    let told = told_of(name, r"D:\\..\\..\\Windows\\system.ini");
    assert!(told.contains("error: monday/store.json:") && told.contains("`.` and `..` are not names"), "{told}");
    let told = told_of(name, r"\\\\.\\PhysicalDrive0\\x");
    assert!(told.contains("a path does not begin with the name of a volume"), "{told}");
    // Files of the folder have numbers, not names.
    let told = told_of(r#""number": 1"#, r#""number": "../../../etc/passwd""#);
    assert!(told.contains("invalid type: string"), "{told}");
}

#[cfg(unix)]
#[test]
fn links_in_a_store_are_not_followed() {
    use std::os::unix::fs::symlink;
    let folder = monday();
    let store = folder.path().join("monday");
    for path in files(&store).into_keys() {
        let aside = folder.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        symlink(&aside, &path).unwrap();
        let told = shown(folder.path(), &["run", "restore", "--load", "monday"], 2);
        let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
        assert!(
            told.contains(&format!("error: {name}: is a link or behind one, and links are not followed")),
            "{told}"
        );
        fs::rename(&aside, &path).unwrap();
    }
}

/// The program where no file may have more than 32 KiB; with the signal for that ignored, writing fails, else it kills.
#[cfg(target_os = "linux")]
fn with_small_files(folder: &Path, ignored: bool, arguments: &str) -> Output {
    let trap = if ignored { "trap '' XFSZ; " } else { "" };
    let script = format!("{trap}ulimit -f 64; exec \"$0\" {arguments}");
    Command::new("sh").args(["-c", &script]).arg(env!("CARGO_BIN_EXE_vssim")).current_dir(folder).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_save_that_fails_leaves_nothing_and_the_old_store_whole() {
    let folder = tempfile::tempdir().unwrap();
    let out = with_small_files(folder.path(), true, "run backup --save monday");
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("error: cannot write monday: "), "{}", text(&out.stderr));
    assert_eq!(names(folder.path()), [""; 0]);
    let folder = monday();
    let before = files(folder.path());
    let out = with_small_files(folder.path(), true, "run backup --save monday --force");
    assert_eq!(out.status.code(), Some(2));
    assert!(files(folder.path()) == before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_save_that_is_killed_leaves_no_half_store_under_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = with_small_files(folder.path(), false, "run backup --save monday");
    assert_eq!(out.status.code(), None, "{}", text(&out.stderr));
    let left = names(folder.path());
    assert!(left.iter().all(|name| name.starts_with(".vssim-")), "{left:?}");
    shown(folder.path(), &["run", "backup", "--save", "monday"], 0);
    shown(folder.path(), &["run", "restore", "--load", "monday"], 0);
}
