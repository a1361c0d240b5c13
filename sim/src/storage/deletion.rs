//! Deleting shadow copies: whichever of a volume's copies goes, the others show what they showed.
//!
//! ```text
//!  older ──► goes ──► newer ──► live volume      what `older` read in the one that goes becomes its own: ranges, descriptors, and only
//!    └───────────────► newer                     then the catalog entries of the one that goes are taken out
//! ```

use std::sync::Arc;

use vssim_model::ids::SnapshotId;

use super::diff_area::{AreaFull, AreaHost};
use super::host::Host;
use super::journal::Mark;
use super::snapshot::SnapshotView;
use super::words::Bitmap;
use super::{Storage, StorageError, Volume};

impl Storage {
    /// Deletes a shadow copy, whichever of its volume's copies it is, and gives the copies that were lost with it: all older ones,
    /// when there is no room to keep for them what they read from this one.
    ///
    /// # Errors
    /// When there is no such copy.
    pub fn delete_snapshot(&mut self, id: SnapshotId) -> Result<Vec<SnapshotId>, StorageError> {
        let (at, copy) = self.snapshot_at(id)?;
        let mut lost = Vec::new();
        self.remove_snapshot(at, copy, &mut lost);
        Ok(lost)
    }

    /// Removes a copy. Copies that cannot be kept without it are removed first and added to `lost`.
    pub(super) fn remove_snapshot(&mut self, at: usize, copy: usize, lost: &mut Vec<SnapshotId>) {
        let mut copy = copy;
        let id = self.volumes[at].snapshots[copy].id;
        self.devices().mark(|_| Some(Mark::Ending(id)));
        if copy > 0 && self.hand_over(at, copy).is_err() {
            while copy > 0 {
                lost.push(self.volumes[at].snapshots[0].id);
                self.remove_snapshot(at, 0, lost);
                copy -= 1;
            }
        }
        let volume = &mut self.volumes[at];
        let mut gone = volume.snapshots.remove(copy);
        if copy == volume.snapshots.len() {
            let none = Bitmap::new(volume.store.blocks());
            let older = copy.checked_sub(1).and_then(|older| volume.snapshots.get_mut(older));
            volume.pending = match older {
                Some(older) => std::mem::replace(&mut Arc::make_mut(older).pending, none),
                None => none,
            };
        } else {
            forget_needs(volume, copy);
        }
        let mut devices = self.devices();
        if let Some(entries) = gone.entries {
            let host = devices.volumes[at].area.host;
            devices.remove_entries(at, entries.copy, host, entries.store);
        }
        let mut host = Host::new(&mut devices, at, None);
        Arc::make_mut(&mut gone).area.clear(&mut host);
        host.done(at);
    }

    /// Gives the next older copy what it reads through the copy that goes.
    fn hand_over(&mut self, at: usize, copy: usize) -> Result<(), AreaFull> {
        self.keep_forwarded(at, copy - 1)?;
        let snapshots = &mut self.volumes[at].snapshots;
        let (mut gone, mut older) = (Arc::clone(&snapshots[copy]), Arc::clone(&snapshots[copy - 1]));
        let (gone_copy, older_copy) = (Arc::make_mut(&mut gone), Arc::make_mut(&mut older));
        let moving: Vec<(u64, u64)> =
            gone_copy.area.saved().filter(|&(block, _)| older_copy.pending.get(block)).collect();
        let mut spare = gone_copy.area.take_spare();
        let mut devices = self.devices();
        let mut host = Host::new(&mut devices, at, None);
        let adopted = older_copy.area.adopt(&moving, &mut spare, &mut host);
        for place in spare {
            host.release(place);
        }
        if adopted.is_ok() {
            for &(block, _) in &moving {
                gone_copy.area.take(block);
                older_copy.pending.put(block, false);
            }
        }
        host.done(at);
        let volume = &mut self.volumes[at];
        volume.snapshots[copy] = gone;
        volume.snapshots[copy - 1] = older;
        if adopted.is_ok() {
            moving.iter().for_each(|&(block, _)| volume.touched.note(block));
        }
        adopted
    }

    /// Saves in a copy's own area what it says lies at another block of the next newer copy.
    pub(super) fn keep_forwarded(&mut self, at: usize, copy: usize) -> Result<(), AreaFull> {
        let moved: Vec<u64> = self.volumes[at].snapshots[copy].area.forwarded().map(|(block, _)| block).collect();
        for block in moved {
            let source = SnapshotView { volumes: &self.volumes, volume: at, at: copy }.place(block);
            let mut snapshot = Arc::clone(&self.volumes[at].snapshots[copy]);
            let mut devices = self.devices();
            let mut host = Host::new(&mut devices, at, Some(source));
            let saved = Arc::make_mut(&mut snapshot).area.save(block, &mut host);
            host.done(at);
            let volume = &mut self.volumes[at];
            if copy + 1 == volume.snapshots.len() {
                volume.pending.put(block, false);
            } else {
                Arc::make_mut(&mut snapshot).pending.put(block, false);
            }
            volume.snapshots[copy] = snapshot;
            saved?;
        }
        Ok(())
    }
}

/// After the copy before `from` is gone, the newer ones need not save any more what it alone needed.
fn forget_needs(volume: &mut Volume, from: usize) {
    let newest = volume.snapshots.len() - 1;
    for at in from..=newest {
        let mut needed = volume.snapshots[at].owned.clone();
        if let Some(older) = at.checked_sub(1) {
            needed.add(&volume.snapshots[older].pending);
        }
        if at == newest {
            volume.pending.keep(&needed);
        } else {
            Arc::make_mut(&mut volume.snapshots[at]).pending.keep(&needed);
        }
    }
}
