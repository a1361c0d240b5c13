//! Misbehaviours: every way in which an actor can be told to break a rule that a script or a handler cannot express,
//! and the defects that can be planted into the service. Each exists so that a rule has something to catch.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use vssim_sim::plan::ServiceDefect as Defect;

use crate::error::Problem;
use crate::scalars::{Code, DurationRange, Name};
use crate::words::{Event, find, words, words_schema};
use crate::yaml::{At, Raw, Scalar};

words! {
    /// What a requester does wrong. Wrong calls and wrong orders are written as scripts; these are the rest, and
    /// shortcuts for the commonest with the `backup` macro.
    RequesterSin, "a misbehaviour of a requester" {
        /// Never waits on an IVssAsync: the next call follows at once.
        SkipsWait = "skips_wait",
        /// Leaves out SetBackupState.
        SkipsSetBackupState = "skips_set_backup_state",
        /// Goes on to copy and complete after a failed DoSnapshotSet.
        ContinuesAfterFailedSnapshotSet = "continues_after_failed_snapshot_set",
        /// Does not call AbortBackup after a failure.
        NoAbort = "no_abort",
        /// Calls BackupComplete after a failed DoSnapshotSet.
        BackupCompleteAfterFailure = "backup_complete_after_failure",
        /// Goes on using the object after AbortBackup.
        UsesObjectAfterAbort = "uses_object_after_abort",
        /// Uses the object for a second backup.
        ReusesObject = "reuses_object",
        /// Calls GatherWriterMetadata twice.
        GathersMetadataTwice = "gathers_metadata_twice",
        /// Leaves out GatherWriterMetadata.
        SkipsGatherWriterMetadata = "skips_gather_writer_metadata",
        /// Reads the metadata before GatherWriterMetadata has ended.
        ReadsMetadataEarly = "reads_metadata_early",
        /// Calls SetContext twice.
        SetsContextTwice = "sets_context_twice",
        /// Calls SetContext after volumes were added.
        SetsContextLate = "sets_context_late",
        /// Calls DisableWriterClasses after GatherWriterMetadata.
        DisablesWritersLate = "disables_writers_late",
        /// Calls AddComponent after StartSnapshotSet.
        AddsComponentLate = "adds_component_late",
        /// Adds a component twice.
        AddsComponentTwice = "adds_component_twice",
        /// Adds a component that another one already implies.
        AddsImplicitComponent = "adds_implicit_component",
        /// Leaves out a component that the writer requires.
        ForgetsRequiredComponent = "forgets_required_component",
        /// Adds a volume before StartSnapshotSet.
        AddsVolumeOutsideSet = "adds_volume_outside_set",
        /// Adds a volume after DoSnapshotSet.
        AddsVolumeLate = "adds_volume_late",
        /// Leaves out a volume that its components lie on.
        ForgetsVolume = "forgets_volume",
        /// Passes volume names without their trailing backslash.
        ForgetsTrailingBackslash = "forgets_trailing_backslash",
        /// Adds volumes without asking IsVolumeSupported.
        SkipsIsVolumeSupported = "skips_is_volume_supported",
        /// Calls SetBackupOptions after PrepareForBackup.
        SetsOptionsLate = "sets_options_late",
        /// Calls SetPreviousBackupStamp after PrepareForBackup.
        SetsPreviousStampLate = "sets_previous_stamp_late",
        /// Leaves out PrepareForBackup.
        SkipsPrepareForBackup = "skips_prepare_for_backup",
        /// Calls DoSnapshotSet before PrepareForBackup has ended.
        SnapshotsBeforePrepared = "snapshots_before_prepared",
        /// Never asks for the writers' states.
        NoStatusCheck = "no_status_check",
        /// Calls GetWriterStatus without GatherWriterStatus.
        ReadsStatusUngathered = "reads_status_ungathered",
        /// Gathers the states and never frees them.
        NeverFreesStatus = "never_frees_status",
        /// Builds the file list before DoSnapshotSet has ended.
        ListsFilesEarly = "lists_files_early",
        /// Copies the files from the live volume instead of the shadow copy.
        CopiesLiveFiles = "copies_live_files",
        /// Copies files that are excluded.
        CopiesExcludedFiles = "copies_excluded_files",
        /// Saves the Backup Components Document before DoSnapshotSet has ended.
        SavesDocumentEarly = "saves_document_early",
        /// Never saves the Backup Components Document.
        NeverSavesDocument = "never_saves_document",
        /// Does not save the writers' documents.
        NeverSavesWriterMetadata = "never_saves_writer_metadata",
        /// Leaves out SetBackupSucceeded.
        NoSetBackupSucceeded = "no_set_backup_succeeded",
        /// Calls SetBackupSucceeded after BackupComplete.
        ReportsLate = "reports_late",
        /// Reports success for a component of which a file was not copied.
        ReportsFalseSuccess = "reports_false_success",
        /// Leaves out BackupComplete.
        NoBackupComplete = "no_backup_complete",
        /// Leaves out Release.
        NeverReleases = "never_releases",
        /// Releases the object before its last operation has ended.
        ReleasesEarly = "releases_early",
        /// Tries again at once after VSS_E_SNAPSHOT_SET_IN_PROGRESS or a failure that may pass.
        RetriesWithoutWaiting = "retries_without_waiting",
        /// Tries again and again, more than three times.
        RetriesForever = "retries_forever",
        /// Calls AddComponent, PrepareForBackup and BackupComplete in a context without writers.
        UsesWritersInWriterlessContext = "uses_writers_in_writerless_context",
    }
}

