//! What a world is built from: a machine, its actors, their scripts. Staging a scenario makes a [`Plan`].
//!
//! A plan holds no names that still have to be looked up: writers, volumes and applications are indices into its lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::api::{ApplicationCall, AsyncCall, BackupComponentsCall, BackupType, ComponentName, Value};
use vssim_model::catalogue::MethodRef;
use vssim_model::documents::{Damage, WriterMetadata};
use vssim_model::file_spec::Variables;
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, ProviderId, VolumeId, WriterClassId, WriterInstanceId};
use vssim_model::release::Release;
use vssim_model::states::{ApplicationLevel, WriterEvent};
use vssim_model::tables::{ProviderCallback, Tables};
use vssim_model::time::Ticks;
use vssim_model::trace::Name;

use crate::database::DatabaseSpec;

/// Everything that is fixed before the first event.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// The SHA-256 of the scenario's text.
    pub sha256: String,
    /// The Windows release simulated.
    pub release: Release,
    /// The computer's name.
    pub computer: String,
    /// The FILETIME of tick 0.
    pub start: u64,
    /// The environment variables of the machine, in which the paths of documents are expanded.
    pub variables: Arc<Variables>,
    /// Disks.
    pub disks: Vec<DiskPlan>,
    /// Volumes.
    pub volumes: Vec<VolumePlan>,
    /// Writers.
    pub writers: Vec<WriterPlan>,
    /// Providers, the system provider among them.
    pub providers: Vec<ProviderPlan>,
    /// Applications.
    pub applications: Vec<ApplicationPlan>,
    /// Requesters.
    pub requesters: Vec<RequesterPlan>,
    /// The kernel.
    pub kernel: KernelPlan,
    /// Whether Windows runs in safe mode or in setup: writers cannot be initialised (page of Initialize).
    pub safe_mode: bool,
    /// How many shadow copies of a volume may be client accessible (the registry value MaxShadowCopies).
    pub max_shadow_copies: u16,
    /// Services that a restore may have to stop.
    pub services: Vec<ServicePlan>,
    /// Files that are in use until the machine starts anew, by full path in upper case.
    pub in_use: BTreeSet<String>,
    /// The writers that the registry lists under WritersBlockingRevert.
    pub blocking_revert: BTreeSet<u16>,
    /// What happens to the machine by itself.
    pub incidents: Vec<IncidentPlan>,
    /// Defects planted in the VSS service, for the tests of the rules that bind it.
    pub defects: BTreeSet<ServiceDefect>,
    /// What a search may choose beside the order of events.
    pub open: OpenChoices,
    /// The state tables in force.
    pub tables: Arc<Tables>,
    /// What ran before on another day: its store is there at the start.
    pub before: Option<Arc<Plan>>,
}

/// A disk.
#[derive(Clone, Debug)]
pub struct DiskPlan {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A volume.
#[derive(Clone, Debug)]
pub struct VolumePlan {
    /// How the scenario and the trace name it, without trailing backslash: `C:`.
    pub name: Name,
    /// Its GUID.
    pub id: VolumeId,
    /// Where it lies: disk index, first byte, bytes.
    pub extents: Vec<(u16, u64, u64)>,
    /// Which volume holds the diff area of its shadow copies.
    pub diff_area_on: u16,
    /// The largest size of that diff area in bytes; none for no limit.
    pub diff_area_maximum: Option<u64>,
    /// What each shadow copy's diff area gets at first and by how much it grows, in bytes.
    pub diff_area_growth: (u64, u64),
    /// Whether the scenario says the three above; otherwise what its image says is kept.
    pub diff_area_given: bool,
    /// The image that it begins as; otherwise it begins empty.
    pub image: Option<ImageSource>,
    /// The volume on which the file of the virtual disk lies that this volume is in.
    pub virtual_disk_on: Option<u16>,
    /// From when to when another node of the cluster makes a shadow copy of it.
    pub created_elsewhere: Option<(Ticks, Ticks)>,
    /// Files there at the start, beside those of the image, with their sizes in bytes.
    pub files: Arc<[(String, u64)]>,
    /// What those of them hold that do not hold zeros.
    pub contents: Arc<[(String, Content)]>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// What follows from a seed ([`crate::content::fill`]).
    Seed(u64),
    /// These bytes.
    Bytes(Arc<[u8]>),
}

/// An image of a volume, by name. Whoever starts the run opens it ([`crate::run::Images`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageSource {
    /// The file, as the scenario names it.
    pub file: String,
    /// Which partition of the disk in it, counted from 1.
    pub partition: Option<u32>,
}

