//! DoSnapshotSet: the stages of a creation, and what each of them does.
//!
//! ```text
//! EndPrepareSnapshots → PrepareForSnapshot → Freeze (front end, back end, system, transactions, resource managers)
//!   → PreCommitSnapshots → open volumes → flush and hold → CommitSnapshots → release → PostCommitSnapshots
//!   → thaw transactions → Thaw → PreFinalCommitSnapshots → PostSnapshot → PostFinalCommitSnapshots
//! ```
//!
//! This is the order that Windows Server 2022 recorded. A stage ends when everybody it asked has answered. A failure is
//! looked at there: writes are released, transactions thawed, writers get Abort, then providers AbortSnapshots (S-10).

use vssim_model::api::{Call, CreateSnapshotSetCall};
use vssim_model::hresult::HResult;
use vssim_model::states::{ApplicationLevel, SnapshotState, WriterEvent, WriterState};
use vssim_model::tables::{ProviderCallback, ProviderInput, SnapshotInput};
use vssim_model::time::Ticks;
use vssim_model::trace::{Edge, Phase, What};

use super::operation::Kind;
use super::{Delivery, Effect, Service, Target};
use crate::message::KernelRequest;
use crate::plan::{ActorId, ServiceDefect};

/// A stage of a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named as the protocol names them")]
pub enum Stage {
    BeginPrepareSnapshot,
    EndPrepareSnapshots,
    PrepareForSnapshot,
    BeginFreeze,
    FreezeFront,
    FreezeBack,
    FreezeSystem,
    FreezeTransactions,
    FreezeRm,
    EndFreeze,
    PreCommitSnapshots,
    OpenVolumes,
    FlushAndHold,
    CommitSnapshots,
    Release,
    PostCommitSnapshots,
    ThawTransactions,
    Thaw,
    PreFinalCommitSnapshots,
    PostSnapshot,
    PostFinalCommitSnapshots,
    AbortWriters,
    AbortSnapshots,
}

/// The stages in the order in which Windows passes them.
const ORDER: &[Stage] = &[
    Stage::EndPrepareSnapshots,
    Stage::PrepareForSnapshot,
    Stage::BeginFreeze,
    Stage::FreezeFront,
    Stage::FreezeBack,
    Stage::FreezeSystem,
    Stage::FreezeTransactions,
    Stage::FreezeRm,
    Stage::EndFreeze,
    Stage::PreCommitSnapshots,
    Stage::OpenVolumes,
    Stage::FlushAndHold,
    Stage::CommitSnapshots,
    Stage::Release,
    Stage::PostCommitSnapshots,
    Stage::ThawTransactions,
    Stage::Thaw,
    Stage::PreFinalCommitSnapshots,
    Stage::PostSnapshot,
    Stage::PostFinalCommitSnapshots,
];

impl Stage {
    /// The phase that Windows records while the service is in the stage, and the actor that records it.
    const fn phase(self) -> Option<Phase> {
        match self {
            Stage::PrepareForSnapshot => Some(Phase::PrepareSnapshot),
            Stage::FreezeFront => Some(Phase::FreezeFront),
            Stage::FreezeBack => Some(Phase::FreezeBack),
            Stage::FreezeSystem => Some(Phase::FreezeSystem),
            Stage::FreezeTransactions => Some(Phase::FreezeKtm),
            Stage::FreezeRm => Some(Phase::FreezeRm),
            Stage::ThawTransactions => Some(Phase::ThawKtm),
            Stage::Thaw => Some(Phase::Thaw),
            Stage::PostSnapshot => Some(Phase::PostSnapshot),
            Stage::AbortWriters => Some(Phase::Abort),
            _ => None,
        }
    }

    /// Whether the stage exists only where writers take part.
    const fn needs_writers(self) -> bool {
        self.phase().is_some()
    }

