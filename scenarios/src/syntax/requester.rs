//! Requesters: scripts of documented calls, a few verbs of the format's own, and macros.
//!
//! A step in CamelCase is one call of the API. A step in lower case is a verb of this format: what the requester's
//! program does between calls, a loop over what a call returned, or a macro (`backup`) that expands into other steps.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::damage::Damage;
use super::method::MethodStep;
use super::restore::{InitializeForRestore, Restore, RestoreFiles, SelectComponents};
use super::sins::RequesterSin;
use super::writer::ComponentRef;
use crate::scalars::{Code, Count, Duration, DurationRange, Flag, Id, Name, Text};
use crate::words::{Attribute, Context, Kind, words};
use crate::yaml::{At, Node};

/// A program that asks for backups.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requester {
    /// Its name.
    pub name: At<Name>,
    /// The account that it runs as. Absent: an administrator's.
    #[serde(default)]
    pub account: Option<At<Text>>,
    /// When it starts. Absent: at once.
    #[serde(default)]
    pub starts_at: At<DurationRange>,
    /// What it does, in order.
    pub script: Vec<Node<Step>>,
    /// How often it does all of that, unless a failure ends it before. Absent: once.
    #[serde(default)]
    pub repeat: Option<At<Count>>,
    /// What it does wrong that a script cannot say.
    #[serde(default)]
    pub misbehaviours: Vec<At<RequesterSin>>,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Step {
    /// Makes the backup components object.
    CreateVssBackupComponents(Plain),
    /// Starts a backup with an empty document.
    InitializeForBackup(Plain),
    /// Sets the context.
    SetContext(SetContext),
    /// Says what kind of backup this is.
    SetBackupState(SetBackupState),
    /// Lets only the classes of these writers take part.
    EnableWriterClasses(Writers),
    /// Keeps the classes of these writers out.
    DisableWriterClasses(Writers),
    /// Keeps these writers out.
    DisableWriterInstances(Writers),
    /// Raises Identify. Asynchronous.
    GatherWriterMetadata(Asynchronous),
    /// How many writers answered.
    GetWriterMetadataCount(Plain),
    /// The document of one writer.
    GetWriterMetadata(Indexed),
    /// Drops the gathered documents.
    FreeWriterMetadata(Plain),
    /// Includes a component.
    AddComponent(OfComponent),
    /// Opens a shadow copy set.
    StartSnapshotSet(Plain),
    /// Whether a volume can be shadow copied.
    IsVolumeSupported(OfVolume),
    /// Adds a volume to the set.
    AddToSnapshotSet(OfVolume),
    /// Stores a private text for a writer.
    SetBackupOptions(WithText),
    /// Stores the stamp of the previous backup.
    SetPreviousBackupStamp(WithText),
    /// Raises PrepareForBackup. Asynchronous.
    PrepareForBackup(Asynchronous),
    /// Asks the writers for their state. Asynchronous.
    GatherWriterStatus(Asynchronous),
    /// How many writers have a state.
    GetWriterStatusCount(Plain),
    /// The state of one writer.
    GetWriterStatus(Indexed),
    /// Drops the gathered states.
    FreeWriterStatus(Plain),
    /// Creates the shadow copies of the set. Asynchronous.
    DoSnapshotSet(Asynchronous),
    /// The properties of a volume's shadow copy.
    GetSnapshotProperties(OfSnapshot),
    /// Says whether a component was backed up.
    SetBackupSucceeded(Succeeded),
    /// Raises BackupComplete. Asynchronous.
    BackupComplete(Asynchronous),
    /// Ends the backup early.
    AbortBackup(Plain),
    /// Saves the Backup Components Document.
    SaveAsXML(Plain),
    /// Starts a restore with the document of a backup of the store.
    InitializeForRestore(InitializeForRestore),
    /// Raises PreRestore. Asynchronous.
    PreRestore(Asynchronous),
    /// Raises PostRestore. Asynchronous.
    PostRestore(Asynchronous),
    /// Lets go of the object.
    Release(Plain),
    /// IVssAsync::Wait.
    Wait(WaitFor),
    /// IVssAsync::QueryStatus.
    QueryStatus(OfOperation),
    /// IVssAsync::Cancel.
    Cancel(OfOperation),

    /// Does nothing for a while.
    #[serde(rename = "sleep")]
    Sleep(At<DurationRange>),
    /// Ends the requester's process without any further call.
    #[serde(rename = "crash")]
    Crash(Empty),
    /// GetWriterMetadataCount, then GetWriterMetadata for each writer.
    #[serde(rename = "read_metadata")]
    ReadMetadata(Empty),
    /// AddComponent for each component that the gathered metadata asks to be included: every selectable one, and
    /// every other one that no selectable one implies. With `chosen` those, and all that has to come with them.
    #[serde(rename = "add_components")]
    AddComponents(AddComponents),
    /// GatherWriterStatus and its wait, GetWriterStatusCount, GetWriterStatus for each writer, FreeWriterStatus; a
    /// writer with a failure is a failure of this step.
    #[serde(rename = "check_writers")]
    CheckWriters(Empty),
    /// GetSnapshotProperties for each volume, then copies the files of the components added.
    #[serde(rename = "copy_files")]
    CopyFiles(CopyFiles),
    /// SetPreviousBackupStamp for each component added, with the stamp of the backup that this one builds on, where the requester
    /// has one.
    #[serde(rename = "pass_stamps")]
    PassStamps(PassStamps),
    /// SetBackupSucceeded for each component added: true if its files were copied.
    #[serde(rename = "report_components")]
    ReportComponents(Empty),
    /// SetSelectedForRestore for each component; one whose writer does not run is left out.
    #[serde(rename = "select_components")]
    SelectComponents(SelectComponents),
    /// Puts the files where the rules say, then calls AddAlternativeLocationMapping, SetRangesFilePath and
    /// SetFileRestoreStatus for what became of them.
    #[serde(rename = "restore_files")]
    RestoreFiles(RestoreFiles),
    /// A whole restore.
    #[serde(rename = "restore")]
    Restore(Box<Restore>),
    /// A whole backup.
    #[serde(rename = "backup")]
    Backup(Box<Backup>),
    /// A call of any documented method, by the names of the headers.
    #[serde(rename = "call")]
    Call(Box<MethodStep>),
    /// Whether the calls that follow are made with backup privileges.
    #[serde(rename = "privileges")]
    Privileges(At<Privileges>),
    /// Plants a fault into a document in memory.
    #[serde(rename = "damage")]
    Damage(Box<Damage>),
}

