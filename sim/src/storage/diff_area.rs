//! The diff area: where the old content of a block goes before the first write after a commit lands.
//!
//! ```text
//!   write to block 7 ──► area.save(7) ──► a place on the host volume ◄── old bytes of block 7
//!                                │
//!                                └── grows in steps, up to the maximum, then AreaFull
//! ```
//!
//! [`DiffArea`] is one shadow copy's part of it. It decides where something lies and keeps the table; the bytes are moved by the
//! [`AreaHost`], which also hands out blocks of the host volume. So an area with an on-disk layout and one without look the same
//! from outside. [`StoreArea`](super::StoreArea) is laid out as Windows does it. [`PlainDiffArea`] has no layout on the volume
//! beyond the saved blocks themselves: it is what the other one is compared with.

use std::fmt;
use std::sync::Arc;

use vssim_model::ids::Guid;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::disk_format::{StoreEntry, StoreInformation};

use super::words::{Bitmap, Words};

/// There is no room for another block, and the area cannot grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaFull;

impl fmt::Display for AreaFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the diff area is full and cannot grow")
    }
}

impl std::error::Error for AreaFull {}

/// What a diff area asks of the volume on which it lies.
pub trait AreaHost {
    /// Copies the block that is being saved to `place`, a block of the host volume.
    fn copy_in(&mut self, place: u64);

    /// Writes to `place` what is being written into the shadow copy itself.
    fn fill(&mut self, place: u64);

    /// Writes a part of the area's own structures: `bytes`, from the byte `at` of the block `place`.
    fn write(&mut self, place: u64, at: usize, bytes: &[u8]);

    /// Writes a whole block of the area's own structures: `bytes`, then zeros.
    fn write_fresh(&mut self, place: u64, bytes: &[u8]);

    /// A barrier: what was written is durable before anything that follows.
    fn flush(&mut self);

    /// Reserves up to `want` blocks of the host volume, adds them to `into` and gives how many there were. What the association's maximum
    /// or the room on the volume does not allow is not given.
    fn reserve(&mut self, want: u64, into: &mut Vec<u64>) -> u64;

    /// Gives a reserved block back.
    fn release(&mut self, place: u64);
}

/// What is known of a shadow copy at its commit.
#[derive(Clone, Copy, Debug)]
pub struct Commitment<'a> {
    /// What the copy is.
    pub information: &'a StoreInformation,
    /// The blocks that are in use now.
    pub in_use: &'a Bitmap,
    /// The blocks that an older copy still needs; `None` when there is no older copy.
    pub needed: Option<&'a Bitmap>,
}

/// One shadow copy's diff area. Blocks are numbered on the original volume, places are blocks of the host volume.
pub trait DiffArea: fmt::Debug + Send + Sync {
    /// The copy is committed: the area writes down what is known of it.
    fn commit(&mut self, commitment: &Commitment<'_>, host: &mut dyn AreaHost);

    /// Writes down anew what is known of the copy.
    fn describe_copy(&mut self, information: &StoreInformation, host: &mut dyn AreaHost);

    /// What a catalog has to say of the area, when it has a layout that a catalog can name.
    fn entry(&self, store: Guid) -> Option<StoreEntry>;

    /// Saves the old content of `block`, which the host copies in. A block is saved once; saving it again changes nothing.
    ///
    /// # Errors
    /// When there is no room and the area cannot grow. Nothing is saved then.
    fn save(&mut self, block: u64, host: &mut dyn AreaHost) -> Result<(), AreaFull>;

    /// Where the old content of `block` is, if it was saved.
    fn lookup(&self, block: u64) -> Option<u64>;

    /// The block of the next newer copy, or of the live volume, that has the old content of `block`, if it was moved there. Only areas
    /// that Windows wrote have such blocks.
    fn forward(&self, _block: u64) -> Option<u64> {
        None
    }

    /// Every block that was [moved](DiffArea::forward), with the block that it was moved to.
    fn forwarded(&self) -> Box<dyn Iterator<Item = (u64, u64)> + '_> {
        Box::new(std::iter::empty())
    }

