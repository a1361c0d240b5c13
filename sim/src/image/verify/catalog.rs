//! The catalog: its blocks, its entries, and how they fit together.

use std::collections::BTreeMap;

use vssim_model::ids::Guid;

use super::space::Space;
use super::store::{Whole, store};
use super::{Notes, Severity, raw};
use crate::disk_format::{BLOCK, CatalogEntry, CopyEntry, ReadAt, StoreEntry};
use crate::image::{List, Reader, Slot, VolumeStructures};

const NAME: &str = "catalog";
const COPY: &str = "catalog entry of type 2";
const STORE: &str = "catalog entry of type 3";

/// 2000 and 2200 as FILETIMEs: no shadow copy is older than the format, none comes from the next century but one.
const PLAUSIBLE: std::ops::Range<u64> = 125_911_584_000_000_000..189_026_784_000_000_000;

/// The copies of which something is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    copies: BTreeMap<Guid, (CopyEntry, bool)>,
}

impl Known {
    /// The copies of a volume, whose stores are `here` or on another volume.
    pub(super) fn of(structures: &VolumeStructures, here: bool) -> Known {
        Known { copies: structures.copies().map(|(_, copy)| (copy.store, (copy, here))).collect() }
    }

    pub(super) fn extend(&mut self, other: Known) {
        self.copies.extend(other.copies);
    }
}

/// The catalog of a volume, without the stores.
pub(super) fn catalog(device: &dyn ReadAt, structures: &VolumeStructures, notes: &mut Notes, space: &mut Space) {
    let list = &structures.catalog;
    let Some(first) = list.blocks.first() else {
        return;
    };
    for (number, block) in (0..).zip(&list.blocks) {
        let bytes = raw(device, block.offset);
        notes.header(NAME, block.offset, &block.header, &bytes);
        notes.number(
            Severity::Wrong,
            (block.offset + 24, NAME, "relative offset"),
            number * BLOCK,
            block.header.relative,
        );
        notes.number(Severity::Unusual, (block.offset + 48, NAME, "size of information"), 0, block.header.information);
        let expected = first.offset + number * BLOCK;
        notes.number(Severity::Unusual, (block.offset, NAME, "place after the block before"), expected, block.offset);
        space.take(block.offset, block.offset + BLOCK, NAME, true);
    }
    notes.number(Severity::Unusual, (first.offset, NAME, "number of blocks"), 4, list.blocks.len() as u64);
    gaps(notes, NAME, list);
    for slot in &list.slots {
        let mut bytes = [0; CatalogEntry::SIZE];
        let _ = device.read_at(slot.offset, &mut bytes);
        match slot.value {
            CatalogEntry::Empty | CatalogEntry::Unused => {
                notes.zeros("unused catalog entry", slot.offset, &bytes, 8, 128);
            }
            CatalogEntry::Copy(copy) => {
                notes.zeros(COPY, slot.offset, &bytes, 56, 128);
                copy_entry(structures, slot.offset, &copy, notes);
            }
            CatalogEntry::Store(_) => notes.zeros(STORE, slot.offset, &bytes, 88, 128),
        }
    }
    copies_together(structures, notes);
}

/// Slots that were never used, between ones that are.
pub(super) fn gaps<T: crate::image::ListEntry>(notes: &mut Notes, name: &'static str, list: &List<T>) {
    if list.first_free() < list.end()
        && let Some(offset) = list.offset_of(list.first_free())
    {
        let found = format!("slot {} is empty, slot {} is not", list.first_free(), list.end() - 1);
        notes.unusual((offset, name, "slots"), "no empty slot before one in use", found);
    }
}

fn copy_entry(structures: &VolumeStructures, at: u64, copy: &CopyEntry, notes: &mut Notes) {
    let boot = structures.boot.as_ref().map_or(structures.size, crate::disk_format::BootSector::volume_size);
    if copy.volume_size != boot {
        let severity = if copy.volume_size == structures.size { Severity::Unusual } else { Severity::Wrong };
        notes.number(severity, (at + 8, COPY, "volume size"), boot, copy.volume_size);
    }
    if !matches!(copy.flags, 0x40 | 0x440) {
        notes.unusual((at + 40, COPY, "flags"), "0x40", format!("{:#x}", copy.flags));
    }
    if !PLAUSIBLE.contains(&copy.created) {
        notes.unusual((at + 48, COPY, "time"), "a FILETIME from 2000 to 2200", format!("{:#x}", copy.created));
    }
    if copy.store == Guid(0) {
        notes.wrong((at + 16, COPY, "store"), "a GUID", copy.store);
    }
}