/// No arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// A call without arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Plain {
    /// The code it must return. Absent: any code; a failure then ends the script.
    pub expect: Option<At<Code>>,
}

/// A call that gives back an IVssAsync.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Asynchronous {
    /// Whether to wait for the end of the operation before the next step.
    pub wait: At<Flag>,
    /// A name for the operation, for Wait, QueryStatus and Cancel.
    #[serde(rename = "as")]
    pub operation: Option<At<Name>>,
    /// The code that the operation (the call itself, if `wait` is false) must end with.
    pub expect: Option<At<Code>>,
}

impl Default for Asynchronous {
    fn default() -> Asynchronous {
        Asynchronous { wait: Flag::yes(), operation: None, expect: None }
    }
}

/// Arguments of SetContext.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetContext {
    /// The context.
    pub context: At<Context>,
    /// The attribute bits ORed to it.
    #[serde(default)]
    pub attributes: Vec<At<Attribute>>,
    /// The code it must return.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// Arguments of SetBackupState.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SetBackupState {
    /// The backup type.
    #[serde(rename = "type")]
    pub kind: At<Kind>,
    /// Whether components are selected one by one.
    pub select_components: At<Flag>,
    /// Whether a bootable system state is backed up.
    pub bootable_system_state: At<Flag>,
    /// Whether the requester can handle partial files.
    pub partial_files: At<Flag>,
    /// The code it must return.
    pub expect: Option<At<Code>>,
}

impl Default for SetBackupState {
    fn default() -> SetBackupState {
        let no = At::nowhere(Flag(false));
        SetBackupState {
            kind: At::default(),
            select_components: Flag::yes(),
            bootable_system_state: no.clone(),
            partial_files: no,
            expect: None,
        }
    }
}

/// Arguments of the calls that enable or disable writers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Writers {
    /// The writers, by name.
    pub writers: Vec<At<Name>>,
    /// The code it must return.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// Arguments of the calls that take an index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Indexed {
    /// The index, from 0.
    pub index: At<Count>,
    /// The code it must return.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// Which components are added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AddComponents {
    /// What is wanted. Required components of the same writers, what all of these depend on, and the system state where
    /// SetBackupState asked for it, come along. Absent: all components.
    pub chosen: Option<Vec<ComponentRef>>,
}

