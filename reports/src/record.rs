//! One record in one line: what happened, in words.
//!
//! [`record_text`] knows the record alone; within a report the rest of the trace helps: a return names its method, a
//! shadow copy its volume.

use vssim_model::api::{
    AsyncCall, BackupComponentsCall, Call, ComponentCall, ComponentName, CreateSnapshotSetCall, Out,
    SoftwareProviderCall, WriterCall,
};
use vssim_model::context::Context;
use vssim_model::hresult::HResult;
use vssim_model::ids::{ProviderId, SnapshotId, SnapshotSetId};
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::trace::{
    Consistency, DocumentKind, Edge, EventLogEntry, Io, Phase, Placement, ProcessEdge, Record, Restored, TimerEdge,
    TimerName, What,
};

use crate::index::Index;
use crate::text::{MESSAGE, count, counted, harmless, label, name, number, quoted, short, size, span};

/// One line for any record: its number, the moment, who, and what happened. Foreign text in it is harmless.
#[must_use]
pub fn record_text(record: &Record) -> String {
    format!("#{}  {}  {}: {}", record.n, span(record.t), name(&record.actor), Words { index: None }.what(record))
}

/// Puts records into words, with the rest of the trace where there is one.
#[derive(Clone, Copy)]
pub(crate) struct Words<'i, 't> {
    pub(crate) index: Option<&'i Index<'t>>,
}

impl Words<'_, '_> {
    /// What a record says.
    pub(crate) fn what(self, record: &Record) -> String {
        match &record.what {
            What::Call { id, call, object } => format!("→ {}  (call {})", self.call_on(*object, call), id.0),
            What::Callback { id, call } => format!("▶ {}  (callback {})", self.call(call), id.0),
            What::Return { id, hresult, out } => {
                format!("← {} {hresult}{}", self.method(&record.what, "call", id.0), equals(&self.out(out)))
            }
            What::CallbackReturn { id, hresult } => {
                format!("◀ {} {hresult}", self.method(&record.what, "callback", id.0))
            }
            What::Event { event, set: Some(set), .. } => {
                format!("▶ {} of {}", self.event(&record.what, *event), self.set(*set))
            }
            What::Event { event, .. } => format!("▶ {}", self.event(&record.what, *event)),
            What::Handled { event, returned, failure, .. } => {
                format!("◀ {}{}", self.event(&record.what, *event), handled(*returned, *failure))
            }
            What::WriterState { from, to, failure, .. } => {
                let whose = self.whose(&record.what).map_or_else(String::new, |whose| format!("for {whose}: "));
                match *failure {
                    HResult::S_OK => format!("{whose}{}", change(*from, *to)),
                    failure => format!("{whose}{}, {failure}", change(*from, *to)),
                }
            }
            What::SnapshotState { snapshot, volume, from, to, .. } => {
                format!("shadow copy {} of {} {from} → {to}", short(snapshot.0), label(&name(volume)))
            }
            What::AsyncEnd { operation, hresult } => {
                format!("{} ended: {hresult}", self.operation(operation.0, *operation))
            }
            _ => self.machinery(record),
        }
    }

