//! What must come out of a run, and whether it did.
//!
//! Everything but the files of backups is read off the trace. [`check`] answers one [`Expectation`] for each thing that the
//! scenario says, in its order, one for the rules (exactly those that `violates` names must be violated), and one for each
//! file of the store.

use std::collections::BTreeMap;

use vssim_model::api::{Call, MethodCall, Out, Value};
use vssim_model::hresult::HResult;
use vssim_model::ids::WriterInstanceId;
use vssim_model::states::WriterState;
use vssim_model::trace::{CallId, EventLog, EventLogEntry, ProcessEdge, Role, Trace, What};
use vssim_sim::plan::{Argument, SavedValues, Script};
use vssim_sim::world::World;

use crate::calls::{Calls, replay};
use crate::shown::Shows;
use crate::stage::{MethodExpectation, StepExpectation};
use crate::syntax::{self, Outcome};

/// The codes that the steps of a requester must return.
#[derive(Clone, Debug)]
pub struct ExpectedSteps {
    /// The requester.
    pub requester: String,
    /// Its script.
    pub script: Script,
    /// The steps whose codes are known.
    pub codes: Vec<StepExpectation>,
}

/// What must come out of a run.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// What the scenario says.
    pub written: syntax::Expectations,
    /// What single steps say.
    pub steps: Vec<ExpectedSteps>,
    /// What calls by the names of the headers say.
    pub methods: Vec<MethodExpectation>,
}

impl Expectations {
    /// The requirements that it says it shows, by id; some several times.
    pub fn shows(&self) -> impl Iterator<Item = &str> {
        let written = &self.written;
        let all = written.hresults.iter().map(|one| &one.shows);
        let all = all.chain(written.writers.iter().map(|one| &one.shows));
        let all = all.chain(written.consistency.iter().map(|one| &one.shows));
        let all = all.chain(written.event_log.iter().map(|one| &one.shows));
        let all = all.chain(written.restored.iter().map(|one| &one.shows));
        let all = all.chain(written.not_restored.iter().map(|one| &one.shows));
        let all = all.chain(written.stored.iter().map(|one| &one.shows));
        let all = all.chain(written.not_stored.iter().map(|one| &one.shows));
        let all = all.chain(written.files.iter().map(|one| &one.shows));
        let all = all.chain(written.no_files.iter().map(|one| &one.shows));
        let all = all.chain(self.methods.iter().map(|one| &one.shows));
        all.flatten().map(|id| id.0.as_str())
    }

    pub(crate) fn of(
        written: &syntax::Expectations,
        steps: Vec<ExpectedSteps>,
        methods: Vec<MethodExpectation>,
    ) -> Expectations {
        Expectations { written: written.clone(), steps, methods }
    }
}

/// Something that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// What it is about.
    pub name: String,
    /// Whether it came out so.
    pub met: bool,
    /// What was expected and what was found, in words.
    pub detail: String,
    /// The requirements that it shows, if it is met.
    pub shows: Vec<String>,
}

impl Expectation {
    pub(crate) fn new(name: impl Into<String>, met: bool, detail: impl Into<String>) -> Expectation {
        Expectation { name: name.into(), met, detail: detail.into(), shows: Vec::new() }
    }

    pub(crate) fn showing(self, shows: &Shows) -> Expectation {
        Expectation { shows: shows.iter().map(|one| one.0.clone()).collect(), ..self }
    }
}

/// Compares a run with what was expected of it. `violated` are the rules that it violated, by id; `world` is the
/// machine at the end, with its files and its backups, since the trace holds none.
#[must_use]
pub fn check(expectations: &Expectations, trace: &Trace, violated: &[&str], world: &World) -> Vec<Expectation> {
    let calls = Calls::of(trace);
    let written = &expectations.written;
    let mut all = Vec::new();
    if let Some(outcome) = &written.outcome {
        all.push(check_outcome(outcome.value, trace, &calls));
    }
    check_codes(written, &calls, &mut all);
    check_writers(written, trace, &mut all);
    check_consistency(written, trace, &mut all);
    check_event_log(written, trace, &mut all);
    crate::restored::check(written, trace, &mut all);
    for steps in &expectations.steps {
        check_steps(steps, &calls, &mut all);
    }
    check_methods(&expectations.methods, trace, &mut all);
    all.push(check_rules(written, violated));
    all.extend(crate::stored::check(expectations, &world.store));
    all.extend(crate::on_volumes::check(expectations, world));
    all
}

