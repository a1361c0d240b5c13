//! What an NTFS volume holds, read from its bytes: which clusters are used, which files there are and where they lie.
//!
//! ```text
//!  boot sector ──► record 0: $MFT ──► every record of the master file table, in order
//!                                       ├─ record 6: $Bitmap ──► NtfsVolume::used
//!                                       └─ names, parents, unnamed $DATA ──► NtfsVolume::files
//! ```
//!
//! The master file table is read once, from its first record to its last; folders' indexes and attribute lists are not needed, for each
//! record names its parent and each part of a file its base record. The bytes are foreign: whatever has to be right is checked,
//! with the offset in the error; time and memory follow the bytes that are there (holes are skipped) and end at fixed
//! limits. Source: the public descriptions of the format by the Linux-NTFS project and by libyal, and the images that Windows and mkntfs made.
//!
//! The reader is our own. The crate `ntfs` 0.4 panics on an attribute whose header reaches beyond its record, takes a master file table to
//! have no attribute list, and a record to lie in one run.

mod bitmap;
mod map;
mod record;
mod scan;

use std::fmt;

use crate::disk_format::{BadStructure, BootSector, ReadAt, ReadError, SECTOR};

/// The most files and folders of a volume.
pub const MOST_FILES: u64 = 1_000_000;
/// The most records of a master file table that are looked at; a hole does not count.
pub const MOST_RECORDS: u64 = 4_000_000;
/// The most runs of clusters, of the allocation and of all files each.
pub const MOST_RUNS: u64 = 4_000_000;
/// The most bytes of all paths together.
pub const MOST_PATH_BYTES: u64 = 256 << 20;

/// Clusters in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clusters {
    /// The first one.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl Clusters {
    /// The cluster after the last one.
    #[must_use]
    pub fn end(self) -> u64 {
        self.first + self.count
    }
}

/// Bytes in a row, from the start of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes {
    /// The first one.
    pub offset: u64,
    /// How many.
    pub length: u64,
}

/// What is on a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NtfsVolume {
    /// The size of the device that was read, in bytes.
    pub size: u64,
    /// Bytes in a cluster.
    pub cluster: u64,
    /// How many clusters the file system has. What lies behind the last one (the backup of the boot sector at least) is not a cluster's.
    pub clusters: u64,
    /// The used clusters, in order, no two runs touching. Clusters of files are among them even where `$Bitmap` calls them free.
    pub used: Vec<Clusters>,
    /// How many clusters of files `$Bitmap` calls free; above zero only where the file system was not closed properly.
    pub lost: u64,
    /// The files, in the order of their records. Folders are not listed.
    pub files: Vec<NtfsFile>,
    /// How many files have no path, because a folder above them is not there.
    pub unreachable: u64,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NtfsFile {
    /// Its place in the master file table.
    pub record: u64,
    /// Its path from the root, with backslashes between names and none at the start. A file with several names has the first long one.
    pub path: String,
    /// The size of its unnamed data.
    pub size: u64,
    /// How many bytes of it were written; from there to the size it reads as zeros.
    pub valid: u64,
    /// Where its unnamed data lies.
    pub content: Content,
}

impl NtfsFile {
    /// Whether it is one of the file system's own: `$MFT`, `$Bitmap` and so on, and what is in `$Extend`.
    #[must_use]
    pub fn is_metadata(&self) -> bool {
        self.record < scan::FIRST_ORDINARY || self.path.starts_with("$Extend\\")
    }
}

/// Where the unnamed data of a file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// In these clusters, in the file's order. They may be more than the size asks for.
    Clusters(Vec<Clusters>),
    /// In the file's record.
    Resident,
    /// In clusters, compressed.
    Compressed,
    /// In clusters, encrypted.
    Encrypted,
    /// In clusters, with holes.
    Sparse,
    /// The file has no unnamed data.
    None,
}

impl NtfsVolume {
    /// The bytes that are not free, in order, no two runs touching: used clusters, and what lies behind the last cluster.
    pub fn used_bytes(&self) -> impl Iterator<Item = Bytes> + '_ {
        let end = self.clusters * self.cluster;
        let joined = self.used.last().filter(|last| last.end() == self.clusters && end < self.size);
        let tail = Bytes { offset: end, length: self.size - end };
        let tail = (joined.is_none() && tail.length > 0).then_some(tail);
        self.used
            .iter()
            .map(move |run| {
                let stop = if joined == Some(run) { self.size } else { run.end() * self.cluster };
                let offset = run.first * self.cluster;
                Bytes { offset, length: stop - offset }
            })
            .chain(tail)
    }

    /// Where the bytes of a file lie, in the file's order, up to its size. Nothing for a file without clusters of plain data.
    pub fn bytes_of<'a>(&'a self, file: &'a NtfsFile) -> impl Iterator<Item = Bytes> + 'a {
        let runs = match &file.content {
            Content::Clusters(runs) => runs.as_slice(),
            _ => &[],
        };
        let mut rest = file.size;
        runs.iter().filter_map(move |run| {
            let length = rest.min(run.count * self.cluster);
            rest -= length;
            (length > 0).then_some(Bytes { offset: run.first * self.cluster, length })
        })
    }
}

