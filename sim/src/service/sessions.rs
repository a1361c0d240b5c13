//! What VSS keeps of a writer in each backup or restore that it takes part in.
//!
//! Concurrent operations are kept apart (WRT-EVT-011): a writer that waits for BackupComplete in one backup can freeze in
//! another. The number of sessions is limited (LIM-008); each is free again when its backup components object is released.

use std::collections::BTreeMap;

use vssim_model::hresult::HResult;
use vssim_model::states::{WriterEvent, WriterState};

use super::{ApplicationFailure, Object, Service, Writer};
use crate::slots::Slots;

/// A writer in one backup or restore.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// Its state there.
    pub state: WriterState,
    /// Its last failure there.
    pub failure: HResult,
    /// What SetWriterFailureEx said of its application, with the last failure.
    pub application: Option<ApplicationFailure>,
    /// Whether it got Freeze and neither Thaw nor Abort since.
    pub frozen: bool,
    /// Whether Abort came.
    pub aborted: bool,
    /// Whether PostSnapshot was raised: from then on it gets no Abort (API-010).
    pub post_snapshot: bool,
    /// Whether it has an event that it did not answer in time.
    pub silent: bool,
}

impl Session {
    /// One in which nothing has happened.
    pub(super) const fn fresh() -> Session {
        Session {
            state: WriterState::Stable,
            failure: HResult::S_OK,
            application: None,
            frozen: false,
            aborted: false,
            post_snapshot: false,
            silent: false,
        }
    }

    /// What others see of it.
    fn shown(&self) -> Session {
        Session { frozen: false, aborted: false, post_snapshot: false, ..self.clone() }
    }
}

/// A writer's sessions, by backup components object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sessions {
    of: BTreeMap<u32, Session>,
    /// What those that have none see: how that one stands, or stood, which changed last. A failure shows until the next
    /// operation.
    outside: Session,
    /// Whether a backup was over before the writer was thawed: only its freeze window ends that.
    left_frozen: bool,
    /// How many there can be.
    limit: usize,
}

impl Sessions {
    /// None yet, and at most so many.
    pub(super) const fn none(limit: u16) -> Sessions {
        Sessions { of: BTreeMap::new(), outside: Session::fresh(), left_frozen: false, limit: limit as usize }
    }

    /// Whether the writer takes part in this backup or restore.
    #[must_use]
    pub fn has(&self, object: u32) -> bool {
        self.of.contains_key(&object)
    }

    /// Whether the writer takes part in nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// How the writer stands in this backup or restore; where it takes no part, how it stands where it changed last.
    #[must_use]
    pub fn seen_from(&self, object: Option<u32>) -> &Session {
        object.and_then(|object| self.of.get(&object)).unwrap_or(&self.outside)
    }

    /// How the writer stands in a backup or restore that it takes part in.
    #[must_use]
    pub fn of(&self, object: u32) -> Option<&Session> {
        self.of.get(&object)
    }

    /// The same as [`Sessions::seen_from`], to be changed.
    pub(super) fn of_mut(&mut self, object: Option<u32>) -> &mut Session {
        object.and_then(|object| self.of.get_mut(&object)).unwrap_or(&mut self.outside)
    }

    /// The writer changed in this backup or restore: that is what strangers see from now on.
    pub(super) fn changed(&mut self, object: Option<u32>) {
        if let Some(session) = object.and_then(|object| self.of.get(&object)) {
            self.outside = session.shown();
        }
    }

    /// An event is raised: whether it ends a freeze.
    pub(super) fn raised(&mut self, object: Option<u32>, event: WriterEvent) -> bool {
        let closing = matches!(event, WriterEvent::Thaw | WriterEvent::Abort);
        let freezes = event == WriterEvent::Freeze;
        let Some(session) = object.and_then(|object| self.of.get_mut(&object)) else {
            return closing && std::mem::take(&mut self.left_frozen);
        };
        self.left_frozen &= !freezes;
        let closes = closing && session.frozen;
        session.post_snapshot |= event == WriterEvent::PostSnapshot;
        session.frozen = freezes || session.frozen && !closes;
        closes
    }

    /// The first event of a backup or restore is about to be raised. A writer that takes part in nothing else comes as it
    /// was left. False where there is no room.
    fn begin(&mut self, object: u32) -> bool {
        if !self.has(object) && self.of.len() >= self.limit {
            return false;
        }
        let before = self.of.remove(&object).or_else(|| self.is_empty().then(|| self.outside.clone()));
        let Session { state, failure, application, .. } = before.unwrap_or_else(Session::fresh);
        self.of.insert(object, Session { state, failure, application, ..Session::fresh() });
        true
    }

    /// The backup or restore is over.
    fn end(&mut self, object: u32) {
        self.left_frozen |= self.of.remove(&object).is_some_and(|session| session.frozen);
    }

    /// The writer is gone: so are its sessions. Gives those in which it was frozen.
    pub(super) fn end_all(&mut self) -> Vec<u32> {
        self.outside.silent = false;
        self.left_frozen = false;
        let ended = std::mem::take(&mut self.of).into_iter();
        ended.filter(|(_, session)| session.frozen).map(|(object, _)| object).collect()
    }

    /// The backup in which the writer is frozen. There is one creation at a time, so there is one at most.
    #[must_use]
    pub fn frozen_in(&self) -> Option<u32> {
        self.of.iter().find(|(_, session)| session.frozen).map(|(object, _)| *object)
    }

