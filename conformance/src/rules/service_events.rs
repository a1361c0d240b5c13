//! Rules that bind the service: which events go to which writers, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::ids::{Guid, SnapshotSetId, WriterClassId};
use vssim_model::release::Release;
use vssim_model::states::{ApplicationLevel, SnapshotState, WriterEvent};

use crate::catalogue::Bound::Service;
use crate::catalogue::Level::Fact;
use crate::catalogue::Rule;
use crate::facts::{CallFact, EventFact, Facts, Mark, Object, SetFacts, Step, Writer};
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "identify-reaches-every-writer",
        requirements: &["BKP-ORD-010", "BKP-ORD-012"],
        actor: Service,
        level: Fact,
        sentence: "GatherWriterMetadata raises Identify to every enabled writer.",
        source: "overview-of-backup-initialization.md",
        check: identify_all,
    },
    Rule {
        id: "failed-identify-excludes",
        requirements: &["WRT-EVT-044", "WMD-019"],
        actor: Service,
        level: Fact,
        sentence: "A writer whose OnIdentify failed takes no part in the backup.",
        source: "determining-writer-status.md",
        check: failed_identify,
    },
    Rule {
        id: "prepare-reaches-writers-with-components",
        requirements: &["BKP-ORD-028"],
        actor: Service,
        level: Fact,
        sentence: "PrepareForBackup raises its event to every writer of which a component was added.",
        source: "overview-of-pre-backup-tasks.md",
        check: prepare_all,
    },
    Rule {
        id: "writer-without-component-left-alone",
        requirements: &["BKP-ORD-057", "BKP-ORD-059"],
        actor: Service,
        level: Fact,
        sentence: "In component mode a writer of which no component was added gets no event after Identify.",
        source: "overview-of-the-backup-discovery-phase.md",
        check: left_alone,
    },
    Rule {
        id: "no-events-without-writers",
        requirements: &["BKP-ORD-056"],
        actor: Service,
        level: Fact,
        sentence: "In a context without writers no event of the creation is raised.",
        source: "shadow-copy-creation-details.md",
        check: no_events,
    },
    Rule {
        id: "writer-events-in-order",
        requirements: &["WRT-EVT-006", "BKP-ORD-034", "SHUT-001"],
        actor: Service,
        level: Fact,
        sentence: "A writer gets PrepareForBackup, PrepareForSnapshot, Freeze, Thaw, PostSnapshot, BackupComplete and BackupShutdown in this order, each once; a creation that succeeds leaves none of its events out.",
        source: "writers.md",
        check: in_order,
    },
    Rule {
        id: "providers-prepared-before-writers",
        requirements: &["PRV-SEQ-024", "PRV-SEQ-002"],
        actor: Service,
        level: Fact,
        sentence: "EndPrepareSnapshots has returned from every provider before PrepareForSnapshot is raised.",
        source: "overview-of-processing-a-backup-under-vss.md",
        check: providers_first,
    },
    Rule {
        id: "all-prepared-before-freeze",
        requirements: &["WRT-EVT-051", "BKP-ORD-034"],
        actor: Service,
        level: Fact,
        sentence: "PrepareForSnapshot is handled by all writers before Freeze is raised to any.",
        source: "vss-test-writer-tool.md",
        check: prepared_before_freeze,
    },
    Rule {
        id: "freeze-by-level",
        requirements: &["WRT-EVT-029", "WRT-EVT-030"],
        actor: Service,
        level: Fact,
        sentence: "Freeze goes to front-end writers, then back-end, then system writers, then resource managers.",
        source: "vssgloss-a.md",
        check: freeze_levels,
    },
    Rule {
        id: "thaw-or-abort-after-freeze",
        requirements: &["API-009", "SNP-009"],
        actor: Service,
        level: Fact,
        sentence: "After Freeze a writer gets Thaw or Abort next, Thaw once only and never after Abort.",
        source: "sdk-api nf-vswriter-cvsswriter-onfreeze.md",
        check: thaw_or_abort,
    },
    Rule {
        id: "all-thawed-before-post-snapshot",
        requirements: &["WRT-EVT-052"],
        actor: Service,
        level: Fact,
        sentence: "Thaw is handled by all writers before PostSnapshot is raised to any.",
        source: "vss-test-writer-tool.md",
        check: thawed_before_post,
    },
    Rule {
        id: "complete-reaches-participants",
        requirements: &["BKP-ORD-039"],
        actor: Service,
        level: Fact,
        sentence: "BackupComplete raises its event to every writer that took part to the end.",
        source: "overview-of-actual-backup-of-files.md",
        check: complete_all,
    },
    Rule {
        id: "shutdown-once-for-each-participant",
        requirements: &["SHUT-002", "SHUT-003", "SHUT-005", "BKP-ORD-044", "API-018", "WRT-EVT-025"],
        actor: Service,
        level: Fact,
        sentence: "When the object is released or its owner ends, every writer that took part gets BackupShutdown, once and for its own set; it names no set of which no shadow copy was made.",
        source: "handling-backupshutdown-events.md",
        check: shutdown_once,
    },
];

