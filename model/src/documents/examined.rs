//! A Writer Metadata Document as the interfaces show it: looked at piece by piece.
//!
//! Loading asks for XML and for the root element of the right kind. Everything below is asked for when it is read: a
//! getter answers with a fault exactly if what it reads is faulty (docs/choices.md, `lazy-documents`). [`WriterMetadata`]
//! is the document for everybody else, and refuses the first fault.

use std::sync::Arc;

use super::encoding::decode;
use super::error::DocumentError;
use super::shape;
use super::tree::Element;
use super::values::{ComponentType, FileSpecBackupType, RestoreMethodKind, SourceType, UsageType, WriterRestore};
use super::writer_metadata::{WriterMetadata, guid};
use super::xml;
use crate::ids::{WriterClassId, WriterInstanceId};

/// A Writer Metadata Document that may have faults below its root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExaminedMetadata {
    root: Arc<Element>,
    /// The text that it was loaded from, until it is changed.
    text: Option<Arc<str>>,
}

/// Who a writer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The instance.
    pub instance: WriterInstanceId,
    /// The class.
    pub writer: WriterClassId,
    /// The writer's name.
    pub name: &'a str,
    /// How its data are used.
    pub usage: UsageType,
    /// Where they come from.
    pub source: SourceType,
}

/// How a writer's data are restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExaminedRestoreMethod<'a> {
    /// The method.
    pub method: RestoreMethodKind,
    /// The service.
    pub service: Option<&'a str>,
    /// Reserved.
    pub user_procedure: Option<&'a str>,
    /// Whether the writer takes part.
    pub writer_restore: WriterRestore,
    /// Whether a reboot is needed.
    pub reboot_required: bool,
    /// How many alternate location mappings there are.
    pub mappings: usize,
}

/// What a component says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentInfo<'a> {
    /// Database or file group.
    pub component_type: ComponentType,
    /// The logical path.
    pub logical_path: Option<&'a str>,
    /// The name.
    pub name: &'a str,
    /// What users are shown.
    pub caption: Option<&'a str>,
    /// The icon, as the document spells it.
    pub icon: Option<&'a str>,
    /// Whether it has private metadata for restore.
    pub restore_metadata: bool,
    /// Reserved.
    pub notify_on_backup_complete: bool,
    /// Whether it may be left out of a backup.
    pub selectable: bool,
    /// Whether it can be restored alone.
    pub selectable_for_restore: bool,
    /// The flags.
    pub flags: u32,
    /// File sets of a file group.
    pub files: usize,
    /// File sets of a database.
    pub databases: usize,
    /// File sets of a database's logs.
    pub log_files: usize,
    /// Dependencies.
    pub dependencies: usize,
}

impl ExaminedMetadata {
    /// Loads a document, in UTF-8 or UTF-16.
    ///
    /// # Errors
    /// If it is no XML ([`DocumentError::is_no_xml`]), or its root element is not that of a Writer Metadata Document.
    pub fn load(bytes: &[u8]) -> Result<ExaminedMetadata, DocumentError> {
        let text = decode(bytes)?;
        let root = xml::read_loosely(&text, &shape::WRITER_METADATA)?;
        root.sound_attribute_list(&["xmlns", "version"])?;
        Ok(ExaminedMetadata { root: Arc::new(root), text: Some(text.as_ref().into()) })
    }

    /// That the root element is what loading asks for.
    ///
    /// # Errors
    /// The first fault.
    pub fn sound_root(&self) -> Result<(), DocumentError> {
        self.root.sound_attribute_list(&["xmlns", "version"])
    }

    /// That everything is as it must be.
    ///
    /// # Errors
    /// The first fault.
    pub fn sound(&self) -> Result<(), DocumentError> {
        self.root.sound_all()
    }

    /// The document as it was loaded; as Windows writes it, if it was changed since.
    #[must_use]
    pub fn to_xml(&self) -> String {
        if let Some(text) = &self.text {
            return text.as_ref().to_owned();
        }
        let mut out = String::new();
        self.root.write(&mut out);
        out
    }

    pub(super) fn root_mut(&mut self) -> &mut Element {
        self.text = None;
        Arc::make_mut(&mut self.root)
    }

