//! Which rows of a table decided something: for tests that ask whether a run reaches a row at all.
//!
//! The notes are written and never read by whoever steps through the table, so that a run with them is the same as one
//! without. They are no part of a table's identity.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The rows that decided a step of a watched table. Clones share the notes.
#[derive(Clone, Debug, Default)]
pub struct RowsUsed(Option<Arc<[AtomicBool]>>);

impl RowsUsed {
    pub(super) fn of(rows: usize) -> RowsUsed {
        RowsUsed(Some((0..rows).map(|_| AtomicBool::new(false)).collect()))
    }

    pub(super) fn note(&self, row: usize) {
        if let Some(noted) = self.0.as_ref().and_then(|rows| rows.get(row)) {
            noted.store(true, Ordering::Relaxed);
        }
    }

    /// The rows noted since the last time, in order; the notes are empty afterwards.
    #[must_use]
    pub fn take(&self) -> Vec<usize> {
        let rows = self.0.iter().flat_map(|rows| rows.iter()).enumerate();
        rows.filter(|(_, noted)| noted.swap(false, Ordering::Relaxed)).map(|(row, _)| row).collect()
    }
}

impl PartialEq for RowsUsed {
    fn eq(&self, _: &RowsUsed) -> bool {
        true
    }
}

impl Eq for RowsUsed {}
