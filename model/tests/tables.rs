//! The transition tables: complete, free of contradictions, and what the documents say.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail and may speak")]
#![allow(clippy::disallowed_methods, reason = "where the corpus lies is told by the environment")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vssim_model::hresult::HResult;
use vssim_model::states::{SnapshotState, WriterEvent, WriterState};
use vssim_model::tables::{
    Method, Operation, Outcome, ProviderCallback, ProviderGuard, ProviderInput, ProviderState, RequesterGuard,
    RequesterInput, RequesterState, SnapshotGuard, SnapshotInput, Symbol, Table, Tables, Then, WriterGuard,
    WriterInput,
};

/// For every state, input and set of true guards exactly one row applies, and `step` uses it.
fn exactly_one_row_applies<S: Symbol, I: Symbol, G: Symbol>(table: &Table<S, I, G>) {
    assert!(table.rows().is_sorted_by_key(|row| (row.from, row.input)));
    let guards = <G as Symbol>::ALL;
    let mut rows = table.rows();
    for &from in S::ALL {
        for &input in I::ALL {
            let length = rows.iter().take_while(|row| row.from == from && row.input == input).count();
            let (cell, rest) = rows.split_at(length);
            rows = rest;
            for truth in 0_u32..1 << guards.len() {
                let holds = |guard: G| truth & (1 << guards.iter().position(|g| *g == guard).unwrap()) != 0;
                let applying: Vec<_> = cell.iter().filter(|row| row.applies(holds)).collect();
                assert_eq!(applying.len(), 1, "{}: {from} on {input}, guards {truth:b}", table.name());
                if truth == 0 {
                    let outcome = table.step(from, input, holds);
                    match applying[0].then {
                        Then::Go(to) => assert_eq!(outcome, Outcome::Moved(to)),
                        Then::Stay => assert_eq!(outcome, Outcome::Stayed),
                        Then::Ignore => assert_eq!(outcome, Outcome::Ignored),
                        Then::Refuse(code) => assert!(matches!(outcome, Outcome::Refused(r) if r.code == code)),
                    }
                }
            }
        }
    }
    assert!(rows.is_empty(), "{}: rows outside the matrix", table.name());
}

#[test]
fn rows_of_a_cell_are_exclusive_and_exhaustive() {
    let tables = Tables::documented();
    exactly_one_row_applies(&tables.writer);
    exactly_one_row_applies(&tables.provider);
    exactly_one_row_applies(&tables.requester);
    exactly_one_row_applies(&tables.snapshot);
}

#[test]
fn matrix_and_graphs_of_every_table() {
    let tables = Tables::documented();
    for name in Tables::names() {
        insta::assert_snapshot!(format!("{name}_matrix"), tables.matrix(name).unwrap());
        insta::assert_snapshot!(format!("{name}_dot"), tables.dot(name).unwrap());
        insta::assert_snapshot!(format!("{name}_mermaid"), tables.mermaid(name).unwrap());
    }
}

/// The text of the files below a folder of the corpus; `None`, after a printed word, when the corpus is not there.
fn corpus(folder: &str) -> Option<String> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("VSSIM_CORPUS").map_or_else(beside, PathBuf::from).join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        assert!(std::env::var_os("CI").is_none(), "the corpus is missing: {}", folder.display());
        println!("skipped: no corpus at {}", folder.display());
        return None;
    };
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    Some(files.map(|path| std::fs::read_to_string(path).unwrap()).collect())
}

/// Every source of every row.
fn sources(tables: &Tables) -> BTreeSet<&'static str> {
    let mut sources: BTreeSet<&str> = tables.writer.rows().iter().map(|row| row.source).collect();
    sources.extend(tables.provider.rows().iter().map(|row| row.source));
    sources.extend(tables.requester.rows().iter().map(|row| row.source));
    sources.extend(tables.snapshot.rows().iter().map(|row| row.source));
    sources.iter().flat_map(|source| source.split(", ")).collect()
}

#[test]
fn every_cited_requirement_and_page_exists() {
    let (Some(requirements), Some(pages)) = (corpus("spec"), corpus("spec/api")) else { return };
    for source in sources(&Tables::documented()) {
        let known = match source.split_once('-') {
            Some(("C" | "S", number)) => number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()),
            _ if source.ends_with(".md") => pages.contains(source),
            _ => requirements.contains(&format!("- id: {source}\n")),
        };
        assert!(known, "{source}");
    }
}