    /// What a record of the machinery says: phases, timers, I/O, logs, findings.
    fn machinery(self, record: &Record) -> String {
        match &record.what {
            What::Phase { name, edge: Edge::Enter } => format!("{} begins", phase(*name)),
            What::Phase { name, edge: Edge::Leave } => format!("{} ends", phase(*name)),
            What::CreationLock { holder: Some(set) } => format!("creation lock taken by {}", self.set(*set)),
            What::CreationLock { holder: None } => "creation lock free".to_owned(),
            What::Timer { name, edge } => timer(name, *edge),
            What::Hold { volume } => format!("writes held on {}", name(volume)),
            What::Release { volume, queued } => {
                format!("writes released on {}, {} land", name(volume), count(u64::from(*queued), "queued write"))
            }
            What::Commit { snapshot, volume } => {
                format!("commit instant of shadow copy {} of {}", short(snapshot.0), name(volume))
            }
            What::Io { volume, io } => self.io(volume, *io),
            What::EventLog(entry) => event_log(entry),
            What::Document { sha256, kind, text } => {
                let kind = match kind {
                    DocumentKind::WriterMetadata => "Writer Metadata Document",
                    DocumentKind::BackupComponents => "Backup Components Document",
                    _ => "document",
                };
                let place = self.index.and_then(|index| Some((index, index.record(record.n)?.0)));
                let express = place.and_then(|(index, at)| index.express(at));
                let of = express.map_or_else(String::new, |of| format!("of the express writer {}, ", name(&of.name)));
                format!("{kind} {of}of {}, SHA-256 {}", size(text.len() as u64), harmless(sha256, 12))
            }
            What::Process(ProcessEdge::Started) => "process started".to_owned(),
            What::Process(ProcessEdge::Exited) => "process exited".to_owned(),
            What::Instance { instance } => format!("writer instance {} from now on", short(instance.0)),
            What::Process(ProcessEdge::Crashed) => "process crashed".to_owned(),
            What::Consistency { set, state, detail } => {
                let detail = harmless(detail, MESSAGE);
                let because = if detail.is_empty() { "" } else { ": " };
                format!("data in {} is {}{because}{detail}", self.set(*set), consistency(*state))
            }
            What::Restore(Restored::File { path, to, bytes, how, .. }) => {
                let how = match how {
                    Placement::Written => "restored to",
                    Placement::Staged => "waits for the next start to go to",
                    Placement::Moved => "moved into place at",
                };
                format!("{} {how} {}, {}", harmless(path, MESSAGE), harmless(to, MESSAGE), size(*bytes))
            }
            What::Restore(Restored::Refused { what, reason, .. }) => {
                format!("{} not restored: {}", harmless(what, MESSAGE), harmless(reason, MESSAGE))
            }
            What::Restore(Restored::Service { name: service, runs }) => {
                format!("service {} {}", name(service), if *runs { "started" } else { "stopped" })
            }
            What::Compared { snapshot, compared, excluded_vss, excluded_free, different } => format!(
                "{} {} compared, {} differ; left out {} of VSS, {} free",
                label(&self.snapshot(*snapshot)),
                count(*compared, "block"),
                number(*different),
                number(*excluded_vss),
                number(*excluded_free)
            ),
            What::RanOut { reached, before, after } => {
                let reached = reached.map_or_else(|| "an answer later".to_owned(), |code| code.to_string());
                let kept = if before == after { "the state is as before" } else { "THE STATE CHANGED" };
                format!("the call ran out of a resource instead of {reached}: {kept}")
            }
            What::Invariant { name: invariant, detail } => {
                format!("INVARIANT BROKEN (a defect of vssim): {}: {}", name(invariant), harmless(detail, MESSAGE))
            }
            // The trace format may grow; what has no words yet is shown as the trace holds it.
            other => harmless(&format!("{other:?}"), MESSAGE),
        }
    }

    /// Whose backup or restore a record of a writer is of, where several go on at once.
    pub(crate) fn whose(self, what: &What) -> Option<String> {
        self.index.and_then(|index| index.whose(what))
    }

    /// An event, or its end: with whose it is, where that must be told.
    pub(crate) fn event(self, what: &What, event: WriterEvent) -> String {
        match self.whose(what) {
            Some(whose) => format!("{event} for {whose}"),
            None => event.to_string(),
        }
    }

    /// The method that a return answers, or the number that names nothing.
    fn method(self, what: &What, kind: &str, id: u64) -> String {
        match self.index.and_then(|index| index.call_of(what)) {
            Some(call) => call.name().1.to_owned(),
            None => format!("{kind} {id}"),
        }
    }

    /// The method that started an operation, or the operation's number.
    pub(crate) fn operation(self, number: u32, operation: vssim_model::api::AsyncId) -> String {
        match self.index.and_then(|index| index.operation(operation)) {
            Some(method) => method.to_owned(),
            None => format!("operation {number}"),
        }
    }

    /// A shadow copy, by its volume where that is known, and by its set where several backups go on at once.
    pub(crate) fn snapshot(self, snapshot: SnapshotId) -> String {
        let set = self.index.and_then(|index| index.set_to_tell_apart(snapshot));
        match (self.index.and_then(|index| index.volume(snapshot)), set) {
            (Some(volume), Some(set)) => format!("shadow copy of {} in {}", name(volume), self.set(set)),
            (Some(volume), None) => format!("shadow copy of {}", name(volume)),
            (None, _) => format!("shadow copy {}", short(snapshot.0)),
        }
    }

    /// A shadow copy set, by its number in the trace where there are several.
    pub(crate) fn set(self, set: SnapshotSetId) -> String {
        match self.index {
            Some(index) if index.set_count() == 1 && index.set(set).is_some() => "the set".to_owned(),
            Some(index) => index.set(set).map_or_else(|| format!("set {}", short(set.0)), |n| format!("set {n}")),
            None => format!("set {}", short(set.0)),
        }
    }

