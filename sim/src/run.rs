//! A run from its first event to its last.

use std::sync::Arc;

use vssim_model::ids::VolumeId;
use vssim_model::time::Ticks;
use vssim_model::trace::{Actor, FORMAT, Header, Role, Trace};

use crate::application::{Application, SetUpError};
use crate::backup_store::BackupStore;
use crate::choices::{Choices, Seeded};
use crate::disk_format::ReadAt;
use crate::invariant::Broken;
use crate::ntfs::find_ntfs;
use crate::plan::{ActorId, Content, ImageSource, Plan, VolumePlan};
use crate::record::{Full, Off, Recorder};
use crate::storage::{AreaSettings, Attached, DiskExtent, MountPoint, Storage, StorageError, VolumeSpec, WriteReport};
use crate::world::{Step, World};

/// The most events of a run. A run that is longer is stuck in a loop.
pub const MAXIMUM_EVENTS: u64 = 50_000_000;
/// The longest run in virtual time: a day.
pub const MAXIMUM_TIME: Ticks = Ticks::from_secs(24 * 60 * 60);
/// The seed of what ran before.
const SEED_BEFORE: u64 = 1;
/// How many blocks share a page of memory on a volume of ordinary size.
const BLOCKS_A_PAGE: u32 = 16;
/// Volumes of at most so many blocks get pages of one block, so that clones for a search copy little.
const SMALL_VOLUME: u64 = 256;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The world at its end.
    pub world: World,
    /// The invariant that was broken, if one was.
    pub broken: Option<Broken>,
    /// Whether the run was ended because it did not end by itself.
    pub endless: bool,
    /// How many events there were.
    pub events: u64,
}

/// Where the images come from that a plan names.
pub trait Images {
    /// The volume in an image.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn open(&self, source: &ImageSource) -> Result<Box<dyn ReadAt>, String>;
}

/// No images: for plans that name none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoImages;

impl Images for NoImages {
    fn open(&self, _: &ImageSource) -> Result<Box<dyn ReadAt>, String> {
        Err("no images can be read here".to_owned())
    }
}

/// Builds the world of a plan that names no images.
///
/// # Errors
/// As [`build_with`]; and for a plan that names one.
pub fn build(plan: &Arc<Plan>, choices: &mut dyn Choices) -> Result<World, SetUpError> {
    build_with(plan, choices, &NoImages)
}

/// Builds the world of a plan. Where the plan says what ran before, the store is there that it left.
///
/// # Errors
/// If a disk, a volume, a file or a database of the plan cannot be made, or an image cannot be read or does not fit.
pub fn build_with(plan: &Arc<Plan>, choices: &mut dyn Choices, images: &dyn Images) -> Result<World, SetUpError> {
    let mut world = build_empty(plan, choices, images)?;
    if let Some(before) = &plan.before {
        let mut choices = Seeded::new(SEED_BEFORE);
        let earlier = build_empty(before, &mut choices, images)?;
        world.store = drive(earlier, &mut choices, &mut Off).world.store;
    }
    Ok(world)
}

/// Builds the world of a plan with an empty store.
fn build_empty(plan: &Arc<Plan>, choices: &mut dyn Choices, images: &dyn Images) -> Result<World, SetUpError> {
    let mut storage = Storage::new();
    storage.set_machine(&plan.computer);
    storage.set_time(plan.start);
    for disk in &plan.disks {
        storage.add_disk(&disk.name, disk.bytes)?;
    }
    for volume in &plan.volumes {
        let extents: Vec<DiskExtent> = volume
            .extents
            .iter()
            .map(|&(disk, offset, length)| DiskExtent { disk: u32::from(disk), offset, length })
            .collect();
        let blocks = extents.iter().map(|extent| extent.length).sum::<u64>() / crate::storage::BLOCK_BYTES;
        let blocks_a_page = if blocks <= SMALL_VOLUME { 1 } else { BLOCKS_A_PAGE };
        let mount = mount_point(&volume.name);
        storage.add_volume(VolumeSpec { id: volume.id, mount, extents, blocks_a_page })?;
    }
    let mut loaded = false;
    for volume in &plan.volumes {
        if let Some(source) = &volume.image {
            load(&mut storage, volume, source, images)?;
            loaded = true;
        }
    }
    let attached =
        if loaded { storage.attach_foreign().map_err(|why| not_attached(plan, why))? } else { Attached::default() };
    for volume in &plan.volumes {
        set_area(&mut storage, plan, volume)?;
        for (path, bytes) in volume.files.iter() {
            storage.create_file(volume.id, path, *bytes)?;
        }
        for (path, content) in volume.contents.iter() {
            fill(&mut storage, volume.id, path, content)?;
        }
    }
    for &volume in &plan.kernel.broken_hold {
        if let Some(volume) = plan.volumes.get(usize::from(volume)) {
            storage.set_gate_broken(volume.id, true)?;
        }
    }
    for &volume in &plan.kernel.lost_blocks {
        if let Some(volume) = plan.volumes.get(usize::from(volume)) {
            storage.set_forgetful(volume.id, true)?;
        }
    }
    for &volume in &plan.kernel.slow_growth {
        if let Some(volume) = plan.volumes.get(usize::from(volume)) {
            storage.set_slow_growth(volume.id, true)?;
        }
    }
    let id = |index: u16| plan.volumes.get(usize::from(index)).map(|volume| volume.id).unwrap_or_default();
    let applications: Result<Vec<Application>, SetUpError> =
        plan.applications.iter().map(|application| Application::set_up(application, &mut storage, id)).collect();
    let mut world = World::assemble(Arc::clone(plan), storage, applications?, choices);
    world.adopt_copies();
    world.tell_unfinished(&attached);
    Ok(world)
}

