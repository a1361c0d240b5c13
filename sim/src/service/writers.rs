//! Events to writers, and what becomes of a writer by its answers.

use vssim_model::api::WriterStatus;
use vssim_model::context::Attributes;
use vssim_model::event_log::{self, LoggedWriter};
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, SnapshotSetId};
use vssim_model::states::{ApplicationLevel, WriterEvent, WriterState};
use vssim_model::tables::{RequesterGuard, WriterGuard, WriterInput};
use vssim_model::time::Ticks;
use vssim_model::trace::{Edge, Phase, What};

use super::operation::Kind;
use super::{ApplicationFailure, EVENT_LIMIT, Effect, Service, Session, Target, Timer, Writer};
use crate::plan::{ActorId, SHADOW_COPY_OPTIMIZATION_WRITER, ServiceDefect};

impl Service {
    /// Raises an event of a backup or restore to a writer. `operation` waits for the answer; none where nobody does.
    pub(super) fn raise(
        &mut self,
        operation: Option<u32>,
        object: u32,
        writer: u16,
        event: WriterEvent,
        set: Option<SnapshotSetId>,
    ) {
        self.raise_in(operation, Some(object), writer, event, set);
    }

    /// The same; none for the object where the backup is over.
    fn raise_in(
        &mut self,
        operation: Option<u32>,
        object: Option<u32>,
        writer: u16,
        event: WriterEvent,
        set: Option<SnapshotSetId>,
    ) {
        let index = usize::from(writer);
        if !self.reaches(object, writer, event) {
            return;
        }
        if object.is_some_and(|object| !self.enter_session(writer, object, event)) {
            return;
        }
        let Some(window) = self.writers.get(index).map(|found| found.subscription.freeze_window) else { return };
        let delivery = self.deliver_of(operation, object, Target::Writer(writer, event));
        let Some(found) = self.writers.get_mut(index) else { return };
        let closes = found.sessions.raised(object, event);
        let object = object.and_then(|object| self.objects.get(object)).map(|object| object.number.0);
        self.effect(Effect::Raise { delivery, writer, event, set, object });
        // The window runs from the receipt of Freeze to the receipt of Thaw (API-004).
        if event == WriterEvent::Freeze && !self.has(ServiceDefect::NoFreezeWindow) {
            self.effect(Effect::SetTimer(Timer::FreezeWindow(writer), window));
        } else {
            if closes {
                self.effect(Effect::StopTimer(Timer::FreezeWindow(writer)));
            }
            self.effect(Effect::SetTimer(Timer::Event(delivery), EVENT_LIMIT));
        }
    }

    /// Identify goes to every enabled writer at once (BKP-ORD-010, BKP-ORD-012).
    pub(super) fn raise_identify(&mut self, operation: u32, object: u32) {
        let mut writers = self.all_writers();
        writers.retain(|&writer| {
            let class = self.class_of(writer).unwrap_or_default();
            self.objects.get(object).is_some_and(|object| object.choice.takes_part(writer, class))
        });
        if self.has(ServiceDefect::IdentifySkipsAWriter) {
            writers.pop();
        }
        for writer in writers {
            self.raise(Some(operation), object, writer, WriterEvent::Identify, None);
        }
        if !self.has(ServiceDefect::ExpressWritersForgotten) {
            self.gather_express(object);
        }
    }

    /// The writers with a process; express writers get no events.
    pub(super) fn all_writers(&self) -> Vec<u16> {
        (0..u16::try_from(self.writers.len()).unwrap_or(u16::MAX)).collect()
    }

    /// Who takes part from PrepareForBackup on (BKP-ORD-057, C-42, S-06): the writers with a component in the document;
    /// all that were identified where components are not selected; the Shadow Copy Optimization Writer in any case; an express
    /// writer in none.
    pub(super) fn participants(&self, object: u32) -> Vec<u16> {
        let Some(object) = self.objects.get(object) else { return Vec::new() };
        let everybody = !object.backup_state.select_components || self.has(ServiceDefect::UnselectedWriterTakesPart);
        let takes_part = |&writer: &u16| {
            let class = self.class_of(writer);
            let chosen = everybody
                || class == Some(SHADOW_COPY_OPTIMIZATION_WRITER)
                || object.components.iter().any(|component| component.writer == writer);
            chosen && !self.is_express(writer)
        };
        object.identified.iter().copied().filter(takes_part).collect()
    }

