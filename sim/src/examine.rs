//! Looking at shadow copies: the comparison with the reference, the state of applications' data.

use vssim_model::ids::SnapshotId;
use vssim_model::trace::What;

use crate::application::whole_file;
use crate::database::{Finding, classify};
use crate::plan::ActorId;
use crate::storage::FileId;
use crate::world::{Step, World};

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
}
