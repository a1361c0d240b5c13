//! The bytes of a volume: a sparse array of 16 KiB blocks, cheap to clone, with a digest that is always up to date.
//!
//! ```text
//!  Arc<root> ──► directory of 64 pages ──► page of N blocks ──► bytes and hashes
//!            └─► (none: zeros)         └─► (none: zeros)
//! ```
//!
//! A clone shares everything; the first change afterwards copies the root, one directory and one page. The hash of a block
//! is kept as the block is written, and the digest of the whole is the sum of what each block adds, so it costs nothing to ask for.
//! Memory is taken for pages that were written, never for the rest. Offsets beyond the end are refused with [`OutOfRange`].

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use crate::disk_format::{ReadAt, ReadError};

/// The size of a block: what Windows copies before the first write (VSS format, block size 0x4000).
pub const BLOCK_SIZE: usize = 16 * 1024;

/// The same, as a volume offset.
pub const BLOCK_BYTES: u64 = BLOCK_SIZE as u64;

/// The most blocks a volume can have: 1 TiB.
pub const MAX_BLOCKS: u64 = 1 << 26;

/// The bytes of one block.
pub type Block = [u8; BLOCK_SIZE];

const DIRECTORY: usize = 64;
const MAX_BLOCKS_A_PAGE: u32 = 64;

/// The hash of a block of zeros.
const ZERO_HASH: u128 = 0;

/// What stands in place of a hash for a block of VSS's own structures. It adds nothing to the digest.
pub(super) const STRUCTURE_HASH: u128 = 1;

pub(super) static ZEROS: Block = [0; BLOCK_SIZE];

/// A place that is not inside the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The first byte asked for.
    pub offset: u64,
    /// How many bytes were asked for.
    pub length: u64,
    /// How many bytes there are.
    pub size: u64,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at offset {} are not inside {} bytes", self.length, self.offset, self.size)
    }
}

impl std::error::Error for OutOfRange {}

/// A sparse array of blocks. Hashing it hashes its size and its digest.
#[derive(Clone, Debug)]
pub struct BlockStore {
    root: Arc<Vec<Option<Arc<Directory>>>>,
    blocks: u64,
    blocks_a_page: u32,
    digest: u128,
}

#[derive(Clone, Debug)]
struct Directory {
    pages: Vec<Option<Arc<Page>>>,
}

/// Some blocks side by side, with their hashes.
pub(super) struct Page {
    bytes: Vec<u8>,
    hashes: Vec<u128>,
}

/// Copies only the blocks that are not all zeros, so that a sparse page stays sparse in memory.
impl Clone for Page {
    fn clone(&self) -> Page {
        let mut copy = Page { bytes: vec![0; self.bytes.len()], hashes: self.hashes.clone() };
        let (to, _) = copy.bytes.as_chunks_mut::<BLOCK_SIZE>();
        let (from, _) = self.bytes.as_chunks::<BLOCK_SIZE>();
        for ((to, from), &hash) in to.iter_mut().zip(from).zip(&self.hashes) {
            if hash != ZERO_HASH {
                to.copy_from_slice(from);
            }
        }
        copy
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("hashes", &self.hashes).finish_non_exhaustive()
    }
}

impl Page {
    fn new(blocks: u32) -> Page {
        Page { bytes: vec![0; BLOCK_SIZE * blocks as usize], hashes: vec![ZERO_HASH; blocks as usize] }
    }

    /// All its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash of each of its blocks.
    pub(super) fn hashes(&self) -> &[u128] {
        &self.hashes
    }

    fn block(&self, at: usize) -> &Block {
        self.bytes.as_chunks::<BLOCK_SIZE>().0.get(at).unwrap_or(&ZEROS)
    }
}

