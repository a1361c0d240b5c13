//! What a disk has for certain, apart from what it was only told to write.
//!
//! ```text
//!   durable image        unflushed sectors, each with every version since the last flush
//!        └────────┬──────────────┘
//!   image after the cut: of each unflushed sector any one version, or the durable one
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::disk_format::SECTOR;

use super::super::block_store::{BLOCK_BYTES, BlockStore};
use super::super::words::Bitmap;

const SECTOR_BYTES: usize = SECTOR as usize;

/// The bytes of a sector.
pub(super) type SectorBytes = [u8; SECTOR_BYTES];

/// What a sector was told to hold.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) bytes: Arc<SectorBytes>,
    /// What the digest of the disk changes by when this version lands.
    pub(super) delta: u128,
}

/// The disk of a volume.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    number: u64,
    durable: BlockStore,
    /// The blocks of the durable image that are not all zeros.
    used: Bitmap,
    /// Of the durable image, counted from where the journal begins: equal bytes, equal digests.
    digest: u128,
    unflushed: BTreeMap<u64, Vec<Version>>,
}

impl Disk {
    /// The disk of volume `number`, on which everything in `store` is durable.
    pub(super) fn new(number: usize, store: &BlockStore) -> Disk {
        let mut used = Bitmap::new(store.blocks());
        // Pages of one block: every image that is tried changes a few blocks of a clone.
        let mut durable = BlockStore::new(store.blocks(), 1).unwrap_or_else(|| store.clone());
        let mut next = 0;
        while let Some(block) = store.next_written(next) {
            let copied = durable.copy_block_from(store, block, block);
            debug_assert!(copied.is_ok(), "both have the same blocks");
            used.put(block, holds_something(&durable, block));
            next = block + 1;
        }
        Disk { number: number as u64, durable, used, digest: 0, unflushed: BTreeMap::new() }
    }

    /// Takes a write: the sectors that it touches are unflushed, those that it leaves as they are not.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let (sector, start) = (at / SECTOR, (at % SECTOR) as usize);
            let length = (SECTOR_BYTES - start).min(bytes.len() - done);
            let latest = self.latest(sector);
            let mut new = latest;
            new[start..start + length].copy_from_slice(&bytes[done..done + length]);
            if new != latest {
                let delta = self.hash(sector, &new).wrapping_sub(self.hash(sector, &self.durable_sector(sector)));
                self.unflushed.entry(sector).or_default().push(Version { bytes: Arc::new(new), delta });
            }
            done += length;
        }
    }

    /// A barrier: everything is durable.
    pub(super) fn flush(&mut self) {
        for (sector, versions) in std::mem::take(&mut self.unflushed) {
            if let Some(version) = versions.last() {
                self.digest = self.digest.wrapping_add(version.delta);
                put(&mut self.durable, sector, &version.bytes);
                let block = sector * SECTOR / BLOCK_BYTES;
                self.used.put(block, holds_something(&self.durable, block));
            }
        }
    }

    pub(super) fn digest(&self) -> u128 {
        self.digest
    }

    /// The sectors that are not durable as they were last written, each with its versions, the last one last.
    pub(super) fn unflushed(&self) -> impl Iterator<Item = (u64, &[Version])> {
        self.unflushed.iter().map(|(sector, versions)| (*sector, &versions[..]))
    }

    /// The image in which these versions have landed and nothing else, and its blocks that are not all zeros.
    pub(super) fn image<'a>(&self, landed: impl Iterator<Item = (u64, &'a Version)>) -> (BlockStore, Bitmap) {
        let (mut image, mut used) = (self.durable.clone(), self.used.clone());
        for (sector, version) in landed {
            put(&mut image, sector, &version.bytes);
            let block = sector * SECTOR / BLOCK_BYTES;
            let something = version.bytes.iter().any(|&byte| byte != 0) || holds_something(&image, block);
            used.put(block, something);
        }
        (image, used)
    }

    fn latest(&self, sector: u64) -> SectorBytes {
        let version = self.unflushed.get(&sector).and_then(|versions| versions.last());
        version.map_or_else(|| self.durable_sector(sector), |version| *version.bytes)
    }

    fn durable_sector(&self, sector: u64) -> SectorBytes {
        let mut bytes = [0; SECTOR_BYTES];
        let read = self.durable.read(sector * SECTOR, &mut bytes);
        debug_assert!(read.is_ok(), "a journal names sectors of its volume");
        bytes
    }

    fn hash(&self, sector: u64, bytes: &SectorBytes) -> u128 {
        xxh3_128_with_seed(bytes, self.number << 48 ^ sector)
    }
}

fn put(store: &mut BlockStore, sector: u64, bytes: &SectorBytes) {
    let written = store.write_structure(sector * SECTOR, bytes);
    debug_assert!(written.is_ok(), "a journal names sectors of its volume");
}

fn holds_something(store: &BlockStore, block: u64) -> bool {
    store.block(block).is_some_and(|bytes| bytes.iter().any(|&byte| byte != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk {
        Disk::new(0, &BlockStore::new(4, 1).unwrap())
    }

    fn byte(disk: &Disk, landed: &[(u64, usize)], offset: u64) -> u8 {
        let versions: BTreeMap<u64, Vec<Version>> =
            disk.unflushed().map(|(sector, versions)| (sector, versions.to_vec())).collect();
        let (image, _) = disk.image(landed.iter().map(|(sector, version)| (*sector, &versions[sector][*version])));
        let mut found = [0];
        image.read(offset, &mut found).unwrap();
        found[0]
    }

    #[test]
    fn live_and_durable_bytes_are_kept_apart_until_the_flush() {
        let mut disk = disk();
        disk.write(500, &[1; 24]);
        assert_eq!(disk.unflushed().map(|(sector, _)| sector).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(byte(&disk, &[], 500), 0);
        assert_eq!((byte(&disk, &[(1, 0)], 511), byte(&disk, &[(1, 0)], 512)), (0, 1));
        disk.flush();
        assert_eq!(disk.unflushed().count(), 0);
        assert_eq!((byte(&disk, &[], 500), byte(&disk, &[], 523), byte(&disk, &[], 524)), (1, 1, 0));
    }

    #[test]
    fn a_sector_written_twice_may_hold_either_version() {
        let mut disk = disk();
        disk.write(0, &[1; 512]);
        disk.write(8, &[2; 8]);
        let found: Vec<[u8; 2]> = [vec![], vec![(0, 0)], vec![(0, 1)]]
            .map(|landed| [byte(&disk, &landed, 0), byte(&disk, &landed, 8)])
            .into();
        assert_eq!(found, [[0, 0], [1, 1], [1, 2]]);
    }

    #[test]
    fn what_is_written_again_as_it_is_changes_nothing() {
        let mut disk = disk();
        disk.write(0, &[0; 512]);
        assert_eq!(disk.unflushed().count(), 0);
        disk.write(0, &[5; 512]);
        disk.flush();
        let digest = disk.digest();
        disk.write(0, &[6; 512]);
        disk.write(0, &[5; 512]);
        disk.flush();
        assert_eq!(disk.digest(), digest, "equal bytes have equal digests");
    }
}
