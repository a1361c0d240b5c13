//! Rules of a restore: the order of the requester's calls, which writers are told, what is said of files and components.

use std::collections::BTreeSet;

use vssim_model::api::{BackupComponentsCall, Call, MethodCall};
use vssim_model::hresult::HResult;
use vssim_model::ids::WriterClassId;
use vssim_model::states::WriterEvent;
use vssim_model::trace::{Restored, What};

use super::between;
use crate::catalogue::Bound::{Requester, Service};
use crate::catalogue::Level::{Fact, Must, Should};
use crate::catalogue::Rule;
use crate::facts::{CallFact, Facts, Mark, Object};
use crate::metadata::Metadata;
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "restore-asks-which-writers-run",
        requirements: &["RST-ORD-003"],
        actor: Requester,
        level: Must,
        sentence: "In a restore GatherWriterMetadata is called before PreRestore.",
        source: "overview-of-restore-initialization.md",
        check: gathered_first,
    },
    Rule {
        id: "restore-chosen-before-pre-restore",
        requirements: &["RST-ORD-007", "RST-ORD-008", "RST-OPT-006"],
        actor: Requester,
        level: Must,
        sentence: "Components are selected, and restore options set, before PreRestore.",
        source: "overview-of-preparing-for-restore.md",
        check: chosen_first,
    },
    Rule {
        id: "pre-restore-before-post-restore",
        requirements: &["RST-ORD-010", "RST-ORD-015"],
        actor: Requester,
        level: Must,
        sentence: "PostRestore follows a PreRestore that was seen to end.",
        source: "overview-of-preparing-for-restore.md",
        check: pre_before_post,
    },
    Rule {
        id: "files-restored-between-the-events",
        requirements: &["RST-MTH-012", "RST-MTH-031", "RST-ORD-012"],
        actor: Requester,
        level: Must,
        sentence: "Files are restored after PreRestore has ended and before PostRestore.",
        source: "overview-of-actual-file-restoration.md",
        check: files_between,
    },
    Rule {
        id: "restore-status-told",
        requirements: &["RST-ORD-013", "RST-LOC-021"],
        actor: Requester,
        level: Must,
        sentence: "SetFileRestoreStatus is called for each selected component before PostRestore.",
        source: "overview-of-actual-file-restoration.md",
        check: status_told,
    },
    Rule {
        id: "status-after-pre-restore",
        requirements: &["RST-ORD-010"],
        actor: Requester,
        level: Must,
        sentence: "After PreRestore the requester gathers the writers' status before PostRestore.",
        source: "overview-of-preparing-for-restore.md",
        check: status_after_pre,
    },
    Rule {
        id: "status-after-post-restore",
        requirements: &["RST-ORD-016"],
        actor: Requester,
        level: Must,
        sentence: "After PostRestore the requester gathers the writers' status before it releases the object.",
        source: "overview-of-restore-clean-up-and-termination.md",
        check: status_after_post,
    },
    Rule {
        id: "restore-released-after-its-end",
        requirements: &["RST-ORD-016", "RST-ORD-017"],
        actor: Requester,
        level: Must,
        sentence: "The object of a restore is released only after PostRestore was seen to end.",
        source: "overview-of-restore-clean-up-and-termination.md",
        check: released_late,
    },
    Rule {
        id: "no-abort-in-a-restore",
        requirements: &["ABT-004"],
        actor: Requester,
        level: Should,
        sentence: "AbortBackup is not called in a restore.",
        source: "aborting-vss-operations.md",
        check: no_abort,
    },
    Rule {
        id: "further-restores-announced",
        requirements: &["RST-ORD-014", "RST-ORD-020", "RST-ORD-022"],
        actor: Requester,
        level: Must,
        sentence: "Before an incremental, differential or log backup of a component is restored, the restore before it was announced with SetAdditionalRestores.",
        source: "restoring-incremental-and-differential-backups.md",
        check: announced,
    },
    Rule {
        id: "required-components-restored",
        requirements: &["SEL-RST-008"],
        actor: Requester,
        level: Should,
        sentence: "Whoever restores a component of a writer restores all its nonselectable components without a selectable ancestor.",
        source: "vssgloss-r.md",
        check: required_restored,
    },
    Rule {
        id: "new-targets-where-supported",
        requirements: &["RST-LOC-011"],
        actor: Requester,
        level: Must,
        sentence: "AddNewTarget is called for writers whose schema has VSS_BS_WRITER_SUPPORTS_NEW_TARGET.",
        source: "working-with-new-targets-during-restore.md",
        check: new_targets,
    },
    Rule {
        id: "pre-restore-reaches-selected-writers",
        requirements: &["RST-ORD-009"],
        actor: Service,
        level: Fact,
        sentence: "PreRestore raises its event to a writer of each class of which a component is selected.",
        source: "overview-of-preparing-for-restore.md",
        check: pre_restore_all,
    },
    Rule {
        id: "unselected-writer-left-alone",
        requirements: &["SEL-RST-011", "RST-ORD-025"],
        actor: Service,
        level: Fact,
        sentence: "A writer with no selected component gets neither PreRestore nor PostRestore.",
        source: "use-of-components-by-the-requestor.md",
        check: unselected_alone,
    },
    Rule {
        id: "missing-writer-not-found",
        requirements: &["SEL-RST-012", "RST-ORD-023"],
        actor: Service,
        level: Must,
        sentence: "SetSelectedForRestore fails for a component whose writer does not run.",
        source: "overview-of-preparing-for-restore.md",
        check: missing_refused,
    },
];

