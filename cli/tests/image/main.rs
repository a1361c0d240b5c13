//! `vssim image` as a user starts it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

mod builder;
#[path = "../../../tests/src/corpus.rs"]
#[allow(unreachable_pub, reason = "another crate's module: it finds the corpus in one way")]
mod corpus;
#[path = "../../../tests/src/files.rs"]
#[allow(dead_code, unreachable_pub, reason = "another crate's module, of which one function is used")]
mod files;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use sha2::{Digest, Sha256};

use builder::{Saved, put};

const BLOCK: u64 = 16_384;

/// The oldest copy saved block 16, the newer one block 17.
const COPIES: [Saved; 2] = [Saved { store: 0, block: 16, was: b'A' }, Saved { store: 1, block: 17, was: b'B' }];

fn vssim(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vssim")).arg("image").args(arguments).current_dir(folder).output().unwrap()
}

/// What it prints; it has to end with this code, and says nothing on standard error unless it complains.
fn shown(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let out = vssim(folder, arguments);
    let (told, complained) = (text(&out.stdout), text(&out.stderr));
    assert_eq!(out.status.code(), Some(code), "{arguments:?}: {told}\n{complained}");
    assert!(!complained.contains("panicked"), "{complained}");
    assert_eq!(code == 2, !complained.is_empty(), "{complained}");
    if code == 2 { complained } else { told }
}

fn json(folder: &Path, code: i32, arguments: &[&str]) -> serde_json::Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    serde_json::from_str(&shown(folder, code, &arguments)).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder with `vol.raw`: a volume with two copies.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vol.raw"), builder::volume(&COPIES)).unwrap();
    folder
}

fn has_all(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in\n{text}");
    }
}

#[test]
fn info_tells_of_the_volume_and_of_each_copy() {
    let folder = folder();
    let told = shown(folder.path(), 0, &["info", "vol.raw"]);
    has_all(&told, &["vol.raw: raw, 4,194,304 bytes (4.0 MiB)", "Volume 1 at offset 0x0", "on the volume itself"]);
    has_all(&told, &["at 0x80000, 4 blocks", "1,048,576 bytes (1.0 MiB)", "Copy 1", "Copy 2", "SRV01"]);
    has_all(&told, &["2021-03-10 22:44:00.5147567 UTC", "00000000-0000-0000-0000-000000005001"]);
    has_all(&told, &["0x00000009 VSS_CTX_APP_ROLLBACK", "VSS_VOLSNAP_ATTR_DIFFERENTIAL", "Blocks saved      1"]);
    let json = json(folder.path(), 0, &["info", "vol.raw"]);
    assert_eq!(json["volumes"][0]["copies"][1]["snapshot_id"], builder::snapshot_id(1).to_string());
    assert_eq!(json["volumes"][0]["copies"][0]["created"], "2021-03-10T22:44:00.5147567Z");
    assert_eq!(json["volumes"][0]["shadow_storage"]["redirected"], false);
}

#[test]
fn hash_is_that_of_what_a_copy_shows() {
    let folder = folder();
    let live = builder::volume(&COPIES);
    let views = [builder::view(&live, &COPIES), builder::view(&live, &COPIES[1..])].map(|view| sha256(&view));
    let told = shown(folder.path(), 0, &["hash", "vol.raw"]);
    let hashes: Vec<&str> = told.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(hashes, views);
    let json = json(folder.path(), 0, &["hash", "vol.raw", "--copy", "live", "--copy", "2"]);
    assert_eq!((&json[0]["sha256"], &json[0]["copy"]), (&sha256(&live).into(), &"live".into()));
    assert_eq!((&json[1]["sha256"], &json[1]["copy"]), (&views[1].clone().into(), &"2".into()));
}

#[test]
fn extract_writes_a_sparse_file_with_what_the_copy_shows() {
    let folder = folder();
    shown(folder.path(), 0, &["extract", "vol.raw", "--copy", "1", "then.raw"]);
    let then = fs::read(folder.path().join("then.raw")).unwrap();
    assert!(then == builder::view(&builder::volume(&COPIES), &COPIES));
    #[cfg(target_os = "linux")]
    {
        let taken =
            std::os::unix::fs::MetadataExt::blocks(&fs::metadata(folder.path().join("then.raw")).unwrap()) * 512;
        assert!(taken < 2 << 20, "{taken} bytes of 4 MiB are taken");
    }
    // What was extracted is a volume again, with the copies that lay on it.
    has_all(&shown(folder.path(), 0, &["info", "then.raw"]), &["Copy 2"]);
}

