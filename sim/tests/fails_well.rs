//! What a requester sees when something goes wrong: codes, writer states, what is left afterwards.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_model::api::{AsyncCall, AsyncId, BackupComponentsCall as B, Call, Out};
use vssim_model::hresult::HResult;
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::tables::ProviderCallback;
use vssim_model::time::Ticks;
use vssim_model::trace::{ProcessEdge, Trace, What};
use vssim_sim::fixture::{Small, full_backup, small};
use vssim_sim::plan::{Op, OpenChoices, Plan, RequesterPlan, Script, Span, Template};
use vssim_sim::run::run;

fn plan() -> Plan {
    small(Small { writers: 2, volumes: 1, transactions: Some(40), open: OpenChoices::default() }).unwrap()
}

fn traced(plan: Plan) -> Trace {
    let (outcome, trace) = run(&Arc::new(plan), 3).unwrap();
    assert_eq!(outcome.broken, None);
    assert!(!outcome.endless);
    trace
}

fn handler(plan: &mut Plan, writer: usize, event: WriterEvent, ops: &[Op]) {
    plan.writers[writer].handlers.insert(event, Arc::from(ops));
}

fn callback(plan: &mut Plan, step: ProviderCallback, ops: &[Op]) {
    plan.providers[0].handlers.insert(step, Arc::from(ops));
}

fn seconds(seconds: u64) -> Op {
    Op::Takes(Span::exactly(Ticks::from_secs(seconds)))
}

/// How each asynchronous operation ended, in order.
fn endings(trace: &Trace) -> Vec<HResult> {
    let end = |what: &What| if let What::AsyncEnd { hresult, .. } = what { Some(*hresult) } else { None };
    trace.records.iter().filter_map(|record| end(&record.what)).collect()
}

/// The last state and failure of each writer.
fn states(trace: &Trace) -> BTreeMap<String, (WriterState, HResult)> {
    let mut states = BTreeMap::new();
    for record in &trace.records {
        if let What::WriterState { to, failure, .. } = &record.what {
            states.insert(record.actor.to_string(), (*to, *failure));
        }
    }
    states
}

fn events(trace: &Trace, writer: &str) -> Vec<WriterEvent> {
    let of = |record: &vssim_model::trace::Record| match &record.what {
        What::Event { event, .. } if &*record.actor == writer => Some(*event),
        _ => None,
    };
    trace.records.iter().filter_map(of).collect()
}

fn logged(trace: &Trace) -> Vec<u32> {
    let id = |what: &What| if let What::EventLog(entry) = what { entry.id } else { None };
    trace.records.iter().filter_map(|record| id(&record.what)).collect()
}

fn called(trace: &Trace, step: &str) -> bool {
    trace.records.iter().any(|record| matches!(&record.what, What::Callback { call, .. } if call.name().1 == step))
}

#[test]
fn a_writer_that_returns_false_from_freeze_fails_the_set() {
    for failure in HResult::WRITER_FAILURES {
        let mut plan = plan();
        handler(&mut plan, 1, WriterEvent::Freeze, &[Op::Fail(failure), Op::Return(false)]);
        let trace = traced(plan);
        assert!(endings(&trace).contains(&HResult::VSS_E_UNEXPECTED), "{:?}", endings(&trace));
        assert_eq!(states(&trace)["Writer 2"], (WriterState::FailedAtFreeze, failure));
        assert_eq!(states(&trace)["Writer 1"], (WriterState::Stable, HResult::S_OK));
        for writer in ["Writer 1", "Writer 2"] {
            assert!(events(&trace, writer).contains(&WriterEvent::Abort), "{writer}");
        }
        assert!(called(&trace, "AbortSnapshots") && !called(&trace, "CommitSnapshots"));
    }
}

/// SetWriterFailure with TRUE is a failure that is not fatal (C-15): the shadow copy is made without the writer.
#[test]
fn a_writer_that_fails_freeze_and_returns_true_is_left_behind() {
    let mut plan = plan();
    let failure = HResult::VSS_E_WRITERERROR_RETRYABLE;
    handler(&mut plan, 1, WriterEvent::Freeze, &[Op::Fail(failure), Op::Return(true)]);
    let trace = traced(plan);
    assert!(called(&trace, "PostFinalCommitSnapshots"));
    assert!(!events(&trace, "Writer 2").contains(&WriterEvent::PostSnapshot));
    assert!(events(&trace, "Writer 1").contains(&WriterEvent::PostSnapshot));
}

