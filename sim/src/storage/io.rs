//! Reading and writing files of the live volume, through the gate, with the first copies a write causes.
//!
//! ```text
//!  submit ──► gate ──► wait                       (held)
//!               └────► write_file ──► for each block: is it pending? ──► newest copy's diff area saves it ──► the new bytes land
//! ```
//!
//! A block is saved once after a commit, and only when a file owned it at the commit. When the area is full the oldest copy of
//! the volume is lost, then the next, until there is room or no copy is left; the write lands in any case. [`super::shortage`]
//! says which copies go.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use vssim_model::ids::{SnapshotId, VolumeId};

use super::block_store::{BLOCK_BYTES, BLOCK_SIZE, ZEROS, pieces};
use super::file_table::{File, FileId};
use super::gate::{FileWrite, Passage};
use super::host::{Devices, Host, Place};
use super::shortage::{AreaEvent, AreaFault};
use super::{Storage, StorageError};

/// A block whose old content was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstCopy {
    /// The copy whose diff area has it now.
    pub snapshot: SnapshotId,
    /// The block of the volume.
    pub block: u64,
}

/// What writes caused. It only grows, so that one report can be used for many writes; [`clear`](WriteReport::clear) keeps its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Blocks saved before they were written over, in order.
    pub first_copies: Vec<FirstCopy>,
    /// Shadow copies lost because their diff area could not grow, oldest first.
    pub lost: Vec<SnapshotId>,
    /// What became of diff areas that could not grow, in order: why each of those copies was lost.
    pub events: Vec<AreaEvent>,
    /// Whether a write landed on a volume whose writes were held, which only a broken gate lets happen.
    pub leaked: bool,
}

impl WriteReport {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.first_copies.clear();
        self.lost.clear();
        self.events.clear();
        self.leaked = false;
    }
}

