//! A requester copies: the backup set is made from the documents, and its bytes go into the store, referred to rather than copied.
//!
//! ```text
//!  documents + volumes ──► backup_set::select ──► items ──► StoredFile (pages of the shadow copy, or of the live volume)
//!                                                             │
//!  SaveAsXML ─────────────────────────────────────────────────┴──► StoredBackup
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use vssim_model::api::{BackupType, ComponentName};
use vssim_model::context::Attributes;
use vssim_model::documents::WriterMetadata;
use vssim_model::excluded::Excluded;
use vssim_model::file_spec::FileSet;
use vssim_model::ids::{SnapshotId, WriterInstanceId};
use vssim_model::trace::{EventLog, EventLogEntry, Io, What as Record};

use crate::backup_set::{Given, Item, Problem, ProblemKind, Selection, Source, VolumeFiles, What, select};
use crate::backup_store::{BackupStore, StoredBackup, StoredComponent, StoredFile};
use crate::identity::{Ids, hash_document};
use crate::plan::{ActorId, ComponentOf, SHADOW_COPY_OPTIMIZATION_WRITER};
use crate::service::Object;
use crate::storage::{Bytes, FileId, StorageError, Volume};
use crate::world::{Step, World};

/// The longest ranges file: a count and 1,048,576 ranges.
const LONGEST_RANGES: u64 = 8 + 16 * 1_048_576;

/// What joins backups under way with what is in the store, by the number of the backup components object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copying {
    names: BTreeMap<u32, String>,
    documents: BTreeMap<u32, Arc<str>>,
}

impl Copying {
    /// What is known of an object's backup: which one of the store it is, and its document before anything was copied.
    pub(crate) fn hash_object<H: Hasher>(&self, object: u32, store: &BackupStore, ids: &Ids<'_>, state: &mut H) {
        let name = self.names.get(&object);
        name.map(|name| store.backups.iter().position(|backup| backup.name == *name)).hash(state);
        let document = self.documents.get(&object);
        state.write_u8(u8::from(document.is_some()));
        if let Some(text) = document {
            hash_document(text, &mut ids.clone(), state);
        }
    }
}

/// The shadow copies of a set, by volume.
type Copies = BTreeMap<u16, SnapshotId>;

