//! The documented methods as values: interface, method, arguments. What a call answers is a [`Reply`].
//!
//! A call in JSON is `{"IVssBackupComponents": {"AddToSnapshotSet": {"volume": "C:\\", …}}}`. Arguments carry VSS's
//! meaning, not its C spelling: out-pointers are absent, a wide string is a string, an interface pointer is a number.
//! Source of every method: its page nf-*.md in MicrosoftDocs/sdk-api.

mod method;
mod typed;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use method::{MethodCall, Value};

use crate::hresult::HResult;
use crate::ids::{ProviderId, SnapshotId, SnapshotSetId, WriterClassId, WriterInstanceId};
use crate::states::{WriterState, vss_enum};
use crate::time::Ticks;

/// One call, of any interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Call {
    /// A requester's call on its backup components object.
    #[serde(rename = "IVssBackupComponents")]
    BackupComponents(BackupComponentsCall),
    /// A requester's call on an asynchronous operation.
    #[serde(rename = "IVssAsync")]
    Async(AsyncCall),
    /// A writer's call on itself, made inside an event handler.
    #[serde(rename = "CVssWriter")]
    Writer(WriterCall),
    /// A writer's call on one of its components, made inside an event handler.
    #[serde(rename = "IVssComponent")]
    Component(ComponentCall),
    /// VSS's call on a software provider.
    #[serde(rename = "IVssSoftwareSnapshotProvider")]
    SoftwareProvider(SoftwareProviderCall),
    /// VSS's call on any provider, while it creates a shadow copy set.
    #[serde(rename = "IVssProviderCreateSnapshotSet")]
    CreateSnapshotSet(CreateSnapshotSetCall),
    /// An order a writer gives its own application; no interface of VSS.
    #[serde(rename = "Application")]
    Application(ApplicationCall),
    /// Any documented method, by the names of the headers.
    #[serde(rename = "Method")]
    Method(MethodCall),
}

/// Numbers an IVssAsync within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AsyncId(pub u32);

/// Who a component belongs to and what it is called (CMP-DEF-006, BKP-ORD-062).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ComponentName {
    /// The writer instance.
    pub instance: WriterInstanceId,
    /// The writer class.
    pub writer: WriterClassId,
    /// The logical path; empty stands for NULL, the root.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub logical_path: String,
    /// The component's name.
    pub name: String,
}

vss_enum! {
    /// `VSS_BACKUP_TYPE`.
    BackupType {
        /// Unknown: an application error.
        Undefined = "VSS_BT_UNDEFINED", 0;
        /// All files, whatever their history.
        Full = "VSS_BT_FULL", 1;
        /// Changes since the last full or incremental backup.
        Incremental = "VSS_BT_INCREMENTAL", 2;
        /// Changes since the last full backup.
        Differential = "VSS_BT_DIFFERENTIAL", 3;
        /// Log files.
        Log = "VSS_BT_LOG", 4;
        /// As full, without touching the history.
        Copy = "VSS_BT_COPY", 5;
        /// None of the others.
        Other = "VSS_BT_OTHER", 6;
    }
}