impl Storage {
    /// Holds the application writes of a volume (`IOCTL_VOLSNAP_FLUSH_AND_HOLD_WRITES`, SNP-010).
    ///
    /// # Errors
    /// When there is no such volume, or its writes are held already.
    pub fn hold(&mut self, volume: VolumeId) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        if !self.volumes[at].gate.hold() {
            return Err(StorageError::Held);
        }
        self.devices().flush(at);
        Ok(())
    }

    /// Lets writes through again and gives those that waited, first come first. They have not landed: the caller lands them with
    /// [`Storage::write_file`].
    ///
    /// # Errors
    /// When there is no such volume, or its writes are not held.
    pub fn release(&mut self, volume: VolumeId) -> Result<VecDeque<FileWrite>, StorageError> {
        let at = self.volume_at(volume)?;
        self.volumes[at].gate.release().ok_or(StorageError::NotHeld)
    }

    /// Plants or removes the fault of a gate that holds nothing back.
    ///
    /// # Errors
    /// When there is no such volume.
    pub fn set_gate_broken(&mut self, volume: VolumeId, broken: bool) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        self.volumes[at].gate.set_broken(broken);
        Ok(())
    }

    /// Plants or removes the fault of a volume whose old blocks are not saved before they are written over.
    ///
    /// # Errors
    /// When there is no such volume.
    pub fn set_forgetful(&mut self, volume: VolumeId, forgetful: bool) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        self.volumes[at].forgetful = forgetful;
        Ok(())
    }

    /// An application writes: the write lands, or waits while the volume's writes are held.
    ///
    /// # Errors
    /// As [`Storage::write_file`].
    pub fn submit(
        &mut self,
        volume: VolumeId,
        write: FileWrite,
        report: &mut WriteReport,
    ) -> Result<Passage, StorageError> {
        let at = self.volume_at(volume)?;
        let passage = self.volumes[at].gate.passage();
        if passage == Passage::Wait {
            self.volumes[at].gate.wait(write);
        } else {
            self.write_file(volume, write.file, write.offset, &write.bytes, report)?;
        }
        Ok(passage)
    }

    /// Makes a file; its bytes read as zeros.
    ///
    /// # Errors
    /// When there is no such volume, its writes are held, the path is bad or taken, or there is no room.
    pub fn create_file(&mut self, volume: VolumeId, path: &str, size: u64) -> Result<FileId, StorageError> {
        let at = self.unheld(volume)?;
        let file = self.volumes[at].files.create(path, size)?;
        self.volumes[at].files.touch(file, *self.now);
        Ok(file)
    }

    /// Removes a file. Its bytes stay on the volume until its blocks are written over.
    ///
    /// # Errors
    /// When there is no such volume or file, or the volume's writes are held.
    pub fn delete_file(&mut self, volume: VolumeId, file: FileId) -> Result<(), StorageError> {
        let at = self.unheld(volume)?;
        self.volumes[at].files.delete(file)
    }

    /// Gives a file another path.
    ///
    /// # Errors
    /// When there is no such volume or file, the volume's writes are held, or the path is bad or taken.
    pub fn rename_file(&mut self, volume: VolumeId, file: FileId, path: &str) -> Result<(), StorageError> {
        let at = self.unheld(volume)?;
        self.volumes[at].files.rename(file, path)
    }

    /// Makes a file longer or shorter.
    ///
    /// # Errors
    /// When there is no such volume or file, the volume's writes are held, or there is no room.
    pub fn set_file_size(&mut self, volume: VolumeId, file: FileId, size: u64) -> Result<(), StorageError> {
        let at = self.unheld(volume)?;
        self.volumes[at].files.set_size(file, size)?;
        self.volumes[at].files.touch(file, *self.now);
        Ok(())
    }

    /// Lands bytes in a file, which grows when they reach beyond its end. Adds to `report` what that caused.
    ///
    /// # Errors
    /// When there is no such volume or file, the volume's writes are held (and the gate is whole), or there is no room.
    pub fn write_file(
        &mut self,
        volume: VolumeId,
        file: FileId,
        offset: u64,
        bytes: &[u8],
        report: &mut WriteReport,
    ) -> Result<(), StorageError> {
        let at = self.unheld(volume)?;
        if bytes.is_empty() {
            return Ok(());
        }
        report.leaked |= self.volumes[at].gate.passage() == Passage::Leak;
        let end = offset.checked_add(bytes.len() as u64).ok_or(StorageError::NoSpace)?;
        let entry = self.volumes[at].files.file(file).ok_or(StorageError::NoSuchFile)?;
        let valid = entry.valid();
        if end > entry.size() {
            self.volumes[at].files.set_size(file, end)?;
        }
        // As in NTFS, what lies between the valid length and the write is made zero first.
        let mut gap = valid;
        while gap < offset {
            let length = (offset - gap).min(BLOCK_BYTES);
            self.write_runs(at, file, gap, &ZEROS[..length as usize], report)?;
            gap += length;
        }
        self.write_runs(at, file, offset, bytes, report)?;
        self.volumes[at].files.touch(file, *self.now);
        self.volumes[at].files.note_written(file, end)
    }

    /// Lands in a part of a file what follows from a seed ([`crate::content::fill`]).
    ///
    /// # Errors
    /// As [`Storage::write_file`].
    pub fn write_seeded(
        &mut self,
        volume: VolumeId,
        file: FileId,
        part: Range<u64>,
        seed: u64,
        report: &mut WriteReport,
    ) -> Result<(), StorageError> {
        let mut bytes = vec![0; 4 * BLOCK_SIZE];
        let mut offset = part.start;
        while offset < part.end {
            let length = (part.end - offset).min(bytes.len() as u64) as usize;
            crate::content::fill(seed, offset, &mut bytes[..length]);
            self.write_file(volume, file, offset, &bytes[..length], report)?;
            offset += length as u64;
        }
        Ok(())
    }

    /// Reads from a file; gives how many bytes there were before its end.
    ///
    /// # Errors
    /// When there is no such volume or file.
    pub fn read_file(
        &self,
        volume: VolumeId,
        file: FileId,
        offset: u64,
        into: &mut [u8],
    ) -> Result<usize, StorageError> {
        let volume = self.volume(volume)?;
        let file = volume.files.file(file).ok_or(StorageError::NoSuchFile)?;
        read_runs(file, offset, into, |offset, into| Ok(volume.store.read(offset, into)?))
    }

    /// Writes bytes at an offset of the volume, past the file table and the gate but not past the first copies.
    ///
    /// # Errors
    /// When there is no such volume, the bytes are not inside it, or VSS's own data lies there. Nothing is written then.
    pub fn write_raw(
        &mut self,
        volume: VolumeId,
        offset: u64,
        bytes: &[u8],
        report: &mut WriteReport,
    ) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        let volume = &self.volumes[at];
        volume.store.check(offset, bytes.len())?;
        if let Some(piece) = pieces(offset, bytes.len()).find(|piece| volume.files.vss_blocks().get(piece.block)) {
            return Err(StorageError::VssOwned(piece.block));
        }
        // Whoever writes there has the block from now on: a diff area that grows meanwhile must not take it.
        for piece in pieces(offset, bytes.len()) {
            self.volumes[at].files.keep_block(piece.block);
        }
        self.land(at, offset, bytes, report)
    }

    pub(super) fn unheld(&self, volume: VolumeId) -> Result<usize, StorageError> {
        let at = self.volume_at(volume)?;
        if self.volumes[at].gate.passage() == Passage::Wait { Err(StorageError::Held) } else { Ok(at) }
    }

    fn write_runs(
        &mut self,
        at: usize,
        file: FileId,
        offset: u64,
        bytes: &[u8],
        report: &mut WriteReport,
    ) -> Result<(), StorageError> {
        let mut done = 0_u64;
        let length = bytes.len() as u64;
        while done < length {
            let entry = self.volumes[at].files.file(file).ok_or(StorageError::NoSuchFile)?;
            let Some(run) = entry.runs(offset + done, length - done).next() else { return Err(StorageError::NoSpace) };
            let part = &bytes[done as usize..(done + run.length) as usize];
            self.land(at, run.offset, part, report)?;
            done += run.length;
        }
        Ok(())
    }

    pub(super) fn land(
        &mut self,
        at: usize,
        offset: u64,
        bytes: &[u8],
        report: &mut WriteReport,
    ) -> Result<(), StorageError> {
        for piece in pieces(offset, bytes.len()) {
            self.save_first(at, piece.block, report);
            self.volumes[at].touched.note(piece.block);
        }
        self.volumes[at].store.write(offset, bytes)?;
        self.devices().note_write(at, offset, bytes);
        Ok(())
    }

    /// Saves the block if a copy still needs its old content.
    fn save_first(&mut self, at: usize, block: u64, report: &mut WriteReport) {
        if self.volumes[at].forgetful {
            self.volumes[at].pending.put(block, false);
        }
        while self.volumes[at].pending.get(block) {
            if let Some(fault) = self.area_broken(at) {
                self.make_way(at, fault, report);
                continue;
            }
            let Some(mut newest) = self.volumes[at].snapshots.pop() else { return };
            let mut devices = Devices::new(&mut self.volumes, &mut self.journal.0);
            let mut host = Host::new(&mut devices, at, Some(Place { volume: at, block })).growing(at);
            let saved = Arc::make_mut(&mut newest).area.save(block, &mut host);
            let fault = host.short.unwrap_or(AreaFault::NoSpace);
            host.done(at);
            let id = newest.id();
            let volume = &mut self.volumes[at];
            volume.snapshots.push(newest);
            if saved.is_ok() {
                volume.pending.put(block, false);
                report.first_copies.push(FirstCopy { snapshot: id, block });
            } else {
                self.make_way(at, fault, report);
            }
        }
    }
}

/// Reads a part of a file through `read`, which reads the volume; what was never written reads as zeros.
pub(super) fn read_runs(
    file: &File,
    offset: u64,
    into: &mut [u8],
    read: impl Fn(u64, &mut [u8]) -> Result<(), StorageError>,
) -> Result<usize, StorageError> {
    let length = file.size().saturating_sub(offset).min(into.len() as u64);
    let valid = file.valid().saturating_sub(offset).min(length);
    let mut done = 0_usize;
    for run in file.runs(offset, valid) {
        let end = done + run.length as usize;
        read(run.offset, &mut into[done..end])?;
        done = end;
    }
    into[done..length as usize].fill(0);
    Ok(length as usize)
}