/// A span of time: a fixed one where both ends are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// At least.
    pub min: Ticks,
    /// At most.
    pub max: Ticks,
}

impl Span {
    /// Always this long.
    #[must_use]
    pub const fn exactly(ticks: Ticks) -> Span {
        Span { min: ticks, max: ticks }
    }
}

/// A writer.
#[derive(Clone, Debug)]
pub struct WriterPlan {
    /// Its name, unique in the plan.
    pub name: Name,
    /// Its class.
    pub class: WriterClassId,
    /// Its instance, where its metadata document names one; otherwise the run draws one.
    pub instance: Option<WriterInstanceId>,
    /// The level at which it freezes.
    pub level: ApplicationLevel,
    /// How long it may stay frozen.
    pub freeze_timeout: Ticks,
    /// The documents it gives at Identify, the first time the first, and so on; the last one stays.
    pub documents: Vec<MetadataPlan>,
    /// What its handlers do; an event without an entry is handled at once and well.
    pub handlers: BTreeMap<WriterEvent, Script>,
    /// What it does from the start: it makes its object, subscribes, and leaves. Without it the writer is subscribed from
    /// the start.
    pub main: Option<Script>,
    /// Whether it overrides OnIdentifyEx rather than OnIdentify.
    pub identify_ex: bool,
    /// Something it does by itself, outside of any handler, and when.
    pub background: Option<(Ticks, Script)>,
}

/// A Writer Metadata Document and what the service must know of it.
#[derive(Clone, Debug)]
pub struct MetadataPlan {
    /// The document.
    pub document: WriterMetadata,
    /// Its text as it came from Windows; otherwise the run writes the document.
    pub text: Option<Arc<str>>,
    /// Its components by (logical path, name).
    pub components: Arc<BTreeMap<(String, String), ComponentPlan>>,
}

/// A component of a writer.
#[derive(Clone, Debug)]
pub struct ComponentPlan {
    /// Whether it is a database rather than a file group.
    pub database: bool,
    /// Its file sets, as far as they lie on volumes of the plan.
    pub files: Arc<[FileSet]>,
}

/// Files of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSet {
    /// The volume.
    pub volume: u16,
    /// The directory on it, without the volume root and without trailing backslash.
    pub directory: String,
    /// The specification, with `*` and `?`.
    pub specification: String,
    /// Whether the directories below belong to it.
    pub recursive: bool,
}

/// A provider.
#[derive(Clone, Debug)]
pub struct ProviderPlan {
    /// Its name.
    pub name: Name,
    /// Its id.
    pub id: ProviderId,
    /// Whether it is the system provider.
    pub system: bool,
    /// The volumes it supports.
    pub supports: BTreeSet<u16>,
    /// What it does at each callback; without an entry it returns `S_OK` and does nothing.
    pub handlers: BTreeMap<ProviderCallback, Script>,
    /// What it answers when it is asked about shadow copies that exist, one after the other, the last one from then on; without an
    /// entry it answers well.
    pub answers: BTreeMap<ProviderQuestion, Vec<HResult>>,
}

/// A method of IVssSoftwareSnapshotProvider about shadow copies that exist. Its answer takes no time, so that it is no
/// callback with a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named as the methods are")]
pub enum ProviderQuestion {
    GetSnapshotProperties,
    Query,
    IsVolumeSnapshotted,
    SetSnapshotProperty,
    RevertToSnapshot,
    QueryRevertStatus,
}

