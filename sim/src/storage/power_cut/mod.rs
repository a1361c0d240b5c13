//! The power fails at every point of a journal: which shadow copies are there afterwards, and do they show the right bytes?
//!
//! ```text
//!  journal: write │ flush │ write │ mark …       at each point ──► the sectors that are not durable
//!                                                                        │ every choice of what landed (sampled where there are many)
//!                                                                        ▼
//!  fresh machine ◄── image after the cut ──► attach ──► held against the promises ──► now and then: the machine goes on
//! ```
//!
//! The model of a disk: a sector of 512 bytes lands whole or not at all; a flush makes everything durable that was written to its volume
//! before; what was not flushed lands in any order, so every sector holds, whatever the others do, the durable bytes or one of the
//! versions that it was told to hold since. Images that were judged before, under the same promises, are not judged again.
//!
//! With up to [`Settings::sectors`] unflushed sectors every choice is tried. With more, only those sectors are told apart that had a
//! part in the outcome: a machine that never looks at a block comes to the same end whatever lies there. Where even they are
//! too many, choices are drawn.
//!
//! The happy path: clone the [`Storage`], let it [keep a journal](Storage::keep_journal), do something, and [`enumerate`].

mod afterwards;
mod choose;
mod disk;
mod judge;
mod promises;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Storage;
use super::host::Place;
use super::journal::{DiskEvent, Journal};

use choose::{Choice, Dice, Open};
use disk::Disk;
use judge::{Tally, judge};
use promises::Promises;

pub use judge::Fault;
pub use promises::Rule;

/// How thorough an enumeration is.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Of what is drawn.
    pub seed: u64,
    /// Up to so many unflushed sectors every choice of what landed is tried.
    pub sectors: usize,
    /// How many choices are drawn where there are more.
    pub samples: u32,
    /// The most points at which the power fails; of a longer journal they are spread evenly.
    pub points: usize,
    /// On one of so many images the machine also goes on: it writes, creates, deletes, and starts once more.
    pub goes_on: u32,
    /// At most so many recoveries that wrote something are themselves cut off, at each of their points.
    pub recoveries: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { seed: 1, sectors: 8, samples: 16, points: 20_000, goes_on: 16, recoveries: 200 }
    }
}

/// Something wrong after a power cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// After how many events of the journal the power failed.
    pub point: usize,
    /// In the recovery from that cut, after how many of its own events the power failed again.
    pub recovery_point: Option<usize>,
    /// The unflushed sectors that did not land as they were last written: the volume, by its number, and the offset.
    pub lost: Vec<(usize, u64)>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "power cut after event {}", self.point)?;
        if let Some(point) = self.recovery_point {
            write!(f, " and again after event {point} of the recovery")?;
        }
        match &self.lost[..] {
            [] => write!(f, ", nothing lost")?,
            lost => {
                write!(f, ", {} sectors lost:", lost.len())?;
                for (volume, offset) in lost.iter().take(8) {
                    write!(f, " volume {volume} offset {offset:#x}")?;
                }
                if lost.len() > 8 {
                    write!(f, " …")?;
                }
            }
        }
        write!(f, ": {}", self.fault)
    }
}

/// What an enumeration found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events of the journal, and how many of them are writes and flushes.
    pub events: usize,
    /// Writes among them.
    pub writes: usize,
    /// Flushes among them.
    pub flushes: usize,
    /// Points at which the power failed.
    pub points: usize,
    /// How many of them were tried with drawn choices alone.
    pub sampled: usize,
    /// The most sectors that were unflushed at a point.
    pub most_unflushed: usize,
    /// Images that were recovered and judged, each different from the others.
    pub images: u64,
    /// On how many of them the machine went on.
    pub went_on: u64,
    /// Images judged after a recovery was cut off.
    pub recovery_images: u64,
    /// Shadow copies found intact, over all images.
    pub intact: u64,
    /// Shadow copies gone, by the rule that allows it.
    pub gone: BTreeMap<Rule, u64>,
    /// What is wrong. The search ends at [`MAXIMUM_WRONG`].
    pub wrong: Vec<Wrong>,
    /// Whether the journal grew too long and its end was not kept.
    pub cut_short: bool,
}

/// How many wrong images are told; then the search ends.
pub const MAXIMUM_WRONG: usize = 10;

