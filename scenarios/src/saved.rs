//! A store of backups as files in a folder: what one run leaves for another (docs/store.md).
//!
//! ```text
//!  store.json                              what there is: backups, components, files, parts
//!  backup-0001/backup-components.xml       the documents, as they were saved
//!  backup-0001/writer-metadata-0001.xml
//!  backup-0001/files/000001.bin            the bytes of one file's parts, one after the other; none where all are zeros
//! ```
//!
//! [`save`] hands out names and contents, [`load`] asks for contents by name; who opens files is the caller. The manifest
//! holds numbers and no file names, so nothing in it can lead outside the folder. What is read is trusted in nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use vssim_model::api::{BackupType, ComponentName};
use vssim_model::documents::{BackupComponents, ExaminedMetadata};
use vssim_model::text;
use vssim_sim::backup_store::{BackupStore, StoredBackup, StoredComponent, StoredFile};
use vssim_sim::storage::{Bytes, path};

/// The manifest.
pub const MANIFEST: &str = "store.json";
/// What the manifest says it is.
const FORMAT: &str = "vssim backup store 2";
/// The longest manifest, and the longest document.
pub const LONGEST_TEXT: u64 = 64 << 20;
/// The longest file with bytes.
const LONGEST_FILE: u64 = 1 << 30;
/// All bytes of a store together.
const LARGEST_STORE: u64 = 4 << 30;
/// What is said of a larger one.
const TOO_LARGE: &str = "the store has more than 4 GiB";
/// The longest name and the longest stamp.
const LONGEST_NAME: usize = 32_767;
/// How much is hashed at once.
const AT_ONCE: usize = 64 * 1024;
/// The most characters of an error.
const LONGEST_WHY: usize = 600;
/// The largest file of a volume.
const LARGEST_SIZE: u64 = 1 << 44;

/// What is written to a file.
#[derive(Clone, Copy, Debug)]
pub enum Contents<'a> {
    /// A text.
    Text(&'a str),
    /// The bytes of these, one after the other.
    Parts(&'a [(u64, Bytes)]),
}

/// Why a store cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The file at fault, inside the folder.
    pub file: String,
    /// Line and column in it, where they are known.
    pub place: Option<(usize, usize)>,
    /// What is wrong, in words.
    pub why: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        // Keys and names of the manifest may be in it.
        write!(f, ": {}", text::shortened(&self.why, LONGEST_WHY))
    }
}

impl std::error::Error for LoadError {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: Format,
    backups: Vec<Backup>,
}

/// The one format there is.
struct Format;

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(FORMAT)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == FORMAT { Ok(Format) } else { Err(D::Error::custom(format!("the format is not `{FORMAT}`"))) }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    name: Label,
    #[serde(rename = "type")]
    backup_type: BackupType,
    taken: Moment,
    /// Of the Backup Components Document, if it was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backup_components: Option<Sum>,
    /// Of each Writer Metadata Document.
    writer_metadata: Vec<Sum>,
    components: Vec<Component>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    component: ComponentName,
    #[serde(rename = "type")]
    backup_type: BackupType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    succeeded: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stamp: Option<Label>,
    files: Vec<File>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: FullPath,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_from: Option<FullPath>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    live: bool,
    size: u64,
    modified: Moment,
    whole: bool,
    /// Offset and length of each part.
    parts: Vec<(u64, u64)>,
    /// The file with their bytes; none where all are zeros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    number: u32,
    sha256: Sum,
}

/// The SHA-256 of a file, in hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
struct Sum([u8; 32]);

impl Sum {
    fn of(bytes: &[u8]) -> Sum {
        Sum(Sha256::digest(bytes).into())
    }

    fn of_parts(parts: &[(u64, Bytes)]) -> Sum {
        let mut digest = Sha256::new();
        let mut buffer = vec![0; AT_ONCE];
        for (_, bytes) in parts {
            let mut at = 0;
            loop {
                let read = bytes.read(at, &mut buffer);
                digest.update(buffer.get(..read).unwrap_or_default());
                if read == 0 {
                    break;
                }
                at += read as u64;
            }
        }
        Sum(digest.finalize().into())
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text::hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sum, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut sum = [0; 32];
        let digits = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        for (place, byte) in sum.iter_mut().enumerate() {
            let pair = text.get(2 * place..2 * place + 2).filter(|_| digits);
            let value = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            *byte = value.ok_or_else(|| D::Error::custom("a SHA-256 has 64 hexadecimal digits"))?;
        }
        Ok(Sum(sum))
    }
}

