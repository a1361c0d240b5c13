//! Sparse arrays of numbers and of bits that are cheap to clone and know their own digest.
//!
//! ```text
//!  Arc<root> ──► leaf ──► [u64; 128]      a leaf that was never written does not exist and reads as zeros;
//!            ├─► (none)                   a clone shares the root, the first change afterwards copies the root
//!            └─► leaf                     and the leaf that it touches
//! ```
//!
//! The diff area's table and the allocation bitmaps stand on them. Nothing here fails: an index beyond the end reads as zero, and
//! a change beyond the end is refused by the return value.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

const LEAF: usize = 128;
const BITS: u64 = 64;

type Leaf = [u64; LEAF];

/// A sparse array of `u64`, zero where never set. Equal contents have equal digests, whatever the history.
#[derive(Clone, Debug)]
pub struct Words {
    root: Arc<Vec<Option<Arc<Leaf>>>>,
    len: u64,
    digest: u64,
}

impl Words {
    /// An array of `len` zeros; it takes no memory before something is set.
    #[must_use]
    pub fn new(len: u64) -> Words {
        Words { root: Arc::default(), len, digest: 0 }
    }

    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the array has no numbers at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number at `index`; zero beyond the end.
    #[must_use]
    pub fn get(&self, index: u64) -> u64 {
        let (leaf, at) = split(index);
        match self.root.get(leaf) {
            Some(Some(leaf)) => leaf[at],
            _ => 0,
        }
    }

    /// Sets the number at `index` and gives the one that was there; `None` beyond the end, where nothing is set.
    pub fn set(&mut self, index: u64, value: u64) -> Option<u64> {
        if index >= self.len {
            return None;
        }
        let old = self.get(index);
        if old == value {
            return Some(old);
        }
        let (leaf, at) = split(index);
        let root = Arc::make_mut(&mut self.root);
        if root.len() <= leaf {
            root.resize(leaf + 1, None);
        }
        let leaf = root[leaf].get_or_insert_with(|| Arc::new([0; LEAF]));
        Arc::make_mut(leaf)[at] = value;
        self.digest = self.digest.wrapping_sub(part(index, old)).wrapping_add(part(index, value));
        Some(old)
    }

    /// Every index whose number is not zero, with the number, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.root.iter().enumerate().filter_map(|(at, leaf)| leaf.as_ref().map(|leaf| (at, leaf))).flat_map(
            |(page, leaf)| {
                let base = (page * LEAF) as u64;
                leaf.iter()
                    .enumerate()
                    .filter(|&(_, &value)| value != 0)
                    .map(move |(at, &value)| (base + at as u64, value))
            },
        )
    }

    /// A number that depends on the contents alone.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }
}

/// By digest: two arrays of equal contents are equal, and unequal ones collide with a chance of about 2^-64.
impl Hash for Words {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.len);
        state.write_u64(self.digest);
    }
}

fn split(index: u64) -> (usize, usize) {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    (index / LEAF, index % LEAF)
}

fn part(index: u64, value: u64) -> u64 {
    if value == 0 { 0 } else { xxh3_64_with_seed(&value.to_le_bytes(), index) }
}

/// A sparse bitmap over [`Words`] that also counts its bits.
#[derive(Clone, Debug)]
pub struct Bitmap {
    words: Words,
    len: u64,
    ones: u64,
}

impl Bitmap {
    /// A bitmap of `len` clear bits.
    #[must_use]
    pub fn new(len: u64) -> Bitmap {
        Bitmap { words: Words::new(len.div_ceil(BITS)), len, ones: 0 }
    }

    /// How many bits there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the bitmap has no bits at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bits are set.
    #[must_use]
    pub fn ones(&self) -> u64 {
        self.ones
    }

    /// Whether the bit is set; a bit beyond the end is not.
    #[must_use]
    pub fn get(&self, bit: u64) -> bool {
        self.words.get(bit / BITS) >> (bit % BITS) & 1 == 1
    }

    /// Sets or clears one bit and tells whether that changed it; a bit beyond the end stays clear.
    pub fn put(&mut self, bit: u64, value: bool) -> bool {
        if bit >= self.len {
            return false;
        }
        let word = self.words.get(bit / BITS);
        let mask = 1 << (bit % BITS);
        self.put_word(bit / BITS, if value { word | mask } else { word & !mask })
    }

    /// Sets or clears `count` bits from `first` on; bits beyond the end stay clear.
    pub fn put_run(&mut self, first: u64, count: u64, value: bool) {
        let end = first.saturating_add(count).min(self.len);
        let mut bit = first;
        while bit < end {
            let low = bit % BITS;
            let take = (BITS - low).min(end - bit);
            let mask = if take == BITS { u64::MAX } else { ((1 << take) - 1) << low };
            let word = self.words.get(bit / BITS);
            self.put_word(bit / BITS, if value { word | mask } else { word & !mask });
            bit += take;
        }
    }

