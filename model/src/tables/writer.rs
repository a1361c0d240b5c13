//! The states of a writer (`VSS_WS_*`).
//!
//! ```text
//! STABLE -PrepareForBackup-> STABLE -PrepareForSnapshot-> WAITING_FOR_FREEZE -Freeze-> WAITING_FOR_THAW -Thaw->
//! WAITING_FOR_POST_SNAPSHOT -PostSnapshot-> WAITING_FOR_BACKUP_COMPLETE -BackupComplete-> STABLE
//! ```
//!
//! A handler that fails leads to its FAILED_AT_ state, and the writer gets no further event of that operation but Abort
//! and BackupShutdown. A failed writer keeps its state until the first event of the next operation: status gathered in
//! between still shows the failure. Abort brings a writer that has not failed back to STABLE; once PostSnapshot ran,
//! OnAbort is not called. Failure means SetWriterFailure or a handler that returns FALSE (C-15). The documents name
//! the states and not the transitions between them (S-02), so every target here is inferred from the names, from what
//! STABLE is said to mean (API-002) and from the order of the events.

use std::fmt;

use super::{Draft, Symbol, Table, Then, symbols};
use crate::hresult::HResult;
use crate::states::{WriterEvent, WriterState as S};

/// The table of `VSS_WS_*`.
pub type WriterTable = Table<S, WriterInput, WriterGuard>;

impl Symbol for S {
    const ALL: &'static [S] = S::ALL;
}

/// What happens to a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriterInput {
    /// The handler returned without a failure.
    Succeeded(WriterEvent),
    /// The handler called SetWriterFailure or returned FALSE.
    Failed(WriterEvent),
    /// The freeze window closed and Thaw had not arrived.
    FreezeWindowExpired,
    /// The writer's process ended and a new one subscribed, as a new instance.
    Restarted,
    /// The writer did not answer.
    NotResponding,
}

const EVENTS: &[WriterEvent] = WriterEvent::ALL;

const INPUTS: [WriterInput; 2 * EVENTS.len() + 3] = {
    let mut all = [WriterInput::FreezeWindowExpired; 2 * EVENTS.len() + 3];
    let mut index = 0;
    while index < EVENTS.len() {
        all[index] = WriterInput::Succeeded(EVENTS[index]);
        all[EVENTS.len() + index] = WriterInput::Failed(EVENTS[index]);
        index += 1;
    }
    all[2 * EVENTS.len() + 1] = WriterInput::Restarted;
    all[2 * EVENTS.len() + 2] = WriterInput::NotResponding;
    all
};

impl Symbol for WriterInput {
    const ALL: &'static [WriterInput] = &INPUTS;
}

impl fmt::Display for WriterInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriterInput::Succeeded(event) => write!(f, "{event}"),
            WriterInput::Failed(event) => write!(f, "{event} fails"),
            WriterInput::FreezeWindowExpired => f.write_str("freeze window expires"),
            WriterInput::Restarted => f.write_str("restarted"),
            WriterInput::NotResponding => f.write_str("not responding"),
        }
    }
}

symbols! {
    /// What decides beside state and input.
    WriterGuard {
        /// The writer is in an operation: an event of it other than Identify came, and its last one did not.
        InOperation,
        /// OnAbort ran in the operation that the event belongs to.
        Aborted,
    }
}

type WriterDraft = Draft<S, WriterInput, WriterGuard>;

const FAILED: [S; 10] = [
    S::FailedAtIdentify,
    S::FailedAtPrepareBackup,
    S::FailedAtPrepareSnapshot,
    S::FailedAtFreeze,
    S::FailedAtThaw,
    S::FailedAtPostSnapshot,
    S::FailedAtBackupComplete,
    S::FailedAtPreRestore,
    S::FailedAtPostRestore,
    S::FailedAtBackupShutdown,
];

/// The table as documented.
#[must_use]
pub fn documented() -> WriterTable {
    let mut draft = Draft::new("writer");
    identify(&mut draft);
    operation(&mut draft);
    creation(&mut draft);
    endings(&mut draft);
    accidents(&mut draft);
    draft.complete(|_, _| (HResult::VSS_E_BAD_STATE, "S-01, S-02"))
}

