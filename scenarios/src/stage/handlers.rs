//! A writer's handlers as scripts: time first, then its actions, then the veto and what the handler returns.

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_model::api::ApplicationCall;
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;
use vssim_sim::plan::{ComponentOf, ComponentOp, Op, Script, Span};

use super::machine::{span, within_volume};
use super::methods::Places;
use super::{Stager, index, sins};
use crate::expand::actions;
use crate::scalars::{Name, Text};
use crate::syntax::writer::{Action, Writer};
use crate::yaml::At;

/// The byte with which a writer fills what it writes to a shadow copy.
const FILL: u8 = 0x57;
/// The most that a writer writes to a shadow copy at once.
pub(super) const LARGEST_WRITE: u64 = 1 << 20;

/// A writer's scripts while they are made.
pub(super) type Handlers = BTreeMap<WriterEvent, Vec<Op>>;

impl Stager<'_> {
    /// What a writer does at each event, and what it does by itself.
    pub(super) fn handlers(
        &mut self,
        at: u16,
        writer: &Writer,
        own: Option<&ComponentOf>,
        places: &mut Places,
    ) -> (BTreeMap<WriterEvent, Script>, Option<(Ticks, Script)>) {
        let mut handlers = Handlers::new();
        for &event in WriterEvent::ALL {
            let ops = self.handler(at, writer, event, places);
            if !ops.is_empty() {
                handlers.insert(event, ops);
            }
        }
        let mut background = None;
        let application = writer.application.as_ref().and_then(|name| self.scenario.names.application(name.as_str()));
        for sin in &writer.misbehaviours {
            sins::writer(&sin.value, writer, own, application.map(index), &mut handlers, &mut background);
        }
        let scripts = handlers.into_iter().map(|(event, ops)| (event, Arc::from(ops))).collect();
        (scripts, background)
    }

    fn handler(&mut self, at: u16, writer: &Writer, event: WriterEvent, places: &mut Places) -> Vec<Op> {
        let mut ops = Vec::new();
        let handler = writer.handlers.of(event);
        if let Some(takes) = handler.map(|handler| span(*handler.takes)).filter(|takes| *takes != Span::default()) {
            ops.push(Op::Takes(takes));
        }
        for action in actions(writer, event) {
            match &action {
                Action::Call(call) => ops.extend(self.method(call, places)),
                Action::Damage(damage) => ops.push(self.damage(damage, places)),
                Action::TruncateLog(name) if handler.is_none_or(|handler| handler.actions.is_none()) => {
                    // What a good writer does by itself depends on the type of the backup.
                    let application = self.scenario.names.application(name.as_str()).map(index);
                    ops.extend(application.map(Op::TruncateLog));
                }
                other => self.action(at, event, other, &mut ops),
            }
        }
        let Some(handler) = handler else { return ops };
        let veto = handler.veto.as_ref().map(|code| code.0);
        let returns = handler.returns.as_ref().map_or(veto.is_none(), |returns| returns.0);
        if veto.is_none() && returns {
            return ops;
        }
        if let Some(times) = &handler.times {
            // Past the end, where a handler succeeds.
            ops.push(Op::Times(u16::try_from(times.0).unwrap_or(u16::MAX), u16::MAX));
        }
        ops.extend(veto.map(Op::Fail));
        ops.push(Op::Return(returns));
        ops
    }

    fn action(&mut self, at: u16, event: WriterEvent, action: &Action, ops: &mut Vec<Op>) {
        let own = |path: Option<&At<Text>>, name: &At<Name>| ComponentOf {
            writer: at,
            logical_path: path.map(|path| path.0.clone()).unwrap_or_default(),
            name: name.0.clone(),
        };
        match action {
            Action::Quiesce(name) => ops.extend(self.order(name, ApplicationCall::Quiesce)),
            Action::Resume(name) => ops.extend(self.order(name, ApplicationCall::Resume)),
            Action::TruncateLog(name) => ops.extend(self.order(name, ApplicationCall::TruncateLog)),
            Action::SetBackupMetadata(of) => {
                let component = own(of.logical_path.as_ref(), &of.component);
                ops.push(Op::Component(ComponentOp::SetBackupMetadata(component, of.text.0.clone())));
            }
            Action::SetBackupStamp(of) => {
                let component = own(of.logical_path.as_ref(), &of.component);
                ops.push(Op::Component(ComponentOp::SetBackupStamp(component, of.text.0.clone())));
            }
            Action::SetFailureMessage(of) => {
                let component = own(of.logical_path.as_ref(), &of.component);
                let text = of.text.0.clone();
                ops.push(Op::Component(if event == WriterEvent::PrepareForBackup {
                    ComponentOp::SetPrepareForBackupFailureMsg(component, text)
                } else {
                    ComponentOp::SetPostSnapshotFailureMsg(component, text)
                }));
            }
            Action::GetBackupSucceeded(of) => {
                let component = own(of.logical_path.as_ref(), &of.component);
                ops.push(Op::Component(ComponentOp::GetBackupSucceeded(component)));
            }
            Action::WriteToCopy(write) => ops.extend(self.write_to_copy(&write.path.0, write.length.0)),
            Action::StopService(name) => ops.push(Op::Service(name.0.as_str().into(), false)),
            Action::StartService(name) => ops.push(Op::Service(name.0.as_str().into(), true)),
            Action::DeleteExcluded(_) => ops.push(Op::DeleteExcluded),
            Action::Work(takes) => ops.push(Op::Takes(span(**takes))),
            Action::Call(_) | Action::Damage(_) => {}
        }
    }

    /// An order to an application of the scenario.
    pub(super) fn order(&self, name: &At<Name>, order: ApplicationCall) -> Option<Op> {
        let application = index(self.scenario.names.application(name.as_str())?);
        Some(Op::Order { application, order })
    }

    pub(super) fn write_to_copy(&self, path: &str, length: u64) -> Option<Op> {
        let volume = index(self.scenario.names.volume_of_path(path)?);
        let length = usize::try_from(length.min(LARGEST_WRITE)).ok()?;
        Some(Op::WriteToSnapshot { volume, path: within_volume(path).to_owned(), bytes: vec![FILL; length].into() })
    }
}
