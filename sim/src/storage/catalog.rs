//! The catalog of a volume on its disk: where its blocks are, which slots are taken, how an entry is added and taken out.
//!
//! ```text
//!  header ──► block of foreign stores … ──► block of own copies ──► block of own copies …
//!              type 3 of other volumes        type 2, type 3 │ type 2, type 3 │ …       a pair never lies in two sectors
//! ```
//!
//! A pair is one sector's write, so a shadow copy is there whole or not at all. A store of another volume goes into a block before
//! all others, put at the head of the chain: a reader that takes an unmatched type 3 for a part of the type 2 before it
//! (libvshadow does) then meets none. Room for a pair is made at the preparation, since the commit may not fail.

use vssim_model::ids::Guid;

use crate::disk_format::{BlockHeader, CatalogEntry, RecordType, SECTOR, VOLUME_HEADER_OFFSET, VolumeHeader};

use super::block_store::BLOCK_BYTES;
use super::diff_area::AreaFull;
use super::host::Devices;

/// How many blocks Windows gives a catalog.
const BLOCKS: u64 = 4;
/// A volume of fewer blocks than this (16 MiB) gets a catalog of one block.
const SMALL_VOLUME: u64 = 1024;
const SLOTS: usize = CatalogEntry::A_BLOCK as usize;

/// The catalog of a volume.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    /// In the order of the chain.
    blocks: Vec<CatalogBlock>,
    /// How many of them, from the first one on, are for stores of other volumes.
    foreign: usize,
    /// The number of the newest copy.
    sequence: u64,
}

#[derive(Clone, Debug)]
struct CatalogBlock {
    block: u64,
    taken: Vec<bool>,
}

impl CatalogBlock {
    fn new(block: u64) -> CatalogBlock {
        CatalogBlock { block, taken: vec![false; SLOTS] }
    }

    fn offset(&self, slot: usize) -> u64 {
        self.block * BLOCK_BYTES + (BlockHeader::SIZE + slot * CatalogEntry::SIZE) as u64
    }

    fn slot(&self, offset: u64) -> Option<usize> {
        let at = offset.checked_sub(self.offset(0))? / CatalogEntry::SIZE as u64;
        usize::try_from(at).ok().filter(|&slot| slot < SLOTS)
    }

    /// The free slots whose successor is free too and lies in the same sector.
    fn pairs(&self) -> impl Iterator<Item = usize> + '_ {
        let mut next = 0;
        (0..SLOTS - 1).filter(move |&slot| {
            let found = slot >= next && slot % 4 != 2 && !self.taken[slot] && !self.taken[slot + 1];
            if found {
                next = slot + 2;
            }
            found
        })
    }
}

impl Catalog {
    /// A catalog that is on the disk already: its blocks in the order of the chain, each with the offsets of the entries in use and
    /// whether the entry is a copy of this volume.
    pub(super) fn found(blocks: &[(u64, Vec<(u64, bool)>)], sequence: u64) -> Catalog {
        let foreign = blocks.iter().take_while(|(_, used)| !used.is_empty() && used.iter().all(|(_, copy)| !copy));
        let mut catalog = Catalog { foreign: foreign.count(), sequence, blocks: Vec::with_capacity(blocks.len()) };
        for (block, used) in blocks {
            let mut found = CatalogBlock::new(*block);
            for (offset, _) in used {
                if let Some(slot) = found.slot(*offset) {
                    found.taken[slot] = true;
                }
            }
            catalog.blocks.push(found);
        }
        catalog
    }

    /// Whether the volume has one.
    pub(super) fn exists(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Counts one more copy and gives its number.
    pub(super) fn next_sequence(&mut self) -> u64 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    fn first(&self) -> u64 {
        self.blocks.first().map_or(0, |block| block.block * BLOCK_BYTES)
    }

    fn free_pairs(&self) -> usize {
        self.blocks.iter().skip(self.foreign).map(|block| block.pairs().count()).sum()
    }

    fn take_pair(&mut self) -> Option<u64> {
        self.blocks.iter_mut().skip(self.foreign).find_map(|block| {
            let slot = block.pairs().next()?;
            block.taken[slot] = true;
            block.taken[slot + 1] = true;
            Some(block.offset(slot))
        })
    }

    fn take_foreign(&mut self) -> Option<u64> {
        self.blocks.iter_mut().take(self.foreign).find_map(|block| {
            let slot = block.taken.iter().position(|taken| !taken)?;
            block.taken[slot] = true;
            Some(block.offset(slot))
        })
    }

    fn free_foreign(&self) -> usize {
        self.blocks.iter().take(self.foreign).map(|block| block.taken.iter().filter(|taken| !**taken).count()).sum()
    }

    fn give_back(&mut self, offset: u64) {
        for block in &mut self.blocks {
            if let Some(slot) = block.slot(offset) {
                block.taken[slot] = false;
            }
        }
    }
}

impl Devices<'_> {
    /// Whether the header of a volume may name the volume with its diff area.
    pub(super) fn host_has_a_header(&self, volume: usize) -> bool {
        let host = self.volumes[volume].area.host;
        host == volume || self.volumes[host].catalog.exists()
    }

