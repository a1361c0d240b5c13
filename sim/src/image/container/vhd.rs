//! VHD, the container of Virtual PC and older Windows. Source: Microsoft, "Virtual Hard Disk Image Format Specification" (2006).
//!
//! ```text
//!  fixed:    data … ─ footer (the last 512 bytes)
//!  dynamic:  copy of the footer ─ header ─ block table ─ blocks: bitmap of sectors, data … ─ footer
//! ```
//!
//! Numbers are big endian. The bitmap of a block says which sectors were written; the others hold zeros in a dynamic disk, so data are
//! read as they lie there. A differencing disk needs its parent and is refused.

use super::ContainerError;
use super::cache::Tables;
use super::map::{Map, Piece, Place};
use crate::disk_format::device::Part;
use crate::disk_format::{ReadAt, ReadError, SECTOR};

const FOOTER_COOKIE: &[u8] = b"conectix";
const HEADER_COOKIE: &[u8] = b"cxsparse";

/// What a file turned out to be.
pub(super) enum Found<D> {
    /// No VHD.
    Nothing(D),
    /// A fixed disk.
    Fixed(Part<D>),
    /// A dynamic disk.
    Dynamic(Box<Dynamic<D>>),
}

/// The footer's numbers.
struct Footer {
    at: u64,
    header: u64,
    size: u64,
    kind: u32,
}

/// The sum that footer and header end with: of all bytes but its own, inverted.
fn checksum(bytes: &[u8], at: usize) -> u32 {
    let counted = bytes.iter().enumerate().filter(|(place, _)| !(at..at + 4).contains(place));
    !counted.fold(0_u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut taken = [0; 4];
    taken.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(taken)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) << 32 | u64::from(u32_at(bytes, at + 4))
}

/// The footer in these bytes; `None` without its cookie.
fn footer(bytes: &[u8; 512], at: u64) -> Option<Result<Footer, ContainerError>> {
    if !bytes.starts_with(FOOTER_COOKIE) {
        return None;
    }
    let (expected, found) = (checksum(bytes, 64), u32_at(bytes, 64));
    if expected != found {
        let why =
            format!("the footer of the VHD is damaged: expected the checksum {expected:#010x}, found {found:#010x}");
        return Some(Err(ContainerError::new(at + 64, why)));
    }
    Some(Ok(Footer { at, header: u64_at(bytes, 16), size: u64_at(bytes, 48), kind: u32_at(bytes, 60) }))
}

/// Opens the file when it is a VHD. `start` are its first 512 bytes.
pub(super) fn open<D: ReadAt>(file: D, start: &[u8; 512]) -> Result<Found<D>, ContainerError> {
    let Some(end) = file.size().checked_sub(SECTOR) else { return Ok(Found::Nothing(file)) };
    let mut last = [0; 512];
    file.read_at(end, &mut last)?;
    // A dynamic disk has its footer twice, and one of them may be damaged or, when the file was cut off, missing.
    let footer = match (footer(&last, end), footer(start, 0)) {
        (Some(Ok(footer)), _) | (_, Some(Ok(footer))) => footer,
        (Some(Err(error)), _) | (_, Some(Err(error))) => return Err(error),
        (None, None) => return Ok(Found::Nothing(file)),
    };
    match footer.kind {
        2 if footer.at == end && footer.size <= end => Ok(Found::Fixed(Part::new(file, 0, footer.size))),
        2 => {
            let why = format!("a fixed VHD of {} bytes; only {end} bytes lie before the footer", footer.size);
            Err(ContainerError::new(footer.at + 48, why))
        }
        3 => Dynamic::open(file, &footer).map(|disk| Found::Dynamic(Box::new(disk))),
        4 => {
            let why = "a differencing VHD holds only what differs from its parent; merge both first (`Merge-VHD`, or `qemu-img convert`)";
            Err(ContainerError::new(footer.at + 60, why))
        }
        other => Err(ContainerError::new(
            footer.at + 60,
            format!("the VHD is of an unknown kind ({other}); 2 and 3 are read"),
        )),
    }
}

