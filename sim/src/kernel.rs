//! The kernel: volume handles, transactions, flush and hold, and what providers have it do with storage.
//!
//! ```text
//!  FlushAndHold ──► flushing (all volumes at once) ──► held ──► Release
//!        │  10 s from here                                │
//!        └────────────── HoldLimit ──► let go by itself ◄─┘   VSS_E_FLUSH_WRITES_TIMEOUT, VSS_E_HOLD_WRITES_TIMEOUT
//! ```
//!
//! Writes are held on all volumes at the same moment (SNP-014) and let go in the order in which they came.

use vssim_model::event_log;
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, VolumeId};
use vssim_model::time::Ticks;
use vssim_model::trace::{Edge, Io, Phase, TimerEdge, TimerName, What};

use crate::choices::{Point, Purpose};
use crate::message::{Answer, KernelRequest, Request, Slot};
use crate::plan::{ActorId, KERNEL, ServiceDefect, Span};
use crate::queue::Class;
use crate::storage::{AreaFault, StorageError, WriteReport};
use crate::unhashed::Unhashed;
use crate::world::{Event, Step, World};

/// How long writes may be held, from the start of the flush (TIM-005, TIM-006).
pub const HOLD_LIMIT: Ticks = Ticks::from_secs(10);
/// How long the transaction managers may take to freeze, and to thaw: no page says; docs/choices.md, `transaction-limits`.
pub const TRANSACTIONS_LIMIT: Ticks = Ticks::from_secs(10);

/// What the kernel is in the middle of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// Flush and hold, while it lasts.
    pub hold: Option<Hold>,
    pub(crate) report: Unhashed<WriteReport>,
}

/// Flush and hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hold {
    /// The volumes, in the order of the set.
    pub volumes: Vec<u16>,
    /// The request that waits for the end of the flush; none once writes are held.
    pub flushing: Option<Slot>,
}

impl World {
    /// Somebody asks the kernel.
    pub(crate) fn kernel_asked(&mut self, slot: Slot, from: ActorId, request: KernelRequest, step: &mut Step<'_>) {
        match request {
            KernelRequest::OpenVolumes(volumes) if self.needs_restart(&volumes) => {
                self.kernel_answers(slot, HResult::VSS_E_REBOOT_REQUIRED);
            }
            KernelRequest::OpenVolumes(_) => {
                self.phase(Phase::OpenVolumeHandle, Edge::Enter, step);
                self.kernel_takes(slot, self.plan.kernel.open_volumes, step);
            }
            KernelRequest::FreezeTransactions => self.transactions(slot, true, step),
            KernelRequest::ThawTransactions => self.transactions(slot, false, step),
            KernelRequest::FlushAndHold(volumes) => self.flush(slot, volumes, step),
            KernelRequest::Release => {
                if self.kernel.hold.is_some() {
                    self.phase(Phase::IoctlRelease, Edge::Enter, step);
                    self.release_writes(step);
                    self.phase(Phase::IoctlRelease, Edge::Leave, step);
                }
                self.kernel_answers(slot, HResult::S_OK);
            }
            KernelRequest::Restore { object, op } => {
                let answer = match self.restore_asked(from, object, &op, step) {
                    Ok(calls) => Answer::Calls(Unhashed(calls.into())),
                    Err(code) => Answer::Kernel(code),
                };
                self.reply(slot, answer, self.cause(), Class::Kernel);
            }
            KernelRequest::SetService { name, runs } => {
                self.set_service(from, &name, runs, step);
                self.kernel_answers(slot, HResult::S_OK);
            }
            KernelRequest::LockVolume { volume, force } => {
                let code = self.lock_volume(volume, force);
                self.kernel_answers(slot, code);
            }
            KernelRequest::Revert { .. } => self.kernel_takes(slot, self.plan.kernel.revert, step),
            request => {
                let task = self.calls.get(slot).map(|call| call.task);
                let delivery = task.and_then(|task| self.delivery_of(from, task));
                let code = match self.carry_out_storage(from, delivery, &request, step) {
                    Ok(()) => HResult::S_OK,
                    Err(error) => code_of(&error),
                };
                self.kernel_answers(slot, code);
            }
        }
    }

    fn kernel_answers(&mut self, slot: Slot, code: HResult) {
        self.reply(slot, Answer::Kernel(code), self.cause(), Class::Kernel);
    }

