//! A volume gets its bytes from a device: an image that somebody brought, or what a power cut left.
//!
//! ```text
//!  device ──load──► bytes, blocks in use ──attach──► the shadow copies that lie on the volumes
//! ```
//!
//! [`Storage::load`] takes the bytes over and holds every block for used that has anything in it; a file system that is known says it
//! better. [`Storage::attach`] then finds the shadow copies. The bytes are kept in memory, all of them that are not zeros, and a device
//! with more than [`MAXIMUM_LOADED`] is refused before that.

use vssim_model::ids::VolumeId;

use crate::disk_format::{ReadAt, SECTOR};
use crate::ntfs::{Content, NtfsVolume};

use super::block_store::{BLOCK_BYTES, BLOCK_SIZE, BlockStore};
use super::file_table::{CLUSTER, Extent, FileTable};
use super::words::Bitmap;
use super::{Storage, StorageError};

/// The most bytes of a device, zeros left out, that are taken into memory: 8 GiB.
pub const MAXIMUM_LOADED: u64 = 8 << 30;

/// How many blocks are read at a time.
const AT_A_TIME: usize = 64;

impl Storage {
    /// Puts the bytes of a device into a volume that has neither files nor shadow copies yet. The volume may be larger by less than a
    /// block; what the device does not have reads as zeros and belongs to nobody. `file_system` says which files are there and which
    /// clusters are used; without it every block that is not all zeros counts as used, by nobody in particular.
    ///
    /// # Errors
    /// When there is no such volume, it has copies, the sizes do not fit, or the device cannot be read or has too much in it.
    pub fn load(
        &mut self,
        volume: VolumeId,
        device: &dyn ReadAt,
        file_system: Option<&NtfsVolume>,
    ) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        let volume = &mut self.volumes[at];
        let (size, blocks) = (device.size(), volume.store.blocks());
        if size.div_ceil(BLOCK_BYTES) != blocks || !size.is_multiple_of(SECTOR) {
            return Err(StorageError::ImageSize { image: size, volume: volume.store.size() });
        }
        if !volume.snapshots.is_empty() || !volume.prepared.is_empty() {
            return Err(StorageError::AreaInUse);
        }
        let mut store = BlockStore::new(blocks, volume.store.blocks_a_page()).ok_or(StorageError::BadSize(size))?;
        let mut used = Bitmap::new(blocks);
        read_blocks(device, |block, bytes| {
            used.put(block, true);
            if used.ones() > MAXIMUM_LOADED / BLOCK_BYTES {
                return Err(StorageError::ImageTooFull { maximum: MAXIMUM_LOADED });
            }
            Ok(store.write(block * BLOCK_BYTES, bytes)?)
        })?;
        volume.length = size;
        self.install(at, store, &used);
        self.volumes[at].files_known = file_system.is_some();
        if let Some(file_system) = file_system {
            let files = &mut self.volumes[at].files;
            *files = FileTable::new(blocks);
            take_files(file_system, files);
            files.claim_block(0);
        }
        Ok(())
    }

    /// Gives a volume its bytes; `used` are the blocks that are not all zeros.
    pub(super) fn install(&mut self, at: usize, store: BlockStore, used: &Bitmap) {
        let volume = &mut self.volumes[at];
        volume.files = FileTable::new(store.blocks());
        for block in used.iter() {
            volume.files.keep_block(block);
        }
        volume.files.claim_block(0);
        volume.store = store;
    }
}

/// Takes in the used clusters, and the files whose bytes lie in clusters as they are. The file system's own files are none that somebody
/// could name; what cannot be a file of ours (a name, a place inside a cluster of 4 KiB) stays used, without a name.
fn take_files(file_system: &NtfsVolume, files: &mut FileTable) {
    for run in file_system.used_bytes() {
        let (first, end) = (run.offset / CLUSTER, (run.offset + run.length).div_ceil(CLUSTER));
        files.keep_clusters(first, end - first);
    }
    // A file of ours owns whole clusters of 4 KiB; smaller ones would make it own its neighbours' bytes.
    let named = file_system.cluster.is_multiple_of(CLUSTER);
    for file in file_system.files.iter().filter(|file| named && !file.is_metadata()) {
        let lies = file_system.bytes_of(file).map(|run| {
            run.offset
                .is_multiple_of(CLUSTER)
                .then(|| Extent { first: run.offset / CLUSTER, count: run.length.div_ceil(CLUSTER) })
        });
        if let (Content::Clusters(_), Some(extents)) = (&file.content, lies.collect::<Option<Vec<Extent>>>()) {
            // A file that is refused stays what it is: clusters in use.
            let _ = files.adopt(&file.path, file.size, file.valid, extents);
        }
    }
}

