//! Where each byte of a copy lies: descriptors are resolved once, and reading looks up runs.
//!
//! ```text
//!  store k, its descriptors ──resolve──► Saved k: block ─► place or forwarder, overlay; the blocks that forwarders name
//!  Saved k, k+1, … newest   ──flatten──► block ─► place on the diff area, block of the live volume
//!  and overlays of k, bitmaps ──────────► Table: sorted runs over the whole volume
//! ```
//!
//! The rules are those of the public description ("Successive block descriptors"); where it leaves something open, those of
//! libvshadow. Flags other than forwarder, overlay and not-used make a plain copy.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bitmap, ImageError, Slot, StoreStructures};
use crate::disk_format::{BLOCK, Descriptor, SECTOR};

/// Where bytes are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The live volume, from this offset on.
    Live(u64),
    /// The volume with the diff area, from this offset on.
    Area(u64),
    /// They are zeros.
    Zeros,
}

impl Source {
    /// The source of what lies `by` bytes further.
    pub(super) fn after(self, by: u64) -> Source {
        match self {
            Source::Live(at) => Source::Live(at.saturating_add(by)),
            Source::Area(at) => Source::Area(at.saturating_add(by)),
            Source::Zeros => Source::Zeros,
        }
    }
}

/// The sizes that offsets are checked against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Of the view.
    pub(crate) view: u64,
    /// Of the live volume.
    pub(crate) live: u64,
    /// Of the volume with the diff area.
    pub(crate) area: u64,
}

/// What a store has of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    /// Where its old content lies.
    pub(crate) base: Option<Base>,
    /// Where the sectors of the copy itself lie, and which of them count.
    pub(crate) overlay: Option<(u64, u32)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Base {
    /// At this offset of the volume with the diff area.
    Place(u64),
    /// In this block of the next newer copy.
    Forward(u64),
}

/// The descriptors of a store, resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Saved {
    blocks: BTreeMap<u64, Kept>,
    /// Blocks that a forwarder names, and the block whose content they have.
    reverse: BTreeMap<u64, u64>,
}

impl Saved {
    /// Resolves the descriptors of a store.
    ///
    /// # Errors
    /// When one of them names bytes that are not there, or contradicts itself.
    pub(crate) fn resolve(store: &StoreStructures, sizes: Sizes) -> Result<Saved, ImageError> {
        let mut saved = Saved::default();
        for slot in &store.descriptors.slots {
            if !slot.value.flags.is_unused() {
                check(slot, sizes)?;
                saved.take(&slot.value);
            }
        }
        Ok(saved)
    }

    /// The blocks that the store has anything of, in order.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (u64, &Kept)> {
        self.blocks.iter().map(|(block, kept)| (*block, kept))
    }

    fn take(&mut self, new: &Descriptor) {
        if new.flags.is_overlay() {
            let kept = self.blocks.entry(new.original).or_default();
            // An extension adds sectors; its place is that of the overlay, whatever it says.
            let (place, bitmap) = kept.overlay.unwrap_or((new.place, 0));
            kept.overlay = Some((place, bitmap | new.bitmap));
            return;
        }
        // The block holds what a forwarder moved there: what is saved now belongs to the block that it came from.
        let original = self.reverse.remove(&new.original).unwrap_or(new.original);
        let forwards = new.flags.is_forwarder();
        if forwards && original == new.relative {
            return;
        }
        let base = if forwards { Base::Forward(new.relative) } else { Base::Place(new.place) };
        self.blocks.entry(original).or_default().base = Some(base);
        if forwards {
            self.reverse.insert(new.relative, original);
        }
    }
}

/// Refuses a descriptor that leads outside.
fn check(slot: &Slot<Descriptor>, sizes: Sizes) -> Result<(), ImageError> {
    let Descriptor { original, relative, place, flags, .. } = slot.value;
    let refuse = |at: u64, why: String| Err(ImageError::new(slot.offset + at, "descriptor", why));
    if flags.is_forwarder() && flags.is_overlay() {
        return refuse(24, format!("the flags {flags} make it a forwarder and an overlay at once"));
    }
    if !original.is_multiple_of(BLOCK) || original >= sizes.view {
        let size = sizes.view;
        return refuse(0, format!("there is no block at {original:#x} in a volume of {size:#x} bytes"));
    }
    let length = BLOCK.min(sizes.view - original);
    let (at, from, size) = if flags.is_forwarder() { (8, relative, sizes.live) } else { (16, place, sizes.area) };
    let forwarder_is_odd = flags.is_forwarder() && !from.is_multiple_of(BLOCK);
    if forwarder_is_odd || from.checked_add(length).is_none_or(|end| end > size) {
        return refuse(at, format!("no block lies at {from:#x} of the volume of {size:#x} bytes that it leads to"));
    }
    Ok(())
}

/// The runs of a view: they cover it from 0 on, without a gap.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    starts: Vec<u64>,
    sources: Vec<Source>,
    size: u64,
}

/// A run: these bytes of the view come from one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) source: Source,
}

