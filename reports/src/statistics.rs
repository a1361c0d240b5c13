//! What reports count and measure: records by kind, freezes, holds, shadow copies, comparisons, the state of data.

use std::collections::BTreeMap;

use serde::Serialize;
use vssim_model::api::Out;
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, SnapshotSetId};
use vssim_model::states::{SnapshotState, WriterEvent};
use vssim_model::time::Ticks;
use vssim_model::trace::{Consistency, Name, Record, Trace, What};

use crate::index::Index;

/// The span of a writer's freeze: from its receipt of Freeze to its receipt of Thaw or Abort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Freeze {
    pub(crate) writer: Name,
    /// The backup components object, where several backups go on at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<u32>,
    pub(crate) from: Ticks,
    /// Absent when the trace ends before.
    pub(crate) to: Option<Ticks>,
    pub(crate) duration: Option<Ticks>,
}

/// The span in which writes to a volume were held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct HeldSpan {
    pub(crate) volume: Name,
    pub(crate) from: Ticks,
    /// Absent when the trace ends before.
    pub(crate) to: Option<Ticks>,
    pub(crate) duration: Option<Ticks>,
    pub(crate) queued: u32,
}

/// A shadow copy that the trace tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ShadowCopy {
    pub(crate) snapshot: SnapshotId,
    pub(crate) set: Option<SnapshotSetId>,
    pub(crate) volume: Option<Name>,
    pub(crate) state: Option<SnapshotState>,
    pub(crate) committed: Option<Ticks>,
    pub(crate) device: Option<String>,
}

/// How a shadow copy compared with the reference copy of its commit instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Comparison {
    pub(crate) record: u64,
    pub(crate) snapshot: SnapshotId,
    pub(crate) compared: u64,
    pub(crate) excluded_vss: u64,
    pub(crate) excluded_free: u64,
    pub(crate) different: u64,
}

/// In which state a shadow copy set caught an application's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DataState {
    pub(crate) record: u64,
    pub(crate) application: Name,
    pub(crate) set: SnapshotSetId,
    pub(crate) state: Consistency,
    pub(crate) detail: String,
}

/// Everything that reports count and measure of one trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) duration: Ticks,
    pub(crate) kinds: BTreeMap<&'static str, u64>,
    pub(crate) freezes: Vec<Freeze>,
    pub(crate) holds: Vec<HeldSpan>,
    pub(crate) copies: Vec<ShadowCopy>,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) data: Vec<DataState>,
    frozen: BTreeMap<Name, usize>,
    held: BTreeMap<Name, usize>,
    places: BTreeMap<SnapshotId, usize>,
}

impl Statistics {
    pub(crate) fn of(trace: &Trace) -> Statistics {
        let mut statistics = Statistics::default();
        for record in &trace.records {
            statistics.duration = statistics.duration.max(record.t);
            *statistics.kinds.entry(kind(&record.what)).or_default() += 1;
            statistics.add(record);
        }
        if !Index::of(trace).sessions.overlap() {
            statistics.freezes.iter_mut().for_each(|freeze| freeze.object = None);
        }
        statistics
    }

