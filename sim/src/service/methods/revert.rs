//! RevertToSnapshot and QueryRevertStatus: the system provider puts the content of a shadow copy back onto its volume.
//!
//! ```text
//!  RevertToSnapshot ──► the kernel locks the volume ──► S_OK ──► the blocks go back, which takes time ──► the end
//!                            └─► VSS_E_VOLUME_IN_USE, E_FAIL        └── QueryRevertStatus: an IVssAsync
//! ```
//!
//! No page says how a revert goes; docs/choices.md, S-17.

use vssim_model::api::{MethodCall, Out};
use vssim_model::context::Attributes;
use vssim_model::hresult::HResult;
use vssim_model::ids::SnapshotId;
use vssim_model::states::SnapshotState;

use super::snapshots::id_of;
use super::{Caller, Done};
use crate::message::{KernelRequest, Slot};
use crate::plan::ProviderQuestion;
use crate::service::{Effect, Service, Target};
use crate::unhashed::Unhashed;

/// A volume that is being reverted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Revert {
    /// The shadow copy whose content it gets.
    pub snapshot: Unhashed<SnapshotId>,
    /// The IVssAsyncs of QueryRevertStatus, by index.
    pub waiting: Vec<u32>,
}

/// The volume on which Windows runs; paths of the machine say so too.
const SYSTEM_VOLUME: &str = "C:";

impl Service {
    /// RevertToSnapshot (nf-vsbackup-ivssbackupcomponents-reverttosnapshot.md).
    pub(super) fn revert_to_snapshot(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        self.living(caller)?;
        let id = SnapshotId(id_of(call, "SnapshotId")?);
        if !self.plan.release.reverts() {
            return Err(HResult::E_NOTIMPL);
        }
        let found = self.sets.iter().find_map(|(_, set)| {
            let shadow = set.shadows.iter().find(|shadow| shadow.id.0 == id)?;
            (shadow.state == SnapshotState::Created).then_some((set.context, shadow.volume, shadow.provider))
        });
        let (context, volume, provider) = found.ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        if self.unregistered.contains(&provider) {
            return Err(HResult::VSS_E_PROVIDER_NOT_REGISTERED);
        }
        if !Attributes(context).contains(Attributes::PERSISTENT) {
            return Err(HResult::VSS_E_UNSUPPORTED_CONTEXT);
        }
        self.ask_about_revert(provider, ProviderQuestion::RevertToSnapshot)?;
        if !self.can_be_reverted(volume) {
            return Err(HResult::VSS_E_VOLUME_NOT_SUPPORTED);
        }
        if self.reverts.contains_key(&volume) {
            return Err(HResult::VSS_E_REVERT_IN_PROGRESS);
        }
        self.reverts.insert(volume, Revert { snapshot: Unhashed(id), waiting: Vec::new() });
        let delivery = self.deliver(None, Target::RevertLock(volume, caller.slot));
        let request = KernelRequest::LockVolume { volume, force: call.flag("bForceDismount") };
        self.effect(Effect::Kernel { delivery, request });
        Ok(Done::Later)
    }

    /// The kernel locked the volume, or could not.
    pub(in crate::service) fn revert_locked(&mut self, volume: u16, slot: Slot, code: HResult) {
        if code.is_failure() {
            self.reverts.remove(&volume);
            return self.give(slot, code, Out::Nothing);
        }
        self.give(slot, HResult::S_OK, Out::Nothing);
        let Some(snapshot) = self.reverts.get(&volume).map(|revert| revert.snapshot) else { return };
        let delivery = self.deliver(None, Target::Revert(volume));
        self.effect(Effect::Kernel { delivery, request: KernelRequest::Revert { volume, snapshot } });
    }

    /// The volume has its old content, or will not get it.
    pub(in crate::service) fn reverted(&mut self, volume: u16, code: HResult) {
        let outcome = if code.is_failure() { code } else { HResult::VSS_S_ASYNC_FINISHED };
        for index in self.reverts.remove(&volume).map(|revert| revert.waiting).unwrap_or_default() {
            self.async_ended(index, outcome, None);
        }
    }

    /// QueryRevertStatus (nf-vsbackup-ivssbackupcomponents-queryrevertstatus.md). Where nothing is being reverted the operation has
    /// ended already.
    pub(super) fn query_revert_status(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let requester = self.living(caller)?.1.requester;
        let volume = self.volume(call.text("pwszVolume").unwrap_or_default())?;
        if !self.can_be_reverted(volume) {
            return Err(HResult::VSS_E_VOLUME_NOT_SUPPORTED);
        }
        let of_volume = |place: &(u32, usize)| {
            self.shadow(*place).filter(|(_, shadow)| shadow.volume == volume).map(|(_, shadow)| shadow.provider)
        };
        let newest = self.all_copies().iter().rev().find_map(of_volume);
        if let Some(provider) = newest {
            self.ask_about_revert(provider, ProviderQuestion::QueryRevertStatus)?;
        }
        let (index, out) = self.new_async(requester);
        match self.reverts.get_mut(&volume) {
            Some(revert) => revert.waiting.push(index),
            None => self.end_at_once(caller, index, HResult::VSS_S_ASYNC_FINISHED),
        }
        Done::ok(out)
    }

    /// Only the system provider reverts. What a provider fails with is an internal error, unless it has not got the method.
    fn ask_about_revert(&mut self, provider: u16, question: ProviderQuestion) -> Result<(), HResult> {
        let Some(plan) = self.plan.providers.get(usize::from(provider)) else { return Err(HResult::E_NOTIMPL) };
        if !plan.system {
            return Err(HResult::E_NOTIMPL);
        }
        match self.answer_of(provider, question) {
            HResult::E_NOTIMPL => Err(HResult::E_NOTIMPL),
            code if code.is_failure() => Err(HResult::E_FAIL),
            _ => Ok(()),
        }
    }

    /// Windows runs from its volume; and a diff area would be written over with old blocks.
    fn can_be_reverted(&self, volume: u16) -> bool {
        let holds_areas =
            (0_u16..).zip(&self.plan.volumes).any(|(other, plan)| other != volume && plan.diff_area_on == volume);
        let name = self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.as_ref());
        !holds_areas && name.is_some_and(|name| !name.eq_ignore_ascii_case(SYSTEM_VOLUME))
    }
}
