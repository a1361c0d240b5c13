//! Rules that bind the service: what it answers to a requester's calls.

use std::collections::BTreeSet;

use vssim_model::api::{BackupComponentsCall, Call, Out};
use vssim_model::hresult::HResult;
use vssim_model::ids::WriterClassId;
use vssim_model::states::{SnapshotState, WriterState};

use super::service_order;
use super::service_state::{Span, spans};
use crate::catalogue::Bound::Service;
use crate::catalogue::Level::{Fact, Must};
use crate::catalogue::Rule;
use crate::facts::{CallFact, Facts, Mark, Object};
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "second-set-refused",
        requirements: &["BKP-ORD-051"],
        actor: Service,
        level: Must,
        sentence: "StartSnapshotSet fails with VSS_E_SNAPSHOT_SET_IN_PROGRESS while another set is being created.",
        source: "state-transitions-in-shadow-copy-providers.md",
        check: second_set,
    },
    Rule {
        id: "misordered-calls-refused",
        requirements: &[
            "BKP-ORD-001",
            "BKP-ORD-003",
            "BKP-ORD-017",
            "BKP-ORD-019",
            "BKP-ORD-021",
            "BKP-ORD-026",
            "BKP-ORD-046",
            "BKP-ORD-048",
            "API-019",
            "API-022",
            "API-023",
            "API-024",
            "API-025",
            "API-027",
            "API-028",
            "API-029",
            "CTX-007",
        ],
        actor: Service,
        level: Must,
        sentence: "A call that comes before the calls it needs or too late fails, and a call in the documented order is not refused as out of sequence.",
        source: "shadow-copy-creation-details.md",
        check: service_order::check,
    },
    Rule {
        id: "component-calls-refused-without-writers",
        requirements: &["BKP-ORD-054"],
        actor: Service,
        level: Must,
        sentence: "In a context without writers AddComponent, PrepareForBackup and BackupComplete fail.",
        source: "shadow-copy-creation-details.md",
        check: without_writers,
    },
    Rule {
        id: "unknown-component-refused",
        requirements: &["BKP-ORD-060"],
        actor: Service,
        level: Must,
        sentence: "AddComponent fails for a component that the writer's metadata does not have.",
        source: "use-of-components-by-the-requestor.md",
        check: unknown_component,
    },
    Rule {
        id: "express-writers-listed",
        requirements: &["WMD-029"],
        actor: Service,
        level: Fact,
        sentence: "GatherWriterMetadata finds every express writer that is registered, and none that is not.",
        source: "sdk-api nf-vswriter-ivssexpresswriter-register.md",
        check: express_listed,
    },
    Rule {
        id: "snapshot-visible-only-when-created",
        requirements: &["API-039"],
        actor: Service,
        level: Fact,
        sentence: "GetSnapshotProperties succeeds only for a shadow copy that is created.",
        source: "sdk-api ne-vss-vss_snapshot_state.md",
        check: visible,
    },
    Rule {
        id: "operations-end",
        requirements: &["BKP-ORD-067", "BKP-ORD-036"],
        actor: Service,
        level: Fact,
        sentence: "Every asynchronous operation ends.",
        source: "using-the-volume-shadow-copy-service.md",
        check: operations_end,
    },
    Rule {
        id: "status-tells-the-state",
        requirements: &["WRT-ERR-014", "API-001"],
        actor: Service,
        level: Fact,
        sentence: "GetWriterStatus tells a state in which the writer was while its status was gathered.",
        source: "determining-writer-status.md",
        check: status_true,
    },
];

fn second_set(facts: &Facts<'_>, findings: &mut Findings) {
    let spans = spans(facts);
    for call in facts.objects.values().flat_map(|object| object.named("StartSnapshotSet")) {
        let Some(end) = call.end else { continue };
        let busy = spans.iter().find(|Span { object, from, to, .. }| {
            *object != call.object && *from < call.begin && to.is_none_or(|to| end < to)
        });
        if let Some(span) = busy {
            // A call that is out of sequence on its own object may be told that first; `misordered-calls-refused` sees to it
            // that it is.
            let refused = [HResult::VSS_E_SNAPSHOT_SET_IN_PROGRESS, HResult::VSS_E_BAD_STATE];
            let kept = call.hresult.is_some_and(|code| refused.contains(&code));
            findings.check(kept, [span.from.n, call.begin.n, end.n], || {
                let code = call.hresult.unwrap_or(HResult::S_OK);
                format!("StartSnapshotSet gave {code} while another set was being created")
            });
        }
    }
}

fn without_writers(facts: &Facts<'_>, findings: &mut Findings) {
    const CALLS: [&str; 3] = ["AddComponent", "PrepareForBackup", "BackupComplete"];
    for object in facts.objects.values().filter(|object| object.writerless()) {
        let set = object.accepted("SetContext").map_or(Mark::default(), |call| call.begin);
        for call in object.calls.iter().filter(|call| call.begin > set && CALLS.contains(&call.method())) {
            let failed = call.hresult.is_none() || call.refused() || call.failed().is_some();
            findings
                .check(failed, [call.begin.n], || format!("{} succeeded in a context without writers", call.method()));
        }
    }
}

