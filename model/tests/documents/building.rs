//! Documents that builders and setters make, what they refuse, and what the check for writers tells.

use vssim_model::api::{BackupType, ComponentName};
use vssim_model::documents::{
    BackupComponents, BackupSchema, BackupState, ComponentSpec, ComponentType, DocumentError, FileRestoreStatus,
    FileSpec, FileSpecBackupType, Level, RestoreMethodKind, RestoreTarget, RestoreType, SourceType, UsageType,
    WriterMetadata, WriterMetadataBuilder, WriterRestore, same_document,
};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, SnapshotSetId, WriterClassId, WriterInstanceId};

const CLASS: WriterClassId = WriterClassId(Guid(0xc1));
const INSTANCE: WriterInstanceId = WriterInstanceId(Guid(0x11));

fn builder() -> WriterMetadataBuilder {
    WriterMetadata::build(CLASS, INSTANCE, "Shop", UsageType::UserData, SourceType::TransactedDb).unwrap()
}

fn database() -> WriterMetadataBuilder {
    let mut builder = builder();
    builder.add_component(&ComponentSpec::new(ComponentType::Database, "", "shop")).unwrap();
    builder
}

fn group() -> WriterMetadataBuilder {
    let mut builder = builder();
    builder.add_component(&ComponentSpec::new(ComponentType::FileGroup, "web", "pages")).unwrap();
    builder
}

fn component() -> ComponentName {
    ComponentName { instance: INSTANCE, writer: CLASS, logical_path: String::new(), name: "shop".to_owned() }
}

#[test]
fn a_built_document_is_written_as_windows_would_and_read_again() {
    let mut builder = builder();
    builder.set_instance(Some("Shop:1"), (2, 1)).unwrap();
    builder.set_backup_schema(BackupSchema::INCREMENTAL | BackupSchema::TIMESTAMPED);
    builder
        .set_restore_method(RestoreMethodKind::StopRestoreStart, Some("shopd"), WriterRestore::Always, true)
        .unwrap();
    let spec = ComponentSpec {
        caption: Some("The <shop> & \"more\"\r\n".to_owned()),
        selectable: true,
        ..ComponentSpec::new(ComponentType::Database, r"a\b", "shop")
    };
    builder.add_component(&spec).unwrap();
    let data = FileSpec::new(r"D:\shop", "*.db");
    builder.add_database_files(r"a\b", "shop", &data).unwrap();
    builder.add_database_log_files(r"a\b", "shop", &FileSpec::new(r"D:\shop", "*.log")).unwrap();
    builder.add_component_dependency(r"a\b", "shop", WriterClassId(Guid(7)), "", "other").unwrap();
    builder.add_alternate_location_mapping(&data, r"D:\restored").unwrap();
    builder.add_exclude_files(&FileSpec::new(r"D:\shop\tmp", "*").recursive()).unwrap();
    builder.add_exclude_files_from_snapshot(&FileSpec::new(r"D:\shop", "cache")).unwrap();
    let document = builder.finish();
    insta::assert_snapshot!(document.to_xml().replace("><", ">\n<"));
    assert_eq!(WriterMetadata::read(document.to_xml().as_bytes()).unwrap().to_xml(), document.to_xml());
    assert_eq!(document.check(), []);
    let shop = document.component(r"a\b", "shop").unwrap();
    assert_eq!(shop.caption(), Some("The <shop> & \"more\"\r\n"));
    assert_eq!(shop.dependencies().next().unwrap().writer(), WriterClassId(Guid(7)));
    assert_eq!(document.restore_method().unwrap().mappings().next().unwrap().alternate_path(), Some(r"D:\restored"));
    assert_eq!(document.excludes().count() + document.excludes_from_snapshot().count(), 2);
    assert_eq!(document.identification().writer_version(), (2, 1));
}

#[test]
fn a_restore_method_set_late_stands_behind_the_components() {
    let mut builder = database();
    builder.set_restore_method(RestoreMethodKind::Custom, None, WriterRestore::Never, false).unwrap();
    let xml = builder.finish().to_xml();
    assert!(xml.find("<BACKUP_LOCATIONS>").unwrap() < xml.find("<RESTORE_METHOD ").unwrap());
}

