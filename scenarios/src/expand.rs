//! Macros of a requester's script, expanded into the documented calls.
//!
//! The order is that of the documented backup sequence (BKP-ORD-046, BKP-ORD-048 and the requirements named below).
//! A context without writers leaves out whatever concerns writers (BKP-ORD-054, BKP-ORD-055).

use crate::scalars::{Flag, Name};
use crate::syntax::requester::{
    AddComponents, Asynchronous, Backup, Components, CopyFiles, Empty, OfComponent, OfSnapshot, OfVolume, OnFailure,
    PassStamps, Plain, SetBackupState, SetContext, Step, Writers,
};
use crate::syntax::restore::{InitializeForRestore, Restore, RestoreFiles, SelectComponents};
use crate::syntax::writer::{Action, Metadata, Writer};
use crate::yaml::{At, Node, Pos};
use vssim_model::api::BackupType;
use vssim_model::states::WriterEvent;

/// A part of a script without macros in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A step as it was written. A failure that it does not expect ends the script.
    Step(Node<Step>),
    /// The steps of a macro, which fail together.
    Backup(Expanded),
}

/// What became of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    /// Where the macro stands.
    pub pos: Pos,
    /// The steps when all goes well.
    pub steps: Vec<Step>,
    /// What a step's failure means.
    pub on_failure: OnFailure,
    /// The steps after a failure, before a retry or the end. Empty where the script goes on.
    pub after_failure: Vec<Step>,
    /// How often the steps are tried again.
    pub retries: u32,
    /// How long to wait before that.
    pub retry_after: vssim_model::time::Ticks,
}

/// The script without macros.
#[must_use]
pub fn expand(script: &[Node<Step>]) -> Vec<Unit> {
    script
        .iter()
        .map(|step| match &step.value {
            Step::Backup(backup) => Unit::Backup(expand_backup(backup, step.pos)),
            Step::Restore(restore) => Unit::Backup(expand_restore(restore, step.pos)),
            _ => Unit::Step(step.clone()),
        })
        .collect()
}

/// `VSS_VOLSNAP_ATTR_NO_WRITERS`: the bit by which a context has no writers (API-037).
const NO_WRITERS: u32 = 0x10;

/// Expands a `backup:` macro.
#[must_use]
pub fn expand_backup(backup: &Backup, pos: Pos) -> Expanded {
    let writers = backup.context.as_ref().is_none_or(|context| context.0 & NO_WRITERS == 0);
    let mut steps = Vec::new();
    set_up(backup, writers, &mut steps);
    create(backup, writers, &mut steps);
    copy_and_complete(backup, writers, &mut steps);
    let after_failure = match backup.on_failure.value {
        // AbortBackup is due after a failed DoSnapshotSet and ignored when nothing is under way (API-026).
        OnFailure::Abort => vec![Step::AbortBackup(Plain::default()), Step::Release(Plain::default())],
        OnFailure::GiveUp => vec![Step::Release(Plain::default())],
        OnFailure::Continue => Vec::new(),
    };
    Expanded {
        pos,
        steps,
        on_failure: backup.on_failure.value,
        after_failure,
        retries: backup.retries.0,
        retry_after: backup.retry_after.0,
    }
}

/// Steps 1 to 6: the object, the context, the writers' metadata, the components.
fn set_up(backup: &Backup, writers: bool, steps: &mut Vec<Step>) {
    steps.push(Step::CreateVssBackupComponents(Plain::default()));
    steps.push(Step::InitializeForBackup(Plain::default()));
    // Before GatherWriterMetadata, or it changes nothing (BKP-ORD-011).
    if writers && !backup.without_writers.is_empty() {
        steps.push(Step::DisableWriterClasses(Writers { writers: backup.without_writers.clone(), expect: None }));
    }
    if let Some(context) = &backup.context {
        steps.push(Step::SetContext(SetContext { context: context.clone(), attributes: Vec::new(), expect: None }));
    }
    let select = writers && backup.components != Components::None;
    steps.push(Step::SetBackupState(SetBackupState {
        kind: backup.kind.clone(),
        select_components: At::nowhere(Flag(select)),
        partial_files: backup.partial_files.clone(),
        ..SetBackupState::default()
    }));
    if !writers {
        return;
    }
    steps.push(Step::GatherWriterMetadata(Asynchronous::default()));
    steps.push(Step::ReadMetadata(Empty {}));
    // Every AddComponent comes before StartSnapshotSet (BKP-ORD-020).
    match &backup.components {
        Components::All => steps.push(Step::AddComponents(AddComponents::default())),
        Components::None => {}
        Components::Chosen(chosen) => steps
            .extend(chosen.iter().map(|one| Step::AddComponent(OfComponent { component: one.clone(), expect: None }))),
    }
    // INC-028.
    if matches!(backup.kind.0, BackupType::Incremental | BackupType::Differential) {
        steps.push(Step::PassStamps(PassStamps { kind: backup.kind.clone() }));
    }
}

