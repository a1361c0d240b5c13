//! Builds the indices: one pass over the records, then one over what hangs together.

use std::collections::BTreeMap;

use vssim_model::api::{AsyncCall, AsyncId, BackupComponentsCall, Call, Out};
use vssim_model::hresult::HResult;
use vssim_model::ids::SnapshotSetId;
use vssim_model::states::WriterEvent;
use vssim_model::trace::{
    CallId, DocumentKind, Edge, Phase, ProcessEdge, Record, Role, TimerEdge, TimerName, Trace, What,
};

use super::{
    CallFact, CallbackFact, EventFact, Facts, Mark, OPENING, Object, Operation, RESTORE_SETTERS, SetFacts, StateFact,
    Step, Typed, Writer, WriterChange,
};
use crate::metadata::Metadata;

static NOTHING: Out = Out::Nothing;

/// Where the calls, events and callbacks of a number lie, and what is known so far of who caused what.
struct Builder<'t> {
    facts: Facts<'t>,
    typed: &'t Typed,
    open_calls: BTreeMap<CallId, usize>,
    open_events: BTreeMap<CallId, usize>,
    open_callbacks: BTreeMap<CallId, usize>,
    /// The call that started each operation.
    operations: BTreeMap<AsyncId, usize>,
    /// Operations that ended before the call that started them returned: the records of one moment have no fixed order.
    early_ends: BTreeMap<AsyncId, (Mark, HResult)>,
    /// The object at the head of each record's chain of causes, with the record's number; 0 for none. A trace from which
    /// records were left out has gaps in its numbers.
    origins: Vec<(u64, u32)>,
    /// The latest object of each requester.
    latest_object: BTreeMap<&'t str, u32>,
    /// Who called first on each object.
    owners: BTreeMap<u32, &'t str>,
    /// The latest object of a requester in which a writer takes part, by writer and requester.
    latest_part: BTreeMap<(&'t str, &'t str), u32>,
    /// Whose process ended, by record.
    ends: BTreeMap<u64, &'t str>,
    /// The set whose creation was last seen to go on.
    current: Option<SnapshotSetId>,
    /// The set for which each volume is held.
    held_for: BTreeMap<&'t str, SnapshotSetId>,
}

pub(super) fn build<'t>(trace: &'t Trace, typed: &'t Typed) -> Facts<'t> {
    let mut builder = Builder::new(trace, typed);
    for record in &trace.records {
        builder.read(record);
    }
    builder.finish()
}

