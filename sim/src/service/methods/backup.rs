//! A backup's calls that need more than the state table: stored documents, the choice of writers, conditions of the machine.

use std::collections::BTreeSet;

use vssim_model::api::{BackupComponentsCall, ComponentName, MethodCall};
use vssim_model::documents::{BackupComponents, ComponentType, DocumentError};
use vssim_model::event_log;
use vssim_model::hresult::HResult;
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::tables::RequesterGuard;

use crate::service::Service;
use crate::unhashed::Unhashed;

/// Which writers a requester lets take part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WriterChoice {
    /// The classes that EnableWriterClasses named, once it was called: then only those take part.
    enabled: Option<BTreeSet<WriterClassId>>,
    /// The classes that DisableWriterClasses took out since.
    disabled: BTreeSet<WriterClassId>,
    /// The writers with a process that do not take part as instances.
    instances: BTreeSet<u16>,
    /// The instances that DisableWriterInstances named, by which express writers are left out: the number of one that left the store
    /// may be another one's by now. Random; which of them are whose is hashed with the world.
    named: Unhashed<BTreeSet<WriterInstanceId>>,
}

impl WriterChoice {
    /// Whether a writer of this class takes part. A class may be named before a writer of it is there.
    #[must_use]
    pub fn takes_part(&self, writer: u16, class: WriterClassId) -> bool {
        let enabled = self.enabled.as_ref().is_none_or(|enabled| enabled.contains(&class));
        enabled && !self.disabled.contains(&class) && !self.instances.contains(&writer)
    }

    /// Whether an express writer takes part, by number, class and instance.
    pub(in crate::service) fn lets_in(&self, writer: u16, class: WriterClassId, instance: WriterInstanceId) -> bool {
        self.takes_part(writer, class) && !self.named.contains(&instance)
    }

    /// The instances that DisableWriterInstances named.
    pub(in crate::service) fn named(&self) -> &BTreeSet<WriterInstanceId> {
        &self.named
    }
}

impl Service {
    /// InitializeForBackup. A stored document fills the object: what kind of backup it is, and its components, as far as their
    /// writers run here.
    pub(in crate::service) fn initialize_for_backup(&mut self, index: u32, xml: Option<&str>) -> Result<(), HResult> {
        let Some(text) = xml else { return Ok(()) };
        let text = self.text_of_document(text);
        let (document, unreadable) = BackupComponents::read_stored(&text).map_err(|_| self.invalid_document())?;
        let names: Vec<ComponentName> = document
            .writers()
            .flat_map(vssim_model::documents::WriterComponents::components)
            .map(vssim_model::documents::ComponentView::full_name)
            .collect();
        let components = names.iter().filter_map(|name| self.component_of(None, name)).collect();
        let Some(object) = self.objects.get_mut(index) else { return Err(HResult::VSS_E_BAD_STATE) };
        if let Some(state) = document.backup_state() {
            object.backup_state = state;
            object.done.insert(RequesterGuard::BackupStateSet);
        }
        object.document.0 = document;
        object.components = components;
        object.unreadable = unreadable;
        Ok(())
    }

    /// The code for a document that is not valid; details are in the event log, as the pages have it.
    pub(in crate::service) fn invalid_document(&mut self) -> HResult {
        let code = HResult::VSS_E_INVALID_XML_DOCUMENT;
        self.log(event_log::unexpected_error("the reading of a Backup Components Document", code));
        code
    }

    /// EnableWriterClasses: the first call leaves all other classes out and cancels DisableWriterClasses; further ones add.
    pub(in crate::service) fn enable_classes(&mut self, index: u32, classes: &[WriterClassId]) {
        let Some(object) = self.objects.get_mut(index) else { return };
        let choice = &mut object.choice;
        if choice.enabled.is_none() {
            choice.disabled.clear();
        }
        choice.enabled.get_or_insert_default().extend(classes);
        choice.disabled.retain(|class| !classes.contains(class));
    }

    /// DisableWriterClasses: takes the classes out of those that take part.
    pub(in crate::service) fn disable_classes(&mut self, index: u32, classes: &[WriterClassId]) {
        if let Some(object) = self.objects.get_mut(index) {
            object.choice.disabled.extend(classes);
        }
    }

    /// DisableWriterInstances: other instances of the class still take part.
    pub(in crate::service) fn disable_instances(&mut self, index: u32, instances: &[WriterInstanceId]) {
        let is_named = |writer: &u16| self.instance_of(*writer).is_some_and(|instance| instances.contains(&instance));
        let named: Vec<u16> = self.all_writers().into_iter().filter(is_named).collect();
        if let Some(object) = self.objects.get_mut(index) {
            object.choice.instances.extend(named);
            object.choice.named.extend(instances);
        }
    }

