//! The documents that the service handles: writers' metadata, the Backup Components Document.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use vssim_model::api::{ComponentName, Out};
use vssim_model::documents::{BackupComponents, BackupSchema, BackupState, ComponentType};
use vssim_model::tables::RequesterGuard;
use vssim_model::trace::DocumentKind;

use super::{Document, Effect, Note, Object, Service};
use crate::plan::{ActorId, ComponentOf, ComponentPlan, FileSet};

impl Document {
    /// A document, with the SHA-256 of its text.
    #[must_use]
    pub fn new(kind: DocumentKind, text: Arc<str>) -> Document {
        let digest = Sha256::digest(text.as_bytes());
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Document { sha256, kind, text }
    }
}

impl Service {
    /// Writes the metadata documents of all writers, with the instance ids of this run.
    pub(crate) fn prepare_documents(&mut self) {
        let plan = Arc::clone(&self.plan);
        let of_writer = |(plan, writer): (&crate::plan::WriterPlan, &super::Writer)| {
            let text = |document: &crate::plan::MetadataPlan| match &document.text {
                Some(text) => Arc::clone(text),
                None => Arc::from(document.document.with_instance(writer.instance.0).to_xml()),
            };
            let document = |plan| Arc::new(Document::new(DocumentKind::WriterMetadata, text(plan)));
            plan.documents.iter().map(document).collect()
        };
        self.documents = plan.writers.iter().zip(&self.writers).map(of_writer).collect();
    }

    /// The document that a writer gave at its last Identify.
    pub(super) fn metadata_of(&self, writer: u16) -> Option<Arc<Document>> {
        let version = usize::from(self.writers.get(usize::from(writer))?.identified);
        let documents = self.documents.get(usize::from(writer))?;
        documents.get(version).or_else(|| documents.last()).cloned()
    }

    /// A component as its writer's metadata describes it.
    #[must_use]
    pub fn component_plan(&self, of: &ComponentOf) -> Option<&ComponentPlan> {
        let version = usize::from(self.writers.get(usize::from(of.writer))?.identified);
        let documents = &self.plan.writers.get(usize::from(of.writer))?.documents;
        let document = documents.get(version).or_else(|| documents.last())?;
        document.components.get(&(of.logical_path.clone(), of.name.clone()))
    }

    /// The file sets of a component.
    #[must_use]
    pub fn files_of(&self, of: &ComponentOf) -> &[FileSet] {
        self.component_plan(of).map(|component| &*component.files).unwrap_or_default()
    }

    /// SaveAsXML: the Backup Components Document goes on record.
    pub(super) fn save_as_xml(&mut self, index: u32) -> Out {
        let Some(object) = self.objects.get(index) else { return Out::Nothing };
        let requester = object.requester;
        let text = self.backup_components(object).to_xml();
        let document = Arc::new(Document::new(DocumentKind::BackupComponents, text.into()));
        let sha256 = document.sha256.clone();
        self.effect(Effect::Document(ActorId::Requester(requester), document));
        Out::Document(sha256)
    }

    fn backup_components(&self, object: &Object) -> BackupComponents {
        let mut document = BackupComponents::new();
        if object.done.contains(&RequesterGuard::BackupStateSet) {
            let (bootable_system_state, partial_file_support) = object.flags;
            document.set_backup_state(BackupState {
                select_components: object.select_components,
                bootable_system_state,
                backup_type: object.backup_type,
                partial_file_support,
            });
        }
        if let Some(set) = object.set.and_then(|set| self.sets.get(set)) {
            document.set_snapshot_set_id(set.id.0);
        }
        for of in &object.components {
            let Some(name) = self.name_of_component(of) else { continue };
            let database = self.component_plan(of).is_some_and(|component| component.database);
            let kind = if database { ComponentType::Database } else { ComponentType::FileGroup };
            // The component was checked when it was added; what a document cannot hold is left out of it.
            let _ = document.add_component(&name, kind, self.schema_of(of.writer));
            if let Some(&succeeded) = object.succeeded.get(of) {
                let _ = document.set_backup_succeeded(&name, succeeded);
            }
        }
        for ((of, note), text) in &object.notes {
            let Some(name) = self.name_of_component(of) else { continue };
            let _ = match note {
                Note::BackupOptions => document.set_backup_options(&name, text),
                Note::PreviousBackupStamp => document.set_previous_backup_stamp(&name, text),
                Note::BackupMetadata => document.set_backup_metadata(&name, text),
                Note::BackupStamp => document.set_backup_stamp(&name, text),
                Note::PrepareForBackupFailureMsg => document.set_prepare_for_backup_failure_msg(&name, text),
                Note::PostSnapshotFailureMsg => document.set_post_snapshot_failure_msg(&name, text),
            };
        }
        document
    }

    fn name_of_component(&self, of: &ComponentOf) -> Option<ComponentName> {
        let class = self.plan.writers.get(usize::from(of.writer))?.class;
        let instance = self.writers.get(usize::from(of.writer))?.instance.0;
        Some(of.named(class, instance))
    }

    fn schema_of(&self, writer: u16) -> BackupSchema {
        let documents = self.plan.writers.get(usize::from(writer)).map(|plan| &plan.documents);
        documents.and_then(|documents| documents.first()).map(|plan| plan.document.backup_schema()).unwrap_or_default()
    }
}
