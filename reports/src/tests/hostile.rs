//! Traces that no honest writer makes: no report panics, and none lets an escape sequence or a stray line through.

use std::sync::Arc;

use proptest::prelude::*;
use vssim_conformance::judge;
use vssim_model::api::{AsyncCall, AsyncId, BackupComponentsCall, Call, Out, WriterCall, WriterStatus};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId, WriterClassId, WriterInstanceId};
use vssim_model::states::{SnapshotState, WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::{
    CallId, Consistency, DocumentKind, Edge, EventLog, EventLogEntry, Io, Name, Phase, ProcessEdge, Record, TimerEdge,
    TimerName, Trace, What,
};

use crate::testing::{Ill, Judgement, Tape, backup, finding};
use crate::{
    Expectation, Style, Verbosity, json, junit, record_text, sequence_diagram, summary, timeline, verdict, writers,
};

/// Names that are declared, names that are not, and names that attack the terminal.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("backup".to_owned()),
        Just("w1".to_owned()),
        Just("w2".to_owned()),
        Just("kernel".to_owned()),
        Just("\u{1b}[2J\u{202e}\r\nx;#%%".to_owned()),
        Just("長い名前".repeat(300)),
        ".{0,40}",
    ]
}

fn actor() -> impl Strategy<Value = Name> {
    name().prop_map(Arc::from)
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..6_u64, Just(u64::MAX), any::<u64>()]
}

fn hresult() -> impl Strategy<Value = HResult> {
    prop_oneof![Just(HResult::S_OK), Just(HResult::VSS_E_PROVIDER_VETO), any::<u32>().prop_map(HResult)]
}

fn guid() -> impl Strategy<Value = Guid> {
    (0..4_u128).prop_map(|n| Guid(n << 120))
}

fn state() -> impl Strategy<Value = WriterState> {
    prop::sample::select(WriterState::ALL)
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        Just(Call::BackupComponents(BackupComponentsCall::DoSnapshotSet)),
        Just(Call::BackupComponents(BackupComponentsCall::Release)),
        any::<u32>().prop_map(|context| Call::BackupComponents(BackupComponentsCall::SetContext { context })),
        (0..9_u32).prop_map(|index| Call::BackupComponents(BackupComponentsCall::GetWriterStatus { index })),
        (0..3_u32).prop_map(|n| Call::Async(AsyncCall::QueryStatus { operation: AsyncId(n) })),
        hresult().prop_map(|failure| Call::Writer(WriterCall::SetWriterFailure { failure })),
        (guid(), name()).prop_map(|(provider, volume)| {
            let provider = vssim_model::ids::ProviderId(provider);
            Call::BackupComponents(BackupComponentsCall::AddToSnapshotSet { volume, provider })
        }),
    ]
}

fn out() -> impl Strategy<Value = Out> {
    prop_oneof![
        Just(Out::Nothing),
        (0..3_u32).prop_map(|n| Out::Async(AsyncId(n))),
        hresult().prop_map(Out::Status),
        name().prop_map(Out::Document),
        guid().prop_map(|set| Out::SnapshotSet(SnapshotSetId(set))),
        (guid(), name(), state(), hresult()).prop_map(|(id, name, state, failure)| {
            let (instance, writer) = (WriterInstanceId(id), WriterClassId(id));
            Out::WriterStatus(WriterStatus { instance, writer, name, state, failure })
        }),
    ]
}

fn io() -> impl Strategy<Value = Io> {
    prop_oneof![
        number().prop_map(|block| Io::FirstCopy { block }),
        (number(), number()).prop_map(|(offset, length)| Io::Queued { offset, length }),
        (number(), number()).prop_map(|(offset, length)| Io::Leaked { offset, length }),
        (guid(), number(), number()).prop_map(|(id, files, bytes)| Io::BulkRead {
            snapshot: SnapshotId(id),
            files,
            bytes
        }),
    ]
}

fn protocol() -> impl Strategy<Value = What> {
    let id = || (0..8_u64).prop_map(CallId);
    let event = || prop::sample::select(WriterEvent::ALL);
    let object = || prop_oneof![Just(None), (0..3_u32).prop_map(Some), Just(Some(u32::MAX))];
    prop_oneof![
        (id(), 0..3_u32, call()).prop_map(|(id, object, call)| What::Call { id, object, call }),
        (id(), call()).prop_map(|(id, call)| What::Callback { id, call }),
        (id(), hresult(), out()).prop_map(|(id, hresult, out)| What::Return { id, hresult, out }),
        (id(), hresult()).prop_map(|(id, hresult)| What::CallbackReturn { id, hresult }),
        (id(), event(), object()).prop_map(|(id, event, object)| What::Event { id, event, set: None, object }),
        (id(), event(), any::<bool>()).prop_map(|(id, event, returned)| What::Handled {
            id,
            event,
            returned,
            failure: None
        }),
        (state(), state(), hresult(), object()).prop_map(|(from, to, failure, object)| What::WriterState {
            from,
            to,
            failure,
            object
        }),
        (guid(), actor()).prop_map(|(id, volume)| What::SnapshotState {
            set: SnapshotSetId(id),
            snapshot: SnapshotId(id),
            volume,
            from: SnapshotState::Preparing,
            to: SnapshotState::Prepared,
        }),
        (0..3_u32, hresult()).prop_map(|(n, hresult)| What::AsyncEnd { operation: AsyncId(n), hresult }),
    ]
}

