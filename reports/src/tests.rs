//! The reports as a reader sees them, and what hostile traces do to them.

mod hostile;

use insta::assert_snapshot;
use vssim_conformance::BrokenInvariant;
use vssim_model::api::{BackupComponentsCall, Call, MethodCall, Out, Value, WriterStatus};
use vssim_model::catalogue::find;
use vssim_model::documents::{SourceType, UsageType, WriterMetadata};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, WriterClassId, WriterInstanceId};
use vssim_model::states::WriterState;
use vssim_model::trace::{DocumentKind, ProcessEdge, What};

use crate::testing::{Ill, Judgement, backup, expectation, finding, two_at_once};
use crate::{Style, Verbosity, json, junit, record_text, sequence_diagram, summary, verdict, writers};

const TWO: [&str; 2] = ["SQL Writer", "Registry Writer"];

/// A judgement of the backup whose freeze window ran out.
fn breached() -> Judgement {
    let trace = backup("slow-provider", &TWO, Ill::FreezeWindow);
    let shown = |record: &&vssim_model::trace::Record| match &record.what {
        What::Event { event, .. } => event.name() == "Freeze" && &*record.actor == "SQL Writer",
        What::Timer { edge: vssim_model::trace::TimerEdge::Fired, .. } => true,
        What::WriterState { to, .. } => *to == WriterState::FailedAtFreeze && &*record.actor == "SQL Writer",
        _ => false,
    };
    let records: Vec<u64> = trace.records.iter().filter(shown).map(|record| record.n).collect();
    let sentence = "SQL Writer was frozen for 60.325 s; its window is 60 s.";
    Judgement::breached(vec![finding(&records, sentence), finding(&[9_999], "and 3 more of the same kind")])
}

#[test]
fn a_good_backup_is_upheld() {
    let (trace, judgement) = (backup("full-backup", &TWO, Ill::Nothing), Judgement::good());
    assert_snapshot!(verdict::render(&trace, &judgement.outcome(), &Style::default()));
}

#[test]
fn a_breach_is_shown_with_its_rule_and_its_records() {
    let (trace, judgement) = (backup("slow-provider", &TWO, Ill::FreezeWindow), breached());
    assert_snapshot!(verdict::render(&trace, &judgement.outcome(), &Style::default()));
}

#[test]
fn a_verbose_verdict_says_what_every_rule_asks() {
    let (trace, judgement) = (backup("full-backup", &TWO, Ill::Nothing), Judgement::good());
    let style = Style { verbosity: Verbosity::Verbose, ..Style::default() };
    assert_snapshot!(verdict::render(&trace, &judgement.outcome(), &style));
}

#[test]
fn a_broken_invariant_is_shown_first_and_as_a_defect_of_vssim() {
    let mut judgement = breached();
    let detail = "D: was still held at the end".to_owned();
    judgement.invariants.push(BrokenInvariant { record: 7, name: "nothing-stays-held".to_owned(), detail });
    let trace = backup("slow-provider", &TWO, Ill::FreezeWindow);
    let text = verdict::render(&trace, &judgement.outcome(), &Style::default());
    let at = |words: &str| text.find(words).unwrap_or(usize::MAX);
    assert!(text.starts_with("Verdict: DEFECT OF VSSIM"), "{text}");
    assert!(at("nothing-stays-held") < at("VIOLATED  freeze-window"), "{text}");
}

#[test]
fn the_writers_are_listed_as_vssadmin_lists_them() {
    let mut trace = backup("slow-provider", &["SQL Writer", "Registry Writer", "NTDS"], Ill::FreezeWindow);
    let mut last = trace.records.last().cloned().expect("there are records");
    last.actor = "NTDS".into();
    last.what = What::Process(ProcessEdge::Crashed);
    trace.records.push(last);
    assert_snapshot!(writers(&trace));
}

#[test]
fn a_trace_without_writers_lists_none() {
    assert_eq!(writers(&backup("none", &[], Ill::ProviderVeto)), "No writers.\n");
}

#[test]
fn a_summary_of_a_good_run() {
    let (trace, judgement) = (backup("full-backup", &TWO, Ill::Nothing), Judgement::good());
    let met = [expectation("the backup succeeds", true, "")];
    assert_snapshot!(summary::render(&trace, &judgement.outcome(), &met, &Style::default()));
}

#[test]
fn a_summary_of_a_bad_run() {
    let (trace, judgement) = (backup("slow-provider", &TWO, Ill::FreezeWindow), breached());
    let expectations = [
        expectation("freeze-window is violated", true, ""),
        expectation("outcome", false, "expected VSS_E_PROVIDER_VETO, found VSS_E_UNEXPECTED_WRITER_ERROR"),
    ];
    assert_snapshot!(summary::render(&trace, &judgement.outcome(), &expectations, &Style::default()));
}

