//! The backup set: which files a requester copies, from where, whole or in ranges. It follows from the documents, the
//! backup type and what is on the volumes; nothing is read but ranges files.
//!
//! ```text
//!  Writer Metadata Documents ──► file sets of the included components ──► less the exclude list ──┐
//!                                 (path or alternate path; mask: wanted? from a shadow copy?)      ▼
//!  Backup Components Document ─► differenced files (INC-001) ─► partial files ─► the rest by mask ─► items
//! ```
//!
//! The documents are looked at when the files are copied, so what writers added at PostSnapshot counts
//! (docs/choices.md, C-33). Files are compared by their original paths, whatever path they are read from (INC-032).

mod candidates;
pub mod ranges;
mod schema;

#[cfg(test)]
mod tests;

use std::cell::LazyCell;
use std::collections::BTreeMap;

use vssim_model::api::{BackupType, ComponentName};
use vssim_model::component::{Component, ComponentId, Components, Inclusion};
use vssim_model::documents::{BackupComponents, BackupSchema, Component as Described, ComponentView, WriterMetadata};
use vssim_model::excluded::Excluded;
use vssim_model::file_spec::{FileSet, Variables};
use vssim_model::ids::WriterInstanceId;

use crate::backup_store::BackupStore;
use crate::storage::{FileId, FileTable};

pub use self::ranges::{BadRanges, Range};
pub use self::schema::{effective_type, keeps_log};

use self::candidates::{Candidate, Candidates, FileSets, Place, full_path, key};

/// Where a file is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The shadow copy of its volume.
    Copy,
    /// The volume itself.
    Live,
}

/// One volume, as the requester sees it.
#[derive(Clone, Debug)]
pub struct VolumeFiles<'a> {
    /// What paths on it begin with, without trailing backslash: `C:`.
    pub name: &'a str,
    /// Its files as they are now.
    pub live: Option<&'a FileTable>,
    /// The files of its shadow copy, when the set has one.
    pub copy: Option<&'a FileTable>,
}

impl<'a> VolumeFiles<'a> {
    fn files(&self, source: Source) -> Option<&'a FileTable> {
        match source {
            Source::Copy => self.copy,
            Source::Live => self.live,
        }
    }
}

/// What a backup set is made from.
pub struct Given<'a> {
    /// The Backup Components Document as it is now.
    pub document: &'a BackupComponents,
    /// The Writer Metadata Documents as they were gathered, by instance.
    pub metadata: &'a [(WriterInstanceId, &'a WriterMetadata)],
    /// The environment in which paths are expanded.
    pub variables: &'a Variables,
    /// The volumes, by number.
    pub volumes: &'a [VolumeFiles<'a>],
    /// What the registry keeps out of backups.
    pub not_to_backup: &'a [&'a Excluded],
    /// What the requester backed up before.
    pub store: &'a BackupStore,
    /// Reads a ranges file.
    pub read: &'a dyn Fn(u16, Source, FileId) -> Option<Vec<u8>>,
}

/// What is to be copied of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// All of it.
    Whole,
    /// These ranges, in this order.
    Ranges(Vec<Range>),
}

/// A file to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The path at which it will be restored.
    pub path: String,
    /// The path that it is read from, where that is another one.
    pub read_from: Option<String>,
    /// The volume that it is read from.
    pub volume: u16,
    /// From the shadow copy, or not.
    pub source: Source,
    /// The file.
    pub file: FileId,
    /// All of it, or ranges.
    pub what: What,
}

/// A component of the backup, explicitly or implicitly included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The component.
    pub component: ComponentName,
    /// The component of the document that brings it; itself for an explicit one.
    pub explicit: ComponentName,
    /// How it is backed up.
    pub backup_type: BackupType,
    /// Its files, in order of their paths.
    pub items: Vec<Item>,
}

/// Something that is wrong with the instructions of a writer, or cannot be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The explicit component.
    pub component: ComponentName,
    /// The file, or the folder and specification.
    pub path: String,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// It has to be read from a shadow copy, and its volume has none.
    NoShadowCopy,
    /// It is named as a partial file and as a differenced file (INC-016); the latter counts (INC-017).
    PartialAndDifferenced,
    /// The ranges of a partial file cannot be read.
    Ranges(BadRanges),
    /// A file that a file set names, a partial file or a ranges file is not there.
    NotThere,
}

impl ProblemKind {
    /// Whether something was left out for it.
    #[must_use]
    pub fn loses_data(self) -> bool {
        self != ProblemKind::PartialAndDifferenced
    }
}

/// A backup set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The components, writer by writer.
    pub components: Vec<Chosen>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Makes the backup set.
