//! What the records of a trace say about each other: which return ends which call, who plays which part, which volume a
//! shadow copy is of.
//!
//! Built once in one pass. Numbers that name nothing, or the same thing twice, are no error here: the first of a kind
//! counts, and a look-up that finds nothing says so.

use std::collections::BTreeMap;

use vssim_model::api::{AsyncId, Call, Out};
use vssim_model::documents::WriterMetadata;
use vssim_model::ids::{SnapshotId, SnapshotSetId, WriterClassId, WriterInstanceId};
use vssim_model::time::Ticks;
use vssim_model::trace::{CallId, DocumentKind, Name, Record, Role, Trace, What};

use crate::sessions::Sessions;

/// A call, an event or a callback, and what ended it; both by their place in the trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) begin: usize,
    pub(crate) end: Option<usize>,
}

pub(crate) struct Index<'t> {
    pub(crate) trace: &'t Trace,
    roles: BTreeMap<&'t str, &'t Role>,
    instances: BTreeMap<WriterInstanceId, Name>,
    spans: BTreeMap<(Kind, CallId), Span>,
    operations: BTreeMap<AsyncId, &'static str>,
    volumes: BTreeMap<SnapshotId, &'t Name>,
    sets: BTreeMap<SnapshotSetId, usize>,
    set_of: BTreeMap<SnapshotId, SnapshotSetId>,
    pub(crate) sessions: Sessions<'t>,
    /// Where the service put a document of an express writer on record.
    express: BTreeMap<usize, ExpressWriter>,
}

/// A writer for which VSS itself answers with a document of its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpressWriter {
    pub(crate) name: Name,
    pub(crate) class: WriterClassId,
    pub(crate) instance: WriterInstanceId,
}

impl ExpressWriter {
    /// The writer that a document is of, if it names one.
    fn of(document: &str) -> Option<ExpressWriter> {
        let metadata = WriterMetadata::read(document.as_bytes()).ok()?;
        let is = metadata.identification();
        let (name, class, instance) = (is.name().into(), is.writer(), is.instance());
        (!class.0.is_null() && !instance.0.is_null()).then_some(ExpressWriter { name, class, instance })
    }
}

/// What a number may name; each kind of end looks for its own kind of begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Call,
    Event,
    Callback,
}

/// The kind and number of a record that begins or ends something.
fn key(what: &What) -> Option<(Kind, CallId)> {
    match what {
        What::Call { id, .. } | What::Return { id, .. } => Some((Kind::Call, *id)),
        What::Event { id, .. } | What::Handled { id, .. } => Some((Kind::Event, *id)),
        What::Callback { id, .. } | What::CallbackReturn { id, .. } => Some((Kind::Callback, *id)),
        _ => None,
    }
}

impl<'t> Index<'t> {
    pub(crate) fn of(trace: &'t Trace) -> Index<'t> {
        let mut index = Index {
            trace,
            roles: BTreeMap::new(),
            instances: BTreeMap::new(),
            spans: BTreeMap::new(),
            operations: BTreeMap::new(),
            volumes: BTreeMap::new(),
            sets: BTreeMap::new(),
            set_of: BTreeMap::new(),
            sessions: Sessions::default(),
            express: BTreeMap::new(),
        };
        for actor in &trace.header.actors {
            index.roles.entry(&actor.name).or_insert(&actor.role);
            if let Role::Writer { instance, .. } = actor.role {
                index.instances.entry(instance).or_insert_with(|| actor.name.clone());
            }
        }
        for (at, record) in trace.records.iter().enumerate() {
            index.add(at, &record.what);
            index.add_writers(at, record);
        }
        index.sessions = Sessions::of(&index);
        index
    }

    fn add(&mut self, at: usize, what: &'t What) {
        match what {
            What::Call { .. } | What::Event { .. } | What::Callback { .. } => {
                if let Some(key) = key(what) {
                    self.spans.entry(key).or_insert(Span { begin: at, end: None });
                }
            }
            What::Return { .. } | What::Handled { .. } | What::CallbackReturn { .. } => self.end(at, what),
            What::SnapshotState { snapshot, volume, set, .. } => {
                self.volumes.entry(*snapshot).or_insert(volume);
                self.set_of.entry(*snapshot).or_insert(*set);
                self.meet(*set);
            }
            What::Commit { snapshot, volume } => {
                self.volumes.entry(*snapshot).or_insert(volume);
            }
            _ => {}
        }
    }

    /// Instances and writers that the header does not have.
    fn add_writers(&mut self, at: usize, record: &'t Record) {
        let role = self.role(&record.actor);
        match &record.what {
            What::Instance { instance } if matches!(role, Some(Role::Writer { .. })) => {
                self.instances.entry(*instance).or_insert_with(|| record.actor.clone());
            }
            What::Document { kind: DocumentKind::WriterMetadata, text, .. } if role == Some(&Role::Service) => {
                if let Some(writer) = ExpressWriter::of(text) {
                    self.instances.entry(writer.instance).or_insert_with(|| writer.name.clone());
                    self.express.insert(at, writer);
                }
            }
            _ => {}
        }
    }

    /// The express writer whose document this record is.
    pub(crate) fn express(&self, at: usize) -> Option<&ExpressWriter> {
        self.express.get(&at)
    }

    fn end(&mut self, at: usize, what: &'t What) {
        let Some(span) = key(what).and_then(|key| self.spans.get_mut(&key)) else { return };
        if span.end.is_some() {
            return;
        }
        span.end = Some(at);
        let begin = span.begin;
        let What::Return { out, .. } = what else { return };
        match out {
            Out::Async(operation) => {
                if let Some(What::Call { call, .. }) = self.trace.records.get(begin).map(|record| &record.what) {
                    self.operations.entry(*operation).or_insert(call.name().1);
                }
            }
            Out::SnapshotSet(set) => self.meet(*set),
            _ => {}
        }
    }

    /// Numbers the sets in the order in which they appear.
    fn meet(&mut self, set: SnapshotSetId) {
        let next = self.sets.len() + 1;
        self.sets.entry(set).or_insert(next);
    }

    pub(crate) fn role(&self, actor: &str) -> Option<&'t Role> {
        self.roles.get(actor).copied()
    }