#[test]
fn a_verbose_summary_lists_the_expectations_that_were_met() {
    let (trace, judgement) = (backup("full-backup", &TWO, Ill::Nothing), Judgement::good());
    let met = [expectation("the backup succeeds", true, "VSS_S_ASYNC_FINISHED")];
    let style = Style { verbosity: Verbosity::Verbose, ..Style::default() };
    let text = summary::render(&trace, &judgement.outcome(), &met, &style);
    assert!(text.ends_with("✓ the backup succeeds: VSS_S_ASYNC_FINISHED\n"), "{text}");
}

#[test]
fn a_writer_in_two_backups_at_once_is_listed_with_its_state_in_each() {
    assert_snapshot!(writers(&two_at_once(&["Index Writer"], ["Slow", "Quick"], false)));
}

#[test]
fn the_list_says_which_of_the_backups_at_once_are_over() {
    let text = writers(&two_at_once(&["Index Writer"], ["Slow", "Quick"], true));
    assert!(text.contains("   For Slow, over at 1.420 s: [5] Waiting for completion, No error\n"), "{text}");
    assert!(text.contains("   For Quick, over at 1.420 s: [12] Failed, Retryable error\n"), "{text}");
}

#[test]
fn a_writer_that_ends_is_in_no_backup_any_more() {
    let mut trace = two_at_once(&["Index Writer"], ["Slow", "Quick"], false);
    let n = trace.records.len() as u64 + 1;
    let (t, what) = (vssim_model::time::Ticks::from_secs(9), What::Process(ProcessEdge::Crashed));
    trace.records.push(vssim_model::trace::Record { n, t, actor: "Index Writer".into(), what, cause: 0 });
    let text = writers(&trace);
    assert!(text.contains("whose process crashed at 9.000 s\n   For Slow, over at 9.000 s: "), "{text}");
}

