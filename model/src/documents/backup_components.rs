//! The Backup Components Document: what a requester backs up, and what requester and writers tell each other about it
//! (BCD-001). It names the components that were included explicitly, never files of a component (BCD-002).
//!
//! A new document is empty; a requester and the writers fill it through the setters, each named as the method of
//! `IVssBackupComponents` or `IVssComponent` that does the same. *When* a setter is allowed is the affair of the
//! interfaces (BCD-006 to -008), not of the document. A clone shares the content until one of the two is changed.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::error::{DocumentError, DocumentErrorKind as Kind};
use super::shape;
use super::tree::{Element, Part, yes_no};
use super::values::{BackupSchema, ComponentType, FileRestoreStatus, RestoreTarget, RestoreType};
use super::writer_metadata::guid;
use super::xml;
use crate::api::{BackupType, ComponentName};
use crate::ids::{SnapshotSetId, WriterClassId, WriterInstanceId};

/// A Backup Components Document.
#[derive(Clone, Debug)]
pub struct BackupComponents {
    root: Arc<Element>,
    /// Where each component stands: the writer's place, and its place among the writer's components.
    index: Arc<BTreeMap<ComponentName, (usize, usize)>>,
}

/// `SetBackupState`: what kind of backup this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BackupState {
    /// Whether components are selected one by one.
    pub select_components: bool,
    /// Whether a bootable system state is backed up.
    pub bootable_system_state: bool,
    /// The backup type.
    pub backup_type: BackupType,
    /// Whether the requester can handle partial files.
    pub partial_file_support: bool,
}

impl Default for BackupComponents {
    fn default() -> BackupComponents {
        BackupComponents::new()
    }
}

// The index follows from the tree.
impl PartialEq for BackupComponents {
    fn eq(&self, other: &BackupComponents) -> bool {
        self.root == other.root
    }
}

impl Eq for BackupComponents {}

impl Hash for BackupComponents {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.root.hash(state);
    }
}

impl BackupComponents {
    /// An empty document, as `InitializeForBackup` makes it (BCD-016).
    #[must_use]
    pub fn new() -> BackupComponents {
        let root = Element::new(&shape::BACKUP_COMPONENTS)
            .having("xmlns", shape::BACKUP_COMPONENTS_NAMESPACE)
            .having("version", shape::VERSION);
        BackupComponents::from_root(root)
    }

    /// Reads a document, in UTF-8 or UTF-16.
    ///
    /// # Errors
    /// The first fault, with its line and column.
    pub fn read(bytes: &[u8]) -> Result<BackupComponents, DocumentError> {
        xml::read(bytes, &shape::BACKUP_COMPONENTS).map(BackupComponents::from_root)
    }

    pub(super) fn replace_root(&mut self, root: Element) {
        self.root = Arc::new(root);
    }

    pub(super) fn root(&self) -> &Element {
        &self.root
    }

    pub(super) fn from_root(root: Element) -> BackupComponents {
        let mut index = BTreeMap::new();
        for (w, writer) in root.elements().enumerate() {
            for (c, component) in writer.elements().enumerate() {
                // Of two equal components the first one is meant; `AddComponent` would have refused the second.
                index.entry(ComponentView { writer, element: component }.full_name()).or_insert((w, c));
            }
        }
        BackupComponents { root: Arc::new(root), index: Arc::new(index) }
    }