/// Cuts the power at every point of a journal. `start` is the machine as it was when the journal began; `progress` is told how many events
/// were gone through, of how many.
pub fn enumerate(
    start: &Storage,
    journal: &Journal,
    settings: &Settings,
    progress: &mut dyn FnMut(usize, usize),
) -> Report {
    let disks = start.volumes.iter().enumerate().map(|(at, volume)| Disk::new(at, &volume.store)).collect();
    let there = start.volumes.iter().flat_map(|volume| &volume.snapshots);
    let promises = Promises::new(there, journal);
    let mut cuts = Cuts {
        blank: start.blank(),
        disks,
        promises,
        settings: *settings,
        dice: Dice::new(settings.seed),
        known: BTreeMap::new(),
        recovered: BTreeSet::new(),
        report: Report::default(),
        within: None,
    };
    cuts.report.cut_short = journal.is_cut_short();
    cuts.walk(journal, progress);
    cuts.report
}

/// The walk along a journal.
struct Cuts {
    blank: Storage,
    disks: Vec<Disk>,
    promises: Promises,
    settings: Settings,
    dice: Dice,
    /// The images judged under these promises, by their digests, with the blocks that had a part in it, one bit map a volume.
    known: BTreeMap<u128, Vec<Vec<u64>>>,
    /// The images whose recovery was cut off.
    recovered: BTreeSet<u128>,
    report: Report,
    /// In a recovery: where the first cut was, and what it had lost.
    within: Option<(usize, Vec<(usize, u64)>)>,
}

impl Cuts {
    fn walk(&mut self, journal: &Journal, progress: &mut dyn FnMut(usize, usize)) {
        let events = journal.events();
        self.report.events = events.len();
        let stride = (events.len() + 1).div_ceil(self.settings.points.max(1));
        self.point(0);
        for (at, event) in events.iter().enumerate() {
            progress(at, events.len());
            let mut marked = false;
            match event {
                DiskEvent::Write { volume, offset, bytes } => {
                    self.report.writes += 1;
                    self.disks[*volume].write(*offset, bytes);
                }
                DiskEvent::Flush { volume } => {
                    self.report.flushes += 1;
                    self.disks[*volume].flush();
                }
                DiskEvent::Mark(mark) => {
                    self.promises.pass(mark);
                    self.known.clear();
                    marked = true;
                }
            }
            if marked || (at + 1) % stride == 0 {
                self.point(at + 1);
            }
            if self.report.wrong.len() >= MAXIMUM_WRONG {
                break;
            }
        }
        progress(events.len(), events.len());
    }

    /// The power fails here.
    fn point(&mut self, point: usize) {
        self.report.points += 1;
        let open: Vec<Open> = self.disks.iter().enumerate().flat_map(|(volume, disk)| Open::of(volume, disk)).collect();
        self.report.most_unflushed = self.report.most_unflushed.max(open.len());
        let samples = self.settings.samples;
        let choices = if open.len() <= self.settings.sectors {
            choose::every(&open, samples, &mut self.dice)
        } else if self.follow(point, &open) {
            // Nothing is left to find; a few choices over all sectors are tried in spite of that.
            choose::any_of(&open, samples.div_ceil(4), &mut self.dice)
        } else {
            self.report.sampled += 1;
            choose::drawn(&open, samples, &mut self.dice)
        };
        for choice in choices {
            self.cut(point, &open, &choice);
        }
    }

    /// Tries every choice of the sectors that have a part in the outcome, beginning with those that have one when nothing landed. Gives
    /// whether all of them could be tried.
    fn follow(&mut self, point: usize, open: &[Open]) -> bool {
        let budget = 4_usize << self.settings.sectors;
        let mut spent = 0;
        let mut complete = true;
        // A choice, and which of its sectors are told apart already.
        let mut waiting: Vec<(Choice, Vec<bool>)> = vec![(vec![0; open.len()], vec![false; open.len()])];
        while let Some((choice, decided)) = waiting.pop() {
            spent += 1;
            let blocks = self.cut(point, open, &choice);
            let matters = |sector: &Open| has(&blocks[sector.volume], sector.block());
            let new: Vec<usize> = (0..open.len()).filter(|&at| !decided[at] && matters(&open[at])).collect();
            if new.is_empty() {
                continue;
            }
            let mut decided = decided;
            new.iter().for_each(|&at| decided[at] = true);
            let part: Vec<Open> = new.iter().map(|&at| open[at].clone()).collect();
            let whole = choose::count(&part).filter(|&count| count + spent + waiting.len() <= budget);
            let choices = match whole {
                Some(_) => choose::every(&part, 0, &mut self.dice),
                None => {
                    complete = false;
                    if spent + waiting.len() > budget {
                        continue;
                    }
                    choose::drawn(&part, self.settings.samples, &mut self.dice)
                }
            };
            for made in choices {
                let mut next = choice.clone();
                new.iter().zip(made).for_each(|(&at, version)| next[at] = version);
                waiting.push((next, decided.clone()));
            }
        }
        complete
    }

