//! Writers: who they are, what they say they hold, what their handlers do.

use schemars::JsonSchema;
use serde::Deserialize;
use vssim_model::documents::{BackupSchema, ComponentFlags, FileSpecBackupType};
use vssim_model::states::WriterEvent;

use super::damage::Damage;
use super::method::MethodStep;
use super::requester::{Empty, Privileges};
use super::restore::MappingOf;
use super::sins::WriterSin;
use crate::scalars::{Code, Count, Duration, DurationRange, FilePath, Flag, Id, Name, Size, Text};
use crate::words::{Level, words};
use crate::yaml::{At, Node};

/// A writer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Writer {
    /// Its name, by which the scenario refers to it. Unique.
    pub name: At<Name>,
    /// The name that it reports, when several writers report the same one. Absent: `name`.
    #[serde(default)]
    pub reports_name: Option<At<Name>>,
    /// Its class id. Absent: derived from its name.
    #[serde(default)]
    pub class: Option<At<Id>>,
    /// Its instance id. Absent: chosen by the seed.
    #[serde(default)]
    pub instance: Option<At<Id>>,
    /// Its instance name.
    #[serde(default)]
    pub instance_name: Option<At<Text>>,
    /// The level at which it freezes.
    #[serde(default)]
    pub level: At<Level>,
    /// The freeze window: how long it stays frozen at most. Absent: 60 s.
    #[serde(default)]
    pub freeze_timeout: Option<At<Duration>>,
    /// In how many backups and restores it can take part at once; 1 to 65535. Absent: 64.
    #[serde(default)]
    pub sessions: Option<At<Count>>,
    /// The application that it freezes and thaws.
    #[serde(default)]
    pub application: Option<At<Name>>,
    /// What it answers to Identify.
    pub metadata: Node<Metadata>,
    /// Makes files of this size on the machine's volumes, one for each file set, so that a backup reads something.
    #[serde(default)]
    pub create_files: Option<At<Size>>,
    /// What its handlers do, by event. What is left out takes no time and succeeds.
    #[serde(default)]
    pub handlers: Handlers,
    /// The account that its process runs as. Absent: an administrator's.
    #[serde(default)]
    pub account: Option<At<Text>>,
    /// What its process does from the start. Absent: it is subscribed from the start, and stays so.
    #[serde(default)]
    pub main: Option<Vec<Node<MainStep>>>,
    /// Whether it overrides OnIdentifyEx rather than OnIdentify; its handler is `Identify` in any case.
    #[serde(default)]
    pub identify_ex: At<Flag>,
    /// What it does wrong.
    #[serde(default)]
    pub misbehaviours: Vec<Node<WriterSin>>,
}

/// What the process of a writer does outside of its handlers, in order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MainStep {
    /// A call of any documented method, by the names of the headers.
    Call(Box<MethodStep>),
    /// CVssWriter, Initialize and Subscribe, with what the scenario says of the writer.
    Subscribe(Empty),
    /// Does nothing for a while.
    Sleep(At<DurationRange>),
    /// Whether the calls that follow are made with the privileges of an administrator.
    Privileges(At<Privileges>),
    /// The process ends.
    Stop(Empty),
    /// The process ends and starts again, with the next step.
    Restart(Restart),
}

/// A process that starts again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// After how long. Absent: at once.
    #[serde(default)]
    pub after: At<DurationRange>,
}

/// What a writer answers to Identify.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// Written here.
    Inline(Box<Inline>),
    /// A Writer Metadata Document of Windows, by its path beside the scenario.
    File(At<Text>),
}

words! {
    /// The writer's usage type, VSS_USAGE_TYPE.
    Usage, "a usage type" {
        /// VSS_UT_USERDATA: user data.
        UserData = "user-data",
        /// VSS_UT_BOOTABLESYSTEMSTATE: part of the bootable system state.
        BootableSystemState = "bootable-system-state",
        /// VSS_UT_SYSTEMSERVICE: a system service.
        SystemService = "system-service",
        /// VSS_UT_OTHER: none of the others.
        Other = "other",
    }
}

words! {
    /// The kind of data source, VSS_SOURCE_TYPE.
    Source, "a kind of data source" {
        /// VSS_ST_OTHER: none of the others.
        Other = "other",
        /// VSS_ST_TRANSACTEDDB: a database with transactions.
        TransactedDatabase = "transacted-database",
        /// VSS_ST_NONTRANSACTEDDB: a database without transactions.
        NonTransactedDatabase = "non-transacted-database",
    }
}

