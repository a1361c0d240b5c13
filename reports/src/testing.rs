//! Traces for the tests of this crate, written by hand through a tape.

use std::sync::Arc;

use vssim_conformance::{BrokenInvariant, Counts, Finding, Verdict};
use vssim_model::api::{
    AsyncCall, AsyncId, BackupComponentsCall as B, BackupType, Call, ComponentName, CreateSnapshotSetCall as P, Out,
    SoftwareProviderCall, WriterStatus,
};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, ProviderId, SnapshotId, SnapshotSetId, WriterClassId, WriterInstanceId};
use vssim_model::states::{ApplicationLevel, SnapshotState as S, WriterEvent as E, WriterState as W};
use vssim_model::time::Ticks;
use vssim_model::trace::{
    Actor, CallId, Consistency, DocumentKind, Edge, EventLog, EventLogEntry, FORMAT, Header, Io, Phase, Record, Role,
    TimerEdge, TimerName, Trace, What,
};

use crate::Expectation;
use crate::index::Index;
use crate::outcome::{Entry, Outcome};

pub(crate) const SET: SnapshotSetId = SnapshotSetId(Guid(0xdead_beef << 96));
pub(crate) const VOLUMES: [&str; 2] = ["C:", "D:"];

pub(crate) fn copy_of(volume: usize) -> SnapshotId {
    SnapshotId(Guid((0xc0 + volume as u128) << 120))
}

fn writer(n: usize) -> (WriterClassId, WriterInstanceId) {
    (WriterClassId(Guid(0xa000_0000_0000_u128 + n as u128)), WriterInstanceId(Guid(0xb000_0000_0000_u128 + n as u128)))
}

/// What goes wrong in a backup.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ill {
    Nothing,
    FreezeWindow,
    ProviderVeto,
    HoldLimit,
}

/// Records in the making: a clock, the next numbers.
pub(crate) struct Tape {
    pub(crate) trace: Trace,
    now: Ticks,
    ids: u64,
}

impl Tape {
    pub(crate) fn new(scenario: &str, writers: &[&str]) -> Tape {
        let actor = |name: &str, role| Actor { name: name.into(), role };
        let mut actors = vec![actor("backup", Role::Requester), actor("service", Role::Service)];
        for (n, name) in writers.iter().enumerate() {
            let (class, instance) = writer(n);
            let freeze_timeout = Ticks::from_secs(60);
            let (level, identify_ex, joins) = (ApplicationLevel::BackEnd, false, false);
            actors.push(actor(name, Role::Writer { class, instance, level, freeze_timeout, identify_ex, joins }));
        }
        actors.push(actor("system provider", Role::Provider { id: ProviderId(Guid(7)) }));
        actors.push(actor("kernel", Role::Kernel));
        actors.push(actor("database", Role::Application));
        let header = Header {
            format: FORMAT,
            vssim: "0.1.0".into(),
            scenario: scenario.into(),
            scenario_sha256: "ab".repeat(32),
            seed: "7".into(),
            release: "windows-server-2022".into(),
            start: "133500000000000000".into(),
            actors,
        };
        Tape { trace: Trace { header, records: Vec::new() }, now: Ticks::ZERO, ids: 0 }
    }

    pub(crate) fn wait(&mut self, millis: u64) {
        self.now += Ticks::from_millis(millis);
    }

    pub(crate) fn note(&mut self, actor: &str, what: What) {
        let n = self.trace.records.len() as u64 + 1;
        self.trace.records.push(Record { n, t: self.now, actor: Arc::from(actor), what, cause: 0 });
    }

    fn id(&mut self) -> CallId {
        self.ids += 1;
        CallId(self.ids)
    }

    /// A call of the requester that returns at once.
    pub(crate) fn call(&mut self, call: B, out: Out) {
        self.call_with(call, HResult::S_OK, out);
    }

