//! The VSS service, the coordinator: a pure state machine.
//!
//! ```text
//!            Api call ──►┌─────────────┐──► Return
//!   a writer's answer ──►│   Service   │──► Raise (event to a writer)
//!  a provider's answer ─►│ objects     │──► Callback (to a provider)
//!  the kernel's answer ─►│ operations  │──► Kernel (flush and hold, release, …)
//!      a timer's end ───►└─────────────┘──► SetTimer, StopTimer, Record
//! ```
//!
//! What it is given and what it gives back are plain values; time passes outside. An [`Operation`] is what one
//! asynchronous (or slow) method does: it sends requests and goes on when all of them are answered. The happy path of
//! the largest one, DoSnapshotSet, is the list of stages in `creation`; its failures go through `ending`.

mod building;
mod calls;
pub mod copies;
mod creation;
mod digest;
mod document;
mod ending;
mod express;
pub mod methods;
mod operation;
mod restart;
mod restore;
mod sessions;
mod subscription;
mod volumes;
mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::api::{AsyncId, Call, Out, WriterStatus};
use vssim_model::context::Context;
use vssim_model::documents::{BackupComponents, BackupState, ExaminedMetadata, WriterMetadataBuilder};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, SnapshotId, SnapshotSetId, WriterInstanceId};
use vssim_model::states::{SnapshotState, WriterEvent};
use vssim_model::tables::{ProviderCallback, ProviderState, RequesterGuard, RequesterState};
use vssim_model::time::Ticks;
use vssim_model::trace::{EventLogEntry, What};

pub use self::building::{Built, Planted, PlantedInto};
pub use self::creation::Stage;
pub use self::operation::{Kind, Operation};
pub use self::sessions::{Session, Sessions};
pub use self::subscription::{Life, Subscription};
use crate::message::{Answer, KernelRequest, Slot};
use crate::plan::{ActorId, ComponentOf, Plan, ProviderQuestion, ServiceDefect};
use crate::slots::Slots;
use crate::unhashed::Unhashed;

/// How long VSS waits for a writer's answer to an event other than Freeze. No page gives a figure; see docs/choices.md, S-03.
pub const EVENT_LIMIT: Ticks = Ticks::from_secs(600);
/// `HRESULT_FROM_WIN32(RPC_S_CALL_FAILED)`: what a call into a process that died returns.
const RPC_CALL_FAILED: HResult = HResult(0x8007_06BE);
/// At most so many volumes in a set (LIM-001).
pub const MAXIMUM_VOLUMES: usize = 64;

/// What the service wants done. Carried out in order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answer a call.
    Return(Slot, HResult, Out),
    /// Raise an event.
    Raise {
        /// The service's own number for the request.
        delivery: u32,
        /// To whom.
        writer: u16,
        /// Which event.
        event: WriterEvent,
        /// The shadow copy set that the writer is told.
        set: Option<SnapshotSetId>,
        /// The number in the trace of the object whose backup or restore it belongs to.
        object: Option<u32>,
    },
    /// Call a provider.
    Callback {
        /// The service's own number for the request.
        delivery: u32,
        /// Which provider.
        provider: u16,
        /// The call.
        call: Call,
        /// Which callback it is.
        step: ProviderCallback,
        /// The service's own number of the set.
        set: u32,
        /// The volume that the callback is about; none for the whole set.
        volume: Option<u16>,
    },
    /// Ask the kernel.
    Kernel {
        /// The service's own number for the request.
        delivery: u32,
        /// What for.
        request: KernelRequest,
    },
    /// Start a timer.
    SetTimer(Timer, Ticks),
    /// Stop a timer.
    StopTimer(Timer),
    /// Put something on record.
    Record(ActorId, What),
    /// Put a document on record, if the trace does not hold it yet.
    Document(ActorId, Arc<Document>),
    /// A requester saved the Backup Components Document of an object.
    Saved {
        /// The object's number in the trace.
        object: u32,
        /// The document.
        text: Arc<str>,
    },
    /// Compare the shadow copies of a set with their references.
    Compare(u32),
    /// A set has been created: look at the applications' data in it.
    Examine(u32),
    /// A writer is a new instance.
    Instance(u16, WriterInstanceId),
}

/// A document with its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    /// Which kind.
    pub kind: vssim_model::trace::DocumentKind,
    /// The text.
    pub text: Arc<str>,
}

