//! A restore: the stored document, which writers take part, PreRestore and PostRestore.
//!
//! ```text
//! stored document ──► components, with SetSelectedForRestore ──► writers ──PreRestore──► restoring ──PostRestore──► end
//! ```
//!
//! A stored document names the writer instances of the time of the backup. Calls name classes, so a component belongs to
//! a writer by its class; see [`Service::writer_for`] for classes with several instances.

use std::collections::BTreeSet;

use vssim_model::api::ComponentName;
use vssim_model::documents::{BackupComponents, ComponentView, DocumentError, WriterRestore};
use vssim_model::hresult::HResult;
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::states::{WriterEvent, WriterState};

use super::Service;
use crate::plan::{ComponentOf, ServiceDefect};
use crate::unhashed::Unhashed;

impl Service {
    /// InitializeForRestore: the object takes the stored document (RST-ORD-001), given as text or by the SHA-256 that
    /// SaveAsXML gave.
    pub(super) fn initialize_for_restore(&mut self, index: u32, xml: &str) -> Result<(), HResult> {
        let text = self.text_of_document(xml);
        let (document, unreadable) = BackupComponents::read_stored(&text).map_err(|_| self.invalid_document())?;
        let object = self.objects.get_mut(index).ok_or(HResult::VSS_E_BAD_STATE)?;
        if let Some(state) = document.backup_state() {
            object.backup_state = state;
        }
        object.document = Unhashed(document);
        object.unreadable = unreadable;
        object.restored_from = Unhashed(Some(text));
        Ok(())
    }

