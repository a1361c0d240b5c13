//! Where rules do not reach: crashes, imported traces, documented exceptions; and what a report says.

use proptest::prelude::*;

use vssim_conformance::{Bound, Finding, Report, Verdict, judge};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, SnapshotSetId, WriterClassId};
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::*;
use vssim_model::trace_codec;

use crate::support::*;
use crate::table::writerless;

fn broken(report: &Report) -> Vec<&'static str> {
    report.violated().map(|(rule, _)| rule.id).collect()
}

fn crash(script: &mut Script, actor: &'static str) {
    script.push("crash", actor, What::Process(ProcessEdge::Crashed));
}

#[test]
fn a_requester_that_crashes_breaks_no_rule_of_requesters_by_it() {
    let whole = good();
    for length in 0..whole.steps.len() {
        let mut script = whole.clone();
        script.steps.truncate(length);
        crash(&mut script, "backup");
        let report = judge(&script.trace());
        let of_requesters: Vec<_> = report.violated().filter(|(rule, _)| rule.actor == Bound::Requester).collect();
        assert_eq!(of_requesters, [], "after {length} records");
    }
}

#[test]
fn a_requester_that_crashes_after_a_failure_is_excused_from_abort_and_release() {
    let mut script = vetoed().cut("waited DoSnapshotSet", "return Release");
    script.steps.pop();
    crash(&mut script, "backup");
    let report = judge(&script.trace());
    for id in ["abort-after-failed-snapshot", "object-released"] {
        assert!(matches!(report.verdict(id), Some(Verdict::Excused(_))), "{id}: {:?}", report.verdict(id));
    }
}

#[test]
fn a_creation_that_succeeds_leaves_no_event_of_a_writer_out() {
    for event in ["Freeze database", "PostSnapshot database"] {
        let script = good().drop(&format!("event {event}")).drop(&format!("handled {event}"));
        let report = judge(&script.trace());
        let found = report.violated().find(|(rule, _)| rule.id == "writer-events-in-order");
        let told = found.map(|(_, findings)| format!("{findings:?}")).unwrap_or_default();
        assert!(told.contains("database got no"), "{event}: {told}");
    }
    let report = judge(&vetoed().trace());
    assert!(!broken(&report).contains(&"writer-events-in-order"), "a creation that fails may");
}

#[test]
fn an_operation_may_end_before_its_call_returns() {
    let early = ["GatherWriterMetadata", "PrepareForBackup", "DoSnapshotSet", "BackupComplete"]
        .iter()
        .fold(good(), |script, method| script.sink(&format!("return {method}"), &format!("end {method}")));
    let report = judge(&early.trace());
    assert_eq!(broken(&report), [] as [&str; 0]);
    for id in ["document-saved", "status-after-snapshot", "operations-end"] {
        assert_eq!(report.verdict(id), Some(&Verdict::Upheld), "{id}");
    }
}

#[test]
fn a_trace_without_calls_is_judged_by_what_it_shows() {
    let mut script = good();
    for key in ["call", "return ", "end ", "wait", "lock", "order", "snapshot", "commit", "document", "compared"] {
        script = script.drop(key);
    }
    let report = judge(&script.trace());
    assert_eq!(broken(&report), [""; 0]);
    let mut requester = report.verdicts.iter().filter(|judged| judged.rule.actor == Bound::Requester);
    assert!(requester.all(|judged| judged.verdict == Verdict::NotExercised));
    assert_eq!(report.verdict("freeze-by-level"), Some(&Verdict::Upheld));
}

#[test]
fn flush_and_hold_may_be_recorded_as_phases_only() {
    let phase = |s: &mut Script, name| {
        for edge in [Edge::Enter, Edge::Leave] {
            s.push("phase", "kernel", What::Phase { name, edge });
        }
    };
    let script = good()
        .before("hold C:", |s| phase(s, Phase::IoctlFlushAndHold))
        .before("release C:", |s| phase(s, Phase::IoctlRelease))
        .drop("hold")
        .drop("release");
    let report = judge(&script.clone().trace());
    assert_eq!(broken(&report), [""; 0]);
    assert_eq!(report.verdict("commit-while-held"), Some(&Verdict::Upheld));
    let late = judge(&script.sink("handled Freeze database", "phase").trace());
    assert!(broken(&late).contains(&"freeze-before-flush-and-hold"));
}

#[test]
fn a_commit_without_any_hold_is_no_commit_while_held() {
    let report = judge(&good().drop("hold").drop("release").trace());
    assert_eq!(broken(&report), ["commit-while-held"]);
}