    fn phase(&mut self, name: Phase, edge: Edge, step: &mut Step<'_>) {
        self.record(step, ActorId::Kernel, || What::Phase { name, edge });
    }

    fn draw(span: Span, step: &mut Step<'_>) -> Ticks {
        if span.min >= span.max {
            return span.min;
        }
        step.choices.ticks(Point { actor: KERNEL, purpose: Purpose::Duration }, span.min, span.max)
    }

    /// Whether volsnap waits for a restart before it has to do with one of these volumes.
    fn needs_restart(&self, volumes: &[u16]) -> bool {
        let pending = &self.plan.kernel.restart_pending;
        self.plan.release.has_reboot_required() && volumes.iter().any(|volume| pending.contains(volume))
    }

    /// The transaction managers freeze or thaw. What takes longer than [`TRANSACTIONS_LIMIT`] has failed by then (TIM-019).
    fn transactions(&mut self, slot: Slot, freeze: bool, step: &mut Step<'_>) {
        let kernel = &self.plan.kernel;
        let span = if freeze { kernel.freeze_transactions } else { kernel.thaw_transactions };
        let time = World::draw(span, step);
        let late = time > TRANSACTIONS_LIMIT;
        let done = if late { Event::TransactionsLate(slot) } else { Event::KernelDone(slot) };
        self.queue.push(self.now + time.min(TRANSACTIONS_LIMIT), Class::Kernel, self.cause(), done);
    }

    /// The transaction managers did not freeze, or not thaw, in time.
    pub(crate) fn transactions_late(&mut self, slot: Slot, step: &mut Step<'_>) {
        let Some(Request::Kernel(request)) = self.calls.get(slot).map(|call| call.request.clone()) else { return };
        let seconds = u32::try_from(TRANSACTIONS_LIMIT.0 / Ticks::from_secs(1).0).unwrap_or(u32::MAX);
        let (code, entry) = match request {
            KernelRequest::FreezeTransactions => {
                (HResult::VSS_E_TRANSACTION_FREEZE_TIMEOUT, event_log::transaction_freeze_timeout(seconds))
            }
            _ => (HResult::VSS_E_TRANSACTION_THAW_TIMEOUT, event_log::transaction_thaw_timeout(seconds)),
        };
        if let Some(entry) = event_log::of_release(entry, self.plan.release) {
            self.record(step, ActorId::Service, || What::EventLog(entry));
        }
        self.kernel_answers(slot, code);
    }

    fn kernel_takes(&mut self, slot: Slot, span: Span, step: &mut Step<'_>) {
        let time = World::draw(span, step);
        self.queue.push(self.now + time, Class::Kernel, self.cause(), Event::KernelDone(slot));
    }

    /// All volumes are flushed at the same time (SNP-010); the slowest one decides.
    fn flush(&mut self, slot: Slot, volumes: Vec<u16>, step: &mut Step<'_>) {
        self.phase(Phase::IoctlFlushAndHold, Edge::Enter, step);
        let slowest = volumes.iter().map(|_| World::draw(self.plan.kernel.flush, step)).max().unwrap_or(Ticks::ZERO);
        self.kernel.hold = Some(Hold { volumes, flushing: Some(slot) });
        self.queue.push(self.now + slowest, Class::Kernel, self.cause(), Event::KernelDone(slot));
        let unwatched = [ServiceDefect::NoHoldLimit, ServiceDefect::NeverReleasesWrites];
        if unwatched.iter().any(|defect| self.plan.defects.contains(defect)) {
            return;
        }
        let due = self.now + HOLD_LIMIT;
        self.queue.push(due, Class::Limit, self.cause(), Event::HoldLimit);
        self.record(step, ActorId::Kernel, || What::Timer { name: TimerName::HoldLimit, edge: TimerEdge::Set(due) });
    }

    /// What takes time has taken it.
    pub(crate) fn kernel_done(&mut self, slot: Slot, step: &mut Step<'_>) {
        let Some(Request::Kernel(request)) = self.calls.get(slot).map(|call| call.request.clone()) else { return };
        match request {
            KernelRequest::OpenVolumes(_) => self.phase(Phase::OpenVolumeHandle, Edge::Leave, step),
            KernelRequest::FlushAndHold(_) => {
                let Some(hold) = &mut self.kernel.hold else { return };
                hold.flushing = None;
                for volume in hold.volumes.clone() {
                    self.hold_volume(volume, step);
                }
                self.phase(Phase::IoctlFlushAndHold, Edge::Leave, step);
            }
            KernelRequest::Revert { volume, snapshot } => {
                let code = self.revert(volume, snapshot.0, step);
                return self.kernel_answers(slot, code);
            }
            _ => {}
        }
        self.kernel_answers(slot, HResult::S_OK);
    }