/// Whether the object's choice of writers lets this one take part.
fn enabled(object: &Object<'_>, writer: &Writer, until: Mark) -> bool {
    object.lets_in(writer.class, until) && !object.disabled_instances(until).any(|instance| writer.is(instance))
}

fn identify_all(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(gather) = object.accepted("GatherWriterMetadata") else { continue };
        let Some(done) = gather.finished() else { continue };
        let reached: BTreeSet<&str> = facts
            .events
            .iter()
            .filter(|event| event.event == WriterEvent::Identify && gather.begin < event.begin && event.begin < done)
            .map(|event| event.writer)
            .collect();
        for (name, writer) in &facts.writers {
            if !enabled(object, writer, gather.begin) || facts.was_gone(name, Some(object.number), gather.begin, done) {
                continue;
            }
            findings.check(reached.contains(name), [gather.begin.n, done.n], || format!("{name} got no Identify"));
        }
    }
}

fn failed_identify(facts: &Facts<'_>, findings: &mut Findings) {
    for failed in facts.events.iter().filter(|event| event.event == WriterEvent::Identify && event.fatal()) {
        let Some(object) = failed.object.and_then(|number| facts.objects.get(&number)) else { continue };
        let later = object
            .events_to(failed.writer)
            .find(|event| event.begin > failed.begin && event.event != WriterEvent::Identify);
        findings.check(later.is_none(), [failed.begin.n, later.map_or(0, |event| event.begin.n)], || {
            format!("{} got an event of the backup although its OnIdentify had failed", failed.writer)
        });
    }
}

fn prepare_all(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(prepare) = object.accepted("PrepareForBackup") else { continue };
        let Some(done) = prepare.finished() else { continue };
        let instances = object.instances();
        for (name, _) in
            facts.writers.iter().filter(|(_, writer)| instances.iter().any(|&instance| writer.is(instance)))
        {
            let left = facts.was_unsubscribed(name, object.begin(), done);
            if left || facts.was_gone(name, Some(object.number), prepare.begin, done) {
                continue;
            }
            if !facts.wants(name, WriterEvent::PrepareForBackup, prepare.begin) {
                findings.excused(format!("{name} is not subscribed to the events of backups"));
                continue;
            }
            let reached = object.events_to(name).any(|event| event.event == WriterEvent::PrepareForBackup);
            if !reached && facts.had_no_session(object, name, prepare.begin, done) {
                findings.excused(format!("{name} had no session left"));
                continue;
            }
            findings.check(reached, [prepare.begin.n, done.n], || format!("{name} got no PrepareForBackup"));
        }
    }
}

/// Recorded Windows sends it every event although its document has no component.
const OPTIMIZATION_WRITER: WriterClassId = WriterClassId(Guid(0x4dc3_bdd4_ab48_4d07_adb0_3bee_2926_fd7f));

fn left_alone(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values().filter(|object| object.component_mode()) {
        let Some(prepare) = object.accepted("PrepareForBackup") else { continue };
        let instances = object.instances();
        for (name, writer) in
            facts.writers.iter().filter(|(_, writer)| !instances.iter().any(|&instance| writer.is(instance)))
        {
            if writer.class == OPTIMIZATION_WRITER {
                findings.excused("Windows sends the Shadow Copy Optimization Writer every event, as is recorded");
                continue;
            }
            let event = object.events_to(name).find(|event| event.event != WriterEvent::Identify);
            findings.check(event.is_none(), [prepare.begin.n, event.map_or(0, |event| event.begin.n)], || {
                format!("{name} got an event although none of its components was added")
            });
        }
    }
}

