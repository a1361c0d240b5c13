//! How a task goes on: what an input changes, which instruction is next, where a script jumps.

use vssim_model::api::{ApplicationCall, BackupComponentsCall, Call, Out, WriterCall};
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;

use super::calls::service;
use super::{Frame, Input, Output, ScriptRef, Turn};
use crate::choices::{Point, Purpose};
use crate::message::{Answer, Request};
use crate::plan::{ActorId, Op, Script, Span, Template};
use crate::unhashed::Unhashed;

impl Turn<'_> {
    fn script(&self, script: ScriptRef) -> Option<&Script> {
        let plan = self.around.plan;
        match (self.id, script) {
            (ActorId::Requester(index), ScriptRef::Main) => {
                plan.requesters.get(usize::from(index)).map(|plan| &plan.script)
            }
            (ActorId::Writer(index), ScriptRef::Handler(event)) => {
                plan.writers.get(usize::from(index))?.handlers.get(&event)
            }
            (ActorId::Writer(index), ScriptRef::Main) => plan.writers.get(usize::from(index))?.main.as_ref(),
            (ActorId::Writer(index), ScriptRef::Background) => {
                plan.writers.get(usize::from(index))?.background.as_ref().map(|(_, script)| script)
            }
            (ActorId::Provider(index), ScriptRef::Callback(step)) => {
                plan.providers.get(usize::from(index))?.handlers.get(&step)
            }
            _ => None,
        }
    }

    fn op(&self, script: ScriptRef, at: u16) -> Option<Op> {
        self.script(script)?.get(usize::from(at)).cloned()
    }

    pub(super) fn goto(&mut self, target: u16) {
        if let Some(Frame::Script(_, at)) = self.task.frames.last_mut() {
            *at = target;
        }
    }

    pub(super) fn step(&mut self) {
        if let Some(Frame::Script(_, at)) = self.task.frames.last_mut() {
            *at = at.saturating_add(1);
        }
    }

    /// What an input changes before the script goes on.
    pub(super) fn take(&mut self, input: Input) {
        if let Input::Returned(Answer::Kernel(code)) = &input
            && code.is_failure()
        {
            self.task.failure.get_or_insert(*code);
        }
        if let (Input::Returned(Answer::Kernel(code)), ActorId::Requester(_)) = (&input, self.id) {
            // It asks the kernel for the files of its components, and in a restore.
            self.memory.copy_failed = code.is_failure();
            self.memory.last = Some(*code);
        }
        match (input, self.task.frames.last().cloned()) {
            (Input::Go, _) => {}
            (Input::Woken, Some(Frame::Commit { .. })) => {
                if let Some(Frame::Commit { rested, .. }) = self.task.frames.last_mut() {
                    *rested = true;
                }
            }
            (Input::Woken, _) => self.step(),
            (Input::Returned(Answer::Calls(calls)), _) => {
                self.memory.last = Some(HResult::S_OK);
                self.step();
                self.task.frames.push(Frame::Calls { calls, index: 0 });
            }
            (Input::Returned(answer), Some(Frame::Calls { .. })) => self.listed_returned(&answer),
            (Input::Returned(answer), Some(Frame::Script(script, at))) => {
                if let Some(op) = self.op(script, at) {
                    self.returned(&op, answer);
                }
                self.step();
            }
            (Input::Returned(answer), Some(Frame::Each { .. })) => self.each_returned(answer),
            (Input::Returned(_), Some(Frame::Commit { .. })) => {
                if let Some(Frame::Commit { index, rested, .. }) = self.task.frames.last_mut() {
                    *index += 1;
                    *rested = false;
                }
            }
            (Input::Returned(_), None) => {}
        }
    }

    fn returned(&mut self, op: &Op, answer: Answer) {
        let Answer::Reply { hresult, out } = answer else { return };
        self.memory.last = Some(hresult);
        if let Op::Method(op) = op {
            return self.method_returned(op, hresult, &out.0);
        }
        match (op, out.0) {
            (_, Out::Status(code)) => self.memory.last = Some(code),
            (Op::Backup { keep: Some(place), .. }, Out::Async(operation)) => {
                self.memory.kept.insert(*place, operation);
            }
            (Op::Backup { .. }, Out::Object(number)) => {
                self.memory.object = Unhashed(number);
                self.memory.copy_failed = false;
                self.memory.not_copied.clear();
            }
            (
                Op::Backup { call: Template::Call(BackupComponentsCall::AddToSnapshotSet { volume, .. }), .. },
                Out::Snapshot(id),
            ) => {
                self.memory.snapshots.0.insert(volume.to_ascii_uppercase(), id);
            }
            (Op::Backup { call: Template::Call(BackupComponentsCall::Release), .. }, _) => {
                self.memory.object = Unhashed(0);
            }
            _ => {}
        }
    }

    fn each_returned(&mut self, answer: Answer) {
        let Answer::Reply { hresult, out } = answer else { return };
        self.memory.last = Some(hresult);
        let failed =
            matches!(&out.0, Out::WriterStatus(status) if status.state.is_failed() || status.failure.is_failure());
        self.memory.writer_failed |= failed;
        if let Some(Frame::Each { index, count, .. }) = self.task.frames.last_mut() {
            match count {
                None => *count = Some(if let Out::Count(count) = out.0 { count } else { 0 }),
                Some(_) => *index += 1,
            }
        }
    }

    pub(super) fn run(&mut self) -> Output {
        loop {
            let Some(frame) = self.task.frames.last().cloned() else { return self.fall_off() };
            let output = match frame {
                Frame::Script(script, at) => match self.op(script, at) {
                    Some(op) => self.execute(op),
                    None => {
                        self.task.frames.pop();
                        None
                    }
                },
                Frame::Calls { calls, index } => self.listed(&calls, index),
                Frame::Each { metadata, index, count } => self.each(metadata, index, count),
                Frame::Commit { index, rested, gap } => self.commit(index, rested, gap),
            };
            if let Some(output) = output {
                return output;
            }
        }
    }

    /// The script ended: an event that was not answered yet is answered well.
    fn fall_off(&mut self) -> Output {
        if self.task.serves.is_none() {
            return Output::End;
        }
        let answer = match self.id {
            ActorId::Provider(_) => Answer::Provider(HResult::S_OK),
            _ => Answer::Handled { returned: !self.task.vetoed, failure: None },
        };
        Output::Done { answer, more: false }
    }

    pub(super) fn duration(&mut self, span: Span) -> Ticks {
        if span.min >= span.max {
            return span.min;
        }
        let actor = self.around.plan.name_of(self.id);
        self.choices.ticks(Point { actor, purpose: Purpose::Duration }, span.min, span.max)
    }

    /// One instruction. None when the next one follows at once.
    fn execute(&mut self, op: Op) -> Option<Output> {
        match op {
            Op::Takes(span) => return Some(Output::Wait(self.duration(span))),
            Op::Jump(target) => self.goto(target),
            Op::Hang => return Some(Output::Hang),
            Op::Crash => return Some(Output::Crash),
            Op::Stop(again) => {
                let next = match self.task.frames.last() {
                    Some(Frame::Script(_, at)) => at.saturating_add(1),
                    _ => u16::MAX,
                };
                return Some(Output::Stop(again.map(|span| (self.duration(span), next))));
            }
            Op::Backup { call, .. } => return self.backup(call),
            Op::Async { kept, call } => return self.asynchronous(kept, &call),
            Op::Method(op) => return Some(self.method(&op)),
            Op::Privileges(held) => {
                self.memory.unprivileged = !held;
                self.step();
            }
            Op::IfFailed(target) => {
                let failed = |code: HResult| code.is_failure() || code == HResult::VSS_S_ASYNC_CANCELLED;
                self.branch(self.memory.last.is_some_and(failed), target);
            }
            Op::IfCode(code, target) => self.branch(self.memory.last == Some(code), target),
            Op::IfWriterFailed(target) => self.branch(self.memory.writer_failed, target),
            Op::IfNotKept(place, target) => self.branch(!self.memory.kept.contains_key(&place), target),
            Op::TruncateLog(_) if self.around.keeps_log => self.step(),
            Op::TruncateLog(application) => {
                let order = Request::Order(ApplicationCall::TruncateLog);
                return Some(Output::Call(ActorId::Application(application), order));
            }
            Op::Times(count, target) => self.pass(count, target),
            Op::Fail(failure) => return Some(service(Call::Writer(WriterCall::SetWriterFailure { failure }))),
            Op::MayVeto => return self.may_veto(),
            Op::Component(call) => return Some(service(Call::Component(self.component(call)))),
            Op::Order { application, order } => {
                return Some(Output::Call(ActorId::Application(application), Request::Order(order)));
            }
            Op::Return(returned) => {
                let answer = Answer::Handled { returned: returned && !self.task.vetoed, failure: None };
                return Some(self.done(answer));
            }
            Op::Answer(code) => {
                let failure = self.task.failure.or_else(|| self.not_supported()).or_else(|| self.at_limit());
                let code = if code.is_success() { failure.unwrap_or(code) } else { code };
                return Some(self.done(Answer::Provider(code)));
            }
            Op::Log(message) => {
                self.step();
                return Some(Output::Log(message));
            }
            Op::Commit { gap } => self.task.frames.push(Frame::Commit { index: 0, rested: false, gap }),
            Op::Damage(op) => return Some(self.damage(&op)),
            Op::CopyFiles
            | Op::Restore(_)
            | Op::Service(..)
            | Op::WriteToSnapshot { .. }
            | Op::DeleteExcluded
            | Op::PrepareStorage
            | Op::MakeWritable
            | Op::MakeReadOnly
            | Op::Drop => {
                return Some(self.kernel(op));
            }
        }
        None
    }

    fn branch(&mut self, condition: bool, target: u16) {
        if condition {
            self.goto(target);
        } else {
            self.step();
        }
    }

    fn pass(&mut self, count: u16, target: u16) {
        let Some(Frame::Script(script, at)) = self.task.frames.last() else { return };
        let passed = self.memory.passed.entry((*script, *at)).or_default();
        let over = *passed >= count;
        if !over {
            *passed += 1;
        }
        self.branch(over, target);
    }

    fn done(&mut self, answer: Answer) -> Output {
        self.step();
        let more = match self.task.frames.last() {
            Some(Frame::Script(script, at)) => self.op(*script, *at).is_some(),
            _ => false,
        };
        Output::Done { answer, more }
    }
}
