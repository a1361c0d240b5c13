//! Everything that can be said of a run, as one JSON document.

use std::collections::BTreeMap;

use serde::Serialize;
use vssim_conformance::{BrokenInvariant, Counts, Finding, Report, Verdict};
use vssim_model::hresult::{HResult, writer_error_text};
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::states::WriterState;
use vssim_model::time::Ticks;
use vssim_model::trace::{Name, Trace};

use crate::Expectation;
use crate::index::Index;
use crate::outcome::{Entry, Outcome};
use crate::sessions::{Session, Sessions};
use crate::statistics::{Comparison, DataState, Freeze, HeldSpan, ShadowCopy, Statistics};
use crate::writers::{self, Writer};

/// The version of the document that [`json`] writes. It grows when a field is renamed, removed or changes its meaning,
/// not when one is added.
pub const FORMAT: u32 = 1;

/// The run and its judgement as one indented JSON document with a line feed at the end.
///
/// The order of the fields is fixed, and so is the order of everything in lists; the same trace gives the same bytes.
/// Times and spans are whole ticks of 100 ns, times since the start of the run. Ids are GUIDs without braces. Codes and
/// states have their documented names; a code without one is hexadecimal.
///
/// ```text
/// format          1
/// vssim           the version that wrote the trace
/// scenario        name, sha256 of its text, release, seed (a string)
/// outcome         "upheld" | "violated" | "not exercised" | "defect" (an invariant of vssim is broken)
/// as_expected     whether all expectations are met
/// counts          upheld, violated, not_exercised, excused
/// verdicts        one a rule: rule, verdict, level, actor, requirements, sentence, source,
///                 findings [{records, sentence}] where violated, reason where excused
/// invariants      [{record, name, detail}]
/// expectations    [{name, met, detail}]
/// writers         [{name, class, instance, state, value, state_text, failure, error_text, ended}], and
///                 express: true for an express writer; where a writer
///                 took part in several backups or restores at once, each also has
///                 sessions [{object, requester, state, value, state_text, failure, error_text, over}]
/// shadow_copies   [{snapshot, set, volume, state, committed, device}]
/// comparisons     [{record, snapshot, compared, excluded_vss, excluded_free, different}]
/// consistency     [{record, application, set, state, detail}]
/// statistics      duration, records, records_by_kind {kind: n}, freezes [{writer, from, to, duration}], with object
///                 where sessions are listed,
///                 holds [{volume, from, to, duration, queued}]
/// ```
///
/// A value that the trace does not tell is `null`.
#[must_use]
pub fn json(trace: &Trace, report: &Report, expectations: &[Expectation]) -> String {
    render(trace, &Outcome::of(report), expectations)
}

pub(crate) fn render(trace: &Trace, outcome: &Outcome<'_>, expectations: &[Expectation]) -> String {
    let (index, statistics) = (Index::of(trace), Statistics::of(trace));
    let document = Document {
        format: FORMAT,
        vssim: &trace.header.vssim,
        scenario: Scenario {
            name: &trace.header.scenario,
            sha256: &trace.header.scenario_sha256,
            release: &trace.header.release,
            seed: &trace.header.seed,
        },
        outcome: outcome.word(),
        as_expected: expectations.iter().all(|expectation| expectation.met),
        counts: outcome.counts,
        verdicts: outcome.entries.iter().map(RuleVerdict::of).collect(),
        invariants: outcome.invariants,
        expectations,
        writers: writers::last_states(&index).iter().map(|writer| WriterLine::of(writer, &index.sessions)).collect(),
        shadow_copies: &statistics.copies,
        comparisons: &statistics.comparisons,
        consistency: &statistics.data,
        statistics: Figures {
            duration: statistics.duration,
            records: trace.records.len(),
            records_by_kind: &statistics.kinds,
            freezes: &statistics.freezes,
            holds: &statistics.holds,
        },
    };
    // Strings, numbers, lists and maps with string keys: nothing here can fail to serialise.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    vssim: &'a str,
    scenario: Scenario<'a>,
    outcome: &'static str,
    as_expected: bool,
    counts: Counts,
    verdicts: Vec<RuleVerdict<'a>>,
    invariants: &'a [BrokenInvariant],
    expectations: &'a [Expectation],
    writers: Vec<WriterLine<'a>>,
    shadow_copies: &'a [ShadowCopy],
    comparisons: &'a [Comparison],
    consistency: &'a [DataState],
    statistics: Figures<'a>,
}

#[derive(Serialize)]
struct Scenario<'a> {
    name: &'a str,
    sha256: &'a str,
    release: &'a str,
    seed: &'a str,
}

#[derive(Serialize)]
struct RuleVerdict<'a> {
    rule: &'a str,
    verdict: &'static str,
    level: &'a str,
    actor: &'a str,
    requirements: &'a [&'a str],
    sentence: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "<[Finding]>::is_empty")]
    findings: &'a [Finding],
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> RuleVerdict<'a> {
    fn of(entry: &Entry<'a>) -> RuleVerdict<'a> {
        let reason = match entry.verdict {
            Verdict::Excused(reason) => Some(reason.as_str()),
            _ => None,
        };
        RuleVerdict {
            rule: entry.id,
            verdict: entry.verdict.word(),
            level: entry.level,
            actor: entry.actor,
            requirements: entry.requirements,
            sentence: entry.sentence,
            source: entry.source,
            findings: entry.findings(),
            reason,
        }
    }
}

#[derive(Serialize)]
struct WriterLine<'a> {
    name: Name,
    class: WriterClassId,
    instance: WriterInstanceId,
    state: WriterState,
    value: i32,
    state_text: &'static str,
    failure: HResult,
    error_text: &'static str,
    ended: Option<Ended>,
    #[serde(skip_serializing_if = "Option::is_none")]
    express: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<SessionLine<'a>>,
}

/// How a writer stands in one of several backups and restores.
#[derive(Serialize)]
struct SessionLine<'a> {
    object: u32,
    requester: Option<&'a str>,
    state: WriterState,
    value: i32,
    state_text: &'static str,
    failure: HResult,
    error_text: &'static str,
    /// When it was over.
    over: Option<Ticks>,
}

impl<'a> SessionLine<'a> {
    fn of(session: &Session, sessions: &Sessions<'a>) -> SessionLine<'a> {
        SessionLine {
            object: session.object,
            requester: sessions.owner(session.object),
            state: session.state,
            value: session.state.value(),
            state_text: session.state.display_name(),
            failure: session.failure,
            error_text: writer_error_text(session.failure),
            over: session.until,
        }
    }
}

/// How a writer's process ended.
#[derive(Serialize)]
struct Ended {
    how: vssim_model::trace::ProcessEdge,
    at: Ticks,
}

impl<'a> WriterLine<'a> {
    fn of(writer: &Writer, sessions: &Sessions<'a>) -> WriterLine<'a> {
        let each = sessions.to_tell_apart(&writer.name).iter();
        WriterLine {
            name: writer.name.clone(),
            class: writer.class,
            instance: writer.instance,
            state: writer.state,
            value: writer.state.value(),
            state_text: writer.state.display_name(),
            failure: writer.failure,
            error_text: writer_error_text(writer.failure),
            ended: writer.ended.map(|(how, at)| Ended { how, at }),
            express: writer.express.then_some(true),
            sessions: each.map(|session| SessionLine::of(session, sessions)).collect(),
        }
    }
}

#[derive(Serialize)]
struct Figures<'a> {
    duration: Ticks,
    records: usize,
    records_by_kind: &'a BTreeMap<&'static str, u64>,
    freezes: &'a [Freeze],
    holds: &'a [HeldSpan],
}