/// Steps 7 to 25: the set, its volumes, the shadow copies.
fn create(backup: &Backup, writers: bool, steps: &mut Vec<Step>) {
    steps.push(Step::StartSnapshotSet(Plain::default()));
    for volume in &backup.volumes {
        // The name ends with a backslash (API-034); IsVolumeSupported comes first (BKP-ORD-022).
        let argument = OfVolume {
            volume: volume.with(Name(format!("{}\\", volume.0))),
            provider: backup.provider.clone(),
            provider_id: None,
            expect: None,
        };
        steps.push(Step::IsVolumeSupported(argument.clone()));
        steps.push(Step::AddToSnapshotSet(argument));
    }
    // Also without components, so that the writers' metadata stays consistent (BKP-ORD-027).
    if writers {
        steps.push(Step::PrepareForBackup(Asynchronous::default()));
        check(backup, steps);
    }
    steps.push(Step::DoSnapshotSet(Asynchronous::default()));
    if writers {
        check(backup, steps);
    }
}

/// Steps 27 to 32: the files, the report, the end.
fn copy_and_complete(backup: &Backup, writers: bool, steps: &mut Vec<Step>) {
    for volume in &backup.volumes {
        steps.push(Step::GetSnapshotProperties(OfSnapshot { volume: volume.clone(), expect: None }));
    }
    steps.push(Step::CopyFiles(CopyFiles { takes: backup.copy_takes.clone() }));
    if writers {
        // Per component, before BackupComplete (BKP-ORD-038).
        if backup.components != Components::None {
            steps.push(Step::ReportComponents(Empty {}));
        }
        steps.push(Step::BackupComplete(Asynchronous::default()));
        check(backup, steps);
    }
    // Only after DoSnapshotSet has ended (BKP-ORD-042); the documents go to the media (BKP-ORD-043).
    steps.push(Step::SaveAsXML(Plain::default()));
    if writers {
        steps.push(Step::FreeWriterMetadata(Plain::default()));
    }
    steps.push(Step::Release(Plain::default()));
}

/// Expands a `restore:` macro: the documented sequence for each backup, the last one without further restores (RST-ORD-020).
#[must_use]
pub fn expand_restore(restore: &Restore, pos: Pos) -> Expanded {
    let latest = vec![None];
    let backups = restore.backups.iter().cloned().map(Some).collect::<Vec<_>>();
    let backups = if backups.is_empty() { latest } else { backups };
    let mut steps = Vec::new();
    for (at, backup) in backups.iter().enumerate() {
        let more_follow = At::nowhere(Flag(at + 1 < backups.len()));
        steps.push(Step::CreateVssBackupComponents(Plain::default()));
        steps.push(Step::InitializeForRestore(InitializeForRestore { backup: backup.clone() }));
        // Only who runs matters (RST-ORD-003, RST-ORD-004).
        steps.push(Step::GatherWriterMetadata(Asynchronous::default()));
        let components = restore.components.clone();
        steps.push(Step::SelectComponents(SelectComponents { components, more_follow }));
        steps.extend(restore.calls.iter().map(|call| Step::Call(Box::new(call.value.clone()))));
        steps.push(Step::PreRestore(Asynchronous::default()));
        // RST-ORD-010, RST-ORD-016
        let check = restore.check_status.0.then_some(Step::CheckWriters(Empty {}));
        steps.extend(check.clone());
        steps.push(Step::RestoreFiles(RestoreFiles { takes: restore.takes.clone() }));
        steps.push(Step::PostRestore(Asynchronous::default()));
        steps.extend(check);
        steps.push(Step::Release(Plain::default()));
    }
    let after_failure = match restore.on_failure.value {
        OnFailure::Continue => Vec::new(),
        // No restore is aborted (C-36).
        OnFailure::Abort | OnFailure::GiveUp => vec![Step::Release(Plain::default())],
    };
    let (on_failure, retry_after) = (restore.on_failure.value, vssim_model::time::Ticks::ZERO);
    Expanded { pos, steps, on_failure, after_failure, retries: 0, retry_after }
}

