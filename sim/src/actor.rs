//! Actors that run scripts: requesters, writers, providers.
//!
//! An actor is resumed with one [`Input`] and answers with exactly one [`Output`]. It owns its stacks of frames, as data:
//! every incoming call (an event, a callback) and the main program is a [`Task`] with frames of its own, so a handler
//! can make calls while it runs, and two of them can be in the middle of their work.
//!
//! ```text
//!   Invoked ─┐                 ┌─► Call   (answered later by Returned)
//!   Returned ├─► Task, frames ─┼─► Wait   (ended by Woken)
//!   Woken   ─┘                 ├─► Done   (the incoming call is answered)
//!                              └─► End    (nothing is left to do)
//! ```

mod method;
mod providers;
mod stamps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::api::{
    AsyncCall, AsyncId, BackupComponentsCall, Call, ComponentCall, MethodCall, Out, Value, WriterCall,
};
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, WriterInstanceId};
use vssim_model::states::WriterEvent;
use vssim_model::tables::ProviderCallback;
use vssim_model::time::Ticks;

use crate::backup_store::BackupStore;
use crate::choices::{Choices, Point, Purpose};
use crate::message::{Answer, KernelRequest, Request, Slot};
use crate::plan::{ActorId, ComponentOf, ComponentOp, Op, Plan, Script, Span, Template};
use crate::service::Planted;
use crate::slots::Slots;
use crate::unhashed::Unhashed;

pub use self::providers::system_provider;

/// An actor that runs scripts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Who.
    pub id: ActorId,
    /// Whether its process lives.
    pub alive: bool,
    /// What it is doing.
    pub tasks: Slots<Task>,
    /// What a requester remembers.
    pub memory: Memory,
}

/// What an actor remembers between its calls: a requester nearly all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// Its backup components object; 0 for none.
    pub object: Unhashed<u32>,
    /// The asynchronous operations that it keeps.
    pub kept: BTreeMap<u8, AsyncId>,
    /// The code of the last call, or of the operation that it asked about.
    pub last: Option<HResult>,
    /// Whether a writer state gathered last was a failure.
    pub writer_failed: bool,
    /// The shadow copies it was given, by volume name.
    pub snapshots: Unhashed<BTreeMap<String, SnapshotId>>,
    /// Whether files could not be copied out of a shadow copy.
    pub copy_failed: bool,
    /// Components of which something could not be copied.
    pub not_copied: BTreeSet<ComponentOf>,
    /// What calls of the catalogue handed back, by out-parameter.
    pub saved: Unhashed<BTreeMap<u16, BTreeMap<String, Value>>>,
    /// Whether it gave its backup privileges up.
    pub unprivileged: bool,
    /// How often an instruction that counts was passed.
    pub passed: BTreeMap<(ScriptRef, u16), u16>,
}

/// One stack of frames.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// The incoming call that it answers; none for a main program, or once it is answered.
    pub serves: Option<Slot>,
    /// The set and the volume that a provider's callback is about.
    pub about: Option<(u32, Option<u16>)>,
    /// Whether the handler vetoed by choice.
    pub vetoed: bool,
    /// The failure of the kernel that a provider will pass on.
    pub failure: Option<HResult>,
    /// Innermost last.
    pub frames: Vec<Frame>,
}

/// A frame: what runs, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// A script, at an instruction.
    Script(ScriptRef, u16),
    /// A loop over the writers: GetWriterStatus or GetWriterMetadata of each.
    Each {
        /// Metadata rather than states.
        metadata: bool,
        /// The writer asked next.
        index: u32,
        /// How many there are, once known.
        count: Option<u32>,
    },
    /// Calls that are made one after the other, as long as they go well.
    Calls {
        /// The calls.
        calls: Unhashed<Arc<[MethodCall]>>,
        /// The one made next.
        index: u32,
    },
    /// A loop over the volumes of a set: the commit of each.
    Commit {
        /// The volume committed next, by its place in the set.
        index: u16,
        /// Whether the pause before it is over.
        rested: bool,
        /// The pause.
        gap: Span,
    },
}

/// Which script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptRef {
    /// A requester's program, or what a writer does from the start.
    Main,
    /// A writer's handler.
    Handler(WriterEvent),
    /// A provider's callback.
    Callback(ProviderCallback),
    /// What a writer does by itself.
    Background,
}

/// What an actor is resumed with.
#[derive(Clone, Debug)]
pub enum Input {
    /// It starts, or goes on after it answered.
    Go,
    /// The call that it made returned.
    Returned(Answer),
    /// The time that it waited for has passed.
    Woken,
}

