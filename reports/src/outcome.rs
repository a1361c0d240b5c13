//! What the judge said, as the reports read it.

use vssim_conformance::{BrokenInvariant, Counts, Finding, Report, Verdict};

/// A rule and its verdict.
pub(crate) struct Entry<'r> {
    pub(crate) id: &'r str,
    pub(crate) requirements: &'r [&'r str],
    pub(crate) actor: &'r str,
    pub(crate) level: &'r str,
    pub(crate) sentence: &'r str,
    pub(crate) source: &'r str,
    pub(crate) verdict: &'r Verdict,
}

impl<'r> Entry<'r> {
    /// The breaches, where there are any.
    pub(crate) fn findings(&self) -> &'r [Finding] {
        match self.verdict {
            Verdict::Violated(findings) => findings,
            _ => &[],
        }
    }
}

/// The judgement of a trace.
pub(crate) struct Outcome<'r> {
    pub(crate) counts: Counts,
    pub(crate) entries: Vec<Entry<'r>>,
    pub(crate) invariants: &'r [BrokenInvariant],
}

impl<'r> Outcome<'r> {
    pub(crate) fn of(report: &'r Report) -> Outcome<'r> {
        let entries = report
            .verdicts
            .iter()
            .map(|judged| Entry {
                id: judged.rule.id,
                requirements: judged.rule.requirements,
                actor: judged.rule.actor.name(),
                level: judged.rule.level.name(),
                sentence: judged.rule.sentence,
                source: judged.rule.source,
                verdict: &judged.verdict,
            })
            .collect();
        Outcome { counts: report.counts, entries, invariants: &report.invariants }
    }

    pub(crate) fn violated(&self) -> impl Iterator<Item = &Entry<'r>> {
        self.entries.iter().filter(|entry| matches!(entry.verdict, Verdict::Violated(_)))
    }

    /// The outcome in one word: a broken invariant outweighs every verdict.
    pub(crate) fn word(&self) -> &'static str {
        if !self.invariants.is_empty() {
            "defect"
        } else if self.counts.violated > 0 {
            "violated"
        } else if self.counts.upheld > 0 {
            "upheld"
        } else {
            "not exercised"
        }
    }

    /// The counts in words.
    pub(crate) fn counts_text(&self) -> String {
        let Counts { upheld, violated, not_exercised, excused } = self.counts;
        format!("{upheld} upheld, {violated} violated, {not_exercised} not exercised, {excused} excused")
    }
}
