//! The programs that requesters, writers and providers run: lists of instructions.

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_model::api::{ApplicationCall, AsyncCall, BackupComponentsCall, BackupType, ComponentName, Value};
use vssim_model::catalogue::MethodRef;
use vssim_model::documents::Damage;
use vssim_model::hresult::HResult;
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::trace::Name;

use super::Span;

/// A program that an actor runs. Shared by all clones of a world.
pub type Script = Arc<[Op]>;

/// One instruction of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// Time passes.
    Takes(Span),
    /// Goes on at another instruction.
    Jump(u16),
    /// Never goes on.
    Hang,

    /// Requester: a call on its backup components object.
    Backup {
        /// The call; ids that only the run knows are filled in.
        call: Template,
        /// Where to keep the IVssAsync that it gives back.
        keep: Option<u8>,
    },
    /// Requester: a call on an IVssAsync that it keeps.
    Async {
        /// Which one.
        kept: u8,
        /// The call; its operation is filled in.
        call: AsyncCall,
    },
    /// Requester: goes elsewhere if the last call, or the operation it asked about, failed.
    IfFailed(u16),
    /// Requester: goes elsewhere if the last code was this one.
    IfCode(HResult, u16),
    /// Requester: goes elsewhere if a gathered writer state is a failure.
    IfWriterFailed(u16),
    /// Requester: goes elsewhere if it kept no IVssAsync there (the call that makes it failed).
    IfNotKept(u8, u16),
    /// Goes elsewhere once it was passed so often.
    Times(u16, u16),
    /// Requester or writer: a call of the catalogue.
    Method(Arc<MethodOp>),
    /// Requester or writer: from here on its calls are made with backup privileges, or without.
    Privileges(bool),
    /// Requester or writer: a fault is planted into a document in memory.
    Damage(Arc<DamageOp>),
    /// Requester: copies the files of the components it added into the store.
    CopyFiles,
    /// Requester: a part of a restore.
    Restore(Arc<RestoreOp>),
    /// Writer or requester: starts a service, or stops it.
    Service(Name, bool),
    /// Requester, or a writer's main script: its process dies.
    Crash,
    /// Writer's main script: its process ends, and starts again after a while, behind this instruction; none for never.
    Stop(Option<Span>),

    /// Writer: `SetWriterFailure`.
    Fail(HResult),
    /// Writer: any outcome, by choice: none, or one of the five codes.
    MayVeto,
    /// Writer: a call on a component of its own, with what it says.
    Component(ComponentOp),
    /// Writer: an order to an application; goes on when it is carried out.
    Order {
        /// Which application.
        application: u16,
        /// What.
        order: ApplicationCall,
    },
    /// Writer: makes an application truncate its log, unless a backup of the type that is under way leaves it as it is.
    TruncateLog(u16),
    /// Writer: overwrites the start of a file in the shadow copy of its volume.
    WriteToSnapshot {
        /// The original volume.
        volume: u16,
        /// The path on it.
        path: String,
        /// What to write.
        bytes: Arc<[u8]>,
    },
    /// Writer: deletes the files that its document excludes from the shadow copies of its backup.
    DeleteExcluded,
    /// Writer: the handler returns.
    Return(bool),

    /// Provider: makes ready for the shadow copy's commit (allocates the diff areas).
    PrepareStorage,
    /// Provider: fixes the content of each shadow copy of the set, one volume after the other.
    Commit {
        /// The time between two volumes.
        gap: Span,
    },
    /// Provider: the shadow copies become writable for the writers.
    MakeWritable,
    /// Provider: the shadow copies become read-only.
    MakeReadOnly,
    /// Provider: gives the storage of the set, or of the shadow copy named, back.
    Drop,
    /// Provider: writes an entry to the Application log, under its own name.
    Log(String),
    /// Provider: the callback returns. What follows goes on after it.
    Answer(HResult),
}

/// A part of a restore that turns on what was stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RestoreOp {
    /// InitializeForRestore with the document of a backup of the store, counted from 1; the last one if none is named.
    Initialize(Option<u16>),
    /// SetSelectedForRestore, and SetAdditionalRestores.
    Select {
        /// The components: writer class, logical path, name. All if none are named.
        components: Option<Vec<(WriterClassId, String, String)>>,
        /// Whether more restores of them follow.
        more: bool,
    },
    /// The files go where the rules say; then SetFileRestoreStatus and what else has to be told.
    Files,
}

/// A call of the catalogue, with the parts that only the run knows left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodOp {
    /// The method.
    pub method: MethodRef,
    /// The object; none for the backup components object in use, and for what a writer is or was handed.
    pub on: Option<Argument>,
    /// The arguments, by parameter.
    pub arguments: Vec<(String, Argument)>,
    /// The failure of resources ordered for this call.
    pub injected: Option<HResult>,
    /// Which step of the scenario makes it.
    pub step: u32,
    /// Where what it hands back is kept.
    pub save: Option<u16>,
}

