//! The indices that the rules read: built once from a trace, in one pass and a few sorted maps.
//!
//! ```text
//!   records ──► calls with their returns and operations ──► Object (one backup components object)
//!          ├──► events with their ends ───────────────────┐
//!          ├──► callbacks with their returns ─────────────┼► SetFacts (one shadow copy set)
//!          ├──► holds, releases, commits, states ─────────┘
//!          └──► writers' states, documents, processes
//! ```
//!
//! A record belongs to a set when it names the set or one of its shadow copies; flush and hold names neither and
//! belongs to the set whose creation was last seen to go on. An event belongs to the object that its record names, else
//! to that which made its set, else to the object at the head of its chain of causes, else to the only object of the
//! trace, else to the one object whose call that raises such events was running. What belongs nowhere (an imported trace
//! without calls) is in no object's view, and rules about objects then have no occasion.

mod build;
mod express;
mod subscriptions;
mod views;

use std::collections::BTreeMap;

use vssim_model::api::{ApplicationCall, Call};
use vssim_model::ids::{SnapshotId, SnapshotSetId};
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::{EventLogEntry, Io, ProcessEdge, Record, Role, TimerName, Trace, What};

use crate::metadata::Metadata;

pub use express::Registrations;
pub(crate) use views::OPENING;
pub use views::{CallFact, CallbackFact, Choice, EventFact, Object, Operation, SetFacts, StateFact, Step, Writer};

/// The calls of a restore that set something in the document. They stand in a trace by the names of the headers alone.
pub(crate) const RESTORE_SETTERS: [&str; 13] = [
    "SetSelectedForRestore",
    "SetSelectedForRestoreEx",
    "AddRestoreSubcomponent",
    "SetRestoreOptions",
    "SetRestoreState",
    "AddNewTarget",
    "SetAdditionalRestores",
    "SetRestoreName",
    "SetAuthoritativeRestore",
    "SetRollForward",
    "AddAlternativeLocationMapping",
    "SetRangesFilePath",
    "SetFileRestoreStatus",
];

/// A record's number and time. Marks are ordered as their records are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The record's number.
    pub n: u64,
    /// The record's time.
    pub t: Ticks,
}

/// The calls that a trace holds by the names of the headers, as typed ones, by record. One that was ordered to fail, or
/// that its caller was not allowed, never happened and is left out.
#[derive(Clone, Debug, Default)]
pub struct Typed(BTreeMap<u64, Call>);

impl Typed {
    /// Reads a trace.
    #[must_use]
    pub fn of(trace: &Trace) -> Typed {
        let typed = |record: &Record| match &record.what {
            What::Call { call: Call::Method(call), .. } if call.injected.is_none() => {
                let asks = call.method.method.documents("E_ACCESSDENIED");
                if call.unprivileged && asks { None } else { Some((record.n, call.typed()?)) }
            }
            _ => None,
        };
        Typed(trace.records.iter().filter_map(typed).collect())
    }
}

