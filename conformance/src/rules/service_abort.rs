//! Rules that bind the service: what a failure leads to.

use vssim_model::hresult::HResult;
use vssim_model::states::{SnapshotState, WriterEvent};

use super::provider::documented;
use crate::catalogue::Bound::Service;
use crate::catalogue::Level::{Fact, Must};
use crate::catalogue::Rule;
use crate::facts::{CallFact, CallbackFact, Facts, Mark, SetFacts, Step};
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "freeze-failure-aborts",
        requirements: &["ABT-002", "TIM-004", "WRT-EVT-035"],
        actor: Service,
        level: Fact,
        sentence: "When a writer fails at Freeze or Thaw or its freeze window runs out, every writer that takes part gets Abort.",
        source: "aborting-vss-operations.md",
        check: freeze_failure,
    },
    Rule {
        id: "freeze-window-enforced",
        requirements: &["TIM-004", "API-004"],
        actor: Service,
        level: Fact,
        sentence: "A writer gets Thaw or Abort before its freeze window is over.",
        source: "aborting-vss-operations.md",
        check: window_enforced,
    },
    Rule {
        id: "provider-failure-aborts",
        requirements: &["ABT-003"],
        actor: Service,
        level: Fact,
        sentence: "When a provider fails between PrepareForSnapshot and PostSnapshot, or the hold limit runs out, every writer that takes part gets Abort.",
        source: "aborting-vss-operations.md",
        check: provider_failure,
    },
    Rule {
        id: "provider-failure-fails-set",
        requirements: &["SNP-004", "PRV-ERR-013"],
        actor: Service,
        level: Must,
        sentence: "When a provider fails for a volume the whole set fails: no shadow copy of it is created.",
        source: "error-handling-in-shadow-copy-providers.md",
        check: set_fails,
    },
    Rule {
        id: "hold-expiry-fails-set",
        requirements: &["TIM-005"],
        actor: Service,
        level: Must,
        sentence: "When the hold limit runs out the creation fails.",
        source: "shadow-copy-creation-for-providers.md",
        check: hold_expiry,
    },
    Rule {
        id: "abort-fails-set",
        requirements: &["ABT-002", "ABT-003"],
        actor: Service,
        level: Fact,
        sentence: "A creation during which a writer got Abort fails.",
        source: "aborting-vss-operations.md",
        check: abort_fails,
    },
    Rule {
        id: "no-abort-after-post-snapshot",
        requirements: &["API-010"],
        actor: Service,
        level: Fact,
        sentence: "A writer gets no Abort once it got PostSnapshot.",
        source: "sdk-api nf-vswriter-cvsswriter-onabort.md",
        check: no_late_abort,
    },
    Rule {
        id: "nothing-after-abort",
        requirements: &["API-010", "ABT-015"],
        actor: Service,
        level: Fact,
        sentence: "After Abort a writer gets no event of that backup but Abort again and BackupShutdown.",
        source: "sdk-api nf-vswriter-cvsswriter-onabort.md",
        check: nothing_after_abort,
    },
    Rule {
        id: "abort-backup-reaches-writers",
        requirements: &["ABT-001", "WRT-EVT-035"],
        actor: Service,
        level: Fact,
        sentence: "AbortBackup raises Abort to every writer that took part and got no PostSnapshot.",
        source: "aborting-vss-operations.md",
        check: abort_backup,
    },
    Rule {
        id: "provider-aborted-only-after-end-prepare",
        requirements: &["ABT-012", "ABT-013", "PRV-SEQ-019"],
        actor: Service,
        level: Fact,
        sentence: "A provider gets AbortSnapshots only for a set of which it got EndPrepareSnapshots.",
        source: "state-transitions-in-shadow-copy-providers.md",
        check: provider_abort,
    },
    Rule {
        id: "unexpected-provider-code-translated",
        requirements: &["PRV-ERR-002"],
        actor: Service,
        level: Fact,
        sentence: "An undocumented code of a provider reaches the requester as VSS_E_UNEXPECTED_PROVIDER_ERROR.",
        source: "error-handling-in-shadow-copy-providers.md",
        check: translated,
    },
];

