//! An expectation shows requirements only where it is met, and only of a machine that nobody broke.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use vssim_model::trace::Trace;
use vssim_scenarios::runs::{Run, once};
use vssim_scenarios::{NoFiles, Scenario, stage};

const SCENARIO: &str = r"format: 1
name: shows
title: A small backup
release: server-2019
machine:
  name: HOST
  disks: [{name: Disk0, size: 4 MiB}]
  volumes: [{name: 'C:', size: 1 MiB, files: [{file: {path: 'C:\kept.txt', size: 4 KiB, seed: 1}}]}]
  service: {defects: []}
requesters:
  - name: Backup
    script:
      - call: {method: CreateVssBackupComponents, shows: [BKP-ORD-001]}
      - Release: {}
expect:
  files: [{path: 'C:\kept.txt', seed: 1, shows: [BKP-ORD-002, BKP-ORD-003]}]
  no_files: ['C:\first.txt', {what: 'C:\second.txt', shows: [BKP-ORD-004]}]
";

fn ran(text: &str) -> Run {
    let scenario = Scenario::parse("shows", text).unwrap_or_else(|errors| panic!("{errors}"));
    let staged = stage(&scenario, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"));
    once(&staged, 1, &mut |trace: &Trace, _| (trace.clone(), Vec::new())).unwrap()
}

fn shown(run: &Run) -> Vec<&str> {
    run.shown.iter().map(String::as_str).collect()
}

#[test]
fn what_is_met_is_shown() {
    let run = ran(SCENARIO);
    assert_eq!(run.problems, Vec::<String>::new());
    assert_eq!(shown(&run), ["BKP-ORD-001", "BKP-ORD-002", "BKP-ORD-003", "BKP-ORD-004"]);
}

#[test]
fn what_is_not_met_is_not_shown() {
    let run = ran(&SCENARIO.replace("seed: 1, shows", "seed: 2, shows"));
    assert_eq!(run.problems.len(), 1, "{:?}", run.problems);
    assert_eq!(shown(&run), ["BKP-ORD-001", "BKP-ORD-004"]);
    let run = ran(&SCENARIO.replace(r"what: 'C:\second.txt'", r"what: 'C:\kept.txt'"));
    assert_eq!(shown(&run), ["BKP-ORD-001", "BKP-ORD-002", "BKP-ORD-003"]);
}

#[test]
fn a_service_with_a_planted_defect_shows_nothing() {
    let run = ran(&SCENARIO.replace("defects: []", "defects: [lock_kept]"));
    assert_eq!(run.problems, Vec::<String>::new());
    assert_eq!(shown(&run), Vec::<&str>::new());
}
