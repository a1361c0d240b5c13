//! Calls of the catalogue in scripts: arguments are looked up in what earlier calls handed back, and so is the object.

use std::collections::BTreeMap;

use vssim_model::api::{Call, MethodCall, Out, Value};
use vssim_model::hresult::HResult;

use super::{Frame, Output, Turn};
use crate::message::{Answer, Request};
use crate::plan::{ActorId, Argument, DamageOp, DamagedDocument, MethodOp};
use crate::service::{Planted, PlantedInto};
use crate::unhashed::Unhashed;

impl Turn<'_> {
    /// Makes the call.
    pub(super) fn method(&self, op: &MethodOp) -> Output {
        let mut call = MethodCall::new(op.method);
        call.on = op.on.as_ref().map(|on| self.argument(on)).unwrap_or_default();
        call.arguments = op.arguments.iter().map(|(name, argument)| (name.clone(), self.argument(argument))).collect();
        call.injected = op.injected;
        call.unprivileged = self.unprivileged();
        call.step = op.step;
        let object = match call.on {
            Value::BackupComponents { backup_components } => backup_components,
            Value::Null if op.method.interface.name.starts_with("IVssBackupComponents") => self.memory.object.0,
            // Another object, or none at all: the service answers that there is no such backup components object.
            _ => 0,
        };
        Output::Call(ActorId::Service, Request::Api { object, call: Call::Method(call) })
    }

    /// Whether its calls are made without backup privileges. No process of an account that may not has them, whatever it asks for
    /// (SEC-001, SEC-002).
    fn unprivileged(&self) -> bool {
        self.memory.unprivileged || self.around.plan.forbidden.contains(&self.id)
    }

    /// Plants a fault.
    pub(super) fn damage(&mut self, op: &DamageOp) -> Output {
        let into = match &op.of {
            DamagedDocument::Gathered(writer) => PlantedInto::Gathered(*writer),
            DamagedDocument::Built => PlantedInto::Built,
            DamagedDocument::Held(on) => PlantedInto::Held(self.argument(on).as_object().unwrap_or(0)),
            DamagedDocument::BackupComponents => PlantedInto::BackupComponents,
        };
        self.step();
        Output::Damage(Planted { object: self.memory.object.0, into, fault: op.fault.clone() })
    }

    /// The next of a list of calls.
    pub(super) fn listed(&mut self, calls: &[MethodCall], index: u32) -> Option<Output> {
        let Some(call) = calls.get(index as usize) else {
            self.task.frames.pop();
            return None;
        };
        let mut call = call.clone();
        call.unprivileged = self.unprivileged();
        let object = self.memory.object.0;
        Some(Output::Call(ActorId::Service, Request::Api { object, call: Call::Method(call) }))
    }

    /// One of a list of calls returned. A component that cannot be selected because its writer does not run is no reason to
    /// stop: its files can be restored without it (RST-ORD-023).
    pub(super) fn listed_returned(&mut self, answer: &Answer) {
        let Some(Frame::Calls { calls, index }) = self.task.frames.last_mut() else { return };
        let selects = calls.get(*index as usize).is_some_and(|call| call.method.method.name == "SetSelectedForRestore");
        *index += 1;
        let Answer::Reply { hresult, .. } = answer else { return };
        if selects && *hresult == HResult::VSS_E_OBJECT_NOT_FOUND {
            return;
        }
        self.memory.last = Some(*hresult);
        if hresult.is_failure() {
            self.task.frames.pop();
        }
    }

    fn argument(&self, argument: &Argument) -> Value {
        argument.value(&self.memory.saved.0, self.around.instances)
    }

    /// Keeps what the call handed back.
    pub(super) fn method_returned(&mut self, op: &MethodOp, hresult: HResult, out: &Out) {
        match out {
            Out::Status(code) => self.memory.last = Some(*code),
            Out::Object(number) => {
                self.memory.object = Unhashed(*number);
                self.memory.copy_failed = false;
            }
            Out::Snapshot(id) => {
                let volume = op.arguments.iter().find(|(name, _)| name == "pwszVolumeName");
                if let Some(Value::Text(volume)) = volume.map(|(_, argument)| self.argument(argument)) {
                    self.memory.snapshots.0.insert(volume.to_ascii_uppercase(), *id);
                }
            }
            _ => {}
        }
        if hresult.is_success() {
            let handed = out.by_parameter(&MethodCall::new(op.method));
            let lost = match op.save {
                Some(place) => self.memory.saved.0.insert(place, handed),
                None => Some(handed),
            };
            self.release(lost.unwrap_or_default().values());
        }
    }

    /// Values that nobody can name any more: the objects among them are released, unless another variable has them.
    fn release<'v>(&mut self, lost: impl Iterator<Item = &'v Value>) {
        let mut numbers = Vec::new();
        lost.for_each(|value| objects_in(value, &mut numbers));
        if numbers.is_empty() {
            return;
        }
        let mut kept = Vec::new();
        self.memory.saved.0.values().flat_map(BTreeMap::values).for_each(|value| objects_in(value, &mut kept));
        numbers.retain(|number| !kept.contains(number));
        self.memory.released.0.extend(numbers);
    }
}

/// The objects that a value names.
fn objects_in(value: &Value, into: &mut Vec<u32>) {
    match value {
        Value::Object { object } => into.push(*object),
        Value::List(all) => all.iter().for_each(|one| objects_in(one, into)),
        Value::Fields(all) => all.values().for_each(|one| objects_in(one, into)),
        _ => {}
    }
}
