//! Random conversations: scripts of a backup and a restore that are cut, mixed and filled with any call there is.
//!
//! A pick is a small number that stands for a choice; 0 is the choice of a program that does everything right. So what
//! proptest makes smaller comes nearer to an ordinary backup.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use vssim_model::api::{BackupComponentsCall, Value};
use vssim_model::catalogue::{self, Direction, MethodRef, Parameter, Type};
use vssim_model::hresult::HResult;
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;
use vssim_sim::fixture::{Small, small};
use vssim_sim::plan::{Argument, MethodOp, Op, OpenChoices, Plan, RequesterPlan, ServiceDefect, Span, Template};

/// Where the base scripts keep what they need again.
const GATHERING: u16 = 0;
const METADATA: u16 = 1;
const SET: u16 = 2;
const COPY: u16 = 3;
const PREPARING: u16 = 4;
const STATUS: u16 = 5;
const CREATING: u16 = 6;
const COMPLETING: u16 = 7;
const DOCUMENT: u16 = 8;
const RESTORING: u16 = 9;
/// All places, with those of random calls.
const PLACES: u16 = 16;

/// A conversation: who says what, and the seed of the run.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) seed: u64,
    pub(crate) requesters: Vec<(u16, Vec<Say>)>,
    pub(crate) handlers: Vec<Handler>,
}

/// A line for each thing that is said.
impl fmt::Display for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for (starts, says) in &self.requesters {
            writeln!(f, "a requester, after {starts} times 200 ms")?;
            says.iter().try_for_each(|say| writeln!(f, "  {say:?}"))?;
        }
        self.handlers.iter().try_for_each(|handler| writeln!(f, "{handler:?}"))
    }
}

/// What a writer does at an event.
#[derive(Clone, Debug)]
pub(crate) struct Handler {
    pub(crate) writer: u16,
    pub(crate) event: WriterEvent,
    pub(crate) says: Vec<Say>,
    pub(crate) end: End,
}

/// How a handler ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    True,
    False,
    Fails(HResult),
    Crashes,
    Hangs,
}

/// One thing somebody does.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    Call { method: MethodRef, picks: Vec<u8>, save: Option<u16>, runs_out: bool },
    Sleep(u16),
    Privileges(bool),
    Release,
    Crash,
}

impl Say {
    fn call(method: &str, save: Option<u16>) -> Say {
        let method = catalogue::find(method).expect("a documented method");
        Say::Call { method, picks: Vec::new(), save, runs_out: false }
    }

    fn of_backup(method: &str) -> Say {
        Say::call(&format!("IVssBackupComponents::{method}"), None)
    }

    fn waits(method: &str, place: u16) -> [Say; 2] {
        // The first argument of Wait's picks is the object: the place, counted from 1.
        let wait = catalogue::find("IVssAsync::Wait").expect("a documented method");
        let on = u8::try_from(place + 1).expect("few places");
        let wait = Say::Call { method: wait, picks: vec![on], save: None, runs_out: false };
        [Say::call(&format!("IVssBackupComponents::{method}"), Some(place)), wait]
    }
}

/// A backup as it should be.
fn backup() -> Vec<Say> {
    let mut says = vec![Say::call("CreateVssBackupComponents", None)];
    says.extend(["InitializeForBackup", "SetBackupState"].map(Say::of_backup));
    says.extend(Say::waits("GatherWriterMetadata", GATHERING));
    says.push(Say::of_backup("GetWriterMetadataCount"));
    says.push(Say::call("IVssBackupComponents::GetWriterMetadata", Some(METADATA)));
    says.push(Say::of_backup("AddComponent"));
    says.push(Say::call("IVssBackupComponents::StartSnapshotSet", Some(SET)));
    says.push(Say::call("IVssBackupComponents::AddToSnapshotSet", Some(COPY)));
    says.extend(Say::waits("PrepareForBackup", PREPARING));
    says.extend(status());
    says.extend(Say::waits("DoSnapshotSet", CREATING));
    says.extend(status());
    says.push(Say::of_backup("GetSnapshotProperties"));
    says.push(Say::of_backup("SetBackupSucceeded"));
    says.extend(Say::waits("BackupComplete", COMPLETING));
    says.push(Say::call("IVssBackupComponents::SaveAsXML", Some(DOCUMENT)));
    says.push(Say::Release);
    says
}

