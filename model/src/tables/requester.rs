//! The calls on one backup components object.
//!
//! ```text
//! NoObject -CreateVssBackupComponents-> ObjectCreated -InitializeForBackup-> Initialized -GatherWriterMetadata ends->
//! MetadataGathered -StartSnapshotSet-> SetOpen -PrepareForBackup-> PreparingForBackup -> PreparedForBackup
//!   -DoSnapshotSet-> CreatingSet -> SetCreated -BackupComplete-> CompletingBackup -> BackupCompleted -Release-> Released
//! ```
//!
//! Without writers SetOpen goes to CreatingSet at once; without a shadow copy MetadataGathered goes to
//! PreparingForBackup and PreparedForBackup to CompletingBackup. A failed DoSnapshotSet leads to SetFailed, AbortBackup
//! to Aborted; from both only AbortBackup and Release lead on (BKP-ORD-003). A call out of sequence gives
//! `VSS_E_BAD_STATE` (S-01). The pages name the code and rarely the sequence: what is in sequence is decided here, and
//! decided generously where a documented chain of calls needs it (C-02).
//!
//! A restore is a life of its own (its rows stand in `requester_restore`):
//!
//! ```text
//! ObjectCreated -InitializeForRestore-> RestoreInitialized -GatherWriterMetadata ends-> RestoreGathered -PreRestore->
//!   PreRestoring -> PreRestored -PostRestore-> PostRestoring -> PostRestored -Release-> Released
//! ```
//!
//! The table judges the order of calls alone. Arguments (an unknown volume, a component added twice) are not its matter.

use std::fmt;

use super::{Draft, Symbol, Table, Then, symbols};
use crate::api::BackupComponentsCall;
use crate::hresult::HResult;

/// The table of a requester's calls.
pub type RequesterTable = Table<RequesterState, RequesterInput, RequesterGuard>;

symbols! {
    /// How far a backup components object is.
    RequesterState {
        /// Before CreateVssBackupComponents.
        NoObject,
        /// CreateVssBackupComponents done.
        ObjectCreated,
        /// InitializeForBackup done.
        Initialized,
        /// GatherWriterMetadata ended.
        MetadataGathered,
        /// StartSnapshotSet done.
        SetOpen,
        /// PrepareForBackup runs.
        PreparingForBackup,
        /// PrepareForBackup ended.
        PreparedForBackup,
        /// DoSnapshotSet runs.
        CreatingSet,
        /// DoSnapshotSet failed.
        SetFailed,
        /// DoSnapshotSet ended: the shadow copies exist.
        SetCreated,
        /// BackupComplete runs.
        CompletingBackup,
        /// BackupComplete ended.
        BackupCompleted,
        /// AbortBackup done.
        Aborted,
        /// InitializeForRestore done.
        RestoreInitialized,
        /// GatherWriterMetadata ended, in a restore.
        RestoreGathered,
        /// PreRestore runs.
        PreRestoring,
        /// PreRestore ended: files are restored.
        PreRestored,
        /// PostRestore runs.
        PostRestoring,
        /// PostRestore ended.
        PostRestored,
        /// The object was released.
        Released,
    }
}

symbols! {
    /// What decides beside state and input.
    RequesterGuard {
        /// The context is one in which writers take part.
        WithWriters,
        /// The context is `VSS_CTX_ALL`.
        ContextAll,
        /// SetContext was called.
        ContextSet,
        /// SetBackupState was called.
        BackupStateSet,
        /// GatherWriterMetadata was called.
        MetadataAsked,
        /// GatherWriterMetadata ended well.
        MetadataCame,
        /// GatherWriterMetadata ended well and FreeWriterMetadata was not called.
        MetadataHeld,
        /// GatherWriterStatus was called.
        StatusAsked,
        /// GatherWriterStatus ended well and FreeWriterStatus was not called since.
        StatusHeld,
        /// Another object's shadow copy set is being created on this system.
        OtherSetInProgress,
        /// StartSnapshotSet succeeded on this object.
        SetStarted,
        /// The shadow copy asked for belongs to the set of this object.
        OwnSnapshot,
    }
}