/// Every writer of the set that got no PostSnapshot gets an Abort; `shown` is what led to it. The Abort belongs to the
/// creation: one that AbortBackup brings after its end comes too late. A trace whose creation has not ended may end
/// before the aborts.
fn all_aborted(facts: &Facts<'_>, findings: &mut Findings, set: &SetFacts<'_>, shown: Mark, why: &str) {
    for writer in set.participants() {
        if set.event_to(writer, WriterEvent::PostSnapshot).is_some() {
            continue;
        }
        // What becomes of a writer that failed at PrepareForSnapshot is not written (WRT-EVT-037).
        if failed_early(set, writer) {
            continue;
        }
        if facts.was_gone(writer, set.object, Mark::default(), facts.end) {
            findings.excused(format!("{writer} was gone before it could be told"));
            continue;
        }
        let ended = set.creation.and_then(|call| call.operation?.ended).map(|(at, _)| at).filter(|at| shown < *at);
        let aborted = set
            .events_to(writer)
            .any(|event| event.event == WriterEvent::Abort && ended.is_none_or(|ended| event.begin < ended));
        findings.check(aborted, [shown.n], || format!("{writer} got no Abort although {why}"));
    }
}

/// Whether a writer failed at PrepareForSnapshot and got no Freeze.
fn failed_early(set: &SetFacts<'_>, writer: &str) -> bool {
    let failed = set.event_to(writer, WriterEvent::PrepareForSnapshot).is_some_and(|event| !event.succeeded());
    failed && set.event_to(writer, WriterEvent::Freeze).is_none()
}

fn freeze_failure(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let failed = set
            .events
            .iter()
            .find(|event| matches!(event.event, WriterEvent::Freeze | WriterEvent::Thaw) && event.fatal());
        if let Some(event) = failed {
            let why = format!("{} failed at {}", event.writer, event.event);
            all_aborted(facts, findings, set, event.end.unwrap_or(event.begin), &why);
        }
        if let Some((at, writer)) = set.expired.first() {
            all_aborted(facts, findings, set, *at, &format!("the freeze window of {writer} ran out"));
        }
    }
}

fn window_enforced(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        for freeze in set.of(WriterEvent::Freeze) {
            let Some(writer) = facts.writers.get(freeze.writer) else { continue };
            let handled = freeze.end.unwrap_or(facts.end).t.saturating_sub(freeze.begin.t);
            if handled > writer.freeze_timeout {
                findings.excused(format!("{} itself was in OnFreeze for longer than its window", freeze.writer));
                continue;
            }
            let ended = set.events_to(freeze.writer).find(|event| {
                event.begin > freeze.begin && matches!(event.event, WriterEvent::Thaw | WriterEvent::Abort)
            });
            let until = ended.map_or(facts.end, |event| event.begin);
            let frozen = until.t.saturating_sub(freeze.begin.t);
            if ended.is_none() && facts.was_gone(freeze.writer, set.object, freeze.begin, facts.end) {
                continue;
            }
            findings.check(frozen <= writer.freeze_timeout, [freeze.begin.n, until.n], || {
                format!("{} was frozen for {frozen}; its window is {}", freeze.writer, writer.freeze_timeout)
            });
        }
    }
}

/// The calls of the creation that failed. Every code but `S_OK` is a failure there (PRV-ERR-002).
fn failed<'a, 't>(set: &'a SetFacts<'t>) -> impl Iterator<Item = (&'a CallbackFact<'t>, Mark, HResult)> {
    set.callbacks.iter().filter(|call| call.step > Step::BeginPrepare && call.step < Step::Abort).filter_map(|call| {
        let (end, code) = (call.end?, call.hresult?);
        (code != HResult::S_OK).then_some((call, end, code))
    })
}

fn provider_failure(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        if let Some(fired) = set.hold_limit {
            all_aborted(facts, findings, set, fired, "the hold limit ran out");
        }
        let prepared = set.of(WriterEvent::PrepareForSnapshot).next().map(|event| event.begin);
        for (call, end, code) in failed(set) {
            if prepared.is_some_and(|prepared| prepared < end) {
                let why = format!("{} failed in {} with {code}", call.provider, call.method());
                all_aborted(facts, findings, set, end, &why);
            }
        }
    }
}

/// Whether the creation failed, as far as the trace shows its end: the operation, and no copy of the set created.
fn creation_failed(set: &SetFacts<'_>) -> bool {
    let finished = set.creation.as_ref().and_then(CallFact::finished).is_some();
    !finished && set.reached(SnapshotState::Created).is_none()
}

