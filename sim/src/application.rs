//! Application load: databases that write while the backup runs.
//!
//! ```text
//!  Load ─► next write ─► gate ─► lands ─► pause ─► Load …
//!                          └───► waits while writes are held ─► lands at the release
//!  Quiesce ─► … last page, checkpoint ─► answered      Resume ─► Load …
//! ```
//!
//! An application has one write under way at a time. What it writes comes from its database, byte by byte.

use std::sync::Arc;

use vssim_model::api::ApplicationCall;
use vssim_model::ids::VolumeId;
use vssim_model::trace::{Io, What};

use crate::choices::{Point, Purpose};
use crate::database::{BadDatabase, Database, DatabaseFile, DatabaseSpec, DatabaseWrite};
use crate::message::{Answer, Slot};
use crate::plan::{ActorId, ApplicationPlan};
use crate::queue::Class;
use crate::storage::{FileId, FileWrite, Passage, Storage, StorageError};
use crate::unhashed::Unhashed;
use crate::world::{Event, Step, World};

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Application {
    /// Its database.
    pub database: Database,
    log: (u16, FileId),
    pages: (u16, FileId),
    /// Whether a Load event or a waiting write will bring it on.
    pub moving: bool,
    /// The orders that wait until it is quiet.
    quiescing: Vec<Slot>,
    /// How many transactions it may still begin.
    left: Option<u32>,
    /// Whether it ended because a volume was taken away from under it.
    ended: bool,
}

/// Why an application cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetUpError {
    /// Its database.
    Database(BadDatabase),
    /// A volume, or a file on it.
    Storage(StorageError),
    /// The image of a volume.
    Image {
        /// The volume's name.
        volume: String,
        /// The image's file.
        file: String,
        /// What is wrong.
        why: String,
    },
}

impl std::fmt::Display for SetUpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SetUpError::Database(error) => error.fmt(f),
            SetUpError::Storage(error) => error.fmt(f),
            SetUpError::Image { volume, file, why } => write!(f, "volume {volume}, image {file}: {why}"),
        }
    }
}

impl std::error::Error for SetUpError {}

impl From<BadDatabase> for SetUpError {
    fn from(error: BadDatabase) -> SetUpError {
        SetUpError::Database(error)
    }
}

impl From<StorageError> for SetUpError {
    fn from(error: StorageError) -> SetUpError {
        SetUpError::Storage(error)
    }
}

impl Application {
    /// Makes the files of an application, where the plan does not bring them, and its database.
    ///
    /// # Errors
    /// If the database's numbers are out of range or there is no room for its files.
    pub fn set_up(
        plan: &ApplicationPlan,
        storage: &mut Storage,
        volume: impl Fn(u16) -> VolumeId,
    ) -> Result<Application, SetUpError> {
        let database = Database::new(plan.database)?;
        let mut file = |(index, path): &(u16, String), which| -> Result<(u16, FileId), StorageError> {
            let id = volume(*index);
            let size = database.file_size(which);
            let found = storage.volume(id)?.files().find(path);
            let file = match found {
                Some(file) => {
                    storage.set_file_size(id, file, size)?;
                    file
                }
                None => storage.create_file(id, path, size)?,
            };
            Ok((*index, file))
        };
        let log = file(&plan.log, DatabaseFile::Log)?;
        let pages = file(&plan.pages, DatabaseFile::Pages)?;
        Ok(Application {
            database,
            log,
            pages,
            moving: true,
            quiescing: Vec::new(),
            left: plan.transactions,
            ended: false,
        })
    }

    /// Volume and file of the log, then of the pages.
    #[must_use]
    pub fn files(&self) -> [(u16, FileId); 2] {
        [self.log, self.pages]
    }

    /// What it writes next, unless it has run all its transactions.
    fn next_write(&mut self, random: u64) -> Option<DatabaseWrite> {
        let settled = self.database.is_settled();
        if settled && self.left == Some(0) && self.quiescing.is_empty() {
            return None;
        }
        let before = self.database.newest_lsn();
        let write = self.database.next_write(random);
        let began = settled && !self.database.is_settled() && self.database.newest_lsn() > before;
        if began {
            self.left = self.left.map(|left| left.saturating_sub(1));
        }
        write
    }
}

/// Makes a small database: what the plans of tests and searches use.
#[must_use]
pub const fn small_database() -> DatabaseSpec {
    DatabaseSpec { pages: 4, log_records: 16, updates: 2, circular: true }
}

impl World {
    /// An application goes on.
    pub(crate) fn load(&mut self, index: u16, step: &mut Step<'_>) {
        if self.applications.get(usize::from(index)).is_none_or(|application| application.ended) {
            return;
        }
        let at = Point { actor: self.name_of_application(index), purpose: Purpose::Data };
        let random = step.choices.bits(at);
        let Some(application) = self.applications.get_mut(usize::from(index)) else { return };
        application.moving = false;
        let Some(write) = application.next_write(random) else {
            self.application_rests(index);
            return;
        };
        application.moving = true;
        let (volume, file) = match write.file {
            DatabaseFile::Log => application.log,
            DatabaseFile::Pages => application.pages,
        };
        let (offset, length) = (write.offset, write.bytes.len() as u64);
        let write = FileWrite { tag: u64::from(index), file, offset, bytes: write.bytes };
        self.submit(index, volume, write, length, step);
    }

    fn name_of_application(&self, index: u16) -> &str {
        self.name(ActorId::Application(index))
    }

