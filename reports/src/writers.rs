//! The writers' last state and error, as `vssadmin list writers` prints them.
//!
//! The wording is that of recorded listings (WRT-EVT-043 for the words of the states). A writer whose process has ended
//! answers no one: Windows leaves it out of the list, and a last line here says so.

use std::collections::BTreeMap;

use serde::Serialize;
use vssim_model::api::Out;
use vssim_model::hresult::{HResult, writer_error_text};
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::states::WriterState;
use vssim_model::time::Ticks;
use vssim_model::trace::{Name, ProcessEdge, Role, Trace, What};

use crate::text::{name, span};

/// A writer at the end of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Writer {
    pub(crate) name: Name,
    pub(crate) class: WriterClassId,
    pub(crate) instance: WriterInstanceId,
    pub(crate) state: WriterState,
    pub(crate) failure: HResult,
    /// How its process ended, and when.
    pub(crate) ended: Option<(ProcessEdge, Ticks)>,
}

/// The writers of a trace at its end, in the order of the header.
pub(crate) fn last_states(trace: &Trace) -> Vec<Writer> {
    let mut writers: Vec<Writer> = Vec::new();
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_instance: BTreeMap<WriterInstanceId, usize> = BTreeMap::new();
    for actor in &trace.header.actors {
        let Role::Writer { class, instance, .. } = actor.role else { continue };
        by_name.entry(&actor.name).or_insert(writers.len());
        by_instance.entry(instance).or_insert(writers.len());
        // A writer that has heard nothing is stable.
        let (state, failure) = (WriterState::Stable, HResult::S_OK);
        writers.push(Writer { name: actor.name.clone(), class, instance, state, failure, ended: None });
    }
    for record in &trace.records {
        match &record.what {
            What::WriterState { to, failure, .. } => {
                if let Some(writer) = by_name.get(&*record.actor).and_then(|at| writers.get_mut(*at)) {
                    (writer.state, writer.failure) = (*to, *failure);
                }
            }
            What::Return { out: Out::WriterStatus(status), .. } => {
                if let Some(writer) = by_instance.get(&status.instance).and_then(|at| writers.get_mut(*at)) {
                    (writer.state, writer.failure) = (status.state, status.failure);
                }
            }
            What::Process(edge) => {
                if let Some(writer) = by_name.get(&*record.actor).and_then(|at| writers.get_mut(*at)) {
                    writer.ended = (*edge != ProcessEdge::Started).then_some((*edge, record.t));
                }
            }
            _ => {}
        }
    }
    writers
}

/// The list of the writers of a trace, as `vssadmin list writers` would print it at the end.
#[must_use]
pub fn writers(trace: &Trace) -> String {
    let writers = last_states(trace);
    let mut blocks: Vec<String> = Vec::new();
    for writer in writers.iter().filter(|writer| writer.ended.is_none()) {
        blocks.push(format!(
            "Writer name: '{}'\n   Writer Id: {}\n   Writer Instance Id: {}\n   State: [{}] {}\n   Last error: {}\n",
            name(&writer.name),
            writer.class,
            writer.instance,
            writer.state.value(),
            writer.state.display_name(),
            writer_error_text(writer.failure)
        ));
    }
    for writer in &writers {
        if let Some((edge, at)) = writer.ended {
            let how = if edge == ProcessEdge::Crashed { "crashed" } else { "exited" };
            blocks.push(format!("Not listed: '{}', whose process {how} at {}\n", name(&writer.name), span(at)));
        }
    }
    if blocks.is_empty() {
        return "No writers.\n".to_owned();
    }
    blocks.join("\n")
}
