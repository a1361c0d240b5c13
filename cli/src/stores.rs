//! Stores of backups as folders (docs/store.md): read with suspicion, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vssim_model::text::quoted;
use vssim_scenarios::saved::{self, Contents, MANIFEST};
use vssim_sim::backup_store::BackupStore;
use vssim_sim::storage::Bytes;

use crate::BadInput;
use crate::progress::Interrupt;

/// How much is written at once.
const AT_ONCE: usize = 64 * 1024;

/// Loads a store.
pub(crate) fn load(folder: &Path) -> Result<BackupStore, BadInput> {
    if folder.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        let folder = folder.display();
        return Err(BadInput(format!(
            "error: there is no folder {folder}\n  `vssim run backup --save {folder}` makes a store"
        )));
    }
    let read = |name: &str, most: u64| read(folder, name, most);
    saved::load(&read).map_err(|error| BadInput(format!("error: {}", folder.join(error.to_string()).display())))
}

/// Reads a file of the folder. No link on the way to it is followed: it could lead anywhere.
fn read(folder: &Path, name: &str, most: u64) -> Result<Vec<u8>, String> {
    let told = |error: io::Error| format!("cannot be read: {error}");
    let mut path = folder.to_path_buf();
    let mut known = None;
    for part in Path::new(name).components() {
        path.push(part);
        let now = path.symlink_metadata().map_err(told)?;
        if now.is_symlink() {
            return Err("is a link or behind one, and links are not followed".to_owned());
        }
        known = Some(now);
    }
    if !known.is_some_and(|known| known.is_file()) {
        return Err("is no plain file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(&path).map_err(told)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > most {
        return Err(format!("is longer than {most} bytes"));
    }
    Ok(bytes)
}

/// Refuses to write where something is, unless it is a store and may be replaced.
pub(crate) fn check_free(folder: &Path, force: bool) -> Result<(), BadInput> {
    if folder.symlink_metadata().is_err() {
        return Ok(());
    }
    let refused = |why: &str| Err(BadInput(format!("error: {} exists already{why}", folder.display())));
    match not_a_store(folder) {
        Some(why) => refused(&format!(" and is no store of backups: {why}")),
        None if force => Ok(()),
        None => refused("\n  --force replaces it"),
    }
}

/// Why a folder is no store, or more than one. All that is in it goes when it is replaced.
fn not_a_store(folder: &Path) -> Option<String> {
    let manifest = match read(folder, MANIFEST, saved::LONGEST_TEXT) {
        Ok(manifest) => manifest,
        Err(why) => return Some(format!("{MANIFEST} {why}")),
    };
    if !saved::is_manifest(&manifest) {
        return Some(format!("{MANIFEST} does not say that it is one"));
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return Some(format!("it cannot be listed: {error}")),
    };
    entries.into_iter().find_map(|entry| match entry {
        Ok(entry) => {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            (!saved::is_name(&name)).then(|| format!("{} is in it", quoted(&name)))
        }
        Err(error) => Some(format!("it cannot be listed: {error}")),
    })
}

/// Writes a store into a folder beside the one that is meant, which then gets its name.
pub(crate) fn save(store: &BackupStore, folder: &Path, force: bool, interrupt: &Interrupt) -> Result<(), BadInput> {
    let wrong = |error: io::Error| BadInput(format!("error: cannot write {}: {error}", folder.display()));
    let not_again = |why: String| BadInput(format!("error: {} cannot be loaded again: {why}", folder.display()));
    saved::check_size(store).map_err(not_again)?;
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = tempfile::Builder::new().prefix(".vssim-").tempdir_in(parent).map_err(wrong)?;
    let made = temporary.path().join("store");
    create(&made).map_err(wrong)?;
    saved::save(store, |name, contents| write(&made.join(name), contents, interrupt)).map_err(wrong)?;
    saved::check(&|name, most| read(&made, name, most)).map_err(|error| not_again(error.to_string()))?;
    check_free(folder, force)?;
    replace(temporary, &made, folder, |from, to| fs::rename(from, to))
}

/// Puts what was made where the folder is. What was there goes with the temporary folder, unless it can neither be replaced nor put
/// back: it is the only store then.
fn replace(
    temporary: TempDir,
    made: &Path,
    folder: &Path,
    mut rename: impl FnMut(&Path, &Path) -> io::Result<()>,
) -> Result<(), BadInput> {
    let wrong = |error: io::Error| format!("error: cannot write {}: {error}", folder.display());
    let old: Option<PathBuf> = folder.symlink_metadata().is_ok().then(|| temporary.path().join("old"));
    if let Some(old) = &old {
        rename(folder, old).map_err(|error| BadInput(wrong(error)))?;
    }
    let Err(error) = rename(made, folder) else { return Ok(()) };
    if let Some(old) = old
        && rename(&old, folder).is_err()
    {
        let _ = temporary.keep();
        return Err(BadInput(format!("{}\n  the store that was there is now {}", wrong(error), old.display())));
    }
    Err(BadInput(wrong(error)))
}

fn create(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

fn write(path: &Path, contents: Contents<'_>, interrupt: &Interrupt) -> io::Result<()> {
    go_on(interrupt)?;
    if let Some(folder) = path.parent() {
        create(folder)?;
    }
    let mut file = File::create_new(path)?;
    match contents {
        Contents::Text(text) => file.write_all(text.as_bytes())?,
        Contents::Parts(parts) => {
            let mut at = 0;
            for (_, bytes) in parts {
                write_bytes(&mut file, at, bytes, interrupt)?;
                at += bytes.len();
            }
            file.set_len(at)?;
        }
    }
    file.sync_all()
}

/// Not so when the user breaks off: the temporary folder goes, and nothing was written.
fn go_on(interrupt: &Interrupt) -> io::Result<()> {
    if interrupt.is_set() { Err(io::Error::other("broken off")) } else { Ok(()) }
}

/// What is zeros becomes a hole.
fn write_bytes(file: &mut File, at: u64, bytes: &Bytes, interrupt: &Interrupt) -> io::Result<()> {
    for (offset, piece) in bytes.pieces() {
        file.seek(SeekFrom::Start(at + offset))?;
        for part in piece.chunks(AT_ONCE) {
            go_on(interrupt)?;
            file.write_all(part)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]
mod tests {
    use super::*;

    /// A folder with a store of no backups in it, `store`.
    fn place() -> (TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("store");
        save(&BackupStore::default(), &folder, false, &Interrupt::watch()).unwrap();
        (place, folder)
    }

    #[test]
    fn a_store_that_is_broken_off_leaves_nothing_and_the_one_before_it_stays() {
        let (place, folder) = place();
        let before = fs::read(folder.join(MANIFEST)).unwrap();
        let BadInput(told) = save(&BackupStore::default(), &folder, true, &Interrupt::set()).unwrap_err();
        assert!(told.ends_with("broken off"), "{told}");
        assert_eq!(fs::read(folder.join(MANIFEST)).unwrap(), before);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn no_link_on_the_way_to_a_file_is_followed() {
        use std::os::unix::fs::symlink;
        let (place, folder) = place();
        let (outside, file) = (place.path().join("outside"), "backup-0001/files/000001.bin");
        fs::create_dir_all(outside.join("files")).unwrap();
        fs::write(outside.join("files/000001.bin"), "secret").unwrap();
        symlink(&outside, folder.join("backup-0001")).unwrap();
        assert!(read(&folder, file, 10).unwrap_err().contains("links are not followed"));
        fs::remove_file(folder.join("backup-0001")).unwrap();
        fs::create_dir(folder.join("backup-0001")).unwrap();
        symlink(outside.join("files"), folder.join("backup-0001/files")).unwrap();
        assert!(read(&folder, file, 10).unwrap_err().contains("links are not followed"));
        fs::remove_file(folder.join("backup-0001/files")).unwrap();
        fs::rename(outside.join("files"), folder.join("backup-0001/files")).unwrap();
        assert_eq!(read(&folder, file, 10), Ok(b"secret".to_vec()));
    }

    #[test]
    fn a_store_that_can_neither_be_replaced_nor_put_back_is_kept() {
        let (place, folder) = place();
        let temporary = tempfile::tempdir_in(place.path()).unwrap();
        let made = temporary.path().join("made");
        fs::create_dir(&made).unwrap();
        let kept = temporary.path().join("old");
        let mut renames = 0;
        let told = replace(temporary, &made, &folder, |from, to| {
            renames += 1;
            if renames == 1 { fs::rename(from, to) } else { Err(io::Error::other("no")) }
        });
        let BadInput(told) = told.unwrap_err();
        assert!(told.contains(&kept.display().to_string()), "{told}");
        assert!(kept.join(MANIFEST).is_file() && !folder.exists());
    }

    #[test]
    fn a_store_that_cannot_be_replaced_stays() {
        let (place, folder) = place();
        let temporary = tempfile::tempdir_in(place.path()).unwrap();
        let made = temporary.path().join("not-there");
        assert!(replace(temporary, &made, &folder, |from, to| fs::rename(from, to)).is_err());
        assert!(folder.join(MANIFEST).is_file());
    }

    #[test]
    fn nothing_but_a_store_is_replaced() {
        let (_place, folder) = place();
        let told = |force| check_free(&folder, force).map_err(|BadInput(told)| told);
        assert_eq!(told(true), Ok(()));
        assert!(told(false).unwrap_err().contains("--force replaces it"));
        fs::create_dir(folder.join("backup-0001")).unwrap();
        assert_eq!(told(true), Ok(()));
        fs::write(folder.join("thesis.txt"), "years of work").unwrap();
        assert!(told(true).unwrap_err().ends_with("is no store of backups: thesis.txt is in it"));
        assert!(
            save(&BackupStore::default(), &folder, true, &Interrupt::watch()).is_err()
                && folder.join("thesis.txt").is_file()
        );
        fs::remove_file(folder.join("thesis.txt")).unwrap();
        fs::write(folder.join(MANIFEST), r#"{"name": "a shop"}"#).unwrap();
        assert!(told(true).unwrap_err().ends_with("store.json does not say that it is one"));
    }
}
