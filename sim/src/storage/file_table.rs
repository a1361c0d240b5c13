//! The files of a volume: a plain table of path, size and extents, kept beside the bytes, with the allocation of clusters.
//!
//! ```text
//!  names:  "WINDOWS\A.TXT" ──► FileId ──► File { path, size, valid, extents }      cluster = 4 KiB, block = 4 clusters
//!  used:   a bit a cluster (files and VSS)        vss: a bit a block that VSS reserved for itself
//! ```
//!
//! Folders are not kept: a folder is there while a file is in it. Clusters are given first fit, so equal histories give equal
//! places. As in NTFS a file has a valid length: what lies between it and the size reads as zeros and was never written.
//! A shadow copy keeps a clone of the table of its commit instant; a clone shares everything until it is changed.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::block_store::{BLOCK_BYTES, MAX_BLOCKS};
use super::error::StorageError;
use super::path;
use super::words::Bitmap;

/// The size of a cluster.
pub const CLUSTER: u64 = 4096;

/// Clusters in a block.
pub const CLUSTERS_A_BLOCK: u64 = BLOCK_BYTES / CLUSTER;

const CHUNK: usize = 64;

/// A file of one volume. It stays the same while the file lives; later another file may get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// Clusters in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The first cluster of the volume.
    pub first: u64,
    /// How many clusters.
    pub count: u64,
}

/// Bytes in a row on the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where on the volume.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct File {
    path: Arc<str>,
    size: u64,
    valid: u64,
    extents: Vec<Extent>,
}

impl File {
    /// The path relative to the volume's root, in the case in which it was created.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes were written; from there to the size the file reads as zeros.
    #[must_use]
    pub fn valid(&self) -> u64 {
        self.valid
    }

    /// Where the file lies, in file order.
    #[must_use]
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Where the given part of the file lies on the volume; what lies beyond its clusters is left out.
    pub fn runs(&self, offset: u64, length: u64) -> impl Iterator<Item = Run> + '_ {
        let end = offset.saturating_add(length);
        let mut start = 0_u64;
        self.extents.iter().filter_map(move |extent| {
            let (from, to) = (start, start + extent.count * CLUSTER);
            start = to;
            let (low, high) = (from.max(offset), to.min(end));
            (low < high).then(|| Run { offset: extent.first * CLUSTER + (low - from), length: high - low })
        })
    }

    fn clusters(&self) -> u64 {
        self.extents.iter().map(|extent| extent.count).sum()
    }

    fn part(&self, id: FileId) -> u64 {
        let mut hasher = Xxh3::with_seed(u64::from(id.0));
        self.hash(&mut hasher);
        hasher.finish()
    }
}

type Chunk = Arc<Vec<Option<File>>>;

/// The file table of a volume. Hashing it hashes its digest.
#[derive(Clone, Debug)]
pub struct FileTable {
    names: Arc<BTreeMap<Arc<str>, FileId>>,
    files: Arc<Vec<Chunk>>,
    next: u32,
    freed: Vec<FileId>,
    used: Bitmap,
    vss: Bitmap,
    /// No cluster below this one is free.
    first_free: u64,
    digest: u64,
}

/// By digest of the files and of the blocks VSS reserved.
impl Hash for FileTable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest);
        self.used.hash(state);
        self.vss.hash(state);
        self.freed.hash(state);
    }
}

impl FileTable {
    /// An empty table for a volume of `blocks` blocks (at most [`MAX_BLOCKS`]).
    #[must_use]
    pub fn new(blocks: u64) -> FileTable {
        let blocks = blocks.min(MAX_BLOCKS);
        FileTable {
            names: Arc::default(),
            files: Arc::default(),
            next: 0,
            freed: Vec::new(),
            used: Bitmap::new(blocks * CLUSTERS_A_BLOCK),
            vss: Bitmap::new(blocks),
            first_free: 0,
            digest: 0,
        }
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How many clusters nobody has.
    #[must_use]
    pub fn free_clusters(&self) -> u64 {
        self.used.len() - self.used.ones()
    }

    /// The blocks that VSS reserved for its own data.
    #[must_use]
    pub fn vss_blocks(&self) -> &Bitmap {
        &self.vss
    }

    /// Whether the cluster belongs to a file or to VSS.
    #[must_use]
    pub fn is_used(&self, cluster: u64) -> bool {
        self.used.get(cluster)
    }

    /// The blocks of which a file owns at least one cluster. VSS's own blocks are not among them.
    #[must_use]
    pub fn owned_blocks(&self) -> Bitmap {
        let mut owned = Bitmap::new(self.vss.len());
        // Each word of the cluster map folds to 16 bits, four words make one of the block map.
        for word in 0..self.vss.len().div_ceil(64) {
            let folded = (0..4).fold(0_u64, |folded, part| folded | fold_nibbles(self.used.word(word * 4 + part)) << (part * 16));
            let folded = folded & !self.vss.word(word);
            if folded != 0 {
                owned.put_word(word, folded);
            }
        }
        owned
    }

    /// The file of that path, in any case.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<FileId> {
        let path = path::check(path).ok()?;
        self.names.get(path::fold(path).as_str()).copied()
    }

    /// The file of that id.
    #[must_use]
    pub fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(id.0 as usize / CHUNK)?.get(id.0 as usize % CHUNK)?.as_ref()
    }

    /// Every file, in order of its path in upper case.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &File)> + '_ {
        self.names.values().filter_map(|&id| self.file(id).map(|file| (id, file)))
    }

    /// The files in a folder (empty: the root), or also those in the folders below it.
    pub fn list(&self, folder: &str, below: bool) -> impl Iterator<Item = (FileId, &File)> + '_ {
        let folder = folder.strip_prefix('\\').unwrap_or(folder);
        let folder = folder.strip_suffix('\\').unwrap_or(folder);
        let mut start = path::fold(folder);
        if !start.is_empty() {
            start.push('\\');
        }
        let from: Arc<str> = start.as_str().into();
        self.names
            .range(from..)
            .take_while(move |(name, _)| name.starts_with(start.as_str()))
            .filter(move |(name, _)| below || !name[folder_length(name)..].is_empty())
            .filter_map(|(_, &id)| self.file(id).map(|file| (id, file)))
    }
}
