use std::sync::Arc;

use vssim_model::api::{BackupComponentsCall as B, BackupType, ComponentName, MethodCall};
use vssim_model::catalogue::find;
use vssim_model::documents::{BackupSchema, ComponentType};
use vssim_model::ids::{Guid, SnapshotId, WriterInstanceId};
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;
use vssim_model::trace::Trace;

use super::*;
use crate::backup_store::StoredBackup;
use crate::choices::Seeded;
use crate::fixture::{Small, small};
use crate::invariant::Invariant;
use crate::plan::{MethodOp, Op, OpenChoices, Plan, RequesterPlan, Template};
use crate::queue::Class;
use crate::record::Full;
use crate::run::{Outcome, build, drive, header};

fn method(name: &str, injected: Option<HResult>) -> Op {
    let method = find(name).unwrap();
    Op::Method(MethodOp { method, on: None, arguments: Vec::new(), injected, step: 0, save: None }.into())
}

/// A requester with an object, which then does this.
fn plan(then: Op) -> Arc<Plan> {
    let call = |call| Op::Backup { call: Template::Call(call), keep: None };
    let state = B::SetBackupState {
        select_components: true,
        bootable_system_state: false,
        backup_type: BackupType::Full,
        partial_file_support: false,
    };
    let script = vec![
        call(B::CreateVssBackupComponents),
        call(B::InitializeForBackup { xml: None }),
        call(state),
        then,
        call(B::Release),
    ];
    let mut plan = small(Small { writers: 1, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap();
    plan.requesters = vec![RequesterPlan { name: "Backup".into(), starts: Ticks::ZERO, script: script.into() }];
    Arc::new(plan)
}

fn run_with(leak: Option<fn(&mut World)>, then: Op) -> (Outcome, Trace) {
    run_plan(leak, &plan(then))
}

fn backup(name: &str) -> StoredBackup {
    StoredBackup {
        name: name.to_owned(),
        backup_type: BackupType::Full,
        taken: 0,
        backup_components: "".into(),
        writer_metadata: Vec::new(),
        components: std::collections::BTreeMap::new(),
    }
}

fn run_plan(leak: Option<fn(&mut World)>, plan: &Arc<Plan>) -> (Outcome, Trace) {
    let mut choices = Seeded::new(1);
    let mut world = build(plan, &mut choices).unwrap();
    world.watch.demand_proof_of_failures();
    world.leak = leak;
    Arc::make_mut(&mut world.store).put(backup("Before"));
    let header = header(&world, 1);
    let mut recorder = Full::default();
    let outcome = drive(world, &mut choices, &mut recorder);
    (outcome, recorder.into_trace(header))
}

/// A call that somebody else made, whose answer nobody hears.
fn called(world: &mut World, name: &str) {
    let caller = Caller { actor: ActorId::Requester(0), slot: Slot::MAX, object: 1, delivery: None };
    let now = world.now;
    world.service.method_called(caller, &MethodCall::new(find(name).unwrap()), now);
    world.service.take_effects();
}

/// What it is called, and what does it.
type Leak = (&'static str, fn(&mut World));

/// What a method that fails may leave behind, one thing each.
const LEAKS: [Leak; 18] = [
    ("a component in the document", |world| {
        let plan = Arc::clone(&world.plan);
        let of = plan.writers.first().map(|writer| writer.class).unwrap_or_default();
        for (_, object) in world.service.objects.iter_mut() {
            let (instance, logical_path) = (WriterInstanceId::NULL, String::new());
            let name = ComponentName { instance, writer: of, logical_path, name: "Left".to_owned() };
            let schema = BackupSchema::default();
            object.document.0.add_component(&name, ComponentType::FileGroup, schema).unwrap();
        }
    }),
    ("a state in the document", |world| {
        for (_, object) in world.service.objects.iter_mut() {
            let mut state = object.backup_state;
            state.partial_file_support = true;
            object.document.0.set_backup_state(state);
        }
    }),
    ("an object in the caller's hands", |world| called(world, "CreateVssExpressWriter")),
    ("an operation", |world| called(world, "IVssBackupComponents::GatherWriterMetadata")),
    ("the number of an object", |world| called(world, "CreateVssBackupComponents")),
    ("a set and the lock", |world| called(world, "IVssBackupComponents::StartSnapshotSet")),
    ("a writer's instance", |world| {
        for writer in &mut world.service.writers {
            writer.instance.0 = WriterInstanceId(Guid::from_random_bits(7));
        }
    }),
    ("a file", |world| {
        let volume = world.storage.volumes()[0].id();
        world.storage.create_file(volume, "left.txt", 1).unwrap();
    }),
    ("bytes of a file", |world| {
        let volume = world.storage.volumes()[0].id();
        world.storage.write_raw(volume, 40_000, b"left", &mut Default::default()).unwrap();
    }),
    ("bytes written as they were", |world| {
        let volume = world.storage.volumes()[0].id();
        world.storage.write_raw(volume, 300_000, &[0], &mut Default::default()).unwrap();
    }),
    ("a backup in the store", |world| {
        Arc::make_mut(&mut world.store).put(backup("Left"));
    }),
    ("what a process remembers", |world| {
        let process = world.process_mut(ActorId::Requester(0)).unwrap();
        process.memory.snapshots.insert("C:".to_owned(), SnapshotId::default());
    }),
    ("the object that a process uses", |world| {
        world.process_mut(ActorId::Requester(0)).unwrap().memory.object.0 += 1;
    }),
    ("the moment of a file", |world| {
        let volume = world.storage.volumes()[0].id();
        let file = world.storage.volume(volume).unwrap().files().find("data.txt").unwrap();
        let mut byte = [0];
        world.storage.read_file(volume, file, 0, &mut byte).unwrap();
        let moment = world.storage.volume(volume).unwrap().files().modified(file);
        world.storage.set_time(moment + 1);
        world.storage.write_file(volume, file, 0, &byte, &mut Default::default()).unwrap();
    }),
    ("the moment of a backup", |world| {
        let store = Arc::make_mut(&mut world.store);
        Arc::make_mut(store.backups.first_mut().unwrap()).taken += 1;
    }),
    ("an event that is due", |world| world.queue.push(world.now, Class::Kernel, 0, Event::HoldLimit)),
    ("held writes", |world| world.kernel.hold = Some(crate::kernel::Hold { volumes: vec![0], flushing: None })),
    ("a commit", |world| world.watch.committed(0, SnapshotId::default(), Ticks::ZERO)),
];

const START: &str = "IVssBackupComponents::StartSnapshotSet";

fn digests(trace: &Trace) -> Option<(Option<HResult>, bool)> {
    trace.records.iter().find_map(|record| match &record.what {
        What::RanOut { reached, before, after } => Some((*reached, before == after)),
        _ => None,
    })
}

#[test]
fn a_call_that_is_ordered_to_fail_or_fails_by_itself_leaves_the_machine_as_it_was() {
    let (outcome, trace) = run_with(None, method(START, Some(HResult::E_OUTOFMEMORY)));
    assert_eq!(outcome.broken, None);
    assert_eq!(digests(&trace), Some((Some(HResult::S_OK), true)));
    let (outcome, trace) = run_with(None, method("IVssBackupComponents::DoSnapshotSet", None));
    assert_eq!(outcome.broken, None);
    assert_eq!(digests(&trace), None, "nobody ordered it");
}

/// The first call in a handler of Identify begins the document.
#[test]
fn a_writer_whose_call_fails_in_identify_has_begun_no_document() {
    let gather = Op::Backup { call: Template::Call(B::GatherWriterMetadata), keep: Some(0) };
    let mut plan = Plan::clone(&plan(gather));
    let fails = method("IVssCreateWriterMetadata::AddAlternateLocationMapping", None);
    if let Some(writer) = plan.writers.first_mut() {
        writer.handlers.insert(WriterEvent::Identify, [fails, Op::Return(true)].into());
    }
    let (outcome, trace) = run_plan(None, &Arc::new(plan));
    assert_eq!(outcome.broken, None);
    let failed = |what: &What| matches!(what, What::Return { hresult: HResult::E_INVALIDARG, .. });
    assert!(trace.records.iter().any(|record| failed(&record.what)));
}

#[test]
fn whatever_a_failed_call_leaves_behind_is_noticed() {
    for (what, leak) in LEAKS {
        let (outcome, trace) = run_with(Some(leak), method(START, Some(HResult::E_OUTOFMEMORY)));
        let broken = outcome.broken.map(|broken| broken.invariant);
        assert_eq!(broken, Some(Invariant::FailureChangesNothing), "{what}");
        assert_eq!(digests(&trace), Some((Some(HResult::S_OK), false)), "{what}: on record, so that it does not count");
        let (outcome, _) = run_with(Some(leak), method("IVssBackupComponents::DoSnapshotSet", None));
        let broken = outcome.broken.map(|broken| broken.invariant);
        assert_eq!(broken, Some(Invariant::FailureChangesNothing), "{what}, by a call that fails by itself");
    }
}
