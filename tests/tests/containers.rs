//! Disk images as QEMU makes them, read back byte for byte. Without `qemu-img` a test says that it was skipped; with CI=true it fails.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look for programs of the machine and say when they are missing"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use vssim_sim::disk_format::ReadAt;
use vssim_sim::image::container::{Container, Format};

const MIB: usize = 1 << 20;

/// Whether QEMU's tools are here.
fn qemu_is_here() -> bool {
    let here = |name: &str| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success());
    if here("qemu-img") && here("qemu-io") {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "qemu-img or qemu-io is missing (package qemu-utils)"
    );
    println!("skipped: qemu-img or qemu-io is missing (package qemu-utils)");
    false
}

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let out = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{program} {arguments:?}: {told}");
}

/// 12 MiB and a bit: zeros, bytes that pack well and bytes that do not.
fn disk() -> Vec<u8> {
    let mut disk = vec![0; 12 * MIB + 3 * 512];
    let mut state = 7_u64;
    for (at, byte) in disk.iter_mut().enumerate() {
        match at / (64 << 10) {
            0..=3 | 40 | 100..=120 => {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = (state >> 56) as u8;
            }
            50..=60 | 192 => *byte = (at >> 9) as u8,
            _ => {}
        }
    }
    disk
}

/// Everything that `next_data` calls data, in a disk of zeros; and all of it a second time, in pieces of 16 KiB from the end.
fn check(disk: &Container<&[u8]>, expected: &[u8], name: &str) {
    let size = expected.len() as u64;
    assert_eq!(disk.size(), size, "{name}");
    let mut whole = vec![0; expected.len()];
    let mut at = 0;
    while let Some((from, to)) = disk.next_data(at) {
        let (from, to) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
        disk.read_at(from as u64, &mut whole[from..to]).unwrap_or_else(|error| panic!("{name}: {error}"));
        at = to as u64;
    }
    assert!(whole == expected, "{name}: by next_data");
    let mut part = vec![0; 16 << 10];
    for at in (0..expected.len() / part.len()).rev() {
        let at = at * part.len();
        disk.read_at(at as u64, &mut part).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(part == expected[at..at + part.len()], "{name}: 16 KiB at {at}");
    }
}

#[test]
fn what_qemu_converts_reads_back_byte_for_byte() {
    if !qemu_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = disk();
    fs::write(folder.path().join("disk.raw"), &disk).unwrap();
    let variants: [(&str, Format, &[&str]); 17] = [
        ("raw", Format::Raw, &[]),
        ("qcow2", Format::Qcow2, &[]),
        ("qcow2", Format::Qcow2, &["-o", "compat=0.10"]),
        ("qcow2", Format::Qcow2, &["-o", "cluster_size=512"]),
        ("qcow2", Format::Qcow2, &["-o", "cluster_size=2M"]),
        ("qcow2", Format::Qcow2, &["-o", "preallocation=metadata"]),
        ("qcow2", Format::Qcow2, &["-o", "lazy_refcounts=on"]),
        ("qcow2", Format::Qcow2, &["-c"]),
        ("qcow2", Format::Qcow2, &["-c", "-o", "compat=0.10,cluster_size=4096"]),
        ("qcow2", Format::Qcow2, &["-c", "-o", "compression_type=zstd"]),
        ("qcow2", Format::Qcow2, &["-c", "-o", "compression_type=zstd,cluster_size=2M"]),
        ("vpc", Format::VhdDynamic, &["-o", "force_size=on"]),
        ("vpc", Format::VhdFixed, &["-o", "force_size=on,subformat=fixed"]),
        ("vhdx", Format::Vhdx, &[]),
        ("vhdx", Format::Vhdx, &["-o", "block_size=1M"]),
        ("vhdx", Format::Vhdx, &["-o", "block_size=8M,block_state_zero=off"]),
        ("vhdx", Format::Vhdx, &["-o", "subformat=fixed"]),
    ];
    for (kind, format, options) in variants {
        let name = format!("{kind} {options:?}");
        let arguments = [&["convert", "-f", "raw", "-O", kind][..], options, &["disk.raw", "disk.image"]].concat();
        run(folder.path(), "qemu-img", &arguments);
        let file = fs::read(folder.path().join("disk.image")).unwrap();
        let container = Container::open(&file[..]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(container.format(), format, "{name}");
        check(&container, &disk, &name);
    }
}

#[test]
fn what_qemu_writes_at_the_end_of_a_large_disk_is_found() {
    if !qemu_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (kind, options, written) in [
        // With blocks of 1 MiB the table of a VHDX has an entry for a bitmap behind every 4096 blocks, which is behind 4 GiB.
        ("vhdx", "block_size=1M", 9_000 * MIB as u64 + 4096),
        ("vhdx", "block_size=32M", 9_000 * MIB as u64 + 4096),
        ("vpc", "force_size=on", 9_000 * MIB as u64 + 4096),
        ("qcow2", "cluster_size=64k", 9_000 * MIB as u64 + 4096),
        ("qcow2", "cluster_size=512", 9_000 * MIB as u64 + 4096),
    ] {
        run(folder.path(), "qemu-img", &["create", "-f", kind, "-o", options, "large", "10G"]);
        let zeros = "write -z 20M 1M";
        let write = format!("write -P 0x5a {written} 20000");
        let snapshot = "write -P 0x11 1M 64k";
        run(folder.path(), "qemu-io", &["-f", kind, "-c", snapshot, "-c", &write, "-c", zeros, "large"]);
        let file = fs::read(folder.path().join("large")).unwrap();
        let disk = Container::open(&file[..]).unwrap();
        let mut into = vec![0; 20_002];
        disk.read_at(written - 1, &mut into).unwrap();
        assert!(
            into[0] == 0 && into[20_001] == 0 && into[1..20_001].iter().all(|byte| *byte == 0x5a),
            "{kind} {options}"
        );
        disk.read_at(20 << 20, &mut into).unwrap();
        assert!(into.iter().all(|byte| *byte == 0), "{kind} {options}");
        let (from, to) = disk.next_data(64 << 20).unwrap();
        assert!(from <= written && to > written && to - from <= 32 << 20, "{kind} {options}: {from} {to}");
        assert!(from + (32 << 20) > written, "{kind} {options}: {from} {to}");
    }
}

#[test]
fn an_internal_snapshot_does_not_hide_the_disk_of_now() {
    if !qemu_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "qemu-img", &["create", "-f", "qcow2", "disk", "4M"]);
    run(folder.path(), "qemu-io", &["-f", "qcow2", "-c", "write -P 1 1M 64k", "disk"]);
    run(folder.path(), "qemu-img", &["snapshot", "-c", "before", "disk"]);
    run(folder.path(), "qemu-io", &["-f", "qcow2", "-c", "write -P 2 1M 512", "disk"]);
    let file = fs::read(folder.path().join("disk")).unwrap();
    let mut into = [0; 1024];
    Container::open(&file[..]).unwrap().read_at(1 << 20, &mut into).unwrap();
    assert_eq!((into[511], into[512]), (2, 1));
}