    /// Whether the writer is frozen, be it by a backup that is over.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.left_frozen || self.frozen_in().is_some()
    }

    /// The backups and restores that the writer takes part in.
    pub(super) fn objects(&self) -> impl DoubleEndedIterator<Item = u32> {
        self.of.keys().copied()
    }
}

impl Service {
    /// An event is about to be raised: with the first one of a backup or restore the writer's session begins. False if the
    /// writer's table of sessions is full: then the event is not raised, nor any other of this one (S-11).
    pub(super) fn enter_session(&mut self, writer: u16, object: u32, event: WriterEvent) -> bool {
        let Some(found) = self.writers.get_mut(usize::from(writer)) else { return false };
        let begins = match event {
            WriterEvent::PrepareForBackup | WriterEvent::PreRestore => true,
            // One that wants PostSnapshot alone hears of a backup with that.
            WriterEvent::PrepareForSnapshot | WriterEvent::Freeze | WriterEvent::PostSnapshot => {
                !found.sessions.has(object)
            }
            _ => false,
        };
        let Some(known) = self.objects.get_mut(object).filter(|_| begins) else { return true };
        let begun = found.sessions.begin(object);
        if begun {
            known.without_session.remove(&writer);
        } else {
            known.without_session.insert(writer);
        }
        if begun && event == WriterEvent::PrepareForBackup {
            found.sessions.of_mut(Some(object)).application = None;
        }
        begun
    }

    /// A backup or restore is over for all writers.
    pub(super) fn end_sessions(&mut self, object: u32) {
        self.writers.iter_mut().for_each(|writer| writer.sessions.end(object));
    }

    /// How a writer stands in a backup or restore that it takes part in.
    pub(super) fn session_of(&self, writer: u16, object: u32) -> Option<&Session> {
        self.writers.get(usize::from(writer))?.sessions.of(object)
    }

    /// The backup or restore that a writer works for: that of the handler, in one.
    pub(super) fn session_at(&self, writer: u16, delivery: Option<u32>) -> Option<u32> {
        match delivery {
            Some(delivery) => self.handling_of(delivery).map(|handling| handling.object),
            None => self.foremost_session(writer),
        }
    }

    /// Whether the backup whose event a writer handles leaves its log as it is.
    pub(crate) fn keeps_log(&self, writer: u16, delivery: Option<u32>) -> bool {
        let handling = delivery.and_then(|delivery| self.handling_of(delivery));
        let Some(object) = handling.and_then(|handling| self.objects.get(handling.object)) else { return false };
        let Some(metadata) = self.current_metadata(writer) else { return false };
        crate::backup_set::keeps_log(object.backup_state.backup_type, metadata.document.backup_schema())
    }

    /// The backup or restore that a writer's process works for outside of its handlers: the set that is being created,
    /// if it has a part in it; else the one whose object is the latest.
    fn foremost_session(&self, writer: u16) -> Option<u32> {
        let found: &Writer = self.writers.get(usize::from(writer))?;
        let objects: &Slots<Object> = &self.objects;
        let creating = |object: &u32| {
            let set = objects.get(*object).and_then(|object| object.set);
            set.is_some() && set == self.lock
        };
        let number = |object: &u32| objects.get(*object).map(|object| object.number.0);
        found.sessions.objects().find(creating).or_else(|| found.sessions.objects().max_by_key(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_backup_sees_its_own_session_and_strangers_the_one_that_changed_last() {
        let mut sessions = Sessions::none(2);
        assert!(sessions.begin(1));
        sessions.of_mut(Some(1)).state = WriterState::WaitingForBackupComplete;
        sessions.changed(Some(1));
        assert!(sessions.begin(2));
        assert_eq!(sessions.seen_from(Some(1)).state, WriterState::WaitingForBackupComplete);
        assert_eq!(sessions.seen_from(Some(2)).state, WriterState::Stable);
        sessions.of_mut(Some(1)).state = WriterState::FailedAtBackupComplete;
        sessions.changed(Some(1));
        assert_eq!(sessions.seen_from(None).state, WriterState::FailedAtBackupComplete);
        sessions.end(1);
        assert_eq!(sessions.seen_from(Some(1)).state, WriterState::FailedAtBackupComplete, "a failure stays visible");
        assert_eq!(sessions.seen_from(Some(2)).state, WriterState::Stable);
    }

    #[test]
    fn a_full_table_takes_no_session_until_one_ends() {
        let mut sessions = Sessions::none(1);
        assert!(sessions.begin(1));
        assert!(!sessions.begin(2));
        assert!(sessions.begin(1), "the same backup again needs no more room");
        sessions.end(1);
        assert!(sessions.begin(2));
    }

    #[test]
    fn a_session_that_follows_another_begins_where_that_ended() {
        let mut sessions = Sessions::none(64);
        assert!(sessions.begin(1));
        sessions.of_mut(Some(1)).state = WriterState::FailedAtFreeze;
        sessions.of_mut(Some(1)).aborted = true;
        sessions.changed(Some(1));
        sessions.end(1);
        assert!(sessions.begin(2));
        let begun = sessions.seen_from(Some(2));
        assert_eq!((begun.state, begun.aborted), (WriterState::FailedAtFreeze, false));
    }
}