#[test]
fn extract_replaces_a_file_only_when_told_and_leaves_nothing_behind() {
    let folder = folder();
    fs::write(folder.path().join("out"), "before").unwrap();
    let names = || -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    has_all(&shown(folder.path(), 2, &["extract", "vol.raw", "--copy", "1", "out"]), &["already there", "--force"]);
    has_all(
        &shown(folder.path(), 2, &["extract", "vol.raw", "--copy", "3", "new"]),
        &["no shadow copy number 3", "has 2"],
    );
    has_all(&shown(folder.path(), 2, &["extract", "vol.raw", "--copy", "1", "no/such/out"]), &["no/such/out"]);
    has_all(&shown(folder.path(), 2, &["extract", "vol.raw", "--copy", "1", "."]), &["folder"]);
    let onto_itself = ["extract", "vol.raw", "--copy", "1", "vol.raw", "--force"];
    has_all(&shown(folder.path(), 2, &onto_itself), &["the image that is read"]);
    assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"before");
    assert_eq!(names(), ["out", "vol.raw"]);
    shown(folder.path(), 0, &["extract", "vol.raw", "--copy", "live", "out", "--force"]);
    assert!(fs::read(folder.path().join("out")).unwrap() == builder::volume(&COPIES));
    assert_eq!(names(), ["out", "vol.raw"]);
}

#[test]
fn diff_lists_the_blocks_that_differ() {
    let folder = folder();
    let offset = 16 * BLOCK;
    let told = shown(folder.path(), 1, &["diff", "vol.raw", "1", "2"]);
    has_all(&told, &["0x40000", "16,384", "copy 1 and copy 2 differ in 1 of 256 blocks"]);
    let json = json(folder.path(), 1, &["diff", "vol.raw", "1", "live"]);
    assert_eq!(json["ranges"], serde_json::json!([{"offset": offset, "length": 2 * BLOCK}]));
    assert_eq!((&json["differing_blocks"], &json["blocks"]), (&2.into(), &256.into()));
    let same = shown(folder.path(), 0, &["diff", "vol.raw", "live", "live"]);
    assert_eq!(same.trim(), "live and live are the same: 256 blocks");
}

#[test]
fn verify_finds_nothing_in_a_sound_volume_and_names_what_is_wrong_in_another() {
    let folder = folder();
    let told = shown(folder.path(), 0, &["verify", "vol.raw"]);
    assert!(told.trim().ends_with("structures checked, no finding"), "{told}");
    let mut bytes = builder::volume(&COPIES);
    // The own offset of the second catalog block.
    put(&mut bytes, 33 * BLOCK + 32, &[1]);
    fs::write(folder.path().join("bad.raw"), bytes).unwrap();
    let told = shown(folder.path(), 1, &["verify", "bad.raw"]);
    has_all(&told, &["catalog", "0x000000084020", "wrong", "own offset: expected 0x84000, found 0x84001", "1 wrong"]);
    let json = json(folder.path(), 1, &["verify", "bad.raw"]);
    assert_eq!(json["wrong"], 1);
    let findings: Vec<&serde_json::Value> =
        json["places"].as_array().unwrap().iter().flat_map(|place| place["findings"].as_array().unwrap()).collect();
    assert_eq!((&findings[0]["offset"], &findings[0]["field"]), (&0x84020.into(), &"own offset".into()));
}

#[test]
fn a_diff_area_is_found_on_another_volume_of_the_disk_or_in_another_image() {
    let folder = tempfile::tempdir().unwrap();
    let (volume, area) = builder::redirected(&COPIES);
    fs::write(folder.path().join("vol.raw"), &volume).unwrap();
    fs::write(folder.path().join("area.raw"), &area).unwrap();
    fs::write(folder.path().join("disk.raw"), builder::disk(&[&volume, &area])).unwrap();
    let expected = sha256(&builder::view(&volume, &COPIES));

    let alone = shown(folder.path(), 2, &["hash", "vol.raw"]);
    has_all(&alone, &["vol.raw", &builder::OTHER.to_string(), "--diff-area"]);
    has_all(&shown(folder.path(), 0, &["info", "vol.raw"]), &["is in none of the images", "Copy 2"]);
    has_all(&shown(folder.path(), 0, &["verify", "vol.raw"]), &["was not checked", "--diff-area"]);

    let both = ["vol.raw", "--diff-area", "area.raw"];
    has_all(&shown(folder.path(), 0, &[&["hash", "--copy", "1"], &both[..]].concat()), &[&expected]);
    has_all(&shown(folder.path(), 0, &[&["info"], &both[..]].concat()), &["which is area.raw"]);
    has_all(&shown(folder.path(), 0, &[&["verify"], &both[..]].concat()), &["no finding"]);

    let several = shown(folder.path(), 2, &["hash", "disk.raw"]);
    has_all(&several, &["several volumes", "--volume (1, 2)"]);
    has_all(&shown(folder.path(), 0, &["hash", "disk.raw", "--volume", "1", "--copy", "1"]), &[&expected]);
    let told = shown(folder.path(), 0, &["info", "disk.raw"]);
    has_all(&told, &["2 partitions (MBR)", "Volume 1 at offset 0x100000", "Volume 2 at offset 0x600000"]);
    has_all(&told, &["which is disk.raw, volume 2 (at 0x600000)"]);
    has_all(&shown(folder.path(), 2, &["info", "disk.raw", "--volume", "3"]), &["number 3", "expected 1 or 2"]);
    shown(folder.path(), 0, &["verify", "disk.raw"]);
}