#[must_use]
pub fn select(given: &Given<'_>) -> Selection {
    let mut selection = Selection::default();
    let requested = given.document.backup_state().map_or(BackupType::Full, |state| state.backup_type);
    let partial_files = given.document.backup_state().is_some_and(|state| state.partial_file_support);
    for writer in given.document.writers() {
        // An instance alone does not name a writer: that of an express writer is whatever its document says.
        let of_class = || given.metadata.iter().filter(|(_, known)| known.identification().writer() == writer.writer());
        let by_instance = of_class().find(|(instance, _)| *instance == writer.instance());
        let Some((_, metadata)) = by_instance.or_else(|| of_class().next()) else { continue };
        let all = metadata.components().map(|component| Component {
            id: ComponentId::new(component.logical_path(), component.name()),
            selectable: component.selectable(),
        });
        let Ok(all) = Components::new(all.collect()) else { continue };
        let ids: Vec<ComponentId> =
            writer.components().map(|view| ComponentId::new(view.logical_path(), view.name())).collect();
        let mut brought = BTreeMap::<&ComponentId, Vec<&ComponentId>>::new();
        for (id, inclusion) in all.included(&ids) {
            let by = if let Inclusion::Implicit { by } = inclusion { by } else { id };
            brought.entry(by).or_default().push(id);
        }
        let described = metadata.components().map(|c| (ComponentId::new(c.logical_path(), c.name()), c)).collect();
        let excludes = excludes(metadata, given.variables);
        let schema = metadata.backup_schema();
        for (view, explicit) in writer.components().zip(&ids) {
            let chooser =
                Chooser { given, described: &described, view, schema, requested, partial_files, excludes: &excludes };
            chooser.choose(explicit, brought.get(explicit).map_or(&[], Vec::as_slice), &mut selection);
        }
    }
    // Last of all, and whoever names the files (generating-a-backup-set.md).
    for chosen in &mut selection.components {
        chosen.items.retain(|item| !given.not_to_backup.iter().any(|excluded| excluded.matches(&item.path)));
    }
    selection
}

/// The exclude list of a writer; its paths are original paths.
fn excludes(metadata: &WriterMetadata, variables: &Variables) -> FileSets {
    let sets = metadata.excludes().filter_map(|set| FileSet::new(set.path(), set.filespec(), set.recursive()).ok());
    sets.filter_map(|set| set.expand(variables).ok()).collect()
}

/// Chooses the files of one explicit component and of those that come with it.
struct Chooser<'a> {
    given: &'a Given<'a>,
    /// The components of the writer's metadata.
    described: &'a BTreeMap<ComponentId, Described<'a>>,
    view: ComponentView<'a>,
    schema: BackupSchema,
    requested: BackupType,
    partial_files: bool,
    excludes: &'a FileSets,
}

/// A differenced entry, with the time from which on files count as changed.
struct Differenced {
    set: FileSet,
    /// Files modified later count; at this very moment they count too when the time is the requester's own.
    since: u64,
    own: bool,
}

impl Differenced {
    fn changed(&self, modified: u64) -> bool {
        modified > self.since || self.own && modified == self.since
    }
}

