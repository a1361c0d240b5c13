//! Where requesters put what they backed up: files by their original paths, with the documents of the backup.
//!
//! A store holds backups in the order in which they were made, so a chain (a full one, then incremental or differential
//! ones) is read front to back. It knows nothing of how files were chosen or where they go.

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_model::api::{BackupType, ComponentName};

/// Everything that requesters backed up, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BackupStore {
    /// The backups.
    pub backups: Vec<StoredBackup>,
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoredBackup {
    /// A name that is unique in the store.
    pub name: String,
    /// The backup type that the requester named.
    pub backup_type: BackupType,
    /// The Backup Components Document, as SaveAsXML gave it.
    pub backup_components: Arc<str>,
    /// The Writer Metadata Documents, as they were gathered.
    pub writer_metadata: Vec<Arc<str>>,
    /// What was copied, by component.
    pub components: BTreeMap<ComponentName, Vec<StoredFile>>,
}

/// A file, or parts of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoredFile {
    /// The full path at which it is restored, whatever path it was read from: `C:\Orders\orders.db`.
    pub path: String,
    /// The size of the whole file in bytes.
    pub size: u64,
    /// When it was last written, as a FILETIME.
    pub modified: u64,
    /// What was copied: offset and bytes. One part from 0 on for a whole file.
    pub parts: Vec<(u64, Arc<[u8]>)>,
    /// Whether the parts are all of the file, rather than the ranges that a writer named.
    pub whole: bool,
}