/// A text that is not too long.
struct Label(String);

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Label, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > LONGEST_NAME {
            return Err(D::Error::custom(format!("a text is longer than {LONGEST_NAME} bytes")));
        }
        Ok(Label(text))
    }
}

/// A FILETIME, written as a text because it is more than many readers of JSON can hold.
struct Moment(u64);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Moment).map_err(|_| D::Error::custom("a FILETIME is a whole number of 64 bits, in quotes"))
    }
}

/// The full path of a file: a volume, a backslash, names without `..` and what Windows forbids in names.
struct FullPath(String);

impl Serialize for FullPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FullPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FullPath, D::Error> {
        let text = String::deserialize(deserializer)?;
        let Some((volume, rest)) = text.split_once('\\') else {
            return Err(D::Error::custom("a path is not the full path of a file, such as `C:\\\\Orders\\\\orders.db`"));
        };
        let letter = volume
            .strip_suffix(':')
            .is_some_and(|letter| letter.len() == 1 && letter.chars().all(|letter| letter.is_ascii_alphabetic()));
        if !letter && path::check(volume).is_err() || volume.is_empty() {
            return Err(D::Error::custom("a path does not begin with the name of a volume"));
        }
        path::check(rest).map_err(|why| D::Error::custom(format!("a path is none of Windows: {why}")))?;
        if rest.starts_with('\\') {
            return Err(D::Error::custom("a name in the path is empty"));
        }
        Ok(FullPath(text))
    }
}

fn folder(backup: usize) -> String {
    format!("backup-{:04}", backup + 1)
}

fn components_name(backup: usize) -> String {
    format!("{}/backup-components.xml", folder(backup))
}

fn metadata_name(backup: usize, index: usize) -> String {
    format!("{}/writer-metadata-{:04}.xml", folder(backup), index + 1)
}

fn data_name(backup: usize, number: u32) -> String {
    format!("{}/files/{number:06}.bin", folder(backup))
}

/// Whether a store is small enough to be loaded again once it is saved. [`check`] tells the rest.
///
/// # Errors
/// What of it is too large, in words.
pub fn check_size(store: &BackupStore) -> Result<(), String> {
    let length = |parts: &[(u64, Bytes)]| {
        parts.iter().try_fold(0_u64, |sum, (_, bytes)| sum.checked_add(bytes.len())).unwrap_or(u64::MAX)
    };
    let mut left = LARGEST_STORE;
    for backup in &store.backups {
        let documents = backup.writer_metadata.iter().chain([&backup.backup_components]).map(|text| text.len() as u64);
        for text in documents {
            if text > LONGEST_TEXT {
                return Err(format!("a document of {} has more than 64 MiB", text::quoted(&backup.name)));
            }
            left = left.checked_sub(text).ok_or(TOO_LARGE)?;
        }
        for (_, file) in backup.files() {
            let all = length(&file.parts);
            if all > LONGEST_FILE && holds_bytes(file) {
                return Err(format!("more than 1 GiB was backed up of {}", text::path(&file.path)));
            }
            left = left.checked_sub(all).ok_or(TOO_LARGE)?;
        }
    }
    Ok(())
}

fn holds_bytes(file: &StoredFile) -> bool {
    file.parts.iter().any(|(_, bytes)| bytes.pieces().next().is_some())
}

/// Hands out every file of a store, the manifest last.
///
/// # Errors
/// What the caller could not write.
pub fn save<E>(store: &BackupStore, mut write: impl FnMut(&str, Contents<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut backups = Vec::new();
    for (index, backup) in store.backups.iter().enumerate() {
        let saved = !backup.backup_components.is_empty();
        if saved {
            write(&components_name(index), Contents::Text(&backup.backup_components))?;
        }
        for (number, text) in backup.writer_metadata.iter().enumerate() {
            write(&metadata_name(index, number), Contents::Text(text))?;
        }
        let mut data = 0;
        let mut components = Vec::new();
        for (name, stored) in &backup.components {
            let mut files = Vec::new();
            for file in &stored.files {
                let mut of_file = None;
                if holds_bytes(file) {
                    data += 1;
                    write(&data_name(index, data), Contents::Parts(&file.parts))?;
                    of_file = Some(Data { number: data, sha256: Sum::of_parts(&file.parts) });
                }
                files.push(described(file, of_file));
            }
            components.push(Component {
                component: name.clone(),
                backup_type: stored.backup_type,
                succeeded: stored.succeeded,
                stamp: stored.stamp.clone().map(Label),
                files,
            });
        }
        backups.push(Backup {
            name: Label(backup.name.clone()),
            backup_type: backup.backup_type,
            taken: Moment(backup.taken),
            backup_components: saved.then(|| Sum::of(backup.backup_components.as_bytes())),
            writer_metadata: backup.writer_metadata.iter().map(|text| Sum::of(text.as_bytes())).collect(),
            components,
        });
    }
    let manifest = Manifest { format: Format, backups };
    // Texts, numbers and lists: there is nothing in it that JSON could not say.
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    write(MANIFEST, Contents::Text(&text))
}

fn described(file: &StoredFile, data: Option<Data>) -> File {
    File {
        path: FullPath(file.path.clone()),
        read_from: file.read_from.clone().map(FullPath),
        live: file.live,
        size: file.size,
        modified: Moment(file.modified),
        whole: file.whole,
        parts: file.parts.iter().map(|(offset, bytes)| (*offset, bytes.len())).collect(),
        data,
    }
}

/// Whether a manifest says that it is one, whatever else is in it.
#[must_use]
pub fn is_manifest(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "format")]
        _format: Format,
    }
    serde_json::from_slice::<Head>(bytes).is_ok()
}

