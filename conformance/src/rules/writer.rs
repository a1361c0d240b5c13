//! Rules that bind a writer: its document, its handlers, its application.

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::api::{ApplicationCall, BackupType, Call, WriterCall};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, WriterClassId, WriterInstanceId};
use vssim_model::states::WriterEvent;
use vssim_model::trace::{Consistency, Role};

use crate::catalogue::Bound::Writer;
use crate::catalogue::Level::{Fact, Must, Should};
use crate::catalogue::Rule;
use crate::facts::{CallFact, Facts, Mark, Object};
use crate::metadata::Metadata;
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "metadata-complete",
        requirements: &["WMD-001", "WMD-016", "WMD-017"],
        actor: Writer,
        level: Must,
        sentence: "A Writer Metadata Document is well-formed and states writer name, class, instance, usage, source and restore method.",
        source: "writer-metadata-document-life-cycle.md",
        check: metadata_complete,
    },
    Rule {
        id: "metadata-same-at-each-identify",
        requirements: &["WMD-007"],
        actor: Writer,
        level: Must,
        sentence: "A writer gives the same components at each Identify.",
        source: "overview-of-backup-initialization.md",
        check: metadata_same,
    },
    Rule {
        id: "writer-has-a-component",
        requirements: &["CMP-DEF-001"],
        actor: Writer,
        level: Must,
        sentence: "Every writer adds at least one component during Identify.",
        source: "overview-of-backup-initialization.md",
        check: has_component,
    },
    Rule {
        id: "component-names-unique",
        requirements: &["CMP-DEF-004"],
        actor: Writer,
        level: Must,
        sentence: "Logical path and name of a component are unique across the instances of its writer class.",
        source: "logical-pathing-of-components.md",
        check: components_unique,
    },
    Rule {
        id: "failure-comes-with-its-reason",
        requirements: &["WRT-ERR-001", "API-008"],
        actor: Writer,
        level: Must,
        sentence: "A handler that returns false has called SetWriterFailure.",
        source: "writer-errors-and-vetoes.md",
        check: failure_reasoned,
    },
    Rule {
        id: "failure-code-documented",
        requirements: &["API-029", "WRT-ERR-008"],
        actor: Writer,
        level: Must,
        sentence: "SetWriterFailure gets one of the five codes that are a writer's to give.",
        source: "sdk-api nf-vsbackup-ivssbackupcomponents-getwriterstatus.md",
        check: failure_code,
    },
    Rule {
        id: "failure-set-inside-a-handler",
        requirements: &["WRT-EVT-009"],
        actor: Writer,
        level: Must,
        sentence: "SetWriterFailure is called only while the writer handles an event.",
        source: "writers.md",
        check: failure_inside,
    },
    Rule {
        id: "freeze-handled-in-window",
        requirements: &["TIM-003", "TIM-004", "API-004"],
        actor: Writer,
        level: Must,
        sentence: "A writer handles Freeze within its freeze window.",
        source: "aborting-vss-operations.md",
        check: freeze_in_window,
    },
    Rule {
        id: "frozen-application-is-quiet",
        requirements: &["WRT-EVT-033", "WRT-EVT-015"],
        actor: Writer,
        level: Should,
        sentence: "A writer that lets itself be frozen has quieted its application, so that the copy catches no transaction in flight.",
        source: "writer-errors-and-vetoes.md",
        check: application_quiet,
    },
    Rule {
        id: "thawed-application-resumes",
        requirements: &["WRT-EVT-016", "WRT-EVT-032", "ABT-009", "ABT-010"],
        actor: Writer,
        level: Fact,
        sentence: "A writer that quieted its application lets it go on when it handles Thaw or Abort.",
        source: "overview-of-pre-backup-tasks.md",
        check: application_resumes,
    },
    Rule {
        id: "log-truncated-on-complete-only",
        requirements: &["WRT-EVT-022", "BKP-TYPE-012"],
        actor: Writer,
        level: Should,
        sentence: "A log is truncated while BackupComplete is handled, never later or earlier, and never after a copy backup.",
        source: "writer-role-in-backing-up-complex-stores.md",
        check: truncation,
    },
    Rule {
        id: "documents-changed-in-prepare-or-post-only",
        requirements: &["INC-002", "API-017", "WRT-ERR-005"],
        actor: Writer,
        level: Must,
        sentence: "A writer changes its components in the Backup Components Document only in PrepareForBackup and PostSnapshot.",
        source: "writer-role-in-vss-incremental-and-differential-backups.md",
        check: document_changes,
    },
];

