//! Components of one writer: logical paths, identity, and which of them a requester may or must add to a backup.
//!
//! A component sits in a hierarchy of logical paths. What counts is whether it is selectable for backup and whether a
//! component above it is (SEL-BKP-014):
//!
//! | | no selectable ancestor | a selectable ancestor |
//! |---|---|---|
//! | nonselectable | must be explicit (SEL-BKP-002) | implicit only (SEL-BKP-004, SEL-BKP-005) |
//! | selectable | may be explicit (SEL-BKP-003) | may be explicit if no ancestor is (SEL-BKP-007, SEL-BKP-008) |
//!
//! A selectable component with others below it defines a component set; adding it brings the whole set (SEL-BKP-006,
//! SEL-BKP-009, SEL-BKP-013), without an entry of their own in the Backup Components Document (SEL-BKP-010).
//!
//! [`Components::new`] takes a writer's list, [`Components::check_explicit`] judges a requester's choice and
//! [`Components::included`] says what comes with it. C-04: a nonselectable component below a nonselectable one has no
//! selectable ancestor and so must be explicit, as the logical path page, the glossary and CMP-DEF-025 have it; the
//! selectability page alone says that it comes implicitly (SEL-BKP-019).
//!
//! Names are compared exactly: the pages ask for the very strings that the writer gave. Source:
//! logical-pathing-of-components.md and working-with-selectability-for-backup.md (MicrosoftDocs/win32).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hresult::HResult;

/// A logical path: elements separated by backslashes; any other character is allowed (CMP-DEF-020). Empty is the root
/// (CMP-DEF-021).
///
/// C-06: tools and some pages write a backslash in front, or `\` for the root. Empty elements are therefore left out,
/// and `\writerData\` is `writerData`. The path of a remote dependency (`\\computer\...`, C-07) is not a logical path
/// of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalPath(String);

impl LogicalPath {
    /// Reads a path; every text is one.
    #[must_use]
    pub fn parse(text: &str) -> LogicalPath {
        let mut path = String::with_capacity(text.len());
        for element in text.split('\\').filter(|element| !element.is_empty()) {
            if !path.is_empty() {
                path.push('\\');
            }
            path.push_str(element);
        }
        LogicalPath(path)
    }

    /// The root.
    #[must_use]
    pub const fn root() -> LogicalPath {
        LogicalPath(String::new())
    }

    /// Whether this is the root, which VSS writes as NULL or empty.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, without a backslash at either end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The elements from the root on.
    pub fn elements(&self) -> impl Iterator<Item = &str> {
        self.0.split('\\').filter(|element| !element.is_empty())
    }

    /// The path above; none above the root.
    #[must_use]
    pub fn parent(&self) -> Option<LogicalPath> {
        if self.is_root() {
            return None;
        }
        Some(LogicalPath(self.0.rsplit_once('\\').map_or("", |(above, _)| above).to_owned()))
    }

    /// Whether the other path lies below this one.
    #[must_use]
    pub fn is_ancestor_of(&self, other: &LogicalPath) -> bool {
        if self.is_root() {
            return !other.is_root();
        }
        other.0.strip_prefix(self.as_str()).is_some_and(|rest| rest.starts_with('\\'))
    }
}

impl fmt::Display for LogicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for LogicalPath {
    fn from(text: &str) -> LogicalPath {
        LogicalPath::parse(text)
    }
}

impl Serialize for LogicalPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LogicalPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LogicalPath, D::Error> {
        String::deserialize(deserializer).map(|text| LogicalPath::parse(&text))
    }
}

/// What tells a component from the others of its writer class: logical path and name together (CMP-DEF-004,
/// CMP-DEF-006, CMP-DEF-037; C-05: the pair is unique, not each of the two).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ComponentId {
    /// The logical path; the root if left out.
    #[serde(default, skip_serializing_if = "LogicalPath::is_root")]
    pub path: LogicalPath,
    /// The component's name.
    pub name: String,
}

impl ComponentId {
    /// A component of this path and name.
    #[must_use]
    pub fn new(path: &str, name: &str) -> ComponentId {
        ComponentId { path: LogicalPath::parse(path), name: name.to_owned() }
    }