/// What an actor answers.
#[derive(Clone, Debug)]
pub enum Output {
    /// It calls somebody, and waits for the answer.
    Call(ActorId, Request),
    /// It waits.
    Wait(Ticks),
    /// It waits for ever.
    Hang,
    /// It answers the incoming call; `more` if the task goes on afterwards.
    Done {
        /// The answer.
        answer: Answer,
        /// Whether instructions are left.
        more: bool,
    },
    /// It writes this to the Application log, and goes on at once.
    Log(String),
    /// It plants a fault into a document that it holds, and goes on at once.
    Damage(Planted),
    /// The task is over.
    End,
    /// The process dies.
    Crash,
    /// The process ends; after so long it starts again at this instruction of its main script.
    Stop(Option<(Ticks, u16)>),
}

/// What an actor may know of the world around it.
pub struct Surroundings<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The writers' instances.
    pub instances: &'a [WriterInstanceId],
    /// The volumes of the set that the task is about, in order.
    pub volumes: &'a [u16],
    /// What was backed up before.
    pub store: &'a BackupStore,
    /// Whether the volume that the task is about has as many shadow copies as it may have.
    pub full: bool,
}

impl Process {
    /// A living process without tasks.
    #[must_use]
    pub fn new(id: ActorId) -> Process {
        Process { id, alive: true, tasks: Slots::default(), memory: Memory::default() }
    }

    /// Begins a task.
    pub fn spawn(&mut self, script: ScriptRef, serves: Option<Slot>, about: Option<(u32, Option<u16>)>) -> u32 {
        self.spawn_at(script, 0, serves, about)
    }

    /// Begins a task at an instruction.
    pub fn spawn_at(
        &mut self,
        script: ScriptRef,
        at: u16,
        serves: Option<Slot>,
        about: Option<(u32, Option<u16>)>,
    ) -> u32 {
        let frames = vec![Frame::Script(script, at)];
        self.tasks.insert(Task { serves, about, vetoed: false, failure: None, frames })
    }

    /// Goes on with a task.
    pub fn resume(
        &mut self,
        number: u32,
        input: Input,
        around: &Surroundings<'_>,
        choices: &mut dyn Choices,
    ) -> Output {
        let id = self.id;
        let Some(task) = self.tasks.get_mut(number) else { return Output::End };
        let mut turn = Turn { id, task, memory: &mut self.memory, around, choices };
        turn.take(input);
        turn.run()
    }
}