/// Whether a store may have something of this name in its folder.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let number = |digits: &str| digits.len() >= 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
    name == MANIFEST || name.strip_prefix("backup-").is_some_and(number)
}

/// Reads a file of a saved store by its path in it, of at most so many bytes.
///
/// # Errors
/// Why it cannot be read, in words.
pub type Read<'a> = dyn Fn(&str, u64) -> Result<Vec<u8>, String> + 'a;

/// Puts a store together from its files. `read` gives a file of the folder, or an error in words; also when it is longer than so many
/// bytes.
///
/// # Errors
/// The file that is missing or wrong, and why.
pub fn load(read: &Read<'_>) -> Result<BackupStore, LoadError> {
    put_together(read, true)
}

/// Whether what was just written can be loaded. The bytes of files are not asked for: nobody has changed them yet.
///
/// # Errors
/// As [`load`].
pub fn check(read: &Read<'_>) -> Result<(), LoadError> {
    put_together(read, false).map(drop)
}

fn put_together(read: &Read<'_>, with_bytes: bool) -> Result<BackupStore, LoadError> {
    let wrong = |why| LoadError { file: MANIFEST.to_owned(), place: None, why };
    let text = read(MANIFEST, LONGEST_TEXT).map_err(wrong)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| {
        // The place is told apart from the text, as in every other message.
        let told = error.to_string();
        let why = told.rsplit_once(" at line ").map_or(told.as_str(), |(why, _)| why).to_owned();
        LoadError { file: MANIFEST.to_owned(), place: Some((error.line(), error.column())), why }
    })?;
    let mut loader = Loader { read, with_bytes, left: LARGEST_STORE };
    let mut store = BackupStore::default();
    let mut names = BTreeSet::new();
    for (index, backup) in manifest.backups.into_iter().enumerate() {
        if !names.insert(backup.name.0.clone()) {
            return Err(wrong(format!("backup {} has the name of an earlier one", index + 1)));
        }
        store.backups.push(Arc::new(loader.backup(index, backup)?));
    }
    Ok(store)
}

fn check_sum(bytes: &[u8], sum: &Sum) -> Result<(), String> {
    if Sum::of(bytes) == *sum {
        return Ok(());
    }
    Err(format!("it is damaged: its SHA-256 is not the one in {MANIFEST}"))
}

struct Loader<'a> {
    read: &'a Read<'a>,
    /// Whether the bytes of files are read.
    with_bytes: bool,
    /// How many bytes the files to come may have together.
    left: u64,
}

