//! What a backup has to include, over the documents of all writers: what a requester chose, what its writers require, what
//! these components depend on, the system state.
//!
//! ```text
//! chosen ──► required components of the same writers (SEL-BKP-002) ──► targets of dependencies (DEP-002) ──┐
//!   ▲ system state (SYS-001, SEL-BKP-021)        ▲                                                         │
//!   └────────────────────────────────────────────┴── until nothing is added ◄──────────────────────────────┘
//! ```
//!
//! [`Selection::complete`] gives the components to add explicitly, each with its reason, and the dependencies that
//! nothing on this machine meets: remote ones (DEP-010, C-07) and those on writers that are not there.
//!
//! A dependency implies no order (DEP-006), so a cycle of them is no contradiction: its components come together or not
//! at all. [`Selection::cycles`] finds them, because no author means one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::component::{Component, ComponentId, Components, Kind};
use crate::documents::{ComponentFlags, UsageType, WriterMetadata};
use crate::ids::WriterClassId;

/// A component of one of the writers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chosen {
    /// The writer's place in the list.
    pub writer: usize,
    /// The component.
    pub id: ComponentId,
}

/// Why a component is added explicitly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The requester chose it.
    Asked,
    /// It belongs to the system state.
    SystemState,
    /// It is not selectable, and another component of its writer is backed up.
    Required,
    /// This component depends on it, or on a member of its set.
    DependedOnBy(Chosen),
}

/// A dependency that nothing here meets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmet {
    /// The dependent component.
    pub by: Chosen,
    /// The class of the writer it depends on.
    pub class: WriterClassId,
    /// The component it depends on.
    pub target: ComponentId,
    /// The other computer, of a remote dependency.
    pub computer: Option<String>,
}

/// What has to be added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complete {
    /// The components to add explicitly, with the reason.
    pub explicit: BTreeMap<Chosen, Reason>,
    /// The dependencies that nothing here meets.
    pub unmet: BTreeSet<Unmet>,
}

/// The components of all writers and what they depend on.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    writers: Vec<Known>,
}

#[derive(Clone, Debug)]
struct Known {
    class: WriterClassId,
    components: Components,
    depends: BTreeMap<ComponentId, Vec<Target>>,
    system_state: Vec<ComponentId>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    class: WriterClassId,
    id: ComponentId,
    computer: Option<String>,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl Selection {
    /// Reads what the writers' documents say. Of two components of one name the first counts.
    pub fn new<'a>(documents: impl IntoIterator<Item = &'a WriterMetadata>) -> Selection {
        Selection { writers: documents.into_iter().map(known).collect() }
    }

    /// Everything that has to be added explicitly if these are, and the system state if it is wanted.
    #[must_use]
    pub fn complete(&self, chosen: &[Chosen], system_state: bool) -> Complete {
        let mut complete = Complete::default();
        for asked in chosen {
            self.add(asked, Reason::Asked, &mut complete);
        }
        for (writer, known) in self.writers.iter().enumerate().filter(|_| system_state) {
            for id in &known.system_state {
                self.add(&Chosen { writer, id: id.clone() }, Reason::SystemState, &mut complete);
            }
        }
        // Each round includes more than the one before, or is the last one.
        loop {
            let included = self.included(&complete);
            let missing = self.missing(&included, &mut complete.unmet);
            if missing.is_empty() {
                return complete;
            }
            for (chosen, reason) in missing {
                self.add(&chosen, reason, &mut complete);
            }
        }
    }

