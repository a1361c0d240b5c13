//! What the rules see of a call, an event, a callback, an object and a set.

use std::collections::BTreeSet;

use vssim_model::api::{
    BackupComponentsCall, BackupType, Call, ComponentName, CreateSnapshotSetCall, Out, SoftwareProviderCall,
};
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, SnapshotSetId, WriterClassId, WriterInstanceId};
use vssim_model::states::{ApplicationLevel, SnapshotState, WriterEvent};
use vssim_model::time::Ticks;
use vssim_model::trace::Consistency;

use super::Mark;

/// A writer, as the header declares it.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Its class.
    pub class: WriterClassId,
    /// Its instances: that of the header, then one for each time that its process began again.
    pub instances: Vec<WriterInstanceId>,
    /// The level at which it freezes.
    pub level: ApplicationLevel,
    /// How long it may stay frozen.
    pub freeze_timeout: Ticks,
}

impl Writer {
    /// Whether this is, or was, an instance of the writer.
    #[must_use]
    pub fn is(&self, instance: WriterInstanceId) -> bool {
        self.instances.contains(&instance)
    }
}

/// What became of the asynchronous operation that a call started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Operation {
    /// When it ended, and how.
    pub ended: Option<(Mark, HResult)>,
    /// When the requester first learned that it had ended, from `Wait` or `QueryStatus`.
    pub awaited: Option<Mark>,
}

/// A call and its return.
#[derive(Clone, Copy, Debug)]
pub struct CallFact<'t> {
    /// Who called.
    pub actor: &'t str,
    /// On which backup components object; 0 for none.
    pub object: u32,
    /// What was called.
    pub call: &'t Call,
    /// When.
    pub begin: Mark,
    /// When it returned.
    pub end: Option<Mark>,
    /// What it returned.
    pub hresult: Option<HResult>,
    /// What came with it.
    pub out: &'t Out,
    /// The operation it started, if it started one.
    pub operation: Option<Operation>,
}

impl<'t> CallFact<'t> {
    /// The method's name.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.call.name().1
    }

    /// The call on the backup components object.
    #[must_use]
    pub fn request(&self) -> Option<&'t BackupComponentsCall> {
        match self.call {
            Call::BackupComponents(call) => Some(call),
            _ => None,
        }
    }

    /// Whether it returned success.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.hresult.is_some_and(HResult::is_success)
    }

    /// Whether it returned failure.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.hresult.is_some_and(HResult::is_failure)
    }

    /// When its operation ended well.
    #[must_use]
    pub fn finished(&self) -> Option<Mark> {
        let (end, code) = self.operation?.ended?;
        (code.is_success() && code != HResult::VSS_S_ASYNC_CANCELLED).then_some(end)
    }

    /// When it failed, at once or as an operation, and with which code. A cancelled operation counts as failed.
    #[must_use]
    pub fn failed(&self) -> Option<(Mark, HResult)> {
        if let (Some(end), Some(code)) = (self.end, self.hresult)
            && code.is_failure()
        {
            return Some((end, code));
        }
        let (end, code) = self.operation?.ended?;
        (code.is_failure() || code == HResult::VSS_S_ASYNC_CANCELLED).then_some((end, code))
    }

    /// The last mark of the call: the end of its operation, else its return, else its beginning.
    #[must_use]
    pub fn last(&self) -> Mark {
        let operation = self.operation.and_then(|operation| operation.ended).map(|(end, _)| end);
        operation.or(self.end).unwrap_or(self.begin)
    }
}

/// Which writer classes an object lets take part.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The only ones, if any were named.
    only: Option<BTreeSet<WriterClassId>>,
    /// Those that were left out.
    left_out: BTreeSet<WriterClassId>,
}

impl Choice {
    /// Whether it lets a class take part.
    #[must_use]
    pub fn lets_in(&self, class: WriterClassId) -> bool {
        !self.left_out.contains(&class) && self.only.as_ref().is_none_or(|only| only.contains(&class))
    }
}

/// One backup components object and the calls on it.
#[derive(Clone, Debug)]
pub struct Object<'t> {
    /// Its number.
    pub number: u32,
    /// Whose it is.
    pub actor: &'t str,
    /// The calls of `IVssBackupComponents` on it, in order.
    pub calls: Vec<CallFact<'t>>,
    /// The set that it made.
    pub set: Option<SnapshotSetId>,
    /// The events to writers behind which it is, in order.
    pub events: Vec<EventFact<'t>>,
}