words! {
    /// The restore method, VSS_RESTOREMETHOD_ENUM.
    RestoreMethod, "a restore method" {
        /// VSS_RME_RESTORE_IF_NOT_THERE.
        IfNotThere = "restore-if-not-there",
        /// VSS_RME_RESTORE_IF_CAN_REPLACE.
        IfCanReplace = "restore-if-can-replace",
        /// VSS_RME_STOP_RESTORE_START: needs `service`.
        StopRestoreStart = "stop-restore-start",
        /// VSS_RME_RESTORE_TO_ALTERNATE_LOCATION.
        ToAlternateLocation = "restore-to-alternate-location",
        /// VSS_RME_RESTORE_AT_REBOOT.
        AtReboot = "restore-at-reboot",
        /// VSS_RME_RESTORE_AT_REBOOT_IF_CANNOT_REPLACE.
        AtRebootIfCannotReplace = "restore-at-reboot-if-cannot-replace",
        /// VSS_RME_CUSTOM.
        Custom = "custom",
        /// VSS_RME_RESTORE_STOP_START: needs `service`.
        RestoreStopStart = "restore-stop-start",
    }
}

words! {
    /// When the writer wants restore events, VSS_WRITERRESTORE_ENUM.
    RestoreEvents, "an answer to when the writer wants restore events" {
        /// VSS_WRE_NEVER.
        Never = "never",
        /// VSS_WRE_IF_REPLACE_FAILS.
        IfReplaceFails = "if-replace-fails",
        /// VSS_WRE_ALWAYS.
        Always = "always",
    }
}

words! {
    /// A bit of the backup schema, VSS_BACKUP_SCHEMA.
    Schema, "a backup schema" {
        /// VSS_BS_DIFFERENTIAL.
        Differential = "differential",
        /// VSS_BS_INCREMENTAL.
        Incremental = "incremental",
        /// VSS_BS_EXCLUSIVE_INCREMENTAL_DIFFERENTIAL.
        ExclusiveIncrementalDifferential = "exclusive-incremental-differential",
        /// VSS_BS_LOG.
        Log = "log",
        /// VSS_BS_COPY.
        Copy = "copy",
        /// VSS_BS_TIMESTAMPED.
        Timestamped = "timestamped",
        /// VSS_BS_LAST_MODIFY.
        LastModify = "last-modify",
        /// VSS_BS_INDEPENDENT_SYSTEM_STATE.
        IndependentSystemState = "independent-system-state",
        /// VSS_BS_WRITER_SUPPORTS_NEW_TARGET.
        WriterSupportsNewTarget = "writer-supports-new-target",
        /// VSS_BS_WRITER_SUPPORTS_RESTORE_WITH_MOVE.
        WriterSupportsRestoreWithMove = "writer-supports-restore-with-move",
        /// VSS_BS_ROLLFORWARD_RESTORE.
        RollforwardRestore = "rollforward-restore",
        /// VSS_BS_RESTORE_RENAME.
        RestoreRename = "restore-rename",
        /// VSS_BS_AUTHORITATIVE_RESTORE.
        AuthoritativeRestore = "authoritative-restore",
    }
}

impl Schema {
    /// The bit.
    #[must_use]
    pub const fn bit(self) -> u32 {
        match self {
            Schema::Differential => BackupSchema::DIFFERENTIAL.0,
            Schema::Incremental => BackupSchema::INCREMENTAL.0,
            Schema::ExclusiveIncrementalDifferential => BackupSchema::EXCLUSIVE_INCREMENTAL_DIFFERENTIAL.0,
            Schema::Log => BackupSchema::LOG.0,
            Schema::Copy => BackupSchema::COPY.0,
            Schema::Timestamped => BackupSchema::TIMESTAMPED.0,
            Schema::LastModify => BackupSchema::LAST_MODIFY.0,
            Schema::IndependentSystemState => BackupSchema::INDEPENDENT_SYSTEM_STATE.0,
            Schema::WriterSupportsNewTarget => BackupSchema::WRITER_SUPPORTS_NEW_TARGET.0,
            Schema::WriterSupportsRestoreWithMove => BackupSchema::WRITER_SUPPORTS_RESTORE_WITH_MOVE.0,
            Schema::RollforwardRestore => BackupSchema::ROLLFORWARD_RESTORE.0,
            Schema::RestoreRename => BackupSchema::RESTORE_RENAME.0,
            Schema::AuthoritativeRestore => BackupSchema::AUTHORITATIVE_RESTORE.0,
        }
    }
}

