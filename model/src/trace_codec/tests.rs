use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::api::{AsyncCall, AsyncId, BackupComponentsCall, Call, Out};
use crate::hresult::HResult;
use crate::ids::{Guid, SnapshotId, SnapshotSetId, WriterClassId, WriterInstanceId};
use crate::states::{ApplicationLevel, SnapshotState, WriterEvent, WriterState};
use crate::trace::{Actor, CallId, Edge, Io, Phase, Role, TimerEdge, TimerName, What};

fn header() -> Header {
    Header {
        format: FORMAT,
        vssim: "0.1.0".into(),
        scenario: "full-backup".into(),
        scenario_sha256: "00".repeat(32),
        seed: "7".into(),
        release: "windows-server-2022".into(),
        start: "133500000000000000".into(),
        actors: vec![
            Actor { name: "service".into(), role: Role::Service },
            Actor {
                name: "database".into(),
                role: Role::Writer {
                    class: WriterClassId(Guid(1)),
                    instance: WriterInstanceId(Guid(2)),
                    level: ApplicationLevel::BackEnd,
                    freeze_timeout: Ticks::from_secs(60),
                    identify_ex: false,
                    joins: false,
                },
            },
        ],
    }
}

fn record(n: u64, t: u64, what: What) -> Record {
    Record { n, t: Ticks(t), actor: Arc::from("service"), what, cause: 0 }
}

fn lock(n: u64, t: u64) -> Record {
    record(n, t, What::CreationLock { holder: None })
}

fn trace(records: Vec<Record>) -> Trace {
    Trace { header: header(), records }
}

fn problem(text: &str) -> TraceError {
    read(text.as_bytes()).expect_err("the text is refused")
}

#[test]
fn a_trace_written_and_read_is_the_same_trace() {
    let first = trace(vec![lock(1, 0), lock(2, 5)]);
    assert_eq!(read(first.to_json_lines().as_bytes()), Ok(first));
}

#[test]
fn the_last_line_feed_may_be_missing() {
    let first = trace(vec![lock(1, 0)]);
    assert_eq!(read(first.to_json_lines().trim_end().as_bytes()), Ok(first));
}

#[test]
fn a_refusal_tells_line_column_and_what_was_expected() {
    let text = trace(vec![lock(1, 0), lock(3, 5)]).to_json_lines();
    assert_eq!(problem(&text).to_string(), "line 3, column 2: record 3 out of turn; expected 2");
}

#[test]
fn time_neither_runs_backwards_nor_leaves_the_range_of_json_numbers() {
    let backwards = problem(&trace(vec![lock(1, 9), lock(2, 8)]).to_json_lines());
    assert_eq!(backwards.problem, TraceProblem::Time { earliest: Ticks(9), found: Ticks(8) });
    let beyond = problem(&trace(vec![lock(1, 1 << 53)]).to_json_lines());
    assert_eq!((beyond.line, beyond.column), (2, 8));
}

#[test]
fn a_cause_is_an_earlier_record() {
    let mut own = lock(1, 0);
    own.cause = 1;
    assert_eq!(problem(&trace(vec![own]).to_json_lines()).problem, TraceProblem::Cause { record: 1, found: 1 });
}

#[test]
fn every_actor_is_declared_once() {
    let mut stranger = lock(1, 0);
    stranger.actor = Arc::from("nobody");
    let error = problem(&trace(vec![stranger]).to_json_lines());
    assert_eq!(error.problem, TraceProblem::ActorUnknown("nobody".into()));
    let mut twice = trace(Vec::new());
    twice.header.actors.push(Actor { name: "service".into(), role: Role::Kernel });
    assert_eq!(problem(&twice.to_json_lines()).problem, TraceProblem::ActorTwice("service".into()));
}

#[test]
fn an_unknown_format_or_start_is_refused() {
    let mut future = trace(Vec::new());
    future.header.format = 2;
    assert_eq!(problem(&future.to_json_lines()).problem, TraceProblem::Format(2));
    for start in ["", "+1", "1.5", "99999999999999999999"] {
        let mut wrong = trace(Vec::new());
        wrong.header.start = start.into();
        assert_eq!(problem(&wrong.to_json_lines()).problem, TraceProblem::Start(start.into()));
    }
}

