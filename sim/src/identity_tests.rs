//! Worlds that differ only in what files, stores and documents remember.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up fails")]

use std::sync::Arc;

use vssim_model::api::{BackupComponentsCall, BackupType};
use vssim_model::catalogue::find;
use vssim_model::documents::{
    BackupSchema, ComponentSpec, ComponentType, ExaminedMetadata, FileSpec, SourceType, UsageType, WriterMetadata,
};
use vssim_model::ids::WriterInstanceId;
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;

use super::*;
use crate::backup_store::BackupStore;
use crate::choices::Seeded;
use crate::fixture::{START, Small, full_backup, small};
use crate::plan::{OpenChoices, RequesterPlan, Span, Template};
use crate::record::Off;
use crate::run::build;
use crate::search::{Limits, search};
use crate::storage::WriteReport;
use crate::world::Step;

const HOUR: u64 = Ticks::from_secs(3600).0;

/// A full backup and an incremental one, whose writer names its files as differenced since this time; or names none.
fn plan(since: Option<u64>) -> Plan {
    with_application(since, None)
}

/// The same with an application that writes so often.
fn with_application(since: Option<u64>, transactions: Option<u32>) -> Plan {
    let mut plan = small(Small { writers: 1, volumes: 1, transactions, open: OpenChoices::default() }).unwrap();
    let writer = &mut plan.writers[0];
    let null = WriterInstanceId::NULL;
    let mut document =
        WriterMetadata::build(writer.class, null, "Writer 1", UsageType::UserData, SourceType::Other).unwrap();
    document.set_backup_schema(BackupSchema(BackupSchema::INCREMENTAL.0 | BackupSchema::LAST_MODIFY.0));
    document.add_component(&ComponentSpec::new(ComponentType::FileGroup, "", "Data")).unwrap();
    document.add_files_to_file_group("", "Data", &FileSpec::new("C:\\", "data.txt")).unwrap();
    writer.documents[0].document = document.finish();
    if let Some(since) = since {
        let call = |method, on, arguments: Vec<(&str, Value)>, save| {
            let arguments = arguments.into_iter().map(|(name, value)| (name.to_owned(), Argument::Value(value)));
            let (method, arguments) = (find(method).unwrap(), arguments.collect());
            Op::Method(Arc::new(MethodOp { method, on, arguments, injected: None, step: 0, save }))
        };
        let time = Value::Number(i64::try_from(since).unwrap());
        let with = vec![
            ("wszPath", Value::text("C:\\")),
            ("wszFilespec", Value::text("*")),
            ("bRecursive", Value::Flag(false)),
            ("ftLastModifyTime", time),
        ];
        let component = Argument::Saved { place: 0, path: Vec::new() };
        let script = [
            call("IVssWriterComponents::GetComponent", None, vec![("iComponent", Value::count(0))], Some(0)),
            call("IVssComponent::AddDifferencedFilesByLastModifyTime", Some(component), with, None),
        ];
        writer.handlers.insert(WriterEvent::PostSnapshot, script.into());
    }
    let mut script = full_backup(1, 1).to_vec();
    for op in &mut script {
        if let Op::Backup { call: Template::Call(BackupComponentsCall::SetBackupState { backup_type, .. }), .. } = op {
            *backup_type = BackupType::Incremental;
        }
    }
    let starts = Ticks::from_secs(10);
    plan.requesters.push(RequesterPlan { name: "Incremental".into(), starts, script: script.into() });
    plan
}

/// The states of a run, one after the other.
fn states(plan: Plan) -> Vec<World> {
    let mut choices = Seeded::new(1);
    let mut world = build(&Arc::new(plan), &mut choices).unwrap();
    let mut states = vec![world.clone()];
    while world.step(&mut Step { choices: &mut choices, recorder: &mut Off }).unwrap() {
        states.push(world.clone());
    }
    states
}

/// The first state with so many backups of which the last one was saved; nothing of it is under way any more.
fn after(plan: Plan, backups: usize) -> World {
    let all = states(plan);
    let idle = |world: &&World| world.service.objects.is_empty() && world.store.backups.len() == backups;
    all.iter().find(idle).unwrap().clone()
}

/// The same state, had its file been written at that moment; the bytes stay.
fn written_at(world: &World, moment: u64) -> World {
    let mut world = world.clone();
    let volume = world.plan.volumes[0].id;
    let file = world.storage.volume(volume).unwrap().files().find("data.txt").unwrap();
    let mut byte = [0];
    world.storage.read_file(volume, file, 0, &mut byte).unwrap();
    world.storage.set_time(moment);
    world.storage.write_file(volume, file, 0, &byte, &mut WriteReport::default()).unwrap();
    world.storage.set_time(world.plan.start + world.now.0);
    world
}