/// `IVssBackupComponents`, with `CreateVssBackupComponents` before it and `IUnknown::Release` behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum BackupComponentsCall {
    /// The free function that makes the object.
    CreateVssBackupComponents,
    /// Starts a backup, from an empty document or a stored one.
    InitializeForBackup {
        /// The stored Backup Components Document, for transported shadow copies only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        xml: Option<String>,
    },
    /// Sets the context: `VSS_CTX_*` ORed with attribute bits.
    SetContext {
        /// The number passed.
        context: u32,
    },
    /// Says what kind of backup this is.
    SetBackupState {
        /// Whether components are selected one by one.
        select_components: bool,
        /// Whether a bootable system state is backed up.
        bootable_system_state: bool,
        /// The backup type.
        backup_type: BackupType,
        /// Whether the requester can handle partial files.
        partial_file_support: bool,
    },
    /// Lets only these classes take part.
    EnableWriterClasses {
        /// The classes.
        classes: Vec<WriterClassId>,
    },
    /// Keeps these classes out.
    DisableWriterClasses {
        /// The classes.
        classes: Vec<WriterClassId>,
    },
    /// Keeps these instances out.
    DisableWriterInstances {
        /// The instances.
        instances: Vec<WriterInstanceId>,
    },
    /// Raises Identify. Asynchronous.
    GatherWriterMetadata,
    /// How many writers answered Identify.
    GetWriterMetadataCount,
    /// The Writer Metadata Document of one writer.
    GetWriterMetadata {
        /// Its index, below the count.
        index: u32,
    },
    /// Drops the gathered documents.
    FreeWriterMetadata,
    /// Includes a component explicitly.
    AddComponent(ComponentName),
    /// Opens a shadow copy set and takes the creation lock.
    StartSnapshotSet,
    /// Whether a provider supports the volume.
    IsVolumeSupported {
        /// `GUID_NULL` for any provider.
        provider: ProviderId,
        /// The volume's name, with its trailing backslash.
        volume: String,
    },
    /// Adds a volume to the set.
    AddToSnapshotSet {
        /// The volume's name, with its trailing backslash.
        volume: String,
        /// `GUID_NULL` for automatic choice.
        provider: ProviderId,
    },
    /// Stores a private text for the writer.
    SetBackupOptions {
        /// Of which component.
        component: ComponentName,
        /// The text.
        options: String,
    },
    /// Stores the stamp of the previous backup.
    SetPreviousBackupStamp {
        /// Of which component.
        component: ComponentName,
        /// The stamp.
        stamp: String,
    },
    /// Raises PrepareForBackup. Asynchronous.
    PrepareForBackup,
    /// Asks the writers for their state. Asynchronous.
    GatherWriterStatus,
    /// How many writers have a state.
    GetWriterStatusCount,
    /// The state of one writer.
    GetWriterStatus {
        /// Its index, below the count.
        index: u32,
    },
    /// Drops the gathered states.
    FreeWriterStatus,
    /// Creates the shadow copies of the set. Asynchronous.
    DoSnapshotSet,
    /// The properties of a shadow copy.
    GetSnapshotProperties {
        /// Which one.
        snapshot: SnapshotId,
    },
    /// Says whether a component was backed up.
    SetBackupSucceeded {
        /// Of which component.
        component: ComponentName,
        /// Whether all its files were.
        succeeded: bool,
    },
    /// Raises BackupComplete. Asynchronous.
    BackupComplete,
    /// Ends the backup early.
    AbortBackup,
    /// The Backup Components Document as text.
    SaveAsXML,
    /// Starts a restore, from the document of the backup.
    InitializeForRestore {
        /// The document, as SaveAsXML gave it.
        xml: String,
    },
    /// Raises PreRestore. Asynchronous.
    PreRestore,
    /// Raises PostRestore. Asynchronous.
    PostRestore,
    /// `IUnknown::Release`: the object ends.
    Release,
}

/// `IVssAsync`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AsyncCall {
    /// Waits for the end of the operation.
    Wait {
        /// Of which operation.
        operation: AsyncId,
        /// At most so many milliseconds; absent for INFINITE.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        milliseconds: Option<u32>,
    },
    /// Asks how the operation stands.
    QueryStatus {
        /// Of which operation.
        operation: AsyncId,
    },
    /// Cancels the operation.
    Cancel {
        /// Of which operation.
        operation: AsyncId,
    },
}

/// `CVssWriter`, the calls of a writer inside a handler.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WriterCall {
    /// Vetoes the operation.
    SetWriterFailure {
        /// One of `VSS_E_WRITERERROR_*`.
        failure: HResult,
    },
}

/// `IVssComponent`, as a writer calls it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ComponentCall {
    /// Stores private metadata with the component.
    SetBackupMetadata {
        /// Which component.
        component: ComponentName,
        /// The text.
        metadata: String,
    },
    /// Stores the stamp of this backup with the component.
    SetBackupStamp {
        /// Which component.
        component: ComponentName,
        /// The stamp.
        stamp: String,
    },
    /// Says why PrepareForBackup failed.
    SetPrepareForBackupFailureMsg {
        /// Which component.
        component: ComponentName,
        /// The message.
        message: String,
    },
    /// Says why PostSnapshot failed.
    SetPostSnapshotFailureMsg {
        /// Which component.
        component: ComponentName,
        /// The message.
        message: String,
    },
    /// Asks whether the requester backed the component up.
    GetBackupSucceeded {
        /// Which component.
        component: ComponentName,
    },
}

/// `IVssSoftwareSnapshotProvider`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SoftwareProviderCall {
    /// Whether the provider can make a shadow copy of the volume.
    IsVolumeSupported {
        /// The context of the set.
        context: u32,
        /// The volume's GUID name.
        volume: String,
    },
    /// Begins to prepare a shadow copy.
    BeginPrepareSnapshot {
        /// The set.
        set: SnapshotSetId,
        /// The shadow copy.
        snapshot: SnapshotId,
        /// The volume's GUID name.
        volume: String,
        /// The context of the set.
        context: u32,
    },
    /// Deletes a shadow copy.
    DeleteSnapshots {
        /// Which one.
        snapshot: SnapshotId,
    },
}

