//! Saved stores of backups as one text, for hostile-input tests and the fuzz target: the files of the folder, one after the other,
//! each behind a line with its name.
//!
//! ```text
//!  === store.json
//!  {"format": …}
//!  === backup-0001/files/000001.bin
//!  the bytes
//! ```

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use vssim_model::api::{BackupType, ComponentName};
use vssim_model::ids::{Guid, WriterClassId, WriterInstanceId};
use vssim_scenarios::saved::{Contents, LoadError, MANIFEST, check, check_size, is_name, load, save};
use vssim_sim::backup_store::{BackupStore, StoredBackup, StoredComponent, StoredFile};
use vssim_sim::storage::Bytes;

use crate::readers::check_error;

/// The longest error, in bytes.
const ERROR_LIMIT: usize = 8 << 10;

/// What stands before the name of a file.
const MARK: &[u8] = b"=== ";

/// The files of a store, as one text.
#[must_use]
pub fn joined(store: &BackupStore) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, bytes) in files(store) {
        all.extend_from_slice(MARK);
        all.extend_from_slice(name.as_bytes());
        all.push(b'\n');
        all.extend_from_slice(&bytes);
        all.push(b'\n');
    }
    all
}

fn files(store: &BackupStore) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let written = save(store, |name, contents| {
        let bytes = match contents {
            Contents::Text(text) => text.as_bytes().to_vec(),
            Contents::Parts(parts) => parts.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect(),
        };
        files.insert(name.to_owned(), bytes);
        Ok::<(), Infallible>(())
    });
    written.unwrap_or_else(|never| match never {});
    files
}

/// Takes such a text apart. What stands before the first name is the manifest.
fn split(bytes: &[u8]) -> BTreeMap<&[u8], &[u8]> {
    let mut files = BTreeMap::new();
    let (mut name, mut start, mut at) = (MANIFEST.as_bytes(), 0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        if let Some(next) = rest.get(..line).and_then(|line| line.strip_prefix(MARK)) {
            // The line end before a name belongs to no file.
            files.insert(name, bytes.get(start..at.saturating_sub(1)).unwrap_or_default());
            name = next.strip_suffix(b"\n").unwrap_or(next);
            start = at + line;
        }
        at += line;
    }
    files.insert(name, bytes.get(start..bytes.len().saturating_sub(1)).unwrap_or_default());
    files
}

/// Loads a store out of such a text. Nobody is asked for a file that no store has.
fn loaded(files: &BTreeMap<&[u8], &[u8]>) -> Result<BackupStore, LoadError> {
    load(&|name, most| {
        let first = name.split('/').next().unwrap_or_default();
        assert!(is_name(first) && !name.contains("..") && !name.contains('\\'), "a store asks for {name}");
        let bytes = files.get(name.as_bytes()).ok_or("is not there")?;
        if bytes.len() as u64 > most { Err("is too long".to_owned()) } else { Ok(bytes.to_vec()) }
    })
}

/// A saved store, as `--load` reads it. What is accepted is saved and loaded again as the same store.
///
/// # Panics
/// When something does not hold that has to.
#[must_use]
pub fn saved_store(bytes: &[u8]) -> bool {
    let store = match loaded(&split(bytes)) {
        Ok(store) => store,
        Err(error) => {
            check_error(&error.to_string(), ERROR_LIMIT);
            assert!(is_name(error.file.split('/').next().unwrap_or_default()), "an error names {}", error.file);
            return false;
        }
    };
    assert_eq!(check_size(&store), Ok(()), "a store that was loaded is too large to be saved");
    let again = files(&store);
    let again = again.iter().map(|(name, bytes)| (name.as_bytes(), bytes.as_slice())).collect::<BTreeMap<_, _>>();
    let written = |name: &str, _| Ok(again.get(name.as_bytes()).copied().unwrap_or_default().to_vec());
    assert_eq!(check(&written), Ok(()), "a store that was loaded is not fit to be saved");
    assert!(loaded(&again).as_ref() == Ok(&store), "a store does not load as it was saved");
    true
}