    /// The callback of providers that is the stage, with what it does to a shadow copy before and after.
    const fn callback(self) -> Option<(ProviderCallback, SnapshotInput, SnapshotInput)> {
        use {ProviderCallback as C, SnapshotInput as I};
        match self {
            Stage::EndPrepareSnapshots => Some((C::EndPrepareSnapshots, I::EndPrepareCalled, I::EndPrepareReturned)),
            Stage::PreCommitSnapshots => Some((C::PreCommitSnapshots, I::PreCommitCalled, I::PreCommitReturned)),
            Stage::CommitSnapshots => Some((C::CommitSnapshots, I::CommitCalled, I::CommitReturned)),
            Stage::PostCommitSnapshots => Some((C::PostCommitSnapshots, I::PostCommitCalled, I::PostCommitReturned)),
            Stage::PreFinalCommitSnapshots => {
                Some((C::PreFinalCommitSnapshots, I::PreFinalCommitCalled, I::PreFinalCommitReturned))
            }
            Stage::PostFinalCommitSnapshots => {
                Some((C::PostFinalCommitSnapshots, I::PostFinalCommitCalled, I::PostFinalCommitReturned))
            }
            Stage::AbortSnapshots => Some((C::AbortSnapshots, I::Aborted, I::Aborted)),
            _ => None,
        }
    }

    const fn level(self) -> Option<ApplicationLevel> {
        match self {
            Stage::FreezeFront => Some(ApplicationLevel::FrontEnd),
            Stage::FreezeBack => Some(ApplicationLevel::BackEnd),
            Stage::FreezeSystem => Some(ApplicationLevel::System),
            Stage::FreezeRm => Some(ApplicationLevel::SystemRm),
            _ => None,
        }
    }
}

/// Where a creation stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Creation {
    /// The set.
    pub set: u32,
    /// The stages to come, the next one last.
    pub left: Vec<Stage>,
    /// The stage that runs.
    pub stage: Option<Stage>,
    /// Whether writers take part.
    pub with_writers: bool,
    /// Whether it is being undone.
    pub aborting: bool,
    /// Whether writes were asked to be held and not yet released.
    pub held: bool,
    /// Whether transactions are frozen.
    pub transactions: bool,
}

impl Creation {
    /// A creation about to begin.
    pub(super) fn new(
        set: u32,
        with_writers: bool,
        freezes_transactions: bool,
        has: impl Fn(ServiceDefect) -> bool,
    ) -> Creation {
        let mut order: Vec<Stage> = ORDER.to_vec();
        order.retain(|&stage| with_writers || !stage.needs_writers());
        if !freezes_transactions {
            order.retain(|stage| !matches!(stage, Stage::FreezeTransactions | Stage::ThawTransactions));
        }
        plant(&mut order, has);
        order.reverse();
        Creation { set, left: order, stage: None, with_writers, aborting: false, held: false, transactions: false }
    }

    /// Whether the point in time has passed: from here on a cancellation comes too late (S-22).
    pub(super) fn committed(&self) -> bool {
        !self.left.contains(&Stage::CommitSnapshots)
    }

    /// Whether a failure may still undo the creation.
    fn may_abort(&self) -> bool {
        !self.aborting
    }
}