    /// `GetIdentity`.
    ///
    /// # Errors
    /// What is faulty of it.
    pub fn identity(&self) -> Result<Identity<'_>, DocumentError> {
        let element = self.identification()?;
        Ok(Identity {
            instance: WriterInstanceId(guid(element.sound_text("instanceId")?)),
            writer: WriterClassId(guid(element.sound_text("writerId")?)),
            name: element.sound_text("friendlyName")?,
            usage: UsageType::from_word(element.sound_text("usage")?).unwrap_or(UsageType::Undefined),
            source: SourceType::from_word(element.sound_text("dataSource")?).unwrap_or(SourceType::Undefined),
        })
    }

    /// The instance name, of `GetIdentityEx`.
    ///
    /// # Errors
    /// What is faulty of it.
    pub fn instance_name(&self) -> Result<Option<&str>, DocumentError> {
        self.identification()?.sound("instanceName")
    }

    /// `GetVersion`.
    ///
    /// # Errors
    /// What is faulty of it.
    pub fn writer_version(&self) -> Result<(u32, u32), DocumentError> {
        let element = self.identification()?;
        Ok((element.sound_number("majorVersion", 0)?, element.sound_number("minorVersion", 0)?))
    }

    fn identification(&self) -> Result<&Element, DocumentError> {
        let name = shape::IDENTIFICATION.name;
        self.root.sound_child(name)?.ok_or_else(|| DocumentError::missing(name, self.root.rule.name))
    }

    /// `GetBackupSchema`.
    ///
    /// # Errors
    /// If the mask is no number.
    pub fn backup_schema(&self) -> Result<u32, DocumentError> {
        self.root.sound_number("backupSchema", 0)
    }

    /// Components, excluded file sets and what else the writer lists.
    fn locations(&self) -> Result<impl Iterator<Item = &Arc<Element>>, DocumentError> {
        let locations = self.root.sound_child(shape::BACKUP_LOCATIONS.name)?;
        if let Some(locations) = locations {
            locations.sound_children()?;
        }
        Ok(locations.into_iter().flat_map(|locations| &locations.children))
    }

    /// The components.
    ///
    /// # Errors
    /// If the list is faulty; the components themselves are not asked.
    pub fn components(&self) -> Result<impl Iterator<Item = ExaminedComponent>, DocumentError> {
        let is = |element: &&Arc<Element>| matches!(element.rule.name, "DATABASE" | "FILE_GROUP");
        Ok(self.locations()?.filter(is).map(|element| ExaminedComponent { element: Arc::clone(element) }))
    }

    /// The file sets left out of every backup.
    ///
    /// # Errors
    /// If the list is faulty.
    pub fn excludes(&self) -> Result<impl Iterator<Item = ExaminedFiles<'_>>, DocumentError> {
        self.listed(shape::EXCLUDE_FILES.name)
    }

    /// The file sets that the writer deletes from the shadow copy.
    ///
    /// # Errors
    /// If the list is faulty.
    pub fn excludes_from_snapshot(&self) -> Result<impl Iterator<Item = ExaminedFiles<'_>>, DocumentError> {
        self.listed(shape::EXCLUDE_FILES_FROM_SNAPSHOT.name)
    }

    fn listed(&self, name: &'static str) -> Result<impl Iterator<Item = ExaminedFiles<'_>>, DocumentError> {
        let named = move |element: &&Arc<Element>| element.rule.name == name;
        Ok(self.locations()?.filter(named).map(|element| ExaminedFiles { element }))
    }

    /// `GetRestoreMethod`; none if the document has none.
    ///
    /// # Errors
    /// What is faulty of it.
    pub fn restore_method(&self) -> Result<Option<ExaminedRestoreMethod<'_>>, DocumentError> {
        let Some(element) = self.root.sound_child(shape::RESTORE_METHOD.name)? else { return Ok(None) };
        element.sound_children()?;
        let (method, writer_restore) = (element.sound_text("method")?, element.sound_text("writerRestore")?);
        Ok(Some(ExaminedRestoreMethod {
            method: RestoreMethodKind::from_word(method).unwrap_or(RestoreMethodKind::Undefined),
            service: element.sound("service")?,
            user_procedure: element.sound("userProcedure")?,
            writer_restore: WriterRestore::from_word(writer_restore).unwrap_or(WriterRestore::Undefined),
            reboot_required: element.sound_flag("rebootRequired")?,
            mappings: element.children.len(),
        }))
    }

    /// The alternate location mappings.
    ///
    /// # Errors
    /// If the list is faulty.
    pub fn mappings(&self) -> Result<impl Iterator<Item = ExaminedFiles<'_>>, DocumentError> {
        let element = self.root.sound_child(shape::RESTORE_METHOD.name)?;
        if let Some(element) = element {
            element.sound_children()?;
        }
        Ok(element.into_iter().flat_map(Element::elements).map(|element| ExaminedFiles { element }))
    }
}

impl From<&WriterMetadata> for ExaminedMetadata {
    fn from(document: &WriterMetadata) -> ExaminedMetadata {
        ExaminedMetadata { root: document.shared_root(), text: None }
    }
}

/// A component that may have faults.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExaminedComponent {
    element: Arc<Element>,
}