/// How the last backup of a requester ended.
fn outcome_of(requester: &str, trace: &Trace, calls: &Calls<'_>) -> Outcome {
    let crashed = trace
        .records
        .iter()
        .any(|record| &*record.actor == requester && record.what == What::Process(ProcessEdge::Crashed));
    if crashed {
        return Outcome::Abandoned;
    }
    let of_last: Vec<_> = calls.of_last_object(requester).collect();
    let ended = |method: &str| of_last.iter().rev().find(|call| call.method == method).map(|call| call.ended());
    let good = |method: &str| ended(method).flatten().is_some_and(|code| code.is_success());
    let called = |method: &str| of_last.iter().any(|call| call.method == method);
    if called("AbortBackup") {
        return Outcome::Aborted;
    }
    // Where no file has to be read from a shadow copy, none is made (BKP-ORD-035).
    if good("BackupComplete") && !called("StartSnapshotSet") {
        return Outcome::Succeeded;
    }
    let created = good("DoSnapshotSet") && of_last.iter().all(|call| !call.missing);
    // Without writers there is nothing to complete (BKP-ORD-055).
    let completed = good("BackupComplete") || !called("GatherWriterMetadata");
    match (created, completed) {
        (true, true) => Outcome::Succeeded,
        (false, _) if called("StartSnapshotSet") => Outcome::Failed,
        _ => Outcome::Abandoned,
    }
}

fn check_outcome(expected: Outcome, trace: &Trace, calls: &Calls<'_>) -> Expectation {
    let requesters = trace.header.actors.iter().filter(|actor| actor.role == Role::Requester);
    let found: Vec<(&str, Outcome)> =
        requesters.map(|actor| (&*actor.name, outcome_of(&actor.name, trace, calls))).collect();
    let met = match expected {
        Outcome::Succeeded => found.iter().all(|(_, outcome)| *outcome == expected),
        _ => found.iter().any(|(_, outcome)| *outcome == expected),
    };
    let found: Vec<String> = found.iter().map(|(name, outcome)| format!("{name} {}", outcome.word())).collect();
    let detail = format!("expected {}; found {}", expected.word(), found.join(", "));
    Expectation::new("outcome", met, detail)
}

fn check_codes(written: &syntax::Expectations, calls: &Calls<'_>, all: &mut Vec<Expectation>) {
    for expected in &written.hresults {
        let (method, code) = (expected.call.as_str(), expected.hresult.0);
        let by = expected.requester.as_ref().map(|name| name.as_str());
        let of_method = calls.all.iter().filter(|call| call.method == method && by.is_none_or(|by| by == call.actor));
        let mut found: Vec<HResult> = of_method.filter_map(|call| call.ended()).collect();
        let met = found.iter().any(|found| same_code(*found, code));
        found.sort_unstable();
        found.dedup();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let found = if found.is_empty() { "no such call".to_owned() } else { found.join(", ") };
        // What is expected of several requesters is told apart by their names.
        let same = |other: &&syntax::ExpectedCode| other.call.as_str() == method && other.hresult.0 == code;
        let by = by.filter(|_| written.hresults.iter().filter(same).count() > 1);
        let name = by.map_or_else(String::new, |by| format!("{by}: ")) + &format!("{method} answers {code}");
        all.push(Expectation::new(name, met, format!("expected {code}; found {found}")).showing(&expected.shows));
    }
}

/// An operation that ended well says so in its own words.
pub(crate) fn same_code(found: HResult, expected: HResult) -> bool {
    found == expected || (found == HResult::VSS_S_ASYNC_FINISHED && expected == HResult::S_OK)
}

fn check_writers(written: &syntax::Expectations, trace: &Trace, all: &mut Vec<Expectation>) {
    for expected in &written.writers {
        let name = expected.writer.as_str();
        let last = trace.records.iter().rev().find_map(|record| match &record.what {
            What::WriterState { to, failure, .. } if &*record.actor == name => Some((*to, *failure)),
            _ => None,
        });
        let (state, failure) = last.unwrap_or((WriterState::Stable, HResult::S_OK));
        let right_state = expected.state.as_ref().is_none_or(|expected| expected.0 == state);
        let right_failure = expected.failure.as_ref().is_none_or(|expected| expected.0 == failure);
        let wanted = [
            expected.state.as_ref().map(|state| state.0.name().to_owned()),
            expected.failure.as_ref().map(|failure| failure.0.to_string()),
        ];
        let wanted: Vec<String> = wanted.into_iter().flatten().collect();
        let detail = format!("expected {}; found {}, {failure}", wanted.join(", "), state.name());
        let met = right_state && right_failure;
        all.push(Expectation::new(format!("writer {name}"), met, detail).showing(&expected.shows));
    }
}

