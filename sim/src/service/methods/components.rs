//! IVssWriterComponents, IVssComponent and its successors.

use vssim_model::api::MethodCall;
use vssim_model::hresult::HResult;

use super::{Caller, Done};
use crate::service::Service;

impl Service {
    pub(super) fn component_method(&mut self, _: Caller, _: &MethodCall) -> Result<Done, HResult> {
        Err(HResult::E_NOTIMPL)
    }
}
