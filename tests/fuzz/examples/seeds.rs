//! Writes the seeds and dictionaries of the fuzz targets: small inputs that the project makes itself, and the words in them.
//!
//! ```text
//! cargo run --manifest-path tests/fuzz/Cargo.toml --example seeds [TARGET …]
//! ```
//!
//! Each folder of `tests/fuzz/seeds` is emptied and written anew, each file of `tests/fuzz/dictionaries` too, or those of the targets
//! named. The same sources give the same files.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use serde_json::Value;
use vssim_model::trace::{DocumentKind, Trace, What};
use vssim_scenarios::library::LIBRARY;
use vssim_scenarios::schema::json_schema;
use vssim_scenarios::{NoFiles, Scenario, stage};
use vssim_sim::backup_store::{BackupStore, StoredBackup};
use vssim_sim::run::run;
use vssim_sim::storage::Bytes;
use vssim_tests::image_cases::{SAMPLES, patch_bytes};
use vssim_tests::store_files::{joined, sample, saved_store};
use vssim_tests::{image_reader, readers, samples};

/// The longest seed. Long ones make a fuzzer slow.
const LONGEST: usize = 16 << 10;

/// The longest word of a dictionary; libFuzzer takes none that is longer.
const LONGEST_WORD: usize = 60;

/// A reader of the project, which says whether it accepts the bytes.
type Reader = fn(&[u8]) -> bool;

/// Named inputs for one target.
type Seeds = Vec<(String, Vec<u8>)>;

fn main() -> io::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |target: &str| wanted.is_empty() || wanted.iter().any(|name| name == target);
    let traces = library_traces();
    if is_wanted("trace") {
        write_dictionary("trace", JSON_SIGNS, words(&samples::trace().to_json_lines()))?;
        write("trace", readers::trace, trace_seeds(&traces))?;
    }
    if is_wanted("writer_metadata") {
        write_dictionary("writer_metadata", XML_SIGNS, words(WRITER_METADATA))?;
        let seeds = document_seeds(&traces, DocumentKind::WriterMetadata, readers::writer_metadata);
        write("writer_metadata", readers::writer_metadata, seeds)?;
    }
    if is_wanted("backup_components") {
        write_dictionary("backup_components", XML_SIGNS, words(BACKUP_COMPONENTS))?;
        let seeds = document_seeds(&traces, DocumentKind::BackupComponents, readers::backup_components);
        write("backup_components", readers::backup_components, seeds)?;
    }
    if is_wanted("scenario") {
        write_dictionary("scenario", YAML_SIGNS, scenario_words())?;
        write("scenario", readers::scenario, scenario_seeds())?;
    }
    if is_wanted("saved_store") {
        write_dictionary("saved_store", JSON_SIGNS, words(&String::from_utf8_lossy(&joined(&sample()))))?;
        write("saved_store", saved_store, store_seeds())?;
    }
    if is_wanted("image") {
        write("image", image_reader::image, image_seeds())?;
    }
    Ok(())
}

/// The sample; what is left out of it, one thing after the other; manifests that promise what is not there.
fn store_seeds() -> Seeds {
    let all = sample();
    let mut seeds = vec![("sample".to_owned(), joined(&all)), ("empty".to_owned(), joined(&BackupStore::default()))];
    let mut with = |name: &str, change: &dyn Fn(&mut StoredBackup)| {
        for (number, backup) in (1..).zip(&all.backups) {
            let mut backup = StoredBackup::clone(backup);
            change(&mut backup);
            seeds.push((format!("{name}-{number}"), joined(&BackupStore { backups: vec![Arc::new(backup)] })));
        }
    };
    with("alone", &|_| {});
    with("no-components", &|backup| backup.components.clear());
    with("no-documents", &|backup| {
        backup.backup_components = "".into();
        backup.writer_metadata.clear();
    });
    with("zeros", &|backup| {
        for file in backup.components.values_mut().flat_map(|stored| &mut stored.files) {
            file.parts.iter_mut().for_each(|(_, bytes)| *bytes = Bytes::zeros(bytes.len()));
        }
    });
    let text = String::from_utf8_lossy(&joined(&all)).into_owned();
    for (name, from, to) in [
        ("bad-folder", "D:\\\\Orders\\\\orders.db", "D:\\\\..\\\\orders.db"),
        ("bad-number", "\"number\": 1", "\"number\": 9"),
        ("bad-size", "\"size\": 8192", "\"size\": 18446744073709551615"),
        ("bad-sum", "\norders\n", "\nordres\n"),
        ("bad-key", "\"live\": true", "\"dead\": true"),
    ] {
        assert!(text.contains(from), "{name}");
        seeds.push((name.to_owned(), text.replacen(from, to, 1).into_bytes()));
    }
    let manifest = text.split_once("\n=== store.json\n").map_or("", |(_, manifest)| manifest);
    seeds.push(("bad-manifest-alone".to_owned(), manifest.as_bytes().to_vec()));
    seeds
}

