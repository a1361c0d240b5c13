//! A full backup written down record by record, and the means to spoil it.
//!
//! Every record has a key, such as `call AddComponent`, `event Freeze database` or `hold C:`. A test names records by
//! their keys and drops, moves or changes them; numbers and times are given at the end.

use std::sync::Arc;

use vssim_model::api::*;
use vssim_model::catalogue::find;
use vssim_model::hresult::HResult;
use vssim_model::ids::*;
use vssim_model::states::*;
use vssim_model::time::Ticks;
use vssim_model::trace::*;

pub(crate) const SET: SnapshotSetId = SnapshotSetId(Guid(0x5e7));
pub(crate) const OK: HResult = HResult::S_OK;
/// The volumes: name, name in calls, shadow copy.
pub(crate) const VOLUMES: [(&str, &str, SnapshotId); 2] =
    [("C:", r"C:\", SnapshotId(Guid(0xcc))), ("D:", r"D:\", SnapshotId(Guid(0xdd)))];
/// The writers that take part, in the order in which they freeze.
pub(crate) const TAKING_PART: [&str; 2] = ["files", "database"];
const WRITERS: [&str; 3] = ["files", "database", "idle"];

/// One record without number and time.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) key: String,
    pub(crate) actor: &'static str,
    pub(crate) pause: Ticks,
    pub(crate) what: What,
}

/// A run, as a list of steps.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    next: u64,
    operation: u32,
    object: u32,
    requester: &'static str,
}

pub(crate) fn instance(writer: &str) -> WriterInstanceId {
    WriterInstanceId(Guid(match writer {
        "files" => 11,
        "database" => 12,
        "express" => 14,
        _ => 13,
    }))
}

pub(crate) fn class(writer: &str) -> WriterClassId {
    WriterClassId(Guid(instance(writer).0.0 + 100))
}

pub(crate) fn component(writer: &str, path: &str, name: &str) -> ComponentName {
    ComponentName {
        instance: instance(writer),
        writer: class(writer),
        logical_path: path.to_owned(),
        name: name.to_owned(),
    }
}

