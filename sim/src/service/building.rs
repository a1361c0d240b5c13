//! The metadata that a writer builds in its Identify handler, through IVssCreateWriterMetadata.
//!
//! ```text
//! Identify ─► the document of the plan ─► calls, damage ─► the handler returns ─► the writer's document
//! ```
//!
//! The object lives as long as the handler (nl-vswriter-ivsscreatewritermetadata.md). Each Identify begins anew.

use std::sync::Arc;

use vssim_model::documents::{Damage, ExaminedMetadata, WriterMetadata, WriterMetadataBuilder};
use vssim_model::states::WriterEvent;
use vssim_model::trace::DocumentKind;

use super::methods::Object;
use super::{Document, Service, Target};
use crate::plan::{ActorId, MetadataPlan};

/// A document that a writer built.
#[derive(Clone, Debug)]
pub struct Built {
    /// What the service knows of it.
    pub plan: MetadataPlan,
    /// The document for the trace.
    pub document: Arc<Document>,
}

/// A fault for a document in memory, as an actor plants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// The number of the backup components object that a requester uses; 0 for none.
    pub object: u32,
    /// Into which document.
    pub into: PlantedInto,
    /// The fault.
    pub fault: Damage,
}

/// Which document gets a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedInto {
    /// The metadata that was gathered from a writer.
    Gathered(u16),
    /// The metadata that the writer builds at present.
    Built,
    /// The metadata that this object holds.
    Held(u32),
    /// The Backup Components Document.
    BackupComponents,
}

impl Service {
    /// The metadata that a writer gave at its last Identify.
    pub(super) fn current_metadata(&self, writer: u16) -> Option<&MetadataPlan> {
        if self.is_express(writer) {
            return self.express(writer)?.plan.0.as_ref();
        }
        if let Some(built) = self.built.get(&writer) {
            return Some(&built.plan);
        }
        self.planned_metadata(writer, self.version_given(writer)?)
    }

    /// Which of its documents a writer gave at its last Identify; before it gave any, the first.
    pub(super) fn version_given(&self, writer: u16) -> Option<usize> {
        Some(usize::from(self.writers.get(usize::from(writer))?.identified.saturating_sub(1)))
    }

    /// The document that the plan has for an Identify, counted from 0; the last one stays.
    fn planned_metadata(&self, writer: u16, version: usize) -> Option<&MetadataPlan> {
        let documents = &self.plan.writers.get(usize::from(writer))?.documents;
        documents.get(version).or_else(|| documents.last())
    }

    /// The document in the making that belongs to this delivery, or as it begins; none outside of a writer's Identify handler.
    pub(super) fn being_built(&self, delivery: Option<u32>) -> Option<WriterMetadataBuilder> {
        let delivery = delivery?;
        let sent = self.deliveries.get(delivery).filter(|sent| !sent.given_up)?;
        let Target::Writer(writer, WriterEvent::Identify) = sent.to else { return None };
        if let Some(builder) = self.building.get(&delivery) {
            return Some(builder.0.clone());
        }
        let writer = self.writers.get(usize::from(writer)).map(|found| (writer, found))?;
        let begun = &self.planned_metadata(writer.0, usize::from(writer.1.identified))?.document;
        Some(begun.with_instance(writer.1.instance.0).edit())
    }

    /// From here on this is the document in the making.
    pub(super) fn keep_building(&mut self, delivery: u32, builder: WriterMetadataBuilder) {
        self.building.insert(delivery, builder.into());
    }

    /// The handler of an Identify ended: what it built is the writer's document, if it ended well.
    pub(super) fn take_built(&mut self, delivery: u32, writer: u16, well: bool) {
        let Some(builder) = self.building.remove(&delivery).filter(|_| well) else { return };
        self.set_metadata(writer, builder.0.finish());
    }

    /// From here on this is the writer's document.
    fn set_metadata(&mut self, writer: u16, document: WriterMetadata) {
        let text = document.to_xml();
        let built = self.metadata_plan(document);
        let document = Arc::new(Document::new(DocumentKind::WriterMetadata, text.into()));
        self.built.insert(writer, Built { plan: built, document }.into());
    }