    /// Takes what the host [fills](AreaHost::fill) in as the shadow copy's own content of `sectors` of the block (a bit for each 512
    /// bytes). Such content is seen by this copy only, not by older ones. The rest of the block stays as the copy shows it.
    ///
    /// # Errors
    /// When there is no room and the area cannot grow. Nothing is changed then.
    fn save_overlay(&mut self, block: u64, sectors: u32, host: &mut dyn AreaHost) -> Result<(), AreaFull>;

    /// Where the shadow copy's own content of `block` is, if it was written there.
    fn lookup_overlay(&self, block: u64) -> Option<u64>;

    /// The blocks that are saved (not the overlays), in order, with their places.
    fn saved(&self) -> Box<dyn Iterator<Item = (u64, u64)> + '_>;

    /// Takes a saved block out, place and all, so that the area of an older copy can [adopt](DiffArea::adopt) it.
    fn take(&mut self, block: u64) -> Option<u64>;

    /// Takes all places out that hold nothing.
    fn take_spare(&mut self) -> Vec<u64>;

    /// Takes over saved blocks of a newer copy that is being deleted. Their places then belong to this area, as do those of `spare`
    /// that it needs for its tables; the others stay in `spare`.
    ///
    /// # Errors
    /// When there is no room for the tables. No block is taken over then.
    fn adopt(&mut self, blocks: &[(u64, u64)], spare: &mut Vec<u64>, host: &mut dyn AreaHost) -> Result<(), AreaFull>;

    /// What was written into the copy itself: the block, its place, and the sectors of it that count.
    fn overlaid(&self) -> Box<dyn Iterator<Item = (u64, u64, u32)> + '_>;

    /// Every place of the area, in no order.
    fn places(&self) -> Vec<u64>;

    /// Goes on with an [adoption](DiffArea::adopt) that a power cut interrupted: whatever of `newer` lies in places that this area has
    /// named as its own is this area's. Gives the blocks.
    fn resume_adoption(&mut self, newer: &mut dyn DiffArea, host: &mut dyn AreaHost) -> Vec<u64>;

    /// Forgets free places that belong to another area now.
    fn disown(&mut self, places: &[u64]);

    /// How many places hold saved or written blocks.
    fn used(&self) -> u64;

    /// How many places the area has on the host volume.
    fn allocated(&self) -> u64;

    /// Gives every place back. The area is of no use afterwards.
    fn clear(&mut self, host: &mut dyn AreaHost);

    /// A number that depends on what is saved where.
    fn digest(&self) -> u64;

    /// A copy, as cheap as the area allows.
    fn boxed_clone(&self) -> Box<dyn DiffArea>;
}

impl Clone for Box<dyn DiffArea> {
    fn clone(&self) -> Box<dyn DiffArea> {
        self.boxed_clone()
    }
}

/// A diff area without a layout of its own: saved blocks lie in blocks that VSS reserved on the host volume.
#[derive(Clone, Debug)]
pub struct PlainDiffArea {
    /// Block to place + 1; zero where nothing is saved.
    table: Words,
    overlays: Words,
    /// Places that hold nothing yet; the last is used next.
    spare: Arc<Vec<u64>>,
    used: u64,
    step: u64,
}

impl PlainDiffArea {
    /// An empty area for a volume of `blocks` blocks, with room for `initial` blocks, that grows by `step` blocks (at least one).
    ///
    /// # Errors
    /// When the host cannot give the initial blocks.
    pub fn new(blocks: u64, initial: u64, step: u64, host: &mut dyn AreaHost) -> Result<PlainDiffArea, AreaFull> {
        let mut area = PlainDiffArea {
            table: Words::new(blocks),
            overlays: Words::new(blocks),
            spare: Arc::default(),
            used: 0,
            step: step.max(1),
        };
        if area.grow(initial, host) < initial {
            area.clear(host);
            return Err(AreaFull);
        }
        Ok(area)
    }

