//! Processes that end, in good order or not; and what the tasks of a process serve.

use std::collections::BTreeSet;

use vssim_model::trace::{ProcessEdge, What};

use crate::choices::{Point, Purpose};
use crate::message::{Answer, Slot};
use crate::plan::ActorId;
use crate::queue::Class;
use crate::slots::Slots;
use crate::world::{Event, Step, World};

impl World {
    /// A task is over: with it a requester's process ends in good order.
    pub(crate) fn task_ends(&mut self, actor: ActorId, index: usize, task: u32, step: &mut Step<'_>) {
        if let Some(process) = self.processes.get_mut(index) {
            process.tasks.remove(task);
        }
        if let ActorId::Requester(requester) = actor {
            let n = self.record(step, actor, || What::Process(ProcessEdge::Exited));
            self.set_cause(n);
            self.end_process(index);
            self.service.requester_gone(requester, self.now);
            self.carry_out(step);
        }
    }

    /// The process is gone, with all that it was doing.
    pub(crate) fn end_process(&mut self, index: usize) {
        if let Some(process) = self.processes.get_mut(index) {
            process.alive = false;
            process.tasks = Slots::default();
            process.memory = crate::actor::Memory::default();
        }
    }

    /// Where a plan leaves crashes open, a requester may die whenever it would go on.
    pub(crate) fn crashes(&mut self, actor: ActorId, step: &mut Step<'_>) -> bool {
        let ActorId::Requester(_) = actor else { return false };
        if !self.plan.open.crashes || !self.process(actor).is_some_and(|process| process.alive) {
            return false;
        }
        let at = Point { actor: self.name(actor), purpose: Purpose::Crash };
        if step.choices.pick(at, 2) == 0 {
            return false;
        }
        self.crash(actor, step);
        true
    }

    /// A process dies.
    pub(crate) fn crash(&mut self, actor: ActorId, step: &mut Step<'_>) {
        let Some(index) = self.process_index(actor) else { return };
        let n = self.record(step, actor, || What::Process(ProcessEdge::Crashed));
        self.set_cause(n);
        self.end_process(index);
        if let ActorId::Requester(requester) = actor {
            self.service.requester_gone(requester, self.now);
            self.carry_out(step);
            return;
        }
        self.nobody_answers(actor, n);
    }

    /// Whoever waits for a process that is gone learns of it at once. An answer that has left the process arrives.
    pub(crate) fn nobody_answers(&mut self, actor: ActorId, n: u64) {
        let is_answer = |event: &Event| if let Event::Answer(slot, _) = event { Some(*slot) } else { None };
        let answered: BTreeSet<Slot> = self.queue.iter().filter_map(|entry| is_answer(&entry.event)).collect();
        let waits = |slot: &Slot, to: ActorId| to == actor && !answered.contains(slot);
        let calls = self.calls.iter();
        let unanswered: Vec<Slot> = calls.filter(|(slot, call)| waits(slot, call.to)).map(|(slot, _)| slot).collect();
        for slot in unanswered {
            self.queue.retain(|event| *event != Event::Deliver(slot));
            self.reply(slot, Answer::Gone, n, Class::Message);
        }
    }
}
