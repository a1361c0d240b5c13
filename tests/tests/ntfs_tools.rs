//! NTFS volumes that other programs made: `mkntfs` and `ntfscp` of ntfs-3g, and Windows (the corpus, unpacked by `qemu-img`).

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tools are looked for, and said to be missing; a test that cannot set up fails"
)]

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use vssim_sim::disk_format::device::Part;
use vssim_sim::disk_format::{ReadAt, ReadError};
use vssim_sim::ntfs::{Content, NtfsFile, NtfsVolume, read_ntfs};
use vssim_tests::corpus::corpus;

/// Whether the tools are there. Without them a test is skipped, in words; with CI=true it fails.
fn tools(names: &[&str]) -> bool {
    let missing: Vec<_> = names.iter().filter(|name| Command::new(name).arg("--help").output().is_err()).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing:?} are missing");
    println!("skipped: {missing:?} are missing");
    false
}

fn run(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output().unwrap();
    assert!(out.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// A file as a device.
struct OnDisk(File, u64);

impl OnDisk {
    fn open(path: &Path) -> OnDisk {
        let file = File::open(path).unwrap();
        let size = file.metadata().unwrap().len();
        OnDisk(file, size)
    }
}

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let length = into.len() as u64;
        let told = |error: std::io::Error| ReadError { offset, length, why: error.to_string() };
        self.0.read_exact_at(into, offset).map_err(told)
    }
}

fn find<'a>(volume: &'a NtfsVolume, path: &str) -> &'a NtfsFile {
    let paths = || volume.files.iter().map(|file| &file.path).collect::<Vec<_>>();
    volume.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is not in {:#?}", paths()))
}

/// The bytes of a file with clusters, read through them.
fn content(device: &dyn ReadAt, volume: &NtfsVolume, path: &str) -> Vec<u8> {
    let file = find(volume, path);
    assert!(matches!(file.content, Content::Clusters(_)), "{file:?}");
    let mut all = Vec::new();
    for part in volume.bytes_of(file) {
        let mut bytes = vec![0; usize::try_from(part.length).unwrap()];
        device.read_at(part.offset, &mut bytes).unwrap();
        all.extend(bytes);
    }
    assert_eq!(all.len() as u64, file.size);
    all
}

/// Bytes that no two files have in common.
fn pattern(seed: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(seed) >> 7) as u8 ^ seed as u8).collect()
}

struct Made {
    folder: tempfile::TempDir,
    image: PathBuf,
}

fn make(cluster: u64, size: u64) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("ntfs.raw");
    File::create(&image).unwrap().set_len(size).unwrap();
    run("mkntfs", &["--force", "--quiet", "--fast", "--cluster-size", &cluster.to_string(), &image.to_string_lossy()]);
    Made { folder, image }
}

impl Made {
    fn put(&self, name: &str, bytes: &[u8]) {
        let from = self.folder.path().join("from");
        std::fs::write(&from, bytes).unwrap();
        run("ntfscp", &["--force", "--quiet", &self.image.to_string_lossy(), &from.to_string_lossy(), name]);
    }

    fn device(&self) -> OnDisk {
        OnDisk::open(&self.image)
    }
}

#[test]
fn files_that_ntfscp_put_in_are_read_back_through_their_clusters() {
    if !tools(&["mkntfs", "ntfscp"]) {
        return;
    }
    for (cluster, size) in [(512, 8 << 20), (1024, 8 << 20), (4096, 16 << 20), (65_536, 64 << 20)] {
        let made = make(cluster, size);
        let large = pattern(3, 700_001);
        made.put("large.bin", &large);
        made.put("small.txt", b"in its record");
        for number in 0..40 {
            made.put(&format!("file{number}.dat"), &pattern(number + 5, 3000 * number as usize + 2000));
        }
        let device = made.device();
        let volume = read_ntfs(&device).unwrap();
        assert_eq!((volume.cluster, volume.size, volume.lost, volume.unreachable), (cluster, size, 0, 0));
        assert_eq!(content(&device, &volume, "large.bin"), large);
        assert_eq!(find(&volume, "large.bin").valid, 700_001);
        assert_eq!((find(&volume, "small.txt").size, &find(&volume, "small.txt").content), (13, &Content::Resident));
        for number in 0..40 {
            let expected = pattern(number + 5, 3000 * number as usize + 2000);
            assert_eq!(content(&device, &volume, &format!("file{number}.dat")), expected);
        }
        let ordinary = volume.files.iter().filter(|file| !file.is_metadata()).count();
        assert_eq!(ordinary, 42);
    }
}

