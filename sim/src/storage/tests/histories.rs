//! Random histories, held against naive files and full copies, found again on their disks, and damaged.

use super::*;

#[derive(Clone, Debug)]
pub(in crate::storage) enum Step {
    Create(u8, u32),
    Write { file: u8, offset: u32, length: u32, byte: u8 },
    Resize(u8, u32),
    Delete(u8),
    Take,
    WriteCopy { copy: u8, file: u8, offset: u32, length: u32, byte: u8 },
    DeleteFromCopy { copy: u8, file: u8 },
    Drop(u8),
    Revert(u8),
    TakeOther,
    WriteOther { offset: u32, byte: u8 },
}

pub(in crate::storage) fn step() -> impl Strategy<Value = Step> {
    let (file, byte) = (0_u8..6, 1_u8..);
    prop_oneof![
        3 => (file.clone(), 0_u32..60_000).prop_map(|(file, size)| Step::Create(file, size)),
        8 => (file.clone(), 0_u32..60_000, 1_u32..40_000, byte.clone())
            .prop_map(|(file, offset, length, byte)| Step::Write { file, offset, length, byte }),
        1 => (file.clone(), 0_u32..90_000).prop_map(|(file, size)| Step::Resize(file, size)),
        2 => file.clone().prop_map(Step::Delete),
        5 => Just(Step::Take),
        2 => (any::<u8>(), file.clone(), 0_u32..60_000, 1_u32..40_000, byte.clone())
            .prop_map(|(copy, file, offset, length, byte)| Step::WriteCopy { copy, file, offset, length, byte }),
        1 => (any::<u8>(), file).prop_map(|(copy, file)| Step::DeleteFromCopy { copy, file }),
        2 => any::<u8>().prop_map(Step::Drop),
        1 => any::<u8>().prop_map(Step::Revert),
        1 => Just(Step::TakeOther),
        2 => (0_u32..200_000, byte).prop_map(|(offset, byte)| Step::WriteOther { offset, byte }),
    ]
}

/// A history beside which every file of every copy is kept as plain bytes.
pub(in crate::storage) struct History {
    pub(in crate::storage) storage: Storage,
    copies: Vec<(SnapshotId, Vec<Option<Vec<u8>>>)>,
    live: Vec<Option<Vec<u8>>>,
    next: u128,
    report: WriteReport,
    other: FileId,
}

impl History {
    pub(in crate::storage) fn new(host: VolumeId, maximum: Option<u64>) -> History {
        let mut storage = machine(40);
        area(&mut storage, host, 1, 2, maximum);
        let other = storage.create_file(D, "other", 240_000).unwrap();
        let report = WriteReport::default();
        History { storage, copies: Vec::new(), live: vec![None; 6], next: 1, report, other }
    }

    fn name(file: u8) -> String {
        format!(r"folder\file{file}")
    }

    fn find(&self, file: u8) -> Option<FileId> {
        self.storage.volume(C).unwrap().files().find(&History::name(file))
    }

    fn take(&mut self, volume: VolumeId) -> Option<SnapshotId> {
        let id = snapshot(self.next);
        self.next += 1;
        self.storage.prepare_snapshot(volume, id).ok()?;
        self.storage.commit_snapshot(id, 0).unwrap();
        Some(id)
    }

    pub(in crate::storage) fn apply(&mut self, step: &Step) {
        match *step {
            Step::Create(file, size) => {
                if self.storage.create_file(C, &History::name(file), u64::from(size)).is_ok() {
                    assert!(self.live[file as usize].replace(vec![0; size as usize]).is_none());
                }
            }
            Step::Write { file, offset, length, byte } => {
                let Some(id) = self.find(file) else { return };
                let bytes = vec![byte; length as usize];
                if self.storage.write_file(C, id, u64::from(offset), &bytes, &mut self.report).is_ok() {
                    put(self.live[file as usize].as_mut().unwrap(), offset, &bytes);
                }
            }
            Step::Resize(file, size) => {
                let Some(id) = self.find(file) else { return };
                if self.storage.set_file_size(C, id, u64::from(size)).is_ok() {
                    self.live[file as usize].as_mut().unwrap().resize(size as usize, 0);
                }
            }
            Step::Delete(file) => {
                let Some(id) = self.find(file) else { return };
                self.storage.delete_file(C, id).unwrap();
                self.live[file as usize] = None;
            }
            Step::Take => {
                if let Some(id) = self.take(C) {
                    self.copies.push((id, self.live.clone()));
                }
            }
            Step::TakeOther => drop(self.take(D)),
            Step::WriteOther { offset, byte } => {
                let bytes = [byte; 30_000];
                self.storage.write_file(D, self.other, u64::from(offset), &bytes, &mut self.report).unwrap();
            }
            Step::WriteCopy { copy, file, offset, length, byte } => self.write_copy(copy, file, offset, length, byte),
            Step::DeleteFromCopy { copy, file } => {
                let Some((id, files)) = pick(&mut self.copies, copy) else { return };
                self.storage.set_writable(*id, true).unwrap();
                let Some(found) = self.storage.view(*id).unwrap().files().find(&History::name(file)) else { return };
                self.storage.delete_snapshot_file(*id, found).unwrap();
                files[file as usize] = None;
            }
            Step::Drop(copy) => {
                let Some((id, _)) = pick(&mut self.copies, copy) else { return };
                let id = *id;
                let lost = self.storage.delete_snapshot(id).unwrap();
                self.copies.retain(|(other, _)| *other != id && !lost.contains(other));
            }
            Step::Revert(copy) => self.revert(copy),
        }
        let lost = std::mem::take(&mut self.report.lost);
        self.copies.retain(|(id, _)| !lost.contains(id));
    }