fn check_consistency(written: &syntax::Expectations, trace: &Trace, all: &mut Vec<Expectation>) {
    for expected in &written.consistency {
        let name = expected.application.as_str();
        let found: Vec<syntax::Consistency> = trace
            .records
            .iter()
            .filter_map(|record| match &record.what {
                What::Consistency { state, .. } if &*record.actor == name => Some((*state).into()),
                _ => None,
            })
            .collect();
        let met = !found.is_empty() && found.iter().all(|found| *found == expected.is.value);
        let words: Vec<&str> = found.iter().map(|found| found.word()).collect();
        let words = if words.is_empty() { "no shadow copy of its data".to_owned() } else { words.join(", ") };
        let detail = format!("expected {}; found {words}", expected.is.word());
        all.push(Expectation::new(format!("data of {name}"), met, detail).showing(&expected.shows));
    }
}

fn check_event_log(written: &syntax::Expectations, trace: &Trace, all: &mut Vec<Expectation>) {
    for expected in &written.event_log {
        let (source, id) = (expected.source.as_str(), expected.id.as_ref().map(|id| id.0));
        let is = |entry: &EventLogEntry| {
            id.is_none_or(|id| entry.id == Some(id))
                && entry.source.eq_ignore_ascii_case(source)
                && expected
                    .log
                    .as_ref()
                    .is_none_or(|log| (log.value == syntax::Log::System) == (entry.log == EventLog::System))
                && expected.tells.as_ref().is_none_or(|words| entry.message.contains(&words.0))
        };
        let entries = trace.records.iter().filter(|record| matches!(&record.what, What::EventLog(entry) if is(entry)));
        let found = entries.count();
        let (met, wanted) = match &expected.count {
            Some(count) => (u32::try_from(found) == Ok(count.0), count.0.to_string()),
            None => (found > 0, "at least 1".to_owned()),
        };
        let detail = format!("expected {wanted}; found {found}");
        let mut name = id.map_or_else(|| format!("event log {source}"), |id| format!("event log {source} {id}"));
        if let Some(log) = &expected.log {
            name += &format!(" in {}", log.word());
        }
        if let Some(words) = &expected.tells {
            name += &format!(" with `{}`", words.0);
        }
        all.push(Expectation::new(name, met, detail).showing(&expected.shows));
    }
}

fn check_steps(steps: &ExpectedSteps, calls: &Calls<'_>, all: &mut Vec<Expectation>) {
    let codes = replay(&steps.script, &steps.requester, calls);
    for step in &steps.codes {
        let of_start = step.start.and_then(|start| codes.get(&start)).copied().filter(|code| code.is_failure());
        let found = of_start.or_else(|| codes.get(&step.op).copied());
        let detail = match found {
            Some(found) => format!("expected {}; found {found}", step.code),
            None => format!("expected {}; the step was never reached", step.code),
        };
        let met = found.is_some_and(|found| same_code(found, step.code));
        all.push(Expectation::new(format!("{}: {}", steps.requester, step.name), met, detail));
    }
}

