//! What the service says of shadow copies and what lies on the volumes are the same: after every ready scenario, in random
//! histories of creations, deletions and restarts, and of copies that came with an image.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use vssim_model::api::{Call, Value};
use vssim_model::ids::{Guid, SnapshotId};
use vssim_model::states::SnapshotState;
use vssim_model::trace::{CallId, Trace, What};
use vssim_scenarios::expectations::check;
use vssim_scenarios::library::{LIBRARY, Shelf};
use vssim_scenarios::{Files, NoFiles, Scenario, Staged, stage};
use vssim_sim::disk_format::ReadAt;
use vssim_sim::disk_format::device::ReadError;
use vssim_sim::plan::ImageSource;
use vssim_sim::run::{Images, Outcome, run, run_with};

fn staged(name: &str, text: &str) -> Staged {
    staged_with(name, text, &NoFiles)
}

fn staged_with(name: &str, text: &str, files: &dyn Files) -> Staged {
    let scenario = Scenario::parse(name, text).unwrap_or_else(|errors| panic!("{errors}"));
    stage(&scenario, files).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The shadow copies that the service calls created.
fn known(outcome: &Outcome) -> BTreeSet<SnapshotId> {
    let shadows = outcome.world.service.sets.iter().flat_map(|(_, set)| &set.shadows);
    shadows.filter(|shadow| shadow.state == SnapshotState::Created).map(|shadow| shadow.id.0).collect()
}

/// The shadow copies that lie on the volumes.
fn there(outcome: &Outcome) -> BTreeSet<SnapshotId> {
    let storage = &outcome.world.storage;
    storage.volumes().iter().flat_map(|volume| storage.snapshots(volume.id()).unwrap().map(|copy| copy.id())).collect()
}

/// What each Next gave back against the copies that were created and not deleted by then. Gives how many lists were compared.
fn lists_are_true(trace: &Trace) -> usize {
    let mut live: BTreeSet<Guid> = BTreeSet::new();
    let (mut lists, mut at_query) = (0, BTreeSet::new());
    let mut calls: Vec<(CallId, &str)> = Vec::new();
    for record in &trace.records {
        match &record.what {
            What::SnapshotState { snapshot, to: SnapshotState::Created, .. } => drop(live.insert(snapshot.0)),
            What::SnapshotState { snapshot, from: SnapshotState::Created, .. } => drop(live.remove(&snapshot.0)),
            What::Call { id, call: Call::Method(call), .. } => {
                if call.method.method.name == "Query" {
                    at_query.clone_from(&live);
                }
                calls.push((*id, call.method.method.name));
            }
            What::Return { id, out, .. } if calls.contains(&(*id, "Next")) => {
                let vssim_model::api::Out::Values(values) = out else { continue };
                let Some(Value::List(list)) = values.get("rgelt") else { continue };
                let id_of = |value: &Value| field(field(field(value, "Obj")?, "Snap")?, "m_SnapshotId")?.as_guid();
                let listed: BTreeSet<Guid> = list.iter().filter_map(id_of).collect();
                assert_eq!(listed, at_query, "record {}", record.n);
                lists += 1;
            }
            _ => {}
        }
    }
    lists
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Fields(fields) => fields.get(name),
        _ => None,
    }
}

#[test]
fn at_the_end_of_every_ready_scenario_the_service_knows_the_copies_that_lie_on_the_volumes() {
    let subjects = ["contexts/", "snapshots/", ""];
    for entry in LIBRARY.iter().filter(|entry| entry.shelf == Shelf::Lesson && subjects.contains(&entry.subject)) {
        // Five hundred copies tell no more than fifty.
        if entry.needs_corpus() || entry.text.contains("repeat: 51") {
            continue;
        }
        let (outcome, _) = run(&Arc::new(staged(entry.name, entry.text).plan), 1).unwrap();
        assert_eq!(known(&outcome), there(&outcome), "{}", entry.name);
    }
}

const MACHINE: &str = r"format: 1
name: history
title: A random history
teaches: Nothing.
release: server-2022
machine:
  name: SERVER1
  disks: [{name: Disk0, size: 48 MiB}]
  volumes:
    - {name: 'D:', size: 24 MiB, files: [{file: {path: 'D:\letter.doc', size: 64 KiB}}], diff_area: {volume: 'D:', initial: 80 KiB}}
    - {name: 'E:', size: 24 MiB, files: [{file: {path: 'E:\letter.doc', size: 64 KiB}}], diff_area: {volume: 'D:', initial: 80 KiB}}
";

const QUERY: &str = "
      - call: {method: 'IVssBackupComponents::Query', with: {QueriedObjectId: GUID_NULL, eQueriedObjectType: VSS_OBJECT_NONE, eReturnedObjectsType: VSS_OBJECT_SNAPSHOT}, as: all}
      - call: {method: 'IVssEnumObject::Next', on: $all, with: {celt: 64}, expect: S_FALSE, as: found}";

/// A requester that queries, then deletes, and queries again.
fn deletion(which: u8, set: bool) -> String {
    let (kind, id) =
        if set { ("VSS_OBJECT_SNAPSHOT_SET", "m_SnapshotSetId") } else { ("VSS_OBJECT_SNAPSHOT", "m_SnapshotId") };
    // There may be no such copy; the code is then another one, which is of no interest here.
    format!(
        "      - CreateVssBackupComponents: {{}}
      - InitializeForBackup: {{}}
      - SetContext: {{context: VSS_CTX_ALL}}{QUERY}
      - call: {{method: 'IVssBackupComponents::DeleteSnapshots', with: {{SourceObjectId: $found.rgelt.{which}.Obj.Snap.{id}, eSourceObjectType: {kind}, bForceDelete: true}}}}{QUERY}
      - Release: {{}}\n"
    )
}

