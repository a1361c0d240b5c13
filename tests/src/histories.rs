//! Random histories of machines with shadow copies, for readers of the on-disk format. A number gives one history, always the same.
//!
//! ```text
//!  number ──► kind ──► volumes, files ──► steps: write, delete, take, write into copies, delete copies, move areas ──► storage
//! ```
//!
//! Most histories are short ones of one to three small volumes. Every fiftieth is on volumes of more than 2 GiB, whose bitmaps take
//! several blocks; others have so many copies, or so scattered a diff area, that catalogs and the lists of a store need further
//! blocks. What a verb refuses (a full volume, a full area) is a part of the history; what happened is counted by name.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId, VolumeId};
use vssim_sim::storage::{
    AreaSettings, BLOCK_BYTES, Commit, DiskExtent, FileId, Storage, StorageError, VolumeSpec, WriteReport,
};

use crate::libvshadow::Written;

/// The blocks whose bits stand in one block of a bitmap.
pub const A_BITMAP: u64 = 130_048;

/// What a history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Small volumes, everything mixed.
    Mixed,
    /// A volume of more than 2 GiB.
    Large,
    /// Free blocks lie scattered, so that a store needs more than one block of ranges and of descriptors.
    Scattered,
    /// More copies than a block of the catalog names.
    Many,
}

/// Attributes as Windows gives them to copies of several contexts.
const COMMITS: [(u32, u32); 5] =
    [(0, 0x0042_0000), (9, 0x0042_0009), (0x1d, 0x0002_001d), (0x10, 0x0002_0010), (0x19, 0x0042_0019)];

/// A history that has run.
pub struct History {
    /// Its number.
    pub number: u64,
    /// What it is about.
    pub kind: Kind,
    /// The machine at its end.
    pub storage: Storage,
    /// What happened, by name.
    pub deeds: BTreeMap<&'static str, u64>,
    /// What was written into the copies themselves.
    pub written: Written,
    volumes: Vec<VolumeId>,
    random: ChaCha8Rng,
    ids: u128,
    now: u64,
    report: WriteReport,
}

impl History {
    /// Runs the history of this number.
    #[must_use]
    pub fn run(number: u64) -> History {
        let kind = match number % 50 {
            0 => Kind::Large,
            1 | 26 => Kind::Scattered,
            2 => Kind::Many,
            _ => Kind::Mixed,
        };
        let mut history = History {
            number,
            kind,
            storage: Storage::new(),
            deeds: BTreeMap::new(),
            written: Written::new(),
            volumes: Vec::new(),
            random: ChaCha8Rng::seed_from_u64(number),
            ids: u128::from(number) << 64,
            now: 132_000_000_000_000_000 + number * 1_000_000_000,
            report: WriteReport::default(),
        };
        match kind {
            Kind::Mixed => history.mixed(),
            Kind::Large => history.large(),
            Kind::Scattered => history.scattered(),
            Kind::Many => history.many(),
        }
        history
    }

    fn mixed(&mut self) {
        for _ in 0..self.below(3) + 1 {
            let blocks = match self.below(8) {
                0 => 20 + self.below(30),
                1 => 1_000 + self.below(1_500),
                _ => 90 + self.below(300),
            };
            self.add_volume(blocks);
        }
        self.move_areas();
        self.steps(30);
        for _ in 0..3 {
            self.take_set();
            self.steps(20);
        }
    }

    fn large(&mut self) {
        let blocks = A_BITMAP * (self.number / 50 % 3 + 1) + self.below(3_000) + 1;
        let large = self.add_volume(blocks);
        self.add_volume(100);
        // What is created behind the filler lies where the bits of the last block of the bitmap are.
        let filler = self.storage.create_file(large, "filler", (blocks - 700) * BLOCK_BYTES);
        for name in 0..12 {
            self.create(large, name);
        }
        self.steps(20);
        if let (true, Ok(filler)) = (self.flip(), filler) {
            let _ = self.storage.delete_file(large, filler);
        }
        for _ in 0..4 {
            self.take_set();
            self.steps(25);
        }
    }

