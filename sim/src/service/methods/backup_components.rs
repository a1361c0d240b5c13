//! IVssBackupComponents and its successors: what is not typed.

use vssim_model::api::MethodCall;
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;

use super::{Caller, Done};
use crate::service::Service;

impl Service {
    pub(super) fn backup_components_method(&mut self, _: Caller, _: &MethodCall, _: Ticks) -> Result<Done, HResult> {
        Err(HResult::E_NOTIMPL)
    }
}