impl Table {
    /// The table of the first of `copies` (oldest first, up to the newest). Blocks that were never copied and that `zeros` names are
    /// zeros, the others those of the live volume.
    pub(super) fn build(copies: &[&Saved], size: u64, zeros: &FreeBlocks) -> Table {
        let mut base: BTreeMap<u64, Source> = BTreeMap::new();
        for saved in copies.iter().rev() {
            // Forwarders look into the next newer copy as a whole, so nothing is changed before all of them have looked.
            let found = saved.blocks.iter().filter_map(|(block, kept)| {
                let source = match kept.base? {
                    Base::Place(place) => Source::Area(place),
                    Base::Forward(to) => base.get(&to).copied().unwrap_or(Source::Live(to)),
                };
                Some((*block, source))
            });
            let found: Vec<(u64, Source)> = found.collect();
            base.extend(found);
        }
        let none = Saved::default();
        let viewed = copies.first().copied().unwrap_or(&none);
        let overlays = || viewed.blocks.iter().filter_map(|(block, kept)| Some((*block, kept.overlay?)));
        let special: BTreeSet<u64> = base
            .keys()
            .copied()
            .chain(overlays().map(|(block, _)| block))
            .chain(viewed.reverse.keys().copied())
            .collect();
        let mut table = Table { size, ..Table::default() };
        let mut at = 0;
        for block in special.into_iter().take_while(|block| *block < size) {
            table.never_copied(at, block, zeros);
            let end = size.min(block + BLOCK);
            // Where a forwarder's content lies, the live volume is right although the block was not in use.
            let free = zeros.is_free(block) && !viewed.reverse.contains_key(&block);
            let under = base.get(&block).copied().unwrap_or(if free { Source::Zeros } else { Source::Live(block) });
            let (place, bitmap) = viewed.blocks.get(&block).and_then(|kept| kept.overlay).unwrap_or((0, 0));
            if bitmap == 0 {
                table.push(block, under);
                at = end;
                continue;
            }
            for (sector, start) in (block..end).step_by(SECTOR as usize).enumerate() {
                let above = bitmap >> sector & 1 == 1;
                table.push(start, if above { Source::Area(place) } else { under }.after(start - block));
            }
            at = end;
        }
        table.never_copied(at, size, zeros);
        table
    }

    /// Covers `from..to`, where nothing was copied.
    fn never_copied(&mut self, from: u64, to: u64, zeros: &FreeBlocks) {
        let mut at = from;
        while at < to {
            let free = zeros.is_free(at);
            let end = zeros.end_of(at, to, free);
            self.push(at, if free { Source::Zeros } else { Source::Live(at) });
            at = end;
        }
    }

    /// Goes on with `source` from `start` on.
    fn push(&mut self, start: u64, source: Source) {
        if let (Some(last), Some(begun)) = (self.sources.last(), self.starts.last())
            && last.after(start - begun) == source
        {
            return;
        }
        self.starts.push(start);
        self.sources.push(source);
    }

    /// The runs from the one that holds `offset` on.
    pub(super) fn runs_from(&self, offset: u64) -> impl Iterator<Item = Run> {
        let first = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let ends = self.starts.iter().skip(first + 1).copied().chain(std::iter::once(self.size));
        let starts = self.starts.iter().skip(first).copied();
        let sources = self.sources.iter().skip(first).copied();
        starts.zip(ends).zip(sources).map(|((start, end), source)| Run { start, end, source })
    }

    /// How many runs there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }
}

/// The blocks that neither the copy nor the one before had any use of.
#[derive(Clone, Debug, Default)]
pub(super) struct FreeBlocks {
    bits: Vec<u8>,
}

impl FreeBlocks {
    /// The blocks that are set in both bitmaps; without a previous one, in the current one.
    pub(super) fn of(store: &StoreStructures) -> FreeBlocks {
        let Some(current) = &store.bitmap else {
            return FreeBlocks::default();
        };
        let mut bits = current.bytes().to_vec();
        if let Some(previous) = &store.previous_bitmap {
            let before = previous.bytes().iter().copied().chain(std::iter::repeat(0));
            bits.iter_mut().zip(before).for_each(|(bit, before)| *bit &= before);
        }
        FreeBlocks { bits }
    }

    fn is_free(&self, offset: u64) -> bool {
        let block = offset / BLOCK;
        let byte = usize::try_from(block / 8).ok().and_then(|at| self.bits.get(at));
        byte.is_some_and(|byte| byte >> (block % 8) & 1 == 1)
    }

    /// Where the stretch of blocks ends that are as free as that at `offset`, at most at `to`. Nothing behind that is looked at: with
    /// many stretches it would be looked at many times.
    fn end_of(&self, offset: u64, to: u64, free: bool) -> u64 {
        let bytes = usize::try_from(to.div_ceil(BLOCK).div_ceil(8)).unwrap_or(usize::MAX).min(self.bits.len());
        let next = Bitmap::next(&self.bits[..bytes], offset / BLOCK, !free);
        // Behind the end of the bits nothing is free.
        let next = next.or_else(|| free.then_some(bytes as u64 * 8));
        next.map_or(to, |block| block.saturating_mul(BLOCK).min(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(table: &Table) -> Vec<(u64, u64, Source)> {
        table.runs_from(0).map(|run| (run.start / BLOCK, run.end / BLOCK, run.source)).collect()
    }

    #[test]
    fn behind_the_end_of_a_bitmap_no_block_is_free() {
        let table = Table::build(&[], 20 * BLOCK, &FreeBlocks { bits: vec![0xf0, 0xff] });
        let live = |block: u64| Source::Live(block * BLOCK);
        assert_eq!(runs(&table), [(0, 4, live(0)), (4, 16, Source::Zeros), (16, 20, live(16))]);
    }

    #[test]
    fn a_large_bitmap_is_not_looked_at_again_for_each_saved_block() {
        let blocks = (0..200_000_u64).map(|block| {
            let kept = Kept { base: Some(Base::Place(0)), overlay: None };
            (2 * block * BLOCK, kept)
        });
        let saved = Saved { blocks: blocks.collect(), reverse: BTreeMap::new() };
        // 200,000 looks at 32 MiB would take an hour.
        for byte in [0, 0xff] {
            let zeros = FreeBlocks { bits: vec![byte; 32 << 20] };
            let table = Table::build(&[&saved], (8 * BLOCK) << 25, &zeros);
            assert_eq!(table.len(), 400_000);
        }
    }
}
