//! The ready scenarios run, and come out as they say.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the corpus is found by the environment, and said to be missing"
)]

use std::path::PathBuf;
use std::sync::Arc;

use vssim_model::trace::{Trace, What};
use vssim_scenarios::expectations::{Expectation, check};
use vssim_scenarios::library::{Entry, LIBRARY, Shelf, find};
use vssim_scenarios::{Files, NoFiles, Scenario, Staged, stage};
use vssim_sim::run::run;

/// The recorded corpus, where it is at hand.
struct Corpus(PathBuf);

impl Files for Corpus {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = path.strip_prefix("corpus:").unwrap_or(path);
        std::fs::read(self.0.join(path)).map_err(|error| error.to_string())
    }
}

fn corpus() -> Option<Corpus> {
    let root = std::env::var_os("VSSIM_CORPUS").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"));
    if root.is_dir() {
        return Some(Corpus(root));
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "the corpus is missing");
    println!("skipped: no corpus at {}", root.display());
    None
}

fn staged(entry: &Entry, files: &dyn Files) -> Staged {
    let scenario = Scenario::parse(entry.name, entry.text).unwrap_or_else(|errors| panic!("{errors}"));
    stage(&scenario, files).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Runs a ready scenario and answers what was expected and did not come out, rules apart.
fn unmet(name: &str, staged: &Staged, seed: u64) -> (Vec<Expectation>, Trace) {
    let (outcome, trace) = run(&Arc::new(staged.plan.clone()), seed).unwrap();
    assert_eq!(outcome.broken, None, "{name}, seed {seed}");
    assert!(!outcome.endless, "{name}, seed {seed}");
    let mut found = check(&staged.expectations, &trace, &[], &outcome.world);
    found.retain(|expectation| !expectation.met && expectation.name != "rules");
    (found, trace)
}

#[test]
fn every_ready_scenario_comes_out_as_it_says() {
    let corpus = corpus();
    let mut wrong = Vec::new();
    for entry in LIBRARY {
        let staged = match (entry.needs_corpus(), &corpus) {
            (false, _) => staged(entry, &NoFiles),
            (true, Some(corpus)) => staged(entry, corpus),
            (true, None) => continue,
        };
        for seed in 0..5 {
            let (found, _) = unmet(entry.name, &staged, seed);
            wrong.extend(found.into_iter().map(|one| format!("{} {seed}: {}: {}", entry.name, one.name, one.detail)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_state_of_the_data_is_the_same_for_every_seed() {
    for name in ["full-backup", "forgotten-freeze", "broken-hold", "database-on-two-volumes"] {
        let staged = staged(&find(name).unwrap(), &NoFiles);
        for seed in 0..100 {
            let (found, _) = unmet(name, &staged, seed);
            assert!(found.is_empty(), "{name}, seed {seed}: {found:#?}");
        }
    }
}

#[test]
fn the_first_scenario_can_be_read_at_one_sitting() {
    let staged = staged(&find("full-backup").unwrap(), &NoFiles);
    let (_, trace) = unmet("full-backup", &staged, 7);
    let is_io = |what: &What| matches!(what, What::Io { .. });
    let others = trace.records.iter().filter(|record| !is_io(&record.what)).count();
    let last = trace.records.last().unwrap().t;
    assert!(others < 450 && last.0 < 200_000_000, "{others} records besides I/O, {last}");
}

#[test]
fn every_lesson_teaches() {
    let lessons = LIBRARY.iter().filter(|entry| entry.shelf == Shelf::Lesson);
    assert!(lessons.count() >= 12);
}

#[test]
fn what_a_call_must_hand_back_may_be_what_another_one_did() {
    let entry = find("what-a-handler-may-ask").unwrap();
    let of = |text: &str| {
        let staged = stage(&Scenario::parse(entry.name, text).unwrap(), &NoFiles).unwrap();
        let (outcome, trace) = run(&Arc::new(staged.plan), 1).unwrap();
        let all = check(&staged.expectations, &trace, &[], &outcome.world);
        all.into_iter().filter(|one| !one.met).map(|one| one.detail).collect::<Vec<_>>()
    };
    assert_eq!(of(entry.text), [""; 0]);
    let other = entry.text.replace("GetCurrentSnapshotSetId, as: set", "GetCurrentSnapshotSetId");
    let other = other.replace("GetSessionId, as: session", "GetSessionId, as: set");
    assert!(of(&other).iter().any(|detail| detail.starts_with("expected return = ")), "the set is no session");
    let instance = entry.text.replacen("pidInstance: {instance_of: Index Writer}", "pidInstance: $session", 1);
    assert!(of(&instance).iter().any(|detail| detail.starts_with("expected pidInstance = ")));
}

/// What a call hands back is looked at also inside structures and lists, and against what earlier calls handed back.
#[test]
fn a_wrong_value_in_a_structure_is_found() {
    let unmet_in = |text: &str| {
        let scenario = Scenario::parse("values", text).unwrap_or_else(|errors| panic!("{errors}"));
        let staged = stage(&scenario, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"));
        unmet("values", &staged, 1).0.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    let text = VALUES;
    assert_eq!(unmet_in(text), Vec::<String>::new());
    for (right, wrong) in [
        ("m_lSnapshotsCount: 1", "m_lSnapshotsCount: 2"),
        ("pcWriters: 1", "pcWriters: 2"),
        ("m_SnapshotId: $copy", "m_SnapshotId: GUID_NULL"),
        ("pidInstance: {instance_of: Index Writer}", "pidInstance: $copy"),
        ("rgelt: [{Type: VSS_OBJECT_SNAPSHOT", "rgelt: [{Type: VSS_OBJECT_PROVIDER"),
    ] {
        let changed = text.replacen(right, wrong, 1);
        assert_ne!(changed, text, "{right}");
        assert_eq!(unmet_in(&changed).len(), 1, "{wrong}");
    }
}

/// A step that a misbehaviour puts before the handler's own shifts none of them.
#[test]
fn a_writer_that_changes_its_document_keeps_its_log_as_before() {
    let entry = find("logs-freed-and-kept").unwrap();
    let good = "      application: Shop\n      metadata:";
    let bad = "      application: Shop\n      misbehaviours: [changes_document_in: BackupComplete]\n      metadata:";
    let text = entry.text.replacen(good, bad, 1);
    assert_ne!(text, entry.text);
    let orders = |text: &str| {
        let staged = stage(&Scenario::parse(entry.name, text).unwrap(), &NoFiles).unwrap();
        let (found, trace) = unmet(entry.name, &staged, 1);
        assert!(found.is_empty(), "{found:#?}");
        let truncates = |what: &What| format!("{what:?}").contains("TruncateLog");
        trace.records.iter().filter(|record| truncates(&record.what)).count()
    };
    assert!(orders(entry.text) > 0);
    assert_eq!(orders(&text), orders(entry.text));
}

const VALUES: &str = r"
format: 1
name: values
title: Values
teaches: Values.
release: server-2022
machine:
  name: SERVER1
  disks: [{name: Disk0, size: 8 MiB}]
  volumes: [{name: 'D:', size: 8 MiB}]
  writers:
    - name: Index Writer
      create_files: 4 KiB
      metadata: {inline: {components: [{name: Index, files: [{path: 'D:\Index', spec: '*'}]}]}}
      main: [{subscribe: {}}, {sleep: 30s}, {restart: {after: 5s}}, {subscribe: {}}]
requesters:
  - name: Backup
    starts_at: 1m
    script:
      - CreateVssBackupComponents: {}
      - InitializeForBackup: {}
      - SetContext: {context: VSS_CTX_NAS_ROLLBACK}
      - StartSnapshotSet: {}
      - IsVolumeSupported: {volume: 'D:\'}
      - call: {method: IVssBackupComponents::AddToSnapshotSet, with: {pwszVolumeName: 'D:\', ProviderId: GUID_NULL}, as: copy}
      - DoSnapshotSet: {}
      - call:
          method: IVssBackupComponents::GetSnapshotProperties
          with: {SnapshotId: $copy}
          gives: {pProp: {m_lSnapshotsCount: 1, m_SnapshotId: $copy}}
      - call:
          method: IVssBackupComponents::Query
          with: {QueriedObjectId: GUID_NULL, eQueriedObjectType: VSS_OBJECT_NONE, eReturnedObjectsType: VSS_OBJECT_SNAPSHOT}
          as: all
      - call:
          method: IVssEnumObject::Next
          on: $all
          with: {celt: 1}
          gives: {rgelt: [{Type: VSS_OBJECT_SNAPSHOT, Obj: {Snap: {m_SnapshotId: $copy}}}]}
      - Release: {}
      - CreateVssBackupComponents: {}
      - InitializeForBackup: {}
      - GatherWriterMetadata: {}
      - call: {method: IVssBackupComponents::GetWriterMetadataCount, gives: {pcWriters: 1}}
      - call:
          method: IVssBackupComponents::GetWriterMetadata
          with: {iWriter: 0}
          gives: {pidInstance: {instance_of: Index Writer}}
          as: writer
      - Release: {}
";