/// The service's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A writer's freeze window.
    FreezeWindow(u16),
    /// The limit of a delivery to a writer.
    Event(u32),
    /// How long Unsubscribe waits for a writer's handlers.
    Unsubscribe(u16),
}

/// A backup components object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    /// The requester it belongs to.
    pub requester: u16,
    /// Its number in the trace.
    pub number: Unhashed<u32>,
    /// Where it stands.
    pub state: RequesterState,
    /// The context.
    pub context: u32,
    /// Which of the remembered conditions of the requester's table hold.
    pub done: BTreeSet<RequesterGuard>,
    /// Whether EnableWriterClasses was called, and which writers do not take part.
    pub choice: methods::WriterChoice,
    /// What of a stored document could not be read.
    pub unreadable: Option<vssim_model::documents::Unreadable>,
    /// The writers whose Identify succeeded, and the express writers of the store.
    pub identified: Vec<u16>,
    /// The components added, in order.
    pub components: Vec<ComponentOf>,
    /// Which of them were reported as backed up.
    pub succeeded: BTreeMap<ComponentOf, bool>,
    /// The Backup Components Document: what requester and writers say of the components. It names instances, which are
    /// random, so it is hashed without them, with the world; what the protocol turns on is kept beside it.
    pub document: Unhashed<BackupComponents>,
    /// Metadata gathered from writers that was damaged since.
    pub damaged: Unhashed<BTreeMap<u16, ExaminedMetadata>>,
    /// The writers of this backup, from PrepareForBackup on.
    pub participants: Vec<u16>,
    /// The set, once started.
    pub set: Option<u32>,
    /// The writer states gathered last.
    pub statuses: Option<Vec<WriterStatus>>,
    /// What kind of backup this is.
    pub backup_state: BackupState,
    /// The stored document that a restore began with. Which backup of the store it is from is hashed with the world.
    pub restored_from: Unhashed<Option<Arc<str>>>,
    /// Writers that unsubscribed or ended since they answered Identify, with the instances that they were: to this
    /// backup or restore they are gone for good.
    pub lost: BTreeMap<u16, Unhashed<WriterInstanceId>>,
    /// The writers that had no room for a session of this backup or restore (LIM-008).
    pub without_session: BTreeSet<u16>,
    /// The writers that PreRestore was raised to, with the instances that they were then.
    pub restoring: BTreeMap<u16, Unhashed<WriterInstanceId>>,
}

/// A shadow copy set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Set {
    /// Its id.
    pub id: Unhashed<SnapshotSetId>,
    /// The object that made it.
    pub object: u32,
    /// The context in which it is made.
    pub context: u32,
    /// Its shadow copies, in the order in which their volumes were added.
    pub shadows: Vec<Shadow>,
    /// Where its providers stand.
    pub providers: BTreeMap<u16, ProviderState>,
}

impl Set {
    /// Whether its shadow copies go with the object that made them.
    #[must_use]
    pub fn is_auto_release(&self) -> bool {
        Context::from_bits(self.context).is_ok_and(Context::is_auto_release)
    }
}

/// One shadow copy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shadow {
    /// Its id.
    pub id: Unhashed<SnapshotId>,
    /// The volume.
    pub volume: u16,
    /// The provider.
    pub provider: u16,
    /// Its state.
    pub state: SnapshotState,
    /// Its device number: `HarddiskVolumeShadowCopyN`.
    pub device: Unhashed<u32>,
    /// When it was committed.
    pub committed: Unhashed<Ticks>,
    /// The same as a FILETIME.
    pub timestamp: Unhashed<u64>,
    /// What its store says, if it was there before the service started.
    pub origin: Option<Box<copies::Origin>>,
    /// Under what name it can be reached.
    pub exposed: Option<copies::Exposure>,
}

/// What the infrastructure knows of a writer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Writer {
    /// Its instance.
    pub instance: Unhashed<WriterInstanceId>,
    /// How it stands in each backup and restore that it takes part in.
    pub sessions: Sessions,
    /// How often it identified itself, up to the number of its documents; 0 for one that has a single document.
    pub identified: u16,
    /// Whether it is subscribed, to what, and as what it freezes.
    pub subscription: Subscription,
}

/// What a writer tells of its application's failure (CVssWriterEx2::SetWriterFailureEx).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApplicationFailure {
    /// The application's own code.
    pub hresult: HResult,
    /// Its message.
    pub message: Option<String>,
}