    pub(crate) fn call_with(&mut self, call: B, hresult: HResult, out: Out) {
        let id = self.id();
        self.note("backup", What::Call { id, object: 1, call: Call::BackupComponents(call) });
        self.note("backup", What::Return { id, hresult, out });
    }

    /// A call of a requester on an object, which returns at once.
    fn call_on(&mut self, requester: &str, object: u32, call: B, out: Out) {
        let id = self.id();
        self.note(requester, What::Call { id, object, call: Call::BackupComponents(call) });
        self.note(requester, What::Return { id, hresult: HResult::S_OK, out });
    }

    /// An event of a backup to all of these writers at once.
    fn event_of(&mut self, object: u32, writers: &[&str], event: E, set: Option<SnapshotSetId>, failure: HResult) {
        let ids: Vec<CallId> = writers.iter().map(|_| self.id()).collect();
        for (writer, id) in writers.iter().zip(&ids) {
            self.note(writer, What::Event { id: *id, event, set, object: Some(object) });
        }
        self.wait(20);
        let failure = failure.is_failure().then_some(failure);
        for (writer, id) in writers.iter().zip(ids) {
            self.note(writer, What::Handled { id, event, returned: true, failure });
        }
    }

    /// An asynchronous call; the middle runs while the requester waits for it.
    fn asynchronous(&mut self, n: u32, call: B, end: HResult, middle: impl FnOnce(&mut Tape)) {
        let operation = AsyncId(n);
        self.call(call, Out::Async(operation));
        let id = self.id();
        let wait = Call::Async(AsyncCall::Wait { operation, milliseconds: None });
        self.note("backup", What::Call { id, object: 1, call: wait });
        middle(self);
        self.note("backup", What::AsyncEnd { operation, hresult: end });
        self.note("backup", What::Return { id, hresult: HResult::S_OK, out: Out::Nothing });
        let id = self.id();
        self.note("backup", What::Call { id, object: 1, call: Call::Async(AsyncCall::QueryStatus { operation }) });
        self.note("backup", What::Return { id, hresult: HResult::S_OK, out: Out::Status(end) });
    }

    /// An event to all of these writers at once; each takes `millis` longer than the one before.
    fn event(&mut self, writers: &[&str], event: E, millis: u64, change: Option<(W, W)>) {
        let set = (event > E::PrepareForBackup).then_some(SET);
        let mut ids = Vec::new();
        for writer in writers {
            let id = self.id();
            self.note(writer, What::Event { id, event, set, object: None });
            ids.push(id);
        }
        for (writer, id) in writers.iter().zip(ids) {
            self.wait(millis);
            self.note(writer, What::Handled { id, event, returned: true, failure: None });
            if let Some((from, to)) = change {
                self.note(writer, What::WriterState { from, to, failure: HResult::S_OK, object: None });
            }
        }
    }

    fn provider(&mut self, call: Call, millis: u64, hresult: HResult) {
        let id = self.id();
        self.note("system provider", What::Callback { id, call });
        self.wait(millis);
        self.note("system provider", What::CallbackReturn { id, hresult });
    }

    fn copies(&mut self, from: S, to: S) {
        for (n, volume) in VOLUMES.iter().enumerate() {
            let (snapshot, volume) = (copy_of(n), Arc::from(*volume));
            self.note("service", What::SnapshotState { set: SET, snapshot, volume, from, to });
        }
    }

    fn each_volume(&mut self, actor: &str, what: impl Fn(usize, Arc<str>) -> What) {
        for (n, volume) in VOLUMES.iter().enumerate() {
            self.note(actor, what(n, Arc::from(*volume)));
        }
    }

    fn phase(&mut self, actor: &str, name: Phase, edge: Edge) {
        self.note(actor, What::Phase { name, edge });
    }
}

