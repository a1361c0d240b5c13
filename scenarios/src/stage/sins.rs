//! Misbehaviours: changes of a requester's steps, of a writer's handlers, of a provider's callbacks.

use vssim_model::api::ApplicationCall;
use vssim_model::hresult::HResult;
use vssim_model::tables::{ProviderCallback, Symbol};
use vssim_model::time::Ticks;
use vssim_sim::plan::{ComponentOf, ComponentOp, Op, Script, Span};

use super::handlers::Handlers;
use super::machine::span;
use super::providers::Callbacks;
use super::writers::StagedWriter;
use crate::scalars::{Flag, Name, Text};
use crate::syntax::requester::{Asynchronous, Empty, OfOperation, Plain, SetContext, Step, WaitFor, WithText, Writers};
use crate::syntax::sins::{ProviderSin, RequesterSin, WriterSin};
use crate::syntax::writer::{ComponentRef, Writer};
use crate::yaml::At;
use vssim_model::states::WriterEvent;

/// A step of a macro.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) step: Step,
    /// Whether its failure changes nothing: a sinner's extra step.
    pub(super) tolerant: bool,
}

/// A macro's steps, when all goes well and after a failure.
pub(super) struct Lines {
    pub(super) good: Vec<Line>,
    pub(super) bad: Vec<Line>,
}

fn extra(step: Step) -> Line {
    Line { step, tolerant: true }
}

fn firm(step: Step) -> Line {
    Line { step, tolerant: false }
}

fn plain() -> Plain {
    Plain::default()
}

impl Lines {
    fn at(&self, is: fn(&Step) -> bool) -> Option<usize> {
        self.good.iter().position(|line| is(&line.step))
    }

    fn without(&mut self, is: fn(&Step) -> bool) {
        self.good.retain(|line| !is(&line.step));
    }

    /// Puts lines before the first step of a kind.
    fn before(&mut self, is: fn(&Step) -> bool, lines: impl IntoIterator<Item = Line>) {
        if let Some(at) = self.at(is) {
            self.good.splice(at..at, lines);
        }
    }

    /// Puts lines behind the first step of a kind.
    fn behind(&mut self, is: fn(&Step) -> bool, lines: impl IntoIterator<Item = Line>) {
        if let Some(at) = self.at(is) {
            self.good.splice(at + 1..at + 1, lines);
        }
    }

    /// Does something between the call of an operation and the wait for it.
    fn meanwhile(&mut self, is: fn(&Step) -> bool, what: Step) {
        let Some(at) = self.at(is) else { return };
        let name = At::nowhere(Name("meanwhile".to_owned()));
        let (Some(line), operation) = (self.good.get_mut(at), name) else { return };
        if let Some(call) = asynchronous(&mut line.step) {
            (call.wait, call.operation) = (At::nowhere(Flag(false)), Some(operation.clone()));
        }
        let wait = WaitFor { operation: operation.clone(), at_most: None, expect: None };
        let query = OfOperation { operation, expect: None };
        self.good.splice(at + 1..at + 1, [extra(what), firm(Step::Wait(wait)), firm(Step::QueryStatus(query))]);
    }
}

fn asynchronous(step: &mut Step) -> Option<&mut Asynchronous> {
    match step {
        Step::GatherWriterMetadata(call)
        | Step::PrepareForBackup(call)
        | Step::GatherWriterStatus(call)
        | Step::DoSnapshotSet(call)
        | Step::BackupComplete(call) => Some(call),
        _ => None,
    }
}

fn adds_components(step: &Step) -> bool {
    matches!(step, Step::AddComponents(_) | Step::AddComponent(_))
}

fn check_behind(lines: &mut Lines, is: fn(&Step) -> bool) {
    if let Some(at) = lines.at(is)
        && lines.good.get(at + 1).is_some_and(|line| matches!(line.step, Step::CheckWriters(_)))
    {
        lines.good.remove(at + 1);
    }
}

