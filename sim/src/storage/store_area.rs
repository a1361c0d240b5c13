//! A diff area as Windows lays it out: a store with a header, a list of descriptors, a list of ranges, two bitmaps and the saved blocks.
//!
//! ```text
//!  relative 0        0x4000           0x8000          0xc000 …
//!  ┌────────┬────────────────┬───────────────┬─────────┬──────────┬─────────────────────────────────────────┐
//!  │ header │ descriptors ─┐ │ ranges ─┐     │ bitmap… │ previous │ saved blocks, further lists, free places │
//!  └────────┴──────────────┼─┴─────────┼─────┴─────────┴──────────┴─────────────────────────────────────────┘
//!                          └► next     └► next
//! ```
//!
//! The first three blocks stand in no range, as in every store that Windows made, unless they do not lie side by side. The order of writes
//! is what keeps a copy whole when the power fails: the old block, a barrier, its descriptor, a barrier, and only then the new block; a new
//! place is named by a durable range before anything lies in it, and a new list block is durable before it is linked. A descriptor never
//! lies in two sectors; a range may, and then a half-written one has a zero where none may be, so a reader knows it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::ids::Guid;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::disk_format::descriptor::BITS_A_BLOCK;
use crate::disk_format::{BlockHeader, Descriptor, DescriptorFlags, Range, RecordType, StoreEntry, StoreInformation};

use super::block_store::{BLOCK_BYTES, BLOCK_SIZE, ZEROS};
use super::diff_area::{AreaFull, AreaHost, Commitment, DiffArea};
use super::words::{Bitmap, Words};

/// Header, descriptors, ranges: what stands in no range.
pub(super) const FIRST_BLOCKS: u64 = 3;

/// A block of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// Where it lies on the host volume.
    pub(super) place: u64,
    /// Where it lies in the store, in blocks.
    pub(super) relative: u64,
}

/// A list of blocks that are linked by their headers, and how many entries stand in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    pub(super) blocks: Vec<u64>,
    pub(super) entries: u64,
}

impl Chain {
    /// The block and the byte in it where an entry stands.
    fn entry(&self, index: u64, a_block: u64, size: usize) -> (u64, usize) {
        let block = usize::try_from(index / a_block).ok().and_then(|at| self.blocks.get(at));
        (block.copied().unwrap_or(0), BlockHeader::SIZE + (index % a_block) as usize * size)
    }

    /// Links one more block: first the block, then, when that is durable, the link to it.
    fn grow(&mut self, spot: Spot, record: RecordType, host: &mut dyn AreaHost) {
        let header = BlockHeader::new(record, spot.relative * BLOCK_BYTES, spot.place * BLOCK_BYTES);
        host.write_fresh(spot.place, &header.encode());
        host.flush();
        if let Some(&last) = self.blocks.last() {
            host.write(last, BlockHeader::NEXT_AT as usize, &(spot.place * BLOCK_BYTES).to_le_bytes());
            host.flush();
        }
        self.blocks.push(spot.place);
    }
}

/// A diff area with Windows' layout.
#[derive(Clone, Debug)]
pub struct StoreArea {
    /// Block to place + 1; zero where nothing is saved.
    pub(super) table: Words,
    /// Block to block + 1: the old content lies at that block of the next newer copy.
    pub(super) forwards: Words,
    /// Block to place + 1 of what was written into the copy itself.
    pub(super) overlays: Words,
    /// Block to the sectors of it that were written into the copy.
    pub(super) sectors: Words,
    /// Places that hold nothing yet; the last is used next.
    pub(super) spare: Arc<Vec<Spot>>,
    pub(super) header: u64,
    pub(super) descriptors: Arc<Chain>,
    pub(super) ranges: Arc<Chain>,
    /// The last range, which may still grow.
    pub(super) last_range: Range,
    pub(super) bitmap: Arc<Vec<Spot>>,
    pub(super) previous: Arc<Vec<Spot>>,
    /// How many places hold saved or written blocks.
    pub(super) used: u64,
    /// By how many blocks it grows.
    pub(super) step: u64,
    /// How many blocks the store has, the first three included.
    pub(super) length: u64,
}

impl StoreArea {
    /// How many blocks a store takes before anything is saved in it.
    #[must_use]
    pub fn overhead(blocks: u64) -> u64 {
        FIRST_BLOCKS + 2 * blocks.div_ceil(BITS_A_BLOCK)
    }

