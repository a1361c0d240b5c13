//! Many writers that hear the same event at once, as one batch.
//!
//! A machine has a dozen writers and each backup raises eight events to each of them. A reader wants to see that all of
//! them thawed and which took longest, and every writer that did not do what the others did. So the begin of a batch
//! is one line, its end is one line, and only the deviating answers stand by themselves.

use std::collections::BTreeMap;

use vssim_model::hresult::HResult;
use vssim_model::ids::SnapshotSetId;
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::{Record, What};

use crate::index::Index;

/// The number of writers from which on an event is shown as a batch.
const LEAST: usize = 5;

/// One event, raised to many writers.
pub(crate) struct Batch<'t> {
    pub(crate) event: WriterEvent,
    set: Option<SnapshotSetId>,
    /// The writers, in the order in which they heard it.
    pub(crate) writers: Vec<&'t str>,
    /// The first and the last record that the batch stands for.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// How many handlers returned TRUE and set no failure.
    pub(crate) kept: usize,
    /// The longest of these handlers.
    pub(crate) longest: Option<(Ticks, &'t str)>,
    /// The changes of state that followed, and of how many writers.
    pub(crate) states: BTreeMap<(WriterState, WriterState), usize>,
}

/// Which record stands for which batch.
pub(crate) struct Batches<'t> {
    pub(crate) all: Vec<Batch<'t>>,
    /// One entry a record: the batch's place in `all`.
    of: Vec<Option<usize>>,
}

impl<'t> Batches<'t> {
    /// No batches: every record stands for itself.
    pub(crate) fn none() -> Batches<'t> {
        Batches { all: Vec::new(), of: Vec::new() }
    }

    pub(crate) fn find(index: &Index<'t>) -> Batches<'t> {
        let records = &index.trace.records;
        let mut found = Batches { all: Vec::new(), of: vec![None; records.len()] };
        // The last batch of each backup, where several go on at once; of all of them where not.
        let mut open: BTreeMap<Option<u32>, usize> = BTreeMap::new();
        let told_apart = |object: &Option<u32>| object.filter(|_| index.sessions.overlap());
        // The batch in whose event each writer stands, until its state has changed or it hears the next event.
        let mut inside: BTreeMap<(&'t str, Option<u32>), usize> = BTreeMap::new();
        for (at, record) in records.iter().enumerate() {
            match &record.what {
                What::Event { event, set, object, .. } => {
                    let object = told_apart(object);
                    let batch = found.join(open.get(&object).copied(), at, *event, *set);
                    open.insert(object, batch);
                    found.all[batch].writers.push(&record.actor);
                    found.take(at, batch);
                    inside.insert((&record.actor, object), batch);
                }
                What::Handled { returned: true, failure: None, event, .. } => {
                    found.handled(index, at, record, *event);
                }
                What::WriterState { from, to, failure, object } if calm(*to, *failure) => {
                    if let Some(batch) = inside.remove(&(&*record.actor, told_apart(object))) {
                        *found.all[batch].states.entry((*from, *to)).or_default() += 1;
                        found.take(at, batch);
                    }
                }
                What::Phase { .. } => open.clear(),
                _ => {}
            }
        }
        found.drop_small();
        found
    }

    /// The batch that an event belongs to: the open one if it is of the same event and set, else a new one.
    fn join(&mut self, open: Option<usize>, at: usize, event: WriterEvent, set: Option<SnapshotSetId>) -> usize {
        match open.and_then(|open| Some((open, self.all.get(open)?))) {
            Some((open, last)) if last.event == event && last.set == set => open,
            _ => {
                let (writers, states) = (Vec::new(), BTreeMap::new());
                self.all.push(Batch { event, set, writers, first: at, last: at, kept: 0, longest: None, states });
                self.all.len() - 1
            }
        }
    }

    fn handled(&mut self, index: &Index<'t>, at: usize, record: &'t Record, event: WriterEvent) {
        let Some((begin, started)) = index.begin_of(at) else { return };
        let Some(batch) = self.of.get(begin).copied().flatten() else { return };
        if self.all[batch].event != event || started.actor != record.actor {
            return;
        }
        self.take(at, batch);
        let batch = &mut self.all[batch];
        batch.kept += 1;
        let took = record.t - started.t;
        if batch.longest.is_none_or(|(longest, _)| took > longest) {
            batch.longest = Some((took, &record.actor));
        }
    }

    fn take(&mut self, at: usize, batch: usize) {
        if let Some(of) = self.of.get_mut(at) {
            *of = Some(batch);
        }
        self.all[batch].last = self.all[batch].last.max(at);
    }

    /// Few writers are shown one by one.
    fn drop_small(&mut self) {
        for of in &mut self.of {
            *of = of.filter(|batch| self.all[*batch].writers.len() >= LEAST);
        }
    }

    pub(crate) fn of(&self, at: usize) -> Option<&Batch<'t>> {
        self.of.get(at).copied().flatten().and_then(|batch| self.all.get(batch))
    }
}

/// Whether a change of state says nothing that the batch does not.
fn calm(to: WriterState, failure: HResult) -> bool {
    !to.is_failed() && failure == HResult::S_OK
}