fn no_events(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values().filter(|object| object.writerless()) {
        let Some(set) = facts.set_by(object).filter(|set| set.creation.is_some()) else { continue };
        let event = set.events.first();
        findings.check(
            event.is_none(),
            [event.map_or(0, |event| event.begin.n)],
            || "an event was raised in a context without writers",
        );
    }
}

/// The place of an event in a backup (WRT-EVT-006). Identify, Abort and the events of a restore have none.
const fn place(event: WriterEvent) -> Option<u8> {
    match event {
        WriterEvent::PrepareForBackup => Some(1),
        WriterEvent::PrepareForSnapshot => Some(2),
        WriterEvent::Freeze => Some(3),
        WriterEvent::Thaw => Some(4),
        WriterEvent::PostSnapshot => Some(5),
        WriterEvent::BackupComplete => Some(6),
        WriterEvent::BackupShutdown => Some(7),
        _ => None,
    }
}

fn in_order(facts: &Facts<'_>, findings: &mut Findings) {
    type Backup<'a> = (Option<u32>, Option<SnapshotSetId>, &'a str);
    let mut last: BTreeMap<Backup<'_>, (u8, &EventFact<'_>)> = BTreeMap::new();
    // The preparations that failed or were cancelled, by object and end, with their beginnings.
    let preparations = facts.objects.values().flat_map(|object| object.named("PrepareForBackup"));
    let undone: BTreeMap<(u32, Mark), Mark> =
        preparations.filter_map(|call| Some(((call.object, call.failed()?.0), call.begin))).collect();
    for event in &facts.events {
        of_its_backup(facts, event, findings);
        let Some(place) = place(event.event) else { continue };
        // Without an object behind it, an event is compared only with those of the same set.
        let key = match (event.object, event.set) {
            (Some(object), _) => (Some(object), None, event.writer),
            (None, Some(set)) => (None, Some(set), event.writer),
            (None, None) => continue,
        };
        let earlier = last.insert(key, (place, event));
        // What raised the earlier event may be done again, and raises it again.
        let again = |earlier: &EventFact<'_>| {
            let Some(object) = event.object.filter(|_| earlier.begin < event.begin) else { return false };
            let mut between = undone.range((object, earlier.begin)..(object, event.begin));
            between.any(|(_, begin)| *begin < earlier.begin)
        };
        if let Some((before, earlier)) = earlier.filter(|(_, earlier)| !again(earlier)) {
            findings.check(before < place, [earlier.begin.n, event.begin.n], || {
                format!("{} got {} after {}", event.writer, event.event, earlier.event)
            });
        }
    }
    none_left_out(facts, findings);
}

/// The set that an event names was made by the object that it names.
fn of_its_backup(facts: &Facts<'_>, event: &EventFact<'_>, findings: &mut Findings) {
    let set = event.set.and_then(|set| facts.sets.get(&set));
    let Some((told, (set, maker))) = event.told.zip(set.and_then(|set| Some((set, set.object?)))) else { return };
    if told != maker {
        let start = set.start.map_or(0, |call| call.begin.n);
        let (writer, event, at) = (event.writer, event.event, event.begin.n);
        let sentence = format!("{writer} got {event} of object {told} for the set of object {maker}");
        findings.broken([start, at], sentence);
    }
}

/// Of a creation that succeeds, a writer that has not failed gets every event (BKP-ORD-034). That Thaw follows Freeze is a
/// rule of its own, which binds a creation that fails as well.
fn none_left_out(facts: &Facts<'_>, findings: &mut Findings) {
    let pairs =
        [(WriterEvent::PrepareForSnapshot, WriterEvent::Freeze), (WriterEvent::Thaw, WriterEvent::PostSnapshot)];
    for set in facts.sets.values() {
        let Some(done) = set.creation.and_then(|call| call.finished()) else { continue };
        for writer in set.participants() {
            let failed = set.events_to(writer).any(|event| !event.succeeded());
            for (event, next) in pairs {
                let Some(handled) = set.event_to(writer, event).filter(|_| !failed) else { continue };
                if facts.was_gone(writer, set.object, handled.begin, done) {
                    continue;
                }
                findings.check(set.event_to(writer, next).is_some(), [handled.begin.n, done.n], || {
                    format!("{writer} got no {next} after {event}")
                });
            }
        }
    }
}

