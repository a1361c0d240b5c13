#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use vssim_model::api::{AsyncId, Call, MethodCall, Out, Value};
use vssim_model::hresult::HResult;
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;
use vssim_model::trace::{CallId, FORMAT, Header, ProcessEdge, Record};

use super::*;

/// A trace of these records, one a second.
fn trace(records: Vec<What>) -> Trace {
    let header = Header {
        format: FORMAT,
        vssim: String::new(),
        scenario: "here".to_owned(),
        scenario_sha256: String::new(),
        seed: String::new(),
        release: String::new(),
        start: String::new(),
        actors: Vec::new(),
    };
    let records = (1_u64..).zip(records).map(|(n, what)| {
        let cause = if matches!(what, What::Call { .. }) { 0 } else { n - 1 };
        Record { n, t: Ticks::from_secs(n), actor: "somebody".into(), what, cause }
    });
    Trace { header, records: records.collect() }
}

fn call(method: &str, injected: Option<HResult>) -> What {
    let method = catalogue::find(method).unwrap();
    What::Call { id: CallId(1), object: 1, call: Call::Method(MethodCall { injected, ..MethodCall::new(method) }) }
}

fn returned(hresult: HResult, out: Out) -> What {
    What::Return { id: CallId(1), hresult, out }
}

fn ran_out(reached: Option<HResult>, before: &str, after: &str) -> What {
    What::RanOut { reached, before: before.to_owned(), after: after.to_owned() }
}

fn seen(records: Vec<What>) -> Coverage {
    let mut coverage = Coverage::default();
    coverage.add(&trace(records));
    coverage
}

fn pair(method: &str, code: &str) -> Pair {
    Pair::find(method, code).unwrap()
}

const START: &str = "IVssBackupComponents::StartSnapshotSet";

#[test]
fn an_ordered_failure_counts_only_if_the_call_would_have_worked_and_changed_nothing() {
    let memory = HResult::E_OUTOFMEMORY;
    let run = |between: Option<What>, code| {
        let records = [Some(call(START, Some(memory))), between, Some(returned(code, Out::Nothing))];
        let coverage = seen(records.into_iter().flatten().collect());
        assert!(coverage.undocumented.is_empty());
        let pair = pair(START, "E_OUTOFMEMORY");
        assert!(!coverage.missing().is_empty() && coverage.pairs.values().all(|seen| seen.caused == 0));
        coverage.is_observed(&pair)
    };
    assert!(run(Some(ran_out(Some(HResult::S_OK), "a", "a")), memory));
    assert!(run(Some(ran_out(None, "a", "a")), memory), "one that would have answered later");
    assert!(!run(Some(ran_out(Some(HResult::S_OK), "a", "b")), memory), "the state changed");
    assert!(!run(Some(ran_out(Some(HResult::E_INVALIDARG), "a", "a")), memory), "it failed by itself before");
    assert!(!run(None, memory), "nothing is on record of the state");
    assert!(!run(Some(ran_out(None, "a", "a")), HResult::S_OK), "it did not fail");
}

#[test]
fn a_failure_that_nobody_ordered_is_caused_and_not_injected() {
    let coverage = seen(vec![call(START, None), returned(HResult::E_OUTOFMEMORY, Out::Nothing)]);
    let pair = pair(START, "E_OUTOFMEMORY");
    assert_eq!(coverage.pairs.get(&pair).unwrap().caused, 1);
    assert!(!coverage.is_observed(&pair), "it still has to be injected");
    assert_eq!(coverage.caused(pair.method.interface).seen, 1, "and counts among those caused");
}

#[test]
fn the_end_of_an_operation_counts_for_the_method_that_started_it() {
    let method = "IVssBackupComponents::DoSnapshotSet";
    let end = What::AsyncEnd { operation: AsyncId(4), hresult: HResult::VSS_E_INSUFFICIENT_STORAGE };
    let coverage = seen(vec![call(method, None), returned(HResult::S_OK, Out::Async(AsyncId(4))), end]);
    assert!(coverage.is_observed(&pair(method, "VSS_E_INSUFFICIENT_STORAGE")));
}

#[test]
fn flags_values_and_nothing_at_all_are_what_some_methods_return() {
    let returns = |flag| Out::values([("returns", Value::Flag(flag))]);
    let coverage = seen(vec![call("CVssWriter::IsPathAffected", None), returned(HResult::S_OK, returns(false))]);
    assert!(coverage.is_observed(&pair("CVssWriter::IsPathAffected", "false")));
    assert!(!coverage.is_observed(&pair("CVssWriter::IsPathAffected", "true")));
    let coverage = seen(vec![call("VssFreeSnapshotProperties", None), returned(HResult::S_OK, Out::Nothing)]);
    assert!(coverage.is_observed(&pair("VssFreeSnapshotProperties", NOTHING)));
}

#[test]
fn a_code_that_the_page_does_not_name_is_told() {
    let coverage = seen(vec![call(START, None), returned(HResult::E_NOTIMPL, Out::Nothing)]);
    let told: Vec<String> = coverage.undocumented.keys().map(|(method, code)| format!("{method} {code}")).collect();
    assert_eq!(told, [format!("{START} E_NOTIMPL")]);
}