impl BlockStore {
    /// A store of `blocks` blocks of zeros, kept in pages of `blocks_a_page` (1 to 64): small pages make a change after a clone
    /// cheap, large ones make a big volume cheap. `None` when there are more than [`MAX_BLOCKS`] blocks.
    #[must_use]
    pub fn new(blocks: u64, blocks_a_page: u32) -> Option<BlockStore> {
        let blocks_a_page = blocks_a_page.clamp(1, MAX_BLOCKS_A_PAGE);
        (blocks <= MAX_BLOCKS).then(|| BlockStore { root: Arc::default(), blocks, blocks_a_page, digest: 0 })
    }

    /// How many blocks there are.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// How many of them share a page.
    #[must_use]
    pub fn blocks_a_page(&self) -> u32 {
        self.blocks_a_page
    }

    /// How many bytes there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blocks * BLOCK_BYTES
    }

    /// A number that depends on the bytes alone.
    #[must_use]
    pub fn digest(&self) -> u128 {
        self.digest
    }

    /// Whether nobody has written to either of two stores since one was cloned from the other.
    #[must_use]
    pub(crate) fn shares_all_with(&self, other: &BlockStore) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// The bytes of one block; `None` beyond the end.
    #[must_use]
    pub fn block(&self, index: u64) -> Option<&Block> {
        if index >= self.blocks {
            return None;
        }
        let (directory, page, at) = self.place(index);
        Some(self.page(directory, page).map_or(&ZEROS, |page| page.block(at)))
    }

    /// The hash of one block: zero for a block of zeros or beyond the end, one for a structure of VSS, otherwise xxh3 with 128 bits.
    #[must_use]
    pub fn block_hash(&self, index: u64) -> u128 {
        let (directory, page, at) = self.place(index);
        self.page(directory, page).and_then(|page| page.hashes.get(at).copied()).unwrap_or(ZERO_HASH)
    }

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When the bytes do not all lie inside; `into` is then unchanged.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), OutOfRange> {
        self.check(offset, into.len())?;
        let mut done = 0;
        for piece in pieces(offset, into.len()) {
            if let (Some(block), Some(to)) = (self.block(piece.block), into.get_mut(done..done + piece.length)) {
                to.copy_from_slice(&block[piece.start..piece.start + piece.length]);
            }
            done += piece.length;
        }
        Ok(())
    }

    /// Writes `bytes` from `offset` on.
    ///
    /// # Errors
    /// When the bytes do not all lie inside; nothing is then written.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), OutOfRange> {
        self.write_as(offset, bytes, hash_of)
    }

    /// Writes a part of a structure of VSS itself. The block then has no part in the digest: it holds ids and times, which do not tell
    /// states apart, and it is not hashed again and again as descriptors are added to it.
    ///
    /// # Errors
    /// When the bytes do not all lie inside; nothing is then written.
    pub fn write_structure(&mut self, offset: u64, bytes: &[u8]) -> Result<(), OutOfRange> {
        self.write_as(offset, bytes, |_| STRUCTURE_HASH)
    }

    fn write_as(&mut self, offset: u64, bytes: &[u8], hash: impl Fn(&Block) -> u128) -> Result<(), OutOfRange> {
        self.check(offset, bytes.len())?;
        let mut rest = bytes;
        for piece in pieces(offset, bytes.len()) {
            let Some((now, later)) = rest.split_at_checked(piece.length) else { break };
            self.change(piece.block, |block| {
                block[piece.start..piece.start + piece.length].copy_from_slice(now);
                hash(block)
            });
            rest = later;
        }
        Ok(())
    }

    /// From `block` on, the first block that may hold something other than zeros.
    #[must_use]
    pub fn next_written(&self, block: u64) -> Option<u64> {
        let a_page = u64::from(self.blocks_a_page);
        let mut at = block;
        while at < self.blocks {
            let (directory, page, _) = self.place(at);
            match self.root.get(directory) {
                None => return None,
                Some(None) => at = (directory as u64 + 1) * DIRECTORY as u64 * a_page,
                Some(Some(pages)) => match pages.pages.get(page) {
                    None => at = (directory as u64 + 1) * DIRECTORY as u64 * a_page,
                    Some(None) => at = (at / a_page + 1) * a_page,
                    Some(Some(_)) if self.block_hash(at) == ZERO_HASH => at += 1,
                    Some(Some(_)) => return Some(at),
                },
            }
        }
        None
    }

    /// Copies a block of this store over another one, with its hash.
    ///
    /// # Errors
    /// When one of them is beyond the end; nothing is then written.
    pub fn copy_block(&mut self, from: u64, to: u64) -> Result<(), OutOfRange> {
        self.check_block(from)?;
        self.check_block(to)?;
        let hash = self.block_hash(from);
        let (directory, page, at) = self.place(from);
        let (to_directory, to_page, _) = self.place(to);
        if (directory, page) == (to_directory, to_page) {
            // Both lie in one page, which is copied within itself.
            let block = at * BLOCK_SIZE;
            let (_, _, to_at) = self.place(to);
            self.change_page(to, hash, |page| page.bytes.copy_within(block..block + BLOCK_SIZE, to_at * BLOCK_SIZE));
            return Ok(());
        }
        // Holding the source page keeps it readable while the other page is changed; it is never the one that is changed.
        let source = self.root.get(directory).and_then(Option::as_ref).and_then(|directory| directory.pages.get(page));
        let source = source.and_then(Clone::clone);
        self.change(to, |block| {
            block.copy_from_slice(source.as_ref().map_or(&ZEROS, |page| page.block(at)));
            hash
        });
        Ok(())
    }

    /// Copies a block of another store into this one, with its hash.
    ///
    /// # Errors
    /// When one of them is beyond the end; nothing is then written.
    pub fn copy_block_from(&mut self, other: &BlockStore, from: u64, to: u64) -> Result<(), OutOfRange> {
        self.check_block(to)?;
        other.check_block(from)?;
        let source = other.block(from).unwrap_or(&ZEROS);
        let hash = other.block_hash(from);
        self.change(to, |block| {
            block.copy_from_slice(source);
            hash
        });
        Ok(())
    }

    pub(super) fn check(&self, offset: u64, length: usize) -> Result<(), OutOfRange> {
        let length = length as u64;
        match offset.checked_add(length) {
            Some(end) if end <= self.size() => Ok(()),
            _ => Err(OutOfRange { offset, length, size: self.size() }),
        }
    }

    fn check_block(&self, index: u64) -> Result<(), OutOfRange> {
        if index < self.blocks {
            return Ok(());
        }
        Err(OutOfRange { offset: index.saturating_mul(BLOCK_BYTES), length: BLOCK_BYTES, size: self.size() })
    }

    fn place(&self, index: u64) -> (usize, usize, usize) {
        let page = index / u64::from(self.blocks_a_page);
        let at = index % u64::from(self.blocks_a_page);
        ((page / DIRECTORY as u64) as usize, (page % DIRECTORY as u64) as usize, at as usize)
    }

    /// The page that holds a block, and where in it the block begins; none for a block of zeros.
    pub(super) fn page_of(&self, block: u64) -> Option<(&Arc<Page>, usize)> {
        let (directory, page, at) = self.place(block);
        let page = self.root.get(directory)?.as_deref()?.pages.get(page)?.as_ref()?;
        (page.hashes.get(at).is_some_and(|&hash| hash != ZERO_HASH)).then_some((page, at * BLOCK_SIZE))
    }

    fn page(&self, directory: usize, page: usize) -> Option<&Page> {
        self.root.get(directory)?.as_deref()?.pages.get(page)?.as_deref()
    }

    /// Changes one block; `edit` gives the hash of what it left there.
    fn change(&mut self, index: u64, edit: impl FnOnce(&mut Block) -> u128) {
        let (_, _, at) = self.place(index);
        let old = self.block_hash(index);
        let page = self.page_mut(index);
        let (blocks, _) = page.bytes.as_chunks_mut::<BLOCK_SIZE>();
        let hash = edit(&mut blocks[at]);
        page.hashes[at] = hash;
        self.digest = self.digest.wrapping_sub(part(index, old)).wrapping_add(part(index, hash));
    }

    fn change_page(&mut self, index: u64, hash: u128, edit: impl FnOnce(&mut Page)) {
        let (_, _, at) = self.place(index);
        let old = self.block_hash(index);
        let page = self.page_mut(index);
        edit(page);
        page.hashes[at] = hash;
        self.digest = self.digest.wrapping_sub(part(index, old)).wrapping_add(part(index, hash));
    }

    fn page_mut(&mut self, index: u64) -> &mut Page {
        let (directory, page, _) = self.place(index);
        let blocks_a_page = self.blocks_a_page;
        let root = Arc::make_mut(&mut self.root);
        if root.len() <= directory {
            root.resize(directory + 1, None);
        }
        let directory = root[directory].get_or_insert_with(|| Arc::new(Directory { pages: Vec::new() }));
        let pages = &mut Arc::make_mut(directory).pages;
        if pages.len() <= page {
            pages.resize(page + 1, None);
        }
        Arc::make_mut(pages[page].get_or_insert_with(|| Arc::new(Page::new(blocks_a_page))))
    }
}

