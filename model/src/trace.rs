//! The trace record, format 1: what a run, or a recording of Windows, is judged by.
//!
//! A trace is a [`Header`] and [`Record`]s. As a file it is JSON lines: the header on the first line, a record on each
//! further one. A record says when (`t`, ticks since the start), who (`actor`), what, and which earlier record led to it
//! (`cause`). docs/trace-format.md describes it by example.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::{Call, Out};
use crate::hresult::HResult;
use crate::ids::{ProviderId, SnapshotId, SnapshotSetId, WriterClassId, WriterInstanceId};
use crate::states::{ApplicationLevel, SnapshotState, WriterEvent, WriterState};
use crate::time::Ticks;

/// The version of the format that this crate reads and writes.
pub const FORMAT: u32 = 1;

/// The name of an actor, unique in its trace.
pub type Name = Arc<str>;

/// The first line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of vssim that wrote the trace.
    pub vssim: String,
    /// The scenario's name.
    pub scenario: String,
    /// The SHA-256 of the scenario's text, in hexadecimal.
    pub scenario_sha256: String,
    /// The seed. A string, since JSON readers lose digits of large numbers.
    pub seed: String,
    /// The Windows release the scenario runs as.
    pub release: String,
    /// The FILETIME of tick 0, as a decimal string.
    pub start: String,
    /// Everybody that appears in the records.
    pub actors: Vec<Actor>,
}

/// Somebody that does something in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The name that records use.
    pub name: Name,
    /// The part played.
    pub role: Role,
}