    fn grow(&mut self, want: u64, host: &mut dyn AreaHost) -> u64 {
        if want == 0 {
            return 0;
        }
        let mut fresh = Vec::new();
        let got = host.reserve(want, &mut fresh);
        // The last is used next, so the lowest place has to stand last.
        fresh.reverse();
        let spare = Arc::make_mut(&mut self.spare);
        fresh.append(spare);
        *spare = fresh;
        got
    }

    fn place(&mut self, host: &mut dyn AreaHost) -> Result<u64, AreaFull> {
        if self.spare.is_empty() {
            self.grow(self.step, host);
        }
        let place = Arc::make_mut(&mut self.spare).pop().ok_or(AreaFull)?;
        self.used += 1;
        host.copy_in(place);
        Ok(place)
    }
}

impl DiffArea for PlainDiffArea {
    fn commit(&mut self, _commitment: &Commitment<'_>, _host: &mut dyn AreaHost) {}

    fn describe_copy(&mut self, _information: &StoreInformation, _host: &mut dyn AreaHost) {}

    fn entry(&self, _store: Guid) -> Option<StoreEntry> {
        None
    }

    fn save(&mut self, block: u64, host: &mut dyn AreaHost) -> Result<(), AreaFull> {
        if self.lookup(block).is_none() && block < self.table.len() {
            let place = self.place(host)?;
            self.table.set(block, place + 1);
        }
        Ok(())
    }

    fn lookup(&self, block: u64) -> Option<u64> {
        self.table.get(block).checked_sub(1)
    }

    fn save_overlay(&mut self, block: u64, _sectors: u32, host: &mut dyn AreaHost) -> Result<(), AreaFull> {
        let place = match self.lookup_overlay(block) {
            Some(place) => place,
            None if block >= self.overlays.len() => return Err(AreaFull),
            None => {
                let place = self.place(host)?;
                self.overlays.set(block, place + 1);
                place
            }
        };
        host.fill(place);
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
        self.used -= 1;
        Some(place)
    }

    fn take_spare(&mut self) -> Vec<u64> {
        std::mem::take(Arc::make_mut(&mut self.spare))
    }

    fn adopt(&mut self, blocks: &[(u64, u64)], _: &mut Vec<u64>, _: &mut dyn AreaHost) -> Result<(), AreaFull> {
        for &(block, place) in blocks {
            self.table.set(block, place + 1);
            self.used += 1;
        }
        Ok(())
    }

    fn overlaid(&self) -> Box<dyn Iterator<Item = (u64, u64, u32)> + '_> {
        Box::new(self.overlays.iter().map(|(block, place)| (block, place - 1, u32::MAX)))
    }

    fn places(&self) -> Vec<u64> {
        let taken = self.table.iter().chain(self.overlays.iter()).map(|(_, place)| place - 1);
        taken.chain(self.spare.iter().copied()).collect()
    }

    fn resume_adoption(&mut self, _: &mut dyn DiffArea, _: &mut dyn AreaHost) -> Vec<u64> {
        Vec::new()
    }

    fn disown(&mut self, places: &[u64]) {
        Arc::make_mut(&mut self.spare).retain(|place| !places.contains(place));
    }

    fn used(&self) -> u64 {
        self.used
    }

    fn allocated(&self) -> u64 {
        self.used + self.spare.len() as u64
    }

    fn clear(&mut self, host: &mut dyn AreaHost) {
        for (_, place) in self.table.iter().chain(self.overlays.iter()) {
            host.release(place - 1);
        }
        for &place in self.spare.iter() {
            host.release(place);
        }
        *self = PlainDiffArea {
            table: Words::new(self.table.len()),
            overlays: Words::new(self.overlays.len()),
            spare: Arc::default(),
            used: 0,
            step: self.step,
        };
    }