fn status() -> Vec<Say> {
    let mut says = Say::waits("GatherWriterStatus", STATUS).to_vec();
    says.extend(["GetWriterStatusCount", "GetWriterStatus", "FreeWriterStatus"].map(Say::of_backup));
    says
}

/// A restore from the document that a backup left.
fn restore() -> Vec<Say> {
    let mut says = vec![Say::call("CreateVssBackupComponents", None), Say::of_backup("InitializeForRestore")];
    says.extend(Say::waits("GatherWriterMetadata", GATHERING));
    says.extend(["SetRestoreState", "SetSelectedForRestore"].map(Say::of_backup));
    says.extend(Say::waits("PreRestore", RESTORING));
    says.push(Say::of_backup("SetFileRestoreStatus"));
    says.extend(Say::waits("PostRestore", RESTORING));
    says.push(Say::Release);
    says
}

/// A change of a script.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Say),
    Delete,
    Repeat,
    Swap(Index),
    Cut,
}

fn any_method() -> impl Strategy<Value = MethodRef> {
    let all: Vec<MethodRef> = catalogue::methods().collect();
    let of_requester = all.iter().filter(|one| one.interface.name.starts_with("IVssBackupComponents"));
    let of_requester: Vec<MethodRef> = of_requester.copied().collect();
    prop_oneof![3 => proptest::sample::select(of_requester), 2 => proptest::sample::select(all)]
}

fn any_say() -> impl Strategy<Value = Say> {
    let picks = proptest::collection::vec(prop_oneof![3 => Just(0_u8), 2 => any::<u8>()], 10);
    let call = (any_method(), picks, proptest::option::of(10..PLACES), proptest::bool::weighted(0.1));
    prop_oneof![
        12 => call.prop_map(|(method, picks, save, runs_out)| Say::Call { method, picks, save, runs_out }),
        1 => (0_u16..900).prop_map(Say::Sleep),
        1 => any::<bool>().prop_map(Say::Privileges),
        1 => Just(Say::Release),
        1 => Just(Say::Crash),
    ]
}

fn any_script() -> impl Strategy<Value = Vec<Say>> {
    let edit = prop_oneof![
        10 => any_say().prop_map(Edit::Insert),
        2 => Just(Edit::Delete),
        1 => Just(Edit::Repeat),
        2 => any::<Index>().prop_map(Edit::Swap),
        1 => Just(Edit::Cut),
    ];
    let edits = proptest::collection::vec((any::<Index>(), edit), 0..10);
    (any::<bool>(), edits).prop_map(|(with_restore, edits)| {
        let mut says = backup();
        if with_restore {
            says.extend(restore());
        }
        for (at, edit) in edits {
            let at = at.index(says.len().max(1)).min(says.len().saturating_sub(1));
            match edit {
                Edit::Insert(say) => says.insert(at, say),
                _ if says.is_empty() => {}
                Edit::Delete => drop(says.remove(at)),
                Edit::Repeat => says.insert(at, says[at].clone()),
                Edit::Swap(other) => {
                    let other = other.index(says.len());
                    says.swap(at, other);
                }
                // The second half is said first: most of it comes out of order.
                Edit::Cut => says.rotate_left(at / 2),
            }
        }
        says
    })
}

