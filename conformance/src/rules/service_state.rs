//! Rules that bind the service: the creation lock, the states of writers and shadow copies, and what is left at the end.

use std::collections::BTreeMap;

use vssim_model::ids::{SnapshotId, SnapshotSetId};
use vssim_model::states::{SnapshotState, WriterEvent, WriterState};

use crate::catalogue::Bound::Service;
use crate::catalogue::Level::Fact;
use crate::catalogue::Rule;
use crate::facts::{EventFact, Facts, Mark, OPENING, StateFact, WriterChange};
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "one-creation-at-a-time",
        requirements: &["LIM-006", "BKP-ORD-050", "BKP-ORD-053"],
        actor: Service,
        level: Fact,
        sentence: "At most one shadow copy set is being created at any time.",
        source: "state-transitions-in-shadow-copy-providers.md",
        check: one_creation,
    },
    Rule {
        id: "creation-lock-freed",
        requirements: &["BKP-ORD-050"],
        actor: Service,
        level: Fact,
        sentence: "The creation lock is free again when the creation has ended.",
        source: "state-transitions-in-shadow-copy-providers.md",
        check: lock_freed,
    },
    Rule {
        id: "held-writes-released",
        requirements: &["SNP-016", "TIM-005"],
        actor: Service,
        level: Fact,
        sentence: "Every volume whose writes were held is released again.",
        source: "shadow-copy-creation-for-providers.md",
        check: released,
    },
    Rule {
        id: "writer-state-follows-event",
        requirements: &["API-001", "API-002"],
        actor: Service,
        level: Fact,
        sentence: "A writer's state changes only to one that its last event and that event's outcome lead to.",
        source: "sdk-api ne-vss-vss_writer_state.md",
        check: writer_state,
    },
    Rule {
        id: "failed-writer-shows-its-failure",
        requirements: &["API-001", "WRT-ERR-020"],
        actor: Service,
        level: Fact,
        sentence: "A writer whose handler returned false is in the failed state of that event before its next event.",
        source: "sdk-api ne-vss-vss_writer_state.md",
        check: failure_shown,
    },
    Rule {
        id: "snapshot-states-in-order",
        requirements: &["API-039"],
        actor: Service,
        level: Fact,
        sentence: "A shadow copy passes preparing, prepared, pre-committed, committed, pre-final-committed and created in this order, or is aborted.",
        source: "sdk-api ne-vss-vss_snapshot_state.md",
        check: snapshot_states,
    },
];

/// The time during which a set was being created.
pub(super) struct Span {
    pub(super) set: SnapshotSetId,
    pub(super) object: u32,
    pub(super) from: Mark,
    /// Nothing while the creation goes on.
    pub(super) to: Option<Mark>,
}

/// From the return of StartSnapshotSet to the end of DoSnapshotSet, or to whatever ended the backup before that.
pub(super) fn spans(facts: &Facts<'_>) -> Vec<Span> {
    let mut spans: Vec<Span> = facts
        .sets
        .values()
        .filter_map(|set| {
            let object = facts.object_of(set)?;
            let from = set.start.as_ref()?.end?;
            let done = set.creation.and_then(|call| call.operation).and_then(|operation| operation.ended);
            let given_up = object
                .calls
                .iter()
                .find(|call| call.begin > from && matches!(call.method(), "AbortBackup" | "Release"))
                .map(|call| call.begin);
            let crashed = facts.gone_after(object.actor, from);
            let to = [done.map(|(at, _)| at), given_up, crashed].into_iter().flatten().min();
            Some(Span { set: set.id, object: object.number, from, to })
        })
        .collect();
    spans.sort_by_key(|span| span.from);
    spans
}

