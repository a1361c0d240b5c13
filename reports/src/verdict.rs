//! The judgement in words: what came of each rule, the records that show it, what the shadow copies hold.
//!
//! The first line says the outcome. Broken invariants come before everything else: they are defects of vssim, and no
//! verdict beside them can be relied on. Then each violated rule, with what it asks, whom it binds and what happened;
//! then what was compared; then what was excused or not exercised.

use std::collections::BTreeMap;

use vssim_conformance::{Report, Verdict};
use vssim_model::trace::{Consistency, Trace};

use crate::index::Index;
use crate::outcome::{Entry, Outcome};
use crate::record::{Words, consistency};
use crate::statistics::{Comparison, Statistics};
use crate::style::{Page, Style, Tone, Verbosity};
use crate::text::{MESSAGE, clock, count, harmless, label, name, number, span};

/// The judgement of a trace in words.
#[must_use]
pub fn verdict(trace: &Trace, report: &Report, style: &Style) -> String {
    render(trace, &Outcome::of(report), style)
}

pub(crate) fn render(trace: &Trace, outcome: &Outcome<'_>, style: &Style) -> String {
    let index = Index::of(trace);
    let mut page = Page::new(style);
    first_line(&mut page, outcome);
    invariants(&mut page, outcome);
    for entry in outcome.violated() {
        violated(&mut page, &index, entry, style.verbosity);
    }
    copies(&mut page, trace, &index);
    if style.verbosity > Verbosity::Brief {
        excused(&mut page, outcome);
        unexercised(&mut page, outcome, style.verbosity);
    }
    if style.verbosity == Verbosity::Verbose {
        upheld(&mut page, outcome);
    }
    page.into_text()
}

fn first_line(page: &mut Page<'_>, outcome: &Outcome<'_>) {
    let counts = outcome.counts_text();
    let (tone, words) = match outcome.word() {
        "defect" => (Tone::Bad, "Verdict: DEFECT OF VSSIM"),
        "violated" => (Tone::Bad, "Verdict: VIOLATED"),
        "upheld" => (Tone::Good, "Verdict: upheld"),
        _ => (Tone::Odd, "Verdict: nothing to judge"),
    };
    page.line(0, tone, &format!("{words}  ({counts})"));
}

fn invariants(page: &mut Page<'_>, outcome: &Outcome<'_>) {
    if outcome.invariants.is_empty() {
        return;
    }
    page.gap();
    let n = count(outcome.invariants.len() as u64, "invariant");
    let text = format!(
        "{n} of the simulator broken. This is a mistake of vssim, not of any actor; do not rely on the verdicts."
    );
    page.line(0, Tone::Bad, &text);
    for broken in outcome.invariants {
        let text = format!("#{}  {}: {}", broken.record, name(&broken.name), harmless(&broken.detail, MESSAGE));
        page.item(2, Tone::Bad, &text);
    }
}

fn violated(page: &mut Page<'_>, index: &Index<'_>, entry: &Entry<'_>, verbosity: Verbosity) {
    page.gap();
    page.line(0, Tone::Bad, &format!("VIOLATED  {}", entry.id));
    page.line(2, Tone::Plain, entry.sentence);
    let rests =
        if entry.requirements.is_empty() { String::new() } else { format!(" · {}", entry.requirements.join(", ")) };
    page.line(2, Tone::Dim, &format!("{} · binds the {}{rests} · {}", entry.level, entry.actor, entry.source));
    for finding in entry.findings() {
        page.item(2, Tone::Strong, &format!("✗ {}", harmless(&finding.sentence, MESSAGE)));
        if verbosity > Verbosity::Brief {
            records(page, index, &finding.records);
        }
    }
}

/// How many records of one finding are shown.
const SHOWN: usize = 12;

/// The records that show a breach.
fn records(page: &mut Page<'_>, index: &Index<'_>, numbers: &[u64]) {
    let width = numbers.iter().max().map_or(0, |n| n.to_string().len()) + 1;
    let found = |n: &u64| index.record(*n).map(|(_, record)| record);
    let time = numbers.iter().filter_map(found).map(|record| clock(record.t).len()).max().unwrap_or_default();
    for n in numbers.iter().take(SHOWN) {
        let number = format!("#{n}");
        match found(n) {
            Some(record) => {
                let words = Words { index: Some(index) }.what(record);
                let clock = clock(record.t);
                let lead = format!("      {number:>width$}  {clock:>time$} s  ");
                let next = " ".repeat(lead.len() + 2);
                page.hang(&lead, &next, Tone::Plain, &format!("{}: {words}", name(&record.actor)));
            }
            None => page.line(6, Tone::Plain, &format!("{number:>width$}  is not in the trace")),
        }
    }
    if numbers.len() > SHOWN {
        page.line(6, Tone::Dim, &format!("and {}", count((numbers.len() - SHOWN) as u64, "further record")));
    }
}