/// Every sample as it is; damages of each kind of structure; the beginnings of containers; bytes that are nothing.
fn image_seeds() -> Seeds {
    let mut seeds = Seeds::new();
    for (number, sample) in (1_u8..).zip(SAMPLES.iter()) {
        seeds.push((format!("sample-{}", sample.name.replace(' ', "-")), vec![number]));
    }
    let damages: [(&str, u8, u64, &[u8]); 12] = [
        ("loop-in-the-catalog", 2, 0x20028, &[0, 0, 2]),
        ("catalog-outside", 2, 0x1e30, &[0xff; 8]),
        ("store-outside", 2, 0x20100 + 32, &[0, 0, 0, 0xff]),
        ("place-outside", 3, 0x44080 + 16, &[0, 0, 0, 0x10]),
        ("forwarder-and-overlay", 3, 0x6c080 + 24, &[3]),
        ("range-outside", 3, 0x4c080 + 16, &[0xff; 8]),
        ("unknown-type", 3, 0x20080, &[9]),
        ("another-volume", 4, 0x1e50, &[7]),
        ("loop-of-boot-records", 5, 0x7e00 + 462 + 8, &[0, 0, 0, 0]),
        ("partition-outside", 6, 0x400 + 40, &[0xff; 4]),
        ("cluster-outside", 7, 0x8000 + 8, &[0, 0xff]),
        ("block-outside", 8, 0x600, &[0x7f]),
    ];
    for (name, sample, offset, value) in damages {
        seeds.push((name.to_owned(), [vec![sample], patch_bytes(0, offset, value)].concat()));
    }
    let files = [
        ("zeros", vec![0; 1024]),
        ("empty", Vec::new()),
        ("qcow2", b"QFI\xfb\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10".to_vec()),
        ("vhd", [&[0; 512][..], b"conectix\0\0\0\x02\0\x01\0\0\xff\xff\xff\xff\xff\xff\xff\xff", &[0; 488]].concat()),
        ("vhdx", [&b"vhdxfile"[..], &[0; 1016]].concat()),
    ];
    for (name, file) in files {
        seeds.push((format!("file-{name}"), [vec![0], file].concat()));
    }
    let read = seeds.into_iter().map(|(name, seed)| match image_reader::image(&seed) {
        true => (name, seed),
        false => (format!("bad-{name}"), seed),
    });
    read.collect()
}

const JSON_SIGNS: &[&str] =
    &["{\"", "\"}", "\":", ",\"", "[]", "{}", "\\u0000", "\\ud800", "\n{\"n\":", "null", "-1", "1e999", "\\\\?\\"];

const XML_SIGNS: &[&str] = &[
    "</",
    "/>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml version=\"1.0\" encoding=\"utf-16\"?>",
    "<!DOCTYPE ",
    "&amp;",
    "&lt;",
    "&quot;",
    "&apos;",
    "&#10;",
    "&#x10ffff;",
    "\r\n",
    "\u{feff}",
    "x-schema:#VssWriterMetadataInfo",
    "x-schema:#VssComponentMetadata",
];