impl<'t> Object<'t> {
    /// The calls of one method, in order.
    pub fn named<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a CallFact<'t>> {
        self.calls.iter().filter(move |call| call.method() == method)
    }

    /// The first call of a method.
    #[must_use]
    pub fn first(&self, method: &str) -> Option<&CallFact<'t>> {
        self.calls.iter().find(|call| call.method() == method)
    }

    /// The first call of a method that returned success.
    #[must_use]
    pub fn accepted(&self, method: &str) -> Option<&CallFact<'t>> {
        self.calls.iter().find(|call| call.method() == method && call.accepted())
    }

    /// The context in force (BKP-ORD-006: `VSS_CTX_BACKUP`, which is 0, where none was set).
    #[must_use]
    pub fn context(&self) -> u32 {
        self.calls
            .iter()
            .filter(|call| call.accepted())
            .find_map(|call| match call.request() {
                Some(BackupComponentsCall::SetContext { context }) => Some(*context),
                _ => None,
            })
            .unwrap_or(0)
    }

    /// Whether the context keeps writers out: `VSS_VOLSNAP_ATTR_NO_WRITERS` is 0x10.
    #[must_use]
    pub fn writerless(&self) -> bool {
        self.context() & 0x10 != 0
    }

    /// Whether components are selected one by one, as the last SetBackupState has it.
    #[must_use]
    pub fn component_mode(&self) -> bool {
        self.backup_state(|call| match call {
            BackupComponentsCall::SetBackupState { select_components, .. } => Some(*select_components),
            _ => None,
        })
        .unwrap_or(false)
    }

    /// The type of the backup, as the last SetBackupState has it.
    #[must_use]
    pub fn backup_type(&self) -> Option<BackupType> {
        self.backup_state(|call| match call {
            BackupComponentsCall::SetBackupState { backup_type, .. } => Some(*backup_type),
            _ => None,
        })
    }

    fn backup_state<T>(&self, told: impl Fn(&BackupComponentsCall) -> Option<T>) -> Option<T> {
        self.calls.iter().rev().filter(|call| call.accepted()).filter_map(CallFact::request).find_map(told)
    }

    /// The components added explicitly, each with its call.
    pub fn components(&self) -> impl Iterator<Item = (&CallFact<'t>, &'t ComponentName)> {
        self.calls.iter().filter(|call| call.accepted()).filter_map(|call| match call.request() {
            Some(BackupComponentsCall::AddComponent(name)) => Some((call, name)),
            _ => None,
        })
    }

    /// The choice of writer classes (BKP-ORD-011: choices after the gathering count not).
    #[must_use]
    pub fn choice(&self, until: Mark) -> Choice {
        let mut choice = Choice::default();
        for call in self.calls.iter().take_while(|call| call.begin < until).filter(|call| call.accepted()) {
            match call.request() {
                Some(BackupComponentsCall::EnableWriterClasses { classes }) => {
                    choice.only.get_or_insert_default().extend(classes);
                }
                Some(BackupComponentsCall::DisableWriterClasses { classes }) => choice.left_out.extend(classes),
                _ => {}
            }
        }
        choice
    }

    /// Whether the choice of writers lets a class take part.
    #[must_use]
    pub fn lets_in(&self, class: WriterClassId, until: Mark) -> bool {
        self.choice(until).lets_in(class)
    }

    /// The instances that were left out before a mark.
    pub fn disabled_instances(&self, until: Mark) -> impl Iterator<Item = WriterInstanceId> {
        let accepted = self.calls.iter().take_while(move |call| call.begin < until).filter(|call| call.accepted());
        accepted
            .filter_map(|call| match call.request() {
                Some(BackupComponentsCall::DisableWriterInstances { instances }) => Some(instances.iter().copied()),
                _ => None,
            })
            .flatten()
    }

    /// When its first call was made.
    #[must_use]
    pub fn begin(&self) -> Mark {
        self.calls.first().map_or_else(Mark::default, |call| call.begin)
    }

    /// The instances of which a component was added.
    #[must_use]
    pub fn instances(&self) -> BTreeSet<WriterInstanceId> {
        self.components().map(|(_, name)| name.instance).collect()
    }

    /// The metadata documents that `GetWriterMetadata` gave, by SHA-256.
    pub fn documents(&self) -> impl Iterator<Item = (Mark, &'t str)> {
        self.named("GetWriterMetadata").filter_map(|call| match call.out {
            Out::Document(sha256) => Some((call.begin, sha256.as_str())),
            _ => None,
        })
    }

    /// Whether VSS said that the writer had no session left for this backup or restore (LIM-008). Whether that was so,
    /// [`Facts::had_no_session`](super::Facts::had_no_session) answers.
    #[must_use]
    pub fn told_of_no_session(&self, writer: &Writer) -> bool {
        self.calls.iter().any(|call| match call.out {
            Out::WriterStatus(status) => {
                status.failure == HResult::VSS_E_WRITER_STATUS_NOT_AVAILABLE && writer.is(status.instance)
            }
            _ => false,
        })
    }

    /// The events to one writer behind which the object is.
    pub fn events_to<'a>(&'a self, writer: &'a str) -> impl Iterator<Item = &'a EventFact<'t>> {
        self.events.iter().filter(move |event| event.writer == writer)
    }

    /// When the object was released.
    #[must_use]
    pub fn released(&self) -> Option<Mark> {
        self.first("Release").map(|call| call.begin)
    }
}