/// The part an actor plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// A backup application.
    Requester,
    /// The VSS service, the coordinator.
    Service,
    /// A writer.
    Writer {
        /// Its class.
        class: WriterClassId,
        /// Its instance.
        instance: WriterInstanceId,
        /// The level at which it freezes.
        level: ApplicationLevel,
        /// How long it may stay frozen.
        freeze_timeout: Ticks,
        /// Whether it overrides OnIdentifyEx rather than OnIdentify.
        #[serde(default, skip_serializing_if = "is_false")]
        identify_ex: bool,
        /// Whether it subscribes by calls of its own, rather than being subscribed from the start.
        #[serde(default, skip_serializing_if = "is_false")]
        joins: bool,
    },
    /// A provider.
    Provider {
        /// Its id.
        id: ProviderId,
    },
    /// The kernel: flush and hold, release, volsnap, the kernel transaction manager.
    Kernel,
    /// An application that reads and writes files.
    Application,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The record's number: 1 for the first, one more for each next.
    pub n: u64,
    /// When, in ticks of 100 ns since the start.
    pub t: Ticks,
    /// Who.
    pub actor: Name,
    /// What.
    pub what: What,
    /// The number of the record that led to this one; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cause: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Numbers a call, an event or a callback within a trace; its return names the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// The actor calls a method. `object` numbers the backup components object of a requester's call; 0 elsewhere.
    Call {
        /// Names the return.
        id: CallId,
        /// The backup components object, counted from 1 over the whole trace.
        #[serde(default, skip_serializing_if = "is_zero_u32")]
        object: u32,
        /// Interface, method and arguments.
        call: Call,
    },
    /// The service answers a call; the actor is the caller that gets the answer.
    Return {
        /// The call.
        id: CallId,
        /// The code.
        hresult: HResult,
        /// What came with it.
        #[serde(default, skip_serializing_if = "Out::is_nothing")]
        out: Out,
    },
    /// The service raises an event to a writer; the actor is the writer, which enters its handler.
    Event {
        /// Names the end of the handler.
        id: CallId,
        /// Which event.
        event: WriterEvent,
        /// The shadow copy set, from PrepareForSnapshot on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<SnapshotSetId>,
        /// The backup components object whose backup or restore it belongs to, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<u32>,
    },
    /// The writer's handler returned.
    Handled {
        /// The event's number.
        id: CallId,
        /// Which event.
        event: WriterEvent,
        /// The handler's Boolean.
        returned: bool,
        /// What it told `SetWriterFailure`; absent if it did not call it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<HResult>,
    },
    /// The service calls a provider; the actor is the provider.
    Callback {
        /// Names the return.
        id: CallId,
        /// Interface, method and arguments.
        call: Call,
    },
    /// The provider returned.
    CallbackReturn {
        /// The callback's number.
        id: CallId,
        /// The code, as the provider gave it.
        hresult: HResult,
    },
    /// A writer's state changed; the actor is the writer.
    WriterState {
        /// Before.
        from: WriterState,
        /// After.
        to: WriterState,
        /// The failure that `GetWriterStatus` reports from now on, or `S_OK`.
        failure: HResult,
        /// The backup components object in whose backup or restore the writer is in this state: a writer keeps a session for
        /// each. None where the change belongs to no backup or restore, as when a process begins anew or Identify fails.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<u32>,
    },
    /// A shadow copy's state changed; the actor is the service.
    SnapshotState {
        /// The set.
        set: SnapshotSetId,
        /// The shadow copy.
        snapshot: SnapshotId,
        /// The original volume (its name in the scenario).
        volume: Name,
        /// Before.
        from: SnapshotState,
        /// After.
        to: SnapshotState,
    },
    /// The service, the kernel or a requester enters or leaves a phase, named as Windows' diagnosis names it
    /// (`FREEZE_BACK`, `IOCTL_FLUSH_AND_HOLD`, `DOSNAPSHOT`).
    Phase {
        /// The phase.
        name: Phase,
        /// Whether it begins or ends.
        edge: Edge,
    },
    /// The system-wide creation lock changed hands; the actor is the service.
    CreationLock {
        /// The set that holds it, absent when it is free again.
        holder: Option<SnapshotSetId>,
    },
    /// An asynchronous operation ended; the actor is the requester that started it.
    AsyncEnd {
        /// Which operation.
        operation: crate::api::AsyncId,
        /// How: `VSS_S_ASYNC_FINISHED`, `VSS_S_ASYNC_CANCELLED` or the failure.
        hresult: HResult,
    },
    /// A timer was set, fired or was stopped.
    Timer {
        /// Which one.
        name: TimerName,
        /// What became of it.
        edge: TimerEdge,
    },
    /// Writes to a volume are held from here on; the actor is the kernel.
    Hold {
        /// The volume.
        volume: Name,
    },
    /// Writes to a volume are released; those queued land now, in order.
    Release {
        /// The volume.
        volume: Name,
        /// How many writes had queued up.
        queued: u32,
    },
    /// A provider fixed the content of a shadow copy: its commit instant.
    Commit {
        /// The shadow copy.
        snapshot: SnapshotId,
        /// The volume.
        volume: Name,
    },
    /// A write of an application to a volume while it is held, or under a shadow copy: what of I/O matters.
    Io {
        /// The volume.
        volume: Name,
        /// What it was.
        io: Io,
    },
    /// An entry in an event log of Windows.
    EventLog(EventLogEntry),
    /// A document appears for the first time. Later records name it by its SHA-256.
    Document {
        /// The SHA-256 of the text in UTF-8, in hexadecimal.
        sha256: String,
        /// Which kind.
        kind: DocumentKind,
        /// The text.
        text: String,
    },
    /// A fault was planted into a document in memory; the actor is who did it.
    Damaged {
        /// Which kind of document.
        document: DocumentKind,
        /// The name of the element.
        element: String,
        /// Which of the elements of this name, from 0.
        #[serde(default, skip_serializing_if = "is_zero_u32")]
        which: u32,
        /// The attribute; absent if the whole element went.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attribute: Option<String>,
        /// What the attribute says from now on; absent if it went.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// A process began or ended; the actor is who.
    Process(ProcessEdge),
    /// A writer has another instance id: its process began again, or it initialised another object; the actor is the writer.
    Instance {
        /// The id from now on.
        instance: WriterInstanceId,
    },
    /// What the bytes of a finished shadow copy say about an application's data; the actor is the application.
    Consistency {
        /// The set.
        set: SnapshotSetId,
        /// The finding.
        state: Consistency,
        /// Why, in words.
        detail: String,
    },
    /// A finished shadow copy was compared with the reference copy taken at its commit instant.
    Compared {
        /// The shadow copy.
        snapshot: SnapshotId,
        /// Blocks compared.
        compared: u64,
        /// Blocks left out because VSS's own data lies there.
        excluded_vss: u64,
        /// Blocks left out because no file owned them at commit.
        excluded_free: u64,
        /// Blocks that differ.
        different: u64,
    },
    /// A requester restored a file, or could not restore a component, or a service was stopped or started for it.
    Restore(Restored),
    /// A call was made to run out of a resource, as ordered: it was refused before it did anything. The actor is the service;
    /// the cause is the call.
    RanOut {
        /// What the call would have returned otherwise; absent if it would have answered later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reached: Option<HResult>,
        /// A digest of the whole machine before the call, in hexadecimal.
        before: String,
        /// The same after it.
        after: String,
    },
    /// An invariant of the simulator was broken: a defect of vssim, never of an actor.
    Invariant {
        /// The invariant's name.
        name: String,
        /// What was found.
        detail: String,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero_u32(n: &u32) -> bool {
    *n == 0
}

/// Begin or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// It begins.
    Enter,
    /// It ends.
    Leave,
}

/// What became of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerEdge {
    /// It was set and is due then.
    Set(Ticks),
    /// It fired.
    Fired,
    /// It was stopped before it fired.
    Stopped,
}

