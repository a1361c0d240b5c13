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
//! from outside. [`PlainDiffArea`] has no layout on the volume beyond the saved blocks themselves: its table is beside the bytes.

use std::fmt;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::words::Words;

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

    /// Reserves up to `want` blocks of the host volume, adds them to `into` and gives how many there were. What the association's maximum
    /// or the room on the volume does not allow is not given.
    fn reserve(&mut self, want: u64, into: &mut Vec<u64>) -> u64;

    /// Gives a reserved block back.
    fn release(&mut self, place: u64);
}

/// One shadow copy's diff area. Blocks are numbered on the original volume, places are blocks of the host volume.
pub trait DiffArea: fmt::Debug + Send + Sync {
    /// Saves the old content of `block`, which the host copies in. A block is saved once; saving it again changes nothing.
    ///
    /// # Errors
    /// When there is no room and the area cannot grow. Nothing is saved then.
    fn save(&mut self, block: u64, host: &mut dyn AreaHost) -> Result<(), AreaFull>;

    /// Where the old content of `block` is, if it was saved.
    fn lookup(&self, block: u64) -> Option<u64>;

    /// Makes a place for what is written into the shadow copy itself (between PreFinalCommit and PostFinalCommit), filled by the
    /// host with what the copy shows at `block`, and gives it. Such a block is seen by this copy only, not by older ones.
    ///
    /// # Errors
    /// When there is no room and the area cannot grow. Nothing is changed then.
    fn save_overlay(&mut self, block: u64, host: &mut dyn AreaHost) -> Result<u64, AreaFull>;

    /// Where the shadow copy's own content of `block` is, if it was written there.
    fn lookup_overlay(&self, block: u64) -> Option<u64>;

    /// The blocks that are saved (not the overlays), in order, with their places.
    fn saved(&self) -> Box<dyn Iterator<Item = (u64, u64)> + '_>;

    /// Takes a saved block out, place and all, so that the area of an older copy can [adopt](DiffArea::adopt) it.
    fn take(&mut self, block: u64) -> Option<u64>;

    /// Takes over a saved block of a newer copy that is being deleted. The place then belongs to this area.
    fn adopt(&mut self, block: u64, place: u64);

    /// How many places hold something.
    fn used(&self) -> u64;

    /// How many places the area has on the host volume.
    fn allocated(&self) -> u64;

    /// Gives every place back. The area is empty afterwards.
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

    fn save_overlay(&mut self, block: u64, host: &mut dyn AreaHost) -> Result<u64, AreaFull> {
        if let Some(place) = self.lookup_overlay(block) {
            return Ok(place);
        }
        if block >= self.overlays.len() {
            return Err(AreaFull);
        }
        let place = self.place(host)?;
        self.overlays.set(block, place + 1);
        Ok(place)
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

    fn adopt(&mut self, block: u64, place: u64) {
        self.table.set(block, place + 1);
        self.used += 1;
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
