//! Where the records of a run go.

use vssim_model::time::Ticks;
use vssim_model::trace::{Header, Name, Record, Trace, What};

/// Takes records in.
pub trait Recorder {
    /// Whether anybody reads the records. Where nobody does, they are not made.
    fn is_on(&self) -> bool;

    /// Takes a record in and gives its number.
    fn record(&mut self, at: Ticks, actor: &Name, what: What, cause: u64) -> u64;
}

/// Keeps every record.
#[derive(Clone, Debug, Default)]
pub struct Full {
    records: Vec<Record>,
}

impl Full {
    /// The trace, with its header.
    #[must_use]
    pub fn into_trace(self, header: Header) -> Trace {
        Trace { header, records: self.records }
    }
}

impl Recorder for Full {
    fn is_on(&self) -> bool {
        true
    }

    fn record(&mut self, at: Ticks, actor: &Name, what: What, cause: u64) -> u64 {
        let n = self.records.len() as u64 + 1;
        self.records.push(Record { n, t: at, actor: Name::clone(actor), what, cause });
        n
    }
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Off;

impl Recorder for Off {
    fn is_on(&self) -> bool {
        false
    }

    fn record(&mut self, _: Ticks, _: &Name, _: What, _: u64) -> u64 {
        0
    }
}
