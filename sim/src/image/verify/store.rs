//! A store: header, information, lists, bitmaps, and the places of saved blocks.

use std::collections::BTreeMap;

use vssim_model::ids::Guid;

use super::catalog::gaps;
use super::space::Space;
use super::{Notes, Severity, raw};
use crate::disk_format::{BLOCK, BlockHeader, Descriptor, ReadAt, RecordType};
use crate::image::{Bitmap, ListBlock, Places, Slot, StoreStructures};

const INFORMATION: &str = "store information";
const DESCRIPTOR: &str = "descriptor";
const RANGE: &str = "range";
const BITMAP: &str = "bitmap";
/// Header, descriptor list and range list, which Windows leaves out of the ranges.
const OUTSIDE: u64 = 3 * BLOCK;

/// A store and what is known of its volume.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) structures: StoreStructures,
    pub(super) places: Places,
    /// The size of the volume whose blocks are saved.
    pub(super) protected: Option<u64>,
    /// Whether that is the volume that the store lies on.
    pub(super) is_own: bool,
}

impl Whole {
    /// Where `relative` of the store lies, the first three blocks included.
    fn place_of(&self, relative: u64) -> Option<u64> {
        let outside = || self.structures.entry.header.checked_add(relative).filter(|_| relative < OUTSIDE);
        self.places.of(relative).or_else(outside)
    }
}

/// A store by itself.
pub(super) fn store(device: &dyn ReadAt, whole: &Whole, notes: &mut Notes, space: &mut Space) {
    let structures = &whole.structures;
    header(device, structures, notes);
    ranges(device.size(), structures, notes, space);
    let lists: [(RecordType, &[ListBlock]); 4] = [
        (RecordType::Descriptors, &structures.descriptors.blocks),
        (RecordType::Ranges, &structures.ranges.blocks),
        (RecordType::Bitmap, structures.bitmap.as_ref().map_or(&[], |bitmap| &bitmap.blocks)),
        (RecordType::Bitmap, structures.previous_bitmap.as_ref().map_or(&[], |bitmap| &bitmap.blocks)),
    ];
    space.take(structures.entry.header, structures.entry.header + BLOCK, "store header", false);
    for (record, blocks) in lists {
        for block in blocks {
            list_block(device, whole, record, block, notes);
            space.take(block.offset, block.offset + BLOCK, record.name(), false);
        }
    }
    gaps(notes, DESCRIPTOR, &structures.descriptors);
    descriptors(device.size(), whole, notes, space);
    for bitmap in [&structures.bitmap, &structures.previous_bitmap].into_iter().flatten() {
        bitmap_length(bitmap, whole, notes);
    }
    if let Some(bitmap) = &structures.bitmap {
        current_bitmap(bitmap, whole, notes);
    }
}

fn header(device: &dyn ReadAt, structures: &StoreStructures, notes: &mut Notes) {
    const NAME: &str = "store header";
    let (at, header, information) = (structures.entry.header, structures.header, &structures.information);
    let bytes = raw(device, at);
    notes.header(NAME, at, &header, &bytes);
    notes.number(Severity::Wrong, (at + 24, NAME, "relative offset"), 0, header.relative);
    notes.number(Severity::Unusual, (at + 40, NAME, "next block"), 0, header.next);
    let length = information.encode().len() as u64;
    notes.number(Severity::Wrong, (at + 48, NAME, "size of information"), length, header.information);
    let start = at + BlockHeader::SIZE as u64;
    let end = BlockHeader::SIZE + usize::try_from(header.information).unwrap_or(0);
    notes.zeros(INFORMATION, at, &bytes, end, bytes.len());
    notes.zeros(INFORMATION, at, &bytes, BlockHeader::SIZE + 60, BlockHeader::SIZE + 64);
    notes.number(Severity::Unusual, (start + 52, INFORMATION, "field 52"), 1, u64::from(information.one));
    for (by, field, guid) in [(16, "shadow copy", information.snapshot), (32, "set", information.set)] {
        if guid == Guid(0) {
            notes.wrong((start + by, INFORMATION, field), "a GUID", guid);
        }
    }
    if information.attributes & information.context != information.context {
        let expected = format!("all bits of the context {:#x}", information.context);
        let found = format!("{:#x}", information.attributes);
        notes.unusual((start + 56, INFORMATION, "attributes"), expected, found);
    }
}

/// The header of a block of a list, and what lies behind its last slot.
fn list_block(device: &dyn ReadAt, whole: &Whole, record: RecordType, block: &ListBlock, notes: &mut Notes) {
    let (name, at) = (record.name(), block.offset);
    let bytes = raw(device, at);
    notes.header(name, at, &block.header, &bytes);
    notes.number(Severity::Unusual, (at + 48, name, "size of information"), 0, block.header.information);
    if whole.place_of(block.header.relative) != Some(at) {
        let found = match whole.place_of(block.header.relative) {
            Some(place) => format!("{:#x}, which lies at {place:#x}", block.header.relative),
            None => format!("{:#x}, which no range has", block.header.relative),
        };
        notes.wrong((at + 24, name, "relative offset"), format!("the one that lies at {at:#x}"), found);
    }
    if record == RecordType::Ranges {
        notes.zeros(name, at, &bytes, bytes.len() - 8, bytes.len());
    }
}

