//! Volumes that begin as images, and images that a run leaves.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SCENARIO: &str = r"format: 1
name: stays
title: A shadow copy that stays
release: server-2019
machine:
  name: HOST
  disks:
    - {name: Disk0, size: 8 MiB}
  volumes:
    - name: 'C:'
      size: 4 MiB
      files:
        - file: {path: 'C:\first.bin', size: 64 KiB}
requesters:
  - name: Backup
    script:
      - backup: {volumes: ['C:'], context: VSS_CTX_NAS_ROLLBACK}
";

fn vssim(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vssim")).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs well, and gives what was printed.
fn shown(folder: &Path, arguments: &[&str]) -> String {
    let out = vssim(folder, arguments);
    assert_eq!(out.status.code(), Some(0), "{arguments:?}: {}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout)
}

/// What stands on standard error beside exit code 2.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let out = vssim(folder, arguments);
    assert_eq!(out.status.code(), Some(2), "{arguments:?}: {}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stderr)
}

/// The scenario with the volume's size replaced, and another file.
fn begins_with(image: &str) -> String {
    SCENARIO.replace("      size: 4 MiB\n", &format!("      image: {image}\n")).replace("first.bin", "second.bin")
}

#[test]
fn a_run_leaves_an_image_that_the_next_one_begins_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("first.yaml"), SCENARIO).unwrap();
    let told = shown(folder, &["run", "first.yaml", "--image", "first.raw"]);
    assert!(told.contains("first.raw: volume C:, 4194304 bytes, 1 shadow copy"), "{told}");
    let image = fs::read(folder.join("first.raw")).unwrap();
    assert_eq!((image.len(), &image[3..11]), (4 << 20, b"NTFS    ".as_slice()));
    assert_eq!(image[0x1e00..0x1e04], [0x6b, 0x87, 0x08, 0x38]);
    fs::create_dir(folder.join("below")).unwrap();
    fs::write(folder.join("below/second.yaml"), begins_with("../first.raw")).unwrap();
    // Another seed, for another id.
    let told = shown(folder, &["run", "below/second.yaml", "--image", "second.raw", "--seed", "2"]);
    assert!(told.contains("second.raw: volume C:, 4194304 bytes, 2 shadow copies"), "{told}");
    assert_eq!(fs::read(folder.join("first.raw")).unwrap(), image);
}

#[test]
fn several_volumes_leave_an_image_each_and_none_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = ["run", "full-backup", "--image", "OUT.raw"];
    let told = shown(folder, &arguments);
    assert!(told.contains("OUT.C.raw: volume C:") && told.contains("OUT.D.raw: volume D:"), "{told}");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["OUT.C.raw", "OUT.D.raw"]);
    fs::write(folder.join("OUT.D.raw"), "before").unwrap();
    let told = refused(folder, &arguments);
    assert!(told.contains("OUT.C.raw exists already") && told.contains("--force"), "{told}");
    assert_eq!(fs::read(folder.join("OUT.D.raw")).unwrap(), b"before");
    let json = vssim(folder, &[&arguments[..], &["--force", "--format", "json"]].concat());
    assert_eq!(json.status.code(), Some(0));
    assert!(serde_json::from_slice::<serde_json::Value>(&json.stdout).is_ok());
    assert!(text(&json.stderr).contains("OUT.D.raw: volume D:, 12582912 bytes, 0 shadow copies"));
    assert_eq!(fs::metadata(folder.join("OUT.D.raw")).unwrap().len(), 12 << 20);
}

#[cfg(unix)]
#[test]
fn zeros_of_a_volume_take_no_room_in_its_image() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.yaml"), SCENARIO.replace("4 MiB", "512 MiB").replace("8 MiB", "512 MiB")).unwrap();
    shown(folder.path(), &["run", "s.yaml", "--image", "s.raw"]);
    let facts = fs::metadata(folder.path().join("s.raw")).unwrap();
    assert!(facts.len() == 512 << 20 && facts.blocks() * 512 < 2 << 20, "{} bytes on the disk", facts.blocks() * 512);
}

#[test]
fn an_image_that_cannot_be_read_is_shown_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("noise.raw"), [7; 40_000]).unwrap();
    fs::write(folder.join("cut.qcow2"), b"QFI\xfb and no more").unwrap();
    fs::write(folder.join("first.yaml"), SCENARIO).unwrap();
    shown(folder, &["run", "first.yaml", "--image", "first.raw"]);
    for (image, words) in [
        ("none.raw", &["none.raw", "No such file"][..]),
        (".", &["is a folder"]),
        ("noise.raw", &["neither with an NTFS volume nor with a partition table"]),
        ("cut.qcow2", &["offset"]),
        ("{file: first.raw, partition: 3}", &["there is no partition 3 among 1"]),
        ("first.raw\n      size: 2 MiB", &["the image has 4194304 B and volume `C:` has 2097152 B"]),
    ] {
        fs::write(folder.join("s.yaml"), begins_with(image)).unwrap();
        let told = refused(folder, &["run", "s.yaml"]);
        for word in ["s.yaml:1"].iter().chain(words) {
            assert!(told.contains(word), "{image}: `{word}` is missing in\n{told}");
        }
    }
}