fn one_creation(facts: &Facts<'_>, findings: &mut Findings) {
    let mut holder: Option<(Mark, SnapshotSetId)> = None;
    for (at, next) in &facts.locks {
        if let Some(next) = next {
            let (before, kept) = holder.map_or((0, true), |(before, set)| (before.n, set == *next));
            findings.check(
                kept,
                [before, at.n],
                || "the creation lock went from one set to another without being freed",
            );
        }
        holder = next.map(|set| (*at, set));
    }
    let mut busy: Option<Span> = None;
    for span in spans(facts) {
        if let Some(before) = &busy {
            let kept = before.to.is_some_and(|to| to <= span.from);
            findings.check(kept, [before.from.n, span.from.n], || "a set was opened while another was being created");
        } else {
            findings.occasion();
        }
        busy = Some(span);
    }
}

fn lock_freed(facts: &Facts<'_>, findings: &mut Findings) {
    let Some((at, last)) = facts.locks.last() else { return };
    // The lock of a set that is still being created, by a requester that is still there, may be held (S-05).
    let going_on = |set: SnapshotSetId| spans(facts).iter().any(|span| span.set == set && span.to.is_none());
    match last {
        Some(set) if going_on(*set) => findings.excused("the trace ends while the set is being created"),
        Some(_) => findings.broken([at.n], "the creation lock is still held at the end"),
        None => findings.occasion(),
    }
}

fn released(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        for (at, volume) in &set.holds {
            let kept = set.releases.iter().any(|(release, name)| name == volume && release > at);
            findings.check(kept, [at.n], || format!("writes to {volume} were held and never released"));
        }
    }
}

/// The state in which a failed event leaves a writer.
const fn failed_at(event: WriterEvent) -> Option<WriterState> {
    match event {
        WriterEvent::Identify => Some(WriterState::FailedAtIdentify),
        WriterEvent::PrepareForBackup => Some(WriterState::FailedAtPrepareBackup),
        WriterEvent::PrepareForSnapshot => Some(WriterState::FailedAtPrepareSnapshot),
        WriterEvent::Freeze => Some(WriterState::FailedAtFreeze),
        WriterEvent::Thaw => Some(WriterState::FailedAtThaw),
        WriterEvent::PostSnapshot => Some(WriterState::FailedAtPostSnapshot),
        WriterEvent::BackupComplete => Some(WriterState::FailedAtBackupComplete),
        WriterEvent::BackupShutdown => Some(WriterState::FailedAtBackupShutdown),
        WriterEvent::PreRestore => Some(WriterState::FailedAtPreRestore),
        WriterEvent::PostRestore => Some(WriterState::FailedAtPostRestore),
        _ => None,
    }
}

/// The state in which an event leaves a writer that handled it well.
const fn passed(event: WriterEvent) -> Option<WriterState> {
    match event {
        WriterEvent::PrepareForSnapshot => Some(WriterState::WaitingForFreeze),
        WriterEvent::Freeze => Some(WriterState::WaitingForThaw),
        WriterEvent::Thaw => Some(WriterState::WaitingForPostSnapshot),
        WriterEvent::PostSnapshot => Some(WriterState::WaitingForBackupComplete),
        WriterEvent::Identify => None,
        _ => Some(WriterState::Stable),
    }
}

