//! What becomes of the events that are raised to writers.

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::catalogue::{self, MethodRef};
use vssim_model::hresult::HResult;
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;
use vssim_model::trace::{CallId, ProcessEdge, Role, TimerEdge, TimerName, Trace, What};

use super::Coverage;
use super::pairs::documented;

/// How long VSS waits for the answer to an event other than Freeze (docs/choices.md, S-03).
const LIMIT: Ticks = Ticks::from_secs(600);

/// An event and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// The event.
    pub event: WriterEvent,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The handler returned true.
    True,
    /// It returned false, and said no reason.
    False,
    /// It told this failure.
    Failure(HResult),
    /// It never returned.
    NotAnswered,
    /// It returned when VSS no longer waited.
    Late,
    /// The writer's process died in it.
    Crashed,
}

impl Outcome {
    /// Every outcome.
    pub fn all() -> impl Iterator<Item = Outcome> {
        let failures = HResult::WRITER_FAILURES.into_iter().map(Outcome::Failure);
        let others = [Outcome::NotAnswered, Outcome::Late, Outcome::Crashed];
        [Outcome::True, Outcome::False].into_iter().chain(failures).chain(others)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::True => f.pad("true"),
            Outcome::False => f.pad("false"),
            Outcome::Failure(code) => f.pad(&code.to_string()),
            Outcome::NotAnswered => f.pad("not answered"),
            Outcome::Late => f.pad("late"),
            Outcome::Crashed => f.pad("crashed"),
        }
    }
}

/// Every event with every outcome that it can have: SetWriterFailure is refused in the handler of Identify.
pub(super) fn all() -> impl Iterator<Item = Event> {
    let every = WriterEvent::ALL.iter().flat_map(|&event| Outcome::all().map(move |outcome| Event { event, outcome }));
    every.filter(|one| one.event != WriterEvent::Identify || !matches!(one.outcome, Outcome::Failure(_)))
}

/// An event until its handler returns.
struct Raised<'a> {
    writer: &'a str,
    event: WriterEvent,
    at: Ticks,
    given_up: bool,
}

/// The callback that handles an event; a writer overrides OnIdentify or OnIdentifyEx, never both.
fn callback(event: WriterEvent, extended: bool) -> Option<MethodRef> {
    let name = match event {
        WriterEvent::Identify if extended => ("CVssWriterEx", "OnIdentifyEx"),
        _ => ("CVssWriter", event.callback()),
    };
    catalogue::methods().find(|known| known.name() == name)
}

impl Coverage {
    pub(super) fn count_events(&mut self, trace: &Trace) {
        let mut raised: BTreeMap<CallId, Raised<'_>> = BTreeMap::new();
        let extended = |role: &Role| matches!(role, Role::Writer { identify_ex: true, .. });
        let extended: BTreeSet<&str> =
            trace.header.actors.iter().filter(|actor| extended(&actor.role)).map(|actor| actor.name.as_ref()).collect();
        let scenario = trace.header.scenario.as_str();
        for record in &trace.records {
            match &record.what {
                What::Event { id, event, .. } => {
                    let writer = &*record.actor;
                    raised.insert(*id, Raised { writer, event: *event, at: record.t, given_up: false });
                    self.called.extend(callback(*event, extended.contains(writer)));
                }
                What::Timer { name: TimerName::FreezeWindow(writer), edge: TimerEdge::Fired } => {
                    let frozen = raised.values_mut().filter(|raised| raised.event == WriterEvent::Freeze);
                    frozen.filter(|raised| *raised.writer == **writer).for_each(|raised| raised.given_up = true);
                }
                What::Handled { id, event, returned, failure } => {
                    let late = raised.remove(id).is_some_and(|raised| raised.given_up || record.t > raised.at + LIMIT);
                    let callback = callback(*event, extended.contains(record.actor.as_ref()));
                    self.handled(callback, *event, *returned, *failure, late, scenario);
                }
                What::Process(ProcessEdge::Crashed) => {
                    let of_dead: Vec<CallId> = raised
                        .iter()
                        .filter(|(_, raised)| *raised.writer == *record.actor)
                        .map(|(id, _)| *id)
                        .collect();
                    for raised in of_dead.iter().filter_map(|id| raised.remove(id)) {
                        self.outcome(raised.event, Outcome::Crashed);
                    }
                }
                _ => {}
            }
        }
        for raised in raised.values() {
            self.outcome(raised.event, Outcome::NotAnswered);
        }
    }

    fn handled(
        &mut self,
        callback: Option<MethodRef>,
        event: WriterEvent,
        returned: bool,
        failure: Option<HResult>,
        late: bool,
        scenario: &str,
    ) {
        let code = if returned { "true" } else { "false" };
        if let Some(pair) = callback.and_then(|callback| documented(callback, code)) {
            self.caused_once(pair, scenario);
        }
        let by_itself = if returned { Outcome::True } else { Outcome::False };
        self.outcome(event, if late { Outcome::Late } else { failure.map_or(by_itself, Outcome::Failure) });
    }

    fn outcome(&mut self, event: WriterEvent, outcome: Outcome) {
        *self.events.entry(Event { event, outcome }).or_default() += 1;
    }
}