    fn scattered(&mut self) {
        let volume = self.add_volume(4_200);
        let settings = AreaSettings { host: volume, initial: 0, step: BLOCK_BYTES, maximum: None };
        let _ = self.storage.set_area(volume, settings);
        let made = (0..1_700).map(|at| self.storage.create_file(volume, &format!("s{at}"), BLOCK_BYTES));
        let files: Vec<FileId> = made.filter_map(Result::ok).collect();
        // What is left is one large hole, which must not be where the area goes.
        let rest = self.storage.volume(volume).map_or(0, |volume| volume.files().free_clusters());
        let _ = self.storage.create_file(volume, "filler", rest.saturating_sub(20) * 4096);
        let kept: Vec<FileId> = files.iter().copied().step_by(2).collect();
        for file in &kept {
            self.write(volume, *file, 0, BLOCK_BYTES);
        }
        for file in files.iter().skip(1).step_by(2) {
            let _ = self.storage.delete_file(volume, *file);
        }
        self.take_set();
        let part = 560 + self.below(200) as usize;
        self.rewrite(volume, &kept[..part]);
        self.take_set();
        self.rewrite(volume, &kept[part - 400..]);
        if self.flip() {
            // The older copy takes over what the newer one saved.
            self.take_set();
            self.delete_copy(volume, 1);
        }
        self.rewrite(volume, &kept[..60]);
    }

    fn rewrite(&mut self, volume: VolumeId, files: &[FileId]) {
        for &file in files {
            let offset = self.below(BLOCK_BYTES - 100);
            self.write(volume, file, offset, 100);
        }
    }

    fn many(&mut self) {
        let (host, other) = (self.add_volume(6_000), self.add_volume(900));
        let small = AreaSettings { host, initial: 0, step: BLOCK_BYTES, maximum: None };
        let _ = self.storage.set_area(host, small);
        let _ = self.storage.set_area(other, small);
        for name in 0..8 {
            self.create(host, name);
            self.create(other, name);
        }
        for _ in 0..140 {
            self.take(&[other]);
            self.write_some(other);
            if self.below(2) == 0 {
                self.take(&[host]);
                self.write_some(host);
            }
            if self.below(9) == 0 {
                self.delete_some_copy(other);
            }
        }
    }

