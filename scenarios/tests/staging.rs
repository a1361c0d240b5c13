//! The ready scenarios run, and come out as they say.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::sync::Arc;

use vssim_scenarios::library::LIBRARY;
use vssim_scenarios::{NoFiles, Scenario, stage};
use vssim_sim::run::run;

#[test]
fn every_ready_scenario_runs_without_breaking_an_invariant() {
    for entry in LIBRARY {
        let scenario = Scenario::parse(entry.name, entry.text).unwrap_or_else(|errors| panic!("{errors}"));
        let staged = stage(&scenario, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"));
        let plan = Arc::new(staged.plan);
        for seed in 0..5 {
            let (outcome, trace) = run(&plan, seed).unwrap();
            assert_eq!(outcome.broken, None, "{}", entry.name);
            assert!(!outcome.endless, "{}", entry.name);
            let io = trace.records.iter().filter(|record| matches!(record.what, vssim_model::trace::What::Io { .. }));
            println!(
                "{} {seed}: {} records, {} of I/O, {:?}",
                entry.name,
                trace.records.len(),
                io.count(),
                outcome.world.now
            );
        }
    }
}
