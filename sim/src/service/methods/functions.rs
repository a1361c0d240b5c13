//! The free functions of vsbackup.h.

use vssim_model::api::{MethodCall, Out, Value};
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;

use super::{Caller, Done};
use crate::plan::ProviderQuestion;
use crate::service::Service;

impl Service {
    pub(super) fn backup_function(&mut self, _: Caller, call: &MethodCall, _: Ticks) -> Result<Done, HResult> {
        match call.method.method.name {
            "IsVolumeSnapshotted" => self.is_volume_snapshotted(call),
            "ShouldBlockRevert" => self.should_block_revert(call),
            // The library frees strings of the caller; there is nothing of it that could be seen.
            "VssFreeSnapshotProperties" => Done::nothing(),
            _ => Err(HResult::E_NOTIMPL),
        }
    }

    /// Whether a volume has shadow copies (nf-vsbackup-isvolumesnapshotted.md). No provider here keeps anybody from defragmenting
    /// or indexing the volume.
    fn is_volume_snapshotted(&mut self, call: &MethodCall) -> Result<Done, HResult> {
        let volume = self.volume(call.text("pwszVolumeName").unwrap_or_default())?;
        for provider in 0..u16::try_from(self.plan.providers.len()).unwrap_or(u16::MAX) {
            let supports =
                self.plan.providers.get(usize::from(provider)).is_some_and(|plan| plan.supports.contains(&volume));
            if supports && !self.unregistered.contains(&provider) {
                self.ask(provider, ProviderQuestion::IsVolumeSnapshotted)?;
            }
        }
        let of_volume = |place: &(u32, usize)| self.shadow(*place).is_some_and(|(_, shadow)| shadow.volume == volume);
        let there = self.all_copies().iter().any(of_volume);
        Done::ok(Out::values([("pbSnapshotsPresent", Value::Flag(there)), ("plSnapshotCapability", Value::Number(0))]))
    }

    /// Whether the volume holds components of a writer that the registry lists under WritersBlockingRevert
    /// (nf-vsbackup-shouldblockrevert.md).
    fn should_block_revert(&self, call: &MethodCall) -> Result<Done, HResult> {
        let volume = self.volume(call.text("wszVolumeName").unwrap_or_default()).map_err(|_| HResult::E_INVALIDARG)?;
        let has_files = |writer: &u16| {
            let components = self.current_metadata(*writer).into_iter().flat_map(|given| given.components.values());
            components.flat_map(|component| component.files.iter()).any(|files| files.volume == volume)
        };
        let blocks = self.plan.blocking_revert.iter().any(has_files);
        Done::ok(Out::values([("pbBlock", Value::Flag(blocks))]))
    }
}