    /// Whether the machine and the document allow a call that is in sequence.
    ///
    /// # Errors
    /// The code that the page of the method has for what is not as it should be.
    pub(in crate::service) fn meets_conditions(
        &mut self,
        index: u32,
        call: &BackupComponentsCall,
    ) -> Result<(), HResult> {
        use BackupComponentsCall as B;
        let damaged = self.objects.get(index).is_some_and(|object| object.unreadable.is_some());
        match call {
            B::GatherWriterMetadata | B::GatherWriterStatus if self.writers_unreachable => {
                self.log(event_log::writers_unreachable());
                Err(HResult::VSS_E_WRITER_INFRASTRUCTURE)
            }
            B::BackupComplete if self.writers_unreachable => {
                let code = HResult::VSS_E_UNEXPECTED_WRITER_ERROR;
                self.log(event_log::unexpected_error("raising BackupComplete", code));
                Err(code)
            }
            B::PrepareForBackup if self.writers_unreachable => Err(self.unreachable("PrepareForBackup")),
            B::DoSnapshotSet if self.writers_unreachable && self.has_writers(index) => {
                Err(self.unreachable("PrepareForSnapshot"))
            }
            B::DoSnapshotSet if self.is_nested_in_set(index) => Err(HResult::VSS_E_NESTED_VOLUME_LIMIT),
            B::SetBackupState { .. }
            | B::AddComponent(_)
            | B::SetBackupOptions { .. }
            | B::SetPreviousBackupStamp { .. }
            | B::SetBackupSucceeded { .. }
                if damaged && self.touches_damage(index, call) =>
            {
                Err(self.invalid_document())
            }
            _ => Ok(()),
        }
    }

    /// Whether a call comes to the part of a stored document that cannot be read.
    fn touches_damage(&self, index: u32, call: &BackupComponentsCall) -> bool {
        let unreadable = self.objects.get(index).and_then(|object| object.unreadable);
        let sets_header = matches!(call, BackupComponentsCall::SetBackupState { .. });
        unreadable.is_some_and(|part| (part == vssim_model::documents::Unreadable::Header) == sets_header)
    }

    fn has_writers(&self, index: u32) -> bool {
        self.objects.get(index).is_some_and(|object| self.with_writers(object))
    }

    fn unreachable(&mut self, event: &str) -> HResult {
        let code = self.unexpected();
        self.log(event_log::unexpected_error(&format!("raising {event}"), code));
        code
    }

    /// Whether the component type that a call names is one, and that of the component.
    ///
    /// # Errors
    /// `E_INVALIDARG` for `VSS_CT_UNDEFINED`; for the wrong one of the two types what the page has for a component that is
    /// not there.
    pub(super) fn component_type_fits(&self, call: &MethodCall) -> Result<(), HResult> {
        let parameters = call.method.method.parameters;
        let Some(parameter) = parameters.iter().find(|parameter| parameter.c_type == "VSS_COMPONENT_TYPE") else {
            return Ok(());
        };
        let named = match call.number(parameter.name) {
            1 => ComponentType::Database,
            2 => ComponentType::FileGroup,
            _ => return Err(HResult::E_INVALIDARG),
        };
        let mut writers = self.all_writers().into_iter().chain(self.all_express().map(|(writer, _)| writer));
        let class = WriterClassId(call.guid("writerId"));
        let writer = writers.find(|&writer| self.class_of(writer) == Some(class));
        let of = writer.map(|writer| crate::plan::ComponentOf {
            writer,
            logical_path: call.text("wszLogicalPath").unwrap_or_default().to_owned(),
            name: call.text("wszComponentName").unwrap_or_default().to_owned(),
        });
        let known = of.as_ref().and_then(|of| self.component_plan(of));
        match known {
            Some(known) if known.database != (named == ComponentType::Database) => {
                let missing = call.method.method.documents("VSS_E_OBJECT_NOT_FOUND");
                Err(if missing { HResult::VSS_E_OBJECT_NOT_FOUND } else { HResult::E_INVALIDARG })
            }
            _ => Ok(()),
        }
    }

    /// Writes something about a component that is named by the class of its writer alone: about that of every instance in
    /// the document (SetBackupOptions, SetPreviousBackupStamp).
    pub(in crate::service) fn annotate_class(
        &mut self,
        index: u32,
        name: &ComponentName,
        write: impl Fn(&mut BackupComponents, &ComponentName) -> Result<(), DocumentError>,
    ) -> Result<(), HResult> {
        if name.instance != WriterInstanceId::default() {
            return self.annotate(index, name, write);
        }
        let Some(object) = self.objects.get(index) else { return Err(HResult::VSS_E_BAD_STATE) };
        let of_class = object.document.writers().filter(|writer| writer.writer() == name.writer);
        let instances: Vec<WriterInstanceId> =
            of_class.map(vssim_model::documents::WriterComponents::instance).collect();
        let names = instances.into_iter().map(|instance| ComponentName { instance, ..name.clone() });
        let there: Vec<ComponentName> = names.filter(|name| object.document.component(name).is_some()).collect();
        if there.is_empty() {
            return Err(HResult::VSS_E_OBJECT_NOT_FOUND);
        }
        there.iter().try_for_each(|name| self.annotate(index, name, &write))
    }
}
