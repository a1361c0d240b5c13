//! Hostile input: whatever the bytes, a reader answers with a result or an error, without a panic, in bounded memory.
//!
//! A new reader is one more row of [`READERS`]. Each goes through the same mill: thousands of generated cases of up to
//! 64 KiB (as many as `PROPTEST_CASES` says, at least 10,000), and at least 20 huge ones, read by a child process whose
//! address space and time are limited.

#![allow(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the child process is told by its environment what to read"
)]

use std::hint::black_box;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use vssim_conformance::judge;
use vssim_model::documents::{BackupComponents, MAX_BYTES, WriterMetadata};
use vssim_model::trace_codec;
use vssim_scenarios::{Scenario, library};
use vssim_sim::ntfs::read_ntfs;
use vssim_tests::ntfs_image::{Image, bombs};
use vssim_tests::{readers, samples, store_files, trace_bombs};

/// Something that reads foreign bytes.
struct Reader {
    name: &'static str,
    /// Reads; the answer does not matter. One of [`vssim_tests::readers`].
    read: fn(&[u8]),
    /// A text that it accepts, to be damaged.
    sample: fn() -> Vec<u8>,
    /// Signs that mean something to it.
    signs: &'static [&'static str],
    /// Texts made to blow up in its own way.
    bombs: fn() -> Vec<Huge>,
}

const READERS: &[Reader] = &[
    Reader {
        name: "trace",
        read: |bytes| {
            let _ = black_box(readers::trace(bytes));
        },
        sample: || samples::trace().to_json_lines().into_bytes(),
        signs: &[
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\\u0000",
            "\\ud800",
            "\n",
            "null",
            "-1",
            "1e999",
            "\"n\":",
            "\"what\":",
        ],
        bombs: traces_hard_to_read,
    },
    Reader {
        name: "judged-trace",
        read: |bytes| {
            let _ = black_box(trace_codec::read(bytes).map(|trace| judge(&trace)));
        },
        sample: || samples::trace().to_json_lines().into_bytes(),
        signs: &["{", "}", ":", ",", "\"", "\n", "1", "\"n\":", "\"what\":", "\"cause\":", "\"object\":"],
        bombs: || {
            let judged = [
                case("many express writers, many objects", || trace_bombs::express_writers(JUDGED)),
                case("many registrations of a class", || trace_bombs::registrations(JUDGED)),
                case("many ends of a process", || trace_bombs::deaths(JUDGED)),
            ];
            traces_hard_to_read().into_iter().chain(judged).collect()
        },
    },
    Reader {
        name: "writer-metadata",
        read: |bytes| {
            let _ = black_box(readers::writer_metadata(bytes));
        },
        sample: || WRITER_METADATA.as_bytes().to_vec(),
        signs: XML_SIGNS,
        bombs: || xml_bombs(WRITER_METADATA, "</FILE_GROUP>", "<FILE_LIST path=\"C:\\\" filespec=\"*\"/>"),
    },
    Reader {
        name: "backup-components",
        read: |bytes| {
            let _ = black_box(readers::backup_components(bytes));
        },
        sample: || BACKUP_COMPONENTS.as_bytes().to_vec(),
        signs: XML_SIGNS,
        bombs: || {
            xml_bombs(
                BACKUP_COMPONENTS,
                "</WRITER_COMPONENTS>",
                "<COMPONENT componentName=\"a\" componentType=\"database\"/>",
            )
        },
    },
    Reader {
        name: "scenario",
        read: |bytes| {
            let _ = black_box(readers::scenario(bytes));
        },
        sample: || library::LIBRARY.first().map(|entry| entry.text.as_bytes().to_vec()).unwrap_or_default(),
        signs: &[
            "\n",
            "  ",
            "- ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
            "<<: ",
            "!!binary ",
            "|",
            ">",
            "'",
            "\"",
            "#",
            "%YAML",
            "\n---\n",
            "?",
            "1e999",
            "99999999999999999999 TiB",
            "null",
            "\u{feff}",
            "\t",
            "\0",
        ],
        bombs: yaml_bombs,
    },
    Reader {
        name: "saved-store",
        read: |bytes| {
            let _ = black_box(store_files::saved_store(bytes));
        },
        sample: || store_files::joined(&store_files::sample()),
        signs: &[
            "\n=== store.json\n",
            "\n=== backup-0001/backup-components.xml\n",
            "\n=== backup-0001/files/000001.bin\n",
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\\",
            "..\\\\",
            "C:\\\\",
            "\\ud800",
            "\0",
            "null",
            "-1",
            "1e999",
            "18446744073709551615",
            "\"parts\":",
            "\"data\":",
        ],
        bombs: || store_files::bombs(HUGE),
    },
    Reader {
        name: "ntfs",
        read: |bytes| {
            let _ = black_box(read_ntfs(&bytes)).map_err(|error| error.to_string());
        },
        sample: || Image::tiny().bytes,
        signs: &["FILE", "NTFS    ", "\0", "\u{1}", "\u{7}\0", "\0\0\0\0\0\0\0", "\u{7f}", "0\0\u{3}", "\u{10ffff}"],
        bombs: || {
            let bombs = bombs(HUGE as u64).into_iter();
            bombs.map(|(name, image)| case(name, move || image.bytes.clone())).collect()
        },
    },
];