/// The objects of restores.
fn restores<'a, 't>(facts: &'a Facts<'t>) -> impl Iterator<Item = &'a Object<'t>> {
    facts.objects.values().filter(|object| object.accepted("InitializeForRestore").is_some())
}

/// A call by the names of the headers.
fn by_name<'t>(call: &CallFact<'t>) -> Option<&'t MethodCall> {
    match call.call {
        Call::Method(method) => Some(method),
        _ => None,
    }
}

/// The component that a call names: class, logical path, name.
fn component(call: &CallFact<'_>) -> Option<(WriterClassId, String, String)> {
    let call = by_name(call)?;
    let text = |parameter| call.text(parameter).unwrap_or_default().to_owned();
    Some((WriterClassId(call.guid("writerId")), text("wszLogicalPath"), text("wszComponentName")))
}

/// The components that are selected at a mark.
fn selected(object: &Object<'_>, until: Mark) -> BTreeSet<(WriterClassId, String, String)> {
    let mut selected = BTreeSet::new();
    for call in object.calls.iter().filter(|call| call.accepted() && call.begin < until) {
        if !call.method().starts_with("SetSelectedForRestore") {
            continue;
        }
        let Some((component, arguments)) = component(call).zip(by_name(call)) else { continue };
        if arguments.flag("bSelectedForRestore") {
            selected.insert(component);
        } else {
            selected.remove(&component);
        }
    }
    selected
}

fn gathered_first(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let Some(pre) = object.first("PreRestore") else { continue };
        let kept = object.named("GatherWriterMetadata").any(|call| call.accepted() && call.begin < pre.begin);
        findings
            .check(kept, [pre.begin.n], || format!("{} called PreRestore without GatherWriterMetadata", object.actor));
    }
}

fn chosen_first(facts: &Facts<'_>, findings: &mut Findings) {
    const CALLS: [&str; 4] =
        ["SetSelectedForRestore", "SetSelectedForRestoreEx", "AddRestoreSubcomponent", "SetRestoreOptions"];
    for object in restores(facts) {
        let Some(pre) = object.accepted("PreRestore") else { continue };
        for call in object.calls.iter().filter(|call| CALLS.contains(&call.method())) {
            findings.check(call.begin < pre.begin, [pre.begin.n, call.begin.n], || {
                format!("{} called {} after PreRestore", object.actor, call.method())
            });
        }
    }
}

fn pre_before_post(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let Some(post) = object.first("PostRestore") else { continue };
        let awaited = object.accepted("PreRestore").and_then(|call| call.operation?.awaited);
        findings.check(awaited.is_some_and(|at| at < post.begin), [post.begin.n], || {
            format!("{} called PostRestore without having seen PreRestore end", object.actor)
        });
    }
}

fn files_between(facts: &Facts<'_>, findings: &mut Findings) {
    for record in &facts.trace.records {
        let What::Restore(Restored::File { object, path, .. }) = &record.what else { continue };
        // A file that the start of the machine moves belongs to no object.
        let Some(object) = facts.objects.get(object) else { continue };
        let pre = object.accepted("PreRestore").and_then(CallFact::finished);
        let post = object.accepted("PostRestore").map(|call| call.begin.n);
        let kept = pre.is_some_and(|end| end.n < record.n) && post.is_none_or(|begin| record.n < begin);
        findings
            .check(kept, [record.n], || format!("{} restored {path} outside of the restore's events", object.actor));
    }
}