/// Plants the defects that are changes of the order: these stages come before that one.
fn plant(order: &mut Vec<Stage>, has: impl Fn(ServiceDefect) -> bool) {
    use ServiceDefect as D;
    let moves: [(D, &[Stage], Stage); 13] = [
        (D::EndPrepareAfterWriters, &[Stage::PrepareForSnapshot], Stage::EndPrepareSnapshots),
        (D::FreezeOutOfOrder, &[Stage::FreezeBack], Stage::FreezeFront),
        (D::FreezeBeforePrepare, &[Stage::PrepareForSnapshot], Stage::PreCommitSnapshots),
        (D::PreCommitBeforeFreeze, &[Stage::PreCommitSnapshots], Stage::BeginFreeze),
        (D::HoldBeforeFreeze, &[Stage::OpenVolumes, Stage::FlushAndHold], Stage::BeginFreeze),
        (D::HoldBeforePreCommit, &[Stage::OpenVolumes, Stage::FlushAndHold], Stage::PreCommitSnapshots),
        (D::CommitBeforeHold, &[Stage::CommitSnapshots], Stage::FlushAndHold),
        (D::CommitBeforePreCommit, &[Stage::CommitSnapshots], Stage::PreCommitSnapshots),
        (D::ReleaseBeforeCommit, &[Stage::Release], Stage::CommitSnapshots),
        (D::ThawBeforePostCommit, &[Stage::ThawTransactions, Stage::Thaw], Stage::PostCommitSnapshots),
        (D::PostSnapshotBeforeThaw, &[Stage::PreFinalCommitSnapshots, Stage::PostSnapshot], Stage::Thaw),
        (D::PostSnapshotBeforePreFinalCommit, &[Stage::PostSnapshot], Stage::PreFinalCommitSnapshots),
        (D::PostFinalCommitBeforePostSnapshot, &[Stage::PostFinalCommitSnapshots], Stage::PostSnapshot),
    ];
    for (_, moved, target) in moves.into_iter().filter(|&(defect, ..)| has(defect)) {
        let present: Vec<Stage> = moved.iter().copied().filter(|stage| order.contains(stage)).collect();
        order.retain(|stage| !present.contains(stage));
        let place = order.iter().position(|&stage| stage == target).unwrap_or(0);
        order.splice(place..place, present);
    }
    if has(D::BeginPrepareLate) {
        order.insert(0, Stage::BeginPrepareSnapshot);
    }
    let left_out = [(D::FinishedEarly, Stage::PostFinalCommitSnapshots), (D::NeverReleasesWrites, Stage::Release)];
    for (_, stage) in left_out.into_iter().filter(|&(defect, _)| has(defect)) {
        order.retain(|&present| present != stage);
    }
}

impl Service {
    fn creation_mut(&mut self, operation: u32) -> Option<&mut Creation> {
        match &mut self.operations.get_mut(operation)?.kind {
            Kind::Create(creation) => Some(creation),
            _ => None,
        }
    }

    /// Ends the stage that ran and begins the next one. False when there is none.
    pub(super) fn next_stage(&mut self, operation: u32, now: Ticks) -> bool {
        let Some(running) = self.operations.get_mut(operation) else { return false };
        let failure = running.failure;
        let stop = failure.is_some() || running.cancelled;
        let Kind::Create(creation) = &mut running.kind else { return false };
        let set = creation.set;
        if let Some(stage) = creation.stage.take() {
            self.leave_stage(stage, set, stop);
        }
        let Some(creation) = self.creation_mut(operation) else { return false };
        if stop && creation.may_abort() {
            let stages = undoing(creation);
            creation.left = stages;
            creation.aborting = true;
            self.plan_abort(operation);
        }
        let Some(creation) = self.creation_mut(operation) else { return false };
        let Some(stage) = creation.left.pop() else { return false };
        creation.stage = Some(stage);
        self.enter_stage(operation, stage, set, now);
        true
    }

    /// Changes an undoing as the planted defects have it.
    fn plan_abort(&mut self, operation: u32) {
        let no_abort = self.has(ServiceDefect::NoAbortToWriters);
        let thaw = self.has(ServiceDefect::ThawAfterAbort);
        let held = self.has(ServiceDefect::NeverReleasesWrites);
        let Some(creation) = self.creation_mut(operation) else { return };
        creation.left.retain(|&stage| !(no_abort && stage == Stage::AbortWriters || held && stage == Stage::Release));
        if thaw {
            creation.left.insert(0, Stage::Thaw);
        }
    }

