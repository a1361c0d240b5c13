//! The service when the machine goes down and comes up.

use std::collections::BTreeSet;

use vssim_model::context::Attributes;
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, WriterInstanceId};
use vssim_model::states::{SnapshotState, WriterState};
use vssim_model::tables::SnapshotInput;
use vssim_model::trace::What;

use super::{Effect, Service, Sessions, Subscription, Target, Writer};
use crate::plan::{ActorId, WriterPlan};
use crate::slots::Slots;
use crate::unhashed::Unhashed;

impl Service {
    /// The machine goes down: objects, operations and the creation lock are gone. Gives the shadow copies that do not outlive it: volume,
    /// id, and whether their creation had not ended. The persistent ones stay (CTX-011), and nobody's object is theirs any more.
    pub(crate) fn shut_down(&mut self) -> Vec<(u16, SnapshotId, bool)> {
        self.objects = Slots::default();
        self.forget_express();
        self.operations = Slots::default();
        let ended: Vec<u32> = self
            .deliveries
            .iter()
            .filter(|(_, sent)| !matches!(sent.to, Target::Revert(_)))
            .map(|(number, _)| number)
            .collect();
        ended.into_iter().for_each(|number| drop(self.deliveries.remove(number)));
        let going: BTreeSet<u16> = self
            .deliveries
            .iter()
            .filter_map(|(_, sent)| if let Target::Revert(volume) = sent.to { Some(volume) } else { None })
            .collect();
        self.reverts.retain(|volume, _| going.contains(volume));
        self.reverts.values_mut().for_each(|revert| revert.waiting.clear());
        self.held.forget_all();
        for known in &mut self.asyncs {
            known.operation = None;
            known.waiting.clear();
        }
        if self.lock.take().is_some() {
            self.record(What::CreationLock { holder: None });
        }
        let mut gone = Vec::new();
        for number in self.sets.iter().map(|(number, _)| number).collect::<Vec<u32>>() {
            self.leave_behind(number, &mut gone);
        }
        gone
    }

    /// One set at the end of the machine's run.
    fn leave_behind(&mut self, number: u32, gone: &mut Vec<(u16, SnapshotId, bool)>) {
        let Some(set) = self.sets.get_mut(number) else { return };
        set.object = u32::MAX;
        let made = |state| matches!(state, SnapshotState::Created | SnapshotState::Deleted);
        let unfinished = !set.shadows.iter().all(|shadow| made(shadow.state));
        if !unfinished && Attributes(set.context).contains(Attributes::PERSISTENT) {
            return;
        }
        let there = set.shadows.iter().filter(|shadow| shadow.state != SnapshotState::Deleted);
        gone.extend(there.map(|shadow| (shadow.volume, shadow.id.0, unfinished)));
        let input = if unfinished { SnapshotInput::Aborted } else { SnapshotInput::Deleted };
        self.move_shadows(number, input);
        self.sets.remove(number);
    }

    /// The writers' processes begin again, under these instances: nothing is known of their past.
    pub(crate) fn start_writers(&mut self, instances: &[WriterInstanceId]) {
        let before: Vec<(WriterState, HResult)> = self
            .writers
            .iter()
            .map(|writer| writer.sessions.seen_from(None))
            .map(|seen| (seen.state, seen.failure))
            .collect();
        let started = |(&instance, of)| Writer::started(instance, of);
        self.writers = instances.iter().zip(&self.plan.writers).map(started).collect();
        self.building.clear();
        self.built.clear();
        self.writers_unreachable = false;
        for (writer, (from, failure)) in (0_u16..).zip(before) {
            if from != WriterState::Stable || failure != HResult::S_OK {
                let what = What::WriterState { from, to: WriterState::Stable, failure: HResult::S_OK, object: None };
                self.effect(Effect::Record(ActorId::Writer(writer), what));
            }
        }
        self.prepare_documents();
    }
}

impl Writer {
    /// A writer whose process has just started.
    pub(super) fn started(instance: WriterInstanceId, plan: &WriterPlan) -> Writer {
        Writer {
            instance: Unhashed(instance),
            sessions: Sessions::none(plan.sessions),
            identified: 0,
            subscription: Subscription::of(plan),
        }
    }
}