const XML_SIGNS: &[&str] = &[
    "<",
    ">",
    "</",
    "/>",
    "\"",
    "'",
    "=",
    "&",
    "&lt;",
    "&#0;",
    "&#x10ffff;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "xmlns",
    "\u{feff}",
    "\0",
];

const WRITER_METADATA: &str = r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2">
  <IDENTIFICATION writerId="6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c" instanceId="1bddd48e-5052-49db-9b07-b96f96727e6b"
    friendlyName="Orders Writer" usage="USER_DATA" dataSource="TRANSACTION_DB"/>
  <RESTORE_METHOD method="RESTORE_IF_NOT_THERE" writerRestore="never" rebootRequired="no"/>
  <BACKUP_LOCATIONS>
    <FILE_GROUP componentName="Orders" caption="Orders" restoreMetadata="no" notifyOnBackupComplete="no" selectable="yes"
      selectableForRestore="no" componentFlags="0">
      <FILE_LIST path="%SystemDrive%\Orders" filespec="*.db" recursive="yes" filespecBackupType="3855"/>
    </FILE_GROUP>
  </BACKUP_LOCATIONS>
</WRITER_METADATA>
"#;

const BACKUP_COMPONENTS: &str = r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata" version="1.2" bootableSystemStateBackup="yes" selectComponents="yes" backupType="full" partialFileSupport="no"><WRITER_COMPONENTS instanceId="1bddd48e-5052-49db-9b07-b96f96727e6b" writerId="6f2a1b3c-0d4e-4f5a-9b6c-7d8e9f0a1b2c" backupSchema="0"><COMPONENT componentName="Orders" componentType="filegroup"/></WRITER_COMPONENTS></BACKUP_COMPONENTS>"#;

/// The largest generated case.
const LARGEST: usize = 64 << 10;
/// The size of a huge case. A reader's own bombs also go beyond its limits.
const HUGE: usize = 33 << 20;
/// The address space of the child process, in KiB.
const LIMIT_KIB: u64 = 1 << 20;
/// The writers and objects of a trace that is made to be judged slowly. Judging may take what is quadratic in them.
const JUDGED: usize = 4_000;
/// The time that the child process may compute, in seconds.
const LIMIT_SECONDS: u64 = 900;
/// Tells the child process which reader to feed.
const CHILD: &str = "VSSIM_HOSTILE_CHILD";

/// How a case is made. Small, so that it shrinks; the bytes are made from it.
#[derive(Clone, Debug)]
struct Recipe {
    /// Where the bytes come from.
    base: Base,
    /// About how long the case is.
    length: usize,
    /// Damage, done in order: where (a fraction of the length), and what.
    damage: Vec<(u16, Damage)>,
}

#[derive(Clone, Debug)]
enum Base {
    Noise(u64),
    Signs(u64),
    Sample,
    RepeatedSample,
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(u8),
    Put(usize),
    PutMany(usize, u16),
    Remove(u16),
    Double(u16),
    Truncate,
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let base = prop_oneof![
        any::<u64>().prop_map(Base::Noise),
        any::<u64>().prop_map(Base::Signs),
        Just(Base::Sample),
        Just(Base::RepeatedSample),
    ];
    let damage = prop_oneof![
        any::<u8>().prop_map(Damage::Flip),
        (0_usize..64).prop_map(Damage::Put),
        (0_usize..64, 1_u16..300).prop_map(|(sign, times)| Damage::PutMany(sign, times)),
        (1_u16..2000).prop_map(Damage::Remove),
        (1_u16..2000).prop_map(Damage::Double),
        Just(Damage::Truncate),
    ];
    // Short cases find most; one in sixteen is as long as they come.
    let length = prop_oneof![11 => 0_usize..1024, 4 => 0_usize..16_384, 1 => LARGEST - 512..=LARGEST];
    let damage = proptest::collection::vec((any::<u16>(), damage), 0..6);
    (base, length, damage).prop_map(|(base, length, damage)| Recipe { base, length, damage })
}

