//! When each writer was subscribed, and to what, by the calls that it made.
//!
//! A writer that makes no such call is subscribed from the start, to everything. One that joins by calls hears nothing
//! before Subscribe has returned, and nothing from the call of Unsubscribe, the destructor or the end of its process on. So
//! it is with any writer that makes one of the last two calls.

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::api::Call;
use vssim_model::hresult::HResult;
use vssim_model::states::WriterEvent;
use vssim_model::trace::{CallId, ProcessEdge, Role, Trace, What};

use super::{Facts, Mark};

/// What Subscribe takes where nothing is said: the events of backups and of restores.
const DEFAULT: u32 = 2 | 4;

/// The changes of each joining writer's mask, in order; 0 for not subscribed.
pub(super) fn collect(trace: &Trace) -> BTreeMap<&str, Vec<(Mark, u32)>> {
    let joins = |role: &Role| matches!(role, Role::Writer { joins: true, .. });
    let joining = trace.header.actors.iter().filter(|actor| joins(&actor.role));
    let mut all: BTreeMap<&str, Vec<(Mark, u32)>> = joining.map(|actor| (actor.name.as_ref(), Vec::new())).collect();
    let mut open: BTreeMap<CallId, u32> = BTreeMap::new();
    let left = leavers(trace, &all);
    all.extend(left.into_iter().map(|writer| (writer, vec![(Mark::default(), DEFAULT)])));
    for record in &trace.records {
        let Some(changes) = all.get_mut(record.actor.as_ref()) else { continue };
        let at = Mark { n: record.n, t: record.t };
        match &record.what {
            What::Call { id, call: Call::Method(call), .. } => match call.method.name() {
                ("CVssWriter", "Subscribe") | ("CVssWriterEx", "SubscribeEx") => {
                    let mask = call.arguments.get("dwEventFlags").and_then(vssim_model::api::Value::as_number);
                    let mask = mask.map_or(DEFAULT, |mask| u32::try_from(mask).unwrap_or(u32::MAX));
                    open.insert(*id, mask);
                }
                ("CVssWriter", "Unsubscribe") if call.injected.is_some() => {}
                ("CVssWriter", "Unsubscribe" | "~CVssWriter") => changes.push((at, 0)),
                _ => {}
            },
            What::Return { id, hresult, .. } => {
                if let Some(mask) = open.remove(id).filter(|_| *hresult == HResult::S_OK) {
                    changes.push((at, mask));
                }
            }
            What::Process(ProcessEdge::Exited | ProcessEdge::Crashed) => changes.push((at, 0)),
            _ => {}
        }
    }
    all
}

/// The writers that are subscribed from the start and leave by a call.
fn leavers<'t>(trace: &'t Trace, joining: &BTreeMap<&str, Vec<(Mark, u32)>>) -> BTreeSet<&'t str> {
    let writers = trace.header.actors.iter().filter(|actor| matches!(actor.role, Role::Writer { .. }));
    let writers: BTreeSet<&str> = writers.map(|actor| actor.name.as_ref()).collect();
    let mut left = BTreeSet::new();
    let mut open: BTreeSet<&CallId> = BTreeSet::new();
    for record in &trace.records {
        let actor = record.actor.as_ref();
        match &record.what {
            What::Call { id, call: Call::Method(call), .. }
                if writers.contains(actor) && !joining.contains_key(actor) =>
            {
                if matches!(call.method.name(), ("CVssWriter", "Unsubscribe" | "~CVssWriter")) {
                    open.insert(id);
                }
            }
            What::Return { id, hresult, .. } if open.remove(id) && hresult.is_success() => {
                left.insert(actor);
            }
            _ => {}
        }
    }
    left
}

impl Facts<'_> {
    /// Whether a writer was not subscribed at some moment between two marks.
    #[must_use]
    pub fn was_unsubscribed(&self, writer: &str, from: Mark, to: Mark) -> bool {
        let Some(changes) = self.subscriptions.get(writer) else { return false };
        let before = changes.iter().take_while(|(at, _)| *at <= from).last().map_or(0, |(_, mask)| *mask);
        before == 0 || changes.iter().any(|(at, mask)| from < *at && *at <= to && *mask == 0)
    }

    /// Whether a writer asked for an event, by the mask that it gave last before a mark (ne-vswriter-vss_subscribe_mask.md).
    #[must_use]
    pub fn wants(&self, writer: &str, event: WriterEvent, at: Mark) -> bool {
        let Some(changes) = self.subscriptions.get(writer) else { return true };
        let mask = changes.iter().take_while(|(when, _)| *when <= at).last().map_or(0, |(_, mask)| *mask);
        match event {
            WriterEvent::Identify => mask != 0,
            WriterEvent::PreRestore | WriterEvent::PostRestore => mask & 4 != 0,
            WriterEvent::PostSnapshot => mask & 3 != 0,
            _ => mask & 2 != 0,
        }
    }
}