    fn submit(&mut self, index: u16, volume: u16, write: FileWrite, length: u64, step: &mut Step<'_>) {
        let id = self.volume_id(volume);
        let (file, offset) = (write.file, write.offset);
        let mut report = std::mem::take(&mut self.kernel.report.0);
        let passage = self.storage.submit(id, write, &mut report);
        self.set_cause(0);
        self.written(volume, &mut report, step);
        self.kernel.report = Unhashed(report);
        match passage {
            Ok(Passage::Wait) => self.record_write(index, volume, file, offset, length, step, |offset, length| {
                Io::Queued { offset, length }
            }),
            Ok(Passage::Leak) => {
                self.watch.landed(volume);
                self.record_write(index, volume, file, offset, length, step, |offset, length| Io::Leaked {
                    offset,
                    length,
                });
                self.write_landed(index, step);
            }
            Ok(Passage::Open) => {
                self.watch.landed(volume);
                self.write_landed(index, step);
            }
            // The volume is full or gone: the application stands still.
            Err(_) => {}
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one write, as it stands in the trace")]
    fn record_write(
        &mut self,
        index: u16,
        volume: u16,
        file: FileId,
        offset: u64,
        length: u64,
        step: &mut Step<'_>,
        io: impl FnOnce(u64, u64) -> Io,
    ) {
        let Some(name) = self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.clone()) else { return };
        let files = self.storage.volume(self.volume_id(volume)).ok().map(crate::storage::Volume::files);
        let run = files.and_then(|files| files.file(file)?.runs(offset, length).next());
        let io = io(run.map_or(offset, |run| run.offset), length);
        self.record(step, ActorId::Application(index), || What::Io { volume: name, io });
    }

    /// A write has landed: the next one follows after a pause.
    pub(crate) fn write_landed(&mut self, index: u16, step: &mut Step<'_>) {
        let Some(plan) = self.plan.applications.get(usize::from(index)) else { return };
        let pause = plan.pause;
        let time = if pause.min >= pause.max {
            pause.min
        } else {
            let at = Point { actor: self.name_of_application(index), purpose: Purpose::Duration };
            step.choices.ticks(at, pause.min, pause.max)
        };
        self.queue.push(self.now + time, Class::Load, 0, Event::Load(index));
    }

    /// The applications with files on a volume that run.
    fn applications_on(&self, volume: u16) -> impl Iterator<Item = u16> + '_ {
        let has_files =
            move |application: &Application| [application.log, application.pages].iter().any(|(on, _)| *on == volume);
        let running = (0_u16..).zip(&self.applications).filter(|(_, application)| !application.ended);
        running.filter(move |(_, application)| has_files(application)).map(|(index, _)| index)
    }

    /// Whether an application has files of a volume open.
    pub(crate) fn is_in_use(&self, volume: u16) -> bool {
        self.applications_on(volume).next().is_some()
    }

    /// A volume is dismounted by force: whoever has files of it open ends, and whoever waits for one of those is answered.
    pub(crate) fn end_applications_on(&mut self, volume: u16) {
        for index in self.applications_on(volume).collect::<Vec<u16>>() {
            self.queue.retain(|event| *event != Event::Load(index));
            let Some(application) = self.applications.get_mut(usize::from(index)) else { continue };
            application.ended = true;
            for slot in std::mem::take(&mut application.quiescing) {
                self.reply(slot, Answer::Ordered, self.cause(), Class::Message);
            }
        }
    }

    /// The machine starts again: applications that were made to stop go on.
    pub(crate) fn resume_applications(&mut self) {
        for (index, application) in (0_u16..).zip(&mut self.applications).filter(|(_, application)| !application.ended)
        {
            application.quiescing.clear();
            application.database.resume();
            if !application.moving {
                application.moving = true;
                self.queue.push(self.now, Class::Load, 0, Event::Load(index));
            }
        }
    }

    /// Nothing is left to write for now: whoever waits for quiet is answered.
    fn application_rests(&mut self, index: u16) {
        let Some(application) = self.applications.get_mut(usize::from(index)) else { return };
        if !application.database.is_quiet() {
            return;
        }
        for slot in std::mem::take(&mut application.quiescing) {
            self.reply(slot, Answer::Ordered, self.cause(), Class::Message);
        }
    }

    /// A writer gives an order.
    pub(crate) fn ordered(&mut self, slot: Slot, to: ActorId, order: &ApplicationCall) {
        let ActorId::Application(index) = to else { return };
        let Some(application) = self.applications.get_mut(usize::from(index)) else { return };
        if application.ended {
            return self.reply(slot, Answer::Ordered, self.cause(), Class::Message);
        }
        match order {
            ApplicationCall::Quiesce => {
                application.database.quiesce();
                application.quiescing.push(slot);
            }
            ApplicationCall::Resume => application.database.resume(),
            _ => application.database.truncate_log(),
        }
        let moving = application.moving;
        if *order != ApplicationCall::Quiesce {
            self.reply(slot, Answer::Ordered, self.cause(), Class::Message);
        }
        if !moving {
            if let Some(application) = self.applications.get_mut(usize::from(index)) {
                application.moving = true;
            }
            self.queue.push(self.now, Class::Load, 0, Event::Load(index));
        }
    }
}

/// The bytes of a file in a shadow copy, or nothing where they cannot be read.
pub(crate) fn whole_file(size: u64, read: impl FnOnce(&mut [u8]) -> bool) -> Option<Arc<[u8]>> {
    let mut bytes = vec![0_u8; usize::try_from(size).ok()?];
    read(&mut bytes).then(|| Arc::from(bytes))
}