/// What has to differ from copy to copy, and to grow.
fn copies_together(structures: &VolumeStructures, notes: &mut Notes) {
    let mut copies: Vec<(Slot<CatalogEntry>, CopyEntry)> = structures.copies().collect();
    copies.sort_by_key(|(_, copy)| copy.sequence);
    for pair in copies.windows(2) {
        let ((_, older), (slot, newer)) = (&pair[0], &pair[1]);
        if older.sequence == newer.sequence {
            let expected = "a number of its own";
            notes.unusual((slot.offset + 32, COPY, "sequence"), expected, format!("{}, a second time", newer.sequence));
        }
        if older.created > newer.created {
            let found = format!("{:#x}, with the greater number {}", newer.created, newer.sequence);
            notes.wrong((slot.offset + 48, COPY, "time"), format!("{:#x} or later", older.created), found);
        }
    }
    copies.sort_by_key(|(_, copy)| copy.store);
    for pair in copies.windows(2).filter(|pair| pair[0].1.store == pair[1].1.store) {
        notes.wrong((pair[1].0.offset + 16, COPY, "store"), "a store of its own", pair[1].1.store);
    }
}

/// The stores of a catalog, each alone and then together.
pub(super) fn stores<'a>(
    reader: &mut Reader<'a>,
    device: &'a dyn ReadAt,
    structures: &VolumeStructures,
    known: &Known,
    notes: &mut Notes,
    space: &mut Space,
) {
    let mut read: BTreeMap<Guid, Whole> = BTreeMap::new();
    let mut stores: BTreeMap<Guid, u64> = BTreeMap::new();
    for (slot, entry) in structures.stores() {
        if let Some(before) = stores.insert(entry.store, slot.offset) {
            let found = format!("{}, which the entry at {before:#x} has too", entry.store);
            notes.wrong((slot.offset + 16, STORE, "store"), "a store of its own", found);
            continue;
        }
        let copy = known.copies.get(&entry.store).copied();
        store_entry(slot.offset, &entry, notes);
        let size = copy.map(|(copy, _)| copy.volume_size).filter(|size| *size != 0);
        match reader.store(&entry, size) {
            Ok(structures) => {
                let (places, is_own) = (structures.places(), copy.is_some_and(|(_, here)| here));
                let whole = Whole { structures, places, protected: size, is_own };
                store(device, &whole, notes, space);
                read.insert(entry.store, whole);
            }
            Err(error) => notes.unread(&error),
        }
    }
    together(&read, known, notes);
    let own: BTreeMap<Guid, u64> = structures.copies().map(|(slot, copy)| (copy.store, slot.offset)).collect();
    let catalog = structures.header.map_or(0, |header| header.catalog);
    for (id, (_, here)) in known.copies.iter().filter(|(id, _)| !stores.contains_key(id)) {
        let offset = own.get(id).copied().filter(|_| *here).unwrap_or(catalog);
        notes.wrong((offset, COPY, "store"), "an entry of type 3 for it", format!("none for {id}"));
    }
}

fn store_entry(at: u64, entry: &StoreEntry, notes: &mut Notes) {
    for (by, field, offset, steps) in
        [(8, "descriptor list", entry.descriptors, 1), (40, "range list", entry.ranges, 2)]
    {
        let expected = entry.header.saturating_add(steps * BLOCK);
        notes.number(Severity::Unusual, (at + by, STORE, field), expected, offset);
    }
    if entry.bitmap == 0 {
        notes.unusual((at + 48, STORE, "bitmap"), "a bitmap", "none");
    }
    if entry.file_reference == 0 {
        notes.unusual((at + 56, STORE, "file reference"), "that of the store's file", 0);
    }
    if entry.unknown > 1 {
        notes.unusual((at + 80, STORE, "field 80"), "0 or 1", format!("{:#x}", entry.unknown));
    }
}

/// What the stores of the copies of a volume say of each other.
fn together(read: &BTreeMap<Guid, Whole>, known: &Known, notes: &mut Notes) {
    let mut snapshots: BTreeMap<Guid, u64> = BTreeMap::new();
    for whole in read.values() {
        let (information, at) = (&whole.structures.information, whole.structures.entry.header);
        if let Some(other) = snapshots.insert(information.snapshot, at) {
            let expected = format!("another one than that of the store at {other:#x}");
            notes.wrong((at + 128 + 16, "store information", "shadow copy"), expected, information.snapshot);
        }
    }
    for here in [true, false] {
        let copies = known.copies.values().filter(|(_, there)| *there == here);
        let mut copies: Vec<CopyEntry> = copies.map(|(copy, _)| *copy).collect();
        copies.sort_by_key(|copy| copy.sequence);
        for pair in copies.windows(2).filter(|pair| pair[0].sequence.checked_add(1) == Some(pair[1].sequence)) {
            if let (Some(older), Some(newer)) = (read.get(&pair[0].store), read.get(&pair[1].store)) {
                super::store::previous_bitmap(older, newer, notes);
            }
        }
    }
}
