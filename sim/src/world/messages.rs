//! Messages between actors, service, kernel and applications: sent, delivered, answered; and the timers of the service.

use vssim_model::api::{AsyncCall, Call};
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;
use vssim_model::trace::{CallId, TimerEdge, TimerName, What};

use super::{Event, Step, World, id_point};
use crate::actor::{Input, ScriptRef};
use crate::message::{Answer, OpenCall, Request, Slot};
use crate::plan::{ActorId, SERVICE};
use crate::queue::Class;
use crate::service::Timer;
use crate::service::methods::Caller;
use crate::unhashed::Unhashed;

impl World {
    /// Sends a request; it arrives at this very moment, as an event of its own.
    pub(crate) fn send(
        &mut self,
        from: ActorId,
        task: u32,
        to: ActorId,
        request: Request,
        cause: u64,
        number: CallId,
    ) -> Slot {
        let slot =
            self.calls.insert(OpenCall { from, task, to, request, number: Unhashed(number), cause: Unhashed(cause) });
        self.queue.push(self.now, Class::Message, cause, Event::Deliver(slot));
        slot
    }

    pub(crate) fn new_call_number(&mut self) -> CallId {
        self.calls_made.0 += 1;
        CallId(self.calls_made.0)
    }

    /// Sends an answer back to whoever made the call.
    pub(crate) fn reply(&mut self, slot: Slot, answer: Answer, cause: u64, class: Class) {
        self.queue.push(self.now, class, cause, Event::Answer(slot, answer));
    }

    pub(super) fn deliver(&mut self, slot: Slot, step: &mut Step<'_>) {
        let Some(call) = self.calls.get(slot) else { return };
        let (from, to, number) = (call.from, call.to, call.number.0);
        if self.process(to).is_some_and(|process| !process.alive) {
            self.reply(slot, Answer::Gone, self.cause.0, Class::Message);
            return;
        }
        match call.request.clone() {
            Request::Api { object, call } => self.deliver_to_service(slot, from, object, &call, step),
            Request::Raise { event, set, object } => {
                let (set, object) = (set.map(|set| set.0), object.map(|object| object.0));
                let n = self.record(step, to, || What::Event { id: number, event, set, object });
                self.begin(slot, to, ScriptRef::Handler(event), None, n, step);
            }
            Request::Callback { call, step: callback, set, volume } => {
                let n = self.record(step, to, || What::Callback { id: number, call: call.0 });
                self.begin(slot, to, ScriptRef::Callback(callback), Some((set, volume)), n, step);
            }
            Request::Kernel(request) => self.kernel_asked(slot, from, request, step),
            Request::Order(order) => self.ordered(slot, to, &order),
        }
    }

    fn deliver_to_service(&mut self, slot: Slot, from: ActorId, object: u32, call: &Call, step: &mut Step<'_>) {
        self.fill_ids(step);
        let task = self.calls.get(slot).map(|call| call.task);
        let delivery =
            task.filter(|_| matches!(from, ActorId::Writer(_))).and_then(|task| self.delivery_of(from, task));
        let proof = self.proof_begins(Caller { actor: from, slot, object, delivery }, call);
        match from {
            ActorId::Requester(requester) => {
                self.service.requester_calls(slot, requester, object, call, self.now);
                let typed = if let Call::Method(call) = call { call.typed() } else { None };
                if let Call::Async(AsyncCall::Wait { milliseconds: Some(limit), .. }) = typed.as_ref().unwrap_or(call) {
                    let at = self.now + Ticks::from_millis(u64::from(*limit));
                    self.queue.push(at, Class::Limit, self.cause.0, Event::WaitOver(slot));
                }
            }
            ActorId::Writer(_) => {
                if let Call::Method(call) = call {
                    let caller = Caller { actor: from, slot, object, delivery };
                    self.service.method_called(caller, call, self.now);
                } else {
                    self.service.writer_calls(slot, delivery, call);
                }
            }
            _ => {}
        }
        let failed = self.service.has_failed(slot);
        self.carry_out(step);
        if let Some(proof) = proof.filter(|_| failed) {
            self.proof_ends(&proof, slot, call, step);
        }
    }

    /// The service may need ids in what follows; it draws nothing itself.
    fn fill_ids(&mut self, step: &mut Step<'_>) {
        while self.service.id_bits.len() < 4 {
            let bits = step.choices.bits(id_point(SERVICE));
            self.service.id_bits.push(bits ^ *self.salt);
        }
    }

    /// An answer arrives.
    pub(super) fn answer(&mut self, slot: Slot, answer: Answer, step: &mut Step<'_>) {
        let Some(call) = self.calls.remove(slot) else { return };
        if call.from == ActorId::Service {
            self.fill_ids(step);
            self.service.answered(call.task, &answer, self.now);
            self.carry_out(step);
            return;
        }
        let alive = self.process(call.from).is_some_and(|process| process.alive);
        if !alive {
            return;
        }
        let id = call.number.0;
        if self.cause.0 == 0 {
            self.cause = call.cause;
        }
        let n = match (&answer, &call.request) {
            (Answer::Reply { hresult, out }, _) => {
                let (hresult, out) = (*hresult, out.0.clone());
                self.record(step, call.from, || What::Return { id, hresult, out })
            }
            (Answer::Ordered, _) => {
                let hresult = HResult::S_OK;
                self.record(step, call.from, || What::Return { id, hresult, out: vssim_model::api::Out::Nothing })
            }
            _ => self.cause.0,
        };
        self.cause = Unhashed(n);
        self.resume(call.from, call.task, Input::Returned(answer), step);
    }

    pub(super) fn service_timer(&mut self, timer: Timer, step: &mut Step<'_>) {
        if let Timer::FreezeWindow(writer) = timer {
            let name = TimerName::FreezeWindow(self.name(ActorId::Writer(writer)).clone());
            let n = self.record(step, ActorId::Service, || What::Timer { name, edge: TimerEdge::Fired });
            self.cause = Unhashed(n);
        }
        self.service.timer(timer, self.now);
        self.carry_out(step);
    }
}
