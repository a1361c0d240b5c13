//! The callbacks of one provider for one shadow copy set.
//!
//! ```text
//! Idle -BeginPrepareSnapshot-> Preparing -EndPrepareSnapshots-> Prepared -PreCommitSnapshots-> PreCommitted
//!   -CommitSnapshots-> Committed -PostCommitSnapshots-> PostCommitted -PreFinalCommitSnapshots-> PreFinalCommitted
//!   -PostFinalCommitSnapshots-> Created -DeleteSnapshots (the last)-> Deleted
//! ```
//!
//! Any failure from EndPrepareSnapshots on fails the whole set (SNP-004): the provider waits in Failed for
//! AbortSnapshots. A creation that fails earlier is not announced; the provider learns of it when another set begins
//! (ABT-012 to ABT-014), which silently drops a set under creation and leaves a created one alone.

use std::fmt;

use super::{Draft, Symbol, Table, Then, symbols};
use crate::api::{CreateSnapshotSetCall, SoftwareProviderCall};
use crate::hresult::HResult;

/// The table of a provider's callbacks.
pub type ProviderTable = Table<ProviderState, ProviderInput, ProviderGuard>;

symbols! {
    /// How far one provider is with one set.
    ProviderState {
        /// Nothing is known of the set.
        Idle,
        /// At least one volume is being prepared.
        Preparing,
        /// EndPrepareSnapshots done.
        Prepared,
        /// PreCommitSnapshots done.
        PreCommitted,
        /// CommitSnapshots done: the point in time.
        Committed,
        /// PostCommitSnapshots done.
        PostCommitted,
        /// PreFinalCommitSnapshots done: writable for the writers' PostSnapshot.
        PreFinalCommitted,
        /// PostFinalCommitSnapshots done: read-only.
        Created,
        /// A callback failed; AbortSnapshots follows.
        Failed,
        /// AbortSnapshots done.
        Aborted,
        /// The last shadow copy of the set was deleted.
        Deleted,
    }
}

symbols! {
    /// A callback of `IVssSoftwareSnapshotProvider` or `IVssProviderCreateSnapshotSet`.
    ProviderCallback {
        /// Whether the volume is supported.
        IsVolumeSupported,
        /// Begins to prepare a shadow copy of this set.
        BeginPrepareSnapshot,
        /// All preparation is finished.
        EndPrepareSnapshots,
        /// The commit is near.
        PreCommitSnapshots,
        /// The point in time.
        CommitSnapshots,
        /// Writes are released.
        PostCommitSnapshots,
        /// Make the shadow copies writable.
        PreFinalCommitSnapshots,
        /// Make the shadow copies read-only.
        PostFinalCommitSnapshots,
        /// The creation ends.
        AbortSnapshots,
        /// Deletes a shadow copy of this set.
        DeleteSnapshots,
    }
}

impl From<&SoftwareProviderCall> for ProviderCallback {
    fn from(call: &SoftwareProviderCall) -> ProviderCallback {
        match call {
            SoftwareProviderCall::IsVolumeSupported { .. } => ProviderCallback::IsVolumeSupported,
            SoftwareProviderCall::BeginPrepareSnapshot { .. } => ProviderCallback::BeginPrepareSnapshot,
            SoftwareProviderCall::DeleteSnapshots { .. } => ProviderCallback::DeleteSnapshots,
        }
    }
}

impl From<&CreateSnapshotSetCall> for ProviderCallback {
    fn from(call: &CreateSnapshotSetCall) -> ProviderCallback {
        match call {
            CreateSnapshotSetCall::EndPrepareSnapshots(_) => ProviderCallback::EndPrepareSnapshots,
            CreateSnapshotSetCall::PreCommitSnapshots(_) => ProviderCallback::PreCommitSnapshots,
            CreateSnapshotSetCall::CommitSnapshots(_) => ProviderCallback::CommitSnapshots,
            CreateSnapshotSetCall::PostCommitSnapshots(_) => ProviderCallback::PostCommitSnapshots,
            CreateSnapshotSetCall::PreFinalCommitSnapshots(_) => ProviderCallback::PreFinalCommitSnapshots,
            CreateSnapshotSetCall::PostFinalCommitSnapshots(_) => ProviderCallback::PostFinalCommitSnapshots,
            CreateSnapshotSetCall::AbortSnapshots(_) => ProviderCallback::AbortSnapshots,
        }
    }
}

/// What happens to a provider's part of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderInput {
    /// The callback returned success.
    Succeeded(ProviderCallback),
    /// The callback returned a failure.
    Failed(ProviderCallback),
    /// BeginPrepareSnapshot was called on the provider with the id of another set.
    AnotherSetBegun,
}

const CALLBACKS: &[ProviderCallback] = <ProviderCallback as Symbol>::ALL;

const INPUTS: [ProviderInput; 2 * CALLBACKS.len() + 1] = {
    let mut all = [ProviderInput::AnotherSetBegun; 2 * CALLBACKS.len() + 1];
    let mut index = 0;
    while index < CALLBACKS.len() {
        all[index] = ProviderInput::Succeeded(CALLBACKS[index]);
        all[CALLBACKS.len() + index] = ProviderInput::Failed(CALLBACKS[index]);
        index += 1;
    }
    all
};

impl Symbol for ProviderInput {
    const ALL: &'static [ProviderInput] = &INPUTS;
}