/// One resumption of a task.
struct Turn<'a> {
    id: ActorId,
    task: &'a mut Task,
    memory: &'a mut Memory,
    around: &'a Surroundings<'a>,
    choices: &'a mut dyn Choices,
}

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

    fn goto(&mut self, target: u16) {
        if let Some(Frame::Script(_, at)) = self.task.frames.last_mut() {
            *at = target;
        }
    }

    fn step(&mut self) {
        if let Some(Frame::Script(_, at)) = self.task.frames.last_mut() {
            *at = at.saturating_add(1);
        }
    }

    /// What an input changes before the script goes on.
    fn take(&mut self, input: Input) {
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

    fn run(&mut self) -> Output {
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

    fn duration(&mut self, span: Span) -> Ticks {
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

    fn kernel(&mut self, op: Op) -> Output {
        let (set, volume) = self.task.about.unwrap_or((u32::MAX, None));
        let request = match op {
            Op::CopyFiles => KernelRequest::CopyFiles { object: self.memory.object.0 },
            Op::Restore(op) => KernelRequest::Restore { object: self.memory.object.0, op },
            Op::Service(name, runs) => KernelRequest::SetService { name, runs },
            Op::WriteToSnapshot { volume, path, bytes } => {
                KernelRequest::WriteToSnapshot { volume, path: path.into(), bytes }
            }
            Op::DeleteExcluded => KernelRequest::DeleteExcluded,
            Op::PrepareStorage => KernelRequest::PrepareStorage { set },
            Op::MakeWritable => KernelRequest::SetWritable { set, writable: true },
            Op::MakeReadOnly => KernelRequest::SetWritable { set, writable: false },
            _ => KernelRequest::Drop { set, volume },
        };
        Output::Call(ActorId::Kernel, Request::Kernel(request))
    }

    fn may_veto(&mut self) -> Option<Output> {
        let codes = HResult::WRITER_FAILURES;
        let actor = self.around.plan.name_of(self.id);
        let options = u32::try_from(codes.len()).unwrap_or(0) + 1;
        let picked = self.choices.pick(Point { actor, purpose: Purpose::Veto }, options) as usize;
        let Some(&failure) = picked.checked_sub(1).and_then(|picked| codes.get(picked)) else {
            self.step();
            return None;
        };
        self.task.vetoed = true;
        Some(service(Call::Writer(WriterCall::SetWriterFailure { failure })))
    }

    fn component(&self, op: ComponentOp) -> ComponentCall {
        let named = |of: &ComponentOf| self.named(of);
        match op {
            ComponentOp::SetBackupMetadata(of, metadata) => {
                ComponentCall::SetBackupMetadata { component: named(&of), metadata }
            }
            ComponentOp::SetBackupStamp(of, stamp) => ComponentCall::SetBackupStamp { component: named(&of), stamp },
            ComponentOp::SetPrepareForBackupFailureMsg(of, message) => {
                ComponentCall::SetPrepareForBackupFailureMsg { component: named(&of), message }
            }
            ComponentOp::SetPostSnapshotFailureMsg(of, message) => {
                ComponentCall::SetPostSnapshotFailureMsg { component: named(&of), message }
            }
            ComponentOp::GetBackupSucceeded(of) => ComponentCall::GetBackupSucceeded { component: named(&of) },
        }
    }

    fn named(&self, of: &ComponentOf) -> vssim_model::api::ComponentName {
        let class = self.around.plan.writers.get(usize::from(of.writer)).map(|plan| plan.class).unwrap_or_default();
        let instance = self.around.instances.get(usize::from(of.writer)).copied().unwrap_or_default();
        of.named(class, instance)
    }

    fn backup(&mut self, template: Template) -> Option<Output> {
        let call = match template {
            Template::Call(call) => call,
            Template::AddComponent(of) => BackupComponentsCall::AddComponent(self.named(&of)),
            Template::SetBackupSucceeded(of, succeeded) => {
                BackupComponentsCall::SetBackupSucceeded { component: self.named(&of), succeeded }
            }
            Template::ReportBackup(of) => {
                let succeeded = !self.memory.copy_failed && !self.memory.not_copied.contains(&of);
                BackupComponentsCall::SetBackupSucceeded { component: self.named(&of), succeeded }
            }
            Template::SetBackupOptions(of, options) => {
                BackupComponentsCall::SetBackupOptions { component: self.named(&of), options }
            }
            Template::SetPreviousBackupStamp(of, stamp) => {
                BackupComponentsCall::SetPreviousBackupStamp { component: self.named(&of), stamp }
            }
            Template::PassStamp(of, backup_type) => return self.pass_stamp(&of, backup_type),
            Template::GetSnapshotProperties(volume) => {
                let name = self.around.plan.volumes.get(usize::from(volume)).map(|volume| format!("{}\\", volume.name));
                let known = name.and_then(|name| self.memory.snapshots.0.get(&name.to_ascii_uppercase()).copied());
                BackupComponentsCall::GetSnapshotProperties { snapshot: known.unwrap_or_default() }
            }
            Template::DisableWriterInstance(writer) => {
                let instance = self.around.instances.get(usize::from(writer)).copied().unwrap_or_default();
                BackupComponentsCall::DisableWriterInstances { instances: vec![instance] }
            }
            Template::EachWriterStatus | Template::EachWriterMetadata => {
                let metadata = template == Template::EachWriterMetadata;
                if !metadata {
                    self.memory.writer_failed = false;
                }
                self.task.frames.push(Frame::Each { metadata, index: 0, count: None });
                return None;
            }
        };
        Some(self.object_call(call))
    }

    fn object_call(&self, call: BackupComponentsCall) -> Output {
        let object = self.memory.object.0;
        Output::Call(ActorId::Service, Request::Api { object, call: Call::BackupComponents(call) })
    }

    fn each(&mut self, metadata: bool, index: u32, count: Option<u32>) -> Option<Output> {
        let call = match (metadata, count) {
            (true, None) => BackupComponentsCall::GetWriterMetadataCount,
            (false, None) => BackupComponentsCall::GetWriterStatusCount,
            (_, Some(count)) if index >= count => {
                self.task.frames.pop();
                self.step();
                return None;
            }
            (true, Some(_)) => BackupComponentsCall::GetWriterMetadata { index },
            (false, Some(_)) => BackupComponentsCall::GetWriterStatus { index },
        };
        Some(self.object_call(call))
    }

    fn asynchronous(&mut self, place: u8, call: &AsyncCall) -> Option<Output> {
        let operation = self.memory.kept.get(&place).copied().unwrap_or(AsyncId(0));
        let call = match call {
            AsyncCall::Wait { milliseconds, .. } => AsyncCall::Wait { operation, milliseconds: *milliseconds },
            AsyncCall::Cancel { .. } => AsyncCall::Cancel { operation },
            _ => AsyncCall::QueryStatus { operation },
        };
        Some(service(Call::Async(call)))
    }
}

fn service(call: Call) -> Output {
    Output::Call(ActorId::Service, Request::Api { object: 0, call })
}