    /// An empty store for a volume of `blocks` blocks, with `initial` blocks (its own structures at least), that grows by `step` blocks
    /// (at least one).
    ///
    /// # Errors
    /// When the host cannot give the initial blocks.
    pub fn new(blocks: u64, initial: u64, step: u64, host: &mut dyn AreaHost) -> Result<StoreArea, AreaFull> {
        let initial = initial.max(StoreArea::overhead(blocks));
        let mut places = Vec::new();
        if host.reserve(initial, &mut places) < initial {
            for place in places {
                host.release(place);
            }
            return Err(AreaFull);
        }
        // A reader takes it that the first three lie side by side. Where they cannot, the ranges name them like all others.
        let together = places.windows(FIRST_BLOCKS as usize).position(|three| three[0] + FIRST_BLOCKS - 1 == three[2]);
        let at = together.unwrap_or(0);
        let first: Vec<u64> = places.drain(at..at + FIRST_BLOCKS as usize).collect();
        let mut area = StoreArea {
            table: Words::new(blocks),
            forwards: Words::new(blocks),
            overlays: Words::new(blocks),
            sectors: Words::new(blocks),
            spare: Arc::default(),
            header: first[0],
            descriptors: Arc::default(),
            ranges: Arc::default(),
            last_range: Range::default(),
            bitmap: Arc::default(),
            previous: Arc::default(),
            used: 0,
            step: step.max(1),
            length: if together.is_some() { FIRST_BLOCKS } else { 0 },
        };
        let descriptors = Spot { place: first[1], relative: 1 };
        Arc::make_mut(&mut area.descriptors).grow(descriptors, RecordType::Descriptors, host);
        let ranges = Spot { place: first[2], relative: 2 };
        Arc::make_mut(&mut area.ranges).grow(ranges, RecordType::Ranges, host);
        if together.is_none() {
            first.iter().for_each(|&place| area.add_range(place, 1, host));
        }
        area.add_places(&places, host);
        host.flush();
        let a_bitmap = blocks.div_ceil(BITS_A_BLOCK);
        area.bitmap = Arc::new(area.make_bitmap(a_bitmap, host));
        area.previous = Arc::new(area.make_bitmap(a_bitmap, host));
        Ok(area)
    }

    /// Adds places, lowest first, to the store and to its ranges.
    fn add_places(&mut self, places: &[u64], host: &mut dyn AreaHost) {
        let mut fresh = Vec::with_capacity(places.len());
        for run in places.chunk_by(|one, next| one + 1 == *next) {
            let Some(&first) = run.first() else { continue };
            let mut spots =
                run.iter().zip(self.length..).map(|(&place, relative)| Spot { place, relative }).collect::<Vec<_>>();
            if self.range_list_is_full(first) {
                // The list needs another block to name the run in, and takes the first one of it.
                let list = spots.remove(0);
                Arc::make_mut(&mut self.ranges).grow(list, RecordType::Ranges, host);
            }
            self.add_range(first, run.len() as u64, host);
            fresh.append(&mut spots);
        }
        // The last is used next, so the lowest has to stand last.
        fresh.reverse();
        let spare = Arc::make_mut(&mut self.spare);
        fresh.append(spare);
        *spare = fresh;
    }

    /// Whether naming a run that starts at `first` needs another block in the list of ranges.
    fn range_list_is_full(&self, first: u64) -> bool {
        let last = self.last_range;
        let adjoins = last.size > 0 && last.start + last.size == first * BLOCK_BYTES;
        !adjoins && self.ranges.entries == self.ranges.blocks.len() as u64 * Range::A_BLOCK
    }

    /// Names a run of places as the next part of the store. The list has room.
    fn add_range(&mut self, first: u64, count: u64, host: &mut dyn AreaHost) {
        let (start, size) = (first * BLOCK_BYTES, count * BLOCK_BYTES);
        let chain = Arc::make_mut(&mut self.ranges);
        if self.last_range.size > 0 && self.last_range.start + self.last_range.size == start {
            self.last_range.size += size;
            let (place, at) = chain.entry(chain.entries - 1, Range::A_BLOCK, Range::SIZE);
            host.write(place, at + Range::SIZE_AT, &self.last_range.size.to_le_bytes());
        } else {
            self.last_range = Range { start, relative: self.length * BLOCK_BYTES, size };
            let (place, at) = chain.entry(chain.entries, Range::A_BLOCK, Range::SIZE);
            chain.entries += 1;
            host.write(place, at, &self.last_range.encode());
        }
        self.length += count;
    }