/// The same state, were this the moment that its first backup shows.
fn taken_at(world: &World, moment: u64) -> World {
    let mut world = world.clone();
    let store: &mut BackupStore = Arc::make_mut(&mut world.store);
    Arc::make_mut(&mut store.backups[0]).taken = moment;
    world
}

#[test]
fn a_file_written_before_a_backup_is_told_from_one_written_after_it() {
    let taken = START + 1000;
    let world = taken_at(&after(plan(Some(0)), 1), taken);
    let at = |moment| written_at(&world, moment).identity();
    // At the very moment of the backup a file counts as changed, so that is a case of its own.
    let cases = [at(taken - 1), at(taken), at(taken + 1), at(START + world.now.0)];
    for (one, identity) in cases.iter().enumerate() {
        assert!(cases.iter().skip(one + 1).all(|other| other != identity), "{one}");
    }
    // How long before or after does not matter: nothing is compared with those moments.
    assert_eq!(at(taken - HOUR), at(taken - 1));
    assert_eq!(at(taken + 1), at(taken + 2));
}

#[test]
fn the_moment_of_a_backup_counts_as_far_as_files_lie_between() {
    let world = written_at(&after(plan(Some(0)), 1), START + 100);
    let at = |moment| taken_at(&world, moment).identity();
    assert_ne!(at(START + 99), at(START + 100));
    assert_ne!(at(START + 100), at(START + 101));
    assert_eq!(at(START + 101), at(START + 102));
    // One that is still to come is met some time, so it counts how far it is.
    let now = START + world.now.0;
    assert_ne!(at(now + 1), at(now + 2));
}

#[test]
fn a_time_of_the_writer_is_compared_with_too() {
    let since = START + 500;
    let world = after(plan(Some(since)), 1);
    let at = |moment| written_at(&world, moment).identity();
    assert_ne!(at(since), at(since + 1));
    assert_ne!(at(since - 1), at(since));
    assert_eq!(at(since - 2), at(since - 1));
}

#[test]
fn without_differenced_files_no_moment_tells_states_apart() {
    let world = after(plan(None), 1);
    let taken = world.store.backups[0].taken;
    assert_eq!(written_at(&world, taken - 1).identity(), written_at(&world, taken + 1).identity());
    assert_eq!(taken_at(&world, 1).identity(), world.identity());
}

#[test]
fn the_same_run_on_another_day_has_the_same_states() {
    let later = Plan { start: START + 24 * HOUR, ..plan(Some(0)) };
    let (today, tomorrow) = (states(plan(Some(0))), states(later));
    assert_eq!(today.len(), tomorrow.len());
    for (one, other) in today.iter().zip(&tomorrow) {
        assert!(one.identity() == other.identity(), "at {}", one.now);
    }
}

#[test]
fn a_backup_that_is_copied_but_not_saved_is_told_from_one_that_nobody_knows() {
    let copied = |world: &&World| !world.service.objects.is_empty() && world.store.backups.len() == 1;
    let world = states(plan(Some(0))).iter().find(copied).unwrap().clone();
    let mut forgotten = world.clone();
    forgotten.copying = crate::copying::Copying::default();
    assert_ne!(forgotten.identity(), world.identity());
}

#[test]
fn all_that_a_store_holds_tells_states_apart() {
    let world = after(plan(Some(0)), 2);
    let changed = |change: &dyn Fn(&mut crate::backup_store::StoredBackup)| {
        let mut world = world.clone();
        change(Arc::make_mut(&mut Arc::make_mut(&mut world.store).backups[0]));
        world.identity()
    };
    let file = |change: &dyn Fn(&mut crate::backup_store::StoredFile)| {
        changed(&|backup| {
            let stored = backup.components.values_mut().next().unwrap();
            change(&mut stored.files[0]);
        })
    };
    let cases = [
        world.identity(),
        changed(&|backup| backup.name.push('x')),
        changed(&|backup| backup.backup_type = BackupType::Copy),
        changed(&|backup| {
            backup.backup_components =
                backup.backup_components.replace("data", "other").replace("Data", "Other").into();
        }),
        changed(&|backup| backup.writer_metadata.clear()),
        changed(&|backup| backup.components.clear()),
        changed(&|backup| backup.components.values_mut().for_each(|stored| stored.succeeded = Some(false))),
        changed(&|backup| backup.components.values_mut().for_each(|stored| stored.stamp = Some("s".to_owned()))),
        file(&|file| file.path.push('x')),
        file(&|file| file.read_from = Some("C:\\other".to_owned())),
        file(&|file| file.live = !file.live),
        file(&|file| file.size += 1),
        file(&|file| file.whole = !file.whole),
        file(&|file| file.parts.clear()),
        file(&|file| file.parts[0].0 += 1),
    ];
    let apart: BTreeSet<u128> = cases.iter().copied().collect();
    assert_eq!(apart.len(), cases.len());
}

