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
    /// IVssWMFiledesc.
    Filedesc(Filedesc),
    /// IVssWMDependency.
    Dependency(Dependency),
    /// IVssExpressWriter.
    ExpressWriter(ExpressWriter),
    /// IVssCreateExpressWriterMetadata.
    ExpressMetadata(Unhashed<WriterMetadataBuilder>),
}

/// The objects of all processes, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    objects: BTreeMap<u32, (ActorId, Object)>,
    made: u32,
}

impl Held {
    /// An object of an actor's, to be changed.
    pub(in crate::service) fn get_mut(&mut self, holder: ActorId, number: u32) -> Option<&mut Object> {
        self.objects.get_mut(&number).filter(|(known, _)| *known == holder).map(|(_, object)| object)
    }

    /// The process is gone, and all that it held.
    pub(in crate::service) fn forget(&mut self, holder: ActorId) {
        self.objects.retain(|_, (known, _)| *known != holder);
    }
}

#[allow(dead_code, reason = "the interfaces come one by one")]
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