/// A trace and what can be looked up in it.
#[derive(Debug)]
pub struct Facts<'t> {
    /// The trace.
    pub trace: &'t Trace,
    /// The last record's mark.
    pub end: Mark,
    /// The part that each actor plays.
    pub roles: BTreeMap<&'t str, &'t Role>,
    /// The writers, by name.
    pub writers: BTreeMap<&'t str, Writer>,
    /// Every call, of requesters and writers, in order.
    pub calls: Vec<CallFact<'t>>,
    /// The backup components objects, by number.
    pub objects: BTreeMap<u32, Object<'t>>,
    /// Every event to a writer, in order.
    pub events: Vec<EventFact<'t>>,
    /// The same, by writer.
    pub by_writer: BTreeMap<&'t str, Vec<EventFact<'t>>>,
    /// What writers ordered their applications to do, by writer, in order.
    pub orders: BTreeMap<&'t str, Vec<(Mark, &'t ApplicationCall)>>,
    /// Every call of VSS on a provider, in order.
    pub callbacks: Vec<CallbackFact<'t>>,
    /// The shadow copy sets, by id.
    pub sets: BTreeMap<SnapshotSetId, SetFacts<'t>>,
    /// Which set a shadow copy belongs to.
    pub set_of: BTreeMap<SnapshotId, SnapshotSetId>,
    /// The Writer Metadata Documents, by SHA-256, each with the record that brought it.
    pub metadata: BTreeMap<&'t str, (Mark, Metadata)>,
    /// The express writers of the store, by class.
    pub express: Registrations,
    /// The beginnings and ends of each actor's process, in order.
    pub processes: BTreeMap<&'t str, Vec<(Mark, ProcessEdge)>>,
    /// The changes of the mask of each writer that joins by calls of its own, in order; 0 for not subscribed.
    pub subscriptions: BTreeMap<&'t str, Vec<(Mark, u32)>>,
    /// The changes of the creation lock, in order.
    pub locks: Vec<(Mark, Option<SnapshotSetId>)>,
    /// The changes of each writer's state, in order.
    pub writer_states: BTreeMap<&'t str, Vec<WriterChange>>,
    /// The timers that fired.
    pub fired: Vec<(Mark, &'t TimerName)>,
    /// The entries of event logs, with who wrote them.
    pub log: Vec<(Mark, &'t str, &'t EventLogEntry)>,
    /// The I/O of the trace: when and what.
    pub io: Vec<(Mark, &'t Io)>,
}

/// A change of a writer's state.
#[derive(Clone, Copy, Debug)]
pub struct WriterChange {
    /// When.
    pub at: Mark,
    /// Before.
    pub from: WriterState,
    /// After.
    pub to: WriterState,
    /// The backup or restore that brought it, where it can be told: a writer has a state in each (WRT-EVT-011).
    pub object: Option<u32>,
}

impl<'t> Facts<'t> {
    /// Reads a trace.
    #[must_use]
    pub fn of(trace: &'t Trace, typed: &'t Typed) -> Facts<'t> {
        build::build(trace, typed)
    }

    /// The events to one writer, in order.
    #[must_use]
    pub fn events_to(&self, writer: &str) -> &[EventFact<'t>] {
        self.by_writer.get(writer).map_or(&[], Vec::as_slice)
    }

    /// The event that a writer handles at a mark.
    #[must_use]
    pub fn handling(&self, writer: &str, at: Mark) -> Option<&EventFact<'t>> {
        let events = self.events_to(writer);
        let begun = events.partition_point(|event| event.begin < at);
        events.get(..begun)?.iter().rev().find(|event| event.end.is_none_or(|end| at < end))
    }

    /// The orders of a writer to its application, in order.
    #[must_use]
    pub fn orders_of(&self, writer: &str) -> &[(Mark, &'t ApplicationCall)] {
        self.orders.get(writer).map_or(&[], Vec::as_slice)
    }

    /// The changes of a writer's state, in order.
    #[must_use]
    pub fn states_of(&self, writer: &str) -> &[WriterChange] {
        self.writer_states.get(writer).map_or(&[], Vec::as_slice)
    }

    /// Whether a writer takes part in a backup or restore at a mark: the first event of it was raised before.
    #[must_use]
    pub fn takes_part(&self, writer: &str, object: u32, at: Mark) -> bool {
        let events = self.objects.get(&object).map(|object| object.events_to(writer));
        events.into_iter().flatten().any(|event| event.begin < at && OPENING.contains(&event.event))
    }

    /// Whether a writer had no session left for a backup or restore whose first event was due between two marks: VSS said so,
    /// and another object is seen to have had one.
    #[must_use]
    pub fn had_no_session(&self, object: &Object<'t>, name: &str, from: Mark, to: Mark) -> bool {
        let told = self.writers.get(name).is_some_and(|writer| object.told_of_no_session(writer));
        let holds = |other: &Object<'t>| {
            let until = self.session_over(other, name);
            self.takes_part(name, other.number, to) && until.is_none_or(|until| from < until)
        };
        told && self.objects.values().any(|other| other.number != object.number && holds(other))
    }

    /// When the part that a writer has in an object's backup or restore is over: the object is gone, and BackupShutdown, if it
    /// came, was handled.
    #[must_use]
    pub fn session_over(&self, object: &Object<'t>, writer: &str) -> Option<Mark> {
        let gone = object.released().or_else(|| self.gone_after(object.actor, object.begin()))?;
        let shutdown = object.events_to(writer).filter(|event| event.event == WriterEvent::BackupShutdown).last();
        shutdown.map_or(Some(gone), |event| event.end.map(|end| end.max(gone)))
    }

    /// The beginnings and ends of an actor's process, in order.
    #[must_use]
    pub fn processes_of(&self, actor: &str) -> &[(Mark, ProcessEdge)] {
        self.processes.get(actor).map_or(&[], Vec::as_slice)
    }

    /// When the actor's process died, if it did.
    #[must_use]
    pub fn crashed(&self, actor: &str) -> Option<Mark> {
        self.processes_of(actor).iter().find(|(_, edge)| *edge == ProcessEdge::Crashed).map(|(at, _)| *at)
    }

    /// When the actor's process first ended behind a mark, in good order or not.
    #[must_use]
    pub fn gone_after(&self, actor: &str, from: Mark) -> Option<Mark> {
        let ends = self.processes_of(actor).iter().filter(|(_, edge)| *edge != ProcessEdge::Started);
        ends.map(|(at, _)| *at).find(|at| *at > from)
    }

    /// Whether VSS had given a writer up, at the latest at the second mark, because it did not answer: its state is unknown
    /// from then on (API-003), in this backup or restore and until the next one begins for it. Without an object, in any.
    #[must_use]
    pub fn given_up(&self, writer: &str, object: Option<u32>, from: Mark, to: Mark) -> bool {
        let same = |other: Option<u32>| object.is_none() || other.is_none() || other == object;
        let mut unknown = self.states_of(writer).iter().rev().filter(|change| change.to == WriterState::Unknown);
        let Some(last) = unknown.find(|change| change.at <= to && same(change.object)) else { return false };
        let mut begun = self.events_to(writer).iter().rev().filter(|event| OPENING.contains(&event.event));
        begun.find(|event| event.begin <= from && same(event.object)).is_none_or(|event| event.begin < last.at)
    }

    /// Whether the actor was not there for at least a moment between two marks: its process had ended, or, of a writer,
    /// VSS had given it up in this backup or restore, or it was not subscribed. A process of which nothing is recorded is
    /// there all the time; one whose first record is its beginning was not there before.
    #[must_use]
    pub fn was_gone(&self, actor: &str, object: Option<u32>, from: Mark, to: Mark) -> bool {
        if self.given_up(actor, object, from, to) || self.was_unsubscribed(actor, from, to) {
            return true;
        }
        let processes = self.processes_of(actor);
        let mut gone = processes.first().is_some_and(|(at, edge)| *edge == ProcessEdge::Started && *at > from);
        for (_, edge) in processes.iter().take_while(|(at, _)| *at <= from) {
            gone = *edge != ProcessEdge::Started;
        }
        let later = processes.iter().filter(|(at, _)| from < *at && *at <= to);
        gone || later.into_iter().any(|(_, edge)| *edge != ProcessEdge::Started)
    }

    /// The object that made a set.
    #[must_use]
    pub fn object_of(&self, set: &SetFacts<'t>) -> Option<&Object<'t>> {
        set.object.and_then(|number| self.objects.get(&number))
    }

    /// The set that an object made, if it made one.
    #[must_use]
    pub fn set_by(&self, object: &Object<'t>) -> Option<&SetFacts<'t>> {
        object.set.and_then(|set| self.sets.get(&set))
    }

    /// The metadata documents that an object gathered.
    pub fn metadata_of<'a>(&'a self, object: &'a Object<'t>) -> impl Iterator<Item = &'a Metadata> {
        object.documents().filter_map(|(_, sha256)| self.metadata.get(sha256).map(|(_, document)| document))
    }
}