/// A Writer Metadata Document, written in the scenario.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inline {
    /// The usage type.
    #[serde(default)]
    pub usage: At<Usage>,
    /// The kind of data source.
    #[serde(default)]
    pub source: At<Source>,
    /// How it is restored. Absent: no restore method is set.
    #[serde(default)]
    pub restore: Option<Restore>,
    /// The backup schema.
    #[serde(default)]
    pub schema: Vec<At<Schema>>,
    /// The components.
    #[serde(default)]
    pub components: Vec<Component>,
    /// Files that are not backed up (AddExcludeFiles).
    #[serde(default)]
    pub exclude: Vec<FileSet>,
    /// Files that the writer deletes from the shadow copy at PostSnapshot (AddExcludeFilesFromSnapshot).
    #[serde(default)]
    pub exclude_from_snapshot: Vec<FileSet>,
}

/// How a writer's data is restored (SetRestoreMethod).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// The method.
    pub method: At<RestoreMethod>,
    /// When the writer wants restore events.
    #[serde(default)]
    pub events: At<RestoreEvents>,
    /// The service to stop and start.
    #[serde(default)]
    pub service: Option<At<Text>>,
    /// Whether a reboot is needed afterwards.
    #[serde(default)]
    pub reboot: At<Flag>,
    /// Where files may be restored to instead (AddAlternateLocationMapping).
    #[serde(default)]
    pub mappings: Vec<MappingOf>,
}

words! {
    /// The type of a component, VSS_COMPONENT_TYPE.
    ComponentType, "a component type" {
        /// VSS_CT_FILEGROUP: files.
        FileGroup = "filegroup",
        /// VSS_CT_DATABASE: a database.
        Database = "database",
    }
}

/// A component (AddComponent of IVssCreateWriterMetadata).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its type.
    #[serde(rename = "type", default)]
    pub component_type: At<ComponentType>,
    /// Its logical path, without a leading backslash. Absent: NULL, the root.
    #[serde(default)]
    pub logical_path: Option<At<Text>>,
    /// Its name.
    pub name: At<Name>,
    /// What a user is shown.
    #[serde(default)]
    pub caption: Option<At<Text>>,
    /// Whether a requester may choose it for backup.
    #[serde(default = "Flag::yes")]
    pub selectable: At<Flag>,
    /// Whether it may be restored alone.
    #[serde(default)]
    pub selectable_for_restore: At<Flag>,
    /// Whether the writer wants to know how its backup went.
    #[serde(default)]
    pub notify_on_backup_complete: At<Flag>,
    /// Whether it stores private metadata for restore.
    #[serde(default)]
    pub restore_metadata: At<Flag>,
    /// The bits of VSS_COMPONENT_FLAGS.
    #[serde(default)]
    pub flags: Vec<At<ComponentFlag>>,
    /// Its files (AddFilesToFileGroup, or AddDatabaseFiles).
    #[serde(default)]
    pub files: Vec<FileSet>,
    /// The log files of a database (AddDatabaseLogFiles).
    #[serde(default)]
    pub log_files: Vec<FileSet>,
    /// Components of other writers that this one needs (AddComponentDependency).
    #[serde(default)]
    pub dependencies: Vec<ComponentRef>,
}

words! {
    /// A bit of VSS_COMPONENT_FLAGS.
    ComponentFlag, "a bit of VSS_COMPONENT_FLAGS" {
        /// The writer writes to the component in the shadow copy of a backup.
        BackupRecovery = "VSS_CF_BACKUP_RECOVERY",
        /// The same, in one for a rollback.
        AppRollbackRecovery = "VSS_CF_APP_ROLLBACK_RECOVERY",
        /// It is no part of the system state.
        NotSystemState = "VSS_CF_NOT_SYSTEM_STATE",
    }
}

impl ComponentFlag {
    /// The bit.
    #[must_use]
    pub const fn bit(self) -> u32 {
        match self {
            ComponentFlag::BackupRecovery => ComponentFlags::BACKUP_RECOVERY.0,
            ComponentFlag::AppRollbackRecovery => ComponentFlags::APP_ROLLBACK_RECOVERY.0,
            ComponentFlag::NotSystemState => ComponentFlags::NOT_SYSTEM_STATE.0,
        }
    }
}