const YAML_SIGNS: &[&str] = &[
    "\n  - ",
    "\n    ",
    ": ",
    "{}",
    "[]",
    "&a ",
    "*a",
    "<<: ",
    "!!binary ",
    "!!str ",
    ": |\n",
    ": >-\n",
    "''",
    "\\\"",
    " # ",
    "%YAML 1.2",
    "\n---\n",
    "\n...\n",
    "? ",
    "~",
    ".inf",
    "0x7f",
    "1e999",
    " TiB",
    " KiB",
    "ms",
    "..",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
];

/// Every key and word that the scenario format has.
fn scenario_words() -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(&json_schema()).unwrap_or_default();
    let mut words = BTreeSet::new();
    let mut left = vec![&schema];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(fields) => {
                let keys = fields.get("properties").and_then(Value::as_object).into_iter().flat_map(|keys| keys.keys());
                words.extend(keys.cloned());
                let closed = fields.get("enum").and_then(Value::as_array).into_iter().flatten();
                let closed = closed.chain(fields.get("const")).filter_map(Value::as_str);
                words.extend(closed.map(str::to_owned));
                left.extend(fields.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    words
}

/// Writes signs and words as a dictionary of libFuzzer.
fn write_dictionary(target: &str, signs: &[&str], words: BTreeSet<String>) -> io::Result<()> {
    let signs = signs.iter().map(|sign| (*sign).to_owned());
    let escaped = |entry: String| -> String {
        entry
            .bytes()
            .map(|byte| match byte {
                b'"' => "\\\"".to_owned(),
                b'\\' => "\\\\".to_owned(),
                0x20..=0x7e => char::from(byte).to_string(),
                other => format!("\\x{other:02x}"),
            })
            .collect()
    };
    let lines: String = signs
        .chain(words)
        .filter(|entry| entry.len() <= LONGEST_WORD)
        .map(|entry| format!("\"{}\"\n", escaped(entry)))
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionaries");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("{target}.dict")), lines)
}

/// Writes a folder of seeds. Every one is accepted by its reader, except those named `bad-…`.
fn write(target: &str, reader: Reader, seeds: Seeds) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut bytes = 0;
    for (name, seed) in &seeds {
        assert!(seed.len() <= LONGEST, "{target}/{name} has {} bytes", seed.len());
        assert_eq!(reader(seed), !name.starts_with("bad-"), "{target}/{name}");
        fs::write(folder.join(name), seed)?;
        bytes += seed.len();
    }
    println!("{target}: {} seeds, {bytes} bytes", seeds.len());
    Ok(())
}

/// The traces of the ready scenarios that need no files, each with the name of its scenario.
fn library_traces() -> Vec<(&'static str, Trace)> {
    let entries = LIBRARY.iter().filter(|entry| !entry.needs_corpus());
    let traces = entries.map(|entry| {
        let scenario = Scenario::parse(entry.name, entry.text).unwrap_or_else(|errors| panic!("{errors}"));
        let staged = stage(&scenario, &NoFiles).unwrap_or_else(|errors| panic!("{errors}"));
        let (_, trace) = run(&Arc::new(staged.plan), 1).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        (entry.name, trace)
    });
    traces.collect()
}

/// What a text is made of: its words, without the parts of numbers and GUIDs.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphabetic() && c != '_')
        .filter(|word| word.len() > 2 && !word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_owned)
        .collect()
}

/// Those of the candidates, shortest first, that bring at least `new` words that none before had.
fn cover(mut candidates: Vec<(String, String)>, new: usize) -> Seeds {
    candidates.sort_by_key(|(name, text)| (text.len(), name.clone()));
    let mut known = BTreeSet::new();
    let mut seeds = Seeds::new();
    for (name, text) in candidates {
        let words = words(&text);
        if text.len() <= LONGEST && words.difference(&known).count() >= new {
            known.extend(words);
            seeds.push((name, text.into_bytes()));
        }
    }
    seeds
}

