//! When a diff area finds no room, or its volume is gone: which shadow copies are lost, in which order, and why.
//!
//! ```text
//!  a first copy finds no place
//!    ├─ the limit is reached ─────► the oldest copy goes … ─► only one is left: at risk, then it goes too
//!    ├─ the volume is full ─► at risk, the oldest copy goes … ────────────────► the last one goes too
//!    └─ growth comes too late, an I/O failure ─────────────────────────────────► all go at once
//! ```
//!
//! The write that wanted the place lands in any case: Windows' default protection level is that of the original volume
//! (`VSS_PROTECTION_LEVEL_ORIGINAL_VOLUME`). What happened stands in the [`WriteReport`], in the order in which volsnap tells it.

use std::fmt;

use vssim_model::context::Attributes;
use vssim_model::ids::{SnapshotId, VolumeId};

use super::host::Host;
use super::io::WriteReport;
use super::store_area::StoreArea;
use super::{Snapshot, Storage, StorageError};

/// Why a diff area cannot take another block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AreaFault {
    /// The maximum that was set for the association is reached.
    Limit,
    /// The volume that holds it has no free block.
    NoSpace,
    /// It did not grow as fast as the volume was written to.
    TooSlow,
    /// A write to the volume that holds it failed.
    IoFailure,
}

impl fmt::Display for AreaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AreaFault::Limit => "its maximum size is reached",
            AreaFault::NoSpace => "the volume that holds it is full",
            AreaFault::TooSlow => "it did not grow in time",
            AreaFault::IoFailure => "a write to the volume that holds it failed",
        })
    }
}

/// What became of the shadow copies of a volume, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AreaEvent {
    /// The diff area cannot grow: all copies are at risk.
    AtRisk(AreaFault),
    /// The oldest copy was deleted to make room.
    OldestDeleted(SnapshotId),
    /// All copies that were left are lost, oldest first.
    Aborted {
        /// Why.
        fault: AreaFault,
        /// The copies.
        copies: Vec<SnapshotId>,
    },
}

/// What the forced dismount of a volume cost another one, or the volume itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dismounted {
    /// The volume whose copies are lost.
    pub volume: VolumeId,
    /// Whether its diff area lay on the dismounted volume. Otherwise it is that volume itself, with its area elsewhere.
    pub held_area: bool,
    /// The copies, oldest first, and those that were prepared.
    pub copies: Vec<SnapshotId>,
}