fn unknown_component(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        for call in object.named("AddComponent").filter(|call| call.hresult.is_some()) {
            let Call::BackupComponents(BackupComponentsCall::AddComponent(name)) = call.call else { continue };
            // Without the writer's document among those gathered there is nothing to hold the name against.
            let Some(document) = facts.metadata_of(object).find(|document| document.instance == Some(name.instance))
            else {
                continue;
            };
            let known = document.class == Some(name.writer)
                && document
                    .components
                    .iter()
                    .any(|component| component.name == name.name && component.logical_path == name.logical_path);
            if !known {
                findings.check(call.refused(), [call.begin.n], || {
                    format!("AddComponent succeeded for {}, which {} does not have", name.name, document.name)
                });
            }
        }
    }
}

/// The occasion is a requester that read all metadata that was gathered. Instances that were left out cannot be told apart
/// from express writers by the calls that registered those.
fn express_listed(facts: &Facts<'_>, findings: &mut Findings) {
    let with_process: BTreeSet<WriterClassId> = facts.writers.values().map(|writer| writer.class).collect();
    for object in facts.objects.values() {
        let mut gathers = object.named("GatherWriterMetadata").filter(|call| call.accepted());
        let (Some(gather), None) = (gathers.next(), gathers.next()) else { continue };
        let counts = object.named("GetWriterMetadataCount").filter_map(|call| match call.out {
            Out::Count(count) => Some(*count as usize),
            _ => None,
        });
        let read: BTreeSet<&str> = object.documents().map(|(_, sha256)| sha256).collect();
        let all_read = gather.finished().is_some() && counts.last() == Some(read.len());
        if !all_read || object.disabled_instances(gather.begin).next().is_some() {
            continue;
        }
        let (from, to) = (gather.begin, gather.last());
        let found: BTreeSet<WriterClassId> = facts.metadata_of(object).filter_map(|document| document.class).collect();
        let choice = object.choice(from);
        for class in facts.express.classes() {
            let listed = found.contains(&class);
            if facts.is_express(class, from, to) && choice.lets_in(class) {
                findings.check(listed, [from.n, to.n], || {
                    format!("the express writer {} is registered, and was not found", class.0)
                });
            } else if !facts.was_express(class, from, to) && !with_process.contains(&class) {
                findings.check(!listed, [from.n, to.n], || {
                    format!("the express writer {} was found, and is not registered", class.0)
                });
            }
        }
    }
}

fn visible(facts: &Facts<'_>, findings: &mut Findings) {
    for call in facts.objects.values().flat_map(|object| object.named("GetSnapshotProperties")) {
        let Some(BackupComponentsCall::GetSnapshotProperties { snapshot }) = call.request() else { continue };
        let Some(set) = facts.set_of.get(snapshot).and_then(|set| facts.sets.get(set)) else { continue };
        let (Some(end), true) = (call.end, set.states.iter().any(|state| state.snapshot == *snapshot)) else {
            continue;
        };
        let last = |until: Mark| set.states.iter().rfind(|state| state.snapshot == *snapshot && state.at < until);
        // The state may change while the call runs; either is then right.
        let created = [call.begin, end].into_iter().any(|at| last(at).is_some_and(|s| s.to == SnapshotState::Created));
        findings.check(created || call.refused(), [call.begin.n, end.n], || {
            let state = last(end).map_or(SnapshotState::Unknown, |state| state.to);
            format!("GetSnapshotProperties succeeded for a shadow copy in {state}")
        });
    }
}

fn operations_end(facts: &Facts<'_>, findings: &mut Findings) {
    for call in facts.calls.iter().filter(|call| call.operation.is_some()) {
        let ended = call.operation.is_some_and(|operation| operation.ended.is_some());
        let released = facts.objects.get(&call.object).and_then(Object::released).is_some();
        if !ended && (released || facts.gone_after(call.actor, call.begin).is_some()) {
            findings.excused(format!("{} gave the operation up", call.actor));
            continue;
        }
        findings.check(ended, [call.begin.n], || format!("the operation of {} never ended", call.method()));
    }
}

fn status_true(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let mut gather: Option<&CallFact<'_>> = None;
        for call in &object.calls {
            if call.method() == "GatherWriterStatus" && call.accepted() {
                gather = Some(call);
            }
            let (Out::WriterStatus(status), Some(gather)) = (call.out, gather) else { continue };
            let name = facts.writers.iter().find(|(_, writer)| writer.is(status.instance)).map(|(name, _)| *name);
            let Some(name) = name else { continue };
            let told = states_during(facts, name, call.object, gather.begin, gather.last());
            // Unknown is what VSS tells of a writer that does not answer.
            if told.is_empty() || status.state == WriterState::Unknown {
                continue;
            }
            findings.check(told.contains(&status.state), [gather.begin.n, call.begin.n], || {
                format!("{name} was reported in {}, in which it was not", status.state)
            });
        }
    }
}

/// The states of a writer from one mark to another, as a backup or restore sees them: in its own session, if there is one,
/// else in that which changed last. Nothing if the trace tells none.
fn states_during(facts: &Facts<'_>, name: &str, object: u32, from: Mark, to: Mark) -> BTreeSet<WriterState> {
    let part = facts.takes_part(name, object, from);
    let mut states = BTreeSet::new();
    let mut current = None;
    let seen = facts.states_of(name).iter();
    for change in seen.filter(|change| !part || change.object.is_none_or(|of| of == object)) {
        if change.at > to {
            states.extend(current.or(Some(change.from)));
            return states;
        }
        if change.at > from {
            states.extend(current.or(Some(change.from)));
        }
        current = Some(change.to);
    }
    states.extend(current);
    states
}