    fn digest(&self) -> u64 {
        let spare = self.spare.iter().fold(self.step, |seed, place| xxh3_64_with_seed(&place.to_le_bytes(), seed));
        xxh3_64_with_seed(&self.table.digest().to_le_bytes(), spare).wrapping_add(self.overlays.digest().rotate_left(1))
    }

    fn boxed_clone(&self) -> Box<dyn DiffArea> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the places 0, 1, 2 … up to a limit, and notes what is copied in and given back.
    #[derive(Default)]
    struct Places {
        next: u64,
        limit: u64,
        copied: Vec<u64>,
        filled: Vec<u64>,
        released: Vec<u64>,
    }

    impl AreaHost for Places {
        fn copy_in(&mut self, place: u64) {
            self.copied.push(place);
        }

        fn fill(&mut self, place: u64) {
            self.filled.push(place);
        }

        fn write(&mut self, _: u64, _: usize, _: &[u8]) {}

        fn write_fresh(&mut self, _: u64, _: &[u8]) {}

        fn flush(&mut self) {}

        fn reserve(&mut self, want: u64, into: &mut Vec<u64>) -> u64 {
            let got = want.min(self.limit - self.next);
            into.extend(self.next..self.next + got);
            self.next += got;
            got
        }

        fn release(&mut self, place: u64) {
            self.released.push(place);
        }
    }

    #[test]
    fn an_area_grows_in_steps_until_it_is_full() {
        let mut host = Places { limit: 5, ..Places::default() };
        let mut area = PlainDiffArea::new(100, 1, 3, &mut host).unwrap();
        assert_eq!(area.allocated(), 1);
        for block in 10..15 {
            assert_eq!(area.save(block, &mut host), Ok(()));
        }
        assert_eq!(area.save(15, &mut host), Err(AreaFull));
        assert_eq!(area.save_overlay(15, 1, &mut host), Err(AreaFull));
        assert_eq!(area.save(14, &mut host), Ok(()), "a saved block needs no room");
        assert_eq!((area.used(), area.allocated(), area.lookup(15)), (5, 5, None));
        assert_eq!(host.copied, [0, 1, 2, 3, 4]);
        area.clear(&mut host);
        host.released.sort_unstable();
        assert_eq!((host.released, area.allocated()), (vec![0, 1, 2, 3, 4], 0));
    }

    #[test]
    fn what_is_written_into_the_copy_lies_beside_what_was_saved() {
        let mut host = Places { limit: 9, ..Places::default() };
        let mut area = PlainDiffArea::new(100, 0, 1, &mut host).unwrap();
        area.save(7, &mut host).unwrap();
        area.save_overlay(7, 1, &mut host).unwrap();
        area.save_overlay(7, 2, &mut host).unwrap();
        assert_eq!(host.filled, [1, 1], "both go to the same place");
        assert_eq!((area.lookup(7), area.lookup_overlay(7)), (Some(0), Some(1)));
        assert_eq!(area.saved().collect::<Vec<_>>(), [(7, 0)]);
    }

    #[test]
    fn a_saved_block_goes_to_the_older_copy_with_its_place() {
        let mut host = Places { limit: 9, ..Places::default() };
        let mut young = PlainDiffArea::new(100, 2, 1, &mut host).unwrap();
        let mut old = PlainDiffArea::new(100, 0, 1, &mut host).unwrap();
        young.save(7, &mut host).unwrap();
        let place = young.take(7).unwrap();
        assert_eq!(young.take(7), None);
        old.adopt(&[(7, place)], &mut young.take_spare(), &mut host).unwrap();
        assert_eq!((young.lookup(7), old.lookup(7)), (None, Some(place)));
        young.clear(&mut host);
        assert!(!host.released.contains(&place));
        assert_eq!((old.used(), old.allocated(), old.boxed_clone().digest()), (1, 1, old.digest()));
    }

    #[test]
    fn an_area_without_its_initial_room_takes_none() {
        let mut host = Places { limit: 2, ..Places::default() };
        assert!(PlainDiffArea::new(100, 3, 1, &mut host).is_err());
        assert_eq!(host.released.len(), 2);
    }
}
