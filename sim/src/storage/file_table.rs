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

/// When each of 64 files was last written.
type Times = Arc<[u64; CHUNK]>;

/// The file table of a volume. Hashing it hashes its digest.
#[derive(Clone, Debug)]
pub struct FileTable {
    names: Arc<BTreeMap<Arc<str>, FileId>>,
    files: Arc<Vec<Chunk>>,
    /// Beside the files and in no digest: a write inside a file changes a number here and nothing else.
    times: Arc<Vec<Times>>,
    next: u32,
    freed: Arc<Vec<FileId>>,
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
            times: Arc::default(),
            next: 0,
            freed: Arc::default(),
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
            let folded = (0..4)
                .fold(0_u64, |folded, part| folded | fold_nibbles(self.used.word(word * 4 + part)) << (part * 16));
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
        let skip = start.len();
        self.names
            .range(from..)
            .take_while(move |(name, _)| name.starts_with(start.as_str()))
            .filter(move |(name, _)| below || !name.get(skip..).is_some_and(|rest| rest.contains('\\')))
            .filter_map(|(_, &id)| self.file(id).map(|file| (id, file)))
    }

    /// Makes a file of that size; its clusters are taken at once, its bytes read as zeros.
    ///
    /// # Errors
    /// When the path is bad or taken, or there is no room.
    pub fn create(&mut self, path: &str, size: u64) -> Result<FileId, StorageError> {
        let path = path::check(path)?;
        let name = path::fold(path);
        if self.names.contains_key(name.as_str()) {
            return Err(StorageError::FileExists(path.to_owned()));
        }
        let mut file = File { path: path.into(), size, valid: 0, extents: Vec::new() };
        self.allocate(size.div_ceil(CLUSTER), &mut file.extents)?;
        self.enter(path, file)
    }

    /// Gives a file an id and its name, which is free.
    fn enter(&mut self, path: &str, file: File) -> Result<FileId, StorageError> {
        let name = path::fold(path);
        let id = if let Some(id) = Arc::make_mut(&mut self.freed).pop() {
            id
        } else {
            let id = FileId(self.next);
            self.next = self.next.checked_add(1).ok_or(StorageError::NoSpace)?;
            id
        };
        self.digest = self.digest.wrapping_add(file.part(id));
        *self.slot(id) = Some(file);
        Arc::make_mut(&mut self.names).insert(name.into(), id);
        Ok(id)
    }

    /// Takes in a file that lies on the volume already. Its clusters count as used.
    ///
    /// # Errors
    /// When the path is bad or taken, or the file does not lie inside the volume or has fewer clusters than its size needs.
    pub fn adopt(&mut self, path: &str, size: u64, valid: u64, extents: Vec<Extent>) -> Result<FileId, StorageError> {
        let path = path::check(path)?;
        if self.names.contains_key(path::fold(path).as_str()) {
            return Err(StorageError::FileExists(path.to_owned()));
        }
        let inside = |extent: &Extent| extent.first.checked_add(extent.count).is_some_and(|end| end <= self.used.len());
        let file = File { path: path.into(), size, valid: valid.min(size), extents };
        if !file.extents.iter().all(inside) || file.clusters() < size.div_ceil(CLUSTER) {
            return Err(StorageError::NoSpace);
        }
        for extent in &file.extents {
            self.used.put_run(extent.first, extent.count, true);
        }
        self.enter(path, file)
    }

    /// Removes a file and frees its clusters. Its bytes stay on the volume until something is written over them.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn delete(&mut self, id: FileId) -> Result<(), StorageError> {
        let file = self.slot(id).take().ok_or(StorageError::NoSuchFile)?;
        self.digest = self.digest.wrapping_sub(file.part(id));
        for &extent in &file.extents {
            self.free(extent);
        }
        Arc::make_mut(&mut self.names).remove(path::fold(&file.path).as_str());
        Arc::make_mut(&mut self.freed).push(id);
        Ok(())
    }

    /// Gives a file another path.
    ///
    /// # Errors
    /// When there is no such file, or the path is bad or another file's.
    pub fn rename(&mut self, id: FileId, path: &str) -> Result<(), StorageError> {
        let path = path::check(path)?;
        let old = path::fold(self.file(id).ok_or(StorageError::NoSuchFile)?.path());
        let new = path::fold(path);
        if self.names.get(new.as_str()).is_some_and(|&other| other != id) {
            return Err(StorageError::FileExists(path.to_owned()));
        }
        let names = Arc::make_mut(&mut self.names);
        names.remove(old.as_str());
        names.insert(new.into(), id);
        self.update(id, |file| file.path = path.into())
    }

    /// Makes a file longer (what is new reads as zeros) or shorter (its last clusters are freed).
    ///
    /// # Errors
    /// When there is no such file or no room.
    pub fn set_size(&mut self, id: FileId, size: u64) -> Result<(), StorageError> {
        let file = self.file(id).ok_or(StorageError::NoSuchFile)?;
        if file.size == size {
            return Ok(());
        }
        let (want, have) = (size.div_ceil(CLUSTER), file.clusters());
        let mut extents = file.extents.clone();
        if want > have {
            self.allocate(want - have, &mut extents)?;
        }
        let mut surplus = have.saturating_sub(want);
        while surplus > 0 {
            let Some(last) = extents.last_mut() else { break };
            let cut = surplus.min(last.count);
            last.count -= cut;
            surplus -= cut;
            let freed = Extent { first: last.first + last.count, count: cut };
            if last.count == 0 {
                extents.pop();
            }
            self.free(freed);
        }
        self.update(id, |file| {
            file.size = size;
            file.valid = file.valid.min(size);
            file.extents = extents;
        })
    }

    /// Notes that the file was written up to `end`, which is at most its size.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn note_written(&mut self, id: FileId, end: u64) -> Result<(), StorageError> {
        let file = self.file(id).ok_or(StorageError::NoSuchFile)?;
        if end.min(file.size) <= file.valid {
            return Ok(());
        }
        self.update(id, |file| file.valid = end.min(file.size))
    }

    /// Notes when a file was last written (FILETIME).
    pub fn touch(&mut self, id: FileId, time: u64) {
        let (chunk, at) = (id.0 as usize / CHUNK, id.0 as usize % CHUNK);
        let times = Arc::make_mut(&mut self.times);
        while times.len() <= chunk {
            times.push(Arc::new([0; CHUNK]));
        }
        Arc::make_mut(&mut times[chunk])[at] = time;
    }

    /// When a file was last written (FILETIME); 0 where that is not known.
    #[must_use]
    pub fn modified(&self, id: FileId) -> u64 {
        let times = self.times.get(id.0 as usize / CHUNK);
        times.and_then(|times| times.get(id.0 as usize % CHUNK)).copied().unwrap_or(0)
    }

    /// Reserves up to `want` whole free blocks for VSS, first fit, none of them in `avoid`, and adds them to `into`. Gives how many
    /// there were.
    pub fn reserve_blocks(&mut self, want: u64, avoid: Option<&Bitmap>, into: &mut Vec<u64>) -> u64 {
        let mut found = 0;
        let mut cluster = self.first_free;
        while found < want {
            let Some(free) = self.used.next_clear(cluster) else { break };
            let block = free / CLUSTERS_A_BLOCK;
            let first = block * CLUSTERS_A_BLOCK;
            cluster = first + CLUSTERS_A_BLOCK;
            let whole = self.used.clear_run(first, CLUSTERS_A_BLOCK) == CLUSTERS_A_BLOCK;
            if whole && !avoid.is_some_and(|avoid| avoid.get(block)) {
                self.used.put_run(first, CLUSTERS_A_BLOCK, true);
                self.vss.put(block, true);
                into.push(block);
                found += 1;
            }
        }
        found
    }

    /// Holds clusters for used, by a file that nobody has named.
    pub fn keep_clusters(&mut self, first: u64, count: u64) {
        self.used.put_run(first, count.min(self.used.len().saturating_sub(first)), true);
    }

    /// Holds a block for used, by a file that nobody has named.
    pub fn keep_block(&mut self, block: u64) {
        if block < self.vss.len() {
            self.used.put_run(block * CLUSTERS_A_BLOCK, CLUSTERS_A_BLOCK, true);
        }
    }

    /// Keeps a block for the file system or for VSS itself, whatever lies in it.
    pub fn claim_block(&mut self, block: u64) {
        if block < self.vss.len() {
            self.used.put_run(block * CLUSTERS_A_BLOCK, CLUSTERS_A_BLOCK, true);
            self.vss.put(block, true);
        }
    }

    /// Gives back a block that VSS had reserved; any other block is left as it is.
    pub fn release_block(&mut self, block: u64) {
        if self.vss.put(block, false) {
            self.free(Extent { first: block * CLUSTERS_A_BLOCK, count: CLUSTERS_A_BLOCK });
        }
    }

    fn allocate(&mut self, count: u64, extents: &mut Vec<Extent>) -> Result<(), StorageError> {
        if count > self.free_clusters() {
            return Err(StorageError::NoSpace);
        }
        let mut rest = count;
        while rest > 0 {
            let Some(first) = self.used.next_clear(self.first_free) else { return Err(StorageError::NoSpace) };
            let run = self.used.clear_run(first, rest);
            self.used.put_run(first, run, true);
            self.first_free = first + run;
            rest -= run;
            match extents.last_mut() {
                Some(last) if last.first + last.count == first => last.count += run,
                _ => extents.push(Extent { first, count: run }),
            }
        }
        Ok(())
    }

    fn free(&mut self, extent: Extent) {
        self.used.put_run(extent.first, extent.count, false);
        self.first_free = self.first_free.min(extent.first);
    }

    fn slot(&mut self, id: FileId) -> &mut Option<File> {
        let (chunk, at) = (id.0 as usize / CHUNK, id.0 as usize % CHUNK);
        let files = Arc::make_mut(&mut self.files);
        while files.len() <= chunk {
            files.push(Arc::new(vec![None; CHUNK]));
        }
        &mut Arc::make_mut(&mut files[chunk])[at]
    }

    fn update(&mut self, id: FileId, edit: impl FnOnce(&mut File)) -> Result<(), StorageError> {
        let file = self.slot(id).as_mut().ok_or(StorageError::NoSuchFile)?;
        let old = file.part(id);
        edit(file);
        let new = file.part(id);
        self.digest = self.digest.wrapping_sub(old).wrapping_add(new);
        Ok(())
    }
}

