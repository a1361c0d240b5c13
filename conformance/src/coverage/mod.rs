//! How much of the documented interfaces a number of traces shows.
//!
//! ```text
//!   Trace, Report ──► Coverage::add ──┐
//!   requirement ids of rows taken ────┼──► Coverage ──► reports
//!   and of expectations met ──────────┤
//!   the list of what is not observed ─┘
//! ```
//!
//! A *pair* is a method and something that its page says it may return: a code, `true`, `false`, a value, or nothing at
//! all. A pair is *caused* when a call that nobody made to fail returned so. A failure of resources is *injected* when it
//! was ordered, the call would have succeeded, and the digests of the whole machine before and after are the same.
//!
//! What a trace does not show is not counted: there is no way to tell this module that something was tested.

mod events;
mod excuses;
mod pairs;

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::catalogue::{self, MethodRef};
use vssim_model::requirements::{is_requirement, requirements};
use vssim_model::trace::{Trace, What};

pub use events::{Event, Outcome};
pub use excuses::{Excuse, Excuses, WrongLine};
pub use pairs::{NOTHING, Pair, all as all_pairs, is_resource_failure};

use crate::verdict::{Report, Verdict};

/// How often a pair was seen, and where first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often it was caused.
    pub caused: u64,
    /// How often it was injected and changed nothing.
    pub injected: u64,
    /// The scenario that caused it first; else that in which it was injected first.
    pub first: String,
}

/// What a number of traces shows.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// How many traces.
    pub traces: u64,
    /// The methods called.
    pub called: BTreeSet<MethodRef>,
    /// The documented pairs seen.
    pub pairs: BTreeMap<Pair, Seen>,
    /// What documented methods returned although their pages do not say so, by method and code, with a scenario.
    pub undocumented: BTreeMap<(MethodRef, String), String>,
    /// What became of the events raised to writers.
    pub events: BTreeMap<Event, u64>,
    /// The requirements exercised, each with what showed it first: a rule, a row of a state table, a scenario.
    pub requirements: BTreeMap<String, String>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many there are.
    pub of: usize,
    /// How many of them were seen.
    pub seen: usize,
}

impl Share {
    /// Whether all were seen.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.seen >= self.of
    }

    /// Hundredths, rounded down: nothing is complete before it is.
    #[must_use]
    pub const fn percent(self) -> usize {
        match (self.seen * 100).checked_div(self.of) {
            Some(percent) => percent,
            None => 100,
        }
    }
}

impl std::iter::Sum for Share {
    fn sum<I: Iterator<Item = Share>>(all: I) -> Share {
        all.fold(Share::default(), |sum, one| Share { of: sum.of + one.of, seen: sum.seen + one.seen })
    }
}

impl Coverage {
    /// Counts what a trace shows. Not for traces of a service with planted defects: what that answers is documented nowhere.
    pub fn add(&mut self, trace: &Trace) {
        self.traces += 1;
        self.count_pairs(trace);
        self.count_events(trace);
    }

    /// Judges a trace and counts what it shows. Gives back the trace without the failures put in first, which must not have
    /// changed what its scenario says, and the rules violated there, by id.
    pub fn judge(&mut self, trace: &Trace, defective: bool) -> (Trace, Vec<&'static str>) {
        let seen = without_failures(trace);
        let report = crate::judge(&seen);
        self.add_report(&report);
        if !defective {
            self.add(trace);
        }
        let violated = report.violated().map(|(rule, _)| rule.id).collect();
        (seen, violated)
    }

    /// Counts what the judge said of a trace: the requirements of the rules that had their occasion.
    pub fn add_report(&mut self, report: &Report) {
        for judged in &report.verdicts {
            if matches!(judged.verdict, Verdict::Upheld | Verdict::Violated(_)) {
                self.exercised(judged.rule.requirements, || format!("rule {}", judged.rule.id));
            }
        }
    }

    /// A source of what the simulator decided: the requirements that it names are exercised.
    pub fn add_source(&mut self, source: &str) {
        let words = source.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        self.exercised(words.filter(|word| is_requirement(word)), || "a state table".to_owned());
    }

    /// What the expectations of a scenario show that were met.
    pub fn add_shown(&mut self, scenario: &str, shown: &BTreeSet<String>) {
        self.exercised(shown, || format!("scenario {scenario}"));
    }

