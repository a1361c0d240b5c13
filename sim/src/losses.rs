//! Limits and losses: how many shadow copies a volume may have, what volsnap says of diff areas that find no room, and what happens to
//! the machine by itself.
//!
//! ```text
//!  BeginPrepareSnapshot ─► 512 copies there? ─► VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED
//!  EndPrepareSnapshots  ─► 64 client-accessible ones there? the oldest of them goes (58) ─► the area is made, in place of the oldest
//!                          copies where the maximum says so (33), or not at all (13, 23): VSS_E_INSUFFICIENT_STORAGE
//!  a write              ─► at risk (24, 38), the oldest copy goes (33), the last ones go (14, 25, 35, 36)
//! ```
//!
//! A copy that is lost is told to the service, for which it is then deleted.

use std::sync::Arc;

use vssim_model::context::Attributes;
use vssim_model::event_log;
use vssim_model::ids::SnapshotId;
use vssim_model::time::Ticks;
use vssim_model::trace::{EventLogEntry, What};

use crate::plan::{ActorId, Incident};
use crate::queue::Class;
use crate::service::copies::Found;
use crate::storage::{AreaEvent, AreaFault, Attached, Commit, FileWrite, StorageError, Volume, WriteReport};
use crate::unhashed::Unhashed;
use crate::world::{Event, Step, World};

/// How much of a file is written over at once.
const WRITE_BYTES: u64 = 64 * 1024;
/// What happens to a file waits so long for writes that are held.
const HELD_PAUSE: Ticks = Ticks::from_millis(100);

impl World {
    /// Volsnap writes to the System log, as far as the release has the entry.
    pub(crate) fn volsnap(&mut self, entry: EventLogEntry, step: &mut Step<'_>) {
        if event_log::is_written_by(&entry, self.plan.release) {
            self.record(step, ActorId::Kernel, || What::EventLog(entry));
        }
    }

    /// Shadow copies are gone: the invariants forget them, the service learns of it.
    pub(crate) fn lost(&mut self, volume: u16, copies: &[SnapshotId], step: &mut Step<'_>) {
        for &copy in copies {
            self.watch.dropped(volume, copy);
        }
        self.service.snapshots_lost(copies);
        self.carry_out(step);
    }