    /// What the service knows of a document that it did not have from the plan.
    pub(super) fn metadata_plan(&self, document: WriterMetadata) -> MetadataPlan {
        let volume = |name: &str| {
            let place = self.plan.volumes.iter().position(|volume| volume.name.eq_ignore_ascii_case(name));
            place.and_then(|place| u16::try_from(place).ok())
        };
        MetadataPlan::of(document, None, &self.plan.variables, &volume)
    }

    /// The metadata of a writer as a backup components object holds it.
    pub(super) fn examined_metadata(&self, object: u32, writer: u16) -> Option<ExaminedMetadata> {
        let object = self.objects.get(object)?;
        if let Some(damaged) = object.damaged.get(&writer) {
            return Some(damaged.clone());
        }
        if self.is_express(writer) {
            return Some(self.express(writer)?.metadata.0.clone());
        }
        let instance = self.writers.get(usize::from(writer))?.instance.0;
        Some(ExaminedMetadata::from(&self.current_metadata(writer)?.document.with_instance(instance)))
    }

    /// Plants a fault into a document in memory; answers which kind of document it is.
    pub fn damage(&mut self, actor: ActorId, delivery: Option<u32>, planted: &Planted) -> DocumentKind {
        let fault = &planted.fault;
        match planted.into {
            PlantedInto::BackupComponents => {
                if let Some(object) = self.object_damaged_by(actor, delivery, planted.object)
                    && let Some(object) = self.objects.get_mut(object)
                {
                    object.document.0.damage(fault);
                }
                return DocumentKind::BackupComponents;
            }
            PlantedInto::Gathered(writer) => {
                if let Some(index) = self.object_damaged_by(actor, delivery, planted.object)
                    && let Some(mut document) = self.examined_metadata(index, writer)
                    && let Some(object) = self.objects.get_mut(index)
                {
                    document.damage(fault);
                    object.damaged.insert(writer, document);
                }
            }
            PlantedInto::Built => {
                if let Some((delivery, mut builder)) = delivery.zip(self.being_built(delivery)) {
                    builder.damage(fault);
                    self.keep_building(delivery, builder);
                }
            }
            PlantedInto::Held(object) => match self.held.get_mut(actor, object) {
                Some(Object::Examine(document)) => {
                    document.0.damage(fault);
                }
                Some(Object::ExpressMetadata(builder)) => {
                    builder.0.damage(fault);
                }
                _ => {}
            },
        }
        DocumentKind::WriterMetadata
    }

    /// The backup components object whose documents an actor can reach: a requester's, or that of the backup that a writer
    /// takes part in.
    fn object_damaged_by(&self, actor: ActorId, delivery: Option<u32>, number: u32) -> Option<u32> {
        match actor {
            ActorId::Writer(writer) => self.session_at(writer, delivery),
            _ => self.object_numbered(number).map(|(index, _)| index),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up fails")]

    use vssim_model::documents::BackupSchema;
    use vssim_model::ids::{Guid, WriterInstanceId};

    use super::*;
    use crate::fixture::{Small, small};
    use crate::plan::OpenChoices;

    #[test]
    fn a_writers_metadata_are_those_of_its_last_identify_not_of_its_next() {
        let mut plan =
            small(Small { writers: 1, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap();
        let mut second = plan.writers[0].documents[0].clone();
        let mut builder = second.document.edit();
        builder.set_backup_schema(BackupSchema(2));
        second.document = builder.finish();
        plan.writers[0].documents.push(second);
        let mut service = Service::new(Arc::new(plan), &[WriterInstanceId(Guid(7))]);
        let given = |service: &Service| service.current_metadata(0).unwrap().document.backup_schema().0;
        let mut schemas = vec![given(&service)];
        for _ in 0..3 {
            service.count_identify(0);
            schemas.push(given(&service));
        }
        assert_eq!(schemas, [0, 0, 2, 2]);
    }
}
