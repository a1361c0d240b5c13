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
            // NULL, and what is no text, names no volume (docs/choices.md, `null-pointers`).
            "IsVolumeSupported" if call.text("pwszVolumeName").is_none() => Err(HResult::VSS_E_OBJECT_NOT_FOUND),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vssim_model::api::{BackupComponentsCall, Call, Value};
    use vssim_model::catalogue::find;
    use vssim_model::trace::What;

    use super::*;
    use crate::choices::Seeded;
    use crate::fixture::{Small, small};
    use crate::plan::{ActorId, Argument, MethodOp, Op, OpenChoices, RequesterPlan, Template};
    use crate::run::{build, run};

    /// The object in use is left alone by a call on another pointer (docs/choices.md, S-01).
    #[test]
    fn a_call_on_what_is_no_backup_components_object_is_refused() {
        let mut plan =
            small(Small { writers: 1, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap();
        let call = |call| Op::Backup { call: Template::Call(call), keep: None };
        let method = find("IVssBackupComponents::GatherWriterMetadata").unwrap();
        let on = Some(Argument::Value(Value::Object { object: 4711 }));
        let gather = MethodOp { method, on, arguments: Vec::new(), injected: None, step: 0, save: None };
        let initialize = BackupComponentsCall::InitializeForBackup { xml: None };
        let create = BackupComponentsCall::CreateVssBackupComponents;
        let script = [call(create), call(initialize), Op::Method(gather.into())].into();
        plan.requesters = vec![RequesterPlan { name: "Backup".into(), starts: Ticks::ZERO, script }];
        let (_, trace) = run(&Arc::new(plan), 1).unwrap();
        let codes: Vec<HResult> = trace
            .records
            .iter()
            .filter_map(|record| if let What::Return { hresult, .. } = &record.what { Some(*hresult) } else { None })
            .collect();
        assert_eq!(codes, [HResult::S_OK, HResult::S_OK, HResult::VSS_E_BAD_STATE]);
        assert!(!trace.records.iter().any(|record| matches!(record.what, What::Event { .. })), "nobody is asked");
    }

    /// The page of IsVolumeSupported has no E_INVALIDARG.
    #[test]
    fn what_is_no_name_names_no_volume() {
        let small = small(Small { writers: 1, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap();
        let service = build(&Arc::new(small), &mut Seeded::new(1)).unwrap().service;
        for given in [Value::Null, Value::Number(7), Value::Flag(true), Value::text("X:\\")] {
            let mut service = service.clone();
            for call in [
                BackupComponentsCall::CreateVssBackupComponents,
                BackupComponentsCall::InitializeForBackup { xml: None },
            ] {
                service.requester_calls(0, 0, 1, &Call::BackupComponents(call), Ticks::ZERO);
            }
            let mut call = MethodCall::new(find("IVssBackupComponents::IsVolumeSupported").unwrap());
            call.arguments.insert("pwszVolumeName".to_owned(), given.clone());
            let caller = Caller { actor: ActorId::Requester(0), slot: 3, object: 1, delivery: None };
            let code = service.would_return(caller, &call, Ticks::ZERO);
            assert_eq!(code, Some(HResult::VSS_E_OBJECT_NOT_FOUND), "{given:?}");
        }
    }
}
