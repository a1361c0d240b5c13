//! Planted faults: each is told with its line, its column, what was expected, and the nearest right name.

use std::collections::BTreeSet;

use vssim_model::documents::{BackupComponents, DocumentError, DocumentErrorKind, MAX_BYTES, WriterMetadata};
use vssim_model::hresult::HResult;

const GOOD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" version="1.2">
  <IDENTIFICATION writerId="a6ad56c2-b509-4e6c-bb19-49d8f43532f0"
    instanceId="E795E5AC-50B0-4127-ab18-6b09138b6669" friendlyName="Büro" usage="SYSTEM_SERVICE" dataSource="OTHER"/>
  <RESTORE_METHOD method="CUSTOM" writerRestore="never" rebootRequired="yes"/>
  <BACKUP_LOCATIONS>
    <FILE_GROUP componentName="WMI" restoreMetadata="no" notifyOnBackupComplete="no" selectable="no">
      <FILE_LIST path="C:\Ä" filespec="*.*" recursive="yes" filespecBackupType="3855"/>
    </FILE_GROUP>
  </BACKUP_LOCATIONS>
</WRITER_METADATA>
"#;

/// One line for each planted fault: what is replaced by what in the good document.
const PLANTED: &[(&str, &str)] = &[
    // Names
    ("WRITER_METADATA xmlns", "WRITER_METADATE xmlns"),
    ("<FILE_LIST", "<FILE_LISTS"),
    ("<FILE_LIST", "<SOMETHING"),
    ("<FILE_LIST", "<file_list"),
    ("<FILE_LIST", "<DATABASE_FILES"),
    ("<FILE_LIST", "<RESTORE_METHOD"),
    ("  <BACKUP_LOCATIONS>", "  <BACKUP_LOCATIONS/><BACKUP_LOCATIONS>"),
    ("selectable=", "selectible="),
    ("selectable=", "Selectable="),
    ("selectable=", "frobnicate="),
    ("<BACKUP_LOCATIONS>", "<BACKUP_LOCATIONS version=\"1\">"),
    // Attributes
    (" selectable=\"no\"", ""),
    ("componentName=\"WMI\"", "componentName=\"WMI\" componentName=\"WMI\""),
    ("componentName=\"WMI\"", "componentName=\"\""),
    ("filespec=\"*.*\"", "filespec=\"\""),
    // Values
    ("selectable=\"no\"", "selectable=\"never\""),
    ("selectable=\"no\"", "selectable=\"No\""),
    ("recursive=\"yes\"", "recursive=\"true\""),
    ("SYSTEM_SERVICE", "SYSTEM_SERVICES"),
    ("SYSTEM_SERVICE", "PRINTER"),
    ("\"OTHER\"", "\"other\""),
    ("CUSTOM", "RESTORE_IF_CAN_REPLACE"),
    ("never", "NEVER"),
    ("E795E5AC-50B0", "E795E5AC50B0"),
    ("a6ad56c2-", "{a6ad56c2-"),
    ("3855", "0xF0F"),
    ("3855", "4294967296"),
    ("3855", "-1"),
    ("version=\"1.2\"", "version=\"2.0\""),
    ("#VssWriterMetadataInfo", "#VssComponentMetadata"),
    // XML
    ("utf-8", "windows-1252"),
    ("<?xml", " <?xml"),
    ("<WRITER_METADATA ", "<!DOCTYPE a [<!ENTITY b \"c\">]><WRITER_METADATA "),
    ("Büro", "B&uuml;ro"),
    ("Büro", "B&#0;ro"),
    ("Büro", "B&#x110000;ro"),
    ("Büro", "B&ro"),
    ("Büro", "B<ro"),
    ("Büro", "B\u{1}ro"),
    ("friendlyName=\"Büro\"", "friendlyName=Büro"),
    ("friendlyName=\"Büro\"", "friendlyName"),
    ("friendlyName=\"Büro\" ", "friendlyName=\"Büro\""),
    ("friendlyName=\"Büro\"", "=\"Büro\""),
    ("<FILE_LIST", "< FILE_LIST"),
    ("</FILE_GROUP>", ""),
    ("</FILE_GROUP>", "</FILE_GROUP></FILE_GROUP>"),
    ("</WRITER_METADATA>", ""),
    ("</WRITER_METADATA>", "</WRITER_METADATA></WRITER_METADATA>"),
    ("</WRITER_METADATA>", "</WRITER_METADATA><WRITER_METADATA/>"),
    ("</WRITER_METADATA>", "</WRITER_METADATA"),
    ("</FILE_GROUP>", "all files</FILE_GROUP>"),
    ("</FILE_GROUP>", "<![CDATA[all]]></FILE_GROUP>"),
    ("</FILE_GROUP>", "&lt;</FILE_GROUP>"),
    ("</FILE_GROUP>", "&all;</FILE_GROUP>"),
    ("</FILE_GROUP>", "<!-- a -- b --></FILE_GROUP>"),
    ("</FILE_GROUP>", "<!-- </FILE_GROUP>"),
];

