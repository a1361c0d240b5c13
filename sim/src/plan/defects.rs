//! Defects that can be planted into the service, for the tests of the rules that bind it.

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
    ExpressWritersForgotten = "express_writers_forgotten", "GatherWriterMetadata leaves out the express writers that are registered.";
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