    /// `SaveAsXML`: the document as Windows writes it, without prolog, without blanks between elements.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut out = String::new();
        self.root.write(&mut out);
        out
    }

    /// Hands over what the document is made of, in its order: what [`to_xml`](Self::to_xml) writes, without the text.
    pub fn visit<'t>(&'t self, mut take: impl FnMut(Part<'t>)) {
        self.root.visit(&mut take);
    }

    /// What kind of backup this is; `None` before it is set (BCD-010).
    #[must_use]
    pub fn backup_state(&self) -> Option<BackupState> {
        let backup_type = self.root.get("backupType").and_then(BackupType::from_word)?;
        Some(BackupState {
            select_components: self.root.yes("selectComponents"),
            bootable_system_state: self.root.yes("bootableSystemStateBackup"),
            backup_type,
            partial_file_support: self.root.yes("partialFileSupport"),
        })
    }

    /// `SetBackupState`.
    pub fn set_backup_state(&mut self, state: BackupState) {
        let root = Arc::make_mut(&mut self.root);
        root.put("bootableSystemStateBackup", yes_no(state.bootable_system_state));
        root.put("selectComponents", yes_no(state.select_components));
        root.put("backupType", state.backup_type.word());
        root.put("partialFileSupport", yes_no(state.partial_file_support));
    }

    /// The shadow copy set of the backup.
    #[must_use]
    pub fn snapshot_set_id(&self) -> Option<SnapshotSetId> {
        self.root.get("snapshotSetId").map(|text| SnapshotSetId(guid(text)))
    }

    /// Sets the shadow copy set of the backup.
    pub fn set_snapshot_set_id(&mut self, id: SnapshotSetId) {
        Arc::make_mut(&mut self.root).put("snapshotSetId", &id.0.to_string());
    }

    /// The restore type; `VSS_RTYPE_UNDEFINED` if it was never set (RST-OPT-014).
    #[must_use]
    pub fn restore_type(&self) -> RestoreType {
        self.root.get("restoreType").and_then(RestoreType::from_word).unwrap_or(RestoreType::Undefined)
    }

    /// `SetRestoreState`.
    pub fn set_restore_state(&mut self, restore_type: RestoreType) {
        Arc::make_mut(&mut self.root).put("restoreType", restore_type.word());
    }

    /// The writers with components in the document (BCD-003, BCD-004).
    pub fn writers(&self) -> impl Iterator<Item = WriterComponents<'_>> {
        self.root.elements().map(|element| WriterComponents { element })
    }

    /// A component.
    #[must_use]
    pub fn component(&self, name: &ComponentName) -> Option<ComponentView<'_>> {
        let (w, c) = *self.index.get(name)?;
        let writer = self.root.children.get(w)?;
        writer.children.get(c).map(|element| ComponentView { writer, element })
    }

    /// `AddComponent`. The backup schema is the one of the writer's metadata, which Windows repeats here.
    ///
    /// # Errors
    /// If the component is there already (page of AddComponent), its name is empty or its type `VSS_CT_UNDEFINED`.
    pub fn add_component(
        &mut self,
        name: &ComponentName,
        component_type: ComponentType,
        schema: BackupSchema,
    ) -> Result<(), DocumentError> {
        if component_type == ComponentType::Undefined {
            return Err(DocumentError::refusal(Kind::UndefinedValue { value: component_type.name() }));
        }
        if self.index.contains_key(name) {
            let (logical_path, name) = (name.logical_path.clone(), name.name.clone());
            return Err(DocumentError::refusal(Kind::DuplicateComponent { logical_path, name }));
        }
        let component = Element::new(&shape::COMPONENT)
            .with_some("logicalPath", Some(&*name.logical_path).filter(|path| !path.is_empty()))?
            .with("componentName", &name.name)?
            .having("componentType", component_type.word());
        let root = Arc::make_mut(&mut self.root);
        let its_writer = root.elements().position(|element| {
            let writer = WriterComponents { element };
            writer.instance() == name.instance && writer.writer() == name.writer
        });
        let place = match its_writer.and_then(|place| Some((place, root.child_mut(place)?))) {
            Some((place, writer)) => {
                writer.push(component);
                (place, writer.children.len() - 1)
            }
            None => {
                let mut writer = Element::new(&shape::WRITER_COMPONENTS)
                    .having("instanceId", &name.instance.0.to_string())
                    .having("writerId", &name.writer.0.to_string())
                    .having("backupSchema", &schema.0.to_string());
                writer.push(component);
                root.push(writer);
                (root.children.len() - 1, 0)
            }
        };
        Arc::make_mut(&mut self.index).insert(name.clone(), place);
        Ok(())
    }

    /// `AddPartialFile`: only these ranges of the file are backed up.
    ///
    /// # Errors
    /// If the component is missing, the file has no name, or a text cannot stand in XML.
    pub fn add_partial_file(
        &mut self,
        component: &ComponentName,
        path: &str,
        filename: &str,
        ranges: &str,
        metadata: Option<&str>,
    ) -> Result<(), DocumentError> {
        let file = Element::new(&shape::PARTIAL_FILE)
            .with("path", path)?
            .with("filename", filename)?
            .with("ranges", ranges)?
            .with_some("metadata", metadata)?;
        self.component_mut(component)?.push(file);
        Ok(())
    }

    /// `AddDifferencedFilesByLastModifyTime`: these files are backed up whole if they changed after a FILETIME.
    ///
    /// # Errors
    /// If the component is missing, there is no file specification, or a text cannot stand in XML.
    pub fn add_differenced_files_by_last_modify_time(
        &mut self,
        component: &ComponentName,
        path: &str,
        filespec: &str,
        recursive: bool,
        last_modify_time: u64,
    ) -> Result<(), DocumentError> {
        let files = Element::new(&shape::DIFFERENCED_FILES)
            .with("path", path)?
            .with("filespec", filespec)?
            .having("recursive", yes_no(recursive))
            .having("lastModifyTime", &last_modify_time.to_string());
        self.component_mut(component)?.push(files);
        Ok(())
    }

    pub(super) fn component_mut(&mut self, name: &ComponentName) -> Result<&mut Element, DocumentError> {
        let missing = || {
            let (logical_path, name) = (name.logical_path.clone(), name.name.clone());
            DocumentError::refusal(Kind::NoSuchComponent { logical_path, name })
        };
        let (w, c) = *self.index.get(name).ok_or_else(missing)?;
        let writer = Arc::make_mut(&mut self.root).child_mut(w).ok_or_else(missing)?;
        writer.child_mut(c).ok_or_else(missing)
    }
}