    /// A component by its writer, where that is known, its logical path and its name.
    fn component(self, component: &ComponentName) -> String {
        let writer = self.index.and_then(|index| index.instance(component.instance));
        let parts = [writer.unwrap_or_default(), &component.logical_path, &component.name];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).map(name).collect();
        parts.join("\\")
    }

    /// A call; where several backups go on at once and the requester has several objects, with the number of its own.
    pub(crate) fn call_on(self, object: u32, call: &Call) -> String {
        format!("{}{}", self.call(call), self.on(object))
    }

    /// ` (object 2)`, where that must be told.
    pub(crate) fn on(self, object: u32) -> String {
        let sessions = self.index.map(|index| &index.sessions);
        let tell = sessions.is_some_and(|sessions| sessions.overlap() && sessions.is_one_of_several(object));
        if tell { format!(" (object {object})") } else { String::new() }
    }

    /// A call: method and arguments.
    pub(crate) fn call(self, call: &Call) -> String {
        let arguments = self.arguments(call);
        let method = call.name().1;
        if arguments.is_empty() { method.to_owned() } else { format!("{method}({arguments})") }
    }

    /// The arguments of a call, those that tell something.
    pub(crate) fn arguments(self, call: &Call) -> String {
        match call {
            Call::BackupComponents(call) => self.backup_components(call),
            Call::Async(AsyncCall::Wait { operation, milliseconds }) => match milliseconds {
                Some(limit) => format!("{}, {} ms", self.operation(operation.0, *operation), number(u64::from(*limit))),
                None => self.operation(operation.0, *operation),
            },
            Call::Async(AsyncCall::QueryStatus { operation } | AsyncCall::Cancel { operation }) => {
                self.operation(operation.0, *operation)
            }
            Call::Writer(WriterCall::SetWriterFailure { failure }) => failure.to_string(),
            Call::Component(call) => self.component_call(call),
            Call::SoftwareProvider(call) => match call {
                SoftwareProviderCall::IsVolumeSupported { volume, .. } => quoted(volume),
                SoftwareProviderCall::BeginPrepareSnapshot { snapshot, volume, .. } => {
                    format!("{}, {}", self.volume_or(*snapshot, volume), short(snapshot.0))
                }
                SoftwareProviderCall::DeleteSnapshots { snapshot } => self.snapshot(*snapshot),
                _ => String::new(),
            },
            Call::CreateSnapshotSet(
                CreateSnapshotSetCall::EndPrepareSnapshots(set)
                | CreateSnapshotSetCall::PreCommitSnapshots(set)
                | CreateSnapshotSetCall::CommitSnapshots(set)
                | CreateSnapshotSetCall::PostCommitSnapshots(set)
                | CreateSnapshotSetCall::PreFinalCommitSnapshots(set)
                | CreateSnapshotSetCall::PostFinalCommitSnapshots(set)
                | CreateSnapshotSetCall::AbortSnapshots(set),
            ) => self.several_sets(*set),
            // A method that is called by its name in the catalogue reads like the same call in its own step.
            Call::Method(call) => call.typed().map(|typed| self.arguments(&typed)).unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// The set, where there is more than one to tell apart.
    fn several_sets(self, set: SnapshotSetId) -> String {
        if self.index.is_some_and(|index| index.set_count() < 2) { String::new() } else { self.set(set) }
    }

    /// A volume as the scenario calls it, else as the call does.
    fn volume_or(self, snapshot: SnapshotId, volume: &str) -> String {
        self.index.and_then(|index| index.volume(snapshot)).map_or_else(|| quoted(volume), name)
    }

    fn backup_components(self, call: &BackupComponentsCall) -> String {
        use BackupComponentsCall as C;
        match call {
            C::InitializeForBackup { xml: Some(xml) } => format!("document of {}", size(xml.len() as u64)),
            C::SetContext { context } => match Context::from_bits(*context) {
                Ok(context) => context.to_string(),
                Err(_) => format!("0x{context:08x}"),
            },
            C::SetBackupState { select_components, bootable_system_state, backup_type, partial_file_support } => {
                let mut words = vec![backup_type.to_string()];
                for (set, word) in [
                    (*select_components, "components selected"),
                    (*bootable_system_state, "bootable system state"),
                    (*partial_file_support, "partial files"),
                ] {
                    if set {
                        words.push(word.to_owned());
                    }
                }
                words.join(", ")
            }
            C::EnableWriterClasses { classes } | C::DisableWriterClasses { classes } => match classes.as_slice() {
                [class] => short(class.0),
                classes => counted(classes.len() as u64, "class", "classes"),
            },
            C::DisableWriterInstances { instances } => match instances.as_slice() {
                [one] => self.index.and_then(|index| index.instance(*one)).map_or_else(|| short(one.0), name),
                instances => count(instances.len() as u64, "instance"),
            },
            C::GetWriterMetadata { index } | C::GetWriterStatus { index } => index.to_string(),
            C::AddComponent(component) => self.component(component),
            C::IsVolumeSupported { provider, volume } | C::AddToSnapshotSet { provider, volume } => {
                format!("{}{}", quoted(volume), chosen(*provider))
            }
            C::SetBackupOptions { component, options: text } | C::SetPreviousBackupStamp { component, stamp: text } => {
                format!("{}, {}", self.component(component), quoted(text))
            }
            C::GetSnapshotProperties { snapshot } => self.snapshot(*snapshot),
            C::SetBackupSucceeded { component, succeeded } => {
                format!("{}, {}", self.component(component), boolean(*succeeded))
            }
            _ => String::new(),
        }
    }

    fn component_call(self, call: &ComponentCall) -> String {
        match call {
            ComponentCall::SetBackupMetadata { component, metadata: text }
            | ComponentCall::SetBackupStamp { component, stamp: text }
            | ComponentCall::SetPrepareForBackupFailureMsg { component, message: text }
            | ComponentCall::SetPostSnapshotFailureMsg { component, message: text } => {
                format!("{}, {}", self.component(component), quoted(text))
            }
            ComponentCall::GetBackupSucceeded { component } => self.component(component),
            _ => String::new(),
        }
    }

    /// What came with a return; empty for nothing.
    pub(crate) fn out(self, out: &Out) -> String {
        match out {
            Out::SnapshotSet(set) => short(set.0),
            Out::Snapshot(snapshot) => short(snapshot.0),
            Out::Count(n) => number(u64::from(*n)),
            Out::Flag(flag) => boolean(*flag).to_owned(),
            Out::Status(hresult) => hresult.to_string(),
            Out::Document(sha256) => format!("document {}", harmless(sha256, 12)),
            Out::WriterStatus(status) => match status.failure {
                HResult::S_OK => format!("{}: {}", name(&status.name), status.state),
                failure => format!("{}: {}, {failure}", name(&status.name), status.state),
            },
            Out::SnapshotProperties(properties) => harmless(&properties.device, 80),
            // Numbers that only the trace itself needs.
            _ => String::new(),
        }
    }

    fn io(self, volume: &str, io: Io) -> String {
        let volume = name(volume);
        match io {
            Io::FirstCopy { block } => format!("first copy of block {} on {volume}", number(block)),
            Io::Queued { offset, length } => {
                format!("write of {} at {} on {volume} queued", size(length), number(offset))
            }
            Io::Leaked { offset, length } => {
                format!("write of {} at {} went through to held {volume}", size(length), number(offset))
            }
            Io::BulkRead { files, bytes, .. } => {
                format!("read {}, {}, from the shadow copy of {volume}", count(files, "file"), size(bytes))
            }
            Io::SnapshotWrite { offset, length, .. } => {
                format!("write of {} at {} into the shadow copy of {volume}", size(length), number(offset))
            }
            other => harmless(&format!("{other:?} on {volume}"), MESSAGE),
        }
    }
}

/// A provider that was asked for by name.
fn chosen(provider: ProviderId) -> String {
    if provider.is_null() { String::new() } else { format!(", provider {}", short(provider.0)) }
}

/// ` = value`, or nothing.
pub(crate) fn equals(value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(" = {value}") }
}

