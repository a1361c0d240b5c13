//! Histories written as raw images, and libvshadow as their reader, in a child process.
//!
//! ```text
//!  expected(storage) ──► images, references, one manifest ──► python + pyvshadow ──► Findings
//!        │
//!        └──► our own reader and its verification, in this process
//! ```
//!
//! Two releases of libvshadow are asked where they are there: Debian's `python3-libvshadow` and PyPI's `libvshadow-python`, which
//! `.ci/run` puts into a virtual environment below the target folder. A reader that is missing is said; with `CI=true` it is an error.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "readers are found by the environment, and said to be missing"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use vssim_model::context::Attributes;
use vssim_model::ids::{Guid, SnapshotId};
use vssim_sim::disk_format::{ReadAt, VOLUME_HEADER_OFFSET};
use vssim_sim::image::{Copies, NeverCopied, Severity, View, verify};
use vssim_sim::storage::{BLOCK_BYTES, Commit, Snapshot, Storage, Volume};

use crate::histories::A_BITMAP;

/// Seconds that a reader may take for one manifest.
const PATIENCE: &str = "300";

/// A release of libvshadow with Python.
#[derive(Clone, Debug)]
pub struct Python {
    /// The interpreter.
    pub program: PathBuf,
    /// What libvshadow says its version is.
    pub version: String,
}

/// The releases that are there. `target` is the target folder of the build.
///
/// # Panics
/// When one of the two is missing although CI=true.
#[must_use]
pub fn pythons(target: &Path) -> Vec<Python> {
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    let places = [
        (PathBuf::from("/usr/bin/python3"), "Debian's python3-libvshadow"),
        (target.join("libvshadow/bin/python"), "PyPI's libvshadow-python in a virtual environment `libvshadow`"),
    ];
    let mut found = Vec::new();
    for (program, name) in places {
        let asked = Command::new(&program).args(["-c", "import pyvshadow; print(pyvshadow.get_version())"]).output();
        match asked {
            Ok(said) if said.status.success() => {
                let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
                println!("libvshadow {version}: {}", program.display());
                found.push(Python { program, version });
            }
            _ => {
                assert!(!ci, "{name} is missing ({})", program.display());
                println!("skipped: {name} is not there ({})", program.display());
            }
        }
    }
    found
}

/// What a copy has to show.
#[derive(Clone, Debug)]
pub struct ExpectedCopy {
    /// Its id.
    pub id: SnapshotId,
    /// What was known of it at its commit.
    pub commit: Commit,
    /// The GUID of its store.
    pub store: Guid,
    /// The attributes on the disk, which also say that a copy is open for writing.
    pub attributes: u32,
    /// The size of the volume.
    pub size: u64,
    /// The bytes that are compared: offsets and lengths.
    pub runs: Vec<(u64, u64)>,
}

/// What a volume has to show.
#[derive(Clone, Debug)]
pub struct ExpectedVolume {
    /// For messages.
    pub name: String,
    /// Its number in the storage.
    pub at: usize,
    /// The volume with its diff area.
    pub host: usize,
    /// Oldest first.
    pub copies: Vec<ExpectedCopy>,
}

/// What was written into copies themselves: offsets and lengths on the volume.
pub type Written = BTreeMap<SnapshotId, Vec<(u64, u64)>>;

/// What the volumes of a machine have to show. The ids of stores are taken from the catalogs, since only there they mean anything.
///
/// # Panics
/// When a catalog cannot be read by our own reader, or names another number of copies.
#[must_use]
pub fn expected(name: &str, storage: &Storage, written: &Written) -> Vec<ExpectedVolume> {
    let mut found = Vec::new();
    for (at, volume) in storage.volumes().iter().enumerate() {
        let name = format!("{name} volume {at}");
        let settings = storage.area(volume.id()).expect("the volume is there");
        let host = storage.volumes().iter().position(|other| other.id() == settings.host).expect("so is its host");
        let listed = Copies::open(volume.store(), Some(storage.volumes()[host].store()));
        let listed = listed.unwrap_or_else(|error| panic!("{name}: {error}"));
        let copies: Vec<&Snapshot> = storage.snapshots(volume.id()).expect("the volume is there").collect();
        assert_eq!(listed.list().len(), copies.len(), "{name}: copies that the catalog names");
        let copies = copies.iter().zip(listed.list()).map(|(copy, listed)| ExpectedCopy {
            id: copy.id(),
            commit: copy.commit(),
            store: listed.store_id(),
            attributes: copy.commit().attributes
                | if copy.is_writable() { Attributes::DELAYED_POSTSNAPSHOT.0 } else { 0 },
            size: volume.size(),
            runs: runs(volume, copy, written.get(&copy.id()).map_or(&[][..], Vec::as_slice)),
        });
        let copies = copies.collect();
        found.push(ExpectedVolume { name, at, host, copies });
    }
    found
}