/// Reads the NTFS file system of a volume.
///
/// # Errors
/// When the device cannot be read, is no NTFS volume, is damaged, or holds more than this reader takes in.
pub fn read_ntfs(device: &dyn ReadAt) -> Result<NtfsVolume, NtfsError> {
    let geometry = Geometry::read(device)?;
    let found = scan::scan(device, &geometry)?;
    let used = bitmap::used(device, &geometry, &found)?;
    let (files, unreachable) = found.files(&geometry)?;
    let (used, lost) = bitmap::with_files(used, &files)?;
    Ok(NtfsVolume {
        size: device.size(),
        cluster: geometry.cluster,
        clusters: geometry.clusters,
        used,
        lost,
        files,
        unreachable,
    })
}

/// Reads the NTFS file system of a volume, where there is one. A volume that vssim made has a boot sector of NTFS and nothing behind it:
/// where the boot sector has the first record, there is no record.
///
/// # Errors
/// As [`read_ntfs`].
pub fn find_ntfs(device: &dyn ReadAt) -> Result<Option<NtfsVolume>, NtfsError> {
    let mut name = [0; 8];
    if device.size() < SECTOR {
        return Ok(None);
    }
    device.read_at(3, &mut name)?;
    if &name != BootSector::NAME {
        return Ok(None);
    }
    let geometry = Geometry::read(device)?;
    let mut signature = [0; 4];
    device.read_at(geometry.mft, &mut signature)?;
    if &signature != b"FILE" && &signature != b"BAAD" { Ok(None) } else { read_ntfs(device).map(Some) }
}

/// The sizes that the boot sector gives, checked.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    /// Bytes in a cluster: a power of two.
    cluster: u64,
    /// How many clusters: at most what the device has room for.
    clusters: u64,
    /// Bytes in a record of the master file table: a power of two.
    record: u64,
    /// Where record 0 lies, in bytes.
    mft: u64,
}

impl Geometry {
    fn read(device: &dyn ReadAt) -> Result<Geometry, NtfsError> {
        let mut sector = [0; SECTOR as usize];
        if device.size() < SECTOR {
            let found = format!("{} bytes", device.size());
            return Err(NtfsError::bad(0, BadStructure::new(0, "volume", "at least the boot sector", found)));
        }
        device.read_at(0, &mut sector)?;
        let boot = BootSector::decode(&sector).map_err(|bad| NtfsError::bad(0, bad))?;
        let cluster = boot.bytes_a_cluster;
        let bad = |at, field, expected: String, found: u64| {
            Err(NtfsError::bad(0, BadStructure::new(at, field, expected, found)))
        };
        let bytes = boot.sectors.checked_mul(u64::from(boot.bytes_a_sector)).filter(|&bytes| bytes <= device.size());
        let Some(bytes) = bytes else {
            let most = device.size() / u64::from(boot.bytes_a_sector);
            return bad(40, "sectors", format!("at most {most}, which the device has"), boot.sectors);
        };
        // Below 0x80 the byte counts clusters; above it is the negative power of two of the number of bytes.
        let code = sector[64];
        let record = match code {
            0xf4..=0xf7 => 1_u64 << (256 - u32::from(code)),
            _ => u64::from(code) * cluster,
        };
        if !record.is_power_of_two() || !(SECTOR..=4096).contains(&record) {
            return bad(64, "size of a record", "512 to 4096 bytes, a power of two".to_owned(), u64::from(code));
        }
        let clusters = bytes / cluster;
        if boot.mft >= clusters {
            return bad(48, "first cluster of the master file table", format!("below {clusters}"), boot.mft);
        }
        let mft = boot.mft * cluster;
        if device.size() - mft < record {
            return bad(48, "first cluster of the master file table", "room for a record".to_owned(), boot.mft);
        }
        Ok(Geometry { cluster, clusters, record, mft })
    }
}

/// Why the file system of a volume cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NtfsError {
    /// The device cannot be read.
    Read(ReadError),
    /// A structure is damaged, or is not one of NTFS.
    Bad {
        /// Where the structure lies, in bytes from the start of the volume.
        offset: u64,
        /// What is wrong in it.
        bad: BadStructure,
    },
    /// Two files have a cluster in common.
    CrossLinked {
        /// The cluster.
        cluster: u64,
        /// The paths of the files.
        paths: [String; 2],
    },
    /// There is more on the volume than this reader takes in.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most that is taken in.
        most: u64,
    },
}

impl NtfsError {
    fn bad(offset: u64, bad: BadStructure) -> NtfsError {
        NtfsError::Bad { offset, bad }
    }
}

impl From<ReadError> for NtfsError {
    fn from(error: ReadError) -> NtfsError {
        NtfsError::Read(error)
    }
}

impl fmt::Display for NtfsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NtfsError::Read(error) => write!(f, "{error}"),
            NtfsError::Bad { offset, bad } => write!(f, "NTFS, at offset {:#x}: {bad}", offset.saturating_add(bad.at)),
            NtfsError::CrossLinked { cluster, paths: [one, other] } => {
                write!(f, "NTFS: cluster {cluster} belongs to two files, `{one}` and `{other}`")
            }
            NtfsError::TooMany { what, most } => write!(f, "NTFS: there are more than {most} {what}"),
        }
    }
}

impl std::error::Error for NtfsError {}
