//! The calls of a restore: the part of the requester's table that no backup has.
//!
//! No shadow copy, no freeze and no Abort exist in a restore. The pages of many of its methods give `VSS_E_BAD_STATE` the
//! reason "called during a restore", also the page of PreRestore: a text that was copied along. Here the code means what
//! it means elsewhere: not initialised, or out of sequence (C-38).

use super::Then;
use super::requester::RequesterInput::{Call, Failed, Finished};
use super::requester::{BAD_STATE, Method as M, Operation, RequesterDraft, RequesterGuard as G, RequesterState as S};

/// From InitializeForRestore to Release.
const RESTORE: [S; 6] =
    [S::RestoreInitialized, S::RestoreGathered, S::PreRestoring, S::PreRestored, S::PostRestoring, S::PostRestored];

/// [`RESTORE`] without the states in which events are raised.
const AT_REST: [S; 4] = [S::RestoreInitialized, S::RestoreGathered, S::PreRestored, S::PostRestored];

/// The rows of a restore.
pub(super) fn rows(draft: &mut RequesterDraft) {
    life(draft);
    writers(draft);
    before_pre_restore(draft);
    restoring(draft);
}

/// The object is initialised from a stored document, saved, released.
fn life(draft: &mut RequesterDraft) {
    let initialize = [Call(M::InitializeForRestore)];
    draft.on(&[S::ObjectCreated], &initialize, &[], Then::Go(S::RestoreInitialized), "RST-ORD-001");
    let page = "nf-vsbackup-ivssbackupcomponents-initializeforrestore.md";
    draft.on(&RESTORE, &initialize, &[], BAD_STATE, page);
    // The page of SaveAsXML speaks of backups; a document that was loaded can be saved all the same.
    let save = [Call(M::SaveAsXML)];
    draft.on(&AT_REST, &save, &[], Then::Stay, "nf-vsbackup-ivssbackupcomponents-saveasxml.md");
    // No backup operation is under way, and without one AbortBackup is ignored.
    draft.on(&RESTORE, &[Call(M::AbortBackup)], &[], Then::Ignore, "API-026, C-36");
    draft.on(&RESTORE, &[Call(M::Release)], &[], Then::Go(S::Released), "RST-ORD-016, RST-ORD-017");
}

/// Which writers there are, and how they are.
fn writers(draft: &mut RequesterDraft) {
    let choice = [Call(M::EnableWriterClasses), Call(M::DisableWriterClasses), Call(M::DisableWriterInstances)];
    draft.on(&[S::RestoreInitialized], &choice, &[(G::MetadataAsked, false)], Then::Stay, "BKP-ORD-011");
    draft.on(&RESTORE, &choice, &[], Then::Ignore, "BKP-ORD-011");

    let gather = [Call(M::GatherWriterMetadata)];
    let first = &[(G::MetadataAsked, false)];
    draft.on(&[S::RestoreInitialized], &gather, first, Then::Stay, "RST-ORD-003, C-38");
    draft.on(&RESTORE, &gather, &[], BAD_STATE, "API-025");
    let (ended, failed) = ([Finished(Operation::GatherWriterMetadata)], [Failed(Operation::GatherWriterMetadata)]);
    draft.on(&[S::RestoreInitialized], &ended, &[], Then::Go(S::RestoreGathered), "RST-ORD-003");
    draft.on(&RESTORE, &ended, &[], Then::Stay, "RST-ORD-003");
    draft.on(&RESTORE, &failed, &[], Then::Stay, "API-025, API-031");
    let read = [Call(M::GetWriterMetadataCount), Call(M::GetWriterMetadata), Call(M::FreeWriterMetadata)];
    draft.on(
        &RESTORE,
        &read,
        &[(G::MetadataHeld, true)],
        Then::Stay,
        "nf-vsbackup-ivssbackupcomponents-getwritermetadata.md",
    );

    draft.on(&AT_REST, &[Call(M::GatherWriterStatus)], &[], Then::Stay, "RST-ORD-010, RST-ORD-016, C-38");
    let endings = [Finished(Operation::GatherWriterStatus), Failed(Operation::GatherWriterStatus)];
    draft.on(&RESTORE, &endings, &[], Then::Stay, "API-029, API-031");
    let read = [Call(M::GetWriterStatusCount), Call(M::GetWriterStatus), Call(M::FreeWriterStatus)];
    draft.on(&RESTORE, &read, &[(G::StatusHeld, true)], Then::Stay, "API-029");
}

