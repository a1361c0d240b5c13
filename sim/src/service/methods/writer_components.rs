//! What GetWriterComponents hands back: writers and components of a Backup Components Document, read live.

use vssim_model::documents::{ComponentView, WriterComponents};
use vssim_model::hresult::HResult;

use super::objects::Object;
use crate::service::Service;

#[allow(dead_code, reason = "the interfaces come one by one")]
impl Service {
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