    /// Raises an event to the participants that are in the state for it, and freeze at the level given.
    pub(super) fn raise_to(
        &mut self,
        operation: u32,
        object: u32,
        set: u32,
        event: WriterEvent,
        expected: WriterState,
        level: Option<ApplicationLevel>,
    ) {
        let id = self.sets.get(set).map(|set| set.id.0);
        let Some(participants) = self.objects.get(object).map(|object| object.participants.clone()) else { return };
        for writer in participants {
            let index = usize::from(writer);
            let Some(found) = self.writers.get(index) else { continue };
            let session = found.sessions.of(object);
            let (state, silent) = session.map_or((WriterState::Stable, false), |at| (at.state, at.silent));
            // A writer that wants PostSnapshot alone was told nothing that could have made it wait.
            let alone = !found.subscription.wants(WriterEvent::PrepareForSnapshot);
            let ready = !silent && (state == expected || alone && state == WriterState::Stable);
            let at_level = level.is_none_or(|level| found.subscription.level == level);
            if ready && at_level {
                self.raise(Some(operation), object, writer, event, id);
            }
        }
    }

    /// Thaw goes to every frozen writer at once.
    pub(super) fn raise_thaw(&mut self, operation: u32, object: u32, set: u32) {
        let id = self.sets.get(set).map(|set| set.id.0);
        let Some(mut writers) = self.objects.get(object).map(|object| object.participants.clone()) else { return };
        let late = self.has(ServiceDefect::ThawAfterAbort);
        writers.retain(|&writer| late || self.session_of(writer, object).is_some_and(|session| session.frozen));
        if self.has(ServiceDefect::ThawSkipsAWriter) {
            writers.pop();
        }
        for writer in writers {
            self.raise(Some(operation), object, writer, WriterEvent::Thaw, id);
        }
    }

    /// Abort goes to every participant, also to one that failed, but to none whose PostSnapshot ran (API-010).
    pub(super) fn raise_abort(&mut self, operation: u32, object: u32) {
        let Some(found) = self.objects.get(object) else { return };
        let set = found.set.and_then(|set| self.sets.get(set)).map(|set| set.id.0);
        let all = self.has(ServiceDefect::AbortAfterPostSnapshot);
        let mut writers = found.participants.clone();
        let by_call = matches!(self.operations.get(operation).map(|running| &running.kind), Some(Kind::Abort));
        if by_call && self.has(ServiceDefect::AbortSkipsAWriter) {
            writers.pop();
        }
        for writer in writers {
            let session = self.session_of(writer, object);
            if session.is_some_and(|session| all || !session.post_snapshot) {
                self.raise(Some(operation), object, writer, WriterEvent::Abort, set);
            }
        }
    }

    pub(super) fn raise_backup_complete(&mut self, operation: u32, object: u32) {
        let Some(found) = self.objects.get(object) else { return };
        let mut writers = found.participants.clone();
        if self.has(ServiceDefect::BackupCompleteToAll) {
            writers = self.all_writers();
        } else {
            writers.retain(|&writer| {
                let state = self.session_of(writer, object).map(|session| session.state);
                matches!(state, Some(WriterState::WaitingForBackupComplete | WriterState::Stable))
            });
        }
        let set = found.set.and_then(|set| self.sets.get(set)).map(|set| set.id.0);
        if self.has(ServiceDefect::CompleteSkipsAWriter) {
            writers.pop();
        }
        for writer in writers {
            self.raise(Some(operation), object, writer, WriterEvent::BackupComplete, set);
        }
    }

