//! The shadow copies that lie on the volumes are found: after an image was loaded, or after a power cut.
//!
//! ```text
//!  each volume ──► header, catalog ──► each copy (type 2) ──► its store (type 3, on the host) ──► Snapshot with its StoreArea
//!                                                                    │
//!                                what a power cut interrupted ◄──────┘
//! ```
//!
//! What a power cut can have interrupted, and what is done about it (docs/choices.md, `power-cut`):
//! - a creation: without its catalog entry a copy does not exist; the places of its store are free again;
//! - a store whose copy was not named yet, or not any more: the entry is taken out;
//! - an auto-recovery: the store says that it is not finished, and the copy is deleted;
//! - a deletion that had begun to hand blocks to the next older copy: both stores name the same places, and the deletion is ended;
//! - a range that is half written: one of its numbers is zero, nothing lies in it yet, and the slot is cleared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId, VolumeId};

use crate::disk_format::{BLOCK, CatalogEntry, CopyEntry, Range, SECTOR, StoreEntry};
use crate::image::table::{Base, Saved, Sizes};
use crate::image::{self, ImageError, List, Reader, Slot, StoreStructures, VolumeStructures};

use super::block_store::BLOCK_BYTES;
use super::catalog::Catalog;
use super::diff_area::DiffArea;
use super::file_table::FileTable;
use super::host::{Host, Place};
use super::snapshot::{Commit, Entries, SnapshotView, UNFINISHED};
use super::store_area::{Chain, FIRST_BLOCKS, Spot, StoreArea};
use super::words::{Bitmap, Words};
use super::{AreaFault, Snapshot, Storage, StorageError, Volume};

/// The most blocks that are put together in memory, 1 GiB.
const MOST_PUT_TOGETHER: u64 = 1 << 16;

/// What was found on the volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The shadow copies that are there now, by volume, oldest first.
    pub copies: Vec<SnapshotId>,
    /// Those that were given up because something was interrupted.
    pub given_up: Vec<(SnapshotId, Interrupted)>,
    /// For each copy that was given up because writers were changing it, its volume (volsnap 30).
    pub unfinished: Vec<VolumeId>,
}

/// What had been going on with a shadow copy that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// Writers were changing it; volsnap deletes such a copy (its event 30).
    AutoRecovery,
    /// It was being deleted.
    Deletion,
    /// It could not be kept without another one that was being deleted.
    Dependent,
}

/// A copy of a volume with its store, as they were read.
struct Found {
    copy: Slot<CatalogEntry>,
    facts: CopyEntry,
    store_slot: u64,
    store: StoreStructures,
}

impl Storage {
    /// Finds the shadow copies on all volumes of a machine that starts again, and ends what was interrupted: on volumes that have a
    /// volume header and no copies yet. A store that no copy names was of an interrupted copy, and goes.
    ///
    /// # Errors
    /// When a structure cannot be read, or the volume of a diff area is not among the volumes.
    pub fn attach(&mut self) -> Result<Attached, StorageError> {
        self.attach_reading(&mut Vec::new(), true)
    }

    /// The same for volumes from somewhere else: a store that no copy names may be that of a volume that is not here, and stays.
    ///
    /// # Errors
    /// As [`Storage::attach`].
    pub fn attach_foreign(&mut self) -> Result<Attached, StorageError> {
        self.attach_reading(&mut Vec::new(), false)
    }

