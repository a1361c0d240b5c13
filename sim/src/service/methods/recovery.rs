//! What concerns LUNs, as far as it has an answer on a machine without them; and the two small methods of the later interfaces.

use vssim_model::api::{AsyncId, MethodCall, Out, Value};
use vssim_model::hresult::HResult;
use vssim_model::ids::SnapshotId;
use vssim_model::trace::What;

use super::{Caller, Done};
use crate::plan::ActorId;
use crate::service::{Async, Effect, Service};

impl Service {
    /// ImportSnapshots: the document given to InitializeForBackup says what to import. No provider here takes LUNs in, so nothing is
    /// imported (nf-vsbackup-ivssbackupcomponents-importsnapshots.md).
    pub(super) fn import_snapshots(&mut self, caller: Caller) -> Result<Done, HResult> {
        let (_, object) = self.in_backup(caller)?;
        if object.set.is_some() || object.document.0.snapshot_set_id().is_none() {
            return Err(HResult::VSS_E_BAD_STATE);
        }
        let requester = object.requester;
        let (index, out) = self.new_async(requester);
        self.end_at_once(caller, index, HResult::VSS_E_NO_SNAPSHOTS_IMPORTED);
        Done::ok(out)
    }

    /// AddSnapshotToRecoverySet (nf-vsbackup-ivssbackupcomponentsex3-addsnapshottorecoveryset.md). The system provider resynchronises
    /// no LUN.
    pub(super) fn add_to_recovery_set(&self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let (_, object) = self.in_restore(caller)?;
        let id = SnapshotId(call.guid("snapshotId"));
        let set = object.document.0.snapshot_set_id();
        let of_document = self
            .sets
            .iter()
            .any(|(_, known)| Some(known.id.0) == set && known.shadows.iter().any(|shadow| shadow.id.0 == id));
        if !of_document {
            return Err(HResult::VSS_E_SNAPSHOT_NOT_IN_SET);
        }
        if call.text("pwszDestinationVolume").is_some() {
            // No volume of this machine lies on a LUN of a hardware provider.
            return Err(HResult::VSS_E_VOLUME_NOT_SUPPORTED);
        }
        self.find_copy(id).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        Err(HResult::VSS_E_LEGACY_PROVIDER)
    }

    /// RecoverSet: nothing was ever added (nf-vsbackup-ivssbackupcomponentsex3-recoverset.md).
    pub(super) fn recover_set(&self, caller: Caller) -> Result<Done, HResult> {
        self.living(caller)?;
        Err(HResult::VSS_E_BAD_STATE)
    }

    /// GetSessionId of a requester (nf-vsbackup-ivssbackupcomponentsex3-getsessionid.md).
    pub(super) fn session_of_backup(&self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let (index, _) = self.living(caller)?;
        if call.passes_null("idSession") {
            return Err(HResult::E_POINTER);
        }
        let id = self.session_id(index).ok_or(HResult::VSS_E_BAD_STATE)?;
        Done::ok(Out::values([("idSession", Value::guid(id))]))
    }

    /// GetRootAndLogicalPrefixPaths (nf-vsbackup-ivssbackupcomponentsex4-getrootandlogicalprefixpaths.md; docs/choices.md,
    /// `prefix-paths`).
    pub(super) fn prefix_paths(&self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        self.living(caller)?;
        let path = call.text("pwszFilePath").unwrap_or_default();
        let (root, prefix) = match path.strip_prefix(r"\\") {
            Some(rest) if !rest.starts_with('?') => share_root(rest)?,
            _ => self.volume_root(path)?,
        };
        Done::ok(Out::values([("ppwszRootPath", Value::text(root)), ("ppwszLogicalPrefix", Value::text(prefix))]))
    }

    fn volume_root(&self, path: &str) -> Result<(String, String), HResult> {
        let under = |name: &str| {
            path.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
                && path.get(name.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
        };
        let named = |plan: &crate::plan::VolumePlan| {
            let names = [plan.name.trim_end_matches('\\').to_owned(), plan.id.guid_name()];
            names.into_iter().find(|name| under(name.trim_end_matches('\\')))
        };
        // The longest name: a folder with a volume in it lies on another one.
        let found = self.plan.volumes.iter().filter_map(|plan| Some((named(plan)?, plan.id.guid_name())));
        let (name, prefix) = found.max_by_key(|(name, _)| name.len()).ok_or(HResult::E_INVALIDARG)?;
        Ok((format!("{}\\", name.trim_end_matches('\\')), prefix))
    }

    /// A new IVssAsync of a requester, by index, and how it is handed back.
    pub(super) fn new_async(&mut self, requester: u16) -> (u32, Out) {
        let index = u32::try_from(self.asyncs.len()).unwrap_or(u32::MAX);
        let id = AsyncId(index.saturating_add(1));
        let outcome = HResult::VSS_S_ASYNC_PENDING;
        self.asyncs.push(Async { id, requester, outcome, operation: None, waiting: Vec::new() });
        (index, Out::Async(id))
    }

    /// The operation ends as soon as it begins.
    pub(super) fn end_at_once(&mut self, caller: Caller, index: u32, outcome: HResult) {
        let Some(ended) = self.asyncs.get_mut(index as usize) else { return };
        ended.outcome = outcome;
        let operation = ended.id;
        if let ActorId::Requester(_) = caller.actor {
            self.effect(Effect::Record(caller.actor, What::AsyncEnd { operation, hresult: outcome }));
        }
    }
}

/// Of a path to a share the share is the root, and the prefix as well: where another server keeps it is not known here.
fn share_root(rest: &str) -> Result<(String, String), HResult> {
    let mut parts = rest.split('\\');
    match (parts.next(), parts.next()) {
        (Some(server), Some(share)) if !server.is_empty() && !share.is_empty() => {
            let root = format!(r"\\{server}\{share}\");
            Ok((root.clone(), root))
        }
        _ => Err(HResult::E_INVALIDARG),
    }
}