    fn add_volume(&mut self, blocks: u64) -> VolumeId {
        let id = VolumeId(Guid(self.id()));
        let length = blocks * BLOCK_BYTES;
        let name = format!("disk{}", self.volumes.len());
        let added = self.storage.add_disk(&name, length).and_then(|disk| {
            let extents = vec![DiskExtent { disk, offset: 0, length }];
            self.storage.add_volume(VolumeSpec { id, mount: None, extents, blocks_a_page: 4 })
        });
        assert_eq!(added, Ok(()), "a new volume of {blocks} blocks");
        self.volumes.push(id);
        id
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.random.next_u64() % limit.max(1)
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn id(&mut self) -> u128 {
        self.ids += 1;
        u128::from(self.random.next_u64()) << 64 | self.ids
    }

    fn count(&mut self, deed: &'static str) {
        *self.deeds.entry(deed).or_default() += 1;
    }

    fn pick_volume(&mut self) -> VolumeId {
        let at = self.below(self.volumes.len() as u64);
        self.volumes[at as usize]
    }

    fn steps(&mut self, count: u64) {
        for _ in 0..count {
            self.step();
        }
    }

    fn step(&mut self) {
        let volume = self.pick_volume();
        match self.below(40) {
            0..=7 => {
                let name = self.below(20);
                self.create(volume, name);
            }
            8..=21 => self.write_some(volume),
            22..=24 => self.change_file(volume),
            25..=29 => self.take_set(),
            30..=34 => self.write_some_copy(volume),
            35..=36 => self.delete_some_copy(volume),
            37 => self.move_areas(),
            38 => self.write_raw(volume),
            _ => self.leave_prepared(volume),
        }
    }

    /// Bytes of which no two words are alike.
    fn bytes(&mut self, length: u64) -> Vec<u8> {
        let first = self.random.next_u64();
        let words = (0..length.div_ceil(8)).flat_map(|at| first.wrapping_add(at << 7).to_le_bytes());
        words.take(length as usize).collect()
    }

    /// A place and a length: of a few bytes, of sectors, of several blocks; on the edges of sectors or anywhere.
    fn piece(&mut self, size: u64) -> (u64, u64) {
        let length = match self.below(5) {
            0 => 1 + self.below(700),
            1 => 512 * (1 + self.below(20)),
            2 => 4096 * (1 + self.below(9)),
            3 => 1 + self.below(40_000),
            _ => BLOCK_BYTES * (1 + self.below(6)),
        };
        let offset = self.below(size + 9_000);
        match self.below(3) {
            0 => (offset, length),
            1 => (offset / 512 * 512, length),
            _ => (offset / BLOCK_BYTES * BLOCK_BYTES, length),
        }
    }

    fn create(&mut self, volume: VolumeId, name: u64) {
        let path = format!("folder{}\\file{name}", name % 3);
        let size = self.below(90_000);
        match self.storage.create_file(volume, &path, size) {
            Ok(file) if self.flip() => self.write(volume, file, 0, size),
            Ok(_) => self.count("file with nothing written"),
            Err(StorageError::FileExists(_)) => self.write_some(volume),
            Err(_) => self.count("full volume"),
        }
    }

    fn some_file(&mut self, volume: VolumeId) -> Option<(FileId, u64)> {
        let draw = self.random.next_u64();
        let files = self.storage.volume(volume).ok()?.files();
        let at = draw % (files.len() as u64).max(1);
        files.files().nth(at as usize).map(|(id, file)| (id, file.size().min(200_000)))
    }

    fn write(&mut self, volume: VolumeId, file: FileId, offset: u64, length: u64) {
        let bytes = self.bytes(length);
        let written = self.storage.write_file(volume, file, offset, &bytes, &mut self.report);
        self.count(if written.is_ok() { "write" } else { "full volume" });
        self.note_lost();
    }

    fn note_lost(&mut self) {
        if !self.report.lost.is_empty() {
            self.count("copies lost to a full area");
        }
        self.report.clear();
    }

    fn write_some(&mut self, volume: VolumeId) {
        let Some((file, size)) = self.some_file(volume) else { return };
        let (offset, length) = self.piece(size);
        self.write(volume, file, offset, length);
    }

    /// Past the file table: into what a file owns or what is free.
    fn write_raw(&mut self, volume: VolumeId) {
        let size = self.storage.volume(volume).map_or(0, vssim_sim::storage::Volume::size);
        let (offset, length) = self.piece(size);
        let bytes = self.bytes(length);
        if self.storage.write_raw(volume, offset, &bytes, &mut self.report).is_ok() {
            self.count("raw write");
        }
        self.note_lost();
    }

    fn change_file(&mut self, volume: VolumeId) {
        let Some((file, _)) = self.some_file(volume) else { return };
        match self.below(3) {
            0 => {
                let name = format!("renamed{}", self.below(9));
                if self.storage.rename_file(volume, file, &name).is_ok() {
                    self.count("rename");
                }
            }
            1 => {
                let size = self.below(120_000);
                if self.storage.set_file_size(volume, file, size).is_ok() {
                    self.count("resize");
                }
            }
            _ => {
                if self.storage.delete_file(volume, file).is_ok() {
                    self.count("file deleted");
                }
            }
        }
    }

    /// A set of copies of some of the volumes, with what a writer or a requester may do on the way.
    fn take_set(&mut self) {
        let mut volumes = self.volumes.clone();
        volumes.retain(|_| self.below(4) > 0);
        self.take(&volumes);
    }

    fn take(&mut self, volumes: &[VolumeId]) {
        let set = SnapshotSetId(Guid(self.id()));
        let mut prepared = Vec::new();
        for &volume in volumes {
            let id = SnapshotId(Guid(self.id()));
            if self.storage.prepare_snapshot(volume, id).is_ok() {
                prepared.push((volume, id));
            } else {
                self.count("copy not prepared");
            }
        }
        if self.below(4) == 0 {
            for &volume in volumes {
                self.write_some(volume);
            }
        }
        // Times stand still now and then: the copies of a volume have to be told apart all the same.
        self.now += self.below(4) * 3_456_789;
        let (context, attributes) = COMMITS[self.below(COMMITS.len() as u64) as usize];
        for (volume, id) in prepared {
            if self.below(12) == 0 {
                let aborted = self.storage.abort_snapshot(id);
                assert_eq!(aborted, Ok(()), "a prepared copy can be given up");
                self.count("prepared and aborted");
                continue;
            }
            let commit = Commit { created: self.now, set, context, attributes };
            let committed = self.storage.commit_snapshot(id, commit);
            assert_eq!(committed, Ok(()), "a commit does not fail");
            self.count("commit");
            if self.below(3) == 0 {
                self.recover(volume, id);
            }
        }
    }

    /// A copy that is prepared and neither committed nor given up.
    fn leave_prepared(&mut self, volume: VolumeId) {
        let id = SnapshotId(Guid(self.id()));
        if self.below(4) == 0 && self.storage.prepare_snapshot(volume, id).is_ok() {
            self.count("left prepared");
        }
    }

    fn write_some_copy(&mut self, volume: VolumeId) {
        if let Some(id) = self.some_copy(volume) {
            self.recover(volume, id);
        }
    }

    fn some_copy(&mut self, volume: VolumeId) -> Option<SnapshotId> {
        let draw = self.random.next_u64();
        let count = self.storage.volume(volume).ok()?.snapshot_count() as u64;
        let at = draw % count.max(1);
        let mut copies = self.storage.snapshots(volume).ok()?;
        copies.nth(at as usize).map(vssim_sim::storage::Snapshot::id)
    }

    /// Writers change the copy, in its files and anywhere.
    fn recover(&mut self, volume: VolumeId, id: SnapshotId) {
        if self.storage.set_writable(id, true).is_err() {
            return;
        }
        for _ in 0..1 + self.below(4) {
            if self.below(4) == 0 {
                self.write_copy_raw(volume, id);
            } else {
                self.write_copy_file(id);
            }
        }
        if self.below(10) > 0 {
            let closed = self.storage.set_writable(id, false);
            assert_eq!(closed, Ok(()), "a copy can be closed");
        } else {
            self.count("left open for writing");
        }
    }

    fn write_copy_file(&mut self, id: SnapshotId) {
        let draw = self.random.next_u64();
        let Ok(view) = self.storage.view(id) else { return };
        let at = draw % (view.files().len() as u64).max(1);
        let Some((file, size)) = view.files().files().nth(at as usize).map(|(id, file)| (id, file.size())) else {
            return;
        };
        let valid = view.files().file(file).map_or(0, vssim_sim::storage::File::valid);
        let (offset, length) = self.piece(size.min(200_000));
        let bytes = self.bytes(length);
        if self.storage.write_snapshot_file(id, file, offset, &bytes).is_err() {
            self.count("no room in a copy");
            return;
        }
        self.count("overlay");
        let start = valid.min(offset);
        let Ok(view) = self.storage.view(id) else { return };
        let Some(file) = view.files().file(file) else { return };
        let runs = file.runs(start, offset + length - start).map(|run| (run.offset, run.length));
        self.written.entry(id).or_default().extend(runs);
    }

    fn write_copy_raw(&mut self, volume: VolumeId, id: SnapshotId) {
        let size = self.storage.volume(volume).map_or(0, vssim_sim::storage::Volume::size);
        let (offset, length) = self.piece(size);
        let Ok(of) = self.storage.volume(volume) else { return };
        let mut blocks = offset / BLOCK_BYTES..=(offset + length - 1) / BLOCK_BYTES;
        if blocks.any(|block| block >= of.blocks() || of.files().vss_blocks().get(block)) {
            return;
        }
        let bytes = self.bytes(length);
        if self.storage.write_to_snapshot(id, offset, &bytes).is_ok() {
            self.count("raw overlay");
            self.written.entry(id).or_default().push((offset, length));
        }
    }

    fn delete_some_copy(&mut self, volume: VolumeId) {
        let count = self.storage.volume(volume).map_or(0, vssim_sim::storage::Volume::snapshot_count);
        if count > 0 {
            let at = match self.below(3) {
                0 => 0,
                1 => count - 1,
                _ => self.below(count as u64) as usize,
            };
            self.delete_copy(volume, at);
        }
    }

    fn delete_copy(&mut self, volume: VolumeId, at: usize) {
        let copies: Vec<SnapshotId> = match self.storage.snapshots(volume) {
            Ok(copies) => copies.map(vssim_sim::storage::Snapshot::id).collect(),
            Err(_) => return,
        };
        let Some(&id) = copies.get(at) else { return };
        let deleted = self.storage.delete_snapshot(id);
        assert!(deleted.is_ok(), "a copy can be deleted: {deleted:?}");
        self.count(match at {
            0 => "oldest copy deleted",
            _ if at + 1 == copies.len() => "newest copy deleted",
            _ => "copy in the middle deleted",
        });
    }

    /// Says anew where diff areas lie and how large they may be. One that holds copies stays where it is.
    fn move_areas(&mut self) {
        for volume in self.volumes.clone() {
            let host = if self.below(3) == 0 { self.pick_volume() } else { volume };
            let bytes = |blocks: u64| blocks * BLOCK_BYTES;
            let maximum = (self.below(4) == 0).then(|| bytes(8 + self.below(60)));
            let settings =
                AreaSettings { host, initial: bytes(self.below(12)), step: bytes(1 + self.below(6)), maximum };
            match self.storage.set_area(volume, settings) {
                Ok(()) if host != volume => self.count("area on another volume"),
                Ok(()) => self.count("area on its own volume"),
                Err(_) => self.count("area stays where it is"),
            }
        }
    }
}