/// Gives a file that is there its content.
fn fill(storage: &mut Storage, volume: VolumeId, path: &str, content: &Content) -> Result<(), StorageError> {
    let files = storage.volume(volume)?.files();
    let file = files.find(path).ok_or(StorageError::NoSuchFile)?;
    let mut report = WriteReport::default();
    match content {
        Content::Bytes(bytes) => storage.write_file(volume, file, 0, bytes, &mut report),
        Content::Seed(seed) => {
            let size = files.file(file).map_or(0, |file| file.size());
            storage.write_seeded(volume, file, 0..size, *seed, &mut report)
        }
    }
}

/// Says of which volume and file something is that was found when the shadow copies were looked for.
fn not_attached(plan: &Plan, error: StorageError) -> SetUpError {
    let (id, why) = match &error {
        StorageError::Image { volume, why } => (*volume, why.to_string()),
        StorageError::AreaMissing { volume, host } => {
            let advice = "give the scenario a volume that begins as the image of that one";
            (*volume, format!("its shadow copies lie on the volume {host}, which is not there; {advice}"))
        }
        _ => return SetUpError::Storage(error),
    };
    let named = plan.volumes.iter().find(|plan| plan.id == id);
    match named.and_then(|plan| Some((plan.name.to_string(), plan.image.as_ref()?.file.clone()))) {
        Some((volume, file)) => SetUpError::Image { volume, file, why },
        None => SetUpError::Storage(error),
    }
}

/// Puts an image's bytes into a volume, with the files and the free clusters of its file system, where it has one. The shadow
/// copies on it are found when all volumes have their bytes.
fn load(
    storage: &mut Storage,
    volume: &VolumePlan,
    source: &ImageSource,
    images: &dyn Images,
) -> Result<(), SetUpError> {
    let wrong = |why: String| SetUpError::Image { volume: volume.name.to_string(), file: source.file.clone(), why };
    let device = images.open(source).map_err(wrong)?;
    let file_system = find_ntfs(&*device).map_err(|error| wrong(error.to_string()))?;
    storage.load(volume.id, &*device, file_system.as_ref()).map_err(|error| wrong(error.to_string()))
}

/// Says where a volume's diff area lies. An image may say it already, and is kept to unless the scenario says it itself.
fn set_area(storage: &mut Storage, plan: &Plan, volume: &VolumePlan) -> Result<(), SetUpError> {
    let (initial, step) = volume.diff_area_growth;
    if volume.image.is_some() && !volume.diff_area_given {
        let found = storage.area(volume.id)?;
        storage.set_area(volume.id, AreaSettings { initial, step, ..found })?;
    } else if let Some(host) = plan.volumes.get(usize::from(volume.diff_area_on)) {
        let maximum = volume.diff_area_maximum;
        storage.set_area(volume.id, AreaSettings { host: host.id, initial, step, maximum })?;
    }
    Ok(())
}

fn mount_point(name: &str) -> Option<MountPoint> {
    let mut letters = name.chars();
    match (letters.next(), letters.next(), letters.next()) {
        (Some(letter), Some(':'), None) if letter.is_ascii_alphabetic() => {
            Some(MountPoint::Letter(letter.to_ascii_uppercase()))
        }
        _ => Some(MountPoint::Folder(format!("{}\\", name.trim_end_matches('\\')))),
    }
}

