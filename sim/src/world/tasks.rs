//! Actors' tasks: begun, resumed, and what is made of each output.

use std::sync::Arc;

use vssim_model::api::Call;
use vssim_model::trace::{EventLog, EventLogEntry, ProcessEdge, What};

use super::{Event, Step, World};
use crate::actor::{Input, Output, ScriptRef, Surroundings};
use crate::message::{Answer, Request, Slot};
use crate::plan::ActorId;
use crate::queue::Class;
use crate::service::Planted;
use crate::unhashed::Unhashed;

impl World {
    pub(super) fn start(&mut self, actor: ActorId, step: &mut Step<'_>) {
        let script = if matches!(actor, ActorId::Requester(_)) { ScriptRef::Main } else { ScriptRef::Background };
        let Some(index) = self.process_index(actor) else { return };
        if matches!(actor, ActorId::Requester(_)) {
            let n = self.record(step, actor, || What::Process(ProcessEdge::Started));
            self.cause = Unhashed(n);
        }
        let Some(process) = self.processes.get_mut(index) else { return };
        let task = process.spawn(script, None, None);
        self.resume(actor, task, Input::Go, step);
    }

    pub(super) fn begin(
        &mut self,
        slot: Slot,
        to: ActorId,
        script: ScriptRef,
        about: Option<(u32, Option<u16>)>,
        cause: u64,
        step: &mut Step<'_>,
    ) {
        self.cause = Unhashed(cause);
        let Some(process) = self.process_index(to).and_then(|index| self.processes.get_mut(index)) else { return };
        let task = process.spawn(script, Some(slot), about);
        self.resume(to, task, Input::Go, step);
    }

    /// Goes on with a task of an actor, as far as it goes without waiting.
    pub(crate) fn resume(&mut self, actor: ActorId, task: u32, input: Input, step: &mut Step<'_>) {
        if self.crashes(actor, step) {
            return;
        }
        let Some(index) = self.process_index(actor) else { return };
        let volumes = self.volumes_about(actor, index, task);
        let plan = Arc::clone(&self.plan);
        let instances = Arc::clone(&self.instances);
        let full = self.full_about(actor, index, task);
        let keeps_log = self.keeps_log(actor, task);
        let store = Arc::clone(&self.store);
        let around =
            Surroundings { plan: &plan, instances: &instances, volumes: &volumes, store: &store, full, keeps_log };
        let Some(process) = self.processes.get_mut(index) else { return };
        if !process.alive {
            return;
        }
        let output = process.resume(task, input, &around, step.choices);
        self.service.held.release(actor, &std::mem::take(&mut process.memory.released.0));
        match output {
            Output::Call(to, request) => self.actor_calls(actor, task, to, request, step),
            Output::Wait(time) => {
                self.queue.push(self.now + time, Class::Message, self.cause.0, Event::Wake(actor, task));
            }
            Output::Hang => {}
            Output::Done { answer, more } => self.actor_answers(actor, task, answer, more, step),
            Output::Log(message) => self.actor_logs(actor, task, message, step),
            Output::Damage(planted) => self.actor_damages(actor, task, &planted, step),
            Output::End => self.task_ends(actor, index, task, step),
            Output::Crash => self.crash(actor, step),
            Output::Stop(again) => self.stop_writer(actor, again, step),
        }
    }

    /// An actor writes to the event log. Nobody waits for that, and nothing comes of it.
    fn actor_logs(&mut self, actor: ActorId, task: u32, message: String, step: &mut Step<'_>) {
        let source = self.name(actor).to_string();
        self.record(step, actor, || {
            What::EventLog(EventLogEntry { log: EventLog::Application, source, id: None, message })
        });
        self.queue.push(self.now, Class::Message, self.cause.0, Event::GoOn(actor, task));
    }

