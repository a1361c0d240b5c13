//! An assembler of requesters' scripts: instructions with labels instead of addresses.

use vssim_model::api::{AsyncCall, AsyncId, BackupComponentsCall};
use vssim_model::hresult::HResult;
use vssim_sim::plan::{Op, Script, Template};

/// A place in a script that is not reached yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label(u16);

/// A step must return a code: where its call stands in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepExpectation {
    /// The step, as the script writes it.
    pub name: &'static str,
    /// The instruction that starts the operation whose code is meant: its failure is the step's.
    pub start: Option<u16>,
    /// The instruction that makes the call whose code is meant.
    pub op: u16,
    /// The code.
    pub code: HResult,
}

/// A script in the making. Branches hold the number of a label until [`Assembler::finish`].
#[derive(Debug, Default)]
pub(super) struct Assembler {
    ops: Vec<Op>,
    /// Where each label is.
    labels: Vec<Option<usize>>,
    pub(super) expected: Vec<StepExpectation>,
}

impl Assembler {
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(u16::try_from(self.labels.len() - 1).unwrap_or(u16::MAX))
    }

    /// The label is here.
    pub(super) fn place(&mut self, label: Label) {
        let here = self.ops.len();
        if let Some(place) = self.labels.get_mut(usize::from(label.0)) {
            *place = Some(here);
        }
    }

    pub(super) fn push(&mut self, op: Op) {
        self.ops.push(op);
    }

    pub(super) fn jump(&mut self, to: Label) {
        self.ops.push(Op::Jump(to.0));
    }

    /// Goes on only so many times, then elsewhere.
    pub(super) fn times(&mut self, count: u16, to: Label) {
        self.ops.push(Op::Times(count, to.0));
    }

    pub(super) fn if_failed(&mut self, to: Label) {
        self.ops.push(Op::IfFailed(to.0));
    }

    pub(super) fn if_writer_failed(&mut self, to: Label) {
        self.ops.push(Op::IfWriterFailed(to.0));
    }

    pub(super) fn call(&mut self, call: BackupComponentsCall) {
        self.ops.push(Op::Backup { call: Template::Call(call), keep: None });
    }

    pub(super) fn template(&mut self, call: Template) {
        self.ops.push(Op::Backup { call, keep: None });
    }

    pub(super) fn start(&mut self, call: BackupComponentsCall, keep: u8) {
        self.ops.push(Op::Backup { call: Template::Call(call), keep: Some(keep) });
    }

    pub(super) fn wait(&mut self, kept: u8, milliseconds: Option<u32>) {
        self.ops.push(Op::Async { kept, call: AsyncCall::Wait { operation: AsyncId(0), milliseconds } });
    }

    pub(super) fn query(&mut self, kept: u8) {
        self.ops.push(Op::Async { kept, call: AsyncCall::QueryStatus { operation: AsyncId(0) } });
    }

    pub(super) fn cancel(&mut self, kept: u8) {
        self.ops.push(Op::Async { kept, call: AsyncCall::Cancel { operation: AsyncId(0) } });
    }

    /// Where the instruction put in last stands.
    pub(super) fn last(&self) -> u16 {
        u16::try_from(self.ops.len().saturating_sub(1)).unwrap_or(u16::MAX)
    }

    /// The instruction put in last must end with this code.
    pub(super) fn expect(&mut self, name: &'static str, start: Option<u16>, code: HResult) {
        let op = self.last();
        self.expected.push(StepExpectation { name, start, op, code });
    }

    /// Whether more instructions cannot make this a script.
    pub(super) fn is_too_long(&self) -> bool {
        self.ops.len() >= usize::from(u16::MAX)
    }

    /// The script; none if it is longer than a script may be.
    pub(super) fn finish(mut self) -> Option<(Script, Vec<StepExpectation>)> {
        let end = u16::try_from(self.ops.len()).ok().filter(|end| *end < u16::MAX)?;
        u16::try_from(self.labels.len()).ok().filter(|count| *count < u16::MAX)?;
        let labels = self.labels;
        let place = |label: u16| {
            let place = labels.get(usize::from(label)).copied().flatten();
            place.and_then(|place| u16::try_from(place).ok()).unwrap_or(end)
        };
        for op in &mut self.ops {
            match op {
                Op::Jump(to)
                | Op::IfFailed(to)
                | Op::IfCode(_, to)
                | Op::IfWriterFailed(to)
                | Op::IfNotKept(_, to)
                | Op::Times(_, to) => {
                    *to = place(*to);
                }
                _ => {}
            }
        }
        Some((self.ops.into(), self.expected))
    }
}