#[test]
fn images_that_need_something_else_are_refused_in_words() {
    if !qemu_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let base = ["create", "-f", "qcow2"];
    run(folder.path(), "qemu-img", &[&base[..], &["base", "4M"]].concat());
    let cases: [(&[&str], &str); 4] = [
        (&["-b", "base", "-F", "qcow2", "disk"], "backing file `base`"),
        (&["-o", "data_file=data.raw", "disk", "4M"], "another file"),
        (&["-o", "extended_l2=on", "disk", "4M"], "extended L2"),
        (
            &["--object", "secret,id=key,data=abc", "-o", "encrypt.format=luks,encrypt.key-secret=key", "disk", "4M"],
            "encrypted",
        ),
    ];
    for (options, word) in cases {
        run(folder.path(), "qemu-img", &[&base[..], options].concat());
        let file = fs::read(folder.path().join("disk")).unwrap();
        let error = Container::open(&file[..]).unwrap_err();
        assert!(error.why.contains(word), "{error}");
    }
}

/// QEMU's own images with bytes changed, most of them in the tables: an answer, whatever they say.
#[test]
fn damaged_images_of_qemu_are_answered() {
    if !qemu_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("disk.raw"), disk()).unwrap();
    let variants: [&[&str]; 4] =
        [&["qcow2", "-c"], &["qcow2", "-c", "-o", "compression_type=zstd"], &["vpc"], &["vhdx", "-o", "block_size=1M"]];
    let mut state = 3_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    for options in variants {
        let arguments = [&["convert", "-f", "raw", "-O"][..], options, &["disk.raw", "disk.image"]].concat();
        run(folder.path(), "qemu-img", &arguments);
        let whole = fs::read(folder.path().join("disk.image")).unwrap();
        for _ in 0..150 {
            let mut file = whole.clone();
            for _ in 0..=draw(8) {
                let below = [512, 4096, 512 << 10, file.len()][draw(4)];
                let at = draw(below.min(file.len()));
                file[at] = u8::try_from(draw(256)).unwrap();
            }
            file.truncate(if draw(8) == 0 { draw(file.len()) } else { file.len() });
            let Ok(disk) = Container::open(&file[..]) else { continue };
            let mut into = vec![0; 16 << 10];
            let mut at = 0;
            for _ in 0..16 {
                let Some((from, to)) = disk.next_data(at) else { break };
                assert!(at <= from && from < to && to <= disk.size());
                let take = usize::try_from(to - from).unwrap().min(into.len());
                let _ = disk.read_at(from, &mut into[..take]);
                at = to;
            }
        }
    }
}
