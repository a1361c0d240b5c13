//! libvshadow opens what the simulator writes: random histories, read back by two releases of it and by our own reader.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the environment says how many histories; what was read is said"
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use vssim_sim::disk_format::ReadAt;
use vssim_tests::histories::History;
use vssim_tests::libvshadow::{Batch, Findings, expected, pythons, read_ourselves, shapes, verify_ourselves};

/// How many histories one call of a reader gets.
const BATCH: u64 = 20;

/// How many histories an ordinary run reads.
const ORDINARY: u64 = 60;

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
    let wrong: Vec<&String> = std::iter::once(&ours).chain(&theirs).flat_map(|found| &found.wrong).collect();
    assert!(wrong.is_empty(), "{} things are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}

#[test]
fn copies_of_random_histories_are_read_back_as_they_were_made() {
    read_histories(wanted());
}
