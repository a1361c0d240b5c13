//! All nondeterminism of a run is asked of one interface, [`Choices`].
//!
//! ```text
//!                     ┌── Seeded      a run: ChaCha, one child stream per actor and purpose
//!   world ── asks ──► ├── Replay      a recorded list of answers
//!                     └── Enumerated  the exhaustive search: one path through the tree of answers
//! ```
//!
//! A world asks for the order of simultaneous events, for durations, for the faults that a plan leaves open, and for
//! random data. The streams of [`Seeded`] are independent: an actor more does not reshuffle what the others draw.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use vssim_model::time::Ticks;

/// What an answer is wanted for. With the actor's name it selects the random stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Which of several simultaneous events comes first.
    Order,
    /// How long something takes.
    Duration,
    /// Whether, and how, a writer vetoes.
    Veto,
    /// Whether a requester crashes.
    Crash,
    /// Whether a provider fails.
    ProviderFailure,
    /// The content of application data.
    Data,
    /// Ids: `VSS_ID`s of sets, shadow copies, instances.
    Id,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Purpose::Order => "order",
            Purpose::Duration => "duration",
            Purpose::Veto => "veto",
            Purpose::Crash => "crash",
            Purpose::ProviderFailure => "provider-failure",
            Purpose::Data => "data",
            Purpose::Id => "id",
        }
    }
}

/// Who asks, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// The actor's name.
    pub actor: &'a str,
    /// What the answer is for.
    pub purpose: Purpose,
}