/// A small store: a full backup and an incremental one, with a file of zeros, ranges, and all that may be left out.
#[must_use]
pub fn sample() -> BackupStore {
    let (writer, instance) = (
        WriterClassId(Guid(0x6f2a_1b3c_0d4e_4f5a_9b6c_7d8e_9f0a_1b2c)),
        WriterInstanceId(Guid(0x1bdd_d48e_5052_49db_9b07_b96f_9672_7e6b)),
    );
    let component =
        |name: &str| ComponentName { instance, writer, logical_path: "Shop".to_owned(), name: name.to_owned() };
    let file = |path: &str, size, parts: &[(u64, Bytes)], whole| StoredFile {
        path: path.to_owned(),
        read_from: None,
        live: false,
        size,
        modified: 133_485_408_000_000_000,
        parts: parts.to_vec(),
        whole,
    };
    let text = |text: &str| Bytes::from(text.as_bytes().to_vec());
    let orders = file(r"D:\Orders\orders.db", 6, &[(0, text("orders"))], true);
    let zeros = file(r"D:\Orders\empty.db", 8192, &[(0, Bytes::zeros(8192))], true);
    let ranges = StoredFile {
        read_from: Some(r"E:\Aside\book.db".to_owned()),
        live: true,
        ..file(r"D:\Orders\book.db", 100, &[(90, text("nd")), (0, text("be")), (200, text(""))], false)
    };
    let stored = |backup_type, succeeded, stamp: Option<&str>, files| StoredComponent {
        backup_type,
        succeeded,
        stamp: stamp.map(str::to_owned),
        files,
    };
    let full = StoredBackup {
        name: "Full 1".to_owned(),
        backup_type: BackupType::Full,
        taken: 133_485_408_600_000_000,
        backup_components: Arc::from(BACKUP_COMPONENTS),
        writer_metadata: vec![Arc::from(WRITER_METADATA)],
        components: BTreeMap::from([
            (component("Orders"), stored(BackupType::Full, Some(true), Some("generation"), vec![orders, zeros])),
            (component("Empty"), stored(BackupType::Full, None, None, Vec::new())),
        ]),
    };
    let incremental = StoredBackup {
        name: "Incremental 2".to_owned(),
        backup_type: BackupType::Incremental,
        taken: 133_485_444_000_000_000,
        backup_components: Arc::from(""),
        writer_metadata: Vec::new(),
        components: BTreeMap::from([(
            component("Orders"),
            stored(BackupType::Incremental, Some(false), None, vec![ranges]),
        )]),
    };
    BackupStore { backups: vec![Arc::new(full), Arc::new(incremental)] }
}

/// A huge case: its name, and how it is made.
type Huge = (String, Box<dyn Fn() -> Vec<u8>>);

fn case(name: &str, make: impl Fn() -> Vec<u8> + 'static) -> Huge {
    (name.to_owned(), Box::new(make))
}

