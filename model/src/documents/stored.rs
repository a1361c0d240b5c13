//! A stored Backup Components Document, as InitializeForBackup takes it.
//!
//! What is no such document is refused at once. What is one, with a fault inside, is taken as far as it can be read, and
//! the method that comes to the faulty part answers `VSS_E_INVALID_XML_DOCUMENT`: the pages of SetBackupState,
//! AddComponent and their like name that code, and no argument of theirs can cause it (docs/choices.md,
//! `stored-documents`).

use super::backup_components::BackupComponents;
use super::error::{DocumentError, DocumentErrorKind as Kind};

/// The part of a document that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreadable {
    /// The attributes of the document itself: what SetBackupState sets.
    Header,
    /// The writers and components.
    Components,
}

impl BackupComponents {
    /// Reads a stored document; of one with a fault inside, what can be read of it.
    ///
    /// # Errors
    /// If it is no Backup Components Document: no XML, another root, another namespace or version.
    pub fn read_stored(text: &str) -> Result<(BackupComponents, Option<Unreadable>), DocumentError> {
        let fault = match BackupComponents::read(text.as_bytes()) {
            Ok(document) => return Ok((document, None)),
            Err(fault) => fault,
        };
        if is_fatal(fault.kind()) {
            return Err(fault);
        }
        match header(text).map(|header| BackupComponents::read(header.as_bytes())) {
            Some(Ok(document)) => Ok((document, Some(Unreadable::Components))),
            _ => Ok((BackupComponents::new(), Some(Unreadable::Header))),
        }
    }
}

/// Whether the text is no document of this kind at all.
fn is_fatal(kind: &Kind) -> bool {
    let named = |attribute: &str| matches!(attribute, "xmlns" | "version");
    match kind {
        Kind::UnknownElement { .. }
        | Kind::MisplacedElement { .. }
        | Kind::RepeatedElement { .. }
        | Kind::MissingElement { .. }
        | Kind::UnknownAttribute { .. }
        | Kind::NotAGuid { .. }
        | Kind::NotANumber { .. }
        | Kind::EmptyValue { .. } => false,
        Kind::MissingAttribute { attribute, .. } | Kind::WrongValue { attribute, .. } => named(attribute),
        _ => true,
    }
}

/// The start tag of the root as a document of its own.
fn header(text: &str) -> Option<String> {
    let root = text.find("<BACKUP_COMPONENTS")?;
    let tag = text.get(root..)?;
    let mut quote = None;
    for (at, character) in tag.char_indices() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, '>') => return Some(format!("{}/>", tag.get(..at)?.trim_end_matches('/'))),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: &str = "x-schema:#VssComponentMetadata";

    fn stored(header: &str, inside: &str) -> Result<(BackupComponents, Option<Unreadable>), DocumentError> {
        let text = format!("<BACKUP_COMPONENTS xmlns=\"{NAMESPACE}\" {header}>{inside}</BACKUP_COMPONENTS>");
        BackupComponents::read_stored(&text)
    }

    #[test]
    fn a_sound_document_is_read_as_ever() {
        let mut written = BackupComponents::new();
        written.set_snapshot_set_id(crate::ids::SnapshotSetId(crate::ids::Guid(7)));
        assert_eq!(BackupComponents::read_stored(&written.to_xml()), Ok((written, None)));
    }

    #[test]
    fn a_fault_in_the_header_and_one_below_are_told_apart() {
        let unreadable = |header, inside| stored(header, inside).map(|(_, unreadable)| unreadable);
        assert_eq!(unreadable("version=\"1.2\" backupType=\"a > b\"", ""), Ok(Some(Unreadable::Header)));
        assert_eq!(unreadable("version=\"1.2\"", "<WRITER_COMPONENTS/>"), Ok(Some(Unreadable::Components)));
        assert_eq!(unreadable("version=\"1.2\"", "<SOMETHING/>"), Ok(Some(Unreadable::Components)));
    }

    #[test]
    fn what_is_no_such_document_is_refused() {
        assert!(stored("version=\"2.0\"", "").is_err());
        assert!(stored("version=\"1.2\"", "text").is_err());
        assert!(BackupComponents::read_stored("<WRITER_METADATA/>").is_err());
        assert!(BackupComponents::read_stored("").is_err());
    }

    #[test]
    fn the_header_of_a_damaged_document_is_kept() {
        let id = "{00000000-0000-0000-0000-000000000007}";
        let (document, _) = stored(&format!("version=\"1.2\" snapshotSetId=\"{id}\""), "<SOMETHING/>").unwrap();
        assert_eq!(document.snapshot_set_id().map(|id| id.0), Some(crate::ids::Guid(7)));
    }
}