/// What a requester's misbehaviour makes of a macro.
pub(super) fn requester(sin: RequesterSin, lines: &mut Lines, writers: &[StagedWriter]) {
    match sin {
        RequesterSin::SkipsInitialize
        | RequesterSin::SkipsSetBackupState
        | RequesterSin::SetsContextTwice
        | RequesterSin::SetsContextLate
        | RequesterSin::DisablesWritersLate
        | RequesterSin::SkipsGatherWriterMetadata
        | RequesterSin::GathersMetadataTwice
        | RequesterSin::ReadsMetadataEarly
        | RequesterSin::AddsComponentsLate => preparing(sin, lines, writers),
        RequesterSin::AddsVolumeOutsideSet
        | RequesterSin::AddsVolumeLate
        | RequesterSin::ForgetsTrailingBackslash
        | RequesterSin::SkipsIsVolumeSupported
        | RequesterSin::SetsOptionsLate
        | RequesterSin::SkipsPrepareForBackup
        | RequesterSin::SnapshotsBeforePrepared
        | RequesterSin::ReadsStatusUngathered
        | RequesterSin::UsesCopyEarly
        | RequesterSin::SavesDocumentEarly => creating(sin, lines, writers),
        _ => ending(sin, lines),
    }
}

fn preparing(sin: RequesterSin, lines: &mut Lines, writers: &[StagedWriter]) {
    let gather = |step: &Step| matches!(step, Step::GatherWriterMetadata(_));
    let set_context = || Step::SetContext(SetContext { context: At::default(), attributes: Vec::new(), expect: None });
    match sin {
        RequesterSin::SkipsInitialize => {
            lines.without(|step| matches!(step, Step::InitializeForBackup(_)));
        }
        RequesterSin::SkipsSetBackupState => lines.without(|step| matches!(step, Step::SetBackupState(_))),
        RequesterSin::SetsContextTwice => {
            lines.without(|step| matches!(step, Step::SetContext(_)));
            let twice = [extra(set_context()), extra(set_context())];
            lines.behind(|step| matches!(step, Step::InitializeForBackup(_)), twice);
        }
        RequesterSin::SetsContextLate => {
            lines.behind(|step| matches!(step, Step::StartSnapshotSet(_)), [extra(set_context())]);
        }
        RequesterSin::DisablesWritersLate => {
            let names = writers.iter().take(1).map(|writer| At::nowhere(Name(writer.plan.name.to_string())));
            let call = Writers { writers: names.collect(), expect: None };
            lines.behind(gather, [extra(Step::DisableWriterClasses(call))]);
        }
        RequesterSin::SkipsGatherWriterMetadata => {
            lines.without(gather);
            lines.without(|step| matches!(step, Step::ReadMetadata(_) | Step::FreeWriterMetadata(_)));
            lines.without(|step| adds_components(step) || matches!(step, Step::ReportComponents(_)));
        }
        RequesterSin::GathersMetadataTwice => {
            lines.behind(gather, [extra(Step::GatherWriterMetadata(Asynchronous::default()))]);
        }
        RequesterSin::ReadsMetadataEarly => lines.meanwhile(gather, Step::GetWriterMetadataCount(plain())),
        _ => {
            let (late, rest) =
                std::mem::take(&mut lines.good).into_iter().partition(|line| adds_components(&line.step));
            let late: Vec<Line> = late;
            lines.good = rest;
            lines.behind(|step| matches!(step, Step::StartSnapshotSet(_)), late);
        }
    }
}