/// Whoever answers the questions of a world.
pub trait Choices {
    /// One of `options` possibilities, counted from 0. `options` is at least 1.
    fn pick(&mut self, at: Point<'_>, options: u32) -> u32;

    /// A duration between `min` and `max`, both included.
    fn ticks(&mut self, at: Point<'_>, min: Ticks, max: Ticks) -> Ticks;

    /// 64 bits of content. They never decide what happens next.
    fn bits(&mut self, at: Point<'_>) -> u64;
}

/// Answers from a seed: the same seed, the same answers, on every machine.
#[derive(Clone, Debug)]
pub struct Seeded {
    seed: u64,
    streams: BTreeMap<Purpose, BTreeMap<Box<str>, ChaCha8Rng>>,
}

impl Seeded {
    /// The answers of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Seeded {
        Seeded { seed, streams: BTreeMap::new() }
    }

    fn next(&mut self, at: Point<'_>) -> u64 {
        let streams = self.streams.entry(at.purpose).or_default();
        if let Some(stream) = streams.get_mut(at.actor) {
            return stream.next_u64();
        }
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(at.purpose.name().as_bytes());
        hash.update([0]);
        hash.update(at.actor.as_bytes());
        let mut stream = ChaCha8Rng::from_seed(hash.finalize().into());
        let first = stream.next_u64();
        streams.insert(at.actor.into(), stream);
        first
    }

    /// A number below `bound` without bias worth speaking of: the high half of a 64 x 64 bit product.
    fn below(&mut self, at: Point<'_>, bound: u64) -> u64 {
        let wide = u128::from(self.next(at)) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

impl Choices for Seeded {
    fn pick(&mut self, at: Point<'_>, options: u32) -> u32 {
        if options <= 1 {
            return 0;
        }
        u32::try_from(self.below(at, u64::from(options))).unwrap_or(0)
    }

    fn ticks(&mut self, at: Point<'_>, min: Ticks, max: Ticks) -> Ticks {
        if max <= min {
            return min;
        }
        min + Ticks(self.below(at, max.0 - min.0 + 1))
    }

    fn bits(&mut self, at: Point<'_>) -> u64 {
        self.next(at)
    }
}

/// A list of decisions: what a search found, and what a replay follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<u32>);

/// Answers from a recorded list; beyond its end the first possibility. Content is a fixed pattern, so that a path alone
/// says all that there is to say of a run.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    path: Path,
    at: usize,
}

impl Replay {
    /// Follows the path.
    #[must_use]
    pub const fn new(path: Path) -> Replay {
        Replay { path, at: 0 }
    }
}

impl Choices for Replay {
    fn pick(&mut self, _: Point<'_>, options: u32) -> u32 {
        if options <= 1 {
            return 0;
        }
        let picked = self.path.0.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        picked.min(options - 1)
    }

    fn ticks(&mut self, at: Point<'_>, min: Ticks, max: Ticks) -> Ticks {
        if max <= min || self.pick(at, 2) == 0 { min } else { max }
    }

    fn bits(&mut self, _: Point<'_>) -> u64 {
        PATTERN
    }
}

/// The content of application data where a path, not a seed, drives a world.
const PATTERN: u64 = 0x5653_5349_4d5f_4454;

/// One path through the tree of answers, and how many possibilities there were at each of its forks.
///
/// ```text
/// let mut answers = Enumerated::default();
/// loop {
///     answers.rewind();
///     … run something that asks …
///     if !answers.next_path() { break }
/// }
/// ```
/// visits every leaf of the tree once, in order.
#[derive(Clone, Debug, Default)]
pub struct Enumerated {
    taken: Vec<u32>,
    options: Vec<u32>,
    at: usize,
}

impl Enumerated {
    /// Back to the start of the present path.
    pub const fn rewind(&mut self) {
        self.at = 0;
    }

    /// Starts over with the first path of another tree, keeping its memory.
    pub fn restart(&mut self) {
        self.taken.clear();
        self.options.clear();
        self.at = 0;
    }

    /// Steps to the next path; false when every path was taken.
    pub fn next_path(&mut self) -> bool {
        while let (Some(taken), Some(options)) = (self.taken.pop(), self.options.pop()) {
            if taken + 1 < options {
                self.taken.push(taken + 1);
                self.options.push(options);
                return true;
            }
        }
        false
    }

    /// The decisions of the present path.
    #[must_use]
    pub fn taken(&self) -> &[u32] {
        &self.taken
    }
}

impl Choices for Enumerated {
    fn pick(&mut self, _: Point<'_>, options: u32) -> u32 {
        if options <= 1 {
            return 0;
        }
        if self.at == self.taken.len() {
            self.taken.push(0);
            self.options.push(options);
        }
        let picked = self.taken[self.at];
        self.at += 1;
        picked
    }

    fn ticks(&mut self, at: Point<'_>, min: Ticks, max: Ticks) -> Ticks {
        if max <= min || self.pick(at, 2) == 0 { min } else { max }
    }

    fn bits(&mut self, _: Point<'_>) -> u64 {
        PATTERN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Point<'_> = Point { actor: "a", purpose: Purpose::Order };
    const B: Point<'_> = Point { actor: "b", purpose: Purpose::Order };

    #[test]
    fn one_actors_draws_do_not_disturb_anothers() {
        let mut alone = Seeded::new(7);
        let drawn: Vec<u64> = (0..8).map(|_| alone.bits(A)).collect();
        let mut together = Seeded::new(7);
        let again: Vec<u64> = (0..8)
            .map(|_| {
                together.bits(B);
                together.bits(A)
            })
            .collect();
        assert_eq!(drawn, again);
    }

    #[test]
    fn another_seed_gives_other_answers() {
        assert_ne!(Seeded::new(1).bits(A), Seeded::new(2).bits(A));
    }

    #[test]
    fn a_seed_gives_the_same_answers_for_ever() {
        let mut choices = Seeded::new(7);
        let drawn: Vec<u32> = (0..6).map(|_| choices.pick(A, 10)).collect();
        insta::assert_debug_snapshot!(drawn);
    }

    #[test]
    fn a_duration_lies_within_its_bounds() {
        let mut choices = Seeded::new(3);
        for _ in 0..1000 {
            let ticks = choices.ticks(A, Ticks(5), Ticks(8));
            assert!((5..=8).contains(&ticks.0));
        }
        assert_eq!(choices.ticks(A, Ticks(9), Ticks(8)), Ticks(9));
    }

    #[test]
    fn enumeration_visits_every_leaf_once() {
        let mut answers = Enumerated::default();
        let mut leaves = Vec::new();
        loop {
            answers.rewind();
            let first = answers.pick(A, 3);
            let second = if first == 1 { answers.pick(B, 2) } else { 0 };
            leaves.push((first, second));
            if !answers.next_path() {
                break;
            }
        }
        assert_eq!(leaves, [(0, 0), (1, 0), (1, 1), (2, 0)]);
    }

    #[test]
    fn a_replay_takes_the_recorded_turns_and_then_the_first_ones() {
        let mut replay = Replay::new(Path(vec![2, 1]));
        assert_eq!((replay.pick(A, 3), replay.pick(A, 2), replay.pick(A, 5)), (2, 1, 0));
    }
}
