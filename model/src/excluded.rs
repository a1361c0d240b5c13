//! Entries of the registry keys that keep files out of backups and shadow copies: FilesNotToBackup and FilesNotToSnapshot.
//!
//! ```text
//!   C:\Windows\Temp\*.tmp /s     drive, path, name; `/s`: also in the folders below
//!   \Pagefile.sys                without a drive: on every volume           (FilesNotToBackup)
//!   $AllVolumes$\Cache\*.*       the same                                   (FilesNotToSnapshot)
//!   $UserProfile$\Cache\*        in every profile of the machine            (FilesNotToSnapshot)
//! ```
//!
//! Variables such as `%TEMP%` are replaced in both (docs/choices.md). A text that has not this form names nothing.
//!
//! Source: registry-keys-for-backup-and-restore.md, excluding-files-from-shadow-copies.md (MicrosoftDocs/win32).

use crate::file_spec::{FileSet, Variables, expand};

/// What stands for every volume.
const ALL_VOLUMES: &str = "$AllVolumes$";
/// What stands for the profile of every user.
const USER_PROFILE: &str = "$UserProfile$";

/// The machine on which entries are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// Its environment.
    pub variables: &'a Variables,
    /// What the paths on its volumes begin with: `C:`.
    pub volumes: &'a [&'a str],
    /// The folders of its users' profiles; none where `$UserProfile$` is not replaced.
    pub profiles: &'a [&'a str],
}

/// The files that an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excluded {
    sets: Vec<FileSet>,
    /// Whether a folder of that name is meant too, with all that is in it.
    folders: bool,
}

impl Excluded {
    /// An entry of FilesNotToBackup: `[drive][path]\name [/s]`. The name may be that of a folder, unless it has a wildcard: then it
    /// would be every folder, and `/s` would say nothing.
    #[must_use]
    pub fn from_backup(entry: &str, machine: Machine<'_>) -> Excluded {
        let (entry, recursive) = recursion(entry);
        let Ok(path) = expand(entry, machine.variables) else { return Excluded { sets: Vec::new(), folders: false } };
        let everywhere = || machine.volumes.iter().map(|volume| format!("{volume}{path}")).collect();
        let paths = if path.starts_with('\\') { everywhere() } else { vec![path.to_string()] };
        Excluded::of(&paths, recursive, !path.contains(['*', '?']))
    }

    /// An entry of FilesNotToSnapshot.
    #[must_use]
    pub fn from_snapshot(entry: &str, machine: Machine<'_>) -> Excluded {
        let (entry, recursive) = recursion(entry);
        let under = |roots: &[&str], rest: &str| {
            roots.iter().map(|root| format!("{}{rest}", root.trim_end_matches('\\'))).collect()
        };
        let paths = if let Some(rest) = after(entry, ALL_VOLUMES) {
            under(machine.volumes, rest)
        } else if let Some(rest) = after(entry, USER_PROFILE) {
            under(machine.profiles, rest)
        } else {
            vec![entry.to_owned()]
        };
        let expanded: Vec<String> =
            paths.iter().filter_map(|path| expand(path, machine.variables).ok()).map(|path| path.to_string()).collect();
        Excluded::of(&expanded, recursive, false)
    }

    fn of(paths: &[String], recursive: bool, folders: bool) -> Excluded {
        let sets = paths.iter().filter_map(|path| {
            let (folder, name) = path.rsplit_once('\\')?;
            FileSet::new(folder, name, recursive).ok()
        });
        Excluded { sets: sets.collect(), folders }
    }

    /// Whether a file is meant, by its full path.
    #[must_use]
    pub fn matches(&self, file: &str) -> bool {
        let named = |path: &str| self.sets.iter().any(|set| set.matches(path));
        let above = || file.match_indices('\\').filter_map(|(at, _)| file.get(..at));
        named(file) || self.folders && above().any(named)
    }
}