/// Every kind of record, alone and together; the first records of runs.
fn trace_seeds(traces: &[(&'static str, Trace)]) -> Seeds {
    let all = samples::trace();
    let mut candidates: Vec<(String, String)> = Vec::new();
    for record in &all.records {
        let mut record = record.clone();
        (record.n, record.cause) = (1, 0);
        let trace = Trace { header: all.header.clone(), records: vec![record] };
        candidates.push((format!("record-{}", candidates.len() + 1), trace.to_json_lines()));
    }
    let mut seeds = cover(candidates, 4);
    let mut candidates = Vec::new();
    for (name, trace) in traces {
        let mut trace = trace.clone();
        trace.records.retain(|record| !matches!(record.what, What::Document { .. }));
        trace.records.truncate(25);
        renumber(&mut trace);
        candidates.push((format!("run-{name}"), trace.to_json_lines()));
    }
    seeds.extend(cover(candidates, 8));
    seeds.push(("every-record".to_owned(), all.to_json_lines().into_bytes()));
    let short = traces.iter().filter(|(name, _)| *name == "shadow-copy-without-writers");
    seeds.extend(short.map(|(name, trace)| (format!("whole-{name}"), trace.to_json_lines().into_bytes())));
    seeds
}

/// After records were left out: numbers in turn again, and every cause an earlier record.
fn renumber(trace: &mut Trace) {
    for (n, record) in (1..).zip(&mut trace.records) {
        record.n = n;
        record.cause = record.cause.min(n - 1);
    }
}

/// The documents of one kind that writers and requesters of the ready scenarios wrote; one with everything that the format has; the
/// encodings.
fn document_seeds(traces: &[(&'static str, Trace)], kind: DocumentKind, reader: Reader) -> Seeds {
    let mut candidates = Vec::new();
    for (name, trace) in traces {
        for record in &trace.records {
            if let What::Document { kind: found, text, .. } = &record.what
                && *found == kind
                // Some scenarios damage documents.
                && reader(text.as_bytes())
            {
                candidates.push((format!("{name}-{}", record.n), text.to_string()));
            }
        }
    }
    let mut seeds = cover(candidates, 3);
    let everything = if kind == DocumentKind::WriterMetadata { WRITER_METADATA } else { BACKUP_COMPONENTS };
    seeds.push(("everything".to_owned(), everything.as_bytes().to_vec()));
    let Some(short) = seeds.iter().map(|(_, seed)| seed).min_by_key(|seed| seed.len()).cloned() else { return seeds };
    let text = String::from_utf8_lossy(&short).into_owned();
    let units = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(unit).collect() };
    seeds.push(("utf-16le".to_owned(), units(u16::to_le_bytes)));
    seeds.push(("utf-16be-with-mark".to_owned(), [vec![0xfe, 0xff], units(u16::to_be_bytes)].concat()));
    seeds.push((
        "prolog-and-comments".to_owned(),
        format!("\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!-- a --><?b c?>{text}<!-- d -->\n")
            .into_bytes(),
    ));
    seeds.push(("bad-document-type".to_owned(), format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{text}").into_bytes()));
    seeds.push(("bad-half".to_owned(), short[..short.len() / 2].to_vec()));
    seeds
}

/// Ready scenarios that together use every key, and the parts of YAML that scenarios use little.
fn scenario_seeds() -> Seeds {
    let candidates: Vec<(String, String)> = LIBRARY
        .iter()
        .filter(|entry| !entry.needs_corpus())
        .map(|entry| {
            (entry.name.to_owned(), entry.text.lines().filter(|line| !is_prose(line)).map(with_feed).collect())
        })
        .collect();
    let mut seeds = cover(candidates, 14);
    seeds.push(("flow-and-aliases".to_owned(), FLOW.as_bytes().to_vec()));
    seeds.push(("bad-two-documents".to_owned(), format!("{FLOW}---\n{FLOW}").into_bytes()));
    seeds.push(("bad-many-mistakes".to_owned(), MISTAKES.as_bytes().to_vec()));
    seeds
}

/// Comments and explanations, which teach a fuzzer nothing.
fn is_prose(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn with_feed(line: &str) -> String {
    format!("{line}\n")
}

const FLOW: &str = r#"%YAML 1.2
---
{format: 1, name: flow, title: "every style \u00e4\t", release: 'server-2019',
 machine: {name: H, disks: [{name: d, size: 64 MiB}],
  volumes: [&v {name: 'C:', disk: d, size: 32 MiB}]},
 requesters: [{name: R, script: [{backup: {volumes: &names ['C:'], context: VSS_CTX_FILE_SHARE_BACKUP}},
  {backup: {volumes: *names, context: VSS_CTX_FILE_SHARE_BACKUP}}]}]}
"#;

const MISTAKES: &str = "format: 2\nname: Not A Slug\ntitle: |\n  two\n  lines\nrelease: 1999\nmachine:\n  name: no\n  disks: [{name: d, \
     size: 3 GBB}, {name: d, size: 0 B}]\n  volumes:\n    - {name: 'C:', disk: e, size: 1 KiB}\n    - {name: 'c:', extents: \
     [{disk: d, offset: 1 B, length: 2 B}]}\nrequesters:\n  - name: R\n    script:\n      - CreateVssBackupComponents\n      - \
     AddToSnapshotSet: {volume: 'Z:'}\nexpect: {outcome: succeded, hresults: [{call: Foo, hresult: 0xZZ}]}\n";

const WRITER_METADATA: &str = r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2" backupSchema="257">
<IDENTIFICATION writerId="6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c" instanceId="{1BDDD48E-5052-49DB-9B07-B96F96727E6B}" instanceName="a" friendlyName="Orders &amp; &#x201c;more&#8221;" usage="USER_DATA" dataSource="TRANSACTION_DB" majorVersion="1" minorVersion="0"/>
<RESTORE_METHOD method="CUSTOM" service="s" userProcedure='http://"a"' writerRestore="always" rebootRequired="yes"><ALTERNATE_LOCATION_MAPPING path="C:\a" filespec="*" recursive="no" alternatePath="D:\b"/></RESTORE_METHOD>
<BACKUP_LOCATIONS>
<DATABASE logicalPath="a\b" componentName="c" caption="two
lines" icon="AAAA" restoreMetadata="no" notifyOnBackupComplete="yes" selectable="yes" selectableForRestore="no" componentFlags="3"><DATABASE_FILES path="%windir%\x" filespec="*.db" filespecBackupType="3855"/><DATABASE_LOGFILES path="C:\x" filespec="?.log" recursive="yes" alternatePath="D:\"/><DEPENDENCY writerId="6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c" logicalPath="a" componentName="d"/></DATABASE>
<FILE_GROUP logicalPath="a" componentName="d" restoreMetadata="no" notifyOnBackupComplete="no" selectable="no"><FILE_LIST path="" filespec="a" recursive="no"/></FILE_GROUP>
<EXCLUDE_FILES path="C:\t" filespec="*.tmp" recursive="yes"/><EXCLUDE_FILES_FROM_SNAPSHOT path="C:\u" filespec="*"/>
</BACKUP_LOCATIONS></WRITER_METADATA>
"#;

const BACKUP_COMPONENTS: &str = r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata" version="1.2" bootableSystemStateBackup="no" selectComponents="yes" backupType="differential" partialFileSupport="yes" snapshotSetId="e109943b-232e-4b52-8dc4-62b7de94761b" restoreType="byCopy">
<WRITER_COMPONENTS instanceId="1bddd48e-5052-49db-9b07-b96f96727e6b" writerId="6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c" backupSchema="257">
<COMPONENT logicalPath="a" componentName="c" componentType="database" backupSucceeded="yes" backupOptions="o" previousBackupStamp="p" backupStamp="b" backupMetadata="&#10;" prepareForBackupFailureMsg="f" postSnapshotFailureMsg="g" selectedForRestore="yes" restoreOptions="r" restoreTarget="originalLocation" fileRestoreStatus="failed" additionalRestores="no" restoreMetadata="m" restoreName="n" preRestoreFailureMsg="h" postRestoreFailureMsg="i"><PARTIAL_FILE path="C:\" filename="a" ranges="0:1, 4:9" metadata="x"/><DIFFERENCED_FILES path="C:\" filespec="*" recursive="yes" lastModifyTime="133485408000000000"/></COMPONENT>
</WRITER_COMPONENTS><WRITER_COMPONENTS instanceId="1bddd48e-5052-49db-9b07-b96f96727e6c" writerId="6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2d"></WRITER_COMPONENTS></BACKUP_COMPONENTS>
"#;