/// A fault planted into a document in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamageOp {
    /// Into which one.
    pub of: DamagedDocument,
    /// The fault.
    pub fault: Damage,
}

/// The document that a fault is planted into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DamagedDocument {
    /// The metadata that a backup components object gathered from a writer.
    Gathered(u16),
    /// The metadata that a writer builds in its Identify handler.
    Built,
    /// The metadata that an object holds.
    Held(Argument),
    /// The Backup Components Document of a requester's object, or of the backup that a writer takes part in.
    BackupComponents,
}

/// An argument of a call of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// It stands in the scenario.
    Value(Value),
    /// An earlier call handed it back.
    Saved {
        /// Where it is kept.
        place: u16,
        /// Which out-parameter, and which field of it; empty for the only one.
        path: Vec<String>,
    },
    /// The instance id of a writer.
    InstanceOf(u16),
    /// An array.
    List(Vec<Argument>),
    /// A structure.
    Fields(Vec<(String, Argument)>),
}

/// What calls handed back, by the place where a script keeps it and by out-parameter.
pub type SavedValues = BTreeMap<u16, BTreeMap<String, Value>>;

impl Argument {
    /// What it stands for; NULL where nothing has been handed back.
    #[must_use]
    pub fn value(&self, saved: &SavedValues, instances: &[WriterInstanceId]) -> Value {
        match self {
            Argument::Value(value) => value.clone(),
            Argument::Saved { place, path } => {
                saved.get(place).and_then(|saved| found(saved, path)).unwrap_or_default()
            }
            Argument::InstanceOf(writer) => {
                Value::guid(instances.get(usize::from(*writer)).copied().unwrap_or_default().0)
            }
            Argument::List(all) => Value::List(all.iter().map(|one| one.value(saved, instances)).collect()),
            Argument::Fields(all) => {
                Value::Fields(all.iter().map(|(name, one)| (name.clone(), one.value(saved, instances))).collect())
            }
        }
    }
}

/// What a path leads to; the only value, or all of them, if it is empty.
fn found(saved: &BTreeMap<String, Value>, path: &[String]) -> Option<Value> {
    let Some((first, rest)) = path.split_first() else {
        let mut values = saved.values();
        return match (values.next(), values.next()) {
            (Some(only), None) => Some(only.clone()),
            (Some(_), Some(_)) => Some(Value::Fields(saved.clone())),
            _ => None,
        };
    };
    let value = saved.get(first).cloned();
    // The name of a field alone is enough where there is one structure.
    let value = value.or_else(|| saved.values().find_map(|value| field(value, first)));
    rest.iter().try_fold(value?, |value, name| field(&value, name))
}

fn field(value: &Value, name: &str) -> Option<Value> {
    match value {
        Value::Fields(fields) => fields.get(name).cloned(),
        Value::List(all) => all.get(name.parse::<usize>().ok()?).cloned(),
        _ => None,
    }
}

/// A call with the parts that only the run knows left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// Nothing is open.
    Call(BackupComponentsCall),
    /// `AddComponent`.
    AddComponent(ComponentOf),
    /// `SetBackupSucceeded`.
    SetBackupSucceeded(ComponentOf, bool),
    /// `SetBackupSucceeded`, by whether the files could be copied.
    ReportBackup(ComponentOf),
    /// `SetBackupOptions`.
    SetBackupOptions(ComponentOf, String),
    /// `SetPreviousBackupStamp`.
    SetPreviousBackupStamp(ComponentOf, String),
    /// `SetPreviousBackupStamp` with the stamp of the backup on which one of this type builds, where the store has one.
    PassStamp(ComponentOf, BackupType),
    /// `GetSnapshotProperties` of the shadow copy of a volume.
    GetSnapshotProperties(u16),
    /// `DisableWriterInstances`.
    DisableWriterInstance(u16),
    /// `GetWriterStatus` of every writer, one call after the other, after `GetWriterStatusCount`.
    EachWriterStatus,
    /// `GetWriterMetadata` of every writer, one call after the other, after `GetWriterMetadataCount`.
    EachWriterMetadata,
}

/// A component by the writer's index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentOf {
    /// The writer.
    pub writer: u16,
    /// Its logical path; empty for none.
    pub logical_path: String,
    /// Its name.
    pub name: String,
}

impl ComponentOf {
    /// The full name.
    #[must_use]
    pub fn named(&self, class: WriterClassId, instance: WriterInstanceId) -> ComponentName {
        ComponentName { instance, writer: class, logical_path: self.logical_path.clone(), name: self.name.clone() }
    }
}

/// What a writer says of a component of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the methods of IVssComponent are: component, text")]
pub enum ComponentOp {
    SetBackupMetadata(ComponentOf, String),
    SetBackupStamp(ComponentOf, String),
    SetPrepareForBackupFailureMsg(ComponentOf, String),
    SetPostSnapshotFailureMsg(ComponentOf, String),
    GetBackupSucceeded(ComponentOf),
}
