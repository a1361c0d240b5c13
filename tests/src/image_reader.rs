//! What `vssim image` does with a disk of unknown origin, and what has to hold of it: the container is found, then the partitions, every
//! structure is verified, every copy is read by both rules. Time is bounded: of a large disk only a part is read.

use vssim_sim::disk_format::device::Part;
use vssim_sim::disk_format::{BLOCK, ReadAt, SECTOR};
use vssim_sim::image::container::{Container, Format};
use vssim_sim::image::{Copies, Finding, MOST_FINDINGS, NeverCopied, View, read_partitions, verify};

use crate::image_cases::{Case, case};
use crate::readers::check_error;

/// The longest error or finding, in bytes.
const ERROR_LIMIT: usize = 2 << 10;
/// The most partitions and copies that are read.
const MOST: usize = 8;
/// The most blocks of a run that are read.
const MOST_BLOCKS: usize = 64;
/// The most steps from run to run.
const MOST_STEPS: usize = 256;

/// A case of [`image_cases`](crate::image_cases): a file, or a damaged sample. Whether everything in it could be read.
///
/// # Panics
/// When something does not hold.
#[must_use]
pub fn image(bytes: &[u8]) -> bool {
    match case(bytes) {
        Case::File(file) => opened(file, None),
        Case::Disks(disks) => match disks.as_slice() {
            [volume, area] => opened(volume, Some(area)),
            [whole, ..] => opened(whole, None),
            [] => false,
        },
    }
}

/// A file: what it contains, and the disk in it.
fn opened(file: impl ReadAt, area: Option<&dyn ReadAt>) -> bool {
    match Container::open(file) {
        Ok(container) => {
            let is_read = container.format() == Format::Raw || check_bytes(&container);
            disk(&container, area) && is_read
        }
        Err(error) => refused(&error.to_string()),
    }
}

fn refused(error: &str) -> bool {
    check_error(error, ERROR_LIMIT);
    false
}

fn disk(device: &dyn ReadAt, area: Option<&dyn ReadAt>) -> bool {
    let partitions = match read_partitions(device) {
        Ok(partitions) => partitions,
        Err(error) => {
            let _ = volume(device, area);
            return refused(&error.to_string());
        }
    };
    partitions.findings.iter().for_each(check_finding);
    let mut is_good = true;
    for partition in partitions.list.iter().take(MOST) {
        is_good &= volume(&Part::new(device, partition.offset, partition.size), area);
    }
    is_good
}

fn volume(device: &dyn ReadAt, area: Option<&dyn ReadAt>) -> bool {
    for other in [None].into_iter().chain(area.map(Some)) {
        let findings = verify(device, other);
        for list in [&findings.volume, &findings.area] {
            // The last one says that there were more.
            assert!(list.len() <= MOST_FINDINGS + 1, "{} findings", list.len());
            list.iter().for_each(check_finding);
        }
    }
    let _ = Copies::open(device, None).map(|copies| copies.list().len());
    let copies = match Copies::open(device, area) {
        Ok(copies) => copies,
        Err(error) => return refused(&error.to_string()),
    };
    let mut is_good = true;
    for index in 0..=copies.list().len().min(MOST) {
        for rule in [NeverCopied::Live, NeverCopied::Zeros] {
            match copies.view(index, rule) {
                Ok(view) => is_good &= check_view(&view),
                // The last number is that of no copy.
                Err(error) => is_good &= refused(&error.to_string()) || index == copies.list().len(),
            }
        }
    }
    is_good
}

fn check_finding(finding: &Finding) {
    check_error(&finding.to_string(), ERROR_LIMIT);
}

/// Reads a view, by its bytes and by what it shares with the live volume.
fn check_view(view: &View<'_>) -> bool {
    let size = view.size();
    let mut at = 0;
    for _ in 0..MOST_STEPS {
        if at >= size {
            break;
        }
        let (_, end) = view.is_live(at);
        assert!(at < end && end <= size, "a run {at:#x}..{end:#x} of {size:#x} bytes");
        at = end;
    }
    check_bytes(view)
}

/// Goes from hole to hole and reads what lies between, in part a second time in other pieces.
fn check_bytes(device: &dyn ReadAt) -> bool {
    let size = device.size();
    let mut at = 0;
    for _ in 0..MOST_STEPS {
        let Some((start, end)) = device.next_data(at) else { break };
        assert!(
            at <= start && start < end && end <= size,
            "data at {start:#x}..{end:#x} behind {at:#x} of {size:#x} bytes"
        );
        if !(check_hole(device, at, start) && check_data(device, start, end)) {
            return false;
        }
        at = end;
    }
    assert!(device.read_at(size, &mut [0]).is_err(), "a byte behind the end");
    true
}

/// What lies between data is zeros. One sector is looked at.
fn check_hole(device: &dyn ReadAt, start: u64, end: u64) -> bool {
    let mut bytes = vec![0xff; usize::try_from((end - start).min(SECTOR)).unwrap_or(0)];
    match device.read_at(start, &mut bytes) {
        Ok(()) => assert!(bytes.iter().all(|byte| *byte == 0), "a hole at {start:#x} that is none"),
        Err(error) => return refused(&error.to_string()),
    }
    true
}

/// Reads a block whole and the end of its first sector alone, then one sector of each block that follows.
fn check_data(device: &dyn ReadAt, start: u64, end: u64) -> bool {
    let mut bytes = vec![0; usize::try_from((end - start).min(BLOCK)).unwrap_or(0)];
    if let Err(error) = device.read_at(start, &mut bytes) {
        return refused(&error.to_string());
    }
    let mut piece = [0; 3];
    let first = bytes.len().min(SECTOR as usize);
    if first > piece.len() {
        let at = first - piece.len();
        assert!(device.read_at(start + at as u64, &mut piece).is_ok(), "a part of what was read at {start:#x} is not");
        assert_eq!(piece, bytes[at..first], "a part of what was read at {start:#x} reads otherwise");
    }
    for at in (start..end).step_by(BLOCK as usize).skip(1).take(MOST_BLOCKS) {
        let sector = &mut bytes[..usize::try_from((end - at).min(SECTOR)).unwrap_or(0)];
        if let Err(error) = device.read_at(at, sector) {
            return refused(&error.to_string());
        }
    }
    true
}
