//! What a world is built from: a machine, its actors, their scripts. Staging a scenario makes a [`Plan`].
//!
//! A plan holds no names that still have to be looked up: writers, volumes and applications are indices into its lists.

mod defects;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::documents::WriterMetadata;
use vssim_model::excluded::Excluded;
use vssim_model::file_spec::Variables;
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, ProviderId, VolumeId, WriterClassId, WriterInstanceId};
use vssim_model::release::Release;
use vssim_model::states::{ApplicationLevel, WriterEvent};
use vssim_model::tables::{ProviderCallback, Tables};
use vssim_model::time::Ticks;
use vssim_model::trace::Name;

use crate::database::DatabaseSpec;

pub use self::defects::ServiceDefect;
pub use self::script::*;

/// Everything that is fixed before the first event.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// The SHA-256 of the scenario's text.
    pub sha256: String,
    /// The Windows release simulated.
    pub release: Release,
    /// The computer's name.
    pub computer: String,
    /// The FILETIME of tick 0.
    pub start: u64,
    /// The environment variables of the machine, in which the paths of documents are expanded.
    pub variables: Arc<Variables>,
    /// Disks.
    pub disks: Vec<DiskPlan>,
    /// Volumes.
    pub volumes: Vec<VolumePlan>,
    /// Writers.
    pub writers: Vec<WriterPlan>,
    /// Providers, the system provider among them.
    pub providers: Vec<ProviderPlan>,
    /// Applications.
    pub applications: Vec<ApplicationPlan>,
    /// Requesters.
    pub requesters: Vec<RequesterPlan>,
    /// The kernel.
    pub kernel: KernelPlan,
    /// Whether Windows runs in safe mode or in setup: writers cannot be initialised (page of Initialize).
    pub safe_mode: bool,
    /// How many shadow copies of a volume may be client accessible (the registry value MaxShadowCopies).
    pub max_shadow_copies: u16,
    /// The writers and requesters whose accounts may not be that (the registry key VssAccessControl).
    pub forbidden: BTreeSet<ActorId>,
    /// Services that a restore may have to stop.
    pub services: Vec<ServicePlan>,
    /// Files that are in use until the machine starts anew, by full path in upper case.
    pub in_use: BTreeSet<String>,
    /// The writers that the registry lists under WritersBlockingRevert.
    pub blocking_revert: BTreeSet<u16>,
    /// The registry key FilesNotToBackup: what each of its values names.
    pub not_to_backup: Vec<(String, Vec<Excluded>)>,
    /// The registry key FilesNotToSnapshot.
    pub not_to_snapshot: Vec<Excluded>,
    /// What happens to the machine by itself.
    pub incidents: Vec<IncidentPlan>,
    /// Defects planted in the VSS service, for the tests of the rules that bind it.
    pub defects: BTreeSet<ServiceDefect>,
    /// What a search may choose beside the order of events.
    pub open: OpenChoices,
    /// The state tables in force.
    pub tables: Arc<Tables>,
    /// What ran before on another day: its store is there at the start.
    pub before: Option<Arc<Plan>>,
}

/// A disk.
#[derive(Clone, Debug)]
pub struct DiskPlan {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A volume.
#[derive(Clone, Debug)]
pub struct VolumePlan {
    /// How the scenario and the trace name it, without trailing backslash: `C:`.
    pub name: Name,
    /// Its GUID.
    pub id: VolumeId,
    /// Where it lies: disk index, first byte, bytes.
    pub extents: Vec<(u16, u64, u64)>,
    /// Which volume holds the diff area of its shadow copies.
    pub diff_area_on: u16,
    /// The largest size of that diff area in bytes; none for no limit.
    pub diff_area_maximum: Option<u64>,
    /// What each shadow copy's diff area gets at first and by how much it grows, in bytes.
    pub diff_area_growth: (u64, u64),
    /// Whether the scenario says the three above; otherwise what its image says is kept.
    pub diff_area_given: bool,
    /// Whether its file system is NTFS.
    pub ntfs: bool,
    /// The image that it begins as; otherwise it begins empty.
    pub image: Option<ImageSource>,
    /// The volume on which the file of the virtual disk lies that this volume is in.
    pub virtual_disk_on: Option<u16>,
    /// From when to when another node of the cluster makes a shadow copy of it.
    pub created_elsewhere: Option<(Ticks, Ticks)>,
    /// Files there at the start, beside those of the image, with their sizes in bytes.
    pub files: Arc<[(String, u64)]>,
    /// What those of them hold that do not hold zeros.
    pub contents: Arc<[(String, Content)]>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// What follows from a seed ([`crate::content::fill`]).
    Seed(u64),
    /// These bytes.
    Bytes(Arc<[u8]>),
}

/// An image of a volume, by name. Whoever starts the run opens it ([`crate::run::Images`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageSource {
    /// The file, as the scenario names it.
    pub file: String,
    /// Which partition of the disk in it, counted from 1.
    pub partition: Option<u32>,
}

