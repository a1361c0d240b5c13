//! The writers' last state and error, as `vssadmin list writers` prints them.
//!
//! The wording is that of recorded listings (WRT-EVT-043 for the words of the states). A writer whose process has ended
//! answers no one: Windows leaves it out of the list, and a last line here says so. Where a writer took part in several
//! backups or restores at once, lines of our own say how it stands or stood in each: Windows lists only the state that
//! changed last (docs/choices.md S-11).

use std::collections::BTreeMap;

use serde::Serialize;
use vssim_model::api::{Call, Out, Value};
use vssim_model::hresult::{HResult, writer_error_text};
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::states::WriterState;
use vssim_model::time::Ticks;
use vssim_model::trace::{Name, ProcessEdge, Role, Trace, What};

use crate::index::{ExpressWriter, Index};
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
    /// Whether VSS itself answers for it, with a document of its store.
    pub(crate) express: bool,
}

/// The express writers that the store holds in the end.
#[derive(Default)]
struct Store<'i> {
    /// All that a document was recorded of.
    known: BTreeMap<WriterInstanceId, &'i ExpressWriter>,
    holds: BTreeMap<WriterClassId, &'i ExpressWriter>,
}

impl<'i> Store<'i> {
    fn add(&mut self, writer: &'i ExpressWriter) {
        self.known.insert(writer.instance, writer);
        self.holds.insert(writer.class, writer);
    }

    /// What a return tells of the store: one was taken out; or it is told as stable as long as it is in it, and as unknown
    /// after that.
    fn returned(&mut self, index: &Index<'_>, what: &What) {
        let What::Return { hresult: HResult::S_OK, out, .. } = what else { return };
        if let Out::WriterStatus(status) = out
            && let Some(writer) = self.known.get(&status.instance)
        {
            if status.state != WriterState::Unknown {
                self.holds.insert(writer.class, writer);
            } else if self.holds.get(&writer.class) == Some(writer) {
                self.holds.remove(&writer.class);
            }
        }
        if let Some(Call::Method(call)) = index.call_of(what)
            && call.method.name() == ("IVssExpressWriter", "Unregister")
            && let Some(class) = call.arguments.get("writerId").and_then(Value::as_guid)
        {
            self.holds.remove(&WriterClassId(class));
        }
    }

    fn listed(self) -> impl Iterator<Item = Writer> {
        let (state, failure) = (WriterState::Stable, HResult::S_OK);
        self.holds.into_values().cloned().map(move |ExpressWriter { name, class, instance }| Writer {
            name,
            class,
            instance,
            state,
            failure,
            ended: None,
            express: true,
        })
    }
}

/// The writers of a trace at its end, as GatherWriterStatus lists them: express writers, then the others in the order of the
/// header. Of an express writer a trace tells when its metadata is gathered first.
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
        writers.push(Writer { name: actor.name.clone(), class, instance, state, failure, ended: None, express: false });
    }
    let mut store = Store::default();
    for (at, record) in trace.records.iter().enumerate() {
        store.returned(index, &record.what);
        match &record.what {
            What::Instance { instance } => {
                if let Some((at, writer)) =
                    by_name.get(&*record.actor).and_then(|at| Some((*at, writers.get_mut(*at)?)))
                {
                    writer.instance = *instance;
                    by_instance.insert(*instance, at);
                }
            }
            What::Document { .. } => index.express(at).into_iter().for_each(|express| store.add(express)),
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
    store.listed().chain(writers).collect()
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
