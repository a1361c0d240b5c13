//! The world: everything that a run changes, as one value.
//!
//! A step takes the next event (moment, class, insertion number; among simultaneous ones by choice), hands it to its one
//! owner, carries out the effects in order, records what happened, and looks at the invariants.
//!
//! ```text
//!  Deliver ─► service, writer, provider, application, kernel      Answer ─► whoever made the call
//!  Wake    ─► an actor whose time has passed                      Limit  ─► the service, the kernel
//! ```

mod messages;
mod tasks;

use std::collections::BTreeSet;
use std::sync::Arc;

use vssim_model::ids::{Guid, WriterInstanceId};
use vssim_model::time::Ticks;
use vssim_model::trace::{Name, What};

use crate::actor::{Input, Process};
use crate::application::Application;
use crate::backup_store::BackupStore;
use crate::choices::{Choices, Point, Purpose};
use crate::copying::Copying;
use crate::identity::Compared;
use crate::invariant::{Broken, Watch};
use crate::kernel::Kernel;
use crate::message::{Answer, OpenCall, Slot};
use crate::plan::{ActorId, KERNEL, Plan, SERVICE};
use crate::queue::{Class, Queue};
use crate::record::Recorder;
use crate::service::{Service, Timer};
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
    pub(crate) calls_made: Unhashed<u64>,
    pub(crate) cause: Unhashed<u64>,
    /// Changes the ids that are drawn when shadow copies are on the volumes already: the same seed may have made those.
    pub(crate) salt: Unhashed<u64>,
    /// What a call that fails leaves behind: a planted defect.
    #[cfg(test)]
    pub(crate) leak: Option<fn(&mut World)>,
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
            #[cfg(test)]
            leak: None,
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
}

const fn id_point(actor: &str) -> Point<'_> {
    Point { actor, purpose: Purpose::Id }
}
