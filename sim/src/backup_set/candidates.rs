//! The files that the file sets of components name, with what the masks say of each.

use std::collections::BTreeMap;

use vssim_model::api::BackupType;
use vssim_model::documents::{FileSet as DocumentSet, FileSetKind};
use vssim_model::file_spec::{FileSet, expand, matches_wildcards};

use super::schema::mask_bits;
use super::{Given, Item, ProblemKind, Source, VolumeFiles, What};
use crate::storage::{FileId, FileTable, path};

/// Where a file lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) volume: u16,
    pub(super) source: Source,
    pub(super) file: FileId,
}

/// A file that may be copied.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Which of the components of the set it belongs to.
    pub(super) member: usize,
    /// The original path.
    pub(super) path: String,
    pub(super) read_from: Option<String>,
    pub(super) place: Place,
    pub(super) modified: u64,
    /// Whether a mask demands it.
    pub(super) wanted: bool,
}

impl Candidate {
    pub(super) fn item(self, what: What) -> (usize, Item) {
        let Candidate { member, path, read_from, place, .. } = self;
        (member, Item { path, read_from, volume: place.volume, source: place.source, file: place.file, what })
    }
}

/// The files of a component set, by [`key`].
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) files: BTreeMap<String, Candidate>,
}

/// What two paths have in common that differ in case only.
pub(super) fn key(path: &str) -> String {
    path::fold(path)
}

/// A name in a folder.
pub(super) fn full_path(folder: &str, name: &str) -> String {
    format!("{}\\{name}", folder.trim_end_matches('\\'))
}

/// The volume that a path lies on, and the rest of the path.
fn volume_of<'a, 'p>(given: &Given<'a>, path: &'p str) -> Option<(u16, &'a VolumeFiles<'a>, &'p str)> {
    let (name, rest) = path.split_once('\\').unwrap_or((path, ""));
    let found = (0_u16..).zip(given.volumes).find(|(_, volume)| volume.name.eq_ignore_ascii_case(name));
    found.map(|(index, volume)| (index, volume, rest.trim_end_matches('\\')))
}

impl Candidates {
    /// Adds the files of a file set. Gives back what of it cannot be copied, as a text, and why: its files would have to be read
    /// from a shadow copy that there is not, or the one that it names is not there, perhaps nor its volume (CMP-DEF-017).
    pub(super) fn add(
        &mut self,
        given: &Given<'_>,
        member: usize,
        set: DocumentSet<'_>,
        backup_type: BackupType,
    ) -> Option<(String, ProblemKind)> {
        let (needed, from_copy) = mask_bits(backup_type);
        // BKP-TYPE-007: log backups are made of log files alone.
        let takes_part = backup_type != BackupType::Log || set.kind() == FileSetKind::DatabaseLogFiles;
        let wanted = takes_part && set.backup_type().contains(needed);
        // What wildcards name may be nothing.
        let by_name = !set.filespec().contains(['*', '?']);
        let nowhere =
            |folder: &str| (wanted && by_name).then(|| (full_path(folder, set.filespec()), ProblemKind::NotThere));
        let Ok(original) = expand(set.path(), given.variables) else { return nowhere(set.path()) };
        let folder = set.alternate_path().map(|alternate| expand(alternate, given.variables));
        let Ok(folder) = folder.unwrap_or_else(|| Ok(original.clone())) else { return nowhere(&original) };
        let Some((index, volume, rest)) = volume_of(given, &folder) else { return nowhere(&original) };
        let source = if set.backup_type().contains(from_copy) { Source::Copy } else { Source::Live };
        let Some(files) = volume.files(source) else {
            let there =
                volume.live.is_some_and(|live| named(live, rest, set.filespec(), set.recursive()).next().is_some());
            let (folder, why) =
                if there { (folder, ProblemKind::NoShadowCopy) } else { (original, ProblemKind::NotThere) };
            return (wanted && (there || by_name)).then(|| (full_path(&folder, set.filespec()), why));
        };
        let mut missing = wanted && by_name;
        for (file, inside) in named(files, rest, set.filespec(), set.recursive()) {
            missing = false;
            let path = full_path(&original, inside);
            let read_from = set.alternate_path().map(|_| full_path(&folder, inside));
            let place = Place { volume: index, source, file };
            let modified = files.modified(file);
            let known = self.files.entry(key(&path));
            let known =
                known.or_insert_with(|| Candidate { member, path, read_from: None, place, modified, wanted: false });
            // Of several sets that name the file, one that demands a shadow copy counts, and one that demands the file.
            if source < known.place.source || !known.wanted && wanted {
                (known.place, known.read_from, known.modified) = (place, read_from, modified);
            }
            known.wanted |= wanted;
        }
        missing.then(|| (full_path(&original, set.filespec()), ProblemKind::NotThere))
    }

    /// Takes the files of a set out. They lie below its folder.
    pub(super) fn take(&mut self, set: &FileSet) -> BTreeMap<String, Candidate> {
        let folder = folder_key(set);
        // `]` is the character behind the backslash.
        let below = format!("{folder}\\")..format!("{folder}]");
        self.files.extract_if(below, |_, file| set.matches(&file.path)).collect()
    }
}

/// File sets, by folder.
#[derive(Debug, Default)]
pub(super) struct FileSets(BTreeMap<String, Vec<FileSet>>);

