//! What of the machine bears on a restore: services that hold files, files in use, what waits for the next start.

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::api::ComponentName;
use vssim_model::hresult::HResult;
use vssim_model::trace::{EventLog, EventLogEntry, Name, Placement, Restored, What};

use super::rules::{Place, Service};
use crate::plan::{ActorId, Plan};
use crate::storage::{StorageError, Volume};
use crate::unhashed::Unhashed;
use crate::world::{Step, World};

/// What a restore changes beside volumes and documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Restores {
    /// The services that run, by their place in the plan.
    runs: Vec<bool>,
    /// Whether files are still in use that are so until the next start.
    started_anew: bool,
    /// What was chosen for each object, by its number in the trace, beside what is selected in its document. Hashed with the world, by
    /// the places of the objects.
    pub(super) chosen: Unhashed<BTreeMap<u32, BTreeSet<ComponentName>>>,
    /// What is moved into place at the next start: where it lies, where it goes, from where it was backed up.
    moves: Vec<(String, String, String)>,
}

impl Restores {
    /// A machine that has just started.
    #[must_use]
    pub fn of(plan: &Plan) -> Restores {
        Restores { runs: plan.services.iter().map(|service| service.runs).collect(), ..Restores::default() }
    }

    /// What was chosen for an object.
    pub(crate) fn chosen(&self, object: u32) -> impl Iterator<Item = &ComponentName> + '_ {
        self.chosen.get(&object).into_iter().flatten()
    }
}

impl World {
    fn service_at(&self, name: &str) -> Option<usize> {
        self.plan.services.iter().position(|service| service.name.eq_ignore_ascii_case(name))
    }

    fn service_runs(&self, at: usize) -> bool {
        self.restores.runs.get(at).copied().unwrap_or(false)
    }

    /// Starts or stops a service, if there is one of that name.
    pub(crate) fn set_service(&mut self, who: ActorId, name: &str, runs: bool, step: &mut Step<'_>) {
        let Some(at) = self.service_at(name) else { return };
        let Some(now) = self.restores.runs.get_mut(at) else { return };
        if *now == runs {
            return;
        }
        *now = runs;
        let name: Name = name.into();
        self.record(step, who, || What::Restore(Restored::Service { name, runs }));
    }