impl fmt::Display for ProviderInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProviderInput::Succeeded(callback) => write!(f, "{callback}"),
            ProviderInput::Failed(callback) => write!(f, "{callback} fails"),
            ProviderInput::AnotherSetBegun => f.write_str("another set begins"),
        }
    }
}

symbols! {
    /// What decides beside state and input.
    ProviderGuard {
        /// EndPrepareSnapshots was called for the set, on this provider or another one of the set.
        EndPrepareCalled,
        /// DoSnapshotSet has not ended yet.
        CreationRunning,
        /// The shadow copy is the last one that the provider holds of the set.
        LastOfSet,
    }
}

/// The table as documented.
#[must_use]
pub fn documented() -> ProviderTable {
    use ProviderCallback as C;
    use ProviderInput::{AnotherSetBegun, Failed, Succeeded};
    use ProviderState as S;
    let mut draft = Draft::new("provider");
    let all = <S as Symbol>::ALL;

    let support = [Succeeded(C::IsVolumeSupported), Failed(C::IsVolumeSupported)];
    draft.on(all, &support, &[], Then::Stay, "nf-vsprov-ivsssoftwaresnapshotprovider-isvolumesupported.md");
    draft.on(
        &[S::Idle, S::Preparing],
        &[Succeeded(C::BeginPrepareSnapshot)],
        &[],
        Then::Go(S::Preparing),
        "PRV-SEQ-001",
    );
    // A volume that cannot be added leaves the others of the set as they are.
    draft.on(&[S::Idle, S::Preparing], &[Failed(C::BeginPrepareSnapshot)], &[], Then::Stay, "API-044, S-04");

    for (before, callback, after, source) in [
        (S::Preparing, C::EndPrepareSnapshots, S::Prepared, "PRV-SEQ-002"),
        (S::Prepared, C::PreCommitSnapshots, S::PreCommitted, "PRV-SEQ-005"),
        (S::PreCommitted, C::CommitSnapshots, S::Committed, "PRV-SEQ-006, PRV-SEQ-007"),
        (S::Committed, C::PostCommitSnapshots, S::PostCommitted, "SNP-017"),
        (S::PostCommitted, C::PreFinalCommitSnapshots, S::PreFinalCommitted, "PRV-SEQ-009"),
        (S::PreFinalCommitted, C::PostFinalCommitSnapshots, S::Created, "PRV-SEQ-009, PRV-SEQ-027, API-042"),
    ] {
        draft.on(&[before], &[Succeeded(callback)], &[], Then::Go(after), source);
        draft.on(&[before], &[Failed(callback)], &[], Then::Go(S::Failed), "SNP-004, S-08");
    }

    // AbortSnapshots has no result that matters: whatever it returns, the set is over.
    let abort = [Succeeded(C::AbortSnapshots), Failed(C::AbortSnapshots)];
    let aborted = Then::Go(S::Aborted);
    draft.on(&[S::Preparing], &abort, &[(ProviderGuard::EndPrepareCalled, true)], aborted, "ABT-012, PRV-SEQ-019");
    draft.on(&[S::Prepared, S::PreCommitted, S::Failed], &abort, &[], aborted, "API-040, ABT-003");
    draft.on(&[S::Committed, S::PostCommitted, S::PreFinalCommitted], &abort, &[], aborted, "SNP-004, S-10");
    draft.on(&[S::Created], &abort, &[(ProviderGuard::CreationRunning, true)], aborted, "SNP-004, S-08, S-10");

    let last = &[(ProviderGuard::LastOfSet, true)];
    let page = "nf-vsprov-ivsssoftwaresnapshotprovider-deletesnapshots.md";
    draft.on(&[S::Created], &[Succeeded(C::DeleteSnapshots)], last, Then::Go(S::Deleted), page);
    draft.on(&[S::Created], &[Succeeded(C::DeleteSnapshots)], &[], Then::Stay, page);
    draft.on(&[S::Created], &[Failed(C::DeleteSnapshots)], &[], Then::Stay, page);

    let creating =
        [S::Preparing, S::Prepared, S::PreCommitted, S::Committed, S::PostCommitted, S::PreFinalCommitted, S::Failed];
    draft.on(&creating, &[AnotherSetBegun], &[], Then::Go(S::Idle), "ABT-014, PRV-SEQ-018");
    draft.on(&[S::Idle, S::Created, S::Aborted, S::Deleted], &[AnotherSetBegun], &[], Then::Stay, "BKP-ORD-053");

    draft.complete(|from, input| {
        let unknown_set = matches!(from, S::Idle | S::Aborted | S::Deleted);
        match input {
            // The pages of these two list no VSS_E_OBJECT_NOT_FOUND.
            Succeeded(C::PreFinalCommitSnapshots | C::PostFinalCommitSnapshots | C::BeginPrepareSnapshot)
            | Failed(C::PreFinalCommitSnapshots | C::PostFinalCommitSnapshots | C::BeginPrepareSnapshot) => {
                (HResult::VSS_E_BAD_STATE, "S-01")
            }
            Succeeded(C::DeleteSnapshots) | Failed(C::DeleteSnapshots) => (HResult::VSS_E_OBJECT_NOT_FOUND, page),
            _ if unknown_set => (HResult::VSS_E_OBJECT_NOT_FOUND, "nn-vsprov-ivssprovidercreatesnapshotset.md"),
            _ => (HResult::VSS_E_BAD_STATE, "S-01"),
        }
    })
}
