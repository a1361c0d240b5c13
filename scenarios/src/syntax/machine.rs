//! The machine: storage, providers, applications, the kernel's times, the service's planted defects.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::restore::{DeleteFiles, WindowsService};
use super::sins::{ProviderSin, ServiceDefect};
use super::writer::Writer;
use crate::scalars::{Code, Count, Duration, DurationRange, FilePath, Flag, Id, Name, Ranges, Size, Text};
use crate::words::words;
use crate::yaml::{At, Node, ScalarOr};

/// A machine.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The computer's name.
    pub name: At<Name>,
    /// Its disks.
    pub disks: Vec<Disk>,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// Its providers. The system provider is there in any case: quick and without mistakes, unless it is listed.
    #[serde(default)]
    pub providers: Vec<Provider>,
    /// Its applications, which write while the backup runs.
    #[serde(default)]
    pub applications: Vec<Application>,
    /// Its writers.
    #[serde(default)]
    pub writers: Vec<Writer>,
    /// How long the kernel's part takes, and what goes wrong in it.
    #[serde(default)]
    pub kernel: Kernel,
    /// What is wrong with the VSS service itself.
    #[serde(default)]
    pub service: Service,
    /// Values of the registry that bear on shadow copies.
    #[serde(default)]
    pub registry: Registry,
    /// Services that hold files, which a restore may have to stop.
    #[serde(default)]
    pub services: Vec<WindowsService>,
    /// Files that nobody can write until the machine starts anew.
    #[serde(default)]
    pub in_use: Vec<At<FilePath>>,
    /// Whether Windows runs in safe mode or in setup, where writers cannot be initialised.
    #[serde(default)]
    pub safe_mode: At<Flag>,
    /// What happens to the machine by itself.
    #[serde(default)]
    pub incidents: Vec<Node<Incident>>,
}

/// Values of the registry that bear on shadow copies, by their documented names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub struct Registry {
    /// How many client-accessible shadow copies a volume keeps, 1 to 512. Absent: 64.
    pub max_shadow_copies: Option<At<Count>>,
    /// The least size of a diff area in megabytes. Absent: 32 for a volume below 500 MB, else 320; 300 or 100 on older releases.
    pub min_diff_area_file_size: Option<At<Count>>,
    /// The writers whose data make ShouldBlockRevert say yes. In Windows the key lists their classes.
    pub writers_blocking_revert: Vec<At<Name>>,
    /// Files that no backup has and no restore puts back, by the name of the value: `[drive][path]\\name [/s]`. A value with the name of
    /// a writer that is there does not count.
    pub files_not_to_backup: BTreeMap<String, Vec<At<Text>>>,
    /// Files that the Shadow Copy Optimization Writer deletes from shadow copies, by the name of the value: full paths, also with
    /// `$AllVolumes$` or `$UserProfile$`, `/s` behind them.
    pub files_not_to_snapshot: BTreeMap<String, Vec<At<Text>>>,
    /// The folders of the users' profiles, for `$UserProfile$`.
    pub profile_list: Vec<At<FilePath>>,
    /// Whether `$UserProfile$` stands for nothing.
    pub disable_user_profile_expansion: At<Flag>,
    /// Who may be a writer (1), a requester (2), both (3) or neither (0), by account.
    pub vss_access_control: BTreeMap<String, At<Count>>,
}

/// The accounts that may be writers and requesters unless VssAccessControl says 0.
const PERMITTED: [&str; 3] = [r"NT AUTHORITY\SYSTEM", r"BUILTIN\Administrators", r"BUILTIN\Backup Operators"];

impl Registry {
    /// Whether a process of this account may be a writer (1) or a requester (2). One without an account is an administrator's.
    #[must_use]
    pub fn permits(&self, account: Option<&At<Text>>, part: u32) -> bool {
        let Some(account) = account.map(|account| account.0.as_str()) else { return true };
        let listed = self.vss_access_control.iter().find(|(name, _)| name.eq_ignore_ascii_case(account));
        let permitted = PERMITTED.iter().any(|name| name.eq_ignore_ascii_case(account));
        match listed.map(|(_, value)| value.0) {
            Some(0) => false,
            Some(value) => permitted || value & part != 0,
            None => permitted,
        }
    }
}