    fn enter_stage(&mut self, operation: u32, stage: Stage, set: u32, now: Ticks) {
        if let Some(name) = stage.phase() {
            self.phase(name, Edge::Enter);
        }
        let Some(object) = self.operations.get(operation).map(|running| running.object) else { return };
        if let Some((callback, called, _)) = stage.callback() {
            if stage == Stage::CommitSnapshots {
                self.stamp(set, now);
            }
            self.call_providers(Some(operation), set, callback);
            if stage != Stage::AbortSnapshots {
                self.move_shadows(set, called);
            }
        }
        match stage {
            Stage::BeginPrepareSnapshot => self.begin_prepare_late(operation, object, set),
            Stage::BeginFreeze => self.phase(Phase::Freeze, Edge::Enter),
            Stage::EndFreeze => self.phase(Phase::Freeze, Edge::Leave),
            Stage::PrepareForSnapshot => {
                self.raise_to(operation, object, set, WriterEvent::PrepareForSnapshot, WriterState::Stable, None);
            }
            Stage::FreezeFront | Stage::FreezeBack | Stage::FreezeSystem | Stage::FreezeRm => {
                let expected = if self.has(ServiceDefect::FreezeBeforePrepare) {
                    WriterState::Stable
                } else {
                    WriterState::WaitingForFreeze
                };
                self.raise_to(operation, object, set, WriterEvent::Freeze, expected, stage.level());
            }
            Stage::Thaw => self.raise_thaw(operation, object, set),
            Stage::PostSnapshot => {
                let expected = if self.has(ServiceDefect::PostSnapshotBeforeThaw) {
                    WriterState::WaitingForThaw
                } else {
                    WriterState::WaitingForPostSnapshot
                };
                self.raise_to(operation, object, set, WriterEvent::PostSnapshot, expected, None);
            }
            Stage::AbortWriters => self.raise_abort(operation, object),
            Stage::FreezeTransactions => {
                self.note(operation, |creation| creation.transactions = true);
                self.ask_kernel(operation, KernelRequest::FreezeTransactions);
            }
            Stage::ThawTransactions => {
                self.note(operation, |creation| creation.transactions = false);
                self.ask_kernel(operation, KernelRequest::ThawTransactions);
            }
            Stage::OpenVolumes => self.ask_kernel(operation, KernelRequest::OpenVolumes(self.volumes_of(set))),
            Stage::FlushAndHold => {
                self.note(operation, |creation| creation.held = true);
                self.ask_kernel(operation, KernelRequest::FlushAndHold(self.volumes_of(set)));
            }
            Stage::Release => {
                self.note(operation, |creation| creation.held = false);
                self.ask_kernel(operation, KernelRequest::Release);
            }
            _ => {}
        }
    }

    fn leave_stage(&mut self, stage: Stage, set: u32, failed: bool) {
        if let Some((_, _, returned)) = stage.callback()
            && (returned == SnapshotInput::Aborted || !failed)
        {
            self.move_shadows(set, returned);
        }
        if let Some(name) = stage.phase() {
            self.phase(name, Edge::Leave);
        }
    }

    fn note(&mut self, operation: u32, change: impl FnOnce(&mut Creation)) {
        if let Some(creation) = self.creation_mut(operation) {
            change(creation);
        }
    }

    fn phase(&mut self, name: Phase, edge: Edge) {
        self.record(What::Phase { name, edge });
    }

    fn volumes_of(&self, set: u32) -> Vec<u16> {
        self.sets.get(set).map(|set| set.shadows.iter().map(|shadow| shadow.volume).collect()).unwrap_or_default()
    }

    /// All shadow copies of a set carry the same time stamp (SNP-002).
    fn stamp(&mut self, set: u32, now: Ticks) {
        let timestamp = self.plan.start + now.0;
        for shadow in self.sets.get_mut(set).into_iter().flat_map(|set| &mut set.shadows) {
            shadow.committed.0 = now;
            shadow.timestamp.0 = timestamp;
        }
    }

    pub(super) fn ask_kernel(&mut self, operation: u32, request: KernelRequest) {
        let delivery = self.deliver(Some(operation), Target::Kernel);
        self.effect(Effect::Kernel { delivery, request });
    }

    /// A request goes out, and an operation waits for the answer, or nobody.
    pub(super) fn deliver(&mut self, operation: Option<u32>, to: Target) -> u32 {
        let object = operation.and_then(|operation| self.operations.get(operation)).map(|running| running.object);
        self.deliver_of(operation, object, to)
    }

    /// The same, for what belongs to a backup or restore also where nobody waits.
    pub(super) fn deliver_of(&mut self, operation: Option<u32>, object: Option<u32>, to: Target) -> u32 {
        if let Some(running) = operation.and_then(|operation| self.operations.get_mut(operation)) {
            running.outstanding += 1;
        }
        let given_up = false;
        self.deliveries.insert(Delivery { operation, to, failure: None, application: None, object, given_up })
    }

