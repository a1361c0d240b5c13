//! The world: everything that a run changes, as one value.
//!
//! A step takes the next event (moment, class, insertion number; among simultaneous ones by choice), hands it to its one
//! owner, carries out the effects in order, records what happened, and looks at the invariants.
//!
//! ```text
//!  Deliver ─► service, writer, provider, application, kernel      Answer ─► whoever made the call
//!  Wake    ─► an actor whose time has passed                      Limit  ─► the service, the kernel
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use vssim_model::api::{AsyncCall, Call};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, WriterInstanceId};
use vssim_model::time::Ticks;
use vssim_model::trace::{CallId, EventLog, EventLogEntry, Name, ProcessEdge, TimerEdge, TimerName, What};

use crate::actor::{Input, Output, Process, ScriptRef, Surroundings};
use crate::application::Application;
use crate::backup_store::BackupStore;
use crate::choices::{Choices, Point, Purpose};
use crate::copying::Copying;
use crate::identity::Compared;
use crate::invariant::{Broken, Watch};
use crate::kernel::Kernel;
use crate::message::{Answer, OpenCall, Request, Slot};
use crate::plan::{ActorId, KERNEL, Plan, SERVICE};
use crate::queue::{Class, Queue};
use crate::record::Recorder;
use crate::service::methods::Caller;
use crate::service::{Planted, Service, Timer};
use crate::slots::Slots;
use crate::storage::Storage;
use crate::unhashed::Unhashed;

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// An actor starts.
    Start(ActorId),
    /// The process of a writer with a main script starts, at this instruction.
    StartWriter(u16, u16),
    /// A call arrives.
    Deliver(Slot),
    /// An answer arrives at the caller.
    Answer(Slot, Answer),
    /// An actor's time has passed.
    Wake(ActorId, u32),
    /// An actor goes on after it answered.
    GoOn(ActorId, u32),
    /// A timer of the service runs out.
    Service(Timer),
    /// The time given to IVssAsync::Wait is over.
    WaitOver(Slot),
    /// The kernel finished what it was asked for.
    KernelDone(Slot),
    /// The transaction managers did not freeze or thaw in time.
    TransactionsLate(Slot),
    /// 10 s of flush and hold are over.
    HoldLimit,
    /// An application writes.
    Load(u16),
    /// Something happens to the machine by itself.
    Incident(u16),
    /// A shadow copy of the volume that was never finished was deleted when the machine started.
    Unfinished(u16),
}

/// Everything that a run changes.
#[derive(Clone, Debug)]
pub struct World {
    /// What it was built from.
    pub plan: Arc<Plan>,
    /// The virtual time.
    pub now: Ticks,
    /// What is due.
    pub queue: Queue<Event>,
    /// The VSS service.
    pub service: Service,
    /// Requesters, writers, providers, in this order.
    pub processes: Vec<Process>,
    /// Applications.
    pub applications: Vec<Application>,
    /// The kernel.
    pub kernel: Kernel,
    /// Disks and volumes.
    pub storage: Storage,
    /// What requesters backed up, in this run or before it.
    pub store: Arc<BackupStore>,
    pub(crate) copying: Copying,
    pub(crate) compared: Compared,
    /// Restores: services, what was chosen, what waits for the next start.
    pub restores: crate::restore::Restores,
    /// Calls under way.
    pub calls: Slots<OpenCall>,
    /// What the invariants remember.
    pub watch: Watch,
    pub(crate) names: Arc<Names>,
    pub(crate) instances: Arc<[WriterInstanceId]>,
    pub(crate) documents: Unhashed<Arc<BTreeSet<String>>>,
    calls_made: Unhashed<u64>,
    cause: Unhashed<u64>,
    /// Changes the ids that are drawn when shadow copies are on the volumes already: the same seed may have made those.
    salt: Unhashed<u64>,
}

/// The actors' names, made once.
#[derive(Debug)]
pub(crate) struct Names {
    service: Name,
    kernel: Name,
    requesters: Vec<Name>,
    writers: Vec<Name>,
    providers: Vec<Name>,
    applications: Vec<Name>,
}

impl Names {
    fn of(plan: &Plan) -> Names {
        Names {
            service: SERVICE.into(),
            kernel: KERNEL.into(),
            requesters: plan.requesters.iter().map(|plan| plan.name.clone()).collect(),
            writers: plan.writers.iter().map(|plan| plan.name.clone()).collect(),
            providers: plan.providers.iter().map(|plan| plan.name.clone()).collect(),
            applications: plan.applications.iter().map(|plan| plan.name.clone()).collect(),
        }
    }

