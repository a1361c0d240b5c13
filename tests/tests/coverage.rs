//! What the ready scenarios show of the documented interfaces, and that the count cannot be better than the truth.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use vssim_conformance::coverage::{Coverage, Excuses, Share, is_requirement, requirements, without_failures};
use vssim_conformance::judge;
use vssim_model::catalogue::{self, Interface};
use vssim_model::trace::{Record, Role, Trace, What};
use vssim_scenarios::expectations::check;
use vssim_scenarios::library::{LIBRARY, NOT_OBSERVED};
use vssim_scenarios::{NoFiles, runs};
use vssim_tests::corpus::corpus;

/// How many of the pairs that a condition can cause have to be caused, in hundredths.
const CAUSED: usize = 95;

/// All that the library shows with one seed, and what is wrong with its runs.
fn library() -> &'static (Coverage, Vec<String>) {
    static COUNTED: OnceLock<(Coverage, Vec<String>)> = OnceLock::new();
    COUNTED.get_or_init(|| {
        let (mut coverage, mut problems) = (Coverage::default(), Vec::new());
        for entry in LIBRARY.iter().filter(|entry| !entry.needs_corpus()) {
            let runs = runs::runs(entry, &NoFiles, 1).unwrap();
            problems.extend(runs.problems.iter().map(|problem| format!("{}: {problem}", entry.name)));
            for trace in [Some(&runs.plain), runs.failing.as_ref()].into_iter().flatten() {
                let seen = without_failures(trace);
                let report = judge(&seen);
                let violated: Vec<&str> = report.violated().map(|(rule, _)| rule.id).collect();
                let unmet = check(&runs.expectations, &seen, &violated).into_iter().filter(|one| !one.met);
                problems.extend(unmet.map(|one| format!("{}: {}: {}", entry.name, one.name, one.detail)));
                if !runs.defective {
                    coverage.add(trace);
                }
            }
        }
        (coverage, problems)
    })
}

fn sum(share: impl Fn(&Interface) -> Share) -> Share {
    catalogue::interfaces().map(share).sum()
}

#[test]
fn every_scenario_comes_out_as_it_says_when_every_call_fails_first() {
    let (_, problems) = library();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_documented_method_is_called() {
    let (coverage, _) = library();
    let never: Vec<String> =
        catalogue::methods().filter(|method| !coverage.called.contains(method)).map(|one| one.to_string()).collect();
    assert!(never.is_empty(), "never called:\n{}", never.join("\n"));
}

#[test]
fn nearly_every_pair_that_a_condition_can_cause_is_caused() {
    let (coverage, _) = library();
    let caused = sum(|interface| coverage.caused(interface));
    assert!(caused.percent() >= CAUSED, "{} of {} pairs are caused", caused.seen, caused.of);
}

#[test]
fn every_pair_is_observed_or_excused_and_no_excuse_is_needless() {
    let (coverage, _) = library();
    let excuses = Excuses::read(NOT_OBSERVED).unwrap_or_else(|wrong| panic!("{wrong}"));
    let lines = |pairs: Vec<String>| pairs.join("\n  ");
    let unexcused = lines(excuses.unexcused(coverage).iter().map(ToString::to_string).collect());
    let needless =
        lines(excuses.needless(coverage).iter().map(|(pair, line)| format!("{pair} (line {line})")).collect());
    assert!(unexcused.is_empty(), "neither observed nor excused; a reason is wanted for:\n  {unexcused}");
    assert!(needless.is_empty(), "observed, and excused all the same:\n  {needless}");
}

/// Codes that no page names and docs/choices.md decides for: C-20 (nothing could be imported), S-01 (Register without
/// metadata).
const CHOSEN: [(&str, &str); 2] = [
    ("IVssBackupComponents::ImportSnapshots", "VSS_E_NO_SNAPSHOTS_IMPORTED"),
    ("IVssExpressWriter::Register", "VSS_E_BAD_STATE"),
];

#[test]
fn no_method_returns_what_its_page_does_not_name() {
    let (coverage, _) = library();
    let found: Vec<(String, String)> =
        coverage.undocumented.keys().map(|(method, code)| (method.to_string(), code.to_string())).collect();
    let chosen: Vec<(String, String)> =
        CHOSEN.iter().map(|(method, code)| ((*method).to_owned(), (*code).to_owned())).collect();
    assert_eq!(found, chosen);
}

/// A run whose failures change nothing is the run without them: the same records at the same moments. Which of two that
/// happen at one moment is first may differ, since that is drawn.
#[test]
fn calls_that_fail_first_leave_the_run_as_it_was() {
    let mut compared = 0;
    for entry in LIBRARY.iter().filter(|entry| !entry.needs_corpus()) {
        let runs = runs::runs(entry, &NoFiles, 1).unwrap();
        let Some(failing) = &runs.failing else { continue };
        let requesters = runs.plain.header.actors.iter().filter(|actor| actor.role == Role::Requester).count();
        // Of several requesters the first may be another one.
        if requesters > 1 {
            continue;
        }
        let (plain, failing) = (bare(&runs.plain), bare(&without_failures(failing)));
        let differs: Vec<&String> = plain.symmetric_difference(&failing).take(4).collect();
        assert!(differs.is_empty(), "{}: {differs:#?}", entry.name);
        compared += 1;
    }
    assert!(compared > 0, "no scenario makes a call that can be made to fail");
}

/// Records without the numbers that count calls, each with how often it was there before.
fn bare(trace: &Trace) -> BTreeSet<String> {
    let mut all = BTreeMap::new();
    let line = |record: &Record| {
        let what = match &record.what {
            What::Call { object, call, .. } => format!("calls {object} {call:?}"),
            What::Return { hresult, out, .. } => format!("returns {hresult} {out:?}"),
            What::Event { event, set, .. } => format!("event {event} {set:?}"),
            What::Handled { event, returned, failure, .. } => format!("handled {event} {returned} {failure:?}"),
            What::Callback { call, .. } => format!("callback {call:?}"),
            What::CallbackReturn { hresult, .. } => format!("callback returns {hresult}"),
            What::TakenBack { reached, before, after } => format!("took back {reached:?} {}", before == after),
            other => format!("{other:?}"),
        };
        format!("{} {} {what}", record.t, record.actor)
    };
    let lines = trace.records.iter().map(line).map(|line| {
        let times = all.entry(line.clone()).or_insert(0_u32);
        *times += 1;
        format!("{line} {times}")
    });
    lines.collect()
}

#[test]
fn the_requirements_are_those_of_the_specification() {
    let Some(corpus) = corpus() else { return };
    let text = std::fs::read_to_string(corpus.0.join("spec/requirements.yaml")).unwrap();
    let wanted: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("- id: ")).collect();
    assert_eq!(requirements().collect::<Vec<String>>(), wanted);
    assert!(wanted.iter().all(|id| is_requirement(id)));
}

/// A rule that rests on a requirement which is not there rests on nothing.
#[test]
fn rules_and_rows_name_requirements_that_there_are() {
    let known: BTreeSet<String> = requirements().collect();
    let named = vssim_conformance::CATALOGUE.iter().flat_map(|rule| rule.requirements.iter());
    let unknown: Vec<&&str> = named.filter(|id| !known.contains(**id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
