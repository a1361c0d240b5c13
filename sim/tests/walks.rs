//! A small machine is backed up.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::sync::Arc;

use vssim_model::trace::{Consistency, Trace, What};
use vssim_sim::fixture::{Small, small};
use vssim_sim::plan::OpenChoices;
use vssim_sim::run::run;

fn backup(seed: u64) -> Trace {
    let what = Small { writers: 2, volumes: 2, transactions: Some(50), open: OpenChoices::default() };
    let (outcome, trace) = run(&Arc::new(small(what).unwrap()), seed).unwrap();
    assert_eq!(outcome.broken, None);
    trace
}

#[test]
fn a_full_backup_makes_copies_equal_to_their_references() {
    let trace = backup(7);
    let compared: Vec<(u64, u64)> = trace
        .records
        .iter()
        .filter_map(|record| match &record.what {
            What::Compared { compared, different, .. } => Some((*compared, *different)),
            _ => None,
        })
        .collect();
    assert!(!compared.is_empty());
    assert!(compared.iter().all(|&(compared, different)| compared > 0 && different == 0), "{compared:?}");
}

#[test]
fn a_writer_that_freezes_its_application_gives_clean_data() {
    for seed in 0..20 {
        let trace = backup(seed);
        let found: Vec<Consistency> = trace
            .records
            .iter()
            .filter_map(|record| match &record.what {
                What::Consistency { state, .. } => Some(*state),
                _ => None,
            })
            .collect();
        assert!(found.iter().all(|&state| state == Consistency::Clean) && !found.is_empty(), "{seed}: {found:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_another() {
    assert_eq!(backup(7), backup(7));
    assert_ne!(backup(7).records, backup(8).records);
}