    /// The files of the copy are those of the volume then; newer copies are gone.
    fn revert(&mut self, copy: u8) {
        let Some((id, files)) = pick(&mut self.copies, copy).cloned() else { return };
        match self.storage.revert(id, &mut self.report) {
            Ok(lost) => {
                self.live = files;
                let newer = self.copies.iter().skip_while(|(other, _)| *other != id).skip(1);
                assert!(newer.clone().all(|(other, _)| lost.contains(other)));
                self.copies.retain(|(other, _)| !lost.contains(other));
            }
            Err(why) => return assert_eq!(why, StorageError::NoSpace),
        }
        for file in 0..6 {
            let found = self.find(file);
            assert_eq!(found.is_some(), self.live[file as usize].is_some());
            let (Some(found), Some(expected)) = (found, &self.live[file as usize]) else { continue };
            let mut bytes = vec![0; expected.len()];
            assert_eq!(self.storage.read_file(C, found, 0, &mut bytes), Ok(expected.len()));
            assert!(bytes == *expected, "file {file}");
        }
    }

    fn write_copy(&mut self, copy: u8, file: u8, offset: u32, length: u32, byte: u8) {
        let Some((id, files)) = pick(&mut self.copies, copy) else { return };
        let id = *id;
        self.storage.set_writable(id, true).unwrap();
        let Some(found) = self.storage.view(id).unwrap().files().find(&History::name(file)) else { return };
        let bytes = vec![byte; length as usize];
        match self.storage.write_snapshot_file(id, found, u64::from(offset), &bytes) {
            Ok(()) => put(files[file as usize].as_mut().unwrap(), offset, &bytes),
            // The part that found room is written; the copy still equals its reference, but the naive file does not know it.
            Err(StorageError::AreaFull(_)) => {
                let lost = self.storage.delete_snapshot(id).unwrap();
                self.copies.retain(|(other, _)| *other != id && !lost.contains(other));
            }
            Err(why) => assert_eq!(why, StorageError::NoSpace),
        }
    }