/// Each call of a step by the names of the headers must return its code and hand back what it must.
fn check_methods(expected: &[MethodExpectation], trace: &Trace, all: &mut Vec<Expectation>) {
    let by_step: BTreeMap<u32, &MethodExpectation> =
        expected.iter().map(|expected| (expected.step, expected)).collect();
    let mut under_way: BTreeMap<CallId, &MethodCall> = BTreeMap::new();
    // What was wrong with the first call of each step that went wrong.
    let mut made: BTreeMap<u32, Option<String>> = BTreeMap::new();
    let mut kept: BTreeMap<&str, SavedValues> = BTreeMap::new();
    let (names, mut instances): (Vec<&str>, Vec<WriterInstanceId>) = writers_of(trace).unzip();
    for record in &trace.records {
        match &record.what {
            What::Call { id, call: Call::Method(call), .. } => {
                made.entry(call.step).or_default();
                under_way.insert(*id, call);
            }
            What::Return { id, hresult, out } => {
                let Some(call) = under_way.remove(id) else { continue };
                let Some(expected) = by_step.get(&call.step) else { continue };
                let kept = kept.entry(&*record.actor).or_default();
                let wrong = wrong_return(expected, call, *hresult, out, |wanted| wanted.value(kept, &instances));
                made.entry(call.step).and_modify(|first| *first = first.take().or(wrong));
                if let (Some(place), true) = (expected.save, hresult.is_success()) {
                    kept.insert(place, out.by_parameter(call));
                }
            }
            What::Instance { instance } => {
                let writer = names.iter().position(|name| **name == *record.actor);
                if let Some(known) = writer.and_then(|writer| instances.get_mut(writer)) {
                    *known = *instance;
                }
            }
            _ => {}
        }
    }
    for call in under_way.values() {
        made.entry(call.step).and_modify(|first| *first = first.take().or(Some("the call never returned".to_owned())));
    }
    for expected in expected {
        let name = format!("line {}: {}", expected.line, expected.name);
        let (met, detail) = match made.get(&expected.step) {
            Some(Some(wrong)) => (false, wrong.clone()),
            Some(None) => (true, expected.code.map_or_else(|| "success".to_owned(), |code| code.to_string())),
            None => (false, "the call was never made".to_owned()),
        };
        all.push(Expectation::new(name, met, detail).showing(&expected.shows));
    }
}

/// The writers of a run, with their instances at its beginning.
fn writers_of(trace: &Trace) -> impl Iterator<Item = (&str, WriterInstanceId)> {
    trace.header.actors.iter().filter_map(|actor| match &actor.role {
        Role::Writer { instance, .. } => Some((&*actor.name, *instance)),
        _ => None,
    })
}

/// What is wrong with a call's return.
fn wrong_return(
    expected: &MethodExpectation,
    call: &MethodCall,
    found: HResult,
    out: &Out,
    wanted: impl Fn(&Argument) -> Value,
) -> Option<String> {
    let told = if let Out::Status(code) = out { *code } else { found };
    match expected.code {
        Some(code) if found != code && told != code => return Some(format!("expected {code}; found {told}")),
        None if found.is_failure() => return Some(format!("expected success; found {found}")),
        _ => {}
    }
    let values = out.by_parameter(call);
    expected.gives.iter().find_map(|(name, argument)| {
        let wanted = wanted(argument);
        let found = values.get(name).unwrap_or(&Value::Null);
        (!wanted.is_met_by(found)).then(|| format!("expected {name} = {wanted}; found {found}"))
    })
}

/// Exactly the rules that are named are violated: one that is not named is a finding, one that is named and upheld or
/// never exercised shows that the scenario does not do what it says.
fn check_rules(written: &syntax::Expectations, violated: &[&str]) -> Expectation {
    let mut rules: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for rule in &written.violates {
        rules.entry(rule.as_str()).or_default().0 = true;
    }
    for rule in violated {
        rules.entry(rule).or_default().1 = true;
    }
    let of = |wanted: (bool, bool)| {
        let list: Vec<&str> = rules.iter().filter(|(_, found)| **found == wanted).map(|(rule, _)| *rule).collect();
        list.join(", ")
    };
    let (missing, unexpected) = (of((true, false)), of((false, true)));
    let mut detail = Vec::new();
    if !missing.is_empty() {
        detail.push(format!("not violated, although expected: {missing}"));
    }
    if !unexpected.is_empty() {
        detail.push(format!("violated, although not expected: {unexpected}"));
    }
    let met = detail.is_empty();
    if met {
        let both = of((true, true));
        detail.push(if both.is_empty() { "no rule is violated".to_owned() } else { format!("violated: {both}") });
    }
    Expectation::new("rules", met, detail.join("; "))
}

impl From<vssim_model::trace::Consistency> for syntax::Consistency {
    fn from(state: vssim_model::trace::Consistency) -> syntax::Consistency {
        match state {
            vssim_model::trace::Consistency::Clean => syntax::Consistency::Clean,
            vssim_model::trace::Consistency::CrashConsistent => syntax::Consistency::CrashConsistent,
            vssim_model::trace::Consistency::Corrupt => syntax::Consistency::Corrupt,
        }
    }
}