fn metadata_complete(facts: &Facts<'_>, findings: &mut Findings) {
    for (at, document) in facts.metadata.values() {
        findings.check(document.problems.is_empty(), [at.n], || {
            format!("the metadata of writer `{}`: {}", document.name, document.problems.join("; "))
        });
    }
}

/// The documents by writer class and instance, in the order of the trace, without those that name neither.
fn by_writer<'a>(facts: &'a Facts<'_>) -> BTreeMap<(WriterClassId, Guid), Vec<(u64, &'a Metadata)>> {
    let mut writers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (at, document) in facts.metadata.values() {
        if let (Some(class), Some(instance)) = (document.class, document.instance) {
            writers.entry((class, instance.0)).or_default().push((at.n, document));
        }
    }
    for documents in writers.values_mut() {
        documents.sort_by_key(|(n, _)| *n);
    }
    writers
}

/// The occasion is a second Identify of the same writer; a document that did not change is recorded once.
fn metadata_same(facts: &Facts<'_>, findings: &mut Findings) {
    let mut identified: BTreeMap<&str, u32> = BTreeMap::new();
    for event in facts.events.iter().filter(|event| event.event == WriterEvent::Identify && event.succeeded()) {
        let count = identified.entry(event.writer).or_default();
        *count = count.saturating_add(1);
    }
    let documents = by_writer(facts);
    for (name, _) in identified.iter().filter(|(_, count)| **count > 1) {
        let Some(writer) = facts.writers.get(name) else { continue };
        let of_writer = writer.instances.iter().filter_map(|instance| documents.get(&(writer.class, instance.0)));
        let documents: Vec<_> = of_writer.flatten().collect();
        let Some((first, original)) = documents.first() else { continue };
        let changed = documents.iter().find(|(_, other)| other.components != original.components);
        findings.check(changed.is_none(), [*first, changed.map_or(0, |(n, _)| *n)], || {
            format!("writer {name} gave other components at a later Identify")
        });
    }
}

/// The writers of Windows that are recorded without a component.
const WITHOUT_COMPONENTS: [(Guid, &str); 2] = [
    (Guid(0x4dc3_bdd4_ab48_4d07_adb0_3bee_2926_fd7f), "Shadow Copy Optimization Writer"),
    (Guid(0x4969_d978_be47_48b0_b100_f328_f07a_c1e0), "BITS Writer"),
];

fn has_component(facts: &Facts<'_>, findings: &mut Findings) {
    for (at, document) in facts.metadata.values() {
        let known = WITHOUT_COMPONENTS.iter().find(|(class, _)| Some(WriterClassId(*class)) == document.class);
        match known {
            Some((_, name)) if document.components.is_empty() => {
                findings.excused(format!("Windows' own {name} is recorded without a component"));
            }
            _ => findings.check(!document.components.is_empty(), [at.n], || {
                format!("writer `{}` has no component", document.name)
            }),
        }
    }
}

fn components_unique(facts: &Facts<'_>, findings: &mut Findings) {
    // A process that starts again is another instance of the same writer. Express writers have no process: their documents come
    // from whoever made or gathered them, and one of a class may follow another in the store.
    let of = |at: u64| {
        // Records may be left out of a trace, but stand in order.
        let found = facts.trace.records.binary_search_by_key(&at, |record| record.n).ok();
        let actor = found.and_then(|index| facts.trace.records.get(index)).map(|record| record.actor.as_ref());
        actor.map(|actor| if facts.writers.contains_key(actor) { actor } else { "" })
    };
    let mut owners: BTreeMap<(WriterClassId, &str, &str), (Guid, Option<&str>)> = BTreeMap::new();
    for ((class, instance), documents) in by_writer(facts) {
        // The instances that one writer had, one after the other, are one.
        let writer = facts.writers.values().find(|writer| writer.is(WriterInstanceId(instance)));
        let instance = writer.and_then(|writer| writer.instances.first()).map_or(instance, |first| first.0);
        for (at, document) in documents {
            let mut here = BTreeSet::new();
            for component in &document.components {
                let key = (class, component.logical_path.as_str(), component.name.as_str());
                let actor = of(at);
                let owner = *owners.entry(key).or_insert((instance, actor));
                let its_own = owner.0 == instance || actor.is_some() && owner.1 == actor;
                findings.check(here.insert(key) && its_own, [at], || {
                    format!("writer `{}` has component {} twice", document.name, component.name)
                });
            }
        }
    }
}