    fn hold_volume(&mut self, volume: u16, step: &mut Step<'_>) {
        let Some(plan) = self.plan.volumes.get(usize::from(volume)) else { return };
        let (id, name) = (plan.id, plan.name.clone());
        if self.storage.hold(id).is_ok() {
            self.watch.held(volume);
            self.record(step, ActorId::Kernel, || What::Hold { volume: name });
        }
    }

    /// Lets go of the writes of all volumes; those that waited land in order.
    pub(crate) fn release_writes(&mut self, step: &mut Step<'_>) {
        let Some(hold) = self.kernel.hold.take() else { return };
        let limit = Event::HoldLimit;
        if self.queue.iter().any(|entry| entry.event == limit) {
            self.queue.retain(|event| *event != limit);
            self.record(step, ActorId::Kernel, || What::Timer { name: TimerName::HoldLimit, edge: TimerEdge::Stopped });
        }
        if hold.flushing.is_some() {
            return;
        }
        for volume in hold.volumes {
            let Some(plan) = self.plan.volumes.get(usize::from(volume)) else { continue };
            let (id, name) = (plan.id, plan.name.clone());
            let Ok(waiting) = self.storage.release(id) else { continue };
            self.watch.released(volume);
            let queued = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
            self.record(step, ActorId::Kernel, || What::Release { volume: name, queued });
            for write in waiting {
                let mut report = std::mem::take(&mut self.kernel.report.0);
                let landed = self.storage.write_file(id, write.file, write.offset, &write.bytes, &mut report);
                self.written(volume, &mut report, step);
                self.kernel.report = Unhashed(report);
                // Where it could not land the application stands still.
                if let (Ok(()), Ok(application)) = (landed, u16::try_from(write.tag)) {
                    self.write_landed(application, step);
                }
            }
        }
    }