    fn get(&self, actor: ActorId) -> &Name {
        match actor {
            ActorId::Service => &self.service,
            ActorId::Kernel => &self.kernel,
            ActorId::Requester(index) => self.requesters.get(usize::from(index)).unwrap_or(&self.service),
            ActorId::Writer(index) => self.writers.get(usize::from(index)).unwrap_or(&self.service),
            ActorId::Provider(index) => self.providers.get(usize::from(index)).unwrap_or(&self.service),
            ActorId::Application(index) => self.applications.get(usize::from(index)).unwrap_or(&self.service),
        }
    }
}

/// What one step needs beside the world.
pub struct Step<'a> {
    /// Answers whatever is open.
    pub choices: &'a mut dyn Choices,
    /// Takes the records in.
    pub recorder: &'a mut dyn Recorder,
}

impl World {
    pub(crate) fn set_cause(&mut self, record: u64) {
        self.cause = Unhashed(record);
    }

    /// The number of the record that is the cause of what happens now.
    pub(crate) fn cause(&self) -> u64 {
        self.cause.0
    }

    pub(crate) fn assemble(
        plan: Arc<Plan>,
        storage: Storage,
        applications: Vec<Application>,
        choices: &mut dyn Choices,
    ) -> World {
        let draw = |choices: &mut dyn Choices, actor: &str| {
            let (high, low) = (choices.bits(id_point(actor)), choices.bits(id_point(actor)));
            Guid::from_random_bits(u128::from(high) << 64 | u128::from(low))
        };
        let instances: Arc<[WriterInstanceId]> = plan
            .writers
            .iter()
            .map(|writer| writer.instance.unwrap_or_else(|| WriterInstanceId(draw(choices, &writer.name))))
            .collect();
        let mut service = Service::new(Arc::clone(&plan), &instances);
        service.prepare_documents();
        let count = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        let processes = (0..count(plan.requesters.len()))
            .map(ActorId::Requester)
            .chain((0..count(plan.writers.len())).map(ActorId::Writer))
            .chain((0..count(plan.providers.len())).map(ActorId::Provider))
            .map(Process::new)
            .collect();
        let mut queue = Queue::default();
        for (index, requester) in (0_u16..).zip(&plan.requesters) {
            queue.push(requester.starts, Class::Message, 0, Event::Start(ActorId::Requester(index)));
        }
        for (index, writer) in (0_u16..).zip(&plan.writers) {
            if writer.main.is_some() {
                queue.push(Ticks::ZERO, Class::Message, 0, Event::StartWriter(index, 0));
            }
            if let Some((at, _)) = writer.background {
                queue.push(at, Class::Message, 0, Event::Start(ActorId::Writer(index)));
            }
        }
        for index in 0..count(applications.len()) {
            queue.push(Ticks::ZERO, Class::Load, 0, Event::Load(index));
        }
        for (number, incident) in (0_u16..).zip(&plan.incidents) {
            queue.push(incident.at, Class::Kernel, 0, Event::Incident(number));
        }
        let restores = crate::restore::Restores::of(&plan);
        let salt = Unhashed(storage.digest_of_ids());
        let compared = Compared::of(&plan);
        World {
            names: Arc::new(Names::of(&plan)),
            kernel: Kernel::default(),
            watch: Watch::new(&plan),
            plan,
            now: Ticks::ZERO,
            queue,
            service,
            processes,
            applications,
            storage,
            store: Arc::default(),
            copying: Copying::default(),
            compared,
            restores,
            calls: Slots::default(),
            instances,
            documents: Unhashed(Arc::default()),
            calls_made: Unhashed(0),
            cause: Unhashed(0),
            salt,
        }
    }

    /// The process of an actor that runs scripts.
    #[must_use]
    pub fn process(&self, actor: ActorId) -> Option<&Process> {
        self.processes.get(self.process_index(actor)?)
    }

    pub(crate) fn process_mut(&mut self, actor: ActorId) -> Option<&mut Process> {
        let index = self.process_index(actor)?;
        self.processes.get_mut(index)
    }

    pub(crate) fn process_index(&self, actor: ActorId) -> Option<usize> {
        let (requesters, writers) = (self.plan.requesters.len(), self.plan.writers.len());
        match actor {
            ActorId::Requester(index) => Some(usize::from(index)),
            ActorId::Writer(index) => Some(requesters + usize::from(index)),
            ActorId::Provider(index) => Some(requesters + writers + usize::from(index)),
            _ => None,
        }
    }

    pub(crate) fn name(&self, actor: ActorId) -> &Name {
        self.names.get(actor)
    }

    /// Puts something on record; later records of this step can name it as their cause.
    pub(crate) fn record(&mut self, step: &mut Step<'_>, actor: ActorId, what: impl FnOnce() -> What) -> u64 {
        if !step.recorder.is_on() {
            return 0;
        }
        let cause = self.cause.0;
        step.recorder.record(self.now, self.names.get(actor), what(), cause)
    }

