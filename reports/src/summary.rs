//! The last lines of a run: what ran, what came of it, whether it was as expected.

use std::collections::{BTreeMap, BTreeSet};

use vssim_conformance::Report;
use vssim_model::hresult::HResult;
use vssim_model::states::SnapshotState;
use vssim_model::trace::{ProcessEdge, Role, Trace, What};

use crate::Expectation;
use crate::index::Index;
use crate::outcome::Outcome;
use crate::record::Words;
use crate::statistics::Statistics;
use crate::style::{Page, Style, Tone, Verbosity};
use crate::text::{MESSAGE, clock, count, counted, harmless, list, name, number};

/// The summary of a run.
#[must_use]
pub fn summary(trace: &Trace, report: &Report, expectations: &[Expectation], style: &Style) -> String {
    render(trace, &Outcome::of(report), expectations, style)
}

pub(crate) fn render(trace: &Trace, outcome: &Outcome<'_>, expectations: &[Expectation], style: &Style) -> String {
    let (header, statistics) = (&trace.header, Statistics::of(trace));
    let mut page = Page::new(style);
    let mut row = |title: &str, tone: Tone, text: &str| {
        page.hang(&format!("{title:<15}"), &" ".repeat(15), tone, text);
    };
    let scenario =
        format!("{} on {}, seed {}", name(&header.scenario), name(&header.release), harmless(&header.seed, 40));
    row("scenario", Tone::Strong, &scenario);
    let records = count(trace.records.len() as u64, "record");
    row("virtual time", Tone::Plain, &format!("{} s, {records}", clock(statistics.duration)));
    for (requester, text, tone) in requesters(trace) {
        row("requester", tone, &format!("{requester}: {text}"));
    }
    row("shadow copies", Tone::Plain, &shadow_copies(&statistics));
    let rules = outcome.counts_text();
    row("rules", if outcome.counts.violated > 0 { Tone::Bad } else { Tone::Good }, &rules);
    for entry in outcome.violated() {
        row("", Tone::Bad, &format!("✗ {}", entry.id));
    }
    if !outcome.invariants.is_empty() {
        let names: Vec<String> = outcome.invariants.iter().map(|broken| name(&broken.name)).collect();
        row("DEFECT", Tone::Bad, &format!("of vssim, invariants broken: {}", list(&names, 5)));
    }
    if !expectations.is_empty() {
        let met = expectations.iter().filter(|expectation| expectation.met).count();
        let tone = if met == expectations.len() { Tone::Good } else { Tone::Bad };
        row("expected", tone, &format!("{met} of {} met", expectations.len()));
    }
    for expectation in expectations {
        if expectation.met && style.verbosity < Verbosity::Verbose {
            continue;
        }
        let (mark, tone) = if expectation.met { ("✓", Tone::Good) } else { ("✗", Tone::Bad) };
        let detail = harmless(&expectation.detail, MESSAGE);
        let found = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        row("", tone, &format!("{mark} {}{found}", harmless(&expectation.name, MESSAGE)));
    }
    page.into_text()
}

/// What a requester did.
#[derive(Default)]
struct Doings {
    calls: u64,
    failed: u64,
    /// How many asynchronous operations finished.
    finished: u64,
    /// How the others ended.
    ends: Vec<String>,
    ended: Option<ProcessEdge>,
}

/// How many ends of operations are listed.
const ENDS: usize = 8;

/// Each requester: how its operations ended, how many of its calls failed.
fn requesters(trace: &Trace) -> Vec<(String, String, Tone)> {
    let index = Index::of(trace);
    let words = Words { index: Some(&index) };
    let mut doings: BTreeMap<&str, Doings> = BTreeMap::new();
    for record in &trace.records {
        if !matches!(index.role(&record.actor), Some(Role::Requester)) {
            continue;
        }
        let doing = doings.entry(&record.actor).or_default();
        match &record.what {
            What::Call { .. } => doing.calls += 1,
            What::Return { hresult, .. } if hresult.is_failure() => doing.failed += 1,
            What::AsyncEnd { hresult: HResult::VSS_S_ASYNC_FINISHED, .. } => doing.finished += 1,
            What::AsyncEnd { operation, hresult } if doing.ends.len() <= ENDS => {
                let end = format!("{} → {hresult}", words.operation(operation.0, *operation));
                doing.ends.push(if doing.ends.len() < ENDS { end } else { "…".to_owned() });
            }
            What::Process(edge) => doing.ended = (*edge != ProcessEdge::Started).then_some(*edge),
            _ => {}
        }
    }
    let line = |(requester, doing): (&str, Doings)| {
        let failed = if doing.failed == 0 { "none".to_owned() } else { number(doing.failed) };
        let mut parts = doing.ends.clone();
        if doing.finished > 0 {
            parts.push(format!(
                "{} finished",
                count(doing.finished, if parts.is_empty() { "operation" } else { "other" })
            ));
        }
        parts.push(format!("{}, {failed} failed", count(doing.calls, "call")));
        if doing.ended == Some(ProcessEdge::Crashed) {
            parts.push("its process crashed".to_owned());
        }
        let bad = doing.failed > 0 || !doing.ends.is_empty() || doing.ended == Some(ProcessEdge::Crashed);
        (name(requester), parts.join("; "), if bad { Tone::Odd } else { Tone::Plain })
    };
    doings.into_iter().map(line).collect()
}

/// How many shadow copies there are, in which states.
fn shadow_copies(statistics: &Statistics) -> String {
    let sets: BTreeSet<_> = statistics.copies.iter().filter_map(|copy| copy.set).collect();
    let mut states: BTreeMap<SnapshotState, u64> = BTreeMap::new();
    for copy in &statistics.copies {
        *states.entry(copy.state.unwrap_or(SnapshotState::Unknown)).or_default() += 1;
    }
    if statistics.copies.is_empty() {
        return "none".to_owned();
    }
    let copies = counted(statistics.copies.len() as u64, "shadow copy", "shadow copies");
    let states: Vec<String> = states.into_iter().map(|(state, n)| format!("{} {state}", number(n))).collect();
    format!("{copies} in {}: {}", count(sets.len() as u64, "set"), states.join(", "))
}