#[test]
fn bad_input_is_told_with_file_offset_and_what_to_do() {
    let folder = folder();
    let whole = builder::volume(&COPIES);
    let with = |name: &str, at: u64, value: &[u8]| {
        let mut bytes = whole.clone();
        put(&mut bytes, at, value);
        fs::write(folder.path().join(name), bytes).unwrap();
    };
    with("loop.raw", 33 * BLOCK + 40, &(32 * BLOCK).to_le_bytes());
    with("header.raw", 0x1e00 + 20, &[9]);
    fs::write(folder.path().join("empty"), "").unwrap();
    fs::write(folder.path().join("noise"), [7; 5000]).unwrap();
    fs::write(folder.path().join("disk.vmdk"), [b"KDMV".to_vec(), vec![0; 5000]].concat()).unwrap();
    let mut bare = whole.clone();
    put(&mut bare, 0x1e00, &[0; 512]);
    fs::write(folder.path().join("bare.raw"), bare).unwrap();
    for (arguments, words) in [
        (&["info", "none.raw"][..], &["cannot read none.raw"][..]),
        (&["info", "."], &["folder"]),
        (&["info", "empty"], &["empty"]),
        (&["info", "noise"], &["noise (read as raw)", "neither with an NTFS volume nor with a partition table"]),
        (&["info", "disk.vmdk"], &["disk.vmdk", "VMware", "qemu-img convert"]),
        (&["hash", "loop.raw"], &["loop.raw", "catalog", "0x80000"]),
        (&["hash", "header.raw"], &["header.raw", "0x1e14"]),
        (&["hash", "bare.raw"], &["no volume of bare.raw has shadow copies", "vssim image info"]),
        (&["hash", "vol.raw", "--copy", "0"], &["from 1 on"]),
        (&["diff", "vol.raw", "1", "5"], &["no shadow copy number 5"]),
        (&["hash", "vol.raw", "--diff-area", "none.raw"], &["none.raw"]),
    ] {
        has_all(&shown(folder.path(), 2, arguments), words);
    }
    has_all(&shown(folder.path(), 0, &["info", "bare.raw"]), &["none, and no volume header at 0x1e00"]);
    has_all(&shown(folder.path(), 1, &["verify", "header.raw"]), &["volume header", "1 wrong"]);
}

#[test]
fn windows_images_hash_as_other_readers_found() {
    let Some(corpus) = corpus::corpus() else { return };
    let images = corpus.0.join("recorded/images");
    let hashes = |arguments: &[&str]| -> Vec<String> {
        let told = shown(&images, 0, &[&["hash"], arguments].concat());
        told.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
    };
    let oldest = "c8ada35c641a68447640b250f35e623b7f619aaae26bd55a06b8d4c34ebed1da";
    let (zeros, live) = (
        "41f940d92a534dd8e940a4983d2a766bcb262373f9dc2006851e81fa3a1fa2f2",
        "b36b05cab3959751c9c2dbf8c5a6d1965941fb788ad337310ea494e94a0da26b",
    );
    assert_eq!(hashes(&["plaso_vsstest.qcow2"]), [oldest, live]);
    assert_eq!(hashes(&["plaso_vsstest.qcow2", "--never-copied", "zeros", "--copy", "2"]), [zeros]);
    let pair = ["dfir_ntfs_vss_1_vol.qcow2", "--diff-area", "dfir_ntfs_vss_2_stor.qcow2", "--copy", "2"];
    assert_eq!(hashes(&pair), ["8f16f30d1661f6f19d7e05042a064f1c272be433ae3afdda1efbbe59ef40ffcb"]);
    for image in ["plaso_vsstest.qcow2", "dfir_ntfs_vss_2_stor.qcow2"] {
        has_all(&shown(&images, 0, &["verify", image]), &["no finding"]);
    }
}