#[test]
fn a_provider_that_outlasts_the_hold_limit_is_blamed_and_nobody_else() {
    let script = failed(good(), "commit D:", |s| {
        let (name, edge) = (TimerName::HoldLimit, TimerEdge::Fired);
        s.push("hold limit", "kernel", What::Timer { name, edge });
        release(s);
    });
    let trace = script.pause("hold limit", Ticks::from_millis(9_990)).trace();
    assert_eq!(broken(&judge(&trace)), ["commit-within-a-second"]);
}

#[test]
fn an_empty_trace_exercises_nothing() {
    let report = judge(&Script::new().trace());
    assert_eq!(report.counts.not_exercised, report.verdicts.len());
}

/// The same steps on another object, for another set of other shadow copies.
fn another(script: Script) -> Vec<Step> {
    let ids = [(SET.0, "7e5"), (VOLUMES[0].2.0, "7cc"), (VOLUMES[1].2.0, "7dd")];
    let renamed = |mut step: Step| {
        let mut text = serde_json::to_string(&step.what).expect("JSON").replace("\"object\":1", "\"object\":2");
        for (old, new) in ids {
            let old = old.to_string();
            text = text.replace(&old, &format!("{}{new}", &old[..old.len() - 3]));
        }
        step.what = serde_json::from_str(&text).expect("a record");
        step
    };
    script.steps.into_iter().map(renamed).collect()
}

#[test]
fn an_undefined_restore_method_is_none() {
    let undefined = good().edit("document files", |what| {
        if let What::Document { text, .. } = what {
            *text = text.replace("REPLACE_IF_CAN_BE_REPLACED", "UNDEFINED");
        }
    });
    assert_eq!(broken(&judge(&undefined.trace())), ["metadata-complete"]);
}

#[test]
fn a_backup_is_shut_down_for_its_own_set() {
    let foreign = good().edit("event BackupShutdown files", |what| {
        if let What::Event { set, object, .. } = what {
            (*set, *object) = (Some(SnapshotSetId(Guid(0x07))), Some(1));
        }
    });
    assert_eq!(broken(&judge(&foreign.trace())), ["shutdown-once-for-each-participant"]);
}

#[test]
fn backups_one_after_the_other_are_told_apart() {
    let mut script = good();
    script.steps.extend(another(good()));
    assert_eq!(broken(&judge(&script.clone().trace())), [""; 0]);
    let mut late = good();
    late.steps.extend(another(good().drop("event BackupShutdown files").drop("handled BackupShutdown files")));
    assert_eq!(broken(&judge(&late.trace())), ["shutdown-once-for-each-participant"]);
}

#[test]
fn a_set_opened_while_another_is_created_breaks_the_one_at_a_time_rules() {
    let mut script = good().cut("waited DoSnapshotSet", "call Release").drop("lock");
    let second = another(good());
    let opened = second.iter().position(|step| step.key == "call AddComponent").expect("a record");
    let at = script.steps.iter().position(|step| step.key == "call DoSnapshotSet").expect("a record");
    script.steps.splice(at..at, second.into_iter().take(opened + 7));
    let broken = broken(&judge(&script.trace()));
    assert!(broken.contains(&"one-creation-at-a-time") && broken.contains(&"second-set-refused"), "{broken:?}");
}

#[test]
fn a_writer_that_crashed_is_not_missed() {
    let mut script = good().after("handled Freeze database", |s| crash(s, "database"));
    for event in ["Thaw", "PostSnapshot", "BackupComplete", "BackupShutdown"] {
        script = script.drop(&format!("event {event} database")).drop(&format!("handled {event} database"));
    }
    let report = judge(&script.trace());
    for id in ["thaw-or-abort-after-freeze", "shutdown-once-for-each-participant", "complete-reaches-participants"] {
        assert_eq!(report.verdict(id), Some(&Verdict::Upheld), "{id}: the other writer was told");
    }
}

#[test]
fn windows_own_writers_may_lack_components_and_still_get_events() {
    let mut trace = good()
        .after("handled PrepareForBackup files", |s| s.handle("idle", WriterEvent::PrepareForBackup, |_| ()))
        .trace();
    let optimization = WriterClassId(Guid(0x4dc3_bdd4_ab48_4d07_adb0_3bee_2926_fd7f));
    for actor in &mut trace.header.actors {
        if let (Role::Writer { class, .. }, "idle") = (&mut actor.role, actor.name.as_ref()) {
            *class = optimization;
        }
    }
    let report = judge(&trace);
    let verdict = report.verdict("writer-without-component-left-alone");
    assert!(matches!(verdict, Some(Verdict::Excused(_))), "{verdict:?}");
}