    /// The same; adds to `places` every block whose content had a part in what was found. `all_here`: no volume is missing that could have
    /// stores on these.
    pub(super) fn attach_reading(&mut self, places: &mut Vec<Place>, all_here: bool) -> Result<Attached, StorageError> {
        let read = |volume: &Volume| {
            if volume.snapshots.is_empty() { image::read_volume(volume).map(Some) } else { Ok(None) }
        };
        let mut structures = Vec::new();
        for volume in &self.volumes {
            structures.push(read(volume).map_err(|why| image_error(volume, why))?.filter(|read| read.header.is_some()));
        }
        for (at, read) in structures.iter().enumerate() {
            places.push(Place { volume: at, block: 0 });
            if let Some(read) = read {
                places
                    .extend(read.catalog.blocks.iter().map(|block| Place { volume: at, block: block.offset / BLOCK }));
                self.attach_catalog(at, read);
            }
        }
        let mut named = Vec::new();
        for at in 0..structures.len() {
            if let Some(read) = &structures[at] {
                let host = self.host_of(at, read)?;
                let catalog = structures[host].as_ref().unwrap_or(read);
                let found = self.read_copies(at, host, read, catalog)?;
                named.extend(found.iter().map(|found| (host, found.store_slot)));
                let blocks = found.iter().flat_map(|found| structure_blocks(&found.store));
                places.extend(blocks.map(|block| Place { volume: host, block }));
                self.volumes[at].area.host = host;
                self.attach_copies(at, &found)?;
            }
        }
        self.drop_orphans(&structures, &named, all_here)?;
        // Only now is every block known that a store has: saving takes free ones.
        for at in 0..self.volumes.len() {
            self.keep_all_forwarded(at)?;
        }
        self.end_what_was_interrupted()
    }

    fn attach_catalog(&mut self, at: usize, read: &VolumeStructures) {
        let volume = &mut self.volumes[at];
        if let Some(header) = &read.header {
            volume.vss_id = header.volume;
            volume.area.maximum = if header.maximum == 0 { u64::MAX } else { header.maximum / BLOCK };
        }
        let mut blocks: Vec<(u64, Vec<(u64, bool)>)> =
            read.catalog.blocks.iter().map(|block| (block.offset / BLOCK, Vec::new())).collect();
        for slot in &read.catalog.slots {
            let block = (slot.index / CatalogEntry::A_BLOCK) as usize;
            if slot.value != CatalogEntry::Unused
                && let Some((_, used)) = blocks.get_mut(block)
            {
                used.push((slot.offset, matches!(slot.value, CatalogEntry::Copy(_))));
            }
        }
        let sequence = read.copies().map(|(_, copy)| copy.sequence).max().unwrap_or(0);
        volume.catalog = Catalog::found(&blocks, sequence);
        for (block, _) in blocks {
            volume.files.claim_block(block);
        }
    }

    /// The volume on which the diff area of a volume lies.
    fn host_of(&self, at: usize, read: &VolumeStructures) -> Result<usize, StorageError> {
        let Some(header) = read.header.filter(|header| header.is_redirected()) else { return Ok(at) };
        let host = self.volumes.iter().position(|volume| volume.vss_id == header.diff_area);
        match host {
            Some(host) => Ok(host),
            None if read.copies().next().is_none() => Ok(at),
            None => Err(StorageError::AreaMissing { volume: self.volumes[at].id(), host: header.diff_area }),
        }
    }

    fn read_copies(
        &self,
        at: usize,
        host: usize,
        read: &VolumeStructures,
        catalog: &VolumeStructures,
    ) -> Result<Vec<Found>, StorageError> {
        let on_host = &self.volumes[host];
        let mut stores: BTreeMap<Guid, (u64, StoreEntry)> = BTreeMap::new();
        for (slot, entry) in catalog.stores() {
            stores.entry(entry.store).or_insert((slot.offset, entry));
        }
        let mut reader = Reader::new(on_host);
        let mut found = Vec::new();
        for (copy, facts) in read.copies() {
            let Some((store_slot, entry)) = stores.get(&facts.store).copied() else {
                let why = format!("no catalog entry of type 3 names the store {}", facts.store);
                return Err(image_error(&self.volumes[at], ImageError::new(copy.offset, "catalog", why)));
            };
            let store = reader.store(&entry, Some(facts.volume_size)).map_err(|why| image_error(on_host, why))?;
            found.push(Found { copy, facts, store_slot, store });
        }
        found.sort_by_key(|found| (found.facts.created, found.facts.sequence));
        Ok(found)
    }

