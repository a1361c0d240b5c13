//! What comes after a recovery: the machine goes on, starts again, or loses its power once more in the middle.

use std::collections::BTreeMap;

use vssim_model::ids::{Guid, SnapshotId};

use super::super::block_store::{BLOCK_BYTES, BLOCK_SIZE};
use super::super::snapshot::SnapshotView;
use super::super::{Attached, BlockStore, Interrupted, Storage, StorageError, WriteReport};
use super::choose::{Choice, Open};
use super::disk::Disk;
use super::judge::{Fault, intact, judge, read_as_images};
use super::promises::{Promises, Rule};
use super::{Cuts, Report, lost};

/// How many blocks of a volume are written over when the machine goes on.
const WRITTEN: usize = 3;

impl Cuts {
    /// Looks further at a machine that was recovered and found in order.
    pub(super) fn afterwards(
        &mut self,
        point: usize,
        digest: u128,
        (open, choice): (&[Open], &[usize]),
        crashed: Storage,
        recovered: Storage,
        attached: &Attached,
    ) -> Result<(), Fault> {
        let wrote = (0..self.disks.len()).any(|at| {
            let (before, after) = (&crashed.volumes[at].store, &recovered.volumes[at].store);
            !same_bytes(before, after)
        });
        let goes_on = wrote && self.within.is_none() || self.dice.below(self.settings.goes_on.max(1) as usize) == 0;
        if goes_on && self.settings.goes_on > 0 {
            self.report.went_on += 1;
            read_as_images(&recovered, &self.promises)?;
            start_again(&self.blank, &recovered, &self.promises)?;
            self.go_on(recovered)?;
        }
        let first = self.within.is_none() && wrote && self.recovered.len() < self.settings.recoveries;
        if first && self.recovered.insert(digest) {
            self.cut_recovery(point, open, &choice.to_vec(), crashed, attached);
        }
        Ok(())
    }

    /// The power fails again, at every point of the recovery.
    fn cut_recovery(
        &mut self,
        point: usize,
        open: &[Open],
        choice: &Choice,
        mut crashed: Storage,
        attached: &Attached,
    ) {
        let disks = crashed.volumes.iter().enumerate().map(|(at, volume)| Disk::new(at, &volume.store)).collect();
        crashed.keep_journal();
        let blank = self.blank.clone();
        if crashed.attach().is_err() {
            return;
        }
        let Some(journal) = crashed.journal().cloned() else { return };
        let mut promises = self.promises.clone();
        for (id, why) in &attached.given_up {
            let rule = match why {
                Interrupted::AutoRecovery => Rule::AutoRecovery,
                Interrupted::Deletion => Rule::Deletion,
                Interrupted::Dependent => Rule::Dependent,
            };
            promises.excuse(*id, rule);
        }
        let mut cuts = Cuts {
            blank,
            disks,
            promises,
            settings: self.settings,
            dice: self.dice.clone(),
            known: BTreeMap::new(),
            recovered: std::collections::BTreeSet::new(),
            report: Report::default(),
            within: Some((point, lost(open, choice))),
        };
        cuts.walk(&journal, &mut |_, _| {});
        self.report.recovery_images += cuts.report.images;
        self.report.wrong.extend(cuts.report.wrong);
    }

    /// Writes, takes another copy, writes, deletes: every copy stays right.
    fn go_on(&mut self, mut storage: Storage) -> Result<(), Fault> {
        let mut report = WriteReport::default();
        self.write_some(&mut storage, &mut report)?;
        check(&storage, &self.promises)?;
        storage.keep_references(true);
        let mut next = u128::MAX;
        for at in 0..storage.volumes.len() {
            if storage.volumes[at].snapshots.is_empty() && storage.volumes.len() > 1 && at > 0 {
                continue;
            }
            let (volume, id) = (storage.volumes[at].id(), SnapshotId(Guid(next)));
            next -= 1;
            match storage.prepare_snapshot(volume, id) {
                Ok(()) => storage.commit_snapshot(id, 0).map_err(Fault::Stopped)?,
                Err(StorageError::AreaFull(_)) => {}
                Err(why) => return Err(Fault::Stopped(why)),
            }
        }
        self.write_some(&mut storage, &mut report)?;
        check(&storage, &self.promises)?;
        for at in 0..storage.volumes.len() {
            let count = storage.volumes[at].snapshots.len();
            if count > 1 {
                let id = storage.volumes[at].snapshots[self.dice.below(count)].id;
                storage.delete_snapshot(id).map_err(Fault::Stopped)?;
            }
        }
        self.write_some(&mut storage, &mut report)?;
        check(&storage, &self.promises)?;
        start_again(&self.blank, &storage, &self.promises)
    }

