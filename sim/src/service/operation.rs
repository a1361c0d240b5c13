//! Operations: what an asynchronous or slow method does between its call and its end.
//!
//! An operation sends requests and counts the answers that are outstanding; when none is, it goes on.

use vssim_model::api::Out;
use vssim_model::hresult::HResult;
use vssim_model::states::WriterEvent;
use vssim_model::tables::{Operation as Ending, ProviderCallback, RequesterInput};
use vssim_model::time::Ticks;
use vssim_model::trace::{Edge, Phase, What};

use super::creation::Creation;
use super::ending::Closing;
use super::methods::Deletion;
use super::{Async, Effect, Service};
use crate::message::Slot;
use crate::plan::{ActorId, ServiceDefect};

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Whose.
    pub object: u32,
    /// Who learns of the end.
    pub reply: ReplyTo,
    /// What it does.
    pub kind: Kind,
    /// How many answers are outstanding.
    pub outstanding: u32,
    /// The failure that it will report.
    pub failure: Option<HResult>,
    /// Whether it has yet to begin: another operation of the object comes to its end first.
    pub parked: bool,
    /// Whether IVssAsync::Cancel, AbortBackup or the end of the requester asked it to stop.
    pub cancelled: bool,
}

/// Who learns of the end of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplyTo {
    /// An IVssAsync, by index.
    Async(u32),
    /// A call that has not returned yet.
    Call(Slot),
    /// Nobody: the requester is gone.
    Nobody,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// GatherWriterMetadata: Identify to every enabled writer.
    GatherMetadata,
    /// PrepareForBackup: one writer after the other; those still to be asked, the next one last.
    PrepareForBackup(Vec<u16>),
    /// GatherWriterStatus.
    GatherStatus,
    /// DoSnapshotSet.
    Create(Creation),
    /// BackupComplete.
    BackupComplete,
    /// IsVolumeSupported: the providers still to be asked, the next one last.
    IsSupported(Search),
    /// AddToSnapshotSet: the same, then BeginPrepareSnapshot.
    AddVolume(Search),
    /// AddToSnapshotSet, once a provider is found: BeginPrepareSnapshot runs.
    BeginPrepare(Search),
    /// DeleteSnapshots: one shadow copy after the other.
    Delete(Deletion),
    /// AbortBackup.
    Abort,
    /// PreRestore: to every writer with a selected component.
    PreRestore,
    /// PostRestore: to every writer whose PreRestore went well.
    PostRestore,
    /// Release, or the end of the process.
    Close(Closing),
}

/// Looking for a provider for a volume.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Search {
    /// The volume.
    pub volume: u16,
    /// Whether the requester named the provider.
    pub named: bool,
    /// The providers still to be asked, the next one last.
    pub candidates: Vec<u16>,
    /// The provider that supports the volume.
    pub found: Option<u16>,
}

impl Kind {
    /// The phase that the requester's side of Windows records for the method.
    const fn phase(&self) -> Option<Phase> {
        match self {
            Kind::GatherMetadata => Some(Phase::Identify),
            Kind::PrepareForBackup(_) => Some(Phase::PrepareBackup),
            Kind::GatherStatus => Some(Phase::GetState),
            Kind::Create(_) => Some(Phase::DoSnapshot),
            Kind::BackupComplete => Some(Phase::BackupComplete),
            _ => None,
        }
    }

    /// Which ending of the requester's table this operation has.
    const fn ending(&self) -> Option<Ending> {
        match self {
            Kind::GatherMetadata => Some(Ending::GatherWriterMetadata),
            Kind::PrepareForBackup(_) => Some(Ending::PrepareForBackup),
            Kind::Create(_) => Some(Ending::DoSnapshotSet),
            Kind::BackupComplete => Some(Ending::BackupComplete),
            Kind::PreRestore => Some(Ending::PreRestore),
            Kind::PostRestore => Some(Ending::PostRestore),
            _ => None,
        }
    }
}