impl ProviderQuestion {
    /// Every question.
    pub const ALL: &'static [ProviderQuestion] = &[
        ProviderQuestion::GetSnapshotProperties,
        ProviderQuestion::Query,
        ProviderQuestion::IsVolumeSnapshotted,
        ProviderQuestion::SetSnapshotProperty,
        ProviderQuestion::RevertToSnapshot,
        ProviderQuestion::QueryRevertStatus,
    ];

    /// The method's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ProviderQuestion::GetSnapshotProperties => "GetSnapshotProperties",
            ProviderQuestion::Query => "Query",
            ProviderQuestion::IsVolumeSnapshotted => "IsVolumeSnapshotted",
            ProviderQuestion::SetSnapshotProperty => "SetSnapshotProperty",
            ProviderQuestion::RevertToSnapshot => "RevertToSnapshot",
            ProviderQuestion::QueryRevertStatus => "QueryRevertStatus",
        }
    }
}

/// An application with a database.
#[derive(Clone, Debug)]
pub struct ApplicationPlan {
    /// Its name.
    pub name: Name,
    /// Volume and path of its log.
    pub log: (u16, String),
    /// Volume and path of its pages.
    pub pages: (u16, String),
    /// How its database is made.
    pub database: DatabaseSpec,
    /// The pause between two writes.
    pub pause: Span,
    /// How many transactions it runs; none for no end.
    pub transactions: Option<u32>,
}

/// A requester.
#[derive(Clone, Debug)]
pub struct RequesterPlan {
    /// Its name.
    pub name: Name,
    /// When it starts.
    pub starts: Ticks,
    /// What it does.
    pub script: Script,
}

/// The kernel: flush and hold, transactions.
#[derive(Clone, Debug)]
pub struct KernelPlan {
    /// Opening the handles of all volumes of a set.
    pub open_volumes: Span,
    /// Flushing one volume.
    pub flush: Span,
    /// Freezing the kernel transaction manager.
    pub freeze_transactions: Span,
    /// Thawing it.
    pub thaw_transactions: Span,
    /// Putting the blocks of a shadow copy back onto its volume.
    pub revert: Span,
    /// Volumes whose hold lets writes through.
    pub broken_hold: BTreeSet<u16>,
    /// Volumes to which volsnap will not be attached before the computer is started again.
    pub restart_pending: BTreeSet<u16>,
    /// Volumes of which volsnap forgets to save the old blocks.
    pub lost_blocks: BTreeSet<u16>,
    /// Volumes whose diff area does not grow in time.
    pub slow_growth: BTreeSet<u16>,
}

/// The default of the registry value MaxShadowCopies.
pub const MAX_SHADOW_COPIES: u16 = 64;

/// Something that happens to the machine by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentPlan {
    /// When.
    pub at: Ticks,
    /// What.
    pub what: Incident,
}

/// What happens to the machine by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incident {
    /// Every byte of a file is written over.
    OverwriteFile {
        /// The volume.
        volume: u16,
        /// The path on it.
        path: String,
    },
    /// A file grows to this size, or as far as there is room; it is made if it is not there.
    GrowFile {
        /// The volume.
        volume: u16,
        /// The path on it.
        path: String,
        /// The size in bytes.
        size: u64,
    },
    /// A file is gone, or all files in a folder and below it.
    DeleteFiles {
        /// The volume.
        volume: u16,
        /// The path on it.
        path: String,
    },
    /// A part of a file is written, with what follows from a seed; the file is made if it is not there.
    WriteFile {
        /// The volume.
        volume: u16,
        /// The path on it.
        path: String,
        /// The size that it has afterwards; none to leave it.
        size: Option<u64>,
        /// Where the write begins.
        offset: u64,
        /// How many bytes; none for all to the end.
        length: Option<u64>,
        /// The seed.
        seed: u64,
    },
    /// A volume is dismounted by force.
    Dismount(u16),
    /// From now on no write of volsnap to this volume succeeds.
    IoError(u16),
    /// From now on the writers cannot be reached.
    WritersUnreachable,
    /// The machine is shut down in good order and starts again.
    Reboot,
    /// A provider is taken out of the registry.
    UnregisterProvider(u16),
}