#[test]
fn the_allocation_is_what_ntfsinfo_counts() {
    if !tools(&["mkntfs", "ntfscp", "ntfsinfo"]) {
        return;
    }
    let made = make(4096, 32 << 20);
    made.put("a", &pattern(9, 1_000_000));
    let volume = read_ntfs(&made.device()).unwrap();
    let told = run("ntfsinfo", &["--mft", &made.image.to_string_lossy()]);
    let number = |label: &str| -> u64 {
        let line = told.lines().find(|line| line.contains(label)).unwrap_or_else(|| panic!("{label}: {told}"));
        line.rsplit(':').next().unwrap().split_whitespace().next().unwrap().parse().unwrap()
    };
    let used: u64 = volume.used.iter().map(|run| run.count).sum();
    assert_eq!(volume.clusters, number("Volume Size in Clusters"));
    assert_eq!(volume.clusters - used, number("Free Clusters"));
}

#[test]
fn a_file_larger_than_its_clusters_in_a_row_is_put_together() {
    if !tools(&["mkntfs", "ntfscp"]) {
        return;
    }
    // Small files side by side, of which every other one is made empty, leave holes that a large file fills.
    let made = make(512, 10 << 20);
    for number in 0..60_u64 {
        made.put(&format!("f{number}"), &pattern(number + 2, 60_000));
    }
    for number in (0..60).step_by(2) {
        made.put(&format!("f{number}"), b"");
    }
    let large = pattern(77, 4_000_000);
    made.put("large", &large);
    let device = made.device();
    let volume = read_ntfs(&device).unwrap();
    assert_eq!(content(&device, &volume, "large"), large);
    assert!(volume.bytes_of(find(&volume, "large")).count() > 1);
    assert_eq!(content(&device, &volume, "f31"), pattern(33, 60_000));
}

/// An image with some bytes changed, and what was read of it.
struct Flipped<'a> {
    bytes: &'a [u8],
    changed: RefCell<Vec<(u64, u8)>>,
}

impl ReadAt for Flipped<'_> {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.bytes.read_at(offset, into)?;
        for &(at, value) in self.changed.borrow().iter() {
            if let Some(byte) = at.checked_sub(offset).and_then(|at| into.get_mut(usize::try_from(at).ok()?)) {
                *byte = value;
            }
        }
        Ok(())
    }
}