/// Runs a world to its end.
pub fn drive(mut world: World, choices: &mut dyn Choices, recorder: &mut dyn Recorder) -> Outcome {
    let mut step = Step { choices, recorder };
    let mut events = 0;
    let mut endless = false;
    let broken = loop {
        match world.step(&mut step) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(broken) => break Some(broken),
        }
        events += 1;
        if events >= MAXIMUM_EVENTS || world.now >= MAXIMUM_TIME {
            endless = true;
            break None;
        }
    };
    Outcome { world, broken, endless, events }
}

/// Runs a plan with a seed and keeps the trace.
///
/// # Errors
/// If the world cannot be built.
pub fn run(plan: &Arc<Plan>, seed: u64) -> Result<(Outcome, Trace), SetUpError> {
    run_with(plan, seed, &NoImages)
}

/// Runs a plan that may name images with a seed and keeps the trace.
///
/// # Errors
/// If the world cannot be built.
pub fn run_with(plan: &Arc<Plan>, seed: u64, images: &dyn Images) -> Result<(Outcome, Trace), SetUpError> {
    run_from(plan, seed, images, None)
}

/// As [`run_with`], with what requesters backed up before; none for what the plan says.
///
/// # Errors
/// If the world cannot be built.
pub fn run_from(
    plan: &Arc<Plan>,
    seed: u64,
    images: &dyn Images,
    store: Option<BackupStore>,
) -> Result<(Outcome, Trace), SetUpError> {
    let mut choices = Seeded::new(seed);
    let world = match store {
        Some(store) => {
            let mut world = build_empty(plan, &mut choices, images)?;
            world.store = Arc::new(store);
            world
        }
        None => build_with(plan, &mut choices, images)?,
    };
    let header = header(&world, seed);
    let mut recorder = Full::default();
    let outcome = drive(world, &mut choices, &mut recorder);
    Ok((outcome, recorder.into_trace(header)))
}

/// Runs a plan with a seed and keeps nothing but the end.
///
/// # Errors
/// If the world cannot be built.
pub fn run_unrecorded(plan: &Arc<Plan>, seed: u64) -> Result<Outcome, SetUpError> {
    let mut choices = Seeded::new(seed);
    let world = build(plan, &mut choices)?;
    Ok(drive(world, &mut choices, &mut Off))
}

/// Runs a plan with a seed and keeps everything that reaches the disks
/// ([`Storage::journal`]). Gives the machine's storage as it was before the first event, too.
///
/// # Errors
/// If the world cannot be built.
pub fn run_with_journal(plan: &Arc<Plan>, seed: u64, images: &dyn Images) -> Result<(Storage, Outcome), SetUpError> {
    let mut choices = Seeded::new(seed);
    let mut world = build_with(plan, &mut choices, images)?;
    let start = world.storage.clone();
    world.storage.keep_journal();
    Ok((start, drive(world, &mut choices, &mut Off)))
}

/// The first line of the trace of a world.
#[must_use]
pub fn header(world: &World, seed: u64) -> Header {
    let plan = &world.plan;
    let actor = |id: ActorId, role: Role| Actor { name: plan.name_of(id).into(), role };
    let mut actors = vec![actor(ActorId::Service, Role::Service), actor(ActorId::Kernel, Role::Kernel)];
    for index in 0..u16::try_from(plan.requesters.len()).unwrap_or(u16::MAX) {
        actors.push(actor(ActorId::Requester(index), Role::Requester));
    }
    for (index, (writer, &instance)) in (0_u16..).zip(plan.writers.iter().zip(world.instances.iter())) {
        let role = Role::Writer {
            class: writer.class,
            instance,
            level: writer.level,
            freeze_timeout: writer.freeze_timeout,
            identify_ex: writer.identify_ex,
            joins: writer.main.is_some(),
        };
        actors.push(actor(ActorId::Writer(index), role));
    }
    for (index, provider) in (0_u16..).zip(&plan.providers) {
        actors.push(actor(ActorId::Provider(index), Role::Provider { id: provider.id }));
    }
    for index in 0..u16::try_from(plan.applications.len()).unwrap_or(u16::MAX) {
        actors.push(actor(ActorId::Application(index), Role::Application));
    }
    Header {
        format: FORMAT,
        vssim: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: plan.name.clone(),
        scenario_sha256: plan.sha256.clone(),
        seed: seed.to_string(),
        release: plan.release.to_string(),
        start: plan.start.to_string(),
        actors,
    }
}