    /// Whether the other component lies below this one: its logical path begins with this one's path and name
    /// (SEL-BKP-012, CMP-DEF-022).
    #[must_use]
    pub fn is_ancestor_of(&self, other: &ComponentId) -> bool {
        ancestors(other).any(|(path, name)| path == self.path.as_str() && name == self.name)
    }
}

/// As DiskShadow prints it: `\path\name`.
impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() { write!(f, "\\{}", self.name) } else { write!(f, "\\{}\\{}", self.path, self.name) }
    }
}

/// Path and name of each component that could stand above one, nearest first.
fn ancestors(component: &ComponentId) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = component.path.as_str();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (path, name) = rest.rsplit_once('\\').unwrap_or(("", rest));
        rest = path;
        Some((path, name))
    })
}

/// A component as its writer declares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Component {
    /// Path and name.
    pub id: ComponentId,
    /// `bSelectable`: whether it is selectable for backup. The writer always says (SEL-BKP-001).
    pub selectable: bool,
}

/// The four kinds of component for backup (SEL-BKP-014).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nonselectable, no selectable ancestor: explicit whenever a component of the writer is backed up (SEL-BKP-002).
    MustBeExplicit,
    /// Selectable, no selectable ancestor: explicit if the requester likes (SEL-BKP-003).
    MayBeExplicit,
    /// Nonselectable below a selectable one: never explicit, comes with its ancestor (SEL-BKP-004, SEL-BKP-005).
    ImplicitOnly,
    /// Selectable below a selectable one: comes with its ancestor, or explicit without it (SEL-BKP-006 to SEL-BKP-008).
    SelectableSubcomponent,
}

/// How a component came into the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inclusion<'a> {
    /// It was added, and stands in the Backup Components Document.
    Explicit,
    /// It came with this component, and has no entry in the document (SEL-BKP-010).
    Implicit {
        /// The explicitly added component whose set it belongs to.
        by: &'a ComponentId,
    },
}

/// What is wrong with a list of explicitly added components.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// The writer has no such component.
    Unknown(ComponentId),
    /// It is in the list twice.
    Twice(ComponentId),
    /// It has to be in the list and is not.
    Missing(ComponentId),
    /// It may not be in the list: it comes with a selectable ancestor.
    ImplicitOnly {
        /// The component.
        component: ComponentId,
        /// The nearest selectable component above it.
        set: ComponentId,
    },
    /// It may not be in the list beside its ancestor.
    BesideAncestor {
        /// The component.
        component: ComponentId,
        /// The explicitly added component above it.
        ancestor: ComponentId,
    },
}

impl Violation {
    /// The requirement, or the page where no requirement speaks of it.
    #[must_use]
    pub const fn requirement(&self) -> &'static str {
        match self {
            Violation::Unknown(_) | Violation::Twice(_) => "nf-vsbackup-ivssbackupcomponents-addcomponent.md",
            Violation::Missing(_) => "SEL-BKP-002",
            Violation::ImplicitOnly { .. } => "SEL-BKP-004",
            Violation::BesideAncestor { .. } => "SEL-BKP-008",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Unknown(id) => write!(f, "the writer has no component {id}"),
            Violation::Twice(id) => write!(f, "{id} is added twice"),
            Violation::Missing(id) => {
                write!(f, "{id} is not selectable and nothing above it is, so it has to be added explicitly")
            }
            Violation::ImplicitOnly { component, set } => {
                write!(f, "{component} is not selectable; it comes with {set} and is never added explicitly")
            }
            Violation::BesideAncestor { component, ancestor } => {
                write!(f, "{component} comes with {ancestor} and is not added beside it")
            }
        }
    }
}

impl std::error::Error for Violation {}

/// Two components of one writer have the same path and name (CMP-DEF-004). The writer's `AddComponent` answers
/// `VSS_E_OBJECT_ALREADY_EXISTS` to the second (nf-vswriter-ivsscreatewritermetadata-addcomponent.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateComponent(pub ComponentId);

impl DuplicateComponent {
    /// What the writer's `AddComponent` answers.
    pub const HRESULT: HResult = HResult::VSS_E_OBJECT_ALREADY_EXISTS;
}