    fn attach_copies(&mut self, at: usize, found: &[Found]) -> Result<(), StorageError> {
        let host = self.volumes[at].area.host;
        for found in found {
            let area = self.attach_area(at, host, found)?;
            let volume = &mut self.volumes[at];
            volume.area.allocated += area.allocated();
            let blocks = volume.store.blocks();
            let in_use = |bitmap: Option<&image::Bitmap>| {
                // VSS writes to the first block, which belongs to the file system: it is never saved.
                bits(blocks, |block| block != 0 && !bitmap.is_some_and(|bitmap| bitmap.is_set(block)))
            };
            let owned = in_use(found.store.bitmap.as_ref());
            if !volume.files_known {
                // Blocks of zeros may belong to a file as well.
                owned.iter().for_each(|block| volume.files.keep_block(block));
            }
            let mut pending = owned.clone();
            if found.store.previous_bitmap.is_some() {
                pending.add(&in_use(found.store.previous_bitmap.as_ref()));
            }
            for (block, _) in area.saved() {
                pending.put(block, false);
            }
            for (_, moved) in area.forwards.iter() {
                pending.put(moved - 1, true);
            }
            let information = found.store.information.clone();
            let commit = Commit {
                created: found.facts.created,
                set: SnapshotSetId(information.set),
                context: information.context,
                attributes: information.attributes & !UNFINISHED,
            };
            volume.snapshots.push(Arc::new(Snapshot {
                id: SnapshotId(information.snapshot),
                commit,
                information,
                entries: Some(Entries { copy: found.copy.offset, store: found.store_slot }),
                writable: false,
                composed: Arc::default(),
                files: FileTable::new(blocks),
                files_known: false,
                vss: bits(blocks, |block| volume.files.vss_blocks().get(block) && !owned.get(block)),
                owned,
                area: Box::new(area),
                pending,
                reference: None,
            }));
        }
        let volume = &mut self.volumes[at];
        let none = Bitmap::new(volume.store.blocks());
        if let Some(newest) = volume.snapshots.last_mut() {
            volume.pending = std::mem::replace(&mut Arc::make_mut(newest).pending, none);
        }
        self.put_together(at)
    }

    /// What a store says lies at another block is saved: later writes to either block would otherwise be taken for the old content.
    fn keep_all_forwarded(&mut self, at: usize) -> Result<(), StorageError> {
        for copy in 0..self.volumes[at].snapshots.len() {
            let area = &self.volumes[at].snapshots[copy].area;
            let targets: BTreeSet<u64> = area.forwarded().map(|(_, target)| target).collect();
            if let Some((block, _)) = area.forwarded().find(|(block, _)| targets.contains(block)) {
                let why = "a forwarder leads to a block that is itself forwarded in the same store";
                return Err(image_error(&self.volumes[at], ImageError::new(block * BLOCK, "forwarded block", why)));
            }
            self.keep_forwarded(at, copy).map_err(|_| StorageError::AreaFull(AreaFault::NoSpace))?;
        }
        Ok(())
    }

