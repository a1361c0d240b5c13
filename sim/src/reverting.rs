//! A volume is locked for its revert, and gets the content of a shadow copy back (docs/choices.md, S-17).

use vssim_model::hresult::HResult;
use vssim_model::ids::SnapshotId;

use crate::storage::Volume;
use crate::unhashed::Unhashed;
use crate::world::{Step, World};

impl World {
    /// Locks a volume, which nobody may use; by force whoever uses it ends.
    pub(crate) fn lock_volume(&mut self, volume: u16, force: bool) -> HResult {
        let Ok(found) = self.storage.volume(self.volume_id(volume)) else { return HResult::E_FAIL };
        if found.gate().is_held() || found.is_failing() {
            return HResult::E_FAIL;
        }
        let adding = found.prepared().next().is_some();
        if !force && (adding || self.is_in_use(volume)) {
            return HResult::VSS_E_VOLUME_IN_USE;
        }
        self.end_applications_on(volume);
        HResult::S_OK
    }

    /// The time of the revert has passed: the volume holds what the shadow copy shows. Newer copies are lost.
    pub(crate) fn revert(&mut self, volume: u16, snapshot: SnapshotId, step: &mut Step<'_>) -> HResult {
        let id = self.volume_id(volume);
        let held = self.storage.volume(id).map(Volume::gate).is_ok_and(|gate| gate.is_held());
        let mut report = std::mem::take(&mut self.kernel.report.0);
        let reverted = self.storage.revert(snapshot, &mut report);
        if reverted.is_err() {
            // The storage is as it was: what the attempt wrote never landed.
            report.clear();
        }
        self.written(volume, &mut report, step);
        self.kernel.report = Unhashed(report);
        match reverted {
            Ok(lost) => {
                if !held {
                    self.watch.landed(volume);
                }
                self.lost(volume, &lost, step);
                HResult::S_OK
            }
            Err(_) => HResult::E_FAIL,
        }
    }
}