/// A file set: a folder and a file specification.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSet {
    /// The folder. It may begin with an environment variable (`%SystemRoot%`) and may be the root of a volume (`C:\`).
    pub path: At<Text>,
    /// The file specification, with `*` and `?`.
    pub spec: At<Text>,
    /// Whether folders below belong to it.
    #[serde(default)]
    pub recursive: At<Flag>,
    /// Where the data lies at present, if not at `path`.
    #[serde(default)]
    pub alternate_path: Option<At<Text>>,
    /// The bits of VSS_FILE_SPEC_BACKUP_TYPE. Absent: in every backup, always from a shadow copy.
    #[serde(default)]
    pub backup_type_mask: Option<Vec<At<MaskBit>>>,
}

words! {
    /// A bit of the mask of a file set, VSS_FILE_SPEC_BACKUP_TYPE.
    MaskBit, "a bit of VSS_FILE_SPEC_BACKUP_TYPE" {
        /// In full backups.
        FullBackup = "VSS_FSBT_FULL_BACKUP_REQUIRED",
        /// In differential backups.
        DifferentialBackup = "VSS_FSBT_DIFFERENTIAL_BACKUP_REQUIRED",
        /// In incremental backups.
        IncrementalBackup = "VSS_FSBT_INCREMENTAL_BACKUP_REQUIRED",
        /// In log backups.
        LogBackup = "VSS_FSBT_LOG_BACKUP_REQUIRED",
        /// In every backup.
        AllBackups = "VSS_FSBT_ALL_BACKUP_REQUIRED",
        /// From a shadow copy, in full backups.
        FullSnapshot = "VSS_FSBT_FULL_SNAPSHOT_REQUIRED",
        /// From a shadow copy, in differential backups.
        DifferentialSnapshot = "VSS_FSBT_DIFFERENTIAL_SNAPSHOT_REQUIRED",
        /// From a shadow copy, in incremental backups.
        IncrementalSnapshot = "VSS_FSBT_INCREMENTAL_SNAPSHOT_REQUIRED",
        /// From a shadow copy, in log backups.
        LogSnapshot = "VSS_FSBT_LOG_SNAPSHOT_REQUIRED",
        /// From a shadow copy, in every backup.
        AllSnapshots = "VSS_FSBT_ALL_SNAPSHOT_REQUIRED",
        /// Made during the snapshot sequence.
        CreatedDuringBackup = "VSS_FSBT_CREATED_DURING_BACKUP",
    }
}

impl MaskBit {
    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            MaskBit::FullBackup => FileSpecBackupType::FULL_BACKUP_REQUIRED.0,
            MaskBit::DifferentialBackup => FileSpecBackupType::DIFFERENTIAL_BACKUP_REQUIRED.0,
            MaskBit::IncrementalBackup => FileSpecBackupType::INCREMENTAL_BACKUP_REQUIRED.0,
            MaskBit::LogBackup => FileSpecBackupType::LOG_BACKUP_REQUIRED.0,
            MaskBit::AllBackups => FileSpecBackupType::ALL_BACKUP_REQUIRED.0,
            MaskBit::FullSnapshot => FileSpecBackupType::FULL_SNAPSHOT_REQUIRED.0,
            MaskBit::DifferentialSnapshot => FileSpecBackupType::DIFFERENTIAL_SNAPSHOT_REQUIRED.0,
            MaskBit::IncrementalSnapshot => FileSpecBackupType::INCREMENTAL_SNAPSHOT_REQUIRED.0,
            MaskBit::LogSnapshot => FileSpecBackupType::LOG_SNAPSHOT_REQUIRED.0,
            MaskBit::AllSnapshots => FileSpecBackupType::ALL_SNAPSHOT_REQUIRED.0,
            MaskBit::CreatedDuringBackup => FileSpecBackupType::CREATED_DURING_BACKUP.0,
        }
    }
}

/// Which component is meant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComponentRef {
    /// The writer's name.
    pub writer: At<Name>,
    /// The logical path. Absent: NULL, the root.
    #[serde(default)]
    pub logical_path: Option<At<Text>>,
    /// The component's name.
    pub name: At<Name>,
}