/// The methods as a closed enumeration without arguments.
macro_rules! method_table {
    ($($variant:ident)*; $($other:ident)*) => {
        /// A method of `IVssBackupComponents` or a successor, with `CreateVssBackupComponents` before and `Release` behind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", stringify!($variant), "`")] $variant,)*
            $(#[doc = concat!("`", stringify!($other), "`")] $other,)*
        }

        const METHODS: &[Method] = &[$(Method::$variant,)* $(Method::$other),*];

        impl From<&BackupComponentsCall> for Method {
            fn from(call: &BackupComponentsCall) -> Method {
                match call { $(BackupComponentsCall::$variant { .. } => Method::$variant),* }
            }
        }

        impl Method {
            /// The method's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Method::$variant => stringify!($variant),)* $(Method::$other => stringify!($other)),* }
            }

            /// The method of this name, if the table rules it.
            #[must_use]
            pub fn named(name: &str) -> Option<Method> {
                METHODS.iter().copied().find(|method| method.name() == name)
            }
        }
    };
}
method_table!(CreateVssBackupComponents InitializeForBackup SetContext SetBackupState EnableWriterClasses
    DisableWriterClasses DisableWriterInstances GatherWriterMetadata GetWriterMetadataCount GetWriterMetadata
    FreeWriterMetadata AddComponent StartSnapshotSet IsVolumeSupported AddToSnapshotSet SetBackupOptions
    SetPreviousBackupStamp PrepareForBackup GatherWriterStatus GetWriterStatusCount GetWriterStatus FreeWriterStatus
    DoSnapshotSet GetSnapshotProperties SetBackupSucceeded BackupComplete AbortBackup SaveAsXML InitializeForRestore
    PreRestore PostRestore Release;
    SetSelectedForRestore SetSelectedForRestoreEx AddRestoreSubcomponent SetRestoreOptions SetRestoreState AddNewTarget
    SetAdditionalRestores SetRestoreName SetAuthoritativeRestore SetRollForward AddAlternativeLocationMapping
    SetRangesFilePath SetFileRestoreStatus);

impl RequesterState {
    /// Whether the object was initialised for a restore.
    #[must_use]
    pub const fn is_restore(self) -> bool {
        matches!(
            self,
            S::RestoreInitialized
                | S::RestoreGathered
                | S::PreRestoring
                | S::PreRestored
                | S::PostRestoring
                | S::PostRestored
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

symbols! {
    /// A method that goes on behind an `IVssAsync`.
    Operation {
        /// `GatherWriterMetadata`
        GatherWriterMetadata,
        /// `GatherWriterStatus`
        GatherWriterStatus,
        /// `PrepareForBackup`
        PrepareForBackup,
        /// `DoSnapshotSet`
        DoSnapshotSet,
        /// `BackupComplete`
        BackupComplete,
        /// `PreRestore`
        PreRestore,
        /// `PostRestore`
        PostRestore,
    }
}

/// What happens to a backup components object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequesterInput {
    /// The method is called.
    Call(Method),
    /// The asynchronous operation ended well. A writer's veto does not make an operation other than DoSnapshotSet fail.
    Finished(Operation),
    /// The asynchronous operation ended with a failure.
    Failed(Operation),
}

impl From<&BackupComponentsCall> for RequesterInput {
    fn from(call: &BackupComponentsCall) -> RequesterInput {
        RequesterInput::Call(call.into())
    }
}

const OPERATIONS: &[Operation] = <Operation as Symbol>::ALL;

const INPUTS: [RequesterInput; METHODS.len() + 2 * OPERATIONS.len()] = {
    let mut all = [RequesterInput::Call(Method::Release); METHODS.len() + 2 * OPERATIONS.len()];
    let mut index = 0;
    while index < METHODS.len() {
        all[index] = RequesterInput::Call(METHODS[index]);
        index += 1;
    }
    index = 0;
    while index < OPERATIONS.len() {
        all[METHODS.len() + index] = RequesterInput::Finished(OPERATIONS[index]);
        all[METHODS.len() + OPERATIONS.len() + index] = RequesterInput::Failed(OPERATIONS[index]);
        index += 1;
    }
    all
};

impl Symbol for RequesterInput {
    const ALL: &'static [RequesterInput] = &INPUTS;
}

impl fmt::Display for RequesterInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequesterInput::Call(method) => method.fmt(f),
            RequesterInput::Finished(operation) => write!(f, "{operation} ended"),
            RequesterInput::Failed(operation) => write!(f, "{operation} failed"),
        }
    }
}