/// `IVssWriterComponentsExt`: one writer and its components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterComponents<'a> {
    pub(super) element: &'a Element,
}

impl<'a> WriterComponents<'a> {
    /// The writer instance.
    #[must_use]
    pub fn instance(self) -> WriterInstanceId {
        WriterInstanceId(guid(self.element.text("instanceId")))
    }

    /// The writer class.
    #[must_use]
    pub fn writer(self) -> WriterClassId {
        WriterClassId(guid(self.element.text("writerId")))
    }

    /// The backup schema of the writer.
    #[must_use]
    pub fn backup_schema(self) -> BackupSchema {
        BackupSchema(self.element.number("backupSchema", 0))
    }

    /// The components, in the order in which they were added.
    pub fn components(self) -> impl Iterator<Item = ComponentView<'a>> {
        self.element.elements().map(move |element| ComponentView { writer: self.element, element })
    }
}

/// `IVssComponent`: what is known about a component. `None` stands for S_FALSE: nobody set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComponentView<'a> {
    writer: &'a Element,
    pub(super) element: &'a Element,
}

impl<'a> ComponentView<'a> {
    /// Writer, logical path and name.
    #[must_use]
    pub fn full_name(self) -> ComponentName {
        let writer = WriterComponents { element: self.writer };
        ComponentName {
            instance: writer.instance(),
            writer: writer.writer(),
            logical_path: self.element.text("logicalPath").to_owned(),
            name: self.element.text("componentName").to_owned(),
        }
    }

    /// The logical path; empty for the root.
    #[must_use]
    pub fn logical_path(self) -> &'a str {
        self.element.text("logicalPath")
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.element.text("componentName")
    }

    /// Database or file group.
    #[must_use]
    pub fn component_type(self) -> ComponentType {
        ComponentType::from_word(self.element.text("componentType")).unwrap_or(ComponentType::Undefined)
    }

    /// The partial files: path, name, ranges, metadata.
    pub fn partial_files(self) -> impl Iterator<Item = (&'a str, &'a str, &'a str, Option<&'a str>)> {
        self.element
            .children_named(shape::PARTIAL_FILE.name)
            .map(|e| (e.text("path"), e.text("filename"), e.text("ranges"), e.get("metadata")))
    }

    /// The differenced files: path, file specification, recursive, FILETIME.
    pub fn differenced_files(self) -> impl Iterator<Item = (&'a str, &'a str, bool, u64)> {
        self.element.children_named(shape::DIFFERENCED_FILES.name).map(|e| {
            let time = e.text("lastModifyTime").parse().unwrap_or(0);
            (e.text("path"), e.text("filespec"), e.yes("recursive"), time)
        })
    }
}

