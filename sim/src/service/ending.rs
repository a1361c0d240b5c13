//! How a backup ends: AbortBackup, Release, the death of a requester, IVssAsync::Cancel.

use vssim_model::api::{Call, Out, SoftwareProviderCall};
use vssim_model::hresult::HResult;
use vssim_model::ids::SnapshotId;
use vssim_model::states::{SnapshotState, WriterEvent};
use vssim_model::tables::{ProviderCallback, SnapshotInput};
use vssim_model::time::Ticks;
use vssim_model::trace::What;

use super::operation::{Kind, ReplyTo};
use super::{Async, Effect, Service, Target};
use crate::message::Slot;
use crate::plan::{ActorId, ServiceDefect};

/// What is left to do when an object is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Closing {
    /// Auto-release shadow copies are deleted.
    Delete,
    /// BackupShutdown is raised.
    Shutdown,
    /// Everything is done.
    Done,
}

impl Service {
    /// AbortBackup, or Release: the operation under way is stopped first.
    pub(super) fn stop_then(&mut self, slot: Option<Slot>, object: u32, kind: Kind, now: Ticks) {
        let busy = self.stop_operations(object);
        let reply = slot.map_or(ReplyTo::Nobody, ReplyTo::Call);
        let operation = self.start(object, reply, kind);
        if !busy {
            self.begin(operation, now);
        } else if let Some(waiting) = self.operations.get_mut(operation) {
            waiting.parked = true;
        }
    }

    /// Asks every operation of an object to stop; true if one has to come to its end first.
    fn stop_operations(&mut self, object: u32) -> bool {
        let mut busy = false;
        for (_, running) in self.operations.iter_mut().filter(|(_, running)| running.object == object) {
            if let Kind::Create(creation) = &running.kind
                && creation.committed()
            {
                // Too late: the creation goes to its end (S-22).
            } else {
                running.cancelled = true;
            }
            busy = true;
        }
        busy
    }

    /// An operation ended: what was waiting for it goes on.
    pub(super) fn after_end(&mut self, ended: u32, now: Ticks) {
        let of_object = || self.operations.iter().filter(|(_, running)| running.object == ended);
        if of_object().any(|(_, running)| !running.parked) {
            return;
        }
        let Some(number) = of_object().next().map(|(number, _)| number) else { return };
        if let Some(running) = self.operations.get_mut(number) {
            running.parked = false;
        }
        self.begin(number, now);
    }

    /// AbortBackup has reached all writers: the set and the lock are gone.
    pub(super) fn backup_aborted(&mut self, object: u32) {
        let Some(found) = self.objects.get_mut(object) else { return };
        let Some(set) = found.set else { return };
        if self.lock == Some(set) {
            found.set = None;
            self.sets.remove(set);
            self.release_lock();
        }
    }

    fn release_lock(&mut self) {
        if !self.has(ServiceDefect::LockKept) {
            self.lock = None;
            self.record(What::CreationLock { holder: None });
        }
    }

    /// The process of a requester is gone: its objects are released in its stead (SHUT-003).
    pub fn requester_gone(&mut self, requester: u16, now: Ticks) {
        self.held.forget(ActorId::Requester(requester));
        let objects: Vec<u32> =
            self.objects.iter().filter(|(_, object)| object.requester == requester).map(|(number, _)| number).collect();
        for (_, running) in self.operations.iter_mut() {
            if objects.contains(&running.object) {
                running.reply = ReplyTo::Nobody;
            }
        }
        let asyncs = &self.asyncs;
        for revert in self.reverts.values_mut() {
            let lives = |index: &u32| asyncs.get(*index as usize).is_some_and(|known| known.requester != requester);
            revert.waiting.retain(lives);
        }
        for gone in self.asyncs.iter_mut().filter(|operation| operation.requester == requester) {
            gone.waiting.clear();
            gone.operation = None;
        }
        for object in objects {
            let closing = self
                .operations
                .iter()
                .any(|(_, running)| running.object == object && matches!(running.kind, Kind::Close(_)));
            if !closing {
                self.stop_then(None, object, Kind::Close(Closing::Delete), now);
            }
        }
    }

    /// The next step of a release. False when it is over.
    pub(super) fn next_closing(&mut self, operation: u32) -> bool {
        let Some(running) = self.operations.get_mut(operation) else { return false };
        let object = running.object;
        let Kind::Close(step) = &mut running.kind else { return false };
        match *step {
            Closing::Delete => {
                *step = Closing::Shutdown;
                self.delete_auto_release(operation, object);
                true
            }
            Closing::Shutdown => {
                *step = Closing::Done;
                self.forget_set(object);
                self.raise_shutdown(operation, object);
                true
            }
            Closing::Done => {
                self.end_session(object);
                false
            }
        }
    }

