//! Full diff areas, limits and lost volumes, from the scenario to the event log: what volsnap writes, in which order, and what the
//! requester learns.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::sync::Arc;

use vssim_conformance::judge;
use vssim_model::api::Out;
use vssim_model::hresult::HResult;
use vssim_model::ids::SnapshotId;
use vssim_model::release::Release;
use vssim_model::states::SnapshotState;
use vssim_model::trace::{Trace, What};
use vssim_scenarios::library::find;
use vssim_scenarios::{NoFiles, Scenario, Staged, stage};
use vssim_sim::run::run;

fn staged(text: &str) -> Staged {
    let scenario = Scenario::parse("test.yaml", text).unwrap_or_else(|errors| panic!("{errors}"));
    stage(&scenario, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"))
}

fn lesson(name: &str) -> Staged {
    staged(find(name).unwrap().text)
}

/// A run in which no invariant and no rule is broken.
fn clean(staged: &Staged, seed: u64) -> Trace {
    let (outcome, trace) = run(&Arc::new(staged.plan.clone()), seed).unwrap();
    assert_eq!((outcome.broken, outcome.endless), (None, false), "seed {seed}");
    let report = judge(&trace);
    let broken: Vec<&str> = report.violated().map(|(rule, _)| rule.id).collect();
    assert_eq!(broken, [] as [&str; 0], "seed {seed}");
    trace
}

/// The ids of volsnap's entries, in order.
fn volsnap(trace: &Trace) -> Vec<u32> {
    let entries = trace.records.iter().filter_map(|record| match &record.what {
        What::EventLog(entry) if entry.source == "volsnap" => entry.id,
        _ => None,
    });
    entries.collect()
}

fn outcomes(trace: &Trace) -> Vec<HResult> {
    let ends = trace.records.iter().filter_map(|record| match &record.what {
        What::AsyncEnd { hresult, .. } => Some(*hresult),
        _ => None,
    });
    ends.collect()
}

#[test]
fn volsnap_tells_a_shortage_in_the_order_of_what_happens() {
    let lessons: [(&str, &[u32]); 7] = [
        ("full-area-loses-the-oldest", &[24, 33]),
        ("full-area-loses-the-only-copy", &[24, 35]),
        ("diff-area-limit-reached", &[33, 38, 36]),
        ("diff-area-host-full", &[23, 24, 35]),
        ("diff-area-grows-too-slowly", &[25]),
        ("diff-area-io-error", &[14, 1]),
        ("diff-area-volume-dismounted", &[16, 16]),
    ];
    for (name, expected) in lessons {
        for seed in 1..=3 {
            assert_eq!(volsnap(&clean(&lesson(name), seed)), expected, "{name}, seed {seed}");
        }
    }
}

#[test]
fn a_release_writes_only_what_it_has() {
    let mut old = lesson("diff-area-limit-reached");
    old.plan.release = Release::WindowsXp;
    let (_, trace) = run(&Arc::new(old.plan), 1).unwrap();
    assert_eq!(volsnap(&trace), [] as [u32; 0]);
}

#[test]
fn the_oldest_client_accessible_copy_goes_and_no_other() {
    let mut few = lesson("client-accessible-limit");
    few.plan.max_shadow_copies = 3;
    let trace = clean(&few, 1);
    let made: Vec<SnapshotId> = copies_in(&trace, SnapshotState::Created);
    let gone = copies_in(&trace, SnapshotState::Deleted);
    assert_eq!((made.len(), gone.len()), (66, 62));
    // The first copy of all is not client accessible.
    assert_eq!(gone, made[1..63]);
}

fn copies_in(trace: &Trace, state: SnapshotState) -> Vec<SnapshotId> {
    let moved = trace.records.iter().filter_map(|record| match &record.what {
        What::SnapshotState { snapshot, to, .. } if *to == state => Some(*snapshot),
        _ => None,
    });
    moved.collect()
}

#[test]
fn a_new_copy_below_a_maximum_takes_the_place_of_the_oldest() {
    let text = find("diff-area-limit-reached").unwrap().text;
    // Room for two copies and no third; nothing is written.
    let text = text.replace("maximum: 400 KiB", "maximum: 160 KiB").replace("repeat: 2", "repeat: 3");
    let mut three = staged(&text);
    three.plan.incidents.clear();
    let trace = clean(&three, 1);
    assert_eq!(volsnap(&trace), [33]);
    assert_eq!(copies_in(&trace, SnapshotState::Created).len(), 3);
    assert_eq!(copies_in(&trace, SnapshotState::Deleted).len(), 1);
}

/// A shadow copy of D: whose area lies on E:, which is dismounted while the provider is in a callback.
fn dismounted_in(callback: &str) -> Trace {
    let text = format!(
        r"format: 1
name: dismounted
title: The volume of the diff area goes during the creation
release: server-2022
machine:
  name: HOST
  disks: [{{name: Disk0, size: 8 MiB}}]
  volumes:
    - {{name: 'D:', size: 4 MiB, diff_area: {{volume: 'E:'}}}}
    - {{name: 'E:', size: 4 MiB}}
  providers:
    - {{name: System provider, kind: system, callbacks: {{{callback}: {{takes: 5s}}}}}}
  incidents:
    - dismount: {{at: 3s, volume: 'E:'}}
requesters:
  - name: Backup
    script:
      - backup: {{volumes: ['D:'], context: VSS_CTX_FILE_SHARE_BACKUP}}
"
    );
    let (outcome, trace) = run(&Arc::new(staged(&text).plan), 1).unwrap();
    assert_eq!((outcome.broken, outcome.endless), (None, false));
    trace
}

#[test]
fn a_copy_that_is_lost_while_it_is_created_fails_the_creation() {
    let lost = dismounted_in("PostCommitSnapshots");
    assert_eq!(volsnap(&lost), [16]);
    assert!(outcomes(&lost).contains(&HResult::VSS_E_OBJECT_NOT_FOUND), "{:?}", outcomes(&lost));
    let unready = dismounted_in("PreCommitSnapshots");
    assert_eq!(volsnap(&unready), [16]);
    assert!(outcomes(&unready).contains(&HResult::VSS_E_PROVIDER_VETO), "{:?}", outcomes(&unready));
}

#[test]
fn components_whose_copy_was_lost_are_reported_as_not_backed_up() {
    let trace = clean(&lesson("full-area-loses-the-only-copy"), 1);
    let text = trace.records.iter().map(|record| format!("{:?}", record.what)).collect::<Vec<_>>();
    let reported: Vec<&String> = text.iter().filter(|what| what.contains("SetBackupSucceeded")).collect();
    assert_eq!(reported.len(), 1);
    assert!(reported[0].contains("succeeded: false"), "{reported:?}");
    let found = |what: &What| matches!(what, What::Return { out: Out::SnapshotProperties(_), .. });
    assert_eq!(trace.records.iter().filter(|record| found(&record.what)).count(), 1, "only before the loss");
}

#[test]
fn persistent_copies_outlive_their_object_and_others_do_not() {
    let text = find("full-area-loses-the-oldest").unwrap().text;
    let mut persistent = staged(text);
    persistent.plan.incidents.clear();
    assert_eq!(copies_in(&clean(&persistent, 1), SnapshotState::Deleted), []);
    let mut auto_release = staged(&text.replace("VSS_CTX_NAS_ROLLBACK", "VSS_CTX_FILE_SHARE_BACKUP"));
    auto_release.plan.incidents.clear();
    assert_eq!(copies_in(&clean(&auto_release, 1), SnapshotState::Deleted).len(), 2);
}