impl Loader<'_> {
    fn backup(&mut self, index: usize, backup: Backup) -> Result<StoredBackup, LoadError> {
        let text = match &backup.backup_components {
            Some(sum) => self.document(&components_name(index), sum, false)?,
            None => "".into(),
        };
        let sums = backup.writer_metadata.iter().enumerate();
        let metadata: Result<Vec<Arc<str>>, LoadError> =
            sums.map(|(number, sum)| self.document(&metadata_name(index, number), sum, true)).collect();
        let metadata = metadata?;
        let mut components = BTreeMap::new();
        for component in backup.components {
            let name = component.component;
            let files: Result<Vec<StoredFile>, LoadError> =
                component.files.into_iter().map(|file| self.file(index, &name, file)).collect();
            let stored = StoredComponent {
                backup_type: component.backup_type,
                succeeded: component.succeeded,
                stamp: component.stamp.map(|stamp| stamp.0),
                files: files?,
            };
            if components.insert(name, stored).is_some() {
                let why = format!("backup {} has a component twice", index + 1);
                return Err(LoadError { file: MANIFEST.to_owned(), place: None, why });
            }
        }
        Ok(StoredBackup {
            name: backup.name.0,
            backup_type: backup.backup_type,
            taken: backup.taken.0,
            backup_components: text,
            writer_metadata: metadata,
            components,
        })
    }

    /// Takes bytes off what the store may have; none when there is not so much left.
    fn charge(&mut self, bytes: u64) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }

    /// A document: it has to be one. Faults inside it may be what a backup is about: it is kept as it was gathered.
    fn document(&mut self, file: &str, sum: &Sum, of_writer: bool) -> Result<Arc<str>, LoadError> {
        let wrong = |place, why| LoadError { file: file.to_owned(), place, why };
        let bytes = (self.read)(file, LONGEST_TEXT).map_err(|why| wrong(None, why))?;
        self.charge(bytes.len() as u64).ok_or_else(|| wrong(None, TOO_LARGE.to_owned()))?;
        check_sum(&bytes, sum).map_err(|why| wrong(None, why))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong(None, "the document is not UTF-8".to_owned()))?;
        let fault = if of_writer {
            ExaminedMetadata::load(text.as_bytes()).err()
        } else {
            BackupComponents::read_stored(&text).err()
        };
        match fault {
            Some(error) => Err(wrong(None, error.to_string())),
            None => Ok(text.into()),
        }
    }

    fn file(&mut self, backup: usize, component: &ComponentName, file: File) -> Result<StoredFile, LoadError> {
        let about = |why: &str| LoadError {
            file: MANIFEST.to_owned(),
            place: None,
            why: format!(
                "backup {}, component {}, {}: {why}",
                backup + 1,
                text::quoted(&component.name),
                text::path(&file.path.0)
            ),
        };
        if file.size > LARGEST_SIZE {
            return Err(about("no file is larger than 16 TiB"));
        }
        // A range that begins behind the end is kept as an empty part (docs/choices.md, C-22).
        let inside = |&(offset, length): &(u64, u64)| {
            length == 0 || offset.checked_add(length).is_some_and(|end| end <= file.size)
        };
        if !file.parts.iter().all(inside) {
            return Err(about("a part ends behind the end of the file"));
        }
        if file.whole && file.parts != [(0, file.size)] {
            return Err(about("of a whole file there is one part, which is all of it"));
        }
        let parts = match file.data {
            None => {
                // They take no memory here, but restoring them writes each byte.
                let all = file.parts.iter().try_fold(0_u64, |sum, (_, length)| sum.checked_add(*length));
                all.and_then(|all| self.charge(all)).ok_or_else(|| about(TOO_LARGE))?;
                file.parts.iter().map(|&(offset, length)| (offset, Bytes::zeros(length))).collect()
            }
            Some(data) => self.parts(&data_name(backup, data.number), &data.sha256, &file.parts)?,
        };
        Ok(StoredFile {
            path: file.path.0,
            read_from: file.read_from.map(|path| path.0),
            live: file.live,
            size: file.size,
            modified: file.modified.0,
            parts,
            whole: file.whole,
        })
    }

    fn parts(&mut self, name: &str, sum: &Sum, parts: &[(u64, u64)]) -> Result<Vec<(u64, Bytes)>, LoadError> {
        let wrong = |why: String| LoadError { file: name.to_owned(), place: None, why };
        let wanted = parts.iter().try_fold(0_u64, |sum, (_, length)| sum.checked_add(*length));
        let wanted = wanted.filter(|wanted| *wanted <= LONGEST_FILE);
        let wanted = wanted.ok_or_else(|| wrong(format!("{MANIFEST} has parts of it of more than 1 GiB")))?;
        self.charge(wanted).ok_or_else(|| wrong(TOO_LARGE.to_owned()))?;
        if !self.with_bytes {
            return Ok(parts.iter().map(|&(offset, length)| (offset, Bytes::zeros(length))).collect());
        }
        let bytes = (self.read)(name, wanted).map_err(wrong)?;
        if bytes.len() as u64 != wanted {
            return Err(wrong(format!("it has {} bytes, and by {MANIFEST} it has {wanted}", bytes.len())));
        }
        check_sum(&bytes, sum).map_err(wrong)?;
        let mut rest = bytes.as_slice();
        let mut all = Vec::new();
        for &(offset, length) in parts {
            let (now, later) = rest.split_at_checked(usize::try_from(length).unwrap_or(usize::MAX)).unwrap_or_default();
            all.push((offset, Bytes::from(now.to_vec())));
            rest = later;
        }
        Ok(all)
    }
}
