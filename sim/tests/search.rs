//! The exhaustive search of a small machine: two writers, one provider, one requester.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::sync::Arc;

use vssim_model::trace::What;
use vssim_sim::fixture::{Small, small};
use vssim_sim::invariant::Invariant;
use vssim_sim::plan::{OpenChoices, Plan, ServiceDefect};
use vssim_sim::search::{Found, Limits, replay, search};

fn machine(open: OpenChoices) -> Plan {
    small(Small { writers: 2, volumes: 1, transactions: None, open }).unwrap()
}

fn searched(plan: Plan) -> Found {
    search(&Arc::new(plan), Limits::default()).unwrap()
}

/// The counts are pinned: a change of the protocol, or of what tells two states apart, shows here.
#[test]
fn every_order_veto_and_crash_keeps_the_invariants() {
    let counts = |crashes, vetoes| {
        let found = searched(machine(OpenChoices { crashes, vetoes }));
        assert_eq!(found.violation, None);
        assert!(found.complete);
        (found.states, found.transitions, found.ends)
    };
    let all = [counts(false, false), counts(true, false), counts(false, true), counts(true, true)];
    insta::assert_debug_snapshot!(all);
}

#[test]
fn an_application_that_writes_meanwhile_keeps_the_invariants() {
    let open = OpenChoices { crashes: true, vetoes: false };
    let what = Small { writers: 1, volumes: 2, transactions: Some(2), open };
    let found = searched(small(what).unwrap());
    assert_eq!(found.violation, None);
    assert!(found.complete && found.ends > 0);
}

#[test]
fn a_planted_defect_is_found_with_a_path_that_replays() {
    let never_thawed = [ServiceDefect::ThawSkipsAWriter, ServiceDefect::NoFreezeWindow];
    for defect in [&never_thawed[..], &[ServiceDefect::LockKept]] {
        let mut plan = machine(OpenChoices { crashes: false, vetoes: true });
        plan.defects.extend(defect);
        let plan = Arc::new(plan);
        let violation = search(&plan, Limits::default()).unwrap().violation.unwrap();
        assert_eq!(violation.broken.invariant, Invariant::NothingLeftBehind, "{defect:?}");

        let (outcome, trace) = replay(&plan, violation.path.clone()).unwrap();
        assert_eq!(outcome.broken, Some(violation.broken), "{defect:?}");
        assert_eq!(outcome.events + 1, violation.events, "{defect:?}");
        assert!(matches!(trace.records.last().unwrap().what, What::Invariant { .. }));
    }
}

/// The lock that is kept is noticed where the shortest life of a requester ends: a crash behind StartSnapshotSet.
#[test]
fn the_path_to_a_violation_is_a_shortest_one() {
    let mut plan = machine(OpenChoices { crashes: true, vetoes: true });
    plan.defects.insert(ServiceDefect::LockKept);
    let violation = searched(plan).violation.unwrap();
    assert_eq!(violation.path.0.iter().filter(|&&choice| choice != 0).count(), 1, "{:?}", violation.path);
}

#[test]
fn a_search_that_may_not_see_every_state_says_so() {
    let plan = Arc::new(machine(OpenChoices::default()));
    let found = search(&plan, Limits { states: 10 }).unwrap();
    assert!(!found.complete);
    assert_eq!(found.states, 10);
}