/// One step of a history: a backup in a context, or a deletion.
fn step(step: u8, which: u8) -> String {
    let contexts = ["VSS_CTX_FILE_SHARE_BACKUP", "VSS_CTX_NAS_ROLLBACK", "VSS_CTX_CLIENT_ACCESSIBLE"];
    let volumes = ["'D:'", "'E:'", "'D:', 'E:'"];
    match contexts.get(usize::from(step)) {
        Some(context) => {
            let volumes = volumes[usize::from(which) % 3];
            format!("      - backup: {{volumes: [{volumes}], context: {context}, copy_takes: 1s}}\n")
        }
        None => deletion(which, step.is_multiple_of(2)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_query_lists_what_exists_whatever_was_created_deleted_and_restarted(
        steps in proptest::collection::vec((0_u8..6, 0_u8..5), 1..12),
        reboots in proptest::collection::vec(0_u32..700, 0..3),
        seed in any::<u64>(),
    ) {
        let mut text = MACHINE.to_owned();
        text.push_str("  incidents:\n    - reboot: {at: 2h}\n");
        for at in reboots {
            text.push_str(&format!("    - reboot: {{at: {at}s}}\n"));
        }
        text.push_str("requesters:\n");
        for (number, (what, which)) in steps.iter().enumerate() {
            // Some of them overlap the restarts.
            text.push_str(&format!("  - name: Step {number}\n    starts_at: {}s\n    script:\n{}", 60 * number, step(*what, *which)));
        }
        text.push_str(&format!("  - name: Last\n    starts_at: 3h\n    script:\n{}expect: {{}}\n", deletion(0, false)));
        let (outcome, trace) = run(&Arc::new(staged("history", &text).plan), seed).unwrap();
        prop_assert_eq!(outcome.broken.clone(), None);
        prop_assert!(lists_are_true(&trace) > 0);
        prop_assert_eq!(known(&outcome), there(&outcome));
        for copy in there(&outcome) {
            let compared = outcome.world.storage.compare(copy).unwrap();
            prop_assert!(compared.is_none_or(|compared| compared.different == 0));
        }
    }
}

/// The bytes of the volume of an earlier run.
struct Kept(Vec<u8>);

impl Files for Kept {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("there is one image and no other file".to_owned())
    }

    fn image_size(&self, _: &ImageSource) -> Result<u64, String> {
        Ok(self.0.len() as u64)
    }
}

impl Images for Kept {
    fn open(&self, _: &ImageSource) -> Result<Box<dyn ReadAt>, String> {
        Ok(Box::new(Bytes(self.0.clone())))
    }
}

struct Bytes(Vec<u8>);

impl ReadAt for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.0[..].read_at(offset, into)
    }
}

/// Two machines: the second begins with the volume that the first leaves behind.
#[test]
fn shadow_copies_that_came_with_an_image_are_listed_told_of_and_deleted() {
    let first = staged(
        "history",
        &format!("{MACHINE}requesters:\n  - name: First\n    repeat: 2\n    script:\n{}expect: {{}}\n", step(1, 0)),
    );
    let (before, _) = run(&Arc::new(first.plan), 1).unwrap();
    let volume = before.world.storage.volumes().first().unwrap();
    let mut bytes = vec![0; usize::try_from(volume.size()).unwrap()];
    volume.store().read(0, &mut bytes).unwrap();
    let kept = there(&before);
    assert_eq!(kept.len(), 2);

    let text = format!(
        "format: 1
name: later
title: Later
teaches: Nothing.
release: server-2022
machine:
  name: SERVER2
  disks: [{{name: Disk0, size: 24 MiB}}]
  volumes: [{{name: 'D:', image: kept.raw}}]
requesters:
  - name: Later
    script:
      - CreateVssBackupComponents: {{}}
      - InitializeForBackup: {{}}
      - SetContext: {{context: VSS_CTX_NAS_ROLLBACK}}{QUERY}
      - call: {{method: 'IVssBackupComponents::GetSnapshotProperties', with: {{SnapshotId: $found.rgelt.0.Obj.Snap.m_SnapshotId}}, gives: {{pProp: {{m_pwszOriginatingMachine: SERVER1, m_pwszServiceMachine: SERVER1, m_lSnapshotAttributes: 0x00020019, m_pwszOriginalVolumeName: {{guid_name_of: 'D:'}}, m_eStatus: VSS_SS_CREATED}}}}}}
      - call: {{method: 'IVssBackupComponents::DeleteSnapshots', with: {{SourceObjectId: $found.rgelt.0.Obj.Snap.m_SnapshotId, eSourceObjectType: VSS_OBJECT_SNAPSHOT, bForceDelete: false}}, gives: {{plDeletedSnapshots: 1}}}}{QUERY}
      - Release: {{}}
expect: {{}}
"
    );
    let kept_bytes = Kept(bytes);
    let later = staged_with("later", &text, &kept_bytes);
    let (outcome, trace) = run_with(&Arc::new(later.plan.clone()), 1, &kept_bytes).unwrap();
    assert_eq!(outcome.broken, None);
    let found = check(&later.expectations, &trace, &[], &outcome.world);
    let unmet: Vec<_> = found.into_iter().filter(|one| !one.met).collect();
    assert_eq!(unmet, []);
    assert_eq!(known(&outcome), there(&outcome));
    assert_eq!(known(&outcome).len(), 1);
    assert!(known(&outcome).is_subset(&kept));
}