/// Something that happens to the machine by itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Incident {
    /// Every byte of a file is written over.
    OverwriteFile(OverwriteFile),
    /// A file grows, or is made, as far as its volume has room.
    GrowFile(GrowFile),
    /// A file is deleted, or a folder with all that is in it.
    DeleteFiles(DeleteFiles),
    /// A part of a file is written, or all of it; it is made if it is not there.
    WriteFile(WriteFile),
    /// A volume is dismounted by force; it is mounted again at its next use.
    Dismount(HappensTo),
    /// From now on no write of volsnap to the volume succeeds.
    IoError(HappensTo),
    /// From now on the writers cannot be reached: the event service has stopped.
    WritersUnreachable(Happens),
    /// The machine is shut down in good order and starts again: requesters end, writers start anew, shadow copies stay that are
    /// persistent.
    Reboot(Happens),
    /// A provider is taken out of the registry.
    UnregisterProvider(HappensToProvider),
}

/// Something happens to the machine.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Happens {
    /// When.
    pub at: At<Duration>,
}

/// Something happens to a provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HappensToProvider {
    /// When.
    pub at: At<Duration>,
    /// The provider.
    pub provider: At<Name>,
}

/// A file is written over.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverwriteFile {
    /// When.
    pub at: At<Duration>,
    /// The file's full path.
    pub path: At<FilePath>,
}

/// A file is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteFile {
    /// When.
    pub at: At<Duration>,
    /// The file's full path.
    pub path: At<FilePath>,
    /// The size that it has afterwards. Absent: as large as it is, or as the write makes it.
    #[serde(default)]
    pub size: Option<At<Size>>,
    /// Where the write begins. Absent: at the beginning.
    #[serde(default)]
    pub offset: Option<At<Size>>,
    /// How many bytes are written. Absent: to the end.
    #[serde(default)]
    pub length: Option<At<Size>>,
    /// The bytes written are those that a file with this seed holds there.
    pub seed: At<Count>,
}

/// A file grows.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrowFile {
    /// When.
    pub at: At<Duration>,
    /// The file's full path.
    pub path: At<FilePath>,
    /// The size that it grows to, as far as there is room.
    pub size: At<Size>,
}

/// Something happens to a volume.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HappensTo {
    /// When.
    pub at: At<Duration>,
    /// The volume.
    pub volume: At<Name>,
}

/// A disk.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Its name, by which extents refer to it.
    pub name: At<Name>,
    /// Its size.
    pub size: At<Size>,
}

/// A volume. It has a size, taken from a disk's next free bytes, or extents, or the size of its image.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Its name: a drive letter with colon, in quotes ('C:').
    pub name: At<Name>,
    /// Its GUID, as in `\\?\Volume{GUID}\`. Absent: follows from the names of machine and volume.
    #[serde(default)]
    pub id: Option<At<Id>>,
    /// The disk that it lies on. Absent: the only one. Not together with `extents`.
    #[serde(default)]
    pub disk: Option<At<Name>>,
    /// Its size, laid out behind the volumes before it on the disk. Not together with `extents`.
    #[serde(default)]
    pub size: Option<At<Size>>,
    /// The parts of disks that make it up, in order.
    #[serde(default)]
    pub extents: Vec<Extent>,
    /// An image of a volume that is its content at the start: file system, files, shadow copies.
    #[serde(default)]
    pub image: Option<Image>,
    /// What is on it, beside what its image has. Files of applications need not be listed.
    #[serde(default)]
    pub files: Vec<Node<FileEntry>>,
    /// Where the system provider saves old blocks of this volume. Absent: as its image says; without an image on the volume
    /// itself, without a limit.
    #[serde(default)]
    pub diff_area: Option<DiffArea>,
    /// Its file system. It decides which shadow copies it can have; all else goes as on NTFS.
    #[serde(default)]
    pub file_system: At<FileSystem>,
    /// The volume with the file of the virtual disk that this volume lies in. Absent: it lies in none.
    #[serde(default)]
    pub virtual_disk_on: Option<At<Name>>,
    /// When another node of the cluster makes a shadow copy of this cluster shared volume.
    #[serde(default)]
    pub created_elsewhere: Option<Meanwhile>,
}

/// A span of virtual time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meanwhile {
    /// When it begins.
    pub from: At<Duration>,
    /// When it is over.
    pub to: At<Duration>,
}