/// What a writer does wrong beside vetoes, wrong return values and slowness, which its handlers express.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriterSin {
    /// Answers Freeze without making its application stop.
    DoesNotFreeze,
    /// Makes its application stop at Freeze, and the application writes all the same.
    FreezesButApplicationWritesAnyway,
    /// Lets its application go on before Thaw.
    ThawsEarly,
    /// Never lets its application go on.
    NeverThaws,
    /// Never answers this event.
    NeverAnswers(At<Event>),
    /// Its process ends when this event arrives.
    CrashesAt(At<Event>),
    /// Throws an exception out of the handler of this event.
    ThrowsIn(At<Event>),
    /// Returns false from the handler of this event without SetWriterFailure.
    ReturnsFalseWithoutFailure(At<Event>),
    /// Gives SetWriterFailure a code other than the five allowed ones.
    FailureCodeNotAllowed(At<Code>),
    /// Calls SetWriterFailure outside of a handler.
    FailureOutsideHandler,
    /// Reports other components at each Identify.
    MetadataChangesBetweenIdentifies,
    /// Reports two components of the same path and name.
    ReportsComponentTwice,
    /// Changes its document in a handler that may only read it.
    ChangesDocumentIn(At<Event>),
    /// Writes to the shadow copy after PostFinalCommitSnapshots.
    WritesToShadowCopyAfterFinalCommit,
    /// Writes to a volume of the set while frozen.
    WritesWhileFrozen,
    /// Deletes a file from the shadow copy that it did not exclude.
    DeletesUnexcludedFromCopy,
    /// Leaves work begun in PrepareForBackup unfinished when PrepareForSnapshot returns.
    LeavesAsynchronousWork,
    /// Truncates its log although the component was not backed up.
    TruncatesUnbackedLog,
    /// Truncates its log after a copy backup.
    TruncatesAfterCopy,
    /// Truncates its log in BackupShutdown.
    TruncatesInShutdown,
    /// Asks for the set's id in BackupShutdown.
    AsksSetIdInShutdown,
    /// Changes its operation's state in Identify.
    IdentifyTouchesState,
    /// Never sets its backup stamp although its schema promises it.
    ForgetsBackupStamp,
    /// Subscribes twice.
    SubscribesTwice,
}

/// What a provider does wrong beside failing and slowness, which its callbacks express.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderSin {
    /// Returns a code that is not among the documented ones, from this callback.
    UndocumentedCode(WrongCode),
    /// Commits only after CommitSnapshots has returned.
    CommitsAfterReturn(At<DurationRange>),
    /// Commits the volumes of a set at different instants.
    CommitsVolumesAtDifferentInstants(At<DurationRange>),
    /// Commits while BeginPrepareSnapshot or EndPrepareSnapshots still runs, before the writers are frozen.
    CommitsEarly,
    /// Goes on preparing after EndPrepareSnapshots has returned.
    PreparesAfterEnd,
    /// Lets new blocks land without saving the old ones.
    LosesOldBlocks,
    /// Makes the shadow copy writable before PreFinalCommitSnapshots.
    WritableEarly,
    /// Leaves the shadow copy writable after PostFinalCommitSnapshots.
    LeavesWritable,
    /// Ignores AbortSnapshots and keeps the shadow copies.
    KeepsAfterAbort,
    /// Supports a volume in IsVolumeSupported and refuses it in BeginPrepareSnapshot.
    SupportsThenRefuses,
    /// Writes to the volumes of the set while writes are held.
    WritesWhileHeld,
    /// Logs an event while the writers are frozen.
    LogsWhileFrozen,
    /// Its process ends in this callback.
    CrashesIn(At<Name>),
    /// Never returns from this callback.
    NeverReturnsFrom(At<Name>),
}

/// A code from a callback.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrongCode {
    /// The callback.
    pub callback: At<Name>,
    /// The code.
    pub hresult: At<Code>,
}

/// The callbacks of a provider, by their documented names.
pub const CALLBACKS: &[&str] = &[
    "IsVolumeSupported",
    "BeginPrepareSnapshot",
    "EndPrepareSnapshots",
    "PreCommitSnapshots",
    "CommitSnapshots",
    "PostCommitSnapshots",
    "PreFinalCommitSnapshots",
    "PostFinalCommitSnapshots",
    "AbortSnapshots",
    "DeleteSnapshots",
];

/// A defect planted into the VSS service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceDefect(pub Defect);

impl Default for ServiceDefect {
    fn default() -> ServiceDefect {
        ServiceDefect(Defect::IdentifySkipsAWriter)
    }
}

impl ServiceDefect {
    /// Every defect: word, value, meaning.
    pub fn all() -> impl Iterator<Item = (&'static str, Defect, &'static str)> {
        Defect::ALL.iter().map(|&defect| (defect.name(), defect, defect.meaning()))
    }
}

impl Scalar for ServiceDefect {
    fn read(raw: Raw<'_>) -> Result<ServiceDefect, Problem> {
        let words: Vec<(&'static str, Defect)> = ServiceDefect::all().map(|(word, it, _)| (word, it)).collect();
        find(raw, "a defect of the service", &words).map(ServiceDefect)
    }
}

impl JsonSchema for ServiceDefect {
    fn schema_name() -> Cow<'static, str> {
        "ServiceDefect".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<(&str, &str)> = ServiceDefect::all().map(|(word, _, meaning)| (word, meaning)).collect();
        words_schema("A defect planted into the VSS service.", &words)
    }
}
