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
//! belongs to the set whose creation was last seen to go on. An event belongs to the object that made its set, else to
//! the object at the head of its chain of causes, else to the only object of the trace. What belongs nowhere (an
//! imported trace without calls) is in no object's view, and rules about objects then have no occasion.

mod build;
mod views;

use std::collections::BTreeMap;

use vssim_model::ids::{SnapshotId, SnapshotSetId};
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::{EventLogEntry, Io, ProcessEdge, Role, TimerName, Trace};

use crate::metadata::Metadata;

pub use views::{CallFact, CallbackFact, EventFact, Object, Operation, SetFacts, StateFact, Step, Writer};

/// A record's number and time. Marks are ordered as their records are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The record's number.
    pub n: u64,
    /// The record's time.
    pub t: Ticks,
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
    /// Every call of VSS on a provider, in order.
    pub callbacks: Vec<CallbackFact<'t>>,
    /// The shadow copy sets, by id.
    pub sets: BTreeMap<SnapshotSetId, SetFacts<'t>>,
    /// Which set a shadow copy belongs to.
    pub set_of: BTreeMap<SnapshotId, SnapshotSetId>,
    /// The Writer Metadata Documents, by SHA-256, each with the record that brought it.
    pub metadata: BTreeMap<&'t str, (Mark, Metadata)>,
    /// The beginnings and ends of processes, in order.
    pub processes: Vec<(Mark, &'t str, ProcessEdge)>,
    /// The changes of the creation lock, in order.
    pub locks: Vec<(Mark, Option<SnapshotSetId>)>,
    /// The changes of writer states: when, who, from, to, and the cause's record number.
    pub writer_states: Vec<(Mark, &'t str, WriterState, WriterState, u64)>,
    /// The timers that fired.
    pub fired: Vec<(Mark, &'t TimerName)>,
    /// The entries of event logs, with who wrote them.
    pub log: Vec<(Mark, &'t str, &'t EventLogEntry)>,
    /// The I/O of the trace: when and what.
    pub io: Vec<(Mark, &'t Io)>,
}

impl<'t> Facts<'t> {
    /// Reads a trace.
    #[must_use]
    pub fn of(trace: &'t Trace) -> Facts<'t> {
        build::build(trace)
    }

    /// The events to one writer, in order.
    pub fn events_to<'a>(&'a self, writer: &'a str) -> impl Iterator<Item = &'a EventFact<'t>> {
        self.events.iter().filter(move |event| event.writer == writer)
    }

    /// When the actor's process died, if it did.
    #[must_use]
    pub fn crashed(&self, actor: &str) -> Option<Mark> {
        let mut crashes = self.processes.iter().filter(|(_, who, edge)| *who == actor && *edge == ProcessEdge::Crashed);
        crashes.next().map(|(at, _, _)| *at)
    }

    /// Whether the actor's process was gone for at least a moment between two marks.
    #[must_use]
    pub fn was_gone(&self, actor: &str, from: Mark, to: Mark) -> bool {
        let mut gone = false;
        for (at, who, edge) in &self.processes {
            if *who != actor || *at > to {
                continue;
            }
            gone = match edge {
                ProcessEdge::Started if *at <= from => false,
                ProcessEdge::Started => gone,
                ProcessEdge::Exited | ProcessEdge::Crashed => true,
            };
        }
        gone
    }

    /// The object that made a set.
    #[must_use]
    pub fn object_of(&self, set: &SetFacts<'t>) -> Option<&Object<'t>> {
        set.object.and_then(|number| self.objects.get(&number))
    }

    /// The set that an object made, if it made one.
    #[must_use]
    pub fn set_by(&self, object: &Object<'t>) -> Option<&SetFacts<'t>> {
        self.sets.values().find(|set| set.object == Some(object.number))
    }

    /// The events of a set's creation to one writer. An Abort may name no set and then counts for the set of its object.
    pub fn events_of<'a>(&'a self, set: &'a SetFacts<'t>, writer: &'a str) -> impl Iterator<Item = &'a EventFact<'t>> {
        self.events_to(writer).filter(move |event| {
            event.set == Some(set.id)
                || (event.set.is_none()
                    && event.event == WriterEvent::Abort
                    && event.object.is_some()
                    && event.object == set.object)
        })
    }

    /// The metadata documents that an object gathered.
    pub fn metadata_of<'a>(&'a self, object: &'a Object<'t>) -> impl Iterator<Item = &'a Metadata> {
        object.documents().filter_map(|(_, sha256)| self.metadata.get(sha256).map(|(_, document)| document))
    }
}
