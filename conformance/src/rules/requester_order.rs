//! Rules that bind the requester: the order of its calls up to the creation of the shadow copy set.

use vssim_model::api::{BackupComponentsCall, Call};
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;

use super::added_volume;
use crate::catalogue::Bound::Requester;
use crate::catalogue::Level::{Must, Should};
use crate::catalogue::Rule;
use crate::facts::{CallFact, Facts, Mark, Object};
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "initialize-before-anything-else",
        requirements: &["BKP-ORD-001", "RST-ORD-001"],
        actor: Requester,
        level: Must,
        sentence: "InitializeForBackup or InitializeForRestore is called before anything else on the object.",
        source: "overview-of-backup-initialization.md",
        check: initialize_first,
    },
    Rule {
        id: "one-backup-per-object",
        requirements: &["BKP-ORD-002"],
        actor: Requester,
        level: Must,
        sentence: "A backup components object serves one backup: no step of it that succeeded is made again.",
        source: "overview-of-backup-initialization.md",
        check: one_backup,
    },
    Rule {
        id: "context-set-once-and-early",
        requirements: &["API-024", "BKP-ORD-005"],
        actor: Requester,
        level: Must,
        sentence: "SetContext is called at most once, and before the shadow copy set is opened.",
        source: "sdk-api nf-vsbackup-ivssbackupcomponents-setcontext.md",
        check: context_once,
    },
    Rule {
        id: "writers-chosen-before-metadata",
        requirements: &["BKP-ORD-011"],
        actor: Requester,
        level: Must,
        sentence: "Writer classes and instances are enabled or disabled before GatherWriterMetadata.",
        source: "overview-of-backup-initialization.md",
        check: writers_chosen,
    },
    Rule {
        id: "metadata-gathered-once",
        requirements: &["API-025"],
        actor: Requester,
        level: Must,
        sentence: "GatherWriterMetadata is called once in the life of an object.",
        source: "sdk-api nf-vsbackup-ivssbackupcomponents-gatherwritermetadata.md",
        check: metadata_once,
    },
    Rule {
        id: "metadata-gathered-before-snapshot",
        requirements: &["BKP-ORD-018", "BKP-ORD-009"],
        actor: Requester,
        level: Must,
        sentence: "With writers in the context, GatherWriterMetadata is called before DoSnapshotSet.",
        source: "shadow-copy-creation-details.md",
        check: metadata_before_snapshot,
    },
    Rule {
        id: "metadata-awaited",
        requirements: &["BKP-ORD-015"],
        actor: Requester,
        level: Must,
        sentence: "The requester waits for GatherWriterMetadata to end before it examines the metadata.",
        source: "overview-of-the-backup-discovery-phase.md",
        check: metadata_awaited,
    },
    Rule {
        id: "backup-state-before-prepare",
        requirements: &["BKP-ORD-008", "BKP-ORD-007", "API-023"],
        actor: Requester,
        level: Must,
        sentence: "SetBackupState is called before PrepareForBackup.",
        source: "requestor-role-in-vss-incremental-and-differential-backups.md",
        check: backup_state,
    },
    Rule {
        id: "components-before-set",
        requirements: &["BKP-ORD-020"],
        actor: Requester,
        level: Must,
        sentence: "All components are added before StartSnapshotSet.",
        source: "shadow-copy-creation-details.md",
        check: components_before_set,
    },
    Rule {
        id: "volumes-only-in-open-set",
        requirements: &["BKP-ORD-021", "BKP-ORD-026", "BKP-ORD-016"],
        actor: Requester,
        level: Must,
        sentence: "AddToSnapshotSet is called only between StartSnapshotSet and DoSnapshotSet.",
        source: "overview-of-the-backup-discovery-phase.md",
        check: volumes_in_set,
    },
    Rule {
        id: "volume-name-ends-with-backslash",
        requirements: &["API-034"],
        actor: Requester,
        level: Must,
        sentence: "The volume name passed to AddToSnapshotSet ends with a backslash.",
        source: "sdk-api nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md",
        check: backslash,
    },
    Rule {
        id: "volume-support-asked-first",
        requirements: &["BKP-ORD-022"],
        actor: Requester,
        level: Should,
        sentence: "IsVolumeSupported is asked before a volume is added to the set.",
        source: "overview-of-the-backup-discovery-phase.md",
        check: support_asked,
    },
    Rule {
        id: "options-before-prepare",
        requirements: &["BKP-ORD-029", "BKP-ORD-030"],
        actor: Requester,
        level: Must,
        sentence: "SetBackupOptions and SetPreviousBackupStamp are called before PrepareForBackup.",
        source: "overview-of-pre-backup-tasks.md",
        check: options_early,
    },
    Rule {
        id: "prepare-before-snapshot",
        requirements: &["BKP-ORD-027", "BKP-ORD-046"],
        actor: Requester,
        level: Should,
        sentence: "With writers in the context, PrepareForBackup is called before DoSnapshotSet.",
        source: "shadow-copy-creation-details.md",
        check: prepare_before_snapshot,
    },
    Rule {
        id: "prepare-awaited",
        requirements: &["BKP-ORD-031"],
        actor: Requester,
        level: Must,
        sentence: "DoSnapshotSet is called only after PrepareForBackup is seen to have ended.",
        source: "overview-of-pre-backup-tasks.md",
        check: prepare_awaited,
    },
    Rule {
        id: "retry-after-a-wait",
        requirements: &["BKP-ORD-052"],
        actor: Requester,
        level: Should,
        sentence: "A requester refused with VSS_E_SNAPSHOT_SET_IN_PROGRESS waits, at least a second, before it tries again.",
        source: "state-transitions-in-shadow-copy-providers.md",
        check: retry_waits,
    },
];

