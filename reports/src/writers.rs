//! The writers' last state and error, as `vssadmin list writers` prints them.
//!
//! The wording is that of recorded listings (WRT-EVT-043 for the words of the states). A writer whose process has ended
//! answers no one: Windows leaves it out of the list, and a last line here says so. Where a writer took part in several
//! backups or restores at once, lines of our own say how it stands or stood in each: Windows lists only the state that
//! changed last (docs/choices.md S-11).

use std::collections::BTreeMap;

use serde::Serialize;
use vssim_model::api::Out;
use vssim_model::hresult::{HResult, writer_error_text};
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::states::WriterState;
use vssim_model::time::Ticks;
use vssim_model::trace::{Name, ProcessEdge, Role, Trace, What};

use crate::index::Index;
use crate::sessions::{Session, Sessions};
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
pub(crate) fn last_states(index: &Index<'_>) -> Vec<Writer> {
    let (trace, sessions) = (index.trace, &index.sessions);
    let mut writers: Vec<Writer> = Vec::new();
    // The backup or restore in which each writer's state changed last, where it has several at once.
    let mut last: BTreeMap<&str, Option<u32>> = BTreeMap::new();
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
            What::WriterState { to, failure, object, .. } => {
                last.insert(&record.actor, *object);
                if let Some(writer) = by_name.get(&*record.actor).and_then(|at| writers.get_mut(*at)) {
                    (writer.state, writer.failure) = (*to, *failure);
                }
            }
            What::Return { out: Out::WriterStatus(status), .. } => {
                let Some(writer) = by_instance.get(&status.instance).and_then(|at| writers.get_mut(*at)) else {
                    continue;
                };
                // What a backup is told of its own session is not what strangers see.
                let object = index.object_of_call(&record.what);
                let own = object.filter(|object| sessions.overlap() && sessions.has(&writer.name, *object));
                if own.is_none() || last.get(&*writer.name) == Some(&own) {
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
    let index = Index::of(trace);
    let writers = last_states(&index);
    let mut blocks: Vec<String> = Vec::new();
    for writer in writers.iter().filter(|writer| writer.ended.is_none()) {
        blocks.push(format!(
            "Writer name: '{}'\n   Writer Id: {}\n   Writer Instance Id: {}\n   State: [{}] {}\n   Last error: {}\n{}",
            name(&writer.name),
            writer.class,
            writer.instance,
            writer.state.value(),
            writer.state.display_name(),
            writer_error_text(writer.failure),
            each_session(&index.sessions, &writer.name)
        ));
    }
    for writer in &writers {
        if let Some((edge, at)) = writer.ended {
            let how = if edge == ProcessEdge::Crashed { "crashed" } else { "exited" };
            let sessions = each_session(&index.sessions, &writer.name);
            blocks.push(format!(
                "Not listed: '{}', whose process {how} at {}\n{sessions}",
                name(&writer.name),
                span(at)
            ));
        }
    }
    if blocks.is_empty() {
        return "No writers.\n".to_owned();
    }
    blocks.join("\n")
}

/// A line for each backup or restore that a writer took part in, where there were several at once.
fn each_session(sessions: &Sessions<'_>, writer: &str) -> String {
    let line = |session: &Session| {
        let until = session.until.map_or_else(String::new, |until| format!(", over at {}", span(until)));
        let (state, error) = (session.state, writer_error_text(session.failure));
        let whose = sessions.label(session.object);
        format!("   For {whose}{until}: [{}] {}, {error}\n", state.value(), state.display_name())
    };
    sessions.to_tell_apart(writer).iter().map(line).collect()
}