/// With one of these a backup or restore begins for a writer.
pub(crate) const OPENING: [WriterEvent; 2] = [WriterEvent::PrepareForBackup, WriterEvent::PreRestore];

/// An event and the end of its handler.
#[derive(Clone, Copy, Debug)]
pub struct EventFact<'t> {
    /// The writer.
    pub writer: &'t str,
    /// Which event.
    pub event: WriterEvent,
    /// The set that it names.
    pub set: Option<SnapshotSetId>,
    /// The backup components object behind it.
    pub object: Option<u32>,
    /// The backup components object that its record names.
    pub told: Option<u32>,
    /// When the writer received it.
    pub begin: Mark,
    /// When the handler returned.
    pub end: Option<Mark>,
    /// What the handler returned.
    pub returned: bool,
    /// What it told `SetWriterFailure`.
    pub failure: Option<HResult>,
}

impl EventFact<'_> {
    /// Whether the handler returned and reported no failure of either kind.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        self.end.is_some() && self.returned && self.failure.is_none()
    }

    /// Whether the handler returned false: a fatal error (API-008).
    #[must_use]
    pub const fn fatal(&self) -> bool {
        self.end.is_some() && !self.returned
    }

    /// The records that show the event.
    #[must_use]
    pub fn records(&self) -> [u64; 2] {
        [self.begin.n, self.end.map_or(0, |end| end.n)]
    }
}

/// The calls on a provider in the order in which creation makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of the methods")]
pub enum Step {
    BeginPrepare,
    EndPrepare,
    PreCommit,
    Commit,
    PostCommit,
    PreFinalCommit,
    PostFinalCommit,
    Abort,
    Other,
}

impl Step {
    /// The step of a call, and the set that it names.
    #[must_use]
    pub const fn of(call: &Call) -> (Step, Option<SnapshotSetId>) {
        match call {
            Call::SoftwareProvider(SoftwareProviderCall::BeginPrepareSnapshot { set, .. }) => {
                (Step::BeginPrepare, Some(*set))
            }
            Call::CreateSnapshotSet(call) => match call {
                CreateSnapshotSetCall::EndPrepareSnapshots(set) => (Step::EndPrepare, Some(*set)),
                CreateSnapshotSetCall::PreCommitSnapshots(set) => (Step::PreCommit, Some(*set)),
                CreateSnapshotSetCall::CommitSnapshots(set) => (Step::Commit, Some(*set)),
                CreateSnapshotSetCall::PostCommitSnapshots(set) => (Step::PostCommit, Some(*set)),
                CreateSnapshotSetCall::PreFinalCommitSnapshots(set) => (Step::PreFinalCommit, Some(*set)),
                CreateSnapshotSetCall::PostFinalCommitSnapshots(set) => (Step::PostFinalCommit, Some(*set)),
                CreateSnapshotSetCall::AbortSnapshots(set) => (Step::Abort, Some(*set)),
                _ => (Step::Other, None),
            },
            _ => (Step::Other, None),
        }
    }
}

