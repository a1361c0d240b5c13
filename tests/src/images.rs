//! The disk images of the corpus, as devices. They are qcow2; `qemu-img` makes them raw, in a folder that goes away with the device.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a missing qemu-img is said")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use vssim_sim::disk_format::{ReadAt, ReadError};

use crate::corpus::Corpus;

/// An image of the corpus.
pub struct Image {
    file: File,
    size: u64,
    /// The parts that may hold something other than zeros, in order.
    data: Vec<(u64, u64)>,
    _folder: TempDir,
}

impl Image {
    /// Converts the image of this name. Without `qemu-img` there is none, and that is said.
    ///
    /// # Panics
    /// When qemu-img fails, or is missing although CI=true.
    #[must_use]
    pub fn open(corpus: &Corpus, name: &str) -> Option<Image> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let from = corpus.0.join("recorded/images").join(name).with_extension("qcow2");
        let raw = folder.path().join("image.raw");
        let run = |arguments: &[&str], last: &[&Path]| Command::new("qemu-img").args(arguments).args(last).output();
        let Ok(converted) = run(&["convert", "-f", "qcow2", "-O", "raw"], &[&from, &raw]) else {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "qemu-img is missing");
            println!("skipped: no qemu-img");
            return None;
        };
        assert!(converted.status.success(), "{}", String::from_utf8_lossy(&converted.stderr));
        let map = run(&["map", "-f", "raw", "--output=json"], &[&raw]).expect("qemu-img was there before");
        let map: serde_json::Value = serde_json::from_slice(&map.stdout).expect("qemu-img maps in JSON");
        let extents = map.as_array().expect("a list of extents").iter();
        let number = |extent: &serde_json::Value, field: &str| extent[field].as_u64().expect("a number");
        let data = extents
            .filter(|extent| extent["zero"] != true)
            .map(|extent| (number(extent, "start"), number(extent, "start") + number(extent, "length")))
            .collect();
        let file = File::open(&raw).expect("qemu-img wrote it");
        let size = file.metadata().expect("it is a file").len();
        Some(Image { file, size, data, _folder: folder })
    }
}

impl ReadAt for Image {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let length = into.len() as u64;
        ReadError::check(offset, length, self.size)?;
        // Holes need no system call.
        let (mut at, end) = (offset, offset + length);
        while at < end {
            let (start, stop) = self.next_data(at).map_or((end, end), |(start, stop)| (start.min(end), stop.min(end)));
            let within = |place: u64| (place - offset) as usize;
            into[within(at)..within(start)].fill(0);
            let data = &mut into[within(start)..within(stop)];
            self.file.read_exact_at(data, start).map_err(|error| ReadError {
                offset,
                length,
                why: error.to_string(),
            })?;
            at = stop;
        }
        Ok(())
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        let next = self.data.partition_point(|(_, end)| *end <= offset);
        self.data.get(next).map(|(start, end)| (offset.max(*start), *end))
    }
}

/// The SHA-256 of a device, in hexadecimal.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn sha256(device: &dyn ReadAt) -> String {
    const STEP: usize = 1 << 20;
    let (mut hash, mut buffer, zeros) = (Sha256::new(), vec![0; STEP], vec![0; STEP]);
    let mut at = 0;
    while at < device.size() {
        let (start, end) = device.next_data(at).unwrap_or((device.size(), device.size()));
        while at < start {
            let count = (start - at).min(STEP as u64);
            hash.update(&zeros[..count as usize]);
            at += count;
        }
        while at < end {
            let count = (end - at).min(STEP as u64);
            device.read_at(at, &mut buffer[..count as usize]).expect("the device can be read");
            hash.update(&buffer[..count as usize]);
            at += count;
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