fn providers_first(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(first) = set.of(WriterEvent::PrepareForSnapshot).next() else { continue };
        for call in set.step(Step::EndPrepare) {
            findings.check(call.end.is_some_and(|end| end < first.begin), [call.begin.n, first.begin.n], || {
                format!("PrepareForSnapshot was raised before {} had finished its preparation", call.provider)
            });
        }
    }
}

fn prepared_before_freeze(facts: &Facts<'_>, findings: &mut Findings) {
    all_before_any(facts, findings, WriterEvent::PrepareForSnapshot, WriterEvent::Freeze);
}

fn thawed_before_post(facts: &Facts<'_>, findings: &mut Findings) {
    all_before_any(facts, findings, WriterEvent::Thaw, WriterEvent::PostSnapshot);
}

/// Every handler of the one event has returned before the first of the other begins. A writer that is gone is not
/// waited for.
fn all_before_any(facts: &Facts<'_>, findings: &mut Findings, before: WriterEvent, after: WriterEvent) {
    for set in facts.sets.values() {
        let Some(first) = set.of(after).next() else { continue };
        for event in set.of(before) {
            let unfinished = event.end.is_none_or(|end| end > first.begin);
            if unfinished && facts.was_gone(event.writer, set.object, event.begin, first.begin) {
                continue;
            }
            findings.check(event.end.is_some_and(|end| end < first.begin), [event.begin.n, first.begin.n], || {
                format!("{after} was raised to {} before {} had handled {before}", first.writer, event.writer)
            });
        }
    }
}

/// The turn of a level at Freeze; unknown levels have none.
const fn turn(level: ApplicationLevel) -> Option<u8> {
    match level {
        ApplicationLevel::FrontEnd => Some(1),
        ApplicationLevel::BackEnd => Some(2),
        ApplicationLevel::System => Some(3),
        ApplicationLevel::SystemRm => Some(4),
        _ => None,
    }
}

fn freeze_levels(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let mut turns: BTreeMap<u8, Vec<&EventFact<'_>>> = BTreeMap::new();
        for event in set.of(WriterEvent::Freeze) {
            let level = facts.writers.get(event.writer).map(|writer| writer.level);
            if let Some(turn) = level.and_then(turn) {
                turns.entry(turn).or_default().push(event);
            }
        }
        let mut earlier: Option<&EventFact<'_>> = None;
        for events in turns.values() {
            for event in events {
                let Some(slowest) = earlier else { continue };
                findings.check(
                    slowest.end.is_some_and(|end| end < event.begin),
                    [slowest.begin.n, event.begin.n],
                    || format!("{} got Freeze before {} of an earlier level was frozen", event.writer, slowest.writer),
                );
            }
            let never = Mark { n: u64::MAX, t: facts.end.t };
            earlier = events.iter().copied().max_by_key(|event| event.end.unwrap_or(never));
        }
    }
}

fn thaw_or_abort(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        for freeze in set.of(WriterEvent::Freeze) {
            let later: Vec<&EventFact<'_>> =
                set.events_to(freeze.writer).filter(|event| event.begin > freeze.begin).collect();
            match later.first() {
                Some(next) => {
                    let kept = matches!(next.event, WriterEvent::Thaw | WriterEvent::Abort);
                    findings.check(kept, [freeze.begin.n, next.begin.n], || {
                        format!("{} got {} next after Freeze", freeze.writer, next.event)
                    });
                }
                None if facts.was_gone(freeze.writer, set.object, freeze.begin, facts.end) => {
                    findings.excused(format!("{} was gone before it could be thawed", freeze.writer));
                }
                None => findings.broken([freeze.begin.n], format!("{} was never thawed or aborted", freeze.writer)),
            }
            let mut ended: Option<&EventFact<'_>> = None;
            for event in later {
                if event.event == WriterEvent::Thaw
                    && let Some(ended) = ended
                {
                    let sentence = format!("{} got Thaw after {}", freeze.writer, ended.event);
                    findings.broken([freeze.begin.n, ended.begin.n, event.begin.n], sentence);
                }
                if matches!(event.event, WriterEvent::Thaw | WriterEvent::Abort) {
                    ended = Some(event);
                }
            }
        }
    }
}

