//! What a provider does by default, and what it says of volumes it cannot take.

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_model::hresult::HResult;
use vssim_model::tables::ProviderCallback;
use vssim_model::time::Ticks;

use super::{Frame, Output, ScriptRef, Turn};
use crate::message::{KernelRequest, Request};
use crate::plan::{ActorId, Op, Script, Span};

impl Turn<'_> {
    /// What IsVolumeSupported says of a volume that the provider does not support.
    pub(super) fn not_supported(&self) -> Option<HResult> {
        let asked = ScriptRef::Callback(ProviderCallback::IsVolumeSupported);
        let (ActorId::Provider(index), Some((_, Some(volume)))) = (self.id, self.task.about) else { return None };
        let plan = self.around.plan.providers.get(usize::from(index))?;
        let asked = matches!(self.task.frames.last(), Some(Frame::Script(script, _)) if *script == asked);
        (asked && !plan.supports.contains(&volume)).then_some(HResult::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER)
    }

    /// What BeginPrepareSnapshot says of a volume that has as many shadow copies as it may have (LIM-005).
    pub(super) fn at_limit(&self) -> Option<HResult> {
        let asked = ScriptRef::Callback(ProviderCallback::BeginPrepareSnapshot);
        let asked = matches!(self.task.frames.last(), Some(Frame::Script(script, _)) if *script == asked);
        (asked && self.around.full).then_some(HResult::VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED)
    }

    /// Commits the volumes of the set one after the other, with a pause between them.
    pub(super) fn commit(&mut self, index: u16, rested: bool, gap: Span) -> Option<Output> {
        let Some(&volume) = self.around.volumes.get(usize::from(index)) else {
            self.task.frames.pop();
            self.step();
            return None;
        };
        if index > 0 && !rested && gap.max > Ticks::ZERO {
            return Some(Output::Wait(self.duration(gap)));
        }
        let set = self.task.about.map_or(u32::MAX, |(set, _)| set);
        Some(Output::Call(ActorId::Kernel, Request::Kernel(KernelRequest::Commit { set, volume })))
    }
}

/// What a well-behaved system provider does at each callback, each taking so long.
#[must_use]
pub fn system_provider(takes: impl Fn(ProviderCallback) -> Span) -> BTreeMap<ProviderCallback, Script> {
    use ProviderCallback as C;
    let script = |step: C| {
        let mut ops = vec![Op::Takes(takes(step))];
        match step {
            C::EndPrepareSnapshots => ops.push(Op::PrepareStorage),
            C::CommitSnapshots => ops.push(Op::Commit { gap: Span::default() }),
            C::PreFinalCommitSnapshots => ops.push(Op::MakeWritable),
            C::PostFinalCommitSnapshots => ops.push(Op::MakeReadOnly),
            C::AbortSnapshots | C::DeleteSnapshots => ops.push(Op::Drop),
            _ => {}
        }
        ops.retain(|op| *op != Op::Takes(Span::default()));
        ops.push(Op::Answer(HResult::S_OK));
        (step, Arc::from(ops))
    };
    <C as vssim_model::tables::Symbol>::ALL.iter().copied().map(script).collect()
}