    /// The 64 bits from `index * 64` on.
    #[must_use]
    pub fn word(&self, index: u64) -> u64 {
        self.words.get(index)
    }

    /// Replaces the 64 bits from `index * 64` on and tells whether that changed them. Bits beyond the end stay clear.
    pub fn put_word(&mut self, index: u64, word: u64) -> bool {
        let rest = self.len.saturating_sub(index.saturating_mul(BITS));
        let word = if rest >= BITS { word } else { word & ((1 << rest) - 1) };
        match self.words.set(index, word) {
            Some(old) => {
                self.ones = self.ones + u64::from(word.count_ones()) - u64::from(old.count_ones());
                old != word
            }
            None => false,
        }
    }

    /// Every set bit, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.words
            .iter()
            .flat_map(|(at, word)| (0..BITS).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * BITS + bit))
    }

    /// The first clear bit from `from` on.
    #[must_use]
    pub fn next_clear(&self, from: u64) -> Option<u64> {
        let mut bit = from;
        while bit < self.len {
            let free = !self.words.get(bit / BITS) >> (bit % BITS);
            if free != 0 {
                let found = bit + u64::from(free.trailing_zeros());
                return (found < self.len).then_some(found);
            }
            bit = (bit / BITS + 1) * BITS;
        }
        None
    }

    /// How many clear bits stand in a row from `from` on, at most `limit`.
    #[must_use]
    pub fn clear_run(&self, from: u64, limit: u64) -> u64 {
        let end = from.saturating_add(limit).min(self.len);
        let mut bit = from;
        while bit < end {
            let used = self.words.get(bit / BITS) >> (bit % BITS);
            if used != 0 {
                bit += u64::from(used.trailing_zeros());
                break;
            }
            bit = (bit / BITS + 1) * BITS;
        }
        bit.min(end).saturating_sub(from)
    }

    /// Adds every bit of `other`.
    pub fn add(&mut self, other: &Bitmap) {
        for (at, word) in other.words.iter() {
            self.put_word(at, self.words.get(at) | word);
        }
    }

    /// Clears every bit that `other` does not have.
    pub fn keep(&mut self, other: &Bitmap) {
        let words = self.words.clone();
        for (at, word) in words.iter() {
            self.put_word(at, word & other.words.get(at));
        }
    }
}

impl Hash for Bitmap {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.len);
        state.write_u64(self.words.digest());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clone_keeps_its_numbers_when_the_other_changes() {
        let mut words = Words::new(1000);
        words.set(5, 7);
        let old = words.clone();
        words.set(5, 8);
        words.set(999, 1);
        assert_eq!((old.get(5), old.get(999), words.get(5)), (7, 0, 8));
        assert_eq!(words.iter().collect::<Vec<_>>(), [(5, 8), (999, 1)]);
    }

    #[test]
    fn equal_contents_have_equal_digests_whatever_the_history() {
        let mut long = Words::new(300);
        long.set(299, 4);
        long.set(1, 2);
        long.set(299, 0);
        let mut short = Words::new(300);
        short.set(1, 2);
        assert_eq!(long.digest(), short.digest());
    }

    #[test]
    fn nothing_is_set_beyond_the_end() {
        let mut bits = Bitmap::new(70);
        assert!(!bits.put(70, true));
        bits.put_run(60, 100, true);
        assert_eq!((bits.ones(), bits.get(69), bits.get(70)), (10, true, false));
        assert_eq!(Words::new(3).set(3, 1), None);
    }

    proptest! {
        #[test]
        fn a_bitmap_does_what_a_list_of_bools_does(
            len in 1_u64..400,
            steps in proptest::collection::vec((0_u64..420, 0_u64..200, any::<bool>()), 0..30),
            from in 0_u64..420,
        ) {
            let mut bits = Bitmap::new(len);
            let mut plain = vec![false; len as usize];
            for (first, count, value) in steps {
                bits.put_run(first, count, value);
                for bit in plain.iter_mut().skip(first as usize).take(count as usize) {
                    *bit = value;
                }
            }
            prop_assert_eq!(bits.ones(), plain.iter().filter(|&&bit| bit).count() as u64);
            let ones: Vec<u64> = (0..len).filter(|&bit| plain[bit as usize]).collect();
            prop_assert_eq!(bits.iter().collect::<Vec<_>>(), ones);
            let clear = (from..len).find(|&bit| !plain[bit as usize]);
            prop_assert_eq!(bits.next_clear(from), clear);
            let run = (from..len).take_while(|&bit| !plain[bit as usize]).count() as u64;
            prop_assert_eq!(bits.clear_run(from, 1000), run);
            prop_assert_eq!(bits.clear_run(from, 3), run.min(3));
        }
    }
}