impl Service {
    /// Starts an operation whose method answers with an IVssAsync at once.
    pub(super) fn start_async(&mut self, slot: Slot, object: u32, kind: Kind, now: Ticks) {
        let Some(requester) = self.objects.get(object).map(|object| object.requester) else { return };
        let index = u32::try_from(self.asyncs.len()).unwrap_or(u32::MAX);
        let id = vssim_model::api::AsyncId(index + 1);
        self.asyncs.push(Async {
            id,
            requester,
            outcome: HResult::VSS_S_ASYNC_PENDING,
            operation: None,
            waiting: Vec::new(),
        });
        if let Some(name) = kind.phase() {
            self.effect(Effect::Record(ActorId::Requester(requester), What::Phase { name, edge: Edge::Enter }));
        }
        self.give(slot, HResult::S_OK, Out::Async(id));
        let operation = self.start(object, ReplyTo::Async(index), kind);
        if let Some(started) = self.asyncs.get_mut(index as usize) {
            started.operation = Some(operation);
        }
        self.begin(operation, now);
    }

    /// Starts an operation whose method returns when it ends.
    pub(super) fn start_call(&mut self, slot: Slot, object: u32, kind: Kind, now: Ticks) {
        let operation = self.start(object, ReplyTo::Call(slot), kind);
        self.begin(operation, now);
    }

    pub(super) fn start(&mut self, object: u32, reply: ReplyTo, kind: Kind) -> u32 {
        self.operations.insert(Operation {
            object,
            reply,
            kind,
            outstanding: 0,
            failure: None,
            parked: false,
            cancelled: false,
        })
    }

    /// The first requests of an operation.
    pub(super) fn begin(&mut self, operation: u32, now: Ticks) {
        let Some(started) = self.operations.get(operation) else { return };
        let object = started.object;
        match &started.kind {
            Kind::GatherMetadata => self.raise_identify(operation, object),
            Kind::GatherStatus => self.gather_status(object),
            Kind::BackupComplete => self.raise_backup_complete(operation, object),
            Kind::PreRestore => self.raise_pre_restore(operation, object),
            Kind::PostRestore => self.raise_post_restore(operation, object),
            Kind::Abort => {
                let early = self.objects.get(object).and_then(|object| object.set);
                if let (Some(set), true) = (early, self.has(ServiceDefect::AbortSnapshotsEarly)) {
                    self.call_providers(Some(operation), set, ProviderCallback::AbortSnapshots);
                }
                self.raise_abort(operation, object);
            }
            _ => {}
        }
        self.advance_if_answered(operation, now);
    }

    /// One answer less is outstanding.
    pub(super) fn one_less(&mut self, operation: u32, now: Ticks) {
        if let Some(running) = self.operations.get_mut(operation) {
            running.outstanding = running.outstanding.saturating_sub(1);
        }
        self.advance_if_answered(operation, now);
    }

    /// Goes on with an operation that has no answer outstanding.
    pub(super) fn advance_if_answered(&mut self, operation: u32, now: Ticks) {
        while let Some(running) = self.operations.get(operation) {
            if running.outstanding > 0 || running.parked {
                return;
            }
            let object = running.object;
            let more = match running.kind {
                Kind::PrepareForBackup(_) => self.prepare_next_writer(operation, object),
                Kind::Create(_) => self.next_stage(operation, now),
                Kind::IsSupported(_) | Kind::AddVolume(_) => self.ask_next_provider(operation),
                Kind::BeginPrepare(_) => self.volume_added(operation),
                Kind::Close(_) => self.next_closing(operation),
                Kind::Delete(_) => self.next_deletion(operation),
                Kind::GatherMetadata
                | Kind::GatherStatus
                | Kind::BackupComplete
                | Kind::PreRestore
                | Kind::PostRestore
                | Kind::Abort => false,
            };
            if !more {
                self.finish(operation, now);
                return;
            }
        }
    }

    /// PrepareForBackup goes to the writers one after the other, as recorded on Windows Server 2022.
    fn prepare_next_writer(&mut self, operation: u32, object: u32) -> bool {
        let Some(running) = self.operations.get_mut(operation) else { return false };
        let Kind::PrepareForBackup(left) = &mut running.kind else { return false };
        if running.cancelled {
            return false;
        }
        let Some(writer) = left.pop() else { return false };
        self.raise(Some(operation), object, writer, WriterEvent::PrepareForBackup, None);
        true
    }

