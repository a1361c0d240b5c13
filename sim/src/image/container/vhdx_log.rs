//! The log of a VHDX: changes of its tables that were decided and perhaps not carried out. They are carried out in memory.
//!
//! ```text
//!  log, a ring of 4 KiB sectors:  … ─ entry n ─ entry n + 1 ─ …
//!  entry:  header ─ descriptors (a sector of data, or a run of zeros, and where it belongs) ─ data sectors
//! ```
//!
//! Entries with rising numbers make a sequence. The sequence with the highest number counts, from the entry that its last one calls the
//! tail. Source: Microsoft, [MS-VHDX] 2.3.

use vssim_model::ids::Guid;

use super::ContainerError;
use super::vhdx::checksum_is_right;
use crate::disk_format::{ReadAt, ReadError, guid_at, u32_at, u64_at};

/// The sector of a log.
const SECTOR: u64 = 4096;

/// The largest log that is carried out in memory. Windows makes logs of 1 MiB.
const LARGEST: u64 = 64 << 20;

/// A file with the changes of its log.
pub(super) struct Replayed<D> {
    file: D,
    size: u64,
    /// In the order in which they happened.
    writes: Vec<Write>,
}

/// A change.
struct Write {
    offset: u64,
    length: u64,
    /// None for zeros.
    data: Option<Box<[u8; SECTOR as usize]>>,
}

/// Where a log lies, and the GUID that its entries carry.
pub(super) struct Log {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) id: Guid,
}

/// An entry of the log.
struct Entry {
    /// Where it lies in the log.
    at: u64,
    tail: u64,
    sequence: u64,
    bytes: Vec<u8>,
}

impl<D: ReadAt> Replayed<D> {
    /// The file as it is.
    pub(super) fn unchanged(file: D) -> Replayed<D> {
        Replayed { size: file.size(), file, writes: Vec::new() }
    }

    /// The file with what its log says.
    pub(super) fn with(file: D, log: &Log) -> Result<Replayed<D>, ContainerError> {
        let mut replayed = Replayed::unchanged(file);
        if !log.length.is_multiple_of(SECTOR)
            || log.offset.checked_add(log.length).is_none_or(|end| end > replayed.size)
        {
            let (offset, length, size) = (log.offset, log.length, replayed.size);
            let why = format!("the log at {offset:#x} of {length} bytes does not lie in the file of {size} bytes");
            return Err(ContainerError::new(offset, why));
        }
        if log.length > LARGEST {
            let why = format!(
                "the log is not empty and has {} bytes; {LARGEST} are carried out at most. Mount the image once in Windows, or run \
                 `qemu-img check -r all` on a copy",
                log.length
            );
            return Err(ContainerError::new(log.offset, why));
        }
        let mut reader = Reader { file: &replayed.file, log, budget: log.length.saturating_mul(8) };
        let entries = reader.active_sequence()?;
        let mut writes = Vec::new();
        for entry in &entries {
            add_writes(entry, log, replayed.size, &mut writes)?;
        }
        replayed.writes = writes;
        Ok(replayed)
    }
}

impl<D: ReadAt> ReadAt for Replayed<D> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.file.read_at(offset, into)?;
        let end = offset.saturating_add(into.len() as u64);
        for write in &self.writes {
            let (from, to) = (write.offset.max(offset), write.offset.saturating_add(write.length).min(end));
            if from >= to {
                continue;
            }
            let place = |at: u64, start: u64| usize::try_from(at - start).unwrap_or_default();
            let target = &mut into[place(from, offset)..place(to, offset)];
            match &write.data {
                Some(data) => target.copy_from_slice(&data[place(from, write.offset)..place(to, write.offset)]),
                None => target.fill(0),
            }
        }
        Ok(())
    }
}

/// Reads the entries of a log.
struct Reader<'a, D> {
    file: &'a D,
    log: &'a Log,
    /// How many bytes may still be read. Each belongs to one entry in a sound log; entries that lie in one another use it up.
    budget: u64,
}