/// Folds each four bits into one: set when any of the four is.
fn fold_nibbles(word: u64) -> u64 {
    let any = (word | word >> 1 | word >> 2 | word >> 3) & 0x1111_1111_1111_1111;
    let pairs = (any | any >> 3) & 0x0303_0303_0303_0303;
    let bytes = (pairs | pairs >> 6) & 0x000f_000f_000f_000f;
    let halves = (bytes | bytes >> 12) & 0x0000_00ff_0000_00ff;
    (halves | halves >> 24) & 0xffff
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_are_found_in_any_case_and_keep_theirs() {
        let mut table = FileTable::new(8);
        let id = table.create(r"\Windows\NTDS\ntds.dit", 10).unwrap();
        assert_eq!(table.find(r"WINDOWS\ntds\NTDS.DIT"), Some(id));
        assert_eq!(table.file(id).unwrap().path(), r"Windows\NTDS\ntds.dit");
        assert!(matches!(table.create(r"windows\ntds\ntds.dit", 1), Err(StorageError::FileExists(_))));
        table.rename(id, r"Windows\NTDS\NTDS.DIT").unwrap();
        assert_eq!(table.file(id).unwrap().path(), r"Windows\NTDS\NTDS.DIT");
        table.rename(id, "other").unwrap();
        assert_eq!((table.find(r"windows\ntds\ntds.dit"), table.find("OTHER")), (None, Some(id)));
        table.create("third", 1).unwrap();
        assert!(matches!(table.rename(id, "THIRD"), Err(StorageError::FileExists(_))));
    }

    #[test]
    fn a_folder_lists_its_own_files_or_also_those_below() {
        let mut table = FileTable::new(8);
        for path in [r"a\1", r"a\b\2", r"a\3", r"ab\4", "5"] {
            table.create(path, 0).unwrap();
        }
        let list = |folder, below| table.list(folder, below).map(|(_, file)| file.path()).collect::<Vec<_>>();
        assert_eq!(list("A", false), [r"a\1", r"a\3"]);
        assert_eq!(list(r"a\", true), [r"a\1", r"a\3", r"a\b\2"]);
        assert_eq!(list("", false), ["5"]);
        assert_eq!(list("none", true), Vec::<&str>::new());
    }

    #[test]
    fn small_files_share_a_block_and_each_keeps_it_owned() {
        let mut table = FileTable::new(4);
        let ids = [table.create("a", 1).unwrap(), table.create("b", 4096).unwrap()];
        assert_eq!(table.owned_blocks().iter().collect::<Vec<_>>(), [0]);
        table.delete(ids[0]).unwrap();
        assert_eq!(table.owned_blocks().ones(), 1);
        table.delete(ids[1]).unwrap();
        assert_eq!(table.owned_blocks().ones(), 0);
        assert_eq!(table.delete(ids[1]), Err(StorageError::NoSuchFile));
    }

    #[test]
    fn vss_gets_whole_free_blocks_only_and_files_do_not_get_them() {
        let mut table = FileTable::new(4);
        table.create("a", 1).unwrap();
        let mut avoid = Bitmap::new(4);
        avoid.put(1, true);
        let mut blocks = Vec::new();
        assert_eq!(table.reserve_blocks(9, Some(&avoid), &mut blocks), 2);
        assert_eq!(blocks, [2, 3]);
        assert_eq!(table.owned_blocks().iter().collect::<Vec<_>>(), [0]);
        assert!(matches!(table.create("b", 8 * CLUSTER), Err(StorageError::NoSpace)));
        assert!(table.create("b", 7 * CLUSTER).is_ok());
        table.release_block(2);
        table.release_block(0);
        assert_eq!((table.vss_blocks().ones(), table.free_clusters()), (1, 4));
    }

    #[test]
    fn a_file_without_room_changes_nothing() {
        let mut table = FileTable::new(1);
        let id = table.create("a", CLUSTER).unwrap();
        assert_eq!(table.set_size(id, 5 * CLUSTER), Err(StorageError::NoSpace));
        assert_eq!(table.create("b", u64::MAX), Err(StorageError::NoSpace));
        assert_eq!((table.free_clusters(), table.len(), table.file(id).unwrap().size()), (3, 1, CLUSTER));
    }

    proptest! {
        #[test]
        fn no_two_files_share_a_cluster_and_the_map_knows_every_one(
            steps in proptest::collection::vec((0_u8..4, 0_u8..8, 0_u64..40_000), 1..60),
        ) {
            let mut table = FileTable::new(16);
            let mut vss = Vec::new();
            let kept = table.clone();
            for (verb, name, size) in steps {
                let id = table.find(&format!("f{name}"));
                match (verb, id) {
                    (0, None) => drop(table.create(&format!("F{name}"), size)),
                    (1, Some(id)) => drop(table.set_size(id, size)),
                    (2, Some(id)) => table.delete(id).unwrap(),
                    (3, _) if size < 20_000 => drop(table.reserve_blocks(1, None, &mut vss)),
                    (3, _) => vss.pop().into_iter().for_each(|block| table.release_block(block)),
                    _ => {}
                }
                let mut seen = BTreeSet::new();
                for (_, file) in table.files() {
                    let clusters = file.extents().iter().flat_map(|extent| extent.first..extent.first + extent.count);
                    prop_assert_eq!(clusters.clone().count() as u64, file.size().div_ceil(CLUSTER));
                    for cluster in clusters {
                        prop_assert!(seen.insert(cluster));
                    }
                }
                let owned: BTreeSet<u64> = seen.iter().map(|cluster| cluster / CLUSTERS_A_BLOCK).collect();
                prop_assert_eq!(table.owned_blocks().iter().collect::<BTreeSet<_>>(), owned);
                seen.extend(vss.iter().flat_map(|block| block * CLUSTERS_A_BLOCK..(block + 1) * CLUSTERS_A_BLOCK));
                prop_assert_eq!(table.used.iter().collect::<BTreeSet<_>>(), seen);
                prop_assert_eq!(table.first_free, table.first_free.min(table.used.next_clear(0).unwrap_or(u64::MAX)));
            }
            prop_assert!(kept.is_empty() && kept.free_clusters() == 64);
        }
    }
}