/// Hands every block that is not all zeros to `take`; the last one may be short.
fn read_blocks(
    device: &dyn ReadAt,
    mut take: impl FnMut(u64, &[u8]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let size = device.size();
    let mut buffer = vec![0; AT_A_TIME * BLOCK_SIZE];
    let mut next = 0;
    while let Some((from, to)) = device.next_data(next) {
        let mut at = from / BLOCK_BYTES * BLOCK_BYTES;
        let end = to.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES).min(size);
        while at < end {
            let length = (end - at).min(buffer.len() as u64) as usize;
            let part = &mut buffer[..length];
            device.read_at(at, part).map_err(StorageError::Unreadable)?;
            for (block, bytes) in (at / BLOCK_BYTES..).zip(part.chunks(BLOCK_SIZE)) {
                if bytes.iter().any(|&byte| byte != 0) {
                    take(block, bytes)?;
                }
            }
            at += length as u64;
        }
        next = end.max(next + 1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use vssim_model::ids::Guid;

    use super::super::{DiskExtent, VolumeSpec};
    use super::*;
    use crate::ntfs::{Clusters, NtfsFile};

    fn machine(size: u64) -> Storage {
        let mut storage = Storage::new();
        let disk = storage.add_disk("disk0", size).unwrap();
        let extents = vec![DiskExtent { disk, offset: 0, length: size }];
        storage.add_volume(VolumeSpec { id: VolumeId(Guid(1)), mount: None, extents, blocks_a_page: 2 }).unwrap();
        storage
    }

    #[test]
    fn a_volume_takes_the_bytes_over_and_knows_which_blocks_are_in_use() {
        let mut bytes = vec![0_u8; 9 * BLOCK_SIZE + 512];
        bytes[3 * BLOCK_SIZE + 7] = 5;
        bytes[9 * BLOCK_SIZE + 511] = 6;
        let mut storage = machine(10 * BLOCK_BYTES);
        storage.load(VolumeId(Guid(1)), &&bytes[..], None).unwrap();
        let volume = &storage.volumes()[0];
        assert_eq!(volume.size(), bytes.len() as u64);
        let mut found = vec![1; bytes.len()];
        volume.read_at(0, &mut found).unwrap();
        assert!(found == bytes);
        assert_eq!(volume.files().owned_blocks().iter().collect::<Vec<_>>(), [3, 9]);
    }

    #[test]
    fn a_device_of_another_size_is_refused() {
        let mut storage = machine(10 * BLOCK_BYTES);
        for size in [0, 9 * BLOCK_SIZE, 10 * BLOCK_SIZE - 100, 11 * BLOCK_SIZE] {
            let refused = storage.load(VolumeId(Guid(1)), &&vec![0_u8; size][..], None);
            assert_eq!(refused, Err(StorageError::ImageSize { image: size as u64, volume: 10 * BLOCK_BYTES }));
        }
    }

    #[test]
    fn a_file_is_named_only_where_it_owns_whole_clusters_of_ours() {
        for (cluster, named) in [(1024, false), (4096, true), (8192, true)] {
            let run = Clusters { first: 40, count: 2 };
            let file = NtfsFile {
                record: 30,
                path: "a.txt".to_owned(),
                size: cluster + 1,
                valid: cluster + 1,
                content: Content::Clusters(vec![run]),
            };
            let size = 40 * BLOCK_BYTES;
            let file_system = NtfsVolume {
                size,
                cluster,
                clusters: size / cluster,
                used: vec![run],
                lost: 0,
                files: vec![file],
                unreachable: 0,
            };
            let mut storage = machine(size);
            storage.load(VolumeId(Guid(1)), &&vec![0_u8; size as usize][..], Some(&file_system)).unwrap();
            let files = storage.volumes()[0].files();
            assert_eq!(files.find("a.txt").is_some(), named, "clusters of {cluster} bytes");
            assert!(files.is_used(40 * cluster / CLUSTER), "the clusters are used in any case");
        }
    }
}
