//! Failures of resources that a caller orders: memory that runs out in the middle of a method.
//!
//! ```text
//!   digest ──► the method does all its work ──► it runs out ──► all is taken back ──► digest
//! ```
//!
//! The failure comes as late as it can, so that there is something to take back. Both digests go on record: who counts
//! such failures can see that nothing was changed.

use vssim_model::api::{MethodCall, Out};
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;
use vssim_model::trace::What;

use super::Caller;
use crate::service::{Effect, Service};

impl Service {
    /// The call does its work, runs out of a resource, and takes its work back.
    pub(super) fn runs_out(&mut self, caller: Caller, call: &MethodCall, code: HResult, now: Ticks) {
        let earlier = std::mem::take(&mut self.effects);
        let before = self.digest();
        let reached = self.do_and_undo(|service| {
            let call = MethodCall { injected: None, ..call.clone() };
            service.method_called(caller, &call, now);
            service.effects.iter().find_map(|effect| match effect {
                Effect::Return(slot, code, _) if *slot == caller.slot => Some(*code),
                _ => None,
            })
        });
        let after = self.digest();
        self.effects = earlier;
        let hex = |digest: u128| format!("{digest:032x}");
        self.record(What::TakenBack { reached, before: hex(before), after: hex(after) });
        self.give(caller.slot, code, Out::Nothing);
    }

    /// Does something, with all that it changes and wants done, and takes it back.
    fn do_and_undo<T>(&mut self, work: impl FnOnce(&mut Service) -> T) -> T {
        let saved = self.clone();
        let done = work(self);
        *self = saved;
        done
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
    fn what_a_call_did_before_it_ran_out_is_taken_back_and_both_digests_are_on_record() {
        let mut service = service();
        let before = service.digest();
        let call = call("IVssBackupComponents::StartSnapshotSet");
        service.runs_out(caller(), &call, HResult::E_OUTOFMEMORY, Ticks::ZERO);
        assert_eq!(service.digest(), before);
        let effects = service.take_effects();
        let [
            Effect::Record(_, What::TakenBack { reached, before, after }),
            Effect::Return(3, HResult::E_OUTOFMEMORY, _),
        ] = effects.as_slice()
        else {
            panic!("{effects:?}")
        };
        assert_eq!((*reached, before), (Some(HResult::S_OK), after));
    }

    /// Without this the comparison would prove nothing.
    #[test]
    fn what_is_not_taken_back_changes_the_digest() {
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
