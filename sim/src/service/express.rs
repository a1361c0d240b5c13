//! Express writers: documents in the express writer metadata store, without a process.
//!
//! ```text
//! Register ──► the store ──► GatherWriterMetadata lists it ──► components, files, restore
//! Unregister ─► gone from the store; a backup or restore that has met it goes on with what it knows
//! ```
//!
//! In a backup an express writer has a number as every writer has: behind those of the plan, the smallest free one. It gets no
//! events (docs/choices.md, `express-writers-in-backups`).

use std::collections::BTreeSet;
use std::sync::Arc;

use vssim_model::api::WriterStatus;
use vssim_model::documents::{ExaminedMetadata, WriterMetadata};
use vssim_model::hresult::HResult;
use vssim_model::ids::{WriterClassId, WriterInstanceId};
use vssim_model::states::WriterState;
use vssim_model::trace::DocumentKind;

use super::{Document, Effect, Object, Service};
use crate::identity::Ids;
use crate::plan::{ActorId, MetadataPlan};
use crate::unhashed::Unhashed;

/// An express writer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Express {
    /// Its class; the store has one of each.
    pub(super) class: WriterClassId,
    /// Whether it is in the store. One that is not stays known to the backups that have met it.
    pub(super) registered: bool,
    /// Its instance, which its document names.
    pub(super) instance: Unhashed<WriterInstanceId>,
    /// Its name.
    name: String,
    /// Its metadata, which may have faults.
    pub(super) metadata: Unhashed<ExaminedMetadata>,
    /// The same for the trace.
    pub(super) document: Unhashed<Arc<Document>>,
    /// Its components; none of a document with faults.
    pub(super) plan: Unhashed<Option<MetadataPlan>>,
}

/// The express writers by place; a place is empty when nobody knows its writer any longer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Store(Vec<Option<Express>>);

impl Service {
    /// The first number that no writer with a process has.
    fn first_express(&self) -> usize {
        self.writers.len()
    }

    /// Whether a writer of this number is an express writer: nobody who could be sent an event.
    pub(super) fn is_express(&self, writer: u16) -> bool {
        usize::from(writer) >= self.first_express()
    }

    /// An express writer, by the number that it has in backups.
    pub(super) fn express(&self, writer: u16) -> Option<&Express> {
        let place = usize::from(writer).checked_sub(self.first_express())?;
        self.store.0.get(place)?.as_ref()
    }

    /// All express writers that anybody knows, with their numbers.
    pub(super) fn all_express(&self) -> impl Iterator<Item = (u16, &Express)> {
        let numbers = self.first_express()..=usize::from(u16::MAX);
        let known = numbers.zip(&self.store.0).filter_map(|(number, place)| Some((number, place.as_ref()?)));
        known.filter_map(|(number, express)| Some((u16::try_from(number).ok()?, express)))
    }

    /// The express writers of the store, with their numbers.
    pub(super) fn registered(&self) -> impl Iterator<Item = (u16, &Express)> {
        self.all_express().filter(|(_, express)| express.registered)
    }

    /// The class of a writer, with a process or without.
    pub(super) fn class_of(&self, writer: u16) -> Option<WriterClassId> {
        match self.plan.writers.get(usize::from(writer)) {
            Some(plan) => Some(plan.class),
            None => Some(self.express(writer)?.class),
        }
    }

    /// The instance of a writer, with a process or without.
    pub(super) fn instance_of(&self, writer: u16) -> Option<WriterInstanceId> {
        match self.writers.get(usize::from(writer)) {
            Some(found) => Some(found.instance.0),
            None => Some(self.express(writer)?.instance.0),
        }
    }

    /// The name of a writer, with a process or without.
    pub(crate) fn name_of(&self, writer: u16) -> Option<&str> {
        match self.plan.writers.get(usize::from(writer)) {
            Some(plan) => Some(&plan.name),
            None => Some(&self.express(writer)?.name),
        }
    }

    /// The number of a writer by class and instance. Of express writers one that the object knows comes first: a text can be
    /// registered again under the instance that it had.
    #[must_use]
    pub fn writer_named(
        &self,
        object: Option<&Object>,
        class: WriterClassId,
        instance: WriterInstanceId,
    ) -> Option<u16> {
        let is = |writer: &u16| self.class_of(*writer) == Some(class) && self.instance_of(*writer) == Some(instance);
        let running = self.all_writers().into_iter().find(is);
        let known = || object.into_iter().flat_map(known_to).filter(|writer| self.is_express(*writer)).find(is);
        let stored = || self.registered().map(|(writer, _)| writer).find(is);
        running.or_else(known).or_else(stored)
    }

