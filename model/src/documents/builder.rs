//! `IVssCreateWriterMetadata`: builds a Writer Metadata Document.
//!
//! The order of the calls is the order of the elements, as in the documents of Windows. Attributes that Windows leaves
//! out are left out: `recursive` of a file list and `backupSchema` if they say nothing. Refused is what the documents
//! forbid a writer; the error knows the return code of the method ([`DocumentError::hresult`]).

use std::collections::BTreeMap;

use super::error::{DocumentError, DocumentErrorKind as Kind};
use super::shape::{self, ElementRule};
use super::tree::{Element, yes_no};
use super::values::{
    BackupSchema, ComponentFlags, ComponentType, FileSpecBackupType, RestoreMethodKind, SourceType, UsageType,
    WriterRestore,
};
use super::writer_metadata::WriterMetadata;
use crate::component::ComponentId;
use crate::ids::{WriterClassId, WriterInstanceId};

/// A Writer Metadata Document in the making.
#[derive(Clone, Debug)]
pub struct WriterMetadataBuilder {
    class: WriterClassId,
    root: Element,
    /// Where each component stands among the children of BACKUP_LOCATIONS, so that adding many takes no search.
    components: BTreeMap<ComponentId, usize>,
}

/// What `AddComponent` is told. Everything but type and name has the documented default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentSpec {
    /// Database or file group.
    pub component_type: ComponentType,
    /// The logical path; empty stands for NULL, the root.
    pub logical_path: String,
    /// The name.
    pub name: String,
    /// What users are shown.
    pub caption: Option<String>,
    /// The icon, spelt as it is to stand in the document.
    pub icon: Option<String>,
    /// Reserved; should be false.
    pub restore_metadata: bool,
    /// Reserved; should be false.
    pub notify_on_backup_complete: bool,
    /// Whether the component may be left out of a backup.
    pub selectable: bool,
    /// Whether the component can be restored alone.
    pub selectable_for_restore: bool,
    /// The flags.
    pub flags: ComponentFlags,
}

impl ComponentSpec {
    /// A component that is not selectable, without caption, icon and flags.
    #[must_use]
    pub fn new(component_type: ComponentType, logical_path: &str, name: &str) -> ComponentSpec {
        ComponentSpec {
            component_type,
            logical_path: logical_path.to_owned(),
            name: name.to_owned(),
            caption: None,
            icon: None,
            restore_metadata: false,
            notify_on_backup_complete: false,
            selectable: false,
            selectable_for_restore: false,
            flags: ComponentFlags(0),
        }
    }
}

/// What a method that adds files is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// The directory.
    pub path: String,
    /// The file specification.
    pub filespec: String,
    /// Whether the whole tree is meant.
    pub recursive: bool,
    /// Where to back the files up from instead.
    pub alternate_path: Option<String>,
    /// In which backups the files take part.
    pub backup_type: FileSpecBackupType,
}

impl FileSpec {
    /// Files of one directory, in every backup, from a shadow copy.
    #[must_use]
    pub fn new(path: &str, filespec: &str) -> FileSpec {
        FileSpec {
            path: path.to_owned(),
            filespec: filespec.to_owned(),
            recursive: false,
            alternate_path: None,
            backup_type: FileSpecBackupType::DEFAULT,
        }
    }

    /// The same files in the whole tree.
    #[must_use]
    pub fn recursive(self) -> FileSpec {
        FileSpec { recursive: true, ..self }
    }

    /// CMP-DEF-012 and CMP-DEF-013.
    fn checked(&self) -> Result<(), DocumentError> {
        if has_wildcard(&self.path) {
            return Err(DocumentError::refusal(Kind::WildcardInPath { path: self.path.clone() }));
        }
        if self.filespec.contains('\\') {
            return Err(DocumentError::refusal(Kind::BackslashInFilespec { filespec: self.filespec.clone() }));
        }
        Ok(())
    }
}