impl Chooser<'_> {
    fn choose(&self, own: &ComponentId, brought: &[&ComponentId], into: &mut Selection) {
        let explicit = self.view.full_name();
        let backup_type = effective_type(self.requested, self.schema, self.given.store, &explicit);
        let mut candidates = Candidates::default();
        let mut names = vec![explicit.clone()];
        for id in brought {
            let Some(component) = self.described.get(id) else { continue };
            let name = ComponentName {
                logical_path: component.logical_path().to_owned(),
                name: component.name().to_owned(),
                ..explicit.clone()
            };
            let member = if *id == own {
                0
            } else {
                names.push(name);
                names.len() - 1
            };
            for set in component.file_sets() {
                let lost = candidates.add(self.given, member, set, backup_type);
                // What would be left out anyway need not be there.
                let lost = lost.filter(|(path, kind)| *kind != ProblemKind::NotThere || !self.is_left_out(path));
                if let Some((path, kind)) = lost {
                    into.problems.push(Problem { component: explicit.clone(), path, kind });
                }
            }
        }
        candidates.files.retain(|_, file| !self.is_excluded(&file.path));
        let mut items = BTreeMap::new();
        let partly = matches!(backup_type, BackupType::Incremental | BackupType::Differential);
        if partly && self.schema.contains(BackupSchema::LAST_MODIFY) {
            // INC-014: the entries of other writers mean nothing.
            self.differenced(backup_type, &explicit, &mut candidates, &mut items);
        }
        self.partial(&explicit, &mut candidates, &mut items, into);
        for (key, file) in candidates.files {
            if file.wanted {
                items.insert(key, file.item(What::Whole));
            }
        }
        let mut chosen: Vec<Chosen> = names
            .into_iter()
            .map(|component| Chosen { component, explicit: explicit.clone(), backup_type, items: Vec::new() })
            .collect();
        for (member, item) in items.into_values() {
            if let Some(chosen) = chosen.get_mut(member) {
                chosen.items.push(item);
            }
        }
        into.components.extend(chosen);
    }

    /// CMP-DEF-032: whatever was selected.
    fn is_excluded(&self, path: &str) -> bool {
        self.excludes.matches(path)
    }

    /// Excluded by the writer, or kept out by the registry.
    fn is_left_out(&self, path: &str) -> bool {
        self.is_excluded(path) || self.given.not_to_backup.iter().any(|excluded| excluded.matches(path))
    }

    /// Differenced files: whole, if they were modified since; masks do not count (INC-008).
    fn differenced(
        &self,
        backup_type: BackupType,
        explicit: &ComponentName,
        candidates: &mut Candidates,
        items: &mut BTreeMap<String, (usize, Item)>,
    ) {
        for entry in self.differenced_entries(backup_type, explicit) {
            // Files of the component; they are decided on here and nowhere else.
            let named = candidates.take(&entry.set);
            let news = candidates::beside_components(self.given, &entry.set, &named);
            let news = news.into_iter().filter(|(key, file)| !items.contains_key(key) && !self.is_excluded(&file.path));
            let news: Vec<(String, Candidate)> = news.collect();
            for (key, file) in named.into_iter().chain(news) {
                if entry.changed(file.modified) {
                    items.insert(key, file.item(What::Whole));
                }
            }
        }
    }

    fn differenced_entries(&self, backup_type: BackupType, explicit: &ComponentName) -> Vec<Differenced> {
        let base = LazyCell::new(|| self.given.store.base(backup_type, explicit).map_or(0, |(backup, _)| backup.taken));
        let entries = self.view.differenced_files().filter_map(|(path, spec, recursive, time)| {
            let set = FileSet::new(path, spec, recursive).ok()?.expand(self.given.variables).ok()?;
            Some(match time {
                // INC-010: the requester's own records. INC-009: any other time is the only basis.
                0 => Differenced { set, since: *base, own: true },
                since => Differenced { set, since, own: false },
            })
        });
        entries.collect()
    }

    /// Partial files: their ranges and nothing else of them (PART-008), masks do not count (PART-010).
    fn partial(
        &self,
        explicit: &ComponentName,
        candidates: &mut Candidates,
        items: &mut BTreeMap<String, (usize, Item)>,
        into: &mut Selection,
    ) {
        let differenced = self.differenced_entries(BackupType::Full, explicit);
        let differenced: FileSets = differenced.into_iter().map(|entry| entry.set).collect();
        for (folder, name, ranges, _) in self.view.partial_files() {
            let Ok(folder) = vssim_model::file_spec::expand(folder, self.given.variables) else { continue };
            let path = full_path(&folder, name);
            let key = key(&path);
            let problem = |kind| Problem { component: explicit.clone(), path: path.clone(), kind };
            if self.is_excluded(&path) {
                continue;
            }
            if differenced.matches(&path) {
                into.problems.push(problem(ProblemKind::PartialAndDifferenced));
                continue;
            }
            let in_a_set = candidates.files.remove(&key);
            let beside = in_a_set.is_none();
            let Some(file) = in_a_set.or_else(|| candidates::at(self.given, &path)) else {
                into.problems.push(problem(ProblemKind::NotThere));
                continue;
            };
            // PART-009: a file in no component comes along if its volume is shadow copied.
            if beside && file.place.source == Source::Live {
                into.problems.push(problem(ProblemKind::NoShadowCopy));
                continue;
            }
            if !self.partial_files {
                // A requester that cannot copy ranges copies the file.
                items.insert(key, file.item(What::Whole));
                continue;
            }
            match self.ranges(ranges, items) {
                Ok(ranges) => drop(items.insert(key, file.item(What::Ranges(ranges)))),
                Err(kind) => into.problems.push(problem(kind)),
            }
        }
    }

    /// The ranges of a partial file. A file that holds them is backed up too, whole (PART-007).
    fn ranges(&self, text: &str, items: &mut BTreeMap<String, (usize, Item)>) -> Result<Vec<Range>, ProblemKind> {
        let Some(path) = ranges::file_of(text) else { return ranges::parse(text).map_err(ProblemKind::Ranges) };
        let Ok(path) = vssim_model::file_spec::expand(path, self.given.variables) else {
            return Err(ProblemKind::NotThere);
        };
        let file = candidates::at(self.given, &path).ok_or(ProblemKind::NotThere)?;
        let Place { volume, source, file: id } = file.place;
        let bytes = (self.given.read)(volume, source, id).ok_or(ProblemKind::NotThere)?;
        let ranges = ranges::read(&bytes).map_err(ProblemKind::Ranges)?;
        items.entry(key(&path)).or_insert_with(|| file.item(What::Whole));
        Ok(ranges)
    }
}
