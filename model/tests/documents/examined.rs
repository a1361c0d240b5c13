//! Documents looked at piece by piece: what is faulty is told to whoever reads it, and to nobody else.

use vssim_model::documents::{BackupComponents, Damage, ExaminedMetadata, WriterMetadata};

const GOOD: &str = r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2" backupSchema="1"><IDENTIFICATION writerId="a6ad56c2-b509-4e6c-bb19-49d8f43532f0" instanceId="e795e5ac-50b0-4127-ab18-6b09138b6669" friendlyName="W" usage="USER_DATA" dataSource="OTHER"/><RESTORE_METHOD method="CUSTOM" writerRestore="never" rebootRequired="yes"><ALTERNATE_LOCATION_MAPPING path="C:\A" filespec="*" alternatePath="D:\A"/></RESTORE_METHOD><BACKUP_LOCATIONS><FILE_GROUP componentName="A" restoreMetadata="no" notifyOnBackupComplete="no" selectable="no"><FILE_LIST path="C:\A" filespec="*"/><DEPENDENCY writerId="d61d61c8-d73a-4eee-8cdd-f6f9786b7124" componentName="B"/></FILE_GROUP><EXCLUDE_FILES path="C:\A" filespec="*.tmp"/><EXCLUDE_FILES_FROM_SNAPSHOT path="C:\B" filespec="*"/></BACKUP_LOCATIONS></WRITER_METADATA>"#;

/// Which getters find the document faulty.
fn faulty(document: &ExaminedMetadata) -> Vec<&'static str> {
    let component = document.components().ok().and_then(|mut all| all.next());
    let files = component.as_ref().and_then(|component| component.files().ok()?.next());
    let mapping = document.mappings().ok().and_then(|mut all| all.next());
    let needs = component.as_ref().and_then(|component| component.dependencies().ok()?.next());
    [
        ("identity", document.identity().is_err()),
        ("instance name", document.instance_name().is_err()),
        ("version", document.writer_version().is_err()),
        ("schema", document.backup_schema().is_err()),
        ("restore method", document.restore_method().is_err()),
        ("mappings", document.mappings().is_err()),
        ("components", document.components().is_err()),
        ("excludes", document.excludes().is_err()),
        ("excludes from snapshot", document.excludes_from_snapshot().is_err()),
        ("info", component.as_ref().is_some_and(|component| component.info().is_err())),
        ("files", component.as_ref().is_some_and(|component| component.files().is_err())),
        ("path", files.is_some_and(|files| files.path().is_err())),
        ("filespec", files.is_some_and(|files| files.filespec().is_err())),
        ("recursive", files.is_some_and(|files| files.recursive().is_err())),
        ("backup type", files.is_some_and(|files| files.backup_type().is_err())),
        ("alternate path", mapping.is_some_and(|files| files.alternate_path().is_err())),
        ("writer", needs.is_some_and(|needs| needs.writer().is_err())),
        ("component name", needs.is_some_and(|needs| needs.component_name().is_err())),
    ]
    .into_iter()
    .filter_map(|(name, faulty)| faulty.then_some(name))
    .collect()
}

#[test]
fn a_document_without_faults_has_none_for_any_getter() {
    let loaded = ExaminedMetadata::load(GOOD.as_bytes()).unwrap();
    assert_eq!(faulty(&loaded), [""; 0]);
    assert!(loaded.sound().is_ok());
    assert_eq!(loaded.to_xml(), GOOD);
    let read = WriterMetadata::read(GOOD.as_bytes()).unwrap();
    let same = ExaminedMetadata::from(&read);
    assert_eq!((same.identity().unwrap(), same.to_xml()), (loaded.identity().unwrap(), GOOD.to_owned()));
}

