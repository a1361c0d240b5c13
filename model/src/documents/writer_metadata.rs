//! The Writer Metadata Document: what a writer says about itself and its data in answer to Identify (WMD-001, -002).
//!
//! A document is read from bytes or built with a [`WriterMetadataBuilder`]; either way it is read-only from then on
//! (WMD-003). A clone shares the content. The views ([`Component`], [`FileSet`], …) look into the document and answer
//! with the documented defaults where an attribute is absent; what was absent is still absent when it is written.
//!
//! Reading refuses what is no Writer Metadata Document; what is one but breaks a rule can be read and is told by
//! [`WriterMetadata::check`].

use std::sync::Arc;

use super::builder::WriterMetadataBuilder;
use super::error::DocumentError;
use super::shape;
use super::tree::Element;
use super::values::{
    BackupSchema, ComponentFlags, ComponentType, FileSpecBackupType, RestoreMethodKind, SourceType, UsageType,
    WriterRestore,
};
use super::xml;
use crate::ids::{Guid, WriterClassId, WriterInstanceId};

/// A Writer Metadata Document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriterMetadata {
    root: Arc<Element>,
}

impl WriterMetadata {
    /// Reads a document, in UTF-8 or UTF-16.
    ///
    /// # Errors
    /// The first fault, with its line and column.
    pub fn read(bytes: &[u8]) -> Result<WriterMetadata, DocumentError> {
        xml::read(bytes, &shape::WRITER_METADATA).map(WriterMetadata::from_root)
    }

    /// Begins a document, as a writer does when Identify arrives.
    ///
    /// # Errors
    /// If the name holds a character that XML does not allow.
    pub fn build(
        class: WriterClassId,
        instance: WriterInstanceId,
        name: &str,
        usage: UsageType,
        source: SourceType,
    ) -> Result<WriterMetadataBuilder, DocumentError> {
        WriterMetadataBuilder::new(class, instance, name, usage, source)
    }

    /// The same document as another instance of the writer gives it, after a restart (WMD-013). Everything else is shared.
    #[must_use]
    pub fn with_instance(&self, instance: WriterInstanceId) -> WriterMetadata {
        let mut root = Element::clone(&self.root);
        let place = root.elements().position(|e| e.rule == &shape::IDENTIFICATION);
        if let Some(identification) = place.and_then(|place| root.child_mut(place)) {
            identification.put("instanceId", &instance.0.to_string());
        }
        WriterMetadata::from_root(root)
    }

    /// The same document, to be added to: as a writer goes on with what it built before.
    #[must_use]
    pub fn edit(&self) -> WriterMetadataBuilder {
        WriterMetadataBuilder::from_root(Element::clone(&self.root), self.identification().writer())
    }

    pub(super) fn shared_root(&self) -> Arc<Element> {
        Arc::clone(&self.root)
    }

    pub(crate) fn from_root(root: Element) -> WriterMetadata {
        WriterMetadata { root: Arc::new(root) }
    }

    /// The document as Windows writes it: without prolog, without blanks between elements.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut out = String::new();
        self.root.write(&mut out);
        out
    }

    /// The version of the schema, `1.2` since Windows Server 2012 at the latest.
    #[must_use]
    pub fn version(&self) -> &str {
        self.root.text("version")
    }

    /// The backup schema of the writer; absent counts as `VSS_BS_UNDEFINED`.
    #[must_use]
    pub fn backup_schema(&self) -> BackupSchema {
        BackupSchema(self.root.number("backupSchema", 0))
    }

    /// Who the writer is.
    #[must_use]
    pub fn identification(&self) -> Identification<'_> {
        Identification { element: self.root.child(shape::IDENTIFICATION.name) }
    }

    /// How the writer's data are restored; `None` if the writer never said it, though it must (WMD-016).
    #[must_use]
    pub fn restore_method(&self) -> Option<RestoreMethod<'_>> {
        self.root.child(shape::RESTORE_METHOD.name).map(|element| RestoreMethod { element })
    }

    /// The components, in their order.
    pub fn components(&self) -> impl Iterator<Item = Component<'_>> {
        self.locations().filter_map(Component::of)
    }

    /// The component of this logical path and name.
    #[must_use]
    pub fn component(&self, logical_path: &str, name: &str) -> Option<Component<'_>> {
        self.components().find(|c| c.logical_path() == logical_path && c.name() == name)
    }

    /// The files that are left out of every backup (CMP-DEF-030).
    pub fn excludes(&self) -> impl Iterator<Item = FileSet<'_>> {
        self.files(shape::EXCLUDE_FILES.name)
    }

    /// The files that the writer deletes from the shadow copy.
    pub fn excludes_from_snapshot(&self) -> impl Iterator<Item = FileSet<'_>> {
        self.files(shape::EXCLUDE_FILES_FROM_SNAPSHOT.name)
    }

    fn locations(&self) -> impl Iterator<Item = &Element> {
        self.root.child(shape::BACKUP_LOCATIONS.name).into_iter().flat_map(Element::elements)
    }

    fn files(&self, name: &'static str) -> impl Iterator<Item = FileSet<'_>> {
        self.locations().filter(move |e| e.rule.name == name).map(|element| FileSet { element })
    }
}