    fn header_is_written(&self, volume: usize) -> bool {
        let mut there = [0; SECTOR as usize];
        let read = self.volumes[volume].store.read(VOLUME_HEADER_OFFSET, &mut there);
        read.is_ok() && there == self.volume_header(volume).encode()
    }

    /// Writes the volume header again, from what the volume has now.
    pub(super) fn write_volume_header(&mut self, volume: usize) {
        let header = self.volume_header(volume);
        self.write_structure(volume, VOLUME_HEADER_OFFSET, &header.encode());
    }

    fn volume_header(&self, volume: usize) -> VolumeHeader {
        let of = &self.volumes[volume];
        let area = of.area;
        VolumeHeader {
            version: 1,
            catalog: of.catalog.first(),
            maximum: if area.maximum == u64::MAX { 0 } else { area.maximum.saturating_mul(BLOCK_BYTES) },
            volume: of.vss_id,
            diff_area: self.volumes[area.host].vss_id,
            flags: if area.host == volume { 0 } else { VolumeHeader::REDIRECTED },
        }
    }

    /// Makes room in the catalogs for the shadow copies of a volume that are prepared and one more.
    pub(super) fn make_catalog_room(&mut self, volume: usize) -> Result<(), AreaFull> {
        let want = self.volumes[volume].prepared.len() + 1;
        let host = self.volumes[volume].area.host;
        // The volume with the diff area first: a header never leads to a volume that says nothing of itself.
        self.make_catalog(host)?;
        self.make_catalog(volume)?;
        if !self.header_is_written(volume) {
            self.write_volume_header(volume);
            self.flush(volume);
        }
        while self.volumes[volume].catalog.free_pairs() < want {
            self.append_catalog_block(volume)?;
        }
        if host != volume {
            let redirected = self.volumes.iter().filter(|other| other.area.host == host);
            let waiting: usize = redirected.map(|other| other.prepared.len()).sum();
            while self.volumes[host].catalog.free_foreign() < waiting + 1 {
                self.prepend_catalog_block(host)?;
            }
        }
        Ok(())
    }

    fn make_catalog(&mut self, volume: usize) -> Result<(), AreaFull> {
        if self.volumes[volume].catalog.exists() {
            return Ok(());
        }
        let count = if self.volumes[volume].blocks() < SMALL_VOLUME { 1 } else { BLOCKS };
        let blocks = self.reserve_for_catalog(volume, count)?;
        for (at, &block) in blocks.iter().enumerate() {
            let next = blocks.get(at + 1).map_or(0, |next| next * BLOCK_BYTES);
            self.write_catalog_block(volume, block, at as u64, next);
            self.volumes[volume].catalog.blocks.push(CatalogBlock::new(block));
        }
        self.flush(volume);
        self.write_volume_header(volume);
        self.flush(volume);
        Ok(())
    }

    fn append_catalog_block(&mut self, volume: usize) -> Result<(), AreaFull> {
        let block = self.reserve_for_catalog(volume, 1)?[0];
        let index = self.volumes[volume].catalog.blocks.len() as u64;
        self.write_catalog_block(volume, block, index, 0);
        self.flush(volume);
        let blocks = &mut self.volumes[volume].catalog.blocks;
        let last = blocks.last().map(|last| last.block);
        blocks.push(CatalogBlock::new(block));
        if let Some(last) = last {
            let link = last * BLOCK_BYTES + BlockHeader::NEXT_AT;
            self.write_structure(volume, link, &(block * BLOCK_BYTES).to_le_bytes());
            self.flush(volume);
        }
        Ok(())
    }

    fn prepend_catalog_block(&mut self, volume: usize) -> Result<(), AreaFull> {
        let block = self.reserve_for_catalog(volume, 1)?[0];
        let next = self.volumes[volume].catalog.first();
        self.write_catalog_block(volume, block, 0, next);
        self.flush(volume);
        let catalog = &mut self.volumes[volume].catalog;
        catalog.blocks.insert(0, CatalogBlock::new(block));
        catalog.foreign += 1;
        self.write_volume_header(volume);
        self.flush(volume);
        // The others have moved on by a block. Nobody finds his way by these numbers, so they can come last.
        for index in 1..self.volumes[volume].catalog.blocks.len() {
            let block = self.volumes[volume].catalog.blocks[index].block;
            let relative = index as u64 * BLOCK_BYTES;
            self.write_structure(volume, block * BLOCK_BYTES + BlockHeader::RELATIVE_AT, &relative.to_le_bytes());
        }
        self.flush(volume);
        Ok(())
    }