    fn exercised(&mut self, ids: impl IntoIterator<Item = impl AsRef<str>>, by: impl Fn() -> String) {
        for id in ids {
            let id = id.as_ref();
            if !self.requirements.contains_key(id) {
                self.requirements.insert(id.to_owned(), by());
            }
        }
    }

    /// How many of an interface's methods were called.
    #[must_use]
    pub fn methods(&self, interface: &catalogue::Interface) -> Share {
        let all = catalogue::methods().filter(|method| method.interface.name == interface.name);
        all.map(|method| Share { of: 1, seen: usize::from(self.called.contains(&method)) }).sum()
    }

    /// How many of the pairs that a condition can cause were caused. A failure of resources that was caused counts too.
    #[must_use]
    pub fn caused(&self, interface: &catalogue::Interface) -> Share {
        let counts = |pair: &Pair| !is_resource_failure(pair.code) || self.is_caused(pair);
        let all = pairs::all().filter(|pair| pair.method.interface.name == interface.name).filter(counts);
        all.map(|pair| Share { of: 1, seen: usize::from(self.is_caused(&pair)) }).sum()
    }

    /// How many of the failures of resources were injected.
    #[must_use]
    pub fn injected(&self, interface: &catalogue::Interface) -> Share {
        let all = pairs::all().filter(|pair| pair.method.interface.name == interface.name);
        let of_resources = all.filter(|pair| is_resource_failure(pair.code));
        of_resources.map(|pair| Share { of: 1, seen: usize::from(self.is_injected(&pair)) }).sum()
    }

    fn is_caused(&self, pair: &Pair) -> bool {
        self.pairs.get(pair).is_some_and(|seen| seen.caused > 0)
    }

    fn is_injected(&self, pair: &Pair) -> bool {
        self.pairs.get(pair).is_some_and(|seen| seen.injected > 0)
    }

    /// Whether a pair was seen in the way in which it has to be: caused; a failure of resources injected.
    #[must_use]
    pub fn is_observed(&self, pair: &Pair) -> bool {
        if is_resource_failure(pair.code) { self.is_injected(pair) } else { self.is_caused(pair) }
    }

    /// The pairs that were not observed, in the order of the catalogue.
    #[must_use]
    pub fn missing(&self) -> Vec<Pair> {
        pairs::all().filter(|pair| !self.is_observed(pair)).collect()
    }

    /// The events and outcomes of which none was seen.
    #[must_use]
    pub fn missing_events(&self) -> Vec<Event> {
        events::all().filter(|event| !self.events.contains_key(event)).collect()
    }

    /// How many of the writer events were seen with each outcome.
    #[must_use]
    pub fn event_share(&self) -> Share {
        let missing = self.missing_events().len();
        let of = events::all().count();
        Share { of, seen: of - missing }
    }

    /// The requirements that nothing exercised, in the order of the catalogue of requirements.
    #[must_use]
    pub fn missing_requirements(&self) -> Vec<String> {
        requirements().filter(|id| !self.requirements.contains_key(id)).collect()
    }

    /// How many of the requirements were exercised.
    #[must_use]
    pub fn requirement_share(&self) -> Share {
        let of = requirements().count();
        Share { of, seen: of - self.missing_requirements().len() }
    }
}

/// The trace as it would have been without the calls that no step of the scenario makes, but that were made to fail first:
/// they, what they returned, and what is on record of them are left out. What one of these caused has its cause for cause;
/// numbers are as they were.
#[must_use]
pub fn without_failures(trace: &Trace) -> Trace {
    let mut ordered = BTreeSet::new();
    // What is left out, with its cause.
    let mut causes: BTreeMap<u64, u64> = BTreeMap::new();
    let mut trace = trace.clone();
    trace.records.retain_mut(|record| {
        let left_out = causes.get(&record.cause).copied();
        record.cause = left_out.unwrap_or(record.cause);
        let stays = match &record.what {
            What::Call { id, call: vssim_model::api::Call::Method(call), .. }
                if call.injected.is_some() && call.step == 0 =>
            {
                !ordered.insert(*id)
            }
            What::Return { id, .. } => !ordered.contains(id),
            What::RanOut { .. } => left_out.is_none(),
            _ => true,
        };
        if !stays {
            causes.insert(record.n, record.cause);
        }
        stays
    });
    trace
}

#[cfg(test)]
mod tests;
