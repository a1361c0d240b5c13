//! The volumes as VSS's own writes see them: bytes of structures, blocks copied, barriers, and the host volume of a diff area.
//!
//! Everything that reaches a disk goes through [`Devices`], which also keeps the [`Journal`] when one is wanted.

use std::sync::Arc;

use super::block_store::{BLOCK_BYTES, BLOCK_SIZE, ZEROS};
use super::diff_area::AreaHost;
use super::journal::{DiskEvent, Journal, Mark};
use super::shortage::AreaFault;
use super::volume::{Area, Volume};

/// Where a block lies: the volume, and the block on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) volume: usize,
    pub(super) block: u64,
}

/// The disks of all volumes, for the length of one verb.
pub(super) struct Devices<'a> {
    pub(super) volumes: &'a mut [Volume],
    journal: Option<&'a mut Journal>,
}

impl<'a> Devices<'a> {
    pub(super) fn new(volumes: &'a mut [Volume], journal: &'a mut Option<Box<Journal>>) -> Devices<'a> {
        Devices { volumes, journal: journal.as_deref_mut() }
    }

    /// Writes a part of a structure. The places come from VSS's own tables, so they lie inside the volume.
    pub(super) fn write_structure(&mut self, volume: usize, offset: u64, bytes: &[u8]) {
        let written = self.volumes[volume].store.write_structure(offset, bytes);
        debug_assert!(written.is_ok(), "a structure lies inside its volume: {written:?}");
        self.note_write(volume, offset, bytes);
    }

    /// Writes a whole block: these bytes, then zeros.
    pub(super) fn write_fresh_block(&mut self, volume: usize, block: u64, bytes: &[u8]) {
        let mut whole = ZEROS;
        whole[..bytes.len()].copy_from_slice(bytes);
        self.write_structure(volume, block * BLOCK_BYTES, &whole);
    }

    /// Writes content, not structure, from the byte `at` of a block.
    pub(super) fn write_content(&mut self, place: Place, at: usize, bytes: &[u8]) {
        let offset = place.block * BLOCK_BYTES + at as u64;
        let written = self.volumes[place.volume].store.write(offset, bytes);
        debug_assert!(written.is_ok(), "a place lies inside its volume: {written:?}");
        self.note_write(place.volume, offset, bytes);
    }

    /// Copies a block with its hash.
    pub(super) fn copy_block(&mut self, from: Place, to: Place) {
        let copied = if from.volume == to.volume {
            self.volumes[to.volume].store.copy_block(from.block, to.block)
        } else if let Ok([to_volume, from_volume]) = self.volumes.get_disjoint_mut([to.volume, from.volume]) {
            to_volume.store.copy_block_from(&from_volume.store, from.block, to.block)
        } else {
            return;
        };
        debug_assert!(copied.is_ok(), "places come from the host's own table: {copied:?}");
        if self.journal.is_some() {
            let bytes: Box<[u8]> =
                self.volumes[to.volume].store.block(to.block).map_or([].into(), |block| block[..].into());
            self.note_write(to.volume, to.block * BLOCK_BYTES, &bytes);
        }
    }

    /// A barrier: what was written to the volume is durable before anything that follows.
    pub(super) fn flush(&mut self, volume: usize) {
        if let Some(journal) = &mut self.journal {
            journal.note(DiskEvent::Flush { volume });
        }
    }

    /// Puts a write that has happened into the journal.
    pub(super) fn note_write(&mut self, volume: usize, offset: u64, bytes: &[u8]) {
        if let Some(journal) = &mut self.journal {
            journal.note(DiskEvent::Write { volume, offset, bytes: bytes.into() });
        }
    }

    /// Puts a promise into the journal.
    pub(super) fn mark(&mut self, mark: impl FnOnce(&[Volume]) -> Option<Mark>) {
        if let Some(journal) = &mut self.journal
            && let Some(mark) = mark(self.volumes)
        {
            journal.note(DiskEvent::Mark(mark));
        }
    }

    /// The durable copy at a place among those of its volume.
    pub(super) fn mark_copy(&mut self, volume: usize, copy: usize, mark: impl FnOnce(Arc<super::Snapshot>) -> Mark) {
        self.mark(|volumes| volumes[volume].snapshots.get(copy).map(|copy| mark(Arc::clone(copy))));
    }
}

/// The host of one volume's diff area, for the length of one verb.
pub(super) struct Host<'a, 'b> {
    devices: &'b mut Devices<'a>,
    source: Option<Place>,
    /// What is being written into the copy: where in the block, and what.
    filling: (usize, &'b [u8]),
    pub(super) area: Area,
    /// Whether growth comes too late.
    slow: bool,
    /// Why the last wish for places was not met.
    pub(super) short: Option<AreaFault>,
}

impl<'a, 'b> Host<'a, 'b> {
    /// For the diff area of the volume at `original`; `source` is what [`AreaHost::copy_in`] copies.
    pub(super) fn new(devices: &'b mut Devices<'a>, original: usize, source: Option<Place>) -> Host<'a, 'b> {
        let area = devices.volumes[original].area;
        Host { devices, source, filling: (0, &[]), area, slow: false, short: None }
    }

    /// The same host, for an area that exists and may have to grow.
    pub(super) fn growing(mut self, original: usize) -> Host<'a, 'b> {
        self.slow = self.devices.volumes[original].slow;
        self
    }

    /// The same host, which fills places with `bytes`, from the byte `at` of a block.
    pub(super) fn filling(self, at: usize, bytes: &'b [u8]) -> Host<'a, 'b> {
        Host { filling: (at, bytes), ..self }
    }

    /// Keeps what the area took or gave back.
    pub(super) fn done(self, original: usize) {
        self.devices.volumes[original].area = self.area;
    }
}

impl AreaHost for Host<'_, '_> {
    fn copy_in(&mut self, place: u64) {
        let Some(source) = self.source else { return };
        self.devices.copy_block(source, Place { volume: self.area.host, block: place });
    }

    fn fill(&mut self, place: u64) {
        let (at, bytes) = self.filling;
        self.devices.write_content(Place { volume: self.area.host, block: place }, at, bytes);
    }

    fn write(&mut self, place: u64, at: usize, bytes: &[u8]) {
        debug_assert!(at + bytes.len() <= BLOCK_SIZE, "a structure lies inside its block");
        self.devices.write_structure(self.area.host, place * BLOCK_BYTES + at as u64, bytes);
    }

    fn write_fresh(&mut self, place: u64, bytes: &[u8]) {
        self.devices.write_fresh_block(self.area.host, place, bytes);
    }

    fn flush(&mut self) {
        self.devices.flush(self.area.host);
    }

    fn reserve(&mut self, want: u64, into: &mut Vec<u64>) -> u64 {
        if self.slow {
            self.short = Some(AreaFault::TooSlow);
            return 0;
        }
        let host = &mut self.devices.volumes[self.area.host];
        let allowed = want.min(self.area.maximum.saturating_sub(self.area.allocated));
        // A block that a copy of the host itself still needs unsaved must not be written over, and VSS saves nothing for its own writes.
        let got = host.files.reserve_blocks(allowed, Some(&host.pending), into);
        self.area.allocated += got;
        self.short = Host::shortage(want, allowed, got);
        self.area.at_risk &= self.short.is_some();
        got
    }

    fn release(&mut self, place: u64) {
        self.devices.volumes[self.area.host].files.release_block(place);
        self.area.allocated = self.area.allocated.saturating_sub(1);
    }
}