impl fmt::Display for DuplicateComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the writer has two components {}", self.0)
    }
}

impl std::error::Error for DuplicateComponent {}

/// All components of one writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Components {
    /// In the writer's order.
    list: Vec<Component>,
    /// Path, name, place in the list.
    places: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Components {
    /// Takes a writer's components.
    ///
    /// # Errors
    ///
    /// Two have the same path and name.
    pub fn new(list: Vec<Component>) -> Result<Components, DuplicateComponent> {
        let mut places = BTreeMap::<String, BTreeMap<String, usize>>::new();
        for (place, component) in list.iter().enumerate() {
            let names = places.entry(component.id.path.as_str().to_owned()).or_default();
            if names.insert(component.id.name.clone(), place).is_some() {
                return Err(DuplicateComponent(component.id.clone()));
            }
        }
        Ok(Components { list, places })
    }

    /// The components in the writer's order.
    #[must_use]
    pub fn list(&self) -> &[Component] {
        &self.list
    }

    fn find(&self, path: &str, name: &str) -> Option<&Component> {
        self.places.get(path)?.get(name).and_then(|place| self.list.get(*place))
    }

    /// The component of this identity.
    #[must_use]
    pub fn get(&self, id: &ComponentId) -> Option<&Component> {
        self.find(id.path.as_str(), &id.name)
    }

    /// The selectable components above one, nearest first. Elements of a path that no component names are passed over:
    /// `Query` with the path `writerData\QueryLogs` lies below `writerData`.
    pub fn selectable_ancestors<'a>(&'a self, id: &'a ComponentId) -> impl Iterator<Item = &'a ComponentId> {
        ancestors(id)
            .filter_map(|(path, name)| self.find(path, name))
            .filter(|above| above.selectable)
            .map(|above| &above.id)
    }

    /// Which of the four kinds a component is; none if the writer has no such component.
    #[must_use]
    pub fn kind(&self, id: &ComponentId) -> Option<Kind> {
        let below = self.selectable_ancestors(id).next().is_some();
        Some(match (self.get(id)?.selectable, below) {
            (false, false) => Kind::MustBeExplicit,
            (true, false) => Kind::MayBeExplicit,
            (false, true) => Kind::ImplicitOnly,
            (true, true) => Kind::SelectableSubcomponent,
        })
    }

    /// The members of the component set that a selectable component defines, itself left out, in the writer's order;
    /// none for a nonselectable one (CMP-DEF-025).
    pub fn component_set<'a>(&'a self, id: &'a ComponentId) -> impl Iterator<Item = &'a ComponentId> {
        let defines = self.get(id).is_some_and(|component| component.selectable);
        self.list.iter().map(|component| &component.id).filter(move |other| defines && id.is_ancestor_of(other))
    }

    /// What a backup includes if these components are added explicitly, by identity. Unknown ones are passed over.
    #[must_use]
    pub fn included<'a>(&'a self, explicit: &'a [ComponentId]) -> BTreeMap<&'a ComponentId, Inclusion<'a>> {
        let chosen = places_of(explicit);
        let mut included = BTreeMap::new();
        for component in &self.list {
            if chosen.contains_key(&component.id) {
                included.insert(&component.id, Inclusion::Explicit);
            } else if let Some(by) = self.selectable_ancestors(&component.id).find(|above| chosen.contains_key(above)) {
                included.insert(&component.id, Inclusion::Implicit { by });
            }
        }
        included
    }

    /// Judges a list of explicitly added components: first each of the list in its order, then what it lacks. An empty
    /// list is right: then nothing of the writer is backed up.
    #[must_use]
    pub fn check_explicit(&self, explicit: &[ComponentId]) -> Vec<Violation> {
        let chosen = places_of(explicit);
        let mut violations = Vec::new();
        for (place, id) in explicit.iter().enumerate() {
            if chosen.get(id).is_some_and(|first| *first != place) {
                violations.push(Violation::Twice(id.clone()));
                continue;
            }
            let Some(kind) = self.kind(id) else {
                violations.push(Violation::Unknown(id.clone()));
                continue;
            };
            let component = id.clone();
            if kind == Kind::ImplicitOnly {
                if let Some(set) = self.selectable_ancestors(id).next().cloned() {
                    violations.push(Violation::ImplicitOnly { component, set });
                }
            } else if let Some(above) = self.selectable_ancestors(id).find(|above| chosen.contains_key(above)) {
                violations.push(Violation::BesideAncestor { component, ancestor: above.clone() });
            }
        }
        if !explicit.is_empty() {
            let required = self.list.iter().map(|component| &component.id);
            let missing = required.filter(|id| self.kind(id) == Some(Kind::MustBeExplicit) && !chosen.contains_key(id));
            violations.extend(missing.cloned().map(Violation::Missing));
        }
        violations
    }
}