/// BKP-ORD-032, BKP-ORD-033, BKP-ORD-040.
fn check(backup: &Backup, steps: &mut Vec<Step>) {
    if backup.check_status.0 {
        steps.push(Step::CheckWriters(Empty {}));
    }
}

/// What the handler of an event does: what was written, or what a good writer with its application does.
///
/// It stops the application at Freeze and lets it go on at Thaw or Abort, and truncates the log once the backup is
/// complete (BKP-TYPE-009, BKP-TYPE-011), if its type is one after which that is done. Files excluded from the shadow copy
/// it deletes there at PostSnapshot (BKP-SET-013).
#[must_use]
pub fn actions(writer: &Writer, event: WriterEvent) -> Vec<Action> {
    if let Some(written) = writer.handlers.of(event).and_then(|handler| handler.actions.as_ref()) {
        return written.iter().map(|action| action.value.clone()).collect();
    }
    let excludes =
        matches!(&writer.metadata.value, Metadata::Inline(inline) if !inline.exclude_from_snapshot.is_empty());
    if event == WriterEvent::PostSnapshot && excludes {
        return vec![Action::DeleteExcluded(Empty {})];
    }
    let Some(application) = writer.application.clone() else { return Vec::new() };
    match event {
        WriterEvent::Freeze => vec![Action::Quiesce(application)],
        WriterEvent::Thaw | WriterEvent::Abort => vec![Action::Resume(application)],
        WriterEvent::BackupComplete => vec![Action::TruncateLog(application)],
        _ => Vec::new(),
    }
}