fn initialize_first(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let early = object.calls.iter().find(|call| !matches!(call.method(), "CreateVssBackupComponents" | "Release"));
        if let Some(call) = early {
            let first = matches!(call.method(), "InitializeForBackup" | "InitializeForRestore");
            findings.check(first, [call.begin.n], || {
                format!("{} called {} before InitializeForBackup or InitializeForRestore", object.actor, call.method())
            });
        }
    }
}

fn one_backup(facts: &Facts<'_>, findings: &mut Findings) {
    const STEPS: [&str; 5] =
        ["InitializeForBackup", "StartSnapshotSet", "PrepareForBackup", "DoSnapshotSet", "BackupComplete"];
    for object in facts.objects.values() {
        for step in STEPS {
            // PrepareForBackup that was cancelled may be called again (ABT-006).
            let succeeded = |call: &&CallFact<'_>| call.accepted() && call.failed().is_none();
            let Some(first) = object.named(step).find(succeeded) else { continue };
            findings.occasion();
            for again in object.named(step).filter(|call| call.begin > first.begin) {
                findings.broken(
                    [first.begin.n, again.begin.n],
                    format!("{} called {step} again on an object on which it had succeeded", object.actor),
                );
            }
        }
    }
}

fn context_once(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(first) = object.first("SetContext") else { continue };
        let opened = object.first("StartSnapshotSet").map(|call| call.begin);
        findings.check(opened.is_none_or(|opened| first.begin < opened), [first.begin.n], || {
            format!("{} called SetContext after StartSnapshotSet", object.actor)
        });
        for again in object.named("SetContext").skip(1) {
            findings.broken([first.begin.n, again.begin.n], format!("{} called SetContext again", object.actor));
        }
    }
}

fn writers_chosen(facts: &Facts<'_>, findings: &mut Findings) {
    const CHOICES: [&str; 3] = ["EnableWriterClasses", "DisableWriterClasses", "DisableWriterInstances"];
    for object in facts.objects.values() {
        let gathered = object.first("GatherWriterMetadata").map(|call| call.begin);
        for call in object.calls.iter().filter(|call| CHOICES.contains(&call.method())) {
            findings.check(gathered.is_none_or(|gathered| call.begin < gathered), [call.begin.n], || {
                format!("{} called {} after GatherWriterMetadata, without effect", object.actor, call.method())
            });
        }
    }
}

fn metadata_once(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let mut calls = object.named("GatherWriterMetadata");
        let Some(first) = calls.next() else { continue };
        findings.occasion();
        for again in calls {
            findings.broken(
                [first.begin.n, again.begin.n],
                format!("{} called GatherWriterMetadata again on the same object", object.actor),
            );
        }
    }
}

fn metadata_before_snapshot(facts: &Facts<'_>, findings: &mut Findings) {
    needed_before_snapshot(facts, findings, "GatherWriterMetadata");
}

fn prepare_before_snapshot(facts: &Facts<'_>, findings: &mut Findings) {
    needed_before_snapshot(facts, findings, "PrepareForBackup");
}

fn needed_before_snapshot(facts: &Facts<'_>, findings: &mut Findings, method: &str) {
    for object in facts.objects.values().filter(|object| !object.writerless()) {
        let Some(creation) = object.first("DoSnapshotSet") else { continue };
        let kept = object.first(method).is_some_and(|call| call.begin < creation.begin);
        findings.check(kept, [creation.begin.n], || {
            format!("{} called DoSnapshotSet without {method} before it", object.actor)
        });
    }
}

/// Whether the requester had learned of the end of a call's operation before it went on at `next`. A call that was
/// refused started no operation, so there is nothing to wait for.
fn awaited(call: &CallFact<'_>, next: Mark) -> bool {
    match call.operation {
        Some(operation) => operation.awaited.is_some_and(|awaited| awaited < next),
        None => true,
    }
}