#[test]
fn fields_that_are_never_written_are_refused() {
    let head = header_line(&header());
    let cases = [
        (r#"{"n":1,"t":0,"actor":"service","what":{"creation_lock":{"holder":null}},"why":1}"#, "why"),
        (r#"{"n":1,"t":0,"actor":"service","what":{"creation_lock":{"holder":null}},"cause":0}"#, "cause"),
        (r#"{"n":1,"t":0,"actor":"service","what":{"creation_lock":{"holder":null,"x":{}}}}"#, "x"),
        (r#"{"n":1,"t":0,"actor":"service","what":{"creation_lock":[null]}}"#, "creation_lock"),
        (r#"[1,0,"service",{"creation_lock":{"holder":null}}]"#, "a list"),
    ];
    for (line, field) in cases {
        let error = problem(&format!("{head}{line}\n"));
        assert_eq!(error.problem, TraceProblem::Needless(format!("`{field}`")), "{line}");
    }
}

#[test]
fn what_is_no_trace_is_refused() {
    assert_eq!(problem("").problem, TraceProblem::Empty);
    assert_eq!(problem("\n").problem, TraceProblem::Empty);
    let head = header_line(&header());
    assert_eq!(problem(&format!("{head}\n{{}}\n")).problem, TraceProblem::EmptyLine);
    for line in ["{", "nonsense", "{}", "\u{0}", r#"{"n":-1}"#, &"[".repeat(100_000), r#"{"n":1e99}"#] {
        let error = problem(&format!("{head}{line}\n"));
        assert_eq!(error.line, 2, "{line:.20}");
        assert!(matches!(error.problem, TraceProblem::Malformed(_)), "{line:.20}");
    }
    let long = format!("{head}\"{}\"\n", "x".repeat(LINE_LIMIT));
    assert_eq!(problem(&long).problem, TraceProblem::TooLong);
}

#[test]
fn an_error_is_short_and_holds_nothing_that_a_terminal_obeys() {
    let head = header_line(&header());
    let name = format!("\u{1b}[2J\u{202e}{}", "x".repeat(100_000));
    let escaped = serde_json::to_string(&name).unwrap();
    let lock = r#""what":{"creation_lock":{"holder":null}}"#;
    let mut wrong = trace(Vec::new());
    wrong.header.actors.extend([0, 1].map(|_| Actor { name: name.as_str().into(), role: Role::Kernel }));
    let cases = [
        format!("{head}{{\"n\":1,\"t\":0,\"actor\":{escaped},{lock}}}\n"),
        format!("{head}{{\"n\":1,\"t\":0,\"actor\":\"service\",{lock},{escaped}:1}}\n"),
        format!("{head}{{\"n\":1,\"t\":0,\"actor\":\"service\",\"what\":{{{escaped}:1}}}}\n"),
        wrong.to_json_lines(),
    ];
    for case in cases {
        let shown = problem(&case).to_string();
        assert!(shown.len() < 8 << 10, "{} bytes", shown.len());
        assert!(!shown.contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown:?}");
    }
}

fn whats() -> impl Strategy<Value = What> {
    let text = "\\PC{0,12}";
    let set = any::<u128>().prop_map(|bits| SnapshotSetId(Guid(bits)));
    let snapshot = any::<u128>().prop_map(|bits| SnapshotId(Guid(bits)));
    let id = any::<u64>().prop_map(CallId);
    let code = any::<u32>().prop_map(HResult);
    let name = text.prop_map(|name| Name::from(name.as_str()));
    prop_oneof![
        (id.clone(), 0_u32..3, text).prop_map(|(id, object, volume)| What::Call {
            id,
            object,
            call: Call::BackupComponents(BackupComponentsCall::AddToSnapshotSet {
                volume,
                provider: crate::ids::ProviderId::NULL
            })
        }),
        (id.clone(), any::<Option<u32>>()).prop_map(|(id, milliseconds)| What::Call {
            id,
            object: 0,
            call: Call::Async(AsyncCall::Wait { operation: AsyncId(1), milliseconds })
        }),
        (id.clone(), code.clone(), text).prop_map(|(id, hresult, sha)| What::Return {
            id,
            hresult,
            out: if sha.is_empty() { Out::Nothing } else { Out::Document(sha) }
        }),
        (id.clone(), proptest::option::of(set.clone()), proptest::sample::select(WriterEvent::ALL))
            .prop_map(|(id, set, event)| What::Event { id, event, set, object: set.map(|_| 3) }),
        (id, any::<bool>(), proptest::option::of(code.clone())).prop_map(|(id, returned, failure)| What::Handled {
            id,
            event: WriterEvent::Freeze,
            returned,
            failure
        }),
        (proptest::sample::select(WriterState::ALL), code).prop_map(|(to, failure)| What::WriterState {
            from: WriterState::Stable,
            to,
            failure,
            object: failure.is_failure().then_some(2)
        }),
        (set, snapshot, name.clone(), proptest::sample::select(SnapshotState::ALL)).prop_map(
            |(set, snapshot, volume, to)| What::SnapshotState {
                set,
                snapshot,
                volume,
                from: SnapshotState::Unknown,
                to
            }
        ),
        Just(What::Phase { name: Phase::IoctlFlushAndHold, edge: Edge::Enter }),
        (name.clone(), any::<u64>())
            .prop_map(|(who, at)| What::Timer { name: TimerName::FreezeWindow(who), edge: TimerEdge::Set(Ticks(at)) }),
        (name.clone(), any::<u64>(), any::<u64>())
            .prop_map(|(volume, offset, length)| What::Io { volume, io: Io::Queued { offset, length } }),
        (name, any::<u32>()).prop_map(|(volume, queued)| What::Release { volume, queued }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_trace_survives_writing_and_reading(
        steps in proptest::collection::vec((whats(), 0_u64..1000, any::<u64>()), 0..40)
    ) {
        let mut t = 0;
        let records = steps.into_iter().zip(1..).map(|((what, pause, cause), n)| {
            t += pause;
            Record { cause: cause % n, ..record(n, t, what) }
        });
        let first = trace(records.collect());
        let text = first.to_json_lines();
        prop_assert_eq!(text.lines().count(), first.records.len() + 1);
        prop_assert_eq!(read(text.as_bytes()), Ok(first));
    }

    #[test]
    fn any_bytes_give_a_trace_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&bytes);
    }

    #[test]
    fn a_damaged_trace_gives_a_trace_or_an_error(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        let mut bytes = trace(vec![lock(1, 0), lock(2, 5), lock(3, 5)]).to_json_lines().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read(&bytes);
    }
}