use Method as M;
use RequesterGuard as G;
use RequesterInput::{Call, Failed, Finished};
use RequesterState as S;

pub(super) type RequesterDraft = Draft<S, RequesterInput, G>;

pub(super) const BAD_STATE: Then<S> = Then::Refuse(HResult::VSS_E_BAD_STATE);

/// From InitializeForBackup to AbortBackup or Release.
const IN_USE: [S; 10] = [
    S::Initialized,
    S::MetadataGathered,
    S::SetOpen,
    S::PreparingForBackup,
    S::PreparedForBackup,
    S::CreatingSet,
    S::SetFailed,
    S::SetCreated,
    S::CompletingBackup,
    S::BackupCompleted,
];

/// [`IN_USE`] without the states in which an operation that raises events runs.
const AT_REST: [S; 7] = [
    S::Initialized,
    S::MetadataGathered,
    S::SetOpen,
    S::PreparedForBackup,
    S::SetFailed,
    S::SetCreated,
    S::BackupCompleted,
];

/// The object is of no more use: operations that were still running end unheard.
const OVER: [S; 2] = [S::Aborted, S::Released];

/// The table as documented.
#[must_use]
pub fn documented() -> RequesterTable {
    let mut draft = Draft::new("requester");
    life(&mut draft);
    set_up(&mut draft);
    writer_metadata(&mut draft);
    writer_status(&mut draft);
    snapshot_set(&mut draft);
    prepare_for_backup(&mut draft);
    do_snapshot_set(&mut draft);
    backup_complete(&mut draft);
    abort_backup(&mut draft);
    super::requester_restore::rows(&mut draft);
    for operation in OPERATIONS {
        draft.on(&OVER, &[Finished(*operation), Failed(*operation)], &[], Then::Ignore, "BKP-ORD-003, S-22");
    }
    draft.complete(|_, _| (HResult::VSS_E_BAD_STATE, "S-01"))
}

/// The object comes, is initialised and goes.
fn life(draft: &mut RequesterDraft) {
    let create = [Call(M::CreateVssBackupComponents)];
    draft.on(&[S::NoObject], &create, &[], Then::Go(S::ObjectCreated), "BKP-ORD-001");
    let initialize = [Call(M::InitializeForBackup)];
    draft.on(&[S::ObjectCreated], &initialize, &[], Then::Go(S::Initialized), "BKP-ORD-001, BKP-ORD-002");
    let release = [Call(M::Release)];
    draft.on(&[S::ObjectCreated, S::Aborted], &release, &[], Then::Go(S::Released), "BKP-ORD-003, ABT-006");
    draft.on(&IN_USE, &release, &[], Then::Go(S::Released), "BKP-ORD-044, SHUT-002, SHUT-003");
}

/// SetContext, SetBackupState and the choice of writers.
fn set_up(draft: &mut RequesterDraft) {
    // The sequence figure calls SetContext after GatherWriterMetadata; Windows accepts it.
    let early = [S::Initialized, S::MetadataGathered];
    let set_context = [Call(M::SetContext)];
    draft.on(&early, &set_context, &[(G::ContextSet, true)], BAD_STATE, "API-024");
    draft.on(&early, &set_context, &[], Then::Stay, "API-024, BKP-ORD-005, BKP-ORD-048, C-02");

    let before_prepare = [S::Initialized, S::MetadataGathered, S::SetOpen];
    draft.on(&before_prepare, &[Call(M::SetBackupState)], &[], Then::Stay, "API-023, BKP-ORD-007, BKP-ORD-008");

    let choice = [Call(M::EnableWriterClasses), Call(M::DisableWriterClasses), Call(M::DisableWriterInstances)];
    draft.on(&IN_USE, &choice, &[(G::MetadataAsked, true)], Then::Ignore, "BKP-ORD-011");
    draft.on(&before_prepare, &choice, &[], Then::Stay, "BKP-ORD-011, BKP-ORD-012");
    // Too late for this backup, even if GatherWriterMetadata was left out because no writers take part.
    draft.on(&IN_USE, &choice, &[], Then::Ignore, "BKP-ORD-011, BKP-ORD-055");
}

