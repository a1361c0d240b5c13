//! The steps that the scripts of the suite are made of.

use vssim_model::api::{AsyncCall, AsyncId, BackupComponentsCall};
use vssim_model::time::Ticks;
use vssim_sim::plan::{ComponentOf, Op, Span, Template};

/// Where requesters keep their asynchronous operation.
const KEPT: u8 = 0;

/// A call that is over when it returns.
pub(crate) fn call(call: BackupComponentsCall) -> Op {
    template(Template::Call(call))
}

/// A call that names what only the run knows.
pub(crate) fn template(call: Template) -> Op {
    Op::Backup { call, keep: None }
}

/// A call that starts an operation.
pub(crate) fn started(call: BackupComponentsCall) -> Op {
    Op::Backup { call: Template::Call(call), keep: Some(KEPT) }
}

/// Waits for the operation started last.
pub(crate) fn wait() -> Op {
    Op::Async { kept: KEPT, call: AsyncCall::Wait { operation: AsyncId(0), milliseconds: None } }
}

/// Cancels the operation started last.
pub(crate) fn cancel() -> Op {
    Op::Async { kept: KEPT, call: AsyncCall::Cancel { operation: AsyncId(0) } }
}

/// Takes so long.
pub(crate) fn exactly(seconds: u64) -> Op {
    Op::Takes(Span::exactly(Ticks::from_secs(seconds)))
}

/// The component of a writer.
pub(crate) fn component(writer: u16) -> ComponentOf {
    ComponentOf { writer, logical_path: String::new(), name: "Data".to_owned() }
}