#[test]
fn requester_refuses_with_codes_that_the_method_documents() {
    let Some(api) = corpus("spec/api") else { return };
    let api = api.split_once("- interface: IVssBackupComponents\n").unwrap().1;
    for row in Tables::documented().requester.rows() {
        let (RequesterInput::Call(method), Then::Refuse(code)) = (row.input, row.then) else { continue };
        // A function that makes objects and IUnknown::Release have no place in a sequence of calls.
        if matches!(method, Method::CreateVssBackupComponents | Method::Release) {
            continue;
        }
        let page = api.split_once(&format!("- name: {method}\n")).unwrap().1;
        let page = page.split("\n  - name: ").next().unwrap();
        assert!(page.contains(&format!("code: {code},")), "{method} refuses with {code}");
    }
}

#[test]
fn every_mutation_changes_one_row() {
    fn check<S: Symbol, I: Symbol, G: Symbol>(table: &Table<S, I, G>) {
        let mut descriptions = BTreeSet::new();
        for (words, mutant) in table.mutations() {
            let changed: Vec<_> =
                table.rows().iter().zip(mutant.rows()).filter(|(before, after)| before != after).collect();
            assert_eq!(changed.len(), 1, "{words}");
            let (before, after) = changed[0];
            assert_eq!((before.from, before.input, &before.guards), (after.from, after.input, &after.guards));
            assert_ne!(after.then, Then::Go(after.from), "{words}");
            assert!(descriptions.insert(words));
        }
        assert!(descriptions.len() >= table.rows().len());
    }
    let tables = Tables::documented();
    check(&tables.writer);
    check(&tables.provider);
    check(&tables.requester);
    check(&tables.snapshot);
}

/// Feeds `inputs` to a table from `state`; the states it passes, or the code that stops it.
fn walk<S: Symbol, I: Symbol, G: Symbol>(
    table: &Table<S, I, G>,
    mut state: S,
    guards: &[G],
    inputs: &[I],
) -> Result<S, HResult> {
    for &input in inputs {
        state = table.step(state, input, |guard| guards.contains(&guard)).state(state).map_err(|r| r.code)?;
    }
    Ok(state)
}

mod writer {
    use super::*;
    use WriterEvent as E;
    use WriterInput::{Failed, FreezeWindowExpired, NotResponding, Restarted, Succeeded};
    use WriterState as S;

    fn from(state: S, inputs: &[WriterInput]) -> Result<S, HResult> {
        walk(&Tables::documented().writer, state, &[WriterGuard::InOperation], inputs)
    }

    const UNTIL_FROZEN: [WriterInput; 3] =
        [Succeeded(E::PrepareForBackup), Succeeded(E::PrepareForSnapshot), Succeeded(E::Freeze)];

    #[test]
    fn whole_backup_ends_stable() {
        let mut inputs = UNTIL_FROZEN.to_vec();
        inputs.extend([Succeeded(E::Thaw), Succeeded(E::PostSnapshot)]);
        assert_eq!(from(S::Stable, &inputs), Ok(S::WaitingForBackupComplete));
        inputs.extend([Succeeded(E::BackupComplete), Succeeded(E::BackupShutdown)]);
        assert_eq!(from(S::Stable, &inputs), Ok(S::Stable));
    }

    #[test]
    fn writer_that_misses_the_freeze_window_stays_failed_until_the_next_operation() {
        let mut inputs = UNTIL_FROZEN.to_vec();
        inputs.extend([
            FreezeWindowExpired,
            Succeeded(E::Abort),
            Succeeded(E::Thaw),
            Succeeded(E::PostSnapshot),
            Succeeded(E::BackupShutdown),
        ]);
        assert_eq!(from(S::Stable, &inputs), Ok(S::FailedAtFreeze));
        assert_eq!(from(S::FailedAtFreeze, &[Succeeded(E::PrepareForBackup)]), Ok(S::Stable));
    }

