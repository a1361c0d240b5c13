//! Carrying out what the service wants: answers, events, callbacks, requests to the kernel, timers, records.

use std::sync::Arc;

use vssim_model::time::Ticks;
use vssim_model::trace::{TimerEdge, TimerName, What};

use crate::message::{Answer, Request};
use crate::plan::ActorId;
use crate::queue::Class;
use crate::service::{Document, Effect, Timer};
use crate::unhashed::Unhashed;
use crate::world::{Event, Step, World};

impl World {
    /// Carries out what the service wants, in order.
    pub(crate) fn carry_out(&mut self, step: &mut Step<'_>) {
        loop {
            let mut effects = self.service.take_effects();
            if effects.is_empty() {
                self.service.recycle(effects);
                return;
            }
            for effect in effects.drain(..) {
                self.carry_out_one(effect, step);
            }
            self.service.recycle(effects);
        }
    }

    fn carry_out_one(&mut self, effect: Effect, step: &mut Step<'_>) {
        let cause = self.cause();
        match effect {
            Effect::Return(slot, hresult, out) => {
                self.queue.retain(|event| *event != Event::WaitOver(slot));
                self.reply(slot, Answer::Reply { hresult, out: Unhashed(out) }, cause, Class::Message);
            }
            Effect::Raise { delivery, writer, event, set, object } => {
                let number = self.new_call_number();
                let request = Request::Raise { event, set: set.map(Unhashed), object: object.map(Unhashed) };
                self.send(ActorId::Service, delivery, ActorId::Writer(writer), request, cause, number);
            }
            Effect::Callback { delivery, provider, call, step: callback, set, volume } => {
                let number = self.new_call_number();
                let request = Request::Callback { call: Unhashed(call), step: callback, set, volume };
                self.send(ActorId::Service, delivery, ActorId::Provider(provider), request, cause, number);
            }
            Effect::Kernel { delivery, request } => {
                let number = self.new_call_number();
                self.send(ActorId::Service, delivery, ActorId::Kernel, Request::Kernel(request), cause, number);
            }
            Effect::SetTimer(timer, after) => self.set_timer(timer, after, step),
            Effect::StopTimer(timer) => self.stop_timer(timer, step),
            Effect::Record(actor, what) => {
                self.record(step, actor, || what);
            }
            Effect::Document(actor, document) => self.put_document(actor, &document, step),
            Effect::Saved { object, text } => self.document_saved(object, &text),
            Effect::Compare(set) => self.compare(set, step),
            Effect::Examine(set) => self.examine(set, step),
            Effect::Instance(writer, instance) => {
                self.record(step, ActorId::Writer(writer), || What::Instance { instance });
                self.new_instance(writer, instance);
            }
        }
    }

    pub(crate) fn put_document(&mut self, actor: ActorId, document: &Document, step: &mut Step<'_>) {
        if !step.recorder.is_on() || self.documents.contains(&document.sha256) {
            return;
        }
        Arc::make_mut(&mut self.documents.0).insert(document.sha256.clone());
        let (sha256, kind, text) = (document.sha256.clone(), document.kind, document.text.to_string());
        self.record(step, actor, || What::Document { sha256, kind, text });
    }

    fn set_timer(&mut self, timer: Timer, after: Ticks, step: &mut Step<'_>) {
        let due = self.now + after;
        // One that is set anew runs from now on.
        self.queue.retain(|event| *event != Event::Service(timer));
        self.queue.push(due, Class::Limit, self.cause(), Event::Service(timer));
        if let Timer::FreezeWindow(writer) = timer {
            let name = TimerName::FreezeWindow(self.name(ActorId::Writer(writer)).clone());
            self.record(step, ActorId::Service, || What::Timer { name, edge: TimerEdge::Set(due) });
        }
    }

    fn stop_timer(&mut self, timer: Timer, step: &mut Step<'_>) {
        let wanted = Event::Service(timer);
        let runs = self.queue.iter().any(|entry| entry.event == wanted);
        if !runs {
            return;
        }
        self.queue.retain(|event| *event != wanted);
        if let Timer::FreezeWindow(writer) = timer {
            let name = TimerName::FreezeWindow(self.name(ActorId::Writer(writer)).clone());
            self.record(step, ActorId::Service, || What::Timer { name, edge: TimerEdge::Stopped });
        }
    }
}
