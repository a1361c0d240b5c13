//! The calls that instructions make: of requesters, of writers in their handlers, of the kernel.

use vssim_model::api::{AsyncCall, AsyncId, BackupComponentsCall, Call, ComponentCall, ComponentName, WriterCall};
use vssim_model::hresult::HResult;

use super::{Frame, Output, Turn};
use crate::choices::{Point, Purpose};
use crate::message::{KernelRequest, Request};
use crate::plan::{ActorId, ComponentOf, ComponentOp, Op, Template};

impl Turn<'_> {
    pub(super) fn kernel(&mut self, op: Op) -> Output {
        let (set, volume) = self.task.about.unwrap_or((u32::MAX, None));
        let request = match op {
            Op::CopyFiles => KernelRequest::CopyFiles { object: self.memory.object.0 },
            Op::Restore(op) => KernelRequest::Restore { object: self.memory.object.0, op },
            Op::Service(name, runs) => KernelRequest::SetService { name, runs },
            Op::WriteToSnapshot { volume, path, bytes } => {
                KernelRequest::WriteToSnapshot { volume, path: path.into(), bytes }
            }
            Op::DeleteExcluded => KernelRequest::DeleteExcluded,
            Op::PrepareStorage => KernelRequest::PrepareStorage { set },
            Op::MakeWritable => KernelRequest::SetWritable { set, writable: true },
            Op::MakeReadOnly => KernelRequest::SetWritable { set, writable: false },
            _ => KernelRequest::Drop { set, volume },
        };
        Output::Call(ActorId::Kernel, Request::Kernel(request))
    }

    pub(super) fn may_veto(&mut self) -> Option<Output> {
        let codes = HResult::WRITER_FAILURES;
        let actor = self.around.plan.name_of(self.id);
        let options = u32::try_from(codes.len()).unwrap_or(0) + 1;
        let picked = self.choices.pick(Point { actor, purpose: Purpose::Veto }, options) as usize;
        let Some(&failure) = picked.checked_sub(1).and_then(|picked| codes.get(picked)) else {
            self.step();
            return None;
        };
        self.task.vetoed = true;
        Some(service(Call::Writer(WriterCall::SetWriterFailure { failure })))
    }

    pub(super) fn component(&self, op: ComponentOp) -> ComponentCall {
        let named = |of: &ComponentOf| self.named(of);
        match op {
            ComponentOp::SetBackupMetadata(of, metadata) => {
                ComponentCall::SetBackupMetadata { component: named(&of), metadata }
            }
            ComponentOp::SetBackupStamp(of, stamp) => ComponentCall::SetBackupStamp { component: named(&of), stamp },
            ComponentOp::SetPrepareForBackupFailureMsg(of, message) => {
                ComponentCall::SetPrepareForBackupFailureMsg { component: named(&of), message }
            }
            ComponentOp::SetPostSnapshotFailureMsg(of, message) => {
                ComponentCall::SetPostSnapshotFailureMsg { component: named(&of), message }
            }
            ComponentOp::GetBackupSucceeded(of) => ComponentCall::GetBackupSucceeded { component: named(&of) },
        }
    }

    pub(super) fn named(&self, of: &ComponentOf) -> ComponentName {
        let class = self.around.plan.writers.get(usize::from(of.writer)).map(|plan| plan.class).unwrap_or_default();
        let instance = self.around.instances.get(usize::from(of.writer)).copied().unwrap_or_default();
        of.named(class, instance)
    }

    pub(super) fn backup(&mut self, template: Template) -> Option<Output> {
        let call = match template {
            Template::Call(call) => call,
            Template::AddComponent(of) => BackupComponentsCall::AddComponent(self.named(&of)),
            Template::SetBackupSucceeded(of, succeeded) => {
                BackupComponentsCall::SetBackupSucceeded { component: self.named(&of), succeeded }
            }
            Template::ReportBackup(of) => {
                let succeeded = !self.memory.copy_failed && !self.memory.not_copied.contains(&of);
                BackupComponentsCall::SetBackupSucceeded { component: self.named(&of), succeeded }
            }
            Template::SetBackupOptions(of, options) => {
                BackupComponentsCall::SetBackupOptions { component: self.named(&of), options }
            }
            Template::SetPreviousBackupStamp(of, stamp) => {
                BackupComponentsCall::SetPreviousBackupStamp { component: self.named(&of), stamp }
            }
            Template::PassStamp(of, backup_type) => return self.pass_stamp(&of, backup_type),
            Template::GetSnapshotProperties(volume) => {
                let name = self.around.plan.volumes.get(usize::from(volume)).map(|volume| format!("{}\\", volume.name));
                let known = name.and_then(|name| self.memory.snapshots.0.get(&name.to_ascii_uppercase()).copied());
                BackupComponentsCall::GetSnapshotProperties { snapshot: known.unwrap_or_default() }
            }
            Template::DisableWriterInstance(writer) => {
                let instance = self.around.instances.get(usize::from(writer)).copied().unwrap_or_default();
                BackupComponentsCall::DisableWriterInstances { instances: vec![instance] }
            }
            Template::EachWriterStatus | Template::EachWriterMetadata => {
                let metadata = template == Template::EachWriterMetadata;
                if !metadata {
                    self.memory.writer_failed = false;
                }
                self.task.frames.push(Frame::Each { metadata, index: 0, count: None });
                return None;
            }
        };
        Some(self.object_call(call))
    }

    pub(super) fn object_call(&self, call: BackupComponentsCall) -> Output {
        let object = self.memory.object.0;
        Output::Call(ActorId::Service, Request::Api { object, call: Call::BackupComponents(call) })
    }

    pub(super) fn each(&mut self, metadata: bool, index: u32, count: Option<u32>) -> Option<Output> {
        let call = match (metadata, count) {
            (true, None) => BackupComponentsCall::GetWriterMetadataCount,
            (false, None) => BackupComponentsCall::GetWriterStatusCount,
            (_, Some(count)) if index >= count => {
                self.task.frames.pop();
                self.step();
                return None;
            }
            (true, Some(_)) => BackupComponentsCall::GetWriterMetadata { index },
            (false, Some(_)) => BackupComponentsCall::GetWriterStatus { index },
        };
        Some(self.object_call(call))
    }

    pub(super) fn asynchronous(&mut self, place: u8, call: &AsyncCall) -> Option<Output> {
        let operation = self.memory.kept.get(&place).copied().unwrap_or(AsyncId(0));
        let call = match call {
            AsyncCall::Wait { milliseconds, .. } => AsyncCall::Wait { operation, milliseconds: *milliseconds },
            AsyncCall::Cancel { .. } => AsyncCall::Cancel { operation },
            _ => AsyncCall::QueryStatus { operation },
        };
        Some(service(Call::Async(call)))
    }
}

pub(super) fn service(call: Call) -> Output {
    Output::Call(ActorId::Service, Request::Api { object: 0, call })
}