/// An IVssAsync.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Async {
    /// Its number in the trace.
    pub id: AsyncId,
    /// Who started it.
    pub requester: u16,
    /// Its outcome: `VSS_S_ASYNC_PENDING` until it ends.
    pub outcome: HResult,
    /// The operation behind it, while that runs.
    pub operation: Option<u32>,
    /// Calls of `Wait` that wait.
    pub waiting: Vec<Slot>,
}

/// A request sent out, until it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// The operation that sent it; none where nobody waits for the answer.
    pub operation: Option<u32>,
    /// To whom.
    pub to: Target,
    /// What SetWriterFailure said inside the handler.
    pub failure: Option<HResult>,
    /// What SetWriterFailureEx said there of the application.
    pub application: Option<ApplicationFailure>,
    /// The backup components object whose backup or restore it belongs to.
    pub object: Option<u32>,
    /// Whether VSS no longer waits: the answer will change nothing.
    pub given_up: bool,
}

/// To whom a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An event to a writer.
    Writer(u16, WriterEvent),
    /// A callback of a provider.
    Provider(u16, ProviderCallback),
    /// The kernel.
    Kernel,
    /// The kernel, which locks a volume for its revert; the call that waits for it.
    RevertLock(u16, Slot),
    /// The kernel, which reverts a volume.
    Revert(u16),
}

/// The service.
#[derive(Clone, Debug)]
pub struct Service {
    plan: Arc<Plan>,
    /// Backup components objects.
    pub objects: Slots<Object>,
    /// Sets, in creation and created.
    pub sets: Slots<Set>,
    /// Writers, by the plan's index.
    pub writers: Vec<Writer>,
    /// Asynchronous operations that a requester still holds. Never taken away: an IVssAsync lives until the process ends.
    pub asyncs: Vec<Async>,
    /// Operations under way.
    pub operations: Slots<Operation>,
    /// Requests under way.
    pub deliveries: Slots<Delivery>,
    /// The set whose creation holds the system-wide lock.
    pub lock: Option<u32>,
    /// Whether writers can no longer be reached.
    pub writers_unreachable: bool,
    /// Objects handed out by calls of the catalogue.
    pub held: methods::Held,
    /// Providers that are registered no longer.
    pub unregistered: BTreeSet<u16>,
    /// How often each provider was asked what it has different answers for.
    pub asked: BTreeMap<(u16, ProviderQuestion), usize>,
    /// Volumes that are being reverted.
    pub reverts: BTreeMap<u16, methods::Revert>,
    /// What writers are building in their Identify handlers, by delivery.
    building: BTreeMap<u32, Unhashed<WriterMetadataBuilder>>,
    /// What writers built at their last Identify.
    built: BTreeMap<u16, Unhashed<Built>>,
    /// The express writer metadata store.
    store: express::Store,
    /// Documents that SaveAsXML handed back. Any process may keep them in a file.
    saved: Unhashed<document::Saved>,
    documents: Vec<Vec<Arc<Document>>>,
    objects_made: Unhashed<u32>,
    devices_made: Unhashed<u32>,
    effects: Vec<Effect>,
    /// Random bits for the ids that the next step may need; refilled by the world.
    pub id_bits: Unhashed<Vec<u64>>,
}

impl Service {
    /// A service that has just started, on the machine of the plan, with the writers' instance ids.
    #[must_use]
    pub fn new(plan: Arc<Plan>, instances: &[WriterInstanceId]) -> Service {
        let started = |(&instance, of)| Writer::started(instance, of);
        let writers = instances.iter().zip(&plan.writers).map(started);
        Service {
            writers: writers.collect(),
            plan,
            objects: Slots::default(),
            sets: Slots::default(),
            asyncs: Vec::new(),
            operations: Slots::default(),
            deliveries: Slots::default(),
            lock: None,
            writers_unreachable: false,
            held: methods::Held::default(),
            unregistered: BTreeSet::new(),
            asked: BTreeMap::new(),
            reverts: BTreeMap::new(),
            building: BTreeMap::new(),
            built: BTreeMap::new(),
            store: express::Store::default(),
            saved: Unhashed::default(),
            documents: Vec::new(),
            objects_made: Unhashed(0),
            devices_made: Unhashed(0),
            effects: Vec::new(),
            id_bits: Unhashed(Vec::new()),
        }
    }