/// Declares the defects: name in a scenario, what is wrong.
macro_rules! defects {
    ($($variant:ident = $name:literal, $meaning:literal;)*) => {
        /// A defect of the service. Each breaks a rule that binds the service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ServiceDefect { $(#[doc = $meaning] $variant,)* }

        impl ServiceDefect {
            /// Every defect.
            pub const ALL: &'static [ServiceDefect] = &[$(ServiceDefect::$variant),*];

            /// Its name in a scenario.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(ServiceDefect::$variant => $name),* }
            }

            /// What is wrong, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(ServiceDefect::$variant => $meaning),* }
            }
        }
    };
}

defects! {
    IdentifySkipsAWriter = "identify_skips_a_writer", "Identify does not reach the last writer.";
    FailedIdentifyIncluded = "failed_identify_included", "A writer whose Identify failed takes part all the same.";
    UnselectedWriterTakesPart = "unselected_writer_takes_part", "A writer without components takes part all the same.";
    PrepareSkipsAWriter = "prepare_skips_a_writer", "PrepareForBackup does not reach the last writer.";
    EventRaisedTwice = "event_raised_twice", "PrepareForBackup is raised to the last writer twice.";
    CompleteSkipsAWriter = "complete_skips_a_writer", "BackupComplete does not reach the last writer.";
    BackupCompleteToAll = "backup_complete_to_all", "BackupComplete is raised to writers that never took part.";
    EventsWithoutWriters = "events_without_writers", "In a context without writers the events are raised all the same.";
    NoBackupShutdown = "no_backup_shutdown", "Release raises no BackupShutdown.";
    TwoSetsAtOnce = "two_sets_at_once", "A second StartSnapshotSet is let in while a set is being created.";
    LockKept = "lock_kept", "The creation lock is kept for ever.";
    AcceptsBadState = "accepts_bad_state", "A call out of sequence is let in.";
    AcceptsUnknownComponent = "accepts_unknown_component", "AddComponent takes a component that the writer does not have.";
    OperationNeverEnds = "operation_never_ends", "BackupComplete never ends.";
    BeginPrepareLate = "begin_prepare_late", "BeginPrepareSnapshot is called inside DoSnapshotSet.";
    EndPrepareAfterWriters = "end_prepare_after_writers", "EndPrepareSnapshots is called after PrepareForSnapshot.";
    FreezeOutOfOrder = "freeze_out_of_order", "Freeze is raised to the back-end level first.";
    FreezeBeforePrepare = "freeze_before_prepare", "Freeze is raised before PrepareForSnapshot.";
    PreCommitBeforeFreeze = "pre_commit_before_freeze", "PreCommitSnapshots is called before the writers are frozen.";
    HoldBeforeFreeze = "hold_before_freeze", "Writes are held before the writers are frozen.";
    HoldBeforePreCommit = "hold_before_pre_commit", "Writes are held before PreCommitSnapshots.";
    CommitBeforeHold = "commit_before_hold", "CommitSnapshots is called before writes are held.";
    CommitBeforePreCommit = "commit_before_pre_commit", "CommitSnapshots is called before PreCommitSnapshots.";
    ReleaseBeforeCommit = "release_before_commit", "Writes are released before CommitSnapshots.";
    ThawBeforePostCommit = "thaw_before_post_commit", "Thaw is raised before PostCommitSnapshots.";
    ThawSkipsAWriter = "thaw_skips_a_writer", "The last frozen writer gets no Thaw.";
    PostSnapshotBeforeThaw = "post_snapshot_before_thaw", "PostSnapshot is raised before Thaw.";
    PostSnapshotBeforePreFinalCommit = "post_snapshot_before_pre_final_commit", "PostSnapshot is raised before PreFinalCommitSnapshots.";
    PostFinalCommitBeforePostSnapshot = "post_final_commit_before_post_snapshot", "PostFinalCommitSnapshots is called before PostSnapshot.";
    FinishedEarly = "finished_early", "DoSnapshotSet ends before PostFinalCommitSnapshots is called.";
    NoFreezeWindow = "no_freeze_window", "The freeze window is not watched.";
    NoHoldLimit = "no_hold_limit", "Writes stay held past 10 s.";
    NeverReleasesWrites = "never_releases_writes", "Writes that are held are never released.";
    HoldExpiryIgnored = "hold_expiry_ignored", "The creation goes on after the hold limit ran out.";
    ProviderFailureIgnored = "provider_failure_ignored", "A provider's failure is not noticed.";
    ProviderCodePassedOn = "provider_code_passed_on", "An unexpected code of a provider reaches the requester as it is.";
    NoAbortToWriters = "no_abort_to_writers", "A creation that fails raises no Abort.";
    AbortedSetCreated = "aborted_set_created", "A creation that was aborted is reported as successful.";
    AbortSkipsAWriter = "abort_skips_a_writer", "AbortBackup does not reach the last writer.";
    AbortAfterPostSnapshot = "abort_after_post_snapshot", "A writer whose PostSnapshot ran gets Abort.";
    ThawAfterAbort = "thaw_after_abort", "A writer gets Thaw after Abort.";
    AbortSnapshotsEarly = "abort_snapshots_early", "A provider gets AbortSnapshots for a set of which it did not get EndPrepareSnapshots.";
    SnapshotVisibleEarly = "snapshot_visible_early", "GetSnapshotProperties answers during the creation.";
    StampsDiffer = "stamps_differ", "The shadow copies of a set carry different time stamps.";
    SnapshotStateSkipped = "snapshot_state_skipped", "A shadow copy goes from preparing to pre-committed.";
    WrongWriterState = "wrong_writer_state", "A writer that froze is said to wait for PostSnapshot.";
    FailureForgotten = "failure_forgotten", "A writer's failure does not change its state.";
    PreRestoreSkipsAWriter = "pre_restore_skips_a_writer", "PreRestore does not reach the last writer.";
    PreRestoreToAll = "pre_restore_to_all", "PreRestore is raised to writers without a selected component.";
    SelectsMissingWriter = "selects_missing_writer", "A component is selected although its writer does not run.";
    StatusMadeUp = "status_made_up", "GetWriterStatus tells that every writer is stable.";
}

