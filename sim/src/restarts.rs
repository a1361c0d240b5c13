//! Processes of writers that end and start again.
//!
//! What the old process waited for, and who waited for it, is gone with it; the new one begins with nothing.

use std::sync::Arc;

use vssim_model::ids::WriterInstanceId;
use vssim_model::time::Ticks;
use vssim_model::trace::{ProcessEdge, What};

use crate::actor::{Input, ScriptRef};
use crate::plan::ActorId;
use crate::queue::Class;
use crate::world::{Event, Step, World};

impl World {
    /// The process of a writer starts, at an instruction of its main script.
    pub(crate) fn start_writer(&mut self, writer: u16, at: u16, step: &mut Step<'_>) {
        let actor = ActorId::Writer(writer);
        let Some(index) = self.process_index(actor) else { return };
        let n = self.record(step, actor, || What::Process(ProcessEdge::Started));
        self.set_cause(n);
        let Some(process) = self.processes.get_mut(index) else { return };
        process.alive = true;
        let task = process.spawn_at(ScriptRef::Main, at, None, None);
        self.resume(actor, task, Input::Go, step);
    }

    /// The process of a writer ends; perhaps it starts again.
    pub(crate) fn stop_writer(&mut self, actor: ActorId, again: Option<(Ticks, u16)>, step: &mut Step<'_>) {
        let (ActorId::Writer(writer), Some(index)) = (actor, self.process_index(actor)) else { return };
        let n = self.record(step, actor, || What::Process(ProcessEdge::Exited));
        self.set_cause(n);
        self.end_process(index);
        self.queue.retain(
            |event| !matches!(event, Event::Wake(of, _) | Event::GoOn(of, _) | Event::Start(of) if *of == actor),
        );
        // Answers to its calls arrive at nobody, also when a new process has tasks of the same numbers.
        for (_, call) in self.calls.iter_mut().filter(|(_, call)| call.from == actor) {
            call.task = u32::MAX;
        }
        self.service.writer_process_ended(writer, self.now);
        self.carry_out(step);
        self.nobody_answers(actor, n);
        if let Some((after, at)) = again {
            self.queue.push(self.now + after, Class::Message, n, Event::StartWriter(writer, at));
        }
    }

    /// A writer is a new instance.
    pub(crate) fn new_instance(&mut self, writer: u16, instance: WriterInstanceId) {
        let mut instances = self.instances.to_vec();
        if let Some(known) = instances.get_mut(usize::from(writer)) {
            *known = instance;
        }
        self.instances = Arc::from(instances);
    }
}