    /// 10 s are over: the kernel lets go by itself, and the creation fails.
    pub(crate) fn hold_limit(&mut self, step: &mut Step<'_>) {
        let n =
            self.record(step, ActorId::Kernel, || What::Timer { name: TimerName::HoldLimit, edge: TimerEdge::Fired });
        self.set_cause(n);
        let Some(hold) = self.kernel.hold.clone() else { return };
        let code = match hold.flushing {
            Some(_) => HResult::VSS_E_FLUSH_WRITES_TIMEOUT,
            None => HResult::VSS_E_HOLD_WRITES_TIMEOUT,
        };
        for (index, &volume) in (0_u32..).zip(&hold.volumes) {
            let Some(name) = self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.clone()) else { continue };
            let entry = event_log::volsnap_flush_and_hold_timeout(&name);
            self.record(step, ActorId::Kernel, || What::EventLog(entry));
            if hold.flushing.is_none() {
                let entry = event_log::vss_hold_writes(&name, index, HResult::S_OK, code);
                if let Some(entry) = event_log::of_release(entry, self.plan.release) {
                    self.record(step, ActorId::Service, || What::EventLog(entry));
                }
            }
        }
        self.release_writes(step);
        if let Some(slot) = hold.flushing {
            self.queue.retain(|event| *event != Event::KernelDone(slot));
            self.phase(Phase::IoctlFlushAndHold, Edge::Leave, step);
            self.kernel_answers(slot, code);
        }
        self.service.hold_cancelled(code);
    }

    /// What providers, writers and requesters have done with storage.
    fn carry_out_storage(
        &mut self,
        from: ActorId,
        delivery: Option<u32>,
        request: &KernelRequest,
        step: &mut Step<'_>,
    ) -> Result<(), StorageError> {
        match request {
            KernelRequest::PrepareStorage { set } => {
                for (volume, snapshot) in self.shadows_of(*set, from, None) {
                    self.prepare(*set, volume, snapshot, step)?;
                }
            }
            KernelRequest::Commit { set, volume } => {
                for (volume, snapshot) in self.shadows_of(*set, from, Some(*volume)) {
                    self.commit(volume, snapshot, step)?;
                }
            }
            KernelRequest::SetWritable { set, writable } => {
                for (_, snapshot) in self.shadows_of(*set, from, None) {
                    self.storage.set_writable(snapshot, *writable)?;
                }
            }
            KernelRequest::Drop { set, volume } => {
                for (volume, snapshot) in self.shadows_of(*set, from, *volume) {
                    self.watch.dropped(volume, snapshot);
                    // A shadow copy that was not committed has a diff area at most.
                    match self.storage.delete_snapshot(snapshot) {
                        Ok(also) => self.lost_for_space(volume, &also, step),
                        Err(_) => drop(self.storage.abort_snapshot(snapshot)),
                    }
                }
            }
            KernelRequest::WriteToSnapshot { volume, path, bytes } => {
                self.write_to_snapshot((from, delivery), *volume, path, bytes, step)?;
            }
            KernelRequest::DeleteExcluded => self.delete_excluded(from, delivery)?,
            KernelRequest::CopyFiles { object } => self.copy_files(from, *object, step)?,
            _ => {}
        }
        Ok(())
    }

    /// The shadow copies of a set that are a provider's, all of them or that of one volume.
    fn shadows_of(&self, set: u32, from: ActorId, volume: Option<u16>) -> Vec<(u16, SnapshotId)> {
        let Some(set) = self.service.sets.get(set) else { return Vec::new() };
        let of = |provider: u16| from == ActorId::Provider(provider);
        let shadows = set.shadows.iter().filter(|shadow| of(shadow.provider));
        let shadows = shadows.filter(|shadow| volume.is_none_or(|volume| shadow.volume == volume));
        shadows.map(|shadow| (shadow.volume, shadow.id.0)).collect()
    }

    pub(crate) fn volume_id(&self, volume: u16) -> VolumeId {
        self.plan.volumes.get(usize::from(volume)).map(|plan| plan.id).unwrap_or_default()
    }

    fn commit(&mut self, volume: u16, snapshot: SnapshotId, step: &mut Step<'_>) -> Result<(), StorageError> {
        self.storage.commit_snapshot(snapshot, self.commit_of(snapshot))?;
        self.watch.committed(volume, snapshot, self.now);
        if let Some(plan) = self.plan.volumes.get(usize::from(volume)) {
            let name = plan.name.clone();
            self.record(step, ActorId::Kernel, || What::Commit { snapshot, volume: name });
        }
        Ok(())
    }

    /// A writer writes to the shadow copy of a volume that belongs to its backup.
    fn write_to_snapshot(
        &mut self,
        (from, delivery): (ActorId, Option<u32>),
        volume: u16,
        path: &str,
        bytes: &[u8],
        step: &mut Step<'_>,
    ) -> Result<(), StorageError> {
        let ActorId::Writer(writer) = from else { return Ok(()) };
        let Some(snapshot) = self.service.copy_for_writer(writer, delivery, volume) else { return Ok(()) };
        let file = self.storage.view(snapshot)?.files().find(path).ok_or(StorageError::NoSuchFile)?;
        self.storage.write_snapshot_file(snapshot, file, 0, bytes)?;
        let Some(name) = self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.clone()) else {
            return Ok(());
        };
        let io = Io::SnapshotWrite { snapshot, offset: 0, length: bytes.len() as u64 };
        self.record(step, ActorId::Kernel, || What::Io { volume: name, io });
        Ok(())
    }

    /// Puts on record what a write caused.
    pub(crate) fn written(&mut self, volume: u16, report: &mut WriteReport, step: &mut Step<'_>) {
        let Some(name) = self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.clone()) else { return };
        if step.recorder.is_on() {
            for copy in &report.first_copies {
                let (volume, io) = (name.clone(), Io::FirstCopy { block: copy.block });
                self.record(step, ActorId::Kernel, || What::Io { volume, io });
            }
        }
        self.record_area_events(volume, report, step);
        report.clear();
    }
}

/// What a provider sees of a failure of storage.
fn code_of(error: &StorageError) -> HResult {
    match error {
        StorageError::NoSpace | StorageError::AreaFull(AreaFault::Limit | AreaFault::NoSpace | AreaFault::TooSlow) => {
            HResult::VSS_E_INSUFFICIENT_STORAGE
        }
        StorageError::TooManyCopies(_) => HResult::VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED,
        StorageError::NoSuchSnapshot(_) | StorageError::NoSuchVolume(_) => HResult::VSS_E_OBJECT_NOT_FOUND,
        _ => HResult::VSS_E_PROVIDER_VETO,
    }
}