/// Arguments of AddComponent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfComponent {
    /// The component. It may be one that does not exist where a failure is expected.
    pub component: ComponentRef,
    /// The code it must return.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// Arguments of IsVolumeSupported and AddToSnapshotSet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfVolume {
    /// The volume's name as it is passed, with its trailing backslash ('C:\'). It may be one that does not exist
    /// where a failure is expected.
    pub volume: At<Name>,
    /// The provider, by name. Absent: GUID_NULL, automatic choice.
    #[serde(default)]
    pub provider: Option<At<Name>>,
    /// The provider, by id, where none of the scenario's is meant.
    #[serde(default)]
    pub provider_id: Option<At<Id>>,
    /// The code it must return.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// Arguments of SetBackupOptions and SetPreviousBackupStamp.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WithText {
    /// The component.
    pub component: ComponentRef,
    /// The text.
    pub text: At<Text>,
    /// The code it must return.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// Arguments of GetSnapshotProperties.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfSnapshot {
    /// The volume whose shadow copy is meant: the one that AddToSnapshotSet gave last.
    pub volume: At<Name>,
    /// The code it must return.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// Arguments of SetBackupSucceeded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Succeeded {
    /// The component.
    pub component: ComponentRef,
    /// Whether all its files were backed up.
    #[serde(default = "Flag::yes")]
    pub succeeded: At<Flag>,
    /// The code it must return.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// Arguments of IVssAsync::Wait.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitFor {
    /// The operation, by the name given with `as`.
    pub operation: At<Name>,
    /// How long to wait at most. Absent: INFINITE.
    #[serde(default)]
    pub at_most: Option<At<Duration>>,
    /// The code it must return.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// Arguments of IVssAsync::QueryStatus and Cancel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfOperation {
    /// The operation, by the name given with `as`.
    pub operation: At<Name>,
    /// The code: what Cancel returns, or the status that QueryStatus tells.
    #[serde(default)]
    pub expect: Option<At<Code>>,
}

/// How the files are copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CopyFiles {
    /// How long it takes.
    pub takes: At<DurationRange>,
}

/// Which backup the one to come builds on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PassStamps {
    /// The type of the backup to come: incremental or differential.
    #[serde(rename = "type")]
    pub kind: At<Kind>,
}

words! {
    /// The privileges that a requester's process holds.
    Privileges, "privileges" {
        /// Those of a backup operator.
        Backup = "backup",
        /// None.
        None = "none",
    }
}

words! {
    /// What a requester does when a step of its backup fails.
    OnFailure, "a reaction to failure" {
        /// Calls AbortBackup, releases the object, and retries if it may.
        Abort = "abort",
        /// Goes on with the next step.
        Continue = "continue",
        /// Releases the object without AbortBackup, and ends.
        GiveUp = "give-up",
    }
}

/// A whole backup: steps 1 to 32 of the documented sequence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The volumes to shadow copy, without trailing backslash.
    pub volumes: Vec<At<Name>>,
    /// The components to include: `all`, `none` (no component mode), or a list.
    #[serde(default)]
    pub components: Components,
    /// The backup type.
    #[serde(rename = "type", default)]
    pub kind: At<Kind>,
    /// Whether the requester copies ranges of files.
    #[serde(default)]
    pub partial_files: At<Flag>,
    /// The context. Absent: SetContext is not called, which means VSS_CTX_BACKUP.
    #[serde(default)]
    pub context: Option<At<Context>>,
    /// The provider of every volume, by name. Absent: automatic choice.
    #[serde(default)]
    pub provider: Option<At<Name>>,
    /// Writers to keep out, by name (DisableWriterClasses).
    #[serde(default)]
    pub without_writers: Vec<At<Name>>,
    /// Whether the writers' states are checked after PrepareForBackup, DoSnapshotSet and BackupComplete.
    #[serde(default = "Flag::yes")]
    pub check_status: At<Flag>,
    /// How long the copying of the files takes.
    #[serde(default)]
    pub copy_takes: At<DurationRange>,
    /// What happens when a step fails.
    #[serde(default)]
    pub on_failure: At<OnFailure>,
    /// How often the whole backup is tried again after a failure with `on_failure: abort`.
    #[serde(default)]
    pub retries: At<Count>,
    /// How long to wait before that.
    #[serde(default = "ten_minutes")]
    pub retry_after: At<Duration>,
}

/// The documented advice for failures that may pass (API-030).
fn ten_minutes() -> At<Duration> {
    At::nowhere(Duration::seconds(600))
}

/// Which components a backup includes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Components {
    /// Every component that the gathered metadata asks to be included.
    #[default]
    All,
    /// None: the backup is not in component mode.
    None,
    /// These.
    Chosen(Vec<ComponentRef>),
}

impl<'de> Deserialize<'de> for Components {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Components, D::Error> {
        deserializer.deserialize_any(ComponentsVisitor)
    }
}

struct ComponentsVisitor;

impl<'de> Visitor<'de> for ComponentsVisitor {
    type Value = Components;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`all`, `none` or a list of components")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Components, E> {
        match text {
            "all" => Ok(Components::All),
            "none" => Ok(Components::None),
            other => Err(E::unknown_variant(other, &["all", "none"])),
        }
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Components, A::Error> {
        let mut chosen = Vec::new();
        while let Some(component) = list.next_element()? {
            chosen.push(component);
        }
        Ok(Components::Chosen(chosen))
    }
}

impl JsonSchema for Components {
    fn schema_name() -> Cow<'static, str> {
        "Components".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<ComponentRef>();
        json_schema!({
            "description": "`all` that the metadata asks for, `none`, or a list.",
            "anyOf": [{ "type": "string", "enum": ["all", "none"] }, { "type": "array", "items": item }],
        })
    }
}
