//! Requesters' scripts: steps, loops and macros become instructions.
//!
//! A step without `expect` that fails ends the script, or, inside a macro, goes to what the macro does after a failure.
//! A step with `expect` never ends anything: whether it returned that code is looked at after the run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::api::BackupComponentsCall as B;
use vssim_model::ids::{ProviderId, WriterClassId};
use vssim_model::time::Ticks;
use vssim_sim::plan::{ComponentOf, Op, RequesterPlan, RestoreOp, Script, Span, Template};

use super::machine::span;
use super::methods::Places;
use super::script::{Assembler, Label};
use super::sins::{self, Line, Lines};
use super::writers::StagedWriter;
use super::{Stager, beyond, index, selection};
use crate::expand::{Expanded, Unit, step_name};
use crate::expectations::ExpectedSteps;
use crate::scalars::{Code, Name};
use crate::syntax::requester::{
    AddComponents, Asynchronous, Components, OfVolume, OnFailure, Privileges, Step, WaitFor, Writers,
};
use crate::syntax::writer::ComponentRef;
use crate::yaml::At;

/// The operation of a call that is waited for at once.
const UNNAMED: u8 = 0;

/// The requesters of a plan, and the codes that their steps must return.
#[derive(Default)]
pub(super) struct StagedRequesters {
    pub(super) plans: Vec<RequesterPlan>,
    pub(super) expected: Vec<ExpectedSteps>,
}

impl Stager<'_> {
    pub(super) fn requesters(&mut self, writers: &[StagedWriter]) -> StagedRequesters {
        let scenario = self.scenario;
        let mut staged = StagedRequesters::default();
        for (requester, units) in scenario.document.requesters.iter().zip(&scenario.scripts) {
            let mut compiler = Compiler::new(self, writers);
            let starts = *requester.starts_at;
            // A start that is chosen is a pause at the beginning.
            compiler.pause(Span { min: Ticks::ZERO, max: starts.max - starts.min });
            let begin = compiler.asm.label();
            compiler.asm.place(begin);
            for unit in units {
                match unit {
                    Unit::Step(step) => compiler.step(&step.value, Some(compiler.end)),
                    Unit::Backup(expanded) => {
                        let line = |step: &Step| Line { step: step.clone(), tolerant: false };
                        let good = expanded.steps.iter().map(line).collect();
                        let mut lines = Lines { good, bad: expanded.after_failure.iter().map(line).collect() };
                        for sin in &requester.misbehaviours {
                            sins::requester(sin.value, &mut lines, writers);
                        }
                        compiler.backup(expanded, &lines);
                    }
                }
            }
            if let Some(repeat) = &requester.repeat {
                let end = compiler.end;
                compiler.asm.times(u16::try_from(repeat.0.saturating_sub(1)).unwrap_or(u16::MAX), end);
                compiler.asm.jump(begin);
            }
            let Some((script, expected)) = compiler.finish() else {
                let what = format!("the script of `{}` is too long", requester.name.0);
                self.problem(
                    beyond(what, "at most 65,534 instructions, all retries of macros written out"),
                    requester.name.pos,
                );
                continue;
            };
            if !expected.is_empty() {
                let requester = requester.name.0.clone();
                staged.expected.push(ExpectedSteps { requester, script: Script::clone(&script), codes: expected });
            }
            staged.plans.push(RequesterPlan { name: requester.name.0.as_str().into(), starts: starts.min, script });
        }
        staged
    }

    /// The id of a provider of the scenario.
    pub(super) fn provider_id(&self, name: &str) -> ProviderId {
        let providers = &self.scenario.document.machine.providers;
        let found = self.scenario.names.provider(name).and_then(|at| providers.get(at));
        found.map_or(ProviderId::NULL, super::providers::id_of)
    }
}

