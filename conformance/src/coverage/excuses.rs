//! The list of pairs that are not observed, with reasons.
//!
//! ```text
//! # a comment
//! reason: The page names the code, and nothing that a caller or a machine can do leads to it.
//!   IVssEnumObject::Reset E_FAIL
//!   IVssEnumObject::Skip E_FAIL
//! ```

use std::collections::BTreeMap;
use std::fmt;

use super::{Coverage, Pair};

/// Why a pair is not observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excuse {
    /// The reason.
    pub reason: String,
    /// The line of the list.
    pub line: usize,
}

/// The list, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excuses {
    /// The pairs with their reasons.
    pub pairs: BTreeMap<Pair, Excuse>,
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
    /// Reads the list.
    ///
    /// # Errors
    /// The first line that names no documented pair, names one twice, or stands under no reason.
    pub fn read(text: &str) -> Result<Excuses, WrongLine> {
        let mut excuses = Excuses::default();
        let mut reason = String::new();
        for (line, written) in (1_usize..).zip(text.lines()) {
            let wrong = |what: String| Err(WrongLine { line, what });
            if written.trim().is_empty() || written.starts_with('#') {
                continue;
            }
            if let Some(given) = written.strip_prefix("reason:") {
                given.trim().clone_into(&mut reason);
                if reason.is_empty() {
                    return wrong("expected a reason behind `reason:`".to_owned());
                }
                continue;
            }
            let Some((method, code)) = written.strip_prefix("  ").and_then(|pair| pair.split_once(' ')) else {
                return wrong("expected `reason: …`, or two spaces, a method, a space and a code".to_owned());
            };
            let Some(pair) = Pair::find(method, code) else {
                return wrong(format!("`{method} {code}` is no documented pair"));
            };
            if reason.is_empty() {
                return wrong(format!("{pair} stands under no reason"));
            }
            if excuses.pairs.insert(pair, Excuse { reason: reason.clone(), line }).is_some() {
                return wrong(format!("{pair} stands here for the second time"));
            }
        }
        Ok(excuses)
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
