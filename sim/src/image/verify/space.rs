//! Who has which bytes of a volume.

use super::Notes;

/// Bytes that somebody has.
#[derive(Clone, Copy, Debug)]
struct Taken {
    start: u64,
    end: u64,
    name: &'static str,
    /// Whether it is a place of the volume itself or of a store as a whole, and shares nothing; otherwise a block inside a store.
    is_whole: bool,
}

/// All that is taken.
#[derive(Debug, Default)]
pub(super) struct Space {
    taken: Vec<Taken>,
}

impl Space {
    /// `name` has `start..end`. What is whole shares nothing with anything whole; blocks share nothing with blocks.
    pub(super) fn take(&mut self, start: u64, end: u64, name: &'static str, is_whole: bool) {
        if start < end {
            self.taken.push(Taken { start, end, name, is_whole });
        }
    }

    /// Tells of everything that two have.
    pub(super) fn compare(mut self, notes: &mut Notes) {
        for is_whole in [true, false] {
            let mut taken: Vec<Taken> = self.taken.iter().copied().filter(|one| one.is_whole == is_whole).collect();
            taken.sort_by_key(|one| (one.start, one.end));
            let mut furthest: Option<Taken> = None;
            for one in taken {
                if let Some(before) = furthest.filter(|before| one.start < before.end) {
                    let found = format!("{:#x}..{:#x} of a {} too", before.start, before.end, before.name);
                    notes.wrong((one.start, one.name, "place"), "bytes of its own", found);
                }
                if furthest.is_none_or(|before| before.end < one.end) {
                    furthest = Some(one);
                }
            }
        }
        self.taken.clear();
    }
}