/// Takes `/s` off an entry.
fn recursion(entry: &str) -> (&str, bool) {
    let entry = entry.trim();
    let cut = entry.len().checked_sub(3).and_then(|at| entry.split_at_checked(at));
    match cut.filter(|(_, end)| end.eq_ignore_ascii_case(" /s")) {
        Some((before, _)) => (before.trim_end(), true),
        None => (entry, false),
    }
}

/// What follows a variable at the beginning.
fn after<'t>(entry: &'t str, variable: &str) -> Option<&'t str> {
    let (start, rest) = entry.split_at_checked(variable.len())?;
    (start.eq_ignore_ascii_case(variable) && rest.starts_with('\\')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<'f>(entry: fn(&str, Machine<'_>) -> Excluded, text: &str, files: &[&'f str]) -> Vec<&'f str> {
        let mut variables = Variables::default();
        variables.set("TEMP", r"C:\Windows\Temp");
        variables.set("Star", "*");
        let machine =
            Machine { variables: &variables, volumes: &["C:", "D:"], profiles: &[r"C:\Users\ann", r"C:\Users\ben\"] };
        let found = entry(text, machine);
        files.iter().copied().filter(|file| found.matches(file)).collect()
    }

    #[test]
    fn a_path_a_name_and_recursion_are_told_apart() {
        let files =
            [r"C:\Windows\Temp\a.tmp", r"C:\Windows\Temp\b\c.tmp", r"C:\Windows\a.tmp", r"D:\Windows\Temp\a.tmp"];
        let named = |text| named(Excluded::from_backup, text, &files);
        assert_eq!(named(r"%TEMP%\* /s"), files[..2]);
        assert_eq!(named(r"%temp%\*"), files[..1]);
        assert_eq!(named(r"  c:\windows\temp\?.TMP  /S "), files[..2]);
        assert_eq!(named(r"C:\Windows\*.tmp /s"), files[..3]);
        // Without a drive on each of them.
        assert_eq!(named(r"\Windows\Temp\a.tmp"), [files[0], files[3]]);
    }

    #[test]
    fn a_name_without_wildcard_may_be_a_folder() {
        let files = [r"D:\a\b\1", r"D:\a\b\c\2", r"D:\a\bb\3", r"D:\x\b\4"];
        let named = |text| named(Excluded::from_backup, text, &files);
        assert_eq!(named(r"D:\a\b"), files[..2]);
        assert_eq!(named(r"D:\B /s"), [files[0], files[1], files[3]]);
        assert_eq!(named(r"D:\a\b*"), [""; 0]);
    }

    #[test]
    fn what_has_no_path_names_nothing() {
        let files = [r"C:\Temporary Files", r"C:\a"];
        for text in ["Temporary Files", "", " /s", "/s", r"C:\a\", r"C:\*\a", r"%Star%\a", "é/s"] {
            assert_eq!(named(Excluded::from_backup, text, &files), [""; 0], "{text}");
            assert_eq!(named(Excluded::from_snapshot, text, &files), [""; 0], "{text}");
        }
    }

    #[test]
    fn volumes_and_profiles_stand_for_each_of_them() {
        let files = [
            r"C:\TemporaryFiles\x\a.bin",
            r"D:\TemporaryFiles\b",
            r"D:\Data\TemporaryFiles\c",
            r"C:\Users\Ann\Cache\d.dat",
            r"C:\Users\Ben\Cache\e\f.dat",
            r"C:\Cache\g.dat",
        ];
        let named = |text| named(Excluded::from_snapshot, text, &files);
        assert_eq!(named(r"$AllVolumes$\TemporaryFiles\*.* /s"), files[..2]);
        assert_eq!(named(r"$allvolumes$\TemporaryFiles\*.*"), files[1..2]);
        assert_eq!(named(r"$UserProfile$\Cache\*.dat"), files[3..4]);
        assert_eq!(named(r"$UserProfile$\Cache\*.dat /s"), files[3..5]);
        assert_eq!(named(r"$UserProfile$Cache\*"), [""; 0]);
        // A full path has a drive.
        assert_eq!(named(r"\Cache\*"), [""; 0]);
        assert_eq!(named(r"C:\Cache"), [""; 0]);
    }
}