fn ranges(size: u64, structures: &StoreStructures, notes: &mut Notes, space: &mut Space) {
    gaps(notes, RANGE, &structures.ranges);
    let header = structures.entry.header;
    let mut relative = OUTSIDE;
    for slot in &structures.ranges.slots {
        let (at, range) = (slot.offset, slot.value);
        if slot.index == 0 {
            notes.number(Severity::Unusual, (at, RANGE, "start"), header.saturating_add(OUTSIDE), range.start);
        }
        for (by, field, value) in
            [(0, "start", range.start), (8, "relative offset", range.relative), (16, "size", range.size)]
        {
            if !value.is_multiple_of(BLOCK) {
                notes.wrong((at + by, RANGE, field), "a multiple of 0x4000", format!("{value:#x}"));
            }
        }
        if range.size == 0 || range.start.checked_add(range.size).is_none_or(|end| end > size) {
            let found = format!("{:#x} bytes at {:#x}", range.size, range.start);
            notes.wrong((at + 16, RANGE, "size"), format!("bytes inside the volume of {size:#x} bytes"), found);
            continue;
        }
        notes.number(Severity::Wrong, (at + 8, RANGE, "relative offset"), relative, range.relative);
        relative = range.relative.saturating_add(range.size);
        space.take(range.start, range.start + range.size, "range of a store", true);
    }
    if structures.place_of(0).is_none() {
        space.take(header, header.saturating_add(OUTSIDE).min(size), "start of a store", true);
    }
    let allocated = structures.entry.allocated;
    if allocated != 0 && allocated != relative {
        let found = format!("{allocated:#x}");
        notes.unusual((header, "catalog entry of type 3", "allocated"), format!("0 or {relative:#x}"), found);
    }
}

fn descriptors(size: u64, whole: &Whole, notes: &mut Notes, space: &mut Space) {
    let mut overlays: BTreeMap<u64, u64> = BTreeMap::new();
    for slot in &whole.structures.descriptors.slots {
        if !notes.is_open() {
            return;
        }
        flags(slot, notes);
        let Slot { offset: at, value, .. } = *slot;
        if value.flags.is_unused() {
            continue;
        }
        if !value.original.is_multiple_of(BLOCK) {
            notes.wrong((at, DESCRIPTOR, "original offset"), "a multiple of 0x4000", format!("{:#x}", value.original));
        }
        if whole.protected.is_some_and(|protected| value.original >= protected) {
            notes.wrong((at, DESCRIPTOR, "original offset"), "one inside the volume", format!("{:#x}", value.original));
        }
        if value.flags.is_forwarder() {
            forwarder(slot, whole.protected, notes);
            continue;
        }
        if value.flags.is_overlay() && value.relative == 1 {
            match overlays.get(&value.original) {
                Some(place) => notes.number(Severity::Wrong, (at + 16, DESCRIPTOR, "place"), *place, value.place),
                None => notes.wrong((at + 8, DESCRIPTOR, "relative offset"), "an overlay that it extends", "none"),
            }
            continue;
        }
        if value.flags.is_overlay() && overlays.insert(value.original, value.place).is_some() {
            let found = format!("{:#x}, and an overlay of the block before it", value.relative);
            notes.wrong((at + 8, DESCRIPTOR, "relative offset"), "1, as in an extension", found);
        }
        saved(slot, size, whole, notes, space);
    }
}

/// A descriptor with a saved block of its own.
fn saved(slot: &Slot<Descriptor>, size: u64, whole: &Whole, notes: &mut Notes, space: &mut Space) {
    let Slot { offset: at, value, .. } = *slot;
    let place = format!("{:#x}", value.place);
    if !value.place.is_multiple_of(BLOCK) {
        notes.wrong((at + 16, DESCRIPTOR, "place"), "a multiple of 0x4000", &place);
    }
    if value.place.checked_add(BLOCK).is_none_or(|end| end > size) {
        notes.wrong((at + 16, DESCRIPTOR, "place"), "one inside the volume", &place);
        return;
    }
    match whole.places.of(value.relative) {
        Some(expected) if expected == value.place => {}
        Some(expected) => {
            let expected = format!("{expected:#x}, where {:#x} of the store lies", value.relative);
            notes.wrong((at + 16, DESCRIPTOR, "place"), expected, place);
        }
        None => {
            let found = format!("{:#x}", value.relative);
            notes.wrong((at + 8, DESCRIPTOR, "relative offset"), "one inside a range of the store", found);
        }
    }
    space.take(value.place, value.place + BLOCK, "saved block", false);
}