/// A backup of these writers, well or ill.
pub(crate) fn backup(scenario: &str, writers: &[&str], ill: Ill) -> Trace {
    let mut tape = Tape::new(scenario, writers);
    prepare(&mut tape, writers);
    let end = match ill {
        Ill::Nothing => HResult::VSS_S_ASYNC_FINISHED,
        Ill::FreezeWindow => HResult::VSS_E_UNEXPECTED_WRITER_ERROR,
        Ill::ProviderVeto => HResult::VSS_E_PROVIDER_VETO,
        Ill::HoldLimit => HResult::VSS_E_HOLD_WRITES_TIMEOUT,
    };
    tape.phase("backup", Phase::DoSnapshot, Edge::Enter);
    tape.asynchronous(3, B::DoSnapshotSet, end, |tape| create(tape, writers, ill));
    tape.phase("backup", Phase::DoSnapshot, Edge::Leave);
    if ill == Ill::Nothing {
        finish(&mut tape, writers);
    }
    tape.asynchronous(5, B::GatherWriterStatus, HResult::VSS_S_ASYNC_FINISHED, |tape| tape.wait(10));
    let last = crate::writers::last_states(&Index::of(&tape.trace));
    for (index, writer) in last.into_iter().enumerate() {
        let status = WriterStatus {
            instance: writer.instance,
            writer: writer.class,
            name: writer.name.to_string(),
            state: writer.state,
            failure: writer.failure,
        };
        tape.call(B::GetWriterStatus { index: index as u32 }, Out::WriterStatus(status));
    }
    tape.call(B::Release, Out::Nothing);
    tape.trace
}

fn prepare(tape: &mut Tape, writers: &[&str]) {
    tape.call(B::CreateVssBackupComponents, Out::Nothing);
    tape.call(B::InitializeForBackup { xml: None }, Out::Nothing);
    tape.call(B::SetContext { context: 0 }, Out::Nothing);
    tape.call(
        B::SetBackupState {
            select_components: true,
            bootable_system_state: false,
            backup_type: BackupType::Full,
            partial_file_support: false,
        },
        Out::Nothing,
    );
    tape.asynchronous(1, B::GatherWriterMetadata, HResult::VSS_S_ASYNC_FINISHED, |tape| {
        tape.event(writers, E::Identify, 30, None);
    });
    for n in 0..writers.len() {
        let sha256 = format!("{n:02}").repeat(32);
        let text = "<WRITER_METADATA/>".to_owned();
        tape.note("service", What::Document { sha256: sha256.clone(), kind: DocumentKind::WriterMetadata, text });
        tape.call(B::GetWriterMetadata { index: n as u32 }, Out::Document(sha256));
    }
    for n in 0..writers.len() {
        let (class, instance) = writer(n);
        let component =
            ComponentName { instance, writer: class, logical_path: "Server".into(), name: format!("Store{n}") };
        tape.call(B::AddComponent(component), Out::Nothing);
    }
    tape.call(B::StartSnapshotSet, Out::SnapshotSet(SET));
    tape.note("service", What::CreationLock { holder: Some(SET) });
    for (n, volume) in VOLUMES.iter().enumerate() {
        let id = tape.id();
        let (volume, provider) = (format!("{volume}\\"), ProviderId::NULL);
        let call = B::AddToSnapshotSet { volume: volume.clone(), provider };
        tape.note("backup", What::Call { id, object: 1, call: Call::BackupComponents(call) });
        let snapshot = copy_of(n);
        let begin = SoftwareProviderCall::BeginPrepareSnapshot { set: SET, snapshot, volume, context: 0 };
        tape.provider(Call::SoftwareProvider(begin), 12, HResult::S_OK);
        tape.note("backup", What::Return { id, hresult: HResult::S_OK, out: Out::Snapshot(snapshot) });
    }
    tape.asynchronous(2, B::PrepareForBackup, HResult::VSS_S_ASYNC_FINISHED, |tape| {
        tape.event(writers, E::PrepareForBackup, 16, Some((W::Stable, W::Stable)));
    });
}