fn refused(result: Result<(), DocumentError>, message: &str, code: HResult) {
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(error.hresult(), code, "{message}");
    assert_eq!((error.line(), error.excerpt()), (None, None));
}

#[test]
fn the_builder_refuses_what_the_documents_forbid() {
    let already = HResult::VSS_E_OBJECT_ALREADY_EXISTS;
    let missing = HResult::VSS_E_OBJECT_NOT_FOUND;
    let invalid = HResult::E_INVALIDARG;
    let spec = |name: &str| ComponentSpec::new(ComponentType::FileGroup, "web", name);
    refused(
        group().add_component(&spec("pages")),
        "component `pages` at logical path `web` is there already (CMP-DEF-004)",
        already,
    );
    refused(group().add_component(&spec("")), "`componentName` is empty; expected a name", invalid);
    refused(group().add_component(&spec(r"a\b")), r"component name `a\b` holds a backslash", invalid);
    let undefined = ComponentSpec::new(ComponentType::Undefined, "", "x");
    refused(group().add_component(&undefined), "VSS_CT_UNDEFINED is an error of the application", invalid);
    let files = FileSpec::new(r"D:\a", "*");
    refused(
        group().add_files_to_file_group("web", "images", &files),
        "no component `images` at logical path `web`",
        missing,
    );
    refused(
        group().add_database_files("web", "pages", &files),
        "component `pages` is not of a type that has DATABASE_FILES (CMP-DEF-018)",
        invalid,
    );
    refused(
        group().add_files_to_file_group("web", "pages", &FileSpec::new(r"D:\a*", "*")),
        r"path `D:\a*` holds a wildcard; wildcards go into the file specification (CMP-DEF-012)",
        invalid,
    );
    refused(
        group().add_exclude_files(&FileSpec::new(r"D:\", r"a\*")),
        r"file specification `a\*` holds a backslash; the directory goes into the path (CMP-DEF-013)",
        invalid,
    );
    refused(
        database().add_database_files("", "shop", &files.clone().recursive()),
        "database and log files have no `recursive` (CMP-DEF-009)",
        invalid,
    );
    let elsewhere = FileSpec { alternate_path: Some(r"E:\".to_owned()), ..files.clone() };
    refused(
        database().add_database_log_files("", "shop", &elsewhere),
        "database and log files have no `alternatePath` (CMP-DEF-009)",
        invalid,
    );
    refused(
        database().add_component_dependency("", "shop", CLASS, "", "other"),
        "a component cannot depend on a component of the same writer",
        invalid,
    );
    refused(
        database().add_alternate_location_mapping(&files, r"E:\"),
        "the restore method has to be set before an alternate location mapping",
        missing,
    );
    let mut twice = database();
    twice.set_restore_method(RestoreMethodKind::Custom, None, WriterRestore::Never, false).unwrap();
    refused(
        twice.set_restore_method(RestoreMethodKind::Custom, None, WriterRestore::Never, false),
        "the restore method is set already; a writer has one",
        invalid,
    );
    refused(
        group().add_files_to_file_group("web", "pages", &FileSpec::new("D:\\\u{1}", "*")),
        "character U+0001 is not allowed in XML",
        invalid,
    );
}

#[test]
fn a_component_at_another_logical_path_may_have_the_same_name() {
    // CMP-DEF-037
    let mut builder = group();
    builder.add_component(&ComponentSpec::new(ComponentType::FileGroup, "mail", "pages")).unwrap();
    assert_eq!(builder.finish().components().count(), 2);
}

#[test]
fn the_path_of_a_volume_by_its_guid_holds_no_wildcard() {
    let mut builder = group();
    builder.add_files_to_file_group("web", "pages", &FileSpec::new(r"\\?\Volume{1}\Boot", "*")).unwrap();
    assert!(builder.finish().check().iter().all(|f| f.kind.rule().0 != "CMP-DEF-012"));
}

#[test]
fn the_check_tells_an_author_every_broken_rule() {
    let xml = r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2" backupSchema="67116">
<IDENTIFICATION writerId="00000000-0000-0000-0000-0000000000c1" instanceId="{00000000-0000-0000-0000-000000000011}"
 friendlyName="Shop" usage="UNDEFINED" dataSource="UNDEFINED"/>
<RESTORE_METHOD method="UNDEFINED" service="shopd" writerRestore="undefined" rebootRequired="no">
<ALTERNATE_LOCATION_MAPPING path="D:\c" filespec="*" alternatePath="E:\"/></RESTORE_METHOD>
<BACKUP_LOCATIONS>
<DATABASE componentName="a\b" restoreMetadata="no" notifyOnBackupComplete="no" selectable="no" componentFlags="8">
<DATABASE_FILES path="D:\a" filespec="*" recursive="yes" filespecBackupType="16"/>
<DEPENDENCY writerId="00000000-0000-0000-0000-0000000000C1" componentName="x"/></DATABASE>
<FILE_GROUP componentName="x" restoreMetadata="no" notifyOnBackupComplete="no" selectable="no">
<FILE_LIST path="D:\A\" filespec="*" recursive="yes"/>
<FILE_LIST path="D:\?" filespec="b\*"/>
<FILE_LIST path="D:\?" filespec="b\*"/></FILE_GROUP>
<FILE_GROUP logicalPath="" componentName="x" restoreMetadata="no" notifyOnBackupComplete="no" selectable="no"/>
</BACKUP_LOCATIONS></WRITER_METADATA>"#;
    let document = WriterMetadata::read(xml.as_bytes()).unwrap();
    let report: Vec<String> = document.check().iter().map(|f| format!("{:?} {f}", f.kind.rule().1)).collect();
    insta::assert_snapshot!(report.join("\n"));
}

#[test]
fn a_writer_that_declares_nothing_is_told_so() {
    let findings = builder().finish().check();
    let rules: Vec<_> = findings.iter().map(|f| f.kind.rule()).collect();
    assert_eq!(rules, [("CMP-DEF-001", Level::Should), ("WMD-016", Level::Should)]);
    assert_eq!(database().finish().check()[0].kind.rule(), ("WMD-016", Level::Must));
    let mut moved = database();
    moved.set_restore_method(RestoreMethodKind::RestoreToAlternateLocation, None, WriterRestore::Never, false).unwrap();
    assert_eq!(
        moved.finish().check()[0].to_string(),
        "the restore method needs an alternate location mapping, and there is none (ne-vswriter-vss_restoremethod_enum.md)"
    );
    let mut stopped = database();
    stopped.set_restore_method(RestoreMethodKind::StopRestoreStart, None, WriterRestore::Never, false).unwrap();
    assert_eq!(stopped.finish().check()[0].kind.rule().0, "RST-MTH-021");
}

#[test]
fn a_backup_components_document_grows_with_the_backup() {
    let mut document = BackupComponents::new();
    assert_eq!(document.to_xml(), r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata" version="1.2"/>"#);
    assert_eq!(document.backup_state(), None);
    let state = BackupState {
        select_components: true,
        bootable_system_state: false,
        backup_type: BackupType::Incremental,
        partial_file_support: true,
    };
    document.set_backup_state(state);
    document.add_component(&component(), ComponentType::Database, BackupSchema::INCREMENTAL).unwrap();
    let second = ComponentName { logical_path: r"a\b".to_owned(), ..component() };
    document.add_component(&second, ComponentType::FileGroup, BackupSchema::INCREMENTAL).unwrap();
    document.set_snapshot_set_id(SnapshotSetId(Guid(5)));
    document.set_backup_options(&component(), "quick").unwrap();
    document.set_previous_backup_stamp(&component(), "41").unwrap();
    document.set_backup_metadata(&component(), "line 1\n\tline <2>").unwrap();
    document.set_backup_stamp(&component(), "42").unwrap();
    document.add_partial_file(&component(), r"D:\shop", "shop.db", "0:4096", None).unwrap();
    document.add_differenced_files_by_last_modify_time(&second, r"D:\web", "*", true, 133_000_000_000_000_000).unwrap();
    document.set_prepare_for_backup_failure_msg(&second, "no").unwrap();
    document.set_post_snapshot_failure_msg(&second, "never").unwrap();
    document.set_backup_succeeded(&component(), false).unwrap();
    document.set_backup_succeeded(&component(), true).unwrap();
    insta::assert_snapshot!(document.to_xml().replace("><", ">\n<"));
    let again = BackupComponents::read(document.to_xml().as_bytes()).unwrap();
    same_document(document.to_xml().as_bytes(), again.to_xml().as_bytes()).unwrap();
    assert_eq!(again.backup_state(), Some(state));
    let shop = again.component(&component()).unwrap();
    assert_eq!(shop.backup_succeeded(), Some(true));
    assert_eq!((shop.backup_stamp(), shop.previous_backup_stamp()), (Some("42"), Some("41")));
    assert_eq!(shop.backup_metadata(), Some("line 1\n\tline <2>"));
    assert_eq!(shop.partial_files().collect::<Vec<_>>(), [(r"D:\shop", "shop.db", "0:4096", None)]);
    let web = again.component(&second).unwrap();
    assert_eq!(web.differenced_files().collect::<Vec<_>>(), [(r"D:\web", "*", true, 133_000_000_000_000_000)]);
    assert_eq!(again.writers().count(), 1);
}

#[test]
fn a_stored_document_takes_what_a_restore_adds() {
    let mut document = BackupComponents::new();
    document.add_component(&component(), ComponentType::Database, BackupSchema(0)).unwrap();
    assert_eq!(document.restore_type(), RestoreType::Undefined);
    document.set_restore_state(RestoreType::ByCopy);
    document.set_selected_for_restore(&component(), true).unwrap();
    document.set_additional_restores(&component(), false).unwrap();
    document.set_restore_options(&component(), "\"Roll Forward\"=\"All\"").unwrap();
    document.set_restore_name(&component(), "shop2").unwrap();
    document.set_restore_target(&component(), RestoreTarget::Alternate).unwrap();
    document.set_restore_metadata(&component(), "private").unwrap();
    document.set_pre_restore_failure_msg(&component(), "p").unwrap();
    document.set_post_restore_failure_msg(&component(), "q").unwrap();
    document.set_file_restore_status(&component(), FileRestoreStatus::Failed).unwrap();
    let again = BackupComponents::read(document.to_xml().as_bytes()).unwrap();
    assert_eq!(again, document);
    let shop = again.component(&component()).unwrap();
    assert_eq!(again.restore_type(), RestoreType::ByCopy);
    assert_eq!(shop.restore_target(), Some(RestoreTarget::Alternate));
    assert_eq!(shop.file_restore_status(), Some(FileRestoreStatus::Failed));
    assert_eq!((shop.selected_for_restore(), shop.additional_restores()), (Some(true), Some(false)));
    assert_eq!(shop.restore_options(), Some("\"Roll Forward\"=\"All\""));
}

#[test]
fn a_component_is_added_once_and_set_only_if_it_is_there() {
    let mut document = BackupComponents::new();
    let nobody = document.set_backup_stamp(&component(), "1");
    refused(nobody, "no component `shop` at logical path ``", HResult::VSS_E_OBJECT_NOT_FOUND);
    document.add_component(&component(), ComponentType::Database, BackupSchema(0)).unwrap();
    let shared = document.clone();
    let twice = document.add_component(&component(), ComponentType::FileGroup, BackupSchema(0));
    let message = "component `shop` at logical path `` is there already (CMP-DEF-004)";
    refused(twice, message, HResult::VSS_E_OBJECT_ALREADY_EXISTS);
    document.set_backup_stamp(&component(), "1").unwrap();
    assert_eq!(shared.component(&component()).unwrap().backup_stamp(), None, "a clone keeps what it had");
    assert_eq!(FileSpec::new("a", "b").backup_type, FileSpecBackupType::DEFAULT);
}

#[test]
fn a_restarted_writer_gives_the_same_document_under_a_new_instance() {
    // WMD-013
    let document = database().finish();
    let restarted = document.with_instance(WriterInstanceId(Guid(0x22)));
    assert_eq!(restarted.identification().instance(), WriterInstanceId(Guid(0x22)));
    let (old, new) = ("000000000011", "000000000022");
    assert_eq!(document.to_xml().replace(old, new), restarted.to_xml());
}