fn planted(from: &str, to: &str) -> DocumentError {
    assert!(GOOD.contains(from), "{from}");
    WriterMetadata::read(GOOD.replacen(from, to, 1).as_bytes()).expect_err(to)
}

#[test]
fn each_fault_is_told_with_its_place_and_what_was_expected() {
    WriterMetadata::read(GOOD.as_bytes()).unwrap();
    let report: Vec<String> = PLANTED
        .iter()
        .map(|(from, to)| {
            let fault = planted(from, to);
            assert_eq!(fault.hresult(), HResult::VSS_E_INVALID_XML_DOCUMENT);
            format!("{}\n{}", fault, fault.excerpt().unwrap())
        })
        .collect();
    insta::assert_snapshot!(report.join("\n\n"));
}

#[test]
fn a_document_without_identification_is_refused_where_it_begins() {
    let start = GOOD.find("  <IDENT").unwrap();
    let end = GOOD.find("  <RESTORE").unwrap();
    let fault = WriterMetadata::read([&GOOD[..start], &GOOD[end..]].concat().as_bytes()).unwrap_err();
    assert_eq!(fault.to_string(), "line 2, column 1: WRITER_METADATA has no IDENTIFICATION; expected one");
}

#[test]
fn columns_count_characters_and_lines_end_in_any_way() {
    for line_end in ["\n", "\r\n", "\r"] {
        let text = GOOD.replace('\n', line_end).replacen("filespec=", "filespek=", 1);
        let fault = WriterMetadata::read(text.as_bytes()).unwrap_err();
        assert_eq!((fault.line(), fault.column()), (Some(8), Some(30)), "{line_end:?}");
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(WriterMetadata::read(&utf16).unwrap_err(), fault);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_stand() {
    let at = GOOD.find("ü").unwrap();
    let mut bytes = GOOD.as_bytes().to_vec();
    bytes[at] = 0xfc;
    let fault = WriterMetadata::read(&bytes).unwrap_err();
    assert_eq!(fault.to_string(), "line 4, column 70: the bytes from here on are not UTF-8; expected UTF-8 or UTF-16");
    let fault = WriterMetadata::read(b"<\0a").unwrap_err();
    assert_eq!(fault.to_string(), "line 1, column 2: half of a UTF-16 character");
}

#[test]
fn a_document_without_an_element_is_refused() {
    for text in ["", " \n", "<?xml version=\"1.0\"?>", "<!-- nothing -->"] {
        let fault = WriterMetadata::read(text.as_bytes()).unwrap_err();
        assert!(fault.to_string().ends_with(": the document has no element"), "{fault}");
    }
}

#[test]
fn a_document_that_is_too_large_is_refused_before_it_is_read() {
    let fault = WriterMetadata::read(&vec![b' '; MAX_BYTES + 1]).unwrap_err();
    assert_eq!(fault.to_string(), "line 1, column 1: the document has 67108865 bytes; at most 67108864 are read");
}

#[test]
fn one_document_is_not_taken_for_the_other() {
    let fault = BackupComponents::read(GOOD.as_bytes()).unwrap_err();
    assert_eq!(fault.to_string(), "line 2, column 1: the document is `WRITER_METADATA`; expected `BACKUP_COMPONENTS`");
}

/// A Backup Components Document with one of everything.
const GOOD_BACKUP: &str = r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata" version="1.2"
  bootableSystemStateBackup="no" selectComponents="yes" backupType="full" partialFileSupport="yes"
  snapshotSetId="e109943b-232e-4b52-8dc4-62b7de94761b" restoreType="byCopy">
  <WRITER_COMPONENTS instanceId="1bddd48e-5052-49db-9b07-b96f96727e6b" writerId="d61d61c8-d73a-4eee-8cdd-f6f9786b7124" backupSchema="3">
    <COMPONENT logicalPath="Shop" componentName="a" componentType="filegroup" backupSucceeded="yes" restoreTarget="original"
      fileRestoreStatus="all" rollForwardType="partial" authoritativeRestore="no" selectedInstanceId="1bddd48e-5052-49db-9b07-b96f96727e6b"
      failure="2147754992">
      <PARTIAL_FILE path="C:\A" filename="b" ranges="0:1"/>
      <DIFFERENCED_FILES path="C:\A" filespec="*" recursive="no" lastModifyTime="133485408000000000"/>
      <RESTORE_SUBCOMPONENT componentName="c"/>
      <NEW_TARGET path="C:\A" filespec="*" alternatePath="D:\A"/>
      <DIRECTED_TARGET sourcePath="C:\A" sourceFilename="b" sourceRangeList="0:1" destinationPath="D:\A" destinationFilename="b" destinationRangeList="0:1"/>
      <ALTERNATE_LOCATION_MAPPING path="C:\A" filespec="*" alternatePath="E:\A"/>
    </COMPONENT>
  </WRITER_COMPONENTS>
</BACKUP_COMPONENTS>
"#;

const PLANTED_IN_BACKUP: &[(&str, &str)] = &[
    ("\"full\"", "\"fully\""),
    ("selectComponents=\"yes\"", "selectComponents=\"1\""),
    ("e109943b-", "e109943b"),
    ("byCopy", "bycopy"),
    ("#VssComponentMetadata", "#VssWriterMetadataInfo"),
    ("version=\"1.2\"", "version=\"1\""),
    ("version=\"1.2\"", ""),
    (" writerId=\"d61d61c8-d73a-4eee-8cdd-f6f9786b7124\"", ""),
    ("backupSchema=\"3\"", "backupSchema=\"three\""),
    ("\"filegroup\"", "\"VSS_CT_FILEGROUP\""),
    (" componentType=\"filegroup\"", ""),
    ("componentName=\"a\"", "componentName=\"\""),
    ("componentName=\"a\"", "componentName=\"a\" backupStamps=\"1\""),
    ("backupSucceeded=\"yes\"", "backupSucceeded=\"1\""),
    ("\"original\"", "\"Original\""),
    ("fileRestoreStatus=\"all\"", "fileRestoreStatus=\"every\""),
    ("\"partial\"", "\"VSS_RF_PARTIAL\""),
    ("authoritativeRestore=\"no\"", "authoritativeRestore=\"maybe\""),
    ("selectedInstanceId=\"1bddd48e", "selectedInstanceId=\"zbddd48e"),
    ("failure=\"2147754992\"", "failure=\"0x800423F0\""),
    ("filename=\"b\" ", ""),
    (" ranges=\"0:1\"", ""),
    ("lastModifyTime=\"133485408000000000\"", "lastModifyTime=\"2024-01-01\""),
    ("lastModifyTime=\"133485408000000000\"", "lastModifyTime=\"18446744073709551616\""),
    ("<RESTORE_SUBCOMPONENT componentName=\"c\"/>", "<RESTORE_SUBCOMPONENT/>"),
    (" alternatePath=\"D:\\A\"", ""),
    ("destinationFilename=\"b\" ", ""),
    ("<COMPONENT ", "<COMPONENTS "),
    ("<WRITER_COMPONENTS ", "<COMPONENT "),
    ("<PARTIAL_FILE ", "<FILE_LIST "),
    ("<PARTIAL_FILE ", "<PARTIALFILE "),
    ("</COMPONENT>", ""),
    ("</COMPONENT>", "files</COMPONENT>"),
];

#[test]
fn faults_of_a_backup_components_document_are_told() {
    BackupComponents::read(GOOD_BACKUP.as_bytes()).unwrap();
    let report: Vec<String> = PLANTED_IN_BACKUP
        .iter()
        .map(|(from, to)| {
            assert!(GOOD_BACKUP.contains(from), "{from}");
            let fault = BackupComponents::read(GOOD_BACKUP.replacen(from, to, 1).as_bytes()).expect_err(to);
            assert!(fault.line().is_some() && fault.column().is_some());
            fault.to_string()
        })
        .collect();
    insta::assert_snapshot!(report.join("\n"));
}

/// What is wrong with what: the kind of fault, and the element or attribute that it is about.
fn kind_and_name(kind: &DocumentErrorKind) -> (String, String) {
    let shown = format!("{kind:?}");
    let name = ["attribute: ", "element: ", "parent: "].iter().find_map(|field| shown.split_once(field));
    let name = name.map(|(_, rest)| rest.split([',', ' ']).next().unwrap().to_owned()).unwrap_or_default();
    (shown.split(' ').next().unwrap().to_owned(), name)
}

#[test]
fn at_least_forty_kinds_of_faults_are_told_apart() {
    let of_backup =
        |(from, to): &(&str, &str)| BackupComponents::read(GOOD_BACKUP.replacen(from, to, 1).as_bytes()).expect_err(to);
    let faults: Vec<_> =
        PLANTED.iter().map(|(from, to)| planted(from, to)).chain(PLANTED_IN_BACKUP.iter().map(of_backup)).collect();
    let kinds: BTreeSet<_> = faults.iter().map(|fault| kind_and_name(fault.kind())).collect();
    assert!(kinds.len() >= 40, "{} kinds: {kinds:#?}", kinds.len());
    let sentences: BTreeSet<String> = faults.iter().map(|fault| fault.kind().to_string()).collect();
    assert!(sentences.len() >= 80, "{} sentences", sentences.len());
}

#[test]
fn what_windows_varies_is_read() {
    let same = WriterMetadata::read(GOOD.as_bytes()).unwrap();
    let bare = GOOD.split_once('\n').unwrap().1;
    let comment = GOOD.replacen("<FILE_LIST", "<!-- files --><?tool x?><FILE_LIST", 1);
    let quotes = GOOD.replace('"', "'");
    let closed = GOOD.replace("3855\"/>", "3855\" ></FILE_LIST >");
    let reference = GOOD.replacen("Büro", "B&#xFC;r&#111;", 1);
    for text in [bare, &comment, &quotes, &closed, &reference] {
        assert_eq!(WriterMetadata::read(text.as_bytes()).unwrap(), same, "{text}");
    }
    assert_eq!(same.identification().instance().0.to_string(), "e795e5ac-50b0-4127-ab18-6b09138b6669");
    assert!(same.to_xml().contains("E795E5AC-50B0-4127-ab18-6b09138b6669"), "case as read is kept");
}

#[test]
fn a_line_end_in_a_value_stays_what_it_was() {
    let literal = GOOD.replacen("Büro", "a\r\nb\tc", 1);
    let referenced = GOOD.replacen("Büro", "a&#10;b&#9;c", 1);
    let quoted = GOOD.replacen("\"Büro\"", "'a\n\"b\"'", 1);
    let (one, two) =
        (WriterMetadata::read(literal.as_bytes()).unwrap(), WriterMetadata::read(referenced.as_bytes()).unwrap());
    assert_eq!(one.identification().name(), "a\nb\tc");
    assert_eq!(two.identification().name(), "a\nb\tc");
    assert!(one.to_xml().contains("\"a\r\nb\tc\""));
    assert!(two.to_xml().contains("\"a&#10;b&#9;c\""));
    let three = WriterMetadata::read(quoted.as_bytes()).unwrap();
    assert!(three.to_xml().contains("\"a\n&quot;b&quot;\""));
    assert_eq!(three.identification().name(), "a\n\"b\"");
}
