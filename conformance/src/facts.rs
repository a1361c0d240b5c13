//! The indices that the rules read: built once from a trace, each in one pass.

use vssim_model::trace::Trace;

/// A trace and what can be looked up in it.
#[derive(Debug)]
pub struct Facts<'t> {
    /// The trace.
    pub trace: &'t Trace,
}

impl<'t> Facts<'t> {
    /// Reads a trace.
    #[must_use]
    pub fn of(trace: &'t Trace) -> Facts<'t> {
        Facts { trace }
    }
}
