//! Random conversations of requesters and writers with the service: every answer is one that the page of the method names
//! and that fits the order of calls, calls that fail change nothing, no invariant breaks, every run ends and is the same
//! run again, and the judge finds nothing to blame the service for. With a defect planted it does.
//!
//! `VSSIM_CONVERSATIONS=1000` has so many of them, `VSSIM_CONVERSATIONS=821..822` is one. A conversation that goes wrong is
//! made smaller before it is shown.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot set up fails, and is told how much to do"
)]

mod book;
mod order;
mod talk;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use vssim_conformance::{Bound, Report, judge};
use vssim_model::api::Call;
use vssim_model::catalogue::{self, MethodRef};
use vssim_model::hresult::HResult;
use vssim_model::trace::{CallId, Trace, What};
use vssim_reports::{Style, Verbosity, timeline};
use vssim_scenarios::library::Shelf;
use vssim_scenarios::{NoFiles, runs};
use vssim_sim::choices::Seeded;
use vssim_sim::plan::{Plan, ServiceDefect};
use vssim_sim::record::Full;
use vssim_sim::run::{Outcome, build, drive, header};

use book::Book;
use talk::{Talk, any_talk};

/// How many conversations there are if nobody says so.
const ORDINARY: u64 = 200;
/// How many conversations with each defect.
const WITH_DEFECT: u64 = 15;

fn wanted() -> Range<u64> {
    let Ok(text) = std::env::var("VSSIM_CONVERSATIONS") else { return 0..ORDINARY };
    let (first, end) = text.split_once("..").unwrap_or(("0", &text));
    let number =
        |text: &str| text.parse().unwrap_or_else(|_| panic!("VSSIM_CONVERSATIONS is `1000` or `120..140`: {text}"));
    number(first)..number(end)
}

