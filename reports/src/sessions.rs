//! In which backups and restores each writer takes part, and how it stands in each.
//!
//! VSS keeps a session of a writer for each backup or restore (WRT-EVT-011, docs/choices.md S-11): it begins with the
//! first event and is over when the requester releases its object or ends, or the writer's process ends. Where only one
//! goes on at a time, a report need not say whose an event is; where the sessions of a writer overlap, each event and
//! state of a writer is shown with the requester's name. A trace that names no objects has no sessions.

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::api::{BackupComponentsCall, Call, Out};
use vssim_model::hresult::HResult;
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::{ProcessEdge, Record, What};

use crate::index::Index;
use crate::text::name;

/// A writer in one backup or restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) object: u32,
    /// The state at the end of the trace, or when the session was over.
    pub(crate) state: WriterState,
    pub(crate) failure: HResult,
    /// When it was over; absent if it goes on.
    pub(crate) until: Option<Ticks>,
}

/// The sessions of all writers, and whose the objects are.
#[derive(Default)]
pub(crate) struct Sessions<'t> {
    /// By writer, in the order in which they began.
    of: BTreeMap<&'t str, Vec<Session>>,
    places: BTreeMap<(&'t str, u32), usize>,
    /// The objects in whose sessions a writer is.
    open: BTreeMap<&'t str, BTreeSet<u32>>,
    /// The writers that had a session of an object.
    writers: BTreeMap<u32, Vec<&'t str>>,
    /// Who made the first call on an object.
    owners: BTreeMap<u32, &'t str>,
    /// The objects of a requester.
    objects: BTreeMap<&'t str, Vec<u32>>,
    overlap: bool,
}

impl<'t> Sessions<'t> {
    /// The sessions of a trace whose calls and returns the index has joined.
    pub(crate) fn of(index: &Index<'t>) -> Sessions<'t> {
        let mut sessions = Sessions::default();
        for record in &index.trace.records {
            sessions.add(index, record);
        }
        sessions
    }

    fn add(&mut self, index: &Index<'t>, record: &'t Record) {
        let (actor, t) = (&*record.actor, record.t);
        match &record.what {
            What::Call { object, call, .. } if *object > 0 => {
                if !self.owners.contains_key(object) {
                    self.owners.insert(*object, actor);
                    self.objects.entry(actor).or_default().push(*object);
                }
                if matches!(call, Call::BackupComponents(BackupComponentsCall::Release)) {
                    self.released(*object, t);
                }
            }
            What::Event { event, object: Some(object), .. } => match event {
                WriterEvent::Identify | WriterEvent::BackupShutdown => {}
                WriterEvent::PrepareForBackup | WriterEvent::PreRestore => self.begin(actor, *object),
                _ => self.known(actor, *object),
            },
            What::WriterState { to, failure, object: Some(object), .. } => {
                self.known(actor, *object);
                self.stands(actor, *object, *to, *failure);
            }
            What::Return { out: Out::WriterStatus(status), .. } => {
                let object = index.object_of_call(&record.what);
                if let (Some(object), Some(writer)) = (object, index.instance(status.instance)) {
                    self.stands(writer, object, status.state, status.failure);
                }
            }
            What::Process(ProcessEdge::Exited | ProcessEdge::Crashed) => {
                for object in self.objects.get(actor).cloned().unwrap_or_default() {
                    self.released(object, t);
                }
                for object in self.open.remove(actor).unwrap_or_default() {
                    self.over(actor, object, t);
                }
            }
            _ => {}
        }
    }

    /// A writer's session begins, or begins again.
    fn begin(&mut self, writer: &'t str, object: u32) {
        let sessions = self.of.entry(writer).or_default();
        let place = *self.places.entry((writer, object)).or_insert(sessions.len());
        match sessions.get_mut(place) {
            Some(session) => session.until = None,
            None => {
                let (state, failure) = (WriterState::Stable, HResult::S_OK);
                sessions.push(Session { object, state, failure, until: None });
            }
        }
        let open = self.open.entry(writer).or_default();
        if open.insert(object) {
            self.writers.entry(object).or_default().push(writer);
        }
        self.overlap |= open.len() > 1;
    }

    /// Something of a session is told whose beginning was not.
    fn known(&mut self, writer: &'t str, object: u32) {
        if !self.has(writer, object) {
            self.begin(writer, object);
        }
    }

    fn stands(&mut self, writer: &str, object: u32, state: WriterState, failure: HResult) {
        if let Some(session) = self.session(writer, object) {
            (session.state, session.failure) = (state, failure);
        }
    }

    /// The object is gone: the backup or restore is over for all writers.
    fn released(&mut self, object: u32, t: Ticks) {
        for writer in self.writers.remove(&object).unwrap_or_default() {
            if self.open.get_mut(writer).is_some_and(|open| open.remove(&object)) {
                self.over(writer, object, t);
            }
        }
    }

    fn over(&mut self, writer: &str, object: u32, t: Ticks) {
        if let Some(session) = self.session(writer, object) {
            session.until = Some(t);
        }
    }

    fn session(&mut self, writer: &str, object: u32) -> Option<&mut Session> {
        let place = *self.places.get(&(writer, object))?;
        self.of.get_mut(writer)?.get_mut(place)
    }

    /// Whether a writer had several at once.
    pub(crate) fn overlap(&self) -> bool {
        self.overlap
    }

    /// Whether a writer takes or took part in that backup or restore.
    pub(crate) fn has(&self, writer: &str, object: u32) -> bool {
        self.places.contains_key(&(writer, object))
    }

    /// A writer's sessions, in the order in which they began; none where no two overlap.
    pub(crate) fn to_tell_apart(&self, writer: &str) -> &[Session] {
        if self.overlap { self.of.get(writer).map_or(&[], Vec::as_slice) } else { &[] }
    }

    /// Who made the first call on an object.
    pub(crate) fn owner(&self, object: u32) -> Option<&'t str> {
        self.owners.get(&object).copied()
    }

    /// Whether a requester has objects beside this one.
    pub(crate) fn is_one_of_several(&self, object: u32) -> bool {
        let objects = self.owner(object).and_then(|owner| self.objects.get(owner));
        objects.is_some_and(|objects| objects.len() > 1)
    }

    /// The backup or restore of an object by its requester; with the object's number where that has several.
    pub(crate) fn label(&self, object: u32) -> String {
        match self.owner(object) {
            Some(owner) if self.is_one_of_several(object) => format!("{} (object {object})", name(owner)),
            Some(owner) => name(owner),
            None => format!("object {object}"),
        }
    }

    /// The same, where sessions overlap and an object is known.
    pub(crate) fn whose(&self, object: Option<u32>) -> Option<String> {
        object.filter(|_| self.overlap).map(|object| self.label(object))
    }
}
