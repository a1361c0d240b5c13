//! Stores of backups as files: what is saved is loaded again, and damaged files are told and never believed.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use proptest::prelude::*;
use vssim_scenarios::saved::{Contents, LoadError, MANIFEST, check, check_size, load, save};
use vssim_scenarios::{NoFiles, Scenario, library, stage};
use vssim_sim::backup_store::BackupStore;
use vssim_sim::run::run_unrecorded;
use vssim_sim::storage::Bytes;

type Folder = BTreeMap<String, Vec<u8>>;

/// What the ready scenario leaves.
fn store() -> Arc<BackupStore> {
    let entry = library::find("backup").unwrap();
    let scenario = Scenario::parse(entry.name, entry.text).unwrap();
    let plan = stage(&scenario, &NoFiles).unwrap().plan;
    run_unrecorded(&Arc::new(plan), 1).unwrap().world.store
}

fn saved(store: &BackupStore) -> Folder {
    let mut folder = Folder::new();
    let written = save(store, |name, contents| {
        let bytes = match contents {
            Contents::Text(text) => text.as_bytes().to_vec(),
            Contents::Parts(parts) => parts.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect(),
        };
        assert_eq!(folder.insert(name.to_owned(), bytes), None, "{name} twice");
        Ok::<(), Infallible>(())
    });
    written.unwrap();
    folder
}

fn loaded(folder: &Folder) -> Result<BackupStore, LoadError> {
    let asked = RefCell::new(Vec::new());
    load(&|name, most| {
        asked.borrow_mut().push(name.to_owned());
        assert!(!name.contains("..") && !name.starts_with('/'), "{name}");
        let bytes = folder.get(name).ok_or_else(|| "is not there".to_owned())?;
        if bytes.len() as u64 > most { Err("is too long".to_owned()) } else { Ok(bytes.clone()) }
    })
}

/// The manifest with one text in place of another.
fn with(folder: &Folder, from: &str, to: &str) -> Folder {
    let text = String::from_utf8(folder[MANIFEST].clone()).unwrap();
    assert!(text.contains(from), "{from}");
    let mut folder = folder.clone();
    folder.insert(MANIFEST.to_owned(), text.replacen(from, to, 1).into_bytes());
    folder
}

#[test]
fn what_is_saved_is_loaded_again() {
    let store = store();
    let folder = saved(&store);
    assert_eq!((store.backups.len(), folder.len()), (2, 10));
    let again = loaded(&folder).unwrap();
    assert_eq!(again, *store);
    assert_eq!(saved(&again), folder);
}

#[test]
fn an_empty_store_is_one_file() {
    let folder = saved(&BackupStore::default());
    assert_eq!(folder.keys().collect::<Vec<_>>(), [MANIFEST]);
    assert_eq!(loaded(&folder), Ok(BackupStore::default()));
}