#[test]
fn a_veto_of_prepare_for_snapshot_or_post_snapshot_raises_no_abort_by_itself() {
    for event in [WriterEvent::PrepareForSnapshot, WriterEvent::PostSnapshot] {
        let mut plan = plan();
        let failure = HResult::VSS_E_WRITERERROR_NONRETRYABLE;
        handler(&mut plan, 1, event, &[Op::Fail(failure), Op::Return(false)]);
        let trace = traced(plan);
        assert!(called(&trace, "PostFinalCommitSnapshots"), "{event}");
        let created = trace.records.iter().position(
            |record| matches!(&record.what, What::Callback { call, .. } if call.name().1 == "PostFinalCommitSnapshots"),
        );
        let aborts = trace.records.iter().take(created.unwrap());
        assert!(!aborts.clone().any(|record| matches!(record.what, What::Event { event: WriterEvent::Abort, .. })));
    }
}

#[test]
fn a_writer_that_is_frozen_too_long_times_out_and_the_set_fails() {
    let mut plan = plan();
    callback(&mut plan, ProviderCallback::PreCommitSnapshots, &[seconds(70), Op::Answer(HResult::S_OK)]);
    let trace = traced(plan);
    let timed_out = (WriterState::FailedAtFreeze, HResult::VSS_E_WRITERERROR_TIMEOUT);
    assert_eq!(states(&trace)["Writer 1"], timed_out);
    assert_eq!(states(&trace)["Writer 2"], timed_out);
    assert!(!called(&trace, "CommitSnapshots"));
    assert!(endings(&trace).contains(&HResult::VSS_E_UNEXPECTED));
}

#[test]
fn a_shorter_freeze_window_holds_for_its_writer_alone() {
    let mut plan = plan();
    plan.writers[0].freeze_timeout = Ticks::from_secs(20);
    callback(&mut plan, ProviderCallback::PreCommitSnapshots, &[seconds(30), Op::Answer(HResult::S_OK)]);
    let trace = traced(plan);
    assert_eq!(states(&trace)["Writer 1"].1, HResult::VSS_E_WRITERERROR_TIMEOUT);
    assert_eq!(states(&trace)["Writer 2"], (WriterState::Stable, HResult::S_OK));
}

#[test]
fn writes_are_let_go_after_ten_seconds_and_the_set_fails() {
    let mut plan = plan();
    let commit = [seconds(12), Op::Commit { gap: Span::default() }, Op::Answer(HResult::S_OK)];
    callback(&mut plan, ProviderCallback::CommitSnapshots, &commit);
    let trace = traced(plan);
    assert!(endings(&trace).contains(&HResult::VSS_E_HOLD_WRITES_TIMEOUT), "{:?}", endings(&trace));
    let at = |what: &dyn Fn(&What) -> bool| trace.records.iter().find(|record| what(&record.what)).unwrap().t;
    let started = at(&|what| matches!(what, What::Timer { name: vssim_model::trace::TimerName::HoldLimit, .. }));
    let released = at(&|what| matches!(what, What::Release { .. }));
    assert_eq!(released - started, Ticks::from_secs(10));
    assert!(logged(&trace).contains(&12298), "{:?}", logged(&trace));
}

#[test]
fn a_flush_that_takes_too_long_fails_the_set_with_its_own_code() {
    let mut plan = plan();
    plan.kernel.flush = Span::exactly(Ticks::from_secs(11));
    let trace = traced(plan);
    assert!(endings(&trace).contains(&HResult::VSS_E_FLUSH_WRITES_TIMEOUT), "{:?}", endings(&trace));
    assert!(!trace.records.iter().any(|record| matches!(record.what, What::Hold { .. })));
}

#[test]
fn a_provider_veto_reaches_the_requester_and_other_codes_are_translated() {
    let foreign = HResult(0x8765_4321);
    for (code, seen) in [
        (HResult::VSS_E_PROVIDER_VETO, HResult::VSS_E_PROVIDER_VETO),
        (HResult::VSS_E_INSUFFICIENT_STORAGE, HResult::VSS_E_INSUFFICIENT_STORAGE),
        (foreign, HResult::VSS_E_UNEXPECTED_PROVIDER_ERROR),
        (HResult::S_FALSE, HResult::VSS_E_UNEXPECTED_PROVIDER_ERROR),
    ] {
        for step in [
            ProviderCallback::EndPrepareSnapshots,
            ProviderCallback::PreCommitSnapshots,
            ProviderCallback::CommitSnapshots,
            ProviderCallback::PostCommitSnapshots,
            ProviderCallback::PreFinalCommitSnapshots,
            ProviderCallback::PostFinalCommitSnapshots,
        ] {
            let mut plan = plan();
            callback(&mut plan, step, &[Op::Answer(code)]);
            let trace = traced(plan);
            assert!(endings(&trace).contains(&seen), "{step} {code}: {:?}", endings(&trace));
            assert!(called(&trace, "AbortSnapshots"), "{step}");
        }
    }
}