/// An image of a volume, or of a disk that has the volume as a partition: the file alone, or with more.
#[derive(Clone, Debug)]
pub struct Image {
    /// The file, relative to the scenario.
    pub file: At<Text>,
    /// Which partition of the disk.
    pub partition: Option<At<Count>>,
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Image, D::Error> {
        Ok(match ScalarOr::<Text, ImageOfDisk>::deserialize(deserializer)? {
            ScalarOr::Scalar(file) => Image { file, partition: None },
            ScalarOr::Mapping(ImageOfDisk { file, partition }) => Image { file, partition },
        })
    }
}

impl JsonSchema for Image {
    fn schema_name() -> Cow<'static, str> {
        "Image".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (file, more) = (generator.subschema_for::<Text>(), generator.subschema_for::<ImageOfDisk>());
        json_schema!({ "description": "A file with an image of the volume, or the file and more.", "anyOf": [file, more] })
    }
}

/// An image, by its file and what is meant in it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ImageOfDisk {
    /// The file, relative to the scenario.
    file: At<Text>,
    /// Which partition of the disk in the image, counted from 1. Absent: the image is a volume, or a disk with one volume of NTFS.
    #[serde(default)]
    partition: Option<At<Count>>,
}

/// A part of a disk.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// The disk.
    pub disk: At<Name>,
    /// Where it begins.
    pub offset: At<Size>,
    /// How long it is.
    pub length: At<Size>,
}

/// What is on a volume.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileEntry {
    /// One file.
    File(FileWithContent),
    /// A folder with many files of one size.
    Tree(Tree),
    /// A file with ranges of another one, as AddPartialFile may name it: a count, then offsets and lengths.
    RangesFile(RangesFile),
}

/// A file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its full path.
    pub path: At<FilePath>,
    /// Its size.
    pub size: At<Size>,
}

/// A file, and what it holds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileWithContent {
    /// Its full path.
    pub path: At<FilePath>,
    /// Its size.
    pub size: At<Size>,
    /// It holds bytes that follow from this number. Absent: zeros.
    #[serde(default)]
    pub seed: Option<At<Count>>,
}

/// A file with ranges.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangesFile {
    /// Its full path.
    pub path: At<FilePath>,
    /// The ranges: `offset:length`, joined by commas.
    pub ranges: At<Ranges>,
}

/// A folder with many files of one size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The folder's full path.
    pub path: At<FilePath>,
    /// How many files it holds.
    pub count: At<Count>,
    /// The size of each.
    pub size: At<Size>,
    /// Each holds bytes that follow from this number and its place. Absent: zeros.
    #[serde(default)]
    pub seed: Option<At<Count>>,
}

/// Where old blocks are saved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffArea {
    /// The volume that holds it.
    pub volume: At<Name>,
    /// How large it may grow, all shadow copies of the volume together. Absent: as large as there is room.
    #[serde(default)]
    pub maximum: Option<At<Size>>,
    /// What each shadow copy gets at first and by how much it grows; only where the volume is too small for what Windows gives.
    #[serde(default)]
    pub initial: Option<At<Size>>,
}

words! {
    /// The file system of a volume.
    FileSystem, "a file system" {
        /// NTFS: shadow copies of every kind, and diff areas.
        Ntfs = "ntfs",
        /// FAT32: nonpersistent shadow copies, with their diff area on a volume with NTFS.
        Fat32 = "fat32",
    }
}

words! {
    /// What kind of provider it is.
    ProviderKind, "a kind of provider" {
        /// The Microsoft Software Shadow Copy provider, which is part of Windows. At most one.
        System = "system",
        /// Somebody else's software provider, called through IVssSoftwareSnapshotProvider.
        Software = "software",
    }
}

/// A provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its name.
    pub name: At<Name>,
    /// Its kind.
    pub kind: At<ProviderKind>,
    /// Its id. Absent: the documented one for the system provider, else it follows from the name.
    #[serde(default)]
    pub id: Option<At<Id>>,
    /// The volumes that it supports. Absent: all.
    #[serde(default)]
    pub supports: Option<Vec<At<Name>>>,
    /// How long each callback takes and what it returns. What is left out takes no time and succeeds.
    #[serde(default)]
    pub callbacks: Callbacks,
    /// What it answers to questions about shadow copies that exist. What is left out succeeds; none of them takes time.
    #[serde(default)]
    pub answers: Answers,
    /// What it does wrong.
    #[serde(default)]
    pub misbehaviours: Vec<Node<ProviderSin>>,
}

