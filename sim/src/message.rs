//! What actors, the service and the kernel say to one another: requests, and the answers to them.

use std::sync::Arc;

use vssim_model::api::{ApplicationCall, Call, MethodCall, Out};
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, SnapshotSetId};
use vssim_model::states::WriterEvent;
use vssim_model::tables::ProviderCallback;
use vssim_model::trace::{CallId, Name};

use crate::plan::{ActorId, RestoreOp};
use crate::unhashed::Unhashed;

/// Names an open call, until it is answered.
pub type Slot = u32;

/// A call under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpenCall {
    /// Who called.
    pub from: ActorId,
    /// The caller's task that waits for the answer; 0 for the service.
    pub task: u32,
    /// Who is to answer.
    pub to: ActorId,
    /// What is asked.
    pub request: Request,
    /// The call's number in the trace.
    pub number: Unhashed<CallId>,
    /// The record that led to the call.
    pub cause: Unhashed<u64>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// A documented method of the service. `object` numbers the backup components object, from 1; 0 for none.
    Api {
        /// The object.
        object: u32,
        /// The method.
        call: Call,
    },
    /// An event to a writer.
    Raise {
        /// The event.
        event: WriterEvent,
        /// The shadow copy set.
        set: Option<Unhashed<SnapshotSetId>>,
        /// The number in the trace of the object whose backup or restore it belongs to.
        object: Option<Unhashed<u32>>,
    },
    /// A callback of a provider. `set` and `volume` are the service's own numbers for what the call names by id.
    Callback {
        /// The call.
        call: Unhashed<Call>,
        /// Which callback, for scripts.
        step: ProviderCallback,
        /// Which set.
        set: u32,
        /// Which volume, where the callback is about one.
        volume: Option<u16>,
    },
    /// Something of the kernel.
    Kernel(KernelRequest),
    /// A writer's order to an application.
    Order(ApplicationCall),
}

/// What the kernel is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KernelRequest {
    /// Open the handles of the volumes.
    OpenVolumes(Vec<u16>),
    /// Freeze the kernel transaction manager.
    FreezeTransactions,
    /// Thaw it.
    ThawTransactions,
    /// Flush the volumes and hold writes to them.
    FlushAndHold(Vec<u16>),
    /// Release writes.
    Release,
    /// Make a diff area ready for each volume of the set.
    PrepareStorage {
        /// The set.
        set: u32,
    },
    /// Fix the content of the shadow copy of a volume.
    Commit {
        /// The set.
        set: u32,
        /// The volume.
        volume: u16,
    },
    /// Make the shadow copies of a set writable, or read-only.
    SetWritable {
        /// The set.
        set: u32,
        /// Writable, or not.
        writable: bool,
    },
    /// Give the storage of a set back: all of it, or that of one volume's shadow copy.
    Drop {
        /// The set.
        set: u32,
        /// The volume; none for all.
        volume: Option<u16>,
    },
    /// Lock a volume for its revert, by force or not.
    LockVolume {
        /// The volume.
        volume: u16,
        /// Whether it is dismounted where it is in use.
        force: bool,
    },
    /// Put the content of a shadow copy back onto its volume.
    Revert {
        /// The volume.
        volume: u16,
        /// The shadow copy.
        snapshot: Unhashed<SnapshotId>,
    },
    /// A writer writes to the shadow copy of a volume.
    WriteToSnapshot {
        /// The volume.
        volume: u16,
        /// The file's path on it.
        path: Arc<str>,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// A part of a restore.
    Restore {
        /// The object.
        object: u32,
        /// Which part.
        op: Arc<RestoreOp>,
    },
    /// A service is started or stopped.
    SetService {
        /// Its name.
        name: Name,
        /// Whether it runs from now on.
        runs: bool,
    },
    /// A writer deletes the files that its document excludes from the shadow copies of its backup.
    DeleteExcluded,
    /// A requester copies the files of its components into the store.
    CopyFiles {
        /// The object.
        object: u32,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A method returned.
    Reply {
        /// The code.
        hresult: HResult,
        /// What came with it. Ids are in here, so it is no part of a state's identity; what matters of it is in the state.
        out: Unhashed<Out>,
    },
    /// A writer's handler returned.
    Handled {
        /// The handler's Boolean.
        returned: bool,
        /// What it told SetWriterFailure.
        failure: Option<HResult>,
    },
    /// A provider returned.
    Provider(HResult),
    /// The kernel is done.
    Kernel(HResult),
    /// A part of a restore is done; these calls are to be made next.
    Calls(Unhashed<Arc<[MethodCall]>>),
    /// The application carried the order out.
    Ordered,
    /// Nobody answers: the process is gone.
    Gone,
}
