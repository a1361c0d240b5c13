//! What VSS has promised of each shadow copy at a point of the journal.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use vssim_model::ids::SnapshotId;

use super::super::Snapshot;
use super::super::journal::{DiskEvent, Journal, Mark};

/// Why a shadow copy may be gone after a power cut (docs/choices.md, `power-cut`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Its creation was not finished.
    Creation,
    /// Its deletion had begun: it was asked for, or the diff area was full.
    Deletion,
    /// It was open for the writers, and they had not finished.
    AutoRecovery,
    /// A newer copy had to be given up, and the diff area had no room for what this one reads from it.
    Dependent,
}

impl Rule {
    /// All of them.
    pub const ALL: [Rule; 4] = [Rule::Creation, Rule::Deletion, Rule::AutoRecovery, Rule::Dependent];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Creation => "not yet created",
            Rule::Deletion => "deleted",
            Rule::AutoRecovery => "open for its writers",
            Rule::Dependent => "no room without a newer copy",
        })
    }
}

/// What has to be true of a shadow copy.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    /// `None`: it has to be there.
    pub(super) may_be_gone: Option<Rule>,
    /// What it may show when it is there.
    pub(super) versions: Vec<Arc<Snapshot>>,
}

/// The promises at a point.
#[derive(Clone, Debug, Default)]
pub(super) struct Promises {
    copies: BTreeMap<SnapshotId, Promise>,
    /// What each copy will be when it is next kept or closed.
    later: BTreeMap<SnapshotId, VecDeque<Arc<Snapshot>>>,
}

impl Promises {
    /// At the start of a journal: the copies that are there have to stay.
    pub(super) fn new<'a>(there: impl Iterator<Item = &'a Arc<Snapshot>>, journal: &Journal) -> Promises {
        let kept = |copy: &Arc<Snapshot>| (copy.id, Promise { may_be_gone: None, versions: vec![Arc::clone(copy)] });
        let copies = there.map(kept).collect();
        let mut later: BTreeMap<SnapshotId, VecDeque<Arc<Snapshot>>> = BTreeMap::new();
        for event in journal.events() {
            if let DiskEvent::Mark(Mark::Kept(copy) | Mark::Closed(copy)) = event {
                later.entry(copy.id).or_default().push_back(Arc::clone(copy));
            }
        }
        Promises { copies, later }
    }

    /// Goes past a mark.
    pub(super) fn pass(&mut self, mark: &Mark) {
        match mark {
            Mark::Begun(id) => {
                let versions = self.next(*id).into_iter().collect();
                self.copies.insert(*id, Promise { may_be_gone: Some(Rule::Creation), versions });
            }
            Mark::Kept(copy) | Mark::Closed(copy) => {
                self.later.entry(copy.id).or_default().pop_front();
                self.copies.insert(copy.id, Promise { may_be_gone: None, versions: vec![Arc::clone(copy)] });
            }
            Mark::Opened(id) => {
                let next = self.next(*id);
                if let Some(promise) = self.copies.get_mut(id) {
                    promise.may_be_gone = Some(Rule::AutoRecovery);
                    promise.versions.extend(next);
                }
            }
            Mark::Ending(id) => {
                if let Some(promise) = self.copies.get_mut(id) {
                    promise.may_be_gone.get_or_insert(Rule::Deletion);
                }
            }
        }
    }

    pub(super) fn get(&self, id: SnapshotId) -> Option<&Promise> {
        self.copies.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SnapshotId, &Promise)> {
        self.copies.iter().map(|(id, promise)| (*id, promise))
    }

    /// A copy may be gone as well.
    pub(super) fn excuse(&mut self, id: SnapshotId, rule: Rule) {
        if let Some(promise) = self.copies.get_mut(&id) {
            promise.may_be_gone.get_or_insert(rule);
        }
    }

    fn next(&self, id: SnapshotId) -> Option<Arc<Snapshot>> {
        self.later.get(&id).and_then(|later| later.front()).cloned()
    }
}
