//! Disks, volumes and their files, applications, the kernel.

use std::collections::BTreeSet;

use vssim_model::excluded::{self, Excluded};
use vssim_model::ids::VolumeId;
use vssim_model::time::Ticks;
use vssim_sim::database::{DatabaseSpec, MAX_PAGES, RECORD};
use vssim_sim::plan::{
    ActorId, ApplicationPlan, Content, DiskPlan, Incident, IncidentPlan, KernelPlan, MAX_SHADOW_COPIES, ServicePlan,
    Span, VolumePlan,
};
use vssim_sim::storage::CLUSTER;

use super::writers::StagedWriter;
use super::{Stager, beyond, derived_id, images, index};
use crate::area::{Least, least};
use crate::error::{ErrorKind, Problem, shortened};
use crate::layout::BLOCK;
use crate::scalars::{DurationRange, Name, Text};
use crate::syntax::machine::{self as syntax, FileEntry, FileSystem, Tree, Volume};
use crate::yaml::{At, Pos};

/// The most updates of one transaction of an application.
const UPDATES: u32 = 2;
/// The writes of such a transaction: begin, updates, commit, pages.
const WRITES: u64 = 2 + 2 * UPDATES as u64;
/// On a volume too small for Windows' rule a diff area begins with so much and grows by as much, where its limit allows it.
const GROWTH: u64 = 64 * BLOCK;
/// The files of digital rights management (locating-additional-system-files.md).
const DRM: &str = r"%ProgramData%\Microsoft\Windows\DRM\* /s";
/// The most files of one volume.
const MOST_FILES: usize = 200_000;

/// A span of the plan.
pub(super) fn span(range: DurationRange) -> Span {
    Span { min: range.min, max: range.max }
}