impl<'t> Builder<'t> {
    fn new(trace: &'t Trace, typed: &'t Typed) -> Builder<'t> {
        let roles: BTreeMap<&str, &Role> =
            trace.header.actors.iter().map(|actor| (actor.name.as_ref(), &actor.role)).collect();
        let writers = roles
            .iter()
            .filter_map(|(name, role)| match role {
                Role::Writer { class, instance, level, freeze_timeout, .. } => {
                    let (class, instances, level, freeze_timeout) = (*class, vec![*instance], *level, *freeze_timeout);
                    Some((*name, Writer { class, instances, level, freeze_timeout }))
                }
                _ => None,
            })
            .collect();
        let end = trace.records.last().map_or_else(Mark::default, mark);
        let facts = Facts {
            trace,
            end,
            roles,
            writers,
            calls: Vec::new(),
            objects: BTreeMap::new(),
            events: Vec::new(),
            by_writer: BTreeMap::new(),
            orders: BTreeMap::new(),
            callbacks: Vec::new(),
            sets: BTreeMap::new(),
            set_of: BTreeMap::new(),
            metadata: BTreeMap::new(),
            express: super::Registrations::default(),
            processes: BTreeMap::new(),
            subscriptions: super::subscriptions::collect(trace),
            locks: Vec::new(),
            writer_states: BTreeMap::new(),
            fired: Vec::new(),
            log: Vec::new(),
            io: Vec::new(),
        };
        Builder {
            facts,
            typed,
            open_calls: BTreeMap::new(),
            open_events: BTreeMap::new(),
            open_callbacks: BTreeMap::new(),
            operations: BTreeMap::new(),
            early_ends: BTreeMap::new(),
            origins: Vec::with_capacity(trace.records.len()),
            latest_object: BTreeMap::new(),
            owners: BTreeMap::new(),
            latest_part: BTreeMap::new(),
            ends: BTreeMap::new(),
            current: None,
            held_for: BTreeMap::new(),
        }
    }

    fn set(&mut self, id: SnapshotSetId) -> &mut SetFacts<'t> {
        self.facts.sets.entry(id).or_insert_with(|| SetFacts { id, ..SetFacts::default() })
    }

    /// The object at the head of the chain of causes of a record that was read; 0 for none.
    fn origin(&self, record: u64) -> u32 {
        let at = self.origins.binary_search_by_key(&record, |(n, _)| *n);
        at.ok().and_then(|index| self.origins.get(index)).map_or(0, |(_, object)| *object)
    }

    fn read(&mut self, record: &'t Record) {
        let at = mark(record);
        let inherited = self.origin(record.cause);
        let actor = record.actor.as_ref();
        let origin = match &record.what {
            What::Call { id, object, call } => {
                self.call(at, actor, *id, *object, self.typed.0.get(&record.n).unwrap_or(call));
                if *object > 0 { *object } else { inherited }
            }
            What::Return { id, hresult, out } => self.returned(at, *id, *hresult, out).unwrap_or(inherited),
            What::AsyncEnd { operation, hresult } => self.async_ended(at, *operation, *hresult).unwrap_or(inherited),
            What::Process(edge) => {
                self.facts.processes.entry(actor).or_default().push((at, *edge));
                match edge {
                    ProcessEdge::Started => inherited,
                    _ => {
                        self.ends.insert(record.n, actor);
                        self.latest_object.get(actor).copied().unwrap_or(inherited)
                    }
                }
            }
            What::Event { object: Some(object), .. } | What::WriterState { object: Some(object), .. } => *object,
            What::Event { .. } => self.left_by_the_dead(actor, record.cause).unwrap_or(inherited),
            _ => inherited,
        };
        self.origins.push((record.n, origin));
        self.read_other(record, at, origin);
    }

    /// An event that the end of a process brings is about that object of its, the latest, in which the writer takes part. A
    /// process may have had others since.
    fn left_by_the_dead(&self, writer: &'t str, cause: u64) -> Option<u32> {
        let dead = self.ends.get(&cause)?;
        self.latest_part.get(&(writer, *dead)).copied()
    }

    fn read_other(&mut self, record: &'t Record, at: Mark, origin: u32) {
        let actor = record.actor.as_ref();
        match &record.what {
            What::Event { id, event, set, object: known } => {
                if let Some(set) = set {
                    self.set(*set);
                    if matches!(event, WriterEvent::PrepareForSnapshot | WriterEvent::Freeze) {
                        self.current = Some(*set);
                    }
                }
                self.open_events.insert(*id, self.facts.events.len());
                let object = known.or((origin > 0).then_some(origin));
                let (event, set) = (*event, *set);
                let part = object.filter(|_| OPENING.contains(&event));
                if let Some((object, owner)) = part.and_then(|object| Some((object, *self.owners.get(&object)?))) {
                    self.latest_part.insert((actor, owner), object);
                }
                self.facts.events.push(EventFact {
                    writer: actor,
                    event,
                    set,
                    object,
                    told: *known,
                    begin: at,
                    end: None,
                    returned: true,
                    failure: None,
                });
            }
            What::Handled { id, returned, failure, .. } => {
                if let Some(event) = self.open_events.remove(id).and_then(|index| self.facts.events.get_mut(index)) {
                    event.end = Some(at);
                    event.returned = *returned;
                    event.failure = failure.or(event.failure);
                }
            }
            What::Callback { id, call } => {
                let (step, set) = Step::of(call);
                if let Some(set) = set {
                    self.set(set);
                    self.current = Some(set);
                }
                self.open_callbacks.insert(*id, self.facts.callbacks.len());
                let provider = actor;
                self.facts.callbacks.push(CallbackFact {
                    provider,
                    call,
                    step,
                    set,
                    begin: at,
                    end: None,
                    hresult: None,
                });
            }
            What::CallbackReturn { id, hresult } => {
                let open = self.open_callbacks.remove(id).and_then(|index| self.facts.callbacks.get_mut(index));
                if let Some(call) = open {
                    call.end = Some(at);
                    call.hresult = Some(*hresult);
                }
            }
            What::WriterState { from, to, object: known, .. } => {
                let object = known.or((origin > 0).then_some(origin));
                let change = WriterChange { at, from: *from, to: *to, object };
                self.facts.writer_states.entry(actor).or_default().push(change);
            }
            What::Instance { instance } => {
                if let Some(writer) = self.facts.writers.get_mut(actor) {
                    writer.instances.push(*instance);
                }
            }
            What::CreationLock { holder } => self.facts.locks.push((at, *holder)),
            What::EventLog(entry) => self.facts.log.push((at, actor, entry)),
            What::Document { sha256, kind: DocumentKind::WriterMetadata, text } => {
                self.facts.metadata.entry(sha256).or_insert_with(|| (at, Metadata::read(text)));
            }
            _ => self.read_creation(record, at),
        }
    }

    /// The records of flush and hold, commit, and the finished shadow copies.
    fn read_creation(&mut self, record: &'t Record, at: Mark) {
        let current = self.current;
        match &record.what {
            What::SnapshotState { set, snapshot, volume, from, to } => {
                self.facts.set_of.insert(*snapshot, *set);
                let (snapshot, from, to) = (*snapshot, *from, *to);
                self.set(*set).states.push(StateFact { at, snapshot, volume, from, to });
            }
            What::Phase { name: Phase::IoctlFlushAndHold, edge: Edge::Enter } => {
                if let Some(set) = current {
                    self.set(set).flush.get_or_insert(at);
                }
            }
            What::Phase { name: Phase::IoctlRelease, edge: Edge::Enter } => {
                if let Some(set) = current {
                    self.set(set).release.get_or_insert(at);
                }
            }
            What::Hold { volume } => {
                if let Some(set) = current {
                    self.held_for.insert(volume, set);
                    let set = self.set(set);
                    set.flush.get_or_insert(at);
                    set.holds.push((at, volume));
                }
            }
            What::Release { volume, .. } => {
                if let Some(set) = self.held_for.remove(volume.as_ref()).or(current) {
                    let set = self.set(set);
                    set.release.get_or_insert(at);
                    set.releases.push((at, volume));
                }
            }
            What::Commit { snapshot, volume } => {
                if let Some(set) = self.facts.set_of.get(snapshot).copied().or(current) {
                    self.set(set).commits.push((at, *snapshot, volume));
                }
            }
            What::Timer { name, edge: TimerEdge::Fired } => {
                self.facts.fired.push((at, name));
                self.timer_fired(at, name);
            }
            What::Io { io, .. } => self.facts.io.push((at, io)),
            What::Consistency { set, state, detail } => {
                let (actor, state) = (record.actor.as_ref(), *state);
                self.set(*set).consistency.push((at, actor, state, detail));
            }
            What::Compared { snapshot, different, .. } => {
                if let Some(set) = self.facts.set_of.get(snapshot).copied().or(current) {
                    self.set(set).compared.push((at, *snapshot, *different));
                }
            }
            _ => {}
        }
    }

    fn timer_fired(&mut self, at: Mark, name: &'t TimerName) {
        match name {
            TimerName::HoldLimit => {
                if let Some(set) = self.current {
                    self.set(set).hold_limit.get_or_insert(at);
                }
            }
            TimerName::FreezeWindow(writer) => {
                let frozen =
                    |event: &&EventFact<'t>| event.writer == writer.as_ref() && event.event == WriterEvent::Freeze;
                let set = self.facts.events.iter().rev().find(frozen).and_then(|event| event.set);
                if let Some(set) = set {
                    self.set(set).expired.push((at, writer));
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, at: Mark, actor: &'t str, id: CallId, object: u32, call: &'t Call) {
        if object > 0 {
            self.latest_object.insert(actor, object);
            self.owners.entry(object).or_insert(actor);
        }
        if let Call::Application(order) = call {
            self.facts.orders.entry(actor).or_default().push((at, order));
        }
        self.open_calls.insert(id, self.facts.calls.len());
        self.facts.calls.push(CallFact {
            actor,
            object,
            call,
            begin: at,
            end: None,
            hresult: None,
            out: &NOTHING,
            operation: None,
        });
    }

    /// Notes a return, and answers the object of its call.
    fn returned(&mut self, at: Mark, id: CallId, hresult: HResult, out: &'t Out) -> Option<u32> {
        let index = self.open_calls.remove(&id)?;
        let call = self.facts.calls.get_mut(index)?;
        call.end = Some(at);
        call.hresult = Some(hresult);
        call.out = out;
        let (object, request) = (call.object, call.call);
        match (out, request) {
            (Out::Async(operation), _) => {
                let ended = self.early_ends.remove(operation);
                call.operation = Some(Operation { ended, awaited: None });
                self.operations.insert(*operation, index);
            }
            (Out::SnapshotSet(set), _) if hresult.is_success() => {
                let start = *call;
                let set = self.set(*set);
                set.object = (object > 0).then_some(object);
                set.start = Some(start);
            }
            (_, Call::Async(AsyncCall::Wait { operation, milliseconds })) => {
                // A wait without end that succeeds has seen the end, however the records of one moment are ordered.
                self.learned(at, *operation, hresult.is_success() && milliseconds.is_none());
            }
            (Out::Status(status), Call::Async(AsyncCall::QueryStatus { operation })) => {
                self.learned(at, *operation, *status != HResult::VSS_S_ASYNC_PENDING);
            }
            _ => {}
        }
        (object > 0).then_some(object)
    }

    /// The requester may have learned that an operation ended: surely if `told`, else if it had ended by then.
    fn learned(&mut self, at: Mark, operation: AsyncId, told: bool) {
        let call = self.operations.get(&operation).and_then(|index| self.facts.calls.get_mut(*index));
        if let Some(operation) = call.and_then(|call| call.operation.as_mut())
            && (told || operation.ended.is_some())
        {
            operation.awaited.get_or_insert(at);
        }
    }

    /// Notes the end of an operation, and answers the object of the call that started it.
    fn async_ended(&mut self, at: Mark, operation: AsyncId, hresult: HResult) -> Option<u32> {
        let Some(index) = self.operations.get(&operation) else {
            self.early_ends.entry(operation).or_insert((at, hresult));
            return None;
        };
        let call = self.facts.calls.get_mut(*index)?;
        if let Some(operation) = call.operation.as_mut() {
            operation.ended.get_or_insert((at, hresult));
        }
        (call.object > 0).then_some(call.object)
    }

    /// Hangs calls under their objects, and events and callbacks under their sets.
    fn finish(mut self) -> Facts<'t> {
        for call in &self.facts.calls {
            if call.object == 0 || call.request().is_none() && !of_restore(call.call) {
                continue;
            }
            let fresh =
                || Object { number: call.object, actor: call.actor, calls: Vec::new(), set: None, events: Vec::new() };
            self.facts.objects.entry(call.object).or_insert_with(fresh).calls.push(*call);
        }
        let only = match self.facts.objects.len() {
            1 => self.facts.objects.keys().next().copied(),
            _ => None,
        };
        for set in self.facts.sets.values() {
            if let Some(object) = set.object.and_then(|number| self.facts.objects.get_mut(&number)) {
                object.set.get_or_insert(set.id);
            }
        }
        for event in &mut self.facts.events {
            let maker = event.set.and_then(|set| self.facts.sets.get(&set)).and_then(|set| set.object);
            // What an event says of itself outweighs who made the set that it names.
            event.object = event.told.or(maker).or(event.object).or(only);
        }
        self.facts.express = super::express::collect(&self.facts.calls, &self.facts.metadata);
        self.guess_objects();
        self.hang_events();
        for call in &self.facts.callbacks {
            if let Some(set) = call.set.and_then(|set| self.facts.sets.get_mut(&set)) {
                set.callbacks.push(*call);
            }
        }
        for set in self.facts.sets.values_mut() {
            let object = set.object.and_then(|number| self.facts.objects.get(&number));
            let Some(object) = object else { continue };
            set.creation = object.accepted("DoSnapshotSet").or(object.first("DoSnapshotSet")).copied();
            set.start = object
                .calls
                .iter()
                .find(|call| {
                    matches!(call.request(), Some(BackupComponentsCall::StartSnapshotSet))
                        && *call.out == Out::SnapshotSet(set.id)
                })
                .copied();
        }
        self.facts
    }

    /// Gives an event without set and cause to the object whose call that raises such events was running, if there was
    /// only one.
    fn guess_objects(&mut self) {
        let mut calls = self.facts.calls.iter().filter(|call| call.object > 0 && raised_by(call.method()).is_some());
        let mut next = calls.next();
        let mut running: Vec<&CallFact<'t>> = Vec::new();
        for event in self.facts.events.iter_mut().filter(|event| event.object.is_none()) {
            while let Some(call) = next.filter(|call| call.begin < event.begin) {
                running.push(call);
                next = calls.next();
            }
            running.retain(|call| call.end.is_none() || event.begin < call.last());
            let mut raisers = running.iter().filter(|call| raised_by(call.method()) == Some(event.event));
            if let (Some(raiser), None) = (raisers.next(), raisers.next()) {
                event.object = Some(raiser.object);
            }
        }
    }

    fn hang_events(&mut self) {
        for event in &self.facts.events {
            self.facts.by_writer.entry(event.writer).or_default().push(*event);
            let mut named = event.set;
            if let Some(object) = event.object.and_then(|number| self.facts.objects.get_mut(&number)) {
                object.events.push(*event);
                if event.event == WriterEvent::Abort {
                    named = named.or(object.set);
                }
            }
            if let Some(set) = named.and_then(|set| self.facts.sets.get_mut(&set)) {
                set.events.push(*event);
            }
        }
    }
}

/// Whether a call sets something for a restore ([`RESTORE_SETTERS`]). One that was ordered to fail, or that its
/// caller was not allowed, never happened.
fn of_restore(call: &Call) -> bool {
    let Call::Method(method) = call else { return false };
    let forbidden = method.unprivileged && method.method.method.documents("E_ACCESSDENIED");
    method.injected.is_none() && !forbidden && RESTORE_SETTERS.contains(&call.name().1)
}

/// The event that a method raises.
fn raised_by(method: &str) -> Option<WriterEvent> {
    match method {
        "GatherWriterMetadata" => Some(WriterEvent::Identify),
        "PrepareForBackup" => Some(WriterEvent::PrepareForBackup),
        "BackupComplete" => Some(WriterEvent::BackupComplete),
        "PreRestore" => Some(WriterEvent::PreRestore),
        "PostRestore" => Some(WriterEvent::PostRestore),
        "AbortBackup" => Some(WriterEvent::Abort),
        "Release" => Some(WriterEvent::BackupShutdown),
        _ => None,
    }
}

fn mark(record: &Record) -> Mark {
    Mark { n: record.n, t: record.t }
}
