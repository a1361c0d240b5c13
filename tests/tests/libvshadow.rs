//! libvshadow opens what the simulator writes: random histories, read back by two releases of it and by our own reader; and images that
//! were spoilt on purpose, so that one knows that the comparison can fail.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "the environment says how many histories; what was read is said; a test that cannot set up fails"
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId, VolumeId};
use vssim_sim::disk_format::ReadAt;
use vssim_sim::image::{Copies, ShadowCopy, StoreStructures};
use vssim_sim::storage::{BLOCK_BYTES, Commit, DiskExtent, Storage, VolumeSpec, WriteReport};
use vssim_tests::histories::History;
use vssim_tests::libvshadow::{
    Batch, ExpectedVolume, Findings, Written, expected, pythons, read_ourselves, shapes, verify_ourselves,
};

/// How many histories one call of a reader gets.
const BATCH: u64 = 20;

/// How many histories an ordinary run reads.
const ORDINARY: u64 = 60;

/// What has to occur in an ordinary run.
const NEEDED: [&str; 19] = [
    "area on another volume",
    "catalog that grew",
    "copies lost to a full area",
    "copy in the middle deleted",
    "left open for writing",
    "left prepared",
    "newest copy deleted",
    "no room in a copy",
    "oldest copy deleted",
    "overlay that goes on",
    "prepared and aborted",
    "previous bitmap",
    "raw overlay",
    "redirected store",
    "rename",
    "several blocks of a bitmap",
    "several blocks of descriptors",
    "several blocks of ranges",
    "store whose start lies apart",
];

/// The histories to read: `VSSIM_HISTORIES` as a number of them (`1000`) or as a range (`120..140`).
fn wanted() -> Range<u64> {
    let Ok(text) = std::env::var("VSSIM_HISTORIES") else { return 0..ORDINARY };
    let (first, end) = text.split_once("..").unwrap_or(("0", &text));
    let number =
        |text: &str| text.parse().unwrap_or_else(|_| panic!("VSSIM_HISTORIES is `1000` or `120..140`: {text}"));
    number(first)..number(end)
}

/// The target folder of this build.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..")
}