/// By size and digest, not by bytes.
impl Hash for BlockStore {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.blocks);
        state.write_u128(self.digest);
    }
}

/// A part of a byte range that lies in one block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// The block.
    pub(super) block: u64,
    /// Where in the block it starts.
    pub(super) start: usize,
    /// How long it is.
    pub(super) length: usize,
}

/// Cuts a byte range at the borders of blocks.
pub(super) fn pieces(offset: u64, length: usize) -> impl Iterator<Item = Piece> {
    let mut at = offset;
    let mut rest = length;
    std::iter::from_fn(move || {
        if rest == 0 {
            return None;
        }
        let start = (at % BLOCK_BYTES) as usize;
        let piece = Piece { block: at / BLOCK_BYTES, start, length: rest.min(BLOCK_SIZE - start) };
        at += piece.length as u64;
        rest -= piece.length;
        Some(piece)
    })
}

/// A volume's bytes as a device; blocks that hold only zeros are its holes.
impl ReadAt for BlockStore {
    fn size(&self) -> u64 {
        BlockStore::size(self)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.read(offset, into).map_err(|why| ReadError::outside(why.offset, why.length, why.size))
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        let first = self.next_written(offset / BLOCK_BYTES)?;
        let mut end = first + 1;
        while end < self.blocks && self.next_written(end) == Some(end) {
            end += 1;
        }
        Some(((first * BLOCK_BYTES).max(offset), end * BLOCK_BYTES))
    }
}