/// Whether the events so far, the last one last, can have led to a state.
fn leads_to(events: &[&EventFact<'_>], to: WriterState) -> bool {
    let Some(last) = events.iter().rev().find(|event| event.event != WriterEvent::Identify) else {
        // Before its first event a writer is ready, unless it failed at Identify.
        return matches!(to, WriterState::Stable | WriterState::FailedAtIdentify);
    };
    if to == WriterState::Unknown {
        return true;
    }
    if to.is_failed() {
        // A window that ran out shows at Freeze even after the Abort that it caused; a handler that reported no failure
        // leads to no failed state otherwise.
        return events.iter().rev().take(4).any(|event| {
            failed_at(event.event) == Some(to)
                && (event.event == WriterEvent::Freeze || event.event == WriterEvent::Thaw || !event.succeeded())
        });
    }
    // The first event of the next operation makes a writer ready again, whatever it was before.
    let opens = matches!(last.event, WriterEvent::PrepareForBackup | WriterEvent::PrepareForSnapshot);
    passed(last.event) == Some(to) && (to == WriterState::Stable || last.returned)
        || (opens && to == WriterState::Stable)
}

/// The backups and restores in which a writer takes part: when each began for it, and when those that are over ended.
struct Parts {
    of: BTreeMap<u32, Mark>,
    opened: Vec<Mark>,
    over: Vec<Mark>,
}

impl Parts {
    fn of(facts: &Facts<'_>, writer: &str) -> Parts {
        let mut of = BTreeMap::new();
        for event in facts.events_to(writer).iter().filter(|event| OPENING.contains(&event.event)) {
            event.object.map(|object| of.entry(object).or_insert(event.begin));
        }
        let mut opened: Vec<Mark> = of.values().copied().collect();
        let objects = of.keys().filter_map(|object| facts.objects.get(object));
        let mut over: Vec<Mark> = objects.filter_map(|object| facts.session_over(object, writer)).collect();
        opened.sort_unstable();
        over.sort_unstable();
        Parts { of, opened, over }
    }

    /// How many began before a mark and were not over at another that is no later.
    fn between(&self, from: Mark, to: Mark) -> usize {
        let opened = self.opened.partition_point(|at| *at < to);
        opened.saturating_sub(self.over.partition_point(|at| *at < from))
    }
}

/// What is known of a writer's states: in each backup or restore, and where it changed last.
struct Known {
    parts: Parts,
    of: BTreeMap<u32, (Mark, WriterState)>,
    last: Option<(Mark, WriterState)>,
}

impl Known {
    /// Notes a change, and gives the state that it has to leave. A session that begins beside others begins ready; one that
    /// begins alone begins where the last one ended.
    fn replace(
        &mut self,
        object: Option<u32>,
        at: Mark,
        to: WriterState,
        from: WriterState,
    ) -> Option<(Mark, WriterState)> {
        let last = self.last.replace((at, to));
        let Some(object) = object else { return last };
        let began = self.parts.of.get(&object).copied().unwrap_or(at);
        let beside_others = self.parts.between(began, at) > 1;
        match self.of.insert(object, (at, to)) {
            Some(before) => Some(before),
            None if beside_others && from == WriterState::Stable => None,
            None => last,
        }
    }
}

fn writer_state(facts: &Facts<'_>, findings: &mut Findings) {
    for name in facts.writers.keys() {
        let mut events = facts.events_to(name).iter().peekable();
        let mut so_far: Vec<&EventFact<'_>> = Vec::new();
        let mut of_object: BTreeMap<u32, Vec<&EventFact<'_>>> = BTreeMap::new();
        let mut known = Known { parts: Parts::of(facts, name), of: BTreeMap::new(), last: None };
        for change in facts.states_of(name) {
            let WriterChange { at, from, to, object } = change;
            while let Some(event) = events.next_if(|event| event.begin < *at) {
                so_far.push(event);
                if let Some(object) = event.object {
                    of_object.entry(object).or_default().push(event);
                }
            }
            let opened = |object: &u32| known.parts.of.get(object).is_some_and(|opened| opened < at);
            let part = object.filter(opened);
            if let (None, Some(object)) = (part, object)
                && known.parts.between(*at, *at) > 0
                && let Some(stray) = of_object.get(object).and_then(|events| moving(events))
            {
                findings
                    .broken([stray.begin.n, at.n], format!("{name} went to {to} in a backup of which it is no part"));
            }
            if let Some((before, state)) = known.replace(part, *at, *to, *from) {
                findings.check(state == *from, [before.n, at.n], || {
                    format!("{name} was in {state} and is said to leave {from}")
                });
            }
            let so_far = part.and_then(|object| of_object.get(&object)).unwrap_or(&so_far);
            // A process that begins anew begins ready.
            let restarted = *to == WriterState::Stable && facts.was_gone(name, *object, Mark::default(), *at);
            // A writer that does not answer is given up (API-003).
            let unanswered = so_far.iter().any(|event| event.end.is_none_or(|end| end > *at));
            let given_up = *to == WriterState::Unknown && unanswered;
            let last = so_far.last().map_or(0, |event| event.begin.n);
            findings.check(restarted || given_up || leads_to(so_far, *to), [last, at.n], || {
                format!("{name} went from {from} to {to}, to which its events do not lead")
            });
        }
    }
}

/// The last event that moves a writer: all but Identify do.
fn moving<'a, 't>(events: &[&'a EventFact<'t>]) -> Option<&'a EventFact<'t>> {
    events.iter().rev().find(|event| event.event != WriterEvent::Identify).copied()
}

fn failure_shown(facts: &Facts<'_>, findings: &mut Findings) {
    for event in facts.events.iter().filter(|event| event.fatal()) {
        let Some(state) = failed_at(event.event) else { continue };
        // Nothing is kept of a writer that failed at Identify (WRT-EVT-044), and failures at BackupComplete need not be
        // reported (C-16). A trace without states shows no failure either.
        let silent = matches!(event.event, WriterEvent::Identify | WriterEvent::BackupComplete);
        let states = facts.states_of(event.writer);
        if silent || states.is_empty() {
            continue;
        }
        let Some(end) = event.end else { continue };
        let next = facts
            .events_to(event.writer)
            .iter()
            .find(|other| other.begin > end && other.event != WriterEvent::Identify && other.object == event.object)
            .map_or(Mark { n: u64::MAX, t: facts.end.t }, |other| other.begin);
        // An answer for which VSS no longer waited changes nothing (API-003).
        let of_object = |change: &&WriterChange| change.object.is_none() || change.object == event.object;
        let mut given_up = states.iter().filter(of_object).filter(|change| change.to == WriterState::Unknown);
        if given_up.any(|change| event.begin < change.at && change.at < end) {
            continue;
        }
        let mut shown = states.iter().filter(of_object);
        let shown = shown.any(|change| event.begin < change.at && change.at < next && change.to == state);
        findings.check(shown, event.records(), || {
            format!("{} failed at {} and never showed {state}", event.writer, event.event)
        });
    }
}

/// A state's place in the creation (API-039); the processing states have even places.
const fn place(state: SnapshotState) -> Option<u8> {
    match state {
        SnapshotState::Unknown => Some(0),
        SnapshotState::Preparing => Some(1),
        SnapshotState::ProcessingPrepare => Some(2),
        SnapshotState::Prepared => Some(3),
        SnapshotState::ProcessingPreCommit => Some(4),
        SnapshotState::PreCommitted => Some(5),
        SnapshotState::ProcessingCommit => Some(6),
        SnapshotState::Committed => Some(7),
        SnapshotState::ProcessingPostCommit => Some(8),
        // Beside the others in the list of the page, so that it may be passed or not.
        SnapshotState::PostCommitted => Some(9),
        SnapshotState::ProcessingPreFinalCommit => Some(10),
        SnapshotState::PreFinalCommitted => Some(11),
        SnapshotState::ProcessingPostFinalCommit => Some(12),
        SnapshotState::Created => Some(13),
        _ => None,
    }
}

/// The places that none may leave out.
const NEEDED: [u8; 5] = [1, 3, 5, 7, 11];

fn may_follow(from: SnapshotState, to: SnapshotState) -> bool {
    match (place(from), place(to)) {
        (Some(from), Some(to)) => from < to && !NEEDED.iter().any(|needed| from < *needed && *needed < to),
        (Some(from), None) => match to {
            SnapshotState::Aborted => from < 13,
            _ => from == 13,
        },
        // A shadow copy that was aborted is gone; it may be deleted.
        (None, None) => from == SnapshotState::Aborted && to == SnapshotState::Deleted,
        (None, Some(_)) => false,
    }
}

fn snapshot_states(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let mut last: BTreeMap<SnapshotId, &StateFact<'_>> = BTreeMap::new();
        for state in &set.states {
            let before = last.insert(state.snapshot, state);
            let continues = before.is_none_or(|before| before.to == state.from);
            findings.check(
                continues && may_follow(state.from, state.to),
                [before.map_or(0, |before| before.at.n), state.at.n],
                || format!("the shadow copy of {} went from {} to {}", state.volume, state.from, state.to),
            );
        }
    }
}