    /// Calls one callback of every provider of the set.
    pub(super) fn call_providers(&mut self, operation: Option<u32>, set: u32, step: ProviderCallback) {
        let Some(found) = self.sets.get(set) else { return };
        let id = found.id.0;
        let call = match step {
            ProviderCallback::EndPrepareSnapshots => CreateSnapshotSetCall::EndPrepareSnapshots(id),
            ProviderCallback::PreCommitSnapshots => CreateSnapshotSetCall::PreCommitSnapshots(id),
            ProviderCallback::CommitSnapshots => CreateSnapshotSetCall::CommitSnapshots(id),
            ProviderCallback::PostCommitSnapshots => CreateSnapshotSetCall::PostCommitSnapshots(id),
            ProviderCallback::PreFinalCommitSnapshots => CreateSnapshotSetCall::PreFinalCommitSnapshots(id),
            ProviderCallback::PostFinalCommitSnapshots => CreateSnapshotSetCall::PostFinalCommitSnapshots(id),
            _ => CreateSnapshotSetCall::AbortSnapshots(id),
        };
        for provider in found.providers.keys().copied().collect::<Vec<u16>>() {
            let delivery = self.deliver(operation, Target::Provider(provider, step));
            let call = Call::CreateSnapshotSet(call.clone());
            self.effect(Effect::Callback { delivery, provider, call, step, set, volume: None });
        }
    }

    /// Moves every shadow copy of a set and puts the change on record.
    pub(super) fn move_shadows(&mut self, set: u32, input: SnapshotInput) {
        let count = self.sets.get(set).map_or(0, |set| set.shadows.len());
        for index in 0..count {
            self.move_shadow(set, index, input);
        }
    }

    pub(super) fn move_shadow(&mut self, set: u32, index: usize, input: SnapshotInput) {
        let running = self.is_creating(set);
        let Some(found) = self.sets.get_mut(set) else { return };
        let id = found.id.0;
        let Some(shadow) = found.shadows.get_mut(index) else { return };
        let from = shadow.state;
        if input == SnapshotInput::EndPrepareReturned
            && self.plan.defects.contains(&ServiceDefect::SnapshotStateSkipped)
        {
            shadow.state = SnapshotState::PreCommitted;
            let (snapshot, volume, to) = (shadow.id.0, shadow.volume, shadow.state);
            let Some(volume) = self.plan.volumes.get(usize::from(volume)).map(|volume| volume.name.clone()) else {
                return;
            };
            return self.record(What::SnapshotState { set: id, snapshot, volume, from, to });
        }
        let Ok(to) = self.plan.tables.snapshot.step(from, input, |_| running).state(from) else { return };
        shadow.state = to;
        let (snapshot, volume) = (shadow.id.0, shadow.volume);
        let Some(volume) = self.plan.volumes.get(usize::from(volume)).map(|volume| volume.name.clone()) else { return };
        if from != to {
            self.record(What::SnapshotState { set: id, snapshot, volume, from, to });
        }
    }

    /// Whether DoSnapshotSet runs for the set.
    pub(super) fn is_creating(&self, set: u32) -> bool {
        self.operations
            .iter()
            .any(|(_, operation)| matches!(&operation.kind, Kind::Create(creation) if creation.set == set))
    }

    /// A provider returned: only documented codes are passed on (PRV-ERR-001 to PRV-ERR-003).
    pub(super) fn provider_returned(
        &mut self,
        provider: u16,
        step: ProviderCallback,
        code: HResult,
        operation: Option<u32>,
    ) {
        let id = self.plan.providers.get(usize::from(provider)).map(|plan| plan.id);
        let known = HResult::PROVIDER_CODES.contains(&code);
        if step == ProviderCallback::IsVolumeSupported {
            self.provider_supports(provider, code, operation);
            return;
        }
        self.move_provider(provider, step, code == HResult::S_OK, operation);
        if code == HResult::S_OK || step == ProviderCallback::AbortSnapshots {
            return;
        }
        if let Some(id) = id {
            self.log(vssim_model::event_log::provider_error(id, step.name(), code));
        }
        if self.has(ServiceDefect::ProviderFailureIgnored) && step != ProviderCallback::BeginPrepareSnapshot {
            return;
        }
        let passed_on = known || self.has(ServiceDefect::ProviderCodePassedOn);
        let seen = if passed_on { code } else { HResult::VSS_E_UNEXPECTED_PROVIDER_ERROR };
        if let Some(running) = operation.and_then(|operation| self.operations.get_mut(operation)) {
            running.failure.get_or_insert(seen);
        }
    }