fn set_fails(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        for (call, end, code) in failed(set) {
            let created = set.reached(SnapshotState::Created).map_or(0, |at| at.n);
            findings.check(creation_failed(set), [end.n, created], || {
                format!("the set was created although {} failed in {} with {code}", call.provider, call.method())
            });
        }
    }
}

fn hold_expiry(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        if let Some(fired) = set.hold_limit {
            findings.check(creation_failed(set), [fired.n], || "the set was created although the hold limit ran out");
        }
    }
}

fn abort_fails(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(creation) = &set.creation else { continue };
        let last = creation.last();
        let abort = set.of(WriterEvent::Abort).find(|event| creation.begin < event.begin && event.begin < last);
        if let Some(abort) = abort {
            findings.check(creation.finished().is_none(), [abort.begin.n, last.n], || {
                format!("DoSnapshotSet succeeded although {} got Abort", abort.writer)
            });
        }
    }
}

fn no_late_abort(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        for post in set.of(WriterEvent::PostSnapshot) {
            let abort =
                set.events_to(post.writer).find(|event| event.event == WriterEvent::Abort && event.begin > post.begin);
            findings.check(abort.is_none(), [post.begin.n, abort.map_or(0, |event| event.begin.n)], || {
                format!("{} got Abort after PostSnapshot", post.writer)
            });
        }
    }
}

fn nothing_after_abort(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        for writer in set.participants() {
            let mut events = set.events_to(writer).skip_while(|event| event.event != WriterEvent::Abort);
            let Some(abort) = events.next() else { continue };
            let later = events.find(|event| !matches!(event.event, WriterEvent::Abort | WriterEvent::BackupShutdown));
            findings.check(later.is_none(), [abort.begin.n, later.map_or(0, |event| event.begin.n)], || {
                format!("{writer} got an event after Abort")
            });
        }
    }
}

fn abort_backup(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(abort) = object.accepted("AbortBackup") else { continue };
        let until = object.released().unwrap_or(facts.end);
        let set = facts.set_by(object);
        let prepared = object.events.iter().filter(|event| {
            event.event == WriterEvent::PrepareForBackup && event.begin < abort.begin && event.succeeded()
        });
        for event in prepared {
            let ended = object
                .events_to(event.writer)
                .any(|other| matches!(other.event, WriterEvent::PostSnapshot | WriterEvent::BackupComplete));
            let failed = set.is_some_and(|set| failed_early(set, event.writer));
            if ended || failed || facts.was_gone(event.writer, Some(object.number), event.begin, until) {
                continue;
            }
            let aborted = object.events_to(event.writer).any(|other| other.event == WriterEvent::Abort);
            findings.check(aborted, [abort.begin.n], || format!("{} got no Abort from AbortBackup", event.writer));
        }
    }
}

fn provider_abort(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        for abort in set.step(Step::Abort) {
            let kept =
                set.step(Step::EndPrepare).any(|call| call.provider == abort.provider && call.begin < abort.begin);
            findings.check(kept, abort.records(), || {
                format!("{} got AbortSnapshots before EndPrepareSnapshots", abort.provider)
            });
        }
    }
}

fn translated(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let Some(object) = facts.object_of(set) else { continue };
        for call in set.callbacks.iter().filter(|call| call.step != Step::Abort) {
            let (Some(end), Some(code)) = (call.end, call.hresult) else { continue };
            // Of several failures the requester sees the first.
            let first = failed(set).next().is_none_or(|(first, ..)| first.begin == call.begin);
            if documented(call, code) || (call.step != Step::BeginPrepare && !first) {
                continue;
            }
            let seen = if call.step == Step::BeginPrepare {
                let add = object.named("AddToSnapshotSet").filter(|add| add.begin < call.begin).last();
                add.and_then(|add| Some((add.end?, add.hresult?)))
            } else {
                set.creation.as_ref().and_then(CallFact::failed)
            };
            // A requester that crashed sees no code.
            if seen.is_none() && facts.crashed(object.actor).is_some() {
                continue;
            }
            let kept = seen.is_some_and(|(_, seen)| seen == HResult::VSS_E_UNEXPECTED_PROVIDER_ERROR);
            findings.check(kept, [end.n, seen.map_or(0, |(at, _)| at.n)], || match seen {
                Some((_, seen)) => format!("{code} of {} reached the requester as {seen}", call.provider),
                None => format!("{code} of {} never reached the requester", call.provider),
            });
        }
    }
}