    /// Writes over some blocks that a copy needs.
    fn write_some(&mut self, storage: &mut Storage, report: &mut WriteReport) -> Result<(), Fault> {
        for at in 0..storage.volumes.len() {
            let owned: Vec<u64> = storage.volumes[at].snapshots.iter().flat_map(|copy| copy.owned.iter()).collect();
            let volume = storage.volumes[at].id();
            for _ in 0..WRITTEN.min(owned.len()) {
                let block = owned[self.dice.below(owned.len())];
                let bytes = [self.dice.next() as u8; BLOCK_SIZE];
                match storage.write_raw(volume, block * BLOCK_BYTES, &bytes, report) {
                    Ok(()) | Err(StorageError::VssOwned(_)) => {}
                    Err(why) => return Err(Fault::Stopped(why)),
                }
            }
        }
        Ok(())
    }
}

/// Every copy that is there is right: by the promises, or by the reference that a new one has.
fn check(storage: &Storage, promises: &Promises) -> Result<(), Fault> {
    for (at, volume) in storage.volumes.iter().enumerate() {
        for (index, copy) in volume.snapshots.iter().enumerate() {
            let view = SnapshotView { volumes: &storage.volumes, volume: at, at: index };
            if let Some(promise) = promises.get(copy.id) {
                intact(view, promise, &mut Vec::new())?;
            } else if let Some(found) = storage.compare(copy.id).map_err(Fault::Stopped)?
                && let Some(block) = found.first_different
            {
                return Err(Fault::Block { snapshot: copy.id, volume: volume.id(), block });
            }
        }
    }
    Ok(())
}

/// The machine starts on the bytes that it has now: it finds the same copies and has nothing to end.
fn start_again(blank: &Storage, storage: &Storage, promises: &Promises) -> Result<(), Fault> {
    let mut again = blank.clone();
    for (at, volume) in storage.volumes.iter().enumerate() {
        again.load(again.volumes[at].id(), volume, None).map_err(Fault::Stopped)?;
    }
    let attached = again.attach().map_err(Fault::Unreadable)?;
    if let Some((id, _)) = attached.given_up.first() {
        return Err(Fault::Unfinished(*id));
    }
    let ids = |storage: &Storage| -> Vec<Vec<SnapshotId>> {
        storage.volumes.iter().map(|volume| volume.snapshots.iter().map(|copy| copy.id).collect()).collect()
    };
    let (found, wanted) = (ids(&again), ids(storage));
    for (found, wanted) in found.iter().zip(&wanted) {
        if let Some(id) = wanted.iter().find(|id| !found.contains(id)) {
            return Err(Fault::Missing(*id));
        }
        if let Some(id) = found.iter().find(|id| !wanted.contains(id)) {
            return Err(Fault::Unknown(*id));
        }
    }
    if ids(storage).iter().flatten().all(|id| promises.get(*id).is_some()) {
        judge(&again, &attached, &excused(promises, &again), &mut Vec::new())?;
    }
    Ok(())
}

/// The promises without the copies that are gone by now.
fn excused(promises: &Promises, storage: &Storage) -> Promises {
    let mut promises = promises.clone();
    let gone: Vec<SnapshotId> =
        promises.iter().map(|(id, _)| id).filter(|id| storage.snapshot_at(*id).is_err()).collect();
    gone.into_iter().for_each(|id| promises.excuse(id, Rule::Deletion));
    promises
}

/// Whether two stores of one origin hold the same bytes: blocks that nobody wrote to are the same block.
fn same_bytes(one: &BlockStore, other: &BlockStore) -> bool {
    let mut next = 0;
    while let Some(block) = [one.next_written(next), other.next_written(next)].into_iter().flatten().min() {
        match (one.block(block), other.block(block)) {
            (Some(one), Some(other)) if std::ptr::eq(one, other) || one == other => {}
            _ => return false,
        }
        next = block + 1;
    }
    true
}