    /// The diff area of a copy, from what its store says.
    fn attach_area(&mut self, at: usize, host: usize, found: &Found) -> Result<StoreArea, StorageError> {
        let (store, blocks) = (&found.store, self.volumes[at].store.blocks());
        let error = |volume: &Volume, why| image_error(volume, why);
        let parts =
            Parts::of(store, self.volumes[host].store.blocks()).map_err(|why| error(&self.volumes[host], why))?;
        let sizes =
            Sizes { view: found.facts.volume_size, live: self.volumes[at].size(), area: self.volumes[host].size() };
        let saved = Saved::resolve(store, sizes).map_err(|why| error(&self.volumes[host], why))?;
        let mut area = StoreArea {
            table: Words::new(blocks),
            forwards: Words::new(blocks),
            overlays: Words::new(blocks),
            sectors: Words::new(blocks),
            spare: Arc::default(),
            header: store.entry.header / BLOCK,
            descriptors: Arc::new(chain(&store.descriptors, store.descriptors.end())),
            ranges: Arc::new(chain(&store.ranges, parts.entries)),
            last_range: parts.last,
            bitmap: Arc::new(spots(store.bitmap.as_ref())),
            previous: Arc::new(spots(store.previous_bitmap.as_ref())),
            used: 0,
            step: self.volumes[at].area.step,
            length: parts.length,
        };
        let mut busy = Bitmap::new(self.volumes[host].store.blocks());
        area.structures().for_each(|place| {
            busy.put(place, true);
        });
        for (original, kept) in saved.blocks() {
            let block = original / BLOCK;
            match kept.base {
                Some(Base::Place(place)) if !place.is_multiple_of(BLOCK) => {
                    let why = ImageError::new(place, "saved block", "a block starts at a multiple of 0x4000");
                    return Err(image_error(&self.volumes[host], why));
                }
                Some(Base::Place(place)) => drop(area.table.set(block, place / BLOCK + 1)),
                Some(Base::Forward(to)) => drop(area.forwards.set(block, to / BLOCK + 1)),
                None => {}
            }
            if let Some((place, sectors)) = kept.overlay {
                area.overlays.set(block, place / BLOCK + 1);
                area.sectors.set(block, u64::from(sectors));
            }
        }
        for place in area.table.iter().chain(area.overlays.iter()).map(|(_, place)| place - 1) {
            if !busy.put(place, true) {
                let why = "two descriptors lead there, or it is one of the store's own structures";
                let why = ImageError::new(place * BLOCK, "saved block", why);
                return Err(image_error(&self.volumes[host], why));
            }
            area.used += 1;
        }
        let spare: Vec<Spot> = parts.spots.iter().rev().filter(|spot| !busy.get(spot.place)).copied().collect();
        area.spare = Arc::new(spare);
        let files = &mut self.volumes[host].files;
        busy.iter().chain(parts.spots.iter().map(|spot| spot.place)).for_each(|place| files.claim_block(place));
        let mut devices = self.devices();
        for torn in parts.torn {
            devices.write_structure(host, torn, &Range::default().encode());
            devices.flush(host);
        }
        Ok(area)
    }

    /// Puts together what a copy shows where several places make a block, and the references.
    fn put_together(&mut self, at: usize) -> Result<(), StorageError> {
        let volume = &self.volumes[at];
        let host = &self.volumes[volume.area.host].store;
        let overlaid: usize = volume.snapshots.iter().map(|copy| copy.area.overlaid().count()).sum();
        if overlaid as u64 > MOST_PUT_TOGETHER {
            return Err(StorageError::ImageTooFull { maximum: MOST_PUT_TOGETHER * BLOCK });
        }
        // A reference costs memory for every saved block; so many are not worth it.
        let saved: u64 = volume.snapshots.iter().map(|copy| copy.area.used()).sum();
        let mut newer = (self.references && saved <= MOST_PUT_TOGETHER).then(|| volume.store.clone());
        let mut made = Vec::new();
        for (index, copy) in volume.snapshots.iter().enumerate().rev() {
            let view = SnapshotView { volumes: &self.volumes, volume: at, at: index };
            let mut base = newer.clone();
            if let (Some(base), Some(newer)) = (&mut base, &newer) {
                for (block, moved) in copy.area.forwarded() {
                    base.copy_block_from(newer, moved, block)?;
                }
                for (block, place) in copy.area.saved() {
                    base.copy_block_from(host, place, block)?;
                }
            }
            let mut composed = BTreeMap::new();
            let mut reference = base.clone();
            for (block, place, sectors) in copy.area.overlaid() {
                let below = view.place_below(block);
                let below = self.volumes[below.volume].store.block(below.block);
                let mut whole = Box::new(*below.ok_or(StorageError::BadSize(block))?);
                let own = host.block(place).ok_or(StorageError::BadSize(place))?;
                for sector in (0..32).filter(|sector| sectors >> sector & 1 == 1) {
                    let bytes = sector * SECTOR as usize..(sector + 1) * SECTOR as usize;
                    whole[bytes.clone()].copy_from_slice(&own[bytes]);
                }
                if let Some(reference) = &mut reference {
                    reference.write(block * BLOCK_BYTES, &whole[..])?;
                }
                composed.insert(block, whole);
            }
            made.push((composed, reference));
            newer = base;
        }
        let volume = &mut self.volumes[at];
        for (copy, (composed, reference)) in volume.snapshots.iter_mut().zip(made.into_iter().rev()) {
            let copy = Arc::make_mut(copy);
            copy.composed = Arc::new(composed);
            copy.reference = reference;
        }
        Ok(())
    }

