//! IVssBackupComponentsEx3::GetWriterStatusEx.

use vssim_model::api::{MethodCall, Out, Value};
use vssim_model::hresult::HResult;
use vssim_model::tables::Method;

use super::{Caller, Done};
use crate::service::Service;

impl Service {
    /// What GetWriterStatus tells, and what the writer said of its application (nf-vsbackup-ivssbackupcomponentsex3-getwriterstatusex.md).
    pub(super) fn get_writer_status_ex(&self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let at = call.index("iWriter");
        let (index, _) = self.in_use(caller)?;
        self.in_sequence(index, Method::GetWriterStatus)?;
        let statuses = self.objects.get(index).and_then(|object| object.statuses.as_deref()).unwrap_or_default();
        let status = statuses.get(at).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        let writer = self.writer_named(None, status.writer, status.instance);
        let writer = writer.and_then(|writer| self.writers.get(usize::from(writer)));
        let application = writer.and_then(|writer| writer.sessions.seen_from(Some(index)).application.as_ref());
        let code = application.map_or(HResult::S_OK, |application| application.hresult);
        let message = application.and_then(|application| application.message.clone());
        Done::ok(Out::values([
            ("pidInstance", Value::guid(status.instance.0)),
            ("pidWriter", Value::guid(status.writer.0)),
            ("pbstrWriter", Value::text(status.name.clone())),
            ("pnStatus", Value::text(status.state.name())),
            ("phrFailureWriter", Value::text(status.failure.to_string())),
            ("phrApplication", Value::text(code.to_string())),
            ("pbstrApplicationMessage", Value::optional(message)),
        ]))
    }
}
