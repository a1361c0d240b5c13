//! Invariants: what holds after every event, whatever the actors do.
//!
//! An invariant binds the simulator, a rule binds the actors. A broken invariant is a defect of vssim, unless the plan
//! plants a fault in the very part that keeps it: a planted fault suspends the invariants that it is there to break
//! ([`Watch::new`] says which), and the rules report it instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use vssim_model::ids::SnapshotId;
use vssim_model::time::Ticks;
use vssim_model::trace::What;

use crate::plan::{ActorId, Op, Plan, ServiceDefect};
use crate::service::Kind;
use crate::storage::BlockVerdict;
use crate::unhashed::Unhashed;
use crate::world::{Step, World};

/// The invariants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// The shadow copy equals the reference copy taken at the commit instant.
    CopyEqualsReference,
    /// No write lands between hold and release.
    NoWriteWhileHeld,
    /// All volumes of a set share one commit instant.
    OneCommitInstant,
    /// One set creation at a time.
    OneCreationAtATime,
    /// At the end nothing is frozen, held or locked.
    NothingLeftBehind,
    /// A call that fails changes nothing.
    FailureChangesNothing,
}

impl Invariant {
    /// Every invariant.
    pub const ALL: &'static [Invariant] = &[
        Invariant::CopyEqualsReference,
        Invariant::NoWriteWhileHeld,
        Invariant::OneCommitInstant,
        Invariant::OneCreationAtATime,
        Invariant::NothingLeftBehind,
        Invariant::FailureChangesNothing,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Invariant::CopyEqualsReference => "copy-equals-reference",
            Invariant::NoWriteWhileHeld => "no-write-while-held",
            Invariant::OneCommitInstant => "one-commit-instant",
            Invariant::OneCreationAtATime => "one-creation-at-a-time",
            Invariant::NothingLeftBehind => "nothing-left-behind",
            Invariant::FailureChangesNothing => "failure-changes-nothing",
        }
    }
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which one.
    pub invariant: Invariant,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant.name(), self.detail)
    }
}

impl std::error::Error for Broken {}

/// What the invariants remember.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watch {
    suspended: BTreeSet<Invariant>,
    held: BTreeSet<u16>,
    leaked: Option<u16>,
    /// The commit instants of the sets in creation or created, as far as their shadow copies live.
    commits: Unhashed<BTreeMap<(u16, SnapshotId), Ticks>>,
    touched: Unhashed<Vec<u64>>,
    /// Whether every call that fails is looked at, and not only those that run out of a resource.
    demands_proof: bool,
    /// The call that failed and changed something.
    changed: Option<String>,
}

impl Watch {
    /// Watches a world of this plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Watch {
        let mut suspended = BTreeSet::new();
        if !plan.kernel.broken_hold.is_empty() {
            suspended.insert(Invariant::NoWriteWhileHeld);
        }
        if !plan.kernel.lost_blocks.is_empty() {
            suspended.insert(Invariant::CopyEqualsReference);
        }
        // A provider that pauses between its volumes, or commits after it returned, tears the set; two providers that
        // commit one after the other do so too.
        let tears = plan.providers.iter().flat_map(|provider| provider.handlers.values()).any(|script| tears(script));
        if tears || plan.providers.len() > 1 {
            suspended.insert(Invariant::OneCommitInstant);
        }
        let defects = [
            (ServiceDefect::TwoSetsAtOnce, Invariant::OneCreationAtATime),
            (ServiceDefect::LockKept, Invariant::NothingLeftBehind),
            (ServiceDefect::ThawSkipsAWriter, Invariant::NothingLeftBehind),
            (ServiceDefect::NeverReleasesWrites, Invariant::NothingLeftBehind),
            (ServiceDefect::NoAbortToWriters, Invariant::NothingLeftBehind),
            (ServiceDefect::AbortSkipsAWriter, Invariant::NothingLeftBehind),
            (ServiceDefect::WrongWriterState, Invariant::NothingLeftBehind),
        ];
        suspended.extend(
            defects.iter().filter(|(defect, _)| plan.defects.contains(defect)).map(|&(_, invariant)| invariant),
        );
        Watch {
            suspended,
            held: BTreeSet::new(),
            leaked: None,
            commits: Unhashed(BTreeMap::new()),
            touched: Unhashed(Vec::new()),
            demands_proof: false,
            changed: None,
        }
    }

    /// The invariants that planted faults suspend.
    #[must_use]
    pub fn suspended(&self) -> &BTreeSet<Invariant> {
        &self.suspended
    }

    /// Every invariant counts, whatever faults are planted.
    pub fn suspend_nothing(&mut self) {
        self.suspended.clear();
    }

    /// From now on the machine is compared around every call that fails. It costs two digests of all that it holds.
    pub fn demand_proof_of_failures(&mut self) {
        self.demands_proof = true;
    }

    pub(crate) const fn demands_proof(&self) -> bool {
        self.demands_proof
    }

    pub(crate) fn held(&mut self, volume: u16) {
        self.held.insert(volume);
    }

    pub(crate) fn released(&mut self, volume: u16) {
        self.held.remove(&volume);
    }

    /// A write landed on a volume.
    pub(crate) fn landed(&mut self, volume: u16) {
        if self.held.contains(&volume) {
            self.leaked = Some(volume);
        }
    }

    /// A call failed, and the machine is another one.
    pub(crate) fn changed_by_failure(&mut self, call: String) {
        self.changed.get_or_insert(call);
    }

    pub(crate) fn committed(&mut self, volume: u16, snapshot: SnapshotId, now: Ticks) {
        self.commits.0.insert((volume, snapshot), now);
    }

    pub(crate) fn dropped(&mut self, volume: u16, snapshot: SnapshotId) {
        self.commits.0.remove(&(volume, snapshot));
    }
}

