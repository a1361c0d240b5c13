//! The lists of pairs that are not observed and of requirements that are not exercised, with reasons.
//!
//! ```text
//! # a comment
//! reason: The page names the code, and nothing that a caller or a machine can do leads to it.
//!   IVssEnumObject::Reset E_FAIL
//!   IVssEnumObject::Skip E_FAIL
//!
//! reason: It speaks of hardware providers, and there are none yet.
//!   PRV-HW-001 PRV-HW-002
//! ```

use std::collections::BTreeMap;
use std::fmt;

use vssim_model::requirements::is_requirement;

use super::{Coverage, Pair};

/// Why a pair is not observed, or a requirement not exercised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excuse {
    /// The reason.
    pub reason: String,
    /// The line of the list.
    pub line: usize,
}

/// The lists, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excuses {
    /// The pairs with their reasons.
    pub pairs: BTreeMap<Pair, Excuse>,
    /// The requirements with their reasons, by id.
    pub requirements: BTreeMap<String, Excuse>,
}

/// A line of the list that says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongLine {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for WrongLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for WrongLine {}

impl Excuses {
    /// Reads the list of pairs.
    ///
    /// # Errors
    /// The first line that names no documented pair, names one twice, or stands under no reason.
    pub fn read(text: &str) -> Result<Excuses, WrongLine> {
        let mut excuses = Excuses::default();
        each_under_its_reason(text, "a method, a space and a code", |written, excuse| {
            let pair = written.split_once(' ').and_then(|(method, code)| Pair::find(method, code));
            let pair = pair.ok_or_else(|| format!("`{written}` is no documented pair"))?;
            let twice = excuses.pairs.insert(pair, excuse.clone()).is_some();
            if twice { Err(format!("{pair} stands here for the second time")) } else { Ok(()) }
        })?;
        Ok(excuses)
    }

    /// Reads the list of requirements, several to a line.
    ///
    /// # Errors
    /// The first line that names something else, names one twice, or stands under no reason.
    pub fn read_requirements(&mut self, text: &str) -> Result<(), WrongLine> {
        each_under_its_reason(text, "ids of requirements", |written, excuse| {
            for id in written.split_whitespace() {
                if !is_requirement(id) {
                    return Err(format!("`{id}` is the id of no requirement"));
                }
                if self.requirements.insert(id.to_owned(), excuse.clone()).is_some() {
                    return Err(format!("{id} stands here for the second time"));
                }
            }
            Ok(())
        })
    }

    /// The requirements that are neither exercised nor excused.
    #[must_use]
    pub fn unexcused_requirements(&self, coverage: &Coverage) -> Vec<String> {
        coverage.missing_requirements().into_iter().filter(|id| !self.requirements.contains_key(id)).collect()
    }

    /// The requirements that are excused although they were exercised, with the line of the list.
    #[must_use]
    pub fn needless_requirements(&self, coverage: &Coverage) -> Vec<(&str, usize)> {
        let exercised = self.requirements.iter().filter(|(id, _)| coverage.requirements.contains_key(*id));
        exercised.map(|(id, excuse)| (id.as_str(), excuse.line)).collect()
    }

    /// The pairs that are neither observed nor excused.
    #[must_use]
    pub fn unexcused(&self, coverage: &Coverage) -> Vec<Pair> {
        coverage.missing().into_iter().filter(|pair| !self.pairs.contains_key(pair)).collect()
    }

    /// The pairs that are excused although they were observed.
    #[must_use]
    pub fn needless(&self, coverage: &Coverage) -> Vec<(Pair, usize)> {
        let observed = self.pairs.iter().filter(|(pair, _)| coverage.is_observed(pair));
        observed.map(|(pair, excuse)| (*pair, excuse.line)).collect()
    }
}

/// Hands over each line of a list that stands under a reason.
fn each_under_its_reason(
    text: &str,
    expected: &str,
    mut take: impl FnMut(&str, &Excuse) -> Result<(), String>,
) -> Result<(), WrongLine> {
    let mut reason = String::new();
    for (line, written) in (1_usize..).zip(text.lines()) {
        if written.trim().is_empty() || written.starts_with('#') {
            continue;
        }
        let wrong = |what: String| WrongLine { line, what };
        if let Some(given) = written.strip_prefix("reason:") {
            given.trim().clone_into(&mut reason);
            if reason.is_empty() {
                return Err(wrong("expected a reason behind `reason:`".to_owned()));
            }
            continue;
        }
        let entry = written.strip_prefix("  ");
        let entry = entry.ok_or_else(|| wrong(format!("expected `reason: …`, or two spaces and {expected}")))?;
        if reason.is_empty() {
            return Err(wrong(format!("{entry} stands under no reason")));
        }
        take(entry, &Excuse { reason: reason.clone(), line }).map_err(wrong)?;
    }
    Ok(())
}