/// A span of time: a fixed one where both ends are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// At least.
    pub min: Ticks,
    /// At most.
    pub max: Ticks,
}

impl Span {
    /// Always this long.
    #[must_use]
    pub const fn exactly(ticks: Ticks) -> Span {
        Span { min: ticks, max: ticks }
    }
}

/// A writer.
#[derive(Clone, Debug)]
pub struct WriterPlan {
    /// Its name, unique in the plan.
    pub name: Name,
    /// Its class.
    pub class: WriterClassId,
    /// Its instance, where its metadata document names one; otherwise the run draws one.
    pub instance: Option<WriterInstanceId>,
    /// The level at which it freezes.
    pub level: ApplicationLevel,
    /// How long it may stay frozen.
    pub freeze_timeout: Ticks,
    /// In how many backups and restores it can take part at once.
    pub sessions: u16,
    /// The documents it gives at Identify, the first time the first, and so on; the last one stays.
    pub documents: Vec<MetadataPlan>,
    /// What its handlers do; an event without an entry is handled at once and well.
    pub handlers: BTreeMap<WriterEvent, Script>,
    /// What it does from the start: it makes its object, subscribes, and leaves. Without it the writer is subscribed from
    /// the start.
    pub main: Option<Script>,
    /// Whether it overrides OnIdentifyEx rather than OnIdentify.
    pub identify_ex: bool,
    /// Something it does by itself, outside of any handler, and when.
    pub background: Option<(Ticks, Script)>,
}

/// A Writer Metadata Document and what the service must know of it.
#[derive(Clone, Debug)]
pub struct MetadataPlan {
    /// The document.
    pub document: WriterMetadata,
    /// Its text as it came from Windows; otherwise the run writes the document.
    pub text: Option<Arc<str>>,
    /// Its components by (logical path, name).
    pub components: Arc<BTreeMap<(String, String), ComponentPlan>>,
}

/// A component of a writer.
#[derive(Clone, Debug)]
pub struct ComponentPlan {
    /// Whether it is a database rather than a file group.
    pub database: bool,
    /// Its file sets, as far as they lie on volumes of the plan.
    pub files: Arc<[FileSet]>,
}

/// Files of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSet {
    /// The volume.
    pub volume: u16,
    /// The directory on it, without the volume root and without trailing backslash.
    pub directory: String,
    /// The specification, with `*` and `?`.
    pub specification: String,
    /// Whether the directories below belong to it.
    pub recursive: bool,
}

/// A provider.
#[derive(Clone, Debug)]
pub struct ProviderPlan {
    /// Its name.
    pub name: Name,
    /// Its id.
    pub id: ProviderId,
    /// Whether it is the system provider.
    pub system: bool,
    /// The volumes it supports.
    pub supports: BTreeSet<u16>,
    /// What it does at each callback; without an entry it returns `S_OK` and does nothing.
    pub handlers: BTreeMap<ProviderCallback, Script>,
    /// What it answers when it is asked about shadow copies that exist, one after the other, the last one from then on; without an
    /// entry it answers well.
    pub answers: BTreeMap<ProviderQuestion, Vec<HResult>>,
}

/// A method of IVssSoftwareSnapshotProvider about shadow copies that exist. Its answer takes no time, so that it is no
/// callback with a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named as the methods are")]
pub enum ProviderQuestion {
    GetSnapshotProperties,
    Query,
    IsVolumeSnapshotted,
    SetSnapshotProperty,
    RevertToSnapshot,
    QueryRevertStatus,
}

impl ProviderQuestion {
    /// Every question.
    pub const ALL: &'static [ProviderQuestion] = &[
        ProviderQuestion::GetSnapshotProperties,
        ProviderQuestion::Query,
        ProviderQuestion::IsVolumeSnapshotted,
        ProviderQuestion::SetSnapshotProperty,
        ProviderQuestion::RevertToSnapshot,
        ProviderQuestion::QueryRevertStatus,
    ];

    /// The method's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ProviderQuestion::GetSnapshotProperties => "GetSnapshotProperties",
            ProviderQuestion::Query => "Query",
            ProviderQuestion::IsVolumeSnapshotted => "IsVolumeSnapshotted",
            ProviderQuestion::SetSnapshotProperty => "SetSnapshotProperty",
            ProviderQuestion::RevertToSnapshot => "RevertToSnapshot",
            ProviderQuestion::QueryRevertStatus => "QueryRevertStatus",
        }
    }
}

/// An application with a database.
#[derive(Clone, Debug)]
pub struct ApplicationPlan {
    /// Its name.
    pub name: Name,
    /// Volume and path of its log.
    pub log: (u16, String),
    /// Volume and path of its pages.
    pub pages: (u16, String),
    /// How its database is made.
    pub database: DatabaseSpec,
    /// The pause between two writes.
    pub pause: Span,
    /// How many transactions it runs; none for no end.
    pub transactions: Option<u32>,
}