#[test]
fn each_mistake_of_the_manifest_is_told_with_its_place() {
    let folder = saved(&store());
    let told = |from: &str, to: &str| loaded(&with(&folder, from, to)).unwrap_err().to_string();
    for (from, to, why) in [
        ("vssim backup store 2", "tar", "store.json:2:17: the format is not `vssim backup store 2`"),
        ("VSS_BT_FULL", "full", "unknown variant `full`"),
        (r#""taken": "1"#, r#""taken": "x"#, "a FILETIME is a whole number"),
        (r"D:\\Orders\\customers.db", r"customers.db", "not the full path of a file"),
        (r"D:\\Orders\\customers.db", r"D:\\..\\customers.db", "`.` and `..` are not names"),
        (r"D:\\Orders\\customers.db", r"D:\\\\customers.db", "a name in the path is empty"),
        (r"D:\\Orders\\customers.db", r"..\\Orders\\customers.db", "does not begin with the name of a volume"),
        (r"D:\\Orders\\customers.db", r"\u001b:\\customers.db", "does not begin with the name of a volume"),
        (r"D:\\Orders\\customers.db", r"1:\\customers.db", "does not begin with the name of a volume"),
        (r#""whole": true"#, r#""whole": true, "script": "x""#, "unknown field `script`"),
        (r#""modified""#, r#""changed""#, "unknown field `changed`"),
        (r#""sha256": "#, r#""sha256": "0x12", "sum": "#, "a SHA-256 has 64 hexadecimal digits"),
        (r#""sha256": "#, r#""sha256": "\u00e9", "sum": "#, "a SHA-256 has 64 hexadecimal digits"),
    ] {
        let found = told(from, to);
        assert!(found.starts_with("store.json:") && found.contains(why), "{found}\n{why}");
    }
}

#[test]
fn foreign_text_in_an_error_is_short_and_harmless() {
    let folder = saved(&store());
    let told = |from: &str, to: &str| loaded(&with(&folder, from, to)).unwrap_err().to_string();
    let key = format!(r#""\u001b[31m\u202e{}": 1, "format":"#, "x".repeat(100_000));
    let key = told(r#""format":"#, &key);
    let mut named = BackupStore::clone(&store());
    let backup = Arc::make_mut(named.backups.first_mut().unwrap());
    let (mut name, mut stored) = backup.components.pop_first().unwrap();
    name.name = format!("\u{1b}]0;{}", "y".repeat(100_000));
    stored.files.first_mut().unwrap().size = u64::MAX;
    backup.components.insert(name, stored);
    let component = loaded(&saved(&named)).unwrap_err().to_string();
    assert!(
        key.contains("unknown field") && component.ends_with("no file is larger than 16 TiB"),
        "{key}\n{component}"
    );
    for told in [key, component] {
        assert!(told.len() < 2000 && !told.chars().any(|c| c.is_control() || c == '\u{202e}'), "{told:?}");
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let folder = saved(&store());
    let told = |from: &str, to: &str| loaded(&with(&folder, from, to)).unwrap_err().to_string();
    assert!(told(r#""size": 102400"#, r#""size": 102399"#).contains("a part ends behind the end of the file"));
    assert!(told(r#""size": 102400"#, r#""size": 102401"#).contains("of a whole file there is one part"));
    assert!(told(r#""size": 102400"#, r#""size": 18446744073709551615"#).contains("no file is larger than 16 TiB"));
    assert!(
        told(r#""number": 1"#, r#""number": 2"#).contains("204800 bytes, and by store.json it has 102400")
            || told(r#""number": 1"#, r#""number": 2"#).contains("is too long")
    );
    assert!(told(r#""number": 1"#, r#""number": 77"#).starts_with("backup-0001/files/000077.bin: is not there"));
    let twice = format!(r#""writer_metadata": ["{}","#, "0".repeat(64));
    assert!(told(r#""writer_metadata": ["#, &twice).starts_with("backup-0001/writer-metadata-0001.xml: it is damaged"));
    assert!(told(r#""name": "Incremental 2""#, r#""name": "Full 1""#).contains("has the name of an earlier one"));
}

/// The store with the parts of one file, all of zeros, in place of those it has.
fn with_parts(size: u64, parts: Vec<(u64, u64)>) -> BackupStore {
    let mut store = BackupStore::clone(&store());
    let backup = Arc::make_mut(store.backups.first_mut().unwrap());
    let file = backup.components.values_mut().find_map(|stored| stored.files.first_mut()).unwrap();
    file.parts = parts.into_iter().map(|(offset, length)| (offset, Bytes::zeros(length))).collect();
    (file.size, file.whole) = (size, false);
    store
}

#[test]
fn parts_may_overlap_stand_in_any_order_and_be_empty_behind_the_end() {
    let store = with_parts(100, vec![(50, 50), (0, 60), (200, 0)]);
    assert_eq!(loaded(&saved(&store)), Ok(store));
}

#[test]
fn zeros_count_like_other_bytes() {
    let most = 4 << 30;
    let told = |parts| loaded(&saved(&with_parts(1 << 44, parts))).unwrap_err().to_string();
    assert!(told(vec![(0, most + 1)]).ends_with("the store has more than 4 GiB"));
    assert!(told(vec![(0, 1 << 44); 1 << 16]).ends_with("the store has more than 4 GiB"));
    assert!(loaded(&saved(&with_parts(1 << 44, vec![(0, 1 << 31)]))).is_ok());
}

#[test]
fn documents_count_like_other_bytes() {
    let with_zeros = |zeros| saved(&with_parts(1 << 44, vec![(0, zeros)]));
    let first: u64 = with_zeros(0).iter().filter(|(name, _)| name.starts_with("backup-0001/")).map(size).sum();
    let told = loaded(&with_zeros((4 << 30) - first)).unwrap_err();
    assert_eq!(told.to_string(), "backup-0002/backup-components.xml: the store has more than 4 GiB");
}

fn size((_, bytes): (&String, &Vec<u8>)) -> u64 {
    bytes.len() as u64
}

#[test]
fn documents_have_to_be_documents() {
    let mut store = BackupStore::clone(&store());
    Arc::make_mut(store.backups.first_mut().unwrap()).backup_components = "<x/>".into();
    let told = loaded(&saved(&store)).unwrap_err();
    assert_eq!(told.file, "backup-0001/backup-components.xml");
    assert!(told.why.contains("line 1"), "{}", told.why);
}

#[test]
fn what_was_written_is_checked_but_for_the_bytes_of_files() {
    let folder = saved(&store());
    let checked = |folder: &Folder| {
        check(&|name, _| {
            assert!(!name.ends_with(".bin"), "{name}");
            folder.get(name).cloned().ok_or_else(|| "is not there".to_owned())
        })
    };
    assert_eq!(checked(&folder), Ok(()));
    for name in folder.keys().filter(|name| !name.ends_with(".bin")) {
        let mut folder = folder.clone();
        folder.insert(name.clone(), b"<x/>".to_vec());
        assert_eq!(checked(&folder).unwrap_err().file, *name);
    }
}

#[test]
fn a_file_that_was_changed_since_is_damaged() {
    let folder = saved(&store());
    for name in folder.keys().filter(|name| *name != MANIFEST) {
        let mut folder = folder.clone();
        let bytes = folder.get_mut(name).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let told = loaded(&folder).unwrap_err();
        assert_eq!((&told.file, told.why.starts_with("it is damaged")), (name, true), "{}", told.why);
    }
}

#[test]
fn what_could_not_be_loaded_again_is_told_before_it_is_saved() {
    assert_eq!(check_size(&store()), Ok(()));
    assert_eq!(check_size(&with_parts(1 << 44, vec![(0, 1 << 31)])), Ok(()));
    let told = |parts| check_size(&with_parts(1 << 44, parts)).unwrap_err();
    assert_eq!(told(vec![(0, 1 << 44); 3]), "the store has more than 4 GiB");
    assert_eq!(told(vec![(0, u64::MAX), (0, 1)]), "the store has more than 4 GiB");
    let mut store = with_parts(1 << 44, vec![(0, 1 << 30)]);
    let backup = Arc::make_mut(store.backups.first_mut().unwrap());
    let file = backup.components.values_mut().find_map(|stored| stored.files.first_mut()).unwrap();
    file.parts.push((0, Bytes::from(vec![1])));
    assert!(check_size(&store).unwrap_err().starts_with("more than 1 GiB was backed up of D:"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_damage_makes_a_reader_panic_or_ask_for_files_outside(
        which in 0_usize..10,
        at in 0_usize..4000,
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        use std::sync::OnceLock;
        static FOLDER: OnceLock<Folder> = OnceLock::new();
        let mut folder = FOLDER.get_or_init(|| saved(&store())).clone();
        let names: Vec<String> = folder.keys().cloned().collect();
        // The manifest half of the time.
        let name = if at % 2 == 0 { MANIFEST } else { &names[which % names.len()] };
        let bytes = folder.get_mut(name).unwrap();
        let place = at % bytes.len();
        if cut {
            bytes.truncate(place);
        } else {
            bytes[place] = byte;
        }
        if let Err(error) = loaded(&folder) {
            let told = error.to_string();
            prop_assert!(told.len() < 2000 && !told.chars().any(char::is_control), "{:?}", told);
        }
    }
}