fn metadata_awaited(facts: &Facts<'_>, findings: &mut Findings) {
    const USES: [&str; 3] = ["GetWriterMetadataCount", "GetWriterMetadata", "AddComponent"];
    for object in facts.objects.values() {
        let Some(gather) = object.accepted("GatherWriterMetadata") else { continue };
        let first_use = object.calls.iter().find(|call| call.begin > gather.begin && USES.contains(&call.method()));
        if let Some(call) = first_use {
            findings.check(awaited(gather, call.begin), [gather.begin.n, call.begin.n], || {
                format!("{} called {} without waiting for GatherWriterMetadata", object.actor, call.method())
            });
        }
    }
}

fn prepare_awaited(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(prepare) = object.accepted("PrepareForBackup") else { continue };
        if let Some(creation) = object.named("DoSnapshotSet").find(|call| call.begin > prepare.begin) {
            findings.check(awaited(prepare, creation.begin), [prepare.begin.n, creation.begin.n], || {
                format!("{} called DoSnapshotSet without waiting for PrepareForBackup", object.actor)
            });
        }
    }
}

fn backup_state(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(prepare) = object.first("PrepareForBackup") else { continue };
        let kept = object.first("SetBackupState").is_some_and(|call| call.begin < prepare.begin);
        findings.check(kept, [prepare.begin.n], || {
            format!("{} called PrepareForBackup without SetBackupState before it", object.actor)
        });
    }
}

fn components_before_set(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let opened = object.accepted("StartSnapshotSet").map(|call| call.begin);
        for call in object.named("AddComponent") {
            findings.check(opened.is_none_or(|opened| call.begin < opened), [call.begin.n], || {
                format!("{} added a component after StartSnapshotSet", object.actor)
            });
        }
    }
}

fn volumes_in_set(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let opened = object.accepted("StartSnapshotSet").and_then(|call| call.end);
        let closed = object.first("DoSnapshotSet").map(|call| call.begin);
        for call in object.named("AddToSnapshotSet") {
            let kept =
                opened.is_some_and(|opened| opened < call.begin) && closed.is_none_or(|closed| call.begin < closed);
            findings.check(kept, [call.begin.n], || {
                format!("{} called AddToSnapshotSet while no set was open", object.actor)
            });
        }
    }
}

fn backslash(facts: &Facts<'_>, findings: &mut Findings) {
    for call in facts.objects.values().flat_map(|object| object.named("AddToSnapshotSet")) {
        let Some(volume) = added_volume(call) else { continue };
        findings.check(volume.ends_with('\\'), [call.begin.n], || {
            format!("{} added `{volume}`, a name without backslash at its end", call.actor)
        });
    }
}

fn support_asked(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        for call in object.named("AddToSnapshotSet") {
            let Some(volume) = added_volume(call) else { continue };
            findings.check(asked_for(object, volume, call.begin), [call.begin.n], || {
                format!("{} added `{volume}` without asking IsVolumeSupported", call.actor)
            });
        }
    }
}

fn asked_for(object: &Object<'_>, volume: &str, before: Mark) -> bool {
    object.named("IsVolumeSupported").take_while(|call| call.begin < before).any(|call| match call.call {
        Call::BackupComponents(BackupComponentsCall::IsVolumeSupported { volume: asked, .. }) => {
            asked.eq_ignore_ascii_case(volume)
        }
        _ => false,
    })
}

fn options_early(facts: &Facts<'_>, findings: &mut Findings) {
    const SETTERS: [&str; 2] = ["SetBackupOptions", "SetPreviousBackupStamp"];
    for object in facts.objects.values() {
        let prepare = object.first("PrepareForBackup").map(|call| call.begin);
        for call in object.calls.iter().filter(|call| SETTERS.contains(&call.method())) {
            findings.check(prepare.is_none_or(|prepare| call.begin < prepare), [call.begin.n], || {
                format!("{} called {} after PrepareForBackup", object.actor, call.method())
            });
        }
    }
}

/// The least pause that counts as a wait. No figure is documented; a second tells a wait from a tight loop.
const WAIT: Ticks = Ticks::from_secs(1);

fn retry_waits(facts: &Facts<'_>, findings: &mut Findings) {
    for refused in facts.calls.iter().filter(|call| call.hresult == Some(HResult::VSS_E_SNAPSHOT_SET_IN_PROGRESS)) {
        let Some(end) = refused.end else { continue };
        let again = facts
            .calls
            .iter()
            .find(|call| call.begin > end && call.actor == refused.actor && call.method() == "StartSnapshotSet");
        if let Some(again) = again {
            findings.check(again.begin.t.saturating_sub(end.t) >= WAIT, [end.n, again.begin.n], || {
                format!("{} tried again after {}", refused.actor, again.begin.t.saturating_sub(end.t))
            });
        }
    }
}