    /// Auto-release shadow copies go with the object (CTX-009). Those that stay are compared with their commit instant for the last time.
    fn delete_auto_release(&mut self, operation: u32, object: u32) {
        let Some(set) = self.objects.get(object).and_then(|object| object.set) else { return };
        let Some(found) = self.sets.get(set) else { return };
        let goes = found.is_auto_release();
        let shadows: Vec<_> = found
            .shadows
            .iter()
            .filter(|shadow| shadow.state == SnapshotState::Created)
            .map(|shadow| (shadow.id.0, shadow.provider, shadow.volume))
            .collect();
        if shadows.is_empty() {
            return;
        }
        self.effect(Effect::Compare(set));
        for (snapshot, provider, volume) in shadows.into_iter().filter(|_| goes) {
            let step = ProviderCallback::DeleteSnapshots;
            let delivery = self.deliver(Some(operation), Target::Provider(provider, step));
            let call = Call::SoftwareProvider(SoftwareProviderCall::DeleteSnapshots { snapshot });
            self.effect(Effect::Callback { delivery, provider, call, step, set, volume: Some(volume) });
        }
    }

    /// The set of a released object is gone, unless its shadow copies stay (CTX-010, CTX-011); if it held the creation lock, the lock
    /// is free (S-05).
    fn forget_set(&mut self, object: u32) {
        let Some(set) = self.objects.get_mut(object).and_then(|object| object.set.take()) else { return };
        if self.sets.get(set).is_some_and(super::Set::is_auto_release) {
            self.move_shadows(set, SnapshotInput::Deleted);
        }
        if let Some(found) = self.objects.get_mut(object) {
            // Kept for BackupShutdown, which names the set.
            found.set = Some(set);
        }
        if self.lock == Some(set) {
            self.release_lock();
        }
    }

    /// BackupShutdown goes to every writer that took part (SHUT-002, SHUT-005), with the set's id, or none if no shadow
    /// copy was made (API-018). Windows XP has no such event (SHUT-007).
    fn raise_shutdown(&mut self, operation: u32, object: u32) {
        if self.has(ServiceDefect::NoBackupShutdown) || !self.plan.release.has_backup_shutdown() {
            return;
        }
        let Some(found) = self.objects.get(object) else { return };
        let set = found.set.and_then(|set| self.sets.get(set));
        let made = |shadow: &super::Shadow| matches!(shadow.state, SnapshotState::Created | SnapshotState::Deleted);
        let made = set.filter(|set| set.shadows.iter().any(made));
        let id = made.map(|set| set.id.0);
        for writer in found.participants.clone() {
            self.raise(Some(operation), object, writer, WriterEvent::BackupShutdown, id);
        }
    }

    fn end_session(&mut self, object: u32) {
        self.end_sessions(object);
        if let Some(set) = self.objects.get(object).and_then(|object| object.set) {
            let stays = |found: &super::Set| {
                !found.is_auto_release() && found.shadows.iter().any(|shadow| shadow.state == SnapshotState::Created)
            };
            if !self.sets.get(set).is_some_and(stays) {
                self.sets.remove(set);
            }
        }
    }

    /// Shadow copies are gone although nobody had them deleted: those that were created are no longer to be found (API-039). One that
    /// was still being created fails its provider at the next call.
    pub fn snapshots_lost(&mut self, lost: &[SnapshotId]) {
        let found: Vec<(u32, usize)> = self
            .sets
            .iter()
            .flat_map(|(set, found)| found.shadows.iter().enumerate().map(move |(index, shadow)| (set, index, shadow)))
            .filter(|(_, _, shadow)| shadow.state == SnapshotState::Created && lost.contains(&shadow.id.0))
            .map(|(set, index, _)| (set, index))
            .collect();
        for (set, index) in found {
            self.move_shadow(set, index, SnapshotInput::Deleted);
        }
        self.forget_empty_sets();
    }

    /// IVssAsync::Cancel (S-22): asks the operation to stop at the end of its present stage.
    pub(super) fn cancel(&mut self, index: usize) -> HResult {
        let Some(Async { operation, outcome, .. }) = self.asyncs.get(index) else { return HResult::E_INVALIDARG };
        let Some(running) = operation.and_then(|operation| self.operations.get_mut(operation)) else {
            // A revert cannot be cancelled, and has no operation (nf-vsbackup-ivssbackupcomponents-queryrevertstatus.md).
            return if *outcome == HResult::VSS_S_ASYNC_PENDING { HResult::S_OK } else { *outcome };
        };
        match &running.kind {
            Kind::Create(creation) if creation.committed() => {}
            _ if running.cancelled => return HResult::VSS_S_ASYNC_CANCELLED,
            _ => running.cancelled = true,
        }
        HResult::S_OK
    }

    /// IVssAsync::Wait.
    pub(super) fn wait(&mut self, slot: Slot, index: usize) {
        let Some(waited) = self.asyncs.get_mut(index) else {
            self.give(slot, HResult::E_INVALIDARG, Out::Nothing);
            return;
        };
        if waited.outcome == HResult::VSS_S_ASYNC_PENDING {
            waited.waiting.push(slot);
            return;
        }
        let code = if waited.outcome.is_failure() { waited.outcome } else { HResult::S_OK };
        self.give(slot, code, Out::Nothing);
    }

    /// The time that a Wait was given is over: it returns, and QueryStatus tells that the operation is pending.
    pub fn wait_is_over(&mut self, slot: Slot) {
        let waited = self.asyncs.iter_mut().find(|operation| operation.waiting.contains(&slot));
        if let Some(waited) = waited {
            waited.waiting.retain(|&waiting| waiting != slot);
            self.give(slot, HResult::S_OK, Out::Nothing);
        }
    }
}