/// What a timer guards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimerName {
    /// A writer's freeze window: receipt of Freeze to receipt of Thaw.
    FreezeWindow(Name),
    /// Flush and hold: 10 s from its start to the release of writes.
    HoldLimit,
}

/// A phase in Windows' own naming (`HKLM\SYSTEM\CurrentControlSet\Services\VSS\Diag`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the names are Windows' own; docs/trace-format.md explains them")]
#[non_exhaustive]
pub enum Phase {
    Identify,
    #[serde(rename = "PREPAREBACKUP")]
    PrepareBackup,
    #[serde(rename = "DOSNAPSHOT")]
    DoSnapshot,
    #[serde(rename = "GETSTATE")]
    GetState,
    #[serde(rename = "BACKUPCOMPLETE")]
    BackupComplete,
    #[serde(rename = "PREPARESNAPSHOT")]
    PrepareSnapshot,
    Freeze,
    FreezeFront,
    FreezeBack,
    FreezeSystem,
    FreezeKtm,
    FreezeRm,
    ThawKtm,
    Thaw,
    #[serde(rename = "POSTSNAPSHOT")]
    PostSnapshot,
    Abort,
    OpenVolumeHandle,
    IoctlFlushAndHold,
    IoctlRelease,
}

/// The I/O that stands in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Io {
    /// The diff area saved a 16 KiB block before the first write to it after the commit.
    FirstCopy {
        /// The block's number on the volume.
        block: u64,
    },
    /// A write was queued because writes are held.
    Queued {
        /// Where on the volume, in bytes.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
    /// A write went through although writes are held.
    Leaked {
        /// Where on the volume, in bytes.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
    /// A requester read so much out of a shadow copy.
    BulkRead {
        /// The shadow copy.
        snapshot: SnapshotId,
        /// How many files.
        files: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Somebody wrote to a shadow copy.
    SnapshotWrite {
        /// The shadow copy.
        snapshot: SnapshotId,
        /// Where on the volume, in bytes.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
}

/// What a requester did with the files of a restore.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Restored {
    /// A file went somewhere.
    File {
        /// The backup components object of the restore; 0 at the start of the machine.
        object: u32,
        /// The path that it was backed up from.
        path: String,
        /// The path that is written.
        to: String,
        /// How many bytes.
        bytes: u64,
        /// Whether it is written, or waits for the next start, or came into its place at it.
        how: Placement,
    },
    /// Nothing of a component set is restored, or not all of it.
    Refused {
        /// The backup components object of the restore; 0 at the start of the machine.
        object: u32,
        /// Which component, or which file where the machine could not put it in place at its start.
        what: String,
        /// Why, in words.
        reason: String,
    },
    /// A service was started or stopped.
    Service {
        /// Its name.
        name: Name,
        /// Whether it runs from now on.
        runs: bool,
    },
}

/// How a file comes into its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// It was written.
    Written,
    /// It lies beside and is moved at the next start (MoveFileEx).
    Staged,
    /// It was moved into its place at the start of the machine.
    Moved,
}

/// One entry of an event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLogEntry {
    /// Application or System.
    pub log: EventLog,
    /// `VSS`, `volsnap`, or a third party's source.
    pub source: String,
    /// The event id where it is public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// The message in our own words, with its details.
    pub message: String,
}

/// Which event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "Windows' own names")]
pub enum EventLog {
    Application,
    System,
}

/// Which kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DocumentKind {
    /// A Writer Metadata Document.
    WriterMetadata,
    /// A Backup Components Document.
    BackupComponents,
}

/// How a process began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessEdge {
    /// It began.
    Started,
    /// It ended in good order.
    Exited,
    /// It died.
    Crashed,
}

/// In which state a shadow copy caught an application's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consistency {
    /// No transaction in flight.
    Clean,
    /// Whole after the log is replayed.
    CrashConsistent,
    /// A page is newer than its log, or torn.
    Corrupt,
}

/// A whole trace in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The first line.
    pub header: Header,
    /// The others, in order.
    pub records: Vec<Record>,
}