    /// A component of the stored document, by class, logical path and name. Of two instances of one class the first is
    /// meant: the calls cannot say more.
    pub(super) fn stored(&self, index: u32, class: WriterClassId, path: &str, name: &str) -> Option<ComponentView<'_>> {
        let writers = self.objects.get(index)?.document.writers().filter(|writer| writer.writer() == class);
        let mut components = writers.flat_map(vssim_model::documents::WriterComponents::components);
        components.find(|component| component.logical_path() == path && component.name() == name)
    }

    /// Writes something about a component into a stored document, whichever instance the name given has.
    pub(super) fn annotate_stored(
        &mut self,
        index: u32,
        name: &ComponentName,
        write: impl FnOnce(&mut BackupComponents, &ComponentName) -> Result<(), DocumentError>,
    ) -> Result<(), HResult> {
        let found = self.stored(index, name.writer, &name.logical_path, &name.name);
        let stored = found.ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?.full_name();
        let object = self.objects.get_mut(index).ok_or(HResult::VSS_E_BAD_STATE)?;
        write(&mut object.document.0, &stored).map_err(|_| HResult::E_INVALIDARG)
    }

    /// Whether a writer of the class runs: it answered Identify of this object (SEL-RST-012), or is an express writer that this
    /// object found in the store.
    pub(super) fn runs(&self, index: u32, class: WriterClassId) -> bool {
        self.instances_of(index, class).next().is_some()
    }

    /// The running writers of a class, with their instances.
    pub(super) fn instances_of(
        &self,
        index: u32,
        class: WriterClassId,
    ) -> impl Iterator<Item = (u16, WriterInstanceId)> {
        let identified = self.objects.get(index).map(|object| object.identified.as_slice()).unwrap_or_default();
        identified.iter().filter_map(move |&writer| {
            let instance = self.instance_of(writer)?;
            (self.class_of(writer)? == class).then_some((writer, instance))
        })
    }

    /// The writer that restores a component: the instance that SetSelectedForRestoreEx named; else the instance of the
    /// backup, if it still runs; else one of the class that wants restore events (RST-ORD-027); else any of the class.
    pub(super) fn writer_for(&self, index: u32, component: ComponentView<'_>) -> Option<u16> {
        let name = component.full_name();
        let running: Vec<(u16, WriterInstanceId)> = self.instances_of(index, name.writer).collect();
        let by_instance = |wanted| running.iter().find(|(_, instance)| *instance == wanted).map(|(writer, _)| *writer);
        if let Some(wanted) = component.selected_instance() {
            return by_instance(wanted);
        }
        by_instance(name.instance)
            .or_else(|| running.iter().map(|(writer, _)| *writer).find(|&writer| self.wants_restore(writer)))
            .or_else(|| running.first().map(|(writer, _)| *writer))
    }

    /// Keeps beside the document what is selected: the document has no part in a state's identity.
    pub(super) fn remember_selection(&mut self, index: u32) {
        let Some(object) = self.objects.get(index) else { return };
        let of_writer = |&writer: &u16| {
            let names = self.selected_of(index, writer).into_iter();
            names.map(move |name| ComponentOf { writer, logical_path: name.logical_path, name: name.name })
        };
        let selected: Vec<ComponentOf> = object.identified.iter().flat_map(of_writer).collect();
        if let Some(object) = self.objects.get_mut(index) {
            object.components = selected;
        }
    }

    fn wants_restore(&self, writer: u16) -> bool {
        let method = self.current_metadata(writer).and_then(|metadata| metadata.document.restore_method());
        method.is_some_and(|method| method.writer_restore() != WriterRestore::Never)
    }

    /// The components that a writer restores, by the names that the document has for them.
    pub(super) fn selected_of(&self, index: u32, writer: u16) -> Vec<ComponentName> {
        let Some(object) = self.objects.get(index) else { return Vec::new() };
        let components = object.document.writers().flat_map(vssim_model::documents::WriterComponents::components);
        let selected = components.filter(|component| component.selected_for_restore() == Some(true));
        selected
            .filter(|component| self.writer_for(index, *component) == Some(writer))
            .map(ComponentView::full_name)
            .collect()
    }

    /// PreRestore goes to the writers with a selected component (RST-ORD-009, SEL-RST-011), as far as there is anybody to hear it.
    pub(super) fn raise_pre_restore(&mut self, operation: u32, index: u32) {
        let Some(object) = self.objects.get(index) else { return };
        let mut writers = object.identified.clone();
        let everybody = self.has(ServiceDefect::PreRestoreToAll);
        writers
            .retain(|&writer| !self.is_express(writer) && (everybody || !self.selected_of(index, writer).is_empty()));
        if self.plan.release.restores_one_instance() {
            // Which one is indeterminate in Windows; here it is the first.
            let mut classes = BTreeSet::new();
            writers.retain(|&writer| {
                self.plan.writers.get(usize::from(writer)).is_some_and(|plan| classes.insert(plan.class))
            });
        }
        if self.has(ServiceDefect::PreRestoreSkipsAWriter) {
            writers.pop();
        }
        for writer in writers {
            let Some(instance) = self.writers.get(usize::from(writer)).map(|found| found.instance) else {
                continue;
            };
            if let Some(object) = self.objects.get_mut(index) {
                object.restoring.insert(writer, instance);
            }
            self.raise(Some(operation), index, writer, WriterEvent::PreRestore, None);
        }
    }

    /// PostRestore goes to the writers whose PreRestore went well. One that runs as a new instance by now does not get it,
    /// and PostRestore fails (RST-ORD-031).
    pub(super) fn raise_post_restore(&mut self, operation: u32, index: u32) {
        let Some(object) = self.objects.get(index) else { return };
        for (writer, instance) in object.restoring.clone() {
            let Some(found) = self.writers.get(usize::from(writer)) else { continue };
            if found.instance.0 != instance.0 {
                if let Some(running) = self.operations.get_mut(operation) {
                    running.failure.get_or_insert(HResult::VSS_E_OBJECT_NOT_FOUND);
                }
            } else if self.session_of(writer, index).is_some_and(|at| at.state == WriterState::Stable && !at.silent) {
                self.raise(Some(operation), index, writer, WriterEvent::PostRestore, None);
            }
        }
    }
}