    fn volume_name(&self, volume: u16) -> Option<String> {
        self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.to_string())
    }

    /// The name of the volume that holds a volume's diff area.
    fn storage_name(&self, volume: u16) -> Option<String> {
        self.volume_name(self.plan.volumes.get(usize::from(volume))?.diff_area_on)
    }

    /// Whether a set is made in a client-accessible context.
    fn is_client_accessible(&self, set: u32) -> bool {
        let context = self.service.sets.get(set).map_or(0, |set| set.context);
        Attributes(context).contains(Attributes::CLIENT_ACCESSIBLE)
    }

    fn client_accessible(&self, volume: u16) -> Vec<SnapshotId> {
        self.storage.client_accessible(self.volume_id(volume)).map(Iterator::collect).unwrap_or_default()
    }

    /// Whether a volume has as many shadow copies as it may have (LIM-002), so that another one has no place; a client-accessible one
    /// has, where the oldest of its kind will go for it.
    pub(crate) fn is_full_of_copies(&self, set: u32, volume: u16) -> bool {
        let Ok(found) = self.storage.volume(self.volume_id(volume)) else { return false };
        let count = found.snapshot_count() + found.prepared().count();
        let makes_room = || {
            self.is_client_accessible(set)
                && self.client_accessible(volume).len() >= usize::from(self.plan.max_shadow_copies)
        };
        count >= self.plan.release.most_copies_of_a_volume() && !makes_room()
    }

    /// What is known of a shadow copy at its commit.
    pub(crate) fn commit_of(&self, snapshot: SnapshotId) -> Commit {
        let (set, context, attributes) = self.service.facts_of(snapshot).unwrap_or_default();
        Commit { created: self.plan.start + self.now.0, set, context, attributes }
    }

    /// Makes a diff area ready for the shadow copy of a volume, after it made room for it.
    pub(crate) fn prepare(
        &mut self,
        set: u32,
        volume: u16,
        snapshot: SnapshotId,
        step: &mut Step<'_>,
    ) -> Result<(), StorageError> {
        if self.is_client_accessible(set) {
            self.keep_number(volume, step)?;
        }
        let id = self.volume_id(volume);
        let most = self.plan.release.most_copies_of_a_volume();
        if self.storage.volume(id).is_ok_and(|found| found.snapshot_count() + found.prepared().count() >= most) {
            return Err(StorageError::TooManyCopies(most));
        }
        let mut report = std::mem::take(&mut self.kernel.report.0);
        let prepared = self.storage.prepare_in_place_of_oldest(id, snapshot, &mut report);
        self.written(volume, &mut report, step);
        self.kernel.report = Unhashed(report);
        if let Err(StorageError::AreaFull(fault)) = prepared
            && let (Some(of), Some(on)) = (self.volume_name(volume), self.storage_name(volume))
        {
            let entry = match fault {
                AreaFault::NoSpace => event_log::volsnap_no_space_to_create(&of, &on),
                AreaFault::Limit | AreaFault::TooSlow => event_log::volsnap_storage_could_not_grow(&of, &on),
                AreaFault::IoFailure => event_log::volsnap_storage_not_created(&of, &on),
            };
            self.volsnap(entry, step);
        }
        prepared
    }

    /// At most so many client-accessible copies of a volume (LIM-003): the oldest of them goes for the one to come.
    fn keep_number(&mut self, volume: u16, step: &mut Step<'_>) -> Result<(), StorageError> {
        let most = usize::from(self.plan.max_shadow_copies).max(1);
        let there = self.client_accessible(volume);
        for &oldest in there.iter().take((there.len() + 1).saturating_sub(most)) {
            let also = self.storage.delete_snapshot(oldest)?;
            if let Some(of) = self.volume_name(volume) {
                self.volsnap(event_log::volsnap_oldest_deleted_for_number(&of), step);
            }
            self.lost(volume, &[oldest], step);
            self.lost_for_space(volume, &also, step);
        }
        Ok(())
    }

    /// Copies that went because there was no room to keep them.
    pub(crate) fn lost_for_space(&mut self, volume: u16, copies: &[SnapshotId], step: &mut Step<'_>) {
        let Some(of) = self.volume_name(volume) else { return };
        for _ in copies {
            self.volsnap(event_log::volsnap_oldest_deleted_for_space(&of), step);
        }
        self.lost(volume, copies, step);
    }

    /// Puts on record what became of diff areas, in order.
    pub(crate) fn record_area_events(&mut self, volume: u16, report: &WriteReport, step: &mut Step<'_>) {
        let (Some(of), Some(on)) = (self.volume_name(volume), self.storage_name(volume)) else { return };
        for event in &report.events {
            match event {
                AreaEvent::AtRisk(AreaFault::Limit) => {
                    self.volsnap(event_log::volsnap_storage_limit_near(&of, &on), step);
                }
                AreaEvent::AtRisk(_) => self.volsnap(event_log::volsnap_no_space_to_grow(&of, &on), step),
                AreaEvent::OldestDeleted(copy) => self.lost_for_space(volume, &[*copy], step),
                AreaEvent::Aborted { fault, copies } => {
                    let entry = match fault {
                        AreaFault::Limit => event_log::volsnap_storage_limit_reached(&of),
                        AreaFault::NoSpace => event_log::volsnap_storage_failed_to_grow(&of),
                        AreaFault::TooSlow => event_log::volsnap_storage_grew_too_slowly(&of),
                        AreaFault::IoFailure => event_log::volsnap_io_failure(&of, &on),
                    };
                    self.volsnap(entry, step);
                    self.lost(volume, copies, step);
                }
            }
        }
    }

    /// Something happens to the machine by itself.
    pub(crate) fn incident(&mut self, number: u16, step: &mut Step<'_>) {
        let Some(what) = self.plan.incidents.get(usize::from(number)).map(|incident| incident.what.clone()) else {
            return;
        };
        match what {
            Incident::OverwriteFile { volume, path } => self.overwrite(number, volume, &path, step),
            Incident::GrowFile { volume, path, size } => self.grow_file(number, volume, &path, size),
            Incident::DeleteFiles { volume, path } => self.delete_files(volume, &path),
            Incident::WriteFile { .. } => self.write_incident(number, &what, step),
            Incident::Dismount(volume) => self.dismount(volume, step),
            Incident::IoError(volume) => {
                let _ = self.storage.set_failing(self.volume_id(volume), true);
            }
            Incident::WritersUnreachable => self.service.writers_unreachable = true,
            Incident::Reboot => self.reboot(step),
            Incident::UnregisterProvider(provider) => {
                self.service.unregistered.insert(provider);
            }
        }
    }

    fn overwrite(&mut self, number: u16, volume: u16, path: &str, step: &mut Step<'_>) {
        let id = self.volume_id(volume);
        let files = self.storage.volume(id).map(Volume::files);
        let Some((file, size)) = files.ok().and_then(|files| {
            let file = files.find(path)?;
            Some((file, files.file(file)?.size()))
        }) else {
            return;
        };
        let byte = u8::try_from(number % 255).unwrap_or(0) + 1;
        let mut offset = 0;
        while offset < size {
            let length = (size - offset).min(WRITE_BYTES);
            let bytes: Arc<[u8]> = vec![byte; usize::try_from(length).unwrap_or(0)].into();
            // No application waits for it, wherever it has to wait.
            let write = FileWrite { tag: u64::MAX, file, offset, bytes };
            let mut report = std::mem::take(&mut self.kernel.report.0);
            let passage = self.storage.submit(id, write, &mut report);
            self.written(volume, &mut report, step);
            self.kernel.report = Unhashed(report);
            if passage.is_ok_and(|passage| passage != crate::storage::Passage::Wait) {
                self.watch.landed(volume);
            }
            offset += length;
        }
    }

    /// A file grows; as far as there is room, and later while writes are held.
    fn grow_file(&mut self, number: u16, volume: u16, path: &str, size: u64) {
        let id = self.volume_id(volume);
        let Ok(found) = self.storage.volume(id) else { return };
        let there = found.files().find(path);
        let has = there.and_then(|file| found.files().file(file)).map_or(0, |file| file.size());
        let clusters = found.files().free_clusters() + has.div_ceil(crate::storage::CLUSTER);
        let size = size.min(clusters.saturating_mul(crate::storage::CLUSTER));
        let grown = match there {
            Some(file) if has < size => self.storage.set_file_size(id, file, size),
            Some(_) => Ok(()),
            None => self.storage.create_file(id, path, size).map(|_| ()),
        };
        if grown == Err(StorageError::Held) {
            self.queue.push(self.now + HELD_PAUSE, Class::Kernel, 0, Event::Incident(number));
        }
    }

    /// The service learns of the shadow copies that came with the images of volumes.
    pub(crate) fn adopt_copies(&mut self) {
        let mut found = Vec::new();
        for (volume, plan) in (0_u16..).zip(&self.plan.volumes) {
            for copy in self.storage.snapshots(plan.id).into_iter().flatten() {
                let commit = copy.commit();
                found.push(Found {
                    volume,
                    snapshot: copy.id(),
                    set: commit.set,
                    context: commit.context,
                    attributes: commit.attributes,
                    created: commit.created,
                    machines: copy.machines().map(str::to_owned),
                });
            }
        }
        self.service.adopt(&found);
    }

    /// A part of a file is written; later while writes are held.
    fn write_incident(&mut self, number: u16, what: &Incident, step: &mut Step<'_>) {
        let mut report = std::mem::take(&mut self.kernel.report.0);
        let written = self.write_seeded(what, &mut report);
        if let Ok(volume) = written {
            self.written(volume, &mut report, step);
            self.watch.landed(volume);
        }
        self.kernel.report = Unhashed(report);
        if written == Err(StorageError::Held) {
            self.queue.push(self.now + HELD_PAUSE, Class::Kernel, 0, Event::Incident(number));
        }
    }

    fn write_seeded(&mut self, what: &Incident, report: &mut WriteReport) -> Result<u16, StorageError> {
        let Incident::WriteFile { volume, path, size, offset, length, seed } = what else {
            return Err(StorageError::NoSuchFile);
        };
        let id = self.volume_id(*volume);
        let file = match self.storage.volume(id)?.files().find(path) {
            Some(file) => file,
            None => self.storage.create_file(id, path, 0)?,
        };
        let least = size.unwrap_or_else(|| offset.saturating_add(length.unwrap_or(0)));
        let has = self.storage.volume(id)?.files().file(file).map_or(0, |file| file.size());
        let now = size.unwrap_or_else(|| has.max(least));
        if now != has {
            self.storage.set_file_size(id, file, now)?;
        }
        let end = length.map_or(now, |length| offset.saturating_add(length).min(now));
        self.storage.write_seeded(id, file, *offset..end, *seed, report)?;
        Ok(*volume)
    }

    /// The event log will say at the start which copies were not finished when the power failed.
    pub(crate) fn tell_unfinished(&mut self, attached: &Attached) {
        for &id in &attached.unfinished {
            if let Some(volume) = self.plan.volumes.iter().position(|volume| volume.id == id) {
                let volume = u16::try_from(volume).unwrap_or(u16::MAX);
                self.queue.push(Ticks::ZERO, Class::Kernel, 0, Event::Unfinished(volume));
            }
        }
    }

    pub(crate) fn unfinished(&mut self, volume: u16, step: &mut Step<'_>) {
        if let Some(name) = self.volume_name(volume) {
            self.volsnap(event_log::volsnap_unfinished_deleted(&name), step);
        }
    }

    /// Every diff area on the volume is gone, and so are the copies that it was for.
    fn dismount(&mut self, volume: u16, step: &mut Step<'_>) {
        let Ok(all) = self.storage.dismount(self.volume_id(volume)) else { return };
        let Some(on) = self.volume_name(volume) else { return };
        for lost in all {
            let Some(of) = (0_u16..).zip(&self.plan.volumes).find(|(_, plan)| plan.id == lost.volume) else { continue };
            let (index, of) = (of.0, of.1.name.to_string());
            let entry = if lost.held_area {
                event_log::volsnap_storage_force_dismounted(&of, &on)
            } else {
                event_log::volsnap_original_dismounted(&of)
            };
            self.volsnap(entry, step);
            self.lost(index, &lost.copies, step);
        }
    }
}