/// What DoSnapshotSet does, from PrepareForSnapshot to the end or to the failure.
fn create(tape: &mut Tape, writers: &[&str], ill: Ill) {
    tape.event(writers, E::PrepareForSnapshot, 140, Some((W::Stable, W::WaitingForFreeze)));
    tape.copies(S::Preparing, S::Prepared);
    let end_prepare = if ill == Ill::ProviderVeto { HResult::VSS_E_PROVIDER_VETO } else { HResult::S_OK };
    tape.provider(Call::CreateSnapshotSet(P::EndPrepareSnapshots(SET)), 20, end_prepare);
    if ill == Ill::ProviderVeto {
        abort(tape, writers, W::WaitingForFreeze, HResult::VSS_E_WRITERERROR_RETRYABLE);
        return;
    }
    tape.phase("service", Phase::FreezeBack, Edge::Enter);
    for writer in writers {
        let window = TimerName::FreezeWindow(Arc::from(*writer));
        tape.note("service", What::Timer { name: window, edge: TimerEdge::Set(Ticks::from_secs(61)) });
    }
    tape.event(writers, E::Freeze, 160, Some((W::WaitingForFreeze, W::WaitingForThaw)));
    tape.phase("service", Phase::FreezeBack, Edge::Leave);
    tape.phase("kernel", Phase::FreezeKtm, Edge::Enter);
    tape.phase("kernel", Phase::FreezeKtm, Edge::Leave);
    let slow = if ill == Ill::FreezeWindow { 60_000 } else { 30 };
    tape.provider(Call::CreateSnapshotSet(P::PreCommitSnapshots(SET)), slow, HResult::S_OK);
    if ill == Ill::FreezeWindow {
        let window = TimerName::FreezeWindow(Arc::from(writers[0]));
        tape.note("service", What::Timer { name: window, edge: TimerEdge::Fired });
        abort(tape, writers, W::WaitingForThaw, HResult::VSS_E_WRITERERROR_TIMEOUT);
        return;
    }
    hold_and_commit(tape, ill);
    if ill == Ill::HoldLimit {
        abort(tape, writers, W::WaitingForThaw, HResult::VSS_E_WRITERERROR_RETRYABLE);
        return;
    }
    tape.provider(Call::CreateSnapshotSet(P::PostCommitSnapshots(SET)), 15, HResult::S_OK);
    tape.event(writers, E::Thaw, 20, Some((W::WaitingForThaw, W::WaitingForPostSnapshot)));
    tape.provider(Call::CreateSnapshotSet(P::PreFinalCommitSnapshots(SET)), 15, HResult::S_OK);
    tape.event(writers, E::PostSnapshot, 90, Some((W::WaitingForPostSnapshot, W::WaitingForBackupComplete)));
    tape.provider(Call::CreateSnapshotSet(P::PostFinalCommitSnapshots(SET)), 15, HResult::S_OK);
    tape.copies(S::Prepared, S::Created);
    tape.note("service", What::CreationLock { holder: None });
}

fn hold_and_commit(tape: &mut Tape, ill: Ill) {
    tape.phase("kernel", Phase::IoctlFlushAndHold, Edge::Enter);
    tape.wait(50);
    tape.each_volume("kernel", |_, volume| What::Hold { volume });
    tape.phase("kernel", Phase::IoctlFlushAndHold, Edge::Leave);
    for n in 0..14 {
        tape.wait(1);
        let io = Io::Queued { offset: n * 4096, length: 4096 };
        tape.note("database", What::Io { volume: "D:".into(), io });
    }
    if ill == Ill::HoldLimit {
        tape.wait(9_936);
        tape.note("kernel", What::Timer { name: TimerName::HoldLimit, edge: TimerEdge::Fired });
        tape.note("kernel", What::Io { volume: "D:".into(), io: Io::Leaked { offset: 8192, length: 4096 } });
        tape.each_volume("kernel", |n, volume| What::Release { volume, queued: 14 * n as u32 });
        let message = "Volume D: was held too long; the writes were released.".to_owned();
        let entry = EventLogEntry { log: EventLog::System, source: "volsnap".into(), id: Some(8), message };
        tape.note("service", What::EventLog(entry));
        return;
    }
    let id = tape.id();
    let commit = Call::CreateSnapshotSet(P::CommitSnapshots(SET));
    tape.note("system provider", What::Callback { id, call: commit });
    tape.wait(30);
    tape.each_volume("system provider", |n, volume| What::Commit { snapshot: copy_of(n), volume });
    tape.note("system provider", What::CallbackReturn { id, hresult: HResult::S_OK });
    tape.each_volume("kernel", |n, volume| What::Release { volume, queued: 14 * n as u32 });
}

