//! What kind of backup of a writer comes of the type that the requester names and the schema that the writer declares.

use vssim_model::api::{BackupType, ComponentName};
use vssim_model::documents::{BackupSchema, FileSpecBackupType as Mask};

use crate::backup_store::BackupStore;

/// How a component is backed up: as the requester says where its writer supports that (BKP-TYPE-043), else in full
/// (BKP-TYPE-014; docs/choices.md, C-09). A writer that forbids mixing incremental and differential backups on one
/// base (BKP-TYPE-031) is backed up in full where they would be mixed.
#[must_use]
pub fn effective_type(
    requested: BackupType,
    schema: BackupSchema,
    store: &BackupStore,
    component: &ComponentName,
) -> BackupType {
    let (needed, other) = match requested {
        BackupType::Incremental => (BackupSchema::INCREMENTAL, Some(BackupType::Differential)),
        BackupType::Differential => (BackupSchema::DIFFERENTIAL, Some(BackupType::Incremental)),
        BackupType::Log => (BackupSchema::LOG, None),
        BackupType::Copy => (BackupSchema::COPY, None),
        _ => return requested,
    };
    let exclusive = schema.contains(BackupSchema::EXCLUSIVE_INCREMENTAL_DIFFERENTIAL);
    if !schema.contains(needed) {
        // Nothing marks files as backed up here, so a copy in place of a copy backup would still be one.
        return if requested == BackupType::Copy { BackupType::Copy } else { BackupType::Full };
    }
    let since_full = store.history(component).map(|(_, stored)| stored.backup_type);
    let mixed = since_full.take_while(|known| *known != BackupType::Full).any(|known| Some(known) == other);
    if exclusive && mixed { BackupType::Full } else { requested }
}

/// Whether a backup leaves the log of a writer as it is: a copy backup always (BKP-TYPE-012), a differential one (BKP-TYPE-010)
/// unless the writer does not know the type and takes it for a full one (BKP-TYPE-013). One of type "other" is no base of anything.
#[must_use]
pub fn keeps_log(requested: BackupType, schema: BackupSchema) -> bool {
    match requested {
        BackupType::Copy | BackupType::Other => true,
        BackupType::Differential => schema.contains(BackupSchema::DIFFERENTIAL),
        _ => false,
    }
}

/// The bits of a file set that say, for a backup type, whether its files take part and whether they are read from a shadow copy.
pub(super) fn mask_bits(backup_type: BackupType) -> (Mask, Mask) {
    match backup_type {
        BackupType::Incremental => (Mask::INCREMENTAL_BACKUP_REQUIRED, Mask::INCREMENTAL_SNAPSHOT_REQUIRED),
        BackupType::Differential => (Mask::DIFFERENTIAL_BACKUP_REQUIRED, Mask::DIFFERENTIAL_SNAPSHOT_REQUIRED),
        BackupType::Log => (Mask::LOG_BACKUP_REQUIRED, Mask::LOG_SNAPSHOT_REQUIRED),
        _ => (Mask::FULL_BACKUP_REQUIRED, Mask::FULL_SNAPSHOT_REQUIRED),
    }
}
