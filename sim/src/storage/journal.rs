//! What a disk was asked to do, in order: sectors written, and the barriers between them.
//!
//! ```text
//!   write write │flush│ write │flush│ write write          a power cut leaves: everything before the last barrier,
//!                                         ▲                and any of the sectors after it
//! ```
//!
//! A [`Journal`] is kept only when asked for ([`Storage::keep_journal`](super::Storage::keep_journal)): it holds every byte written. The
//! marks say what VSS has promised at that point, so that a power cut can be judged: between [`Mark::Kept`] and [`Mark::Ending`] a shadow
//! copy has to survive, between [`Mark::Opened`] and [`Mark::Closed`] it is being written and may be given up.

use std::sync::Arc;

use vssim_model::ids::SnapshotId;

use super::Snapshot;

/// One event of the disks.
#[derive(Clone, Debug)]
pub enum DiskEvent {
    /// Bytes written; each sector of 512 bytes lands whole or not at all.
    Write {
        /// The volume, by its number.
        volume: usize,
        /// Where on the volume.
        offset: u64,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// Everything written to the volume before is durable from here on.
    Flush {
        /// The volume, by its number.
        volume: usize,
    },
    /// Not an event of the disks: what VSS has promised.
    Mark(Mark),
}

/// What VSS promises of a shadow copy from here on.
#[derive(Clone, Debug)]
pub enum Mark {
    /// Its creation begins to be written: it may be there or not after a power cut.
    Begun(SnapshotId),
    /// It is durable.
    Kept(Arc<Snapshot>),
    /// Its deletion begins: it may be gone.
    Ending(SnapshotId),
    /// It is open for writing: it may be gone.
    Opened(SnapshotId),
    /// It was closed for writing and is durable as it is now.
    Closed(Arc<Snapshot>),
}

/// The most bytes that a journal keeps: what comes after is left out.
pub const MAXIMUM_JOURNAL: u64 = 1 << 30;

/// The events since the journal was begun.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    events: Vec<DiskEvent>,
    bytes: u64,
}

impl Journal {
    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &[DiskEvent] {
        &self.events
    }

    /// Whether there was more than [`MAXIMUM_JOURNAL`], so that the end is missing.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        self.bytes > MAXIMUM_JOURNAL
    }

    pub(super) fn note(&mut self, event: DiskEvent) {
        if let DiskEvent::Write { bytes, .. } = &event {
            self.bytes += bytes.len() as u64;
        }
        if !self.is_cut_short() {
            self.events.push(event);
        }
    }

    /// Another order of events, to see what it does to the copies.
    #[cfg(test)]
    pub(super) fn of(events: Vec<DiskEvent>) -> Journal {
        Journal { events, bytes: 0 }
    }
}
