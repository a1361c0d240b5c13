//! A trace that shows every kind of record once: the examples of docs/trace-format.md, and what hostile input is made of.

use vssim_model::api::{
    ApplicationCall, AsyncCall, AsyncId, BackupComponentsCall, Call, ComponentCall, ComponentName,
    CreateSnapshotSetCall, MethodCall, Out, SnapshotProperties, SoftwareProviderCall, Value, WriterCall, WriterStatus,
};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, ProviderId, SnapshotId, SnapshotSetId, VolumeId, WriterClassId, WriterInstanceId};
use vssim_model::states::{ApplicationLevel, SnapshotState, WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::{
    Actor, CallId, Consistency, DocumentKind, Edge, EventLog, EventLogEntry, FORMAT, Header, Io, Name, Phase,
    Placement, ProcessEdge, Record, Restored, Role, TimerEdge, TimerName, Trace, What,
};

const SET: SnapshotSetId = SnapshotSetId(Guid(0xe109_943b_232e_4b52_8dc4_62b7_de94_761b));
const SNAPSHOT: SnapshotId = SnapshotId(Guid(0xc174_9777_4753_44f0_a078_05c2_3c87_71fa));
const CLASS: WriterClassId = WriterClassId(Guid(0x6f2a_1b3c_0d4e_4f5a_9b6c_7d8e_9f0a_1b2c));
const INSTANCE: WriterInstanceId = WriterInstanceId(Guid(0x1bdd_d48e_5052_49db_9b07_b96f_9672_7e6b));
const VOLUME: VolumeId = VolumeId(Guid(0x5a0d_4f6e_11d2_4c8b_9e3f_0a1b_2c3d_4e5f));

const REQUESTER: &str = "Backup";
const SERVICE: &str = "VSS";
const WRITER: &str = "Orders Writer";
const PROVIDER: &str = "System provider";
const KERNEL: &str = "Kernel";
const APPLICATION: &str = "Orders";

/// The header: an actor of every role.
#[must_use]
pub fn header() -> Header {
    let actor = |name: &str, role| Actor { name: name.into(), role };
    Header {
        format: FORMAT,
        vssim: "0.1.0".into(),
        scenario: "full-backup".into(),
        scenario_sha256: "5d".repeat(32),
        seed: "7".into(),
        release: "Windows Server 2019".into(),
        start: "133500000000000000".into(),
        actors: vec![
            actor(REQUESTER, Role::Requester),
            actor(SERVICE, Role::Service),
            actor(
                WRITER,
                Role::Writer {
                    class: CLASS,
                    instance: INSTANCE,
                    level: ApplicationLevel::BackEnd,
                    freeze_timeout: Ticks::from_secs(60),
                    identify_ex: true,
                    joins: true,
                },
            ),
            actor(PROVIDER, Role::Provider { id: ProviderId::SYSTEM }),
            actor(KERNEL, Role::Kernel),
            actor(APPLICATION, Role::Application),
        ],
    }
}

/// The trace: the header and every example.
#[must_use]
pub fn trace() -> Trace {
    let mut makers = Makers { records: Vec::new() };
    calls(&mut makers);
    returns(&mut makers);
    events(&mut makers);
    states(&mut makers);
    storage(&mut makers);
    findings(&mut makers);
    by_name(&mut makers);
    Trace { header: header(), records: makers.records }
}

/// Numbers the records, a millisecond apart.
struct Makers {
    records: Vec<Record>,
}

impl Makers {
    fn add(&mut self, actor: &str, what: What) -> u64 {
        let n = self.records.len() as u64 + 1;
        self.records.push(Record { n, t: Ticks::from_millis(n), actor: Name::from(actor), what, cause: n / 2 });
        n
    }
}

fn component() -> ComponentName {
    ComponentName { instance: INSTANCE, writer: CLASS, logical_path: String::new(), name: "Orders".into() }
}

fn calls(to: &mut Makers) {
    let call = |id, object, call| What::Call { id: CallId(id), object, call };
    to.add(REQUESTER, call(1, 0, Call::BackupComponents(BackupComponentsCall::CreateVssBackupComponents)));
    let add = BackupComponentsCall::AddToSnapshotSet { volume: r"D:\".into(), provider: ProviderId::NULL };
    to.add(REQUESTER, call(2, 1, Call::BackupComponents(add)));
    let wait = AsyncCall::Wait { operation: AsyncId(1), milliseconds: None };
    to.add(REQUESTER, call(3, 0, Call::Async(wait)));
    let failure = HResult::VSS_E_WRITERERROR_RETRYABLE;
    to.add(WRITER, call(4, 0, Call::Writer(WriterCall::SetWriterFailure { failure })));
    let stamp = ComponentCall::SetBackupStamp { component: component(), stamp: "full 17".into() };
    to.add(WRITER, call(5, 0, Call::Component(stamp)));
    to.add(WRITER, call(6, 0, Call::Application(ApplicationCall::Quiesce)));
    let begin = SoftwareProviderCall::BeginPrepareSnapshot {
        set: SET,
        snapshot: SNAPSHOT,
        volume: VOLUME.guid_name(),
        context: 0,
    };
    to.add(PROVIDER, What::Callback { id: CallId(7), call: Call::SoftwareProvider(begin) });
    let commit = Call::CreateSnapshotSet(CreateSnapshotSetCall::CommitSnapshots(SET));
    to.add(PROVIDER, What::Callback { id: CallId(8), call: commit });
    to.add(PROVIDER, What::CallbackReturn { id: CallId(8), hresult: HResult::S_OK });
}

fn returns(to: &mut Makers) {
    let outs = [
        Out::Nothing,
        Out::Object(1),
        Out::Async(AsyncId(1)),
        Out::SnapshotSet(SET),
        Out::Snapshot(SNAPSHOT),
        Out::Count(1),
        Out::Flag(true),
        Out::Status(HResult::VSS_S_ASYNC_PENDING),
        Out::Document("c3".repeat(32)),
        Out::WriterStatus(WriterStatus {
            instance: INSTANCE,
            writer: CLASS,
            name: WRITER.into(),
            state: WriterState::Stable,
            failure: HResult::S_OK,
        }),
        Out::SnapshotProperties(Box::new(SnapshotProperties {
            snapshot: SNAPSHOT,
            set: SET,
            count: 1,
            device: r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy1".into(),
            volume: VOLUME.guid_name(),
            provider: ProviderId::SYSTEM,
            attributes: 0x0032_0000,
            created: Ticks::from_millis(30),
            timestamp: 133_485_408_000_300_000,
            originating_machine: "SERVER1".into(),
            service_machine: "SERVER1".into(),
            exposed_name: Some("Yesterday".into()),
            exposed_path: Some("Orders".into()),
        })),
    ];
    for (id, out) in (10..).zip(outs) {
        to.add(REQUESTER, What::Return { id: CallId(id), hresult: HResult::S_OK, out });
    }
    let hresult = HResult::VSS_E_BAD_STATE;
    to.add(REQUESTER, What::Return { id: CallId(2), hresult, out: Out::Nothing });
    to.add(REQUESTER, What::AsyncEnd { operation: AsyncId(1), hresult: HResult::VSS_S_ASYNC_FINISHED });
}

fn events(to: &mut Makers) {
    to.add(WRITER, What::Event { id: CallId(30), event: WriterEvent::PrepareForBackup, set: None, object: Some(1) });
    to.add(WRITER, What::Event { id: CallId(31), event: WriterEvent::Freeze, set: Some(SET), object: Some(1) });
    let event = WriterEvent::Freeze;
    to.add(WRITER, What::Handled { id: CallId(31), event, returned: true, failure: None });
    let failure = Some(HResult::VSS_E_WRITERERROR_RETRYABLE);
    to.add(WRITER, What::Handled { id: CallId(31), event, returned: false, failure });
}

fn states(to: &mut Makers) {
    let (from, failure) = (WriterState::WaitingForFreeze, HResult::S_OK);
    to.add(WRITER, What::WriterState { from, to: WriterState::WaitingForThaw, failure, object: Some(1) });
    to.add(
        SERVICE,
        What::SnapshotState {
            set: SET,
            snapshot: SNAPSHOT,
            volume: "D:".into(),
            from: SnapshotState::PreCommitted,
            to: SnapshotState::ProcessingCommit,
        },
    );
    to.add(SERVICE, What::Phase { name: Phase::FreezeBack, edge: Edge::Enter });
    to.add(SERVICE, What::CreationLock { holder: Some(SET) });
    to.add(SERVICE, What::CreationLock { holder: None });
    let window = || TimerName::FreezeWindow(WRITER.into());
    to.add(SERVICE, What::Timer { name: window(), edge: TimerEdge::Set(Ticks::from_secs(61)) });
    to.add(SERVICE, What::Timer { name: window(), edge: TimerEdge::Stopped });
    to.add(KERNEL, What::Timer { name: TimerName::HoldLimit, edge: TimerEdge::Fired });
    for edge in [ProcessEdge::Started, ProcessEdge::Exited, ProcessEdge::Crashed] {
        to.add(REQUESTER, What::Process(edge));
    }
}

fn storage(to: &mut Makers) {
    let volume = || Name::from("D:");
    to.add(KERNEL, What::Hold { volume: volume() });
    to.add(KERNEL, What::Commit { snapshot: SNAPSHOT, volume: volume() });
    to.add(KERNEL, What::Release { volume: volume(), queued: 3 });
    let ios = [
        Io::FirstCopy { block: 17 },
        Io::Queued { offset: 1_048_576, length: 4096 },
        Io::Leaked { offset: 1_048_576, length: 4096 },
        Io::BulkRead { snapshot: SNAPSHOT, files: 2, bytes: 2_097_152 },
        Io::SnapshotWrite { snapshot: SNAPSHOT, offset: 0, length: 512 },
    ];
    for io in ios {
        let actor = if matches!(io, Io::BulkRead { .. }) { REQUESTER } else { KERNEL };
        to.add(actor, What::Io { volume: volume(), io });
    }
}

fn findings(to: &mut Makers) {
    let entry = EventLogEntry {
        log: EventLog::Application,
        source: "VSS".into(),
        id: Some(8229),
        message: "A writer rejected an event.".into(),
    };
    to.add(SERVICE, What::EventLog(entry));
    for (kind, text) in
        [(DocumentKind::WriterMetadata, "<WRITER_METADATA/>"), (DocumentKind::BackupComponents, "<BACKUP_COMPONENTS/>")]
    {
        to.add(WRITER, What::Document { sha256: "c3".repeat(32), kind, text: text.into() });
    }
    for (state, detail) in [
        (Consistency::Clean, "no transaction in flight"),
        (Consistency::CrashConsistent, "2 transactions to replay"),
        (Consistency::Corrupt, "page 9 is newer than the log"),
    ] {
        to.add(APPLICATION, What::Consistency { set: SET, state, detail: detail.into() });
    }
    let compared =
        What::Compared { snapshot: SNAPSHOT, compared: 160, excluded_vss: 12, excluded_free: 596, different: 0 };
    to.add(SERVICE, compared);
    let mut restored = Vec::new();
    for how in [Placement::Written, Placement::Staged, Placement::Moved] {
        let (path, to) = (r"D:\Orders\orders.db".to_owned(), r"D:\Back\orders.db".to_owned());
        restored.push(What::Restore(Restored::File { object: 2, path, to, bytes: 65536, how }));
    }
    let reason = "only the writer's documentation says how".to_owned();
    restored.push(What::Restore(Restored::Refused { object: 2, what: "Registry".into(), reason }));
    restored.push(What::Restore(Restored::Service { name: "Orders".into(), runs: false }));
    for what in restored {
        to.add(REQUESTER, what);
    }
    let (before, after) = ("5d".repeat(16), "5d".repeat(16));
    to.add(SERVICE, What::RanOut { reached: Some(HResult::S_OK), before, after });
    let (name, detail) =
        ("one-commit-instant".into(), "volumes of one set were committed at 1.000 s and at 1.250 s".into());
    to.add(SERVICE, What::Invariant { name, detail });
    let damaged = What::Damaged {
        document: DocumentKind::WriterMetadata,
        element: "FILE_LIST".to_owned(),
        which: 2,
        attribute: Some("filespec".to_owned()),
        value: Some(String::new()),
    };
    to.add(WRITER, damaged);
    to.add(WRITER, What::Instance { instance: INSTANCE });
}

/// A call by the names of the headers, and what it hands back.
fn by_name(to: &mut Makers) {
    let Some(method) = vssim_model::catalogue::find("IVssWMComponent::GetFile") else { return };
    let call = MethodCall {
        on: Value::Object { object: 3 },
        arguments: [("iFile".to_owned(), Value::Number(0))].into(),
        step: 9,
        ..MethodCall::new(method)
    };
    let id = CallId(54);
    to.add(REQUESTER, What::Call { id, object: 0, call: Call::Method(call) });
    let out = Out::values([("ppFiledesc", Value::Object { object: 4 })]);
    to.add(REQUESTER, What::Return { id, hresult: HResult::S_OK, out });
}
