//! CVssWriter and its successors, the free functions of vswriter.h.

use vssim_model::api::MethodCall;
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;

use super::{Caller, Done};
use crate::service::Service;

impl Service {
    pub(super) fn writer_method(&mut self, _: Caller, _: &MethodCall, _: Ticks) -> Result<Done, HResult> {
        Err(HResult::E_NOTIMPL)
    }

    pub(super) fn writer_function(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        self.express_function(caller, call)
    }
}
