//! The exhaustive search: every state that any sequence of choices can reach, each visited once.
//!
//! ```text
//!   world ──► for every path of answers of the next event ──► clone, step ──► identity known? ──► frontier
//!                                                                   └──► an invariant broken: the shortest way there
//! ```
//!
//! Breadth first, so that the first violation found is one of those with the fewest events. What tells states apart is
//! [`World::identity`]. A violation comes with the [`Path`] of choices that leads to it, which [`replay`] follows.

use std::collections::BTreeSet;
use std::sync::Arc;

use vssim_model::trace::Trace;

use crate::application::SetUpError;
use crate::choices::{Enumerated, Path, Replay};
use crate::invariant::Broken;
use crate::plan::Plan;
use crate::record::{Full, Off};
use crate::run::{Outcome, build, drive, header};
use crate::world::{Step, World};

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At most so many states.
    pub states: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { states: 10_000_000 }
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// States visited.
    pub states: u64,
    /// Transitions taken: events, counted once for every path of answers.
    pub transitions: u64,
    /// States in which nothing is left to do.
    pub ends: u64,
    /// The most events from the start to a state.
    pub depth: u64,
    /// Whether every state was visited.
    pub complete: bool,
    /// The first violation.
    pub violation: Option<Violation>,
}

/// A broken invariant, and the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What was broken.
    pub broken: Broken,
    /// How many events lead there.
    pub events: u64,
    /// The choices that lead there.
    pub path: Path,
}

/// How a state was reached: from which one, by which choices.
struct Origin {
    parent: u32,
    choices: Box<[u32]>,
}

/// Searches the states of a plan.
///
/// # Errors
/// If the world cannot be built.
pub fn search(plan: &Arc<Plan>, limits: Limits) -> Result<Found, SetUpError> {
    let mut answers = Enumerated::default();
    let mut first = build(plan, &mut answers)?;
    // A search is there to find what planted faults break.
    first.watch.suspend_nothing();
    let mut search = Search {
        seen: BTreeSet::from([first.identity()]),
        origins: vec![Origin { parent: 0, choices: Box::default() }],
        found: Found { states: 1, transitions: 0, ends: 0, depth: 0, complete: true, violation: None },
        limits,
    };
    let mut layer = vec![(0, first)];
    while !layer.is_empty() && search.found.violation.is_none() && search.found.complete {
        let mut next = Vec::new();
        for (number, world) in layer {
            if world.is_over() {
                search.found.ends += 1;
                continue;
            }
            search.expand(number, &world, &mut answers, &mut next);
            if search.found.violation.is_some() || !search.found.complete {
                break;
            }
        }
        search.found.depth += u64::from(!next.is_empty());
        layer = next;
    }
    Ok(search.found)
}

struct Search {
    seen: BTreeSet<u128>,
    origins: Vec<Origin>,
    found: Found,
    limits: Limits,
}

impl Search {
    /// Takes every transition out of a state.
    fn expand(&mut self, number: u32, world: &World, answers: &mut Enumerated, next: &mut Vec<(u32, World)>) {
        answers.restart();
        loop {
            answers.rewind();
            let mut after = world.clone();
            let stepped = after.step(&mut Step { choices: answers, recorder: &mut Off });
            self.found.transitions += 1;
            if let Err(broken) = stepped {
                let path = self.path_to(number, answers.taken());
                let events = self.found.depth + 1;
                self.found.violation = Some(Violation { broken, events, path });
                return;
            }
            if self.seen.insert(after.identity()) {
                if self.found.states >= self.limits.states {
                    self.found.complete = false;
                    return;
                }
                self.found.states += 1;
                next.push((u32::try_from(self.origins.len()).unwrap_or(u32::MAX), after));
                self.origins.push(Origin { parent: number, choices: answers.taken().into() });
            }
            if !answers.next_path() {
                return;
            }
        }
    }

    fn path_to(&self, mut number: u32, last: &[u32]) -> Path {
        let mut parts = vec![last];
        while number != 0 {
            let Some(origin) = self.origins.get(number as usize) else { break };
            parts.push(&origin.choices);
            number = origin.parent;
        }
        Path(parts.into_iter().rev().flatten().copied().collect())
    }
}

/// Follows a path of choices and keeps the trace.
///
/// # Errors
/// If the world cannot be built.
pub fn replay(plan: &Arc<Plan>, path: Path) -> Result<(Outcome, Trace), SetUpError> {
    let mut choices = Replay::new(path);
    let mut world = build(plan, &mut choices)?;
    world.watch.suspend_nothing();
    let header = header(&world, 0);
    let mut recorder = Full::default();
    let outcome = drive(world, &mut choices, &mut recorder);
    Ok((outcome, recorder.into_trace(header)))
}
