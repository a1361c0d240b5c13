//! Express writers in backups: who lists them, under what name, and for how long.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up fails")]

use std::sync::Arc;

use vssim_model::api::{BackupComponentsCall as B, Call, ComponentName, MethodCall, Out, Value, WriterStatus};
use vssim_model::catalogue::find;
use vssim_model::documents::Damage;
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, WriterClassId, WriterInstanceId};
use vssim_model::states::WriterState;
use vssim_model::time::Ticks;

use super::Caller;
use crate::fixture::{Small, small};
use crate::message::Answer;
use crate::plan::{ActorId, OpenChoices};
use crate::service::{Effect, Planted, PlantedInto, Service};

const CLASS: WriterClassId = WriterClassId(Guid(0xe0));
const INSTANCE: WriterInstanceId = WriterInstanceId(Guid(0xe1));
const PLAN_INSTANCE: WriterInstanceId = WriterInstanceId(Guid(7));

/// A machine with one writer that has a process.
fn service() -> Service {
    let plan = small(Small { writers: 1, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap();
    let mut service = Service::new(Arc::new(plan), &[PLAN_INSTANCE]);
    service.prepare_documents();
    service
}

/// The metadata of an express writer with one component.
fn text(instance: WriterInstanceId, component: &str) -> String {
    of_class(CLASS, instance, component)
}

/// The same for any class.
fn of_class(class: WriterClassId, instance: WriterInstanceId, component: &str) -> String {
    format!(
        r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2"><IDENTIFICATION writerId="{}"
        instanceId="{}" friendlyName="Print" usage="SYSTEM_SERVICE" dataSource="OTHER"/><RESTORE_METHOD
        method="RESTORE_IF_CAN_BE_REPLACED" writerRestore="never" rebootRequired="no"/><BACKUP_LOCATIONS><FILE_GROUP
        componentName="{component}" restoreMetadata="no" notifyOnBackupComplete="no" selectable="yes"
        selectableForRestore="no" componentFlags="0"/></BACKUP_LOCATIONS></WRITER_METADATA>"#,
        class.0, instance.0
    )
}

fn make(service: &mut Service, on: Value, method: &str, with: &[(&str, Value)]) -> (HResult, Out, MethodCall) {
    let mut call = MethodCall::new(find(method).unwrap());
    call.on = on;
    call.arguments = with.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    service.take_effects();
    let caller = Caller { actor: ActorId::Requester(0), slot: 0, object: 0, delivery: None };
    service.method_called(caller, &call, Ticks::ZERO);
    let (code, out) = returned(service);
    (code, out, call)
}

fn returned(service: &mut Service) -> (HResult, Out) {
    let effects = service.take_effects().into_iter();
    let mut returns = effects.filter_map(|effect| match effect {
        Effect::Return(_, code, out) => Some((code, out)),
        _ => None,
    });
    returns.next().unwrap()
}

/// An IVssExpressWriter with this metadata.
fn loaded(service: &mut Service, metadata: &str) -> Value {
    let (_, out, call) = make(service, Value::Null, "CreateVssExpressWriter", &[]);
    let writer = out.by_parameter(&call)["ppWriter"].clone();
    let load = make(service, writer.clone(), "IVssExpressWriter::LoadMetadata", &[("metadata", Value::text(metadata))]);
    assert_eq!(load.0, HResult::S_OK);
    writer
}

fn register(service: &mut Service, metadata: &str) -> HResult {
    let writer = loaded(service, metadata);
    make(service, writer, "IVssExpressWriter::Register", &[]).0
}

fn unregister(service: &mut Service) -> HResult {
    let (_, out, call) = make(service, Value::Null, "CreateVssExpressWriter", &[]);
    let writer = out.by_parameter(&call)["ppWriter"].clone();
    make(service, writer, "IVssExpressWriter::Unregister", &[("writerId", Value::guid(CLASS.0))]).0
}

fn ask(service: &mut Service, object: u32, call: B) -> (HResult, Out) {
    service.take_effects();
    service.requester_calls(0, 0, object, &Call::BackupComponents(call), Ticks::ZERO);
    // Whoever has a process answers at once.
    let mut effects = service.take_effects();
    let mut answered = Vec::new();
    while let Some(effect) = (!effects.is_empty()).then(|| effects.remove(0)) {
        if let Effect::Raise { delivery, writer, .. } = effect {
            assert_eq!(writer, 0, "an event to somebody without a process");
            service.answered(delivery, &Answer::Handled { returned: true, failure: None }, Ticks::ZERO);
            effects.extend(service.take_effects());
        }
        answered.push(effect);
    }
    let mut returns = answered.into_iter().filter_map(|effect| match effect {
        Effect::Return(_, code, out) => Some((code, out)),
        _ => None,
    });
    returns.next().unwrap()
}

/// A new backup components object that has gathered the writers' metadata.
fn gathered(service: &mut Service) -> u32 {
    let (_, out) = ask(service, 0, B::CreateVssBackupComponents);
    let Out::Object(object) = out else { panic!("{out:?}") };
    assert_eq!(ask(service, object, B::InitializeForBackup { xml: None }).0, HResult::S_OK);
    assert_eq!(ask(service, object, B::GatherWriterMetadata).0, HResult::S_OK);
    object
}

/// The instances that an object lists.
fn listed(service: &mut Service, object: u32) -> Vec<WriterInstanceId> {
    let (_, Out::Count(count)) = ask(service, object, B::GetWriterMetadataCount) else { panic!("no count") };
    let found = service.object_numbered(object).unwrap().1;
    let listed: Vec<_> =
        found.identified.iter().map(|&writer| service.gathered_metadata(writer).map_or(INSTANCE, |it| it.0)).collect();
    assert_eq!(listed.len(), count as usize);
    listed
}

fn add(service: &mut Service, object: u32, component: &str) -> HResult {
    let name = component.to_owned();
    let component = ComponentName { instance: INSTANCE, writer: CLASS, logical_path: String::new(), name };
    ask(service, object, B::AddComponent(component)).0
}

fn statuses(service: &mut Service, object: u32) -> Vec<WriterStatus> {
    assert_eq!(ask(service, object, B::GatherWriterStatus).0, HResult::S_OK);
    let found = service.object_numbered(object).unwrap().1;
    found.statuses.clone().unwrap()
}

#[test]
fn the_express_writers_of_the_store_are_listed_first_and_until_they_are_unregistered() {
    let mut service = service();
    assert_eq!(register(&mut service, &text(INSTANCE, "Settings")), HResult::S_OK);
    assert_eq!(register(&mut service, &text(INSTANCE, "Settings")), HResult::VSS_E_OBJECT_ALREADY_EXISTS);
    let object = gathered(&mut service);
    assert_eq!(listed(&mut service, object), [INSTANCE, PLAN_INSTANCE]);
    assert_eq!(unregister(&mut service), HResult::S_OK);
    assert_eq!(unregister(&mut service), HResult::VSS_E_OBJECT_NOT_FOUND);
    let later = gathered(&mut service);
    assert_eq!(listed(&mut service, later), [PLAN_INSTANCE]);
    // The first backup goes on with what it has.
    assert_eq!(listed(&mut service, object), [INSTANCE, PLAN_INSTANCE]);
    assert_eq!(add(&mut service, object, "Settings"), HResult::S_OK);
    assert_eq!(add(&mut service, later, "Settings"), HResult::E_INVALIDARG);
}

#[test]
fn a_backup_knows_the_registration_that_it_gathered_whatever_is_registered_under_the_same_ids() {
    let mut service = service();
    register(&mut service, &text(INSTANCE, "Old"));
    let old = gathered(&mut service);
    unregister(&mut service);
    assert_eq!(register(&mut service, &text(INSTANCE, "New")), HResult::S_OK);
    let new = gathered(&mut service);
    assert_eq!([add(&mut service, old, "Old"), add(&mut service, old, "New")], [HResult::S_OK, HResult::E_INVALIDARG]);
    assert_eq!([add(&mut service, new, "Old"), add(&mut service, new, "New")], [HResult::E_INVALIDARG, HResult::S_OK]);
}

#[test]
fn a_number_is_free_once_nobody_knows_its_writer() {
    let mut service = service();
    register(&mut service, &text(INSTANCE, "Old"));
    let object = gathered(&mut service);
    unregister(&mut service);
    assert_eq!(service.all_express().map(|(number, _)| number).collect::<Vec<_>>(), [1]);
    ask(&mut service, object, B::Release);
    assert_eq!(service.all_express().count(), 0);
    register(&mut service, &text(INSTANCE, "New"));
    assert_eq!(service.all_express().map(|(number, _)| number).collect::<Vec<_>>(), [1]);
}

#[test]
fn the_store_outlives_the_process_and_the_machines_run() {
    let mut service = service();
    register(&mut service, &text(INSTANCE, "Settings"));
    service.held.forget(ActorId::Requester(0));
    service.shut_down();
    service.start_writers(&[PLAN_INSTANCE]);
    let object = gathered(&mut service);
    assert_eq!(listed(&mut service, object), [INSTANCE, PLAN_INSTANCE]);
}

#[test]
fn an_express_writer_takes_part_in_no_event_even_where_components_are_not_selected() {
    let mut service = service();
    register(&mut service, &text(INSTANCE, "Settings"));
    let object = gathered(&mut service);
    let index = service.object_numbered(object).unwrap().0;
    assert_eq!(service.participants(index), [0]);
}

#[test]
fn an_express_writer_is_stable_until_it_leaves_the_store() {
    let mut service = service();
    register(&mut service, &text(INSTANCE, "Settings"));
    let object = gathered(&mut service);
    let of = |statuses: Vec<WriterStatus>| (statuses[0].name.clone(), statuses[0].state, statuses[0].failure);
    let before = statuses(&mut service, object);
    assert_eq!(of(before), ("Print".to_owned(), WriterState::Stable, HResult::S_OK));
    unregister(&mut service);
    let after = statuses(&mut service, object);
    assert_eq!(of(after), ("Print".to_owned(), WriterState::Unknown, HResult::VSS_E_WRITER_NOT_RESPONDING));
}

#[test]
fn damaged_metadata_in_the_store_is_listed_and_has_no_component() {
    let mut service = service();
    let damaged = text(INSTANCE, "Settings").replace(r#"selectable="yes""#, r#"selectable="perhaps""#);
    assert_eq!(register(&mut service, &damaged), HResult::S_OK);
    let object = gathered(&mut service);
    assert_eq!(listed(&mut service, object).len(), 2);
    assert_eq!(add(&mut service, object, "Settings"), HResult::E_INVALIDARG);
}

const OTHER: (WriterClassId, WriterInstanceId) = (WriterClassId(Guid(0xf0)), WriterInstanceId(Guid(0xf1)));

#[test]
fn a_writer_is_not_left_out_for_one_that_was_unregistered_before_it_came() {
    let mut service = service();
    register(&mut service, &text(INSTANCE, "Settings"));
    let (_, Out::Object(object)) = ask(&mut service, 0, B::CreateVssBackupComponents) else { panic!("no object") };
    ask(&mut service, object, B::InitializeForBackup { xml: None });
    let instances = vec![INSTANCE];
    assert_eq!(ask(&mut service, object, B::DisableWriterInstances { instances }).0, HResult::S_OK);
    unregister(&mut service);
    register(&mut service, &of_class(OTHER.0, OTHER.1, "Settings"));
    ask(&mut service, object, B::GatherWriterMetadata);
    assert_eq!(listed(&mut service, object), [OTHER.1, PLAN_INSTANCE]);
    // The instance that was named is left out whatever its number.
    register(&mut service, &text(INSTANCE, "Settings"));
    let index = service.object_numbered(object).unwrap().0;
    service.gather_express(index);
    assert_eq!(listed(&mut service, object), [OTHER.1, PLAN_INSTANCE]);
}

#[test]
fn a_writer_has_no_part_in_the_damage_of_one_that_was_unregistered_before_it_came() {
    let mut service = service();
    register(&mut service, &text(INSTANCE, "Settings"));
    let object = gathered(&mut service);
    let attribute = Some("usage".to_owned());
    let fault = Damage { element: "IDENTIFICATION".to_owned(), which: 0, attribute, value: None };
    let planted = Planted { object, into: PlantedInto::Gathered(1), fault };
    service.damage(ActorId::Requester(0), None, &planted);
    let index = service.object_numbered(object).unwrap().0;
    let is_sound = |service: &Service, writer| service.examined_metadata(index, writer).unwrap().identity().is_ok();
    assert!(!is_sound(&service, 1));
    unregister(&mut service);
    // A second gathering, after one that failed, no longer lists it.
    service.gather_express(index);
    service.forget_express();
    register(&mut service, &of_class(OTHER.0, OTHER.1, "Settings"));
    service.gather_express(index);
    assert_eq!(listed(&mut service, object), [OTHER.1, PLAN_INSTANCE]);
    let writer = service.object_numbered(object).unwrap().1.identified[0];
    assert!(is_sound(&service, writer));
}

#[test]
fn a_class_may_be_left_out_before_its_writer_is_registered() {
    let mut service = service();
    let choices: [(B, usize); 3] = [
        (B::EnableWriterClasses { classes: vec![CLASS] }, 1),
        (B::DisableWriterClasses { classes: vec![CLASS] }, 1),
        (B::EnableWriterClasses { classes: Vec::new() }, 0),
    ];
    for (choice, count) in choices {
        let (_, out) = ask(&mut service, 0, B::CreateVssBackupComponents);
        let Out::Object(object) = out else { panic!("{out:?}") };
        ask(&mut service, object, B::InitializeForBackup { xml: None });
        assert_eq!(ask(&mut service, object, choice.clone()).0, HResult::S_OK);
        register(&mut service, &text(INSTANCE, "Settings"));
        assert_eq!(ask(&mut service, object, B::GatherWriterMetadata).0, HResult::S_OK);
        assert_eq!(listed(&mut service, object).len(), count, "{choice:?}");
        unregister(&mut service);
    }
}
