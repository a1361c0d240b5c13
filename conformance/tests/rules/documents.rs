//! What the judge reads of Writer Metadata Documents, written by hand and by Windows.

use std::fs;

use vssim_conformance::metadata::Metadata;

use crate::catalogue::corpus;

#[test]
fn a_component_lies_below_the_one_whose_full_path_its_own_begins_with() {
    let text = r#"<WRITER_METADATA><BACKUP_LOCATIONS>
        <FILE_GROUP componentName="a" selectable="yes"/>
        <FILE_GROUP logicalPath="a" componentName="b" selectable="yes"/>
        <FILE_GROUP logicalPath="a\b" componentName="c" selectable="no"/>
        <FILE_GROUP logicalPath="ab" componentName="d" selectable="no"/>
        </BACKUP_LOCATIONS></WRITER_METADATA>"#;
    let components = Metadata::read(text).components;
    let [a, b, c, d] = components.as_slice() else { panic!("{components:?}") };
    assert!(b.is_below(a) && c.is_below(b) && c.is_below(a));
    assert!(!d.is_below(a) && !a.is_below(b) && !a.is_below(a));
}

#[test]
fn files_lie_on_the_drive_of_their_alternate_path_and_only_if_read_from_a_shadow_copy() {
    let text = r#"<WRITER_METADATA><BACKUP_LOCATIONS><DATABASE componentName="a" selectable="yes">
        <DATABASE_FILES path="c:\data" filespec="*" filespecBackupType="3855"/>
        <DATABASE_FILES path="D:\data" alternatePath="E:\copy" filespec="*"/>
        <DATABASE_LOGFILES path="F:\log" filespec="*" filespecBackupType="15"/>
        <DATABASE_FILES path="%SystemRoot%\x" filespec="*"/>
        </DATABASE></BACKUP_LOCATIONS></WRITER_METADATA>"#;
    let components = Metadata::read(text).components;
    let drives: Vec<&str> = components[0].drives.iter().map(String::as_str).collect();
    assert_eq!(drives, [r"C:\", r"E:\"]);
}

#[test]
fn what_is_no_document_has_problems_and_no_components() {
    for text in ["", "<", "<a", "text", "<WRITER_METADATA>", "<IDENTIFICATION writerId='x'/>", "</a>", "&"] {
        let document = Metadata::read(text);
        assert!(!document.problems.is_empty() && document.components.is_empty(), "{text}");
    }
}

#[test]
fn the_documents_that_windows_wrote_have_no_problems() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("recorded/metadata/server2012-no-sql");
    let mut components = Vec::new();
    for number in 0..11 {
        let bytes = fs::read(folder.join(format!("WM{number}.xml"))).expect("the document reads");
        let text = match bytes.get(1) {
            Some(0) => {
                let units: Vec<u16> =
                    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
                String::from_utf16(&units).expect("UTF-16")
            }
            _ => String::from_utf8(bytes).expect("UTF-8"),
        };
        let document = Metadata::read(&text);
        assert_eq!(document.problems, [""; 0], "WM{number}");
        components.push(document.components.len());
    }
    assert_eq!(components, [1, 1, 1, 2, 10, 6, 0, 0, 1, 1, 1]);
}