    /// An actor plants a fault into a document that it holds. Nobody else learns of it until somebody reads there.
    fn actor_damages(&mut self, actor: ActorId, task: u32, planted: &Planted, step: &mut Step<'_>) {
        let delivery = self.delivery_of(actor, task);
        let document = self.service.damage(actor, delivery, planted);
        let fault = planted.fault.clone();
        self.record(step, actor, || What::Damaged {
            document,
            element: fault.element,
            which: fault.which,
            attribute: fault.attribute,
            value: fault.value,
        });
        self.queue.push(self.now, Class::Message, self.cause.0, Event::GoOn(actor, task));
    }

    /// The service's number for the event that a task handles.
    pub(crate) fn delivery_of(&self, actor: ActorId, task: u32) -> Option<u32> {
        let serves = self.process(actor)?.tasks.get(task)?.serves?;
        self.calls.get(serves).map(|call| call.task)
    }

    /// The volumes of the set that a provider's callback is about, as far as they are the provider's.
    fn volumes_about(&self, actor: ActorId, index: usize, task: u32) -> Vec<u16> {
        let ActorId::Provider(provider) = actor else { return Vec::new() };
        let about = self.processes.get(index).and_then(|process| process.tasks.get(task)?.about);
        let Some(set) = about.and_then(|(set, _)| self.service.sets.get(set)) else { return Vec::new() };
        set.shadows.iter().filter(|shadow| shadow.provider == provider).map(|shadow| shadow.volume).collect()
    }

    /// Whether the volume that a provider's callback is about has as many shadow copies as it may have.
    fn full_about(&self, actor: ActorId, index: usize, task: u32) -> bool {
        let ActorId::Provider(_) = actor else { return false };
        let about = self.processes.get(index).and_then(|process| process.tasks.get(task)?.about);
        about.is_some_and(|(set, volume)| volume.is_some_and(|volume| self.is_full_of_copies(set, volume)))
    }

    /// Whether the backup whose event a writer handles leaves the writer's log as it is.
    fn keeps_log(&self, actor: ActorId, task: u32) -> bool {
        let ActorId::Writer(writer) = actor else { return false };
        self.service.keeps_log(writer, self.delivery_of(actor, task))
    }

    fn actor_calls(&mut self, actor: ActorId, task: u32, to: ActorId, request: Request, step: &mut Step<'_>) {
        let number = self.new_call_number();
        let recorded = match &request {
            Request::Api { object, call } => Some((*object, call.clone())),
            Request::Order(order) => Some((0, Call::Application(order.clone()))),
            _ => None,
        };
        let cause = match recorded {
            Some((object, call)) => self.record(step, actor, || What::Call { id: number, object, call }),
            None => self.cause.0,
        };
        self.send(actor, task, to, request, cause, number);
    }

    fn actor_answers(&mut self, actor: ActorId, task: u32, answer: Answer, more: bool, step: &mut Step<'_>) {
        let Some(index) = self.process_index(actor) else { return };
        let Some(process) = self.processes.get_mut(index) else { return };
        let serves = process.tasks.get_mut(task).and_then(|task| task.serves.take());
        if !more {
            process.tasks.remove(task);
        }
        let answered = serves.and_then(|slot| Some((slot, self.calls.get(slot)?.clone())));
        let mut cause = self.cause.0;
        if let Some((slot, call)) = answered {
            let id = call.number.0;
            let answer = match (answer, &call.request) {
                (Answer::Handled { returned, .. }, Request::Raise { event, .. }) => {
                    let failure = self.service.failure_of(call.task);
                    let event = *event;
                    cause = self.record(step, actor, || What::Handled { id, event, returned, failure });
                    Answer::Handled { returned, failure }
                }
                (Answer::Provider(hresult), _) => {
                    cause = self.record(step, actor, || What::CallbackReturn { id, hresult });
                    Answer::Provider(hresult)
                }
                (answer, _) => answer,
            };
            self.reply(slot, answer, cause, Class::Message);
        }
        if more {
            self.queue.push(self.now, Class::Message, cause, Event::GoOn(actor, task));
        }
    }
}