/// A VHD that grows.
pub(super) struct Dynamic<D> {
    tables: Tables<D>,
    size: u64,
    table: u64,
    block: u64,
    /// What lies before the data of a block.
    bitmap: u64,
}

/// A block that was never written.
const UNUSED: u32 = u32::MAX;

impl<D: ReadAt> Dynamic<D> {
    fn open(file: D, footer: &Footer) -> Result<Dynamic<D>, ContainerError> {
        let tables = Tables::new(file);
        let at = footer.header;
        let header: [u8; 1024] = tables.array(at)?;
        if !header.starts_with(HEADER_COOKIE) {
            return Err(ContainerError::new(at, "expected the header of a dynamic VHD, which begins with `cxsparse`"));
        }
        let (expected, found) = (checksum(&header, 36), u32_at(&header, 36));
        if expected != found {
            let why = format!(
                "the header of the VHD is damaged: expected the checksum {expected:#010x}, found {found:#010x}"
            );
            return Err(ContainerError::new(at + 36, why));
        }
        let (table, entries, block) =
            (u64_at(&header, 16), u64::from(u32_at(&header, 28)), u64::from(u32_at(&header, 32)));
        if !block.is_power_of_two() || block < SECTOR {
            let why = format!("blocks of {block} bytes; expected a power of two from 512 on");
            return Err(ContainerError::new(at + 32, why));
        }
        let bitmap = (block / SECTOR).div_ceil(8).next_multiple_of(SECTOR);
        let dynamic = Dynamic { tables, size: footer.size, table, block, bitmap };
        dynamic.check_table(at, entries)?;
        Ok(dynamic)
    }

    /// The table lies in the file and covers the disk, and it names no more blocks than there is room for.
    fn check_table(&self, header: u64, entries: u64) -> Result<(), ContainerError> {
        let (size, needed) = (self.tables.size(), self.size.div_ceil(self.block));
        if entries < needed {
            let why = format!("the block table has {entries} entries; a disk of {} bytes takes {needed}", self.size);
            return Err(ContainerError::new(header + 28, why));
        }
        if self.table.checked_add(needed * 4).is_none_or(|end| end > size) {
            let why = format!(
                "the block table at {:#x} with {needed} entries does not lie in the file of {size} bytes",
                self.table
            );
            return Err(ContainerError::new(header + 16, why));
        }
        let room = size / (self.block + self.bitmap) + 1;
        let mut used = 0;
        for number in 0..needed {
            used += u64::from(self.entry(number)? != UNUSED);
            if used > room {
                let why =
                    format!("the block table names more blocks than the file of {size} bytes has room for ({room})");
                return Err(ContainerError::new(self.table, why));
            }
        }
        Ok(())
    }

    fn entry(&self, number: u64) -> Result<u32, ReadError> {
        self.tables.array(self.table + number * 4).map(u32::from_be_bytes)
    }
}

impl<D: ReadAt> Map for Dynamic<D> {
    fn disk_size(&self) -> u64 {
        self.size
    }

    fn piece(&self, offset: u64) -> Result<Piece, ContainerError> {
        let (number, within) = (offset / self.block, offset % self.block);
        let length = (self.block - within).min(self.size - offset);
        let entry = self.entry(number)?;
        if entry == UNUSED {
            return Ok(Piece { place: Place::Zeros, length });
        }
        let at = u64::from(entry) * SECTOR + self.bitmap + within;
        let size = self.tables.size();
        if at + length > size {
            let why = format!("block {number} lies at {:#x} and ends beyond the file of {size} bytes", at - within);
            return Err(ContainerError::new(self.table + number * 4, why));
        }
        Ok(Piece { place: Place::At(at), length })
    }

    fn read_file(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.tables.file().read_at(offset, into)
    }
}
