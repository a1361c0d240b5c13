//! Writers come and go: their objects, their subscriptions, and what becomes of a backup whose writer leaves.
//!
//! ```text
//! (no object) ─CVssWriter─► constructed ─Initialize─► initialised ─Subscribe─► subscribed ─Unsubscribe─► initialised
//!                                                                                  └─ ~CVssWriter, end of the process ─► (no object)
//! ```
//!
//! Only a subscribed writer gets events, and of those the ones in its mask. One that leaves is gone for good to every
//! backup that knew it: what subscribes later is another instance (page of Initialize), of which those backups know
//! nothing.

use vssim_model::hresult::HResult;
use vssim_model::ids::WriterInstanceId;
use vssim_model::states::{ApplicationLevel, WriterEvent};
use vssim_model::tables::WriterInput;
use vssim_model::time::Ticks;

use super::{Delivery, Effect, Object, Service, Target, Timer};
use crate::message::Slot;
use crate::plan::{ActorId, WriterPlan};
use crate::unhashed::Unhashed;

/// `VSS_SM_POST_SNAPSHOT_FLAG`.
const POST_SNAPSHOT: u32 = 1;
/// `VSS_SM_BACKUP_EVENTS_FLAG`.
const BACKUP_EVENTS: u32 = 2;
/// `VSS_SM_RESTORE_EVENTS_FLAG`.
const RESTORE_EVENTS: u32 = 4;
/// What Subscribe takes where nothing is said.
pub(super) const DEFAULT_MASK: u32 = BACKUP_EVENTS | RESTORE_EVENTS;

/// How far a writer's object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Life {
    /// There is none.
    Absent,
    /// Its constructor ran.
    Constructed,
    /// Initialize or InitializeEx ran.
    Initialized,
    /// Subscribe or SubscribeEx ran.
    Subscribed,
}

/// Whether a writer is subscribed, to what, and as what it freezes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    /// How far its object is.
    pub life: Life,
    /// `VSS_SUBSCRIBE_MASK`: the events that it wants.
    pub mask: u32,
    /// The level at which it freezes.
    pub level: ApplicationLevel,
    /// How long it may stay frozen.
    pub freeze_window: Ticks,
    /// Whether this instance was subscribed before: the next one is another.
    pub used: bool,
    /// How long Unsubscribe waits for its handlers; none for as long as they take.
    pub wait: Option<Ticks>,
    /// The call of Unsubscribe that waits for its handlers.
    pub leaving: Option<Slot>,
}

impl Subscription {
    /// A writer with a main script makes its object itself; any other is subscribed from the start.
    pub(super) fn of(plan: &WriterPlan) -> Subscription {
        let life = if plan.main.is_some() { Life::Absent } else { Life::Subscribed };
        Subscription {
            life,
            mask: DEFAULT_MASK,
            level: plan.level,
            freeze_window: plan.freeze_timeout,
            used: life == Life::Subscribed,
            wait: None,
            leaving: None,
        }
    }

    /// Whether the event is wanted (ne-vswriter-vss_subscribe_mask.md). Identify goes to every subscribed writer.
    #[must_use]
    pub const fn wants(&self, event: WriterEvent) -> bool {
        let of = match event {
            WriterEvent::Identify => return true,
            WriterEvent::PreRestore | WriterEvent::PostRestore => RESTORE_EVENTS,
            WriterEvent::PostSnapshot => BACKUP_EVENTS | POST_SNAPSHOT,
            _ => BACKUP_EVENTS,
        };
        self.mask & of != 0
    }
}

impl Service {
    /// Whether an event of this backup or restore reaches the writer.
    pub(super) fn reaches(&self, object: Option<u32>, writer: u16, event: WriterEvent) -> bool {
        let Some(found) = self.writers.get(usize::from(writer)) else { return false };
        let subscription = &found.subscription;
        if subscription.life != Life::Subscribed || subscription.leaving.is_some() || !subscription.wants(event) {
            return false;
        }
        // With its first event a writer may find room for a session that it had not before.
        let first = matches!(event, WriterEvent::PrepareForBackup | WriterEvent::PreRestore);
        let in_session = |object: &Object| first || !object.without_session.contains(&writer);
        let met = |object: &Object| !object.lost.contains_key(&writer) && in_session(object);
        event == WriterEvent::Identify || object.and_then(|object| self.objects.get(object)).is_none_or(met)
    }

    /// The process of a writer ended: its objects are gone, and nobody answers for them.
    pub fn writer_process_ended(&mut self, writer: u16, now: Ticks) {
        self.held.forget(ActorId::Writer(writer));
        self.writer_left(writer, Life::Absent, now);
    }

