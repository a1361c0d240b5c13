//! What the ready scenarios show of the documented interfaces, and that the count cannot be better than the truth.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use vssim_conformance::coverage::{Coverage, Excuses, Share, without_failures};
use vssim_model::catalogue::{self, Interface};
use vssim_model::requirements::{is_requirement, requirements};
use vssim_model::time::Ticks;
use vssim_model::trace::{CallId, Record, Trace, What};
use vssim_scenarios::library::{LIBRARY, NOT_EXERCISED, NOT_OBSERVED};
use vssim_scenarios::{NoFiles, runs};
use vssim_sim::choices::{Choices, Point, Purpose, Seeded};
use vssim_sim::injection::with_failures;
use vssim_sim::plan::Plan;
use vssim_sim::record::Full;
use vssim_sim::run::{build, drive, header};
use vssim_tests::corpus::corpus;

/// How many of the pairs that a condition can cause have to be caused, in hundredths.
const CAUSED: usize = 95;

/// What the library shows with one seed, and what is wrong with its runs.
fn library() -> &'static (Coverage, Vec<String>) {
    static COUNTED: OnceLock<(Coverage, Vec<String>)> = OnceLock::new();
    COUNTED.get_or_init(|| {
        let (mut coverage, mut problems) = (Coverage::default(), Vec::new());
        for entry in LIBRARY.iter().filter(|entry| !entry.needs_corpus()) {
            let runs =
                runs::runs(entry, &NoFiles, 1, &mut |trace, defective| coverage.judge(trace, defective)).unwrap();
            coverage.add_shown(entry.name, &runs.plain.shown);
            runs.sources.iter().for_each(|source| coverage.add_source(source));
            problems.extend(runs.problems().map(|problem| format!("{}: {problem}", entry.name)));
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

#[test]
fn every_requirement_is_exercised_or_excused_and_no_excuse_is_needless() {
    let (coverage, _) = library();
    let mut excuses = Excuses::default();
    excuses.read_requirements(NOT_EXERCISED).unwrap_or_else(|wrong| panic!("{wrong}"));
    let unexcused = excuses.unexcused_requirements(coverage);
    let needless = excuses.needless_requirements(coverage);
    assert!(unexcused.is_empty(), "neither exercised nor excused: {}", unexcused.join(" "));
    assert!(needless.is_empty(), "exercised, and excused all the same: {needless:?}");
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

/// Draws as a seed does, but what is first in the queue is first: so a run has no order that one event more could change.
struct FirstCome(Seeded);

impl Choices for FirstCome {
    fn pick(&mut self, at: Point<'_>, options: u32) -> u32 {
        if at.purpose == Purpose::Order { 0 } else { self.0.pick(at, options) }
    }

    fn ticks(&mut self, at: Point<'_>, min: Ticks, max: Ticks) -> Ticks {
        self.0.ticks(at, min, max)
    }

    fn bits(&mut self, at: Point<'_>) -> u64 {
        self.0.bits(at)
    }
}

fn traced(plan: Plan) -> Trace {
    let mut choices = FirstCome(Seeded::new(1));
    let world = build(&Arc::new(plan), &mut choices).unwrap();
    let header = header(&world, 1);
    let mut recorder = Full::default();
    let outcome = drive(world, &mut choices, &mut recorder);
    assert_eq!(outcome.broken, None);
    recorder.into_trace(header)
}

/// How many of the scenarios that make calls by the names of the headers have to come out record by record, in hundredths.
/// In the others several programs act at one moment, and a call more at its begin lets another one be first.
const RECORD_BY_RECORD: usize = 80;

/// A run whose failures change nothing is the run without them: the same records at the same moments, and in the same order
/// where no two programs act at one moment.
#[test]
fn calls_that_fail_first_leave_the_run_as_it_was() {
    let (mut compared, mut same) = (0, 0);
    let mut others = Vec::new();
    for entry in LIBRARY.iter().filter(|entry| !entry.needs_corpus()) {
        let plan = runs::staged(entry, &NoFiles).unwrap().plan;
        let Some(failing) = with_failures(&plan) else { continue };
        let requesters = plan.requesters.len();
        let (plain, failing) = (traced(plan), without_failures(&traced(failing)));
        compared += 1;
        let (one, other) = (numbered_anew(&plain), numbered_anew(&failing));
        if one == other {
            same += 1;
            continue;
        }
        let first = one.iter().zip(&other).find(|(one, other)| one != other);
        let drawn = first.is_some_and(|(one, other)| one.t == other.t && one.actor != other.actor);
        assert!(drawn, "{}: {first:?}", entry.name);
        others.push(entry.name);
        // Of several requesters the first may be another one.
        if requesters == 1 {
            let (plain, failing) = (bare(&plain), bare(&failing));
            let differs: Vec<&String> = plain.symmetric_difference(&failing).take(4).collect();
            assert!(differs.is_empty(), "{}: {differs:#?}", entry.name);
        }
    }
    assert!(compared > 0, "no scenario makes a call that can be made to fail");
    let share = same * 100 / compared;
    assert!(share >= RECORD_BY_RECORD, "{same} of {compared} are the same; not so {others:?}");
}

/// The records with numbers as they are if nothing was left out. What a record that is missing caused, its own cause did.
fn numbered_anew(trace: &Trace) -> Vec<Record> {
    let (mut numbers, mut calls) = (BTreeMap::new(), BTreeMap::new());
    let mut records = trace.records.clone();
    for (number, record) in (1..).zip(&mut records) {
        numbers.insert(record.n, number);
        record.n = number;
        // Of a cause that is missing nothing is known here but that it comes before.
        record.cause = numbers.get(&record.cause).copied().unwrap_or(0);
        let mut anew = |id: &mut CallId| {
            let next = CallId(calls.len() as u64 + 1);
            *id = *calls.entry(*id).or_insert(next);
        };
        match &mut record.what {
            What::Call { id, .. }
            | What::Return { id, .. }
            | What::Event { id, .. }
            | What::Handled { id, .. }
            | What::Callback { id, .. }
            | What::CallbackReturn { id, .. } => anew(id),
            // Digests hold the numbers of calls.
            What::RanOut { before, after, .. } => {
                *after = (before == after).to_string();
                before.clear();
            }
            _ => {}
        }
    }
    records
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
            What::RanOut { reached, before, after } => format!("ran out {reached:?} {}", before == after),
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