#[test]
fn the_json_document_has_the_sessions_of_a_writer_in_two_backups_at_once() {
    let (trace, judgement) = (two_at_once(&["Index Writer"], ["Slow", "Quick"], true), Judgement::good());
    let text = json::render(&trace, &judgement.outcome(), &[]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    assert_snapshot!(format!("{:#}\n{:#}", document["writers"][0]["sessions"], document["statistics"]["freezes"]));
}

#[test]
fn the_sequence_diagram_of_two_backups_at_once_says_whose_an_event_is() {
    assert_snapshot!(sequence_diagram(&two_at_once(&["Index Writer"], ["Slow", "Quick"], true)));
}

/// A backup of one writer, whose process was started anew, and of an express writer.
fn with_an_express_writer() -> vssim_model::trace::Trace {
    let mut trace = backup("express", &["SQL Writer"], Ill::Nothing);
    let (class, own) = (WriterClassId(Guid(0xe1 << 120)), WriterInstanceId(Guid(0xe2 << 120)));
    let document = WriterMetadata::build(class, own, "Print Settings", UsageType::SystemService, SourceType::Other);
    let text = document.map(|document| document.finish().to_xml()).unwrap_or_default();
    let (sha256, kind) = ("e3".repeat(32), DocumentKind::WriterMetadata);
    let new = WriterInstanceId(Guid(0xb9 << 120));
    let first = &trace.records[0];
    let record = |actor: &str, what| vssim_model::trace::Record { actor: actor.into(), what, ..first.clone() };
    let before = [
        record("SQL Writer", What::Instance { instance: new }),
        record("service", What::Document { sha256, kind, text }),
    ];
    trace.records.splice(..0, before);
    for (at, record) in trace.records.iter_mut().enumerate() {
        record.n = at as u64 + 1;
        if let What::Return { out: Out::WriterStatus(status), .. } = &mut record.what {
            status.instance = new;
        }
    }
    trace
}

/// A call of the trace's requester behind all others.
fn add_call(trace: &mut vssim_model::trace::Trace, call: Call, out: Out) {
    let id = vssim_model::trace::CallId(9_000 + trace.records.len() as u64);
    for what in [What::Call { id, object: 1, call }, What::Return { id, hresult: HResult::S_OK, out }] {
        let n = trace.records.len() as u64 + 1;
        let t = trace.records.last().map_or_else(Default::default, |last| last.t);
        trace.records.push(vssim_model::trace::Record { n, t, actor: "backup".into(), what, cause: 0 });
    }
}

#[test]
fn express_writers_are_listed_first_and_a_writer_under_its_last_instance() {
    assert_snapshot!(writers(&with_an_express_writer()));
}

#[test]
fn an_express_writer_is_listed_until_it_is_unregistered() {
    let mut trace = with_an_express_writer();
    let method = find("IVssExpressWriter::Unregister").unwrap();
    let mut call = MethodCall::new(method);
    call.arguments.insert("writerId".to_owned(), Value::guid(Guid(0xe1 << 120)));
    add_call(&mut trace, Call::Method(call), Out::Nothing);
    let listed = writers(&trace);
    assert!(!listed.contains("Print Settings") && listed.contains("SQL Writer"), "{listed}");
}

#[test]
fn an_express_writer_whose_state_is_unknown_is_in_the_store_no_more() {
    let mut trace = with_an_express_writer();
    let status = |state, failure| {
        let (writer, instance) = (WriterClassId(Guid(0xe1 << 120)), WriterInstanceId(Guid(0xe2 << 120)));
        Out::WriterStatus(WriterStatus { instance, writer, name: "Print Settings".to_owned(), state, failure })
    };
    let ask = Call::BackupComponents(BackupComponentsCall::GetWriterStatus { index: 0 });
    let gone = status(WriterState::Unknown, HResult::VSS_E_WRITER_NOT_RESPONDING);
    add_call(&mut trace, ask.clone(), gone);
    assert!(!writers(&trace).contains("Print Settings"));
    add_call(&mut trace, ask, status(WriterState::Stable, HResult::S_OK));
    assert!(writers(&trace).contains("Print Settings"), "registered again");
}

#[test]
fn a_call_by_its_name_in_the_catalogue_shows_its_arguments() {
    let mut trace = with_an_express_writer();
    let method = find("IVssBackupComponents::AddComponent").unwrap();
    let mut call = MethodCall::new(method);
    for (parameter, value) in [
        ("instanceId", Value::guid(Guid(0xe2 << 120))),
        ("writerId", Value::guid(Guid(0xe1 << 120))),
        ("ct", Value::text("VSS_CT_FILEGROUP")),
        ("wszLogicalPath", Value::Null),
        ("wszComponentName", Value::text("Settings")),
    ] {
        call.arguments.insert(parameter.to_owned(), value);
    }
    add_call(&mut trace, Call::Method(call), Out::Nothing);
    let text = crate::timeline(&trace, &Style::default());
    assert!(text.contains("AddComponent(Print Settings\\Settings)\n"), "{text}");
}

#[test]
fn a_timeline_shows_where_an_express_writer_is_told_of() {
    let trace = with_an_express_writer();
    let text = crate::timeline(&trace, &Style::default());
    assert!(text.contains("metadata of the express writer Print Settings"), "{text}");
    let verbose = Style { verbosity: Verbosity::Verbose, width: 200, ..Style::default() };
    let text = crate::timeline(&trace, &verbose);
    assert!(text.contains("Writer Metadata Document of the express writer Print Settings, of "), "{text}");
}

#[test]
fn the_json_document_lists_express_writers_as_such() {
    let judgement = Judgement::good();
    let text = json::render(&with_an_express_writer(), &judgement.outcome(), &[]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let of = |at: usize| (document["writers"][at]["name"].clone(), document["writers"][at].get("express").cloned());
    assert_eq!(of(0), ("Print Settings".into(), Some(true.into())));
    assert_eq!(of(1), ("SQL Writer".into(), None));
}

#[test]
fn the_json_document() {
    let (trace, judgement) = (backup("slow-provider", &TWO, Ill::FreezeWindow), breached());
    let met = [expectation("freeze-window is violated", true, "")];
    let text = json::render(&trace, &judgement.outcome(), &met);
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    assert_snapshot!(text);
}

#[test]
fn the_junit_document() {
    let (trace, judgement) = (backup("slow-provider", &TWO, Ill::FreezeWindow), breached());
    let expectations = [expectation("outcome", false, "expected a veto"), expectation("seed", true, "")];
    assert_snapshot!(junit::render(&trace, &judgement.outcome(), &expectations));
}

#[test]
fn the_sequence_diagram() {
    assert_snapshot!(sequence_diagram(&backup("full-backup", &TWO, Ill::Nothing)));
}

#[test]
fn a_long_sequence_diagram_is_cut_and_says_so() {
    let names: Vec<String> = (0..60).map(|n| format!("w{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let text = sequence_diagram(&backup("many", &names, Ill::Nothing));
    assert!(text.lines().count() < crate::sequence::LIMIT + 80);
    assert!(text.trim_end().ends_with("further steps left out"), "{text}");
}

#[test]
fn every_record_has_its_line() {
    let lines: Vec<String> =
        backup("full-backup", &["SQL Writer"], Ill::HoldLimit).records.iter().map(record_text).collect();
    assert_snapshot!(lines.join("\n"));
}
