//! What a verb of the storage can refuse, one variant a reason.

use std::fmt;

use vssim_model::ids::{Guid, SnapshotId, VolumeId};

use crate::disk_format::ReadError;
use crate::image::ImageError;

use super::block_store::OutOfRange;
use super::path::BadPath;
use super::shortage::AreaFault;

/// Why a verb of the storage was refused. Nothing was changed then, unless the verb says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageError {
    /// No disk has this number.
    NoSuchDisk(u32),
    /// No volume has this id.
    NoSuchVolume(VolumeId),
    /// No shadow copy has this id.
    NoSuchSnapshot(SnapshotId),
    /// The volume has no such file.
    NoSuchFile,
    /// A file of that name exists.
    FileExists(String),
    /// The text is not a path inside a volume.
    BadPath(BadPath),
    /// The volume has no room for that.
    NoSpace,
    /// The bytes are not inside the volume.
    OutOfRange(OutOfRange),
    /// A volume or disk of that id, name or mount point exists already.
    Duplicate(String),
    /// The size is zero, not a multiple of 16 KiB, or too large.
    BadSize(u64),
    /// The part of the disk belongs to a volume already.
    ExtentTaken {
        /// The disk.
        disk: u32,
        /// The volume that has it.
        by: VolumeId,
    },
    /// The part is not inside the disk.
    ExtentOutsideDisk {
        /// The disk.
        disk: u32,
        /// Where the part would end.
        end: u64,
        /// The disk's size.
        size: u64,
    },
    /// VSS's own data lies in that block.
    VssOwned(u64),
    /// The volume's writes are held.
    Held,
    /// The volume's writes are not held.
    NotHeld,
    /// The diff area has no room and cannot grow.
    AreaFull(AreaFault),
    /// The volume has as many shadow copies as it may have.
    TooManyCopies(usize),
    /// The volume has shadow copies, so its diff area stays where it is.
    AreaInUse,
    /// The shadow copy was not committed yet, or is already.
    NotPrepared(SnapshotId),
    /// The shadow copy is read-only.
    ReadOnly(SnapshotId),
    /// The image is not as large as the volume that it is for.
    ImageSize {
        /// The image, in bytes.
        image: u64,
        /// The volume, in bytes.
        volume: u64,
    },
    /// The image has too much in it.
    ImageTooFull {
        /// The most that is taken into memory, in bytes.
        maximum: u64,
    },
    /// The image cannot be read.
    Unreadable(ReadError),
    /// A structure on a volume is not as it has to be.
    Image {
        /// The volume.
        volume: VolumeId,
        /// What and where.
        why: ImageError,
    },
    /// The shadow copies of a volume lie on another one that is not there.
    AreaMissing {
        /// The volume.
        volume: VolumeId,
        /// The volume that is missing, as the structures name it.
        host: Guid,
    },
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::NoSuchDisk(disk) => write!(f, "there is no disk {disk}"),
            StorageError::NoSuchVolume(id) => write!(f, "there is no volume {id}"),
            StorageError::NoSuchSnapshot(id) => write!(f, "there is no shadow copy {id}"),
            StorageError::NoSuchFile => write!(f, "there is no such file"),
            StorageError::FileExists(path) => write!(f, "the file `{path}` exists already"),
            StorageError::BadPath(why) => write!(f, "not a path inside a volume: {why}"),
            StorageError::NoSpace => write!(f, "the volume is full"),
            StorageError::OutOfRange(why) => write!(f, "{why}"),
            StorageError::Duplicate(what) => write!(f, "{what} exists already"),
            StorageError::BadSize(size) => {
                write!(f, "{size} bytes is not a size: expected a multiple of 16 KiB up to 1 TiB")
            }
            StorageError::ExtentTaken { disk, by } => write!(f, "that part of disk {disk} belongs to volume {by}"),
            StorageError::ExtentOutsideDisk { disk, end, size } => {
                write!(f, "disk {disk} has {size} bytes, the extent ends at {end}")
            }
            StorageError::VssOwned(block) => write!(f, "block {block} is VSS's own"),
            StorageError::Held => write!(f, "the volume's writes are held"),
            StorageError::NotHeld => write!(f, "the volume's writes are not held"),
            StorageError::AreaFull(why) => write!(f, "the diff area cannot grow: {why}"),
            StorageError::TooManyCopies(count) => write!(f, "the volume has {count} shadow copies already"),
            StorageError::AreaInUse => write!(f, "the volume has shadow copies"),
            StorageError::NotPrepared(id) => write!(f, "shadow copy {id} is not prepared"),
            StorageError::ImageSize { image, volume } => {
                write!(f, "the image has {image} bytes, the volume {volume}: give the volume the size of its image")
            }
            StorageError::ImageTooFull { maximum } => {
                write!(f, "more than {maximum} bytes of the image are not zeros, which is more than is kept in memory")
            }
            StorageError::Unreadable(why) => write!(f, "the image cannot be read: {why}"),
            StorageError::Image { volume, why } => write!(f, "volume {volume}: {why}"),
            StorageError::AreaMissing { volume, host } => {
                write!(f, "the shadow copies of volume {volume} lie on the volume {host}, which is not there")
            }
            StorageError::ReadOnly(id) => write!(f, "shadow copy {id} is read-only"),
        }
    }
}

impl std::error::Error for StorageError {}

impl From<OutOfRange> for StorageError {
    fn from(why: OutOfRange) -> StorageError {
        StorageError::OutOfRange(why)
    }
}

impl From<BadPath> for StorageError {
    fn from(why: BadPath) -> StorageError {
        StorageError::BadPath(why)
    }
}