impl FromIterator<FileSet> for FileSets {
    fn from_iter<I: IntoIterator<Item = FileSet>>(sets: I) -> FileSets {
        let mut by_folder = BTreeMap::<String, Vec<FileSet>>::new();
        for set in sets {
            by_folder.entry(folder_key(&set)).or_default().push(set);
        }
        FileSets(by_folder)
    }
}

impl FileSets {
    /// Whether a file belongs to one of the sets: only those of the folders above it are asked.
    pub(super) fn matches(&self, path: &str) -> bool {
        let key = key(path);
        let folders = key.match_indices('\\').filter_map(|(end, _)| self.0.get(key.get(..end)?));
        folders.flatten().any(|set| set.matches(path))
    }
}

/// What the keys of all files of a set begin with, but for a backslash.
fn folder_key(set: &FileSet) -> String {
    key(set.path().trim_end_matches('\\'))
}

/// The files in a folder that a specification names, with their paths inside the folder.
fn named<'a>(
    files: &'a FileTable,
    folder: &'a str,
    specification: &'a str,
    recursive: bool,
) -> Box<dyn Iterator<Item = (FileId, &'a str)> + 'a> {
    let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
    if !recursive && !specification.contains(['*', '?']) {
        let path = if folder.is_empty() { specification.to_owned() } else { format!("{folder}\\{specification}") };
        let found = files.find(&path).and_then(|file| Some((file, files.file(file)?.path().get(skip..)?)));
        return Box::new(found.into_iter());
    }
    let in_folder = files.list(folder, recursive);
    Box::new(in_folder.filter_map(move |(file, entry)| {
        let inside = entry.path().get(skip..)?;
        let name = inside.rsplit_once('\\').map_or(inside, |(_, name)| name);
        matches_wildcards(specification, name).then_some((file, inside))
    }))
}

/// Files that a differenced entry brings although no component names them: out of the shadow copy (INC-003, INC-006).
pub(super) fn beside_components(
    given: &Given<'_>,
    set: &FileSet,
    known: &BTreeMap<String, Candidate>,
) -> Vec<(String, Candidate)> {
    let Some((index, volume, rest)) = volume_of(given, set.path()) else { return Vec::new() };
    let Some(files) = volume.copy else { return Vec::new() };
    let mut found = Vec::new();
    for (file, inside) in named(files, rest, set.spec(), set.recursive()) {
        let path = full_path(set.path(), inside);
        let key = key(&path);
        if known.contains_key(&key) {
            continue;
        }
        let place = Place { volume: index, source: Source::Copy, file };
        let modified = files.modified(file);
        found.push((key, Candidate { member: 0, path, read_from: None, place, modified, wanted: false }));
    }
    found
}

/// The file of a path in the shadow copy of its volume; where there is none, on the volume itself.
pub(super) fn at(given: &Given<'_>, path: &str) -> Option<Candidate> {
    let (volume, found, rest) = volume_of(given, path)?;
    let source = if found.copy.is_some() { Source::Copy } else { Source::Live };
    let files = found.files(source)?;
    let file = files.find(rest)?;
    let place = Place { volume, source, file };
    let path = path.to_owned();
    Some(Candidate { member: 0, path, read_from: None, place, modified: files.modified(file), wanted: false })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

    use proptest::prelude::*;

    use super::*;

    fn paths() -> impl Strategy<Value = String> {
        prop::sample::select(vec![
            r"C:\a.db",
            r"c:\A\a.db",
            r"C:\a\b.tx",
            r"C:\a\b\c.db",
            r"C:\a]\c.db",
            r"C:\ab\a.db",
            r"C:\a\\d.db",
            r"D:\a\a.db",
            r"\\server\a\a.db",
            "a.db",
        ])
        .prop_map(str::to_owned)
    }

    fn sets() -> impl Strategy<Value = FileSet> {
        let folders =
            prop::sample::select(vec!["C:", r"C:\", r"C:\a", r"c:\A\", r"C:\a\b", r"C:\a]", r"\", r"\\server\a"]);
        let specs = prop::sample::select(vec!["*", "*.db", "a.*", "B.TX"]);
        (folders, specs, any::<bool>()).prop_map(|(path, spec, recursive)| FileSet::new(path, spec, recursive).unwrap())
    }

    proptest! {
        #[test]
        fn sets_by_folder_match_what_one_of_them_matches(sets in prop::collection::vec(sets(), 0..6), path in paths()) {
            let any = sets.iter().any(|set| set.matches(&path));
            let by_folder: FileSets = sets.into_iter().collect();
            prop_assert_eq!(by_folder.matches(&path), any, "{}", path);
        }

        #[test]
        fn all_files_of_a_set_are_taken_and_no_others(set in sets(), paths in prop::collection::vec(paths(), 0..10)) {
            let file = FileTable::new(64).create("a", 1).unwrap();
            let place = Place { volume: 0, source: Source::Copy, file };
            let candidate = |path: String| Candidate { member: 0, path, read_from: None, place, modified: 0, wanted: false };
            let files = paths.into_iter().map(|path| (key(&path), candidate(path))).collect();
            let mut candidates = Candidates { files };
            let taken = candidates.take(&set);
            prop_assert!(taken.values().all(|file| set.matches(&file.path)));
            prop_assert!(!candidates.files.values().any(|file| set.matches(&file.path)));
        }
    }
}