fn status_told(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let Some(post) = object.accepted("PostRestore") else { continue };
        let told: BTreeSet<_> = object
            .named("SetFileRestoreStatus")
            .filter(|call| call.accepted() && call.begin < post.begin)
            .filter_map(component)
            .collect();
        for name in selected(object, post.begin) {
            findings.check(told.contains(&name), [post.begin.n], || {
                format!("{} called PostRestore without SetFileRestoreStatus for {}", object.actor, name.2)
            });
        }
    }
}

fn gathers(object: &Object<'_>, from: Mark, to: Mark) -> bool {
    between(object, from, to).any(|call| call.method() == "GatherWriterStatus")
}

fn status_after_pre(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let (Some(pre), Some(post)) = (object.accepted("PreRestore"), object.accepted("PostRestore")) else { continue };
        findings.check(gathers(object, pre.begin, post.begin), [pre.begin.n, post.begin.n], || {
            format!("{} called PostRestore without the writers' status after PreRestore", object.actor)
        });
    }
}

fn status_after_post(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let (Some(post), Some(release)) = (object.accepted("PostRestore"), object.released()) else { continue };
        findings.check(gathers(object, post.begin, release), [post.begin.n, release.n], || {
            format!("{} released the object without the writers' status after PostRestore", object.actor)
        });
    }
}

fn released_late(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let (Some(pre), Some(release)) = (object.accepted("PreRestore"), object.released()) else { continue };
        let awaited = object.accepted("PostRestore").and_then(|call| call.operation?.awaited);
        findings.check(awaited.is_some_and(|at| at < release), [pre.begin.n, release.n], || {
            format!("{} released the object without having seen PostRestore end", object.actor)
        });
    }
}

fn no_abort(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let abort = object.first("AbortBackup");
        findings.check(abort.is_none(), abort.map(|call| call.begin.n), || {
            format!("{} called AbortBackup in a restore", object.actor)
        });
    }
}

/// The backup type that the document of a restore names.
fn backup_type(facts: &Facts<'_>, object: &Object<'_>) -> Option<String> {
    let xml = object.accepted("InitializeForRestore").and_then(|call| match call.request() {
        Some(BackupComponentsCall::InitializeForRestore { xml }) => Some(xml),
        _ => None,
    })?;
    let text = facts.trace.records.iter().find_map(|record| match &record.what {
        What::Document { sha256, text, .. } if sha256 == xml => Some(text),
        _ => None,
    });
    let text = text.unwrap_or(xml);
    let (_, rest) = text.split_once("backupType=\"")?;
    rest.split_once('"').map(|(word, _)| word.to_owned())
}

fn announced(facts: &Facts<'_>, findings: &mut Findings) {
    let all: Vec<&Object<'_>> = restores(facts).filter(|object| object.accepted("PreRestore").is_some()).collect();
    for (at, object) in all.iter().enumerate() {
        let continues = backup_type(facts, object)
            .is_some_and(|word| matches!(word.as_str(), "incremental" | "differential" | "log"));
        let Some(earlier) = all.get(..at).and_then(|before| before.iter().rev().find(|one| one.actor == object.actor))
        else {
            continue;
        };
        if !continues {
            continue;
        }
        let announced: BTreeSet<_> = earlier
            .named("SetAdditionalRestores")
            .filter(|call| call.accepted() && by_name(call).is_some_and(|call| call.flag("bAdditionalRestores")))
            .filter_map(component)
            .collect();
        let both = selected(earlier, facts.end).intersection(&selected(object, facts.end)).cloned().collect::<Vec<_>>();
        let (first, second) = (earlier.accepted("PreRestore"), object.accepted("PreRestore"));
        let records = [first, second].map(|call| call.map_or(0, |call| call.begin.n));
        for name in both {
            findings.check(announced.contains(&name), records, || {
                format!("{} went on to restore {} without having said that more restores follow", object.actor, name.2)
            });
        }
    }
}