fn any_handler() -> impl Strategy<Value = Handler> {
    let end = prop_oneof![
        4 => Just(End::True),
        2 => Just(End::False),
        3 => proptest::sample::select(HResult::WRITER_FAILURES.to_vec()).prop_map(End::Fails),
        1 => Just(End::Crashes),
        1 => Just(End::Hangs),
    ];
    let says = proptest::collection::vec(any_say(), 0..4);
    let event = proptest::sample::select(WriterEvent::ALL.to_vec());
    (0_u16..2, event, says, end).prop_map(|(writer, event, says, end)| Handler { writer, event, says, end })
}

/// Any conversation: one to three requesters, two writers.
pub(crate) fn any_talk() -> impl Strategy<Value = Talk> {
    let requesters = proptest::collection::vec((0_u16..50, any_script()), 1..4);
    let handlers = proptest::collection::vec(any_handler(), 0..3);
    (any::<u64>(), requesters, handlers).prop_map(|(seed, requesters, handlers)| Talk { seed, requesters, handlers })
}

impl Talk {
    /// The plan that has this conversation, on a small machine.
    pub(crate) fn plan(&self, defect: Option<ServiceDefect>) -> Plan {
        let what = Small { writers: 2, volumes: 2, transactions: Some(2), open: OpenChoices::default() };
        let mut plan = small(what).expect("the names are sound");
        plan.name = "conversation".to_owned();
        plan.defects.extend(defect);
        let classes: Vec<Value> = plan.writers.iter().map(|writer| Value::guid(writer.class.0)).collect();
        plan.requesters = (1..)
            .zip(&self.requesters)
            .map(|(number, (starts, says)): (u32, _)| RequesterPlan {
                name: format!("Requester {number}").into(),
                starts: Ticks::from_millis(u64::from(*starts) * 200),
                script: says.iter().map(|say| op(say, &classes)).collect(),
            })
            .collect();
        for handler in &self.handlers {
            let Some(writer) = plan.writers.get_mut(usize::from(handler.writer)) else { continue };
            let mut ops: Vec<Op> =
                handler.says.iter().filter(|say| !matches!(say, Say::Release)).map(|say| op(say, &classes)).collect();
            ops.extend(writer.handlers.get(&handler.event).into_iter().flat_map(|ops| ops.iter().cloned()));
            match handler.end {
                End::True => ops.push(Op::Return(true)),
                End::False => ops.push(Op::Return(false)),
                End::Fails(code) => ops.extend([Op::Fail(code), Op::Return(false)]),
                End::Crashes => ops.push(Op::Crash),
                End::Hangs => ops.push(Op::Hang),
            }
            writer.handlers.insert(handler.event, Arc::from(ops));
        }
        plan
    }
}

fn op(say: &Say, classes: &[Value]) -> Op {
    match say {
        Say::Sleep(seconds) => Op::Takes(Span::exactly(Ticks::from_secs(u64::from(*seconds)))),
        Say::Privileges(held) => Op::Privileges(*held),
        Say::Crash => Op::Crash,
        Say::Release => Op::Backup { call: Template::Call(BackupComponentsCall::Release), keep: None },
        Say::Call { method, picks, save, runs_out } => {
            let pick = |at: usize| picks.get(at).copied().unwrap_or(0);
            let named = method.method.parameters.iter().enumerate();
            let arguments = named
                .filter_map(|(at, parameter)| {
                    Some((parameter.name.to_owned(), argument(parameter, pick(at + 1), classes)?))
                })
                .collect();
            let mut failures = method.method.codes().filter(|code| catalogue::is_resource_failure(code));
            let injected = failures.next().filter(|_| *runs_out).and_then(|code| code.parse().ok());
            Op::Method(MethodOp { method: *method, on: on(pick(0)), arguments, injected, step: 0, save: *save }.into())
        }
    }
}

