//! Documents that Windows Server 2012 wrote. They are read in place; without them the tests say so and pass, unless
//! `CI=true`.

use std::path::PathBuf;

use vssim_model::documents::{
    BackupComponents, BackupSchema, ComponentSpec, ComponentType, FileSpec, FileSpecBackupType, Level,
    RestoreMethodKind, SourceType, UsageType, WriterMetadata, WriterRestore, same_document,
};
use vssim_model::ids::{WriterClassId, WriterInstanceId};

/// The recorded file, or `None` if the corpus is not here.
#[expect(clippy::disallowed_methods, reason = "a test may ask where its corpus is")]
fn recorded(name: &str) -> Option<Vec<u8>> {
    let corpus = std::env::var_os("VSSIM_CORPUS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let path = corpus.join("recorded/metadata/server2012-no-sql").join(name);
    if let Ok(bytes) = std::fs::read(&path) {
        return Some(bytes);
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "{} is missing", path.display());
    println!("skipped: {} is missing", path.display());
    None
}

/// The recorded Writer Metadata Documents that are here.
fn writers() -> Vec<(String, Vec<u8>)> {
    (0..=10).filter_map(|n| recorded(&format!("WM{n}.xml")).map(|bytes| (format!("WM{n}.xml"), bytes))).collect()
}

/// The same text without line ends and tabs between elements.
fn compact(text: &str) -> String {
    text.lines().map(|line| line.trim_start_matches('\t')).collect()
}

#[test]
fn recorded_writer_documents_are_written_as_they_were_read() {
    for (name, bytes) in writers() {
        let document = WriterMetadata::read(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let written = document.to_xml();
        same_document(&bytes, written.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        // Stronger than the comparison of documents: attribute order, quotes and escapes are those of Windows.
        let text = String::from_utf8(bytes).unwrap();
        let expected = if text.contains(">\r\n\t") { compact(&text) } else { text };
        assert!(written == expected, "{name} is written differently");
        assert_eq!(WriterMetadata::read(written.as_bytes()).unwrap(), document, "{name}");
    }
}

#[test]
fn the_recorded_backup_components_document_is_written_as_it_was_read() {
    let Some(bytes) = recorded("BCDocument.xml") else { return };
    let document = BackupComponents::read(&bytes).unwrap();
    assert_eq!(document.to_xml().as_bytes(), bytes);
    same_document(&bytes, document.to_xml().as_bytes()).unwrap();
    let state = document.backup_state().unwrap();
    assert!(state.select_components && state.bootable_system_state && !state.partial_file_support);
    assert_eq!(document.snapshot_set_id().unwrap().0.to_string(), "e109943b-232e-4b52-8dc4-62b7de94761b");
    let names: Vec<_> = document.writers().flat_map(|w| w.components()).map(|c| c.name()).collect();
    assert_eq!(names.len(), 8);
    assert_eq!((names[0], names[7]), ("TasksStore", "COM+ REGDB"));
    let first = document.writers().flat_map(|w| w.components()).next().unwrap();
    assert_eq!(first.component_type(), ComponentType::FileGroup);
    assert_eq!(first.backup_succeeded(), None);
    assert_eq!(document.component(&first.full_name()), Some(first));
}

#[test]
fn the_views_tell_what_the_recorded_sql_server_writer_says() {
    let Some(bytes) = recorded("WM5.xml") else { return };
    let document = WriterMetadata::read(&bytes).unwrap();
    let writer = document.identification();
    assert_eq!(writer.name(), "SqlServerWriter");
    assert_eq!(writer.instance_name(), Some("Microsoft SQL Server 2017:SQLWriter"));
    assert_eq!((writer.usage(), writer.source()), (UsageType::UserData, SourceType::TransactedDb));
    assert!(document.backup_schema().contains(BackupSchema::DIFFERENTIAL | BackupSchema::COPY));
    let method = document.restore_method().unwrap();
    assert_eq!(method.method(), RestoreMethodKind::RestoreIfCanReplace);
    assert_eq!(method.writer_restore(), WriterRestore::Always);
    assert!(!method.reboot_required());
    let msdb = document.component("WIN2012-SQL17-2", "msdb").unwrap();
    assert!(msdb.selectable() && msdb.notify_on_backup_complete() && !msdb.restore_metadata());
    assert_eq!(msdb.flags().to_string(), "VSS_CF_APP_ROLLBACK_RECOVERY");
    let files: Vec<_> = msdb.file_sets().map(|f| (f.filespec(), f.recursive(), f.backup_type())).collect();
    assert_eq!(files[1], ("MSDBLog.ldf", false, FileSpecBackupType::DEFAULT));
}

#[test]
fn the_recorded_system_writer_has_18_925_file_sets() {
    let Some(bytes) = recorded("WM3.xml") else { return };
    let document = WriterMetadata::read(&bytes).unwrap();
    assert_eq!(document.components().flat_map(|c| c.file_sets()).count(), 18_925);
    assert_eq!(document.components().flat_map(|c| c.file_sets()).filter(|f| f.recursive()).count(), 13);
}

#[test]
fn recorded_documents_are_the_same_in_every_encoding() {
    for (name, bytes) in writers() {
        let text = String::from_utf8(bytes).unwrap();
        let document = WriterMetadata::read(text.as_bytes()).unwrap();
        for encoded in crate::random::encodings(&text) {
            assert!(WriterMetadata::read(&encoded).unwrap() == document, "{name}");
        }
    }
}

#[test]
fn of_the_writers_of_windows_two_have_neither_component_nor_restore_method() {
    for (name, bytes) in writers() {
        let findings = WriterMetadata::read(&bytes).unwrap().check();
        let rules: Vec<_> = findings.iter().map(|finding| finding.kind.rule()).collect();
        match &*name {
            "WM6.xml" | "WM7.xml" => {
                assert_eq!(rules, [("CMP-DEF-001", Level::Should), ("WMD-016", Level::Should)], "{name}");
            }
            _ => assert_eq!(rules, [], "{name}"),
        }
    }
}

#[test]
fn what_the_builder_is_told_comes_out_as_windows_wrote_it() {
    // The COM+ REGDB Writer of the recording, call by call.
    let Some(bytes) = recorded("WM10.xml") else { return };
    let class = WriterClassId("542da469-d3e1-473c-9f4f-7847f01fc64f".parse().unwrap());
    let instance = WriterInstanceId("096a689b-077b-44e3-a7ba-5831d480c95b".parse().unwrap());
    let (usage, source) = (UsageType::BootableSystemState, SourceType::Other);
    let mut builder = WriterMetadata::build(class, instance, "COM+ REGDB Writer", usage, source).unwrap();
    let method = RestoreMethodKind::RestoreAtRebootIfCannotReplace;
    builder.set_restore_method(method, None, WriterRestore::Never, false).unwrap();
    let spec = ComponentSpec {
        caption: Some("COM+ REGDB".to_owned()),
        selectable: true,
        ..ComponentSpec::new(ComponentType::FileGroup, "", "COM+ REGDB")
    };
    builder.add_component(&spec).unwrap();
    let files = FileSpec::new(r"%SystemRoot%\Registration", "*").recursive();
    builder.add_files_to_file_group("", "COM+ REGDB", &files).unwrap();
    assert_eq!(builder.finish().to_xml().as_bytes(), bytes);
}

#[test]
fn the_setters_of_a_requester_make_the_recorded_backup_components_document() {
    let Some(bytes) = recorded("BCDocument.xml") else { return };
    let recorded = BackupComponents::read(&bytes).unwrap();
    let mut document = BackupComponents::new();
    document.set_backup_state(recorded.backup_state().unwrap());
    for writer in recorded.writers() {
        for component in writer.components() {
            let name = component.full_name();
            document.add_component(&name, component.component_type(), writer.backup_schema()).unwrap();
        }
    }
    document.set_snapshot_set_id(recorded.snapshot_set_id().unwrap());
    assert_eq!(document.to_xml().as_bytes(), bytes);
}