fn required_restored(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let Some(pre) = object.accepted("PreRestore") else { continue };
        let selected = selected(object, pre.begin);
        let classes: BTreeSet<WriterClassId> = selected.iter().map(|(class, ..)| *class).collect();
        for class in classes {
            let Some(document) = last_document(facts, class, pre.begin) else { continue };
            for required in document.components.iter().filter(|component| !component.selectable) {
                let comes_along = document.components.iter().any(|other| other.selectable && required.is_below(other));
                if comes_along {
                    continue;
                }
                let name = (class, required.logical_path.clone(), required.name.clone());
                findings.check(selected.contains(&name), [pre.begin.n], || {
                    format!(
                        "{} restores {} without its required component {}",
                        object.actor, document.name, required.name
                    )
                });
            }
        }
    }
}

/// The metadata of a class that came last before a mark.
fn last_document<'a>(facts: &'a Facts<'_>, class: WriterClassId, before: Mark) -> Option<&'a Metadata> {
    let known = facts.metadata.values().filter(|(at, document)| document.class == Some(class) && *at < before);
    known.max_by_key(|(at, _)| *at).map(|(_, document)| document)
}

fn new_targets(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        for call in object.named("AddNewTarget").filter(|call| call.accepted()) {
            let Some((class, _, name)) = component(call) else { continue };
            let Some(document) = last_document(facts, class, call.begin) else { continue };
            findings.check(document.new_targets, [call.begin.n], || {
                format!("{} gives {name} a new target, which {} does not support", object.actor, document.name)
            });
        }
    }
}

fn pre_restore_all(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let Some(pre) = object.accepted("PreRestore").filter(|call| call.finished().is_some()) else { continue };
        for (class, _, name) in selected(object, pre.begin) {
            let mut of_class = facts.writers.iter().filter(|(_, writer)| writer.class == class).map(|(name, _)| *name);
            let no_session = |writer: &str| facts.had_no_session(object, writer, pre.begin, pre.last());
            // Of a class without any writer none was gone and none lacked a session.
            let known = of_class.clone().next().is_some();
            if known && of_class.clone().all(no_session) {
                findings.excused(format!("the writer of {name} had no session left"));
                continue;
            }
            if !known && facts.was_express(class, object.begin(), pre.begin) {
                findings.excused(format!("{name} is an express writer's, who gets no events"));
                continue;
            }
            let gone = |writer: &str| facts.was_gone(writer, Some(object.number), pre.begin, pre.last());
            if known && of_class.clone().all(gone) {
                findings.excused(format!("the writer of {name} was gone"));
                continue;
            }
            let told =
                of_class.any(|writer| object.events_to(writer).any(|event| event.event == WriterEvent::PreRestore));
            findings.check(told, [pre.begin.n], || format!("no writer of {name} was told of the restore"));
        }
    }
}

fn unselected_alone(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let Some(pre) = object.accepted("PreRestore") else { continue };
        let classes: BTreeSet<WriterClassId> = selected(object, pre.begin).iter().map(|(class, ..)| *class).collect();
        for (name, _) in facts.writers.iter().filter(|(_, writer)| !classes.contains(&writer.class)) {
            let events = [WriterEvent::PreRestore, WriterEvent::PostRestore];
            let told = object.events_to(name).find(|event| events.contains(&event.event));
            findings.check(told.is_none(), [pre.begin.n, told.map_or(0, |event| event.begin.n)], || {
                format!("{name} was told of a restore of which it has no component")
            });
        }
    }
}

fn missing_refused(facts: &Facts<'_>, findings: &mut Findings) {
    for object in restores(facts) {
        let Some(gather) = object.accepted("GatherWriterMetadata").filter(|call| call.finished().is_some()) else {
            continue;
        };
        for call in object.calls.iter().filter(|call| call.method().starts_with("SetSelectedForRestore")) {
            let Some((class, _, name)) = component(call) else { continue };
            let answers = |writer: &str| {
                let identify = |event: &&crate::facts::EventFact<'_>| {
                    event.event == WriterEvent::Identify && event.begin >= gather.begin && event.returned
                };
                object
                    .events_to(writer)
                    .find(identify)
                    .is_some_and(|event| event.failure.is_none() && event.end.is_some())
            };
            let mut of_class = facts.writers.iter().filter(|(_, writer)| writer.class == class).map(|(name, _)| *name);
            // For an express writer VSS itself answers.
            let stored = facts.was_express(class, gather.begin, gather.last());
            if of_class.any(answers) || stored && object.lets_in(class, gather.begin) {
                continue;
            }
            let kept = call.hresult.is_none_or(HResult::is_failure);
            findings.check(kept, [call.begin.n], || format!("{name} was selected although its writer does not run"));
        }
    }
}
