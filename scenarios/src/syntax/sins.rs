//! Misbehaviours: every way in which an actor can be told to break a rule that a script or a handler cannot express,
//! and the defects that can be planted into the service. Each exists so that a rule has something to catch.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use vssim_sim::plan::ServiceDefect as Defect;

use crate::error::Problem;
use crate::scalars::{DurationRange, Name};
use crate::words::{Event, find, words, words_schema};
use crate::yaml::{At, Raw, Scalar};

words! {
    /// What a requester does wrong with the `backup` macro. Other wrong calls and orders are written as scripts, and
    /// some with the keys of the macro: `components`, `volumes`, `check_status`, `on_failure`, `retry_after`.
    RequesterSin, "a misbehaviour of a requester" {
        /// Leaves out InitializeForBackup.
        SkipsInitialize = "skips_initialize",
        /// Leaves out SetBackupState.
        SkipsSetBackupState = "skips_set_backup_state",
        /// Calls SetContext twice.
        SetsContextTwice = "sets_context_twice",
        /// Calls SetContext after StartSnapshotSet.
        SetsContextLate = "sets_context_late",
        /// Calls DisableWriterClasses after GatherWriterMetadata.
        DisablesWritersLate = "disables_writers_late",
        /// Leaves out GatherWriterMetadata, and with it the components.
        SkipsGatherWriterMetadata = "skips_gather_writer_metadata",
        /// Calls GatherWriterMetadata twice.
        GathersMetadataTwice = "gathers_metadata_twice",
        /// Reads the metadata before GatherWriterMetadata has ended.
        ReadsMetadataEarly = "reads_metadata_early",
        /// Adds its components after StartSnapshotSet.
        AddsComponentsLate = "adds_components_late",
        /// Adds a volume before StartSnapshotSet.
        AddsVolumeOutsideSet = "adds_volume_outside_set",
        /// Adds a volume after DoSnapshotSet.
        AddsVolumeLate = "adds_volume_late",
        /// Passes volume names without their trailing backslash.
        ForgetsTrailingBackslash = "forgets_trailing_backslash",
        /// Adds volumes without asking IsVolumeSupported.
        SkipsIsVolumeSupported = "skips_is_volume_supported",
        /// Calls SetBackupOptions after PrepareForBackup.
        SetsOptionsLate = "sets_options_late",
        /// Leaves out PrepareForBackup.
        SkipsPrepareForBackup = "skips_prepare_for_backup",
        /// Calls DoSnapshotSet before PrepareForBackup has ended.
        SnapshotsBeforePrepared = "snapshots_before_prepared",
        /// Asks how many writers have a state before it gathers any.
        ReadsStatusUngathered = "reads_status_ungathered",
        /// Asks for the shadow copy's properties before DoSnapshotSet has ended.
        UsesCopyEarly = "uses_copy_early",
        /// Saves the Backup Components Document before DoSnapshotSet has ended.
        SavesDocumentEarly = "saves_document_early",
        /// Never saves the Backup Components Document.
        NeverSavesDocument = "never_saves_document",
        /// Leaves out SetBackupSucceeded.
        NoSetBackupSucceeded = "no_set_backup_succeeded",
        /// Calls SetBackupSucceeded after BackupComplete.
        ReportsLate = "reports_late",
        /// Releases the object before BackupComplete has ended.
        ReleasesEarly = "releases_early",
        /// Leaves out Release.
        NeverReleases = "never_releases",
        /// Uses the object for a second backup.
        ReusesObject = "reuses_object",
        /// Does not call AbortBackup after a failure.
        NoAbort = "no_abort",
        /// Calls BackupComplete after a failed DoSnapshotSet.
        BackupCompleteAfterFailure = "backup_complete_after_failure",
        /// Goes on using the object after AbortBackup.
        UsesObjectAfterAbort = "uses_object_after_abort",
    }
}

/// What a writer does wrong beside vetoes, wrong codes, wrong actions and slowness, which its handlers express.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriterSin {
    /// Answers Freeze without making its application stop.
    DoesNotFreeze,
    /// Makes its application stop at Freeze and lets it go on at once.
    FreezesButApplicationWritesAnyway,
    /// Never lets its application go on.
    NeverThaws,
    /// Never answers this event.
    NeverAnswers(At<Event>),
    /// Its process ends when this event arrives.
    CrashesAt(At<Event>),
    /// Returns false from the handler of this event without SetWriterFailure.
    ReturnsFalseWithoutFailure(At<Event>),
    /// Calls SetWriterFailure outside of a handler, soon after the start.
    FailureOutsideHandler,
    /// Reports other components at each further Identify.
    MetadataChangesBetweenIdentifies,
    /// Changes its component's private metadata in a handler that may only read it.
    ChangesDocumentIn(At<Event>),
}

/// What a provider does wrong beside failing, wrong codes and slowness, which its callbacks express.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderSin {
    /// Commits only so long after CommitSnapshots has returned.
    CommitsAfterReturn(At<DurationRange>),
    /// Commits the volumes of a set one after the other, with this time between them.
    CommitsVolumesAtDifferentInstants(At<DurationRange>),
    /// Commits in EndPrepareSnapshots, before the writers are frozen.
    CommitsEarly,
    /// Leaves the shadow copy writable after PostFinalCommitSnapshots.
    LeavesWritable,
    /// Its process ends in this callback.
    CrashesIn(At<Name>),
    /// Never returns from this callback.
    NeverReturnsFrom(At<Name>),
    /// Writes to the event log in this callback.
    LogsIn(At<Name>),
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