#[test]
fn each_fault_is_found_by_those_who_read_it_and_by_nobody_else() {
    for (from, to, found) in [
        ("USER_DATA", "PRINTER", vec!["identity"]),
        ("friendlyName=\"W\"", "", vec!["identity"]),
        ("usage=", "majorVersion=\"x\" usage=", vec!["version"]),
        ("backupSchema=\"1\"", "backupSchema=\"x\"", vec!["schema"]),
        ("CUSTOM", "MAGIC", vec!["restore method"]),
        ("</RESTORE_METHOD>", "<FILE_LIST/></RESTORE_METHOD>", vec!["restore method", "mappings"]),
        ("<RESTORE_METHOD", "<RESTORE_METHOD/><RESTORE_METHOD", vec!["restore method", "mappings"]),
        (" alternatePath=\"D:\\A\"", "", vec!["alternate path"]),
        (
            "</BACKUP_LOCATIONS>",
            "<SOMETHING><DEEP/></SOMETHING></BACKUP_LOCATIONS>",
            vec!["components", "excludes", "excludes from snapshot"],
        ),
        ("selectable=\"no\"", "selectable=\"some\"", vec!["info"]),
        ("</FILE_GROUP>", "<DATABASE_FILES/></FILE_GROUP>", vec!["info", "files"]),
        ("<FILE_LIST path=\"C:\\A\"", "<FILE_LIST recursive=\"1\"", vec!["path", "recursive"]),
        ("filespec=\"*\"/><DEP", "filespec=\"\" filespecBackupType=\"all\"/><DEP", vec!["filespec", "backup type"]),
        ("d61d61c8-", "d61d61c8", vec!["writer"]),
        ("componentName=\"B\"", "", vec!["component name"]),
        ("friendlyName", "colour=\"red\" friendlyName", vec![]),
        ("</BACKUP_LOCATIONS>", "text</BACKUP_LOCATIONS>", vec![]),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let loaded = ExaminedMetadata::load(text.as_bytes()).unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!(faulty(&loaded), found, "{to}");
        assert!(WriterMetadata::read(text.as_bytes()).is_err(), "{to}");
        assert_eq!(loaded.to_xml(), text);
    }
}

#[test]
fn what_is_no_xml_is_told_from_another_document() {
    for text in
        ["", "<WRITER_METADATA", "<WRITER_METADATA a=\"1\" a=\"2\"/>", "<WRITER_METADATA><A><B></A></WRITER_METADATA>"]
    {
        assert!(ExaminedMetadata::load(text.as_bytes()).unwrap_err().is_no_xml(), "{text}");
    }
    for text in ["<BACKUP_COMPONENTS/>", "<WRITER_METADATA/>", "<WRITER_METADATA xmlns=\"other\" version=\"1.2\"/>"] {
        assert!(!ExaminedMetadata::load(text.as_bytes()).unwrap_err().is_no_xml(), "{text}");
    }
}

fn damage(element: &str, which: u32, attribute: Option<&str>, value: Option<&str>) -> Damage {
    let text = |text: &str| text.to_owned();
    Damage { element: text(element), which, attribute: attribute.map(text), value: value.map(text) }
}

#[test]
fn damage_in_memory_is_one_fault_where_it_was_planted() {
    let loaded = ExaminedMetadata::load(GOOD.as_bytes()).unwrap();
    for (planted, found) in [
        (damage("IDENTIFICATION", 0, Some("usage"), Some("PRINTER")), vec!["identity"]),
        (damage("IDENTIFICATION", 0, None, None), vec!["identity", "instance name", "version"]),
        (damage("FILE_LIST", 0, Some("filespec"), None), vec!["filespec"]),
        (damage("DEPENDENCY", 0, Some("writerId"), Some("nobody")), vec!["writer"]),
    ] {
        let mut document = loaded.clone();
        assert!(document.damage(&planted), "{planted:?}");
        assert_eq!(faulty(&document), found, "{planted:?}");
        assert_ne!(document.to_xml(), GOOD);
    }
    let mut document = loaded.clone();
    for nowhere in [
        damage("FILE_LIST", 1, Some("filespec"), None),
        damage("FILE_LIST", 0, Some("colour"), None),
        damage("WRITER_METADATA", 0, None, None),
        damage("COMPONENT", 0, None, None),
    ] {
        assert!(!document.damage(&nowhere), "{nowhere:?}");
    }
    assert_eq!(faulty(&document), [""; 0]);
}

#[test]
fn a_backup_components_document_is_damaged_element_by_element() {
    let text = r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata" version="1.2"><WRITER_COMPONENTS instanceId="1bddd48e-5052-49db-9b07-b96f96727e6b" writerId="d61d61c8-d73a-4eee-8cdd-f6f9786b7124"><COMPONENT componentName="a" componentType="filegroup"/><COMPONENT componentName="b" componentType="filegroup"/></WRITER_COMPONENTS></BACKUP_COMPONENTS>"#;
    let mut document = BackupComponents::read(text.as_bytes()).unwrap();
    assert!(document.damage(&damage("COMPONENT", 1, Some("componentType"), Some("none"))));
    assert!(document.sound_root().is_ok() && document.sound().is_err());
    let sound = |document: &BackupComponents| -> Vec<bool> {
        document
            .writers()
            .flat_map(|writer| writer.components())
            .map(|it| it.sound(&["componentType"]).is_ok())
            .collect()
    };
    assert_eq!(sound(&document), [true, false]);
    assert!(document.damage(&damage("COMPONENT", 1, None, None)));
    assert_eq!(sound(&document), [true]);
    assert!(document.sound().is_ok());
}
