//! Backups and restores that go on at once keep out of each other's way.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::sync::Arc;

use vssim_conformance::{Bound, judge};
use vssim_scenarios::expectations::check;
use vssim_scenarios::{NoFiles, Scenario, stage};
use vssim_sim::run::run;

/// Runs a scenario and gives what comes out otherwise than it says, and the rules that the service broke.
fn wrong(name: &str, text: &str, seed: u64) -> Vec<String> {
    let scenario = Scenario::parse(name, text).unwrap_or_else(|errors| panic!("{errors}"));
    let staged = stage(&scenario, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"));
    let (outcome, trace) = run(&Arc::new(staged.plan.clone()), seed).unwrap();
    assert_eq!(outcome.broken, None, "{name}, seed {seed}");
    let report = judge(&trace);
    let by_service = report.violated().filter(|(rule, _)| rule.actor == Bound::Service);
    let mut wrong: Vec<String> =
        by_service.map(|(rule, findings)| format!("{seed}: {}: {findings:?}", rule.id)).collect();
    let unmet = check(&staged.expectations, &trace, &[], &outcome.world).into_iter();
    wrong.extend(unmet.filter(|one| !one.met).map(|one| format!("{seed}: {}: {}", one.name, one.detail)));
    wrong
}

#[test]
fn what_an_abort_of_a_released_backup_answers_moves_no_other_backup() {
    let text = include_str!("../data/sessions/late-abort.yaml");
    let wrong: Vec<String> = (1..=30).flat_map(|seed| wrong("late-abort", text, seed)).collect();
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_writer_that_never_heard_of_a_cancelled_backup_is_not_told_of_its_end() {
    assert_eq!(wrong("never-told", include_str!("../data/sessions/never-told.yaml"), 1), [""; 0]);
}

#[test]
fn a_writer_that_has_room_again_gets_the_events_of_a_repeated_prepare_for_backup() {
    assert_eq!(wrong("room-later", include_str!("../data/sessions/room-later.yaml"), 1), [""; 0]);
}
