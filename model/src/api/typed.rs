//! Catalogue calls as typed ones: both say the same, and the tables and rules know the typed form.

use super::{AsyncCall, AsyncId, BackupComponentsCall, BackupType, Call, ComponentName, MethodCall, Value};
use crate::ids::{ProviderId, SnapshotId, WriterClassId, WriterInstanceId};

impl MethodCall {
    /// The typed call that says the same; none if there is none, or an argument of it is NULL.
    #[must_use]
    pub fn typed(&self) -> Option<Call> {
        let (interface, method) = self.method.name();
        if self.arguments.iter().any(|(name, value)| value.is_null() && !self.may_be_null(name)) {
            return None;
        }
        match interface {
            "vsbackup.h" if method == "CreateVssBackupComponents" => {
                Some(Call::BackupComponents(BackupComponentsCall::CreateVssBackupComponents))
            }
            "IVssAsync" => self.asynchronous(method).map(Call::Async),
            "IVssBackupComponents" => self.backup_components(method).map(Call::BackupComponents),
            _ => None,
        }
    }

    fn may_be_null(&self, parameter: &str) -> bool {
        // What is passed by value is never NULL: nothing there is zero.
        self.method.method.parameter(parameter).is_some_and(|parameter| parameter.optional || !parameter.is_pointer())
    }

    fn asynchronous(&self, method: &str) -> Option<AsyncCall> {
        let Value::Async { operation } = self.on else { return None };
        let operation = AsyncId(operation);
        Some(match method {
            "Wait" => {
                let milliseconds = self.arguments.get("dwMilliseconds").and_then(Value::as_number);
                let milliseconds =
                    milliseconds.and_then(|time| u32::try_from(time).ok()).filter(|time| *time != u32::MAX);
                AsyncCall::Wait { operation, milliseconds }
            }
            "QueryStatus" => AsyncCall::QueryStatus { operation },
            "Cancel" => AsyncCall::Cancel { operation },
            _ => return None,
        })
    }

    fn component(&self) -> Option<ComponentName> {
        let writer = self.arguments.get("writerId").or_else(|| self.arguments.get("ClassId"))?;
        let instance = self.arguments.get("instanceId").or_else(|| self.arguments.get("InstanceId"));
        Some(ComponentName {
            instance: WriterInstanceId(instance.and_then(Value::as_guid).unwrap_or_default()),
            writer: WriterClassId(writer.as_guid().unwrap_or_default()),
            logical_path: self.text("wszLogicalPath").unwrap_or_default().to_owned(),
            name: self.text("wszComponentName")?.to_owned(),
        })
    }

    /// An array, as long as the parameter behind it says.
    fn ids<T>(&self, parameter: &str, count: &str, id: impl Fn(crate::ids::Guid) -> T) -> Vec<T> {
        let count = if self.arguments.contains_key(count) { self.index(count) } else { usize::MAX };
        match self.argument(parameter) {
            Value::List(all) => all.iter().take(count).filter_map(Value::as_guid).map(id).collect(),
            _ => Vec::new(),
        }
    }

    fn backup_components(&self, method: &str) -> Option<BackupComponentsCall> {
        use BackupComponentsCall as B;
        let at = |parameter: &str| u32::try_from(self.number(parameter)).unwrap_or(u32::MAX);
        Some(match method {
            "InitializeForBackup" => B::InitializeForBackup { xml: self.text("bstrXML").map(str::to_owned) },
            "SetContext" => B::SetContext { context: number_bits(self.number("lContext")) },
            "SetBackupState" => B::SetBackupState {
                select_components: self.flag("bSelectComponents"),
                bootable_system_state: self.flag("bBackupBootableSystemState"),
                backup_type: BackupType::from_number(self.number("backupType"))?,
                partial_file_support: self.flag("bPartialFileSupport"),
            },
            "EnableWriterClasses" => {
                B::EnableWriterClasses { classes: self.ids("rgWriterClassId", "cClassId", WriterClassId) }
            }
            "DisableWriterClasses" => {
                B::DisableWriterClasses { classes: self.ids("rgWriterClassId", "cClassId", WriterClassId) }
            }
            "DisableWriterInstances" => {
                B::DisableWriterInstances { instances: self.ids("rgWriterInstanceId", "cInstanceId", WriterInstanceId) }
            }
            "GatherWriterMetadata" => B::GatherWriterMetadata,
            "GetWriterMetadataCount" => B::GetWriterMetadataCount,
            "FreeWriterMetadata" => B::FreeWriterMetadata,
            "AddComponent" => B::AddComponent(self.component()?),
            "StartSnapshotSet" => B::StartSnapshotSet,
            "IsVolumeSupported" => B::IsVolumeSupported {
                provider: ProviderId(self.guid("ProviderId")),
                volume: self.text("pwszVolumeName")?.to_owned(),
            },
            "AddToSnapshotSet" => B::AddToSnapshotSet {
                volume: self.text("pwszVolumeName")?.to_owned(),
                provider: ProviderId(self.guid("ProviderId")),
            },
            "SetBackupOptions" => {
                B::SetBackupOptions { component: self.component()?, options: self.text("wszBackupOptions")?.to_owned() }
            }
            "SetPreviousBackupStamp" => B::SetPreviousBackupStamp {
                component: self.component()?,
                stamp: self.text("wszPreviousBackupStamp")?.to_owned(),
            },
            "PrepareForBackup" => B::PrepareForBackup,
            "GatherWriterStatus" => B::GatherWriterStatus,
            "GetWriterStatusCount" => B::GetWriterStatusCount,
            "GetWriterStatus" => B::GetWriterStatus { index: at("iWriter") },
            "FreeWriterStatus" => B::FreeWriterStatus,
            "DoSnapshotSet" => B::DoSnapshotSet,
            "GetSnapshotProperties" => B::GetSnapshotProperties { snapshot: SnapshotId(self.guid("SnapshotId")) },
            "SetBackupSucceeded" => {
                B::SetBackupSucceeded { component: self.component()?, succeeded: self.flag("bSucceded") }
            }
            "BackupComplete" => B::BackupComplete,
            "AbortBackup" => B::AbortBackup,
            "SaveAsXML" => B::SaveAsXML,
            "InitializeForRestore" => B::InitializeForRestore { xml: self.text("bstrXML")?.to_owned() },
            "PreRestore" => B::PreRestore,
            "PostRestore" => B::PostRestore,
            _ => return None,
        })
    }
}

/// The 32 bits of a LONG, which may be negative.
fn number_bits(number: i64) -> u32 {
    i32::try_from(number).map_or_else(|_| u32::try_from(number).unwrap_or(u32::MAX), i32::cast_unsigned)
}