impl ExaminedComponent {
    /// `GetComponentInfo`.
    ///
    /// # Errors
    /// What is faulty of it.
    pub fn info(&self) -> Result<ComponentInfo<'_>, DocumentError> {
        let element = &self.element;
        element.sound_children()?;
        let count = |name: &'static str| element.children_named(name).count();
        let database = element.rule == &shape::DATABASE;
        Ok(ComponentInfo {
            component_type: if database { ComponentType::Database } else { ComponentType::FileGroup },
            logical_path: element.sound("logicalPath")?,
            name: element.sound_text("componentName")?,
            caption: element.sound("caption")?,
            icon: element.sound("icon")?,
            restore_metadata: element.sound_flag("restoreMetadata")?,
            notify_on_backup_complete: element.sound_flag("notifyOnBackupComplete")?,
            selectable: element.sound_flag("selectable")?,
            selectable_for_restore: element.sound_flag("selectableForRestore")?,
            flags: element.sound_number("componentFlags", 0)?,
            files: count(shape::FILE_LIST.name),
            databases: count(shape::DATABASE_FILES.name),
            log_files: count(shape::DATABASE_LOGFILES.name),
            dependencies: count(shape::DEPENDENCY.name),
        })
    }

    /// The file sets of a file group.
    ///
    /// # Errors
    /// If the list is faulty.
    pub fn files(&self) -> Result<impl Iterator<Item = ExaminedFiles<'_>>, DocumentError> {
        self.parts(shape::FILE_LIST.name)
    }

    /// The file sets of a database.
    ///
    /// # Errors
    /// If the list is faulty.
    pub fn database_files(&self) -> Result<impl Iterator<Item = ExaminedFiles<'_>>, DocumentError> {
        self.parts(shape::DATABASE_FILES.name)
    }

    /// The file sets of a database's logs.
    ///
    /// # Errors
    /// If the list is faulty.
    pub fn database_log_files(&self) -> Result<impl Iterator<Item = ExaminedFiles<'_>>, DocumentError> {
        self.parts(shape::DATABASE_LOGFILES.name)
    }

    /// The components that it depends on.
    ///
    /// # Errors
    /// If the list is faulty.
    pub fn dependencies(&self) -> Result<impl Iterator<Item = ExaminedDependency<'_>>, DocumentError> {
        self.element.sound_children()?;
        Ok(self.element.children_named(shape::DEPENDENCY.name).map(|element| ExaminedDependency { element }))
    }

    fn parts(&self, name: &'static str) -> Result<impl Iterator<Item = ExaminedFiles<'_>>, DocumentError> {
        self.element.sound_children()?;
        Ok(self.element.children_named(name).map(|element| ExaminedFiles { element }))
    }
}

/// A file set that may have faults. Parts, which no file set has, are a fault of all that it says.
#[derive(Clone, Copy, Debug)]
pub struct ExaminedFiles<'a> {
    element: &'a Element,
}

impl<'a> ExaminedFiles<'a> {
    /// The directory.
    ///
    /// # Errors
    /// If it is missing.
    pub fn path(self) -> Result<&'a str, DocumentError> {
        self.element.sound_children()?;
        self.element.sound_text("path")
    }

    /// The file specification.
    ///
    /// # Errors
    /// If it is missing or empty.
    pub fn filespec(self) -> Result<&'a str, DocumentError> {
        self.element.sound_children()?;
        self.element.sound_text("filespec")
    }

    /// Whether the whole tree is meant.
    ///
    /// # Errors
    /// If that is neither yes nor no.
    pub fn recursive(self) -> Result<bool, DocumentError> {
        self.element.sound_children()?;
        self.element.sound_flag("recursive")
    }

    /// The alternate path or location.
    ///
    /// # Errors
    /// If a mapping lacks it.
    pub fn alternate_path(self) -> Result<Option<&'a str>, DocumentError> {
        self.element.sound_children()?;
        self.element.sound("alternatePath")
    }

    /// In which backups the files take part.
    ///
    /// # Errors
    /// If that is no number.
    pub fn backup_type(self) -> Result<u32, DocumentError> {
        self.element.sound_children()?;
        self.element.sound_number("filespecBackupType", FileSpecBackupType::DEFAULT.0)
    }
}

/// A dependency that may have faults. Parts, which no dependency has, are a fault of all that it says.
#[derive(Clone, Copy, Debug)]
pub struct ExaminedDependency<'a> {
    element: &'a Element,
}

impl<'a> ExaminedDependency<'a> {
    /// The class of the other writer.
    ///
    /// # Errors
    /// If it is missing or no GUID.
    pub fn writer(self) -> Result<WriterClassId, DocumentError> {
        self.element.sound_children()?;
        self.element.sound_text("writerId").map(|text| WriterClassId(guid(text)))
    }

    /// The logical path of its component.
    ///
    /// # Errors
    /// If the dependency has parts, which it cannot have.
    pub fn logical_path(self) -> Result<Option<&'a str>, DocumentError> {
        self.element.sound_children()?;
        self.element.sound("logicalPath")
    }

    /// The name of its component.
    ///
    /// # Errors
    /// If it is missing or empty.
    pub fn component_name(self) -> Result<&'a str, DocumentError> {
        self.element.sound_children()?;
        self.element.sound_text("componentName")
    }
}