    /// What is to be done, in order; the list is empty afterwards.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Gives an emptied list back, so that its memory is used again.
    pub fn recycle(&mut self, mut effects: Vec<Effect>) {
        effects.clear();
        if self.effects.is_empty() {
            self.effects = effects;
        }
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.operations.is_empty() && self.deliveries.is_empty()
    }

    /// A backup components object, with its place, by its number in the trace.
    pub(crate) fn object_numbered(&self, number: u32) -> Option<(u32, &Object)> {
        self.objects.iter().find(|(_, object)| object.number.0 == number)
    }

    fn has(&self, defect: ServiceDefect) -> bool {
        self.plan.defects.contains(&defect)
    }

    fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn record(&mut self, what: What) {
        self.effects.push(Effect::Record(ActorId::Service, what));
    }

    /// An entry of the event log, as the release writes it.
    fn log(&mut self, entry: EventLogEntry) {
        if let Some(entry) = vssim_model::event_log::of_release(entry, self.plan.release) {
            self.record(What::EventLog(entry));
        }
    }

    fn give(&mut self, slot: Slot, hresult: HResult, out: Out) {
        self.effects.push(Effect::Return(slot, hresult, out));
    }

    fn new_guid(&mut self) -> Guid {
        let low = self.id_bits.pop().unwrap_or(0);
        let high = self.id_bits.pop().unwrap_or(0);
        Guid::from_random_bits(u128::from(high) << 64 | u128::from(low))
    }

    /// The code for an unexpected failure in this release.
    fn unexpected(&self) -> HResult {
        self.plan.release.unexpected_code()
    }

    /// An answer to a request of the service arrived.
    pub fn answered(&mut self, delivery: u32, answer: &Answer, now: Ticks) {
        let given_up = self.deliveries.get(delivery).is_some_and(|sent| sent.given_up);
        if let (Some(Target::Writer(..)), Answer::Gone, false) =
            (self.deliveries.get(delivery).map(|sent| sent.to), answer, given_up)
        {
            self.writer_silent(delivery, now);
        }
        let Some(mut sent) = self.deliveries.remove(delivery) else { return };
        if given_up {
            self.building.remove(&delivery);
            // Too late: whoever waited has gone on, and the writer counts as not responding (S-03).
            return;
        }
        match (sent.to, answer) {
            (Target::Writer(writer, event), Answer::Handled { returned, failure }) => {
                self.effect(Effect::StopTimer(Timer::Event(delivery)));
                self.take_built(delivery, writer, *returned && failure.is_none());
                let application = sent.application.take();
                let of = (sent.operation, sent.object);
                self.event_handled(writer, event, *returned, *failure, application, of);
                self.handler_ended(writer, now);
            }
            (Target::Provider(provider, step), Answer::Provider(code)) => {
                self.provider_returned(provider, step, *code, sent.operation);
            }
            // A provider whose process is gone: the call fails with a code that is none of VSS's own.
            (Target::Provider(provider, step), Answer::Gone) => {
                self.provider_returned(provider, step, RPC_CALL_FAILED, sent.operation);
            }
            (Target::RevertLock(volume, slot), Answer::Kernel(code)) => self.revert_locked(volume, slot, *code),
            (Target::Revert(volume), Answer::Kernel(code)) => self.reverted(volume, *code),
            (Target::Kernel, Answer::Kernel(code)) => self.kernel_returned(*code, sent.operation),
            _ => {}
        }
        // A handler that never ended built nothing.
        self.building.remove(&delivery);
        if let Some(operation) = sent.operation {
            self.one_less(operation, now);
        }
    }

    /// A timer of the service ran out.
    pub fn timer(&mut self, timer: Timer, now: Ticks) {
        match timer {
            Timer::FreezeWindow(writer) => self.freeze_window_expired(writer, now),
            Timer::Event(delivery) => self.writer_silent(delivery, now),
            Timer::Unsubscribe(writer) => self.unsubscribe_over(writer, now),
        }
    }
}

impl std::hash::Hash for Service {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.objects.hash(state);
        self.sets.hash(state);
        self.writers.hash(state);
        self.asyncs.hash(state);
        self.operations.hash(state);
        self.deliveries.hash(state);
        self.lock.hash(state);
        self.held.hash(state);
        self.building.hash(state);
        self.built.hash(state);
        self.store.hash(state);
        self.writers_unreachable.hash(state);
        self.unregistered.hash(state);
        self.asked.hash(state);
        self.reverts.hash(state);
    }
}
