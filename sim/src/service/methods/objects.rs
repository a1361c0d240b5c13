//! The objects that calls hand back: who holds them, and what they are.

use std::collections::BTreeMap;

use vssim_model::api::{MethodCall, Value};
use vssim_model::documents::{ExaminedComponent, ExaminedMetadata, WriterMetadataBuilder};
use vssim_model::hresult::HResult;

use super::Caller;
use super::examine::Dependency;
use super::express::ExpressWriter;
use super::filedesc::Filedesc;
use crate::plan::ActorId;
use crate::service::Service;
use crate::unhashed::Unhashed;

/// An object that a caller holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Object {
    /// IVssExamineWriterMetadata.
    Examine(Unhashed<ExaminedMetadata>),
    /// IVssWMComponent.
    MetadataComponent(Unhashed<ExaminedComponent>),
    /// IVssWriterComponents(Ext): a writer and its components in a Backup Components Document, read live
    /// (nf-vsbackup-ivssbackupcomponents-getwritercomponents.md). A writer gets it with an event.
    WriterComponents {
        /// The backup components object, by its place among the service's.
        backup: u32,
        /// The writer's place in the document.
        writer: usize,
    },
    /// IVssComponent: a component in a Backup Components Document, read live.
    Component {
        /// The backup components object, by its place among the service's.
        backup: u32,
        /// The writer's place in the document.
        writer: usize,
        /// The component's place among the writer's.
        component: usize,
    },
    /// IVssWMFiledesc.
    Filedesc(Filedesc),
    /// IVssEnumObject.
    Enumeration(super::enumeration::Enumeration),
    /// IVssWMDependency.
    Dependency(Dependency),
    /// IVssExpressWriter.
    ExpressWriter(ExpressWriter),
    /// IVssCreateExpressWriterMetadata.
    ExpressMetadata(Unhashed<WriterMetadataBuilder>),
}

impl Object {
    /// The backup components object whose document it shows.
    const fn backup(&self) -> Option<u32> {
        match self {
            Object::WriterComponents { backup, .. } | Object::Component { backup, .. } => Some(*backup),
            _ => None,
        }
    }
}

/// The objects of all processes, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    objects: BTreeMap<u32, (ActorId, Object)>,
    made: u32,
}

impl Held {
    /// All processes are gone.
    pub(in crate::service) fn forget_all(&mut self) {
        self.objects.clear();
    }

    /// An object of an actor's, to be changed.
    pub(in crate::service) fn get_mut(&mut self, holder: ActorId, number: u32) -> Option<&mut Object> {
        self.objects.get_mut(&number).filter(|(known, _)| *known == holder).map(|(_, object)| object)
    }

    /// The process is gone, and all that it held.
    pub(in crate::service) fn forget(&mut self, holder: ActorId) {
        self.objects.retain(|_, (known, _)| *known != holder);
    }

    /// The backup components object is gone, and all that shows its document.
    pub(in crate::service) fn forget_backup(&mut self, backup: u32) {
        self.objects.retain(|_, (_, object)| object.backup() != Some(backup));
    }

    /// What the holder has of this backup's document is no longer good: PrepareForBackup, DoSnapshotSet, BackupComplete,
    /// PreRestore, PostRestore and the release of the backup components object make it invalid
    /// (nf-vsbackup-ivssbackupcomponents-getwritercomponents.md).
    pub(in crate::service) fn invalidate(&mut self, holder: ActorId, backup: u32) {
        self.objects.retain(|_, (known, object)| *known != holder || object.backup() != Some(backup));
    }
}

impl Service {
    /// Hands an object to the caller.
    pub(super) fn hand_out(&mut self, caller: Caller, object: Object) -> Value {
        self.held.made += 1;
        let number = self.held.made;
        self.held.objects.insert(number, (caller.actor, object));
        Value::Object { object: number }
    }

    /// The object that a call is made on.
    ///
    /// # Errors
    /// `E_INVALIDARG` for a pointer to no object of the caller's (docs/choices.md, S-01).
    pub(super) fn object_of(&self, caller: Caller, call: &MethodCall) -> Result<&Object, HResult> {
        let found = call.on.as_object().and_then(|number| self.held.objects.get(&number));
        found.filter(|(holder, _)| *holder == caller.actor).map(|(_, object)| object).ok_or(HResult::E_INVALIDARG)
    }

    /// The object that a call is made on, to be changed.
    ///
    /// # Errors
    /// As [`Self::object_of`].
    pub(super) fn object_of_mut(&mut self, caller: Caller, call: &MethodCall) -> Result<&mut Object, HResult> {
        let found = call.on.as_object().and_then(|number| self.held.objects.get_mut(&number));
        found.filter(|(holder, _)| *holder == caller.actor).map(|(_, object)| object).ok_or(HResult::E_INVALIDARG)
    }
}