/// The name under which a script writes a step.
#[must_use]
pub fn step_name(step: &Step) -> &'static str {
    match step {
        Step::CreateVssBackupComponents(_) => "CreateVssBackupComponents",
        Step::InitializeForBackup(_) => "InitializeForBackup",
        Step::SetContext(_) => "SetContext",
        Step::SetBackupState(_) => "SetBackupState",
        Step::EnableWriterClasses(_) => "EnableWriterClasses",
        Step::DisableWriterClasses(_) => "DisableWriterClasses",
        Step::DisableWriterInstances(_) => "DisableWriterInstances",
        Step::GatherWriterMetadata(_) => "GatherWriterMetadata",
        Step::GetWriterMetadataCount(_) => "GetWriterMetadataCount",
        Step::GetWriterMetadata(_) => "GetWriterMetadata",
        Step::FreeWriterMetadata(_) => "FreeWriterMetadata",
        Step::AddComponent(_) => "AddComponent",
        Step::StartSnapshotSet(_) => "StartSnapshotSet",
        Step::IsVolumeSupported(_) => "IsVolumeSupported",
        Step::AddToSnapshotSet(_) => "AddToSnapshotSet",
        Step::SetBackupOptions(_) => "SetBackupOptions",
        Step::SetPreviousBackupStamp(_) => "SetPreviousBackupStamp",
        Step::PrepareForBackup(_) => "PrepareForBackup",
        Step::GatherWriterStatus(_) => "GatherWriterStatus",
        Step::GetWriterStatusCount(_) => "GetWriterStatusCount",
        Step::GetWriterStatus(_) => "GetWriterStatus",
        Step::FreeWriterStatus(_) => "FreeWriterStatus",
        Step::DoSnapshotSet(_) => "DoSnapshotSet",
        Step::GetSnapshotProperties(_) => "GetSnapshotProperties",
        Step::SetBackupSucceeded(_) => "SetBackupSucceeded",
        Step::BackupComplete(_) => "BackupComplete",
        Step::AbortBackup(_) => "AbortBackup",
        Step::SaveAsXML(_) => "SaveAsXML",
        Step::InitializeForRestore(_) => "InitializeForRestore",
        Step::PreRestore(_) => "PreRestore",
        Step::PostRestore(_) => "PostRestore",
        Step::SelectComponents(_) => "select_components",
        Step::RestoreFiles(_) => "restore_files",
        Step::Restore(_) => "restore",
        Step::Release(_) => "Release",
        Step::Wait(_) => "Wait",
        Step::QueryStatus(_) => "QueryStatus",
        Step::Cancel(_) => "Cancel",
        Step::Sleep(_) => "sleep",
        Step::Crash(_) => "crash",
        Step::ReadMetadata(_) => "read_metadata",
        Step::AddComponents(_) => "add_components",
        Step::CheckWriters(_) => "check_writers",
        Step::CopyFiles(_) => "copy_files",
        Step::PassStamps(_) => "pass_stamps",
        Step::ReportComponents(_) => "report_components",
        Step::Backup(_) => "backup",
        Step::Call(_) => "call",
        Step::Privileges(_) => "privileges",
        Step::Damage(_) => "damage",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    fn names(text: &str) -> Vec<&'static str> {
        let backup: Backup = parse(text).unwrap();
        expand_backup(&backup, Pos::default()).steps.iter().map(step_name).collect()
    }

    #[test]
    fn a_backup_expands_to_the_documented_sequence() {
        assert_eq!(
            names("volumes: ['C:', 'D:']"),
            [
                "CreateVssBackupComponents",
                "InitializeForBackup",
                "SetBackupState",
                "GatherWriterMetadata",
                "read_metadata",
                "add_components",
                "StartSnapshotSet",
                "IsVolumeSupported",
                "AddToSnapshotSet",
                "IsVolumeSupported",
                "AddToSnapshotSet",
                "PrepareForBackup",
                "check_writers",
                "DoSnapshotSet",
                "check_writers",
                "GetSnapshotProperties",
                "GetSnapshotProperties",
                "copy_files",
                "report_components",
                "BackupComplete",
                "check_writers",
                "SaveAsXML",
                "FreeWriterMetadata",
                "Release",
            ]
        );
    }

    #[test]
    fn a_context_without_writers_makes_no_call_that_concerns_writers() {
        let names = names("{volumes: ['C:'], context: VSS_CTX_FILE_SHARE_BACKUP}");
        for call in ["GatherWriterMetadata", "AddComponent", "PrepareForBackup", "BackupComplete", "check_writers"] {
            assert!(!names.contains(&call), "{call}");
        }
        assert!(names.contains(&"SetContext") && names.contains(&"DoSnapshotSet"));
    }

    #[test]
    fn volumes_are_passed_with_their_trailing_backslash() {
        let backup: Backup = parse("volumes: ['C:']").unwrap();
        let steps = expand_backup(&backup, Pos::default()).steps;
        assert!(steps.iter().any(|step| matches!(step, Step::AddToSnapshotSet(of) if of.volume.0 == "C:\\")));
    }

    #[test]
    fn without_a_status_check_no_state_is_asked_for() {
        assert!(!names("{volumes: ['C:'], check_status: false}").contains(&"check_writers"));
    }

    #[test]
    fn a_failure_aborts_and_releases_unless_told_otherwise() {
        let after = |text: &str| {
            let backup: Backup = parse(text).unwrap();
            let expanded = expand_backup(&backup, Pos::default());
            expanded.after_failure.iter().map(step_name).collect::<Vec<_>>()
        };
        assert_eq!(after("volumes: ['C:']"), ["AbortBackup", "Release"]);
        assert_eq!(after("{volumes: ['C:'], on_failure: give-up}"), ["Release"]);
        assert!(after("{volumes: ['C:'], on_failure: continue}").is_empty());
    }

    #[test]
    fn a_writer_with_an_application_freezes_and_thaws_it_unless_told_otherwise() {
        let text = "{name: W, application: A, metadata: {inline: {}}, handlers: {Thaw: {do: []}}}";
        let writer: Writer = parse(text).unwrap();
        assert!(matches!(actions(&writer, WriterEvent::Freeze).as_slice(), [Action::Quiesce(name)] if name.0 == "A"));
        assert!(matches!(actions(&writer, WriterEvent::Abort).as_slice(), [Action::Resume(_)]));
        assert!(actions(&writer, WriterEvent::Thaw).is_empty());
        assert!(actions(&writer, WriterEvent::Identify).is_empty());
    }

    #[test]
    fn chosen_components_are_added_one_by_one_before_the_set_is_opened() {
        let names = names("{volumes: ['C:'], components: [{writer: W, name: a}, {writer: W, name: b}]}");
        let start = names.iter().position(|name| *name == "StartSnapshotSet").unwrap();
        assert_eq!(names.iter().take(start).filter(|name| **name == "AddComponent").count(), 2);
        assert!(!names.contains(&"add_components"));
    }
}