/// Identify comes at any time and leaves an operation alone (WRT-EVT-005, BKP-ORD-066).
fn identify(draft: &mut WriterDraft) {
    let failed = [WriterInput::Failed(WriterEvent::Identify)];
    let succeeded = [WriterInput::Succeeded(WriterEvent::Identify)];
    // The writer is listed again; every other failure remains visible.
    draft.on(&[S::FailedAtIdentify], &succeeded, &[], Then::Go(S::Stable), "WRT-EVT-044, S-02");
    draft.on(S::ALL, &succeeded, &[], Then::Stay, "WRT-EVT-005");
    let waiting = [S::WaitingForFreeze, S::WaitingForThaw, S::WaitingForPostSnapshot, S::WaitingForBackupComplete];
    draft.on(&waiting, &failed, &[], Then::Stay, "WRT-EVT-005, BKP-ORD-066");
    draft.on(S::ALL, &failed, &[(WriterGuard::InOperation, true)], Then::Stay, "WRT-EVT-005, BKP-ORD-066");
    draft.on(S::ALL, &failed, &[], Then::Go(S::FailedAtIdentify), "WRT-EVT-044, BKP-ORD-014");
}

/// The first events of a backup and the two of a restore.
fn operation(draft: &mut WriterDraft) {
    // AbortBackup can come while OnPrepareBackup still runs.
    let late =
        [WriterInput::Succeeded(WriterEvent::PrepareForBackup), WriterInput::Failed(WriterEvent::PrepareForBackup)];
    draft.on(&[S::Stable], &late, &[(WriterGuard::Aborted, true)], Then::Ignore, "API-010, ABT-015");
    let ready = [S::Stable, S::WaitingForBackupComplete];
    for (event, failure) in
        [(WriterEvent::PrepareForBackup, S::FailedAtPrepareBackup), (WriterEvent::PreRestore, S::FailedAtPreRestore)]
    {
        let (succeeded, failed) = ([WriterInput::Succeeded(event)], [WriterInput::Failed(event)]);
        draft.on(&ready, &succeeded, &[], Then::Go(S::Stable), "WRT-EVT-042, API-002, S-02");
        draft.on(&ready, &failed, &[], Then::Go(failure), "API-001, WRT-EVT-050, ABT-011");
        // The first event of the next operation wipes out the old failure.
        draft.on(&FAILED, &succeeded, &[], Then::Go(S::Stable), "API-002, S-02");
        draft.on(&[S::Unknown], &succeeded, &[], Then::Go(S::Stable), "API-002, S-02");
        draft.on(&FAILED, &failed, &[], Then::Go(failure), "API-001, S-02");
        draft.on(&[S::Unknown], &failed, &[], Then::Go(failure), "API-001, S-02");
    }
    draft.on(&[S::Stable], &[WriterInput::Succeeded(WriterEvent::PostRestore)], &[], Then::Stay, "WRT-EVT-007");
    let failed = [WriterInput::Failed(WriterEvent::PostRestore)];
    draft.on(&[S::Stable], &failed, &[], Then::Go(S::FailedAtPostRestore), "API-001, WRT-EVT-050");
    not_delivered(draft, WriterEvent::PostRestore);
}

/// A failed writer gets no further event of the operation but Abort and BackupShutdown; a late answer is dropped.
fn not_delivered(draft: &mut WriterDraft, event: WriterEvent) {
    let both = [WriterInput::Succeeded(event), WriterInput::Failed(event)];
    draft.on(&FAILED, &both, &[], Then::Ignore, "S-02");
    draft.on(&[S::Unknown], &both, &[], Then::Ignore, "API-003, S-02");
}