    fn check(&self) {
        for volume in self.storage.volumes() {
            for copy in self.storage.snapshots(volume.id()).unwrap() {
                let found = self.storage.compare(copy.id()).unwrap().unwrap();
                assert_eq!(found.different, 0, "{found:?}");
                assert_eq!(found.compared + found.excluded_vss + found.excluded_free, volume.blocks());
                // The other way round: every block left out is provably VSS's own or free in the table of the commit.
                for block in (0..volume.blocks()).filter(|&block| !copy.owned.get(block)) {
                    let expected =
                        if copy.vss.get(block) { BlockVerdict::ExcludedVss } else { BlockVerdict::ExcludedFree };
                    assert_eq!(self.storage.compare_block(copy.id(), block), Ok(Some(expected)));
                }
            }
        }
        let names: Vec<SnapshotId> = self.storage.snapshots(C).unwrap().map(Snapshot::id).collect();
        assert_eq!(names, self.copies.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        for (id, files) in &self.copies {
            let view = self.storage.view(*id).unwrap();
            for (file, bytes) in files.iter().enumerate() {
                match bytes {
                    Some(bytes) => {
                        assert!(content(view, &History::name(file as u8)) == *bytes, "copy {id} file {file}");
                    }
                    None => assert_eq!(view.files().find(&History::name(file as u8)), None),
                }
            }
        }
    }
}

fn pick<T>(list: &mut [T], at: u8) -> Option<&mut T> {
    let length = list.len().max(1);
    list.get_mut(usize::from(at) % length)
}

fn put(bytes: &mut Vec<u8>, offset: u32, new: &[u8]) {
    let end = offset as usize + new.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[offset as usize..end].copy_from_slice(new);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_copy_of_a_random_history_equals_its_full_copy(
        steps in proptest::collection::vec(step(), 1..50),
        on_itself in any::<bool>(),
        plain in any::<bool>(),
        maximum in proptest::option::of(STORE..60),
    ) {
        let mut history = History::new(if on_itself { C } else { D }, maximum);
        // The naive diff area has to give the same copies.
        history.storage.set_layout(if plain { Layout::Plain } else { Layout::Windows });
        let mut touched = Vec::new();
        for step in steps {
            let before = history.storage.clone();
            history.apply(&step);
            history.check();
            history.storage.take_touched(C, &mut touched).unwrap();
            // A block nobody touched shows in every surviving copy what it showed before.
            for copy in history.storage.snapshots(C).unwrap() {
                let (now, Ok(then)) = (history.storage.view(copy.id()).unwrap(), before.view(copy.id())) else { continue };
                for block in (0..40).filter(|block| copy.owned.get(*block) && !touched.contains(block)) {
                    let same = now.block(block) == then.block(block);
                    prop_assert!(same, "block {block}");
                }
            }
        }
        while let Some((id, _)) = history.copies.first() {
            let lost = history.storage.delete_snapshot(*id).unwrap();
            history.copies.remove(0);
            history.copies.retain(|(id, _)| !lost.contains(id));
        }
        prop_assert_eq!(history.storage.volume(C).unwrap().area_allocated(), 0);
    }
}

#[test]
fn what_a_revert_saves_takes_no_place_that_it_has_yet_to_fill() {
    let mut history = History::new(C, None);
    // A file of the second copy grows into a place that the third copy's structures have on the volume; the revert makes that
    // place free before it writes the file's first block, which the first copy needs saved.
    let steps = [
        Step::Create(5, 8193),
        Step::Create(0, 20_481),
        Step::Take,
        Step::Take,
        Step::Take,
        Step::WriteCopy { copy: 1, file: 5, offset: 0, length: 24_577, byte: 1 },
        Step::Take,
        Step::Revert(1),
    ];
    for step in &steps {
        history.apply(step);
        history.check();
    }
    assert_eq!(history.copies.len(), 2);
}

/// A machine whose volumes have the bytes of another one's, and the shadow copies that lie there.
fn attached(storage: &Storage, maximum: Option<u64>) -> (Storage, Attached) {
    let mut found = machine(40);
    let host = storage.area(C).unwrap().host;
    area(&mut found, host, 1, 2, maximum);
    for volume in storage.volumes() {
        found.load(volume.id(), volume, None).unwrap();
    }
    let attached = found.attach().unwrap();
    (found, attached)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn copies_are_found_again_on_their_disks_and_live_on(
        steps in proptest::collection::vec(step(), 1..50),
        later in proptest::collection::vec((0..40 * BLOCK_BYTES, 1..60_000_usize, any::<u8>()), 0..12),
        deleted in any::<u8>(),
        on_itself in any::<bool>(),
        maximum in proptest::option::of(STORE..60),
    ) {
        let mut history = History::new(if on_itself { C } else { D }, maximum);
        for step in steps {
            history.apply(&step);
        }
        let storage = &mut history.storage;
        let ids: Vec<SnapshotId> = storage.volumes().iter().flat_map(|volume| volume.snapshots.iter().map(|copy| copy.id())).collect();
        for id in &ids {
            storage.set_writable(*id, false).unwrap();
        }
        let (mut found, what) = attached(storage, maximum);
        prop_assert_eq!(&what.given_up, &[]);
        prop_assert_eq!(&what.copies, &ids);
        let same = |found: &Storage| {
            for volume in found.volumes() {
                for copy in found.snapshots(volume.id()).unwrap() {
                    let (now, then) = (found.view(copy.id()).unwrap(), storage.view(copy.id()).unwrap());
                    assert_eq!(copy.commit(), then.snapshot().commit());
                    for block in then.snapshot().owned.iter() {
                        assert!(now.block(block) == then.block(block), "block {block} of {}", copy.id());
                    }
                    assert_eq!(found.compare(copy.id()).unwrap().unwrap().different, 0);
                }
            }
        };
        same(&found);
        let mut report = WriteReport::default();
        for (offset, length, byte) in later {
            let length = length.min((40 * BLOCK_BYTES - offset) as usize);
            let _ = found.write_raw(C, offset, &vec![byte; length], &mut report);
            same(&found);
        }
        if let Some(copy) = ids.get(usize::from(deleted) % ids.len().max(1)) && found.view(*copy).is_ok() {
            found.delete_snapshot(*copy).unwrap();
            same(&found);
        }
        for id in &ids {
            if found.view(*id).is_ok() {
                found.delete_snapshot(*id).unwrap();
            }
        }
        prop_assert_eq!(found.volume(C).unwrap().area_allocated(), 0);
    }
}

/// The bytes of a volume.
fn bytes_of(volume: &Volume) -> Vec<u8> {
    let mut bytes = vec![0; volume.size() as usize];
    volume.store().read(0, &mut bytes).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn structures_from_strangers_are_refused_or_lived_with(
        steps in proptest::collection::vec(step(), 5..40),
        damage in proptest::collection::vec((any::<u16>(), 0..40_u64, 0..BLOCK_SIZE as u64, any::<u8>(), any::<bool>()), 1..6),
        on_itself in any::<bool>(),
    ) {
        let host = if on_itself { C } else { D };
        let mut history = History::new(host, None);
        for step in steps {
            history.apply(&step);
        }
        let mut found = machine(40);
        area(&mut found, host, 1, 2, None);
        for volume in history.storage.volumes() {
            let mut bytes = bytes_of(volume);
            // Mostly into the structures: a number replaced by another one that stands there, or a byte changed.
            let vss: Vec<u64> = volume.files().vss_blocks().iter().collect();
            for &(pick, block, at, byte, copy) in &damage {
                let block = vss.get(usize::from(pick) % vss.len().max(1)).copied().unwrap_or(block);
                let at = (block * BLOCK_BYTES + if copy { at % 1024 / 8 * 8 } else { at }) as usize;
                if copy && at + 16 <= bytes.len() {
                    bytes.copy_within(at + 8..at + 16, at);
                } else {
                    bytes[at] ^= byte;
                }
            }
            found.load(volume.id(), &&bytes[..], None).unwrap();
        }
        if found.attach().is_ok() {
            let mut report = WriteReport::default();
            for block in 0..40 {
                let _ = found.write_raw(C, block * BLOCK_BYTES + 100, &[7; 20_000], &mut report);
            }
            let ids: Vec<SnapshotId> = found.volumes().iter().flat_map(|volume| volume.snapshots.iter().map(|copy| copy.id())).collect();
            for id in ids {
                let mut into = [0; 100];
                if let Ok(view) = found.view(id) {
                    view.read(0, &mut into).unwrap();
                    found.delete_snapshot(id).unwrap();
                }
            }
            let _ = found.prepare_snapshot(C, snapshot(1_000));
        }
    }
}

#[test]
fn a_block_that_lies_elsewhere_by_a_forwarder_outlives_writes_to_both() {
    use crate::image::{Copies, NeverCopied, sample};
    let (from, to) = (10, 40);
    let bytes = sample::volume(&[sample::store_of(vec![sample::forwarder(from, to)])]);
    let mut storage = Storage::new();
    let disk = storage.add_disk("disk0", sample::SIZE).unwrap();
    let extents = vec![DiskExtent { disk, offset: 0, length: sample::SIZE }];
    storage.add_volume(VolumeSpec { id: C, mount: None, extents, blocks_a_page: 2 }).unwrap();
    storage.load(C, &&bytes[..], None).unwrap();
    let copy = storage.attach_foreign().unwrap().copies[0];
    let expected = [sample::live(to); BLOCK_SIZE];
    let shown = |storage: &Storage| storage.view(copy).unwrap().block(from).unwrap() == &expected;
    assert!(shown(&storage));
    for block in [from, to] {
        storage.write_raw(C, block * BLOCK_BYTES, &[1; BLOCK_SIZE], &mut WriteReport::default()).unwrap();
        assert!(shown(&storage), "after a write to block {block}");
    }
    let volume = storage.volume(C).unwrap();
    let view = Copies::open(volume, None).unwrap().view(0, NeverCopied::Live).unwrap();
    let mut read = vec![0; BLOCK_SIZE];
    view.read_at(from * BLOCK_BYTES, &mut read).unwrap();
    assert!(read == expected, "on the disk too");
}