/// A plain generator (xorshift), so that a recipe of a few numbers makes many bytes quickly.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

impl Recipe {
    fn bytes(&self, reader: &Reader) -> Vec<u8> {
        let mut bytes = self.base(reader);
        for (place, damage) in &self.damage {
            let at = bytes.len() * usize::from(*place) / (usize::from(u16::MAX) + 1);
            let sign = |which: usize| reader.signs[which % reader.signs.len()].as_bytes();
            match damage {
                Damage::Flip(mask) => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= mask),
                Damage::Put(which) => drop(bytes.splice(at..at, sign(*which).iter().copied())),
                Damage::PutMany(which, times) => {
                    drop(bytes.splice(at..at, sign(*which).repeat(usize::from(*times))));
                }
                Damage::Remove(count) => drop(bytes.drain(at..(at + usize::from(*count)).min(bytes.len()))),
                Damage::Double(count) => {
                    let part = bytes[at..(at + usize::from(*count)).min(bytes.len())].to_vec();
                    drop(bytes.splice(at..at, part));
                }
                Damage::Truncate => bytes.truncate(at),
            }
        }
        bytes.truncate(LARGEST);
        bytes
    }

    fn base(&self, reader: &Reader) -> Vec<u8> {
        match self.base {
            Base::Noise(seed) => {
                let mut noise = Noise(seed | 1);
                (0..self.length).map(|_| noise.next().to_le_bytes()[3]).collect()
            }
            Base::Signs(seed) => {
                let mut noise = Noise(seed | 1);
                let mut bytes = Vec::new();
                while bytes.len() < self.length {
                    let which = usize::from(noise.next().to_le_bytes()[3]);
                    bytes.extend_from_slice(reader.signs[which % reader.signs.len()].as_bytes());
                }
                bytes
            }
            Base::Sample => (reader.sample)(),
            Base::RepeatedSample => (reader.sample)().into_iter().cycle().take(self.length).collect(),
        }
    }
}

