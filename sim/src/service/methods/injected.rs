//! Failures of resources that a caller orders: memory that is not there.
//!
//! ```text
//!   the call ──► a copy of the service tries it ──► what it would have returned
//!       └──► the service refuses it ──► the code that was ordered
//! ```
//!
//! The service decides at the head of the call, so it does nothing and has nothing to take back. Only a call that would have
//! succeeded shows anything; so a copy tries it, and is thrown away. That the machine is the same afterwards is compared by
//! the world (`crate::proof`).

use vssim_model::api::MethodCall;
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;

use super::Caller;
use crate::service::{Effect, Service};

impl Service {
    /// What the call would return if nobody made it fail; none if it would answer later.
    pub(crate) fn would_return(&self, caller: Caller, call: &MethodCall, now: Ticks) -> Option<HResult> {
        let mut copy = self.clone();
        copy.effects.clear();
        copy.method_called(caller, &MethodCall { injected: None, ..call.clone() }, now);
        copy.effects.iter().find_map(|effect| match effect {
            Effect::Return(slot, code, _) if *slot == caller.slot => Some(*code),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vssim_model::api::{BackupComponentsCall, Call};

    use super::*;
    use crate::choices::Seeded;
    use crate::fixture::{Small, small};
    use crate::plan::{ActorId, OpenChoices};
    use crate::run::build;

    /// A requester's object, created and initialized.
    fn service() -> Service {
        let plan = Arc::new(
            small(Small { writers: 1, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap(),
        );
        let mut service = build(&plan, &mut Seeded::new(1)).unwrap().service;
        for call in
            [BackupComponentsCall::CreateVssBackupComponents, BackupComponentsCall::InitializeForBackup { xml: None }]
        {
            service.requester_calls(0, 0, 1, &Call::BackupComponents(call), Ticks::ZERO);
        }
        service.take_effects();
        service
    }

    fn caller() -> Caller {
        Caller { actor: ActorId::Requester(0), slot: 3, object: 1, delivery: None }
    }

    fn call(method: &str) -> MethodCall {
        MethodCall::new(vssim_model::catalogue::find(method).unwrap())
    }

    #[test]
    fn a_call_that_is_ordered_to_fail_does_nothing_and_wants_nothing_done() {
        let mut service = service();
        let before = service.digest();
        let call =
            MethodCall { injected: Some(HResult::E_OUTOFMEMORY), ..call("IVssBackupComponents::StartSnapshotSet") };
        assert_eq!(service.would_return(caller(), &call, Ticks::ZERO), Some(HResult::S_OK));
        service.method_called(caller(), &call, Ticks::ZERO);
        assert_eq!(service.digest(), before);
        let effects = service.take_effects();
        assert!(matches!(effects.as_slice(), [Effect::Return(3, HResult::E_OUTOFMEMORY, _)]), "{effects:?}");
    }

    #[test]
    fn what_a_call_would_answer_is_told_before_it_is_made() {
        let service = service();
        let would = |method: &str| service.would_return(caller(), &call(method), Ticks::ZERO);
        assert_eq!(would("IVssBackupComponents::DoSnapshotSet"), Some(HResult::VSS_E_BAD_STATE));
        // It answers when its volumes have been asked for.
        assert_eq!(would("IVssBackupComponents::AddToSnapshotSet"), Some(HResult::E_INVALIDARG));
    }

    /// Without this the comparison would prove nothing.
    #[test]
    fn what_a_call_does_changes_the_digest() {
        for (method, object) in [
            ("IVssBackupComponents::StartSnapshotSet", 1),
            ("IVssBackupComponents::GatherWriterMetadata", 1),
            ("CreateVssBackupComponents", 0),
        ] {
            let mut service = service();
            let before = service.digest();
            service.method_called(Caller { object, ..caller() }, &call(method), Ticks::ZERO);
            assert_ne!(service.digest(), before, "{method}");
        }
    }
}