/// What a handler returned, as in ` → FALSE, VSS_E_WRITERERROR_RETRYABLE`.
pub(crate) fn handled(returned: bool, failure: Option<HResult>) -> String {
    match failure {
        Some(failure) => format!(" → {}, {failure}", boolean(returned)),
        None => format!(" → {}", boolean(returned)),
    }
}

const fn boolean(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}

/// A change of a writer's state; one that changes nothing says so.
pub(crate) fn change(from: WriterState, to: WriterState) -> String {
    if from == to { format!("still {to}") } else { format!("{from} → {to}") }
}

/// A phase in Windows' own naming.
pub(crate) fn phase(phase: Phase) -> String {
    serde_json::to_string(&phase).unwrap_or_default().trim_matches('"').to_owned()
}

/// A state of an application's data, as the trace spells it.
pub(crate) const fn consistency(state: Consistency) -> &'static str {
    match state {
        Consistency::Clean => "clean",
        Consistency::CrashConsistent => "crash-consistent",
        Consistency::Corrupt => "corrupt",
    }
}

fn timer(timer: &TimerName, edge: TimerEdge) -> String {
    let which = match timer {
        TimerName::FreezeWindow(writer) => format!("freeze window of {}", name(writer)),
        TimerName::HoldLimit => "flush and hold limit".to_owned(),
        other => harmless(&format!("{other:?}"), MESSAGE),
    };
    match edge {
        TimerEdge::Set(due) => format!("timer set: {which}, due at {}", span(due)),
        TimerEdge::Fired => format!("TIMER FIRED: {which}"),
        TimerEdge::Stopped => format!("timer stopped: {which}"),
    }
}

fn event_log(entry: &EventLogEntry) -> String {
    let id = entry.id.map_or_else(String::new, |id| format!(" {id}"));
    let (source, message) = (name(&entry.source), harmless(&entry.message, MESSAGE));
    format!("{:?} log, {source}{id}: {message}", entry.log)
}
