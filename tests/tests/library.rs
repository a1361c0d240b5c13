//! The ready scenarios and the rules: each scenario comes out as it says, and each rule is broken by the scenario of its
//! name, broken by none that does not name it, and kept by another.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::BTreeSet;
use std::sync::Arc;

use vssim_conformance::{CATALOGUE, Report, Verdict, judge};
use vssim_model::states::WriterEvent;
use vssim_model::trace::{ProcessEdge, Record, Trace, What};
use vssim_scenarios::expectations::check;
use vssim_scenarios::library::{Entry, LIBRARY, Shelf, find};
use vssim_scenarios::on_volumes::check_world;
use vssim_scenarios::{Files, NoFiles, Scenario, Staged, stage};
use vssim_sim::run::run;
use vssim_sim::world::World;
use vssim_tests::corpus::corpus;

/// The seeds with which every scenario must come out.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

fn staged(entry: &Entry, files: &dyn Files) -> Staged {
    let scenario = Scenario::parse(entry.name, entry.text).unwrap_or_else(|errors| panic!("{errors}"));
    stage(&scenario, files).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Every ready scenario that can be run here. What reads no corpus comes out the same with it and without.
fn library() -> Vec<(Entry, Staged)> {
    let corpus = corpus();
    let mut all = Vec::new();
    for entry in LIBRARY {
        match (entry.needs_corpus(), &corpus) {
            (false, _) => all.push((*entry, staged(entry, &NoFiles))),
            (true, Some(corpus)) => all.push((*entry, staged(entry, corpus))),
            (true, None) => {}
        }
    }
    all
}

fn judged(staged: &Staged, seed: u64) -> (Trace, Report) {
    let (_, trace, report) = ended(staged, seed);
    (trace, report)
}

fn ended(staged: &Staged, seed: u64) -> (World, Trace, Report) {
    let (outcome, trace) = run(&Arc::new(staged.plan.clone()), seed).unwrap();
    assert_eq!(outcome.broken, None, "seed {seed}");
    assert!(!outcome.endless, "seed {seed}");
    let report = judge(&trace);
    assert_eq!(report.invariants, [], "seed {seed}");
    (outcome.world, trace, report)
}

fn violated(report: &Report) -> Vec<&'static str> {
    report.violated().map(|(rule, _)| rule.id).collect()
}

#[test]
fn every_ready_scenario_comes_out_as_it_says_rules_included() {
    let mut wrong = Vec::new();
    for (entry, staged) in library() {
        for seed in SEEDS {
            let (world, trace, report) = ended(&staged, seed);
            let found = check(&staged.expectations, &trace, &violated(&report));
            let left = check_world(&staged.expectations, &world);
            let unmet = found.into_iter().chain(left).filter(|expectation| !expectation.met);
            wrong.extend(unmet.map(|one| format!("{}, seed {seed}: {}: {}", entry.name, one.name, one.detail)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_is_broken_by_the_scenario_of_its_name() {
    let mut without = Vec::new();
    for rule in CATALOGUE {
        let Some(entry) = find(rule.id).filter(|entry| entry.shelf == Shelf::Broken) else {
            without.push(rule.id);
            continue;
        };
        let staged = staged(&entry, &NoFiles);
        for seed in SEEDS {
            let (_, report) = judged(&staged, seed);
            assert!(violated(&report).contains(&rule.id), "{} is kept with seed {seed}", rule.id);
        }
    }
    assert!(without.is_empty(), "no scenario breaks {without:?}");
    let rules: BTreeSet<&str> = CATALOGUE.iter().map(|rule| rule.id).collect();
    let nameless = LIBRARY.iter().find(|entry| entry.shelf == Shelf::Broken && !rules.contains(entry.name));
    assert_eq!(nameless, None, "no rule has this name");
}

/// A verdict that is never anything but "violated" or "not exercised" could come from a check that blames everybody.
#[test]
fn every_rule_is_kept_by_a_ready_scenario_and_broken_by_none_that_does_not_name_it() {
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    let mut unnamed = Vec::new();
    for (entry, staged) in library() {
        let (_, report) = judged(&staged, 1);
        for verdict in report.verdicts.iter().filter(|judged| judged.verdict == Verdict::Upheld) {
            kept.insert(verdict.rule.id);
        }
        let named: BTreeSet<&str> = staged.expectations.written.violates.iter().map(|rule| rule.as_str()).collect();
        let broken = violated(&report).into_iter().filter(|rule| !named.contains(rule));
        unnamed.extend(broken.map(|rule| format!("{} breaks {rule}", entry.name)));
    }
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
    let never: Vec<&str> = CATALOGUE.iter().map(|rule| rule.id).filter(|rule| !kept.contains(rule)).collect();
    assert_eq!(never, [] as [&str; 0]);
}

#[test]
fn the_requester_that_dies_while_the_writers_are_frozen_dies_between_freeze_and_thaw() {
    let staged = staged(&find("requester-crash-after-freeze").unwrap(), &NoFiles);
    for seed in SEEDS {
        let (trace, _) = judged(&staged, seed);
        let crash = number_of(&trace, |what| *what == What::Process(ProcessEdge::Crashed));
        for writer in ["Index Writer", "Orders Writer"] {
            let of_writer = |record: &&Record| &*record.actor == writer;
            let frozen = |record: &&Record| matches!(record.what, What::Handled { event: WriterEvent::Freeze, .. });
            let let_go = |record: &&Record| {
                matches!(record.what, What::Event { event: WriterEvent::Thaw | WriterEvent::Abort, .. })
            };
            let frozen = trace.records.iter().filter(of_writer).find(frozen).unwrap().n;
            let let_go = trace.records.iter().filter(of_writer).find(let_go).unwrap().n;
            assert!(frozen < crash && crash < let_go, "seed {seed}: {writer}: {frozen}, {crash}, {let_go}");
        }
    }
}

fn number_of(trace: &Trace, is: impl Fn(&What) -> bool) -> u64 {
    trace.records.iter().find(|record| is(&record.what)).unwrap().n
}