    /// Linked blocks for a bitmap, from the places that are free.
    fn make_bitmap(&mut self, count: u64, host: &mut dyn AreaHost) -> Vec<Spot> {
        let spare = Arc::make_mut(&mut self.spare);
        let taken: Vec<Spot> = (0..count).filter_map(|_| spare.pop()).collect();
        for (at, spot) in taken.iter().enumerate() {
            let next = taken.get(at + 1).map_or(0, |next| next.place * BLOCK_BYTES);
            let header = BlockHeader::new(RecordType::Bitmap, spot.relative * BLOCK_BYTES, spot.place * BLOCK_BYTES);
            host.write_fresh(spot.place, &BlockHeader { next, ..header }.encode());
        }
        host.flush();
        taken
    }

    /// Makes sure that `want` places are free: from `spare` first, then by growing.
    fn make_room(&mut self, want: usize, spare: &mut Vec<u64>, host: &mut dyn AreaHost) -> Result<(), AreaFull> {
        while self.spare.len() < want {
            let mut places = spare.split_off(spare.len().saturating_sub(want - self.spare.len()));
            if places.is_empty() && host.reserve(self.step, &mut places) == 0 {
                return Err(AreaFull);
            }
            places.sort_unstable();
            self.add_places(&places, host);
            host.flush();
        }
        Ok(())
    }

    /// Makes room for one more descriptor and for `places` free places.
    fn make_ready(&mut self, places: usize, host: &mut dyn AreaHost) -> Result<(), AreaFull> {
        if self.descriptors.entries < self.descriptors.blocks.len() as u64 * Descriptor::A_BLOCK {
            return self.make_room(places, &mut Vec::new(), host);
        }
        self.make_room(places + 1, &mut Vec::new(), host)?;
        self.grow_descriptors(host);
        Ok(())
    }

    fn grow_descriptors(&mut self, host: &mut dyn AreaHost) {
        if let Some(spot) = Arc::make_mut(&mut self.spare).pop() {
            Arc::make_mut(&mut self.descriptors).grow(spot, RecordType::Descriptors, host);
        }
    }

    /// Appends a descriptor. The list has room.
    fn describe(&mut self, descriptor: &Descriptor, host: &mut dyn AreaHost) {
        let chain = Arc::make_mut(&mut self.descriptors);
        let (place, at) = chain.entry(chain.entries, Descriptor::A_BLOCK, Descriptor::SIZE);
        chain.entries += 1;
        host.write(place, at, &descriptor.encode());
    }

    fn take_spot(&mut self) -> Result<Spot, AreaFull> {
        let spot = Arc::make_mut(&mut self.spare).pop().ok_or(AreaFull)?;
        self.used += 1;
        Ok(spot)
    }

    /// The places of its own structures.
    pub(super) fn structures(&self) -> impl Iterator<Item = u64> + '_ {
        let lists = self.descriptors.blocks.iter().chain(&self.ranges.blocks).copied();
        let bitmaps = self.bitmap.iter().chain(&*self.previous).map(|spot| spot.place);
        std::iter::once(self.header).chain(lists).chain(bitmaps)
    }
}

impl DiffArea for StoreArea {
    fn commit(&mut self, commitment: &Commitment<'_>, host: &mut dyn AreaHost) {
        write_bitmap(&self.bitmap, commitment.in_use, host);
        if let Some(needed) = commitment.needed {
            write_bitmap(&self.previous, needed, host);
        } else {
            // The oldest copy has no previous bitmap, and saves blocks in its place.
            let previous = std::mem::take(&mut self.previous);
            Arc::make_mut(&mut self.spare).extend(previous.iter().rev());
        }
        self.describe_copy(commitment.information, host);
    }

    fn describe_copy(&mut self, information: &StoreInformation, host: &mut dyn AreaHost) {
        let information = information.encode();
        let header = BlockHeader::new(RecordType::Store, 0, self.header * BLOCK_BYTES);
        let header = BlockHeader { information: information.len() as u64, ..header };
        host.write_fresh(self.header, &[&header.encode()[..], &information].concat());
        host.flush();
    }

    fn entry(&self, store: Guid) -> Option<StoreEntry> {
        let list = |blocks: &[u64]| blocks.first().map_or(0, |block| block * BLOCK_BYTES);
        let bitmap = |spots: &[Spot]| spots.first().map_or(0, |spot| spot.place * BLOCK_BYTES);
        Some(StoreEntry {
            descriptors: list(&self.descriptors.blocks),
            store,
            header: self.header * BLOCK_BYTES,
            ranges: list(&self.ranges.blocks),
            bitmap: bitmap(&self.bitmap),
            file_reference: 0,
            allocated: 0,
            previous_bitmap: bitmap(&self.previous),
            // 1 in the images of Windows where there is a previous bitmap.
            unknown: u64::from(!self.previous.is_empty()),
        })
    }