    /// A handler returned.
    pub(super) fn event_handled(
        &mut self,
        writer: u16,
        event: WriterEvent,
        returned: bool,
        failure: Option<HResult>,
        application: Option<ApplicationFailure>,
        (operation, object): (Option<u32>, Option<u32>),
    ) {
        let failed = !returned || failure.is_some();
        // FALSE without SetWriterFailure names no code; docs/choices.md, C-15.
        let code = if failed { failure.unwrap_or(HResult::VSS_E_WRITERERROR_NONRETRYABLE) } else { HResult::S_OK };
        let forgotten = self.has(ServiceDefect::FailureForgotten);
        let input = if failed && !forgotten { WriterInput::Failed(event) } else { WriterInput::Succeeded(event) };
        let begins = matches!(event, WriterEvent::PrepareForBackup | WriterEvent::PreRestore);
        if let Some(found) = self.writers.get_mut(usize::from(writer)).filter(|_| failed || begins) {
            found.sessions.of_mut(object).application = application;
        }
        self.move_writer(writer, object, input, code);
        if failed {
            self.log_rejection(writer, event, code);
        }
        match event {
            WriterEvent::Identify if !failed || self.has(ServiceDefect::FailedIdentifyIncluded) => {
                self.identified(writer, operation);
            }
            // A fatal failure in Freeze or Thaw raises Abort and ends the creation (ABT-002, C-15).
            WriterEvent::Freeze | WriterEvent::Thaw if !returned => {
                // A writer that refused to freeze has no window: its state keeps what it said.
                self.effect(Effect::StopTimer(Timer::FreezeWindow(writer)));
                self.fail_creation(operation);
            }
            _ => {}
        }
    }

    /// A writer handed its metadata over: its document goes on record.
    fn identified(&mut self, writer: u16, operation: Option<u32>) {
        let Some(object) = operation.and_then(|operation| self.operations.get(operation)).map(|running| running.object)
        else {
            return;
        };
        if let Some(object) = self.objects.get_mut(object) {
            // Another instance than before, or not.
            object.lost.remove(&writer);
        }
        self.list_writer(object, writer);
        self.count_identify(writer);
        if let Some(document) = self.metadata_of(writer) {
            self.effect(Effect::Document(ActorId::Writer(writer), document));
        }
    }

    /// The next document of the writer is the one that it gave. With one document there is nothing to tell apart.
    pub(super) fn count_identify(&mut self, writer: u16) {
        let documents = self.plan.writers.get(usize::from(writer)).map_or(0, |plan| plan.documents.len());
        if let Some(found) = self.writers.get_mut(usize::from(writer))
            && documents > 1
            && usize::from(found.identified) < documents
        {
            found.identified += 1;
        }
    }

    fn log_rejection(&mut self, writer: u16, event: WriterEvent, code: HResult) {
        let index = usize::from(writer);
        let Some((plan, found)) = self.plan.writers.get(index).zip(self.writers.get(index)) else { return };
        let logged = LoggedWriter { name: &plan.name, class: plan.class, instance: found.instance.0 };
        let entry = event_log::writer_rejected_event(logged, event, code);
        self.log(entry);
    }

    pub(super) fn fail_creation(&mut self, operation: Option<u32>) {
        let code = self.unexpected();
        if let Some(running) = operation.and_then(|operation| self.operations.get_mut(operation))
            && matches!(running.kind, Kind::Create(_))
        {
            running.failure.get_or_insert(code);
        }
    }