/// Flips bytes in the boot sector, the records and the bitmap: there is an answer each time, and both kinds occur.
fn flip(bytes: &[u8], volume: &NtfsVolume, rounds: u64) {
    let mut places: Vec<(u64, u64)> = vec![(0, 84)];
    for path in ["$MFT", "$Bitmap"] {
        let file = find(volume, path);
        places.extend(volume.bytes_of(file).map(|part| (part.offset, part.length.min(300 << 10))));
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..rounds {
        let changed = (0..=draw(3))
            .map(|_| {
                let (offset, length) = places[draw(places.len() as u64) as usize];
                let value = [0, 1, 0x7f, 0x80, 0xff, draw(256) as u8][draw(6) as usize];
                (offset + draw(length), value)
            })
            .collect();
        match read_ntfs(&Flipped { bytes, changed: RefCell::new(changed) }) {
            Ok(_) => read += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
}

#[test]
fn flipped_bytes_are_read_or_refused() {
    if !tools(&["mkntfs", "ntfscp"]) {
        return;
    }
    let made = make(4096, 4 << 20);
    for number in 0..20 {
        made.put(&format!("file{number}"), &pattern(number + 5, 30_000));
    }
    let bytes = std::fs::read(&made.image).unwrap();
    flip(&bytes, &read_ntfs(&bytes.as_slice()).unwrap(), 5_000);
}

/// An image of the corpus as a raw file; none where the corpus or `qemu-img` is missing.
fn unpacked(name: &str) -> Option<(tempfile::TempDir, OnDisk)> {
    let corpus = corpus()?;
    if !tools(&["qemu-img"]) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (corpus.0.join("recorded/images").join(name), folder.path().join("raw"));
    run("qemu-img", &["convert", "-O", "raw", &from.to_string_lossy(), &to.to_string_lossy()]);
    let device = OnDisk::open(&to);
    Some((folder, device))
}

/// The bytes of a file and where its first one lies.
fn place(volume: &NtfsVolume, path: &str) -> (u64, u64) {
    let file = find(volume, path);
    (file.size, volume.bytes_of(file).next().unwrap().offset)
}

const STORES: &str = r"System Volume Information\{3808876b-c176-4e48-b7ae-04046e6cc752}";

#[test]
fn the_files_of_plaso_vsstest_and_its_stores_are_found() {
    let Some((_folder, device)) = unpacked("plaso_vsstest.qcow2") else { return };
    let volume = read_ntfs(&device).unwrap();
    assert_eq!((volume.cluster, volume.clusters, volume.size, volume.lost), (4096, 262_143, 1 << 30, 0));
    let paths: Vec<_> = volume.files.iter().filter(|file| !file.is_metadata()).map(|file| file.path.as_str()).collect();
    assert_eq!(paths.len(), 6, "{paths:#?}");
    // The catalog's place as TABLE.md gives it.
    assert_eq!(place(&volume, STORES), (65_536, 115_539_968));
    let store =
        r"System Volume Information\{600f0b69-5bdf-11e3-9d6c-005056c00008}{3808876b-c176-4e48-b7ae-04046e6cc752}";
    assert_eq!(place(&volume, store).0, 7_815_168);
    assert_eq!(find(&volume, "password.txt").size, 116);
    let used: u64 = volume.used.iter().map(|run| run.count).sum();
    assert_eq!(volume.clusters - used, 170_904);
    flip_the_start(&device, &volume);
}

#[test]
fn the_known_files_of_the_redirected_pair_lie_where_they_are_known_to() {
    let volumes = [
        ("dfir_ntfs_vss_1_vol.qcow2", 1837 * 4096, 703_800, b'3'),
        ("dfir_ntfs_vss_2_stor.qcow2", 0x28000, 7700, b'5'),
    ];
    for (image, offset, size, first) in volumes {
        let Some((_folder, device)) = unpacked(image) else { return };
        let part = Part::new(&device, 34_603_008, 5_333_057_536);
        let volume = read_ntfs(&part).unwrap();
        assert_eq!((volume.cluster, volume.size, volume.lost, volume.unreachable), (4096, 5_333_057_536, 0, 0));
        let file = volume.files.iter().find(|file| volume.bytes_of(file).any(|bytes| bytes.offset == offset));
        let file = file.unwrap_or_else(|| panic!("{:#?}", volume.files));
        assert_eq!(file.size, size, "{file:?}");
        assert_eq!(content(&part, &volume, &file.path)[0], first);
    }
}

/// The same as [`flip`] over a device that is too large for memory: only what is read of it is kept.
fn flip_the_start(device: &dyn ReadAt, volume: &NtfsVolume) {
    let size = usize::try_from(device.size()).unwrap();
    let mut bytes = vec![0; size];
    for path in ["$MFT", "$Bitmap", "$Boot"] {
        for part in volume.bytes_of(find(volume, path)) {
            let (from, to) = (part.offset as usize, (part.offset + part.length) as usize);
            device.read_at(part.offset, &mut bytes[from..to]).unwrap();
        }
    }
    flip(&bytes, volume, 300);
}