#[test]
fn a_slow_writer_is_blamed_for_its_window_and_not_the_service() {
    let script = good().fail("Freeze database", Some(HResult::VSS_E_WRITERERROR_TIMEOUT));
    let script = failed(script, "handled Freeze database", |s| {
        s.state("database", WriterState::WaitingForFreeze, WriterState::FailedAtFreeze);
    });
    // The other writer's own window is kept: it is told in time.
    let told = ["event Abort files", "order Resume files", "handled Abort files"];
    let script = told.iter().fold(script, |script, key| script.hoist(key, "handled Freeze database"));
    let report = judge(&script.pause("handled Freeze database", Ticks::from_secs(61)).trace());
    assert_eq!(broken(&report), ["freeze-handled-in-window"]);
}

#[test]
fn an_application_without_a_writer_is_nobodys_fault() {
    let script = good().edit("consistency", |what| {
        if let What::Consistency { state, .. } = what {
            *state = Consistency::CrashConsistent;
        }
    });
    assert_eq!(broken(&judge(&script.trace())), [""; 0]);
}

#[test]
fn a_context_without_writers_asks_for_no_preparation() {
    let script = writerless().drop("event").drop("handled").drop_call("PrepareForBackup").drop_call("AddComponent");
    let report = judge(&script.drop_call("GatherWriterMetadata").drop_call("BackupComplete").trace());
    for id in ["prepare-before-snapshot", "metadata-gathered-before-snapshot", "status-after-snapshot"] {
        assert_eq!(report.verdict(id), Some(&Verdict::NotExercised), "{id}");
    }
}

#[test]
fn a_finding_names_the_records_that_show_it() {
    let trace = good().pause("release D:", Ticks::from_secs(11)).trace();
    let report = judge(&trace);
    let number = |is: fn(&What) -> bool| trace.records.iter().find(|record| is(&record.what)).map(|record| record.n);
    let hold = number(|what| matches!(what, What::Hold { .. })).expect("a hold");
    let release = number(|what| matches!(what, What::Release { volume, .. } if &**volume == "D:")).expect("a release");
    let expected = Finding { records: vec![hold, release], sentence: "writes were held for 11.010 s".to_owned() };
    assert_eq!(report.verdict("hold-within-ten-seconds"), Some(&Verdict::Violated(vec![expected])));
}

#[test]
fn a_report_is_json_with_rule_requirements_and_verdict() {
    let json = judge(&good().drop("release C:").trace()).to_json();
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let entry = |id: &str| {
        let entries = value["verdicts"].as_array().expect("a list");
        entries.iter().find(|entry| entry["rule"] == id).cloned().expect("the rule")
    };
    assert_eq!(entry("freeze-by-level")["verdict"], "upheld");
    assert_eq!(entry("freeze-by-level")["requirements"][0], "WRT-EVT-029");
    assert_eq!(entry("abort-fails-set")["verdict"], "not-exercised");
    assert!(entry("held-writes-released")["verdict"]["violated"][0]["records"][0].is_u64());
    assert_eq!(value["counts"]["violated"], 1);
}

#[test]
fn a_broken_invariant_stands_in_the_report() {
    let mut script = good();
    script.push("invariant", "vss", What::Invariant { name: "nothing-held".into(), detail: "C: is held".into() });
    let report = judge(&script.trace());
    assert_eq!(report.invariants.len(), 1);
    assert_eq!(report.invariants[0].name, "nothing-held");
}

#[test]
fn a_trace_is_judged_alike_before_and_after_it_was_written_to_a_file() {
    let trace = vetoed().trace();
    let read = trace_codec::read(trace.to_json_lines().as_bytes()).expect("the trace reads");
    assert_eq!(judge(&read).to_json(), judge(&trace).to_json());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_scrambled_run_gets_a_report(swaps in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..60), cut in any::<prop::sample::Index>()) {
        let mut script = good();
        let length = script.steps.len();
        for (a, b) in swaps {
            script.steps.swap(a.index(length), b.index(length));
        }
        script.steps.truncate(cut.index(length));
        let report = judge(&script.trace());
        prop_assert_eq!(report.verdicts.len(), vssim_conformance::CATALOGUE.len());
    }
}

#[test]
fn backup_shutdown_names_no_set_of_which_nothing_was_made() {
    assert_eq!(broken(&judge(&vetoed().trace())), [""; 0]);
    assert_eq!(broken(&judge(&vetoed().shutdown_of(Some(SET)).trace())), ["shutdown-once-for-each-participant"]);
}