/// GatherWriterMetadata and what reads its result.
fn writer_metadata(draft: &mut RequesterDraft) {
    // The documented ASR chain opens the set first.
    let early = [S::Initialized, S::SetOpen];
    let gather = [Call(M::GatherWriterMetadata)];
    draft.on(&early, &gather, &[(G::MetadataAsked, false)], Then::Stay, "BKP-ORD-009, BKP-ORD-010, BKP-ORD-047, C-02");
    draft.on(&IN_USE, &gather, &[(G::MetadataAsked, true)], BAD_STATE, "API-025");

    let (ended, failed) = ([Finished(Operation::GatherWriterMetadata)], [Failed(Operation::GatherWriterMetadata)]);
    draft.on(&[S::Initialized], &ended, &[], Then::Go(S::MetadataGathered), "BKP-ORD-009, BKP-ORD-015");
    draft.on(&IN_USE, &ended, &[], Then::Stay, "BKP-ORD-047, C-02");
    draft.on(&IN_USE, &failed, &[], Then::Stay, "API-025, API-031");

    let read = [Call(M::GetWriterMetadataCount), Call(M::GetWriterMetadata), Call(M::FreeWriterMetadata)];
    let held = &[(G::MetadataHeld, true)];
    draft.on(&IN_USE, &read, held, Then::Stay, "nf-vsbackup-ivssbackupcomponents-getwritermetadata.md, BKP-ORD-015");

    // AddComponent belongs before StartSnapshotSet; after it is tolerated until PrepareForBackup hands the document out.
    let add = [Call(M::AddComponent)];
    let add_states = [S::MetadataGathered, S::SetOpen];
    draft.on(&add_states, &add, &[(G::WithWriters, false)], BAD_STATE, "BKP-ORD-054");
    draft.on(&[S::MetadataGathered], &add, &[], Then::Stay, "BKP-ORD-020, BKP-ORD-046");
    let page = "nf-vsbackup-ivssbackupcomponents-addcomponent.md, C-02";
    draft.on(&[S::SetOpen], &add, &[(G::MetadataCame, true)], Then::Stay, page);

    let component = [Call(M::SetBackupOptions), Call(M::SetPreviousBackupStamp)];
    draft.on(&add_states, &component, &[], Then::Stay, "BKP-ORD-029, BKP-ORD-030");
}

/// GatherWriterStatus and what reads its result.
fn writer_status(draft: &mut RequesterDraft) {
    let gather = [Call(M::GatherWriterStatus)];
    draft.on(&AT_REST, &gather, &[], Then::Stay, "BKP-ORD-032, BKP-ORD-033, BKP-ORD-040, BKP-ORD-041");
    let endings = [Finished(Operation::GatherWriterStatus), Failed(Operation::GatherWriterStatus)];
    draft.on(&IN_USE, &endings, &[], Then::Stay, "API-029, API-031");
    let read = [Call(M::GetWriterStatusCount), Call(M::GetWriterStatus), Call(M::FreeWriterStatus)];
    draft.on(&IN_USE, &read, &[(G::StatusHeld, true)], Then::Stay, "API-029");
}

