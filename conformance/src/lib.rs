//! Judges a trace by the documented rules of the Volume Shadow Copy Service.
//!
//! ```text
//!   Trace ──► Facts (indices, built once) ──► each Rule of the catalogue ──► Verdict ──► Report
//! ```
//!
//! The judge sees nothing but the trace and the documents in it, so a trace imported from Windows is judged by the same
//! code as a simulated one. What is legal is restated here from the requirements: nothing is shared with the code that
//! is judged, so that one mistake cannot hide itself. A rule whose occasion the trace does not show (a run without
//! calls, a context without writers) is not exercised; it is never held to be broken by what is not there.
//!
//! | module | what it holds |
//! |---|---|
//! | [`verdict`] | verdicts, findings, the report |
//! | [`catalogue`] | the rules, and docs/rules.md |
//! | [`facts`] | the indices that the rules read |
//! | [`coverage`] | how much of the documented interfaces traces show |
//! | [`metadata`] | what the rules ask of a Writer Metadata Document |

pub mod catalogue;
pub mod coverage;
pub mod facts;
pub mod metadata;
mod rules;
pub mod verdict;

use vssim_model::trace::{Trace, What};

pub use catalogue::{Bound, CATALOGUE, Level, Rule, catalogue_markdown};
pub use verdict::{BrokenInvariant, Counts, Finding, Findings, Judged, Report, Verdict};

/// Judges a trace by every rule of the catalogue.
#[must_use]
pub fn judge(trace: &Trace) -> Report {
    let typed = facts::Typed::of(trace);
    let facts = facts::Facts::of(trace, &typed);
    let verdicts = CATALOGUE
        .iter()
        .map(|rule| {
            let mut findings = Findings::default();
            (rule.check)(&facts, &mut findings);
            Judged { rule, verdict: findings.verdict() }
        })
        .collect();
    let invariants = trace
        .records
        .iter()
        .filter_map(|record| match &record.what {
            What::Invariant { name, detail } => {
                Some(BrokenInvariant { record: record.n, name: name.clone(), detail: detail.clone() })
            }
            _ => None,
        })
        .collect();
    Report::new(trace.header.scenario.clone(), verdicts, invariants)
}