    fn move_provider(&mut self, provider: u16, step: ProviderCallback, success: bool, operation: Option<u32>) {
        let Some(set) = operation.and_then(|operation| self.set_of(operation)) else { return };
        let creating = self.is_creating(set);
        let Some(found) = self.sets.get_mut(set) else { return };
        let of_provider = |shadow: &&super::Shadow| {
            shadow.provider == provider && shadow.state != vssim_model::states::SnapshotState::Deleted
        };
        let last = found.shadows.iter().filter(of_provider).count() <= 1;
        let Some(state) = found.providers.get_mut(&provider) else { return };
        let input = if success { ProviderInput::Succeeded(step) } else { ProviderInput::Failed(step) };
        let holds = |guard| match guard {
            vssim_model::tables::ProviderGuard::EndPrepareCalled => creating,
            vssim_model::tables::ProviderGuard::CreationRunning => creating,
            vssim_model::tables::ProviderGuard::LastOfSet => last,
        };
        if let Ok(to) = self.plan.tables.provider.step(*state, input, holds).state(*state) {
            *state = to;
        }
    }

    fn set_of(&self, operation: u32) -> Option<u32> {
        let running = self.operations.get(operation)?;
        match &running.kind {
            Kind::Create(creation) => Some(creation.set),
            Kind::Delete(deletion) => Some(deletion.set),
            _ => self.objects.get(running.object)?.set,
        }
    }

    /// The kernel is done, or gave up.
    pub(super) fn kernel_returned(&mut self, code: HResult, operation: Option<u32>) {
        if code == HResult::VSS_E_FLUSH_WRITES_TIMEOUT && self.has(ServiceDefect::HoldExpiryIgnored) {
            return;
        }
        let Some(running) = operation.and_then(|operation| self.operations.get_mut(operation)) else { return };
        if code.is_failure() {
            running.failure.get_or_insert(code);
        }
    }

    /// The kernel let go of the writes by itself, because 10 s had passed (TIM-005).
    pub fn hold_cancelled(&mut self, code: HResult) {
        let ignored = self.has(ServiceDefect::HoldExpiryIgnored);
        for (_, running) in self.operations.iter_mut() {
            if let Kind::Create(creation) = &mut running.kind
                && creation.held
            {
                creation.held = false;
                if !ignored {
                    running.failure.get_or_insert(code);
                }
            }
        }
    }

    /// What is left to do when DoSnapshotSet ends: the lock is free again (BKP-ORD-050), the set is there or gone.
    pub(super) fn creation_ended(&mut self, object: u32, creation: &mut Creation, success: bool) {
        if self.lock == Some(creation.set) && !self.has(ServiceDefect::LockKept) {
            self.lock = None;
            self.record(What::CreationLock { holder: None });
        }
        if success {
            if self.has(ServiceDefect::FinishedEarly) {
                self.move_shadows(creation.set, SnapshotInput::PostFinalCommitCalled);
                self.call_providers(None, creation.set, ProviderCallback::PostFinalCommitSnapshots);
                self.move_shadows(creation.set, SnapshotInput::PostFinalCommitReturned);
            }
            self.effect(Effect::Compare(creation.set));
            self.effect(Effect::Examine(creation.set));
        } else {
            self.sets.remove(creation.set);
            if let Some(object) = self.objects.get_mut(object) {
                object.set = None;
            }
        }
    }

    /// Records a phase of the kernel's side of the service.
    pub fn kernel_phase(&mut self, name: Phase, edge: Edge) {
        self.effect(Effect::Record(ActorId::Kernel, What::Phase { name, edge }));
    }
}

/// The stages that undo a creation, the next one last.
fn undoing(creation: &Creation) -> Vec<Stage> {
    let mut stages = vec![Stage::AbortSnapshots];
    if creation.with_writers {
        stages.push(Stage::AbortWriters);
    }
    if creation.transactions {
        stages.push(Stage::ThawTransactions);
    }
    if creation.held {
        stages.push(Stage::Release);
    }
    stages
}