/// The object: the one in use; what a place holds, counted from 1; an object that nobody has.
fn on(pick: u8) -> Option<Argument> {
    match u16::from(pick) {
        0 => None,
        place if place <= PLACES => Some(saved(place - 1)),
        pick if pick < 128 => Some(saved(pick % PLACES)),
        pick if pick < 140 => Some(Argument::Value(Value::Object { object: 4711 })),
        _ => None,
    }
}

const fn saved(place: u16) -> Argument {
    Argument::Saved { place, path: Vec::new() }
}

/// An argument: the right one, one of the same type, NULL, anything.
fn argument(parameter: &Parameter, pick: u8, classes: &[Value]) -> Option<Argument> {
    let value = |value: Value| Some(Argument::Value(value));
    if parameter.direction == Direction::Out {
        return if pick > 240 { value(Value::Null) } else { None };
    }
    match pick {
        0..=119 => right(parameter, pick, classes),
        120..=199 => {
            let other = BTreeMap::from([
                (0, Value::text("")),
                (1, Value::text("C:")),
                (2, Value::text("X:\\")),
                (3, Value::text("\u{e9}\u{1f4be}<&>\u{0}")),
                (4, Value::text("x".repeat(300))),
                (5, Value::text("{11111111-2222-4333-8444-555555555555}")),
                (6, Value::text("GUID_NULL")),
                (7, Value::Number(-1)),
                (8, Value::Number(i64::from(u32::MAX))),
                (9, Value::Number(2)),
                (10, Value::Number(i64::MIN)),
                (11, Value::Flag(true)),
                (12, Value::List(classes.to_vec())),
                (13, Value::Fields(BTreeMap::new())),
            ]);
            other.get(&(pick % 14)).cloned().and_then(value)
        }
        200..=229 => Some(saved(u16::from(pick) % PLACES)),
        _ => value(Value::Null),
    }
}

/// What a program that does everything right passes; `pick` chooses among several.
fn right(parameter: &Parameter, pick: u8, classes: &[Value]) -> Option<Argument> {
    let value = |value: Value| Some(Argument::Value(value));
    let which = u16::from(pick % 2);
    match (parameter.name, parameter.value_type()) {
        ("instanceId" | "InstanceId" | "rgWriterInstanceId" | "instanceID", _) => Some(Argument::InstanceOf(which)),
        ("writerId" | "ClassId", _) => classes.get(usize::from(which)).cloned().and_then(value),
        ("rgWriterClassId", _) => value(Value::List(classes.iter().take(usize::from(which)).cloned().collect())),
        ("wszComponentName" | "wszName", _) => value(Value::text("Data")),
        ("wszLogicalPath" | "wszSubComponentLogicalPath", _) => value(Value::Null),
        ("pwszVolumeName" | "wszVolumeName", _) => value(Value::text(["C:\\", "D:\\"][usize::from(which)])),
        ("SnapshotId" | "snapshotId", _) => Some(saved(COPY)),
        ("SnapshotSetId" | "QueriedObjectId", _) => Some(saved(SET)),
        ("bstrXML", _) => Some(saved(DOCUMENT)),
        ("pAsync" | "pbstrXML", _) => Some(saved(METADATA)),
        ("backupType" | "restoreType", _) => value(Value::text("VSS_BT_FULL")),
        ("ct" | "componentType", _) => value(Value::text("VSS_CT_FILEGROUP")),
        ("dwMilliseconds", _) => value(Value::Number(if which == 0 { 0xFFFF_FFFF } else { 1000 })),
        (_, Type::Guid) => value(Value::text("GUID_NULL")),
        (_, Type::Flag) => value(Value::Flag(which == 0)),
        (_, Type::Number) => value(Value::Number(which.into())),
        (_, Type::Enumeration(name)) => {
            let known = catalogue::enumeration(name)?.values;
            known.get(usize::from(pick) % known.len().max(1)).map(|(name, _)| Argument::Value(Value::text(*name)))
        }
        (_, Type::Text) => value(Value::text("C:\\data")),
        (_, Type::Other) => None,
    }
}
