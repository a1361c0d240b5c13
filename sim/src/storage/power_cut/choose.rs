//! What of the unflushed sectors landed: all choices, or drawn ones.

use super::super::block_store::BLOCK_BYTES;
use super::disk::{Disk, Version};
use crate::disk_format::SECTOR;

/// The most choices that are tried one by one for sectors with several versions.
const MAXIMUM: usize = 1024;

/// For each open sector, which version landed: 0 is none, the last is the latest.
pub(super) type Choice = Vec<usize>;

/// A sector that is not durable as it was last written.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) volume: usize,
    pub(super) sector: u64,
    pub(super) versions: Vec<Version>,
}

impl Open {
    /// All of a disk.
    pub(super) fn of(volume: usize, disk: &Disk) -> impl Iterator<Item = Open> {
        disk.unflushed().map(move |(sector, versions)| Open { volume, sector, versions: versions.to_vec() })
    }

    pub(super) fn version(&self, version: usize) -> Option<&Version> {
        self.versions.get(version.checked_sub(1)?)
    }

    pub(super) fn block(&self) -> u64 {
        self.sector * SECTOR / BLOCK_BYTES
    }
}

/// Numbers that look random and are the same for the same seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// The next number of SplitMix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`, which is at least one.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// How many choices there are; `None` when they are too many to try.
pub(super) fn count(open: &[Open]) -> Option<usize> {
    let product = open.iter().try_fold(1_usize, |product, sector| product.checked_mul(sector.versions.len() + 1));
    product.filter(|&product| product <= MAXIMUM)
}

/// Every choice. Where sectors have so many versions that these are too many, every subset of the latest versions, and `samples` choices
/// drawn from all versions.
pub(super) fn every(open: &[Open], samples: u32, dice: &mut Dice) -> Vec<Choice> {
    let whole = count(open).is_some();
    let last = |sector: &Open| if whole { sector.versions.len() } else { 1 };
    let mut choices = Vec::new();
    let mut choice = vec![0; open.len()];
    loop {
        choices.push(if whole { choice.clone() } else { latest(open, &choice) });
        let Some(at) = (0..open.len()).find(|&at| choice[at] < last(&open[at])) else { break };
        choice[..at].fill(0);
        choice[at] += 1;
    }
    if !whole {
        choices.extend(any_of(open, samples, dice));
    }
    choices
}

/// Everything landed, and `samples` choices drawn from all versions of all sectors.
pub(super) fn any_of(open: &[Open], samples: u32, dice: &mut Dice) -> Vec<Choice> {
    let all = latest(open, &vec![1; open.len()]);
    std::iter::once(all).chain((0..samples).map(|_| any(open, dice))).collect()
}

/// All lost, all landed, one sector alone lost or landed (of many sectors only some), and `samples` others.
pub(super) fn drawn(open: &[Open], samples: u32, dice: &mut Dice) -> Vec<Choice> {
    let all = || vec![1; open.len()];
    let mut choices = vec![vec![0; open.len()], latest(open, &all())];
    let (first, last) = (0, open.len().saturating_sub(1));
    let mut single = vec![first, last];
    single.extend((0..samples / 2).map(|_| dice.below(open.len())));
    single.sort_unstable();
    single.dedup();
    for at in single.into_iter().filter(|at| *at < open.len()) {
        let mut lost = all();
        lost[at] = 0;
        choices.push(latest(open, &lost));
        let mut alone = vec![0; open.len()];
        alone[at] = 1;
        choices.push(latest(open, &alone));
    }
    choices.extend((0..samples).map(|_| any(open, dice)));
    choices
}

/// The latest version where `landed` has a one.
fn latest(open: &[Open], landed: &[usize]) -> Choice {
    open.iter().zip(landed).map(|(sector, &landed)| sector.versions.len() * landed).collect()
}

fn any(open: &[Open], dice: &mut Dice) -> Choice {
    open.iter().map(|sector| dice.below(sector.versions.len() + 1)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;

    fn open(versions: &[usize]) -> Vec<Open> {
        let version = Version { bytes: Arc::new([0; 512]), delta: 0 };
        let sector = |(sector, &count): (usize, &usize)| Open {
            volume: 0,
            sector: sector as u64,
            versions: vec![version.clone(); count],
        };
        versions.iter().enumerate().map(sector).collect()
    }

    #[test]
    fn up_to_eight_sectors_give_every_subset_once() {
        let choices = every(&open(&[1; 8]), 3, &mut Dice::new(1));
        assert_eq!(choices.len(), 256);
        assert_eq!(choices.iter().collect::<BTreeSet<_>>().len(), 256);
        assert_eq!(every(&[], 3, &mut Dice::new(1)), [Vec::<usize>::new()]);
        let choices: BTreeSet<Choice> = every(&open(&[2, 1]), 0, &mut Dice::new(1)).into_iter().collect();
        assert_eq!(choices.len(), 6);
    }

    #[test]
    fn where_versions_are_many_every_subset_of_the_latest_ones_stays() {
        let sectors = open(&[9; 8]);
        let choices = every(&sectors, 5, &mut Dice::new(1));
        assert_eq!(choices.len(), 256 + 1 + 5);
        assert!(choices[..256].iter().all(|choice| choice.iter().all(|&version| version == 0 || version == 9)));
    }

    #[test]
    fn drawn_choices_have_the_ends_among_them() {
        let sectors = open(&[1; 40]);
        let choices = drawn(&sectors, 10, &mut Dice::new(1));
        assert!(choices.contains(&vec![0; 40]) && choices.contains(&vec![1; 40]));
        let alone = |choice: &&Choice| choice.iter().sum::<usize>() == 1;
        assert!(choices.iter().filter(alone).count() >= 2);
        assert_eq!(drawn(&sectors, 10, &mut Dice::new(1)), choices, "one seed, one draw");
    }
}