fn machinery() -> impl Strategy<Value = What> {
    let edge = prop::sample::select(vec![Edge::Enter, Edge::Leave]);
    let timers = vec![TimerEdge::Set(Ticks(u64::MAX)), TimerEdge::Fired, TimerEdge::Stopped];
    let log = |message: String| EventLogEntry { log: EventLog::System, source: message.clone(), id: None, message };
    prop_oneof![
        edge.prop_map(|edge| What::Phase { name: Phase::DoSnapshot, edge }),
        (actor(), prop::sample::select(timers))
            .prop_map(|(who, edge)| What::Timer { name: TimerName::FreezeWindow(who), edge }),
        actor().prop_map(|volume| What::Hold { volume }),
        (actor(), any::<u32>()).prop_map(|(volume, queued)| What::Release { volume, queued }),
        (actor(), guid()).prop_map(|(volume, id)| What::Commit { snapshot: SnapshotId(id), volume }),
        (actor(), io()).prop_map(|(volume, io)| What::Io { volume, io }),
        name().prop_map(move |message| What::EventLog(log(message))),
        name().prop_map(|text| What::Document { sha256: text.clone(), kind: DocumentKind::WriterMetadata, text }),
        Just(What::Process(ProcessEdge::Crashed)),
        (guid(), name()).prop_map(|(id, detail)| What::Consistency {
            set: SnapshotSetId(id),
            state: Consistency::Corrupt,
            detail
        }),
        (guid(), number()).prop_map(|(id, n)| What::Compared {
            snapshot: SnapshotId(id),
            compared: n,
            excluded_vss: n,
            excluded_free: n,
            different: n
        }),
        (name(), name()).prop_map(|(name, detail)| What::Invariant { name, detail }),
        (name(), name()).prop_map(|(before, after)| What::RanOut { reached: None, before, after }),
    ]
}

prop_compose! {
    fn record()(n in number(), t in number(), actor in actor(), what in prop_oneof![protocol(), machinery()]) -> Record {
        Record { n, t: Ticks(t), actor, what, cause: n }
    }
}

/// Whether every line is one that a terminal may be given.
fn is_tame(text: &str) -> bool {
    let line_is = |line: &str| !line.contains(|c: char| c.is_control() || c == '\u{202e}') && line.trim_end() == line;
    text.lines().all(line_is) && (text.is_empty() || text.ends_with('\n'))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_trace_makes_a_report_panic_or_run_wild(
        records in prop::collection::vec(record(), 0..60),
        scenario in name(),
        width in 0_usize..200,
        numbers in prop::collection::vec(number(), 0..20),
    ) {
        let mut trace = Tape::new(&scenario, &["w1", "w2", "\u{1b}[31mw3"]).trace;
        trace.records = records;
        let report = judge(&trace);
        let judgement = Judgement::breached(vec![finding(&numbers, &scenario)]);
        let expectations = [Expectation { name: scenario.clone(), met: false, detail: scenario }];
        for (verbosity, ascii) in [(Verbosity::Brief, true), (Verbosity::Normal, false), (Verbosity::Verbose, true)] {
            let style = Style { color: false, ascii, width, verbosity };
            for text in [
                timeline(&trace, &style),
                verdict(&trace, &report, &style),
                verdict::render(&trace, &judgement.outcome(), &style),
                summary(&trace, &report, &expectations, &style),
            ] {
                prop_assert!(is_tame(&text), "{text:?}");
                prop_assert!(!ascii || text.is_ascii());
            }
        }
        prop_assert!(is_tame(&writers(&trace)));
        prop_assert!(is_tame(&sequence_diagram(&trace)));
        prop_assert!(trace.records.iter().all(|record| is_tame(&(record_text(record) + "."  + "\n"))));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json(&trace, &report, &expectations)).is_ok());
        let document = junit(&trace, &report, &expectations);
        prop_assert!(quick_junit::Report::deserialize_from_str(&document).is_ok(), "{document}");
    }
}

#[test]
fn a_report_of_a_hundred_thousand_records_takes_no_time() {
    let one = backup("long", &["w1", "w2", "w3", "w4", "w5", "w6"], Ill::Nothing);
    let mut records = Vec::new();
    while records.len() < 100_000 {
        for record in &one.records {
            let n = records.len() as u64 + 1;
            records.push(Record { n, t: record.t + Ticks(n * 10), ..record.clone() });
        }
    }
    let trace = Trace { header: one.header, records };
    let text = timeline(&trace, &Style::default());
    // Collapsing keeps a long trace short.
    assert!(text.lines().count() < trace.records.len() / 2);
    assert!(!verdict(&trace, &judge(&trace), &Style::default()).is_empty());
    assert!(!json(&trace, &judge(&trace), &[]).is_empty());
}