    #[test]
    fn abort_after_post_snapshot_changes_nothing() {
        assert_eq!(from(S::WaitingForBackupComplete, &[Succeeded(E::Abort)]), Ok(S::WaitingForBackupComplete));
        let table = Tables::documented().writer;
        let outcome = table.step(S::WaitingForBackupComplete, Succeeded(E::Abort), |_| false);
        assert_eq!(outcome, Outcome::Ignored);
    }

    #[test]
    fn failed_identify_in_the_middle_of_a_backup_leaves_the_state_alone() {
        for state in [S::Stable, S::WaitingForThaw, S::WaitingForBackupComplete] {
            assert_eq!(from(state, &[Failed(E::Identify)]), Ok(state));
        }
        let table = Tables::documented().writer;
        assert_eq!(walk(&table, S::Stable, &[], &[Failed(E::Identify)]), Ok(S::FailedAtIdentify));
    }

    #[test]
    fn aborted_writer_gets_no_further_event_of_the_operation() {
        let table = Tables::documented().writer;
        for event in
            [E::PrepareForBackup, E::PrepareForSnapshot, E::Freeze, E::Thaw, E::PostSnapshot, E::BackupComplete]
        {
            for input in [Succeeded(event), Failed(event)] {
                assert_eq!(table.step(S::Stable, input, |_| true), Outcome::Ignored, "{input}");
            }
        }
    }

    #[test]
    fn thaw_before_freeze_is_out_of_sequence() {
        assert_eq!(from(S::WaitingForFreeze, &[Succeeded(E::Thaw)]), Err(HResult::VSS_E_BAD_STATE));
    }

    #[test]
    fn silent_writer_is_unknown_and_a_restarted_one_stable() {
        assert_eq!(from(S::WaitingForThaw, &[NotResponding]), Ok(S::Unknown));
        assert_eq!(from(S::Unknown, &[Restarted]), Ok(S::Stable));
    }
}

mod provider {
    use super::*;
    use ProviderCallback as C;
    use ProviderInput::{AnotherSetBegun, Failed, Succeeded};
    use ProviderState as S;

    fn from(state: S, guards: &[ProviderGuard], inputs: &[ProviderInput]) -> Result<S, HResult> {
        walk(&Tables::documented().provider, state, guards, inputs)
    }

    #[test]
    fn callbacks_in_order_create_the_set() {
        let inputs = [
            C::BeginPrepareSnapshot,
            C::BeginPrepareSnapshot,
            C::EndPrepareSnapshots,
            C::PreCommitSnapshots,
            C::CommitSnapshots,
            C::PostCommitSnapshots,
            C::PreFinalCommitSnapshots,
            C::PostFinalCommitSnapshots,
        ]
        .map(Succeeded);
        assert_eq!(from(S::Idle, &[], &inputs), Ok(S::Created));
    }

    #[test]
    fn abort_before_end_prepare_is_never_sent() {
        let abort = [Succeeded(C::AbortSnapshots)];
        assert_eq!(from(S::Preparing, &[], &abort), Err(HResult::VSS_E_BAD_STATE));
        assert_eq!(from(S::Preparing, &[ProviderGuard::EndPrepareCalled], &abort), Ok(S::Aborted));
    }

    #[test]
    fn another_set_drops_one_under_creation_and_leaves_a_created_one() {
        assert_eq!(from(S::PreCommitted, &[], &[AnotherSetBegun]), Ok(S::Idle));
        assert_eq!(from(S::Created, &[], &[AnotherSetBegun]), Ok(S::Created));
    }

    #[test]
    fn failed_commit_awaits_abort() {
        let failed = from(S::PreCommitted, &[], &[Failed(C::CommitSnapshots)]);
        assert_eq!(failed, Ok(S::Failed));
        assert_eq!(from(S::Failed, &[], &[Succeeded(C::PostCommitSnapshots)]), Err(HResult::VSS_E_BAD_STATE));
        assert_eq!(from(S::Failed, &[], &[Failed(C::AbortSnapshots)]), Ok(S::Aborted));
    }
}

mod requester {
    use super::*;
    use Method as M;
    use RequesterGuard as G;
    use RequesterInput::{Call, Failed, Finished};
    use RequesterState as S;