/// StartSnapshotSet and the volumes of the set.
fn snapshot_set(draft: &mut RequesterDraft) {
    let start = [Call(M::StartSnapshotSet)];
    let early = [S::Initialized, S::MetadataGathered];
    let context_page = "ne-vss-vss_snapshot_context.md";
    draft.on(&early, &start, &[(G::ContextAll, true)], BAD_STATE, context_page);
    // Recorded on Windows: GatherWriterStatus before StartSnapshotSet spoils the sequence. No page says so.
    draft.on(&early, &start, &[(G::StatusAsked, true)], BAD_STATE, "API-022, S-01");
    let in_progress = Then::Refuse(HResult::VSS_E_SNAPSHOT_SET_IN_PROGRESS);
    draft.on(&early, &start, &[(G::OtherSetInProgress, true)], in_progress, "BKP-ORD-050, BKP-ORD-051");
    draft.on(&early, &start, &[], Then::Go(S::SetOpen), "BKP-ORD-016, BKP-ORD-025, BKP-ORD-047, BKP-ORD-055, C-02");

    let asks = [S::Initialized, S::MetadataGathered, S::SetOpen, S::PreparedForBackup];
    draft.on(&asks, &[Call(M::IsVolumeSupported)], &[], Then::Stay, "BKP-ORD-022");

    // The membership is fixed at DoSnapshotSet and not before.
    let add = [Call(M::AddToSnapshotSet)];
    draft.on(&[S::SetOpen], &add, &[], Then::Stay, "BKP-ORD-021");
    draft.on(&[S::PreparedForBackup], &add, &[(G::SetStarted, true)], Then::Stay, "BKP-ORD-021, BKP-ORD-026");
}

/// PrepareForBackup.
fn prepare_for_backup(draft: &mut RequesterDraft) {
    let prepare = [Call(M::PrepareForBackup)];
    let ready = [S::MetadataGathered, S::SetOpen];
    draft.on(&ready, &prepare, &[(G::WithWriters, false)], BAD_STATE, "BKP-ORD-054");
    draft.on(&ready, &prepare, &[(G::BackupStateSet, false)], BAD_STATE, "API-023, BKP-ORD-008");
    draft.on(&[S::MetadataGathered], &prepare, &[], Then::Go(S::PreparingForBackup), "BKP-ORD-035, BKP-ORD-028");
    let gathered = &[(G::MetadataCame, true)];
    draft.on(&[S::SetOpen], &prepare, gathered, Then::Go(S::PreparingForBackup), "BKP-ORD-028, BKP-ORD-009, API-022");
    draft.on(&[S::SetOpen], &prepare, &[], BAD_STATE, "BKP-ORD-009, BKP-ORD-019");

    let running = [S::PreparingForBackup];
    let ended = [Finished(Operation::PrepareForBackup)];
    draft.on(&running, &ended, &[], Then::Go(S::PreparedForBackup), "BKP-ORD-031");
    let failed = [Failed(Operation::PrepareForBackup)];
    draft.on(&running, &failed, &[(G::SetStarted, true)], Then::Go(S::SetOpen), "ABT-006, S-01");
    draft.on(&running, &failed, &[], Then::Go(S::MetadataGathered), "ABT-006, S-01");
}

/// DoSnapshotSet and what its shadow copies tell.
fn do_snapshot_set(draft: &mut RequesterDraft) {
    let create = [Call(M::DoSnapshotSet)];
    let creating = Then::Go(S::CreatingSet);
    draft.on(&[S::SetOpen], &create, &[(G::WithWriters, false)], creating, "BKP-ORD-016, BKP-ORD-036, BKP-ORD-054");
    draft.on(&[S::SetOpen], &create, &[(G::MetadataCame, false)], BAD_STATE, "BKP-ORD-018, BKP-ORD-019");
    draft.on(&[S::SetOpen], &create, &[], BAD_STATE, "API-019, BKP-ORD-031");
    let started = &[(G::SetStarted, true)];
    draft.on(&[S::PreparedForBackup], &create, started, creating, "BKP-ORD-031, BKP-ORD-034, BKP-ORD-036");
    draft.on(&[S::PreparedForBackup], &create, &[], BAD_STATE, "BKP-ORD-016, BKP-ORD-017, API-019");
    draft.on(&[S::ObjectCreated], &create, &[], BAD_STATE, "BKP-ORD-017");
    draft.on(&[S::Initialized, S::MetadataGathered], &create, &[], BAD_STATE, "BKP-ORD-017, API-019");

    let running = [S::CreatingSet];
    draft.on(&running, &[Finished(Operation::DoSnapshotSet)], &[], Then::Go(S::SetCreated), "BKP-ORD-036, PRV-SEQ-027");
    draft.on(&running, &[Failed(Operation::DoSnapshotSet)], &[], Then::Go(S::SetFailed), "SNP-004, ABT-007");

    let properties = [Call(M::GetSnapshotProperties)];
    let not_there = Then::Refuse(HResult::VSS_E_OBJECT_NOT_FOUND);
    let before = [S::SetOpen, S::PreparingForBackup, S::PreparedForBackup, S::CreatingSet, S::SetFailed];
    draft.on(&before, &properties, &[(G::OwnSnapshot, true)], not_there, "API-039, SNP-004");
    // Shadow copies of other sets can be looked at any time.
    draft.on(&IN_USE, &properties, &[], Then::Stay, "API-039, BKP-ORD-053");
}

