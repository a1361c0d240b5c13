//! Actors that run scripts: requesters, writers, providers.
//!
//! An actor is resumed with one [`Input`] and answers with exactly one [`Output`]. It owns its stacks of frames, as data:
//! every incoming call (an event, a callback) and the main program is a [`Task`] with frames of its own, so a handler
//! can make calls while it runs, and two of them can be in the middle of their work.
//!
//! ```text
//!   Invoked ─┐                 ┌─► Call   (answered later by Returned)
//!   Returned ├─► Task, frames ─┼─► Wait   (ended by Woken)
//!   Woken   ─┘                 ├─► Done   (the incoming call is answered)
//!                              └─► End    (nothing is left to do)
//! ```

mod calls;
mod method;
mod providers;
mod stamps;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::api::{AsyncId, MethodCall, Value};
use vssim_model::hresult::HResult;
use vssim_model::ids::{SnapshotId, WriterInstanceId};
use vssim_model::states::WriterEvent;
use vssim_model::tables::ProviderCallback;
use vssim_model::time::Ticks;

use crate::backup_store::BackupStore;
use crate::choices::Choices;
use crate::message::{Answer, Request, Slot};
use crate::plan::{ActorId, ComponentOf, Plan, Span};
use crate::service::Planted;
use crate::slots::Slots;
use crate::unhashed::Unhashed;

pub use self::providers::system_provider;

/// An actor that runs scripts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Who.
    pub id: ActorId,
    /// Whether its process lives.
    pub alive: bool,
    /// What it is doing.
    pub tasks: Slots<Task>,
    /// What a requester remembers.
    pub memory: Memory,
}

/// What an actor remembers between its calls: a requester nearly all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// Its backup components object; 0 for none.
    pub object: Unhashed<u32>,
    /// The asynchronous operations that it keeps.
    pub kept: BTreeMap<u8, AsyncId>,
    /// The code of the last call, or of the operation that it asked about.
    pub last: Option<HResult>,
    /// Whether a writer state gathered last was a failure.
    pub writer_failed: bool,
    /// The shadow copies it was given, by volume name.
    pub snapshots: Unhashed<BTreeMap<String, SnapshotId>>,
    /// Whether files could not be copied out of a shadow copy.
    pub copy_failed: bool,
    /// Components of which something could not be copied.
    pub not_copied: BTreeSet<ComponentOf>,
    /// What calls of the catalogue handed back, by out-parameter.
    pub saved: Unhashed<BTreeMap<u16, BTreeMap<String, Value>>>,
    /// Objects that it released with its last step, for the service.
    pub released: Unhashed<Vec<u32>>,
    /// Whether it gave its backup privileges up.
    pub unprivileged: bool,
    /// How often an instruction that counts was passed.
    pub passed: BTreeMap<(ScriptRef, u16), u16>,
}

/// One stack of frames.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// The incoming call that it answers; none for a main program, or once it is answered.
    pub serves: Option<Slot>,
    /// The set and the volume that a provider's callback is about.
    pub about: Option<(u32, Option<u16>)>,
    /// Whether the handler vetoed by choice.
    pub vetoed: bool,
    /// The failure of the kernel that a provider will pass on.
    pub failure: Option<HResult>,
    /// Innermost last.
    pub frames: Vec<Frame>,
}

/// A frame: what runs, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// A script, at an instruction.
    Script(ScriptRef, u16),
    /// A loop over the writers: GetWriterStatus or GetWriterMetadata of each.
    Each {
        /// Metadata rather than states.
        metadata: bool,
        /// The writer asked next.
        index: u32,
        /// How many there are, once known.
        count: Option<u32>,
    },
    /// Calls that are made one after the other, as long as they go well.
    Calls {
        /// The calls.
        calls: Unhashed<Arc<[MethodCall]>>,
        /// The one made next.
        index: u32,
    },
    /// A loop over the volumes of a set: the commit of each.
    Commit {
        /// The volume committed next, by its place in the set.
        index: u16,
        /// Whether the pause before it is over.
        rested: bool,
        /// The pause.
        gap: Span,
    },
}

/// Which script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptRef {
    /// A requester's program, or what a writer does from the start.
    Main,
    /// A writer's handler.
    Handler(WriterEvent),
    /// A provider's callback.
    Callback(ProviderCallback),
    /// What a writer does by itself.
    Background,
}

/// What an actor is resumed with.
#[derive(Clone, Debug)]
pub enum Input {
    /// It starts, or goes on after it answered.
    Go,
    /// The call that it made returned.
    Returned(Answer),
    /// The time that it waited for has passed.
    Woken,
}

/// What an actor answers.
#[derive(Clone, Debug)]
pub enum Output {
    /// It calls somebody, and waits for the answer.
    Call(ActorId, Request),
    /// It waits.
    Wait(Ticks),
    /// It waits for ever.
    Hang,
    /// It answers the incoming call; `more` if the task goes on afterwards.
    Done {
        /// The answer.
        answer: Answer,
        /// Whether instructions are left.
        more: bool,
    },
    /// It writes this to the Application log, and goes on at once.
    Log(String),
    /// It plants a fault into a document that it holds, and goes on at once.
    Damage(Planted),
    /// The task is over.
    End,
    /// The process dies.
    Crash,
    /// The process ends; after so long it starts again at this instruction of its main script.
    Stop(Option<(Ticks, u16)>),
}

/// What an actor may know of the world around it.
pub struct Surroundings<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The writers' instances.
    pub instances: &'a [WriterInstanceId],
    /// The volumes of the set that the task is about, in order.
    pub volumes: &'a [u16],
    /// What was backed up before.
    pub store: &'a BackupStore,
    /// Whether the volume that the task is about has as many shadow copies as it may have.
    pub full: bool,
    /// Whether the backup that a writer's task is about leaves its log as it is.
    pub keeps_log: bool,
}

impl Process {
    /// A living process without tasks.
    #[must_use]
    pub fn new(id: ActorId) -> Process {
        Process { id, alive: true, tasks: Slots::default(), memory: Memory::default() }
    }

    /// Begins a task.
    pub fn spawn(&mut self, script: ScriptRef, serves: Option<Slot>, about: Option<(u32, Option<u16>)>) -> u32 {
        self.spawn_at(script, 0, serves, about)
    }

    /// Begins a task at an instruction.
    pub fn spawn_at(
        &mut self,
        script: ScriptRef,
        at: u16,
        serves: Option<Slot>,
        about: Option<(u32, Option<u16>)>,
    ) -> u32 {
        let frames = vec![Frame::Script(script, at)];
        self.tasks.insert(Task { serves, about, vetoed: false, failure: None, frames })
    }

    /// Goes on with a task.
    pub fn resume(
        &mut self,
        number: u32,
        input: Input,
        around: &Surroundings<'_>,
        choices: &mut dyn Choices,
    ) -> Output {
        let id = self.id;
        let Some(task) = self.tasks.get_mut(number) else { return Output::End };
        let mut turn = Turn { id, task, memory: &mut self.memory, around, choices };
        turn.take(input);
        turn.run()
    }
}

/// One resumption of a task.
struct Turn<'a> {
    id: ActorId,
    task: &'a mut Task,
    memory: &'a mut Memory,
    around: &'a Surroundings<'a>,
    choices: &'a mut dyn Choices,
}
