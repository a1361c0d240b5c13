//! The volumes of a disk: partition tables of both kinds, or none.
//!
//! A device that begins with an NTFS boot sector, or has a volume header at its place, is one volume. Otherwise the first sector is a
//! master boot record: its own entries and the chain of logical partitions, or an entry that says that there is a GPT. A GPT is believed when its
//! checksums are right; where only the backup at the end of the disk is, that one is used, and a finding says so.

use std::collections::BTreeSet;

use vssim_model::ids::Guid;

use super::verify::{Finding, Severity};
use super::{ImageError, read_exactly};
use crate::disk_format::{BootSector, IDENTIFIER, ReadAt, VOLUME_HEADER_OFFSET, VolumeHeader, guid_at, u32_at, u64_at};

/// The most bytes of a GPT's entries that are read; Windows writes 16 KiB.
const MOST_ENTRY_BYTES: u64 = 1 << 20;
const MBR_SECTOR: u64 = 512;
const MBR: &str = "master boot record";
const EBR: &str = "extended boot record";
const GPT: &str = "GPT header";
const GPT_ENTRY: &str = "GPT entry";

/// How a device is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// It is one volume.
    Bare,
    /// By a master boot record.
    Mbr,
    /// By a GUID partition table.
    Gpt,
}

/// What a partition table says that a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionType {
    /// There is no table.
    Bare,
    /// The type of a master boot record; 7 is NTFS.
    Mbr(u8),
    /// The type GUID of a GPT.
    Gpt(Guid),
}

/// A volume of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number: the entry, counted from 1; logical partitions count from 5 on.
    pub number: u32,
    /// Where it starts.
    pub offset: u64,
    /// How many bytes it has, as the table says. The device may have less.
    pub size: u64,
    /// What the table says that it is.
    pub kind: PartitionType,
    /// Whether it begins with an NTFS boot sector.
    pub is_ntfs: bool,
    /// The GUID of its volume header, where there is one.
    pub volume: Option<Guid>,
    /// Its GUID, in a GPT.
    pub id: Option<Guid>,
    /// Its name, in a GPT.
    pub name: String,
}

/// The volumes of a device, in the order of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions {
    /// How it is divided.
    pub scheme: Scheme,
    /// The volumes.
    pub list: Vec<Partition>,
    /// What is wrong with the table although it can be read.
    pub findings: Vec<Finding>,
}

/// Finds the volumes of a device.
///
/// # Errors
/// When it has neither a volume nor a partition table at its start, or the table cannot be read.
pub fn read_partitions(device: &dyn ReadAt) -> Result<Partitions, ImageError> {
    let mut found = Partitions { scheme: Scheme::Bare, list: Vec::new(), findings: Vec::new() };
    let mut sector = [0; 512];
    read_exactly(device, 0, &mut sector, MBR)?;
    let (is_ntfs, volume) = look_inside(device, 0, &sector);
    if is_ntfs || volume.is_some() {
        let size = device.size();
        let (kind, id) = (PartitionType::Bare, None);
        found.list.push(Partition { number: 1, offset: 0, size, kind, is_ntfs, volume, id, name: String::new() });
        return Ok(found);
    }
    if sector[510..] != [0x55, 0xaa] {
        let why = "the device begins neither with an NTFS volume nor with a partition table";
        return Err(ImageError::new(510, MBR, why));
    }
    if mbr_entries(&sector).any(|entry| entry.kind == 0xee) {
        found.scheme = Scheme::Gpt;
        gpt(device, &mut found)?;
    } else {
        found.scheme = Scheme::Mbr;
        mbr(device, &sector, &mut found)?;
    }
    found.compare_places(device.size());
    Ok(found)
}

impl Partitions {
    fn wrong(&mut self, offset: u64, structure: &'static str, field: &'static str, expected: &str, found: String) {
        let severity = Severity::Wrong;
        self.findings.push(Finding { offset, structure, field, expected: expected.to_owned(), found, severity });
    }

    fn add(&mut self, device: &dyn ReadAt, partition: Partition) {
        let mut sector = [0; 512];
        let read = device.read_at(partition.offset, &mut sector);
        let (is_ntfs, volume) =
            if read.is_ok() { look_inside(device, partition.offset, &sector) } else { (false, None) };
        self.list.push(Partition { is_ntfs, volume, ..partition });
    }

    /// Tells of partitions that do not lie inside the device, or lie in one another.
    fn compare_places(&mut self, size: u64) {
        let mut places: Vec<(u64, u64, u32)> =
            self.list.iter().map(|one| (one.offset, one.offset.saturating_add(one.size), one.number)).collect();
        places.sort_unstable();
        for (start, end, number) in &places {
            if *end > size {
                let expected = format!("an end of at most {size:#x}");
                self.wrong(*start, "partition", "end", &expected, format!("partition {number} ends at {end:#x}"));
            }
        }
        for pair in places.windows(2) {
            let ((_, end, first), (start, _, second)) = (pair[0], pair[1]);
            if start < end {
                let found = format!("partition {first} ends at {end:#x}, partition {second} starts at {start:#x}");
                self.wrong(start, "partition", "start", "partitions that do not share bytes", found);
            }
        }
    }
}

