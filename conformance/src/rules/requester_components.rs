//! Rules that bind the requester: which components and volumes it includes.
//!
//! They rest on the Writer Metadata Documents that the requester itself gathered. The drives of a component are those
//! that its paths name by letter; a path that begins with a variable, and a set whose volumes are named by GUID, leave
//! nothing to compare.

use std::collections::BTreeSet;

use vssim_model::api::ComponentName;

use super::added_volume;
use crate::catalogue::Bound::Requester;
use crate::catalogue::Level::Must;
use crate::catalogue::Rule;
use crate::facts::{Facts, Object};
use crate::metadata::{Component, Metadata};
use crate::verdict::Findings;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "required-components-included",
        requirements: &["SEL-BKP-002", "BKP-ORD-058"],
        actor: Requester,
        level: Must,
        sentence: "Whoever includes a component of a writer includes all its nonselectable components without a selectable ancestor.",
        source: "use-of-components-by-the-requestor.md",
        check: required_included,
    },
    Rule {
        id: "no-implicit-component-added",
        requirements: &["SEL-BKP-004", "SEL-BKP-008"],
        actor: Requester,
        level: Must,
        sentence: "A component that comes along with a selectable ancestor is not added explicitly.",
        source: "definition-of-components-by-writers.md",
        check: implicit_not_added,
    },
    Rule {
        id: "dependencies-included",
        requirements: &["DEP-002"],
        actor: Requester,
        level: Must,
        sentence: "Whoever includes a component includes all that it depends on, as far as it is on this computer.",
        source: "dependencies-between-components-managed-by-different-writers.md",
        check: dependencies_included,
    },
    Rule {
        id: "component-volumes-in-set",
        requirements: &["BKP-ORD-023"],
        actor: Requester,
        level: Must,
        sentence: "Every volume with files of an included component is added to the shadow copy set.",
        source: "overview-of-the-backup-discovery-phase.md",
        check: volumes_added,
    },
    Rule {
        id: "success-told-before-complete",
        requirements: &["BKP-ORD-038"],
        actor: Requester,
        level: Must,
        sentence: "SetBackupSucceeded is called for each added component before BackupComplete.",
        source: "overview-of-actual-backup-of-files.md",
        check: success_told,
    },
];

/// The components of one writer that were added explicitly, with the records of their calls.
fn added<'a>(object: &'a Object<'_>, document: &'a Metadata) -> Vec<(u64, &'a ComponentName, &'a Component)> {
    object
        .components()
        .filter(|(_, name)| Some(name.instance) == document.instance)
        .filter_map(|(call, name)| {
            let component = document
                .components
                .iter()
                .find(|component| component.name == name.name && component.logical_path == name.logical_path)?;
            Some((call.begin.n, name, component))
        })
        .collect()
}

fn label(component: &Component) -> String {
    match component.logical_path.as_str() {
        "" => component.name.clone(),
        path => format!(r"{path}\{}", component.name),
    }
}

fn has_selectable_ancestor(document: &Metadata, component: &Component) -> bool {
    document.components.iter().any(|other| other.selectable && component.is_below(other))
}

fn required_included(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values().filter(|object| object.first("PrepareForBackup").is_some()) {
        for document in facts.metadata_of(object) {
            let added = added(object, document);
            let Some((record, _, _)) = added.first() else { continue };
            for component in &document.components {
                if component.selectable || has_selectable_ancestor(document, component) {
                    continue;
                }
                let kept = added.iter().any(|(_, _, other)| *other == component);
                findings.check(kept, [*record], || {
                    format!(
                        "{} backs up writer {} without its required component {}",
                        object.actor,
                        document.name,
                        label(component)
                    )
                });
            }
        }
    }
}

/// Whether a component is in the backup: added, or below one that was added and is selectable.
fn is_included(object: &Object<'_>, document: &Metadata, component: &Component) -> bool {
    let along = |other: &Component| other == component || other.selectable && component.is_below(other);
    added(object, document).iter().any(|(_, _, other)| along(other))
}

fn dependencies_included(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(prepare) = object.first("PrepareForBackup") else { continue };
        for document in facts.metadata_of(object) {
            for component in document.components.iter().filter(|one| is_included(object, document, one)) {
                for dependency in &component.depends {
                    if dependency.is_remote() {
                        findings.excused(format!("{} depends on another computer", label(component)));
                        continue;
                    }
                    let of_class = facts.metadata_of(object).filter(|other| other.class == dependency.class);
                    let mut met = None;
                    for other in of_class {
                        for target in other.components.iter().filter(|target| dependency.means(target)) {
                            met = Some(met.unwrap_or(false) || is_included(object, other, target));
                        }
                    }
                    // A writer that is not there cannot be included.
                    let Some(met) = met else { continue };
                    findings.check(met, [prepare.begin.n], || {
                        let (path, bar) =
                            (&dependency.logical_path, if dependency.logical_path.is_empty() { "" } else { "\\" });
                        format!(
                            "{} backs up {} of writer {} without {path}{bar}{}, which it depends on",
                            object.actor,
                            label(component),
                            document.name,
                            dependency.name
                        )
                    });
                }
            }
        }
    }
}

fn implicit_not_added(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        for document in facts.metadata_of(object) {
            let added = added(object, document);
            for (record, _, component) in &added {
                let comes_along = if component.selectable {
                    added.iter().any(|(_, _, other)| other.selectable && component.is_below(other))
                } else {
                    has_selectable_ancestor(document, component)
                };
                findings.check(!comes_along, [*record], || {
                    format!(
                        "{} added {} of writer {}, which comes along with a selectable ancestor",
                        object.actor,
                        label(component),
                        document.name
                    )
                });
            }
        }
    }
}

fn volumes_added(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(creation) = object.accepted("DoSnapshotSet") else { continue };
        let names: Vec<String> = object
            .named("AddToSnapshotSet")
            .filter(|call| call.accepted())
            .filter_map(|call| added_volume(call).map(str::to_ascii_uppercase))
            .collect();
        if names.iter().any(|name| name.starts_with(r"\\?\")) {
            findings.excused("the set names its volumes by GUID, which the metadata's paths do not tell");
            continue;
        }
        for document in facts.metadata_of(object) {
            let added = added(object, document);
            let mut drives: BTreeSet<&str> = BTreeSet::new();
            for component in &document.components {
                let included = added.iter().any(|(_, _, other)| *other == component || component.is_below(other));
                if included {
                    drives.extend(component.drives.iter().map(String::as_str));
                }
            }
            for drive in drives {
                findings.check(names.iter().any(|name| name == drive), [creation.begin.n], || {
                    format!("{} left {drive} out of the set, where writer {} has files", object.actor, document.name)
                });
            }
        }
    }
}

fn success_told(facts: &Facts<'_>, findings: &mut Findings) {
    for object in facts.objects.values() {
        let Some(complete) = object.first("BackupComplete") else { continue };
        let told: BTreeSet<&ComponentName> = object
            .named("SetBackupSucceeded")
            .take_while(|call| call.begin < complete.begin)
            .filter_map(super::succeeded_component)
            .collect();
        for (call, name) in object.components() {
            findings.check(told.contains(name), [call.begin.n, complete.begin.n], || {
                format!("{} called BackupComplete without SetBackupSucceeded for {}", object.actor, name.name)
            });
        }
    }
}