fn abort(tape: &mut Tape, writers: &[&str], from: W, failure: HResult) {
    tape.provider(Call::CreateSnapshotSet(P::AbortSnapshots(SET)), 5, HResult::S_OK);
    tape.event(writers, E::Abort, 2, None);
    for writer in writers {
        let to = if failure == HResult::VSS_E_WRITERERROR_TIMEOUT { W::FailedAtFreeze } else { W::Stable };
        tape.note(writer, What::WriterState { from, to, failure, object: None });
    }
    tape.copies(S::Prepared, S::Aborted);
    tape.note("service", What::CreationLock { holder: None });
}

/// The copying of files, BackupComplete, and what is found in the shadow copies.
fn finish(tape: &mut Tape, writers: &[&str]) {
    for n in 0..214 {
        tape.wait(3);
        let volume = VOLUMES[usize::from(n % 3 == 0)].into();
        tape.note("kernel", What::Io { volume, io: Io::FirstCopy { block: n } });
    }
    let read = Io::BulkRead { snapshot: copy_of(0), files: 1204, bytes: 88_000_000 };
    tape.note("backup", What::Io { volume: "C:".into(), io: read });
    tape.asynchronous(4, B::BackupComplete, HResult::VSS_S_ASYNC_FINISHED, |tape| {
        tape.event(writers, E::BackupComplete, 10, Some((W::WaitingForBackupComplete, W::Stable)));
    });
    tape.each_volume("service", |n, _| What::Compared {
        snapshot: copy_of(n),
        compared: 1024,
        excluded_vss: 12,
        excluded_free: 3060,
        different: 0,
    });
    let detail = "no transaction in flight".to_owned();
    tape.note("database", What::Consistency { set: SET, state: Consistency::Clean, detail });
}

/// A judgement made by hand: rules as the tests need them.
pub(crate) struct Judgement {
    verdicts: [Verdict; 4],
    pub(crate) invariants: Vec<BrokenInvariant>,
}

impl Judgement {
    pub(crate) fn good() -> Judgement {
        let excused = Verdict::Excused("the release has no SetContext".to_owned());
        Judgement {
            verdicts: [Verdict::Upheld, Verdict::Upheld, Verdict::NotExercised, excused],
            invariants: Vec::new(),
        }
    }

    pub(crate) fn breached(findings: Vec<Finding>) -> Judgement {
        let mut judgement = Judgement::good();
        judgement.verdicts[1] = Verdict::Violated(findings);
        judgement
    }

    pub(crate) fn outcome(&self) -> Outcome<'_> {
        let words: [(&str, &[&str], &str, &str, &str); 4] = [
            (
                "wait-for-identify",
                &["BKP-ORD-011"],
                "requester",
                "must",
                "GetWriterMetadata follows the end of GatherWriterMetadata.",
            ),
            (
                "freeze-window",
                &["WRT-TMO-003", "TIM-FRZ-010"],
                "writer",
                "must",
                "A writer is thawed within its freeze window.",
            ),
            (
                "status-after-complete",
                &["BKP-ORD-040"],
                "requester",
                "should",
                "A requester asks for the writers' status after BackupComplete.",
            ),
            (
                "context-first",
                &["CTX-SET-002"],
                "requester",
                "must",
                "SetContext is called once, before any set is started.",
            ),
        ];
        let mut counts = Counts::default();
        for verdict in &self.verdicts {
            match verdict {
                Verdict::Upheld => counts.upheld += 1,
                Verdict::Violated(_) => counts.violated += 1,
                Verdict::NotExercised => counts.not_exercised += 1,
                Verdict::Excused(_) => counts.excused += 1,
            }
        }
        let entries = words
            .into_iter()
            .zip(&self.verdicts)
            .map(|((id, requirements, actor, level, sentence), verdict)| {
                let source = "nf-vswriter-cvsswriter-onfreeze.md";
                Entry { id, requirements, actor, level, sentence, source, verdict }
            })
            .collect();
        Outcome { counts, entries, invariants: &self.invariants }
    }
}