/// Manifests of about so many bytes that promise much: the folder has nothing else.
#[must_use]
pub fn bombs(huge: usize) -> Vec<Huge> {
    let fill = move |text: &str| text.repeat(huge / text.len());
    const SIZE: &str = "\"size\":17592186044416,\"modified\":\"0\",\"whole\":false";
    const FILE: &str =
        r#"{"path":"C:\\a","size":17592186044416,"modified":"0","whole":true,"parts":[[0,17592186044416]]}"#;
    const COMPONENT: &str = r#"{"instance":"1bddd48e-5052-49db-9b07-b96f96727e6b","writer":"6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c","logical_path":"","name":"a"}"#;
    let sum = "0".repeat(64);
    let backup = |rest: &str| {
        format!(
            r#"{{"format":"vssim backup store 2","backups":[{{"name":"a","type":"VSS_BT_FULL","taken":"0",{rest}}}]}}"#
        )
    };
    let files = move |files: &str| {
        let component = format!(r#"{{"component":{COMPONENT},"type":"VSS_BT_FULL","files":[{files}]}}"#);
        backup(&format!(r#""writer_metadata":[],"components":[{component}]"#)).into_bytes()
    };
    let parts = move |parts: &str, data: &str| files(&format!(r#"{{"path":"C:\\a",{SIZE},"parts":[{parts}]{data}}}"#));
    let data = |number: &str| format!(r#","data":{{"number":{number},"sha256":"{}"}}"#, "0".repeat(64));
    vec![
        case("many empty parts", move || parts(&format!("{}[0,0]", fill("[0,0],")), "")),
        case("parts of 16 TiB", move || parts(&format!("{}[0,0]", fill("[0,17592186044416],")), "")),
        case("parts whose lengths overflow", move || parts("[0,18446744073709551615],[0,1]", "")),
        case("a file of 16 TiB that is not there", move || parts("[0,17592186044416]", &data("1"))),
        case("the largest number of a file", move || parts("[0,1]", &data("4294967295"))),
        case("a number of a file of many digits", move || parts("[0,1]", &data(&"9".repeat(huge)))),
        case("many files of zeros", move || files(&format!("{}{FILE}", fill(&format!("{FILE},"))))),
        case("many documents that are not there", move || {
            let sums = fill(&format!("\"{sum}\","));
            backup(&format!(r#""writer_metadata":[{sums}"{sum}"],"components":[]"#)).into_bytes()
        }),
        case("many backups", move || {
            let one = r#"{"name":"a","type":"VSS_BT_FULL","taken":"0","writer_metadata":[],"components":[]}"#;
            let all = fill(&format!("{one},"));
            format!(r#"{{"format":"vssim backup store 2","backups":[{all}{one}]}}"#).into_bytes()
        }),
        case("many backups of different names", move || {
            let one = |n: usize| {
                format!(r#"{{"name":"{n}","type":"VSS_BT_FULL","taken":"0","writer_metadata":[],"components":[]}},"#)
            };
            let all: String = (0..huge / 88).map(one).collect();
            let all = all.trim_end_matches(',');
            format!(r#"{{"format":"vssim backup store 2","backups":[{all}]}}"#).into_bytes()
        }),
        case("many files without bytes", move || {
            let file = r#"{"path":"C:\\a","size":0,"modified":"0","whole":true,"parts":[[0,0]]}"#;
            files(&format!("{}{file}", fill(&format!("{file},"))))
        }),
        case("a manifest over the limit", move || files(&" ".repeat(65 << 20))),
        case("deep lists", move || {
            format!(r#"{{"format":"vssim backup store 2","backups":{}"#, "[".repeat(huge)).into_bytes()
        }),
        case("a long name", move || files(&format!(r#"{{"path":"C:\\{}""#, "a".repeat(huge)))),
        case("a long key", move || files(&format!(r#"{{"{}":1}}"#, "a".repeat(huge)))),
        case("many files in the folder", move || fill("=== backup-0001/files/000001.bin\nx\n").into_bytes()),
    ]
}

const BACKUP_COMPONENTS: &str = r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata" version="1.2" bootableSystemStateBackup="no" selectComponents="yes" backupType="full" partialFileSupport="yes"><WRITER_COMPONENTS instanceId="1bddd48e-5052-49db-9b07-b96f96727e6b" writerId="6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c" backupSchema="0"><COMPONENT logicalPath="Shop" componentName="Orders" componentType="filegroup" backupSucceeded="yes"/></WRITER_COMPONENTS></BACKUP_COMPONENTS>"#;

const WRITER_METADATA: &str = r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2"><IDENTIFICATION writerId="6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c" instanceId="1bddd48e-5052-49db-9b07-b96f96727e6b" friendlyName="Orders Writer" usage="USER_DATA" dataSource="OTHER"/><RESTORE_METHOD method="RESTORE_IF_CAN_BE_REPLACED" writerRestore="always" rebootRequired="no"/><BACKUP_LOCATIONS><FILE_GROUP logicalPath="Shop" componentName="Orders" restoreMetadata="no" notifyOnBackupComplete="no" selectable="yes" selectableForRestore="yes" componentFlags="0"><FILE_LIST path="D:\Orders" filespec="*.db" recursive="no" filespecBackupType="3855"/></FILE_GROUP></BACKUP_LOCATIONS></WRITER_METADATA>"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_as_one_text_is_the_same_store() {
        let text = joined(&sample());
        assert_eq!(loaded(&split(&text)), Ok(sample()));
        // The manifest needs no name.
        let empty = joined(&BackupStore::default());
        assert_eq!(loaded(&split(&empty[b"=== store.json\n".len()..])), Ok(BackupStore::default()));
    }
}
