//! How much of the documented interfaces the library shows: for people, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;
use vssim_conformance::coverage::{Coverage, Excuses, Pair, Share, all_pairs, is_resource_failure};
use vssim_model::catalogue::{self, Interface};
use vssim_model::requirements::requirements;

use crate::text::{count, number};

/// What was counted, and from what.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// What the traces show.
    pub coverage: &'a Coverage,
    /// What is known not to be observed.
    pub excuses: &'a Excuses,
    /// The scenarios that were run.
    pub scenarios: &'a [&'static str],
    /// Those that were left out, since they read files that are not part of the program.
    pub left_out: &'a [&'static str],
    /// The seeds.
    pub seeds: u64,
    /// What went wrong with the runs: then nothing is complete.
    pub problems: &'a [String],
}

impl Counted<'_> {
    /// Whether every pair is observed or excused, every requirement exercised or excused, no excuse is needless, and every
    /// run went well.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.excuses.unexcused(self.coverage).is_empty()
            && self.excuses.needless(self.coverage).is_empty()
            && self.excuses.unexcused_requirements(self.coverage).is_empty()
            && self.excuses.needless_requirements(self.coverage).is_empty()
            && self.problems.is_empty()
    }

    fn totals(&self) -> [(&'static str, Share); 5] {
        let coverage = self.coverage;
        let sum = |share: fn(&Coverage, &Interface) -> Share| {
            catalogue::interfaces().map(|interface| share(coverage, interface)).sum()
        };
        [
            ("methods called", sum(Coverage::methods)),
            ("pairs caused, of those that a condition can cause", sum(Coverage::caused)),
            ("failures of resources injected", sum(Coverage::injected)),
            ("writer events with each outcome", coverage.event_share()),
            ("requirements exercised", coverage.requirement_share()),
        ]
    }
}

/// The report for people. With `missing` it lists what was not seen.
#[must_use]
pub fn coverage(counted: &Counted<'_>, missing: bool) -> String {
    let mut text = String::new();
    ran(counted, &mut text);
    let _ = writeln!(text, "\n{:51}{:>10}{:>8}", "", "documented", "seen");
    for (name, share) in counted.totals() {
        let _ = writeln!(text, "{name:51}{:>10}{:>8}{:>5} %", share.of, share.seen, share.percent());
    }
    interfaces(counted, &mut text);
    undocumented(counted, &mut text);
    if missing {
        missing_pairs(counted, &mut text);
        missing_rest(counted, &mut text);
    }
    verdict(counted, missing, &mut text);
    text
}

fn ran(counted: &Counted<'_>, text: &mut String) {
    let scenarios = count(counted.scenarios.len() as u64, "scenario");
    let seeds = count(counted.seeds, "seed");
    let _ = writeln!(text, "{scenarios}, {seeds}: {}", count(counted.coverage.traces, "trace"));
    if !counted.left_out.is_empty() {
        let _ = writeln!(text, "left out, for want of their documents: {}", counted.left_out.join(", "));
    }
    for problem in counted.problems {
        let _ = writeln!(text, "WENT WRONG: {}", crate::text::harmless(problem, 1000));
    }
}