    /// The end of an operation: the object's new state, the outcome, whoever waits for it.
    fn finish(&mut self, operation: u32, now: Ticks) {
        let endless = self.has(ServiceDefect::OperationNeverEnds);
        if endless && self.operations.get(operation).is_some_and(|running| running.kind == Kind::BackupComplete) {
            return;
        }
        let Some(mut ended) = self.operations.remove(operation) else { return };
        if self.has(ServiceDefect::AbortedSetCreated) && matches!(ended.kind, Kind::Create(_)) {
            ended.failure = None;
        }
        let success = ended.failure.is_none() && !ended.cancelled;
        let outcome = match (ended.failure, ended.cancelled) {
            (_, true) => HResult::VSS_S_ASYNC_CANCELLED,
            (Some(code), false) => code,
            (None, false) => HResult::VSS_S_ASYNC_FINISHED,
        };
        if let Some(ending) = ended.kind.ending() {
            let input = if success { RequesterInput::Finished(ending) } else { RequesterInput::Failed(ending) };
            self.move_object(ended.object, input);
        }
        if let Kind::Create(creation) = &mut ended.kind {
            self.creation_ended(ended.object, creation, success);
        }
        let aborted = matches!(ended.kind, Kind::Abort);
        let out = self.out_of(ended.object, &ended.kind, success);
        match ended.reply {
            ReplyTo::Async(index) => self.async_ended(index, outcome, ended.kind.phase()),
            ReplyTo::Call(slot) => {
                let code = if ended.cancelled { HResult::S_OK } else { ended.failure.unwrap_or(HResult::S_OK) };
                self.give(slot, code, out);
            }
            ReplyTo::Nobody => {}
        }
        if aborted {
            self.backup_aborted(ended.object);
        }
        if matches!(ended.kind, Kind::Delete(_)) {
            self.forget_empty_sets();
        }
        if let Kind::Close(_) = ended.kind {
            // Nobody waits for an answer that is still to come, and the number may soon be another object's.
            self.give_up(|sent| sent.object == Some(ended.object), now);
            self.objects.remove(ended.object);
            self.held.forget_backup(ended.object);
            self.forget_express();
        } else {
            self.after_end(ended.object, now);
        }
    }

    fn out_of(&self, object: u32, kind: &Kind, success: bool) -> Out {
        match kind {
            Kind::IsSupported(search) => Out::Flag(search.found.is_some()),
            Kind::BeginPrepare(search) if success => {
                let set = self.objects.get(object).and_then(|object| object.set).and_then(|set| self.sets.get(set));
                let shadow = set.and_then(|set| set.shadows.iter().find(|shadow| shadow.volume == search.volume));
                shadow.map_or(Out::Nothing, |shadow| Out::Snapshot(shadow.id.0))
            }
            Kind::Delete(deletion) => self.deleted(deletion),
            _ => Out::Nothing,
        }
    }

    /// An IVssAsync has its outcome: whoever waits for it returns.
    pub(super) fn async_ended(&mut self, index: u32, outcome: HResult, phase: Option<Phase>) {
        let Some(ended) = self.asyncs.get_mut(index as usize) else { return };
        ended.outcome = outcome;
        ended.operation = None;
        let waiting = std::mem::take(&mut ended.waiting);
        let (operation, requester) = (ended.id, ended.requester);
        let actor = ActorId::Requester(requester);
        self.effect(Effect::Record(actor, What::AsyncEnd { operation, hresult: outcome }));
        if let Some(name) = phase {
            self.effect(Effect::Record(actor, What::Phase { name, edge: Edge::Leave }));
        }
        // Wait returns the error of an operation that fails while it is waited for (IVssAsync::Wait).
        let code = if outcome.is_failure() { outcome } else { HResult::S_OK };
        for slot in waiting {
            self.give(slot, code, Out::Nothing);
        }
    }
}