/// Counts, by name, what the structures of a machine show of how its diff areas and catalogs grew.
///
/// # Panics
/// When a catalog cannot be read.
#[must_use]
pub fn shapes(storage: &Storage, volumes: &[ExpectedVolume]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for expected in volumes {
        let (volume, host) = (&storage.volumes()[expected.at], &storage.volumes()[expected.host]);
        let copies = Copies::open(volume.store(), Some(host.store())).expect("it was read before");
        let blocks = copies.structures().catalog.blocks.len();
        if blocks > if volume.blocks() < 1024 { 1 } else { 4 } {
            found.push("catalog that grew");
        }
        for store in copies.list().iter().filter_map(|copy| copy.store.as_ref().ok()) {
            let bitmaps = store.bitmap.as_ref().map_or(0, |bitmap| bitmap.blocks.len());
            let shapes = [
                ("store whose start lies apart", store.place_of(0).is_some()),
                ("redirected store", expected.host != expected.at),
                ("several blocks of descriptors", store.descriptors.blocks.len() > 1),
                ("several blocks of ranges", store.ranges.blocks.len() > 1),
                ("several blocks of a bitmap", bitmaps > 1),
                ("previous bitmap", store.previous_bitmap.is_some()),
                ("overlay", store.descriptors.values().any(|one| one.flags.is_overlay())),
                (
                    "overlay that goes on",
                    store.descriptors.values().any(|one| one.flags.is_overlay() && one.relative == 1),
                ),
            ];
            found.extend(shapes.into_iter().filter(|(_, there)| *there).map(|(name, _)| name));
        }
    }
    found
}

/// The bytes of a copy that are compared: the blocks that a file owned at the commit, and what was written into the copy. On a large
/// volume most blocks of zeros are left out.
fn runs(volume: &Volume, copy: &Snapshot, written: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let reference = copy.reference().expect("histories keep references");
    let sampled = |block: u64| {
        let zeros = reference.block_hash(block) == 0 && volume.store().block_hash(block) == 0;
        volume.blocks() <= A_BITMAP || !zeros || block.is_multiple_of(61)
    };
    let owned = copy.owned().iter().filter(|&block| sampled(block));
    let mut runs: Vec<(u64, u64)> = owned.map(|block| (block * BLOCK_BYTES, BLOCK_BYTES)).collect();
    runs.extend(written);
    runs.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (offset, length) in runs {
        match merged.last_mut() {
            Some((start, size)) if *start + *size >= offset => *size = (*size).max(offset + length - *start),
            _ => merged.push((offset, length)),
        }
    }
    merged
}

/// What was looked at, and what was not as it should be.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Copies whose bytes were compared.
    pub views: u64,
    /// Blocks of 16 KiB compared, whole or in part.
    pub blocks: u64,
    /// What is wrong, in words.
    pub wrong: Vec<String>,
}

impl Findings {
    /// Adds those of another look.
    pub fn add(&mut self, other: Findings) {
        self.views += other.views;
        self.blocks += other.blocks;
        self.wrong.extend(other.wrong);
    }
}

/// Reads the copies of a machine with our own reader, under both rules for blocks that were never copied. `devices` are the volumes, as
/// they are on the storage or as something has spoilt them.
#[must_use]
pub fn read_ourselves(devices: &[&dyn ReadAt], storage: &Storage, volumes: &[ExpectedVolume]) -> Findings {
    let mut found = Findings::default();
    for expected in volumes {
        let name = &expected.name;
        match Copies::open(devices[expected.at], Some(devices[expected.host])) {
            Ok(copies) => read_copies(&copies, storage, expected, &mut found),
            Err(error) => found.wrong.push(format!("{name}: {error}")),
        }
    }
    found
}