/// What is restored, and how.
fn before_pre_restore(draft: &mut RequesterDraft) {
    let selection = [Call(M::SetSelectedForRestore), Call(M::SetSelectedForRestoreEx), Call(M::AddRestoreSubcomponent)];
    draft.on(&[S::RestoreGathered], &selection, &[], Then::Stay, "RST-ORD-007");
    let options = [Call(M::SetRestoreOptions), Call(M::SetRestoreState)];
    draft.on(&[S::RestoreGathered], &options, &[], Then::Stay, "RST-ORD-008, RST-OPT-006");
    // Stamps are as good for a restore as for a backup; no page keeps them out.
    draft.on(&[S::RestoreGathered], &[Call(M::SetPreviousBackupStamp)], &[], Then::Stay, "BKP-ORD-030");
    // The writer reads both in PostRestore; a chain is often known to go on only while files are restored.
    let until_post = [Call(M::AddNewTarget), Call(M::SetAdditionalRestores)];
    draft.on(&[S::RestoreGathered, S::PreRestored], &until_post, &[], Then::Stay, "RST-ORD-008, RST-ORD-014");
    // These pages know no other bad state than "not called during a restore".
    for (method, page) in [
        (M::SetAuthoritativeRestore, "nf-vsbackup-ivssbackupcomponentsex2-setauthoritativerestore.md"),
        (M::SetRestoreName, "nf-vsbackup-ivssbackupcomponentsex2-setrestorename.md"),
        (M::SetRollForward, "nf-vsbackup-ivssbackupcomponentsex2-setrollforward.md"),
    ] {
        draft.on(&[S::RestoreInitialized, S::RestoreGathered, S::PreRestored], &[Call(method)], &[], Then::Stay, page);
    }
}

/// PreRestore, what is reported of the files, PostRestore.
fn restoring(draft: &mut RequesterDraft) {
    let pre = [Call(M::PreRestore)];
    draft.on(&[S::RestoreGathered], &pre, &[], Then::Go(S::PreRestoring), "RST-ORD-009, RST-ORD-003");
    let (ended, failed) = ([Finished(Operation::PreRestore)], [Failed(Operation::PreRestore)]);
    draft.on(&[S::PreRestoring], &ended, &[], Then::Go(S::PreRestored), "RST-ORD-010");
    draft.on(&[S::PreRestoring], &failed, &[], Then::Go(S::RestoreGathered), "S-22");

    let reports = [Call(M::AddAlternativeLocationMapping), Call(M::SetRangesFilePath), Call(M::SetFileRestoreStatus)];
    draft.on(&[S::PreRestored], &reports, &[], Then::Stay, "RST-ORD-013, RST-LOC-005, RST-LOC-021");

    let post = [Call(M::PostRestore)];
    draft.on(&[S::PreRestored], &post, &[], Then::Go(S::PostRestoring), "RST-ORD-015");
    let (ended, failed) = ([Finished(Operation::PostRestore)], [Failed(Operation::PostRestore)]);
    // A writer that was lost makes PostRestore fail; the others have had their event, so there is no second one.
    draft.on(&[S::PostRestoring], &ended, &[], Then::Go(S::PostRestored), "RST-ORD-016");
    draft.on(&[S::PostRestoring], &failed, &[], Then::Go(S::PostRestored), "RST-ORD-031, S-22");
}
