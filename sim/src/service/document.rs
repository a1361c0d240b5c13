//! The documents that the service handles: writers' metadata, the Backup Components Document.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use vssim_model::api::Out;
use vssim_model::documents::{BackupSchema, WriterMetadata};
use vssim_model::ids::WriterInstanceId;
use vssim_model::text::hex;
use vssim_model::trace::DocumentKind;
use xxhash_rust::xxh3::xxh3_128;

use super::{Document, Effect, Service};
use crate::plan::{ActorId, ComponentOf, ComponentPlan};

impl Document {
    /// A document, with the SHA-256 of its text.
    #[must_use]
    pub fn new(kind: DocumentKind, text: Arc<str>) -> Document {
        let sha256 = hex(&Sha256::digest(text.as_bytes()));
        Document { sha256, kind, text }
    }
}

/// Documents that can be named by their SHA-256: what SaveAsXML handed back, and what requesters kept. Any process may keep them in
/// a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Saved {
    texts: BTreeMap<String, Arc<str>>,
    /// The digests of all names, put together in no order. A name stands for its text.
    digest: u128,
}

impl Saved {
    fn keep(&mut self, sha256: &str, text: &Arc<str>) {
        if self.texts.insert(sha256.to_owned(), Arc::clone(text)).is_none() {
            self.digest ^= xxh3_128(sha256.as_bytes());
        }
    }

    /// Tells this collection from others.
    pub(super) const fn digest(&self) -> u128 {
        self.digest
    }
}

/// The documents of a writer with its instance. One that came from Windows as a text stays as it is.
fn documents(plan: &crate::plan::WriterPlan, instance: WriterInstanceId) -> Vec<Arc<Document>> {
    let text = |document: &crate::plan::MetadataPlan| match &document.text {
        Some(text) => Arc::clone(text),
        None => Arc::from(document.document.with_instance(instance).to_xml()),
    };
    let document = |plan| Arc::new(Document::new(DocumentKind::WriterMetadata, text(plan)));
    plan.documents.iter().map(document).collect()
}

impl Service {
    /// Writes the metadata documents of all writers, with the instance ids of this run.
    pub(crate) fn prepare_documents(&mut self) {
        let plan = Arc::clone(&self.plan);
        let of_writer = |(plan, writer): (&crate::plan::WriterPlan, &super::Writer)| documents(plan, writer.instance.0);
        self.documents = plan.writers.iter().zip(&self.writers).map(of_writer).collect();
    }

    /// A writer is a new instance: what it says of itself names that one.
    pub(super) fn rename_documents(&mut self, writer: u16, instance: WriterInstanceId) {
        let Some(plan) = self.plan.writers.get(usize::from(writer)) else { return };
        let renamed = documents(plan, instance);
        if let Some(documents) = self.documents.get_mut(usize::from(writer)) {
            *documents = renamed;
        }
        self.built.remove(&writer);
    }

    /// The document that a writer gave at its last Identify.
    pub(super) fn metadata_of(&self, writer: u16) -> Option<Arc<Document>> {
        if self.is_express(writer) {
            return Some(Arc::clone(&self.express(writer)?.document.0));
        }
        if let Some(built) = self.built.get(&writer) {
            return Some(Arc::clone(&built.document));
        }
        let version = self.version_given(writer)?;
        let documents = self.documents.get(usize::from(writer))?;
        documents.get(version).or_else(|| documents.last()).cloned()
    }

    /// A component as its writer's metadata describes it.
    #[must_use]
    pub fn component_plan(&self, of: &ComponentOf) -> Option<&ComponentPlan> {
        self.current_metadata(of.writer)?.components.get(&(of.logical_path.clone(), of.name.clone()))
    }

    /// The text of the document that a writer gave at its last Identify.
    #[must_use]
    pub fn metadata_text(&self, writer: u16) -> Option<Arc<str>> {
        self.metadata_of(writer).map(|document| Arc::clone(&document.text))
    }

    /// The document that a writer gave at its last Identify, with the instance that gave it.
    #[must_use]
    pub fn gathered_metadata(&self, writer: u16) -> Option<(WriterInstanceId, &WriterMetadata)> {
        let instance = self.instance_of(writer)?;
        Some((instance, &self.current_metadata(writer)?.document))
    }

    /// SaveAsXML: the Backup Components Document goes on record.
    pub(super) fn save_as_xml(&mut self, index: u32) -> Out {
        let Some(object) = self.objects.get(index) else { return Out::Nothing };
        let (requester, number) = (object.requester, object.number.0);
        let text = object.document.to_xml();
        self.effect(Effect::Saved { object: number, text: text.as_str().into() });
        let sha256 = self.save_document(ActorId::Requester(requester), DocumentKind::BackupComponents, text);
        Out::Document(sha256)
    }

    /// Puts a document on record; answers its SHA-256, by which it is named from then on.
    pub(super) fn save_document(&mut self, actor: ActorId, kind: DocumentKind, text: String) -> String {
        let document = Arc::new(Document::new(kind, text.into()));
        let sha256 = document.sha256.clone();
        self.saved.keep(&sha256, &document.text);
        self.effect(Effect::Document(actor, document));
        sha256
    }

    /// A document that a requester has kept, so that a call can name it by its SHA-256, as SaveAsXML does.
    pub fn keep_document(&mut self, sha256: &str, text: &Arc<str>) {
        self.saved.keep(sha256, text);
    }

    /// A document that a call is given: its text, or the SHA-256 of one that an earlier call handed back.
    pub(super) fn text_of_document(&self, given: &str) -> Arc<str> {
        self.saved.texts.get(given).map_or_else(|| given.into(), Arc::clone)
    }

    pub(super) fn schema_of(&self, writer: u16) -> BackupSchema {
        self.current_metadata(writer).map(|plan| plan.document.backup_schema()).unwrap_or_default()
    }
}
