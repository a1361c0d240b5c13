//! Where requesters put what they backed up: files by their original paths, with the documents of the backup.
//!
//! ```text
//!  BackupStore ──► backup (full) ──► backup (incremental) ──► …          oldest first
//!                    │ documents, as texts
//!                    └ component ──► files ──► parts: offset, bytes
//! ```
//!
//! A store holds backups in the order in which they were made, so a chain (a full one, then incremental or differential
//! ones) is read front to back. It knows nothing of how files were chosen or where they go. What requesters remember of
//! earlier backups (the base of the next one, stamps) is read off the store.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use vssim_model::api::{BackupType, ComponentName};
use vssim_model::documents::BackupComponents;
use xxhash_rust::xxh3::Xxh3;

use crate::identity::{Ids, hash_document};
use crate::storage::Bytes;

/// Everything that requesters backed up, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupStore {
    /// The backups.
    pub backups: Vec<Arc<StoredBackup>>,
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBackup {
    /// A name that is unique in the store.
    pub name: String,
    /// The backup type that the requester named.
    pub backup_type: BackupType,
    /// The moment that its files show (FILETIME): the commit of its shadow copies, or that of copying where there are none.
    pub taken: u64,
    /// The Backup Components Document, as SaveAsXML gave it last; empty while it was never saved. Then nothing can be restored.
    pub backup_components: Arc<str>,
    /// The Writer Metadata Documents, as they were gathered.
    pub writer_metadata: Vec<Arc<str>>,
    /// What was copied, by component; those that were included implicitly stand for themselves.
    pub components: BTreeMap<ComponentName, StoredComponent>,
}

/// What was copied of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredComponent {
    /// How it was backed up: in full where its writer does not support the type of the backup (docs/choices.md, C-09).
    pub backup_type: BackupType,
    /// Whether SetBackupSucceeded said so, by the document as it was saved; none if nobody said anything.
    pub succeeded: Option<bool>,
    /// The backup stamp that its writer set.
    pub stamp: Option<String>,
    /// The files.
    pub files: Vec<StoredFile>,
}

/// A file, or parts of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The full path at which it is restored, whatever path it was read from: `C:\Orders\orders.db`.
    pub path: String,
    /// The path that it was read from, where that is another one (an alternate path).
    pub read_from: Option<String>,
    /// Whether it was read from the live volume rather than from a shadow copy.
    pub live: bool,
    /// The size of the whole file in bytes.
    pub size: u64,
    /// When it was last written, as a FILETIME.
    pub modified: u64,
    /// What was copied: offset and bytes, in the order of the ranges. One part from 0 on for a whole file.
    pub parts: Vec<(u64, Bytes)>,
    /// Whether the parts are all of the file, rather than the ranges that a writer named.
    pub whole: bool,
}

impl BackupStore {
    /// The backup on which one of this type builds for a component: the last full one for a differential backup, the last full or
    /// incremental one for an incremental backup (docs/choices.md, C-24). Backups that failed and those whose document was never
    /// saved do not count; copy and log backups are no part of the history (BKP-TYPE-004).
    #[must_use]
    pub fn base(
        &self,
        backup_type: BackupType,
        component: &ComponentName,
    ) -> Option<(&StoredBackup, &StoredComponent)> {
        let kinds: &[BackupType] = match backup_type {
            BackupType::Incremental => &[BackupType::Full, BackupType::Incremental],
            BackupType::Differential => &[BackupType::Full],
            _ => return None,
        };
        self.history(component).find(|(_, stored)| kinds.contains(&stored.backup_type))
    }

    /// The good backups of a component, newest first. A writer that was started again has another instance id, so the class counts
    /// where no backup has the instance.
    pub fn history<'a>(
        &'a self,
        component: &ComponentName,
    ) -> impl Iterator<Item = (&'a StoredBackup, &'a StoredComponent)> {
        let known = self.backups.iter().any(|backup| backup.components.contains_key(component));
        let alike = move |name: &ComponentName| {
            name.writer == component.writer
                && name.logical_path == component.logical_path
                && name.name == component.name
                && (!known || name.instance == component.instance)
        };
        let good = self.backups.iter().rev().filter(|backup| !backup.backup_components.is_empty());
        good.filter_map(move |backup| {
            let (_, stored) = backup.components.iter().find(|(name, _)| alike(name))?;
            (stored.succeeded != Some(false)).then_some((&**backup, stored))
        })
    }

    /// Adds a backup, or puts it in place of the one of its name.
    pub fn put(&mut self, backup: StoredBackup) {
        let backup = Arc::new(backup);
        match self.backups.iter_mut().find(|known| known.name == backup.name) {
            Some(known) => *known = backup,
            None => self.backups.push(backup),
        }
    }

    /// Hashes all that later steps of a run can tell apart. Moments are compared elsewhere (`identity`), and random ids count by their
    /// place behind those that are known.
    pub(crate) fn hash_with<H: Hasher>(&self, ids: &Ids<'_>, state: &mut H) {
        state.write_usize(self.backups.len());
        for backup in &self.backups {
            backup.hash_known(&mut ids.clone(), state);
        }
    }

    /// The backup of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&StoredBackup> {
        self.backups.iter().find(|backup| backup.name == name).map(AsRef::as_ref)
    }
}

impl StoredBackup {
    /// Takes the Backup Components Document in, as SaveAsXML gave it.
    pub fn set_document(&mut self, text: Arc<str>) {
        if let Ok(document) = BackupComponents::read(text.as_bytes()) {
            for (name, stored) in &mut self.components {
                let view = document.component(name);
                stored.succeeded = view.and_then(|view| view.backup_succeeded()).or(stored.succeeded);
                stored.stamp = view.and_then(|view| view.backup_stamp()).map(str::to_owned);
            }
        }
        self.backup_components = text;
    }

    /// All its files, with their components.
    pub fn files(&self) -> impl Iterator<Item = (&ComponentName, &StoredFile)> + '_ {
        self.components.iter().flat_map(|(name, stored)| stored.files.iter().map(move |file| (name, file)))
    }

    fn hash_known<'t, H: Hasher>(&'t self, ids: &mut Ids<'t>, state: &mut H) {
        self.name.hash(state);
        self.backup_type.hash(state);
        hash_document(&self.backup_components, ids, state);
        state.write_usize(self.writer_metadata.len());
        for text in &self.writer_metadata {
            hash_document(text, ids, state);
        }
        // In an order that does not turn on the instances, which are random: a writer's that is there or that a document names stands
        // where that does, others by what was copied.
        let mut components: Vec<(&ComponentName, &StoredComponent)> = self.components.iter().collect();
        components.sort_by_cached_key(|(name, stored)| {
            let place = ids.known(name.instance).ok_or_else(|| stored.digest());
            (name.writer, &name.logical_path, &name.name, place)
        });
        state.write_usize(components.len());
        for (name, stored) in components {
            (ids.place(name.instance), name.writer, &name.logical_path, &name.name).hash(state);
            stored.hash_known(state);
        }
    }
}

impl StoredComponent {
    fn digest(&self) -> u128 {
        let mut digest = Xxh3::new();
        self.hash_known(&mut digest);
        digest.digest128()
    }

    fn hash_known<H: Hasher>(&self, state: &mut H) {
        (self.backup_type, self.succeeded, &self.stamp, self.files.len()).hash(state);
        for file in &self.files {
            (&file.path, &file.read_from, file.live, file.size, file.whole, file.parts.len()).hash(state);
            for (offset, bytes) in &file.parts {
                (offset, bytes.digest()).hash(state);
            }
        }
    }
}
