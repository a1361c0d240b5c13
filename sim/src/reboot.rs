//! The machine is shut down in good order and starts again.
//!
//! ```text
//!  held writes land ─► every process ends ─► the service forgets its objects ─► shadow copies that are not persistent go
//!    ─► the machine starts ─► writers have new instances ─► requesters whose time has not come yet start at their time
//! ```
//!
//! Persistent shadow copies stay, and stay exposed; a revert goes on (docs/choices.md, `reboot`).

use vssim_model::event_log;
use vssim_model::ids::{Guid, SnapshotId, WriterInstanceId};
use vssim_model::trace::{ProcessEdge, What};

use crate::actor::{Memory, Process};
use crate::choices::{Point, Purpose};
use crate::message::{KernelRequest, OpenCall, Request, Slot};
use crate::plan::ActorId;
use crate::queue::Class;
use crate::world::{Event, Step, World};

impl World {
    /// The machine goes down and comes up, which takes no time.
    pub(crate) fn reboot(&mut self, step: &mut Step<'_>) {
        self.release_writes(step);
        self.end_processes(step);
        self.forget_events();
        let gone = self.service.shut_down();
        self.carry_out(step);
        for (volume, snapshot, unfinished) in gone {
            self.drop_at_start(volume, snapshot, unfinished, step);
        }
        self.start_again(step);
    }

    /// What a machine does when it starts, in order. Files that are to be moved at the next start come before any process.
    fn start_again(&mut self, step: &mut Step<'_>) {
        self.carry_out_moves(step);
        self.resume_applications();
        let instances: Vec<WriterInstanceId> =
            (0..self.instances.len()).map(|at| self.instance_after_reboot(at, step)).collect();
        for (writer, &instance) in (0_u16..).zip(&instances) {
            if self.plan.writers.get(usize::from(writer)).is_some_and(|plan| plan.main.is_some()) {
                self.queue.push(self.now, Class::Message, self.cause(), Event::StartWriter(writer, 0));
            } else {
                self.record(step, ActorId::Writer(writer), || What::Process(ProcessEdge::Started));
            }
            self.record(step, ActorId::Writer(writer), || What::Instance { instance });
        }
        self.service.start_writers(&instances);
        self.instances = instances.into();
        self.carry_out(step);
    }

    /// Each start of a writer's process makes an instance of its own (RST-ORD-031); where its document is a recorded text, that text
    /// names the instance.
    fn instance_after_reboot(&mut self, at: usize, step: &mut Step<'_>) -> WriterInstanceId {
        let recorded =
            self.plan.writers.get(at).is_some_and(|writer| writer.documents.iter().any(|it| it.text.is_some()));
        if let (true, Some(&old)) = (recorded, self.instances.get(at)) {
            return old;
        }
        let actor = self.plan.writers.get(at).map_or("", |writer| &writer.name);
        let mut bits = || step.choices.bits(Point { actor, purpose: Purpose::Id });
        let (high, low) = (bits(), bits());
        WriterInstanceId(Guid::from_random_bits(u128::from(high) << 64 | u128::from(low)))
    }

    fn end_processes(&mut self, step: &mut Step<'_>) {
        for index in 0..self.processes.len() {
            let Some(process) = self.processes.get_mut(index) else { continue };
            let (actor, alive) = (process.id, process.alive);
            let runs = alive && (!process.tasks.is_empty() || !matches!(actor, ActorId::Requester(_)));
            let waits = alive && !runs;
            let memory = std::mem::take(&mut process.memory);
            *process = Process::new(actor);
            match actor {
                // Killed: it has no window that could be asked to close. One that has not started yet will; one that ended stays so.
                ActorId::Requester(_) => {
                    process.alive = waits;
                    if runs {
                        self.record(step, actor, || What::Process(ProcessEdge::Crashed));
                    }
                }
                ActorId::Writer(_) => {
                    // What it counts over the whole run goes on.
                    process.memory = Memory { passed: memory.passed, ..Memory::default() };
                    if alive {
                        self.record(step, actor, || What::Process(ProcessEdge::Exited));
                    }
                }
                _ => process.memory = Memory { passed: memory.passed, ..Memory::default() },
            }
        }
    }

    /// Nothing goes on but what has yet to begin, applications, and reverts.
    fn forget_events(&mut self) {
        let reverts = |call: &OpenCall| matches!(call.request, Request::Kernel(KernelRequest::Revert { .. }));
        let (kept, gone): (Vec<_>, Vec<_>) = self.calls.iter().partition(|(_, call)| reverts(call));
        let kept: Vec<Slot> = kept.into_iter().map(|(slot, _)| slot).collect();
        let gone: Vec<Slot> = gone.into_iter().map(|(slot, _)| slot).collect();
        for slot in gone {
            self.calls.remove(slot);
        }
        self.queue.retain(|event| match event {
            Event::Start(_) | Event::Load(_) | Event::Incident(_) | Event::Unfinished(_) => true,
            Event::Deliver(slot) | Event::Answer(slot, _) | Event::KernelDone(slot) => kept.contains(slot),
            Event::Wake(..)
            | Event::GoOn(..)
            | Event::StartWriter(..)
            | Event::Service(_)
            | Event::WaitOver(_)
            | Event::TransactionsLate(_)
            | Event::HoldLimit => false,
        });
    }

    /// Volsnap deletes at the start what is not to stay. A copy whose creation had not ended is told (its event 30).
    fn drop_at_start(&mut self, volume: u16, snapshot: SnapshotId, unfinished: bool, step: &mut Step<'_>) {
        self.watch.dropped(volume, snapshot);
        match self.storage.delete_snapshot(snapshot) {
            Ok(also) => {
                if let (true, Some(name)) = (unfinished, self.plan.volumes.get(usize::from(volume))) {
                    let entry = event_log::volsnap_unfinished_deleted(&name.name);
                    self.volsnap(entry, step);
                }
                self.lost_for_space(volume, &also, step);
            }
            Err(_) => drop(self.storage.abort_snapshot(snapshot)),
        }
    }
}