/// Where each first stands.
fn places_of(explicit: &[ComponentId]) -> BTreeMap<&ComponentId, usize> {
    let mut places = BTreeMap::new();
    for (place, id) in explicit.iter().enumerate() {
        places.entry(id).or_insert(place);
    }
    places
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    /// The example writer of the pages named above: path, name, selectable.
    const EXAMPLE: [(&str, &str, bool); 17] = [
        ("", "Executables", false),
        ("Executables", "ConfigFiles", false),
        ("", "LicenseInfo", true),
        ("", "Security", true),
        ("Security", "UserInfo", false),
        ("Security", "Certificates", false),
        ("", "writerData", true),
        ("writerData", "Set1", false),
        ("writerData\\Set1", "Jan", false),
        ("writerData\\Set1", "Dec", false),
        ("writerData", "Set2", false),
        ("writerData\\Set2", "Jan", false),
        ("writerData\\Set2", "Dec", false),
        ("writerData\\QueryLogs", "Query", false),
        ("writerData", "Usage", true),
        ("writerData\\Usage", "Jan", false),
        ("writerData\\Usage", "Dec", false),
    ];

    fn example() -> Components {
        let component =
            |(path, name, selectable): (&str, &str, bool)| Component { id: ComponentId::new(path, name), selectable };
        Components::new(EXAMPLE.map(component).to_vec()).unwrap()
    }

    fn ids(list: &[(&str, &str)]) -> Vec<ComponentId> {
        list.iter().map(|(path, name)| ComponentId::new(path, name)).collect()
    }

    /// What is always explicit in the example.
    const ALWAYS: [(&str, &str); 2] = [("", "Executables"), ("Executables", "ConfigFiles")];

    fn with_always(further: &[(&str, &str)]) -> Vec<ComponentId> {
        ids(&[&ALWAYS, further].concat())
    }

    #[test]
    fn security_brings_its_two_subcomponents_which_come_no_other_way() {
        // SEL-BKP-015
        let (components, chosen) = (example(), with_always(&[("", "Security")]));
        assert_eq!(components.check_explicit(&chosen), []);
        let included = components.included(&chosen);
        let security = ComponentId::new("", "Security");
        for name in ["UserInfo", "Certificates"] {
            let id = ComponentId::new("Security", name);
            assert_eq!(included.get(&id), Some(&Inclusion::Implicit { by: &security }));
            assert_eq!(components.kind(&id), Some(Kind::ImplicitOnly));
            let wrong = with_always(&[("Security", name)]);
            let violations = components.check_explicit(&wrong);
            assert_eq!(violations, [Violation::ImplicitOnly { component: id, set: security.clone() }]);
            assert_eq!(violations[0].requirement(), "SEL-BKP-004");
        }
    }

    #[test]
    fn writer_data_brings_everything_below_it() {
        // SEL-BKP-016, SEL-BKP-009
        let (components, chosen) = (example(), with_always(&[("", "writerData")]));
        assert_eq!(components.check_explicit(&chosen), []);
        let included = components.included(&chosen);
        let data = ComponentId::new("", "writerData");
        let below: Vec<_> = EXAMPLE.iter().filter(|(path, _, _)| path.starts_with("writerData")).collect();
        assert_eq!(components.component_set(&data).count(), below.len());
        for (path, name, _) in below {
            let id = ComponentId::new(path, name);
            assert_eq!(included.get(&id), Some(&Inclusion::Implicit { by: &data }), "{id}");
        }
        assert!(!included.contains_key(&ComponentId::new("", "LicenseInfo")));
    }

    #[test]
    fn usage_may_be_added_when_writer_data_is_not() {
        // SEL-BKP-017
        let (components, chosen) = (example(), with_always(&[("writerData", "Usage")]));
        assert_eq!(components.check_explicit(&chosen), []);
        let included = components.included(&chosen);
        let usage = ComponentId::new("writerData", "Usage");
        for month in ["Jan", "Dec"] {
            let id = ComponentId::new("writerData\\Usage", month);
            assert_eq!(included.get(&id), Some(&Inclusion::Implicit { by: &usage }));
            assert!(!included.contains_key(&ComponentId::new("writerData\\Set1", month)));
        }
    }

    #[test]
    fn usage_is_not_added_beside_writer_data() {
        let chosen = with_always(&[("", "writerData"), ("writerData", "Usage")]);
        let violations = example().check_explicit(&chosen);
        assert_eq!(violations.iter().map(Violation::requirement).collect::<Vec<_>>(), ["SEL-BKP-008"]);
    }

    #[test]
    fn executables_and_its_child_are_both_added_whatever_else_is() {
        // SEL-BKP-018; the choice in C-04
        let violations = example().check_explicit(&ids(&[("", "LicenseInfo")]));
        assert_eq!(violations, ids(&ALWAYS).into_iter().map(Violation::Missing).collect::<Vec<_>>());
        assert_eq!(example().check_explicit(&[]), []);
        assert_eq!(example().component_set(&ComponentId::new("", "Executables")).count(), 0);
    }

    #[test]
    fn unknown_and_repeated_components_are_told() {
        let chosen = with_always(&[("", "Nothing"), ("", "LicenseInfo"), ("", "LicenseInfo")]);
        let violations = example().check_explicit(&chosen);
        let told: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["the writer has no component \\Nothing", "\\LicenseInfo is added twice"]);
    }

    #[test]
    fn a_writer_may_repeat_a_name_but_not_a_path_with_a_name() {
        let twice = [("a", "Jan"), ("b", "Jan"), ("\\a\\", "Jan")];
        let list = twice.map(|(path, name)| Component { id: ComponentId::new(path, name), selectable: true });
        assert_eq!(Components::new(list.to_vec()), Err(DuplicateComponent(ComponentId::new("a", "Jan"))));
        assert!(Components::new(list[..2].to_vec()).is_ok());
    }

    #[test]
    fn a_path_is_above_another_by_whole_elements() {
        let path = LogicalPath::parse;
        assert!(path("writerData").is_ancestor_of(&path("writerData\\Set1")));
        assert!(!path("writer").is_ancestor_of(&path("writerData")));
        assert!(!path("writerData").is_ancestor_of(&path("writerData")));
        assert!(path("").is_ancestor_of(&path("x")) && !path("").is_ancestor_of(&path("\\")));
        assert_eq!(path("a\\b").parent(), Some(path("a")));
        assert_eq!(path("a").parent(), Some(LogicalPath::root()));
        assert_eq!(path("").parent(), None);
    }

    quickcheck! {
        fn a_path_reads_back_from_its_text(text: String) -> bool {
            let path = LogicalPath::parse(&text);
            LogicalPath::parse(path.as_str()) == path && path.elements().collect::<Vec<_>>().join("\\") == path.as_str()
        }

        fn a_parent_is_an_ancestor(text: String) -> bool {
            let path = LogicalPath::parse(&text);
            path.parent().is_none_or(|parent| parent.is_ancestor_of(&path))
        }

        fn what_check_accepts_includes_each_component_in_one_way(picks: Vec<bool>) -> bool {
            let components = example();
            let chosen: Vec<_> = components.list().iter().zip(&picks).filter(|(_, pick)| **pick)
                .map(|(component, _)| component.id.clone()).collect();
            if !components.check_explicit(&chosen).is_empty() {
                return true;
            }
            let included = components.included(&chosen);
            chosen.iter().all(|id| included.get(id) == Some(&Inclusion::Explicit)
                && components.selectable_ancestors(id).all(|above| !included.contains_key(above)))
        }
    }
}
