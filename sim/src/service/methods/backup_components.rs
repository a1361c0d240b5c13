//! IVssBackupComponents and its successors: what is not typed.

use vssim_model::api::MethodCall;
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;

use super::{Caller, Done};
use crate::service::Service;

impl Service {
    /// A method that is not typed, or a typed one that was given NULL where its page has no code for it.
    pub(super) fn backup_components_method(
        &mut self,
        caller: Caller,
        call: &MethodCall,
        now: Ticks,
    ) -> Result<Done, HResult> {
        match call.method.method.name {
            "GetWriterComponentsCount" => self.get_writer_components_count(caller),
            "GetWriterComponents" => self.get_writer_components(caller, call),
            "GetWriterStatusEx" => self.get_writer_status_ex(caller, call),
            // docs/choices.md, `null-pointers`.
            "IsVolumeSupported" if call.passes_null("pwszVolumeName") => Err(HResult::VSS_E_OBJECT_NOT_FOUND),
            "IsVolumeSupported" | "EnableWriterClasses" | "DisableWriterClasses" | "DisableWriterInstances" => {
                Err(HResult::E_INVALIDARG)
            }
            "Query" => self.query(caller, call),
            "DeleteSnapshots" => self.delete_snapshots(caller, call, now),
            "BreakSnapshotSet" => self.break_set(caller, call, "SnapshotSetId"),
            "BreakSnapshotSetEx" => self.break_set(caller, call, "SnapshotSetID"),
            "ExposeSnapshot" => self.expose_snapshot(caller, call),
            "UnexposeSnapshot" => self.unexpose_snapshot(caller, call),
            "ImportSnapshots" => self.import_snapshots(caller),
            "RevertToSnapshot" => self.revert_to_snapshot(caller, call),
            "QueryRevertStatus" => self.query_revert_status(caller, call),
            "AddSnapshotToRecoverySet" => self.add_to_recovery_set(caller, call),
            "RecoverSet" => self.recover_set(caller),
            "GetSessionId" => self.session_of_backup(caller, call),
            "GetRootAndLogicalPrefixPaths" => self.prefix_paths(caller, call),
            // Their pages call them reserved.
            "FastRecovery" | "PreFastRecovery" => Err(HResult::E_NOTIMPL),
            // What has a typed form and came here has an argument of another type (docs/choices.md, S-01).
            _ => Err(HResult::E_INVALIDARG),
        }
    }
}