/// The events that DoSnapshotSet raises, and BackupComplete.
fn creation(draft: &mut WriterDraft) {
    let events = [
        WriterEvent::PrepareForSnapshot,
        WriterEvent::Freeze,
        WriterEvent::Thaw,
        WriterEvent::PostSnapshot,
        WriterEvent::BackupComplete,
    ];
    for event in events {
        let both = [WriterInput::Succeeded(event), WriterInput::Failed(event)];
        draft.on(&[S::Stable], &both, &[(WriterGuard::Aborted, true)], Then::Ignore, "API-010, ABT-015");
        not_delivered(draft, event);
    }
    for (before, event, after, failure, source) in [
        (
            S::Stable,
            WriterEvent::PrepareForSnapshot,
            S::WaitingForFreeze,
            S::FailedAtPrepareSnapshot,
            "WRT-EVT-006, WRT-EVT-036, WRT-EVT-037",
        ),
        (
            S::WaitingForFreeze,
            WriterEvent::Freeze,
            S::WaitingForThaw,
            S::FailedAtFreeze,
            "WRT-EVT-051, ABT-002, API-009",
        ),
        (S::WaitingForThaw, WriterEvent::Thaw, S::WaitingForPostSnapshot, S::FailedAtThaw, "WRT-EVT-052, ABT-002"),
        (
            S::WaitingForPostSnapshot,
            WriterEvent::PostSnapshot,
            S::WaitingForBackupComplete,
            S::FailedAtPostSnapshot,
            "WRT-EVT-052, WRT-EVT-037",
        ),
        (
            S::WaitingForBackupComplete,
            WriterEvent::BackupComplete,
            S::Stable,
            S::FailedAtBackupComplete,
            "SHUT-001, C-16",
        ),
        // A backup without a shadow copy raises neither the events of DoSnapshotSet nor PostSnapshot.
        (
            S::Stable,
            WriterEvent::BackupComplete,
            S::Stable,
            S::FailedAtBackupComplete,
            "BKP-ORD-035, WRT-EVT-047, C-16",
        ),
    ] {
        draft.on(&[before], &[WriterInput::Succeeded(event)], &[], Then::Go(after), source);
        draft.on(&[before], &[WriterInput::Failed(event)], &[], Then::Go(failure), source);
    }
}

/// Abort and BackupShutdown.
fn endings(draft: &mut WriterDraft) {
    // No state says that OnAbort failed: its result changes nothing.
    let abort = [WriterInput::Succeeded(WriterEvent::Abort), WriterInput::Failed(WriterEvent::Abort)];
    let after_post_snapshot = [S::WaitingForBackupComplete, S::FailedAtPostSnapshot];
    draft.on(&after_post_snapshot, &abort, &[], Then::Ignore, "API-010, ABT-015");
    let waiting = [S::Stable, S::WaitingForFreeze, S::WaitingForThaw, S::WaitingForPostSnapshot];
    draft.on(&waiting, &abort, &[], Then::Go(S::Stable), "ABT-001, ABT-009, S-02");
    draft.on(&FAILED, &abort, &[], Then::Stay, "ABT-009, S-02");
    draft.on(&[S::Unknown], &abort, &[], Then::Stay, "ABT-009, S-02");

    let shutdown = [WriterInput::Succeeded(WriterEvent::BackupShutdown)];
    // Status gathered after the backup still shows the failure.
    draft.on(&FAILED, &shutdown, &[], Then::Stay, "SHUT-005, S-02");
    draft.on(&[S::Unknown], &shutdown, &[], Then::Stay, "SHUT-005, API-003, S-02");
    draft.on(S::ALL, &shutdown, &[], Then::Go(S::Stable), "SHUT-003, SHUT-004, SHUT-005, API-002");
    let failed = [WriterInput::Failed(WriterEvent::BackupShutdown)];
    draft.on(S::ALL, &failed, &[], Then::Go(S::FailedAtBackupShutdown), "API-001, SHUT-005");
}

/// What no handler reports.
fn accidents(draft: &mut WriterDraft) {
    // The window runs from the receipt of Freeze, so it can close while OnFreeze still runs.
    let frozen = [S::WaitingForFreeze, S::WaitingForThaw];
    let expired = [WriterInput::FreezeWindowExpired];
    draft.on(&frozen, &expired, &[], Then::Go(S::FailedAtFreeze), "API-004, ABT-002, WRT-EVT-035, S-02");
    draft.on(S::ALL, &expired, &[], Then::Ignore, "API-004");
    draft.on(S::ALL, &[WriterInput::Restarted], &[], Then::Go(S::Stable), "API-002, S-02");
    draft.on(S::ALL, &[WriterInput::NotResponding], &[], Then::Go(S::Unknown), "API-003, API-029");
}