    /// Register: the metadata goes into the store.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_ALREADY_EXISTS` if the store has metadata of this class.
    pub(crate) fn register_express(&mut self, metadata: ExaminedMetadata) -> Result<(), HResult> {
        let identity = metadata.identity().map_err(|_| HResult::VSS_E_INVALID_XML_DOCUMENT)?;
        let (class, instance, name) = (identity.writer, identity.instance, identity.name.to_owned());
        if self.registered().any(|(_, express)| express.class == class) {
            return Err(HResult::VSS_E_OBJECT_ALREADY_EXISTS);
        }
        let text = metadata.to_xml();
        let plan = WriterMetadata::read(text.as_bytes()).ok().map(|document| self.metadata_plan(document));
        let document = Arc::new(Document::new(DocumentKind::WriterMetadata, text.into()));
        let express = Express {
            class,
            registered: true,
            instance: instance.into(),
            name,
            metadata: metadata.into(),
            document: document.into(),
            plan: plan.into(),
        };
        match self.store.0.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(express),
            None => self.store.0.push(Some(express)),
        }
        Ok(())
    }

    /// Unregister: the metadata leaves the store.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` if the store has none of this class.
    pub(super) fn unregister_express(&mut self, class: WriterClassId) -> Result<(), HResult> {
        let mut stored = self.store.0.iter_mut().flatten();
        let found = stored.find(|express| express.registered && express.class == class);
        found.ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?.registered = false;
        self.forget_express();
        Ok(())
    }

    /// What is neither in the store nor known to a backup or restore is gone, so that its number is free.
    pub(super) fn forget_express(&mut self) {
        let known: BTreeSet<u16> = self.objects.iter().flat_map(|(_, object)| known_to(object)).collect();
        let first = self.first_express();
        for (number, place) in (first..).zip(&mut self.store.0) {
            let needed = u16::try_from(number).is_ok_and(|number| known.contains(&number));
            place.take_if(|express| !express.registered && !needed);
        }
        while self.store.0.pop_if(|last| last.is_none()).is_some() {}
    }

    /// GatherWriterMetadata: VSS itself answers for the express writers of the store that the requester lets take part. Their
    /// documents go on record. One that left the store stays in the list only if a component of it was added.
    pub(super) fn gather_express(&mut self, index: u32) {
        let Some(object) = self.objects.get(index) else { return };
        let takes_part =
            |(writer, express): &(u16, &Express)| object.choice.lets_in(*writer, express.class, express.instance.0);
        let found: Vec<u16> = self.registered().filter(takes_part).map(|(writer, _)| writer).collect();
        let added = |writer: &u16| object.components.iter().any(|component| component.writer == *writer);
        let gone = |writer: &u16| self.is_express(*writer) && !found.contains(writer) && !added(writer);
        let gone: BTreeSet<u16> = object.identified.iter().copied().filter(gone).collect();
        let documents: Vec<Arc<Document>> =
            found.iter().filter_map(|&writer| Some(Arc::clone(&self.express(writer)?.document.0))).collect();
        if let Some(object) = self.objects.get_mut(index) {
            object.identified.retain(|writer| !gone.contains(writer));
        }
        for document in documents {
            self.effect(Effect::Document(ActorId::Service, document));
        }
        for writer in found {
            self.list_writer(index, writer);
        }
    }

    /// The express writers that a backup or restore leaves out as instances, and how many instances it leaves out.
    pub(crate) fn left_out(&self, object: &Object) -> (usize, Vec<u16>) {
        let named = object.choice.named();
        let of = self.all_express().filter(|(_, express)| named.contains(&express.instance.0));
        (named.len(), of.map(|(writer, _)| writer).collect())
    }

    /// The instances of the writers by number, those of express writers behind the others.
    pub(crate) fn known_instances<'t>(&self) -> Ids<'t> {
        let running = self.writers.iter().map(|writer| writer.instance.0);
        Ids::of(running.chain(self.all_express().map(|(_, express)| express.instance.0)))
    }

    /// The documents of the express writers that anybody knows, by number: what they say decides what is backed up.
    pub(crate) fn express_documents(&self) -> impl Iterator<Item = &str> {
        self.all_express().map(|(_, express)| &*express.document.text)
    }

    /// A writer is in the list of an object from here on: express writers first, then by number.
    pub(super) fn list_writer(&mut self, index: u32, writer: u16) {
        let processes = self.first_express();
        if let Some(object) = self.objects.get_mut(index) {
            object.identified.push(writer);
            object.identified.sort_unstable_by_key(|writer| (usize::from(*writer) < processes, *writer));
            object.identified.dedup();
        }
    }

    /// What GetWriterStatus tells of an express writer: nothing can fail in it. One that left the store is gone as a writer is
    /// whose process ended.
    pub(super) fn express_status(&self, writer: u16) -> Option<WriterStatus> {
        let express = self.express(writer)?;
        let (state, failure) = match express.registered {
            true => (WriterState::Stable, HResult::S_OK),
            false => (WriterState::Unknown, HResult::VSS_E_WRITER_NOT_RESPONDING),
        };
        Some(WriterStatus {
            instance: express.instance.0,
            writer: express.class,
            name: express.name.clone(),
            state,
            failure,
        })
    }
}

/// The writers that a backup or restore knows by their numbers.
fn known_to(object: &Object) -> impl Iterator<Item = u16> {
    let added = object.components.iter().map(|component| component.writer);
    let damaged = object.damaged.keys().copied();
    object.identified.iter().copied().chain(added).chain(damaged)
}