/// `IVssProviderCreateSnapshotSet`. Each names the set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CreateSnapshotSetCall {
    /// All preparation must be finished when this returns.
    EndPrepareSnapshots(SnapshotSetId),
    /// The writers are frozen; the commit is near.
    PreCommitSnapshots(SnapshotSetId),
    /// The point in time.
    CommitSnapshots(SnapshotSetId),
    /// Writes are released; the writers are still frozen.
    PostCommitSnapshots(SnapshotSetId),
    /// Makes the shadow copies writable for the writers' PostSnapshot.
    PreFinalCommitSnapshots(SnapshotSetId),
    /// Makes the shadow copies read-only.
    PostFinalCommitSnapshots(SnapshotSetId),
    /// Ends the creation.
    AbortSnapshots(SnapshotSetId),
}

/// What a writer orders its own application to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ApplicationCall {
    /// End the transactions under way, write everything out, start nothing new.
    Quiesce,
    /// Go on.
    Resume,
    /// Truncate the log.
    TruncateLog,
}

impl Call {
    /// The interface and the method, as documented.
    #[must_use]
    pub fn name(&self) -> (&'static str, &'static str) {
        match self {
            Call::BackupComponents(call) => ("IVssBackupComponents", call.method()),
            Call::Async(call) => ("IVssAsync", call.method()),
            Call::Writer(call) => ("CVssWriter", call.method()),
            Call::Component(call) => ("IVssComponent", call.method()),
            Call::SoftwareProvider(call) => ("IVssSoftwareSnapshotProvider", call.method()),
            Call::CreateSnapshotSet(call) => ("IVssProviderCreateSnapshotSet", call.method()),
            Call::Application(call) => ("Application", call.method()),
            Call::Method(call) => call.method.name(),
        }
    }
}

/// The method names of an enumeration of calls.
macro_rules! methods {
    ($name:ident: $($variant:ident)*) => {
        impl $name {
            /// The method's name, as documented.
            #[must_use]
            pub const fn method(&self) -> &'static str {
                match self { $($name::$variant { .. } => stringify!($variant)),* }
            }
        }
    };
}
methods!(BackupComponentsCall: CreateVssBackupComponents InitializeForBackup SetContext SetBackupState EnableWriterClasses
    DisableWriterClasses DisableWriterInstances GatherWriterMetadata GetWriterMetadataCount GetWriterMetadata
    FreeWriterMetadata AddComponent StartSnapshotSet IsVolumeSupported AddToSnapshotSet SetBackupOptions
    SetPreviousBackupStamp PrepareForBackup GatherWriterStatus GetWriterStatusCount GetWriterStatus FreeWriterStatus
    DoSnapshotSet GetSnapshotProperties SetBackupSucceeded BackupComplete AbortBackup SaveAsXML InitializeForRestore
    PreRestore PostRestore Release);
methods!(AsyncCall: Wait QueryStatus Cancel);
methods!(WriterCall: SetWriterFailure);
methods!(ComponentCall: SetBackupMetadata SetBackupStamp SetPrepareForBackupFailureMsg SetPostSnapshotFailureMsg
    GetBackupSucceeded);
methods!(SoftwareProviderCall: IsVolumeSupported BeginPrepareSnapshot DeleteSnapshots);
methods!(CreateSnapshotSetCall: EndPrepareSnapshots PreCommitSnapshots CommitSnapshots PostCommitSnapshots
    PreFinalCommitSnapshots PostFinalCommitSnapshots AbortSnapshots);
methods!(ApplicationCall: Quiesce Resume TruncateLog);

/// What `GetWriterStatus` tells of one writer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WriterStatus {
    /// The writer instance.
    pub instance: WriterInstanceId,
    /// The writer class.
    pub writer: WriterClassId,
    /// The writer's name.
    pub name: String,
    /// Its state.
    pub state: WriterState,
    /// Its last failure, or `S_OK`.
    pub failure: HResult,
}