impl Stager<'_> {
    pub(super) fn disks(&self) -> Vec<DiskPlan> {
        let disks = &self.scenario.document.machine.disks;
        disks.iter().map(|disk| DiskPlan { name: disk.name.0.clone(), bytes: disk.size.0 }).collect()
    }

    /// The id of a volume: what is written, or what follows from its name.
    pub(super) fn volume_id(&self, at: usize) -> VolumeId {
        let machine = &self.scenario.document.machine;
        let volume = machine.volumes.get(at);
        let written = volume.and_then(|volume| volume.id.as_ref()).map(|id| id.0);
        let name = volume.map_or("", |volume| volume.name.0.as_str());
        VolumeId(written.unwrap_or_else(|| derived_id(&[&machine.name.0, name])))
    }

    /// The volumes, with the files that were written down and those that writers with `create_files` bring.
    pub(super) fn volumes(&mut self, writers: &[StagedWriter]) -> Vec<VolumePlan> {
        let scenario = self.scenario;
        let machine = &scenario.document.machine;
        let layout = self.layout.clone();
        let size = |at: usize| -> u64 { layout.get(at).into_iter().flatten().map(|part| part.length).sum() };
        let mut plans = Vec::new();
        for (at, volume) in machine.volumes.iter().enumerate() {
            let extents = layout.get(at).into_iter().flatten();
            let extents = extents.map(|part| (index(part.disk), part.offset, part.length)).collect();
            let area = volume.diff_area.as_ref();
            let host = area.and_then(|area| scenario.names.volume(area.volume.as_str())).unwrap_or(at);
            let maximum = area.and_then(|area| area.maximum.as_ref()).map(|maximum| maximum.0);
            let initial = area.and_then(|area| area.initial.as_ref()).map(|initial| initial.0);
            let growth = match least(&scenario.document, &scenario.layout, at, host) {
                Least::Windows(bytes) => bytes,
                Least::Structures(_) => {
                    initial.unwrap_or_else(|| (maximum.unwrap_or(size(host)) / 4 / BLOCK * BLOCK).clamp(BLOCK, GROWTH))
                }
            };
            plans.push(VolumePlan {
                name: volume.name.0.as_str().into(),
                id: self.volume_id(at),
                extents,
                diff_area_on: index(host),
                diff_area_maximum: maximum,
                diff_area_growth: (growth, growth),
                diff_area_given: area.is_some(),
                ntfs: volume.file_system.value == FileSystem::Ntfs,
                virtual_disk_on: volume
                    .virtual_disk_on
                    .as_ref()
                    .and_then(|host| scenario.names.volume(host.as_str()))
                    .map(index),
                created_elsewhere: volume.created_elsewhere.as_ref().map(|span| (span.from.0, span.to.0)),
                image: volume.image.as_ref().map(images::source),
                files: self.files(at, volume, size(at), writers).into(),
                contents: Self::contents(volume).into(),
            });
        }
        plans
    }

    fn files(&mut self, at: usize, volume: &Volume, size: u64, writers: &[StagedWriter]) -> Vec<(String, u64)> {
        let mut filling = Filling { size, used: 0, files: Vec::new(), names: BTreeSet::new() };
        for application in &self.scenario.document.machine.applications {
            // Made by the run; the room is theirs.
            let database = &application.database;
            let pages = u64::from(database.pages.count.0) * crate::syntax::machine::PAGE;
            for (path, bytes) in [(&database.log.path, database.log.size.0), (&database.pages.path, pages)] {
                if self.scenario.names.volume_of_path(&path.0) == Some(at) {
                    filling.reserve(within_volume(&path.0), bytes);
                }
            }
        }
        for entry in &volume.files {
            let placed = match &entry.value {
                FileEntry::File(file) => filling.add(within_volume(&file.path.0).to_owned(), file.size.0),
                FileEntry::RangesFile(file) => {
                    filling.add(within_volume(&file.path.0).to_owned(), file.ranges.bytes().len() as u64)
                }
                FileEntry::Tree(tree) => {
                    (1..=tree.count.0).all(|number| filling.add(in_tree(tree, number), tree.size.0))
                }
            };
            if !placed {
                self.no_room(volume.name.as_str(), entry.pos);
                return filling.files;
            }
        }
        for writer in writers {
            let Some((bytes, pos)) = writer.creates else { continue };
            for path in writer.wanted_files(index(at)) {
                if !filling.add(path, bytes) {
                    self.no_room(volume.name.as_str(), pos);
                    return filling.files;
                }
            }
        }
        filling.files
    }

    /// What files of a volume hold that do not hold zeros.
    fn contents(volume: &Volume) -> Vec<(String, Content)> {
        let mut contents = Vec::new();
        for entry in &volume.files {
            match &entry.value {
                FileEntry::File(file) => {
                    let seed = file.seed.as_ref().map(|seed| Content::Seed(u64::from(seed.0)));
                    contents.extend(seed.map(|seed| (within_volume(&file.path.0).to_owned(), seed)));
                }
                FileEntry::Tree(tree) => {
                    let Some(seed) = &tree.seed else { continue };
                    let seeded = |number| (in_tree(tree, number), Content::Seed(u64::from(seed.0) + u64::from(number)));
                    contents.extend((1..=tree.count.0).map(seeded));
                }
                FileEntry::RangesFile(file) => {
                    let bytes = Content::Bytes(file.ranges.bytes().into());
                    contents.push((within_volume(&file.path.0).to_owned(), bytes));
                }
            }
        }
        contents
    }

    fn no_room(&mut self, volume: &str, pos: Pos) {
        let what = format!("volume `{}` has no room left for these files", shortened(volume));
        let problem = Problem::new(ErrorKind::ImpossibleSize, what)
            .expected("a larger volume: every file takes whole clusters of 4 KiB");
        self.problem(problem, pos);
    }

    pub(super) fn applications(&mut self) -> Vec<ApplicationPlan> {
        let scenario = self.scenario;
        let mut plans = Vec::new();
        for application in &scenario.document.machine.applications {
            let database = &application.database;
            if usize::try_from(database.pages.count.0).unwrap_or(usize::MAX) > MAX_PAGES {
                let what = format!("a database of {} pages", database.pages.count.0);
                self.problem(beyond(what, format!("at most {MAX_PAGES} pages")), database.pages.count.pos);
            }
            let records = database.log.size.0 / RECORD as u64;
            if records < u64::from(UPDATES) + 4 || records > u64::from(u32::MAX) {
                let what = format!("a log of {} B has room for {records} records", database.log.size.0);
                self.problem(beyond(what, "room for at least 6 records of 512 B"), database.log.size.pos);
            }
            let place = |path: &str| {
                let volume = scenario.names.volume_of_path(path).unwrap_or_default();
                (index(volume), within_volume(path).to_owned())
            };
            let pause = |ticks: Ticks| Ticks((ticks.0 / WRITES).max(1));
            let every = *database.transaction_every;
            plans.push(ApplicationPlan {
                name: application.name.0.as_str().into(),
                log: place(&database.log.path.0),
                pages: place(&database.pages.path.0),
                database: DatabaseSpec {
                    pages: database.pages.count.0,
                    log_records: u32::try_from(records).unwrap_or(u32::MAX),
                    updates: UPDATES,
                    circular: database.circular_logging.0,
                },
                pause: Span { min: pause(every.min), max: pause(every.max) },
                transactions: None,
            });
        }
        plans
    }

    pub(super) fn kernel(&self) -> KernelPlan {
        let kernel = &self.scenario.document.machine.kernel;
        let volumes = |names: &[At<Name>]| {
            names.iter().filter_map(|name| self.scenario.names.volume(name.as_str())).map(index).collect()
        };
        KernelPlan {
            open_volumes: span(*kernel.open_volumes),
            flush: span(*kernel.flush),
            freeze_transactions: span(*kernel.transactions_freeze),
            thaw_transactions: span(*kernel.transactions_thaw),
            revert: span(*kernel.revert),
            broken_hold: volumes(&kernel.faults.broken_hold),
            lost_blocks: volumes(&kernel.faults.lost_blocks),
            slow_growth: volumes(&kernel.faults.slow_growth),
            restart_pending: volumes(&kernel.faults.restart_pending),
        }
    }

    /// MaxShadowCopies, or its default.
    pub(super) fn max_shadow_copies(&self) -> u16 {
        let set = self.scenario.document.machine.registry.max_shadow_copies.as_ref();
        set.and_then(|most| u16::try_from(most.0).ok()).unwrap_or(MAX_SHADOW_COPIES)
    }

    pub(super) fn services(&self) -> Vec<ServicePlan> {
        let services = &self.scenario.document.machine.services;
        let planned = |service: &crate::syntax::restore::WindowsService| ServicePlan {
            name: service.name.0.as_str().into(),
            runs: service.runs.0,
            stoppable: service.stoppable.0,
            holds: service.holds.iter().map(|path| path.0.clone()).collect(),
        };
        services.iter().map(planned).collect()
    }

    /// Files in use, in upper case.
    pub(super) fn in_use(&self) -> BTreeSet<String> {
        self.scenario.document.machine.in_use.iter().map(|path| path.0.to_uppercase()).collect()
    }

    /// Whose account may not be a writer, or a requester.
    pub(super) fn forbidden(&self) -> BTreeSet<ActorId> {
        let document = &self.scenario.document;
        let may_not = |account: Option<&At<Text>>, part| !document.machine.registry.permits(account, part);
        let writers = document.machine.writers.iter().enumerate();
        let writers = writers.filter(|(_, writer)| may_not(writer.account.as_ref(), 1));
        let requesters = document.requesters.iter().enumerate();
        let requesters = requesters.filter(|(_, requester)| may_not(requester.account.as_ref(), 2));
        let writers = writers.map(|(at, _)| ActorId::Writer(index(at)));
        writers.chain(requesters.map(|(at, _)| ActorId::Requester(index(at)))).collect()
    }

    /// The writers of WritersBlockingRevert.
    pub(super) fn blocking_revert(&self) -> BTreeSet<u16> {
        let listed = &self.scenario.document.machine.registry.writers_blocking_revert;
        listed.iter().filter_map(|name| self.scenario.names.writer(name.as_str())).map(index).collect()
    }

    /// What FilesNotToBackup names, and the files of digital rights management, which no backup may have (SYS-018).
    pub(super) fn not_to_backup(&self) -> Vec<(String, Vec<Excluded>)> {
        let registry = &self.scenario.document.machine.registry;
        self.on_machine(|machine| {
            let value = |(name, entries): (&String, &Vec<At<Text>>)| {
                (name.clone(), entries.iter().map(|entry| Excluded::from_backup(&entry.0, machine)).collect())
            };
            // A value of this name counts for all but the writer of that name; no writer is without one.
            let rights = self.scenario.document.release.0.leaves_out_drm();
            let rights = rights.then(|| (String::new(), vec![Excluded::from_backup(DRM, machine)]));
            registry.files_not_to_backup.iter().map(value).chain(rights).collect()
        })
    }

    /// What FilesNotToSnapshot names, on releases that look at it.
    pub(super) fn not_to_snapshot(&self) -> Vec<Excluded> {
        if !self.scenario.document.release.0.has_files_not_to_snapshot() {
            return Vec::new();
        }
        let entries = self.scenario.document.machine.registry.files_not_to_snapshot.values().flatten();
        self.on_machine(|machine| entries.map(|entry| Excluded::from_snapshot(&entry.0, machine)).collect())
    }

    /// Looks at entries of the registry on this machine.
    fn on_machine<T>(&self, look: impl FnOnce(excluded::Machine<'_>) -> T) -> T {
        let machine = &self.scenario.document.machine;
        let volumes: Vec<&str> = machine.volumes.iter().map(|volume| volume.name.0.as_str()).collect();
        let replaced = !machine.registry.disable_user_profile_expansion.0;
        let profiles: Vec<&str> =
            machine.registry.profile_list.iter().filter(|_| replaced).map(|path| path.0.as_str()).collect();
        look(excluded::Machine { variables: &super::writers::variables(), volumes: &volumes, profiles: &profiles })
    }

    pub(super) fn incidents(&self) -> Vec<IncidentPlan> {
        let names = &self.scenario.names;
        let volume_of = |path: &str| index(names.volume_of_path(path).unwrap_or_default());
        let volume = |name: &At<Name>| index(names.volume(name.as_str()).unwrap_or_default());
        let planned = |incident: &syntax::Incident| match incident {
            syntax::Incident::OverwriteFile(file) => {
                let path = within_volume(&file.path.0).to_owned();
                (file.at.0, Incident::OverwriteFile { volume: volume_of(&file.path.0), path })
            }
            syntax::Incident::WriteFile(file) => {
                let (volume, path) = (volume_of(&file.path.0), within_volume(&file.path.0).to_owned());
                let size = |size: &Option<At<crate::scalars::Size>>| size.as_ref().map(|size| size.0);
                let (offset, length) = (size(&file.offset).unwrap_or(0), size(&file.length));
                let (size, seed) = (size(&file.size), u64::from(file.seed.0));
                (file.at.0, Incident::WriteFile { volume, path, size, offset, length, seed })
            }
            syntax::Incident::GrowFile(file) => {
                let (volume, path) = (volume_of(&file.path.0), within_volume(&file.path.0).to_owned());
                (file.at.0, Incident::GrowFile { volume, path, size: file.size.0 })
            }
            syntax::Incident::DeleteFiles(file) => {
                let (volume, path) = (volume_of(&file.path.0), within_volume(&file.path.0).to_owned());
                (file.at.0, Incident::DeleteFiles { volume, path })
            }
            syntax::Incident::Dismount(what) => (what.at.0, Incident::Dismount(volume(&what.volume))),
            syntax::Incident::IoError(what) => (what.at.0, Incident::IoError(volume(&what.volume))),
            syntax::Incident::WritersUnreachable(what) => (what.at.0, Incident::WritersUnreachable),
            syntax::Incident::Reboot(what) => (what.at.0, Incident::Reboot),
            syntax::Incident::UnregisterProvider(what) => {
                let provider = names.provider(what.provider.as_str()).unwrap_or_default();
                (what.at.0, Incident::UnregisterProvider(index(provider)))
            }
        };
        let incidents = &self.scenario.document.machine.incidents;
        incidents.iter().map(|incident| planned(&incident.value)).map(|(at, what)| IncidentPlan { at, what }).collect()
    }
}

/// A volume being filled with files.
struct Filling {
    size: u64,
    used: u64,
    files: Vec<(String, u64)>,
    /// In upper case: what is there already is not made again.
    names: BTreeSet<String>,
}

impl Filling {
    fn reserve(&mut self, path: &str, bytes: u64) {
        self.names.insert(path.to_uppercase());
        self.used = self.used.saturating_add(bytes.div_ceil(CLUSTER) * CLUSTER);
    }

    /// False if there is no room.
    fn add(&mut self, path: String, bytes: u64) -> bool {
        if !self.names.insert(path.to_uppercase()) {
            return true;
        }
        self.used = self.used.saturating_add(bytes.div_ceil(CLUSTER) * CLUSTER);
        self.files.push((path, bytes));
        // A volume without a size has a mistake of its own.
        (self.size == 0 || self.used <= self.size) && self.files.len() <= MOST_FILES
    }
}

/// The path of a file of a tree, without its volume.
fn in_tree(tree: &Tree, number: u32) -> String {
    format!("{}\\file{number:04}.dat", within_volume(&tree.path.0))
}

/// A full path without its volume.
pub(super) fn within_volume(path: &str) -> &str {
    path.split_once('\\').map_or("", |(_, rest)| rest)
}
