//! The states of one shadow copy while its set is created (`VSS_SS_*`).
//!
//! ```text
//! UNKNOWN -Added-> PREPARING -EndPrepare-> PREPARED -PreCommit-> PRECOMMITTED -Commit-> COMMITTED -PostCommit->
//! POSTCOMMITTED -PreFinalCommit-> PREFINALCOMMITTED -PostFinalCommit-> CREATED -Deleted-> DELETED
//! ```
//!
//! Each step passes a PROCESSING_ state while the provider's callback runs. A failure anywhere ends in ABORTED. A
//! requester sees CREATED only (API-039). Which callback belongs to which state is not documented; the names say it.

use super::{Draft, Symbol, Table, Then, symbols};
use crate::hresult::HResult;
use crate::states::SnapshotState as S;

/// The table of `VSS_SS_*`.
pub type SnapshotTable = Table<S, SnapshotInput, SnapshotGuard>;

impl Symbol for S {
    const ALL: &'static [S] = S::ALL;
}

symbols! {
    /// What happens to a shadow copy.
    SnapshotInput {
        /// BeginPrepareSnapshot succeeded: the volume is in the set.
        Added,
        /// EndPrepareSnapshots is called.
        EndPrepareCalled,
        /// EndPrepareSnapshots succeeded.
        EndPrepareReturned,
        /// PreCommitSnapshots is called.
        PreCommitCalled,
        /// PreCommitSnapshots succeeded.
        PreCommitReturned,
        /// CommitSnapshots is called.
        CommitCalled,
        /// CommitSnapshots succeeded.
        CommitReturned,
        /// PostCommitSnapshots is called.
        PostCommitCalled,
        /// PostCommitSnapshots succeeded.
        PostCommitReturned,
        /// PreFinalCommitSnapshots is called.
        PreFinalCommitCalled,
        /// PreFinalCommitSnapshots succeeded.
        PreFinalCommitReturned,
        /// PostFinalCommitSnapshots is called.
        PostFinalCommitCalled,
        /// PostFinalCommitSnapshots succeeded.
        PostFinalCommitReturned,
        /// The creation of the set failed or was given up.
        Aborted,
        /// The shadow copy was deleted.
        Deleted,
    }
}

symbols! {
    /// What decides beside state and input.
    SnapshotGuard {
        /// DoSnapshotSet has not ended yet.
        CreationRunning,
    }
}

/// One callback: its call and its return.
const STEPS: [(S, SnapshotInput, S, SnapshotInput, S, &str); 6] = {
    use SnapshotInput as I;
    [
        (
            S::Preparing,
            I::EndPrepareCalled,
            S::ProcessingPrepare,
            I::EndPrepareReturned,
            S::Prepared,
            "PRV-SEQ-002, API-039",
        ),
        (
            S::Prepared,
            I::PreCommitCalled,
            S::ProcessingPreCommit,
            I::PreCommitReturned,
            S::PreCommitted,
            "PRV-SEQ-005, API-039",
        ),
        (
            S::PreCommitted,
            I::CommitCalled,
            S::ProcessingCommit,
            I::CommitReturned,
            S::Committed,
            "PRV-SEQ-006, API-039",
        ),
        (
            S::Committed,
            I::PostCommitCalled,
            S::ProcessingPostCommit,
            I::PostCommitReturned,
            S::PostCommitted,
            "SNP-017, API-039",
        ),
        (
            S::PostCommitted,
            I::PreFinalCommitCalled,
            S::ProcessingPreFinalCommit,
            I::PreFinalCommitReturned,
            S::PreFinalCommitted,
            "PRV-SEQ-009, SNP-028",
        ),
        (
            S::PreFinalCommitted,
            I::PostFinalCommitCalled,
            S::ProcessingPostFinalCommit,
            I::PostFinalCommitReturned,
            S::Created,
            "PRV-SEQ-027, API-042",
        ),
    ]
};

/// The table as documented.
#[must_use]
pub fn documented() -> SnapshotTable {
    use SnapshotInput as I;
    let mut draft = Draft::new("snapshot");
    draft.on(&[S::Unknown], &[I::Added], &[], Then::Go(S::Preparing), "PRV-SEQ-001, API-039");
    for (before, called, running, returned, after, source) in STEPS {
        draft.on(&[before], &[called], &[], Then::Go(running), source);
        draft.on(&[running], &[returned], &[], Then::Go(after), source);
        // A callback that was still running when the creation ended may return afterwards.
        draft.on(
            &[S::Aborted],
            &[returned],
            &[],
            Then::Ignore,
            "nf-vsprov-ivssprovidercreatesnapshotset-abortsnapshots.md",
        );
        draft.on(&[before, running], &[I::Aborted], &[], Then::Go(S::Aborted), "SNP-004, API-040, S-08, S-10");
    }
    // The copy of one provider may be created while another provider still fails the set.
    draft.on(
        &[S::Created],
        &[I::Aborted],
        &[(SnapshotGuard::CreationRunning, true)],
        Then::Go(S::Aborted),
        "SNP-004, S-08",
    );
    draft.on(&[S::Unknown, S::Aborted], &[I::Aborted], &[], Then::Ignore, "ABT-013");
    draft.on(
        &[S::Created],
        &[I::Deleted],
        &[(SnapshotGuard::CreationRunning, false)],
        Then::Go(S::Deleted),
        "PRV-SEQ-017",
    );
    draft.complete(|_, input| match input {
        I::Deleted => (HResult::VSS_E_OBJECT_NOT_FOUND, "API-039"),
        _ => (HResult::VSS_E_BAD_STATE, "S-01"),
    })
}
