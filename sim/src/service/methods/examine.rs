//! IVssExamineWriterMetadata and what it hands out.

use vssim_model::api::MethodCall;
use vssim_model::hresult::HResult;

use super::{Caller, Done, Object};
use crate::service::Service;

impl Service {
    pub(super) fn examine_method(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        match self.object_of(caller, call)? {
            Object::Filedesc(files) => files.call(call.method.method.name),
            _ => Err(HResult::E_INVALIDARG),
        }
    }
}