/// The calls that a writer made of SetWriterFailure.
fn failures<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = (&'a CallFact<'a>, HResult)> {
    facts.calls.iter().filter_map(|call| match call.call {
        Call::Writer(WriterCall::SetWriterFailure { failure }) => Some((call, *failure)),
        _ => None,
    })
}

/// The event that a writer handles at the moment of a call.
fn handling(facts: &Facts<'_>, call: &CallFact<'_>) -> Option<WriterEvent> {
    facts.handling(call.actor, call.begin).map(|event| event.event)
}

fn failure_reasoned(facts: &Facts<'_>, findings: &mut Findings) {
    // OnIdentify must not call it: FALSE is all that it has to say (pages of OnIdentify and OnIdentifyEx).
    for event in facts.events.iter().filter(|event| event.fatal() && event.event != WriterEvent::Identify) {
        let told = event.failure.is_some()
            || failures(facts).any(|(call, _)| {
                call.actor == event.writer && call.begin > event.begin && event.end.is_some_and(|end| call.begin < end)
            });
        findings.check(told, event.records(), || {
            format!("{} returned false from {} without SetWriterFailure", event.writer, event.event.callback())
        });
    }
}

fn failure_code(facts: &Facts<'_>, findings: &mut Findings) {
    // The last one is SetWriterFailureEx's alone.
    const CODES: [HResult; 6] = [
        HResult::VSS_E_WRITERERROR_INCONSISTENTSNAPSHOT,
        HResult::VSS_E_WRITERERROR_OUTOFRESOURCES,
        HResult::VSS_E_WRITERERROR_TIMEOUT,
        HResult::VSS_E_WRITERERROR_RETRYABLE,
        HResult::VSS_E_WRITERERROR_NONRETRYABLE,
        HResult::VSS_E_WRITERERROR_PARTIAL_FAILURE,
    ];
    let called = failures(facts).map(|(call, code)| (call.actor, call.begin, code));
    let handled = facts.events.iter().filter_map(|event| Some((event.writer, event.end?, event.failure?)));
    for (writer, at, code) in called.chain(handled) {
        findings.check(CODES.contains(&code), [at.n], || format!("{writer} gave SetWriterFailure the code {code}"));
    }
}

fn failure_inside(facts: &Facts<'_>, findings: &mut Findings) {
    for (call, _) in failures(facts) {
        findings.check(handling(facts, call).is_some(), [call.begin.n], || {
            format!("{} called SetWriterFailure outside of an event handler", call.actor)
        });
    }
}

/// Windows waits for Freeze no longer than the window, since Thaw can only come after it (API-004).
fn freeze_in_window(facts: &Facts<'_>, findings: &mut Findings) {
    for event in facts.events.iter().filter(|event| event.event == WriterEvent::Freeze) {
        let Some(writer) = facts.writers.get(event.writer) else { continue };
        // A process that dies is in no handler any longer.
        let died = facts.gone_after(event.writer, event.begin).filter(|_| event.end.is_none());
        let end = event.end.or(died).unwrap_or(facts.end);
        let taken = end.t.saturating_sub(event.begin.t);
        if event.end.is_none() && taken <= writer.freeze_timeout {
            continue;
        }
        findings.check(taken <= writer.freeze_timeout, event.records(), || {
            format!("{} was in OnFreeze for {taken}; its window is {}", event.writer, writer.freeze_timeout)
        });
    }
}

/// Whether a writer has an application of its own: it gave one an order, its document says that it manages a database,
/// or it is the only writer that was frozen and there is one application only.
fn has_application(facts: &Facts<'_>, writer: &str, only: bool) -> bool {
    let ordered = !facts.orders_of(writer).is_empty();
    let own = |instance| facts.writers.get(writer).is_some_and(|writer| writer.is(instance));
    let database = facts.metadata.values().any(|(_, document)| document.database && document.instance.is_some_and(own));
    let applications = facts.roles.values().filter(|role| matches!(role, Role::Application)).count();
    ordered || database || (only && applications <= 1)
}