/// A writer's handlers, by event.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub struct Handlers {
    /// OnIdentify.
    pub identify: Handler,
    /// OnPrepareBackup.
    pub prepare_for_backup: Handler,
    /// OnPrepareSnapshot.
    pub prepare_for_snapshot: Handler,
    /// OnFreeze.
    pub freeze: Handler,
    /// OnThaw.
    pub thaw: Handler,
    /// OnPostSnapshot.
    pub post_snapshot: Handler,
    /// OnAbort.
    pub abort: Handler,
    /// OnBackupComplete.
    pub backup_complete: Handler,
    /// OnBackupShutdown.
    pub backup_shutdown: Handler,
    /// OnPreRestore.
    pub pre_restore: Handler,
    /// OnPostRestore.
    pub post_restore: Handler,
}

impl Handlers {
    /// The handler of an event.
    #[must_use]
    pub fn of(&self, event: WriterEvent) -> Option<&Handler> {
        Some(match event {
            WriterEvent::Identify => &self.identify,
            WriterEvent::PrepareForBackup => &self.prepare_for_backup,
            WriterEvent::PrepareForSnapshot => &self.prepare_for_snapshot,
            WriterEvent::Freeze => &self.freeze,
            WriterEvent::Thaw => &self.thaw,
            WriterEvent::PostSnapshot => &self.post_snapshot,
            WriterEvent::Abort => &self.abort,
            WriterEvent::BackupComplete => &self.backup_complete,
            WriterEvent::BackupShutdown => &self.backup_shutdown,
            WriterEvent::PreRestore => &self.pre_restore,
            WriterEvent::PostRestore => &self.post_restore,
            _ => return None,
        })
    }
}

/// One handler.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Handler {
    /// How long it takes.
    pub takes: At<DurationRange>,
    /// What it does. Absent: what a good writer with its application does (Freeze quiesces, Thaw and Abort resume,
    /// BackupComplete truncates the log after a full, incremental or log backup; PostSnapshot deletes what is excluded from the
    /// shadow copy).
    #[serde(rename = "do")]
    pub actions: Option<Vec<Node<Action>>>,
    /// The code given to SetWriterFailure, and so the veto.
    pub veto: Option<At<Code>>,
    /// What the handler returns. Absent: false if it vetoes, else true.
    pub returns: Option<At<Flag>>,
    /// Only the first so many times; later it succeeds. Absent: always.
    pub times: Option<At<crate::scalars::Count>>,
}

/// What a handler does, in order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Makes the application finish its transactions, write everything out and start nothing new.
    Quiesce(At<Name>),
    /// Lets the application go on.
    Resume(At<Name>),
    /// Truncates the application's log.
    TruncateLog(At<Name>),
    /// IVssComponent::SetBackupMetadata.
    SetBackupMetadata(ComponentText),
    /// IVssComponent::SetBackupStamp.
    SetBackupStamp(ComponentText),
    /// IVssComponent::SetPrepareForBackupFailureMsg or SetPostSnapshotFailureMsg, whichever fits the event.
    SetFailureMessage(ComponentText),
    /// IVssComponent::GetBackupSucceeded.
    GetBackupSucceeded(OwnComponent),
    /// Writes over the beginning of a file in the shadow copy.
    WriteToCopy(CopyWrite),
    /// Stops a service of the machine.
    StopService(At<Name>),
    /// Starts a service of the machine.
    StartService(At<Name>),
    /// Deletes from the shadow copy what the metadata excludes from it.
    DeleteExcluded(Empty),
    /// Works for a while before the next action.
    Work(At<DurationRange>),
    /// A call of any documented method, by the names of the headers.
    Call(Box<MethodStep>),
    /// Plants a fault into a document in memory.
    Damage(Box<Damage>),
}

/// A component of the writer itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnComponent {
    /// The logical path. Absent: NULL, the root.
    #[serde(default)]
    pub logical_path: Option<At<Text>>,
    /// The component's name.
    pub component: At<Name>,
}

/// A text for a component of the writer itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComponentText {
    /// The logical path. Absent: NULL, the root.
    #[serde(default)]
    pub logical_path: Option<At<Text>>,
    /// The component's name.
    pub component: At<Name>,
    /// The text.
    pub text: At<Text>,
}

/// A write to a file in the shadow copy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyWrite {
    /// The file's path on the original volume.
    pub path: At<FilePath>,
    /// How many bytes are written, at most 1 MiB.
    pub length: At<Size>,
}
