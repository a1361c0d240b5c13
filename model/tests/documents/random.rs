//! Generated documents survive every encoding; foreign bytes are answered, never a panic.

#![allow(clippy::needless_pass_by_value, reason = "quickcheck hands over values")]

use quickcheck::{Arbitrary, Gen, QuickCheck};
use vssim_model::api::{BackupType, ComponentName};
use vssim_model::documents::{
    BackupComponents, BackupSchema, BackupState, ComponentFlags, ComponentSpec, ComponentType, ComponentView, FileSpec,
    FileSpecBackupType, RestoreMethodKind, SourceType, UsageType, WriterMetadata, WriterRestore, same_document,
};
use vssim_model::ids::{Guid, SnapshotSetId, WriterClassId, WriterInstanceId};

/// A text in every encoding that is read.
pub(crate) fn encodings(text: &str) -> Vec<Vec<u8>> {
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    vec![
        text.as_bytes().to_vec(),
        [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat(),
        [&[0xff, 0xfe], le.as_slice()].concat(),
        [&[0xfe, 0xff], be.as_slice()].concat(),
        le,
        be,
    ]
}

/// A text that XML allows, with the characters that need care.
#[derive(Clone, Debug)]
struct Text(String);

impl Arbitrary for Text {
    fn arbitrary(g: &mut Gen) -> Text {
        let special = ['<', '>', '&', '"', '\'', '\n', '\r', '\t', ' ', 'ä', '€', '😀', '\u{fffd}', ']', ';', '#'];
        let length = usize::arbitrary(g) % 12;
        let letter = |g: &mut Gen| match u8::arbitrary(g) % 3 {
            0 => *g.choose(&special).unwrap(),
            _ => char::from(b'a' + u8::arbitrary(g) % 26),
        };
        Text((0..length).map(|_| letter(g)).collect())
    }
}

/// A Writer Metadata Document, made by the builder.
#[derive(Clone, Debug)]
struct Generated(WriterMetadata);

impl Arbitrary for Generated {
    fn arbitrary(g: &mut Gen) -> Generated {
        let id = |g: &mut Gen| Guid(u128::arbitrary(g));
        let text = |g: &mut Gen| Text::arbitrary(g).0;
        let plain = |g: &mut Gen| text(g).replace(['*', '?', '\\'], "") + "x";
        let usage = *g.choose(UsageType::ALL).unwrap();
        let source = *g.choose(SourceType::ALL).unwrap();
        let (class, instance) = (WriterClassId(id(g)), WriterInstanceId(id(g)));
        let mut builder = WriterMetadata::build(class, instance, &text(g), usage, source).unwrap();
        builder.set_instance(Some(&text(g)), (u32::arbitrary(g), 0)).unwrap();
        if bool::arbitrary(g) {
            let method = *g.choose(RestoreMethodKind::ALL).unwrap();
            let restore = *g.choose(WriterRestore::ALL).unwrap();
            builder.set_restore_method(method, Some(&text(g)), restore, bool::arbitrary(g)).unwrap();
            builder.add_alternate_location_mapping(&FileSpec::new(&plain(g), &plain(g)), &text(g)).unwrap();
        }
        for number in 0..usize::arbitrary(g) % 4 {
            let database = bool::arbitrary(g);
            let kind = if database { ComponentType::Database } else { ComponentType::FileGroup };
            let (path, name) = (text(g), format!("{}{number}", plain(g)));
            let spec = ComponentSpec {
                caption: bool::arbitrary(g).then(|| text(g)),
                icon: bool::arbitrary(g).then(|| text(g)),
                selectable: bool::arbitrary(g),
                flags: ComponentFlags(u32::arbitrary(g)),
                ..ComponentSpec::new(kind, &path, &name)
            };
            builder.add_component(&spec).unwrap();
            for _ in 0..usize::arbitrary(g) % 4 {
                let files = FileSpec {
                    backup_type: FileSpecBackupType(u32::arbitrary(g)),
                    ..FileSpec::new(&plain(g), &plain(g))
                };
                if database {
                    builder.add_database_files(&path, &name, &files).unwrap();
                    builder.add_database_log_files(&path, &name, &files).unwrap();
                } else {
                    builder.add_files_to_file_group(&path, &name, &files.recursive()).unwrap();
                }
                builder.add_exclude_files(&FileSpec::new(&plain(g), "*")).unwrap();
            }
        }
        Generated(builder.finish())
    }
}

/// A Backup Components Document, made by the setters.
#[derive(Clone, Debug)]
struct Backup(BackupComponents);

impl Arbitrary for Backup {
    fn arbitrary(g: &mut Gen) -> Backup {
        let text = |g: &mut Gen| Text::arbitrary(g).0;
        let mut document = BackupComponents::new();
        if bool::arbitrary(g) {
            document.set_backup_state(BackupState {
                select_components: bool::arbitrary(g),
                bootable_system_state: bool::arbitrary(g),
                backup_type: *g.choose(BackupType::ALL).unwrap(),
                partial_file_support: bool::arbitrary(g),
            });
            document.set_snapshot_set_id(SnapshotSetId(Guid(u128::arbitrary(g))));
        }
        for number in 0..u8::arbitrary(g) % 5 {
            let name = ComponentName {
                instance: WriterInstanceId(Guid(u128::from(bool::arbitrary(g)))),
                writer: WriterClassId(Guid(u128::from(bool::arbitrary(g)))),
                logical_path: text(g),
                name: format!("{}{number}", text(g)),
            };
            document.add_component(&name, ComponentType::Database, BackupSchema(u32::arbitrary(g))).unwrap();
            document.set_backup_metadata(&name, &text(g)).unwrap();
            document.set_backup_succeeded(&name, bool::arbitrary(g)).unwrap();
            document.set_backup_stamp(&name, &text(g)).unwrap();
            document.add_partial_file(&name, &text(g), "file", &text(g), Some(&text(g))).unwrap();
        }
        Backup(document)
    }
}

#[test]
fn generated_backup_components_documents_survive_every_encoding() {
    fn survives(document: Backup) -> bool {
        let names = |d: &BackupComponents| -> Vec<_> {
            d.writers().flat_map(|w| w.components()).map(|c| c.full_name()).collect()
        };
        let texts = |d: &BackupComponents| -> Vec<_> {
            let text = |c: ComponentView<'_>| (c.backup_metadata().map(str::to_owned), c.backup_succeeded());
            d.writers().flat_map(|w| w.components()).map(text).collect()
        };
        let xml = document.0.to_xml();
        encodings(&xml).iter().all(|bytes| {
            let read = BackupComponents::read(bytes).unwrap();
            read.to_xml() == xml
                && same_document(bytes, read.to_xml().as_bytes()).is_ok()
                && names(&read) == names(&document.0)
                && texts(&read) == texts(&document.0)
                && read.backup_state() == document.0.backup_state()
        })
    }
    quickcheck().quickcheck(survives as fn(Backup) -> bool);
}

/// The same cases in every run.
fn quickcheck() -> QuickCheck {
    QuickCheck::new().rng(Gen::from_size_and_seed(64, 20_120_900)).tests(300)
}

#[test]
fn generated_documents_survive_every_encoding() {
    fn survives(document: Generated) -> bool {
        let xml = document.0.to_xml();
        encodings(&xml).iter().all(|bytes| {
            let read = WriterMetadata::read(bytes).unwrap();
            read.to_xml() == WriterMetadata::read(read.to_xml().as_bytes()).unwrap().to_xml()
                && same_document(bytes, read.to_xml().as_bytes()).is_ok()
                && read.components().map(|c| c.name()).eq(document.0.components().map(|c| c.name()))
                && read.components().map(|c| c.caption()).eq(document.0.components().map(|c| c.caption()))
                && read.check() == document.0.check()
        })
    }
    quickcheck().quickcheck(survives as fn(Generated) -> bool);
}

#[test]
fn arbitrary_bytes_are_answered() {
    fn answered(bytes: Vec<u8>) -> bool {
        let markup = [b"<WRITER_METADATA xmlns=\"x-schema:#VssWriterMetadataInfo\"".as_slice(), &bytes].concat();
        [bytes, markup].iter().all(|bytes| {
            let errors = (WriterMetadata::read(bytes).unwrap_err(), BackupComponents::read(bytes).unwrap_err());
            same_document(bytes, bytes).ok();
            errors.0.line() >= Some(1) && errors.0.excerpt().is_some() && errors.1.column() >= Some(1)
        })
    }
    quickcheck().tests(3000).quickcheck(answered as fn(Vec<u8>) -> bool);
}

#[test]
fn truncated_documents_are_refused() {
    fn refused(document: Generated, cut: usize) -> bool {
        let xml = document.0.to_xml();
        encodings(&xml).iter().all(|bytes| {
            let cut = cut % bytes.len();
            WriterMetadata::read(&bytes[..cut]).is_err()
        })
    }
    quickcheck().quickcheck(refused as fn(Generated, usize) -> bool);
}

#[test]
fn bit_flips_are_answered_and_what_is_still_read_is_still_written() {
    fn answered(document: Generated, flips: Vec<(usize, u8)>) -> bool {
        encodings(&document.0.to_xml()).into_iter().all(|mut bytes| {
            for (at, bit) in flips.iter().take(4) {
                let at = at % bytes.len();
                bytes[at] ^= 1 << (bit % 8);
            }
            match WriterMetadata::read(&bytes) {
                Ok(read) => same_document(&bytes, read.to_xml().as_bytes()).is_ok(),
                Err(fault) => fault.excerpt().is_some(),
            }
        })
    }
    quickcheck().tests(1000).quickcheck(answered as fn(Generated, Vec<(usize, u8)>) -> bool);
}