    /// A writer is subscribed no longer. Its handlers still running answer nobody; every backup that knew it has lost it.
    pub(super) fn writer_left(&mut self, writer: u16, life: Life, now: Ticks) {
        let Some(found) = self.writers.get_mut(usize::from(writer)) else { return };
        let (frozen, instance) = (found.sessions.is_frozen(), found.instance.0);
        let frozen_in = found.sessions.end_all();
        found.subscription.life = life;
        let slot = found.subscription.leaving.take();
        for (_, object) in self.objects.iter_mut() {
            if knows(object, writer) {
                object.lost.entry(writer).or_insert(Unhashed(instance));
            }
        }
        if frozen {
            self.effect(Effect::StopTimer(Timer::FreezeWindow(writer)));
        }
        for object in frozen_in {
            // What the writer promised to keep still is no longer still.
            self.fail_creation(self.creation_of(object));
        }
        if let Some(slot) = slot {
            self.effect(Effect::StopTimer(Timer::Unsubscribe(writer)));
            self.give(slot, HResult::S_OK, vssim_model::api::Out::Nothing);
        }
        self.give_up(|sent| matches!(sent.to, Target::Writer(of, _) if of == writer), now);
    }

    /// Unsubscribe: a handler that still runs is waited for (SubscribeEx gives the limit). `own` is the handler that makes
    /// the call itself. Whether the call has to wait.
    pub(super) fn unsubscribe(&mut self, slot: Slot, writer: u16, own: Option<u32>, now: Ticks) -> bool {
        let busy = self.deliveries.iter().any(|(number, sent)| {
            !sent.given_up && Some(number) != own && matches!(sent.to, Target::Writer(of, _) if of == writer)
        });
        if !busy {
            self.writer_left(writer, Life::Initialized, now);
            return false;
        }
        let Some(found) = self.writers.get_mut(usize::from(writer)) else { return false };
        found.subscription.leaving = Some(slot);
        if let Some(wait) = found.subscription.wait {
            self.effect(Effect::SetTimer(Timer::Unsubscribe(writer), wait));
        }
        true
    }

    /// A handler of a writer ended: it may be the last one that Unsubscribe waited for.
    pub(super) fn handler_ended(&mut self, writer: u16, now: Ticks) {
        let busy = self
            .deliveries
            .iter()
            .any(|(_, sent)| !sent.given_up && matches!(sent.to, Target::Writer(of, _) if of == writer));
        let leaving = self.writers.get(usize::from(writer)).is_some_and(|found| found.subscription.leaving.is_some());
        if leaving && !busy {
            self.writer_left(writer, Life::Initialized, now);
        }
    }

    /// Unsubscribe waited long enough.
    pub(super) fn unsubscribe_over(&mut self, writer: u16, now: Ticks) {
        let leaving = self.writers.get(usize::from(writer)).is_some_and(|found| found.subscription.leaving.is_some());
        if leaving {
            self.writer_left(writer, Life::Initialized, now);
        }
    }

    /// A writer subscribes: it begins as a stable one.
    pub(super) fn writer_subscribed(&mut self, writer: u16, mask: u32, wait: Option<Ticks>) {
        let Some(found) = self.writers.get_mut(usize::from(writer)) else { return };
        found.subscription.life = Life::Subscribed;
        found.subscription.mask = mask;
        found.subscription.wait = wait;
        found.subscription.used = true;
        self.move_writer(writer, None, WriterInput::Restarted, HResult::S_OK);
    }

    /// Each object of a writer is an instance of its own (page of Initialize).
    pub(super) fn writer_initialized(&mut self, writer: u16, level: ApplicationLevel, freeze_window: Ticks) {
        let used = self.writers.get(usize::from(writer)).is_some_and(|found| found.subscription.used);
        let fresh = used.then(|| WriterInstanceId(self.new_guid()));
        let Some(found) = self.writers.get_mut(usize::from(writer)) else { return };
        found.subscription.life = Life::Initialized;
        found.subscription.level = level;
        found.subscription.freeze_window = freeze_window;
        if let Some(instance) = fresh {
            found.subscription.used = false;
            found.instance = Unhashed(instance);
            self.rename_documents(writer, instance);
            self.effect(Effect::Instance(writer, instance));
        }
    }

    /// Nobody waits for these answers any longer.
    pub(super) fn give_up(&mut self, wanted: impl Fn(&Delivery) -> bool, now: Ticks) {
        let waiting: Vec<u32> =
            self.deliveries.iter().filter(|(_, sent)| wanted(sent)).map(|(number, _)| number).collect();
        for number in waiting {
            self.effect(Effect::StopTimer(Timer::Event(number)));
            let operation = self.deliveries.get_mut(number).and_then(|sent| {
                sent.given_up = true;
                sent.operation.take()
            });
            if let Some(operation) = operation {
                self.one_less(operation, now);
            }
        }
    }
}

/// Whether a backup or restore has met the writer.
fn knows(object: &Object, writer: u16) -> bool {
    object.identified.contains(&writer)
        || object.participants.contains(&writer)
        || object.restoring.contains_key(&writer)
}