    /// Calls methods in order as a real object would, keeping the conditions up to date.
    fn calls(with_writers: bool, methods: &[M]) -> Result<S, (M, HResult)> {
        let table = Tables::documented().requester;
        let mut guards: Vec<G> = if with_writers { vec![G::WithWriters] } else { vec![] };
        let mut state = S::NoObject;
        for &method in methods {
            state = walk(&table, state, &guards, &[Call(method)]).map_err(|code| (method, code))?;
            let (operation, became): (Option<Operation>, &[G]) = match method {
                M::SetContext => (None, &[G::ContextSet]),
                M::SetBackupState => (None, &[G::BackupStateSet]),
                M::StartSnapshotSet => (None, &[G::SetStarted]),
                M::GatherWriterMetadata => {
                    (Some(Operation::GatherWriterMetadata), &[G::MetadataAsked, G::MetadataCame, G::MetadataHeld])
                }
                M::GatherWriterStatus => (Some(Operation::GatherWriterStatus), &[G::StatusAsked, G::StatusHeld]),
                M::PrepareForBackup => (Some(Operation::PrepareForBackup), &[]),
                M::DoSnapshotSet => (Some(Operation::DoSnapshotSet), &[]),
                M::BackupComplete => (Some(Operation::BackupComplete), &[]),
                _ => (None, &[]),
            };
            guards.extend(became);
            if let Some(operation) = operation {
                state = walk(&table, state, &guards, &[Finished(operation)]).map_err(|code| (method, code))?;
            }
        }
        Ok(state)
    }

    const BEGIN: [M; 2] = [M::CreateVssBackupComponents, M::InitializeForBackup];

    #[test]
    fn documented_chain_is_legal() {
        let chain = [
            M::SetContext,
            M::SetBackupState,
            M::GatherWriterMetadata,
            M::GetWriterMetadataCount,
            M::GetWriterMetadata,
            M::FreeWriterMetadata,
            M::AddComponent,
            M::StartSnapshotSet,
            M::IsVolumeSupported,
            M::AddToSnapshotSet,
            M::PrepareForBackup,
            M::GatherWriterStatus,
            M::GetWriterStatus,
            M::FreeWriterStatus,
            M::DoSnapshotSet,
            M::GatherWriterStatus,
            M::GetSnapshotProperties,
            M::SetBackupSucceeded,
            M::BackupComplete,
            M::GatherWriterStatus,
            M::SaveAsXML,
            M::Release,
        ];
        assert_eq!(calls(true, &[&BEGIN[..], &chain].concat()), Ok(S::Released));
    }

    #[test]
    fn set_opened_before_the_writers_are_asked_is_legal() {
        let chain = [
            M::SetContext,
            M::SetBackupState,
            M::StartSnapshotSet,
            M::GatherWriterMetadata,
            M::AddToSnapshotSet,
            M::PrepareForBackup,
            M::DoSnapshotSet,
        ];
        assert_eq!(calls(true, &[&BEGIN[..], &chain].concat()), Ok(S::SetCreated));
    }

    #[test]
    fn context_may_follow_the_metadata_but_not_another_context() {
        let after = [&BEGIN[..], &[M::GatherWriterMetadata, M::SetContext]].concat();
        assert_eq!(calls(true, &after), Ok(S::MetadataGathered));
        let twice = [&after[..], &[M::SetContext]].concat();
        assert_eq!(calls(true, &twice), Err((M::SetContext, HResult::VSS_E_BAD_STATE)));
    }

    #[test]
    fn status_gathered_before_the_set_spoils_start_snapshot_set() {
        let chain = [M::SetBackupState, M::GatherWriterMetadata, M::GatherWriterStatus, M::StartSnapshotSet];
        let refused = Err((M::StartSnapshotSet, HResult::VSS_E_BAD_STATE));
        assert_eq!(calls(true, &[&BEGIN[..], &chain].concat()), refused);
    }

    #[test]
    fn without_writers_the_set_is_created_at_once_and_writer_calls_are_refused() {
        let chain = [M::SetContext, M::StartSnapshotSet, M::AddToSnapshotSet];
        let open = [&BEGIN[..], &chain].concat();
        assert_eq!(calls(false, &[&open[..], &[M::DoSnapshotSet]].concat()), Ok(S::SetCreated));
        for method in [M::AddComponent, M::PrepareForBackup] {
            assert_eq!(calls(false, &[&open[..], &[method]].concat()), Err((method, HResult::VSS_E_BAD_STATE)));
        }
        let complete = [&open[..], &[M::DoSnapshotSet, M::BackupComplete]].concat();
        assert_eq!(calls(false, &complete), Err((M::BackupComplete, HResult::VSS_E_BAD_STATE)));
    }