#[test]
fn a_provider_that_cannot_begin_keeps_the_volume_out() {
    let mut plan = plan();
    callback(&mut plan, ProviderCallback::BeginPrepareSnapshot, &[Op::Answer(HResult::VSS_E_PROVIDER_VETO)]);
    let trace = traced(plan);
    let refused = trace
        .records
        .iter()
        .any(|record| matches!(&record.what, What::Return { hresult, .. } if *hresult == HResult::VSS_E_PROVIDER_VETO));
    assert!(refused);
    assert!(!called(&trace, "AbortSnapshots"), "a provider is not told of a failure before EndPrepareSnapshots");
}

#[test]
fn a_writer_that_never_answers_is_given_up_after_ten_minutes() {
    let mut plan = plan();
    handler(&mut plan, 1, WriterEvent::PrepareForBackup, &[Op::Hang]);
    let trace = traced(plan);
    assert_eq!(states(&trace)["Writer 2"].1, HResult::VSS_E_WRITER_NOT_RESPONDING);
    let prepared =
        trace.records.iter().find(|record| matches!(record.what, What::AsyncEnd { operation: AsyncId(2), .. }));
    assert!(prepared.unwrap().t >= Ticks::from_secs(600));
}

#[test]
fn a_writer_that_dies_is_not_waited_for() {
    let mut plan = plan();
    handler(&mut plan, 1, WriterEvent::PrepareForSnapshot, &[Op::Crash]);
    let trace = traced(plan);
    assert_eq!(states(&trace)["Writer 2"].1, HResult::VSS_E_WRITER_NOT_RESPONDING);
    assert!(called(&trace, "PostFinalCommitSnapshots"));
    assert!(trace.records.last().unwrap().t < Ticks::from_secs(60));
    assert_eq!(events(&trace, "Writer 2").last(), Some(&WriterEvent::PrepareForSnapshot));
}

#[test]
fn a_provider_that_dies_fails_the_set_and_the_writers_are_aborted() {
    for step in [ProviderCallback::EndPrepareSnapshots, ProviderCallback::CommitSnapshots] {
        let mut plan = plan();
        callback(&mut plan, step, &[Op::Crash]);
        let trace = traced(plan);
        assert!(endings(&trace).contains(&HResult::VSS_E_UNEXPECTED_PROVIDER_ERROR), "{step}: {:?}", endings(&trace));
        assert!(trace.records.last().unwrap().t < Ticks::from_secs(60));
    }
}

#[test]
fn a_requester_that_dies_leaves_nothing_behind() {
    // Before every instruction of its script, up to the jump over the part for failures.
    let script = full_backup(2, 1);
    let end = script.iter().position(|op| matches!(op, Op::Jump(_))).unwrap();
    for place in 0..=end {
        let mut plan = plan();
        let mut ops: Vec<Op> = script.to_vec();
        ops.insert(place, Op::Crash);
        plan.requesters[0].script = Arc::from(ops);
        let trace = traced(plan);
        assert!(trace.records.iter().any(|record| record.what == What::Process(ProcessEdge::Crashed)), "{place}");
        for writer in ["Writer 1", "Writer 2"] {
            let events = events(&trace, writer);
            let took_part = events.contains(&WriterEvent::PrepareForBackup);
            assert_eq!(events.contains(&WriterEvent::BackupShutdown), took_part, "{place}: {events:?}");
        }
    }
}

/// A script that starts DoSnapshotSet, lets time pass, and then does something to the operation.
fn interrupted(after: Ticks, then: &[Op]) -> Script {
    let script = full_backup(2, 1);
    let starts = |op: &Op| matches!(op, Op::Backup { call: Template::Call(B::DoSnapshotSet), .. });
    let place = script.iter().position(starts).unwrap() + 1;
    let mut ops: Vec<Op> = script[..place].to_vec();
    for op in &mut ops {
        if let Op::IfFailed(target) | Op::IfWriterFailed(target) = op {
            *target = u16::MAX;
        }
    }
    ops.push(Op::Takes(Span::exactly(after)));
    ops.extend_from_slice(then);
    ops.into()
}

fn asking(call: AsyncCall) -> Op {
    Op::Async { kept: 0, call }
}

const NOW: AsyncId = AsyncId(0);

#[test]
fn cancel_takes_effect_before_the_commit_and_not_after() {
    let wait = asking(AsyncCall::Wait { operation: NOW, milliseconds: None });
    let status = asking(AsyncCall::QueryStatus { operation: NOW });
    let then = [asking(AsyncCall::Cancel { operation: NOW }), wait, status];
    // Flush and hold takes from 0 s to 0.1 s; the provider commits for a second after it.
    for (after, outcome) in [
        (Ticks::from_millis(20), HResult::VSS_S_ASYNC_CANCELLED),
        (Ticks::from_millis(600), HResult::VSS_S_ASYNC_FINISHED),
    ] {
        let mut plan = plan();
        plan.applications.clear();
        plan.writers[0].handlers.clear();
        callback(
            &mut plan,
            ProviderCallback::CommitSnapshots,
            &[seconds(1), Op::Commit { gap: Span::default() }, Op::Answer(HResult::S_OK)],
        );
        plan.requesters[0].script = interrupted(after, &then);
        let trace = traced(plan);
        assert_eq!(endings(&trace).last(), Some(&outcome), "cancelled after {after}");
        assert_eq!(called(&trace, "PostFinalCommitSnapshots"), outcome == HResult::VSS_S_ASYNC_FINISHED);
    }
}