    /// A pair of entries in one write.
    pub(super) fn add_pair(&mut self, volume: usize, copy: &CatalogEntry, store: &CatalogEntry) -> Option<u64> {
        let at = self.volumes[volume].catalog.take_pair()?;
        let mut bytes = [0; 2 * CatalogEntry::SIZE];
        bytes[..CatalogEntry::SIZE].copy_from_slice(&copy.encode());
        bytes[CatalogEntry::SIZE..].copy_from_slice(&store.encode());
        self.write_structure(volume, at, &bytes);
        self.flush(volume);
        Some(at)
    }

    /// The entry of a store that belongs to another volume's copy.
    pub(super) fn add_foreign(&mut self, host: usize, store: &CatalogEntry) -> Option<u64> {
        let at = self.volumes[host].catalog.take_foreign()?;
        self.write_structure(host, at, &store.encode());
        self.flush(host);
        Some(at)
    }

    /// Takes entries out: first the copy on its own volume, then the store on the host. Two neighbours go in one write.
    pub(super) fn remove_entries(&mut self, volume: usize, copy: u64, host: usize, store: u64) {
        let unused = CatalogEntry::Unused.encode();
        if volume == host && store == copy + CatalogEntry::SIZE as u64 {
            let mut both = [0; 2 * CatalogEntry::SIZE];
            both[..CatalogEntry::SIZE].copy_from_slice(&unused);
            both[CatalogEntry::SIZE..].copy_from_slice(&unused);
            self.write_structure(volume, copy, &both);
        } else {
            self.write_structure(volume, copy, &unused);
            self.flush(volume);
            self.write_structure(host, store, &unused);
        }
        self.flush(host);
        self.volumes[volume].catalog.give_back(copy);
        let second = copy + CatalogEntry::SIZE as u64;
        if volume != host && self.is_free(volume, second) {
            // The second half of a pair that vssim made stayed empty; Windows puts the next copy there.
            self.volumes[volume].catalog.give_back(second);
        }
        self.volumes[host].catalog.give_back(store);
    }

    /// Whether the slot on the disk holds nothing.
    fn is_free(&self, volume: usize, slot: u64) -> bool {
        let mut bytes = [0; CatalogEntry::SIZE];
        let read = self.volumes[volume].store.read(slot, &mut bytes);
        let entry = CatalogEntry::decode(&bytes);
        read.is_ok() && matches!(entry, Ok(CatalogEntry::Empty | CatalogEntry::Unused))
    }

    /// Takes the entry of another volume's store out.
    pub(super) fn remove_foreign(&mut self, host: usize, store: u64) {
        self.write_structure(host, store, &CatalogEntry::Unused.encode());
        self.flush(host);
        self.volumes[host].catalog.give_back(store);
    }

    fn reserve_for_catalog(&mut self, volume: usize, count: u64) -> Result<Vec<u64>, AreaFull> {
        let of = &mut self.volumes[volume];
        let mut blocks = Vec::new();
        if of.files.reserve_blocks(count, Some(&of.pending), &mut blocks) < count {
            for block in blocks {
                of.files.release_block(block);
            }
            return Err(AreaFull);
        }
        Ok(blocks)
    }

    fn write_catalog_block(&mut self, volume: usize, block: u64, index: u64, next: u64) {
        let header =
            BlockHeader { next, ..BlockHeader::new(RecordType::Catalog, index * BLOCK_BYTES, block * BLOCK_BYTES) };
        self.write_fresh_block(volume, block, &header.encode());
    }
}

/// The id of a copy's store: the copy's own id, told apart by a fixed number. Windows makes it of time and network address, which a
/// machine that is simulated has not.
pub(super) fn store_id(snapshot: Guid) -> Guid {
    Guid(snapshot.0 ^ 0x0000_0000_5665_0000_0000_7373_696d_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_never_lies_in_two_sectors() {
        let mut catalog = Catalog { blocks: vec![CatalogBlock::new(1)], ..Catalog::default() };
        assert_eq!(catalog.free_pairs(), 63);
        let mut found = Vec::new();
        while let Some(at) = catalog.take_pair() {
            assert_eq!(at / 512, (at + 2 * CatalogEntry::SIZE as u64 - 1) / 512, "{at}");
            found.push(at);
        }
        assert_eq!(found.len(), 63);
        catalog.give_back(found[7]);
        assert_eq!(catalog.take_pair(), None, "half a pair is not enough");
        catalog.give_back(found[7] + 128);
        assert_eq!(catalog.take_pair(), Some(found[7]));
    }
}