    /// Moves a writer in its session of a backup or restore, and puts the change on record.
    pub(super) fn move_writer(&mut self, writer: u16, object: Option<u32>, input: WriterInput, code: HResult) {
        let tables = std::sync::Arc::clone(&self.plan.tables);
        let Some(found) = self.writers.get_mut(usize::from(writer)) else { return };
        // What a writer answers to an event of a backup in which it has no part moves it nowhere. Identify is part of none.
        let part = object.is_none_or(|object| found.sessions.has(object));
        let of_backup = match input {
            WriterInput::Succeeded(event) | WriterInput::Failed(event) => event != WriterEvent::Identify,
            _ => false,
        };
        if of_backup && !part {
            return;
        }
        let in_operation = !found.sessions.is_empty();
        let session = found.sessions.of_mut(object);
        let (from, aborted) = (session.state, session.aborted);
        let holds = |guard| match guard {
            WriterGuard::InOperation => in_operation,
            WriterGuard::Aborted => aborted,
        };
        let Ok(mut to) = tables.writer.step(from, input, holds).state(from) else { return };
        if to == WriterState::WaitingForThaw && self.plan.defects.contains(&ServiceDefect::WrongWriterState) {
            to = WriterState::WaitingForPostSnapshot;
        }
        // A state that is kept keeps its failure; a new one brings its own.
        let failure = if to != from || code.is_failure() { code } else { session.failure };
        let failure = if to.is_failed() && code.is_success() { session.failure } else { failure };
        let changed = to != from || failure != session.failure;
        session.state = to;
        session.failure = failure;
        match input {
            WriterInput::Succeeded(WriterEvent::Abort) => session.aborted = true,
            WriterInput::Succeeded(WriterEvent::PrepareForBackup) => session.aborted = false,
            _ => {}
        }
        // The first event of a backup is told of even where it changes nothing.
        let first = WriterEvent::PrepareForBackup;
        let reached = input == WriterInput::Succeeded(first) || input == WriterInput::Failed(first);
        if changed || reached {
            found.sessions.changed(object);
            let session = object.filter(|object| found.sessions.has(*object));
            let object = session.and_then(|object| self.objects.get(object)).map(|object| object.number.0);
            self.effect(Effect::Record(ActorId::Writer(writer), What::WriterState { from, to, failure, object }));
        }
    }

    /// The freeze window closed before Thaw came: OnAbort is called by itself (API-004), the creation fails (ABT-002).
    pub(super) fn freeze_window_expired(&mut self, writer: u16, now: Ticks) {
        let Some(found) = self.writers.get(usize::from(writer)).filter(|found| found.sessions.is_frozen()) else {
            return;
        };
        let object = found.sessions.frozen_in();
        self.move_writer(writer, object, WriterInput::FreezeWindowExpired, HResult::VSS_E_WRITERERROR_TIMEOUT);
        self.log_rejection(writer, WriterEvent::Freeze, HResult::VSS_E_WRITERERROR_TIMEOUT);
        self.fail_creation(object.and_then(|object| self.creation_of(object)));
        let set = object
            .and_then(|object| self.objects.get(object))
            .and_then(|object| object.set)
            .and_then(|set| self.sets.get(set));
        let set = set.map(|set| set.id.0);
        self.raise_in(None, object, writer, WriterEvent::Abort, set);
        self.give_up_on(writer, WriterEvent::Freeze, object, now);
    }

    /// A writer did not answer an event in time: VSS goes on without it (S-03).
    pub(super) fn writer_silent(&mut self, delivery: u32, now: Ticks) {
        let Some(sent) = self.deliveries.get(delivery) else { return };
        let (Target::Writer(writer, event), object, operation) = (sent.to, sent.object, sent.operation) else {
            return;
        };
        if let Some(found) = self.writers.get_mut(usize::from(writer)) {
            found.sessions.of_mut(object).silent = true;
        }
        self.move_writer(writer, object, WriterInput::NotResponding, HResult::VSS_E_WRITER_NOT_RESPONDING);
        self.log_rejection(writer, event, HResult::VSS_E_WRITER_NOT_RESPONDING);
        if event == WriterEvent::Thaw {
            self.fail_creation(operation);
        }
        self.give_up_on(writer, event, object, now);
    }

    /// The creation that a backup has under way.
    pub(super) fn creation_of(&self, object: u32) -> Option<u32> {
        let creates =
            |running: &super::operation::Operation| running.object == object && matches!(running.kind, Kind::Create(_));
        self.operations.iter().find(|(_, running)| creates(running)).map(|(number, _)| number)
    }

    /// Nobody waits for the answer to this event of a backup or restore any longer.
    fn give_up_on(&mut self, writer: u16, event: WriterEvent, object: Option<u32>, now: Ticks) {
        self.give_up(|sent| sent.to == Target::Writer(writer, event) && sent.object == object, now);
        self.handler_ended(writer, now);
    }

