//! The steps that the scripts of the suite are made of.

use vssim_model::api::{AsyncCall, AsyncId, BackupComponentsCall as B, BackupType};
use vssim_model::ids::ProviderId;
use vssim_model::time::Ticks;
use vssim_sim::plan::{ComponentOf, Op, Span, Template};

/// Where requesters keep their asynchronous operation.
const KEPT: u8 = 0;

/// A call that is over when it returns.
pub(crate) fn call(call: B) -> Op {
    template(Template::Call(call))
}

/// A call that names what only the run knows.
pub(crate) fn template(call: Template) -> Op {
    Op::Backup { call, keep: None }
}

/// A call that starts an operation.
pub(crate) fn started(call: B) -> Op {
    Op::Backup { call: Template::Call(call), keep: Some(KEPT) }
}

/// Waits for the operation started last.
pub(crate) fn wait() -> Op {
    Op::Async { kept: KEPT, call: AsyncCall::Wait { operation: AsyncId(0), milliseconds: None } }
}

/// Cancels the operation started last.
pub(crate) fn cancel() -> Op {
    Op::Async { kept: KEPT, call: AsyncCall::Cancel { operation: AsyncId(0) } }
}

/// Takes so long.
pub(crate) fn exactly(seconds: u64) -> Op {
    Op::Takes(Span::exactly(Ticks::from_secs(seconds)))
}

/// The component of a writer.
pub(crate) fn component(writer: u16) -> ComponentOf {
    ComponentOf { writer, logical_path: String::new(), name: "Data".to_owned() }
}

/// How the backup is made.
pub(crate) fn backup_state() -> Op {
    call(B::SetBackupState {
        select_components: true,
        bootable_system_state: false,
        backup_type: BackupType::Full,
        partial_file_support: false,
    })
}

/// The first volume joins the set.
pub(crate) fn add_volume() -> Op {
    call(B::AddToSnapshotSet { volume: r"C:\".to_owned(), provider: ProviderId::NULL })
}

/// Every call that may come in a backup once, with arguments that are right there.
pub(crate) fn calls_of_a_backup() -> Vec<Op> {
    vec![
        call(B::InitializeForBackup { xml: None }),
        call(B::SetContext { context: 0 }),
        backup_state(),
        call(B::EnableWriterClasses { classes: Vec::new() }),
        call(B::DisableWriterClasses { classes: Vec::new() }),
        call(B::DisableWriterInstances { instances: Vec::new() }),
        started(B::GatherWriterMetadata),
        call(B::GetWriterMetadataCount),
        call(B::GetWriterMetadata { index: 0 }),
        call(B::FreeWriterMetadata),
        template(Template::AddComponent(component(0))),
        call(B::StartSnapshotSet),
        call(B::IsVolumeSupported { provider: ProviderId::NULL, volume: r"C:\".to_owned() }),
        add_volume(),
        template(Template::SetBackupOptions(component(0), "options".to_owned())),
        template(Template::SetPreviousBackupStamp(component(0), "stamp".to_owned())),
        started(B::PrepareForBackup),
        started(B::GatherWriterStatus),
        call(B::GetWriterStatusCount),
        call(B::GetWriterStatus { index: 0 }),
        call(B::FreeWriterStatus),
        started(B::DoSnapshotSet),
        template(Template::GetSnapshotProperties(0)),
        template(Template::SetBackupSucceeded(component(0), true)),
        started(B::BackupComplete),
        call(B::AbortBackup),
        call(B::SaveAsXML),
        call(B::Release),
        cancel(),
    ]
}