/// What our own reader holds to be wrong in the structures of the volumes.
#[must_use]
pub fn verify_ourselves(devices: &[&dyn ReadAt], volumes: &[ExpectedVolume]) -> Vec<String> {
    let mut wrong = Vec::new();
    for expected in volumes {
        let found = verify(devices[expected.at], Some(devices[expected.host]));
        let all = found.volume.iter().chain(&found.area);
        let found = all.filter(|finding| finding.severity == Severity::Wrong);
        wrong.extend(found.map(|finding| format!("{}: {finding}", expected.name)));
    }
    wrong
}

fn read_copies(copies: &Copies<'_>, storage: &Storage, expected: &ExpectedVolume, found: &mut Findings) {
    let (there, wanted) = (copies.list().len(), expected.copies.len());
    if there != wanted {
        found.wrong.push(format!("{} has {there} copies and should have {wanted}", expected.name));
    }
    for (at, (copy, listed)) in expected.copies.iter().zip(copies.list()).enumerate() {
        let name = format!("{} copy {at}", expected.name);
        let wanted = (Some(copy.id.0), Some(copy.commit.set.0), copy.store, copy.commit.created);
        let shown = (listed.id(), listed.set(), listed.store_id(), listed.created());
        let more = (Some(copy.attributes), Some(copy.commit.context), copy.size);
        let shown_more = (listed.attributes(), listed.context(), listed.volume_size());
        if (wanted, more) != (shown, shown_more) {
            found.wrong.push(format!("{name} is {shown:?} {shown_more:?} and should be {wanted:?} {more:?}"));
        }
        let snapshot = storage.view(copy.id).expect("the copy is there").snapshot();
        for rule in [NeverCopied::Live, NeverCopied::Zeros] {
            match copies.view(at, rule) {
                Ok(view) => compare(&format!("{name} {rule:?}"), &view, snapshot, copy, found),
                Err(error) => found.wrong.push(format!("{name}: {error}")),
            }
        }
    }
}

fn compare(name: &str, view: &View<'_>, snapshot: &Snapshot, copy: &ExpectedCopy, found: &mut Findings) {
    let reference = snapshot.reference().expect("histories keep references");
    let (mut shown, mut wanted) = (Vec::new(), Vec::new());
    found.views += 1;
    for &(offset, length) in &copy.runs {
        shown.resize(length as usize, 0);
        wanted.resize(length as usize, 0);
        reference.read(offset, &mut wanted).expect("runs lie inside");
        found.blocks += (offset + length - 1) / BLOCK_BYTES - offset / BLOCK_BYTES + 1;
        match view.read_at(offset, &mut shown) {
            Ok(()) if shown == wanted => {}
            Ok(()) => {
                let at = shown.iter().zip(&wanted).position(|(one, other)| one != other).unwrap_or(0);
                found.wrong.push(format!("{name} shows other bytes from {:#x} on", offset + at as u64));
            }
            Err(error) => found.wrong.push(format!("{name}: {error}")),
        }
    }
}

/// Images, references and a manifest in one folder, for one call of each reader.
pub struct Batch {
    folder: PathBuf,
    volumes: Vec<Value>,
}

impl Batch {
    /// An empty one in an empty folder.
    #[must_use]
    pub fn new(folder: &Path) -> Batch {
        Batch { folder: folder.to_owned(), volumes: Vec::new() }
    }