/// A requester.
#[derive(Clone, Debug)]
pub struct RequesterPlan {
    /// Its name.
    pub name: Name,
    /// When it starts.
    pub starts: Ticks,
    /// What it does.
    pub script: Script,
}

/// The kernel: flush and hold, transactions.
#[derive(Clone, Debug)]
pub struct KernelPlan {
    /// Opening the handles of all volumes of a set.
    pub open_volumes: Span,
    /// Flushing one volume.
    pub flush: Span,
    /// Freezing the kernel transaction manager.
    pub freeze_transactions: Span,
    /// Thawing it.
    pub thaw_transactions: Span,
    /// Putting the blocks of a shadow copy back onto its volume.
    pub revert: Span,
    /// Volumes whose hold lets writes through.
    pub broken_hold: BTreeSet<u16>,
    /// Volumes to which volsnap will not be attached before the computer is started again.
    pub restart_pending: BTreeSet<u16>,
    /// Volumes of which volsnap forgets to save the old blocks.
    pub lost_blocks: BTreeSet<u16>,
    /// Volumes whose diff area does not grow in time.
    pub slow_growth: BTreeSet<u16>,
}

/// The default of the registry value MaxShadowCopies.
pub const MAX_SHADOW_COPIES: u16 = 64;

/// In how many backups and restores a writer can take part at once, if a plan says nothing (docs/choices.md, S-11).
pub const SESSIONS: u16 = 64;

/// Something that happens to the machine by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentPlan {
    /// When.
    pub at: Ticks,
    /// What.
    pub what: Incident,
}

/// What happens to the machine by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incident {
    /// Every byte of a file is written over.
    OverwriteFile {
        /// The volume.
        volume: u16,
        /// The path on it.
        path: String,
    },
    /// A file grows to this size, or as far as there is room; it is made if it is not there.
    GrowFile {
        /// The volume.
        volume: u16,
        /// The path on it.
        path: String,
        /// The size in bytes.
        size: u64,
    },
    /// A file is gone, or all files in a folder and below it.
    DeleteFiles {
        /// The volume.
        volume: u16,
        /// The path on it.
        path: String,
    },
    /// A part of a file is written, with what follows from a seed; the file is made if it is not there.
    WriteFile {
        /// The volume.
        volume: u16,
        /// The path on it.
        path: String,
        /// The size that it has afterwards; none to leave it.
        size: Option<u64>,
        /// Where the write begins.
        offset: u64,
        /// How many bytes; none for all to the end.
        length: Option<u64>,
        /// The seed.
        seed: u64,
    },
    /// A volume is dismounted by force.
    Dismount(u16),
    /// From now on no write of volsnap to this volume succeeds.
    IoError(u16),
    /// From now on the writers cannot be reached.
    WritersUnreachable,
    /// The machine is shut down in good order and starts again.
    Reboot,
    /// A provider is taken out of the registry.
    UnregisterProvider(u16),
}

/// What a search may choose beside the order of simultaneous events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenChoices {
    /// Every requester may crash whenever it would go on.
    pub crashes: bool,
    /// Every handler of a writer may veto with each of the five codes.
    pub vetoes: bool,
}

/// A service of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// Its name.
    pub name: Name,
    /// Whether it runs at the start.
    pub runs: bool,
    /// Whether it can be stopped.
    pub stoppable: bool,
    /// The files that nobody else can write while it runs, by full path.
    pub holds: BTreeSet<String>,
}

/// Somebody in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the parts, with the index into the plan's list")]
pub enum ActorId {
    Service,
    Kernel,
    Requester(u16),
    Writer(u16),
    Provider(u16),
    Application(u16),
}

/// The name of the VSS service in a trace.
pub const SERVICE: &str = "VSS";
/// The name of the kernel in a trace.
pub const KERNEL: &str = "Kernel";
/// The Shadow Copy Optimization Writer: it takes every event although it has no component (docs/choices.md, C-42).
pub const SHADOW_COPY_OPTIMIZATION_WRITER: WriterClassId =
    WriterClassId(Guid(0x4dc3_bdd4_ab48_4d07_adb0_3bee_2926_fd7f));

impl Plan {
    /// An actor's name in the trace.
    #[must_use]
    pub fn name_of(&self, actor: ActorId) -> &str {
        match actor {
            ActorId::Service => SERVICE,
            ActorId::Kernel => KERNEL,
            ActorId::Requester(index) => self.requesters.get(usize::from(index)).map_or("?", |plan| &plan.name),
            ActorId::Writer(index) => self.writers.get(usize::from(index)).map_or("?", |plan| &plan.name),
            ActorId::Provider(index) => self.providers.get(usize::from(index)).map_or("?", |plan| &plan.name),
            ActorId::Application(index) => self.applications.get(usize::from(index)).map_or("?", |plan| &plan.name),
        }
    }
}
