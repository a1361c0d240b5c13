//! Rules that bind the requester: what it does with the results, and how it ends the backup.

use super::between;
use crate::catalogue::Bound::Requester;
use crate::catalogue::Level::{Must, Should};
use crate::catalogue::Rule;
use crate::facts::{CallFact, Facts, Mark, Object};
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "status-after-prepare",
        requirements: &["BKP-ORD-032", "WRT-ERR-007"],
        actor: Requester,
        level: Should,
        sentence: "After PrepareForBackup the requester gathers the writers' status before it goes on to DoSnapshotSet.",
        source: "overview-of-pre-backup-tasks.md",
        check: status_after_prepare,
    },
    Rule {
        id: "status-after-snapshot",
        requirements: &["BKP-ORD-033", "WRT-ERR-007"],
        actor: Requester,
        level: Should,
        sentence: "After a successful DoSnapshotSet the requester gathers the writers' status before it ends the backup.",
        source: "overview-of-pre-backup-tasks.md",
        check: status_after_snapshot,
    },
    Rule {
        id: "status-after-complete",
        requirements: &["BKP-ORD-040", "BKP-ORD-041"],
        actor: Requester,
        level: Must,
        sentence: "After BackupComplete the requester gathers the writers' status before it releases the object.",
        source: "overview-of-actual-backup-of-files.md",
        check: status_after_complete,
    },
    Rule {
        id: "status-gathered-before-read",
        requirements: &["API-029"],
        actor: Requester,
        level: Must,
        sentence: "GetWriterStatus follows a GatherWriterStatus that was seen to end.",
        source: "sdk-api nf-vsbackup-ivssbackupcomponents-getwriterstatus.md",
        check: status_gathered,
    },
    Rule {
        id: "snapshot-awaited",
        requirements: &["BKP-ORD-036"],
        actor: Requester,
        level: Must,
        sentence: "The requester waits for DoSnapshotSet to end before it uses the shadow copies or completes the backup.",
        source: "shadow-copy-creation-for-providers.md",
        check: snapshot_awaited,
    },
    Rule {
        id: "document-saved-only-after-snapshot",
        requirements: &["BKP-ORD-042"],
        actor: Requester,
        level: Must,
        sentence: "The Backup Components Document is saved only after DoSnapshotSet ended.",
        source: "overview-of-actual-backup-of-files.md",
        check: saved_late,
    },
    Rule {
        id: "document-saved",
        requirements: &["BKP-ORD-043"],
        actor: Requester,
        level: Must,
        sentence: "A completed backup saves the Backup Components Document.",
        source: "overview-of-actual-backup-of-files.md",
        check: saved,
    },
    Rule {
        id: "complete-awaited",
        requirements: &["BKP-ORD-040"],
        actor: Requester,
        level: Must,
        sentence: "The requester waits for BackupComplete to end before it releases the object.",
        source: "overview-of-actual-backup-of-files.md",
        check: complete_awaited,
    },
    Rule {
        id: "no-complete-after-failed-snapshot",
        requirements: &["API-027"],
        actor: Requester,
        level: Must,
        sentence: "BackupComplete is not called after a failed DoSnapshotSet.",
        source: "sdk-api nf-vsbackup-ivssbackupcomponents-backupcomplete.md",
        check: no_complete_after_failure,
    },
    Rule {
        id: "abort-after-failed-snapshot",
        requirements: &["ABT-007"],
        actor: Requester,
        level: Must,
        sentence: "A requester that stops after a failed DoSnapshotSet calls AbortBackup.",
        source: "aborting-vss-operations.md",
        check: abort_after_failure,
    },
    Rule {
        id: "abort-when-given-up",
        requirements: &["ABT-005", "API-026"],
        actor: Requester,
        level: Must,
        sentence: "A requester that gives up after a successful PrepareForBackup calls AbortBackup before it releases the object.",
        source: "aborting-vss-operations.md",
        check: abort_when_given_up,
    },
    Rule {
        id: "no-use-after-abort",
        requirements: &["BKP-ORD-003"],
        actor: Requester,
        level: Must,
        sentence: "After AbortBackup the object is released and not used for anything else.",
        source: "overview-of-backup-initialization.md",
        check: no_use_after_abort,
    },
    Rule {
        id: "object-released",
        requirements: &["BKP-ORD-002", "BKP-ORD-044"],
        actor: Requester,
        level: Must,
        sentence: "Every backup components object is released in the end.",
        source: "overview-of-backup-initialization.md",
        check: released,
    },
];