/// Runs and reads histories, and says how many views and blocks each reader compared.
fn read_histories(numbers: Range<u64>) {
    let pythons = pythons(&target());
    let mut ours = Findings::default();
    let mut theirs = vec![Findings::default(); pythons.len()];
    let mut deeds: BTreeMap<&str, u64> = BTreeMap::new();
    for first in numbers.clone().step_by(BATCH as usize) {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
        let mut batch = Batch::new(folder.path());
        for number in first..(first + BATCH).min(numbers.end) {
            let history = History::run(number);
            for (deed, times) in &history.deeds {
                *deeds.entry(deed).or_default() += times;
            }
            for volume in history.storage.volumes() {
                for copy in history.storage.snapshots(volume.id()).unwrap() {
                    let found = history.storage.compare(copy.id()).unwrap().unwrap();
                    assert_eq!(found.different, 0, "history {number}: {found:?}");
                }
            }
            let storage = &history.storage;
            let devices: Vec<&dyn ReadAt> =
                storage.volumes().iter().map(|volume| volume.store() as &dyn ReadAt).collect();
            let volumes = expected(&format!("history {number}"), storage, &history.written);
            ours.add(read_ourselves(&devices, storage, &volumes));
            ours.wrong.extend(verify_ourselves(&devices, &volumes));
            for shape in shapes(storage, &volumes) {
                *deeds.entry(shape).or_default() += 1;
            }
            batch.add(storage, &volumes);
        }
        for (sum, found) in theirs.iter_mut().zip(batch.read(&pythons)) {
            sum.add(found);
        }
    }
    eprintln!("{numbers:?}: {deeds:?}");
    eprintln!("our reader: {} views, {} blocks", ours.views, ours.blocks);
    for (python, found) in pythons.iter().zip(&theirs) {
        eprintln!("libvshadow {}: {} views, {} blocks", python.version, found.views, found.blocks);
    }
    if numbers.start == 0 && numbers.end >= ORDINARY {
        for deed in NEEDED {
            assert!(deeds.contains_key(deed), "no history has: {deed}");
        }
    }
    let wrong: Vec<&String> = std::iter::once(&ours).chain(&theirs).flat_map(|found| &found.wrong).collect();
    assert!(wrong.is_empty(), "{} things are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}

#[test]
fn copies_of_random_histories_are_read_back_as_they_were_made() {
    read_histories(wanted());
}

/// A volume with three copies, in bytes that can be spoilt, and what it should show.
struct Image {
    storage: Storage,
    volumes: Vec<ExpectedVolume>,
    bytes: Vec<u8>,
}

/// What was saved and what was not, for those who spoil it.
struct Spoils {
    copies: Vec<ShadowCopy>,
    /// A block that the newest copy shows and never saved.
    live: u64,
}

impl Image {
    fn new() -> Image {
        let volume = VolumeId(Guid(0xc));
        let mut storage = Storage::new();
        let length = 200 * BLOCK_BYTES;
        let disk = storage.add_disk("disk0", length).unwrap();
        let extents = vec![DiskExtent { disk, offset: 0, length }];
        storage.add_volume(VolumeSpec { id: volume, mount: None, extents, blocks_a_page: 4 }).unwrap();
        let file = storage.create_file(volume, "a", 0).unwrap();
        let write = |storage: &mut Storage, byte: u8, blocks: u64| {
            // No two blocks are alike.
            let bytes: Vec<u8> = (0..blocks * BLOCK_BYTES).map(|at| byte + 8 * (at / BLOCK_BYTES) as u8).collect();
            storage.write_file(volume, file, 0, &bytes, &mut WriteReport::default()).unwrap();
        };
        write(&mut storage, 1, 20);
        let mut written = Written::new();
        for number in 1..=3 {
            let (id, set) = (SnapshotId(Guid(number)), SnapshotSetId(Guid(0x100 + number)));
            storage.prepare_snapshot(volume, id).unwrap();
            let created = 132_000_000_000_000_000 + number as u64;
            storage.commit_snapshot(id, Commit { created, set, context: 9, attributes: 0x0042_0009 }).unwrap();
            storage.set_writable(id, true).unwrap();
            let place = (15 * BLOCK_BYTES, 3 * 512);
            storage.write_to_snapshot(id, place.0, &[0x80 + number as u8; 3 * 512]).unwrap();
            storage.set_writable(id, false).unwrap();
            written.insert(id, vec![place]);
            write(&mut storage, 1 + number as u8, 10 - 2 * number as u64);
        }
        let volumes = expected("spoilt", &storage, &written);
        let mut bytes = vec![0; length as usize];
        storage.volumes()[0].store().read(0, &mut bytes).unwrap();
        Image { storage, volumes, bytes }
    }

    fn spoils(&self) -> Spoils {
        let copies = Copies::open(&&self.bytes[..], None).unwrap().list().to_vec();
        Spoils { copies, live: 18 }
    }
}

impl Spoils {
    fn store(&self, copy: usize) -> &StoreStructures {
        self.copies[copy].store.as_ref().unwrap()
    }

    /// Where the first descriptor of a copy lies that is an overlay, or none.
    fn descriptor(&self, copy: usize, overlay: bool) -> usize {
        let slots = &self.store(copy).descriptors.slots;
        slots.iter().find(|slot| slot.value.flags.is_overlay() == overlay).unwrap().offset as usize
    }
}

/// Who notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Noticed {
    libvshadow: bool,
    our_reader: bool,
    verify: bool,
}

type Spoil = fn(&mut [u8], &Spoils);

/// What is spoilt, how, and whether libvshadow, our own reader's comparison and its verification notice. Where libvshadow does not,
/// it does not look at the field.
const SPOILT: [(&str, Spoil, [bool; 3]); 12] = [
    ("nothing", |_, _| {}, [false; 3]),
    ("a descriptor of the newest copy is forgotten", |bytes, of| forget(bytes, of, 2), [true, true, false]),
    ("a descriptor of the oldest copy is forgotten", |bytes, of| forget(bytes, of, 0), [true, true, false]),
    ("a block in use that was never copied is marked as not in use", mark_unused, [true, true, false]),
    ("the stores of two copies are exchanged", exchange_stores, [true, true, false]),
    (
        "a saved block is looked for one block further on",
        |bytes, of| add(bytes, of.descriptor(2, false) + 16),
        [true; 3],
    ),
    ("a descriptor names the next block", |bytes, of| add(bytes, of.descriptor(2, false)), [true, true, false]),
    ("a place in the store is wrong", |bytes, of| add(bytes, of.descriptor(2, false) + 8), [false, false, true]),
    ("a range begins one block further on", |bytes, of| add(bytes, range(of)), [false, false, true]),
    ("a range is too long", |bytes, of| add(bytes, range(of) + 16), [false, false, true]),
    ("an overlay counts one sector less", shorten_overlay, [true, true, false]),
    ("a time is another one", |bytes, of| bytes[of.copies[1].entry_offset as usize + 48] ^= 1, [true, true, false]),
];

fn forget(bytes: &mut [u8], of: &Spoils, copy: usize) {
    let at = of.descriptor(copy, false);
    bytes[at..at + 32].fill(0);
}

fn mark_unused(bytes: &mut [u8], of: &Spoils) {
    let store = of.store(2);
    for bitmap in [&store.bitmap, &store.previous_bitmap] {
        let block = bitmap.as_ref().unwrap().blocks[0].offset as usize;
        bytes[block + 128 + of.live as usize / 8] |= 1 << (of.live % 8);
    }
}

fn exchange_stores(bytes: &mut [u8], of: &Spoils) {
    let at = |copy: usize| of.copies[copy].entry_offset as usize + 16;
    for byte in 0..16 {
        bytes.swap(at(0) + byte, at(1) + byte);
    }
}

fn range(of: &Spoils) -> usize {
    of.store(1).ranges.slots[0].offset as usize
}

fn shorten_overlay(bytes: &mut [u8], of: &Spoils) {
    let at = of.descriptor(1, true) + 28;
    assert_eq!(bytes[at], 0b111);
    bytes[at] = 0b011;
}

/// Adds the size of a block to a number.
fn add(bytes: &mut [u8], at: usize) {
    let number = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) + BLOCK_BYTES;
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

#[test]
fn an_image_that_was_spoilt_is_not_read_back_as_it_was_made() {
    let pythons = pythons(&target());
    let image = Image::new();
    let mut surprises = Vec::new();
    for (name, spoil, [libvshadow, our_reader, verify]) in SPOILT {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
        let mut bytes = image.bytes.clone();
        spoil(&mut bytes, &image.spoils());
        let mut batch = Batch::new(folder.path());
        batch.add(&image.storage, &image.volumes);
        std::fs::write(batch.image("spoilt volume 0").unwrap(), &bytes).unwrap();
        let devices: [&dyn ReadAt; 1] = [&&bytes[..]];
        let wrong = verify_ourselves(&devices, &image.volumes);
        let ours = read_ourselves(&devices, &image.storage, &image.volumes);
        let expected = Noticed { libvshadow, our_reader, verify };
        let noticed = Noticed { libvshadow, our_reader: !ours.wrong.is_empty(), verify: !wrong.is_empty() };
        if noticed != expected {
            surprises.push(format!("{name}: {noticed:?}, expected {expected:?}: {:?} {wrong:?}", ours.wrong));
        }
        for (python, found) in pythons.iter().zip(batch.read(&pythons)) {
            if found.wrong.is_empty() == libvshadow {
                surprises.push(format!("{name}: libvshadow {}: {:?}", python.version, found.wrong));
            }
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}