fn mill(name: &str) {
    let reader = READERS.iter().find(|reader| reader.name == name).expect("the reader is in the table");
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    config.cases = config.cases.max(10_000);
    let outcome = TestRunner::new(config).run(&recipes(), |recipe| {
        (reader.read)(&recipe.bytes(reader));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
}

#[test]
fn any_bytes_give_a_trace_or_an_error() {
    mill("trace");
}

#[test]
fn any_bytes_that_are_a_trace_can_be_judged() {
    mill("judged-trace");
}

#[test]
fn any_bytes_give_writer_metadata_or_an_error() {
    mill("writer-metadata");
}

#[test]
fn any_bytes_give_backup_components_or_an_error() {
    mill("backup-components");
}

#[test]
fn any_bytes_give_a_scenario_or_errors() {
    mill("scenario");
}

#[test]
fn any_bytes_give_a_store_of_backups_or_an_error() {
    mill("saved-store");
}

#[test]
fn any_bytes_give_an_ntfs_volume_or_an_error() {
    mill("ntfs");
}

#[test]
fn every_sample_is_accepted_before_it_is_damaged() {
    assert!(trace_codec::read(&(READERS[0].sample)()).is_ok());
    for bomb in [trace_bombs::express_writers, trace_bombs::registrations, trace_bombs::deaths] {
        trace_codec::read(bomb(3).as_slice()).expect("what is to be judged can be read");
    }
    WriterMetadata::read(WRITER_METADATA.as_bytes()).expect("the sample is a document");
    BackupComponents::read(BACKUP_COMPONENTS.as_bytes()).expect("the sample is a document");
    let scenario = READERS.iter().find(|reader| reader.name == "scenario").expect("the reader is in the table");
    Scenario::parse_bytes("sample.yaml", &(scenario.sample)()).expect("the sample is a scenario");
    let store = READERS.iter().find(|reader| reader.name == "saved-store").expect("the reader is in the table");
    assert!(store_files::saved_store(&(store.sample)()));
    let files = read_ntfs(&Image::tiny().bytes.as_slice()).expect("the sample is a volume").files;
    assert_eq!(files.len(), 5);
}

/// A huge case: its name, and how it is made. Cases are made one at a time.
type Huge = (String, Box<dyn Fn() -> Vec<u8>>);

fn case(name: impl Into<String>, make: impl Fn() -> Vec<u8> + 'static) -> Huge {
    (name.into(), Box::new(make))
}

/// What every reader gets, then the reader's own bombs.
fn huge(reader: &Reader) -> Vec<Huge> {
    let sample = reader.sample;
    let repeated = move || -> Vec<u8> { sample().into_iter().cycle().take(HUGE).collect() };
    let mut cases = Vec::new();
    for byte in [0_u8, b' ', b'\n', b'{', b'<', 0xff] {
        cases.push(case(format!("byte {byte:#04x} repeated"), move || vec![byte; HUGE]));
    }
    for cut in [1, 3, 7] {
        cases.push(case(format!("truncated after {cut}/8"), move || {
            let mut bytes = repeated();
            bytes.truncate(HUGE / 8 * cut + cut);
            bytes
        }));
    }
    for step in [61, 4099, 1 << 20] {
        cases.push(case(format!("a bit flipped in every {step} bytes"), move || {
            let mut bytes = repeated();
            bytes.iter_mut().step_by(step).for_each(|byte| *byte ^= 0x04);
            bytes
        }));
    }
    cases.push(case("noise", || {
        let mut noise = Noise(0x5653_5349);
        (0..HUGE).map(|_| noise.next().to_le_bytes()[3]).collect()
    }));
    cases.extend((reader.bombs)());
    cases
}

/// `text` as often as it fits.
fn fill(text: &str, size: usize) -> String {
    text.repeat(size / text.len())
}

/// A trace of one record with one more field.
fn with_field(field: &str) -> Vec<u8> {
    let head = trace_codec::header_line(&samples::header());
    let record = r#"{"n":1,"t":0,"actor":"VSS","what":{"creation_lock":{"holder":null}}"#;
    format!("{head}{record},{field}}}\n").into_bytes()
}

fn traces_hard_to_read() -> Vec<Huge> {
    const LINE: usize = trace_codec::LINE_LIMIT - 1024;
    let head = || trace_codec::header_line(&samples::header());
    let cause = |make: fn() -> String| move || with_field(&format!("\"cause\":{}", make()));
    let unknown = |make: fn() -> String| move || with_field(&format!("\"x\":{}", make()));
    vec![
        case("deep lists", cause(|| "[".repeat(LINE))),
        case("deep objects", cause(|| fill("{\"a\":", LINE))),
        case("deep lists in an unknown field", unknown(|| "[".repeat(LINE))),
        case("many numbers in an unknown field", unknown(|| format!("[{}0]", fill("0,", LINE)))),
        case("many lists in an unknown field", unknown(|| format!("[{}0]", fill("[],", LINE)))),
        case("many unknown fields", || with_field(&format!("{}\"y\":1", fill("\"x\":1,", LINE)))),
        case("a number of many digits", cause(|| "9".repeat(LINE))),
        case("a text of many escapes", cause(|| format!("\"{}\"", fill("\\u0041", LINE)))),
        case("a line over the limit", cause(|| format!("\"{}\"", "a".repeat(HUGE)))),
        case("many records", move || {
            let lock = r#""t":0,"actor":"VSS","what":{"creation_lock":{"holder":null}}}"#;
            let records: String = (1..=HUGE / 80).map(|n| format!("{{\"n\":{n},{lock}\n")).collect();
            (head() + &records).into_bytes()
        }),
        case("many actors", move || {
            let actors: String = (0..200_000).map(|n| format!("{{\"name\":\"{n}\",\"role\":\"Kernel\"}},")).collect();
            head().replace("\"actors\":[", &format!("\"actors\":[{actors}")).into_bytes()
        }),
        case("many headers", move || fill(&head(), HUGE).into_bytes()),
    ]
}

/// `element` is one that may stand many times before `end`.
fn xml_bombs(sample: &'static str, end: &'static str, element: &'static str) -> Vec<Huge> {
    let inside = move |make: fn() -> String| move || sample.replacen(end, &(make() + end), 1).into_bytes();
    let elements = move |size: usize| move || sample.replacen(end, &(fill(element, size) + end), 1).into_bytes();
    vec![
        case("an entity that grows", move || {
            let grow = |n: usize| format!("<!ENTITY e{} \"{}\">", n + 1, format!("&e{n};").repeat(10));
            let entities: String = (0..64).map(grow).collect();
            format!("<!DOCTYPE x [<!ENTITY e0 \"aaaa\">{entities}]>{sample}").into_bytes()
        }),
        case("deep elements", || fill("<a>", HUGE).into_bytes()),
        case("deep elements inside", inside(|| fill("<a>", HUGE))),
        case("many elements", elements(HUGE)),
        case("a document over the size limit", elements(MAX_BYTES + 1024)),
        case("an element of many attributes", move || {
            let attributes: String = (0..HUGE / 16).map(|n| format!(" a{n}=\"b\"")).collect();
            sample.replacen(' ', &format!("{attributes} "), 1).into_bytes()
        }),
        case("a long text", inside(|| "a".repeat(HUGE))),
        case("a long name", || format!("<{}/>", "a".repeat(HUGE)).into_bytes()),
        case("a comment without end", inside(|| format!("<!--{}", "-".repeat(HUGE)))),
        case("many character references", inside(|| fill("&#65;", HUGE))),
    ]
}

fn yaml_bombs() -> Vec<Huge> {
    /// Just below and far beyond the size that a scenario may have.
    const SIZES: [usize; 2] = [(1 << 20) - 4096, HUGE];
    let with = |name: &str, make: fn(usize) -> String| {
        SIZES.map(|size| {
            case(format!("{name}, {size} bytes"), move || format!("format: 1\n{}", make(size)).into_bytes())
        })
    };
    [
        with("deep lists", |size| format!("name: {}", "[".repeat(size))),
        with("deep mappings", |size| format!("name: {}", fill("{a: ", size))),
        with("deep blocks", |size| (0..size.isqrt()).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
        with("aliases that grow", |size| {
            let grow = |n: usize| format!("x{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","));
            format!("x0: &a0 [b]\n{}", (1..size / 64).map(grow).collect::<String>())
        }),
        with("many keys", |size| (0..size / 12).map(|n| format!("k{n}: 1\n")).collect()),
        with("one key many times", |size| fill("name: a\n", size)),
        with("many items", |size| format!("name: [{}]", fill("a,", size))),
        with("a long text", |size| format!("name: {}", "a".repeat(size))),
        with("many documents", |size| fill("---\na: 1\n", size)),
        with("a number of many digits", |size| format!("format: {}", "9".repeat(size))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The part of the child process; started only by the test below.
#[test]
#[ignore = "runs in a child process with little memory"]
fn child_reads_huge_cases() {
    let Ok(name) = std::env::var(CHILD) else { return };
    if name == "too much" {
        let bytes = vec![1_u8; usize::try_from(LIMIT_KIB << 10).expect("the limit fits")];
        assert_ne!(black_box(bytes).len(), 0);
        return;
    }
    let reader = READERS.iter().find(|reader| reader.name == name).expect("the reader is in the table");
    let cases = huge(reader);
    assert!(cases.len() >= 20, "{name}: {} huge cases", cases.len());
    for (case, make) in cases {
        eprintln!("{name}: {case}");
        (reader.read)(&make());
    }
}

/// Runs the child's part with a limited address space.
#[cfg(target_os = "linux")]
fn child(task: &str) -> std::process::Output {
    let program = std::env::current_exe().expect("the test knows its own file");
    let limits = format!("ulimit -v {LIMIT_KIB} && ulimit -t {LIMIT_SECONDS}");
    let script = format!("{limits} && exec \"$0\" --exact child_reads_huge_cases --ignored --nocapture");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program).env(CHILD, task).env("RUST_TEST_THREADS", "1");
    command.output().expect("the shell starts")
}

#[cfg(target_os = "linux")]
#[test]
fn huge_cases_are_read_in_bounded_memory_and_time() {
    for reader in READERS {
        let output = child(reader.name);
        let shown = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = shown.lines().rev().take(5).collect();
        assert!(output.status.success(), "{}: {}: {last:?}", reader.name, output.status);
        assert!(shown.contains("noise"), "{}: the child read nothing", reader.name);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_limit_of_the_child_is_a_limit() {
    assert!(!child("too much").status.success());
}