    fn save(&mut self, block: u64, host: &mut dyn AreaHost) -> Result<(), AreaFull> {
        if block >= self.table.len() || self.lookup(block).is_some() {
            return Ok(());
        }
        self.make_ready(1, host)?;
        let spot = self.take_spot()?;
        host.copy_in(spot.place);
        host.flush();
        self.describe(&saved_at(block, spot), host);
        host.flush();
        self.table.set(block, spot.place + 1);
        Ok(())
    }

    fn lookup(&self, block: u64) -> Option<u64> {
        self.table.get(block).checked_sub(1)
    }

    fn forward(&self, block: u64) -> Option<u64> {
        self.forwards.get(block).checked_sub(1)
    }

    fn forwarded(&self) -> Box<dyn Iterator<Item = (u64, u64)> + '_> {
        let moved = self.forwards.iter().map(|(block, moved)| (block, moved - 1));
        Box::new(moved.filter(|(block, _)| self.lookup(*block).is_none()))
    }

    fn save_overlay(&mut self, block: u64, sectors: u32, host: &mut dyn AreaHost) -> Result<(), AreaFull> {
        if block >= self.overlays.len() {
            return Err(AreaFull);
        }
        let known = self.sectors.get(block) as u32;
        let (place, relative) = if let Some(place) = self.lookup_overlay(block) {
            if sectors & !known != 0 {
                self.make_ready(0, host)?;
            }
            // An overlay that extends another one has a one where the first one has its offset.
            (place, 1)
        } else {
            self.make_ready(1, host)?;
            let spot = self.take_spot()?;
            host.copy_in(spot.place);
            (spot.place, spot.relative * BLOCK_BYTES)
        };
        host.fill(place);
        host.flush();
        if sectors & !known != 0 {
            self.describe(
                &Descriptor {
                    original: block * BLOCK_BYTES,
                    relative,
                    place: place * BLOCK_BYTES,
                    flags: DescriptorFlags(DescriptorFlags::OVERLAY),
                    bitmap: sectors & !known,
                },
                host,
            );
            host.flush();
        }
        self.overlays.set(block, place + 1);
        self.sectors.set(block, u64::from(known | sectors));
        Ok(())
    }

    fn lookup_overlay(&self, block: u64) -> Option<u64> {
        self.overlays.get(block).checked_sub(1)
    }

    fn saved(&self) -> Box<dyn Iterator<Item = (u64, u64)> + '_> {
        Box::new(self.table.iter().map(|(block, place)| (block, place - 1)))
    }

    fn take(&mut self, block: u64) -> Option<u64> {
        let place = self.table.set(block, 0)?.checked_sub(1)?;
        self.used = self.used.saturating_sub(1);
        Some(place)
    }

    fn take_spare(&mut self) -> Vec<u64> {
        std::mem::take(Arc::make_mut(&mut self.spare)).into_iter().map(|spot| spot.place).collect()
    }

    fn adopt(&mut self, blocks: &[(u64, u64)], spare: &mut Vec<u64>, host: &mut dyn AreaHost) -> Result<(), AreaFull> {
        // Room in both lists is made before a block is taken over.
        let room = |chain: &Chain, a_block: u64| chain.blocks.len() as u64 * a_block - chain.entries;
        let count = blocks.len() as u64;
        let lists = count.saturating_sub(room(&self.descriptors, Descriptor::A_BLOCK)).div_ceil(Descriptor::A_BLOCK);
        self.make_room(lists as usize, spare, host)?;
        (0..lists).for_each(|_| self.grow_descriptors(host));
        while room(&self.ranges, Range::A_BLOCK) < count {
            self.make_room(1, spare, host)?;
            if let Some(spot) = Arc::make_mut(&mut self.spare).pop() {
                Arc::make_mut(&mut self.ranges).grow(spot, RecordType::Ranges, host);
            }
        }
        let mut places: Vec<u64> = blocks.iter().map(|&(_, place)| place).collect();
        places.sort_unstable();
        let mut named = Vec::with_capacity(places.len());
        for run in places.chunk_by(|one, next| one + 1 == *next) {
            named.extend(run.iter().zip(self.length..).map(|(&place, relative)| Spot { place, relative }));
            self.add_range(run[0], run.len() as u64, host);
        }
        host.flush();
        for &(block, place) in blocks {
            let Ok(at) = named.binary_search_by_key(&place, |spot| spot.place) else { continue };
            self.describe(&saved_at(block, named[at]), host);
            self.table.set(block, place + 1);
            self.used += 1;
        }
        host.flush();
        Ok(())
    }

    fn overlaid(&self) -> Box<dyn Iterator<Item = (u64, u64, u32)> + '_> {
        let of = |(block, place): (u64, u64)| (block, place - 1, self.sectors.get(block) as u32);
        Box::new(self.overlays.iter().map(of))
    }

    fn places(&self) -> Vec<u64> {
        let taken = self.table.iter().chain(self.overlays.iter()).map(|(_, place)| place - 1);
        taken.chain(self.spare.iter().map(|spot| spot.place)).chain(self.structures()).collect()
    }

    fn resume_adoption(&mut self, newer: &mut dyn DiffArea, host: &mut dyn AreaHost) -> Vec<u64> {
        let saved: Vec<(u64, u64)> = newer.saved().collect();
        let named: BTreeMap<u64, Spot> = self.spare.iter().map(|spot| (spot.place, *spot)).collect();
        // Places whose ranges are durable and whose descriptors are not.
        let taken: BTreeMap<u64, Spot> =
            saved.iter().filter_map(|(_, place)| named.get(place).map(|spot| (*place, *spot))).collect();
        Arc::make_mut(&mut self.spare).retain(|spot| !taken.contains_key(&spot.place));
        let mut adopted = Vec::new();
        for (block, place) in saved {
            if let Some(spot) = taken.get(&place)
                && self.lookup(block).is_none()
                && self.make_ready(0, host).is_ok()
            {
                self.describe(&saved_at(block, *spot), host);
                host.flush();
                self.table.set(block, place + 1);
                self.used += 1;
            }
            if self.lookup(block) == Some(place) {
                newer.take(block);
                adopted.push(block);
            }
        }
        newer.disown(&self.places());
        adopted
    }

    fn disown(&mut self, places: &[u64]) {
        let others: BTreeSet<u64> = places.iter().copied().collect();
        Arc::make_mut(&mut self.spare).retain(|spot| !others.contains(&spot.place));
    }

    fn used(&self) -> u64 {
        self.used
    }

    fn allocated(&self) -> u64 {
        self.structures().count() as u64 + self.used + self.spare.len() as u64
    }

    fn clear(&mut self, host: &mut dyn AreaHost) {
        for (_, place) in self.table.iter().chain(self.overlays.iter()) {
            host.release(place - 1);
        }
        for spot in self.spare.iter() {
            host.release(spot.place);
        }
        for place in self.structures() {
            host.release(place);
        }
    }

    fn digest(&self) -> u64 {
        let spare = self.spare.iter().fold(self.step, |seed, spot| xxh3_64_with_seed(&spot.place.to_le_bytes(), seed));
        xxh3_64_with_seed(&self.table.digest().to_le_bytes(), spare)
            .wrapping_add(self.overlays.digest().rotate_left(1))
            .wrapping_add(self.sectors.digest().rotate_left(2))
    }

    fn boxed_clone(&self) -> Box<dyn DiffArea> {
        Box::new(self.clone())
    }
}

fn saved_at(block: u64, spot: Spot) -> Descriptor {
    Descriptor {
        original: block * BLOCK_BYTES,
        relative: spot.relative * BLOCK_BYTES,
        place: spot.place * BLOCK_BYTES,
        ..Descriptor::default()
    }
}

/// Writes a bitmap whose set bits are the blocks that are *not* in use. The bits behind the last block are zeros, as Windows has them.
fn write_bitmap(blocks: &[Spot], in_use: &Bitmap, host: &mut dyn AreaHost) {
    let words = BITS_A_BLOCK / 64;
    let mut bytes = ZEROS;
    let bytes = &mut bytes[..BLOCK_SIZE - BlockHeader::SIZE];
    for (spot, first) in blocks.iter().zip((0..).step_by(words as usize)) {
        for (word, into) in (first..first + words).zip(bytes.chunks_exact_mut(8)) {
            let beyond = in_use.len().saturating_sub(word * 64).min(64);
            let inside = 1_u64.checked_shl(beyond as u32).map_or(u64::MAX, |bit| bit - 1);
            into.copy_from_slice(&(!in_use.word(word) & inside).to_le_bytes());
        }
        host.write(spot.place, BlockHeader::SIZE, bytes);
    }
}