fn flags(slot: &Slot<Descriptor>, notes: &mut Notes) {
    let Slot { offset: at, value, .. } = *slot;
    let flags = value.flags;
    if flags.is_forwarder() && flags.is_overlay() {
        notes.wrong((at + 24, DESCRIPTOR, "flags"), "a forwarder or an overlay", flags);
    } else if !matches!(flags.0 & !4, 0 | 1 | 2 | 0x88) {
        notes.unusual((at + 24, DESCRIPTOR, "flags"), "0, 1, 2, 0x88, and 4 with them", flags);
    }
    let (bitmap, place) = (value.bitmap, (at + 28, DESCRIPTOR, "bitmap"));
    if flags.is_overlay() && bitmap == 0 {
        notes.unusual(place, "a sector at least", "none");
    } else if !flags.is_overlay() && bitmap != 0 {
        notes.unusual(place, "0, since it is no overlay", format!("{bitmap:#x}"));
    }
}

fn forwarder(slot: &Slot<Descriptor>, protected: Option<u64>, notes: &mut Notes) {
    let Slot { offset: at, value, .. } = *slot;
    notes.number(Severity::Wrong, (at + 16, DESCRIPTOR, "place of a forwarder"), 0, value.place);
    let is_inside = protected.is_none_or(|protected| value.relative < protected);
    if !value.relative.is_multiple_of(BLOCK) || !is_inside {
        let found = format!("{:#x}", value.relative);
        notes.wrong((at + 8, DESCRIPTOR, "target of a forwarder"), "a block of the volume", found);
    }
}

fn bitmap_length(bitmap: &Bitmap, whole: &Whole, notes: &mut Notes) {
    let (Some(protected), Some(first)) = (whole.protected, bitmap.blocks.first()) else {
        return;
    };
    let needed = protected.div_ceil(BLOCK);
    if bitmap.bits() < needed {
        let found = format!("{} bits", bitmap.bits());
        notes.wrong((first.offset, BITMAP, "length"), format!("{needed} bits for {protected:#x} bytes"), found);
    }
    if let (Some(next), Some(last)) = (bitmap.goes_on, bitmap.blocks.last()) {
        let found = format!("another one at {next:#x}");
        notes.unusual((last.offset + 40, BITMAP, "next block"), "no more blocks than the volume needs", found);
    }
    if let Some(bit) = bitmap.next_set(needed) {
        let found = format!("bit {bit} is set");
        notes.unusual((first.offset, BITMAP, "bits behind the volume"), "zeros", found);
    }
}

/// What was not in use is not saved, and the store itself is not in use.
fn current_bitmap(bitmap: &Bitmap, whole: &Whole, notes: &mut Notes) {
    let structures = &whole.structures;
    let saved = |slot: &&Slot<Descriptor>| {
        let value = slot.value;
        !value.flags.is_unused() && !value.flags.is_overlay() && bitmap.is_set(value.original / BLOCK)
    };
    if let Some(slot) = structures.descriptors.slots.iter().find(saved) {
        let found = format!("{:#x}, which the bitmap says was not", slot.value.original);
        notes.unusual((slot.offset, DESCRIPTOR, "original offset"), "a block that was in use", found);
    }
    let Some(first) = bitmap.blocks.first().filter(|_| whole.is_own) else {
        return;
    };
    let mut ranges: Vec<(u64, u64)> = structures
        .ranges
        .values()
        .map(|range| (range.start / BLOCK, range.start.saturating_add(range.size) / BLOCK))
        .collect();
    ranges.sort_unstable();
    // No block is looked at twice, however the ranges overlap.
    let mut at = 0;
    for (start, end) in ranges {
        let from = start.max(at);
        let bytes = usize::try_from(end.div_ceil(8)).unwrap_or(usize::MAX).min(bitmap.bytes().len());
        let clear = Bitmap::next(&bitmap.bytes()[..bytes], from, false).filter(|block| *block < end);
        if let Some(block) = clear {
            let found = format!("block {block} of the store is in use");
            notes.unusual((first.offset, BITMAP, "the store's own blocks"), "not in use", found);
            return;
        }
        at = at.max(end);
    }
}

/// The previous bitmap of a copy is the current one of the copy before, and what that one saved.
pub(super) fn previous_bitmap(older: &Whole, newer: &Whole, notes: &mut Notes) {
    let (Some(current), Some(previous)) = (&older.structures.bitmap, &newer.structures.previous_bitmap) else {
        return;
    };
    let Some(first) = previous.blocks.first() else {
        return;
    };
    let mut expected = current.bytes().to_vec();
    for value in older.structures.descriptors.values() {
        let block = value.original / BLOCK;
        let byte = usize::try_from(block / 8).ok().and_then(|at| expected.get_mut(at));
        if let Some(byte) = byte.filter(|_| !value.flags.is_unused() && !value.flags.is_overlay()) {
            *byte |= 1 << (block % 8);
        }
    }
    let differs = expected.iter().zip(previous.bytes()).position(|(expected, found)| expected != found);
    if let Some(byte) = differs {
        let found = format!("blocks {} to {} differ", byte * 8, byte * 8 + 7);
        let expected = "the bitmap of the copy before, with the blocks that it saved";
        notes.unusual((first.offset, BITMAP, "previous bitmap"), expected, found);
    }
}