pub(crate) fn finding(records: &[u64], sentence: &str) -> Finding {
    Finding { records: records.to_vec(), sentence: sentence.to_owned() }
}

pub(crate) fn expectation(name: &str, met: bool, detail: &str) -> Expectation {
    Expectation { name: name.to_owned(), met, detail: detail.to_owned() }
}

/// Two backups of one writer at once, by these two objects' requesters: the second begins while the first still copies, and
/// fails at BackupComplete. With `released` both are over in the end.
pub(crate) fn two_at_once(writers: &[&str], requesters: [&str; 2], released: bool) -> Trace {
    let mut tape = Tape::new("backups-at-once", writers);
    let name = |name: &str| Actor { name: name.into(), role: Role::Requester };
    let mut requesting: Vec<Actor> = requesters.into_iter().map(name).collect();
    requesting.dedup();
    tape.trace.header.actors.splice(..1, requesting);
    let begin = |tape: &mut Tape, object: u32, requester: &str| {
        tape.call_on(requester, object, B::CreateVssBackupComponents, Out::Nothing);
        tape.wait(100);
        let set = SnapshotSetId(Guid(u128::from(object) << 96));
        for (event, from, to) in [
            (E::PrepareForBackup, W::Stable, W::Stable),
            (E::PrepareForSnapshot, W::Stable, W::WaitingForFreeze),
            (E::Freeze, W::WaitingForFreeze, W::WaitingForThaw),
            (E::Thaw, W::WaitingForThaw, W::WaitingForPostSnapshot),
            (E::PostSnapshot, W::WaitingForPostSnapshot, W::WaitingForBackupComplete),
        ] {
            tape.event_of(object, writers, event, (event > E::PrepareForBackup).then_some(set), HResult::S_OK);
            for writer in writers {
                tape.note(writer, What::WriterState { from, to, failure: HResult::S_OK, object: Some(object) });
            }
        }
        let (snapshot, volume) = (copy_of(object as usize), Arc::from("D:"));
        tape.note("service", What::SnapshotState { set, snapshot, volume, from: S::Prepared, to: S::Created });
    };
    let status = |tape: &mut Tape, object: u32, requester: &str, state: W, failure: HResult| {
        for (n, name) in writers.iter().enumerate() {
            let ((writer, instance), name) = (self::writer(n), (*name).to_owned());
            let status = Out::WriterStatus(WriterStatus { instance, writer, name, state, failure });
            tape.call_on(requester, object, B::GetWriterStatus { index: n as u32 }, status);
        }
    };
    let [slow, quick] = requesters;
    begin(&mut tape, 1, slow);
    begin(&mut tape, 2, quick);
    let failure = HResult::VSS_E_WRITERERROR_RETRYABLE;
    tape.event_of(2, writers, E::BackupComplete, None, failure);
    for writer in writers {
        let (from, to) = (W::WaitingForBackupComplete, W::FailedAtBackupComplete);
        tape.note(writer, What::WriterState { from, to, failure, object: Some(2) });
    }
    status(&mut tape, 2, quick, W::FailedAtBackupComplete, failure);
    status(&mut tape, 1, slow, W::WaitingForBackupComplete, HResult::S_OK);
    if released {
        tape.wait(1_000);
        tape.call_on(quick, 2, B::Release, Out::Nothing);
        tape.call_on(slow, 1, B::Release, Out::Nothing);
    }
    tape.trace
}