/// A copy may be less than clean because of an application that has no writer. So it counts against a writer only if
/// that writer has an application, accepted Freeze, and had not quieted it by then or had let it go on before Thaw.
fn application_quiet(facts: &Facts<'_>, findings: &mut Findings) {
    for set in facts.sets.values() {
        let worst = set.consistency.iter().max_by_key(|(_, _, state, _)| *state);
        let Some((at, application, state, detail)) = worst else { continue };
        let frozen = set.of(WriterEvent::Freeze).filter(|event| event.succeeded()).count();
        for freeze in set.of(WriterEvent::Freeze).filter(|event| event.succeeded()) {
            let Some(end) = freeze.end else { continue };
            if !has_application(facts, freeze.writer, frozen == 1) {
                continue;
            }
            let thaw = set.event_to(freeze.writer, WriterEvent::Thaw).map_or(*at, |event| event.begin);
            let orders = facts.orders_of(freeze.writer);
            let given = |order, from: Mark, to: Mark| {
                orders.iter().rev().find(|(at, given)| **given == order && from < *at && *at < to).map(|(at, _)| *at)
            };
            let quieted = given(ApplicationCall::Quiesce, Mark::default(), end);
            let resumed = quieted.is_some_and(|from| given(ApplicationCall::Resume, from, thaw).is_some());
            let kept = *state == Consistency::Clean || (quieted.is_some() && !resumed);
            findings.check(kept, [freeze.begin.n, at.n], || {
                format!(
                    "{} let itself be frozen without quieting its application; of {application} the copy caught: {detail}",
                    freeze.writer
                )
            });
        }
    }
}

fn application_resumes(facts: &Facts<'_>, findings: &mut Findings) {
    const ENDS: [WriterEvent; 2] = [WriterEvent::Thaw, WriterEvent::Abort];
    for (writer, orders) in &facts.orders {
        let mut ends = facts.events_to(writer).iter().filter(|event| ENDS.contains(&event.event)).peekable();
        let quiets = orders.iter().enumerate().filter(|(_, (_, order))| **order == ApplicationCall::Quiesce);
        for (index, (quiet, _)) in quiets {
            while ends.next_if(|event| event.begin < *quiet).is_some() {}
            let Some((released, end)) = ends.peek().and_then(|event| Some((event, event.end?))) else { continue };
            if facts.was_gone(writer, released.object, *quiet, end) {
                continue;
            }
            let kept = orders
                .iter()
                .skip(index)
                .take_while(|(at, _)| *at < end)
                .any(|(_, order)| **order == ApplicationCall::Resume);
            findings.check(kept, [quiet.n, released.begin.n, end.n], || {
                format!("{writer} handled {} without letting its application go on", released.event)
            });
        }
    }
}

fn truncation(facts: &Facts<'_>, findings: &mut Findings) {
    for (writer, orders) in &facts.orders {
        for (at, _) in orders.iter().filter(|(_, order)| **order == ApplicationCall::TruncateLog) {
            let handled = facts.handling(writer, *at);
            let event = handled.map(|event| event.event);
            let object = handled.and_then(|event| facts.objects.get(&event.object?));
            let copied = object.and_then(Object::backup_type) == Some(BackupType::Copy);
            findings.check(event == Some(WriterEvent::BackupComplete) && !copied, [at.n], || match event {
                Some(WriterEvent::BackupComplete) => format!("{writer} truncated the log after a copy backup"),
                Some(event) => format!("{writer} truncated the log while it handled {event}"),
                None => format!("{writer} truncated the log outside of an event"),
            });
        }
    }
}

fn document_changes(facts: &Facts<'_>, findings: &mut Findings) {
    const ALLOWED: [WriterEvent; 2] = [WriterEvent::PrepareForBackup, WriterEvent::PostSnapshot];
    for call in &facts.calls {
        let Call::Component(change) = call.call else { continue };
        if change.method() == "GetBackupSucceeded" {
            continue;
        }
        let event = handling(facts, call);
        findings.check(event.is_some_and(|event| ALLOWED.contains(&event)), [call.begin.n], || {
            let place = event.map_or("no event", WriterEvent::name);
            format!("{} called {} while it handled {place}", call.actor, change.method())
        });
    }
}