    /// Whether anything is left to do but application load.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.queue.iter().all(|entry| entry.class == Class::Load)
    }

    /// Carries out the next event. False when none is left that matters.
    ///
    /// # Errors
    /// An invariant that the step broke.
    pub fn step(&mut self, step: &mut Step<'_>) -> Result<bool, Broken> {
        if self.is_over() {
            return Ok(false);
        }
        let simultaneous = self.queue.simultaneous();
        let order = Point { actor: SERVICE, purpose: Purpose::Order };
        let picked = if simultaneous > 1 { step.choices.pick(order, simultaneous) } else { 0 };
        let Some(entry) = self.queue.take(picked) else { return Ok(false) };
        self.now = entry.at.max(self.now);
        self.storage.set_time(self.plan.start + self.now.0);
        self.cause = Unhashed(entry.cause);
        self.handle(entry.event, step);
        self.look(step)?;
        Ok(true)
    }

    fn handle(&mut self, event: Event, step: &mut Step<'_>) {
        match event {
            Event::Start(actor) => self.start(actor, step),
            Event::StartWriter(writer, at) => self.start_writer(writer, at, step),
            Event::Deliver(slot) => self.deliver(slot, step),
            Event::Answer(slot, answer) => self.answer(slot, answer, step),
            Event::Wake(actor, task) => self.resume(actor, task, Input::Woken, step),
            Event::GoOn(actor, task) => self.resume(actor, task, Input::Go, step),
            Event::Service(timer) => self.service_timer(timer, step),
            Event::WaitOver(slot) => {
                self.service.wait_is_over(slot);
                self.carry_out(step);
            }
            Event::KernelDone(slot) => self.kernel_done(slot, step),
            Event::TransactionsLate(slot) => self.transactions_late(slot, step),
            Event::HoldLimit => self.hold_limit(step),
            Event::Load(application) => self.load(application, step),
            Event::Incident(number) => self.incident(number, step),
            Event::Unfinished(volume) => self.unfinished(volume, step),
        }
    }

    fn start(&mut self, actor: ActorId, step: &mut Step<'_>) {
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

    fn deliver(&mut self, slot: Slot, step: &mut Step<'_>) {
        let Some(call) = self.calls.get(slot) else { return };
        let (from, to, number) = (call.from, call.to, call.number.0);
        if self.process(to).is_some_and(|process| !process.alive) {
            self.reply(slot, Answer::Gone, self.cause.0, Class::Message);
            return;
        }
        match call.request.clone() {
            Request::Api { object, call } => self.deliver_to_service(slot, from, object, &call, step),
            Request::Raise { event, set } => {
                let set = set.map(|set| set.0);
                let n = self.record(step, to, || What::Event { id: number, event, set });
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

    fn begin(
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

    fn deliver_to_service(&mut self, slot: Slot, from: ActorId, object: u32, call: &Call, step: &mut Step<'_>) {
        self.fill_ids(step);
        let before = self.watch.demands_proof().then(|| self.service.digest());
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
                let task = self.calls.get(slot).map(|call| call.task);
                let delivery = task.and_then(|task| self.delivery_of(from, task));
                if let Call::Method(call) = call {
                    let caller = Caller { actor: from, slot, object, delivery };
                    self.service.method_called(caller, call, self.now);
                } else {
                    self.service.writer_calls(slot, delivery, call);
                }
            }
            _ => {}
        }
        if before.is_some_and(|before| self.service.has_failed(slot) && self.service.digest() != before) {
            let (interface, method) = call.name();
            self.watch.changed_by_failure(format!("{interface}::{method}"));
        }
        self.carry_out(step);
    }

    /// The service may need ids in what follows; it draws nothing itself.
    fn fill_ids(&mut self, step: &mut Step<'_>) {
        while self.service.id_bits.len() < 4 {
            let bits = step.choices.bits(id_point(SERVICE));
            self.service.id_bits.push(bits ^ *self.salt);
        }
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
        let store = Arc::clone(&self.store);
        let around = Surroundings { plan: &plan, instances: &instances, volumes: &volumes, store: &store, full };
        let Some(process) = self.processes.get_mut(index) else { return };
        if !process.alive {
            return;
        }
        match process.resume(task, input, &around, step.choices) {
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
    fn delivery_of(&self, actor: ActorId, task: u32) -> Option<u32> {
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

    /// An answer arrives.
    fn answer(&mut self, slot: Slot, answer: Answer, step: &mut Step<'_>) {
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

    fn service_timer(&mut self, timer: Timer, step: &mut Step<'_>) {
        if let Timer::FreezeWindow(writer) = timer {
            let name = TimerName::FreezeWindow(self.name(ActorId::Writer(writer)).clone());
            let n = self.record(step, ActorId::Service, || What::Timer { name, edge: TimerEdge::Fired });
            self.cause = Unhashed(n);
        }
        self.service.timer(timer, self.now);
        self.carry_out(step);
    }
}

const fn id_point(actor: &str) -> Point<'_> {
    Point { actor, purpose: Purpose::Id }
}
