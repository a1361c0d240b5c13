//! Reports for people and machines on a trace and its judgement.
//!
//! ```text
//!   Trace ─────────┬──► timeline, writers, sequence_diagram
//!                  ├──► verdict, summary, json, junit ──► String
//!   Report ────────┘
//! ```
//!
//! Nothing is decided here and nothing is read or written: each report is a function of the trace, of what the judge
//! said and of the expectations that the caller checked. A trace may come from anywhere, so no report trusts it: names
//! and messages are made harmless for a terminal, numbers that name nothing are printed as they are, and a report of a
//! long trace grows with the trace and no faster.
//!
//! | module | what it holds |
//! |---|---|
//! | [`timeline`](mod@timeline) | a line an event, a lane an actor |
//! | [`writers`](mod@writers) | the writers' last state and error, as `vssadmin list writers` prints them |
//! | [`verdict`](mod@verdict) | the judgement in words, with the records that show it |
//! | [`summary`](mod@summary) | the last lines of a run |
//! | [`json`](mod@json) | everything in one JSON document |
//! | [`junit`](mod@junit) | rules and expectations as test cases |
//! | [`sequence`] | a Mermaid sequence diagram |
//! | [`coverage`](mod@coverage) | how much of the documented interfaces the library shows |
//! | [`record`] | one record in one line |
//! | [`style`] | width, colours, ASCII, how much is shown |

pub mod coverage;
mod index;
pub mod json;
pub mod junit;
mod outcome;
pub mod record;
pub mod sequence;
mod sessions;
mod statistics;
pub mod style;
pub mod summary;
#[cfg(test)]
mod testing;
mod text;
pub mod timeline;
pub mod verdict;
pub mod writers;

pub use coverage::{Counted, coverage, coverage_json};
pub use json::json;
pub use junit::junit;
pub use record::record_text;
pub use sequence::sequence_diagram;
pub use style::{Style, Verbosity};
pub use summary::summary;
pub use timeline::timeline;
pub use verdict::verdict;
pub use writers::writers;

/// What a scenario expected of its run, and what came of it. The caller fills it in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Expectation {
    /// What was expected, in a few words.
    pub name: String,
    /// Whether it was met.
    pub met: bool,
    /// What was found instead, or a word on how it was met; may be empty.
    pub detail: String,
}

#[cfg(test)]
mod tests;