pub(crate) fn metadata(writer: &str) -> String {
    let components = match writer {
        "files" => {
            r#"<FILE_GROUP componentName="share" selectable="yes"><FILE_LIST path="c:\share" filespec="*"/><DEPENDENCY
               writerId="{database}" componentName="db"/></FILE_GROUP>
               <FILE_GROUP logicalPath="share" componentName="part" selectable="no"/>"#
        }
        "database" => {
            r#"<DATABASE componentName="db" selectable="no"><DATABASE_FILES path="D:\db" filespec="*"/></DATABASE>
               <DATABASE logicalPath="more" componentName="extra" selectable="yes"/>"#
        }
        _ => r#"<FILE_GROUP componentName="rest" selectable="yes"/>"#,
    };
    let components = components.replace("{database}", &class("database").0.to_string());
    let schema = if writer == "files" { r#" backupSchema="258""# } else { "" };
    let source = if writer == "database" { "TRANSACTION_DB" } else { "OTHER" };
    format!(
        r#"<WRITER_METADATA{schema}><IDENTIFICATION writerId="{}" instanceId="{}" friendlyName="{writer}" usage="USER_DATA" dataSource="{source}"/>
           <RESTORE_METHOD method="REPLACE_IF_CAN_BE_REPLACED"/><BACKUP_LOCATIONS>{components}</BACKUP_LOCATIONS></WRITER_METADATA>"#,
        class(writer).0,
        instance(writer).0
    )
}

/// An express writer is registered, or leaves the store.
pub(crate) fn express(s: &mut Script, method: &str, object: u32, writer: Option<&str>) {
    let mut call = MethodCall::new(find(&format!("IVssExpressWriter::{method}")).expect("a documented method"));
    call.on = Value::Object { object };
    call.arguments.extend(writer.map(|writer| ("writerId".to_owned(), Value::guid(class(writer).0))));
    s.method(&format!("{method} {object}"), call, OK);
}

impl Script {
    pub(crate) fn new() -> Script {
        Script { steps: Vec::new(), next: 1, operation: 1, object: 1, requester: "backup" }
    }

    pub(crate) fn id(&mut self) -> CallId {
        self.next += 1;
        CallId(self.next)
    }

    pub(crate) fn push(&mut self, key: impl Into<String>, actor: &'static str, what: What) {
        self.steps.push(Step { key: key.into(), actor, pause: Ticks::from_millis(1), what });
    }

    /// A call on the object that returns `hresult`; `inside` happens while it runs.
    pub(crate) fn call_with(
        &mut self,
        call: BackupComponentsCall,
        hresult: HResult,
        out: Out,
        inside: impl FnOnce(&mut Script),
    ) {
        let (id, method, requester) = (self.id(), call.method(), self.requester);
        let object = self.object;
        self.push(format!("call {method}"), requester, What::Call { id, object, call: Call::BackupComponents(call) });
        inside(self);
        self.push(format!("return {method}"), requester, What::Return { id, hresult, out });
    }

    pub(crate) fn call(&mut self, call: BackupComponentsCall) {
        self.call_with(call, OK, Out::Nothing, |_| ());
    }

    /// A call by the names of the headers.
    pub(crate) fn method(&mut self, name: &str, call: MethodCall, hresult: HResult) {
        let (id, object, requester) = (self.id(), self.object, self.requester);
        self.push(format!("call {name}"), requester, What::Call { id, object, call: Call::Method(call) });
        self.push(format!("return {name}"), requester, What::Return { id, hresult, out: Out::Nothing });
    }

    /// What follows happens on the next object.
    pub(crate) fn next_object(&mut self) {
        self.object += 1;
    }

    /// An asynchronous call, what it leads to, its end and the wait for it.
    pub(crate) fn run(&mut self, call: BackupComponentsCall, hresult: HResult, inside: impl FnOnce(&mut Script)) {
        let (method, requester, operation) = (call.method(), self.requester, AsyncId(self.operation));
        self.operation += 1;
        self.call_with(call, OK, Out::Async(operation), |_| ());
        inside(self);
        let (id, object) = (self.id(), self.object);
        let wait = Call::Async(AsyncCall::Wait { operation, milliseconds: None });
        self.push(format!("end {method}"), requester, What::AsyncEnd { operation, hresult });
        self.push(format!("wait {method}"), requester, What::Call { id, object, call: wait });
        self.push(format!("waited {method}"), requester, What::Return { id, hresult: OK, out: Out::Nothing });
    }

    pub(crate) fn handle(&mut self, writer: &'static str, event: WriterEvent, inside: impl FnOnce(&mut Script)) {
        let id = self.id();
        let early =
            [WriterEvent::Identify, WriterEvent::PrepareForBackup, WriterEvent::PreRestore, WriterEvent::PostRestore];
        let set = (!early.contains(&event)).then_some(SET);
        self.push(format!("event {event} {writer}"), writer, What::Event { id, event, set, object: None });
        inside(self);
        let handled = What::Handled { id, event, returned: true, failure: None };
        self.push(format!("handled {event} {writer}"), writer, handled);
    }

    pub(crate) fn order(&mut self, writer: &'static str, order: ApplicationCall) {
        let (id, key) = (self.id(), format!("order {} {writer}", order.method()));
        self.push(&key, writer, What::Call { id, object: 0, call: Call::Application(order) });
        self.push(key, writer, What::Return { id, hresult: OK, out: Out::Nothing });
    }

    pub(crate) fn writer_call(&mut self, writer: &'static str, call: Call) {
        let (id, key) = (self.id(), format!("order {} {writer}", call.name().1));
        self.push(&key, writer, What::Call { id, object: 0, call });
        self.push(key, writer, What::Return { id, hresult: OK, out: Out::Nothing });
    }

    pub(crate) fn state(&mut self, writer: &'static str, from: WriterState, to: WriterState) {
        self.push(format!("state {to} {writer}"), writer, What::WriterState { from, to, failure: OK, object: None });
    }

    pub(crate) fn snapshots(&mut self, from: SnapshotState, to: SnapshotState) {
        for (volume, _, snapshot) in VOLUMES {
            let what = What::SnapshotState { set: SET, snapshot, volume: volume.into(), from, to };
            self.push(format!("snapshot {to} {volume}"), "vss", what);
        }
    }

    pub(crate) fn provide(&mut self, call: Call, inside: impl FnOnce(&mut Script)) {
        let (id, method) = (self.id(), call.name().1);
        self.push(format!("callback {method}"), "provider", What::Callback { id, call });
        inside(self);
        self.push(format!("returned {method}"), "provider", What::CallbackReturn { id, hresult: OK });
    }

    // What follows spoils a finished script.

    fn find(&self, key: &str) -> usize {
        self.steps.iter().position(|step| step.key == key).unwrap_or_else(|| panic!("no record `{key}`"))
    }

    /// Drops every record whose key begins so.
    pub(crate) fn drop(mut self, key: &str) -> Script {
        self.find_prefix(key);
        self.steps.retain(|step| !step.key.starts_with(key));
        self
    }

    /// Has BackupShutdown name this set.
    pub(crate) fn shutdown_of(mut self, named: Option<SnapshotSetId>) -> Script {
        for step in &mut self.steps {
            if let What::Event { event: WriterEvent::BackupShutdown, set, .. } = &mut step.what {
                *set = named;
            }
        }
        self
    }

    /// Drops a call with its return, its end and the wait for it.
    pub(crate) fn drop_call(mut self, method: &str) -> Script {
        self.find(&format!("call {method}"));
        let keys = ["call", "return", "end", "wait", "waited"].map(|word| format!("{word} {method}"));
        self.steps.retain(|step| !keys.contains(&step.key));
        self
    }

    /// Drops everything between two records.
    pub(crate) fn cut(mut self, from: &str, to: &str) -> Script {
        let (from, to) = (self.find(from), self.find(to));
        self.steps.drain(from + 1..to);
        self
    }

    fn find_prefix(&self, key: &str) {
        assert!(self.steps.iter().any(|step| step.key.starts_with(key)), "no record `{key}…`");
    }

    /// Moves every record of that key before the first one of another.
    pub(crate) fn hoist(mut self, key: &str, before: &str) -> Script {
        self.find(key);
        let (moved, rest) = self.steps.into_iter().partition(|step| step.key == key);
        self.steps = rest;
        let at = self.find(before);
        self.insert_at(at, moved)
    }

    /// Moves the first record of that key behind the first one of another.
    pub(crate) fn sink(mut self, key: &str, after: &str) -> Script {
        let step = self.steps.remove(self.find(key));
        let at = self.find(after) + 1;
        self.insert_at(at, vec![step])
    }

    /// Moves a call and its return before another record.
    pub(crate) fn hoist_call(self, method: &str, before: &str) -> Script {
        self.hoist(&format!("call {method}"), before).hoist(&format!("return {method}"), before)
    }

    fn insert_at(mut self, at: usize, steps: Vec<Step>) -> Script {
        self.steps.splice(at..at, steps);
        self
    }

    /// Adds records before the first one of a key.
    pub(crate) fn before(self, key: &str, add: impl FnOnce(&mut Script)) -> Script {
        let at = self.find(key);
        self.add(at, add)
    }

    /// Adds records behind the first one of a key.
    pub(crate) fn after(self, key: &str, add: impl FnOnce(&mut Script)) -> Script {
        let at = self.find(key) + 1;
        self.add(at, add)
    }

    fn add(mut self, at: usize, add: impl FnOnce(&mut Script)) -> Script {
        let rest = self.steps.split_off(at);
        add(&mut self);
        self.steps.extend(rest);
        self
    }

    /// Changes every record of a key.
    pub(crate) fn edit(mut self, key: &str, edit: impl Fn(&mut What)) -> Script {
        self.find(key);
        self.steps.iter_mut().filter(|step| step.key == key).for_each(|step| edit(&mut step.what));
        self
    }

    /// Lets the handler fail.
    pub(crate) fn fail(self, event: &str, code: Option<HResult>) -> Script {
        self.edit(&format!("handled {event}"), |what| {
            let What::Handled { returned, failure, .. } = what else { return };
            (*returned, *failure) = (false, code);
        })
    }

    /// Gives a return, end or callback's return another code.
    pub(crate) fn code(self, key: &str, code: HResult) -> Script {
        self.edit(key, |what| match what {
            What::Return { hresult, .. } | What::AsyncEnd { hresult, .. } | What::CallbackReturn { hresult, .. } => {
                *hresult = code;
            }
            other => panic!("no code in {other:?}"),
        })
    }

    /// Lets time pass before a record.
    pub(crate) fn pause(mut self, key: &str, pause: Ticks) -> Script {
        let at = self.find(key);
        self.steps[at].pause = pause;
        self
    }

    pub(crate) fn header() -> Header {
        let writer = |name: &str, level| Role::Writer {
            class: class(name),
            instance: instance(name),
            level,
            freeze_timeout: Ticks::from_secs(60),
            identify_ex: false,
            joins: false,
        };
        let actor = |name: &str, role| Actor { name: name.into(), role };
        Header {
            format: FORMAT,
            vssim: "0.1.0".into(),
            scenario: "test".into(),
            scenario_sha256: String::new(),
            seed: "0".into(),
            release: "windows-server-2022".into(),
            start: "0".into(),
            actors: vec![
                actor("backup", Role::Requester),
                actor("other", Role::Requester),
                actor("vss", Role::Service),
                actor("files", writer("files", ApplicationLevel::FrontEnd)),
                actor("database", writer("database", ApplicationLevel::BackEnd)),
                actor("idle", writer("idle", ApplicationLevel::FrontEnd)),
                actor("provider", Role::Provider { id: ProviderId::SYSTEM }),
                actor("kernel", Role::Kernel),
                actor("orders", Role::Application),
            ],
        }
    }

    /// Numbers the records and gives them times.
    pub(crate) fn trace(self) -> Trace {
        let mut t = Ticks::ZERO;
        let number = |(n, step): (u64, Step)| {
            t += step.pause;
            Record { n, t, actor: Arc::from(step.actor), what: step.what, cause: 0 }
        };
        Trace { header: Script::header(), records: (1..).zip(self.steps).map(number).collect() }
    }
}

/// Another requester that opens a set of its own.
pub(crate) fn second_requester(script: &mut Script, hresult: HResult, out: Out) {
    let before = (script.requester, script.object);
    (script.requester, script.object) = ("other", 2);
    script.call(BackupComponentsCall::CreateVssBackupComponents);
    script.call(BackupComponentsCall::InitializeForBackup { xml: None });
    script.call_with(BackupComponentsCall::StartSnapshotSet, hresult, out, |_| ());
    (script.requester, script.object) = before;
}

pub(crate) fn gather_status(s: &mut Script, state: WriterState) {
    s.run(BackupComponentsCall::GatherWriterStatus, HResult::VSS_S_ASYNC_FINISHED, |_| ());
    for (index, writer) in (0..).zip(TAKING_PART) {
        let status =
            WriterStatus { instance: instance(writer), writer: class(writer), name: writer.into(), state, failure: OK };
        s.call_with(BackupComponentsCall::GetWriterStatus { index }, OK, Out::WriterStatus(status), |_| ());
    }
    s.call(BackupComponentsCall::FreeWriterStatus);
}

fn set_up(s: &mut Script) {
    use BackupComponentsCall as B;
    s.call(B::CreateVssBackupComponents);
    s.call(B::InitializeForBackup { xml: None });
    s.call(B::SetContext { context: 0 });
    s.call(B::SetBackupState {
        select_components: true,
        bootable_system_state: false,
        backup_type: BackupType::Full,
        partial_file_support: false,
    });
    s.run(B::GatherWriterMetadata, HResult::VSS_S_ASYNC_FINISHED, |s| {
        for writer in WRITERS {
            s.handle(writer, WriterEvent::Identify, |_| ());
        }
    });
    s.call_with(B::GetWriterMetadataCount, OK, Out::Count(3), |_| ());
    for (index, writer) in (0..).zip(WRITERS) {
        let (kind, text) = (DocumentKind::WriterMetadata, metadata(writer));
        s.push(format!("document {writer}"), writer, What::Document { sha256: writer.into(), kind, text });
        s.call_with(B::GetWriterMetadata { index }, OK, Out::Document(writer.into()), |_| ());
    }
    s.call(B::AddComponent(component("files", "", "share")));
    s.call(B::AddComponent(component("database", "", "db")));
    s.call_with(B::StartSnapshotSet, OK, Out::SnapshotSet(SET), |s| {
        s.push("lock set", "vss", What::CreationLock { holder: Some(SET) });
    });
    for (volume, name, snapshot) in VOLUMES {
        let (provider, volume_name) = (ProviderId::NULL, name.to_owned());
        s.call(B::IsVolumeSupported { provider, volume: volume_name.clone() });
        s.call_with(B::AddToSnapshotSet { volume: volume_name.clone(), provider }, OK, Out::Snapshot(snapshot), |s| {
            let begin =
                SoftwareProviderCall::BeginPrepareSnapshot { set: SET, snapshot, volume: volume_name, context: 0 };
            s.provide(Call::SoftwareProvider(begin), |_| ());
            let (from, to) = (SnapshotState::Unknown, SnapshotState::Preparing);
            let what = What::SnapshotState { set: SET, snapshot, volume: volume.into(), from, to };
            s.push(format!("snapshot {to} {volume}"), "vss", what);
        });
    }
    s.run(B::PrepareForBackup, HResult::VSS_S_ASYNC_FINISHED, |s| {
        for writer in TAKING_PART {
            s.handle(writer, WriterEvent::PrepareForBackup, |s| {
                let metadata = String::new();
                let set = ComponentCall::SetBackupMetadata { component: component(writer, "", "db"), metadata };
                s.writer_call(writer, Call::Component(set));
            });
            s.state(writer, WriterState::Stable, WriterState::Stable);
        }
    });
    gather_status(s, WriterState::Stable);
}

fn create(s: &mut Script) {
    use CreateSnapshotSetCall as P;
    use SnapshotState as S;
    let provide = |s: &mut Script, call: CreateSnapshotSetCall, states: [S; 3]| {
        s.snapshots(states[0], states[1]);
        s.provide(Call::CreateSnapshotSet(call), |s| {
            if states[2] == S::Committed {
                for (volume, _, snapshot) in VOLUMES {
                    s.push(format!("commit {volume}"), "provider", What::Commit { snapshot, volume: volume.into() });
                }
            }
        });
        s.snapshots(states[1], states[2]);
    };
    let raise = |s: &mut Script, event, from, to| {
        for writer in TAKING_PART {
            s.handle(writer, event, |s| match event {
                WriterEvent::Freeze => s.order(writer, ApplicationCall::Quiesce),
                WriterEvent::Thaw => s.order(writer, ApplicationCall::Resume),
                _ => {}
            });
            s.state(writer, from, to);
        }
    };
    use WriterState as W;
    provide(s, P::EndPrepareSnapshots(SET), [S::Preparing, S::ProcessingPrepare, S::Prepared]);
    raise(s, WriterEvent::PrepareForSnapshot, W::Stable, W::WaitingForFreeze);
    raise(s, WriterEvent::Freeze, W::WaitingForFreeze, W::WaitingForThaw);
    provide(s, P::PreCommitSnapshots(SET), [S::Prepared, S::ProcessingPreCommit, S::PreCommitted]);
    for (volume, ..) in VOLUMES {
        s.push(format!("hold {volume}"), "kernel", What::Hold { volume: volume.into() });
    }
    provide(s, P::CommitSnapshots(SET), [S::PreCommitted, S::ProcessingCommit, S::Committed]);
    release(s);
    provide(s, P::PostCommitSnapshots(SET), [S::Committed, S::ProcessingPostCommit, S::PostCommitted]);
    raise(s, WriterEvent::Thaw, W::WaitingForThaw, W::WaitingForPostSnapshot);
    provide(s, P::PreFinalCommitSnapshots(SET), [S::PostCommitted, S::ProcessingPreFinalCommit, S::PreFinalCommitted]);
    raise(s, WriterEvent::PostSnapshot, W::WaitingForPostSnapshot, W::WaitingForBackupComplete);
    provide(s, P::PostFinalCommitSnapshots(SET), [S::PreFinalCommitted, S::ProcessingPostFinalCommit, S::Created]);
    s.push("lock free", "vss", What::CreationLock { holder: None });
}

fn finish(s: &mut Script) {
    use BackupComponentsCall as B;
    gather_status(s, WriterState::WaitingForBackupComplete);
    let detail = "no transaction in flight".to_owned();
    s.push("consistency", "orders", What::Consistency { set: SET, state: Consistency::Clean, detail });
    for (volume, name, snapshot) in VOLUMES {
        let (excluded_vss, excluded_free) = (0, 0);
        let what = What::Compared { snapshot, compared: 9, excluded_vss, excluded_free, different: 0 };
        s.push(format!("compared {volume}"), "vss", what);
        let properties = SnapshotProperties {
            snapshot,
            set: SET,
            count: 2,
            device: "device".into(),
            volume: name.into(),
            provider: ProviderId::SYSTEM,
            created: Ticks(77),
            ..SnapshotProperties::default()
        };
        s.call_with(B::GetSnapshotProperties { snapshot }, OK, Out::SnapshotProperties(Box::new(properties)), |_| ());
    }
    for component in [component("files", "", "share"), component("database", "", "db")] {
        s.call(B::SetBackupSucceeded { component, succeeded: true });
    }
    s.run(B::BackupComplete, HResult::VSS_S_ASYNC_FINISHED, |s| {
        for writer in TAKING_PART {
            s.handle(writer, WriterEvent::BackupComplete, |s| s.order(writer, ApplicationCall::TruncateLog));
            s.state(writer, WriterState::WaitingForBackupComplete, WriterState::Stable);
        }
    });
    gather_status(s, WriterState::Stable);
    s.call(B::SaveAsXML);
    end(s);
}

fn end(s: &mut Script) {
    s.call_with(BackupComponentsCall::Release, OK, Out::Nothing, |s| {
        for writer in TAKING_PART {
            s.handle(writer, WriterEvent::BackupShutdown, |_| ());
        }
    });
}

/// A full backup without fault.
pub(crate) fn good() -> Script {
    let mut script = Script::new();
    set_up(&mut script);
    script.run(BackupComponentsCall::DoSnapshotSet, HResult::VSS_S_ASYNC_FINISHED, create);
    finish(&mut script);
    script
}

/// A backup that the database's veto at Freeze aborts, as it should be.
pub(crate) fn vetoed() -> Script {
    let script = good().fail("Freeze database", Some(HResult::VSS_E_WRITERERROR_RETRYABLE));
    failed(script, "handled Freeze database", |s| {
        s.state("database", WriterState::WaitingForFreeze, WriterState::FailedAtFreeze);
    })
}

/// A backup whose creation ends in failure behind a record, with all that follows from it.
pub(crate) fn failed(script: Script, last: &str, then: impl FnOnce(&mut Script)) -> Script {
    let script = script
        .cut(last, "end DoSnapshotSet")
        .cut("waited DoSnapshotSet", "call Release")
        .code("end DoSnapshotSet", HResult::VSS_E_UNEXPECTED_PROVIDER_ERROR)
        .after(last, |s| {
            then(s);
            for writer in TAKING_PART {
                s.handle(writer, WriterEvent::Abort, |s| s.order(writer, ApplicationCall::Resume));
            }
            s.provide(Call::CreateSnapshotSet(CreateSnapshotSetCall::AbortSnapshots(SET)), |_| ());
            let state = |step: &Step| match &step.what {
                What::SnapshotState { to, .. } => Some(*to),
                _ => None,
            };
            let now = s.steps.iter().rev().find_map(state).expect("a state");
            s.snapshots(now, SnapshotState::Aborted);
            s.push("lock free", "vss", What::CreationLock { holder: None });
        });
    script.after("waited DoSnapshotSet", |s| s.call(BackupComponentsCall::AbortBackup)).shutdown_of(None)
}

/// The provider fails in a step of the creation.
pub(crate) fn provider_failed(method: &str) -> Script {
    let key = format!("returned {method}");
    failed(good().code(&key, HResult::E_FAIL), &key, |s| {
        if method == "CommitSnapshots" {
            release(s);
        }
    })
}

/// Lets the held writes go.
pub(crate) fn release(s: &mut Script) {
    for (volume, ..) in VOLUMES {
        s.push(format!("release {volume}"), "kernel", What::Release { volume: volume.into(), queued: 0 });
    }
}