    #[test]
    fn do_snapshot_set_needs_metadata_and_prepare_for_backup_with_writers() {
        let refused = Err((M::DoSnapshotSet, HResult::VSS_E_BAD_STATE));
        let unasked = [&BEGIN[..], &[M::StartSnapshotSet, M::DoSnapshotSet]].concat();
        assert_eq!(calls(true, &unasked), refused);
        let unprepared = [&BEGIN[..], &[M::GatherWriterMetadata, M::StartSnapshotSet, M::DoSnapshotSet]].concat();
        assert_eq!(calls(true, &unprepared), refused);
    }

    #[test]
    fn prepare_for_backup_needs_the_backup_state() {
        let chain = [M::GatherWriterMetadata, M::StartSnapshotSet, M::PrepareForBackup];
        let refused = Err((M::PrepareForBackup, HResult::VSS_E_BAD_STATE));
        assert_eq!(calls(true, &[&BEGIN[..], &chain].concat()), refused);
    }

    #[test]
    fn second_creation_on_the_system_is_refused_with_its_own_code() {
        let table = Tables::documented().requester;
        let start = [Call(M::StartSnapshotSet)];
        let refused = walk(&table, S::MetadataGathered, &[G::WithWriters, G::OtherSetInProgress], &start);
        assert_eq!(refused, Err(HResult::VSS_E_SNAPSHOT_SET_IN_PROGRESS));
    }

    #[test]
    fn after_a_failed_set_backup_complete_is_refused_and_abort_leads_on() {
        let table = Tables::documented().requester;
        let guards = [G::WithWriters, G::SetStarted];
        let failed = [Failed(Operation::DoSnapshotSet)];
        assert_eq!(walk(&table, S::CreatingSet, &guards, &failed), Ok(S::SetFailed));
        let complete = [Call(M::BackupComplete)];
        assert_eq!(walk(&table, S::SetFailed, &guards, &complete), Err(HResult::VSS_E_BAD_STATE));
        assert_eq!(walk(&table, S::SetFailed, &guards, &[Call(M::AbortBackup), Call(M::Release)]), Ok(S::Released));
    }

    #[test]
    fn abort_with_nothing_under_way_is_ignored() {
        let table = Tables::documented().requester;
        for state in [S::Initialized, S::MetadataGathered, S::BackupCompleted, S::Aborted] {
            assert_eq!(table.step(state, Call(M::AbortBackup), |_| false), Outcome::Ignored);
        }
    }

    #[test]
    fn refusal_names_the_states_in_which_the_call_is_legal() {
        let table = Tables::documented().requester;
        let outcome = table.step(S::Initialized, Call(M::AddToSnapshotSet), |guard| guard == G::SetStarted);
        let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert_eq!(refusal.to_string(), "VSS_E_BAD_STATE: expected SetOpen or PreparedForBackup");
    }
}

mod snapshot {
    use super::*;
    use SnapshotInput as I;
    use SnapshotState as S;

    #[test]
    fn failure_at_any_step_before_the_end_aborts() {
        let table = Tables::documented().snapshot;
        for &state in SnapshotState::ALL.iter().filter(|s| !matches!(s, S::Unknown | S::Deleted)) {
            let aborted = walk(&table, state, &[SnapshotGuard::CreationRunning], &[I::Aborted]);
            assert_eq!(aborted, Ok(S::Aborted), "{state}");
        }
        assert_eq!(walk(&table, S::Created, &[], &[I::Aborted]), Err(HResult::VSS_E_BAD_STATE));
    }

    #[test]
    fn only_a_created_shadow_copy_can_be_deleted() {
        let table = Tables::documented().snapshot;
        assert_eq!(walk(&table, S::Created, &[], &[I::Deleted]), Ok(S::Deleted));
        assert_eq!(walk(&table, S::Committed, &[], &[I::Deleted]), Err(HResult::VSS_E_OBJECT_NOT_FOUND));
    }
}