impl Storage {
    /// Makes the diff area of a shadow copy to come, as [`Storage::prepare_snapshot`] does. Where the maximum stands in the way, the
    /// oldest copies of the volume are deleted until there is room; a full volume costs none, for a requester may delete copies and
    /// try again.
    ///
    /// # Errors
    /// As [`Storage::prepare_snapshot`].
    pub fn prepare_in_place_of_oldest(
        &mut self,
        volume: VolumeId,
        id: SnapshotId,
        report: &mut WriteReport,
    ) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        loop {
            let prepared = self.prepare_snapshot(volume, id);
            let of = &self.volumes[at];
            let need = of.area.initial.max(StoreArea::overhead(of.blocks()));
            let helps = need <= of.area.maximum && !of.snapshots.is_empty();
            if prepared != Err(StorageError::AreaFull(AreaFault::Limit)) || !helps {
                return prepared;
            }
            self.delete_oldest(at, report);
        }
    }

    /// The committed copies of a volume that clients can reach (`VSS_VOLSNAP_ATTR_CLIENT_ACCESSIBLE`), oldest first.
    ///
    /// # Errors
    /// When there is no such volume.
    pub fn client_accessible(&self, volume: VolumeId) -> Result<impl Iterator<Item = SnapshotId> + '_, StorageError> {
        let accessible = |copy: &&Snapshot| {
            let commit = copy.commit();
            Attributes(commit.context | commit.attributes).contains(Attributes::CLIENT_ACCESSIBLE)
        };
        Ok(self.snapshots(volume)?.filter(accessible).map(Snapshot::id))
    }

    /// Dismounts a volume by force: every diff area on it is gone, and with it the copies that it was for; so are the volume's own
    /// copies. The volume itself is mounted again at its next use.
    ///
    /// # Errors
    /// When there is no such volume.
    pub fn dismount(&mut self, volume: VolumeId) -> Result<Vec<Dismounted>, StorageError> {
        let gone = self.volume_at(volume)?;
        let mut found = Vec::new();
        for at in 0..self.volumes.len() {
            let held_area = self.volumes[at].area.host == gone;
            if !held_area && at != gone {
                continue;
            }
            let mut copies = self.abort_all(at);
            let prepared: Vec<SnapshotId> = self.volumes[at].prepared().collect();
            for id in prepared {
                self.abort_snapshot(id)?;
                copies.push(id);
            }
            if !copies.is_empty() {
                found.push(Dismounted { volume: self.volumes[at].id(), held_area, copies });
            }
        }
        Ok(found)
    }

    /// Plants or removes the fault of a volume on which no write of VSS's own succeeds.
    ///
    /// # Errors
    /// When there is no such volume.
    pub fn set_failing(&mut self, volume: VolumeId, failing: bool) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        self.volumes[at].failing = failing;
        Ok(())
    }

    /// Plants or removes the fault of a volume whose diff area does not grow in time.
    ///
    /// # Errors
    /// When there is no such volume.
    pub fn set_slow_growth(&mut self, volume: VolumeId, slow: bool) -> Result<(), StorageError> {
        let at = self.volume_at(volume)?;
        self.volumes[at].slow = slow;
        Ok(())
    }

    /// Why the diff area of a volume cannot be written at all, if it cannot.
    pub(super) fn area_broken(&self, at: usize) -> Option<AreaFault> {
        let host = self.volumes.get(self.volumes[at].area.host)?;
        host.failing.then_some(AreaFault::IoFailure)
    }

    /// A first copy found no place: one copy of the volume goes, or all of them.
    pub(super) fn make_way(&mut self, at: usize, fault: AreaFault, report: &mut WriteReport) {
        let left = self.volumes[at].snapshots.len();
        let last = left <= 1;
        let warns = fault == AreaFault::NoSpace || fault == AreaFault::Limit && last;
        if warns && !std::mem::replace(&mut self.volumes[at].area.at_risk, true) {
            report.events.push(AreaEvent::AtRisk(fault));
        }
        let all = matches!(fault, AreaFault::TooSlow | AreaFault::IoFailure);
        if !last && !all {
            return self.delete_oldest(at, report);
        }
        let copies = self.abort_all(at);
        self.volumes[at].area.at_risk = false;
        if !copies.is_empty() {
            report.lost.extend(&copies);
            report.events.push(AreaEvent::Aborted { fault, copies });
        }
    }

    fn delete_oldest(&mut self, at: usize, report: &mut WriteReport) {
        let Some(oldest) = self.volumes[at].snapshots.first().map(|copy| copy.id()) else { return };
        self.remove_snapshot(at, 0, &mut report.lost);
        report.lost.push(oldest);
        report.events.push(AreaEvent::OldestDeleted(oldest));
    }

    /// Removes all committed copies of a volume, oldest first.
    fn abort_all(&mut self, at: usize) -> Vec<SnapshotId> {
        let copies: Vec<SnapshotId> = self.volumes[at].snapshots.iter().map(|copy| copy.id()).collect();
        let mut lost = Vec::new();
        for _ in &copies {
            self.remove_snapshot(at, 0, &mut lost);
        }
        copies
    }
}

impl Host<'_, '_> {
    /// Why a wish for places was not met, after `got` of the `allowed` were there and `want` were wished for.
    pub(super) fn shortage(want: u64, allowed: u64, got: u64) -> Option<AreaFault> {
        if got < allowed {
            Some(AreaFault::NoSpace)
        } else if got < want {
            Some(AreaFault::Limit)
        } else {
            None
        }
    }
}
