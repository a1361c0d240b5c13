//! Backup stamps that a requester keeps with its backups and gives back to writers.

use vssim_model::api::{BackupComponentsCall, BackupType};

use super::{Output, Turn};
use crate::plan::ComponentOf;

impl Turn<'_> {
    /// SetPreviousBackupStamp with the stamp of the base backup (INC-028). A component without one is passed over; the requester never
    /// looks into a stamp (INC-022).
    pub(super) fn pass_stamp(&mut self, of: &ComponentOf, backup_type: BackupType) -> Option<Output> {
        let component = self.named(of);
        let base = self.around.store.base(backup_type, &component);
        let Some(stamp) = base.and_then(|(_, stored)| stored.stamp.clone()) else {
            self.step();
            return None;
        };
        Some(self.object_call(BackupComponentsCall::SetPreviousBackupStamp { component, stamp }))
    }
}
