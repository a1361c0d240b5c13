//! What a rule found, and the report that collects what all of them found.

use serde::{Serialize, Serializer};

use crate::catalogue::Rule;

/// What is to be said of one rule after a trace was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The rule's occasion arose, and each time it was kept.
    Upheld,
    /// It was broken at least once.
    Violated(Vec<Finding>),
    /// Its occasion never arose.
    NotExercised,
    /// Its occasion arose only where a documented exception applies; the reason says which.
    Excused(String),
}

impl Verdict {
    /// The verdict in one word, as reports print it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Verdict::Upheld => "upheld",
            Verdict::Violated(_) => "violated",
            Verdict::NotExercised => "not exercised",
            Verdict::Excused(_) => "excused",
        }
    }
}

/// One breach: what happened, and the records that show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The numbers of the records, in the order of the trace.
    pub records: Vec<u64>,
    /// What happened, in one sentence.
    pub sentence: String,
}

/// What one rule gathers while it reads a trace.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    occasions: u64,
    broken: Vec<Finding>,
    left_off: u64,
    excuse: Option<String>,
}

/// How many breaches of one rule a report lists; the last sentence counts the others.
const LISTED: usize = 20;

impl Findings {
    /// The rule's occasion arose.
    pub fn occasion(&mut self) {
        self.occasions = self.occasions.saturating_add(1);
    }

    /// The rule's occasion arose and it was broken. `records` show it; 0 and repetitions are left out.
    pub fn broken(&mut self, records: impl IntoIterator<Item = u64>, sentence: impl Into<String>) {
        self.occasion();
        if self.broken.len() >= LISTED {
            self.left_off = self.left_off.saturating_add(1);
            return;
        }
        let mut records: Vec<u64> = records.into_iter().filter(|n| *n != 0).collect();
        records.sort_unstable();
        records.dedup();
        self.broken.push(Finding { records, sentence: sentence.into() });
    }

    /// The rule's occasion arose; it was broken unless `kept`.
    pub fn check<S: Into<String>>(
        &mut self,
        kept: bool,
        records: impl IntoIterator<Item = u64>,
        sentence: impl FnOnce() -> S,
    ) {
        if kept {
            self.occasion();
        } else {
            self.broken(records, sentence());
        }
    }

    /// The rule's occasion arose, but a documented exception applies.
    pub fn excused(&mut self, reason: impl Into<String>) {
        self.excuse.get_or_insert_with(|| reason.into());
    }

    /// The verdict: a breach outweighs everything, a kept occasion outweighs an excused one.
    #[must_use]
    pub fn verdict(mut self) -> Verdict {
        if self.left_off > 0 {
            let sentence = format!("and {} more of the same kind", self.left_off);
            self.broken.push(Finding { records: Vec::new(), sentence });
        }
        if !self.broken.is_empty() {
            return Verdict::Violated(self.broken);
        }
        match self.excuse {
            _ if self.occasions > 0 => Verdict::Upheld,
            Some(reason) => Verdict::Excused(reason),
            None => Verdict::NotExercised,
        }
    }
}

/// A rule and what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The rule.
    #[serde(flatten)]
    pub rule: &'static Rule,
    /// What was found.
    pub verdict: Verdict,
}

/// An invariant of the simulator that a trace reports broken: a defect of vssim, never of an actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenInvariant {
    /// The record that says so.
    pub record: u64,
    /// The invariant's name.
    pub name: String,
    /// What was found.
    pub detail: String,
}

/// The judgement of a whole trace.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The scenario's name, from the header.
    pub scenario: String,
    /// How many of the rules came out how.
    pub counts: Counts,
    /// One entry a rule, in the order of the catalogue.
    pub verdicts: Vec<Judged>,
    /// The broken invariants, in the order of the trace.
    pub invariants: Vec<BrokenInvariant>,
}

/// How many rules came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Kept whenever the occasion arose.
    pub upheld: usize,
    /// Broken at least once.
    pub violated: usize,
    /// Without an occasion.
    pub not_exercised: usize,
    /// Under a documented exception.
    pub excused: usize,
}

impl Report {
    /// The report of these verdicts, counted.
    #[must_use]
    pub fn new(scenario: String, verdicts: Vec<Judged>, invariants: Vec<BrokenInvariant>) -> Report {
        let mut counts = Counts::default();
        for judged in &verdicts {
            match judged.verdict {
                Verdict::Upheld => counts.upheld += 1,
                Verdict::Violated(_) => counts.violated += 1,
                Verdict::NotExercised => counts.not_exercised += 1,
                Verdict::Excused(_) => counts.excused += 1,
            }
        }
        Report { scenario, counts, verdicts, invariants }
    }

    /// The rules that were broken, each with its breaches.
    pub fn violated(&self) -> impl Iterator<Item = (&'static Rule, &[Finding])> {
        self.verdicts.iter().filter_map(|judged| match &judged.verdict {
            Verdict::Violated(findings) => Some((judged.rule, findings.as_slice())),
            _ => None,
        })
    }

    /// The verdict on one rule; absent when the catalogue does not have it.
    #[must_use]
    pub fn verdict(&self, id: &str) -> Option<&Verdict> {
        self.verdicts.iter().find(|judged| judged.rule.id == id).map(|judged| &judged.verdict)
    }

    /// The report as indented JSON, with a line feed at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists only: nothing here can fail to serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Writes only what a reader of a report needs of the rule; the check itself is code.
impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut rule = serializer.serialize_struct("Rule", 6)?;
        rule.serialize_field("rule", self.id)?;
        rule.serialize_field("requirements", self.requirements)?;
        rule.serialize_field("actor", self.actor.name())?;
        rule.serialize_field("level", self.level.name())?;
        rule.serialize_field("sentence", self.sentence)?;
        rule.serialize_field("source", self.source)?;
        rule.end()
    }
}