    /// Stores that no copy names: of a copy whose creation or deletion was interrupted, when all volumes are here; otherwise perhaps of
    /// a volume that is not, and then they stay as they are and nothing is written over them.
    fn drop_orphans(
        &mut self,
        structures: &[Option<VolumeStructures>],
        named: &[(usize, u64)],
        all_here: bool,
    ) -> Result<(), StorageError> {
        for (at, read) in structures.iter().enumerate() {
            let Some(read) = read else { continue };
            let orphans = read.stores().filter(|(slot, _)| !named.contains(&(at, slot.offset)));
            let mut reader = Reader::new(&self.volumes[at]);
            let mut kept = Vec::new();
            let mut dropped = Vec::new();
            for (slot, entry) in orphans {
                if all_here {
                    dropped.push(slot.offset);
                    continue;
                }
                let store = reader.store(&entry, None).map_err(|why| image_error(&self.volumes[at], why))?;
                let blocks = self.volumes[at].store.blocks();
                let parts = Parts::of(&store, blocks).map_err(|why| image_error(&self.volumes[at], why))?;
                let lists = store.descriptors.blocks.iter().chain(&store.ranges.blocks);
                kept.extend(lists.map(|block| block.offset / BLOCK).chain([entry.header / BLOCK]));
                kept.extend(parts.spots.iter().map(|spot| spot.place));
            }
            kept.into_iter().for_each(|place| self.volumes[at].files.claim_block(place));
            for offset in dropped {
                self.devices().remove_foreign(at, offset);
            }
        }
        Ok(())
    }

    fn end_what_was_interrupted(&mut self) -> Result<Attached, StorageError> {
        let mut attached = Attached::default();
        for at in 0..self.volumes.len() {
            // Deletions first: while two stores share places, neither of them may give one back.
            for reason in [Interrupted::Deletion, Interrupted::AutoRecovery] {
                self.end_interrupted(at, reason, &mut attached);
            }
            attached.copies.extend(self.volumes[at].snapshots.iter().map(|copy| copy.id));
        }
        Ok(attached)
    }

    fn end_interrupted(&mut self, at: usize, reason: Interrupted, attached: &mut Attached) {
        let mut copy = 0;
        while let Some(snapshot) = self.volumes[at].snapshots.get(copy) {
            let id = snapshot.id;
            let interrupted = match reason {
                Interrupted::Deletion => copy > 0 && self.share_places(at, copy),
                _ => snapshot.information.attributes & UNFINISHED != 0,
            };
            if !interrupted {
                copy += 1;
                continue;
            }
            if reason == Interrupted::Deletion {
                self.end_hand_over(at, copy);
            }
            let mut lost = Vec::new();
            self.remove_snapshot(at, copy, &mut lost);
            copy -= lost.len();
            if reason == Interrupted::AutoRecovery {
                attached.unfinished.push(self.volumes[at].id());
            }
            attached.given_up.push((id, reason));
            attached.given_up.extend(lost.into_iter().map(|id| (id, Interrupted::Dependent)));
        }
    }

    /// Whether a copy and the next older one both have some place.
    fn share_places(&self, at: usize, copy: usize) -> bool {
        let snapshots = &self.volumes[at].snapshots;
        let older: BTreeSet<u64> = snapshots[copy - 1].area.places().into_iter().collect();
        snapshots[copy].area.places().iter().any(|place| older.contains(place))
    }

    /// What the older copy has begun to take over is its own.
    fn end_hand_over(&mut self, at: usize, copy: usize) {
        let snapshots = &mut self.volumes[at].snapshots;
        let (mut gone, mut older) = (Arc::clone(&snapshots[copy]), Arc::clone(&snapshots[copy - 1]));
        let (gone_copy, older_copy) = (Arc::make_mut(&mut gone), Arc::make_mut(&mut older));
        let mut devices = self.devices();
        let mut host = Host::new(&mut devices, at, None);
        for block in older_copy.area.resume_adoption(gone_copy.area.as_mut(), &mut host) {
            older_copy.pending.put(block, false);
        }
        host.done(at);
        let snapshots = &mut self.volumes[at].snapshots;
        snapshots[copy] = gone;
        snapshots[copy - 1] = older;
    }
}