/// Declares the attributes of a component: setter, getter, attribute, what it is. Each is spelt as the documented
/// method, without `Set` and with a small first letter; no public document shows them.
macro_rules! component_attributes {
    (text { $($tset:ident $tget:ident $tname:literal, $tdoc:literal;)* }
     yes_no { $($bset:ident $bget:ident $bname:literal, $bdoc:literal;)* }
     word { $($wset:ident $wget:ident $wname:literal $wtype:ident, $wdoc:literal;)* }) => {
        impl BackupComponents {
            $(#[doc = concat!("Sets ", $tdoc, ".\n\n# Errors\nIf the component is missing, or the text cannot stand in XML.")]
            pub fn $tset(&mut self, component: &ComponentName, text: &str) -> Result<(), DocumentError> {
                self.component_mut(component)?.set($tname, text)
            })*
            $(#[doc = concat!("Sets ", $bdoc, ".\n\n# Errors\nIf the component is missing.")]
            pub fn $bset(&mut self, component: &ComponentName, value: bool) -> Result<(), DocumentError> {
                self.component_mut(component)?.put($bname, yes_no(value));
                Ok(())
            })*
            $(#[doc = concat!("Sets ", $wdoc, ".\n\n# Errors\nIf the component is missing.")]
            pub fn $wset(&mut self, component: &ComponentName, value: $wtype) -> Result<(), DocumentError> {
                self.component_mut(component)?.put($wname, value.word());
                Ok(())
            })*
        }

        impl<'a> ComponentView<'a> {
            $(#[doc = concat!("Tells ", $tdoc, ".")]
            #[must_use]
            pub fn $tget(self) -> Option<&'a str> {
                self.element.get($tname)
            })*
            $(#[doc = concat!("Tells ", $bdoc, ".")]
            #[must_use]
            pub fn $bget(self) -> Option<bool> {
                self.element.get($bname).map(|word| word == "yes")
            })*
            $(#[doc = concat!("Tells ", $wdoc, ".")]
            #[must_use]
            pub fn $wget(self) -> Option<$wtype> {
                self.element.get($wname).and_then($wtype::from_word)
            })*
        }
    };
}

component_attributes! {
    text {
        set_backup_options backup_options "backupOptions",
            "the private text of the requester for the writer (RST-OPT-016)";
        set_previous_backup_stamp previous_backup_stamp "previousBackupStamp",
            "the stamp of the backup that this one builds on (BCD-012)";
        set_backup_stamp backup_stamp "backupStamp",
            "the stamp that the writer gives this backup (BCD-009)";
        set_backup_metadata backup_metadata "backupMetadata",
            "the writer's private metadata of the backup (BCD-009)";
        set_prepare_for_backup_failure_msg prepare_for_backup_failure_msg "prepareForBackupFailureMsg",
            "why PrepareForBackup failed (BCD-009)";
        set_post_snapshot_failure_msg post_snapshot_failure_msg "postSnapshotFailureMsg",
            "why PostSnapshot failed (BCD-009)";
        set_restore_options restore_options "restoreOptions",
            "the restore options (RST-OPT-001)";
        set_restore_metadata restore_metadata "restoreMetadata",
            "the writer's private metadata of the restore (BCD-009)";
        set_restore_name restore_name "restoreName",
            "the name under which the component is restored";
        set_pre_restore_failure_msg pre_restore_failure_msg "preRestoreFailureMsg",
            "why PreRestore failed (BCD-009)";
        set_post_restore_failure_msg post_restore_failure_msg "postRestoreFailureMsg",
            "why PostRestore failed (BCD-009)";
    }
    yes_no {
        set_backup_succeeded backup_succeeded "backupSucceeded",
            "whether all files of the component were backed up (BCD-013)";
        set_selected_for_restore selected_for_restore "selectedForRestore",
            "whether the component is restored (RST-ORD-025)";
        set_additional_restores additional_restores "additionalRestores",
            "whether more restores follow (RST-ORD-020)";
        set_authoritative_restore authoritative_restore "authoritativeRestore",
            "whether the restore is authoritative (nf-vsbackup-ivssbackupcomponentsex2-setauthoritativerestore.md)";
    }
    word {
        set_restore_target restore_target "restoreTarget" RestoreTarget,
            "where the writer wants its files (RST-MTH-013)";
        set_file_restore_status file_restore_status "fileRestoreStatus" FileRestoreStatus,
            "how the restore of the component went (RST-LOC-021)";
    }
}