    /// Writes the volumes of a machine. Volumes without a header are left out: there is nothing to open.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub fn add(&mut self, storage: &Storage, volumes: &[ExpectedVolume]) {
        for expected in volumes {
            let volume = &storage.volumes()[expected.at];
            let mut header = [0];
            volume.store().read(VOLUME_HEADER_OFFSET, &mut header).expect("a volume has a first block");
            if header == [0] {
                continue;
            }
            let number = self.volumes.len();
            let image = format!("{number}.raw");
            write_image(&self.folder.join(&image), volume.store());
            let copies = expected.copies.iter().enumerate().map(|(at, copy)| {
                let snapshot = storage.view(copy.id).expect("the copy is there").snapshot();
                let reference = format!("{number}-{at}.reference");
                let redirected = expected.host != expected.at;
                if !redirected {
                    write_reference(&self.folder.join(&reference), snapshot, copy);
                }
                json!({
                    "store": plain(copy.store),
                    "id": plain(copy.id.0),
                    "set": plain(copy.commit.set.0),
                    "created": copy.commit.created,
                    "size": copy.size,
                    "redirected": redirected,
                    "runs": copy.runs,
                    "reference": reference,
                })
            });
            let copies: Vec<Value> = copies.collect();
            self.volumes.push(json!({ "name": expected.name, "image": image, "copies": copies }));
        }
    }

    /// Where the image of a volume lies, by its name.
    #[must_use]
    pub fn image(&self, name: &str) -> Option<PathBuf> {
        let volume = self.volumes.iter().find(|volume| volume["name"] == name)?;
        volume["image"].as_str().map(|image| self.folder.join(image))
    }

    /// Lets every reader read, each in a child of its own, at the same time.
    ///
    /// # Panics
    /// When the manifest cannot be written or a child cannot be started.
    #[must_use]
    pub fn read(&self, pythons: &[Python]) -> Vec<Findings> {
        let manifest = self.folder.join("manifest.json");
        std::fs::write(&manifest, json!({ "volumes": self.volumes }).to_string()).expect("the manifest is written");
        let children: Vec<Child> = pythons.iter().map(|python| start(python, &manifest)).collect();
        children.into_iter().zip(pythons).map(|(child, python)| finish(child, python)).collect()
    }
}

/// A GUID as Python's readers spell it.
fn plain(guid: Guid) -> String {
    guid.to_string().trim_matches(['{', '}']).to_lowercase()
}

fn write_image(path: &Path, device: &dyn ReadAt) {
    let file = File::create(path).expect("an image can be made");
    file.set_len(device.size()).expect("images are sparse");
    let mut bytes = Vec::new();
    let mut next = device.next_data(0);
    while let Some((start, end)) = next {
        let end = end.min(start + (1 << 20));
        bytes.resize((end - start) as usize, 0);
        device.read_at(start, &mut bytes).expect("what a device names can be read");
        file.write_all_at(&bytes, start).expect("an image can be written");
        next = device.next_data(end);
    }
}

fn write_reference(path: &Path, snapshot: &Snapshot, copy: &ExpectedCopy) {
    let reference = snapshot.reference().expect("histories keep references");
    let mut file = File::create(path).expect("a reference can be made");
    let mut bytes = Vec::new();
    for &(offset, length) in &copy.runs {
        bytes.resize(length as usize, 0);
        reference.read(offset, &mut bytes).expect("runs lie inside");
        file.write_all(&bytes).expect("a reference can be written");
    }
}

/// libvshadow can crash and could loop: it runs apart, and not for ever.
fn start(python: &Python, manifest: &Path) -> Child {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/data/read_with_libvshadow.py");
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", PATIENCE]).arg(&python.program).arg("-B").arg(script).arg(manifest);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("`timeout` starts")
}

fn finish(child: Child, python: &Python) -> Findings {
    let output = child.wait_with_output().expect("a child ends");
    let said = String::from_utf8_lossy(&output.stdout);
    let mut found = Findings::default();
    let mut last = "";
    let mut done = false;
    for line in said.lines() {
        if let Some(volume) = line.strip_prefix("volume: ") {
            last = volume;
        } else if let Some(numbers) = line.strip_prefix("done: ") {
            let mut numbers = numbers.split(' ').filter_map(|number| number.parse().ok());
            (found.views, found.blocks) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
            done = true;
        } else {
            found.wrong.push(format!("libvshadow {}: {line}", python.version));
        }
    }
    if !done || !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        found.wrong.push(format!("libvshadow {} ended with {} at {last}: {errors}", python.version, output.status));
    }
    found
}