/// Whether NTFS begins at `offset`, and the volume that its volume header names.
fn look_inside(device: &dyn ReadAt, offset: u64, first: &[u8; 512]) -> (bool, Option<Guid>) {
    let mut header = [0; 512];
    let at = offset.checked_add(VOLUME_HEADER_OFFSET);
    let read = at.is_some_and(|at| device.read_at(at, &mut header).is_ok());
    let volume = (read && guid_at(&header, 0) == IDENTIFIER).then(|| VolumeHeader::decode(&header).ok()).flatten();
    (BootSector::decode(first).is_ok(), volume.map(|header| header.volume))
}

/// An entry of a boot record.
#[derive(Clone, Copy)]
struct MbrEntry {
    slot: u32,
    kind: u8,
    start: u64,
    sectors: u64,
}

impl MbrEntry {
    fn is_extended(self) -> bool {
        matches!(self.kind, 0x05 | 0x0f | 0x85)
    }
}

/// The entries that are in use.
fn mbr_entries(sector: &[u8; 512]) -> impl Iterator<Item = MbrEntry> {
    let entry = |slot: u32| {
        let bytes = &sector[446 + 16 * slot as usize..][..16];
        let (start, sectors) = (u64::from(u32_at(bytes, 8)), u64::from(u32_at(bytes, 12)));
        MbrEntry { slot, kind: bytes[4], start, sectors }
    };
    (0..4).map(entry).filter(|entry| entry.kind != 0 && entry.sectors != 0)
}

fn mbr(device: &dyn ReadAt, sector: &[u8; 512], found: &mut Partitions) -> Result<(), ImageError> {
    for entry in mbr_entries(sector).filter(|entry| !entry.is_extended()) {
        found.add(device, mbr_partition(entry.slot + 1, entry.start, &entry));
    }
    let mut number = 5;
    for extended in mbr_entries(sector).filter(|entry| entry.is_extended()) {
        logical(device, &extended, &mut number, found)?;
    }
    Ok(())
}

/// Follows the chain of boot records of an extended partition. Each has a logical partition, counted from itself, and the next
/// record, counted from the first one.
fn logical(
    device: &dyn ReadAt,
    extended: &MbrEntry,
    number: &mut u32,
    found: &mut Partitions,
) -> Result<(), ImageError> {
    let mut seen = BTreeSet::new();
    let mut at = extended.start;
    loop {
        let offset = at * MBR_SECTOR;
        if !seen.insert(at) {
            return Err(ImageError::new(offset, EBR, "the chain of logical partitions comes back to this record"));
        }
        let mut sector = [0; 512];
        read_exactly(device, offset, &mut sector, EBR)?;
        if sector[510..] != [0x55, 0xaa] {
            return Err(ImageError::new(offset + 510, EBR, "it does not end with 55 AA"));
        }
        let mut next = None;
        for entry in mbr_entries(&sector).filter(|entry| entry.slot < 2) {
            if entry.is_extended() {
                next = next.or(Some(extended.start + entry.start));
            } else {
                found.add(device, mbr_partition(*number, at + entry.start, &entry));
                *number += 1;
            }
        }
        let Some(next) = next else {
            return Ok(());
        };
        if next >= extended.start + extended.sectors {
            let why = format!("the next record, at {:#x}, lies outside the extended partition", next * MBR_SECTOR);
            return Err(ImageError::new(offset, EBR, why));
        }
        at = next;
    }
}

fn mbr_partition(number: u32, start: u64, entry: &MbrEntry) -> Partition {
    let (offset, size) = (start * MBR_SECTOR, entry.sectors * MBR_SECTOR);
    let kind = PartitionType::Mbr(entry.kind);
    Partition { number, offset, size, kind, is_ntfs: false, volume: None, id: None, name: String::new() }
}

/// A GPT header whose checksum, and that of its entries, is right.
struct Gpt {
    sector: u64,
    backup: u64,
    entries: u64,
    count: u32,
    entry_bytes: u64,
}