impl World {
    /// A requester copies the files of its components.
    pub(crate) fn copy_files(&mut self, from: ActorId, object: u32, step: &mut Step<'_>) -> Result<(), StorageError> {
        let found = self.service.object_numbered(object);
        let Some((_, backup)) = found else { return Ok(()) };
        let set = backup.set.and_then(|set| self.service.sets.get(set));
        let copies: Copies =
            set.into_iter().flat_map(|set| &set.shadows).map(|shadow| (shadow.volume, shadow.id.0)).collect();
        for &copy in copies.values() {
            self.storage.view(copy)?;
        }
        let selection = self.backup_set(backup, &copies);
        let taken = copies.values().filter_map(|copy| Some(self.storage.view(*copy).ok()?.snapshot().created())).min();
        let taken = taken.unwrap_or(self.plan.start + self.now.0);
        let (stored, read) = self.store_files(&selection, &copies)?;
        let backup_type = backup.document.backup_state().map_or(BackupType::Full, |state| state.backup_type);
        let writer_metadata = backup.identified.iter().filter_map(|writer| self.service.metadata_text(*writer));
        let writer_metadata = writer_metadata.collect();
        let name = self.name_of_backup(from, object);
        let mut whole = StoredBackup {
            name,
            backup_type,
            taken,
            backup_components: Arc::from(""),
            writer_metadata,
            components: stored,
        };
        if let Some(text) = self.copying.documents.get(&object) {
            whole.set_document(Arc::clone(text));
        }
        Arc::make_mut(&mut self.store).put(whole);
        for (volume, (snapshot, files, bytes)) in read {
            let Some(name) = self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.clone()) else { continue };
            self.record(step, from, || Record::Io { volume: name, io: Io::BulkRead { snapshot, files, bytes } });
        }
        self.tell_problems(from, object, &selection.problems, step);
        Ok(())
    }

    /// The Backup Components Document was saved: it belongs to the backup.
    pub(crate) fn document_saved(&mut self, object: u32, text: &Arc<str>) {
        self.copying.documents.insert(object, Arc::clone(text));
        let Some(name) = self.copying.names.get(&object) else { return };
        let Some(mut backup) = self.store.find(name).cloned() else { return };
        backup.set_document(Arc::clone(text));
        Arc::make_mut(&mut self.store).put(backup);
    }

    /// The requester's name and a number; a second copy for the same object takes the place of the first.
    fn name_of_backup(&mut self, from: ActorId, object: u32) -> String {
        if let Some(name) = self.copying.names.get(&object) {
            return name.clone();
        }
        let requester = self.name(from).to_string();
        let mut number = self.store.backups.len();
        let name = loop {
            number += 1;
            let name = format!("{requester} {number}");
            if self.store.find(&name).is_none() {
                break name;
            }
        };
        self.copying.names.insert(object, name.clone());
        name
    }

    /// A writer deletes from the shadow copies of its backup what its document excludes from them (BKP-SET-013); the Shadow Copy
    /// Optimization Writer what FilesNotToSnapshot names, but not from those for shared folders (BKP-SET-008, BKP-SET-023). Where the
    /// context switches auto-recovery off nothing is excluded (BKP-SET-010). Files that are not there are passed over (BKP-SET-021).
    pub(crate) fn delete_excluded(&mut self, from: ActorId, delivery: Option<u32>) -> Result<(), StorageError> {
        let ActorId::Writer(writer) = from else { return Ok(()) };
        let Some((_, metadata)) = self.service.gathered_metadata(writer) else { return Ok(()) };
        let sets: Vec<FileSet> = metadata
            .excludes_from_snapshot()
            .filter_map(|set| FileSet::new(set.path(), set.filespec(), set.recursive()).ok())
            .filter_map(|set| set.expand(&self.plan.variables).ok())
            .collect();
        let class = self.plan.writers.get(usize::from(writer)).map(|plan| plan.class);
        let by_registry: &[Excluded] =
            if class == Some(SHADOW_COPY_OPTIMIZATION_WRITER) { &self.plan.not_to_snapshot } else { &[] };
        let mut doomed: Vec<(SnapshotId, FileId)> = Vec::new();
        for (volume, plan) in (0_u16..).zip(&self.plan.volumes) {
            let Some(copy) = self.service.copy_for_writer(writer, delivery, volume) else { continue };
            let Some((_, context, attributes)) = self.service.facts_of(copy) else { continue };
            let attributes = Attributes(context | attributes);
            let shared = attributes.contains(Attributes::CLIENT_ACCESSIBLE);
            let by_registry = if shared { &[] } else { by_registry };
            let there = self.storage.view(copy)?.files().files();
            let named = there.filter(|(_, file)| {
                let path = format!("{}\\{}", plan.name, file.path());
                sets.iter().any(|set| set.matches(&path)) || by_registry.iter().any(|named| named.matches(&path))
            });
            doomed.extend(named.map(|(file, _)| (copy, file)));
        }
        for (copy, file) in doomed {
            self.storage.delete_snapshot_file(copy, file)?;
        }
        Ok(())
    }

    /// What FilesNotToBackup names under values that are no writer's. One that has the name of a writer that is there is ignored, as that
    /// writer says itself what is backed up (BKP-SET-005).
    pub(crate) fn not_to_backup(&self, object: &Object) -> Vec<&Excluded> {
        let there = |name: &str| {
            let mut names = object.identified.iter().filter_map(|writer| self.service.name_of(*writer));
            names.any(|writer| writer.eq_ignore_ascii_case(name))
        };
        let values = self.plan.not_to_backup.iter().filter(|(name, _)| !there(name));
        values.flat_map(|(_, excluded)| excluded).collect()
    }

    fn backup_set(&self, backup: &Object, copies: &Copies) -> Selection {
        let metadata: Vec<(WriterInstanceId, &WriterMetadata)> =
            backup.identified.iter().filter_map(|&writer| self.service.gathered_metadata(writer)).collect();
        let volume = |(index, plan): (u16, &'_ crate::plan::VolumePlan)| {
            let copy = copies.get(&index).and_then(|copy| self.storage.view(*copy).ok()).map(|view| view.files());
            let live = self.storage.volume(plan.id).ok().map(Volume::files);
            (plan.name.clone(), live, copy)
        };
        let volumes: Vec<_> = (0_u16..).zip(&self.plan.volumes).map(volume).collect();
        let volumes: Vec<VolumeFiles<'_>> =
            volumes.iter().map(|(name, live, copy)| VolumeFiles { name, live: *live, copy: *copy }).collect();
        let read = |volume: u16, source: Source, file: FileId| {
            let bytes = self.share(copies, volume, source, file, 0, u64::MAX).ok()?;
            (bytes.len() <= LONGEST_RANGES).then(|| bytes.to_vec())
        };
        select(&Given {
            document: &backup.document,
            metadata: &metadata,
            variables: &self.plan.variables,
            volumes: &volumes,
            not_to_backup: &self.not_to_backup(backup),
            store: &self.store,
            read: &read,
        })
    }

    fn share(
        &self,
        copies: &Copies,
        volume: u16,
        source: Source,
        file: FileId,
        offset: u64,
        length: u64,
    ) -> Result<Bytes, StorageError> {
        match (source, copies.get(&volume)) {
            (Source::Copy, Some(copy)) => self.storage.view(*copy)?.share_file(file, offset, length),
            (Source::Copy, None) => Err(StorageError::NoSuchFile),
            (Source::Live, _) => self.storage.share_file(self.volume_id(volume), file, offset, length),
        }
    }

    /// The files of a backup set, and what was read of each shadow copy: files and bytes.
    #[allow(clippy::type_complexity, reason = "two maps, taken apart at once")]
    fn store_files(
        &self,
        selection: &Selection,
        copies: &Copies,
    ) -> Result<(BTreeMap<ComponentName, StoredComponent>, BTreeMap<u16, (SnapshotId, u64, u64)>), StorageError> {
        let mut read: BTreeMap<u16, (SnapshotId, u64, u64)> =
            copies.iter().map(|(volume, copy)| (*volume, (*copy, 0, 0))).collect();
        let mut seen = BTreeSet::new();
        let mut stored = BTreeMap::new();
        for chosen in &selection.components {
            let mut files = Vec::new();
            for item in &chosen.items {
                let file = self.stored_file(item, copies)?;
                if item.source == Source::Copy
                    && seen.insert((item.volume, item.file))
                    && let Some((_, count, bytes)) = read.get_mut(&item.volume)
                {
                    *count += 1;
                    *bytes += file.parts.iter().map(|(_, bytes)| bytes.len()).sum::<u64>();
                }
                files.push(file);
            }
            let component = StoredComponent { backup_type: chosen.backup_type, succeeded: None, stamp: None, files };
            stored.insert(chosen.component.clone(), component);
        }
        Ok((stored, read))
    }

    fn stored_file(&self, item: &Item, copies: &Copies) -> Result<StoredFile, StorageError> {
        let files = match (item.source, copies.get(&item.volume)) {
            (Source::Copy, Some(copy)) => self.storage.view(*copy)?.files(),
            _ => self.storage.volume(self.volume_id(item.volume))?.files(),
        };
        let size = files.file(item.file).ok_or(StorageError::NoSuchFile)?.size();
        let share = |offset, length| self.share(copies, item.volume, item.source, item.file, offset, length);
        let parts: Result<Vec<(u64, Bytes)>, StorageError> = match &item.what {
            What::Whole => share(0, u64::MAX).map(|bytes| vec![(0, bytes)]),
            What::Ranges(ranges) => {
                ranges.iter().map(|range| Ok((range.offset, share(range.offset, range.length)?))).collect()
            }
        };
        Ok(StoredFile {
            path: item.path.clone(),
            read_from: item.read_from.clone(),
            live: item.source == Source::Live,
            size,
            modified: files.modified(item.file),
            parts: parts?,
            whole: item.what == What::Whole,
        })
    }

    /// What could not be copied is known to the requester, and told in the event log (INC-016).
    fn tell_problems(&mut self, from: ActorId, object: u32, problems: &[Problem], step: &mut Step<'_>) {
        for problem in problems {
            let source = self.name(from).to_string();
            let message = told(problem);
            let entry = EventLogEntry { log: EventLog::Application, source, id: None, message };
            self.record(step, from, || Record::EventLog(entry));
        }
        let failed: BTreeSet<ComponentOf> = problems
            .iter()
            .filter(|problem| problem.kind.loses_data())
            .filter_map(|problem| self.component_of(object, &problem.component))
            .collect();
        if let Some(process) = self.process_mut(from) {
            process.memory.not_copied = failed;
        }
    }

    fn component_of(&self, object: u32, name: &ComponentName) -> Option<ComponentOf> {
        let backup = self.service.object_numbered(object);
        let writer = self.service.writer_named(backup.map(|(_, backup)| backup), name.writer, name.instance)?;
        Some(ComponentOf { writer, logical_path: name.logical_path.clone(), name: name.name.clone() })
    }
}

fn told(problem: &Problem) -> String {
    let Problem { component, path, kind } = problem;
    let of = &component.name;
    match kind {
        ProblemKind::NoShadowCopy => format!("{of}: {path} was not copied: its volume has no shadow copy."),
        ProblemKind::PartialAndDifferenced => {
            format!("{of}: {path} is both a partial and a differenced file; the writer is at fault.")
        }
        ProblemKind::Ranges(why) => format!("{of}: {path} was not copied: {why}."),
        ProblemKind::NotThere => format!("{of}: {path} was not copied: the file is not there."),
    }
}