    /// The cycles of dependencies, each from its smallest component on; no component stands in two.
    #[must_use]
    pub fn cycles(&self) -> Vec<Vec<Chosen>> {
        let mut edges = self.edges();
        let mut cycles = Vec::new();
        loop {
            without_ends(&mut edges);
            let Some(mut at) = edges.keys().next().cloned() else { return cycles };
            // Whatever is left leads on, so that the way has to come back to where it was.
            let mut way: Vec<Chosen> = Vec::new();
            while !way.contains(&at) {
                way.push(at.clone());
                let Some(next) = edges.get(&at).and_then(|targets| targets.first()) else { break };
                at = next.clone();
            }
            let mut cycle: Vec<Chosen> = way.into_iter().skip_while(|place| *place != at).collect();
            edges.retain(|place, _| !cycle.contains(place));
            if let Some(smallest) = cycle.iter().min().and_then(|least| cycle.iter().position(|place| place == least)) {
                cycle.rotate_left(smallest);
            }
            cycles.push(cycle);
        }
    }

    /// Adds a component, or what brings it along; members of its set need no entry of their own any more (SEL-BKP-008).
    fn add(&self, wanted: &Chosen, reason: Reason, complete: &mut Complete) {
        let Some(known) = self.writers.get(wanted.writer) else { return };
        let Some(id) = bringer(known, &wanted.id) else { return };
        let chosen = Chosen { writer: wanted.writer, id };
        let above: BTreeSet<&ComponentId> = known.components.selectable_ancestors(&chosen.id).collect();
        let comes_along = |other: &Chosen| other.writer == chosen.writer && above.contains(&other.id);
        if complete.explicit.keys().any(comes_along) {
            return;
        }
        let of_set = |other: &Chosen| {
            other.writer == chosen.writer
                && known.components.component_set(&chosen.id).any(|member| *member == other.id)
        };
        complete.explicit.retain(|other, _| !of_set(other));
        complete.explicit.entry(chosen).or_insert(reason);
    }

    /// Everything that a backup includes, explicitly or not.
    fn included(&self, complete: &Complete) -> BTreeSet<Chosen> {
        let mut included = BTreeSet::new();
        for (writer, known) in self.writers.iter().enumerate() {
            let of_writer = complete.explicit.keys().filter(|chosen| chosen.writer == writer);
            let explicit: Vec<ComponentId> = of_writer.map(|chosen| chosen.id.clone()).collect();
            let ids = known.components.included(&explicit).into_keys().cloned();
            included.extend(ids.map(|id| Chosen { writer, id }));
        }
        included
    }

    /// What is required beside what is included, with the reason.
    fn missing(&self, included: &BTreeSet<Chosen>, unmet: &mut BTreeSet<Unmet>) -> Vec<(Chosen, Reason)> {
        let mut missing = Vec::new();
        let present: BTreeSet<usize> = included.iter().map(|chosen| chosen.writer).collect();
        for &writer in &present {
            let Some(known) = self.writers.get(writer) else { continue };
            let required = known.components.list().iter().map(|component| &component.id);
            for id in required.filter(|id| known.components.kind(id) == Some(Kind::MustBeExplicit)) {
                let chosen = Chosen { writer, id: id.clone() };
                if !included.contains(&chosen) {
                    missing.push((chosen, Reason::Required));
                }
            }
        }
        for by in included {
            for target in self.targets(by) {
                let found = self.find(target);
                if found.is_empty() {
                    let (class, id, computer) = (target.class, target.id.clone(), target.computer.clone());
                    unmet.insert(Unmet { by: by.clone(), class, target: id, computer });
                }
                let wanted = found.into_iter().filter(|found| !included.contains(found));
                missing.extend(wanted.map(|found| (found, Reason::DependedOnBy(by.clone()))));
            }
        }
        missing
    }

    fn targets(&self, of: &Chosen) -> &[Target] {
        let depends = self.writers.get(of.writer).and_then(|known| known.depends.get(&of.id));
        depends.map(Vec::as_slice).unwrap_or_default()
    }

    /// The components that a dependency means: in every instance of the class.
    fn find(&self, target: &Target) -> Vec<Chosen> {
        if target.computer.is_some() {
            return Vec::new();
        }
        let writers = self.writers.iter().enumerate().filter(|(_, known)| known.class == target.class);
        let there = writers.filter(|(_, known)| known.components.get(&target.id).is_some());
        there.map(|(writer, _)| Chosen { writer, id: target.id.clone() }).collect()
    }