    /// SetWriterFailure: counts for the handler that called it. Outside of one, and in that of Identify, it is lost.
    pub fn set_writer_failure(&mut self, delivery: Option<u32>, failure: HResult) -> HResult {
        match delivery.and_then(|delivery| self.deliveries.get_mut(delivery)) {
            Some(sent) if !matches!(sent.to, Target::Writer(_, WriterEvent::Identify)) => {
                sent.failure = Some(failure);
                HResult::S_OK
            }
            _ => HResult::VSS_E_BAD_STATE,
        }
    }

    /// What SetWriterFailure said inside the handler of this delivery.
    #[must_use]
    pub fn failure_of(&self, delivery: u32) -> Option<HResult> {
        self.deliveries.get(delivery)?.failure
    }

    /// GatherWriterStatus asks the infrastructure in every writer, not its handlers.
    pub(super) fn gather_status(&mut self, object: u32) {
        let Some(found) = self.objects.get(object) else { return };
        let (identified, participants) = (found.identified.clone(), found.participants.clone());
        for edge in [Edge::Enter, Edge::Leave] {
            for &writer in &participants {
                self.effect(Effect::Record(ActorId::Writer(writer), What::Phase { name: Phase::GetState, edge }));
            }
        }
        let statuses: Vec<WriterStatus> =
            identified.iter().filter_map(|&writer| self.status_in(object, writer)).collect();
        if let Some(object) = self.objects.get_mut(object) {
            object.statuses = Some(statuses);
            object.done.insert(RequesterGuard::StatusHeld);
        }
    }

    /// What GetWriterStatus tells a backup or restore: a writer that is gone is reported as missing, under the instance that
    /// it was (page of GetWriterStatus).
    fn status_in(&self, object: u32, writer: u16) -> Option<WriterStatus> {
        let lost = self.objects.get(object)?.lost.get(&writer);
        let Some(instance) = lost else { return self.status_of(object, writer) };
        let plan = self.plan.writers.get(usize::from(writer))?;
        Some(WriterStatus {
            instance: instance.0,
            writer: plan.class,
            name: plan.name.to_string(),
            state: WriterState::Unknown,
            failure: HResult::VSS_E_WRITER_NOT_RESPONDING,
        })
    }

    /// The shadow copy of a volume that a writer may change: that of the backup that it works for, unless the context says that nobody
    /// may (CTX-017).
    #[must_use]
    pub fn copy_for_writer(&self, writer: u16, delivery: Option<u32>, volume: u16) -> Option<SnapshotId> {
        let object = self.objects.get(self.session_at(writer, delivery)?)?;
        let set = self.sets.get(object.set?)?;
        if Attributes(set.context).contains(Attributes::NO_AUTORECOVERY) {
            return None;
        }
        set.shadows.iter().find(|shadow| shadow.volume == volume).map(|shadow| shadow.id.0)
    }

    /// What GetWriterStatus tells a backup or restore of a writer that is there.
    fn status_of(&self, object: u32, writer: u16) -> Option<WriterStatus> {
        if self.is_express(writer) {
            return self.express_status(writer);
        }
        let plan = self.plan.writers.get(usize::from(writer))?;
        let found: &Writer = self.writers.get(usize::from(writer))?;
        let session = found.sessions.seen_from(Some(object));
        let no_room = self.objects.get(object).is_some_and(|object| object.without_session.contains(&writer));
        let (state, failure) = match session {
            _ if no_room => (WriterState::Unknown, HResult::VSS_E_WRITER_STATUS_NOT_AVAILABLE),
            Session { silent: true, state, .. } => (*state, HResult::VSS_E_WRITER_NOT_RESPONDING),
            Session { state, failure, .. } => (*state, *failure),
        };
        let made_up = self.has(ServiceDefect::StatusMadeUp);
        Some(WriterStatus {
            instance: found.instance.0,
            writer: plan.class,
            name: plan.name.to_string(),
            state: if made_up { WriterState::Stable } else { state },
            failure,
        })
    }
}