    /// The volume of a full path, and the path on it.
    pub(super) fn place_of<'p>(&self, path: &'p str) -> Option<(u16, &'p str)> {
        let (drive, rest) = path.split_once('\\')?;
        let found = (0_u16..).zip(&self.plan.volumes).find(|(_, plan)| plan.name.eq_ignore_ascii_case(drive));
        found.map(|(volume, _)| (volume, rest))
    }

    /// All files of a folder and below it, or one file, are gone; what a scenario does before it restores.
    pub(crate) fn delete_files(&mut self, volume: u16, path: &str) {
        let id = self.volume_id(volume);
        let Ok(files) = self.storage.volume(id).map(Volume::files) else { return };
        let mut doomed: Vec<_> = files.list(path, true).map(|(file, _)| file).collect();
        doomed.extend(files.find(path));
        for file in doomed {
            // A file whose writes are held stays.
            let _ = self.storage.delete_file(id, file);
        }
    }

    /// Keeps for the next start what is to be moved then (MoveFileEx with MOVEFILE_DELAY_UNTIL_REBOOT).
    pub(super) fn move_at_start(&mut self, staged: String, to: String, from: String) {
        self.restores.moves.push((staged, to, from));
    }

    /// Where a file is staged: on the volume that it goes to, under a name that no file has.
    pub(super) fn staging_place(&self, to: &str) -> String {
        let drive = to.split_once('\\').map_or(to, |(drive, _)| drive);
        let mut number = self.restores.moves.len() + 1;
        loop {
            let place = format!("{drive}\\Staged\\{number:04}.tmp");
            if !self.exists(&place) {
                return place;
            }
            number += 1;
        }
    }

    /// The machine starts: nothing is in use, pending moves are carried out (RST-MTH-025). The operating system logs what fails
    /// (RST-MTH-032).
    pub fn carry_out_moves(&mut self, step: &mut Step<'_>) {
        let fresh = Restores::of(&self.plan);
        let moves = std::mem::take(&mut self.restores.moves);
        self.restores.runs = fresh.runs;
        self.restores.started_anew = true;
        for (staged, to, path) in moves {
            match self.move_file(&staged, &to) {
                Ok(bytes) => {
                    let how = Placement::Moved;
                    let file = Restored::File { object: 0, path, to, bytes, how };
                    self.record(step, ActorId::Kernel, || What::Restore(file));
                }
                Err(error) => {
                    let message = format!("{staged} could not be moved to {to}: {error}");
                    let source = "Session Manager".to_owned();
                    let entry = EventLogEntry { log: EventLog::System, source, id: None, message };
                    self.record(step, ActorId::Kernel, || What::EventLog(entry));
                    let reason = error.to_string();
                    self.record(step, ActorId::Kernel, || {
                        What::Restore(Restored::Refused { object: 0, what: to, reason })
                    });
                }
            }
        }
    }

    /// Moves a file to another path of its volume. What is there already is gone only once the file has taken its place.
    fn move_file(&mut self, from: &str, to: &str) -> Result<u64, StorageError> {
        let aside = self.staging_place(to);
        let (volume, from) = self.place_of(from).ok_or(StorageError::NoSuchFile)?;
        let (_, to) = self.place_of(to).filter(|(other, _)| *other == volume).ok_or(StorageError::NoSuchFile)?;
        let (_, aside) = self.place_of(&aside).ok_or(StorageError::NoSuchFile)?;
        let id = self.volume_id(volume);
        let files = self.storage.volume(id)?.files();
        let file = files.find(from).ok_or(StorageError::NoSuchFile)?;
        let bytes = files.file(file).map_or(0, |file| file.size());
        let Some(old) = files.find(to).filter(|old| *old != file) else {
            self.storage.rename_file(id, file, to)?;
            return Ok(bytes);
        };
        let old_path = files.file(old).map_or_else(|| to.to_owned(), |old| old.path().to_owned());
        self.storage.rename_file(id, old, aside)?;
        if let Err(error) = self.storage.rename_file(id, file, to) {
            self.storage.rename_file(id, old, &old_path)?;
            return Err(error);
        }
        self.storage.delete_file(id, old)?;
        Ok(bytes)
    }
}

impl Place for World {
    fn exists(&self, path: &str) -> bool {
        let Some((volume, path)) = self.place_of(path) else { return false };
        self.storage.volume(self.volume_id(volume)).is_ok_and(|volume| volume.files().find(path).is_some())
    }

    fn writable(&self, path: &str, stopped: Option<&str>) -> bool {
        if self.place_of(path).is_none() {
            return false;
        }
        if !self.restores.started_anew && self.plan.in_use.contains(&path.to_uppercase()) {
            return false;
        }
        let holds = |(at, service): (usize, &crate::plan::ServicePlan)| {
            let stopped = stopped.is_some_and(|stopped| service.name.eq_ignore_ascii_case(stopped));
            let held = service.holds.iter().any(|held| held.eq_ignore_ascii_case(path));
            held && !stopped && self.service_runs(at)
        };
        !self.plan.services.iter().enumerate().any(holds)
    }

    fn service(&self, name: &str) -> Option<Service> {
        let at = self.service_at(name)?;
        let stoppable = self.plan.services.get(at).is_some_and(|service| service.stoppable);
        Some(match (self.service_runs(at), stoppable) {
            (false, _) => Service::Stopped,
            (true, true) => Service::Stoppable,
            (true, false) => Service::Unstoppable,
        })
    }
}

/// What a restore says of an object or a backup that is not there.
pub(super) const NOT_THERE: HResult = HResult::VSS_E_OBJECT_NOT_FOUND;