/// What `VSS_SNAPSHOT_PROP` tells of a shadow copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SnapshotProperties {
    /// The shadow copy.
    pub snapshot: SnapshotId,
    /// Its set.
    pub set: SnapshotSetId,
    /// How many volumes the set had when it was created.
    pub count: u32,
    /// The device object, without trailing backslash.
    pub device: String,
    /// The original volume's GUID name.
    pub volume: String,
    /// Who made it.
    pub provider: ProviderId,
    /// `VSS_VOLSNAP_ATTR_*`.
    pub attributes: u32,
    /// When the shadow copy was committed, in ticks since the start of the run; 0 for one that is older than the run.
    pub created: Ticks,
    /// The same as a FILETIME.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timestamp: u64,
    /// The machine with the original volume.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub originating_machine: String,
    /// The machine whose VSS made the shadow copy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_machine: String,
    /// The drive letter, folder or share under which it is exposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_name: Option<String>,
    /// The part of it that is shared, when it is exposed as a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_path: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a call gives back beside its HRESULT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Out {
    /// Nothing.
    #[default]
    Nothing,
    /// The backup components object made, by number.
    Object(u32),
    /// `ppAsync`.
    Async(AsyncId),
    /// `pSnapshotSetId`.
    SnapshotSet(SnapshotSetId),
    /// `pidSnapshot`.
    Snapshot(SnapshotId),
    /// A count.
    Count(u32),
    /// A yes or no.
    Flag(bool),
    /// `pHrResult` of `QueryStatus`.
    Status(HResult),
    /// The SHA-256 of a document that the trace holds.
    Document(String),
    /// One writer's state.
    WriterStatus(WriterStatus),
    /// A shadow copy's properties.
    SnapshotProperties(Box<SnapshotProperties>),
    /// What a call of the catalogue fills in, by out-parameter.
    Values(BTreeMap<String, Value>),
}

impl Out {
    /// Whether nothing is given back.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Out::Nothing
    }

    /// Out-parameters by name.
    #[must_use]
    pub fn values<const N: usize>(values: [(&str, Value); N]) -> Out {
        Out::Values(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// What was handed back to a call of the catalogue, by out-parameter.
    #[must_use]
    pub fn by_parameter(&self, call: &MethodCall) -> BTreeMap<String, Value> {
        let value = match self {
            Out::Nothing => return BTreeMap::new(),
            Out::Values(values) => return values.clone(),
            Out::Object(number) => Value::BackupComponents { backup_components: *number },
            Out::Async(operation) => Value::Async { operation: operation.0 },
            Out::SnapshotSet(id) => Value::guid(id.0),
            Out::Snapshot(id) => Value::guid(id.0),
            Out::Count(count) => Value::Number((*count).into()),
            Out::Flag(flag) => Value::Flag(*flag),
            Out::Status(code) => Value::text(code.to_string()),
            Out::Document(sha256) => Value::text(sha256.clone()),
            Out::WriterStatus(status) => return status.by_parameter(),
            Out::SnapshotProperties(properties) => properties.value(),
        };
        let first = call.method.method.parameters.iter().find(|parameter| !parameter.is_given());
        first.map(|parameter| (parameter.name.to_owned(), value)).into_iter().collect()
    }
}

impl WriterStatus {
    /// As GetWriterStatus fills it in.
    fn by_parameter(&self) -> BTreeMap<String, Value> {
        [
            ("pidInstance", Value::guid(self.instance.0)),
            ("pidWriter", Value::guid(self.writer.0)),
            ("pbstrWriter", Value::text(self.name.clone())),
            ("pnStatus", Value::text(self.state.name())),
            ("phResultFailure", Value::text(self.failure.to_string())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl SnapshotProperties {
    /// As the structure `VSS_SNAPSHOT_PROP`.
    #[must_use]
    pub fn value(&self) -> Value {
        let fields = [
            ("m_SnapshotId", Value::guid(self.snapshot.0)),
            ("m_SnapshotSetId", Value::guid(self.set.0)),
            ("m_lSnapshotsCount", Value::Number(self.count.into())),
            ("m_pwszSnapshotDeviceObject", Value::text(self.device.clone())),
            ("m_pwszOriginalVolumeName", Value::text(self.volume.clone())),
            ("m_pwszOriginatingMachine", Value::text(self.originating_machine.clone())),
            ("m_pwszServiceMachine", Value::text(self.service_machine.clone())),
            ("m_pwszExposedName", Value::optional(self.exposed_name.clone())),
            ("m_pwszExposedPath", Value::optional(self.exposed_path.clone())),
            ("m_ProviderId", Value::guid(self.provider.0)),
            ("m_lSnapshotAttributes", Value::Number(self.attributes.into())),
            ("m_tsCreationTimestamp", Value::Number(i64::try_from(self.timestamp).unwrap_or(i64::MAX))),
            // A requester can only see created shadow copies (API-039).
            ("m_eStatus", Value::text(crate::states::SnapshotState::Created.name())),
        ];
        Value::Fields(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

/// An HRESULT and what came with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reply {
    /// The code.
    pub hresult: HResult,
    /// The rest.
    pub out: Out,
}

impl Reply {
    /// `S_OK` and a value.
    #[must_use]
    pub const fn ok(out: Out) -> Reply {
        Reply { hresult: HResult::S_OK, out }
    }

    /// A code alone.
    #[must_use]
    pub const fn code(hresult: HResult) -> Reply {
        Reply { hresult, out: Out::Nothing }
    }
}