    fn add(&mut self, record: &Record) {
        match &record.what {
            What::Event { event: WriterEvent::Freeze, object, .. } => {
                let (writer, object, from) = (record.actor.clone(), *object, record.t);
                let freeze = Freeze { writer, object, from, to: None, duration: None };
                self.frozen.insert(record.actor.clone(), self.freezes.len());
                self.freezes.push(freeze);
            }
            What::Event { event: WriterEvent::Thaw | WriterEvent::Abort, object, .. } => {
                let freeze = self.frozen.get(&record.actor).and_then(|at| self.freezes.get_mut(*at));
                // Another backup that is aborted meanwhile does not thaw the writer.
                let ends = |freeze: &Freeze| freeze.object.zip(*object).is_none_or(|(frozen, by)| frozen == by);
                if let Some(freeze) = freeze.filter(|freeze| ends(freeze)) {
                    self.frozen.remove(&record.actor);
                    (freeze.to, freeze.duration) = (Some(record.t), Some(record.t - freeze.from));
                }
            }
            What::Hold { volume } => {
                let (volume, from) = (volume.clone(), record.t);
                self.held.insert(volume.clone(), self.holds.len());
                self.holds.push(HeldSpan { volume, from, to: None, duration: None, queued: 0 });
            }
            What::Release { volume, queued } => {
                if let Some(hold) = self.held.remove(volume).and_then(|at| self.holds.get_mut(at)) {
                    (hold.to, hold.duration) = (Some(record.t), Some(record.t - hold.from));
                    hold.queued = *queued;
                }
            }
            _ => self.add_copy(record),
        }
    }

    fn add_copy(&mut self, record: &Record) {
        match &record.what {
            What::SnapshotState { set, snapshot, volume, to, .. } => {
                let copy = self.copy(*snapshot);
                (copy.set, copy.state) = (Some(*set), Some(*to));
                copy.volume = Some(volume.clone());
            }
            What::Commit { snapshot, volume } => {
                let copy = self.copy(*snapshot);
                copy.volume.get_or_insert_with(|| volume.clone());
                copy.committed.get_or_insert(record.t);
            }
            What::Return { out: Out::SnapshotProperties(properties), hresult: HResult::S_OK, .. } => {
                let copy = self.copy(properties.snapshot);
                copy.set.get_or_insert(properties.set);
                copy.device = Some(properties.device.clone());
            }
            What::Compared { snapshot, compared, excluded_vss, excluded_free, different } => {
                self.comparisons.push(Comparison {
                    record: record.n,
                    snapshot: *snapshot,
                    compared: *compared,
                    excluded_vss: *excluded_vss,
                    excluded_free: *excluded_free,
                    different: *different,
                });
            }
            What::Consistency { set, state, detail } => self.data.push(DataState {
                record: record.n,
                application: record.actor.clone(),
                set: *set,
                state: *state,
                detail: detail.clone(),
            }),
            _ => {}
        }
    }

    fn copy(&mut self, snapshot: SnapshotId) -> &mut ShadowCopy {
        let next = self.copies.len();
        let at = *self.places.entry(snapshot).or_insert(next);
        if at == next {
            let unknown = ShadowCopy { snapshot, set: None, volume: None, state: None, committed: None, device: None };
            self.copies.push(unknown);
        }
        &mut self.copies[at]
    }

    /// The longest time that writes to a volume were held.
    pub(crate) fn longest_hold(&self) -> Option<Ticks> {
        self.holds.iter().filter_map(|hold| hold.duration).max()
    }
}

/// A record's kind, as the trace format spells it.
const fn kind(what: &What) -> &'static str {
    match what {
        What::Call { .. } => "call",
        What::Return { .. } => "return",
        What::Event { .. } => "event",
        What::Handled { .. } => "handled",
        What::Callback { .. } => "callback",
        What::CallbackReturn { .. } => "callback_return",
        What::WriterState { .. } => "writer_state",
        What::SnapshotState { .. } => "snapshot_state",
        What::Phase { .. } => "phase",
        What::CreationLock { .. } => "creation_lock",
        What::AsyncEnd { .. } => "async_end",
        What::Timer { .. } => "timer",
        What::Hold { .. } => "hold",
        What::Release { .. } => "release",
        What::Commit { .. } => "commit",
        What::Io { .. } => "io",
        What::EventLog(_) => "event_log",
        What::Document { .. } => "document",
        What::Process(_) => "process",
        What::Consistency { .. } => "consistency",
        What::Compared { .. } => "compared",
        What::Restore(_) => "restore",
        What::RanOut { .. } => "ran_out",
        What::Invariant { .. } => "invariant",
        _ => "other",
    }
}