/// A line for each interface, the worst first.
fn interfaces(counted: &Counted<'_>, text: &mut String) {
    let coverage = counted.coverage;
    let mut all: Vec<(&Interface, [Share; 3])> = catalogue::interfaces()
        .map(|one| (one, [coverage.methods(one), coverage.caused(one), coverage.injected(one)]))
        .collect();
    all.sort_by_key(|(_, shares)| shares.iter().map(|share| share.percent()).min());
    let _ = writeln!(text, "\n{:32}{:^16}{:^16}{:^16}", "interface", "methods", "caused", "injected");
    for (interface, shares) in all {
        let _ = write!(text, "{:32}", interface.name);
        for share in shares {
            let _ = match share.of {
                0 => write!(text, "{:^16}", "-"),
                of => write!(text, "{:>4} /{of:>4}{:>4} %", share.seen, share.percent()),
            };
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
}

fn undocumented(counted: &Counted<'_>, text: &mut String) {
    if counted.coverage.undocumented.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nreturned, although the page does not say so:");
    for ((method, code), scenario) in &counted.coverage.undocumented {
        let _ = writeln!(text, "  {method} {code} (in {scenario})");
    }
}

fn missing_pairs(counted: &Counted<'_>, text: &mut String) {
    let missing = counted.coverage.missing();
    if missing.is_empty() {
        return;
    }
    let _ = writeln!(text, "\npairs not observed:");
    for pair in missing {
        let why = match counted.excuses.pairs.get(&pair) {
            Some(excuse) => excuse.reason.clone(),
            None => "NO REASON GIVEN".to_owned(),
        };
        let _ = writeln!(text, "  {pair}: {why}");
    }
}

fn missing_rest(counted: &Counted<'_>, text: &mut String) {
    let events = counted.coverage.missing_events();
    if !events.is_empty() {
        let _ = writeln!(text, "\noutcomes of writer events not seen:");
        for event in vssim_model::states::WriterEvent::ALL {
            let of_event = events.iter().filter(|missing| missing.event == *event);
            let outcomes: Vec<String> = of_event.map(|missing| missing.outcome.to_string()).collect();
            if !outcomes.is_empty() {
                let _ = writeln!(text, "  {event}: {}", outcomes.join(", "));
            }
        }
    }
    missing_requirements(counted, text);
}

/// The requirements that nothing exercised, under the reasons.
fn missing_requirements(counted: &Counted<'_>, text: &mut String) {
    let missing = counted.coverage.missing_requirements();
    if missing.is_empty() {
        return;
    }
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for id in &missing {
        let why = counted.excuses.requirements.get(id).map_or("NO REASON GIVEN", |excuse| excuse.reason.as_str());
        match reasons.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, ids)) => ids.push(id),
            None => reasons.push((why, vec![id])),
        }
    }
    let _ = writeln!(text, "\nrequirements not exercised:");
    for (reason, ids) in reasons {
        let _ = writeln!(text, "  {reason}");
        for line in ids.chunks(8) {
            let _ = writeln!(text, "    {}", line.join(" "));
        }
    }
}

fn verdict(counted: &Counted<'_>, missing: bool, text: &mut String) {
    let unexcused = counted.excuses.unexcused(counted.coverage);
    text.push('\n');
    for (pair, line) in counted.excuses.needless(counted.coverage) {
        let _ = writeln!(text, "observed, and excused all the same: {pair} (line {line} of the list)");
    }
    for (id, line) in counted.excuses.needless_requirements(counted.coverage) {
        let _ = writeln!(text, "exercised, and excused all the same: {id} (line {line} of the list)");
    }
    let advice = if missing { "" } else { "; --missing names them" };
    if !unexcused.is_empty() {
        let pairs = count(unexcused.len() as u64, "pair");
        let _ = writeln!(text, "INCOMPLETE: {pairs} neither observed nor excused{advice}");
    }
    let requirements = counted.excuses.unexcused_requirements(counted.coverage).len();
    if requirements > 0 {
        let requirements = count(requirements as u64, "requirement");
        let _ = writeln!(text, "INCOMPLETE: {requirements} neither exercised nor excused{advice}");
    }
    if counted.is_complete() {
        let pairs = number(counted.excuses.pairs.len() as u64);
        let requirements = number(counted.excuses.requirements.len() as u64);
        let _ = writeln!(
            text,
            "complete: every pair is observed, or excused with a reason ({pairs}); every requirement is exercised, or excused \
             with a reason ({requirements})"
        );
    } else if unexcused.is_empty() && requirements == 0 {
        let _ = writeln!(text, "INCOMPLETE");
    }
}

/// The version of the document that [`coverage_json`] writes.
pub const FORMAT: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    scenarios: &'a [&'static str],
    left_out: &'a [&'static str],
    seeds: u64,
    traces: u64,
    problems: &'a [String],
    complete: bool,
    methods: Part,
    caused: Part,
    injected: Part,
    events: Part,
    requirements: Part,
    interfaces: Vec<OfInterface>,
    pairs: Vec<OfPair<'a>>,
    writer_events: Vec<OfEvent>,
    requirement_ids: Vec<OfRequirement<'a>>,
    undocumented: Vec<Undocumented<'a>>,
}