#[test]
fn outcomes_of_events_are_told_apart() {
    let event = |id| What::Event { id: CallId(id), event: WriterEvent::Thaw, set: None, object: None };
    let handled = |id, returned, failure| What::Handled { id: CallId(id), event: WriterEvent::Thaw, returned, failure };
    let timeout = HResult::VSS_E_WRITERERROR_TIMEOUT;
    let records = vec![
        event(1),
        handled(1, true, None),
        event(2),
        handled(2, false, Some(timeout)),
        event(3),
        What::Process(ProcessEdge::Crashed),
        event(4),
    ];
    let coverage = seen(records);
    let outcomes: Vec<Outcome> = coverage.events.keys().map(|event| event.outcome).collect();
    assert_eq!(outcomes, [Outcome::True, Outcome::Failure(timeout), Outcome::NotAnswered, Outcome::Crashed]);
    assert!(coverage.is_observed(&pair("CVssWriter::OnThaw", "false")));
}

#[test]
fn a_list_of_excuses_names_documented_pairs_once_and_with_a_reason() {
    let good = "# a comment\n\nreason: it cannot be\n  IVssEnumObject::Reset E_FAIL\n";
    let excuses = Excuses::read(good).unwrap();
    assert_eq!(excuses.pairs.get(&pair("IVssEnumObject::Reset", "E_FAIL")).unwrap().line, 4);
    for (wrong, line) in [
        ("  IVssEnumObject::Reset E_FAIL\n", 1),
        ("reason:\n", 1),
        ("reason: x\n  IVssEnumObject::Reset E_NOTIMPL\n", 2),
        ("reason: x\n  IVssEnumObject::Reset\n", 2),
        ("reason: x\n  IVssEnumObject::Reset E_FAIL\n  IVssEnumObject::Reset E_FAIL\n", 3),
    ] {
        assert_eq!(Excuses::read(wrong).unwrap_err().line, line, "{wrong}");
    }
}

#[test]
fn a_list_of_excuses_names_requirements_once_and_with_a_reason() {
    let mut excuses = Excuses::default();
    excuses.read_requirements("# a comment\n\nreason: it cannot be\n  API-001 API-002\n  TIM-021\n").unwrap();
    let lines: Vec<(&str, usize)> = excuses.requirements.iter().map(|(id, one)| (id.as_str(), one.line)).collect();
    assert_eq!(lines, [("API-001", 4), ("API-002", 4), ("TIM-021", 5)]);
    for (wrong, line) in [
        ("  API-001\n", 1),
        ("reason:\n", 1),
        ("API-001\n", 1),
        ("reason: x\n  API-999\n", 2),
        ("reason: x\n  API-001 API-001\n", 2),
        ("reason: x\n  API-001\nreason: y\n  API-002 API-001\n", 4),
    ] {
        assert_eq!(Excuses::default().read_requirements(wrong).unwrap_err().line, line, "{wrong}");
    }
}

#[test]
fn a_requirement_is_exercised_or_excused_and_never_both() {
    let (mut coverage, mut excuses) = (Coverage::default(), Excuses::default());
    excuses.read_requirements("reason: x\n  API-001 API-002\n").unwrap();
    coverage.add_shown("first", &["API-002".to_owned()].into());
    coverage.add_shown("second", &["API-002".to_owned(), "API-003".to_owned()].into());
    let by: Vec<(&str, &str)> = coverage.requirements.iter().map(|(id, by)| (id.as_str(), by.as_str())).collect();
    assert_eq!(by, [("API-002", "scenario first"), ("API-003", "scenario second")]);
    assert_eq!(excuses.needless_requirements(&coverage), [("API-002", 2)]);
    let unexcused = excuses.unexcused_requirements(&coverage);
    assert!(["API-001", "API-002", "API-003"].iter().all(|id| !unexcused.contains(&(*id).to_owned())));
    assert!(unexcused.contains(&"API-004".to_owned()));
}

#[test]
fn sources_name_requirements_among_other_words() {
    let mut coverage = Coverage::default();
    coverage.add_source("PRV-SEQ-006, PRV-SEQ-007; S-04, nf-vss-ivssasync-wait.md, API-999");
    assert_eq!(coverage.requirements.into_keys().collect::<Vec<_>>(), ["PRV-SEQ-006", "PRV-SEQ-007"]);
}

#[test]
fn failures_of_the_scenario_itself_stay_when_those_put_in_are_left_out() {
    let memory = HResult::E_OUTOFMEMORY;
    let failed = || vec![call(START, Some(memory)), ran_out(None, "a", "a"), returned(memory, Out::Nothing)];
    assert_eq!(without_failures(&trace(failed())).records, []);
    let mut of_scenario = trace(failed());
    for record in &mut of_scenario.records {
        if let What::Call { call: Call::Method(call), .. } = &mut record.what {
            call.step = 3;
        }
    }
    assert_eq!(without_failures(&of_scenario), of_scenario);
}

#[test]
fn what_a_failure_that_is_left_out_caused_has_its_cause_for_cause() {
    let memory = HResult::E_OUTOFMEMORY;
    let other = |what| match what {
        What::Call { object, call, .. } => What::Call { id: CallId(2), object, call },
        What::Return { hresult, out, .. } => What::Return { id: CallId(2), hresult, out },
        other => other,
    };
    let earlier = [call(START, None), returned(HResult::S_OK, Out::Nothing)];
    let failed = [call(START, Some(memory)), ran_out(None, "a", "a"), returned(memory, Out::Nothing)].map(other);
    let mut trace = trace(earlier.into_iter().chain(failed).chain([What::Process(ProcessEdge::Exited)]).collect());
    for record in &mut trace.records {
        record.cause = record.n - 1;
    }
    let causes: Vec<(u64, u64)> =
        without_failures(&trace).records.iter().map(|record| (record.n, record.cause)).collect();
    assert_eq!(causes, [(1, 0), (2, 1), (6, 2)]);
}
