//! The timeline: what happened, a line an event, a lane an actor.
//!
//! ```text
//!   records ──► walk: begin and end joined, phases and instants as rulers ──► runs collapsed ──► lines in lanes
//! ```
//!
//! A call that returns before anything else happens is one line; else it is two, `→ DoSnapshotSet` and `← DoSnapshotSet
//! 9.515 s`. The same holds for an event that a writer handles (`▶`, `◀`) and for a call on a provider. A code is shown
//! where it is not `S_OK`. An event raised to many writers is shown as a batch; runs of similar lines are one line with
//! their count. Rulers stand where the machine changes as a whole: writers frozen, writes held, the commit instant.
//! A verbose timeline shows each record by itself, with its number; a brief one the milestones and what went wrong.

mod batch;
mod lanes;
mod line;
mod walk;

use vssim_model::trace::Trace;

use crate::index::Index;
use crate::style::{Page, Style, Tone, Verbosity};
use crate::text::{count, counted, harmless, name};

use lanes::Lanes;
use line::Item;

/// The timeline of a trace.
#[must_use]
pub fn timeline(trace: &Trace, style: &Style) -> String {
    let verbose = style.verbosity == Verbosity::Verbose;
    let index = Index::of(trace);
    let lanes = Lanes::of(trace, &index, verbose);
    let mut page = Page::new(style);
    heading(&mut page, trace, &lanes);

    let (mut items, hidden) = walk::walk(&index, &lanes, verbose);
    if !verbose {
        items = line::collapse(items);
    }
    if style.verbosity == Verbosity::Brief {
        items.retain(|item| match item {
            Item::Line(line) => line.milestone || matches!(line.tone, Tone::Bad | Tone::Odd),
            Item::Ruler(_) => true,
        });
    }
    line::print(&mut page, style, &lanes, &items);

    if trace.records.is_empty() {
        page.line(0, Tone::Plain, "The trace has no records.");
    }
    let mut left_out = Vec::new();
    if hidden.documents > 0 {
        left_out.push(count(hidden.documents, "document"));
    }
    if hidden.timers > 0 {
        left_out.push(counted(hidden.timers, "timer set or stopped", "timers set or stopped"));
    }
    if !left_out.is_empty() {
        page.gap();
        page.line(0, Tone::Dim, &format!("Not shown: {}.", left_out.join(", ")));
    }
    page.into_text()
}

fn heading(page: &mut Page<'_>, trace: &Trace, lanes: &Lanes) {
    let header = &trace.header;
    let title = format!("{} on {}, seed {}", name(&header.scenario), name(&header.release), harmless(&header.seed, 40));
    page.line(0, Tone::Strong, &title);
    page.gap();
    for line in lanes.heading() {
        page.line(0, Tone::Dim, &line);
    }
}

#[cfg(test)]
mod tests;
