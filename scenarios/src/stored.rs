//! What a scenario expects of the store of backups, and whether it is there. The trace does not hold files, so this is
//! looked up in the world at the end of a run.

use vssim_sim::backup_store::{BackupStore, StoredBackup, StoredFile};
use vssim_sim::content::fill;
use vssim_sim::storage::Bytes;

use crate::expectations::{Expectation, Expectations};
use crate::scalars::Count;
use crate::syntax::{ExpectedFile, ReadFrom, UnexpectedFile};
use crate::yaml::At;

/// How much of a file is compared at once.
const AT_ONCE: usize = 16 * 1024;

/// Compares what was stored with what was expected of it.
pub(crate) fn check(expectations: &Expectations, store: &BackupStore) -> Vec<Expectation> {
    let written = &expectations.written;
    let stored = written.stored.iter().map(|file| stored(file, store).showing(&file.shows));
    stored.chain(written.not_stored.iter().map(|file| not_stored(file, store).showing(&file.shows))).collect()
}

fn backup_of<'a>(store: &'a BackupStore, number: Option<&At<Count>>) -> Result<&'a StoredBackup, String> {
    let count = store.backups.len();
    let number = number.map_or(count, |number| number.0 as usize);
    let backup = number.checked_sub(1).and_then(|index| store.backups.get(index));
    backup.map(AsRef::as_ref).ok_or_else(|| format!("there is no backup {number} in the store, which has {count}"))
}

fn files_of<'a>(backup: &'a StoredBackup, path: &'a str) -> impl Iterator<Item = (&'a str, &'a StoredFile)> {
    let alike = backup.files().filter(|(_, file)| file.path.eq_ignore_ascii_case(path));
    alike.map(|(component, file)| (component.name.as_str(), file))
}

fn stored(expected: &ExpectedFile, store: &BackupStore) -> Expectation {
    let name = format!("stored: {}", expected.path.0);
    let found = match backup_of(store, expected.backup.as_ref()) {
        Err(why) => why,
        Ok(backup) => {
            let wanted = |component: &str| expected.component.as_ref().is_none_or(|name| name.0 == component);
            let mut files = files_of(backup, &expected.path.0).filter(|(component, _)| wanted(component));
            match files.next() {
                None => format!("{} did not copy it", backup.name),
                Some((_, file)) => match difference(expected, file) {
                    None => return Expectation::new(name, true, described(file)),
                    Some(why) => format!("{}: {why}", backup.name),
                },
            }
        }
    };
    Expectation::new(name, false, found)
}

fn not_stored(expected: &UnexpectedFile, store: &BackupStore) -> Expectation {
    let name = format!("not stored: {}", expected.path.0);
    let (met, detail) = match backup_of(store, expected.backup.as_ref()) {
        Err(why) => (false, why),
        Ok(backup) => match files_of(backup, &expected.path.0).next() {
            None => (true, format!("{} did not copy it", backup.name)),
            Some((component, file)) => {
                (false, format!("{} copied it for {component}: {}", backup.name, described(file)))
            }
        },
    };
    Expectation::new(name, met, detail)
}

fn ranges(file: &StoredFile) -> String {
    let all = file.parts.iter().map(|(offset, bytes)| format!("{offset}:{}", bytes.len()));
    all.collect::<Vec<_>>().join(",")
}

fn described(file: &StoredFile) -> String {
    let source = if file.live { "the live volume" } else { "the shadow copy" };
    let from = file.read_from.as_ref().map(|path| format!(" ({path})")).unwrap_or_default();
    let what = if file.whole { format!("{} B", file.size) } else { format!("the ranges {}", ranges(file)) };
    format!("{what} from {source}{from}")
}

/// What is not as it was expected.
fn difference(expected: &ExpectedFile, file: &StoredFile) -> Option<String> {
    let described = described(file);
    let live = expected.from.as_ref().is_some_and(|from| (from.value == ReadFrom::Live) != file.live);
    let whole = expected.whole.as_ref().is_some_and(|whole| whole.0 != file.whole);
    let path = expected.read_from.as_ref();
    let path =
        path.is_some_and(|path| file.read_from.as_deref().is_none_or(|from| !from.eq_ignore_ascii_case(&path.0)));
    if live || whole || path {
        return Some(described);
    }
    if let Some(expected) = &expected.ranges {
        let found: Vec<(u64, u64)> = file.parts.iter().map(|(offset, bytes)| (*offset, bytes.len())).collect();
        if !expected.0.iter().map(|range| (range.offset, range.length)).eq(found) {
            return Some(described);
        }
    }
    let seed = expected.seed.as_ref()?;
    let differs = file.parts.iter().find_map(|(offset, bytes)| first_difference(*offset, bytes, u64::from(seed.0)))?;
    Some(format!("byte {differs} is not that of seed {}", seed.0))
}

fn first_difference(offset: u64, bytes: &Bytes, seed: u64) -> Option<u64> {
    let (mut found, mut wanted) = (vec![0; AT_ONCE], vec![0; AT_ONCE]);
    let mut at = 0;
    loop {
        let read = bytes.read(at, &mut found);
        fill(seed, offset + at, &mut wanted);
        let differs = found.iter().zip(&wanted).take(read).position(|(found, wanted)| found != wanted);
        if let Some(differs) = differs {
            return Some(offset + at + differs as u64);
        }
        if read < AT_ONCE {
            return None;
        }
        at += read as u64;
    }
}