/// `GetIdentity`: who a writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identification<'a> {
    element: Option<&'a Element>,
}

impl<'a> Identification<'a> {
    fn text(self, name: &str) -> &'a str {
        self.element.map(|e| e.text(name)).unwrap_or_default()
    }

    /// The writer class.
    #[must_use]
    pub fn writer(self) -> WriterClassId {
        WriterClassId(guid(self.text("writerId")))
    }

    /// The writer instance.
    #[must_use]
    pub fn instance(self) -> WriterInstanceId {
        WriterInstanceId(guid(self.text("instanceId")))
    }

    /// The writer's name.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.text("friendlyName")
    }

    /// The name of the instance, which several instances of a class are told apart by.
    #[must_use]
    pub fn instance_name(self) -> Option<&'a str> {
        self.element.and_then(|e| e.get("instanceName"))
    }

    /// How the data are used.
    #[must_use]
    pub fn usage(self) -> UsageType {
        UsageType::from_word(self.text("usage")).unwrap_or(UsageType::Undefined)
    }

    /// Where the data come from.
    #[must_use]
    pub fn source(self) -> SourceType {
        SourceType::from_word(self.text("dataSource")).unwrap_or(SourceType::Undefined)
    }

    /// The writer's version, major and minor; 0.0 if it gave none.
    #[must_use]
    pub fn writer_version(self) -> (u32, u32) {
        let part = |name| self.element.map_or(0, |e| e.number(name, 0));
        (part("majorVersion"), part("minorVersion"))
    }
}

/// `GetRestoreMethod`: how the data of a writer are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreMethod<'a> {
    element: &'a Element,
}

impl<'a> RestoreMethod<'a> {
    /// The method.
    #[must_use]
    pub fn method(self) -> RestoreMethodKind {
        RestoreMethodKind::from_word(self.element.text("method")).unwrap_or(RestoreMethodKind::Undefined)
    }

    /// The service to be stopped and started (RST-MTH-021).
    #[must_use]
    pub fn service(self) -> Option<&'a str> {
        self.element.get("service")
    }

    /// Reserved by the documentation.
    #[must_use]
    pub fn user_procedure(self) -> Option<&'a str> {
        self.element.get("userProcedure")
    }

    /// Whether the writer takes part in the restore.
    #[must_use]
    pub fn writer_restore(self) -> WriterRestore {
        WriterRestore::from_word(self.element.text("writerRestore")).unwrap_or(WriterRestore::Undefined)
    }

    /// Whether a reboot is needed after the restore.
    #[must_use]
    pub fn reboot_required(self) -> bool {
        self.element.yes("rebootRequired")
    }

    /// The alternate location mappings; the place to restore to is the alternate path of each.
    pub fn mappings(self) -> impl Iterator<Item = FileSet<'a>> {
        self.element.elements().map(|element| FileSet { element })
    }
}

/// `VSS_COMPONENTINFO`: a component of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component<'a> {
    element: &'a Element,
}

impl<'a> Component<'a> {
    fn of(element: &'a Element) -> Option<Component<'a>> {
        let is = element.rule == &shape::DATABASE || element.rule == &shape::FILE_GROUP;
        is.then_some(Component { element })
    }

    /// Database or file group.
    #[must_use]
    pub fn component_type(self) -> ComponentType {
        if self.element.rule == &shape::DATABASE { ComponentType::Database } else { ComponentType::FileGroup }
    }

    /// The logical path; absent and empty both mean the root (CMP-DEF-021).
    #[must_use]
    pub fn logical_path(self) -> &'a str {
        self.element.text("logicalPath")
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.element.text("componentName")
    }