/// The writers that got PrepareForBackup in this object's backup.
fn took_part<'t>(object: &Object<'t>) -> BTreeSet<&'t str> {
    let prepared = object.events.iter().filter(|event| event.event == WriterEvent::PrepareForBackup);
    prepared.map(|event| event.writer).collect()
}

fn went_well(object: &Object<'_>, set: Option<&SetFacts<'_>>, writer: &str) -> bool {
    let needed = match set {
        Some(_) => WriterEvent::PostSnapshot,
        None => WriterEvent::PrepareForBackup,
    };
    let mut events = object.events_to(writer).filter(|event| event.event != WriterEvent::Identify);
    let reached = object.events_to(writer).any(|event| event.event == needed && event.succeeded());
    reached
        && events.all(|event| {
            let late = matches!(event.event, WriterEvent::BackupComplete | WriterEvent::BackupShutdown);
            late || (event.succeeded() && event.event != WriterEvent::Abort)
        })
}

fn complete_all(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(complete) = object.accepted("BackupComplete") else { continue };
        let Some(done) = complete.finished() else { continue };
        let set = facts.set_by(object).filter(|set| set.creation.is_some_and(|call| CallFact::accepted(&call)));
        for writer in took_part(object) {
            let left = facts.was_unsubscribed(writer, object.begin(), done);
            if left
                || !went_well(object, set, writer)
                || facts.was_gone(writer, Some(object.number), complete.begin, done)
            {
                continue;
            }
            let reached = object.events_to(writer).any(|event| {
                event.event == WriterEvent::BackupComplete && complete.begin < event.begin && event.begin < done
            });
            findings.check(reached, [complete.begin.n, done.n], || format!("{writer} got no BackupComplete"));
        }
    }
}

/// When the object's life ended: released, or its owner's process ended.
fn ended(facts: &Facts<'_>, object: &Object<'_>) -> Option<Mark> {
    object.released().or_else(|| facts.gone_after(object.actor, object.calls.first()?.begin))
}

fn shutdown_once(facts: &Facts<'_>, findings: &mut Findings) {
    // A release that nobody knows is a new one.
    if facts.trace.header.release.parse::<Release>().is_ok_and(|release| !release.has_backup_shutdown()) {
        return;
    }
    for shutdown in facts.events.iter().filter(|event| event.event == WriterEvent::BackupShutdown) {
        // A trace without states does not show what was made.
        let named = shutdown.set.and_then(|set| facts.sets.get(&set)).filter(|set| !set.states.is_empty());
        let Some(set) = named else { continue };
        let made = set.states.iter().any(|state| state.to == SnapshotState::Created);
        findings.check(made, [shutdown.begin.n], || {
            format!("BackupShutdown told {} of a set of which no shadow copy was made", shutdown.writer)
        });
    }
    for object in facts.objects.values() {
        let Some(end) = ended(facts, object) else { continue };
        for writer in took_part(object) {
            let shutdowns: Vec<u64> = object
                .events_to(writer)
                .filter(|event| event.event == WriterEvent::BackupShutdown)
                .map(|event| event.begin.n)
                .collect();
            let left = facts.was_unsubscribed(writer, object.begin(), end);
            if shutdowns.is_empty() && (left || facts.was_gone(writer, Some(object.number), end, facts.end)) {
                findings.excused(format!("{writer} was gone by the end of the backup"));
                continue;
            }
            let kept = matches!(shutdowns.as_slice(), [only] if *only > end.n);
            findings.check(kept, shutdowns.iter().copied().chain([end.n]), || match shutdowns.as_slice() {
                [] => format!("{writer} got no BackupShutdown"),
                [_] => format!("{writer} got BackupShutdown before the object was released"),
                _ => format!("{writer} got BackupShutdown {} times", shutdowns.len()),
            });
            let set_of = |wanted| object.events_to(writer).filter(|event| event.event == wanted).last()?.set;
            if let (Some(set), Some(told)) = (set_of(WriterEvent::Freeze), set_of(WriterEvent::BackupShutdown)) {
                findings.check(set == told, shutdowns, || format!("{writer} got BackupShutdown for another set"));
            }
        }
    }
}