/// Whether GatherWriterStatus was called between two marks.
fn gathered(object: &Object<'_>, from: Mark, to: Mark) -> bool {
    between(object, from, to).any(|call| call.method() == "GatherWriterStatus")
}

fn status_after_prepare(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(prepare) = object.accepted("PrepareForBackup") else { continue };
        if let Some(creation) = object.named("DoSnapshotSet").find(|call| call.begin > prepare.begin) {
            findings.check(
                gathered(object, prepare.begin, creation.begin),
                [prepare.begin.n, creation.begin.n],
                || format!("{} went on to DoSnapshotSet without the writers' status", object.actor),
            );
        }
    }
}

fn status_after_snapshot(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values().filter(|object| !object.writerless()) {
        let Some(done) = object.accepted("DoSnapshotSet").and_then(CallFact::finished) else { continue };
        let next = object
            .calls
            .iter()
            .find(|call| call.begin > done && matches!(call.method(), "BackupComplete" | "AbortBackup" | "Release"));
        if let Some(next) = next {
            findings.check(gathered(object, done, next.begin), [done.n, next.begin.n], || {
                format!("{} called {} without the writers' status after the snapshot", object.actor, next.method())
            });
        }
    }
}

fn status_after_complete(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let (Some(complete), Some(release)) = (object.accepted("BackupComplete"), object.released()) else { continue };
        findings.check(gathered(object, complete.begin, release), [complete.begin.n, release.n], || {
            format!("{} released the object without the writers' status after BackupComplete", object.actor)
        });
    }
}

fn status_gathered(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let mut known = false;
        let mut pending: Option<&CallFact<'_>> = None;
        for call in &object.calls {
            if let Some(operation) = pending.and_then(|gather| gather.operation)
                && operation.awaited.is_some_and(|awaited| awaited < call.begin)
            {
                known = true;
            }
            match call.method() {
                "GatherWriterStatus" if call.accepted() => pending = Some(call),
                "FreeWriterStatus" => (known, pending) = (false, None),
                "GetWriterStatus" | "GetWriterStatusCount" => findings.check(known, [call.begin.n], || {
                    format!("{} called {} without a gathered status", object.actor, call.method())
                }),
                _ => {}
            }
        }
    }
}

fn snapshot_awaited(facts: &Facts<'_>, findings: &mut Findings) {
    const USES: [&str; 3] = ["GetSnapshotProperties", "SetBackupSucceeded", "BackupComplete"];
    for object in facts.objects.values() {
        let Some(creation) = object.accepted("DoSnapshotSet") else { continue };
        let awaited = creation.operation.and_then(|operation| operation.awaited);
        let next = object.calls.iter().find(|call| call.begin > creation.begin && USES.contains(&call.method()));
        if let Some(call) = next {
            findings.check(awaited.is_some_and(|at| at < call.begin), [creation.begin.n, call.begin.n], || {
                format!("{} called {} without waiting for DoSnapshotSet", object.actor, call.method())
            });
        }
    }
}

fn saved_late(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(creation) = object.accepted("DoSnapshotSet") else { continue };
        let ended = creation.operation.and_then(|operation| operation.ended).map(|(end, _)| end);
        for save in object.named("SaveAsXML") {
            findings.check(ended.is_some_and(|end| end < save.begin), [save.begin.n], || {
                format!("{} saved the document before DoSnapshotSet ended", object.actor)
            });
        }
    }
}