#[test]
fn a_wait_that_is_too_short_ends_and_the_operation_goes_on() {
    let then = [
        asking(AsyncCall::Wait { operation: NOW, milliseconds: Some(10) }),
        asking(AsyncCall::QueryStatus { operation: NOW }),
        asking(AsyncCall::Wait { operation: NOW, milliseconds: None }),
        asking(AsyncCall::QueryStatus { operation: NOW }),
    ];
    let mut plan = plan();
    plan.requesters[0].script = interrupted(Ticks::ZERO, &then);
    let trace = traced(plan);
    let told = |record: &vssim_model::trace::Record| match &record.what {
        What::Return { out: Out::Status(code), .. } => Some(*code),
        _ => None,
    };
    let statuses: Vec<HResult> = trace.records.iter().filter_map(told).collect();
    let last: Vec<HResult> = statuses.iter().rev().take(2).rev().copied().collect();
    assert_eq!(last, [HResult::VSS_S_ASYNC_PENDING, HResult::VSS_S_ASYNC_FINISHED]);
}

#[test]
fn cancelling_what_has_ended_tells_how_it_ended() {
    let then =
        [asking(AsyncCall::Wait { operation: NOW, milliseconds: None }), asking(AsyncCall::Cancel { operation: NOW })];
    let mut plan = plan();
    plan.requesters[0].script = interrupted(Ticks::ZERO, &then);
    let trace = traced(plan);
    let cancel = trace.records.iter().find_map(|record| match &record.what {
        What::Call { id, call: Call::Async(AsyncCall::Cancel { .. }), .. } => Some(*id),
        _ => None,
    });
    let answered = trace.records.iter().find_map(|record| match &record.what {
        What::Return { id, hresult, .. } if Some(*id) == cancel => Some(*hresult),
        _ => None,
    });
    assert_eq!(answered, Some(HResult::VSS_S_ASYNC_FINISHED));
}

#[test]
fn a_second_set_is_refused_while_one_is_being_created_and_let_in_afterwards() {
    let mut plan = plan();
    callback(
        &mut plan,
        ProviderCallback::EndPrepareSnapshots,
        &[seconds(5), Op::PrepareStorage, Op::Answer(HResult::S_OK)],
    );
    let retry = |at: u64| RequesterPlan {
        name: format!("Second at {at} s").into(),
        starts: Ticks::from_secs(at),
        script: full_backup(2, 1),
    };
    plan.requesters.push(retry(2));
    plan.requesters.push(retry(60));
    let trace = traced(plan);
    let refused: Vec<&str> = trace
        .records
        .iter()
        .filter(|record| matches!(&record.what, What::Return { hresult, .. } if *hresult == HResult::VSS_E_SNAPSHOT_SET_IN_PROGRESS))
        .map(|record| &*record.actor)
        .collect();
    assert_eq!(refused, ["Second at 2 s"]);
}

/// The handler returns, and the process ends at that very moment: VSS has the answer, and gets no second one.
#[test]
fn an_answer_that_left_before_its_process_ended_arrives_and_counts_once() {
    for seed in 1..=40 {
        let mut plan = plan();
        handler(&mut plan, 0, WriterEvent::Freeze, &[Op::Return(false), Op::Crash]);
        let writer = plan.writers[0].name.clone();
        let (outcome, trace) = run(&Arc::new(plan), seed).unwrap();
        assert_eq!(outcome.broken, None, "seed {seed}");
        let of_writer =
            |what: fn(&What) -> bool| trace.records.iter().any(|record| record.actor == writer && what(&record.what));
        let answered = |what: &What| matches!(what, What::Handled { event: WriterEvent::Freeze, .. });
        let shown = |what: &What| matches!(what, What::WriterState { to: WriterState::FailedAtFreeze, .. });
        assert!(of_writer(answered) && of_writer(shown), "seed {seed}");
        let is_callback =
            |what: &What| matches!(what, What::Callback { call, .. } if call.name().1 == "PreCommitSnapshots");
        let callbacks = trace.records.iter().filter(|record| is_callback(&record.what)).count();
        assert!(callbacks <= 1, "seed {seed}: {callbacks} calls of PreCommitSnapshots");
    }
}