fn gpt(device: &dyn ReadAt, found: &mut Partitions) -> Result<(), ImageError> {
    let primary = gpt_header(device, 512, 512).or_else(|error| gpt_header(device, 4096, 4096).map_err(|_| error));
    let table = match primary {
        Ok(table) => {
            let end = device.size() / table.sector;
            if let Err(error) = gpt_header(device, table.backup.saturating_mul(table.sector), table.sector) {
                found.wrong(error.offset, GPT, "backup", "a backup as good as the first one", error.why);
            } else if table.backup.saturating_add(1) != end {
                let offset = table.sector + 32;
                let there = format!("sector {}", table.backup);
                found.wrong(offset, GPT, "place of the backup", &format!("sector {}, the last one", end - 1), there);
            }
            table
        }
        Err(error) => {
            let last = |sector: u64| gpt_header(device, (device.size() / sector).saturating_sub(1) * sector, sector);
            let backup = last(512).or_else(|_| last(4096)).map_err(|_| error.clone())?;
            found.wrong(error.offset, error.structure, "first table", "a table with right checksums", error.why);
            backup
        }
    };
    let mut entry = [0; 128];
    for slot in 0..table.count {
        let offset = table.entries + u64::from(slot) * table.entry_bytes;
        read_exactly(device, offset, &mut entry, GPT_ENTRY)?;
        let kind = guid_at(&entry, 0);
        if kind == Guid(0) {
            continue;
        }
        let (first, last) = (u64_at(&entry, 32), u64_at(&entry, 40));
        let size = last.checked_sub(first).and_then(|more| more.checked_add(1)?.checked_mul(table.sector));
        let (Some(size), Some(start)) = (size, first.checked_mul(table.sector)) else {
            found.wrong(
                offset + 32,
                GPT_ENTRY,
                "sectors",
                "a first sector before the last",
                format!("{first} to {last}"),
            );
            continue;
        };
        let units: Vec<u16> = entry[56..].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        let name = String::from_utf16_lossy(units.split(|unit| *unit == 0).next().unwrap_or_default());
        let (kind, id) = (PartitionType::Gpt(kind), Some(guid_at(&entry, 16)));
        let number = slot + 1;
        found.add(device, Partition { number, offset: start, size, kind, is_ntfs: false, volume: None, id, name });
    }
    Ok(())
}

/// Reads the header at `offset` of a disk with sectors of `sector` bytes, and checks it and its entries.
fn gpt_header(device: &dyn ReadAt, offset: u64, sector: u64) -> Result<Gpt, ImageError> {
    let refuse = |at: u64, why: String| Err(ImageError::new(offset + at, GPT, why));
    let mut bytes = [0; 512];
    read_exactly(device, offset, &mut bytes, GPT)?;
    if bytes[..8] != *b"EFI PART" {
        return refuse(0, "it does not begin with `EFI PART`".to_owned());
    }
    let length = u32_at(&bytes, 12) as usize;
    if !(92..=512).contains(&length) {
        return refuse(12, format!("its size is {length}; expected 92 to 512"));
    }
    let stored = u32_at(&bytes, 16);
    bytes[16..20].fill(0);
    let found = !crc32(!0, &bytes[..length]);
    if found != stored {
        return refuse(16, format!("its checksum is {found:#x}, not {stored:#x}"));
    }
    if u64_at(&bytes, 24).checked_mul(sector) != Some(offset) {
        return refuse(24, format!("it says that it lies in sector {}", u64_at(&bytes, 24)));
    }
    let (count, entry_bytes) = (u32_at(&bytes, 80), u64::from(u32_at(&bytes, 84)));
    let total = u64::from(count) * entry_bytes;
    if entry_bytes < 128 || !entry_bytes.is_power_of_two() || total > MOST_ENTRY_BYTES {
        let expected = format!("at most {MOST_ENTRY_BYTES} bytes, 128 or a power of two above for each");
        return refuse(80, format!("it has {count} entries of {entry_bytes} bytes; expected {expected}"));
    }
    let entries = u64_at(&bytes, 72).checked_mul(sector);
    let entries = entries.filter(|start| start.checked_add(total).is_some_and(|end| end <= device.size()));
    let Some(entries) = entries else {
        return refuse(72, "its entries do not lie inside the disk".to_owned());
    };
    let mut checksum = !0;
    let mut entry = [0; 128];
    for at in (0..total).step_by(128) {
        read_exactly(device, entries + at, &mut entry, GPT_ENTRY)?;
        checksum = crc32(checksum, &entry);
    }
    if !checksum != u32_at(&bytes, 88) {
        let stored = u32_at(&bytes, 88);
        return refuse(88, format!("the checksum of its entries is {:#x}, not {stored:#x}", !checksum));
    }
    Ok(Gpt { sector, backup: u64_at(&bytes, 32), entries, count, entry_bytes })
}

/// Goes on with the CRC-32 of IEEE 802.3, which GPT uses. It starts with all ones, and is inverted at its end.
fn crc32(checksum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(checksum, |checksum, byte| {
        (0..8).fold(checksum ^ u32::from(*byte), |rest, _| (rest >> 1) ^ (0xedb8_8320 & (rest & 1).wrapping_neg()))
    })
}

#[cfg(test)]
#[path = "partition_tests.rs"]
mod tests;
