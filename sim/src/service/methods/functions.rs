//! The free functions of vsbackup.h.

use vssim_model::api::MethodCall;
use vssim_model::hresult::HResult;
use vssim_model::time::Ticks;

use super::{Caller, Done};
use crate::service::Service;

impl Service {
    pub(super) fn backup_function(&mut self, _: Caller, _: &MethodCall, _: Ticks) -> Result<Done, HResult> {
        Err(HResult::E_NOTIMPL)
    }
}