#[derive(Serialize)]
struct Part {
    documented: usize,
    seen: usize,
}

impl From<Share> for Part {
    fn from(share: Share) -> Part {
        Part { documented: share.of, seen: share.seen }
    }
}

#[derive(Serialize)]
struct OfInterface {
    interface: &'static str,
    methods: Part,
    caused: Part,
    injected: Part,
}

#[derive(Serialize)]
struct OfPair<'a> {
    method: String,
    code: &'static str,
    of_resources: bool,
    observed: bool,
    caused: u64,
    injected: u64,
    first: Option<&'a str>,
    excuse: Option<&'a str>,
}

#[derive(Serialize)]
struct OfEvent {
    event: &'static str,
    outcome: String,
    seen: u64,
}

#[derive(Serialize)]
struct OfRequirement<'a> {
    id: String,
    by: Option<&'a str>,
    excuse: Option<&'a str>,
}

#[derive(Serialize)]
struct Undocumented<'a> {
    method: String,
    code: &'a str,
    first: &'a str,
}

/// The report for programs: one indented JSON document with a line feed at the end.
///
/// ```text
/// format                2
/// scenarios, left_out   names; seeds, traces: how many; problems: what went wrong with the runs
/// complete              what the exit code says
/// methods, caused, injected, events, requirements    {documented, seen}
/// interfaces            [{interface, methods, caused, injected}]
/// pairs                 [{method, code, of_resources, observed, caused, injected, first, excuse}]
/// writer_events         [{event, outcome, seen}]
/// requirement_ids       [{id, by, excuse}]
/// undocumented          [{method, code, first}]
/// ```
///
/// `first` is the scenario that showed it first; `by` says what exercised it first: a rule, a state table, a scenario.
#[must_use]
pub fn coverage_json(counted: &Counted<'_>) -> String {
    let coverage = counted.coverage;
    let [methods, caused, injected, events, requirements] = counted.totals().map(|(_, share)| Part::from(share));
    let interface = |one: &'static Interface| OfInterface {
        interface: one.name,
        methods: coverage.methods(one).into(),
        caused: coverage.caused(one).into(),
        injected: coverage.injected(one).into(),
    };
    let event = |(event, seen): (&vssim_conformance::coverage::Event, &u64)| OfEvent {
        event: event.event.name(),
        outcome: event.outcome.to_string(),
        seen: *seen,
    };
    let undocumented = coverage.undocumented.iter();
    let document = Document {
        format: FORMAT,
        scenarios: counted.scenarios,
        left_out: counted.left_out,
        seeds: counted.seeds,
        traces: coverage.traces,
        problems: counted.problems,
        complete: counted.is_complete(),
        methods,
        caused,
        injected,
        events,
        requirements,
        interfaces: catalogue::interfaces().map(interface).collect(),
        pairs: all_pairs().map(|pair| of_pair(counted, pair)).collect(),
        writer_events: coverage.events.iter().map(event).collect(),
        requirement_ids: requirements_of(counted),
        undocumented: undocumented
            .map(|((method, code), first)| Undocumented { method: method.to_string(), code, first })
            .collect(),
    };
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn requirements_of<'a>(counted: &Counted<'a>) -> Vec<OfRequirement<'a>> {
    let of = |id: String| {
        let by = counted.coverage.requirements.get(&id).map(String::as_str);
        let excuse = counted.excuses.requirements.get(&id).map(|excuse| excuse.reason.as_str());
        OfRequirement { id, by, excuse }
    };
    requirements().map(of).collect()
}

fn of_pair<'a>(counted: &Counted<'a>, pair: Pair) -> OfPair<'a> {
    let seen = counted.coverage.pairs.get(&pair);
    OfPair {
        method: pair.method.to_string(),
        code: pair.code,
        of_resources: is_resource_failure(pair.code),
        observed: counted.coverage.is_observed(&pair),
        caused: seen.map_or(0, |seen| seen.caused),
        injected: seen.map_or(0, |seen| seen.injected),
        first: seen.map(|seen| seen.first.as_str()),
        excuse: counted.excuses.pairs.get(&pair).map(|excuse| excuse.reason.as_str()),
    }
}