fn creating(sin: RequesterSin, lines: &mut Lines, writers: &[StagedWriter]) {
    let prepare = |step: &Step| matches!(step, Step::PrepareForBackup(_));
    let create = |step: &Step| matches!(step, Step::DoSnapshotSet(_));
    let adding = |step: &Step| matches!(step, Step::AddToSnapshotSet(_));
    let added = lines.good.iter().find(|line| adding(&line.step)).map(|line| extra(line.step.clone()));
    match sin {
        RequesterSin::AddsVolumeOutsideSet => {
            lines.before(|step| matches!(step, Step::StartSnapshotSet(_)), added);
        }
        RequesterSin::AddsVolumeLate => lines.behind(create, added),
        RequesterSin::ForgetsTrailingBackslash => {
            for line in &mut lines.good {
                // Whoever does not heed the form of the name does not heed the answer either.
                line.tolerant |= matches!(line.step, Step::IsVolumeSupported(_));
                if let Step::AddToSnapshotSet(call) | Step::IsVolumeSupported(call) = &mut line.step {
                    call.volume.value.0 = call.volume.0.trim_end_matches('\\').to_owned();
                }
            }
        }
        RequesterSin::SkipsIsVolumeSupported => {
            lines.without(|step| matches!(step, Step::IsVolumeSupported(_)));
        }
        RequesterSin::SetsOptionsLate => {
            let late = writers.iter().find_map(|writer| {
                let of = writer.explicit.first()?;
                let text = At::nowhere(Text("late".to_owned()));
                let component = component_ref(writer, of);
                Some(extra(Step::SetBackupOptions(WithText { component, text, expect: None })))
            });
            lines.behind(prepare, late);
        }
        RequesterSin::SkipsPrepareForBackup => {
            check_behind(lines, prepare);
            lines.without(prepare);
        }
        RequesterSin::SnapshotsBeforePrepared => {
            let at_once = Asynchronous { wait: At::nowhere(Flag(false)), ..Asynchronous::default() };
            lines.meanwhile(prepare, Step::DoSnapshotSet(at_once));
        }
        RequesterSin::ReadsStatusUngathered => {
            lines.behind(prepare, [extra(Step::GetWriterStatusCount(plain()))]);
        }
        RequesterSin::UsesCopyEarly => {
            let properties = lines.good.iter().find(|line| matches!(line.step, Step::GetSnapshotProperties(_)));
            if let Some(step) = properties.map(|line| line.step.clone()) {
                lines.meanwhile(create, step);
            }
        }
        _ => lines.meanwhile(create, Step::SaveAsXML(plain())),
    }
}

fn ending(sin: RequesterSin, lines: &mut Lines) {
    let complete = |step: &Step| matches!(step, Step::BackupComplete(_));
    let report = |step: &Step| matches!(step, Step::ReportComponents(_));
    let release = |step: &Step| matches!(step, Step::Release(_));
    match sin {
        RequesterSin::NeverSavesDocument => lines.without(|step| matches!(step, Step::SaveAsXML(_))),
        RequesterSin::NoSetBackupSucceeded => lines.without(report),
        RequesterSin::ReportsLate => {
            lines.without(report);
            lines.behind(complete, [extra(Step::ReportComponents(Empty {}))]);
        }
        RequesterSin::ReleasesEarly => {
            check_behind(lines, complete);
            for line in lines.good.iter_mut().filter(|line| complete(&line.step)) {
                if let Some(call) = asynchronous(&mut line.step) {
                    call.wait = At::nowhere(Flag(false));
                }
            }
        }
        RequesterSin::NeverReleases => {
            lines.without(release);
            lines.bad.retain(|line| !release(&line.step));
        }
        RequesterSin::ReusesObject => {
            let again = [Step::InitializeForBackup(plain()), Step::StartSnapshotSet(plain())];
            lines.before(release, again.map(extra));
        }
        RequesterSin::NoAbort => lines.bad.retain(|line| !matches!(line.step, Step::AbortBackup(_))),
        RequesterSin::BackupCompleteAfterFailure => {
            lines.bad.insert(0, extra(Step::BackupComplete(Asynchronous::default())));
        }
        // UsesObjectAfterAbort; the sins of the other steps never come here.
        _ => {
            let at = lines.bad.iter().position(|line| matches!(line.step, Step::AbortBackup(_)));
            if let Some(at) = at {
                lines.bad.insert(at + 1, extra(Step::GetWriterMetadataCount(plain())));
            }
        }
    }
}

fn component_ref(writer: &StagedWriter, of: &ComponentOf) -> ComponentRef {
    ComponentRef {
        writer: At::nowhere(Name(writer.plan.name.to_string())),
        logical_path: Some(At::nowhere(Text(of.logical_path.clone()))).filter(|path| !path.0.is_empty()),
        name: At::nowhere(Name(of.name.clone())),
    }
}

/// When a writer does what it does outside of its handlers.
const SOON: Ticks = Ticks::from_millis(1);

