//! Looking at shadow copies: the comparison with the reference, the state of applications' data, the files of a backup.

use std::collections::BTreeSet;

use vssim_model::file_spec::matches_wildcards;
use vssim_model::ids::SnapshotId;
use vssim_model::trace::{Io, What};

use crate::application::whole_file;
use crate::database::{Finding, classify};
use crate::plan::{ActorId, FileSet};
use crate::storage::{FileId, SnapshotView, StorageError};
use crate::world::{Step, World};

/// How much of a file is read at once.
const READ_BYTES: usize = 64 * 1024;

impl World {
    /// The shadow copies of a set, by volume.
    fn copies(&self, set: u32) -> Vec<(u16, SnapshotId)> {
        let set = self.service.sets.get(set);
        set.map(|set| set.shadows.iter().map(|shadow| (shadow.volume, shadow.id.0)).collect()).unwrap_or_default()
    }

    /// Compares the shadow copies of a set with their references.
    pub(crate) fn compare(&mut self, set: u32, step: &mut Step<'_>) {
        if !step.recorder.is_on() {
            return;
        }
        for (_, snapshot) in self.copies(set) {
            let Ok(Some(comparison)) = self.storage.compare(snapshot) else { continue };
            self.record(step, ActorId::Kernel, || What::Compared {
                snapshot,
                compared: comparison.compared,
                excluded_vss: comparison.excluded_vss,
                excluded_free: comparison.excluded_free,
                different: comparison.different,
            });
        }
    }

    /// Looks at the applications' data in the shadow copies of a set.
    pub(crate) fn examine(&mut self, set: u32, step: &mut Step<'_>) {
        if !step.recorder.is_on() {
            return;
        }
        let Some(id) = self.service.sets.get(set).map(|set| set.id.0) else { return };
        let copies = self.copies(set);
        for index in 0..u16::try_from(self.applications.len()).unwrap_or(u16::MAX) {
            let Some(finding) = self.data_of(index, &copies) else { continue };
            let (state, detail) = (finding.state, finding.detail);
            self.record(step, ActorId::Application(index), || What::Consistency { set: id, state, detail });
        }
    }

    /// What the bytes of an application's files in the shadow copies say. None if they are not all there.
    fn data_of(&self, index: u16, shadows: &[(u16, SnapshotId)]) -> Option<Finding> {
        let application = self.applications.get(usize::from(index))?;
        let read = |(volume, file): (u16, FileId)| {
            let &(_, snapshot) = shadows.iter().find(|(shadowed, _)| *shadowed == volume)?;
            let view = self.storage.view(snapshot).ok()?;
            let size = view.files().file(file)?.size();
            whole_file(size, |bytes| view.read_file(file, 0, bytes).is_ok())
        };
        let [log, pages] = application.files();
        let (log, pages) = (read(log)?, read(pages)?);
        Some(classify(&log, &pages))
    }

    /// A requester copies the files of its components out of the shadow copies of its set.
    pub(crate) fn read_snapshots(
        &mut self,
        from: ActorId,
        object: u32,
        step: &mut Step<'_>,
    ) -> Result<(), StorageError> {
        let found = self.service.objects.iter().find(|(_, candidate)| candidate.number.0 == object);
        let Some((_, object)) = found else { return Ok(()) };
        let Some(set) = object.set.and_then(|set| self.service.sets.get(set)) else { return Ok(()) };
        let mut read = Vec::new();
        for shadow in &set.shadows {
            let view = self.storage.view(shadow.id.0)?;
            let mut files = BTreeSet::new();
            for component in &object.components {
                for set in self.service.files_of(component).iter().filter(|set| set.volume == shadow.volume) {
                    collect(&view, set, &mut files);
                }
            }
            let mut bytes = 0;
            for &file in &files {
                bytes += read_through(&view, file)?;
            }
            read.push((shadow.volume, shadow.id.0, files.len() as u64, bytes));
        }
        for (volume, snapshot, files, bytes) in read {
            let Some(name) = self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.clone()) else { continue };
            self.record(step, from, || What::Io { volume: name, io: Io::BulkRead { snapshot, files, bytes } });
        }
        Ok(())
    }
}

/// The files of a shadow copy that belong to a file set.
fn collect(view: &SnapshotView<'_>, set: &FileSet, into: &mut BTreeSet<FileId>) {
    let wildcard = set.specification.contains(['*', '?']);
    if !wildcard && !set.recursive {
        let path = if set.directory.is_empty() {
            set.specification.clone()
        } else {
            format!("{}\\{}", set.directory, set.specification)
        };
        into.extend(view.files().find(&path));
        return;
    }
    let in_folder = view.files().list(&set.directory, set.recursive);
    let named = |path: &str| {
        let name = path.rsplit_once('\\').map_or(path, |(_, name)| name);
        matches_wildcards(&set.specification, name)
    };
    into.extend(in_folder.filter(|(_, file)| named(file.path())).map(|(file, _)| file));
}

fn read_through(view: &SnapshotView<'_>, file: FileId) -> Result<u64, StorageError> {
    let mut buffer = [0_u8; READ_BYTES];
    let mut offset = 0;
    loop {
        let read = view.read_file(file, offset, &mut buffer)? as u64;
        offset += read;
        if read < READ_BYTES as u64 {
            return Ok(offset);
        }
    }
}