impl<D: ReadAt> Reader<'_, D> {
    /// The entries to carry out, in order: none when no sequence is whole, which is a log that was never begun.
    fn active_sequence(&mut self) -> Result<Vec<Entry>, ContainerError> {
        let mut active: Vec<Entry> = Vec::new();
        let mut at = 0;
        while at < self.log.length {
            let candidate = self.sequence_from(at)?;
            let end = candidate.last().map_or(at + SECTOR, |last| last.at + last.bytes.len() as u64);
            let wrapped = candidate.last().is_some_and(|last| last.at < at);
            let tail = candidate.last().and_then(|last| candidate.iter().position(|entry| entry.at == last.tail));
            if let Some(tail) = tail {
                let number = |entries: &[Entry]| entries.last().map_or(0, |last| last.sequence);
                if number(&candidate) > number(&active) {
                    active = candidate.into_iter().skip(tail).collect();
                }
            }
            if wrapped {
                break;
            }
            at = end;
        }
        Ok(active)
    }

    /// The entries from `start` on, as far as they follow each other.
    fn sequence_from(&mut self, start: u64) -> Result<Vec<Entry>, ContainerError> {
        let mut entries: Vec<Entry> = Vec::new();
        let (mut at, mut taken) = (start, 0);
        while let Some(entry) = self.entry(at)? {
            taken += entry.bytes.len() as u64;
            let follows = entries.last().is_none_or(|last| last.sequence.checked_add(1) == Some(entry.sequence));
            if !follows || taken > self.log.length {
                break;
            }
            at = (at + entry.bytes.len() as u64) % self.log.length;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// The entry at a place of the log; `None` when there is no whole one of this log.
    fn entry(&mut self, at: u64) -> Result<Option<Entry>, ContainerError> {
        let mut head = [0; 64];
        self.read(at, &mut head)?;
        let (length, tail) = (u64::from(u32_at(&head, 8)), u64::from(u32_at(&head, 12)));
        let plausible = head.starts_with(b"loge")
            && length.is_multiple_of(SECTOR)
            && (SECTOR..=self.log.length).contains(&length)
            && guid_at(&head, 32) == self.log.id
            && u64_at(&head, 16) > 0;
        if !plausible {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.read(at, &mut bytes)?;
        Ok(checksum_is_right(&bytes).then(|| Entry { at, tail, sequence: u64_at(&head, 16), bytes }))
    }

    /// Reads from the ring.
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ContainerError> {
        let length = into.len() as u64;
        self.budget = self
            .budget
            .checked_sub(length)
            .ok_or_else(|| ContainerError::new(self.log.offset, "the entries of the log lie in one another"))?;
        let before_end = usize::try_from((self.log.length - at).min(length)).unwrap_or_default();
        let (first, second) = into.split_at_mut(before_end);
        self.file.read_at(self.log.offset + at, first)?;
        self.file.read_at(self.log.offset, second)?;
        Ok(())
    }
}

/// What an entry changes.
fn add_writes(entry: &Entry, log: &Log, size: u64, writes: &mut Vec<Write>) -> Result<(), ContainerError> {
    let bytes = &entry.bytes;
    let wrong = |what: &str| ContainerError::new(log.offset + entry.at, format!("an entry of the log: {what}"));
    for (at, what) in [(48, "was flushed"), (56, "ends")] {
        if u64_at(bytes, at) > size {
            let why = format!("the file {what} at {} when it was written, and has {size} bytes now", u64_at(bytes, at));
            return Err(wrong(&why));
        }
    }
    let count = usize::try_from(u32_at(bytes, 24)).unwrap_or(usize::MAX);
    let sector = SECTOR as usize;
    let descriptors = count.checked_mul(32).and_then(|length| bytes.get(64..)?.get(..length));
    let descriptors = descriptors.ok_or_else(|| wrong("more descriptors than it has room for"))?;
    let mut data_at = (64 + descriptors.len()).next_multiple_of(sector);
    for descriptor in descriptors.chunks_exact(32) {
        let (offset, sequence) = (u64_at(descriptor, 16), u64_at(descriptor, 24));
        if sequence != entry.sequence {
            return Err(wrong("a descriptor of another entry"));
        }
        let write = if descriptor.starts_with(b"zero") {
            Write { offset, length: u64_at(descriptor, 8), data: None }
        } else if descriptor.starts_with(b"desc") {
            let from = bytes.get(data_at..).and_then(|rest| rest.get(..sector));
            let from = from.ok_or_else(|| wrong("fewer data sectors than descriptors"))?;
            let number = u64::from(u32_at(from, 4)) << 32 | u64::from(u32_at(from, sector - 4));
            if !from.starts_with(b"data") || number != entry.sequence {
                return Err(wrong("a data sector of another entry"));
            }
            let mut data = Box::new([0; SECTOR as usize]);
            data.copy_from_slice(from);
            data[..8].copy_from_slice(&descriptor[8..16]);
            data[sector - 4..].copy_from_slice(&descriptor[4..8]);
            data_at += sector;
            Write { offset, length: SECTOR, data: Some(data) }
        } else {
            return Err(wrong("a descriptor that begins neither with `desc` nor with `zero`"));
        };
        if write.offset.checked_add(write.length).is_none_or(|end| end > size) {
            return Err(wrong(&format!(
                "{} bytes at {offset:#x}, which is not in the file of {size} bytes",
                write.length
            )));
        }
        writes.push(write);
    }
    Ok(())
}