    /// Recovers from one image, judges it, and gives the blocks that had a part in it.
    fn cut(&mut self, point: usize, open: &[Open], choice: &[usize]) -> Vec<Vec<u64>> {
        let durable = self.disks.iter().fold(0_u128, |sum, disk| sum.wrapping_add(disk.digest()));
        let landed = open.iter().zip(choice).filter_map(|(sector, &version)| sector.version(version));
        let digest = landed.fold(durable, |sum, version| sum.wrapping_add(version.delta));
        if let Some(blocks) = self.known.get(&digest) {
            return blocks.clone();
        }
        let mut storage = self.image(open, choice);
        let crashed = storage.clone();
        let mut places = Vec::new();
        let found = storage.attach_reading(&mut places, true).map_err(Fault::Unreadable);
        let judged = found.and_then(|attached| {
            let tally = judge(&storage, &attached, &self.promises, &mut places)?;
            Ok((attached, tally))
        });
        let blocks = self.bits(&places);
        self.known.insert(digest, blocks.clone());
        let judged = judged.and_then(|(attached, tally)| {
            self.count(&tally);
            self.afterwards(point, digest, (open, choice), crashed, storage, &attached)
        });
        if let Err(fault) = judged {
            let mut lost = lost(open, choice);
            if matches!(fault, Fault::Block { .. }) {
                // The other sectors had no part in it.
                lost.retain(|(volume, offset)| has(&blocks[*volume], offset / super::BLOCK_BYTES));
            }
            self.wrong(point, lost, fault);
        }
        blocks
    }

    fn count(&mut self, tally: &Tally) {
        self.report.images += 1;
        self.report.intact += tally.intact;
        for (rule, gone) in Rule::ALL.into_iter().zip(tally.gone).filter(|(_, gone)| *gone > 0) {
            *self.report.gone.entry(rule).or_default() += gone;
        }
    }

    fn wrong(&mut self, point: usize, lost: Vec<(usize, u64)>, fault: Fault) {
        let wrong = match &self.within {
            None => Wrong { point, recovery_point: None, lost, fault },
            Some((first, before)) => {
                let lost = before.iter().copied().chain(lost).collect();
                Wrong { point: *first, recovery_point: Some(point), lost, fault }
            }
        };
        if self.report.wrong.len() < MAXIMUM_WRONG {
            self.report.wrong.push(wrong);
        }
    }

    /// The machine with what the cut left on its disks.
    fn image(&self, open: &[Open], choice: &[usize]) -> Storage {
        let mut storage = self.blank.clone();
        for (at, disk) in self.disks.iter().enumerate() {
            let landed = open.iter().zip(choice).filter(|(sector, _)| sector.volume == at);
            let landed = landed.filter_map(|(sector, &version)| Some((sector.sector, sector.version(version)?)));
            let (image, used) = disk.image(landed);
            storage.install(at, image, &used);
        }
        storage
    }

    fn bits(&self, places: &[Place]) -> Vec<Vec<u64>> {
        let empty = |volume: &super::Volume| vec![0; volume.blocks().div_ceil(64) as usize];
        let mut bits: Vec<Vec<u64>> = self.blank.volumes.iter().map(empty).collect();
        for place in places {
            if let Some(word) = bits.get_mut(place.volume).and_then(|bits| bits.get_mut((place.block / 64) as usize)) {
                *word |= 1 << (place.block % 64);
            }
        }
        bits
    }
}

fn has(bits: &[u64], block: u64) -> bool {
    bits.get((block / 64) as usize).is_some_and(|word| word >> (block % 64) & 1 == 1)
}

/// The sectors that do not hold what they were last told to.
fn lost(open: &[Open], choice: &[usize]) -> Vec<(usize, u64)> {
    let lost = open.iter().zip(choice).filter(|(sector, version)| **version != sector.versions.len());
    lost.map(|(sector, _)| (sector.volume, sector.sector * crate::disk_format::SECTOR)).collect()
}