    /// The writer of that instance, by its actor's name.
    pub(crate) fn instance(&self, instance: WriterInstanceId) -> Option<&str> {
        self.instances.get(&instance).map(|name| &**name)
    }

    /// The call, event or callback that a record belongs to.
    pub(crate) fn span(&self, what: &What) -> Option<Span> {
        key(what).and_then(|key| self.spans.get(&key)).copied()
    }

    /// The record that began what the record at this place ends, if it is that one's first end.
    pub(crate) fn begin_of(&self, at: usize) -> Option<(usize, &'t Record)> {
        let span = self.span(&self.trace.records.get(at)?.what)?;
        if span.end != Some(at) {
            return None;
        }
        self.trace.records.get(span.begin).map(|record| (span.begin, record))
    }

    /// How long what the record at this place ends has taken.
    pub(crate) fn duration(&self, at: usize) -> Option<Ticks> {
        let (_, begin) = self.begin_of(at)?;
        self.trace.records.get(at).map(|record| record.t - begin.t)
    }

    /// The call that a record made or answered.
    pub(crate) fn call_of(&self, what: &What) -> Option<&'t Call> {
        let span = self.span(what)?;
        match self.trace.records.get(span.begin).map(|record| &record.what) {
            Some(What::Call { call, .. } | What::Callback { call, .. }) => Some(call),
            _ => None,
        }
    }

    /// The method that started an asynchronous operation.
    pub(crate) fn operation(&self, operation: AsyncId) -> Option<&'static str> {
        self.operations.get(&operation).copied()
    }

    /// The original volume of a shadow copy.
    pub(crate) fn volume(&self, snapshot: SnapshotId) -> Option<&'t str> {
        self.volumes.get(&snapshot).map(|name| &***name)
    }

    /// The place of a set among the sets of the trace, counted from 1.
    pub(crate) fn set(&self, set: SnapshotSetId) -> Option<usize> {
        self.sets.get(&set).copied()
    }

    /// The set of a shadow copy, where several backups at once have copies of one volume.
    pub(crate) fn set_to_tell_apart(&self, snapshot: SnapshotId) -> Option<SnapshotSetId> {
        self.set_of.get(&snapshot).copied().filter(|_| self.sessions.overlap() && self.sets.len() > 1)
    }

    /// The backup components object that a call is made on, that an event or its end or a state is of.
    fn object_of(&self, what: &What) -> Option<u32> {
        match what {
            What::Event { object, .. } | What::WriterState { object, .. } => *object,
            What::Handled { .. } => match self.trace.records.get(self.span(what)?.begin).map(|begin| &begin.what) {
                Some(What::Event { object, .. }) => *object,
                _ => None,
            },
            _ => None,
        }
    }

    /// The backup components object on which the call was made that a record answers.
    pub(crate) fn object_of_call(&self, what: &What) -> Option<u32> {
        match self.trace.records.get(self.span(what)?.begin).map(|begin| &begin.what) {
            Some(What::Call { object, .. }) => Some(*object),
            _ => None,
        }
    }

    /// Whose backup or restore an event, its end or a writer's state is of; where that must be told.
    pub(crate) fn whose(&self, what: &What) -> Option<String> {
        self.sessions.whose(self.object_of(what))
    }

    pub(crate) fn set_count(&self) -> usize {
        self.sets.len()
    }

    /// The record of that number, and its place. Numbers follow the places; where they do not, it is not found.
    pub(crate) fn record(&self, n: u64) -> Option<(usize, &'t Record)> {
        let at = usize::try_from(n.checked_sub(1)?).ok()?;
        self.trace.records.get(at).filter(|record| record.n == n).map(|record| (at, record))
    }
}