#[test]
fn random_ids_of_a_document_count_by_their_place() {
    let hash = |text: &str| {
        let mut state = Xxh3::new();
        hash_document(text, &mut Ids::default(), &mut state);
        state.digest128()
    };
    let text = |set: &str, one: &str, other: &str, name: &str| {
        format!(r#"<A snapshotSetId="{set}"><B instanceId="{one}"/><B instanceId="{other}" name="{name}"/></A>"#)
    };
    assert_eq!(hash(&text("1", "2", "3", "n")), hash(&text("7", "8", "9", "n")));
    assert_ne!(hash(&text("1", "2", "3", "n")), hash(&text("1", "2", "2", "n")));
    assert_ne!(hash(&text("1", "2", "3", "n")), hash(&text("1", "2", "3", "m")));
}

#[test]
fn an_id_of_a_document_is_that_of_the_writer_that_is_there() {
    let world = after(plan(None), 1);
    let (there, gone) = (world.service.writers[0].instance.0, WriterInstanceId(Guid(0x77)));
    let named = |instance: WriterInstanceId| {
        let mut world = world.clone();
        let backup = Arc::make_mut(&mut Arc::make_mut(&mut world.store).backups[0]);
        backup.backup_components = format!(r#"<A instanceId="{}"/>"#, instance.0).into();
        backup.writer_metadata.clear();
        backup.components.clear();
        world.identity()
    };
    assert_ne!(named(there), named(gone));
    assert_eq!(named(gone), named(WriterInstanceId(Guid(0x78))));
}

#[test]
fn components_of_alike_writers_count_in_an_order_that_their_instances_do_not_decide() {
    let world = after(plan(None), 1);
    let stored = |one: u128, other: u128, named: bool| {
        let mut world = world.clone();
        let backup = Arc::make_mut(&mut Arc::make_mut(&mut world.store).backups[0]);
        let [one, other] = [one, other].map(|instance| WriterInstanceId(Guid(instance)));
        let text = format!(r#"<A instanceId="{}"/><B instanceId="{}"/>"#, one.0, other.0);
        backup.backup_components = if named { text.into() } else { "".into() };
        backup.writer_metadata.clear();
        let (name, stored) = backup.components.pop_first().unwrap();
        let failed = crate::backup_store::StoredComponent { succeeded: Some(false), ..stored.clone() };
        backup.components.clear();
        let of = |instance| vssim_model::api::ComponentName { instance, ..name.clone() };
        backup.components.extend([(of(one), stored), (of(other), failed)]);
        world.identity()
    };
    for named in [true, false] {
        assert_eq!(stored(1, 2, named), stored(2, 1, named), "{named}");
    }
    assert_ne!(stored(1, 2, true), stored(1, 2, false));
}

#[test]
fn what_an_express_writer_says_tells_states_apart() {
    let world = after(plan(None), 1);
    let with = |instance: u128, component: &str| {
        let text = format!(
            r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2"><IDENTIFICATION
            writerId="{}" instanceId="{}" friendlyName="Print" usage="SYSTEM_SERVICE"
            dataSource="OTHER"/><RESTORE_METHOD method="RESTORE_IF_CAN_BE_REPLACED" writerRestore="never"
            rebootRequired="no"/><BACKUP_LOCATIONS><FILE_GROUP componentName="{component}" restoreMetadata="no"
            notifyOnBackupComplete="no" selectable="yes" selectableForRestore="no"
            componentFlags="0"/></BACKUP_LOCATIONS></WRITER_METADATA>"#,
            Guid(5),
            Guid(instance)
        );
        let mut world = world.clone();
        world.service.register_express(ExaminedMetadata::load(text.as_bytes()).unwrap()).unwrap();
        world.identity()
    };
    assert_ne!(with(1, "Settings"), with(1, "Queues"));
    assert_eq!(with(1, "Settings"), with(2, "Settings"));
}

#[test]
fn a_search_over_differenced_files_ends() {
    let mut plan = with_application(Some(0), Some(3));
    // It writes before the first backup or after it, and so for the second one.
    plan.applications[0].pause = Span { min: Ticks::from_millis(40), max: Ticks::from_millis(400) };
    plan.requesters[1].starts = Ticks::from_millis(150);
    plan.open = OpenChoices { crashes: true, vetoes: false };
    let found = search(&Arc::new(plan), Limits { states: 200_000 }).unwrap();
    assert_eq!(found.violation, None);
    assert!(found.complete && found.ends > 1, "{found:?}");
}