/// What the shadow copies hold: the comparison with the reference, and the applications' data.
fn copies(page: &mut Page<'_>, trace: &Trace, index: &Index<'_>) {
    let statistics = Statistics::of(trace);
    let words = Words { index: Some(index) };
    if !statistics.comparisons.is_empty() {
        page.gap();
        page.line(0, Tone::Strong, "Shadow copies against the reference of their commit instant");
    }
    let sets: BTreeMap<_, _> = statistics.copies.iter().map(|copy| (copy.snapshot, copy.set)).collect();
    let mut told: BTreeMap<_, &Comparison> = BTreeMap::new();
    for comparison in &statistics.comparisons {
        // A copy is compared when it is created and again before it goes; the same result is told once.
        let counts = |one: &Comparison| (one.compared, one.different, one.excluded_vss, one.excluded_free);
        if told.insert(comparison.snapshot, comparison).is_some_and(|before| counts(before) == counts(comparison)) {
            continue;
        }
        let of = match sets.get(&comparison.snapshot).copied().flatten() {
            Some(set) if index.set_count() > 1 => format!("{}, ", words.set(set)),
            _ => String::new(),
        };
        let text = format!(
            "{of}{} {} compared, {} differ; left out {} of VSS, {} free",
            label(&index.volume(comparison.snapshot).map_or_else(|| words.snapshot(comparison.snapshot), name)),
            count(comparison.compared, "block"),
            number(comparison.different),
            number(comparison.excluded_vss),
            number(comparison.excluded_free)
        );
        let (mark, tone) = if comparison.different == 0 { ("✓", Tone::Good) } else { ("✗", Tone::Bad) };
        page.item(2, tone, &format!("{mark} {text}"));
    }
    if !statistics.data.is_empty() {
        page.gap();
        page.line(0, Tone::Strong, "Data of the applications in the shadow copies");
    }
    for data in &statistics.data {
        let (mark, tone) = match data.state {
            Consistency::Clean => ("✓", Tone::Good),
            Consistency::CrashConsistent => ("·", Tone::Odd),
            Consistency::Corrupt => ("✗", Tone::Bad),
        };
        let several = if index.set_count() > 1 { format!(" in {}", words.set(data.set)) } else { String::new() };
        let detail = harmless(&data.detail, MESSAGE);
        let because = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        page.item(
            2,
            tone,
            &format!("{mark} {}{several}: {}{because}", name(&data.application), consistency(data.state)),
        );
    }
    if let Some(longest) = statistics.longest_hold() {
        page.gap();
        page.line(0, Tone::Plain, &format!("Writes were held for {} at most.", span(longest)));
    }
}

fn excused(page: &mut Page<'_>, outcome: &Outcome<'_>) {
    let mut first = true;
    for entry in &outcome.entries {
        let Verdict::Excused(reason) = entry.verdict else { continue };
        if std::mem::take(&mut first) {
            page.gap();
            page.line(0, Tone::Strong, "Excused");
        }
        page.item(2, Tone::Plain, &format!("· {}: {}", entry.id, harmless(reason, MESSAGE)));
    }
}

/// So many rules without an occasion are named; more would hide what was found.
const NAMED: usize = 12;

fn unexercised(page: &mut Page<'_>, outcome: &Outcome<'_>, verbosity: Verbosity) {
    let idle: Vec<&Entry<'_>> =
        outcome.entries.iter().filter(|entry| matches!(entry.verdict, Verdict::NotExercised)).collect();
    if idle.is_empty() {
        return;
    }
    page.gap();
    if verbosity == Verbosity::Verbose {
        page.line(0, Tone::Strong, "Not exercised");
        for entry in idle {
            page.item(2, Tone::Dim, &format!("· {}: {}", entry.id, entry.sentence));
        }
    } else if idle.len() > NAMED {
        page.item(0, Tone::Dim, &format!("Not exercised: {} rules; --verbose names them", idle.len()));
    } else {
        let ids: Vec<&str> = idle.iter().map(|entry| entry.id).collect();
        page.hang("Not exercised: ", "  ", Tone::Dim, &ids.join(", "));
    }
}

fn upheld(page: &mut Page<'_>, outcome: &Outcome<'_>) {
    let mut first = true;
    for entry in outcome.entries.iter().filter(|entry| matches!(entry.verdict, Verdict::Upheld)) {
        if std::mem::take(&mut first) {
            page.gap();
            page.line(0, Tone::Strong, "Upheld");
        }
        page.item(2, Tone::Plain, &format!("✓ {}: {}", entry.id, entry.sentence));
    }
}