/// The parts of a store on its host volume.
struct Parts {
    /// Every block that a range names, in the order of the store.
    spots: Vec<Spot>,
    /// How many slots of the list of ranges are in use.
    entries: u64,
    last: Range,
    /// How many blocks the store has.
    length: u64,
    /// Slots of ranges that were half written when the power failed.
    torn: Vec<u64>,
}

impl Parts {
    fn of(store: &StoreStructures, blocks: u64) -> Result<Parts, ImageError> {
        let mut named = Bitmap::new(blocks);
        let mut parts =
            Parts { spots: Vec::new(), entries: 0, last: Range::default(), length: FIRST_BLOCKS, torn: Vec::new() };
        for slot in &store.ranges.slots {
            let Range { start, relative, size } = slot.value;
            if start == 0 || size == 0 {
                parts.torn.push(slot.offset);
                continue;
            }
            let (first, count) = (start / BLOCK, size / BLOCK);
            let aligned = [start, relative, size].iter().all(|number| number.is_multiple_of(BLOCK));
            let inside = first.checked_add(count).is_some_and(|end| end <= blocks);
            // A store is a file of the volume: it is no longer than that, give or take what stands in no range.
            let end = relative.checked_add(size).is_some_and(|end| end / BLOCK <= blocks + FIRST_BLOCKS);
            if !aligned || !inside || !end || parts.spots.len() as u64 + count > blocks {
                let why = format!("{size:#x} bytes at {start:#x} are no blocks of the volume that no other range has");
                return Err(ImageError::new(slot.offset, "range", why));
            }
            if let Some(twice) = (first..first + count).find(|&place| !named.put(place, true)) {
                let why = format!("the block at {:#x} belongs to another range of the store as well", twice * BLOCK);
                return Err(ImageError::new(slot.offset, "range", why));
            }
            parts.spots.extend((0..count).map(|at| Spot { place: first + at, relative: relative / BLOCK + at }));
            parts.entries = slot.index + 1;
            parts.last = slot.value;
            parts.length = parts.length.max((relative + size) / BLOCK);
        }
        let lists = store.descriptors.blocks.iter().chain(&store.ranges.blocks);
        for relative in lists.map(|block| block.header.relative / BLOCK) {
            parts.length = parts.length.max(relative.saturating_add(1).min(blocks));
        }
        Ok(parts)
    }
}

/// The blocks of a store's own structures.
fn structure_blocks(store: &StoreStructures) -> impl Iterator<Item = u64> + '_ {
    let bitmaps = store.bitmap.iter().chain(&store.previous_bitmap).flat_map(|bitmap| &bitmap.blocks);
    let blocks = store.descriptors.blocks.iter().chain(&store.ranges.blocks).chain(bitmaps);
    std::iter::once(store.entry.header).chain(blocks.map(|block| block.offset)).map(|offset| offset / BLOCK)
}

fn chain<T>(list: &List<T>, entries: u64) -> Chain {
    Chain { blocks: list.blocks.iter().map(|block| block.offset / BLOCK).collect(), entries }
}

fn spots(bitmap: Option<&image::Bitmap>) -> Vec<Spot> {
    let blocks = bitmap.iter().flat_map(|bitmap| &bitmap.blocks);
    blocks.map(|block| Spot { place: block.offset / BLOCK, relative: block.header.relative / BLOCK }).collect()
}

/// The blocks that `is_set` says.
fn bits(blocks: u64, is_set: impl Fn(u64) -> bool) -> Bitmap {
    let mut bits = Bitmap::new(blocks);
    for word in 0..blocks.div_ceil(64) {
        let in_word = word * 64..blocks.min((word + 1) * 64);
        let value = in_word.filter(|&block| is_set(block)).fold(0, |value, block| value | 1 << (block % 64));
        if value != 0 {
            bits.put_word(word, value);
        }
    }
    bits
}

fn image_error(volume: &Volume, why: ImageError) -> StorageError {
    StorageError::Image { volume: volume.id(), why }
}