fn saved(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(done) = object.accepted("BackupComplete").and_then(CallFact::finished) else { continue };
        if facts.crashed(object.actor).is_some() {
            findings.excused(format!("{} crashed before it could save the document", object.actor));
            continue;
        }
        let kept = object.named("SaveAsXML").any(CallFact::accepted);
        findings.check(kept, [done.n], || format!("{} completed the backup without SaveAsXML", object.actor));
    }
}

fn complete_awaited(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let (Some(complete), Some(release)) = (object.accepted("BackupComplete"), object.released()) else { continue };
        let Some(operation) = complete.operation else { continue };
        findings.check(operation.awaited.is_some_and(|at| at < release), [complete.begin.n, release.n], || {
            format!("{} released the object without waiting for BackupComplete", object.actor)
        });
    }
}

fn no_complete_after_failure(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some((failed, code)) = object.first("DoSnapshotSet").and_then(CallFact::failed) else { continue };
        let complete = object.named("BackupComplete").find(|call| call.begin > failed);
        findings.check(complete.is_none(), [failed.n, complete.map_or(0, |call| call.begin.n)], || {
            format!("{} called BackupComplete although DoSnapshotSet had failed with {code}", object.actor)
        });
    }
}

/// The end of the object's life: released, or the end of the trace; nothing if its owner crashed before.
fn stopped(facts: &Facts<'_>, object: &Object<'_>) -> Option<Mark> {
    match object.released() {
        Some(release) => Some(release),
        None if facts.crashed(object.actor).is_some() => None,
        None => Some(facts.end),
    }
}

fn abort_after_failure(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(creation) = object.first("DoSnapshotSet") else { continue };
        let Some((failed, code)) = creation.failed() else { continue };
        let Some(stop) = stopped(facts, object) else {
            findings.excused(format!("{} crashed and could call nothing more", object.actor));
            continue;
        };
        // The call that makes the creation fail counts too: it stops one that runs.
        let kept = object.named("AbortBackup").any(|call| call.begin > creation.begin && call.begin <= stop);
        findings.check(kept, [failed.n, stop.n], || {
            format!("{} stopped without AbortBackup after DoSnapshotSet failed with {code}", object.actor)
        });
    }
}

fn abort_when_given_up(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(prepared) = object.accepted("PrepareForBackup").and_then(CallFact::finished) else { continue };
        // What comes of DoSnapshotSet and BackupComplete is for the rules about them.
        if object.accepted("DoSnapshotSet").is_some() || object.accepted("BackupComplete").is_some() {
            continue;
        }
        let Some(stop) = stopped(facts, object) else {
            findings.excused(format!("{} crashed and could call nothing more", object.actor));
            continue;
        };
        let kept = object.named("AbortBackup").any(|call| call.end.is_some_and(|end| end < stop));
        findings.check(kept, [prepared.n, stop.n], || {
            format!("{} gave up after PrepareForBackup without AbortBackup", object.actor)
        });
    }
}

fn no_use_after_abort(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(abort) = object.accepted("AbortBackup") else { continue };
        // In a restore it is ignored, and forbidden by a rule of its own.
        if object.accepted("InitializeForRestore").is_some() {
            continue;
        }
        findings.occasion();
        let frees = ["Release", "FreeWriterStatus", "FreeWriterMetadata"];
        for call in object.calls.iter().filter(|call| call.begin > abort.begin && !frees.contains(&call.method())) {
            findings.broken(
                [abort.begin.n, call.begin.n],
                format!("{} called {} on an object that it had aborted", object.actor, call.method()),
            );
        }
    }
}

fn released(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let made = object.calls.first().map_or(0, |call| call.begin.n);
        if object.released().is_some() {
            findings.occasion();
        } else if facts.crashed(object.actor).is_some() {
            findings.excused(format!("{} crashed, which releases its objects", object.actor));
        } else {
            let last = facts.gone_after(object.actor, Mark::default()).unwrap_or(facts.end);
            findings.broken([made, last.n], format!("{} never released its object", object.actor));
        }
    }
}