    /// What users are shown.
    #[must_use]
    pub fn caption(self) -> Option<&'a str> {
        self.element.get("caption")
    }

    /// The icon, spelt as in the document: how its bytes become text is not public.
    #[must_use]
    pub fn icon(self) -> Option<&'a str> {
        self.element.get("icon")
    }

    /// Whether the writer has metadata to be given back at restore.
    #[must_use]
    pub fn restore_metadata(self) -> bool {
        self.element.yes("restoreMetadata")
    }

    /// Whether the writer wants to be told that the backup is complete.
    #[must_use]
    pub fn notify_on_backup_complete(self) -> bool {
        self.element.yes("notifyOnBackupComplete")
    }

    /// Whether the component may be left out of a backup.
    #[must_use]
    pub fn selectable(self) -> bool {
        self.element.yes("selectable")
    }

    /// Whether the component can be restored alone.
    #[must_use]
    pub fn selectable_for_restore(self) -> bool {
        self.element.yes("selectableForRestore")
    }

    /// The flags.
    #[must_use]
    pub fn flags(self) -> ComponentFlags {
        ComponentFlags(self.element.number("componentFlags", 0))
    }

    /// All file sets of the component, in their order.
    pub fn file_sets(self) -> impl Iterator<Item = FileSet<'a>> {
        self.element.elements().filter(|e| e.rule != &shape::DEPENDENCY).map(|element| FileSet { element })
    }

    /// The components that this one depends on.
    pub fn dependencies(self) -> impl Iterator<Item = Dependency<'a>> {
        self.element.children_named(shape::DEPENDENCY.name).map(|element| Dependency { element })
    }
}

/// `IVssWMFiledesc`: a path, a file specification and a recursive flag (CMP-DEF-011).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSet<'a> {
    element: &'a Element,
}

/// Which list a file set stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileSetKind {
    /// Files of a file group.
    FileList,
    /// Files of a database.
    DatabaseFiles,
    /// Log files of a database.
    DatabaseLogFiles,
    /// Files left out of the backup.
    ExcludeFiles,
    /// Files the writer deletes from the shadow copy.
    ExcludeFilesFromSnapshot,
    /// Files that may be restored to another place.
    AlternateLocationMapping,
}

impl<'a> FileSet<'a> {
    /// Which list the file set stands in.
    #[must_use]
    pub fn kind(self) -> FileSetKind {
        match self.element.rule.name {
            "DATABASE_FILES" => FileSetKind::DatabaseFiles,
            "DATABASE_LOGFILES" => FileSetKind::DatabaseLogFiles,
            "EXCLUDE_FILES" => FileSetKind::ExcludeFiles,
            "EXCLUDE_FILES_FROM_SNAPSHOT" => FileSetKind::ExcludeFilesFromSnapshot,
            "ALTERNATE_LOCATION_MAPPING" => FileSetKind::AlternateLocationMapping,
            _ => FileSetKind::FileList,
        }
    }

    /// The directory; with or without a trailing backslash (CMP-DEF-012, -014).
    #[must_use]
    pub fn path(self) -> &'a str {
        self.element.text("path")
    }

    /// The file specification, perhaps with wildcards.
    #[must_use]
    pub fn filespec(self) -> &'a str {
        self.element.text("filespec")
    }

    /// Whether the whole tree is meant; absent counts as no.
    #[must_use]
    pub fn recursive(self) -> bool {
        self.element.yes("recursive")
    }

    /// Where the files are backed up from instead; in a mapping, where they may be restored to (RST-LOC-018).
    #[must_use]
    pub fn alternate_path(self) -> Option<&'a str> {
        self.element.get("alternatePath")
    }

    /// In which backups the files take part; absent counts as all, from a shadow copy.
    #[must_use]
    pub fn backup_type(self) -> FileSpecBackupType {
        FileSpecBackupType(self.element.number("filespecBackupType", FileSpecBackupType::DEFAULT.0))
    }
}

/// `IVssWMDependency`: a component of another writer that is always backed up and restored with this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency<'a> {
    element: &'a Element,
}

impl<'a> Dependency<'a> {
    /// The class of the other writer.
    #[must_use]
    pub fn writer(self) -> WriterClassId {
        WriterClassId(guid(self.element.text("writerId")))
    }

    /// The logical path of its component; `\\computer\` first if it is remote.
    #[must_use]
    pub fn logical_path(self) -> &'a str {
        self.element.text("logicalPath")
    }

    /// The name of its component.
    #[must_use]
    pub fn component_name(self) -> &'a str {
        self.element.text("componentName")
    }
}

/// A GUID that the rules have proved.
pub(crate) fn guid(text: &str) -> Guid {
    text.parse().unwrap_or(Guid::NULL)
}