/// What a writer's misbehaviour makes of its handlers, and of what it does by itself. That its metadata changes is for
/// the stage of its documents.
pub(super) fn writer(
    sin: &WriterSin,
    writer: &Writer,
    own: Option<&ComponentOf>,
    application: Option<u16>,
    handlers: &mut Handlers,
    background: &mut Option<(Ticks, Script)>,
) {
    let is_order = |op: &Op, wanted: &ApplicationCall| matches!(op, Op::Order { order, .. } if order == wanted);
    match sin {
        WriterSin::DoesNotFreeze => {
            handlers.entry(WriterEvent::Freeze).or_default().retain(|op| !is_order(op, &ApplicationCall::Quiesce));
        }
        WriterSin::FreezesButApplicationWritesAnyway => {
            if let Some(application) = application {
                let resume = Op::Order { application, order: ApplicationCall::Resume };
                let freeze = handlers.entry(WriterEvent::Freeze).or_default();
                let at = freeze.iter().position(|op| is_order(op, &ApplicationCall::Quiesce));
                freeze.insert(at.map_or(0, |at| at + 1), resume);
            }
        }
        WriterSin::NeverThaws => {
            for event in [WriterEvent::Thaw, WriterEvent::Abort] {
                handlers.entry(event).or_default().retain(|op| !is_order(op, &ApplicationCall::Resume));
            }
        }
        WriterSin::NeverAnswers(event) => {
            handlers.insert(event.0, vec![Op::Hang]);
        }
        WriterSin::CrashesAt(event) => {
            handlers.insert(event.0, vec![Op::Crash]);
        }
        WriterSin::ReturnsFalseWithoutFailure(event) => {
            let ops = handlers.entry(event.0).or_default();
            ops.retain(|op| !matches!(op, Op::Fail(_) | Op::Return(_) | Op::Times(..)));
            ops.push(Op::Return(false));
        }
        WriterSin::FailureOutsideHandler => {
            *background = Some((SOON, [Op::Fail(HResult::VSS_E_WRITERERROR_RETRYABLE)].into()));
        }
        WriterSin::ChangesDocumentIn(event) => {
            if let Some(component) = own {
                let change = ComponentOp::SetBackupMetadata(component.clone(), format!("changed by {}", writer.name.0));
                handlers.entry(event.0).or_default().insert(0, Op::Component(change));
            }
        }
        WriterSin::MetadataChangesBetweenIdentifies => {}
    }
}

/// What a provider's misbehaviour makes of its callbacks.
pub(super) fn provider(sin: &ProviderSin, callbacks: &mut Callbacks) {
    use ProviderCallback as C;
    let named = |name: &Name| C::ALL.iter().copied().find(|callback| callback.name() == name.as_str());
    let is_commit = |op: &Op| matches!(op, Op::Commit { .. });
    match sin {
        ProviderSin::CommitsAfterReturn(late) => {
            let ops = callbacks.entry(C::CommitSnapshots).or_default();
            ops.retain(|op| !is_commit(op));
            ops.extend([Op::Takes(span(**late)), Op::Commit { gap: Span::default() }]);
        }
        ProviderSin::CommitsVolumesAtDifferentInstants(between) => {
            for op in callbacks.values_mut().flatten() {
                if let Op::Commit { gap } = op {
                    *gap = span(**between);
                }
            }
        }
        ProviderSin::CommitsEarly => {
            callbacks.entry(C::CommitSnapshots).or_default().retain(|op| !is_commit(op));
            let ops = callbacks.entry(C::EndPrepareSnapshots).or_default();
            let end = ops.iter().position(|op| matches!(op, Op::Answer(_))).unwrap_or(ops.len());
            ops.insert(end, Op::Commit { gap: Span::default() });
        }
        ProviderSin::LeavesWritable => {
            callbacks.entry(C::PostFinalCommitSnapshots).or_default().retain(|op| *op != Op::MakeReadOnly);
        }
        ProviderSin::CrashesIn(callback) => {
            if let Some(callback) = named(callback) {
                callbacks.insert(callback, vec![Op::Crash]);
            }
        }
        ProviderSin::NeverReturnsFrom(callback) => {
            if let Some(callback) = named(callback) {
                callbacks.insert(callback, vec![Op::Hang]);
            }
        }
        ProviderSin::LogsIn(callback) => {
            if let Some(callback) = named(callback) {
                let entry = Op::Log(format!("{} was called", callback.name()));
                callbacks.entry(callback).or_default().insert(0, entry);
            }
        }
    }
}
