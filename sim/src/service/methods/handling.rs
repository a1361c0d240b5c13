//! Inside which handler a writer calls, and which backup or restore the handler belongs to.
//!
//! Most methods of a writer are legal in some handlers only. A handler counts as long as VSS waits for it: what a handler
//! that was given up does comes too late and changes nothing.

use vssim_model::ids::Guid;
use vssim_model::states::WriterEvent;
use xxhash_rust::xxh3::xxh3_128;

use super::Caller;
use crate::plan::ActorId;
use crate::service::{Object, Service, Set, Target};

/// A handler that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) struct Handling {
    /// Of which event.
    pub(in crate::service) event: WriterEvent,
    /// Of which writer.
    pub(in crate::service) writer: u16,
    /// The backup components object whose backup or restore it is part of.
    pub(in crate::service) object: u32,
}

impl Handling {
    /// Whether the handler was given the writer's components (IVssWriterComponents, page of CVssWriter).
    pub(super) const fn has_components(self) -> bool {
        matches!(
            self.event,
            WriterEvent::PrepareForBackup
                | WriterEvent::PostSnapshot
                | WriterEvent::BackupComplete
                | WriterEvent::PreRestore
                | WriterEvent::PostRestore
        )
    }
}

impl Service {
    /// The handler that makes the call; none outside of one, or if VSS no longer waits for it.
    pub(super) fn handling(&self, caller: Caller) -> Option<Handling> {
        self.handling_of(caller.delivery?)
    }

    /// The handler of a delivery.
    pub(in crate::service) fn handling_of(&self, delivery: u32) -> Option<Handling> {
        let sent = self.deliveries.get(delivery).filter(|sent| !sent.given_up)?;
        let Target::Writer(writer, event) = sent.to else { return None };
        Some(Handling { event, writer, object: sent.object? })
    }

    /// The backup or restore in which the caller's handler runs.
    pub(super) fn session(&self, caller: Caller) -> Option<&Object> {
        let handling = self.handling(caller)?;
        // Identify belongs to no backup (page of OnIdentify).
        self.objects.get(handling.object).filter(|_| handling.event != WriterEvent::Identify)
    }

    /// The shadow copy set of that backup.
    pub(super) fn current_set(&self, caller: Caller) -> Option<&Set> {
        self.sets.get(self.session(caller)?.set?)
    }

    /// The id of a backup or restore: one for each backup components object, the same for requester and writers
    /// (nf-vswriter-cvsswriterex2-getsessionid.md). It is worked out and not drawn, so that asking for it changes nothing.
    pub(super) fn session_id(&self, index: u32) -> Option<Guid> {
        let object = self.objects.get(index)?;
        let of = format!("session {} of {}", object.number.0, self.plan.start);
        Some(Guid::from_random_bits(xxh3_128(of.as_bytes())))
    }

    /// The number of the writer that an actor is.
    pub(super) const fn writer_of(actor: ActorId) -> Option<u16> {
        match actor {
            ActorId::Writer(writer) => Some(writer),
            _ => None,
        }
    }
}