struct Compiler<'a> {
    stager: &'a Stager<'a>,
    writers: &'a [StagedWriter],
    asm: Assembler,
    /// Where the script ends.
    end: Label,
    /// Where each named operation is kept.
    operations: BTreeMap<String, u8>,
    /// The writers whose classes are kept out.
    disabled: BTreeSet<WriterClassId>,
    /// Whether EnableWriterClasses was called.
    enabling: bool,
    /// The components added, for the report at the end.
    added: Vec<ComponentOf>,
    /// Whether SetBackupState asked for the bootable system state.
    system_state: bool,
    /// Where what calls hand back is kept.
    places: Places,
}

impl<'a> Compiler<'a> {
    fn new(stager: &'a Stager<'a>, writers: &'a [StagedWriter]) -> Compiler<'a> {
        let mut asm = Assembler::default();
        let end = asm.label();
        let (operations, disabled, added) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        Compiler {
            stager,
            writers,
            asm,
            end,
            operations,
            disabled,
            enabling: false,
            added,
            system_state: false,
            places: Places::new(),
        }
    }

    fn finish(mut self) -> Option<(Script, Vec<super::script::StepExpectation>)> {
        let end = self.end;
        self.asm.place(end);
        self.asm.finish()
    }

    /// A macro, as often as it is tried.
    fn backup(&mut self, expanded: &Expanded, lines: &Lines) {
        let done = self.asm.label();
        for attempt in 0..=expanded.retries {
            let failed = self.asm.label();
            let on_failure = (expanded.on_failure != OnFailure::Continue).then_some(failed);
            self.disabled.clear();
            self.enabling = false;
            self.added.clear();
            for line in &lines.good {
                self.step(&line.step, on_failure.filter(|_| !line.tolerant));
            }
            self.asm.jump(done);
            self.asm.place(failed);
            for line in &lines.bad {
                self.step(&line.step, None);
            }
            if attempt < expanded.retries {
                self.pause(Span::exactly(expanded.retry_after));
            }
            // A script that could not be that long is refused at its end; there is no use in writing it all.
            if self.asm.is_too_long() {
                break;
            }
        }
        let end = self.end;
        self.asm.jump(end);
        self.asm.place(done);
    }

    fn pause(&mut self, time: Span) {
        if time.max > Ticks::ZERO {
            self.asm.push(Op::Takes(time));
        }
    }

    /// One step. `failed` is where a failure that it does not expect leads; none to go on.
    fn step(&mut self, step: &Step, failed: Option<Label>) {
        match step {
            Step::GatherWriterMetadata(call) => self.operation(B::GatherWriterMetadata, call, failed),
            Step::PrepareForBackup(call) => self.operation(B::PrepareForBackup, call, failed),
            Step::GatherWriterStatus(call) => self.operation(B::GatherWriterStatus, call, failed),
            Step::DoSnapshotSet(call) => self.operation(B::DoSnapshotSet, call, failed),
            Step::BackupComplete(call) => self.operation(B::BackupComplete, call, failed),
            Step::PreRestore(call) => self.operation(B::PreRestore, call, failed),
            Step::PostRestore(call) => self.operation(B::PostRestore, call, failed),
            Step::InitializeForRestore(call) => {
                let number = call.backup.as_ref().map(|backup| u16::try_from(backup.0).unwrap_or(u16::MAX));
                self.restore(RestoreOp::Initialize(number), failed);
            }
            Step::SelectComponents(chosen) => {
                let components = self.chosen(&chosen.components);
                self.restore(RestoreOp::Select { components, more: chosen.more_follow.0 }, failed);
            }
            Step::RestoreFiles(files) => {
                self.pause(span(*files.takes));
                self.restore(RestoreOp::Files, failed);
            }
            Step::Wait(call) => self.wait_for(call),
            Step::QueryStatus(call) => {
                let kept = self.kept(&call.operation);
                self.asm.query(kept);
                // A script that asks wants to know; a macro that asks has to.
                self.judge("QueryStatus", call.expect.as_ref(), failed.filter(|failed| *failed != self.end));
            }
            Step::Cancel(call) => {
                let kept = self.kept(&call.operation);
                self.asm.cancel(kept);
                self.judge("Cancel", call.expect.as_ref(), failed);
            }
            Step::Sleep(takes) => self.pause(span(**takes)),
            Step::Crash(_) => self.asm.push(Op::Crash),
            Step::ReadMetadata(_) => self.asm.template(Template::EachWriterMetadata),
            Step::AddComponents(which) => self.add_components(which, failed),
            Step::CheckWriters(_) => self.check_writers(failed),
            Step::CopyFiles(copy) => {
                self.pause(span(*copy.takes));
                self.asm.push(Op::CopyFiles);
            }
            Step::PassStamps(stamps) => {
                for component in self.added.clone() {
                    self.asm.template(Template::PassStamp(component, stamps.kind.0));
                    self.judge("SetPreviousBackupStamp", None, failed);
                }
            }
            Step::ReportComponents(_) => {
                for component in self.added.clone() {
                    self.asm.template(Template::ReportBackup(component));
                    self.judge("SetBackupSucceeded", None, failed);
                }
            }
            Step::Call(call) => {
                if let Some(op) = self.stager.method(call, &mut self.places) {
                    self.asm.push(op);
                }
            }
            Step::Damage(damage) => {
                let op = self.stager.damage(damage, &self.places);
                self.asm.push(op);
            }
            Step::Privileges(held) => self.asm.push(Op::Privileges(held.value == Privileges::Backup)),
            other => self.plain(other, failed),
        }
    }

    fn restore(&mut self, op: RestoreOp, failed: Option<Label>) {
        self.asm.push(Op::Restore(Arc::new(op)));
        if let Some(failed) = failed {
            self.asm.if_failed(failed);
        }
    }

    /// Components by class, logical path and name; none for all.
    fn chosen(&self, components: &Components) -> Option<Vec<(WriterClassId, String, String)>> {
        let named = |of: &ComponentRef| {
            let of = self.component(of)?;
            let class = self.writers.get(usize::from(of.writer)).map(|writer| writer.plan.class)?;
            Some((class, of.logical_path, of.name))
        };
        match components {
            Components::All => None,
            Components::None => Some(Vec::new()),
            Components::Chosen(chosen) => Some(chosen.iter().filter_map(named).collect()),
        }
    }

    /// What follows the call put in last: its code is expected, or a failure leads elsewhere.
    fn judge(&mut self, step: &'static str, expect: Option<&At<Code>>, failed: Option<Label>) {
        match (expect, failed) {
            (Some(code), _) => self.asm.expect(step, None, code.0),
            (None, Some(failed)) => self.asm.if_failed(failed),
            (None, None) => {}
        }
    }

    /// A call that is answered at once.
    fn plain(&mut self, step: &Step, failed: Option<Label>) {
        match step {
            Step::EnableWriterClasses(call) => {
                let classes = self.classes(call);
                self.asm.call(B::EnableWriterClasses { classes: classes.clone() });
                // The first call leaves out all others, further ones add.
                if !std::mem::replace(&mut self.enabling, true) {
                    self.disabled = self.writers.iter().map(|writer| writer.plan.class).collect();
                }
                self.disabled.retain(|class| !classes.contains(class));
            }
            Step::DisableWriterClasses(call) => {
                let classes = self.classes(call);
                self.disabled.extend(classes.iter().copied());
                self.asm.call(B::DisableWriterClasses { classes });
            }
            Step::DisableWriterInstances(call) => {
                let chosen: Vec<u16> = call.writers.iter().filter_map(|name| self.writer(name)).collect();
                for writer in chosen {
                    self.asm.template(Template::DisableWriterInstance(writer));
                }
            }
            Step::AddComponent(call) => {
                if let Some(component) = self.component(&call.component) {
                    self.asm.template(Template::AddComponent(component.clone()));
                    if call.expect.as_ref().is_none_or(|code| !code.0.is_failure()) {
                        self.added.push(component);
                    }
                }
            }
            Step::SetBackupOptions(call) => {
                if let Some(component) = self.component(&call.component) {
                    self.asm.template(Template::SetBackupOptions(component, call.text.0.clone()));
                }
            }
            Step::SetPreviousBackupStamp(call) => {
                if let Some(component) = self.component(&call.component) {
                    self.asm.template(Template::SetPreviousBackupStamp(component, call.text.0.clone()));
                }
            }
            Step::SetBackupSucceeded(call) => {
                if let Some(component) = self.component(&call.component) {
                    self.asm.template(Template::SetBackupSucceeded(component, call.succeeded.0));
                }
            }
            Step::GetSnapshotProperties(call) => {
                let volume = self.stager.scenario.names.volume(call.volume.as_str()).map_or(u16::MAX, index);
                self.asm.template(Template::GetSnapshotProperties(volume));
            }
            Step::IsVolumeSupported(call) => {
                let (volume, provider) = self.volume(call);
                self.asm.call(B::IsVolumeSupported { provider, volume });
            }
            Step::AddToSnapshotSet(call) => {
                let (volume, provider) = self.volume(call);
                self.asm.call(B::AddToSnapshotSet { volume, provider });
            }
            other => {
                if let Step::SetBackupState(call) = other {
                    self.system_state = call.bootable_system_state.0;
                }
                if let Some(call) = simple(other) {
                    self.asm.call(call);
                }
            }
        }
        self.judge(step_name(step), expected(step), failed);
    }

    /// An asynchronous call, and the wait for its end.
    fn operation(&mut self, call: B, how: &Asynchronous, failed: Option<Label>) {
        let kept = match &how.operation {
            Some(name) => self.kept(name),
            None => UNNAMED,
        };
        let method = call.method();
        self.asm.start(call, kept);
        if !how.wait.0 {
            self.judge(method, how.expect.as_ref(), failed);
            return;
        }
        let after = self.asm.label();
        let start = self.asm.last();
        self.asm.if_failed(failed.filter(|_| how.expect.is_none()).unwrap_or(after));
        self.asm.wait(kept, None);
        self.asm.query(kept);
        match &how.expect {
            // The operation's code counts; the call's own, if there is no operation.
            Some(code) => self.asm.expect(method, Some(start), code.0),
            None => self.judge(method, None, failed),
        }
        self.asm.place(after);
    }

    fn wait_for(&mut self, call: &WaitFor) {
        let kept = self.kept(&call.operation);
        let milliseconds = |ticks: Ticks| u32::try_from(ticks.0 / 10_000).unwrap_or(u32::MAX);
        self.asm.wait(kept, call.at_most.as_ref().map(|time| milliseconds(time.0)));
        self.judge("Wait", call.expect.as_ref(), None);
    }

    /// Where an operation is kept; the places after the last are one and the same.
    fn kept(&mut self, name: &At<Name>) -> u8 {
        let next = u8::try_from(self.operations.len() + 1).unwrap_or(u8::MAX);
        *self.operations.entry(name.0.clone()).or_insert(next)
    }

    fn add_components(&mut self, which: &AddComponents, failed: Option<Label>) {
        let writers = self.writers;
        let asked = writers.iter().filter(|writer| !self.disabled.contains(&writer.plan.class));
        let components: Vec<ComponentOf> = match &which.chosen {
            None => asked.flat_map(|writer| writer.explicit.iter().cloned()).collect(),
            Some(chosen) => {
                let chosen: Vec<ComponentOf> = chosen.iter().filter_map(|of| self.component(of)).collect();
                selection::complete(writers, &self.disabled, &chosen, self.system_state)
            }
        };
        for component in components {
            self.asm.template(Template::AddComponent(component.clone()));
            self.added.push(component);
            if let Some(failed) = failed {
                self.asm.if_failed(failed);
            }
        }
    }

    /// BKP-ORD-032, BKP-ORD-033.
    fn check_writers(&mut self, failed: Option<Label>) {
        self.operation(B::GatherWriterStatus, &Asynchronous::default(), failed);
        self.asm.template(Template::EachWriterStatus);
        self.asm.call(B::FreeWriterStatus);
        if let Some(failed) = failed {
            self.asm.if_writer_failed(failed);
        }
    }

    fn writer(&self, name: &At<Name>) -> Option<u16> {
        self.stager.scenario.names.writer(name.as_str()).map(index)
    }

    fn classes(&self, call: &Writers) -> Vec<WriterClassId> {
        let class = |at: u16| self.writers.get(usize::from(at)).map(|writer| writer.plan.class);
        call.writers.iter().filter_map(|name| self.writer(name).and_then(class)).collect()
    }

    fn component(&self, of: &ComponentRef) -> Option<ComponentOf> {
        Some(ComponentOf {
            writer: self.writer(&of.writer)?,
            logical_path: of.logical_path.as_ref().map(|path| path.0.clone()).unwrap_or_default(),
            name: of.name.0.clone(),
        })
    }

    fn volume(&self, call: &OfVolume) -> (String, ProviderId) {
        let by_name = call.provider.as_ref().map(|name| self.stager.provider_id(name.as_str()));
        let by_id = call.provider_id.as_ref().map(|id| ProviderId(id.0));
        (call.volume.0.clone(), by_name.or(by_id).unwrap_or(ProviderId::NULL))
    }
}

/// The calls whose arguments stand in the step as they are.
fn simple(step: &Step) -> Option<B> {
    Some(match step {
        Step::CreateVssBackupComponents(_) => B::CreateVssBackupComponents,
        Step::InitializeForBackup(_) => B::InitializeForBackup { xml: None },
        Step::SetContext(call) => {
            let attributes = call.attributes.iter().fold(0, |bits, bit| bits | bit.0);
            B::SetContext { context: call.context.0 | attributes }
        }
        Step::SetBackupState(call) => B::SetBackupState {
            select_components: call.select_components.0,
            bootable_system_state: call.bootable_system_state.0,
            backup_type: call.kind.0,
            partial_file_support: call.partial_files.0,
        },
        Step::GetWriterMetadataCount(_) => B::GetWriterMetadataCount,
        Step::GetWriterMetadata(call) => B::GetWriterMetadata { index: call.index.0 },
        Step::FreeWriterMetadata(_) => B::FreeWriterMetadata,
        Step::StartSnapshotSet(_) => B::StartSnapshotSet,
        Step::GetWriterStatusCount(_) => B::GetWriterStatusCount,
        Step::GetWriterStatus(call) => B::GetWriterStatus { index: call.index.0 },
        Step::FreeWriterStatus(_) => B::FreeWriterStatus,
        Step::AbortBackup(_) => B::AbortBackup,
        Step::SaveAsXML(_) => B::SaveAsXML,
        Step::Release(_) => B::Release,
        _ => return None,
    })
}

/// The code that a plain step must return.
fn expected(step: &Step) -> Option<&At<Code>> {
    match step {
        Step::CreateVssBackupComponents(call)
        | Step::InitializeForBackup(call)
        | Step::GetWriterMetadataCount(call)
        | Step::FreeWriterMetadata(call)
        | Step::StartSnapshotSet(call)
        | Step::GetWriterStatusCount(call)
        | Step::FreeWriterStatus(call)
        | Step::AbortBackup(call)
        | Step::SaveAsXML(call)
        | Step::Release(call) => call.expect.as_ref(),
        Step::SetContext(call) => call.expect.as_ref(),
        Step::SetBackupState(call) => call.expect.as_ref(),
        Step::EnableWriterClasses(call) | Step::DisableWriterClasses(call) | Step::DisableWriterInstances(call) => {
            call.expect.as_ref()
        }
        Step::GetWriterMetadata(call) | Step::GetWriterStatus(call) => call.expect.as_ref(),
        Step::AddComponent(call) => call.expect.as_ref(),
        Step::IsVolumeSupported(call) | Step::AddToSnapshotSet(call) => call.expect.as_ref(),
        Step::SetBackupOptions(call) | Step::SetPreviousBackupStamp(call) => call.expect.as_ref(),
        Step::GetSnapshotProperties(call) => call.expect.as_ref(),
        Step::SetBackupSucceeded(call) => call.expect.as_ref(),
        _ => None,
    }
}