/// The last part of a backup: results, BackupComplete, the document.
fn backup_complete(draft: &mut RequesterDraft) {
    let without_set = &[(G::SetStarted, false)];
    let succeeded = [Call(M::SetBackupSucceeded)];
    draft.on(&[S::SetCreated], &succeeded, &[], Then::Stay, "BKP-ORD-038");
    draft.on(&[S::PreparedForBackup], &succeeded, without_set, Then::Stay, "BKP-ORD-038, BKP-ORD-035");
    let page = "nf-vsbackup-ivssbackupcomponents-setbackupsucceeded.md";
    draft.on(&[S::SetFailed], &succeeded, &[], BAD_STATE, page);

    let complete = [Call(M::BackupComplete)];
    let completing = Then::Go(S::CompletingBackup);
    let no_writers = &[(G::WithWriters, false)];
    draft.on(&[S::SetCreated, S::PreparedForBackup], &complete, no_writers, BAD_STATE, "BKP-ORD-054");
    draft.on(&[S::SetCreated], &complete, &[], completing, "BKP-ORD-039");
    draft.on(&[S::PreparedForBackup], &complete, without_set, completing, "BKP-ORD-039, BKP-ORD-035");
    draft.on(&[S::PreparedForBackup], &complete, &[], BAD_STATE, "API-028");
    draft.on(&[S::SetFailed], &complete, &[], BAD_STATE, "API-027");

    let running = [S::CompletingBackup];
    let (ended, failed) = ([Finished(Operation::BackupComplete)], [Failed(Operation::BackupComplete)]);
    draft.on(&running, &ended, &[], Then::Go(S::BackupCompleted), "BKP-ORD-040");
    draft.on(&running, &failed, without_set, Then::Go(S::PreparedForBackup), "API-028, S-01");
    draft.on(&running, &failed, &[], Then::Go(S::SetCreated), "API-028, S-01");

    let save = [Call(M::SaveAsXML)];
    let page = "nf-vsbackup-ivssbackupcomponents-saveasxml.md";
    draft.on(&[S::PreparedForBackup, S::SetFailed], &save, &[], Then::Stay, page);
    let finished = [S::SetCreated, S::CompletingBackup, S::BackupCompleted];
    draft.on(&finished, &save, &[], Then::Stay, "BKP-ORD-042, BKP-ORD-043");
    draft.on(&[S::CreatingSet], &save, &[], BAD_STATE, "BKP-ORD-042");
    draft.on(&[S::Initialized, S::MetadataGathered, S::SetOpen, S::PreparingForBackup], &save, &[], BAD_STATE, page);
}

/// AbortBackup.
fn abort_backup(draft: &mut RequesterDraft) {
    let abort = [Call(M::AbortBackup)];
    let page = "nf-vsbackup-ivssbackupcomponents-abortbackup.md";
    draft.on(&[S::ObjectCreated], &abort, &[], BAD_STATE, page);
    let idle = [S::Initialized, S::MetadataGathered, S::Aborted];
    draft.on(&idle, &abort, &[], Then::Ignore, "API-026, ABT-006");
    draft.on(&[S::CompletingBackup, S::BackupCompleted], &abort, &[], Then::Ignore, "API-026, SHUT-001");
    let under_way =
        [S::SetOpen, S::PreparingForBackup, S::PreparedForBackup, S::CreatingSet, S::SetFailed, S::SetCreated];
    draft.on(&under_way, &abort, &[], Then::Go(S::Aborted), "API-026, ABT-001, ABT-005, ABT-007, BKP-ORD-003, C-26");
}