/// A call of VSS on a provider and its return.
#[derive(Clone, Copy, Debug)]
pub struct CallbackFact<'t> {
    /// The provider.
    pub provider: &'t str,
    /// What was called.
    pub call: &'t Call,
    /// The step of the creation.
    pub step: Step,
    /// The set that it names.
    pub set: Option<SnapshotSetId>,
    /// When.
    pub begin: Mark,
    /// When it returned.
    pub end: Option<Mark>,
    /// What it returned.
    pub hresult: Option<HResult>,
}

impl CallbackFact<'_> {
    /// The method's name.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.call.name().1
    }

    /// The records that show the call.
    #[must_use]
    pub fn records(&self) -> [u64; 2] {
        [self.begin.n, self.end.map_or(0, |end| end.n)]
    }
}

/// A change of a shadow copy's state.
#[derive(Clone, Copy, Debug)]
pub struct StateFact<'t> {
    /// When.
    pub at: Mark,
    /// The shadow copy.
    pub snapshot: SnapshotId,
    /// The original volume.
    pub volume: &'t str,
    /// Before.
    pub from: SnapshotState,
    /// After.
    pub to: SnapshotState,
}

/// One shadow copy set and what happened around its creation.
#[derive(Clone, Debug, Default)]
pub struct SetFacts<'t> {
    /// Its id.
    pub id: SnapshotSetId,
    /// The object that made it.
    pub object: Option<u32>,
    /// The accepted `StartSnapshotSet`.
    pub start: Option<CallFact<'t>>,
    /// The accepted `DoSnapshotSet`, else the first one.
    pub creation: Option<CallFact<'t>>,
    /// The events that name it, in order, and each Abort that names no set but comes from its object.
    pub events: Vec<EventFact<'t>>,
    /// The calls on providers that name it, in order.
    pub callbacks: Vec<CallbackFact<'t>>,
    /// When flush and hold began.
    pub flush: Option<Mark>,
    /// When writes to each volume were held.
    pub holds: Vec<(Mark, &'t str)>,
    /// When release began or the first volume was released.
    pub release: Option<Mark>,
    /// When writes to each volume were released.
    pub releases: Vec<(Mark, &'t str)>,
    /// The commit instants.
    pub commits: Vec<(Mark, SnapshotId, &'t str)>,
    /// The changes of its shadow copies' states.
    pub states: Vec<StateFact<'t>>,
    /// When its hold limit fired.
    pub hold_limit: Option<Mark>,
    /// The writers whose freeze window ran out while it was created.
    pub expired: Vec<(Mark, &'t str)>,
    /// In which state its copies caught each application's data.
    pub consistency: Vec<(Mark, &'t str, Consistency, &'t str)>,
    /// The comparisons with the reference copy: when, which copy, blocks that differ.
    pub compared: Vec<(Mark, SnapshotId, u64)>,
}

impl<'t> SetFacts<'t> {
    /// The events of one kind.
    pub fn of(&self, event: WriterEvent) -> impl Iterator<Item = &EventFact<'t>> {
        self.events.iter().filter(move |fact| fact.event == event)
    }

    /// The events to one writer.
    pub fn events_to<'a>(&'a self, writer: &'a str) -> impl Iterator<Item = &'a EventFact<'t>> {
        self.events.iter().filter(move |fact| fact.writer == writer)
    }

    /// The calls of one step.
    pub fn step(&self, step: Step) -> impl Iterator<Item = &CallbackFact<'t>> {
        self.callbacks.iter().filter(move |call| call.step == step)
    }

    /// The first event of that kind to that writer.
    #[must_use]
    pub fn event_to(&self, writer: &str, event: WriterEvent) -> Option<&EventFact<'t>> {
        self.events.iter().find(|fact| fact.event == event && fact.writer == writer)
    }

    /// The writers that take part in the creation: those that were sent PrepareForSnapshot or Freeze.
    #[must_use]
    pub fn participants(&self) -> BTreeSet<&'t str> {
        self.events
            .iter()
            .filter(|fact| matches!(fact.event, WriterEvent::PrepareForSnapshot | WriterEvent::Freeze))
            .map(|fact| fact.writer)
            .collect()
    }

    /// The original volumes, as far as the trace names them.
    #[must_use]
    pub fn volumes(&self) -> BTreeSet<&'t str> {
        self.states.iter().map(|state| state.volume).collect()
    }

    /// The first mark at which a shadow copy of the set reached a state.
    #[must_use]
    pub fn reached(&self, state: SnapshotState) -> Option<Mark> {
        self.states.iter().find(|fact| fact.to == state).map(|fact| fact.at)
    }
}