/// Whether a path holds a wildcard. The `?` of `\\?\` is none: Windows writes such paths (ASR Writer).
pub(crate) fn has_wildcard(path: &str) -> bool {
    path.strip_prefix(r"\\?\").unwrap_or(path).contains(['*', '?'])
}

impl WriterMetadataBuilder {
    pub(crate) fn new(
        class: WriterClassId,
        instance: WriterInstanceId,
        name: &str,
        usage: UsageType,
        source: SourceType,
    ) -> Result<WriterMetadataBuilder, DocumentError> {
        let identification = Element::new(&shape::IDENTIFICATION)
            .having("writerId", &class.0.to_string())
            .having("instanceId", &instance.0.to_string())
            .with("friendlyName", name)?
            .having("usage", usage.word())
            .having("dataSource", source.word())
            .having("majorVersion", "0")
            .having("minorVersion", "0");
        let mut root = Element::new(&shape::WRITER_METADATA)
            .having("xmlns", shape::WRITER_METADATA_NAMESPACE)
            .having("version", shape::VERSION);
        root.push(identification);
        Ok(WriterMetadataBuilder { class, root, components: BTreeMap::new() })
    }

    pub(super) fn from_root(root: Element, class: WriterClassId) -> WriterMetadataBuilder {
        let mut components = BTreeMap::new();
        let locations = root.child(shape::BACKUP_LOCATIONS.name).into_iter().flat_map(Element::elements);
        for (index, element) in locations.enumerate() {
            if element.rule == &shape::DATABASE || element.rule == &shape::FILE_GROUP {
                let id = ComponentId::new(element.text("logicalPath"), element.text("componentName"));
                components.entry(id).or_insert(index);
            }
        }
        WriterMetadataBuilder { class, root, components }
    }

    /// Gives the instance a name and the writer a version (`CVssWriterEx::InitializeEx`).
    ///
    /// # Errors
    /// If the name holds a character that XML does not allow.
    pub fn set_instance(&mut self, name: Option<&str>, version: (u32, u32)) -> Result<(), DocumentError> {
        let old = self.root.child(shape::IDENTIFICATION.name);
        let value = |name| old.map(|e| e.text(name)).unwrap_or_default();
        // Windows writes the name of the instance behind its id.
        let identification = Element::new(&shape::IDENTIFICATION)
            .having("writerId", value("writerId"))
            .having("instanceId", value("instanceId"))
            .with_some("instanceName", name)?
            .having("friendlyName", value("friendlyName"))
            .having("usage", value("usage"))
            .having("dataSource", value("dataSource"))
            .having("majorVersion", &version.0.to_string())
            .having("minorVersion", &version.1.to_string());
        if let Some(first) = self.root.child_mut(0) {
            *first = identification;
        }
        Ok(())
    }

    /// `SetBackupSchema`.
    pub fn set_backup_schema(&mut self, schema: BackupSchema) {
        self.root.put("backupSchema", &schema.0.to_string());
    }

    /// `SetRestoreMethod`. `VSS_RME_UNDEFINED` is accepted, since it is the writer's error (WMD-017) that
    /// [`WriterMetadata::check`] tells.
    ///
    /// # Errors
    /// If it was set before, since a writer has one restore method (RST-MTH-001), or a text cannot stand in XML.
    pub fn set_restore_method(
        &mut self,
        method: RestoreMethodKind,
        service: Option<&str>,
        writer_restore: WriterRestore,
        reboot_required: bool,
    ) -> Result<(), DocumentError> {
        if self.root.child(shape::RESTORE_METHOD.name).is_some() {
            return Err(DocumentError::refusal(Kind::SecondRestoreMethod));
        }
        let element = Element::new(&shape::RESTORE_METHOD)
            .having("method", method.word())
            .with_some("service", service)?
            .having("writerRestore", writer_restore.word())
            .having("rebootRequired", yes_no(reboot_required));
        self.root.push(element);
        Ok(())
    }

    /// `AddAlternateLocationMapping`. That the files equal a file set of a component (WMD-018) is checked at the end,
    /// by [`WriterMetadata::check`]: the method has no return code for it.
    ///
    /// # Errors
    /// If the restore method is not set, or for a path or file specification that is not allowed.
    pub fn add_alternate_location_mapping(&mut self, files: &FileSpec, to: &str) -> Result<(), DocumentError> {
        files.checked()?;
        let mapping = Element::new(&shape::ALTERNATE_LOCATION_MAPPING)
            .with("path", &files.path)?
            .with("filespec", &files.filespec)?
            .having("recursive", yes_no(files.recursive))
            .with("alternatePath", to)?;
        let place = self.root.elements().position(|e| e.rule == &shape::RESTORE_METHOD);
        match place.and_then(|place| self.root.child_mut(place)) {
            Some(method) => method.push(mapping),
            None => return Err(DocumentError::refusal(Kind::NoRestoreMethod)),
        }
        Ok(())
    }

    /// `AddComponent`.
    ///
    /// # Errors
    /// If the pair of logical path and name is taken (CMP-DEF-004), the name is empty or holds a backslash, or the type
    /// is `VSS_CT_UNDEFINED`.
    pub fn add_component(&mut self, spec: &ComponentSpec) -> Result<(), DocumentError> {
        let rule = match spec.component_type {
            ComponentType::Database => &shape::DATABASE,
            ComponentType::FileGroup => &shape::FILE_GROUP,
            ComponentType::Undefined => {
                let value = ComponentType::Undefined.name();
                return Err(DocumentError::refusal(Kind::UndefinedValue { value }));
            }
        };
        if spec.name.contains('\\') {
            return Err(DocumentError::refusal(Kind::BackslashInName { name: spec.name.clone() }));
        }
        let id = ComponentId::new(&spec.logical_path, &spec.name);
        if self.components.contains_key(&id) {
            let (logical_path, name) = (spec.logical_path.clone(), spec.name.clone());
            return Err(DocumentError::refusal(Kind::DuplicateComponent { logical_path, name }));
        }
        let path = Some(&*spec.logical_path).filter(|path| !path.is_empty());
        let element = Element::new(rule)
            .with_some("logicalPath", path)?
            .with("componentName", &spec.name)?
            .with_some("caption", spec.caption.as_deref())?
            .with_some("icon", spec.icon.as_deref())?
            .having("restoreMetadata", yes_no(spec.restore_metadata))
            .having("notifyOnBackupComplete", yes_no(spec.notify_on_backup_complete))
            .having("selectable", yes_no(spec.selectable))
            .having("selectableForRestore", yes_no(spec.selectable_for_restore))
            .having("componentFlags", &spec.flags.0.to_string());
        let index = self.add_location(element);
        self.components.insert(id, index);
        Ok(())
    }

    /// `AddFilesToFileGroup`.
    ///
    /// # Errors
    /// If the component is missing or no file group (CMP-DEF-018), or for a path or file specification that is not
    /// allowed.
    pub fn add_files_to_file_group(&mut self, path: &str, name: &str, files: &FileSpec) -> Result<(), DocumentError> {
        self.add_files(path, name, &shape::FILE_LIST, files)
    }

    /// `AddDatabaseFiles`.
    ///
    /// # Errors
    /// As [`add_files_to_file_group`](Self::add_files_to_file_group), for a database; also recursion or an alternate path
    /// (CMP-DEF-009).
    pub fn add_database_files(&mut self, path: &str, name: &str, files: &FileSpec) -> Result<(), DocumentError> {
        plain(files)?;
        self.add_files(path, name, &shape::DATABASE_FILES, files)
    }

    /// `AddDatabaseLogFiles`.
    ///
    /// # Errors
    /// As [`add_database_files`](Self::add_database_files).
    pub fn add_database_log_files(&mut self, path: &str, name: &str, files: &FileSpec) -> Result<(), DocumentError> {
        plain(files)?;
        self.add_files(path, name, &shape::DATABASE_LOGFILES, files)
    }

    /// `AddExcludeFiles`.
    ///
    /// # Errors
    /// For a path or file specification that is not allowed.
    pub fn add_exclude_files(&mut self, files: &FileSpec) -> Result<(), DocumentError> {
        self.add_exclude(&shape::EXCLUDE_FILES, files)
    }

    /// `AddExcludeFilesFromSnapshot`.
    ///
    /// # Errors
    /// For a path or file specification that is not allowed.
    pub fn add_exclude_files_from_snapshot(&mut self, files: &FileSpec) -> Result<(), DocumentError> {
        self.add_exclude(&shape::EXCLUDE_FILES_FROM_SNAPSHOT, files)
    }

    /// `AddComponentDependency`: the component needs another writer's component.
    ///
    /// # Errors
    /// If the component is missing, or the other writer is this one.
    pub fn add_component_dependency(
        &mut self,
        path: &str,
        name: &str,
        on_writer: WriterClassId,
        on_path: &str,
        on_name: &str,
    ) -> Result<(), DocumentError> {
        if on_writer == self.class {
            return Err(DocumentError::refusal(Kind::DependencyOnItself));
        }
        let dependency = Element::new(&shape::DEPENDENCY)
            .having("writerId", &on_writer.0.to_string())
            .with_some("logicalPath", Some(on_path).filter(|path| !path.is_empty()))?
            .with("componentName", on_name)?;
        self.component_mut(path, name)?.push(dependency);
        Ok(())
    }

    pub(super) fn root(&self) -> &Element {
        &self.root
    }

    /// The component of this logical path and name.
    pub(super) fn component(&self, path: &str, name: &str) -> Option<&Element> {
        let index = *self.components.get(&ComponentId::new(path, name))?;
        let locations = self.root.child(shape::BACKUP_LOCATIONS.name)?;
        locations.children.get(index).map(|element| &**element)
    }

    pub(super) fn root_mut(&mut self) -> &mut Element {
        &mut self.root
    }

    /// The document is done: from here on it is read-only (WMD-003).
    #[must_use]
    pub fn finish(self) -> WriterMetadata {
        WriterMetadata::from_root(self.root)
    }

    fn add_files(
        &mut self,
        path: &str,
        name: &str,
        rule: &'static ElementRule,
        files: &FileSpec,
    ) -> Result<(), DocumentError> {
        files.checked()?;
        let component = self.component_mut(path, name)?;
        if component.rule.child(rule.name).is_none() {
            let kind = Kind::WrongComponentType { element: rule.name, name: name.to_owned() };
            return Err(DocumentError::refusal(kind));
        }
        let element = Element::new(rule)
            .with("path", &files.path)?
            .with("filespec", &files.filespec)?
            .with_some("recursive", files.recursive.then_some("yes"))?
            .with_some("alternatePath", files.alternate_path.as_deref())?
            .having("filespecBackupType", &files.backup_type.0.to_string());
        component.push(element);
        Ok(())
    }

    fn add_exclude(&mut self, rule: &'static ElementRule, files: &FileSpec) -> Result<(), DocumentError> {
        files.checked()?;
        let element = Element::new(rule)
            .with("path", &files.path)?
            .with("filespec", &files.filespec)?
            .having("recursive", yes_no(files.recursive));
        self.add_location(element);
        Ok(())
    }

    /// Adds an element to BACKUP_LOCATIONS, which the first one brings along; answers its place there.
    fn add_location(&mut self, element: Element) -> usize {
        if let Some(locations) = self.locations_mut() {
            locations.push(element);
            return locations.children.len() - 1;
        }
        let mut locations = Element::new(&shape::BACKUP_LOCATIONS);
        locations.push(element);
        self.root.push(locations);
        0
    }

    fn locations_mut(&mut self) -> Option<&mut Element> {
        let place = self.root.elements().position(|e| e.rule == &shape::BACKUP_LOCATIONS)?;
        self.root.child_mut(place)
    }

    fn component_mut(&mut self, path: &str, name: &str) -> Result<&mut Element, DocumentError> {
        let index = self.components.get(&ComponentId::new(path, name)).copied();
        let (logical_path, name) = (path.to_owned(), name.to_owned());
        let missing = || DocumentError::refusal(Kind::NoSuchComponent { logical_path, name });
        let locations = self.locations_mut();
        match (index, locations) {
            (Some(index), Some(locations)) => locations.child_mut(index).ok_or_else(missing),
            _ => Err(missing()),
        }
    }
}

/// CMP-DEF-009: database and log files know neither recursion nor an alternate path.
fn plain(files: &FileSpec) -> Result<(), DocumentError> {
    let attribute = match files {
        FileSpec { recursive: true, .. } => "recursive",
        FileSpec { alternate_path: Some(_), .. } => "alternatePath",
        _ => return Ok(()),
    };
    Err(DocumentError::refusal(Kind::PlainDatabaseFiles { attribute }))
}