/// What a provider answers, one code after the other, the last one from then on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub struct Answers {
    /// IVssSoftwareSnapshotProvider::GetSnapshotProperties.
    pub get_snapshot_properties: Vec<At<Code>>,
    /// IVssSoftwareSnapshotProvider::Query.
    pub query: Vec<At<Code>>,
    /// IVssSoftwareSnapshotProvider::IsVolumeSnapshotted.
    pub is_volume_snapshotted: Vec<At<Code>>,
    /// IVssSoftwareSnapshotProvider::SetSnapshotProperty, which exposing and ending an exposure call.
    pub set_snapshot_property: Vec<At<Code>>,
    /// IVssSoftwareSnapshotProvider::RevertToSnapshot.
    pub revert_to_snapshot: Vec<At<Code>>,
    /// IVssSoftwareSnapshotProvider::QueryRevertStatus.
    pub query_revert_status: Vec<At<Code>>,
}

/// The provider's callbacks.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub struct Callbacks {
    /// IVssSoftwareSnapshotProvider::IsVolumeSupported.
    pub is_volume_supported: Callback,
    /// IVssSoftwareSnapshotProvider::BeginPrepareSnapshot.
    pub begin_prepare_snapshot: Callback,
    /// IVssProviderCreateSnapshotSet::EndPrepareSnapshots.
    pub end_prepare_snapshots: Callback,
    /// IVssProviderCreateSnapshotSet::PreCommitSnapshots.
    pub pre_commit_snapshots: Callback,
    /// IVssProviderCreateSnapshotSet::CommitSnapshots, inside flush and hold.
    pub commit_snapshots: Callback,
    /// IVssProviderCreateSnapshotSet::PostCommitSnapshots.
    pub post_commit_snapshots: Callback,
    /// IVssProviderCreateSnapshotSet::PreFinalCommitSnapshots.
    pub pre_final_commit_snapshots: Callback,
    /// IVssProviderCreateSnapshotSet::PostFinalCommitSnapshots.
    pub post_final_commit_snapshots: Callback,
    /// IVssProviderCreateSnapshotSet::AbortSnapshots.
    pub abort_snapshots: Callback,
    /// IVssSoftwareSnapshotProvider::DeleteSnapshots.
    pub delete_snapshots: Callback,
}

/// One callback.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Callback {
    /// How long it takes.
    pub takes: At<DurationRange>,
    /// What it returns. Absent: S_OK.
    pub returns: Option<At<Code>>,
}

/// An application that keeps a database and goes on writing to it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its name.
    pub name: At<Name>,
    /// Its database: a log, written first, and pages, written after.
    pub database: Database,
}

/// A log-and-pages store.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The log file.
    pub log: File,
    /// The file with the pages.
    pub pages: Pages,
    /// How long from one transaction to the next. Its writes are spread evenly over this time.
    pub transaction_every: At<DurationRange>,
    /// Whether a checkpoint makes room in the log. Otherwise the application stands still when its log is full, until
    /// a writer truncates it.
    #[serde(default = "Flag::yes")]
    pub circular_logging: At<Flag>,
}

/// The file with the pages of a database, 4 KiB each.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// Its full path. It may lie on another volume than the log.
    pub path: At<FilePath>,
    /// How many pages it has, at most 48.
    pub count: At<Count>,
}

/// The size of a database page.
pub const PAGE: u64 = 4096;

/// The kernel's part.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kernel {
    /// How long it takes to open the volumes of the set.
    pub open_volumes: At<DurationRange>,
    /// How long the flush of a volume takes; all are flushed at the same time, and the slowest decides.
    pub flush: At<DurationRange>,
    /// How long the kernel transaction manager takes to freeze.
    pub transactions_freeze: At<DurationRange>,
    /// How long it takes to thaw.
    pub transactions_thaw: At<DurationRange>,
    /// How long it takes to put the content of a shadow copy back onto its volume.
    pub revert: At<DurationRange>,
    /// What goes wrong.
    pub faults: Faults,
}

/// What goes wrong in the kernel.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Volumes whose writes are not held, although the kernel says so.
    pub broken_hold: Vec<At<Name>>,
    /// Volumes whose old blocks are not saved before they are written over.
    pub lost_blocks: Vec<At<Name>>,
    /// Volumes whose diff area does not grow as fast as they are written to.
    pub slow_growth: Vec<At<Name>>,
    /// Volumes that volsnap can have to do with only after the computer was started again.
    pub restart_pending: Vec<At<Name>>,
}

/// The VSS service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// Defects planted into the service, to show that the rules which bind it catch them.
    pub defects: Vec<At<ServiceDefect>>,
}