/// The runner of this conversation: the same number, the same conversation.
fn runner(number: u64) -> TestRunner {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let config = Config { max_shrink_iters: 400, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

fn carried_out(plan: Plan, seed: u64) -> (Outcome, Trace) {
    let plan = Arc::new(plan);
    let mut choices = Seeded::new(seed);
    let mut world = build(&plan, &mut choices).unwrap();
    world.watch.demand_proof_of_failures();
    let header = header(&world, seed);
    let mut recorder = Full::default();
    let outcome = drive(world, &mut choices, &mut recorder);
    (outcome, recorder.into_trace(header))
}

/// What is wrong with a conversation in which nothing is planted.
fn wrong(talk: &Talk, twice: bool) -> Option<String> {
    let (outcome, trace) = carried_out(talk.plan(None), talk.seed);
    if let Some(broken) = outcome.broken {
        return Some(format!("broken: {broken}"));
    }
    if outcome.endless {
        return Some("the run does not end".to_owned());
    }
    if let Some(wrong) = undocumented(&trace).or_else(|| order::misjudged(&trace)) {
        return Some(wrong);
    }
    let blamed = blamed(&judge(&trace));
    if !blamed.is_empty() {
        return Some(format!("the service is blamed: {}", blamed.join("; ")));
    }
    if twice && carried_out(talk.plan(None), talk.seed).1 != trace {
        return Some("the same seed gave another trace".to_owned());
    }
    None
}

/// The rules that bind the service and are broken, with what is said of each.
fn blamed(report: &Report) -> Vec<String> {
    let of_service = report.violated().filter(|(rule, _)| rule.actor == Bound::Service);
    of_service.map(|(rule, findings)| format!("{}: {findings:?}", rule.id)).collect()
}

/// The first answer that the page of the method does not name.
fn undocumented(trace: &Trace) -> Option<String> {
    let mut open: BTreeMap<CallId, (MethodRef, u32, &Call, bool)> = BTreeMap::new();
    let mut book = Book::of(trace);
    for record in &trace.records {
        let method = match &record.what {
            What::Call { call, .. } => method_of(call),
            _ => None,
        };
        if let What::Return { id, hresult, .. } = &record.what
            && let Some((method, object, call, lived)) = open.remove(id)
        {
            // Between call and return the object may have gone.
            let lives = lived && book.lives(&record.actor, object, call, record.t);
            if !documented(method, *hresult)
                && !chosen(method, call, *hresult)
                && (lives || !ON_NOTHING.contains(hresult))
            {
                let on = if lives { ", on what lives" } else { "" };
                return Some(format!(
                    "record {}: {method} returns {hresult}{on}, which its page does not name",
                    record.n
                ));
            }
        }
        book.read(record, method);
        if let (What::Call { id, object, call }, Some(method)) = (&record.what, method) {
            open.insert(*id, (method, *object, call, book.lives(&record.actor, *object, call, record.t)));
        }
    }
    None
}

fn method_of(call: &Call) -> Option<MethodRef> {
    match call {
        Call::Method(call) => Some(call.method),
        _ => catalogue::methods().find(|known| known.name() == call.name()),
    }
}

/// Codes that no page names and docs/choices.md decides for: `prefix-paths` (a path on no volume), S-01 (Register without
/// metadata), `null-pointers` (NULL for an array, or for what is filled in).
fn chosen(method: MethodRef, call: &Call, code: HResult) -> bool {
    let Call::Method(call) = call else { return false };
    match (method.name(), code) {
        ((_, "GetRootAndLogicalPrefixPaths"), HResult::E_INVALIDARG) => true,
        (("IVssExpressWriter", "Register"), HResult::VSS_E_BAD_STATE) => true,
        ((_, "EnableWriterClasses" | "DisableWriterClasses"), HResult::E_INVALIDARG) => {
            call.passes_null("rgWriterClassId")
        }
        ((_, "DisableWriterInstances"), HResult::E_INVALIDARG) => call.passes_null("rgWriterInstanceId"),
        ((_, "IsVolumeSupported"), HResult::E_INVALIDARG) => call.passes_null("pbSupportedByThisProvider"),
        _ => false,
    }
}

/// What a call on what is no object, or none of the caller's, may give (docs/choices.md, S-01).
const ON_NOTHING: [HResult; 2] = [HResult::E_INVALIDARG, HResult::VSS_E_BAD_STATE];

fn documented(method: MethodRef, code: HResult) -> bool {
    let mut codes = method.method.codes().peekable();
    let name = code.to_string();
    // `true`, `false`, a value, nothing at all: with S_OK. `HRESULT` is any failure.
    codes.peek().is_none()
        || codes.any(|known| match known {
            "true" | "false" | "value" => code.is_success(),
            "HRESULT" => code.is_failure() && code != HResult::E_NOTIMPL,
            known => known == name,
        })
}

#[test]
fn random_conversations_are_answered_as_documented() {
    let failed: Vec<(u64, String)> = wanted()
        .filter_map(|number| {
            let talk = any_talk().new_tree(&mut runner(number)).unwrap().current();
            Some((number, wrong(&talk, number % 4 == 0)?))
        })
        .collect();
    let Some((first, _)) = failed.first() else { return };
    let all: Vec<String> = failed.iter().map(|(number, why)| format!("{number}: {why}")).collect();
    panic!(
        "{} conversations go wrong:\n{}\n\nThe first, made smaller:\n{}",
        all.len(),
        all.join("\n"),
        smaller(*first)
    );
}

/// The least conversation that goes wrong as this one does, or otherwise.
fn smaller(number: u64) -> String {
    let mut runner = runner(number);
    let tree = any_talk().new_tree(&mut runner).unwrap();
    let talk = tree.current();
    let judged = |talk: Talk| match wrong(&talk, false) {
        Some(wrong) => Err(proptest::test_runner::TestCaseError::fail(wrong)),
        None => Ok(()),
    };
    match runner.run_one(tree, judged) {
        Err(TestError::Fail(why, least)) => format!("{why}\n{least}{}", records(&least)),
        // The second run of the same conversation was another one.
        _ => talk.to_string(),
    }
}

/// Every record of a conversation, if one alone is looked at.
fn records(talk: &Talk) -> String {
    if wanted().count() > 1 {
        return String::new();
    }
    let style = Style { verbosity: Verbosity::Verbose, width: 200, ..Style::default() };
    timeline(&carried_out(talk.plan(None), talk.seed).1, &style)
}

/// Whether the judge, or an invariant, finds this defect in the scenario made for it.
fn found_by_its_scenario(defect: ServiceDefect) -> bool {
    let broken = vssim_scenarios::library::LIBRARY.iter().filter(|entry| entry.shelf == Shelf::Broken);
    let mut planted = broken.filter(|entry| entry.text.contains(defect.name()));
    planted.any(|entry| {
        let staged = runs::staged(entry, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"));
        let mut found = false;
        let mut judging = |trace: &Trace, _| {
            found = !blamed(&judge(trace)).is_empty();
            (trace.clone(), Vec::new())
        };
        runs::once(&staged, 1, &mut judging).unwrap();
        found && staged.plan.defects.contains(&defect)
    })
}

/// Defects that random conversations have to find by themselves, at least.
const FOUND_AT_RANDOM: usize = 20;

#[test]
fn every_planted_defect_is_found() {
    let mut at_random = Vec::new();
    let mut never = Vec::new();
    for &defect in ServiceDefect::ALL {
        let blames = |number: u64| {
            let talk = any_talk().new_tree(&mut runner(number)).unwrap().current();
            !blamed(&judge(&carried_out(talk.plan(Some(defect)), talk.seed).1)).is_empty()
        };
        if (0..WITH_DEFECT).any(blames) {
            at_random.push(defect.name());
        } else if !found_by_its_scenario(defect) {
            never.push(defect.name());
        }
    }
    assert!(never.is_empty(), "never found: {never:?}");
    assert!(at_random.len() >= FOUND_AT_RANDOM, "found at random: {at_random:?}");
}
