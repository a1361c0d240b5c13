//! What GetWriterComponents hands back: writers and components of a Backup Components Document, read live.

use vssim_model::api::{MethodCall, Out, Value};
use vssim_model::documents::{ComponentView, WriterComponents};
use vssim_model::hresult::HResult;

use super::objects::Object;
use super::{Caller, Done};
use crate::service::Service;

impl Service {
    /// GetWriterComponentsCount: the writers of which a component is in the document
    /// (nf-vsbackup-ivssbackupcomponents-getwritercomponentscount.md).
    pub(super) fn get_writer_components_count(&self, caller: Caller) -> Result<Done, HResult> {
        let (backup, _) = self.in_use(caller)?;
        let count = self.objects.get(backup).map_or(0, |object| object.document.0.writers().count());
        Done::ok(Out::values([("pcComponents", Value::count(count))]))
    }

    /// GetWriterComponents.
    pub(super) fn get_writer_components(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let (backup, _) = self.in_use(caller)?;
        let writer = call.index("iWriter");
        let there = self.objects.get(backup).is_some_and(|object| object.document.0.writers().nth(writer).is_some());
        if !there {
            return Err(HResult::VSS_E_OBJECT_NOT_FOUND);
        }
        let object = self.hand_out(caller, Object::WriterComponents { backup, writer });
        Done::ok(Out::values([("ppWriter", object)]))
    }

    /// The writer that an [`Object::WriterComponents`] or [`Object::Component`] stands for.
    ///
    /// # Errors
    /// `E_INVALIDARG` for any other object, or if the document is gone (docs/choices.md, S-01).
    pub(super) fn writer_components_at(&self, object: &Object) -> Result<WriterComponents<'_>, HResult> {
        let (Object::WriterComponents { backup, writer } | Object::Component { backup, writer, .. }) = object else {
            return Err(HResult::E_INVALIDARG);
        };
        let found = self.objects.get(*backup).and_then(|found| found.document.0.writers().nth(*writer));
        found.ok_or(HResult::E_INVALIDARG)
    }

    /// The component that an [`Object::Component`] stands for.
    ///
    /// # Errors
    /// As [`Self::writer_components_at`].
    pub(super) fn component_at(&self, object: &Object) -> Result<ComponentView<'_>, HResult> {
        let Object::Component { component, .. } = object else { return Err(HResult::E_INVALIDARG) };
        self.writer_components_at(object)?.components().nth(*component).ok_or(HResult::E_INVALIDARG)
    }
}