fn hash_of(block: &Block) -> u128 {
    // A block of zeros counts as never written. Only one that begins with zeros can be one, which keeps the test cheap.
    if block[..8] == [0; 8] && block == &ZEROS {
        return ZERO_HASH;
    }
    xxh3_128(block)
}

fn part(index: u64, hash: u128) -> u128 {
    if hash <= STRUCTURE_HASH { 0 } else { xxh3_128_with_seed(&hash.to_le_bytes(), index) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unwritten_blocks_read_as_zeros_and_take_no_memory() {
        let store = BlockStore::new(MAX_BLOCKS, 64).unwrap();
        assert_eq!(store.block(MAX_BLOCKS - 1), Some(&ZEROS));
        assert!(store.root.is_empty());
    }

    #[test]
    fn zeros_written_count_as_never_written() {
        let mut store = BlockStore::new(4, 1).unwrap();
        let empty = store.digest();
        store.write(100, &[1; 20]).unwrap();
        assert_ne!(store.digest(), empty);
        store.write(100, &[0; 20]).unwrap();
        assert_eq!(store.digest(), empty);
    }

    #[test]
    fn structures_have_no_part_in_the_digest_and_are_found_as_written() {
        let mut store = BlockStore::new(1000, 4).unwrap();
        let empty = store.digest();
        store.write_structure(700 * BLOCK_BYTES + 5, &[1, 2, 3]).unwrap();
        assert_eq!(store.digest(), empty);
        assert_eq!(
            (store.next_written(0), store.next_written(700), store.next_written(701)),
            (Some(700), Some(700), None)
        );
        assert_eq!(store.clone().block(700).unwrap()[5..8], [1, 2, 3]);
        store.write(700 * BLOCK_BYTES, &[9]).unwrap();
        assert_ne!(store.digest(), empty);
    }

    #[test]
    fn the_same_bytes_in_another_block_give_another_digest() {
        let (mut one, mut two) = (BlockStore::new(4, 1).unwrap(), BlockStore::new(4, 1).unwrap());
        one.write(0, &[1]).unwrap();
        two.write(BLOCK_BYTES, &[1]).unwrap();
        assert_ne!(one.digest(), two.digest());
        assert_eq!(one.block_hash(0), two.block_hash(1));
    }

    #[test]
    fn what_is_not_inside_is_refused() {
        let mut store = BlockStore::new(2, 1).unwrap();
        assert!(store.write(2 * BLOCK_BYTES - 1, &[1, 2]).is_err());
        assert!(store.write(u64::MAX, &[1]).is_err());
        assert!(store.read(2 * BLOCK_BYTES, &mut [0]).is_err());
        assert!(store.read(2 * BLOCK_BYTES, &mut []).is_ok());
        assert!(store.copy_block(0, 2).is_err());
        assert_eq!(store.block(2), None);
        assert!(BlockStore::new(MAX_BLOCKS + 1, 1).is_none());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, Vec<u8>),
        Copy(u64, u64),
        CopyFromOld(u64, u64),
        Clone,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..10 * BLOCK_BYTES, 0..40_000_usize, any::<u8>())
                .prop_map(|(at, length, byte)| Step::Write(at, vec![byte; length])),
            2 => (0..11_u64, 0..11_u64).prop_map(|(from, to)| Step::Copy(from, to)),
            1 => (0..11_u64, 0..11_u64).prop_map(|(from, to)| Step::CopyFromOld(from, to)),
            1 => Just(Step::Clone),
        ];
        proptest::collection::vec(step, 0..25)
    }

    fn copy(plain: &mut [u8], source: &[u8], from: u64, to: u64) {
        let (from, to) = (from as usize * BLOCK_SIZE, to as usize * BLOCK_SIZE);
        plain[to..to + BLOCK_SIZE].copy_from_slice(&source[from..from + BLOCK_SIZE]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_store_does_what_a_plain_array_does(blocks_a_page in 1_u32..5, steps in steps()) {
            let mut store = BlockStore::new(10, blocks_a_page).unwrap();
            let mut plain = vec![0_u8; 10 * BLOCK_SIZE];
            let mut kept = vec![(store.clone(), plain.clone())];
            for step in steps {
                match step {
                    Step::Write(at, bytes) => {
                        let inside = at as usize + bytes.len() <= plain.len();
                        prop_assert_eq!(store.write(at, &bytes).is_ok(), inside);
                        if inside {
                            plain[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
                        }
                    }
                    Step::Copy(from, to) => {
                        let inside = from < 10 && to < 10;
                        prop_assert_eq!(store.copy_block(from, to).is_ok(), inside);
                        if inside {
                            let source = plain.clone();
                            copy(&mut plain, &source, from, to);
                        }
                    }
                    Step::CopyFromOld(from, to) => {
                        let (old, source) = &kept[kept.len() - 1];
                        if store.copy_block_from(old, from, to).is_ok() {
                            copy(&mut plain, source, from, to);
                        }
                    }
                    Step::Clone => kept.push((store.clone(), plain.clone())),
                }
            }
            kept.push((store, plain));
            for (store, plain) in kept {
                let mut read = vec![1; plain.len()];
                store.read(0, &mut read).unwrap();
                prop_assert!(read == plain);
                let mut fresh = BlockStore::new(10, 3).unwrap();
                fresh.write(0, &plain).unwrap();
                prop_assert_eq!(fresh.digest(), store.digest());
            }
        }
    }
}