    /// From each component that may be added to those that have to come with it by dependencies, its set counted in.
    fn edges(&self) -> BTreeMap<Chosen, Vec<Chosen>> {
        let mut edges = BTreeMap::new();
        for (writer, known) in self.writers.iter().enumerate() {
            for component in known.components.list() {
                if known.components.kind(&component.id) == Some(Kind::ImplicitOnly) {
                    continue;
                }
                let members = known.components.component_set(&component.id).chain([&component.id]);
                let mut needs = BTreeSet::new();
                for member in members {
                    for target in self.targets(&Chosen { writer, id: member.clone() }) {
                        needs.extend(self.find(target).into_iter().filter_map(|found| {
                            let of = self.writers.get(found.writer)?;
                            Some(Chosen { writer: found.writer, id: bringer(of, &found.id)? })
                        }));
                    }
                }
                edges.insert(Chosen { writer, id: component.id.clone() }, needs.into_iter().collect());
            }
        }
        edges
    }
}

/// The component to add so that this one is in the backup: itself, or the nearest one that it comes with.
fn bringer(known: &Known, id: &ComponentId) -> Option<ComponentId> {
    match known.components.kind(id)? {
        Kind::ImplicitOnly => known.components.selectable_ancestors(id).next().cloned(),
        Kind::MustBeExplicit | Kind::MayBeExplicit | Kind::SelectableSubcomponent => Some(id.clone()),
    }
}

/// Takes away, until none is left, what depends on nothing: it is in no cycle.
fn without_ends(edges: &mut BTreeMap<Chosen, Vec<Chosen>>) {
    loop {
        let known: BTreeSet<Chosen> = edges.keys().cloned().collect();
        edges.values_mut().for_each(|targets| targets.retain(|target| known.contains(target)));
        edges.retain(|_, targets| !targets.is_empty());
        if edges.len() == known.len() {
            return;
        }
    }
}

fn known(document: &WriterMetadata) -> Known {
    let mut seen = BTreeSet::new();
    let (mut list, mut depends, mut system_state) = (Vec::new(), BTreeMap::new(), Vec::new());
    let usage = document.identification().usage();
    let is_system = matches!(usage, UsageType::BootableSystemState | UsageType::SystemService);
    for component in document.components() {
        let id = ComponentId::new(component.logical_path(), component.name());
        if !seen.insert(id.clone()) {
            continue;
        }
        if is_system && component.flags().0 & ComponentFlags::NOT_SYSTEM_STATE.0 == 0 {
            system_state.push(id.clone());
        }
        let targets: Vec<Target> = component
            .dependencies()
            .map(|dependency| target(dependency.writer(), dependency.logical_path(), dependency.component_name()))
            .collect();
        depends.insert(id.clone(), targets);
        list.push(Component { id, selectable: component.selectable() });
    }
    let class = document.identification().writer();
    let components = Components::new(list).unwrap_or_default();
    // What comes with something above it needs no entry of its own.
    system_state.retain(|id| matches!(components.kind(id), Some(Kind::MustBeExplicit | Kind::MayBeExplicit)));
    Known { class, components, depends, system_state }
}

/// What a dependency means. `\\computer\` stands before the logical path or before the name (C-07).
fn target(class: WriterClassId, path: &str, name: &str) -> Target {
    let remote = |text: &str| {
        let rest = text.strip_prefix(r"\\")?;
        let (computer, rest) = rest.split_once('\\').unwrap_or((rest, ""));
        Some((computer.to_owned(), rest.to_owned()))
    };
    let (of_path, of_name) = (remote(path), remote(name));
    let id = ComponentId::new(
        of_path.as_ref().map_or(path, |(_, rest)| rest),
        of_name.as_ref().map_or(name, |(_, rest)| rest),
    );
    Target { class, id, computer: of_path.or(of_name).map(|(computer, _)| computer) }
}

#[cfg(test)]
mod tests;