/// What a search may choose beside the order of simultaneous events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenChoices {
    /// Every requester may crash whenever it would go on.
    pub crashes: bool,
    /// Every handler of a writer may veto with each of the five codes.
    pub vetoes: bool,
}

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

/// A service of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// Its name.
    pub name: Name,
    /// Whether it runs at the start.
    pub runs: bool,
    /// Whether it can be stopped.
    pub stoppable: bool,
    /// The files that nobody else can write while it runs, by full path.
    pub holds: BTreeSet<String>,
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

/// Somebody in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the parts, with the index into the plan's list")]
pub enum ActorId {
    Service,
    Kernel,
    Requester(u16),
    Writer(u16),
    Provider(u16),
    Application(u16),
}

/// The name of the VSS service in a trace.
pub const SERVICE: &str = "VSS";
/// The name of the kernel in a trace.
pub const KERNEL: &str = "Kernel";
/// The Shadow Copy Optimization Writer: it takes every event although it has no component (docs/choices.md, C-42).
pub const SHADOW_COPY_OPTIMIZATION_WRITER: WriterClassId =
    WriterClassId(Guid(0x4dc3_bdd4_ab48_4d07_adb0_3bee_2926_fd7f));

impl Plan {
    /// An actor's name in the trace.
    #[must_use]
    pub fn name_of(&self, actor: ActorId) -> &str {
        match actor {
            ActorId::Service => SERVICE,
            ActorId::Kernel => KERNEL,
            ActorId::Requester(index) => self.requesters.get(usize::from(index)).map_or("?", |plan| &plan.name),
            ActorId::Writer(index) => self.writers.get(usize::from(index)).map_or("?", |plan| &plan.name),
            ActorId::Provider(index) => self.providers.get(usize::from(index)).map_or("?", |plan| &plan.name),
            ActorId::Application(index) => self.applications.get(usize::from(index)).map_or("?", |plan| &plan.name),
        }
    }
}