/// Whether a script commits the volumes of a set at different instants, or after its callback returned.
fn tears(script: &[Op]) -> bool {
    let commit = script.iter().position(|op| matches!(op, Op::Commit { .. }));
    let answer = script.iter().position(|op| matches!(op, Op::Answer(_)));
    let paused = script.iter().any(|op| matches!(op, Op::Commit { gap } if gap.max > Ticks::ZERO));
    paused || matches!((commit, answer), (Some(commit), Some(answer)) if answer < commit)
}

impl World {
    /// Looks at every invariant after an event.
    pub(crate) fn look(&mut self, step: &mut Step<'_>) -> Result<(), Broken> {
        let found = self.broken();
        let Some(broken) = found else { return Ok(()) };
        if self.watch.suspended.contains(&broken.invariant) {
            return Ok(());
        }
        let (name, detail) = (broken.invariant.name().to_owned(), broken.detail.clone());
        self.record(step, ActorId::Service, || What::Invariant { name, detail });
        Err(broken)
    }

    fn broken(&mut self) -> Option<Broken> {
        self.copies_differ()
            .or_else(|| self.write_leaked())
            .or_else(|| self.commit_instants_differ())
            .or_else(|| self.two_creations())
            .or_else(|| self.changed_by_failure())
            .or_else(|| if self.is_over() { self.left_behind() } else { None })
    }

    /// Only the blocks written since the last event can have changed the answer.
    fn copies_differ(&mut self) -> Option<Broken> {
        let mut touched = std::mem::take(&mut self.watch.touched.0);
        let mut found = None;
        for volume in 0..self.plan.volumes.len() {
            let id = self.volume_id(u16::try_from(volume).ok()?);
            if self.storage.take_touched(id, &mut touched).is_err() || touched.is_empty() {
                continue;
            }
            let Ok(snapshots) = self.storage.snapshots(id) else { continue };
            for snapshot in snapshots {
                let differs = |&&block: &&u64| {
                    self.storage.compare_block(snapshot.id(), block) == Ok(Some(BlockVerdict::Different))
                };
                if let Some(block) = touched.iter().find(differs) {
                    let detail =
                        format!("block {block} of the shadow copy {} differs from its reference", snapshot.id());
                    found = Some(Broken { invariant: Invariant::CopyEqualsReference, detail });
                }
            }
        }
        self.watch.touched = Unhashed(touched);
        found
    }

    fn write_leaked(&self) -> Option<Broken> {
        let volume = self.watch.leaked?;
        let name = self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.clone())?;
        let detail = format!("a write landed on {name} between hold and release");
        Some(Broken { invariant: Invariant::NoWriteWhileHeld, detail })
    }

    fn commit_instants_differ(&self) -> Option<Broken> {
        for (_, set) in self.service.sets.iter().filter(|(_, set)| set.shadows.len() > 1) {
            let instants =
                set.shadows.iter().filter_map(|shadow| self.watch.commits.get(&(shadow.volume, shadow.id.0)));
            let (Some(first), Some(last)) = (instants.clone().min(), instants.max()) else { continue };
            if first != last {
                let detail = format!("volumes of one set were committed at {first} and at {last}");
                return Some(Broken { invariant: Invariant::OneCommitInstant, detail });
            }
        }
        None
    }

    fn two_creations(&self) -> Option<Broken> {
        let running =
            self.service.operations.iter().filter(|(_, running)| matches!(running.kind, Kind::Create(_))).count();
        let detail = format!("{running} shadow copy sets are being created");
        (running > 1).then_some(Broken { invariant: Invariant::OneCreationAtATime, detail })
    }

    fn changed_by_failure(&self) -> Option<Broken> {
        let call = self.watch.changed.as_ref()?;
        let detail = format!("{call} failed and changed something");
        Some(Broken { invariant: Invariant::FailureChangesNothing, detail })
    }

    /// What must not be left when nothing happens any more.
    fn left_behind(&self) -> Option<Broken> {
        let alive = |actor: u16| self.process(ActorId::Requester(actor)).is_some_and(|process| process.alive);
        let frozen =
            self.service.writers.iter().zip(&self.plan.writers).find(|(writer, _)| writer.sessions.is_frozen());
        let detail = if let Some((_, plan)) = frozen {
            format!("the writer {} is frozen", plan.name)
        } else if let Some(&volume) = self.watch.held.first() {
            let name = self.plan.volumes.get(usize::from(volume)).map(|plan| plan.name.clone())?;
            format!("writes to {name} are held")
        } else if let Some(set) = self.service.lock {
            // A requester that still lives may hold the lock: it hangs, which is not the simulator's doing.
            let object = self.service.sets.get(set).and_then(|set| self.service.objects.get(set.object));
            if object.is_some_and(|object| alive(object.requester)) {
                return None;
            }
            "the creation lock is taken".to_owned()
        } else {
            return None;
        };
        Some(Broken { invariant: Invariant::NothingLeftBehind, detail })
    }
}
